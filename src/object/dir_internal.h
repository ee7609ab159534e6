/* The parts of the directory store: a bucket and its lock, writing, reading, listing. All of it blocks and runs on the store's
 * workers; several at a time, also in several processes. `err` is never NULL here. */
#ifndef OBJECT_DIR_INTERNAL_H
#define OBJECT_DIR_INTERNAL_H

#include "object/dir_path.h"
#include "object/object_internal.h"

#include <sys/stat.h>

#define DIR_ETAG_BYTES 64

/* ---- Buckets (dir_bucket.c) ------------------------------------------------------------------------------ */

struct dir_bucket {
    char *path; /* for texts */
    int fd;     /* of its directory */
    int lock;   /* -1: not held */
};

/* make: it is made if it is not there. Errors: ERR_NOT_FOUND, those of the system. */
bool dir_bucket_open(const char *root, struct str name, bool make, struct dir_bucket *out, struct error *err);
void dir_bucket_close(struct dir_bucket *bucket); /* gives the lock back, too */

/* What changes names in a bucket does it under this lock, which excludes other threads and processes. */
bool dir_bucket_lock(struct dir_bucket *bucket, struct error *err);

/* Makes the directories above `path` durable, and moves an object that is in their way beside. Under the lock. */
bool dir_make_parents(struct dir_bucket *bucket, const char *path, struct error *err);
/* fsync of the directory that holds `path`. */
bool dir_sync_parent(const struct dir_bucket *bucket, const char *path, struct error *err);

/* Opens the object's file; *path says where it is (appended). ERR_NOT_FOUND if there is none. */
int dir_object_open(const struct dir_bucket *bucket, struct str key, struct buf *path, struct stat *info,
                    struct error *err);
/* Where the key's object is, or, false, where it would go. Under the lock. */
bool dir_object_place(const struct dir_bucket *bucket, struct str key, struct buf *path, struct stat *info);

/* A file's identity as an ETag: inode, size and time of change; put_times() makes sure that no two agree. */
void dir_etag(const struct stat *info, char out[DIR_ETAG_BYTES]);

/* ---- Requests (dir_put.c, dir_list.c) -------------------------------------------------------------------- */

/* A bucket comes into being with its first object: before, it is empty. */
bool dir_put(const char *root, struct object_request *request, uint64_t *bytes, struct error *err);
bool dir_delete(const char *root, struct str bucket, struct str key, struct error *err);
bool dir_list(const char *root, struct object_request *request, struct error *err);
bool dir_sweep(const char *root, struct str bucket, int64_t older_ms, size_t *ended, struct error *err);

#endif
