/* What settings bound, and what becomes of clients at the border; reloads; a start that fails. */
#include "broker_test.h"

#include "base/clock.h"

static void reload(const struct site *site, struct settings *settings)
{
    struct error err;
    ASSERT_OK(broker_reload(site->broker, settings, &err), err);
}

static void nothing(struct shard *shard, void *arg)
{
    (void)shard;
    (void)arg;
}

/* Every shard has read the mail it had. */
static void settle(const struct site *site)
{
    for (unsigned i = 0; i < site->broker->shard_count; i++)
        on_shard(site, i, nothing, NULL);
}

/* ---- Levels of topics ------------------------------------------------------------------------------------ */

static void test_a_limit_of_levels_concerns_what_clients_say(void **state)
{
    (void)state;
    struct site site;
    struct client client, watcher;
    struct settings *settings = settings_new();
    settings->mqtt.max_topic_levels = 2;
    settings->sys_interval_ms = 1; /* its topics have up to five */
    site_start(&site, 2, settings);
    CLIENT_CONNECT(&client, &site, false, .id = "c");
    put_subscribe(&client, 1, "a/b", (struct mqtt_subscription){.qos = 0}, 0);
    put_subscribe(&client, 2, "a/b/c", (struct mqtt_subscription){.qos = 0}, 0);
    put_subscribe(&client, 3, "$share/g/a/b", (struct mqtt_subscription){.qos = 0}, 0);
    client_flush(&client);
    EXPECT(&client, "SUBACK #1 00", "SUBACK #2 8f", "SUBACK #3 00");
    say_publish(&client, "a/b/c", 0, 0, "x");
    EXPECT(&client, "DISCONNECT 90", "end");
    client_drop(&client);
    client_hello(&client, &site, (struct hello){.id = "c", .will_topic = "a/b/c", .will_payload = "x"});
    EXPECT(&client, "CONNACK new 90", "end");
    client_drop(&client);
    /* The broker itself goes on telling. */
    struct buf text = {0};
    CLIENT_CONNECT(&watcher, &site, false, .id = "w");
    put_subscribe(&watcher, 1, "$SYS/#", (struct mqtt_subscription){.qos = 0}, 0);
    client_flush(&watcher);
    EXPECT(&watcher, "SUBACK #1 00");
    do
        client_hear(&watcher, &text);
    while (strncmp(buf_cstr(&text), "PUBLISH $SYS/broker/uptime qos 0 \"", 34) != 0);
    buf_free(&text);
    client_drop(&watcher);
    site_end(&site);
}

/* What is on its way to a reactor that has the lower limit already. */
static void test_a_lower_limit_of_levels_spares_what_was_let_in(void **state)
{
    (void)state;
    struct site site;
    struct client publisher, subscriber;
    site_start(&site, 2, NULL);
    CLIENT_CONNECT(&subscriber, &site, false, .id = ID_ON(&site, 1, "s"));
    subscribe_to(&subscriber, "#", 0);
    CLIENT_CONNECT(&publisher, &site, false, .id = ID_ON(&site, 0, "p"), .will_topic = "a/b/c/d",
                   .will_payload = "will");
    struct settings *settings = quiet_settings();
    settings->mqtt.max_topic_levels = 2;
    reload(&site, settings);
    settle(&site);
    client_drop(&publisher);
    EXPECT(&subscriber, "PUBLISH a/b/c/d qos 0 \"will\"");
    client_bye(&subscriber);
    site_end(&site);
}

/* ---- Queues ---------------------------------------------------------------------------------------------- */

struct fullness {
    const char *name;
    enum queue_full_policy policy;
    uint32_t messages;
    uint64_t bytes;
    const char *expected[3]; /* payloads that are left of one to five; NULL: none more */
};

static void check_fullness(const struct fullness *row)
{
    struct site site;
    struct client client, publisher;
    struct settings *settings = quiet_settings();
    settings->sessions.when_full = row->policy;
    settings->sessions.max_queued_messages = row->messages;
    settings->sessions.max_queued_bytes = row->bytes;
    site_start(&site, 2, settings);
    CLIENT_CONNECT(&client, &site, false, .id = ID_ON(&site, 0, "c"), .keep = true);
    subscribe_to(&client, "t", 1);
    client_bye(&client);
    CLIENT_CONNECT(&publisher, &site, false, .id = ID_ON(&site, 1, "p"));
    static const char *const payloads[] = {"one", "two", "three", "four", "five"};
    for (uint16_t i = 0; i < LENGTH(payloads); i++)
        say_publish(&publisher, "t", 1, (uint16_t)(i + 1), payloads[i]);
    say_publish(&publisher, "t", 0, 0, "not kept");
    EXPECT(&publisher, "PUBACK #1 00", "PUBACK #2 00", "PUBACK #3 00", "PUBACK #4 00", "PUBACK #5 00");
    settle(&site);
    CLIENT_CONNECT(&client, &site, true, .id = ID_ON(&site, 0, "c"), .keep = true);
    for (size_t i = 0; i < LENGTH(row->expected) && row->expected[i] != NULL; i++) {
        char expected[64];
        snprintf(expected, sizeof(expected), "PUBLISH t qos 1 #%zu \"%s\"", i + 1, row->expected[i]);
        struct buf text = {0};
        client_hear(&client, &text);
        CHECK(strcmp(buf_cstr(&text), expected) == 0, "%s: %s", row->name, buf_cstr(&text));
        buf_free(&text);
    }
    client_sync(&client);
    client_bye(&client);
    client_bye(&publisher);
    site_end(&site);
}

