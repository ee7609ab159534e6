/* What operators ask: every client, subscription, filter and retained message once, whatever comes and goes meanwhile; and what
 * they do. */
#include "broker_test.h"

#include "broker/admin.h"
#include "broker/admin_internal.h"

#define REACTORS 3

/* ---- The walk -------------------------------------------------------------------------------------------- */

#define STABLE  500
#define PASSING 4000

struct crowd {
    struct session *stable[STABLE];
    unsigned visits[STABLE];
    struct session *passing[PASSING];
    unsigned passing_count;
    struct admin_cursor cursor;
    struct random random;
    bool ok;
    size_t most;
    unsigned slices;
};

static struct session *make_session(struct shard *shard, const char *kind, unsigned number)
{
    char name[32];
    int len = snprintf(name, sizeof(name), "%s%u", kind, number);
    struct str id = str_make(name, (size_t)len);
    return session_new(shard, id, client_hash(id));
}

static void make_stable(struct shard *shard, void *arg)
{
    struct crowd *crowd = arg;
    for (unsigned i = 0; i < STABLE; i++)
        crowd->stable[i] = make_session(shard, "stable", i);
}

static bool note_visit(struct session *session, void *arg)
{
    struct crowd *crowd = arg;
    unsigned number;
    if (sscanf(session->client_id, "stable%u", &number) == 1)
        crowd->visits[number]++;
    return random_below(&crowd->random, 20) != 0; /* ends a slice early, now and then */
}

/* Slices; between them, now and then, many come, or most go: the map grows and shrinks. */
static void slice_and_change(struct shard *shard, void *arg)
{
    struct crowd *crowd = arg;
    static unsigned made;
    do {
        crowd->ok = admin_walk(shard, &crowd->cursor, crowd->most, note_visit, crowd);
        crowd->slices++;
        unsigned wanted = random_below(&crowd->random, 16) == 0
                              ? (unsigned)random_below(&crowd->random, PASSING)
                              : crowd->passing_count;
        while (crowd->passing_count < wanted)
            crowd->passing[crowd->passing_count++] = make_session(shard, "passing", made++);
        while (crowd->passing_count > wanted)
            session_end(shard, crowd->passing[--crowd->passing_count]);
    } while (crowd->ok && !crowd->cursor.finished);
}

static void test_a_walk_meets_whoever_stays_exactly_once(void **state)
{
    (void)state;
    struct site site;
    struct crowd *crowd = mem_zalloc(sizeof(*crowd));
    site_start(&site, 1, NULL);
    random_seed(&crowd->random, harness_seed());
    on_shard(&site, 0, make_stable, crowd);
    unsigned whole = 0, resized = 0;
    for (int round = 0; round < 200; round++) {
        crowd->cursor = (struct admin_cursor){0};
        crowd->most = 1 + (size_t)random_below(&crowd->random, 1000);
        crowd->slices = 0;
        memset(crowd->visits, 0, sizeof(crowd->visits));
        on_shard(&site, 0, slice_and_change, crowd);
        if (!crowd->ok)
            continue; /* the map was resized too often: it said so */
        whole++;
        resized += crowd->cursor.resizes > 0;
        for (unsigned i = 0; i < STABLE; i++)
            CHECK(crowd->visits[i] == 1, "round %d: session %u: %u visits, in %u slices of %zu", round, i,
                  crowd->visits[i], crowd->slices, crowd->most);
    }
    assert_true(whole > 50 && resized > 10);
    site_end(&site);
    mem_free(crowd);
}

/* ---- Clients --------------------------------------------------------------------------------------------- */

static bool note_client(const struct admin_client *client, void *arg)
{
    buf_printf(arg, "%.*s v%u %s sub %u %s|", STR_ARG(client->client_id), client->version,
               client->connected ? "here" : "away", client->subscriptions,
               client->clean_start ? "clean" : "");
    return true;
}

static void note_got(const struct admin_client *client, void *arg)
{
    note_client(client, arg);
}

static bool count_client(const struct admin_client *client, void *arg)
{
    (void)client;
    return ++*(unsigned *)arg < 5;
}

