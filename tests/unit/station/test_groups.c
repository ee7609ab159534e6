/* Consumer groups through a broker: each message to one member, none skipped, redelivery, dead letters, restarts. */
#include "station_test.h"

#include "base/clock.h"
#include "base/mem.h"

#define MANY 2000

static void start(struct depot *depot, const char *more)
{
    char json[512];
    depot_start(depot, 2);
    snprintf(json, sizeof(json), "{\"name\":\"x\",\"topics\":[\"t/#\"]%s}", more);
    make_station(depot, json);
}

static void put_numbers(struct depot *depot, unsigned from, unsigned to)
{
    struct error err;
    struct station_message *messages = mem_zalloc((to - from) * sizeof(*messages));
    char(*texts)[16] = mem_zalloc((to - from) * sizeof(*texts));
    for (unsigned i = from; i < to; i++) {
        snprintf(texts[i - from], 16, "%u", i);
        messages[i - from] = (struct station_message){
            .topic = i % 2 == 0 ? STR("t/even") : STR("t/odd"), .payload = str_of(texts[i - from]), .qos = 2};
    }
    struct station_produce produce = {.messages = messages, .count = to - from};
    ASSERT_OK(stations_produce_wait(depot->stations, STR("x"), &produce, &err), err);
    mem_free(messages);
    mem_free(texts);
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

static unsigned number_of(const struct mqtt_publish *publish)
{
    uint64_t number = 0;
    assert_true(str_to_u64(publish->payload, &number, NULL));
    return (unsigned)number;
}

static void expect_numbers(struct client *client, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        struct mqtt_publish publish = next_publish(client);
        assert_int_equal(number_of(&publish), i);
        say_ack(client, MQTT_PUBACK, publish.packet_id);
    }
}

static bool readable(struct client *client)
{
    char byte;
    return client->in.len > client->used || recv(client->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

/* Takes and acknowledges whatever comes, until the group has nothing left. Where ack_wait is short a message may come once more before
 * its acknowledgement counts. */
static void acknowledge_all(struct depot *depot, struct client *client, const char *group)
{
    for (int64_t end_ms = clock_mono_ms() + PATIENCE_S * 1000; info_of(depot, group).lag > 0;) {
        if (readable(client))
            say_ack(client, MQTT_PUBACK, next_publish(client).packet_id);
        else if (clock_mono_ms() > end_ms)
            fail_msg("it still lags after %d s", PATIENCE_S);
        else
            usleep(1000);
    }
}

static void test_one_member_gets_everything_in_order(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot, "");
    put_numbers(&depot, 0, MANY);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "m");
    subscribe_to(&client, "$share/g/$station/x@earliest", 1);
    expect_numbers(&client, 0, MANY);
    WAIT_FOR(info_of(&depot, "g").lag == 0);
    assert_int_equal(info_of(&depot, "g").acked, MANY);
    assert_int_equal(info_of(&depot, "g").delivered, MANY);
    client_bye(&client);
    depot_end(&depot);
}

static void test_a_group_starts_where_its_first_member_says_and_at_the_end_by_default(void **state)
{
    (void)state;
    struct depot depot;
    struct client a, b, c;
    start(&depot, "");
    put_numbers(&depot, 0, 10);
    CLIENT_CONNECT(&a, &depot.site, false, .id = "a");
    CLIENT_CONNECT(&b, &depot.site, false, .id = "b");
    CLIENT_CONNECT(&c, &depot.site, false, .id = "c");
    subscribe_to(&a, "$share/first/$station/x@last:3", 1);
    expect_numbers(&a, 7, 10);
    subscribe_to(&b, "$share/second/$station/x", 1);
    subscribe_with_start(&c, "$share/third/$station/x", 1, "time:0");
    expect_numbers(&c, 0, 10);
    put_numbers(&depot, 10, 12);
    expect_numbers(&a, 10, 12);
    expect_numbers(&b, 10, 12);
    expect_numbers(&c, 10, 12);
    client_bye(&a);
    client_bye(&b);
    client_bye(&c);
    depot_end(&depot);
}

