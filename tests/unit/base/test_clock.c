/* Real, fake, written and read time. */
#include "base/clock.h"
#include "harness.h"

#include <time.h>

static void test_real_time_agrees_with_the_system(void **state)
{
    (void)state;
    /* The epoch and the unit. A minute, because time(NULL) lags by a tick and the system's clock may be set. */
    int64_t off_ms = clock_wall_ms() - (int64_t)time(NULL) * 1000;
    assert_true(off_ms > -60000 && off_ms < 60000);
    int64_t last_ns = clock_mono_ns();
    for (int i = 0; i < 1000; i++) {
        int64_t ns = clock_mono_ns();
        assert_true(ns >= last_ns);
        assert_true(clock_mono_ms() >= ns / 1000000);
        last_ns = ns;
    }
}

static void test_fake_time_stands_still_until_advanced(void **state)
{
    (void)state;
    clock_fake_set(1000, 5000000);
    assert_int_equal(clock_wall_ms(), 1000);
    assert_int_equal(clock_mono_ns(), 5000000);
    assert_int_equal(clock_mono_ms(), 5);
    clock_fake_advance_ms(250);
    assert_int_equal(clock_wall_ms(), 1250);
    assert_int_equal(clock_mono_ns(), 255000000);
    assert_int_equal(clock_mono_ms(), 255);
    clock_fake_stop();
    assert_true(clock_wall_ms() > INT64_C(1500000000000));
}

static void test_format_is_rfc_3339_in_utc(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {INT64_C(1795251600123), "2026-11-21T09:00:00.123Z"},
        {INT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
        {INT64_C(951868799999), "2000-02-29T23:59:59.999Z"},
        {INT64_C(4107542400000), "2100-03-01T00:00:00.000Z"},
        {INT64_C(4107542399999), "2100-02-28T23:59:59.999Z"},
        {INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
        {INT64_C(253402300800000), "+10000-01-01T00:00:00.000Z"},
        {INT64_C(-62167219200000), "0000-01-01T00:00:00.000Z"},
        {INT64_C(-62167219200001), "-0001-12-31T23:59:59.999Z"},
        {INT64_MAX, "+292278994-08-17T07:12:55.807Z"},
        {INT64_MIN, "-292275055-05-16T16:47:04.192Z"},
    };
    TABLE_EACH(row, rows)
    {
        char text[CLOCK_TEXT_BYTES];
        clock_format(row->ms, text);
        assert_string_equal(text, row->text);
    }
}

static void test_parse_takes_any_offset_and_bare_milliseconds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01 00:00:00Z", 0},
        {"1970-01-01T00:00:00.5Z", 500},
        {"1970-01-01T00:00:00.05Z", 50},
        {"1970-01-01T00:00:00.123456789Z", 123},
        {"1970-01-01T00:00:00.9999999999999999999999Z", 999},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T18:30:00-05:30", 0},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1970-01-01T23:59:00+23:59", 0},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000)},
        {"2000-02-29T12:00:00Z", INT64_C(951825600000)},
        {"0000-01-01T00:00:00Z", INT64_C(-62167219200000)},
        {"0", 0},
        {"2026", 2026},
        {"1795251600123", INT64_C(1795251600123)},
        {"-5", -5},
    };
    TABLE_EACH(row, rows)
    {
        struct error err = {0};
        int64_t ms = 42;
        CHECK(clock_parse(str_of(row->text), &ms, &err), "%s: %s", row->text, err.text);
        CHECK(ms == row->ms, "%s: %" PRId64, row->text, ms);
    }
}

static void test_parse_refuses_what_is_no_time(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "now",
        "2026-11-21",
        "2026-11-21T09:00:00",
        "2026-11-21T09:00Z",
        "2026-11-21T09:00:00.Z",
        "2026-11-21T09:00:00,5Z",
        "2026-11-21T09:00:00Z ",
        " 2026-11-21T09:00:00Z",
        "2026-11-21T09:00:00+1:00",
        "2026-11-21T09:00:00+01",
        "2026-11-21T09:00:00+0100",
        "2026-11-21T09:00:00+24:00",
        "2026-11-21T09:00:00+01:60",
        "2026-13-21T09:00:00Z",
        "2026-00-21T09:00:00Z",
        "2026-11-31T09:00:00Z",
        "2026-11-00T09:00:00Z",
        "2026-02-29T09:00:00Z",
        "1900-02-29T09:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T09:60:00Z",
        "2026-11-21T09:00:61Z",
        "26-11-21T09:00:00Z",
        "2026/11/21T09:00:00Z",
        "+10000-01-01T00:00:00Z",
        "99999999999999999999",
        "1.5",
    };
    TABLE_EACH(row, rows)
    {
        struct error err = {0};
        int64_t ms;
        CHECK(!clock_parse(str_of(*row), &ms, &err), "'%s'", *row);
        CHECK(err.code == ERR_INVALID, "'%s'", *row);
    }
    int64_t ms;
    struct error err;
    assert_false(clock_parse(STR_NONE, &ms, &err));
    assert_false(clock_parse(STR("2026-11-21T09:00:00\0Z"), &ms, &err));
    assert_false(clock_parse(STR("2026-11-21\0"
                                 "09:00:00Z"),
                             &ms, &err));
}

static void test_every_prefix_of_a_time_is_refused(void **state)
{
    (void)state;
    static const char whole[] = "2026-11-21T09:00:00.123+01:00";
    for (size_t len = 5; len < strlen(whole); len++) {
        char *exact = malloc(len); /* of exact size, so that an overrun is seen */
        memcpy(exact, whole, len);
        int64_t ms;
        CHECK(!clock_parse(str_make(exact, len), &ms, NULL), "%.*s", (int)len, whole);
        free(exact);
    }
}

static void test_random_times_round_trip_and_agree_with_gmtime(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    const int64_t first = INT64_C(-62167219200000), last = INT64_C(253402300799999);
    for (int round = 0; round < 50000; round++) {
        int64_t ms = first + (int64_t)random_below(&random, (uint64_t)(last - first) + 1);
        char text[CLOCK_TEXT_BYTES], expected[64];
        int64_t back = 0;
        clock_format(ms, text);
        CHECK(clock_parse(str_of(text), &back, NULL) && back == ms, "%" PRId64 " %s", ms, text);
        int64_t rest = (ms % 1000 + 1000) % 1000;
        time_t seconds = (ms - rest) / 1000;
        struct tm tm;
        gmtime_r(&seconds, &tm);
        snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)rest);
        assert_string_equal(text, expected);
    }
}

RUN_TESTS(cmocka_unit_test(test_real_time_agrees_with_the_system),
          cmocka_unit_test(test_fake_time_stands_still_until_advanced),
          cmocka_unit_test(test_format_is_rfc_3339_in_utc),
          cmocka_unit_test(test_parse_takes_any_offset_and_bare_milliseconds),
          cmocka_unit_test(test_parse_refuses_what_is_no_time),
          cmocka_unit_test(test_every_prefix_of_a_time_is_refused),
          cmocka_unit_test(test_random_times_round_trip_and_agree_with_gmtime))
