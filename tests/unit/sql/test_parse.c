/* Text to tree: what is accepted and how it binds, as the printer shows it; and what errors say, with line and column. */
#include "harness.h"
#include "sql/parse_internal.h"

static struct sql_statement *parse(struct arena *arena, struct str text, struct sql_place *place,
                                   struct error *err)
{
    return sql_parse(arena, text, place, err);
}

/* The statement printed; parsing that again gives the same. */
static void check_print(const char *text, const char *expected)
{
    struct arena arena = {0};
    struct error err;
    struct buf printed = {0};
    struct buf again = {0};
    struct sql_statement *statement = parse(&arena, str_of(text), NULL, &err);
    CHECK(statement != NULL, "%s: %s", text, err.text);
    sql_print_statement(&printed, statement);
    CHECK(strcmp(buf_cstr(&printed), expected) == 0, "%s: %s", text, buf_cstr(&printed));
    statement = parse(&arena, buf_str(&printed), NULL, &err);
    CHECK(statement != NULL, "%s: %s", buf_cstr(&printed), err.text);
    sql_print_statement(&again, statement);
    assert_string_equal(buf_cstr(&again), buf_cstr(&printed));
    buf_free(&printed);
    buf_free(&again);
    arena_free(&arena);
}

static void test_statements_are_printed_in_one_layout(void **state)
{
    static const struct {
        const char *text;
        const char *printed;
    } rows[] = {
        {"select * from \"t/#\"", "SELECT * FROM \"t/#\""},
        {"SELECT\n\t*, a b,c as d\nFROM t, 'u/+', \"v\" where x=1",
         "SELECT *, a AS b, c AS d FROM \"t\", \"u/+\", \"v\" WHERE x = 1"},
        {"Select a -- the first\n, b From t", "SELECT a, b FROM \"t\""},
        {"foreach l as i do i.x, 'a' incase i.x>1 from t where true",
         "FOREACH l AS i DO i.x, 'a' INCASE i.x > 1 FROM \"t\" WHERE true"},
        {"FOREACH [1..n] FROM t", "FOREACH [1..n] FROM \"t\""},
        {"SELECT 'it is \"quoted\"' AS \"my name\" FROM 'a\"b'",
         "SELECT 'it is \"quoted\"' AS \"my name\" FROM 'a\"b'"},
        {"SELECT 1 as x.y[2].z, 2 as l[0], 3 as l[-0], 4 as l[-1] FROM t",
         "SELECT 1 AS x.y[2].z, 2 AS l[0], 3 AS l[-0], 4 AS l[-1] FROM \"t\""},
    };
    (void)state;
    TABLE_EACH(row, rows)
    {
        check_print(row->text, row->printed);
    }
}

static void test_operators_bind_as_the_language_says(void **state)
{
    static const struct {
        const char *condition;
        const char *printed;
    } rows[] = {
        {"a or b and c", "a OR b AND c"},
        {"(a or b) and c", "(a OR b) AND c"},
        {"(a and b) or c", "a AND b OR c"},
        {"a and (b and c)", "a AND (b AND c)"},
        {"not a = b", "NOT a = b"},
        {"(not a) = b", "(NOT a) = b"},
        {"not (a and b)", "NOT (a AND b)"},
        {"not not a", "NOT NOT a"},
        {"not a in (1)", "NOT a IN (1)"},
        {"a not in (1, 'x')", "a NOT IN (1, 'x')"},
        {"1 + 2 * 3 = 7", "1 + 2 * 3 = 7"},
        {"(1 + 2) * 3 = 9", "(1 + 2) * 3 = 9"},
        {"1 - (2 - 3) = 2", "1 - (2 - 3) = 2"},
        {"(1 - 2) - 3 = 2", "1 - 2 - 3 = 2"},
        {"8 div 2 mod 3 / 2 = 1", "8 div 2 mod 3 / 2 = 1"},
        {"8 div (2 mod 3) = 1", "8 div (2 mod 3) = 1"},
        {"-a * - - b = +c", "-a * - -b = +c"},
        {"-(a + b) = 1", "-(a + b) = 1"},
        {"a - -1 = 1", "a - -1 = 1"},
        {"a <> 1", "a != 1"},
        {"topic =~ 't/#'", "topic =~ 't/#'"},
        {"a + 1 >= b", "a + 1 >= b"},
        {"div(7, 2) = MOD(7, 4)", "div(7, 2) = mod(7, 4)"},
        {"emqx_rule_funcs.upper(a) = 'A'", "upper(a) = 'A'"},
        {"case a when 1 then 2 else 3 end = case when b then 1 end",
         "CASE a WHEN 1 THEN 2 ELSE 3 END = CASE WHEN b THEN 1 END"},
    };
    (void)state;
    TABLE_EACH(row, rows)
    {
        char text[200];
        char printed[200];
        snprintf(text, sizeof text, "SELECT x FROM t WHERE %s", row->condition);
        snprintf(printed, sizeof printed, "SELECT x FROM \"t\" WHERE %s", row->printed);
        check_print(text, printed);
    }
}

