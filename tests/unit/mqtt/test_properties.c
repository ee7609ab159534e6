/* Properties (2.2.2): every one of them in every list, twice, out of range and cut off at every byte. */
#include "bytes.h"

#define LIST_COUNT 9

/* One letter for each list, in the order of enum mqtt_property_list:
 * C CONNECT, W will, K CONNACK, P PUBLISH, A acknowledgements, S SUBSCRIBE, U UNSUBSCRIBE, D DISCONNECT, H AUTH. */
static const char list_letters[] = "CWKPASUDH";

/* Table 2-4 and the sections of each property. */
static const struct property_row {
    uint8_t id;
    const char *name;
    const char *lists;  /* where it may stand */
    const char *repeat; /* where it may stand twice */
    const char *before; /* what must come before it */
    const char *value;  /* a good value */
    const char *bad[4]; /* values that are refused … */
    uint8_t reason;     /* … with this */
} table[] = {
    {0x01, "Payload Format Indicator", "WP", "", "", "01", {"02", "FF"}, MQTT_PROTOCOL_ERROR},
    {0x02, "Message Expiry Interval", "WP", "", "", "00 00 00 3C", {NULL}, 0},
    {0x03,
     "Content Type",
     "WP",
     "",
     "",
     "^'text/plain'",
     {"^(FF)", "^('a' 00)", "^(ED A0 80)"},
     MQTT_MALFORMED_PACKET},
    {0x08, "Response Topic", "WP", "", "", "^'r/t'", {"^'#'", "^'r/+'", "^''"}, MQTT_PROTOCOL_ERROR},
    {0x09, "Correlation Data", "WP", "", "", "^(00 FF C3)", {NULL}, 0},
    {0x0B, "Subscription Identifier", "PS", "P", "", "80 01", {"00"}, MQTT_PROTOCOL_ERROR},
    {0x11, "Session Expiry Interval", "CKD", "", "", "FF FF FF FF", {NULL}, 0},
    {0x12, "Assigned Client Identifier", "K", "", "", "^'id'", {"^(C3 28)", "^(00)"}, MQTT_MALFORMED_PACKET},
    {0x13, "Server Keep Alive", "K", "", "", "00 3C", {NULL}, 0},
    {0x15, "Authentication Method", "CKH", "", "", "^'SCRAM'", {"^(80)", "^(00)"}, MQTT_MALFORMED_PACKET},
    {0x16, "Authentication Data", "CKH", "", "15 ^'m'", "^(00 FF)", {NULL}, 0},
    {0x17, "Request Problem Information", "C", "", "", "00", {"02", "80"}, MQTT_PROTOCOL_ERROR},
    {0x18, "Will Delay Interval", "W", "", "", "00 00 00 05", {NULL}, 0},
    {0x19, "Request Response Information", "C", "", "", "01", {"02", "FF"}, MQTT_PROTOCOL_ERROR},
    {0x1A, "Response Information", "K", "", "", "^'info'", {"^(FF)", "^(00)"}, MQTT_MALFORMED_PACKET},
    {0x1C, "Server Reference", "KD", "", "", "^'host'", {"^(FF)", "^(00)"}, MQTT_MALFORMED_PACKET},
    {0x1F, "Reason String", "KADH", "", "", "^'why'", {"^(FF)", "^(00)"}, MQTT_MALFORMED_PACKET},
    {0x21, "Receive Maximum", "CK", "", "", "00 14", {"00 00"}, MQTT_PROTOCOL_ERROR},
    {0x22, "Topic Alias Maximum", "CK", "", "", "00 0A", {NULL}, 0},
    {0x23, "Topic Alias", "P", "", "", "00 07", {"00 00"}, MQTT_BAD_TOPIC_ALIAS}, /* [MQTT-3.3.2-8] */
    {0x24, "Maximum QoS", "K", "", "", "01", {"02", "03"}, MQTT_PROTOCOL_ERROR},
    {0x25, "Retain Available", "K", "", "", "00", {"02"}, MQTT_PROTOCOL_ERROR},
    {0x26,
     "User Property",
     "CWKPASUDH",
     "CWKPASUDH",
     "",
     "^'key' ^'value'",
     {"^(FF) ^'v'", "^'k' ^(FF)", "^('k' 00) ^'v'", "^'k' ^(00)"}, /* [MQTT-1.5.7-1] */
     MQTT_MALFORMED_PACKET},
    {0x27, "Maximum Packet Size", "CK", "", "", "00 00 10 00", {"00 00 00 00"}, MQTT_PROTOCOL_ERROR},
    {0x28, "Wildcard Subscription Available", "K", "", "", "00", {"02"}, MQTT_PROTOCOL_ERROR},
    {0x29, "Subscription Identifiers Available", "K", "", "", "00", {"02"}, MQTT_PROTOCOL_ERROR},
    {0x2A, "Shared Subscription Available", "K", "", "", "00", {"02"}, MQTT_PROTOCOL_ERROR},
};

