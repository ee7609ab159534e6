/* What the files of direct mode share: direct.c (reading, flying, the thread) and direct_drop.c (what is given up). */
#ifndef SINK_DIRECT_INTERNAL_H
#define SINK_DIRECT_INTERNAL_H

#include "sink/sink_internal.h"
#include "sink/window.h"

#define RING       2048 /* a power of two */
#define RING_BYTES ((size_t)32 << 20)

enum slot_state { SLOT_WAITS, SLOT_FLIES, SLOT_ENDED /* not looked at yet */, SLOT_DROPS, SLOT_DONE };

struct slot {
    struct object_request request; /* first */
    struct delivery *delivery;
    struct log_chunk *chunk; /* a reference: the record is in it */
    struct str record;
    uint64_t offset;
    int64_t time_ms;
    size_t bytes;
    unsigned attempts;
    atomic_int state;
    struct window_item item;
    struct list ended; /* SLOT_ENDED: in the list of its delivery */
    uint64_t *counter; /* SLOT_DROPS: the figure that counts it */
    struct connector_store *store;
    struct error err;          /* of the last attempt, or why it is given up */
    struct sink_request parts; /* last: most of it are headers, which need not be emptied */
};

struct delivery {
    struct sink *sink;
    struct rounds rounds;
    /* Under rounds.lock. */
    unsigned left;     /* flights that nobody waits for any more. The last one frees all this */
    struct list ended; /* slots */
    /* The thread's. */
    struct slot *ring;
    uint64_t head, tail; /* counted in records read */
    size_t bytes;        /* of the ring */
    uint64_t done_bytes; /* of what is done with but not trimmed */
    uint64_t gone_bytes; /* the part of it that has left the ring */
    uint64_t next;       /* offset to be read */
    struct window window;
    unsigned dropping;
    int64_t pause_ms;        /* 0: the store does not fail */
    int64_t paused_until_ms; /* monotonic */
    int64_t expired_ms;      /* when it was looked for what is too old; wall clock */
    int64_t trimmed_ms;
    uint64_t trimmed;
};

static inline struct slot *slot_at(const struct delivery *delivery, uint64_t at)
{
    return &delivery->ring[at & (RING - 1)];
}

static inline enum slot_state state_of(const struct slot *slot)
{
    return (enum slot_state)atomic_load_explicit(&slot->state, memory_order_relaxed);
}

static inline void set_state(struct slot *slot, enum slot_state state)
{
    atomic_store_explicit(&slot->state, (int)state, memory_order_relaxed);
}

/* It is done with: out of the window; err NULL: stored. */
void slot_settle(struct slot *slot, const struct error *err);

/* It is not delivered any more, for slot->err: drops_end() ends it, and counts it there. It neither waits nor flies. */
void slot_drop(struct slot *slot, uint64_t *counter);
/* Drops what is too old; and, where the buffer does not block, what is too much: the oldest that waits. */
void drops_find(struct delivery *delivery, const struct sink_plan *plan);
/* Ends what has been dropped, once its fallbacks have it. */
void drops_end(struct delivery *delivery, const struct sink_plan *plan);

#endif
