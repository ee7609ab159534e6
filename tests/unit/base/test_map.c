/* The hash table against a plain array, with good, bad and colliding hashes. */
#include "base/hash.h"
#include "base/map.h"
#include "harness.h"

struct item {
    uint64_t key;
    bool present;
};

static bool has_key(const void *item, const void *key)
{
    return ((const struct item *)item)->key == *(const uint64_t *)key;
}

static uint64_t hash_all_alike(uint64_t key)
{
    (void)key;
    return 5;
}

static uint64_t hash_at_the_wrap(uint64_t key)
{
    return UINT64_MAX - key % 3;
}

static uint64_t hash_of_few_homes(uint64_t key)
{
    return key << 32 | key % 7;
}

static uint64_t hash_identity(uint64_t key)
{
    return key;
}

typedef uint64_t hash_fn(uint64_t key);

#define KEYS 500

/* Every item that should be in the map is found, no other is, and the walk meets each once. */
static void assert_agrees(const struct map *map, const struct item *items, hash_fn *hash)
{
    size_t present = 0;
    for (uint64_t key = 0; key < KEYS; key++) {
        void *found = map_find(map, hash(key), has_key, &key);
        CHECK(found == (items[key].present ? &items[key] : NULL), "key %" PRIu64, key);
        present += items[key].present;
    }
    assert_int_equal(map->count, present);
    bool met[KEYS] = {false};
    size_t walked = 0;
    const struct item *item;
    for (size_t i = 0; (item = map_next(map, &i)) != NULL; walked++) {
        CHECK(item->present && !met[item->key], "key %" PRIu64, item->key);
        met[item->key] = true;
    }
    assert_int_equal(walked, present);
    if (map->slots != NULL)
        assert_true(8 * map->count <= 7 * (map->mask + 1));
    else
        assert_int_equal(map->mask, 0);
}

static void run_against_model(hash_fn *hash, uint64_t seed)
{
    struct random random;
    random_seed(&random, seed);
    static struct item items[KEYS];
    memset(items, 0, sizeof items);
    struct map map = {0};
    for (int step = 0; step < 20000; step++) {
        /* Waves: the map fills for some time, then drains. */
        bool filling = step / 2000 % 2 == 0;
        uint64_t key = random_below(&random, KEYS);
        struct item *item = &items[key];
        item->key = key;
        if (!item->present) {
            if (random_below(&random, 10) < (filling ? 8u : 2u)) {
                map_insert(&map, hash(key), item);
                item->present = true;
            } else {
                assert_null(map_remove(&map, hash(key), has_key, &key));
                assert_false(map_remove_item(&map, hash(key), item));
            }
        } else if (random_below(&random, 10) < (filling ? 2u : 8u)) {
            if (random_below(&random, 2) == 0)
                assert_ptr_equal(map_remove(&map, hash(key), has_key, &key), item);
            else
                assert_true(map_remove_item(&map, hash(key), item));
            item->present = false;
        }
        if (random_below(&random, 5000) == 0) {
            map_clear(&map);
            for (size_t i = 0; i < KEYS; i++)
                items[i].present = false;
        }
        if (step % 50 == 0)
            assert_agrees(&map, items, hash);
    }
    assert_agrees(&map, items, hash);
    map_free(&map);
    assert_null(map.slots);
}

static void test_random_use_agrees_with_an_array(void **state)
{
    (void)state;
    static hash_fn *const hashes[] = {hash_u64, hash_identity, hash_of_few_homes, hash_at_the_wrap,
                                      hash_all_alike};
    uint64_t seed = harness_seed();
    TABLE_EACH(hash, hashes)
    run_against_model(*hash, seed);
}

static void test_a_search_ends_at_every_fill(void **state)
{
    (void)state;
    static hash_fn *const hashes[] = {hash_u64, hash_identity, hash_at_the_wrap, hash_all_alike};
    TABLE_EACH(hash, hashes)
    {
        struct map map = {0};
        static struct item items[300];
        for (uint64_t i = 0; i < LENGTH(items); i++) {
            items[i].key = i;
            map_insert(&map, (*hash)(i), &items[i]);
            for (uint64_t key = 0; key < 2 * LENGTH(items); key++)
                CHECK(map_find(&map, (*hash)(key), has_key, &key) == (key <= i ? &items[key] : NULL),
                      "key %" PRIu64 " among %" PRIu64, key, i + 1);
        }
        map_free(&map);
    }
}

static void test_an_empty_map_owns_nothing(void **state)
{
    (void)state;
    struct map map = {0};
    uint64_t key = 1;
    size_t position = 0;
    assert_null(map_find(&map, 1, has_key, &key));
    assert_null(map_remove(&map, 1, has_key, &key));
    assert_false(map_remove_item(&map, 1, &key));
    assert_null(map_next(&map, &position));
    map_clear(&map);
    assert_null(map.slots);
    map_free(&map);
}

/* ---- In steps ------------------------------------------------------------------------------------------------ */

struct scanned {
    uint32_t visits[KEYS];
};

static void scanned_item(void *item, void *arg)
{
    struct scanned *scanned = arg;
    scanned->visits[((const struct item *)item)->key]++;
}

