/* Appending, on the log's writer thread.
 *
 *     pending ─▶ a group: offsets, headers, one pwritev ─▶ written ─▶ fdatasync ─▶ committed: readers, `done`, waiters
 *
 * (1) What waits for a log is taken in groups: as many batches as one pwritev and the segment take. (2) Each gets what
 * only the writer knows (offset, bytes and time before it, what is durable) and the CRC of its header; the bodies are
 * not touched. (3) Written batches are committed after the sync, or at once where the log does not wait for it.
 *
 * How it can fail, and what is told:
 * - no space before anything is written (the preallocation says so, or the write): REFUSED, that is certain;
 * - a write that ends within a batch, or fails in another way: whole batches before that place are synced as usual,
 *   the one in the middle is UNKNOWN, and so are those behind it unless the disk was merely full;
 * - a sync that fails: all that it should have made durable is UNKNOWN. It is not tried again: the system may have
 *   dropped the pages and call the next sync a success.
 * Then the log takes no appends, until roll.c has found a place for them; see there. */
#include "log/log_internal.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#define ALLOCATE_BYTES_MOST (256u << 10)
#define ZERO_GROUP_BYTES    (64u << 10)
#define PIECE_BYTES         (1u << 20)

static void list_push(struct log_batch ***end, struct log_batch *batch)
{
    batch->next = NULL;
    **end = batch;
    *end = &batch->next;
}

void log_take_batch(struct log *log, struct log_batch *batch)
{
    list_push(&log->pending_end, batch);
    if (!list_linked(&log->turn))
        list_append(&log->writer->turn, &log->turn);
}

static struct log_batch *take_pending(struct log *log)
{
    struct log_batch *batch = log->pending;
    log->pending = batch->next;
    if (log->pending == NULL)
        log->pending_end = &log->pending;
    return batch;
}

static struct log_batch *take_written(struct log *log)
{
    struct log_batch *first = log->written;
    log->written = NULL;
    log->written_end = &log->written;
    return first;
}

/* ---- Ends of an append ----------------------------------------------------------------------------------------- */

void batch_finish(struct log *log, struct log_batch *batch, enum log_outcome outcome, const struct error *err)
{
    atomic_fetch_sub_explicit(&log->engine->queue_bytes, batch->queued_bytes, memory_order_relaxed);
    batch->next = NULL;
    batch->outcome = outcome;
    batch->done(batch, err);
}

void log_fail(struct log *log, const struct error *err)
{
    log->failed = true;
    log->retry_at_ms = clock_mono_ms() + RETRY_MS;
    pthread_mutex_lock(&log->lock);
    log->why = *err;
    pthread_mutex_unlock(&log->lock);
    bool was = atomic_exchange_explicit(&log->writable, false, memory_order_release);
    if (was)
        LOG_ERROR("log takes no appends", LOG_TEXT("log", log->dir), LOG_ERROR_OF(err));
}

static void finish_pending(struct log *log, enum log_outcome outcome, const struct error *err)
{
    while (log->pending != NULL)
        batch_finish(log, take_pending(log), outcome, err);
}

/* Makes what is written visible to readers, and tells those who wait. */
void log_commit(struct log *log)
{
    struct log_batch *first = take_written(log);
    if (first == NULL)
        return;
    pthread_mutex_lock(&log->lock);
    struct segment *segment = &log->active;
    for (struct log_batch *batch = first; batch != NULL; batch = batch->next) {
        struct log_block *block = batch->block;
        const struct batch_header *header = &block->header;
        assert(header->first_offset == segment->end);
        index_note(&log->index, header, segment->data_bytes);
        segment->end = batch_end(header);
        segment->bytes_end = header->bytes_before + header->record_bytes;
        segment->last_time = header->last_time;
        segment_note_marked(segment, header);
        segment->data_bytes += BATCH_HEADER_BYTES + (uint64_t)header->stored_bytes;
        batch->block = NULL;
        tail_push(log, block);
    }
    segment->file_bytes = log->allocated > log->position ? log->allocated : log->position;
    log->next = segment->end;
    struct log_waiter *due = waiters_take(log, log->next);
    pthread_mutex_unlock(&log->lock);

    for (struct log_batch *batch = first, *next; batch != NULL; batch = next) {
        next = batch->next;
        batch_finish(log, batch, LOG_STORED, NULL);
    }
    waiters_wake(due);
    tail_trim_to_budget(log->writer);
}

