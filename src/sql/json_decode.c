/* JSON to values, in one pass.
 *
 *     text ─▶ value() ─▶ scalars: a struct sql_value
 *                    ─▶ lists and maps: items are pushed on the scope's stack; at the closing bracket they are copied
 *                       into the arena, exactly as many as there are, and popped
 *
 * Strings without escapes stay in the text; those with escapes are decoded into the arena. The grammar is RFC 8259's and
 * nothing else: no comments, no trailing commas, no leading zeros, no NaN, no byte order mark.
 *
 * Recursion is bounded by the scope's depth_max, memory by its arena's limit: a map's entries cost 32 bytes each, so that
 * a document is refused when its values would be too large. Each byte and each value costs steps. */
#include "sql/json.h"

#include <math.h>
#include <stdlib.h>

struct decoder {
    const char *start;
    const char *at;
    const char *end;
    struct sql_scope *scope;
    struct error *err;
    unsigned depth;
};

static bool value(struct decoder *d, struct sql_value *out);

static bool fail(struct decoder *d, const char *what)
{
    if (d->at >= d->end)
        return error_set(d->err, ERR_INVALID, "no JSON: %s is missing where it ends", what);
    unsigned char c = (unsigned char)*d->at;
    size_t byte = (size_t)(d->at - d->start) + 1;
    if (c > 0x20 && c < 0x7f)
        return error_set(d->err, ERR_INVALID, "no JSON: expected %s at byte %zu, not '%c'", what, byte, c);
    return error_set(d->err, ERR_INVALID, "no JSON: expected %s at byte %zu, not the byte 0x%02x", what, byte,
                     c);
}

static inline void skip_space(struct decoder *d)
{
    while (d->at < d->end && (*d->at == ' ' || *d->at == '\n' || *d->at == '\r' || *d->at == '\t'))
        d->at++;
}

/* --- Strings --- */

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))
#define TOP_BITS        EACH_BYTE(0x80)

/* Top bits where a byte of the word is zero; higher ones may be set in error behind the first. */
static inline uint64_t zero_bytes(uint64_t word)
{
    return (word - EACH_BYTE(1)) & ~word & TOP_BITS;
}

static inline bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/* From `at` to the first byte that is not a plain one: a quote, a backslash, a control character, a byte of a longer
 * character. */
static inline const char *skip_plain(const char *at, const char *end)
{
    while (end - at >= (ptrdiff_t)sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        uint64_t special = (word & TOP_BITS) | zero_bytes(word & EACH_BYTE(0xe0)) |
                           zero_bytes(word ^ EACH_BYTE('"')) | zero_bytes(word ^ EACH_BYTE('\\'));
        if (special != 0)
            break;
        at += sizeof word;
    }
    while (at < end && is_plain(*at))
        at++;
    return at;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The four digits behind \u. */
static bool code_unit(struct decoder *d, unsigned *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, d->at++) {
        int digit = d->at < d->end ? hex_digit(*d->at) : -1;
        if (digit < 0)
            return fail(d, "four hexadecimal digits behind \\u");
        *out = *out << 4 | (unsigned)digit;
    }
    return true;
}

static bool code_point(struct decoder *d, unsigned *out)
{
    unsigned low;
    if (!code_unit(d, out))
        return false;
    if (*out < 0xd800 || *out > 0xdfff)
        return true;
    if (*out > 0xdbff || d->end - d->at < 2 || d->at[0] != '\\' || d->at[1] != 'u')
        return fail(d, "the other half of a surrogate pair");
    d->at += 2;
    if (!code_unit(d, &low))
        return false;
    if (low < 0xdc00 || low > 0xdfff) {
        d->at -= 6;
        return fail(d, "the other half of a surrogate pair");
    }
    *out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

static char *put_utf8(char *out, unsigned code)
{
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    } else {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    }
    return out;
}

/* What is behind a backslash. */
static bool escape(struct decoder *d, char **out)
{
    unsigned code;
    char c = d->at < d->end ? *d->at : '\0';
    switch (c) {
    case '"':
    case '\\':
    case '/': *(*out)++ = c; break;
    case 'b': *(*out)++ = '\b'; break;
    case 'f': *(*out)++ = '\f'; break;
    case 'n': *(*out)++ = '\n'; break;
    case 'r': *(*out)++ = '\r'; break;
    case 't': *(*out)++ = '\t'; break;
    case 'u':
        d->at++;
        if (!code_point(d, &code))
            return false;
        *out = put_utf8(*out, code);
        return true;
    default: return fail(d, "a known escape behind \\");
    }
    d->at++;
    return true;
}

