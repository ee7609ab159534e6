/* Who may call what: every route, with every role and with none. What the endpoints do is for the end-to-end tests. */
#include "api/http_test.h"

#include <ctype.h>

#define HEADER_BYTES 300

static int start(void **state)
{
    struct http_site *site = mem_zalloc(sizeof(*site));
    http_site_start(site, NULL);
    *state = site;
    return 0;
}

static int end(void **state)
{
    http_site_end(*state);
    mem_free(*state);
    return 0;
}

/* An API key of the role: the header that shows it. */
static void make_key(struct http_site *site, const char *role, char header[HEADER_BYTES])
{
    struct buf answer = {0}, body = {0};
    buf_printf(&body, "{\"name\":\"%s\",\"role\":\"%s\"}", role, role);
    assert_int_equal(http_ask(site, "POST", "/api/v5/api_key", AUTHORIZED, buf_cstr(&body), &answer), 200);
    json_t *key = http_json(&answer);
    char text[160], encoded[BASE64_BYTES(160)];
    int len = snprintf(text, sizeof(text), "%s:%s", json_string_value(json_object_get(key, "api_key")),
                       json_string_value(json_object_get(key, "api_secret")));
    base64_encode(text, (size_t)len, encoded, false);
    snprintf(header, HEADER_BYTES, "Authorization: Basic %s\r\n", encoded);
    json_decref(key);
    buf_free(&body);
    buf_free(&answer);
}

/* A path of the route that names nothing that is there. */
static void some_path(const char *pattern, char out[256])
{
    size_t n = 0;
    for (; *pattern != '\0' && n < 250; pattern++) {
        if (*pattern == '{') {
            out[n++] = 'x';
            pattern = strchr(pattern, '}');
        } else {
            out[n++] = *pattern;
        }
    }
    out[n] = '\0';
}

static bool allowed(const struct api_route *route, enum api_role role)
{
    switch (route->access) {
    case API_PUBLIC: return true;
    case API_ANY_ROLE: return role != API_ROLE_NONE;
    case API_READ: return role == API_ROLE_VIEWER;
    case API_READ_STATIONS: return role == API_ROLE_VIEWER || role == API_ROLE_CONSUMER;
    case API_CONSUME: return role == API_ROLE_CONSUMER;
    case API_PUBLISH: return role == API_ROLE_PUBLISHER;
    case API_ADMINISTER: break;
    }
    return false;
}

/* The body is one that no schema takes, so that nothing is changed by whoever may. */
static void test_every_route_refuses_who_may_not(void **state)
{
    struct http_site *site = *state;
    static const enum api_role roles[] = {API_ROLE_NONE, API_ROLE_VIEWER, API_ROLE_PUBLISHER,
                                          API_ROLE_CONSUMER};
    char headers[LENGTH(roles)][HEADER_BYTES] = {""};
    struct buf answer = {0};
    make_key(site, "viewer", headers[1]);
    make_key(site, "publisher", headers[2]);
    make_key(site, "consumer", headers[3]);
    for (size_t i = 0; i < site->api->entry_count; i++) {
        const struct api_route *route = site->api->entries[i].route;
        char path[256];
        some_path(route->path, path);
        for (size_t r = 0; r < LENGTH(roles); r++) {
            const char *body = route->body != NULL ? "\"nonsense\"" : NULL;
            unsigned status = http_ask(site, method_name(route->method), path, headers[r], body, &answer);
            unsigned refused = roles[r] == API_ROLE_NONE ? 401 : 403;
            CHECK((status == refused) == !allowed(route, roles[r]), "%s %s: %u", method_name(route->method),
                  path, status);
            CHECK(status != 500, "%s %s: %s", method_name(route->method), path, buf_cstr(&answer));
        }
    }
    buf_free(&answer);
}

/* No answer, of whatever status, holds what is secret. */
static void test_secrets_are_in_no_answer(void **state)
{
    struct http_site *site = *state;
    struct buf answer = {0};
    char password[API_PASSWORD_BYTES], again[API_PASSWORD_BYTES];
    struct error err;
    ASSERT_OK(api_first_administrator(site->catalog, password, &err), err);
    ASSERT_OK(api_first_administrator(site->catalog, again, &err), err);
    assert_int_equal(strlen(password), 16);
    assert_string_equal(again, ""); /* it was the first alone */
    static const char *const paths[] = {"/api/v5/users", "/api/v5/api_key",
                                        "/api/v5/authentication/password_based%3Abuilt_in_database/users"};
    assert_int_equal(http_ask(site, "POST", paths[2], AUTHORIZED,
                              "{\"user_id\":\"u\",\"password\":\"open sesame\"}", &answer),
                     201);
    TABLE_EACH(row, paths)
    {
        assert_int_equal(http_ask(site, "GET", *row, AUTHORIZED, NULL, &answer), 200);
        CHECK(strstr(buf_cstr(&answer), "argon2") == NULL && strstr(buf_cstr(&answer), "sesame") == NULL &&
                  strstr(buf_cstr(&answer), "secret") == NULL && strstr(buf_cstr(&answer), password) == NULL,
              "%s: %s", *row, buf_cstr(&answer));
    }
    buf_free(&answer);
}

