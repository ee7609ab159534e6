/* Whole exchanges with a broker of three reactors, packet by packet. */
#include "broker_test.h"

#define REACTORS 3

static int start(void **state)
{
    struct site *site = mem_zalloc(sizeof(*site));
    site_start(site, REACTORS, NULL);
    *state = site;
    return 0;
}

static int end(void **state)
{
    site_end(*state);
    mem_free(*state);
    return 0;
}

/* ---- Delivery -------------------------------------------------------------------------------------------- */

/* One message from a client of one version to a client of another, with both QoS. */
static void deliver_one(const struct site *site, uint8_t from, uint8_t to, uint8_t sent, uint8_t granted)
{
    struct client publisher, subscriber;
    CLIENT_CONNECT(&subscriber, site, false, .id = ID_ON(site, 0, "s"), .version = to);
    CLIENT_CONNECT(&publisher, site, false, .id = ID_ON(site, 1, "p"), .version = from);
    subscribe_to(&subscriber, "plant/+/temp", granted);
    say_publish(&publisher, "plant/a/temp", sent, sent > 0 ? 77 : 0, "21.5");
    if (sent == 1)
        EXPECT(&publisher, "PUBACK #77 00");
    if (sent == 2) {
        EXPECT(&publisher, "PUBREC #77 00");
        say_ack(&publisher, MQTT_PUBREL, 77);
        EXPECT(&publisher, "PUBCOMP #77 00");
    }
    switch (sent < granted ? sent : granted) {
    case 0: EXPECT(&subscriber, "PUBLISH plant/a/temp qos 0 \"21.5\""); break;
    case 1:
        EXPECT(&subscriber, "PUBLISH plant/a/temp qos 1 #1 \"21.5\"");
        say_ack(&subscriber, MQTT_PUBACK, 1);
        break;
    default:
        EXPECT(&subscriber, "PUBLISH plant/a/temp qos 2 #1 \"21.5\"");
        say_ack(&subscriber, MQTT_PUBREC, 1);
        EXPECT(&subscriber, "PUBREL #1 00");
        say_ack(&subscriber, MQTT_PUBCOMP, 1);
    }
    client_sync(&subscriber);
    client_sync(&publisher);
    client_bye(&subscriber);
    client_bye(&publisher);
}

static void test_a_message_arrives_once_with_the_lower_qos_whatever_the_versions(void **state)
{
    static const uint8_t versions[] = {MQTT_3_1, MQTT_3_1_1, MQTT_5};
    for (size_t from = 0; from < LENGTH(versions); from++) {
        for (size_t to = 0; to < LENGTH(versions); to++) {
            for (uint8_t sent = 0; sent <= 2; sent++)
                for (uint8_t granted = 0; granted <= 2; granted++)
                    deliver_one(*state, versions[from], versions[to], sent, granted);
        }
    }
}

static void test_a_qos_2_message_that_is_repeated_is_delivered_once(void **state)
{
    struct client client;
    const struct mqtt_publish again = {
        .dup = true, .qos = 2, .packet_id = 5, .topic = STR("t"), .payload = STR("one")};
    CLIENT_CONNECT(&client, *state, false, .id = "repeats");
    subscribe_to(&client, "t", 0);
    say_publish(&client, "t", 2, 5, "one");
    EXPECT(&client, "PUBLISH t qos 0 \"one\"", "PUBREC #5 00");
    put_publish(&client, &again);
    client_flush(&client);
    EXPECT(&client, "PUBREC #5 00");
    say_ack(&client, MQTT_PUBREL, 5);
    EXPECT(&client, "PUBCOMP #5 00");
    say_ack(&client, MQTT_PUBREL, 5);
    EXPECT(&client, "PUBCOMP #5 92");
    /* The exchange is over: the identifier stands for another message. */
    say_publish(&client, "t", 2, 5, "two");
    EXPECT(&client, "PUBLISH t qos 0 \"two\"", "PUBREC #5 00");
    client_bye(&client);
}

