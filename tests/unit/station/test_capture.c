/* Capture: what is stored, what waits, what is refused; ids within the window, across reactors and restarts. */
#include "station_test.h"

#include "base/clock.h"

static void put_user(struct mqtt_publish *publish, struct buf *props, const char *key, const char *value)
{
    mqtt_user_property_append(props, str_of(key), str_of(value));
    publish->raw_props = buf_str(props);
}

static void say_with_id(struct client *client, const char *topic, uint8_t qos, uint16_t packet_id,
                        const char *payload, const char *id)
{
    struct buf props = {0};
    struct mqtt_publish publish = {
        .topic = str_of(topic), .qos = qos, .packet_id = packet_id, .payload = str_of(payload)};
    put_user(&publish, &props, "msg-id", id);
    put_publish(client, &publish);
    client_flush(client);
    buf_free(&props);
}

static void test_everything_of_a_message_is_stored(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    struct error err;
    depot_start(&depot, 1);
    make_station(&depot, "{\"name\":\"x\",\"topics\":[\"t/+\"]}");
    CLIENT_CONNECT(&client, &depot.site, false, .id = "pub");
    static const uint8_t fixed[] = {0x01, 1,   0x02, 0, 0, 3,   0xE8, 0x03, 0, 2,
                                    'c',  't', 0x08, 0, 1, 'r', 0x09, 0,    1, 7};
    struct buf props = {0};
    buf_append(&props, fixed, sizeof(fixed));
    struct mqtt_publish publish = {
        .topic = STR("t/1"), .qos = 2, .packet_id = 3, .retain = true, .payload = STR("body")};
    put_user(&publish, &props, "b", "1");
    put_user(&publish, &props, "a", "2");
    put_user(&publish, &props, "b", "1");
    int64_t before_ms = clock_wall_ms();
    put_publish(&client, &publish);
    client_flush(&client);
    EXPECT(&client, "PUBREC #3 00");
    const struct station_read_options options = {0};
    struct station_read *read = station_read_open(depot.stations, STR("x"), &options, &err);
    assert_non_null(read);
    struct station_message message;
    assert_int_equal(station_read_next(read, 0, &message, &err), STATION_READ);
    assert_true(str_is(message.topic, "t/1") && str_is(message.payload, "body"));
    assert_true(str_is(message.client_id, "pub") && message.username.len == 0);
    assert_true(str_equal(message.props, buf_str(&props)));
    assert_int_equal(message.qos, 2);
    assert_true(message.retain);
    assert_int_equal(message.expiry_s, 1000);
    assert_true(message.time_ms >= before_ms - 1000 && message.time_ms <= clock_wall_ms());
    station_read_close(read);
    buf_free(&props);
    client_drop(&client);
    depot_end(&depot);
}

static void test_qos_0_is_stored_and_waits_for_nothing(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    depot_start(&depot, 1);
    make_station(&depot, "{\"name\":\"x\",\"topics\":[\"t\"]}");
    CLIENT_CONNECT(&client, &depot.site, false, .id = "a");
    say_publish(&client, "t", 0, 0, "zero");
    client_sync(&client);
    WAIT_FOR(bounds_of(&depot, "x").next == 1);
    assert_string_equal(READ_ALL(&depot, "x"), "zero");
    client_bye(&client);
    depot_end(&depot);
}

static void test_a_message_of_two_stations_is_in_both_when_it_is_acknowledged(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    depot_start(&depot, 2);
    make_station(&depot,
                 "{\"name\":\"x\",\"topics\":[\"t/#\",\"t/1\",\"+/1\"]}"); /* once, however many match */
    make_station(&depot, "{\"name\":\"y\",\"topics\":[\"#\"]}");
    CLIENT_CONNECT(&client, &depot.site, false, .id = "a");
    for (uint16_t i = 1; i <= 50; i++) {
        say_publish(&client, "t/1", 1, i, "m");
        char expected[32];
        snprintf(expected, sizeof(expected), "PUBACK #%u 00", i);
        EXPECT(&client, expected);
        assert_int_equal(bounds_of(&depot, "x").next, i);
        assert_int_equal(bounds_of(&depot, "y").next, i);
    }
    client_bye(&client);
    depot_end(&depot);
}

