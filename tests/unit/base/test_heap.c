/* The heap gives the least key, however nodes come, move and go. */
#include "base/heap.h"
#include "harness.h"

#define NODES 300

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void assert_is_heap(const struct heap *heap)
{
    for (size_t i = 0; i < heap->count; i++) {
        CHECK(heap->nodes[i]->index == i + 1, "position %zu", i);
        CHECK(i == 0 || heap->nodes[(i - 1) / 2]->key <= heap->nodes[i]->key, "position %zu", i);
    }
}

static void test_an_empty_heap_has_no_minimum(void **state)
{
    (void)state;
    struct heap heap = {0};
    struct heap_node node = {0};
    assert_null(heap_min(&heap));
    assert_false(heap_contains(&node));
    heap_remove(&heap, &node);
    assert_int_equal(heap.count, 0);
    heap_free(&heap);
}

static void test_draining_sorts(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    for (size_t count = 0; count <= NODES; count += count < 20 ? 1 : 47) {
        struct heap heap = {0};
        struct heap_node nodes[NODES] = {{0}};
        int64_t keys[NODES];
        for (size_t i = 0; i < count; i++) {
            keys[i] = (int64_t)(random_below(&random, 2) ? random_next(&random) : random_below(&random, 10));
            heap_insert(&heap, &nodes[i], keys[i]);
        }
        assert_int_equal(heap.count, count);
        qsort(keys, count, sizeof keys[0], compare_i64);
        for (size_t i = 0; i < count; i++) {
            struct heap_node *least = heap_min(&heap);
            CHECK(least->key == keys[i], "%zu of %zu", i, count);
            heap_remove(&heap, least);
            assert_false(heap_contains(least));
        }
        assert_null(heap_min(&heap));
        heap_free(&heap);
    }
}

static void test_any_node_can_be_moved_and_removed(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    struct heap heap = {0};
    struct heap_node nodes[NODES] = {{0}};
    for (int step = 0; step < 20000; step++) {
        struct heap_node *node = &nodes[random_below(&random, NODES)];
        bool was_in = heap_contains(node);
        size_t count = heap.count;
        if (random_below(&random, 3) != 0) {
            heap_insert(&heap, node, (int64_t)random_below(&random, 1000) - 500);
            assert_int_equal(heap.count, count + !was_in);
            assert_true(heap_contains(node));
        } else {
            heap_remove(&heap, node);
            assert_int_equal(heap.count, count - was_in);
            assert_false(heap_contains(node));
        }
        if (step % 20 == 0)
            assert_is_heap(&heap);
        int64_t least = INT64_MAX;
        for (size_t i = 0; i < NODES; i++)
            if (heap_contains(&nodes[i]) && nodes[i].key < least)
                least = nodes[i].key;
        CHECK(heap.count == 0 || heap_min(&heap)->key == least, "step %d", step);
    }
    heap_free(&heap);
    assert_null(heap.nodes);
}

static void test_the_extreme_keys_have_their_order(void **state)
{
    (void)state;
    struct heap heap = {0};
    struct heap_node late = {0}, early = {0}, zero = {0};
    heap_insert(&heap, &late, INT64_MAX);
    heap_insert(&heap, &zero, 0);
    heap_insert(&heap, &early, INT64_MIN);
    assert_ptr_equal(heap_min(&heap), &early);
    heap_insert(&heap, &early, INT64_MAX);
    assert_ptr_equal(heap_min(&heap), &zero);
    heap_free(&heap);
}

RUN_TESTS(cmocka_unit_test(test_an_empty_heap_has_no_minimum), cmocka_unit_test(test_draining_sorts),
          cmocka_unit_test(test_any_node_can_be_moved_and_removed),
          cmocka_unit_test(test_the_extreme_keys_have_their_order))
