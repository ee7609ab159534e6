/* Which keys are taken, and which key a token's kid picks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/token.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>

static const struct jwt_options no_options;

/* ---- Made keys ------------------------------------------------------------------------------------------- */

static void append_pem(struct buf *out, EVP_PKEY *pkey)
{
    char *pem;
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
    long len = BIO_get_mem_data(bio, &pem);
    buf_append(out, pem, (size_t)len);
    BIO_free(bio);
}

static void append_number(struct buf *out, EVP_PKEY *pkey, const char *param, const char *member)
{
    uint8_t bytes[32];
    char text[BASE64_BYTES(sizeof bytes)];
    BIGNUM *number = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(pkey, param, &number), 1);
    assert_int_equal(BN_bn2binpad(number, bytes, sizeof bytes), sizeof bytes);
    base64_encode(bytes, sizeof bytes, text, true);
    buf_printf(out, ",\"%s\":\"%s\"", member, text);
    BN_free(number);
}

/* A P-256 key as JWK; `more` are further members with their comma, or "". */
static void append_jwk(struct buf *out, EVP_PKEY *pkey, const char *more)
{
    buf_printf(out, "{\"kty\":\"EC\",\"crv\":\"P-256\"%s", more);
    append_number(out, pkey, OSSL_PKEY_PARAM_EC_PUB_X, "x");
    append_number(out, pkey, OSSL_PKEY_PARAM_EC_PUB_Y, "y");
    buf_append_byte(out, '}');
}

/* An ES256 token without claims, signed by pkey. */
static void make_token(struct buf *token, EVP_PKEY *pkey, const char *header)
{
    uint8_t der[80];
    size_t der_len = sizeof der;
    token_begin(token, str_of(header), STR("{}"));
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey), 1);
    assert_int_equal(EVP_DigestSign(ctx, der, &der_len, token->data, token->len), 1);
    EVP_MD_CTX_free(ctx);

    uint8_t raw[64];
    const unsigned char *at = der;
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, 32), 32);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + 32, 32), 32);
    ECDSA_SIG_free(signature);
    token_append_signature(token, str_make(raw, sizeof raw));
}

static enum error_code verify(const struct jwt_keys *keys, const struct buf *token)
{
    struct error err = {.code = ERR_NONE};
    struct jwt_claims claims;
    jwt_verify(keys, buf_str(token), &no_options, 0, &claims, &err);
    jwt_claims_free(&claims);
    return err.code;
}

/* ---- Adding ---------------------------------------------------------------------------------------------- */

