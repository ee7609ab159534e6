/* Functions of strings: right results, wrong arguments, limits. */
#include "expressions.h"

TEST_EXPRESSIONS(letter_case_is_that_of_unicode, {"lower('ÄÖ ΑΣ A')", "\"äö ασ a\""},
                 {"upper('straße ñ ɐ')", "\"STRASSE Ñ Ɐ\""}, {"upper('')", "\"\""},
                 {"upper(true)", "\"TRUE\""},
                 {"upper(1)", "!upper: argument 1 must be a string, not an integer"},
                 {"lower(nope)", "!not undefined"}, {"upper(payload.n)", "!not null"},
                 {"lower(hexstr2bin('ff'))", "!UTF-8"})

TEST_EXPRESSIONS(trimming_takes_white_space_or_given_characters, {"trim('  a b  ')", "\"a b\""},
                 {"ltrim('  a b  ')", "\"a b  \""}, {"rtrim('  a b  ')", "\"  a b\""},
                 {"trim(unescape('\\t\\r\\n a \\x2028\\x85'))", "\"a\""}, {"trim('   ')", "\"\""},
                 {"ltrim('   ')", "\"\""}, {"rtrim('   ')", "\"\""}, {"trim('')", "\"\""},
                 {"trim('xyaxy', 'yx')", "\"a\""}, {"rtrim('1.500', '0')", "\"1.5\""},
                 {"ltrim('000', '0')", "\"\""}, {"trim('éaé', 'é')", "\"a\""},
                 {"trim('e\314\201a', 'e')", "\"e\314\201a\""}, /* e with an accent is another character */
                 {"bin2hexstr(trim(hexstr2bin('20FF20')))", "\"FF\""}, {"trim(5)", "!must be a string"},
                 {"trim('a', 5)", "!argument 2 must be a string"})

TEST_EXPRESSIONS(characters_are_grapheme_clusters, {"strlen('')", "0"}, {"strlen('abc')", "3"},
                 {"strlen('你好')", "2"}, {"strlen('e\314\201')", "1"},
                 {"strlen('👨‍👩‍👧‍👦')", "1"}, {"strlen('🇩🇪🇫🇷')", "2"},
                 {"strlen('👍🏽!')", "2"}, {"strlen(unescape('a\\r\\nb'))", "3"},
                 {"strlen(123)", "!must be a string"}, {"strlen(hexstr2bin('C0'))", "!UTF-8"},
                 {"reverse('abcd')", "\"dcba\""}, {"reverse('ae\314\201')", "\"e\314\201a\""},
                 {"reverse('🇩🇪🇫🇷')", "\"🇫🇷🇩🇪\""}, {"bin2hexstr(reverse(hexstr2bin('61FF')))", "\"FF61\""},
                 {"reverse(1)", "!must be a string"})

TEST_EXPRESSIONS(substr_counts_characters_from_0, {"substr('abcdef', 2)", "\"cdef\""},
                 {"substr('abcdef', 1, 3)", "\"bcd\""}, {"substr('abc', 1, 99)", "\"bc\""},
                 {"substr('abc', 3)", "\"\""}, {"substr('abc', 99999999999)", "\"\""},
                 {"substr('abc', 0, 0)", "\"\""}, {"substr('你好吗', 1, 1)", "\"好\""},
                 {"substr('🇩🇪🇫🇷x', 1, 1)", "\"🇫🇷\""}, {"substr('abc', -1)", "!argument 2 must be from 0"},
                 {"substr('abc', 0, -1)", "!argument 3 must be from 0"},
                 {"substr('abc', '1')", "!argument 2 must be an integer"},
                 {"substr('abc', 1.0)", "!argument 2 must be an integer"},
                 {"substr('abc', 100000000000000000000)", "!argument 2 must be from 0"},
                 {"substr(1, 0)", "!argument 1 must be a string"})

