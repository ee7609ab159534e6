/* The null broker, spoken to with raw packets. */
#include "harness.h"

#include "bench/relay_internal.h"
#include "bench/stream_internal.h"

#include "mqtt/mqtt.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 60000 /* longer than any answer takes; a test that waits for it fails */

static struct relay *relay;
static struct stream_address address;

static int setup(void **state)
{
    (void)state;
    uint16_t port = 0;
    relay = relay_start("127.0.0.1", &port, 2, NULL);
    return relay == NULL || !stream_resolve(&address, "127.0.0.1", port, NULL);
}

static int teardown(void **state)
{
    (void)state;
    relay_stop(relay);
    return 0;
}

static void put(int fd, const void *data, size_t len)
{
    assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
}

/* Exactly these bytes come next. */
static void expect(int fd, const void *data, size_t len)
{
    uint8_t got[4096];
    size_t have = 0;
    assert_true(len <= sizeof got);
    while (have < len) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
        ssize_t more = recv(fd, got + have, len - have, 0);
        assert_true(more > 0);
        have += (size_t)more;
    }
    assert_memory_equal(got, data, len);
}

static void expect_end(int fd)
{
    uint8_t byte;
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
    assert_true(recv(fd, &byte, 1, 0) <= 0);
}

static int connected(uint8_t version)
{
    int fd = stream_connect(&address, 0, NULL);
    assert_true(fd >= 0);
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    assert_int_equal(poll(&writable, 1, PATIENCE_MS), 1);
    struct buf packet = {0};
    struct mqtt_connect connect = {.version = version, .clean_start = true, .client_id = STR("c")};
    mqtt_properties_init(&connect.properties);
    mqtt_encode_connect(&packet, &connect);
    put(fd, packet.data, packet.len);
    buf_free(&packet);
    if (version == MQTT_5)
        expect(fd, "\x20\x03\x00\x00\x00", 5);
    else
        expect(fd, "\x20\x02\x00\x00", 4);
    return fd;
}

static int subscribed(const char *filter, uint8_t qos)
{
    int fd = connected(MQTT_3_1_1);
    struct buf packet = {0};
    struct mqtt_subscription subscription = {.filter = str_of(filter), .qos = qos};
    mqtt_encode_subscribe(&packet, MQTT_3_1_1, 7, NULL, &subscription, 1);
    put(fd, packet.data, packet.len);
    buf_free(&packet);
    uint8_t suback[] = {0x90, 3, 0, 7, qos};
    expect(fd, suback, sizeof suback);
    return fd;
}

static size_t publish(uint8_t *out, const char *topic, uint8_t qos, uint16_t id, const char *payload)
{
    struct buf packet = {0};
    struct mqtt_publish message = {
        .qos = qos, .packet_id = id, .topic = str_of(topic), .payload = str_of(payload)};
    mqtt_encode_publish(&packet, MQTT_3_1_1, &message);
    size_t len = packet.len;
    memcpy(out, packet.data, len);
    buf_free(&packet);
    return len;
}

static void test_connect_is_answered_in_both_versions(void **state)
{
    (void)state;
    close(connected(MQTT_3_1_1));
    close(connected(MQTT_5));
}

static void test_ping_is_answered(void **state)
{
    (void)state;
    int fd = connected(MQTT_3_1_1);
    put(fd, "\xC0\x00", 2);
    expect(fd, "\xD0\x00", 2);
    close(fd);
}

static void test_publish_bytes_reach_matching_subscribers_only(void **state)
{
    (void)state;
    uint8_t packets[256];
    int exact = subscribed("a/b", 0), wild = subscribed("a/#", 0), other = subscribed("x", 0);
    int publisher = connected(MQTT_3_1_1);
    size_t len = publish(packets, "a/b", 0, 0, "one");
    len += publish(packets + len, "a/b", 0, 0, "two");
    put(publisher, packets, len);
    expect(exact, packets, len);
    expect(wild, packets, len);
    put(other, "\xC0\x00", 2);
    expect(other, "\xD0\x00", 2); /* nothing came before the answer */
    close(publisher);
    close(exact);
    close(wild);
    close(other);
}

static void test_packets_in_pieces_are_relayed_whole(void **state)
{
    (void)state;
    uint8_t packet[256];
    int subscriber = subscribed("a", 0), publisher = connected(MQTT_3_1_1);
    size_t len = publish(packet, "a", 0, 0, "payload");
    for (size_t i = 0; i < len; i++)
        put(publisher, packet + i, 1);
    expect(subscriber, packet, len);
    close(publisher);
    close(subscriber);
}

static void test_acknowledgements_of_qos_1_and_2(void **state)
{
    (void)state;
    uint8_t packets[256];
    int publisher = connected(MQTT_3_1_1);
    size_t len = publish(packets, "a", 1, 5, "x");
    len += publish(packets + len, "a", 1, 6, "x");
    len += publish(packets + len, "a", 2, 7, "x");
    put(publisher, packets, len);
    expect(publisher, "\x40\x02\x00\x05\x40\x02\x00\x06\x50\x02\x00\x07", 12);
    put(publisher, "\x62\x02\x00\x07", 4);
    expect(publisher, "\x70\x02\x00\x07", 4);
    close(publisher);
}

static void test_subscribers_acknowledgements_end_here(void **state)
{
    (void)state;
    int subscriber = subscribed("a", 2);
    put(subscriber, "\x40\x02\x00\x01\x50\x02\x00\x02", 8); /* PUBACK 1, PUBREC 2 */
    expect(subscriber, "\x62\x02\x00\x02", 4);
    close(subscriber);
}

static void test_subscribers_that_come_and_go_change_the_route(void **state)
{
    (void)state;
    uint8_t packet[256];
    size_t len = publish(packet, "a", 1, 1, "x");
    int publisher = connected(MQTT_3_1_1);
    put(publisher, packet, len);
    expect(publisher, "\x40\x02\x00\x01", 4);
    int first = subscribed("a", 1), second = subscribed("a", 1);
    put(publisher, packet, len);
    expect(first, packet, len);
    expect(second, packet, len);
    put(first, "\xE0\x00", 2); /* DISCONNECT */
    expect_end(first);
    put(publisher, packet, len);
    expect(second, packet, len);
    close(first);
    close(second);
    close(publisher);
}

static void test_what_is_not_mqtt_is_closed(void **state)
{
    (void)state;
    int fd = connected(MQTT_3_1_1);
    put(fd, "\x30\xFF\xFF\xFF\xFF", 5);
    expect_end(fd);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect_is_answered_in_both_versions),
        cmocka_unit_test(test_ping_is_answered),
        cmocka_unit_test(test_publish_bytes_reach_matching_subscribers_only),
        cmocka_unit_test(test_packets_in_pieces_are_relayed_whole),
        cmocka_unit_test(test_acknowledgements_of_qos_1_and_2),
        cmocka_unit_test(test_subscribers_acknowledgements_end_here),
        cmocka_unit_test(test_subscribers_that_come_and_go_change_the_route),
        cmocka_unit_test(test_what_is_not_mqtt_is_closed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
