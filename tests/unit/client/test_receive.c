/* Subscribing and receiving. */
#include "fake_broker.h"

static bool subscribe(struct client *client, const char *filter, uint8_t qos, struct error *err)
{
    struct mqtt_subscription subscription = {.filter = str_of(filter), .qos = qos};
    return client_subscribe(client, &subscription, 1, NULL, err);
}

static void assert_receives(struct client *client, const char *payload)
{
    struct client_message message;
    struct error err = {0};
    if (client_receive(client, 10000, &message, &err) != CLIENT_MESSAGE)
        fail_msg("no message: %s", err.text);
    assert_true(str_is(message.payload, payload));
}

static void refuse(struct fake_broker *broker, const struct mqtt_frame *packet)
{
    if (packet->type != MQTT_SUBSCRIBE)
        return;
    if (broker->version == MQTT_5)
        FAKE_SEND(broker, "\x90\x04\x00\x01\x00\x87");
    else
        FAKE_SEND(broker, "\x90\x03\x00\x01\x80");
}

static void test_a_refused_subscription_is_told_with_its_filter(void **state)
{
    (void)state;
    const uint8_t versions[] = {MQTT_3_1_1, MQTT_5};
    TABLE_EACH(version, versions)
    {
        struct fake_broker broker;
        struct error err = {0};
        fake_start(&broker, refuse);
        struct client *client = fake_connect(&broker, *version);
        ASSERT_FAILS(subscribe(client, "a/#", 1, &err), err, ERR_DENIED);
        assert_non_null(strstr(err.text, *version == MQTT_5
                                             ? " refused the subscription to a/#: not authorized"
                                             : " refused the subscription to a/#: failure"));
        client_close(client);
        fake_stop(&broker);
        fake_free(&broker);
    }
}

/* Three messages, the first before SUBACK. */
static void send_three(struct fake_broker *broker, const struct mqtt_frame *packet)
{
    if (packet->type != MQTT_SUBSCRIBE)
        return;
    fake_publish(broker, "t", 1, 1, "one");
    FAKE_SEND(broker, "\x90\x03\x00\x01\x02");
    fake_publish(broker, "t", 2, 2, "two");
    fake_publish(broker, "t", 0, 0, "three");
}

static void test_messages_come_in_order_and_each_is_acknowledged(void **state)
{
    (void)state;
    struct fake_broker broker;
    struct client_message none;
    fake_start(&broker, send_three);
    struct client *client = fake_connect(&broker, MQTT_3_1_1);
    assert_true(subscribe(client, "t", 2, NULL));
    assert_receives(client, "one");
    assert_receives(client, "two");
    assert_receives(client, "three");
    assert_int_equal(client_receive(client, 0, &none, NULL), CLIENT_NOTHING);
    client_close(client);
    fake_stop(&broker);
    assert_string_equal(fake_types(&broker), "CONNECT SUBSCRIBE PUBACK PUBREC DISCONNECT");
    fake_free(&broker);
}

static void test_a_message_that_was_not_handed_out_is_not_acknowledged(void **state)
{
    (void)state;
    struct fake_broker broker;
    fake_start(&broker, send_three);
    struct client *client = fake_connect(&broker, MQTT_3_1_1);
    assert_true(subscribe(client, "t", 2, NULL));
    assert_receives(client, "one");
    client_close(client); /* acknowledges "one", not "two" */
    fake_stop(&broker);
    assert_string_equal(fake_types(&broker), "CONNECT SUBSCRIBE PUBACK DISCONNECT");
    fake_free(&broker);
}

/* QoS 2 twice with the same packet id, a last message once it was released. */
static void send_twice(struct fake_broker *broker, const struct mqtt_frame *packet)
{
    if (packet->type == MQTT_SUBSCRIBE) {
        FAKE_SEND(broker, "\x90\x03\x00\x01\x02");
        fake_publish(broker, "t", 2, 9, "once");
        fake_publish(broker, "t", 2, 9, "once");
        FAKE_SEND(broker, "\x62\x02\x00\x09"); /* PUBREL */
    } else if (packet->type == MQTT_PUBCOMP) {
        fake_publish(broker, "t", 2, 9, "again");
    }
}

