/* Tokens as signed text: the examples of RFC 7515, changes at every byte, and the known ways to cheat. The claims
 * are test_jwt_claims.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/token.h"

#include "base/random.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define NOW_S (RFC_EXPIRES_S - 1)

static const struct jwt_options no_options;

static enum error_code verify(const struct jwt_keys *keys, struct str token)
{
    struct error err = {.code = ERR_NONE};
    struct jwt_claims claims;
    if (jwt_verify(keys, token, &no_options, NOW_S, &claims, &err)) {
        assert_int_equal(err.code, ERR_NONE);
    } else {
        assert_int_not_equal(err.code, ERR_NONE);
    }
    jwt_claims_free(&claims);
    return err.code;
}

/* ---- The examples of RFC 7515 ---------------------------------------------------------------------------- */

static struct jwt_keys *secret_keys(struct str secret)
{
    struct jwt_keys *keys = jwt_keys_new();
    assert_true(jwt_keys_add_secret(keys, secret, NULL));
    return keys;
}

static struct jwt_keys *a1_keys(void)
{
    char secret[sizeof RFC_A1_SECRET];
    int64_t len = base64_decode(STR(RFC_A1_SECRET), secret, true);
    assert_int_equal(len, 64);
    return secret_keys(str_make(secret, (size_t)len));
}

static struct jwt_keys *pem_keys(const char *pem)
{
    struct jwt_keys *keys = jwt_keys_new();
    assert_true(jwt_keys_add_pem(keys, str_of(pem), NULL));
    return keys;
}

static struct jwt_keys *jwks_keys(const char *jwk)
{
    struct jwt_keys *keys = jwt_keys_new();
    struct buf json = {0};
    buf_printf(&json, "{\"keys\":[%s]}", jwk);
    assert_true(jwt_keys_add_jwks(keys, buf_str(&json), NULL));
    buf_free(&json);
    return keys;
}

static void assert_verifies(struct jwt_keys *keys, const char *token)
{
    struct jwt_claims claims;
    struct error err = {.text = ""};
    if (!jwt_verify(keys, str_of(token), &no_options, NOW_S, &claims, &err))
        fail_msg("%s", err.text);
    assert_null(claims.username);
    assert_null(claims.client_id);
    assert_true(claims.expires_s == RFC_EXPIRES_S);
    assert_false(claims.superuser);
    assert_false(claims.has_acl);
    jwt_claims_free(&claims);
    jwt_keys_free(keys);
}

static void test_the_examples_of_rfc_7515_verify(void **state)
{
    (void)state;
    assert_verifies(a1_keys(), RFC_A1_TOKEN);
    assert_verifies(pem_keys(RFC_A2_PEM), RFC_A2_TOKEN);
    assert_verifies(jwks_keys(RFC_A2_JWK), RFC_A2_TOKEN);
    assert_verifies(pem_keys(RFC_A3_PEM), RFC_A3_TOKEN);
    assert_verifies(jwks_keys(RFC_A3_JWK), RFC_A3_TOKEN);
}

/* Every bit, every prefix, and a character more. */
static void assert_no_change_verifies(struct jwt_keys *keys, const char *original)
{
    struct buf token = {0};
    buf_append_str(&token, str_of(original));
    assert_int_equal(verify(keys, buf_str(&token)), ERR_NONE);
    for (size_t bit = 0; bit < 8 * token.len; bit++) {
        token.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (verify(keys, buf_str(&token)) != ERR_DENIED)
            fail_msg("bit %zu flipped: %.*s", bit, STR_ARG(buf_str(&token)));
        token.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len < token.len; len++)
        assert_int_equal(verify(keys, str_make(token.data, len)), ERR_DENIED);
    size_t len = token.len;
    static const char more[] = "AQ=. \n";
    for (size_t i = 0; i < sizeof more; i++) {
        token.len = len;
        buf_append_byte(&token, (uint8_t)more[i]);
        assert_int_equal(verify(keys, buf_str(&token)), ERR_DENIED);
    }
    buf_free(&token);
    jwt_keys_free(keys);
}

