/* Channels over real sockets: input in pieces, pause, output and its limits, closing. */
#include "net_test.h"

/* ---- Echo ------------------------------------------------------------------------------------------------ */

static void test_echo_over_many_connections(void **state)
{
    (void)state;
    struct server server;
    server_start(&server, 2, &echo_ops);
    enum { CLIENTS = 100 };
    int fds[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = client_connect(&server);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < CLIENTS; i++) {
            char text[64];
            snprintf(text, sizeof text, "round %d client %d", round, i);
            client_send(fds[i], text, strlen(text));
        }
        for (int i = 0; i < CLIENTS; i++) {
            char text[64];
            snprintf(text, sizeof text, "round %d client %d", round, i);
            client_expect(fds[i], text);
        }
    }
    assert_int_equal(listener_connections(server.listener), CLIENTS);
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    WAIT_FOR(atomic_load(&server.counts.closed) == CLIENTS);
    assert_int_equal(atomic_load(&server.counts.last_code), ERR_NONE);
    server_stop(&server);
}

/* ---- Packets in pieces ----------------------------------------------------------------------------------- */

/* A packet is a 4-byte length and as many bytes; the answer to it is the sum of its bytes. */
static size_t data_summed(struct channel *channel, uint8_t *data, size_t len)
{
    size_t used = 0;
    while (len - used >= 4) {
        uint32_t body;
        memcpy(&body, data + used, 4);
        if (len - used - 4 < body)
            break;
        uint32_t sum = 0;
        for (uint32_t i = 0; i < body; i++)
            sum += data[used + 4 + i];
        channel_write(channel, &sum, 4);
        used += 4 + body;
    }
    return used;
}

static const struct channel_ops sum_ops = {open_counted, data_summed, drained_counted, timeout_counted,
                                           closed_counted};

static void expect_sum(int fd, uint32_t body, size_t piece)
{
    uint8_t *packet = malloc(4 + (size_t)body);
    memcpy(packet, &body, 4);
    uint32_t expected = 0;
    for (uint32_t i = 0; i < body; i++) {
        packet[4 + i] = (uint8_t)(i * 7);
        expected += packet[4 + i];
    }
    for (size_t at = 0; at < 4 + (size_t)body; at += piece) {
        size_t len = 4 + (size_t)body - at < piece ? 4 + (size_t)body - at : piece;
        client_send(fd, packet + at, len);
        if (piece < 100)
            usleep(100); /* so that most pieces come alone */
    }
    uint32_t sum;
    assert_true(client_read(fd, &sum, 4));
    assert_int_equal(sum, expected);
    free(packet);
}

static void test_packets_in_pieces_come_whole(void **state)
{
    (void)state;
    static const struct {
        uint32_t body;
        size_t piece;
    } table[] = {{0, 1},           {1, 1},         {10, 1},         {300, 7},
                 {4092, 4096},     {4093, 1000},   {70000, 65536},  {262140, 262144},
                 {262141, 262144}, {300000, 1000}, {3000000, 50000}};
    struct server server;
    server_start(&server, 1, &sum_ops);
    int fd = client_connect(&server);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        expect_sum(fd, table[i].body, table[i].piece);
    close(fd);
    server_stop(&server);
}

static void test_no_memory_for_a_packet_closes_one_connection(void **state)
{
    (void)state;
    struct server server;
    server_start(&server, 1, &sum_ops);
    int fd = client_connect(&server);
    int other = client_connect(&server);
    WAIT_FOR(atomic_load(&server.counts.opened) == 2);
    mem_fail_at(1);
    client_send(fd, "\x10\0", 2);
    WAIT_FOR(atomic_load(&server.counts.closed) == 1);
    mem_fail_at(0);
    assert_int_equal(atomic_load(&server.counts.last_code), ERR_NO_MEMORY);
    expect_sum(other, 10000, 3000);
    close(fd);
    close(other);
    server_stop(&server);
}

/* ---- Pause ----------------------------------------------------------------------------------------------- */

static _Atomic(struct channel *) paused_channel;

/* Takes one byte a call, then pauses. */
static size_t data_paused(struct channel *channel, uint8_t *data, size_t len)
{
    (void)len;
    atomic_fetch_add(&server_of(channel)->counts.bytes, 1);
    channel_write(channel, data, 1);
    channel_pause(channel);
    atomic_store(&paused_channel, channel);
    return 1;
}

static void resume(struct reactor *reactor, void *arg)
{
    (void)reactor;
    channel_resume(arg);
}

