/* Compaction of the journal, and starts from what a killed broker may have left. */
#include "journal_site.h"

/* ---- A journal that is written by hand ------------------------------------------------------------------- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
} written = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void batch_done(struct log_batch *batch, const struct error *err)
{
    (void)batch;
    assert_null(err);
    pthread_mutex_lock(&written.lock);
    written.done = true;
    pthread_cond_signal(&written.changed);
    pthread_mutex_unlock(&written.lock);
}

/* Appends one record to the journal of a broker that does not run. */
static void append_record(const struct site *site, const struct buf *record)
{
    struct error err;
    char dir[HARNESS_PATH_BYTES + 16];
    snprintf(dir, sizeof(dir), "%s/sessions", site->dir);
    const struct log_engine_options engine_options = {.writers = 1};
    const struct log_options options = {.segment_bytes = 16u << 20};
    struct log_engine *engine = log_engine_start(&engine_options, &err);
    struct log *log = log_open(engine, dir, &options, &err);
    if (log == NULL)
        fail_msg("%s", err.text);
    struct log_batch batch = {.done = batch_done};
    memcpy(log_batch_add(&batch, 0, record->len), record->data, record->len);
    written.done = false;
    assert_true(log_append(log, &batch, &err));
    pthread_mutex_lock(&written.lock);
    while (!written.done)
        pthread_cond_wait(&written.changed, &written.lock);
    pthread_mutex_unlock(&written.lock);
    log_batch_reset(&batch);
    log_close(log);
    log_engine_stop(engine);
}

/* MESSAGE: published at QoS 2 by a session, known to some. */
static void append_message(const struct site *site, uint64_t id, const char *payload, uint64_t publisher,
                           uint16_t packet_id, uint32_t expected, const struct journal_entry *entries,
                           size_t count)
{
    struct buf record = {0};
    const struct journal_message message = {
        .id = id,
        .topic = STR("a"),
        .payload = str_of(payload),
        .qos = 2,
        .number = publisher,
        .packet_id = packet_id,
        .expected = expected,
    };
    uint64_t last = 0;
    journal_put_message(&record, &message);
    buf_append_str(&record, message.payload);
    for (size_t i = 0; i < count; i++)
        journal_put_entry(&record, &last, 2, &entries[i]);
    append_record(site, &record);
    buf_free(&record);
}

struct number_of {
    const char *id;
    uint64_t number;
};

static void find_number(struct shard *shard, void *arg)
{
    struct number_of *wanted = arg;
    struct str id = str_of(wanted->id);
    struct session *session = session_find(shard, id, client_hash(id));
    if (session != NULL)
        wanted->number = session->subscriber.number;
}

static uint64_t number_of(const struct site *site, const char *id)
{
    struct number_of wanted = {.id = id};
    for (unsigned i = 0; i < site->broker->shard_count; i++)
        on_shard(site, i, find_number, &wanted);
    assert_true(wanted.number != 0);
    return wanted.number;
}

/* A session with a subscription, whose client is away. */
static uint64_t make_away(const struct site *site, const char *id, const char *filter, uint8_t qos)
{
    struct client client;
    CLIENT_CONNECT(&client, site, false, .id = id, .keep = true);
    if (filter != NULL)
        subscribe_to(&client, filter, qos);
    client_bye(&client);
    return number_of(site, id);
}

static void restart(struct site *site, unsigned reactors)
{
    site_settle(site);
    site_halt(site, 5000);
    site_run(site, reactors, NULL);
}

/* ---- What was half published ----------------------------------------------------------------------------- */

