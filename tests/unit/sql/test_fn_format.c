/* sprintf and its directives. */
#include "expressions.h"

TEST_EXPRESSIONS(texts_are_set_in_columns, {"sprintf('~s', 'a')", "\"a\""},
                 {"sprintf('~5s|', 'ab')", "\"   ab|\""}, {"sprintf('~-5s|', 'ab')", "\"ab   |\""},
                 {"sprintf('~-5..xs', 'ab')", "\"abxxx\""}, {"sprintf('~5..你ts', 'ab')", "\"你你你ab\""},
                 {"sprintf('~3s', 'abcdef')", "\"abc\""}, {"sprintf('~.2s', 'abcdef')", "\"ab\""},
                 {"sprintf('~5.2s|', 'abcdef')", "\"   ab|\""}, {"sprintf('~3ts', '你好吗啊')", "\"你好吗\""},
                 {"sprintf('~*s|', -4, 'a')", "\"a   |\""}, {"sprintf('~*s|', 4, 'a')", "\"   a|\""},
                 {"sprintf('~s ~s ~s', true, null(), payload.n)", "\"true undefined null\""},
                 {"sprintf('~s', 1)", "!~s needs a string or a boolean, not an integer"},
                 {"sprintf('~s', [1])", "!not a list"})

TEST_EXPRESSIONS(
    integers_have_bases, {"sprintf('~b', 42)", "\"42\""}, {"sprintf('~4..0b', 42)", "\"0042\""},
    {"sprintf('~.16b ~.16B', 255, 255)", "\"ff FF\""}, {"sprintf('~.2b', -5)", "\"-101\""},
    {"sprintf('~.16x', -255, '0x')", "\"-0xff\""}, {"sprintf('~.16X', 255, '0x')", "\"0xFF\""},
    {"sprintf('~.16+ ~.16#', 255, 255)", "\"16#ff 16#FF\""}, {"sprintf('~2b', 12345)", "\"**\""},
    {"sprintf('~-6b|', 42)", "\"42    |\""},
    {"sprintf('~.36B', 170141183460469231731687303715884105727)", "\"7KSYYIZZKUTUDZBV8AQZTECJJ\""},
    {"sprintf('~.2b', bitsl(-1, 127))", "\"-"
                                        "10000000000000000000000000000000000000000000000000000000000000000000"
                                        "000000000000000000000000000000000000000000000000000000000000\""},
    {"sprintf('~b', 1.0)", "!~b needs an integer, not a float"}, {"sprintf('~.37b', 1)", "!2 to 36"},
    {"sprintf('~.1b', 1)", "!2 to 36"}, {"sprintf('~x', 1)", "!needs more than 1 values"},
    {"sprintf('~x', 1, 2)", "!must be a string"})

TEST_EXPRESSIONS(floats_have_decimals, {"sprintf('~f', 1.5)", "\"1.500000\""},
                 {"sprintf('~.2f', 3.14159)", "\"3.14\""}, {"sprintf('~8.2f|', 3.14159)", "\"    3.14|\""},
                 {"sprintf('~e', 12345.678)", "\"1.23457e+4\""},
                 {"sprintf('~.3e', 0.00012345)", "\"1.23e-4\""}, {"sprintf('~g', 0.5)", "\"0.500000\""},
                 {"sprintf('~g', 1.5)", "\"1.50000\""}, {"sprintf('~g', 1234.5)", "\"1234.50\""},
                 {"sprintf('~g', 12345.0)", "\"1.23450e+4\""}, {"sprintf('~g', 0.01)", "\"1.00000e-2\""},
                 {"sprintf('~3.2f', 1234.5)", "\"***\""},
                 {"sprintf('~f', 1)", "!~f needs a float, not an integer"},
                 {"sprintf('~.0f', 1.5)", "!1 to 250 digits"}, {"sprintf('~.251f', 1.5)", "!1 to 250 digits"})

TEST_EXPRESSIONS(any_value_is_written_as_erlang_does, {"sprintf('~p-~p', 1, 2.5)", "\"1-2.5\""},
                 {"sprintf('~p', 'a\"b')", "\"<<\\\"a\\\\\\\"b\\\">>\""},
                 {"sprintf('~w', 'ab')", "\"<<97,98>>\""}, {"sprintf('~p', 'é')", "\"<<\\\"é\\\"/utf8>>\""},
                 {"sprintf('~p', hexstr2bin('FF00'))", "\"<<255,0>>\""},
                 {"sprintf('~p', [1, true, null(), 'x'])", "\"[1,true,undefined,<<\\\"x\\\">>]\""},
                 {"sprintf('~p', map)", "\"#{<<\\\"b\\\">> => 1,<<\\\"a\\\">> => 2}\""},
                 {"sprintf('~5w|', 7)", "\"    7|\""}, {"sprintf('~2w', 12345)", "\"**\""},
                 {"sprintf('~p', 1.0e300)", "\"1.0e300\""})

TEST_EXPRESSIONS(formats_have_other_directives, {"sprintf('a~nb~~c')", "\"a\\nb~c\""},
                 {"sprintf('~3~')", "\"~~~\""}, {"sprintf('~c~c', 65, 128512)", "\"A😀\""},
                 {"sprintf('~3c', 65)", "\"AAA\""}, {"sprintf('~5.2c|', 65)", "\"   AA|\""},
                 {"sprintf('~i~s', 1, 'b')", "\"b\""}, {"sprintf('')", "\"\""},
                 {"sprintf('~c', 55296)", "!surrogate"}, {"sprintf('~c', 'a')", "!~c needs a code point"},
                 {"sprintf('~c', 1114112)", "!from 0 to 1114111"},
                 {"sprintf_s('~s=~p', ['a', 1])", "\"a=1\""}, {"sprintf_s('x', [])", "\"x\""},
                 {"sprintf_s('~s', 'a')", "!argument 2 must be a list"})

TEST_EXPRESSIONS(wrong_formats_are_refused, {"sprintf('~d', 'x')", "!'~d' is no directive"},
                 {"sprintf('~é', 'x')", "!'~é' is no directive"},
                 {"sprintf('~')", "!ends within a directive"}, {"sprintf('~5')", "!ends within a directive"},
                 {"sprintf('~5..')", "!ends where a character"},
                 {"sprintf('~s')", "!needs more than 0 values"},
                 {"sprintf('a', 1)", "!needs 0 values, not 1"},
                 {"sprintf('~s', 'a', 'b')", "!needs 1 values, not 2"},
                 {"sprintf(1)", "!argument 1 must be a string"},
                 {"sprintf('~*s', 'x', 'a')", "!must be an integer"},
                 {"sprintf('~99999999999999s', 'a')", "!larger than 1000000000000"},
                 {"sprintf(hexstr2bin('FF'))", "!UTF-8"})

RUN_TESTS(cmocka_unit_test(test_texts_are_set_in_columns), cmocka_unit_test(test_integers_have_bases),
          cmocka_unit_test(test_floats_have_decimals),
          cmocka_unit_test(test_any_value_is_written_as_erlang_does),
          cmocka_unit_test(test_formats_have_other_directives),
          cmocka_unit_test(test_wrong_formats_are_refused))
