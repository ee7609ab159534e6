/* PUBACK, PUBREC, PUBREL, PUBCOMP (3.4 to 3.7): long and short forms. */
#include "bytes.h"

static void test_acknowledgements(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"two bytes: success", ALL, "40 | 00 01", MQTT_SUCCESS, NULL},
        {"PUBREC", ALL, "50 | FF FF", MQTT_SUCCESS, NULL},
        {"PUBREL [MQTT-3.6.1-1]", ALL, "62 | 00 01", MQTT_SUCCESS, NULL},
        {"PUBCOMP", ALL, "70 | 00 01", MQTT_SUCCESS, NULL},
        {"three bytes: a reason", V5, "40 | 00 01 10", MQTT_SUCCESS, NULL},
        {"PUBREC with a reason", V5, "50 | 00 01 97", MQTT_SUCCESS, NULL},
        {"PUBREL with a reason", V5, "62 | 00 01 92", MQTT_SUCCESS, NULL},
        {"PUBCOMP with a reason", V5, "70 | 00 01 92", MQTT_SUCCESS, NULL},
        {"success said with a byte", V5, "40 | 00 01 00", MQTT_SUCCESS, "40 | 00 01"},
        {"an empty list", V5, "40 | 00 01 87 {}", MQTT_SUCCESS, "40 | 00 01 87"},
        {"an empty list after success", V5, "62 | 00 01 00 {}", MQTT_SUCCESS, "62 | 00 01"},
        {"properties", V5, "40 | 00 01 80 {1F ^'why' 26 ^'k' ^'v'}", MQTT_SUCCESS, NULL},
        {"properties after success", V5, "70 | 00 01 00 {26 ^'k' ^'v'}", MQTT_SUCCESS, NULL},
        {"3.1 does not use the flags", V31, "6A | 00 01", MQTT_SUCCESS, "62 | 00 01"},

        {"PUBREL with flags 0 [MQTT-3.6.1-1]", V311 | V5, "60 | 00 01", MQTT_MALFORMED_PACKET, NULL},
        {"PUBREL with DUP [MQTT-3.6.1-1]", V311 | V5, "6A | 00 01", MQTT_MALFORMED_PACKET, NULL},
        {"PUBREL with flags 3", V311 | V5, "63 | 00 01", MQTT_MALFORMED_PACKET, NULL},
        {"PUBACK with flags [MQTT-2.1.3-1]", V311 | V5, "42 | 00 01", MQTT_MALFORMED_PACKET, NULL},
        {"PUBREC with flags", V311 | V5, "51 | 00 01", MQTT_MALFORMED_PACKET, NULL},
        {"PUBCOMP with flags", V311 | V5, "78 | 00 01", MQTT_MALFORMED_PACKET, NULL},
        {"nothing", ALL, "40 |", MQTT_MALFORMED_PACKET, NULL},
        {"half a packet id", ALL, "62 | 00", MQTT_MALFORMED_PACKET, NULL},
        {"packet id 0", ALL, "40 | 00 00", MQTT_PROTOCOL_ERROR, NULL},
        {"three bytes before MQTT 5", V3, "40 | 00 01 00", MQTT_MALFORMED_PACKET, NULL},
        {"a reason of another packet [MQTT-3.4.2-1]", V5, "40 | 00 01 92", MQTT_PROTOCOL_ERROR, NULL},
        {"a reason of another packet [MQTT-3.6.2-1]", V5, "62 | 00 01 10", MQTT_PROTOCOL_ERROR, NULL},
        {"a list past the end", V5, "40 | 00 01 00 05 1F", MQTT_MALFORMED_PACKET, NULL},
        {"bytes after the list", V5, "40 | 00 01 00 {} 00", MQTT_MALFORMED_PACKET, NULL},
        {"a property of CONNACK", V5, "40 | 00 01 00 {24 01}", MQTT_MALFORMED_PACKET, NULL},
        {"the reason string twice", V5, "40 | 00 01 00 {1F ^'a' 1F ^'a'}", MQTT_PROTOCOL_ERROR, NULL},
        {"a reason string that is not UTF-8", V5, "40 | 00 01 00 {1F ^(FF)}", MQTT_MALFORMED_PACKET, NULL},
    };
    CHECK_ROWS(rows);
}

static void test_the_fields_of_an_acknowledgement(void **state)
{
    (void)state;
    struct any_packet packet;
    uint8_t *data;
    decode_bytes("50 | 12 34 87 {1F ^'denied'}", MQTT_5, &packet, &data); /* [MQTT-2.2.1-5] */
    assert_int_equal(packet.ack.packet_id, 0x1234);
    assert_int_equal(packet.ack.reason, MQTT_NOT_AUTHORIZED);
    assert_str(packet.ack.properties.reason_string, "denied");
    free(data);
    decode_bytes("50 | 12 34", MQTT_3_1_1, &packet, &data);
    assert_int_equal(packet.ack.reason, MQTT_SUCCESS);
    assert_int_equal(packet.ack.properties.has, 0);
    free(data);
}

static void test_the_encoder_leaves_out_what_says_nothing(void **state)
{
    (void)state;
    struct mqtt_properties none, reason;
    mqtt_properties_init(&none);
    mqtt_properties_init(&reason);
    reason.has = UINT64_C(1) << MQTT_PROP_REASON_STRING;
    reason.reason_string = STR("no");
    const struct {
        uint8_t version, type, reason;
        const struct mqtt_properties *properties;
        const char *bytes;
    } rows[] = {
        {MQTT_5, MQTT_PUBACK, MQTT_SUCCESS, NULL, "40 | 00 09"},
        {MQTT_5, MQTT_PUBACK, MQTT_SUCCESS, &none, "40 | 00 09"},
        {MQTT_5, MQTT_PUBREC, MQTT_QUOTA_EXCEEDED, NULL, "50 | 00 09 97"},
        {MQTT_5, MQTT_PUBREL, MQTT_SUCCESS, &reason, "62 | 00 09 00 {1F ^'no'}"},
        {MQTT_3_1_1, MQTT_PUBREC, MQTT_QUOTA_EXCEEDED, &reason, "50 | 00 09"},
        {MQTT_3_1, MQTT_PUBCOMP, MQTT_SUCCESS, NULL, "70 | 00 09"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf written = {0};
        struct row row = {.claim = "acknowledgement"};
        mqtt_encode_ack(&written, rows[i].version, rows[i].type, 9, rows[i].reason, rows[i].properties);
        assert_bytes(&row, &written, rows[i].bytes);
        buf_free(&written);
    }
}

static void test_the_short_form_is_the_same_as_the_encoders(void **state)
{
    (void)state;
    for (uint8_t type = MQTT_PUBACK; type <= MQTT_PUBCOMP; type++) {
        uint8_t out[MQTT_ACK_SHORT_BYTES];
        struct buf written = {0};
        assert_ptr_equal(mqtt_ack_write(out, type, 0xABCD), out + sizeof out);
        mqtt_encode_ack(&written, MQTT_5, type, 0xABCD, MQTT_SUCCESS, NULL);
        assert_int_equal(written.len, sizeof out);
        assert_memory_equal(written.data, out, sizeof out);
        buf_free(&written);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acknowledgements),
        cmocka_unit_test(test_the_fields_of_an_acknowledgement),
        cmocka_unit_test(test_the_encoder_leaves_out_what_says_nothing),
        cmocka_unit_test(test_the_short_form_is_the_same_as_the_encoders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
