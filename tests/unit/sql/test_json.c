/* JSON to values and back: what numbers, strings and maps become, where mistakes are, limits, and that encoding and
 * decoding undo each other. */
#include "values.h"

#include <math.h>

static void test_numbers_are_integers_or_floats_by_how_they_are_written(void **state)
{
    static const struct {
        const char *text;
        int type;
        const char *again;
    } rows[] = {
        {"0", SQL_INT, "0"},
        {"-0", SQL_INT, "0"},
        {"123456789012345678", SQL_INT, "123456789012345678"},
        {"9223372036854775808", SQL_INT, "9223372036854775808"},
        {"-170141183460469231731687303715884105728", SQL_INT, "-170141183460469231731687303715884105728"},
        {"1.0", SQL_FLOAT, "1.0"},
        {"-0.0", SQL_FLOAT, "-0.0"},
        {"1e2", SQL_FLOAT, "100.0"},
        {"1E-7", SQL_FLOAT, "1.0e-7"},
        {"0.1", SQL_FLOAT, "0.1"},
        {"0.30000000000000004", SQL_FLOAT, "0.30000000000000004"},
        {"1234567.891", SQL_FLOAT, "1234567.891"},
        {"48.137154", SQL_FLOAT, "48.137154"},
        {"1e15", SQL_FLOAT, "1.0e15"},
        {"999999999999999.9", SQL_FLOAT, "999999999999999.9"},
        {"0.0001", SQL_FLOAT, "0.0001"},
        {"0.000015", SQL_FLOAT, "1.5e-5"},
        {"123456789.123456789", SQL_FLOAT, "123456789.12345679"},
        {"5e-324", SQL_FLOAT, "4.9e-324"},
        {"1.7976931348623157e308", SQL_FLOAT, "1.7976931348623157e308"},
        {"1e-400", SQL_FLOAT, "0.0"},
        {"0.1000000000000000055511151231257827021181583404541015625", SQL_FLOAT, "0.1"},
    };
    (void)state;
    TABLE_EACH(row, rows)
    {
        struct sql_value value = from_json(row->text);
        CHECK(value.type == row->type, "%s", row->text);
        CHECK(strcmp(to_json(&value), row->again) == 0, "%s: %s", row->text, to_json(&value));
    }
}

#define L(literal) literal, sizeof(literal) - 1

static void test_strings_are_what_their_escapes_say(void **state)
{
    static const struct {
        const char *text;
        const char *value;
        size_t len;
    } rows[] = {
        {"\"\"", L("")},
        {"\"plain, and long enough for words of eight bytes\"",
         L("plain, and long enough for words of eight bytes")},
        {"\"\\u0000\"", L("\0")},
        {"\"a\\tb\\\\c\\/d\\\"\"", L("a\tb\\c/d\"")},
        {"\"\\u00e9\\u20ac\\ud83d\\ude39\"", L("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\xb9")},
        {"\"gr\xc3\xbc\xc3\x9f\\n\"", L("gr\xc3\xbc\xc3\x9f\n")},
    };
    (void)state;
    TABLE_EACH(row, rows)
    {
        struct sql_value value = from_json(row->text);
        CHECK(str_equal(sql_str_of(&value), str_make(row->value, row->len)), "%s", row->text);
    }
}

static void test_a_string_without_escapes_stays_in_the_text(void **state)
{
    static const char text[] = "{\"key\":\"value\"}";
    struct sql_value map = from_json(text);
    (void)state;
    assert_ptr_equal(sql_map_at(&map, 0)->key, text + 2);
    assert_ptr_equal(sql_map_at(&map, 0)->value.text, text + 8);
}

