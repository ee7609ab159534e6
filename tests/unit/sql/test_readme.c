/* docs/sql/README.md: every example in it does what it says.
 *
 *     ```sql     a statement, perhaps with a comment "-- topic payload" in its first line
 *     ```json    behind it: its result        ```text    "no result", or "error: " and the text
 *
 * and the rows of tables whose first column is headed "expression": `expression`, perhaps a `payload`, then `result` as
 * JSON, or undefined, or error. */
#include "base/mem.h"
#include "harness.h"
#include "sql/jq.h"
#include "sql/json.h"
#include "sql/program.h"

struct example {
    struct str sql;
    struct str topic;
    struct str payload;
};

static struct buf document;

static int read_document(void **state)
{
    struct error err = {0};
    (void)state;
    ASSERT_OK(buf_read_file(&document, SOURCE_DIR "/docs/sql/README.md", 1 << 20, &err), err);
    return 0;
}

static int free_document(void **state)
{
    (void)state;
    buf_free(&document);
    sql_jq_stop();
    return 0;
}

static struct sql_value columns_of(struct sql_scope *scope, const struct example *example)
{
    struct error err = {0};
    struct sql_map_builder map = sql_map_begin(scope);
    ASSERT_OK(sql_map_put(&map, STR("clientid"), sql_string(STR("c1")), &err), err);
    ASSERT_OK(sql_map_put(&map, STR("username"), sql_string(STR("u1")), &err), err);
    ASSERT_OK(sql_map_put(&map, STR("qos"), sql_int(1), &err), err);
    ASSERT_OK(sql_map_put(&map, STR("topic"), sql_string(example->topic), &err), err);
    ASSERT_OK(sql_map_put(&map, STR("payload"), sql_string(example->payload), &err), err);
    return sql_map_end(&map);
}

/* False for an error, which is in err. *value is undefined for no result; it lives as long as *program, which the caller
 * frees. */
static bool run(struct sql_scope *scope, const struct example *example, struct sql_program **program,
                struct sql_value *value, struct error *err)
{
    struct sql_value map = columns_of(scope, example);
    struct sql_columns columns = sql_columns_of_map(&map);
    struct sql_result result;
    *program = sql_compile(example->sql, NULL, err);
    bool well = *program != NULL && sql_evaluate(*program, &columns, scope, &result, err) &&
                sql_result_map(&columns, scope, &result, err);
    *value = sql_undefined();
    if (well && result.matched && !(result.value.type == SQL_LIST && result.value.len == 0))
        *value = result.value;
    return well;
}

static void check_json(struct sql_scope *scope, const struct sql_value *value, struct str expected,
                       struct str sql)
{
    struct error err = {0};
    struct sql_value wanted = sql_undefined(), shown = sql_undefined();
    bool equal = false;
    CHECK(sql_json_decode(scope, expected, &wanted, &err), "%.*s: %s", STR_ARG(expected), err.text);
    ASSERT_OK(sql_equal_strict(scope, value, &wanted, &equal, &err), err);
    ASSERT_OK(sql_json_encode(scope, value, &shown, &err), err);
    CHECK(equal, "%.*s: %.*s, not %.*s", STR_ARG(sql), (int)shown.len, shown.text, STR_ARG(expected));
}

/* The text up to `end`, which is cut off *rest with it; false if it is not there. */
static bool cut(struct str *rest, const char *end, struct str *piece)
{
    size_t len = strlen(end);
    const char *at = rest->len >= len ? memmem(rest->data, rest->len, end, len) : NULL;
    if (at == NULL)
        return false;
    *piece = str_make(rest->data, (size_t)(at - rest->data));
    *rest = str_make(at + len, rest->len - piece->len - len);
    return true;
}

/* A first line "-- topic payload" says what the example is about. */
static struct example example_of(struct str sql)
{
    struct example example = {.sql = sql, .topic = STR("t/1"), .payload = STR("{}")};
    struct str rest = sql, line;
    if (str_starts(sql, STR("-- ")) && cut(&rest, "\n", &line)) {
        line = str_make(line.data + 3, line.len - 3);
        cut(&line, " ", &example.topic);
        example.payload = line;
    }
    return example;
}

