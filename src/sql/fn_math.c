/* Mathematics: the C library's functions over floats. A result that is no finite number is an error. */
#include "sql/fn_internal.h"

#include <math.h>

/* --- Functions of floats ---------------------------------------------------------------------------- */

static bool unary(const struct sql_value *args, double (*function)(double), struct sql_value *out,
                  struct error *err)
{
    double x;
    return sql_arg_number(args, 0, &x, err) && sql_make_float(function(x), out, err);
}

static bool binary(const struct sql_value *args, double (*function)(double, double), struct sql_value *out,
                   struct error *err)
{
    double x, y;
    return sql_arg_number(args, 0, &x, err) && sql_arg_number(args, 1, &y, err) &&
           sql_make_float(function(x, y), out, err);
}

#define UNARY(name)                         \
    SQL_FUNCTION(run_##name)                \
    {                                       \
        return unary(args, name, out, err); \
    }

UNARY(acos)
UNARY(acosh)
UNARY(asin)
UNARY(asinh)
UNARY(atan)
UNARY(atanh)
UNARY(cos)
UNARY(cosh)
UNARY(exp)
UNARY(log)
UNARY(log10)
UNARY(log2)
UNARY(sin)
UNARY(sinh)
UNARY(sqrt)
UNARY(tan)
UNARY(tanh)

SQL_FUNCTION(run_power)
{
    return binary(args, pow, out, err);
}

SQL_FUNCTION(run_fmod)
{
    return binary(args, fmod, out, err);
}

/* --- To integers ------------------------------------------------------------------------------------ */

static bool to_integer(struct sql_call *call, const struct sql_value *args, double (*function)(double),
                       struct sql_value *out, struct error *err)
{
    double x;
    if (args[0].type == SQL_INT) {
        *out = args[0];
        return true;
    }
    if (!sql_arg_number(args, 0, &x, err))
        return false;
    x = function(x);
    if (x >= 0x1p127 || x < -0x1p127)
        return error_set(err, ERR_INVALID, "the result is an integer of more than 128 bits");
    return sql_make_int(call->scope, (sql_int128)x, out, err);
}

SQL_FUNCTION(run_ceil)
{
    return to_integer(call, args, ceil, out, err);
}

SQL_FUNCTION(run_floor)
{
    return to_integer(call, args, floor, out, err);
}

SQL_FUNCTION(run_round)
{
    return to_integer(call, args, round, out, err);
}

SQL_FUNCTION(run_abs)
{
    if (args[0].type == SQL_FLOAT) {
        *out = sql_float(fabs(args[0].number));
        return true;
    }
    sql_int128 x;
    if (!sql_is_number(&args[0]))
        return sql_arg_error(args, 0, "a number", err);
    if (!sql_arg_int(args, 0, &x, err))
        return false;
    if (x < 0 && __builtin_sub_overflow((sql_int128)0, x, &x))
        return error_set(err, ERR_INVALID, "the result is an integer of more than 128 bits");
    return sql_make_int(call->scope, x, out, err);
}

#define MATH(name, parameters, count, summary, example, result) \
    SQL_ROW(#name, count, count, SQL_CATEGORY_MATH, parameters, summary, example, result, run_##name)

static const struct sql_function rows[] = {
    MATH(abs, "x", 1, "the number without its sign: an integer of an integer, a float of a float", "abs(-3)",
         "3"),
    MATH(ceil, "x", 1, "the least integer that is not below x", "ceil(1.2)", "2"),
    MATH(floor, "x", 1, "the greatest integer that is not above x", "floor(-1.2)", "-2"),
    MATH(round, "x", 1, "the nearest integer; halves are rounded away from 0", "round(-1.5)", "-2"),
    MATH(fmod, "x, y", 2, "the remainder of x / y as a float, with the sign of x; fails if y is 0",
         "fmod(-7.5, 2)", "-1.5"),
    MATH(power, "x, y", 2, "x to the power of y, as a float", "power(2, 10)", "1024.0"),
    MATH(sqrt, "x", 1, "the square root; fails below 0", "sqrt(9)", "3.0"),
    MATH(exp, "x", 1, "e to the power of x", "exp(0)", "1.0"),
    MATH(log, "x", 1, "the natural logarithm; fails unless x is above 0", "log(1)", "0.0"),
    MATH(log10, "x", 1, "the logarithm to base 10; fails unless x is above 0", "log10(1000)", "3.0"),
    MATH(log2, "x", 1, "the logarithm to base 2; fails unless x is above 0", "log2(8)", "3.0"),
    MATH(sin, "x", 1, "the sine of x in radians", "sin(0)", "0.0"),
    MATH(cos, "x", 1, "the cosine of x in radians", "cos(0)", "1.0"),
    MATH(tan, "x", 1, "the tangent of x in radians", "tan(0)", "0.0"),
    MATH(asin, "x", 1, "the arc sine; fails unless x is from -1 to 1", "asin(0)", "0.0"),
    MATH(acos, "x", 1, "the arc cosine; fails unless x is from -1 to 1", "acos(1)", "0.0"),
    MATH(atan, "x", 1, "the arc tangent", "atan(0)", "0.0"),
    MATH(sinh, "x", 1, "the hyperbolic sine", "sinh(0)", "0.0"),
    MATH(cosh, "x", 1, "the hyperbolic cosine", "cosh(0)", "1.0"),
    MATH(tanh, "x", 1, "the hyperbolic tangent", "tanh(0)", "0.0"),
    MATH(asinh, "x", 1, "the inverse hyperbolic sine", "asinh(0)", "0.0"),
    MATH(acosh, "x", 1, "the inverse hyperbolic cosine; fails below 1", "acosh(1)", "0.0"),
    MATH(atanh, "x", 1, "the inverse hyperbolic tangent; fails unless x is between -1 and 1", "atanh(0)",
         "0.0"),
};

const struct sql_function_table sql_math_functions = SQL_FUNCTION_TABLE(rows);
