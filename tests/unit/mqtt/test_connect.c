/* CONNECT and CONNACK (3.1, 3.2) in the three versions. */
#include "bytes.h"

#define V5_HEAD  "10 | ^'MQTT' 05 "
#define V4_HEAD  "10 | ^'MQTT' 04 "
#define V31_HEAD "10 | ^'MQIsdp' 03 "

static void test_connects_that_are_accepted(void **state)
{
    (void)state;
    static const struct row rows[] = {
        /* MQTT 5. Keep alive 60 everywhere. */
        {"the shortest one; an empty client id is the server's to replace [MQTT-3.1.3-6]", V5,
         V5_HEAD "00 00 3C {} ^''", MQTT_SUCCESS, NULL},
        {"clean start, client id [MQTT-3.1.3-3]", V5, V5_HEAD "02 00 3C {} ^'client'", MQTT_SUCCESS, NULL},
        {"the 62 characters, 23 bytes [MQTT-3.1.3-5]", V5, V5_HEAD "02 00 3C {} ^'0123456789abcdefghijklm'",
         MQTT_SUCCESS, NULL},
        {"a client id of 65,535 bytes", V5, V5_HEAD "02 00 3C {} ^(61*65535)", MQTT_SUCCESS, NULL},
        {"user name [MQTT-3.1.2-17]", V5, V5_HEAD "82 00 3C {} ^'c' ^'user'", MQTT_SUCCESS, NULL},
        {"an empty user name is one", V5, V5_HEAD "82 00 3C {} ^'c' ^''", MQTT_SUCCESS, NULL},
        {"password without user name", V5, V5_HEAD "42 00 3C {} ^'c' ^(00 FF)", MQTT_SUCCESS, NULL},
        {"both [MQTT-3.1.2-19]", V5, V5_HEAD "C2 00 3C {} ^'c' ^'user' ^'pass'", MQTT_SUCCESS, NULL},
        {"will [MQTT-3.1.2-9]", V5, V5_HEAD "06 00 3C {} ^'c' {} ^'w/t' ^'gone'", MQTT_SUCCESS, NULL},
        {"will QoS 1 [MQTT-3.1.2-12]", V5, V5_HEAD "0E 00 3C {} ^'c' {} ^'w' ^''", MQTT_SUCCESS, NULL},
        {"will QoS 2, retained", V5, V5_HEAD "36 00 3C {} ^'c' {} ^'w' ^(00)", MQTT_SUCCESS, NULL},
        {"everything, in order [MQTT-3.1.3-1]", V5,
         V5_HEAD "F6 FF FF {11 00 00 0E 10 15 ^'m' 16 ^(00) 17 00 19 01 21 00 14 22 00 0A 27 00 01 00 00"
                 " 26 ^'k' ^'v'} ^'c' {01 01 02 00 00 00 09 03 ^'text' 08 ^'r/t' 09 ^(01 02) 18 00 00 00 05"
                 " 26 ^'a' ^'1' 26 ^'b' ^'2'} ^'w/t' ^(FF FE) ^'user' ^(00 01)",
         MQTT_SUCCESS, NULL},
        {"a client id outside ASCII, with U+FEFF kept [MQTT-1.5.4-3] [MQTT-3.1.3-4]", V5,
         V5_HEAD "02 00 3C {} ^(EF BB BF C3 A9)", MQTT_SUCCESS, NULL},
        /* 3.1.1 */
        {"3.1.1", V311, V4_HEAD "02 00 3C ^'c'", MQTT_SUCCESS, NULL},
        {"3.1.1, empty client id, clean session", V311, V4_HEAD "02 00 00 ^''", MQTT_SUCCESS, NULL},
        {"3.1.1, kept session", V311, V4_HEAD "00 00 00 ^'c'", MQTT_SUCCESS, NULL},
        {"3.1.1, everything", V311, V4_HEAD "EE 00 3C ^'c' ^'w/t' ^'gone' ^'user' ^'pass'", MQTT_SUCCESS,
         NULL},
        {"3.1.1, user name alone", V311, V4_HEAD "82 00 3C ^'c' ^'user'", MQTT_SUCCESS, NULL},
        {"3.1.1 from a bridge", V311, "10 | ^'MQTT' 84 02 00 3C ^'c'", MQTT_SUCCESS, NULL},
        /* 3.1 */
        {"3.1", V31, V31_HEAD "02 00 3C ^'c'", MQTT_SUCCESS, NULL},
        {"3.1 from a bridge", V31, "10 | ^'MQIsdp' 83 02 00 3C ^'c'", MQTT_SUCCESS, NULL},
        {"3.1, a client id over 23 bytes", V31, V31_HEAD "02 00 3C ^(61*24)", MQTT_SUCCESS, NULL},
        {"3.1, everything", V31, V31_HEAD "F6 00 3C ^'c' ^'w/t' ^'gone' ^'user' ^'pass'", MQTT_SUCCESS, NULL},
        {"3.1 gives the reserved bit no meaning", V31, V31_HEAD "03 00 3C ^'c'", MQTT_SUCCESS,
         V31_HEAD "02 00 3C ^'c'"},
        {"3.1 ignores will QoS and retain without a will", V31, V31_HEAD "2A 00 3C ^'c'", MQTT_SUCCESS,
         V31_HEAD "02 00 3C ^'c'"},
        {"3.1 does not use the flags of the fixed header", V31, "17 | ^'MQIsdp' 03 02 00 3C ^'c'",
         MQTT_SUCCESS, V31_HEAD "02 00 3C ^'c'"},
        {"3.1, user name and password announced and missing", V31, V31_HEAD "C2 00 3C ^'c'", MQTT_SUCCESS,
         V31_HEAD "02 00 3C ^'c'"},
        {"3.1, password announced and missing", V31, V31_HEAD "C2 00 3C ^'c' ^'user'", MQTT_SUCCESS,
         V31_HEAD "82 00 3C ^'c' ^'user'"},
    };
    CHECK_ROWS(rows);
}

