/* Built-in functions: one row each, from which the compiler, the evaluator, docs/sql/ and completion all read.
 *
 * The rows are in tables, one in each file fn_<category>.c; function.c gathers the tables. The compiler looks functions
 * up by name when a rule is created, and refuses unknown names and wrong numbers of arguments there. */
#ifndef SQL_FUNCTION_H
#define SQL_FUNCTION_H

#include "sql/columns.h"
#include "sql/value.h"

struct sql_call;

/* Computes *out from args[0 … count - 1]; count is between the row's args_min and args_max. Values of *out may share
 * what the arguments point to. Arguments can have any type: the sql_arg_ functions check and convert.
 *
 * The caller charges steps for the sizes of arguments and result; a function whose work is not linear in them calls
 * sql_spend() itself. An error's text need not name the function: the caller puts it in front.
 *
 * Runs on any thread, several at a time for the same call: state beyond the call is guarded by the function. */
typedef bool sql_function_fn(struct sql_call *call, const struct sql_value *args, size_t count,
                             struct sql_value *out, struct error *err);

enum sql_category {
    SQL_CATEGORY_COLUMN,
    SQL_CATEGORY_TOPIC,
    SQL_CATEGORY_NULL,
    SQL_CATEGORY_ARITHMETIC,
    SQL_CATEGORY_MATH,
    SQL_CATEGORY_BITS,
    SQL_CATEGORY_BINARY,
    SQL_CATEGORY_CONVERSION,
    SQL_CATEGORY_TYPE,
    SQL_CATEGORY_STRING,
    SQL_CATEGORY_MAP,
    SQL_CATEGORY_LIST,
    SQL_CATEGORY_HASH,
    SQL_CATEGORY_COMPRESSION,
    SQL_CATEGORY_ENCODING,
    SQL_CATEGORY_DATE,
    SQL_CATEGORY_SYSTEM,
    SQL_CATEGORY_SCHEMA,
    SQL_CATEGORY_COUNT
};

#define SQL_ARGS_ANY 255

struct sql_function {
    const char *name; /* looked up exactly as it is written */
    uint8_t args_min;
    uint8_t args_max; /* SQL_ARGS_ANY: no limit but that of the program's size */
    enum sql_category category;
    const char *parameters; /* for the reference: "text, start[, length]" */
    const char *summary;    /* one line: what it gives, and when it fails */
    const char *example;    /* an expression: "substr('abcdef', 2, 3)" */
    const char *result;     /* what the example gives, as JSON; NULL if that is not always the same */
    sql_function_fn *run;

    /* Both NULL, or: what can be made ready when the rule is created, from arguments that are literals (the others are
     * undefined), such as a compiled pattern. `prepare` returns what call->prepared is in each call, or NULL if there is
     * nothing to keep, an argument being wrong among the reasons: then `run` finds that out. What it returns is only read
     * afterwards, by any thread, until `release` when the rule goes. */
    void *(*prepare)(const struct sql_value *args, size_t count);
    void (*release)(void *prepared);
};

/* What a function may ask during a call. */
struct sql_call {
    const struct sql_function *function;
    struct sql_scope *scope;
    const struct sql_columns *columns; /* of the message or event; sql_call_column() */
    void *prepared;                    /* see above */
    struct sql_payload *payload;       /* decoded once in an evaluation; sql_call_payload() */
};

/* A column of the message or event, undefined if there is none. Errors: as those of the source. */
bool sql_call_column(struct sql_call *call, struct str name, struct sql_value *out, struct error *err);
/* The column `payload`, decoded from JSON once in an evaluation. Errors: as sql_json_decode. */
bool sql_call_payload(struct sql_call *call, struct sql_value *out, struct error *err);

/* Argument i (from 0), of the type that its name says.
 * Errors: ERR_INVALID "argument 2 must be a string, not an integer". */
bool sql_arg_string(const struct sql_value *args, size_t i, struct str *out, struct error *err);
bool sql_arg_int(const struct sql_value *args, size_t i, sql_int128 *out, struct error *err);
/* An integer within min … max; the error names them. */
bool sql_arg_int_range(const struct sql_value *args, size_t i, int64_t min, int64_t max, int64_t *out,
                       struct error *err);
bool sql_arg_number(const struct sql_value *args, size_t i, double *out, struct error *err);
bool sql_arg_list(const struct sql_value *args, size_t i, struct error *err);
/* A map, or a string that is the JSON of one, decoded. */
bool sql_arg_map(struct sql_call *call, const struct sql_value *args, size_t i, struct sql_value *out,
                 struct error *err);
/* "argument 2 must be <expected>, not an integer"; returns false. */
bool sql_arg_error(const struct sql_value *args, size_t i, const char *expected, struct error *err);

struct sql_function_table {
    const struct sql_function *rows;
    size_t count;
};

/* All tables; *count of them. */
const struct sql_function_table *const *sql_function_tables(size_t *count);
/* The row, or NULL. */
const struct sql_function *sql_function_find(struct str name);
/* "Column access", "Strings", …: as headings of the reference. */
const char *sql_category_title(enum sql_category category);

#endif