#define TABLE_COUNT (sizeof table / sizeof table[0])

static bool stands_in(const char *lists, unsigned list)
{
    return strchr(lists, list_letters[list]) != NULL;
}

/* Decodes out of a block of exactly the list's size. */
static uint8_t decode_list(const struct buf *bytes, unsigned list)
{
    struct mqtt_properties properties;
    uint8_t *copy = exact_copy(bytes->data, bytes->len);
    uint8_t reason = mqtt_properties_decode(copy, bytes->len, list, &properties);
    free(copy);
    return reason;
}

static void append_property(struct buf *out, uint8_t id, const char *value)
{
    buf_append_byte(out, id);
    parse_bytes(value, 0, out);
}

static void test_each_property_stands_in_its_own_lists_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        for (unsigned list = 0; list < LIST_COUNT; list++) {
            struct buf bytes = {0};
            bool allowed = stands_in(table[i].lists, list);
            if (allowed)
                parse_bytes(table[i].before, 0, &bytes);
            append_property(&bytes, table[i].id, table[i].value);
            uint8_t reason = decode_list(&bytes, list);
            if (reason != (allowed ? MQTT_SUCCESS : MQTT_MALFORMED_PACKET))
                fail_msg("%s in %c: %s", table[i].name, list_letters[list], mqtt_reason_text(reason));
            buf_free(&bytes);
        }
    }
}

static void test_a_property_comes_once_unless_it_may_repeat(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        for (unsigned list = 0; list < LIST_COUNT; list++) {
            if (!stands_in(table[i].lists, list))
                continue;
            struct buf bytes = {0};
            parse_bytes(table[i].before, 0, &bytes);
            append_property(&bytes, table[i].id, table[i].value);
            append_property(&bytes, MQTT_PROP_USER, "^'between' ^''");
            append_property(&bytes, table[i].id, table[i].value);
            uint8_t reason = decode_list(&bytes, list);
            if (reason != (stands_in(table[i].repeat, list) ? MQTT_SUCCESS : MQTT_PROTOCOL_ERROR))
                fail_msg("%s twice in %c: %s", table[i].name, list_letters[list], mqtt_reason_text(reason));
            buf_free(&bytes);
        }
    }
}

static void test_a_value_out_of_range_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        for (unsigned list = 0; list < LIST_COUNT; list++) {
            for (size_t bad = 0; bad < 4 && table[i].bad[bad] != NULL && stands_in(table[i].lists, list);
                 bad++) {
                struct buf bytes = {0};
                parse_bytes(table[i].before, 0, &bytes);
                append_property(&bytes, table[i].id, table[i].bad[bad]);
                uint8_t reason = decode_list(&bytes, list);
                if (reason != table[i].reason)
                    fail_msg("%s = %s: %s", table[i].name, table[i].bad[bad], mqtt_reason_text(reason));
                buf_free(&bytes);
            }
        }
    }
}

static void test_a_property_cut_off_at_any_byte_is_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        unsigned list = (unsigned)(strchr(list_letters, table[i].lists[0]) - list_letters);
        struct buf bytes = {0};
        parse_bytes(table[i].before, 0, &bytes);
        size_t start = bytes.len;
        append_property(&bytes, table[i].id, table[i].value);
        size_t whole = bytes.len;
        for (bytes.len = start + 1; bytes.len < whole; bytes.len++)
            if (decode_list(&bytes, list) != MQTT_MALFORMED_PACKET)
                fail_msg("%s with %zu of %zu bytes", table[i].name, bytes.len - start, whole - start);
        buf_free(&bytes);
    }
}

