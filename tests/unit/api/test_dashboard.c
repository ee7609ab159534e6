/* What the API has for the dashboard: sessions of pages, the first password, figures over time, alarms, log lines, pages. */
#include "api/monitor_internal.h"
#include "http_test.h"

#include "base/log_ring.h"

#define LOGIN "/api/v5/login"

static struct http_site site;
static char password[API_PASSWORD_BYTES];

static int start(void **state)
{
    struct error err = {0};
    http_site_start(&site, NULL);
    ASSERT_OK(api_first_administrator(site.catalog, password, &err), err);
    *state = &site;
    return 0;
}

static int end(void **state)
{
    (void)state;
    http_site_end(&site);
    return 0;
}

/* ---- Sessions -------------------------------------------------------------------------------------------- */

struct page {
    char cookie[200];  /* "varve_41883=…" */
    char key[100];     /* the page's half */
    char headers[600]; /* of a request with both */
};

static unsigned ask(const char *path, const char *headers, struct buf *answer)
{
    return http_ask(&site, "GET", path, headers, NULL, answer);
}

/* Signs in as a page does. */
static void sign_in(struct page *page)
{
    struct buf answer = {0}, body = {0};
    buf_printf(&body, "{\"username\":\"admin\",\"password\":\"%s\",\"session\":true}", password);
    assert_int_equal(http_ask(&site, "POST", LOGIN, "", buf_cstr(&body), &answer), 200);
    const char *cookie = strstr(buf_cstr(&answer), "Set-Cookie: ");
    assert_non_null(cookie);
    snprintf(page->cookie, sizeof(page->cookie), "%.*s", (int)strcspn(cookie + 12, ";"), cookie + 12);
    json_t *told = http_json(&answer);
    snprintf(page->key, sizeof(page->key), "%s", json_string_value(json_object_get(told, "session")));
    assert_null(json_object_get(told, "token"));
    json_decref(told);
    snprintf(page->headers, sizeof(page->headers), "Cookie: %s\r\nX-Varve-Session: %s\r\n", page->cookie,
             page->key);
    buf_free(&body);
    buf_free(&answer);
}

static void test_a_cookie_is_out_of_reach_of_scripts_and_other_sites(void **state)
{
    (void)state;
    struct buf answer = {0}, body = {0};
    buf_printf(&body, "{\"username\":\"admin\",\"password\":\"%s\",\"session\":true}", password);
    assert_int_equal(http_ask(&site, "POST", LOGIN, "", buf_cstr(&body), &answer), 200);
    const char *port = strrchr(api_address(site.api), ':') + 1, *text = buf_cstr(&answer);
    char name[64];
    snprintf(name, sizeof(name), "Set-Cookie: varve_%s=", port);
    assert_non_null(strstr(text, name));
    assert_non_null(strstr(text, "; Path=/api/v5; HttpOnly; SameSite=Strict\r\n"));
    buf_free(&body);
    buf_free(&answer);
}

static void test_a_session_needs_both_halves(void **state)
{
    (void)state;
    struct page page, other;
    struct buf answer = {0};
    char headers[700];
    sign_in(&page);
    sign_in(&other);
    assert_int_equal(ask("/api/v5/session", page.headers, &answer), 200);
    assert_non_null(strstr(http_body(&answer), "\"username\":\"admin\""));

    snprintf(headers, sizeof(headers), "Cookie: %s\r\n", page.cookie);
    assert_int_equal(ask("/api/v5/session", headers, &answer), 401);
    snprintf(headers, sizeof(headers), "X-Varve-Session: %s\r\n", page.key);
    assert_int_equal(ask("/api/v5/session", headers, &answer), 401);
    snprintf(headers, sizeof(headers), "Cookie: %s\r\nX-Varve-Session: %s\r\n", page.cookie, other.key);
    assert_int_equal(ask("/api/v5/session", headers, &answer), 401);
    /* What other ports of this machine see in the cookie is no bearer token. */
    snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\n", strchr(page.cookie, '=') + 1);
    assert_int_equal(ask("/api/v5/session", headers, &answer), 401);
    buf_free(&answer);
}

