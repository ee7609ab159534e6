/* The decoder against the cases that JSON parsers are commonly compared by: y_ must be accepted, n_ refused, and i_ is left to
 * the implementation, whose choice is pinned here. Each row is the name of the case, and its bytes. */
#include "harness.h"
#include "sql/json.h"

struct suite_case {
    const char *name;
    struct str text;
};

#define CASE(name, literal)              \
    {                                    \
        name,                            \
        {                                \
            literal, sizeof(literal) - 1 \
        }                                \
    }

static const struct suite_case accepted[] = {
    CASE("y_array_arraysWithSpaces", "[[]   ]"),
    CASE("y_array_empty-string", "[\"\"]"),
    CASE("y_array_empty", "[]"),
    CASE("y_array_ending_with_newline", "[\"a\"]\n"),
    CASE("y_array_false", "[false]"),
    CASE("y_array_heterogeneous", "[null, 1, \"1\", {}]"),
    CASE("y_array_null", "[null]"),
    CASE("y_array_with_1_and_newline", "[1\n]"),
    CASE("y_array_with_leading_space", " [1]"),
    CASE("y_array_with_several_null", "[1,null,null,null,2]"),
    CASE("y_array_with_trailing_space", "[2] "),
    CASE("y_number", "[123e65]"),
    CASE("y_number_0e+1", "[0e+1]"),
    CASE("y_number_0e1", "[0e1]"),
    CASE("y_number_after_space", "[ 4]"),
    CASE("y_number_double_close_to_zero",
         "[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]\n"),
    CASE("y_number_int_with_exp", "[20e1]"),
    CASE("y_number_minus_zero", "[-0]"),
    CASE("y_number_negative_int", "[-123]"),
    CASE("y_number_negative_one", "[-1]"),
    CASE("y_number_negative_zero", "[-0]"),
    CASE("y_number_real_capital_e", "[1E22]"),
    CASE("y_number_real_capital_e_neg_exp", "[1E-2]"),
    CASE("y_number_real_capital_e_pos_exp", "[1E+2]"),
    CASE("y_number_real_exponent", "[123e45]"),
    CASE("y_number_real_fraction_exponent", "[123.456e78]"),
    CASE("y_number_real_neg_exp", "[1e-2]"),
    CASE("y_number_real_pos_exponent", "[1e+2]"),
    CASE("y_number_simple_int", "[123]"),
    CASE("y_number_simple_real", "[123.456789]"),
    CASE("y_object", "{\"asd\":\"sdf\", \"dfg\":\"fgh\"}"),
    CASE("y_object_basic", "{\"asd\":\"sdf\"}"),
    CASE("y_object_duplicated_key", "{\"a\":\"b\",\"a\":\"c\"}"),
    CASE("y_object_duplicated_key_and_value", "{\"a\":\"b\",\"a\":\"b\"}"),
    CASE("y_object_empty", "{}"),
    CASE("y_object_empty_key", "{\"\":0}"),
    CASE("y_object_escaped_null_in_key", "{\"foo\\u0000bar\": 42}"),
    CASE("y_object_extreme_numbers", "{ \"min\": -1.0e+28, \"max\": 1.0e+28 }"),
    CASE("y_object_long_strings", "{\"x\":[{\"id\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}], \"id\": "
                                  "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}"),
    CASE("y_object_simple", "{\"a\":[]}"),
    CASE("y_object_string_unicode", "{\"title\":\"\\u041f\\u043e\\u043b\\u0442\\u043e\\u0440\\u0430 "
                                    "\\u0417\\u0435\\u043c\\u043b\\u0435\\u043a\\u043e\\u043f\\u0430\" }"),
    CASE("y_object_with_newlines", "{\n\"a\": \"b\"\n}"),
    CASE("y_string_1_2_3_bytes_UTF-8_sequences", "[\"\\u0060\\u012a\\u12AB\"]"),
    CASE("y_string_accepted_surrogate_pair", "[\"\\uD801\\udc37\"]"),
    CASE("y_string_accepted_surrogate_pairs", "[\"\\ud83d\\ude39\\ud83d\\udc8d\"]"),
    CASE("y_string_allowed_escapes", "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"),
    CASE("y_string_backslash_and_u_escaped_zero", "[\"\\\\u0000\"]"),
    CASE("y_string_backslash_doublequotes", "[\"\\\"\"]"),
    CASE("y_string_comments", "[\"a/*b*/c/*d//e\"]"),
    CASE("y_string_double_escape_a", "[\"\\\\a\"]"),
    CASE("y_string_double_escape_n", "[\"\\\\n\"]"),
    CASE("y_string_escaped_control_character", "[\"\\u0012\"]"),
    CASE("y_string_escaped_noncharacter", "[\"\\uFFFF\"]"),
    CASE("y_string_in_array", "[\"asd\"]"),
    CASE("y_string_in_array_with_leading_space", "[ \"asd\"]"),
    CASE("y_string_last_surrogates_1_and_2", "[\"\\uDBFF\\uDFFF\"]"),
    CASE("y_string_nbsp_uescaped", "[\"new\\u00A0line\"]"),
    CASE("y_string_nonCharacterInUTF-8_U+10FFFF", "[\"\xf4\x8f\xbf\xbf\"]"),
    CASE("y_string_nonCharacterInUTF-8_U+FFFF", "[\"\xef\xbf\xbf\"]"),
    CASE("y_string_null_escape", "[\"\\u0000\"]"),
    CASE("y_string_one-byte-utf-8", "[\"\\u002c\"]"),
    CASE("y_string_pi", "[\"\xcf\x80\"]"),
    CASE("y_string_reservedCharacterInUTF-8_U+1BFFF", "[\"\xf0\x9b\xbf\xbf\"]"),
    CASE("y_string_simple_ascii", "[\"asd \"]"),
    CASE("y_string_space", "\" \""),
    CASE("y_string_surrogates_U+1D11E_MUSICAL_SYMBOL_G_CLEF", "[\"\\uD834\\uDd1e\"]"),
    CASE("y_string_three-byte-utf-8", "[\"\\u0821\"]"),
    CASE("y_string_two-byte-utf-8", "[\"\\u0123\"]"),
    CASE("y_string_u+2028_line_sep", "[\"\xe2\x80\xa8\"]"),
    CASE("y_string_u+2029_par_sep", "[\"\xe2\x80\xa9\"]"),
    CASE("y_string_uEscape", "[\"\\u0061\\u30af\\u30EA\\u30b9\"]"),
    CASE("y_string_uescaped_newline", "[\"new\\u000Aline\"]"),
    CASE("y_string_unescaped_char_delete", "[\"\x7f\"]"),
    CASE("y_string_unicode", "[\"\\uA66D\"]"),
    CASE("y_string_unicodeEscapedBackslash", "[\"\\u005C\"]"),
    CASE("y_string_unicode_2", "[\"\xe2\x8d\x82\xe3\x88\xb4\xe2\x8d\x82\"]"),
    CASE("y_string_unicode_U+10FFFE_nonchar", "[\"\\uDBFF\\uDFFE\"]"),
    CASE("y_string_unicode_U+1FFFE_nonchar", "[\"\\uD83F\\uDFFE\"]"),
    CASE("y_string_unicode_U+200B_ZERO_WIDTH_SPACE", "[\"\\u200B\"]"),
    CASE("y_string_unicode_U+2064_invisible_plus", "[\"\\u2064\"]"),
    CASE("y_string_unicode_U+FDD0_nonchar", "[\"\\uFDD0\"]"),
    CASE("y_string_unicode_U+FFFE_nonchar", "[\"\\uFFFE\"]"),
    CASE("y_string_unicode_escaped_double_quote", "[\"\\u0022\"]"),
    CASE("y_string_utf8", "[\"\xe2\x82\xac\xf0\x9d\x84\x9e\"]"),
    CASE("y_string_with_del_character", "[\"a\x7f"
                                        "a\"]"),
    CASE("y_structure_lonely_false", "false"),
    CASE("y_structure_lonely_int", "42"),
    CASE("y_structure_lonely_negative_real", "-0.1"),
    CASE("y_structure_lonely_null", "null"),
    CASE("y_structure_lonely_string", "\"asd\""),
    CASE("y_structure_lonely_true", "true"),
    CASE("y_structure_string_empty", "\"\""),
    CASE("y_structure_trailing_newline", "[\"a\"]\n"),
    CASE("y_structure_true_in_array", "[true]"),
    CASE("y_structure_whitespace_array", " [] "),
    /* i_: taken as what they are closest to. */
    CASE("i_number_double_huge_neg_exp", "[123.456e-789]"),
    CASE("i_number_real_underflow", "[123e-10000000]"),
    CASE("i_number_too_big_neg_int", "[-123123123123123123123123123123]"),
    CASE("i_number_too_big_pos_int", "[100000000000000000000]"),
};