static void test_secrets_have_32_bytes_or_more(void **state)
{
    (void)state;
    char secret[5000];
    memset(secret, 's', sizeof secret);
    const struct {
        size_t len;
        bool taken;
    } cases[] = {{0, false}, {1, false}, {31, false}, {32, true}, {64, true}, {4096, true}, {4097, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {.code = ERR_NONE};
        struct jwt_keys *keys = jwt_keys_new();
        assert_true(jwt_keys_add_secret(keys, str_make(secret, cases[i].len), &err) == cases[i].taken);
        assert_int_equal(err.code, cases[i].taken ? ERR_NONE : ERR_INVALID);
        assert_int_equal(jwt_keys_count(keys), cases[i].taken);
        jwt_keys_free(keys);
    }
}

static void test_pem_texts(void **state)
{
    (void)state;
    EVP_PKEY *ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    EVP_PKEY *p256 = EVP_EC_gen("P-256");
    EVP_PKEY *others[] = {EVP_RSA_gen(1024), EVP_EC_gen("P-384"), EVP_EC_gen("secp256k1"), ed25519};
    static const enum error_code codes[] = {ERR_INVALID, ERR_UNSUPPORTED, ERR_UNSUPPORTED, ERR_UNSUPPORTED};
    struct buf pem = {0};
    for (size_t i = 0; i < 4; i++) {
        struct error err;
        struct jwt_keys *keys = jwt_keys_new();
        buf_reset(&pem);
        /* A good key before it does not stay either. */
        append_pem(&pem, p256);
        append_pem(&pem, others[i]);
        assert_false(jwt_keys_add_pem(keys, buf_str(&pem), &err));
        assert_int_equal(err.code, codes[i]);
        assert_int_equal(jwt_keys_count(keys), 0);
        jwt_keys_free(keys);
        EVP_PKEY_free(others[i]);
    }
    EVP_PKEY_free(p256);
    buf_free(&pem);

    const struct {
        struct str pem;
        size_t count;
    } cases[] = {
        {STR(RFC_A2_PEM), 1},
        {STR(RFC_A3_PEM), 1},
        {STR(RFC_A2_PEM RFC_A3_PEM RFC_A2_PEM), 3},
        {STR("# the key of the issuer\n" RFC_A2_PEM "\n"), 1},
        /* one that is broken refuses them all */
        {STR(RFC_A2_PEM "-----BEGIN PUBLIC KEY-----\n"), 0},
        {STR(RFC_A2_PEM "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), 0},
        {STR(""), 0},
        {STR("secret"), 0},
        {STR("-----BEGIN PUBLIC KEY-----\n"), 0},
        {STR("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), 0},
        {STR("-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n"), 0},
        {STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err;
        struct jwt_keys *keys = jwt_keys_new();
        assert_true(jwt_keys_add_pem(keys, cases[i].pem, &err) == (cases[i].count != 0));
        if (cases[i].count == 0)
            assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(jwt_keys_count(keys), cases[i].count);
        jwt_keys_free(keys);
    }
}

static void test_a_private_key_is_not_taken_and_asks_for_no_pass_phrase(void **state)
{
    (void)state;
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    const EVP_CIPHER *ciphers[] = {NULL, EVP_aes_128_cbc()};
    for (size_t i = 0; i < 2; i++) {
        char *pem;
        struct error err;
        BIO *bio = BIO_new(BIO_s_mem());
        assert_int_equal(
            PEM_write_bio_PrivateKey(bio, pkey, ciphers[i], (const unsigned char *)"x", 1, NULL, NULL), 1);
        long len = BIO_get_mem_data(bio, &pem);
        struct jwt_keys *keys = jwt_keys_new();
        assert_false(jwt_keys_add_pem(keys, str_make(pem, (size_t)len), &err));
        assert_int_equal(err.code, ERR_INVALID);
        jwt_keys_free(keys);
        BIO_free(bio);
    }
    EVP_PKEY_free(pkey);
}

static void test_json_web_keys(void **state)
{
    (void)state;
#define RSA(more)        "{\"kty\":\"RSA\",\"n\":\"" RFC_A2_N "\",\"e\":\"AQAB\"" more "}"
#define EC(more)         "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC_A3_X "\",\"y\":\"" RFC_A3_Y "\"" more "}"
#define EC_OF(crv, x, y) "{\"kty\":\"EC\",\"crv\":\"" crv "\",\"x\":\"" x "\",\"y\":\"" y "\"}"
#define RSA_OF(n, e)     "{\"kty\":\"RSA\",\"n\":\"" n "\",\"e\":\"" e "\"}"
#define A43              "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    static const struct {
        const char *jwk;
        bool usable;
    } cases[] = {
        {RSA(""), true},
        {EC(""), true},
        {RSA(",\"alg\":\"RS256\",\"use\":\"sig\",\"kid\":\"1\",\"x5t\":\"AAAA\""), true},
        {EC(",\"alg\":\"ES256\",\"use\":\"sig\",\"kid\":\"1\""), true},
        {EC(",\"key_ops\":[\"sign\",\"verify\"]"), true},
        /* a private part is ignored */
        {EC(",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\""), true},
        /* another purpose or algorithm */
        {RSA(",\"use\":\"enc\""), false},
        {RSA(",\"use\":5"), false},
        {RSA(",\"alg\":\"RS512\""), false},
        {RSA(",\"alg\":\"PS256\""), false},
        {RSA(",\"alg\":\"HS256\""), false},
        {RSA(",\"alg\":\"ES256\""), false},
        {RSA(",\"alg\":null"), false},
        {EC(",\"alg\":\"RS256\""), false},
        {EC(",\"key_ops\":[\"sign\"]"), false},
        {EC(",\"key_ops\":[]"), false},
        {EC(",\"key_ops\":\"verify\""), false},
        {EC(",\"kid\":5"), false},
        /* secrets do not come in sets */
        {"{\"kty\":\"oct\",\"k\":\"" RFC_A1_SECRET "\"}", false},
        {"{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"" RFC_A1_SECRET "\"}", false},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
         false},
        /* numbers that make no key */
        {EC_OF("P-384", RFC_A3_X, RFC_A3_Y), false},
        {EC_OF("P-256", RFC_A3_Y, RFC_A3_X), false},
        {EC_OF("P-256", A43, A43), false},
        {EC_OF("P-256", RFC_A3_X, ""), false},
        {EC_OF("P-256", RFC_A3_X "AA", RFC_A3_Y), false},
        {EC_OF("P-256", RFC_A3_X, "AA" RFC_A3_Y), false},
        {EC_OF("P-256", RFC_A3_X "=", RFC_A3_Y), false},
        {EC_OF("P-256", "!!!!", RFC_A3_Y), false},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC_A3_X "\"}", false},
        {"{\"kty\":\"EC\",\"x\":\"" RFC_A3_X "\",\"y\":\"" RFC_A3_Y "\"}", false},
        {RSA_OF(RFC_A2_N, ""), false},
        {RSA_OF(RFC_A2_N, "AQ"), false}, /* exponent 1: everything verifies */
        {RSA_OF(RFC_A2_N, "AA"), false},
        {RSA_OF(RFC_A2_N, "Ag"), false},
        {RSA_OF("AQAB", "AQAB"), false},
        {RSA_OF(RFC_A3_X, "AQAB"), false},
        {RSA_OF("", "AQAB"), false},
        {RSA_OF("====", "AQAB"), false},
        {"{\"kty\":\"RSA\",\"n\":5,\"e\":\"AQAB\"}", false},
        {"{\"kty\":\"RSA\"}", false},
        {"{\"kty\":\"rsa\",\"n\":\"" RFC_A2_N "\",\"e\":\"AQAB\"}", false},
        {"{\"n\":\"" RFC_A2_N "\",\"e\":\"AQAB\"}", false},
        {"{}", false},
        {"5", false},
        {"null", false},
        {"[]", false},
    };
    struct buf json = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err;
        struct jwt_keys *keys = jwt_keys_new();
        buf_reset(&json);
        buf_printf(&json, "{\"keys\":[%s]}", cases[i].jwk);
        if (jwt_keys_add_jwks(keys, buf_str(&json), &err) != cases[i].usable)
            fail_msg("%s", cases[i].jwk);
        if (!cases[i].usable)
            assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(jwt_keys_count(keys), cases[i].usable);
        /* In company the useless ones are skipped. */
        buf_reset(&json);
        buf_printf(&json, "{\"keys\":[%s,%s],\"more\":1}", cases[i].jwk, RSA(""));
        assert_true(jwt_keys_add_jwks(keys, buf_str(&json), NULL));
        assert_int_equal(jwt_keys_count(keys), cases[i].usable ? 3 : 1);
        jwt_keys_free(keys);
    }
    buf_free(&json);
}

static void test_texts_that_are_no_key_set(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "null",
                                        "[]",
                                        "{}",
                                        "{\"keys\":5}",
                                        "{\"keys\":{}}",
                                        "{\"keys\":[]}",
                                        "[" RSA("") "]",
                                        RSA(""),
                                        "{\"keys\":[" RSA("") "]",
                                        "<html></html>",
                                        "{\"keys\":[" RSA("") "]}x",
                                        "{\"keys\":[" RSA("") "],\"keys\":[]}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct error err;
        struct jwt_keys *keys = jwt_keys_new();
        if (jwt_keys_add_jwks(keys, str_of(texts[i]), &err))
            fail_msg("%s", texts[i]);
        assert_int_equal(err.code, ERR_INVALID);
        jwt_keys_free(keys);
    }
}

static void test_deep_and_large_sets_are_refused(void **state)
{
    (void)state;
    struct buf json = {0};
    buf_append_str(&json, STR("{\"keys\":[" RSA("") "],\"x\":"));
    for (size_t i = 0; i < 100000; i++)
        buf_append_byte(&json, '[');
    struct jwt_keys *keys = jwt_keys_new();
    assert_false(jwt_keys_add_jwks(keys, buf_str(&json), NULL));

    buf_reset(&json);
    buf_append_str(&json, STR("{\"keys\":[" RSA("") "]}"));
    while (json.len < JWKS_BYTES_MAX)
        buf_append_byte(&json, ' ');
    assert_true(jwt_keys_add_jwks(keys, buf_str(&json), NULL));
    buf_append_byte(&json, ' ');
    assert_false(jwt_keys_add_jwks(keys, buf_str(&json), NULL));
    jwt_keys_free(keys);
    buf_free(&json);
}

static void test_there_are_at_most_256_keys(void **state)
{
    (void)state;
    struct buf json = {0};
    buf_append_str(&json, STR("{\"keys\":["));
    for (size_t i = 0; i < JWT_KEYS_MAX + 10; i++)
        buf_printf(&json, "%s%s", i == 0 ? "" : ",", EC(""));
    buf_append_str(&json, STR("]}"));
    struct error err;
    struct jwt_keys *keys = jwt_keys_new();
    assert_true(jwt_keys_add_jwks(keys, buf_str(&json), NULL));
    assert_int_equal(jwt_keys_count(keys), JWT_KEYS_MAX);
    assert_false(jwt_keys_add_secret(keys, STR(TEST_SECRET), &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_false(jwt_keys_add_pem(keys, STR(RFC_A2_PEM), &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(jwt_keys_count(keys), JWT_KEYS_MAX);
    jwt_keys_free(keys);
    buf_free(&json);
}

/* ---- Picking --------------------------------------------------------------------------------------------- */

/* The sets of the table below: one letter a key; upper case: with that letter as kid, lower case: without. */
static void add_keys(struct jwt_keys *keys, const char *letters, EVP_PKEY *a, EVP_PKEY *b)
{
    struct buf json = {0};
    buf_append_str(&json, STR("{\"keys\":["));
    for (const char *at = letters; *at != '\0'; at++) {
        char kid[16];
        snprintf(kid, sizeof kid, ",\"kid\":\"%c\"", *at);
        if (at != letters)
            buf_append_byte(&json, ',');
        append_jwk(&json, *at == 'A' || *at == 'a' ? a : b, *at <= 'Z' ? kid : "");
    }
    buf_append_str(&json, STR("]}"));
    if (*letters != '\0')
        assert_true(jwt_keys_add_jwks(keys, buf_str(&json), NULL));
    buf_free(&json);
}

static void test_kid_picks_the_key(void **state)
{
    (void)state;
    static const struct {
        const char *keys;
        const char *header; /* of a token that key a signs */
        enum error_code code;
    } cases[] = {
        {"A", "{\"alg\":\"ES256\",\"kid\":\"A\"}", ERR_NONE},
        {"AB", "{\"alg\":\"ES256\",\"kid\":\"A\"}", ERR_NONE},
        {"BA", "{\"alg\":\"ES256\",\"kid\":\"A\"}", ERR_NONE},
        {"BA", "{\"alg\":\"ES256\"}", ERR_NONE},
        {"a", "{\"alg\":\"ES256\",\"kid\":\"A\"}", ERR_NONE},
        {"Ba", "{\"alg\":\"ES256\",\"kid\":\"A\"}", ERR_NONE},
        {"Ba", "{\"alg\":\"ES256\",\"kid\":\"B\"}", ERR_NONE},
        {"a", "{\"alg\":\"ES256\"}", ERR_NONE},
        /* the kid is another key's: that key is tried and does not fit */
        {"AB", "{\"alg\":\"ES256\",\"kid\":\"B\"}", ERR_DENIED},
        {"B", "{\"alg\":\"ES256\",\"kid\":\"B\"}", ERR_DENIED},
        {"B", "{\"alg\":\"ES256\"}", ERR_DENIED},
        /* nobody's: the caller may fetch the set again */
        {"AB", "{\"alg\":\"ES256\",\"kid\":\"C\"}", ERR_NOT_FOUND},
        {"A", "{\"alg\":\"ES256\",\"kid\":\"a\"}", ERR_NOT_FOUND},
        {"A", "{\"alg\":\"ES256\",\"kid\":\"\"}", ERR_NOT_FOUND},
        {"b", "{\"alg\":\"ES256\",\"kid\":\"A\"}", ERR_NOT_FOUND},
        {"", "{\"alg\":\"ES256\",\"kid\":\"A\"}", ERR_NOT_FOUND},
        {"", "{\"alg\":\"ES256\"}", ERR_DENIED},
        /* the key is there, but not for this algorithm */
        {"A", "{\"alg\":\"RS256\",\"kid\":\"A\"}", ERR_DENIED},
        {"A", "{\"alg\":\"HS256\",\"kid\":\"A\"}", ERR_DENIED},
        {"A", "{\"alg\":\"none\",\"kid\":\"C\"}", ERR_DENIED},
    };
    EVP_PKEY *a = EVP_EC_gen("P-256");
    EVP_PKEY *b = EVP_EC_gen("P-256");
    struct buf token = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct jwt_keys *keys = jwt_keys_new();
        add_keys(keys, cases[i].keys, a, b);
        make_token(&token, a, cases[i].header);
        if (verify(keys, &token) != cases[i].code)
            fail_msg("keys %s, header %s", cases[i].keys, cases[i].header);
        jwt_keys_free(keys);
    }
    buf_free(&token);
    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
}

static void test_two_keys_may_share_a_kid(void **state)
{
    (void)state;
    EVP_PKEY *a = EVP_EC_gen("P-256");
    EVP_PKEY *b = EVP_EC_gen("P-256");
    struct buf json = {0};
    struct buf token = {0};
    struct jwt_keys *keys = jwt_keys_new();
    buf_append_str(&json, STR("{\"keys\":["));
    append_jwk(&json, a, ",\"kid\":\"K\"");
    buf_append_byte(&json, ',');
    append_jwk(&json, b, ",\"kid\":\"K\"");
    buf_append_str(&json, STR("]}"));
    assert_true(jwt_keys_add_jwks(keys, buf_str(&json), NULL));
    make_token(&token, a, "{\"alg\":\"ES256\",\"kid\":\"K\"}");
    assert_int_equal(verify(keys, &token), ERR_NONE);
    make_token(&token, b, "{\"alg\":\"ES256\",\"kid\":\"K\"}");
    assert_int_equal(verify(keys, &token), ERR_NONE);
    jwt_keys_free(keys);
    buf_free(&json);
    buf_free(&token);
    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
}

static void test_a_kid_has_at_most_256_bytes(void **state)
{
    (void)state;
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    for (size_t len = 256; len <= 257; len++) {
        struct buf more = {0};
        struct buf json = {0};
        struct buf token = {0};
        struct jwt_keys *keys = jwt_keys_new();
        buf_append_str(&more, STR(",\"kid\":\""));
        for (size_t i = 0; i < len; i++)
            buf_append_byte(&more, 'k');
        buf_append_byte(&more, '"');
        buf_append_str(&json, STR("{\"keys\":["));
        append_jwk(&json, pkey, buf_cstr(&more));
        buf_append_str(&json, STR("]}"));
        assert_true(jwt_keys_add_jwks(keys, buf_str(&json), NULL) == (len == 256));

        buf_reset(&json);
        buf_printf(&json, "{\"alg\":\"ES256\"%s}", buf_cstr(&more));
        make_token(&token, pkey, buf_cstr(&json));
        assert_int_equal(verify(keys, &token), len == 256 ? ERR_NONE : ERR_DENIED);
        jwt_keys_free(keys);
        buf_free(&more);
        buf_free(&json);
        buf_free(&token);
    }
    EVP_PKEY_free(pkey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secrets_have_32_bytes_or_more),
        cmocka_unit_test(test_pem_texts),
        cmocka_unit_test(test_a_private_key_is_not_taken_and_asks_for_no_pass_phrase),
        cmocka_unit_test(test_json_web_keys),
        cmocka_unit_test(test_texts_that_are_no_key_set),
        cmocka_unit_test(test_deep_and_large_sets_are_refused),
        cmocka_unit_test(test_there_are_at_most_256_keys),
        cmocka_unit_test(test_kid_picks_the_key),
        cmocka_unit_test(test_two_keys_may_share_a_kid),
        cmocka_unit_test(test_a_kid_has_at_most_256_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
