/* Topic names, topic filters, matching (4.7, 4.8.2) and filter templates. */
#include "mqtt/topic.h"

#include "base/buf.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

/* A text of `levels` levels: "a/a/…/a". Returns owned. */
static struct buf levels_of(size_t levels)
{
    struct buf text = {0};
    for (size_t i = 0; i < levels; i++)
        buf_append_str(&text, i == 0 ? STR("a") : STR("/a"));
    return text;
}

static struct buf repeated(char byte, size_t len)
{
    struct buf text = {0};
    for (size_t i = 0; i < len; i++)
        buf_append_byte(&text, (uint8_t)byte);
    return text;
}

static void test_topic_names(void **state)
{
    (void)state;
    const struct {
        struct str text;
        bool valid;
    } rows[] = {
        {STR("a"), true},
        {STR("a/b/c"), true},
        {STR("/"), true},
        {STR("//"), true},
        {STR("/a"), true},
        {STR("a/"), true},
        {STR("a//b"), true},
        {STR(" "), true},
        {STR("with space/Case"), true},
        {STR("$SYS/broker"), true},
        {STR("$"), true},
        {STR("$share/g/a"), true}, /* a name; only filters are shared */
        {STR("\xC3\xA9t\xC3\xA9/\xE2\x82\xAC/\xF0\x9F\x98\x80"), true},
        {STR("\xEF\xBB\xBF"), true},     /* U+FEFF is a character [MQTT-1.5.4-3] */
        {STR("\xF4\x8F\xBF\xBF"), true}, /* U+10FFFF */
        {STR("\x01\x1F\x7F"), true},
        {STR(""), false}, /* [MQTT-4.7.3-1] */
        {STR_NONE, false},
        {STR("+"), false}, /* [MQTT-4.7.0-1] */
        {STR("#"), false},
        {STR("a/+/b"), false},
        {STR("a/#"), false},
        {STR("a+"), false},
        {STR("long enough to be checked by words/#"), false},
        {STR("\0"), false}, /* [MQTT-4.7.3-2] */
        {STR("a\0b"), false},
        {STR("sensors/\0/temperature"), false},
        {STR("\x80"), false}, /* [MQTT-4.7.3-3] */
        {STR("\xC3"), false},
        {STR("\xC0\xAF"), false},
        {STR("\xED\xA0\x80"), false},
        {STR("\xF4\x90\x80\x80"), false},
        {STR("\xFF"), false},
        {STR("sensors/temp\xE2\x82"), false},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (topic_name_valid(rows[i].text) != rows[i].valid)
            fail_msg("row %zu: '%.*s'", i, STR_ARG(rows[i].text));
}

static void test_a_name_has_at_most_65535_bytes(void **state) /* [MQTT-4.7.3-3] */
{
    (void)state;
    struct topic_filter filter;
    struct buf text = repeated('a', 65535);
    assert_true(topic_name_valid(buf_str(&text)));
    assert_true(topic_filter_parse(buf_str(&text), &filter));
    buf_append_byte(&text, 'a');
    assert_false(topic_name_valid(buf_str(&text)));
    assert_false(topic_filter_parse(buf_str(&text), &filter));
    buf_free(&text);
}

static void test_names_and_filters_have_at_most_128_levels(void **state)
{
    (void)state;
    struct topic_filter filter;
    for (size_t levels = 126; levels <= 130; levels++) {
        struct buf text = levels_of(levels);
        bool valid = levels <= TOPIC_LEVELS_MAX;
        assert_int_equal(topic_name_valid(buf_str(&text)), valid);
        assert_int_equal(topic_levels_valid(buf_str(&text)), valid);
        assert_int_equal(topic_filter_parse(buf_str(&text), &filter), valid);
        /* The levels of a shared filter are those behind the group. */
        struct buf shared = {0};
        buf_append_str(&shared, STR("$share/g/"));
        buf_append_str(&shared, buf_str(&text));
        assert_int_equal(topic_filter_parse(buf_str(&shared), &filter), valid);
        buf_free(&shared);
        buf_free(&text);
    }
    struct buf slashes = repeated('/', 127);
    assert_true(topic_levels_valid(buf_str(&slashes)));
    buf_append_byte(&slashes, '/');
    assert_false(topic_levels_valid(buf_str(&slashes)));
    buf_free(&slashes);
}

static void test_topic_filters(void **state)
{
    (void)state;
    const struct {
        struct str text;
        bool valid, wildcard;
        const char *group, *filter; /* of a shared one */
    } rows[] = {
        {STR("a"), true, false, NULL, NULL},
        {STR("a/b/c"), true, false, NULL, NULL},
        {STR("/"), true, false, NULL, NULL},
        {STR("a//b/"), true, false, NULL, NULL},
        {STR("#"), true, true, NULL, NULL}, /* [MQTT-4.7.1-1] */
        {STR("/#"), true, true, NULL, NULL},
        {STR("a/#"), true, true, NULL, NULL},
        {STR("+"), true, true, NULL, NULL}, /* [MQTT-4.7.1-2] */
        {STR("+/+"), true, true, NULL, NULL},
        {STR("/+"), true, true, NULL, NULL},
        {STR("+/"), true, true, NULL, NULL},
        {STR("+/a/#"), true, true, NULL, NULL},
        {STR("a/+/b/+/#"), true, true, NULL, NULL},
        {STR("$SYS/#"), true, true, NULL, NULL},
        {STR("$SYS/+/x"), true, true, NULL, NULL},
        {STR("\xE2\x82\xAC/+"), true, true, NULL, NULL},
        {STR(""), false, false, NULL, NULL}, /* [MQTT-4.7.3-1] */
        {STR_NONE, false, false, NULL, NULL},
        {STR("#/"), false, false, NULL, NULL}, /* [MQTT-4.7.1-1] */
        {STR("#/a"), false, false, NULL, NULL},
        {STR("a/#/b"), false, false, NULL, NULL},
        {STR("a#"), false, false, NULL, NULL},
        {STR("a/b#"), false, false, NULL, NULL},
        {STR("a/#b"), false, false, NULL, NULL},
        {STR("##"), false, false, NULL, NULL},
        {STR("#+"), false, false, NULL, NULL},
        {STR("a+"), false, false, NULL, NULL}, /* [MQTT-4.7.1-2] */
        {STR("+a"), false, false, NULL, NULL},
        {STR("a/b+/c"), false, false, NULL, NULL},
        {STR("++"), false, false, NULL, NULL},
        {STR("+#"), false, false, NULL, NULL},
        {STR("a/+#"), false, false, NULL, NULL},
        {STR("a\0b"), false, false, NULL, NULL}, /* [MQTT-4.7.3-2] */
        {STR("+/\xC3"), false, false, NULL, NULL},
        {STR("\xED\xA0\x80/#"), false, false, NULL, NULL},
        /* $share [MQTT-4.8.2-1] [MQTT-4.8.2-2] */
        {STR("$share/g/a"), true, false, "g", "a"},
        {STR("$share/g/a/b"), true, false, "g", "a/b"},
        {STR("$share/g/#"), true, true, "g", "#"},
        {STR("$share/g/+/b"), true, true, "g", "+/b"},
        {STR("$share/g//"), true, false, "g", "/"},
        {STR("$share/g//a"), true, false, "g", "/a"},
        {STR("$share/a group/x"), true, false, "a group", "x"},
        {STR("$share/g/$SYS/#"), true, true, "g", "$SYS/#"},
        {STR("$share/$g/a"), true, false, "$g", "a"},
        {STR("$shared/g/a"), true, false, NULL, NULL}, /* another word */
        {STR("$SHARE/g/a"), true, false, NULL, NULL},
        {STR("a/$share/g"), true, false, NULL, NULL},
        {STR("$share"), false, false, NULL, NULL},
        {STR("$share/"), false, false, NULL, NULL},
        {STR("$share//"), false, false, NULL, NULL},
        {STR("$share//a"), false, false, NULL, NULL},
        {STR("$share/g"), false, false, NULL, NULL},
        {STR("$share/g/"), false, false, NULL, NULL},
        {STR("$share/+/a"), false, false, NULL, NULL},
        {STR("$share/g+/a"), false, false, NULL, NULL},
        {STR("$share/#"), false, false, NULL, NULL},
        {STR("$share/#/a"), false, false, NULL, NULL},
        {STR("$share/g/a#"), false, false, NULL, NULL},
        {STR("$share/g/#/a"), false, false, NULL, NULL},
        {STR("$share/g/a+/b"), false, false, NULL, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct topic_filter filter;
        bool valid = topic_filter_parse(rows[i].text, &filter);
        if (valid != rows[i].valid)
            fail_msg("row %zu: '%.*s'", i, STR_ARG(rows[i].text));
        if (!valid)
            continue;
        assert_int_equal(filter.wildcard, rows[i].wildcard);
        assert_int_equal(filter.shared, rows[i].group != NULL);
        assert_true(str_equal(filter.group, str_of(rows[i].group)));
        assert_true(str_equal(filter.filter, rows[i].filter != NULL ? str_of(rows[i].filter) : rows[i].text));
    }
}

static void test_levels(void **state)
{
    (void)state;
    const struct {
        struct str text;
        size_t count;
        const char *levels[5];
    } rows[] = {
        {STR("a"), 1, {"a"}},         {STR("a/b"), 2, {"a", "b"}}, {STR("a//b"), 3, {"a", "", "b"}},
        {STR("/a"), 2, {"", "a"}},    {STR("a/"), 2, {"a", ""}},   {STR("/"), 2, {"", ""}},
        {STR("//"), 3, {"", "", ""}}, {STR(""), 1, {""}},          {STR_NONE, 0, {NULL}},
        {STR("+/#"), 2, {"+", "#"}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str rest = rows[i].text;
        struct str level;
        size_t count = 0;
        for (; topic_next_level(&rest, &level); count++) {
            assert_true(count < rows[i].count);
            assert_true(str_equal(level, str_of(rows[i].levels[count])));
        }
        assert_int_equal(count, rows[i].count);
    }
}

static const struct match_row {
    const char *filter, *topic;
    bool matches;
} match_rows[] = {
    /* Literal levels, to the byte [MQTT-4.7.3-4] */
    {"a", "a", true},
    {"a", "b", false},
    {"a", "A", false},
    {"a", "aa", false},
    {"aa", "a", false},
    {"a/b", "a/b", true},
    {"a/b", "a", false},
    {"a", "a/b", false},
    {"a/b", "a/b/c", false},
    {"a/b/c", "a/b", false},
    {"ab", "a/b", false},
    {"a/b", "ab", false},
    {"\xC3\xA9", "e\xCC\x81", false}, /* two forms of é */
    {"\xEF\xBB\xBF"
     "a",
     "a", false}, /* [MQTT-1.5.4-3] */
    /* Empty levels */
    {"/", "/", true},
    {"/", "a", false},
    {"a", "/a", false},
    {"/a", "/a", true},
    {"/a", "a", false},
    {"a/", "a/", true},
    {"a/", "a", false},
    {"a", "a/", false},
    {"a//b", "a//b", true},
    {"a//b", "a/b", false},
    {"a/b", "a//b", false},
    {"//", "//", true},
    {"//", "/", false},
    /* # [MQTT-4.7.1-1] */
    {"#", "a", true},
    {"#", "a/b/c", true},
    {"#", "/", true},
    {"#", "/a", true},
    {"a/#", "a", true}, /* the parent level */
    {"a/#", "a/", true},
    {"a/#", "a/b", true},
    {"a/#", "a/b/c/d", true},
    {"a/#", "ab", false},
    {"a/#", "b/a", false},
    {"a/#", "", false},
    {"a/b/#", "a/b", true},
    {"a/b/#", "a", false},
    {"a/b/#", "a/bc", false},
    {"sport/tennis/player1/#", "sport/tennis/player1", true},
    {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
    {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
    {"sport/tennis/player1/#", "sport/tennis/player10", false},
    {"/#", "/", true},
    {"/#", "/a", true},
    {"/#", "a", false},
    {"a//#", "a/", true},
    {"a//#", "a//", true},
    {"a//#", "a", false},
    {"a//#", "a/b", false},
    /* + [MQTT-4.7.1-2] */
    {"+", "a", true},
    {"+", "a/b", false},
    {"+", "/", false},
    {"+", "/a", false},
    {"+/", "a/", true},
    {"+/", "/", true},
    {"+/", "a", false},
    {"/+", "/", true},
    {"/+", "/a", true},
    {"/+", "a", false},
    {"+/+", "/a", true},
    {"+/+", "a/b", true},
    {"+/+", "/", true},
    {"+/+", "a", false},
    {"+/+", "a/b/c", false},
    {"a/+", "a/b", true},
    {"a/+", "a/", true},
    {"a/+", "a", false},
    {"a/+", "a/b/c", false},
    {"a/+/c", "a/b/c", true},
    {"a/+/c", "a//c", true},
    {"a/+/c", "a/b/d", false},
    {"a/+/c", "a/b/c/d", false},
    {"a/+/c", "a/c", false},
    {"+/b/+", "a/b/c", true},
    {"+/b/+", "a/b", false},
    {"sport/tennis/+", "sport/tennis/player1", true},
    {"sport/tennis/+", "sport/tennis/player1/ranking", false},
    {"sport/+", "sport", false},
    {"sport/+", "sport/", true},
    /* Both */
    {"+/#", "a", true},
    {"+/#", "a/b", true},
    {"+/#", "/", true},
    {"+/+/#", "a/b", true},
    {"+/+/#", "a", false},
    {"+/tennis/#", "sport/tennis/player1", true},
    {"+/tennis/#", "sport/tennis", true},
    {"+/tennis/#", "sport/golf", false},
    {"a/+/#", "a/b", true},
    {"a/+/#", "a", false},
    /* $-topics [MQTT-4.7.2-1] */
    {"#", "$SYS", false},
    {"#", "$SYS/a", false},
    {"#", "$", false},
    {"+", "$SYS", false},
    {"+/a", "$SYS/a", false},
    {"+/#", "$SYS/a", false},
    {"+/monitor/Clients", "$SYS/monitor/Clients", false},
    {"$SYS/#", "$SYS", true},
    {"$SYS/#", "$SYS/a/b", true},
    {"$SYS/+", "$SYS/a", true},
    {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
    {"$SYS", "$SYS", true},
    {"#", "a/$SYS", true}, /* only at the beginning */
    {"a/+", "a/$b", true},
    {"a/#", "a/$b/c", true},
    {"/#", "/$SYS", true},
    {"/+", "/$SYS", true},
};

static void test_matching(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(match_rows); i++) {
        const struct match_row *row = &match_rows[i];
        if (topic_matches(str_of(row->filter), str_of(row->topic)) != row->matches)
            fail_msg("%s and %s", row->filter, row->topic);
    }
    /* What is no filter or no name matches nothing, and is not read. */
    assert_false(topic_matches(STR_NONE, STR("a")));
    assert_false(topic_matches(STR("#"), STR_NONE));
    assert_false(topic_matches(STR_NONE, STR_NONE));
}

/* The definition, level by level. */
static bool matches_by_definition(struct str filter, struct str topic)
{
    struct str f, t;
    if (topic.data[0] == '$' && (filter.data[0] == '+' || filter.data[0] == '#'))
        return false;
    for (;;) {
        bool more_filter = topic_next_level(&filter, &f);
        bool more_topic = topic_next_level(&topic, &t);
        if (more_filter && str_is(f, "#"))
            return true; /* with no level left too: the parent */
        if (!more_filter || !more_topic)
            return more_filter == more_topic;
        if (!str_is(f, "+") && !str_equal(f, t))
            return false;
    }
}

static char *random_text(struct random *random, bool filter, struct str *out)
{
    static const char *const levels[] = {"", "a", "b", "ab", "$a", "$"};
    struct buf text = {0};
    size_t count = 1 + random_below(random, 5);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_append_byte(&text, '/');
        uint64_t choice = random_below(random, filter ? 9 : 6);
        if (choice == 8 && i + 1 == count)
            buf_append_byte(&text, '#');
        else
            buf_append_str(&text, choice >= 6 ? STR("+") : str_of(levels[choice]));
    }
    if (text.len == 0)
        buf_append_byte(&text, 'a');
    char *exact = malloc(text.len); /* exactly sized: the address sanitizer sees a read past the end */
    assert_non_null(exact);
    memcpy(exact, text.data, text.len);
    *out = str_make(exact, text.len);
    buf_free(&text);
    return exact;
}

static void test_matching_agrees_with_the_definition(void **state)
{
    (void)state;
    struct random random;
    size_t matched = 0;
    random_seed(&random, 47);
    for (int i = 0; i < 200000; i++) {
        struct str filter, topic;
        struct topic_filter parsed;
        char *filter_text = random_text(&random, true, &filter);
        char *topic_text = random_text(&random, false, &topic);
        assert_true(topic_filter_parse(filter, &parsed) && topic_name_valid(topic));
        bool wanted = matches_by_definition(filter, topic);
        if (topic_matches(filter, topic) != wanted)
            fail_msg("%.*s and %.*s", STR_ARG(filter), STR_ARG(topic));
        matched += wanted;
        free(filter_text);
        free(topic_text);
    }
    assert_true(matched > 5000 && matched < 150000); /* the generator makes both kinds */
}

static void test_templates(void **state)
{
    (void)state;
    const struct str names[] = {STR("clientid"), STR("username"), STR("empty"), STR("none"),
                                STR("slash"),    STR("plus"),     STR("hash"),  STR("nul")};
    const struct str values[] = {STR("c1"),  STR("alice"), STR(""),  STR_NONE,
                                 STR("a/b"), STR("+"),     STR("#"), STR("a\0b")};
    static const struct {
        const char *pattern;
        const char *result; /* NULL: refused */
    } rows[] = {
        {"devices/${clientid}/#", "devices/c1/#"},
        {"${username}/${clientid}", "alice/c1"},
        {"${clientid}${clientid}", "c1c1"},
        {"plain/+/#", "plain/+/#"},
        {"", ""},
        {"$SYS/x", "$SYS/x"},
        {"$", "$"},
        {"a$", "a$"},
        {"$$", "$$"},
        {"$${clientid}", "$c1"},
        {"{clientid}", "{clientid}"},
        {"a{clientid}", "a{clientid}"},
        {"${unknown}", NULL},
        {"${}", NULL},
        {"${ clientid}", NULL},
        {"${CLIENTID}", NULL},
        {"a/${clientid", NULL},
        {"${", NULL},
        {"${empty}/#", NULL},
        {"${none}", NULL},
        {"${slash}", NULL},
        {"${plus}", NULL},
        {"${hash}", NULL},
        {"${nul}", NULL},
        {"${clientid}/${slash}", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf out = {0};
        buf_append_str(&out, STR("kept:"));
        bool expanded = topic_template_expand(str_of(rows[i].pattern), names, values, COUNT(names), &out);
        if (expanded != (rows[i].result != NULL))
            fail_msg("%s", rows[i].pattern);
        assert_true(str_starts(buf_str(&out), STR("kept:")));
        struct str result = str_make(out.data + 5, out.len - 5);
        assert_true(str_equal(result, str_of(expanded ? rows[i].result : "")));
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topic_names),
        cmocka_unit_test(test_a_name_has_at_most_65535_bytes),
        cmocka_unit_test(test_names_and_filters_have_at_most_128_levels),
        cmocka_unit_test(test_topic_filters),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_matching_agrees_with_the_definition),
        cmocka_unit_test(test_templates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