static void test_connects_that_are_refused(void **state)
{
    (void)state;
    static const struct row rows[] = {
        /* Name and level [MQTT-3.1.2-1] [MQTT-3.1.2-2] */
        {"wrong name [MQTT-3.1.2-1]", ALL, "10 | ^'MQTx' 05 02 00 3C {} ^'c'", MQTT_UNSUPPORTED_VERSION,
         NULL},
        {"wrong case", ALL, "10 | ^'mqtt' 05 02 00 3C {} ^'c'", MQTT_UNSUPPORTED_VERSION, NULL},
        {"empty name", ALL, "10 | ^'' 05 02 00 3C {} ^'c'", MQTT_UNSUPPORTED_VERSION, NULL},
        {"longer name", ALL, "10 | ^'MQTTX' 05 02 00 3C {} ^'c'", MQTT_UNSUPPORTED_VERSION, NULL},
        {"level 6 [MQTT-3.1.2-2]", ALL, "10 | ^'MQTT' 06 02 00 3C {} ^'c'", MQTT_UNSUPPORTED_VERSION, NULL},
        {"level 0", ALL, "10 | ^'MQTT' 00 02 00 3C ^'c'", MQTT_UNSUPPORTED_VERSION, NULL},
        {"level 3 under the new name", ALL, "10 | ^'MQTT' 03 02 00 3C ^'c'", MQTT_UNSUPPORTED_VERSION, NULL},
        {"level 4 under the old name", ALL, "10 | ^'MQIsdp' 04 02 00 3C ^'c'", MQTT_UNSUPPORTED_VERSION,
         NULL},
        {"level 5 has no bridge bit", ALL, "10 | ^'MQTT' 85 02 00 3C {} ^'c'", MQTT_UNSUPPORTED_VERSION,
         NULL},
        {"an unknown level with nothing after it", ALL, "10 | ^'MQTT' 09", MQTT_UNSUPPORTED_VERSION, NULL},
        /* Flags */
        {"fixed header flags [MQTT-2.1.3-1]", V5, "11 | ^'MQTT' 05 02 00 3C {} ^'c'", MQTT_MALFORMED_PACKET,
         NULL},
        {"fixed header flags", V5, "18 | ^'MQTT' 05 02 00 3C {} ^'c'", MQTT_MALFORMED_PACKET, NULL},
        {"fixed header flags, 3.1.1", V311, "12 | ^'MQTT' 04 02 00 3C ^'c'", MQTT_MALFORMED_PACKET, NULL},
        {"reserved flag [MQTT-3.1.2-3]", V5, V5_HEAD "03 00 3C {} ^'c'", MQTT_MALFORMED_PACKET, NULL},
        {"reserved flag, 3.1.1", V311, V4_HEAD "03 00 3C ^'c'", MQTT_MALFORMED_PACKET, NULL},
        {"will QoS 3 [MQTT-3.1.2-12]", V5, V5_HEAD "1E 00 3C {} ^'c' {} ^'w' ^''", MQTT_MALFORMED_PACKET,
         NULL},
        {"will QoS 3, 3.1.1", V311, V4_HEAD "1E 00 3C ^'c' ^'w' ^''", MQTT_MALFORMED_PACKET, NULL},
        {"will QoS 3, 3.1", V31, V31_HEAD "1E 00 3C ^'c' ^'w' ^''", MQTT_MALFORMED_PACKET, NULL},
        {"will QoS without will [MQTT-3.1.2-11]", V5, V5_HEAD "0A 00 3C {} ^'c'", MQTT_MALFORMED_PACKET,
         NULL},
        {"will QoS without will, 3.1.1", V311, V4_HEAD "12 00 3C ^'c'", MQTT_MALFORMED_PACKET, NULL},
        {"will retain without will [MQTT-3.1.2-13]", V5, V5_HEAD "22 00 3C {} ^'c'", MQTT_MALFORMED_PACKET,
         NULL},
        {"will retain without will, 3.1.1", V311, V4_HEAD "22 00 3C ^'c'", MQTT_MALFORMED_PACKET, NULL},
        {"password without user name, 3.1.1", V311, V4_HEAD "42 00 3C ^'c' ^'p'", MQTT_MALFORMED_PACKET,
         NULL},
        {"password without user name, 3.1", V31, V31_HEAD "42 00 3C ^'c' ^'p'", MQTT_MALFORMED_PACKET, NULL},
        /* Fields that are missing [MQTT-3.1.4-1] */
        {"nothing", ALL, "10 |", MQTT_MALFORMED_PACKET, NULL},
        {"half a name length", ALL, "10 | 00", MQTT_MALFORMED_PACKET, NULL},
        {"half a name", ALL, "10 | 00 04 'MQ'", MQTT_MALFORMED_PACKET, NULL},
        {"no level", ALL, "10 | ^'MQTT'", MQTT_MALFORMED_PACKET, NULL},
        {"no flags", V5, "10 | ^'MQTT' 05", MQTT_MALFORMED_PACKET, NULL},
        {"half a keep alive", V5, V5_HEAD "02 00", MQTT_MALFORMED_PACKET, NULL},
        {"no property length [MQTT-2.2.2-1]", V5, V5_HEAD "02 00 3C", MQTT_MALFORMED_PACKET, NULL},
        {"a property length past the end", V5, V5_HEAD "02 00 3C 05 ^'c'", MQTT_MALFORMED_PACKET, NULL},
        {"a property length that is too long [MQTT-1.5.5-1]", V5, V5_HEAD "02 00 3C 80 00 ^'c'",
         MQTT_MALFORMED_PACKET, NULL},
        {"a property length of five bytes", V5, V5_HEAD "02 00 3C 80 80 80 80 01 ^'c'", MQTT_MALFORMED_PACKET,
         NULL},
        {"no client id [MQTT-3.1.3-3]", V5, V5_HEAD "02 00 3C {}", MQTT_MALFORMED_PACKET, NULL},
        {"no client id, 3.1.1", V311, V4_HEAD "02 00 3C", MQTT_MALFORMED_PACKET, NULL},
        {"no client id, 3.1", V31, V31_HEAD "02 00 3C", MQTT_MALFORMED_PACKET, NULL},
        {"no will [MQTT-3.1.2-9]", V5, V5_HEAD "06 00 3C {} ^'c'", MQTT_MALFORMED_PACKET, NULL},
        {"no will topic", V5, V5_HEAD "06 00 3C {} ^'c' {}", MQTT_MALFORMED_PACKET, NULL},
        {"no will payload", V5, V5_HEAD "06 00 3C {} ^'c' {} ^'w'", MQTT_MALFORMED_PACKET, NULL},
        {"no will, 3.1.1", V311, V4_HEAD "06 00 3C ^'c'", MQTT_MALFORMED_PACKET, NULL},
        {"no will payload, 3.1", V31, V31_HEAD "06 00 3C ^'c' ^'w'", MQTT_MALFORMED_PACKET, NULL},
        {"no user name [MQTT-3.1.2-17]", V5, V5_HEAD "82 00 3C {} ^'c'", MQTT_MALFORMED_PACKET, NULL},
        {"no user name, 3.1.1", V311, V4_HEAD "82 00 3C ^'c'", MQTT_MALFORMED_PACKET, NULL},
        {"no password [MQTT-3.1.2-19]", V5, V5_HEAD "C2 00 3C {} ^'c' ^'u'", MQTT_MALFORMED_PACKET, NULL},
        {"no password, 3.1.1", V311, V4_HEAD "C2 00 3C ^'c' ^'u'", MQTT_MALFORMED_PACKET, NULL},
        /* Fields that are too many */
        {"a user name without its flag [MQTT-3.1.2-16]", V5, V5_HEAD "02 00 3C {} ^'c' ^'u'",
         MQTT_MALFORMED_PACKET, NULL},
        {"a password without its flag [MQTT-3.1.2-18]", V5, V5_HEAD "82 00 3C {} ^'c' ^'u' ^'p'",
         MQTT_MALFORMED_PACKET, NULL},
        {"one byte more, 3.1.1", V311, V4_HEAD "02 00 3C ^'c' 00", MQTT_MALFORMED_PACKET, NULL},
        {"one byte more, 3.1", V31, V31_HEAD "02 00 3C ^'c' 00", MQTT_MALFORMED_PACKET, NULL},
        /* Text */
        {"client id is not UTF-8 [MQTT-1.5.4-1] [MQTT-3.1.3-4]", V5, V5_HEAD "02 00 3C {} ^(C3)",
         MQTT_MALFORMED_PACKET, NULL},
        {"client id with a surrogate [MQTT-1.5.4-1]", V5, V5_HEAD "02 00 3C {} ^(ED A0 80)",
         MQTT_MALFORMED_PACKET, NULL},
        {"client id with U+0000 [MQTT-1.5.4-2]", V5, V5_HEAD "02 00 3C {} ^('a' 00 'b')",
         MQTT_MALFORMED_PACKET, NULL},
        {"client id with U+0000 after the eighth byte", V311, V4_HEAD "02 00 3C ^('abcdefghij' 00 'k')",
         MQTT_MALFORMED_PACKET, NULL},
        {"will topic is not UTF-8 [MQTT-3.1.3-11]", V5, V5_HEAD "06 00 3C {} ^'c' {} ^(FF) ^''",
         MQTT_MALFORMED_PACKET, NULL},
        {"will topic with U+0000", V311, V4_HEAD "06 00 3C ^'c' ^(00) ^''", MQTT_MALFORMED_PACKET, NULL},
        {"user name is not UTF-8 [MQTT-3.1.3-12]", V5, V5_HEAD "82 00 3C {} ^'c' ^(80)",
         MQTT_MALFORMED_PACKET, NULL},
        {"user name with U+0000, 3.1", V31, V31_HEAD "82 00 3C ^'c' ^(00)", MQTT_MALFORMED_PACKET, NULL},
        /* Meaning */
        {"will topic with a wildcard", V5, V5_HEAD "06 00 3C {} ^'c' {} ^'w/#' ^''", MQTT_BAD_TOPIC_NAME,
         NULL},
        {"will topic with a wildcard, 3.1.1", V311, V4_HEAD "06 00 3C ^'c' ^'+' ^''", MQTT_BAD_TOPIC_NAME,
         NULL},
        {"empty will topic [MQTT-4.7.3-1]", V5, V5_HEAD "06 00 3C {} ^'c' {} ^'' ^''", MQTT_BAD_TOPIC_NAME,
         NULL},
        {"empty client id, kept session, 3.1.1 [MQTT-3.1.3-8]", V311, V4_HEAD "00 00 3C ^''",
         MQTT_BAD_CLIENT_ID, NULL},
        {"empty client id, 3.1", V31, V31_HEAD "02 00 3C ^''", MQTT_BAD_CLIENT_ID, NULL},
        {"a will property in the connect list", V5, V5_HEAD "02 00 3C {18 00 00 00 01} ^'c'",
         MQTT_MALFORMED_PACKET, NULL},
        {"a connect property in the will list", V5, V5_HEAD "06 00 3C {} ^'c' {11 00 00 00 01} ^'w' ^''",
         MQTT_MALFORMED_PACKET, NULL},
        {"receive maximum 0", V5, V5_HEAD "02 00 3C {21 00 00} ^'c'", MQTT_PROTOCOL_ERROR, NULL},
    };
    CHECK_ROWS(rows);
}

