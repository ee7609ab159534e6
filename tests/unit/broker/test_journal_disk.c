/* Durable sessions on a disk that is full for a while. */
#include "journal_site.h"

#include "log/io.h"

/* ---- A disk that can be full ----------------------------------------------------------------------------- */

static atomic_bool full;

static int64_t write_unless_full(void *ctx, int fd, const struct iovec *parts, int count, uint64_t position)
{
    return atomic_load(&full) ? -ENOSPC : log_io_system.pwritev(ctx, fd, parts, count, position);
}

static int allocate_unless_full(void *ctx, int fd, uint64_t position, uint64_t len)
{
    return atomic_load(&full) ? -ENOSPC : log_io_system.fallocate(ctx, fd, position, len);
}

static struct log_io disk;

static void start(struct site *site)
{
    disk = log_io_system;
    disk.pwritev = write_unless_full;
    disk.fallocate = allocate_unless_full;
    atomic_store(&full, false);
    site_start_durable(site, 2, NULL, &disk);
    log_set_level(LOG_LEVEL_ERROR + 1);
}

static void free_the_disk(const struct site *site)
{
    atomic_store(&full, false);
    WAIT_FOR(!journal_has_gap(site->broker->journal));
}

static void restart(struct site *site)
{
    site_halt(site, 5000);
    site_run(site, 2, NULL);
}

/* ---- Tests ----------------------------------------------------------------------------------------------- */

static void test_on_a_full_disk_messages_are_delivered_but_not_acknowledged(void **state)
{
    (void)state;
    struct site site;
    struct client here, away, five, three, bystander;
    start(&site);
    CLIENT_CONNECT(&here, &site, false, .id = ID_ON(&site, 0, "here"), .keep = true);
    subscribe_to(&here, "a", 1);
    char away_id[CLIENT_ID_BYTES];
    CLIENT_CONNECT(&away, &site, false, .id = client_id_on(&site, 1, "away", away_id), .keep = true);
    subscribe_to(&away, "a", 1);
    client_bye(&away);
    CLIENT_CONNECT(&five, &site, false, .id = ID_ON(&site, 0, "five"));
    CLIENT_CONNECT(&three, &site, false, .id = ID_ON(&site, 1, "three"), .version = MQTT_3_1_1);
    CLIENT_CONNECT(&bystander, &site, false, .id = ID_ON(&site, 0, "bystander"));
    site_settle(&site);

    atomic_store(&full, true);
    say_publish(&five, "a", 1, 1, "one");
    EXPECT(&five, "PUBACK #1 97");
    EXPECT(&here, "PUBLISH a qos 1 #1 \"one\"");
    say_publish(&three, "a", 1, 1, "two");
    EXPECT(&here, "PUBLISH a qos 1 #2 \"two\"");
    client_sync(&three); /* no PUBACK */
    say_publish(&bystander, "b", 1, 1, "no durable session gets it");
    EXPECT(&bystander, "PUBACK #1 10");

    free_the_disk(&site);
    say_publish(&five, "a", 1, 2, "three");
    EXPECT(&five, "PUBACK #2 00");
    EXPECT(&here, "PUBLISH a qos 1 #3 \"three\"");
    client_drop(&here);
    client_drop(&five);
    client_drop(&three);
    client_drop(&bystander);
    check_journal(&site, false);
    restart(&site);
    CLIENT_CONNECT(&away, &site, true, .id = away_id, .keep = true);
    EXPECT(&away, "PUBLISH a qos 1 #1 \"one\"", "PUBLISH a qos 1 #2 \"two\"", "PUBLISH a qos 1 #3 \"three\"");
    client_drop(&away);
    site_end(&site);
}

