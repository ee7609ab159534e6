/* How fast a counter grows: now, at most, and over the last five minutes. Looked at once a second; zero-initialise. */
#ifndef BASE_RATE_H
#define BASE_RATE_H

#include <stdint.h>

#define RATE_SLOTS  30
#define RATE_SLOT_S 10

struct rate {
    uint64_t former; /* the counter, a second ago */
    double now;      /* a second */
    double max;
    uint64_t
        slots[RATE_SLOTS + 1]; /* of the last five minutes, ten seconds each, and the one that is filling */
    unsigned slot;
    unsigned slot_s;
    unsigned filled;
};

void rate_look(struct rate *rate, uint64_t count); /* once a second */
/* A second, over the last five minutes, or since the start as long as that is less; in the first ten seconds `now`. */
double rate_last_5m(const struct rate *rate);
void rate_reset(struct rate *rate); /* forgets all but the counter */

#endif
