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
    bed.options.sync_ms = LOG_SYNC_NONE;
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

/* A log whose every batch shrinks reads the same, from memory and from disk. */
static void test_compressed_batches_read_as_they_were(void **state)
{
    (void)state;
    struct bed bed, plain;
    bed_make(&bed);
    bed_make(&plain);
    bed.options = (struct log_options){.sync_ms = LOG_SYNC_NONE, .compress = true};
    plain.options = (struct log_options){.sync_ms = LOG_SYNC_NONE};
    bed.engine_options.tail_bytes = plain.engine_options.tail_bytes = 1;
    bed_open(&bed);
    bed_open(&plain);
    for (uint64_t number = 0; number < 3000; number += 100) {
        struct log_batch *batches[2];
        struct appended appended[2];
        struct bed *beds[2] = {&bed, &plain};
        for (int i = 0; i < 2; i++) {
            appended_init(&appended[i]);
            batches[i] = &appended[i].batch;
            for (uint64_t n = number; n < number + 100; n++)
                memset(log_batch_add(batches[i], 0, 100), (int)n, 100);
            assert_true(log_append(beds[i]->log, batches[i], NULL));
            appended_wait(beds[i], &appended[i]);
        }
    }
    assert_true(bed.log->active.data_bytes * 4 < plain.log->active.data_bytes);
    assert_int_equal(bed_bounds(&bed).bytes, 300000);
    bed_reopen(&bed);
    uint64_t offset = 0;
    while (offset < 3000) {
        struct log_chunk *chunk;
        struct log_cursor cursor;
        struct log_record record;
        assert_int_equal(log_read(bed.log, offset, 30000, 0, &chunk, NULL), LOG_READ);
        log_cursor_init(&cursor, chunk, offset);
        for (; log_cursor_next(&cursor, &record); offset++)
            assert_true(record.data.len == 100 && (uint8_t)record.data.data[99] == (uint8_t)record.offset);
        log_chunk_unref(chunk);
    }
    bed_remove(&bed);
    bed_remove(&plain);
}

/* However small they are on disk: who reads asks for bytes in memory. */
static void test_a_read_is_bounded_by_what_batches_become(void **state)
{
    (void)state;
    enum { COUNT = 63, BATCH_BYTES = 16384, READ = 4 * BATCH_BYTES };
    struct bed bed;
    bed_make(&bed);
    bed.options = (struct log_options){.sync_ms = LOG_SYNC_NONE, .compress = true};
    bed.engine_options.tail_bytes = 1;
    bed_open(&bed);
    for (int i = 0; i < COUNT; i++) {
        struct appended appended;
        appended_init(&appended);
        memset(log_batch_add(&appended.batch, 0, BATCH_BYTES), 'x', BATCH_BYTES);
        assert_true(log_append(bed.log, &appended.batch, NULL));
        appended_wait(&bed, &appended);
    }
    assert_true(bed.log->active.data_bytes < READ);
    bed_reopen(&bed);
    for (uint64_t offset = 0; offset < COUNT;) {
        struct log_chunk *chunk, *one;
        assert_int_equal(log_read(bed.log, offset, READ, 0, &chunk, NULL), LOG_READ);
        assert_int_equal(chunk->first_offset, offset);
        assert_in_range(chunk->bytes, READ - 2 * BATCH_BYTES, READ);
        assert_int_equal(log_read(bed.log, offset, 1, 0, &one, NULL), LOG_READ);
        assert_int_equal(one->next_offset, offset + 1);
        offset = chunk->next_offset;
        log_chunk_unref(chunk);
        log_chunk_unref(one);
    }
    bed_remove(&bed);
}

static void test_what_does_not_shrink_by_an_eighth_is_left_as_it_is(void **state)
{
    (void)state;
    struct bed bed;
    bed_make(&bed);
    bed.options.compress = true;
    bed_open(&bed);
    struct appended appended;
    appended_init(&appended);
    random_bytes(log_batch_add(&appended.batch, 0, 5000), 5000);
    assert_true(log_append(bed.log, &appended.batch, NULL));
    appended_wait(&bed, &appended);
    struct log_chunk *chunk;
    assert_int_equal(log_read(bed.log, 0, 1, 0, &chunk, NULL), LOG_READ);
    assert_int_equal(CONTAINER_OF(chunk, struct chunk, shown)->parts[0].header.codec, CODEC_NONE);
    log_chunk_unref(chunk);
    bed_remove(&bed);
}

static void test_a_batch_over_the_limit_is_too_large(void **state)
{
    (void)state;
    struct error err;
    struct bed bed;
    bed_make(&bed);
    bed.options.max_batch_bytes = 1000;
    bed_open(&bed);
    struct log_batch batch = {.done = appended_done};
    memset(log_batch_add(&batch, 0, 2000), 'x', 2000);
    ASSERT_FAILS(log_append(bed.log, &batch, &err), err, ERR_TOO_LARGE);
    assert_int_equal(batch.count, 1);
    log_batch_reset(&batch);
    bed_fill(&bed, 10, 10);
    bed_remove(&bed);
}

