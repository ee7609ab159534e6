/* The operators that can be called as functions, too. */
#include "sql/arith_internal.h"
#include "sql/functions_internal.h"

static bool run_div(struct sql_call *call, const struct sql_value *args, size_t count, struct sql_value *out,
                    struct error *err)
{
    (void)count;
    return sql_arith(call->scope, SQL_DIV, &args[0], &args[1], out, err);
}

static bool run_mod(struct sql_call *call, const struct sql_value *args, size_t count, struct sql_value *out,
                    struct error *err)
{
    (void)count;
    return sql_arith(call->scope, SQL_MOD, &args[0], &args[1], out, err);
}

static bool run_eq(struct sql_call *call, const struct sql_value *args, size_t count, struct sql_value *out,
                   struct error *err)
{
    bool equal = false;
    (void)count;
    if (sql_is(&args[0], SQL_STRING) ==
            sql_is(&args[1], SQL_STRING) && /* the operator would read a number in a string */
        !sql_compare(call->scope, SQL_EQ, &args[0], &args[1], &equal, err))
        return false;
    *out = sql_bool(equal);
    return true;
}

static const struct sql_function rows[] = {
    {"div", 2, 2, SQL_CATEGORY_ARITHMETIC, "a, b",
     "the integer quotient of two integers, truncated towards zero; fails if b is 0", "div(-7, 2)", "-3",
     run_div, NULL, NULL},
    {"mod", 2, 2, SQL_CATEGORY_ARITHMETIC, "a, b",
     "the remainder of a div b, with the sign of a; fails if b is 0", "mod(-7, 3)", "-1", run_mod, NULL,
     NULL},
    {"eq", 2, 2, SQL_CATEGORY_ARITHMETIC, "a, b",
     "whether both are equal: numbers by value, strings only to strings", "eq(1, 1.0)", "true", run_eq, NULL,
     NULL},
};

const struct sql_function_table sql_arithmetic_functions = SQL_FUNCTION_TABLE(rows);