static void test_unknown_identifiers_are_malformed(void **state)
{
    (void)state;
    for (unsigned id = 0; id < 256; id++) {
        bool known = false;
        for (size_t i = 0; i < TABLE_COUNT; i++)
            known = known || table[i].id == id;
        for (unsigned list = 0; list < LIST_COUNT && !known; list++) {
            struct buf bytes = {0};
            buf_append_byte(&bytes, (uint8_t)id);
            parse_bytes("00*8", 0, &bytes);
            assert_int_equal(decode_list(&bytes, list), MQTT_MALFORMED_PACKET);
            buf_free(&bytes);
        }
    }
    /* An identifier in more bytes than it needs [MQTT-1.5.5-1]. */
    struct buf bytes = {0};
    parse_bytes("81 00 01", 0, &bytes);
    assert_int_equal(decode_list(&bytes, MQTT_LIST_PUBLISH), MQTT_MALFORMED_PACKET);
    buf_free(&bytes);
}

static void test_lists_that_are_refused_as_a_whole(void **state)
{
    (void)state;
    static const struct {
        enum mqtt_property_list list;
        const char *bytes;
        uint8_t reason;
    } rows[] = {
        {MQTT_LIST_CONNECT, "", MQTT_SUCCESS},
        {MQTT_LIST_CONNECT, "16 ^'data'", MQTT_PROTOCOL_ERROR},
        {MQTT_LIST_CONNACK, "16 ^'data'", MQTT_PROTOCOL_ERROR},
        {MQTT_LIST_AUTH, "16 ^''", MQTT_PROTOCOL_ERROR},
        {MQTT_LIST_CONNECT, "16 ^'data' 15 ^'m'", MQTT_SUCCESS}, /* in any order */
        {MQTT_LIST_PUBLISH, "0B 80 00", MQTT_MALFORMED_PACKET},  /* 0 in two bytes [MQTT-1.5.5-1] */
        {MQTT_LIST_PUBLISH, "0B 81 00", MQTT_MALFORMED_PACKET},  /* 1 in two bytes */
        {MQTT_LIST_PUBLISH, "0B FF FF FF FF 01", MQTT_MALFORMED_PACKET},
        {MQTT_LIST_PUBLISH, "0B FF FF FF 7F", MQTT_SUCCESS},
        {MQTT_LIST_PUBLISH, "01 00 00", MQTT_MALFORMED_PACKET},
        {MQTT_LIST_PUBLISH, "23 00 01 23 00 00", MQTT_PROTOCOL_ERROR},
        {MQTT_LIST_PUBLISH, "09 ^(00*65535)", MQTT_SUCCESS},
        {MQTT_LIST_PUBLISH, "03 ^(61*65535)", MQTT_SUCCESS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf bytes = {0};
        parse_bytes(rows[i].bytes, 0, &bytes);
        uint8_t reason = decode_list(&bytes, rows[i].list);
        if (reason != rows[i].reason)
            fail_msg("%s: %s", rows[i].bytes, mqtt_reason_text(reason));
        buf_free(&bytes);
    }
}

static void assert_defaults(const struct mqtt_properties *properties)
{
    assert_int_equal(properties->has, 0);
    assert_int_equal(properties->payload_format, 0);
    assert_int_equal(properties->request_problem_info, 1);
    assert_int_equal(properties->request_response_info, 0);
    assert_int_equal(properties->maximum_qos, 2);
    assert_int_equal(properties->retain_available, 1);
    assert_int_equal(properties->wildcard_available, 1);
    assert_int_equal(properties->subscription_id_available, 1);
    assert_int_equal(properties->shared_available, 1);
    assert_int_equal(properties->server_keep_alive, 0);
    assert_int_equal(properties->receive_maximum, 65535);
    assert_int_equal(properties->topic_alias_maximum, 0);
    assert_int_equal(properties->topic_alias, 0);
    assert_int_equal(properties->message_expiry, 0);
    assert_int_equal(properties->session_expiry, 0);
    assert_int_equal(properties->will_delay, 0);
    assert_int_equal(properties->maximum_packet_size, UINT32_MAX);
    assert_int_equal(properties->subscription_id, 0);
    assert_int_equal(properties->content_type.len + properties->response_topic.len, 0);
    assert_int_equal(properties->user_encoded.len, 0);
}

static void test_what_is_absent_has_its_default(void **state)
{
    (void)state;
    struct mqtt_properties properties;
    memset(&properties, 0xFF, sizeof properties);
    mqtt_properties_init(&properties);
    assert_defaults(&properties);
    for (unsigned list = 0; list < LIST_COUNT; list++) {
        memset(&properties, 0xFF, sizeof properties);
        assert_int_equal(mqtt_properties_decode(NULL, 0, list, &properties), MQTT_SUCCESS);
        assert_defaults(&properties);
        assert_int_equal(properties.raw.len, 0);
    }
}

static void test_each_value_reaches_its_own_field(void **state)
{
    (void)state;
    struct buf bytes = {0};
    struct mqtt_properties p;
    parse_bytes("11 00 00 0E 10 15 ^'m' 16 ^'d' 17 00 19 01 21 00 14 22 00 0A 27 00 01 00 00", 0, &bytes);
    assert_int_equal(mqtt_properties_decode(bytes.data, bytes.len, MQTT_LIST_CONNECT, &p), MQTT_SUCCESS);
    assert_int_equal(p.session_expiry, 3600);
    assert_str(p.auth_method, "m");
    assert_str(p.auth_data, "d");
    assert_int_equal(p.request_problem_info, 0);
    assert_int_equal(p.request_response_info, 1);
    assert_int_equal(p.receive_maximum, 20);
    assert_int_equal(p.topic_alias_maximum, 10);
    assert_int_equal(p.maximum_packet_size, 65536);
    assert_true(MQTT_HAS(&p, MQTT_PROP_SESSION_EXPIRY) && !MQTT_HAS(&p, MQTT_PROP_USER));
    assert_true(p.raw.data == (const char *)bytes.data && p.raw.len == bytes.len);

    buf_reset(&bytes);
    parse_bytes("12 ^'id' 13 01 02 1A ^'ri' 1C ^'sr' 1F ^'rs' 24 01 25 00 28 00 29 00 2A 00", 0, &bytes);
    assert_int_equal(mqtt_properties_decode(bytes.data, bytes.len, MQTT_LIST_CONNACK, &p), MQTT_SUCCESS);
    assert_str(p.assigned_client_id, "id");
    assert_int_equal(p.server_keep_alive, 258);
    assert_str(p.response_info, "ri");
    assert_str(p.server_reference, "sr");
    assert_str(p.reason_string, "rs");
    assert_int_equal(p.maximum_qos, 1);
    assert_int_equal(p.retain_available + p.wildcard_available, 0);
    assert_int_equal(p.subscription_id_available + p.shared_available, 0);

    buf_reset(&bytes);
    parse_bytes("01 01 02 01 02 03 04 03 ^'ct' 08 ^'rt' 09 ^'cd' 0B 80 01 0B 05 23 00 07", 0, &bytes);
    assert_int_equal(mqtt_properties_decode(bytes.data, bytes.len, MQTT_LIST_PUBLISH, &p), MQTT_SUCCESS);
    assert_int_equal(p.payload_format, 1);
    assert_int_equal(p.message_expiry, 0x01020304);
    assert_str(p.content_type, "ct");
    assert_str(p.response_topic, "rt");
    assert_str(p.correlation_data, "cd");
    assert_int_equal(p.subscription_id, 128); /* the first one */
    assert_int_equal(p.topic_alias, 7);

    buf_reset(&bytes);
    parse_bytes("18 00 00 00 05", 0, &bytes);
    assert_int_equal(mqtt_properties_decode(bytes.data, bytes.len, MQTT_LIST_WILL, &p), MQTT_SUCCESS);
    assert_int_equal(p.will_delay, 5);
    buf_free(&bytes);
}

static void test_user_properties_keep_their_order(void **state) /* [MQTT-3.1.3-10] [MQTT-3.3.2-18] */
{
    (void)state;
    static const char *const pairs[][2] = {{"b", "2"}, {"a", "1"}, {"b", "2"}, {"", ""}};
    struct buf bytes = {0};
    struct mqtt_properties properties;
    struct str key, value;
    uint32_t id;
    /* Every kind of property lies between them. */
    parse_bytes(
        "01 01 26 ^'b' ^'2' 0B 80 01 02 00 00 00 01 26 ^'a' ^'1' 03 ^'t' 26 ^'b' ^'2' 23 00 26 09 ^(26) 0B 26"
        " 26 ^'' ^'' 0B 01",
        0, &bytes);
    uint8_t *copy = exact_copy(bytes.data, bytes.len);
    assert_int_equal(mqtt_properties_decode(copy, bytes.len, MQTT_LIST_PUBLISH, &properties), MQTT_SUCCESS);
    size_t position = 0;
    for (size_t i = 0; i < 4; i++) {
        assert_true(mqtt_user_property_next(properties.raw, &position, &key, &value));
        assert_str(key, pairs[i][0]);
        assert_str(value, pairs[i][1]);
    }
    assert_false(mqtt_user_property_next(properties.raw, &position, &key, &value));
    assert_false(mqtt_user_property_next(properties.raw, &position, &key, &value));

    static const uint32_t ids[] = {128, 38, 1};
    position = 0;
    for (size_t i = 0; i < 3; i++) {
        assert_true(mqtt_subscription_id_next(properties.raw, &position, &id));
        assert_int_equal(id, ids[i]);
    }
    assert_false(mqtt_subscription_id_next(properties.raw, &position, &id));
    assert_false(mqtt_subscription_id_next(properties.raw, &position, &id));
    free(copy);
    buf_free(&bytes);
}

static void test_a_property_of_fixed_length_is_found_in_place(void **state)
{
    (void)state;
    static const struct {
        uint8_t id;
        size_t at, size;
    } rows[] = {
        {MQTT_PROP_MESSAGE_EXPIRY, 11, 4},
        {MQTT_PROP_TOPIC_ALIAS, 19, 2},
        {MQTT_PROP_PAYLOAD_FORMAT, 22, 1},
        {MQTT_PROP_WILL_DELAY, 0, 0},
    };
    struct buf bytes = {0};
    parse_bytes("03 ^(02 02) 26 ^'' ^'' 02 00 00 00 3C 0B 80 01 23 00 07 01 01", 0, &bytes);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t size = 0;
        assert_int_equal(mqtt_property_find(buf_str(&bytes), rows[i].id, &size), rows[i].at);
        assert_int_equal(size, rows[i].size);
        if (rows[i].at > 0)
            assert_int_equal(bytes.data[rows[i].at - 1], rows[i].id);
    }
    buf_free(&bytes);
}

