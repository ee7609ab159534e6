/* The tail: the newest committed batches stay in memory, as the appenders left them, so that who reads along with the
 * appends never asks the disk.
 *
 * Each log holds its blocks in a ring, ordered by offset and without gaps up to its end. The budget is shared by all logs
 * of a writer thread: its blocks also hang in one list by age, and the oldest goes first, whichever log it belongs to. It
 * is then the oldest of its own log, too. A busy log lives at the cost of idle ones, which have the disk. */
#include "log/log_internal.h"

#include "base/mem.h"

#include <assert.h>

#define RING_FIRST 4
#define PARTS_MAX  1024 /* of one read: bounds the time under the lock */

static struct log_block *tail_at(const struct log *log, uint32_t i)
{
    return log->tail[(log->tail_head + i) & (log->tail_cap - 1)];
}

static void grow(struct log *log)
{
    uint32_t cap = log->tail_cap != 0 ? 2 * log->tail_cap : RING_FIRST;
    struct log_block **ring = mem_alloc(cap * sizeof(struct log_block *));
    for (uint32_t i = 0; i < log->tail_count; i++)
        ring[i] = tail_at(log, i);
    mem_free(log->tail);
    log->tail = ring;
    log->tail_cap = cap;
    log->tail_head = 0;
}

void tail_push(struct log *log, struct log_block *block)
{
    struct writer *writer = log->writer;
    block_unref(block->compressed); /* the disk has it */
    block->compressed = NULL;
    block->log = log;
    if (log->tail_count == log->tail_cap)
        grow(log);
    log->tail[(log->tail_head + log->tail_count) & (log->tail_cap - 1)] = block;
    log->tail_count++;
    list_append(&writer->tail_age, &block->age);
    writer->tail_bytes += block_bytes(block);
}

/* Takes the log's oldest block out. */
static struct log_block *shift(struct log *log)
{
    struct log_block *block = tail_at(log, 0);
    log->tail_head = (log->tail_head + 1) & (log->tail_cap - 1);
    log->tail_count--;
    if (log->tail_count == 0) {
        mem_free(log->tail);
        log->tail = NULL;
        log->tail_cap = 0;
        log->tail_head = 0;
    }
    list_remove(&block->age);
    log->writer->tail_bytes -= block_bytes(block);
    return block;
}

void tail_trim_to_budget(struct writer *writer)
{
    while (writer->tail_bytes > writer->engine->tail_bytes_max) {
        struct log_block *oldest = CONTAINER_OF(writer->tail_age.next, struct log_block, age);
        struct log *log = oldest->log;
        pthread_mutex_lock(&log->lock);
        struct log_block *block = shift(log);
        pthread_mutex_unlock(&log->lock);
        assert(block == oldest);
        block_unref(block);
    }
}

void tail_drop(struct log *log)
{
    pthread_mutex_lock(&log->lock);
    while (log->tail_count != 0)
        block_unref(shift(log));
    pthread_mutex_unlock(&log->lock);
}

/* The number of blocks that end at or below the offset. */
static uint32_t blocks_below(const struct log *log, uint64_t offset)
{
    uint32_t low = 0, high = log->tail_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (batch_end(&tail_at(log, middle)->header) <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct chunk *tail_read(struct log *log, uint64_t offset, size_t max_bytes)
{
    if (log->tail_count == 0 || offset < tail_at(log, 0)->header.first_offset)
        return NULL;
    uint32_t from = blocks_below(log, offset);
    assert(from < log->tail_count); /* the offset is below the log's end */
    uint32_t to = from;
    size_t bytes = 0;
    do {
        bytes += tail_at(log, to)->len;
        to++;
    } while (to < log->tail_count && to - from < PARTS_MAX && bytes + tail_at(log, to)->len <= max_bytes);
    struct chunk *chunk = chunk_new(to - from);
    for (; from < to; from++) {
        struct log_block *block = tail_at(log, from);
        chunk_add(chunk, block_ref(block), block->body, &block->header);
    }
    return chunk;
}
