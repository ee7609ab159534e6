/* What clients try that mean no good, and what goes wrong beside the way: each of these once went wrong. */
#include "broker_test.h"
#include "disk.h"
#include "login.h"

#include "auth/auth.h"
#include "base/clock.h"

#include <semaphore.h>
#include <stdio.h>

/* One site for each test, with this many reactors. */
static int start_1(void **state)
{
    struct site *site = mem_zalloc(sizeof(*site));
    site_start(site, 1, NULL);
    *state = site;
    return 0;
}

static int start_2(void **state)
{
    struct site *site = mem_zalloc(sizeof(*site));
    site_start(site, 2, NULL);
    *state = site;
    return 0;
}

static int end(void **state)
{
    site_end(*state);
    mem_free(*state);
    return 0;
}

/* ---- Bursts and encodings -------------------------------------------------------------------------------- */

/* An alias that is given to another topic while messages under the former one wait for their delivery. */
static void test_an_alias_may_change_its_topic_among_messages_that_come_together(void **state)
{
    const struct site *site = *state;
    struct client subscribers[3], publisher;
    for (size_t i = 0; i < LENGTH(subscribers); i++) {
        CLIENT_CONNECT(&subscribers[i], site, false, .id = (char[]){'s', (char)('0' + i), '\0'});
        subscribe_to(&subscribers[i], "#", 0);
    }
    CLIENT_CONNECT(&publisher, site, false, .id = "p");
    static const char alias_1[] = {MQTT_PROP_TOPIC_ALIAS, 0, 1};
    struct mqtt_publish publish = {.raw_props = str_make(alias_1, sizeof(alias_1)), .payload = STR("x")};
    static const char *const topics[] = {"a/topic/with/a/name/of/some/length", "", "",
                                         "another/topic/of/length", ""};
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
}

static void encoded_bytes(struct shard *shard, void *arg)
{
    *(size_t *)arg = shard->encode.len;
}

/* Every other subscriber wants the retain flag kept: one encoding for each kind, not one for each subscriber. */
static void test_one_encoding_serves_all_subscribers_of_a_kind(void **state)
{
    enum { SUBSCRIBERS = 40 };
    const struct site *site = *state;
    struct client subscribers[SUBSCRIBERS], publisher;
    for (unsigned i = 0; i < SUBSCRIBERS; i++) {
        char id[16];
        snprintf(id, sizeof(id), "s-%u", i);
        CLIENT_CONNECT(&subscribers[i], site, false, .id = id);
        put_subscribe(&subscribers[i], 1, "t", (struct mqtt_subscription){.retain_as_published = i % 2 != 0},
                      0);
        client_flush(&subscribers[i]);
        EXPECT(&subscribers[i], "SUBACK #1 00");
    }
    CLIENT_CONNECT(&publisher, site, false, .id = "p");
    char payload[1001] = {0};
    memset(payload, 'x', 1000);
    say_retained(&publisher, "t", 0, 0, payload);
    client_sync(&publisher);
    for (unsigned i = 0; i < SUBSCRIBERS; i++) {
        EXPECT(&subscribers[i],
               i % 2 != 0 ? "PUBLISH t qos 0 retain <1000 bytes>" : "PUBLISH t qos 0 <1000 bytes>");
        client_drop(&subscribers[i]);
    }
    size_t bytes = 0;
    on_shard(site, 0, encoded_bytes, &bytes);
    assert_in_range(bytes, 0, 3000);
    client_bye(&publisher);
}

/* ---- Who may come, and say what -------------------------------------------------------------------------- */

static void test_nobody_speaks_for_the_broker(void **state)
{
    const struct site *site = *state;
    struct client client;
    client_hello(&client, site,
                 (struct hello){.id = "c", .will_topic = "$SYS/broker/version", .will_payload = "x"});
    EXPECT(&client, "CONNACK new 87", "end");
    client_drop(&client);
    CLIENT_CONNECT(&client, site, false, .id = "c");
    say_publish(&client, "$SYS/broker/version", 1, 1, "x");
    say_publish(&client, "$SYS", 1, 2, "x"); /* $SYS/# would reach it */
    say_publish(&client, "$SYSTEM", 1, 3, "x");
    EXPECT(&client, "PUBACK #1 87", "PUBACK #2 87", "PUBACK #3 10");
    client_bye(&client);
}

/* Puts what the catalog says of users, rules and bans into force. */
static void put_in_force(const struct site *site)
{
    struct error err;
    ASSERT_OK(broker_reload(site->broker, quiet_settings(), &err), err);
    for (unsigned i = 0; i < site->broker->shard_count; i++)
        on_shard(site, i, nothing, NULL);
}

/* CONNECT need not name the user who then proves to be one. */
static void test_a_ban_finds_a_user_whatever_the_way_of_the_proof(void **state)
{
    const struct site *site = *state;
    struct client client;
    struct error err;
    add_user(site, "mallory", PASSWORD);
    add_user(site, "alice", PASSWORD);
    put_in_force(site);
    scram_hello(&client, site, "c", "mallory", true);
    EXPECT(&client, "CONNACK new 00");
    client_bye(&client);
    const struct catalog_ban ban = {.kind = CATALOG_BAN_USERNAME, .who = (char[]){"mallory"}};
    ASSERT_OK(catalog_ban_put(site->catalog, &ban, &err), err);
    put_in_force(site);
    scram_hello(&client, site, "c", "mallory", true);
    EXPECT(&client, "CONNACK new 8a", "end");
    client_drop(&client);
    scram_hello(&client, site, "c", "alice", true);
    EXPECT(&client, "CONNACK new 00");
    client_bye(&client);
}

static void test_a_password_with_dots_is_no_token(void **state)
{
    const struct site *site = *state;
    struct client client;
    struct error err;
    add_user(site, "dotted", "v1.2.3");
    struct settings *settings = quiet_settings();
    settings->auth.jwt_secret = mem_strdup("a secret of more than 32 bytes for HS256");
    ASSERT_OK(broker_reload(site->broker, settings, &err), err);
    login_hello(&client, site, (struct hello){.id = "c"}, "dotted", "v1.2.3");
    EXPECT(&client, "CONNACK new 00");
    client_bye(&client);
    login_hello(&client, site, (struct hello){.id = "c"}, "dotted", "eyJhbGciOiJub25lIn0.e30.");
    EXPECT(&client, "CONNACK new 86", "end");
    client_drop(&client);
}

