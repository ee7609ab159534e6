/* What a program tells about itself, and what the compiler refuses. */
#include "rules.h"

#include "sql/function.h"

#include <pthread.h>

static void test_from_is_told(void **state)
{
    struct sql_program *program =
        compile_rule("SELECT * FROM \"t/#\", '$events/client_connected', bare, \"$station/telemetry\"");
    size_t count;
    const struct str *topics = sql_program_topics(program, &count);
    (void)state;
    assert_int_equal(count, 4);
    assert_true(str_is(topics[0], "t/#"));
    assert_true(str_is(topics[1], "$events/client_connected"));
    assert_true(str_is(topics[2], "bare"));
    assert_true(str_is(topics[3], "$station/telemetry"));
    assert_true(sql_program_listens(program, STR("t/1/2")));
    assert_true(sql_program_listens(program, STR("bare")));
    assert_false(sql_program_listens(program, STR("bare/1")));
    assert_false(sql_program_listens(program, STR("$events/client_disconnected")));
    sql_program_free(program);
}

static void test_a_topic_matches_its_filters(void **state)
{
    static const struct {
        const char *topic;
        const char *filter;
        bool matches;
    } rows[] = {
        {"a/b", "a/b", true},       {"a/b", "a/+", true},    {"a/b", "+/b", true},   {"a/b", "#", true},
        {"a", "a/#", true},         {"a/b/c", "a/#", true},  {"ab", "a/#", false},   {"a/b", "a", false},
        {"a", "a/b", false},        {"a/b/c", "a/+", false}, {"a/", "a/+", true},    {"/a", "+/a", true},
        {"/a", "/+", true},         {"a//b", "a/+/b", true}, {"$SYS/x", "#", false}, {"$SYS/x", "+/x", false},
        {"$SYS/x", "$SYS/#", true}, {"a/$b", "a/+", true},   {"", "", true},         {"", "#", false},
        {"a", "", false},
    };
    (void)state;
    TABLE_EACH(row, rows)
    {
        CHECK(sql_topic_matches(str_of(row->topic), str_of(row->filter)) == row->matches, "%s, %s",
              row->topic, row->filter);
    }
}

static void test_a_filter_is_levels_with_whole_wildcards(void **state)
{
    static const struct {
        const char *filter;
        bool valid;
    } rows[] = {
        {"a", true},   {"a/b", true},     {"#", true},      {"+", true},    {"+/+/#", true},
        {"/", true},   {"", false},       {"a#", false},    {"#/a", false}, {"a/#/b", false},
        {"a+", false}, {"a/+b/c", false}, {"$share", true},
    };
    (void)state;
    TABLE_EACH(row, rows)
    {
        CHECK(sql_topic_filter_valid(str_of(row->filter)) == row->valid, "%s", row->filter);
    }
}

static void test_kinds_of_statements_are_told(void **state)
{
    static const struct {
        const char *sql;
        bool selects_all;
        bool passes_all;
        bool foreach;
    } rows[] = {
        {"SELECT * FROM t", true, true, false},      {"SELECT * FROM t WHERE a = 1", true, false, false},
        {"SELECT *, a FROM t", false, false, false}, {"SELECT a FROM t", false, false, false},
        {"FOREACH a FROM t", false, false, true},
    };
    (void)state;
    TABLE_EACH(row, rows)
    {
        struct sql_program *program = compile_rule(row->sql);
        CHECK(sql_program_selects_all(program) == row->selects_all, "%s", row->sql);
        CHECK(sql_program_passes_all(program) == row->passes_all, "%s", row->sql);
        CHECK(sql_program_is_foreach(program) == row->foreach, "%s", row->sql);
        sql_program_free(program);
    }
}

static void test_the_names_of_columns_are_told_once(void **state)
{
    struct sql_program *program =
        compile_rule("SELECT a, a AS b, payload.c.d, upper(e) AS f FROM t WHERE a = g AND payload.x IN (h)");
    static const char *const names[] = {"a", "b", "payload", "e", "f", "g", "h"};
    size_t count;
    const struct str *columns = sql_program_columns(program, &count);
    (void)state;
    assert_int_equal(count, LENGTH(names));
    for (size_t i = 0; i < count; i++)
        CHECK(str_is(columns[i], names[i]), "%zu: %.*s", i, STR_ARG(columns[i]));
    sql_program_free(program);
}

