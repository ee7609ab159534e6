/* Functions of dates and times; and the local time zone, which is that of Berlin here. */
#include "base/clock.h"
#include "expressions.h"

#include <time.h>

TEST_EXPRESSIONS(formats_have_directives,
                 {"format_date('second', '+08:00', '%Y-%m-%d %H:%M:%S', 1700000000)",
                  "\"2023-11-15 06:13:20\""},
                 {"format_date('second', '-05:30', '%H:%M%z', 1700000000)", "\"16:43-0530\""},
                 {"format_date('second', 'Z', '%Y%m%d', 1700000000)", "\"20231114\""},
                 {"format_date('second', '+01:00', '%:z %::z', 0)", "\"+01:00 +01:00:00\""},
                 {"format_date('second', 3600, '%H', 0)", "\"01\""},
                 {"format_date('second', '+01:02:03', '%H:%M:%S%::z', 0)", "\"01:02:03+01:02:03\""},
                 {"format_date('second', nope, '%H%z', 0)", "\"00+0000\""},
                 {"format_date('millisecond', 'Z', '%S.%3N %6N %N', 1500)", "\"01.500 500000 500000000\""},
                 {"format_date('nanosecond', 'Z', '%N', 1)", "\"000000001\""},
                 {"format_date('millisecond', 'Z', '%Y-%m-%d %S.%3N', -1)", "\"1969-12-31 59.999\""},
                 {"format_date('second', 'Z', '%q 100% %%Y', 0)", "\"%q 100% %1970\""},
                 {"format_date('second', 'Z', '%Y', -62167219200)", "\"0000\""},
                 {"format_date('second', 'Z', '%Y-%m-%d', 253402300799)", "\"9999-12-31\""},
                 {"format_date('second', 'Z', '', 0)", "\"\""},
                 {"format_date('second', '+00:01', '%Y', 253402300799)", "!between the years 0 and 9999"},
                 {"format_date('second', 'Z', '%Y', -62167219201)", "!between the years"},
                 {"format_date('second', 'Z', '%Y', 100000000000000000000)", "!between the years"},
                 {"format_date('hour', 'Z', '%Y', 0)", "!'hour' is no unit"},
                 {"format_date('second', 'Z', '%Y', 1.5)", "!argument 4 must be an integer"},
                 {"format_date('second', 'Z', 5, 0)", "!argument 3 must be a string"},
                 {"format_date('second', true, '%Y', 0)", "!an offset such as"},
                 {"format_date(5, 'Z', '%Y', 0)", "!argument 1 must be a string"})

TEST_EXPRESSIONS(
    texts_are_read_by_their_format,
    {"date_to_unix_ts('second', '%Y-%m-%d %H:%M:%S', '1970-01-01 00:01:00')", "60"},
    {"date_to_unix_ts('second', '+08:00', '%Y-%m-%d %H-%M-%S', '2024-03-01 10:30:38')", "1709260238"},
    {"date_to_unix_ts('second', '%Y-%m-%d %H:%M:%S%z', '2022-05-26 10:40:12+0800')", "1653532812"},
    {"date_to_unix_ts('second', '+01:00', '%Y-%m-%d %H:%M:%S%:z', '2022-05-26 10:40:12+08:00')",
     "1653532812"},
    {"date_to_unix_ts('second', '%Y-%m-%dT%H:%M:%S%:z', '2022-05-26T10:40:12Z')", "1653561612"},
    {"date_to_unix_ts('millisecond', '+08:00', '%Y-%m-%d %H:%M:%S.%3N', '2024-03-01 10:30:38.333')",
     "1709260238333"},
    {"date_to_unix_ts('second', '+08:00', '%Y-%m-%d %H:%M:%S.%3N', '2024-03-01 10:30:38.999')", "1709260238"},
    {"date_to_unix_ts('nanosecond', '%Y%m%d%H%M%S%N', '19700101000000123456789')", "123456789"},
    {"date_to_unix_ts('second', '%d.%m.%Y %H:%M:%S', '29.02.2024 00:00:00 and more')", "1709164800"},
    {"date_to_unix_ts('second', '%Y年%m月%d日%H:%M:%S', '2024年03月01日00:00:00')", "1709251200"},
    {"date_to_unix_ts('second', '%Y-%m-%d', '2022-05-26')", "!all of %Y %m %d %H %M %S"},
    {"date_to_unix_ts('second', '%Y-%m-%d %H:%M:%S', '2023-02-29 00:00:00')", "!no date and time"},
    {"date_to_unix_ts('second', '%Y-%m-%d %H:%M:%S', '2023-13-01 00:00:00')", "!no date and time"},
    {"date_to_unix_ts('second', '%Y-%m-%d %H:%M:%S', '2023-01-01 24:00:00')", "!no date and time"},
    {"date_to_unix_ts('second', '%Y-%m-%d %H:%M:%S', '2023-01-01 00:00')", "!does not have the format"},
    {"date_to_unix_ts('second', '%Y-%m-%d %H:%M:%S', '2023-1-1 00:00:00')", "!does not have the format"},
    {"date_to_unix_ts('second', '%Y-%m-%d %H:%M:%S%z', '2023-01-01 00:00:00')", "!does not have the format"},
    {"date_to_unix_ts('second', '%Y', 5)", "!argument 3 must be a string"})

