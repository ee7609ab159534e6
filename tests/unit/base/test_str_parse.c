/* Numbers, switches, durations and sizes as users write them. */
#include "base/str.h"
#include "harness.h"

static void test_u64_takes_decimal_digits_that_fit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        uint64_t value;
    } rows[] = {
        {"0", true, 0},
        {"7", true, 7},
        {"007", true, 7},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"18446744073709551620", false, 0},
        {"99999999999999999999999", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"0x10", false, 0},
        {"1e3", false, 0},
        {"one", false, 0},
    };
    TABLE_EACH(row, rows)
    {
        struct error err = {0};
        uint64_t value = 42;
        CHECK(str_to_u64(str_of(row->text), &value, &err) == row->ok, "'%s'", row->text);
        CHECK(value == (row->ok ? row->value : 42), "'%s'", row->text);
        CHECK(err.code == (row->ok ? ERR_NONE : ERR_INVALID), "'%s'", row->text);
    }
    uint64_t value;
    assert_false(str_to_u64(STR_NONE, &value, NULL));
    assert_false(str_to_u64(STR("1\0"), &value, NULL));
}

static void test_i64_takes_the_whole_range(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } rows[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"-1", true, -1},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"-9223372036854775808", true, INT64_MIN},
        {"-9223372036854775809", false, 0},
        {"18446744073709551615", false, 0},
        {"-", false, 0},
        {"--1", false, 0},
        {"- 1", false, 0},
        {"", false, 0},
        {"1x", false, 0},
    };
    TABLE_EACH(row, rows)
    {
        struct error err = {0};
        int64_t value = 42;
        CHECK(str_to_i64(str_of(row->text), &value, &err) == row->ok, "'%s'", row->text);
        CHECK(value == (row->ok ? row->value : 42), "'%s'", row->text);
        CHECK(err.code == (row->ok ? ERR_NONE : ERR_INVALID), "'%s'", row->text);
    }
}

static void test_bool_takes_three_pairs_of_words(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int value; /* -1: refused */
    } rows[] = {
        {"true", 1}, {"on", 1}, {"yes", 1}, {"TRUE", 1}, {"Yes", 1}, {"false", 0},  {"off", 0},  {"no", 0},
        {"OFF", 0},  {"", -1},  {"1", -1},  {"0", -1},   {"t", -1},  {"truee", -1}, {" on", -1},
    };
    TABLE_EACH(row, rows)
    {
        struct error err = {0};
        bool value = false;
        CHECK(str_to_bool(str_of(row->text), &value, &err) == (row->value >= 0), "'%s'", row->text);
        CHECK(value == (row->value == 1), "'%s'", row->text);
        CHECK(err.code == (row->value >= 0 ? ERR_NONE : ERR_INVALID), "'%s'", row->text);
    }
}

static void test_durations_are_milliseconds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } rows[] = {
        {"0", 0},
        {"250", 250},
        {"250ms", 250},
        {"10s", 10000},
        {"5m", 300000},
        {"2h", 7200000},
        {"7d", 604800000},
        {"1w", 604800000},
        {"1h30m", 5400000},
        {"1m500ms", 60500},
        {"10S", 10000},
        {"9223372036854775807", INT64_MAX},
        {"9223372036854775807ms", INT64_MAX},
        {"9223372036854775808ms", -1},
        {"9223372036854776s", -1},
        {"15250284452472w", -1},
        {"30500568904944w", -1},
        {"9223372036854775807ms1ms", -1},
        {"", -1},
        {"s", -1},
        {"-1s", -1},
        {"1.5s", -1},
        {"1 s", -1},
        {"10x", -1},
        {"10sec", -1},
        {"1h30", -1},
        {"1hm", -1},
        {"1s ", -1},
        {"99999999999999999999s", -1},
    };
    TABLE_EACH(row, rows)
    {
        struct error err = {0};
        int64_t ms = -42;
        CHECK(str_to_duration_ms(str_of(row->text), &ms, &err) == (row->ms >= 0), "'%s'", row->text);
        CHECK(ms == (row->ms >= 0 ? row->ms : -42), "'%s': %" PRId64, row->text, ms);
        CHECK(err.code == (row->ms >= 0 ? ERR_NONE : ERR_INVALID), "'%s'", row->text);
    }
}

