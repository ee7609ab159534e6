/* The log's queue is full for a moment: a batch of the journal is kept and submitted again, and its hand-offs wait. */
#include "copy_dir.h"
#include "hold.h"
#include "journal_site.h"

#include "log/log_internal.h"

#define FULL (UINT64_C(1) << 40)

static void fill_the_queue(const struct site *site)
{
    atomic_fetch_add(&site->engine->queue_bytes, FULL);
}

static void empty_the_queue(const struct site *site)
{
    atomic_fetch_sub(&site->engine->queue_bytes, FULL);
}

static void keeps_a_batch(struct shard *shard, void *arg)
{
    *(bool *)arg = shard->journal->batch != NULL && atomic_load(&shard->handed_bytes) > 0;
}

static bool batch_is_kept(const struct site *site, unsigned index)
{
    bool kept = false;
    on_shard(site, index, keeps_a_batch, &kept);
    return kept;
}

static void expect_exchange(struct client *client, const char *publish)
{
    EXPECT(client, publish);
    say_ack(client, MQTT_PUBREC, 1);
    EXPECT(client, "PUBREL #1 00");
    say_ack(client, MQTT_PUBCOMP, 1);
    client_sync(client);
}

struct actors {
    struct client subscriber, publisher;
    char subscriber_id[CLIENT_ID_BYTES], publisher_id[CLIENT_ID_BYTES];
    struct hold here, there;
};

/* A publisher on reactor 0, a subscriber on reactor 1. Then reactor 0 has published a message that the journal's queue has
 * not taken, and does nothing any more, while reactor 1 could go on, and the log, too. */
static void start_behind(struct site *site, struct actors *actors)
{
    site_start_durable(site, 2, NULL, NULL);
    log_set_level(LOG_LEVEL_ERROR + 1);
    CLIENT_CONNECT(&actors->subscriber, site, false, .id = client_id_on(site, 1, "s", actors->subscriber_id),
                   .keep = true);
    subscribe_to(&actors->subscriber, "a", 2);
    CLIENT_CONNECT(&actors->publisher, site, false, .id = client_id_on(site, 0, "p", actors->publisher_id),
                   .keep = true);
    site_settle(site);
    hold_shard(site, 1, &actors->there);
    fill_the_queue(site);
    say_publish(&actors->publisher, "a", 2, 1, "x");
    WAIT_FOR(batch_is_kept(site, 0));
    hold_shard(site, 0, &actors->here);
    empty_the_queue(site);
    release_shard(&actors->there);
}

static void test_others_hear_of_a_message_when_the_log_has_taken_it(void **state)
{
    (void)state;
    struct site site;
    struct actors actors;
    start_behind(&site, &actors);
    WAIT_FOR(shard_is_settled(&site, 1));
    client_sync(&actors.subscriber); /* nothing so far */
    release_shard(&actors.here);
    expect_exchange(&actors.subscriber, "PUBLISH a qos 2 #1 \"x\"");
    EXPECT(&actors.publisher, "PUBREC #1 00");
    say_publish(&actors.publisher, "a", 2, 2, "y");
    EXPECT(&actors.publisher, "PUBREC #2 00");
    EXPECT(&actors.subscriber, "PUBLISH a qos 2 #2 \"y\"");
    check_journal(&site, false);
    client_drop(&actors.publisher);
    client_drop(&actors.subscriber);
    site_end(&site);
}

/* The publisher repeats what the journal has never heard of: nobody may have it already. */
static void test_a_kill_before_the_log_has_taken_a_message_leaves_it_with_nobody(void **state)
{
    (void)state;
    struct site site, killed;
    struct actors actors;
    start_behind(&site, &actors);
    WAIT_FOR(shard_is_settled(&site, 1));
    killed = (struct site){.durable = true};
    harness_make_dir(killed.dir);
    copy_dir(site.dir, killed.dir);
    release_shard(&actors.here);
    client_drop(&actors.publisher);
    client_drop(&actors.subscriber);
    site_end(&site);

    site_run(&killed, 2, NULL);
    CLIENT_CONNECT(&actors.subscriber, &killed, true, .id = actors.subscriber_id, .keep = true);
    CLIENT_CONNECT(&actors.publisher, &killed, true, .id = actors.publisher_id, .keep = true);
    say_publish(&actors.publisher, "a", 2, 1, "x");
    EXPECT(&actors.publisher, "PUBREC #1 00");
    expect_exchange(&actors.subscriber, "PUBLISH a qos 2 #1 \"x\"");
    client_drop(&actors.publisher);
    client_drop(&actors.subscriber);
    site_end(&killed);
}

