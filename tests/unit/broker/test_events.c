/* Events: what a listener is told, in words, of clients and messages on two reactors. */
#include "broker/events.h"
#include "broker_test.h"

#define LINES_MAX  64
#define LINE_BYTES 200

struct ear {
    struct event_listener listener; /* first */
    pthread_mutex_t lock;
    char lines[LINES_MAX][LINE_BYTES];
    unsigned count;
};

static struct ear ear;

static void raise_here(struct event_listener *listener, const struct broker_event *event)
{
    static const char *const names[EVENT_KINDS] = {
        "delivered", "acked", "dropped", "delivery_dropped", "connected",    "disconnected", "connack",
        "ping",      "authz", "authn",   "subscribed",       "unsubscribed",
    };
    (void)listener;
    char peer[EVENT_ADDRESS_BYTES], local[EVENT_ADDRESS_BYTES];
    bool here = event_peer(event, peer);
    assert_int_equal(here, event_socket(event, local));
    assert_true(!here || (strncmp(peer, "127.0.0.1:", 10) == 0 && strncmp(local, "127.0.0.1:", 10) == 0));
    assert_true(event->time_ms > 0);
    bool known = event->id.len > 0;
    pthread_mutex_lock(&ear.lock);
    assert_true(ear.count < LINES_MAX);
    snprintf(ear.lines[ear.count++], LINE_BYTES, "%s %.*s %.*s=%.*s q%u %s%s%.*s%s", names[event->kind],
             STR_ARG(event->client_id), STR_ARG(event->topic), STR_ARG(event->payload), event->qos,
             event->reason != NULL ? event->reason : "-", known ? " from " : "",
             STR_ARG(event->from_client_id), event->allowed ? " allowed" : "");
    pthread_mutex_unlock(&ear.lock);
}

static bool has(const char *line)
{
    bool found = false;
    pthread_mutex_lock(&ear.lock);
    for (unsigned i = 0; i < ear.count; i++)
        found |= strcmp(ear.lines[i], line) == 0;
    pthread_mutex_unlock(&ear.lock);
    return found;
}

static void show(const char *wanted)
{
    fprintf(stderr, "wanted: %s\n", wanted);
    for (unsigned i = 0; i < ear.count; i++)
        fprintf(stderr, "    %s\n", ear.lines[i]);
}

#define HEARD(line)                                \
    do {                                           \
        for (int tries = 0; !has(line); tries++) { \
            if (tries == PATIENCE_S * 200) {       \
                show(line);                        \
                fail();                            \
            }                                      \
            usleep(5000);                          \
        }                                          \
    } while (false)

static void listen_for(struct site *site, uint32_t kinds)
{
    memset(&ear, 0, sizeof(ear));
    pthread_mutex_init(&ear.lock, NULL);
    ear.listener.raise = raise_here;
    service_listen(site->broker, &ear.listener, kinds);
}

static void stop_listening(struct site *site)
{
    service_unlisten(site->broker);
    pthread_mutex_destroy(&ear.lock);
}

static void test_clients_come_subscribe_and_go(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    site_start(&site, 2, NULL);
    listen_for(&site, ~UINT32_C(0));
    CLIENT_CONNECT(&client, &site, false, .id = "dev");
    HEARD("authn dev = q0 success allowed");
    HEARD("connack dev = q0 success");
    HEARD("connected dev = q0 -");
    subscribe_to(&client, "a/+", 1);
    HEARD("authz dev a/+= q1 - allowed");
    HEARD("subscribed dev a/+= q1 -");
    client_sync(&client);
    HEARD("ping dev = q0 -");
    client_bye(&client);
    HEARD("disconnected dev = q0 normal");
    stop_listening(&site);
    site_end(&site);
}

static void test_messages_are_followed_over_reactors(void **state)
{
    (void)state;
    struct site site;
    struct client publisher, near, far;
    char publisher_id[64], near_id[64], far_id[64], line[LINE_BYTES];
    site_start(&site, 2, NULL);
    client_id_on(&site, 0, "p", publisher_id);
    client_id_on(&site, 0, "n", near_id);
    client_id_on(&site, 1, "f", far_id);
    listen_for(&site, ~UINT32_C(0));
    CLIENT_CONNECT(&publisher, &site, false, .id = publisher_id);
    CLIENT_CONNECT(&near, &site, false, .id = near_id);
    CLIENT_CONNECT(&far, &site, false, .id = far_id);
    subscribe_to(&near, "t/#", 1);
    subscribe_to(&far, "t/#", 2);
    say_publish(&publisher, "t/1", 1, 7, "hello");
    EXPECT(&publisher, "PUBACK #7 00");
    for (int i = 0; i < 2; i++) {
        const char *id = i == 0 ? near_id : far_id;
        snprintf(line, sizeof(line), "delivered %s t/1=hello q1 - from %s", id, publisher_id);
        HEARD(line);
    }
    say_ack(&far, MQTT_PUBACK, 1);
    client_flush(&far);
    snprintf(line, sizeof(line), "acked %s t/1=hello q1 success from %s", far_id, publisher_id);
    HEARD(line);
    say_publish(&publisher, "nobody", 0, 0, "x");
    client_flush(&publisher);
    snprintf(line, sizeof(line), "dropped %s nobody=x q0 no_subscribers from %s", publisher_id, publisher_id);
    HEARD(line);
    client_drop(&near);
    client_drop(&far);
    client_drop(&publisher);
    stop_listening(&site);
    site_end(&site);
}

static void test_what_a_client_does_not_get_is_told_with_the_reason(void **state)
{
    (void)state;
    struct site site;
    struct client publisher, away;
    site_start(&site, 1, NULL);
    listen_for(&site, EVENT_BIT(EVENT_DELIVERY_DROPPED));
    CLIENT_CONNECT(&away, &site, false, .id = "away", .keep = true);
    subscribe_to(&away, "t", 1);
    client_bye(&away);
    CLIENT_CONNECT(&publisher, &site, false, .id = "p");
    say_publish(&publisher, "t", 0, 0, "gone");
    client_sync(&publisher);
    HEARD("delivery_dropped away t=gone q0 qos0_msg from p");
    assert_int_equal(ear.count, 1); /* nothing else is wanted */
    client_bye(&publisher);
    stop_listening(&site);
    site_end(&site);
}

static void test_nobody_is_told_after_the_end(void **state)
{
    (void)state;
    struct site site;
    struct client client;
    site_start(&site, 2, NULL);
    listen_for(&site, ~UINT32_C(0));
    stop_listening(&site);
    CLIENT_CONNECT(&client, &site, false, .id = "dev");
    client_bye(&client);
    assert_int_equal(ear.count, 0);
    site_end(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients_come_subscribe_and_go),
        cmocka_unit_test(test_messages_are_followed_over_reactors),
        cmocka_unit_test(test_what_a_client_does_not_get_is_told_with_the_reason),
        cmocka_unit_test(test_nobody_is_told_after_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
