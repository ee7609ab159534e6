/* SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK (3.8 to 3.11). */
#include "bytes.h"

static void test_subscribes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"one filter", V5, "82 | 00 01 {} ^'a/b' 00", MQTT_SUCCESS, NULL},
        {"one filter, 3", V3, "82 | 00 01 ^'a/b' 02", MQTT_SUCCESS, NULL},
        {"three filters", V5, "82 | 00 01 {} ^'a' 00 ^'b/+' 01 ^'#' 02", MQTT_SUCCESS, NULL},
        {"three filters, 3", V3, "82 | 00 01 ^'a' 00 ^'b/+' 01 ^'#' 02", MQTT_SUCCESS, NULL},
        {"no local", V5, "82 | 00 01 {} ^'a' 04", MQTT_SUCCESS, NULL},
        {"retain as published", V5, "82 | 00 01 {} ^'a' 08", MQTT_SUCCESS, NULL},
        {"retain handling 2, all else", V5, "82 | 00 01 {} ^'a' 2E", MQTT_SUCCESS, NULL},
        {"properties", V5, "82 | 00 01 {0B 80 01 26 ^'k' ^'v'} ^'a' 10", MQTT_SUCCESS, NULL},
        {"the largest subscription identifier", V5, "82 | 00 01 {0B FF FF FF 7F} ^'a' 00", MQTT_SUCCESS,
         NULL},
        {"a shared subscription", V5, "82 | 00 01 {} ^'$share/g/a' 01", MQTT_SUCCESS, NULL},
        {"no local beside a look-alike", V5, "82 | 00 01 {} ^'$shared/g/a' 05", MQTT_SUCCESS, NULL},
        {"an invalid filter is answered in SUBACK", V5, "82 | 00 01 {} ^'a#/b' 00", MQTT_SUCCESS, NULL},
        {"an empty filter is answered in SUBACK", V3, "82 | 00 01 ^'' 00", MQTT_SUCCESS, NULL},
        {"3.1 does not use DUP", V31, "8A | 00 01 ^'a' 00", MQTT_SUCCESS, "82 | 00 01 ^'a' 00"},

        {"flags 0 [MQTT-3.8.1-1]", V311 | V5, "80 | 00 01 {} ^'a' 00", MQTT_MALFORMED_PACKET, NULL},
        {"DUP [MQTT-3.8.1-1]", V311 | V5, "8A | 00 01 {} ^'a' 00", MQTT_MALFORMED_PACKET, NULL},
        {"flags 3", V311 | V5, "83 | 00 01 {} ^'a' 00", MQTT_MALFORMED_PACKET, NULL},
        {"nothing", ALL, "82 |", MQTT_MALFORMED_PACKET, NULL},
        {"half a packet id", ALL, "82 | 00", MQTT_MALFORMED_PACKET, NULL},
        {"packet id 0 [MQTT-2.2.1-3]", V5, "82 | 00 00 {} ^'a' 00", MQTT_PROTOCOL_ERROR, NULL},
        {"packet id 0, 3", V3, "82 | 00 00 ^'a' 00", MQTT_PROTOCOL_ERROR, NULL},
        {"no property length", V5, "82 | 00 01", MQTT_MALFORMED_PACKET, NULL},
        {"no filter [MQTT-3.8.3-2]", V5, "82 | 00 01 {}", MQTT_PROTOCOL_ERROR, NULL},
        {"no filter, 3", V3, "82 | 00 01", MQTT_PROTOCOL_ERROR, NULL},
        {"no options", V5, "82 | 00 01 {} ^'a'", MQTT_MALFORMED_PACKET, NULL},
        {"no options, 3", V3, "82 | 00 01 ^'a'", MQTT_MALFORMED_PACKET, NULL},
        {"no options for the second", V5, "82 | 00 01 {} ^'a' 00 ^'b'", MQTT_MALFORMED_PACKET, NULL},
        {"half a length", V5, "82 | 00 01 {} ^'a' 00 00", MQTT_MALFORMED_PACKET, NULL},
        {"a filter past the end", V5, "82 | 00 01 {} 00 05 'a' 00", MQTT_MALFORMED_PACKET, NULL},
        {"not UTF-8 [MQTT-3.8.3-1]", V5, "82 | 00 01 {} ^(C3 28) 00", MQTT_MALFORMED_PACKET, NULL},
        {"U+0000 [MQTT-4.7.3-2]", V5, "82 | 00 01 {} ^('a' 00) 00", MQTT_MALFORMED_PACKET, NULL},
        {"reserved bit 6 [MQTT-3.8.3-5]", V5, "82 | 00 01 {} ^'a' 40", MQTT_MALFORMED_PACKET, NULL},
        {"reserved bit 7 [MQTT-3.8.3-5]", V5, "82 | 00 01 {} ^'a' 81", MQTT_MALFORMED_PACKET, NULL},
        {"options of MQTT 5, 3", V3, "82 | 00 01 ^'a' 04", MQTT_MALFORMED_PACKET, NULL},
        {"options of MQTT 5, 3", V3, "82 | 00 01 ^'a' 10", MQTT_MALFORMED_PACKET, NULL},
        {"QoS 3", V5, "82 | 00 01 {} ^'a' 03", MQTT_PROTOCOL_ERROR, NULL},
        {"QoS 3, 3", V3, "82 | 00 01 ^'a' 03", MQTT_MALFORMED_PACKET, NULL},
        {"retain handling 3", V5, "82 | 00 01 {} ^'a' 30", MQTT_PROTOCOL_ERROR, NULL},
        {"no local, shared [MQTT-3.8.3-4]", V5, "82 | 00 01 {} ^'$share/g/a' 04", MQTT_PROTOCOL_ERROR, NULL},
        {"no local, shared, second", V5, "82 | 00 01 {} ^'a' 04 ^'$share/g/#' 05", MQTT_PROTOCOL_ERROR, NULL},
        {"subscription identifier 0", V5, "82 | 00 01 {0B 00} ^'a' 00", MQTT_PROTOCOL_ERROR, NULL},
        {"two subscription identifiers", V5, "82 | 00 01 {0B 01 0B 02} ^'a' 00", MQTT_PROTOCOL_ERROR, NULL},
        {"a property of PUBLISH", V5, "82 | 00 01 {01 00} ^'a' 00", MQTT_MALFORMED_PACKET, NULL},
    };
    CHECK_ROWS(rows);
}

