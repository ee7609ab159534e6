/* What a value is, and what to take in the place of a missing one. */
#include "sql/fn_internal.h"

/* --- Types ------------------------------------------------------------------------------------------ */

#define TEST(name, condition)             \
    SQL_FUNCTION(run_##name)              \
    {                                     \
        const struct sql_value *x = args; \
        *out = sql_bool(condition);       \
        return true;                      \
    }

TEST(is_null, sql_is(x, SQL_UNDEFINED))
TEST(is_not_null, !sql_is(x, SQL_UNDEFINED))
TEST(is_null_var, sql_is(x, SQL_UNDEFINED) || sql_is(x, SQL_NULL))
TEST(is_not_null_var, !sql_is(x, SQL_UNDEFINED) && !sql_is(x, SQL_NULL))
TEST(is_str, sql_is(x, SQL_STRING))
TEST(is_bool, sql_is(x, SQL_BOOL))
TEST(is_int, sql_is(x, SQL_INT))
TEST(is_float, sql_is(x, SQL_FLOAT))
TEST(is_num, sql_is_number(x))
TEST(is_map, sql_is(x, SQL_MAP))
TEST(is_array, sql_is(x, SQL_LIST))

SQL_FUNCTION(run_is_empty)
{
    struct sql_value map;
    if (args[0].type == SQL_LIST || (args[0].type == SQL_STRING && args[0].len == 0)) {
        *out = sql_bool(args[0].len == 0);
        return true;
    }
    if (args[0].type != SQL_MAP && args[0].type != SQL_STRING)
        return sql_arg_error(args, 0, "a map, a list or a string", err);
    if (!sql_arg_map(call, args, 0, &map, err))
        return false;
    *out = sql_bool(map.len == 0);
    return true;
}

/* --- Missing values --------------------------------------------------------------------------------- */

SQL_FUNCTION(run_null)
{
    *out = sql_undefined();
    return true;
}

static bool missing(const struct sql_value *value, bool empty_too)
{
    return value->type == SQL_UNDEFINED || (empty_too && value->type == SQL_STRING && value->len == 0);
}

static bool coalesce(const struct sql_value *args, size_t count, bool empty_too, struct sql_value *out,
                     struct error *err)
{
    const struct sql_value *values = args;
    size_t value_count = count;
    if (count == 1) {
        if (!sql_arg_list(args, 0, err))
            return false;
        values = args[0].items;
        value_count = args[0].len;
    }
    *out = sql_undefined();
    for (size_t i = 0; i < value_count; i++) {
        if (!missing(&values[i], empty_too)) {
            *out = values[i];
            break;
        }
    }
    return true;
}

SQL_FUNCTION(run_coalesce)
{
    return coalesce(args, count, false, out, err);
}

SQL_FUNCTION(run_coalesce_ne)
{
    return coalesce(args, count, true, out, err);
}

#define IS(name, summary, example, result) \
    SQL_ROW(#name, 1, 1, SQL_CATEGORY_TYPE, "value", summary, example, result, run_##name)

static const struct sql_function type_rows[] = {
    IS(is_null, "whether the value is undefined; JSON's null is not", "is_null(no_such_column)", "true"),
    IS(is_not_null, "whether the value is not undefined", "is_not_null('')", "true"),
    IS(is_null_var, "whether the value is undefined or JSON's null", "is_null_var(json_decode('null'))",
       "true"),
    IS(is_not_null_var, "whether the value is neither undefined nor JSON's null",
       "is_not_null_var(json_decode('null'))", "false"),
    IS(is_str, "whether the value is a string", "is_str('1')", "true"),
    IS(is_bool, "whether the value is a boolean", "is_bool(true)", "true"),
    IS(is_int, "whether the value is an integer", "is_int(1.0)", "false"),
    IS(is_float, "whether the value is a float", "is_float(1.0)", "true"),
    IS(is_num, "whether the value is an integer or a float", "is_num('1')", "false"),
    IS(is_map, "whether the value is a map", "is_map(map_new())", "true"),
    IS(is_array, "whether the value is a list", "is_array([1, 2])", "true"),
    IS(is_empty,
       "whether a list, a map, the JSON of a map, or a string has nothing in it; fails for anything else",
       "is_empty('{}')", "true"),
};

static const struct sql_function null_rows[] = {
    SQL_ROW("null", 0, 0, SQL_CATEGORY_NULL, "", "undefined", "is_null(null())", "true", run_null),
    SQL_ROW("coalesce", 1, 2, SQL_CATEGORY_NULL, "a, b | list",
            "the first that is not undefined, or undefined", "coalesce(no_such_column, 5)", "5",
            run_coalesce),
    SQL_ROW("coalesce_ne", 1, 2, SQL_CATEGORY_NULL, "a, b | list",
            "the first that is neither undefined nor '', or undefined", "coalesce_ne('', 'x')", "\"x\"",
            run_coalesce_ne),
};

const struct sql_function_table sql_type_functions = SQL_FUNCTION_TABLE(type_rows);
const struct sql_function_table sql_null_functions = SQL_FUNCTION_TABLE(null_rows);