static void test_a_change_anywhere_in_an_hs256_token_is_denied(void **state)
{
    (void)state;
    assert_no_change_verifies(a1_keys(), RFC_A1_TOKEN);
}

static void test_a_change_anywhere_in_an_rs256_token_is_denied(void **state)
{
    (void)state;
    assert_no_change_verifies(pem_keys(RFC_A2_PEM), RFC_A2_TOKEN);
}

static void test_a_change_anywhere_in_an_es256_token_is_denied(void **state)
{
    (void)state;
    assert_no_change_verifies(pem_keys(RFC_A3_PEM), RFC_A3_TOKEN);
}

static void test_another_key_of_the_same_kind_does_not_verify(void **state)
{
    (void)state;
    struct jwt_keys *secret = secret_keys(STR(TEST_SECRET));
    assert_int_equal(verify(secret, STR(RFC_A1_TOKEN)), ERR_DENIED);
    jwt_keys_free(secret);

    EVP_PKEY *made[] = {EVP_RSA_gen(2048), EVP_EC_gen("P-256")};
    static const char *const tokens[] = {RFC_A2_TOKEN, RFC_A3_TOKEN};
    for (size_t i = 0; i < 2; i++) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *pem;
        assert_int_equal(PEM_write_bio_PUBKEY(bio, made[i]), 1);
        long pem_len = BIO_get_mem_data(bio, &pem);
        struct jwt_keys *keys = jwt_keys_new();
        assert_true(jwt_keys_add_pem(keys, str_make(pem, (size_t)pem_len), NULL));
        assert_int_equal(verify(keys, str_of(tokens[i])), ERR_DENIED);
        jwt_keys_free(keys);
        BIO_free(bio);
        EVP_PKEY_free(made[i]);
    }
}

static void test_no_keys_verify_nothing(void **state)
{
    (void)state;
    struct jwt_keys *keys = jwt_keys_new();
    assert_int_equal(verify(keys, STR(RFC_A1_TOKEN)), ERR_DENIED);
    assert_int_equal(verify(keys, STR(RFC_A2_TOKEN)), ERR_DENIED);
    assert_int_equal(verify(keys, STR(RFC_A3_TOKEN)), ERR_DENIED);
    jwt_keys_free(keys);
}

/* ---- Ways to cheat --------------------------------------------------------------------------------------- */

static void test_a_public_key_is_no_hmac_secret(void **state)
{
    (void)state;
    /* What the forger may take for "the key": the file, the file trimmed, its DER, the modulus. */
    BIO *bio = BIO_new_mem_buf(RFC_A2_PEM, -1);
    EVP_PKEY *pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    unsigned char *der = NULL;
    int der_len = i2d_PUBKEY(pkey, &der);
    assert_true(der_len > 0);
    const struct str guesses[] = {
        STR(RFC_A2_PEM), str_trim(STR(RFC_A2_PEM)), str_make(der, (size_t)der_len),
        STR(RFC_A2_N),   STR(RFC_A2_JWK),
    };
    struct jwt_keys *sets[] = {pem_keys(RFC_A2_PEM), jwks_keys(RFC_A2_JWK), pem_keys(RFC_A3_PEM),
                               pem_keys(RFC_A2_PEM)};
    assert_true(jwt_keys_add_secret(sets[3], STR(TEST_SECRET), NULL));
    struct buf token = {0};
    for (size_t i = 0; i < sizeof guesses / sizeof guesses[0]; i++) {
        for (size_t j = 0; j < sizeof sets / sizeof sets[0]; j++) {
            token_make_hmac(&token, STR("{\"alg\":\"HS256\"}"), STR("{\"sub\":\"root\"}"), guesses[i]);
            assert_int_equal(verify(sets[j], buf_str(&token)), ERR_DENIED);
            token_make_hmac(&token, STR("{\"alg\":\"RS256\"}"), STR("{\"sub\":\"root\"}"), guesses[i]);
            assert_int_equal(verify(sets[j], buf_str(&token)), ERR_DENIED);
        }
    }
    for (size_t j = 0; j < sizeof sets / sizeof sets[0]; j++)
        jwt_keys_free(sets[j]);
    buf_free(&token);
    OPENSSL_free(der);
    EVP_PKEY_free(pkey);
    BIO_free(bio);
}

