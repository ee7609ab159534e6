/* Strings by their characters: letter case, trimming, cutting, padding. What counts as one character is a grapheme
 * cluster. Where a function gives a piece of its argument, nothing is copied. */
#include "sql/fn_internal.h"
#include "sql/unicode_internal.h"

/* --- Letter case ------------------------------------------------------------------------------------ */

static bool change_case(struct sql_call *call, const struct sql_value *args, bool upper,
                        struct sql_value *out, struct error *err)
{
    struct str text;
    if (!sql_arg_utf8(args, 0, &text, err) ||
        !sql_need_room(call->scope, (uint64_t)text.len * CASE_GROWTH, err))
        return false;
    case_append(&call->scope->scratch, text, upper);
    return sql_make_scratch(call->scope, out, err);
}

SQL_FUNCTION(run_lower)
{
    return change_case(call, args, false, out, err);
}

SQL_FUNCTION(run_upper)
{
    return change_case(call, args, true, out, err);
}

/* --- Trimming --------------------------------------------------------------------------------------- */

/* White space is taken off code point by code point, so that a text need not be UTF-8 in its middle. */
static struct str trim_space(struct str text, bool leading, bool trailing)
{
    struct str rest = text;
    const char *end = text.data; /* behind the last character that is not white space */
    bool begun = !leading;
    while (rest.len != 0) {
        const char *start = rest.data;
        if (code_is_space(code_next(&rest)))
            continue;
        if (!begun) {
            text.len -= (size_t)(start - text.data);
            text.data = start;
            begun = true;
        }
        end = rest.data;
    }
    if (!begun)
        return STR("");
    if (trailing)
        text.len = (size_t)(end - text.data);
    return text;
}

static bool has_cluster(struct str set, struct str cluster)
{
    struct str member;
    while (cluster_next(&set, &member)) {
        if (str_equal(member, cluster))
            return true;
    }
    return false;
}

static struct str trim_set(struct str text, struct str set, bool leading, bool trailing)
{
    struct str rest = text, cluster;
    const char *end = text.data;
    bool begun = !leading;
    while (cluster_next(&rest, &cluster)) {
        if (has_cluster(set, cluster))
            continue;
        if (!begun) {
            text.len -= (size_t)(cluster.data - text.data);
            text.data = cluster.data;
            begun = true;
        }
        end = rest.data;
    }
    if (!begun)
        return STR("");
    if (trailing)
        text.len = (size_t)(end - text.data);
    return text;
}

static bool trim(struct sql_call *call, const struct sql_value *args, size_t count, bool leading,
                 bool trailing, struct sql_value *out, struct error *err)
{
    struct str text, set;
    if (!sql_arg_text(args, 0, &text, err))
        return false;
    if (count == 1) {
        *out = sql_string(trim_space(text, leading, trailing));
        return true;
    }
    if (!sql_arg_utf8(args, 1, &set, err) || !sql_spend(call->scope, (uint64_t)text.len * set.len / 8, err))
        return false;
    *out = sql_string(trim_set(text, set, leading, trailing));
    return true;
}

SQL_FUNCTION(run_trim)
{
    return trim(call, args, count, true, true, out, err);
}

SQL_FUNCTION(run_ltrim)
{
    return trim(call, args, count, true, false, out, err);
}

SQL_FUNCTION(run_rtrim)
{
    return trim(call, args, count, false, true, out, err);
}

SQL_FUNCTION(run_rm_prefix)
{
    struct str text, prefix;
    if (!sql_arg_text(args, 0, &text, err) || !sql_arg_text(args, 1, &prefix, err))
        return false;
    if (str_starts(text, prefix))
        text = str_make(text.data + prefix.len, text.len - prefix.len);
    *out = sql_string(text);
    return true;
}

/* --- Characters ------------------------------------------------------------------------------------- */

SQL_FUNCTION(run_reverse)
{
    struct str text, cluster;
    if (!sql_arg_text(args, 0, &text, err))
        return false;
    char *reversed = sql_alloc(call->scope, text.len, err);
    if (reversed == NULL)
        return false;
    char *at = reversed + text.len;
    for (struct str rest = text; cluster_next(&rest, &cluster);) {
        at -= cluster.len;
        memcpy(at, cluster.data, cluster.len);
    }
    *out = sql_string(str_make(reversed, text.len));
    return true;
}

SQL_FUNCTION(run_strlen)
{
    struct str text;
    if (!sql_arg_utf8(args, 0, &text, err))
        return false;
    *out = sql_int((int64_t)cluster_count(text));
    return true;
}

