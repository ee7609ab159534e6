/* The keys that verify tokens (RFC 7517, 7518), and the verification of a signature.
 *
 * Each key is bound to one algorithm when it is added: a secret to HS256, an RSA key to RS256, a P-256 key to
 * ES256. A token's `alg` selects among the keys that are bound to it and never decides how a key is used, so an
 * RSA public key does not serve as an HMAC secret.
 *
 * Which keys are tried for a token:
 *
 *   token has a kid, a key has that kid    that key (those keys)
 *   token has a kid, a key has none        that key: secrets and PEM files name no kid
 *   token has no kid                       every key of the algorithm
 *
 * ES256 signatures come as r || s, 32 bytes each (RFC 7518, 3.4); the library wants them in DER.
 *
 * Private parts in a JWK are ignored, and so are symmetric keys ("oct"): a set of keys that is fetched is public,
 * and a secret in it would be none. */
#include "auth/auth_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#define SECRET_BYTES_MIN 32 /* RFC 7518, 3.2: at least the size of the hash */
#define SECRET_BYTES_MAX 4096
#define PEM_BYTES_MAX    65536
#define RSA_BITS_MIN     2048
#define RSA_BITS_MAX     8192
#define P256_BYTES       32
#define P256_RAW_BYTES   64 /* x || y, or r || s */
#define P256_DER_MAX     72 /* SEQUENCE of two INTEGERs of 33 bytes */
#define JWK_NUMBER_CHARS 2048

struct jwt_key {
    enum jwt_alg alg;
    char *kid;       /* NULL: the key has no name */
    EVP_PKEY *pkey;  /* RS256, ES256 */
    uint8_t *secret; /* HS256 */
    size_t secret_len;
};

struct jwt_keys {
    struct jwt_key *all;
    size_t count;
};

struct jwt_keys *jwt_keys_new(void)
{
    return mem_zalloc(sizeof(struct jwt_keys));
}

static void keys_truncate(struct jwt_keys *keys, size_t count)
{
    while (keys->count > count) {
        struct jwt_key *key = &keys->all[--keys->count];
        mem_free(key->kid);
        EVP_PKEY_free(key->pkey);
        mem_wipe(key->secret, key->secret_len);
        mem_free(key->secret);
    }
}

void jwt_keys_free(struct jwt_keys *keys)
{
    if (keys == NULL)
        return;
    keys_truncate(keys, 0);
    mem_free(keys->all);
    mem_free(keys);
}

size_t jwt_keys_count(const struct jwt_keys *keys)
{
    return keys->count;
}

/* Takes what `key` holds. The caller has checked that there is room. */
static void keys_push(struct jwt_keys *keys, struct jwt_key key)
{
    assert(keys->count < JWT_KEYS_MAX);
    keys->all = mem_realloc(keys->all, (keys->count + 1) * sizeof key);
    keys->all[keys->count++] = key;
}

static bool keys_room(const struct jwt_keys *keys, struct error *err)
{
    return keys->count < JWT_KEYS_MAX ||
           error_set(err, ERR_LIMIT, "more than %d keys for tokens", JWT_KEYS_MAX);
}

bool jwt_keys_add_secret(struct jwt_keys *keys, struct str secret, struct error *err)
{
    if (secret.len < SECRET_BYTES_MIN || secret.len > SECRET_BYTES_MAX) {
        return error_set(err, ERR_INVALID, "a secret of %zu bytes for HS256; expected %d to %d", secret.len,
                         SECRET_BYTES_MIN, SECRET_BYTES_MAX);
    }
    if (!keys_room(keys, err))
        return false;
    keys_push(keys, (struct jwt_key){.alg = JWT_HS256,
                                     .secret = mem_dup(secret.data, secret.len),
                                     .secret_len = secret.len});
    return true;
}

/* ---- Public keys ----------------------------------------------------------------------------------------- */

/* On the curve; an odd exponent above one, a modulus without small factors. */
static bool pkey_sound(EVP_PKEY *pkey)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    bool sound = ctx != NULL && EVP_PKEY_public_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    return sound;
}

/* The algorithm that the key is bound to. Errors: ERR_INVALID for a key that is too small or unsound,
 * ERR_UNSUPPORTED for other kinds. */
