/* QoS 2 publishers over the end of the broker: what the journal of sessions has, the stations may lack, and the other way
 * round. The publisher repeats what was not acknowledged, and the station has it, in its order. */
#include "broker/hold.h"
#include "station_test.h"

#include "copy_dir.h"

/* ---- The end of a broker ---------------------------------------------------------------------------------- */

enum lost {
    NOTHING,
    STATION /* its log has not reached the disk */,
    JOURNAL /* likewise, of the sessions */
};

/* The broker is killed: another one starts on the disk as it is now, and has nothing else. */
static void depot_kill(struct depot *depot, struct hold *held, enum lost lost)
{
    char dir[HARNESS_PATH_BYTES], path[2 * HARNESS_PATH_BYTES];
    harness_make_dir(dir);
    copy_dir(depot->site.dir, dir);
    if (held != NULL)
        release_shard(held);
    depot_end(depot);
    snprintf(depot->site.dir, sizeof(depot->site.dir), "%s", dir);
    snprintf(path, sizeof(path), "%s/%s", dir, lost == STATION ? "stations/x" : "sessions");
    if (lost != NOTHING)
        harness_remove_dir(path);
    depot_open(depot);
}

/* ---- Tests ------------------------------------------------------------------------------------------------ */

struct actors {
    struct client publisher;
    char publisher_id[CLIENT_ID_BYTES];
    char subscriber_id[CLIENT_ID_BYTES];
};

/* A publisher on reactor 0; a subscriber on reactor 1, which is away. */
static void start_with(struct depot *depot, struct actors *actors, const char *station)
{
    struct client subscriber;
    depot_start_as(depot, 2, true);
    make_station(depot, station);
    CLIENT_CONNECT(&subscriber, &depot->site, false,
                   .id = client_id_on(&depot->site, 1, "s", actors->subscriber_id), .keep = true);
    subscribe_to(&subscriber, "t", 2);
    client_drop(&subscriber);
    CLIENT_CONNECT(&actors->publisher, &depot->site, false,
                   .id = client_id_on(&depot->site, 0, "p", actors->publisher_id), .keep = true);
}

static void start(struct depot *depot, struct actors *actors)
{
    start_with(depot, actors, "{\"name\":\"x\",\"topics\":[\"t\"]}");
}

static void publish_text(struct client *client, uint16_t packet_id, const char *payload, bool dup)
{
    char expected[32];
    put_publish(
        client,
        &(struct mqtt_publish){
            .topic = STR("t"), .qos = 2, .dup = dup, .packet_id = packet_id, .payload = str_of(payload)});
    client_flush(client);
    snprintf(expected, sizeof(expected), "PUBREC #%u 00", packet_id);
    EXPECT(client, expected);
}

static void say_publish_again(struct client *client, uint16_t packet_id, const char *payload)
{
    put_publish(
        client,
        &(struct mqtt_publish){
            .topic = STR("t"), .qos = 2, .dup = true, .packet_id = packet_id, .payload = str_of(payload)});
    client_flush(client);
}

static void release(struct client *client, uint16_t packet_id)
{
    char expected[32];
    say_ack(client, MQTT_PUBREL, packet_id);
    snprintf(expected, sizeof(expected), "PUBCOMP #%u 00", packet_id);
    EXPECT(client, expected);
}

static void publish_number(struct client *client, uint16_t number, bool dup)
{
    char payload[8];
    snprintf(payload, sizeof(payload), "%u", number);
    publish_text(client, number, payload, dup);
}

static void publisher_returns(struct depot *depot, struct actors *actors)
{
    CLIENT_CONNECT(&actors->publisher, &depot->site, true, .id = actors->publisher_id, .keep = true);
}

/* Both were published on one reactor only when the broker ended, and a start completes that: but the station must not get
 * them before the first, of which the station alone has lost the traces. */
static void test_what_a_start_completes_comes_to_the_station_in_its_publishers_order(void **state)
{
    (void)state;
    struct depot depot;
    struct actors actors;
    struct client subscriber;
    struct hold held;
    start(&depot, &actors);
    publish_number(&actors.publisher, 1, false);
    WAIT_FOR(shard_is_settled(&depot.site, 0) && shard_is_settled(&depot.site, 1));
    hold_shard(&depot.site, 1, &held);
    say_publish(&actors.publisher, "t", 2, 2, "2");
    say_publish(&actors.publisher, "t", 2, 3, "3");
    client_sync(&actors.publisher); /* no PUBREC: reactor 1 has not answered */
    WAIT_FOR(shard_is_settled(&depot.site, 0));
    client_drop(&actors.publisher);
    depot_kill(&depot, &held, STATION);

    CLIENT_CONNECT(&subscriber, &depot.site, true, .id = actors.subscriber_id, .keep = true);
    EXPECT(&subscriber, "PUBLISH t qos 2 #1 \"1\"", "PUBLISH t qos 2 #2 \"2\"", "PUBLISH t qos 2 #3 \"3\"");
    assert_string_equal(READ_ALL(&depot, "x"), "");
    publisher_returns(&depot, &actors);
    for (uint16_t number = 1; number <= 3; number++)
        publish_number(&actors.publisher, number, true);
    publish_number(&actors.publisher, 4, false);
    assert_string_equal(READ_ALL(&depot, "x"), "1,2,3,4");
    EXPECT(&subscriber, "PUBLISH t qos 2 #4 \"4\"");
    client_sync(&subscriber);
    client_drop(&subscriber);
    client_drop(&actors.publisher);
    depot_end(&depot);
}