static void test_the_encoder_writes_what_is_there_and_user_properties_last(void **state)
{
    (void)state;
    struct row row = {.claim = "properties"};
    struct buf user = {0}, written = {0};
    struct mqtt_properties properties;
    mqtt_properties_init(&properties);
    mqtt_properties_encode(&written, &properties);
    assert_bytes(&row, &written, "00"); /* [MQTT-2.2.2-1] */

    mqtt_user_property_append(&user, STR("k"), STR("v"));
    mqtt_user_property_append(&user, STR_NONE, STR("w"));
    properties.user_encoded = buf_str(&user);
    properties.has = UINT64_C(1) << MQTT_PROP_SUBSCRIPTION_ID | UINT64_C(1) << MQTT_PROP_CONTENT_TYPE |
                     UINT64_C(1) << MQTT_PROP_TOPIC_ALIAS | UINT64_C(1) << MQTT_PROP_USER;
    properties.subscription_id = 128;
    properties.content_type = STR("t");
    properties.topic_alias = 7;
    properties.message_expiry = 99; /* without its bit: not written */
    buf_reset(&written);
    mqtt_properties_encode(&written, &properties);
    assert_bytes(&row, &written, "{03 ^'t' 0B 80 01 23 00 07 26 ^'k' ^'v' 26 ^'' ^'w'}");
    properties.has = 0;
    buf_reset(&written);
    mqtt_properties_encode(&written, &properties);
    assert_bytes(&row, &written, "{26 ^'k' ^'v' 26 ^'' ^'w'}");
    buf_free(&written);
    buf_free(&user);
}

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_COUNT; i++)
        assert_string_equal(mqtt_property_name(table[i].id), table[i].name);
    assert_string_equal(mqtt_property_name(0), "unknown property");
    assert_string_equal(mqtt_property_name(0x2B), "unknown property");
    assert_string_equal(mqtt_property_name(255), "unknown property");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_property_stands_in_its_own_lists_alone),
        cmocka_unit_test(test_a_property_comes_once_unless_it_may_repeat),
        cmocka_unit_test(test_a_value_out_of_range_is_refused),
        cmocka_unit_test(test_a_property_cut_off_at_any_byte_is_malformed),
        cmocka_unit_test(test_unknown_identifiers_are_malformed),
        cmocka_unit_test(test_lists_that_are_refused_as_a_whole),
        cmocka_unit_test(test_what_is_absent_has_its_default),
        cmocka_unit_test(test_each_value_reaches_its_own_field),
        cmocka_unit_test(test_user_properties_keep_their_order),
        cmocka_unit_test(test_a_property_of_fixed_length_is_found_in_place),
        cmocka_unit_test(test_the_encoder_writes_what_is_there_and_user_properties_last),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
