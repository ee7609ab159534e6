/* SCRAM's messages (RFC 5802, 7) and key derivation (3), for both sides.
 *
 *   client-first   gs2-flag "," ["a=" name] "," "n=" name ",r=" nonce *("," extension)
 *   server-first   "r=" nonce ",s=" salt ",i=" iterations *("," extension)
 *   client-final   "c=" base64(gs2 header) ",r=" nonce *("," extension) ",p=" base64(proof)
 *   server-final   "v=" base64(signature) or "e=" error *("," extension)
 *
 * SASLprep: user names and passwords are taken as they are, as long as they are well-formed UTF-8 without NUL.
 * For ASCII that is what SASLprep (RFC 4013) does; beyond it, a client that normalises and a user who was entered
 * in another normal form do not meet. */
#include "auth/auth_internal.h"

#include "base/random.h"

#include <limits.h>
#include <openssl/evp.h>

bool scram_text_valid(struct str text)
{
    return text.len == 0 || (memchr(text.data, 0, text.len) == NULL && utf8_valid(text.data, text.len));
}

bool scram_message_check(struct str message, struct error *err)
{
    if (message.len == 0 || message.len > SCRAM_MESSAGE_BYTES_MAX)
        return error_set(err, ERR_PROTOCOL, "SCRAM: a message of %zu bytes", message.len);
    if (!scram_text_valid(message))
        return error_set(err, ERR_PROTOCOL, "SCRAM: the message is not UTF-8 text");
    return true;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* attr-val of section 7. */
static bool next_attribute(struct str *rest, char *name, struct str *value)
{
    struct str piece;
    if (rest->data == NULL || !str_next(rest, ',', &piece))
        return false;
    if (piece.len < 3 || !is_letter(piece.data[0]) || piece.data[1] != '=')
        return false;
    *name = piece.data[0];
    *value = str_make(piece.data + 2, piece.len - 2);
    return true;
}

bool scram_attribute(struct str *rest, char name, struct str *value, struct error *err)
{
    char found;
    if (!next_attribute(rest, &found, value) || found != name)
        return error_set(err, ERR_PROTOCOL, "SCRAM: the attribute \"%c=\" is not in its place", name);
    return true;
}

bool scram_extensions(struct str rest, struct error *err)
{
    while (rest.data != NULL) {
        char name;
        struct str value;
        if (!next_attribute(&rest, &name, &value))
            return error_set(err, ERR_PROTOCOL, "SCRAM: malformed extension");
        if (name == 'm')
            return error_set(err, ERR_PROTOCOL, "SCRAM: mandatory extensions are not supported");
        if (strchr("aceinprsv", name) != NULL)
            return error_set(err, ERR_PROTOCOL, "SCRAM: the attribute \"%c=\" is not in its place", name);
    }
    return true;
}

bool scram_nonce_valid(struct str nonce)
{
    for (size_t i = 0; i < nonce.len; i++) {
        if (nonce.data[i] < 0x21 || nonce.data[i] > 0x7E || nonce.data[i] == ',')
            return false;
    }
    return nonce.len != 0;
}

void scram_nonce_random(char out[SCRAM_NONCE_CAP])
{
    _Static_assert(BASE64_BYTES(SCRAM_NONCE_BYTES) == SCRAM_NONCE_CHARS + 1, "whole groups, no padding");
    uint8_t bytes[SCRAM_NONCE_BYTES];
    random_bytes(bytes, sizeof bytes);
    base64_encode(bytes, sizeof bytes, out, false);
}

bool scram_base64_exact(struct str text, uint8_t *out, size_t len)
{
    /* The decoder also takes text without padding, which would be more bytes in as many characters. */
    bool padded = len % 3 == 0 || (text.len != 0 && text.data[text.len - 1] == '=');
    return text.len == BASE64_BYTES(len) - 1 && padded && base64_decode(text, out, false) == (int64_t)len;
}

void scram_base64_append(struct buf *out, const void *data, size_t len)
{
    buf_reserve(out, BASE64_BYTES(len));
    out->len += base64_encode(data, len, (char *)out->data + out->len, false);
}

bool scram_name_decode(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '=') {
            buf_append_byte(out, (uint8_t)text.data[i]);
            continue;
        }
        struct str escape = str_make(text.data + i, text.len - i < 3 ? text.len - i : 3);
        if (str_is(escape, "=2C")) {
            buf_append_byte(out, ',');
        } else if (str_is(escape, "=3D")) {
            buf_append_byte(out, '=');
        } else {
            return false;
        }
        i += 2;
    }
    return true;
}

void scram_name_encode(struct str name, struct buf *out)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] == ',') {
            buf_append_str(out, STR("=2C"));
        } else if (name.data[i] == '=') {
            buf_append_str(out, STR("=3D"));
        } else {
            buf_append_byte(out, (uint8_t)name.data[i]);
        }
    }
}

bool scram_salted_password(struct str password, const uint8_t *salt, size_t salt_len, uint32_t iterations,
                           uint8_t out[SCRAM_KEY_BYTES])
{
    if (password.len > INT_MAX || salt_len > INT_MAX || iterations > INT_MAX)
        return false;
    return PKCS5_PBKDF2_HMAC(password.len != 0 ? password.data : "", (int)password.len, salt, (int)salt_len,
                             (int)iterations, EVP_sha256(), SCRAM_KEY_BYTES, out) == 1;
}

void scram_keys(const uint8_t salted[SCRAM_KEY_BYTES], uint8_t client_key[SCRAM_KEY_BYTES],
                uint8_t stored_key[SCRAM_KEY_BYTES], uint8_t server_key[SCRAM_KEY_BYTES])
{
    hmac_sha256(salted, SCRAM_KEY_BYTES, STR("Client Key"), client_key);
    sha256(client_key, SCRAM_KEY_BYTES, stored_key);
    hmac_sha256(salted, SCRAM_KEY_BYTES, STR("Server Key"), server_key);
}
