/* Reading and fetching without a thread that waits: what wakes, and what is given back by who leaves. */
#include "station_test.h"

#define PATIENCE_MS 20000

struct bell {
    atomic_uint rung;
};

static void ring(void *arg)
{
    atomic_fetch_add(&((struct bell *)arg)->rung, 1);
}

static bool rings(struct bell *bell, unsigned times)
{
    for (unsigned ms = 0; ms < PATIENCE_MS; ms++) {
        if (atomic_load(&bell->rung) == times)
            return true;
        usleep(1000);
    }
    return false;
}

static struct station_read *follow(struct depot *depot, uint64_t slice)
{
    struct error err;
    const struct station_read_options options = {
        .from = STR("earliest"), .filter = STR("a"), .follow = true, .slice = slice};
    struct station_read *read = station_read_open(depot->stations, STR("x"), &options, &err);
    if (read == NULL)
        fail_msg("%s", err.text);
    return read;
}

static enum station_read_result next(struct station_read *read, struct station_message *message)
{
    struct error err = {0};
    enum station_read_result result = station_read_next(read, 0, message, &err);
    if (result == STATION_READ_FAILED)
        assert_int_equal(err.code, ERR_CLOSED);
    return result;
}

static void test_a_watch_rings_once_for_what_comes(void **state)
{
    (void)state;
    struct depot depot;
    struct bell bell = {0};
    struct station_message message;
    depot_start(&depot, 0);
    make_station(&depot, "{\"name\":\"x\"}");
    struct station_read *read = follow(&depot, 0);
    assert_int_equal(station_read_offset(read), 0);
    assert_int_equal(next(read, &message), STATION_READ_TIMEOUT);
    assert_true(station_read_watch(read, ring, &bell));
    put_message(&depot, "x", "b", "1", NULL);
    put_message(&depot, "x", "a", "2", NULL);
    assert_true(rings(&bell, 1));
    assert_int_equal(next(read, &message), STATION_READ);
    assert_true(str_is(message.payload, "2"));
    assert_int_equal(station_read_offset(read), 2);
    assert_int_equal(next(read, &message), STATION_READ_TIMEOUT);
    /* Something is there by now: worth another call at once. */
    put_message(&depot, "x", "a", "3", NULL);
    assert_false(station_read_watch(read, ring, &bell));
    assert_int_equal(next(read, &message), STATION_READ);
    assert_int_equal(next(read, &message), STATION_READ_TIMEOUT);
    /* A call ends the watch. */
    assert_true(station_read_watch(read, ring, &bell));
    assert_int_equal(next(read, &message), STATION_READ_TIMEOUT);
    put_message(&depot, "x", "a", "4", NULL);
    assert_int_equal(next(read, &message), STATION_READ);
    assert_int_equal(atomic_load(&bell.rung), 1);
    /* So does closing. */
    assert_int_equal(next(read, &message), STATION_READ_TIMEOUT);
    assert_true(station_read_watch(read, ring, &bell));
    station_read_close(read);
    put_message(&depot, "x", "a", "5", NULL);
    assert_int_equal(atomic_load(&bell.rung), 1);
    depot_end(&depot);
}

static void test_deleting_a_station_rings_for_who_watches_it(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    struct bell bell = {0};
    struct station_message message;
    depot_start(&depot, 0);
    make_station(&depot, "{\"name\":\"x\"}");
    struct station_read *read = follow(&depot, 0);
    assert_int_equal(next(read, &message), STATION_READ_TIMEOUT);
    assert_true(station_read_watch(read, ring, &bell));
    ASSERT_OK(stations_delete(depot.stations, STR("x"), false, false, &err), err);
    assert_true(rings(&bell, 1));
    assert_int_equal(next(read, &message), STATION_READ_FAILED);
    assert_false(station_read_watch(read, ring, &bell));
    station_read_close(read);
    depot_end(&depot);
}

static void test_a_filter_that_matches_little_is_looked_for_in_slices(void **state)
{
    (void)state;
    struct depot depot;
    struct station_message message;
    unsigned pauses = 0;
    depot_start(&depot, 0);
    make_station(&depot, "{\"name\":\"x\"}");
    for (unsigned i = 0; i < 25; i++)
        put_message(&depot, "x", "b", "no", NULL);
    put_message(&depot, "x", "a", "yes", NULL);
    struct station_read *read = follow(&depot, 10);
    while (next(read, &message) == STATION_READ_PAUSE)
        pauses++;
    assert_in_range(pauses, 2, 3);
    assert_true(str_is(message.payload, "yes"));
    station_read_close(read);
    depot_end(&depot);
}

