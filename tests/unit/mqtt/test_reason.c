/* Reason codes: their texts, where each may stand (table 2-6), and the return codes of 3.1.1. */
#include "bytes.h"

static void test_every_reason_has_its_text(void **state)
{
    (void)state;
    size_t known = 0;
    for (unsigned reason = 0; reason < 256; reason++)
        known += strcmp(mqtt_reason_text((uint8_t)reason), "unknown reason") != 0;
    assert_int_equal(known, 43);
    assert_string_equal(mqtt_reason_text(MQTT_SUCCESS), "success");
    assert_string_equal(mqtt_reason_text(MQTT_WILDCARD_NOT_SUPPORTED),
                        "wildcard subscriptions not supported");
    assert_string_equal(mqtt_reason_text(0x03), "unknown reason");
    assert_string_equal(mqtt_reason_text(0xA3), "unknown reason");
}

static void test_a_connack_is_told_in_the_words_of_its_version(void **state)
{
    (void)state;
    assert_string_equal(mqtt_connack_text(MQTT_3_1, 0), "accepted");
    assert_string_equal(mqtt_connack_text(MQTT_3_1_1, 2), "client identifier rejected");
    assert_string_equal(mqtt_connack_text(MQTT_3_1_1, 5), "not authorized");
    assert_string_equal(mqtt_connack_text(MQTT_3_1_1, 6), "unknown return code");
    assert_string_equal(mqtt_connack_text(MQTT_3_1_1, MQTT_NOT_AUTHORIZED), "unknown return code");
    assert_string_equal(mqtt_connack_text(MQTT_5, MQTT_NOT_AUTHORIZED),
                        mqtt_reason_text(MQTT_NOT_AUTHORIZED));
    assert_string_equal(mqtt_connack_text(MQTT_5, 5), "unknown reason");
}

static void test_every_packet_type_has_its_name(void **state)
{
    (void)state;
    static const char *const names[] = {
        "unknown packet", "CONNECT",  "CONNACK",    "PUBLISH", "PUBACK",        "PUBREC",
        "PUBREL",         "PUBCOMP",  "SUBSCRIBE",  "SUBACK",  "UNSUBSCRIBE",   "UNSUBACK",
        "PINGREQ",        "PINGRESP", "DISCONNECT", "AUTH",    "unknown packet"};
    for (uint8_t type = 0; type <= 16; type++)
        assert_string_equal(mqtt_packet_name(type), names[type]);
}

/* A packet of `type` with `reason` in its place, and all else in order. */
static uint8_t decode_with_reason(uint8_t type, uint8_t reason)
{
    uint8_t connack[] = {0, reason, 0};
    uint8_t ack[] = {0, 1, reason};
    uint8_t suback[] = {0, 1, 0, reason};
    uint8_t disconnect[] = {reason};
    uint8_t auth[] = {reason, 4, MQTT_PROP_AUTH_METHOD, 0, 1, 'm'};
    struct mqtt_frame frame;
    struct any_packet packet;
    switch (type) {
    case MQTT_CONNACK: frame = frame_of(0x20, connack, sizeof connack); break;
    case MQTT_SUBACK:
    case MQTT_UNSUBACK: frame = frame_of((uint8_t)(type << 4), suback, sizeof suback); break;
    case MQTT_DISCONNECT: frame = frame_of(0xE0, disconnect, sizeof disconnect); break;
    case MQTT_AUTH: frame = frame_of(0xF0, auth, sizeof auth); break;
    default: frame = frame_of((uint8_t)(type << 4 | (type == MQTT_PUBREL ? 2 : 0)), ack, sizeof ack);
    }
    return any_decode(&frame, MQTT_5, &packet);
}

static void test_each_packet_takes_its_own_reason_codes_and_no_other(void **state)
{
    (void)state;
    static const struct {
        const char *statement;
        uint8_t type;
        const char *reasons; /* in the notation of bytes.h */
    } rows[] = {
        {"[MQTT-3.2.2-8]", MQTT_CONNACK, "00 80 81 82 83 84 85 86 87 88 89 8A 8C 90 95 97 99 9A 9B 9C 9D 9F"},
        {"[MQTT-3.4.2-1]", MQTT_PUBACK, "00 10 80 83 87 90 91 97 99"},
        {"[MQTT-3.5.2-1]", MQTT_PUBREC, "00 10 80 83 87 90 91 97 99"},
        {"[MQTT-3.6.2-1]", MQTT_PUBREL, "00 92"},
        {"[MQTT-3.7.2-1]", MQTT_PUBCOMP, "00 92"},
        {"[MQTT-3.9.3-2]", MQTT_SUBACK, "00 01 02 80 83 87 8F 91 97 9E A1 A2"},
        {"[MQTT-3.11.3-2]", MQTT_UNSUBACK, "00 11 80 83 87 8F 91"},
        {"[MQTT-3.14.2-1]", MQTT_DISCONNECT,
         "00 04 80 81 82 83 87 89 8B 8C 8D 8E 8F 90 93 94 95 96 97 98 99 9A 9B 9C 9D 9E 9F A0 A1 A2"},
        {"[MQTT-3.15.2-1]", MQTT_AUTH, "00 18 19"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len;
        uint8_t *allowed = exact_bytes(rows[i].reasons, &len);
        for (unsigned reason = 0; reason < 256; reason++) {
            uint8_t wanted = memchr(allowed, (int)reason, len) != NULL ? MQTT_SUCCESS : MQTT_PROTOCOL_ERROR;
            if (decode_with_reason(rows[i].type, (uint8_t)reason) != wanted)
                fail_msg("%s: 0x%02X in %s", rows[i].statement, reason, mqtt_packet_name(rows[i].type));
        }
        free(allowed);
    }
}

static void test_connack_code_of_version_3_for_every_reason(void **state)
{
    (void)state;
    static const struct {
        uint8_t reason, code;
    } rows[] = {
        {MQTT_SUCCESS, 0},           {MQTT_UNSUPPORTED_VERSION, 1},
        {MQTT_BAD_CLIENT_ID, 2},     {MQTT_SERVER_UNAVAILABLE, 3},
        {MQTT_SERVER_BUSY, 3},       {MQTT_QUOTA_EXCEEDED, 3},
        {MQTT_UNSPECIFIED_ERROR, 3}, {MQTT_BAD_CREDENTIALS, 4},
        {MQTT_NOT_AUTHORIZED, 5},    {MQTT_BANNED, 5},
        {MQTT_BAD_AUTH_METHOD, 5},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(mqtt_connack_code_v3(rows[i].reason), rows[i].code);
    for (unsigned reason = 0; reason < 256; reason++) {
        assert_true(mqtt_connack_code_v3((uint8_t)reason) <= 5);
        assert_true(reason < 0x80 ||
                    mqtt_connack_code_v3((uint8_t)reason) != 0); /* no failure becomes success */
    }
    for (uint8_t code = 0; code <= 5; code++)
        assert_int_equal(mqtt_connack_code_v3(code), code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_reason_has_its_text),
        cmocka_unit_test(test_a_connack_is_told_in_the_words_of_its_version),
        cmocka_unit_test(test_every_packet_type_has_its_name),
        cmocka_unit_test(test_each_packet_takes_its_own_reason_codes_and_no_other),
        cmocka_unit_test(test_connack_code_of_version_3_for_every_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
