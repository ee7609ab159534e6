/* The system's file calls behind the seam: interrupted calls are repeated, errno becomes the result. */
#include "log/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_MODE  0700
#define FILE_MODE 0600

static int result(int rc)
{
    return rc < 0 ? -errno : rc;
}

static int system_mkdir(void *ctx, const char *path)
{
    (void)ctx;
    return result(mkdir(path, DIR_MODE));
}

static int system_rmdir(void *ctx, const char *path)
{
    (void)ctx;
    return result(rmdir(path));
}

static int system_open_dir(void *ctx, const char *path)
{
    (void)ctx;
    return result(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int system_lock(void *ctx, int dir)
{
    (void)ctx;
    int rc;
    do {
        rc = result(flock(dir, LOCK_EX | LOCK_NB));
    } while (rc == -EINTR);
    return rc;
}

static int system_sync_dir(void *ctx, int dir)
{
    (void)ctx;
    return result(fsync(dir));
}

static int system_list(void *ctx, const char *path, void (*each)(const char *name, void *arg), void *arg)
{
    (void)ctx;
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, NULL);
    if (count < 0)
        return -errno;
    for (int i = 0; i < count; i++) {
        if (strcmp(entries[i]->d_name, ".") != 0 && strcmp(entries[i]->d_name, "..") != 0)
            each(entries[i]->d_name, arg);
        free(entries[i]);
    }
    free((void *)entries);
    return 0;
}

static int system_open(void *ctx, const char *path, unsigned flags)
{
    (void)ctx;
    int how = O_CLOEXEC | (flags & LOG_IO_WRITE ? O_RDWR : O_RDONLY);
    if (flags & LOG_IO_CREATE)
        how |= O_CREAT | O_EXCL;
    return result(open(path, how, FILE_MODE));
}

static int system_close(void *ctx, int fd)
{
    (void)ctx;
    return result(close(fd));
}

static int64_t system_size(void *ctx, const char *path)
{
    (void)ctx;
    struct stat info;
    if (stat(path, &info) < 0)
        return -errno;
    return S_ISREG(info.st_mode) ? (int64_t)info.st_size : -EINVAL;
}

static int64_t system_pwritev(void *ctx, int fd, const struct iovec *parts, int count, uint64_t position)
{
    (void)ctx;
    ssize_t put;
    do {
        put = pwritev(fd, parts, count, (off_t)position);
    } while (put < 0 && errno == EINTR);
    return put < 0 ? -errno : put;
}

static int64_t system_pread(void *ctx, int fd, void *out, size_t len, uint64_t position, bool nowait)
{
    (void)ctx;
    ssize_t got;
    do {
        struct iovec part = {out, len};
        got = nowait ? preadv2(fd, &part, 1, (off_t)position, RWF_NOWAIT)
                     : pread(fd, out, len, (off_t)position);
    } while (got < 0 && errno == EINTR);
    /* A file system that cannot tell has to be asked with waiting. */
    if (got < 0 && nowait && (errno == EOPNOTSUPP || errno == ENOSYS))
        return -EAGAIN;
    return got < 0 ? -errno : got;
}

static void system_writeback(void *ctx, int fd, uint64_t position, uint64_t len)
{
    (void)ctx;
    (void)sync_file_range(fd, (off_t)position, (off_t)len, SYNC_FILE_RANGE_WRITE);
}

/* Not repeated, even when interrupted: what a failed call has thrown away, a second one cannot sync. */
static int system_fdatasync(void *ctx, int fd)
{
    (void)ctx;
    return result(fdatasync(fd));
}

static int system_fallocate(void *ctx, int fd, uint64_t position, uint64_t len)
{
    (void)ctx;
    int rc;
    do {
        rc = result(fallocate(fd, 0, (off_t)position, (off_t)len));
    } while (rc == -EINTR);
    return rc;
}

static int system_ftruncate(void *ctx, int fd, uint64_t len)
{
    (void)ctx;
    int rc;
    do {
        rc = result(ftruncate(fd, (off_t)len));
    } while (rc == -EINTR);
    return rc;
}

static int system_rename(void *ctx, const char *from, const char *to)
{
    (void)ctx;
    return result(rename(from, to));
}

static int system_unlink(void *ctx, const char *path)
{
    (void)ctx;
    return result(unlink(path));
}

const struct log_io log_io_system = {
    .mkdir = system_mkdir,
    .rmdir = system_rmdir,
    .open_dir = system_open_dir,
    .lock = system_lock,
    .sync_dir = system_sync_dir,
    .list = system_list,
    .open = system_open,
    .close = system_close,
    .size = system_size,
    .pwritev = system_pwritev,
    .pread = system_pread,
    .writeback = system_writeback,
    .fdatasync = system_fdatasync,
    .fallocate = system_fallocate,
    .ftruncate = system_ftruncate,
    .rename = system_rename,
    .unlink = system_unlink,
};