static void test_of_equal_keys_the_last_wins_at_the_place_of_the_first(void **state)
{
    struct sql_value small = from_json("{\"a\":1,\"b\":2,\"a\":{\"c\":3}}");
    struct buf text = {0};
    (void)state;
    assert_string_equal(to_json(&small), "{\"a\":{\"c\":3},\"b\":2}");
    buf_append_byte(&text, '{');
    for (unsigned i = 0; i < 3000; i++)
        buf_printf(&text, "%s\"k%u\":%u", i == 0 ? "" : ",", i % 1000, i);
    buf_append_byte(&text, '}');
    struct sql_value large = from_json(buf_cstr(&text));
    assert_int_equal(large.len, 1000);
    assert_int_equal(sql_map_get(&large, STR("k7"))->integer, 2007);
    assert_true(str_is(sql_key_of(sql_map_at(&large, 7)), "k7"));
    buf_free(&text);
}

static void test_an_error_says_what_and_where(void **state)
{
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        {"", "no JSON: a value is missing where it ends"},
        {"{a}", "no JSON: expected a key in quotes at byte 2, not 'a'"},
        {"[1 2]", "no JSON: expected ',' or ']' at byte 4, not '2'"},
        {"{\"a\" 1}", "no JSON: expected ':' behind a key at byte 6, not '1'"},
        {"{\"k\": 1} trailing", "no JSON: expected nothing behind the value at byte 10, not 't'"},
        {"[\"\x01\"]", "no JSON: expected no control character within a string at byte 3, not the byte 0x01"},
        {"[\"\xff\"]", "no JSON: the string at byte 2 is not UTF-8"},
        {"[1e999]", "no JSON: expected a number that is not too large at byte 2, not '1'"},
        {"[999999999999999999999999999999999999999]",
         "no JSON: expected an integer of at most 128 bits at byte 2, not '9'"},
    };
    (void)state;
    TABLE_EACH(row, rows)
    {
        struct error err;
        struct sql_value value;
        ASSERT_FAILS(sql_json_decode(&scope, str_of(row->text), &value, &err), err, ERR_INVALID);
        CHECK(strcmp(err.text, row->error) == 0, "%s", err.text);
    }
}

static void test_a_document_costs_memory_and_steps(void **state)
{
    static const struct sql_limits little_memory = {.memory_bytes_max = 4096};
    static const struct sql_limits few_steps = {.steps_max = 100};
    struct error err;
    struct sql_value value;
    struct buf text = {0};
    (void)state;
    buf_append_byte(&text, '[');
    for (int i = 0; i < 1000; i++)
        buf_append_str(&text, STR("1,"));
    buf_append_str(&text, STR("1]"));
    sql_scope_begin(&scope, &little_memory);
    ASSERT_FAILS(sql_json_decode(&scope, buf_str(&text), &value, &err), err, ERR_LIMIT);
    sql_scope_begin(&scope, &few_steps);
    ASSERT_FAILS(sql_json_decode(&scope, buf_str(&text), &value, &err), err, ERR_LIMIT);
    sql_scope_begin(&scope, NULL);
    ASSERT_OK(sql_json_decode(&scope, buf_str(&text), &value, &err), err);
    assert_int_equal(value.len, 1001);
    buf_free(&text);
}

/* A document whose open lists alone are more than the memory allows does not grow the decoder's stack without end. */
static void test_the_stack_of_the_decoder_is_bounded(void **state)
{
    static const struct sql_limits limits = {.memory_bytes_max = 65536, .steps_max = UINT64_C(1) << 40};
    struct error err;
    struct sql_value value;
    struct buf text = {0};
    (void)state;
    buf_append_byte(&text, '[');
    for (int i = 0; i < 1000000; i++)
        buf_append_str(&text, STR("1,"));
    sql_scope_begin(&scope, &limits);
    ASSERT_FAILS(sql_json_decode(&scope, buf_str(&text), &value, &err), err, ERR_LIMIT);
    assert_true(scope.stack.cap <= 1024 * 1024);
    buf_free(&text);
}

