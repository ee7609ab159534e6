/* Tests of expressions of the rule language, as tables:
 *
 *     static const struct expression cases[] = {{"upper('a')", "\"A\""}, {"upper(1)", "!must be a string"}};
 *     check_expressions(cases, LENGTH(cases));
 *
 * A result is JSON, and "undefined" for undefined. An error is "!" and a part of its text. */
#ifndef TESTS_SQL_EXPRESSIONS_H
#define TESTS_SQL_EXPRESSIONS_H

#include "base/mem.h"
#include "harness.h"
#include "sql/json.h"
#include "sql/program.h"

struct expression {
    const char *text;
    const char *expected;
};

/* The columns that expressions see. */
#define EXPRESSION_COLUMNS                                                                            \
    "{\"id\":\"0005\",\"topic\":\"t/a/"                                                               \
    "b\",\"clientid\":\"c1\",\"username\":\"u1\",\"peerhost\":\"10.0.0.1\","                          \
    "\"qos\":1,\"flags\":{\"retain\":true},\"payload\":\"{\\\"a\\\":{\\\"b\\\":7},\\\"n\\\":null}\"," \
    "\"timestamp\":1700000000123,\"empty\":[],\"map\":{\"b\":1,\"a\":2},\"null\":null}"

/* What the expression gives, or "!" and its error. Returns owned. */
static inline char *expression_result(const char *text, const struct sql_limits *limits)
{
    struct sql_scope scope = {0}, columns_scope = {0};
    struct sql_value columns_map;
    struct error err = {0};
    struct buf sql = {0}, out = {0};
    buf_printf(&sql, "SELECT %s AS r FROM \"t/#\"", text);
    sql_scope_begin(&columns_scope, NULL);
    ASSERT_OK(sql_json_decode(&columns_scope, STR(EXPRESSION_COLUMNS), &columns_map, &err), err);
    struct sql_columns columns = sql_columns_of_map(&columns_map);
    struct sql_program *program = sql_compile(buf_str(&sql), NULL, &err);
    struct sql_result result;
    sql_scope_begin(&scope, limits);
    if (program != NULL && sql_evaluate(program, &columns, &scope, &result, &err)) {
        const struct sql_value *value = sql_map_get(&result.value, STR("r"));
        if (value == NULL || value->type == SQL_UNDEFINED)
            buf_append_str(&out, STR("undefined"));
        else if (!sql_json_append(&out, value, SIZE_MAX, &err))
            buf_printf(&out, "!%s", err.text);
    } else {
        buf_printf(&out, "!%s", err.text);
    }
    sql_program_free(program);
    sql_scope_free(&scope);
    sql_scope_free(&columns_scope);
    buf_free(&sql);
    char *owned = str_dup(buf_str(&out));
    buf_free(&out);
    return owned;
}

static inline void check_expression(const char *text, const char *expected, const struct sql_limits *limits)
{
    char *result = expression_result(text, limits);
    bool right = expected[0] == '!' ? result[0] == '!' && strstr(result, expected + 1) != NULL
                                    : strcmp(result, expected) == 0;
    CHECK(right, "%s: %s, not %s", text, result, expected);
    mem_free(result);
}

static inline void check_expressions(const struct expression *expressions, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_expression(expressions[i].text, expressions[i].expected, NULL);
}

/* A test that is such a table. */
#define TEST_EXPRESSIONS(name, ...)                                   \
    static void test_##name(void **state)                             \
    {                                                                 \
        static const struct expression expressions[] = {__VA_ARGS__}; \
        (void)state;                                                  \
        check_expressions(expressions, LENGTH(expressions));          \
    }

#endif
