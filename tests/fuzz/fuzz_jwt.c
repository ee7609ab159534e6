/* Tokens and keys from strangers. The first byte of the input says what the rest is:
 *
 *   't'   a token, as it came
 *   'h'   a token's header, for a payload and an HMAC of our own
 *   'p'   a token's payload, signed as ours: what comes behind the signature
 *   'k'   a JWK set
 *   'm'   a PEM text
 *
 * A token that nobody signed must not verify, and what is refused must leave nothing behind. */
#include "auth/auth_internal.h"

#include <assert.h>
#include <stdlib.h>

#define SECRET "a secret of more than 32 bytes for HS256"
#define NOW_S  2000000000

static const char rsa_jwk[] =
    "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"r\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_"
    "wWJcyQoTbji9k0l8W26mPdd"
    "xHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_"
    "7OMg0LO"
    "L-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_"
    "I5Ihl"
    "JH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"},"
    "{\"kty\":\"EC\",\"kid\":\"e\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok, const struct jwt_claims *claims, enum error_code code)
{
    static const struct jwt_claims nothing;
    if (ok)
        return;
    if (memcmp(claims, &nothing, sizeof nothing) != 0 || (code != ERR_DENIED && code != ERR_NOT_FOUND))
        abort();
}

static bool verify(struct str token)
{
    static struct jwt_keys *keys;
    if (keys == NULL) {
        keys = jwt_keys_new();
        bool ready =
            jwt_keys_add_secret(keys, STR(SECRET), NULL) && jwt_keys_add_jwks(keys, str_of(rsa_jwk), NULL);
        assert(ready);
        (void)ready;
    }
    const struct jwt_options options = {.leeway_s = 5};
    struct jwt_claims claims;
    struct error err = {.code = ERR_NONE};
    bool ok = jwt_verify(keys, token, &options, NOW_S, &claims, &err);
    check(ok, &claims, err.code);
    jwt_claims_free(&claims);
    return ok;
}

static void append_part(struct buf *out, struct str part)
{
    buf_reserve(out, BASE64_BYTES(part.len));
    out->len += base64_encode(part.data, part.len, (char *)out->data + out->len, true);
}

static void verify_signed(struct str header, struct str payload)
{
    uint8_t mac[SHA256_BYTES];
    struct buf token = {0};
    append_part(&token, header);
    buf_append_byte(&token, '.');
    append_part(&token, payload);
    hmac_sha256(SECRET, sizeof SECRET - 1, buf_str(&token), mac);
    buf_append_byte(&token, '.');
    append_part(&token, str_make(mac, sizeof mac));
    verify(buf_str(&token));
    buf_free(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct str rest = str_make(data + 1, size - 1);
    struct jwt_keys *keys;
    switch (data[0]) {
    case 't':
        /* The RFC's tokens are in the corpus and signed by these keys, but long expired. */
        if (verify(rest))
            abort();
        break;
    case 'h': verify_signed(rest, STR("{}")); break;
    case 'p': verify_signed(STR("{\"alg\":\"HS256\"}"), rest); break;
    case 'k':
    case 'm':
        keys = jwt_keys_new();
        bool ok = data[0] == 'k' ? jwt_keys_add_jwks(keys, rest, NULL) : jwt_keys_add_pem(keys, rest, NULL);
        if (ok != (jwt_keys_count(keys) != 0))
            abort();
        jwt_keys_free(keys);
        break;
    default: break;
    }
    return 0;
}
