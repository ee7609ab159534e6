/* Randomness. random_bytes is the system's, for secrets and ids; struct random is a seeded generator
 * (xoshiro256**), for tests and for choices that an attacker gains nothing from. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *out, size_t len); /* never fails: ends the process if the system has none */
uint64_t random_u64(void);

struct random {
    uint64_t state[4];
};

void random_seed(struct random *random, uint64_t seed);
uint64_t random_next(struct random *random);
uint64_t random_below(struct random *random, uint64_t bound); /* uniform in [0, bound); bound > 0 */

#endif