static void test_the_secret_of_a_connector_is_in_no_answer(void **state)
{
    struct http_site *site = *state;
    struct buf answer = {0};
    static const char object[] =
        "{\"type\":\"s3\",\"name\":\"a\",\"endpoint\":\"http://127.0.0.1:1\",\"enable\":false,"
        "\"access_key_id\":\"id\",\"secret_access_key\":\"open sesame\"}";
    static const struct {
        const char *method;
        const char *path;
        const char *body;
        unsigned status;
    } rows[] = {
        {"POST", "/api/v5/connectors", object, 201},
        {"POST", "/api/v5/connectors", object, 400},
        {"GET", "/api/v5/connectors", NULL, 200},
        {"GET", "/api/v5/connectors/s3:a", NULL, 200},
        {"PUT", "/api/v5/connectors/s3:a", object, 200},
        {"PUT", "/api/v5/connectors/s3:a", "{\"secret_access_key\":\"open sesame\",\"port\":0}", 400},
        {"POST", "/api/v5/connectors_probe", object, 400},
    };
    TABLE_EACH(row, rows)
    {
        unsigned status = http_ask(site, row->method, row->path, AUTHORIZED, row->body, &answer);
        CHECK(status == row->status, "%s %s: %s", row->method, row->path, buf_cstr(&answer));
        CHECK(strstr(buf_cstr(&answer), "sesame") == NULL, "%s %s: %s", row->method, row->path,
              buf_cstr(&answer));
    }
    buf_free(&answer);
}

static void test_a_key_that_is_disabled_or_expired_is_refused(void **state)
{
    struct http_site *site = *state;
    struct buf answer = {0};
    char header[HEADER_BYTES];
    make_key(site, "viewer", header);
    assert_int_equal(http_ask(site, "GET", "/api/v5/stats", header, NULL, &answer), 200);
    http_ask(site, "PUT", "/api/v5/api_key/viewer", AUTHORIZED, "{\"enable\":false}", &answer);
    assert_int_equal(http_ask(site, "GET", "/api/v5/stats", header, NULL, &answer), 401);
    http_ask(site, "PUT", "/api/v5/api_key/viewer", AUTHORIZED,
             "{\"enable\":true,\"expired_at\":\"2020-01-01T00:00:00Z\"}", &answer);
    assert_int_equal(http_ask(site, "GET", "/api/v5/stats", header, NULL, &answer), 401);
    http_ask(site, "PUT", "/api/v5/api_key/viewer", AUTHORIZED, "{\"expired_at\":\"infinity\"}", &answer);
    assert_int_equal(http_ask(site, "GET", "/api/v5/stats", header, NULL, &answer), 200);
    assert_int_equal(http_ask(site, "DELETE", "/api/v5/api_key/viewer", AUTHORIZED, NULL, &answer), 204);
    assert_int_equal(http_ask(site, "GET", "/api/v5/stats", header, NULL, &answer), 401);
    buf_free(&answer);
}

/* Prometheus' text format: HELP, TYPE, then values of that name. */
static void test_figures_are_in_the_text_format(void **state)
{
    struct http_site *site = *state;
    struct buf answer = {0};
    char name[100] = "", type[20] = "";
    unsigned values = 0;
    assert_int_equal(http_ask(site, "GET", "/metrics", "", NULL, &answer), 200);
    assert_non_null(strstr(buf_cstr(&answer), "Content-Type: text/plain; version=0.0.4"));
    struct str rest = str_of(http_body(&answer)), line;
    while (str_next(&rest, '\n', &line)) {
        char text[300];
        snprintf(text, sizeof(text), "%.*s", STR_ARG(line));
        if (text[0] == '\0' || strncmp(text, "# HELP varve_", 13) == 0)
            continue;
        if (text[0] == '#') {
            CHECK(sscanf(text, "# TYPE %99s %19s", name, type) == 2, "%s", text);
            bool counter = strcmp(type, "counter") == 0;
            CHECK(counter || strcmp(type, "gauge") == 0, "%s", text);
            size_t len = strlen(name);
            CHECK(!counter || (len > 6 && strcmp(name + len - 6, "_total") == 0), "%s", text);
            continue;
        }
        size_t len = strlen(name);
        CHECK(strncmp(text, name, len) == 0 && (text[len] == ' ' || text[len] == '{'), "%s", text);
        CHECK(isdigit((unsigned char)strrchr(text, ' ')[1]), "%s", text);
        values++;
    }
    assert_true(values > 20);
    buf_free(&answer);
}

static void test_labels_are_escaped(void **state)
{
    (void)state;
    struct buf out = {0};
    api_metric_label(&out, "a", STR("x\"y\\z\nw"));
    assert_string_equal(buf_cstr(&out), "a=\"x\\\"y\\\\z\\nw\"");
    buf_free(&out);
}

#define SITE(test) cmocka_unit_test_setup_teardown(test, start, end)

RUN_TESTS(SITE(test_every_route_refuses_who_may_not), SITE(test_secrets_are_in_no_answer),
          SITE(test_the_secret_of_a_connector_is_in_no_answer),
          SITE(test_a_key_that_is_disabled_or_expired_is_refused), SITE(test_figures_are_in_the_text_format),
          cmocka_unit_test(test_labels_are_escaped))
