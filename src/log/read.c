/* Reading: from the tail in memory, or from a file.
 *
 *     the tail has the offset ─▶ its blocks, by reference
 *     else: segment ─▶ file (files.c) ─▶ place: a hint, or the index and then from header to header ─▶ one pread ─▶ check
 *
 * Every batch from a file is checked whole: header, continuation, CRC, and after decompression its records. One that is
 * not right is an error if it is the first of the read; otherwise the read ends before it, and the next one meets it.
 *
 * What a batch becomes may be a thousand times what is stored of it: a read is bounded by both.
 *
 * Marked batches are found by what the segments and their indexes say of them, then from header to header; the tail is not
 * asked. They are read in runs: as many as follow each other.
 *
 * A reader holds no lock while it reads. What can happen meanwhile: the segment is trimmed away (the file is gone, or
 * still open and whole), or, after a failed sync, replaced by one of the same name. In both cases the look-up is done
 * again: the salt in memory no longer is that of the file, or the offset lies below the low-water mark. */
#include "log/log_internal.h"

#include "base/crc32c.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>

#define HEADERS_WINDOW_BYTES (16u << 10)
#define LOOKUPS_MAX          8
#define PARTS_FIRST          16

/* Where to look: a copy of what was true under the log's lock. */
struct spot {
    struct segment segment;
    bool sealed;
    uint64_t position; /* of a batch of the active segment that is not behind what is sought */
};

static bool reaches(const struct seek *seek, uint64_t end, int64_t last_time, uint64_t bytes_end)
{
    switch (seek->by) {
    case SEEK_OFFSET: return end > seek->number;
    case SEEK_TIME: return last_time >= seek->time_ms;
    case SEEK_BYTES: return bytes_end >= seek->number;
    }
    return false;
}

/* Whether the batches before this entry's cannot reach it. */
static bool may_start_at(const struct seek *seek, const struct index_entry *entry)
{
    switch (seek->by) {
    case SEEK_OFFSET: return entry->offset <= seek->number;
    case SEEK_TIME: return entry->time < seek->time_ms;
    case SEEK_BYTES: return entry->bytes_before < seek->number;
    }
    return false;
}

/* The entry from which on to look; the index is not empty. */
static uint32_t index_find(const struct index *index, const struct seek *seek)
{
    uint32_t low = 0, high = index->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (may_start_at(seek, &index->entries[middle])) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low != 0 ? low - 1 : 0;
}

/* The next entry from this one on that may lead to a marked batch, or the count of entries. */
static uint32_t index_find_marked(const struct index *index, uint32_t from)
{
    while (from < index->count && !index->entries[from].marked)
        from++;
    return from;
}

static uint64_t index_position(const struct index *index, const struct seek *seek)
{
    if (index->count == 0)
        return SEGMENT_HEADER_BYTES;
    uint32_t from = index_find(index, seek);
    uint32_t marked = seek->marked ? index_find_marked(index, from) : from;
    return index->entries[marked < index->count ? marked : from].position;
}