static void test_the_fields_of_a_connect(void **state)
{
    (void)state;
    struct any_packet packet;
    uint8_t *data;
    decode_bytes(V5_HEAD "F6 12 34 {11 00 00 0E 10 26 ^'k' ^'v' 21 00 14} ^'client'"
                         " {18 00 00 00 05 01 01} ^'w/t' ^'gone' ^'user' ^(00 01)",
                 MQTT_5, &packet, &data);
    const struct mqtt_connect *connect = &packet.connect;
    assert_int_equal(connect->version, MQTT_5);
    assert_true(connect->clean_start && connect->has_will && connect->has_username && connect->has_password);
    assert_false(connect->bridge);
    assert_int_equal(connect->keep_alive, 0x1234);
    assert_str(connect->client_id, "client");
    assert_str(connect->username, "user");
    assert_true(str_equal(connect->password, str_make("\0\1", 2)));
    assert_int_equal(connect->properties.session_expiry, 3600);
    assert_int_equal(connect->properties.receive_maximum, 20);
    assert_int_equal(connect->properties.maximum_packet_size, UINT32_MAX);
    assert_str(connect->will.topic, "w/t");
    assert_str(connect->will.payload, "gone");
    assert_int_equal(connect->will.qos, 2);
    assert_true(connect->will.retain); /* [MQTT-3.1.2-15] */
    assert_int_equal(connect->will.properties.will_delay, 5);
    assert_int_equal(connect->will.properties.payload_format, 1);
    free(data);

    decode_bytes("10 | ^'MQIsdp' 83 08 00 00 ^'b'", MQTT_3_1, &packet, &data);
    assert_int_equal(connect->version, MQTT_3_1);
    assert_true(connect->bridge);
    assert_false(connect->clean_start || connect->has_will || connect->has_username || connect->has_password);
    assert_int_equal(connect->will.qos, 0);
    free(data);
}

