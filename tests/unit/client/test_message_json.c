/* A message as JSON. */
#include "harness.h"

#include "client/command_internal.h"

static void assert_json(uint8_t version, const struct client_message *message, const char *expected)
{
    struct buf out = {0};
    message_json(&out, version, message);
    assert_string_equal(buf_cstr(&out), expected);
    buf_free(&out);
}

static struct client_message message_of(const char *topic, struct str payload)
{
    struct client_message message = {.topic = str_of(topic), .payload = payload, .qos = 1};
    mqtt_properties_init(&message.properties);
    return message;
}

static void test_text_is_payload_and_bytes_are_base64(void **state)
{
    (void)state;
    struct client_message text = message_of("a/\"b\"", STR("line\nsecond \xC3\xA4"));
    struct client_message bytes = message_of("a", STR("\xFF\x00"));
    text.retain = true;
    assert_json(
        MQTT_3_1_1, &text,
        "{\"topic\":\"a/\\\"b\\\"\",\"qos\":1,\"retain\":true,\"payload\":\"line\\nsecond \xC3\xA4\"}\n");
    assert_json(MQTT_3_1_1, &bytes,
                "{\"topic\":\"a\",\"qos\":1,\"retain\":false,\"payload_base64\":\"/wA=\"}\n");
}

static void test_mqtt_5_tells_what_properties_there_are(void **state)
{
    (void)state;
    static const uint8_t list[] = "\x01\x01"             /* payload format */
                                  "\x02\x00\x00\x00\x3C" /* message expiry 60 */
                                  "\x03\x00\x01t"        /* content type */
                                  "\x08\x00\x01r"        /* response topic */
                                  "\x09\x00\x02\xFF\xFE" /* correlation data */
                                  "\x0B\x05\x0B\x07"     /* subscription ids */
                                  "\x26\x00\x01k\x00\x01v\x26\x00\x01k\x00\x01w";
    struct client_message none = message_of("a", STR("x"));
    struct client_message full = message_of("a", STR("x"));
    assert_json(MQTT_5, &none,
                "{\"topic\":\"a\",\"qos\":1,\"retain\":false,\"payload\":\"x\",\"properties\":{}}\n");
    assert_int_equal(mqtt_properties_decode(list, sizeof list - 1, MQTT_LIST_PUBLISH, &full.properties),
                     MQTT_SUCCESS);
    assert_json(MQTT_5, &full,
                "{\"topic\":\"a\",\"qos\":1,\"retain\":false,\"payload\":\"x\",\"properties\":{"
                "\"payload_format\":1,\"message_expiry\":60,\"content_type\":\"t\",\"response_topic\":\"r\","
                "\"correlation_data_base64\":\"//4=\",\"subscription_ids\":[5,7],"
                "\"user_properties\":[{\"key\":\"k\",\"value\":\"v\"},{\"key\":\"k\",\"value\":\"w\"}]}}\n");
}

RUN_TESTS(cmocka_unit_test(test_text_is_payload_and_bytes_are_base64),
          cmocka_unit_test(test_mqtt_5_tells_what_properties_there_are))