static void test_the_header_of_another_algorithm_does_not_verify(void **state)
{
    (void)state;
    /* The signatures are right for the key; the header names another algorithm. */
    static const char *const headers[] = {
        "{\"alg\":\"RS256\"}", "{\"alg\":\"ES256\"}", "{\"alg\":\"HS384\"}",   "{\"alg\":\"HS512\"}",
        "{\"alg\":\"PS256\"}", "{\"alg\":\"hs256\"}", "{\"alg\":\"HS256 \"}",  "{\"alg\":\"\"}",
        "{\"alg\":null}",      "{\"alg\":256}",       "{\"alg\":[\"HS256\"]}", "{}",
        "{\"ALG\":\"HS256\"}"};
    struct jwt_keys *keys = secret_keys(STR(TEST_SECRET));
    struct buf token = {0};
    token_make_hmac(&token, STR("{\"alg\":\"HS256\"}"), STR("{}"), STR(TEST_SECRET));
    assert_int_equal(verify(keys, buf_str(&token)), ERR_NONE);
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        token_make_hmac(&token, str_of(headers[i]), STR("{}"), STR(TEST_SECRET));
        if (verify(keys, buf_str(&token)) != ERR_DENIED)
            fail_msg("%s", headers[i]);
    }
    buf_free(&token);
    jwt_keys_free(keys);
}

static void test_alg_none_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"none", "None", "NONE", "nOnE", " none"};
    struct jwt_keys *keys = secret_keys(STR(TEST_SECRET));
    assert_true(jwt_keys_add_pem(keys, STR(RFC_A2_PEM), NULL));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct buf header = {0};
        struct buf token = {0};
        buf_printf(&header, "{\"alg\":\"%s\"}", names[i]);
        token_begin(&token, buf_str(&header), STR("{\"sub\":\"root\"}"));
        assert_int_equal(verify(keys, buf_str(&token)), ERR_DENIED);
        buf_append_byte(&token, '.');
        assert_int_equal(verify(keys, buf_str(&token)), ERR_DENIED);
        token_make_hmac(&token, buf_str(&header), STR("{\"sub\":\"root\"}"), STR(TEST_SECRET));
        assert_int_equal(verify(keys, buf_str(&token)), ERR_DENIED);
        buf_free(&header);
        buf_free(&token);
    }
    jwt_keys_free(keys);
}

static void test_headers(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum error_code code;
    } cases[] = {
        {"{\"alg\":\"HS256\",\"typ\":\"JWT\"}", ERR_NONE},
        {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"x\":{\"y\":[1]}}", ERR_NONE},
        /* keys that the token brings along are not looked at */
        {"{\"alg\":\"HS256\",\"jku\":\"https://example.com/keys\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}}",
         ERR_NONE},
        {"{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", ERR_DENIED},
        {"{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", ERR_DENIED},
        {"{\"alg\":\"HS256\",\"crit\":[]}", ERR_DENIED},
        {"{\"alg\":\"HS256\",\"crit\":null}", ERR_DENIED},
        {"{\"alg\":\"HS256\",\"kid\":5}", ERR_DENIED},
        {"{\"alg\":\"HS256\",\"kid\":null}", ERR_DENIED},
        {"{\"alg\":\"HS256\",\"kid\":\"a\\u0000b\"}", ERR_DENIED},
        {"{\"alg\":\"HS256\",\"alg\":\"HS256\"}", ERR_DENIED},
        {"{\"alg\":\"none\",\"alg\":\"HS256\"}", ERR_DENIED},
        {"{\"alg\":\"HS256\"", ERR_DENIED},
        {"{\"alg\":\"HS256\"}}", ERR_DENIED},
        {"{\"alg\":\"HS256\"}{}", ERR_DENIED},
        {"[\"HS256\"]", ERR_DENIED},
        {"\"HS256\"", ERR_DENIED},
        {"null", ERR_DENIED},
        {"", ERR_DENIED},
        {"{\"alg\":\"HS256\",\"x\":\"\xff\"}", ERR_DENIED},
    };
    struct jwt_keys *keys = secret_keys(STR(TEST_SECRET));
    struct buf token = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        token_make_hmac(&token, str_of(cases[i].header), STR("{}"), STR(TEST_SECRET));
        if (verify(keys, buf_str(&token)) != cases[i].code)
            fail_msg("%s", cases[i].header);
    }
    buf_free(&token);
    jwt_keys_free(keys);
}