static void test_members_share_and_each_message_is_processed_once(void **state)
{
    (void)state;
    struct depot depot;
    struct client clients[4];
    static unsigned seen[MANY];
    memset(seen, 0, sizeof(seen));
    start(&depot, "");
    for (unsigned i = 0; i < 4; i++) {
        CLIENT_CONNECT(&clients[i], &depot.site, false, .id = ID_ON(&depot.site, i % 2, i < 2 ? "a" : "b"));
        subscribe_to(&clients[i], "$share/g/$station/x@earliest", 1);
    }
    WAIT_FOR(info_of(&depot, "g").members == 4);
    put_numbers(&depot, 0, MANY);
    unsigned count = 0, got[4] = {0};
    while (count < MANY) {
        for (unsigned i = 0; i < 4; i++) {
            char byte;
            bool some = clients[i].in.len > clients[i].used ||
                        recv(clients[i].fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
            if (!some)
                continue;
            struct mqtt_publish publish = next_publish(&clients[i]);
            seen[number_of(&publish)]++;
            got[i]++;
            count++;
            say_ack(&clients[i], MQTT_PUBACK, publish.packet_id);
        }
    }
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(seen[i], 1);
    for (unsigned i = 0; i < 4; i++)
        assert_true(got[i] > 0);
    WAIT_FOR(info_of(&depot, "g").acked == MANY);
    for (unsigned i = 0; i < 4; i++)
        client_bye(&clients[i]);
    depot_end(&depot);
}

static void test_few_messages_go_to_members_in_turn(void **state)
{
    (void)state;
    struct depot depot;
    struct client a, b;
    start(&depot, "");
    CLIENT_CONNECT(&a, &depot.site, false, .id = ID_ON(&depot.site, 0, "a"));
    CLIENT_CONNECT(&b, &depot.site, false, .id = ID_ON(&depot.site, 1, "b"));
    subscribe_to(&a, "$share/g/$station/x", 1);
    subscribe_to(&b, "$share/g/$station/x", 1);
    WAIT_FOR(info_of(&depot, "g").members == 2);
    for (unsigned i = 0; i < 6; i++) {
        put_numbers(&depot, i, i + 1);
        WAIT_FOR(info_of(&depot, "g").delivered == i + 1);
    }
    for (unsigned i = 0; i < 3; i++) {
        next_publish(&a);
        next_publish(&b);
    }
    client_drop(&a); /* what it has goes to the other one, who may hear of it before it is gone itself */
    client_drop(&b);
    depot_end(&depot);
}

static void test_groups_are_independent_and_filters_hold(void **state)
{
    (void)state;
    struct depot depot;
    struct client a, b;
    start(&depot, "");
    put_numbers(&depot, 0, 100);
    CLIENT_CONNECT(&a, &depot.site, false, .id = "a");
    CLIENT_CONNECT(&b, &depot.site, false, .id = "b");
    subscribe_to(&a, "$share/odd/$station/x@earliest/t/odd", 1);
    subscribe_to(&b, "$share/all/$station/x@earliest", 1);
    for (unsigned i = 1; i < 100; i += 2) {
        struct mqtt_publish publish = next_publish(&a);
        assert_int_equal(number_of(&publish), i);
        say_ack(&a, MQTT_PUBACK, publish.packet_id);
    }
    expect_numbers(&b, 0, 100);
    WAIT_FOR(info_of(&depot, "odd").lag == 0 && info_of(&depot, "all").lag == 0);
    put_subscribe(&b, 1, "$share/odd/$station/x/t/even", (struct mqtt_subscription){.qos = 1}, 0);
    client_flush(&b);
    EXPECT(&b, "SUBACK #1 8f"); /* the group reads with another filter */
    client_bye(&a);
    client_bye(&b);
    depot_end(&depot);
}

static void test_what_is_not_acknowledged_in_time_comes_again(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot, ",\"ack_wait\":\"100ms\",\"max_deliveries\":0");
    put_numbers(&depot, 0, 1);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "m");
    subscribe_to(&client, "$share/g/$station/x@earliest", 1);
    for (unsigned i = 0; i < 3; i++) { /* to the only member there is */
        struct mqtt_publish publish = next_publish(&client);
        assert_int_equal(number_of(&publish), 0);
        if (i == 2)
            say_ack(&client, MQTT_PUBACK, publish.packet_id);
    }
    acknowledge_all(&depot, &client, "g");
    client_drop(&client);
    depot_end(&depot);
}

