/* Connecting, refusals and what they are told as, keep alive, the end. */
#include "fake_broker.h"

#include "client/client_internal.h"

static void test_connect_carries_the_options(void **state)
{
    (void)state;
    struct fake_broker broker;
    struct client_options options;
    struct mqtt_frame frame;
    struct mqtt_connect connect;
    fake_start(&broker, NULL);
    client_options_default(&options);
    options.port = broker.port;
    options.client_id = "me";
    options.username = "user";
    options.password = "secret";
    options.keep_alive = 33;
    options.clean_start = false;
    options.session_expiry = 77;
    struct client *client = client_connect(&options, NULL);
    assert_non_null(client);
    client_close(client);
    fake_stop(&broker);
    assert_string_equal(fake_types(&broker), "CONNECT DISCONNECT");
    assert_true(fake_find(&broker, MQTT_CONNECT, 0, &frame));
    assert_int_equal(mqtt_decode_connect(&frame, &connect), MQTT_SUCCESS);
    assert_int_equal(connect.version, MQTT_5);
    assert_true(str_is(connect.client_id, "me"));
    assert_true(str_is(connect.username, "user"));
    assert_true(str_is(connect.password, "secret"));
    assert_int_equal(connect.keep_alive, 33);
    assert_false(connect.clean_start);
    assert_int_equal(connect.properties.session_expiry, 77);
    fake_free(&broker);
}

static void test_nobody_listening_is_told_in_one_line(void **state)
{
    (void)state;
    struct client_options options;
    struct error err = {0};
    client_options_default(&options);
    options.port = 1;
    assert_null(client_connect(&options, &err));
    assert_string_equal(err.text, "cannot connect to 127.0.0.1:1: connection refused");
    assert_string_equal(err.hint, "is the broker running?");
}

static const char *connack;
static size_t connack_len;

static void answer_connack(struct fake_broker *broker, const struct mqtt_frame *packet)
{
    (void)packet;
    broker->handled = true;
    fake_send(broker, connack, connack_len);
}

static void close_at_once(struct fake_broker *broker, const struct mqtt_frame *packet)
{
    (void)packet;
    broker->handled = true;
    shutdown(broker->fd, SHUT_RDWR);
}

#define CONNACK(bytes) bytes, sizeof(bytes) - 1

static void test_refusals_are_told_by_their_reason(void **state)
{
    (void)state;
    static const struct {
        uint8_t version;
        const char *connack;
        size_t len;
        const char *text; /* behind the address */
        const char *hint;
    } rows[] = {
        {MQTT_5, CONNACK("\x20\x03\x00\x87\x00"), " refused the connection: not authorized",
         "give a user name (-u) and a password (-P)"},
        {MQTT_5, CONNACK("\x20\x09\x00\x8A\x06\x1F\x00\x03won"), " refused the connection: banned, won", ""},
        {MQTT_5, CONNACK("\x20\x03\x00\x84\x00"), " refused the connection: unsupported protocol version",
         "try another protocol version (-V)"},
        {MQTT_3_1_1, CONNACK("\x20\x02\x00\x05"), " refused the connection: not authorized",
         "give a user name (-u) and a password (-P)"},
        {MQTT_3_1_1, CONNACK("\x20\x02\x00\x02"), " refused the connection: client identifier rejected", ""},
        {MQTT_3_1_1, CONNACK("\x20\x02\x00\x01"), " refused the connection: unacceptable protocol version",
         "try another protocol version (-V)"},
        {MQTT_3_1_1, CONNACK("\xD0\x00"), " did not answer CONNECT with CONNACK", "is it an MQTT listener?"},
        {MQTT_3_1_1, CONNACK("\x00\x00\x00\x00"), " sent something that is not MQTT",
         "is it an MQTT listener?"},
    };
    TABLE_EACH(row, rows)
    {
        struct fake_broker broker;
        struct client_options options;
        struct error err = {0};
        connack = row->connack;
        connack_len = row->len;
        fake_start(&broker, answer_connack);
        client_options_default(&options);
        options.port = broker.port;
        options.version = row->version;
        CHECK(client_connect(&options, &err) == NULL, "%s", row->text);
        fake_stop(&broker);
        fake_free(&broker);
        CHECK(strstr(err.text, row->text) != NULL, "%s, not %s", err.text, row->text);
        CHECK(strcmp(err.hint, row->hint) == 0, "%s", row->text);
    }
}

static void test_a_connection_closed_before_connack_hints_at_the_listener(void **state)
{
    (void)state;
    struct fake_broker broker;
    struct client_options options;
    struct error err = {0};
    fake_start(&broker, close_at_once);
    client_options_default(&options);
    options.port = broker.port;
    assert_null(client_connect(&options, &err));
    fake_stop(&broker);
    fake_free(&broker);
    assert_int_equal(err.code, ERR_CLOSED);
    assert_non_null(strstr(err.text, "no CONNACK: "));
    assert_string_equal(err.hint, "is it an MQTT listener, without TLS?");
}

