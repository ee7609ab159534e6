/* Durable sessions: what the journal tells is what they hold, whatever clients do; and a start finds it again. */
#include "journal_site.h"

#include "base/random.h"

/* ---- Clients that do anything ---------------------------------------------------------------------------- */

#define WALKERS 10

struct walker {
    struct client client;
    bool connected;
    bool silent; /* acknowledges no more at QoS 1: those that follow wait, too [MQTT-4.6.0-2] */
    char id[CLIENT_ID_BYTES];
    uint16_t next_id;
    uint16_t exchanges[64]; /* QoS 2 that it sent: PUBREC has not come, or it has not answered */
    unsigned exchange_count;
};

struct walk {
    struct site site;
    bool twice; /* a session may get one message twice: by shared subscriptions, and as a retained one */
    struct random random;
    struct walker walkers[WALKERS];
    unsigned payload;
    unsigned acknowledged;
};

static bool chance(struct walk *walk, unsigned percent)
{
    return random_below(&walk->random, 100) < percent;
}

static const char *topics[] = {"a", "a/b", "a/c", "d", "e/f"};
#define UNSHARED 5
static const char *filters[] = {"a", "a/#", "+/b", "d", "#", "$share/g/a/#", "$share/h/#", "$share/g/d"};

static void walker_leave(struct walker *walker)
{
    client_drop(&walker->client);
    walker->connected = false;
}

static void walker_come(struct walk *walk, struct walker *walker)
{
    struct hello hello = {
        .id = walker->id,
        .version = chance(walk, 70) ? MQTT_5 : MQTT_3_1_1,
        .keep = true,
        .clean = chance(walk, 8),
        .receive_maximum = (uint16_t)(1 + random_below(&walk->random, 12)),
        .maximum_packet_bytes = chance(walk, 20) ? 60 : 0,
    };
    struct buf text = {0};
    client_hello(&walker->client, &walk->site, hello);
    client_hear(&walker->client, &text);
    if (strcmp(buf_cstr(&text), "CONNACK resumed 00") != 0) {
        assert_string_equal(buf_cstr(&text), "CONNACK new 00");
        walker->exchange_count = 0;
    }
    buf_free(&text);
    walker->connected = true;
    walker->silent = false;
}

static uint16_t fresh_id(struct walker *walker)
{
    for (;;) {
        uint16_t id = ++walker->next_id;
        bool taken = id == 0;
        for (unsigned i = 0; i < walker->exchange_count; i++)
            taken |= walker->exchanges[i] == id;
        if (!taken)
            return id;
    }
}

static void walker_publish(struct walk *walk, struct walker *walker)
{
    char payload[200];
    uint8_t qos = (uint8_t)random_below(&walk->random, 3);
    bool wide = chance(walk, 10);
    snprintf(payload, sizeof(payload), "%u%*s", walk->payload++, wide ? 100 : 0, "");
    struct mqtt_publish publish = {
        .topic = str_of(topics[random_below(&walk->random, LENGTH(topics))]),
        .qos = qos,
        .retain = walk->twice && chance(walk, 6),
        .payload = str_of(payload),
    };
    if (qos == 2 && walker->exchange_count == LENGTH(walker->exchanges))
        return;
    publish.packet_id = qos > 0 ? fresh_id(walker) : 0;
    if (qos == 2 && walker->exchange_count > 0 && chance(walk, 20)) { /* once more */
        publish.packet_id = walker->exchanges[random_below(&walk->random, walker->exchange_count)];
        publish.dup = true;
    } else if (qos == 2) {
        walker->exchanges[walker->exchange_count++] = publish.packet_id;
    }
    put_publish(&walker->client, &publish);
}

static void walker_subscribe(struct walk *walk, struct walker *walker)
{
    const char *filter = filters[random_below(&walk->random, walk->twice ? LENGTH(filters) : UNSHARED)];
    struct mqtt_subscription subscription = {
        .qos = (uint8_t)random_below(&walk->random, 3),
        .no_local = chance(walk, 20) && filter[0] != '$',
        .retain_as_published = chance(walk, 30),
        .retain_handling = (uint8_t)random_below(&walk->random, 3),
    };
    if (walker->client.version != MQTT_5)
        subscription = (struct mqtt_subscription){.qos = subscription.qos};
    uint32_t id = walker->client.version == MQTT_5 && chance(walk, 30) ? 1 + walk->payload % 300 : 0;
    put_subscribe(&walker->client, fresh_id(walker), filter, subscription, id);
}

