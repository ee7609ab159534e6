/* Message ids over a restart when their messages have left the log: they are on disk for as long as the window goes. */
#include "station_test.h"

#include "base/clock.h"

#define MESSAGES 10

/* Keeps two messages. */
static void start(struct depot *depot)
{
    depot_start(depot, 0);
    make_station(depot,
                 "{\"name\":\"x\",\"topics\":[],\"retention\":{\"messages\":2},\"dedup_window\":\"1h\"}");
}

static void put_all(struct depot *depot, uint64_t expected_first)
{
    for (unsigned i = 0; i < MESSAGES; i++) {
        char id[16];
        snprintf(id, sizeof(id), "id-%u", i);
        assert_int_equal(put_message(depot, "x", "t", "p", id), expected_first + i);
    }
}

static void expel(struct depot *depot)
{
    while (stations_tick(depot->stations))
        ;
}

static char *path_of(const struct depot *depot, const char *name, char out[HARNESS_PATH_BYTES + 32])
{
    snprintf(out, HARNESS_PATH_BYTES + 32, "%s/ids/%s", depot->site.dir, name);
    return out;
}

static void test_repetitions_of_expelled_messages_are_known_after_a_restart(void **state)
{
    struct depot depot;
    (void)state;
    start(&depot);
    put_all(&depot, 0);
    expel(&depot);
    for (unsigned round = 0; round < 3; round++) {
        depot_restart(&depot);
        put_all(&depot, 0); /* the offsets of the first time */
    }
    assert_int_equal(put_message(&depot, "x", "t", "p", "another"), MESSAGES);
    depot_end(&depot);
}

static void test_a_torn_end_takes_nothing_with_it_and_is_written_over(void **state)
{
    struct depot depot;
    char path[HARNESS_PATH_BYTES + 32];
    (void)state;
    start(&depot);
    put_all(&depot, 0);
    expel(&depot);
    FILE *file = fopen(path_of(&depot, "new-x", path), "a");
    assert_non_null(file);
    fputs("torn: this is no block, and it is long enough to look like one", file);
    fclose(file);
    depot_restart(&depot);
    put_all(&depot, 0);
    assert_int_equal(put_message(&depot, "x", "t", "p", "a"), MESSAGES);
    assert_int_equal(put_message(&depot, "x", "t", "p", "b"), MESSAGES + 1);
    assert_int_equal(put_message(&depot, "x", "t", "p", "c"), MESSAGES + 2);
    expel(&depot);
    depot_restart(&depot);
    put_all(&depot, 0);
    assert_int_equal(put_message(&depot, "x", "t", "p", "a"), MESSAGES);
    depot_end(&depot);
}

static void test_another_station_of_the_name_does_not_know_them(void **state)
{
    struct depot depot;
    struct error err;
    char path[HARNESS_PATH_BYTES + 32];
    (void)state;
    start(&depot);
    put_all(&depot, 0);
    expel(&depot);
    assert_int_equal(access(path_of(&depot, "new-x", path), F_OK), 0);
    ASSERT_OK(stations_delete(depot.stations, STR("x"), true, false, &err), err);
    assert_int_not_equal(access(path, F_OK), 0);
    make_station(&depot, "{\"name\":\"x\",\"topics\":[],\"retention\":{\"messages\":2}}");
    put_all(&depot, 0);
    assert_int_equal(put_message(&depot, "x", "t", "p", "id-0"), 0);
    assert_int_equal(put_message(&depot, "x", "t", "p", "later"), MESSAGES);
    depot_end(&depot);
}

static void test_nothing_is_written_without_ids_or_without_a_window(void **state)
{
    struct depot depot;
    char path[HARNESS_PATH_BYTES + 32];
    (void)state;
    depot_start(&depot, 0);
    make_station(&depot, "{\"name\":\"x\",\"topics\":[],\"retention\":{\"messages\":2}}");
    make_station(&depot,
                 "{\"name\":\"y\",\"topics\":[],\"retention\":{\"messages\":2},\"dedup_window\":\"0\"}");
    for (unsigned i = 0; i < MESSAGES; i++) {
        put_message(&depot, "x", "t", "p", "");
        put_message(&depot, "y", "t", "p", "id");
    }
    expel(&depot);
    assert_int_not_equal(access(path_of(&depot, "new-x", path), F_OK), 0);
    assert_int_not_equal(access(path_of(&depot, "new-y", path), F_OK), 0);
    depot_end(&depot);
}

static void test_the_file_is_turned_over_when_its_window_has_passed(void **state)
{
    struct depot depot;
    char path[HARNESS_PATH_BYTES + 32];
    int64_t begin_ms = clock_wall_ms();
    (void)state;
    clock_fake_set(begin_ms, clock_mono_ms());
    start(&depot);
    put_all(&depot, 0);
    expel(&depot);
    clock_fake_advance_ms((int64_t)50 * 60000);
    for (unsigned i = 0; i < MESSAGES; i++) {
        char id[16];
        snprintf(id, sizeof(id), "late-%u", i);
        put_message(&depot, "x", "t", "p", id);
    }
    expel(&depot);
    clock_fake_advance_ms((int64_t)11 * 60000); /* the first ones are no duplicates any more */
    put_all(&depot, 2 * MESSAGES);
    expel(&depot);
    assert_int_equal(access(path_of(&depot, "old-x", path), F_OK), 0);
    depot_restart(&depot);
    assert_int_equal(put_message(&depot, "x", "t", "p", "late-3"), MESSAGES + 3); /* out of the old file */
    put_all(&depot, 2 * MESSAGES);
    depot_end(&depot);
    clock_fake_stop();
}

RUN_TESTS(cmocka_unit_test(test_repetitions_of_expelled_messages_are_known_after_a_restart),
          cmocka_unit_test(test_a_torn_end_takes_nothing_with_it_and_is_written_over),
          cmocka_unit_test(test_another_station_of_the_name_does_not_know_them),
          cmocka_unit_test(test_nothing_is_written_without_ids_or_without_a_window),
          cmocka_unit_test(test_the_file_is_turned_over_when_its_window_has_passed))
