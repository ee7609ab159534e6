/* Services: subscribers of any reactor that acknowledgements wait for. The one here keeps what it gets until the test
 * lets it go. */
#include "journal_site.h"

#include "base/mem.h"

#define KEPT_MAX 64

struct keeper {
    struct subscriber subscriber; /* first */
    struct site *site;
    pthread_mutex_t lock;
    struct ack_ticket *kept[KEPT_MAX];
    unsigned kept_count;
    atomic_uint delivered, turns;
    char last[128]; /* "topic payload by client id" */
    size_t charge;
    unsigned reactor; /* of the last one */
    struct turn_task tasks[2];
};

static struct keeper keeper;

static void turn_over(struct turn_task *task)
{
    (void)task;
    atomic_fetch_add(&keeper.turns, 1);
}

static void deliver(struct subscriber *subscriber, const struct route_target *target,
                    struct publication *publication)
{
    (void)subscriber;
    (void)target;
    pthread_mutex_lock(&keeper.lock);
    struct ack_ticket *ticket = publication_hold(publication);
    if (ticket != NULL)
        keeper.kept[keeper.kept_count++] = ticket;
    if (keeper.charge > 0)
        publication_charge(publication, keeper.charge);
    keeper.reactor = publication_reactor(publication);
    snprintf(keeper.last, sizeof(keeper.last), "%.*s %.*s by %.*s", STR_ARG(publication->topic),
             STR_ARG(publication->payload), STR_ARG(publication_client_id(publication)));
    pthread_mutex_unlock(&keeper.lock);
    publication_at_turn_end(publication, &keeper.tasks[publication_reactor(publication)]);
    atomic_fetch_add(&keeper.delivered, 1);
}

static void describe_keeper(const struct subscriber *subscriber, struct buf *out)
{
    (void)subscriber;
    buf_append_str(out, STR("keeper"));
}

static const struct subscriber_ops keeper_ops = {.deliver = deliver, .describe = describe_keeper};

static void let_go(uint8_t reason)
{
    pthread_mutex_lock(&keeper.lock);
    for (unsigned i = 0; i < keeper.kept_count; i++)
        ticket_done(keeper.kept[i], reason);
    keeper.kept_count = 0;
    pthread_mutex_unlock(&keeper.lock);
}

static void nothing(struct shard *shard, void *arg)
{
    (void)shard;
    (void)arg;
}

static void start_keeper(struct site *site, const char *filter)
{
    struct error err;
    memset(&keeper, 0, sizeof(keeper));
    pthread_mutex_init(&keeper.lock, NULL);
    keeper.tasks[0].run = turn_over;
    keeper.tasks[1].run = turn_over;
    service_subscriber_init(site->broker, &keeper.subscriber, &keeper_ops);
    assert_true(service_subscribe(site->broker, &keeper.subscriber, str_of(filter), 2, &err));
}

static void start(struct site *site, const char *filter)
{
    site_start(site, 2, NULL);
    start_keeper(site, filter);
}

static void end(struct site *site)
{
    service_subscriber_end(site->broker, &keeper.subscriber);
    let_go(MQTT_SUCCESS);
    site_end(site);
    pthread_mutex_destroy(&keeper.lock);
}

static void test_an_acknowledgement_waits_for_the_service(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    start(&site, "kept/#");
    CLIENT_CONNECT(&client, &site, false, .id = "publisher");
    say_publish(&client, "kept/a", 1, 1, "x");
    say_publish(&client, "kept/b", 2, 2, "y");
    say_publish(&client, "kept/c", 0, 0, "z");
    client_sync(&client);
    WAIT_FOR(atomic_load(&keeper.delivered) == 3 && atomic_load(&keeper.turns) > 0);
    assert_string_equal(keeper.last, "kept/c z by publisher");
    assert_int_equal(keeper.kept_count, 2);
    let_go(MQTT_SUCCESS);
    EXPECT(&client, "PUBACK #1 00", "PUBREC #2 00");
    say_ack(&client, MQTT_PUBREL, 2);
    EXPECT(&client, "PUBCOMP #2 00");
    client_bye(&client);
    end(&site);
}