/* The string from `start` to its quote, which is at `quote`, with escapes. Nothing of it grows by being decoded. */
static bool with_escapes(struct decoder *d, const char *start, const char *quote, struct str *out)
{
    char *text = sql_alloc(d->scope, (size_t)(quote - start), d->err);
    if (text == NULL)
        return false;
    char *to = text;
    for (d->at = start; d->at < quote;) {
        if (*d->at != '\\') {
            *to++ = *d->at++;
            continue;
        }
        d->at++;
        if (!escape(d, &to))
            return false;
    }
    *out = str_make(text, (size_t)(to - text));
    return true;
}

/* d->at is behind the opening quote; leaves it behind the closing one. What follows a backslash is looked at when the
 * escapes are decoded. */
static bool string(struct decoder *d, struct str *out)
{
    const char *start = d->at;
    bool escapes = false;
    bool high = false;
    for (;; d->at++) {
        d->at = skip_plain(d->at, d->end);
        if (d->at >= d->end)
            return fail(d, "the closing quote of a string");
        unsigned char c = (unsigned char)*d->at;
        if (c == '"')
            break;
        if (c < 0x20)
            return fail(d, "no control character within a string");
        if (c == '\\') {
            escapes = true;
            d->at += d->end - d->at > 1;
        } else {
            high = true;
        }
    }
    const char *quote = d->at;
    *out = str_make(start, (size_t)(quote - start));
    if (high && !utf8_valid(out->data, out->len))
        return error_set(d->err, ERR_INVALID, "no JSON: the string at byte %zu is not UTF-8",
                         (size_t)(start - d->start));
    if (escapes && !with_escapes(d, start, quote, out))
        return false;
    d->at = quote + 1;
    return true;
}

/* --- Numbers --- */

#define EXACT_POWERS     22 /* of ten that a double holds exactly */
#define EXACT_MANTISSA   (UINT64_C(1) << 53)
#define EXPONENT_MAX     100000 /* far beyond the range of a double: larger ones stay here */
#define SHORT_INT_DIGITS 18     /* that surely fit into 64 bits */

