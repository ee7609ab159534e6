/* Arguments and results, for the files of functions. */
#include "sql/fn_internal.h"

#include <stdio.h>

bool sql_arg_text(const struct sql_value *args, size_t i, struct str *out, struct error *err)
{
    if (args[i].type == SQL_BOOL) {
        *out = args[i].boolean ? STR("true") : STR("false");
        return true;
    }
    return sql_arg_string(args, i, out, err);
}

bool sql_arg_utf8(const struct sql_value *args, size_t i, struct str *out, struct error *err)
{
    if (!sql_arg_text(args, i, out, err))
        return false;
    if (!utf8_valid(out->data, out->len))
        return error_set(err, ERR_INVALID, "argument %zu must be text in UTF-8, not other bytes", i + 1);
    return true;
}

bool sql_arg_word(const struct sql_value *args, size_t i, const char *const *words, size_t word_count,
                  size_t *out, struct error *err)
{
    struct str text;
    if (!sql_arg_string(args, i, &text, err))
        return false;
    char list[200] = "";
    for (size_t word = 0; word < word_count; word++) {
        if (str_is(text, words[word])) {
            *out = word;
            return true;
        }
        size_t len = strlen(list);
        snprintf(list + len, sizeof list - len, "%s'%s'", word == 0 ? "" : ", ", words[word]);
    }
    return error_set(err, ERR_INVALID, "argument %zu must be one of %s, not '%.*s'", i + 1, list,
                     SQL_SHOWN(text));
}

bool sql_need_room(const struct sql_scope *scope, uint64_t bytes, struct error *err)
{
    size_t room = sql_room(scope);
    return bytes <= room ||
           error_set(err, ERR_LIMIT, "the result would have %llu bytes, and the evaluation may use %zu more",
                     (unsigned long long)bytes, room);
}

bool sql_scratch_append(struct sql_scope *scope, struct str text, struct error *err)
{
    if (!sql_need_room(scope, (uint64_t)scope->scratch.len + text.len, err))
        return false;
    buf_append_str(&scope->scratch, text);
    return true;
}

bool sql_scratch_repeat(struct sql_scope *scope, struct str text, uint64_t times, struct error *err)
{
    uint64_t bytes;
    if (__builtin_mul_overflow(times, (uint64_t)text.len, &bytes) ||
        __builtin_add_overflow(bytes, (uint64_t)scope->scratch.len, &bytes))
        bytes = UINT64_MAX;
    if (!sql_need_room(scope, bytes, err))
        return false;
    if (text.len == 0)
        return true;
    buf_reserve(&scope->scratch, bytes - scope->scratch.len);
    for (uint64_t i = 0; i < times; i++)
        buf_append_str(&scope->scratch, text);
    return true;
}

bool sql_scratch_end(struct sql_scope *scope, bool built, struct sql_value *out, struct error *err)
{
    if (built)
        return sql_make_scratch(scope, out, err);
    buf_reset(&scope->scratch);
    return false;
}
