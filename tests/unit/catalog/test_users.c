/* Users, rules and bans, and the revision that tells of their changes. */
#include "catalog/fixture.h"

static bool note_user(const struct catalog_user *user, void *arg)
{
    buf_printf(arg, "%s ", user->username);
    return true;
}

static bool note_first_user(const struct catalog_user *user, void *arg)
{
    note_user(user, arg);
    return false;
}

static uint64_t revision(struct fixture *fixture)
{
    uint64_t value = 0;
    ASSERT_OK(catalog_revision(fixture->catalog, &value, &fixture->err), fixture->err);
    return value;
}

static void put_user(struct fixture *fixture, const char *name)
{
    char username[64];
    snprintf(username, sizeof username, "%s", name);
    struct catalog_user user = {.username = username};
    ASSERT_OK(catalog_user_put(fixture->catalog, &user, true, &fixture->err), fixture->err);
}

static void test_a_user_comes_back_as_put(void **state)
{
    struct fixture *fixture = *state;
    char name[] = "j\xc3\xb6rg", hash[] = "$argon2id$v=19$…", note[] = "the first";
    struct catalog_user user = {
        .username = name,
        .password_hash = hash,
        .superuser = true,
        .has_scram = true,
        .scram_iterations = 4294967295U,
        .note = note,
    };
    memset(user.scram_salt, 0x11, sizeof user.scram_salt);
    memset(user.scram_stored_key, 0x00, sizeof user.scram_stored_key);
    memset(user.scram_server_key, 0xff, sizeof user.scram_server_key);
    ASSERT_OK(catalog_user_put(fixture->catalog, &user, true, &fixture->err), fixture->err);
    fixture_reopen(fixture);

    struct catalog_user out;
    ASSERT_OK(catalog_user_get(fixture->catalog, str_of(name), &out, &fixture->err), fixture->err);
    assert_string_equal(out.username, name);
    assert_string_equal(out.password_hash, hash);
    assert_string_equal(out.note, note);
    assert_true(out.superuser);
    assert_true(out.has_scram);
    assert_int_equal(out.scram_iterations, user.scram_iterations);
    assert_memory_equal(out.scram_salt, user.scram_salt, sizeof out.scram_salt);
    assert_memory_equal(out.scram_stored_key, user.scram_stored_key, sizeof out.scram_stored_key);
    assert_memory_equal(out.scram_server_key, user.scram_server_key, sizeof out.scram_server_key);
    catalog_user_free(&out);
    assert_null(out.username);
}

static void test_what_a_user_lacks_comes_back_as_lacking(void **state)
{
    struct fixture *fixture = *state;
    put_user(fixture, "plain");
    struct catalog_user out;
    ASSERT_OK(catalog_user_get(fixture->catalog, STR("plain"), &out, &fixture->err), fixture->err);
    assert_null(out.password_hash);
    assert_null(out.note);
    assert_false(out.superuser);
    assert_false(out.has_scram);
    catalog_user_free(&out);
}

static void test_create_refuses_a_taken_name_and_put_replaces(void **state)
{
    struct fixture *fixture = *state;
    char name[] = "a", hash[] = "second";
    put_user(fixture, "a");
    struct catalog_user user = {.username = name, .password_hash = hash};
    ASSERT_FAILS(catalog_user_put(fixture->catalog, &user, true, &fixture->err), fixture->err, ERR_EXISTS);
    assert_string_equal(fixture->err.text, "user a exists");
    ASSERT_OK(catalog_user_put(fixture->catalog, &user, false, &fixture->err), fixture->err);
    struct catalog_user out;
    ASSERT_OK(catalog_user_get(fixture->catalog, STR("a"), &out, &fixture->err), fixture->err);
    assert_string_equal(out.password_hash, "second");
    catalog_user_free(&out);
}

static void test_a_user_without_a_name_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char empty[] = "";
    struct catalog_user user = {.username = empty};
    ASSERT_FAILS(catalog_user_put(fixture->catalog, &user, false, &fixture->err), fixture->err, ERR_INVALID);
    user.username = NULL;
    ASSERT_FAILS(catalog_user_put(fixture->catalog, &user, true, &fixture->err), fixture->err, ERR_INVALID);
}

static void test_a_missing_user_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct catalog_user out;
    ASSERT_FAILS(catalog_user_get(fixture->catalog, STR("x"), &out, &fixture->err), fixture->err,
                 ERR_NOT_FOUND);
    ASSERT_FAILS(catalog_user_delete(fixture->catalog, STR("x"), &fixture->err), fixture->err, ERR_NOT_FOUND);
    assert_string_equal(fixture->err.text, "no user x");
    assert_false(catalog_user_get(fixture->catalog, STR("x"), &out, NULL));
}

