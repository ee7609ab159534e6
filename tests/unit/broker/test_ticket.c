/* Acknowledgements that wait for the disk: the ticket's counts, the order of answers, a disk that fails. */
#include "broker_test.h"

#include "catalog/catalog_internal.h"

#include <signal.h>
#include <sys/resource.h>

/* ---- Counts ---------------------------------------------------------------------------------------------- */

struct home {
    struct reactor_group *group;
    struct shard shard; /* as much of one as tickets need */
    atomic_uint come;   /* tickets that came home */
    atomic_uint reason; /* of the last one */
    atomic_bool elsewhere;
};

static struct home home;

static void note_home(struct reactor *reactor, struct mail *mail)
{
    struct ack_ticket *ticket = CONTAINER_OF(mail, struct ack_ticket, mail);
    if (reactor != home.shard.reactor || !reactor_is_current(reactor) || atomic_load(&ticket->pending) != 0)
        atomic_store(&home.elsewhere, true);
    atomic_store(&home.reason, atomic_load(&ticket->reason));
    mem_free(ticket);
    atomic_fetch_add(&home.come, 1);
}

static int start_home(void **state)
{
    (void)state;
    const struct reactor_group_options options = {.count = 2};
    struct error err;
    memset(&home, 0, sizeof(home));
    home.group = reactor_group_start(&options, &err);
    assert_non_null(home.group);
    home.shard.reactor = reactor_at(home.group, 1);
    return 0;
}

static int end_home(void **state)
{
    (void)state;
    reactor_group_stop(home.group);
    reactor_group_free(home.group);
    return 0;
}

static struct ack_ticket *noted_ticket(void)
{
    struct ack_ticket *ticket = ticket_new(&home.shard);
    ticket->mail.run = note_home;
    return ticket;
}

static void test_the_last_count_brings_a_ticket_home(void **state)
{
    (void)state;
    static const struct {
        uint8_t reasons[4];
        uint8_t expected;
    } rows[] = {
        {{MQTT_SUCCESS, MQTT_SUCCESS, MQTT_SUCCESS, MQTT_SUCCESS}, MQTT_SUCCESS},
        {{MQTT_SUCCESS, MQTT_QUOTA_EXCEEDED, MQTT_SUCCESS, MQTT_SUCCESS}, MQTT_QUOTA_EXCEEDED},
        {{MQTT_QUOTA_EXCEEDED, MQTT_IMPLEMENTATION_ERROR, MQTT_SUCCESS, MQTT_SUCCESS}, MQTT_QUOTA_EXCEEDED},
        {{MQTT_SUCCESS, MQTT_SUCCESS, MQTT_SUCCESS, MQTT_IMPLEMENTATION_ERROR}, MQTT_IMPLEMENTATION_ERROR},
        {{MQTT_NO_MATCHING_SUBSCRIBERS, MQTT_SUCCESS, MQTT_SUCCESS, MQTT_SUCCESS}, MQTT_SUCCESS},
    };
    unsigned come = 0;
    TABLE_EACH(row, rows)
    {
        struct ack_ticket *ticket = noted_ticket();
        for (int i = 0; i < 3; i++)
            ticket_hold(ticket);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(atomic_load(&ticket->pending), 4 - i);
            ticket_done(ticket, row->reasons[i]);
        }
        come++;
        WAIT_FOR(atomic_load(&home.come) == come);
        assert_int_equal(atomic_load(&home.reason), row->expected);
    }
    assert_false(atomic_load(&home.elsewhere));
}

#define TICKETS 2000
#define THREADS 4

static struct ack_ticket *many[TICKETS];

static void *give_counts_back(void *arg)
{
    uintptr_t number = (uintptr_t)arg;
    for (size_t i = 0; i < TICKETS; i++) {
        struct ack_ticket *ticket = many[(i * 7 + number * 13) % TICKETS];
        ticket_hold(ticket);
        ticket_done(ticket, MQTT_SUCCESS);
        ticket_done(ticket, number == 0 ? MQTT_QUOTA_EXCEEDED : MQTT_SUCCESS);
    }
    return NULL;
}

