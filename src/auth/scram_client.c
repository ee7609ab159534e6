/* SCRAM-SHA-256, the client's side: for the command line and the tests of the server.
 *
 * Happy path: scram_client_first() names the user; scram_client_final() derives the keys from the password, the
 * server's salt and its count of iterations, proves them, and works out what the server must answer;
 * scram_client_verify() compares. Only then the client knows that the server knows its user.
 *
 * No channel binding: the GS2 header is "n,,", whose base64 is "biws". */
#include "auth/auth_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <openssl/crypto.h>

#define GS2_HEADER     "n,,"
#define SALT_BYTES_MAX 255
_Static_assert(SALT_BYTES_MAX % 3 == 0, "so the longest text of a salt, padded or not, fits its bytes");

struct scram_client {
    struct buf username;
    struct buf password;
    char own_nonce[SCRAM_NONCE_CAP];
    struct buf first_bare;
    bool proved;
    uint8_t server_signature[SHA256_BYTES]; /* what to expect, once proved */
};

struct scram_client *scram_client_new(struct str username, struct str password)
{
    struct scram_client *scram = mem_zalloc(sizeof *scram);
    buf_append_str(&scram->username, username);
    buf_append_str(&scram->password, password);
    scram_nonce_random(scram->own_nonce);
    return scram;
}

void scram_client_free(struct scram_client *scram)
{
    if (scram == NULL)
        return;
    mem_wipe(scram->password.data, scram->password.len);
    buf_free(&scram->password);
    buf_free(&scram->username);
    buf_free(&scram->first_bare);
    mem_wipe(scram, sizeof *scram);
    mem_free(scram);
}

void scram_client_fix_nonce(struct scram_client *scram, const char *nonce)
{
    assert(scram->first_bare.len == 0 && strlen(nonce) < sizeof scram->own_nonce);
    memcpy(scram->own_nonce, nonce, strlen(nonce) + 1);
}

void scram_client_first(struct scram_client *scram, struct buf *out)
{
    buf_reset(&scram->first_bare);
    buf_append_str(&scram->first_bare, STR("n="));
    scram_name_encode(buf_str(&scram->username), &scram->first_bare);
    buf_printf(&scram->first_bare, ",r=%s", scram->own_nonce);
    buf_append_str(out, STR(GS2_HEADER));
    buf_append_str(out, buf_str(&scram->first_bare));
}

struct challenge {
    struct str nonce;
    uint8_t salt[SALT_BYTES_MAX];
    size_t salt_len;
    uint32_t iterations;
};

static bool read_iterations(struct str text, uint32_t *out, struct error *err)
{
    uint32_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || value > SCRAM_ITERATIONS_MAX)
            return error_set(err, ERR_PROTOCOL, "SCRAM: malformed iteration count");
        value = value * 10 + (uint32_t)(text.data[i] - '0');
    }
    if (value < SCRAM_ITERATIONS_MIN || value > SCRAM_ITERATIONS_MAX || text.data[0] == '0') {
        return error_set(err, ERR_PROTOCOL, "SCRAM: the server asks for %u iterations; expected %d to %d",
                         value, SCRAM_ITERATIONS_MIN, SCRAM_ITERATIONS_MAX);
    }
    *out = value;
    return true;
}

/* server-first-message. */
static bool read_challenge(const struct scram_client *scram, struct str message, struct challenge *out,
                           struct error *err)
{
    struct str rest = message;
    struct str salt;
    struct str iterations;
    if (!scram_message_check(message, err) || !scram_attribute(&rest, 'r', &out->nonce, err) ||
        !scram_attribute(&rest, 's', &salt, err) || !scram_attribute(&rest, 'i', &iterations, err) ||
        !scram_extensions(rest, err))
        return false;
    struct str own = str_of(scram->own_nonce);
    if (!scram_nonce_valid(out->nonce) || out->nonce.len <= own.len || !str_starts(out->nonce, own))
        return error_set(err, ERR_PROTOCOL, "SCRAM: the server's nonce does not go on from ours");
    if (salt.len % 4 != 0 || salt.len >= BASE64_BYTES(SALT_BYTES_MAX))
        return error_set(err, ERR_PROTOCOL, "SCRAM: malformed salt");
    int64_t salt_len = base64_decode(salt, out->salt, false);
    if (salt_len <= 0)
        return error_set(err, ERR_PROTOCOL, "SCRAM: malformed salt");
    out->salt_len = (size_t)salt_len;
    return read_iterations(iterations, &out->iterations, err);
}