static void test_statements_do_what_is_written_behind_them(void **state)
{
    (void)state;
    struct str rest = buf_str(&document), before, sql = STR_NONE, kind = STR_NONE, expected = STR_NONE;
    size_t count = 0;
    while (cut(&rest, "```sql\n", &before)) {
        struct sql_scope scope = {0};
        struct sql_program *program;
        struct sql_value value;
        struct error err = {0};
        assert_true(cut(&rest, "\n```\n", &sql) && cut(&rest, "```", &before) && cut(&rest, "\n", &kind) &&
                    cut(&rest, "\n```\n", &expected));
        CHECK(before.len == 0, "%.*s: nothing stands behind it", STR_ARG(sql));
        struct example example = example_of(sql);
        sql_scope_begin(&scope, NULL);
        bool well = run(&scope, &example, &program, &value, &err);
        if (str_is(kind, "json")) {
            CHECK(well, "%.*s: %s", STR_ARG(sql), err.text);
            check_json(&scope, &value, expected, sql);
        } else if (str_is(expected, "no result")) {
            CHECK(well && value.type == SQL_UNDEFINED, "%.*s: %s", STR_ARG(sql), err.text);
        } else {
            struct buf shown = {0};
            buf_printf(&shown, "error: %s", err.text);
            CHECK(!well && str_equal(buf_str(&shown), expected), "%.*s: %s", STR_ARG(sql), buf_cstr(&shown));
            buf_free(&shown);
        }
        sql_program_free(program);
        sql_scope_free(&scope);
        count++;
    }
    assert_true(count > 8);
}

static struct str without_quotes(struct str cell)
{
    cell = str_trim(cell);
    if (cell.len >= 2 && cell.data[0] == '`' && cell.data[cell.len - 1] == '`')
        cell = str_make(cell.data + 1, cell.len - 2);
    return cell;
}

static void check_row(struct str expression, struct str payload, struct str expected)
{
    struct buf sql = {0};
    struct sql_scope scope = {0};
    struct sql_program *program;
    struct sql_value value;
    struct error err = {0};
    buf_printf(&sql, "SELECT %.*s AS r FROM \"t/#\"", STR_ARG(expression));
    struct example example = {.sql = buf_str(&sql), .topic = STR("t/1"), .payload = payload};
    sql_scope_begin(&scope, NULL);
    bool well = run(&scope, &example, &program, &value, &err);
    const struct sql_value *result = well ? sql_map_get(&value, STR("r")) : NULL;
    if (str_is(expected, "error")) {
        CHECK(!well, "%.*s", STR_ARG(expression));
    } else if (str_is(expected, "undefined")) {
        CHECK(well && (result == NULL || result->type == SQL_UNDEFINED), "%.*s: %s", STR_ARG(expression),
              err.text);
    } else {
        CHECK(result != NULL, "%.*s: %s", STR_ARG(expression), err.text);
        check_json(&scope, result, expected, expression);
    }
    sql_program_free(program);
    sql_scope_free(&scope);
    buf_free(&sql);
}

static void test_expressions_give_what_their_tables_say(void **state)
{
    (void)state;
    struct str rest = buf_str(&document), line;
    bool inside = false, with_payload = false;
    size_t count = 0;
    while (cut(&rest, "\n", &line)) {
        struct str cell, cells = line, parts[5];
        size_t cell_count = 0;
        while (cell_count < 5 && str_next(&cells, '|', &cell))
            parts[cell_count++] = without_quotes(cell);
        if (cell_count < 4 || parts[0].len != 0 || line.len == 0) {
            inside = false;
        } else if (str_is(parts[1], "expression")) {
            inside = true;
            with_payload = str_is(parts[2], "with payload");
        } else if (inside && !str_starts(parts[1], STR("---"))) {
            check_row(parts[1], with_payload ? parts[2] : STR("{}"), parts[with_payload ? 3 : 2]);
            count++;
        }
    }
    assert_true(count > 50);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], SQL_JQ_ARGUMENT) == 0)
        return sql_jq_worker();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statements_do_what_is_written_behind_them),
        cmocka_unit_test(test_expressions_give_what_their_tables_say),
    };
    return cmocka_run_group_tests(tests, read_document, free_document);
}