TEST_EXPRESSIONS(ascii_gives_the_first_byte, {"ascii('a')", "97"}, {"ascii('éa')", "195"},
                 {"ascii('')", "!must not be empty"}, {"ascii(5)", "!must be a string"})

TEST_EXPRESSIONS(rm_prefix_takes_off_what_is_there, {"rm_prefix('foo/bar', 'foo/')", "\"bar\""},
                 {"rm_prefix('foo', 'foo')", "\"\""}, {"rm_prefix('foo', 'x')", "\"foo\""},
                 {"rm_prefix('foo', '')", "\"foo\""}, {"rm_prefix('foo', 1)", "!argument 2 must be a string"})

TEST_EXPRESSIONS(
    padding_counts_characters, {"pad('abc', 5)", "\"abc  \""}, {"pad('abc', 5, 'trailing')", "\"abc  \""},
    {"pad('abc', 5, 'leading')", "\"  abc\""}, {"pad('abc', 5, 'both')", "\" abc \""},
    {"pad('abc', 6, 'both')", "\" abc  \""}, {"pad('你', 3, 'leading', '好')", "\"好好你\""},
    {"pad('a', 3, 'trailing', 'xy')", "\"axyxy\""}, {"pad('abcdef', 3)", "\"abcdef\""},
    {"pad('a', -5)", "\"a\""},
    {"pad('a', 2, 'middle')", "!argument 3 must be one of 'trailing', 'leading', 'both', not 'middle'"},
    {"pad('a', 2, 'both', '')", "!argument 4 must not be empty"},
    {"pad('a', '2')", "!argument 2 must be an integer"}, {"pad('a', 1000000000000)", "!1000000000000 bytes"},
    {"pad('a', 9223372036854775807, 'both', '好')", "!bytes, and the evaluation may use"})

TEST_EXPRESSIONS(find_gives_the_rest_from_the_part_on, {"find('a/b/c', '/')", "\"/b/c\""},
                 {"find('a/b/c', '/', 'leading')", "\"/b/c\""}, {"find('a/b/c', '/', 'trailing')", "\"/c\""},
                 {"find('aaa', 'aa', 'trailing')", "\"aa\""}, {"find('abc', 'x')", "\"\""},
                 {"find('abc', 'x', 'trailing')", "\"\""}, {"find('abc', 'abcd', 'trailing')", "\"\""},
                 {"find('abc', '')", "\"abc\""}, {"find('', 'a', 'trailing')", "\"\""},
                 {"find('abc', 'a', 'x')", "!one of 'leading', 'trailing'"},
                 {"find(1, 'a')", "!argument 1 must be a string"},
                 {"find('a', 1)", "!argument 2 must be a string"})

TEST_EXPRESSIONS(replace_goes_from_left_to_right, {"replace('aaa', 'aa', 'b')", "\"ba\""},
                 {"replace('a-b-c', '-', '')", "\"abc\""}, {"replace('a-b-c', '-', '+', 'all')", "\"a+b+c\""},
                 {"replace('a-b-c', '-', '+', 'leading')", "\"a+b-c\""},
                 {"replace('a-b-c', '-', '+', 'trailing')", "\"a-b+c\""},
                 {"replace('abc', 'x', 'y', 'trailing')", "\"abc\""},
                 {"replace('abc', 'x', 'y', 'leading')", "\"abc\""}, {"replace('abc', '', 'y')", "\"abc\""},
                 {"replace('', 'a', 'y')", "\"\""},
                 {"replace('a', 'b', 'c', 'first')", "!one of 'all', 'leading', 'trailing'"},
                 {"replace('a', 1, 'c')", "!argument 2 must be a string"})