static void walker_refuse(struct walker *walker, uint16_t packet_id)
{
    mqtt_encode_ack(&walker->client.out, MQTT_5, MQTT_PUBREC, packet_id, MQTT_QUOTA_EXCEEDED, NULL);
}

static void walker_answer(struct walk *walk, struct walker *walker, const struct mqtt_frame *frame)
{
    struct mqtt_publish publish;
    struct mqtt_ack ack = {0};
    if (frame->type == MQTT_PUBLISH) {
        assert_int_equal(mqtt_decode_publish(frame, walker->client.version, &publish), MQTT_SUCCESS);
        walker->silent |= publish.qos == 1 && chance(walk, 10);
        if (publish.qos == 1 && !walker->silent)
            put_ack(&walker->client, MQTT_PUBACK, publish.packet_id);
        else if (publish.qos == 2 && walker->client.version == MQTT_5 && chance(walk, 10))
            walker_refuse(walker, publish.packet_id);
        else if (publish.qos == 2 && chance(walk, 80))
            put_ack(&walker->client, MQTT_PUBREC, publish.packet_id);
        return;
    }
    if (frame->type < MQTT_PUBACK || frame->type > MQTT_PUBCOMP)
        return;
    assert_int_equal(mqtt_decode_ack(frame, walker->client.version, &ack), MQTT_SUCCESS);
    if (frame->type == MQTT_PUBREL && chance(walk, 80))
        put_ack(&walker->client, MQTT_PUBCOMP, ack.packet_id);
    if (frame->type == MQTT_PUBREC && chance(walk, 80))
        put_ack(&walker->client, MQTT_PUBREL, ack.packet_id);
    for (unsigned i = 0; frame->type == MQTT_PUBCOMP && i < walker->exchange_count; i++) {
        if (walker->exchanges[i] == ack.packet_id)
            walker->exchanges[i] = walker->exchanges[--walker->exchange_count];
    }
    walk->acknowledged++;
}

/* Sends what there is, and answers what comes until the broker has handled it. */
static void walker_talk(struct walk *walk, struct walker *walker)
{
    struct mqtt_frame frame;
    if (!walker->connected)
        return;
    mqtt_encode_ping(&walker->client.out, MQTT_PINGREQ);
    client_flush(&walker->client);
    while (client_next(&walker->client, &frame)) {
        if (frame.type == MQTT_PINGRESP)
            return;
        walker_answer(walk, walker, &frame);
    }
    fail_msg("%s was sent away", walker->id);
}

static void walk_step(struct walk *walk)
{
    struct walker *walker = &walk->walkers[random_below(&walk->random, WALKERS)];
    if (!walker->connected) {
        if (chance(walk, 30))
            walker_come(walk, walker);
        return;
    }
    switch (random_below(&walk->random, 20)) {
    case 0: walker_subscribe(walk, walker); break;
    case 1:
        if (chance(walk, 50)) {
            mqtt_encode_unsubscribe(&walker->client.out, walker->client.version, fresh_id(walker), NULL,
                                    &(struct str){filters[0], strlen(filters[0])}, 1);
        }
        break;
    case 2:
        if (chance(walk, 30))
            walker_leave(walker);
        break;
    case 3:
    case 4:
    case 5: walker_talk(walk, walker); break;
    default: walker_publish(walk, walker); break;
    }
}

static struct settings *narrow_settings(struct walk *walk)
{
    struct settings *settings = quiet_settings();
    settings->sessions.max_queued_messages = 40;
    settings->sessions.max_inflight = 10;
    settings->sessions.when_full = chance(walk, 50) ? QUEUE_DROP_OLDEST : QUEUE_DROP_NEW;
    return settings;
}

static void all_talk(struct walk *walk)
{
    for (unsigned i = 0; i < WALKERS; i++)
        walker_talk(walk, &walk->walkers[i]);
}

