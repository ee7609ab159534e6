/* JSON (RFC 8259) to values and back. */
#ifndef SQL_JSON_H
#define SQL_JSON_H

#include "sql/value.h"

/* Decodes a whole document. Strings without escapes are borrowed from `text`, which therefore has to live as long as the
 * value; so decode what is part of the message, or a value of the scope.
 *
 * A number with a point or an exponent is a float, any other an integer. Of equal keys the last one wins, at the place
 * of the first. Strings are UTF-8: bad bytes, and escapes that are half of a surrogate pair, are errors.
 *
 * Errors: ERR_INVALID (what is wrong, at which byte; also a number that is too large), ERR_LIMIT (memory, steps, nested
 * too deeply). */
bool sql_json_decode(struct sql_scope *scope, struct str text, struct sql_value *out, struct error *err);

/* Appends the value as compact JSON; `buf` is to have at most bytes_max bytes then. Integers are written in full, floats
 * with the fewest digits that read back the same and always with a point or an exponent; undefined as null.
 * Bytes of strings and keys that are not UTF-8 become U+FFFD. On failure the buffer has part of it.
 * Errors: ERR_TOO_LARGE. */
bool sql_json_append(struct buf *buf, const struct sql_value *value, size_t bytes_max, struct error *err);

/* As sql_json_append, as a string of the scope. */
bool sql_json_encode(struct sql_scope *scope, const struct sql_value *value, struct sql_value *out,
                     struct error *err);

/* The number as JSON, with the fewest digits: "0.1", "1.0", "1.0e300". */
void sql_json_float(struct buf *buf, double number);

#endif
