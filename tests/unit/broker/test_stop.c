/* The stop of a busy broker, and the start on what it has left. */
#include "flood.h"

#define REACTORS 3

static void test_a_stop_tells_clients_and_gives_everything_back(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        struct site site;
        struct client clients[9];
        struct client silent;
        site_start(&site, REACTORS, NULL);
        for (unsigned i = 0; i < LENGTH(clients); i++) {
            char name[16];
            snprintf(name, sizeof(name), "c%u", i);
            CLIENT_CONNECT(&clients[i], &site, false, .id = ID_ON(&site, i % REACTORS, name),
                           .keep = i % 2 != 0, .version = i == 8 ? MQTT_3_1_1 : MQTT_5, .will_topic = "will",
                           .will_payload = "stopped");
            subscribe_to(&clients[i], "#", 2);
        }
        client_open_sized(&silent, &site, MQTT_5, 0); /* has not said CONNECT */
        for (unsigned i = 0; i < 50; i++) {
            put_publish(&clients[0], &(struct mqtt_publish){.topic = STR("t"),
                                                            .qos = 2,
                                                            .packet_id = (uint16_t)(i + 1),
                                                            .payload = STR("on its way")});
        }
        client_flush(&clients[0]);
        site_halt(&site, round == 0 ? 10000 : 0);
        for (unsigned i = 0; i < LENGTH(clients); i++) {
            struct buf text = {0}, last = {0};
            for (client_hear(&clients[i], &text); strcmp(buf_cstr(&text), "end") != 0;
                 client_hear(&clients[i], &text)) {
                buf_reset(&last);
                buf_append_str(&last, buf_str(&text));
            }
            if (round == 0 && i != 8)
                CHECK(strcmp(buf_cstr(&last), "DISCONNECT 8b") == 0, "client %u: %s", i, buf_cstr(&last));
            buf_free(&text);
            buf_free(&last);
            client_drop(&clients[i]);
        }
        EXPECT(&silent, "end");
        client_drop(&silent);
        harness_remove_dir(site.dir);
    }
}

/* It is cut off at the very end, and then has a will for another reactor. */
static void test_a_stop_with_a_client_that_does_not_read_gives_everything_back(void **state)
{
    (void)state;
    struct site site;
    struct client deaf, subscriber, publisher;
    uint8_t *payload = mem_zalloc(1000000);
    site_start(&site, REACTORS, NULL);
    CLIENT_CONNECT(&deaf, &site, false, .id = ID_ON(&site, 0, "deaf"), .will_topic = "will",
                   .will_payload = "stopped", .socket_bytes = 4096);
    subscribe_to(&deaf, "much", 0);
    CLIENT_CONNECT(&subscriber, &site, false, .id = ID_ON(&site, 1, "s"), .keep = true);
    subscribe_to(&subscriber, "will", 0);
    CLIENT_CONNECT(&publisher, &site, false, .id = ID_ON(&site, 0, "p"));
    for (uint16_t i = 1; i <= 12; i++)
        put_publish(&publisher,
                    &(struct mqtt_publish){.topic = STR("much"), .payload = str_make(payload, 1000000)});
    client_flush(&publisher);
    client_sync(&publisher);
    site_halt(&site, 0);
    mem_free(payload);
    client_drop(&deaf);
    client_drop(&subscriber);
    client_drop(&publisher);
    harness_remove_dir(site.dir);
}

static void test_a_stop_in_the_middle_of_a_flood_gives_everything_back(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct site site;
        struct client subscriber;
        struct flood flood = {
            .topic = "flood", .count = UINT32_MAX, .payload_bytes = round == 0 ? 2000 : 100}; /* endless */
        site_start(&site, REACTORS, NULL);
        CLIENT_CONNECT(&subscriber, &site, false, .id = ID_ON(&site, 1, "s"), .keep = true);
        subscribe_to(&subscriber, "flood", 0);
        CLIENT_CONNECT(&flood.client, &site, false, .id = ID_ON(&site, 0, "p"), .will_topic = "flood",
                       .will_payload = "the will");
        assert_int_equal(pthread_create(&flood.thread, NULL, flood_write, &flood), 0);
        for (int i = 0; i < 5000; i++) { /* not all: the queue is bounded */
            struct mqtt_frame frame;
            assert_true(client_next(&subscriber, &frame));
            assert_int_equal(frame.type, MQTT_PUBLISH);
        }
        site_halt(&site, round == 1 ? 1000 : 0);
        pthread_join(flood.thread, NULL);
        assert_true(atomic_load(&flood.failed)); /* it was cut off */
        client_drop(&subscriber);
        client_drop(&flood.client);
        harness_remove_dir(site.dir);
    }
}