TEST_EXPRESSIONS(
    split_takes_separators_and_options, {"split('/a//b/', '/')", "[\"a\",\"b\"]"},
    {"split('/a//b/', '/', 'notrim')", "[\"\",\"a\",\"\",\"b\",\"\"]"},
    {"split('a;b;c', ';', 'leading')", "[\"a\",\"b;c\"]"},
    {"split('a;b;c', ';', 'trailing')", "[\"a;b\",\"c\"]"}, {"split(';a', ';', 'leading')", "[\"a\"]"},
    {"split(';a', ';', 'leading_notrim')", "[\"\",\"a\"]"}, {"split('a;', ';', 'trailing')", "[\"a\"]"},
    {"split('a;', ';', 'trailing_notrim')", "[\"a\",\"\"]"}, {"split('abc', ';', 'leading')", "[\"abc\"]"},
    {"split('', '/')", "[]"}, {"split('', '/', 'notrim')", "[\"\"]"}, {"split('abc', '')", "[\"abc\"]"},
    {"split('a, b', ', ')", "[\"a\",\"b\"]"}, {"split('abc', 1)", "!argument 2 must be a string"},
    {"split('abc', 'b', 'other')", "!argument 3 must be one of"})

TEST_EXPRESSIONS(tokens_are_separated_by_any_of_the_characters,
                 {"tokens('a,b;;c', ',;')", "[\"a\",\"b\",\"c\"]"}, {"tokens('', '/')", "[]"},
                 {"tokens('//', '/')", "[]"}, {"tokens('a', '')", "[\"a\"]"},
                 {"tokens('añbéc', 'éñ')", "[\"a\",\"b\",\"c\"]"}, {"tokens('añb', 'é')", "[\"añb\"]"},
                 {"tokens(unescape('a,b\\r\\n,c\\n'), ',', 'nocrlf')", "[\"a\",\"b\",\"c\"]"},
                 {"tokens(unescape('a\\nb'), ',')", "[\"a\\nb\"]"},
                 {"tokens('a', ',', 'crlf')", "!one of 'nocrlf'"},
                 {"tokens(nope, ',')", "!argument 1 must be a string, not undefined"})

TEST_EXPRESSIONS(
    joining_renders_any_value, {"concat('a', 'b')", "\"ab\""}, {"concat('a', 1)", "\"a1\""},
    {"concat(1, 2.5)", "\"12.5\""}, {"concat(true, nope)", "\"trueundefined\""},
    {"concat(['a', 1, null()])", "\"a1undefined\""}, {"concat([])", "\"\""},
    {"concat('a')", "!argument 1 must be a list"}, {"join_to_string(['a', 'b'])", "\"a, b\""},
    {"join_to_string(',', ['a', 1, true, [1, 'x']])", "\"a,1,true,[1,\\\"x\\\"]\""},
    {"join_to_string(',', [nope, payload.n])", "\"undefined,null\""}, {"join_to_string(',', [])", "\"\""},
    {"join_to_string('a')", "!must be a list"}, {"join_to_string(1, ['a'])", "!argument 1 must be a string"},
    {"join_to_sql_values_string(['a', 1, 2.5, true])", "\"'a', 1, 2.5, 'true'\""},
    {"join_to_sql_values_string([unescape('it\\x27s \\x27\\x27'), nope, payload.n])",
     "\"'it''s ''''', NULL, NULL\""},
    {"join_to_sql_values_string([[1, 'x'], map])", "\"'[1,\\\"x\\\"]', '{\\\"b\\\":1,\\\"a\\\":2}'\""},
    {"join_to_sql_values_string(['a\\b'])", "\"'a\\\\b'\""}, {"join_to_sql_values_string([])", "\"\""},
    {"join_to_sql_values_string('a')", "!must be a list"})