static void test_topics_that_are_changed_hold_from_then_on(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    struct error err;
    depot_start(&depot, 2);
    make_station(&depot, "{\"name\":\"x\",\"topics\":[\"a\",\"b\"]}");
    CLIENT_CONNECT(&client, &depot.site, false, .id = "a");
    say_publish(&client, "a", 1, 1, "1");
    EXPECT(&client, "PUBACK #1 00");
    ASSERT_OK(stations_update(depot.stations, STR("x"), STR("{\"topics\":[\"b\",\"c\"]}"), &err), err);
    say_publish(&client, "a", 1, 2, "2");
    EXPECT(&client, "PUBACK #2 10"); /* no matching subscribers */
    say_publish(&client, "b", 1, 3, "3");
    EXPECT(&client, "PUBACK #3 00");
    say_publish(&client, "c", 1, 4, "4");
    EXPECT(&client, "PUBACK #4 00");
    assert_string_equal(READ_ALL(&depot, "x"), "1,3,4");
    client_bye(&client);
    depot_end(&depot);
}

static void test_too_large_a_message_is_refused(void **state)
{
    (void)state;
    struct depot depot;
    struct client client, old;
    struct error err;
    char payload[201] = "";
    memset(payload, 'p', 200);
    depot_start(&depot, 1);
    make_station(&depot, "{\"name\":\"x\",\"topics\":[\"t\"],\"max_message_bytes\":200}");
    CLIENT_CONNECT(&client, &depot.site, false, .id = "a");
    CLIENT_CONNECT(&old, &depot.site, false, .id = "b", .version = MQTT_3_1_1);
    say_publish(&client, "t", 1, 1, payload);
    EXPECT(&client, "PUBACK #1 97");
    payload[199] = '\0'; /* with its topic, just as much as it may be */
    say_publish(&client, "t", 1, 2, payload);
    EXPECT(&client, "PUBACK #2 00");
    const struct station_message message = {.topic = STR("tt"), .payload = str_of(payload)};
    struct station_produce produce = {.messages = &message, .count = 1};
    ASSERT_FAILS(stations_produce_wait(depot.stations, STR("x"), &produce, &err), err, ERR_TOO_LARGE);
    assert_int_equal(bounds_of(&depot, "x").next, 1);
    client_drop(&old);
    client_bye(&client);
    depot_end(&depot);
}

static void test_a_full_disk_refuses_and_recovers_and_the_rest_of_the_broker_goes_on(void **state)
{
    (void)state;
    struct depot depot;
    struct client client, old;
    struct error err;
    depot_start(&depot, 2);
    make_station(&depot, "{\"name\":\"x\",\"topics\":[\"t\"]}");
    CLIENT_CONNECT(&client, &depot.site, false, .id = "a");
    CLIENT_CONNECT(&old, &depot.site, false, .id = "b", .version = MQTT_3_1_1);
    say_publish(&client, "t", 1, 1, "before");
    EXPECT(&client, "PUBACK #1 00");
    atomic_store(&disk_full, true);
    log_set_level(LOG_LEVEL_ERROR + 1);
    say_publish(&client, "t", 1, 2, "lost");
    EXPECT(&client, "PUBACK #2 97");
    say_publish(&client, "t", 2, 3, "lost");
    EXPECT(&client, "PUBREC #3 97");
    say_publish(&old, "t", 1, 4, "unacknowledged");
    client_sync(&old); /* nothing came for it */
    struct buf text = {0};
    ASSERT_OK(stations_describe(depot.stations, STR("x"), &text, &err), err);
    assert_non_null(strstr(buf_cstr(&text), "\"status\":\"read_only\""));
    assert_null(strstr(buf_cstr(&text), "\"error\":null"));
    buf_free(&text);
    subscribe_to(&client, "other", 1);
    say_publish(&client, "other", 1, 5, "alive");
    uint16_t id = hear_publish(&client, "other", "alive");
    EXPECT(&client, "PUBACK #5 00");
    say_ack(&client, MQTT_PUBACK, id);
    assert_string_equal(READ_ALL(&depot, "x"), "before");
    atomic_store(&disk_full, false);
    struct station *station = stations_find(depot.stations, STR("x"));
    WAIT_FOR(log_writable(station->log, NULL));
    station_unref(station);
    say_publish(&client, "t", 1, 6, "after");
    EXPECT(&client, "PUBACK #6 00");
    assert_string_equal(READ_ALL(&depot, "x"), "before,after");
    client_drop(&old);
    client_bye(&client);
    depot_end(&depot);
}

