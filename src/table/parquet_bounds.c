/* The smallest and the largest of values, as statistics, column index and manifests want them.
 *
 * Strings are cut to PARQUET_BOUND_BYTES: the lower bound is a prefix, the upper one a prefix whose last
 * character (or byte) is one larger. NaN is outside of all order and counted apart; zero counts as -0 below
 * and +0 above. */
#include "table/parquet_write_internal.h"

#include <math.h>

int pq_compare(enum table_type type, struct str a, struct str b)
{
#define COMPARE(kind)                           \
    do {                                        \
        kind left, right;                       \
        memcpy(&left, a.data, sizeof left);     \
        memcpy(&right, b.data, sizeof left);    \
        return (left > right) - (left < right); \
    } while (0)
    switch (type) {
    case TABLE_BOOLEAN: COMPARE(uint8_t);
    case TABLE_INT:
    case TABLE_DATE: COMPARE(int32_t);
    case TABLE_LONG:
    case TABLE_TIMESTAMPTZ: COMPARE(int64_t);
    case TABLE_FLOAT: COMPARE(float);
    case TABLE_DOUBLE: COMPARE(double);
    default: return str_compare(a, b);
    }
#undef COMPARE
}

static void set_lower(struct pq_bounds *bounds, struct str value, bool exact)
{
    memcpy(bounds->lower, value.data, value.len);
    bounds->lower_len = (uint8_t)value.len;
    bounds->lower_exact = exact;
}

static void set_upper(struct pq_bounds *bounds, struct str value, bool exact)
{
    memcpy(bounds->upper, value.data, value.len);
    bounds->upper_len = (uint8_t)value.len;
    bounds->upper_exact = exact;
}

/* ---- Numbers ------------------------------------------------------------------------------------------- */

#define LEAST_AND_MOST(kind)                                     \
    do {                                                         \
        const kind *at = values;                                 \
        kind least = at[0], most = at[0];                        \
        for (size_t i = 1; i < count; i++) {                     \
            least = at[i] < least ? at[i] : least;               \
            most = at[i] > most ? at[i] : most;                  \
        }                                                        \
        set_lower(bounds, str_make(&least, sizeof least), true); \
        set_upper(bounds, str_make(&most, sizeof most), true);   \
    } while (0)

#define LEAST_AND_MOST_BUT_NAN(kind)                             \
    do {                                                         \
        const kind *at = values;                                 \
        kind least = (kind)INFINITY, most = (kind)-INFINITY;     \
        size_t found = 0;                                        \
        for (size_t i = 0; i < count; i++) {                     \
            found += !isnan(at[i]);                              \
            least = at[i] < least ? at[i] : least;               \
            most = at[i] > most ? at[i] : most;                  \
        }                                                        \
        least = least == 0 ? (kind)-0.0 : least;                 \
        most = most == 0 ? (kind)0.0 : most;                     \
        *nans += count - found;                                  \
        bounds->any = found != 0;                                \
        set_lower(bounds, str_make(&least, sizeof least), true); \
        set_upper(bounds, str_make(&most, sizeof most), true);   \
    } while (0)

void pq_bounds_of_numbers(struct pq_bounds *bounds, enum table_type type, const void *values, size_t count,
                          uint64_t *nans)
{
    *bounds = (struct pq_bounds){.any = count != 0};
    if (count == 0)
        return;
    switch (type) {
    case TABLE_BOOLEAN: LEAST_AND_MOST(uint8_t); break;
    case TABLE_INT:
    case TABLE_DATE: LEAST_AND_MOST(int32_t); break;
    case TABLE_FLOAT: LEAST_AND_MOST_BUT_NAN(float); break;
    case TABLE_DOUBLE: LEAST_AND_MOST_BUT_NAN(double); break;
    default: LEAST_AND_MOST(int64_t);
    }
}

/* ---- Strings ------------------------------------------------------------------------------------------- */