static void test_a_token_has_three_parts(void **state)
{
    (void)state;
    const struct str tokens[] = {
        STR_NONE,
        STR(""),
        STR("."),
        STR(".."),
        STR("..."),
        STR("a"),
        STR("a.b"),
        STR("a.b."),
        STR("a..c"),
        STR(".b.c"),
        STR("a.b.c.d"),
        STR("a.b.c."),
        STR(".a.b.c"),
        STR("\0.\0.\0"),
        STR(RFC_A1_TOKEN "." RFC_PAYLOAD),
        STR(" " RFC_A1_TOKEN),
        STR("Bearer " RFC_A1_TOKEN),
        STR(RFC_A1_TOKEN "\n"),
    };
    struct jwt_keys *keys = a1_keys();
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
        assert_int_equal(verify(keys, tokens[i]), ERR_DENIED);
    jwt_keys_free(keys);
}

static void test_signatures_of_the_wrong_form_are_denied(void **state)
{
    (void)state;
    uint8_t raw[64];
    assert_int_equal(
        base64_decode(
            STR("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"),
            raw, true),
        64);
    /* The right signature in DER, as certificates have it. */
    ECDSA_SIG *signature = ECDSA_SIG_new();
    ECDSA_SIG_set0(signature, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL));
    unsigned char *der = NULL;
    int der_len = i2d_ECDSA_SIG(signature, &der);
    assert_true(der_len > 64);

    uint8_t zeros[256] = {0};
    uint8_t ones[256];
    memset(ones, 0xFF, sizeof ones);
    const struct str signatures[] = {
        str_make(der, (size_t)der_len),
        str_make(raw, 63),
        str_make(raw, 32),
        str_make(raw, 1),
        str_make(zeros, 64),
        str_make(ones, 64),
        str_make(zeros, 32),
        str_make(zeros, 256),
        str_make(ones, 256),
        str_make(zeros, 255),
        str_make(zeros, 1),
    };
    struct jwt_keys *keys = a1_keys();
    assert_true(jwt_keys_add_pem(keys, STR(RFC_A2_PEM), NULL));
    assert_true(jwt_keys_add_pem(keys, STR(RFC_A3_PEM), NULL));
    static const char *const algorithms[] = {"HS256", "RS256", "ES256"};
    struct buf token = {0};
    for (size_t i = 0; i < 3 * sizeof signatures / sizeof signatures[0]; i++) {
        struct buf header = {0};
        buf_printf(&header, "{\"alg\":\"%s\"}", algorithms[i % 3]);
        token_begin(&token, buf_str(&header), STR("{}"));
        /* The DER form is tried on the very text that it signs. */
        if (i / 3 == 0 && i % 3 == 2) {
            buf_reset(&token);
            buf_append_str(&token, STR("eyJhbGciOiJFUzI1NiJ9." RFC_PAYLOAD));
        }
        token_append_signature(&token, signatures[i / 3]);
        assert_int_equal(verify(keys, buf_str(&token)), ERR_DENIED);
        buf_free(&header);
    }
    buf_free(&token);
    jwt_keys_free(keys);
    OPENSSL_free(der);
    ECDSA_SIG_free(signature);
}

/* ---- Sizes ----------------------------------------------------------------------------------------------- */

