/* Generator against relay in one process: every count is exact. And against a broker of the test's own that loses,
 * repeats and swaps messages on purpose: the generator must tell. */
#include "harness.h"

#include "bench/load_internal.h"
#include "bench/relay_internal.h"
#include "bench/report_internal.h"

#include "base/mem.h"
#include "base/thread.h"
#include "mqtt/mqtt.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

static struct relay *relay;
static uint16_t relay_port;
static struct load_result *result;

static int setup(void **state)
{
    (void)state;
    result = mem_zalloc(sizeof *result);
    relay = relay_start("127.0.0.1", &relay_port, 2, NULL);
    return relay == NULL;
}

static int teardown(void **state)
{
    (void)state;
    relay_stop(relay);
    mem_free(result);
    return 0;
}

static struct bench_options options_for(uint16_t port)
{
    struct bench_options options;
    bench_options_default(&options);
    options.port = port;
    options.window = 100;
    options.threads = 1;
    return options;
}

static void run(const struct bench_options *options)
{
    struct error err = {0};
    if (!load_run(options, result, &err))
        fail_msg("%s", err.text);
}

static void assert_clean(uint64_t published, uint64_t delivered)
{
    assert_int_equal(result->total_published, published);
    assert_int_equal(result->total_delivered, delivered);
    assert_int_equal(result->lost, 0);
    assert_int_equal(result->duplicates, 0);
    assert_int_equal(result->late, 0);
    assert_int_equal(result->foreign, 0);
    assert_int_equal(result->unacked, 0);
    assert_int_equal(result->unknown_acks, 0);
}

struct shape {
    uint32_t pubs, subs, topics, threads, window, payload_bytes;
    uint64_t count, deliveries;
};

static const struct shape shapes[] = {
    {1, 1, 1, 1, 100, 24, 3000, 3000}, {1, 1, 1, 1, 1, 64, 300, 300},    {4, 4, 4, 2, 100, 64, 3001, 3001},
    {1, 12, 1, 1, 50, 64, 500, 6000},  {1, 12, 1, 3, 50, 64, 500, 6000}, {5, 1, 1, 2, 20, 64, 1002, 1002},
    {3, 6, 3, 2, 10, 200, 600, 1200},  {2, 0, 1, 1, 100, 64, 500, 0},    {1, 1, 1, 1, 3, 200000, 60, 60},
    {2, 3, 2, 4, 10, 20000, 100, 150},
};

static void test_counts_are_exact_for_every_shape_qos_and_version(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(shapes); i++) {
        for (unsigned variant = 0; variant < 6; variant++) {
            const struct shape *shape = &shapes[i];
            struct bench_options options = options_for(relay_port);
            options.pubs = shape->pubs;
            options.subs = shape->subs;
            options.topics = shape->topics;
            options.threads = shape->threads;
            options.window = shape->window;
            options.payload_bytes = shape->payload_bytes;
            options.count = shape->count;
            options.qos = (uint8_t)(variant % 3);
            options.version = variant < 3 ? MQTT_3_1_1 : MQTT_5;
            run(&options);
            assert_clean(shape->count, shape->deliveries);
            uint64_t acknowledged = shape->subs == 0 && options.qos > 0 ? shape->count : 0;
            assert_int_equal(result->latency.total, shape->deliveries + acknowledged);
            assert_int_equal(result->acked, options.qos > 0 ? shape->count : 0);
        }
    }
}

static void test_a_rate_is_kept_and_latency_counts_from_when_a_message_was_due(void **state)
{
    (void)state;
    struct bench_options options = options_for(relay_port);
    options.pubs = 3;
    options.rate = 2000;
    options.tick_us = 20000;
    options.warmup_ms = 0;
    options.duration_ms = 500;
    run(&options);
    assert_clean(result->total_published, result->total_published);
    /* Never faster than the rate; how much slower depends on the machine. */
    assert_true(result->published <= (uint64_t)(result->seconds * 2000) + 41);
    assert_true(result->published > 0);
    /* Messages leave every 20 ms, so half of them wait 10 ms or more. */
    assert_true(histogram_percentile(&result->latency, 0.5) > 5000000);
}

