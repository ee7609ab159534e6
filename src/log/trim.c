/* Trimming: the low-water mark goes up, and segments below it go.
 *
 * (1) Find how many bytes lie before the mark, so that log_bounds() stays exact. (2) Write DIR/start, durably. (3) Readers
 * see it. (4) Remove the segments that end at or below it, the oldest first, and sync the directory. A crash after (2)
 * leaves segments that the next start removes. If (4) fails, the mark stands, and the next trim removes them.
 *
 * The active segment is never removed; but when all of it is trimmed and it is large enough to matter, the writer starts
 * the next one, and it goes as well. If that fails (the disk may be full), it stays until it is full. */
#include "log/log_internal.h"

#include "base/fault.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>

#define TRIMMED_BYTES_MATTER (1u << 20)

/* What lies before the offset: within a batch, its records are walked. */
static bool measure(struct log *log, uint64_t below, struct start *out, struct error *err)
{
    struct chunk *chunk = NULL;
    struct seek seek = {.by = SEEK_OFFSET, .number = below};
    enum log_read_result result = read_seek(log, &seek, 1, 0, &chunk, err);
    if (result == LOG_READ_FAILED)
        return false;
    if (result != LOG_READ) {
        return error_set(err, ERR_INTERNAL, "offset %" PRIu64 " of log %s is not where it should be", below,
                         log->dir);
    }
    const struct batch_header *header = &chunk->parts[0].header;
    *out = (struct start){below, header->bytes_before, header->floor_time};
    struct log_cursor cursor;
    struct log_record record;
    log_cursor_init(&cursor, &chunk->shown, header->first_offset);
    while (cursor.offset < below && log_cursor_next(&cursor, &record)) {
        out->bytes_before += record.data.len;
        out->time_before = record.time_ms;
    }
    log_chunk_unref(&chunk->shown);
    return true;
}

bool log_bytes_below(struct log *log, uint64_t offset, uint64_t *bytes, struct error *err)
{
    struct start at = {0};
    pthread_mutex_lock(&log->trim_lock); /* what is measured is not removed meanwhile */
    struct log_bounds bounds;
    log_bounds(log, &bounds);
    bool ok = offset <= bounds.first || offset >= bounds.next || measure(log, offset, &at, err);
    uint64_t before = log->start.bytes_before; /* only trimming changes it */
    pthread_mutex_unlock(&log->trim_lock);
    if (ok && offset > bounds.next) {
        return error_set(err, ERR_INVALID, "offset %" PRIu64 " of log %s: it ends at %" PRIu64, offset,
                         log->dir, bounds.next);
    }
    *bytes = offset <= bounds.first ? 0 : offset == bounds.next ? bounds.bytes : at.bytes_before - before;
    return ok;
}

/* *nothing: the mark is there or above already. */
static bool next_start(struct log *log, uint64_t below, struct start *out, bool *nothing, struct error *err)
{
    pthread_mutex_lock(&log->lock);
    uint64_t next = log->next;
    *nothing = below <= log->start.first;
    if (below == next && log->has_active)
        *out = (struct start){next, log->active.bytes_end, log->active.last_time};
    pthread_mutex_unlock(&log->lock);
    if (below > next) {
        error_set(err, ERR_INVALID, "trim log %s below offset %" PRIu64 ": it ends at %" PRIu64, log->dir,
                  below, next);
        return false;
    }
    return *nothing || below == next || measure(log, below, out, err);
}

/* The oldest segment, if all of it is below the mark. One segment always stays, so that a log that has lost its files is
 * told from an empty one. */
static bool oldest_trimmed(struct log *log, uint64_t *first)
{
    pthread_mutex_lock(&log->lock);
    bool found = log->has_active && log->sealed_count != 0 && log->sealed[0].end <= log->start.first;
    if (found)
        *first = log->sealed[0].first;
    pthread_mutex_unlock(&log->lock);
    return found;
}

static bool remove_one(struct log *log, uint64_t first, const char *suffix, struct error *err)
{
    const struct log_io *io = log->engine->io;
    char path[LOG_PATH_BYTES];
    path_of_segment(path, log->dir, first, suffix);
    int rc = io->unlink(io->ctx, path);
    return rc >= 0 || rc == -ENOENT || io_failed(err, rc, "remove", path);
}

static bool remove_trimmed(struct log *log, struct error *err)
{
    const struct log_io *io = log->engine->io;
    bool any = false, ok = true;
    for (uint64_t first; ok && oldest_trimmed(log, &first);) {
        FAULT_POINT("log.before_remove");
        ok = remove_one(log, first, ".seg", err) && remove_one(log, first, ".idx", err);
        if (ok) {
            pthread_mutex_lock(&log->lock);
            log->sealed_count--;
            memmove(log->sealed, log->sealed + 1, log->sealed_count * sizeof *log->sealed);
            pthread_mutex_unlock(&log->lock);
            files_drop(log->engine, log->id, first);
            any = true;
        }
    }
    int rc = any ? io->sync_dir(io->ctx, log->dir_fd) : 0;
    FAULT_POINT("log.after_remove");
    return ok && (rc >= 0 || io_failed(err, rc, "sync the directory", log->dir));
}

/* All of the active segment is trimmed, and it is large. */
static bool active_is_waste(struct log *log)
{
    const struct segment *active = active_segment(log);
    return active != NULL && active->end == log->start.first && active->end != active->first &&
           active->data_bytes >= TRIMMED_BYTES_MATTER;
}

static void roll_on_writer(struct command *command)
{
    struct log *log = command->log;
    pthread_mutex_lock(&log->lock);
    bool waste = active_is_waste(log);
    pthread_mutex_unlock(&log->lock);
    struct error err;
    if (waste && !log->failed && !roll_next(log, &err)) {
        if (log->fresh_segment) /* the present one may not be appended to any more */
            log_fail(log, &err);
        LOG_WARNING("trimmed segment stays: the next one could not be made", LOG_TEXT("log", log->dir),
                    LOG_ERROR_OF(&err));
    }
    log_schedule(log);
}

static void roll_waste(struct log *log)
{
    pthread_mutex_lock(&log->lock);
    bool waste = active_is_waste(log);
    pthread_mutex_unlock(&log->lock);
    struct command command = {.run = roll_on_writer, .log = log};
    if (waste)
        engine_run_command(log->writer, &command);
}

bool log_trim(struct log *log, uint64_t below, struct error *err)
{
    struct start start;
    bool nothing;
    pthread_mutex_lock(&log->trim_lock);
    bool ok = next_start(log, below, &start, &nothing, err);
    if (ok && !nothing) {
        FAULT_POINT("log.before_trim");
        ok = start_write(log->engine->io, log->dir, log->dir_fd, &start, err);
    }
    if (ok && !nothing) {
        FAULT_POINT("log.after_trim");
        pthread_mutex_lock(&log->lock);
        log->start = start;
        pthread_mutex_unlock(&log->lock);
    }
    if (ok)
        roll_waste(log);
    ok = ok && remove_trimmed(log, err);
    pthread_mutex_unlock(&log->trim_lock);
    return ok;
}