static void test_values_are_written_in_many_ways(void **state)
{
    static const struct {
        const char *field;
        const char *printed;
    } rows[] = {
        {"12345678901234567890123456789012345678", "12345678901234567890123456789012345678"},
        {"007", "7"},
        {"1.50", "1.5"},
        {"1.0E-7", "1.0e-7"},
        {"payload.'a b'.\"c's\".1.end.true._id", "payload.'a b'.\"c's\".1.end.true._id"},
        {"a[1][-2].b[i][j.k]", "a[1][-2].b[i][j.k]"},
        {"a.b[1..-1]", "a.b[1..-1]"},
        {"a[i..j.k]", "a[i..j.k]"},
        {"[]", "[]"},
        {"[1, [a, 'b'], 1.5]", "[1, [a, 'b'], 1.5]"},
        {"[1..4]", "[1..4]"},
        {"[a.b..c]", "[a.b..c]"},
        {"[a+1..2*b]", "[a + 1..2 * b]"},
        {"\"select\"", "\"select\""},
        {"\"ok\"", "ok"},
        {"f()", "f()"},
        {"f(a, g(b), [c])", "f(a, g(b), [c])"},
        {"'gr\xc3\xbc\xc3\x9f'", "'gr\xc3\xbc\xc3\x9f'"},
        {"'two\nlines'", "'two\nlines'"},
        {"a$b@c~d_1", "a$b@c~d_1"},
    };
    (void)state;
    TABLE_EACH(row, rows)
    {
        char text[200];
        char printed[200];
        snprintf(text, sizeof text, "SELECT %s AS r FROM t", row->field);
        snprintf(printed, sizeof printed, "SELECT %s AS r FROM \"t\"", row->printed);
        check_print(text, printed);
    }
}

static void test_an_error_has_line_column_and_what_was_expected(void **state)
{
    static const struct {
        const char *text;
        unsigned line;
        unsigned column;
        const char *what;
    } rows[] = {
        {"", 1, 1, "expected SELECT or FOREACH, but the statement ends here"},
        {"UPDATE x", 1, 1, "expected SELECT or FOREACH, not 'UPDATE'"},
        {"SELECT", 1, 7, "expected an expression or '*', but the statement ends here"},
        {"SELECT a", 1, 9,
         "expected an operator, a comparison, an alias, ',', AS or FROM, but the statement ends here"},
        {"SELECT a FROM", 1, 14, "expected a topic filter, but the statement ends here"},
        {"SELECT a, FROM t", 1, 11, "expected an expression or '*', not 'FROM'"},
        {"SELECT a FROM \"t/1\" \"t/2\"", 1, 21, "expected WHERE, ',' or the end, not \"t/2\""},
        {"SELECT a FROM t/1", 1, 16, "expected WHERE, ',' or the end, not '/'"},
        {"SELECT a\nFROM t\n  WHERE b +", 3, 12, "expected an expression, but the statement ends here"},
        {"SELECT 'gr\xc3\xbc\xc3\x9f', ) FROM t", 1, 16, "expected an expression or '*', not ')'"},
        {"SELECT a as [1] FROM t", 1, 13, "expected an alias, not '['"},
        {"SELECT case as x FROM t", 1, 13, "expected an expression or WHEN, not 'as'"},
        {"SELECT a[1].[2] FROM t", 1, 13, "expected a key, not '['"},
        {"SELECT a. FROM t", 1, 11, "expected a key, not 'FROM'"},
        {"SELECT 1 < 2 < 3 FROM t", 1, 14, "expected an operator, an alias, ',', AS or FROM, not '<'"},
        {"SELECT [1, 2 FROM t", 1, 14, "expected an operator, a comparison, ',' or ']', not 'FROM'"},
        {"SELECT (1 FROM t", 1, 11, "expected an operator, a comparison or ')', not 'FROM'"},
        {"SELECT CASE WHEN a THEN b FROM t", 1, 27,
         "expected an operator, a comparison, END, WHEN or ELSE, not 'FROM'"},
        {"SELECT a FROM t WHERE a IN 5", 1, 28, "expected '(', not '5'"},
        {"SELECT a FROM t WHERE a NOT 5", 1, 29, "expected IN, not '5'"},
        {"SELECT a WHERE b", 1, 10,
         "expected an operator, a comparison, an alias, ',', AS or FROM, not 'WHERE'"},
        {"SELECT a b c FROM t", 1, 12, "expected ',', FROM, '[' or '.', not 'c'"},
        {"FOREACH a DO FROM t", 1, 14, "expected an expression or '*', not 'FROM'"},
        {"SELECT 'abc FROM t", 1, 8, "the string that begins here has no end"},
        {"SELECT \"abc FROM t", 1, 8, "the name that begins here has no end"},
        {"SELECT a FROM t -- x", 1, 17, "the comment that begins here has no end of line behind it"},
        {"SELECT 1e3 FROM t", 1, 8, "a number cannot be followed by a letter"},
        {"SELECT 340282366920938463463374607431768211456 FROM t", 1, 8,
         "the number is too large: integers have at most 128 bits"},
        {"SELECT a[99999999999999999999] FROM t", 1, 10, "the index is too large"},
        {"SELECT a; FROM t", 1, 9, "';' has no meaning here"},
        {"SELECT \xc3\xa9 FROM t", 1, 8, "this character needs quotes around it"},
        {"SELECT a\x01 FROM t", 1, 9, "the byte 0x01 has no meaning here"},
        {"SELECT if FROM t", 1, 8, "if is a reserved word"},
        {"SELECT _a FROM t", 1, 8, "'_' has no meaning here"},
        {"SELECT \"\" FROM t", 1, 8, "a name is missing between the quotes"},
        {"SELECT a.f(1) FROM t", 1, 8, "only names of functions can be called"},
        {"SELECT a FROM \"t/#/x\"", 1, 15,
         "this is no topic filter: + stands for one level, # for all the rest at the end"},
        {"SELECT a FROM \"\"", 1, 15,
         "this is no topic filter: + stands for one level, # for all the rest at the end"},
    };
    (void)state;
    TABLE_EACH(row, rows)
    {
        struct arena arena = {0};
        struct error err;
        struct sql_place place = {0};
        char text[300];
        ASSERT_FAILS(parse(&arena, str_of(row->text), &place, &err) != NULL, err, ERR_INVALID);
        snprintf(text, sizeof text, "line %u, column %u: %s", row->line, row->column, row->what);
        CHECK(strcmp(err.text, text) == 0, "%s: %s", row->text, err.text);
        CHECK(place.line == row->line && place.column == row->column, "%s", row->text);
        arena_free(&arena);
    }
}