/* ---- Ids ------------------------------------------------------------------------------------------------- */

static void test_a_repeated_id_is_acknowledged_and_not_stored(void **state)
{
    (void)state;
    struct depot depot;
    struct client a, b;
    depot_start(&depot, 2);
    make_station(&depot, "{\"name\":\"x\",\"topics\":[\"t/#\"]}");
    CLIENT_CONNECT(&a, &depot.site, false, .id = ID_ON(&depot.site, 0, "a"));
    CLIENT_CONNECT(&b, &depot.site, false, .id = ID_ON(&depot.site, 1, "b"));
    say_with_id(&a, "t/1", 1, 1, "first", "one");
    EXPECT(&a, "PUBACK #1 00");
    say_with_id(&a, "t/1", 1, 2, "again", "one");
    EXPECT(&a, "PUBACK #2 00");
    say_with_id(&b, "t/2", 2, 3, "again", "one");
    EXPECT(&b, "PUBREC #3 00");
    say_with_id(&b, "t/2", 1, 4, "second", "two");
    EXPECT(&b, "PUBACK #4 00");
    assert_int_equal(put_message(&depot, "x", "t/3", "again", "two"), 1); /* the offset that it has */
    assert_string_equal(READ_ALL(&depot, "x"), "first,second");
    client_bye(&a);
    client_drop(&b);
    depot_end(&depot);
}

static void test_ids_are_known_after_a_restart_until_their_window_ends(void **state)
{
    (void)state;
    struct depot depot;
    clock_fake_set(INT64_C(1700000000000), 1);
    depot_start(&depot, 0);
    make_station(&depot, "{\"name\":\"x\",\"dedup_window\":\"10s\"}");
    put_message(&depot, "x", "t", "0", "old");
    clock_fake_advance_ms(5000);
    put_message(&depot, "x", "t", "1", "young");
    put_message(&depot, "x", "t", "2", NULL);
    clock_fake_advance_ms(4999);
    depot_restart(&depot);
    assert_int_equal(put_message(&depot, "x", "t", "again", "old"), 0);
    assert_int_equal(put_message(&depot, "x", "t", "again", "young"), 1);
    clock_fake_advance_ms(1);
    assert_int_equal(put_message(&depot, "x", "t", "3", "old"), 3);
    depot_restart(&depot);
    assert_int_equal(put_message(&depot, "x", "t", "again", "young"), 1);
    clock_fake_advance_ms(5000);
    depot_restart(&depot);
    assert_int_equal(put_message(&depot, "x", "t", "4", "young"), 4);
    assert_string_equal(READ_ALL(&depot, "x"), "0,1,2,3,4");
    depot_end(&depot);
    clock_fake_stop();
}

/* A request that does not wait. */
struct request {
    struct station_produce produce; /* first */
    atomic_int ended;               /* 1: stored, -1: not */
};

static void request_done(struct station_produce *produce, const struct error *err)
{
    atomic_store(&((struct request *)produce)->ended, err == NULL ? 1 : -1);
}

static enum recall_state recall_of(struct depot *depot, const char *name)
{
    struct station *station = stations_find(depot->stations, str_of(name));
    enum recall_state state = recall_state(station, NULL);
    station_unref(station);
    return state;
}

