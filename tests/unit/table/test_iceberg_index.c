#include "table/iceberg_store.h"

static struct iceberg_index *new_index(void)
{
    return iceberg_index_new(STR(STORE_LOCATION "/"), MESSAGE_OFFSET, MESSAGE_TIMESTAMP);
}

static void check_find(struct iceberg_index *index, uint64_t offset, int64_t first)
{
    struct iceberg_file file;
    bool found = iceberg_index_find(index, offset, &file);
    CHECK(found == (first >= 0) && (!found || file.first == (uint64_t)first), "offset %d", (int)offset);
}

static void test_the_file_that_holds_an_offset_is_found_else_the_next_one(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct iceberg_index *index = new_index();
    static const uint64_t firsts[] = {40, 10, 100, 20}; /* in no order */
    check_find(index, 0, -1);
    for (size_t i = 0; i < LENGTH(firsts); i++) {
        const struct iceberg_data_file file = store_file(&arena, firsts[i], 10, 19000, 0);
        iceberg_index_add(index, &file);
    }
    check_find(index, 0, 10);
    check_find(index, 10, 10);
    check_find(index, 19, 10);
    check_find(index, 20, 20);
    check_find(index, 30, 40); /* in the gap */
    check_find(index, 49, 40);
    check_find(index, 50, 100);
    check_find(index, 109, 100);
    check_find(index, 110, -1);
    check_find(index, UINT64_MAX, -1);
    iceberg_index_free(index);
    arena_free(&arena);
}

static void test_what_is_told_of_a_file(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct iceberg_index *index = new_index();
    const struct iceberg_data_file data = store_file(&arena, 40, 10, 19000, 3);
    struct iceberg_file file;
    iceberg_index_add(index, &data);
    assert_true(iceberg_index_at(index, 0, &file));
    assert_int_equal(file.first, 40);
    assert_int_equal(file.last, 49);
    assert_int_equal(file.record_count, 10);
    assert_int_equal(file.size_bytes, 110);
    assert_int_equal(file.time_first_us, 19000 * STORE_DAY_US + 40000);
    assert_int_equal(file.time_last_us, 19000 * STORE_DAY_US + 40500);
    assert_true(file.has_day && file.day == 19000);
    assert_true(str_equal(file.path, data.path));
    assert_false(iceberg_index_at(index, 1, &file));
    iceberg_index_free(index);
    arena_free(&arena);
}

static void test_the_first_file_with_a_time_is_found(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct iceberg_index *index = new_index();
    struct iceberg_file file;
    for (uint64_t i = 0; i < 10; i++) {
        const struct iceberg_data_file data = store_file(&arena, 10 * i, 10, 19000 + (int32_t)i, 0);
        iceberg_index_add(index, &data);
    }
    assert_true(iceberg_index_find_time(index, 0, &file) && file.first == 0);
    assert_true(iceberg_index_find_time(index, 19003 * STORE_DAY_US + 30500, &file) && file.first == 30);
    assert_true(iceberg_index_find_time(index, 19003 * STORE_DAY_US + 30501, &file) && file.first == 40);
    assert_false(iceberg_index_find_time(index, 19010 * STORE_DAY_US, &file));
    iceberg_index_free(index);
    arena_free(&arena);
}

static void test_files_without_bounds_stand_beside(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct iceberg_index *index = new_index();
    struct iceberg_index_totals totals;
    struct iceberg_file file;
    struct iceberg_data_file data = store_file(&arena, 10, 10, 19000, 0),
                             elsewhere = store_file(&arena, 20, 5, 19000, 0);
    data.column_count = 0;
    elsewhere.column_count = 0;
    elsewhere.path = STR("s3://elsewhere/x.parquet");
    iceberg_index_add(index, &data);
    iceberg_index_add(index, &elsewhere);
    iceberg_index_totals(index, &totals);
    assert_int_equal(totals.files, 2);
    assert_int_equal(totals.unbounded, 2);
    assert_int_equal(totals.records, 15);
    check_find(index, 10, -1);
    assert_true(iceberg_index_unbounded(index, 1, &file));
    assert_true(str_equal(file.path, elsewhere.path));
    assert_true(iceberg_index_remove(index, &data));
    assert_true(iceberg_index_unbounded(index, 0, &file) && file.record_count == 5);
    assert_false(iceberg_index_unbounded(index, 1, &file));
    iceberg_index_free(index);
    arena_free(&arena);
}

static void test_gaps_and_overlaps_are_counted(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct iceberg_index *index = new_index();
    struct iceberg_index_totals totals;
    static const uint64_t files[][2] = {{100, 10}, {0, 50}, {60, 10}, {65, 5}};
    for (size_t i = 0; i < LENGTH(files); i++) {
        const struct iceberg_data_file data = store_file(&arena, files[i][0], files[i][1], 19000, 0);
        iceberg_index_add(index, &data);
    }
    iceberg_index_totals(index, &totals);
    assert_int_equal(totals.first, 0);
    assert_int_equal(totals.next, 110);
    assert_int_equal(totals.missing, 40);
    assert_int_equal(totals.repeated, 1);
    assert_int_equal(totals.records, 75);
    iceberg_index_free(index);
    arena_free(&arena);
}