/* The linker sends the calls of argon2id_verify here: how many began, and whether they wait. */
static atomic_uint verifications;
static atomic_bool verifications_held;

int __real_argon2id_verify(const char *encoded, const void *pwd, size_t pwdlen);
int __wrap_argon2id_verify(const char *encoded, const void *pwd, size_t pwdlen);

int __wrap_argon2id_verify(const char *encoded, const void *pwd, size_t pwdlen)
{
    atomic_fetch_add(&verifications, 1);
    while (atomic_load(&verifications_held))
        usleep(1000);
    return __real_argon2id_verify(encoded, pwd, pwdlen);
}

/* Who has hung up is not worked for: neither the next clients nor the end of the broker wait for it. */
static void test_logins_of_clients_that_have_gone_cost_nothing(void **state)
{
    enum { CLIENTS = 100, UNDER_WAY_MAX = 10 }; /* the broker has fewer workers than that */
    const struct site *site = *state;
    struct client clients[CLIENTS];
    add_user(site, "alice", PASSWORD);
    put_in_force(site);
    atomic_store(&verifications, 0);
    atomic_store(&verifications_held, true);
    for (unsigned i = 0; i < CLIENTS; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%u", i);
        login_hello(&clients[i], site, (struct hello){.id = id}, "nobody", "x");
    }
    WAIT_FOR(atomic_load(&verifications) > 0);
    static const struct linger {
        int on, s;
    } reset = {1, 0};
    for (unsigned i = 0; i < CLIENTS; i++) {
        setsockopt(clients[i].fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        client_drop(&clients[i]);
    }
    WAIT_FOR(listener_connections(site->listener) == 0);
    atomic_store(&verifications_held, false);
    struct client client;
    login_hello(&client, site, (struct hello){.id = "late"}, "alice", PASSWORD);
    EXPECT(&client, "CONNACK new 00");
    assert_in_range(atomic_load(&verifications), 2, UNDER_WAY_MAX + 1);
    client_bye(&client);
}

/* ---- Ends ------------------------------------------------------------------------------------------------ */

static void test_a_stop_refuses_who_is_about_to_come_in_with_a_reason_of_connack(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    site_start(&site, 1, NULL);
    add_user(&site, "alice", PASSWORD);
    put_in_force(&site);
    scram_hello(&client, &site, "c", "alice", false);
    site_end(&site);
    EXPECT(&client, "CONNACK new 88", "end");
    client_drop(&client);
}

static void test_a_stop_does_not_wait_for_handshakes(void **state)
{
    (void)state;
    struct site site;
    struct client silent, client;
    struct error err;
    site_start(&site, 1, NULL);
    CLIENT_CONNECT(&client, &site, false, .id = "c");
    const struct broker_listener_options websocket = {
        .net = {.name = "ws", .bind = "127.0.0.1:0", .websocket = true, .handshake_timeout_s = 3600},
        .allow_anonymous = LISTENER_ANONYMOUS_AS_BROKER,
    };
    struct listener *tcp = site.listener;
    site.listener = broker_listen(site.broker, &websocket, &err);
    assert_non_null(site.listener);
    client_open_sized(&silent, &site, MQTT_5, 0);
    WAIT_FOR(listener_connections(site.listener) == 1);
    site.listener = tcp;
    site_halt(&site, 3600000); /* a handshake may take an hour: if it waited, this test would never end */
    harness_remove_dir(site.dir);
    EXPECT(&client, "DISCONNECT 8b", "end");
    client_drop(&client);
    client_drop(&silent);
}

/* ---- Wills ----------------------------------------------------------------------------------------------- */

static void test_a_will_without_time_waits_for_nobody(void **state)
{
    const struct site *site = *state;
    struct client client, away;
    CLIENT_CONNECT(&away, site, false, .id = "away", .keep = true);
    subscribe_to(&away, "will", 1);
    client_bye(&away);
    struct hello hello = {.id = "dies", .will_topic = "will", .will_payload = "x", .will_qos = 1};
    struct mqtt_connect connect = connect_of(&hello);
    connect.will.properties.message_expiry = 0;
    property_set(&connect.will.properties, MQTT_PROP_MESSAGE_EXPIRY);
    client_open_sized(&client, site, MQTT_5, 0);
    mqtt_encode_connect(&client.out, &connect);
    client_flush(&client);
    EXPECT(&client, "CONNACK new 00");
    client_drop(&client);
    struct broker_stats stats;
    WAIT_FOR((broker_stats(site->broker, &stats), stats.queued_messages == 1));
    CLIENT_CONNECT(&away, site, true, .id = "away", .keep = true);
    client_sync(&away);
    client_bye(&away);
}

/* ---- Retained messages ----------------------------------------------------------------------------------- */

struct gate {
    struct retained *retained;
    atomic_bool closed;
    atomic_bool open;
};

static void wait_at_gate(struct message *message, void *arg)
{
    struct gate *gate = arg;
    (void)message;
    atomic_store(&gate->closed, true);
    while (!atomic_load(&gate->open))
        usleep(1000);
}

/* Holds the store's lock until the gate opens. */
static void *hold_store(void *arg)
{
    struct gate *gate = arg;
    retained_match(gate->retained, STR("gate"), 0, wait_at_gate, gate);
    return NULL;
}

static void subscribe_here(struct shard *shard, void *arg)
{
    struct session *session;
    struct topic_filter filter;
    const struct subscribe_options options = {.qos = 0};
    size_t at = 0;
    session = map_next(&shard->sessions, &at);
    assert_true(topic_filter_parse(str_of(arg), &filter));
    assert_true(router_subscribe(shard->broker->router, &session->subscriber, &filter, &options));
}

/* A client subscribes on another reactor while the message is between its resolution and the store: it has found no
 * retained message, so it must get this one. */
static void test_a_retained_message_is_not_missed_by_who_subscribes_meanwhile(void **state)
{
    const struct site *site = *state;
    struct client publisher, subscriber;
    struct gate gate = {.retained = site->broker->retained};
    CLIENT_CONNECT(&publisher, site, false, .id = ID_ON(site, 0, "p"));
    CLIENT_CONNECT(&subscriber, site, false, .id = ID_ON(site, 1, "s"));
    say_retained(&publisher, "gate", 1, 1, "x");
    EXPECT(&publisher, "PUBACK #1 10");
    struct broker_stats stats;
    broker_stats(site->broker, &stats);
    uint64_t before = stats.messages_received;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, hold_store, &gate), 0);
    WAIT_FOR(atomic_load(&gate.closed));
    say_retained(&publisher, "news", 0, 0, "x");
    /* It is counted, then its route is resolved, then it waits for the store; a little time for the second step. */
    do
        usleep(20000);
    while (atomic_load(&site->broker->shards[0].counters.messages_received) == before);
    on_shard(site, 1, subscribe_here, (char[]){"news"});
    atomic_store(&gate.open, true);
    pthread_join(thread, NULL);
    EXPECT(&subscriber, "PUBLISH news qos 0 \"x\"");
    client_bye(&publisher);
    client_bye(&subscriber);
}

