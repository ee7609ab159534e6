/* A station is deleted and made again: who subscribed it goes on with the new one. */
#include "station_test.h"

static const char *const station_x = "{\"name\":\"x\",\"topics\":[\"t/#\"]}";

static void start(struct depot *depot)
{
    depot_start(depot, 2);
    log_set_level(LOG_LEVEL_ERROR);
    make_station(depot, station_x);
}

static void delete_station(struct depot *depot)
{
    struct error err;
    ASSERT_OK(stations_delete(depot->stations, STR("x"), true, false, &err), err);
}

static void put_texts(struct depot *depot, const char *topic, const char *texts)
{
    for (const char *at = texts; *at != '\0'; at++)
        put_message(depot, "x", topic, (char[]){*at, '\0'}, NULL);
}

/* Hears messages of one letter each, with the offsets from `first` on, and acknowledges them. */
static void hear_texts(struct client *client, const char *texts, uint64_t first)
{
    for (const char *at = texts; *at != '\0'; at++) {
        struct mqtt_publish publish = next_publish(client);
        uint64_t offset = UINT64_MAX;
        if (!str_equal(publish.payload, str_make(at, 1)))
            fail_msg("got %.*s; expected %c", STR_ARG(publish.payload), *at);
        assert_true(str_to_u64(user_property(publish.raw_props, "varve-offset"), &offset, NULL));
        assert_int_equal(offset, first + (uint64_t)(at - texts));
        if (publish.qos > 0)
            say_ack(client, MQTT_PUBACK, publish.packet_id);
    }
}

static unsigned absent_count(struct depot *depot)
{
    return atomic_load(&depot->stations->absent);
}

static struct station_group_info info_of(struct depot *depot, const char *group)
{
    struct error err;
    struct buf text = {0};
    struct station_group_info info = {0};
    ASSERT_OK(station_group_get(depot->stations, STR("x"), str_of(group), &info, &text, &err), err);
    buf_free(&text);
    return info;
}

static void test_a_reader_goes_on_with_the_new_station_from_its_first_message(void **state)
{
    (void)state;
    struct depot depot;
    struct client clients[3];
    static const char *const filters[] = {"$station/x@earliest", "$station/x", "$station/X@last:1/t/+"};
    start(&depot);
    put_texts(&depot, "t/1", "a");
    for (unsigned i = 0; i < 3; i++) {
        CLIENT_CONNECT(&clients[i], &depot.site, false, .id = ID_ON(&depot.site, i % 2, i < 2 ? "a" : "b"));
        subscribe_to(&clients[i], filters[i], 1);
        hear_texts(&clients[i], i == 1 ? "" : "a", 0);
    }
    for (unsigned round = 0; round < 3; round++) {
        delete_station(&depot);
        assert_int_equal(absent_count(&depot), 3);
        make_station(&depot, station_x);
        assert_int_equal(absent_count(&depot), 0);
        put_texts(&depot, "t/1", "xyz");
        for (unsigned i = 0; i < 3; i++)
            hear_texts(&clients[i], "xyz", 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        client_sync(&clients[i]);
        client_bye(&clients[i]);
    }
    depot_end(&depot);
}

static void test_a_start_at_an_offset_or_a_time_holds_for_the_new_station_too(void **state)
{
    (void)state;
    struct depot depot;
    struct client offset, past, property;
    start(&depot);
    CLIENT_CONNECT(&offset, &depot.site, false, .id = "o");
    CLIENT_CONNECT(&past, &depot.site, false, .id = "p");
    CLIENT_CONNECT(&property, &depot.site, false, .id = "q");
    subscribe_to(&offset, "$station/x@offset:2", 1);
    subscribe_to(&past, "$station/x@time:0", 1);
    subscribe_with_start(&property, "$station/x", 1, "offset:1");
    delete_station(&depot);
    make_station(&depot, station_x);
    put_texts(&depot, "t/1", "abc");
    hear_texts(&offset, "c", 2);
    hear_texts(&past, "abc", 0);
    hear_texts(&property, "bc", 1);
    client_bye(&offset);
    client_bye(&past);
    client_bye(&property);
    depot_end(&depot);
}

static void test_a_persistent_session_that_is_away_misses_nothing_of_the_new_station(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot);
    put_texts(&depot, "t/1", "abcde");
    CLIENT_CONNECT(&client, &depot.site, false, .id = "r", .keep = true);
    subscribe_to(&client, "$station/x", 1);
    subscribe_to(&client, "$station/x@earliest/t/1", 1);
    hear_texts(&client, "abcde", 0);
    client_drop(&client);
    delete_station(&depot);
    depot_restart(&depot);
    assert_int_equal(absent_count(&depot), 2);
    make_station(&depot, station_x);
    put_texts(&depot, "t/2", "fg"); /* for the first of its subscriptions alone */
    depot_restart(&depot);
    put_texts(&depot, "t/2", "h");
    CLIENT_CONNECT(&client, &depot.site, true, .id = "r", .keep = true);
    hear_texts(&client, "fgh", 0);
    client_sync(&client);
    client_bye(&client);
    depot_restart(&depot); /* its position is one of the new station, and was stored */
    CLIENT_CONNECT(&client, &depot.site, true, .id = "r", .keep = true);
    client_sync(&client);
    put_texts(&depot, "t/2", "i");
    hear_texts(&client, "i", 3);
    client_bye(&client);
    depot_end(&depot);
}

