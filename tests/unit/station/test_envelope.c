/* The envelope: everything of a message comes back, byte by byte as its layout says; nothing else is taken for one. */
#include "station/envelope.h"

#include "mqtt/mqtt.h"

#include "harness.h"

static void make_props(struct buf *props)
{
    static const uint8_t fixed[] = {0x01, 1,    0x02, 0, 0,    1,
                                    44,   0x09, 0,    2, 0xFF, 0x00}; /* utf-8, 300 s, data */
    buf_append(props, fixed, sizeof(fixed));
    mqtt_user_property_append(props, STR("k"), STR("1"));
    mqtt_user_property_append(props, STR("msg-id"), STR("id-7"));
    mqtt_user_property_append(props, STR("k"), STR("2"));
}

static struct str encode(const struct station_message *message, struct buf *out)
{
    buf_reset(out);
    buf_reserve(out, envelope_bytes(message));
    envelope_write(message, out->data);
    out->len = envelope_bytes(message);
    return buf_str(out);
}

static struct station_message full_message(const struct buf *props)
{
    return (struct station_message){
        .topic = STR("a/b"),
        .payload = str_make("\0\xFF payload", 10),
        .props = buf_str(props),
        .client_id = STR("client"),
        .username = STR("user"),
        .id = STR("id-7"),
        .expiry_s = 300,
        .qos = 2,
        .retain = true,
        .exchange = {.session = UINT64_C(1) << 40 | 5, .number = 70000, .packet_id = 65535},
    };
}

static void test_everything_comes_back(void **state)
{
    (void)state;
    struct buf props = {0}, record = {0};
    struct error err;
    struct station_message out;
    struct str topic;
    uint32_t seconds = 0;
    make_props(&props);
    const struct station_message in = full_message(&props);
    struct str bytes = encode(&in, &record);
    ASSERT_OK(envelope_decode(bytes, &out, &err), err);
    assert_true(str_equal(out.topic, in.topic) && str_equal(out.payload, in.payload));
    assert_true(str_equal(out.props, in.props) && str_equal(out.client_id, in.client_id));
    assert_true(str_equal(out.username, in.username) && str_equal(out.id, in.id));
    assert_int_equal(out.qos, 2);
    assert_true(out.retain);
    assert_int_equal(out.expiry_s, 300);
    assert_true(out.exchange.session == in.exchange.session && out.exchange.number == 70000);
    assert_int_equal(out.exchange.packet_id, 65535);
    assert_false(out.exchange.repeated);
    assert_true(envelope_topic(bytes, &topic) && str_equal(topic, in.topic));
    assert_true(envelope_expiry(bytes, &seconds));
    assert_int_equal(seconds, 300);
    assert_true(envelope_is_named(bytes));
    buf_free(&props);
    buf_free(&record);
}

static void test_the_layout_is_as_written_down(void **state)
{
    (void)state;
    static const uint8_t expected[] = {1, 1, 3, 0, 1, 0,   0,   0,   0,   0,  0,
                                       0, 0, 0, 0, 0, 'a', '/', 'b', 'c', 'p'};
    struct buf record = {0};
    const struct station_message message = {
        .topic = STR("a/b"), .client_id = STR("c"), .payload = STR("p"), .qos = 1};
    struct str bytes = encode(&message, &record);
    assert_int_equal(bytes.len, sizeof(expected));
    assert_memory_equal(bytes.data, expected, sizeof(expected));
    assert_false(envelope_is_named(bytes));
    static const uint8_t exchanged[] = {1,   0x22, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                        't', 7,    0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 9, 0, 'p'};
    const struct station_message at_qos_2 = {.topic = STR("t"),
                                             .payload = STR("p"),
                                             .qos = 2,
                                             .exchange = {.session = 7, .number = 8, .packet_id = 9}};
    bytes = encode(&at_qos_2, &record);
    assert_int_equal(bytes.len, sizeof(exchanged));
    assert_memory_equal(bytes.data, exchanged, sizeof(exchanged));
    assert_true(envelope_is_named(bytes));
    buf_free(&record);
}

static void test_a_cut_record_is_none_unless_only_the_payload_is_cut(void **state)
{
    (void)state;
    struct buf props = {0}, record = {0};
    struct error err;
    struct station_message out;
    make_props(&props);
    const struct station_message in = full_message(&props);
    struct str bytes = encode(&in, &record);
    for (size_t len = 0; len < bytes.len - in.payload.len; len++) {
        char *copy = malloc(len + (len == 0)); /* a block of its own size */
        memcpy(copy, bytes.data, len);
        ASSERT_FAILS(envelope_decode(str_make(copy, len), &out, &err), err, ERR_CORRUPT);
        free(copy);
    }
    buf_free(&props);
    buf_free(&record);
}

static void test_what_contradicts_itself_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        enum error_code code;
    } rows[] = {
        {0, 0, ERR_CORRUPT},          {0, 2, ERR_UNSUPPORTED}, {1, 3, ERR_CORRUPT}, /* QoS 3 */
        {1, 0x40, ERR_CORRUPT},                                                     /* an unknown flag */
        {1, 2 | 4 | 8, ERR_CORRUPT},                                                /* no expiry flag */
        {1, 2 | 4 | 16, ERR_CORRUPT},                                               /* no id flag */
        {2, 0, ERR_CORRUPT},                                                        /* no topic */
        {12, 1, ERR_CORRUPT},                                                       /* another expiry */
        {16, '#', ERR_CORRUPT},       {19, 0, ERR_CORRUPT},                         /* topic, client id */
        {29, 0x23, ERR_CORRUPT},                                                    /* topic alias */
    };
    struct buf props = {0}, record = {0};
    struct error err;
    struct station_message out;
    make_props(&props);
    const struct station_message in = full_message(&props);
    TABLE_EACH(row, rows)
    {
        encode(&in, &record);
        record.data[row->at] = row->value;
        CHECK(!envelope_decode(buf_str(&record), &out, &err) && err.code == row->code, "byte %zu := %u",
              row->at, row->value);
    }
    buf_free(&props);
    buf_free(&record);
}

static void test_an_expiry_without_its_property_is_refused(void **state)
{
    (void)state;
    struct buf record = {0};
    struct error err;
    struct station_message out;
    const struct station_message message = {.topic = STR("a")};
    encode(&message, &record);
    record.data[12] = 36;
    ASSERT_FAILS(envelope_decode(buf_str(&record), &out, &err), err, ERR_CORRUPT);
    buf_free(&record);
}

RUN_TESTS(cmocka_unit_test(test_an_expiry_without_its_property_is_refused),
          cmocka_unit_test(test_everything_comes_back), cmocka_unit_test(test_the_layout_is_as_written_down),
          cmocka_unit_test(test_a_cut_record_is_none_unless_only_the_payload_is_cut),
          cmocka_unit_test(test_what_contradicts_itself_is_refused))