static void test_a_refusal_brings_the_message_again_at_once(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot, ""); /* ack_wait 30 s */
    put_numbers(&depot, 0, 1);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "m");
    subscribe_to(&client, "$share/g/$station/x@earliest", 1);
    for (unsigned i = 0; i < 3; i++) {
        struct mqtt_publish publish = next_publish(&client);
        assert_int_equal(number_of(&publish), 0);
        say_puback(&client, publish.packet_id, MQTT_UNSPECIFIED_ERROR);
    }
    struct mqtt_publish publish = next_publish(&client);
    say_ack(&client, MQTT_PUBACK, publish.packet_id);
    WAIT_FOR(info_of(&depot, "g").lag == 0);
    assert_int_equal(info_of(&depot, "g").redelivered, 3);
    client_bye(&client);
    depot_end(&depot);
}

static void test_a_poison_message_goes_to_the_dead_letters_and_the_rest_goes_on(void **state)
{
    (void)state;
    struct depot depot;
    struct client client, dead;
    start(&depot, ",\"max_deliveries\":3");
    put_numbers(&depot, 0, 5);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "m");
    subscribe_to(&client, "$share/g/$station/x@earliest", 1);
    unsigned poison = 0, good = 0;
    while (poison < 3 || good < 4) {
        struct mqtt_publish publish = next_publish(&client);
        bool bad = number_of(&publish) == 2;
        poison += bad;
        good += !bad;
        say_puback(&client, publish.packet_id, bad ? MQTT_UNSPECIFIED_ERROR : MQTT_SUCCESS);
    }
    WAIT_FOR(info_of(&depot, "g").acked == 5);
    assert_int_equal(info_of(&depot, "g").dead_letters, 1);
    client_sync(&client); /* it does not come a fourth time */
    CLIENT_CONNECT(&dead, &depot.site, false, .id = "d");
    subscribe_to(&dead, "$station/x.dead@earliest", 1);
    struct mqtt_publish letter = next_publish(&dead);
    assert_true(str_is(letter.topic, "t/even") && str_is(letter.payload, "2"));
    assert_true(str_is(user_property(letter.raw_props, "varve-dead-reason"), "refused"));
    assert_true(str_is(user_property(letter.raw_props, "varve-dead-group"), "g"));
    assert_true(str_is(user_property(letter.raw_props, "varve-dead-offset"), "2"));
    client_bye(&client);
    client_bye(&dead);
    depot_restart(&depot);
    assert_string_equal(READ_ALL(&depot, "x.dead"), "2");
    depot_end(&depot);
}

static void test_a_full_disk_keeps_the_position_before_a_poison_message(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot, ",\"max_deliveries\":1");
    put_numbers(&depot, 0, 2);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "m");
    subscribe_to(&client, "$share/g/$station/x@earliest", 1);
    struct mqtt_publish publish = next_publish(&client);
    uint16_t first = publish.packet_id;
    publish = next_publish(&client);
    log_set_level(LOG_LEVEL_ERROR + 1);
    atomic_store(&disk_full, true);
    say_puback(&client, publish.packet_id, MQTT_SUCCESS);
    say_puback(&client, first, MQTT_UNSPECIFIED_ERROR);
    WAIT_FOR(info_of(&depot, "g").in_flight == 1);
    client_sync(&client);
    assert_int_equal(info_of(&depot, "g").acked, 0);
    assert_int_equal(info_of(&depot, "g").dead_letters, 0);
    atomic_store(&disk_full, false);
    WAIT_FOR(info_of(&depot, "g").acked == 2);
    assert_string_equal(READ_ALL(&depot, "x.dead"), "0");
    client_bye(&client);
    depot_end(&depot);
}