static void test_nothing_is_shown_while_paused(void **state)
{
    (void)state;
    static const struct channel_ops ops = {open_counted, data_paused, drained_counted, timeout_counted,
                                           closed_counted};
    struct server server;
    server_start(&server, 1, &ops);
    int fd = client_connect(&server);
    client_send(fd, "abc", 3);
    client_expect(fd, "a");
    client_send(fd, "de", 2);
    shutdown(fd, SHUT_WR);
    for (int i = 2; i <= 5; i++) {
        assert_int_equal(atomic_load(&server.counts.bytes), i - 1);
        on_reactor(reactor_at(server.group, 0), resume, atomic_load(&paused_channel));
        char expected[2] = {"abcde"[i - 1], '\0'};
        client_expect(fd, expected);
    }
    assert_int_equal(atomic_load(&server.counts.closed), 0);
    on_reactor(reactor_at(server.group, 0), resume, atomic_load(&paused_channel));
    client_expect_end(fd);
    close(fd);
    server_stop(&server);
}

/* ---- Output ---------------------------------------------------------------------------------------------- */

static void test_slow_reader_gets_everything_with_bounded_output(void **state)
{
    (void)state;
    struct server server;
    server_start(&server, 1, &produce_ops);
    int fd = client_connect_sized(listener_address(server.listener), 16384);
    client_send(fd, "x", 1);
    WAIT_FOR(atomic_load(&server.counts.blocked) > 0);
    static uint8_t piece[65536];
    size_t seen = 0;
    for (;;) {
        ssize_t n = recv(fd, piece, sizeof piece, 0);
        if (n <= 0) {
            assert_int_equal(n, 0);
            break;
        }
        expect_pattern(piece, (size_t)n, seen);
        seen += (size_t)n;
    }
    assert_true(seen >= OUTPUT_TARGET);
    assert_true(atomic_load(&server.counts.drained) > 0);
    close(fd);
    WAIT_FOR(atomic_load(&server.counts.closed) == 1);
    server_stop(&server);
}

static void released(void *owner)
{
    struct server *server = owner;
    atomic_fetch_add(&server->counts.released, 1);
}

static uint8_t shared_bytes[100000];

static size_t data_borrows(struct channel *channel, uint8_t *data, size_t len)
{
    (void)data;
    for (int i = 0; i < 50; i++) {
        channel_write(channel, "<", 1);
        channel_write_ref(channel, shared_bytes, i % 2 == 0 ? sizeof shared_bytes : 10, released,
                          server_of(channel));
        channel_write(channel, ">", 1);
    }
    return len;
}

static void test_borrowed_output_is_released_once_when_written(void **state)
{
    (void)state;
    static const struct channel_ops ops = {open_counted, data_borrows, drained_counted, timeout_counted,
                                           closed_counted};
    for (size_t i = 0; i < sizeof shared_bytes; i++)
        shared_bytes[i] = pattern(i);
    struct server server;
    server_start(&server, 1, &ops);
    int fd = client_connect(&server);
    client_send(fd, "x", 1);
    static uint8_t got[sizeof shared_bytes + 2];
    for (int i = 0; i < 50; i++) {
        size_t n = (i % 2 == 0 ? sizeof shared_bytes : 10) + 2;
        assert_true(client_read(fd, got, n));
        assert_int_equal(got[0], '<');
        assert_memory_equal(got + 1, shared_bytes, n - 2);
        assert_int_equal(got[n - 1], '>');
    }
    WAIT_FOR(atomic_load(&server.counts.released) == 50);
    close(fd);
    server_stop(&server);
    assert_int_equal(atomic_load(&server.counts.released), 50);
}

static void test_borrowed_output_is_released_once_when_the_peer_goes(void **state)
{
    (void)state;
    static const struct channel_ops ops = {open_counted, data_borrows, drained_counted, timeout_counted,
                                           closed_counted};
    struct server server;
    server_start(&server, 1, &ops);
    int fd = client_connect_sized(listener_address(server.listener), 4096);
    for (int i = 0; i < 20; i++)
        client_send(fd, "x", 1);
    WAIT_FOR(atomic_load(&server.counts.released) >= 25);
    struct linger reset = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    WAIT_FOR(atomic_load(&server.counts.closed) == 1);
    assert_int_equal(atomic_load(&server.counts.released) % 50, 0);
    assert_int_equal(atomic_load(&server.counts.last_code), ERR_IO);
    server_stop(&server);
}

/* ---- Closing --------------------------------------------------------------------------------------------- */

static size_t data_closes(struct channel *channel, uint8_t *data, size_t len)
{
    (void)data;
    struct error why = {0};
    error_set(&why, ERR_PROTOCOL, "no");
    for (int i = 0; i < 100; i++)
        channel_write(channel, shared_bytes, 10000);
    channel_close(channel, &why);
    channel_close(channel, NULL);
    channel_write(channel, "lost", 4);
    memset(channel_reserve(channel, 50000), 1, 50000);
    channel_commit(channel, 50000);
    channel_write_ref(channel, shared_bytes, 1000, released, server_of(channel));
    assert_true(channel_is_closing(channel));
    assert_false(channel_ready(channel));
    return len;
}