static void test_a_refusal_reaches_mqtt_5_and_is_silence_before(void **state)
{
    (void)state;
    struct site site;
    struct client five, three;
    start(&site, "kept/#");
    CLIENT_CONNECT(&five, &site, false, .id = "five");
    CLIENT_CONNECT(&three, &site, false, .id = "three", .version = MQTT_3_1_1);
    say_publish(&five, "kept/a", 1, 1, "x");
    say_publish(&three, "kept/a", 1, 1, "x");
    WAIT_FOR(atomic_load(&keeper.delivered) == 2);
    let_go(MQTT_QUOTA_EXCEEDED);
    EXPECT(&five, "PUBACK #1 97");
    client_sync(&three);
    client_bye(&five);
    client_bye(&three);
    end(&site);
}

/* PUBREC was still to come when the connection was lost. */
static void test_a_qos_2_message_sent_again_waits_for_the_first_one(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    start(&site, "kept/#");
    CLIENT_CONNECT(&client, &site, false, .id = "publisher", .keep = true);
    say_publish(&client, "kept/a", 2, 1, "x");
    WAIT_FOR(atomic_load(&keeper.delivered) == 1);
    client_drop(&client);
    CLIENT_CONNECT(&client, &site, true, .id = "publisher", .keep = true);
    say_publish(&client, "kept/a", 2, 1, "x");
    client_sync(&client); /* no PUBREC yet */
    let_go(MQTT_SUCCESS);
    EXPECT(&client, "PUBREC #1 00");
    assert_int_equal(atomic_load(&keeper.delivered), 1);
    client_bye(&client);
    end(&site);
}

static void test_a_qos_2_message_that_failed_while_its_publisher_was_away_is_new_again(void **state)
{
    (void)state;
    static const uint8_t versions[] = {MQTT_3_1_1, MQTT_5};
    for (size_t i = 0; i < LENGTH(versions); i++) {
        struct site site;
        struct client client;
        start(&site, "kept/#");
        CLIENT_CONNECT(&client, &site, false, .id = "publisher", .keep = true, .version = versions[i]);
        say_publish(&client, "kept/a", 2, 1, "x");
        WAIT_FOR(atomic_load(&keeper.delivered) == 1);
        client_drop(&client);
        CLIENT_CONNECT(&client, &site, true, .id = "publisher", .keep = true, .version = versions[i]);
        let_go(MQTT_QUOTA_EXCEEDED);
        on_shard(&site, keeper.reactor, nothing, NULL); /* the ticket has come home */
        say_publish(&client, "kept/a", 2, 1, "x");
        WAIT_FOR(atomic_load(&keeper.delivered) == 2);
        let_go(MQTT_SUCCESS);
        EXPECT(&client, "PUBREC #1 00");
        client_bye(&client);
        end(&site);
    }
}

/* The journal has it, and knows the identifier; the service's log may have lost it. */
static void test_what_the_journal_had_at_the_end_is_offered_to_services_again(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    site_start_durable(&site, 2, NULL, NULL);
    start_keeper(&site, "kept/#");
    CLIENT_CONNECT(&client, &site, false, .id = "publisher", .keep = true);
    say_publish(&client, "kept/a", 2, 1, "x");
    WAIT_FOR(atomic_load(&keeper.delivered) == 1);
    site_settle(&site);
    client_drop(&client);
    service_subscriber_end(site.broker, &keeper.subscriber);
    let_go(MQTT_SUCCESS); /* too late for PUBREC */
    site_settle(&site);
    site_halt(&site, 5000);
    site_run(&site, 2, NULL);
    start_keeper(&site, "kept/#");
    CLIENT_CONNECT(&client, &site, true, .id = "publisher", .keep = true);
    say_publish(&client, "kept/a", 2, 1, "x");
    WAIT_FOR(atomic_load(&keeper.delivered) == 1);
    assert_string_equal(keeper.last, "kept/a x by publisher");
    client_sync(&client); /* no PUBREC yet */
    let_go(MQTT_SUCCESS);
    EXPECT(&client, "PUBREC #1 00");
    say_ack(&client, MQTT_PUBREL, 1);
    EXPECT(&client, "PUBCOMP #1 00");
    say_publish(&client, "kept/a", 2, 1, "y"); /* the identifier is free */
    WAIT_FOR(atomic_load(&keeper.delivered) == 2);
    let_go(MQTT_SUCCESS);
    EXPECT(&client, "PUBREC #1 00");
    client_bye(&client);
    end(&site);
}

