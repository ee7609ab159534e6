/* The server itself: what becomes of requests, whole or not; parking, streaming, stopping. */
#include "api/http_test.h"

#include <fcntl.h>

/* ---- Routes of the test ---------------------------------------------------------------------------------- */

static struct {
    atomic_uint calls;
    atomic_uint closed;
    atomic_uint freed;
    _Atomic(struct api_waker *) waker;
    atomic_uint pieces; /* of a stream that may be given */
    atomic_uint given;
    atomic_bool hold;
} seen;

static void reset(void)
{
    memset(&seen, 0, sizeof(seen));
}

static void echo(struct api_request *request)
{
    const struct api_caller *caller = api_caller(request);
    api_reply_json(request, 200, json_pack("{s:O, s:s}", "got", api_body(request), "by", caller->name));
}

static void silent(struct api_request *request)
{
    (void)request;
}

static void raw(struct api_request *request)
{
    struct buf out = {0};
    buf_printf(&out, "%zu", api_raw_body(request).len);
    api_reply_bytes(request, 200, "text/plain", &out);
}

static void failing(struct api_request *request)
{
    struct error err;
    error_set(&err, ERR_CORRUPT, "the secret text of an inner error");
    api_reply_failure(request, &err);
}

static void free_state(void *state)
{
    atomic_fetch_add(&seen.freed, 1);
    mem_free(state);
}

/* Waits until it is woken, at most ?ms. */
static void wait_here(struct api_request *request)
{
    static const char *const names[] = {"first", "woken", "timed out", "stopping"};
    atomic_fetch_add(&seen.calls, 1);
    if (api_parked(request) != API_FIRST) {
        const char *kept = api_state(request);
        api_reply_json(request, 200,
                       json_pack("{s:s, s:s}", "why", names[api_parked(request)], "kept", kept));
        return;
    }
    api_set_state(request, mem_strdup("state"), free_state);
    atomic_store(&seen.waker, api_waker(request));
    api_park(request, api_query_int(request, "ms", 60000));
}

static void wake_seen(void)
{
    struct api_waker *waker = atomic_exchange(&seen.waker, NULL);
    api_wake(waker);
    api_waker_unref(waker);
}

/* Parks, and is woken before it is: the wake-up is not lost. */
static void wake_early(struct api_request *request)
{
    if (api_parked(request) == API_WOKEN) {
        api_reply_none(request);
        return;
    }
    struct api_waker *waker = api_waker(request);
    api_wake(waker);
    api_waker_unref(waker);
    api_park(request, 60000);
}

static enum api_step next_piece(void *state, struct buf *out)
{
    (void)state;
    if (atomic_load(&seen.given) >= atomic_load(&seen.pieces))
        return atomic_load(&seen.hold) ? API_STREAM_WAIT : API_STREAM_END;
    unsigned number = atomic_fetch_add(&seen.given, 1);
    buf_printf(out, "{\"n\":%u}\n", number);
    for (int i = 0; i < 1000; i++)
        buf_append_str(out, STR("{\"pad\":\"0123456789\"}\n"));
    return API_STREAM_MORE;
}

static enum api_step fail_later(void *state, struct buf *out)
{
    (void)state;
    if (atomic_fetch_add(&seen.given, 1) > 0)
        return API_STREAM_FAIL;
    buf_append_str(out, STR("half\n"));
    return API_STREAM_MORE;
}

static void close_stream(void *state)
{
    atomic_fetch_add(&seen.closed, 1);
    mem_free(state);
}

static const struct api_stream_ops pieces = {.next = next_piece, .close = close_stream};
static const struct api_stream_ops breaking = {.next = fail_later, .close = close_stream};

static void stream(struct api_request *request)
{
    atomic_store(&seen.waker, api_waker(request));
    api_reply_stream(request, 200, "application/x-ndjson", &pieces, mem_strdup("state"));
}

static void stream_break(struct api_request *request)
{
    api_reply_stream(request, 200, "application/x-ndjson", &breaking, mem_strdup("state"));
}