static void test_what_a_leaving_member_has_goes_to_others_at_once(void **state)
{
    (void)state;
    struct depot depot;
    struct client a, b;
    start(&depot, ",\"ack_wait\":\"1h\"");
    CLIENT_CONNECT(&a, &depot.site, false, .id = ID_ON(&depot.site, 0, "a"));
    subscribe_to(&a, "$share/g/$station/x@earliest", 1);
    put_numbers(&depot, 0, 10);
    for (unsigned i = 0; i < 10; i++)
        next_publish(&a);
    CLIENT_CONNECT(&b, &depot.site, false, .id = ID_ON(&depot.site, 1, "b"));
    subscribe_to(&b, "$share/g/$station/x", 1);
    client_drop(&a);
    expect_numbers(&b, 0, 10);
    WAIT_FOR(info_of(&depot, "g").lag == 0);
    client_bye(&b);
    depot_end(&depot);
}

static void test_what_a_client_that_is_away_has_goes_to_others_after_ack_wait_and_not_to_it(void **state)
{
    (void)state;
    struct depot depot;
    struct client a, b;
    start(&depot, ",\"ack_wait\":\"300ms\"");
    CLIENT_CONNECT(&a, &depot.site, false, .id = ID_ON(&depot.site, 0, "a"), .keep = true);
    subscribe_to(&a, "$share/g/$station/x@earliest", 1);
    put_numbers(&depot, 0, 4);
    for (unsigned i = 0; i < 4; i++)
        next_publish(&a);
    client_drop(&a);
    WAIT_FOR(info_of(&depot, "g").members == 0);
    CLIENT_CONNECT(&b, &depot.site, false, .id = ID_ON(&depot.site, 1, "b"));
    subscribe_to(&b, "$share/g/$station/x", 1);
    unsigned next = 0;
    while (next < 4) { /* in order, some perhaps twice */
        struct mqtt_publish publish = next_publish(&b);
        assert_true(number_of(&publish) <= next);
        next += number_of(&publish) == next;
        say_ack(&b, MQTT_PUBACK, publish.packet_id);
    }
    acknowledge_all(&depot, &b, "g");
    client_drop(&b);
    CLIENT_CONNECT(&a, &depot.site, true, .id = ID_ON(&depot.site, 0, "a"), .keep = true);
    client_sync(&a); /* nothing is sent again: it is somebody else's */
    client_bye(&a);
    depot_end(&depot);
}

static void test_qos_0_and_2_members(void **state)
{
    (void)state;
    struct depot depot;
    struct client zero, two;
    start(&depot, "");
    put_numbers(&depot, 0, 50);
    CLIENT_CONNECT(&zero, &depot.site, false, .id = "z");
    CLIENT_CONNECT(&two, &depot.site, false, .id = "t");
    subscribe_to(&zero, "$share/zero/$station/x@earliest", 0);
    for (unsigned i = 0; i < 50; i++) {
        struct mqtt_publish publish = next_publish(&zero);
        assert_int_equal(number_of(&publish), i);
    }
    WAIT_FOR(info_of(&depot, "zero").acked == 50); /* sent is acknowledged */
    subscribe_to(&two, "$share/two/$station/x@earliest", 2);
    for (unsigned i = 0; i < 50; i++) {
        struct mqtt_publish publish = next_publish(&two);
        assert_int_equal(number_of(&publish), i);
        say_ack(&two, MQTT_PUBREC, publish.packet_id);
    }
    WAIT_FOR(info_of(&depot, "two").acked == 50); /* PUBREC is enough */
    client_drop(&zero);
    client_drop(&two);
    depot_end(&depot);
}