static void test_a_statement_is_utf8_without_nul(void **state)
{
    static const char nul[] = "SELECT a\0 FROM t";
    struct arena arena = {0};
    struct error err;
    (void)state;
    ASSERT_FAILS(parse(&arena, STR("SELECT '\xff' FROM t"), NULL, &err) != NULL, err, ERR_INVALID);
    assert_string_equal(err.text, "the statement is not UTF-8");
    ASSERT_FAILS(parse(&arena, str_make(nul, sizeof nul - 1), NULL, &err) != NULL, err, ERR_INVALID);
    assert_string_equal(err.text, "line 1, column 9: the byte 0x00 has no meaning here");
    arena_free(&arena);
}

static void test_a_statement_is_bounded(void **state)
{
    static const struct {
        const char *before;
        const char *repeated;
        const char *after;
        size_t count;
        bool accepted;
    } rows[] = {
        {"SELECT ", "(", "", 20000, false},
        {"SELECT ", "-", "a FROM t", 1, true},
        {"SELECT ", "- ", "a FROM t", SQL_TREE_DEPTH_MAX + 1, false},
        {"SELECT 1", " + 1", " FROM t", SQL_TREE_DEPTH_MAX - 1, true},
        {"SELECT 1", " + 1", " FROM t", SQL_TREE_DEPTH_MAX, false},
        {"SELECT a FROM t WHERE b IN (1", ", 1", ")", 20000, true},
        {"SELECT a", ", a", " FROM t", 20000, true},
        {"SELECT a", ".a", " FROM t", 20000, true},
        {"SELECT a[a", ".a", "] FROM t", 20000, true},
        {"SELECT ", "f(", "", 20000, false},
        {"SELECT a", ", a", " FROM t", SQL_TEXT_BYTES_MAX / 3, false},
    };
    (void)state;
    TABLE_EACH(row, rows)
    {
        struct arena arena = {0};
        struct error err;
        struct buf text = {0};
        buf_append_str(&text, str_of(row->before));
        for (size_t i = 0; i < row->count; i++)
            buf_append_str(&text, str_of(row->repeated));
        buf_append_str(&text, str_of(row->after));
        bool accepted = parse(&arena, buf_str(&text), NULL, &err) != NULL;
        CHECK(accepted == row->accepted, "%zu times %s: %s", row->count, row->repeated,
              accepted ? "" : err.text);
        buf_free(&text);
        arena_free(&arena);
    }
}

RUN_TESTS(cmocka_unit_test(test_statements_are_printed_in_one_layout),
          cmocka_unit_test(test_operators_bind_as_the_language_says),
          cmocka_unit_test(test_values_are_written_in_many_ways),
          cmocka_unit_test(test_an_error_has_line_column_and_what_was_expected),
          cmocka_unit_test(test_a_statement_is_utf8_without_nul),
          cmocka_unit_test(test_a_statement_is_bounded))