static void test_counts_are_given_back_by_several_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (size_t i = 0; i < TICKETS; i++) {
        many[i] = noted_ticket();
        for (int held = 1; held < THREADS; held++)
            ticket_hold(many[i]);
    }
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, give_counts_back, (void *)i), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    WAIT_FOR(atomic_load(&home.come) == TICKETS);
    assert_int_equal(atomic_load(&home.reason), MQTT_QUOTA_EXCEEDED);
    assert_false(atomic_load(&home.elsewhere));
}

/* The address sanitizer sees if it is not freed. */
static void test_a_ticket_without_an_acknowledgement_frees_itself(void **state)
{
    (void)state;
    ticket_done(ticket_new(&home.shard), MQTT_SUCCESS);
    struct ack_ticket *late = ticket_new(&home.shard);
    reactor_group_stop(home.group);
    ticket_done(late, MQTT_SUCCESS);
}

/* ---- Order ----------------------------------------------------------------------------------------------- */

/* [MQTT-4.6.0-2], [MQTT-4.6.0-3]: what waits for the disk holds back what does not. */
static void test_acknowledgements_come_in_the_order_of_the_packets(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    site_start(&site, 2, NULL);
    CLIENT_CONNECT(&client, &site, false, .id = "c", .keep = true);
    for (int round = 0; round < 50; round++) {
        struct mqtt_publish publish = {.topic = STR("t"), .qos = 1, .packet_id = 1, .payload = STR("x")};
        put_publish(&client, &publish);
        publish.packet_id = 2;
        publish.retain = true;
        put_publish(&client, &publish);
        publish.packet_id = 3;
        publish.retain = false;
        put_publish(&client, &publish);
        publish.packet_id = 4;
        publish.qos = 2;
        put_publish(&client, &publish);
        put_subscribe(&client, 5, "other", (struct mqtt_subscription){.qos = 1}, 0);
        put_ack(&client, MQTT_PUBREL, 4);
        publish.packet_id = 6;
        publish.retain = true;
        put_publish(&client, &publish);
        mqtt_encode_unsubscribe(&client.out, MQTT_5, 7, NULL, &STR("other"), 1);
        publish.packet_id = 8;
        publish.retain = false;
        publish.qos = 1;
        put_publish(&client, &publish);
        put_ack(&client, MQTT_PUBREL, 6);
        client_flush(&client);
        EXPECT(&client, "PUBACK #1 10", "PUBACK #2 10", "PUBACK #3 10", "PUBREC #4 10", "SUBACK #5 01",
               "PUBCOMP #4 00", "PUBREC #6 10", "UNSUBACK #7 00", "PUBACK #8 10", "PUBCOMP #6 00");
    }
    client_bye(&client);
    site_end(&site);
}

/* The client goes while its acknowledgements wait; those who come after find everything in order. */
static void test_a_client_may_go_while_its_acknowledgements_wait(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    site_start(&site, 2, NULL);
    for (int round = 0; round < 50; round++) {
        CLIENT_CONNECT(&client, &site, round > 0, .id = "c", .keep = true);
        for (uint16_t i = 1; i <= 20; i++) {
            put_publish(
                &client,
                &(struct mqtt_publish){
                    .topic = STR("t"), .qos = 1, .packet_id = i, .retain = true, .payload = STR("x")});
        }
        put_subscribe(&client, 21, "t", (struct mqtt_subscription){.qos = 1}, 0);
        mqtt_encode_unsubscribe(&client.out, MQTT_5, 22, NULL, &STR("t"), 1);
        if (round % 2 == 0)
            mqtt_encode_disconnect(&client.out, MQTT_5, MQTT_SUCCESS, NULL);
        client_flush(&client);
        client_drop(&client);
    }
    CLIENT_CONNECT(&client, &site, true, .id = "c", .keep = true);
    mqtt_encode_ping(&client.out, MQTT_PINGREQ);
    client_flush(&client);
    /* Where SUBSCRIBE was read a turn before UNSUBSCRIBE, messages were on their way: they come again, and nothing else. */
    struct buf text = {0};
    for (client_hear(&client, &text); strcmp(buf_cstr(&text), "PINGRESP") != 0; client_hear(&client, &text))
        CHECK(str_starts(buf_str(&text), STR("PUBLISH t qos 1 ")), "%s", buf_cstr(&text));
    buf_free(&text);
    client_bye(&client);
    site_end(&site);
}