static const double powers[EXACT_POWERS + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* A number as it is read: (-1)^negative * mantissa * 10^exponent, where `mantissa` is right only if there are at most
 * SHORT_INT_DIGITS digits. */
struct number {
    const char *start;
    uint64_t mantissa;
    size_t digits;
    int exponent;
    bool negative;
};

static bool digits(struct decoder *d, struct number *n)
{
    const char *first = d->at;
    while (d->at < d->end && *d->at >= '0' && *d->at <= '9')
        n->mantissa = n->mantissa * 10 + (uint64_t)(*d->at++ - '0');
    n->digits += (size_t)(d->at - first);
    return d->at > first || fail(d, "a digit");
}

static bool exponent(struct decoder *d, struct number *n)
{
    bool negative = false;
    int sum = 0;
    d->at++;
    if (d->at < d->end && (*d->at == '-' || *d->at == '+'))
        negative = *d->at++ == '-';
    const char *first = d->at;
    for (; d->at < d->end && *d->at >= '0' && *d->at <= '9'; d->at++)
        sum = sum < EXPONENT_MAX ? sum * 10 + (*d->at - '0') : sum;
    if (d->at == first)
        return fail(d, "a digit");
    n->exponent += negative ? -sum : sum;
    return true;
}

/* Both factors being exact, one correctly rounded operation gives the nearest double. */
static bool quick_float(const struct number *n, double *out)
{
    if (n->digits > SHORT_INT_DIGITS || n->mantissa > EXACT_MANTISSA || n->exponent > EXACT_POWERS ||
        n->exponent < -EXACT_POWERS)
        return false;
    double mantissa = (double)n->mantissa;
    double number = n->exponent < 0 ? mantissa / powers[-n->exponent] : mantissa * powers[n->exponent];
    *out = n->negative ? -number : number;
    return true;
}

static bool slow_float(struct decoder *d, const struct number *n, double *out)
{
    struct buf *scratch = &d->scope->scratch;
    buf_reset(scratch);
    buf_append(scratch, n->start, (size_t)(d->at - n->start));
    *out = strtod(buf_cstr(scratch), NULL);
    buf_reset(scratch);
    if (isfinite(*out))
        return true;
    d->at = n->start;
    return fail(d, "a number that is not too large");
}

static bool number(struct decoder *d, struct sql_value *out)
{
    struct number n = {.start = d->at};
    if (*d->at == '-') {
        n.negative = true;
        d->at++;
    }
    if (d->at < d->end && *d->at == '0') {
        d->at++;
        n.digits = 1;
    } else if (!digits(d, &n)) {
        return false;
    }
    bool is_float = false;
    if (d->at < d->end && *d->at == '.') {
        is_float = true;
        const char *point = d->at++;
        if (!digits(d, &n))
            return false;
        n.exponent = (int)(point + 1 - d->at);
    }
    if (d->at < d->end && (*d->at == 'e' || *d->at == 'E')) {
        is_float = true;
        if (!exponent(d, &n))
            return false;
    }
    if (is_float) {
        double real;
        if (!quick_float(&n, &real) && !slow_float(d, &n, &real))
            return false;
        *out = sql_float(real);
        return true;
    }
    if (n.digits <= SHORT_INT_DIGITS) {
        *out = sql_int(n.negative ? -(int64_t)n.mantissa : (int64_t)n.mantissa);
        return true;
    }
    sql_int128 integer;
    if (!sql_text_to_int(str_make(n.start, (size_t)(d->at - n.start)), &integer)) {
        d->at = n.start;
        return fail(d, "an integer of at most 128 bits");
    }
    return sql_make_int(d->scope, integer, out, d->err);
}

/* --- Lists and maps --- */

#define STACK_FIRST 16 /* entries */

static size_t stack_len(const struct decoder *d)
{
    return d->scope->stack.len / sizeof(struct sql_entry);
}

/* The entries from number `first` on; valid until the next push. */
static struct sql_entry *stack_from(const struct decoder *d, size_t first)
{
    return (struct sql_entry *)(void *)d->scope->stack.data + first;
}

static void pop_to(struct decoder *d, size_t len)
{
    d->scope->stack.len = len * sizeof(struct sql_entry);
}

/* All that is on the stack is to become values in the arena. */
static bool push(struct decoder *d, struct str key, struct sql_value item)
{
    struct buf *stack = &d->scope->stack;
    if (stack->cap - stack->len < sizeof(struct sql_entry)) {
        if (stack_len(d) * sizeof(struct sql_value) > sql_room(d->scope))
            return sql_alloc(d->scope, SIZE_MAX, d->err) != NULL;
        buf_reserve(stack, sizeof(struct sql_entry));
    }
    *stack_from(d, stack_len(d)) =
        (struct sql_entry){.key = key.data, .key_len = (uint32_t)key.len, .value = item};
    stack->len += sizeof(struct sql_entry);
    return true;
}

static uint8_t depth_of(const struct sql_entry *entries, size_t count)
{
    uint8_t deepest = 0;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].value.depth > deepest)
            deepest = entries[i].value.depth;
    }
    return (uint8_t)(deepest + 1);
}

static bool enter(struct decoder *d)
{
    d->at++;
    if (d->depth == d->scope->depth_max)
        return error_set(d->err, ERR_LIMIT, "JSON is nested more than %u deep", d->scope->depth_max);
    d->depth++;
    return true;
}

static bool end_list(struct decoder *d, size_t first, struct sql_value *out)
{
    size_t count = stack_len(d) - first;
    const struct sql_entry *entries = stack_from(d, first);
    struct sql_value *items = NULL;
    if (count != 0) {
        items = sql_alloc(d->scope, count * sizeof *items, d->err);
        if (items == NULL)
            return false;
        for (size_t i = 0; i < count; i++)
            items[i] = entries[i].value;
    }
    *out = (struct sql_value){
        .type = SQL_LIST, .depth = depth_of(entries, count), .len = (uint32_t)count, .items = items};
    pop_to(d, first);
    d->depth--;
    return true;
}

static bool list(struct decoder *d, struct sql_value *out)
{
    size_t first = stack_len(d);
    if (!enter(d))
        return false;
    skip_space(d);
    if (d->at < d->end && *d->at == ']') {
        d->at++;
        return end_list(d, first, out);
    }
    for (;;) {
        struct sql_value item;
        if (!value(d, &item) || !push(d, STR_NONE, item))
            return false;
        skip_space(d);
        char c = d->at < d->end ? *d->at : '\0';
        if (c != ',' && c != ']')
            return fail(d, "',' or ']'");
        d->at++;
        if (c == ']')
            return end_list(d, first, out);
    }
}

/* More entries than are searched one by one: equal keys are found through the index. */
static bool end_large_map(struct decoder *d, size_t first, size_t count, struct sql_value *out)
{
    struct sql_map_builder builder;
    if (!sql_map_begin_sized(&builder, d->scope, count, d->err))
        return false;
    const struct sql_entry *entries = stack_from(d, first);
    for (size_t i = 0; i < count; i++) {
        if (!sql_map_put(&builder, sql_key_of(&entries[i]), entries[i].value, d->err))
            return false;
    }
    *out = sql_map_end(&builder);
    return true;
}

