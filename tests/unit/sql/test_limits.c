/* No rule and no payload takes more time, memory or nesting than it may. */
#include "rules.h"

/* The field again and again, as one statement; %u is its number. */
static char *repeat(const char *begin, const char *field, unsigned count, const char *end)
{
    struct buf text = {0};
    buf_append_str(&text, str_of(begin));
    for (unsigned i = 0; i < count; i++) {
        const char *rest = field;
        buf_append_str(&text, i == 0 ? STR("") : STR(", "));
        for (const char *at; (at = strstr(rest, "%u")) != NULL; rest = at + 2) {
            buf_append(&text, rest, (size_t)(at - rest));
            buf_printf(&text, "%u", i);
        }
        buf_append_str(&text, str_of(rest));
    }
    buf_append_str(&text, str_of(end));
    char *owned = str_dup(buf_str(&text));
    buf_free(&text);
    return owned;
}

static void check_repeated(const char *begin, const char *field, unsigned count, const char *end,
                           const char *expected)
{
    char *sql = repeat(begin, field, count, end);
    struct rule_case row = {
        sql, "{\"a\":[1,2,3],\"b\":[1,2,3],\"s\":\"0123456789012345678901234567890123456789\"}", expected};
    check_rule(&row, NULL);
    mem_free(sql);
}

static void test_a_string_that_doubles_runs_out_of_memory(void **state)
{
    (void)state;
    check_repeated("SELECT ", "s + s AS s", 100, " FROM t", "!");
    check_repeated("SELECT ", "concat(s, s) AS s", 100, " FROM t", "!");
}

static void test_a_list_in_a_list_in_a_list_is_too_deep(void **state)
{
    (void)state;
    check_repeated("SELECT ", "[a] AS a", 120, " FROM t WHERE false", "none");
    check_repeated("SELECT ", "[a] AS a", 1000, " FROM t WHERE false",
                   "!lists and maps are nested more than 128 deep");
    check_repeated("SELECT ", "a AS a.x", 1000, " FROM t WHERE false", "!nested more than 128 deep");
    check_repeated("SELECT ", "map_put('k', a, map_new()) AS a", 1000, " FROM t WHERE false",
                   "!nested more than 128 deep");
}

static void test_what_is_shared_does_not_multiply_the_work(void **state)
{
    (void)state;
    check_repeated("SELECT ", "[a, a, a] AS a", 100, ", json_encode(a) AS j FROM t", "!");
    check_repeated("SELECT ", "[a, a, a] AS a", 100, " FROM t WHERE a = [1]", "none");
    check_repeated("SELECT ", "[a, a, a] AS a, [b, b, b] AS b", 100, " FROM t WHERE a = b", "!");
    check_repeated("SELECT ", "[a, a, a] AS a", 100, ", 'x' + a AS j FROM t", "!");
}

static void test_work_is_counted_in_steps(void **state)
{
    static const struct {
        const char *sql;
        const char *expected;
    } rows[] = {
        {"SELECT [1..2000000] AS l FROM t", "!more"},
        {"SELECT [1..9223372036854775807] AS l FROM t", "!more steps"},
        {"SELECT [-9223372036854775807..9223372036854775807] AS l FROM t", "!more steps"},
        {"FOREACH [1..100000] AS i DO i * i AS q, i + 1 AS p, [i, i, i] AS l FROM t", "!more"},
        {"FOREACH [1..100000] AS i INCASE i IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, "
         "18, 19) FROM t",
         "!more steps"},
        {"FOREACH [1..30000] AS i DO md5(payload) AS h FROM t", "!more steps"},
        {"FOREACH [1..30000] AS i DO payload =~ '#' AS h FROM t", "!more steps"},
    };
    struct buf payload = {0};
    (void)state;
    buf_append_str(&payload, STR("{\"payload\":\""));
    for (int i = 0; i < 100000; i++)
        buf_append_byte(&payload, 'x');
    buf_append_str(&payload, STR("\"}"));
    TABLE_EACH(row, rows)
    {
        struct rule_case rule = {row->sql, buf_cstr(&payload), row->expected};
        check_rule(&rule, NULL);
    }
    buf_free(&payload);
}

/* Each of these, with any number of steps and any memory, ends with an error or the result. */
static void test_at_every_limit_there_is_an_error_or_the_result(void **state)
{
    static const struct rule_case rule = {"FOREACH payload.l AS i, [1..3] AS n DO n, i[n] AS v, 'x' + n AS "
                                          "s, [n, n] AS l[1], payload.m AS m.k, * INCASE n "
                                          "< 3 FROM t",
                                          "{\"payload\":\"{\\\"l\\\":[1,2,3],\\\"m\\\":{\\\"a\\\":[1]}}\"}",
                                          NULL};
    struct sql_program *program = compile_rule(rule.sql);
    bool done = false;
    (void)state;
    for (uint64_t steps = 1; !done; steps++) {
        struct error err = {0};
        struct sql_result result;
        sql_scope_begin(&scope, NULL);
        struct sql_value map = from_json(rule.columns);
        struct sql_columns columns = sql_columns_of_map(&map);
        scope.steps_left = steps;
        done = sql_evaluate(program, &columns, &scope, &result, &err);
        assert_true(done || err.code == ERR_LIMIT);
        assert_true(steps < 10000);
    }
    done = false;
    for (size_t bytes = 0; !done; bytes += 16) {
        struct error err = {0};
        struct sql_result result;
        sql_scope_begin(&scope, NULL);
        struct sql_value map = from_json(rule.columns);
        struct sql_columns columns = sql_columns_of_map(&map);
        scope.memory_bytes_max = scope.arena.used_bytes + bytes;
        done = sql_evaluate(program, &columns, &scope, &result, &err);
        CHECK(done || err.code == ERR_LIMIT || err.code == ERR_TOO_LARGE, "%zu: %s", bytes, err.text);
        assert_true(bytes < 1000000);
    }
    sql_program_free(program);
}

RUN_TESTS(SCOPE_TEST(test_a_string_that_doubles_runs_out_of_memory),
          SCOPE_TEST(test_a_list_in_a_list_in_a_list_is_too_deep),
          SCOPE_TEST(test_what_is_shared_does_not_multiply_the_work),
          SCOPE_TEST(test_work_is_counted_in_steps),
          SCOPE_TEST(test_at_every_limit_there_is_an_error_or_the_result))