static void test_a_restart_neither_skips_nor_repeats_what_is_acknowledged(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot, "");
    put_numbers(&depot, 0, 100);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "m");
    subscribe_to(&client, "$share/g/$station/x@earliest", 1);
    for (unsigned i = 0; i < 100; i++) {
        struct mqtt_publish publish = next_publish(&client);
        if (i % 3 != 0) /* out of order, with gaps */
            say_ack(&client, MQTT_PUBACK, publish.packet_id);
    }
    WAIT_FOR(info_of(&depot, "g").in_flight == 34);
    client_drop(&client);
    depot_restart(&depot);
    assert_int_equal(info_of(&depot, "g").in_flight, 34);
    assert_int_equal(info_of(&depot, "g").acked, 0);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "m2");
    subscribe_to(&client, "$share/g/$station/x", 1);
    for (unsigned i = 0; i < 100; i += 3) {
        struct mqtt_publish publish = next_publish(&client);
        assert_int_equal(number_of(&publish), i);
        say_ack(&client, MQTT_PUBACK, publish.packet_id);
    }
    WAIT_FOR(info_of(&depot, "g").acked == 100);
    client_sync(&client);
    client_bye(&client);
    depot_end(&depot);
}

static void test_no_more_than_max_ack_pending_are_in_flight(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    uint16_t ids[5];
    start(&depot, ",\"max_ack_pending\":5");
    put_numbers(&depot, 0, 20);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "m");
    subscribe_to(&client, "$share/g/$station/x@earliest", 1);
    for (unsigned i = 0; i < 5; i++)
        ids[i] = next_publish(&client).packet_id;
    client_sync(&client);
    WAIT_FOR(info_of(&depot, "g").in_flight == 5); /* the figure follows */
    for (unsigned i = 0; i < 5; i++)
        say_ack(&client, MQTT_PUBACK, ids[i]);
    expect_numbers(&client, 5, 20);
    client_bye(&client);
    depot_end(&depot);
}

static void test_a_station_with_members_is_not_deleted_unless_forced(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    struct error err;
    start(&depot, "");
    CLIENT_CONNECT(&client, &depot.site, false, .id = "m", .keep = true);
    subscribe_to(&client, "$share/g/$station/x", 1);
    WAIT_FOR(info_of(&depot, "g").members == 1);
    ASSERT_FAILS(stations_delete(depot.stations, STR("x"), false, false, &err), err, ERR_BUSY);
    ASSERT_FAILS(station_group_delete(depot.stations, STR("x"), STR("g"), false, &err), err, ERR_BUSY);
    ASSERT_OK(stations_delete(depot.stations, STR("x"), true, false, &err), err);
    ASSERT_FAILS(station_group_delete(depot.stations, STR("x"), STR("g"), false, &err), err, ERR_NOT_FOUND);
    client_sync(&client);
    client_bye(&client);
    depot_end(&depot);
}

static void test_a_deleted_group_starts_anew(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    struct error err;
    start(&depot, "");
    put_numbers(&depot, 0, 3);
    for (unsigned round = 0; round < 2; round++) {
        CLIENT_CONNECT(&client, &depot.site, false, .id = "m");
        subscribe_to(&client, "$share/g/$station/x@earliest", 1);
        expect_numbers(&client, 0, 3);
        WAIT_FOR(info_of(&depot, "g").lag == 0);
        client_bye(&client);
        WAIT_FOR(info_of(&depot, "g").members == 0);
        ASSERT_OK(station_group_delete(depot.stations, STR("x"), STR("g"), false, &err), err);
    }
    depot_restart(&depot);
    struct buf text = {0};
    struct station_group_info info;
    ASSERT_FAILS(station_group_get(depot.stations, STR("x"), STR("g"), &info, &text, &err), err,
                 ERR_NOT_FOUND);
    buf_free(&text);
    depot_end(&depot);
}

static void delete_group_by_force(struct depot *depot)
{
    struct error err;
    ASSERT_OK(station_group_delete(depot->stations, STR("x"), STR("g"), true, &err), err);
}