static void test_a_full_queue_is_busy_until_it_is_written(void **state)
{
    (void)state;
    struct error err;
    struct bed bed;
    bed_make(&bed);
    bed.engine_options.queue_bytes = 10000;
    bed_open(&bed);
    struct appended appended[20];
    unsigned queued = 0;
    for (; queued < LENGTH(appended); queued++) {
        appended_init(&appended[queued]);
        memset(log_batch_add(&appended[queued].batch, 0, 1000), 'x', 1000);
        if (!log_append(bed.log, &appended[queued].batch, &err))
            break;
    }
    assert_int_equal(queued, 9);
    assert_int_equal(err.code, ERR_BUSY);
    assert_int_equal(log_batch_bytes(&appended[9].batch), 1003);
    while (log_engine_step(bed.engine))
        ;
    ASSERT_OK(log_append(bed.log, &appended[9].batch, &err), err);
    appended_wait(&bed, &appended[9]);
    assert_int_equal(appended[9].batch.first_offset, 9);
    assert_int_equal(bed_bounds(&bed).next, 10);
    bed_remove(&bed);
}

static void test_one_batch_larger_than_the_queue_and_the_segment_is_taken(void **state)
{
    (void)state;
    struct error err;
    struct bed bed;
    bed_make(&bed);
    bed.engine_options.queue_bytes = 1000;
    bed.options.segment_bytes = SEGMENT_BYTES_LOWEST;
    bed_open(&bed);
    for (int i = 0; i < 3; i++) {
        struct appended appended;
        appended_init(&appended);
        memset(log_batch_add(&appended.batch, 0, 100000), 'a' + i, 100000);
        ASSERT_OK(log_append(bed.log, &appended.batch, &err), err);
        appended_wait(&bed, &appended);
    }
    assert_int_equal(bed_bounds(&bed).segments, 3);
    bed_reopen(&bed);
    for (uint64_t offset = 0; offset < 3; offset++) {
        struct log_chunk *chunk;
        assert_int_equal(log_read(bed.log, offset, 1, 0, &chunk, &err), LOG_READ);
        assert_int_equal(chunk->next_offset, offset + 1);
        log_chunk_unref(chunk);
    }
    bed_remove(&bed);
}

static void test_an_open_log_is_busy(void **state)
{
    (void)state;
    struct error err;
    struct bed bed;
    bed_make(&bed);
    bed_open(&bed);
    struct log_summary summary;
    err.code = ERR_NONE;
    assert_null(log_open(bed.engine, bed.dir, &bed.options, &err));
    assert_int_equal(err.code, ERR_BUSY);
    ASSERT_FAILS(log_verify(bed.dir, NULL, NULL, &summary, &err), err, ERR_BUSY);
    ASSERT_FAILS(log_delete(bed.engine, bed.dir, &err), err, ERR_BUSY);
    bed_remove(&bed);
}

static void test_a_deleted_log_leaves_nothing(void **state)
{
    (void)state;
    struct error err;
    struct bed bed;
    bed_make(&bed);
    bed.options.segment_bytes = SEGMENT_BYTES_LOWEST;
    bed_open(&bed);
    bed_fill(&bed, 300, 10);
    ASSERT_OK(log_trim(bed.log, 150, &err), err);
    log_close(bed.log);
    bed.log = NULL;
    ASSERT_OK(log_delete(bed.engine, bed.dir, &err), err);
    assert_int_equal(access(bed.dir, F_OK), -1);
    ASSERT_FAILS(log_delete(bed.engine, bed.dir, &err), err, ERR_NOT_FOUND);
    bed_remove(&bed);
}

/* A reader's chunk outlives the tail, the segment and the log. */
static void test_a_chunk_outlives_its_log(void **state)
{
    (void)state;
    struct error err;
    struct bed bed;
    bed_make(&bed);
    bed.options.segment_bytes = SEGMENT_BYTES_LOWEST;
    bed_open(&bed);
    bed_fill(&bed, 300, 10);
    struct log_chunk *tail, *disk;
    assert_int_equal(log_read(bed.log, 290, 1000, 0, &tail, &err), LOG_READ);
    bed_reopen(&bed);
    assert_int_equal(log_read(bed.log, 0, 1000, 0, &disk, &err), LOG_READ);
    ASSERT_OK(log_trim(bed.log, 300, &err), err);
    log_chunk_unref(log_chunk_ref(disk));
    bed_remove(&bed);
    struct log_cursor cursor;
    struct log_record record;
    log_cursor_init(&cursor, tail, 295);
    assert_true(log_cursor_next(&cursor, &record) && record.offset == 295 && record_is(&record, 295));
    log_cursor_init(&cursor, disk, 7);
    assert_true(log_cursor_next(&cursor, &record) && record.offset == 7 && record_is(&record, 7));
    log_chunk_unref(tail);
    log_chunk_unref(disk);
}