static const struct api_param wait_params[] = {
    {.name = "ms", .type = API_INTEGER, .description = "how long"},
    {.name = NULL},
};

static const struct api_route routes[] = {
    {.method = API_POST,
     .path = "/test/echo",
     .handle = echo,
     .summary = "s",
     .body = "{'type':'object','properties':{'n':{'type':'integer'}}}",
     .answer = "{'type':'object'}"},
    {.method = API_POST,
     .path = "/test/raw",
     .handle = raw,
     .summary = "s",
     .raw_body = "text/csv, application/octet-stream",
     .max_body_bytes = 100000,
     .answer = "{'type':'string'}"},
    {.method = API_GET, .path = "/test/silent", .handle = silent, .access = API_PUBLIC, .summary = "s"},
    {.method = API_GET, .path = "/test/failing", .handle = failing, .access = API_PUBLIC, .summary = "s"},
    {.method = API_GET,
     .path = "/test/wait",
     .handle = wait_here,
     .access = API_PUBLIC,
     .summary = "s",
     .params = wait_params,
     .answer = "{'type':'object'}"},
    {.method = API_GET, .path = "/test/early", .handle = wake_early, .access = API_PUBLIC, .summary = "s"},
    {.method = API_GET,
     .path = "/test/stream",
     .handle = stream,
     .access = API_PUBLIC,
     .summary = "s",
     .answer = "{'type':'string'}"},
    {.method = API_GET,
     .path = "/test/break",
     .handle = stream_break,
     .access = API_PUBLIC,
     .summary = "s",
     .answer = "{'type':'string'}"},
};

static const struct api_table table = {
    .tag = "Test", .description = "routes of this test", .routes = routes, .count = LENGTH(routes)};

static int start(void **state)
{
    struct http_site *site = mem_zalloc(sizeof(*site));
    reset();
    http_site_start(site, &table);
    *state = site;
    return 0;
}

static int end(void **state)
{
    struct http_site *site = *state;
    if (site->api != NULL)
        http_site_end(site);
    mem_free(site);
    return 0;
}

/* ---- Requests -------------------------------------------------------------------------------------------- */

static const struct {
    const char *method, *path, *headers, *body;
    unsigned status;
    const char *says; /* somewhere in the answer */
} asked[] = {
    {"GET", "/healthz", "", NULL, 200, "ok"},
    {"HEAD", "/healthz", "", NULL, 200, "Content-Length: 3"},
    {"GET", "/readyz", "", NULL, 200, "ready"},
    {"GET", "/nothing", "", NULL, 404, "NOT_FOUND"},
    {"POST", "/healthz", "", "{}", 405, "Allow: GET, HEAD"},
    {"PATCH", "/healthz", "", NULL, 405, "METHOD_NOT_ALLOWED"},
    {"GET", "/healthz?x=1", "", NULL, 400, "there is no query parameter x here"},
    {"GET", "/api/v5/stats", "", NULL, 401, "WWW-Authenticate: Bearer"},
    {"GET", "/api/v5/stats", "Authorization: Basic !!!\r\n", NULL, 401, "BAD_API_KEY_OR_SECRET"},
    {"GET", "/api/v5/stats", "Authorization: Basic YTpi\r\n", NULL, 401, "BAD_API_KEY_OR_SECRET"},
    {"GET", "/api/v5/stats", "Authorization: Basic YWI=\r\n", NULL, 401, "BAD_API_KEY_OR_SECRET"},
    {"GET", "/api/v5/stats", "Authorization: Bearer nonsense\r\n", NULL, 401, "BAD_TOKEN"},
    {"GET", "/api/v5/stats", "Authorization: Digest x\r\n", NULL, 401, "UNAUTHORIZED"},
    {"GET", "/api/v5/stats", AUTHORIZED, NULL, 200, "connections.count"},
    {"GET", "/api/v5/stats?aggregate=maybe", AUTHORIZED, NULL, 400, "is true or false"},
    {"POST", "/test/echo", AUTHORIZED, "{\"n\":1}", 200, "{\"got\":{\"n\":1},\"by\":\"admin.key\"}"},
    {"POST", "/test/echo", AUTHORIZED, "{\"n\":\"1\"}", 400, "n: is not a whole number"},
    {"POST", "/test/echo", AUTHORIZED, "{\"n\":1", 400, "the body is no JSON"},
    {"POST", "/test/echo", AUTHORIZED, "{\"n\":1,\"n\":2}", 400, "duplicate"},
    {"POST", "/test/echo", "", "{\"n\":1}", 401, "UNAUTHORIZED"},
    {"GET", "/test/silent", "", NULL, 500, "INTERNAL_ERROR"},
    {"GET", "/test/failing", "", NULL, 500, "the broker's log tells why"},
    {"GET", "/test/early", "", NULL, 204, ""},
    {"GET", "/%zz", "", NULL, 404, "NOT_FOUND"},
    {"GET", "/healthz", "X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", NULL, 200, "X-Request-Id: "},
};

