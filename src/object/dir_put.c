/* Writing and removing objects of a directory.
 *
 * A PUT: (1) a file of its own in %tmp gets the bytes and is synced; under the bucket's lock (2) the parents are made, (3) the
 * condition is looked at, (4) the file gets the object's name: by link(2) if there must be none, which no process can outrun, else by
 * rename(2); then (5) the directory is synced. A crash before (4) leaves the former object, and a file in %tmp that a sweep
 * removes; after it the object is whole. Failing in (5) it may be gone after a power cut: ERR_UNKNOWN.
 *
 * A file in %tmp is locked while its writer lives, so that a sweep by another process leaves it alone. */
#include "object/dir_internal.h"

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/random.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define COPY_BYTES (1u << 20)
#define TMP_BYTES  64
#define TMP_TRIES  16

/* ---- The file -------------------------------------------------------------------------------------------- */

static int make_tmp(struct dir_bucket *bucket, char name[TMP_BYTES], struct error *err)
{
    if (mkdirat(bucket->fd, DIR_TMP, 0777) != 0 && errno != EEXIST) {
        error_errno(err, errno, "create %s/%s", bucket->path, DIR_TMP);
        return -1;
    }
    int fd = -1;
    for (int i = 0; fd < 0 && i < TMP_TRIES; i++) {
        snprintf(name, TMP_BYTES, "%s/%016" PRIx64, DIR_TMP, random_u64());
        fd = openat(bucket->fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    if (fd < 0) {
        error_errno(err, errno, "create %s/%s", bucket->path, name);
    } else {
        (void)flock(fd, LOCK_EX | LOCK_NB); /* nobody else has it */
    }
    return fd;
}

/* *crc goes on with the bytes. */
static bool write_all(int fd, struct str bytes, uint32_t *crc, struct error *err)
{
    *crc = crc32c(*crc, bytes.data, bytes.len);
    for (size_t done = 0; done < bytes.len;) {
        ssize_t put = write(fd, bytes.data + done, bytes.len - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return error_errno(err, errno, "write the object's bytes");
        done += (size_t)put;
    }
    return true;
}

static bool copy_file(int fd, const struct object_file *from, uint32_t *crc, struct error *err)
{
    char *piece = mem_alloc(COPY_BYTES);
    bool ok = true;
    for (uint64_t done = 0; ok && done < from->length;) {
        uint64_t want = from->length - done < COPY_BYTES ? from->length - done : COPY_BYTES;
        ssize_t got = pread(from->fd, piece, want, (off_t)(from->offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            ok = error_errno(err, errno, "read the file to upload");
        } else if (got == 0) {
            ok = error_set(err, ERR_IO, "the file to upload ends after %" PRIu64 " of %" PRIu64 " bytes",
                           done, from->length);
        } else {
            ok = write_all(fd, str_make(piece, (size_t)got), crc, err);
            done += (uint64_t)got;
        }
    }
    mem_free(piece);
    return ok;
}

/* The time of change is told in milliseconds; below them stands chance, so that two files in one inode, one after the other within a
 * tick of the kernel's clock, have different ETags. */
static bool put_times(int fd, struct error *err)
{
    int64_t now = clock_wall_ms();
    int64_t ns = now % 1000 * 1000000 + (int64_t)(random_u64() % 1000000);
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                      {.tv_sec = (time_t)(now / 1000), .tv_nsec = ns}};
    if (futimens(fd, times) != 0)
        return error_errno(err, errno, "set the time of the object's file");
    return true;
}

static bool fill(int fd, const struct object_request *request, struct error *err)
{
    uint32_t crc = 0;
    bool ok = request->file != NULL ? copy_file(fd, request->file, &crc, err)
                                    : write_all(fd, request->body, &crc, err);
    if (ok && request->crc32c != NULL && crc != *request->crc32c) {
        ok = error_set(err, ERR_CORRUPT,
                       "the body's CRC-32C is %08" PRIx32 ", not %08" PRIx32 " as its writer says", crc,
                       *request->crc32c);
    }
    if (ok)
        ok = put_times(fd, err);
    if (ok && fsync(fd) != 0)
        ok = error_errno(err, errno, "fsync the object's file");
    return ok;
}

/* ---- Its name -------------------------------------------------------------------------------------------- */

static bool exists(struct str key, struct error *err)
{
    return error_set(err, ERR_EXISTS, "there is an object already: %.*s", KEY_ARG(key));
}

static bool condition_holds(const struct object_request *request, bool there, const struct stat *info,
                            struct error *err)
{
    struct str key = request->key;
    if (request->condition == OBJECT_IF_NONE && there)
        return exists(key, err);
    if (request->condition != OBJECT_IF_MATCH)
        return true;
    if (!there) {
        return error_set(err, ERR_NOT_FOUND, "no such object: %.*s", KEY_ARG(key));
    }
    char etag[DIR_ETAG_BYTES];
    dir_etag(info, etag);
    if (str_is(request->etag, etag))
        return true;
    return error_set(err, ERR_CONFLICT, "the object is another than expected: %.*s", KEY_ARG(key));
}

/* Gives the file in %tmp its name; it has none there any more on success. */
static bool give_name(const struct dir_bucket *bucket, const char *tmp, const char *path,
                      const struct object_request *request, struct error *err)
{
    FAULT_POINT("object.before_name");
    int rc;
    if (request->condition == OBJECT_IF_NONE) {
        rc = linkat(bucket->fd, tmp, bucket->fd, path, 0);
        if (rc == 0) {
            (void)unlinkat(bucket->fd, tmp, 0);
        } else if (errno == EPERM || errno == EOPNOTSUPP) { /* no hard links here */
            rc = renameat2(bucket->fd, tmp, bucket->fd, path, RENAME_NOREPLACE);
        }
    } else {
        rc = renameat(bucket->fd, tmp, bucket->fd, path);
    }
    if (rc != 0 && errno == EEXIST)
        return exists(request->key, err);
    if (rc != 0)
        return error_errno(err, errno, "name the object's file %s/%s", bucket->path, path);
    FAULT_POINT("object.after_name");
    return true;
}

static bool sync_name(const struct dir_bucket *bucket, const char *path, struct error *err)
{
    struct error why;
    if (dir_sync_parent(bucket, path, &why))
        return true;
    return error_set(err, ERR_UNKNOWN, "the object is there, but may not outlive a power cut: %s", why.text);
}

static bool settle(struct dir_bucket *bucket, const char *tmp, int fd, struct object_request *request,
                   struct error *err)
{
    struct buf path = {0};
    struct stat info;
    struct stat own;
    bool ok = dir_bucket_lock(bucket, err);
    if (ok) {
        bool there = dir_object_place(bucket, request->key, &path, &info);
        ok = condition_holds(request, there, &info, err) && dir_make_parents(bucket, buf_cstr(&path), err) &&
             give_name(bucket, tmp, buf_cstr(&path), request, err);
        close(bucket->lock);
        bucket->lock = -1;
    }
    ok = ok && sync_name(bucket, buf_cstr(&path), err);
    if (ok && fstat(fd, &own) == 0) {
        char etag[DIR_ETAG_BYTES];
        dir_etag(&own, etag);
        request_set_etag(request, str_of(etag));
        request->info.size = (uint64_t)own.st_size;
        request->info.modified_ms = own.st_mtim.tv_sec * 1000 + own.st_mtim.tv_nsec / 1000000;
    }
    buf_free(&path);
    return ok;
}

bool dir_put(const char *root, struct object_request *request, uint64_t *bytes, struct error *err)
{
    struct dir_bucket bucket;
    char tmp[TMP_BYTES];
    if (!dir_bucket_open(root, request->bucket, true, &bucket, err))
        return false;
    int fd = make_tmp(&bucket, tmp, err);
    bool ok = fd >= 0 && fill(fd, request, err);
    FAULT_POINT("object.written");
    ok = ok && settle(&bucket, tmp, fd, request, err);
    if (!ok && fd >= 0)
        (void)unlinkat(bucket.fd, tmp, 0);
    if (fd >= 0)
        close(fd);
    dir_bucket_close(&bucket);
    *bytes = ok ? request->info.size : 0;
    return ok;
}

/* ---- Removing -------------------------------------------------------------------------------------------- */

/* Directories that nothing is in any more, from `path` up. Leaves in it where the last name was removed. */
static void remove_empty_parents(const struct dir_bucket *bucket, struct buf *path)
{
    for (;;) {
        char *text = buf_cstr(path);
        char *slash = strrchr(text, '/');
        if (slash == NULL)
            return;
        *slash = '\0';
        if (unlinkat(bucket->fd, text, AT_REMOVEDIR) != 0) {
            *slash = '/';
            return;
        }
        path->len = (size_t)(slash - text);
    }
}

bool dir_delete(const char *root, struct str name, struct str key, struct error *err)
{
    struct dir_bucket bucket;
    struct buf path = {0};
    struct stat info;
    if (!dir_bucket_open(root, name, false, &bucket, err))
        return err->code == ERR_NOT_FOUND;
    bool ok = dir_bucket_lock(&bucket, err);
    bool there = ok && dir_object_place(&bucket, key, &path, &info);
    if (there && unlinkat(bucket.fd, buf_cstr(&path), 0) != 0)
        ok = error_errno(err, errno, "remove %s/%s", bucket.path, buf_cstr(&path));
    if (ok && there) {
        remove_empty_parents(&bucket, &path);
        struct error why;
        if (!dir_sync_parent(&bucket, buf_cstr(&path), &why)) {
            ok = error_set(err, ERR_UNKNOWN, "the object is removed, but may be back after a power cut: %s",
                           why.text);
        }
    }
    buf_free(&path);
    dir_bucket_close(&bucket);
    return ok;
}

static bool sweep_one(int tmp, const char *name, int64_t before_ms)
{
    struct stat info;
    int fd = openat(tmp, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool gone = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
                info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000 < before_ms &&
                flock(fd, LOCK_EX | LOCK_NB) == 0 && unlinkat(tmp, name, 0) == 0;
    if (fd >= 0)
        close(fd);
    return gone;
}

bool dir_sweep(const char *root, struct str name, int64_t older_ms, size_t *ended, struct error *err)
{
    struct dir_bucket bucket;
    if (!dir_bucket_open(root, name, false, &bucket, err))
        return err->code == ERR_NOT_FOUND;
    int fd = openat(bucket.fd, DIR_TMP, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    struct dirent **entries = NULL;
    int count = fd >= 0 ? scandirat(fd, ".", &entries, NULL, NULL) : 0;
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.' && sweep_one(fd, entries[i]->d_name, clock_wall_ms() - older_ms))
            (*ended)++;
        free(entries[i]);
    }
    free(entries);
    if (fd >= 0)
        close(fd);
    dir_bucket_close(&bucket);
    return true;
}