TEST_EXPRESSIONS(rfc_3339_is_read, {"rfc3339_to_unix_ts('2022-05-26T10:40:12Z')", "1653561612"},
                 {"rfc3339_to_unix_ts('2022-05-26T10:40:12.123Z', 'millisecond')", "1653561612123"},
                 {"rfc3339_to_unix_ts('2022-05-26t10:40:12.5z', 'microsecond')", "1653561612500000"},
                 {"rfc3339_to_unix_ts('2022-05-26 18:40:12.9+08:00')", "1653561612"},
                 {"rfc3339_to_unix_ts('2022-05-26T10:40:12.1234567891Z', 'nanosecond')",
                  "1653561612123456789"},
                 {"rfc3339_to_unix_ts('1969-12-31T23:59:59Z')", "-1"},
                 {"rfc3339_to_unix_ts('1969-12-31T23:59:59.5Z')", "-1"},
                 {"rfc3339_to_unix_ts('1969-12-31T23:59:59.5Z', 'millisecond')", "-500"},
                 {"rfc3339_to_unix_ts('0000-01-01T00:00:00Z')", "-62167219200"},
                 {"rfc3339_to_unix_ts('9999-12-31T23:59:59Z', 'nanosecond')", "253402300799000000000"},
                 {"rfc3339_to_unix_ts('0000-01-01T00:00:00+00:01')", "!between the years"},
                 {"rfc3339_to_unix_ts('2022-05-26')", "!no RFC 3339 time"},
                 {"rfc3339_to_unix_ts('2022-05-26T10:40:12')", "!no RFC 3339 time"},
                 {"rfc3339_to_unix_ts('2022-05-26T10:40:12+0800')", "!no RFC 3339 time"},
                 {"rfc3339_to_unix_ts('2022-05-26T10:40:12.Z')", "!no RFC 3339 time"},
                 {"rfc3339_to_unix_ts('2022-05-26T10:40:12Zx')", "!no RFC 3339 time"},
                 {"rfc3339_to_unix_ts('2022-05-26x10:40:12Z')", "!no RFC 3339 time"},
                 {"rfc3339_to_unix_ts('')", "!no RFC 3339 time"},
                 {"rfc3339_to_unix_ts(5)", "!must be a string"},
                 {"rfc3339_to_unix_ts('2022-05-26T10:40:12Z', 'hour')", "!no unit"})

TEST_EXPRESSIONS(offsets_are_seconds, {"timezone_to_offset_seconds('Z')", "0"},
                 {"timezone_to_offset_seconds('z')", "0"}, {"timezone_to_offset_seconds('+08:00')", "28800"},
                 {"timezone_to_offset_seconds('-0130')", "-5400"},
                 {"timezone_to_offset_seconds('+08:00:30')", "28830"},
                 {"timezone_to_offset_seconds('+080030')", "28830"}, {"timezone_to_offset_seconds(42)", "42"},
                 {"timezone_to_offset_seconds(nope)", "0"}, {"timezone_to_second('+00:01')", "60"},
                 {"timezone_to_offset_seconds('08:00')", "!no offset"},
                 {"timezone_to_offset_seconds('+25:00')", "!no offset"},
                 {"timezone_to_offset_seconds('+08:60')", "!no offset"},
                 {"timezone_to_offset_seconds('+8')", "!no offset"},
                 {"timezone_to_offset_seconds('')", "!no offset"},
                 {"timezone_to_offset_seconds(true)", "!an offset such as"},
                 {"timezone_to_offset_seconds(1.5)", "!an offset such as"})

TEST_EXPRESSIONS(
    the_local_zone_has_summer_time, {"unix_ts_to_rfc3339(1700000000)", "\"2023-11-14T23:13:20+01:00\""},
    {"unix_ts_to_rfc3339(1690000000)", "\"2023-07-22T06:26:40+02:00\""},
    {"unix_ts_to_rfc3339(1700000000123, 'millisecond')", "\"2023-11-14T23:13:20.123+01:00\""},
    {"unix_ts_to_rfc3339(1700000000123456, 'microsecond')", "\"2023-11-14T23:13:20.123456+01:00\""},
    {"unix_ts_to_rfc3339(1700000000123456789, 'nanosecond')", "\"2023-11-14T23:13:20.123456789+01:00\""},
    {"format_date('second', 'local', '%H%z', 1690000000)", "\"06+0200\""},
    {"date_to_unix_ts('second', 'local', '%Y-%m-%d %H:%M:%S', '2023-07-22 06:26:40')", "1690000000"},
    {"date_to_unix_ts('second', 'local', '%Y-%m-%d %H:%M:%S', '2023-11-14 23:13:20')", "1700000000"},
    {"date_to_unix_ts('second', 'local', '%Y-%m-%d %H:%M:%S', '2023-10-29 02:30:00')",
     "1698543000"}, /* the second of two */
    {"unix_ts_to_rfc3339('1')", "!must be an integer"})

static void test_now_is_the_clock_of_the_broker(void **state)
{
    (void)state;
    clock_fake_set(1700000000123, 0);
    static const struct expression expressions[] = {
        {"now_timestamp()", "1700000000"},
        {"now_timestamp('millisecond')", "1700000000123"},
        {"now_timestamp('nanosecond')", "1700000000123000000"},
        {"now_timestamp('hour')", "!no unit"},
        {"now_rfc3339()", "\"2023-11-14T23:13:20+01:00\""},
        {"now_rfc3339('millisecond')", "\"2023-11-14T23:13:20.123+01:00\""},
        {"format_date('second', 'Z', '%S.%3N')", "\"20.123\""},
        {"timezone_to_offset_seconds('local')", "3600"},
    };
    check_expressions(expressions, LENGTH(expressions));
    clock_fake_stop();
}

static int berlin(void **state)
{
    (void)state;
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats_have_directives),
        cmocka_unit_test(test_texts_are_read_by_their_format),
        cmocka_unit_test(test_rfc_3339_is_read),
        cmocka_unit_test(test_offsets_are_seconds),
        cmocka_unit_test(test_the_local_zone_has_summer_time),
        cmocka_unit_test(test_now_is_the_clock_of_the_broker),
    };
    return cmocka_run_group_tests(tests, berlin, NULL);
}
