/* Strings by what is in them: splitting and joining, searching and replacing.
 *
 * Pieces of an argument are given without copying. What is searched for is compared byte by byte; in UTF-8 a match
 * therefore begins and ends with a character. */
#include "sql/fn_internal.h"
#include "sql/unicode_internal.h"

/* --- Searching -------------------------------------------------------------------------------------- */

static struct str from(struct str text, size_t start)
{
    return str_make(text.data + start, text.len - start);
}

/* Where `what`, not empty, is first in the text from `start` on; SIZE_MAX if it is not. */
static size_t find_first(struct str text, size_t start, struct str what)
{
    if (what.len > text.len - start)
        return SIZE_MAX;
    const char *at = memmem(text.data + start, text.len - start, what.data, what.len);
    return at != NULL ? (size_t)(at - text.data) : SIZE_MAX;
}

/* Where it is last. Errors: ERR_LIMIT. */
static bool find_last(struct sql_scope *scope, struct str text, struct str what, size_t *out,
                      struct error *err)
{
    *out = SIZE_MAX;
    for (size_t at = what.len <= text.len ? text.len - what.len + 1 : 0; at-- > 0;) {
        if (text.data[at] != what.data[0])
            continue;
        if (!sql_spend(scope, 1 + what.len / 64, err))
            return false;
        if (memcmp(text.data + at, what.data, what.len) == 0) {
            *out = at;
            return true;
        }
    }
    return true;
}

SQL_FUNCTION(run_find)
{
    static const char *const positions[] = {"leading", "trailing"};
    struct str text, what;
    size_t position = 0, at;
    if (!sql_arg_text(args, 0, &text, err) || !sql_arg_text(args, 1, &what, err) ||
        (count > 2 && !sql_arg_word(args, 2, positions, SQL_COUNT_OF(positions), &position, err)))
        return false;
    if (what.len == 0) {
        *out = args[0];
        return true;
    }
    if (position == 0)
        at = find_first(text, 0, what);
    else if (!find_last(call->scope, text, what, &at, err))
        return false;
    *out = sql_string(at != SIZE_MAX ? from(text, at) : STR(""));
    return true;
}

/* --- Replacing -------------------------------------------------------------------------------------- */

/* Replaces `what` where it is first from *start on, and moves *start behind it; *found tells whether it was there. */
static bool replace_next(struct sql_scope *scope, struct str text, struct str what, struct str by,
                         size_t *start, bool *found, struct error *err)
{
    size_t at = find_first(text, *start, what);
    *found = at != SIZE_MAX;
    if (!*found)
        return true;
    if (!sql_scratch_append(scope, str_make(text.data + *start, at - *start), err) ||
        !sql_scratch_append(scope, by, err))
        return false;
    *start = at + what.len;
    return true;
}

enum replace { REPLACE_ALL, REPLACE_LEADING, REPLACE_TRAILING };

static bool replace(struct sql_scope *scope, struct str text, struct str what, struct str by,
                    enum replace which, struct error *err)
{
    size_t start = 0, at;
    bool found = true;
    if (which == REPLACE_TRAILING) {
        if (!find_last(scope, text, what, &at, err))
            return false;
        if (at != SIZE_MAX) {
            start = at + what.len;
            if (!sql_scratch_append(scope, str_make(text.data, at), err) ||
                !sql_scratch_append(scope, by, err))
                return false;
        }
    }
    while (found && which != REPLACE_TRAILING) {
        if (!replace_next(scope, text, what, by, &start, &found, err))
            return false;
        if (which == REPLACE_LEADING)
            break;
    }
    return sql_scratch_append(scope, from(text, start), err);
}

SQL_FUNCTION(run_replace)
{
    static const char *const positions[] = {"all", "leading", "trailing"};
    struct str text, what, by;
    size_t which = REPLACE_ALL;
    if (!sql_arg_text(args, 0, &text, err) || !sql_arg_text(args, 1, &what, err) ||
        !sql_arg_text(args, 2, &by, err) ||
        (count > 3 && !sql_arg_word(args, 3, positions, SQL_COUNT_OF(positions), &which, err)))
        return false;
    if (what.len == 0) {
        *out = sql_string(text);
        return true;
    }
    bool built = replace(call->scope, text, what, by, (enum replace)which, err);
    return sql_scratch_end(call->scope, built, out, err);
}

/* --- Splitting -------------------------------------------------------------------------------------- */