/* How many of the first bytes of a text are whole characters. */
static size_t whole_chars(struct str text, size_t most)
{
    size_t len = most;
    while (len > 0 && ((uint8_t)text.data[len] & 0xc0) == 0x80)
        len--;
    return len;
}

static struct str cut_lower(enum table_type type, struct str value)
{
    if (value.len <= PARQUET_BOUND_BYTES)
        return value;
    return str_make(value.data,
                    type == TABLE_STRING ? whole_chars(value, PARQUET_BOUND_BYTES) : PARQUET_BOUND_BYTES);
}

/* The next character, in as many bytes or fewer than the `len` that it has; 0 if there is none. */
static size_t next_char(uint8_t *at, size_t len)
{
    uint32_t c = len == 1 ? at[0] : (uint32_t)at[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++)
        c = c << 6 | (at[i] & 0x3f);
    c++;
    if (c >= 0xd800 && c < 0xe000)
        c = 0xe000;
    static const uint32_t ends[] = {0, 0x80, 0x800, 0x10000, 0x110000};
    if (c >= ends[len])
        return 0;
    for (size_t i = len - 1; i > 0; i--, c >>= 6)
        at[i] = (uint8_t)(0x80 | (c & 0x3f));
    static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    at[0] = (uint8_t)(leads[len] | c);
    return len;
}

/* Cuts `upper` where its last character can be raised. False: nowhere. */
static bool raise(enum table_type type, uint8_t *upper, size_t *len)
{
    while (*len > 0) {
        size_t start = *len - 1;
        if (type == TABLE_STRING) {
            while (start > 0 && (upper[start] & 0xc0) == 0x80)
                start--;
            if (*len - start <= 4 && next_char(upper + start, *len - start) != 0)
                return true;
        } else if (upper[start] != 0xff) {
            upper[start]++;
            return true;
        }
        *len = start;
    }
    return false;
}

static void set_upper_cut(struct pq_bounds *bounds, enum table_type type, struct str value)
{
    if (value.len <= PARQUET_BOUND_BYTES) {
        set_upper(bounds, value, true);
        return;
    }
    size_t len = type == TABLE_STRING ? whole_chars(value, PARQUET_BOUND_BYTES) : PARQUET_BOUND_BYTES;
    memcpy(bounds->upper, value.data, len);
    bounds->open = !raise(type, bounds->upper, &len);
    bounds->upper_len = (uint8_t)len;
    bounds->upper_exact = false;
}

void pq_bounds_add_str(struct pq_bounds *bounds, enum table_type type, struct str least, struct str most)
{
    if (!bounds->any || str_compare(least, pq_lower(bounds)) < 0)
        set_lower(bounds, cut_lower(type, least), least.len <= PARQUET_BOUND_BYTES);
    if (!bounds->any || (!bounds->open && str_compare(most, pq_upper(bounds)) > 0))
        set_upper_cut(bounds, type, most);
    bounds->any = true;
}

/* ---- Both ---------------------------------------------------------------------------------------------- */

void pq_bounds_join(struct pq_bounds *bounds, enum table_type type, const struct pq_bounds *more)
{
    if (!more->any)
        return;
    if (!bounds->any) {
        *bounds = *more;
        return;
    }
    if (pq_compare(type, pq_lower(more), pq_lower(bounds)) < 0)
        set_lower(bounds, pq_lower(more), more->lower_exact);
    if (more->open)
        bounds->open = true;
    else if (!bounds->open && pq_compare(type, pq_upper(more), pq_upper(bounds)) > 0)
        set_upper(bounds, pq_upper(more), more->upper_exact);
}

struct parquet_bounds pq_bounds_show(const struct pq_bounds *bounds)
{
    if (!bounds->any || bounds->open)
        return (struct parquet_bounds){0};
    return (struct parquet_bounds){.known = true, .lower = pq_lower(bounds), .upper = pq_upper(bounds)};
}
