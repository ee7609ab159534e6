/* The fixed header: where a packet ends, and the variable byte integer (2.1, 1.5.5). */
#include "bytes.h"

static void test_scan_finds_the_bounds_of_a_packet(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        uint8_t type, flags;
        size_t body_len, total_len;
    } rows[] = {
        {"C0 00", MQTT_PINGREQ, 0, 0, 2},
        {"C0 00 C0 00", MQTT_PINGREQ, 0, 0, 2}, /* what follows is not looked at [MQTT-6.0.0-2] */
        {"3D 03 00 01 61", MQTT_PUBLISH, 13, 3, 5},
        {"F0 7F 00*127", MQTT_AUTH, 0, 127, 129},
        {"30 80 01 00*128", MQTT_PUBLISH, 0, 128, 131},
        {"30 FF 7F 00*16383", MQTT_PUBLISH, 0, 16383, 16386},
        {"30 80 80 01 00*16384", MQTT_PUBLISH, 0, 16384, 16388},
        {"30 FF FF 7F 00*2097151", MQTT_PUBLISH, 0, 2097151, 2097155},
        {"30 80 80 80 01 00*2097152", MQTT_PUBLISH, 0, 2097152, 2097157},
        {"82 80 00", MQTT_SUBSCRIBE, 2, 0, 3}, /* too long a number: refused by the decoders in MQTT 5 */
        {"82 85 80 80 00 00*5", MQTT_SUBSCRIBE, 2, 5, 10},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len;
        uint8_t *data = exact_bytes(rows[i].bytes, &len);
        struct mqtt_frame frame;
        assert_int_equal(mqtt_frame_scan(data, len, rows[i].total_len, &frame), MQTT_SCAN_OK);
        assert_int_equal(frame.type, rows[i].type);
        assert_int_equal(frame.flags, rows[i].flags);
        assert_int_equal(frame.body_len, rows[i].body_len);
        assert_int_equal(frame.total_len, rows[i].total_len);
        assert_ptr_equal(frame.body, data + rows[i].total_len - rows[i].body_len);
        free(data);
    }
}

static void test_scan_says_what_is_missing(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t total_len; /* 0: the header is incomplete */
    } rows[] = {
        {"", 0},
        {"30", 0},
        {"30 80", 0},
        {"30 FF FF", 0},
        {"30 FF FF FF", 0},
        {"30 01", 3},
        {"30 05 00 01", 7},
        {"30 80 01", 131},
        {"F0 FF FF FF 7F", 268435460},
        {"30 80 80 80 01 00*9", 2097157},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len;
        uint8_t *data = exact_bytes(rows[i].bytes, &len);
        struct mqtt_frame frame;
        assert_int_equal(mqtt_frame_scan(data, len, SIZE_MAX, &frame), MQTT_SCAN_MORE);
        assert_int_equal(frame.total_len, rows[i].total_len);
        free(data);
    }
}

static void test_scan_refuses_type_0_and_five_byte_lengths(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "00",
        "0F",
        "00 00",
        "0F 7F",
        "30 FF FF FF FF",
        "30 80 80 80 80",
        "30 80 80 80 80 01",
        "C0 FF FF FF FF 7F",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len;
        uint8_t *data = exact_bytes(rows[i], &len);
        struct mqtt_frame frame;
        assert_int_equal(mqtt_frame_scan(data, len, SIZE_MAX, &frame), MQTT_SCAN_MALFORMED);
        free(data);
    }
}

