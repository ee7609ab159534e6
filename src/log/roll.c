/* Segments come and go at the end of a log, on its writer thread.
 *
 * The next segment: (1) sync the full one, (2) cut off what was preallocated, (3) write its index, (4) make the next file
 * (and before the first one the start file) under the name DIR/<first offset>.new, with its header, (5) sync it, (6) rename it to .seg, (7) sync the directory. So
 * a .seg file always has a whole header, and every segment but the last is on disk. A crash before (6) leaves a .new file,
 * which the next start removes; then the full segment is still the last one.
 *
 * After a failure nothing is written where the failure was. Once a second the log tries to go on:
 * - the disk was full, and nothing was written: it tries to preallocate;
 * - something may lie behind the end, or a sync has failed: it makes a fresh segment at the first offset that is not
 *   known to be on disk. What the former one holds from there on counts no more (the later segment wins). Batches that
 *   were not synced, but committed because the log does not wait for that, are copied into it before it gets its name:
 *   they are read back from the system's memory and checked. If the fresh segment would begin where the former one does,
 *   the rename replaces it. */
#include "log/log_internal.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"

#include <assert.h>
#include <errno.h>

/* ---- The active segment's descriptor ---------------------------------------------------------------------------- */

bool roll_open(struct log *log, struct error *err)
{
    const struct log_io *io = log->engine->io;
    char path[LOG_PATH_BYTES];
    path_of_segment(path, log->dir, active_segment(log)->first, ".seg");
    int64_t size = io->size(io->ctx, path);
    if (size < 0)
        return io_failed(err, size, "look at", path);
    int fd = io->open(io->ctx, path, LOG_IO_WRITE);
    if (fd < 0)
        return io_failed(err, fd, "open", path);
    log->fd = fd;
    log->allocated = (uint64_t)size;
    log->stamped = UINT64_MAX; /* it is written over, or cut off */
    log->allocate_next = ALLOCATE_BYTES_FIRST;
    return true;
}

/* Gives back what is preallocated. That it fails costs only space. */
static void cut_preallocated(struct log *log)
{
    const struct log_io *io = log->engine->io;
    if (log->allocated > log->position && io->ftruncate(io->ctx, log->fd, log->position) >= 0)
        log->allocated = log->position;
    pthread_mutex_lock(&log->lock);
    active_segment(log)->file_bytes = log->allocated;
    pthread_mutex_unlock(&log->lock);
}

void roll_stamp(struct log *log)
{
    struct error err;
    assert(!log->dirty && log->written == NULL);
    if (log->failed || !log->has_active || log->stamped == log->assigned)
        return;
    if (log->fd < 0 && !roll_open(log, &err))
        return;
    struct batch_header stamp = {
        .first_offset = log->assigned,
        .bytes_before = log->assigned_bytes,
        .durable = log->durable,
        .base_time = log->assigned_time,
        .floor_time = log->assigned_time,
        .last_time = log->assigned_time,
    };
    uint8_t bytes[BATCH_HEADER_BYTES];
    batch_header_encode(&stamp, log->active.salt, bytes);
    char path[LOG_PATH_BYTES];
    path_of_segment(path, log->dir, log->active.first, ".seg");
    if (!write_fully(log->engine->io, log->fd, bytes, sizeof bytes, log->position, path, &err)) {
        log->fresh_segment = true; /* a part of it may be there */
        return;
    }
    log->position += sizeof bytes;
    log->stamped = log->assigned;
    pthread_mutex_lock(&log->lock);
    log->active.data_bytes = log->position;
    pthread_mutex_unlock(&log->lock);
}

void roll_close(struct log *log)
{
    if (log->fd < 0)
        return;
    if (!log->failed && !log->fresh_segment)
        cut_preallocated(log);
    log->engine->io->close(log->engine->io->ctx, log->fd);
    log->fd = -1;
}

/* ---- Making a segment ------------------------------------------------------------------------------------------- */

/* A file under construction. */
struct fresh {
    struct segment segment;
    struct index index;
    char path[LOG_PATH_BYTES]; /* .new */
    int fd;
    bool renamed; /* or it was tried */
    bool named;   /* it has its name, even if that is not sure to last */
};

static bool write_header(struct log *log, struct fresh *fresh, struct error *err)
{
    uint8_t bytes[SEGMENT_HEADER_BYTES];
    segment_header_encode(&(struct segment_header){.salt = fresh->segment.salt,
                                                   .first_offset = fresh->segment.first,
                                                   .bytes_before = fresh->segment.bytes_before,
                                                   .time_before = fresh->segment.time_before},
                          bytes);
    return write_fully(log->engine->io, fresh->fd, bytes, sizeof bytes, 0, fresh->path, err);
}

