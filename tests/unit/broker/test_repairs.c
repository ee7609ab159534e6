/* What could not be removed from the disk does not come back: the removal is tried until it succeeds. */
#include "broker_test.h"
#include "disk.h"

static int start(void **state)
{
    struct site *site = mem_zalloc(sizeof(*site));
    site_start(site, 2, NULL);
    log_set_level(LOG_LEVEL_ERROR + 1); /* failures are meant here */
    *state = site;
    return 0;
}

static int end(void **state)
{
    site_end(*state);
    mem_free(*state);
    return 0;
}

static size_t all_rows(const struct site *site)
{
    return session_rows(site) + subscription_rows(site) + retained_rows(site);
}

/* A kept session with a subscription to its own id. */
static void make_session(const struct site *site, const char *id)
{
    struct client client;
    CLIENT_CONNECT(&client, site, false, .id = id, .keep = true);
    subscribe_to(&client, id, 1);
    client_bye(&client);
}

/* Its client comes, and leaves for good. */
static void end_session(const struct site *site, const char *id)
{
    struct client client;
    CLIENT_CONNECT(&client, site, true, .id = id, .keep = true);
    struct mqtt_properties properties;
    mqtt_properties_init(&properties);
    property_set(&properties, MQTT_PROP_SESSION_EXPIRY);
    properties.session_expiry = 0;
    mqtt_encode_disconnect(&client.out, MQTT_5, MQTT_SUCCESS, &properties);
    client_flush(&client);
    EXPECT(&client, "end");
    client_drop(&client);
}

static void wait_for_no_session(const struct site *site)
{
    struct broker_stats stats;
    WAIT_FOR((broker_stats(site->broker, &stats), stats.sessions == 0));
}

static void test_a_session_that_ended_while_the_disk_failed_does_not_stay(void **state)
{
    const struct site *site = *state;
    make_session(site, "a");
    make_session(site, "b");
    wait_for_disk(site);
    set_disk_fails(site, true);
    end_session(site, "a");
    end_session(site, "b");
    wait_for_no_session(site);
    wait_for_disk(site);
    assert_int_equal(all_rows(site), 4);
    set_disk_fails(site, false);
    WAIT_FOR(all_rows(site) == 0);
}

static void test_an_unsubscribed_filter_does_not_stay(void **state)
{
    const struct site *site = *state;
    struct client client;
    CLIENT_CONNECT(&client, site, false, .id = "c", .keep = true);
    subscribe_to(&client, "gone", 1);
    subscribe_to(&client, "back", 1);
    set_disk_fails(site, true);
    say_unsubscribe(&client, 2, "gone");
    say_unsubscribe(&client, 3, "back");
    EXPECT(&client, "UNSUBACK #2 83", "UNSUBACK #3 83");
    set_disk_fails(site, false);
    subscribe_to(&client, "back", 0); /* what is wanted by then counts */
    WAIT_FOR(subscription_rows(site) == 1);
    client_drop(&client);
    site_halt(*state, 5000);
    site_run(*state, 2, NULL);
    log_set_level(LOG_LEVEL_ERROR + 1);
    CLIENT_CONNECT(&client, site, true, .id = "c", .keep = true);
    say_publish(&client, "back", 1, 1, "x");
    EXPECT(&client, "PUBLISH back qos 0 \"x\"", "PUBACK #1 00");
    client_bye(&client);
}

static void test_a_removed_retained_message_does_not_stay(void **state)
{
    const struct site *site = *state;
    struct client client;
    CLIENT_CONNECT(&client, site, false, .id = "c");
    say_retained(&client, "gone", 1, 1, "x");
    say_retained(&client, "back", 1, 2, "x");
    EXPECT(&client, "PUBACK #1 10", "PUBACK #2 10");
    set_disk_fails(site, true);
    say_retained(&client, "gone", 1, 3, "");
    say_retained(&client, "back", 1, 4, "");
    EXPECT(&client, "PUBACK #3 97", "PUBACK #4 97");
    set_disk_fails(site, false);
    say_retained(&client, "back", 1, 5, "again");
    EXPECT(&client, "PUBACK #5 10");
    WAIT_FOR(retained_rows(site) == 1);
    client_bye(&client);
}