static bool add_piece(struct sql_list_builder *list, struct str piece, bool keep_empty, struct error *err)
{
    return (piece.len == 0 && !keep_empty) || sql_list_add(list, sql_string(piece), err);
}

static bool split_all(struct sql_list_builder *list, struct str text, struct str separator, bool keep_empty,
                      struct error *err)
{
    size_t start = 0, at;
    while ((at = find_first(text, start, separator)) != SIZE_MAX) {
        if (!add_piece(list, str_make(text.data + start, at - start), keep_empty, err))
            return false;
        start = at + separator.len;
    }
    return add_piece(list, from(text, start), keep_empty, err);
}

static bool split_once(struct sql_list_builder *list, struct str text, struct str separator, size_t at,
                       bool keep_empty, struct error *err)
{
    if (at == SIZE_MAX)
        return add_piece(list, text, keep_empty, err);
    return add_piece(list, str_make(text.data, at), keep_empty, err) &&
           add_piece(list, from(text, at + separator.len), keep_empty, err);
}

SQL_FUNCTION(run_split)
{
    static const char *const options[] = {"notrim", "leading", "leading_notrim", "trailing",
                                          "trailing_notrim"};
    enum { ALL_KEEP, LEADING, LEADING_KEEP, TRAILING, TRAILING_KEEP, ALL };
    struct str text, separator;
    size_t option = ALL, at = SIZE_MAX;
    if (!sql_arg_text(args, 0, &text, err) || !sql_arg_text(args, 1, &separator, err) ||
        (count > 2 && !sql_arg_word(args, 2, options, SQL_COUNT_OF(options), &option, err)))
        return false;
    bool keep_empty = option == ALL_KEEP || option == LEADING_KEEP || option == TRAILING_KEEP;
    struct sql_list_builder list = sql_list_begin(call->scope);
    bool split;
    if (separator.len == 0) {
        split = add_piece(&list, text, keep_empty, err);
    } else if (option == ALL || option == ALL_KEEP) {
        split = split_all(&list, text, separator, keep_empty, err);
    } else if (option == LEADING || option == LEADING_KEEP) {
        at = find_first(text, 0, separator);
        split = split_once(&list, text, separator, at, keep_empty, err);
    } else {
        split = find_last(call->scope, text, separator, &at, err) &&
                split_once(&list, text, separator, at, keep_empty, err);
    }
    if (!split)
        return false;
    *out = sql_list_end(&list);
    return true;
}

/* Characters that separate: one bit for each of ASCII, and the text itself for the others. */
struct separators {
    uint64_t ascii[2];
    struct str others;
};

static struct separators separators_of(struct str characters, bool line_ends)
{
    struct separators separators = {.others = characters};
    for (size_t i = 0; i < characters.len; i++) {
        unsigned char c = (unsigned char)characters.data[i];
        if (c < 0x80)
            separators.ascii[c >> 6] |= UINT64_C(1) << (c & 63);
    }
    if (line_ends)
        separators.ascii[0] |= UINT64_C(1) << '\r' | UINT64_C(1) << '\n';
    return separators;
}

/* `character` is one code point of a text. */
static bool separates(const struct separators *separators, struct str character)
{
    unsigned char c = (unsigned char)character.data[0];
    if (c < 0x80)
        return (separators->ascii[c >> 6] >> (c & 63) & 1) != 0;
    return find_first(separators->others, 0, character) != SIZE_MAX;
}

SQL_FUNCTION(run_tokens)
{
    static const char *const options[] = {"nocrlf"};
    struct str text, characters;
    size_t option;
    if (!sql_arg_text(args, 0, &text, err) || !sql_arg_text(args, 1, &characters, err) ||
        (count > 2 && !sql_arg_word(args, 2, options, SQL_COUNT_OF(options), &option, err)))
        return false;
    struct separators separators = separators_of(characters, count > 2);
    struct sql_list_builder list = sql_list_begin(call->scope);
    const char *start = text.data;
    for (struct str rest = text; rest.len != 0;) {
        const char *at = rest.data;
        code_next(&rest);
        struct str character = str_make(at, (size_t)(rest.data - at));
        if ((unsigned char)*at >= 0x80 && !sql_spend(call->scope, 1 + characters.len / 64, err))
            return false;
        if (!separates(&separators, character))
            continue;
        if (!add_piece(&list, str_make(start, (size_t)(at - start)), false, err))
            return false;
        start = rest.data;
    }
    if (text.len != 0 && !add_piece(&list, from(text, (size_t)(start - text.data)), false, err))
        return false;
    *out = sql_list_end(&list);
    return true;
}

