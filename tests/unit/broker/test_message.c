/* Messages: what they keep, how they are counted, their stored form. */
#include "broker/message.h"

#include "base/mem.h"
#include "harness.h"

#include <pthread.h>

/* A property list with all that a PUBLISH forwards. */
static void put_properties(struct buf *out)
{
    struct buf list = {0}, user = {0};
    struct mqtt_properties properties;
    mqtt_properties_init(&properties);
    properties.has = UINT64_C(1) << MQTT_PROP_PAYLOAD_FORMAT | UINT64_C(1) << MQTT_PROP_MESSAGE_EXPIRY |
                     UINT64_C(1) << MQTT_PROP_CONTENT_TYPE | UINT64_C(1) << MQTT_PROP_RESPONSE_TOPIC |
                     UINT64_C(1) << MQTT_PROP_CORRELATION_DATA;
    properties.payload_format = 1;
    properties.message_expiry = 60;
    properties.content_type = STR("text/plain");
    properties.response_topic = STR("answer");
    properties.correlation_data = STR("\x00\xff");
    mqtt_user_property_append(&user, STR("key"), STR("value"));
    properties.user_encoded = buf_str(&user);
    mqtt_properties_encode(&list, &properties);
    buf_append(out, list.data + 1, list.len - 1); /* without the length, which is one byte here */
    buf_free(&list);
    buf_free(&user);
}

static struct str props_of(const struct message *message)
{
    return str_make(message->data + message->topic_len, message->props_len);
}

static struct str payload_of(const struct message *message)
{
    return str_make(message->data + message->topic_len + message->props_len, message->payload_len);
}

static void assert_same_content(const struct message *a, const struct message *b)
{
    assert_true(str_equal(message_topic(a), message_topic(b)));
    assert_true(str_equal(props_of(a), props_of(b)));
    assert_true(str_equal(payload_of(a), payload_of(b)));
    assert_int_equal(a->qos, b->qos);
    assert_int_equal(a->expiry_at, b->expiry_at);
}

/* ---- Parts ----------------------------------------------------------------------------------------------- */

static void test_a_publication_of_a_message_has_its_parts(void **state)
{
    (void)state;
    struct buf props = {0};
    put_properties(&props);
    size_t size;
    struct publication parts = {
        .topic = STR("a/b"),
        .props = buf_str(&props),
        .payload = STR("payload"),
        .qos = 2,
        .retain = true,
        .expiry_at = (uint32_t)mqtt_property_find(buf_str(&props), MQTT_PROP_MESSAGE_EXPIRY, &size),
        .expires_ms = 123456789012,
        .publisher_id = 99,
    };
    assert_int_not_equal(parts.expiry_at, 0);
    struct message *message = publication_message(&parts);
    assert_ptr_equal(publication_message(&parts), message); /* made once */
    assert_ptr_not_equal(message_topic(message).data, parts.topic.data);
    buf_free(&props); /* nothing is borrowed */
    struct publication seen;
    publication_of_message(message, &seen);
    assert_true(str_is(seen.topic, "a/b"));
    assert_true(str_is(seen.payload, "payload"));
    assert_true(str_equal(seen.props, props_of(message)));
    assert_int_equal(seen.qos, 2);
    assert_true(seen.retain);
    assert_int_equal(seen.expiry_at, parts.expiry_at);
    assert_int_equal(seen.props.data[seen.expiry_at - 1], MQTT_PROP_MESSAGE_EXPIRY);
    assert_int_equal(seen.expires_ms, 123456789012);
    assert_int_equal(seen.publisher_id, 99);
    assert_ptr_equal(publication_message(&seen), message);
    assert_int_equal(message_bytes(message), sizeof(*message) + 3 + message->props_len + 7);
    publication_end(&parts);
}

static void test_a_publication_without_a_message_owns_nothing(void **state)
{
    (void)state;
    struct publication publication = {.topic = STR("t"), .payload = STR("x")};
    publication_end(&publication);
    assert_null(publication.message);
}

static void *hold_and_let_go(void *arg)
{
    struct message *message = arg;
    for (int i = 0; i < 20000; i++)
        message_unref(message_ref(message));
    assert(str_is(payload_of(message), "shared"));
    message_unref(message);
    return NULL;
}

