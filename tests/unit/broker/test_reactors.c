/* A broker of three reactors under load: publishers, sessions and members of groups on different ones. */
#include "flood.h"

#include "base/clock.h"

#define REACTORS 3

static int start(void **state)
{
    struct site *site = mem_zalloc(sizeof(*site));
    struct settings *settings = quiet_settings();
    settings->sessions.max_queued_messages = 0; /* what a test sends is all to arrive */
    settings->sessions.max_queued_bytes = 0;
    site_start(site, REACTORS, settings);
    *state = site;
    return 0;
}

static int end(void **state)
{
    site_end(*state);
    mem_free(*state);
    return 0;
}

/* ---- Payloads -------------------------------------------------------------------------------------------- */

static uint8_t byte_at(size_t at, size_t size)
{
    return (uint8_t)(at * 131 + at / 251 + size);
}

static void fill(uint8_t *payload, size_t size)
{
    for (size_t i = 0; i < size; i++)
        payload[i] = byte_at(i, size);
}

static void expect_payload(struct client *client, const char *topic, size_t size)
{
    struct mqtt_frame frame;
    struct mqtt_publish publish;
    if (!client_next(client, &frame))
        fail_msg("the end instead of %zu bytes", size);
    assert_int_equal(frame.type, MQTT_PUBLISH);
    assert_int_equal(mqtt_decode_publish(&frame, client->version, &publish), MQTT_SUCCESS);
    assert_true(str_is(publish.topic, topic));
    assert_int_equal(publish.payload.len, size);
    for (size_t i = 0; i < size; i++)
        CHECK((uint8_t)publish.payload.data[i] == byte_at(i, size), "byte %zu of %zu", i, size);
}

static void test_payloads_of_every_size_cross_reactors_whole(void **state)
{
    /* Around the borders of a record with the bytes in it, of a block, of what is copied into the output, of a client's
     * input buffer, of the largest packet. */
    static const size_t sizes[] = {0,     1,      1000,   1011,   1012,   1013,    1024,
                                   1025,  4095,   4096,   4097,   65535,  65536,   65537,
                                   70000, 262000, 262144, 262145, 500000, 1000000, 1048500};
    const struct site *site = *state;
    struct client publisher, subscribers[REACTORS];
    uint8_t *payload = mem_alloc(sizes[LENGTH(sizes) - 1]);
    for (unsigned i = 0; i < REACTORS; i++) {
        CLIENT_CONNECT(&subscribers[i], site, false, .id = ID_ON(site, i, "s"),
                       .version = i == 1 ? MQTT_3_1_1 : MQTT_5);
        subscribe_to(&subscribers[i], "sizes", (uint8_t)(i == 2));
    }
    CLIENT_CONNECT(&publisher, site, false, .id = ID_ON(site, 0, "p"));
    TABLE_EACH(size, sizes)
    {
        fill(payload, *size);
        put_publish(&publisher, &(struct mqtt_publish){.topic = STR("sizes"),
                                                       .qos = 1,
                                                       .packet_id = 1,
                                                       .payload = str_make(payload, *size)});
        client_flush(&publisher);
        EXPECT(&publisher, "PUBACK #1 00");
        for (unsigned i = 0; i < REACTORS; i++)
            expect_payload(&subscribers[i], "sizes", *size);
    }
    mem_free(payload);
    for (unsigned i = 0; i < REACTORS; i++)
        client_bye(&subscribers[i]);
    client_bye(&publisher);
}

/* Blocks of records with and without a message of their own, in one turn. */
static void test_small_and_large_messages_keep_their_order(void **state)
{
    const struct site *site = *state;
    struct client publisher, subscriber;
    struct random random;
    random_seed(&random, harness_seed());
    size_t sizes[2000];
    uint8_t *payload = mem_alloc(100000);
    CLIENT_CONNECT(&subscriber, site, false, .id = ID_ON(site, 1, "s"));
    subscribe_to(&subscriber, "mixed", 0);
    CLIENT_CONNECT(&publisher, site, false, .id = ID_ON(site, 0, "p"));
    for (size_t round = 0; round < 10; round++) {
        for (size_t i = round * 200; i < (round + 1) * 200; i++) {
            sizes[i] = random_below(&random, random_below(&random, 10) == 0 ? 100000 : 1500);
            fill(payload, sizes[i]);
            put_publish(&publisher, &(struct mqtt_publish){.topic = STR("mixed"),
                                                           .payload = str_make(payload, sizes[i])});
        }
        client_flush(&publisher);
        for (size_t i = round * 200; i < (round + 1) * 200; i++)
            expect_payload(&subscriber, "mixed", sizes[i]);
    }
    mem_free(payload);
    client_bye(&subscriber);
    client_bye(&publisher);
}

