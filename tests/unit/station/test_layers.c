/* The data files of a station's table, as those are told who draw them or read them elsewhere. */
#include "tiered_test.h"

#include <jansson.h>

#define ALL UINT64_MAX

static struct object_store *start(struct depot *depot)
{
    depot_start(depot, 0);
    struct object_store *store = depot_add_tiers(depot);
    make_station(depot, "{\"name\":\"x\",\"retention\":{\"messages\":10},\"tier\":{\"enabled\":true,\"upload_"
                        "interval\":\"1h\"}}");
    return store;
}

static void end(struct depot *depot, struct object_store *store)
{
    depot_halt(depot);
    object_store_close(store);
    harness_remove_dir(depot->site.dir);
}

/* `count` messages more, and what they expel in a file of its own. */
static void settle(struct depot *depot, unsigned count)
{
    struct error err;
    for (unsigned i = 0; i < count; i++)
        put_message(depot, "x", "t", "payload", NULL);
    ASSERT_OK(stations_tier_flush(depot->stations, STR("x"), NULL, &err), err);
}

/* Returns owned. */
static json_t *files(struct depot *depot, uint64_t from, uint64_t to, size_t limit)
{
    struct error err;
    struct buf text = {0};
    ASSERT_OK(stations_tier_files(depot->stations, STR("x"), from, to, limit, &text, &err), err);
    json_t *out = json_loads(buf_cstr(&text), 0, NULL);
    CHECK(out != NULL, "no JSON: %s", buf_cstr(&text));
    buf_free(&text);
    return out;
}

/* "0-89:90/1 90-189:100/1": offsets, rows and how many files. */
static const char *layers(struct depot *depot, uint64_t from, uint64_t to, size_t limit, char out[256])
{
    json_t *answer = files(depot, from, to, limit), *one;
    size_t i, at = 0;
    out[0] = '\0';
    json_array_foreach(json_object_get(answer, "data"), i, one)
    {
        json_int_t first, last, rows, count;
        assert_int_equal(json_unpack(one, "{s:I, s:I, s:I, s:I}", "first_offset", &first, "last_offset",
                                     &last, "messages", &rows, "files", &count),
                         0);
        at += (size_t)snprintf(out + at, 256 - at, "%s%lld-%lld:%lld/%lld", i > 0 ? " " : "", first, last,
                               rows, count);
        /* A single file has a path, a heap of them has none. */
        assert_int_equal(json_is_string(json_object_get(one, "path")), count == 1);
    }
    json_decref(answer);
    return out;
}
#define LAYERS(depot, from, to, limit) layers(depot, from, to, limit, (char[256]){0})

static void test_files_are_told_in_the_order_of_their_offsets(void **state)
{
    (void)state;
    struct depot depot;
    struct object_store *store = start(&depot);
    settle(&depot, 100);
    settle(&depot, 100);
    settle(&depot, 100);
    assert_string_equal(LAYERS(&depot, 0, ALL, 10), "0-89:90/1 90-189:100/1 190-289:100/1");
    end(&depot, store);
}

static void test_neighbours_are_one_entry_where_there_are_more_than_asked_for(void **state)
{
    (void)state;
    struct depot depot;
    struct object_store *store = start(&depot);
    settle(&depot, 100);
    settle(&depot, 100);
    settle(&depot, 100);
    assert_string_equal(LAYERS(&depot, 0, ALL, 2), "0-189:190/2 190-289:100/1");
    assert_string_equal(LAYERS(&depot, 0, ALL, 1), "0-289:290/3");
    end(&depot, store);
}

static void test_a_range_has_the_files_with_an_offset_in_it(void **state)
{
    (void)state;
    struct depot depot;
    struct object_store *store = start(&depot);
    settle(&depot, 100);
    settle(&depot, 100);
    assert_string_equal(LAYERS(&depot, 89, 90, 10), "0-89:90/1");
    assert_string_equal(LAYERS(&depot, 90, 91, 10), "90-189:100/1");
    assert_string_equal(LAYERS(&depot, 89, 91, 10), "0-89:90/1 90-189:100/1");
    assert_string_equal(LAYERS(&depot, 90, 90, 10), "");
    assert_string_equal(LAYERS(&depot, 0, 0, 10), "");
    assert_string_equal(LAYERS(&depot, 190, ALL, 10), "");
    end(&depot, store);
}

