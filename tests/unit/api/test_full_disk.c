/* Producing over HTTP on a disk that is full: a clear refusal, nothing half stored, and it goes on when there is space. */
#include "station/station_test.h"

#include "api/http_test.h"

#define MESSAGES_PATH "/api/v5/stations/x/messages"
#define LINES         3000 /* of a request: three chunks */

struct place {
    struct depot depot;
    struct http_site http;
    struct buf answer;
};

static void start(struct place *place)
{
    struct error err;
    memset(place, 0, sizeof(*place));
    depot_start(&place->depot, 2);
    log_set_level(LOG_LEVEL_ERROR + 1);
    make_station(&place->depot, "{\"name\":\"x\",\"topics\":[\"t/#\"],\"retention\":{\"age\":\"0\"}}");
    const struct api_options options = {
        .broker = place->depot.site.broker,
        .catalog = place->depot.site.catalog,
        .stations = place->depot.stations,
        .admin_key = STR(ADMIN_KEY),
    };
    place->http.api = api_new(&options);
    const struct api_listener_options listener = {
        .bind = "127.0.0.1:0", .max_connections = 64, .max_body_bytes = 4096};
    ASSERT_OK(api_open(place->http.api, &listener, &err), err);
}

static void end(struct place *place)
{
    atomic_store(&disk_writes_left, LONG_MAX);
    atomic_store(&disk_full, false);
    api_stop(place->http.api, 5000);
    api_free(place->http.api);
    depot_end(&place->depot);
    buf_free(&place->answer);
}

static unsigned ask(struct place *place, const char *method, const char *path, const char *type,
                    const char *body)
{
    return http_ask_typed(&place->http, method, path, AUTHORIZED, type, body, &place->answer);
}

static void free_the_disk(struct place *place)
{
    atomic_store(&disk_writes_left, LONG_MAX);
    atomic_store(&disk_full, false);
    struct station *station = stations_find(place->depot.stations, STR("x"));
    WAIT_FOR(log_writable(station->log, NULL));
    station_unref(station);
}

static void test_one_message_is_refused_with_the_reason_and_taken_when_there_is_space(void **state)
{
    (void)state;
    struct place place;
    start(&place);
    assert_int_equal(ask(&place, "POST", MESSAGES_PATH "?topic=t/1&id=a", "text/plain", "a"), 200);
    atomic_store(&disk_full, true);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ask(&place, "POST", MESSAGES_PATH "?topic=t/1&id=b", "text/plain", "b"), 503);
        assert_non_null(strstr(buf_cstr(&place.answer), "Retry-After: 1\r\n"));
        json_t *refusal = http_json(&place.answer);
        assert_string_equal(json_string_value(json_object_get(refusal, "code")), "SERVICE_UNAVAILABLE");
        const char *text = json_string_value(json_object_get(refusal, "message"));
        CHECK(strstr(text, "o space left") != NULL && strstr(text, "room on the disk") != NULL, "%s", text);
        json_decref(refusal);
    }
    assert_int_equal(ask(&place, "GET", "/api/v5/stations/x", "", NULL), 200);
    assert_non_null(strstr(buf_cstr(&place.answer), "\"status\":\"read_only\""));
    assert_string_equal(READ_ALL(&place.depot, "x"), "a"); /* reading goes on */
    free_the_disk(&place);
    assert_int_equal(ask(&place, "POST", MESSAGES_PATH "?topic=t/1&id=b", "text/plain", "b"), 200);
    assert_string_equal(http_body(&place.answer), "{\"offset\":1,\"duplicate\":false}");
    assert_string_equal(READ_ALL(&place.depot, "x"), "a,b");
    end(&place);
}

/* The offsets of what is in the station, by number; -1: it is not there. Each is there once, and in its order. */
static unsigned read_numbers(struct place *place, int64_t offsets[LINES])
{
    struct error err;
    const struct station_read_options options = {0};
    struct station_read *read = station_read_open(place->depot.stations, STR("x"), &options, &err);
    struct station_message message;
    unsigned count = 0;
    uint64_t number, last = 0;
    for (unsigned i = 0; i < LINES; i++)
        offsets[i] = -1;
    while (station_read_next(read, 0, &message, &err) == STATION_READ) {
        assert_true(str_to_u64(message.payload, &number, NULL) && number < LINES);
        CHECK(offsets[number] == -1 && (count == 0 || number > last), "%" PRIu64 " after %" PRIu64, number,
              last);
        offsets[number] = (int64_t)message.offset;
        last = number;
        count++;
    }
    station_read_close(read);
    return count;
}

/* What the answer says of each line is what is there. Returns how many are stored. */
static unsigned check_results(struct place *place, unsigned status, bool again)
{
    static int64_t offsets[LINES];
    unsigned stored = 0, count = read_numbers(place, offsets);
    json_t *answer = http_json(&place->answer), *results = json_object_get(answer, "results");
    assert_int_equal(json_array_size(results), LINES);
    for (unsigned i = 0; i < LINES; i++) {
        json_t *result = json_array_get(results, i), *offset = json_object_get(result, "offset");
        CHECK((offset != NULL ? json_integer_value(offset) : -1) == offsets[i], "line %u", i);
        CHECK(offset != NULL ||
                  strcmp(json_string_value(json_object_get(result, "code")), "SERVICE_UNAVAILABLE") == 0,
              "line %u", i);
        stored += offset != NULL && (again || !json_boolean_value(json_object_get(result, "duplicate")));
    }
    assert_int_equal(stored, count);
    assert_int_equal(json_integer_value(json_object_get(answer, "stored")), count);
    assert_int_equal(json_integer_value(json_object_get(answer, "failed")), LINES - count);
    CHECK(status == (count == LINES ? 200 : count > 0 ? 207 : 503), "status %u, %u stored", status, count);
    CHECK((json_object_get(answer, "code") != NULL) == (status == 503), "status %u", status);
    json_decref(answer);
    return count;
}

static void test_of_many_lines_those_before_the_disk_was_full_are_stored_and_no_other(void **state)
{
    (void)state;
    struct place place;
    struct buf body = {0};
    for (unsigned i = 0; i < LINES; i++)
        buf_printf(&body, "{\"topic\":\"t/%u\",\"payload\":\"%u\",\"id\":\"id-%u\"}\n", i % 5, i, i);
    bool partly = false;
    for (int writes = 0; writes < 8; writes++) {
        start(&place);
        atomic_store(&disk_writes_left, writes);
        unsigned status = ask(&place, "POST", MESSAGES_PATH, "application/x-ndjson", buf_cstr(&body));
        unsigned count = check_results(&place, status, false);
        partly = partly || (count > 0 && count < LINES);
        free_the_disk(&place);
        status = ask(&place, "POST", MESSAGES_PATH, "application/x-ndjson", buf_cstr(&body));
        assert_int_equal(status, 200);
        assert_int_equal(check_results(&place, status, true), LINES);
        end(&place);
    }
    assert_true(partly);
    buf_free(&body);
}

RUN_TESTS(cmocka_unit_test(test_one_message_is_refused_with_the_reason_and_taken_when_there_is_space),
          cmocka_unit_test(test_of_many_lines_those_before_the_disk_was_full_are_stored_and_no_other))
