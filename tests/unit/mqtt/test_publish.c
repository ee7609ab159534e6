/* PUBLISH (3.3): what is accepted and refused, and the head that is written straight into memory. */
#include "bytes.h"

static void test_publishes_that_are_accepted(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"the shortest one", V5, "30 | ^'a' {}", MQTT_SUCCESS, NULL},
        {"the shortest one, 3", V3, "30 | ^'a'", MQTT_SUCCESS, NULL},
        {"a payload", V5, "30 | ^'a/b' {} 'hello'", MQTT_SUCCESS, NULL},
        {"a payload, 3", V3, "30 | ^'a/b' 'hello'", MQTT_SUCCESS, NULL},
        {"retained", V5, "31 | ^'a' {} 'x'", MQTT_SUCCESS, NULL},
        {"no packet id at QoS 0 [MQTT-2.2.1-2]", V3, "30 | ^'a' 00 00", MQTT_SUCCESS, NULL},
        {"QoS 1", V5, "32 | ^'a' 00 01 {} 'x'", MQTT_SUCCESS, NULL},
        {"QoS 1, 3", V3, "32 | ^'a' FF FF 'x'", MQTT_SUCCESS, NULL},
        {"QoS 2, again, retained", V5, "3D | ^'a' 12 34 {} 'x'", MQTT_SUCCESS, NULL},
        {"QoS 2, again, retained, 3", V3, "3D | ^'a' 12 34 'x'", MQTT_SUCCESS, NULL},
        {"every property", V5,
         "30 | ^'a' {01 01 02 00 00 00 3C 03 ^'text/plain' 08 ^'r/t' 09 ^(00 FF) 0B 01 0B FF FF FF 7F 23 00 "
         "01"
         " 26 ^'k' ^'v' 26 ^'k' ^''} 'x'",
         MQTT_SUCCESS, NULL},
        {"an empty topic under an alias", V5, "30 | ^'' {23 00 01} 'x'", MQTT_SUCCESS, NULL},
        {"a topic of 65,535 bytes [MQTT-4.7.3-3]", V311, "30 | ^(61*65535)", MQTT_SUCCESS, NULL},
        {"a topic outside ASCII", ALL, "30 | ^(C3 A9 2F E2 82 AC 2F F0 9F 98 80) 00", MQTT_SUCCESS, NULL},
        {"U+FEFF is kept [MQTT-1.5.4-3]", ALL, "30 | ^(EF BB BF 'a') 00", MQTT_SUCCESS, NULL},
        {"U+10FFFF", ALL, "30 | ^(F4 8F BF BF) 00", MQTT_SUCCESS, NULL},
        {"control characters are only discouraged", ALL, "30 | ^(01 1F 7F C2 80) 00", MQTT_SUCCESS, NULL},
        {"a $-topic", ALL, "30 | ^'$SYS/x' 00", MQTT_SUCCESS, NULL},
        {"empty levels", ALL, "30 | ^'//a//' 00", MQTT_SUCCESS, NULL},
        {"3.1 gives DUP no meaning at QoS 0", V31, "38 | ^'a' 'x'", MQTT_SUCCESS, "30 | ^'a' 'x'"},
        {"a subscription identifier is for the caller to refuse [MQTT-3.3.4-6]", V5, "30 | ^'a' {0B 01}",
         MQTT_SUCCESS, NULL},
        {"a body of 128 bytes", V311, "30 | ^'a' 00*125", MQTT_SUCCESS, NULL},
        {"a property list of 128 bytes", V5, "30 | ^'a' {09 ^(00*125)}", MQTT_SUCCESS, NULL},
    };
    CHECK_ROWS(rows);
}

