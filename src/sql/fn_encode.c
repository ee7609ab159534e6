/* Base64 and JSON. */
#include "sql/fn_internal.h"
#include "sql/json.h"

/* --- Base64 ----------------------------------------------------------------------------------------- */

struct base64_options {
    bool url;        /* - and _ for + and / */
    bool no_padding; /* no = at the end; where one reads, it may be missing */
};

/* Options are strings, behind the data or in a list there; others than these two are let pass. */
static bool arg_options(const struct sql_value *args, size_t count, struct base64_options *out,
                        struct error *err)
{
    const struct sql_value *options = args + 1;
    size_t option_count = count - 1;
    *out = (struct base64_options){0};
    if (option_count == 1 && options[0].type == SQL_LIST) {
        option_count = options[0].len;
        options = options[0].items;
    }
    for (size_t i = 0; i < option_count; i++) {
        if (options[i].type != SQL_STRING)
            return error_set(err, ERR_INVALID, "an option must be a string, not %s",
                             sql_type_name(&options[i]));
        out->url = out->url || str_is(sql_str_of(&options[i]), "urlsafe");
        out->no_padding = out->no_padding || str_is(sql_str_of(&options[i]), "no_padding");
    }
    return true;
}

SQL_FUNCTION(run_base64_encode)
{
    struct str data;
    struct base64_options options;
    if (!sql_arg_string(args, 0, &data, err) || !arg_options(args, count, &options, err))
        return false;
    char *text = sql_alloc(call->scope, BASE64_BYTES(data.len), err);
    if (text == NULL)
        return false;
    size_t len = base64_encode(data.data, data.len, text, options.url);
    while (options.no_padding && len != 0 && text[len - 1] == '=')
        len--;
    while (!options.no_padding && len % 4 != 0) /* base64_encode pads the standard alphabet alone */
        text[len++] = '=';
    *out = sql_string(str_make(text, len));
    return true;
}

/* The text without white space, which may stand anywhere in it. */
static struct str without_space(char *copy, struct str text)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
            copy[len++] = c;
    }
    return str_make(copy, len);
}

SQL_FUNCTION(run_base64_decode)
{
    struct str text;
    struct base64_options options;
    if (!sql_arg_text(args, 0, &text, err) || !arg_options(args, count, &options, err))
        return false;
    char *copy = sql_alloc(call->scope, text.len, err);
    if (copy == NULL)
        return false;
    text = without_space(copy, text);
    if (text.len % 4 != 0 && !options.no_padding)
        return error_set(err, ERR_INVALID, "the base64 text is cut off or has no padding (= at its end)");
    int64_t len = base64_decode(text, copy, options.url); /* never writes what it has not read */
    if (len < 0)
        return error_set(err, ERR_INVALID, "'%.*s' is not base64%s", SQL_SHOWN(text),
                         options.url ? " of the alphabet for URLs" : "");
    *out = sql_string(str_make(copy, (size_t)len));
    return true;
}

/* --- JSON ------------------------------------------------------------------------------------------- */

SQL_FUNCTION(run_json_encode)
{
    return sql_json_encode(call->scope, &args[0], out, err);
}

SQL_FUNCTION(run_json_decode)
{
    struct str text;
    return sql_arg_string(args, 0, &text, err) && sql_json_decode(call->scope, text, out, err);
}

static const struct sql_function rows[] = {
    SQL_ROW("base64_encode", 1, 3, SQL_CATEGORY_ENCODING, "bytes[, option, …]",
            "the bytes in base64; with 'urlsafe' in the alphabet for URLs, with 'no_padding' without = at "
            "the end",
            "base64_encode('hello')", "\"aGVsbG8=\"", run_base64_encode),
    SQL_ROW("base64_decode", 1, 3, SQL_CATEGORY_ENCODING, "text[, option, …]",
            "the bytes of a base64 text; with 'urlsafe' of the alphabet for URLs, with 'no_padding' = may be "
            "missing",
            "base64_decode('aGVsbG8=')", "\"hello\"", run_base64_decode),
    SQL_ROW("json_encode", 1, 1, SQL_CATEGORY_ENCODING, "value", "the JSON of any value; undefined as null",
            "json_encode([1, 'a'])", "\"[1,\\\"a\\\"]\"", run_json_encode),
    SQL_ROW("json_decode", 1, 1, SQL_CATEGORY_ENCODING, "text",
            "the value of a JSON text; fails if it is none", "json_decode('{\"a\": [1, null]}')",
            "{\"a\":[1,null]}", run_json_decode),
};

const struct sql_function_table sql_encode_functions = SQL_FUNCTION_TABLE(rows);