TEST_EXPRESSIONS(unescape_knows_its_escapes,
                 {"unescape('a\\n\\t\\r\\b\\f\\v\\a\\?\\\\')", "\"a\\n\\t\\r\\b\\f\\u000b\\u0007?\\\\\""},
                 {"unescape('\\\"')", "\"\\\"\""}, {"unescape('\\x41\\x42')", "\"AB\""},
                 {"unescape('\\xe9 \\x1F600.')", "\"é 😀.\""}, {"unescape('')", "\"\""},
                 {"unescape('a\\')", "!ends with a single"}, {"unescape('\\q')", "!no escape that is known"},
                 {"unescape('\\x')", "!no hexadecimal digits"},
                 {"unescape('\\xg')", "!no hexadecimal digits"},
                 {"unescape('\\x110000')", "!beyond the last character"},
                 {"unescape('\\xD800')", "!surrogate"}, {"unescape(1)", "!must be a string"})

static void test_results_are_bounded_by_the_memory_of_the_evaluation(void **state)
{
    static const char *const expressions[] = {
        "pad('', 100000)",
        "replace(pad('', 500, 'leading', 'a'), 'a', pad('', 500))",
        "upper(pad('', 40000))",
        "concat(pad('', 30000), pad('', 30000))",
        "join_to_string(pad('', 20000), ['a', 'b', 'c', 'd', 'e'])",
        "join_to_sql_values_string([pad('', 30000), pad('', 30000)])",
        "split(pad('', 8000, 'leading', 'a/'), '/')",
        "sprintf('~100000s', 'a')",
        "sprintf('~*s', 100000, 'a')",
        "sprintf('~100000n')",
        "sprintf('~.100000c', 65)",
        "regex_replace(pad('', 500, 'leading', 'a'), 'a', pad('', 500))",
        "bin2hexstr(pad('', 40000))",
        "str_utf16_le(pad('', 40000))",
        "base64_encode(pad('', 50000))",
        ("gunzip(base64_decode('H4sIAAAAAAACA+"
         "3BMQEAAADCoKzrX8IaHkABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
         "A"
         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAArwaH+uIboIYBAA=='))"), /* 100,000 bytes */
        "format_date('second', 'Z', pad('', 40000, 'leading', '%Y'), 0)",
    };
    const struct sql_limits limits = {.memory_bytes_max = (size_t)64 * 1024};
    (void)state;
    TABLE_EACH(row, expressions)
    {
        char *result = expression_result(*row, &limits);
        CHECK(result[0] == '!' && (strstr(result, "may use") != NULL || strstr(result, "memory") != NULL ||
                                   strstr(result, "longer than") != NULL),
              "%s: %.100s", *row, result);
        mem_free(result);
    }
}

static void test_searching_backwards_is_paid_for(void **state)
{
    const struct sql_limits limits = {.steps_max = 20000};
    (void)state;
    /* Each place but the first compares almost 20,000 bytes. */
    check_expression(
        "find(concat('b', pad('', 40000, 'leading', 'a')), concat(pad('', 20000, 'leading', 'a'), 'b'), "
        "'trailing')",
        "!more steps", &limits);
}

RUN_TESTS(cmocka_unit_test(test_letter_case_is_that_of_unicode),
          cmocka_unit_test(test_trimming_takes_white_space_or_given_characters),
          cmocka_unit_test(test_characters_are_grapheme_clusters),
          cmocka_unit_test(test_substr_counts_characters_from_0),
          cmocka_unit_test(test_ascii_gives_the_first_byte),
          cmocka_unit_test(test_rm_prefix_takes_off_what_is_there),
          cmocka_unit_test(test_padding_counts_characters),
          cmocka_unit_test(test_find_gives_the_rest_from_the_part_on),
          cmocka_unit_test(test_replace_goes_from_left_to_right),
          cmocka_unit_test(test_split_takes_separators_and_options),
          cmocka_unit_test(test_tokens_are_separated_by_any_of_the_characters),
          cmocka_unit_test(test_joining_renders_any_value), cmocka_unit_test(test_unescape_knows_its_escapes),
          cmocka_unit_test(test_results_are_bounded_by_the_memory_of_the_evaluation),
          cmocka_unit_test(test_searching_backwards_is_paid_for))
