/* Texts of numbers and back, and the text of any value. */
#include "sql/json.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

size_t sql_int_text(sql_int128 integer, char out[SQL_INT_TEXT_BYTES])
{
    __extension__ typedef unsigned __int128 magnitude;
    magnitude rest = integer < 0 ? -(magnitude)integer : (magnitude)integer;
    char digits[SQL_INT_TEXT_BYTES];
    size_t count = 0;
    while (rest > UINT64_MAX) {
        digits[count++] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    }
    uint64_t small = (uint64_t)rest;
    do {
        digits[count++] = (char)('0' + (int)(small % 10));
        small /= 10;
    } while (small != 0);
    size_t len = 0;
    if (integer < 0)
        out[len++] = '-';
    while (count > 0)
        out[len++] = digits[--count];
    return len;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool sql_text_to_int(struct str text, sql_int128 *out)
{
    size_t i = 0;
    bool negative = text.len > 0 && text.data[0] == '-';
    if (text.len > 0 && (text.data[0] == '-' || text.data[0] == '+'))
        i++;
    if (i == text.len)
        return false;
    sql_int128 sum = 0;
    for (; i < text.len; i++) {
        if (!is_digit(text.data[i]))
            return false;
        int digit = text.data[i] - '0';
        if (__builtin_mul_overflow(sum, (sql_int128)10, &sum) ||
            __builtin_add_overflow(sum, (sql_int128)(negative ? -digit : digit), &sum))
            return false;
    }
    *out = sum;
    return true;
}

static size_t skip_digits(struct str text, size_t i)
{
    while (i < text.len && is_digit(text.data[i]))
        i++;
    return i;
}

static size_t skip_sign(struct str text, size_t i)
{
    return i < text.len && (text.data[i] == '-' || text.data[i] == '+') ? i + 1 : i;
}

/* sign? digits "." digits (("e" | "E") sign? digits)? */
static bool looks_like_float(struct str text)
{
    size_t i = skip_sign(text, 0);
    size_t next = skip_digits(text, i);
    if (next == i || next == text.len || text.data[next] != '.')
        return false;
    i = next + 1;
    next = skip_digits(text, i);
    if (next == i)
        return false;
    if (next < text.len && (text.data[next] == 'e' || text.data[next] == 'E')) {
        i = skip_sign(text, next + 1);
        next = skip_digits(text, i);
        if (next == i)
            return false;
    }
    return next == text.len;
}

bool sql_text_to_float(struct str text, double *out)
{
    char small[64];
    if (!looks_like_float(text))
        return false;
    char *copy = text.len < sizeof small ? small : mem_try_alloc(text.len + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    *out = strtod(copy, NULL);
    if (copy != small)
        mem_free(copy);
    return isfinite(*out);
}

bool sql_text_to_number(struct sql_scope *scope, struct str text, struct sql_value *out)
{
    sql_int128 integer;
    double number;
    if (sql_text_to_int(text, &integer))
        return sql_make_int(scope, integer, out, NULL);
    if (!sql_text_to_float(text, &number))
        return false;
    *out = sql_float(number);
    return true;
}

void sql_float_text(struct buf *buf, double number, unsigned decimals)
{
    buf_printf(buf, "%.*f", (int)decimals, number);
    if (decimals == 0)
        return;
    while (buf->data[buf->len - 1] == '0' && buf->data[buf->len - 2] != '.')
        buf->len--;
}

bool sql_text_append(struct buf *buf, const struct sql_value *value, size_t bytes_max, struct error *err)
{
    char digits[SQL_INT_TEXT_BYTES];
    switch ((enum sql_type)value->type) {
    case SQL_UNDEFINED: buf_append_str(buf, STR("undefined")); break;
    case SQL_NULL: buf_append_str(buf, STR("null")); break;
    case SQL_BOOL: buf_append_str(buf, value->boolean ? STR("true") : STR("false")); break;
    case SQL_INT: buf_append(buf, digits, sql_int_text(sql_int_of(value), digits)); break;
    case SQL_FLOAT: sql_float_text(buf, value->number, 10); break;
    case SQL_STRING:
        if (value->len <= bytes_max && buf->len <= bytes_max - value->len)
            buf_append(buf, value->text, value->len);
        else
            return error_set(err, ERR_TOO_LARGE, "the text is longer than %zu bytes", bytes_max);
        break;
    case SQL_LIST:
    case SQL_MAP: return sql_json_append(buf, value, bytes_max, err);
    }
    if (buf->len > bytes_max)
        return error_set(err, ERR_TOO_LARGE, "the text is longer than %zu bytes", bytes_max);
    return true;
}

bool sql_text_of(struct sql_scope *scope, const struct sql_value *value, struct str *out, struct error *err)
{
    if (value->type == SQL_STRING) {
        *out = sql_str_of(value);
        return true;
    }
    struct sql_value text = sql_undefined();
    buf_reset(&scope->scratch);
    if (!sql_text_append(&scope->scratch, value, sql_room(scope), err)) {
        buf_reset(&scope->scratch);
        return false;
    }
    if (!sql_make_scratch(scope, &text, err))
        return false;
    *out = sql_str_of(&text);
    return true;
}