/* ---- Writing a group ------------------------------------------------------------------------------------------- */

struct group {
    struct iovec parts[GROUP_PARTS_MAX];
    int count;
    uint64_t bytes;
};

static uint64_t disk_bytes(struct log_block *block)
{
    return BATCH_HEADER_BYTES + block_on_disk(block)->len;
}

/* Completes the header, which continues the batch before. */
static void complete(struct log *log, struct log_batch *batch)
{
    struct log_block *block = batch->block;
    struct batch_header *header = &block->header;
    batch->first_offset = log->assigned;
    int64_t floor = log->assigned_time;
    *header = (struct batch_header){
        .body_crc = block->body_crc,
        .stored_bytes = (uint32_t)block_on_disk(block)->len,
        .raw_bytes = (uint32_t)block->len,
        .count = block->count,
        .first_offset = log->assigned,
        .bytes_before = log->assigned_bytes,
        .durable = log->durable,
        .base_time = header->base_time,
        .floor_time = floor,
        .last_time = block->last_time > floor ? block->last_time : floor,
        .record_bytes = (uint32_t)block->record_bytes,
        .codec = block->compressed != NULL ? CODEC_ZSTD : CODEC_NONE,
        .marked = batch->marked,
    };
    batch_header_encode(header, active_segment(log)->salt, block_on_disk(block)->head);
    log->assigned = batch_end(header);
    log->assigned_bytes += block->record_bytes;
    log->assigned_time = header->last_time;
}

static bool fits(struct log *log, const struct group *group, uint64_t bytes)
{
    uint64_t at = log->position + group->bytes;
    return at == SEGMENT_HEADER_BYTES || /* a batch larger than a segment has one of its own */
           at + bytes <= atomic_load_explicit(&log->segment_bytes, memory_order_relaxed);
}

/* As many of the pending batches as one write and the segment take. */
static void gather(struct log *log, struct group *group)
{
    group->count = 0;
    group->bytes = 0;
    for (struct log_batch *batch = log->pending; batch != NULL; batch = batch->next) {
        uint64_t bytes = disk_bytes(batch->block);
        if (group->count == GROUP_PARTS_MAX || !fits(log, group, bytes) ||
            (group->count != 0 && group->bytes + bytes > GROUP_BYTES_MAX))
            break;
        complete(log, batch);
        group->parts[group->count++] = (struct iovec){block_on_disk(batch->block)->head, bytes};
        group->bytes += bytes;
    }
}

/* Writes zeros from the end of what is allocated to `want`. Returns 0 or -errno; log->allocated says how far it came. */
static int write_zeros(struct log *log, uint64_t want)
{
    static const uint8_t zeros[ALLOCATE_BYTES_FIRST];
    const struct log_io *io = log->engine->io;
    while (log->allocated < want) {
        struct iovec
            parts[ALLOCATE_BYTES_MOST / ALLOCATE_BYTES_FIRST + ZERO_GROUP_BYTES / ALLOCATE_BYTES_FIRST + 1];
        uint64_t left = want - log->allocated;
        int count = 0;
        for (; left != 0 && count < (int)(sizeof parts / sizeof parts[0]); count++) {
            size_t len = left < sizeof zeros ? (size_t)left : sizeof zeros;
            parts[count] = (struct iovec){(void *)(uintptr_t)zeros, len};
            left -= len;
        }
        int64_t put = io->pwritev(io->ctx, log->fd, parts, count, log->allocated);
        if (put <= 0)
            return put < 0 ? (int)put : -EIO;
        log->allocated += (uint64_t)put;
    }
    return 0;
}

/* Extends the file before it is written, so that a full disk is met before anything of a group is on it.
 *
 * How far depends on what a sync costs. A small group that overwrites blocks of the file needs no change of the file's
 * metadata: the sync writes the data and nothing else, and does not wait for what the file system has to write for
 * others. So ahead of small groups the file is filled with zeros, a little at first, more while they go on: each byte is
 * written twice, and the journal once for many groups. For large groups that would cost more than the journal does. */