static void test_a_group_goes_on_and_what_was_in_flight_settles_nothing_of_the_new_station(void **state)
{
    (void)state;
    struct depot depot;
    struct client a, b;
    start(&depot);
    CLIENT_CONNECT(&a, &depot.site, false, .id = ID_ON(&depot.site, 0, "a"));
    CLIENT_CONNECT(&b, &depot.site, false, .id = ID_ON(&depot.site, 1, "b"), .keep = true);
    subscribe_to(&a, "$share/g/$station/x", 1);
    subscribe_to(&b, "$share/g/$station/x@earliest", 1);
    WAIT_FOR(info_of(&depot, "g").members == 2);
    client_drop(&b);
    WAIT_FOR(info_of(&depot, "g").members == 1);
    put_texts(&depot, "t/1", "ab");
    uint16_t first = next_publish(&a).packet_id;
    uint16_t second = next_publish(&a).packet_id;
    delete_station(&depot);
    assert_int_equal(absent_count(&depot), 2);
    make_station(&depot, station_x);
    WAIT_FOR(info_of(&depot, "g").members == 1); /* one of the two is away */
    put_texts(&depot, "t/1", "xy");
    uint16_t third = next_publish(&a).packet_id;
    assert_true(str_is(next_publish(&a).payload, "y"));
    say_ack(&a, MQTT_PUBACK, first);
    say_ack(&a, MQTT_PUBACK, second);
    client_sync(&a);
    assert_int_equal(info_of(&depot, "g").acked, 0);
    say_ack(&a, MQTT_PUBACK, third);
    WAIT_FOR(info_of(&depot, "g").acked == 1);
    client_drop(&a); /* the second message comes to the other member */
    CLIENT_CONNECT(&b, &depot.site, true, .id = ID_ON(&depot.site, 1, "b"), .keep = true);
    hear_texts(&b, "y", 1);
    WAIT_FOR(info_of(&depot, "g").lag == 0);
    client_bye(&b);
    depot_end(&depot);
}

static void test_a_group_whose_members_are_all_away_starts_at_the_first_message(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "m", .keep = true);
    subscribe_to(&client, "$share/g/$station/x", 1);
    put_texts(&depot, "t/1", "a");
    hear_texts(&client, "a", 0);
    client_drop(&client);
    delete_station(&depot);
    depot_restart(&depot);
    make_station(&depot, station_x);
    put_texts(&depot, "t/1", "bc");
    assert_int_equal(info_of(&depot, "g").lag, 2);
    depot_restart(&depot);
    CLIENT_CONNECT(&client, &depot.site, true, .id = "m", .keep = true);
    hear_texts(&client, "bc", 0);
    client_bye(&client);
    depot_end(&depot);
}

