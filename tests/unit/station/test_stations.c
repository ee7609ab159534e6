/* Stations as a whole: create, capture, read back, restart, delete. */
#include "station_test.h"

static void test_what_is_published_is_stored_and_read_back_after_a_restart(void **state)
{
    (void)state;
    struct depot depot;
    struct client a, b;
    depot_start(&depot, 2);
    make_station(&depot, "{\"name\":\"x\",\"topics\":[\"t/#\"]}");
    CLIENT_CONNECT(&a, &depot.site, false, .id = "a");
    say_publish(&a, "t/1", 1, 7, "one");
    EXPECT(&a, "PUBACK #7 00");
    say_publish(&a, "t/2", 2, 8, "two");
    EXPECT(&a, "PUBREC #8 00");
    say_ack(&a, MQTT_PUBREL, 8);
    EXPECT(&a, "PUBCOMP #8 00");
    client_bye(&a);
    depot_restart(&depot);
    CLIENT_CONNECT(&b, &depot.site, false, .id = "b", .version = MQTT_3_1_1);
    subscribe_to(&b, "$station/x@earliest", 1);
    uint16_t first = hear_publish(&b, "t/1", "one");
    uint16_t second = hear_publish(&b, "t/2", "two");
    put_ack(&b, MQTT_PUBACK, first);
    put_ack(&b, MQTT_PUBACK, second);
    say_publish(&b, "t/3", 1, 9, "three");
    struct mqtt_publish third = next_publish(&b); /* PUBACK comes before it or behind it */
    assert_true(str_is(third.payload, "three"));
    client_drop(&b);
    depot_end(&depot);
}

static bool has_dir(const struct depot *depot, const char *name)
{
    char path[2 * HARNESS_PATH_BYTES];
    snprintf(path, sizeof(path), "%s/stations/%s", depot->site.dir, name);
    return access(path, F_OK) == 0;
}

static void test_a_name_is_taken_once_whatever_its_case(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    depot_start(&depot, 0);
    make_station(&depot, "{\"name\":\"Abc\"}");
    ASSERT_FAILS(stations_create(depot.stations, STR("{\"name\":\"aBC\"}"), &err), err, ERR_EXISTS);
    put_message(&depot, "ABC", "t", "1", NULL);
    assert_string_equal(READ_ALL(&depot, "abc"), "1");
    assert_int_equal(stations_count(depot.stations), 1);
    depot_end(&depot);
}

static void test_what_is_deleted_is_gone_and_its_name_is_free(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    depot_start(&depot, 0);
    for (unsigned round = 0; round < 3; round++) {
        make_station(&depot, "{\"name\":\"x\"}");
        assert_int_equal(put_message(&depot, "x", "t", "1", "id"), 0);
        assert_true(has_dir(&depot, "x"));
        if (round == 1)
            depot_restart(&depot);
        ASSERT_OK(stations_delete(depot.stations, STR("x"), false, false, &err), err);
        assert_false(has_dir(&depot, "x") || has_dir(&depot, "-x"));
        ASSERT_FAILS(stations_delete(depot.stations, STR("x"), false, false, &err), err, ERR_NOT_FOUND);
    }
    depot_restart(&depot);
    assert_int_equal(stations_count(depot.stations), 0);
    depot_end(&depot);
}

static void test_a_deletion_that_a_crash_cut_short_is_finished(void **state)
{
    (void)state;
    struct depot depot;
    char from[2 * HARNESS_PATH_BYTES], to[2 * HARNESS_PATH_BYTES];
    depot_start(&depot, 0);
    make_station(&depot, "{\"name\":\"x\"}");
    make_station(&depot, "{\"name\":\"y\"}");
    put_message(&depot, "x", "t", "1", NULL);
    put_message(&depot, "y", "t", "1", NULL);
    snprintf(from, sizeof(from), "%s/stations/x", depot.site.dir);
    snprintf(to, sizeof(to), "%s/stations/-x", depot.site.dir);
    depot_halt(&depot);
    assert_int_equal(rename(from, to), 0); /* the crash is behind step 2 */
    depot_open(&depot);
    assert_int_equal(stations_count(depot.stations), 1);
    assert_false(has_dir(&depot, "-x"));
    assert_string_equal(READ_ALL(&depot, "y"), "1");
    make_station(&depot, "{\"name\":\"x\"}");
    assert_string_equal(READ_ALL(&depot, "x"), "");
    depot_end(&depot);
}

