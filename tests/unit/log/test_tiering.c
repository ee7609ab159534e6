/* What a second tier asks of a log: one that begins at another offset than 0, how many bytes lie below an offset, and chunks of records
 * that are in no log. */
#include "log_test.h"

#define FIRST   1000000
#define RECORDS 300

/* ---- A log that begins elsewhere ------------------------------------------------------------------------- */

static void test_a_log_begins_where_its_opening_says_and_only_then(void **state)
{
    struct bed bed;
    struct log_bounds bounds;
    struct error err;
    (void)state;
    bed_make(&bed);
    bed.options.first_offset = FIRST;
    bed_open(&bed);
    log_bounds(bed.log, &bounds);
    assert_int_equal(bounds.first, FIRST);
    assert_int_equal(bounds.next, FIRST);
    assert_int_equal(bounds.bytes, 0);
    bed_reopen(&bed); /* without a record */
    log_bounds(bed.log, &bounds);
    assert_int_equal(bounds.next, FIRST);
    bed_fill(&bed, RECORDS, 7);
    bed.options.first_offset = 5; /* it goes on where it is */
    bed_reopen(&bed);
    log_bounds(bed.log, &bounds);
    assert_int_equal(bounds.first, FIRST);
    assert_true(bounds.next >= FIRST + RECORDS);
    struct log_chunk *chunk;
    assert_int_equal(log_read(bed.log, FIRST - 1, 1, 0, &chunk, &err), LOG_READ_TRIMMED);
    assert_int_equal(log_read(bed.log, FIRST, 1, 0, &chunk, &err), LOG_READ);
    assert_int_equal(chunk->first_offset, FIRST);
    log_chunk_unref(chunk);
    bed_remove(&bed);
}

/* ---- Bytes below an offset ------------------------------------------------------------------------------- */

static void check_bytes(struct bed *bed, uint64_t first, uint64_t next)
{
    uint64_t expected = 0, bytes;
    struct error err;
    for (uint64_t offset = first; offset <= next; offset++) {
        ASSERT_OK(log_bytes_below(bed->log, offset, &bytes, &err), err);
        CHECK(bytes == expected, "below %d: %d, not %d", (int)offset, (int)bytes, (int)expected);
        expected += record_len(offset);
    }
    ASSERT_FAILS(log_bytes_below(bed->log, next + 1, &bytes, &err), err, ERR_INVALID);
}

static void test_bytes_below_every_offset_are_exact(void **state)
{
    struct bed bed;
    struct log_bounds bounds;
    struct error err;
    uint64_t bytes;
    (void)state;
    bed_make(&bed);
    bed.options.segment_bytes = 4096; /* over several segments */
    bed_open(&bed);
    ASSERT_OK(log_bytes_below(bed.log, 0, &bytes, &err), err);
    assert_int_equal(bytes, 0);
    bed_fill(&bed, RECORDS, 3);
    check_bytes(&bed, 0, RECORDS);
    log_bounds(bed.log, &bounds);
    ASSERT_OK(log_bytes_below(bed.log, RECORDS, &bytes, &err), err);
    assert_int_equal(bytes, bounds.bytes);
    ASSERT_OK(log_trim(bed.log, 100, &err), err); /* within a batch */
    check_bytes(&bed, 100, RECORDS);
    ASSERT_OK(log_bytes_below(bed.log, 7, &bytes, &err), err); /* what is trimmed holds none */
    assert_int_equal(bytes, 0);
    bed_reopen(&bed);
    check_bytes(&bed, 100, RECORDS);
    bed_remove(&bed);
}

/* ---- Chunks of no log ------------------------------------------------------------------------------------ */

static void test_a_batch_becomes_a_chunk_that_reads_as_one_of_a_log(void **state)
{
    struct log_batch batch = {0};
    (void)state;
    for (unsigned round = 0; round < 2; round++) { /* the batch is empty behind it, and of use again */
        for (unsigned i = 0; i < 5; i++)
            batch_add_number(&batch, 40 + i, 1000 + (int64_t)i);
        struct log_chunk *chunk = log_chunk_of_batch(&batch, 40);
        assert_int_equal(batch.count, 0);
        assert_int_equal(log_batch_bytes(&batch), 0);
        assert_int_equal(chunk->first_offset, 40);
        assert_int_equal(chunk->next_offset, 45);
        log_chunk_unref(log_chunk_ref(chunk));
        struct log_cursor cursor;
        struct log_record record;
        log_cursor_init(&cursor, chunk, 42); /* from within */
        for (uint64_t offset = 42; offset < 45; offset++) {
            assert_true(log_cursor_next(&cursor, &record));
            assert_int_equal(record.offset, offset);
            assert_int_equal(record.time_ms, 1000 + (int64_t)offset - 40);
            assert_true(record_is(&record, offset));
        }
        assert_false(log_cursor_next(&cursor, &record));
        log_chunk_unref(chunk);
    }
    log_batch_reset(&batch);
}

RUN_TESTS(cmocka_unit_test(test_a_log_begins_where_its_opening_says_and_only_then),
          cmocka_unit_test(test_bytes_below_every_offset_are_exact),
          cmocka_unit_test(test_a_batch_becomes_a_chunk_that_reads_as_one_of_a_log))