static void test_clients_of_all_reactors_are_told_as_they_are(void **state)
{
    (void)state;
    struct site site;
    struct client clients[9];
    struct buf text = {0};
    struct error err;
    site_start(&site, REACTORS, NULL);
    for (unsigned i = 0; i < LENGTH(clients); i++) {
        char name[16];
        snprintf(name, sizeof(name), "c%u", i);
        CLIENT_CONNECT(&clients[i], &site, false, .id = ID_ON(&site, i % REACTORS, name), .keep = i == 4,
                       .version = i == 8 ? MQTT_3_1_1 : MQTT_5);
        subscribe_to(&clients[i], "a/#", 1);
    }
    client_bye(&clients[4]); /* its session stays */
    ASSERT_OK(admin_clients_each(site.broker, note_client, &text, &err), err);
    for (unsigned i = 0; i < LENGTH(clients); i++) {
        char name[16], expected[100];
        snprintf(name, sizeof(name), "c%u", i);
        snprintf(expected, sizeof(expected), "%s v%u %s sub 1 %s|", ID_ON(&site, i % REACTORS, name),
                 i == 4   ? 0
                 : i == 8 ? 4
                          : 5,
                 i == 4 ? "away" : "here", i == 4 ? "" : "clean");
        const char *at = strstr(buf_cstr(&text), expected);
        CHECK(at != NULL, "%s in %s", expected, buf_cstr(&text));
        CHECK(strstr(at + 1, expected) == NULL, "%s twice", expected);
    }
    unsigned count = 0;
    ASSERT_OK(admin_clients_each(site.broker, count_client, &count, &err), err);
    assert_int_equal(count, 5); /* it stops when it is told to */

    buf_reset(&text);
    ASSERT_OK(admin_client_get(site.broker, str_of(ID_ON(&site, 1, "c1")), note_got, &text, &err), err);
    assert_non_null(strstr(buf_cstr(&text), "v5 here sub 1 clean|"));
    ASSERT_FAILS(admin_client_get(site.broker, STR("nobody"), note_got, &text, &err), err, ERR_NOT_FOUND);
    for (unsigned i = 0; i < LENGTH(clients); i++) {
        if (i != 4)
            client_drop(&clients[i]);
    }
    buf_free(&text);
    site_end(&site);
}

static void test_a_client_that_is_kicked_out_is_told_and_its_session_is_gone(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    struct buf text = {0};
    struct error err;
    site_start(&site, REACTORS, NULL);
    for (unsigned here = 0; here < 2; here++) {
        CLIENT_CONNECT(&client, &site, false, .id = "victim", .keep = true);
        subscribe_to(&client, "a", 1);
        if (here == 0)
            client_bye(&client);
        ASSERT_OK(admin_client_kick(site.broker, STR("victim"), &err), err);
        ASSERT_FAILS(admin_client_get(site.broker, STR("victim"), note_got, &text, &err), err, ERR_NOT_FOUND);
        if (here == 1) {
            EXPECT(&client, "DISCONNECT 98", "end");
            client_drop(&client);
        }
    }
    ASSERT_FAILS(admin_client_kick(site.broker, STR("victim"), &err), err, ERR_NOT_FOUND);
    CLIENT_CONNECT(&client, &site, false, .id = "victim", .keep = true); /* a new session */
    client_bye(&client);
    buf_free(&text);
    site_end(&site);
}

/* ---- Subscriptions --------------------------------------------------------------------------------------- */

static bool note_subscription(const struct admin_subscription *subscription, void *arg)
{
    buf_printf(arg, "%.*s %.*s %u %s|", STR_ARG(subscription->client_id), STR_ARG(subscription->filter),
               subscription->options.qos, subscription->kept ? "kept" : "");
    return true;
}

