/* Publishing: the flows of the three QoS, how many messages are in flight, refusals. */
#include "fake_broker.h"

#include "client/client_internal.h"

#include <stdatomic.h>

static void test_the_flow_of_each_qos_in_each_version(void **state)
{
    (void)state;
    static const struct {
        uint8_t version;
        uint8_t qos;
        const char *types;
    } rows[] = {
        {MQTT_3_1, 0, "CONNECT PUBLISH DISCONNECT"},
        {MQTT_3_1, 2, "CONNECT PUBLISH PUBREL DISCONNECT"},
        {MQTT_3_1_1, 0, "CONNECT PUBLISH DISCONNECT"},
        {MQTT_3_1_1, 1, "CONNECT PUBLISH DISCONNECT"},
        {MQTT_3_1_1, 2, "CONNECT PUBLISH PUBREL DISCONNECT"},
        {MQTT_5, 0, "CONNECT PUBLISH DISCONNECT"},
        {MQTT_5, 1, "CONNECT PUBLISH DISCONNECT"},
        {MQTT_5, 2, "CONNECT PUBLISH PUBREL DISCONNECT"},
    };
    TABLE_EACH(row, rows)
    {
        struct fake_broker broker;
        struct mqtt_frame frame;
        struct mqtt_publish publish;
        struct error err = {0};
        struct client_message message = fake_message("a/b", "payload", row->qos);
        message.retain = true;
        fake_start(&broker, fake_acknowledge);
        struct client *client = fake_connect(&broker, row->version);
        ASSERT_OK(client_publish(client, &message, &err), err);
        ASSERT_OK(client_flush(client, &err), err);
        client_close(client);
        fake_stop(&broker);
        CHECK(strcmp(fake_types(&broker), row->types) == 0, "version %u, QoS %u", row->version, row->qos);
        assert_true(fake_find(&broker, MQTT_PUBLISH, 0, &frame));
        assert_int_equal(mqtt_decode_publish(&frame, row->version, &publish), MQTT_SUCCESS);
        assert_true(str_is(publish.topic, "a/b"));
        assert_true(str_is(publish.payload, "payload"));
        assert_true(publish.retain);
        assert_int_equal(publish.qos, row->qos);
        fake_free(&broker);
    }
}

static void test_properties_reach_the_broker(void **state)
{
    (void)state;
    struct fake_broker broker;
    struct mqtt_frame frame;
    struct mqtt_publish publish;
    struct mqtt_properties properties;
    struct buf user = {0};
    struct str key, value;
    size_t at = 0;
    struct client_message message = fake_message("a", "", 0);
    mqtt_user_property_append(&user, STR("k"), STR("v"));
    message.properties.user_encoded = buf_str(&user);
    message.properties.has = UINT64_C(1) << MQTT_PROP_CONTENT_TYPE;
    message.properties.content_type = STR("text/plain");
    fake_start(&broker, NULL);
    struct client *client = fake_connect(&broker, MQTT_5);
    assert_true(client_publish(client, &message, NULL));
    client_close(client);
    fake_stop(&broker);
    assert_true(fake_find(&broker, MQTT_PUBLISH, 0, &frame));
    assert_int_equal(mqtt_decode_publish(&frame, MQTT_5, &publish), MQTT_SUCCESS);
    assert_int_equal(mqtt_properties_decode((const uint8_t *)publish.raw_props.data, publish.raw_props.len,
                                            MQTT_LIST_PUBLISH, &properties),
                     MQTT_SUCCESS);
    assert_true(str_is(properties.content_type, "text/plain"));
    assert_true(mqtt_user_property_next(properties.raw, &at, &key, &value));
    assert_true(str_is(key, "k") && str_is(value, "v"));
    fake_free(&broker);
    buf_free(&user);
}

/* Receive maximum 3; acknowledges only once three are there, or fewer at the end. */
static atomic_uint most_in_flight;
static unsigned in_flight;

static void acknowledge_in_threes(struct fake_broker *broker, const struct mqtt_frame *packet)
{
    if (packet->type == MQTT_CONNECT) {
        broker->handled = true;
        in_flight = 0;
        FAKE_SEND(broker, "\x20\x06\x00\x00\x03\x21\x00\x03");
        return;
    }
    if (packet->type != MQTT_PUBLISH)
        return;
    in_flight++;
    if (in_flight > atomic_load(&most_in_flight))
        atomic_store(&most_in_flight, in_flight);
    if (in_flight < 3)
        return;
    for (unsigned i = 0; i < 3; i++) {
        uint8_t ack[MQTT_ACK_SHORT_BYTES];
        mqtt_ack_write(ack, MQTT_PUBACK,
                       (uint16_t)(broker->publishes - i)); /* ids count from 1; in any order */
        fake_send(broker, ack, sizeof ack);
    }
    in_flight = 0;
}

static void test_the_brokers_receive_maximum_is_kept(void **state)
{
    (void)state;
    struct fake_broker broker;
    struct error err = {0};
    struct client_message message = fake_message("a", "b", 1);
    atomic_store(&most_in_flight, 0);
    fake_start(&broker, acknowledge_in_threes);
    struct client *client = fake_connect(&broker, MQTT_5);
    for (unsigned i = 0; i < 300; i++)
        ASSERT_OK(client_publish(client, &message, &err), err);
    ASSERT_OK(client_flush(client, &err), err);
    client_close(client);
    fake_stop(&broker);
    assert_int_equal(broker.publishes, 300);
    assert_int_equal(atomic_load(&most_in_flight), 3);
    fake_free(&broker);
}

