/* Regular expressions: PCRE2, compiled to machine code where the machine allows that.
 *
 * A pattern that is a literal is compiled when the rule is created. Others are kept in a small cache of the thread,
 * where the one used longest ago makes room. Patterns and texts are UTF-8; in bytes that are not, nothing matches, but
 * the rest of the text still does.
 *
 * No pattern runs for ever: a single match may try MATCH_LIMIT times and use STACK_BYTES_MAX of stack, and all matches of
 * one call have CALL_MS_MAX. */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "sql/fn_internal.h"

#include <pcre2.h>
#include <pthread.h>

#define PATTERN_BYTES_MAX 10000
#define MATCH_LIMIT       1000000U
#define DEPTH_LIMIT       10000U     /* of the interpreter */
#define HEAP_LIMIT_KIB    (8 * 1024) /* of the interpreter */
#define STACK_BYTES_START ((size_t)32 * 1024)
#define STACK_BYTES_MAX   ((size_t)4 * 1024 * 1024)
#define CALL_MS_MAX       1000
#define CACHE_SIZE        32 /* patterns of a thread that are no literals */

/* --- Compiling -------------------------------------------------------------------------------------- */

static pcre2_code *compile(struct str pattern, struct error *err)
{
    if (pattern.len > PATTERN_BYTES_MAX) {
        error_set(err, ERR_INVALID, "the regular expression is longer than %d bytes", PATTERN_BYTES_MAX);
        return NULL;
    }
    int code;
    PCRE2_SIZE at;
    uint32_t options = PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)(pattern.len != 0 ? pattern.data : ""), pattern.len,
                                         options, &code, &at, NULL);
    if (compiled == NULL) {
        PCRE2_UCHAR text[120];
        pcre2_get_error_message(code, text, sizeof text);
        error_set(err, ERR_INVALID, "the regular expression '%.*s' is wrong at byte %zu: %s",
                  SQL_SHOWN(pattern), (size_t)at + 1, (const char *)text);
        return NULL;
    }
    (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE); /* else the interpreter matches */
    return compiled;
}

static void *prepare_pattern(const struct sql_value *args, size_t count)
{
    return count > 1 && args[1].type == SQL_STRING ? compile(sql_str_of(&args[1]), NULL) : NULL;
}

static void release_pattern(void *prepared)
{
    pcre2_code_free(prepared);
}

/* --- What a thread keeps ---------------------------------------------------------------------------- */

struct cached {
    uint64_t hash;
    char *pattern;
    size_t pattern_len;
    pcre2_code *code; /* NULL: free */
    uint64_t used;    /* the count of uses at its last one */
};

