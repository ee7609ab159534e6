/* Which records become one object: by their number, their bytes, their interval; and no two under one key. */
#include "sink/sink_internal.h"

#include "harness.h"

static const struct range_limits limits = {
    .interval_ms = 60000, .max_records = 3, .max_bytes = 1000, .max_buffer_bytes = 5000, .restarts = true};

static void add(struct range *range, uint64_t bytes, uint64_t buffer_bytes)
{
    range->next++;
    range->bytes += bytes;
    range->buffer_bytes += buffer_bytes;
}

static void test_a_range_ends_by_records(void **state)
{
    (void)state;
    struct range range;
    range_begin(&range, &(struct range_state){0}, &limits, 10, 5000);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(range_takes(&range, &limits, 5000));
        add(&range, 1, 1);
    }
    assert_true(range_is_full(&range, &limits));
    assert_false(range_takes(&range, &limits, 5000));
    assert_int_equal(range_state_behind(&range, &(struct range_state){0}).offset, 13);
}

static void test_a_range_ends_by_bytes(void **state)
{
    (void)state;
    struct range range;
    range_begin(&range, &(struct range_state){0}, &limits, 0, 5000);
    add(&range, 999, 1);
    assert_true(range_takes(&range, &limits, 5000));
    add(&range, 1, 1);
    assert_false(range_takes(&range, &limits, 5000));
    range_begin(&range, &(struct range_state){0}, &limits, 0, 5000);
    assert_true(range_takes(&range, &limits, 5000));
    add(&range, 1, 5000);
    assert_false(range_takes(&range, &limits, 5000));
}

static void test_a_range_ends_with_its_interval(void **state)
{
    (void)state;
    struct range range;
    range_begin(&range, &(struct range_state){0}, &limits, 0, 5999);
    assert_int_equal(range.start_ms, 5000);
    assert_int_equal(range.until_ms, 65000);
    add(&range, 1, 1);
    assert_true(range_takes(&range, &limits, 64999));
    assert_false(range_takes(&range, &limits, 65000));
}

static void test_intervals_follow_each_other(void **state)
{
    (void)state;
    static const struct {
        int64_t time_ms, start_ms;
        uint64_t sequence;
    } rows[] = {
        {100000, 100000, 7}, /* the same one: the sequence goes on */
        {159999, 100000, 7}, {160000, 160000, 0},
        {400001, 400000, 0}, {5000, 100000, 7}, /* a clock that went back begins no former one again */
    };
    const struct range_state former = {.offset = 9, .start_ms = 100000, .sequence = 7, .total = 70};
    TABLE_EACH(row, rows)
    {
        struct range range;
        range_begin(&range, &former, &limits, 9, row->time_ms);
        CHECK(range.start_ms == row->start_ms && range.sequence == row->sequence && range.total == 70,
              "%" PRId64 ": %" PRId64 " %" PRIu64, row->time_ms, range.start_ms, range.sequence);
        struct range_state behind = range_state_behind(&range, &(struct range_state){0});
        CHECK(behind.sequence == row->sequence + 1 && behind.total == 71 && behind.start_ms == row->start_ms,
              "%" PRId64, row->time_ms);
    }
}

/* Whatever comes, whenever, and whatever the interval is set to: (interval, sequence) is used once. */
static void test_no_two_ranges_share_a_key(void **state)
{
    (void)state;
    uint64_t seed = harness_seed();
    struct random random;
    random_seed(&random, seed);
    struct range_state behind = {0};
    struct range_limits changing = limits;
    int64_t start_ms = 0, time_ms = 1000000;
    uint64_t sequence = 0;
    for (unsigned i = 0; i < 20000; i++) {
        struct range range;
        time_ms += (int64_t)random_below(&random, 90000);
        changing.interval_ms = (int64_t)(1 + random_below(&random, 100)) * 1000;
        range_begin(&range, &behind, &changing, behind.offset, time_ms);
        bool later = range.start_ms > start_ms || (range.start_ms == start_ms && range.sequence > sequence);
        CHECK(i == 0 || later, "seed %" PRIu64 ", step %u", seed, i);
        CHECK(range.start_ms <= time_ms && time_ms < range.until_ms, "seed %" PRIu64 ", step %u", seed, i);
        start_ms = range.start_ms;
        sequence = range.sequence;
        add(&range, 1, 1);
        behind = range_state_behind(&range, &(struct range_state){0});
    }
}

RUN_TESTS(cmocka_unit_test(test_a_range_ends_by_records), cmocka_unit_test(test_a_range_ends_by_bytes),
          cmocka_unit_test(test_a_range_ends_with_its_interval),
          cmocka_unit_test(test_intervals_follow_each_other),
          cmocka_unit_test(test_no_two_ranges_share_a_key))
