/* Reading a segment from its beginning, batch by batch, and telling its end from damage. The rules are in segment.c.
 *
 * The file is read in pieces (the window); a batch that is larger than one makes it grow to that size, so memory is
 * bounded by the largest batch that the file can hold. */
#include "log/log_internal.h"

#include "base/crc32c.h"
#include "base/mem.h"

#define WINDOW_BYTES (1u << 20)

/* Makes `len` bytes from `position` on available; fewer where the file ends. NULL: failed, or no memory for them. */
static const uint8_t *window_at(struct scan *scan, uint64_t position, size_t len, struct error *err)
{
    uint64_t left = scan->file_bytes - position;
    len = left < len ? (size_t)left : len;
    if (position >= scan->window_position && position + len <= scan->window_position + scan->window_len)
        return scan->window + (position - scan->window_position);
    size_t want = len > WINDOW_BYTES ? len : WINDOW_BYTES;
    want = left < want ? (size_t)left : want;
    if (want > scan->window_cap) {
        uint8_t *larger = mem_try_realloc(scan->window, want);
        if (larger == NULL) {
            error_set(err, ERR_NO_MEMORY, "no memory to read %zu bytes of %s", want, scan->path);
            return NULL;
        }
        scan->window = larger;
        scan->window_cap = want;
    }
    scan->window_len = 0;
    if (!read_fully(scan->io, scan->fd, scan->window, want, position, scan->path, err))
        return NULL;
    scan->window_position = position;
    scan->window_len = want;
    return scan->window;
}

bool scan_open(struct scan *scan, const struct log_io *io, const char *path, uint64_t first,
               struct error *err)
{
    *scan = (struct scan){.io = io, .path = path, .fd = -1};
    int64_t size = io->size(io->ctx, path);
    if (size < 0)
        return io_failed(err, size, "look at", path);
    if (size < SEGMENT_HEADER_BYTES)
        return log_is_corrupt(err, path, 0, "shorter than the header of a segment");
    scan->fd = io->open(io->ctx, path, 0);
    if (scan->fd < 0)
        return io_failed(err, scan->fd, "open", path);
    scan->file_bytes = (uint64_t)size;
    const uint8_t *bytes = window_at(scan, 0, SEGMENT_HEADER_BYTES, err);
    if (bytes == NULL) {
        scan_close(scan);
        return false;
    }
    const char *wrong = segment_header_decode(bytes, &scan->head);
    if (wrong == NULL && scan->head.first_offset != first)
        wrong = "the segment's first offset is not that of its name";
    if (wrong != NULL) {
        scan_close(scan);
        return log_is_corrupt(err, path, 0, wrong);
    }
    scan->position = SEGMENT_HEADER_BYTES;
    scan->offset = scan->head.first_offset;
    scan->bytes = scan->head.bytes_before;
    scan->time = scan->head.time_before;
    return true;
}

void scan_close(struct scan *scan)
{
    if (scan->fd >= 0)
        scan->io->close(scan->io->ctx, scan->fd);
    scan->fd = -1;
    mem_free(scan->window);
    scan->window = NULL;
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
    return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

/* Whether the file holds nothing but zeros from the position on. */
static enum scan_result end_or_bad(struct scan *scan, const char *what, struct error *err)
{
    for (uint64_t at = scan->position; at < scan->file_bytes;) {
        uint64_t left = scan->file_bytes - at;
        size_t len = left < WINDOW_BYTES ? (size_t)left : WINDOW_BYTES;
        const uint8_t *bytes = window_at(scan, at, len, err);
        if (bytes == NULL)
            return SCAN_FAILED;
        if (!all_zero(bytes, len)) {
            scan->what = what;
            return SCAN_BAD;
        }
        at += len;
    }
    return SCAN_END;
}

static const char *continues(const struct scan *scan, const struct batch_header *batch)
{
    if (batch->first_offset != scan->offset)
        return "the batch's offset does not continue the batch before";
    if (batch->bytes_before != scan->bytes)
        return "the batch's count of bytes does not continue the batch before";
    if (batch->floor_time != scan->time)
        return "the batch's time does not continue the batch before";
    return NULL;
}

enum scan_result scan_next(struct scan *scan, struct error *err)
{
    uint64_t left = scan->file_bytes - scan->position;
    if (left < BATCH_HEADER_BYTES)
        return end_or_bad(scan, "the file ends within a batch's header", err);
    const uint8_t *bytes = window_at(scan, scan->position, BATCH_HEADER_BYTES, err);
    if (bytes == NULL)
        return SCAN_FAILED;
    struct batch_header batch;
    const char *wrong = batch_header_decode(bytes, scan->head.salt, &batch);
    if (wrong == NULL)
        wrong = continues(scan, &batch);
    if (wrong == NULL && batch.stored_bytes > left - BATCH_HEADER_BYTES)
        wrong = "the file ends within a batch";
    if (wrong != NULL)
        return end_or_bad(scan, wrong, err);
    bytes = window_at(scan, scan->position, BATCH_HEADER_BYTES + (size_t)batch.stored_bytes, err);
    if (bytes == NULL)
        return SCAN_FAILED;
    scan->stored = bytes + BATCH_HEADER_BYTES;
    if (crc32c(0, scan->stored, batch.stored_bytes) != batch.body_crc)
        return end_or_bad(scan, "the batch does not match its checksum", err);

    scan->batch = batch;
    scan->batch_position = scan->position;
    scan->position += BATCH_HEADER_BYTES + (uint64_t)batch.stored_bytes;
    scan->offset = batch_end(&batch);
    scan->bytes += batch.record_bytes;
    if (batch.count != 0)
        scan->time = batch.last_time;
    if (batch.marked)
        scan->marked_end = scan->offset;
    if (batch.durable > scan->durable)
        scan->durable = batch.durable;
    return SCAN_BATCH;
}

bool scan_is_corruption(struct scan *scan, bool *corrupt, struct error *err)
{
    *corrupt = false;
    /* Windows overlap by one header less a byte, so that each place is looked at with a whole header behind it. */
    for (uint64_t at = scan->position; scan->file_bytes - at >= BATCH_HEADER_BYTES;) {
        uint64_t left = scan->file_bytes - at;
        size_t len = left < WINDOW_BYTES ? (size_t)left : WINDOW_BYTES;
        const uint8_t *bytes = window_at(scan, at, len, err);
        if (bytes == NULL)
            return false;
        const uint8_t *last = bytes + len - BATCH_HEADER_BYTES;
        for (const uint8_t *next = bytes; next <= last; next++) {
            next = memchr(next, 'V', (size_t)(last - next) + 1);
            struct batch_header batch;
            if (next == NULL)
                break;
            if (batch_header_decode(next, scan->head.salt, &batch) == NULL && batch.durable > scan->offset) {
                *corrupt = true;
                return true;
            }
        }
        at += len - BATCH_HEADER_BYTES + 1;
    }
    return true;
}
