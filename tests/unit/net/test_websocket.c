/* WebSocket channels over real sockets. */
#include "ws_client.h"

static void start(struct server *server, const struct channel_ops *ops)
{
    server_start_with(server, 1,
                      (struct listener_options){.ops = ops, .websocket = true, .websocket_path = "/mqtt"});
}

static void test_frames_are_echoed(void **state)
{
    (void)state;
    struct server server;
    start(&server, &echo_ops);
    int fd = ws_connect(&server);
    static uint8_t payload[700000];
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 13 + (i >> 9));
    static const size_t lengths[] = {1, 125, 126, 1000, 65535, 65536, 700000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        ws_send(fd, FIN | BINARY, payload, lengths[i]);
        ws_expect_stream(fd, payload, lengths[i]);
    }
    close(fd);
    server_stop(&server);
}

static void test_frames_behind_the_handshake_in_one_piece_are_read(void **state)
{
    (void)state;
    struct server server;
    start(&server, &echo_ops);
    int fd = client_connect(&server);
    uint8_t bytes[1000];
    size_t len = strlen(WS_REQUEST);
    memcpy(bytes, WS_REQUEST, len);
    len += ws_frame(bytes + len, FIN | BINARY, "early", 5);
    client_send(fd, bytes, len);
    client_expect(fd, WS_ANSWER);
    ws_expect(fd, FIN | BINARY, "early", 5);
    close(fd);
    server_stop(&server);
}

static void test_handshake_and_frames_byte_by_byte(void **state)
{
    (void)state;
    struct server server;
    start(&server, &echo_ops);
    int fd = client_connect(&server);
    uint8_t bytes[1000];
    size_t len = strlen(WS_REQUEST);
    memcpy(bytes, WS_REQUEST, len);
    len += ws_frame(bytes + len, FIN | BINARY, "a", 1);
    len += ws_frame(bytes + len, FIN | BINARY, "b", 1);
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on);
    for (size_t i = 0; i < len; i++) {
        client_send(fd, bytes + i, 1);
        usleep(50);
    }
    client_expect(fd, WS_ANSWER);
    ws_expect_stream(fd, (const uint8_t *)"ab", 2);
    close(fd);
    server_stop(&server);
}

static void test_fragments_and_pings_between_them(void **state)
{
    (void)state;
    struct server server;
    start(&server, &echo_ops);
    int fd = ws_connect(&server);
    uint8_t bytes[200];
    size_t len = ws_frame(bytes, BINARY, "one ", 4);
    len += ws_frame(bytes + len, FIN | PING, "are you there", 13);
    len += ws_frame(bytes + len, CONTINUATION, "two ", 4);
    len += ws_frame(bytes + len, CONTINUATION, "", 0);
    len += ws_frame(bytes + len, FIN | PONG, "unasked", 7);
    len += ws_frame(bytes + len, FIN | CONTINUATION, "three", 5);
    client_send(fd, bytes, len);
    ws_expect(fd, FIN | PONG, "are you there", 13);
    ws_expect_stream(fd, (const uint8_t *)"one two three", 13);
    close(fd);
    server_stop(&server);
}

static size_t data_answered_twice(struct channel *channel, uint8_t *data, size_t len)
{
    static uint8_t borrowed[2000];
    channel_write(channel, data, len);
    channel_write_ref(channel, borrowed, sizeof borrowed, free, NULL);
    channel_write(channel, data, len);
    return len;
}

static void test_what_is_pending_goes_as_one_frame(void **state)
{
    (void)state;
    static const struct channel_ops ops = {open_counted, data_answered_twice, drained_counted,
                                           timeout_counted, closed_counted};
    struct server server;
    start(&server, &ops);
    int fd = ws_connect(&server);
    ws_send(fd, FIN | BINARY, "abc", 3);
    uint8_t expected[2006] = "abc";
    memcpy(expected + 2003, "abc", 3);
    ws_expect(fd, FIN | BINARY, expected, sizeof expected);
    close(fd);
    server_stop(&server);
}