static void test_users_are_listed_by_name(void **state)
{
    struct fixture *fixture = *state;
    const char *names[] = {"c", "a", "b", "A"};
    for (size_t i = 0; i < LENGTH(names); i++)
        put_user(fixture, names[i]);
    struct buf text = {0};
    ASSERT_OK(catalog_user_each(fixture->catalog, note_user, &text, &fixture->err), fixture->err);
    ASSERT_OK(catalog_user_each(fixture->catalog, note_first_user, &text, &fixture->err), fixture->err);
    assert_string_equal(buf_cstr(&text), "A a b c A ");
    buf_free(&text);

    uint64_t count;
    ASSERT_OK(catalog_user_delete(fixture->catalog, STR("b"), &fixture->err), fixture->err);
    ASSERT_OK(catalog_user_count(fixture->catalog, &count, &fixture->err), fixture->err);
    assert_int_equal(count, 3);
}

static bool delete_user(const struct catalog_user *user, void *arg)
{
    struct fixture *fixture = arg;
    return catalog_user_delete(fixture->catalog, str_of(user->username), &fixture->err);
}

static void test_a_listing_may_change_what_it_lists(void **state)
{
    struct fixture *fixture = *state;
    put_user(fixture, "a");
    put_user(fixture, "b");
    ASSERT_OK(catalog_user_each(fixture->catalog, delete_user, fixture, &fixture->err), fixture->err);
    uint64_t count;
    ASSERT_OK(catalog_user_count(fixture->catalog, &count, &fixture->err), fixture->err);
    assert_int_equal(count, 0);
}

static bool note_rule(const struct catalog_rule *rule, void *arg)
{
    buf_printf(arg, "%llu:%lld %s %s%s %s %s %s %s\n", (unsigned long long)rule->id,
               (long long)rule->position, rule->allow ? "allow" : "deny", rule->publish ? "p" : "",
               rule->subscribe ? "s" : "", rule->username != NULL ? rule->username : "-",
               rule->client_id != NULL ? rule->client_id : "-", rule->address != NULL ? rule->address : "-",
               rule->topic);
    return true;
}

static void assert_rules(struct fixture *fixture, const char *expected)
{
    struct buf text = {0};
    ASSERT_OK(catalog_rule_each(fixture->catalog, note_rule, &text, &fixture->err), fixture->err);
    assert_string_equal(buf_cstr(&text), expected);
    buf_free(&text);
}

static void test_rules_keep_their_order(void **state)
{
    struct fixture *fixture = *state;
    char user[] = "u", client[] = "c", address[] = "10.0.0.0/8", topic[] = "a/${clientid}/#", all[] = "#";
    struct catalog_rule rules[] = {
        {.position = 5,
         .allow = true,
         .publish = true,
         .topic = topic,
         .username = user,
         .client_id = client},
        {.position = -1, .subscribe = true, .topic = all, .address = address},
        {.position = 5, .allow = true, .publish = true, .subscribe = true, .topic = all},
    };
    for (size_t i = 0; i < LENGTH(rules); i++) {
        ASSERT_OK(catalog_rule_put(fixture->catalog, &rules[i], &fixture->err), fixture->err);
        assert_int_equal(rules[i].id, i + 1);
    }
    assert_rules(fixture, "2:-1 deny s - - 10.0.0.0/8 #\n"
                          "1:5 allow p u c - a/${clientid}/#\n"
                          "3:5 allow ps - - - #\n");

    rules[0].position = 9;
    rules[0].username = NULL;
    ASSERT_OK(catalog_rule_put(fixture->catalog, &rules[0], &fixture->err), fixture->err);
    ASSERT_OK(catalog_rule_delete(fixture->catalog, 2, &fixture->err), fixture->err);
    assert_rules(fixture, "3:5 allow ps - - - #\n"
                          "1:9 allow p - c - a/${clientid}/#\n");
}

static void test_the_id_of_a_deleted_rule_is_not_given_again(void **state)
{
    struct fixture *fixture = *state;
    char topic[] = "#";
    struct catalog_rule first = {.topic = topic}, second = {.topic = topic};
    ASSERT_OK(catalog_rule_put(fixture->catalog, &first, &fixture->err), fixture->err);
    ASSERT_OK(catalog_rule_delete(fixture->catalog, first.id, &fixture->err), fixture->err);
    ASSERT_FAILS(catalog_rule_put(fixture->catalog, &first, &fixture->err), fixture->err, ERR_NOT_FOUND);
    ASSERT_FAILS(catalog_rule_delete(fixture->catalog, first.id, &fixture->err), fixture->err, ERR_NOT_FOUND);
    ASSERT_OK(catalog_rule_put(fixture->catalog, &second, &fixture->err), fixture->err);
    assert_int_equal(second.id, first.id + 1);
    struct catalog_rule none = {0};
    ASSERT_FAILS(catalog_rule_put(fixture->catalog, &none, &fixture->err), fixture->err, ERR_INVALID);
}