static void test_what_is_not_acknowledged_comes_again_after_a_reconnect_in_order(void **state)
{
    const struct site *site = *state;
    struct client client, publisher;
    CLIENT_CONNECT(&publisher, site, false, .id = ID_ON(site, 2, "p"));
    CLIENT_CONNECT(&client, site, false, .id = "resumes", .keep = true);
    subscribe_to(&client, "t", 2);
    say_publish(&publisher, "t", 1, 1, "one");
    say_publish(&publisher, "t", 2, 2, "two");
    say_publish(&publisher, "t", 2, 3, "three");
    EXPECT(&publisher, "PUBACK #1 00", "PUBREC #2 00", "PUBREC #3 00");
    EXPECT(&client, "PUBLISH t qos 1 #1 \"one\"", "PUBLISH t qos 2 #2 \"two\"",
           "PUBLISH t qos 2 #3 \"three\"");
    say_ack(&client, MQTT_PUBREC, 2);
    EXPECT(&client, "PUBREL #2 00");
    client_drop(&client);
    struct broker_stats stats;
    WAIT_FOR((broker_stats(site->broker, &stats), stats.connections == 1));
    say_publish(&publisher, "t", 1, 4, "four");
    EXPECT(&publisher, "PUBACK #4 00");
    CLIENT_CONNECT(&client, site, true, .id = "resumes", .keep = true);
    EXPECT(&client, "PUBLISH t qos 1 #1 dup \"one\"", "PUBREL #2 00", "PUBLISH t qos 2 #3 dup \"three\"",
           "PUBLISH t qos 1 #4 \"four\"");
    client_bye(&client);
    client_bye(&publisher);
}

static void test_no_more_is_in_flight_than_the_client_takes(void **state)
{
    const struct site *site = *state;
    struct client client, publisher;
    CLIENT_CONNECT(&publisher, site, false, .id = ID_ON(site, 1, "p"));
    CLIENT_CONNECT(&client, site, false, .id = "window", .keep = true, .receive_maximum = 2);
    subscribe_to(&client, "t", 1);
    for (uint16_t i = 1; i <= 4; i++)
        say_publish(&publisher, "t", 1, i, (char[]){(char)('0' + i), '\0'});
    EXPECT(&publisher, "PUBACK #1 00", "PUBACK #2 00", "PUBACK #3 00", "PUBACK #4 00");
    EXPECT(&client, "PUBLISH t qos 1 #1 \"1\"", "PUBLISH t qos 1 #2 \"2\"");
    client_sync(&client);
    say_ack(&client, MQTT_PUBACK, 2);
    EXPECT(&client, "PUBLISH t qos 1 #3 \"3\"");
    client_sync(&client);
    client_drop(&client);
    /* It comes back and takes one at a time: then what was in flight comes so too [MQTT-3.3.4-9]. */
    CLIENT_CONNECT(&client, site, true, .id = "window", .keep = true, .receive_maximum = 1);
    EXPECT(&client, "PUBLISH t qos 1 #1 dup \"1\"");
    client_sync(&client);
    say_ack(&client, MQTT_PUBACK, 1);
    EXPECT(&client, "PUBLISH t qos 1 #3 dup \"3\"");
    client_sync(&client);
    say_ack(&client, MQTT_PUBACK, 3);
    EXPECT(&client, "PUBLISH t qos 1 #4 \"4\"");
    client_bye(&client);
    client_bye(&publisher);
}