static bool pkey_alg(EVP_PKEY *pkey, enum jwt_alg *alg, struct error *err)
{
    if (EVP_PKEY_is_a(pkey, "RSA")) {
        int bits = EVP_PKEY_get_bits(pkey);
        if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX) {
            return error_set(err, ERR_INVALID, "an RSA key of %d bits; expected %d to %d", bits, RSA_BITS_MIN,
                             RSA_BITS_MAX);
        }
        *alg = JWT_RS256;
    } else if (EVP_PKEY_is_a(pkey, "EC")) {
        char group[32];
        size_t group_len;
        if (EVP_PKEY_get_group_name(pkey, group, sizeof group, &group_len) != 1 ||
            strcmp(group, "prime256v1") != 0)
            return error_set(err, ERR_UNSUPPORTED, "an elliptic curve other than P-256");
        *alg = JWT_ES256;
    } else {
        return error_set(err, ERR_UNSUPPORTED, "neither an RSA nor a P-256 key");
    }
    return pkey_sound(pkey) || error_set(err, ERR_INVALID, "the numbers of the key make no sound key");
}

/* One block of a PEM text. `name` is what stands behind BEGIN. */
static bool add_pem_block(struct jwt_keys *keys, const char *name, const unsigned char *der, long der_len,
                          struct error *err)
{
    if (strcmp(name, PEM_STRING_PUBLIC) != 0)
        return error_set(err, ERR_INVALID, "a %.40s in the PEM text; expected a " PEM_STRING_PUBLIC, name);
    const unsigned char *end = der;
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &end, der_len);
    enum jwt_alg alg;
    bool ok = pkey != NULL && end == der + der_len;
    if (!ok)
        error_set(err, ERR_INVALID, "a public key of the PEM text is malformed");
    ok = ok && keys_room(keys, err) && pkey_alg(pkey, &alg, err);
    if (!ok) {
        EVP_PKEY_free(pkey);
        return false;
    }
    keys_push(keys, (struct jwt_key){.alg = alg, .pkey = pkey});
    return true;
}

/* Adds each public key that the text holds; true if the text holds nothing else. */
static bool add_pem_keys(struct jwt_keys *keys, BIO *bio, struct error *err)
{
    bool ok = true;
    while (ok) {
        char *name = NULL;
        char *header = NULL;
        unsigned char *der = NULL;
        long der_len = 0;
        ERR_clear_error();
        if (PEM_read_bio(bio, &name, &header, &der, &der_len) != 1) {
            if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
                return true;
            return error_set(err, ERR_INVALID, "the PEM text is malformed");
        }
        ok = add_pem_block(keys, name, der, der_len, err);
        mem_wipe(der, (size_t)der_len); /* it may be a private key, which is refused */
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);
    }
    return false;
}

bool jwt_keys_add_pem(struct jwt_keys *keys, struct str pem, struct error *err)
{
    if (pem.len == 0 || pem.len > PEM_BYTES_MAX) {
        return error_set(err, ERR_INVALID, "a PEM text of %zu bytes; expected 1 to %d", pem.len,
                         PEM_BYTES_MAX);
    }
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    if (bio == NULL)
        return error_set(err, ERR_NO_MEMORY, "out of memory for a PEM text");
    size_t count = keys->count;
    bool ok = add_pem_keys(keys, bio, err);
    if (ok && keys->count == count)
        ok = error_set(err, ERR_INVALID, "no public key in the PEM text");
    if (!ok) {
        keys_truncate(keys, count);
        error_hint(err,
                   "openssl makes one of a certificate (x509 -pubkey -noout) or private key (pkey -pubout)");
    }
    BIO_free(bio);
    /* A left-over error would look like one of the next TLS call of this thread. */
    ERR_clear_error();
    return ok;
}

/* ---- JSON Web Keys --------------------------------------------------------------------------------------- */