static void test_the_last_of_several_threads_frees_a_message(void **state)
{
    (void)state;
    const struct publication parts = {.topic = STR("t"), .payload = STR("shared")};
    struct message *message = message_new(&parts);
    pthread_t threads[4];
    for (size_t i = 0; i < LENGTH(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hold_and_let_go, message_ref(message)), 0);
    message_unref(message);
    for (size_t i = 0; i < LENGTH(threads); i++)
        pthread_join(threads[i], NULL);
}

/* ---- The stored form ------------------------------------------------------------------------------------- */

static struct message *full_message(void)
{
    struct buf props = {0};
    size_t size;
    put_properties(&props);
    const struct publication parts = {
        .topic = STR("a/b"),
        .props = buf_str(&props),
        .payload = STR("some payload"),
        .qos = 1,
        .retain = true,
        .expiry_at = (uint32_t)mqtt_property_find(buf_str(&props), MQTT_PROP_MESSAGE_EXPIRY, &size),
        .expires_ms = 5000,
        .publisher_id = 7,
    };
    struct message *message = message_new(&parts);
    buf_free(&props);
    return message;
}

static void test_the_stored_form_is_the_one_in_the_header(void **state)
{
    (void)state;
    static const uint8_t expected[] = {1, 2, 2, 0, 0, 0, MQTT_PROP_PAYLOAD_FORMAT, 1, 'x', 'y'};
    const struct publication parts = {
        .topic = STR("t"), .props = STR("\x01\x01"), .payload = STR("xy"), .qos = 2, .retain = true};
    struct message *message = message_new(&parts);
    struct buf stored = {0};
    buf_append_byte(&stored, 0xee); /* it appends */
    message_encode(message, &stored);
    assert_int_equal(stored.len, 1 + sizeof(expected));
    assert_memory_equal(stored.data + 1, expected, sizeof(expected));
    buf_free(&stored);
    message_unref(message);
}

static void test_a_message_survives_being_stored(void **state)
{
    (void)state;
    static const struct publication rows[] = {
        {.topic = {"t", 1}, .payload = {"x", 1}},
        {.topic = {"t", 1}, .payload = {"", 0}, .qos = 1},
        {.topic = {"$SYS/x", 6}, .payload = {"\0\1\2", 3}, .qos = 2},
    };
    struct error err = {0};
    for (size_t i = 0; i <= LENGTH(rows); i++) {
        struct message *message = i < LENGTH(rows) ? message_new(&rows[i]) : full_message();
        struct buf stored = {0};
        message_encode(message, &stored);
        struct message *again = message_decode(message_topic(message), buf_str(&stored), 777, &err);
        if (again == NULL)
            fail_msg("%s", err.text);
        assert_same_content(message, again);
        assert_true(again->retain);
        assert_int_equal(again->expires_ms, 777); /* the catalog's column */
        assert_int_equal(again->publisher_id, 0);
        assert_int_equal(atomic_load(&again->refs), 1);
        message_unref(again);
        message_unref(message);
        buf_free(&stored);
    }
}

/* Decodes a copy of exactly this size: the address sanitizer sees a read behind it. */
static struct message *decode_copy(const uint8_t *bytes, size_t len, struct error *err)
{
    uint8_t *copy = mem_alloc(len + (len == 0));
    memcpy(copy, bytes, len);
    struct message *message = message_decode(STR("a/b"), str_make(copy, len), 0, err);
    mem_free(copy);
    return message;
}

