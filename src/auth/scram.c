/* SCRAM-SHA-256, the server's side (RFC 5802 and 7677).
 *
 *   START --first()--> NAMED --challenge()--> CHALLENGED --final()--> OVER
 *     \____________________ any error ______________________________/
 *
 * The server keeps StoredKey = H(ClientKey) and ServerKey; the client proves that it knows ClientKey by sending
 * it XOR HMAC(StoredKey, AuthMessage), where AuthMessage is what both have said:
 *
 *   client-first without its gs2 header "," server-first "," client-final without its proof
 *
 * What is refused, beside a wrong proof: channel binding ("p="), a mandatory extension, another authorization
 * identity than the user's own, an escape in the name that is not =2C or =3D, a final message that does not repeat
 * the whole nonce or whose "c=" is not this exchange's gs2 header: that last check is what shows a man in the
 * middle who strips channel binding ("y" for "n").
 *
 * A name that nobody has gets a challenge like everybody's, and the work of verification is done, so that neither
 * the messages nor their timing tell who exists. */
#include "auth/auth_internal.h"

#include "base/mem.h"
#include "base/random.h"

#include <assert.h>
#include <openssl/crypto.h>

enum scram_state { SCRAM_START, SCRAM_NAMED, SCRAM_CHALLENGED, SCRAM_OVER };

struct scram_server {
    enum scram_state state;
    bool real; /* false: the credentials are made up, and the answer is no */
    struct scram_credentials credentials;
    char own_nonce[SCRAM_NONCE_CAP];
    struct buf username;
    struct buf nonce;        /* the client's, from challenge() on with ours behind */
    struct buf gs2_header;   /* with both commas, as the client sent it */
    struct buf auth_message; /* grows with each message */
};

bool scram_derive(struct str password, uint32_t iterations, struct scram_credentials *out, struct error *err)
{
    if (iterations < SCRAM_ITERATIONS_MIN || iterations > SCRAM_ITERATIONS_MAX) {
        return error_set(err, ERR_INVALID, "SCRAM: %u iterations; expected %d to %d", iterations,
                         SCRAM_ITERATIONS_MIN, SCRAM_ITERATIONS_MAX);
    }
    if (!scram_text_valid(password))
        return error_set(err, ERR_INVALID, "SCRAM: the password is not UTF-8 text");

    *out = (struct scram_credentials){.iterations = iterations};
    random_bytes(out->salt, sizeof out->salt);
    uint8_t salted[SCRAM_KEY_BYTES];
    uint8_t client_key[SCRAM_KEY_BYTES];
    bool ok = scram_salted_password(password, out->salt, sizeof out->salt, iterations, salted);
    if (ok)
        scram_keys(salted, client_key, out->stored_key, out->server_key);
    mem_wipe(salted, sizeof salted);
    mem_wipe(client_key, sizeof client_key);
    return ok || error_set(err, ERR_INTERNAL, "SCRAM: key derivation fails");
}

void scram_fake_credentials(const uint8_t key[SCRAM_KEY_BYTES], struct str username,
                            struct scram_credentials *out)
{
    uint8_t digest[SHA256_BYTES];
    hmac_sha256(key, SCRAM_KEY_BYTES, username, digest);
    *out = (struct scram_credentials){.iterations = SCRAM_ITERATIONS};
    _Static_assert(sizeof out->salt <= sizeof digest, "one digest makes a salt");
    memcpy(out->salt, digest, sizeof out->salt);
    /* Keys that follow from no password, in case a caller forgets that they are not real. */
    random_bytes(out->stored_key, sizeof out->stored_key);
    random_bytes(out->server_key, sizeof out->server_key);
}

struct scram_server *scram_server_new(void)
{
    struct scram_server *scram = mem_zalloc(sizeof *scram);
    scram_nonce_random(scram->own_nonce);
    return scram;
}

void scram_server_free(struct scram_server *scram)
{
    if (scram == NULL)
        return;
    buf_free(&scram->username);
    buf_free(&scram->nonce);
    buf_free(&scram->gs2_header);
    buf_free(&scram->auth_message);
    mem_wipe(scram, sizeof *scram);
    mem_free(scram);
}

