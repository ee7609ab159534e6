/* The claims of a token whose signature is right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/token.h"

#define NOW_S 1000000

/* Verifies {"alg":"HS256"} and `payload`; the claims are the caller's to free. */
static bool read_claims(const char *payload, const struct jwt_options *options, struct jwt_claims *claims,
                        struct error *err)
{
    struct buf token = {0};
    struct jwt_keys *keys = jwt_keys_new();
    assert_true(jwt_keys_add_secret(keys, STR(TEST_SECRET), NULL));
    token_make_hmac(&token, STR("{\"alg\":\"HS256\"}"), str_of(payload), STR(TEST_SECRET));
    bool ok = jwt_verify(keys, buf_str(&token), options, NOW_S, claims, err);
    jwt_keys_free(keys);
    buf_free(&token);
    return ok;
}

/* Whether the token passes; what is refused is denied and leaves nothing in the claims. */
static bool passes(const char *payload, const struct jwt_options *options)
{
    struct jwt_claims claims;
    struct error err;
    bool ok = read_claims(payload, options, &claims, &err);
    if (!ok) {
        struct jwt_claims empty = {0};
        assert_int_equal(err.code, ERR_DENIED);
        assert_memory_equal(&claims, &empty, sizeof claims);
    }
    jwt_claims_free(&claims);
    return ok;
}

