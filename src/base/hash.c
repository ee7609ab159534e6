/* Hashing by multiplication: the 128-bit product of two words, its halves folded together.
 *
 * mix(a, b) spreads every bit of both words over the result as long as neither is zero; both are XORed with
 * secret words first, so that nobody outside knows a key for which one is. Keys up to 16 bytes are read as two
 * words that overlap; longer ones go in steps of 16 bytes, from 64 bytes on in two independent lanes, and the
 * last 16 bytes are read once more, overlapping. The length enters at the end. */
#include "base/hash.h"

#include "base/random.h"

#include <string.h>

__extension__ typedef unsigned __int128 u128;

/* Random for each process; odd, hence never zero. Written before main() and any thread. */
static uint64_t secret[4];

__attribute__((constructor)) static void choose_secret(void)
{
    random_bytes(secret, sizeof secret);
    for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++)
        secret[i] |= 1;
}

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    u128 product = (u128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t read_u64(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static inline uint64_t read_u32(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Mixes all but the last 1 to 16 bytes of more than 16 into the state. */
static inline uint64_t mix_blocks(const uint8_t *at, size_t len, uint64_t state)
{
    if (len > 64) {
        uint64_t other = state;
        for (; len > 32; at += 32, len -= 32) {
            state = mix(read_u64(at) ^ secret[1], read_u64(at + 8) ^ state);
            other = mix(read_u64(at + 16) ^ secret[2], read_u64(at + 24) ^ other);
        }
        state ^= other;
    }
    for (; len > 16; at += 16, len -= 16)
        state = mix(read_u64(at) ^ secret[1], read_u64(at + 8) ^ state);
    return state;
}

uint64_t hash_bytes(const void *data, size_t len)
{
    const uint8_t *at = data;
    uint64_t state = secret[0];
    uint64_t a = 0;
    uint64_t b = 0;
    if (len > 16) {
        state = mix_blocks(at, len, state);
        a = read_u64(at + len - 16);
        b = read_u64(at + len - 8);
    } else if (len >= 8) {
        a = read_u64(at);
        b = read_u64(at + len - 8);
    } else if (len >= 4) {
        a = read_u32(at);
        b = read_u32(at + len - 4);
    } else if (len != 0) {
        a = (uint64_t)at[0] << 16 | (uint64_t)at[len >> 1] << 8 | at[len - 1];
    }
    return mix(mix(a ^ secret[1], b ^ state) ^ secret[2], len ^ secret[3]);
}

uint64_t hash_u64(uint64_t value)
{
    return mix(mix(value ^ secret[0], secret[1]) ^ secret[2], secret[3]);
}

uint64_t hash_stable(const void *data, size_t len)
{
    const uint8_t *at = data;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    /* FNV's high bits are good, its low bits less so: spread them, for "modulo the number of partitions". */
    hash ^= hash >> 33;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    hash ^= hash >> 33;
    hash *= UINT64_C(0xc4ceb9fe1a85ec53);
    hash ^= hash >> 33;
    return hash;
}
