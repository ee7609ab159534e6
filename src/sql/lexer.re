/* The words of a rule: the text to tokens. re2c makes lexer.c of it.
 *
 * 'a string' has no escapes; "a name" in double quotes is a topic in FROM and a column elsewhere. Keywords are not case
 * sensitive, but true and false are. What follows a point at once is a key of a path, whatever it looks like:
 * payload.end, payload.1. A comment goes from -- to the end of its line. */
#include "grammar.h"
#include "sql/parse_internal.h"

/* What to do about a byte that begins no token. */
static bool bad_byte(struct sql_lexer *lexer, const char *at)
{
    size_t offset = (size_t)(at - lexer->text.data);
    unsigned char c = (unsigned char)*at;
    if (offset == lexer->text.len)
        return sql_place_error(lexer->text, offset, lexer->place, lexer->err, "the statement is not complete");
    if (c >= 0x80) {
        sql_place_error(lexer->text, offset, lexer->place, lexer->err, "this character needs quotes around it");
        return error_hint(lexer->err, "a name in double quotes, or a key of a path in single quotes");
    }
    if (c < 0x20 || c == 0x7f)
        return sql_place_error(lexer->text, offset, lexer->place, lexer->err, "the byte 0x%02x has no meaning here", c);
    return sql_place_error(lexer->text, offset, lexer->place, lexer->err, "'%c' has no meaning here", c);
}

static bool open_end(struct sql_lexer *lexer, const char *at, const char *what)
{
    return sql_place_error(lexer->text, (size_t)(at - lexer->text.data), lexer->place, lexer->err,
                           "%s that begins here has no end", what);
}

static bool number_token(struct sql_lexer *lexer, struct sql_token *token, bool is_float)
{
    double real;
    sql_int128 integer;
    struct sql_value *value = &token->value;
    if (is_float && sql_text_to_float(token->text, &real)) {
        *value = sql_float(real);
        return true;
    }
    if (!is_float && sql_text_to_int(token->text, &integer)) {
        *value = sql_int((int64_t)integer);
        if (integer != value->integer) {
            sql_int128 *big = arena_alloc(lexer->arena, sizeof *big);
            *big = integer;
            *value = (struct sql_value){.type = SQL_INT, .wide = 1, .big = big};
        }
        return true;
    }
    return sql_place_error(lexer->text, token->at, lexer->place, lexer->err, "the number is too large%s",
                           is_float ? "" : ": integers have at most 128 bits");
}

/*!re2c
    re2c:yyfill:enable = 0;
    re2c:define:YYCTYPE = "unsigned char";
    re2c:define:YYCURSOR = cursor;
    re2c:define:YYMARKER = marker;

    space = [ \t\r\n]+;
    digit = [0-9];
    name = [A-Za-z][A-Za-z0-9_$@~]*;
    key = [A-Za-z0-9_][A-Za-z0-9_$@~]*;
    float = digit+ "." digit+ ([eE] [+-]? digit+)?;
    single = "'" [^'\x00]*;
    double = "\"" [^"\x00]*;
*/

/* What follows a point. Returns the token's type, 0 for what is no key. */
static int lex_key(const char **at)
{
    const unsigned char *cursor = (const unsigned char *)*at;
    const unsigned char *marker;
    (void)marker;
    /*!re2c
        key { *at = (const char *)cursor; return SQL_TOKEN_NAME; }
        *   { return 0; }
    */
}

bool sql_is_reserved(struct str word)
{
    static const char *const words[] = {"and",  "as",   "case", "do",    "else", "elsif",  "end",  "foreach",
                                        "from", "if",   "in",   "incase", "not",  "or",     "select", "then",
                                        "when", "where", "true", "false", "div",  "mod"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_equal_nocase(word, str_of(words[i])))
            return true;
    }
    return false;
}