static void test_times(void **state)
{
    (void)state;
    static const struct {
        const char *payload;
        int64_t leeway_s;
        bool require_expiry;
        bool passes;
    } cases[] = {
        /* exp: the second itself is too late */
        {"{\"exp\":1000001}", 0, true, true},
        {"{\"exp\":1000000}", 0, true, false},
        {"{\"exp\":999999}", 0, true, false},
        {"{\"exp\":1000000.9}", 0, true, false},
        {"{\"exp\":1000001.1}", 0, true, true},
        {"{\"exp\":1.000001e6}", 0, true, true},
        {"{\"exp\":0}", 0, true, false},
        {"{\"exp\":-1}", 0, true, false},
        {"{\"exp\":999971}", 30, true, true},
        {"{\"exp\":999970}", 30, true, false},
        {"{\"exp\":999999999999}", 0, true, true},
        {"{}", 0, true, false},
        {"{}", 0, false, true},
        {"{\"exp\":999999}", 0, false, false},
        /* exp of other types */
        {"{\"exp\":\"1000001\"}", 0, false, false},
        {"{\"exp\":null}", 0, false, false},
        {"{\"exp\":true}", 0, false, false},
        {"{\"exp\":[1000001]}", 0, false, false},
        {"{\"exp\":1e300}", 0, false, false},
        {"{\"exp\":-1e300}", 0, false, false},
        {"{\"exp\":9223372036854775807}", 0, false, false},
        {"{\"exp\":99999999999999999999999}", 0, false, false},
        {"{\"exp\":1000001,\"exp\":1000002}", 0, false, false},
        /* nbf: the second itself is not too early */
        {"{\"nbf\":1000000}", 0, false, true},
        {"{\"nbf\":999999}", 0, false, true},
        {"{\"nbf\":1000001}", 0, false, false},
        {"{\"nbf\":999999.5}", 0, false, true},
        {"{\"nbf\":1000000.5}", 0, false, false},
        {"{\"nbf\":1000030}", 30, false, true},
        {"{\"nbf\":1000031}", 30, false, false},
        {"{\"nbf\":-5}", 0, false, true},
        {"{\"nbf\":\"1\"}", 0, false, false},
        {"{\"nbf\":null}", 0, false, false},
        {"{\"nbf\":1e300}", 0, false, false},
        {"{\"nbf\":999000,\"exp\":1000100}", 0, true, true},
        /* iat does not matter */
        {"{\"iat\":2000000}", 0, false, true},
        {"{\"iat\":\"x\"}", 0, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct jwt_options options = {.leeway_s = cases[i].leeway_s,
                                      .require_expiry = cases[i].require_expiry};
        if (passes(cases[i].payload, &options) != cases[i].passes)
            fail_msg("%s", cases[i].payload);
    }
}

static void test_issuer_and_audience(void **state)
{
    (void)state;
    static const struct {
        const char *payload;
        const char *issuer;
        const char *audience;
        bool passes;
    } cases[] = {
        {"{}", NULL, NULL, true},
        {"{\"iss\":\"other\",\"aud\":\"other\"}", NULL, NULL, true},
        {"{\"iss\":\"joe\"}", "joe", NULL, true},
        {"{\"iss\":\"Joe\"}", "joe", NULL, false},
        {"{\"iss\":\"joe2\"}", "joe", NULL, false},
        {"{\"iss\":\"jo\"}", "joe", NULL, false},
        {"{\"iss\":\"\"}", "joe", NULL, false},
        {"{\"iss\":[\"joe\"]}", "joe", NULL, false},
        {"{\"iss\":null}", "joe", NULL, false},
        {"{\"iss\":\"joe\\u0000x\"}", "joe", NULL, false},
        {"{}", "joe", NULL, false},
        {"{\"aud\":\"varve\"}", NULL, "varve", true},
        {"{\"aud\":[\"varve\"]}", NULL, "varve", true},
        {"{\"aud\":[\"other\",\"varve\"]}", NULL, "varve", true},
        {"{\"aud\":[5,\"varve\"]}", NULL, "varve", true},
        {"{\"aud\":[\"other\"]}", NULL, "varve", false},
        {"{\"aud\":[]}", NULL, "varve", false},
        {"{\"aud\":[[\"varve\"]]}", NULL, "varve", false},
        {"{\"aud\":{\"varve\":\"varve\"}}", NULL, "varve", false},
        {"{\"aud\":\"varve2\"}", NULL, "varve", false},
        {"{\"aud\":\"VARVE\"}", NULL, "varve", false},
        {"{\"aud\":null}", NULL, "varve", false},
        {"{}", NULL, "varve", false},
        {"{\"iss\":\"joe\",\"aud\":\"varve\"}", "joe", "varve", true},
        {"{\"iss\":\"varve\",\"aud\":\"joe\"}", "joe", "varve", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct jwt_options options = {.issuer = cases[i].issuer, .audience = cases[i].audience};
        if (passes(cases[i].payload, &options) != cases[i].passes)
            fail_msg("%s", cases[i].payload);
    }
}

static void test_all_claims_come_out(void **state)
{
    (void)state;
    static const char payload[] =
        "{\"sub\":\"alice\",\"clientid\":\"pump-7\",\"exp\":1000500,\"superuser\":true,"
        "\"acl\":["
        "{\"permission\":\"allow\",\"action\":\"publish\",\"topic\":\"t/#\"},"
        "{\"action\":\"subscribe\",\"topic\":\"eq a/+\",\"permission\":\"allow\"},"
        "{\"permission\":\"deny\",\"action\":\"all\",\"topic\":\"#\"}]}";
    static const struct jwt_acl_rule expected[] = {{true, true, false, (char *)"t/#"},
                                                   {true, false, true, (char *)"eq a/+"},
                                                   {false, true, true, (char *)"#"}};
    struct jwt_options options = {.require_expiry = true};
    struct jwt_claims claims;
    assert_true(read_claims(payload, &options, &claims, NULL));
    assert_string_equal(claims.username, "alice");
    assert_string_equal(claims.client_id, "pump-7");
    assert_true(claims.expires_s == 1000500);
    assert_true(claims.superuser);
    assert_true(claims.has_acl);
    assert_int_equal(claims.acl_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(claims.acl[i].allow, expected[i].allow);
        assert_int_equal(claims.acl[i].publish, expected[i].publish);
        assert_int_equal(claims.acl[i].subscribe, expected[i].subscribe);
        assert_string_equal(claims.acl[i].topic, expected[i].topic);
    }
    jwt_claims_free(&claims);
}

static void test_absent_claims_are_empty(void **state)
{
    (void)state;
    struct jwt_options options = {0};
    struct jwt_claims claims;
    struct jwt_claims empty = {0};
    assert_true(read_claims("{\"other\":1}", &options, &claims, NULL));
    assert_memory_equal(&claims, &empty, sizeof claims);
}

static void test_the_user_names_claim_can_be_chosen(void **state)
{
    (void)state;
    struct jwt_options options = {.username_claim = "preferred_username"};
    struct jwt_claims claims;
    assert_true(read_claims("{\"sub\":\"1\",\"preferred_username\":\"alice\"}", &options, &claims, NULL));
    assert_string_equal(claims.username, "alice");
    jwt_claims_free(&claims);
    assert_true(read_claims("{\"sub\":\"1\"}", &options, &claims, NULL));
    assert_null(claims.username);
    jwt_claims_free(&claims);
}

static void test_an_empty_acl_is_an_acl(void **state)
{
    (void)state;
    struct jwt_options options = {0};
    struct jwt_claims claims;
    assert_true(read_claims("{\"acl\":[]}", &options, &claims, NULL));
    assert_true(claims.has_acl);
    assert_int_equal(claims.acl_count, 0);
    jwt_claims_free(&claims);
}

static void test_claims_of_the_wrong_type_are_denied(void **state)
{
    (void)state;
#define RULE "{\"permission\":\"allow\",\"action\":\"publish\",\"topic\":\"t\"}"
    static const char *const payloads[] = {
        "{\"sub\":5}",
        "{\"sub\":\"\"}",
        "{\"sub\":null}",
        "{\"sub\":[\"alice\"]}",
        "{\"sub\":\"alice\\u0000root\"}",
        "{\"sub\":\"alice\",\"sub\":\"root\"}",
        "{\"clientid\":5}",
        "{\"clientid\":\"\"}",
        "{\"superuser\":\"true\"}",
        "{\"superuser\":1}",
        "{\"superuser\":null}",
        ("{\"sub\":\"alice\",\"clientid\":\"c\",\"acl\":[" RULE "],\"superuser\":0}"),
        "{\"acl\":null}",
        "{\"acl\":{}}",
        "{\"acl\":\"\"}",
        "{\"acl\":[5]}",
        "{\"acl\":[[]]}",
        "{\"acl\":[{}]}",
        "{\"acl\":[" RULE "," RULE ",{}]}",
        "{\"acl\":[{\"permission\":\"allow\",\"action\":\"publish\"}]}",
        "{\"acl\":[{\"permission\":\"allow\",\"topic\":\"t\"}]}",
        "{\"acl\":[{\"action\":\"publish\",\"topic\":\"t\"}]}",
        "{\"acl\":[{\"permission\":\"allow\",\"action\":\"publish\",\"topic\":\"\"}]}",
        "{\"acl\":[{\"permission\":\"allow\",\"action\":\"publish\",\"topic\":5}]}",
        "{\"acl\":[{\"permission\":\"Allow\",\"action\":\"publish\",\"topic\":\"t\"}]}",
        "{\"acl\":[{\"permission\":\"allow\",\"action\":\"pub\",\"topic\":\"t\"}]}",
        "{\"acl\":[{\"permission\":\"allow\",\"action\":\"\",\"topic\":\"t\"}]}",
        /* a condition that is not known must not be dropped */
        "{\"acl\":[{\"permission\":\"allow\",\"action\":\"publish\",\"topic\":\"t\",\"qos\":0}]}",
    };
    struct jwt_options options = {0};
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        if (passes(payloads[i], &options))
            fail_msg("%s", payloads[i]);
    }
}

static void test_payloads_that_are_no_json_object_are_denied(void **state)
{
    (void)state;
    static const char *const payloads[] = {"",
                                           "null",
                                           "[]",
                                           "5",
                                           "\"sub\"",
                                           "{",
                                           "{}x",
                                           "{\"a\":}",
                                           "{'a':1}",
                                           "{\"a\":\"\xc3\x28\"}",
                                           "eyJhbGciOiJIUzI1NiJ9.e30."};
    struct jwt_options options = {0};
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        if (passes(payloads[i], &options))
            fail_msg("%s", payloads[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_issuer_and_audience),
        cmocka_unit_test(test_all_claims_come_out),
        cmocka_unit_test(test_absent_claims_are_empty),
        cmocka_unit_test(test_the_user_names_claim_can_be_chosen),
        cmocka_unit_test(test_an_empty_acl_is_an_acl),
        cmocka_unit_test(test_claims_of_the_wrong_type_are_denied),
        cmocka_unit_test(test_payloads_that_are_no_json_object_are_denied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