SQL_FUNCTION(run_substr)
{
    struct str text;
    int64_t start, len = INT64_MAX;
    if (!sql_arg_utf8(args, 0, &text, err) || !sql_arg_int_range(args, 1, 0, INT64_MAX, &start, err) ||
        (count > 2 && !sql_arg_int_range(args, 2, 0, INT64_MAX, &len, err)))
        return false;
    cluster_take(&text, (uint64_t)start);
    *out = sql_string(cluster_take(&text, (uint64_t)len));
    return true;
}

SQL_FUNCTION(run_ascii)
{
    struct str text;
    if (!sql_arg_text(args, 0, &text, err))
        return false;
    if (text.len == 0)
        return error_set(err, ERR_INVALID, "argument 1 must not be empty");
    *out = sql_int((unsigned char)text.data[0]);
    return true;
}

/* --- Padding ---------------------------------------------------------------------------------------- */

static bool append_padded(struct sql_scope *scope, struct str text, struct str pad, uint64_t before,
                          uint64_t after, struct error *err)
{
    return sql_scratch_repeat(scope, pad, before, err) && sql_scratch_append(scope, text, err) &&
           sql_scratch_repeat(scope, pad, after, err);
}

SQL_FUNCTION(run_pad)
{
    static const char *const positions[] = {"trailing", "leading", "both"};
    struct str text, pad = STR(" ");
    int64_t wanted;
    size_t position = 0;
    if (!sql_arg_utf8(args, 0, &text, err) ||
        !sql_arg_int_range(args, 1, INT64_MIN, INT64_MAX, &wanted, err) ||
        (count > 2 && !sql_arg_word(args, 2, positions, SQL_COUNT_OF(positions), &position, err)) ||
        (count > 3 && !sql_arg_utf8(args, 3, &pad, err)))
        return false;
    if (pad.len == 0)
        return error_set(err, ERR_INVALID, "argument 4 must not be empty");
    int64_t present = (int64_t)cluster_count(text);
    uint64_t missing = wanted > present ? (uint64_t)(wanted - present) : 0;
    uint64_t before = position == 0 ? 0 : position == 1 ? missing : missing / 2;
    bool built = append_padded(call->scope, text, pad, before, missing - before, err);
    return sql_scratch_end(call->scope, built, out, err);
}

static const struct sql_function rows[] = {
    SQL_ROW("lower", 1, 1, SQL_CATEGORY_STRING, "text", "the text in lower case", "lower('ABC')", "\"abc\"",
            run_lower),
    SQL_ROW("upper", 1, 1, SQL_CATEGORY_STRING, "text", "the text in upper case", "upper('abc')", "\"ABC\"",
            run_upper),
    SQL_ROW("trim", 1, 2, SQL_CATEGORY_STRING, "text[, characters]",
            "the text without white space, or without any of the characters, at both ends", "trim('  a b ')",
            "\"a b\"", run_trim),
    SQL_ROW("ltrim", 1, 2, SQL_CATEGORY_STRING, "text[, characters]", "as trim, at the start alone",
            "ltrim('  a ')", "\"a \"", run_ltrim),
    SQL_ROW("rtrim", 1, 2, SQL_CATEGORY_STRING, "text[, characters]", "as trim, at the end alone",
            "rtrim('1.500', '0')", "\"1.5\"", run_rtrim),
    SQL_ROW("rm_prefix", 2, 2, SQL_CATEGORY_STRING, "text, prefix",
            "the text without the prefix, if it has it", "rm_prefix('device/7', 'device/')", "\"7\"",
            run_rm_prefix),
    SQL_ROW("reverse", 1, 1, SQL_CATEGORY_STRING, "text", "the characters in reverse order", "reverse('abc')",
            "\"cba\"", run_reverse),
    SQL_ROW("strlen", 1, 1, SQL_CATEGORY_STRING, "text", "the number of characters", "strlen('Zürich')", "6",
            run_strlen),
    SQL_ROW("substr", 2, 3, SQL_CATEGORY_STRING, "text, start[, length]",
            "the characters from start on, which counts from 0: `length` of them, or all",
            "substr('abcdef', 2, 3)", "\"cde\"", run_substr),
    SQL_ROW("ascii", 1, 1, SQL_CATEGORY_STRING, "text",
            "the first byte as an integer; fails if there is none", "ascii('a')", "97", run_ascii),
    SQL_ROW("pad", 2, 4, SQL_CATEGORY_STRING, "text, length[, position[, character]]",
            "the text filled up to `length` characters with spaces, or with the character; position is "
            "'trailing' (the "
            "default), 'leading' or 'both'",
            "pad('7', 3, 'leading', '0')", "\"007\"", run_pad),
};

const struct sql_function_table sql_string_functions = SQL_FUNCTION_TABLE(rows);