static void test_a_packet_over_the_limit_is_known_by_its_header(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t limit;
        enum mqtt_scan answer;
    } rows[] = {
        {"30 05", 7, MQTT_SCAN_MORE},
        {"30 05", 6, MQTT_SCAN_TOO_LARGE},
        {"30 01 00", 3, MQTT_SCAN_OK},
        {"30 01 00", 2, MQTT_SCAN_TOO_LARGE},
        {"30 80 01", 131, MQTT_SCAN_MORE},
        {"30 80 01", 130, MQTT_SCAN_TOO_LARGE},
        {"30 FF FF FF 7F", 268435460, MQTT_SCAN_MORE},
        {"30 FF FF FF 7F", 268435459, MQTT_SCAN_TOO_LARGE},
        {"30 80", 1, MQTT_SCAN_MORE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len;
        uint8_t *data = exact_bytes(rows[i].bytes, &len);
        struct mqtt_frame frame;
        assert_int_equal(mqtt_frame_scan(data, len, rows[i].limit, &frame), rows[i].answer);
        free(data);
    }
}

static void test_a_variable_byte_integer_has_the_fewest_bytes(void **state) /* [MQTT-1.5.5-1] */
{
    (void)state;
    static const struct {
        uint32_t value;
        const char *bytes;
    } rows[] = {
        {0, "00"},
        {1, "01"},
        {127, "7F"},
        {128, "80 01"},
        {16383, "FF 7F"},
        {16384, "80 80 01"},
        {2097151, "FF FF 7F"},
        {2097152, "80 80 80 01"},
        {MQTT_REMAINING_LENGTH_MAX, "FF FF FF 7F"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len;
        uint8_t *wanted = exact_bytes(rows[i].bytes, &len);
        uint8_t written[4];
        assert_int_equal(mqtt_varint_write(written, rows[i].value), len);
        assert_int_equal(mqtt_varint_size(rows[i].value), len);
        assert_memory_equal(written, wanted, len);
        free(wanted);
    }
}

static void test_a_remaining_length_that_is_too_long_is_malformed_in_mqtt_5_alone(void **state)
{
    (void)state;
    /* Each decodes with the shortest length; here with one byte too many [MQTT-1.5.5-1]. */
    static const struct {
        const char *bytes;
        const char *bytes_v3;
    } rows[] = {
        {"10 8D 00 ^'MQTT' 05 02 00 3C {} ^''", "10 8C 00 ^'MQTT' 04 02 00 3C ^''"},
        {"20 83 00 00 00 {}", "20 82 00 00 00"},
        {"30 84 00 ^'a' {}", "30 83 00 ^'a'"},
        {"40 82 00 00 01", "40 82 00 00 01"},
        {"82 87 00 00 01 {} ^'a' 00", "82 86 00 00 01 ^'a' 00"},
        {"90 84 00 00 01 {} 00", "90 83 00 00 01 00"},
        {"A2 86 00 00 01 {} ^'a'", "A2 85 00 00 01 ^'a'"},
        {"B0 84 00 00 01 {} 00", "B0 82 00 00 01"},
        {"E0 80 00", "E0 80 00"},
        {"F0 80 00", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len;
        struct mqtt_frame frame;
        struct any_packet packet;
        uint8_t *data = exact_bytes(rows[i].bytes, &len);
        assert_int_equal(mqtt_frame_scan(data, len, len, &frame), MQTT_SCAN_OK);
        assert_int_equal(any_decode(&frame, MQTT_5, &packet), MQTT_MALFORMED_PACKET);
        frame.total_len--; /* as with the shortest header */
        assert_int_equal(any_decode(&frame, MQTT_5, &packet), MQTT_SUCCESS);
        free(data);
        if (rows[i].bytes_v3 != NULL) {
            decode_bytes(rows[i].bytes_v3, MQTT_3_1_1, &packet, &data);
            free(data);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan_finds_the_bounds_of_a_packet),
        cmocka_unit_test(test_scan_says_what_is_missing),
        cmocka_unit_test(test_scan_refuses_type_0_and_five_byte_lengths),
        cmocka_unit_test(test_a_packet_over_the_limit_is_known_by_its_header),
        cmocka_unit_test(test_a_variable_byte_integer_has_the_fewest_bytes),
        cmocka_unit_test(test_a_remaining_length_that_is_too_long_is_malformed_in_mqtt_5_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