/* Either refused, or a message that can be stored and read again. */
static void check_harmless(const uint8_t *bytes, size_t len, const char *what, size_t at)
{
    struct error err = {0};
    struct message *message = decode_copy(bytes, len, &err);
    if (message == NULL) {
        CHECK(err.code == ERR_CORRUPT && strstr(err.text, "a/b") != NULL, "%s %zu: %s", what, at, err.text);
        return;
    }
    CHECK(message->qos <= 2, "%s %zu", what, at);
    CHECK((size_t)message->props_len + message->payload_len == len - 6, "%s %zu", what, at);
    struct mqtt_properties properties;
    struct str props = props_of(message);
    CHECK(mqtt_properties_decode((const uint8_t *)props.data, props.len, MQTT_LIST_PUBLISH, &properties) ==
              MQTT_SUCCESS,
          "%s %zu", what, at);
    CHECK(message->expiry_at == 0 || message->expiry_at + 4 <= message->props_len, "%s %zu", what, at);
    struct buf stored = {0};
    message_encode(message, &stored);
    CHECK(stored.len == len && memcmp(stored.data, bytes, len) == 0, "%s %zu", what, at);
    buf_free(&stored);
    message_unref(message);
}

static void test_every_truncation_is_refused_or_harmless(void **state)
{
    (void)state;
    struct message *message = full_message();
    struct buf stored = {0};
    struct error err;
    message_encode(message, &stored);
    size_t needed = 6 + message->props_len;
    for (size_t len = 0; len < stored.len; len++) {
        struct message *cut = decode_copy(stored.data, len, &err);
        CHECK((cut != NULL) == (len >= needed), "%zu bytes of %zu", len, stored.len);
        if (cut != NULL)
            message_unref(cut);
        check_harmless(stored.data, len, "cut to", len);
    }
    buf_free(&stored);
    message_unref(message);
}

static void test_every_corrupted_byte_is_refused_or_harmless(void **state)
{
    (void)state;
    struct message *message = full_message();
    struct buf stored = {0};
    message_encode(message, &stored);
    for (size_t at = 0; at < stored.len; at++) {
        uint8_t right = stored.data[at];
        for (unsigned value = 0; value < 256; value++) {
            stored.data[at] = (uint8_t)value;
            check_harmless(stored.data, stored.len, "byte", at);
        }
        stored.data[at] = right;
    }
    buf_free(&stored);
    message_unref(message);
}

static void test_what_no_version_of_ours_has_written_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t bytes[12];
        size_t len;
    } rows[] = {
        {"version 0", {0, 0, 0, 0, 0, 0}, 6},
        {"version 2", {2, 0, 0, 0, 0, 0}, 6},
        {"QoS 3", {1, 3, 0, 0, 0, 0}, 6},
        {"properties longer than there are", {1, 0, 1, 0, 0, 0}, 6},
        {"properties longer than anything", {1, 0, 0xff, 0xff, 0xff, 0xff, 0}, 7},
        {"an unknown property", {1, 0, 2, 0, 0, 0, 0x7f, 0}, 8},
        {"a property of another packet", {1, 0, 3, 0, 0, 0, MQTT_PROP_RECEIVE_MAXIMUM, 0, 1}, 9},
    };
    TABLE_EACH(row, rows)
    {
        struct error err = {0};
        CHECK(decode_copy(row->bytes, row->len, &err) == NULL && err.code == ERR_CORRUPT, "%s", row->name);
    }
    static const uint8_t good[] = {1, 0, 0, 0, 0, 0};
    static char long_topic[65537];
    memset(long_topic, 't', sizeof(long_topic));
    struct error err = {0};
    assert_null(message_decode(STR(""), str_make(good, sizeof(good)), 0, &err));
    assert_null(message_decode(str_make(long_topic, 65536), str_make(good, sizeof(good)), 0, &err));
    struct message *message =
        message_decode(str_make(long_topic, 65535), str_make(good, sizeof(good)), 0, &err);
    assert_non_null(message);
    message_unref(message);
}

RUN_TESTS(cmocka_unit_test(test_a_publication_of_a_message_has_its_parts),
          cmocka_unit_test(test_a_publication_without_a_message_owns_nothing),
          cmocka_unit_test(test_the_last_of_several_threads_frees_a_message),
          cmocka_unit_test(test_the_stored_form_is_the_one_in_the_header),
          cmocka_unit_test(test_a_message_survives_being_stored),
          cmocka_unit_test(test_every_truncation_is_refused_or_harmless),
          cmocka_unit_test(test_every_corrupted_byte_is_refused_or_harmless),
          cmocka_unit_test(test_what_no_version_of_ours_has_written_is_refused))
