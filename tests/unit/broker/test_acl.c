/* Authorization rules: which one decides, whom it concerns, what its topics reach. */
#include "broker/acl.h"
#include "broker/settings.h"

#include "base/mem.h"
#include "harness.h"

/* A rule as text: "allow|deny pub|sub|all [user=U] [client=C] [from=ADDRESS] [TOPIC[,TOPIC…]]". Topics come last and
 * may have spaces. */
static struct acl_rule rule_of(const char *text)
{
    struct acl_rule rule = {0};
    struct str rest = str_of(text), word;
    struct error err;
    assert_true(str_next(&rest, ' ', &word));
    rule.allow = str_is(word, "allow");
    assert_true(rule.allow || str_is(word, "deny"));
    assert_true(str_next(&rest, ' ', &word));
    rule.publish = !str_is(word, "sub");
    rule.subscribe = !str_is(word, "pub");
    while (rest.data != NULL) {
        struct str topics = rest;
        str_next(&rest, ' ', &word);
        if (str_starts(word, STR("user="))) {
            rule.username = str_dup(str_make(word.data + 5, word.len - 5));
        } else if (str_starts(word, STR("client="))) {
            rule.client_id = str_dup(str_make(word.data + 7, word.len - 7));
        } else if (str_starts(word, STR("from="))) {
            rule.has_address = true;
            ASSERT_OK(acl_address_parse(str_make(word.data + 5, word.len - 5), rule.address,
                                        &rule.prefix_bits, &err),
                      err);
        } else {
            struct str topic;
            while (str_next(&topics, ',', &topic)) {
                rule.topics = mem_realloc(rule.topics, (rule.topic_count + 1) * sizeof(*rule.topics));
                rule.topics[rule.topic_count++] = str_dup(topic);
            }
            break;
        }
    }
    return rule;
}

static void address_of(const char *text, uint8_t out[16])
{
    uint8_t bits;
    struct error err;
    ASSERT_OK(acl_address_parse(str_of(text), out, &bits, &err), err);
}

#define RULES_MAX 6

/* Who asks: every row's client is the same unless it says otherwise. */
struct asker {
    const char *username;
    const char *client_id;
    const char *address;
};

static const struct asker ann = {"ann", "dev-7", "10.1.2.3"};

/* All rules in the settings. */
static struct client_acl *compile(const char *const rules[RULES_MAX], const struct asker *asker,
                                  bool default_allow)
{
    struct settings *settings = settings_new();
    settings->acl_default_allow = default_allow;
    for (size_t i = 0; i < RULES_MAX && rules[i] != NULL; i++) {
        struct acl_rule rule = rule_of(rules[i]);
        settings_add_rule(settings, &rule);
    }
    uint8_t address[16];
    address_of(asker->address, address);
    const struct acl_subject subject = {str_of(asker->username), str_of(asker->client_id), address};
    struct client_acl *acl = client_acl_new(settings, NULL, 0, NULL, 0, &subject);
    settings_unref(settings); /* nothing of it is borrowed */
    return acl;
}

/* ---- Addresses ------------------------------------------------------------------------------------------- */

static void test_an_address_matches_its_prefix(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *address;
        bool expected;
    } rows[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"::ffff:10.0.0.0/104", "10.1.2.3", true},
        {"::ffff:10.0.0.0/104", "11.1.2.3", false},
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3", "10.1.2.2", false},
        {"10.1.2.3/32", "10.1.2.3", true},
        {"10.1.2.2/31", "10.1.2.3", true},
        {"10.1.2.4/31", "10.1.2.3", false},
        {"10.1.2.128/25", "10.1.2.127", false},
        {"10.1.2.128/25", "10.1.2.255", true},
        {"0.0.0.0/0", "255.255.255.255", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "10.1.2.3", true},
        {"2001:db8::/32", "2001:db8:ffff::1", true},
        {"2001:db8::/32", "2001:db9::1", false},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"2001:db8::1", "2001:db8::1", true},
        {"2001:db8::1", "2001:db8::2", false},
        {"10.1.2.255/24", "10.1.2.3", true}, /* the bits behind the prefix say nothing */
    };
    TABLE_EACH(row, rows)
    {
        uint8_t pattern[16], address[16], bits;
        struct error err;
        ASSERT_OK(acl_address_parse(str_of(row->pattern), pattern, &bits, &err), err);
        address_of(row->address, address);
        CHECK(acl_address_matches(address, pattern, bits) == row->expected, "%s in %s", row->address,
              row->pattern);
    }
}

