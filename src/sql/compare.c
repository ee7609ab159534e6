/* Comparing values: the operators with their conversions, the order of everything, and strict equality.
 *
 * Values may share what they hold, so that a small program can make something which takes for ever to walk: every pair
 * that is compared costs a step. */
#include "sql/value.h"

#include <math.h>
#include <stdlib.h>

static int order_of(bool less, bool greater)
{
    return greater - less;
}

/* An integer beyond what a double holds exactly against a float: by the float's integer part, then by its fraction. */
static int compare_wide(sql_int128 integer, double number)
{
    if (number >= 0x1p127)
        return -1;
    if (number < -0x1p127)
        return 1;
    sql_int128 whole = (sql_int128)number;
    if (integer != whole)
        return order_of(integer<whole, integer> whole);
    double fraction = number - trunc(number);
    return order_of(fraction > 0, fraction < 0);
}

static int compare_int_float(sql_int128 integer, double number)
{
    const sql_int128 exact = (sql_int128)1 << 53;
    if (integer <= exact && integer >= -exact) {
        double as_float = (double)integer;
        return order_of(as_float<number, as_float> number);
    }
    return compare_wide(integer, number);
}

static int compare_numbers(const struct sql_value *a, const struct sql_value *b)
{
    if (a->type == SQL_INT && b->type == SQL_INT) {
        if (!a->wide && !b->wide)
            return order_of(a->integer<b->integer, a->integer> b->integer);
        sql_int128 x = sql_int_of(a);
        sql_int128 y = sql_int_of(b);
        return order_of(x<y, x> y);
    }
    if (a->type == SQL_FLOAT && b->type == SQL_FLOAT)
        return order_of(a->number<b->number, a->number> b->number);
    if (a->type == SQL_INT)
        return compare_int_float(sql_int_of(a), b->number);
    return -compare_int_float(sql_int_of(b), a->number);
}

/* undefined, null and the booleans are words. */
static struct str word_of(const struct sql_value *value)
{
    switch ((enum sql_type)value->type) {
    case SQL_UNDEFINED: return STR("undefined");
    case SQL_NULL: return STR("null");
    case SQL_BOOL: return value->boolean ? STR("true") : STR("false");
    default: return STR_NONE;
    }
}

static unsigned rank_of(const struct sql_value *value)
{
    static const uint8_t ranks[] = {
        [SQL_INT] = 0,  [SQL_FLOAT] = 0, [SQL_UNDEFINED] = 1, [SQL_NULL] = 1,
        [SQL_BOOL] = 1, [SQL_MAP] = 2,   [SQL_LIST] = 3,      [SQL_STRING] = 4,
    };
    return ranks[value->type];
}

static uint64_t text_steps(const struct sql_value *a, const struct sql_value *b)
{
    return 1 + (a->len < b->len ? a->len : b->len) / 64;
}

/* The numbers of the map's entries, by key. */
static bool sorted(struct sql_scope *scope, const struct sql_value *map, const struct sql_entry ***out,
                   struct error *err)
{
    const struct sql_entry **entries = sql_alloc(scope, (size_t)map->len * sizeof *entries, err);
    if (entries == NULL || !sql_spend(scope, (uint64_t)map->len * 8, err))
        return false;
    for (uint32_t i = 0; i < map->len; i++)
        entries[i] = sql_map_at(map, i);
    *out = entries;
    return true;
}

static int by_key(const void *a, const void *b)
{
    const struct sql_entry *const *x = a;
    const struct sql_entry *const *y = b;
    return str_compare(sql_key_of(*x), sql_key_of(*y));
}

static bool order_maps(struct sql_scope *scope, const struct sql_value *a, const struct sql_value *b,
                       int *out, struct error *err)
{
    *out = order_of(a->len<b->len, a->len> b->len);
    if (*out != 0 || a->len == 0)
        return true;
    const struct sql_entry **x;
    const struct sql_entry **y;
    if (!sorted(scope, a, &x, err) || !sorted(scope, b, &y, err))
        return false;
    qsort(x, a->len, sizeof(const struct sql_entry *), by_key);
    qsort(y, b->len, sizeof(const struct sql_entry *), by_key);
    for (uint32_t i = 0; i < a->len && *out == 0; i++)
        *out = str_compare(sql_key_of(x[i]), sql_key_of(y[i]));
    for (uint32_t i = 0; i < a->len && *out == 0; i++) {
        if (!sql_order(scope, &x[i]->value, &y[i]->value, out, err))
            return false;
    }
    return true;
}

static bool order_lists(struct sql_scope *scope, const struct sql_value *a, const struct sql_value *b,
                        int *out, struct error *err)
{
    for (uint32_t i = 0; i < a->len && i < b->len; i++) {
        if (!sql_order(scope, &a->items[i], &b->items[i], out, err))
            return false;
        if (*out != 0)
            return true;
    }
    *out = order_of(a->len<b->len, a->len> b->len);
    return true;
}