static void test_a_bearer_token_is_no_cookie(void **state)
{
    (void)state;
    struct buf answer = {0}, body = {0};
    char headers[700], key[TOKEN_TEXT_BYTES];
    buf_printf(&body, "{\"username\":\"admin\",\"password\":\"%s\"}", password);
    assert_int_equal(http_ask(&site, "POST", LOGIN, "", buf_cstr(&body), &answer), 200);
    assert_null(strstr(buf_cstr(&answer), "Set-Cookie"));
    json_t *told = http_json(&answer);
    const char *token = json_string_value(json_object_get(told, "token"));
    assert_non_null(token);
    tokens_page_key(site.api->tokens, str_of(token), key);
    snprintf(headers, sizeof(headers), "Cookie: varve_%s=%s\r\nX-Varve-Session: %s\r\n",
             strrchr(api_address(site.api), ':') + 1, token, key);
    assert_int_equal(ask("/api/v5/session", headers, &answer), 401);
    json_decref(told);
    buf_free(&body);
    buf_free(&answer);
}

static void test_pages_of_other_origins_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *origin;
        unsigned status;
    } table[] = {
        {"http://localhost", 200},      {"http://LOCALHOST", 200},
        {"http://localhost:3000", 401}, {"null", 401},
        {"http://localhost.evil", 401}, {"https://example.com", 401},
    };
    struct page page;
    struct buf answer = {0};
    char headers[800];
    sign_in(&page);
    TABLE_EACH(row, table)
    {
        snprintf(headers, sizeof(headers), "%sOrigin: %s\r\n", page.headers, row->origin);
        CHECK(ask("/api/v5/session", headers, &answer) == row->status, "%s: %s", row->origin,
              buf_cstr(&answer));
    }
    buf_free(&answer);
}

static void test_signing_out_ends_the_session_and_takes_the_cookie_back(void **state)
{
    (void)state;
    struct page page;
    struct buf answer = {0};
    sign_in(&page);
    assert_int_equal(http_ask(&site, "POST", "/api/v5/logout", page.headers, NULL, &answer), 204);
    assert_non_null(strstr(buf_cstr(&answer), "; Max-Age=0"));
    assert_int_equal(ask("/api/v5/session", page.headers, &answer), 401);
    buf_free(&answer);
}

static void test_the_printed_password_is_told_until_it_is_changed(void **state)
{
    (void)state;
    struct page page;
    struct buf answer = {0}, body = {0};
    struct error err = {0};
    sign_in(&page);
    assert_int_equal(ask("/api/v5/session", page.headers, &answer), 200);
    assert_non_null(strstr(http_body(&answer), "\"initial_password\":true"));
    buf_printf(&body, "{\"old_pwd\":\"%s\",\"new_pwd\":\"another password\"}", password);
    assert_int_equal(
        http_ask(&site, "POST", "/api/v5/users/admin/change_pwd", page.headers, buf_cstr(&body), &answer),
        204);
    assert_int_equal(ask("/api/v5/session", page.headers, &answer), 200);
    assert_non_null(strstr(http_body(&answer), "\"initial_password\":false"));
    assert_false(initial_password_is_set(site.catalog, "admin"));
    ASSERT_OK(initial_password_unmark(site.catalog, "admin", &err), err); /* none: fine */
    buf_free(&body);
    buf_free(&answer);
}

/* ---- Figures over time ----------------------------------------------------------------------------------- */

static size_t samples(void)
{
    struct buf answer = {0};
    assert_int_equal(ask("/api/v5/monitor", AUTHORIZED, &answer), 200);
    json_t *list = http_json(&answer);
    size_t count = json_array_size(list);
    json_decref(list);
    buf_free(&answer);
    return count;
}