static void test_publishes_that_are_refused(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"QoS 3 [MQTT-3.3.1-4]", ALL, "36 | ^'a' 00 01 00", MQTT_MALFORMED_PACKET, NULL},
        {"QoS 3 with all flags", ALL, "3F | ^'a' 00 01 00", MQTT_MALFORMED_PACKET, NULL},
        {"DUP at QoS 0 [MQTT-3.3.1-2]", V311 | V5, "38 | ^'a' 00", MQTT_MALFORMED_PACKET, NULL},
        {"DUP at QoS 0, retained", V311 | V5, "39 | ^'a' 00", MQTT_MALFORMED_PACKET, NULL},
        {"nothing", ALL, "30 |", MQTT_MALFORMED_PACKET, NULL},
        {"half a topic length", ALL, "30 | 00", MQTT_MALFORMED_PACKET, NULL},
        {"a topic past the end [MQTT-3.3.2-1]", ALL, "30 | 00 02 'a'", MQTT_MALFORMED_PACKET, NULL},
        {"no packet id [MQTT-2.2.1-3]", ALL, "32 | ^'a'", MQTT_MALFORMED_PACKET, NULL},
        {"half a packet id", ALL, "34 | ^'a' 01", MQTT_MALFORMED_PACKET, NULL},
        {"packet id 0 [MQTT-2.2.1-3]", ALL, "32 | ^'a' 00 00 00", MQTT_PROTOCOL_ERROR, NULL},
        {"packet id 0 [MQTT-2.2.1-4]", ALL, "34 | ^'a' 00 00 00", MQTT_PROTOCOL_ERROR, NULL},
        {"no property length [MQTT-2.2.2-1]", V5, "30 | ^'a'", MQTT_MALFORMED_PACKET, NULL},
        {"half a property length", V5, "30 | ^'a' 80", MQTT_MALFORMED_PACKET, NULL},
        {"a property length past the end", V5, "30 | ^'a' 04 23 00 01", MQTT_MALFORMED_PACKET, NULL},
        {"a property length that is too long [MQTT-1.5.5-1]", V5, "30 | ^'a' 80 00", MQTT_MALFORMED_PACKET,
         NULL},
        {"a property length of five bytes", V5, "30 | ^'a' 80 80 80 80 01", MQTT_MALFORMED_PACKET, NULL},
        {"a wildcard [MQTT-3.3.2-2] [MQTT-4.7.0-1]", ALL, "30 | ^'a/+' 00", MQTT_BAD_TOPIC_NAME, NULL},
        {"a wildcard", ALL, "30 | ^'#' 00", MQTT_BAD_TOPIC_NAME, NULL},
        {"a wildcard inside a level", ALL, "30 | ^'temperature+x' 00", MQTT_BAD_TOPIC_NAME, NULL},
        {"a wildcard beside other characters", ALL, "30 | ^(C3 A9 '#') 00", MQTT_BAD_TOPIC_NAME, NULL},
        {"U+0000 [MQTT-1.5.4-2] [MQTT-4.7.3-2]", ALL, "30 | ^(00) 00", MQTT_MALFORMED_PACKET, NULL},
        {"U+0000 in a long topic", ALL, "30 | ^('sensors/' 00 '/temperature') 00", MQTT_MALFORMED_PACKET,
         NULL},
        {"not UTF-8 [MQTT-1.5.4-1] [MQTT-3.3.2-1]", ALL, "30 | ^(C3) 00", MQTT_MALFORMED_PACKET, NULL},
        {"a surrogate [MQTT-1.5.4-1]", ALL, "30 | ^('a' ED BF BF) 00", MQTT_MALFORMED_PACKET, NULL},
        {"an overlong form", ALL, "30 | ^(C0 AF) 00", MQTT_MALFORMED_PACKET, NULL},
        {"above U+10FFFF", ALL, "30 | ^(F4 90 80 80) 00", MQTT_MALFORMED_PACKET, NULL},
        {"malformed comes before the wildcard", ALL, "30 | ^('#' FF) 00", MQTT_MALFORMED_PACKET, NULL},
        {"an empty topic [MQTT-4.7.3-1]", V3, "30 | ^'' 'x'", MQTT_BAD_TOPIC_NAME, NULL},
        {"an empty topic without an alias", V5, "30 | ^'' {} 'x'", MQTT_PROTOCOL_ERROR, NULL},
        {"topic alias 0 [MQTT-3.3.2-8]", V5, "30 | ^'a' {23 00 00}", MQTT_BAD_TOPIC_ALIAS, NULL},
        {"a property of SUBACK", V5, "30 | ^'a' {1F ^'no'}", MQTT_MALFORMED_PACKET, NULL},
        {"content type is not UTF-8 [MQTT-3.3.2-19]", V5, "30 | ^'a' {03 ^(FF)}", MQTT_MALFORMED_PACKET,
         NULL},
        {"response topic is not UTF-8 [MQTT-3.3.2-13]", V5, "30 | ^'a' {08 ^(FF)}", MQTT_MALFORMED_PACKET,
         NULL},
        {"response topic with a wildcard [MQTT-3.3.2-14]", V5, "30 | ^'a' {08 ^'r/+'}", MQTT_PROTOCOL_ERROR,
         NULL},
    };
    CHECK_ROWS(rows);
}

