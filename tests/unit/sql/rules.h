/* Tests of rules as tables: a statement, the columns as JSON, and what comes out. */
#ifndef TESTS_SQL_RULES_H
#define TESTS_SQL_RULES_H

#include "base/mem.h"
#include "sql/program.h"
#include "values.h"

struct rule_case {
    const char *sql;
    const char *columns;
    /* JSON of the result, with undefined as "undefined!" where it is one; "none": WHERE does not hold; "!" and a part of the
     * error's text. */
    const char *expected;
};

static inline struct sql_program *compile_rule(const char *sql)
{
    struct error err;
    struct sql_program *program = sql_compile(str_of(sql), NULL, &err);
    CHECK(program != NULL, "%s: %s", sql, err.text);
    return program;
}

/* Undefined has no JSON of its own. */
static inline struct sql_value show_undefined(const struct sql_value *value)
{
    struct error err;
    if (value->type == SQL_UNDEFINED)
        return sql_string(STR("undefined!"));
    if (value->type == SQL_LIST) {
        struct sql_list_builder list = sql_list_begin(&scope);
        for (uint32_t i = 0; i < value->len; i++)
            ASSERT_OK(sql_list_add(&list, show_undefined(&value->items[i]), &err), err);
        return sql_list_end(&list);
    }
    if (value->type == SQL_MAP) {
        struct sql_map_builder map = sql_map_begin(&scope);
        for (uint32_t i = 0; i < value->len; i++) {
            const struct sql_entry *entry = sql_map_at(value, i);
            ASSERT_OK(sql_map_put(&map, sql_key_of(entry), show_undefined(&entry->value), &err), err);
        }
        return sql_map_end(&map);
    }
    return *value;
}

static inline void check_rule(const struct rule_case *row, const struct sql_limits *limits)
{
    struct sql_program *program = compile_rule(row->sql);
    struct error err = {0};
    struct sql_result result;
    struct buf text = {0};
    sql_scope_begin(&scope, NULL);
    struct sql_value map = from_json(row->columns);
    struct sql_columns columns = sql_columns_of_map(&map);
    if (limits != NULL) {
        scope.steps_left = limits->steps_max != 0 ? limits->steps_max : scope.steps_left;
        scope.memory_bytes_max =
            limits->memory_bytes_max != 0 ? limits->memory_bytes_max : scope.memory_bytes_max;
    }
    if (!sql_evaluate(program, &columns, &scope, &result, &err) ||
        !sql_result_map(&columns, &scope, &result, &err)) {
        buf_printf(&text, "!%s", err.text);
    } else if (!result.matched) {
        buf_append_str(&text, STR("none"));
    } else {
        scope.steps_left = SQL_STEPS_DEFAULT;
        struct sql_value shown = show_undefined(&result.value);
        buf_append_str(&text, str_of(to_json(&shown)));
    }
    bool right = row->expected[0] == '!'
                     ? buf_cstr(&text)[0] == '!' && strstr(buf_cstr(&text), row->expected + 1) != NULL
                     : strcmp(buf_cstr(&text), row->expected) == 0;
    CHECK(right, "%s\n  gives  %s\n  not    %s", row->sql, buf_cstr(&text), row->expected);
    buf_free(&text);
    sql_program_free(program);
}

#define RULE_TEST(name, ...)                                  \
    static void test_##name(void **state)                     \
    {                                                         \
        static const struct rule_case rows[] = {__VA_ARGS__}; \
        (void)state;                                          \
        TABLE_EACH(row, rows)                                 \
        {                                                     \
            check_rule(row, NULL);                            \
        }                                                     \
    }

#endif