static const struct suite_case refused[] = {
    CASE("n_array_1_true_without_comma", "[1 true]"),
    CASE("n_array_a_invalid_utf8", "[a\xe5]"),
    CASE("n_array_colon_instead_of_comma", "[\"\": 1]"),
    CASE("n_array_comma_after_close", "[\"\"],"),
    CASE("n_array_comma_and_number", "[,1]"),
    CASE("n_array_double_comma", "[1,,2]"),
    CASE("n_array_double_extra_comma", "[\"x\",,]"),
    CASE("n_array_extra_close", "[\"x\"]]"),
    CASE("n_array_extra_comma", "[\"\",]"),
    CASE("n_array_incomplete", "[\"x\""),
    CASE("n_array_incomplete_invalid_value", "[x"),
    CASE("n_array_inner_array_no_comma", "[3[4]]"),
    CASE("n_array_invalid_utf8", "[\xff]"),
    CASE("n_array_items_separated_by_semicolon", "[1:2]"),
    CASE("n_array_just_comma", "[,]"),
    CASE("n_array_just_minus", "[-]"),
    CASE("n_array_missing_value", "[   , \"\"]"),
    CASE("n_array_newlines_unclosed", "[\"a\",\n4\n,1,"),
    CASE("n_array_number_and_comma", "[1,]"),
    CASE("n_array_number_and_several_commas", "[1,,]"),
    CASE("n_array_spaces_vertical_tab_formfeed", "[\"\va\"\\f]"),
    CASE("n_array_star_inside", "[*]"),
    CASE("n_array_unclosed", "[\"\""),
    CASE("n_array_unclosed_trailing_comma", "[1,"),
    CASE("n_array_unclosed_with_new_lines", "[1,\n1\n,1"),
    CASE("n_array_unclosed_with_object_inside", "[{}"),
    CASE("n_incomplete_false", "[fals]"),
    CASE("n_incomplete_null", "[nul]"),
    CASE("n_incomplete_true", "[tru]"),
    CASE("n_multidigit_number_then_00", "123\0"),
    CASE("n_number_++", "[++1234]"),
    CASE("n_number_+1", "[+1]"),
    CASE("n_number_+Inf", "[+Inf]"),
    CASE("n_number_-01", "[-01]"),
    CASE("n_number_-1.0.", "[-1.0.]"),
    CASE("n_number_-2.", "[-2.]"),
    CASE("n_number_-NaN", "[-NaN]"),
    CASE("n_number_.-1", "[.-1]"),
    CASE("n_number_.2e-3", "[.2e-3]"),
    CASE("n_number_0.1.2", "[0.1.2]"),
    CASE("n_number_0.3e+", "[0.3e+]"),
    CASE("n_number_0.3e", "[0.3e]"),
    CASE("n_number_0.e1", "[0.e1]"),
    CASE("n_number_0_capital_E+", "[0E+]"),
    CASE("n_number_0_capital_E", "[0E]"),
    CASE("n_number_0e+", "[0e+]"),
    CASE("n_number_0e", "[0e]"),
    CASE("n_number_1.0e+", "[1.0e+]"),
    CASE("n_number_1.0e-", "[1.0e-]"),
    CASE("n_number_1.0e", "[1.0e]"),
    CASE("n_number_1_000", "[1 000.0]"),
    CASE("n_number_1eE2", "[1eE2]"),
    CASE("n_number_2.e+3", "[2.e+3]"),
    CASE("n_number_2.e-3", "[2.e-3]"),
    CASE("n_number_2.e3", "[2.e3]"),
    CASE("n_number_9.e+", "[9.e+]"),
    CASE("n_number_Inf", "[Inf]"),
    CASE("n_number_NaN", "[NaN]"),
    CASE("n_number_U+FF11_fullwidth_digit_one", "[\xef\xbc\x91]"),
    CASE("n_number_expression", "[1+2]"),
    CASE("n_number_hex_1_digit", "[0x1]"),
    CASE("n_number_hex_2_digits", "[0x42]"),
    CASE("n_number_infinity", "[Infinity]"),
    CASE("n_number_invalid+-", "[0e+-1]"),
    CASE("n_number_invalid-negative-real", "[-123.123foo]"),
    CASE("n_number_invalid-utf-8-in-bigger-int", "[123\xe5]"),
    CASE("n_number_invalid-utf-8-in-exponent", "[1e1\xe5]"),
    CASE("n_number_invalid-utf-8-in-int", "[0\xe5]\n"),
    CASE("n_number_minus_infinity", "[-Infinity]"),
    CASE("n_number_minus_sign_with_trailing_garbage", "[-foo]"),
    CASE("n_number_minus_space_1", "[- 1]"),
    CASE("n_number_neg_int_starting_with_zero", "[-012]"),
    CASE("n_number_neg_real_without_int_part", "[-.123]"),
    CASE("n_number_neg_with_garbage_at_end", "[-1x]"),
    CASE("n_number_real_garbage_after_e", "[1ea]"),
    CASE("n_number_real_with_invalid_utf8_after_e", "[1e\xe5]"),
    CASE("n_number_real_without_fractional_part", "[1.]"),
    CASE("n_number_starting_with_dot", "[.123]"),
    CASE("n_number_with_alpha", "[1.2a-3]"),
    CASE("n_number_with_alpha_char", "[1.8011670033376514H-308]"),
    CASE("n_number_with_leading_zero", "[012]"),
    CASE("n_object_bad_value", "[\"x\", truth]"),
    CASE("n_object_bracket_key", "{[: \"x\"}\n"),
    CASE("n_object_comma_instead_of_colon", "{\"x\", null}"),
    CASE("n_object_double_colon", "{\"x\"::\"b\"}"),
    CASE("n_object_emoji", "{\xf0\x9f\x87\xa8\xf0\x9f\x87\xad}"),
    CASE("n_object_garbage_at_end", "{\"a\":\"a\" 123}"),
    CASE("n_object_key_with_single_quotes", "{key: 'value'}"),
    CASE("n_object_lone_continuation_byte_in_key_and_trailing_comma", "{\"\xb9\":\"0\",}"),
    CASE("n_object_missing_colon", "{\"a\" b}"),
    CASE("n_object_missing_key", "{:\"b\"}"),
    CASE("n_object_missing_semicolon", "{\"a\" \"b\"}"),
    CASE("n_object_missing_value", "{\"a\":"),
    CASE("n_object_no-colon", "{\"a\""),
    CASE("n_object_non_string_key", "{1:1}"),
    CASE("n_object_non_string_key_but_huge_number_instead", "{9999E9999:1}"),
    CASE("n_object_repeated_null_null", "{null:null,null:null}"),
    CASE("n_object_several_trailing_commas", "{\"id\":0,,,,,}"),
    CASE("n_object_single_quote", "{'a':0}"),
    CASE("n_object_trailing_comma", "{\"id\":0,}"),
    CASE("n_object_trailing_comment", "{\"a\":\"b\"}/**/"),
    CASE("n_object_trailing_comment_open", "{\"a\":\"b\"}/**//"),
    CASE("n_object_trailing_comment_slash_open", "{\"a\":\"b\"}//"),
    CASE("n_object_trailing_comment_slash_open_incomplete", "{\"a\":\"b\"}/"),
    CASE("n_object_two_commas_in_a_row", "{\"a\":\"b\",,\"c\":\"d\"}"),
    CASE("n_object_unquoted_key", "{a: \"b\"}"),
    CASE("n_object_unterminated-value", "{\"a\":\"a"),
    CASE("n_object_with_single_string", "{ \"foo\" : \"bar\", \"a\" }"),
    CASE("n_object_with_trailing_garbage", "{\"a\":\"b\"}#"),
    CASE("n_single_space", " "),
    CASE("n_string_1_surrogate_then_escape", "[\"\\uD800\\\"]"),
    CASE("n_string_1_surrogate_then_escape_u", "[\"\\uD800\\u\"]"),
    CASE("n_string_1_surrogate_then_escape_u1", "[\"\\uD800\\u1\"]"),
    CASE("n_string_1_surrogate_then_escape_u1x", "[\"\\uD800\\u1x\"]"),
    CASE("n_string_accentuated_char_no_quotes", "[\xc3\xa9]"),
    CASE("n_string_backslash_00", "[\"\\\0\"]"),
    CASE("n_string_escape_x", "[\"\\x00\"]"),
    CASE("n_string_escaped_backslash_bad", "[\"\\\\\\\"]"),
    CASE("n_string_escaped_ctrl_char_tab", "[\"\\\t\"]"),
    CASE("n_string_escaped_emoji", "[\"\\\xf0\x9f\x8c\x80\"]"),
    CASE("n_string_incomplete_escape", "[\"\\\"]"),
    CASE("n_string_incomplete_escaped_character", "[\"\\u00A\"]"),
    CASE("n_string_incomplete_surrogate", "[\"\\uD834\\uDd\"]"),
    CASE("n_string_incomplete_surrogate_escape_invalid", "[\"\\uD800\\uD800\\x\"]"),
    CASE("n_string_invalid-utf-8-in-escape", "[\"\\u\xe5\"]"),
    CASE("n_string_invalid_backslash_esc", "[\"\\a\"]"),
    CASE("n_string_invalid_unicode_escape", "[\"\\uqqqq\"]"),
    CASE("n_string_invalid_utf8_after_escape", "[\"\\\xe5\"]"),
    CASE("n_string_leading_uescaped_thinspace", "[\\u0020\"asd\"]"),
    CASE("n_string_no_quotes_with_bad_escape", "[\\n]"),
    CASE("n_string_single_doublequote", "\""),
    CASE("n_string_single_quote", "['single quote']"),
    CASE("n_string_single_string_no_double_quotes", "abc"),
    CASE("n_string_start_escape_unclosed", "[\"\\"),
    CASE("n_string_unescaped_ctrl_char", "[\"a\0a\"]"),
    CASE("n_string_unescaped_newline", "[\"new\nline\"]"),
    CASE("n_string_unescaped_tab", "[\"\t\"]"),
    CASE("n_string_unicode_CapitalU", "\"\\UA66D\""),
    CASE("n_string_with_trailing_garbage", "\"\"x"),
    CASE("n_structure_U+2060_word_joined", "[\xe2\x81\xa0]"),
    CASE("n_structure_UTF8_BOM_no_data", "\xef\xbb\xbf"),
    CASE("n_structure_angle_bracket_.", "<.>"),
    CASE("n_structure_angle_bracket_null", "[<null>]"),
    CASE("n_structure_array_trailing_garbage", "[1]x"),
    CASE("n_structure_array_with_extra_array_close", "[1]]"),
    CASE("n_structure_array_with_unclosed_string", "[\"asd]"),
    CASE("n_structure_ascii-unicode-identifier", "a\xc3\xa5"),
    CASE("n_structure_capitalized_True", "[True]"),
    CASE("n_structure_close_unopened_array", "1]"),
    CASE("n_structure_comma_instead_of_closing_brace", "{\"x\": true,"),
    CASE("n_structure_double_array", "[][]"),
    CASE("n_structure_end_array", "]"),
    CASE("n_structure_incomplete_UTF8_BOM", "\xef\xbb{}"),
    CASE("n_structure_lone-invalid-utf-8", "\xe5"),
    CASE("n_structure_lone-open-bracket", "["),
    CASE("n_structure_no_data", ""),
    CASE("n_structure_null-byte-outside-string", "[\0]"),
    CASE("n_structure_number_with_trailing_garbage", "2@"),
    CASE("n_structure_object_followed_by_closing_object", "{}}"),
    CASE("n_structure_object_unclosed_no_value", "{\"\":"),
    CASE("n_structure_object_with_comment", "{\"a\":/*comment*/\"b\"}"),
    CASE("n_structure_object_with_trailing_garbage", "{\"a\": true} \"x\""),
    CASE("n_structure_open_array_apostrophe", "['"),
    CASE("n_structure_open_array_comma", "[,"),
    CASE("n_structure_open_array_open_object", "[{"),
    CASE("n_structure_open_array_open_string", "[\"a"),
    CASE("n_structure_open_array_string", "[\"a\""),
    CASE("n_structure_open_object", "{"),
    CASE("n_structure_open_object_close_array", "{]"),
    CASE("n_structure_open_object_comma", "{,"),
    CASE("n_structure_open_object_open_array", "{["),
    CASE("n_structure_open_object_open_string", "{\"a"),
    CASE("n_structure_open_object_string_with_apostrophes", "{'a'"),
    CASE("n_structure_open_open", "[\"\\{[\"\\{[\"\\{[\"\\{"),
    CASE("n_structure_single_eacute", "\xe9"),
    CASE("n_structure_single_star", "*"),
    CASE("n_structure_trailing_#", "{\"a\":\"b\"}#{}"),
    CASE("n_structure_uescaped_LF_before_string", "[\\u000A\"\"]"),
    CASE("n_structure_unclosed_array", "[1"),
    CASE("n_structure_unclosed_array_partial_null", "[ false, nul"),
    CASE("n_structure_unclosed_array_unfinished_false", "[ true, fals"),
    CASE("n_structure_unclosed_array_unfinished_true", "[ false, tru"),
    CASE("n_structure_unclosed_object", "{\"asd\":\"asd\""),
    CASE("n_structure_unicode-identifier", "\xc3\xa5"),
    CASE("n_structure_whitespace_U+2060_word_joiner", "\xe2\x81\xa0"),
    CASE("n_structure_whitespace_formfeed", "[\f]"),
    /* i_: refused, so that nothing is lost in silence: numbers too large, half surrogate pairs, bytes that are not UTF-8. */
    CASE("i_number_huge_exp", "[0."
                              "4e0066999999999999999999999999999999999999999999999999999999999999999999999999"
                              "9999999999999999999999999999"
                              "999999969999999006]"),
    CASE("i_number_neg_int_huge_exp", "[-1e+9999]"),
    CASE("i_number_pos_double_huge_exp", "[1.5e+9999]"),
    CASE("i_number_real_neg_overflow", "[-123123e100000]"),
    CASE("i_number_real_pos_overflow", "[123123e100000]"),
    CASE("i_number_very_big_negative_int", "[-237462374673276894279832749832423479823246327846]"),
    CASE("i_object_key_lone_2nd_surrogate", "{\"\\uDFAA\":0}"),
    CASE("i_string_1st_surrogate_but_2nd_missing", "[\"\\uDADA\"]"),
    CASE("i_string_1st_valid_surrogate_2nd_invalid", "[\"\\uD888\\u1234\"]"),
    CASE("i_string_UTF-16LE_with_BOM", "\xff\xfe[\0\"\0\xe9\0\"\0]\0"),
    CASE("i_string_UTF-8_invalid_sequence", "[\"\xe6\x97\xa5\xd1\x88\xfa\"]"),
    CASE("i_string_UTF8_surrogate_U+D800", "[\"\xed\xa0\x80\"]"),
    CASE("i_string_incomplete_surrogate_and_escape_valid", "[\"\\uD800\\n\"]"),
    CASE("i_string_incomplete_surrogate_pair", "[\"\\uDd1ea\"]"),
    CASE("i_string_incomplete_surrogates_escape_valid", "[\"\\uD800\\uD800\\n\"]"),
    CASE("i_string_invalid_lonely_surrogate", "[\"\\ud800\"]"),
    CASE("i_string_invalid_surrogate", "[\"\\ud800abc\"]"),
    CASE("i_string_invalid_utf-8", "[\"\xff\"]"),
    CASE("i_string_inverted_surrogates_U+1D11E", "[\"\\uDd1e\\uD834\"]"),
    CASE("i_string_iso_latin_1", "[\"\xe9\"]"),
    CASE("i_string_lone_second_surrogate", "[\"\\uDFAA\"]"),
    CASE("i_string_lone_utf8_continuation_byte", "[\"\x81\"]"),
    CASE("i_string_not_in_unicode_range", "[\"\xf4\xbf\xbf\xbf\"]"),
    CASE("i_string_overlong_sequence_2_bytes", "[\"\xc0\xaf\"]"),
    CASE("i_string_overlong_sequence_6_bytes", "[\"\xfc\x83\xbf\xbf\xbf\xbf\"]"),
    CASE("i_string_overlong_sequence_6_bytes_null", "[\"\xfc\x80\x80\x80\x80\x80\"]"),
    CASE("i_string_truncated-utf-8", "[\"\xe0\xff\"]"),
    CASE("i_string_utf16BE_no_BOM", "\0[\0\"\0\xe9\0\"\0]"),
    CASE("i_string_utf16LE_no_BOM", "[\0\"\0\xe9\0\"\0]\0"),
    CASE("i_structure_UTF-8_BOM_empty_object", "\xef\xbb\xbf{}"),
};

