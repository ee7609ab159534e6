/* sprintf: texts from a format in Erlang's manner, since that is what the rules of EMQX's users are written in.
 *
 *     ~ [-] [width] [. [precision] [. character]] [t] letter        width and precision: a number, or * for an argument
 *
 * A width sets the text to the right of that many characters, with a minus to the left, filled up with spaces or with the
 * given character. A number that is wider becomes as many asterisks.
 *
 *     ~s    text: a string or a boolean, null, undefined; at most `precision` characters of it, or else `width`
 *     ~p ~w any value: numbers as they are, strings as <<"text">> (~w: as <<116,101>>), lists [1,2], maps #{<<"k">> => 1}
 *     ~b ~B an integer to the base `precision` (10): ~.16b; ~B with capital letters
 *     ~x ~X the same with a prefix, which is an argument; ~+ ~# the same as 16#ff
 *     ~f ~e a float with `precision` (6) decimals, or digits and an exponent; ~g whichever is shorter by its size
 *     ~c    the character of a code point, `precision` times
 *     ~n    a new line;  ~~ a tilde;  ~i skips an argument */
#include "sql/fn_internal.h"
#include "sql/json.h"
#include "sql/unicode_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_MAX \
    INT64_C(1000000000000) /* of a width; the room of the evaluation is the limit that counts */
#define DIGITS_MAX 250     /* of a float */

struct formatter {
    struct sql_scope *scope;
    struct str format; /* what is left */
    const struct sql_value *args;
    size_t arg_count;
    size_t next_arg;
};

struct directive {
    int64_t width;     /* -1: none */
    int64_t precision; /* -1: none */
    bool left;         /* aligned */
    struct str pad;    /* one character */
    char letter;       /* 0 for a character that is none */
    struct str shown;  /* the letter as it stands in the format */
};

/* --- Reading the format ----------------------------------------------------------------------------- */

/* The value that is next, or NULL if there is none left. */
static const struct sql_value *next_arg(struct formatter *formatter, struct error *err)
{
    if (formatter->next_arg == formatter->arg_count) {
        error_set(err, ERR_INVALID, "the format needs more than %zu values", formatter->arg_count);
        return NULL;
    }
    return &formatter->args[formatter->next_arg++];
}

/* Takes digits or *, if there are any; *out stays as it is if not. */
static bool read_number(struct formatter *formatter, int64_t *out, struct error *err)
{
    struct str *format = &formatter->format;
    if (format->len != 0 && format->data[0] == '*') {
        const struct sql_value *arg = next_arg(formatter, err);
        *format = str_make(format->data + 1, format->len - 1);
        return arg != NULL && sql_arg_int_range(arg, 0, -NUMBER_MAX, NUMBER_MAX, out, err);
    }
    bool any = false;
    int64_t number = 0;
    while (format->len != 0 && format->data[0] >= '0' && format->data[0] <= '9') {
        number = number * 10 + (format->data[0] - '0');
        if (number > NUMBER_MAX)
            return error_set(err, ERR_INVALID, "a number in the format is larger than %lld",
                             (long long)NUMBER_MAX);
        *format = str_make(format->data + 1, format->len - 1);
        any = true;
    }
    if (any)
        *out = number;
    return true;
}

static bool take(struct str *format, char c)
{
    if (format->len == 0 || format->data[0] != c)
        return false;
    *format = str_make(format->data + 1, format->len - 1);
    return true;
}

/* What stands behind a tilde. */
static bool read_directive(struct formatter *formatter, struct directive *out, struct error *err)
{
    struct str *format = &formatter->format;
    *out = (struct directive){.width = -1, .precision = -1, .pad = STR(" ")};
    out->left = take(format, '-');
    if (!read_number(formatter, &out->width, err))
        return false;
    if (out->width < -1) { /* of an argument */
        out->left = true;
        out->width = -out->width;
    }
    if (take(format, '.')) {
        if (!read_number(formatter, &out->precision, err))
            return false;
        if (take(format, '.') && !cluster_next(format, &out->pad))
            return error_set(err, ERR_INVALID, "the format ends where a character to fill up with should be");
    }
    while (take(format, 't') || take(format, 'l'))
        ;
    if (!cluster_next(format, &out->shown))
        return error_set(err, ERR_INVALID, "the format ends within a directive");
    out->letter = out->shown.len == 1 ? out->shown.data[0] : '\0';
    return true;
}