static void test_a_station_that_is_used_is_not_deleted_unless_forced(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    depot_start(&depot, 0);
    make_station(&depot, "{\"name\":\"x\"}");
    ASSERT_OK(stations_use(depot.stations, STR("x"), STR("rule r1"), &err), err);
    ASSERT_OK(stations_use(depot.stations, STR("x"), STR("rule r1"), &err), err);
    ASSERT_FAILS(stations_use(depot.stations, STR("y"), STR("rule r1"), &err), err, ERR_NOT_FOUND);
    ASSERT_FAILS(stations_delete(depot.stations, STR("x"), false, false, &err), err, ERR_BUSY);
    assert_non_null(strstr(err.text, "rule r1"));
    stations_unuse(depot.stations, STR("x"), STR("rule r1"));
    ASSERT_FAILS(stations_delete(depot.stations, STR("x"), false, false, &err), err, ERR_BUSY);
    ASSERT_OK(stations_delete(depot.stations, STR("x"), true, false, &err), err);
    depot_end(&depot);
}

static void test_a_log_that_cannot_be_opened_is_told_and_the_others_go_on(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    char path[2 * HARNESS_PATH_BYTES];
    struct buf text = {0};
    depot_start(&depot, 1);
    make_station(&depot, "{\"name\":\"x\",\"topics\":[\"t\"]}");
    make_station(&depot, "{\"name\":\"y\",\"topics\":[\"t\"]}");
    put_message(&depot, "y", "t", "1", NULL);
    depot_halt(&depot);
    snprintf(path, sizeof(path), "%s/stations/x", depot.site.dir);
    harness_remove_dir(path);
    FILE *file = fopen(path, "w"); /* where a directory should be */
    fclose(file);
    log_set_level(LOG_LEVEL_ERROR + 1);
    depot_open(&depot);
    ASSERT_OK(stations_describe(depot.stations, STR("x"), &text, &err), err);
    assert_non_null(strstr(buf_cstr(&text), "\"status\":\"failed\",\"error\":\""));
    const struct station_message message = {.topic = STR("t")};
    struct station_produce produce = {.messages = &message, .count = 1};
    assert_false(stations_produce_wait(depot.stations, STR("x"), &produce, &err));
    struct client client;
    CLIENT_CONNECT(&client, &depot.site, false, .id = "a");
    say_publish(&client, "t", 1, 1, "2");
    EXPECT(&client, "PUBACK #1 00");
    assert_string_equal(READ_ALL(&depot, "y"), "1,2");
    client_bye(&client);
    buf_free(&text);
    depot_end(&depot);
}

static void test_the_state_tells_what_is_there(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    struct buf text = {0};
    depot_start(&depot, 0);
    make_station(&depot, "{\"name\":\"x\"}");
    for (unsigned i = 0; i < 3; i++)
        put_message(&depot, "x", "t", "payload", i < 2 ? "same" : NULL);
    ASSERT_OK(stations_describe(depot.stations, STR("x"), &text, &err), err);
    static const char *const wanted[] = {"\"status\":\"running\",\"error\":null,\"warning\":null",
                                         "\"messages\":2,",
                                         "\"first_offset\":0,\"next_offset\":2",
                                         "\"messages_in\":2,",
                                         "\"duplicates\":1",
                                         "\"groups\":0,\"uses\":[],\"tier\":null}}"};
    TABLE_EACH(row, wanted)
    CHECK(strstr(buf_cstr(&text), *row) != NULL, "%s: %s", *row, buf_cstr(&text));
    buf_free(&text);
    depot_end(&depot);
}

static bool state_has(struct depot *depot, const char *text)
{
    struct error err;
    struct buf out = {0};
    ASSERT_OK(stations_describe(depot->stations, STR("x"), &out, &err), err);
    bool has = strstr(buf_cstr(&out), text) != NULL;
    buf_free(&out);
    return has;
}

static void test_more_ids_than_are_kept_are_told_in_state_and_log(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    struct station_stats stats;
    char line[4096] = "";
    int ends[2];
    depot_start(&depot, 0);
    make_station(&depot, "{\"name\":\"x\",\"dedup_window\":\"1h\"}");
    struct station *station = stations_find(depot.stations, STR("x"));
    station->ids.max = 2;
    for (unsigned i = 0; i < 5; i++)
        put_message(&depot, "x", "t", "1", (const char *[]){"a", "b", "c", "d", "e"}[i]);
    assert_true(state_has(&depot, "\"status\":\"running\",\"error\":null,\"warning\":\"more than 2000000 "));
    ASSERT_OK(station_stats(depot.stations, STR("x"), &stats, &err), err);
    assert_int_equal(stats.ids_forgotten, 2); /* when the fifth was claimed */
    assert_int_equal(pipe(ends), 0);
    log_set_level(LOG_LEVEL_WARNING);
    log_set_fd(ends[1]);
    for (unsigned i = 0; i < 3; i++) { /* one line, however often it is looked at */
        depot.stations->keeper.rated_ms = 0;
        stations_tick(depot.stations);
    }
    log_set_fd(STDERR_FILENO);
    assert_true(read(ends[0], line, sizeof(line) - 1) > 0);
    assert_non_null(strstr(line, "message ids forgotten"));
    assert_non_null(strstr(line, "station=x forgotten=3 kept=2000000\n"));
    assert_null(strstr(strchr(line, '\n'), "forgotten"));
    ASSERT_OK(stations_update(depot.stations, STR("x"), STR("{\"dedup_window\":\"1ms\"}"), &err), err);
    usleep(3000);
    assert_true(state_has(&depot, "\"warning\":null")); /* their window is over */
    close(ends[0]);
    close(ends[1]);
    station_unref(station);
    depot_end(&depot);
}