static void test_members_of_a_group_that_is_deleted_by_force_start_it_anew(void **state)
{
    (void)state;
    struct depot depot;
    struct client here, away;
    start(&depot, ",\"max_ack_pending\":4,\"ack_wait\":\"1h\"");
    CLIENT_CONNECT(&away, &depot.site, false, .id = ID_ON(&depot.site, 1, "b"), .keep = true);
    subscribe_to(&away, "$share/g/$station/x@earliest", 1);
    WAIT_FOR(info_of(&depot, "g").members == 1);
    client_drop(&away);
    WAIT_FOR(info_of(&depot, "g").members == 0);
    put_numbers(&depot, 0, 6);
    CLIENT_CONNECT(&here, &depot.site, false, .id = ID_ON(&depot.site, 0, "a"));
    subscribe_to(&here, "$share/g/$station/x@earliest", 1);
    expect_numbers(&here, 0, 2);
    struct mqtt_publish held = next_publish(&here);
    uint16_t held_id = held.packet_id;
    assert_int_equal(number_of(&held), 2);
    for (unsigned i = 3; i < 6; i++)
        assert_int_equal(number_of((struct mqtt_publish[]){next_publish(&here)}), i);
    delete_group_by_force(&depot);
    WAIT_FOR(info_of(&depot, "g").members == 1);
    say_ack(&here, MQTT_PUBACK, held_id); /* it is one of the former group: it settles nothing */
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(number_of((struct mqtt_publish[]){next_publish(&here)}), i);
    client_sync(&here);
    assert_int_equal(info_of(&depot, "g").acked, 0);
    WAIT_FOR(info_of(&depot, "g").in_flight == 4); /* the figure follows */
    /* The one who was away is a member, too. */
    client_drop(&here);
    CLIENT_CONNECT(&away, &depot.site, true, .id = ID_ON(&depot.site, 1, "b"), .keep = true);
    expect_numbers(&away, 0, 6);
    client_bye(&away);
    depot_end(&depot);
}

static void test_a_group_that_started_at_the_end_starts_at_the_end_again(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot, "");
    CLIENT_CONNECT(&client, &depot.site, false, .id = "m");
    subscribe_to(&client, "$share/g/$station/x", 1);
    put_numbers(&depot, 0, 2);
    expect_numbers(&client, 0, 2);
    for (unsigned round = 1; round < 4; round++) {
        delete_group_by_force(&depot);
        put_numbers(&depot, 2 * round, 2 * round + 2);
        expect_numbers(&client, 2 * round, 2 * round + 2);
    }
    WAIT_FOR(info_of(&depot, "g").lag == 0);
    client_bye(&client);
    depot_restart(&depot);
    assert_int_equal(info_of(&depot, "g").acked, 8);
    depot_end(&depot);
}

/* ---- At random ------------------------------------------------------------------------------------------- */

#define COURSE_MESSAGES 600
#define COURSE_MEMBERS  4

struct course_member {
    struct client client;
    bool connected;
};

/* Takes one packet: acknowledges, refuses or keeps what it is. False: the connection has ended. */
static bool course_hear(struct course_member *member, struct random *random, bool *processed)
{
    struct mqtt_frame frame;
    struct mqtt_publish publish;
    if (!client_next(&member->client, &frame))
        return false;
    if (frame.type != MQTT_PUBLISH)
        return true;
    assert_int_equal(mqtt_decode_publish(&frame, member->client.version, &publish), MQTT_SUCCESS);
    switch (random_below(random, 8)) {
    case 0: break; /* never acknowledged on this connection */
    case 1: say_puback(&member->client, publish.packet_id, MQTT_UNSPECIFIED_ERROR); break;
    default: processed[number_of(&publish)] = true; say_ack(&member->client, MQTT_PUBACK, publish.packet_id);
    }
    return true;
}

static void course_come_or_go(struct depot *depot, struct course_member *member, unsigned index,
                              struct random *random)
{
    char id[8];
    snprintf(id, sizeof(id), "m%u", index);
    if (member->connected) {
        client_drop(&member->client);
        member->connected = false;
        return;
    }
    bool keep = random_below(random, 2) == 0;
    client_hello(&member->client, &depot->site, (struct hello){.id = id, .keep = keep, .clean = !keep});
    put_subscribe(&member->client, 1, "$share/g/$station/x@earliest", (struct mqtt_subscription){.qos = 1},
                  0);
    client_flush(&member->client);
    member->connected = true;
}

