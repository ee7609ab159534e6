/* Marked batches: LOG_MARKED finds each of them and no other, wherever it lies, and reads little else. */
#include "log_test.h"

#include "base/log.h"

#include <unistd.h>

#define BATCHES 400
#define EACH    3

/* Some alone, some in a row; long stretches of none. */
static bool is_marked(uint64_t offset)
{
    uint64_t batch = offset / EACH;
    return batch % 97 == 5 || batch / 10 == 17 || batch == BATCHES - 1;
}

static void append_marked(struct bed *bed, uint64_t number, unsigned count, bool marked)
{
    struct error err;
    struct appended appended;
    appended_init(&appended);
    for (unsigned i = 0; i < count; i++)
        batch_add_number(&appended.batch, number + i, (int64_t)(number + i));
    appended.batch.marked = marked;
    ASSERT_OK(log_append(bed->log, &appended.batch, &err), err);
    appended_wait(bed, &appended);
    assert_int_equal(appended.batch.outcome, LOG_STORED);
    log_batch_reset(&appended.batch);
    assert_false(appended.batch.marked);
}

static void fill_marked(struct bed *bed)
{
    for (uint64_t batch = 0; batch < BATCHES; batch++)
        append_marked(bed, batch * EACH, EACH, is_marked(batch * EACH));
}

/* From `from` on: exactly what is marked. Returns the number of reads. */
static unsigned check_marked(struct bed *bed, uint64_t from, size_t max_bytes)
{
    struct error err;
    uint64_t offset = from, expected = from;
    for (unsigned reads = 0;; reads++) {
        struct log_chunk *chunk;
        enum log_read_result result = log_read(bed->log, offset, max_bytes, LOG_MARKED, &chunk, &err);
        if (result == LOG_READ_END) {
            for (; expected < BATCHES * EACH; expected++)
                CHECK(!is_marked(expected), "from %" PRIu64 ": offset %" PRIu64, from, expected);
            return reads;
        }
        if (result != LOG_READ)
            fail_msg("read %" PRIu64 ": %s", offset, result == LOG_READ_FAILED ? err.text : "trimmed");
        for (uint64_t passed = expected; passed < chunk->first_offset; passed++)
            CHECK(!is_marked(passed), "from %" PRIu64 ": offset %" PRIu64, from, passed);
        struct log_cursor cursor;
        struct log_record record;
        log_cursor_init(&cursor, chunk, offset);
        while (log_cursor_next(&cursor, &record)) {
            CHECK(is_marked(record.offset) && record_is(&record, record.offset), "offset %" PRIu64,
                  record.offset);
            expected = record.offset + 1;
        }
        assert_int_equal(expected, chunk->next_offset);
        offset = chunk->next_offset;
        log_chunk_unref(chunk);
    }
}

static void check_from_everywhere(struct bed *bed)
{
    for (uint64_t from = bed_bounds(bed).first; from <= BATCHES * EACH; from += 1 + from % 6)
        check_marked(bed, from, 1 + (size_t)from * 7 % 3000);
    assert_int_equal(bed_check(bed, bed_bounds(bed).first, 1000), BATCHES * EACH);
}

static void remove_indexes(struct bed *bed)
{
    DIR *dir = opendir(bed->dir);
    assert_non_null(dir);
    unsigned removed = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        uint64_t first;
        if (!name_is_segment(entry->d_name, ".idx", &first))
            continue;
        assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
        removed++;
    }
    closedir(dir);
    assert_true(removed > 2);
}

static void run_marks(const struct log_options *options)
{
    struct bed bed;
    struct error err;
    bed_make(&bed);
    bed.options = *options;
    bed_open(&bed);
    fill_marked(&bed);
    check_from_everywhere(&bed);
    bed_reopen(&bed);
    check_from_everywhere(&bed);
    if (options->segment_bytes != 0) {
        assert_true(bed_bounds(&bed).segments > 4);
        bed_close(&bed);
        remove_indexes(&bed);
        bed_open(&bed); /* makes them again */
        check_from_everywhere(&bed);
        remove_indexes(&bed); /* a reader makes them again */
        files_drop(bed.engine, bed.log->id, UINT64_MAX);
        check_from_everywhere(&bed);
    }
    ASSERT_OK(log_trim(bed.log, 17 * 10 * EACH + 1, &err), err);
    struct log_chunk *chunk;
    assert_int_equal(log_read(bed.log, 0, 100, LOG_MARKED, &chunk, &err), LOG_READ_TRIMMED);
    check_from_everywhere(&bed);
    bed_remove(&bed);
}

static void test_marks_are_found_in_one_segment(void **state)
{
    (void)state;
    run_marks(&(struct log_options){0});
}

