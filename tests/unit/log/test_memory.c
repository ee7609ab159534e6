/* No memory at the n-th call: what reads files whose sizes others decide says ERR_NO_MEMORY and changes nothing, and the next
 * call goes on as if nothing had been. (Small structures are another matter: without memory for them the process ends.) */
#include "log_test.h"

#include "base/log.h"

#define RECORDS 600
#define TRIMMED 70
#define CALLS   40 /* more than any of these operations makes */

static bool is_marked(uint64_t offset)
{
    return offset / 15 % 5 == 0;
}

/* Some full segments, plain and compressed batches, marked ones, a low-water mark. Nothing is kept in memory. */
static void make_log(struct bed *bed)
{
    struct error err;
    bed_make(bed);
    bed->engine_options.tail_bytes = 1;
    bed->options.segment_bytes = SEGMENT_BYTES_LOWEST;
    bed_open(bed);
    for (uint64_t number = 0; number < RECORDS; number += 15) {
        struct appended appended;
        appended_init(&appended);
        for (unsigned i = 0; i < 15; i++)
            batch_add_number(&appended.batch, number + i, (int64_t)(number + i));
        appended.batch.marked = is_marked(number);
        ASSERT_OK(log_append(bed->log, &appended.batch, &err), err);
        appended_wait(bed, &appended);
        log_batch_reset(&appended.batch);
        struct log_options options = bed->options;
        options.compress = number >= RECORDS / 2;
        log_set_options(bed->log, &options);
    }
    ASSERT_OK(log_trim(bed->log, TRIMMED, &err), err);
    assert_true(bed_bounds(bed).segments > 2);
}

/* A reader comes anew: the files are opened and their indexes read again. */
static void forget_files(struct bed *bed)
{
    files_drop(bed->engine, bed->log->id, UINT64_MAX);
}

static void remove_indexes(const struct bed *bed)
{
    DIR *dir = opendir(bed->dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        uint64_t first;
        if (name_is_segment(entry->d_name, ".idx", &first))
            assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
    }
    closedir(dir);
}

static void check_all(struct bed *bed)
{
    assert_int_equal(bed_bounds(bed).first, TRIMMED);
    assert_int_equal(bed_check(bed, TRIMMED, 700), RECORDS);
}

/* Once, or from then on: what is tried again by itself gets over the first. */
static void fail_at(unsigned long n, bool lasting)
{
    if (lasting)
        mem_fail_from(n);
    else
        mem_fail_at(n);
}

static void open_at_every_failure(struct bed *bed, bool without_indexes)
{
    struct error err;
    unsigned failed = 0;
    for (unsigned long n = 1; n <= CALLS; n++) {
        bed_close(bed);
        if (without_indexes)
            remove_indexes(bed);
        bed->engine = log_engine_start(&bed->engine_options, &err);
        fail_at(n, n % 2 == 0);
        bed->log = log_open(bed->engine, bed->dir, &bed->options, &err);
        mem_fail_at(0);
        if (bed->log == NULL) {
            CHECK(err.code == ERR_NO_MEMORY && strstr(err.text, bed->dir) != NULL, "n %lu: %s", n, err.text);
            failed++;
            bed->log = log_open(bed->engine, bed->dir, &bed->options, &err);
            if (bed->log == NULL)
                fail_msg("n %lu: then: %s", n, err.text);
        }
        check_all(bed);
    }
    assert_true(failed > 0 && failed < CALLS);
}

static void test_a_log_that_is_not_opened_for_want_of_memory_is_as_it_was(void **state)
{
    (void)state;
    struct bed bed;
    make_log(&bed);
    open_at_every_failure(&bed, false);
    open_at_every_failure(&bed, true);
    bed_remove(&bed);
}

/* Reads the log as `flags` says. False: ERR_NO_MEMORY. */
static bool read_log(struct bed *bed, unsigned flags, unsigned long n)
{
    struct error err;
    struct log_chunk *chunk;
    uint64_t offset = TRIMMED;
    enum log_read_result result;
    while ((result = log_read(bed->log, offset, 700, flags, &chunk, &err)) == LOG_READ) {
        struct log_cursor cursor;
        struct log_record record;
        for (uint64_t passed = offset; passed < chunk->first_offset; passed++)
            CHECK((flags & LOG_MARKED) != 0 && !is_marked(passed), "n %lu: %" PRIu64 " is left out", n,
                  passed);
        log_cursor_init(&cursor, chunk, offset);
        while (log_cursor_next(&cursor, &record))
            CHECK(record_is(&record, record.offset), "n %lu: offset %" PRIu64, n, record.offset);
        offset = chunk->next_offset;
        log_chunk_unref(chunk);
    }
    if (result == LOG_READ_END)
        return true;
    CHECK(result == LOG_READ_FAILED && err.code == ERR_NO_MEMORY, "n %lu: %d, %s", n, result, err.text);
    return false;
}