/* From here on nobody looks but the test: there is one look at a time. */
static void stop_looking(void)
{
    WAIT_FOR(!atomic_exchange(&site.api->looking, true));
}

static void test_samples_are_ten_seconds_apart_and_an_hour_of_them_is_kept(void **state)
{
    (void)state;
    stop_looking();
    int64_t at_ms = clock_mono_ms() + 3600000;
    monitor_look(site.api, at_ms);
    size_t before = samples();
    for (int second = 1; second <= 25; second++)
        monitor_look(site.api, at_ms + second * 1000);
    assert_int_equal(samples(), before + 2); /* at 10 and 20 s */
    for (int i = 3; i < 500; i++)
        monitor_look(site.api, at_ms + (int64_t)i * 10000);
    assert_int_equal(samples(), 360);
}

static void test_the_present_is_told_with_rates(void **state)
{
    (void)state;
    struct buf answer = {0};
    assert_int_equal(ask("/api/v5/monitor_current", AUTHORIZED, &answer), 200);
    json_t *now = http_json(&answer);
    assert_int_equal(json_integer_value(json_object_get(now, "connections")), 0);
    assert_true(json_is_real(json_object_get(now, "received_msg_rate")));
    assert_true(json_is_integer(json_object_get(now, "tier_lag_messages")));
    json_decref(now);
    assert_int_equal(ask("/api/v5/monitor?latest=0", AUTHORIZED, &answer), 400);
    buf_free(&answer);
}

/* ---- Alarms ---------------------------------------------------------------------------------------------- */

static json_t *alarms(const char *query)
{
    struct buf answer = {0};
    char path[100];
    snprintf(path, sizeof(path), "/api/v5/alarms%s", query);
    assert_int_equal(ask(path, AUTHORIZED, &answer), 200);
    json_t *told = http_json(&answer), *data = json_incref(json_object_get(told, "data"));
    json_decref(told);
    buf_free(&answer);
    return data;
}

static bool connector_fails(void)
{
    enum connector_status status;
    struct error why;
    return connectors_status(site.connectors, STR("s3:away"), &status, &why, NULL) &&
           status == CONNECTOR_DISCONNECTED;
}

static void test_a_connector_that_fails_is_an_alarm_until_it_is_gone(void **state)
{
    (void)state;
    struct error err = {0};
    char id[CONNECTOR_ID_MAX];
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:s}", "type", "s3", "name", "away", "host", "127.0.0.1",
                  "port", 9, "bucket", "none", "access_key_id", "a", "secret_access_key", "b");
    ASSERT_OK(connectors_create(site.connectors, object, id, &err), err);
    json_decref(object);
    WAIT_FOR(connector_fails());
    alarms_look(site.alarms);
    json_t *list = alarms("?activated=true");
    assert_int_equal(json_array_size(list), 1);
    json_t *alarm = json_array_get(list, 0);
    assert_string_equal(json_string_value(json_object_get(alarm, "name")), "connector_disconnected/s3:away");
    assert_true(strlen(json_string_value(json_object_get(alarm, "message"))) > 0);
    const json_t *details = json_object_get(alarm, "details");
    assert_string_equal(json_string_value(json_object_get(details, "kind")), "connector_disconnected");
    assert_string_equal(json_string_value(json_object_get(details, "id")), "s3:away");
    json_decref(list);

    ASSERT_OK(connectors_delete(site.connectors, STR("s3:away"), &err), err);
    alarms_look(site.alarms);
    list = alarms("?activated=true");
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    list = alarms("");
    assert_int_equal(json_array_size(list), 1);
    assert_true(json_is_string(json_object_get(json_array_get(list, 0), "deactivate_at")));
    json_decref(list);
    struct buf answer = {0};
    assert_int_equal(http_ask(&site, "DELETE", "/api/v5/alarms", AUTHORIZED, NULL, &answer), 204);
    list = alarms("?activated=false");
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    buf_free(&answer);
}