static void test_while_ids_are_read_what_has_one_waits_in_its_order(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    struct error err;
    uint64_t offset;
    bool duplicate;
    depot_start(&depot, 2);
    make_station(&depot, "{\"name\":\"x\",\"topics\":[\"t\"]}");
    put_message(&depot, "x", "t", "first", "one");
    depot_restart_held(&depot);
    make_station(&depot, "{\"name\":\"y\",\"topics\":[\"u\"]}");
    assert_int_equal(recall_of(&depot, "x"), RECALL_READING);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "a");
    say_with_id(&client, "u", 1, 1, "elsewhere", "one");
    EXPECT(&client, "PUBACK #1 00"); /* another station does not wait */
    say_publish(&client, "t", 1, 2, "second");
    EXPECT(&client, "PUBACK #2 00"); /* without an id, and nothing waits before it */
    say_with_id(&client, "t", 1, 3, "again", "one");
    say_publish(&client, "t", 1, 4, "third");
    say_with_id(&client, "t", 2, 5, "fourth", "two");
    say_with_id(&client, "t", 1, 6, "again", "two");
    client_sync(&client); /* none is acknowledged */
    const struct station_message message = {.topic = STR("t"), .id = STR("one")};
    struct request request = {.produce = {.messages = &message,
                                          .count = 1,
                                          .offsets = &offset,
                                          .duplicates = &duplicate,
                                          .done = request_done}};
    ASSERT_OK(stations_produce(depot.stations, STR("x"), &request.produce, &err), err);
    assert_int_equal(atomic_load(&request.ended), 0);
    assert_int_equal(bounds_of(&depot, "x").next, 2);
    atomic_store(&workers_held, false);
    EXPECT(&client, "PUBACK #3 00");
    EXPECT(&client, "PUBACK #4 00");
    EXPECT(&client, "PUBREC #5 00");
    EXPECT(&client, "PUBACK #6 00");
    WAIT_FOR(atomic_load(&request.ended) == 1);
    assert_true(duplicate && offset == 0);
    assert_string_equal(READ_ALL(&depot, "x"), "first,second,third,fourth");
    assert_string_equal(READ_ALL(&depot, "y"), "elsewhere");
    client_bye(&client);
    depot_end(&depot);
}

static void test_ids_that_cannot_be_read_are_refused_and_read_again(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    struct error err;
    depot_start(&depot, 1);
    make_station(&depot, "{\"name\":\"x\",\"topics\":[\"t\"]}");
    put_message(&depot, "x", "t", "first", "one");
    log_set_level(LOG_LEVEL_ERROR + 1);
    depot_halt(&depot);
    atomic_store(&workers_fail, true);
    depot_open(&depot);
    WAIT_FOR(recall_of(&depot, "x") == RECALL_FAILED);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "a");
    say_with_id(&client, "t", 1, 1, "again", "one"); /* at once, or after another try */
    EXPECT(&client, "PUBACK #1 80");
    say_publish(&client, "t", 1, 2, "second");
    EXPECT(&client, "PUBACK #2 00");
    WAIT_FOR(recall_of(&depot, "x") == RECALL_FAILED);
    const struct station_message message = {.topic = STR("t"), .id = STR("one")};
    struct station_produce produce = {.messages = &message, .count = 1};
    ASSERT_FAILS(stations_produce_wait(depot.stations, STR("x"), &produce, &err), err, ERR_IO);
    atomic_store(&workers_fail, false);
    WAIT_FOR(recall_of(&depot, "x") == RECALL_DONE);
    say_with_id(&client, "t", 1, 3, "again", "one");
    EXPECT(&client, "PUBACK #3 00");
    assert_string_equal(READ_ALL(&depot, "x"), "first,second");
    client_bye(&client);
    depot_end(&depot);
}

static void test_what_waits_for_ids_is_given_up_when_the_broker_stops(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    struct error err;
    depot_start(&depot, 2);
    make_station(&depot, "{\"name\":\"x\",\"topics\":[\"t\"]}");
    put_message(&depot, "x", "t", "first", "one");
    depot_restart_held(&depot);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "a");
    say_with_id(&client, "t", 1, 1, "lost", "two");
    client_sync(&client);
    const struct station_message message = {.topic = STR("t"), .payload = STR("?"), .id = STR("three")};
    struct request request = {.produce = {.messages = &message, .count = 1, .done = request_done}};
    ASSERT_OK(stations_produce(depot.stations, STR("x"), &request.produce, &err), err);
    depot_halt(&depot); /* it has ended, one way or the other */
    assert_int_not_equal(atomic_load(&request.ended), 0);
    atomic_store(&workers_held, false);
    client_drop(&client);
    depot_open(&depot);
    assert_string_equal(READ_ALL(&depot, "x"), atomic_load(&request.ended) == 1 ? "first,?" : "first");
    depot_end(&depot);
}

