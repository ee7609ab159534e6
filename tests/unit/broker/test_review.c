/* What clients try that mean no good, and what goes wrong beside the way: each of these once went wrong. */
#include "broker_test.h"

#include "base/clock.h"

/* ---- Bursts and encodings -------------------------------------------------------------------------------- */

/* An alias that is given to another topic while messages under the former one wait for their delivery. */
static void test_an_alias_may_change_its_topic_among_messages_that_come_together(void **state)
{
    (void)state;
    struct site site;
    struct client subscribers[3], publisher;
    site_start(&site, 1, NULL);
    for (size_t i = 0; i < LENGTH(subscribers); i++) {
        CLIENT_CONNECT(&subscribers[i], &site, false, .id = (char[]){'s', (char)('0' + i), '\0'});
        subscribe_to(&subscribers[i], "#", 0);
    }
    CLIENT_CONNECT(&publisher, &site, false, .id = "p");
    static const char alias_1[] = {MQTT_PROP_TOPIC_ALIAS, 0, 1};
    struct mqtt_publish publish = {.raw_props = str_make(alias_1, sizeof(alias_1)), .payload = STR("x")};
    static const char *const topics[] = {"a/topic/with/a/name/of/some/length", "", "", "another/topic/of/length", ""};
    for (size_t i = 0; i < LENGTH(topics); i++) {
        publish.topic = str_of(topics[i]);
        put_publish(&publisher, &publish);
    }
    client_flush(&publisher);
    client_sync(&publisher);
    for (size_t i = 0; i < LENGTH(subscribers); i++) {
        EXPECT(&subscribers[i], "PUBLISH a/topic/with/a/name/of/some/length qos 0 \"x\"",
               "PUBLISH a/topic/with/a/name/of/some/length qos 0 \"x\"",
               "PUBLISH a/topic/with/a/name/of/some/length qos 0 \"x\"",
               "PUBLISH another/topic/of/length qos 0 \"x\"", "PUBLISH another/topic/of/length qos 0 \"x\"");
        client_bye(&subscribers[i]);
    }
    client_bye(&publisher);
    site_end(&site);
}

static void encoded_bytes(struct shard *shard, void *arg)
{
    *(size_t *)arg = shard->encode.len;
}

/* Every other subscriber wants the retain flag kept: one encoding for each kind, not one for each subscriber. */
static void test_one_encoding_serves_all_subscribers_of_a_kind(void **state)
{
    (void)state;
    enum { SUBSCRIBERS = 40 };
    struct site site;
    struct client subscribers[SUBSCRIBERS], publisher;
    site_start(&site, 1, NULL);
    for (unsigned i = 0; i < SUBSCRIBERS; i++) {
        char id[16];
        snprintf(id, sizeof(id), "s-%u", i);
        CLIENT_CONNECT(&subscribers[i], &site, false, .id = id);
        put_subscribe(&subscribers[i], 1, "t", (struct mqtt_subscription){.retain_as_published = i % 2 != 0}, 0);
        client_flush(&subscribers[i]);
        EXPECT(&subscribers[i], "SUBACK #1 00");
    }
    CLIENT_CONNECT(&publisher, &site, false, .id = "p");
    char payload[1001] = {0};
    memset(payload, 'x', 1000);
    say_retained(&publisher, "t", 0, 0, payload);
    client_sync(&publisher);
    for (unsigned i = 0; i < SUBSCRIBERS; i++) {
        EXPECT(&subscribers[i], i % 2 != 0 ? "PUBLISH t qos 0 retain <1000 bytes>" : "PUBLISH t qos 0 <1000 bytes>");
        client_drop(&subscribers[i]);
    }
    size_t bytes = 0;
    on_shard(&site, 0, encoded_bytes, &bytes);
    assert_in_range(bytes, 0, 3000);
    client_bye(&publisher);
    site_end(&site);
}

RUN_TESTS(cmocka_unit_test(test_an_alias_may_change_its_topic_among_messages_that_come_together),
          cmocka_unit_test(test_one_encoding_serves_all_subscribers_of_a_kind))
