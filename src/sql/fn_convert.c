/* From one type to another. */
#include "sql/fn_internal.h"
#include "sql/unicode_internal.h"

#include <math.h>

#define DECIMALS_MAX 253 /* of a float's text */

/* --- Strings ---------------------------------------------------------------------------------------- */

SQL_FUNCTION(run_str)
{
    struct str text;
    if (!sql_text_of(call->scope, &args[0], &text, err))
        return false;
    *out = sql_string(text);
    return true;
}

/* The text of any value, in UTF-8. */
static bool text_in_utf8(struct sql_call *call, const struct sql_value *args, struct str *out,
                         struct error *err)
{
    if (!sql_text_of(call->scope, &args[0], out, err))
        return false;
    if (!utf8_valid(out->data, out->len))
        return error_set(err, ERR_INVALID, "argument 1 must be text in UTF-8, not other bytes");
    return true;
}

SQL_FUNCTION(run_str_utf8)
{
    struct str text;
    if (!text_in_utf8(call, args, &text, err))
        return false;
    *out = sql_string(text);
    return true;
}

static char *put_16(char *at, uint32_t unit)
{
    *at++ = (char)(unit & 0xff);
    *at++ = (char)(unit >> 8);
    return at;
}

SQL_FUNCTION(run_str_utf16_le)
{
    struct str text;
    if (!text_in_utf8(call, args, &text, err))
        return false;
    char *wide = sql_alloc(call->scope, text.len * 2, err); /* one byte gives two, four give four */
    if (wide == NULL)
        return false;
    char *at = wide;
    while (text.len != 0) {
        uint32_t code = (uint32_t)code_next(&text);
        if (code >= 0x10000) {
            at = put_16(at, 0xd800 + ((code - 0x10000) >> 10));
            at = put_16(at, 0xdc00 + ((code - 0x10000) & 0x3ff));
        } else {
            at = put_16(at, code);
        }
    }
    *out = sql_string(str_make(wide, (size_t)(at - wide)));
    return true;
}

SQL_FUNCTION(run_float2str)
{
    int64_t decimals;
    if (args[0].type != SQL_FLOAT)
        return sql_arg_error(args, 0, "a float", err);
    if (!sql_arg_int_range(args, 1, 0, DECIMALS_MAX, &decimals, err))
        return false;
    sql_float_text(&call->scope->scratch, args[0].number, (unsigned)decimals);
    return sql_make_scratch(call->scope, out, err);
}

/* --- Booleans and numbers --------------------------------------------------------------------------- */

SQL_FUNCTION(run_bool)
{
    bool yes = false, known = false;
    if (args[0].type == SQL_BOOL) {
        *out = args[0];
        return true;
    }
    if (args[0].type == SQL_STRING) {
        struct str text = sql_str_of(&args[0]);
        yes = str_is(text, "true");
        known = yes || str_is(text, "false");
    } else if (sql_is_number(&args[0])) {
        double number = sql_number_of(&args[0]);
        yes = number == 1;
        known = yes || number == 0;
    }
    if (!known)
        return error_set(err, ERR_INVALID, "only true, false, 'true', 'false', 1 and 0 can be a boolean");
    *out = sql_bool(yes);
    return true;
}

static bool floor_to_int(struct sql_call *call, double number, struct sql_value *out, struct error *err)
{
    number = floor(number);
    if (number >= 0x1p127 || number < -0x1p127)
        return error_set(err, ERR_INVALID, "the result is an integer of more than 128 bits");
    return sql_make_int(call->scope, (sql_int128)number, out, err);
}

/* A string that is a number. */
static bool read_number(struct sql_call *call, struct str text, struct sql_value *out, struct error *err)
{
    if (sql_text_to_number(call->scope, text, out))
        return true;
    return error_set(err, ERR_INVALID, "'%.*s' is no number", SQL_SHOWN(text));
}

SQL_FUNCTION(run_int)
{
    struct sql_value number = args[0];
    if (number.type == SQL_BOOL)
        number = sql_int(args[0].boolean ? 1 : 0);
    if (number.type == SQL_STRING && !read_number(call, sql_str_of(&args[0]), &number, err))
        return false;
    if (!sql_is_number(&number))
        return sql_arg_error(args, 0, "a number, a boolean or a string", err);
    if (number.type == SQL_FLOAT)
        return floor_to_int(call, number.number, out, err);
    *out = number;
    return true;
}

static bool round_to(struct sql_call *call, double number, unsigned decimals, struct sql_value *out,
                     struct error *err)
{
    struct buf *scratch = &call->scope->scratch;
    sql_float_text(scratch, number, decimals);
    bool read = sql_text_to_float(buf_str(scratch), &number);
    buf_reset(scratch);
    return read ? sql_make_float(number, out, err)
                : error_set(err, ERR_NO_MEMORY, "there is no memory for a float");
}

SQL_FUNCTION(run_float)
{
    struct sql_value number = args[0];
    int64_t decimals;
    if (number.type == SQL_STRING && !read_number(call, sql_str_of(&args[0]), &number, err))
        return false;
    if (!sql_is_number(&number))
        return sql_arg_error(args, 0, "a number or a string", err);
    if (count == 1)
        return sql_make_float(sql_number_of(&number), out, err);
    return sql_arg_int_range(args, 1, 1, DECIMALS_MAX, &decimals, err) &&
           round_to(call, sql_number_of(&number), (unsigned)decimals, out, err);
}