static void test_any_course_of_members_processes_each_message(void **state)
{
    (void)state;
    uint64_t seed = harness_seed();
    struct random random;
    struct depot depot;
    static bool processed[COURSE_MESSAGES];
    struct course_member members[COURSE_MEMBERS] = {0};
    random_seed(&random, seed);
    memset(processed, 0, sizeof(processed));
    start(&depot, ",\"ack_wait\":\"150ms\",\"max_deliveries\":0,\"max_ack_pending\":40");
    unsigned put = 0;
    course_come_or_go(&depot, &members[0], 0, &random); /* the group begins before the first message */
    while (true) {
        uint64_t choice = random_below(&random, 1000);
        if (choice < 5) {
            unsigned i = (unsigned)random_below(&random, COURSE_MEMBERS);
            course_come_or_go(&depot, &members[i], i, &random);
        } else if (choice < 60 && put < COURSE_MESSAGES) {
            unsigned more = 1 + (unsigned)random_below(&random, COURSE_MESSAGES - put < 30 ? 1 : 30);
            put_numbers(&depot, put, put + more);
            put += more;
        } else if (choice < 61 && put < COURSE_MESSAGES) {
            for (unsigned i = 0; i < COURSE_MEMBERS; i++) {
                if (members[i].connected)
                    client_drop(&members[i].client);
                members[i].connected = false;
            }
            depot_restart(&depot);
        }
        bool any = false;
        for (unsigned i = 0; i < COURSE_MEMBERS; i++) {
            if (!members[i].connected || !readable(&members[i].client))
                continue;
            any = true;
            if (!course_hear(&members[i], &random, processed)) {
                client_drop(&members[i].client);
                members[i].connected = false;
            }
        }
        if (!any)
            usleep(500);
        if (put == COURSE_MESSAGES && info_of(&depot, "g").acked == COURSE_MESSAGES)
            break;
    }
    for (unsigned i = 0; i < COURSE_MESSAGES; i++)
        CHECK(processed[i], "seed %" PRIu64 " message %u", seed, i);
    for (unsigned i = 0; i < COURSE_MEMBERS; i++) {
        if (members[i].connected)
            client_drop(&members[i].client);
    }
    depot_end(&depot);
}

/* ---- Pull consumers -------------------------------------------------------------------------------------- */

static unsigned fetch_numbers(struct depot *depot, const struct station_fetch_options *options,
                              uint64_t *offsets)
{
    struct error err;
    struct station_message message;
    unsigned count = 0;
    struct station_fetch *fetch = station_fetch(depot->stations, STR("x"), STR("p"), options, &err);
    if (fetch == NULL)
        fail_msg("%s", err.text);
    while (station_fetch_next(fetch, &message))
        offsets[count++] = message.offset;
    station_fetch_free(fetch);
    return count;
}

static void test_a_pull_consumer_fetches_and_acknowledges_by_offset(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    uint64_t offsets[100];
    size_t count;
    start(&depot, "");
    put_numbers(&depot, 0, 30);
    const struct station_fetch_options options = {.start = STR("earliest"), .batch = 20};
    assert_int_equal(fetch_numbers(&depot, &options, offsets), 20);
    assert_true(offsets[0] == 0 && offsets[19] == 19);
    ASSERT_OK(
        station_group_settle(depot.stations, STR("x"), STR("p"), STATION_ACK, offsets, 19, &count, &err),
        err);
    assert_int_equal(count, 19);
    ASSERT_OK(
        station_group_settle(depot.stations, STR("x"), STR("p"), STATION_ACK, offsets, 19, &count, &err),
        err);
    assert_int_equal(count, 0);
    ASSERT_OK(
        station_group_settle(depot.stations, STR("x"), STR("p"), STATION_NACK, offsets + 19, 1, &count, &err),
        err);
    assert_int_equal(count, 1);
    assert_int_equal(fetch_numbers(&depot, &options, offsets), 11);
    assert_true(offsets[0] == 19 && offsets[1] == 20 && offsets[10] == 29);
    assert_int_equal(fetch_numbers(&depot, &options, offsets), 0); /* at once: nothing is there */
    ASSERT_OK(
        station_group_settle(depot.stations, STR("x"), STR("p"), STATION_ACK, offsets, 11, &count, &err),
        err);
    assert_int_equal(info_of(&depot, "p").acked, 30);
    assert_int_equal(info_of(&depot, "p").members, 0);
    depot_end(&depot);
}