void scram_server_fix_nonce(struct scram_server *scram, const char *nonce)
{
    assert(scram->state == SCRAM_START && strlen(nonce) < sizeof scram->own_nonce);
    memcpy(scram->own_nonce, nonce, strlen(nonce) + 1);
}

/* gs2-header: the flag, and the authorization identity, which may only be the user's own name. Cuts it off
 * *message, with its commas. */
static bool read_gs2_header(struct str *message, struct buf *header, struct str *authzid, struct error *err)
{
    struct str rest = *message;
    struct str flag;
    struct str identity;
    if (!str_next(&rest, ',', &flag) || rest.data == NULL || !str_next(&rest, ',', &identity) ||
        rest.data == NULL)
        return error_set(err, ERR_PROTOCOL, "SCRAM: no GS2 header");
    if (str_starts(flag, STR("p=")))
        return error_set(err, ERR_PROTOCOL, "SCRAM: channel binding is not offered");
    if (!str_is(flag, "n") && !str_is(flag, "y"))
        return error_set(err, ERR_PROTOCOL, "SCRAM: unknown channel binding flag");
    *authzid = STR_NONE;
    if (identity.len != 0) {
        if (identity.len < 3 || !str_starts(identity, STR("a=")))
            return error_set(err, ERR_PROTOCOL, "SCRAM: malformed authorization identity");
        *authzid = str_make(identity.data + 2, identity.len - 2);
    }
    size_t header_len = (size_t)(rest.data - message->data);
    buf_append(header, message->data, header_len);
    *message = rest;
    return true;
}

/* client-first-message. */
static bool read_first(struct scram_server *scram, struct str message, struct error *err)
{
    struct str bare = message;
    struct str authzid = STR_NONE;
    if (!scram_message_check(message, err) || !read_gs2_header(&bare, &scram->gs2_header, &authzid, err))
        return false;

    struct str rest = bare;
    struct str name;
    struct str nonce;
    if (str_starts(rest, STR("m=")))
        return error_set(err, ERR_PROTOCOL, "SCRAM: mandatory extensions are not supported");
    if (!scram_attribute(&rest, 'n', &name, err) || !scram_attribute(&rest, 'r', &nonce, err) ||
        !scram_extensions(rest, err))
        return false;
    if (!scram_name_decode(name, &scram->username))
        return error_set(err, ERR_PROTOCOL, "SCRAM: malformed user name");
    /* An escaped name has one escaped form, so the texts compare as the names do. */
    if (authzid.data != NULL && !str_equal(authzid, name))
        return error_set(err, ERR_PROTOCOL, "SCRAM: the authorization identity is not the user");
    if (!scram_nonce_valid(nonce))
        return error_set(err, ERR_PROTOCOL, "SCRAM: malformed nonce");
    buf_append_str(&scram->nonce, nonce);
    buf_append_str(&scram->auth_message, bare);
    return true;
}

bool scram_server_first(struct scram_server *scram, struct str message, struct str *username,
                        struct error *err)
{
    if (scram->state != SCRAM_START) {
        scram->state = SCRAM_OVER;
        return error_set(err, ERR_PROTOCOL, "SCRAM: a first message out of order");
    }
    bool ok = read_first(scram, message, err);
    scram->state = ok ? SCRAM_NAMED : SCRAM_OVER;
    if (ok)
        *username = buf_str(&scram->username);
    return ok;
}

void scram_server_challenge(struct scram_server *scram, const struct scram_credentials *credentials,
                            bool real, struct buf *out)
{
    assert(scram->state == SCRAM_NAMED);
    scram->credentials = *credentials;
    scram->real = real;
    buf_append_str(&scram->nonce, str_of(scram->own_nonce));

    size_t start = out->len;
    buf_append_str(out, STR("r="));
    buf_append_str(out, buf_str(&scram->nonce));
    buf_append_str(out, STR(",s="));
    scram_base64_append(out, credentials->salt, sizeof credentials->salt);
    buf_printf(out, ",i=%u", credentials->iterations);

    buf_append_byte(&scram->auth_message, ',');
    buf_append(&scram->auth_message, out->data + start, out->len - start);
    scram->state = SCRAM_CHALLENGED;
}

