/* A bucket that is a directory: its lock, its parents of objects, where an object is.
 *
 * An object is one regular file. It stands at the path of its key (dir_path.c) or, if a directory has that name, beside it under
 * <name>%o; never at both. It only ever moves from the first place to the second, by one rename under the lock, so who reads without
 * the lock looks at them in this order. Symbolic links below a bucket are not followed. */
#include "object/dir_internal.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

bool dir_bucket_open(const char *root, struct str name, bool make, struct dir_bucket *out, struct error *err)
{
    struct buf path = {0};
    buf_printf(&path, "%s/%.*s", root, STR_ARG(name));
    *out = (struct dir_bucket){.path = str_dup(buf_str(&path)), .fd = -1, .lock = -1};
    buf_free(&path);
    out->fd = open(out->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (out->fd < 0 && errno == ENOENT && make) {
        if (mkdir(out->path, 0777) == 0 || errno == EEXIST) {
            int parent = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            bool synced = parent >= 0 && fsync(parent) == 0;
            int failed = errno;
            if (parent >= 0)
                close(parent);
            if (synced) {
                out->fd = open(out->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            } else {
                errno = failed;
            }
        }
    }
    if (out->fd >= 0)
        return true;
    int failed = errno;
    if (failed == ENOENT && !make) {
        error_set(err, ERR_NOT_FOUND, "no such bucket: %s", out->path);
        error_hint(err, "the first upload makes it");
    } else {
        error_errno(err, failed, "open the bucket's directory %s", out->path);
    }
    dir_bucket_close(out);
    return false;
}

void dir_bucket_close(struct dir_bucket *bucket)
{
    if (bucket->lock >= 0)
        close(bucket->lock);
    if (bucket->fd >= 0)
        close(bucket->fd);
    mem_free(bucket->path);
    *bucket = (struct dir_bucket){.fd = -1, .lock = -1};
}

bool dir_bucket_lock(struct dir_bucket *bucket, struct error *err)
{
    bucket->lock = openat(bucket->fd, DIR_LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (bucket->lock < 0)
        return error_errno(err, errno, "open %s/%s", bucket->path, DIR_LOCK);
    while (flock(bucket->lock, LOCK_EX) != 0) {
        if (errno != EINTR)
            return error_errno(err, errno, "lock %s/%s", bucket->path, DIR_LOCK);
    }
    return true;
}

bool dir_sync_parent(const struct dir_bucket *bucket, const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    struct buf parent = {0};
    if (slash != NULL) {
        buf_append(&parent, path, (size_t)(slash - path));
    } else {
        buf_append_byte(&parent, '.');
    }
    bool ok = true;
    int fd = openat(bucket->fd, buf_cstr(&parent), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fsync(fd) != 0)
        ok = error_errno(err, errno, "fsync %s/%s", bucket->path, buf_cstr(&parent));
    if (fd >= 0)
        close(fd);
    buf_free(&parent);
    return ok;
}

/* One directory of the way. */
static bool make_directory(struct dir_bucket *bucket, const char *path, struct error *err)
{
    struct stat info;
    if (fstatat(bucket->fd, path, &info, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISDIR(info.st_mode))
            return true;
        if (!S_ISREG(info.st_mode))
            return error_set(err, ERR_IO, "%s/%s: neither a file nor a directory", bucket->path, path);
        struct buf beside = {0};
        buf_printf(&beside, "%s%s", path, DIR_BESIDE);
        int rc = renameat(bucket->fd, path, bucket->fd, buf_cstr(&beside));
        buf_free(&beside);
        if (rc != 0)
            return error_errno(err, errno, "move %s/%s beside a directory", bucket->path, path);
    }
    if (mkdirat(bucket->fd, path, 0777) != 0)
        return error_errno(err, errno, "create %s/%s", bucket->path, path);
    return dir_sync_parent(bucket, path, err);
}

bool dir_make_parents(struct dir_bucket *bucket, const char *path, struct error *err)
{
    struct buf part = {0};
    bool ok = true;
    for (const char *slash = strchr(path, '/'); ok && slash != NULL; slash = strchr(slash + 1, '/')) {
        buf_reset(&part);
        buf_append(&part, path, (size_t)(slash - path));
        ok = make_directory(bucket, buf_cstr(&part), err);
    }
    buf_free(&part);
    return ok;
}

static bool is_absent(int failed)
{
    return failed == ENOENT || failed == ENOTDIR || failed == ELOOP;
}

int dir_object_open(const struct dir_bucket *bucket, struct str key, struct buf *path, struct stat *info,
                    struct error *err)
{
    dir_path_of_key(key, path);
    for (int beside = 0; beside < 2; beside++) {
        if (beside)
            buf_append_str(path, STR(DIR_BESIDE));
        int fd = openat(bucket->fd, buf_cstr(path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd >= 0 && fstat(fd, info) == 0 && S_ISREG(info->st_mode))
            return fd;
        int failed = errno;
        if (fd >= 0) {
            close(fd);
        } else if (!is_absent(failed)) {
            error_errno(err, failed, "open %s/%s", bucket->path, buf_cstr(path));
            return -1;
        }
    }
    error_set(err, ERR_NOT_FOUND, "no such object: %.*s", KEY_ARG(key));
    return -1;
}

bool dir_object_place(const struct dir_bucket *bucket, struct str key, struct buf *path, struct stat *info)
{
    dir_path_of_key(key, path);
    bool there = fstatat(bucket->fd, buf_cstr(path), info, AT_SYMLINK_NOFOLLOW) == 0;
    if (there && S_ISREG(info->st_mode))
        return true;
    bool in_the_way = there;
    size_t plain = path->len;
    buf_append_str(path, STR(DIR_BESIDE));
    if (fstatat(bucket->fd, buf_cstr(path), info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info->st_mode))
        return true;
    if (!in_the_way)
        path->len = plain;
    return false;
}

void dir_etag(const struct stat *info, char out[DIR_ETAG_BYTES])
{
    snprintf(out, DIR_ETAG_BYTES, "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"", (uint64_t)info->st_ino,
             (uint64_t)info->st_size,
             (uint64_t)info->st_mtim.tv_sec * UINT64_C(1000000000) + (uint64_t)info->st_mtim.tv_nsec);
}
