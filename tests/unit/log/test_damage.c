/* Damage to a closed log: bits of every file flipped, one after the other; files cut, emptied and missing. Whatever it is, it
 * is reported, or all records are served as they were.
 *
 * Each run flips one bit in seven, so at least one of every byte; with ThreadSanitizer, which has nothing to find in one
 * thread, one in 61. VARVE_SEED says where they begin. VARVE_FLIPS=1 flips all, n one in n. */
#include "log_test.h"
#include "sim_disk.h"

#include "base/log.h"

#define DIR_NAME "/disk/log"
#define RECORDS  180
#define TRIMMED  70 /* the first segment is below */
#ifdef __SANITIZE_THREAD__
#define FLIPS_EACH   61
#define LENGTHS_EACH 16
#else
#define LENGTHS_EACH 1
#define FLIPS_EACH   7 /* none with a common divisor with 8: no bit of a byte is left out for ever */
#endif

static struct bed *bed_on(struct sim_disk *disk, struct bed *bed)
{
    *bed = (struct bed){.engine_options = {.io = &disk->io, .tail_bytes = 1},
                        .options = {.segment_bytes = SEGMENT_BYTES_LOWEST}};
    snprintf(bed->dir, sizeof bed->dir, "%s", DIR_NAME);
    return bed;
}

/* Every third batch is marked; the first half has 6 records a batch, the second 15. */
static bool is_marked(uint64_t offset)
{
    return (offset < RECORDS / 2 ? offset / 6 : (offset - RECORDS / 2) / 15) % 3 == 0;
}

static void fill(struct bed *bed, uint64_t from, uint64_t to, unsigned each)
{
    for (uint64_t number = from; number < to; number += each) {
        struct error err;
        struct appended appended;
        appended_init(&appended);
        for (unsigned i = 0; i < each; i++)
            batch_add_number(&appended.batch, number + i, (int64_t)(number + i));
        appended.batch.marked = is_marked(number);
        ASSERT_OK(log_append(bed->log, &appended.batch, &err), err);
        appended_wait(bed, &appended);
        assert_int_equal(appended.batch.outcome, LOG_STORED);
    }
}

/* Some full segments with indexes, a low-water mark, compressed batches, marked ones. */
static struct sim_disk *make_log(void)
{
    struct error err;
    struct bed bed;
    struct sim_disk *disk = sim_new(1);
    bed_open(bed_on(disk, &bed));
    fill(&bed, 0, RECORDS / 2, 6);
    struct log_options options = bed.options;
    options.compress = true;
    log_set_options(bed.log, &options);
    fill(&bed, RECORDS / 2, RECORDS, 15);
    ASSERT_OK(log_trim(bed.log, TRIMMED, &err), err);
    struct log_bounds bounds = bed_bounds(&bed);
    assert_true(bounds.segments >= 2 && bed.log->sealed[0].first > 0);
    bed_close(&bed);
    return disk;
}

enum served { SERVED_ALL, SERVED_REPORTED };

/* Reads what is marked: a wrong record, one that is not marked, or one that is left out without a report fails the test. */
static enum served serve_marked(struct log *log, const char *what)
{
    struct error err;
    struct log_chunk *chunk;
    enum log_read_result read;
    uint64_t offset = TRIMMED, expected = TRIMMED;
    for (; (read = log_read(log, offset, 700, LOG_MARKED, &chunk, &err)) == LOG_READ; offset = expected) {
        for (; expected < chunk->first_offset; expected++)
            CHECK(!is_marked(expected), "%s: offset %" PRIu64 " is passed over", what, expected);
        struct log_cursor cursor;
        struct log_record record;
        log_cursor_init(&cursor, chunk, offset);
        for (; log_cursor_next(&cursor, &record); expected++) {
            CHECK(record.offset == expected && is_marked(expected) && record_is(&record, expected),
                  "%s: marked offset %" PRIu64, what, expected);
        }
        log_chunk_unref(chunk);
    }
    if (read == LOG_READ_FAILED) {
        CHECK(err.code == ERR_CORRUPT, "%s: %s", what, err.text);
        return SERVED_REPORTED;
    }
    CHECK(read == LOG_READ_END, "%s: offset %" PRIu64 " is trimmed", what, offset);
    for (; expected < RECORDS; expected++)
        CHECK(!is_marked(expected), "%s: offset %" PRIu64 " is passed over", what, expected);
    return SERVED_ALL;
}

/* Opens and reads all; a wrong or missing record without a report fails the test. */
static enum served serve(struct sim_disk *disk, const char *what)
{
    struct error err;
    struct bed bed;
    bed_on(disk, &bed);
    enum served result = SERVED_REPORTED;
    bed.engine = log_engine_start(&bed.engine_options, &err);
    bed.log = log_open(bed.engine, bed.dir, &bed.options, &err);
    if (bed.log == NULL) {
        CHECK(err.code == ERR_CORRUPT && err.text[0] != '\0' && err.hint[0] != '\0', "%s: %s", what,
              err.text);
    }
    uint64_t offset = TRIMMED;
    while (bed.log != NULL) {
        struct log_chunk *chunk;
        enum log_read_result read = log_read(bed.log, offset, 700, 0, &chunk, &err);
        if (read == LOG_READ_FAILED) {
            CHECK(err.code == ERR_CORRUPT, "%s: %s", what, err.text);
            break;
        }
        if (read == LOG_READ_END) {
            CHECK(offset == RECORDS, "%s: the log ends at %" PRIu64, what, offset);
            result = serve_marked(bed.log, what);
            CHECK(result == SERVED_ALL, "%s: what is read is not found by its mark", what);
            break;
        }
        CHECK(read == LOG_READ, "%s: offset %" PRIu64 " is trimmed", what, offset);
        struct log_cursor cursor;
        struct log_record record;
        log_cursor_init(&cursor, chunk, offset);
        for (; log_cursor_next(&cursor, &record); offset++) {
            CHECK(record.offset == offset && record.time_ms == (int64_t)offset && record_is(&record, offset),
                  "%s: offset %" PRIu64, what, offset);
        }
        log_chunk_unref(chunk);
    }
    bed_close(&bed);
    return result;
}

