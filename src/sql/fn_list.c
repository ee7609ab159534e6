/* Lists. Positions count from 1. */
#include "sql/fn_internal.h"

SQL_FUNCTION(run_nth)
{
    int64_t position;
    if (!sql_arg_list(args, 1, err))
        return false;
    if (args[1].len == 0)
        return error_set(err, ERR_INVALID, "argument 2 must not be empty");
    if (!sql_arg_int_range(args, 0, 1, args[1].len, &position, err))
        return false;
    *out = args[1].items[position - 1];
    return true;
}

SQL_FUNCTION(run_length)
{
    if (!sql_arg_list(args, 0, err))
        return false;
    *out = sql_int(args[0].len);
    return true;
}

SQL_FUNCTION(run_sublist)
{
    const struct sql_value *list = &args[count - 1];
    int64_t start = 1, len;
    if (!sql_arg_list(args, count - 1, err) || !sql_arg_int_range(args, count - 2, 0, INT64_MAX, &len, err) ||
        (count == 3 && !sql_arg_int_range(args, 0, 1, INT64_MAX, &start, err)))
        return false;
    uint32_t first = start - 1 < list->len ? (uint32_t)(start - 1) : list->len;
    uint32_t most = list->len - first;
    *out = sql_list_part(list, first, len < most ? (uint32_t)len : most);
    return true;
}

static bool end_item(const struct sql_value *args, bool last, struct sql_value *out, struct error *err)
{
    if (!sql_arg_list(args, 0, err))
        return false;
    if (args[0].len == 0)
        return error_set(err, ERR_INVALID, "argument 1 must not be empty");
    *out = args[0].items[last ? args[0].len - 1 : 0];
    return true;
}

SQL_FUNCTION(run_first)
{
    return end_item(args, false, out, err);
}

SQL_FUNCTION(run_last)
{
    return end_item(args, true, out, err);
}

SQL_FUNCTION(run_contains)
{
    bool equal = false;
    if (!sql_arg_list(args, 1, err))
        return false;
    for (uint32_t i = 0; i < args[1].len && !equal; i++) {
        if (!sql_equal_strict(call->scope, &args[0], &args[1].items[i], &equal, err))
            return false;
    }
    *out = sql_bool(equal);
    return true;
}

static const struct sql_function rows[] = {
    SQL_ROW("nth", 2, 2, SQL_CATEGORY_LIST, "position, list",
            "the item at the position; fails if there is none", "nth(2, ['a', 'b', 'c'])", "\"b\"", run_nth),
    SQL_ROW("length", 1, 1, SQL_CATEGORY_LIST, "list", "the number of items", "length([1, 2, 3])", "3",
            run_length),
    SQL_ROW(
        "sublist", 2, 3, SQL_CATEGORY_LIST, "[start, ]length, list",
        "`length` items from the position `start` on, which is 1 unless given; fewer if the list ends before",
        "sublist(2, 2, [1, 2, 3, 4])", "[2,3]", run_sublist),
    SQL_ROW("first", 1, 1, SQL_CATEGORY_LIST, "list", "the first item; fails if the list is empty",
            "first([1, 2])", "1", run_first),
    SQL_ROW("last", 1, 1, SQL_CATEGORY_LIST, "list", "the last item; fails if the list is empty",
            "last([1, 2])", "2", run_last),
    SQL_ROW("contains", 2, 2, SQL_CATEGORY_LIST, "value, list",
            "whether an item equals the value without conversion: 1 is neither 1.0 nor '1'",
            "contains(2, [1, 2])", "true", run_contains),
};

const struct sql_function_table sql_list_functions = SQL_FUNCTION_TABLE(rows);