static void test_sessions_subscriptions_and_retained_messages_outlive_a_restart(void **state)
{
    (void)state;
    struct site site;
    struct client kept, gone, publisher;
    site_start(&site, REACTORS, NULL);
    CLIENT_CONNECT(&kept, &site, false, .id = "kept", .keep = true);
    put_subscribe(&kept, 1, "a/+", (struct mqtt_subscription){.qos = 1, .retain_as_published = true}, 17);
    put_subscribe(&kept, 2, "$share/g/jobs", (struct mqtt_subscription){.qos = 2}, 0);
    put_subscribe(&kept, 3, "dropped", (struct mqtt_subscription){.qos = 2}, 0);
    client_flush(&kept);
    EXPECT(&kept, "SUBACK #1 01", "SUBACK #2 02", "SUBACK #3 02");
    mqtt_encode_unsubscribe(&kept.out, MQTT_5, 4, NULL, &STR("dropped"), 1);
    client_flush(&kept);
    EXPECT(&kept, "UNSUBACK #4 00");
    CLIENT_CONNECT(&gone, &site, false, .id = "gone");
    subscribe_to(&gone, "a/+", 1);
    CLIENT_CONNECT(&publisher, &site, false, .id = "p");
    struct buf props = {0};
    mqtt_user_property_append(&props, STR("k"), STR("v"));
    put_publish(&publisher, &(struct mqtt_publish){.topic = STR("r/1"),
                                                   .retain = true,
                                                   .qos = 2,
                                                   .packet_id = 1,
                                                   .raw_props = buf_str(&props),
                                                   .payload = STR("kept")});
    client_flush(&publisher);
    EXPECT(&publisher, "PUBREC #1 10");
    say_retained(&publisher, "r/2", 1, 2, "removed");
    EXPECT(&publisher, "PUBACK #2 10");
    say_retained(&publisher, "r/2", 1, 3, "");
    EXPECT(&publisher, "PUBACK #3 10");
    buf_free(&props);
    client_drop(&publisher);
    client_drop(&gone);
    client_drop(&kept);

    for (unsigned reactors = 1; reactors <= REACTORS; reactors += 2) {
        site_halt(&site, 5000);
        site_run(&site, reactors, NULL);
        CLIENT_CONNECT(&gone, &site, false, .id = "gone", .keep = true, .clean = true);
        CLIENT_CONNECT(&publisher, &site, false, .id = "p");
        put_publish(
            &publisher,
            &(struct mqtt_publish){
                .topic = STR("a/b"), .qos = 1, .packet_id = 1, .retain = true, .payload = STR("first")});
        client_flush(&publisher);
        EXPECT(&publisher, "PUBACK #1 00");
        say_publish(&publisher, "jobs", 2, 2, "second");
        EXPECT(&publisher, "PUBREC #2 00");
        say_publish(&publisher, "dropped", 1, 3, "nobody");
        EXPECT(&publisher, "PUBACK #3 10");
        CLIENT_CONNECT(&kept, &site, true, .id = "kept", .keep = true);
        EXPECT(&kept, "PUBLISH a/b qos 1 #1 retain id 17 \"first\"", "PUBLISH jobs qos 2 #2 \"second\"");
        put_subscribe(&kept, 5, "r/#", (struct mqtt_subscription){.qos = 2}, 0);
        client_flush(&kept);
        EXPECT(&kept, "SUBACK #5 02", "PUBLISH r/1 qos 2 #3 retain k=v \"kept\"");
        client_sync(&kept);
        client_sync(&gone);
        mqtt_encode_unsubscribe(&kept.out, MQTT_5, 6, NULL, &STR("r/#"), 1);
        client_flush(&kept);
        EXPECT(&kept, "UNSUBACK #6 00");
        client_drop(&kept);
        client_drop(&gone);
        client_drop(&publisher);
    }
    site_end(&site);
}

RUN_TESTS(cmocka_unit_test(test_a_stop_tells_clients_and_gives_everything_back),
          cmocka_unit_test(test_a_stop_with_a_client_that_does_not_read_gives_everything_back),
          cmocka_unit_test(test_a_stop_in_the_middle_of_a_flood_gives_everything_back),
          cmocka_unit_test(test_sessions_subscriptions_and_retained_messages_outlive_a_restart))
