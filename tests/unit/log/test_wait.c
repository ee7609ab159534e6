/* Waiting for what is not committed yet. */
#include "log_test.h"

struct waiting {
    struct log_waiter waiter;
    struct log *log;
    unsigned wakes;
    uint64_t again; /* waits again for this offset when woken */
};

static void count_wake(struct log_waiter *waiter)
{
    struct waiting *waiting = CONTAINER_OF(waiter, struct waiting, waiter);
    waiting->wakes++;
    if (waiting->again != 0)
        assert(log_wait(waiting->log, waiter, waiting->again));
}

static void open_bed(struct bed *bed)
{
    bed_make(bed);
    bed_open(bed);
    bed_fill(bed, 10, 10);
}

static void test_a_waiter_wakes_once_when_its_offset_is_committed(void **state)
{
    (void)state;
    struct bed bed;
    open_bed(&bed);
    struct waiting near = {.waiter.wake = count_wake}, far = {.waiter.wake = count_wake};
    assert_true(log_wait(bed.log, &near.waiter, 10));
    assert_true(log_wait(bed.log, &far.waiter, 15));
    bed_fill(&bed, 5, 5);
    assert_int_equal(near.wakes, 1);
    assert_int_equal(far.wakes, 0);
    bed_fill(&bed, 5, 5);
    assert_int_equal(near.wakes, 1);
    assert_int_equal(far.wakes, 1);
    bed_remove(&bed);
}

static void test_what_is_committed_is_not_waited_for(void **state)
{
    (void)state;
    struct bed bed;
    open_bed(&bed);
    struct waiting waiting = {.waiter.wake = count_wake};
    assert_false(log_wait(bed.log, &waiting.waiter, 9));
    bed_fill(&bed, 5, 5);
    assert_int_equal(waiting.wakes, 0);
    bed_remove(&bed);
}

static void test_a_cancelled_waiter_is_not_woken(void **state)
{
    (void)state;
    struct bed bed;
    open_bed(&bed);
    struct waiting cancelled = {.waiter.wake = count_wake}, other = {.waiter.wake = count_wake};
    assert_true(log_wait(bed.log, &cancelled.waiter, 10));
    assert_true(log_wait(bed.log, &other.waiter, 10));
    assert_true(log_wait_cancel(bed.log, &cancelled.waiter));
    bed_fill(&bed, 5, 5);
    assert_int_equal(cancelled.wakes, 0);
    assert_int_equal(other.wakes, 1);
    assert_false(log_wait_cancel(bed.log, &other.waiter));
    bed_remove(&bed);
}

static void test_a_waiter_may_wait_again_when_it_is_woken(void **state)
{
    (void)state;
    struct bed bed;
    open_bed(&bed);
    struct waiting waiting = {.waiter.wake = count_wake, .log = bed.log, .again = 15};
    assert_true(log_wait(bed.log, &waiting.waiter, 10));
    bed_fill(&bed, 5, 5);
    assert_int_equal(waiting.wakes, 1);
    waiting.again = 0;
    bed_fill(&bed, 5, 5);
    assert_int_equal(waiting.wakes, 2);
    bed_remove(&bed);
}

static void test_closing_wakes_all(void **state)
{
    (void)state;
    struct bed bed;
    open_bed(&bed);
    struct waiting waiting[5] = {{.waiter.wake = count_wake},
                                 {.waiter.wake = count_wake},
                                 {.waiter.wake = count_wake},
                                 {.waiter.wake = count_wake},
                                 {.waiter.wake = count_wake}};
    for (size_t i = 0; i < LENGTH(waiting); i++)
        assert_true(log_wait(bed.log, &waiting[i].waiter, 10 + i * 100));
    bed_remove(&bed);
    for (size_t i = 0; i < LENGTH(waiting); i++)
        assert_int_equal(waiting[i].wakes, 1);
}

RUN_TESTS(cmocka_unit_test(test_a_waiter_wakes_once_when_its_offset_is_committed),
          cmocka_unit_test(test_what_is_committed_is_not_waited_for),
          cmocka_unit_test(test_a_cancelled_waiter_is_not_woken),
          cmocka_unit_test(test_a_waiter_may_wait_again_when_it_is_woken),
          cmocka_unit_test(test_closing_wakes_all))