static void say_unsubscribe(struct client *client, const char *filter)
{
    struct str text = str_of(filter);
    mqtt_encode_unsubscribe(&client->out, client->version, 9, NULL, &text, 1);
    client_flush(client);
    EXPECT(client, "UNSUBACK #9 00");
}

static void test_a_subscription_that_waits_can_be_repeated_and_ends_as_any_other(void **state)
{
    (void)state;
    struct depot depot;
    struct client client, other;
    start(&depot);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "r", .keep = true);
    CLIENT_CONNECT(&other, &depot.site, false, .id = "s");
    subscribe_to(&client, "$station/x", 1);
    subscribe_to(&client, "$share/g/$station/x", 1);
    subscribe_to(&other, "$station/x", 1);
    delete_station(&depot);
    subscribe_to(&client, "$station/x", 1); /* it is there, and goes on */
    assert_int_equal(absent_count(&depot), 3);
    client_bye(&other);
    WAIT_FOR(absent_count(&depot) == 2);
    say_unsubscribe(&client, "$station/x");
    assert_int_equal(absent_count(&depot), 1);
    client_drop(&client);
    depot_restart(&depot);
    CLIENT_CONNECT(&client, &depot.site, true, .id = "r", .keep = true);
    assert_int_equal(absent_count(&depot), 1);
    say_unsubscribe(&client, "$share/g/$station/x");
    make_station(&depot, station_x);
    put_texts(&depot, "t/1", "a");
    client_sync(&client);
    client_bye(&client);
    depot_end(&depot);
}

static void test_a_subscription_to_a_station_that_cannot_be_read_goes_on_after_its_repair(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    char path[2 * HARNESS_PATH_BYTES], aside[2 * HARNESS_PATH_BYTES];
    start(&depot);
    put_texts(&depot, "t/1", "ab");
    CLIENT_CONNECT(&client, &depot.site, false, .id = "r", .keep = true);
    subscribe_to(&client, "$station/x@earliest", 1);
    hear_texts(&client, "ab", 0);
    client_drop(&client);
    put_texts(&depot, "t/1", "c");
    depot_halt(&depot);
    snprintf(path, sizeof(path), "%s/stations/x", depot.site.dir);
    snprintf(aside, sizeof(aside), "%s/aside", depot.site.dir);
    assert_int_equal(rename(path, aside), 0);
    FILE *file = fopen(path, "w"); /* where a directory should be */
    fclose(file);
    log_set_level(LOG_LEVEL_ERROR + 1);
    depot_open(&depot);
    CLIENT_CONNECT(&client, &depot.site, true, .id = "r", .keep = true);
    client_sync(&client);
    client_drop(&client);
    depot_halt(&depot);
    assert_int_equal(remove(path), 0);
    assert_int_equal(rename(aside, path), 0);
    depot_open(&depot);
    CLIENT_CONNECT(&client, &depot.site, true, .id = "r", .keep = true);
    hear_texts(&client, "c", 2);
    client_bye(&client);
    depot_end(&depot);
}

RUN_TESTS(cmocka_unit_test(test_a_reader_goes_on_with_the_new_station_from_its_first_message),
          cmocka_unit_test(test_a_start_at_an_offset_or_a_time_holds_for_the_new_station_too),
          cmocka_unit_test(test_a_persistent_session_that_is_away_misses_nothing_of_the_new_station),
          cmocka_unit_test(test_a_group_goes_on_and_what_was_in_flight_settles_nothing_of_the_new_station),
          cmocka_unit_test(test_a_group_whose_members_are_all_away_starts_at_the_first_message),
          cmocka_unit_test(test_a_subscription_that_waits_can_be_repeated_and_ends_as_any_other),
          cmocka_unit_test(test_a_subscription_to_a_station_that_cannot_be_read_goes_on_after_its_repair))
