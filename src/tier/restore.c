/* Restoring to local disk: whole data files, as they are in the store.
 *
 *     DIR/tier/<station>/restored/<name of the file>      written beside, checked, synced, renamed
 *
 * Who reads looks there first (fetch_range() in fetch.c). A file that leaves the table leaves here, too. */
#include "tier/tier_internal.h"

#include "base/dir.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *dir_of(const struct tier *tier, char out[TIER_PATH_BYTES])
{
    snprintf(out, TIER_PATH_BYTES, "%s/restored", tier->dir);
    return out;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* One of the files that have an offset of the range; its path is copied. */
struct wanted {
    struct iceberg_file file;
    char *path;
};

/* Where in the table a walk through the range is. If the table changes it begins again: what is restored is passed over then. */
struct walk {
    uint64_t from, to;
    uint64_t generation;
    size_t at;
};

static bool next_file(struct tier *tier, struct walk *walk, struct wanted *out)
{
    struct iceberg_file file;
    pthread_mutex_lock(&tier->table_lock);
    if (walk->generation != tier->generation) {
        walk->generation = tier->generation;
        walk->at = 0;
    }
    bool found =
        tier->index != NULL && iceberg_index_within(tier->index, walk->from, walk->to, &walk->at, &file);
    if (found) {
        out->file = file;
        out->path = str_dup(file.path);
        out->file.path = str_of(out->path);
    }
    pthread_mutex_unlock(&tier->table_lock);
    return found;
}

static void sum_up(struct tier *tier, uint64_t from, uint64_t to, struct tier_restored *out)
{
    struct iceberg_file file;
    pthread_mutex_lock(&tier->table_lock);
    for (size_t at = 0; tier->index != NULL && iceberg_index_within(tier->index, from, to, &at, &file);) {
        if (out->files++ == 0)
            out->first = file.first;
        out->bytes += file.size_bytes;
        out->rows += file.record_count;
        out->next = file.last + 1 > out->next ? file.last + 1 : out->next;
    }
    pthread_mutex_unlock(&tier->table_lock);
}

static bool write_all(int fd, struct str bytes, const char *path, struct error *err)
{
    for (size_t at = 0; at < bytes.len;) {
        ssize_t written = write(fd, bytes.data + at, bytes.len - at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_errno(err, errno, "write %s", path);
        at += (size_t)written;
    }
    return true;
}

struct restoring {
    struct tier *tier;
    struct reach *reach;
    const struct tier_progress *progress;
    uint64_t done, total;
};

static bool go_on(struct restoring *restoring, struct error *err)
{
    const struct tier_progress *progress = restoring->progress;
    if (tier_is_stopping(restoring->tier) ||
        (progress != NULL && !progress->go_on(progress->arg, restoring->done, restoring->total)))
        return error_set(err, ERR_CLOSED, "the restoration was called off");
    return true;
}

static bool copy_ranges(struct restoring *restoring, const struct wanted *wanted, struct str key, int fd,
                        const char *path, struct error *err)
{
    bool ok = true;
    for (uint64_t at = 0; ok && at < wanted->file.size_bytes;) {
        uint64_t left = wanted->file.size_bytes - at;
        const struct object_range range = {.offset = at, .length = left < RANGE_BYTES ? left : RANGE_BYTES};
        struct buf bytes = {0};
        ok = go_on(restoring, err) && reach_get(restoring->reach, key, &range, &bytes, NULL, err) &&
             (bytes.len == range.length ||
              error_set(err, ERR_CORRUPT, "%s: it is shorter than the table says", wanted->path)) &&
             write_all(fd, buf_str(&bytes), path, err);
        at += range.length;
        restoring->done += range.length;
        buf_free(&bytes);
    }
    return ok;
}

static bool restore_file(struct restoring *restoring, const struct wanted *wanted, struct error *err)
{
    struct tier *tier = restoring->tier;
    char dir[TIER_PATH_BYTES], path[TIER_PATH_BYTES], temporary[TIER_PATH_BYTES];
    struct str key;
    struct stat status;
    dir_of(tier, dir);
    if (snprintf(path, sizeof(path), "%s/%s", dir, name_of(wanted->path)) >= (int)sizeof(path) ||
        snprintf(temporary, sizeof(temporary), "%s/restoring.tmp", dir) >= (int)sizeof(temporary))
        return error_set(err, ERR_TOO_LARGE, "the path of a restored file is too long");
    if (stat(path, &status) == 0 && (uint64_t)status.st_size == wanted->file.size_bytes) {
        restoring->done += wanted->file.size_bytes;
        return true;
    }
    pthread_mutex_lock(&tier->table_lock);
    bool below = tier->table != NULL && iceberg_key(tier->table, str_of(wanted->path), &key);
    pthread_mutex_unlock(&tier->table_lock);
    if (!below)
        return error_set(err, ERR_UNSUPPORTED, "%s is not below the table", wanted->path);
    int fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(err, errno, "create %s", temporary);
    bool ok = copy_ranges(restoring, wanted, key, fd, temporary, err) &&
              (fsync(fd) == 0 || error_errno(err, errno, "fsync %s", temporary));
    close(fd);
    FAULT_POINT("tier.before_restored");
    ok = ok && (rename(temporary, path) == 0 || error_errno(err, errno, "rename %s", temporary));
    if (!ok)
        unlink(temporary);
    return ok && dir_sync(dir, err);
}

bool tier_restore(struct tier *tier, uint64_t from, uint64_t to, bool dry,
                  const struct tier_progress *progress, struct tier_restored *out, struct error *err)
{
    struct reach reach;
    char dir[TIER_PATH_BYTES];
    struct wanted wanted;
    *out = (struct tier_restored){0};
    if (!reach_enter(tier, &reach, err))
        return false;
    bool ok = table_load(tier, &reach, false, err);
    if (ok)
        sum_up(tier, from, to, out);
    struct restoring restoring = {.tier = tier, .reach = &reach, .progress = progress, .total = out->bytes};
    if (ok && !dry && mkdir(dir_of(tier, dir), 0700) != 0 && errno != EEXIST)
        ok = error_errno(err, errno, "create %s", dir);
    struct walk walk = {.from = from, .to = to};
    while (ok && !dry && next_file(tier, &walk, &wanted)) {
        ok = restore_file(&restoring, &wanted, err);
        mem_free(wanted.path);
    }
    if (ok && progress != NULL)
        progress->go_on(progress->arg, out->bytes, out->bytes);
    reach_leave(&reach);
    return ok || error_wrap(err, "restore station %s", tier->station);
}

/* ---- What is restored ------------------------------------------------------------------------------------ */

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

void restored_list(const struct tier *tier, struct restored *out)
{
    char dir[TIER_PATH_BYTES];
    *out = (struct restored){0};
    int count = scandir(dir_of(tier, dir), &out->entries, is_visible, by_bytes);
    out->count = count > 0 ? (size_t)count : 0;
}

void restored_free(struct restored *restored)
{
    for (size_t i = 0; i < restored->count; i++)
        free(restored->entries[i]); /* the C library's, as the next one */
    free(restored->entries);
}

static void each_restored(struct tier *tier, void (*each)(const char *path, uint64_t bytes, void *arg),
                          void *arg)
{
    char dir[TIER_PATH_BYTES], path[TIER_PATH_BYTES];
    struct stat status;
    struct restored restored;
    restored_list(tier, &restored);
    dir_of(tier, dir);
    for (size_t i = 0; i < restored.count; i++) {
        if (snprintf(path, sizeof(path), "%s/%s", dir, restored.entries[i]->d_name) < (int)sizeof(path) &&
            stat(path, &status) == 0)
            each(path, (uint64_t)status.st_size, arg);
    }
    restored_free(&restored);
}

struct sum {
    uint64_t files, bytes;
    bool remove;
};

static void add(const char *path, uint64_t bytes, void *arg)
{
    struct sum *sum = arg;
    if (sum->remove && unlink(path) != 0)
        return;
    sum->files++;
    sum->bytes += bytes;
}

void tier_restored(struct tier *tier, uint64_t *files, uint64_t *bytes)
{
    struct sum sum = {0};
    each_restored(tier, add, &sum);
    *files = sum.files;
    *bytes = sum.bytes;
}

bool tier_release(struct tier *tier, uint64_t *bytes, struct error *err)
{
    char dir[TIER_PATH_BYTES];
    struct sum sum = {.remove = true};
    each_restored(tier, add, &sum);
    *bytes = sum.bytes;
    if (rmdir(dir_of(tier, dir)) != 0 && errno != ENOENT)
        return error_errno(err, errno, "remove %s", dir);
    return true;
}

void restored_drop(struct tier *tier, struct str path)
{
    char dir[TIER_PATH_BYTES], local[TIER_PATH_BYTES];
    char *whole = str_dup(path);
    if (snprintf(local, sizeof(local), "%s/%s", dir_of(tier, dir), name_of(whole)) < (int)sizeof(local))
        unlink(local);
    mem_free(whole);
}

bool restored_read(struct tier *tier, const char *path, uint64_t offset, uint64_t bytes, struct buf *out)
{
    char local[TIER_PATH_BYTES];
    if (snprintf(local, sizeof(local), "%s/restored/%s", tier->dir, name_of(path)) >= (int)sizeof(local))
        return false;
    int fd = open(local, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    buf_reserve(out, bytes);
    ssize_t got = pread(fd, out->data + out->len, bytes, (off_t)offset);
    close(fd);
    if (got != (ssize_t)bytes)
        return false;
    out->len += bytes;
    return true;
}
