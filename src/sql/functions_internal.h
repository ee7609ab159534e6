/* The tables that function.c gathers, in the order of the reference. */
#ifndef SQL_FUNCTIONS_INTERNAL_H
#define SQL_FUNCTIONS_INTERNAL_H

#include "sql/function.h"

#define SQL_FUNCTION_TABLE(array)                   \
    {                                               \
        (array), sizeof(array) / sizeof((array)[0]) \
    }

extern const struct sql_function_table sql_column_functions;
extern const struct sql_function_table sql_topic_functions;
extern const struct sql_function_table sql_null_functions;
extern const struct sql_function_table sql_type_functions;
extern const struct sql_function_table sql_arithmetic_functions;
extern const struct sql_function_table sql_math_functions;
extern const struct sql_function_table sql_bits_functions;
extern const struct sql_function_table sql_binary_functions;
extern const struct sql_function_table sql_convert_functions;
extern const struct sql_function_table sql_string_functions;
extern const struct sql_function_table sql_text_functions;
extern const struct sql_function_table sql_format_functions;
extern const struct sql_function_table sql_regex_functions;
extern const struct sql_function_table sql_jq_functions;
extern const struct sql_function_table sql_map_functions;
extern const struct sql_function_table sql_list_functions;
extern const struct sql_function_table sql_hash_functions;
extern const struct sql_function_table sql_compress_functions;
extern const struct sql_function_table sql_encode_functions;
extern const struct sql_function_table sql_time_functions;
extern const struct sql_function_table sql_state_functions;
extern const struct sql_function_table sql_sparkplug_functions;

#endif
