/* Feeds: subscriptions that a provider answers. The one here counts: `$count/10` gives the numbers 0 to 9,
 * `$count/10/wide` the odd ones with 200 digits. */
#include "broker_test.h"

#include "base/hash.h"
#include "base/mem.h"

#define TAGS_MAX 4096

struct counter {
    struct feed feed; /* first */
    uint32_t next;
    uint32_t end;
    bool wide;
};

/* What the provider has seen; one at a time: every test has one feed, and looks when the broker is quiet. */
static struct {
    struct counter *feed;
    atomic_uint opened, closed, settled, refused, too_large, arrivals, departures;
    atomic_int why;
    bool restored, durable;
    char client_id[64], group[64], start[64];
    uint16_t packet_ids[TAGS_MAX];
} seen;

static bool pull(struct feed *feed, uint32_t most)
{
    struct counter *counter = (struct counter *)feed;
    for (; most > 0 && counter->next < counter->end; most--) {
        char text[256];
        snprintf(text, sizeof(text), "%0*u", counter->wide && counter->next % 2 == 1 ? 200 : 1,
                 counter->next);
        struct publication publication = {.topic = STR("number"), .payload = str_of(text), .qos = 2};
        uint16_t id = feed_give(feed, &publication, counter->next);
        seen.packet_ids[counter->next++ % TAGS_MAX] = id;
        publication_end(&publication);
    }
    return counter->next < counter->end;
}

static void settled(struct feed *feed, uint64_t tag, uint8_t reason)
{
    (void)feed;
    (void)tag;
    atomic_fetch_add(reason == MQTT_PACKET_TOO_LARGE ? &seen.too_large
                     : reason >= 0x80                ? &seen.refused
                                                     : &seen.settled,
                     1);
}

static void presence(struct feed *feed, bool here)
{
    (void)feed;
    atomic_fetch_add(here ? &seen.arrivals : &seen.departures, 1);
}

static void close_counter(struct feed *feed, enum feed_end why)
{
    mem_free(feed);
    atomic_store(&seen.why, (int)why);
    atomic_fetch_add(&seen.closed, 1);
}

static const struct feed_ops counter_ops = {
    .pull = pull, .settled = settled, .presence = presence, .close = close_counter};

static bool canonical(void *user, struct str filter, struct buf *out)
{
    (void)user;
    buf_append_str(out, filter);
    return true;
}

static void copy_text(char out[64], struct str text)
{
    snprintf(out, 64, "%.*s", STR_ARG(text));
}

static struct feed *open_counter(void *user, const struct feed_request *request, uint8_t *reason,
                                 const char **why)
{
    (void)user;
    unsigned end = 0;
    if (sscanf(request->filter.data, "$count/%u", &end) != 1) {
        *reason = MQTT_BAD_TOPIC_FILTER;
        *why = "no number";
        return NULL;
    }
    struct counter *counter = mem_zalloc(sizeof(*counter));
    counter->feed.ops = &counter_ops;
    counter->end = end;
    counter->wide = request->filter.len > 5 &&
                    str_is(str_make(request->filter.data + request->filter.len - 5, 5), "/wide");
    copy_text(seen.client_id, request->client_id);
    copy_text(seen.group, request->group);
    copy_text(seen.start, request->start);
    seen.restored = request->restored;
    seen.durable = request->durable;
    seen.feed = counter;
    atomic_fetch_add(&seen.opened, 1);
    return &counter->feed;
}

static const struct feed_provider provider = {
    .prefix = {"$count/", 7}, .canonical = canonical, .open = open_counter};

static void start(struct site *site, unsigned reactors, struct settings *settings)
{
    memset(&seen, 0, sizeof(seen));
    site_start_fed(site, reactors, settings, &provider);
}

/* ---- Giving ---------------------------------------------------------------------------------------------- */

static void test_a_feed_gives_everything_in_order_behind_the_suback(void **state)
{
    (void)state;
    for (uint8_t version = MQTT_3_1; version <= MQTT_5; version++) {
        struct site site;
        struct client client;
        start(&site, 2, NULL);
        CLIENT_CONNECT(&client, &site, false, .id = "reader", .version = version);
        subscribe_to(&client, "$count/3000", 0);
        for (unsigned i = 0; i < 3000; i++) {
            char expected[64];
            snprintf(expected, sizeof(expected), "PUBLISH number qos 0 \"%u\"", i);
            EXPECT(&client, expected);
        }
        client_bye(&client);
        WAIT_FOR(atomic_load(&seen.closed) == 1);
        assert_int_equal(atomic_load(&seen.settled), 3000);
        assert_int_equal(atomic_load(&seen.why), FEED_SESSION_ENDED);
        assert_string_equal(seen.client_id, "reader");
        site_end(&site);
    }
}