/* The proof of AuthMessage, and what the server will answer to it. */
static bool prove(struct scram_client *scram, const struct challenge *challenge, struct str auth_message,
                  uint8_t proof[SCRAM_KEY_BYTES])
{
    uint8_t salted[SCRAM_KEY_BYTES];
    uint8_t client_key[SCRAM_KEY_BYTES];
    uint8_t stored_key[SCRAM_KEY_BYTES];
    uint8_t server_key[SCRAM_KEY_BYTES];
    if (!scram_salted_password(buf_str(&scram->password), challenge->salt, challenge->salt_len,
                               challenge->iterations, salted))
        return false;
    scram_keys(salted, client_key, stored_key, server_key);
    hmac_sha256(stored_key, SCRAM_KEY_BYTES, auth_message, proof);
    for (size_t i = 0; i < SCRAM_KEY_BYTES; i++)
        proof[i] ^= client_key[i];
    hmac_sha256(server_key, SCRAM_KEY_BYTES, auth_message, scram->server_signature);
    scram->proved = true;
    mem_wipe(salted, sizeof salted);
    mem_wipe(client_key, sizeof client_key);
    mem_wipe(stored_key, sizeof stored_key);
    mem_wipe(server_key, sizeof server_key);
    return true;
}

bool scram_client_final(struct scram_client *scram, struct str server_first, struct buf *out,
                        struct error *err)
{
    assert(scram->first_bare.len != 0);
    scram->proved = false;
    if (!scram_text_valid(buf_str(&scram->username)) || scram->username.len == 0)
        return error_set(err, ERR_INVALID, "SCRAM: the user name is empty or not UTF-8 text");
    if (!scram_text_valid(buf_str(&scram->password)))
        return error_set(err, ERR_INVALID, "SCRAM: the password is not UTF-8 text");
    struct challenge challenge = {0};
    if (!read_challenge(scram, server_first, &challenge, err))
        return false;

    struct buf without_proof = {0};
    buf_append_str(&without_proof, STR("c="));
    scram_base64_append(&without_proof, GS2_HEADER, sizeof GS2_HEADER - 1);
    buf_append_str(&without_proof, STR(",r="));
    buf_append_str(&without_proof, challenge.nonce);

    struct buf auth_message = {0};
    buf_append_str(&auth_message, buf_str(&scram->first_bare));
    buf_append_byte(&auth_message, ',');
    buf_append_str(&auth_message, server_first);
    buf_append_byte(&auth_message, ',');
    buf_append_str(&auth_message, buf_str(&without_proof));

    uint8_t proof[SCRAM_KEY_BYTES];
    bool ok = prove(scram, &challenge, buf_str(&auth_message), proof);
    if (ok) {
        buf_append_str(out, buf_str(&without_proof));
        buf_append_str(out, STR(",p="));
        scram_base64_append(out, proof, sizeof proof);
    } else {
        error_set(err, ERR_INTERNAL, "SCRAM: key derivation fails");
    }
    buf_free(&without_proof);
    buf_free(&auth_message);
    return ok;
}

bool scram_client_verify(struct scram_client *scram, struct str server_final, struct error *err)
{
    if (!scram->proved)
        return error_set(err, ERR_PROTOCOL, "SCRAM: a final message out of order");
    scram->proved = false;
    if (!scram_message_check(server_final, err))
        return false;
    struct str rest = server_final;
    struct str value;
    if (str_starts(server_final, STR("e="))) {
        if (!scram_attribute(&rest, 'e', &value, err))
            return false;
        return error_set(err, ERR_DENIED, "SCRAM: the server refuses: %.*s", STR_ARG(value));
    }
    uint8_t signature[SHA256_BYTES];
    if (!scram_attribute(&rest, 'v', &value, err) || !scram_extensions(rest, err))
        return false;
    if (!scram_base64_exact(value, signature, sizeof signature))
        return error_set(err, ERR_PROTOCOL, "SCRAM: malformed server signature");
    if (CRYPTO_memcmp(signature, scram->server_signature, sizeof signature) != 0)
        return error_set(err, ERR_DENIED, "SCRAM: the server does not know this user's keys");
    return true;
}