static void test_unsubscribes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"one filter", V5, "A2 | 00 01 {} ^'a/b'", MQTT_SUCCESS, NULL},
        {"one filter, 3", V3, "A2 | 00 01 ^'a/b'", MQTT_SUCCESS, NULL},
        {"three filters", V5, "A2 | FF FF {26 ^'k' ^'v'} ^'a' ^'' ^'#'", MQTT_SUCCESS, NULL},
        {"three filters, 3", V3, "A2 | FF FF ^'a' ^'' ^'#'", MQTT_SUCCESS, NULL},
        {"3.1 does not use DUP", V31, "AA | 00 01 ^'a'", MQTT_SUCCESS, "A2 | 00 01 ^'a'"},

        {"flags 0 [MQTT-3.10.1-1]", V311 | V5, "A0 | 00 01 {} ^'a'", MQTT_MALFORMED_PACKET, NULL},
        {"flags 6 [MQTT-3.10.1-1]", V311 | V5, "A6 | 00 01 {} ^'a'", MQTT_MALFORMED_PACKET, NULL},
        {"nothing", ALL, "A2 |", MQTT_MALFORMED_PACKET, NULL},
        {"packet id 0 [MQTT-2.2.1-3]", V5, "A2 | 00 00 {} ^'a'", MQTT_PROTOCOL_ERROR, NULL},
        {"packet id 0, 3", V3, "A2 | 00 00 ^'a'", MQTT_PROTOCOL_ERROR, NULL},
        {"no property length", V5, "A2 | 00 01", MQTT_MALFORMED_PACKET, NULL},
        {"no filter [MQTT-3.10.3-2]", V5, "A2 | 00 01 {}", MQTT_PROTOCOL_ERROR, NULL},
        {"no filter, 3", V3, "A2 | 00 01", MQTT_PROTOCOL_ERROR, NULL},
        {"half a length", V5, "A2 | 00 01 {} ^'a' 00", MQTT_MALFORMED_PACKET, NULL},
        {"a filter past the end", V3, "A2 | 00 01 00 02 'a'", MQTT_MALFORMED_PACKET, NULL},
        {"not UTF-8 [MQTT-3.10.3-1]", V5, "A2 | 00 01 {} ^'a' ^(FE)", MQTT_MALFORMED_PACKET, NULL},
        {"U+0000", V3, "A2 | 00 01 ^(00)", MQTT_MALFORMED_PACKET, NULL},
        {"a subscription identifier", V5, "A2 | 00 01 {0B 01} ^'a'", MQTT_MALFORMED_PACKET, NULL},
    };
    CHECK_ROWS(rows);
}