static void test_a_full_queue_drops_by_its_policy(void **state)
{
    (void)state;
    enum { MESSAGE = sizeof(struct message) + 1 };
    static const struct fullness rows[] = {
        {"oldest", QUEUE_DROP_OLDEST, 2, 0, {"four", "five"}},
        {"new", QUEUE_DROP_NEW, 2, 0, {"one", "two"}},
        {"disconnect", QUEUE_DISCONNECT, 2, 0, {"one", "two"}},
        {"oldest by bytes", QUEUE_DROP_OLDEST, 0, 2 * MESSAGE + 8, {"four", "five"}},
        {"new by bytes", QUEUE_DROP_NEW, 0, 2 * MESSAGE + 8, {"one", "two"}},
        {"one message is always let in", QUEUE_DROP_OLDEST, 0, 1, {"five"}},
    };
    TABLE_EACH(row, rows)
    check_fullness(row);
}

static void test_retained_messages_come_whatever_waits_where_queues_have_no_limit(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    struct settings *settings = quiet_settings();
    settings->sessions.max_queued_messages = 0;
    site_start(&site, 1, settings);
    CLIENT_CONNECT(&client, &site, false, .id = "c", .receive_maximum = 1);
    say_retained(&client, "r", 1, 1, "retained");
    EXPECT(&client, "PUBACK #1 10");
    subscribe_to(&client, "t", 1);
    for (uint16_t i = 2; i <= 4; i++)
        say_publish(&client, "t", 1, i, "x");
    EXPECT(&client, "PUBLISH t qos 1 #1 \"x\"", "PUBACK #2 00", "PUBACK #3 00", "PUBACK #4 00");
    subscribe_to(&client, "r", 1);
    for (uint16_t i = 1; i <= 2; i++)
        put_ack(&client, MQTT_PUBACK, i);
    client_flush(&client);
    EXPECT(&client, "PUBLISH t qos 1 #2 \"x\"", "PUBLISH t qos 1 #3 \"x\"");
    say_ack(&client, MQTT_PUBACK, 3);
    EXPECT(&client, "PUBLISH r qos 1 #4 retain \"retained\"");
    client_bye(&client);
    site_end(&site);
}

static void test_more_retained_messages_than_the_limit_are_refused(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    struct settings *settings = quiet_settings();
    settings->retained_max_messages = 2;
    settings->retained_max_payload_bytes = 5;
    site_start(&site, 1, settings);
    CLIENT_CONNECT(&client, &site, false, .id = "c");
    say_retained(&client, "a", 1, 1, "1");
    say_retained(&client, "b", 2, 2, "1");
    say_retained(&client, "c", 1, 3, "1");
    say_retained(&client, "c", 2, 4, "1");
    say_retained(&client, "a", 1, 5, "12345");
    say_retained(&client, "a", 1, 6, "123456");
    EXPECT(&client, "PUBACK #1 10", "PUBREC #2 10", "PUBACK #3 97", "PUBREC #4 97", "PUBACK #5 10",
           "PUBACK #6 97");
    /* The refused identifier is free. */
    say_publish(&client, "x", 2, 4, "1");
    EXPECT(&client, "PUBREC #4 10");
    say_retained(&client, "b", 1, 7, "");
    say_retained(&client, "c", 1, 8, "1");
    EXPECT(&client, "PUBACK #7 10", "PUBACK #8 10");
    put_subscribe(&client, 9, "#", (struct mqtt_subscription){.qos = 0}, 0);
    client_flush(&client);
    EXPECT(&client, "SUBACK #9 00");
    struct buf text = {0};
    bool seen[2] = {false, false};
    for (int i = 0; i < 2; i++) {
        client_hear(&client, &text);
        seen[0] |= strcmp(buf_cstr(&text), "PUBLISH a qos 0 retain \"12345\"") == 0;
        seen[1] |= strcmp(buf_cstr(&text), "PUBLISH c qos 0 retain \"1\"") == 0;
    }
    assert_true(seen[0] && seen[1]);
    buf_free(&text);
    client_sync(&client);
    client_bye(&client);
    site_end(&site);
}