static void test_a_feed_waits_for_the_clients_window(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    start(&site, 1, NULL);
    CLIENT_CONNECT(&client, &site, false, .id = "reader", .receive_maximum = 2);
    subscribe_to(&client, "$count/4", 1);
    EXPECT(&client, "PUBLISH number qos 1 #1 \"0\"", "PUBLISH number qos 1 #2 \"1\"");
    client_sync(&client);
    say_ack(&client, MQTT_PUBACK, 2);
    EXPECT(&client, "PUBLISH number qos 1 #3 \"2\"");
    say_ack(&client, MQTT_PUBACK, 1);
    EXPECT(&client, "PUBLISH number qos 1 #4 \"3\"");
    client_sync(&client);
    assert_int_equal(atomic_load(&seen.settled), 2);
    client_bye(&client);
    site_end(&site);
}

static void test_at_qos_2_pubrec_settles(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    start(&site, 1, NULL);
    CLIENT_CONNECT(&client, &site, false, .id = "reader");
    subscribe_to(&client, "$count/1", 2);
    EXPECT(&client, "PUBLISH number qos 2 #1 \"0\"");
    say_ack(&client, MQTT_PUBREC, 1);
    EXPECT(&client, "PUBREL #1 00");
    assert_int_equal(atomic_load(&seen.settled), 1);
    say_ack(&client, MQTT_PUBCOMP, 1);
    client_sync(&client);
    assert_int_equal(atomic_load(&seen.settled), 1);
    client_bye(&client);
    site_end(&site);
}

static void test_a_clients_refusal_reaches_the_feed(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    start(&site, 1, NULL);
    CLIENT_CONNECT(&client, &site, false, .id = "reader");
    subscribe_to(&client, "$count/1", 1);
    EXPECT(&client, "PUBLISH number qos 1 #1 \"0\"");
    mqtt_encode_ack(&client.out, MQTT_5, MQTT_PUBACK, 1, MQTT_IMPLEMENTATION_ERROR, NULL);
    client_flush(&client);
    client_sync(&client);
    assert_int_equal(atomic_load(&seen.refused), 1);
    assert_int_equal(atomic_load(&seen.settled), 0);
    client_bye(&client);
    site_end(&site);
}

static void test_what_the_client_does_not_take_is_told(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    start(&site, 1, NULL);
    CLIENT_CONNECT(&client, &site, false, .id = "reader", .maximum_packet_bytes = 100);
    subscribe_to(&client, "$count/4/wide", 1);
    EXPECT(&client, "PUBLISH number qos 1 #1 \"0\"", "PUBLISH number qos 1 #3 \"2\"");
    client_sync(&client);
    assert_int_equal(atomic_load(&seen.too_large), 2);
    client_bye(&client);
    site_end(&site);
}

static void more(struct shard *shard, void *arg)
{
    (void)shard;
    (void)arg;
    seen.feed->end += 2;
    feed_ready(&seen.feed->feed);
}

static void test_a_feed_that_becomes_ready_is_pulled(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    start(&site, 1, NULL);
    CLIENT_CONNECT(&client, &site, false, .id = "reader");
    subscribe_to(&client, "$count/1", 0);
    EXPECT(&client, "PUBLISH number qos 0 \"0\"");
    on_shard(&site, 0, more, NULL);
    EXPECT(&client, "PUBLISH number qos 0 \"1\"", "PUBLISH number qos 0 \"2\"");
    client_bye(&client);
    site_end(&site);
}

static void test_a_slow_reader_does_not_hold_up_others(void **state)
{
    (void)state;
    struct site site;
    struct client slow, other;
    start(&site, 1, NULL);
    CLIENT_CONNECT(&slow, &site, false, .id = "slow", .socket_bytes = 4096);
    put_subscribe(&slow, 1, "$count/100000000", (struct mqtt_subscription){0}, 0);
    client_flush(&slow);
    CLIENT_CONNECT(&other, &site, false, .id = "other");
    for (int i = 0; i < 20; i++)
        client_sync(&other);
    client_bye(&other);
    client_drop(&slow);
    WAIT_FOR(atomic_load(&seen.closed) == 1);
    site_end(&site);
}

/* ---- Subscribing ----------------------------------------------------------------------------------------- */

static void test_a_filter_that_the_provider_refuses_is_refused(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    start(&site, 1, NULL);
    CLIENT_CONNECT(&client, &site, false, .id = "reader");
    put_subscribe(&client, 1, "$count/x", (struct mqtt_subscription){.qos = 1}, 0);
    client_flush(&client);
    EXPECT(&client, "SUBACK #1 8f");
    client_bye(&client);
    site_end(&site);
}