static void test_a_refused_connect_says_how_to_answer(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        uint8_t reason, version;
    } rows[] = {
        {"10 | ^'MQTT'", MQTT_MALFORMED_PACKET, 0},
        {"10 | ^'MQTT' 06 02 00 3C {} ^'c'", MQTT_UNSUPPORTED_VERSION, 6},
        {"10 | ^'MQTT' 85 02 00 3C {} ^'c'", MQTT_UNSUPPORTED_VERSION, 0x85},
        {"10 | ^'HTTP' 05", MQTT_UNSUPPORTED_VERSION, 5},
        {V5_HEAD "03 00 3C {} ^'c'", MQTT_MALFORMED_PACKET, 5},
        {V5_HEAD "02 00 3C {21 00 00} ^'c'", MQTT_PROTOCOL_ERROR, 5},
        {V4_HEAD "00 00 3C ^''", MQTT_BAD_CLIENT_ID, 4},
        {V31_HEAD "00 00 3C", MQTT_MALFORMED_PACKET, 3},
        {"10 | ^'MQTT' 84 01 00 3C ^'b'", MQTT_MALFORMED_PACKET, 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len;
        uint8_t *data = exact_bytes(rows[i].bytes, &len);
        struct mqtt_frame frame;
        struct mqtt_connect connect;
        assert_int_equal(mqtt_frame_scan(data, len, len, &frame), MQTT_SCAN_OK);
        assert_int_equal(mqtt_decode_connect(&frame, &connect), rows[i].reason);
        assert_int_equal(connect.version, rows[i].version);
        free(data);
    }
}