static void test_what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "/",
        "/8",
        "10.0.0",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/",
        "10.0.0.0/8/9",
        "10.0.0.256",
        "2001:db8::/129",
        "2001:db8:::",
        "localhost",
        " 10.0.0.1",
        "10.0.0.1 ",
        "10.0.0.0/0x8",
        "[::1]",
        "::1%lo",
        "1.2.3.4:80",
        "10.0.0.0/18446744073709551624",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        uint8_t address[16], bits;
        struct error err = {0};
        bool parsed = acl_address_parse(str_of(rows[i]), address, &bits, &err);
        CHECK(!parsed && err.code == ERR_INVALID, "\"%s\"", rows[i]);
    }
}

/* ---- Which rule decides ---------------------------------------------------------------------------------- */

struct question {
    const char *name;
    const char *rules[RULES_MAX];
    bool default_allow;
    bool publish;
    const char *asked;
    bool expected;
};

static void check_questions(const struct question *questions, size_t count, const struct asker *asker)
{
    for (const struct question *row = questions; row < questions + count; row++) {
        struct client_acl *acl = compile(row->rules, asker, row->default_allow);
        bool said = row->publish ? client_may_publish(acl, str_of(row->asked))
                                 : client_may_subscribe(acl, str_of(row->asked));
        CHECK(said == row->expected, "%s: %s %s as %s", row->name, row->publish ? "publish" : "subscribe",
              row->asked, asker->username);
        client_acl_free(acl);
    }
}

static void test_the_first_rule_that_applies_decides_then_the_default(void **state)
{
    (void)state;
    static const struct question rows[] = {
        {"no rules", {NULL}, true, true, "t", true},
        {"no rules", {NULL}, false, true, "t", false},
        {"first of two", {"allow all t", "deny all t"}, false, true, "t", true},
        {"first of two", {"deny all t", "allow all t"}, true, true, "t", false},
        {"second topic", {"allow all s,t"}, false, true, "t", true},
        {"not reached", {"deny all s", "allow pub t"}, false, true, "t", true},
        {"other action", {"deny sub t", "allow pub t"}, false, true, "t", true},
        {"other action", {"allow sub t"}, false, true, "t", false},
        {"other action", {"allow pub t"}, false, false, "t", false},
        {"every topic", {"deny all"}, true, true, "any/thing", false},
        {"every topic", {"allow all"}, false, false, "#", true},
        {"wildcards", {"allow all a/+/c"}, false, true, "a/b/c", true},
        {"wildcards", {"allow all a/+/c"}, false, true, "a/b/d", false},
        {"parent", {"allow all a/#"}, false, true, "a", true},
        {"hidden", {"allow all #"}, false, true, "$SYS/x", false},
        {"hidden", {"deny all #"}, true, true, "$SYS/x", true},
    };
    check_questions(rows, LENGTH(rows), &ann);
}

static void test_a_rule_concerns_its_user_client_and_address(void **state)
{
    (void)state;
    static const struct question rows[] = {
        {"user", {"deny all user=ann"}, true, true, "t", false},
        {"other user", {"deny all user=bob"}, true, true, "t", true},
        {"part of the name", {"deny all user=an"}, true, true, "t", true},
        {"case", {"deny all user=Ann"}, true, true, "t", true},
        {"client", {"deny all client=dev-7"}, true, true, "t", false},
        {"other client", {"deny all client=dev-8"}, true, true, "t", true},
        {"address", {"deny all from=10.0.0.0/8"}, true, true, "t", false},
        {"other address", {"deny all from=192.168.0.0/16"}, true, true, "t", true},
        {"all three", {"deny all user=ann client=dev-7 from=10.1.2.3 t"}, true, true, "t", false},
        {"two of three", {"deny all user=ann client=dev-8 from=10.1.2.3 t"}, true, true, "t", true},
    };
    check_questions(rows, LENGTH(rows), &ann);
    /* Who has no name is nobody, not even a user with an empty one. */
    static const struct asker nobody = {"", "dev-7", "10.1.2.3"};
    static const struct question anonymous[] = {
        {"user", {"allow all user=ann"}, false, true, "t", false},
        {"empty user", {"allow all user="}, false, true, "t", false},
        {"client", {"allow all client=dev-7"}, false, true, "t", true},
    };
    check_questions(anonymous, LENGTH(anonymous), &nobody);
}