static void test_overlapping_subscriptions_give_one_copy_with_all_identifiers(void **state)
{
    struct client client;
    CLIENT_CONNECT(&client, *state, false, .id = "overlap", .alias_maximum = 1);
    put_subscribe(&client, 1, "a/#", (struct mqtt_subscription){.qos = 0}, 268435455);
    put_subscribe(&client, 2, "a/+", (struct mqtt_subscription){.qos = 1}, 7);
    put_subscribe(&client, 3, "a/b", (struct mqtt_subscription){.qos = 0}, 0);
    client_flush(&client);
    EXPECT(&client, "SUBACK #1 00", "SUBACK #2 01", "SUBACK #3 00");
    struct buf props = {0};
    mqtt_user_property_append(&props, STR("k"), STR("v"));
    buf_append(&props, (const uint8_t[]){MQTT_PROP_MESSAGE_EXPIRY, 0, 0, 0, 60, MQTT_PROP_TOPIC_ALIAS, 0, 9},
               8);
    struct mqtt_publish publish = {
        .topic = STR("a/b"), .qos = 1, .packet_id = 1, .raw_props = buf_str(&props), .payload = STR("x")};
    put_publish(&client, &publish);
    publish.topic = STR("");
    publish.packet_id = 2;
    put_publish(&client, &publish);
    client_flush(&client);
    struct buf text = {0};
    for (int i = 0; i < 2; i++) {
        client_hear(&client, &text);
        /* The order of the identifiers is the broker's choice; the alias replaces the topic from the second on. */
        bool right = strcmp(buf_cstr(&text),
                            i == 0 ? "PUBLISH a/b qos 1 #1 alias 1 expiry 60 id 268435455 id 7 k=v \"x\""
                                   : "PUBLISH  qos 1 #2 alias 1 expiry 60 id 268435455 id 7 k=v \"x\"") == 0;
        bool swapped =
            strcmp(buf_cstr(&text),
                   i == 0 ? "PUBLISH a/b qos 1 #1 alias 1 expiry 60 id 7 id 268435455 k=v \"x\""
                          : "PUBLISH  qos 1 #2 alias 1 expiry 60 id 7 id 268435455 k=v \"x\"") == 0;
        CHECK(right || swapped, "%s", buf_cstr(&text));
        client_expect_at(&client, i == 0 ? "PUBACK #1 00" : "PUBACK #2 00", __FILE__, __LINE__);
    }
    buf_free(&text);
    buf_free(&props);
    client_bye(&client);
}

/* A packet that is larger than the client takes is not sent; the alias in it has not been given then. */
static void test_a_message_too_large_for_the_client_spends_no_alias(void **state)
{
    struct client client;
    char large[201] = {0};
    memset(large, 'x', 200);
    CLIENT_CONNECT(&client, *state, false, .id = "small", .alias_maximum = 10, .maximum_packet_bytes = 100);
    subscribe_to(&client, "#", 1);
    say_publish(&client, "first", 0, 0, large);
    say_publish(&client, "first", 0, 0, "1");
    say_publish(&client, "second", 1, 1, large);
    say_publish(&client, "second", 1, 2, "2");
    say_publish(&client, "first", 0, 0, large);
    say_publish(&client, "first", 0, 0, "3");
    EXPECT(&client, "PUBLISH first qos 0 alias 1 \"1\"", "PUBACK #1 00");
    EXPECT(&client, "PUBLISH second qos 1 #2 alias 2 \"2\"", "PUBACK #2 00", "PUBLISH  qos 0 alias 1 \"3\"");
    client_bye(&client);
}

static void test_what_a_client_no_longer_takes_is_not_in_its_way(void **state)
{
    const struct site *site = *state;
    struct client client, publisher;
    char large[201] = {0};
    memset(large, 'x', 200);
    CLIENT_CONNECT(&publisher, site, false, .id = ID_ON(site, 0, "p"));
    CLIENT_CONNECT(&client, site, false, .id = "shrinks", .keep = true, .receive_maximum = 1);
    subscribe_to(&client, "t", 1);
    say_publish(&publisher, "t", 1, 1, large);
    EXPECT(&publisher, "PUBACK #1 00");
    EXPECT(&client, "PUBLISH t qos 1 #1 <200 bytes>");
    client_drop(&client);
    CLIENT_CONNECT(&client, site, true, .id = "shrinks", .keep = true, .receive_maximum = 1,
                   .maximum_packet_bytes = 100);
    say_publish(&publisher, "t", 1, 2, "small");
    EXPECT(&publisher, "PUBACK #2 00");
    EXPECT(&client, "PUBLISH t qos 1 #2 \"small\"");
    client_bye(&client);
    client_bye(&publisher);
}

/* ---- Retained messages ----------------------------------------------------------------------------------- */