/* ---- CONNACK --------------------------------------------------------------------------------------------- */

static void test_connacks(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"accepted", V5, "20 | 00 00 {}", MQTT_SUCCESS, NULL},
        {"accepted with a session", V5, "20 | 01 00 {}", MQTT_SUCCESS, NULL},
        {"refused", V5, "20 | 00 87 {1F ^'no' 26 ^'k' ^'v'}", MQTT_SUCCESS, NULL},
        {"every property", V5,
         "20 | 00 00 {11 00 00 00 01 12 ^'id' 13 00 3C 15 ^'m' 16 ^(01) 1A ^'ri' 1C ^'sr' 1F ^'rs' 21 00 01 "
         "22 00 02"
         " 24 01 25 00 27 00 00 00 64 28 00 29 00 2A 00 26 ^'k' ^'v'}",
         MQTT_SUCCESS, NULL},
        {"accepted, 3", V3, "20 | 00 00", MQTT_SUCCESS, NULL},
        {"with a session, 3.1.1", V311, "20 | 01 00", MQTT_SUCCESS, NULL},
        {"3.1 does not use the first byte", V31, "20 | 01 00", MQTT_SUCCESS, "20 | 00 00"},
        {"not authorized, 3", V3, "20 | 00 05", MQTT_SUCCESS, NULL},
        {"bad version, 3", V3, "20 | 00 01", MQTT_SUCCESS, NULL},
        {"3.1 does not use the header's flags", V31, "2F | 00 02", MQTT_SUCCESS, "20 | 00 02"},

        {"fixed header flags [MQTT-2.1.3-1]", V311 | V5, "21 | 00 00 {}", MQTT_MALFORMED_PACKET, NULL},
        {"reserved acknowledge flags [MQTT-3.2.2-1]", V5, "20 | 02 00 {}", MQTT_MALFORMED_PACKET, NULL},
        {"reserved acknowledge flags, 3.1.1", V311, "20 | 80 00", MQTT_MALFORMED_PACKET, NULL},
        {"a session with a failure [MQTT-3.2.2-6]", V5, "20 | 01 87 {}", MQTT_PROTOCOL_ERROR, NULL},
        {"a session with a failure, 3.1.1", V311, "20 | 01 05", MQTT_PROTOCOL_ERROR, NULL},
        {"unknown code [MQTT-3.2.2-8]", V5, "20 | 00 01 {}", MQTT_PROTOCOL_ERROR, NULL},
        {"unknown code, 3", V3, "20 | 00 06", MQTT_PROTOCOL_ERROR, NULL},
        {"no properties [MQTT-2.2.2-1]", V5, "20 | 00 00", MQTT_MALFORMED_PACKET, NULL},
        {"nothing", ALL, "20 |", MQTT_MALFORMED_PACKET, NULL},
        {"no code", ALL, "20 | 00", MQTT_MALFORMED_PACKET, NULL},
        {"one byte more", ALL, "20 | 00 00 00 00", MQTT_MALFORMED_PACKET, NULL},
        {"a property of CONNECT", V5, "20 | 00 00 {17 00}", MQTT_MALFORMED_PACKET, NULL},
    };
    CHECK_ROWS(rows);
}