/* "t1" to "t3", of which the first `dying` expire. */
static void retain_three(struct client *client, unsigned dying, const char expiry[5])
{
    for (uint16_t i = 1; i <= 3; i++) {
        char topic[] = {'t', (char)('0' + i), '\0'};
        put_publish(client, &(struct mqtt_publish){.topic = str_of(topic),
                                                   .qos = 1,
                                                   .retain = true,
                                                   .packet_id = i,
                                                   .raw_props = str_make(expiry, i <= dying ? 5 : 0),
                                                   .payload = STR("x")});
    }
    client_flush(client);
    EXPECT(client, "PUBACK #1 10", "PUBACK #2 10", "PUBACK #3 10");
}

static void test_retained_messages_that_have_expired_leave_the_disk(void **state)
{
    const struct site *site = *state;
    struct client client;
    static const char an_hour[] = {MQTT_PROP_MESSAGE_EXPIRY, 0, 0, 0x0e, 0x10};
    static const char a_second[] = {MQTT_PROP_MESSAGE_EXPIRY, 0, 0, 0, 1};
    CLIENT_CONNECT(&client, site, false, .id = "c");
    retain_three(&client, 3, an_hour);
    assert_int_equal(retained_rows(site), 3);
    retain_three(&client, 2, a_second);
    WAIT_FOR(retained_rows(site) == 1);
    client_bye(&client);
}

static size_t count_lines(int fd)
{
    char bytes[65536];
    size_t lines = 0;
    lseek(fd, 0, SEEK_SET);
    for (ssize_t n; (n = read(fd, bytes, sizeof(bytes))) > 0;)
        for (ssize_t i = 0; i < n; i++)
            lines += bytes[i] == '\n';
    return lines;
}

/* Who cannot be told of the refusal: the message reaches those who are there, it is only not kept. And however many
 * there are, the log stays short. */
static void test_what_cannot_be_retained_still_reaches_subscribers(void **state)
{
    (void)state;
    enum { MESSAGES = 2000 };
    struct site site;
    struct client client;
    struct settings *settings = quiet_settings();
    settings->retained_max_messages = 1;
    site_start(&site, 1, settings);
    FILE *log = tmpfile();
    assert_non_null(log);
    log_set_fd(fileno(log));
    log_set_level(LOG_LEVEL_WARNING);
    int64_t begin_ms = clock_mono_ms();
    CLIENT_CONNECT(&client, &site, false, .id = "c", .version = MQTT_3_1_1);
    subscribe_to(&client, "#", 0);
    say_retained(&client, "kept", 1, 1, "1");
    EXPECT(&client, "PUBLISH kept qos 0 \"1\"", "PUBACK #1 00");
    say_retained(&client, "other", 1, 2, "2");
    EXPECT(&client, "PUBLISH other qos 0 \"2\"", "PUBACK #2 00");
    say_retained(&client, "other", 2, 3, "3");
    EXPECT(&client, "PUBLISH other qos 0 \"3\"", "PUBREC #3 00");
    for (int i = 0; i < MESSAGES; i++) {
        say_retained(&client, "other", 0, 0, "0");
        EXPECT(&client, "PUBLISH other qos 0 \"0\"");
    }
    client_bye(&client);
    site_end(&site);
    size_t seconds = (size_t)(clock_mono_ms() - begin_ms) / 1000 + 2;
    log_set_fd(2);
    log_set_level(LOG_LEVEL_ERROR);
    size_t lines = count_lines(fileno(log));
    size_t most = seconds * (LOG_QUOTA_LINES + 1) + 10; /* with a line about the others each */
    CHECK(lines > 0 && lines <= most, "%zu lines of about %d in less than %zu s", lines, MESSAGES, seconds);
    fclose(log);
}

/* Clients that come in a loop, each time sending the former one away, each time with something to refuse. */
static void test_what_clients_cause_is_logged_within_bounds(void **state)
{
    enum { CLIENTS = 700, LINES_EACH = 4 };
    (void)state;
    struct site site;
    struct client client;
    site_start(&site, 1, NULL);
    FILE *log = tmpfile();
    assert_non_null(log);
    log_set_fd(fileno(log));
    log_set_level(LOG_LEVEL_DEBUG);
    int64_t begin_ms = clock_mono_ms();
    for (int i = 0; i < CLIENTS; i++) {
        CLIENT_CONNECT(&client, &site, false, .id = "c");
        say_publish(&client, "$SYS/x", 0, 0, "refused");
        client_sync(&client);
        client_drop(&client);
    }
    site_end(&site);
    size_t seconds = (size_t)(clock_mono_ms() - begin_ms) / 1000 + 2;
    log_set_fd(2);
    log_set_level(LOG_LEVEL_ERROR);
    size_t lines = count_lines(fileno(log));
    size_t most =
        2 * seconds * (LOG_QUOTA_LINES + 1) + 10; /* two levels, each with a line about the others */
    CHECK(lines > 0 && lines <= most, "%zu lines of about %d in less than %zu s", lines, CLIENTS * LINES_EACH,
          seconds);
    fclose(log);
}

static void count_searching(struct shard *shard, void *arg)
{
    LIST_EACH(it, &shard->connections)
    *(size_t *)arg += CONTAINER_OF(it, struct connection, all)->searching;
}

/* Mail that comes turn after turn until what it waits for has happened; then the reactor stands still until it may go on. */
struct watch {
    struct mail mail;
    bool (*holds)(struct shard *shard);
    size_t searching; /* connections, in the turn in which it happened */
    sem_t seen, go;
};