/* ---- Floods ---------------------------------------------------------------------------------------------- */

#ifdef VARVE_SANITIZED
#define FLOOD_MESSAGES 200000
#else
#define FLOOD_MESSAGES 1000000
#endif

static void test_a_flood_for_another_reactor_arrives_whole_and_in_order(void **state)
{
    const struct site *site = *state;
    struct client subscriber;
    struct flood flood = {.topic = "flood", .count = FLOOD_MESSAGES, .payload_bytes = 32, .qos = 1};
    pthread_t acks;
    CLIENT_CONNECT(&subscriber, site, false, .id = ID_ON(site, 2, "s"), .version = MQTT_3_1_1);
    subscribe_to(&subscriber, "flood", 1);
    CLIENT_CONNECT(&flood.client, site, false, .id = ID_ON(site, 0, "p"), .version = MQTT_3_1_1);
    assert_int_equal(pthread_create(&flood.thread, NULL, flood_write, &flood), 0);
    assert_int_equal(pthread_create(&acks, NULL, flood_read, &flood), 0);
    drain(&subscriber, flood.count);
    pthread_join(flood.thread, NULL);
    pthread_join(acks, NULL);
    assert_false(atomic_load(&flood.failed));
    client_bye(&subscriber);
    client_bye(&flood.client);
}

static void handed(struct shard *shard, void *arg)
{
    size_t *most = arg;
    size_t bytes = atomic_load(&shard->handed_bytes);
    if (bytes > *most)
        *most = bytes;
}

/* Many publishers of one reactor against the others: they are stalled and resumed again and again. */
static void test_publishers_wait_for_other_reactors_and_go_on(void **state)
{
    const struct site *site = *state;
    struct flood floods[8];
    struct client subscribers[8];
    static const char *const topics[] = {"m/0", "m/1", "m/2", "m/3", "m/4", "m/5", "m/6", "m/7"};
    _Static_assert(LENGTH(topics) == LENGTH(floods), "a topic each");
    for (size_t i = 0; i < LENGTH(floods); i++) {
        floods[i] = (struct flood){.topic = topics[i], .count = 3000, .payload_bytes = 8000};
        CLIENT_CONNECT(&subscribers[i], site, false, .id = ID_ON(site, 1 + i % 2, topics[i]));
        subscribe_to(&subscribers[i], topics[i], 0);
        CLIENT_CONNECT(&floods[i].client, site, false, .id = ID_ON(site, 0, topics[i]));
    }
    for (size_t i = 0; i < LENGTH(floods); i++)
        assert_int_equal(pthread_create(&floods[i].thread, NULL, flood_write, &floods[i]), 0);
    size_t most = 0;
    for (size_t i = 0; i < LENGTH(floods); i++) {
        drain(&subscribers[i], floods[i].count);
        on_shard(site, 0, handed, &most);
    }
    /* Each publisher may put what one read gives on top of the limit. */
    CHECK(most <= ((size_t)4 << 20) + LENGTH(floods) * ((size_t)512 << 10), "%zu bytes handed over", most);
    for (size_t i = 0; i < LENGTH(floods); i++) {
        pthread_join(floods[i].thread, NULL);
        assert_false(atomic_load(&floods[i].failed));
        client_bye(&floods[i].client);
        client_bye(&subscribers[i]);
    }
}

/* A reactor that does nothing until it is told. */
struct sleeper {
    struct mail mail;
    atomic_bool asleep;
    atomic_bool wake;
};

static void sleep_until_told(struct reactor *reactor, struct mail *mail)
{
    (void)reactor;
    struct sleeper *sleeper = CONTAINER_OF(mail, struct sleeper, mail);
    atomic_store(&sleeper->asleep, true);
    while (!atomic_load(&sleeper->wake))
        usleep(1000);
    atomic_store(&sleeper->asleep, false);
}

static void count_stalled(struct shard *shard, void *arg)
{
    size_t *count = arg;
    *count = 0;
    LIST_EACH(it, &shard->stalled)
    ++*count;
}