/* --- Writing ---------------------------------------------------------------------------------------- */

static bool append_aligned(struct formatter *formatter, const struct directive *directive, struct str text,
                           struct error *err)
{
    uint64_t present = cluster_count(text);
    uint64_t fill = directive->width > 0 && (uint64_t)directive->width > present
                        ? (uint64_t)directive->width - present
                        : 0;
    struct sql_scope *scope = formatter->scope;
    return sql_scratch_repeat(scope, directive->pad, directive->left ? 0 : fill, err) &&
           sql_scratch_append(scope, text, err) &&
           sql_scratch_repeat(scope, directive->pad, directive->left ? fill : 0, err);
}

/* A text that must not be cut: asterisks if it is wider. */
static bool append_number(struct formatter *formatter, const struct directive *directive, struct str text,
                          struct error *err)
{
    if (directive->width >= 0 && text.len > (uint64_t)directive->width)
        return sql_scratch_repeat(formatter->scope, STR("*"), (uint64_t)directive->width, err);
    return append_aligned(formatter, directive, text, err);
}

static bool wrong_value(const struct directive *directive, const char *expected, const struct sql_value *arg,
                        struct error *err)
{
    return error_set(err, ERR_INVALID, "~%c needs %s, not %s", directive->letter, expected,
                     sql_type_name(arg));
}

static bool write_text(struct formatter *formatter, const struct directive *directive,
                       const struct sql_value *arg, struct error *err)
{
    struct str text;
    switch ((enum sql_type)arg->type) {
    case SQL_STRING: text = sql_str_of(arg); break;
    case SQL_BOOL: text = arg->boolean ? STR("true") : STR("false"); break;
    case SQL_NULL: text = STR("null"); break;
    case SQL_UNDEFINED: text = STR("undefined"); break;
    default: return wrong_value(directive, "a string or a boolean", arg, err);
    }
    int64_t most = directive->precision >= 0 ? directive->precision : directive->width;
    if (most >= 0)
        text = cluster_take(&text, (uint64_t)most);
    return append_aligned(formatter, directive, text, err);
}

#define RADIX_TEXT_BYTES 160 /* 127 binary digits, a sign, a base */

static size_t radix_text(sql_int128 integer, unsigned base, bool upper, const char *between, char *out)
{
    __extension__ typedef unsigned __int128 magnitude;
    const char *digits =
        upper ? "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" : "0123456789abcdefghijklmnopqrstuvwxyz";
    magnitude rest = integer < 0 ? -(magnitude)integer : (magnitude)integer;
    char reversed[RADIX_TEXT_BYTES];
    size_t count = 0, len = 0;
    do {
        reversed[count++] = digits[rest % base];
        rest /= base;
    } while (rest != 0);
    if (integer < 0)
        out[len++] = '-';
    while (*between != '\0')
        out[len++] = *between++;
    while (count > 0)
        out[len++] = reversed[--count];
    return len;
}