static void test_each_request_has_its_answer(void **state)
{
    struct http_site *site = *state;
    struct buf answer = {0};
    TABLE_EACH(row, asked)
    {
        unsigned status = http_ask(site, row->method, row->path, row->headers, row->body, &answer);
        CHECK(status == row->status, "%s %s: %s", row->method, row->path, buf_cstr(&answer));
        CHECK(strstr(buf_cstr(&answer), row->says) != NULL, "%s %s: %s", row->method, row->path,
              buf_cstr(&answer));
    }
    buf_free(&answer);
}

static void test_an_inner_error_is_not_told_to_the_client(void **state)
{
    struct http_site *site = *state;
    struct buf answer = {0};
    log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
    assert_int_equal(http_ask(site, "GET", "/test/failing", "", NULL, &answer), 500);
    log_set_fd(2);
    assert_null(strstr(buf_cstr(&answer), "secret text"));
    buf_free(&answer);
}

static void test_a_connection_serves_many_requests(void **state)
{
    struct http_site *site = *state;
    struct buf answer = {0};
    int fd = http_connect(site);
    for (int i = 0; i < 100; i++) {
        http_say(fd, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        http_hear(fd, &answer);
        assert_int_equal(http_status(&answer), 200);
        http_say(fd, "POST /test/echo HTTP/1.1\r\nHost: localhost\r\n" AUTHORIZED
                     "Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"n\":5}");
        http_hear(fd, &answer);
        CHECK(http_status(&answer) == 200 && strstr(buf_cstr(&answer), "\"n\":5") != NULL, "%d: %s", i,
              buf_cstr(&answer));
        /* Refusals leave the connection open as well. */
        http_say(fd, "GET /api/v5/stats HTTP/1.1\r\nHost: localhost\r\n\r\n");
        http_hear(fd, &answer);
        assert_int_equal(http_status(&answer), 401);
    }
    close(fd);
    buf_free(&answer);
}

static void test_a_body_may_come_in_any_pieces(void **state)
{
    struct http_site *site = *state;
    static const char request[] =
        "POST /test/echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" AUTHORIZED
        "Content-Type: application/json; charset=utf-8\r\nContent-Length: 9\r\n\r\n"
        "{\"n\":123}";
    struct buf answer = {0};
    int fd = http_connect(site);
    for (size_t i = 0; i + 1 < sizeof(request); i++)
        http_send(fd, request + i, 1);
    http_hear_all(fd, &answer);
    assert_int_equal(http_status(&answer), 200);
    close(fd);

    fd = http_connect(site);
    http_say(fd, "POST /test/echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" AUTHORIZED
                 "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "3\r\n{\"n\r\n5\r\n\":77}\r\n0\r\n\r\n");
    buf_reset(&answer);
    http_hear_all(fd, &answer);
    CHECK(http_status(&answer) == 200 && strstr(buf_cstr(&answer), "77") != NULL, "%s", buf_cstr(&answer));
    close(fd);
    buf_free(&answer);
}

/* 4096 bytes are allowed; of a route that says so, more. */
static void test_a_body_that_is_too_large_is_refused_and_the_refusal_heard(void **state)
{
    struct http_site *site = *state;
    struct buf answer = {0}, body = {0};
    for (int i = 0; i < 1000000; i++)
        buf_append_byte(&body, ' ');
    assert_int_equal(http_ask(site, "POST", "/test/echo", AUTHORIZED, buf_cstr(&body), &answer), 413);
    assert_int_equal(http_ask(site, "POST", "/test/echo", "", buf_cstr(&body), &answer), 401);
    assert_int_equal(http_ask(site, "POST", "/nothing", "", buf_cstr(&body), &answer), 404);
    /* Chunked: its size is not told before. */
    int fd = http_connect(site);
    http_say(fd, "POST /test/echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" AUTHORIZED
                 "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nf4240\r\n");
    http_send(fd, (const char *)body.data, 1000000);
    http_say(fd, "\r\n0\r\n\r\n");
    buf_reset(&answer);
    http_hear_all(fd, &answer);
    assert_int_equal(http_status(&answer), 413);
    close(fd);
    buf_free(&body);
    buf_free(&answer);
}

static void test_a_client_that_asks_first_is_told_before_it_sends(void **state)
{
    struct http_site *site = *state;
    struct buf answer = {0};
    int fd = http_connect(site);
    http_say(fd, "POST /test/echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: "
                 "application/json\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n");
    http_hear_all(fd, &answer);
    assert_int_equal(http_status(&answer), 401);
    close(fd);
    fd = http_connect(site);
    http_say(fd, "POST /test/echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" AUTHORIZED
                 "Content-Type: application/json\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\r\n");
    http_hear(fd, &answer);
    assert_int_equal(http_status(&answer), 100);
    http_say(fd, "{\"n\":5}");
    buf_reset(&answer);
    http_hear_all(fd, &answer);
    assert_int_equal(http_status(&answer), 200);
    close(fd);
    buf_free(&answer);
}

static void test_content_types_are_kept_apart(void **state)
{
    struct http_site *site = *state;
    struct buf answer = {0};
    static const struct {
        const char *path, *type;
        unsigned status;
    } rows[] = {
        {"/test/echo", "application/json", 200}, {"/test/echo", "Application/JSON;charset=utf-8", 200},
        {"/test/echo", "text/plain", 415},       {"/test/echo", "application/x-www-form-urlencoded", 415},
        {"/test/raw", "text/csv", 200},          {"/test/raw", "application/octet-stream", 200},
        {"/test/raw", "application/json", 415},
    };
    TABLE_EACH(row, rows)
    {
        struct buf request = {0};
        int fd = http_connect(site);
        buf_printf(&request,
                   "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" AUTHORIZED
                   "Content-Type: %s\r\nContent-Length: 2\r\n\r\n{}",
                   row->path, row->type);
        http_say(fd, buf_cstr(&request));
        buf_reset(&answer);
        http_hear_all(fd, &answer);
        CHECK(http_status(&answer) == row->status, "%s %s: %s", row->path, row->type, buf_cstr(&answer));
        close(fd);
        buf_free(&request);
    }
    buf_free(&answer);
}

static void test_garbage_ends_its_connection_and_nothing_else(void **state)
{
    struct http_site *site = *state;
    static const char *const garbage[] = {
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", /* TLS */
        "\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04test",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /healthz HTTP/1.1\r\n\r\n", /* without Host */
        "POST /test/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        "POST /test/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST /test/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    };
    struct buf answer = {0};
    TABLE_EACH(row, garbage)
    {
        int fd = http_connect(site);
        http_say(fd, *row);
        shutdown(fd, SHUT_WR);
        buf_reset(&answer);
        http_hear_all(fd, &answer);
        unsigned status = http_status(&answer);
        CHECK(status == 0 || status >= 400, "%s: %s", *row, buf_cstr(&answer));
        close(fd);
        assert_int_equal(http_ask(site, "GET", "/healthz", "", NULL, &answer), 200);
    }
    buf_free(&answer);
}

static void test_headers_and_paths_have_a_limit(void **state)
{
    struct http_site *site = *state;
    struct buf answer = {0}, path = {0}, header = {0};
    buf_append_str(&path, STR("/healthz?x="));
    for (int i = 0; i < 20000; i++)
        buf_append_byte(&path, 'a');
    assert_int_equal(http_ask(site, "GET", buf_cstr(&path), "", NULL, &answer), 414);
    buf_append_str(&header, STR("X-Long: "));
    for (int i = 0; i < 100000; i++)
        buf_append_byte(&header, 'a');
    buf_append_str(&header, STR("\r\n"));
    unsigned status = http_ask(site, "GET", "/healthz", buf_cstr(&header), NULL, &answer);
    CHECK(status == 0 || status == 413 || status == 431, "%u", status);
    assert_int_equal(http_ask(site, "GET", "/healthz", "", NULL, &answer), 200);
    buf_free(&answer);
    buf_free(&path);
    buf_free(&header);
}

static void test_another_host_name_is_refused_on_loopback(void **state)
{
    struct http_site *site = *state;
    struct buf answer = {0};
    int fd = http_connect(site);
    http_say(fd, "GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    http_hear_all(fd, &answer);
    assert_int_equal(http_status(&answer), 421);
    close(fd);
    buf_free(&answer);
}

static void test_a_reply_tells_browsers_to_make_nothing_of_it(void **state)
{
    struct http_site *site = *state;
    static const char *const headers[] = {
        "X-Content-Type-Options: nosniff", "Cache-Control: no-store", "X-Frame-Options: DENY",
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'", "X-Request-Id: "};
    struct buf answer = {0};
    assert_int_equal(http_ask(site, "GET", "/api/v5/stats", AUTHORIZED, NULL, &answer), 200);
    TABLE_EACH(row, headers)
    {
        CHECK(strstr(buf_cstr(&answer), *row) != NULL, "%s", *row);
    }
    assert_null(strstr(buf_cstr(&answer), "Access-Control"));
    assert_null(strstr(buf_cstr(&answer), "Set-Cookie"));
    buf_free(&answer);
}

/* ---- Waiting --------------------------------------------------------------------------------------------- */

static int ask_only(struct http_site *site, const char *path)
{
    struct buf request = {0};
    int fd = http_connect(site);
    buf_printf(&request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    http_say(fd, buf_cstr(&request));
    buf_free(&request);
    return fd;
}

static void expect_rest(int fd, const char *says)
{
    struct buf answer = {0};
    http_hear_all(fd, &answer);
    CHECK(strstr(buf_cstr(&answer), says) != NULL, "%s", buf_cstr(&answer));
    close(fd);
    buf_free(&answer);
}

static void test_a_parked_request_goes_on_when_it_is_woken(void **state)
{
    struct http_site *site = *state;
    int fd = ask_only(site, "/test/wait");
    WAIT_FOR(atomic_load(&seen.waker) != NULL);
    wake_seen();
    expect_rest(fd, "{\"why\":\"woken\",\"kept\":\"state\"}");
    WAIT_FOR(atomic_load(&seen.freed) == 1);
}

static void test_a_parked_request_goes_on_when_its_time_is_over(void **state)
{
    struct http_site *site = *state;
    int fd = ask_only(site, "/test/wait?ms=20");
    expect_rest(fd, "{\"why\":\"timed out\",\"kept\":\"state\"}");
    wake_seen(); /* too late: it disturbs nobody */
}

/* There are four threads, and forty requests that wait. */
static void test_parked_requests_occupy_no_thread(void **state)
{
    struct http_site *site = *state;
    struct buf answer = {0};
    int fds[40];
    for (size_t i = 0; i < LENGTH(fds); i++) {
        fds[i] = ask_only(site, "/test/wait");
        WAIT_FOR(atomic_load(&seen.waker) != NULL);
        struct api_waker *waker = atomic_exchange(&seen.waker, NULL);
        api_waker_unref(waker);
    }
    assert_int_equal(http_ask(site, "GET", "/api/v5/stats", AUTHORIZED, NULL, &answer), 200);
    for (size_t i = 0; i < LENGTH(fds); i++)
        close(fds[i]);
    /* They have gone: that is noticed, and their handlers are not called again. */
    WAIT_FOR(atomic_load(&seen.freed) == LENGTH(fds));
    assert_int_equal(atomic_load(&seen.calls), LENGTH(fds));
    buf_free(&answer);
}

/* ---- Streaming ------------------------------------------------------------------------------------------- */

static void test_a_stream_gives_everything_in_order(void **state)
{
    struct http_site *site = *state;
    struct buf answer = {0};
    atomic_store(&seen.pieces, 200);
    int fd = ask_only(site, "/test/stream");
    assert_true(http_hear_all(fd, &answer));
    const char *at = buf_cstr(&answer);
    for (unsigned i = 0; i < 200; i++) {
        char line[32];
        snprintf(line, sizeof(line), "{\"n\":%u}\n", i);
        at = strstr(at, line);
        CHECK(at != NULL, "piece %u", i);
    }
    close(fd);
    WAIT_FOR(atomic_load(&seen.closed) == 1);
    api_waker_unref(atomic_exchange(&seen.waker, NULL));
    buf_free(&answer);
}

static void test_a_stream_waits_for_more_until_it_is_woken(void **state)
{
    struct http_site *site = *state;
    struct buf answer = {0};
    char byte;
    atomic_store(&seen.pieces, 1);
    atomic_store(&seen.hold, true);
    int fd = ask_only(site, "/test/stream");
    while (strstr(buf_cstr(&answer), "\"n\":0") == NULL) {
        assert_int_equal(recv(fd, &byte, 1, 0), 1);
        buf_append_byte(&answer, (uint8_t)byte);
    }
    WAIT_FOR(atomic_load(&seen.given) == 1);
    atomic_store(&seen.pieces, 2);
    atomic_store(&seen.hold, false);
    wake_seen();
    assert_true(http_hear_all(fd, &answer));
    assert_non_null(strstr(buf_cstr(&answer), "\"n\":1"));
    close(fd);
    buf_free(&answer);
}

/* 20 KB a piece: the socket takes some megabytes at most, the rest stays with the producer. */
static void test_a_client_that_does_not_read_holds_the_stream_back(void **state)
{
    struct http_site *site = *state;
    atomic_store(&seen.pieces, 100000);
    int fd = ask_only(site, "/test/stream");
    WAIT_FOR(atomic_load(&seen.given) > 3);
    unsigned before, after = 0;
    int quiet = 0;
    while (quiet < 30) { /* until nothing has been given for a while */
        before = after;
        usleep(10000);
        after = atomic_load(&seen.given);
        quiet = after == before ? quiet + 1 : 0;
    }
    assert_true(after < 5000);
    close(fd); /* with what is unread: the server notices */
    WAIT_FOR(atomic_load(&seen.closed) == 1);
    api_waker_unref(atomic_exchange(&seen.waker, NULL));
}

static void test_a_client_that_goes_ends_a_stream_that_waits(void **state)
{
    struct http_site *site = *state;
    atomic_store(&seen.hold, true);
    int fd = ask_only(site, "/test/stream");
    WAIT_FOR(atomic_load(&seen.waker) != NULL);
    close(fd);
    WAIT_FOR(atomic_load(&seen.closed) == 1);
    wake_seen();
}

static void test_a_stream_that_fails_is_cut_so_that_it_is_seen(void **state)
{
    struct http_site *site = *state;
    struct buf answer = {0};
    int fd = ask_only(site, "/test/break");
    http_hear_all(fd, &answer);
    assert_non_null(strstr(buf_cstr(&answer), "half"));
    assert_null(strstr(buf_cstr(&answer), "\r\n0\r\n\r\n")); /* no last chunk */
    close(fd);
    WAIT_FOR(atomic_load(&seen.closed) == 1);
    buf_free(&answer);
}

/* ---- Stopping -------------------------------------------------------------------------------------------- */

static void test_a_stop_answers_what_waits_and_ends_what_streams(void **state)
{
    struct http_site *site = *state;
    atomic_store(&seen.hold, true);
    int waiting = ask_only(site, "/test/wait");
    WAIT_FOR(atomic_load(&seen.waker) != NULL);
    api_waker_unref(atomic_exchange(&seen.waker, NULL));
    int streaming = ask_only(site, "/test/stream");
    WAIT_FOR(atomic_load(&seen.waker) != NULL);
    api_waker_unref(atomic_exchange(&seen.waker, NULL));
    int half = http_connect(site);
    http_say(half, "POST /test/echo HTTP/1.1\r\nHost: localhost\r\n");
    http_site_end(site);
    site->api = NULL;
    expect_rest(waiting, "{\"why\":\"stopping\",\"kept\":\"state\"}");
    expect_rest(streaming, "\r\n0\r\n\r\n");
    close(half);
    assert_int_equal(atomic_load(&seen.closed), 1);
    assert_int_equal(atomic_load(&seen.freed), 1);
}

static void *ask_again_and_again(void *arg)
{
    struct http_site *site = arg;
    for (int i = 0; i < 100000; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        address.sin_port = htons((uint16_t)atoi(strrchr(api_address(site->api), ':') + 1));
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct timeval patience = {.tv_sec = PATIENCE_S};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        bool refused = connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0;
        char answer[4096];
        if (!refused) {
            http_say(fd, "GET /api/v5/stats HTTP/1.1\r\nHost: localhost\r\n" AUTHORIZED "\r\n");
            ssize_t n = recv(fd, answer, sizeof(answer), 0);
            atomic_fetch_add(&seen.calls, n > 0);
        }
        close(fd);
        if (refused)
            break;
    }
    return NULL;
}

static void test_a_stop_under_fire_ends(void **state)
{
    struct http_site *site = *state;
    pthread_t threads[4];
    for (size_t i = 0; i < LENGTH(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_again_and_again, site), 0);
    WAIT_FOR(atomic_load(&seen.calls) > 50);
    api_stop(site->api, 5000);
    for (size_t i = 0; i < LENGTH(threads); i++)
        pthread_join(threads[i], NULL);
    http_site_end(site);
    site->api = NULL;
}

#define SITE(test) cmocka_unit_test_setup_teardown(test, start, end)

RUN_TESTS(SITE(test_each_request_has_its_answer), SITE(test_an_inner_error_is_not_told_to_the_client),
          SITE(test_a_connection_serves_many_requests), SITE(test_a_body_may_come_in_any_pieces),
          SITE(test_a_body_that_is_too_large_is_refused_and_the_refusal_heard),
          SITE(test_a_client_that_asks_first_is_told_before_it_sends),
          SITE(test_content_types_are_kept_apart), SITE(test_garbage_ends_its_connection_and_nothing_else),
          SITE(test_headers_and_paths_have_a_limit), SITE(test_another_host_name_is_refused_on_loopback),
          SITE(test_a_reply_tells_browsers_to_make_nothing_of_it),
          SITE(test_a_parked_request_goes_on_when_it_is_woken),
          SITE(test_a_parked_request_goes_on_when_its_time_is_over),
          SITE(test_parked_requests_occupy_no_thread), SITE(test_a_stream_gives_everything_in_order),
          SITE(test_a_stream_waits_for_more_until_it_is_woken),
          SITE(test_a_client_that_does_not_read_holds_the_stream_back),
          SITE(test_a_client_that_goes_ends_a_stream_that_waits),
          SITE(test_a_stream_that_fails_is_cut_so_that_it_is_seen),
          SITE(test_a_stop_answers_what_waits_and_ends_what_streams), SITE(test_a_stop_under_fire_ends))
