/* What the files of functions, fn_*.c, share. */
#ifndef SQL_FN_INTERNAL_H
#define SQL_FN_INTERNAL_H

#include "sql/functions_internal.h"

#define SQL_UNUSED __attribute__((unused))

/* Heads a function of the language: call, args, count, out and err are its parameters (sql_function_fn). */
#define SQL_FUNCTION(name)                                                                      \
    static bool name(SQL_UNUSED struct sql_call *call, SQL_UNUSED const struct sql_value *args, \
                     SQL_UNUSED size_t count, SQL_UNUSED struct sql_value *out,                 \
                     SQL_UNUSED struct error *err)

/* A row whose function has nothing to prepare. */
#define SQL_ROW(...)            \
    {                           \
        __VA_ARGS__, NULL, NULL \
    }

/* How much of a text an error may show: ERR text "'%.*s'", SQL_SHOWN(text). */
#define SQL_SHOWN_BYTES 40
#define SQL_SHOWN(text) (int)((text).len < SQL_SHOWN_BYTES ? (text).len : SQL_SHOWN_BYTES), (text).data

/* Argument i as text: a string, or a boolean as 'true' or 'false'. Errors: ERR_INVALID. */
bool sql_arg_text(const struct sql_value *args, size_t i, struct str *out, struct error *err);
/* The same, which has to be UTF-8. */
bool sql_arg_utf8(const struct sql_value *args, size_t i, struct str *out, struct error *err);
/* Argument i is one of the words; *out its number. Errors: ERR_INVALID, with all of them. */
bool sql_arg_word(const struct sql_value *args, size_t i, const char *const *words, size_t word_count,
                  size_t *out, struct error *err);
#define SQL_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The value at a path of keys such as 'a.b' below `value`; strings on the way are decoded if they are JSON. *found tells
 * whether there is one. Errors: ERR_LIMIT. */
bool sql_get_path(struct sql_call *call, struct sql_value value, struct str path, struct sql_value *out,
                  bool *found, struct error *err);

/* Whether the evaluation may have a result of so many bytes. Ask before making it. Errors: ERR_LIMIT. */
bool sql_need_room(const struct sql_scope *scope, uint64_t bytes, struct error *err);

/* Appends to the scope's scratch buffer what leaves it within the room of the scope. After an error the buffer is
 * to be reset, which sql_scratch_end() does. */
bool sql_scratch_append(struct sql_scope *scope, struct str text, struct error *err);
bool sql_scratch_repeat(struct sql_scope *scope, struct str text, uint64_t times, struct error *err);
/* Makes the buffer's text a string if `built`, and empties the buffer in any case. Returns whether *out is set. */
bool sql_scratch_end(struct sql_scope *scope, bool built, struct sql_value *out, struct error *err);

#endif