static void test_publishers_to_a_reactor_that_lags_are_stalled_and_others_are_not(void **state)
{
    const struct site *site = *state;
    struct client subscriber, bystander;
    struct flood flood = {.topic = "lags", .count = 20000, .payload_bytes = 1000};
    struct sleeper sleeper = {.mail.run = sleep_until_told};
    size_t stalled = 0, most = 0;
    CLIENT_CONNECT(&subscriber, site, false, .id = ID_ON(site, 1, "s"));
    subscribe_to(&subscriber, "lags", 0);
    CLIENT_CONNECT(&bystander, site, false, .id = ID_ON(site, 0, "b"));
    CLIENT_CONNECT(&flood.client, site, false, .id = ID_ON(site, 0, "p"));
    reactor_post(site->broker->shards[1].reactor, &sleeper.mail);
    WAIT_FOR(atomic_load(&sleeper.asleep));
    assert_int_equal(pthread_create(&flood.thread, NULL, flood_write, &flood), 0);
    for (int i = 0; stalled == 0 && i < PATIENCE_S * 1000; i++)
        on_shard(site, 0, count_stalled, &stalled);
    assert_int_equal(stalled, 1);
    client_sync(&bystander);
    on_shard(site, 0, handed, &most);
    CHECK(most > (size_t)4 << 20 && most < (size_t)5 << 20, "%zu bytes handed over", most);
    atomic_store(&sleeper.wake, true);
    drain(&subscriber, flood.count);
    pthread_join(flood.thread, NULL);
    assert_false(atomic_load(&flood.failed));
    WAIT_FOR(!atomic_load(&sleeper.asleep));
    on_shard(site, 0, count_stalled, &stalled);
    assert_int_equal(stalled, 0);
    client_bye(&subscriber);
    client_bye(&bystander);
    client_bye(&flood.client);
}

static void stall_two(struct shard *shard, void *arg)
{
    struct connection *connections = arg;
    for (int i = 0; i < 2; i++) {
        connections[i].rate_paused = true; /* so that resuming does not read */
        handoff_stall(shard, &connections[i]);
    }
}

static void are_stalled(struct shard *shard, void *arg)
{
    (void)shard;
    struct connection *connections = arg;
    assert_ptr_not_equal(connections, NULL);
    connections[0].stalled |= connections[1].stalled;
}

/* Each stalls when nothing is in the others' hands any more, so each asks for the mail that resumes them. */
static void test_the_mail_that_resumes_publishers_is_on_its_way_once(void **state)
{
    const struct site *site = *state;
    struct connection connections[2];
    memset(connections, 0, sizeof(connections));
    on_shard(site, 0, stall_two, connections);
    on_shard(site, 0, are_stalled, connections);
    on_shard(site, 0, are_stalled, connections); /* mail still comes */
    for (int i = 0; i < 2; i++) {
        assert_false(connections[i].stalled);
        mem_free(connections[i].extras);
    }
}

/* ---- Take-over ------------------------------------------------------------------------------------------- */

struct storm {
    pthread_t thread;
    const struct site *site;
    const char *id;
    unsigned rounds;
    unsigned connected;
};

/* Connects again and again under one client id, and leaves without a word. Its own sockets: no asserts here. */
static void *storm_run(void *arg)
{
    struct storm *storm = arg;
    const char *address = listener_address(storm->site->listener);
    struct hello hello = {.id = storm->id, .keep = true, .will_topic = "storm/will", .will_payload = "x"};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    in.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    struct buf packet = {0};
    for (unsigned i = 0; i < storm->rounds; i++) {
        hello.clean = i % 3 == 0;
        struct mqtt_connect connect_packet = connect_of(&hello);
        struct mqtt_subscription subscription = {.filter = STR("storm/#"), .qos = 1};
        buf_reset(&packet);
        mqtt_encode_connect(&packet, &connect_packet);
        mqtt_encode_subscribe(&packet, MQTT_5, 1, NULL, &subscription, 1);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct timeval limit = {.tv_sec = PATIENCE_S};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        uint8_t answer[256];
        if (connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0 && send_all(fd, packet.data, packet.len) &&
            recv(fd, answer, sizeof(answer), 0) > 0 && answer[0] == MQTT_CONNACK << 4)
            storm->connected++;
        close(fd);
    }
    buf_free(&packet);
    return NULL;
}

static void test_clients_that_fight_for_one_client_id_leave_one_session(void **state)
{
    const struct site *site = *state;
    struct storm storms[4];
    char id[CLIENT_ID_BYTES];
    client_id_on(site, 1, "storm", id);
    for (size_t i = 0; i < LENGTH(storms); i++) {
        storms[i] = (struct storm){.site = site, .id = id, .rounds = 150};
        assert_int_equal(pthread_create(&storms[i].thread, NULL, storm_run, &storms[i]), 0);
    }
    for (size_t i = 0; i < LENGTH(storms); i++) {
        pthread_join(storms[i].thread, NULL);
        assert_int_equal(storms[i].connected, storms[i].rounds);
    }
    struct broker_stats stats;
    do
        broker_stats(site->broker, &stats);
    while (stats.connections > 0);
    assert_int_equal(stats.sessions, 1);
    assert_true(stats.subscriptions <= 1);
    struct client client;
    CLIENT_CONNECT(&client, site, false, .id = id);
    client_sync(&client);
    broker_stats(site->broker, &stats);
    assert_int_equal(stats.connections, 1);
    assert_int_equal(stats.sessions, 1);
    assert_int_equal(stats.subscriptions, 0);
    assert_int_equal(stats.queued_messages, 0);
    client_bye(&client);
}