static void closed_writes(struct channel *channel, const struct error *why)
{
    channel_write(channel, "lost", 4);
    channel_close(channel, NULL);
    channel_abort(channel, NULL);
    closed_counted(channel, why);
}

static void test_close_writes_what_is_pending_and_nothing_after(void **state)
{
    (void)state;
    static const struct channel_ops ops = {open_counted, data_closes, drained_counted, timeout_counted,
                                           closed_writes};
    struct server server;
    server_start(&server, 1, &ops);
    int fd = client_connect(&server);
    /* More input than the server reads: without care, closing would reset the connection. */
    client_send(fd, shared_bytes, sizeof shared_bytes);
    client_send(fd, shared_bytes, sizeof shared_bytes);
    for (int i = 0; i < 100; i++) {
        uint8_t got[10000];
        assert_true(client_read(fd, got, sizeof got));
        assert_memory_equal(got, shared_bytes, sizeof got);
    }
    client_expect_end(fd);
    WAIT_FOR(atomic_load(&server.counts.closed) == 1);
    assert_int_equal(atomic_load(&server.counts.last_code), ERR_PROTOCOL);
    assert_int_equal(atomic_load(&server.counts.released), 1);
    close(fd);
    server_stop(&server);
}

static size_t data_aborts(struct channel *channel, uint8_t *data, size_t len)
{
    (void)data;
    channel_write(channel, "pending", 7);
    channel_abort(channel, NULL);
    channel_abort(channel, NULL);
    return len;
}

static void test_abort_writes_nothing(void **state)
{
    (void)state;
    static const struct channel_ops ops = {open_counted, data_aborts, drained_counted, timeout_counted,
                                           closed_counted};
    struct server server;
    server_start(&server, 1, &ops);
    int fd = client_connect(&server);
    client_send(fd, "x", 1);
    client_expect_end(fd);
    close(fd);
    server_stop(&server);
}

static void open_closes(struct channel *channel)
{
    open_counted(channel);
    channel_write(channel, "bye", 3);
    channel_close(channel, NULL);
}

static void test_closing_in_on_open_says_goodbye(void **state)
{
    (void)state;
    static const struct channel_ops ops = {open_closes, data_echoed, drained_counted, timeout_counted,
                                           closed_counted};
    struct server server;
    server_start(&server, 1, &ops);
    for (int i = 0; i < 20; i++) {
        int fd = client_connect(&server);
        client_expect(fd, "bye");
        client_expect_end(fd);
        close(fd);
    }
    server_stop(&server);
}

static size_t data_closes_behind_much(struct channel *channel, uint8_t *data, size_t len)
{
    (void)data;
    for (int i = 0; i < 320; i++)
        channel_write_ref(channel, shared_bytes, sizeof shared_bytes, released, server_of(channel));
    channel_close(channel, NULL);
    return len;
}

static void test_closing_does_not_wait_for_ever_for_a_peer_that_does_not_read(void **state)
{
    (void)state;
    static const struct channel_ops ops = {open_counted, data_closes_behind_much, drained_counted,
                                           timeout_counted, closed_counted};
    struct server server;
    server_start(&server, 1, &ops);
    int fd = client_connect_sized(listener_address(server.listener), 4096);
    int64_t begin_ms = clock_mono_ms();
    client_send(fd, "x", 1);
    WAIT_FOR(atomic_load(&server.counts.closed) == 1);
    assert_true(clock_mono_ms() - begin_ms >= 4900);
    assert_int_equal(atomic_load(&server.counts.released), 320);
    close(fd);
    server_stop(&server);
}

static void test_stopping_closes_what_is_open(void **state)
{
    (void)state;
    struct server server;
    server_start(&server, 2, &echo_ops);
    int fds[10];
    for (int i = 0; i < 10; i++) {
        fds[i] = client_connect(&server);
        client_send(fds[i], "x", 1);
        client_expect(fds[i], "x");
    }
    server_stop(&server);
    for (int i = 0; i < 10; i++) {
        client_expect_end(fds[i]);
        close(fds[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo_over_many_connections),
        cmocka_unit_test(test_packets_in_pieces_come_whole),
        cmocka_unit_test(test_no_memory_for_a_packet_closes_one_connection),
        cmocka_unit_test(test_nothing_is_shown_while_paused),
        cmocka_unit_test(test_slow_reader_gets_everything_with_bounded_output),
        cmocka_unit_test(test_borrowed_output_is_released_once_when_written),
        cmocka_unit_test(test_borrowed_output_is_released_once_when_the_peer_goes),
        cmocka_unit_test(test_close_writes_what_is_pending_and_nothing_after),
        cmocka_unit_test(test_abort_writes_nothing),
        cmocka_unit_test(test_closing_in_on_open_says_goodbye),
        cmocka_unit_test(test_closing_does_not_wait_for_ever_for_a_peer_that_does_not_read),
        cmocka_unit_test(test_stopping_closes_what_is_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