static void test_exchanges_at_qos_2_rest_while_the_disk_is_full_and_then_go_on(void **state)
{
    (void)state;
    struct site site;
    struct client subscriber, publisher;
    char id[CLIENT_ID_BYTES];
    start(&site);
    CLIENT_CONNECT(&subscriber, &site, false, .id = client_id_on(&site, 0, "subscriber", id), .keep = true);
    subscribe_to(&subscriber, "a", 2);
    CLIENT_CONNECT(&publisher, &site, false, .id = ID_ON(&site, 1, "publisher"));
    say_publish(&publisher, "a", 2, 1, "before");
    EXPECT(&publisher, "PUBREC #1 00");
    EXPECT(&subscriber, "PUBLISH a qos 2 #1 \"before\"");

    atomic_store(&full, true);
    say_ack(&subscriber, MQTT_PUBREC, 1); /* PUBREL waits for the disk */
    client_sync(&subscriber);
    say_publish(&publisher, "a", 2, 2, "while");
    EXPECT(&publisher, "PUBREC #2 97");
    client_sync(&subscriber); /* and so does the message */

    free_the_disk(&site);
    EXPECT(&subscriber, "PUBREL #1 00", "PUBLISH a qos 2 #2 \"while\"");
    say_ack(&subscriber, MQTT_PUBCOMP, 1);
    check_journal(&site, false);
    client_drop(&publisher);
    client_drop(&subscriber);
    restart(&site);
    CLIENT_CONNECT(&subscriber, &site, true, .id = id, .keep = true);
    EXPECT(&subscriber, "PUBLISH a qos 2 #2 dup \"while\"");
    client_drop(&subscriber);
    site_end(&site);
}

static void test_pubrel_on_a_full_disk_ends_the_connection_and_is_answered_later(void **state)
{
    (void)state;
    struct site site;
    struct client publisher;
    char id[CLIENT_ID_BYTES];
    start(&site);
    CLIENT_CONNECT(&publisher, &site, false, .id = client_id_on(&site, 0, "publisher", id), .keep = true);
    for (uint16_t packet_id = 1; packet_id <= 2; packet_id++)
        say_publish(&publisher, "a", 2, packet_id, "x");
    EXPECT(&publisher, "PUBREC #1 10", "PUBREC #2 10");
    atomic_store(&full, true);
    say_ack(&publisher, MQTT_PUBREL, 1);
    EXPECT(&publisher, "DISCONNECT 97", "end");
    client_drop(&publisher);
    CLIENT_CONNECT(&publisher, &site, true, .id = id, .keep = true);
    say_ack(&publisher, MQTT_PUBREL, 2); /* known to be of no use: not even tried */
    EXPECT(&publisher, "DISCONNECT 97", "end");
    client_drop(&publisher);

    free_the_disk(&site);
    CLIENT_CONNECT(&publisher, &site, true, .id = id, .keep = true);
    say_ack(&publisher, MQTT_PUBREL, 1);
    say_ack(&publisher, MQTT_PUBREL, 2);
    EXPECT(&publisher, "PUBCOMP #1 00", "PUBCOMP #2 00");
    check_journal(&site, false);
    client_drop(&publisher);
    site_end(&site);
}

static void test_a_refused_message_at_qos_2_can_be_sent_again_under_its_identifier(void **state)
{
    (void)state;
    struct site site;
    struct client subscriber, publisher;
    char id[CLIENT_ID_BYTES], publisher_id[CLIENT_ID_BYTES];
    start(&site);
    CLIENT_CONNECT(&subscriber, &site, false, .id = client_id_on(&site, 1, "subscriber", id), .keep = true);
    subscribe_to(&subscriber, "a", 2);
    client_bye(&subscriber);
    CLIENT_CONNECT(&publisher, &site, false, .id = client_id_on(&site, 0, "publisher", publisher_id),
                   .keep = true);
    site_settle(&site);
    atomic_store(&full, true);
    say_publish(&publisher, "a", 2, 1, "refused");
    EXPECT(&publisher, "PUBREC #1 97");
    free_the_disk(&site);
    say_publish(&publisher, "a", 2, 1, "accepted");
    EXPECT(&publisher, "PUBREC #1 00");
    check_journal(&site, false);
    client_drop(&publisher);
    site_end(&site);
}

RUN_TESTS(cmocka_unit_test(test_on_a_full_disk_messages_are_delivered_but_not_acknowledged),
          cmocka_unit_test(test_exchanges_at_qos_2_rest_while_the_disk_is_full_and_then_go_on),
          cmocka_unit_test(test_pubrel_on_a_full_disk_ends_the_connection_and_is_answered_later),
          cmocka_unit_test(test_a_refused_message_at_qos_2_can_be_sent_again_under_its_identifier))