/* The first segment that reaches it. Under the log's lock. */
static bool find_spot(struct log *log, const struct seek *seek, struct spot *out)
{
    uint32_t low = 0, high = log->sealed_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct segment *segment = &log->sealed[middle];
        if (reaches(seek, segment->end, segment->last_time, segment->bytes_end)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    while (seek->marked && low < log->sealed_count && log->sealed[low].marked_end <= seek->number)
        low++;
    if (low < log->sealed_count) {
        *out = (struct spot){.segment = log->sealed[low], .sealed = true};
        return true;
    }
    const struct segment *active = active_segment(log);
    if (active == NULL || active->first == active->end ||
        !reaches(seek, seek->marked ? active->marked_end : active->end, active->last_time, active->bytes_end))
        return false;
    *out = (struct spot){.segment = *active, .position = index_position(&log->index, seek)};
    return true;
}

/* ---- Reading bytes --------------------------------------------------------------------------------------------- */

/* What one read is about. */
struct reading {
    struct log *log;
    const struct spot *spot;
    struct read_file *file;
    bool nowait;
    struct error *err;
};

static bool corrupt(const struct reading *reading, uint64_t position, const char *what)
{
    char path[LOG_PATH_BYTES];
    path_of_segment(path, reading->log->dir, reading->spot->segment.first, ".seg");
    return log_is_corrupt(reading->err, path, position, what);
}

/* Reads up to `len` bytes, fewer only if the rest would block. -1: failed. */
static int64_t read_bytes(const struct reading *reading, void *out, size_t len, uint64_t position)
{
    const struct log_io *io = reading->log->engine->io;
    size_t done = 0;
    while (done < len) {
        int64_t got = io->pread(io->ctx, reading->file->fd, (uint8_t *)out + done, len - done,
                                position + done, reading->nowait);
        if (got == -EAGAIN && reading->nowait)
            break;
        if (got < 0) {
            char path[LOG_PATH_BYTES];
            path_of_segment(path, reading->log->dir, reading->spot->segment.first, ".seg");
            io_failed(reading->err, got, "read", path);
            return -1;
        }
        if (got == 0) {
            corrupt(reading, position + done, "the file ends here");
            return -1;
        }
        done += (size_t)got;
    }
    return (int64_t)done;
}

/* Decodes the header at `position` and checks that its body lies within what is committed. */
static bool decode_at(const struct reading *reading, const uint8_t *bytes, uint64_t position,
                      struct batch_header *out)
{
    const struct segment *segment = &reading->spot->segment;
    const char *wrong = batch_header_decode(bytes, segment->salt, out);
    if (wrong == NULL && out->stored_bytes > segment->data_bytes - position - BATCH_HEADER_BYTES)
        wrong = "the segment ends within a batch";
    if (wrong == NULL && (out->first_offset < segment->first || batch_end(out) > segment->end))
        wrong = "the batch does not belong into this segment";
    return wrong == NULL || corrupt(reading, position, wrong);
}

/* ---- Finding a batch --------------------------------------------------------------------------------------------- */

/* A piece of the file, for looking at headers one after the other. */
struct headers {
    uint64_t position;
    size_t len;
    uint8_t window[HEADERS_WINDOW_BYTES];
};

static enum log_read_result header_at(const struct reading *reading, struct headers *headers, uint64_t at,
                                      struct batch_header *out)
{
    if (headers->len == 0 || at < headers->position ||
        at + BATCH_HEADER_BYTES > headers->position + headers->len) {
        uint64_t left = reading->spot->segment.data_bytes - at;
        size_t want = left < sizeof headers->window ? (size_t)left : sizeof headers->window;
        int64_t got = read_bytes(reading, headers->window, want, at);
        headers->len = got < 0 ? 0 : (size_t)got;
        headers->position = at;
        if (got < BATCH_HEADER_BYTES)
            return got < 0 ? LOG_READ_FAILED : LOG_READ_BLOCKS;
    }
    return decode_at(reading, headers->window + (at - headers->position), at, out) ? LOG_READ
                                                                                   : LOG_READ_FAILED;
}

static bool room_for_header(const struct reading *reading, uint64_t at)
{
    uint64_t end = reading->spot->segment.data_bytes;
    return at <= end && end - at >= BATCH_HEADER_BYTES;
}

static bool is_sought(const struct seek *seek, const struct batch_header *header)
{
    return header->count != 0 && (header->marked || !seek->marked) &&
           reaches(seek, batch_end(header), header->last_time, header->bytes_before + header->record_bytes);
}

/* From header to header until one reaches what is sought. LOG_READ_END: none does that begins before `limit`. */
static enum log_read_result hop(const struct reading *reading, struct headers *headers,
                                const struct seek *seek, uint64_t limit, uint64_t *position)
{
    for (uint64_t at = *position; at < limit;) {
        struct batch_header header;
        if (!room_for_header(reading, at)) {
            corrupt(reading, at, "the segment ends before the batch that is sought");
            return LOG_READ_FAILED;
        }
        enum log_read_result result = header_at(reading, headers, at, &header);
        if (result != LOG_READ)
            return result;
        if (is_sought(seek, &header)) {
            *position = at;
            return LOG_READ;
        }
        at += BATCH_HEADER_BYTES + (uint64_t)header.stored_bytes;
    }
    return LOG_READ_END;
}

/* The bytes of the marked batches from this one on that follow each other: at least of it, at most about max_bytes. */
static size_t run_bytes(const struct reading *reading, struct headers *headers, uint64_t position,
                        size_t max_bytes)
{
    struct batch_header header;
    uint64_t at = position;
    do {
        if (header_at(reading, headers, at, &header) != LOG_READ || (header.count != 0 && !header.marked))
            break;
        at += BATCH_HEADER_BYTES + (uint64_t)header.stored_bytes;
    } while (at - position < max_bytes && room_for_header(reading, at));
    return (size_t)(at - position);
}

/* Leaves out where the index knows of no marked batch. */
static enum log_read_result find_marked(const struct reading *reading, struct headers *headers,
                                        const struct seek *seek, uint64_t *position)
{
    const uint64_t end = reading->spot->segment.data_bytes;
    const struct index *index = &reading->file->index;
    if (!reading->spot->sealed || index->count == 0)
        return hop(reading, headers, seek, end, position);
    enum log_read_result result = LOG_READ_END;
    uint32_t entry = index_find_marked(index, index_find(index, seek));
    for (; result == LOG_READ_END && entry < index->count; entry = index_find_marked(index, entry + 1)) {
        if (index->entries[entry].position > *position)
            *position = index->entries[entry].position;
        uint64_t limit = entry + 1 < index->count ? index->entries[entry + 1].position : end;
        result = hop(reading, headers, seek, limit, position);
    }
    return result;
}

/* *max_bytes: lowered to what belongs together. */
static enum log_read_result find_batch(const struct reading *reading, const struct seek *seek,
                                       uint64_t *position, size_t *max_bytes)
{
    const struct spot *spot = reading->spot;
    struct headers headers;
    headers.len = 0;
    bool hinted = seek->by == SEEK_OFFSET &&
                  files_hinted(reading->log->engine, reading->file, seek->number, position) &&
                  *position < spot->segment.data_bytes;
    if (hinted && !seek->marked)
        return LOG_READ;
    uint64_t known = spot->sealed ? index_position(&reading->file->index, seek) : spot->position;
    if (!hinted || known > *position)
        *position = known;
    if (!seek->marked)
        return hop(reading, &headers, seek, UINT64_MAX, position);
    enum log_read_result result = find_marked(reading, &headers, seek, position);
    if (result == LOG_READ)
        *max_bytes = run_bytes(reading, &headers, *position, *max_bytes);
    return result;
}

/* ---- Taking batches ------------------------------------------------------------------------------------------------ */

static struct log_block *try_block(size_t cap, struct error *err)
{
    struct log_block *block = mem_try_alloc(sizeof *block + cap);
    if (block == NULL) {
        error_set(err, ERR_NO_MEMORY, "no memory to read a batch of %zu bytes", cap);
        return NULL;
    }
    memset(block, 0, sizeof *block);
    atomic_init(&block->refs, 1);
    block->cap = cap;
    return block;
}

/* Checks one batch whose bytes are in `block` and adds it to the chunk. */
static bool take_batch(const struct reading *reading, struct chunk **chunk, struct log_block *block,
                       const uint8_t *stored, const struct batch_header *header, uint64_t position)
{
    if (crc32c(0, stored, header->stored_bytes) != header->body_crc)
        return corrupt(reading, position, "the batch does not match its checksum");
    struct log_block *holder = block_ref(block);
    const uint8_t *body = stored;
    if (header->codec == CODEC_ZSTD) {
        block_unref(holder);
        holder = try_block(header->raw_bytes, reading->err);
        if (holder == NULL)
            return false;
        body = holder->body;
        const char *wrong = body_decompress(header, stored, holder->body);
        if (wrong != NULL) {
            block_unref(holder);
            return corrupt(reading, position, wrong);
        }
    }
    if (!body_is_well_formed(header, body)) {
        block_unref(holder);
        return corrupt(reading, position, "the batch does not hold the records that its header counts");
    }
    if ((*chunk)->count == (*chunk)->cap) {
        (*chunk)->cap *= 2;
        *chunk = mem_realloc(*chunk, sizeof **chunk + (*chunk)->cap * sizeof(*chunk)->parts[0]);
    }
    chunk_add(*chunk, holder, body, header);
    return true;
}

/* Takes the batches that lie whole in the first `len` bytes of the block, and at most max_bytes of decompressed bodies, but
 * at least one. *next: where the first one lies that is not taken. False: one of them is not right. */
static bool take_batches(const struct reading *reading, struct chunk **chunk, struct log_block *block,
                         size_t len, size_t max_bytes, uint64_t position, uint64_t *next,
                         struct batch_header *header)
{
    const uint8_t *bytes = block->body;
    size_t at = 0;
    bool ok = true;
    while (ok && len - at >= BATCH_HEADER_BYTES) {
        ok = decode_at(reading, bytes + at, position + at, header);
        if (!ok || header->stored_bytes > len - at - BATCH_HEADER_BYTES)
            break;
        if ((*chunk)->count != 0 && header->first_offset != (*chunk)->shown.next_offset)
            ok = corrupt(reading, position + at, "the batch's offset does not continue the batch before");
        if (ok && (*chunk)->count != 0 && (*chunk)->shown.bytes + header->raw_bytes > max_bytes)
            break;
        if (ok && header->count != 0)
            ok = take_batch(reading, chunk, block, bytes + at + BATCH_HEADER_BYTES, header, position + at);
        if (ok)
            at += BATCH_HEADER_BYTES + (size_t)header->stored_bytes;
    }
    *next = position + at;
    return ok;
}

/* Reads from `position`, where a batch begins, about max_bytes of batches, at least one: as many are read from the file, and
 * of those no more are decompressed. */
static enum log_read_result read_batches(const struct reading *reading, size_t max_bytes, uint64_t position,
                                         struct chunk **out)
{
    uint64_t left = reading->spot->segment.data_bytes - position;
    size_t want = max_bytes < BATCH_BODY_MAX ? max_bytes + BATCH_HEADER_BYTES : BATCH_BODY_MAX;
    struct chunk *chunk = chunk_new(PARTS_FIRST);
    enum log_read_result result = LOG_READ;
    for (;;) {
        want = left < want ? (size_t)left : want;
        struct log_block *block = try_block(want, reading->err);
        int64_t got = block != NULL ? read_bytes(reading, block->body, want, position) : -1;
        if (got < 0) {
            block_unref(block);
            result = LOG_READ_FAILED;
            break;
        }
        uint64_t next;
        struct batch_header header = {0};
        bool ok = take_batches(reading, &chunk, block, (size_t)got, max_bytes, position, &next, &header);
        block_unref(block);
        if (chunk->count != 0) {
            files_hint(reading->log->engine, reading->file, chunk->shown.next_offset, next);
            break;
        }
        if (!ok || (size_t)got < want) {
            result = ok ? LOG_READ_BLOCKS : LOG_READ_FAILED;
            break;
        }
        /* The first batch is larger, or there was a stamp before it. */
        size_t whole = BATCH_HEADER_BYTES + (size_t)header.stored_bytes;
        if (next == position && (whole <= want || want == left)) {
            corrupt(reading, position, "the segment ends within a batch");
            result = LOG_READ_FAILED;
            break;
        }
        left -= next - position;
        position = next;
        want = whole > want ? whole : want;
    }
    if (result != LOG_READ) {
        log_chunk_unref(&chunk->shown);
        chunk = NULL;
    }
    *out = chunk;
    return result;
}

static enum log_read_result read_spot(struct log *log, const struct spot *spot, const struct seek *seek,
                                      size_t max_bytes, unsigned flags, struct chunk **out, bool *gone,
                                      struct error *err)
{
    struct reading reading = {.log = log, .spot = spot, .nowait = (flags & LOG_NOWAIT) != 0, .err = err};
    switch (files_get(log, &spot->segment, spot->sealed, reading.nowait, &reading.file, err)) {
    case FILES_OK: break;
    case FILES_BLOCKS: return LOG_READ_BLOCKS;
    case FILES_GONE: *gone = true; return LOG_READ_FAILED;
    case FILES_FAILED: return LOG_READ_FAILED;
    }
    uint64_t position;
    enum log_read_result result = find_batch(&reading, seek, &position, &max_bytes);
    if (result == LOG_READ)
        result = read_batches(&reading, max_bytes, position, out);
    if (result == LOG_READ && seek->by == SEEK_OFFSET &&
        ((seek->number < (*out)->shown.first_offset && !seek->marked) ||
         seek->number >= (*out)->shown.next_offset)) {
        log_chunk_unref(&(*out)->shown);
        corrupt(&reading, position, "not the batch that is sought");
        result = LOG_READ_FAILED;
    }
    files_put(log->engine, reading.file);
    return result;
}

enum log_read_result read_seek(struct log *log, const struct seek *wanted, size_t max_bytes, unsigned flags,
                               struct chunk **out, struct error *err)
{
    struct error failure;
    struct spot former = {.segment = {.first = UINT64_MAX}};
    struct seek seek = *wanted;
    for (unsigned failures = 0;;) {
        struct spot spot;
        pthread_mutex_lock(&log->lock);
        if (seek.by == SEEK_OFFSET) {
            bool trimmed = seek.number < log->start.first;
            bool behind = seek.number >= log->next;
            *out = trimmed || behind || seek.marked ? NULL : tail_read(log, seek.number, max_bytes);
            if (trimmed || behind || *out != NULL) {
                pthread_mutex_unlock(&log->lock);
                return trimmed ? LOG_READ_TRIMMED : behind ? LOG_READ_END : LOG_READ;
            }
        }
        bool found = find_spot(log, &seek, &spot);
        pthread_mutex_unlock(&log->lock);
        if (!found)
            return LOG_READ_END;
        /* The same segment again: then it is what it seems to be. */
        bool again = spot.segment.first == former.segment.first && spot.segment.salt == former.segment.salt;
        bool gone = false;
        enum log_read_result result = read_spot(log, &spot, &seek, max_bytes, flags, out, &gone, &failure);
        if (result == LOG_READ_END) { /* what may have been marked in it was cut off with its end */
            seek.number = spot.segment.end;
            continue;
        }
        if (result != LOG_READ_FAILED || (again && !gone) || failures == LOOKUPS_MAX) {
            if (result == LOG_READ_FAILED && err != NULL)
                *err = failure;
            return result;
        }
        former = spot;
        failures++;
    }
}

enum log_read_result log_read(struct log *log, uint64_t offset, size_t max_bytes, unsigned flags,
                              struct log_chunk **out, struct error *err)
{
    struct chunk *chunk = NULL;
    const struct seek seek = {.by = SEEK_OFFSET, .number = offset, .marked = (flags & LOG_MARKED) != 0};
    enum log_read_result result = read_seek(log, &seek, max_bytes, flags, &chunk, err);
    if (result == LOG_READ)
        *out = &chunk->shown;
    return result;
}
