/* Bearer tokens, the limit on failed logins, names of hosts and roles. */
#include "api/api_internal.h"
#include "harness.h"

#include "base/mem.h"

#define HOUR_MS 3600000

struct login {
    char text[TOKEN_TEXT_BYTES];
    char user[CALLER_NAME_BYTES];
    uint8_t hash[SHA256_HASH_BYTES];
};

static bool check(struct tokens *tokens, struct login *login, int64_t now_ms)
{
    return tokens_check(tokens, str_of(login->text), TOKEN_OF_BEARER, now_ms, login->user, login->hash);
}

static void test_a_token_names_its_user_until_an_hour_after_its_last_use(void **state)
{
    (void)state;
    struct tokens *tokens = tokens_new();
    struct login login;
    tokens_issue(tokens, "alice", TOKEN_OF_BEARER, 1000, login.text);
    assert_true(check(tokens, &login, 2000));
    assert_string_equal(login.user, "alice");
    assert_true(check(tokens, &login, 2000 + HOUR_MS - 1)); /* prolongs it */
    assert_true(check(tokens, &login, 2000 + 2 * (HOUR_MS - 1) - 1));
    assert_false(check(tokens, &login, 2000 + 4 * HOUR_MS));
    tokens_free(tokens);
}

static void test_tokens_differ_and_others_are_unknown(void **state)
{
    (void)state;
    struct tokens *tokens = tokens_new();
    struct login one, two, wrong;
    tokens_issue(tokens, "alice", TOKEN_OF_BEARER, 0, one.text);
    tokens_issue(tokens, "alice", TOKEN_OF_BEARER, 0, two.text);
    assert_string_not_equal(one.text, two.text);
    wrong = one;
    wrong.text[5] = wrong.text[5] == 'a' ? 'b' : 'a';
    assert_false(check(tokens, &wrong, 1));
    snprintf(wrong.text, sizeof(wrong.text), "%s", "");
    assert_false(check(tokens, &wrong, 1));
    tokens_free(tokens);
}

static void test_a_token_is_of_one_kind_and_has_one_page_key(void **state)
{
    (void)state;
    struct tokens *tokens = tokens_new(), *others = tokens_new();
    struct login cookie;
    char key[TOKEN_TEXT_BYTES], same[TOKEN_TEXT_BYTES], other[TOKEN_TEXT_BYTES];
    tokens_issue(tokens, "alice", TOKEN_OF_COOKIE, 1, cookie.text);
    assert_false(check(tokens, &cookie, 2));
    assert_true(tokens_check(tokens, str_of(cookie.text), TOKEN_OF_COOKIE, 2, cookie.user, cookie.hash));
    tokens_page_key(tokens, str_of(cookie.text), key);
    tokens_page_key(tokens, str_of(cookie.text), same);
    tokens_page_key(others, str_of(cookie.text), other); /* of another process */
    assert_string_equal(key, same);
    assert_string_not_equal(key, other);
    tokens_free(tokens);
    tokens_free(others);
}

static void test_logging_out_ends_one_token_and_a_new_password_the_others(void **state)
{
    (void)state;
    struct tokens *tokens = tokens_new();
    struct login a, b, c, other;
    tokens_issue(tokens, "alice", TOKEN_OF_BEARER, 1, a.text);
    tokens_issue(tokens, "alice", TOKEN_OF_BEARER, 1, b.text);
    tokens_issue(tokens, "alice", TOKEN_OF_BEARER, 1, c.text);
    tokens_issue(tokens, "bob", TOKEN_OF_BEARER, 1, other.text);
    assert_true(check(tokens, &a, 2));
    tokens_drop(tokens, a.hash);
    assert_false(check(tokens, &a, 3));
    assert_true(check(tokens, &b, 3));
    tokens_drop_user(tokens, "alice", b.hash);
    assert_true(check(tokens, &b, 4));
    assert_false(check(tokens, &c, 4));
    assert_true(check(tokens, &other, 4));
    tokens_free(tokens);
}

static void test_the_oldest_token_makes_room(void **state)
{
    (void)state;
    struct tokens *tokens = tokens_new();
    struct login first, last = {0};
    tokens_issue(tokens, "alice", TOKEN_OF_BEARER, 1, first.text);
    for (int i = 0; i < 1000; i++) {
        assert_true(i == 0 || check(tokens, &last, 3 + i));
        tokens_issue(tokens, "alice", TOKEN_OF_BEARER, 2 + i, last.text);
    }
    assert_false(check(tokens, &first, 2000));
    assert_true(check(tokens, &last, 2000));
    tokens_free(tokens);
}