static void test_output_is_bounded(void **state)
{
    static const struct {
        const char *text;
        size_t bytes;
    } rows[] = {{"[1,2,3]", 7}, {"\"abc\"", 5}, {"{\"a\":null}", 10}, {"12.5", 4}};
    (void)state;
    TABLE_EACH(row, rows)
    {
        struct sql_value value = from_json(row->text);
        struct error err;
        for (size_t max = 0; max < row->bytes; max++) {
            struct buf out = {0};
            ASSERT_FAILS(sql_json_append(&out, &value, max, &err), err, ERR_TOO_LARGE);
            buf_free(&out);
        }
        struct buf out = {0};
        ASSERT_OK(sql_json_append(&out, &value, row->bytes, &err), err);
        assert_int_equal(out.len, row->bytes);
        buf_free(&out);
    }
}

static void test_undefined_and_bad_bytes_have_their_json(void **state)
{
    struct sql_value undefined = sql_undefined();
    struct sql_value bytes = sql_string(STR("a\xff"));
    (void)state;
    assert_string_equal(to_json(&undefined), "null");
    assert_string_equal(to_json(&bytes), "\"a\xef\xbf\xbd\"");
}

/* Undefined becomes null and does not come back: so it is left out. */
static bool has_undefined(const struct sql_value *value)
{
    if (value->type == SQL_UNDEFINED)
        return true;
    for (uint32_t i = 0; value->type == SQL_LIST && i < value->len; i++) {
        if (has_undefined(&value->items[i]))
            return true;
    }
    for (uint32_t i = 0; value->type == SQL_MAP && i < value->len; i++) {
        if (has_undefined(&sql_map_at(value, i)->value))
            return true;
    }
    return false;
}

static void test_what_is_encoded_decodes_to_the_same(void **state)
{
    struct random random;
    random_seed(&random, harness_seed());
    (void)state;
    for (int round = 0; round < 5000; round++) {
        sql_scope_begin(&scope, NULL);
        struct sql_value value = random_value(&random, 4);
        if (has_undefined(&value))
            continue;
        struct error err;
        struct sql_value again;
        bool equal;
        char *text = strdup(to_json(&value));
        ASSERT_OK(sql_json_decode(&scope, str_of(text), &again, &err), err);
        ASSERT_OK(sql_equal_strict(&scope, &value, &again, &equal, &err), err);
        CHECK(equal, "%s", text);
        free(text);
    }
}

static void test_any_float_reads_back_the_same(void **state)
{
    struct random random;
    random_seed(&random, harness_seed());
    (void)state;
    for (int round = 0; round < 20000; round++) {
        uint64_t bits = random_next(&random);
        double number;
        memcpy(&number, &bits, sizeof number);
        if (round % 3 == 0)
            number =
                (double)(int64_t)random_below(&random, 1000000000) / (double)(1 << random_below(&random, 20));
        if (!isfinite(number))
            continue;
        sql_scope_begin(&scope, NULL);
        struct sql_value value = sql_float(number);
        char *text = strdup(to_json(&value));
        struct sql_value again = from_json(text);
        CHECK(again.type == SQL_FLOAT && again.number == number, "%s for %.17g", text, number);
        CHECK(strchr(text, '.') != NULL, "%s", text);
        free(text);
    }
}

RUN_TESTS(SCOPE_TEST(test_numbers_are_integers_or_floats_by_how_they_are_written),
          SCOPE_TEST(test_strings_are_what_their_escapes_say),
          SCOPE_TEST(test_a_string_without_escapes_stays_in_the_text),
          SCOPE_TEST(test_of_equal_keys_the_last_wins_at_the_place_of_the_first),
          SCOPE_TEST(test_an_error_says_what_and_where), SCOPE_TEST(test_a_document_costs_memory_and_steps),
          SCOPE_TEST(test_the_stack_of_the_decoder_is_bounded), SCOPE_TEST(test_output_is_bounded),
          SCOPE_TEST(test_undefined_and_bad_bytes_have_their_json),
          SCOPE_TEST(test_what_is_encoded_decodes_to_the_same),
          SCOPE_TEST(test_any_float_reads_back_the_same))