static void test_mistakes_are_found_when_a_rule_is_made(void **state)
{
    static const struct {
        const char *sql;
        const char *error;
        const char *hint;
    } rows[] = {
        {"SELECT uppper(a) FROM t", "line 1, column 8: there is no function uppper", "did you mean upper?"},
        {"SELECT UPPER(a) FROM t", "line 1, column 8: there is no function UPPER", "did you mean upper?"},
        {"SELECT nonsense(a) FROM t", "line 1, column 8: there is no function nonsense", ""},
        {"SELECT a FROM t WHERE\n b = 1 AND upper() = 'A'",
         "line 2, column 12: upper takes 1 argument, not 0", NULL},
        {"SELECT div(1) AS a FROM t", "line 1, column 8: div takes 2 arguments, not 1", "div(a, b)"},
        {"SELECT substr('a', 1, 2, 3) FROM t", "line 1, column 8: substr takes 2 to 3 arguments, not 4",
         NULL},
        {"SELECT sprintf() FROM t", "line 1, column 8: sprintf takes 1 or more arguments, not 0", NULL},
        {"SELECT a AND b FROM t",
         "line 1, column 10: AND belongs into a condition: WHERE, INCASE or CASE WHEN", ""},
        {"SELECT NOT a FROM t", "line 1, column 8: NOT belongs into a condition: WHERE, INCASE or CASE WHEN",
         ""},
        {"SELECT (a OR b) FROM t",
         "line 1, column 11: OR belongs into a condition: WHERE, INCASE or CASE WHEN", ""},
        {"SELECT a IN (1) FROM t",
         "line 1, column 10: IN belongs into a condition: WHERE, INCASE or CASE WHEN", ""},
        {"SELECT a FROM t WHERE 1", "line 1, column 23: a condition is expected, not an integer", ""},
        {"SELECT a FROM t WHERE 'x' AND b", "line 1, column 23: a condition is expected, not a string", ""},
        {"SELECT a FROM t WHERE b = 1 OR c + 1", "line 1, column 34: a condition is expected, not arithmetic",
         ""},
        {"SELECT a FROM t WHERE NOT [a]", "line 1, column 27: a condition is expected, not a list", ""},
        {"SELECT a FROM t WHERE l[1..2]", "line 1, column 23: a condition is expected, not a part of a list",
         ""},
        {"SELECT CASE WHEN 5 THEN 1 END FROM t", "line 1, column 18: a condition is expected, not an integer",
         ""},
        {"SELECT a AS b[i] FROM t", "line 1, column 8: the index of an alias has to be a number", ""},
        {"FOREACH * FROM t", "line 1, column 9: FOREACH needs a list to go through, not *", ""},
        {"FOREACH a AS b.c FROM t", "line 1, column 9: the name of the items of FOREACH cannot be a path",
         ""},
    };
    (void)state;
    TABLE_EACH(row, rows)
    {
        struct error err;
        struct sql_place place;
        ASSERT_FAILS(sql_compile(str_of(row->sql), &place, &err) != NULL, err, ERR_INVALID);
        CHECK(strcmp(err.text, row->error) == 0, "%s: %s", row->sql, err.text);
        CHECK(row->hint == NULL || strcmp(err.hint, row->hint) == 0, "%s: %s", row->sql, err.hint);
        char begin[40];
        snprintf(begin, sizeof begin, "line %u, column %u: ", place.line, place.column);
        CHECK(strncmp(err.text, begin, strlen(begin)) == 0, "%s", row->sql);
    }
}