static void test_retained_messages_come_with_the_subscription_and_go_when_emptied(void **state)
{
    const struct site *site = *state;
    struct client publisher, client;
    CLIENT_CONNECT(&publisher, site, false, .id = ID_ON(site, 0, "p"));
    say_retained(&publisher, "r/a", 1, 1, "old");
    say_retained(&publisher, "r/a", 2, 2, "new");
    say_retained(&publisher, "r/b", 0, 0, "b");
    EXPECT(&publisher, "PUBACK #1 10", "PUBREC #2 10");
    client_sync(&publisher);
    CLIENT_CONNECT(&client, site, false, .id = ID_ON(site, 1, "s"));
    subscribe_to(&client, "r/a", 1);
    EXPECT(&client, "PUBLISH r/a qos 1 #1 retain \"new\"");
    /* Retain handling 1: only if the subscription is new; 2: never [MQTT-3.3.1-9 to 11]. */
    put_subscribe(&client, 2, "r/a", (struct mqtt_subscription){.qos = 1, .retain_handling = 1}, 0);
    put_subscribe(&client, 3, "r/+", (struct mqtt_subscription){.qos = 1, .retain_handling = 2}, 0);
    put_subscribe(&client, 4, "r/b", (struct mqtt_subscription){.qos = 1, .retain_handling = 1}, 9);
    client_flush(&client);
    EXPECT(&client, "SUBACK #2 01", "SUBACK #3 01", "SUBACK #4 01", "PUBLISH r/b qos 0 retain id 9 \"b\"");
    /* To those who are subscribed already it comes without the flag. */
    say_retained(&publisher, "r/a", 0, 0, "");
    EXPECT(&client, "PUBLISH r/a qos 0 \"\"");
    client_sync(&publisher);
    put_subscribe(&client, 5, "r/#", (struct mqtt_subscription){.qos = 0}, 0);
    client_flush(&client);
    EXPECT(&client, "SUBACK #5 00", "PUBLISH r/b qos 0 retain \"b\"");
    client_sync(&client);
    client_bye(&client);
    client_bye(&publisher);
}

static void test_six_hundred_retained_qos_2_messages_are_within_a_receive_maximum_of_a_thousand(void **state)
{
    struct client client;
    CLIENT_CONNECT(&client, *state, false, .id = "retains");
    for (uint16_t i = 1; i <= 600; i++) {
        put_publish(
            &client,
            &(struct mqtt_publish){
                .retain = true, .qos = 2, .packet_id = i, .topic = STR("r/many"), .payload = STR("x")});
    }
    client_flush(&client);
    char expected[32];
    for (unsigned i = 1; i <= 600; i++) {
        snprintf(expected, sizeof(expected), "PUBREC #%u 10", i);
        EXPECT(&client, expected);
    }
    client_bye(&client);
}

/* ---- Wills and take-over --------------------------------------------------------------------------------- */

/* The watcher hears every will; a message sent after tells that none comes. */
static void watch_wills(struct client *watcher, const struct site *site)
{
    CLIENT_CONNECT(watcher, site, false, .id = ID_ON(site, 2, "watcher"));
    subscribe_to(watcher, "will", 0);
}

static void test_a_will_is_published_when_the_connection_breaks_not_when_it_ends(void **state)
{
    const struct site *site = *state;
    struct client watcher, client;
    watch_wills(&watcher, site);
    CLIENT_CONNECT(&client, site, false, .id = "dies", .will_topic = "will", .will_payload = "gone");
    client_drop(&client);
    EXPECT(&watcher, "PUBLISH will qos 0 \"gone\"");
    CLIENT_CONNECT(&client, site, false, .id = "leaves", .will_topic = "will", .will_payload = "gone");
    client_bye(&client);
    say_publish(&watcher, "will", 0, 0, "nothing");
    EXPECT(&watcher, "PUBLISH will qos 0 \"nothing\"");
    client_bye(&watcher);
}

static void test_a_client_that_comes_again_takes_its_session_over(void **state)
{
    const struct site *site = *state;
    struct client watcher, old, young;
    watch_wills(&watcher, site);
    for (unsigned reactor = 0; reactor < REACTORS; reactor++) {
        const char *id = ID_ON(site, reactor, "twice");
        CLIENT_CONNECT(&old, site, false, .id = id, .keep = true, .will_topic = "will",
                       .will_payload = "old");
        subscribe_to(&old, "t", 1);
        CLIENT_CONNECT(&young, site, true, .id = id, .keep = true);
        EXPECT(&old, "DISCONNECT 8e", "end");
        EXPECT(&watcher, "PUBLISH will qos 0 \"old\"");
        say_publish(&young, "t", 1, 1, "still subscribed");
        EXPECT(&young, "PUBLISH t qos 1 #1 \"still subscribed\"", "PUBACK #1 00");
        client_drop(&old);
        /* Clean start: nothing is left of it. */
        CLIENT_CONNECT(&old, site, false, .id = id);
        EXPECT(&young, "DISCONNECT 8e", "end");
        say_publish(&old, "t", 1, 1, "nobody");
        EXPECT(&old, "PUBACK #1 10");
        client_drop(&young);
        client_bye(&old);
    }
    client_bye(&watcher);
}