static void test_sizes_are_1024_based(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        uint64_t bytes;
    } rows[] = {
        {"0", true, 0},
        {"512", true, 512},
        {"512B", true, 512},
        {"64KB", true, 65536},
        {"64kb", true, 65536},
        {"64K", true, 65536},
        {"64KiB", true, 65536},
        {"32MiB", true, 32u << 20},
        {"1MB", true, 1u << 20},
        {"10GiB", true, UINT64_C(10) << 30},
        {"3TB", true, UINT64_C(3) << 40},
        {"2p", true, UINT64_C(2) << 50},
        {"16383PiB", true, UINT64_C(16383) << 50},
        {"16384PiB", false, 0},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"18014398509481984KB", false, 0},
        {"", false, 0},
        {"KB", false, 0},
        {"-1KB", false, 0},
        {"1.5MB", false, 0},
        {"1 MB", false, 0},
        {"1MBs", false, 0},
        {"1KB2", false, 0},
        {"1iB", false, 0},
    };
    TABLE_EACH(row, rows)
    {
        struct error err = {0};
        uint64_t bytes = 42;
        CHECK(str_to_bytes(str_of(row->text), &bytes, &err) == row->ok, "'%s'", row->text);
        CHECK(bytes == (row->ok ? row->bytes : 42), "'%s': %" PRIu64, row->text, bytes);
        CHECK(err.code == (row->ok ? ERR_NONE : ERR_INVALID), "'%s'", row->text);
    }
}

static void test_errors_name_the_input_and_what_is_expected(void **state)
{
    (void)state;
    struct error err;
    int64_t ms;
    bool flag;
    str_to_duration_ms(STR("soon"), &ms, &err);
    assert_string_equal(err.text, "'soon' is not a duration such as 250ms, 10s, 5m, 2h, 7d, 1w or 1h30m");
    str_to_bool(STR("maybe"), &flag, &err);
    assert_string_equal(err.text, "'maybe' is not true or false (also: on, off, yes, no)");
    char longer[1000];
    memset(longer, 'x', sizeof longer);
    str_to_bool(str_make(longer, sizeof longer), &flag, &err);
    assert_int_equal(strlen(err.text), 1 + 60 + strlen("...' is not true or false (also: on, off, yes, no)"));
}

static void test_integers_round_trip(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    for (int round = 0; round < 10000; round++) {
        uint64_t value = random_next(&random) >> random_below(&random, 64);
        char text[32];
        uint64_t natural = 0;
        int64_t integer = 0;
        snprintf(text, sizeof text, "%" PRIu64, value);
        CHECK(str_to_u64(str_of(text), &natural, NULL) && natural == value, "%s", text);
        snprintf(text, sizeof text, "%" PRId64, (int64_t)value);
        CHECK(str_to_i64(str_of(text), &integer, NULL) && integer == (int64_t)value, "%s", text);
    }
}

/* Random texts from the characters that matter: nothing is read beyond the end, and what is accepted is sane. */
static void test_random_texts_do_no_harm(void **state)
{
    (void)state;
    static const char letters[] = "0123456789-+. smhdwkMGTPiBtrueonfa\xff";
    struct random random;
    random_seed(&random, harness_seed());
    for (int round = 0; round < 50000; round++) {
        size_t len = random_below(&random, 12);
        char *text = malloc(len + 1); /* of exact size, so that an overrun is seen */
        for (size_t i = 0; i < len; i++)
            text[i] = letters[random_below(&random, sizeof letters)];
        char *exact = realloc(text, len != 0 ? len : 1);
        struct str view = str_make(exact, len);
        struct error err = {0};
        uint64_t natural;
        int64_t integer;
        bool flag;
        if (str_to_u64(view, &natural, &err)) {
            int64_t ms = -1;
            uint64_t bytes = 0;
            assert_true(str_to_duration_ms(view, &ms, NULL) && (uint64_t)ms == natural);
            assert_true(str_to_bytes(view, &bytes, NULL) && bytes == natural);
        }
        if (str_to_duration_ms(view, &integer, &err))
            assert_true(integer >= 0);
        str_to_i64(view, &integer, &err);
        str_to_bool(view, &flag, &err);
        str_to_bytes(view, &natural, &err);
        free(exact);
    }
}

RUN_TESTS(cmocka_unit_test(test_u64_takes_decimal_digits_that_fit),
          cmocka_unit_test(test_i64_takes_the_whole_range),
          cmocka_unit_test(test_bool_takes_three_pairs_of_words),
          cmocka_unit_test(test_durations_are_milliseconds), cmocka_unit_test(test_sizes_are_1024_based),
          cmocka_unit_test(test_errors_name_the_input_and_what_is_expected),
          cmocka_unit_test(test_integers_round_trip), cmocka_unit_test(test_random_texts_do_no_harm))
