/* Digests of bodies: what a request is signed with, and what an answer is compared with. Thread: one at a time for each object. */
#ifndef OBJECT_DIGEST_H
#define OBJECT_DIGEST_H

#include "base/str.h"

#include <stdint.h>

#define SHA256_BYTES     32
#define SHA256_HEX_BYTES 65 /* with the terminator */
#define MD5_BYTES        16

struct digests {
    uint8_t sha256[SHA256_BYTES];
    uint8_t md5[MD5_BYTES];
    bool has_md5; /* not where it is not wanted, or OpenSSL is told to do without (FIPS) */
    uint32_t crc32c;
};

/* Those that are wanted in one pass: begin, any number of pieces, end. What is not wanted is zero. */
enum digest_kind { DIGEST_SHA256 = 1, DIGEST_MD5 = 2, DIGEST_CRC32C = 4 };
struct digester;
struct digester *digester_new(unsigned kinds); /* returns owned */
void digester_add(struct digester *digester, const void *data, size_t len);
void digester_end(struct digester *digester, struct digests *out); /* takes */

void digest_of(struct str bytes, unsigned kinds, struct digests *out);
void digest_all(struct str bytes, struct digests *out);

void sha256_of(struct str bytes, uint8_t out[SHA256_BYTES]);
void sha256_hex(struct str bytes, char out[SHA256_HEX_BYTES]);
void hmac_sha256_of(const void *key, size_t key_len, struct str text, uint8_t out[SHA256_BYTES]);

#endif