static void test_qos_2_is_handed_out_once_until_it_is_released(void **state)
{
    (void)state;
    struct fake_broker broker;
    fake_start(&broker, send_twice);
    struct client *client = fake_connect(&broker, MQTT_3_1_1);
    assert_true(subscribe(client, "t", 2, NULL));
    assert_receives(client, "once");
    assert_receives(client, "again");
    client_close(client);
    fake_stop(&broker);
    assert_string_equal(fake_types(&broker), "CONNECT SUBSCRIBE PUBREC PUBREC PUBCOMP PUBREC DISCONNECT");
    fake_free(&broker);
}

static void quiet(struct fake_broker *broker, const struct mqtt_frame *packet)
{
    if (packet->type == MQTT_SUBSCRIBE)
        FAKE_SEND(broker, "\x90\x03\x00\x01\x00");
}

static void test_nothing_comes_when_nothing_was_sent(void **state)
{
    (void)state;
    struct fake_broker broker;
    struct client_message message;
    fake_start(&broker, quiet);
    struct client *client = fake_connect(&broker, MQTT_3_1_1);
    assert_true(subscribe(client, "t", 0, NULL));
    assert_int_equal(client_receive(client, 20, &message, NULL), CLIENT_NOTHING);
    client_close(client);
    fake_stop(&broker);
    fake_free(&broker);
}

/* A flood, acknowledged in whatever pieces. */
static void flood(struct fake_broker *broker, const struct mqtt_frame *packet)
{
    if (packet->type != MQTT_SUBSCRIBE)
        return;
    FAKE_SEND(broker, "\x90\x03\x00\x01\x01");
    for (unsigned i = 1; i <= 5000; i++) {
        char payload[16];
        snprintf(payload, sizeof payload, "%u", i);
        fake_publish(broker, "t", 1, (uint16_t)i, payload);
    }
}

static void test_a_flood_arrives_whole_and_is_acknowledged_whole(void **state)
{
    (void)state;
    struct fake_broker broker;
    struct mqtt_frame frame;
    fake_start(&broker, flood);
    struct client *client = fake_connect(&broker, MQTT_3_1_1);
    assert_true(subscribe(client, "t", 1, NULL));
    for (unsigned i = 1; i <= 5000; i++) {
        char payload[16];
        snprintf(payload, sizeof payload, "%u", i);
        assert_receives(client, payload);
    }
    client_close(client);
    fake_stop(&broker);
    assert_true(fake_find(&broker, MQTT_PUBACK, 4999, &frame));
    assert_int_equal(frame.body[0] << 8 | frame.body[1], 5000);
    assert_false(fake_find(&broker, MQTT_PUBACK, 5000, &frame));
    fake_free(&broker);
}

static void malformed(struct fake_broker *broker, const struct mqtt_frame *packet)
{
    if (packet->type == MQTT_SUBSCRIBE)
        FAKE_SEND(broker, "\x90\x03\x00\x01\x00\x30\x03\x00\x05t");
}

static void test_a_malformed_message_ends_the_connection(void **state)
{
    (void)state;
    struct fake_broker broker;
    struct client_message message;
    struct error err = {0};
    fake_start(&broker, malformed);
    struct client *client = fake_connect(&broker, MQTT_3_1_1);
    assert_true(subscribe(client, "t", 0, NULL));
    assert_int_equal(client_receive(client, 10000, &message, &err), CLIENT_FAILED);
    assert_int_equal(err.code, ERR_PROTOCOL);
    client_close(client);
    fake_stop(&broker);
    fake_free(&broker);
}

RUN_TESTS(cmocka_unit_test(test_a_refused_subscription_is_told_with_its_filter),
          cmocka_unit_test(test_messages_come_in_order_and_each_is_acknowledged),
          cmocka_unit_test(test_a_message_that_was_not_handed_out_is_not_acknowledged),
          cmocka_unit_test(test_qos_2_is_handed_out_once_until_it_is_released),
          cmocka_unit_test(test_nothing_comes_when_nothing_was_sent),
          cmocka_unit_test(test_a_flood_arrives_whole_and_is_acknowledged_whole),
          cmocka_unit_test(test_a_malformed_message_ends_the_connection))