/* Ends the broker, and starts one with another number of reactors on what it leaves. */
static void walk_restart(struct walk *walk)
{
    static struct holdings before, after;
    for (unsigned i = 0; i < WALKERS; i++) {
        if (walk->walkers[i].connected)
            walker_leave(&walk->walkers[i]);
    }
    site_settle(&walk->site);
    hold_in_memory(&walk->site, &before);
    site_halt(&walk->site, 5000);
    site_run(&walk->site, 1 + (unsigned)random_below(&walk->random, 3), narrow_settings(walk));
    site_settle(&walk->site);
    hold_in_memory(&walk->site, &after);
    holdings_drop_ids(&before);
    holdings_drop_ids(&after);
    if (walk->twice) {
        holdings_loosen(&before);
        holdings_loosen(&after);
    }
    holdings_equal(&before, &after, "before and after a start");
    holdings_free(&before);
    holdings_free(&after);
}

static void walk_along(bool twice)
{
    struct walk *walk = mem_zalloc(sizeof(*walk));
    random_seed(&walk->random, harness_seed());
    walk->twice = twice;
    site_start_durable(&walk->site, 2, narrow_settings(walk), NULL);
    for (unsigned i = 0; i < WALKERS; i++)
        snprintf(walk->walkers[i].id, CLIENT_ID_BYTES, "walker-%u", i);
    for (unsigned round = 0; round < 60; round++) {
        for (unsigned step = 0; step < 300; step++)
            walk_step(walk);
        if (round % 3 != 0)
            all_talk(walk);
        if (chance(walk, 30)) {
            on_shard(&walk->site, 0, want_snapshot, NULL); /* while clients go on */
            continue;
        }
        check_journal(&walk->site, twice);
        if (chance(walk, 20)) {
            site_compact(&walk->site);
            check_journal(&walk->site, twice);
        }
        if (chance(walk, 25))
            walk_restart(walk);
    }
    assert_true(walk->acknowledged > 100);
    walk_restart(walk);
    site_end(&walk->site);
    mem_free(walk);
}

static void test_the_journal_tells_what_sessions_hold_whatever_clients_do(void **state)
{
    (void)state;
    walk_along(false);
}

static void test_a_message_that_a_session_gets_twice_is_there_as_often_as_it_is_to_come(void **state)
{
    (void)state;
    walk_along(true);
}

/* ---- One reactor in the middle of a turn ----------------------------------------------------------------- */

struct long_turn {
    atomic_bool retained;
    atomic_bool may_end;
};

static void publish_and_linger(struct shard *shard, void *arg)
{
    struct long_turn *turn = arg;
    struct publication publication = {
        .topic = STR("a"), .payload = STR("kept"), .qos = 1, .retain = true, .shard = shard};
    journal_identify(shard, &publication);
    publish_retained(shard, &publication);
    journal_put_content(shard->journal, publication.message);
    publication_end(&publication);
    atomic_store(&turn->retained, true);
    for (int i = 0; !atomic_load(&turn->may_end) && i < PATIENCE_S * 1000; i++)
        usleep(1000);
}

static void test_a_retained_message_is_not_referred_to_before_the_journal_has_it(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    struct long_turn turn = {0};
    struct errand errand = {.mail.run = errand_run, .run = publish_and_linger, .arg = &turn};
    char id[CLIENT_ID_BYTES];
    site_start_durable(&site, 2, NULL, NULL);
    CLIENT_CONNECT(&client, &site, false, .id = client_id_on(&site, 1, "late", id), .keep = true);
    site_settle(&site);
    atomic_init(&errand.done, false);
    reactor_post(site.broker->shards[0].reactor, &errand.mail);
    WAIT_FOR(atomic_load(&turn.retained));
    subscribe_to(&client, "a", 1);
    EXPECT(&client, "PUBLISH a qos 1 #1 retain \"kept\"");
    client_sync(&client); /* what that turn has written is on its way to the disk */
    atomic_store(&turn.may_end, true);
    WAIT_FOR(atomic_load(&errand.done));
    check_journal(&site, false);
    client_drop(&client);
    site_end(&site);
}

RUN_TESTS(cmocka_unit_test(test_a_retained_message_is_not_referred_to_before_the_journal_has_it),
          cmocka_unit_test(test_a_message_that_a_session_gets_twice_is_there_as_often_as_it_is_to_come),
          cmocka_unit_test(test_the_journal_tells_what_sessions_hold_whatever_clients_do))