static size_t data_borrowed_first(struct channel *channel, uint8_t *data, size_t len)
{
    static uint8_t borrowed[2000] = "xyz";
    (void)data;
    channel_write_ref(channel, borrowed, sizeof borrowed, free, NULL);
    return len;
}

static void test_borrowed_output_gets_a_header_of_its_own(void **state)
{
    (void)state;
    static const struct channel_ops ops = {open_counted, data_borrowed_first, drained_counted,
                                           timeout_counted, closed_counted};
    struct server server;
    start(&server, &ops);
    int fd = ws_connect(&server);
    uint8_t expected[2000] = "xyz";
    for (int i = 0; i < 3; i++) {
        ws_send(fd, FIN | BINARY, "abc", 3);
        ws_expect(fd, FIN | BINARY, expected, sizeof expected);
    }
    close(fd);
    server_stop(&server);
}

/* ---- Refusals -------------------------------------------------------------------------------------------- */

static void test_bad_requests_get_an_answer(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        const char *answer;
    } table[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 Not Found\r\n"},
        {"GET /mqtt HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 426 Upgrade Required\r\n"},
        {"PUT /mqtt HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n"},
        {"\x10\x0c\x00\x04MQTT", "HTTP/1.1 400 Bad Request\r\n"},
    };
    struct server server;
    start(&server, &echo_ops);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int fd = client_connect(&server);
        client_send(fd, table[i].request, strlen(table[i].request));
        client_expect(fd, table[i].answer);
        char rest[1024];
        while (recv(fd, rest, sizeof rest, 0) > 0)
            continue;
        close(fd);
    }
    WAIT_FOR(listener_connections(server.listener) == 0);
    assert_int_equal(atomic_load(&server.counts.opened), 0);
    server_stop(&server);
}

static void test_frames_against_the_protocol_close(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t bytes[24];
        size_t len;
        uint16_t status;
    } table[] = {
        {"text", {FIN | TEXT, 0x81, 0, 0, 0, 0, 'a'}, 7, 1003},
        {"text begun", {TEXT, 0x85, 0, 0, 0, 0, 'a'}, 7, 1003},
        {"not masked", {FIN | BINARY, 1, 'a'}, 3, 1002},
        {"reserved bit", {FIN | 0x40 | BINARY, 0x81, 0, 0, 0, 0, 'a'}, 7, 1002},
        {"reserved opcode", {FIN | 3, 0x81, 0, 0, 0, 0, 'a'}, 7, 1002},
        {"continuation of nothing", {FIN | CONTINUATION, 0x81, 0, 0, 0, 0, 'a'}, 7, 1002},
        {"two beginnings", {BINARY, 0x80, 0, 0, 0, 0, FIN | BINARY, 0x80, 0, 0, 0, 0}, 12, 1002},
        {"long ping", {FIN | PING, 0x80 | 126, 0, 126, 0, 0, 0, 0}, 8, 1002},
        {"fragmented ping", {PING, 0x80, 0, 0, 0, 0}, 6, 1002},
        {"length not minimal", {FIN | BINARY, 0x80 | 126, 0, 5, 0, 0, 0, 0}, 8, 1002},
        {"close with a bad status", {FIN | CLOSE, 0x82, 0, 0, 0, 0, 3, 0xed}, 8, 1002},
    };
    struct server server;
    start(&server, &echo_ops);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int fd = ws_connect(&server);
        client_send(fd, table[i].bytes, table[i].len);
        uint8_t first;
        uint8_t payload[125];
        size_t len = ws_receive(fd, &first, payload, sizeof payload);
        if (first != (FIN | CLOSE) || len < 2 || (payload[0] << 8 | payload[1]) != table[i].status)
            fail_msg("%s: frame %x, %zu bytes, %u", table[i].name, first, len,
                     len >= 2 ? payload[0] << 8 | payload[1] : 0);
        client_expect_end(fd);
        close(fd);
        WAIT_FOR(atomic_load(&server.counts.closed) == (int)i + 1);
        assert_int_equal(atomic_load(&server.counts.last_code), ERR_PROTOCOL);
    }
    server_stop(&server);
}