static void test_max_lag_bounds_what_subscribers_are_behind(void **state)
{
    (void)state;
    struct bench_options options = options_for(relay_port);
    options.qos = 1;
    options.subs = 3;
    options.max_lag = 5;
    options.count = 500;
    run(&options);
    assert_clean(500, 1500);
}

/* Two publishers, of which one lives on another thread than the subscriber. If the subscriber did not wake it, it
 * would see room in its window only at the checks for stalls, 20 times a second: 400 seconds in all, which is more than a test is
 * given. */
static void test_subscribers_wake_publishers_of_other_threads(void **state)
{
    (void)state;
    struct bench_options options = options_for(relay_port);
    options.pubs = 2;
    options.threads = 2;
    options.window = 1;
    options.count = 16000;
    run(&options);
    assert_clean(16000, 16000);
    print_message("%.1f s\n", result->seconds);
}

static void test_idle_connections_are_held_and_counted(void **state)
{
    (void)state;
    struct bench_options options = options_for(relay_port);
    struct idle_result idle;
    options.idle = 300;
    options.idle_subscribe = true;
    options.threads = 2;
    options.duration_ms = 1;
    options.connect_rate = 5000;
    assert_true(load_run_idle(&options, &idle, NULL));
    assert_int_equal(idle.open, 300);
    assert_int_equal(idle.pid, getpid());
    assert_true(idle.rss_before_bytes > 0 && idle.rss_after_bytes > 0);
    assert_true(idle.connect_seconds >= 300.0 / 5000 / 2);
}

static void test_nobody_listening_is_said(void **state)
{
    (void)state;
    struct bench_options options = options_for(1);
    struct error err = {0};
    assert_false(load_run(&options, result, &err));
    assert_non_null(strstr(err.text, "cannot connect to 127.0.0.1:1"));
    assert_string_equal(err.hint, "is the broker running?");
}

/* ---- a broker that misbehaves ---- */

/* It takes one publisher and one subscriber on one thread and passes PUBLISH number n on as misbehave() says. */
enum deed { PASS, DROP, TWICE, SWAP_WITH_NEXT };

struct liar {
    int listener;
    pthread_t thread;
    int subscriber;
    unsigned number;
    struct buf held; /* the one to come after its successor */
};

static enum deed deed_for(unsigned number)
{
    return number % 50 == 10 ? DROP : number % 50 == 20 ? TWICE : number % 50 == 30 ? SWAP_WITH_NEXT : PASS;
}

static void put(int fd, const void *data, size_t len)
{
    assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
}

static void liar_publish(struct liar *liar, const uint8_t *packet, size_t len)
{
    enum deed deed = deed_for(liar->number++);
    if (deed == DROP)
        return;
    if (deed == SWAP_WITH_NEXT) {
        buf_append(&liar->held, packet, len);
        return;
    }
    put(liar->subscriber, packet, len);
    if (deed == TWICE)
        put(liar->subscriber, packet, len);
    if (liar->held.len > 0)
        put(liar->subscriber, liar->held.data, liar->held.len);
    buf_reset(&liar->held);
}

static void liar_packet(struct liar *liar, int fd, const struct mqtt_frame *frame)
{
    switch (frame->type) {
    case MQTT_CONNECT: put(fd, "\x20\x02\x00\x00", 4); break;
    case MQTT_SUBSCRIBE:
        liar->subscriber = fd;
        put(fd, "\x90\x03\x00\x01\x00", 5);
        break;
    case MQTT_PUBLISH: liar_publish(liar, frame->body - 2, frame->total_len); break;
    default: break;
    }
}

/* Reads whole packets of one connection until nothing is left; false at its end. */
static bool liar_read(struct liar *liar, int fd, struct buf *in)
{
    struct mqtt_frame frame;
    size_t at = 0;
    buf_reserve(in, 65536);
    ssize_t got = recv(fd, in->data + in->len, 65536, 0);
    if (got <= 0)
        return false;
    in->len += (size_t)got;
    for (; mqtt_frame_scan(in->data + at, in->len - at, 65536, &frame) == MQTT_SCAN_OK; at += frame.total_len)
        liar_packet(liar, fd, &frame);
    buf_consume(in, at);
    return true;
}