SQL_FUNCTION(run_map)
{
    return sql_arg_map(call, args, 0, out, err);
}

/* --- Hexadecimal ------------------------------------------------------------------------------------ */

SQL_FUNCTION(run_bin2hexstr)
{
    static const char digits[] = "0123456789ABCDEF";
    struct str bytes, prefix = STR("");
    if (!sql_arg_string(args, 0, &bytes, err) || (count > 1 && !sql_arg_string(args, 1, &prefix, err)))
        return false;
    char *hex = sql_alloc(call->scope, prefix.len + 2 * bytes.len, err);
    if (hex == NULL)
        return false;
    if (prefix.len != 0)
        memcpy(hex, prefix.data, prefix.len);
    char *at = hex + prefix.len;
    for (size_t i = 0; i < bytes.len; i++) {
        *at++ = digits[(unsigned char)bytes.data[i] >> 4];
        *at++ = digits[(unsigned char)bytes.data[i] & 15];
    }
    *out = sql_string(str_make(hex, (size_t)(at - hex)));
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

SQL_FUNCTION(run_hexstr2bin)
{
    struct str hex, prefix = STR("");
    if (!sql_arg_string(args, 0, &hex, err) || (count > 1 && !sql_arg_string(args, 1, &prefix, err)))
        return false;
    if (!str_starts(hex, prefix))
        return error_set(err, ERR_INVALID, "'%.*s' does not begin with '%.*s'", SQL_SHOWN(hex),
                         SQL_SHOWN(prefix));
    hex = str_make(hex.data + prefix.len, hex.len - prefix.len);
    size_t len = hex.len / 2 + hex.len % 2;
    char *bytes = sql_alloc(call->scope, len, err);
    if (bytes == NULL)
        return false;
    int carry = 0; /* the first half of a byte; an odd length has a 0 in front */
    for (size_t i = 0; i < hex.len; i++) {
        int digit = hex_digit(hex.data[i]);
        if (digit < 0)
            return error_set(err, ERR_INVALID, "'%.*s' has other characters than hexadecimal digits",
                             SQL_SHOWN(hex));
        if ((hex.len - i) % 2 == 0)
            carry = digit;
        else
            bytes[(i + hex.len % 2) / 2] = (char)(carry << 4 | digit);
    }
    *out = sql_string(str_make(bytes, len));
    return true;
}

static const struct sql_function rows[] = {
    SQL_ROW(
        "str", 1, 1, SQL_CATEGORY_CONVERSION, "value",
        "the text of any value: floats with up to 10 decimals, lists and maps as JSON, 'undefined', 'null'",
        "str(1.50)", "\"1.5\"", run_str),
    SQL_ROW("str_utf8", 1, 1, SQL_CATEGORY_CONVERSION, "value", "as str; fails if the bytes are not UTF-8",
            "str_utf8('é')", "\"é\"", run_str_utf8),
    SQL_ROW("str_utf16_le", 1, 1, SQL_CATEGORY_CONVERSION, "value", "as str, in little-endian UTF-16",
            "bin2hexstr(str_utf16_le('ab'))", "\"61006200\"", run_str_utf16_le),
    SQL_ROW("bool", 1, 1, SQL_CATEGORY_CONVERSION, "value",
            "a boolean of itself, of 'true' and 'false', of 1 and 0; fails for others", "bool('true')",
            "true", run_bool),
    SQL_ROW(
        "int", 1, 1, SQL_CATEGORY_CONVERSION, "value",
        "the greatest integer that is not above a number or the number in a string; 1 of true, 0 of false",
        "int('-1.5')", "-2", run_int),
    SQL_ROW("float", 1, 2, SQL_CATEGORY_CONVERSION, "value[, decimals]",
            "a float of a number or the number in a string, rounded to 1 to 253 decimals if that is given",
            "float('3.14159', 2)", "3.14", run_float),
    SQL_ROW("float2str", 2, 2, SQL_CATEGORY_CONVERSION, "float, decimals",
            "the text of a float with at most 0 to 253 decimals, without zeros at the end",
            "float2str(20.2, 10)", "\"20.2\"", run_float2str),
    SQL_ROW("map", 1, 1, SQL_CATEGORY_CONVERSION, "value", "a map of itself, or of its JSON in a string",
            "map('{\"a\": 1}')", "{\"a\":1}", run_map),
    SQL_ROW("bin2hexstr", 1, 2, SQL_CATEGORY_CONVERSION, "bytes[, prefix]",
            "the bytes in capital hexadecimal digits, behind the prefix", "bin2hexstr('abc', '0x')",
            "\"0x616263\"", run_bin2hexstr),
    SQL_ROW(
        "hexstr2bin", 1, 2, SQL_CATEGORY_CONVERSION, "digits[, prefix]",
        "the bytes of hexadecimal digits, of either case, behind the prefix; fails if there is anything else",
        "hexstr2bin('0x6162', '0x')", "\"ab\"", run_hexstr2bin),
};

const struct sql_function_table sql_convert_functions = SQL_FUNCTION_TABLE(rows);
