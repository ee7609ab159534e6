/* What a log holds: its bounds, and the offsets where a time or a number of bytes begins. */
#include "log/log_internal.h"

void log_bounds(struct log *log, struct log_bounds *out)
{
    *out = (struct log_bounds){0};
    pthread_mutex_lock(&log->lock);
    const struct segment *active = active_segment(log);
    uint64_t bytes_end = active != NULL ? active->bytes_end : log->start.bytes_before;
    out->first = log->start.first;
    out->next = log->next;
    out->bytes = bytes_end - log->start.bytes_before;
    for (uint32_t i = 0; i < log->sealed_count; i++)
        out->disk_bytes += log->sealed[i].file_bytes;
    out->segments = log->sealed_count + (active != NULL);
    if (active != NULL)
        out->disk_bytes += active->file_bytes;
    pthread_mutex_unlock(&log->lock);
}

/* At least the low-water mark. */
static uint64_t not_trimmed(struct log *log, uint64_t offset)
{
    pthread_mutex_lock(&log->lock);
    uint64_t first = log->start.first;
    pthread_mutex_unlock(&log->lock);
    return offset > first ? offset : first;
}

/* The first batch that reaches it. False: failed. *chunk NULL: there is none, and *offset is the end. */
static bool seek_batch(struct log *log, const struct seek *seek, struct chunk **chunk, uint64_t *offset,
                       struct error *err)
{
    /* The end as it was before the search: what comes later does not count. */
    pthread_mutex_lock(&log->lock);
    *offset = log->next;
    pthread_mutex_unlock(&log->lock);
    *chunk = NULL;
    return read_seek(log, seek, 1, 0, chunk, err) != LOG_READ_FAILED;
}

bool log_offset_of_time(struct log *log, int64_t time_ms, uint64_t *offset, struct error *err)
{
    struct chunk *chunk;
    struct seek seek = {.by = SEEK_TIME, .time_ms = time_ms};
    if (!seek_batch(log, &seek, &chunk, offset, err))
        return false;
    if (chunk != NULL) {
        struct log_cursor cursor;
        struct log_record record;
        *offset = chunk->shown.next_offset;
        log_cursor_init(&cursor, &chunk->shown, chunk->shown.first_offset);
        while (log_cursor_next(&cursor, &record)) {
            if (record.time_ms >= time_ms) {
                *offset = record.offset;
                break;
            }
        }
        log_chunk_unref(&chunk->shown);
    }
    *offset = not_trimmed(log, *offset);
    return true;
}

bool log_offset_of_bytes(struct log *log, uint64_t bytes, uint64_t *offset, struct error *err)
{
    pthread_mutex_lock(&log->lock);
    const struct segment *active = active_segment(log);
    uint64_t end = active != NULL ? active->bytes_end : log->start.bytes_before;
    uint64_t before = log->start.bytes_before;
    *offset = log->start.first;
    pthread_mutex_unlock(&log->lock);
    if (end - before <= bytes)
        return true;
    /* The records before the offset hold at least so many bytes. */
    struct seek seek = {.by = SEEK_BYTES, .number = end - bytes};
    struct chunk *chunk;
    if (!seek_batch(log, &seek, &chunk, offset, err))
        return false;
    if (chunk != NULL) {
        struct log_cursor cursor;
        struct log_record record;
        uint64_t sum = chunk->parts[0].header.bytes_before;
        *offset = chunk->shown.first_offset;
        log_cursor_init(&cursor, &chunk->shown, *offset);
        while (sum < seek.number && log_cursor_next(&cursor, &record)) {
            sum += record.data.len;
            *offset = record.offset + 1;
        }
        log_chunk_unref(&chunk->shown);
    }
    *offset = not_trimmed(log, *offset);
    return true;
}