/* ---- Shared subscriptions -------------------------------------------------------------------------------- */

/* Reads numbered messages until a PINGRESP; marks and acknowledges them. */
static uint32_t collect(struct client *client, uint8_t *seen, uint32_t count)
{
    uint32_t got = 0;
    mqtt_encode_ping(&client->out, MQTT_PINGREQ);
    client_flush(client);
    for (struct mqtt_frame frame;;) {
        if (!client_next(client, &frame))
            fail_msg("the end instead of messages");
        if (frame.type == MQTT_PINGRESP)
            return got;
        struct mqtt_publish publish;
        uint32_t number;
        assert_int_equal(frame.type, MQTT_PUBLISH);
        assert_int_equal(mqtt_decode_publish(&frame, client->version, &publish), MQTT_SUCCESS);
        memcpy(&number, publish.payload.data, sizeof(number));
        assert_true(number < count);
        seen[number]++;
        got++;
        if (publish.qos > 0)
            say_ack(client, MQTT_PUBACK, publish.packet_id);
    }
}

static void send_numbers(struct client *publisher, const char *topic, uint32_t from, uint32_t to)
{
    char expected[32];
    for (uint32_t i = from; i < to; i++) {
        put_publish(publisher, &(struct mqtt_publish){.topic = str_of(topic),
                                                      .qos = 1,
                                                      .packet_id = (uint16_t)(i + 1),
                                                      .payload = str_make(&i, sizeof(i))});
    }
    client_flush(publisher);
    for (uint32_t i = from; i < to; i++) {
        snprintf(expected, sizeof(expected), "PUBACK #%u 00", i + 1);
        EXPECT(publisher, expected);
    }
}

static void test_each_message_goes_to_one_member_of_a_group_on_whatever_reactor(void **state)
{
    enum { MEMBERS = 6, MESSAGES = 600 };
    const struct site *site = *state;
    struct client members[MEMBERS], publisher;
    static uint8_t seen[MESSAGES];
    uint32_t got[MEMBERS] = {0}, total = 0;
    memset(seen, 0, sizeof(seen));
    for (unsigned i = 0; i < MEMBERS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "m%u", i);
        CLIENT_CONNECT(&members[i], site, false, .id = ID_ON(site, i % REACTORS, name),
                       .version = i % 2 != 0 ? MQTT_3_1_1 : MQTT_5);
        subscribe_to(&members[i], "$share/g/jobs/#", 1);
    }
    CLIENT_CONNECT(&publisher, site, false, .id = ID_ON(site, 0, "p"));
    send_numbers(&publisher, "jobs/a", 0, 300);
    int64_t give_up_ms = clock_mono_ms() + PATIENCE_S * 1000;
    while (total < 300 && clock_mono_ms() < give_up_ms) {
        for (unsigned i = 0; i < MEMBERS; i++) {
            uint32_t more = collect(&members[i], seen, MESSAGES);
            got[i] += more;
            total += more;
        }
    }
    assert_int_equal(total, 300);
    for (unsigned i = 0; i < MEMBERS; i++)
        CHECK(got[i] >= 40 && got[i] <= 60, "member %u has %u of 300", i, got[i]); /* round robin a reactor */
    /* Two leave; the others go on. */
    client_bye(&members[0]);
    client_bye(&members[1]);
    struct broker_stats stats;
    WAIT_FOR((broker_stats(site->broker, &stats), stats.connections == MEMBERS - 1));
    send_numbers(&publisher, "jobs/b", 300, MESSAGES);
    while (total < MESSAGES && clock_mono_ms() < give_up_ms) {
        for (unsigned i = 2; i < MEMBERS; i++)
            total += collect(&members[i], seen, MESSAGES);
    }
    assert_int_equal(total, MESSAGES);
    for (unsigned i = 0; i < MESSAGES; i++)
        CHECK(seen[i] == 1, "message %u came %u times", i, seen[i]);
    for (unsigned i = 2; i < MEMBERS; i++)
        client_bye(&members[i]);
    client_bye(&publisher);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

RUN_TESTS(TEST(test_payloads_of_every_size_cross_reactors_whole),
          TEST(test_small_and_large_messages_keep_their_order),
          TEST(test_a_flood_for_another_reactor_arrives_whole_and_in_order),
          TEST(test_publishers_wait_for_other_reactors_and_go_on),
          TEST(test_publishers_to_a_reactor_that_lags_are_stalled_and_others_are_not),
          TEST(test_the_mail_that_resumes_publishers_is_on_its_way_once),
          TEST(test_clients_that_fight_for_one_client_id_leave_one_session),
          TEST(test_each_message_goes_to_one_member_of_a_group_on_whatever_reactor))