/* The bytes of a base64url member, appended to *out. */
static bool jwk_bytes(const json_t *jwk, const char *member, struct buf *out)
{
    const json_t *value = json_object_get(jwk, member);
    struct str text = str_make(json_string_value(value), json_string_length(value));
    if (text.len == 0 || text.len > JWK_NUMBER_CHARS || memchr(text.data, '=', text.len) != NULL)
        return false;
    buf_reserve(out, text.len);
    int64_t len = base64_decode(text, out->data + out->len, true);
    if (len <= 0)
        return false;
    out->len += (size_t)len;
    return true;
}

/* A public key of `type` from parameters. Returns owned, or NULL. */
static EVP_PKEY *pkey_build(const char *type, OSSL_PARAM_BLD *builder)
{
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return pkey;
}

/* RFC 7518, 6.3.1. */
static EVP_PKEY *jwk_rsa(const json_t *jwk)
{
    EVP_PKEY *pkey = NULL;
    struct buf n_bytes = {0};
    struct buf e_bytes = {0};
    BIGNUM *n = NULL;
    BIGNUM *e = NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (builder == NULL || !jwk_bytes(jwk, "n", &n_bytes) || !jwk_bytes(jwk, "e", &e_bytes))
        goto out;
    n = BN_bin2bn(n_bytes.data, (int)n_bytes.len, NULL);
    e = BN_bin2bn(e_bytes.data, (int)e_bytes.len, NULL);
    if (n != NULL && e != NULL && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        pkey = pkey_build("RSA", builder);
out:
    OSSL_PARAM_BLD_free(builder);
    BN_free(n);
    BN_free(e);
    buf_free(&n_bytes);
    buf_free(&e_bytes);
    return pkey;
}

/* RFC 7518, 6.2.1. The library takes the point as 04 || x || y. */
static EVP_PKEY *jwk_p256(const json_t *jwk)
{
    const char *curve = json_string_value(json_object_get(jwk, "crv"));
    if (curve == NULL || strcmp(curve, "P-256") != 0)
        return NULL;
    EVP_PKEY *pkey = NULL;
    struct buf point = {0};
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    buf_append_byte(&point, POINT_CONVERSION_UNCOMPRESSED);
    if (builder != NULL && jwk_bytes(jwk, "x", &point) && point.len == 1 + P256_BYTES &&
        jwk_bytes(jwk, "y", &point) && point.len == 1 + P256_RAW_BYTES &&
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.data, point.len) == 1)
        pkey = pkey_build("EC", builder);
    OSSL_PARAM_BLD_free(builder);
    buf_free(&point);
    return pkey;
}

/* `use`, `key_ops` and `alg` may be absent; what is there must fit the verification of `alg`. */
static bool jwk_for_verifying(const json_t *jwk, const char *alg)
{
    const json_t *use = json_object_get(jwk, "use");
    const json_t *bound = json_object_get(jwk, "alg");
    const json_t *ops = json_object_get(jwk, "key_ops");
    if (use != NULL && (!json_is_string(use) || strcmp(json_string_value(use), "sig") != 0))
        return false;
    if (bound != NULL && (!json_is_string(bound) || strcmp(json_string_value(bound), alg) != 0))
        return false;
    if (ops == NULL)
        return true;
    for (size_t i = 0; i < json_array_size(ops); i++) {
        const char *op = json_string_value(json_array_get(ops, i));
        if (op != NULL && strcmp(op, "verify") == 0)
            return true;
    }
    return false;
}

/* Adds the key, unless it is of no use. */
static void add_jwk(struct jwt_keys *keys, const json_t *jwk)
{
    const char *type = json_string_value(json_object_get(jwk, "kty"));
    const json_t *kid = json_object_get(jwk, "kid");
    if (type == NULL || keys->count == JWT_KEYS_MAX)
        return;
    if (kid != NULL && (!json_is_string(kid) || json_string_length(kid) > JWT_KID_BYTES_MAX))
        return;
    EVP_PKEY *pkey = NULL;
    if (strcmp(type, "RSA") == 0 && jwk_for_verifying(jwk, "RS256")) {
        pkey = jwk_rsa(jwk);
    } else if (strcmp(type, "EC") == 0 && jwk_for_verifying(jwk, "ES256")) {
        pkey = jwk_p256(jwk);
    }
    if (pkey == NULL)
        return;
    enum jwt_alg alg;
    if (!pkey_alg(pkey, &alg, NULL)) {
        EVP_PKEY_free(pkey);
        return;
    }
    keys_push(keys, (struct jwt_key){
                        .alg = alg,
                        .kid = kid != NULL ? mem_strdup(json_string_value(kid)) : NULL,
                        .pkey = pkey,
                    });
}