static void watch_run(struct reactor *reactor, struct mail *mail)
{
    struct watch *watch = CONTAINER_OF(mail, struct watch, mail);
    if (!watch->holds(reactor_user(reactor))) {
        reactor_post(reactor, mail);
        return;
    }
    count_searching(reactor_user(reactor), &watch->searching);
    sem_post(&watch->seen);
    sem_wait(&watch->go);
}

static void watch_begin(struct watch *watch, const struct site *site, bool (*holds)(struct shard *))
{
    *watch = (struct watch){.mail.run = watch_run, .holds = holds};
    sem_init(&watch->seen, 0, 0);
    sem_init(&watch->go, 0, 0);
    reactor_post(site->broker->shards[0].reactor, &watch->mail);
}

static bool somebody_searches(struct shard *shard)
{
    size_t searching = 0;
    count_searching(shard, &searching);
    return searching > 0;
}

static bool other_has_subscribed(struct shard *shard)
{
    LIST_EACH(it, &shard->connections)
    {
        const struct session *session = CONTAINER_OF(it, struct connection, all)->session;
        if (session != NULL && str_is(str_make(session->client_id, session->client_id_len), "o"))
            return session_subscription_count(session) > 0;
    }
    return false;
}

/* One packet that asks a thousand times for everything: the others are served meanwhile. */
static void test_a_search_for_retained_messages_leaves_time_for_others(void **state)
{
    enum { TOPICS = 2000, FILTERS = 1000, QUEUE = 10 };
    (void)state;
    struct site site;
    struct client publisher, client, other;
    struct buf text = {0};
    struct settings *settings = quiet_settings();
    settings->sessions.max_queued_messages = QUEUE;
    site_start(&site, 1, settings);
    CLIENT_CONNECT(&publisher, &site, false, .id = "p");
    for (unsigned i = 0; i < TOPICS; i++) {
        char topic[32];
        snprintf(topic, sizeof(topic), "t/%u", i);
        put_publish(&publisher,
                    &(struct mqtt_publish){.topic = str_of(topic), .retain = true, .payload = STR("x")});
    }
    client_sync(&publisher);
    CLIENT_CONNECT(&other, &site, false, .id = "o");
    CLIENT_CONNECT(&client, &site, false, .id = "c");
    struct mqtt_subscription *subscriptions = mem_zalloc(FILTERS * sizeof(*subscriptions));
    for (unsigned i = 0; i < FILTERS; i++)
        subscriptions[i].filter = STR("#");
    mqtt_encode_subscribe(&client.out, MQTT_5, 1, NULL, subscriptions, FILTERS);
    mem_free(subscriptions);
    struct watch first, second;
    watch_begin(&first, &site, somebody_searches);
    client_flush(&client);
    sem_wait(&first.seen);
    put_subscribe(&other, 1, "t/7", (struct mqtt_subscription){.qos = 0}, 0);
    client_flush(&other); /* it stands behind, and comes to its turn */
    watch_begin(&second, &site, other_has_subscribed);
    sem_post(&first.go);
    sem_wait(&second.seen);
    sem_post(&second.go);
    assert_in_range(second.searching, 1, 2);
    struct mqtt_frame frame;
    assert_true(client_next(&client, &frame));
    assert_int_equal(frame.type, MQTT_SUBACK);
    EXPECT(&other, "SUBACK #1 00", "PUBLISH t/7 qos 0 retain \"x\"");
    mqtt_encode_ping(&client.out, MQTT_PINGREQ);
    client_flush(&client);
    size_t received = 0;
    for (;; received++) {
        client_hear(&client, &text);
        if (strcmp(buf_cstr(&text), "PINGRESP") == 0)
            break;
    }
    assert_in_range(received, TOPICS, FILTERS * TOPICS);
    size_t searching = 0;
    on_shard(&site, 0, count_searching, &searching);
    assert_int_equal(searching, 0);
    buf_free(&text);
    /* One that goes in the middle. */
    subscriptions = mem_zalloc(FILTERS * sizeof(*subscriptions));
    for (unsigned i = 0; i < FILTERS; i++)
        subscriptions[i].filter = STR("#");
    mqtt_encode_subscribe(&client.out, MQTT_5, 2, NULL, subscriptions, FILTERS);
    mem_free(subscriptions);
    client_flush(&client);
    assert_true(client_next(&client, &frame));
    client_drop(&client);
    client_bye(&other);
    client_bye(&publisher);
    site_end(&site);
}

/* Other acknowledgements come back from the disk while the search goes on: they wait behind it. */
static void test_acknowledgements_wait_behind_a_search(void **state)
{
    enum { TOPICS = 1000, FILTERS = 200, QUEUE = 10, ACKS = 50 };
    (void)state;
    struct site site;
    struct client publisher, client;
    struct buf text = {0};
    struct settings *settings = quiet_settings();
    settings->sessions.max_queued_messages = QUEUE;
    site_start(&site, 1, settings);
    CLIENT_CONNECT(&publisher, &site, false, .id = "p");
    for (unsigned i = 0; i < TOPICS; i++) {
        char topic[32];
        snprintf(topic, sizeof(topic), "t/%u", i);
        put_publish(&publisher,
                    &(struct mqtt_publish){.topic = str_of(topic), .retain = true, .payload = STR("x")});
    }
    client_sync(&publisher);
    CLIENT_CONNECT(&client, &site, false, .id = "c", .keep = true);
    struct mqtt_subscription *subscriptions = mem_zalloc(FILTERS * sizeof(*subscriptions));
    for (unsigned i = 0; i < FILTERS; i++)
        subscriptions[i].filter = STR("#");
    mqtt_encode_subscribe(&client.out, MQTT_5, 1, NULL, subscriptions, FILTERS);
    mem_free(subscriptions);
    for (uint16_t i = 2; i < 2 + ACKS; i++) /* each with a ticket of its own */
        put_subscribe(&client, i, "other", (struct mqtt_subscription){.qos = 0}, 0);
    client_flush(&client);
    for (unsigned answer = 1; answer < 2 + ACKS;) {
        client_hear(&client, &text);
        if (strncmp(buf_cstr(&text), "SUBACK", 6) != 0)
            continue;
        char expected[16];
        snprintf(expected, sizeof(expected), "SUBACK #%u ", answer++);
        assert_memory_equal(text.data, expected, strlen(expected));
    }
    buf_free(&text);
    client_drop(&client);
    client_bye(&publisher);
    site_end(&site);
}

