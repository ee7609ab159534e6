/* Chunks: batches in a row, and the cursor that walks their records.
 *
 * A part is one batch: its header and its decompressed body, in a block that others share. Bodies from the disk have been
 * checked as a whole before they become a part, so the cursor meets no malformed record. */
#include "log/log_internal.h"

#include "base/mem.h"

#include <assert.h>

static struct chunk *chunk_of(struct log_chunk *shown)
{
    return CONTAINER_OF(shown, struct chunk, shown);
}

struct chunk *chunk_new(size_t parts)
{
    struct chunk *chunk = mem_zalloc(sizeof *chunk + parts * sizeof chunk->parts[0]);
    atomic_init(&chunk->shown.refs, 1);
    chunk->cap = parts;
    return chunk;
}

void chunk_add(struct chunk *chunk, struct log_block *block, const uint8_t *body,
               const struct batch_header *header)
{
    assert(chunk->count < chunk->cap && header->count != 0);
    assert(chunk->count == 0 || chunk->shown.next_offset == header->first_offset);
    chunk->parts[chunk->count++] = (struct chunk_part){block, body, *header};
    if (chunk->count == 1)
        chunk->shown.first_offset = header->first_offset;
    chunk->shown.next_offset = batch_end(header);
    chunk->shown.bytes += header->raw_bytes;
}

struct log_chunk *log_chunk_of_batch(struct log_batch *batch, uint64_t first_offset)
{
    struct log_block *block = batch->block;
    assert(block != NULL && block->len <= UINT32_MAX);
    struct chunk *chunk = chunk_new(1);
    const struct batch_header header = {
        .count = block->count,
        .raw_bytes = (uint32_t)block->len,
        .first_offset = first_offset,
        .base_time = block->header.base_time,
        .floor_time = block->header.base_time,
        .last_time = block->last_time,
    };
    chunk_add(chunk, block_ref(block), block->body, &header);
    log_batch_reset(batch);
    return &chunk->shown;
}

struct log_chunk *log_chunk_ref(struct log_chunk *chunk)
{
    atomic_fetch_add_explicit(&chunk->refs, 1, memory_order_relaxed);
    return chunk;
}

void log_chunk_unref(struct log_chunk *shown)
{
    /* Release: what this thread did with it comes before its end; acquire: the end comes after all of that. */
    if (shown == NULL || atomic_fetch_sub_explicit(&shown->refs, 1, memory_order_acq_rel) != 1)
        return;
    struct chunk *chunk = chunk_of(shown);
    for (size_t i = 0; i < chunk->count; i++)
        block_unref(chunk->parts[i].block);
    mem_free(chunk);
}

/* To the beginning of the batch. */
static void enter(struct log_cursor *cursor, size_t batch)
{
    struct chunk *chunk = chunk_of(cursor->chunk);
    cursor->batch = batch;
    cursor->at = 0;
    if (batch < chunk->count) {
        cursor->offset = chunk->parts[batch].header.first_offset;
        cursor->time_ms = chunk->parts[batch].header.base_time;
    }
}

void log_cursor_init(struct log_cursor *cursor, struct log_chunk *shown, uint64_t offset)
{
    struct chunk *chunk = chunk_of(shown);
    *cursor = (struct log_cursor){.chunk = shown};
    size_t low = 0, high = chunk->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (batch_end(&chunk->parts[middle].header) <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    enter(cursor, low);
    struct log_record skipped;
    while (low < chunk->count && cursor->offset < offset && log_cursor_next(cursor, &skipped))
        ;
}

bool log_cursor_next(struct log_cursor *cursor, struct log_record *out)
{
    struct chunk *chunk = chunk_of(cursor->chunk);
    if (cursor->batch >= chunk->count)
        return false;
    const struct chunk_part *part = &chunk->parts[cursor->batch];
    uint32_t at = (uint32_t)cursor->at;
    struct record_view record;
    bool whole = record_take(part->body, part->header.raw_bytes, &at, &record);
    assert(whole);
    (void)whole;
    cursor->at = at;
    cursor->time_ms += record.delta_ms;
    int64_t floor = part->header.floor_time;
    out->offset = cursor->offset++;
    out->time_ms = cursor->time_ms > floor ? cursor->time_ms : floor;
    out->data = str_make(record.data, record.len);
    if (cursor->offset == batch_end(&part->header))
        enter(cursor, cursor->batch + 1);
    return true;
}