static void test_subscribing_for_a_client_is_as_if_it_had_done_so(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    struct buf text = {0};
    struct error err;
    uint8_t granted = 9;
    bool existed = false;
    site_start(&site, REACTORS, NULL);
    CLIENT_CONNECT(&client, &site, false, .id = "c", .keep = true);
    say_retained(&client, "a/b", 1, 1, "kept");
    EXPECT(&client, "PUBACK #1 10");
    const struct subscribe_options options = {.qos = 1};
    ASSERT_OK(admin_subscribe(site.broker, STR("c"), STR("a/+"), &options, &granted, &err), err);
    assert_int_equal(granted, 1);
    EXPECT(&client, "PUBLISH a/b qos 1 #1 retain \"kept\"");
    ASSERT_OK(admin_subscribe(site.broker, STR("c"), STR("$share/g/x"), &options, &granted, &err), err);
    ASSERT_OK(admin_subscriptions_each(site.broker, STR("c"), note_subscription, &text, &err), err);
    assert_string_equal(buf_cstr(&text), "c a/+ 1 kept|c $share/g/x 1 kept|");
    buf_reset(&text);
    ASSERT_OK(admin_subscriptions_each(site.broker, STR_NONE, note_subscription, &text, &err), err);
    assert_string_equal(buf_cstr(&text), "c a/+ 1 kept|c $share/g/x 1 kept|");

    ASSERT_OK(admin_unsubscribe(site.broker, STR("c"), STR("a/+"), &existed, &err), err);
    assert_true(existed);
    ASSERT_OK(admin_unsubscribe(site.broker, STR("c"), STR("a/+"), &existed, &err), err);
    assert_false(existed);
    say_ack(&client, MQTT_PUBACK, 1);
    client_drop(&client);

    /* They are on disk: a restart keeps them. */
    site_halt(&site, 1000);
    site_run(&site, REACTORS, NULL);
    buf_reset(&text);
    ASSERT_OK(admin_subscriptions_each(site.broker, STR("c"), note_subscription, &text, &err), err);
    assert_string_equal(buf_cstr(&text), "c $share/g/x 1 kept|");
    /* Its client being away changes nothing. */
    ASSERT_OK(admin_subscribe(site.broker, STR("c"), STR("later"), &options, &granted, &err), err);
    buf_free(&text);
    site_end(&site);
}

static void test_what_a_client_may_not_subscribe_nobody_subscribes_for_it(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    struct error err;
    uint8_t granted;
    bool existed;
    struct settings *settings = quiet_settings();
    char *topics[] = {mem_strdup("secret/#")};
    struct acl_rule rule = {.publish = true, .subscribe = true, .topic_count = 1};
    rule.topics = mem_dup(topics, sizeof(topics));
    settings_add_rule(settings, &rule);
    settings->mqtt.max_subscriptions = 1;
    site_start(&site, 1, settings);
    CLIENT_CONNECT(&client, &site, false, .id = "c");
    const struct subscribe_options options = {0};
    ASSERT_FAILS(admin_subscribe(site.broker, STR("c"), STR("secret/x"), &options, &granted, &err), err,
                 ERR_DENIED);
    ASSERT_FAILS(admin_subscribe(site.broker, STR("c"), STR("a/#/b"), &options, &granted, &err), err,
                 ERR_INVALID);
    ASSERT_FAILS(admin_subscribe(site.broker, STR("nobody"), STR("a"), &options, &granted, &err), err,
                 ERR_NOT_FOUND);
    ASSERT_FAILS(admin_unsubscribe(site.broker, STR("nobody"), STR("a"), &existed, &err), err, ERR_NOT_FOUND);
    ASSERT_OK(admin_subscribe(site.broker, STR("c"), STR("one"), &options, &granted, &err), err);
    ASSERT_FAILS(admin_subscribe(site.broker, STR("c"), STR("two"), &options, &granted, &err), err,
                 ERR_LIMIT);
    client_drop(&client);
    site_end(&site);
}

static bool note_filter(struct str filter, void *arg)
{
    buf_printf(arg, "|%.*s|", STR_ARG(filter));
    return true;
}

