/* Reading over MQTT without a group: where it starts, what comes, where a persistent session goes on. */
#include "station_test.h"

#include "base/clock.h"
#include "base/mem.h"

static void start(struct depot *depot)
{
    depot_start(depot, 2);
    make_station(depot, "{\"name\":\"x\",\"topics\":[\"t/#\"]}");
}

static void put_numbers(struct depot *depot, unsigned from, unsigned to)
{
    struct error err;
    struct station_message *messages = mem_zalloc((to - from) * sizeof(*messages));
    char(*texts)[2][16] = mem_zalloc((to - from) * sizeof(*texts));
    for (unsigned i = from; i < to; i++) {
        char *text = texts[i - from][0], *topic = texts[i - from][1];
        snprintf(text, 16, "%u", i);
        snprintf(topic, 16, "t/%s/%u", i % 2 == 0 ? "even" : "odd", i % 10000);
        messages[i - from] =
            (struct station_message){.topic = str_of(topic), .payload = str_of(text), .qos = 1};
    }
    struct station_produce produce = {.messages = messages, .count = to - from};
    ASSERT_OK(stations_produce_wait(depot->stations, STR("x"), &produce, &err), err);
    mem_free(messages);
    mem_free(texts);
}

/* Hears these payloads in this order, without acknowledging; QoS > 0: with PUBACK. */
static void hear_numbers(struct client *client, unsigned from, unsigned to, unsigned step)
{
    for (unsigned i = from; i < to; i += step) {
        struct mqtt_publish publish = next_publish(client);
        char text[16];
        snprintf(text, sizeof(text), "%u", i);
        if (!str_is(publish.payload, text))
            fail_msg("got %.*s; expected %u", STR_ARG(publish.payload), i);
        if (publish.qos > 0)
            say_ack(client, MQTT_PUBACK, publish.packet_id);
    }
}

static void test_a_start_decides_what_comes_first(void **state)
{
    (void)state;
    struct depot depot;
    start(&depot);
    put_numbers(&depot, 0, 10);
    const struct {
        const char *filter;
        const char *start; /* user property */
        unsigned first;
    } rows[] = {
        {"$station/x@earliest", NULL, 0}, {"$station/x", "earliest", 0},
        {"$station/X@last:3", NULL, 7},   {"$station/x@offset:4", NULL, 4},
        {"$station/x@time:0", NULL, 0},   {"$station/x@earliest", "last:1", 9},
        {"$station/x", "offset:8", 8},    {"$station/x@time:1970-01-01T01:00:00%2B01:00/t/#", NULL, 0},
    };
    TABLE_EACH(row, rows)
    {
        struct client client;
        CLIENT_CONNECT(&client, &depot.site, false, .id = "r");
        if (row->start != NULL)
            subscribe_with_start(&client, row->filter, 0, row->start);
        else
            subscribe_to(&client, row->filter, 0);
        hear_numbers(&client, row->first, 10, 1);
        client_bye(&client);
    }
    depot_end(&depot);
}

static void test_latest_gives_only_what_is_new(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot);
    put_numbers(&depot, 0, 3);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "r");
    subscribe_to(&client, "$station/x", 1);
    put_numbers(&depot, 3, 5);
    hear_numbers(&client, 3, 5, 1);
    client_sync(&client);
    client_bye(&client);
    depot_end(&depot);
}

static void test_a_time_starts_at_the_first_message_of_then(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    char filter[64];
    start(&depot);
    put_numbers(&depot, 0, 3);
    usleep(3000);
    int64_t between_ms = clock_wall_ms();
    usleep(3000);
    put_numbers(&depot, 3, 6);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "r");
    snprintf(filter, sizeof(filter), "$station/x@time:%" PRId64, between_ms);
    subscribe_to(&client, filter, 0);
    hear_numbers(&client, 3, 6, 1);
    client_bye(&client);
    depot_end(&depot);
}

static void test_a_filter_gives_only_what_matches(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot);
    put_numbers(&depot, 0, 2000);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "r");
    subscribe_to(&client, "$station/x@earliest/t/odd/#", 1);
    hear_numbers(&client, 1, 2000, 2);
    subscribe_to(&client, "$station/x@earliest/t/even/1998", 0);
    hear_numbers(&client, 1998, 2000, 2);
    client_sync(&client);
    client_bye(&client);
    depot_end(&depot);
}

static void test_bad_filters_and_missing_stations_are_refused(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "r");
    static const char *const rows[] = {"$station/none",        "$station/x@soon", "$station/",
                                       "$station/+/a",         "$station/#",      "$share/g/$station/none",
                                       "$share/g/$station/x@1"};
    TABLE_EACH(row, rows)
    {
        put_subscribe(&client, 1, *row, (struct mqtt_subscription){.qos = 1}, 0);
        client_flush(&client);
        struct buf text = {0};
        client_hear(&client, &text);
        /* A refusal by the rules is one, too: a filter that is none is seen by no rule. */
        CHECK(strncmp(buf_cstr(&text), "SUBACK #1 8", 11) == 0, "%s: %s", *row, buf_cstr(&text));
        buf_free(&text);
    }
    client_bye(&client);
    depot_end(&depot);
}

