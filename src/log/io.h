/* The seam between the log and the system: one call for each thing it asks of a file system. Tests bring a disk of
 * their own that fails, loses what was not synced, and is slow.
 *
 * Numbers are what the system calls give, or -errno. Paths are whole; a directory's descriptor serves for locking
 * and syncing. Thread: any. */
#ifndef LOG_IO_H
#define LOG_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define LOG_IO_CREATE 1u /* the file must not exist */
#define LOG_IO_WRITE  2u /* for reading and writing; else for reading */

struct log_io {
    void *ctx;
    int (*mkdir)(void *ctx, const char *path);
    int (*rmdir)(void *ctx, const char *path);
    int (*open_dir)(void *ctx, const char *path);
    int (*lock)(void *ctx, int dir); /* until the descriptor is closed; -EWOULDBLOCK: another one holds it */
    int (*sync_dir)(void *ctx, int dir);
    /* Calls `each` for every name but . and .. */
    int (*list)(void *ctx, const char *path, void (*each)(const char *name, void *arg), void *arg);
    int (*open)(void *ctx, const char *path, unsigned flags);
    int (*close)(void *ctx, int fd);
    int64_t (*size)(void *ctx, const char *path);
    int64_t (*pwritev)(void *ctx, int fd, const struct iovec *parts, int count, uint64_t position);
    /* nowait: -EAGAIN where it would have to wait for the disk */
    int64_t (*pread)(void *ctx, int fd, void *out, size_t len, uint64_t position, bool nowait);
    /* Begins to write to the disk what a sync will wait for. May be NULL; failures are the sync's to tell. */
    void (*writeback)(void *ctx, int fd, uint64_t position, uint64_t len);
    int (*fdatasync)(void *ctx, int fd);
    int (*fallocate)(void *ctx, int fd, uint64_t position, uint64_t len); /* zeros; the file grows */
    int (*ftruncate)(void *ctx, int fd, uint64_t len);
    int (*rename)(void *ctx, const char *from, const char *to);
    int (*unlink)(void *ctx, const char *path);
};

extern const struct log_io log_io_system;

#endif