static bool end_small_map(struct decoder *d, size_t first, size_t count, struct sql_value *out)
{
    const struct sql_entry *entries = stack_from(d, first);
    struct sql_map *map = NULL;
    if (count != 0) {
        map = sql_alloc(d->scope, sizeof *map + count * sizeof *entries, d->err);
        if (map == NULL)
            return false;
        map->index = NULL;
        map->index_mask = 0;
        memcpy(map->entries, entries, count * sizeof *entries);
    }
    *out = (struct sql_value){
        .type = SQL_MAP, .depth = depth_of(entries, count), .len = (uint32_t)count, .map = map};
    return true;
}

static bool end_map(struct decoder *d, size_t first, struct sql_value *out)
{
    size_t count = stack_len(d) - first;
    if (count > SQL_MAP_SMALL ? !end_large_map(d, first, count, out) : !end_small_map(d, first, count, out))
        return false;
    pop_to(d, first);
    d->depth--;
    return true;
}

/* While a map is small, its keys are kept unique here. */
static bool push_entry(struct decoder *d, size_t first, struct str key, struct sql_value item)
{
    size_t count = stack_len(d) - first;
    struct sql_entry *entries = stack_from(d, first);
    for (size_t i = 0; i < count && count <= SQL_MAP_SMALL; i++) {
        if (str_equal(sql_key_of(&entries[i]), key)) {
            entries[i].value = item;
            return true;
        }
    }
    return push(d, key, item);
}

static bool map(struct decoder *d, struct sql_value *out)
{
    size_t first = stack_len(d);
    if (!enter(d))
        return false;
    skip_space(d);
    if (d->at < d->end && *d->at == '}') {
        d->at++;
        return end_map(d, first, out);
    }
    for (;;) {
        struct str key = STR_NONE;
        struct sql_value item;
        skip_space(d);
        if (d->at >= d->end || *d->at != '"')
            return fail(d, "a key in quotes");
        d->at++;
        if (!string(d, &key))
            return false;
        skip_space(d);
        if (d->at >= d->end || *d->at != ':')
            return fail(d, "':' behind a key");
        d->at++;
        if (!value(d, &item) || !push_entry(d, first, key, item))
            return false;
        skip_space(d);
        char c = d->at < d->end ? *d->at : '\0';
        if (c != ',' && c != '}')
            return fail(d, "',' or '}'");
        d->at++;
        if (c == '}')
            return end_map(d, first, out);
    }
}

/* --- Values --- */

static bool word(struct decoder *d, struct str text, struct sql_value meaning, struct sql_value *out)
{
    if ((size_t)(d->end - d->at) < text.len || memcmp(d->at, text.data, text.len) != 0)
        return fail(d, "a value");
    d->at += text.len;
    *out = meaning;
    return true;
}

static bool value(struct decoder *d, struct sql_value *out)
{
    struct str text = STR_NONE;
    skip_space(d);
    if (d->at >= d->end)
        return fail(d, "a value");
    if (!sql_spend(d->scope, 1, d->err))
        return false;
    switch (*d->at) {
    case '{': return map(d, out);
    case '[': return list(d, out);
    case '"':
        d->at++;
        if (!string(d, &text))
            return false;
        *out = sql_string(text);
        return true;
    case 't': return word(d, STR("true"), sql_bool(true), out);
    case 'f': return word(d, STR("false"), sql_bool(false), out);
    case 'n': return word(d, STR("null"), sql_null(), out);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': return number(d, out);
    default: return fail(d, "a value");
    }
}

bool sql_json_decode(struct sql_scope *scope, struct str text, struct sql_value *out, struct error *err)
{
    if (text.len > UINT32_MAX)
        return error_set(err, ERR_LIMIT, "JSON of %zu bytes is too long", text.len);
    if (!sql_spend(scope, text.len / 64, err))
        return false;
    if (text.len == 0)
        text = STR("");
    if (scope->stack.data == NULL)
        buf_reserve(&scope->stack, STACK_FIRST * sizeof(struct sql_entry));
    struct decoder d = {
        .start = text.data, .at = text.data, .end = text.data + text.len, .scope = scope, .err = err};
    struct sql_value decoded;
    bool done = value(&d, &decoded);
    if (done) {
        skip_space(&d);
        done = d.at == d.end || fail(&d, "nothing behind the value");
    }
    buf_reset(&scope->stack);
    if (done)
        *out = decoded;
    return done;
}