static void test_a_text_that_is_too_long_is_refused(void **state)
{
    struct error err;
    struct buf text = {0};
    (void)state;
    while (text.len <= SQL_TEXT_BYTES_MAX)
        buf_append_byte(&text, ' ');
    ASSERT_FAILS(sql_compile(buf_str(&text), NULL, &err) != NULL, err, ERR_TOO_LARGE);
    buf_free(&text);
}

static void test_a_program_can_be_printed(void **state)
{
    struct sql_program *program = compile_rule("select a from t where b=1");
    struct buf text = {0};
    (void)state;
    sql_program_print(program, &text);
    assert_string_equal(buf_cstr(&text), "SELECT a FROM \"t\" WHERE b = 1");
    buf_free(&text);
    sql_program_free(program);
}

/* What is prepared for a call is released, also when something behind it is wrong. */
static void test_a_refused_rule_leaves_nothing_behind(void **state)
{
    struct error err;
    (void)state;
    ASSERT_FAILS(sql_compile(STR("SELECT regex_match(a, '^x'), nonsense(a) FROM t"), NULL, &err) != NULL, err,
                 ERR_INVALID);
}

static void test_every_function_has_a_name_of_its_own_and_is_described(void **state)
{
    size_t table_count;
    const struct sql_function_table *const *tables = sql_function_tables(&table_count);
    (void)state;
    for (size_t i = 0; i < table_count; i++) {
        for (size_t j = 0; j < tables[i]->count; j++) {
            const struct sql_function *row = &tables[i]->rows[j];
            CHECK(sql_function_find(str_of(row->name)) == row, "%s", row->name);
            CHECK(row->args_min <= row->args_max, "%s", row->name);
            CHECK((row->prepare == NULL) == (row->release == NULL), "%s", row->name);
            CHECK(row->summary != NULL && row->parameters != NULL && row->example != NULL, "%s", row->name);
        }
    }
    assert_string_equal(sql_category_title(SQL_CATEGORY_STRING), "Strings");
}

#define THREADS 4
#define ROUNDS  2000

static void *evaluate_often(void *arg)
{
    const struct sql_program *program = arg;
    struct sql_scope own = {0};
    struct error err;
    uintptr_t matched = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct sql_value map;
        struct sql_result result;
        char payload[40];
        snprintf(payload, sizeof payload, "{\"payload\":{\"n\":%d}}", i);
        sql_scope_begin(&own, NULL);
        if (!sql_json_decode(&own, str_of(payload), &map, &err))
            return NULL;
        struct sql_columns columns = sql_columns_of_map(&map);
        if (!sql_evaluate(program, &columns, &own, &result, &err))
            return NULL;
        matched += result.matched;
    }
    sql_scope_free(&own);
    return (void *)matched;
}

static void test_threads_share_a_program(void **state)
{
    struct sql_program *program =
        compile_rule("SELECT upper(str(payload.n)) AS n, regex_match(n, '^1') AS one, payload "
                     "AS p, [n, one] AS p.l FROM t WHERE regex_match(str(payload.n), '7$')");
    pthread_t threads[THREADS];
    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, evaluate_often, program), 0);
    for (int i = 0; i < THREADS; i++) {
        void *matched;
        assert_int_equal(pthread_join(threads[i], &matched), 0);
        assert_int_equal((uintptr_t)matched, ROUNDS / 10);
    }
    sql_program_free(program);
}

RUN_TESTS(cmocka_unit_test(test_from_is_told), cmocka_unit_test(test_a_topic_matches_its_filters),
          cmocka_unit_test(test_a_filter_is_levels_with_whole_wildcards),
          cmocka_unit_test(test_kinds_of_statements_are_told),
          cmocka_unit_test(test_the_names_of_columns_are_told_once),
          cmocka_unit_test(test_mistakes_are_found_when_a_rule_is_made),
          cmocka_unit_test(test_a_text_that_is_too_long_is_refused),
          cmocka_unit_test(test_a_program_can_be_printed),
          cmocka_unit_test(test_a_refused_rule_leaves_nothing_behind),
          cmocka_unit_test(test_every_function_has_a_name_of_its_own_and_is_described),
          cmocka_unit_test(test_threads_share_a_program))
