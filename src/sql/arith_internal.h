/* Arithmetic on values, for the operators and for the functions of the same names. */
#ifndef SQL_ARITH_INTERNAL_H
#define SQL_ARITH_INTERNAL_H

#include "sql/value.h"

enum sql_arith { SQL_ADD, SQL_SUB, SQL_MUL, SQL_QUOTIENT, SQL_DIV, SQL_MOD };

/* + adds numbers, and concatenates if either side is a string; / always gives a float; div and mod take integers,
 * truncate towards zero, and the remainder has the sign of the dividend. A float with an integer gives a float.
 * Errors: ERR_INVALID (not numbers, division by zero, beyond 128 bits or what a float can be), ERR_LIMIT. */
bool sql_arith(struct sql_scope *scope, enum sql_arith op, const struct sql_value *a,
               const struct sql_value *b, struct sql_value *out, struct error *err);
/* Errors: as above. */
bool sql_negate(struct sql_scope *scope, const struct sql_value *a, struct sql_value *out, struct error *err);

#endif