/* client-final-message: what it says about the channel and the nonce; the proof out. Adds to the AuthMessage. */
static bool read_final(struct scram_server *scram, struct str message, uint8_t proof[SCRAM_KEY_BYTES],
                       struct error *err)
{
    if (!scram_message_check(message, err))
        return false;
    /* No value holds a comma, so the last one stands before the proof. */
    const char *comma = memrchr(message.data, ',', message.len);
    if (comma == NULL)
        return error_set(err, ERR_PROTOCOL, "SCRAM: a final message without proof");
    struct str without_proof = str_make(message.data, (size_t)(comma - message.data));
    struct str last = str_make(comma + 1, message.len - without_proof.len - 1);

    struct str rest = without_proof;
    struct str channel;
    struct str nonce;
    struct str proof_text;
    if (!scram_attribute(&rest, 'c', &channel, err) || !scram_attribute(&rest, 'r', &nonce, err) ||
        !scram_extensions(rest, err) || !scram_attribute(&last, 'p', &proof_text, err))
        return false;

    struct buf expected = {0};
    scram_base64_append(&expected, scram->gs2_header.data, scram->gs2_header.len);
    bool same_channel = str_equal_secret(channel, buf_str(&expected));
    buf_free(&expected);
    if (!same_channel)
        return error_set(err, ERR_PROTOCOL, "SCRAM: the channel binding is not what the first message said");
    if (!str_equal_secret(nonce, buf_str(&scram->nonce)))
        return error_set(err, ERR_PROTOCOL, "SCRAM: another exchange's nonce");
    if (!scram_base64_exact(proof_text, proof, SCRAM_KEY_BYTES))
        return error_set(err, ERR_PROTOCOL, "SCRAM: malformed proof");
    buf_append_byte(&scram->auth_message, ',');
    buf_append_str(&scram->auth_message, without_proof);
    return true;
}

/* ClientKey = ClientProof XOR HMAC(StoredKey, AuthMessage); right if H(ClientKey) is StoredKey. */
static bool proof_right(const struct scram_server *scram, const uint8_t proof[SCRAM_KEY_BYTES])
{
    uint8_t key[SCRAM_KEY_BYTES];
    uint8_t digest[SHA256_BYTES];
    const struct scram_credentials *credentials = &scram->credentials;
    hmac_sha256(credentials->stored_key, SCRAM_KEY_BYTES, buf_str(&scram->auth_message), key);
    for (size_t i = 0; i < sizeof key; i++)
        key[i] ^= proof[i];
    sha256(key, sizeof key, digest);
    bool right = CRYPTO_memcmp(digest, credentials->stored_key, sizeof digest) == 0;
    mem_wipe(key, sizeof key);
    return right && scram->real;
}

bool scram_server_final(struct scram_server *scram, struct str message, struct buf *out, struct error *err)
{
    bool in_order = scram->state == SCRAM_CHALLENGED;
    scram->state = SCRAM_OVER;
    if (!in_order)
        return error_set(err, ERR_PROTOCOL, "SCRAM: a final message out of order");
    uint8_t proof[SCRAM_KEY_BYTES] = {0};
    if (!read_final(scram, message, proof, err))
        return false;
    bool right = proof_right(scram, proof);
    mem_wipe(proof, sizeof proof);
    if (!right)
        return error_set(err, ERR_DENIED, "SCRAM: unknown user or wrong password");

    uint8_t signature[SHA256_BYTES];
    hmac_sha256(scram->credentials.server_key, SCRAM_KEY_BYTES, buf_str(&scram->auth_message), signature);
    buf_append_str(out, STR("v="));
    scram_base64_append(out, signature, sizeof signature);
    return true;
}
