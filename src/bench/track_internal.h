/* What one subscriber has seen of one publisher: what is next, missing, twice or late. */
#ifndef BENCH_TRACK_INTERNAL_H
#define BENCH_TRACK_INTERNAL_H

#include <stdatomic.h>
#include <stdint.h>

/* Missing ranges that are remembered; beyond, the oldest one is given up: it stays lost, and a message of it that
 * comes after all counts as a duplicate. */
#define TRACK_GAPS_MAX 256

struct track_gap {
    uint64_t first;
    uint64_t end; /* one behind the last */
};

/* Zero-initialise; track_free() at the end. One writer; `next` may be read by the publisher's thread. */
struct track {
    _Atomic uint64_t next; /* highest sequence seen + 1; relaxed: it carries no other data */
    uint64_t missing;      /* below next and never seen */
    uint64_t duplicates;
    uint64_t late; /* came after a later one: order violations */
    struct track_gap *gaps;
    uint32_t gap_count;
};

/* Everything but the expected message. Returns how many messages this delivers: 1, or 0 for a duplicate. */
unsigned track_unexpected(struct track *track, uint64_t sequence);

static inline unsigned track_receive(struct track *track, uint64_t sequence)
{
    uint64_t next = atomic_load_explicit(&track->next, memory_order_relaxed);
    if (__builtin_expect(sequence != next, 0))
        return track_unexpected(track, sequence);
    atomic_store_explicit(&track->next, next + 1, memory_order_relaxed);
    return 1;
}

void track_free(struct track *track);

#endif