/* ~b ~B ~x ~X ~+ ~#, whose lower-case forms write small letters. */
static bool write_integer(struct formatter *formatter, const struct directive *directive,
                          const struct sql_value *arg, struct error *err)
{
    char letter = directive->letter;
    bool upper = letter == 'B' || letter == 'X' || letter == '#';
    int64_t base = directive->precision >= 0 ? directive->precision : 10;
    char between[4] = "";
    if (arg->type != SQL_INT)
        return wrong_value(directive, "an integer", arg, err);
    if (base < 2 || base > 36)
        return error_set(err, ERR_INVALID, "~%c has a base of 2 to 36, not %lld", letter, (long long)base);
    if (letter == '+' || letter == '#')
        snprintf(between, sizeof between, "%d#", (int)base);
    char text[RADIX_TEXT_BYTES];
    size_t len = radix_text(sql_int_of(arg), (unsigned)base, upper, between, text);
    if (letter != 'x' && letter != 'X')
        return append_number(formatter, directive, str_make(text, len), err);

    const struct sql_value *prefix = next_arg(formatter, err);
    struct str prefix_text;
    if (prefix == NULL || !sql_arg_string(prefix, 0, &prefix_text, err))
        return false;
    size_t sign = text[0] == '-' ? 1 : 0;
    char *whole = sql_alloc(formatter->scope, len + prefix_text.len, err);
    if (whole == NULL)
        return false;
    memcpy(whole, text, sign);
    if (prefix_text.len != 0)
        memcpy(whole + sign, prefix_text.data, prefix_text.len);
    memcpy(whole + sign + prefix_text.len, text + sign, len - sign);
    return append_number(formatter, directive, str_make(whole, len + prefix_text.len), err);
}

/* The decimals of ~g as ~f, or -1 for ~e: plain from 0.1 to less than 10000, if the digits reach up to the point. */
static int64_t plain_decimals(double number, int64_t digits)
{
    double size = fabs(number);
    if (size < 0.1 || size >= 10000)
        return -1;
    int64_t exponent = size < 1 ? -1 : size < 10 ? 0 : size < 100 ? 1 : size < 1000 ? 2 : 3;
    return digits - 1 > exponent || (digits <= 1 && exponent == -1) ? digits - 1 - exponent : -1;
}

static bool write_float(struct formatter *formatter, const struct directive *directive,
                        const struct sql_value *arg, struct error *err)
{
    int64_t digits = directive->precision >= 0 ? directive->precision : 6;
    if (arg->type != SQL_FLOAT)
        return wrong_value(directive, "a float", arg, err);
    if (digits < 1 || digits > DIGITS_MAX)
        return error_set(err, ERR_INVALID, "~%c has 1 to %d digits, not %lld", directive->letter, DIGITS_MAX,
                         (long long)digits);
    int64_t decimals = directive->letter == 'f'   ? digits
                       : directive->letter == 'g' ? plain_decimals(arg->number, digits)
                                                  : -1;
    char text[DIGITS_MAX + 330];
    if (decimals >= 0) {
        snprintf(text, sizeof text, "%.*f", (int)decimals, arg->number);
    } else {
        snprintf(text, sizeof text, "%.*e", (int)(digits > 1 ? digits - 1 : 1), arg->number);
        char *exponent = strchr(text, 'e') + 1;
        long value = strtol(exponent, NULL, 10);
        snprintf(exponent, sizeof text - (size_t)(exponent - text), "%+ld",
                 value); /* as few digits as it needs */
    }
    return append_number(formatter, directive, str_of(text), err);
}

static bool write_characters(struct formatter *formatter, const struct directive *directive,
                             const struct sql_value *arg, struct error *err)
{
    int64_t code;
    if (arg->type != SQL_INT)
        return wrong_value(directive, "a code point", arg, err);
    if (!sql_arg_int_range(arg, 0, 0, 0x10ffff, &code, err))
        return false;
    if (code >= 0xd800 && code <= 0xdfff)
        return error_set(err, ERR_INVALID, "~c: half of a surrogate pair is no character");
    struct buf one = {0};
    code_append(&one, (int32_t)code);
    int64_t width = directive->width >= 0 ? directive->width : 1;
    int64_t times = directive->precision >= 0 ? directive->precision : width;
    uint64_t fill = width > times ? (uint64_t)(width - times) : 0;
    struct sql_scope *scope = formatter->scope;
    bool written = sql_scratch_repeat(scope, directive->pad, directive->left ? 0 : fill, err) &&
                   sql_scratch_repeat(scope, buf_str(&one), (uint64_t)times, err) &&
                   sql_scratch_repeat(scope, directive->pad, directive->left ? fill : 0, err);
    buf_free(&one);
    return written;
}