/* The checks go eight bytes at a time; every length and place must come out the same. */
static void test_one_bad_byte_is_found_at_every_place_of_every_length(void **state)
{
    (void)state;
    const struct {
        uint8_t byte, reason;
    } bad[] = {{0x00, MQTT_MALFORMED_PACKET},
               {0x80, MQTT_MALFORMED_PACKET},
               {0xFF, MQTT_MALFORMED_PACKET},
               {'+', MQTT_BAD_TOPIC_NAME},
               {'#', MQTT_BAD_TOPIC_NAME}};
    for (size_t len = 1; len <= 40; len++) {
        for (size_t place = 0; place <= len; place++) {
            for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                struct mqtt_publish publish;
                uint8_t *body = malloc(2 + len);
                assert_non_null(body);
                body[0] = 0;
                body[1] = (uint8_t)len;
                for (size_t at = 0; at < len; at++) /* the neighbours of the bad bytes in ASCII among them */
                    body[2 + at] = (uint8_t)("*,\"$\1\177a/"[at % 8]);
                if (place < len)
                    body[2 + place] = bad[i].byte;
                struct mqtt_frame frame = frame_of(0x30, body, 2 + len);
                assert_int_equal(mqtt_decode_publish(&frame, MQTT_3_1_1, &publish),
                                 place < len ? bad[i].reason : MQTT_SUCCESS);
                free(body);
            }
        }
    }
}

static void test_the_fields_of_a_publish(void **state)
{
    (void)state;
    struct any_packet packet;
    uint8_t *data;
    decode_bytes("3B | ^'a/b' 12 34 {02 00 00 00 3C 01 01} 'hello'", MQTT_5, &packet, &data);
    const struct mqtt_publish *publish = &packet.publish;
    assert_true(publish->dup && publish->retain);
    assert_int_equal(publish->qos, 1);
    assert_int_equal(publish->packet_id, 0x1234);
    assert_str(publish->topic, "a/b");
    assert_true(str_equal(publish->raw_props, str_make("\2\0\0\0\x3C\1\1", 7)));
    assert_str(publish->payload, "hello");
    assert_int_equal(packet.publish_properties.message_expiry, 60);
    assert_int_equal(packet.publish_properties.payload_format, 1);
    free(data);

    decode_bytes("34 | ^'a' 00 02 {}", MQTT_3_1_1, &packet, &data);
    assert_false(publish->dup || publish->retain);
    assert_int_equal(publish->qos, 2);
    assert_int_equal(publish->raw_props.len, 0);
    assert_int_equal(publish->payload.len, 1); /* before MQTT 5 that byte is payload */
    free(data);
}

/* Head and payload as a broker sends them: extra properties in front, all others as they came
 * [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20]. */
