/* The tables of functions and what is made of them: every example gives its result, the reference is up to date, and
 * nothing that a rule of EMQX may call is missing. */
#include "expressions.h"
#include "sql/function.h"
#include "sql/jq.h"
#include "sql/reference.h"

static void each_function(void (*check)(const struct sql_function *function))
{
    size_t table_count;
    const struct sql_function_table *const *tables = sql_function_tables(&table_count);
    for (size_t i = 0; i < table_count; i++) {
        for (size_t j = 0; j < tables[i]->count; j++)
            check(&tables[i]->rows[j]);
    }
}

static void check_row(const struct sql_function *function)
{
    CHECK(sql_function_find(str_of(function->name)) == function, "%s: the name is there twice",
          function->name);
    CHECK(function->args_min <= function->args_max, "%s", function->name);
    CHECK(function->category < SQL_CATEGORY_COUNT, "%s", function->name);
    CHECK(function->summary[0] != '\0' && strchr(function->summary, '\n') == NULL, "%s", function->name);
    CHECK(function->summary[strlen(function->summary) - 1] != '.', "%s: a summary has no full stop",
          function->name);
    CHECK(strstr(function->example, function->name) != NULL, "%s: %s", function->name, function->example);
    CHECK((function->prepare == NULL) == (function->release == NULL), "%s", function->name);
    CHECK(sql_category_title(function->category) != NULL, "%s", function->name);
}

static void test_rows_are_well_formed(void **state)
{
    (void)state;
    each_function(check_row);
}

static void check_example(const struct sql_function *function)
{
    if (function->result != NULL) {
        check_expression(function->example, function->result, NULL);
        return;
    }
    char *result = expression_result(function->example, NULL);
    CHECK(result[0] != '!', "%s: %s", function->example, result);
    mem_free(result);
}

static void test_examples_give_their_results(void **state)
{
    (void)state;
    each_function(check_example);
}

/* One argument too few and one too many are refused when a rule is made. */
static void check_arguments(const struct sql_function *function)
{
    for (unsigned count = 0; count < 10; count++) {
        struct buf sql = {0};
        struct error err = {0};
        buf_printf(&sql, "SELECT %s(", function->name);
        for (unsigned i = 0; i < count; i++)
            buf_append_str(&sql, i == 0 ? STR("1") : STR(", 1"));
        buf_append_str(&sql, STR(") AS r FROM \"t\""));
        struct sql_program *program = sql_compile(buf_str(&sql), NULL, &err);
        bool right = count >= function->args_min &&
                     (function->args_max == SQL_ARGS_ANY || count <= function->args_max);
        CHECK((program != NULL) == right, "%s: %s", buf_cstr(&sql), err.text);
        sql_program_free(program);
        buf_free(&sql);
    }
}

static void test_numbers_of_arguments_are_checked(void **state)
{
    (void)state;
    each_function(check_arguments);
}

static void test_what_emqx_offers_is_offered(void **state)
{
    (void)state;
    static const char *const names[] = {
        "msgid",
        "qos",
        "flags",
        "flag",
        "topic",
        "clientid",
        "clientip",
        "peerhost",
        "username",
        "payload",
        "contains_topic",
        "contains_topic_match",
        "null",
        "coalesce",
        "coalesce_ne",
        "div",
        "mod",
        "eq",
        "abs",
        "acos",
        "acosh",
        "asin",
        "asinh",
        "atan",
        "atanh",
        "ceil",
        "cos",
        "cosh",
        "exp",
        "floor",
        "fmod",
        "log",
        "log10",
        "log2",
        "power",
        "round",
        "sin",
        "sinh",
        "sqrt",
        "tan",
        "tanh",
        "bitnot",
        "bitand",
        "bitor",
        "bitxor",
        "bitsl",
        "bitsr",
        "bitsize",
        "bytesize",
        "subbits",
        "str",
        "str_utf8",
        "str_utf16_le",
        "bool",
        "int",
        "float",
        "float2str",
        "map",
        "bin2hexstr",
        "hexstr2bin",
        "is_null",
        "is_not_null",
        "is_null_var",
        "is_not_null_var",
        "is_str",
        "is_bool",
        "is_int",
        "is_float",
        "is_num",
        "is_map",
        "is_array",
        "is_empty",
        "lower",
        "upper",
        "trim",
        "ltrim",
        "rtrim",
        "rm_prefix",
        "reverse",
        "strlen",
        "substr",
        "split",
        "concat",
        "tokens",
        "sprintf",
        "sprintf_s",
        "pad",
        "replace",
        "regex_match",
        "regex_replace",
        "regex_extract",
        "ascii",
        "find",
        "join_to_string",
        "join_to_sql_values_string",
        "unescape",
        "jq",
        "map_new",
        "map_get",
        "map_put",
        "map_keys",
        "map_values",
        "map_to_entries",
        "map_size",
        "mget",
        "mput",
        "nth",
        "length",
        "sublist",
        "first",
        "last",
        "contains",
        "md5",
        "sha",
        "sha256",
        "hash",
        "gzip",
        "gunzip",
        "zip",
        "unzip",
        "zip_compress",
        "zip_uncompress",
        "base64_encode",
        "base64_decode",
        "json_encode",
        "json_decode",
        "now_rfc3339",
        "unix_ts_to_rfc3339",
        "rfc3339_to_unix_ts",
        "now_timestamp",
        "format_date",
        "date_to_unix_ts",
        "timezone_to_offset_seconds",
        "timezone_to_second",
        "getenv",
        "random",
        "uuid_v4",
        "uuid_v4_no_hyphen",
        "kv_store_get",
        "kv_store_put",
        "kv_store_del",
    };
    TABLE_EACH(row, names)
    CHECK(sql_function_find(str_of(*row)) != NULL, "%s", *row);
    assert_null(sql_function_find(STR("proc_dict_get")));
    assert_null(sql_function_find(STR("UPPER")));
}

static void test_the_reference_is_up_to_date(void **state)
{
    (void)state;
    struct buf made = {0}, committed = {0};
    struct error err = {0};
    sql_reference_markdown(&made);
    ASSERT_OK(buf_read_file(&committed, SOURCE_DIR "/docs/sql/functions.md", 1 << 20, &err), err);
    bool same = str_equal(buf_str(&made), buf_str(&committed));
    buf_free(&made);
    buf_free(&committed);
    CHECK(same, "docs/sql/functions.md: scripts/docs.sh brings it up to date");
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], SQL_JQ_ARGUMENT) == 0)
        return sql_jq_worker();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_well_formed),
        cmocka_unit_test(test_examples_give_their_results),
        cmocka_unit_test(test_numbers_of_arguments_are_checked),
        cmocka_unit_test(test_what_emqx_offers_is_offered),
        cmocka_unit_test(test_the_reference_is_up_to_date),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sql_jq_stop();
    return failed;
}