struct workshop {
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    pcre2_match_data *match; /* for as many groups as any pattern had */
    uint32_t match_pairs;
    uint64_t uses;
    struct cached cache[CACHE_SIZE];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key; /* only for what its destructor does */
static _Thread_local struct workshop *workshop_of_thread;

static void forget(struct cached *cached)
{
    pcre2_code_free(cached->code);
    mem_free(cached->pattern);
    *cached = (struct cached){0};
}

static void close_workshop(void *arg)
{
    struct workshop *workshop = arg;
    for (size_t i = 0; i < CACHE_SIZE; i++)
        forget(&workshop->cache[i]);
    pcre2_match_data_free(workshop->match);
    pcre2_jit_stack_free(workshop->stack);
    pcre2_match_context_free(workshop->context);
    mem_free(workshop);
    workshop_of_thread = NULL;
}

static void make_key(void)
{
    if (pthread_key_create(&key, close_workshop) != 0)
        abort(); /* the process has more kinds of thread data than it can */
}

/* The thread's, made at its first use; NULL if memory is short. */
static struct workshop *workshop_get(struct error *err)
{
    if (workshop_of_thread != NULL)
        return workshop_of_thread;
    pthread_once(&once, make_key);
    struct workshop *workshop = mem_zalloc(sizeof *workshop);
    workshop->context = pcre2_match_context_create(NULL);
    workshop->stack = pcre2_jit_stack_create(STACK_BYTES_START, STACK_BYTES_MAX, NULL);
    if (workshop->context == NULL || workshop->stack == NULL || pthread_setspecific(key, workshop) != 0) {
        close_workshop(workshop);
        error_set(err, ERR_NO_MEMORY, "there is no memory for regular expressions");
        return NULL;
    }
    pcre2_set_match_limit(workshop->context, MATCH_LIMIT);
    pcre2_set_depth_limit(workshop->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(workshop->context, HEAP_LIMIT_KIB);
    pcre2_jit_stack_assign(workshop->context, NULL, workshop->stack);
    workshop_of_thread = workshop;
    return workshop;
}

static pcre2_code *compile_cached(struct workshop *workshop, struct str pattern, struct error *err)
{
    uint64_t hash = hash_bytes(pattern.data, pattern.len);
    struct cached *oldest = &workshop->cache[0];
    workshop->uses++;
    for (size_t i = 0; i < CACHE_SIZE; i++) {
        struct cached *cached = &workshop->cache[i];
        if (cached->code != NULL && cached->hash == hash &&
            str_equal(str_make(cached->pattern, cached->pattern_len), pattern)) {
            cached->used = workshop->uses;
            return cached->code;
        }
        if (cached->used < oldest->used)
            oldest = cached;
    }
    pcre2_code *code = compile(pattern, err);
    if (code == NULL)
        return NULL;
    forget(oldest);
    *oldest = (struct cached){hash, str_dup(pattern), pattern.len, code, workshop->uses};
    return code;
}

/* --- Matching --------------------------------------------------------------------------------------- */

struct matcher {
    struct workshop *workshop;
    const pcre2_code *code;
    struct str text;
    int64_t deadline_ns;
    unsigned matches;
    int groups;             /* of the match: the highest that took part + 1 */
    const PCRE2_SIZE *ends; /* start and end of each */
};

static bool room_for_groups(struct workshop *workshop, const pcre2_code *code, struct error *err)
{
    uint32_t groups = 0;
    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
    if (workshop->match != NULL && groups < workshop->match_pairs)
        return true;
    pcre2_match_data *match = pcre2_match_data_create(groups + 1, NULL);
    if (match == NULL)
        return error_set(err, ERR_NO_MEMORY, "there is no memory for the groups of the regular expression");
    pcre2_match_data_free(workshop->match);
    workshop->match = match;
    workshop->match_pairs = groups + 1;
    return true;
}

/* With arguments 0, the text, and 1, the pattern. */
static bool matcher_begin(struct matcher *matcher, struct sql_call *call, const struct sql_value *args,
                          struct error *err)
{
    struct str pattern;
    *matcher = (struct matcher){0};
    if (!sql_arg_text(args, 0, &matcher->text, err) || !sql_arg_string(args, 1, &pattern, err))
        return false;
    if (matcher->text.data == NULL)
        matcher->text = STR("");
    matcher->workshop = workshop_get(err);
    if (matcher->workshop == NULL)
        return false;
    matcher->code = call->prepared != NULL ? call->prepared : compile_cached(matcher->workshop, pattern, err);
    return matcher->code != NULL && room_for_groups(matcher->workshop, matcher->code, err);
}

/* The first match from `start` on. Errors: ERR_LIMIT. */
static bool match(struct matcher *matcher, size_t start, uint32_t options, bool *found, struct error *err)
{
    if (matcher->matches++ == 1)
        matcher->deadline_ns = clock_mono_ns() + CALL_MS_MAX * INT64_C(1000000);
    if (matcher->matches % 64 == 0 && clock_mono_ns() > matcher->deadline_ns)
        return error_set(err, ERR_LIMIT, "the matches of the regular expression took more than %d ms",
                         CALL_MS_MAX);
    struct workshop *workshop = matcher->workshop;
    int result = pcre2_match(matcher->code, (PCRE2_SPTR)matcher->text.data, matcher->text.len, start, options,
                             workshop->match, workshop->context);
    *found = result > 0;
    if (result > 0) {
        matcher->groups = result;
        matcher->ends = pcre2_get_ovector_pointer(workshop->match);
        return true;
    }
    if (result == PCRE2_ERROR_NOMATCH)
        return true;
    PCRE2_UCHAR text[120];
    pcre2_get_error_message(result, text, sizeof text);
    error_set(err, ERR_LIMIT, "the regular expression was given up: %s", (const char *)text);
    return error_hint(err,
                      "nested repetitions such as (a+)+ take very long: write the expression without them");
}

static struct str group(const struct matcher *matcher, unsigned i)
{
    if (i >= (unsigned)matcher->groups || matcher->ends[2 * i] == PCRE2_UNSET)
        return STR("");
    return str_make(matcher->text.data + matcher->ends[2 * i],
                    matcher->ends[2 * i + 1] - matcher->ends[2 * i]);
}

SQL_FUNCTION(run_regex_match)
{
    struct matcher matcher;
    bool found = false;
    if (!matcher_begin(&matcher, call, args, err) || !match(&matcher, 0, 0, &found, err))
        return false;
    *out = sql_bool(found);
    return true;
}

SQL_FUNCTION(run_regex_extract)
{
    struct matcher matcher;
    bool found = false;
    if (!matcher_begin(&matcher, call, args, err) || !match(&matcher, 0, 0, &found, err))
        return false;
    struct sql_list_builder list = sql_list_begin(call->scope);
    for (int i = 1; found && i < matcher.groups; i++) {
        if (!sql_list_add(&list, sql_string(group(&matcher, (unsigned)i)), err))
            return false;
    }
    *out = sql_list_end(&list);
    return true;
}

/* --- Replacing -------------------------------------------------------------------------------------- */

/* The number of a group behind a backslash: 1, g1 or g{1}. False if there is none; *rest is behind it if there is. */
static bool group_number(struct str *rest, unsigned *number)
{
    size_t at = 0, len = rest->len;
    const char *text = rest->data;
    bool long_form = at < len && text[at] == 'g';
    at += long_form;
    bool braces = long_form && at < len && text[at] == '{';
    at += braces;
    size_t digits = at;
    *number = 0;
    while (at < len && text[at] >= '0' && text[at] <= '9' && at - digits < 5)
        *number = *number * 10 + (unsigned)(text[at++] - '0');
    if (at == digits || (braces && (at == len || text[at] != '}')))
        return false;
    at += braces;
    *rest = str_make(text + at, len - at);
    return true;
}

/* & and \0: the match; \1 …: a group; \& and \\: themselves. */
static bool append_replacement(struct sql_scope *scope, const struct matcher *matcher, struct str by,
                               struct error *err)
{
    unsigned number;
    while (by.len != 0) {
        struct str piece = str_make(by.data, 1);
        by = str_make(by.data + 1, by.len - 1);
        if (piece.data[0] == '&') {
            piece = group(matcher, 0);
        } else if (piece.data[0] == '\\' && group_number(&by, &number)) {
            piece = group(matcher, number);
        } else if (piece.data[0] == '\\' && by.len != 0 && (by.data[0] == '&' || by.data[0] == '\\')) {
            piece = str_make(by.data, 1);
            by = str_make(by.data + 1, by.len - 1);
        }
        if (!sql_scratch_append(scope, piece, err))
            return false;
    }
    return true;
}

/* Where the character at `at` ends; one byte for what is not UTF-8. */
static size_t behind_character(struct str text, size_t at)
{
    at++;
    while (at < text.len && ((unsigned char)text.data[at] & 0xc0) == 0x80)
        at++;
    return at;
}

/* After an empty match the next one may begin at the same place only if it is not empty; else the search goes on behind
 * the next character. */
static bool replace_all(struct sql_scope *scope, struct matcher *matcher, struct str by, struct error *err)
{
    struct str text = matcher->text;
    size_t copied = 0, start = 0;
    uint32_t options = 0;
    while (start <= text.len) {
        bool found = false;
        if (!match(matcher, start, options, &found, err))
            return false;
        if (!found && options == 0)
            break;
        if (!found) {
            start = behind_character(text, start);
            options = 0;
            continue;
        }
        size_t from = matcher->ends[0], to = matcher->ends[1];
        if (from < copied || to < from) /* \K in a lookahead can turn a match around */
            return error_set(err, ERR_INVALID,
                             "a match of the regular expression begins before its search does");
        if (!sql_scratch_append(scope, str_make(text.data + copied, from - copied), err) ||
            !append_replacement(scope, matcher, by, err))
            return false;
        copied = to;
        start = to;
        options = from == to ? PCRE2_NOTEMPTY_ATSTART | PCRE2_ANCHORED : 0;
    }
    return sql_scratch_append(scope, str_make(text.data + copied, text.len - copied), err);
}

SQL_FUNCTION(run_regex_replace)
{
    struct matcher matcher;
    struct str by;
    if (!matcher_begin(&matcher, call, args, err) || !sql_arg_text(args, 2, &by, err))
        return false;
    bool built = replace_all(call->scope, &matcher, by, err);
    return sql_scratch_end(call->scope, built, out, err);
}

static const struct sql_function rows[] = {
    {"regex_match", 2, 2, SQL_CATEGORY_STRING, "text, pattern",
     "whether the regular expression matches anywhere in the text", "regex_match('abc123', '^[a-z]+\\d')",
     "true", run_regex_match, prepare_pattern, release_pattern},
    {"regex_replace", 3, 3, SQL_CATEGORY_STRING, "text, pattern, by",
     "the text with every match of the regular expression replaced; in `by`, & stands for the match, \\1 … "
     "for its groups, "
     "\\& for &",
     "regex_replace('a1b22', '\\d+', '[&]')", "\"a[1]b[22]\"", run_regex_replace, prepare_pattern,
     release_pattern},
    {"regex_extract", 2, 2, SQL_CATEGORY_STRING, "text, pattern",
     "what the groups of the regular expression have matched at the first match: a list, empty without a "
     "match",
     "regex_extract('k=v;x=y', '(\\w+)=(\\w+)')", "[\"k\",\"v\"]", run_regex_extract, prepare_pattern,
     release_pattern},
};

const struct sql_function_table sql_regex_functions = SQL_FUNCTION_TABLE(rows);