static void *liar_run(void *arg)
{
    struct liar *liar = arg;
    struct pollfd fds[3] = {{.fd = liar->listener, .events = POLLIN}};
    struct buf in[3] = {{0}};
    nfds_t count = 1;
    bool open = true;
    while (open && poll(fds, count, -1) > 0) {
        if (count < 3 && (fds[0].revents & POLLIN) != 0)
            fds[count++] = (struct pollfd){.fd = accept(liar->listener, NULL, NULL), .events = POLLIN};
        for (nfds_t i = 1; i < count; i++)
            open &= fds[i].revents == 0 || liar_read(liar, fds[i].fd, &in[i]);
    }
    for (nfds_t i = 1; i < count; i++) {
        close(fds[i].fd);
        buf_free(&in[i]);
    }
    buf_free(&liar->held);
    return NULL;
}

static void test_loss_repetition_and_disorder_are_told(void **state)
{
    (void)state;
    struct liar liar = {.subscriber = -1};
    struct stream_address address;
    uint16_t port = 0;
    assert_true(stream_resolve(&address, "127.0.0.1", 0, NULL));
    liar.listener = stream_listen(&address, &port, NULL);
    assert_true(liar.listener >= 0);
    assert_true(thread_start(&liar.thread, "liar", liar_run, &liar, NULL));
    struct bench_options options = options_for(port);
    options.count = 1000;
    run(&options);
    pthread_join(liar.thread, NULL);
    close(liar.listener);
    assert_int_equal(result->total_published, 1000);
    assert_int_equal(result->lost, 20);
    assert_int_equal(result->duplicates, 20);
    assert_int_equal(result->late, 20);
    assert_int_equal(result->total_delivered, 980);
}

/* ---- reports ---- */

static void test_json_tells_the_counts(void **state)
{
    (void)state;
    struct bench_options options = options_for(relay_port);
    struct buf out = {0};
    options.json = true;
    options.count = 250;
    run(&options);
    report_load(&out, &options, result);
    assert_non_null(strstr(buf_cstr(&out), "\"total_published\":250,\"total_delivered\":250,\"lost\":0,"));
    assert_non_null(strstr(buf_cstr(&out), "\"latency_us\":{\"from\":\"sent\",\"p50\":"));
    buf_free(&out);
}

static void test_idle_json_tells_bytes_for_each_connection(void **state)
{
    (void)state;
    struct bench_options options = options_for(relay_port);
    struct idle_result idle = {.open = 100,
                               .connect_seconds = 0.5,
                               .pid = 7,
                               .rss_before_bytes = 1000000,
                               .rss_after_bytes = 1060000};
    struct buf out = {0};
    options.json = true;
    options.idle = 100;
    report_idle(&out, &options, &idle);
    assert_string_equal(buf_cstr(&out),
                        "{\"idle\":100,\"subscribed\":false,\"open\":100,\"connect_seconds\":0.500,"
                        "\"pid\":7,\"rss_before_bytes\":1000000,\"rss_after_bytes\":1060000,"
                        "\"bytes_per_connection\":600.0}\n");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_are_exact_for_every_shape_qos_and_version),
        cmocka_unit_test(test_a_rate_is_kept_and_latency_counts_from_when_a_message_was_due),
        cmocka_unit_test(test_max_lag_bounds_what_subscribers_are_behind),
        cmocka_unit_test(test_subscribers_wake_publishers_of_other_threads),
        cmocka_unit_test(test_idle_connections_are_held_and_counted),
        cmocka_unit_test(test_nobody_listening_is_said),
        cmocka_unit_test(test_loss_repetition_and_disorder_are_told),
        cmocka_unit_test(test_json_tells_the_counts),
        cmocka_unit_test(test_idle_json_tells_bytes_for_each_connection),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