/* While the test has the catalog's turn, nothing gets to the disk. */
static void test_nothing_is_acknowledged_before_it_is_on_disk(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    site_start(&site, 2, NULL);
    CLIENT_CONNECT(&client, &site, false, .id = "c", .keep = true);
    client_sync(&client);
    catalog_turn_take(site.catalog);
    say_retained(&client, "r", 1, 1, "x");
    say_publish(&client, "t", 1, 2, "x");
    put_subscribe(&client, 3, "r", (struct mqtt_subscription){.qos = 1}, 0);
    client_flush(&client);
    client_sync(&client);
    /* A subscription is in force at once, and what waits are answers only. */
    say_publish(&client, "r", 0, 0, "y");
    EXPECT(&client, "PUBLISH r qos 0 \"y\"");
    client_sync(&client);
    catalog_turn_pass(site.catalog);
    EXPECT(&client, "PUBACK #1 10", "PUBACK #2 10", "SUBACK #3 01", "PUBLISH r qos 1 #1 retain \"x\"");
    client_bye(&client);
    site_end(&site);
}

static void test_as_many_messages_may_wait_for_the_disk_as_the_receive_maximum_says(void **state)
{
    (void)state;
    static const uint8_t types[] = {1, 2};
    for (size_t t = 0; t < LENGTH(types); t++) {
        struct site site;
        struct client client;
        struct settings *settings = quiet_settings();
        settings->mqtt.receive_maximum = 10;
        site_start(&site, 1, settings);
        CLIENT_CONNECT(&client, &site, false, .id = "c", .keep = true);
        client_sync(&client);
        catalog_turn_take(site.catalog);
        for (uint16_t i = 1; i <= 10; i++) {
            put_subscribe(&client, (uint16_t)(100 + i), "x", (struct mqtt_subscription){.qos = 0}, 0);
            say_retained(&client, "r", types[t], i, "x");
        }
        client_sync(&client);
        say_publish(&client, "t", 1, 11, "x");
        EXPECT(&client, "DISCONNECT 93", "end");
        catalog_turn_pass(site.catalog);
        client_drop(&client);
        site_end(&site);
    }
}

/* The client's rules are those of the moment when it is let in. */
static void test_rules_that_change_while_a_client_waits_for_the_disk_are_in_force_for_it(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    struct error err;
    site_start(&site, 2, NULL);
    CLIENT_CONNECT(&client, &site, false, .id = "c", .keep = true);
    client_bye(&client);
    catalog_flush(site.catalog);
    catalog_turn_take(site.catalog);
    client_hello(&client, &site, (struct hello){.id = "c", .keep = true, .clean = true});
    struct broker_stats stats;
    do
        broker_stats(site.broker, &stats);
    while (stats.sessions > 0); /* the old one has gone, the other is not there yet */
    struct settings *settings = quiet_settings();
    settings->acl_default_allow = false;
    ASSERT_OK(broker_reload(site.broker, settings, &err), err);
    struct client other; /* on every shard the reload has been read before the turn is passed */
    for (unsigned i = 0; i < 2; i++) {
        CLIENT_CONNECT(&other, &site, false, .id = ID_ON(&site, i, "other"));
        say_publish(&other, "t", 1, 1, "x");
        EXPECT(&other, "PUBACK #1 87");
        client_bye(&other);
    }
    catalog_turn_pass(site.catalog);
    EXPECT(&client, "CONNACK new 00");
    say_publish(&client, "t", 1, 1, "x");
    EXPECT(&client, "PUBACK #1 87");
    client_bye(&client);
    site_end(&site);
}