/* --- Any value, as Erlang writes it ----------------------------------------------------------------- */

static bool printable(struct str text)
{
    if (!utf8_valid(text.data, text.len))
        return false;
    for (struct str rest = text; rest.len != 0;) {
        int32_t code = code_next(&rest);
        if ((code < 0x20 && (code < '\b' || code > '\r')) || (code >= 0x7f && code < 0xa0))
            return false;
    }
    return true;
}

static bool term_string(struct sql_scope *scope, struct str text, bool as_text, struct error *err)
{
    static const char letters[] = "\b\t\n\v\f\r\"\\";
    static const char escapes[] = "btnvfr\"\\";
    bool ascii = true;
    if (!sql_need_room(scope, (uint64_t)scope->scratch.len + 4 * (uint64_t)text.len + 16, err))
        return false;
    struct buf *buf = &scope->scratch;
    buf_append_str(buf, as_text ? STR("<<\"") : STR("<<"));
    for (size_t i = 0; i < text.len; i++) {
        const char *escape = as_text ? memchr(letters, text.data[i], sizeof letters - 1) : NULL;
        if (!as_text)
            buf_printf(buf, "%s%u", i == 0 ? "" : ",", (unsigned char)text.data[i]);
        else if (escape != NULL)
            buf_printf(buf, "\\%c", escapes[escape - letters]);
        else
            buf_append_byte(buf, (uint8_t)text.data[i]);
        ascii = ascii && (unsigned char)text.data[i] < 0x80;
    }
    buf_append_str(buf, !as_text ? STR(">>") : ascii ? STR("\">>") : STR("\"/utf8>>"));
    return true;
}

static bool append_term(struct sql_scope *scope, const struct sql_value *value, bool pretty,
                        struct error *err);

static bool term_items(struct sql_scope *scope, const struct sql_value *value, bool pretty, struct error *err)
{
    bool map = value->type == SQL_MAP;
    bool written = sql_scratch_append(scope, map ? STR("#{") : STR("["), err);
    for (uint32_t i = 0; i < value->len && written; i++) {
        const struct sql_value *item = map ? &sql_map_at(value, i)->value : &value->items[i];
        written = i == 0 || sql_scratch_append(scope, STR(","), err);
        if (map && written) {
            struct str key = sql_key_of(sql_map_at(value, i));
            written = term_string(scope, key, pretty && printable(key), err) &&
                      sql_scratch_append(scope, STR(" => "), err);
        }
        written = written && sql_spend(scope, 1, err) && append_term(scope, item, pretty, err);
    }
    return written && sql_scratch_append(scope, map ? STR("}") : STR("]"), err);
}

static bool append_term(struct sql_scope *scope, const struct sql_value *value, bool pretty,
                        struct error *err)
{
    switch ((enum sql_type)value->type) {
    case SQL_FLOAT:
        sql_json_float(&scope->scratch, value->number);
        return sql_scratch_append(scope, STR(""), err);
    case SQL_STRING: {
        struct str text = sql_str_of(value);
        return term_string(scope, text, pretty && printable(text), err);
    }
    case SQL_LIST:
    case SQL_MAP: return term_items(scope, value, pretty, err);
    default: return sql_text_append(&scope->scratch, value, sql_room(scope), err);
    }
}

static bool write_term(struct formatter *formatter, const struct directive *directive,
                       const struct sql_value *arg, struct error *err)
{
    struct sql_scope *scope = formatter->scope;
    size_t start = scope->scratch.len;
    if (!append_term(scope, arg, directive->letter == 'p', err))
        return false;
    if (directive->letter == 'p' || directive->width < 0)
        return true;
    struct sql_value text = sql_undefined();
    if (!sql_make_string(scope, str_make(scope->scratch.data + start, scope->scratch.len - start), &text,
                         err))
        return false;
    scope->scratch.len = start;
    return append_number(formatter, directive, sql_str_of(&text), err);
}

