/* The messages that wait for a session's client: a queue, oldest first, in a ring that exists only while it holds
 * something. What of it survives the process is the journal's (journal.h). */
#ifndef BROKER_SESSION_QUEUE_H
#define BROKER_SESSION_QUEUE_H

#include "broker/message.h"

/* How a message goes out to one client. */
struct outgoing {
    struct message *message; /* a reference, owned by who holds the structure */
    uint32_t *ids;           /* subscription identifiers, the first entry is their count; owned; NULL: none */
    uint8_t qos;
    bool retain;
    bool stored;    /* the message is the retained store's: queueing it takes no memory worth a total */
    bool journaled; /* the journal knows that the session has it */
};

void outgoing_release(struct outgoing *outgoing);

/* What it costs in memory, for limits: a client with thousands of subscriptions that match makes its identifiers
 * larger than any message. */
static inline uint64_t outgoing_bytes(const struct message *message, const uint32_t *ids)
{
    return message_bytes(message) + (ids != NULL ? (ids[0] + UINT64_C(1)) * sizeof(*ids) : 0);
}

struct session_queue {
    struct outgoing *ring;
    uint32_t mask; /* slots - 1; 0 while there is no ring */
    uint32_t head;
    uint32_t count;
    uint64_t bytes; /* outgoing_bytes() of all */
    _Atomic uint64_t
        *total; /* likewise, of all queues of this thread, without what is `stored`; NULL: none */
};

/* A total has one writer. */
static inline void total_add(_Atomic uint64_t *total, uint64_t bytes)
{
    if (total != NULL)
        atomic_store_explicit(total, atomic_load_explicit(total, memory_order_relaxed) + bytes,
                              memory_order_relaxed);
}

static inline bool session_queue_empty(const struct session_queue *queue)
{
    return queue->count == 0;
}

void session_queue_push(struct session_queue *queue,
                        const struct outgoing *outgoing);         /* takes what it holds */
struct outgoing *session_queue_peek(struct session_queue *queue); /* NULL when empty */
struct outgoing session_queue_pop(struct session_queue *queue);   /* gives it away; not empty */
/* The entry at a place, 0 the oldest. */
static inline struct outgoing *session_queue_at(struct session_queue *queue, uint32_t place)
{
    return &queue->ring[(queue->head + place) & queue->mask];
}
void session_queue_clear(struct session_queue *queue);

#endif
