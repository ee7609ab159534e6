/* Endpoints of stations that the dashboard draws and resets by: what they take, and what they answer. */
#include "station/station_test.h"

#include "api/http_test.h"

struct desk {
    struct depot depot;
    struct http_site http; /* the API of the depot's broker */
};

static int start(void **state)
{
    struct desk *desk = mem_zalloc(sizeof(*desk));
    struct error err = {0};
    depot_start(&desk->depot, 2);
    const struct api_options options = {.broker = desk->depot.site.broker,
                                        .catalog = desk->depot.site.catalog,
                                        .stations = desk->depot.stations,
                                        .admin_key = STR(ADMIN_KEY)};
    desk->http.api = api_new(&options);
    const struct api_listener_options listener = {
        .bind = "127.0.0.1:0", .max_connections = 16, .max_body_bytes = 4096};
    ASSERT_OK(api_open(desk->http.api, &listener, &err), err);
    api_set_ready(desk->http.api);
    make_station(&desk->depot, "{\"name\":\"x\"}");
    for (unsigned i = 0; i < 5; i++)
        put_message(&desk->depot, "x", "t", (char[]){(char)('0' + i), '\0'}, NULL);
    *state = desk;
    return 0;
}

static int end(void **state)
{
    struct desk *desk = *state;
    api_stop(desk->http.api, 5000);
    api_free(desk->http.api);
    depot_end(&desk->depot);
    mem_free(desk);
    return 0;
}

struct row {
    const char *path;
    const char *body; /* NULL: a GET */
    unsigned status;
    const char *says; /* a part of the answer */
};

static void expect(struct desk *desk, const struct row *row)
{
    struct buf answer = {0}, path = {0};
    buf_printf(&path, "/api/v5/stations/%s", row->path);
    unsigned status = http_ask(&desk->http, row->body != NULL ? "POST" : "GET", buf_cstr(&path), AUTHORIZED,
                               row->body, &answer);
    CHECK(status == row->status, "%s: %u %s", row->path, status, http_body(&answer));
    CHECK(strstr(http_body(&answer), row->says) != NULL, "%s: %s", row->path, http_body(&answer));
    buf_free(&path);
    buf_free(&answer);
}

static void test_data_files_are_asked_for_within_limits(void **state)
{
    static const struct row rows[] = {
        {"none/tier/files", NULL, 404, "NOT_FOUND"},
        {"x/tier/files", NULL, 409, "NO_TIER"},
        {"x/tier/files", NULL, 409, "tier.enabled"},
        {"x/tier/files?limit=0", NULL, 400, "limit"},
        {"x/tier/files?limit=1001", NULL, 400, "limit"},
        {"x/tier/files?limit=many", NULL, 400, "limit"},
        {"x/tier/files?from=-1", NULL, 400, "from"},
        {"x/tier/files?to=99999999999999999999", NULL, 400, "to"},
    };
    TABLE_EACH(row, rows)
    expect(*state, row);
}

static void test_a_reset_says_what_is_wrong_with_it(void **state)
{
    static const struct row rows[] = {
        {"x/groups/g/reset", "{}", 400, "start"},
        {"x/groups/g/reset", "{\"start\":7}", 400, "start"},
        {"x/groups/g/reset", "{\"start\":\"earliest\",\"at\":1}", 400, "at"},
        {"x/groups/g/reset", "{\"start\":\"yesterday\"}", 400, "start"},
        {"x/groups/g/reset", "{\"start\":\"earliest\",\"force\":\"yes\"}", 400, "force"},
        {"x/groups/g/reset", "{\"start\":\"earliest\"}", 404, "NOT_FOUND"},
        {"none/groups/g/reset", "{\"start\":\"earliest\"}", 404, "NOT_FOUND"},
    };
    TABLE_EACH(row, rows)
    expect(*state, row);
}

/* SUBACK comes a moment before the group knows its member. */
static bool has_a_member(struct desk *desk)
{
    struct buf answer = {0};
    unsigned status = http_ask(&desk->http, "GET", "/api/v5/stations/x/groups/g", AUTHORIZED, NULL, &answer);
    bool has = status == 200 && strstr(http_body(&answer), "\"members\":1") != NULL;
    buf_free(&answer);
    return has;
}

static void test_a_group_in_use_is_reset_by_force_alone(void **state)
{
    struct desk *desk = *state;
    static const struct row before[] = {
        {"x/groups/g/fetch", "{\"start\":\"earliest\",\"batch\":5}", 200, "\"count\":5"},
        {"x/groups/g/ack", "{\"offsets\":[0,1,2,3,4]}", 200, "\"acked\":5"},
        {"x/groups/g/reset", "{\"start\":\"offset:3\"}", 204, ""},
        {"x/groups/g/fetch", "{\"batch\":5}", 200, "\"count\":2"},
    };
    static const struct row busy = {"x/groups/g/reset", "{\"start\":\"offset:1\"}", 409, "IN_USE"};
    static const struct row forced = {"x/groups/g/reset", "{\"start\":\"offset:1\",\"force\":true}", 204, ""};
    TABLE_EACH(row, before)
    expect(desk, row);
    struct client client;
    CLIENT_CONNECT(&client, &desk->depot.site, false, .id = "m");
    subscribe_to(&client, "$share/g/$station/x", 1);
    WAIT_FOR(has_a_member(desk));
    expect(desk, &busy);
    expect(desk, &forced);
    /* The member is cut off and back again, and goes on where the group was put. */
    for (char number = '1'; number < '5'; number++)
        assert_int_equal(next_publish(&client).payload.data[0], number);
    client_bye(&client);
}

RUN_TESTS(cmocka_unit_test_setup_teardown(test_data_files_are_asked_for_within_limits, start, end),
          cmocka_unit_test_setup_teardown(test_a_reset_says_what_is_wrong_with_it, start, end),
          cmocka_unit_test_setup_teardown(test_a_group_in_use_is_reset_by_force_alone, start, end))
