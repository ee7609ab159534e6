/* JSON Web Tokens: header "." payload "." signature, each in base64url (RFC 7515, 7.1; RFC 7519).
 *
 * Happy path: split; read the header; verify the signature over the text before the last point; only then read
 * the payload, so that no byte of it is looked at before somebody vouches for it; check the claims.
 *
 * The header comes from a stranger, so it decides little:
 *   alg   HS256, RS256 or ES256, and it only selects among the keys that are bound to it (see jwt_keys.c);
 *         "none" and all else is refused
 *   kid   selects a key by name
 *   crit  refused: it names rules that the reader must know, and there are none here
 *   jwk, jku, x5c, x5u   ignored: keys come from the configuration alone
 *
 * Text and bytes correspond one to one: padding, white space and stray bits at the end of base64url are refused. */
#include "auth/auth_internal.h"

#include "base/mem.h"

#include <assert.h>

#define TOKEN_BYTES_MAX 16384

static const struct {
    const char *name;
    enum jwt_alg alg;
} algorithms[] = {{"HS256", JWT_HS256}, {"RS256", JWT_RS256}, {"ES256", JWT_ES256}};

struct jwt_parts {
    struct str header;
    struct str payload;
    struct str signature;
    struct str signed_text; /* header and payload with the point between */
};

static bool split(struct str token, struct jwt_parts *out)
{
    struct str rest = token;
    if (!str_next(&rest, '.', &out->header) || !str_next(&rest, '.', &out->payload) ||
        !str_next(&rest, '.', &out->signature) || rest.data != NULL)
        return false;
    out->signed_text = str_make(token.data, out->header.len + 1 + out->payload.len);
    return out->header.len != 0 && out->payload.len != 0 && out->signature.len != 0;
}

static bool decode(struct str text, struct buf *out)
{
    if (memchr(text.data, '=', text.len) != NULL)
        return false;
    buf_reserve(out, text.len);
    int64_t len = base64_decode(text, out->data, true);
    if (len < 0)
        return false;
    out->len = (size_t)len;
    return true;
}

static bool read_algorithm(const json_t *header, enum jwt_alg *out, struct error *err)
{
    const char *name = json_string_value(json_object_get(header, "alg"));
    if (name == NULL)
        return error_set(err, ERR_DENIED, "token: no alg in the header");
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        if (strcmp(name, algorithms[i].name) == 0) {
            *out = algorithms[i].alg;
            return true;
        }
    }
    return error_set(err, ERR_DENIED, "token: alg \"%.32s\" is refused; expected HS256, RS256 or ES256",
                     name);
}

/* *kid borrows from `header`, or is NULL. */
static bool read_header(const json_t *header, enum jwt_alg *alg, const char **kid, struct error *err)
{
    if (json_object_get(header, "crit") != NULL)
        return error_set(err, ERR_DENIED, "token: critical header parameters (crit) are refused");
    const json_t *value = json_object_get(header, "kid");
    if (value != NULL && (!json_is_string(value) || json_string_length(value) > JWT_KID_BYTES_MAX))
        return error_set(err, ERR_DENIED, "token: kid is no text of at most %d bytes", JWT_KID_BYTES_MAX);
    *kid = json_string_value(value);
    return read_algorithm(header, alg, err);
}

static bool verify_signature(const struct jwt_keys *keys, const struct jwt_parts *parts, struct error *err)
{
    struct buf header_text = {0};
    struct buf signature = {0};
    json_t *header = NULL;
    enum jwt_alg alg = JWT_HS256;
    const char *kid = NULL;
    bool ok = false;

    if (!decode(parts->header, &header_text) || (header = auth_json_object(buf_str(&header_text))) == NULL) {
        error_set(err, ERR_DENIED, "token: the header is not a JSON object in base64url");
        goto out;
    }
    if (!read_header(header, &alg, &kid, err))
        goto out;
    if (!decode(parts->signature, &signature)) {
        error_set(err, ERR_DENIED, "token: the signature is not base64url");
        goto out;
    }
    ok = jwt_keys_verify(keys, alg, kid, parts->signed_text, buf_str(&signature), err);
out:
    json_decref(header);
    buf_free(&signature);
    buf_free(&header_text);
    return ok;
}

bool jwt_verify(const struct jwt_keys *keys, struct str token, const struct jwt_options *options,
                int64_t now_s, struct jwt_claims *out, struct error *err)
{
    assert(options->leeway_s >= 0);
    *out = (struct jwt_claims){0};
    if (token.len > TOKEN_BYTES_MAX)
        return error_set(err, ERR_DENIED, "token: %zu bytes; the limit is %d", token.len, TOKEN_BYTES_MAX);
    struct jwt_parts parts;
    if (token.len == 0 || !split(token, &parts))
        return error_set(err, ERR_DENIED, "token: not three parts with points between");
    if (!verify_signature(keys, &parts, err))
        return false;

    struct buf payload_text = {0};
    json_t *payload = NULL;
    if (decode(parts.payload, &payload_text))
        payload = auth_json_object(buf_str(&payload_text));
    bool ok = payload != NULL
                  ? jwt_claims_read(payload, options, now_s, out, err)
                  : error_set(err, ERR_DENIED, "token: the claims are not a JSON object in base64url");
    json_decref(payload);
    buf_free(&payload_text);
    return ok;
}