static void test_the_places_of_the_table_are_those_of_its_newest_version(void **state)
{
    (void)state;
    struct depot depot;
    struct object_store *store = start(&depot);
    struct error err;
    struct buf text = {0};
    settle(&depot, 100);
    for (unsigned round = 0; round < 2; round++) {
        json_t *answer = files(&depot, 0, ALL, 10);
        const char *location = json_string_value(json_object_get(answer, "location"));
        const char *metadata = json_string_value(json_object_get(answer, "metadata"));
        assert_string_equal(location, "file:///objects/varve/stations/x");
        assert_memory_equal(metadata, location, strlen(location));
        buf_reset(&text);
        ASSERT_OK(object_get(store, STR("varve"), str_of(metadata + strlen("file:///objects/varve/")), NULL,
                             &text, &err),
                  err);
        assert_non_null(strstr(buf_cstr(&text), location));
        json_decref(answer);
        settle(&depot, 10);
    }
    buf_free(&text);
    end(&depot, store);
}

static void test_a_file_that_was_restored_says_so(void **state)
{
    (void)state;
    struct depot depot;
    struct object_store *store = start(&depot);
    struct error err;
    struct station_restored restored;
    settle(&depot, 100);
    settle(&depot, 100);
    const struct station_restore_options options = {.from = STR("offset:100"), .to = STR("offset:120")};
    ASSERT_OK(stations_restore(depot.stations, STR("x"), &options, NULL, &restored, &err), err);
    json_t *answer = files(&depot, 0, ALL, 10);
    static const json_int_t wanted[] = {0, 1};
    for (size_t i = 0; i < LENGTH(wanted); i++) {
        json_t *one = json_array_get(json_object_get(answer, "data"), i);
        assert_int_equal(json_integer_value(json_object_get(one, "restored")), wanted[i]);
    }
    json_decref(answer);
    answer = files(&depot, 0, ALL, 1);
    json_t *heap = json_array_get(json_object_get(answer, "data"), 0);
    assert_int_equal(json_integer_value(json_object_get(heap, "restored")), 1);
    json_decref(answer);
    end(&depot, store);
}

static void test_before_the_first_commit_there_is_no_file(void **state)
{
    (void)state;
    struct depot depot;
    struct object_store *store = start(&depot);
    json_t *answer = files(&depot, 0, ALL, 10);
    assert_int_equal(json_array_size(json_object_get(answer, "data")), 0);
    assert_true(json_is_array(json_object_get(answer, "data")));
    json_decref(answer);
    end(&depot, store);
}

static void test_without_a_tier_or_a_station_it_is_an_error(void **state)
{
    (void)state;
    struct depot depot;
    struct object_store *store = start(&depot);
    struct error err;
    struct buf text = {0};
    make_station(&depot, "{\"name\":\"flat\"}");
    ASSERT_FAILS(stations_tier_files(depot.stations, STR("flat"), 0, ALL, 10, &text, &err), err,
                 ERR_UNSUPPORTED);
    assert_string_equal(err.hint, "set tier.enabled");
    ASSERT_FAILS(stations_tier_files(depot.stations, STR("none"), 0, ALL, 10, &text, &err), err,
                 ERR_NOT_FOUND);
    assert_int_equal(text.len, 0);
    buf_free(&text);
    end(&depot, store);
}

RUN_TESTS(cmocka_unit_test(test_files_are_told_in_the_order_of_their_offsets),
          cmocka_unit_test(test_neighbours_are_one_entry_where_there_are_more_than_asked_for),
          cmocka_unit_test(test_a_range_has_the_files_with_an_offset_in_it),
          cmocka_unit_test(test_the_places_of_the_table_are_those_of_its_newest_version),
          cmocka_unit_test(test_a_file_that_was_restored_says_so),
          cmocka_unit_test(test_before_the_first_commit_there_is_no_file),
          cmocka_unit_test(test_without_a_tier_or_a_station_it_is_an_error))