static void connections_of(struct shard *shard, void *arg)
{
    size_t *count = arg;
    LIST_EACH(it, &shard->connections)
    {
        struct connection *connection = CONTAINER_OF(it, struct connection, all);
        *count += connection->clean_end;
    }
}

/* The first connection has said DISCONNECT, but cannot end: its client does not read what is on its way. */
static void test_a_take_over_after_disconnect_publishes_no_will(void **state)
{
    const struct site *site = *state;
    struct client watcher, old, young, publisher;
    const char *id = ID_ON(site, 1, "slow");
    watch_wills(&watcher, site);
    CLIENT_CONNECT(&old, site, false, .id = id, .will_topic = "will", .will_payload = "wrong",
                   .socket_bytes = 4096);
    subscribe_to(&old, "much", 0);
    CLIENT_CONNECT(&publisher, site, false, .id = ID_ON(site, 1, "p"));
    char *payload = mem_zalloc(1000001);
    memset(payload, 'x', 1000000);
    for (uint16_t i = 1; i <= 12; i++) {
        say_publish(&publisher, "much", 1, i, payload);
        char expected[32];
        snprintf(expected, sizeof(expected), "PUBACK #%u 00", i);
        EXPECT(&publisher, expected);
    }
    mem_free(payload);
    mqtt_encode_disconnect(&old.out, MQTT_5, MQTT_SUCCESS, NULL);
    client_flush(&old);
    size_t leaving = 0;
    for (int i = 0; leaving == 0 && i < PATIENCE_S * 1000; i++)
        on_shard(site, 1, connections_of, &leaving);
    assert_int_equal(leaving, 1);
    CLIENT_CONNECT(&young, site, false, .id = id);
    say_publish(&watcher, "will", 0, 0, "nothing");
    EXPECT(&watcher, "PUBLISH will qos 0 \"nothing\"");
    client_drop(&old);
    client_bye(&young);
    client_bye(&publisher);
    client_bye(&watcher);
}

/* ---- What is refused ------------------------------------------------------------------------------------- */

/* clang-format off */
#define BYTES(...) {__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
/* clang-format on */

