/* The system's randomness, and a seeded generator: xoshiro256** of Blackman and Vigna, seeded by SplitMix64 as
 * they recommend, so that near seeds give unrelated sequences and no seed gives the all-zero state. */
#include "base/random.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

__extension__ typedef unsigned __int128 u128;

void random_bytes(void *out, size_t len)
{
    uint8_t *at = out;
    while (len != 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            struct error err;
            error_errno(&err, errno, "getrandom");
            LOG_ERROR("no randomness", LOG_ERROR_OF(&err));
            abort();
        }
        at += got;
        len -= (size_t)got;
    }
}

uint64_t random_u64(void)
{
    uint64_t value;
    random_bytes(&value, sizeof value);
    return value;
}

static uint64_t rotate_left(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

void random_seed(struct random *random, uint64_t seed)
{
    for (size_t i = 0; i < 4; i++) {
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t word = seed;
        word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
        random->state[i] = word ^ word >> 31;
    }
}

uint64_t random_next(struct random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* The high word of random * bound is uniform once the low words below 2^64 mod bound are drawn again (Lemire). */
uint64_t random_below(struct random *random, uint64_t bound)
{
    u128 product = (u128)random_next(random) * bound;
    if ((uint64_t)product < bound) {
        uint64_t unfair = (0 - bound) % bound;
        while ((uint64_t)product < unfair)
            product = (u128)random_next(random) * bound;
    }
    return (uint64_t)(product >> 64);
}