static void test_denial_reaches_what_overlaps_and_permission_what_is_covered(void **state)
{
    (void)state;
    static const struct question rows[] = {
        {"wider than denied", {"deny sub secret/#"}, true, false, "#", false},
        {"wider than denied", {"deny sub secret/#"}, true, false, "+/x", false},
        {"wider than denied", {"deny sub secret"}, true, false, "secret/#", false},
        {"beside denied", {"deny sub secret/#"}, true, false, "public/#", true},
        {"crossing", {"deny sub +/x"}, true, false, "y/+", false},
        {"hidden from denied", {"deny sub $SYS/#"}, true, false, "#", true},
        {"wider than allowed", {"allow sub a/#"}, false, false, "#", false},
        {"wider than allowed", {"allow sub a/b"}, false, false, "a/+", false},
        {"within allowed", {"allow sub a/#"}, false, false, "a/+/c", true},
        {"within allowed", {"allow sub a/#"}, false, false, "a", true},
        {"the same", {"allow sub a/+"}, false, false, "a/+", true},
        {"two that cover together", {"allow sub a,a/+/#"}, false, false, "a/#", false},
    };
    check_questions(rows, LENGTH(rows), &ann);
}

static void test_a_literal_topic_is_compared_character_by_character(void **state)
{
    (void)state;
    static const struct question rows[] = {
        {"itself", {"allow sub eq a/#"}, false, false, "a/#", true},
        {"what it would match", {"allow sub eq a/#"}, false, false, "a/b", false},
        {"what it would match", {"deny sub eq #"}, true, false, "a/b", true},
        {"only itself", {"deny sub eq #"}, true, false, "#", false},
        {"publish", {"deny pub eq a/b"}, true, true, "a/b", false},
        {"publish", {"deny pub eq a/+"}, true, true, "a/b", true},
        {"with a placeholder", {"allow sub eq ${clientid}/#"}, false, false, "dev-7/#", true},
        {"with a placeholder", {"allow sub eq ${clientid}/#"}, false, false, "dev-7/a", false},
        {"without the space", {"allow pub eqa"}, false, true, "eqa", true},
    };
    check_questions(rows, LENGTH(rows), &ann);
}

static void test_placeholders_stand_for_the_client(void **state)
{
    (void)state;
    static const struct question rows[] = {
        {"client id", {"allow pub dev/${clientid}/up"}, false, true, "dev/dev-7/up", true},
        {"client id", {"allow pub dev/${clientid}/up"}, false, true, "dev/dev-8/up", false},
        {"both", {"allow pub ${username}/x-${clientid}"}, false, true, "ann/x-dev-7", true},
        {"denied", {"deny pub ${username}/#"}, true, true, "ann/x", false},
        {"denied to others", {"deny pub ${username}/#"}, true, true, "bob/x", true},
        {"unknown in allow", {"allow pub ${secret}/x"}, false, true, "${secret}/x", false},
        {"unknown in deny is any", {"deny pub ${secret}/x"}, true, true, "z/x", false},
    };
    check_questions(rows, LENGTH(rows), &ann);
}

/* A value that is missing, or would change the filter, never widens what is allowed nor narrows what is denied. */
static void test_placeholders_without_a_safe_value_are_on_the_safe_side(void **state)
{
    (void)state;
    static const struct question rows[] = {
        {"allow", {"allow all u/${username}/#"}, false, true, "u//x", false},
        {"allow", {"allow all u/${username}/#"}, false, true, "u/x/y", false},
        {"allow", {"allow all u/${username}/#"}, false, false, "u/+/#", false},
        {"another topic of the rule", {"allow all u/${username}/#,v"}, false, true, "v", true},
        {"deny", {"deny all u/${username}/#"}, true, true, "u/x/y", false},
        {"deny", {"deny all u/${username}/#"}, true, true, "u//y", false},
        {"deny", {"deny all u/x-${username}/end"}, true, true, "u/anything/end", false},
        {"deny elsewhere", {"deny all u/${username}/#"}, true, true, "v/x", true},
        {"deny elsewhere", {"deny all u/${username}/end"}, true, true, "u/x/y", true},
        {"deny literally", {"deny all eq u/${username}"}, true, true, "u/x", true},
        {"allow literally", {"allow all eq u/${username}"}, false, true, "u/", false},
        /* A rule none of whose topics is left does not become one for every topic. */
        {"nothing left", {"allow all ${username}"}, false, true, "t", false},
    };
    static const struct asker askers[] = {
        {"", "dev-7", "10.1.2.3"},  {"a/b", "dev-7", "10.1.2.3"}, {"+", "dev-7", "10.1.2.3"},
        {"#", "dev-7", "10.1.2.3"}, {"a+", "dev-7", "10.1.2.3"},  {"/", "dev-7", "10.1.2.3"},
    };
    for (size_t i = 0; i < LENGTH(askers); i++)
        check_questions(rows, LENGTH(rows), &askers[i]);
}

