/* Proofs of identity, without connections: passwords (argon2id), SCRAM-SHA-256, JSON Web Tokens; and the key of the
 * installation. Values in, values out; only jwks_fetch() and secret_key_load() do I/O. Comparisons of secrets take constant time, and secrets are
 * wiped after use. Thread: any, on different objects. */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "base/buf.h"
#include "base/str.h"

/* ---- Passwords ------------------------------------------------------------------------------------------- */

#define PASSWORD_HASH_BYTES 160

/* argon2id, 19 MiB, 2 passes, 1 lane (OWASP's second choice), 16 bytes of salt; PHC string in out. Takes some
 * tens of milliseconds: call it on a worker. */
bool password_hash(struct str password, char out[PASSWORD_HASH_BYTES], struct error *err);

/* hash NULL (no such user): does the same work and returns false. */
bool password_verify(const char *hash, struct str password);

/* A random password of `len` letters and digits without look-alikes; out has len + 1 bytes. */
void password_generate(char *out, size_t len);

/* ---- The installation's secret key ----------------------------------------------------------------------- */

#define SECRET_KEY_BYTES 32

struct secret_key {
    uint8_t bytes[SECRET_KEY_BYTES];
};

/* Reads DIR/secret.key (mode 0600), or makes it if there is none. Call it with the data directory locked: two that make
 * it at once would have different ones. Errors: those of the file; ERR_CORRUPT if it holds no key. */
bool secret_key_load(struct secret_key *out, const char *dir, struct error *err);

/* The key for one purpose: the same as long as the secret is, and of no use for another. `purpose` names it for ever:
 * "varve scram salts". At most 8,160 bytes. */
void secret_key_derive(const struct secret_key *secret, const char *purpose, uint8_t *out, size_t len);

/* ---- SCRAM-SHA-256 (RFC 5802, 7677), server side --------------------------------------------------------- */

#define SCRAM_SALT_BYTES 16
#define SCRAM_KEY_BYTES  32

/* What the broker derives with (RFC 7677's least: devices compute it), and what made-up credentials claim. */
#define SCRAM_ITERATIONS 4096

struct scram_credentials {
    uint32_t iterations;
    uint8_t salt[SCRAM_SALT_BYTES];
    uint8_t stored_key[SCRAM_KEY_BYTES];
    uint8_t server_key[SCRAM_KEY_BYTES];
};

/* Random salt, `iterations` (at least 4,096). */
bool scram_derive(struct str password, uint32_t iterations, struct scram_credentials *out, struct error *err);

/* What a user without credentials gets: looks the same to the client each time (the salt follows from the name and
 * `key`, which is to outlive a restart), never verifies. */
void scram_fake_credentials(const uint8_t key[SCRAM_KEY_BYTES], struct str username,
                            struct scram_credentials *out);

struct scram_server; /* one exchange */
struct scram_server *scram_server_new(void);
void scram_server_free(struct scram_server *scram);
/* Client-first message in; the user name out (borrows from scram). The caller then looks up credentials.
 * No channel binding ("n" and "y" are taken, "p" is refused). Errors: ERR_PROTOCOL. */
bool scram_server_first(struct scram_server *scram, struct str message, struct str *username,
                        struct error *err);
/* Server-first message to send, for these credentials (copied). */
void scram_server_challenge(struct scram_server *scram, const struct scram_credentials *credentials,
                            bool real, struct buf *out);
/* Client-final message in; on success the server-final message (v=…) to send. Errors: ERR_DENIED, ERR_PROTOCOL. */
bool scram_server_final(struct scram_server *scram, struct str message, struct buf *out, struct error *err);

/* Client side, for the command line and tests. */
struct scram_client;
struct scram_client *scram_client_new(struct str username, struct str password);
void scram_client_free(struct scram_client *scram);
void scram_client_first(struct scram_client *scram, struct buf *out);
bool scram_client_final(struct scram_client *scram, struct str server_first, struct buf *out,
                        struct error *err);
bool scram_client_verify(struct scram_client *scram, struct str server_final, struct error *err);

/* ---- JSON Web Tokens (RFC 7515, 7517, 7518, 7519) -------------------------------------------------------- */

/* A set of verification keys, each bound to one algorithm, so that a public key never verifies an HMAC. */
struct jwt_keys;
struct jwt_keys *jwt_keys_new(void);
void jwt_keys_free(struct jwt_keys *keys);
size_t jwt_keys_count(const struct jwt_keys *keys);
/* For HS256: 32 bytes or more. Errors: ERR_INVALID, ERR_LIMIT (256 keys), as below. */
bool jwt_keys_add_secret(struct jwt_keys *keys, struct str secret, struct error *err);
/* Every public key of a PEM text: RSA of 2,048 bits or more for RS256, P-256 for ES256. Errors: ERR_INVALID,
 * ERR_UNSUPPORTED (another kind of key), and then none is added. */
bool jwt_keys_add_pem(struct jwt_keys *keys, struct str pem, struct error *err);
/* Adds every usable key of a JWK set (RSA and P-256; not secrets, "oct": a set is public); others are skipped.
 * Errors: ERR_INVALID (no JSON, no usable key). */
bool jwt_keys_add_jwks(struct jwt_keys *keys, struct str json, struct error *err);

struct jwt_options {
    const char *issuer;         /* must equal `iss`; NULL: not checked */
    const char *audience;       /* must be (in) `aud`; NULL: not checked */
    const char *username_claim; /* NULL: "sub" */
    int64_t leeway_s;
    bool require_expiry; /* refuse tokens without `exp` */
};

struct jwt_acl_rule { /* one of the `acl` claim: {"permission":"allow","action":"publish","topic":"t/#"} */
    bool allow;
    bool publish;
    bool subscribe;
    char *topic;
};

struct jwt_claims {
    char *username;    /* NULL: the claim is absent */
    char *client_id;   /* claim `clientid`; NULL: absent */
    int64_t expires_s; /* `exp`, or 0 */
    bool superuser;    /* claim `superuser` */
    bool has_acl;
    struct jwt_acl_rule *acl;
    size_t acl_count;
};

void jwt_claims_free(struct jwt_claims *claims); /* what it holds, not the struct; zeroes it */

/* Verifies signature (alg HS256, RS256 or ES256 and nothing else; `kid` picks the key if there is one), exp, nbf,
 * iat-independent. `now_s` is wall time. Keys without a name (secrets, PEM) are tried for any `kid`. On success *out
 * is the caller's to free, else it is empty. Errors: ERR_DENIED with the reason (for the log, not for the client);
 * ERR_NOT_FOUND when no key has the token's `kid`: the caller may fetch the set again. Size limit: 16 KiB.
 * Thread: any, also several with the same keys. */
bool jwt_verify(const struct jwt_keys *keys, struct str token, const struct jwt_options *options,
                int64_t now_s, struct jwt_claims *out, struct error *err);

/* GET of a JWK set over http(s) with libcurl: at most 1 MiB, 10 s, 3 redirects to https only; ca_file NULL: the
 * system's. Appends to out; blocks: call it on a worker. Errors: ERR_INVALID (no http or https URL), ERR_TIMEOUT,
 * ERR_TOO_LARGE, ERR_PROTOCOL (no HTTP, or a redirect that is refused), ERR_IO (unreachable, certificate, not 200). */
bool jwks_fetch(const char *url, const char *ca_file, struct buf *out, struct error *err);

#endif