static void test_a_head_is_written_with_extra_properties_in_front(void **state)
{
    (void)state;
    const struct {
        uint8_t version;
        struct mqtt_publish publish;
        struct str extra;
        const char *head; /* with the payload, which is "xyz" */
    } rows[] = {
        {MQTT_5, {.topic = STR("a")}, STR_NONE, "30 | ^'a' {} 'xyz'"},
        {MQTT_3_1_1, {.topic = STR("a"), .qos = 1, .packet_id = 7}, STR_NONE, "32 | ^'a' 00 07 'xyz'"},
        {MQTT_5,
         {.topic = STR("a/b"), .qos = 2, .packet_id = 258, .dup = true, .retain = true},
         STR("\x0B\x05"),
         "3D | ^'a/b' 01 02 {0B 05} 'xyz'"},
        {MQTT_5,
         {.topic = STR("a"), .raw_props = STR("\x01\x01\x26\0\1k\0\1v")},
         STR("\x23\0\1"),
         "30 | ^'a' {23 00 01 01 01 26 ^'k' ^'v'} 'xyz'"},
        {MQTT_3_1, {.topic = STR("a"), .raw_props = STR("\x01\x01")}, STR("\x23\0\1"), "30 | ^'a' 'xyz'"},
        {MQTT_5, {.topic = STR_NONE}, STR("\x23\0\1"), "30 | ^'' {23 00 01} 'xyz'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mqtt_publish publish = rows[i].publish;
        publish.payload = STR("xyz");
        struct mqtt_publish_layout layout;
        assert_true(mqtt_publish_layout(rows[i].version, &publish, rows[i].extra.len, &layout));
        uint8_t *head = malloc(layout.head_len);
        assert_non_null(head);
        assert_ptr_equal(mqtt_publish_write_head(head, rows[i].version, &publish, rows[i].extra, &layout),
                         head + layout.head_len);
        struct buf written = {0};
        struct row row = {.claim = "publish head"};
        buf_append(&written, head, layout.head_len);
        buf_append_str(&written, publish.payload);
        assert_bytes(&row, &written, rows[i].head);
        buf_free(&written);
        free(head);
    }
}

/* The copies of topics and property lists are unrolled by length. */
static void test_heads_of_every_length_are_exact(void **state)
{
    (void)state;
    uint8_t pattern[100];
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (uint8_t)('!' + (i * 7) % 64);
    for (size_t len = 0; len <= 70; len++) {
        struct mqtt_publish publish = {
            .topic = str_make(pattern, len), .raw_props = str_make(pattern + 1, len), .payload = STR("p")};
        struct str extra = str_make(pattern + 2, len / 2);
        struct mqtt_publish_layout layout;
        assert_true(mqtt_publish_layout(MQTT_5, &publish, extra.len, &layout));
        uint8_t *head = malloc(layout.head_len);
        assert_non_null(head);
        mqtt_publish_write_head(head, MQTT_5, &publish, extra, &layout);
        size_t header = layout.head_len + 1 - layout.remaining_len;
        assert_int_equal(head[header] << 8 | head[header + 1], len);
        assert_memory_equal(head + header + 2, pattern, len);
        const uint8_t *props = head + layout.head_len - len - extra.len;
        assert_memory_equal(props, pattern + 2, extra.len);
        assert_memory_equal(props + extra.len, pattern + 1, len);
        free(head);
    }
}

static void test_a_publish_over_the_largest_packet_has_no_layout(void **state)
{
    (void)state;
    struct mqtt_publish_layout layout;
    struct mqtt_publish publish = {.topic = STR("a")};
    publish.payload = str_make("", MQTT_REMAINING_LENGTH_MAX - 4); /* the length alone counts */
    assert_true(mqtt_publish_layout(MQTT_5, &publish, 0, &layout));
    assert_int_equal(layout.remaining_len, MQTT_REMAINING_LENGTH_MAX);
    assert_int_equal(layout.head_len, 1 + 4 + 4);
    publish.payload.len++;
    assert_false(mqtt_publish_layout(MQTT_5, &publish, 0, &layout));
    assert_true(mqtt_publish_layout(MQTT_3_1_1, &publish, 0, &layout));
    publish.payload.len = SIZE_MAX / 4;
    assert_false(mqtt_publish_layout(MQTT_3_1_1, &publish, 0, &layout));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_publishes_that_are_accepted),
        cmocka_unit_test(test_publishes_that_are_refused),
        cmocka_unit_test(test_one_bad_byte_is_found_at_every_place_of_every_length),
        cmocka_unit_test(test_the_fields_of_a_publish),
        cmocka_unit_test(test_a_head_is_written_with_extra_properties_in_front),
        cmocka_unit_test(test_heads_of_every_length_are_exact),
        cmocka_unit_test(test_a_publish_over_the_largest_packet_has_no_layout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