static void test_own_rules_come_before_shared_ones_and_those_before_the_configuration(void **state)
{
    (void)state;
    struct settings *settings = settings_new();
    struct acl_rule configured = rule_of("deny all a,b,c,d");
    struct acl_rule shared = rule_of("allow all a,b");
    struct acl_rule own = rule_of("deny all a");
    uint8_t address[16];
    address_of("::1", address);
    const struct acl_subject subject = {STR_NONE, STR("x"), address};
    settings_add_rule(settings, &configured);
    struct client_acl *acl = client_acl_new(settings, &shared, 1, &own, 1, &subject);
    assert_false(client_may_publish(acl, STR("a")));
    assert_true(client_may_publish(acl, STR("b")));
    assert_false(client_may_publish(acl, STR("c")));
    assert_true(client_may_publish(acl, STR("e")));
    client_acl_free(acl);
    acl_rule_free(&own);
    acl_rule_free(&shared);
    settings_unref(settings);
}

/* As for superusers. */
static void test_no_list_allows_everything(void **state)
{
    (void)state;
    assert_true(client_may_publish(NULL, STR("$SYS/x")));
    assert_true(client_may_subscribe(NULL, STR("#")));
    client_acl_free(NULL);
    /* Rules that never concern the client leave no list if the default allows, and one if it denies. */
    static const char *const others[RULES_MAX] = {"deny all user=bob"};
    assert_null(compile(others, &ann, true));
    struct client_acl *acl = compile(others, &ann, false);
    assert_non_null(acl);
    assert_false(client_may_publish(acl, STR("t")));
    client_acl_free(acl);
}

/* Many topics, long ones: the texts move while the list is compiled. */
static void test_a_long_list_is_compiled_right(void **state)
{
    (void)state;
    struct settings *settings = settings_new();
    settings->acl_default_allow = false;
    for (unsigned i = 0; i < 500; i++) {
        char text[128];
        snprintf(text, sizeof(text), "%s all long/%u/${clientid}/a,other/%u", i % 3 == 0 ? "deny" : "allow",
                 i, i);
        struct acl_rule rule = rule_of(text);
        settings_add_rule(settings, &rule);
    }
    uint8_t address[16] = {0};
    const struct acl_subject subject = {STR_NONE, STR("me"), address};
    struct client_acl *acl = client_acl_new(settings, NULL, 0, NULL, 0, &subject);
    for (unsigned i = 0; i < 500; i++) {
        char topic[64];
        snprintf(topic, sizeof(topic), "long/%u/me/a", i);
        CHECK(client_may_publish(acl, str_of(topic)) == (i % 3 != 0), "%s", topic);
        snprintf(topic, sizeof(topic), "other/%u", i);
        CHECK(client_may_subscribe(acl, str_of(topic)) == (i % 3 != 0), "%s", topic);
        snprintf(topic, sizeof(topic), "long/%u/you/a", i);
        CHECK(!client_may_publish(acl, str_of(topic)), "%s", topic);
    }
    client_acl_free(acl);
    settings_unref(settings);
}

RUN_TESTS(cmocka_unit_test(test_an_address_matches_its_prefix),
          cmocka_unit_test(test_what_is_no_address_is_refused),
          cmocka_unit_test(test_the_first_rule_that_applies_decides_then_the_default),
          cmocka_unit_test(test_a_rule_concerns_its_user_client_and_address),
          cmocka_unit_test(test_denial_reaches_what_overlaps_and_permission_what_is_covered),
          cmocka_unit_test(test_a_literal_topic_is_compared_character_by_character),
          cmocka_unit_test(test_placeholders_stand_for_the_client),
          cmocka_unit_test(test_placeholders_without_a_safe_value_are_on_the_safe_side),
          cmocka_unit_test(test_own_rules_come_before_shared_ones_and_those_before_the_configuration),
          cmocka_unit_test(test_no_list_allows_everything),
          cmocka_unit_test(test_a_long_list_is_compiled_right))