static void test_subacks_and_unsubacks(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"every answer, in order [MQTT-3.9.3-1] [MQTT-3.9.3-2]", V5,
         "90 | 00 01 {} 02 01 00 80 83 87 8F 91 97 9E A1 A2", MQTT_SUCCESS, NULL},
        {"every answer, 3", V3, "90 | 00 01 02 01 00 80", MQTT_SUCCESS, NULL},
        {"properties", V5, "90 | 00 01 {1F ^'why' 26 ^'k' ^'v'} 87", MQTT_SUCCESS, NULL},
        {"every answer of UNSUBACK [MQTT-3.11.3-1] [MQTT-3.11.3-2]", V5, "B0 | 00 01 {} 11 00 80 83 87 8F 91",
         MQTT_SUCCESS, NULL},
        {"UNSUBACK, 3", V3, "B0 | 00 01", MQTT_SUCCESS, NULL},

        {"flags", V311 | V5, "92 | 00 01 {} 00", MQTT_MALFORMED_PACKET, NULL},
        {"flags of UNSUBACK", V311 | V5, "B2 | 00 01", MQTT_MALFORMED_PACKET, NULL},
        {"nothing", ALL, "90 |", MQTT_MALFORMED_PACKET, NULL},
        {"packet id 0", ALL, "90 | 00 00 00 00", MQTT_PROTOCOL_ERROR, NULL},
        {"no property length", V5, "90 | 00 01", MQTT_MALFORMED_PACKET, NULL},
        {"no answer", V5, "90 | 00 01 {}", MQTT_PROTOCOL_ERROR, NULL},
        {"no answer, 3", V3, "90 | 00 01", MQTT_PROTOCOL_ERROR, NULL},
        {"no answer in UNSUBACK", V5, "B0 | 00 01 {}", MQTT_PROTOCOL_ERROR, NULL},
        {"an answer in UNSUBACK, 3", V3, "B0 | 00 01 00", MQTT_MALFORMED_PACKET, NULL},
        {"QoS 3 [MQTT-3.9.3-2]", ALL, "90 | 00 01 00 03", MQTT_PROTOCOL_ERROR, NULL},
        {"an answer of UNSUBACK", V5, "90 | 00 01 {} 11", MQTT_PROTOCOL_ERROR, NULL},
        {"an answer of SUBACK [MQTT-3.11.3-2]", V5, "B0 | 00 01 {} 01", MQTT_PROTOCOL_ERROR, NULL},
        {"an answer of MQTT 5, 3", V3, "90 | 00 01 87", MQTT_PROTOCOL_ERROR, NULL},
        {"a property of SUBSCRIBE", V5, "90 | 00 01 {0B 01} 00", MQTT_MALFORMED_PACKET, NULL},
    };
    CHECK_ROWS(rows);
}

static void test_the_filters_of_a_subscribe_come_in_order_with_their_options(void **state)
{
    (void)state;
    struct any_packet packet;
    uint8_t *data;
    decode_bytes("82 | 12 34 {0B 05} ^'a/b' 00 ^'+' 2D ^'' 12", MQTT_5, &packet, &data);
    const struct mqtt_subscribe *subscribe = &packet.subscribe;
    assert_int_equal(subscribe->packet_id, 0x1234);
    assert_int_equal(subscribe->count, 3);
    assert_int_equal(subscribe->properties.subscription_id, 5);
    struct mqtt_subscription one;
    size_t position = 0;
    assert_true(mqtt_subscribe_next(subscribe, &position, &one));
    assert_str(one.filter, "a/b");
    assert_false(one.qos || one.no_local || one.retain_as_published || one.retain_handling);
    assert_true(mqtt_subscribe_next(subscribe, &position, &one));
    assert_str(one.filter, "+");
    assert_int_equal(one.qos, 1);
    assert_true(one.no_local && one.retain_as_published); /* [MQTT-3.8.3-3] */
    assert_int_equal(one.retain_handling, 2);
    assert_true(mqtt_subscribe_next(subscribe, &position, &one));
    assert_int_equal(one.filter.len, 0);
    assert_int_equal(one.qos, 2);
    assert_false(one.no_local || one.retain_as_published);
    assert_int_equal(one.retain_handling, 1);
    assert_false(mqtt_subscribe_next(subscribe, &position, &one));
    assert_false(mqtt_subscribe_next(subscribe, &position, &one));
    free(data);
}

