/* Which web pages may connect: the texts, and a broker that is asked. */
#include "broker_test.h"

#include "broker/origin.h"

static void test_what_is_an_origin(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } table[] = {
        {"*", true},
        {"null", true},
        {"https://app.example", true},
        {"http://app.example:8080", true},
        {"http://[2001:db8::1]:8080", true},
        {"", false},
        {"app.example", false},
        {"https://", false},
        {"https://app.example/", false},
        {"https://app.example/page", false},
        {"https://user@app.example", false},
        {"https://app.example:port", false},
        {"https://app.example:99999", false},
        {"https://*.example", false},
        {"https://[::1", false},
        {"://app.example", false},
    };
    for (size_t i = 0; i < LENGTH(table); i++)
        CHECK(origin_is_valid(str_of(table[i].text)) == table[i].valid, "%s", table[i].text);
}

static void test_which_origins_are_of_this_machine(void **state)
{
    (void)state;
    static const struct {
        const char *origin, *host;
        bool local;
    } table[] = {
        {"http://localhost", "127.0.0.1:8083", true},
        {"http://LOCALHOST:3000", "127.0.0.1:8083", true},
        {"https://127.0.0.1:8083", "127.0.0.1:8083", true},
        {"http://127.9.8.7", "x", true},
        {"http://[::1]:3000", "localhost:8083", true},
        {"http://192.0.2.7:8083", "192.0.2.7:8083", true},
        {"http://[2001:db8::1]:8083", "[2001:db8::1]:8083", true},
        {"http://192.0.2.7:8083", "192.0.2.8:8083", false},
        {"https://app.example", "127.0.0.1:8083", false},
        {"http://app.example:8083", "app.example:8083", false}, /* its owner may let it point here */
        {"http://localhost.app.example", "127.0.0.1:8083", false},
        {"http://127.0.0.1.app.example", "127.0.0.1:8083", false},
        {"http://localhost:8083@app.example", "127.0.0.1:8083", false},
        {"http://localhost:", "127.0.0.1:8083", false},
        {"http://[::1]app.example", "127.0.0.1:8083", false},
        {"http://128.0.0.1", "127.0.0.1:8083", false},
        {"null", "127.0.0.1:8083", false},
        {"", "", false},
        {"localhost", "localhost", false},
    };
    for (size_t i = 0; i < LENGTH(table); i++)
        CHECK(origin_is_local(str_of(table[i].origin), str_of(table[i].host)) == table[i].local, "%s at %s",
              table[i].origin, table[i].host);
}

/* ---- A broker -------------------------------------------------------------------------------------------- */

/* The status of the answer to a request of a page of this origin; NULL: no page. */
static int ask(const struct site *site, struct listener *listener, const char *origin)
{
    struct site there = *site;
    struct client client;
    char request[512], answer[13] = {0};
    there.listener = listener;
    client_open_sized(&client, &there, MQTT_5, 0);
    int len = snprintf(
        request, sizeof(request),
        "GET /mqtt HTTP/1.1\r\nHost: 127.0.0.1:8083\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s%s\r\n",
        origin != NULL ? "Origin: " : "", origin != NULL ? origin : "", origin != NULL ? "\r\n" : "");
    say_bytes(&client, request, (size_t)len);
    assert_int_equal(recv(client.fd, answer, 12, MSG_WAITALL), 12);
    client_drop(&client);
    return (int)strtol(answer + strlen("HTTP/1.1 "), NULL, 10);
}

static struct listener *listen_websocket(const struct site *site, int allow_anonymous,
                                         const char *const *origins, size_t count)
{
    struct error err;
    const struct broker_listener_options options = {
        .net = {.name = "ws", .bind = "127.0.0.1:0", .websocket = true},
        .allow_anonymous = allow_anonymous,
        .allowed_origins = origins,
        .allowed_origin_count = count,
    };
    struct listener *listener = broker_listen(site->broker, &options, &err);
    if (listener == NULL)
        fail_msg("%s", err.text);
    return listener;
}

static void test_a_page_of_another_site_does_not_come_in_where_nobody_logs_in(void **state)
{
    (void)state;
    static const char *const listed[] = {"https://app.example", "null"};
    static const char *const all[] = {"*"};
    struct site site;
    struct error err;
    site_start(&site, 2, NULL);
    struct listener *by_default = listen_websocket(&site, LISTENER_ANONYMOUS_AS_BROKER, NULL, 0);
    struct listener *open = listen_websocket(&site, 1, NULL, 0);
    struct listener *some = listen_websocket(&site, LISTENER_ANONYMOUS_AS_BROKER, listed, LENGTH(listed));
    struct listener *any = listen_websocket(&site, LISTENER_ANONYMOUS_AS_BROKER, all, LENGTH(all));

    assert_int_equal(ask(&site, by_default, NULL), 101);
    assert_int_equal(ask(&site, by_default, "http://localhost:3000"), 101);
    assert_int_equal(ask(&site, by_default, "https://app.example"), 403);
    assert_int_equal(ask(&site, by_default, "null"), 403);
    assert_int_equal(ask(&site, open, "https://app.example"), 101);
    assert_int_equal(ask(&site, some, "https://app.example"), 101);
    assert_int_equal(ask(&site, some, "null"), 101);
    assert_int_equal(ask(&site, some, "https://other.example"), 403);
    assert_int_equal(ask(&site, some, "http://localhost:3000"), 403);
    assert_int_equal(ask(&site, some, NULL), 101);
    assert_int_equal(ask(&site, any, "https://app.example"), 101);

    /* Once clients have to log in, a page has to as well. */
    struct settings *settings = quiet_settings();
    settings->auth.jwt_secret = mem_strdup("a secret of more than 32 bytes for HS256");
    ASSERT_OK(broker_reload(site.broker, settings, &err), err);
    WAIT_FOR(ask(&site, by_default, "https://app.example") == 101);
    assert_int_equal(ask(&site, some, "https://other.example"), 403);
    site_end(&site);
}

RUN_TESTS(cmocka_unit_test(test_what_is_an_origin), cmocka_unit_test(test_which_origins_are_of_this_machine),
          cmocka_unit_test(test_a_page_of_another_site_does_not_come_in_where_nobody_logs_in))