static void test_a_message_that_some_reactors_had_is_completed_once(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    site_start_durable(&site, 2, NULL, NULL);
    char has[CLIENT_ID_BYTES], lacks[CLIENT_ID_BYTES], group[2][CLIENT_ID_BYTES], other[CLIENT_ID_BYTES];
    uint64_t has_number = make_away(&site, client_id_on(&site, 0, "has", has), "a", 2);
    make_away(&site, client_id_on(&site, 1, "lacks", lacks), "a", 2);
    uint64_t served = make_away(&site, client_id_on(&site, 0, "served", group[0]), "$share/g/a", 2);
    make_away(&site, client_id_on(&site, 1, "served", group[1]), "$share/g/a", 2);
    make_away(&site, client_id_on(&site, 1, "other", other), "$share/h/a", 1);
    uint64_t publisher = make_away(&site, "publisher", NULL, 0);
    site_settle(&site);
    site_halt(&site, 5000);
    append_message(
        &site, 64000, "half", publisher, 5, 2,
        (struct journal_entry[]){{.key = has_number, .qos = 2}, {.key = served, .qos = 2, .picked = true}},
        2);
    append_message(&site, 64064, "of a publisher who was refused", publisher, 6, 1, NULL, 0);
    struct buf completed = {0};
    buf_append_byte(&completed, JOURNAL_COMPLETED);
    journal_put_number(&completed, publisher);
    journal_put_number(&completed, 6);
    append_record(&site, &completed);
    buf_free(&completed);

    site_run(&site, 2, NULL);
    WAIT_FOR(journal_bounds(&site).first > 0); /* the snapshot that follows */
    check_journal(&site, false);
    make_away(&site, "later", "a", 2);
    restart(&site, 1);
    const char *get_it[] = {has, lacks, group[0], other};
    TABLE_EACH(id, get_it)
    {
        CLIENT_CONNECT(&client, &site, true, .id = *id, .keep = true);
        EXPECT(&client, *id == other ? "PUBLISH a qos 1 #1 \"half\"" : "PUBLISH a qos 2 #1 \"half\"");
        client_sync(&client);
        client_drop(&client);
    }
    const char *get_nothing[] = {group[1], "later"};
    TABLE_EACH(id, get_nothing)
    {
        CLIENT_CONNECT(&client, &site, true, .id = *id, .keep = true);
        client_sync(&client);
        client_drop(&client);
    }
    CLIENT_CONNECT(&client, &site, true, .id = "publisher", .keep = true);
    put_publish(&client,
                &(struct mqtt_publish){
                    .topic = STR("a"), .qos = 2, .packet_id = 5, .dup = true, .payload = STR("half")});
    client_flush(&client);
    EXPECT(&client, "PUBREC #5 00");
    client_drop(&client);
    check_journal(&site, true);
    site_end(&site);
}

/* ---- Identifiers ----------------------------------------------------------------------------------------- */

static void be_at_the_last_identifier(struct shard *shard, void *arg)
{
    const struct str *id = arg;
    struct session *session = session_find(shard, *id, client_hash(*id));
    if (session != NULL)
        session->inflight.next_id = UINT16_MAX;
}

/* The journal does not tell under which identifiers messages at QoS 1 were in flight: they get new ones, and never that of a
 * message at QoS 2, which its client may have. */
static void test_no_message_at_qos_2_loses_its_identifier_to_another_at_a_start(void **state)
{
    (void)state;
    struct site site;
    struct client client, publisher;
    site_start_durable(&site, 2, NULL, NULL);
    CLIENT_CONNECT(&client, &site, false, .id = "s", .keep = true);
    subscribe_to(&client, "a", 2);
    for (unsigned i = 0; i < 2; i++)
        on_shard(&site, i, be_at_the_last_identifier, &STR("s"));
    CLIENT_CONNECT(&publisher, &site, false, .id = "p");
    say_publish(&publisher, "a", 1, 1, "one");
    EXPECT(&publisher, "PUBACK #1 00");
    say_publish(&publisher, "a", 2, 2, "two");
    EXPECT(&publisher, "PUBREC #2 00");
    EXPECT(&client, "PUBLISH a qos 1 #65535 \"one\"", "PUBLISH a qos 2 #1 \"two\"");
    client_drop(&publisher);
    client_drop(&client);
    restart(&site, 2);
    CLIENT_CONNECT(&client, &site, true, .id = "s", .keep = true);
    EXPECT(&client, "PUBLISH a qos 1 #2 dup \"one\"", "PUBLISH a qos 2 #1 dup \"two\"");
    client_sync(&client);
    client_drop(&client);
    site_end(&site);
}

struct held_counts {
    struct str id;
    uint32_t in_flight, queued;
};

static void count_held(struct shard *shard, void *arg)
{
    struct held_counts *counts = arg;
    const struct session *session = session_find(shard, counts->id, client_hash(counts->id));
    if (session == NULL)
        return;
    counts->in_flight = session->inflight.count;
    counts->queued = session->queue.count;
}

/* More than there are identifiers: no broker has written that, but a start gets over it. */
static void test_a_journal_that_uses_every_identifier_leaves_the_rest_in_the_queue(void **state)
{
    (void)state;
    static struct journal_entry entries[UINT16_MAX + 1];
    struct site site;
    site_start_durable(&site, 1, NULL, NULL);
    uint64_t number = make_away(&site, "s", "a", 2);
    site_settle(&site);
    site_halt(&site, 5000);
    for (uint32_t i = 0; i <= UINT16_MAX; i++)
        entries[i] = (struct journal_entry){
            .key = number, .qos = i == 0 ? 1 : 2, .packet_id = (uint16_t)(i == 0 ? 0 : i)};
    append_message(&site, 64000, "m", number, 0, 0, entries, LENGTH(entries));
    site_run(&site, 1, NULL);
    struct held_counts counts = {.id = STR("s")};
    on_shard(&site, 0, count_held, &counts);
    assert_int_equal(counts.in_flight, UINT16_MAX);
    assert_int_equal(counts.queued, 1);
    site_end(&site);
}

/* ---- Compaction ------------------------------------------------------------------------------------------ */