/* While others come and go, so that the table grows and shrinks between the steps. */
static void test_a_scan_meets_all_that_stay(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    for (unsigned round = 0; round < 300; round++) {
        static struct item items[KEYS];
        struct map map = {0};
        static struct scanned scanned;
        memset(items, 0, sizeof items);
        memset(&scanned, 0, sizeof scanned);
        uint64_t staying = random_below(&random, KEYS / 2);
        bool poor = round % 3 == 0; /* a hash that makes long runs */
#define SCAN_HASH(key) (poor ? (key) / 8 : hash_u64(key))
        for (uint64_t key = 0; key < KEYS; key++) {
            items[key].key = key;
            items[key].present = key < staying || random_below(&random, 2) == 0;
            if (items[key].present)
                map_insert(&map, SCAN_HASH(key), &items[key]);
        }
        uint64_t change = random_below(&random, 4); /* 0: none; 1: all others go; 2: all come; 3: either */
        size_t cursor = 0, steps = 0;
        do {
            cursor = map_scan(&map, cursor, scanned_item, &scanned);
            for (unsigned i = 0; i < 40 && change != 0; i++) {
                uint64_t key = staying + random_below(&random, KEYS - staying);
                if (items[key].present && change != 2)
                    assert_true(map_remove_item(&map, SCAN_HASH(key), &items[key]));
                else if (!items[key].present && change != 1)
                    map_insert(&map, SCAN_HASH(key), &items[key]);
                else
                    continue;
                items[key].present = !items[key].present;
            }
            assert_true(++steps < 100000);
        } while (cursor != 0);
        for (uint64_t key = 0; key < staying; key++)
            CHECK(scanned.visits[key] > 0, "key %" PRIu64 " of round %u", key, round);
        for (uint64_t key = 0; change == 0 && key < KEYS; key++)
            CHECK(scanned.visits[key] == items[key].present, "key %" PRIu64, key);
        map_free(&map);
    }
}

static void test_memory_goes_with_the_last_item(void **state)
{
    (void)state;
    struct map map = {0};
    static struct item items[1000];
    for (uint64_t i = 0; i < LENGTH(items); i++) {
        items[i].key = i;
        map_insert(&map, hash_u64(i), &items[i]);
    }
    size_t full = map.mask + 1;
    assert_true(full <= 2048);
    for (uint64_t i = 0; i < LENGTH(items); i++) {
        assert_non_null(map.slots);
        CHECK(map.mask + 1 <= 4 || map.count >= (map.mask + 1) / 8, "%zu items in %zu slots", map.count,
              map.mask + 1);
        assert_true(map_remove_item(&map, hash_u64(i), &items[i]));
    }
    assert_null(map.slots);
    assert_int_equal(map.mask, 0);
}

static void test_clear_keeps_the_slots_for_the_next_items(void **state)
{
    (void)state;
    struct map map = {0};
    struct item items[50] = {{0}};
    for (uint64_t i = 0; i < LENGTH(items); i++)
        map_insert(&map, i, &items[i]);
    const struct map_slot *slots = map.slots;
    map_clear(&map);
    assert_int_equal(map.count, 0);
    for (uint64_t i = 0; i < LENGTH(items); i++)
        map_insert(&map, i, &items[i]);
    assert_ptr_equal(map.slots, slots);
    map_free(&map);
}

static void test_items_with_one_hash_are_told_apart_by_key(void **state)
{
    (void)state;
    struct map map = {0};
    struct item items[20] = {{0}};
    for (uint64_t i = 0; i < LENGTH(items); i++) {
        items[i].key = i;
        map_insert(&map, 99, &items[i]);
    }
    for (uint64_t i = 0; i < LENGTH(items); i += 2)
        assert_ptr_equal(map_remove(&map, 99, has_key, &i), &items[i]);
    for (uint64_t i = 0; i < LENGTH(items); i++)
        CHECK(map_find(&map, 99, has_key, &i) == (i % 2 ? &items[i] : NULL), "key %" PRIu64, i);
    map_free(&map);
}

static size_t compared;

static bool count_comparison(const void *item, const void *key)
{
    compared++;
    return has_key(item, key);
}

static void test_only_equal_hashes_are_compared(void **state)
{
    (void)state;
    struct map map = {0};
    static struct item items[10000];
    for (uint64_t i = 0; i < LENGTH(items); i++) {
        items[i].key = i;
        map_insert(&map, hash_u64(i), &items[i]);
    }
    compared = 0;
    for (uint64_t i = 0; i < 2 * LENGTH(items); i++)
        assert_ptr_equal(map_find(&map, hash_u64(i), count_comparison, &i),
                         i < LENGTH(items) ? &items[i] : NULL);
    assert_int_equal(compared, LENGTH(items));
    map_free(&map);
}

RUN_TESTS(cmocka_unit_test(test_a_scan_meets_all_that_stay),
          cmocka_unit_test(test_random_use_agrees_with_an_array),
          cmocka_unit_test(test_a_search_ends_at_every_fill),
          cmocka_unit_test(test_an_empty_map_owns_nothing),
          cmocka_unit_test(test_memory_goes_with_the_last_item),
          cmocka_unit_test(test_clear_keeps_the_slots_for_the_next_items),
          cmocka_unit_test(test_items_with_one_hash_are_told_apart_by_key),
          cmocka_unit_test(test_only_equal_hashes_are_compared))
