/* Making and reading values, and the limits of a scope. */
#include "values.h"

static void test_integers_are_exact_up_to_128_bits(void **state)
{
    struct error err;
    struct sql_value value;
    sql_int128 largest = (((sql_int128)1 << 126) - 1) * 2 + 1;
    (void)state;
    ASSERT_OK(sql_make_int(&scope, INT64_MIN, &value, &err), err);
    assert_int_equal(value.wide, 0);
    ASSERT_OK(sql_make_int(&scope, (sql_int128)INT64_MAX + 1, &value, &err), err);
    assert_int_equal(value.wide, 1);
    assert_true(sql_int_of(&value) == (sql_int128)INT64_MAX + 1);
    ASSERT_OK(sql_make_int(&scope, largest, &value, &err), err);
    assert_string_equal(to_json(&value), "170141183460469231731687303715884105727");
    ASSERT_OK(sql_make_int(&scope, -largest - 1, &value, &err), err);
    assert_string_equal(to_json(&value), "-170141183460469231731687303715884105728");
}

static void test_floats_are_finite(void **state)
{
    struct error err;
    struct sql_value value;
    (void)state;
    ASSERT_OK(sql_make_float(1e308, &value, &err), err);
    ASSERT_FAILS(sql_make_float(1e308 * 10, &value, &err), err, ERR_INVALID);
    ASSERT_FAILS(sql_make_float(0.0 / 0.0 * value.number, &value, &err), err, ERR_INVALID);
}

static void test_a_map_keeps_order_and_finds_every_key(void **state)
{
    static const unsigned counts[] = {0, 1, SQL_MAP_SMALL, SQL_MAP_SMALL + 1, 1000};
    struct error err;
    (void)state;
    TABLE_EACH(count, counts)
    {
        struct sql_map_builder builder = sql_map_begin(&scope);
        for (unsigned i = 0; i < 2 * *count; i++) {
            /* Each key twice: the second value wins, at the place of the first. */
            char *key = arena_printf(&scope.arena, "key%u", i % *count);
            ASSERT_OK(sql_map_put(&builder, str_of(key), sql_int(i), &err), err);
        }
        struct sql_value map = sql_map_end(&builder);
        assert_int_equal(map.len, *count);
        for (unsigned i = 0; i < *count; i++) {
            char key[16];
            snprintf(key, sizeof key, "key%u", i);
            const struct sql_value *found = sql_map_get(&map, str_of(key));
            CHECK(found != NULL && found->integer == *count + i, "%s of %u", key, *count);
            CHECK(str_is(sql_key_of(sql_map_at(&map, i)), key), "%s of %u", key, *count);
        }
        assert_null(sql_map_get(&map, STR("key")));
        assert_null(sql_map_get(&map, STR("")));
    }
}

static void test_a_map_that_another_begins_with_stays_as_it_is(void **state)
{
    struct error err;
    struct sql_value map = from_json("{\"a\":1,\"b\":{\"c\":2}}");
    struct sql_map_builder builder;
    (void)state;
    ASSERT_OK(sql_map_begin_from(&builder, &scope, &map, &err), err);
    ASSERT_OK(sql_map_put(&builder, STR("a"), sql_int(9), &err), err);
    for (unsigned i = 0; i < 40; i++)
        ASSERT_OK(sql_map_put(&builder, str_of(arena_printf(&scope.arena, "x%u", i)), sql_null(), &err), err);
    struct sql_value other = sql_map_end(&builder);
    assert_string_equal(to_json(&map), "{\"a\":1,\"b\":{\"c\":2}}");
    assert_int_equal(other.len, 42);
    assert_int_equal(sql_map_get(&other, STR("a"))->integer, 9);
    assert_int_equal(sql_map_get(&other, STR("b"))->len, 1);
    assert_int_equal(other.depth, map.depth);
}