/* ---- All sessions together ------------------------------------------------------------------------------- */

static void test_no_more_sessions_are_kept_than_the_limit(void **state)
{
    (void)state;
    struct site site;
    struct client one, two, client;
    struct settings *settings = quiet_settings();
    settings->sessions.max_sessions = 2;
    site_start(&site, 2, settings);
    CLIENT_CONNECT(&one, &site, false, .id = "1", .keep = true);
    client_bye(&one); /* kept although its client has gone */
    CLIENT_CONNECT(&two, &site, false, .id = "2", .keep = true, .version = MQTT_3_1_1);
    client_hello(&client, &site, (struct hello){.id = "3", .keep = true});
    EXPECT(&client, "CONNACK new 97", "end");
    client_drop(&client);
    client_hello(&client, &site, (struct hello){.id = "3", .keep = true, .version = MQTT_3_1_1});
    EXPECT(&client, "CONNACK new 03", "end");
    client_drop(&client);
    /* Who asks for none, or has one, is not concerned. */
    CLIENT_CONNECT(&client, &site, false, .id = "3");
    client_bye(&client);
    CLIENT_CONNECT(&one, &site, true, .id = "1", .keep = true);
    client_bye(&one);
    CLIENT_CONNECT(&one, &site, false, .id = "1", .keep = true, .clean = true);
    client_sync(&two);
    client_bye(&two);
    /* A place gets free when one ends. */
    CLIENT_CONNECT(&two, &site, false, .id = "2");
    client_bye(&two);
    CLIENT_CONNECT(&client, &site, false, .id = "3", .keep = true);
    client_bye(&client);
    client_bye(&one);
    /* After a restart they count as before. */
    site_halt(&site, 5000);
    settings = quiet_settings();
    settings->sessions.max_sessions = 2;
    site_run(&site, 2, settings);
    client_hello(&client, &site, (struct hello){.id = "4", .keep = true});
    EXPECT(&client, "CONNACK new 97", "end");
    client_drop(&client);
    CLIENT_CONNECT(&client, &site, true, .id = "3", .keep = true);
    client_bye(&client);
    site_end(&site);
}

#define BIG_BYTES 1000

static void say_big(struct client *publisher, const char *topic, uint16_t first, uint16_t count)
{
    char payload[BIG_BYTES + 1] = {0};
    memset(payload, 'x', BIG_BYTES);
    for (uint16_t i = first; i < first + count; i++) {
        char expected[32];
        say_publish(publisher, topic, 1, i, payload);
        snprintf(expected, sizeof(expected), "PUBACK #%u 00", i);
        EXPECT(publisher, expected);
    }
}

static void queue_counts(struct shard *shard, void *arg)
{
    uint32_t *counts = arg; /* of "a" and "b" */
    struct session *session;
    for (size_t i = 0; (session = map_next(&shard->sessions, &i)) != NULL;) {
        if (session->client_id_len == 1 && session->client_id[0] != 'p')
            counts[session->client_id[0] - 'a'] = session->queue.count;
    }
}

static void test_all_queues_together_are_bounded(void **state)
{
    enum { TOTAL = 20 * (BIG_BYTES + 100) };
    (void)state;
    struct site site;
    struct client client, publisher;
    struct broker_stats stats;
    struct settings *settings = quiet_settings();
    settings->sessions.max_total_queued_bytes = TOTAL;
    site_start(&site, 1, settings);
    for (const char *id = "a"; id != NULL; id = id[0] == 'a' ? "b" : NULL) {
        CLIENT_CONNECT(&client, &site, false, .id = id, .keep = true);
        subscribe_to(&client, id, 1);
        client_bye(&client);
    }
    CLIENT_CONNECT(&publisher, &site, false, .id = "p");
    say_big(&publisher, "a", 1, 15);
    say_big(&publisher, "b", 16, 20);
    uint32_t counts[2] = {0};
    on_shard(&site, 0, queue_counts, counts);
    assert_int_equal(counts[0], 15); /* nobody gives up what waits for another */
    assert_in_range(counts[1], 4, 6);
    broker_stats(site.broker, &stats);
    assert_in_range(stats.queued_bytes, 19 * BIG_BYTES, TOTAL);
    /* Who is here and takes what it is sent is not concerned: one at a time goes out in any case. */
    CLIENT_CONNECT(&client, &site, false, .id = "c");
    subscribe_to(&client, "c", 1);
    for (uint16_t i = 1; i <= 3; i++) {
        char expected[64];
        say_big(&publisher, "c", (uint16_t)(40 + i), 1);
        snprintf(expected, sizeof(expected), "PUBLISH c qos 1 #%u <1000 bytes>", i);
        EXPECT(&client, expected);
        say_ack(&client, MQTT_PUBACK, i);
        client_sync(&client);
    }
    client_bye(&client);
    /* What is gone gives its room back. */
    CLIENT_CONNECT(&client, &site, false, .id = "a");
    client_bye(&client);
    CLIENT_CONNECT(&client, &site, false, .id = "b");
    client_bye(&client);
    broker_stats(site.broker, &stats);
    assert_int_equal(stats.queued_bytes, 0);
    client_bye(&publisher);
    site_end(&site);
}

