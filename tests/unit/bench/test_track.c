/* Loss, duplicates and order as a subscriber sees them: by hand, and against a naive count on random streams. */
#include "harness.h"

#include "bench/track_internal.h"

#include "base/random.h"

#include <string.h>

struct row {
    const char *what;
    uint64_t numbers[8];
    size_t count;
    uint64_t next, missing, duplicates, late, delivered;
};

static const struct row rows[] = {
    {"in order", {0, 1, 2, 3}, 4, 4, 0, 0, 0, 4},
    {"one lost", {0, 1, 3}, 3, 4, 1, 0, 0, 3},
    {"the first ones lost", {3}, 1, 4, 3, 0, 0, 1},
    {"one late", {0, 2, 1, 3}, 4, 4, 0, 0, 1, 4},
    {"one twice", {0, 1, 1, 2}, 4, 3, 0, 1, 0, 3},
    {"late and then twice", {0, 2, 1, 1}, 4, 3, 0, 1, 1, 3},
    {"a middle one of a gap", {0, 5, 3}, 3, 6, 3, 0, 1, 3},
    {"a gap closed from its ends", {0, 4, 1, 3, 2}, 5, 5, 0, 0, 3, 5},
    {"two gaps", {1, 3, 0, 2}, 4, 4, 0, 0, 2, 4},
};

static void test_streams_by_hand(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct track track = {0};
        uint64_t delivered = 0;
        for (size_t n = 0; n < rows[i].count; n++)
            delivered += track_receive(&track, rows[i].numbers[n]);
        if (track.next != rows[i].next || track.missing != rows[i].missing ||
            track.duplicates != rows[i].duplicates || track.late != rows[i].late ||
            delivered != rows[i].delivered)
            fail_msg("%s", rows[i].what);
        track_free(&track);
    }
}

static void test_random_streams_agree_with_a_naive_count(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        enum { NUMBERS = 300 };
        bool seen[NUMBERS] = {false};
        uint64_t highest = 0, duplicates = 0, late = 0, distinct = 0, delivered = 0;
        struct track track = {0};
        struct random random;
        random_seed(&random, seed);
        for (size_t i = 0; i < NUMBERS; i++) {
            uint64_t reach = 1 + random_below(&random, 20);
            uint64_t number = random_below(&random, highest + reach < NUMBERS ? highest + reach : NUMBERS);
            if (random_below(&random, 3) > 0 && highest < NUMBERS)
                number = highest;
            duplicates += seen[number];
            late += !seen[number] && number < highest;
            distinct += !seen[number];
            seen[number] = true;
            delivered += track_receive(&track, number);
            highest = number >= highest ? number + 1 : highest;
        }
        if (track.next != highest || track.duplicates != duplicates || track.late != late ||
            track.missing != highest - distinct || delivered != distinct)
            fail_msg("seed %llu", (unsigned long long)seed);
        track_free(&track);
    }
}

static void test_too_many_gaps_give_up_the_oldest(void **state)
{
    (void)state;
    struct track track = {0};
    for (uint64_t number = 1; number <= 2 * (TRACK_GAPS_MAX + 10); number += 2)
        track_receive(&track, number);
    uint64_t missing = track.missing;
    assert_int_equal(track.gap_count, TRACK_GAPS_MAX);
    assert_int_equal(track_receive(&track, 0), 0); /* forgotten: it counts as a duplicate */
    assert_int_equal(track.missing, missing);
    assert_int_equal(track.duplicates, 1);
    assert_int_equal(track_receive(&track, 2 * (TRACK_GAPS_MAX + 9)), 1);
    assert_int_equal(track.missing, missing - 1);
    track_free(&track);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams_by_hand),
        cmocka_unit_test(test_random_streams_agree_with_a_naive_count),
        cmocka_unit_test(test_too_many_gaps_give_up_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