static void all_settled(struct depot *depot)
{
    WAIT_FOR(shard_is_settled(&depot->site, 0) && shard_is_settled(&depot->site, 1));
}

/* Whichever of the two logs has lost it, and however often the connection or the broker ends. */
static void test_what_is_repeated_again_and_again_is_stored_once(void **state)
{
    (void)state;
    for (enum lost lost = NOTHING; lost <= JOURNAL; lost++) {
        struct depot depot;
        struct actors actors;
        start(&depot, &actors);
        publish_number(&actors.publisher, 1, false);
        publish_number(&actors.publisher, 2, false);
        client_drop(&actors.publisher);
        all_settled(&depot);
        for (unsigned round = 0; round < 4; round++) {
            if (round % 2 == 0)
                depot_kill(&depot, NULL, round == 0 ? lost : NOTHING);
            publisher_returns(&depot, &actors);
            publish_number(&actors.publisher, 1, true);
            publish_number(&actors.publisher, 2, true);
            client_drop(&actors.publisher);
            all_settled(&depot);
        }
        publisher_returns(&depot, &actors);
        release(&actors.publisher, 1);
        publish_text(&actors.publisher, 1, "1", false);
        assert_string_equal(READ_ALL(&depot, "x"), "1,2,1");
        client_drop(&actors.publisher);
        depot_end(&depot);
    }
}

/* What the journal has lost comes again under its old number, and what follows goes on behind it. */
static void test_the_numbers_of_exchanges_survive_a_restart(void **state)
{
    (void)state;
    struct depot depot;
    struct actors actors;
    start(&depot, &actors);
    for (uint16_t number = 1; number <= 3; number++) {
        publish_number(&actors.publisher, number, false);
        if (number < 3)
            release(&actors.publisher, number);
    }
    all_settled(&depot);
    client_drop(&actors.publisher);
    depot_kill(&depot, NULL, NOTHING);
    publisher_returns(&depot, &actors);
    publish_number(&actors.publisher, 3, true);
    publish_text(&actors.publisher, 1, "4", false);
    publish_text(&actors.publisher, 2, "2",
                 true); /* sent before the end, but it did not come: it is another message */
    client_drop(&actors.publisher);
    all_settled(&depot);
    depot_kill(&depot, NULL, NOTHING);
    publisher_returns(&depot, &actors);
    publish_number(&actors.publisher, 3, true);
    publish_text(&actors.publisher, 1, "4", true);
    publish_text(&actors.publisher, 2, "2", true);
    assert_string_equal(READ_ALL(&depot, "x"), "1,2,3,4,2");
    client_drop(&actors.publisher);
    depot_end(&depot);
}

/* A client that has forgotten its exchanges, and begins with the first packet identifier again. */
static void test_a_message_that_is_not_sent_again_is_stored_whatever_it_looks_like(void **state)
{
    (void)state;
    struct depot depot;
    struct actors actors;
    start(&depot, &actors);
    publish_text(&actors.publisher, 1, "on", false);
    client_drop(&actors.publisher);
    all_settled(&depot);
    depot_kill(&depot, NULL, JOURNAL);
    publisher_returns(&depot, &actors);
    publish_text(&actors.publisher, 1, "on", false);
    assert_string_equal(READ_ALL(&depot, "x"), "on,on");
    client_drop(&actors.publisher);
    depot_end(&depot);
}

static void test_without_a_window_what_is_repeated_is_stored_again(void **state)
{
    (void)state;
    struct depot depot;
    struct actors actors;
    start_with(&depot, &actors, "{\"name\":\"x\",\"topics\":[\"t\"],\"dedup_window\":0}");
    publish_number(&actors.publisher, 1, false);
    client_drop(&actors.publisher);
    all_settled(&depot);
    depot_kill(&depot, NULL, NOTHING);
    publisher_returns(&depot, &actors);
    publish_number(&actors.publisher, 1, true);
    assert_string_equal(READ_ALL(&depot, "x"), "1,1");
    client_drop(&actors.publisher);
    depot_end(&depot);
}

/* While the names are read, what is sent again waits, and what comes behind it; what is new does not. */
static void test_what_is_repeated_waits_until_the_names_are_read(void **state)
{
    (void)state;
    struct depot depot;
    struct actors actors;
    start(&depot, &actors);
    publish_number(&actors.publisher, 1, false);
    publish_number(&actors.publisher, 2, false);
    client_drop(&actors.publisher);
    all_settled(&depot);
    atomic_store(&disk_cold, true); /* not at once */
    depot_restart_held(&depot);
    publisher_returns(&depot, &actors);
    publish_number(&actors.publisher, 3, false);
    say_publish_again(&actors.publisher, 1, "1");
    say_publish_again(&actors.publisher, 2, "2");
    client_sync(&actors.publisher);
    atomic_store(&workers_held, false);
    EXPECT(&actors.publisher, "PUBREC #1 00", "PUBREC #2 00");
    assert_string_equal(READ_ALL(&depot, "x"), "1,2,3");
    client_drop(&actors.publisher);
    depot_end(&depot);
    atomic_store(&disk_cold, false);
}

RUN_TESTS(cmocka_unit_test(test_what_a_start_completes_comes_to_the_station_in_its_publishers_order),
          cmocka_unit_test(test_what_is_repeated_again_and_again_is_stored_once),
          cmocka_unit_test(test_the_numbers_of_exchanges_survive_a_restart),
          cmocka_unit_test(test_a_message_that_is_not_sent_again_is_stored_whatever_it_looks_like),
          cmocka_unit_test(test_without_a_window_what_is_repeated_is_stored_again),
          cmocka_unit_test(test_what_is_repeated_waits_until_the_names_are_read))