static void test_the_filters_of_an_unsubscribe_come_in_order(void **state)
{
    (void)state;
    struct any_packet packet;
    uint8_t *data;
    decode_bytes("A2 | 12 34 ^'a/b' ^'' ^'#'", MQTT_3_1_1, &packet, &data);
    struct str filter;
    size_t position = 0;
    assert_int_equal(packet.subscribe.packet_id, 0x1234);
    assert_int_equal(packet.subscribe.count, 3);
    assert_true(mqtt_unsubscribe_next(&packet.subscribe, &position, &filter));
    assert_str(filter, "a/b");
    assert_true(mqtt_unsubscribe_next(&packet.subscribe, &position, &filter));
    assert_str(filter, "");
    assert_true(mqtt_unsubscribe_next(&packet.subscribe, &position, &filter));
    assert_str(filter, "#");
    assert_false(mqtt_unsubscribe_next(&packet.subscribe, &position, &filter));
    free(data);
}

static void test_the_fields_of_a_suback(void **state)
{
    (void)state;
    struct any_packet packet;
    uint8_t *data;
    decode_bytes("90 | 12 34 {1F ^'why'} 02 87 00", MQTT_5, &packet,
                 &data); /* [MQTT-2.2.1-6] [MQTT-3.9.3-1] */
    assert_int_equal(packet.suback.packet_id, 0x1234);
    assert_true(str_equal(packet.suback.reasons, STR("\x02\x87\x00")));
    assert_str(packet.suback.properties.reason_string, "why");
    free(data);
    decode_bytes("B0 | 12 34", MQTT_3_1_1, &packet, &data);
    assert_int_equal(packet.suback.packet_id, 0x1234);
    assert_int_equal(packet.suback.reasons.len, 0);
    free(data);
}

static void test_the_encoder_fits_the_version(void **state)
{
    (void)state;
    const struct mqtt_subscription one = {
        .filter = STR("a"), .qos = 1, .no_local = true, .retain_as_published = true, .retain_handling = 2};
    static const uint8_t reasons[] = {2, MQTT_NOT_AUTHORIZED, MQTT_QUOTA_EXCEEDED};
    struct row row = {.claim = "encoder"};
    struct buf written = {0};
    mqtt_encode_subscribe(&written, MQTT_5, 1, NULL, &one, 1);
    assert_bytes(&row, &written, "82 | 00 01 {} ^'a' 2D");
    buf_reset(&written);
    mqtt_encode_subscribe(&written, MQTT_3_1_1, 1, NULL, &one, 1);
    assert_bytes(&row, &written, "82 | 00 01 ^'a' 01");
    buf_reset(&written);
    mqtt_encode_unsubscribe(&written, MQTT_5, 1, NULL, &one.filter, 1);
    assert_bytes(&row, &written, "A2 | 00 01 {} ^'a'");
    buf_reset(&written);
    mqtt_encode_suback(&written, MQTT_5, MQTT_SUBACK, 1, NULL, reasons, 3);
    assert_bytes(&row, &written, "90 | 00 01 {} 02 87 97");
    buf_reset(&written);
    mqtt_encode_suback(&written, MQTT_3_1_1, MQTT_SUBACK, 1, NULL, reasons, 3);
    assert_bytes(&row, &written, "90 | 00 01 02 80 80");
    buf_reset(&written);
    mqtt_encode_suback(&written, MQTT_3_1, MQTT_UNSUBACK, 1, NULL, reasons, 3);
    assert_bytes(&row, &written, "B0 | 00 01");
    buf_free(&written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subscribes),
        cmocka_unit_test(test_unsubscribes),
        cmocka_unit_test(test_subacks_and_unsubacks),
        cmocka_unit_test(test_the_filters_of_a_subscribe_come_in_order_with_their_options),
        cmocka_unit_test(test_the_filters_of_an_unsubscribe_come_in_order),
        cmocka_unit_test(test_the_fields_of_a_suback),
        cmocka_unit_test(test_the_encoder_fits_the_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