static void test_packets_that_break_the_protocol_end_the_connection(void **state)
{
    static const struct {
        const char *name;
        uint8_t version;
        const char *expected; /* NULL: the end without a word */
        uint8_t bytes[20];
        size_t len;
    } rows[] = {
        {"PUBACK of 0", MQTT_5, "DISCONNECT 82", BYTES(0x40, 2, 0, 0)},
        {"PUBREC of 0", MQTT_5, "DISCONNECT 82", BYTES(0x50, 2, 0, 0)},
        {"PUBREL of 0", MQTT_5, "DISCONNECT 82", BYTES(0x62, 2, 0, 0)},
        {"PUBCOMP of 0", MQTT_5, "DISCONNECT 82", BYTES(0x70, 2, 0, 0)},
        {"PUBREL of 0 in 3.1.1", MQTT_3_1_1, NULL, BYTES(0x62, 2, 0, 0)},
        {"PUBACK with a length of two bytes", MQTT_5, "DISCONNECT 81", BYTES(0x40, 0x82, 0, 0, 1)},
        {"PUBREL without its flag", MQTT_5, "DISCONNECT 81", BYTES(0x60, 2, 0, 1)},
        {"PUBLISH to nothing", MQTT_5, "DISCONNECT 82", BYTES(0x30, 3, 0, 0, 0)},
        {"PUBLISH to nothing with a property", MQTT_5, "DISCONNECT 82", BYTES(0x30, 5, 0, 0, 2, 1, 1)},
        {"PUBLISH with an alias that was never given", MQTT_5, "DISCONNECT 82",
         BYTES(0x30, 6, 0, 0, 3, 0x23, 0, 1)},
        {"PUBLISH with an alias over the maximum", MQTT_5, "DISCONNECT 94",
         BYTES(0x30, 7, 0, 1, 't', 3, 0x23, 0xff, 0xff)},
        {"PUBLISH with a subscription identifier", MQTT_5, "DISCONNECT 82",
         BYTES(0x30, 6, 0, 1, 't', 2, 0x0b, 1)},
        {"PUBLISH of QoS 3", MQTT_5, "DISCONNECT 81", BYTES(0x36, 6, 0, 1, 't', 0, 1, 0)},
        {"PUBLISH with packet id 0", MQTT_5, "DISCONNECT 82", BYTES(0x32, 6, 0, 1, 't', 0, 0, 0)},
        {"SUBSCRIBE of nothing", MQTT_5, "DISCONNECT 82", BYTES(0x82, 3, 0, 1, 0)},
        {"a second CONNECT", MQTT_5, "DISCONNECT 82",
         BYTES(0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 0, 0, 0, 0)},
        {"CONNACK", MQTT_5, "DISCONNECT 82", BYTES(0x20, 3, 0, 0, 0)},
        {"AUTH that was not asked for", MQTT_5, "DISCONNECT 82", BYTES(0xf0, 0)},
        {"AUTH in 3.1.1", MQTT_3_1_1, NULL, BYTES(0xf0, 0)},
        {"type 0", MQTT_5, "DISCONNECT 81", BYTES(0x00, 0)},
        {"a length of five bytes", MQTT_5, "DISCONNECT 81", BYTES(0x30, 0xff, 0xff, 0xff, 0xff, 1)},
        {"a packet over a MiB", MQTT_5, "DISCONNECT 95", BYTES(0x30, 0xff, 0xff, 0xff, 0x7f)},
        {"PINGREQ with a body", MQTT_5, "DISCONNECT 81", BYTES(0xc0, 1, 0)},
        {"DISCONNECT that would keep a session that was not kept", MQTT_5, "DISCONNECT 82",
         BYTES(0xe0, 7, 0, 5, 0x11, 0, 0, 0, 1)},
    };
    TABLE_EACH(row, rows)
    {
        struct client client;
        struct buf text = {0};
        CLIENT_CONNECT(&client, *state, false, .id = "breaks", .version = row->version);
        say_bytes(&client, row->bytes, row->len);
        client_hear(&client, &text);
        CHECK(strcmp(buf_cstr(&text), row->expected != NULL ? row->expected : "end") == 0, "%s: %s",
              row->name, buf_cstr(&text));
        if (row->expected != NULL)
            EXPECT(&client, "end");
        buf_free(&text);
        client_drop(&client);
    }
}

static void test_a_stream_that_does_not_begin_with_connect_is_closed(void **state)
{
    static const struct {
        const char *name;
        uint8_t version; /* of the answer */
        const char *expected;
        uint8_t bytes[20];
        size_t len;
    } rows[] = {
        {"PINGREQ", MQTT_5, "end", BYTES(0xc0, 0)},
        {"HTTP", MQTT_5, "end", BYTES('G', 'E', 'T', ' ')},
        {"an endless length", MQTT_5, "end", BYTES(0x10, 0xff, 0xff, 0xff, 0xff)},
        {"another protocol", MQTT_3_1_1, "CONNACK new 01",
         BYTES(0x10, 12, 0, 4, 'X', 'X', 'X', 'X', 5, 2, 0, 0, 0, 0)},
        {"version 9", MQTT_5, "CONNACK new 84",
         BYTES(0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 9, 2, 0, 0, 0, 0, 0)},
        {"the reserved flag", MQTT_5, "CONNACK new 81",
         BYTES(0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 5, 3, 0, 0, 0, 0, 0)},
    };
    TABLE_EACH(row, rows)
    {
        struct client client;
        struct buf text = {0};
        client_open_sized(&client, *state, row->version, 0);
        say_bytes(&client, row->bytes, row->len);
        client_hear(&client, &text);
        CHECK(strcmp(buf_cstr(&text), row->expected) == 0, "%s: %s", row->name, buf_cstr(&text));
        buf_free(&text);
        client_drop(&client);
    }
}