/* --- Joining ---------------------------------------------------------------------------------------- */

static bool append_text(struct sql_scope *scope, const struct sql_value *value, struct error *err)
{
    return sql_text_append(&scope->scratch, value, sql_room(scope), err);
}

static bool join(struct sql_call *call, struct str separator, const struct sql_value *items, size_t count,
                 struct sql_value *out, struct error *err)
{
    bool built = true;
    for (size_t i = 0; i < count && built; i++) {
        built = (i == 0 || sql_scratch_append(call->scope, separator, err)) &&
                append_text(call->scope, &items[i], err);
    }
    return sql_scratch_end(call->scope, built, out, err);
}

SQL_FUNCTION(run_concat)
{
    if (count == 2)
        return join(call, STR(""), args, 2, out, err);
    return sql_arg_list(args, 0, err) && join(call, STR(""), args[0].items, args[0].len, out, err);
}

SQL_FUNCTION(run_join_to_string)
{
    struct str separator = STR(", ");
    if ((count == 2 && !sql_arg_text(args, 0, &separator, err)) || !sql_arg_list(args, count - 1, err))
        return false;
    return join(call, separator, args[count - 1].items, args[count - 1].len, out, err);
}

/* A string literal of SQL: in single quotes, those within doubled. */
static bool append_quoted(struct sql_scope *scope, struct str text, struct error *err)
{
    if (!sql_scratch_append(scope, STR("'"), err))
        return false;
    size_t start = 0, at;
    while ((at = find_first(text, start, STR("'"))) != SIZE_MAX) {
        if (!sql_scratch_append(scope, str_make(text.data + start, at + 1 - start), err) ||
            !sql_scratch_append(scope, STR("'"), err))
            return false;
        start = at + 1;
    }
    return sql_scratch_append(scope, from(text, start), err) && sql_scratch_append(scope, STR("'"), err);
}

static bool append_sql_value(struct sql_scope *scope, const struct sql_value *value, struct str json,
                             struct error *err)
{
    switch ((enum sql_type)value->type) {
    case SQL_UNDEFINED:
    case SQL_NULL: return sql_scratch_append(scope, STR("NULL"), err);
    case SQL_BOOL: return append_quoted(scope, value->boolean ? STR("true") : STR("false"), err);
    case SQL_INT:
    case SQL_FLOAT: return append_text(scope, value, err);
    case SQL_STRING: return append_quoted(scope, sql_str_of(value), err);
    case SQL_LIST:
    case SQL_MAP: break;
    }
    return append_quoted(scope, json, err);
}

SQL_FUNCTION(run_join_to_sql_values_string)
{
    if (!sql_arg_list(args, 0, err))
        return false;
    const struct sql_value *list = &args[0];
    /* The JSON of lists and maps first, because that is made in the scratch buffer, too. */
    struct str *json = sql_alloc(call->scope, list->len * sizeof *json, err);
    if (json == NULL)
        return false;
    for (uint32_t i = 0; i < list->len; i++) {
        bool nested = list->items[i].type == SQL_LIST || list->items[i].type == SQL_MAP;
        if (nested && !sql_text_of(call->scope, &list->items[i], &json[i], err))
            return false;
    }
    bool built = true;
    for (uint32_t i = 0; i < list->len && built; i++) {
        built = (i == 0 || sql_scratch_append(call->scope, STR(", "), err)) &&
                append_sql_value(call->scope, &list->items[i], json[i], err);
    }
    return sql_scratch_end(call->scope, built, out, err);
}

/* --- Escapes ---------------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The digits behind \x, as many as there are; *at is behind them afterwards. */
static bool unescape_hex(struct sql_scope *scope, struct str text, size_t *at, struct error *err)
{
    int32_t code = 0;
    size_t start = *at;
    for (; *at < text.len && hex_digit(text.data[*at]) >= 0; ++*at) {
        code = code * 16 + hex_digit(text.data[*at]);
        if (code > 0x10ffff)
            return error_set(err, ERR_INVALID, "\\x%.*s is beyond the last character, \\x10FFFF",
                             SQL_SHOWN(from(text, start)));
    }
    if (*at == start)
        return error_set(err, ERR_INVALID, "\\x has no hexadecimal digits behind it");
    if (code >= 0xd800 && code <= 0xdfff)
        return error_set(err, ERR_INVALID, "\\x%x is half of a surrogate pair and no character",
                         (unsigned)code);
    code_append(&scope->scratch, code);
    return true;
}