static void test_mqtt_5_tells_offset_and_time_behind_the_own_properties(void **state)
{
    (void)state;
    struct depot depot;
    struct client client, old;
    start(&depot);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "r", .alias_maximum = 0);
    struct buf props = {0};
    mqtt_user_property_append(&props, STR("mine"), STR("1"));
    struct mqtt_publish publish = {
        .topic = STR("t/1"), .qos = 1, .packet_id = 1, .payload = STR("p"), .raw_props = buf_str(&props)};
    put_numbers(&depot, 0, 1);
    int64_t before_ms = clock_wall_ms();
    put_publish(&client, &publish);
    client_flush(&client);
    EXPECT(&client, "PUBACK #1 00");
    subscribe_to(&client, "$station/x@offset:1", 0);
    struct mqtt_publish heard = next_publish(&client);
    assert_memory_equal(heard.raw_props.data, props.data, props.len); /* in front, as it was */
    assert_true(str_is(user_property(heard.raw_props, "varve-offset"), "1"));
    int64_t time_ms = 0;
    assert_true(str_to_i64(user_property(heard.raw_props, "varve-timestamp"), &time_ms, NULL));
    assert_true(time_ms >= before_ms - 1000 && time_ms <= clock_wall_ms());
    CLIENT_CONNECT(&old, &depot.site, false, .id = "o", .version = MQTT_3_1_1);
    subscribe_to(&old, "$station/x@offset:1", 0);
    hear_publish(&old, "t/1", "p");
    buf_free(&props);
    client_bye(&client);
    client_bye(&old);
    depot_end(&depot);
}

static void test_expiry_goes_on_counting_and_what_is_over_is_not_given(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    struct error err;
    start(&depot);
    const uint8_t long_life[] = {0x02, 0, 0, 0x0E, 0x10}, short_life[] = {0x02, 0, 0, 0, 1};
    const struct station_message messages[] = {
        {.topic = STR("t/1"), .payload = STR("long"), .props = str_make(long_life, 5)},
        {.topic = STR("t/2"), .payload = STR("short"), .props = str_make(short_life, 5)},
        {.topic = STR("t/3"), .payload = STR("last")},
    };
    struct station_produce produce = {.messages = messages, .count = 3};
    ASSERT_OK(stations_produce_wait(depot.stations, STR("x"), &produce, &err), err);
    int64_t stored_ms = clock_wall_ms();
    while (clock_wall_ms() < stored_ms + 2100)
        usleep(10000);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "r");
    subscribe_to(&client, "$station/x@earliest", 0);
    struct mqtt_properties properties;
    struct mqtt_publish heard = next_publish(&client);
    assert_true(str_is(heard.payload, "long"));
    assert_int_equal(mqtt_properties_decode((const uint8_t *)heard.raw_props.data, heard.raw_props.len,
                                            MQTT_LIST_PUBLISH, &properties),
                     MQTT_SUCCESS);
    assert_true(properties.message_expiry <= 3598 && properties.message_expiry > 3000);
    heard = next_publish(&client);
    assert_true(str_is(heard.payload, "last"));
    client_bye(&client);
    depot_end(&depot);
}

/* ---- Persistent sessions --------------------------------------------------------------------------------- */

static void test_a_persistent_session_goes_on_behind_what_it_has_acknowledged(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot);
    put_numbers(&depot, 0, 20);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "r", .keep = true);
    subscribe_to(&client, "$station/x@earliest", 1);
    hear_numbers(&client, 0, 10, 1);
    for (unsigned i = 10; i < 20; i++)
        next_publish(&client); /* not acknowledged */
    client_drop(&client);
    put_numbers(&depot, 20, 25);
    depot_restart(&depot);
    CLIENT_CONNECT(&client, &depot.site, true, .id = "r", .keep = true);
    hear_numbers(&client, 10, 25, 1);
    client_sync(&client);
    client_bye(&client);
    depot_end(&depot);
}

/* SUBACK comes somewhere between the messages, or behind them. */
static bool is_answered(struct client *client, struct buf *text)
{
    client_hear(client, text);
    return strcmp(buf_cstr(text), "PINGRESP") == 0;
}

static void sync_behind_suback(struct client *client)
{
    struct buf text = {0};
    mqtt_encode_ping(&client->out, MQTT_PINGREQ);
    client_flush(client);
    while (!is_answered(client, &text))
        assert_string_equal(buf_cstr(&text), "SUBACK #1 01");
    buf_free(&text);
}