bool sql_order(struct sql_scope *scope, const struct sql_value *a, const struct sql_value *b, int *out,
               struct error *err)
{
    unsigned rank = rank_of(a);
    unsigned other = rank_of(b);
    if (!sql_spend(scope, rank == 4 ? text_steps(a, b) : 1, err))
        return false;
    if (rank != other) {
        *out = order_of(rank<other, rank> other);
        return true;
    }
    switch ((enum sql_type)a->type) {
    case SQL_INT:
    case SQL_FLOAT: *out = compare_numbers(a, b); return true;
    case SQL_UNDEFINED:
    case SQL_NULL:
    case SQL_BOOL: *out = str_compare(word_of(a), word_of(b)); return true;
    case SQL_STRING: *out = str_compare(sql_str_of(a), sql_str_of(b)); return true;
    case SQL_LIST: return order_lists(scope, a, b, out, err);
    case SQL_MAP: return order_maps(scope, a, b, out, err);
    }
    return true;
}

static bool holds(enum sql_compare op, int order)
{
    switch (op) {
    case SQL_EQ: return order == 0;
    case SQL_NE: return order != 0;
    case SQL_LT: return order < 0;
    case SQL_LE: return order <= 0;
    case SQL_GT: return order > 0;
    case SQL_GE: return order >= 0;
    }
    return false;
}

static bool read_number(struct sql_scope *scope, const struct sql_value *text, struct sql_value *out,
                        struct error *err)
{
    if (sql_text_to_number(scope, sql_str_of(text), out))
        return true;
    int shown = text->len > 40 ? 40 : (int)text->len;
    return error_set(err, ERR_INVALID, "the string '%.*s'%s compared with a number is no number", shown,
                     text->text, text->len > 40 ? "…" : "");
}

bool sql_compare(struct sql_scope *scope, enum sql_compare op, const struct sql_value *a,
                 const struct sql_value *b, bool *out, struct error *err)
{
    if (a->type == SQL_UNDEFINED || b->type == SQL_UNDEFINED) {
        *out = a->type == b->type && holds(op, 0);
        return true;
    }
    struct sql_value read;
    if (a->type == SQL_STRING && b->type != SQL_STRING) {
        if (sql_is_number(b)) {
            if (!read_number(scope, a, &read, err))
                return false;
            *out = holds(op, compare_numbers(&read, b));
            return true;
        }
        if (rank_of(b) == 1) {
            *out = holds(op, str_compare(sql_str_of(a), word_of(b)));
            return true;
        }
    } else if (b->type == SQL_STRING && a->type != SQL_STRING) {
        if (sql_is_number(a)) {
            if (!read_number(scope, b, &read, err))
                return false;
            *out = holds(op, compare_numbers(a, &read));
            return true;
        }
        if (rank_of(a) == 1) {
            *out = holds(op, str_compare(word_of(a), sql_str_of(b)));
            return true;
        }
    }
    int order = 0;
    if (!sql_order(scope, a, b, &order, err))
        return false;
    *out = holds(op, order);
    return true;
}

static bool maps_equal(struct sql_scope *scope, const struct sql_value *a, const struct sql_value *b,
                       bool *out, struct error *err)
{
    for (uint32_t i = 0; i < a->len; i++) {
        const struct sql_entry *entry = sql_map_at(a, i);
        const struct sql_value *other = sql_map_get(b, sql_key_of(entry));
        if (other == NULL) {
            *out = false;
            return true;
        }
        if (!sql_equal_strict(scope, &entry->value, other, out, err))
            return false;
        if (!*out)
            return true;
    }
    return true;
}

bool sql_equal_strict(struct sql_scope *scope, const struct sql_value *a, const struct sql_value *b,
                      bool *out, struct error *err)
{
    *out = a->type == b->type;
    if (!sql_spend(scope, 1, err))
        return false;
    if (!*out)
        return true;
    switch ((enum sql_type)a->type) {
    case SQL_UNDEFINED:
    case SQL_NULL: return true;
    case SQL_BOOL: *out = a->boolean == b->boolean; return true;
    case SQL_INT:
    case SQL_FLOAT: *out = compare_numbers(a, b) == 0; return true;
    case SQL_STRING:
        *out = str_equal(sql_str_of(a), sql_str_of(b));
        return sql_spend(scope, text_steps(a, b), err);
    case SQL_LIST:
        *out = a->len == b->len;
        for (uint32_t i = 0; i < a->len && *out; i++) {
            if (!sql_equal_strict(scope, &a->items[i], &b->items[i], out, err))
                return false;
        }
        return true;
    case SQL_MAP: *out = a->len == b->len; return !*out || maps_equal(scope, a, b, out, err);
    }
    return true;
}