static void test_connack_of_version_3_carries_the_old_codes(void **state)
{
    (void)state;
    static const struct {
        struct mqtt_connack connack;
        uint8_t version;
        const char *bytes;
    } rows[] = {
        {{.session_present = true}, MQTT_3_1_1, "20 | 01 00"},
        {{.session_present = true}, MQTT_3_1, "20 | 00 00"},
        {{.reason = MQTT_NOT_AUTHORIZED}, MQTT_3_1_1, "20 | 00 05"},
        {{.reason = MQTT_BAD_CREDENTIALS}, MQTT_3_1, "20 | 00 04"},
        {{.reason = MQTT_NOT_AUTHORIZED}, MQTT_5, "20 | 00 87 {}"},
        /* [MQTT-3.2.2-6] */
        {{.session_present = true, .reason = MQTT_BANNED}, MQTT_5, "20 | 00 8A {}"},
        {{.session_present = true, .reason = MQTT_BANNED}, MQTT_3_1_1, "20 | 00 05"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf written = {0};
        struct row row = {.claim = "connack"};
        mqtt_encode_connack(&written, rows[i].version, &rows[i].connack);
        assert_bytes(&row, &written, rows[i].bytes);
        buf_free(&written);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connects_that_are_accepted),
        cmocka_unit_test(test_connects_that_are_refused),
        cmocka_unit_test(test_the_fields_of_a_connect),
        cmocka_unit_test(test_a_refused_connect_says_how_to_answer),
        cmocka_unit_test(test_connacks),
        cmocka_unit_test(test_connack_of_version_3_carries_the_old_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
