/* Text to tree: the lexer's tokens go one by one to the parser that lemon makes of grammar.y.
 *
 * When a token does not fit, what would have fitted is found by trying: the tokens before it are parsed again, once for
 * each kind of token, with that kind behind them. That is exact, and errors are rare. */
#include "sql/parse_internal.h"

#include "base/mem.h"
#include "grammar.h"

#include <stdarg.h>
#include <stdio.h>

#define TOKEN_KINDS (SQL_TOKEN_DOT + 1)

/* Made by lemon. */
void *sql_grammarAlloc(void *(*alloc)(size_t));
void sql_grammarFree(void *grammar, void (*release)(void *));
void sql_grammar(void *grammar, int type, struct sql_token token, struct sql_parser *parser);

/* --- Places --- */

struct sql_place sql_place_of(struct str text, size_t at)
{
    struct sql_place place = {.line = 1, .column = 1};
    for (size_t i = 0; i < at && i < text.len; i++) {
        if (text.data[i] == '\n') {
            place.line++;
            place.column = 1;
        } else if (((unsigned char)text.data[i] & 0xc0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

bool sql_place_error(struct str text, size_t at, struct sql_place *place, struct error *err,
                     const char *format, ...)
{
    char what[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    struct sql_place here = sql_place_of(text, at);
    if (place != NULL)
        *place = here;
    return error_set(err, ERR_INVALID, "line %u, column %u: %s", here.line, here.column, what);
}

/* --- What was expected --- */

static const char *const names[TOKEN_KINDS] = {
    [0] = "the end",
    [SQL_TOKEN_OR] = "OR",
    [SQL_TOKEN_AND] = "AND",
    [SQL_TOKEN_NOT] = "NOT",
    [SQL_TOKEN_IN] = "IN",
    [SQL_TOKEN_NAME] = "a name",
    [SQL_TOKEN_SELECT] = "SELECT",
    [SQL_TOKEN_FOREACH] = "FOREACH",
    [SQL_TOKEN_DO] = "DO",
    [SQL_TOKEN_INCASE] = "INCASE",
    [SQL_TOKEN_WHERE] = "WHERE",
    [SQL_TOKEN_COMMA] = "','",
    [SQL_TOKEN_AS] = "AS",
    [SQL_TOKEN_FROM] = "FROM",
    [SQL_TOKEN_QUOTED] = "a name in double quotes",
    [SQL_TOKEN_STRING] = "a string",
    [SQL_TOKEN_LP] = "'('",
    [SQL_TOKEN_RP] = "')'",
    [SQL_TOKEN_INTEGER] = "an integer",
    [SQL_TOKEN_FLOAT] = "a float",
    [SQL_TOKEN_LB] = "'['",
    [SQL_TOKEN_DOTDOT] = "'..'",
    [SQL_TOKEN_RB] = "']'",
    [SQL_TOKEN_CASE] = "CASE",
    [SQL_TOKEN_END] = "END",
    [SQL_TOKEN_WHEN] = "WHEN",
    [SQL_TOKEN_THEN] = "THEN",
    [SQL_TOKEN_ELSE] = "ELSE",
    [SQL_TOKEN_STAR] = "'*'",
    [SQL_TOKEN_DOT] = "'.'",
};

/* Kinds of tokens that are told as one. */
static const struct group {
    const char *name;
    int sign; /* of the group: if it fits, all of it is told so */
    int members[16];
} groups[] = {
    {"an expression",
     SQL_TOKEN_FLOAT,
     {SQL_TOKEN_FLOAT, SQL_TOKEN_INTEGER, SQL_TOKEN_STRING, SQL_TOKEN_NAME, SQL_TOKEN_QUOTED, SQL_TOKEN_TRUE,
      SQL_TOKEN_FALSE, SQL_TOKEN_LP, SQL_TOKEN_LB, SQL_TOKEN_CASE, SQL_TOKEN_PLUS, SQL_TOKEN_MINUS,
      SQL_TOKEN_NOT, SQL_TOKEN_DIV, SQL_TOKEN_MOD}},
    {"an operator",
     SQL_TOKEN_PLUS,
     {SQL_TOKEN_PLUS, SQL_TOKEN_MINUS, SQL_TOKEN_STAR, SQL_TOKEN_SLASH, SQL_TOKEN_DIV, SQL_TOKEN_MOD,
      SQL_TOKEN_AND, SQL_TOKEN_OR, SQL_TOKEN_NOT, SQL_TOKEN_IN, SQL_TOKEN_LB, SQL_TOKEN_DOT, SQL_TOKEN_LP}},
    {"a comparison",
     SQL_TOKEN_LT,
     {SQL_TOKEN_LT, SQL_TOKEN_GT, SQL_TOKEN_LE, SQL_TOKEN_GE, SQL_TOKEN_EQ, SQL_TOKEN_NE, SQL_TOKEN_MATCH}},
    {"a topic filter", SQL_TOKEN_STRING, {SQL_TOKEN_STRING, SQL_TOKEN_QUOTED, SQL_TOKEN_NAME}},
    {"an alias", SQL_TOKEN_QUOTED, {SQL_TOKEN_QUOTED, SQL_TOKEN_NAME}},
};

/* Whether the text's first `count` tokens could be followed by one of this kind. */
static bool fits(struct str text, size_t count, int kind)
{
    struct arena arena = {0};
    struct sql_parser parser = {.arena = &arena, .text = text};
    struct sql_lexer lexer = {.text = text, .cursor = text.data, .arena = &arena};
    void *grammar = sql_grammarAlloc(mem_alloc);
    struct sql_token token;
    for (size_t i = 0; i < count && sql_lex(&lexer, &token); i++)
        sql_grammar(grammar, token.type, token, &parser);
    token = (struct sql_token){.type = kind, .text = STR("x"), .value = sql_int(1)};
    sql_grammar(grammar, kind, token, &parser);
    sql_grammarFree(grammar, mem_free);
    arena_free(&arena);
    return !parser.syntax_error && !parser.failed;
}

/* At most one of each group and each kind. */
#define WANTED_MAX (TOKEN_KINDS + sizeof groups / sizeof groups[0])

static size_t list_wanted(bool open[TOKEN_KINDS], bool behind_point, const char *wanted[WANTED_MAX])
{
    size_t count = 0;
    if (behind_point) {
        wanted[0] = "a key";
        return 1;
    }
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (!open[groups[i].sign])
            continue;
        wanted[count++] = groups[i].name;
        for (size_t j = 0; groups[i].members[j] != 0; j++)
            open[groups[i].members[j]] = false;
    }
    for (int kind = 1; kind <= TOKEN_KINDS; kind++) {
        if (open[kind % TOKEN_KINDS] && names[kind % TOKEN_KINDS] != NULL)
            wanted[count++] = names[kind % TOKEN_KINDS];
    }
    return count;
}

/* "a, b or c": what would fit behind the first `count` tokens. */
static void expected(struct str text, size_t count, bool behind_point, struct buf *out, bool *may_end)
{
    bool open[TOKEN_KINDS];
    const char *wanted[WANTED_MAX];
    for (int kind = 0; kind < TOKEN_KINDS; kind++)
        open[kind] = fits(text, count, kind);
    *may_end = open[0];
    size_t wanted_count = list_wanted(open, behind_point, wanted);
    for (size_t i = 0; i < wanted_count; i++) {
        if (i != 0)
            buf_append_str(out, i + 1 == wanted_count ? STR(" or ") : STR(", "));
        buf_append_str(out, str_of(wanted[i]));
    }
}

static bool syntax_error(struct sql_parser *parser, size_t count, bool behind_point,
                         const struct sql_token *token)
{
    struct buf wanted = {0};
    bool may_end;
    expected(parser->text, count, behind_point, &wanted, &may_end);
    int shown = token->text.len > 40 ? 40 : (int)token->text.len;
    if (token->type == 0) {
        sql_place_error(parser->text, token->at, parser->place, parser->err,
                        "expected %.*s, but the statement ends here", (int)wanted.len,
                        (const char *)wanted.data);
    } else {
        const char *quote = token->type == SQL_TOKEN_QUOTED ? "\"" : "'";
        sql_place_error(parser->text, token->at, parser->place, parser->err, "expected %.*s, not %s%.*s%s",
                        (int)wanted.len, (const char *)wanted.data, quote, shown, token->text.data, quote);
    }
    if (may_end && token->type == SQL_TOKEN_SLASH)
        error_hint(parser->err, "a topic filter of several levels needs quotes around it");
    buf_free(&wanted);
    return false;
}

/* --- Parsing --- */

static bool feed(struct sql_parser *parser, struct sql_lexer *lexer, void *grammar)
{
    struct sql_token token;
    for (size_t count = 0;; count++) {
        bool behind_point = lexer->last == SQL_TOKEN_DOT;
        if (!sql_lex(lexer, &token))
            return false;
        sql_grammar(grammar, token.type, token, parser);
        if (parser->failed)
            return false;
        if (parser->syntax_error)
            return syntax_error(parser, count, behind_point, &token);
        if (token.type == 0)
            return true;
    }
}

struct sql_statement *sql_parse(struct arena *arena, struct str text, struct sql_place *place,
                                struct error *err)
{
    if (text.len > SQL_TEXT_BYTES_MAX) {
        error_set(err, ERR_TOO_LARGE, "the statement has %zu bytes; at most %zu are allowed", text.len,
                  SQL_TEXT_BYTES_MAX);
        return NULL;
    }
    if (!utf8_valid(text.data, text.len)) {
        error_set(err, ERR_INVALID, "the statement is not UTF-8");
        return NULL;
    }
    text = arena_str(arena, text);
    struct sql_parser parser = {.arena = arena, .text = text, .place = place, .err = err};
    struct sql_lexer lexer = {.text = text, .cursor = text.data, .arena = arena, .place = place, .err = err};
    void *grammar = sql_grammarAlloc(mem_alloc);
    bool done = feed(&parser, &lexer, grammar);
    sql_grammarFree(grammar, mem_free);
    if (!done)
        return NULL;
    parser.statement->text = text;
    return parser.statement;
}