/* ---- The disk fails -------------------------------------------------------------------------------------- */

/* Before MQTT 5 nobody can be told: so there is no PUBREC, however often it comes again, until the disk has it. */
static void test_a_retained_message_of_qos_2_is_acknowledged_once_it_is_on_disk(void **state)
{
    const struct site *site = *state;
    struct client client, subscriber, other;
    const struct mqtt_publish again = {
        .topic = STR("t"), .qos = 2, .retain = true, .dup = true, .packet_id = 1, .payload = STR("x")};
    CLIENT_CONNECT(&subscriber, site, false, .id = "s");
    subscribe_to(&subscriber, "#", 0);
    CLIENT_CONNECT(&client, site, false, .id = "c", .version = MQTT_3_1_1, .keep = true);
    wait_for_disk(site);
    set_disk_fails(site, true);
    say_retained(&client, "t", 2, 1, "x");
    EXPECT(&subscriber, "PUBLISH t qos 0 \"x\"");
    wait_for_disk(site);
    client_sync(&client);
    put_publish(&client, &again);
    client_sync(&client);
    wait_for_disk(site);
    client_sync(&client);
    client_drop(&client); /* nor is that known on the next connection */
    CLIENT_CONNECT(&client, site, true, .id = "c", .version = MQTT_3_1_1, .keep = true);
    put_publish(&client, &again);
    client_sync(&client);
    wait_for_disk(site);
    client_sync(&client);
    set_disk_fails(site, false);
    put_publish(&client, &again);
    client_flush(&client);
    EXPECT(&client, "PUBREC #1 00");
    assert_int_equal(retained_rows(site), 1);
    /* What another client has put in its place stays there. */
    CLIENT_CONNECT(&other, site, false, .id = "o");
    say_retained(&other, "t", 1, 1, "");
    EXPECT(&other, "PUBACK #1 00");
    put_publish(&client, &again);
    client_flush(&client);
    EXPECT(&client, "PUBREC #1 00");
    assert_int_equal(retained_rows(site), 0);
    say_ack(&client, MQTT_PUBREL, 1);
    EXPECT(&client, "PUBCOMP #1 00");
    EXPECT(&subscriber, "PUBLISH t qos 0 \"\"");
    client_sync(&subscriber); /* once, however often it was sent */
    client_bye(&client);
    client_bye(&other);
    client_bye(&subscriber);
}

/* What the catalog does not even take has not been received: it comes again, and then reaches everybody, once. */
static void test_a_message_that_the_catalog_does_not_take_is_not_received(void **state)
{
    const struct site *site = *state;
    struct client client, subscriber;
    CLIENT_CONNECT(&subscriber, site, false, .id = "s");
    subscribe_to(&subscriber, "#", 0);
    CLIENT_CONNECT(&client, site, false, .id = "c", .version = MQTT_3_1_1);
    set_catalog_takes(site, false);
    say_retained(&client, "t", 2, 1, "x");
    say_retained(&client, "t", 1, 2, "y");
    client_sync(&client);
    client_sync(&subscriber);
    set_catalog_takes(site, true);
    say_retained(&client, "t", 2, 1, "x");
    EXPECT(&client, "PUBREC #1 00");
    EXPECT(&subscriber, "PUBLISH t qos 0 \"x\"");
    client_sync(&subscriber);
    client_bye(&client);
    client_bye(&subscriber);
}

static void test_a_subscription_that_cannot_be_stored_is_refused_and_forgotten(void **state)
{
    const struct site *site = *state;
    struct client client;
    CLIENT_CONNECT(&client, site, false, .id = "c", .keep = true);
    subscribe_to(&client, "old", 0);
    set_catalog_takes(site, false);
    put_subscribe(&client, 2, "new", (struct mqtt_subscription){.qos = 1}, 0);
    client_flush(&client);
    EXPECT(&client, "SUBACK #2 83");
    say_publish(&client, "new", 1, 3, "x");
    EXPECT(&client, "PUBACK #3 10");
    say_unsubscribe(&client, 4, "old");
    EXPECT(&client, "UNSUBACK #4 83");
    set_catalog_takes(site, true);
    say_unsubscribe(&client, 5, "old");
    EXPECT(&client, "UNSUBACK #5 11");
    client_bye(&client);
}

static void test_options_that_cannot_be_stored_are_refused_and_the_former_ones_hold(void **state)
{
    const struct site *site = *state;
    struct client client;
    CLIENT_CONNECT(&client, site, false, .id = "c", .keep = true);
    put_subscribe(&client, 1, "t", (struct mqtt_subscription){.qos = 1}, 7);
    client_flush(&client);
    EXPECT(&client, "SUBACK #1 01");
    set_catalog_takes(site, false);
    put_subscribe(&client, 2, "t", (struct mqtt_subscription){.qos = 0, .no_local = true}, 8);
    client_flush(&client);
    EXPECT(&client, "SUBACK #2 83");
    /* One packet may name a filter that is new more than once. */
    const struct mqtt_subscription twice[] = {{.filter = STR("new"), .qos = 1},
                                              {.filter = STR("new"), .qos = 0}};
    mqtt_encode_subscribe(&client.out, MQTT_5, 3, NULL, twice, 2);
    client_flush(&client);
    EXPECT(&client, "SUBACK #3 83 83");
    set_catalog_takes(site, true);
    say_publish(&client, "t", 1, 4, "x");
    EXPECT(&client, "PUBLISH t qos 1 #1 id 7 \"x\"", "PUBACK #4 00");
    say_publish(&client, "new", 1, 5, "x");
    EXPECT(&client, "PUBACK #5 10");
    client_bye(&client);
}

