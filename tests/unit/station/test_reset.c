/* Groups that begin anew somewhere else. */
#include "station_test.h"

#define NUMBERS 10

static void start(struct depot *depot)
{
    depot_start(depot, 2);
    make_station(depot, "{\"name\":\"x\",\"topics\":[\"t/#\"],\"ack_wait\":\"1h\"}");
    for (unsigned i = 0; i < NUMBERS; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%u", i);
        put_message(depot, "x", i % 2 == 0 ? "t/even" : "t/odd", text, NULL);
    }
}

static void noticed(void *arg)
{
    atomic_store((atomic_bool *)arg, true);
}

/* A fetch's payloads, one digit each; with `ack` they are acknowledged. */
static const char *take(struct depot *depot, const char *filter, uint32_t batch, bool ack,
                        char out[NUMBERS + 1])
{
    struct error err;
    struct station_message message;
    atomic_bool done = false;
    size_t count = 0;
    const struct station_fetch_options options = {
        .start = STR("earliest"), .filter = str_of(filter), .batch = batch};
    struct station_fetch *fetch =
        station_fetch_start(depot->stations, STR("x"), STR("g"), &options, noticed, &done, &err);
    CHECK(fetch != NULL, "%s", err.text);
    WAIT_FOR(atomic_load(&done));
    ASSERT_OK(station_fetch_result(fetch, &err), err);
    uint64_t offsets[NUMBERS];
    while (count < NUMBERS && station_fetch_next(fetch, &message)) {
        offsets[count] = message.offset;
        out[count++] = (char)message.payload.data[0];
    }
    out[count] = '\0';
    size_t settled = 0;
    if (ack) {
        ASSERT_OK(station_group_settle(depot->stations, STR("x"), STR("g"), STATION_ACK, offsets, count,
                                       &settled, &err),
                  err);
    }
    station_fetch_free(fetch);
    return out;
}
#define TAKE(depot, filter, batch, ack) take(depot, filter, batch, ack, (char[NUMBERS + 1]){0})

static struct station_group_info info_of(struct depot *depot)
{
    struct error err;
    struct buf text = {0};
    struct station_group_info info = {0};
    ASSERT_OK(station_group_get(depot->stations, STR("x"), STR("g"), &info, &text, &err), err);
    buf_free(&text);
    return info;
}

static bool reset(struct depot *depot, const char *place, bool force, struct error *err)
{
    *err = (struct error){0};
    return station_group_reset(depot->stations, STR("x"), STR("g"), str_of(place), force, err);
}

static void test_it_goes_on_where_it_was_told_whatever_it_has_done(void **state)
{
    (void)state;
    static const struct {
        const char *place, *wanted;
    } rows[] = {{"earliest", "0123456789"},
                {"offset:4", "456789"},
                {"last:3", "789"},
                {"latest", ""},
                {"time:0", "0123456789"}};
    struct depot depot;
    struct error err;
    start(&depot);
    assert_string_equal(TAKE(&depot, "", 5, true), "01234");
    TABLE_EACH(row, rows)
    {
        ASSERT_OK(reset(&depot, row->place, false, &err), err);
        const char *got = TAKE(&depot, "", NUMBERS, false);
        CHECK(strcmp(got, row->wanted) == 0, "%s: %s", row->place, got);
    }
    depot_end(&depot);
}

static void test_what_was_acknowledged_and_what_was_on_its_way_is_forgotten(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    start(&depot);
    assert_string_equal(TAKE(&depot, "", 4, true), "0123");
    assert_string_equal(TAKE(&depot, "", 2, false), "45");
    assert_int_equal(info_of(&depot).acked, 4);
    ASSERT_OK(reset(&depot, "offset:2", false, &err), err);
    assert_int_equal(info_of(&depot).acked, 2);
    assert_int_equal(info_of(&depot).lag, NUMBERS - 2);
    assert_string_equal(TAKE(&depot, "", NUMBERS, true), "23456789");
    depot_end(&depot);
}

static void test_its_filter_stays(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    start(&depot);
    assert_string_equal(TAKE(&depot, "t/odd", NUMBERS, true), "13579");
    ASSERT_OK(reset(&depot, "earliest", false, &err), err);
    assert_string_equal(TAKE(&depot, "", NUMBERS, true), "13579");
    depot_end(&depot);
}

static void test_the_new_place_outlives_a_restart(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    start(&depot);
    assert_string_equal(TAKE(&depot, "", NUMBERS, true), "0123456789");
    ASSERT_OK(reset(&depot, "offset:7", false, &err), err);
    depot_restart(&depot);
    assert_string_equal(TAKE(&depot, "", NUMBERS, true), "789");
    depot_end(&depot);
}

static void test_members_are_not_cut_off_unless_by_force(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    struct error err;
    start(&depot);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "m");
    subscribe_to(&client, "$share/g/$station/x@latest", 1);
    WAIT_FOR(info_of(&depot).members == 1);
    ASSERT_FAILS(reset(&depot, "offset:8", false, &err), err, ERR_BUSY);
    assert_int_equal(info_of(&depot).acked, NUMBERS);
    ASSERT_OK(reset(&depot, "offset:8", true, &err), err);
    /* The subscription goes on with the group as it is now. */
    for (unsigned i = 8; i < NUMBERS; i++)
        assert_int_equal(next_publish(&client).payload.data[0], '0' + i);
    client_bye(&client);
    depot_end(&depot);
}

static void test_a_mistake_is_told_and_changes_nothing(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    start(&depot);
    assert_string_equal(TAKE(&depot, "", 3, true), "012");
    ASSERT_FAILS(reset(&depot, "yesterday", true, &err), err, ERR_INVALID);
    assert_non_null(strstr(err.text, "start"));
    ASSERT_FAILS(station_group_reset(depot.stations, STR("x"), STR("h"), STR("earliest"), false, &err), err,
                 ERR_NOT_FOUND);
    ASSERT_FAILS(station_group_reset(depot.stations, STR("y"), STR("g"), STR("earliest"), false, &err), err,
                 ERR_NOT_FOUND);
    assert_string_equal(TAKE(&depot, "", 1, true), "3");
    depot_end(&depot);
}

RUN_TESTS(cmocka_unit_test(test_it_goes_on_where_it_was_told_whatever_it_has_done),
          cmocka_unit_test(test_what_was_acknowledged_and_what_was_on_its_way_is_forgotten),
          cmocka_unit_test(test_its_filter_stays), cmocka_unit_test(test_the_new_place_outlives_a_restart),
          cmocka_unit_test(test_members_are_not_cut_off_unless_by_force),
          cmocka_unit_test(test_a_mistake_is_told_and_changes_nothing))