/* The former session's rows, and those of the one that has come since, all under one client id. */
static void test_a_session_that_came_meanwhile_is_kept_as_it_is(void **state)
{
    struct site *site = *state;
    struct client client;
    make_session(site, "a");
    wait_for_disk(site);
    set_disk_fails(site, true);
    end_session(site, "a");
    wait_for_no_session(site);
    CLIENT_CONNECT(&client, site, false, .id = "a", .keep = true);
    wait_for_disk(site);
    set_disk_fails(site, false);
    subscribe_to(&client, "other", 1);
    subscribe_to(&client, "more/#", 1);
    WAIT_FOR(session_rows(site) == 1 && subscription_rows(site) == 2);
    client_drop(&client);
    site_halt(site, 5000);
    site_run(site, 2, NULL);
    log_set_level(LOG_LEVEL_ERROR + 1);
    CLIENT_CONNECT(&client, site, true, .id = "a", .keep = true);
    say_publish(&client, "a", 1, 1, "x");
    say_publish(&client, "more/x", 1, 2, "x");
    EXPECT(&client, "PUBACK #1 10", "PUBLISH more/x qos 1 #1 \"x\"", "PUBACK #2 00");
    client_bye(&client);
}

static void limit_repairs(struct shard *shard, void *arg)
{
    pthread_mutex_lock(&shard->repairs.lock);
    shard->repairs.max = *(size_t *)arg;
    pthread_mutex_unlock(&shard->repairs.lock);
}

static void test_more_failures_than_there_is_room_for_are_found_in_the_catalog(void **state)
{
    enum { SESSIONS = 30, ROOM = 3 };
    const struct site *site = *state;
    struct client client;
    char id[16], topic[16];
    size_t room = ROOM;
    for (unsigned i = 0; i < site->broker->shard_count; i++)
        on_shard(site, i, limit_repairs, &room);
    CLIENT_CONNECT(&client, site, false, .id = "stays", .keep = true);
    subscribe_to(&client, "t/1", 1);
    subscribe_to(&client, "t/#", 1);
    for (unsigned i = 0; i < SESSIONS; i++) {
        snprintf(id, sizeof(id), "s-%u", i);
        snprintf(topic, sizeof(topic), "r-%u", i);
        make_session(site, id);
        say_retained(&client, topic, 1, (uint16_t)(i + 1), "x");
        struct buf text = {0};
        client_hear(&client, &text);
        buf_free(&text);
    }
    say_retained(&client, "kept", 1, 100, "x");
    EXPECT(&client, "PUBACK #100 10");
    wait_for_disk(site);
    assert_int_equal(all_rows(site), 3 * SESSIONS + 4);
    set_disk_fails(site, true);
    for (unsigned i = 0; i < SESSIONS; i++) {
        snprintf(id, sizeof(id), "s-%u", i);
        snprintf(topic, sizeof(topic), "r-%u", i);
        end_session(site, id);
        say_retained(&client, topic, 1, (uint16_t)(i + 1), "");
        struct buf text = {0};
        client_hear(&client, &text);
        buf_free(&text);
    }
    wait_for_disk(site);
    assert_int_equal(all_rows(site), 3 * SESSIONS + 4);
    room = REPAIRS_MAX; /* else it takes as many seconds as there are handfuls */
    for (unsigned i = 0; i < site->broker->shard_count; i++)
        on_shard(site, i, limit_repairs, &room);
    set_disk_fails(site, false);
    WAIT_FOR(all_rows(site) == 4);
    assert_int_equal(session_rows(site), 1);
    assert_int_equal(subscription_rows(site), 2);
    client_bye(&client);
}

static void test_a_stop_tries_once_more(void **state)
{
    struct site *site = *state;
    make_session(site, "a");
    wait_for_disk(site);
    set_disk_fails(site, true);
    end_session(site, "a");
    wait_for_no_session(site);
    wait_for_disk(site);
    set_disk_fails(site, false);
    site_halt(site, 5000);
    site_run(site, 2, NULL);
    assert_int_equal(all_rows(site), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

RUN_TESTS(TEST(test_a_session_that_ended_while_the_disk_failed_does_not_stay),
          TEST(test_an_unsubscribed_filter_does_not_stay),
          TEST(test_a_removed_retained_message_does_not_stay),
          TEST(test_a_session_that_came_meanwhile_is_kept_as_it_is),
          TEST(test_more_failures_than_there_is_room_for_are_found_in_the_catalog),
          TEST(test_a_stop_tries_once_more))
