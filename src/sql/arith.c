/* Arithmetic: exact on integers up to 128 bits, and an error beyond; on finite floats otherwise. */
#include "sql/arith_internal.h"

static const char *const symbols[] = {
    [SQL_ADD] = "+",      [SQL_SUB] = "-",   [SQL_MUL] = "*",
    [SQL_QUOTIENT] = "/", [SQL_DIV] = "div", [SQL_MOD] = "mod",
};

static bool overflow(enum sql_arith op, struct error *err)
{
    return error_set(err, ERR_INVALID, "the result of %s is an integer of more than 128 bits", symbols[op]);
}

static bool no_number(enum sql_arith op, const struct sql_value *culprit, struct error *err)
{
    return error_set(err, ERR_INVALID, "%s needs numbers, not %s", symbols[op], sql_type_name(culprit));
}

static bool concatenate(struct sql_scope *scope, const struct sql_value *a, const struct sql_value *b,
                        struct sql_value *out, struct error *err)
{
    struct buf *scratch = &scope->scratch;
    size_t room = sql_room(scope);
    buf_reset(scratch);
    if (!sql_text_append(scratch, a, room, err) || !sql_text_append(scratch, b, room, err)) {
        buf_reset(scratch);
        return false;
    }
    return sql_spend(scope, scratch->len / 64, err) && sql_make_scratch(scope, out, err);
}

static bool wide_arith(struct sql_scope *scope, enum sql_arith op, sql_int128 a, sql_int128 b,
                       struct sql_value *out, struct error *err)
{
    sql_int128 result = 0;
    bool over = op == SQL_ADD   ? __builtin_add_overflow(a, b, &result)
                : op == SQL_SUB ? __builtin_sub_overflow(a, b, &result)
                                : __builtin_mul_overflow(a, b, &result);
    if (over)
        return overflow(op, err);
    return sql_make_int(scope, result, out, err);
}

static bool int_arith(struct sql_scope *scope, enum sql_arith op, const struct sql_value *a,
                      const struct sql_value *b, struct sql_value *out, struct error *err)
{
    int64_t result;
    if (!a->wide && !b->wide) {
        bool over = op == SQL_ADD   ? __builtin_add_overflow(a->integer, b->integer, &result)
                    : op == SQL_SUB ? __builtin_sub_overflow(a->integer, b->integer, &result)
                                    : __builtin_mul_overflow(a->integer, b->integer, &result);
        if (!over) {
            *out = sql_int(result);
            return true;
        }
    }
    return wide_arith(scope, op, sql_int_of(a), sql_int_of(b), out, err);
}

static bool float_arith(enum sql_arith op, double a, double b, struct sql_value *out, struct error *err)
{
    double result = op == SQL_ADD ? a + b : op == SQL_SUB ? a - b : op == SQL_MUL ? a * b : a / b;
    return sql_make_float(result, out, err);
}

static bool divide_integers(struct sql_scope *scope, enum sql_arith op, const struct sql_value *a,
                            const struct sql_value *b, struct sql_value *out, struct error *err)
{
    if (a->type != SQL_INT || b->type != SQL_INT) {
        const struct sql_value *culprit = a->type != SQL_INT ? a : b;
        return error_set(err, ERR_INVALID, "%s needs integers, not %s", symbols[op], sql_type_name(culprit));
    }
    sql_int128 x = sql_int_of(a);
    sql_int128 y = sql_int_of(b);
    if (y == 0)
        return error_set(err, ERR_INVALID, "%s by zero", symbols[op]);
    if (y == -1) {
        /* The smallest integer by -1 is the one quotient that does not fit. */
        if (op == SQL_MOD)
            return sql_make_int(scope, 0, out, err);
        return wide_arith(scope, SQL_SUB, 0, x, out, err);
    }
    return sql_make_int(scope, op == SQL_DIV ? x / y : x % y, out, err);
}

bool sql_arith(struct sql_scope *scope, enum sql_arith op, const struct sql_value *a,
               const struct sql_value *b, struct sql_value *out, struct error *err)
{
    if (op == SQL_DIV || op == SQL_MOD)
        return divide_integers(scope, op, a, b, out, err);
    if (op == SQL_ADD && (a->type == SQL_STRING || b->type == SQL_STRING))
        return concatenate(scope, a, b, out, err);
    if (!sql_is_number(a) || !sql_is_number(b))
        return no_number(op, sql_is_number(a) ? b : a, err);
    if (op == SQL_QUOTIENT) {
        double divisor = sql_number_of(b);
        if (divisor == 0)
            return error_set(err, ERR_INVALID, "/ by zero");
        return float_arith(op, sql_number_of(a), divisor, out, err);
    }
    if (a->type == SQL_INT && b->type == SQL_INT)
        return int_arith(scope, op, a, b, out, err);
    return float_arith(op, sql_number_of(a), sql_number_of(b), out, err);
}

bool sql_negate(struct sql_scope *scope, const struct sql_value *a, struct sql_value *out, struct error *err)
{
    if (a->type == SQL_FLOAT) {
        *out = sql_float(-a->number);
        return true;
    }
    const struct sql_value zero = sql_int(0);
    return sql_arith(scope, SQL_SUB, &zero, a, out, err);
}
