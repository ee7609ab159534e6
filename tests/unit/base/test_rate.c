/* Rates: what they say after seconds of which the counter is known. */
#include "base/rate.h"
#include "harness.h"

static void seconds(struct rate *rate, unsigned count, uint64_t each, uint64_t *counter)
{
    for (unsigned i = 0; i < count; i++)
        rate_look(rate, *counter += each);
}

static void now_and_the_maximum_are_those_of_a_second(void **state)
{
    (void)state;
    struct rate rate = {0};
    uint64_t counter = 0;
    seconds(&rate, 1, 700, &counter);
    seconds(&rate, 1, 20, &counter);
    assert_true(rate.now == 20);
    assert_true(rate.max == 700);
}

static void before_ten_seconds_the_mean_is_that_of_now(void **state)
{
    (void)state;
    struct rate rate = {0};
    uint64_t counter = 0;
    seconds(&rate, 9, 30, &counter);
    assert_true(rate_last_5m(&rate) == 30);
}

static void the_mean_forgets_what_is_older_than_five_minutes(void **state)
{
    (void)state;
    struct rate rate = {0};
    uint64_t counter = 0;
    seconds(&rate, 300, 1000, &counter);
    assert_true(rate_last_5m(&rate) == 1000);
    seconds(&rate, 300, 10, &counter);
    assert_true(rate_last_5m(&rate) == 10);
}

static void a_reset_forgets_all_but_the_counter(void **state)
{
    (void)state;
    struct rate rate = {0};
    uint64_t counter = 0;
    seconds(&rate, 20, 50, &counter);
    rate_reset(&rate);
    assert_true(rate.now == 0 && rate.max == 0 && rate_last_5m(&rate) == 0);
    seconds(&rate, 1, 5, &counter);
    assert_true(rate.now == 5 && rate.max == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(now_and_the_maximum_are_those_of_a_second),
        cmocka_unit_test(before_ten_seconds_the_mean_is_that_of_now),
        cmocka_unit_test(the_mean_forgets_what_is_older_than_five_minutes),
        cmocka_unit_test(a_reset_forgets_all_but_the_counter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