static void test_every_filter_is_listed_once(void **state)
{
    (void)state;
    static const char *const filters[] = {
        "a",      "a/b",       "a/+",         "a/#",       "+", "#",  "+/+/x", "+/b/#", "a/+/c/+/d",   "a//b",
        "$SYS/#", "fleet/1/x", "fleet/+/x/#", "fleet/2/x", "/", "+/", "a/+/c", "+/+",   "fleet/+/x/y",
    };
    struct site site;
    struct client clients[2];
    struct buf text = {0};
    struct error err;
    site_start(&site, REACTORS, NULL);
    for (unsigned c = 0; c < 2; c++) {
        CLIENT_CONNECT(&clients[c], &site, false, .id = ID_ON(&site, c, "c"));
        for (size_t i = 0; i < LENGTH(filters); i++)
            subscribe_to(&clients[c], filters[i], 0);
        subscribe_to(&clients[c], "$share/g/shared/+", 0);
    }
    ASSERT_OK(admin_filters_each(site.broker, note_filter, &text, &err), err);
    size_t expected = strlen("||") + strlen("shared/+");
    TABLE_EACH(row, filters)
    {
        char one[64];
        snprintf(one, sizeof(one), "|%s|", *row);
        const char *at = strstr(buf_cstr(&text), one);
        CHECK(at != NULL && strstr(at + 1, one) == NULL, "%s in %s", *row, buf_cstr(&text));
        assert_true(admin_filter_exists(site.broker, str_of(*row)));
        expected += strlen(one);
    }
    assert_non_null(strstr(buf_cstr(&text), "|shared/+|"));
    assert_int_equal(text.len, expected);
    assert_false(admin_filter_exists(site.broker, STR("b")));
    assert_false(admin_filter_exists(site.broker, STR("b/+")));
    assert_false(admin_filter_exists(site.broker, STR("")));
    client_drop(&clients[0]);
    client_drop(&clients[1]);
    buf_free(&text);
    site_end(&site);
}

/* ---- Messages -------------------------------------------------------------------------------------------- */

static void test_a_message_reaches_subscribers_of_every_reactor(void **state)
{
    (void)state;
    struct site site;
    struct client clients[REACTORS];
    struct error err;
    bool matched = false;
    site_start(&site, REACTORS, NULL);
    for (unsigned i = 0; i < REACTORS; i++) {
        CLIENT_CONNECT(&clients[i], &site, false, .id = ID_ON(&site, i, "c"));
        subscribe_to(&clients[i], "t/#", 1);
    }
    const struct admin_message message = {.topic = STR("t/1"), .payload = STR("hello"), .qos = 1};
    ASSERT_OK(admin_publish(site.broker, &message, &matched, &err), err);
    assert_true(matched);
    for (unsigned i = 0; i < REACTORS; i++) {
        EXPECT(&clients[i], "PUBLISH t/1 qos 1 #1 \"hello\"");
        client_drop(&clients[i]);
    }
    const struct admin_message nobody = {.topic = STR("u"), .payload = STR("x")};
    ASSERT_OK(admin_publish(site.broker, &nobody, &matched, &err), err);
    assert_false(matched);
    site_end(&site);
}

static void test_what_no_client_may_publish_is_refused(void **state)
{
    (void)state;
    static const char *const topics[] = {"", "a/+", "#", "$SYS/x", "$SYS", "a\xff"};
    struct site site;
    struct error err;
    bool matched;
    site_start(&site, 1, NULL);
    TABLE_EACH(row, topics)
    {
        const struct admin_message message = {.topic = str_of(*row)};
        err.code = ERR_NONE;
        CHECK(!admin_publish(site.broker, &message, &matched, &err) && err.code == ERR_INVALID, "%s", *row);
    }
    site_end(&site);
}

static bool note_retained(const struct admin_retained *message, void *arg)
{
    buf_printf(arg, "|%.*s=%.*s|", STR_ARG(message->topic), STR_ARG(message->payload));
    return true;
}

static void note_one_retained(const struct admin_retained *message, void *arg)
{
    note_retained(message, arg);
}

static void retain(struct site *site, const char *topic, const char *payload)
{
    struct error err;
    bool matched;
    const struct admin_message message = {
        .topic = str_of(topic), .payload = str_of(payload), .qos = 1, .retain = true};
    ASSERT_OK(admin_publish(site->broker, &message, &matched, &err), err);
}

