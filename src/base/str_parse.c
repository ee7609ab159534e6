/* Numbers, switches, durations and sizes as users write them: strict, no white space, no overflow in silence.
 *
 * An error quotes at most QUOTED_BYTES of the input and says what is expected. */
#include "base/str.h"

#define QUOTED_BYTES 60

struct unit {
    const char *name;
    uint64_t factor;
};

static bool refuse(struct error *err, struct str text, const char *expected)
{
    bool cut = text.len > QUOTED_BYTES;
    if (cut)
        text.len = QUOTED_BYTES;
    return error_set(err, ERR_INVALID, "'%.*s%s' is not %s", STR_ARG(text), cut ? "..." : "", expected);
}

/* Takes decimal digits off the front. False if there are none or they do not fit. */
static bool take_digits(struct str *text, uint64_t *out)
{
    uint64_t value = 0;
    size_t used = 0;
    for (; used < text->len && text->data[used] >= '0' && text->data[used] <= '9'; used++) {
        unsigned digit = (unsigned)(text->data[used] - '0');
        if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    if (used == 0)
        return false;
    text->data += used;
    text->len -= used;
    *out = value;
    return true;
}

bool str_to_u64(struct str text, uint64_t *out, struct error *err)
{
    struct str rest = text;
    uint64_t value;
    if (!take_digits(&rest, &value) || rest.len != 0)
        return refuse(err, text, "a whole number from 0 to 18446744073709551615");
    *out = value;
    return true;
}

bool str_to_i64(struct str text, int64_t *out, struct error *err)
{
    struct str rest = text;
    bool negative = rest.len != 0 && rest.data[0] == '-';
    if (negative)
        rest = str_make(rest.data + 1, rest.len - 1);
    uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    uint64_t value;
    if (!take_digits(&rest, &value) || rest.len != 0 || value > limit)
        return refuse(err, text, "a whole number from -9223372036854775808 to 9223372036854775807");
    if (!negative) {
        *out = (int64_t)value;
    } else {
        *out = value == limit ? INT64_MIN : -(int64_t)value;
    }
    return true;
}

bool str_to_bool(struct str text, bool *out, struct error *err)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"true", true}, {"false", false}, {"on", true},
                 {"off", false}, {"yes", true},    {"no", false}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_equal_nocase(text, str_of(words[i].word))) {
            *out = words[i].value;
            return true;
        }
    }
    return refuse(err, text, "true or false (also: on, off, yes, no)");
}

/* Takes the letters of a unit off the front; NULL if `units` (closed by a NULL name) does not have it. */
static const struct unit *take_unit(struct str *text, const struct unit *units)
{
    size_t len = 0;
    while (len < text->len && (text->data[len] < '0' || text->data[len] > '9'))
        len++;
    struct str name = str_make(text->data, len);
    for (; units->name != NULL; units++) {
        if (str_equal_nocase(name, str_of(units->name))) {
            text->data += len;
            text->len -= len;
            return units;
        }
    }
    return NULL;
}

bool str_to_duration_ms(struct str text, int64_t *out, struct error *err)
{
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"w", 604800000}, {NULL, 0},
    };
    static const char expected[] = "a duration such as 250ms, 10s, 5m, 2h, 7d, 1w or 1h30m";
    struct str rest = text;
    uint64_t value;
    if (!take_digits(&rest, &value))
        return refuse(err, text, expected);
    uint64_t sum = rest.len == 0 ? value : 0; /* a bare number: milliseconds */
    while (rest.len != 0) {
        const struct unit *unit = take_unit(&rest, units);
        if (unit == NULL || __builtin_mul_overflow(value, unit->factor, &value) ||
            __builtin_add_overflow(sum, value, &sum))
            return refuse(err, text, expected);
        if (rest.len != 0 && (!take_digits(&rest, &value) || rest.len == 0))
            return refuse(err, text, expected);
    }
    if (sum > INT64_MAX)
        return refuse(err, text, expected);
    *out = (int64_t)sum;
    return true;
}

bool str_to_bytes(struct str text, uint64_t *out, struct error *err)
{
    static const struct unit units[] = {
        {"", 1},
        {"b", 1},
        {"k", UINT64_C(1) << 10},
        {"kb", UINT64_C(1) << 10},
        {"kib", UINT64_C(1) << 10},
        {"m", UINT64_C(1) << 20},
        {"mb", UINT64_C(1) << 20},
        {"mib", UINT64_C(1) << 20},
        {"g", UINT64_C(1) << 30},
        {"gb", UINT64_C(1) << 30},
        {"gib", UINT64_C(1) << 30},
        {"t", UINT64_C(1) << 40},
        {"tb", UINT64_C(1) << 40},
        {"tib", UINT64_C(1) << 40},
        {"p", UINT64_C(1) << 50},
        {"pb", UINT64_C(1) << 50},
        {"pib", UINT64_C(1) << 50},
        {NULL, 0},
    };
    static const char expected[] = "a size such as 512, 64KB, 32MiB or 10GB (units are 1024-based)";
    struct str rest = text;
    uint64_t value;
    if (!take_digits(&rest, &value))
        return refuse(err, text, expected);
    const struct unit *unit = take_unit(&rest, units);
    if (unit == NULL || rest.len != 0 || __builtin_mul_overflow(value, unit->factor, &value))
        return refuse(err, text, expected);
    *out = value;
    return true;
}