static void test_an_acknowledged_subscription_outlives_the_failure_of_its_sessions_row(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    struct error err;
    size_t rows = 0;
    site_start(&site, 1, NULL);
    set_catalog_takes(&site, false);
    CLIENT_CONNECT(&client, &site, false, .id = "c", .keep = true);
    set_catalog_takes(&site, true);
    subscribe_to(&client, "t", 1);
    ASSERT_OK(catalog_session_each(site.catalog, 0, count_row, &rows, &err), err);
    assert_int_equal(rows, 1);
    say_unsubscribe(&client, 2, "t");
    EXPECT(&client, "UNSUBACK #2 00");
    rows = 0;
    ASSERT_OK(catalog_subscription_each(site.catalog, count_subscription, &rows, &err), err);
    assert_int_equal(rows, 0);
    client_drop(&client);
    site_end(&site);
}

/* ---- Memory ---------------------------------------------------------------------------------------------- */

#define OVERLAP_LEVELS 12

/* Thousands of subscriptions that match one topic, each with an identifier: every message brings all of these. */
static void subscribe_overlapping(struct client *client)
{
    enum { FILTERS = 1 << OVERLAP_LEVELS };
    struct mqtt_subscription *subscriptions = mem_zalloc(FILTERS * sizeof(*subscriptions));
    char(*filters)[2 * OVERLAP_LEVELS] = mem_zalloc(FILTERS * sizeof(*filters));
    for (unsigned i = 0; i < FILTERS; i++) {
        for (unsigned level = 0; level < OVERLAP_LEVELS; level++) {
            filters[i][2 * level] = (i >> level & 1) != 0 ? '+' : 'a';
            filters[i][2 * level + 1] = level + 1 < OVERLAP_LEVELS ? '/' : '\0';
        }
        subscriptions[i] = (struct mqtt_subscription){.filter = str_of(filters[i]), .qos = 1};
    }
    struct mqtt_properties properties;
    mqtt_properties_init(&properties);
    properties.subscription_id = 268435455;
    property_set(&properties, MQTT_PROP_SUBSCRIPTION_ID);
    mqtt_encode_subscribe(&client->out, MQTT_5, 1, &properties, subscriptions, FILTERS);
    client_flush(client);
    struct mqtt_frame frame;
    assert_true(client_next(client, &frame));
    assert_int_equal(frame.type, MQTT_SUBACK);
    mem_free(filters);
    mem_free(subscriptions);
}

static void test_subscription_identifiers_count_in_a_queue(void **state)
{
    (void)state;
    struct site site;
    struct client client, publisher;
    struct settings *settings = quiet_settings();
    settings->sessions.max_queued_bytes = 1 << 20;
    site_start(&site, 1, settings);
    CLIENT_CONNECT(&client, &site, false, .id = "overlaps", .keep = true);
    subscribe_overlapping(&client);
    client_drop(&client);
    CLIENT_CONNECT(&publisher, &site, false, .id = "p");
    for (uint16_t i = 1; i <= 200; i++) {
        say_publish(&publisher, "a/a/a/a/a/a/a/a/a/a/a/a", 1, i, "x");
        struct buf text = {0};
        client_hear(&publisher, &text);
        buf_free(&text);
    }
    struct broker_stats stats;
    broker_stats(site.broker, &stats);
    assert_in_range(stats.queued_messages, 1, (1 << 20) / (4 << OVERLAP_LEVELS));
    client_bye(&publisher);
    site_end(&site);
}

static void test_what_is_in_flight_is_bounded_in_bytes(void **state)
{
    (void)state;
    enum { MESSAGES = 40 };
    struct site site;
    struct client client, publisher;
    struct settings *settings = quiet_settings();
    settings->sessions.max_queued_bytes = 4 << 20;
    site_start(&site, 1, settings);
    CLIENT_CONNECT(&client, &site, false, .id = "c", .keep = true);
    subscribe_to(&client, "t", 1);
    CLIENT_CONNECT(&publisher, &site, false, .id = "p");
    char *payload = mem_zalloc(200001);
    memset(payload, 'x', 200000);
    struct buf text = {0};
    for (uint16_t i = 1; i <= MESSAGES; i++) {
        say_publish(&publisher, "t", 1, i, payload);
        client_hear(&publisher, &text);
    }
    mem_free(payload);
    /* Without an acknowledgement no more than the limit comes, with them all. */
    mqtt_encode_ping(&client.out, MQTT_PINGREQ);
    client_flush(&client);
    unsigned sent = 0, first = 0;
    for (bool waits = true; sent < MESSAGES;) {
        client_hear(&client, &text);
        if (strcmp(buf_cstr(&text), "PINGRESP") == 0) {
            if (waits && sent < (4 << 20) / 200000) { /* some were on their way to the socket */
                mqtt_encode_ping(&client.out, MQTT_PINGREQ);
                client_flush(&client);
                continue;
            }
            waits = false;
            first = sent;
            for (uint16_t i = 1; i <= sent; i++)
                put_ack(&client, MQTT_PUBACK, i);
            client_flush(&client);
            continue;
        }
        char expected[64];
        snprintf(expected, sizeof(expected), "PUBLISH t qos 1 #%u <200000 bytes>", ++sent);
        assert_string_equal(buf_cstr(&text), expected);
    }
    assert_in_range(first, (4 << 20) / 200000, (4 << 20) / 200000 + 1);
    buf_free(&text);
    struct broker_stats stats;
    broker_stats(site.broker, &stats);
    assert_in_range(stats.bytes_sent, MESSAGES * 200000, MESSAGES * 200100);
    client_bye(&client);
    client_bye(&publisher);
    site_end(&site);
}

static void test_long_filters_are_bounded_in_bytes(void **state)
{
    enum { FILTER_BYTES = 60000, FITS = (64 << 20) / FILTER_BYTES };
    const struct site *site = *state;
    struct client client;
    struct buf text = {0};
    char *filter = mem_zalloc(FILTER_BYTES + 1);
    memset(filter, 'f', FILTER_BYTES);
    CLIENT_CONNECT(&client, site, false, .id = "c");
    for (uint16_t i = 1; i <= FITS + 2; i++) {
        snprintf(filter, 6, "%05u", i);
        filter[5] = 'f';
        put_subscribe(&client, i, filter, (struct mqtt_subscription){.qos = 0}, 0);
        client_flush(&client);
        char expected[32];
        snprintf(expected, sizeof(expected), "SUBACK #%u %s", i, i <= FITS ? "00" : "97");
        client_hear(&client, &text);
        assert_string_equal(buf_cstr(&text), expected);
    }
    snprintf(filter, 6, "%05u", 1);
    filter[5] = 'f';
    say_unsubscribe(&client, 1, filter);
    EXPECT(&client, "UNSUBACK #1 00");
    subscribe_to(&client, filter, 0);
    mem_free(filter);
    buf_free(&text);
    client_bye(&client);
}