struct follower {
    struct depot *depot;
    atomic_bool opened;
    atomic_uint count;
    bool closed; /* what ended it */
};

static void *read_on(void *arg)
{
    struct follower *follower = arg;
    struct depot *depot = follower->depot;
    struct error err;
    const struct station_read_options options = {.from = STR("latest"), .follow = true};
    struct station_read *read = station_read_open(depot->stations, STR("x"), &options, &err);
    struct station_message message;
    atomic_store(&follower->opened, true);
    while (station_read_next(read, PATIENCE_S * 1000, &message, &err) == STATION_READ)
        atomic_fetch_add(&follower->count, 1);
    follower->closed = err.code == ERR_CLOSED;
    station_read_close(read);
    return NULL;
}

static void test_who_follows_gets_what_comes_and_is_told_of_the_end(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    pthread_t thread;
    struct follower follower = {.depot = &depot};
    depot_start(&depot, 0);
    make_station(&depot, "{\"name\":\"x\"}");
    assert_int_equal(pthread_create(&thread, NULL, read_on, &follower), 0);
    WAIT_FOR(atomic_load(&follower.opened));
    for (unsigned i = 0; i < 5; i++)
        put_message(&depot, "x", "t", "1", NULL);
    WAIT_FOR(atomic_load(&follower.count) == 5);
    ASSERT_OK(stations_delete(depot.stations, STR("x"), false, false, &err), err);
    pthread_join(thread, NULL);
    assert_true(follower.closed);
    assert_int_equal(atomic_load(&follower.count), 5);
    depot_end(&depot);
}

static void test_a_range_is_read_up_to_its_end(void **state)
{
    (void)state;
    struct depot depot;
    struct error err;
    depot_start(&depot, 0);
    make_station(&depot, "{\"name\":\"x\"}");
    for (unsigned i = 0; i < 10; i++) {
        char text[8];
        snprintf(text, sizeof(text), "%u", i);
        put_message(&depot, "x", i % 2 == 0 ? "even" : "odd", text, NULL);
    }
    const struct {
        const char *from, *to, *filter;
        uint64_t limit;
        unsigned count, first;
    } rows[] = {
        {"", "", "", 0, 10, 0},
        {"offset:3", "offset:7", "", 0, 4, 3},
        {"last:4", "last:1", "", 0, 3, 6},
        {"earliest", "earliest", "", 0, 0, 0},
        {"offset:1", "", "even", 2, 2, 2},
        {"latest", "", "", 0, 0, 0},
        {"time:0", "time:0", "", 0, 0, 0},
        {"time:0", "", "odd", 0, 5, 1},
    };
    TABLE_EACH(row, rows)
    {
        const struct station_read_options options = {.from = str_of(row->from),
                                                     .to = str_of(row->to),
                                                     .filter = str_of(row->filter),
                                                     .limit = row->limit};
        struct station_read *read = station_read_open(depot.stations, STR("x"), &options, &err);
        struct station_message message;
        unsigned count = 0;
        uint64_t first = 0;
        while (station_read_next(read, 0, &message, &err) == STATION_READ) {
            first = count == 0 ? message.offset : first;
            count++;
        }
        station_read_close(read);
        CHECK(count == row->count && first == row->first, "%s to %s of %s: %u from %" PRIu64, row->from,
              row->to, row->filter, count, first);
    }
    depot_end(&depot);
}

RUN_TESTS(cmocka_unit_test(test_what_is_published_is_stored_and_read_back_after_a_restart),
          cmocka_unit_test(test_a_name_is_taken_once_whatever_its_case),
          cmocka_unit_test(test_what_is_deleted_is_gone_and_its_name_is_free),
          cmocka_unit_test(test_a_deletion_that_a_crash_cut_short_is_finished),
          cmocka_unit_test(test_a_station_that_is_used_is_not_deleted_unless_forced),
          cmocka_unit_test(test_a_log_that_cannot_be_opened_is_told_and_the_others_go_on),
          cmocka_unit_test(test_the_state_tells_what_is_there),
          cmocka_unit_test(test_more_ids_than_are_kept_are_told_in_state_and_log),
          cmocka_unit_test(test_who_follows_gets_what_comes_and_is_told_of_the_end),
          cmocka_unit_test(test_a_range_is_read_up_to_its_end))