/* ---- Closing --------------------------------------------------------------------------------------------- */

static void test_data_before_a_close_frame_is_shown_and_answered(void **state)
{
    (void)state;
    struct server server;
    start(&server, &echo_ops);
    int fd = ws_connect(&server);
    uint8_t bytes[100];
    size_t len = ws_frame(bytes, FIN | BINARY, "last words", 10);
    len += ws_frame(bytes + len, FIN | CLOSE,
                    "\x03\xe8"
                    "bye",
                    5);
    client_send(fd, bytes, len);
    ws_expect(fd, FIN | BINARY, "last words", 10);
    ws_expect(fd, FIN | CLOSE,
              "\x03\xe8"
              "bye",
              5);
    client_expect_end(fd);
    close(fd);
    WAIT_FOR(atomic_load(&server.counts.closed) == 1);
    assert_int_equal(atomic_load(&server.counts.bytes), 10);
    assert_int_equal(atomic_load(&server.counts.last_code), ERR_NONE);
    server_stop(&server);
}

static size_t data_closes(struct channel *channel, uint8_t *data, size_t len)
{
    channel_write(channel, data, len);
    channel_close(channel, NULL);
    return len;
}

static void test_closing_sends_a_close_frame_behind_the_data(void **state)
{
    (void)state;
    static const struct channel_ops ops = {open_counted, data_closes, drained_counted, timeout_counted,
                                           closed_counted};
    struct server server;
    start(&server, &ops);
    int fd = ws_connect(&server);
    ws_send(fd, FIN | BINARY, "abc", 3);
    ws_expect(fd, FIN | BINARY, "abc", 3);
    ws_expect_close(fd, 1000);
    close(fd);
    server_stop(&server);
}

static void test_stopping_says_going_away(void **state)
{
    (void)state;
    struct server server;
    start(&server, &echo_ops);
    int fd = ws_connect(&server);
    server_stop(&server);
    ws_expect_close(fd, 1001);
    close(fd);
}

/* A peer that pings without end and reads nothing costs no memory without end. */
static void test_pings_without_reading_are_bounded(void **state)
{
    (void)state;
    struct server server;
    start(&server, &echo_ops);
    int fd = client_connect_sized(listener_address(server.listener), 4096);
    client_send(fd, WS_REQUEST, strlen(WS_REQUEST));
    static uint8_t pings[131 * 1000];
    uint8_t payload[125] = {0};
    size_t len = 0;
    for (int i = 0; i < 1000; i++)
        len += ws_frame(pings + len, FIN | PING, payload, sizeof payload);
    for (int i = 0; i < 300; i++)
        client_send(fd, pings, len); /* 39 MB: blocks for ever if the server stopped reading */
    ws_send(fd, FIN | CLOSE, "\x03\xe8", 2);
    client_expect(fd, WS_ANSWER);
    for (uint8_t first = 0; first != (FIN | CLOSE);)
        ws_receive(fd, &first, payload, sizeof payload);
    close(fd);
    server_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_are_echoed),
        cmocka_unit_test(test_frames_behind_the_handshake_in_one_piece_are_read),
        cmocka_unit_test(test_handshake_and_frames_byte_by_byte),
        cmocka_unit_test(test_fragments_and_pings_between_them),
        cmocka_unit_test(test_what_is_pending_goes_as_one_frame),
        cmocka_unit_test(test_borrowed_output_gets_a_header_of_its_own),
        cmocka_unit_test(test_bad_requests_get_an_answer),
        cmocka_unit_test(test_frames_against_the_protocol_close),
        cmocka_unit_test(test_data_before_a_close_frame_is_shown_and_answered),
        cmocka_unit_test(test_closing_sends_a_close_frame_behind_the_data),
        cmocka_unit_test(test_stopping_says_going_away),
        cmocka_unit_test(test_pings_without_reading_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