static void refuse(struct fake_broker *broker, const struct mqtt_frame *packet)
{
    if (packet->type == MQTT_PUBLISH)
        FAKE_SEND(broker, "\x40\x03\x00\x01\x87");
}

static void refuse_qos_2(struct fake_broker *broker, const struct mqtt_frame *packet)
{
    if (packet->type == MQTT_PUBLISH)
        FAKE_SEND(broker, "\x50\x03\x00\x01\x97");
}

static void test_a_refused_message_is_told_once_with_topic_and_reason(void **state)
{
    (void)state;
    for (uint8_t qos = 1; qos <= 2; qos++) {
        struct fake_broker broker;
        struct error err = {0};
        struct client_message message = fake_message("secret/topic", "b", qos);
        fake_start(&broker, qos == 1 ? refuse : refuse_qos_2);
        struct client *client = fake_connect(&broker, MQTT_5);
        assert_true(client_publish(client, &message, NULL));
        ASSERT_FAILS(client_flush(client, &err), err, ERR_DENIED);
        assert_non_null(strstr(err.text, qos == 1 ? " refused the message to secret/topic: not authorized"
                                                  : " refused the message to secret/topic: quota exceeded"));
        assert_true(client_flush(client, NULL));
        client_close(client);
        fake_stop(&broker);
        fake_free(&broker);
    }
}

/* Maximum QoS 0, no retained messages, packets of at most 100 bytes. */
static void small_broker(struct fake_broker *broker, const struct mqtt_frame *packet)
{
    if (packet->type != MQTT_CONNECT)
        return;
    broker->handled = true;
    FAKE_SEND(broker, "\x20\x0C\x00\x00\x09\x24\x00\x25\x00\x27\x00\x00\x00\x64");
}

static void test_what_the_broker_does_not_take_is_not_sent(void **state)
{
    (void)state;
    struct fake_broker broker;
    struct error err = {0};
    char large[200];
    memset(large, 'x', sizeof large);
    struct client_message qos = fake_message("a", "b", 1), retained = fake_message("a", "b", 0),
                          long_one = fake_message("a", "", 0), fine = fake_message("a", "b", 0);
    retained.retain = true;
    long_one.payload = str_make(large, sizeof large);
    fake_start(&broker, small_broker);
    struct client *client = fake_connect(&broker, MQTT_5);
    ASSERT_FAILS(client_publish(client, &qos, &err), err, ERR_DENIED);
    ASSERT_FAILS(client_publish(client, &retained, &err), err, ERR_DENIED);
    ASSERT_FAILS(client_publish(client, &long_one, &err), err, ERR_TOO_LARGE);
    ASSERT_OK(client_publish(client, &fine, &err), err);
    client_close(client);
    fake_stop(&broker);
    assert_string_equal(fake_types(&broker), "CONNECT PUBLISH DISCONNECT");
    fake_free(&broker);
}

static void test_no_acknowledgement_in_time_is_a_timeout(void **state)
{
    (void)state;
    struct fake_broker broker;
    struct client_options options;
    struct error err = {0};
    struct client_message message = fake_message("a", "b", 1);
    fake_start(&broker, NULL);
    client_options_default(&options);
    options.port = broker.port;
    options.timeout_ms = 60000;
    struct client *client = client_connect(&options, NULL);
    assert_non_null(client);
    client->timeout_ms = 100;
    assert_true(client_publish(client, &message, NULL));
    ASSERT_FAILS(client_flush(client, &err), err, ERR_TIMEOUT);
    client_close(client);
    fake_stop(&broker);
    fake_free(&broker);
}

static void test_a_message_larger_than_the_sockets_buffers_arrives_whole(void **state)
{
    (void)state;
    struct fake_broker broker;
    struct mqtt_frame frame;
    struct error err = {0};
    struct buf large = {0};
    for (unsigned i = 0; i < 2000000; i++)
        buf_append(&large, &i, sizeof i);
    struct client_message message = fake_message("a", "", 1);
    message.payload = buf_str(&large);
    fake_start(&broker, fake_acknowledge);
    struct client *client = fake_connect(&broker, MQTT_5);
    ASSERT_OK(client_publish(client, &message, &err), err);
    ASSERT_OK(client_flush(client, &err), err);
    client_close(client);
    fake_stop(&broker);
    assert_true(fake_find(&broker, MQTT_PUBLISH, 0, &frame));
    assert_memory_equal(frame.body + frame.body_len - large.len, large.data, large.len);
    fake_free(&broker);
    buf_free(&large);
}

RUN_TESTS(cmocka_unit_test(test_the_flow_of_each_qos_in_each_version),
          cmocka_unit_test(test_properties_reach_the_broker),
          cmocka_unit_test(test_the_brokers_receive_maximum_is_kept),
          cmocka_unit_test(test_a_refused_message_is_told_once_with_topic_and_reason),
          cmocka_unit_test(test_what_the_broker_does_not_take_is_not_sent),
          cmocka_unit_test(test_no_acknowledgement_in_time_is_a_timeout),
          cmocka_unit_test(test_a_message_larger_than_the_sockets_buffers_arrives_whole))