/* Overlapping ones, as other programs leave them. */
static void test_files_within_a_range_are_found_whatever_overlaps(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct iceberg_index *index = new_index();
    static const uint64_t files[][2] = {{0, 300}, {10, 5}, {100, 50}, {100, 10}, {400, 10}, {290, 20}};
    for (size_t i = 0; i < LENGTH(files); i++) {
        const struct iceberg_data_file data = store_file(&arena, files[i][0], files[i][1], 19000, 0);
        iceberg_index_add(index, &data);
    }
    for (uint64_t from = 0; from < 420; from += 5) {
        for (uint64_t to = from; to < 420; to += 7) {
            struct iceberg_file file;
            size_t expected = 0, found = 0, at = 0;
            for (size_t i = 0; i < LENGTH(files); i++)
                expected += files[i][0] < to && files[i][0] + files[i][1] > from;
            for (uint64_t before = 0; iceberg_index_within(index, from, to, &at, &file);
                 before = file.first) {
                CHECK(file.first >= before && file.first < to && file.last >= from, "%d to %d", (int)from,
                      (int)to);
                found++;
            }
            CHECK(found == expected, "%d to %d: %d, not %d", (int)from, (int)to, (int)found, (int)expected);
        }
    }
    struct iceberg_file file;
    assert_true(iceberg_index_from(index, 100, 1, &file) && file.first == 100 && file.last == 149);
    assert_true(iceberg_index_from(index, 101, 0, &file) && file.first == 290);
    assert_true(iceberg_index_from(index, 100, 3, &file) && file.first == 400);
    assert_false(iceberg_index_from(index, 100, 4, &file));
    check_find(index, 200, 0);
    check_find(index, 305, 290);
    check_find(index, 320, 400);
    iceberg_index_free(index);
    arena_free(&arena);
}

static void test_deletes_and_delete_files_are_not_in_it(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct iceberg_index *index = new_index();
    struct iceberg_index_totals totals;
    struct iceberg_entry entry = {.status = ICEBERG_DELETED, .file = store_file(&arena, 0, 10, 19000, 0)};
    assert_true(iceberg_index_entry(&entry, index));
    entry.status = ICEBERG_EXISTING;
    entry.file.content = ICEBERG_POSITION_DELETES;
    assert_true(iceberg_index_entry(&entry, index));
    iceberg_index_totals(index, &totals);
    assert_int_equal(totals.files, 0);
    iceberg_index_free(index);
    arena_free(&arena);
}

/* Random files come and go; a list says what should be there. */
static void test_it_agrees_with_a_list_of_files(void **state)
{
    (void)state;
    enum { FILES = 300, STEPS = 3000 };
    struct arena arena = {0};
    struct random random;
    struct iceberg_data_file files[FILES];
    bool in[FILES] = {0};
    struct iceberg_index *index = new_index();
    random_seed(&random, harness_seed());
    for (uint64_t i = 0; i < FILES; i++) {
        files[i] =
            store_file(&arena, 10 * i, 10 + (i % 7 == 0) * random_below(&random, 60), 19000, (unsigned)i);
        if (i % 11 == 0)
            files[i].column_count = 0;
    }
    for (int step = 0; step < STEPS; step++) {
        size_t n = random_below(&random, FILES);
        if (in[n])
            assert_true(iceberg_index_remove(index, &files[n]));
        else
            iceberg_index_add(index, &files[n]);
        in[n] = !in[n];
        if (!in[n])
            assert_false(iceberg_index_remove(index, &files[n]));
        if (random_below(&random, 4) > 0)
            continue;
        uint64_t offset = random_below(&random, 10 * FILES + 20);
        struct iceberg_index_totals totals;
        struct iceberg_file file;
        size_t count = 0, bounded = 0;
        bool holds = false;
        uint64_t above = UINT64_MAX;
        for (size_t i = 0; i < FILES; i++) {
            count += in[i];
            bounded += in[i] && files[i].column_count > 0;
            uint64_t first = 10 * i, end = first + (uint64_t)files[i].record_count;
            if (in[i] && files[i].column_count > 0) {
                holds = holds || (first <= offset && offset < end);
                if (first > offset && first < above)
                    above = first;
            }
        }
        bool found = iceberg_index_find(index, offset, &file);
        if (holds)
            assert_true(found && file.first <= offset && offset <= file.last);
        else
            assert_true(found == (above != UINT64_MAX) && (!found || file.first == above));
        iceberg_index_totals(index, &totals);
        assert_int_equal(totals.files, count);
        assert_int_equal(totals.unbounded, count - bounded);
        for (size_t i = 0; i + 1 < bounded; i++) {
            struct iceberg_file next;
            assert_true(iceberg_index_at(index, i, &file));
            uint64_t first = file.first;
            assert_true(iceberg_index_at(index, i + 1, &next) && first < next.first);
        }
    }
    iceberg_index_free(index);
    arena_free(&arena);
}

RUN_TESTS(cmocka_unit_test(test_the_file_that_holds_an_offset_is_found_else_the_next_one),
          cmocka_unit_test(test_what_is_told_of_a_file),
          cmocka_unit_test(test_the_first_file_with_a_time_is_found),
          cmocka_unit_test(test_files_without_bounds_stand_beside),
          cmocka_unit_test(test_gaps_and_overlaps_are_counted),
          cmocka_unit_test(test_files_within_a_range_are_found_whatever_overlaps),
          cmocka_unit_test(test_deletes_and_delete_files_are_not_in_it),
          cmocka_unit_test(test_it_agrees_with_a_list_of_files))