static void test_rules_judge_the_filters_of_feeds(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    struct settings *settings = quiet_settings();
    struct acl_rule *rule = mem_zalloc(sizeof(*rule));
    rule->allow = false;
    rule->publish = true;
    rule->subscribe = true;
    rule->topics = mem_zalloc(sizeof(*rule->topics));
    rule->topics[0] = mem_strdup("$count/5");
    rule->topic_count = 1;
    settings->acl = rule;
    settings->acl_count = 1;
    start(&site, 1, settings);
    CLIENT_CONNECT(&client, &site, false, .id = "reader");
    put_subscribe(&client, 1, "$count/5", (struct mqtt_subscription){.qos = 1}, 0);
    client_flush(&client);
    EXPECT(&client, "SUBACK #1 87");
    put_subscribe(&client, 2, "$count/1", (struct mqtt_subscription){.qos = 0}, 0);
    client_flush(&client);
    EXPECT(&client, "SUBACK #2 00", "PUBLISH number qos 0 \"0\"");
    client_bye(&client);
    site_end(&site);
}

static void test_group_start_and_identifier_reach_their_places(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    start(&site, 1, NULL);
    CLIENT_CONNECT(&client, &site, false, .id = "reader");
    struct mqtt_properties properties;
    struct mqtt_subscription subscription = {.filter = STR("$share/team/$count/1"), .qos = 1};
    struct buf start_property = {0};
    mqtt_user_property_append(&start_property, STR("start"), STR("earliest"));
    mqtt_properties_init(&properties);
    properties.subscription_id = 7;
    property_set(&properties, MQTT_PROP_SUBSCRIPTION_ID);
    properties.user_encoded = buf_str(&start_property);
    mqtt_encode_subscribe(&client.out, MQTT_5, 1, &properties, &subscription, 1);
    client_flush(&client);
    EXPECT(&client, "SUBACK #1 01", "PUBLISH number qos 1 #1 id 7 \"0\"");
    assert_string_equal(seen.group, "team");
    assert_string_equal(seen.start, "earliest");
    assert_false(seen.durable);
    buf_free(&start_property);
    client_bye(&client);
    site_end(&site);
}

static void test_the_same_filter_again_goes_on(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    start(&site, 1, NULL);
    CLIENT_CONNECT(&client, &site, false, .id = "reader");
    subscribe_to(&client, "$count/1", 0);
    EXPECT(&client, "PUBLISH number qos 0 \"0\"");
    subscribe_to(&client, "$count/1", 1);
    client_sync(&client);
    assert_int_equal(atomic_load(&seen.opened), 1);
    client_bye(&client);
    site_end(&site);
}

static void test_unsubscribing_ends_a_feed_whose_messages_are_in_flight(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    start(&site, 1, NULL);
    CLIENT_CONNECT(&client, &site, false, .id = "reader");
    subscribe_to(&client, "$count/1", 1);
    EXPECT(&client, "PUBLISH number qos 1 #1 \"0\"");
    struct str filter = STR("$count/1");
    mqtt_encode_unsubscribe(&client.out, MQTT_5, 2, NULL, &filter, 1);
    client_flush(&client);
    EXPECT(&client, "UNSUBACK #2 00");
    assert_int_equal(atomic_load(&seen.why), FEED_UNSUBSCRIBED);
    say_ack(&client, MQTT_PUBACK, 1);
    client_sync(&client);
    assert_int_equal(atomic_load(&seen.settled), 0);
    client_bye(&client);
    site_end(&site);
}

/* ---- Away ------------------------------------------------------------------------------------------------ */

static void test_what_is_in_flight_comes_again_and_the_feed_goes_on(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    start(&site, 1, NULL);
    CLIENT_CONNECT(&client, &site, false, .id = "reader", .keep = true, .receive_maximum = 1);
    subscribe_to(&client, "$count/2", 1);
    assert_true(seen.durable);
    EXPECT(&client, "PUBLISH number qos 1 #1 \"0\"");
    client_drop(&client);
    WAIT_FOR(atomic_load(&seen.departures) == 1);
    CLIENT_CONNECT(&client, &site, true, .id = "reader", .keep = true);
    EXPECT(&client, "PUBLISH number qos 1 #1 dup \"0\"", "PUBLISH number qos 1 #2 \"1\"");
    assert_int_equal(atomic_load(&seen.arrivals), 1);
    say_ack(&client, MQTT_PUBACK, 1);
    client_sync(&client);
    assert_int_equal(atomic_load(&seen.settled), 1);
    client_bye(&client);
    site_end(&site);
}