/* ---- Fetches --------------------------------------------------------------------------------------------- */

static struct station_fetch *fetch_start(struct depot *depot, int64_t wait_ms, struct bell *bell)
{
    struct error err;
    const struct station_fetch_options options = {.start = STR("earliest"), .batch = 10, .wait_ms = wait_ms};
    struct station_fetch *fetch =
        station_fetch_start(depot->stations, STR("x"), STR("g"), &options, ring, bell, &err);
    if (fetch == NULL)
        fail_msg("%s", err.text);
    return fetch;
}

/* The deliveries of all that a fetch has, as digits. */
static const char *deliveries(struct station_fetch *fetch, char out[16])
{
    struct station_message message;
    size_t count = 0;
    while (count < 15 && station_fetch_next(fetch, &message))
        out[count++] = (char)('0' + message.deliveries);
    out[count] = '\0';
    return out;
}

static bool has_members(struct depot *depot, unsigned count)
{
    for (unsigned ms = 0; ms < PATIENCE_MS; ms++) {
        struct station_group_info info = {0};
        struct buf text = {0};
        bool known = station_group_get(depot->stations, STR("x"), STR("g"), &info, &text, NULL);
        buf_free(&text);
        if (known && info.members == count)
            return true;
        usleep(1000);
    }
    return false;
}

static void test_a_fetch_that_nobody_waits_for_rings_when_it_is_done(void **state)
{
    (void)state;
    struct depot depot;
    struct bell bell = {0};
    char text[16];
    depot_start(&depot, 2);
    make_station(&depot, "{\"name\":\"x\"}");
    struct station_fetch *fetch = fetch_start(&depot, 60000, &bell);
    assert_false(station_fetch_is_done(fetch));
    assert_false(station_fetch_result(fetch, NULL));
    put_message(&depot, "x", "a", "1", NULL);
    assert_true(rings(&bell, 1));
    assert_true(station_fetch_is_done(fetch));
    assert_true(station_fetch_result(fetch, NULL));
    assert_string_equal(deliveries(fetch, text), "1");
    station_fetch_free(fetch);
    depot_end(&depot);
}

static void test_what_a_fetch_has_not_given_goes_back_and_does_not_count(void **state)
{
    (void)state;
    struct depot depot;
    struct bell bell = {0};
    struct station_message message;
    char text[16];
    depot_start(&depot, 2);
    make_station(&depot, "{\"name\":\"x\",\"max_deliveries\":1}");
    for (unsigned i = 0; i < 3; i++)
        put_message(&depot, "x", "a", "m", NULL);
    struct station_fetch *fetch = fetch_start(&depot, 60000, &bell);
    assert_true(rings(&bell, 1));
    assert_true(station_fetch_next(fetch, &message) && message.offset == 0);
    station_fetch_free(fetch);
    fetch = fetch_start(&depot, 60000, &bell);
    assert_true(rings(&bell, 2));
    assert_string_equal(deliveries(fetch, text), "11");
    station_fetch_free(fetch);
    depot_end(&depot);
}

static void test_a_fetch_that_is_freed_while_it_waits_takes_nothing(void **state)
{
    (void)state;
    struct depot depot;
    struct bell bell = {0};
    char text[16];
    depot_start(&depot, 2);
    make_station(&depot, "{\"name\":\"x\"}");
    struct station_fetch *fetch = fetch_start(&depot, 60000, &bell);
    assert_true(has_members(&depot, 1));
    station_fetch_free(fetch);
    assert_true(rings(&bell, 1)); /* exactly once, also then */
    assert_true(has_members(&depot, 0));
    put_message(&depot, "x", "a", "1", NULL);
    fetch = fetch_start(&depot, 60000, &bell);
    assert_true(rings(&bell, 2));
    assert_string_equal(deliveries(fetch, text), "1");
    station_fetch_free(fetch);
    depot_end(&depot);
}

