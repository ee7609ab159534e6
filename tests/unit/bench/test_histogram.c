/* The latency histogram against exact values. */
#include "harness.h"

#include "bench/histogram_internal.h"

#include "base/mem.h"
#include "base/random.h"

#include <stdlib.h>

static struct histogram *histogram;

static int setup(void **state)
{
    (void)state;
    histogram = mem_zalloc(sizeof *histogram);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mem_free(histogram);
    return 0;
}

static void test_empty_has_no_latency(void **state)
{
    (void)state;
    assert_int_equal(histogram_percentile(histogram, 0.5), 0);
    assert_int_equal(histogram_percentile(histogram, 1), 0);
}

static void test_small_values_are_exact(void **state)
{
    (void)state;
    for (int64_t value = 1; value <= 100; value++)
        histogram_record(histogram, value, 1);
    assert_int_equal(histogram_percentile(histogram, 0.01), 1);
    assert_int_equal(histogram_percentile(histogram, 0.5), 50);
    assert_int_equal(histogram_percentile(histogram, 0.99), 99);
    assert_int_equal(histogram_percentile(histogram, 1), 100);
    assert_int_equal(histogram->total, 100);
}

static void test_buckets_are_contiguous_and_ascending(void **state)
{
    (void)state;
    size_t last = 0;
    for (int64_t value = 1; value < (INT64_C(1) << (HISTOGRAM_MAX_BITS + 2)); value += 1 + value / 300) {
        size_t bucket = histogram_bucket(value);
        assert_true(bucket == last || bucket == last + 1 || value > INT64_C(1) << HISTOGRAM_MAX_BITS);
        assert_true(bucket < HISTOGRAM_BUCKETS);
        last = bucket;
    }
    assert_int_equal(last, HISTOGRAM_BUCKETS - 1);
    assert_int_equal(histogram_bucket(-5), 0);
    assert_int_equal(histogram_bucket(INT64_MAX), HISTOGRAM_BUCKETS - 1);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void test_percentiles_are_at_most_one_percent_too_high(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    static int64_t values[COUNT];
    struct random random;
    random_seed(&random, 7);
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = (int64_t)(random_next(&random) >> (24 + random_below(&random, 30)));
        histogram_record(histogram, values[i], 1);
    }
    qsort(values, COUNT, sizeof values[0], by_value);
    const double shares[] = {0.001, 0.1, 0.5, 0.9, 0.99, 0.999};
    for (size_t i = 0; i < LENGTH(shares); i++) {
        int64_t exact = values[(size_t)(shares[i] * COUNT) - 1];
        int64_t told = histogram_percentile(histogram, shares[i]);
        assert_true(told >= exact);
        assert_true((double)told <= (double)exact * 1.008 + 1);
    }
    assert_int_equal(histogram_percentile(histogram, 1), values[COUNT - 1]);
    assert_int_equal(histogram->max, values[COUNT - 1]);
}

static void test_repeated_values_count_as_often_as_said(void **state)
{
    (void)state;
    histogram_record(histogram, 10, 99);
    histogram_record(histogram, 1000000, 1);
    assert_int_equal(histogram_percentile(histogram, 0.99), 10);
    assert_int_equal(histogram_percentile(histogram, 0.995), 1000000);
}

static void test_adding_is_recording_both(void **state)
{
    (void)state;
    struct histogram *other = mem_zalloc(sizeof *other);
    histogram_record(histogram, 5, 1);
    histogram_record(other, 77, 3);
    histogram_add(histogram, other);
    assert_int_equal(histogram->total, 4);
    assert_int_equal(histogram->max, 77);
    assert_int_equal(histogram_percentile(histogram, 0.25), 5);
    assert_int_equal(histogram_percentile(histogram, 0.5), 77);
    mem_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_empty_has_no_latency, setup, teardown),
        cmocka_unit_test_setup_teardown(test_small_values_are_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(test_buckets_are_contiguous_and_ascending, setup, teardown),
        cmocka_unit_test_setup_teardown(test_percentiles_are_at_most_one_percent_too_high, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeated_values_count_as_often_as_said, setup, teardown),
        cmocka_unit_test_setup_teardown(test_adding_is_recording_both, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
