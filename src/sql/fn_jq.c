/* jq(): filters of jq over JSON. What runs them is jq_pool.c. */
#include "sql/fn_internal.h"
#include "sql/jq_internal.h"
#include "sql/json.h"

SQL_FUNCTION(run_jq)
{
    struct str filter, input;
    int64_t timeout_ms = jq_timeout_ms();
    if (!sql_arg_utf8(args, 0, &filter, err) ||
        (count > 2 && !sql_arg_int_range(args, 2, 1, SQL_JQ_MS_MAX, &timeout_ms, err)))
        return false;
    if (args[1].type == SQL_UNDEFINED)
        return sql_arg_error(args, 1, "JSON, or a value that can be JSON", err);
    struct sql_value json = args[1];
    if (json.type != SQL_STRING && !sql_json_encode(call->scope, &args[1], &json, err))
        return false;
    if (!sql_arg_utf8(&json, 0, &input, err))
        return false;
    return jq_run(call->scope, filter, input, timeout_ms, out, err);
}

static const struct sql_function rows[] = {
    SQL_ROW("jq", 2, 3, SQL_CATEGORY_STRING, "filter, value[, timeout_ms]",
            "the list of what a filter of jq 1.6 puts out for the value, or for the JSON in a string; fails "
            "for an error "
            "of the filter, and after timeout_ms, unless given as rule_engine.jq_function_default_timeout "
            "says; numbers are floats of 64 bits in "
            "between, and "
            "whole ones become integers",
            "jq('.a[] | select(. > 1)', '{\"a\": [1, 2, 3]}')", "[2,3]", run_jq),
};

const struct sql_function_table sql_jq_functions = SQL_FUNCTION_TABLE(rows);