static void test_every_packet_counts_against_a_rate_of_bytes(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    struct settings *settings = quiet_settings();
    settings->client_rate.bytes_per_second = 1000;
    site_start(&site, 1, settings);
    CLIENT_CONNECT(&client, &site, false, .id = "c");
    char filter[3001] = {0};
    memset(filter, 'f', 3000);
    int64_t begin_ms = clock_mono_ms();
    subscribe_to(&client, filter, 0);
    client_sync(&client);
    assert_true(clock_mono_ms() - begin_ms >= 1900); /* 1000 at once, 2000 more in 2 s */
    client_bye(&client);
    site_end(&site);
}

/* ---- Rights that end ------------------------------------------------------------------------------------- */

static void deny(struct settings *settings, const char *username, bool publish, const char *topic)
{
    struct acl_rule rule = {
        .publish = publish,
        .subscribe = !publish,
        .username = mem_strdup_or_null(username),
        .topics = mem_alloc(sizeof(char *)),
        .topic_count = 1,
    };
    rule.topics[0] = mem_strdup(topic);
    settings_add_rule(settings, &rule);
}

static void reload(const struct site *site, struct settings *settings)
{
    struct error err;
    ASSERT_OK(broker_reload(site->broker, settings, &err), err);
    for (unsigned i = 0; i < site->broker->shard_count; i++)
        on_shard(site, i, nothing, NULL);
}

static void test_a_change_of_rules_ends_subscriptions_and_wills(void **state)
{
    const struct site *site = *state;
    struct client client, watcher;
    CLIENT_CONNECT(&watcher, site, false, .id = "w");
    subscribe_to(&watcher, "will", 0);
    CLIENT_CONNECT(&client, site, false, .id = "c", .will_topic = "will", .will_payload = "x");
    subscribe_to(&client, "secret/#", 0);
    subscribe_to(&client, "$share/g/secret/+", 0);
    subscribe_to(&client, "open/#", 0);
    struct settings *settings = quiet_settings();
    deny(settings, NULL, false, "secret/#");
    deny(settings, NULL, true, "will");
    reload(site, settings);
    say_publish(&watcher, "secret/a", 1, 1, "x");
    say_publish(&watcher, "open/a", 1, 2, "y");
    EXPECT(&watcher, "PUBACK #1 10", "PUBACK #2 00");
    EXPECT(&client, "PUBLISH open/a qos 0 \"y\"");
    client_drop(&client);
    struct broker_stats stats;
    WAIT_FOR((broker_stats(site->broker, &stats), stats.connections == 1));
    client_sync(&watcher);
    client_bye(&watcher);
}

static void test_another_user_does_not_inherit_what_only_the_former_might_read(void **state)
{
    const struct site *site = *state;
    struct client client, publisher;
    struct buf text = {0};
    add_user(site, "alice", PASSWORD);
    add_user(site, "mallory", PASSWORD);
    add_user(site, "writer", PASSWORD);
    struct settings *settings = quiet_settings();
    deny(settings, "mallory", false, "secret/#");
    reload(site, settings);
    login_hello(&client, site, (struct hello){.id = "c", .keep = true}, "alice", PASSWORD);
    EXPECT(&client, "CONNACK new 00");
    subscribe_to(&client, "secret/#", 1);
    subscribe_to(&client, "open/#", 1);
    login_hello(&publisher, site, (struct hello){.id = "p"}, "writer", PASSWORD);
    EXPECT(&publisher, "CONNACK new 00");
    say_publish(&publisher, "secret/1", 1, 1, "x");
    say_publish(&publisher, "open/1", 1, 2, "x");
    EXPECT(&publisher, "PUBACK #1 00", "PUBACK #2 00");
    EXPECT(&client, "PUBLISH secret/1 qos 1 #1 \"x\"", "PUBLISH open/1 qos 1 #2 \"x\"");
    client_drop(&client); /* in flight: both */
    struct broker_stats stats;
    WAIT_FOR((broker_stats(site->broker, &stats), stats.connections == 1));
    for (uint16_t i = 3; i <= 6; i++) {
        say_publish(&publisher, i % 2 != 0 ? "secret/2" : "open/2", 1, i, "y");
        client_hear(&publisher, &text);
    }
    buf_free(&text);
    login_hello(&client, site, (struct hello){.id = "c", .keep = true}, "mallory", PASSWORD);
    EXPECT(&client, "CONNACK resumed 00", "PUBLISH open/1 qos 1 #2 dup \"x\"",
           "PUBLISH open/2 qos 1 #3 \"y\"", "PUBLISH open/2 qos 1 #4 \"y\"");
    say_publish(&publisher, "secret/3", 1, 7, "z");
    EXPECT(&publisher, "PUBACK #7 10");
    client_sync(&client);
    client_bye(&client);
    client_bye(&publisher);
}

/* ---- Limits as they were announced ----------------------------------------------------------------------- */

static void test_a_reload_does_not_break_what_connack_has_said(void **state)
{
    const struct site *site = *state;
    struct client client;
    CLIENT_CONNECT(&client, site, false, .id = "c");
    struct settings *settings = quiet_settings();
    settings->mqtt.receive_maximum = 1;
    settings->mqtt.max_topic_alias = 1;
    reload(site, settings);
    for (uint16_t i = 1; i <= 3; i++)
        say_publish(&client, "t", 2, i, "x");
    EXPECT(&client, "PUBREC #1 10", "PUBREC #2 10", "PUBREC #3 10");
    static const char alias_50[] = {MQTT_PROP_TOPIC_ALIAS, 0, 50};
    put_publish(&client, &(struct mqtt_publish){.topic = STR("t"), .raw_props = str_make(alias_50, 3)});
    client_sync(&client);
    client_bye(&client);
    CLIENT_CONNECT(&client, site, false, .id = "c");
    say_publish(&client, "t", 2, 1, "x");
    say_publish(&client, "t", 2, 2, "x");
    EXPECT(&client, "PUBREC #1 10", "DISCONNECT 93", "end");
    client_drop(&client);
}