bool sql_lex(struct sql_lexer *lexer, struct sql_token *token)
{
    const unsigned char *cursor = (const unsigned char *)lexer->cursor;
    const unsigned char *marker;
    const unsigned char *start;
#define TOKEN(name) do { token->type = SQL_TOKEN_##name; goto done; } while (0)
    if (lexer->last == SQL_TOKEN_DOT) {
        const char *at = lexer->cursor;
        *token = (struct sql_token){.type = lex_key(&at), .at = (uint32_t)(lexer->cursor - lexer->text.data)};
        start = cursor;
        cursor = (const unsigned char *)at;
        if (token->type != 0)
            goto done;
    }
again:
    start = cursor;
    *token = (struct sql_token){.at = (uint32_t)((const char *)start - lexer->text.data)};
    /*!re2c
        space             { goto again; }
        "--" [^\n\x00]* "\n" { goto again; }
        "--" [^\n\x00]*   { return sql_place_error(lexer->text, token->at, lexer->place, lexer->err,
                                                   "the comment that begins here has no end of line behind it"); }
        "\x00"            {
            if ((const char *)start != lexer->text.data + lexer->text.len)
                return bad_byte(lexer, (const char *)start);
            cursor = start;
            token->type = 0;
            goto done;
        }

        'select'  { TOKEN(SELECT); }
        'foreach' { TOKEN(FOREACH); }
        'do'      { TOKEN(DO); }
        'incase'  { TOKEN(INCASE); }
        'from'    { TOKEN(FROM); }
        'where'   { TOKEN(WHERE); }
        'as'      { TOKEN(AS); }
        'and'     { TOKEN(AND); }
        'or'      { TOKEN(OR); }
        'not'     { TOKEN(NOT); }
        'in'      { TOKEN(IN); }
        'case'    { TOKEN(CASE); }
        'when'    { TOKEN(WHEN); }
        'then'    { TOKEN(THEN); }
        'else'    { TOKEN(ELSE); }
        'end'     { TOKEN(END); }
        'div'     { TOKEN(DIV); }
        'mod'     { TOKEN(MOD); }
        "true"    { TOKEN(TRUE); }
        "false"   { TOKEN(FALSE); }
        'if' | 'elsif' {
            sql_place_error(lexer->text, token->at, lexer->place, lexer->err, "%.*s is a reserved word",
                            (int)(cursor - start), (const char *)start);
            return error_hint(lexer->err, "a column of that name is written in double quotes");
        }

        name      { TOKEN(NAME); }
        digit+    { TOKEN(INTEGER); }
        float     { TOKEN(FLOAT); }
        (digit+ | float) [A-Za-z_] {
            sql_place_error(lexer->text, token->at, lexer->place, lexer->err,
                            "a number cannot be followed by a letter");
            return error_hint(lexer->err, "a float has digits on both sides of its point: 1.0e3; a name begins with a "
                                          "letter");
        }
        single "'"  { TOKEN(STRING); }
        double "\"" { TOKEN(QUOTED); }
        single      { return open_end(lexer, (const char *)start, "the string"); }
        double      { return open_end(lexer, (const char *)start, "the name"); }

        "="       { TOKEN(EQ); }
        "!=" | "<>" { TOKEN(NE); }
        "<"       { TOKEN(LT); }
        ">"       { TOKEN(GT); }
        "<="      { TOKEN(LE); }
        ">="      { TOKEN(GE); }
        "=~"      { TOKEN(MATCH); }
        "+"       { TOKEN(PLUS); }
        "-"       { TOKEN(MINUS); }
        "*"       { TOKEN(STAR); }
        "/"       { TOKEN(SLASH); }
        "("       { TOKEN(LP); }
        ")"       { TOKEN(RP); }
        "["       { TOKEN(LB); }
        "]"       { TOKEN(RB); }
        ","       { TOKEN(COMMA); }
        "."       { TOKEN(DOT); }
        ".."      { TOKEN(DOTDOT); }
        *         { return bad_byte(lexer, (const char *)start); }
    */
#undef TOKEN
done:
    lexer->cursor = (const char *)cursor;
    lexer->last = token->type;
    token->text = str_make(start, (size_t)(cursor - start));
    if (token->type == SQL_TOKEN_STRING || token->type == SQL_TOKEN_QUOTED)
        token->text = str_make(start + 1, token->text.len - 2);
    if (token->type == SQL_TOKEN_INTEGER || token->type == SQL_TOKEN_FLOAT)
        return number_token(lexer, token, token->type == SQL_TOKEN_FLOAT);
    return true;
}
