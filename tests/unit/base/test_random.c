/* Randomness: the system's differs, the seeded one repeats and is uniform. */
#include "base/random.h"
#include "harness.h"

static void test_the_system_gives_different_bytes(void **state)
{
    (void)state;
    unsigned char a[5000] = {0}, b[5000] = {0};
    random_bytes(a, sizeof a);
    random_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a, a + 2500, 2500);
    assert_int_not_equal(random_u64(), random_u64());
    random_bytes(NULL, 0);
}

static void test_bytes_fill_the_buffer_and_no_more(void **state)
{
    (void)state;
    unsigned char filled[40] = {0};
    for (int round = 0; round < 50; round++) {
        unsigned char bytes[42] = {0};
        random_bytes(bytes + 1, 40);
        assert_int_equal(bytes[0], 0);
        assert_int_equal(bytes[41], 0);
        for (size_t i = 0; i < sizeof filled; i++)
            filled[i] |= bytes[1 + i];
    }
    for (size_t i = 0; i < sizeof filled; i++)
        CHECK(filled[i] != 0, "byte %zu", i);
}

/* The published sequence of xoshiro256** from the state 1, 2, 3, 4. */
static void test_next_is_xoshiro256_starstar(void **state)
{
    (void)state;
    static const uint64_t expected[] = {11520,
                                        0,
                                        1509978240,
                                        UINT64_C(1215971899390074240),
                                        UINT64_C(1216172134540287360),
                                        UINT64_C(607988272756665600)};
    struct random random = {{1, 2, 3, 4}};
    for (size_t i = 0; i < LENGTH(expected); i++)
        CHECK(random_next(&random) == expected[i], "number %zu", i);
}

/* The published sequence of SplitMix64 from 1234567. */
static void test_seeding_is_splitmix64(void **state)
{
    (void)state;
    static const uint64_t expected[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                        UINT64_C(9817491932198370423), UINT64_C(4593380528125082431)};
    struct random random;
    random_seed(&random, 1234567);
    for (size_t i = 0; i < LENGTH(expected); i++)
        CHECK(random.state[i] == expected[i], "word %zu", i);
}

static void test_one_seed_gives_one_sequence(void **state)
{
    (void)state;
    struct random a, b, c;
    random_seed(&a, 0);
    random_seed(&b, 0);
    random_seed(&c, 1);
    size_t same = 0;
    for (int i = 0; i < 100; i++) {
        uint64_t number = random_next(&a);
        assert_int_equal(number, random_next(&b));
        same += number == random_next(&c);
    }
    assert_int_equal(same, 0);
}

static void test_below_stays_below_and_reaches_every_number(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 7);
    for (uint64_t bound = 1; bound <= 20; bound++) {
        uint64_t seen = 0;
        for (int i = 0; i < 1000; i++) {
            uint64_t number = random_below(&random, bound);
            CHECK(number < bound, "bound %" PRIu64, bound);
            seen |= UINT64_C(1) << number;
        }
        CHECK(seen == (UINT64_C(1) << bound) - 1, "bound %" PRIu64, bound);
    }
    for (int i = 0; i < 1000; i++)
        assert_true(random_below(&random, UINT64_MAX) < UINT64_MAX);
}

/* With bound = 3 * 2^62 a remainder would give the numbers below 2^62 twice as often as the others. */
static void test_below_is_uniform_for_a_large_bound(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 8);
    const uint64_t third = UINT64_C(1) << 62;
    int counts[3] = {0};
    for (int i = 0; i < 30000; i++)
        counts[random_below(&random, 3 * third) / third]++;
    for (int i = 0; i < 3; i++)
        CHECK(counts[i] > 9500 && counts[i] < 10500, "third %d: %d", i, counts[i]);
}

RUN_TESTS(cmocka_unit_test(test_the_system_gives_different_bytes),
          cmocka_unit_test(test_bytes_fill_the_buffer_and_no_more),
          cmocka_unit_test(test_next_is_xoshiro256_starstar), cmocka_unit_test(test_seeding_is_splitmix64),
          cmocka_unit_test(test_one_seed_gives_one_sequence),
          cmocka_unit_test(test_below_stays_below_and_reaches_every_number),
          cmocka_unit_test(test_below_is_uniform_for_a_large_bound))