/* The files of the log as they are, to be put back. */
struct copy {
    struct sim_table names;
    struct buf files[SIM_FILES];
};

static struct copy *copy_make(struct sim_disk *disk)
{
    struct copy *copy = mem_zalloc(sizeof *copy);
    copy->names = disk->seen;
    for (int i = 0; i < SIM_FILES; i++)
        buf_append(&copy->files[i], disk->files[i].seen.data, disk->files[i].seen.len);
    return copy;
}

static void copy_restore(struct sim_disk *disk, const struct copy *copy)
{
    disk->seen = disk->kept = copy->names;
    disk->journal_count = 0;
    for (int i = 0; i < copy->names.count; i++) {
        int file = copy->names.entries[i].file;
        if (file < 0)
            continue;
        disk->files[file].used = true;
        disk->files[file].seen.len = 0;
        buf_append(&disk->files[file].seen, copy->files[file].data, copy->files[file].len);
    }
}

static void copy_free(struct copy *copy)
{
    for (int i = 0; i < SIM_FILES; i++)
        buf_free(&copy->files[i]);
    mem_free(copy);
}

static uint64_t one_in(void)
{
    const char *given = getenv("VARVE_FLIPS");
    uint64_t each = given != NULL ? strtoull(given, NULL, 10) : FLIPS_EACH;
    return each > 0 ? each : 1;
}

static void test_no_flipped_bit_is_served(void **state)
{
    (void)state;
    struct sim_disk *disk = make_log();
    struct copy *copy = copy_make(disk);
    unsigned flips = 0, reported = 0;
    uint64_t each = one_in(), number = each > 1 ? harness_seed() % each : 0;
    for (int i = 0; i < copy->names.count; i++) {
        const struct sim_entry *entry = &copy->names.entries[i];
        for (size_t at = 0; entry->file >= 0 && at < copy->files[entry->file].len; at++) {
            for (int bit = 0; bit < 8; bit++) {
                if (number++ % each != 0)
                    continue;
                char what[160];
                snprintf(what, sizeof what, "%s, byte %zu, bit %d", entry->name, at, bit);
                disk->files[entry->file].seen.data[at] ^= (uint8_t)(1 << bit);
                struct log_summary summary;
                struct error err;
                ASSERT_OK(verify_dir(&disk->io, DIR_NAME, NULL, NULL, &summary, &err), err);
                enum served served = serve(disk, what);
                CHECK(served == SERVED_ALL || summary.findings > 0, "%s: verify finds nothing", what);
                flips++;
                reported += served == SERVED_REPORTED;
                copy_restore(disk, copy);
            }
        }
    }
    print_message("%u flips, %u reported, the others harmless\n", flips, reported);
    assert_true(flips > 40000 / each &&
                reported > flips / 2); /* harmless: indexes, and one of two low-water marks */
    assert_int_equal(serve(disk, "as it was"), SERVED_ALL);
    copy_free(copy);
    sim_free(disk);
}

/* Cutting the last segment within what was acknowledged cannot be told from a torn tail; anywhere else it is seen. */
static void test_files_that_are_cut_or_missing_are_reported(void **state)
{
    (void)state;
    struct sim_disk *disk = make_log();
    struct copy *copy = copy_make(disk);
    uint64_t each = LENGTHS_EACH;
    if (one_in() < FLIPS_EACH)
        each = 1;
    uint64_t number = each > 1 ? harness_seed() % each : 0;
    char last[SIM_NAME] = "";
    for (int i = 0; i < copy->names.count; i++) {
        if (str_ends(str_of(copy->names.entries[i].name), STR(".seg")) &&
            strcmp(copy->names.entries[i].name, last) > 0)
            memcpy(last, copy->names.entries[i].name, sizeof last);
    }
    for (int i = 0; i < copy->names.count; i++) {
        const struct sim_entry *entry = &copy->names.entries[i];
        if (entry->file < 0 || strcmp(entry->name, last) == 0)
            continue;
        bool index = str_ends(str_of(entry->name), STR(".idx"));
        for (size_t len = 0; len < copy->files[entry->file].len; len++) {
            if (number++ % each != 0)
                continue;
            disk->files[entry->file].seen.len = len;
            enum served served = serve(disk, entry->name);
            CHECK(served == (index ? SERVED_ALL : SERVED_REPORTED), "%s cut to %zu bytes", entry->name, len);
            copy_restore(disk, copy);
        }
        sim_drop(&disk->seen, entry->name);
        enum served served = serve(disk, entry->name);
        CHECK(served == (index ? SERVED_ALL : SERVED_REPORTED), "%s is missing", entry->name);
        copy_restore(disk, copy);
    }
    copy_free(copy);
    sim_free(disk);
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
        cmocka_unit_test(test_no_flipped_bit_is_served),
        cmocka_unit_test(test_files_that_are_cut_or_missing_are_reported),
    };
    return cmocka_run_group_tests(tests, quiet, NULL);
}