static void test_a_session_that_ends_forgets_what_it_waited_for(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    start(&site, "kept/#");
    CLIENT_CONNECT(&client, &site, false, .id = "publisher");
    say_publish(&client, "kept/a", 2, 1, "x");
    WAIT_FOR(atomic_load(&keeper.delivered) == 1);
    client_drop(&client);
    CLIENT_CONNECT(&client, &site, false, .id = "publisher");
    let_go(MQTT_QUOTA_EXCEEDED);
    client_sync(&client);
    client_bye(&client);
    end(&site);
}

static void test_a_service_gets_what_is_published_on_every_reactor_once(void **state)
{
    (void)state;
    struct site site;
    start(&site, "kept/#");
    for (unsigned reactor = 0; reactor < 2; reactor++) {
        struct client client, reader;
        CLIENT_CONNECT(&client, &site, false, .id = ID_ON(&site, reactor, "publisher"));
        CLIENT_CONNECT(&reader, &site, false, .id = ID_ON(&site, 1 - reactor, "reader"));
        subscribe_to(&reader, "kept/+", 0);
        say_publish(&client, "kept/a", 0, 0, "x");
        EXPECT(&reader, "PUBLISH kept/a qos 0 \"x\"");
        client_sync(&client);
        assert_int_equal(atomic_load(&keeper.delivered), reactor + 1);
        assert_int_equal(keeper.reactor, reactor);
        client_bye(&client);
        client_bye(&reader);
    }
    end(&site);
}

static void test_who_publishes_more_than_the_disk_takes_is_not_read(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    start(&site, "kept/#");
    CLIENT_CONNECT(&client, &site, false, .id = "publisher");
    keeper.charge = (size_t)8 << 20;
    say_publish(&client, "kept/a", 0, 0, "x");
    WAIT_FOR(atomic_load(&keeper.delivered) == 1);
    unsigned reactor = keeper.reactor;
    say_publish(&client, "kept/a", 0, 0, "y");
    usleep(20000);
    assert_int_equal(atomic_load(&keeper.delivered), 1);
    keeper.charge = 0;
    service_credit(site.broker, reactor, (size_t)8 << 20);
    WAIT_FOR(atomic_load(&keeper.delivered) == 2);
    client_bye(&client);
    end(&site);
}

static void test_after_its_end_a_service_gets_nothing(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    start(&site, "kept/#");
    CLIENT_CONNECT(&client, &site, false, .id = "publisher");
    say_publish(&client, "kept/a", 0, 0, "x");
    client_sync(&client);
    service_subscriber_end(site.broker, &keeper.subscriber);
    unsigned delivered = atomic_load(&keeper.delivered);
    say_publish(&client, "kept/a", 1, 1, "x");
    EXPECT(&client, "PUBACK #1 10");
    assert_int_equal(atomic_load(&keeper.delivered), delivered);
    client_bye(&client);
    end(&site);
}

static void test_filters_that_are_none_are_refused(void **state)
{
    (void)state;
    struct site site;
    struct error err;
    start(&site, "kept/#");
    assert_false(service_subscribe(site.broker, &keeper.subscriber, STR("a/#/b"), 0, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_false(service_subscribe(site.broker, &keeper.subscriber, STR("$share/g/a"), 0, &err));
    assert_int_equal(err.code, ERR_INVALID);
    end(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_acknowledgement_waits_for_the_service),
        cmocka_unit_test(test_a_refusal_reaches_mqtt_5_and_is_silence_before),
        cmocka_unit_test(test_a_qos_2_message_sent_again_waits_for_the_first_one),
        cmocka_unit_test(test_a_qos_2_message_that_failed_while_its_publisher_was_away_is_new_again),
        cmocka_unit_test(test_what_the_journal_had_at_the_end_is_offered_to_services_again),
        cmocka_unit_test(test_a_session_that_ends_forgets_what_it_waited_for),
        cmocka_unit_test(test_a_service_gets_what_is_published_on_every_reactor_once),
        cmocka_unit_test(test_who_publishes_more_than_the_disk_takes_is_not_read),
        cmocka_unit_test(test_after_its_end_a_service_gets_nothing),
        cmocka_unit_test(test_filters_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