static void test_a_window_of_0_takes_everything(void **state)
{
    (void)state;
    struct depot depot;
    depot_start(&depot, 0);
    make_station(&depot, "{\"name\":\"x\",\"dedup_window\":\"0\"}");
    assert_int_equal(put_message(&depot, "x", "t", "0", "a"), 0);
    assert_int_equal(put_message(&depot, "x", "t", "1", "a"), 1);
    depot_end(&depot);
}

static void test_repeated_ids_in_one_request_have_one_offset(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    uint64_t offsets[4];
    bool duplicates[4];
    depot_start(&depot, 0);
    make_station(&depot, "{\"name\":\"x\"}");
    const struct station_message messages[] = {
        {.topic = STR("t"), .payload = STR("a"), .id = STR("1")},
        {.topic = STR("t"), .payload = STR("b")},
        {.topic = STR("t"), .payload = STR("c"), .id = STR("1")},
        {.topic = STR("t"), .payload = STR("d"), .id = STR("2")},
    };
    struct station_produce produce = {
        .messages = messages, .count = 4, .offsets = offsets, .duplicates = duplicates};
    ASSERT_OK(stations_produce_wait(depot.stations, STR("x"), &produce, &err), err);
    static const uint64_t expected[] = {0, 1, 0, 2};
    assert_memory_equal(offsets, expected, sizeof(expected));
    assert_true(!duplicates[0] && !duplicates[1] && duplicates[2] && !duplicates[3]);
    assert_string_equal(READ_ALL(&depot, "x"), "a,b,d");
    ASSERT_OK(stations_produce_wait(depot.stations, STR("x"), &produce, &err), err);
    static const uint64_t again[] = {0, 3, 0, 2};
    assert_memory_equal(offsets, again, sizeof(again));
    depot_end(&depot);
}

static void test_a_request_with_a_bad_message_stores_nothing(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    depot_start(&depot, 0);
    make_station(&depot, "{\"name\":\"x\"}");
    static const uint8_t alias[] = {0x23, 0, 1};
    const struct station_message rows[] = {
        {.topic = STR("a/#")},
        {.topic = STR("")},
        {.topic = STR("a"), .props = {(const char *)alias, 3}},
        {.topic = STR("a"), .props = {"\x01", 1}},
        {.topic = STR("a"), .id = STR("\xFF")},
        {.topic = STR("a"), .qos = 3},
    };
    TABLE_EACH(row, rows)
    {
        const struct station_message messages[] = {{.topic = STR("ok")}, *row};
        struct station_produce produce = {.messages = messages, .count = 2};
        ASSERT_FAILS(stations_produce_wait(depot.stations, STR("x"), &produce, &err), err, ERR_INVALID);
        assert_non_null(strstr(err.text, "message 1"));
    }
    assert_int_equal(bounds_of(&depot, "x").next, 0);
    depot_end(&depot);
}

RUN_TESTS(cmocka_unit_test(test_everything_of_a_message_is_stored),
          cmocka_unit_test(test_qos_0_is_stored_and_waits_for_nothing),
          cmocka_unit_test(test_a_message_of_two_stations_is_in_both_when_it_is_acknowledged),
          cmocka_unit_test(test_topics_that_are_changed_hold_from_then_on),
          cmocka_unit_test(test_too_large_a_message_is_refused),
          cmocka_unit_test(test_a_full_disk_refuses_and_recovers_and_the_rest_of_the_broker_goes_on),
          cmocka_unit_test(test_a_repeated_id_is_acknowledged_and_not_stored),
          cmocka_unit_test(test_ids_are_known_after_a_restart_until_their_window_ends),
          cmocka_unit_test(test_while_ids_are_read_what_has_one_waits_in_its_order),
          cmocka_unit_test(test_ids_that_cannot_be_read_are_refused_and_read_again),
          cmocka_unit_test(test_what_waits_for_ids_is_given_up_when_the_broker_stops),
          cmocka_unit_test(test_a_window_of_0_takes_everything),
          cmocka_unit_test(test_repeated_ids_in_one_request_have_one_offset),
          cmocka_unit_test(test_a_request_with_a_bad_message_stores_nothing))