static void take_back(struct shard *shard, void *arg)
{
    (void)shard;
    *(bool *)arg = feed_revoke(&seen.feed->feed, seen.packet_ids[0], 0);
}

static void test_a_message_can_be_revoked_while_the_client_is_away(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    bool revoked;
    start(&site, 1, NULL);
    CLIENT_CONNECT(&client, &site, false, .id = "reader", .keep = true, .receive_maximum = 1);
    subscribe_to(&client, "$count/2", 1);
    EXPECT(&client, "PUBLISH number qos 1 #1 \"0\"");
    on_shard(&site, 0, take_back, &revoked);
    assert_false(revoked); /* the client has it in its hands */
    client_drop(&client);
    WAIT_FOR(atomic_load(&seen.departures) == 1);
    on_shard(&site, 0, take_back, &revoked);
    assert_true(revoked);
    CLIENT_CONNECT(&client, &site, true, .id = "reader", .keep = true);
    EXPECT(&client, "PUBLISH number qos 1 #2 \"1\"");
    client_bye(&client);
    site_end(&site);
}

static void test_the_feed_of_a_kept_session_opens_again_at_the_start(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    start(&site, 2, NULL);
    CLIENT_CONNECT(&client, &site, false, .id = "reader", .keep = true);
    subscribe_to(&client, "$share/team/$count/0", 1);
    client_bye(&client);
    site_halt(&site, 5000);
    assert_int_equal(atomic_load(&seen.why), FEED_STOPPING);
    site_run(&site, 1, NULL);
    assert_int_equal(atomic_load(&seen.opened), 2);
    assert_true(seen.restored);
    assert_string_equal(seen.group, "team");
    CLIENT_CONNECT(&client, &site, true, .id = "reader", .keep = true);
    on_shard(&site, 0, more, NULL);
    EXPECT(&client, "PUBLISH number qos 1 #1 \"0\"", "PUBLISH number qos 1 #2 \"1\"");
    client_bye(&client);
    site_end(&site);
}

/* At QoS 2 the journal knows the packet identifier before the client does: a start does not give it to another message,
 * which a client that has kept it would take for a repetition. */
static void test_an_identifier_of_a_feed_stays_taken_when_the_broker_starts_again(void **state)
{
    (void)state;
    struct site site = {.feeds = &provider, .durable = true};
    struct client client;
    memset(&seen, 0, sizeof(seen));
    harness_make_dir(site.dir);
    site_run(&site, 1, NULL);
    CLIENT_CONNECT(&client, &site, false, .id = "c", .keep = true);
    subscribe_to(&client, "$count/2", 2);
    EXPECT(&client, "PUBLISH number qos 2 #1 \"0\"", "PUBLISH number qos 2 #2 \"1\"");
    say_ack(&client, MQTT_PUBREC, 1);
    EXPECT(&client, "PUBREL #1 00");
    say_ack(&client, MQTT_PUBCOMP, 1);
    client_sync(&client);
    client_drop(&client);
    site_halt(&site, 5000);
    site_run(&site, 1, NULL);
    CLIENT_CONNECT(&client, &site, true, .id = "c", .keep = true);
    EXPECT(&client, "PUBREL #2 00");
    EXPECT(&client, "PUBLISH number qos 2 #3 \"0\"", "PUBLISH number qos 2 #4 \"1\"");
    client_drop(&client);
    site_end(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_feed_gives_everything_in_order_behind_the_suback),
        cmocka_unit_test(test_a_feed_waits_for_the_clients_window),
        cmocka_unit_test(test_at_qos_2_pubrec_settles),
        cmocka_unit_test(test_a_clients_refusal_reaches_the_feed),
        cmocka_unit_test(test_what_the_client_does_not_take_is_told),
        cmocka_unit_test(test_a_feed_that_becomes_ready_is_pulled),
        cmocka_unit_test(test_a_slow_reader_does_not_hold_up_others),
        cmocka_unit_test(test_a_filter_that_the_provider_refuses_is_refused),
        cmocka_unit_test(test_rules_judge_the_filters_of_feeds),
        cmocka_unit_test(test_group_start_and_identifier_reach_their_places),
        cmocka_unit_test(test_the_same_filter_again_goes_on),
        cmocka_unit_test(test_unsubscribing_ends_a_feed_whose_messages_are_in_flight),
        cmocka_unit_test(test_what_is_in_flight_comes_again_and_the_feed_goes_on),
        cmocka_unit_test(test_a_message_can_be_revoked_while_the_client_is_away),
        cmocka_unit_test(test_the_feed_of_a_kept_session_opens_again_at_the_start),
        cmocka_unit_test(test_an_identifier_of_a_feed_stays_taken_when_the_broker_starts_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