static void publish_one(const struct site *site, const char *topic, uint8_t qos, const char *payload)
{
    struct client client;
    CLIENT_CONNECT(&client, site, false, .id = "publish-one");
    say_publish(&client, topic, qos, 1, payload);
    EXPECT(&client, "PUBACK #1 00");
    client_bye(&client);
}

static void test_compaction_writes_a_message_once_for_the_sessions_of_all_reactors(void **state)
{
    (void)state;
    struct site site;
    site_start_durable(&site, 3, NULL, NULL);
    for (unsigned i = 0; i < 60; i++) {
        char name[32];
        snprintf(name, sizeof(name), "away-%u", i);
        make_away(&site, name, "a", 1);
    }
    static char large[100001];
    memset(large, 'x', sizeof(large) - 1);
    publish_one(&site, "a", 1, large);
    uint64_t bytes = journal_bounds(&site).bytes;
    assert_true(bytes > 100000 && bytes < 102000);
    for (unsigned round = 0; round < 3; round++) {
        site_compact(&site);
        struct log_bounds bounds = journal_bounds(&site);
        CHECK(bounds.bytes > 100000 && bounds.bytes < 102000, "%" PRIu64 " bytes in round %u", bounds.bytes,
              round);
        check_journal(&site, false);
        restart(&site, 2 + round % 2);
    }
    site_end(&site);
}

static void test_one_old_message_does_not_keep_what_came_behind_it(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    site_start_durable(&site, 2, NULL, NULL);
    make_away(&site, "dormant", "old", 1);
    publish_one(&site, "old", 1, "kept");
    CLIENT_CONNECT(&client, &site, false, .id = "busy", .keep = true);
    subscribe_to(&client, "new", 1);
    for (uint16_t i = 1; i <= 300; i++) {
        char payload[2001], expected[64];
        snprintf(payload, sizeof(payload), "%02000u", i);
        snprintf(expected, sizeof(expected), "PUBLISH new qos 1 #%u <2000 bytes>", i);
        publish_one(&site, "new", 1, payload);
        EXPECT(&client, expected);
        say_ack(&client, MQTT_PUBACK, i);
    }
    client_drop(&client);
    site_settle(&site);
    assert_true(journal_bounds(&site).bytes > 600000);
    site_compact(&site);
    assert_true(journal_bounds(&site).bytes < 1000);
    restart(&site, 1);
    CLIENT_CONNECT(&client, &site, true, .id = "dormant", .keep = true);
    EXPECT(&client, "PUBLISH old qos 1 #1 \"kept\"");
    client_drop(&client);
    site_end(&site);
}

static void test_a_large_journal_is_compacted_by_itself(void **state)
{
    (void)state;
    struct site site;
    struct client publisher;
    site_start_durable(&site, 2, NULL, NULL);
    struct settings *settings = quiet_settings();
    settings->sessions.max_queued_messages = 4;
    struct error err;
    assert_true(broker_reload(site.broker, settings, &err));
    make_away(&site, "away", "a", 1);
    static char payload[1 << 19];
    memset(payload, 'x', sizeof(payload) - 1);
    CLIENT_CONNECT(&publisher, &site, false, .id = "publisher");
    for (uint16_t i = 1; i <= 150; i++) {
        char expected[32];
        say_publish(&publisher, "a", 1, i, payload);
        snprintf(expected, sizeof(expected), "PUBACK #%u 00", i);
        EXPECT(&publisher, expected);
    }
    WAIT_FOR(journal_bounds(&site).first > 0);
    site_settle(&site);
    struct log_bounds bounds = journal_bounds(&site);
    CHECK(bounds.bytes < (16 << 20), "%" PRIu64 " bytes", bounds.bytes);
    check_journal(&site, false);
    client_drop(&publisher);
    site_end(&site);
}

/* ---- Memory ---------------------------------------------------------------------------------------------- */

static void test_an_idle_durable_session_costs_few_bytes_more(void **state)
{
    (void)state;
    /* The session's number, and two counts of its in-flight table. */
    assert_true(sizeof(struct subscriber) <= 56);
    assert_true(sizeof(struct outgoing) == 24);
    assert_true(sizeof(struct inflight) <= 56);
}

RUN_TESTS(cmocka_unit_test(test_a_journal_that_uses_every_identifier_leaves_the_rest_in_the_queue),
          cmocka_unit_test(test_no_message_at_qos_2_loses_its_identifier_to_another_at_a_start),
          cmocka_unit_test(test_a_message_that_some_reactors_had_is_completed_once),
          cmocka_unit_test(test_compaction_writes_a_message_once_for_the_sessions_of_all_reactors),
          cmocka_unit_test(test_one_old_message_does_not_keep_what_came_behind_it),
          cmocka_unit_test(test_a_large_journal_is_compacted_by_itself),
          cmocka_unit_test(test_an_idle_durable_session_costs_few_bytes_more))