static void test_a_read_that_fails_for_want_of_memory_is_repeated(void **state)
{
    (void)state;
    struct bed bed;
    make_log(&bed);
    for (unsigned flags = 0; flags <= LOG_MARKED; flags += LOG_MARKED) {
        for (unsigned indexed = 0; indexed < 2; indexed++) {
            unsigned failed = 0;
            for (unsigned long n = 1; n <= CALLS; n++) {
                forget_files(&bed);
                if (indexed == 0)
                    remove_indexes(&bed);
                mem_fail_from(n);
                failed += !read_log(&bed, flags, n);
                forget_files(&bed);
                mem_fail_at(n);
                read_log(&bed, flags, n);
                mem_fail_at(0);
                CHECK(read_log(&bed, flags, n), "n %lu", n);
            }
            assert_true(failed > 2);
        }
    }
    check_all(&bed);
    bed_remove(&bed);
}

static void test_a_search_that_fails_for_want_of_memory_is_repeated(void **state)
{
    (void)state;
    struct bed bed;
    struct error err;
    unsigned failed = 0;
    make_log(&bed);
    for (unsigned long n = 1; n <= CALLS; n++) {
        for (uint64_t wanted = TRIMMED; wanted < RECORDS; wanted += 90) {
            uint64_t offset = 0;
            forget_files(&bed);
            fail_at(n, wanted % 20 == 0);
            bool by_time = log_offset_of_time(bed.log, (int64_t)wanted, &offset, &err);
            CHECK(by_time ? offset == wanted : err.code == ERR_NO_MEMORY, "n %lu: %s", n, err.text);
            forget_files(&bed);
            fail_at(n, wanted % 20 == 0);
            bool by_bytes = log_offset_of_bytes(bed.log, bytes_of(wanted, RECORDS), &offset, &err);
            CHECK(by_bytes ? offset == wanted : err.code == ERR_NO_MEMORY, "n %lu: %s", n, err.text);
            mem_fail_at(0);
            failed += !by_time + !by_bytes;
            ASSERT_OK(log_offset_of_time(bed.log, (int64_t)wanted, &offset, &err), err);
            assert_int_equal(offset, wanted);
        }
    }
    assert_true(failed > 2);
    bed_remove(&bed);
}

/* Appending and trimming ask for nothing that others decide on: they go on without. */
static void test_appending_and_trimming_need_no_such_memory(void **state)
{
    (void)state;
    struct bed bed;
    struct error err;
    make_log(&bed);
    uint64_t next = RECORDS;
    for (unsigned long n = 1; n <= 10; n++, next += 200) {
        mem_fail_at(n);
        for (uint64_t number = next; number < next + 200; number += 20)
            assert_int_equal(bed_append(&bed, number, 20, &err), LOG_STORED);
        bool trimmed = log_trim(bed.log, TRIMMED + n, &err);
        mem_fail_at(0);
        CHECK(trimmed || err.code == ERR_NO_MEMORY, "n %lu: %s", n, err.text);
    }
    assert_int_equal(bed_check(&bed, bed_bounds(&bed).first, 700), next);
    bed_remove(&bed);
}

static void test_a_check_without_memory_is_no_finding(void **state)
{
    (void)state;
    struct bed bed;
    struct error err;
    struct log_summary summary;
    unsigned failed = 0;
    make_log(&bed);
    bed_close(&bed);
    for (unsigned long n = 1; n <= CALLS; n++) {
        mem_fail_at(n);
        bool ok = log_verify(bed.dir, NULL, NULL, &summary, &err);
        mem_fail_at(0);
        CHECK(ok || (err.code == ERR_NO_MEMORY && strstr(err.text, bed.dir) != NULL), "n %lu: %s", n,
              err.text);
        CHECK(summary.findings == 0, "n %lu: %u findings", n, summary.findings);
        failed += !ok;
    }
    assert_true(failed > 2 && failed < CALLS);
    bed_open(&bed);
    check_all(&bed);
    bed_remove(&bed);
}

static int quiet(void **state)
{
    (void)state;
    log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_log_that_is_not_opened_for_want_of_memory_is_as_it_was),
        cmocka_unit_test(test_a_read_that_fails_for_want_of_memory_is_repeated),
        cmocka_unit_test(test_a_search_that_fails_for_want_of_memory_is_repeated),
        cmocka_unit_test(test_appending_and_trimming_need_no_such_memory),
        cmocka_unit_test(test_a_check_without_memory_is_no_finding),
    };
    return cmocka_run_group_tests(tests, quiet, NULL);
}