/* The order of a publisher stays, whatever of it is for durable sessions; other reactors go on. */
static void test_what_waits_for_the_log_keeps_its_order(void **state)
{
    (void)state;
    struct site site;
    struct actors actors;
    struct client plain;
    site_start_durable(&site, 3, NULL, NULL);
    CLIENT_CONNECT(&actors.subscriber, &site, false, .id = client_id_on(&site, 1, "s", actors.subscriber_id),
                   .keep = true);
    subscribe_to(&actors.subscriber, "a", 1);
    subscribe_to(&actors.subscriber, "b", 0);
    CLIENT_CONNECT(&plain, &site, false, .id = ID_ON(&site, 2, "plain"));
    subscribe_to(&plain, "b", 0);
    CLIENT_CONNECT(&actors.publisher, &site, false, .id = client_id_on(&site, 0, "p", actors.publisher_id),
                   .keep = true);
    site_settle(&site);
    fill_the_queue(&site);
    for (uint16_t i = 1; i <= 3; i++) {
        say_publish(&actors.publisher, "a", 1, i, (const char *[]){"1", "2", "3"}[i - 1]);
        client_sync(&actors.publisher);
        say_publish(&actors.publisher, "b", 0, 0, (const char *[]){"4", "5", "6"}[i - 1]);
        client_sync(&actors.publisher);
    }
    EXPECT(&plain, "PUBLISH b qos 0 \"4\"", "PUBLISH b qos 0 \"5\"", "PUBLISH b qos 0 \"6\"");
    client_sync(&actors.subscriber);
    empty_the_queue(&site);
    EXPECT(&actors.subscriber, "PUBLISH a qos 1 #1 \"1\"", "PUBLISH b qos 0 \"4\"",
           "PUBLISH a qos 1 #2 \"2\"", "PUBLISH b qos 0 \"5\"", "PUBLISH a qos 1 #3 \"3\"",
           "PUBLISH b qos 0 \"6\"");
    EXPECT(&actors.publisher, "PUBACK #1 00", "PUBACK #2 00", "PUBACK #3 00");
    check_journal(&site, false);
    client_drop(&plain);
    client_drop(&actors.publisher);
    client_drop(&actors.subscriber);
    site_end(&site);
}

/* The publisher's batch finds no room before the broker ends: nobody was acknowledged, so the message comes again. */
static void test_what_the_log_never_took_is_not_acknowledged(void **state)
{
    (void)state;
    struct site site;
    struct client subscriber, publisher;
    char id[CLIENT_ID_BYTES], publisher_id[CLIENT_ID_BYTES];
    site_start_durable(&site, 2, NULL, NULL);
    log_set_level(LOG_LEVEL_ERROR + 1);
    CLIENT_CONNECT(&subscriber, &site, false, .id = client_id_on(&site, 1, "s", id), .keep = true);
    subscribe_to(&subscriber, "a", 2);
    CLIENT_CONNECT(&publisher, &site, false, .id = client_id_on(&site, 0, "p", publisher_id), .keep = true);
    site_settle(&site);
    fill_the_queue(&site);
    say_publish(&publisher, "a", 2, 1, "x");
    client_sync(&publisher);  /* no PUBREC */
    client_sync(&subscriber); /* no PUBLISH: its identifier is not on disk */
    client_drop(&publisher);
    client_drop(&subscriber);
    site_halt(&site, 5000);
    site_run(&site, 2, NULL);
    CLIENT_CONNECT(&subscriber, &site, true, .id = id, .keep = true);
    CLIENT_CONNECT(&publisher, &site, true, .id = publisher_id, .keep = true);
    say_publish(&publisher, "a", 2, 1, "x");
    EXPECT(&publisher, "PUBREC #1 00");
    expect_exchange(&subscriber, "PUBLISH a qos 2 #1 \"x\"");
    client_drop(&publisher);
    client_drop(&subscriber);
    site_end(&site);
}

/* ---- What a batch says twice ----------------------------------------------------------------------------- */

struct released {
    const struct site *site;
    struct str client_id;
};

/* As if a snapshot had met the message while its PUBLISH waited for the disk, and PUBREC had come since: the snapshot's batch is
 * on its way, and the one with RELEASED is behind it and finds no room. */
static void release_behind_a_snapshot(struct shard *shard, void *arg)
{
    const struct released *released = arg;
    struct session *session = session_find(shard, released->client_id, client_hash(released->client_id));
    struct inflight_entry *entry = inflight_find(&session->inflight, 1);
    journal_sent(session, entry, false);
    journal_submit(shard->journal);
    inflight_release_message(&session->inflight, entry);
    entry->waiting = true;
    journal_released(session, entry);
    fill_the_queue(released->site);
}

static void submits_one(struct shard *shard, void *arg)
{
    *(bool *)arg = shard->journal->submitted == 0 && shard->journal->batch != NULL;
}

static void test_pubrel_does_not_go_out_for_what_a_snapshot_has_repeated(void **state)
{
    (void)state;
    struct site site;
    struct client subscriber, publisher;
    char id[CLIENT_ID_BYTES];
    site_start_durable(&site, 2, NULL, NULL);
    CLIENT_CONNECT(&subscriber, &site, false, .id = client_id_on(&site, 1, "s", id), .keep = true);
    subscribe_to(&subscriber, "a", 2);
    CLIENT_CONNECT(&publisher, &site, false, .id = "p");
    say_publish(&publisher, "a", 2, 1, "x");
    EXPECT(&publisher, "PUBREC #1 00");
    EXPECT(&subscriber, "PUBLISH a qos 2 #1 \"x\"");
    on_shard(&site, 1, release_behind_a_snapshot, &(struct released){&site, str_of(id)});
    bool settled = false;
    WAIT_FOR((on_shard(&site, 1, submits_one, &settled), settled));
    client_sync(
        &subscriber); /* no PUBREL: a crash now would make it a message that the client has forgotten */
    empty_the_queue(&site);
    EXPECT(&subscriber, "PUBREL #1 00");
    client_drop(&publisher);
    client_drop(&subscriber);
    site_end(&site);
}

RUN_TESTS(cmocka_unit_test(test_pubrel_does_not_go_out_for_what_a_snapshot_has_repeated),
          cmocka_unit_test(test_others_hear_of_a_message_when_the_log_has_taken_it),
          cmocka_unit_test(test_a_kill_before_the_log_has_taken_a_message_leaves_it_with_nobody),
          cmocka_unit_test(test_what_waits_for_the_log_keeps_its_order),
          cmocka_unit_test(test_what_the_log_never_took_is_not_acknowledged))
