/* Offsets by time and by bytes, in one segment and in many, in memory, on disk, and after a trim. */
#include "log_test.h"

/* Times that stand still, jump and go back: 0 0 0 100 100 50 … */
static int64_t time_given(uint64_t number)
{
    return (int64_t)(number / 7 * 100) - (number % 11 == 5 ? 50 : 0);
}

static int64_t time_kept(uint64_t number)
{
    int64_t latest = time_given(0);
    for (uint64_t i = 1; i <= number; i++)
        latest = time_given(i) > latest ? time_given(i) : latest;
    return latest;
}

static void fill_with_times(struct bed *bed, uint64_t count, unsigned each)
{
    struct error err;
    for (uint64_t number = 0; number < count; number += each) {
        struct appended appended;
        appended_init(&appended);
        for (uint64_t i = number; i < number + each; i++)
            batch_add_number(&appended.batch, i, time_given(i));
        ASSERT_OK(log_append(bed->log, &appended.batch, &err), err);
        appended_wait(bed, &appended);
        log_batch_reset(&appended.batch);
    }
}

static void check_times(struct bed *bed, uint64_t first, uint64_t next)
{
    struct error err;
    uint64_t expected = first;
    for (int64_t time = -10; time <= time_kept(next - 1) + 10; time += 10) {
        uint64_t offset;
        while (expected < next && time_kept(expected) < time)
            expected++;
        ASSERT_OK(log_offset_of_time(bed->log, time, &offset, &err), err);
        CHECK(offset == expected, "time %" PRId64 ": %" PRIu64 ", not %" PRIu64, time, offset, expected);
    }
}

static void check_bytes(struct bed *bed, uint64_t first, uint64_t next)
{
    struct error err;
    uint64_t all = bytes_of(first, next);
    uint64_t expected = next, sum = 0;
    for (uint64_t bytes = 0; bytes <= all + 50; bytes += 41) {
        uint64_t offset;
        while (expected > first && sum + record_len(expected - 1) <= bytes)
            sum += record_len(--expected);
        ASSERT_OK(log_offset_of_bytes(bed->log, bytes, &offset, &err), err);
        CHECK(offset == expected, "bytes %" PRIu64 ": %" PRIu64 ", not %" PRIu64, bytes, offset, expected);
    }
}

static void test_times_and_bytes_are_found_exactly(void **state)
{
    (void)state;
    struct error err;
    static const struct {
        uint64_t segment_bytes, tail_bytes;
        unsigned each;
    } rows[] = {{0, 0, 1}, {0, 0, 14}, {0, 1, 14}, {5000, 0, 7}, {5000, 1, 7}, {100000, 1, 350}};
    TABLE_EACH(row, rows)
    {
        struct bed bed;
        bed_make(&bed);
        bed.options.segment_bytes = row->segment_bytes;
        bed.options.sync_ms = LOG_SYNC_NONE;
        bed.engine_options.tail_bytes = row->tail_bytes;
        bed_open(&bed);
        fill_with_times(&bed, 700, row->each);
        check_times(&bed, 0, 700);
        check_bytes(&bed, 0, 700);
        bed_reopen(&bed);
        check_times(&bed, 0, 700);
        check_bytes(&bed, 0, 700);
        ASSERT_OK(log_trim(bed.log, 333, &err), err);
        check_times(&bed, 333, 700);
        check_bytes(&bed, 333, 700);
        bed_remove(&bed);
    }
}

static void test_times_never_go_back(void **state)
{
    (void)state;
    struct error err;
    struct bed bed;
    bed_make(&bed);
    bed_open(&bed);
    fill_with_times(&bed, 70, 7);
    struct log_chunk *chunk;
    struct log_cursor cursor;
    struct log_record record;
    assert_int_equal(log_read(bed.log, 0, 1 << 20, 0, &chunk, &err), LOG_READ);
    log_cursor_init(&cursor, chunk, 0);
    while (log_cursor_next(&cursor, &record))
        assert_int_equal(record.time_ms, time_kept(record.offset));
    log_chunk_unref(chunk);
    bed_remove(&bed);
}

/* Also when everything that had a time is trimmed away, and the log is opened again. */
static void test_times_go_on_behind_what_is_trimmed(void **state)
{
    (void)state;
    struct error err;
    struct bed bed;
    bed_make(&bed);
    bed_open(&bed);
    uint64_t offset;
    bed_fill(&bed, 100, 10);
    ASSERT_OK(log_trim(bed.log, 100, &err), err);
    bed_reopen(&bed);
    ASSERT_OK(log_offset_of_time(bed.log, 0, &offset, &err), err);
    assert_int_equal(offset, 100);
    struct appended appended;
    appended_init(&appended);
    batch_add_number(&appended.batch, 100, 5);
    ASSERT_OK(log_append(bed.log, &appended.batch, &err), err);
    appended_wait(&bed, &appended);
    ASSERT_OK(log_offset_of_time(bed.log, 99, &offset, &err), err);
    assert_int_equal(offset, 100);
    ASSERT_OK(log_offset_of_time(bed.log, 100, &offset, &err), err);
    assert_int_equal(offset, 101);
    bed_remove(&bed);
}

RUN_TESTS(cmocka_unit_test(test_times_and_bytes_are_found_exactly),
          cmocka_unit_test(test_times_never_go_back),
          cmocka_unit_test(test_times_go_on_behind_what_is_trimmed))