static void test_the_same_filter_again_goes_on_and_does_not_start_anew(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot);
    put_numbers(&depot, 0, 5);
    for (unsigned round = 0; round < 3; round++) {
        CLIENT_CONNECT(&client, &depot.site, round > 0, .id = "r", .keep = true);
        put_subscribe(&client, 1, "$station/x@earliest", (struct mqtt_subscription){.qos = 1}, 0);
        client_flush(&client);
        hear_numbers(&client, 5 * round, 5 * round + 5, 1);
        sync_behind_suback(&client);
        client_drop(&client);
        put_numbers(&depot, 5 * round + 5, 5 * round + 10);
        if (round == 1)
            depot_restart(&depot);
    }
    depot_end(&depot);
}

static void test_a_position_ends_with_its_subscription_and_with_its_session(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot);
    put_numbers(&depot, 0, 3);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "r", .keep = true);
    subscribe_to(&client, "$station/x@earliest", 1);
    hear_numbers(&client, 0, 3, 1);
    const struct str filter = STR("$station/x@earliest");
    struct mqtt_properties none;
    mqtt_properties_init(&none);
    mqtt_encode_unsubscribe(&client.out, MQTT_5, 9, &none, &filter, 1);
    client_flush(&client);
    EXPECT(&client, "UNSUBACK #9 00");
    subscribe_to(&client, "$station/x@earliest", 1);
    hear_numbers(&client, 0, 3, 1);
    client_drop(&client);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "r", .keep = true, .clean = true);
    subscribe_to(&client, "$station/x@earliest", 1);
    hear_numbers(&client, 0, 3, 1);
    client_bye(&client);
    depot_end(&depot);
}

static void test_what_is_expelled_is_stepped_over(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    struct error err;
    uint64_t count;
    start(&depot);
    put_numbers(&depot, 0, 5);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "r", .keep = true);
    subscribe_to(&client, "$station/x@earliest", 1);
    hear_numbers(&client, 0, 5, 1);
    client_drop(&client);
    WAIT_FOR(listener_connections(depot.site.listener) == 0);
    put_numbers(&depot, 5, 10);
    ASSERT_OK(stations_purge(depot.stations, STR("x"), &count, &err), err);
    put_numbers(&depot, 10, 12);
    CLIENT_CONNECT(&client, &depot.site, true, .id = "r", .keep = true);
    hear_numbers(&client, 10, 12, 1);
    client_bye(&client);
    depot_end(&depot);
}

static void test_from_a_cold_disk_everything_comes_in_order(void **state)
{
    (void)state;
    struct depot depot;
    struct client a, b;
    start(&depot);
    put_numbers(&depot, 0, 3000);
    atomic_store(&disk_cold, true);
    depot_restart(&depot);
    CLIENT_CONNECT(&a, &depot.site, false, .id = "a");
    CLIENT_CONNECT(&b, &depot.site, false, .id = "b", .receive_maximum = 3);
    subscribe_to(&a, "$station/x@earliest", 0);
    subscribe_to(&b, "$station/x@earliest", 1);
    hear_numbers(&a, 0, 3000, 1);
    hear_numbers(&b, 0, 3000, 1);
    client_bye(&a);
    client_bye(&b);
    atomic_store(&disk_cold, false);
    depot_end(&depot);
}

static void test_a_deleted_station_ends_its_readers_quietly(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    struct error err;
    start(&depot);
    put_numbers(&depot, 0, 3);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "r", .keep = true);
    subscribe_to(&client, "$station/x@earliest", 1);
    hear_numbers(&client, 0, 3, 1);
    ASSERT_OK(stations_delete(depot.stations, STR("x"), false, false, &err), err);
    client_sync(&client);
    say_publish(&client, "t/1", 1, 5, "nobody keeps it");
    EXPECT(&client, "PUBACK #5 10");
    make_station(&depot, "{\"name\":\"x\",\"topics\":[\"t/#\"]}");
    assert_string_equal(READ_ALL(&depot, "x"), "");
    client_bye(&client);
    depot_end(&depot);
}

RUN_TESTS(cmocka_unit_test(test_a_start_decides_what_comes_first),
          cmocka_unit_test(test_latest_gives_only_what_is_new),
          cmocka_unit_test(test_a_time_starts_at_the_first_message_of_then),
          cmocka_unit_test(test_a_filter_gives_only_what_matches),
          cmocka_unit_test(test_bad_filters_and_missing_stations_are_refused),
          cmocka_unit_test(test_mqtt_5_tells_offset_and_time_behind_the_own_properties),
          cmocka_unit_test(test_expiry_goes_on_counting_and_what_is_over_is_not_given),
          cmocka_unit_test(test_a_persistent_session_goes_on_behind_what_it_has_acknowledged),
          cmocka_unit_test(test_the_same_filter_again_goes_on_and_does_not_start_anew),
          cmocka_unit_test(test_a_position_ends_with_its_subscription_and_with_its_session),
          cmocka_unit_test(test_what_is_expelled_is_stepped_over),
          cmocka_unit_test(test_from_a_cold_disk_everything_comes_in_order),
          cmocka_unit_test(test_a_deleted_station_ends_its_readers_quietly))