static void test_marks_are_found_in_many_segments(void **state)
{
    (void)state;
    run_marks(&(struct log_options){.segment_bytes = SEGMENT_BYTES_LOWEST});
}

static void test_marks_are_found_where_batches_are_compressed(void **state)
{
    (void)state;
    run_marks(&(struct log_options){.segment_bytes = SEGMENT_BYTES_LOWEST, .compress = true});
}

static void test_a_mark_is_found_while_it_is_in_the_tail(void **state)
{
    (void)state;
    struct bed bed;
    struct error err;
    struct log_chunk *chunk;
    bed_make(&bed);
    bed_open(&bed);
    append_marked(&bed, 0, EACH, false);
    assert_int_equal(log_read(bed.log, 0, 100, LOG_MARKED, &chunk, &err), LOG_READ_END);
    append_marked(&bed, EACH, EACH, true);
    append_marked(&bed, 2 * EACH, EACH, false);
    assert_int_equal(log_read(bed.log, 0, 1000, LOG_MARKED, &chunk, &err), LOG_READ);
    assert_int_equal(chunk->first_offset, EACH);
    assert_int_equal(chunk->next_offset, 2 * EACH);
    log_chunk_unref(chunk);
    assert_int_equal(log_read(bed.log, 2 * EACH, 1000, LOG_MARKED, &chunk, &err), LOG_READ_END);
    bed_remove(&bed);
}

static void test_marked_batches_in_a_row_are_read_at_once(void **state)
{
    (void)state;
    struct bed bed;
    bed_make(&bed);
    bed_open(&bed);
    fill_marked(&bed);
    unsigned runs = 0;
    for (uint64_t batch = 0; batch < BATCHES; batch++)
        runs += is_marked(batch * EACH) && (batch == 0 || !is_marked((batch - 1) * EACH));
    assert_int_equal(check_marked(&bed, 0, 1 << 20), runs);
    bed_remove(&bed);
}

/* ---- What is read ------------------------------------------------------------------------------------------------- */

static uint64_t bytes_read;

static int64_t counting_pread(void *ctx, int fd, void *out, size_t len, uint64_t position, bool nowait)
{
    int64_t got = log_io_system.pread(ctx, fd, out, len, position, nowait);
    bytes_read += got > 0 ? (uint64_t)got : 0;
    return got;
}

static void test_what_is_not_marked_is_hardly_read(void **state)
{
    (void)state;
    struct error err;
    struct bed bed;
    struct log_io io = log_io_system;
    io.pread = counting_pread;
    bed_make(&bed);
    bed.engine_options = (struct log_engine_options){.io = &io, .tail_bytes = 1};
    bed.options.segment_bytes = 1u << 20;
    bed_open(&bed);
    const uint64_t wanted = 70; /* in one of the segments before the last */
    for (uint64_t number = 0; number < 100; number++) {
        struct appended appended;
        appended_init(&appended);
        memset(log_batch_add(&appended.batch, 1, 100000), (int)number, 100000);
        appended.batch.marked = number == wanted;
        ASSERT_OK(log_append(bed.log, &appended.batch, &err), err);
        appended_wait(&bed, &appended);
        assert_int_equal(appended.batch.outcome, LOG_STORED);
    }
    assert_true(bed_bounds(&bed).segments >= 10);
    bed_reopen(&bed);
    bytes_read = 0;
    struct log_chunk *chunk;
    assert_int_equal(log_read(bed.log, 0, 1 << 20, LOG_MARKED, &chunk, &err), LOG_READ);
    assert_int_equal(chunk->first_offset, wanted);
    assert_int_equal(chunk->next_offset, wanted + 1);
    log_chunk_unref(chunk);
    /* One index, the batch, and a piece for each header that is looked at: of it and of the next one. */
    CHECK(bytes_read < 100000 + 3 * 16384, "%" PRIu64 " bytes", bytes_read);
    bytes_read = 0;
    assert_int_equal(log_read(bed.log, wanted + 1, 1 << 20, LOG_MARKED, &chunk, &err), LOG_READ_END);
    assert_int_equal(bytes_read, 0);
    bed_remove(&bed);
}

int main(void)
{
    log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC)); /* indexes that are made again are a warning */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks_are_found_in_one_segment),
        cmocka_unit_test(test_marks_are_found_in_many_segments),
        cmocka_unit_test(test_marks_are_found_where_batches_are_compressed),
        cmocka_unit_test(test_a_mark_is_found_while_it_is_in_the_tail),
        cmocka_unit_test(test_marked_batches_in_a_row_are_read_at_once),
        cmocka_unit_test(test_what_is_not_marked_is_hardly_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