/* ---- Rates ----------------------------------------------------------------------------------------------- */

static void test_a_client_over_its_rate_is_slowed_down_and_not_taken_for_silent(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    struct settings *settings = quiet_settings();
    settings->client_rate.bytes_per_second = 1000;
    site_start(&site, 1, settings);
    const struct hello hello = {.id = "c", .keep_alive = 1};
    struct mqtt_connect connect = connect_of(&hello);
    char large[5001] = {0};
    memset(large, 'x', 5000);
    int64_t before_ms = clock_mono_ms();
    client_open_sized(&client, &site, MQTT_5, 0);
    mqtt_encode_connect(&client.out, &connect); /* all in one: who waits here may be silent for too long */
    put_publish(&client, &(struct mqtt_publish){
                             .topic = STR("t"), .qos = 1, .packet_id = 1, .payload = str_make(large, 5000)});
    mqtt_encode_ping(&client.out, MQTT_PINGREQ);
    client_flush(&client);
    EXPECT(&client, "CONNACK new 00", "PUBACK #1 10", "PINGRESP");
    assert_true(clock_mono_ms() - before_ms >= 3900); /* 1000 at once, 4000 at 1000 a second */
    /* From here on it is silent. */
    EXPECT(&client, "DISCONNECT 8d", "end");
    client_drop(&client);
    site_end(&site);
}

/* ---- Start ----------------------------------------------------------------------------------------------- */

static void test_a_start_that_fails_says_why_and_gives_everything_back(void **state)
{
    (void)state;
    char dir[HARNESS_PATH_BYTES];
    struct error err;
    harness_make_dir(dir);
    struct catalog *catalog = catalog_open(dir, &err);
    assert_non_null(catalog);
    struct settings *settings = quiet_settings();
    settings->auth.jwt_public_key_file = mem_strdup("/nowhere/key.pem");
    const struct broker_options options = {.reactors = 3, .catalog = catalog, .settings = settings};
    assert_null(broker_start(&options, &err));
    assert_non_null(strstr(err.text, "/nowhere/key.pem"));
    catalog_close(catalog);
    harness_remove_dir(dir);
}

static void test_a_reload_that_fails_changes_nothing(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    struct error err;
    site_start(&site, 2, NULL);
    struct settings *settings = quiet_settings();
    settings->mqtt.max_qos = 0;
    settings->auth.jwks_file = mem_strdup("/nowhere/keys.json");
    assert_false(broker_reload(site.broker, settings, &err));
    settle(&site);
    CLIENT_CONNECT(&client, &site, false, .id = "c");
    subscribe_to(&client, "t", 2);
    client_bye(&client);
    settings = quiet_settings();
    settings->mqtt.max_qos = 1;
    reload(&site, settings);
    settle(&site);
    CLIENT_CONNECT(&client, &site, false, .id = "c");
    put_subscribe(&client, 1, "t", (struct mqtt_subscription){.qos = 2}, 0);
    client_flush(&client);
    EXPECT(&client, "SUBACK #1 01");
    say_publish(&client, "t", 2, 1, "x");
    EXPECT(&client, "DISCONNECT 9b", "end");
    client_drop(&client);
    site_end(&site);
}

RUN_TESTS(cmocka_unit_test(test_a_limit_of_levels_concerns_what_clients_say),
          cmocka_unit_test(test_a_lower_limit_of_levels_spares_what_was_let_in),
          cmocka_unit_test(test_a_full_queue_drops_by_its_policy),
          cmocka_unit_test(test_retained_messages_come_whatever_waits_where_queues_have_no_limit),
          cmocka_unit_test(test_more_retained_messages_than_the_limit_are_refused),
          cmocka_unit_test(test_no_more_sessions_are_kept_than_the_limit),
          cmocka_unit_test(test_all_queues_together_are_bounded),
          cmocka_unit_test(test_a_client_over_its_rate_is_slowed_down_and_not_taken_for_silent),
          cmocka_unit_test(test_a_start_that_fails_says_why_and_gives_everything_back),
          cmocka_unit_test(test_a_reload_that_fails_changes_nothing))