/* A queue that is read and trimmed to its end gives its space back. */
static void test_a_log_that_is_trimmed_to_its_end_is_small(void **state)
{
    (void)state;
    struct error err;
    struct bed bed;
    bed_make(&bed);
    bed.options.sync_ms = LOG_SYNC_NONE;
    bed_open(&bed);
    for (int i = 0; i < 3; i++) {
        struct appended appended;
        appended_init(&appended);
        memset(log_batch_add(&appended.batch, 0, 1 << 20), 'x', 1 << 20);
        assert_true(log_append(bed.log, &appended.batch, NULL));
        appended_wait(&bed, &appended);
    }
    ASSERT_OK(log_trim(bed.log, 3, &err), err);
    assert_true(bed_bounds(&bed).disk_bytes < 1000);
    bed_reopen(&bed);
    assert_int_equal(bed_bounds(&bed).first, 3);
    assert_int_equal(bed_bounds(&bed).next, 3);
    bed_remove(&bed);
}

static uint64_t open_files(void)
{
    uint64_t count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

/* One descriptor, for the lock, and no space that it does not fill. */
static void test_an_idle_log_owns_little(void **state)
{
    (void)state;
    struct bed bed;
    bed_make(&bed);
    uint64_t before = open_files();
    clock_fake_set(1000, 1000000);
    bed_open(&bed);
    bed_fill(&bed, 10, 10);
    assert_true(open_files() - before <= 2);
    struct stat info;
    char path[LOG_PATH_BYTES];
    path_of_segment(path, bed.dir, 0, ".seg");
    clock_fake_advance_ms(IDLE_MS);
    assert_true(log_engine_step(bed.engine));
    assert_int_equal(open_files() - before, 1);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, bed.log->position);
    bed_fill(&bed, 10, 10);
    assert_int_equal(bed_check(&bed, 0, 1000), 20);
    bed_remove(&bed);
    clock_fake_stop();
}

static void count_finding(const struct log_finding *finding, void *arg)
{
    assert_non_null(finding->what);
    ++*(unsigned *)arg;
}

static void test_verifying_counts_what_is_there(void **state)
{
    (void)state;
    struct error err;
    struct bed bed;
    bed_make(&bed);
    bed.options.segment_bytes = SEGMENT_BYTES_LOWEST;
    bed_open(&bed);
    bed_fill(&bed, 300, 10);
    ASSERT_OK(log_trim(bed.log, 155, &err), err);
    bed_close(&bed);
    struct log_summary summary;
    unsigned findings = 0;
    ASSERT_OK(log_verify(bed.dir, count_finding, &findings, &summary, &err), err);
    assert_int_equal(findings, 0);
    assert_int_equal(summary.first, 155);
    assert_int_equal(summary.next, 300);
    assert_int_equal(summary.records, 145);
    assert_int_equal(summary.batches, 15);
    assert_int_equal(summary.bytes, bytes_of(155, 300));
    assert_true(summary.segments > 2 && summary.disk_bytes > summary.bytes);
    ASSERT_FAILS(log_verify("/nowhere/at/all", NULL, NULL, &summary, &err), err, ERR_NOT_FOUND);
    bed_remove(&bed);
}

RUN_TESTS(cmocka_unit_test(test_records_get_offsets_without_gaps), cmocka_unit_test(test_segments_join),
          cmocka_unit_test(test_trimming_is_exact_to_the_record),
          cmocka_unit_test(test_compressed_batches_read_as_they_were),
          cmocka_unit_test(test_a_read_is_bounded_by_what_batches_become),
          cmocka_unit_test(test_what_does_not_shrink_by_an_eighth_is_left_as_it_is),
          cmocka_unit_test(test_a_batch_over_the_limit_is_too_large),
          cmocka_unit_test(test_a_full_queue_is_busy_until_it_is_written),
          cmocka_unit_test(test_one_batch_larger_than_the_queue_and_the_segment_is_taken),
          cmocka_unit_test(test_an_open_log_is_busy), cmocka_unit_test(test_a_deleted_log_leaves_nothing),
          cmocka_unit_test(test_a_chunk_outlives_its_log),
          cmocka_unit_test(test_a_log_that_is_trimmed_to_its_end_is_small),
          cmocka_unit_test(test_an_idle_log_owns_little),
          cmocka_unit_test(test_verifying_counts_what_is_there))
