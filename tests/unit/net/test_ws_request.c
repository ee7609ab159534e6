/* The WebSocket opening handshake as a table of requests. */
#include "net/ws_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#define LINE    "GET /mqtt HTTP/1.1\r\n"
#define HOST    "Host: a.example\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define MQTT    "Sec-WebSocket-Protocol: mqtt\r\n"
#define REST    HOST UPGRADE VERSION KEY MQTT "\r\n"

static void test_request_table(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned status; /* 0: accepted */
        const char *protocol;
    } table[] = {
        {LINE REST, 0, "mqtt"},
        {"GET /mqtt?token=1 HTTP/1.1\r\n" REST, 0, "mqtt"},
        {LINE HOST "upgrade: WebSocket\r\nCONNECTION:keep-alive ,\tupgrade\r\n" VERSION KEY MQTT "\r\n", 0,
         "mqtt"},
        {LINE HOST "Upgrade: h2c, websocket\r\nConnection: close\r\nConnection: Upgrade\r\n" VERSION KEY
                   "\r\n",
         0, NULL},
        {LINE HOST UPGRADE VERSION KEY "Sec-WebSocket-Protocol: mqttv3.1, mqtt\r\n\r\n", 0, "mqttv3.1"},
        {LINE HOST UPGRADE VERSION KEY
         "Sec-WebSocket-Protocol: amqp\r\nSec-WebSocket-Protocol: x,mqtt\r\n\r\n",
         0, "mqtt"},
        {LINE HOST UPGRADE VERSION KEY "Origin: https://a.example\r\nX-Empty:\r\n\r\n", 0, NULL},

        {"GET /other HTTP/1.1\r\n" REST, 404, NULL},
        {"GET /mqtt/ HTTP/1.1\r\n" REST, 404, NULL},
        {"GET /mqtt2 HTTP/1.1\r\n" REST, 404, NULL},
        {"GET /MQTT HTTP/1.1\r\n" REST, 404, NULL},
        {"POST /mqtt HTTP/1.1\r\n" REST, 405, NULL},
        {"get /mqtt HTTP/1.1\r\n" REST, 405, NULL},
        {"GET /mqtt HTTP/1.0\r\n" REST, 400, NULL},
        {"GET  /mqtt HTTP/1.1\r\n" REST, 400, NULL},
        {"GET /mqtt HTTP/1.1 \r\n" REST, 400, NULL},
        {"GET /mqtt\r\n" REST, 400, NULL},
        {"\r\n\r\n", 400, NULL},
        {LINE UPGRADE VERSION KEY MQTT "\r\n", 400, NULL},
        {LINE HOST UPGRADE VERSION KEY "Origin: https://a.example\r\nOrigin: null\r\n\r\n", 400, NULL},
        {LINE HOST HOST UPGRADE VERSION KEY MQTT "\r\n", 400, NULL},
        {LINE HOST VERSION KEY MQTT "\r\n", 426, NULL},
        {LINE HOST "Upgrade: h2c\r\nConnection: Upgrade\r\n" VERSION KEY MQTT "\r\n", 426, NULL},
        {LINE HOST "Upgrade: websocket\r\nConnection: close\r\n" VERSION KEY MQTT "\r\n", 400, NULL},
        {LINE HOST UPGRADE KEY MQTT "\r\n", 426, NULL},
        {LINE HOST UPGRADE "Sec-WebSocket-Version: 8\r\n" KEY MQTT "\r\n", 426, NULL},
        {LINE HOST UPGRADE VERSION VERSION KEY MQTT "\r\n", 400, NULL},
        {LINE HOST UPGRADE VERSION MQTT "\r\n", 400, NULL},
        {LINE HOST UPGRADE VERSION KEY KEY MQTT "\r\n", 400, NULL},
        {LINE HOST UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n" MQTT "\r\n", 400, NULL},
        {LINE HOST UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ*=\r\n" MQTT "\r\n", 400, NULL},
        {LINE HOST UPGRADE VERSION KEY "Sec-WebSocket-Protocol: amqp\r\n\r\n", 400, NULL},
        {LINE HOST UPGRADE VERSION KEY "Sec-WebSocket-Protocol: MQTT\r\n\r\n", 400, NULL},
        {LINE "no colon\r\n" REST, 400, NULL},
        {LINE ": no name\r\n" REST, 400, NULL},
        {LINE "Folded: a\r\n b\r\n" REST, 400, NULL},
        {LINE "Space : a\r\n" REST, 400, NULL},
        {LINE "Bare: a\n" REST, 400, NULL},
        {LINE "Bare: a\rb\r\n" REST, 400, NULL},
        {"\x10\x0c", 400, NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct ws_request request;
        int64_t result =
            ws_request_parse((const uint8_t *)table[i].text, strlen(table[i].text), "/mqtt", &request);
        int64_t expected = table[i].status == 0 ? (int64_t)strlen(table[i].text) : -1;
        if (result != expected || request.status != table[i].status)
            fail_msg("row %zu: %lld, status %u (%s)\n%s", i, (long long)result, request.status,
                     request.reason != NULL ? request.reason : "", table[i].text);
        if (table[i].protocol != NULL)
            assert_string_equal(request.protocol, table[i].protocol);
        else if (result > 0)
            assert_null(request.protocol);
    }
}

static void test_every_prefix_waits_for_more(void **state)
{
    (void)state;
    static const char text[] = LINE REST "frames";
    struct ws_request request;
    size_t whole = strlen(LINE REST);
    for (size_t len = 0; len < whole; len++)
        assert_int_equal(ws_request_parse((const uint8_t *)text, len, "/mqtt", &request), 0);
    for (size_t len = whole; len < sizeof text; len++)
        assert_int_equal(ws_request_parse((const uint8_t *)text, len, "/mqtt", &request), whole);
}

static void test_request_longer_than_8_kib_is_refused(void **state)
{
    (void)state;
    static char text[9000];
    struct ws_request request;
    int len = snprintf(text, sizeof text, LINE "X-Long: %08000d\r\n" HOST UPGRADE, 0);
    assert_int_equal(ws_request_parse((const uint8_t *)text, (size_t)len, "/mqtt", &request), 0);
    len = snprintf(text, sizeof text, LINE "X-Long: %08500d\r\n" REST, 0);
    assert_int_equal(ws_request_parse((const uint8_t *)text, (size_t)len, "/mqtt", &request), -1);
    assert_int_equal(request.status, 431);
}

static void test_origin_and_host_are_told_as_they_are(void **state)
{
    (void)state;
    static const char asked[] =
        LINE "Host:  a.example:8083 \r\norigin: https://b.example\r\n" UPGRADE VERSION KEY "\r\n";
    static const char empty[] = LINE HOST "Origin:\r\n" UPGRADE VERSION KEY "\r\n";
    struct ws_request request;
    assert_true(ws_request_parse((const uint8_t *)asked, strlen(asked), "/mqtt", &request) > 0);
    assert_true(str_is(request.host, "a.example:8083"));
    assert_true(str_is(request.origin, "https://b.example"));
    assert_true(ws_request_parse((const uint8_t *)empty, strlen(empty), "/mqtt", &request) > 0);
    assert_true(request.origin.data != NULL && request.origin.len == 0);
    assert_true(ws_request_parse((const uint8_t *)LINE REST, strlen(LINE REST), "/mqtt", &request) > 0);
    assert_null(request.origin.data);
}

/* The example of RFC 6455, 1.3. */
static void test_answer_is_the_rfcs(void **state)
{
    (void)state;
    struct ws_request request;
    assert_true(ws_request_parse((const uint8_t *)LINE REST, strlen(LINE REST), "/mqtt", &request) > 0);
    char answer[WS_ANSWER_BYTES];
    size_t len = ws_accept_text(&request, answer);
    assert_int_equal(len, strlen(answer));
    assert_string_equal(answer, "HTTP/1.1 101 Switching Protocols\r\n"
                                "Upgrade: websocket\r\n"
                                "Connection: Upgrade\r\n"
                                "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                                "Sec-WebSocket-Protocol: mqtt\r\n\r\n");
}

static void test_refusals_name_status_and_reason(void **state)
{
    (void)state;
    static const struct {
        unsigned status;
        const char *line;
        const char *also;
    } table[] = {
        {400, "HTTP/1.1 400 Bad Request\r\n", "Content-Length: 4\r\n"},
        {403, "HTTP/1.1 403 Forbidden\r\n", "\r\n\r\nwhy\n"},
        {404, "HTTP/1.1 404 Not Found\r\n", "Connection: close\r\n"},
        {405, "HTTP/1.1 405 Method Not Allowed\r\n", "Allow: GET\r\n"},
        {426, "HTTP/1.1 426 Upgrade Required\r\n", "Sec-WebSocket-Version: 13\r\n"},
        {431, "HTTP/1.1 431 ", "\r\n\r\nwhy\n"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct ws_request request = {.status = table[i].status, .reason = "why"};
        char answer[WS_ANSWER_BYTES];
        size_t len = ws_refuse_text(&request, answer);
        assert_int_equal(len, strlen(answer));
        assert_memory_equal(answer, table[i].line, strlen(table[i].line));
        assert_non_null(strstr(answer, table[i].also));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_table),
        cmocka_unit_test(test_every_prefix_waits_for_more),
        cmocka_unit_test(test_request_longer_than_8_kib_is_refused),
        cmocka_unit_test(test_origin_and_host_are_told_as_they_are),
        cmocka_unit_test(test_answer_is_the_rfcs),
        cmocka_unit_test(test_refusals_name_status_and_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