static bool note_ban(const struct catalog_ban *ban, void *arg)
{
    buf_printf(arg, "%d %s %s %lld\n", (int)ban->kind, ban->who, ban->reason != NULL ? ban->reason : "-",
               (long long)ban->until_ms);
    return true;
}

static void test_bans_are_one_for_each_kind_and_name(void **state)
{
    struct fixture *fixture = *state;
    char who[] = "x", reason[] = "noisy";
    struct catalog_ban ban = {.kind = CATALOG_BAN_USERNAME, .who = who, .until_ms = 7};
    ASSERT_OK(catalog_ban_put(fixture->catalog, &ban, &fixture->err), fixture->err);
    ban = (struct catalog_ban){.kind = CATALOG_BAN_CLIENT_ID, .who = who};
    ASSERT_OK(catalog_ban_put(fixture->catalog, &ban, &fixture->err), fixture->err);
    ban = (struct catalog_ban){.kind = CATALOG_BAN_USERNAME, .who = who, .reason = reason, .until_ms = 9};
    ASSERT_OK(catalog_ban_put(fixture->catalog, &ban, &fixture->err), fixture->err);

    struct buf text = {0};
    ASSERT_OK(catalog_ban_each(fixture->catalog, note_ban, &text, &fixture->err), fixture->err);
    assert_string_equal(buf_cstr(&text), "0 x - 0\n1 x noisy 9\n");
    buf_reset(&text);
    ASSERT_OK(catalog_ban_delete(fixture->catalog, CATALOG_BAN_CLIENT_ID, STR("x"), &fixture->err),
              fixture->err);
    ASSERT_FAILS(catalog_ban_delete(fixture->catalog, CATALOG_BAN_ADDRESS, STR("x"), &fixture->err),
                 fixture->err, ERR_NOT_FOUND);
    ASSERT_OK(catalog_ban_each(fixture->catalog, note_ban, &text, &fixture->err), fixture->err);
    assert_string_equal(buf_cstr(&text), "1 x noisy 9\n");
    buf_free(&text);
}

/* Runs each change and expects the revision to grow, and to stay when nothing changes. */
static void test_the_revision_grows_with_every_change_and_only_then(void **state)
{
    struct fixture *fixture = *state;
    struct error *err = &fixture->err;
    char name[] = "u";
    struct catalog_user user = {.username = name};
    struct catalog_rule rule = {.topic = name};
    struct catalog_ban ban = {.who = name};
    uint64_t before = revision(fixture);
#define GROWS(call)                         \
    do {                                    \
        ASSERT_OK(call, *err);              \
        uint64_t after = revision(fixture); \
        CHECK(after > before, "%s", #call); \
        before = after;                     \
    } while (0)
    GROWS(catalog_user_put(fixture->catalog, &user, true, err));
    GROWS(catalog_user_put(fixture->catalog, &user, false, err));
    GROWS(catalog_user_delete(fixture->catalog, STR("u"), err));
    GROWS(catalog_rule_put(fixture->catalog, &rule, err));
    GROWS(catalog_rule_put(fixture->catalog, &rule, err));
    GROWS(catalog_rule_delete(fixture->catalog, rule.id, err));
    GROWS(catalog_ban_put(fixture->catalog, &ban, err));
    GROWS(catalog_ban_put(fixture->catalog, &ban, err));
    GROWS(catalog_ban_delete(fixture->catalog, ban.kind, STR("u"), err));
#undef GROWS
    assert_false(catalog_user_delete(fixture->catalog, STR("u"), NULL));
    assert_int_equal(write_now(fixture->catalog, RETAINED(STR("t"), STR("v"), 0)), ERR_NONE);
    assert_int_equal(revision(fixture), before);
    fixture_reopen(fixture);
    assert_int_equal(revision(fixture), before);
}

RUN_TESTS(WITH_CATALOG(test_a_user_comes_back_as_put),
          WITH_CATALOG(test_what_a_user_lacks_comes_back_as_lacking),
          WITH_CATALOG(test_create_refuses_a_taken_name_and_put_replaces),
          WITH_CATALOG(test_a_user_without_a_name_is_refused), WITH_CATALOG(test_a_missing_user_is_not_found),
          WITH_CATALOG(test_users_are_listed_by_name), WITH_CATALOG(test_a_listing_may_change_what_it_lists),
          WITH_CATALOG(test_rules_keep_their_order),
          WITH_CATALOG(test_the_id_of_a_deleted_rule_is_not_given_again),
          WITH_CATALOG(test_bans_are_one_for_each_kind_and_name),
          WITH_CATALOG(test_the_revision_grows_with_every_change_and_only_then))