static void test_a_path_is_put_into_what_is_there(void **state)
{
    static const struct {
        const char *before;
        const char *after;
    } rows[] = {
        {"{\"a\":{\"x\":1},\"z\":0}", "{\"a\":{\"x\":1,\"b\":7},\"z\":0}"},
        {"{\"a\":5}", "{\"a\":{\"b\":7}}"},
        {"undefined", "{\"a\":{\"b\":7}}"},
        {"[1]", "{\"a\":{\"b\":7}}"},
    };
    const struct str path[] = {STR("a"), STR("b")};
    (void)state;
    TABLE_EACH(row, rows)
    {
        struct error err;
        struct sql_value after;
        struct sql_value before = from_json(row->before);
        ASSERT_OK(sql_put_path(&scope, &before, path, 2, sql_int(7), &after, &err), err);
        assert_string_equal(to_json(&after), row->after);
    }
}

static void test_a_part_of_a_list_shares_its_items(void **state)
{
    struct sql_value list = from_json("[1,2,3,4]");
    struct sql_value part = sql_list_part(&list, 1, 2);
    struct sql_value none = sql_list_part(&list, 4, 0);
    (void)state;
    assert_string_equal(to_json(&part), "[2,3]");
    assert_ptr_equal(part.items, list.items + 1);
    assert_string_equal(to_json(&none), "[]");
}

static void test_memory_is_limited(void **state)
{
    static const struct sql_limits limits = {.memory_bytes_max = 1000};
    struct error err;
    (void)state;
    sql_scope_begin(&scope, &limits);
    assert_int_equal(sql_room(&scope), 1000);
    assert_non_null(sql_alloc(&scope, 500, &err));
    assert_true(sql_room(&scope) <= 500);
    ASSERT_FAILS(sql_alloc(&scope, 600, &err) != NULL, err, ERR_LIMIT);
    ASSERT_FAILS(sql_alloc(&scope, SIZE_MAX, &err) != NULL, err, ERR_LIMIT);
    struct sql_list_builder builder = sql_list_begin(&scope);
    unsigned added = 0;
    while (sql_list_add(&builder, sql_int(1), &err))
        added++;
    assert_int_equal(err.code, ERR_LIMIT);
    assert_true(added >= 4 && added < 32);
    sql_scope_begin(&scope, &limits);
    assert_int_equal(sql_room(&scope), 1000);
}

static void test_steps_are_limited(void **state)
{
    static const struct sql_limits limits = {.steps_max = 10};
    struct error err;
    (void)state;
    sql_scope_begin(&scope, &limits);
    ASSERT_OK(sql_spend(&scope, 9, &err), err);
    ASSERT_OK(sql_spend(&scope, 1, &err), err);
    ASSERT_FAILS(sql_spend(&scope, 1, &err), err, ERR_LIMIT);
}

static void test_nesting_is_limited(void **state)
{
    static const struct sql_limits limits = {.depth_max = 5};
    struct error err;
    struct sql_value value = sql_int(1);
    (void)state;
    sql_scope_begin(&scope, &limits);
    for (unsigned i = 0; i < 5; i++) {
        struct sql_list_builder list = sql_list_begin(&scope);
        ASSERT_OK(sql_list_add(&list, value, &err), err);
        value = sql_list_end(&list);
    }
    struct sql_list_builder list = sql_list_begin(&scope);
    struct sql_map_builder map = sql_map_begin(&scope);
    ASSERT_FAILS(sql_list_add(&list, value, &err), err, ERR_LIMIT);
    ASSERT_FAILS(sql_map_put(&map, STR("k"), value, &err), err, ERR_LIMIT);
}

RUN_TESTS(SCOPE_TEST(test_integers_are_exact_up_to_128_bits), SCOPE_TEST(test_floats_are_finite),
          SCOPE_TEST(test_a_map_keeps_order_and_finds_every_key),
          SCOPE_TEST(test_a_map_that_another_begins_with_stays_as_it_is),
          SCOPE_TEST(test_a_path_is_put_into_what_is_there),
          SCOPE_TEST(test_a_part_of_a_list_shares_its_items), SCOPE_TEST(test_memory_is_limited),
          SCOPE_TEST(test_steps_are_limited), SCOPE_TEST(test_nesting_is_limited))