/* ---- Lines of the log, listeners, pages ------------------------------------------------------------------ */

static void test_log_lines_come_without_their_time_and_by_level(void **state)
{
    (void)state;
    struct buf answer = {0};
    log_ring_start();
    LOG_ERROR("something failed", LOG_TEXT("why", "a \"reason\""));
    assert_int_equal(ask("/api/v5/logs?level=error&limit=1", AUTHORIZED, &answer), 200);
    json_t *told = http_json(&answer);
    json_t *line = json_array_get(json_object_get(told, "data"), 0);
    assert_string_equal(json_string_value(json_object_get(line, "message")),
                        "something failed why=\"a \\\"reason\\\"\"");
    assert_string_equal(json_string_value(json_object_get(line, "level")), "error");
    char path[100];
    snprintf(path, sizeof(path), "/api/v5/logs?level=error&after=%lld",
             (long long)json_integer_value(json_object_get(line, "number")));
    json_decref(told);
    assert_int_equal(ask(path, AUTHORIZED, &answer), 200);
    assert_non_null(strstr(http_body(&answer), "{\"data\":[],\"missed\":"));
    buf_free(&answer);
}

static void test_listeners_are_told_in_emqxs_shape(void **state)
{
    (void)state;
    struct buf answer = {0};
    const struct api_mqtt_listener listener = {
        .name = "ws.default", .address = "127.0.0.1:8083", .path = "/mqtt"};
    api_add_listener(site.api, &listener);
    assert_int_equal(ask("/api/v5/listeners", AUTHORIZED, &answer), 200);
    assert_string_equal(
        http_body(&answer),
        "[{\"id\":\"ws:default\",\"type\":\"ws\",\"name\":\"default\",\"bind\":\"127.0.0.1:8083\","
        "\"enable\":true,\"status\":{\"running\":true},\"path\":\"/mqtt\"}]");
    buf_free(&answer);
}

static void test_a_browser_gets_a_page_whether_or_not_it_was_built(void **state)
{
    (void)state;
    static const struct {
        const char *path, *headers;
        unsigned status;
    } table[] = {
        {"/", "", 200},
        {"/stations/plant", "Accept: text/html,*/*\r\n", 200},
        {"/stations/plant", "Accept: application/json\r\n", 404},
        {"/assets/none.js", "Accept: text/html\r\n", 404},
        {"/api/v5/none", "Accept: text/html\r\n", 404},
        {"/healthz", "Accept: text/html\r\n", 200},
    };
    struct buf answer = {0};
    TABLE_EACH(row, table)
    {
        unsigned status = ask(row->path, row->headers, &answer);
        CHECK(status == row->status, "%s %s: %s", row->path, row->headers, buf_cstr(&answer));
    }
    assert_int_equal(ask("/", "", &answer), 200);
    assert_non_null(strstr(buf_cstr(&answer), "Content-Type: text/html"));
    assert_non_null(strstr(buf_cstr(&answer), "frame-ancestors 'none'"));
    buf_free(&answer);
}

#define SITE(test) cmocka_unit_test_setup_teardown(test, start, end)

RUN_TESTS(SITE(test_a_cookie_is_out_of_reach_of_scripts_and_other_sites),
          SITE(test_a_session_needs_both_halves), SITE(test_a_bearer_token_is_no_cookie),
          SITE(test_pages_of_other_origins_are_refused),
          SITE(test_signing_out_ends_the_session_and_takes_the_cookie_back),
          SITE(test_the_printed_password_is_told_until_it_is_changed),
          SITE(test_samples_are_ten_seconds_apart_and_an_hour_of_them_is_kept),
          SITE(test_the_present_is_told_with_rates),
          SITE(test_a_connector_that_fails_is_an_alarm_until_it_is_gone),
          SITE(test_log_lines_come_without_their_time_and_by_level),
          SITE(test_listeners_are_told_in_emqxs_shape),
          SITE(test_a_browser_gets_a_page_whether_or_not_it_was_built))
