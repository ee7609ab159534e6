/* What the files of this folder share: one hash, one JSON reader, the grammar of SCRAM messages, and the seams
 * through which tests fix what is random or slow. */
#ifndef AUTH_AUTH_INTERNAL_H
#define AUTH_AUTH_INTERNAL_H

#include "auth/auth.h"

#include <jansson.h>

/* ---- digest.c -------------------------------------------------------------------------------------------- */

#define SHA256_BYTES 32

/* Ends the process if the cryptographic library has failed: it does so only without memory or without its algorithms,
 * and no caller can go on then. */
void crypto_checked(bool ok, const char *what);

/* Both are checked so. */
void sha256(const void *data, size_t len, uint8_t out[SHA256_BYTES]);
void hmac_sha256(const void *key, size_t key_len, struct str message, uint8_t out[SHA256_BYTES]);

/* ---- json.c ---------------------------------------------------------------------------------------------- */

/* Objects and arrays inside each other; tokens and key sets need four. */
#define AUTH_JSON_DEPTH_MAX 16

/* One JSON object and nothing behind it, without duplicate names and without NUL in strings. Returns a reference
 * of the caller's, or NULL. */
json_t *auth_json_object(struct str text);

/* ---- scram_text.c: the grammar that both sides read ------------------------------------------------------ */

#define SCRAM_MESSAGE_BYTES_MAX 4096
#define SCRAM_ITERATIONS_MIN    4096    /* RFC 7677, 4 */
#define SCRAM_ITERATIONS_MAX    1000000 /* what a peer can make the other side compute: about half a second */
#define SCRAM_NONCE_BYTES       18      /* random ones; 24 characters in base64, without padding */
#define SCRAM_NONCE_CHARS       24
#define SCRAM_NONCE_CAP         64 /* a nonce that a test fixes may be longer */

/* Size, well-formed UTF-8, no NUL. Errors: ERR_PROTOCOL. */
bool scram_message_check(struct str message, struct error *err);

/* Cuts "x=value" off the front of *rest (start with the whole text; rest->data is NULL behind the last one).
 * Errors: ERR_PROTOCOL unless the attribute is `name` and its value is not empty. */
bool scram_attribute(struct str *rest, char name, struct str *value, struct error *err);

/* What is left must be extensions: attributes that RFC 5802 does not name, which a receiver ignores. A mandatory
 * extension (m=) or a known attribute out of its place is refused. Errors: ERR_PROTOCOL. */
bool scram_extensions(struct str rest, struct error *err);

/* 5.1: printable ASCII without the comma, at least one character. */
bool scram_nonce_valid(struct str nonce);
void scram_nonce_random(char out[SCRAM_NONCE_CAP]);

/* Base64 with its padding, as RFC 5802 writes it: exactly `len` bytes into out. */
bool scram_base64_exact(struct str text, uint8_t *out, size_t len);
void scram_base64_append(struct buf *out, const void *data, size_t len);

/* "=2C" and "=3D" of a saslname to and from comma and equals sign. Decoding is false for any other "=". */
bool scram_name_decode(struct str text, struct buf *out);
void scram_name_encode(struct str name, struct buf *out);

/* 3: SaltedPassword := Hi(password, salt, iterations). False if the library fails. */
bool scram_salted_password(struct str password, const uint8_t *salt, size_t salt_len, uint32_t iterations,
                           uint8_t out[SCRAM_KEY_BYTES]);
/* 3: the three keys that follow from it. */
void scram_keys(const uint8_t salted[SCRAM_KEY_BYTES], uint8_t client_key[SCRAM_KEY_BYTES],
                uint8_t stored_key[SCRAM_KEY_BYTES], uint8_t server_key[SCRAM_KEY_BYTES]);

/* A name or password that SCRAM can take: well-formed UTF-8 without NUL (see scram_text.c for SASLprep). */
bool scram_text_valid(struct str text);

/* Tests: the nonce of this side, below SCRAM_NONCE_CAP characters, before the first message. */
void scram_server_fix_nonce(struct scram_server *scram, const char *nonce);
void scram_client_fix_nonce(struct scram_client *scram, const char *nonce);

/* ---- jwt_keys.c ------------------------------------------------------------------------------------------ */

#define JWT_KEYS_MAX      256
#define JWT_KID_BYTES_MAX 256
#define JWKS_BYTES_MAX    1048576 /* 1 MiB */

enum jwt_alg { JWT_HS256, JWT_RS256, JWT_ES256 };

/* Does a key of this algorithm sign `input`? `kid` may be NULL.
 * Errors: ERR_DENIED; ERR_NOT_FOUND as jwt_verify(). Thread: any, also on the same keys. */
bool jwt_keys_verify(const struct jwt_keys *keys, enum jwt_alg alg, const char *kid, struct str input,
                     struct str signature, struct error *err);

/* ---- jwt_claims.c ---------------------------------------------------------------------------------------- */

/* Checks the claims set against the options and copies what the broker uses. Borrows. Errors: ERR_DENIED, and
 * then *out holds nothing. */
bool jwt_claims_read(const json_t *payload, const struct jwt_options *options, int64_t now_s,
                     struct jwt_claims *out, struct error *err);

/* ---- jwks_fetch.c ---------------------------------------------------------------------------------------- */

struct jwks_limits {
    long timeout_ms;
    size_t bytes_max;
};

/* jwks_fetch() with limits that a test can wait for. */
bool jwks_fetch_within(const char *url, const char *ca_file, const struct jwks_limits *limits,
                       struct buf *out, struct error *err);

#endif