static void test_five_failures_of_one_user_from_one_address_are_enough_for_a_minute(void **state)
{
    (void)state;
    struct login_limit *limit = login_limit_new();
    for (int i = 0; i < 5; i++) {
        assert_true(login_limit_allows(limit, STR("10.0.0.1"), STR("alice"), 1000));
        login_limit_failed(limit, STR("10.0.0.1"), STR("alice"), 1000);
    }
    assert_false(login_limit_allows(limit, STR("10.0.0.1"), STR("alice"), 1000));
    assert_true(login_limit_allows(limit, STR("10.0.0.1"), STR("bob"), 1000));
    assert_true(
        login_limit_allows(limit, STR("10.0.0.2"), STR("alice"), 1000)); /* he himself can still log in */
    assert_false(login_limit_allows(limit, STR("10.0.0.1"), STR("alice"), 60999));
    assert_true(login_limit_allows(limit, STR("10.0.0.1"), STR("alice"), 61000));
    login_limit_free(limit);
}

static void test_an_address_that_tries_many_names_is_stopped_too(void **state)
{
    (void)state;
    struct login_limit *limit = login_limit_new();
    char name[16];
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof(name), "user%d", i);
        assert_true(login_limit_allows(limit, STR("10.0.0.1"), str_of(name), 1000));
        login_limit_failed(limit, STR("10.0.0.1"), str_of(name), 1000);
    }
    assert_false(login_limit_allows(limit, STR("10.0.0.1"), STR("another"), 1000));
    login_limit_free(limit);
}

static const struct {
    const char *host;
    bool ok;
} hosts[] = {
    {"localhost", true},      {"localhost:18083", true},
    {"LOCALHOST", true},      {"127.0.0.1:1", true},
    {"127.9.9.9", true},      {"[::1]:18083", true},
    {"[::1]", true},          {"proxy.example:443", true},
    {"evil.example", false},  {"localhost.evil", false},
    {"127.0.0.1.x", false},   {"128.0.0.1", false},
    {"[::2]:18083", false},   {"", false},
    {":80", false},           {"[::1", false},
    {"192.168.0.1:1", false},
};

static void test_a_listener_on_loopback_answers_to_loopback_names(void **state)
{
    (void)state;
    static const char *const more[] = {"proxy.example"};
    struct api *api = mem_zalloc(sizeof(*api));
    api->loopback = true;
    api->options.hosts = more;
    api->options.host_count = LENGTH(more);
    TABLE_EACH(row, hosts)
    {
        CHECK(access_host_ok(api, row->host) == row->ok, "%s", row->host);
    }
    assert_true(access_host_ok(api, NULL));
    api->loopback = false;
    assert_true(access_host_ok(api, "evil.example"));
    mem_free(api);
}

static void test_roles_have_names(void **state)
{
    (void)state;
    assert_int_equal(role_of("administrator"), API_ROLE_ADMINISTRATOR);
    assert_int_equal(role_of("viewer"), API_ROLE_VIEWER);
    assert_int_equal(role_of("publisher"), API_ROLE_PUBLISHER);
    assert_int_equal(role_of("root"), API_ROLE_NONE);
    assert_int_equal(role_of(""), API_ROLE_NONE);
}

RUN_TESTS(cmocka_unit_test(test_a_token_names_its_user_until_an_hour_after_its_last_use),
          cmocka_unit_test(test_tokens_differ_and_others_are_unknown),
          cmocka_unit_test(test_a_token_is_of_one_kind_and_has_one_page_key),
          cmocka_unit_test(test_logging_out_ends_one_token_and_a_new_password_the_others),
          cmocka_unit_test(test_the_oldest_token_makes_room),
          cmocka_unit_test(test_five_failures_of_one_user_from_one_address_are_enough_for_a_minute),
          cmocka_unit_test(test_an_address_that_tries_many_names_is_stopped_too),
          cmocka_unit_test(test_a_listener_on_loopback_answers_to_loopback_names),
          cmocka_unit_test(test_roles_have_names))
