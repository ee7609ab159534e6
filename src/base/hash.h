/* A fast keyed hash for hash tables: the seed is random for each process, so that clients cannot choose
 * colliding names. Not for files or the wire. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *data, size_t len);
uint64_t hash_u64(uint64_t value);

/* The same on every machine and in every version (FNV-1a, 64 bits, with a final mix): for partitioning by name. */
uint64_t hash_stable(const void *data, size_t len);

#endif