static void *put_later(void *arg)
{
    usleep(100000);
    put_message(arg, "x", "t/1", "30", NULL);
    return NULL;
}

static void test_a_fetch_waits_for_the_first_message(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    uint64_t offsets[10];
    pthread_t thread;
    start(&depot, "");
    const struct station_fetch_options options = {.start = STR("latest"), .batch = 10, .wait_ms = 30000};
    const struct station_fetch_options soon = {.batch = 10, .wait_ms = 10};
    assert_int_equal(fetch_numbers(&depot, &soon, offsets), 0);
    assert_int_equal(pthread_create(&thread, NULL, put_later, &depot), 0);
    assert_int_equal(fetch_numbers(&depot, &options, offsets), 1);
    pthread_join(thread, NULL);
    const struct station_fetch_options bad[] = {
        {.batch = 0},
        {.batch = STATION_FETCH_MAX + 1},
        {.batch = 1, .start = STR("soon")},
        {.batch = 1, .filter = STR("a#")},
        {.batch = 1, .filter = STR("other")},
    };
    TABLE_EACH(row, bad)
    assert_null(station_fetch(depot.stations, STR("x"), STR("p"), row, &err));
    assert_null(station_fetch(depot.stations, STR("x"), STR("a/b"), &soon, &err));
    assert_null(station_fetch(depot.stations, STR("none"), STR("p"), &soon, &err));
    depot_end(&depot);
}

RUN_TESTS(cmocka_unit_test(test_one_member_gets_everything_in_order),
          cmocka_unit_test(test_a_group_starts_where_its_first_member_says_and_at_the_end_by_default),
          cmocka_unit_test(test_members_share_and_each_message_is_processed_once),
          cmocka_unit_test(test_few_messages_go_to_members_in_turn),
          cmocka_unit_test(test_groups_are_independent_and_filters_hold),
          cmocka_unit_test(test_what_is_not_acknowledged_in_time_comes_again),
          cmocka_unit_test(test_a_refusal_brings_the_message_again_at_once),
          cmocka_unit_test(test_a_poison_message_goes_to_the_dead_letters_and_the_rest_goes_on),
          cmocka_unit_test(test_a_full_disk_keeps_the_position_before_a_poison_message),
          cmocka_unit_test(test_what_a_leaving_member_has_goes_to_others_at_once),
          cmocka_unit_test(test_what_a_client_that_is_away_has_goes_to_others_after_ack_wait_and_not_to_it),
          cmocka_unit_test(test_qos_0_and_2_members),
          cmocka_unit_test(test_a_restart_neither_skips_nor_repeats_what_is_acknowledged),
          cmocka_unit_test(test_no_more_than_max_ack_pending_are_in_flight),
          cmocka_unit_test(test_a_station_with_members_is_not_deleted_unless_forced),
          cmocka_unit_test(test_a_deleted_group_starts_anew),
          cmocka_unit_test(test_members_of_a_group_that_is_deleted_by_force_start_it_anew),
          cmocka_unit_test(test_a_group_that_started_at_the_end_starts_at_the_end_again),
          cmocka_unit_test(test_any_course_of_members_processes_each_message),
          cmocka_unit_test(test_a_pull_consumer_fetches_and_acknowledges_by_offset),
          cmocka_unit_test(test_a_fetch_waits_for_the_first_message))