static void test_a_retained_message_is_kept_shown_and_deleted(void **state)
{
    (void)state;
    struct site site;
    struct buf text = {0};
    struct error err;
    site_start(&site, REACTORS, NULL);
    retain(&site, "a/b", "1");
    retain(&site, "a", "2");
    retain(&site, "c/d/e", "3");
    retain(&site, "/", "4");
    site_halt(&site, 1000); /* each was on disk when it was answered */
    site_run(&site, REACTORS, NULL);
    ASSERT_OK(admin_retained_each(site.broker, STR_NONE, note_retained, &text, &err), err);
    assert_int_equal(text.len, strlen("|a/b=1||a=2||c/d/e=3||/=4|"));
    buf_reset(&text);
    ASSERT_OK(admin_retained_each(site.broker, STR("a/#"), note_retained, &text, &err), err);
    assert_true(strcmp(buf_cstr(&text), "|a=2||a/b=1|") == 0);
    buf_reset(&text);
    ASSERT_OK(admin_retained_get(site.broker, STR("c/d/e"), note_one_retained, &text, &err), err);
    assert_string_equal(buf_cstr(&text), "|c/d/e=3|");
    ASSERT_OK(admin_retained_delete(site.broker, STR("c/d/e"), &err), err);
    ASSERT_FAILS(admin_retained_delete(site.broker, STR("c/d/e"), &err), err, ERR_NOT_FOUND);
    ASSERT_FAILS(admin_retained_get(site.broker, STR("c/d"), note_one_retained, &text, &err), err,
                 ERR_NOT_FOUND);
    ASSERT_FAILS(admin_retained_get(site.broker, STR("c/#"), note_one_retained, &text, &err), err,
                 ERR_NOT_FOUND);
    site_halt(&site, 1000);
    site_run(&site, REACTORS, NULL);
    ASSERT_FAILS(admin_retained_get(site.broker, STR("c/d/e"), note_one_retained, &text, &err), err,
                 ERR_NOT_FOUND);
    buf_free(&text);
    site_end(&site);
}

/* ---- The retained store, slice by slice ------------------------------------------------------------------ */

struct retained_walk_test {
    struct random random;
    unsigned visits[2000];
};

static bool note_numbered(struct message *message, void *arg)
{
    struct retained_walk_test *test = arg;
    struct str topic = message_topic(message);
    const char *number = memrchr(topic.data, 'n', topic.len);
    test->visits[strtoul(number + 1, NULL, 10)]++;
    return random_below(&test->random, 5) != 0;
}

static struct message *numbered(unsigned number, struct buf *topic)
{
    buf_reset(topic);
    for (unsigned rest = number; rest > 0; rest /= 7)
        buf_printf(topic, "l%u/", rest % 7);
    buf_printf(topic, "n%u", number);
    const struct publication parts = {.topic = buf_str(topic), .payload = STR("x"), .retain = true};
    return message_new(&parts);
}

static void test_a_walk_over_retained_messages_shows_each_once(void **state)
{
    (void)state;
    struct retained *retained = retained_new();
    struct retained_walk_test *test = mem_zalloc(sizeof(*test));
    struct buf topic = {0}, after = {0};
    random_seed(&test->random, harness_seed());
    for (unsigned i = 0; i < LENGTH(test->visits); i++) {
        struct message *message = numbered(i, &topic);
        assert_true(retained_set(retained, message_topic(message), message, NULL, NULL, NULL, NULL));
        message_unref(message);
    }
    while (
        retained_walk(retained, &after, 0, 1 + (size_t)random_below(&test->random, 50), note_numbered, test))
        continue;
    for (unsigned i = 0; i < LENGTH(test->visits); i++)
        CHECK(test->visits[i] == 1, "message %u: %u times", i, test->visits[i]);

    /* What it stood on goes meanwhile: it goes on, and ends. */
    buf_reset(&after);
    unsigned slices = 0;
    while (retained_walk(retained, &after, 0, 20, note_numbered, test)) {
        retained_set(retained, buf_str(&after), NULL, NULL, NULL, NULL, NULL);
        assert_true(++slices < 100000);
    }
    buf_free(&topic);
    buf_free(&after);
    retained_free(retained);
    mem_free(test);
}

RUN_TESTS(cmocka_unit_test(test_a_walk_meets_whoever_stays_exactly_once),
          cmocka_unit_test(test_clients_of_all_reactors_are_told_as_they_are),
          cmocka_unit_test(test_a_client_that_is_kicked_out_is_told_and_its_session_is_gone),
          cmocka_unit_test(test_subscribing_for_a_client_is_as_if_it_had_done_so),
          cmocka_unit_test(test_what_a_client_may_not_subscribe_nobody_subscribes_for_it),
          cmocka_unit_test(test_every_filter_is_listed_once),
          cmocka_unit_test(test_a_message_reaches_subscribers_of_every_reactor),
          cmocka_unit_test(test_what_no_client_may_publish_is_refused),
          cmocka_unit_test(test_a_retained_message_is_kept_shown_and_deleted),
          cmocka_unit_test(test_a_walk_over_retained_messages_shows_each_once))
