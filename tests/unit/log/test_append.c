/* Appending and reading back: outcomes, offsets, order, limits. */
#include "log_test.h"

static void test_records_get_offsets_without_gaps(void **state)
{
    (void)state;
    struct bed bed;
    bed_make(&bed);
    bed_open(&bed);
    bed_fill(&bed, 1000, 10);
    struct log_bounds bounds = bed_bounds(&bed);
    assert_int_equal(bounds.first, 0);
    assert_int_equal(bounds.next, 1000);
    assert_int_equal(bounds.bytes, bytes_of(0, 1000));
    assert_int_equal(bed_check(&bed, 0, 4096), 1000);
    bed_reopen(&bed);
    bounds = bed_bounds(&bed);
    assert_int_equal(bounds.next, 1000);
    assert_int_equal(bounds.bytes, bytes_of(0, 1000));
    assert_int_equal(bed_check(&bed, 0, 4096), 1000);
    bed_fill(&bed, 1000, 1);
    assert_int_equal(bed_check(&bed, 0, 4096), 2000);
    bed_remove(&bed);
}

static void test_segments_join(void **state)
{
    (void)state;
    struct bed bed;
    bed_make(&bed);
    bed.options.segment_bytes = 20000;
    bed.engine_options.tail_bytes = 1;
    bed_open(&bed);
    bed_fill(&bed, 5000, 10);
    assert_true(bed_bounds(&bed).segments > 15);
    assert_int_equal(bed_check(&bed, 0, 1), 5000);
    assert_int_equal(bed_check(&bed, 4321, 100000), 5000);
    bed_reopen(&bed);
    assert_int_equal(bed_check(&bed, 0, 3000), 5000);
    bed_remove(&bed);
}

static void test_trimming_is_exact_to_the_record(void **state)
{
    (void)state;
    struct error err;
    struct bed bed;
    bed_make(&bed);
    bed.options.segment_bytes = 20000;
    bed_open(&bed);
    bed_fill(&bed, 2000, 10);
    uint64_t marks[] = {1, 9, 10, 11, 777, 1999, 2000};
    TABLE_EACH(mark, marks)
    {
        ASSERT_OK(log_trim(bed.log, *mark, &err), err);
        for (int again = 0; again < 2; again++) {
            struct log_bounds bounds = bed_bounds(&bed);
            assert_int_equal(bounds.first, *mark);
            assert_int_equal(bounds.next, 2000);
            assert_int_equal(bounds.bytes, bytes_of(*mark, 2000));
            struct log_chunk *chunk;
            assert_int_equal(log_read(bed.log, *mark - 1, 1, 0, &chunk, &err), LOG_READ_TRIMMED);
            assert_int_equal(bed_check(&bed, *mark, 5000), 2000);
            bed_reopen(&bed);
        }
    }
    ASSERT_FAILS(log_trim(bed.log, 2001, &err), err, ERR_INVALID);
    bed_fill(&bed, 10, 10);
    assert_int_equal(bed_check(&bed, 2000, 5000), 2010);
    bed_remove(&bed);
}

RUN_TESTS(cmocka_unit_test(test_records_get_offsets_without_gaps), cmocka_unit_test(test_segments_join),
          cmocka_unit_test(test_trimming_is_exact_to_the_record))
