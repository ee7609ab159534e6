/* PINGREQ, PINGRESP, DISCONNECT, AUTH (3.12 to 3.15). */
#include "bytes.h"

static void test_pings(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"PINGREQ", ALL, "C0 |", MQTT_SUCCESS, NULL},
        {"PINGRESP", ALL, "D0 |", MQTT_SUCCESS, NULL},
        {"flags [MQTT-2.1.3-1]", ALL, "C1 |", MQTT_MALFORMED_PACKET, NULL},
        {"flags of PINGRESP", ALL, "D8 |", MQTT_MALFORMED_PACKET, NULL},
        {"a body", ALL, "C0 | 00", MQTT_MALFORMED_PACKET, NULL},
        {"a body of PINGRESP", ALL, "D0 | 00 00", MQTT_MALFORMED_PACKET, NULL},
    };
    CHECK_ROWS(rows);
}

static void test_disconnects(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"empty", ALL, "E0 |", MQTT_SUCCESS, NULL},
        {"a reason", V5, "E0 | 04", MQTT_SUCCESS, NULL},
        {"success said with a byte", V5, "E0 | 00", MQTT_SUCCESS, "E0 |"},
        {"an empty list", V5, "E0 | 8E {}", MQTT_SUCCESS, "E0 | 8E"},
        {"an empty list after success", V5, "E0 | 00 {}", MQTT_SUCCESS, "E0 |"},
        {"every property", V5, "E0 | 9C {11 00 00 00 0A 1C ^'other' 1F ^'why' 26 ^'k' ^'v'}", MQTT_SUCCESS,
         NULL},
        {"a session expiry with success", V5, "E0 | 00 {11 FF FF FF FF}", MQTT_SUCCESS, NULL},
        {"3.1 does not use the flags", V31, "EF |", MQTT_SUCCESS, "E0 |"},

        {"flags [MQTT-3.14.1-1]", V311 | V5, "E1 |", MQTT_MALFORMED_PACKET, NULL},
        {"flags [MQTT-3.14.1-1]", V5, "E2 | 00", MQTT_MALFORMED_PACKET, NULL},
        {"a body before MQTT 5", V3, "E0 | 00", MQTT_MALFORMED_PACKET, NULL},
        {"an unknown reason [MQTT-3.14.2-1]", V5, "E0 | 01", MQTT_PROTOCOL_ERROR, NULL},
        {"a reason of CONNACK", V5, "E0 | 84 {}", MQTT_PROTOCOL_ERROR, NULL},
        {"a list past the end", V5, "E0 | 00 01", MQTT_MALFORMED_PACKET, NULL},
        {"bytes after the list", V5, "E0 | 00 {} 00", MQTT_MALFORMED_PACKET, NULL},
        {"a property of CONNECT", V5, "E0 | 00 {21 00 01}", MQTT_MALFORMED_PACKET, NULL},
        {"session expiry twice", V5, "E0 | 00 {11 00 00 00 01 11 00 00 00 01}", MQTT_PROTOCOL_ERROR, NULL},
    };
    CHECK_ROWS(rows);
}

static void test_auths(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"empty: success", V5, "F0 |", MQTT_SUCCESS, NULL},
        {"continue", V5, "F0 | 18 {15 ^'SCRAM' 16 ^(00 FF)}", MQTT_SUCCESS, NULL},
        {"again, every property", V5, "F0 | 19 {15 ^'m' 16 ^'' 1F ^'why' 26 ^'k' ^'v'}", MQTT_SUCCESS, NULL},
        {"success with a method", V5, "F0 | 00 {15 ^'m'}", MQTT_SUCCESS, NULL},

        {"flags [MQTT-3.15.1-1]", V5, "F1 |", MQTT_MALFORMED_PACKET, NULL},
        {"flags [MQTT-3.15.1-1]", V5, "F2 | 18 {15 ^'m'}", MQTT_MALFORMED_PACKET, NULL},
        {"no property length", V5, "F0 | 18", MQTT_MALFORMED_PACKET, NULL},
        {"no method", V5, "F0 | 18 {}", MQTT_PROTOCOL_ERROR, NULL},
        {"no method after success", V5, "F0 | 00 {}", MQTT_PROTOCOL_ERROR, NULL},
        {"data without a method", V5, "F0 | 18 {16 ^'x'}", MQTT_PROTOCOL_ERROR, NULL},
        {"the method twice", V5, "F0 | 18 {15 ^'m' 15 ^'m'}", MQTT_PROTOCOL_ERROR, NULL},
        {"an unknown reason [MQTT-3.15.2-1]", V5, "F0 | 01 {15 ^'m'}", MQTT_PROTOCOL_ERROR, NULL},
        {"a failure is no reason of AUTH", V5, "F0 | 87 {15 ^'m'}", MQTT_PROTOCOL_ERROR, NULL},
        {"bytes after the list", V5, "F0 | 18 {15 ^'m'} 00", MQTT_MALFORMED_PACKET, NULL},
        {"a property of CONNECT", V5, "F0 | 18 {15 ^'m' 11 00 00 00 01}", MQTT_MALFORMED_PACKET, NULL},
        {"no AUTH before MQTT 5", V3, "F0 |", MQTT_PROTOCOL_ERROR, NULL},
    };
    CHECK_ROWS(rows);
}

static void test_the_fields_of_a_disconnect_and_an_auth(void **state)
{
    (void)state;
    struct any_packet packet;
    uint8_t *data;
    decode_bytes("E0 | 04 {11 00 00 00 0A}", MQTT_5, &packet, &data);
    assert_int_equal(packet.disconnect.reason, MQTT_DISCONNECT_WITH_WILL);
    assert_int_equal(packet.disconnect.properties.session_expiry, 10);
    free(data);
    decode_bytes("E0 |", MQTT_5, &packet, &data);
    assert_int_equal(packet.disconnect.reason, MQTT_SUCCESS);
    assert_false(MQTT_HAS(&packet.disconnect.properties, MQTT_PROP_SESSION_EXPIRY));
    free(data);
    decode_bytes("F0 | 18 {15 ^'m' 16 ^'data'}", MQTT_5, &packet, &data);
    assert_int_equal(packet.disconnect.reason, MQTT_CONTINUE_AUTHENTICATION);
    assert_str(packet.disconnect.properties.auth_method, "m");
    assert_str(packet.disconnect.properties.auth_data, "data");
    free(data);
}

static void test_the_encoder_leaves_out_what_says_nothing(void **state)
{
    (void)state;
    struct row row = {.claim = "encoder"};
    struct buf written = {0};
    struct mqtt_properties properties;
    mqtt_properties_init(&properties);
    mqtt_encode_disconnect(&written, MQTT_5, MQTT_SUCCESS, &properties);
    mqtt_encode_disconnect(&written, MQTT_5, MQTT_SERVER_SHUTTING_DOWN, NULL);
    mqtt_encode_disconnect(&written, MQTT_3_1_1, MQTT_SERVER_SHUTTING_DOWN, NULL);
    mqtt_encode_auth(&written, MQTT_SUCCESS, NULL);
    mqtt_encode_ping(&written, MQTT_PINGREQ);
    mqtt_encode_ping(&written, MQTT_PINGRESP);
    assert_bytes(&row, &written, "E0 00 E0 01 8B E0 00 F0 00 C0 00 D0 00");
    buf_free(&written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pings),
        cmocka_unit_test(test_disconnects),
        cmocka_unit_test(test_auths),
        cmocka_unit_test(test_the_fields_of_a_disconnect_and_an_auth),
        cmocka_unit_test(test_the_encoder_leaves_out_what_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