static void test_a_fetch_outlives_its_group_and_its_broker(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    struct bell bell = {0};
    depot_start(&depot, 2);
    make_station(&depot, "{\"name\":\"x\"}");
    struct station_fetch *fetch = fetch_start(&depot, 60000, &bell);
    assert_true(has_members(&depot, 1));
    ASSERT_OK(station_group_delete(depot.stations, STR("x"), STR("g"), true, &err), err);
    assert_true(rings(&bell, 1)); /* its waiting is over, and it is told */
    ASSERT_FAILS(station_fetch_result(fetch, &err), err, ERR_CLOSED);
    station_fetch_free(fetch);
    /* Whoever has one lets go of it before the stations close. */
    fetch = fetch_start(&depot, 60000, &bell);
    assert_true(has_members(&depot, 1));
    broker_stop(depot.site.broker, 5000);
    assert_false(station_fetch_is_done(fetch));
    station_fetch_free(fetch);
    assert_true(rings(&bell, 2));
    stations_close(depot.stations);
    broker_free(depot.site.broker);
    log_engine_stop(depot.engine);
    worker_pool_stop(depot.workers);
    catalog_close(depot.site.catalog);
    harness_remove_dir(depot.site.dir);
}

/* ---- Checks and figures ---------------------------------------------------------------------------------- */

static void test_a_message_is_checked_as_it_would_be_stored(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    char large[2000];
    memset(large, 'x', sizeof(large));
    depot_start(&depot, 0);
    make_station(&depot, "{\"name\":\"x\",\"max_message_bytes\":1000}");
    const struct {
        struct station_message message;
        enum error_code code;
    } rows[] = {
        {{.topic = STR("a"), .payload = STR("p")}, ERR_NONE},
        {{.topic = STR("a/+"), .payload = STR("p")}, ERR_INVALID},
        {{.topic = STR("a"), .payload = str_make(large, sizeof(large))}, ERR_TOO_LARGE},
        {{.topic = STR("a"), .id = STR("i\0d")}, ERR_INVALID},
        {{.topic = STR("a"), .id = STR("\xff")}, ERR_INVALID},
        {{.topic = STR("a"), .client_id = STR("c\0")}, ERR_INVALID},
        {{.topic = STR("a"), .username = STR("\xff")}, ERR_INVALID},
        {{.topic = STR("a"), .props = STR("\x26")}, ERR_INVALID},
    };
    TABLE_EACH(row, rows)
    {
        err = (struct error){0};
        struct station_produce produce = {.messages = &row->message, .count = 1};
        assert_int_equal(stations_message_check(depot.stations, STR("x"), &row->message, &err),
                         row->code == ERR_NONE);
        assert_int_equal(err.code, row->code);
        assert_int_equal(stations_produce_wait(depot.stations, STR("x"), &produce, NULL),
                         row->code == ERR_NONE);
    }
    assert_false(stations_message_check(depot.stations, STR("y"), &rows[0].message, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    depot_end(&depot);
}

static void test_figures_are_those_of_the_description(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    struct station_stats stats;
    depot_start(&depot, 0);
    make_station(&depot, "{\"name\":\"x\"}");
    put_message(&depot, "x", "a", "1", "id");
    put_message(&depot, "x", "a", "1", "id");
    put_message(&depot, "x", "a", "2", NULL);
    ASSERT_OK(station_stats(depot.stations, STR("x"), &stats, &err), err);
    assert_true(stats.running);
    assert_int_equal(stats.messages, 2);
    assert_int_equal(stats.next_offset, 2);
    assert_int_equal(stats.messages_in, 2);
    assert_int_equal(stats.duplicates, 1);
    assert_true(stats.bytes > 0 && stats.bytes == stats.bytes_in);
    assert_true(stats.disk_bytes > stats.bytes);
    assert_false(station_stats(depot.stations, STR("y"), &stats, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    depot_end(&depot);
}

RUN_TESTS(cmocka_unit_test(test_a_watch_rings_once_for_what_comes),
          cmocka_unit_test(test_deleting_a_station_rings_for_who_watches_it),
          cmocka_unit_test(test_a_filter_that_matches_little_is_looked_for_in_slices),
          cmocka_unit_test(test_a_fetch_that_nobody_waits_for_rings_when_it_is_done),
          cmocka_unit_test(test_what_a_fetch_has_not_given_goes_back_and_does_not_count),
          cmocka_unit_test(test_a_fetch_that_is_freed_while_it_waits_takes_nothing),
          cmocka_unit_test(test_a_fetch_outlives_its_group_and_its_broker),
          cmocka_unit_test(test_a_message_is_checked_as_it_would_be_stored),
          cmocka_unit_test(test_figures_are_those_of_the_description))
