/* The tables of functions gathered, looked up by name; and what functions share. */
#include "sql/function.h"

#include "sql/functions_internal.h"
#include "sql/json.h"
#include "sql/payload_internal.h"

#include <stdlib.h>

static const struct sql_function_table *const tables[] = {
    &sql_column_functions,     &sql_topic_functions,     &sql_null_functions,   &sql_type_functions,
    &sql_arithmetic_functions, &sql_math_functions,      &sql_bits_functions,   &sql_binary_functions,
    &sql_convert_functions,    &sql_string_functions,    &sql_text_functions,   &sql_format_functions,
    &sql_regex_functions,      &sql_jq_functions,        &sql_map_functions,    &sql_list_functions,
    &sql_hash_functions,       &sql_compress_functions,  &sql_encode_functions, &sql_time_functions,
    &sql_state_functions,      &sql_sparkplug_functions,
};

#define TABLE_COUNT (sizeof(tables) / sizeof(tables[0]))

const struct sql_function_table *const *sql_function_tables(size_t *count)
{
    *count = TABLE_COUNT;
    return tables;
}

const struct sql_function *sql_function_find(struct str name)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        for (size_t j = 0; j < tables[i]->count; j++) {
            if (str_is(name, tables[i]->rows[j].name))
                return &tables[i]->rows[j];
        }
    }
    return NULL;
}

const char *sql_category_title(enum sql_category category)
{
    static const char *const titles[SQL_CATEGORY_COUNT] = {
        [SQL_CATEGORY_COLUMN] = "Columns of the message",
        [SQL_CATEGORY_TOPIC] = "Topic filters",
        [SQL_CATEGORY_NULL] = "Missing values",
        [SQL_CATEGORY_ARITHMETIC] = "Arithmetic",
        [SQL_CATEGORY_MATH] = "Mathematics",
        [SQL_CATEGORY_BITS] = "Bits of integers",
        [SQL_CATEGORY_BINARY] = "Bits of strings",
        [SQL_CATEGORY_CONVERSION] = "Conversion",
        [SQL_CATEGORY_TYPE] = "Types",
        [SQL_CATEGORY_STRING] = "Strings",
        [SQL_CATEGORY_MAP] = "Maps",
        [SQL_CATEGORY_LIST] = "Lists",
        [SQL_CATEGORY_HASH] = "Hashes",
        [SQL_CATEGORY_COMPRESSION] = "Compression",
        [SQL_CATEGORY_ENCODING] = "Encoding",
        [SQL_CATEGORY_DATE] = "Date and time",
        [SQL_CATEGORY_SYSTEM] = "System and state",
        [SQL_CATEGORY_SCHEMA] = "Schemas",
    };
    return titles[category];
}

bool sql_call_column(struct sql_call *call, struct str name, struct sql_value *out, struct error *err)
{
    *out = sql_undefined();
    return call->columns->get(call->columns->source, name, call->scope, out, err);
}

bool sql_call_payload(struct sql_call *call, struct sql_value *out, struct error *err)
{
    return sql_payload_decoded(call->payload, call->columns, call->scope, out, err);
}

bool sql_arg_error(const struct sql_value *args, size_t i, const char *expected, struct error *err)
{
    return error_set(err, ERR_INVALID, "argument %zu must be %s, not %s", i + 1, expected,
                     sql_type_name(&args[i]));
}

bool sql_arg_string(const struct sql_value *args, size_t i, struct str *out, struct error *err)
{
    if (args[i].type != SQL_STRING)
        return sql_arg_error(args, i, "a string", err);
    *out = sql_str_of(&args[i]);
    return true;
}

bool sql_arg_int(const struct sql_value *args, size_t i, sql_int128 *out, struct error *err)
{
    if (args[i].type != SQL_INT)
        return sql_arg_error(args, i, "an integer", err);
    *out = sql_int_of(&args[i]);
    return true;
}

bool sql_arg_int_range(const struct sql_value *args, size_t i, int64_t min, int64_t max, int64_t *out,
                       struct error *err)
{
    sql_int128 integer = 0;
    if (!sql_arg_int(args, i, &integer, err))
        return false;
    if (integer < min || integer > max) {
        char digits[SQL_INT_TEXT_BYTES];
        int len = (int)sql_int_text(integer, digits);
        return error_set(err, ERR_INVALID, "argument %zu must be from %lld to %lld, not %.*s", i + 1,
                         (long long)min, (long long)max, len, digits);
    }
    *out = (int64_t)integer;
    return true;
}

bool sql_arg_number(const struct sql_value *args, size_t i, double *out, struct error *err)
{
    if (!sql_is_number(&args[i]))
        return sql_arg_error(args, i, "a number", err);
    *out = sql_number_of(&args[i]);
    return true;
}

bool sql_arg_list(const struct sql_value *args, size_t i, struct error *err)
{
    return args[i].type == SQL_LIST || sql_arg_error(args, i, "a list", err);
}

bool sql_arg_map(struct sql_call *call, const struct sql_value *args, size_t i, struct sql_value *out,
                 struct error *err)
{
    *out = args[i];
    if (args[i].type == SQL_STRING && !sql_json_decode(call->scope, sql_str_of(&args[i]), out, err))
        return error_wrap(err, "argument %zu", i + 1);
    if (out->type == SQL_MAP)
        return true;
    if (args[i].type == SQL_STRING)
        return error_set(err, ERR_INVALID, "argument %zu must be the JSON of a map, not of %s", i + 1,
                         sql_type_name(out));
    return sql_arg_error(args, i, "a map", err);
}