static int preallocate(struct log *log, uint64_t bytes)
{
    uint64_t end = log->position + bytes;
    if (end <= log->allocated)
        return 0;
    const struct log_io *io = log->engine->io;
    if (bytes >= ZERO_GROUP_BYTES) {
        int rc = io->fallocate(io->ctx, log->fd, log->allocated, end - log->allocated);
        if (rc == -EOPNOTSUPP || rc == -ENOSYS || rc == -EINVAL)
            return 0; /* this file system cannot: the write extends the file */
        if (rc == 0)
            log->allocated = end;
        return rc;
    }
    uint64_t limit = atomic_load_explicit(&log->segment_bytes, memory_order_relaxed);
    uint64_t want = end + log->allocate_next;
    if (want > limit)
        want = limit > end ? limit : end;
    if (log->allocate_next < ALLOCATE_BYTES_MOST)
        log->allocate_next *= 2;
    int rc = write_zeros(log, want);
    return log->allocated >= end ? 0 : rc; /* what is needed alone may fit */
}

/* As many parts from `part` on as are written at once: a large group goes in pieces, and while one is copied to the
 * system, the disk writes the one before. */
static int piece_of(const struct iovec *part, int left)
{
    size_t bytes = 0;
    int count = 0;
    while (count < left && (count == 0 || bytes + part[count].iov_len <= PIECE_BYTES))
        bytes += part[count++].iov_len;
    return count;
}

/* Writes all parts. Returns 0 or -errno; *done counts the bytes that the system took. */
static int64_t write_parts(struct log *log, struct group *group, uint64_t *done)
{
    const struct log_io *io = log->engine->io;
    struct iovec *part = group->parts;
    int left = group->count;
    *done = 0;
    while (left > 0) {
        uint64_t position = log->position + *done;
        int64_t put = io->pwritev(io->ctx, log->fd, part, piece_of(part, left), position);
        if (put <= 0)
            return put < 0 ? put : -EIO;
        *done += (uint64_t)put;
        size_t rest = (size_t)put;
        for (; left > 0 && rest >= part->iov_len; part++, left--)
            rest -= part->iov_len;
        if (left > 0) {
            part->iov_base = (uint8_t *)part->iov_base + rest;
            part->iov_len -= rest;
        }
        if (io->writeback != NULL && group->bytes > PIECE_BYTES && log_sync_ms(log) == LOG_SYNC_COMMIT)
            io->writeback(io->ctx, log->fd, position, (uint64_t)put);
    }
    return 0;
}

/* Moves the batches that lie wholly within the first `done` bytes to those that are written. Returns their bytes. */
static uint64_t accept_written(struct log *log, int count, uint64_t done)
{
    uint64_t bytes = 0;
    for (; count > 0; count--) {
        uint64_t more = disk_bytes(log->pending->block);
        if (bytes + more > done)
            break;
        bytes += more;
        list_push(&log->written_end, take_pending(log));
    }
    log->position += bytes;
    if (log->position > log->allocated)
        log->allocated = log->position;
    log->dirty = log->dirty || bytes != 0;
    return bytes;
}

static bool is_full(int64_t rc)
{
    return rc == -ENOSPC || rc == -EDQUOT || rc == -EFBIG;
}

/* The first `count` pending batches could not be written whole. `tried`: something may have reached the file. */
static void fail_group(struct log *log, int64_t rc, int count, uint64_t done, bool tried)
{
    char path[LOG_PATH_BYTES];
    struct error err;
    path_of_segment(path, log->dir, active_segment(log)->first, ".seg");
    io_failed(&err, rc, "write", path);
    uint64_t whole = accept_written(log, count, done);
    bool certain = !tried || (is_full(rc) && done == whole); /* that nothing is behind what is accepted */
    log->fresh_segment = !certain;
    log->assigned = log->pending->first_offset;
    log->assigned_bytes = log->pending->block->header.bytes_before;
    log->assigned_time = log->pending->block->header.floor_time;
    log_written(log);
    log_fail(log, &err);
    /* What is behind the place of the failure has not been touched if the disk was full. */
    int unknown = certain ? 0 : is_full(rc) ? 1 : count;
    for (; unknown > 0 && log->pending != NULL; unknown--)
        batch_finish(log, take_pending(log), LOG_UNKNOWN, &err);
    finish_pending(log, LOG_REFUSED, &err);
}