static bool unescape_one(struct sql_scope *scope, struct str text, size_t *at, struct error *err)
{
    static const char letters[] = "\\ntrbfv'\"?a";
    static const char meanings[] = "\\\n\t\r\b\f\v'\"?\a";
    if (*at == text.len)
        return error_set(err, ERR_INVALID, "the text ends with a single \\");
    char letter = text.data[(*at)++];
    if (letter == 'x')
        return unescape_hex(scope, text, at, err);
    const char *known = memchr(letters, letter, sizeof letters - 1);
    if (known == NULL) {
        return error_set(err, ERR_INVALID,
                         "'\\%.*s' begins with no escape that is known: write \\\\ for a backslash",
                         SQL_SHOWN(from(text, *at - 1)));
    }
    buf_append_byte(&scope->scratch, (uint8_t)meanings[known - letters]);
    return true;
}

SQL_FUNCTION(run_unescape)
{
    struct str text;
    if (!sql_arg_text(args, 0, &text, err) || !sql_need_room(call->scope, text.len, err))
        return false;
    bool built = true;
    for (size_t at = 0; built && at < text.len;) {
        if (text.data[at] == '\\') {
            at++;
            built = unescape_one(call->scope, text, &at, err);
        } else {
            buf_append_byte(&call->scope->scratch, (uint8_t)text.data[at++]);
        }
    }
    return sql_scratch_end(call->scope, built, out, err);
}

static const struct sql_function rows[] = {
    SQL_ROW("split", 2, 3, SQL_CATEGORY_STRING, "text, separator[, option]",
            "the pieces between the separators, without empty ones; option 'notrim' keeps empty pieces, "
            "'leading' "
            "and 'trailing' split at the first and the last separator alone, 'leading_notrim' and "
            "'trailing_notrim' "
            "do both",
            "split('a/b//c', '/')", "[\"a\",\"b\",\"c\"]", run_split),
    SQL_ROW("tokens", 2, 3, SQL_CATEGORY_STRING, "text, separators[, 'nocrlf']",
            "the pieces between characters that are among the separators, without empty ones; with 'nocrlf' "
            "line ends "
            "separate, too",
            "tokens('a,b;c', ',;')", "[\"a\",\"b\",\"c\"]", run_tokens),
    SQL_ROW(
        "find", 2, 3, SQL_CATEGORY_STRING, "text, part[, position]",
        "the text from the part on, where it is first or, with 'trailing', last; '' if it is not in the text",
        "find('a/b/c', '/', 'trailing')", "\"/c\"", run_find),
    SQL_ROW(
        "replace", 3, 4, SQL_CATEGORY_STRING, "text, part, by[, position]",
        "the text with another in place of the part, everywhere ('all'), or at the first ('leading') or last "
        "('trailing') place alone",
        "replace('a-b-c', '-', '+')", "\"a+b+c\"", run_replace),
    SQL_ROW("concat", 1, 2, SQL_CATEGORY_STRING, "a, b | list",
            "the texts of both, or of all items, one after the other", "concat('t/', 7)", "\"t/7\"",
            run_concat),
    SQL_ROW("join_to_string", 1, 2, SQL_CATEGORY_STRING, "[separator, ]list",
            "the texts of the items with the separator between them, which is ', ' unless given",
            "join_to_string('-', [1, 'a', true])", "\"1-a-true\"", run_join_to_string),
    SQL_ROW("join_to_sql_values_string", 1, 1, SQL_CATEGORY_STRING, "list",
            "the items as literals of standard SQL with ', ' between them: strings, booleans, and the JSON "
            "of lists and maps in "
            "single quotes, those within doubled; undefined and null as NULL",
            "join_to_sql_values_string(['a', 1, true])", "\"'a', 1, 'true'\"", run_join_to_sql_values_string),
    SQL_ROW("unescape", 1, 1, SQL_CATEGORY_STRING, "text",
            "the text with the escapes \\\\ \\n \\t \\r \\b \\f \\v \\' \\\" \\? \\a and \\xHH… (a code "
            "point) replaced "
            "by what they stand for; fails for others",
            "unescape('a\\tb\\x21')", "\"a\\tb!\"", run_unescape),
};

const struct sql_function_table sql_text_functions = SQL_FUNCTION_TABLE(rows);