bool jwt_keys_add_jwks(struct jwt_keys *keys, struct str json, struct error *err)
{
    json_t *root = json.len <= JWKS_BYTES_MAX ? auth_json_object(json) : NULL;
    if (root == NULL)
        return error_set(err, ERR_INVALID, "the JWK set is not a JSON object");
    const json_t *list = json_object_get(root, "keys");
    size_t count = keys->count;
    for (size_t i = 0; i < json_array_size(list); i++)
        add_jwk(keys, json_array_get(list, i));
    json_decref(root);
    ERR_clear_error();
    return keys->count > count ||
           error_set(err, ERR_INVALID, "the JWK set holds no key for verifying RS256 or ES256");
}

/* ---- Verification ---------------------------------------------------------------------------------------- */

/* r || s to DER. Returns the length, or 0. */
static size_t ecdsa_to_der(struct str raw, uint8_t out[P256_DER_MAX])
{
    if (raw.len != P256_RAW_BYTES)
        return 0;
    int len = 0;
    const uint8_t *bytes = (const uint8_t *)raw.data;
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(bytes, P256_BYTES, NULL);
    BIGNUM *s = BN_bin2bn(bytes + P256_BYTES, P256_BYTES, NULL);
    if (signature != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(signature, r, s) == 1) {
        r = NULL; /* the signature owns them */
        s = NULL;
        len = i2d_ECDSA_SIG(signature, NULL);
        uint8_t *at = out;
        if (len > 0 && len <= P256_DER_MAX) {
            len = i2d_ECDSA_SIG(signature, &at);
        } else {
            len = 0;
        }
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(signature);
    return len > 0 ? (size_t)len : 0;
}

/* RSASSA-PKCS1-v1_5 or ECDSA, with SHA-256: the kind follows from the key. */
static bool pkey_verifies(EVP_PKEY *pkey, struct str input, const void *signature, size_t signature_len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
              EVP_DigestVerify(ctx, signature, signature_len, (const uint8_t *)input.data, input.len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool key_verifies(const struct jwt_key *key, struct str input, struct str signature)
{
    switch (key->alg) {
    case JWT_HS256: {
        uint8_t mac[SHA256_BYTES];
        if (signature.len != sizeof mac)
            return false;
        hmac_sha256(key->secret, key->secret_len, input, mac);
        bool same = CRYPTO_memcmp(mac, signature.data, sizeof mac) == 0;
        mem_wipe(mac, sizeof mac);
        return same;
    }
    case JWT_RS256: return pkey_verifies(key->pkey, input, signature.data, signature.len);
    case JWT_ES256: {
        uint8_t der[P256_DER_MAX];
        size_t len = ecdsa_to_der(signature, der);
        return len != 0 && pkey_verifies(key->pkey, input, der, len);
    }
    }
    return false;
}

bool jwt_keys_verify(const struct jwt_keys *keys, enum jwt_alg alg, const char *kid, struct str input,
                     struct str signature, struct error *err)
{
    bool kid_known = kid == NULL;
    bool tried = false;
    bool verified = false;
    for (size_t i = 0; i < keys->count && !verified; i++) {
        const struct jwt_key *key = &keys->all[i];
        bool named = kid != NULL && key->kid != NULL && strcmp(key->kid, kid) == 0;
        kid_known = kid_known || named;
        if (key->alg != alg || (kid != NULL && key->kid != NULL && !named))
            continue;
        tried = true;
        verified = key_verifies(key, input, signature);
    }
    ERR_clear_error();
    if (verified)
        return true;
    if (!kid_known)
        return error_set(err, ERR_NOT_FOUND, "token: no key has its kid \"%.64s\"", kid);
    if (!tried)
        return error_set(err, ERR_DENIED, "token: no key is for its algorithm");
    return error_set(err, ERR_DENIED, "token: the signature does not match");
}