/* A segment with room for the next batch, and a descriptor for it. */
static bool prepare(struct log *log, struct error *err)
{
    if (!log->has_active)
        return roll_next(log, err);
    if (!fits(log, &(struct group){.bytes = 0}, disk_bytes(log->pending->block)))
        return roll_next(log, err);
    return log->fd >= 0 || roll_open(log, err);
}

static void write_group(struct log *log, struct group *group)
{
    struct error err;
    if (!prepare(log, &err)) {
        log_fail(log, &err);
        finish_pending(log, LOG_REFUSED, &err);
        return;
    }
    gather(log, group);
    assert(group->count > 0);
    int count = group->count;
    uint64_t done = 0;
    int64_t rc = preallocate(log, group->bytes);
    bool tried = rc == 0;
    FAULT_POINT("log.before_write");
    if (tried)
        rc = write_parts(log, group, &done);
    FAULT_POINT("log.after_write");
    if (rc < 0) {
        fail_group(log, rc, count, done, tried);
        return;
    }
    accept_written(log, count, done);
    log_written(log);
}

void log_write_pending(struct log *log)
{
    struct group group;
    while (log->pending != NULL && !log->failed)
        write_group(log, &group);
    if (log->pending != NULL) {
        struct error why = log->why; /* only this thread writes it */
        finish_pending(log, LOG_REFUSED, &why);
    }
    log->idle_at_ms = clock_mono_ms() + IDLE_MS;
}

/* ---- Syncing --------------------------------------------------------------------------------------------------- */

void log_written(struct log *log)
{
    int64_t sync_ms = log_sync_ms(log);
    if (log->written == NULL)
        return;
    if (sync_ms == LOG_SYNC_COMMIT) {
        log_sync(log);
        return;
    }
    log_commit(log);
    if (sync_ms != LOG_SYNC_NONE && log->sync_at_ms == 0)
        log->sync_at_ms = clock_mono_ms() + sync_ms;
}

static void note_durable(struct log *log)
{
    log->dirty = false;
    log->sync_at_ms = 0;
    log->durable = log->assigned;
    log->durable_bytes = log->assigned_bytes;
    log->durable_time = log->assigned_time;
    log->durable_position = log->position;
}

bool log_sync(struct log *log)
{
    if (log->dirty) {
        const struct log_io *io = log->engine->io;
        FAULT_POINT("log.before_sync");
        int rc = io->fdatasync(io->ctx, log->fd);
        FAULT_POINT("log.after_sync");
        if (rc < 0) {
            struct error err;
            char path[LOG_PATH_BYTES];
            path_of_segment(path, log->dir, active_segment(log)->first, ".seg");
            io_failed(&err, rc, "sync", path);
            log->dirty = false;
            log->sync_at_ms = 0;
            log->fresh_segment = true;
            /* Offsets go on behind what readers have seen. */
            struct segment *segment = active_segment(log);
            log->assigned = segment->end;
            log->assigned_bytes = segment->bytes_end;
            log->assigned_time = segment->last_time;
            log_fail(log, &err);
            for (struct log_batch *batch = take_written(log), *next; batch != NULL; batch = next) {
                next = batch->next;
                batch_finish(log, batch, LOG_UNKNOWN, &err);
            }
            return false;
        }
        note_durable(log);
    }
    log_commit(log);
    return true;
}

/* ---- Timers ---------------------------------------------------------------------------------------------------- */

void log_schedule(struct log *log)
{
    int64_t at = 0;
    const int64_t all[] = {log->sync_at_ms, log->failed ? log->retry_at_ms : 0, log->idle_at_ms};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i] != 0 && (at == 0 || all[i] < at))
            at = all[i];
    }
    if (at != 0) {
        heap_insert(&log->writer->timers, &log->timer, at);
    } else {
        heap_remove(&log->writer->timers, &log->timer);
    }
}

void log_timer(struct log *log, int64_t now_ms)
{
    if (log->sync_at_ms != 0 && log->sync_at_ms <= now_ms)
        log_sync(log);
    if (log->failed && log->retry_at_ms <= now_ms)
        roll_retry(log);
    if (log->idle_at_ms != 0 && log->idle_at_ms <= now_ms) {
        log->idle_at_ms = 0;
        if (!log->failed && !log->dirty)
            roll_close(log);
    }
    log_schedule(log);
}