/* The bytes in a block of their own, so that reading past them is found. */
static bool decodes(struct str text, struct error *err)
{
    struct sql_scope scope = {0};
    struct sql_value value;
    char *copy = malloc(text.len + (text.len == 0));
    assert_non_null(copy);
    if (text.len != 0)
        memcpy(copy, text.data, text.len);
    sql_scope_begin(&scope, NULL);
    bool done = sql_json_decode(&scope, str_make(copy, text.len), &value, err);
    sql_scope_free(&scope);
    free(copy);
    return done;
}

static void test_valid_documents_are_accepted(void **state)
{
    struct error err;
    (void)state;
    TABLE_EACH(row, accepted)
    {
        CHECK(decodes(row->text, &err), "%s: %s", row->name, err.text);
    }
}

static void test_other_documents_are_refused(void **state)
{
    struct error err;
    (void)state;
    TABLE_EACH(row, refused)
    {
        CHECK(!decodes(row->text, &err), "%s", row->name);
        CHECK(err.code == ERR_INVALID, "%s: %s", row->name, err.text);
    }
}

/* i_structure_500_nested_arrays, n_structure_100000_opening_arrays, n_structure_open_array_object */
static void test_nesting_is_bounded(void **state)
{
    static const struct {
        const char *open;
        const char *close;
        unsigned count;
        bool accepted;
    } rows[] = {
        {"[", "]", SQL_DEPTH_DEFAULT, true},
        {"[", "]", SQL_DEPTH_DEFAULT + 1, false},
        {"[", "]", 500, false},
        {"[", "", 100000, false},
        {"{\"a\":", "}", SQL_DEPTH_DEFAULT + 1, false},
        {"[{\"\":", "", 50000, false},
    };
    (void)state;
    TABLE_EACH(row, rows)
    {
        struct buf text = {0};
        struct error err;
        for (unsigned i = 0; i < row->count; i++)
            buf_append_str(&text, str_of(row->open));
        if (row->open[0] == '{')
            buf_append_byte(&text, '1');
        for (unsigned i = 0; i < row->count; i++)
            buf_append_str(&text, str_of(row->close));
        bool done = decodes(buf_str(&text), &err);
        CHECK(done == row->accepted, "%u times %s", row->count, row->open);
        CHECK(done || err.code == ERR_LIMIT, "%s", err.text);
        buf_free(&text);
    }
}

RUN_TESTS(cmocka_unit_test(test_valid_documents_are_accepted),
          cmocka_unit_test(test_other_documents_are_refused), cmocka_unit_test(test_nesting_is_bounded))
