/* Values to JSON. Depth is bounded by how values are made; what is shared is written as often as it occurs, so the
 * output's limit is checked at every value. */
#include "sql/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define EXACT_POWERS   22
#define PLAIN_EXPONENT 15 /* numbers from 1e15 on, and below 1e-4, are written with an exponent */

/* Room for the digits of a double, its sign, point and exponent. */
#define FLOAT_BYTES 40

/* Most numbers that people measure have a few decimals: the fewest with which digits / 10^decimals gives the number back
 * are the shortest text, because both are exact and the division rounds as reading does. */
static bool few_decimals(struct buf *buf, double number)
{
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7};
    double size = fabs(number);
    for (unsigned decimals = 0; decimals < sizeof powers / sizeof powers[0]; decimals++) {
        double scaled = nearbyint(size * powers[decimals]);
        if (scaled >= 0x1p53)
            return false;
        if (scaled / powers[decimals] != size)
            continue;
        char text[SQL_INT_TEXT_BYTES];
        size_t len = sql_int_text((sql_int128)scaled, text);
        if (signbit(number))
            buf_append_byte(buf, '-');
        size_t whole = len > decimals ? len - decimals : 0;
        if (whole == 0)
            buf_append_byte(buf, '0');
        buf_append(buf, text, whole);
        buf_append_byte(buf, '.');
        for (size_t i = len; i < decimals; i++)
            buf_append_byte(buf, '0');
        buf_append(buf, text + whole, len - whole);
        if (decimals == 0)
            buf_append_byte(buf, '0');
        return true;
    }
    return false;
}

void sql_json_float(struct buf *buf, double number)
{
    double size = fabs(number);
    if ((size == 0 || (size >= 1e-4 && size < 1e15)) && few_decimals(buf, number))
        return;
    char text[FLOAT_BYTES];
    int digits = 0;
    do {
        digits++;
        snprintf(text, sizeof text, "%.*e", digits, number);
    } while (digits < 16 && strtod(text, NULL) != number);
    /* d.ddde±xx, where one digit is always behind the point */
    char *e = strchr(text, 'e');
    long power = strtol(e + 1, NULL, 10);
    if (power >= PLAIN_EXPONENT || power < -4) {
        size_t len = (size_t)(e - text);
        buf_append(buf, text, len);
        buf_printf(buf, "e%ld", power);
        return;
    }
    buf_printf(buf, "%.*f", power < digits ? (int)(digits - power) : 1, number);
}

static bool room(const struct buf *buf, size_t more, size_t bytes_max, struct error *err)
{
    if (buf->len <= bytes_max && more <= bytes_max - buf->len)
        return true;
    return error_set(err, ERR_TOO_LARGE, "the JSON is longer than %zu bytes", bytes_max);
}

static bool append_string(struct buf *buf, struct str text, size_t bytes_max, struct error *err)
{
    if (!room(buf, text.len, bytes_max, err))
        return false;
    buf_append_json(buf, text);
    return room(buf, 0, bytes_max, err);
}

static bool append_list(struct buf *buf, const struct sql_value *list, size_t bytes_max, struct error *err)
{
    buf_append_byte(buf, '[');
    for (uint32_t i = 0; i < list->len; i++) {
        if (i != 0)
            buf_append_byte(buf, ',');
        if (!sql_json_append(buf, &list->items[i], bytes_max, err))
            return false;
    }
    buf_append_byte(buf, ']');
    return room(buf, 0, bytes_max, err);
}

static bool append_map(struct buf *buf, const struct sql_value *map, size_t bytes_max, struct error *err)
{
    buf_append_byte(buf, '{');
    for (uint32_t i = 0; i < map->len; i++) {
        const struct sql_entry *entry = sql_map_at(map, i);
        if (i != 0)
            buf_append_byte(buf, ',');
        if (!append_string(buf, sql_key_of(entry), bytes_max, err))
            return false;
        buf_append_byte(buf, ':');
        if (!sql_json_append(buf, &entry->value, bytes_max, err))
            return false;
    }
    buf_append_byte(buf, '}');
    return room(buf, 0, bytes_max, err);
}

bool sql_json_append(struct buf *buf, const struct sql_value *value, size_t bytes_max, struct error *err)
{
    char digits[SQL_INT_TEXT_BYTES];
    switch ((enum sql_type)value->type) {
    case SQL_UNDEFINED:
    case SQL_NULL: buf_append_str(buf, STR("null")); break;
    case SQL_BOOL: buf_append_str(buf, value->boolean ? STR("true") : STR("false")); break;
    case SQL_INT: buf_append(buf, digits, sql_int_text(sql_int_of(value), digits)); break;
    case SQL_FLOAT: sql_json_float(buf, value->number); break;
    case SQL_STRING: return append_string(buf, sql_str_of(value), bytes_max, err);
    case SQL_LIST: return append_list(buf, value, bytes_max, err);
    case SQL_MAP: return append_map(buf, value, bytes_max, err);
    }
    return room(buf, 0, bytes_max, err);
}

bool sql_json_encode(struct sql_scope *scope, const struct sql_value *value, struct sql_value *out,
                     struct error *err)
{
    buf_reset(&scope->scratch);
    if (!sql_json_append(&scope->scratch, value, sql_room(scope), err)) {
        buf_reset(&scope->scratch);
        return false;
    }
    return sql_spend(scope, scope->scratch.len / 64, err) && sql_make_scratch(scope, out, err);
}