/* ---- The disk fails -------------------------------------------------------------------------------------- */

/* No file may grow from here on, or as before. */
static void disk_works(bool works)
{
    static rlim_t usual = 1;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    if (!works)
        usual = limit.rlim_cur;
    limit.rlim_cur = works ? usual : 0;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_what_the_disk_refuses_is_not_acknowledged_as_kept(void **state)
{
    (void)state;
    struct site site;
    struct client five, three;
    signal(SIGXFSZ, SIG_IGN);
    site_start(&site, 1, NULL);
    log_set_fd(-1); /* the failures that the broker reports are wanted */
    CLIENT_CONNECT(&five, &site, false, .id = "five", .keep = true);
    subscribe_to(&five, "seen/#", 0);
    CLIENT_CONNECT(&three, &site, false, .id = "three", .version = MQTT_3_1_1);
    disk_works(false);
    say_retained(&five, "r", 1, 1, "x");
    EXPECT(&five, "PUBACK #1 97");
    say_retained(&five, "r", 2, 2, "x");
    EXPECT(&five, "PUBREC #2 97");
    /* That exchange is over: the identifier stands for another message [MQTT-4.3.3-9]. */
    say_publish(&five, "seen/a", 2, 2, "y");
    EXPECT(&five, "PUBLISH seen/a qos 0 \"y\"", "PUBREC #2 00");
    put_subscribe(&five, 3, "more", (struct mqtt_subscription){.qos = 1}, 0);
    client_flush(&five);
    EXPECT(&five, "SUBACK #3 83");
    say_publish(&five, "more", 1, 4, "nobody");
    EXPECT(&five, "PUBACK #4 10");
    /* MQTT 3.1.1 cannot say no: it says nothing. */
    say_retained(&three, "r", 1, 1, "x");
    client_sync(&three);
    say_retained(&five, "r", 1, 7, "x"); /* behind it on the way to the disk */
    EXPECT(&five, "PUBACK #7 97");
    client_sync(&three);
    disk_works(true);
    say_retained(&five, "r", 2, 5, "z");
    EXPECT(&five, "PUBREC #5 10");
    put_subscribe(&five, 6, "r", (struct mqtt_subscription){.qos = 0}, 0);
    client_flush(&five);
    EXPECT(&five, "SUBACK #6 00", "PUBLISH r qos 0 retain \"z\"");
    client_bye(&five);
    client_bye(&three);
    log_set_fd(2);
    site_end(&site);
}

#define AT_HOME(test) cmocka_unit_test_setup_teardown(test, start_home, end_home)

RUN_TESTS(AT_HOME(test_the_last_count_brings_a_ticket_home),
          AT_HOME(test_counts_are_given_back_by_several_threads),
          AT_HOME(test_a_ticket_without_an_acknowledgement_frees_itself),
          cmocka_unit_test(test_acknowledgements_come_in_the_order_of_the_packets),
          cmocka_unit_test(test_nothing_is_acknowledged_before_it_is_on_disk),
          cmocka_unit_test(test_as_many_messages_may_wait_for_the_disk_as_the_receive_maximum_says),
          cmocka_unit_test(test_rules_that_change_while_a_client_waits_for_the_disk_are_in_force_for_it),
          cmocka_unit_test(test_a_client_may_go_while_its_acknowledgements_wait),
          cmocka_unit_test(test_what_the_disk_refuses_is_not_acknowledged_as_kept))
