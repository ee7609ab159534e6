/* What a group has seen of one publisher: a bit for each message, shared by all members. A message may come to any of
 * them, so none of them can tell alone what is missing. */
#ifndef BENCH_SEEN_INTERNAL_H
#define BENCH_SEEN_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Zero-initialise; seen_init() before the first message, seen_free() at the end. */
struct seen {
    _Atomic uint64_t *bits; /* relaxed: they carry no other data */
    uint64_t count;         /* numbers are below */
};

/* What one member counts; its worker's alone. Zero-initialise. */
struct seen_member {
    uint64_t *next;      /* for each publisher: its highest number here + 1 */
    uint64_t taken;      /* messages that nobody had before */
    uint64_t duplicates; /* that somebody had: deliveries again */
    uint64_t late;       /* taken after a later one of the same publisher: order violations */
};

void seen_init(struct seen *seen, uint64_t count);
void seen_free(struct seen *seen);

/* Returns how many messages this delivers: 1, or 0 if a member had it. False for a number that was never sent. */
bool seen_receive(struct seen *seen, struct seen_member *member, uint32_t source, uint64_t number,
                  unsigned *delivers);

#endif