/* One byte a packet, so that every border falls into every place. */
static void test_a_stream_in_single_bytes_is_the_same_stream(void **state)
{
    struct client client;
    struct hello hello = {.id = "bytes", .keep_alive = 60};
    struct mqtt_connect connect = connect_of(&hello);
    client_open_sized(&client, *state, MQTT_5, 0);
    struct buf stream = {0};
    mqtt_encode_connect(&client.out, &connect);
    put_subscribe(&client, 1, "t/#", (struct mqtt_subscription){.qos = 2}, 5);
    put_publish(&client, &(struct mqtt_publish){
                             .qos = 1, .packet_id = 9, .topic = STR("t/x"), .payload = STR("hello")});
    mqtt_encode_ping(&client.out, MQTT_PINGREQ);
    buf_append_str(&stream, buf_str(&client.out));
    buf_reset(&client.out);
    for (size_t i = 0; i < stream.len; i++)
        say_bytes(&client, stream.data + i, 1);
    EXPECT(&client, "CONNACK new 00", "SUBACK #1 02", "PUBLISH t/x qos 1 #1 id 5 \"hello\"", "PUBACK #9 00",
           "PINGRESP");
    buf_free(&stream);
    client_bye(&client);
}

/* ---- Memory ---------------------------------------------------------------------------------------------- */

static void count_extras(struct shard *shard, void *arg)
{
    LIST_EACH(it, &shard->connections)
    *(unsigned *)arg += CONTAINER_OF(it, struct connection, all)->extras != NULL;
}

static unsigned extras_of(const struct site *site)
{
    unsigned count = 0;
    for (unsigned i = 0; i < REACTORS; i++)
        on_shard(site, i, count_extras, &count);
    return count;
}

static void test_a_client_that_has_subscribed_takes_no_more_memory_than_its_subscriptions(void **state)
{
    struct client once, kept, other;
    CLIENT_CONNECT(&once, *state, false, .id = "subscribes");
    CLIENT_CONNECT(&kept, *state, false, .id = "subscribes for long",
                   .keep = true); /* SUBACK waits for the disk */
    subscribe_to(&once, "m/1", 1);
    subscribe_to(&kept, "m/2", 1);
    assert_int_equal(extras_of(*state), 0);
    CLIENT_CONNECT(&other, *state, false, .id = "has aliases", .alias_maximum = 1);
    subscribe_to(&other, "m/3", 0);
    say_publish(&once, "m/3", 0, 0, "1");
    EXPECT(&other, "PUBLISH m/3 qos 0 alias 1 \"1\"");
    subscribe_to(&other, "m/4", 0);
    assert_int_equal(extras_of(*state), 1); /* they are still known */
    say_publish(&once, "m/3", 0, 0, "2");
    EXPECT(&other, "PUBLISH  qos 0 alias 1 \"2\"");
    client_bye(&other);
    client_bye(&kept);
    client_bye(&once);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

RUN_TESTS(TEST(test_a_message_arrives_once_with_the_lower_qos_whatever_the_versions),
          TEST(test_a_qos_2_message_that_is_repeated_is_delivered_once),
          TEST(test_what_is_not_acknowledged_comes_again_after_a_reconnect_in_order),
          TEST(test_no_more_is_in_flight_than_the_client_takes),
          TEST(test_overlapping_subscriptions_give_one_copy_with_all_identifiers),
          TEST(test_a_message_too_large_for_the_client_spends_no_alias),
          TEST(test_what_a_client_no_longer_takes_is_not_in_its_way),
          TEST(test_retained_messages_come_with_the_subscription_and_go_when_emptied),
          TEST(test_six_hundred_retained_qos_2_messages_are_within_a_receive_maximum_of_a_thousand),
          TEST(test_a_will_is_published_when_the_connection_breaks_not_when_it_ends),
          TEST(test_a_client_that_comes_again_takes_its_session_over),
          TEST(test_a_take_over_after_disconnect_publishes_no_will),
          TEST(test_packets_that_break_the_protocol_end_the_connection),
          TEST(test_a_stream_that_does_not_begin_with_connect_is_closed),
          TEST(test_a_stream_in_single_bytes_is_the_same_stream),
          TEST(test_a_client_that_has_subscribed_takes_no_more_memory_than_its_subscriptions))