static void test_identifiers_of_a_former_connection_leave_room_for_the_present_one(void **state)
{
    const struct site *site = *state;
    struct client client;
    struct settings *settings = quiet_settings();
    settings->mqtt.receive_maximum = 2;
    reload(site, settings);
    CLIENT_CONNECT(&client, site, false, .id = "c", .keep = true);
    say_publish(&client, "t", 2, 1, "x");
    say_publish(&client, "t", 2, 2, "x");
    EXPECT(&client, "PUBREC #1 10", "PUBREC #2 10");
    client_drop(&client);
    CLIENT_CONNECT(&client, site, true, .id = "c", .keep = true);
    say_publish(&client, "t", 1, 3, "x");
    say_publish(&client, "t", 2, 4, "x");
    say_ack(&client, MQTT_PUBREL, 1);
    EXPECT(&client, "PUBACK #3 10", "PUBREC #4 10", "PUBCOMP #1 00");
    client_bye(&client);
}

static void test_client_ids_that_collide_in_a_public_hash_do_not_here(void **state)
{
    (void)state;
    static const char first[] = "8yn0iYCKYHlIj4-BwPqk", second[] = "GReLUrM4wMqfg9yzV3KQ";
    assert_true(hash_stable(first, strlen(first)) == hash_stable(second, strlen(second)));
    assert_true(client_hash(str_of(first)) != client_hash(str_of(second)));
}

/* ---- The disk is slow ------------------------------------------------------------------------------------ */

enum { FLOOD_MESSAGES = 300, FLOOD_BYTES = 100000 };

/* Retained messages, faster than the disk takes them. */
static void *flood_retained(void *arg)
{
    struct client *client = arg;
    char *payload = mem_alloc(FLOOD_BYTES);
    memset(payload, 'x', FLOOD_BYTES);
    for (unsigned i = 0; i < FLOOD_MESSAGES; i++) {
        put_publish(client, &(struct mqtt_publish){.topic = STR("flood"),
                                                   .retain = true,
                                                   .payload = str_make(payload, FLOOD_BYTES)});
        if (!send_all(client->fd, client->out.data, client->out.len))
            break;
        buf_reset(&client->out);
    }
    mem_free(payload);
    return NULL;
}

static void test_who_outruns_the_disk_waits_and_nobody_is_refused(void **state)
{
    const struct site *site = *state;
    struct client flooder, other;
    pthread_t thread;
    struct shard *shard = &site->broker->shards[0];
    pthread_mutex_lock(&site->catalog->queue_lock);
    site->catalog->queue_bytes_max = 12 << 20;
    pthread_mutex_unlock(&site->catalog->queue_lock);
    CLIENT_CONNECT(&flooder, site, false, .id = "flooder");
    CLIENT_CONNECT(&other, site, false, .id = "other");
    catalog_turn_take(site->catalog); /* the writer waits */
    assert_int_equal(pthread_create(&thread, NULL, flood_retained, &flooder), 0);
    WAIT_FOR(disk_congested(shard));
    /* Others are served meanwhile; who needs the disk waits for it. */
    say_publish(&other, "t", 1, 1, "x");
    EXPECT(&other, "PUBACK #1 10");
    say_retained(&other, "r", 1, 2, "x");
    catalog_turn_pass(site->catalog);
    EXPECT(&other, "PUBACK #2 10");
    pthread_join(thread, NULL);
    client_sync(&flooder);
    WAIT_FOR(atomic_load(&shard->disk_bytes) == 0);
    client_bye(&flooder);
    client_bye(&other);
    assert_int_equal(retained_rows(site), 2);
}

#define TEST(name, start) cmocka_unit_test_setup_teardown(name, start, end)

RUN_TESTS(TEST(test_an_alias_may_change_its_topic_among_messages_that_come_together, start_1),
          TEST(test_one_encoding_serves_all_subscribers_of_a_kind, start_1),
          TEST(test_nobody_speaks_for_the_broker, start_2),
          TEST(test_a_ban_finds_a_user_whatever_the_way_of_the_proof, start_2),
          TEST(test_a_password_with_dots_is_no_token, start_2),
          TEST(test_logins_of_clients_that_have_gone_cost_nothing, start_2),
          cmocka_unit_test(test_a_stop_refuses_who_is_about_to_come_in_with_a_reason_of_connack),
          cmocka_unit_test(test_a_stop_does_not_wait_for_handshakes),
          TEST(test_a_will_without_time_waits_for_nobody, start_2),
          TEST(test_a_retained_message_is_not_missed_by_who_subscribes_meanwhile, start_2),
          TEST(test_retained_messages_that_have_expired_leave_the_disk, start_2),
          cmocka_unit_test(test_what_cannot_be_retained_still_reaches_subscribers),
          cmocka_unit_test(test_what_clients_cause_is_logged_within_bounds),
          cmocka_unit_test(test_a_search_for_retained_messages_leaves_time_for_others),
          cmocka_unit_test(test_acknowledgements_wait_behind_a_search),
          TEST(test_a_subscription_that_cannot_be_stored_is_refused_and_forgotten, start_1),
          TEST(test_a_retained_message_of_qos_2_is_acknowledged_once_it_is_on_disk, start_1),
          TEST(test_a_message_that_the_catalog_does_not_take_is_not_received, start_1),
          TEST(test_options_that_cannot_be_stored_are_refused_and_the_former_ones_hold, start_1),
          cmocka_unit_test(test_an_acknowledged_subscription_outlives_the_failure_of_its_sessions_row),
          cmocka_unit_test(test_subscription_identifiers_count_in_a_queue),
          cmocka_unit_test(test_what_is_in_flight_is_bounded_in_bytes),
          TEST(test_long_filters_are_bounded_in_bytes, start_1),
          cmocka_unit_test(test_every_packet_counts_against_a_rate_of_bytes),
          TEST(test_a_change_of_rules_ends_subscriptions_and_wills, start_2),
          TEST(test_another_user_does_not_inherit_what_only_the_former_might_read, start_2),
          TEST(test_a_reload_does_not_break_what_connack_has_said, start_2),
          TEST(test_identifiers_of_a_former_connection_leave_room_for_the_present_one, start_2),
          cmocka_unit_test(test_client_ids_that_collide_in_a_public_hash_do_not_here),
          TEST(test_who_outruns_the_disk_waits_and_nobody_is_refused, start_1))