static void test_the_size_limit_is_16_kib(void **state)
{
    (void)state;
    struct jwt_keys *keys = secret_keys(STR(TEST_SECRET));
    struct buf payload = {0};
    struct buf token = {0};
    bool seen[2] = {false, false};
    for (size_t len = 12200; len < 12300; len++) {
        buf_reset(&payload);
        buf_append_str(&payload, STR("{\"x\":\""));
        while (payload.len < len)
            buf_append_byte(&payload, 'x');
        buf_append_str(&payload, STR("\"}"));
        token_make_hmac(&token, STR("{\"alg\":\"HS256\"}"), buf_str(&payload), STR(TEST_SECRET));
        bool over = token.len > 16384;
        assert_int_equal(verify(keys, buf_str(&token)), over ? ERR_DENIED : ERR_NONE);
        seen[over] = true;
    }
    assert_true(seen[0] && seen[1]);
    buf_free(&payload);
    buf_free(&token);
    jwt_keys_free(keys);
}

static void test_deep_json_is_denied(void **state)
{
    (void)state;
    struct jwt_keys *keys = secret_keys(STR(TEST_SECRET));
    for (size_t depth = 1; depth <= 6000; depth = depth < 40 ? depth + 1 : depth * 2) {
        for (int list = 0; list <= 1; list++) {
            struct buf json = {0};
            struct buf token = {0};
            buf_append_str(&json, STR("{\"alg\":\"HS256\",\"x\":"));
            for (size_t i = 1; i < depth; i++)
                buf_append_str(&json, list ? STR("[") : STR("{\"\":"));
            buf_append_str(&json, STR("\"]}[{\\\"[\""));
            for (size_t i = 1; i < depth; i++)
                buf_append_byte(&json, list ? ']' : '}');
            buf_append_byte(&json, '}');
            enum error_code expected = depth <= AUTH_JSON_DEPTH_MAX ? ERR_NONE : ERR_DENIED;
            token_make_hmac(&token, buf_str(&json), STR("{}"), STR(TEST_SECRET));
            assert_int_equal(verify(keys, buf_str(&token)), expected);
            token_make_hmac(&token, STR("{\"alg\":\"HS256\"}"), buf_str(&json), STR(TEST_SECRET));
            assert_int_equal(verify(keys, buf_str(&token)), expected);
            buf_free(&json);
            buf_free(&token);
        }
    }
    jwt_keys_free(keys);
}

static void test_random_tokens_are_denied(void **state)
{
    (void)state;
    struct jwt_keys *keys = a1_keys();
    assert_true(jwt_keys_add_pem(keys, STR(RFC_A2_PEM), NULL));
    assert_true(jwt_keys_add_pem(keys, STR(RFC_A3_PEM), NULL));
    struct random random;
    random_seed(&random, 7515);
    for (size_t run = 0; run < 20000; run++) {
        static const char alphabet[] = "AQgw-_..=eyJ\n{";
        char token[256];
        size_t len = random_below(&random, sizeof token);
        for (size_t i = 0; i < len; i++)
            token[i] = alphabet[random_below(&random, sizeof alphabet)];
        assert_int_equal(verify(keys, str_make(token, len)), ERR_DENIED);
    }
    jwt_keys_free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_examples_of_rfc_7515_verify),
        cmocka_unit_test(test_a_change_anywhere_in_an_hs256_token_is_denied),
        cmocka_unit_test(test_a_change_anywhere_in_an_rs256_token_is_denied),
        cmocka_unit_test(test_a_change_anywhere_in_an_es256_token_is_denied),
        cmocka_unit_test(test_another_key_of_the_same_kind_does_not_verify),
        cmocka_unit_test(test_no_keys_verify_nothing),
        cmocka_unit_test(test_a_public_key_is_no_hmac_secret),
        cmocka_unit_test(test_the_header_of_another_algorithm_does_not_verify),
        cmocka_unit_test(test_alg_none_is_refused),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_a_token_has_three_parts),
        cmocka_unit_test(test_signatures_of_the_wrong_form_are_denied),
        cmocka_unit_test(test_the_size_limit_is_16_kib),
        cmocka_unit_test(test_deep_json_is_denied),
        cmocka_unit_test(test_random_tokens_are_denied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