static void silent(struct fake_broker *broker, const struct mqtt_frame *packet)
{
    (void)packet;
    broker->handled = true;
}

static void test_no_connack_in_time_is_a_timeout(void **state)
{
    (void)state;
    struct fake_broker broker;
    struct client_options options;
    struct error err = {0};
    fake_start(&broker, silent);
    client_options_default(&options);
    options.port = broker.port;
    options.timeout_ms = 2000; /* connecting is part of it */
    assert_null(client_connect(&options, &err));
    fake_stop(&broker);
    fake_free(&broker);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_non_null(strstr(err.text, "sent no CONNACK within"));
}

static void session_is_present(struct fake_broker *broker, const struct mqtt_frame *packet)
{
    if (packet->type != MQTT_CONNECT)
        return;
    broker->handled = true;
    FAKE_SEND(broker, "\x20\x02\x01\x00");
}

static void test_session_present_is_handed_on(void **state)
{
    (void)state;
    struct fake_broker broker;
    fake_start(&broker, session_is_present);
    struct client *client = fake_connect(&broker, MQTT_3_1_1);
    assert_true(client_session_present(client));
    client_close(client);
    fake_stop(&broker);
    fake_free(&broker);
}

static void keep_alive_of_one_second(struct fake_broker *broker, const struct mqtt_frame *packet)
{
    if (packet->type == MQTT_CONNECT) {
        broker->handled = true;
        FAKE_SEND(broker, "\x20\x06\x00\x00\x03\x13\x00\x01"); /* server keep alive 1 */
    } else if (packet->type == MQTT_PINGREQ) {
        fake_publish(broker, "pinged", 0, 0, "");
    }
}

static void test_a_quiet_client_pings_in_the_brokers_interval(void **state)
{
    (void)state;
    struct fake_broker broker;
    struct client_message message;
    fake_start(&broker, keep_alive_of_one_second);
    struct client *client = fake_connect(&broker, MQTT_5);
    assert_int_equal(client_receive(client, 30000, &message, NULL), CLIENT_MESSAGE);
    assert_true(str_is(message.topic, "pinged"));
    client_close(client);
    fake_stop(&broker);
    fake_free(&broker);
}

static void pings_are_not_answered(struct fake_broker *broker, const struct mqtt_frame *packet)
{
    broker->handled = packet->type == MQTT_PINGREQ;
}

static void test_a_ping_without_answer_ends_the_connection(void **state)
{
    (void)state;
    struct fake_broker broker;
    struct client_options options;
    struct client_message message;
    struct error err = {0};
    fake_start(&broker, pings_are_not_answered);
    client_options_default(&options);
    options.port = broker.port;
    options.keep_alive = 1;
    options.timeout_ms = 60000;
    struct client *client = client_connect(&options, NULL);
    assert_non_null(client);
    client->timeout_ms = 300;
    assert_int_equal(client_receive(client, 30000, &message, &err), CLIENT_FAILED);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_non_null(strstr(err.text, "sent no answer to PINGREQ"));
    client_close(client);
    fake_stop(&broker);
    fake_free(&broker);
}

static void disconnects(struct fake_broker *broker, const struct mqtt_frame *packet)
{
    if (packet->type != MQTT_PUBLISH)
        return;
    FAKE_SEND(broker, "\xE0\x08\x8B\x06\x1F\x00\x03why");
}

static void test_the_brokers_disconnect_is_told_by_its_reason(void **state)
{
    (void)state;
    struct fake_broker broker;
    struct client_message received, message = fake_message("a", "b", 1);
    struct error err = {0};
    fake_start(&broker, disconnects);
    struct client *client = fake_connect(&broker, MQTT_5);
    assert_true(client_publish(client, &message, NULL));
    assert_int_equal(client_receive(client, 10000, &received, &err), CLIENT_FAILED);
    assert_int_equal(err.code, ERR_CLOSED);
    assert_non_null(strstr(err.text, " disconnected: server shutting down, why"));
    client_close(client);
    fake_stop(&broker);
    assert_string_equal(fake_types(&broker), "CONNECT PUBLISH"); /* no DISCONNECT into a closed connection */
    fake_free(&broker);
}

RUN_TESTS(cmocka_unit_test(test_connect_carries_the_options),
          cmocka_unit_test(test_nobody_listening_is_told_in_one_line),
          cmocka_unit_test(test_refusals_are_told_by_their_reason),
          cmocka_unit_test(test_a_connection_closed_before_connack_hints_at_the_listener),
          cmocka_unit_test(test_no_connack_in_time_is_a_timeout),
          cmocka_unit_test(test_session_present_is_handed_on),
          cmocka_unit_test(test_a_quiet_client_pings_in_the_brokers_interval),
          cmocka_unit_test(test_a_ping_without_answer_ends_the_connection),
          cmocka_unit_test(test_the_brokers_disconnect_is_told_by_its_reason))
