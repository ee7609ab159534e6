/* A ring of outgoing messages: see session_queue.h. */
#include "broker/session_queue.h"

#include "base/mem.h"

#define FIRST_SLOTS 8
#define KEEP_SLOTS  1024u /* an empty ring up to this size is kept for the next burst */

void outgoing_release(struct outgoing *outgoing)
{
    message_unref(outgoing->message);
    mem_free(outgoing->ids);
}

static void grow(struct session_queue *queue)
{
    uint32_t slots = queue->ring != NULL ? (queue->mask + 1) * 2 : FIRST_SLOTS;
    struct outgoing *ring = mem_alloc(slots * sizeof(*ring));
    assert(queue->ring != NULL || queue->count == 0);
    for (uint32_t i = 0; i < queue->count; i++)
        ring[i] = queue->ring[(queue->head + i) & queue->mask];
    mem_free(queue->ring);
    queue->ring = ring;
    queue->mask = slots - 1;
    queue->head = 0;
}

void session_queue_push(struct session_queue *queue, const struct outgoing *outgoing)
{
    if (queue->ring == NULL || queue->count == queue->mask + 1)
        grow(queue);
    queue->ring[(queue->head + queue->count) & queue->mask] = *outgoing;
    queue->count++;
    uint64_t bytes = outgoing_bytes(outgoing->message, outgoing->ids);
    queue->bytes += bytes;
    total_add(queue->total, outgoing->stored ? 0 : bytes);
}

struct outgoing *session_queue_peek(struct session_queue *queue)
{
    return queue->count > 0 ? &queue->ring[queue->head] : NULL;
}

struct outgoing session_queue_pop(struct session_queue *queue)
{
    assert(queue->count > 0);
    struct outgoing outgoing = queue->ring[queue->head];
    queue->head = (queue->head + 1) & queue->mask;
    queue->count--;
    uint64_t bytes = outgoing_bytes(outgoing.message, outgoing.ids);
    queue->bytes -= bytes;
    total_add(queue->total, outgoing.stored ? 0 : -bytes);
    if (queue->count == 0 && queue->mask >= KEEP_SLOTS) {
        mem_free(queue->ring);
        *queue = (struct session_queue){.total = queue->total};
    }
    return outgoing;
}

void session_queue_clear(struct session_queue *queue)
{
    while (queue->count > 0) {
        struct outgoing outgoing = session_queue_pop(queue);
        outgoing_release(&outgoing);
    }
    mem_free(queue->ring);
    *queue = (struct session_queue){.total = queue->total};
}
