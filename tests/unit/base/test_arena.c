/* Request-scoped memory: aligned, distinct, kept until reset. */
#include "base/arena.h"
#include "harness.h"

static void test_zero_state_can_be_reset_and_freed(void **state)
{
    (void)state;
    struct arena arena = {0};
    arena_reset(&arena);
    arena_free(&arena);
    arena_free(&arena);
    assert_null(arena.blocks);
}

static void test_pieces_are_aligned_and_do_not_overlap(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    struct arena arena = {0};
    struct {
        unsigned char *data;
        size_t bytes;
    } pieces[1500];
    for (int round = 0; round < 3; round++) {
        size_t used = 0;
        for (size_t i = 0; i < LENGTH(pieces); i++) {
            static const size_t bounds[] = {8, 40, 300, 1100, 5000, 70000};
            size_t bytes = random_below(&random, bounds[random_below(&random, i % 50 ? 3 : 6)]);
            pieces[i].bytes = bytes;
            pieces[i].data = arena_alloc(&arena, bytes);
            CHECK((uintptr_t)pieces[i].data % 16 == 0, "piece %zu of %zu bytes", i, bytes);
            memset(pieces[i].data, (int)(i & 0xff), bytes);
            used += bytes;
            assert_int_equal(arena.used_bytes, used);
        }
        for (size_t i = 0; i < LENGTH(pieces); i++)
            for (size_t j = 0; j < pieces[i].bytes; j++)
                CHECK(pieces[i].data[j] == (i & 0xff), "piece %zu byte %zu", i, j);
        arena_reset(&arena);
        assert_int_equal(arena.used_bytes, 0);
    }
    arena_free(&arena);
}

static void test_pieces_of_nothing_are_not_null(void **state)
{
    (void)state;
    struct arena arena = {0};
    assert_non_null(arena_alloc(&arena, 0));
    assert_non_null(arena_zalloc(&arena, 0));
    arena_free(&arena);
}

static void test_zalloc_is_zeroed_in_used_memory(void **state)
{
    (void)state;
    static const unsigned char zeros[500];
    struct arena arena = {0};
    memset(arena_alloc(&arena, sizeof zeros), 0xff, sizeof zeros);
    arena_reset(&arena);
    assert_memory_equal(arena_zalloc(&arena, sizeof zeros), zeros, sizeof zeros);
    arena_free(&arena);
}

static void test_text_is_copied_and_terminated(void **state)
{
    (void)state;
    struct arena arena = {0};
    char text[] = "topic/name";
    char *copy = arena_strdup(&arena, str_make(text, 5));
    struct str view = arena_str(&arena, str_of(text));
    text[0] = 'X';
    assert_string_equal(copy, "topic");
    assert_true(str_is(view, "topic/name"));
    assert_int_equal(view.data[view.len], '\0');
    assert_string_equal(arena_strdup(&arena, STR_NONE), "");
    assert_int_equal(arena_str(&arena, STR_NONE).len, 0);
    assert_string_equal(arena_printf(&arena, "%s-%d", "a", 5), "a-5");
    assert_string_equal(arena_printf(&arena, "%s", ""), "");
    assert_int_equal(strlen(arena_printf(&arena, "%0*d", 20000, 1)), 20000);
    arena_free(&arena);
}

static void test_reset_reuses_the_first_block(void **state)
{
    (void)state;
    struct arena arena = {0};
    void *first = arena_alloc(&arena, 100);
    for (int i = 0; i < 1000; i++)
        arena_alloc(&arena, 500);
    arena_reset(&arena);
    assert_ptr_equal(arena_alloc(&arena, 100), first);
    arena_free(&arena);
}

static void test_reset_gives_a_huge_block_back(void **state)
{
    (void)state;
    struct arena arena = {0};
    arena_alloc(&arena, 1 << 20);
    arena_reset(&arena);
    assert_null(arena.blocks);
    assert_non_null(arena_alloc(&arena, 10));
    arena_free(&arena);
}

static void test_a_large_piece_leaves_the_rest_of_the_block_in_use(void **state)
{
    (void)state;
    struct arena arena = {0};
    char *small = arena_alloc(&arena, 16);
    arena_alloc(&arena, 1 << 20);
    char *next = arena_alloc(&arena, 16);
    assert_true(next > small && next - small <= 64);
    arena_free(&arena);
}

RUN_TESTS(cmocka_unit_test(test_zero_state_can_be_reset_and_freed),
          cmocka_unit_test(test_pieces_are_aligned_and_do_not_overlap),
          cmocka_unit_test(test_pieces_of_nothing_are_not_null),
          cmocka_unit_test(test_zalloc_is_zeroed_in_used_memory),
          cmocka_unit_test(test_text_is_copied_and_terminated),
          cmocka_unit_test(test_reset_reuses_the_first_block),
          cmocka_unit_test(test_reset_gives_a_huge_block_back),
          cmocka_unit_test(test_a_large_piece_leaves_the_rest_of_the_block_in_use))