/* Copies the batch that was scanned last, with a header of the fresh segment. */
static bool copy_batch(struct log *log, struct fresh *fresh, const struct scan *scan, struct error *err)
{
    uint8_t head[BATCH_HEADER_BYTES];
    uint64_t position = fresh->segment.data_bytes;
    batch_header_encode(&scan->batch, fresh->segment.salt, head);
    if (!write_fully(log->engine->io, fresh->fd, head, sizeof head, position, fresh->path, err) ||
        !write_fully(log->engine->io, fresh->fd, scan->stored, scan->batch.stored_bytes,
                     position + sizeof head, fresh->path, err))
        return false;
    index_note(&fresh->index, &scan->batch, position);
    fresh->segment.data_bytes = position + BATCH_HEADER_BYTES + scan->batch.stored_bytes;
    fresh->segment.end = batch_end(&scan->batch);
    fresh->segment.bytes_end = scan->batch.bytes_before + scan->batch.record_bytes;
    fresh->segment.last_time = scan->batch.last_time;
    segment_note_marked(&fresh->segment, &scan->batch);
    return true;
}

/* Copies what is committed behind the durable offset. */
static bool copy_committed(struct log *log, struct fresh *fresh, struct error *err)
{
    const struct segment *former = active_segment(log);
    if (former == NULL || former->end == log->durable)
        return true;
    char path[LOG_PATH_BYTES];
    path_of_segment(path, log->dir, former->first, ".seg");
    struct scan scan;
    if (!scan_open(&scan, log->engine->io, path, former->first, err))
        return false;
    scan.position = log->durable_position;
    scan.offset = log->durable;
    scan.bytes = log->durable_bytes;
    scan.time = log->durable_time;
    bool ok = true;
    while (ok && scan.offset < former->end) {
        enum scan_result result = scan_next(&scan, err);
        if (result == SCAN_BATCH) {
            ok = copy_batch(log, fresh, &scan, err);
        } else if (result == SCAN_FAILED) {
            ok = false;
        } else {
            ok = log_is_corrupt(err, path, scan.position, "what could not be synced cannot be read back");
        }
    }
    scan_close(&scan);
    return ok;
}

/* Makes the file and everything that it begins with, under the name .new. */
static bool make_file(struct log *log, struct fresh *fresh, struct error *err)
{
    const struct log_io *io = log->engine->io;
    /* The directory is in its parent for good before anything in it counts. Not sooner: ten thousand logs that nobody
     * has written to are opened without a wait for the disk. */
    if (!log->started &&
        (!sync_parent(io, log->dir, err) || !start_write(io, log->dir, log->dir_fd, &log->start, err)))
        return false;
    log->started = true;
    path_of_segment(fresh->path, log->dir, fresh->segment.first, ".new");
    int rc = io->unlink(io->ctx, fresh->path);
    if (rc < 0 && rc != -ENOENT)
        return io_failed(err, rc, "remove", fresh->path);
    fresh->fd = io->open(io->ctx, fresh->path, LOG_IO_CREATE | LOG_IO_WRITE);
    if (fresh->fd < 0)
        return io_failed(err, fresh->fd, "create", fresh->path);
    if (!write_header(log, fresh, err) || !copy_committed(log, fresh, err))
        return false;
    rc = io->fdatasync(io->ctx, fresh->fd);
    return rc >= 0 || io_failed(err, rc, "sync", fresh->path);
}

static bool publish_file(struct log *log, struct fresh *fresh, struct error *err)
{
    const struct log_io *io = log->engine->io;
    char path[LOG_PATH_BYTES];
    path_of_segment(path, log->dir, fresh->segment.first, ".seg");
    FAULT_POINT("log.before_rename");
    fresh->renamed = true;
    int rc = io->rename(io->ctx, fresh->path, path);
    FAULT_POINT("log.after_rename");
    if (rc < 0)
        return io_failed(err, rc, "rename", fresh->path);
    fresh->named = true;
    rc = io->sync_dir(io->ctx, log->dir_fd);
    return rc >= 0 || io_failed(err, rc, "sync the directory", log->dir);
}

/* The active segment without what is not known to be on disk. */
static struct segment up_to_durable(struct log *log)
{
    struct segment segment = log->active;
    segment.end = log->durable;
    segment.bytes_end = log->durable_bytes;
    segment.last_time = log->durable_time;
    segment.data_bytes = log->durable_position;
    if (segment.marked_end > segment.end)
        segment.marked_end = segment.end; /* at most: what is marked may all be behind */
    return segment;
}

