/* Retention: exact to the message, at the boundaries, by a clock that stands still. */
#include "station_test.h"

#include "base/clock.h"

#define START_MS INT64_C(1700000000000)

static void tick(struct depot *depot)
{
    while (stations_tick(depot->stations))
        ;
}

static void start(struct depot *depot, const char *retention)
{
    char json[512];
    clock_fake_set(START_MS, 1);
    depot_start(depot, 0);
    snprintf(json, sizeof(json), "{\"name\":\"x\",\"retention\":%s}", retention);
    make_station(depot, json);
}

static void end(struct depot *depot)
{
    depot_end(depot);
    clock_fake_stop();
}

static void put_numbers(struct depot *depot, unsigned from, unsigned to)
{
    char text[16];
    for (unsigned i = from; i < to; i++) {
        snprintf(text, sizeof(text), "%u", i);
        put_message(depot, "x", "t", text, NULL);
    }
}

static void test_by_messages_the_newest_stay(void **state)
{
    (void)state;
    struct depot depot;
    start(&depot, "{\"age\":\"0\",\"messages\":3}");
    put_numbers(&depot, 0, 3);
    tick(&depot);
    assert_string_equal(READ_ALL(&depot, "x"), "0,1,2");
    put_numbers(&depot, 3, 4);
    tick(&depot);
    assert_string_equal(READ_ALL(&depot, "x"), "1,2,3");
    put_numbers(&depot, 4, 9);
    tick(&depot);
    assert_string_equal(READ_ALL(&depot, "x"), "6,7,8");
    depot_restart(&depot);
    assert_string_equal(READ_ALL(&depot, "x"), "6,7,8");
    assert_int_equal(bounds_of(&depot, "x").first, 6);
    end(&depot);
}

static void test_by_age_a_message_goes_when_it_is_that_old(void **state)
{
    (void)state;
    struct depot depot;
    start(&depot, "{\"age\":\"10s\"}");
    put_numbers(&depot, 0, 1);
    clock_fake_advance_ms(1);
    put_numbers(&depot, 1, 2);
    clock_fake_advance_ms(9998);
    tick(&depot);
    assert_string_equal(READ_ALL(&depot, "x"), "0,1");
    clock_fake_advance_ms(1); /* the first is 10 s old */
    tick(&depot);
    assert_string_equal(READ_ALL(&depot, "x"), "1");
    put_numbers(&depot, 2, 3);
    clock_fake_advance_ms(1);
    tick(&depot);
    assert_string_equal(READ_ALL(&depot, "x"), "2");
    clock_fake_advance_ms(9998);
    tick(&depot);
    assert_string_equal(READ_ALL(&depot, "x"), "2");
    clock_fake_advance_ms(1);
    tick(&depot);
    assert_string_equal(READ_ALL(&depot, "x"), "");
    assert_int_equal(put_message(&depot, "x", "t", "next", NULL), 3); /* offsets go on */
    end(&depot);
}

static void test_by_age_after_a_restart_what_became_too_old_goes(void **state)
{
    (void)state;
    struct depot depot;
    start(&depot, "{\"age\":\"10s\"}");
    put_numbers(&depot, 0, 2);
    depot_halt(&depot);
    clock_fake_advance_ms(10000);
    depot_open(&depot);
    tick(&depot);
    assert_string_equal(READ_ALL(&depot, "x"), "");
    end(&depot);
}

static void test_by_bytes_as_many_messages_stay_as_fit(void **state)
{
    (void)state;
    struct depot depot;
    start(&depot, "{\"age\":\"0\"}");
    put_numbers(&depot, 0, 1);
    uint64_t one = bounds_of(&depot, "x").bytes;
    char json[128];
    struct error err;
    snprintf(json, sizeof(json), "{\"retention\":{\"bytes\":%" PRIu64 "}}", 3 * one);
    ASSERT_OK(stations_update(depot.stations, STR("x"), str_of(json), &err), err);
    put_numbers(&depot, 1, 3);
    tick(&depot);
    assert_string_equal(READ_ALL(&depot, "x"), "0,1,2"); /* exactly full */
    put_numbers(&depot, 3, 4);
    tick(&depot);
    assert_string_equal(READ_ALL(&depot, "x"), "1,2,3");
    snprintf(json, sizeof(json), "{\"retention\":{\"bytes\":%" PRIu64 "}}", 3 * one - 1);
    ASSERT_OK(stations_update(depot.stations, STR("x"), str_of(json), &err), err);
    tick(&depot);
    assert_string_equal(READ_ALL(&depot, "x"), "2,3");
    end(&depot);
}