/* --- sprintf ---------------------------------------------------------------------------------------- */

static bool write_directive(struct formatter *formatter, struct error *err)
{
    static const char letters[] = "sbBxX+#fegcpwi";
    struct directive directive;
    if (!read_directive(formatter, &directive, err))
        return false;
    uint64_t times = directive.width >= 0 ? (uint64_t)directive.width : 1;
    switch (directive.letter) {
    case '~': return sql_scratch_repeat(formatter->scope, STR("~"), times, err);
    case 'n': return sql_scratch_repeat(formatter->scope, STR("\n"), times, err);
    default: break;
    }
    if (memchr(letters, directive.letter, sizeof letters - 1) == NULL)
        return error_set(err, ERR_INVALID, "'~%.*s' is no directive of a format", SQL_SHOWN(directive.shown));
    const struct sql_value *arg = next_arg(formatter, err);
    if (arg == NULL)
        return false;
    switch (directive.letter) {
    case 's': return write_text(formatter, &directive, arg, err);
    case 'f':
    case 'e':
    case 'g': return write_float(formatter, &directive, arg, err);
    case 'c': return write_characters(formatter, &directive, arg, err);
    case 'p':
    case 'w': return write_term(formatter, &directive, arg, err);
    case 'i': return true;
    default: return write_integer(formatter, &directive, arg, err);
    }
}

static bool write_all(struct formatter *formatter, struct error *err)
{
    struct str *format = &formatter->format;
    while (format->len != 0) {
        const char *tilde = memchr(format->data, '~', format->len);
        size_t plain = tilde != NULL ? (size_t)(tilde - format->data) : format->len;
        if (!sql_scratch_append(formatter->scope, str_make(format->data, plain), err))
            return false;
        *format = str_make(format->data + plain, format->len - plain);
        if (take(format, '~') && !write_directive(formatter, err))
            return false;
    }
    if (formatter->next_arg != formatter->arg_count)
        return error_set(err, ERR_INVALID, "the format needs %zu values, not %zu", formatter->next_arg,
                         formatter->arg_count);
    return true;
}

static bool format(struct sql_call *call, const struct sql_value *args, const struct sql_value *values,
                   size_t value_count, struct sql_value *out, struct error *err)
{
    struct formatter formatter = {.scope = call->scope, .args = values, .arg_count = value_count};
    if (!sql_arg_utf8(args, 0, &formatter.format, err))
        return false;
    bool built = write_all(&formatter, err);
    return sql_scratch_end(call->scope, built, out, err);
}

SQL_FUNCTION(run_sprintf)
{
    return format(call, args, args + 1, count - 1, out, err);
}

SQL_FUNCTION(run_sprintf_s)
{
    return sql_arg_list(args, 1, err) && format(call, args, args[1].items, args[1].len, out, err);
}

static const struct sql_function rows[] = {
    SQL_ROW("sprintf", 1, SQL_ARGS_ANY, SQL_CATEGORY_STRING, "format, value, …",
            "the text of a format in Erlang's manner: ~s a string, ~p any value, ~b an integer (~.16b "
            "hexadecimal), ~f "
            "~e ~g floats, ~c a code point, ~n a new line, ~~ a tilde; ~5..0b fills up with zeros, ~-5s with "
            "spaces "
            "behind, ~.2f has two decimals; fails if values are missing, left over or of a wrong type",
            "sprintf('~s: ~5..0b, ~.2f', 'a', 42, 1.5)", "\"a: 00042, 1.50\"", run_sprintf),
    SQL_ROW("sprintf_s", 2, 2, SQL_CATEGORY_STRING, "format, list", "as sprintf, with the values as a list",
            "sprintf_s('~s=~p', ['a', 1])", "\"a=1\"", run_sprintf_s),
};

const struct sql_function_table sql_format_functions = SQL_FUNCTION_TABLE(rows);