/* The fresh file is the active segment from here on. */
static void adopt(struct log *log, struct fresh *fresh)
{
    const struct log_io *io = log->engine->io;
    struct segment *former = active_segment(log);
    bool replaces = former != NULL && former->first == fresh->segment.first;
    uint64_t former_first = former != NULL ? former->first : 0;
    fresh->segment.file_bytes = fresh->segment.data_bytes;
    if (log->fd >= 0)
        io->close(io->ctx, log->fd);

    pthread_mutex_lock(&log->lock);
    if (replaces) {
        /* Its batches are in the fresh one, as far as they are committed. */
    } else if (former != NULL) {
        struct segment sealed = up_to_durable(log);
        segments_append(log, &sealed);
    }
    log->active = fresh->segment;
    log->has_active = true;
    index_free(&log->index);
    log->index = fresh->index;
    pthread_mutex_unlock(&log->lock);
    if (replaces)
        files_drop(log->engine, log->id, former_first);

    log->fd = fresh->fd;
    log->position = fresh->segment.data_bytes;
    log->allocated = fresh->segment.data_bytes;
    if (log->allocate_next == 0)
        log->allocate_next = ALLOCATE_BYTES_FIRST;
    log->assigned = log->durable = fresh->segment.end;
    log->assigned_bytes = log->durable_bytes = fresh->segment.bytes_end;
    log->assigned_time = log->durable_time = fresh->segment.last_time;
    log->durable_position = log->position;
    log->stamped = UINT64_MAX;
    log->fresh_segment = false;
    log->dirty = false;
    log->sync_at_ms = 0;
}

/* Nothing of the active segment counts as being on disk. */
static void unprove(struct log *log)
{
    const struct segment *active = active_segment(log);
    log->durable = active->first;
    log->durable_bytes = active->bytes_before;
    log->durable_time = active->time_before;
    log->durable_position = SEGMENT_HEADER_BYTES;
    log->fresh_segment = true;
}

/* Starts a segment at the durable offset. */
static bool make_segment(struct log *log, struct error *err)
{
    struct fresh fresh = {
        .segment = {.first = log->durable,
                    .end = log->durable,
                    .bytes_before = log->durable_bytes,
                    .bytes_end = log->durable_bytes,
                    .data_bytes = SEGMENT_HEADER_BYTES,
                    .time_before = log->durable_time,
                    .last_time = log->durable_time,
                    .salt = (uint32_t)random_u64()},
        .fd = -1,
    };
    if (make_file(log, &fresh, err) && publish_file(log, &fresh, err)) {
        adopt(log, &fresh);
        return true;
    }
    /* It may have its name, and then counts more than the former segment: nothing may be appended to that one. */
    log->fresh_segment = log->fresh_segment || fresh.renamed;
    if (fresh.named && active_segment(log) != NULL && active_segment(log)->first == fresh.segment.first) {
        /* The former file has lost its name, so this is what readers find; the next try replaces it again. */
        adopt(log, &fresh);
        unprove(log);
        return false;
    }
    const struct log_io *io = log->engine->io;
    if (fresh.fd >= 0) {
        io->close(io->ctx, fresh.fd);
        io->unlink(io->ctx, fresh.path);
    }
    index_free(&fresh.index);
    return false;
}

/* The index of the active segment up to the durable offset. */
static void write_index(struct log *log)
{
    const struct segment *active = active_segment(log);
    if (active == NULL || active->first == log->durable)
        return;
    struct segment sealed = up_to_durable(log);
    struct index index = log->index;
    while (index.count != 0 && index.entries[index.count - 1].offset >= log->durable)
        index.count--;
    struct error err;
    if (!index_write(log->engine->io, log->dir, &sealed, &index, &err)) {
        LOG_WARNING("index not written: it will be made when it is needed", LOG_TEXT("log", log->dir),
                    LOG_ERROR_OF(&err));
    }
}

bool roll_next(struct log *log, struct error *err)
{
    if (log->has_active) {
        if (log->fd < 0 && !roll_open(log, err))
            return false;
        FAULT_POINT("log.before_seal");
        if (!log_sync(log)) {
            *err = log->why;
            return false;
        }
        cut_preallocated(log);
        write_index(log);
        FAULT_POINT("log.after_seal");
    }
    return make_segment(log, err);
}

/* ---- After a failure -------------------------------------------------------------------------------------------- */

static bool try_again(struct log *log, struct error *err)
{
    if (log->fresh_segment) {
        write_index(log);
        if (!make_segment(log, err))
            return false;
    }
    /* Room for one preallocation is the sign that there is space again. */
    if (!log->has_active)
        return make_segment(log, err);
    if (log->fd < 0 && !roll_open(log, err))
        return false;
    const struct log_io *io = log->engine->io;
    uint64_t from = log->allocated > log->position ? log->allocated : log->position;
    int rc = io->fallocate(io->ctx, log->fd, from, ALLOCATE_BYTES_FIRST);
    if (rc < 0 && rc != -EOPNOTSUPP && rc != -ENOSYS && rc != -EINVAL) {
        char path[LOG_PATH_BYTES];
        path_of_segment(path, log->dir, active_segment(log)->first, ".seg");
        return io_failed(err, rc, "write", path);
    }
    if (rc >= 0)
        log->allocated = from + ALLOCATE_BYTES_FIRST;
    return true;
}

void roll_retry(struct log *log)
{
    struct error err;
    if (!try_again(log, &err)) {
        log_fail(log, &err);
        return;
    }
    log->failed = false;
    log->retry_at_ms = 0;
    atomic_store_explicit(&log->writable, true, memory_order_release);
    LOG_INFO("log takes appends again", LOG_TEXT("log", log->dir));
}