static void test_whichever_limit_asks_for_most_holds(void **state)
{
    (void)state;
    struct depot depot;
    start(&depot, "{\"age\":\"10s\",\"messages\":4}");
    put_numbers(&depot, 0, 3);
    clock_fake_advance_ms(5000);
    put_numbers(&depot, 3, 5);
    tick(&depot);
    assert_string_equal(READ_ALL(&depot, "x"), "1,2,3,4");
    clock_fake_advance_ms(5000);
    tick(&depot);
    assert_string_equal(READ_ALL(&depot, "x"), "3,4");
    end(&depot);
}

static void test_acked_without_a_group_keeps_everything(void **state)
{
    (void)state;
    struct depot depot;
    start(&depot, "{\"age\":\"0\",\"acked\":true}");
    put_numbers(&depot, 0, 3);
    tick(&depot);
    assert_string_equal(READ_ALL(&depot, "x"), "0,1,2");
    end(&depot);
}

static void test_acked_what_all_groups_have_acknowledged_goes(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    size_t count;
    depot_start(&depot, 2);
    make_station(&depot, "{\"name\":\"x\",\"retention\":{\"age\":\"0\",\"acked\":true}}");
    put_numbers(&depot, 0, 4);
    static const char *const groups[] = {"g", "h"};
    for (size_t i = 0; i < 2; i++) {
        const struct station_fetch_options options = {
            .start = STR("earliest"), .batch = 10, .wait_ms = 30000};
        struct station_fetch *fetch =
            station_fetch(depot.stations, STR("x"), str_of(groups[i]), &options, &err);
        if (fetch == NULL)
            fail_msg("%s", err.text);
        station_fetch_free(fetch);
    }
    static const uint64_t by_g[] = {0, 1, 2}, by_h[] = {0, 2};
    ASSERT_OK(station_group_settle(depot.stations, STR("x"), STR("g"), STATION_ACK, by_g, 3, &count, &err),
              err);
    tick(&depot);
    assert_string_equal(READ_ALL(&depot, "x"), "0,1,2,3");
    ASSERT_OK(station_group_settle(depot.stations, STR("x"), STR("h"), STATION_ACK, by_h, 2, &count, &err),
              err);
    tick(&depot);
    assert_string_equal(READ_ALL(&depot, "x"), "1,2,3");
    depot_end(&depot);
}

static void test_purge_expels_all_and_offsets_go_on(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    uint64_t count;
    start(&depot, "{}");
    put_numbers(&depot, 0, 5);
    ASSERT_OK(stations_purge(depot.stations, STR("x"), &count, &err), err);
    assert_int_equal(count, 5);
    assert_string_equal(READ_ALL(&depot, "x"), "");
    assert_int_equal(put_message(&depot, "x", "t", "5", NULL), 5);
    depot_restart(&depot);
    assert_string_equal(READ_ALL(&depot, "x"), "5");
    end(&depot);
}

RUN_TESTS(cmocka_unit_test(test_by_messages_the_newest_stay),
          cmocka_unit_test(test_by_age_a_message_goes_when_it_is_that_old),
          cmocka_unit_test(test_by_age_after_a_restart_what_became_too_old_goes),
          cmocka_unit_test(test_by_bytes_as_many_messages_stay_as_fit),
          cmocka_unit_test(test_whichever_limit_asks_for_most_holds),
          cmocka_unit_test(test_acked_without_a_group_keeps_everything),
          cmocka_unit_test(test_acked_what_all_groups_have_acknowledged_goes),
          cmocka_unit_test(test_purge_expels_all_and_offsets_go_on))
