/* A disk that is full or fails, step by step: what is told, and that the log goes on by itself. And the points at which a
 * process can be made to die: what it was told is stored is there. */
#include "log_test.h"
#include "sim_disk.h"

#include "base/log.h"

#include <signal.h>
#include <sys/wait.h>

#define DIR_NAME      "/disk/log"
#define FIRST_SEGMENT DIR_NAME "/00000000000000000000.seg"

static struct sim_disk *bed_on_disk(struct bed *bed, uint64_t seed)
{
    struct sim_disk *disk = sim_new(seed);
    *bed = (struct bed){.engine_options = {.io = &disk->io}};
    snprintf(bed->dir, sizeof bed->dir, "%s", DIR_NAME);
    clock_fake_set(1000, 1000000);
    bed_open(bed);
    return disk;
}

static void bed_end(struct bed *bed, struct sim_disk *disk)
{
    bed_close(bed);
    clock_fake_stop();
    sim_free(disk);
}

static void pass_seconds(struct bed *bed, int64_t seconds)
{
    clock_fake_advance_ms(seconds * 1000);
    while (log_engine_step(bed->engine))
        ;
}

static void test_a_full_disk_refuses_and_then_goes_on(void **state)
{
    (void)state;
    struct error err;
    struct bed bed;
    struct sim_disk *disk = bed_on_disk(&bed, 1);
    bed_fill(&bed, 10, 10);
    disk->faults.full = true;
    uint64_t offset = 10;
    enum log_outcome outcome;
    while ((outcome = bed_append(&bed, offset, 10, &err)) == LOG_STORED)
        offset += 10;
    assert_int_equal(outcome, LOG_REFUSED);
    assert_int_equal(err.code, ERR_NO_SPACE);
    assert_false(log_writable(bed.log, &err));
    assert_int_equal(err.code, ERR_NO_SPACE);
    assert_int_equal(bed_append(&bed, offset, 1, &err), LOG_REFUSED);
    assert_int_equal(err.code, ERR_READ_ONLY);
    assert_non_null(strstr(err.text, DIR_NAME));
    pass_seconds(&bed, 2);
    assert_false(log_writable(bed.log, NULL));
    assert_int_equal(bed_check(&bed, 0, 1000), offset);
    disk->faults.full = false;
    pass_seconds(&bed, 2);
    assert_true(log_writable(bed.log, NULL));
    bed_fill(&bed, 20, 5);
    assert_int_equal(bed_check(&bed, 0, 1000), offset + 20);
    bed_end(&bed, disk);
}

/* Retention must be able to make room. */
static void test_a_full_disk_can_be_trimmed(void **state)
{
    (void)state;
    struct error err;
    struct bed bed;
    struct sim_disk *disk = sim_new(5);
    bed =
        (struct bed){.engine_options = {.io = &disk->io}, .options = {.segment_bytes = SEGMENT_BYTES_LOWEST}};
    snprintf(bed.dir, sizeof bed.dir, "%s", DIR_NAME);
    bed_open(&bed);
    bed_fill(&bed, 300, 10);
    disk->faults.full = true;
    uint32_t segments = bed_bounds(&bed).segments;
    ASSERT_OK(log_trim(bed.log, 200, &err), err);
    assert_true(bed_bounds(&bed).segments < segments);
    sim_cut(disk);
    bed_close(&bed);
    sim_revive(disk);
    bed_open(&bed);
    assert_int_equal(bed_bounds(&bed).first, 200);
    assert_int_equal(bed_check(&bed, 200, 1000), 300);
    bed_close(&bed);
    sim_free(disk);
}

static void test_a_failed_sync_is_unknown_and_what_follows_has_its_offsets(void **state)
{
    (void)state;
    struct error err;
    struct bed bed;
    struct sim_disk *disk = bed_on_disk(&bed, 2);
    bed_fill(&bed, 10, 10);
    disk->faults.sync_eio = 1024;
    assert_int_equal(bed_append(&bed, 500, 7, &err), LOG_UNKNOWN);
    assert_int_equal(err.code, ERR_IO);
    assert_int_equal(bed_bounds(&bed).next, 10);
    disk->faults.sync_eio = 0;
    pass_seconds(&bed, 2);
    assert_true(log_writable(bed.log, NULL));
    bed_fill(&bed, 20, 5);
    assert_int_equal(bed_check(&bed, 0, 1000), 30);
    assert_int_equal(bed_bounds(&bed).segments, 2);
    sim_cut(disk);
    bed_close(&bed);
    sim_revive(disk);
    bed_open(&bed);
    assert_int_equal(bed_check(&bed, 0, 1000), 30);
    bed_end(&bed, disk);
}

/* What such a log has acknowledged and not yet synced is still in the system's memory: it is written again. */
static void test_a_failed_sync_loses_nothing_that_was_stored_without_it(void **state)
{
    (void)state;
    struct bed bed;
    struct sim_disk *disk = bed_on_disk(&bed, 3);
    bed.options.sync_ms = 100;
    log_set_options(bed.log, &bed.options);
    bed_fill(&bed, 30, 10);
    disk->faults.sync_eio = 1024;
    pass_seconds(&bed, 1);
    assert_false(log_writable(bed.log, NULL));
    assert_int_equal(bed_bounds(&bed).next, 30);
    disk->faults.sync_eio = 0;
    pass_seconds(&bed, 2);
    assert_true(log_writable(bed.log, NULL));
    bed_fill(&bed, 10, 10);
    pass_seconds(&bed, 1);
    sim_cut(disk);
    bed_close(&bed);
    sim_revive(disk);
    bed_open(&bed);
    assert_int_equal(bed_check(&bed, 0, 1000), 40);
    bed_end(&bed, disk);
}

/* A segment of which nothing is on disk is written again and takes the name of the former one, but the directory cannot be
 * synced: which of the two a power cut leaves nobody knows, so nothing may stand behind either. */
static void test_a_segment_whose_name_may_be_lost_is_followed_by_none(void **state)
{
    (void)state;
    struct bed bed;
    unsigned lost = 0;
    for (uint64_t seed = 1; seed <= 64; seed++) {
        struct sim_disk *disk = bed_on_disk(&bed, seed);
        bed.options.sync_ms = 100;
        log_set_options(bed.log, &bed.options);
        bed_fill(&bed, 30, 10);
        disk->faults.sync_eio = 1024;
        pass_seconds(&bed, 1);
        assert_false(log_writable(bed.log, NULL));
        disk->faults = (struct sim_faults){.dir_sync_eio = 1024};
        pass_seconds(&bed, 2);
        pass_seconds(&bed, 2);
        assert_true(disk->replaced_unsynced > 1);
        assert_int_equal(bed_check(&bed, 0, 1000), 30); /* readers have it all the same */
        sim_cut(disk);
        bed_close(&bed);
        sim_revive(disk);
        disk->faults = (struct sim_faults){0};
        bed_open(&bed);
        uint64_t end = bed_check(&bed, 0, 1000);
        CHECK(end <= 30 && end % 10 == 0, "seed %" PRIu64 ": it ends at %" PRIu64, seed, end);
        lost += end < 30;
        bed_fill(&bed, 10, 10);
        assert_int_equal(bed_check(&bed, 0, 1000), end + 10);
        bed_end(&bed, disk);
    }
    assert_true(lost > 0 && lost < 64);
}

static void test_a_batch_that_is_not_stored_can_be_appended_again(void **state)
{
    (void)state;
    struct error err;
    struct bed bed;
    struct sim_disk *disk = bed_on_disk(&bed, 4);
    struct appended appended;
    appended_init(&appended);
    for (unsigned i = 0; i < 10; i++)
        batch_add_number(&appended.batch, i, i);
    disk->faults.write_eio = 1024;
    ASSERT_OK(log_append(bed.log, &appended.batch, &err), err);
    appended_wait(&bed, &appended);
    assert_int_not_equal(appended.batch.outcome, LOG_STORED);
    assert_int_equal(appended.batch.count, 10);
    disk->faults.write_eio = 0;
    pass_seconds(&bed, 2);
    appended.done = false;
    ASSERT_OK(log_append(bed.log, &appended.batch, &err), err);
    appended_wait(&bed, &appended);
    assert_int_equal(appended.batch.outcome, LOG_STORED);
    assert_int_equal(log_batch_bytes(&appended.batch), 0);
    assert_int_equal(bed_check(&bed, 0, 1000), 10);
    bed_end(&bed, disk);
}

/* The system gives up pages that a sync has dropped: those that begin at or behind `position` of the log's one segment. */
static void drop_lost_pages(struct sim_disk *disk, uint64_t position)
{
    struct sim_file *file = &disk->files[disk->seen.entries[sim_find(&disk->seen, FIRST_SEGMENT)].file];
    for (size_t page = (position + SIM_PAGE - 1) / SIM_PAGE; page < file->pages.len; page++) {
        if (file->pages.data[page] == SIM_LOST) {
            sim_copy(&file->seen, &file->kept, page * SIM_PAGE, SIM_PAGE);
            file->pages.data[page] = SIM_CLEAN;
        }
    }
}

/* Opens it again as a process that was killed leaves it: what is seen stays. */
static void open_after_kill(struct bed *bed, struct sim_disk *disk)
{
    sim_kill(disk);
    bed_close(bed);
    sim_revive(disk);
    bed_open(bed);
}

/* A log that is closed ends in a stamp, which nobody syncs. */
static void test_a_stamp_that_a_failed_sync_dropped_leaves_no_hole(void **state)
{
    (void)state;
    for (size_t len = 0; len < SIM_PAGE;
         len += 8) { /* so that the stamp lies at and across the ends of pages */
        struct bed bed;
        struct error err;
        struct sim_disk *disk = bed_on_disk(&bed, 100 + len);
        struct appended appended;
        appended_init(&appended);
        memset(log_batch_add(&appended.batch, 0, len), 'x', len);
        ASSERT_OK(log_append(bed.log, &appended.batch, &err), err);
        appended_wait(&bed, &appended);
        uint64_t stamp = bed.log->position;
        bed_reopen(&bed);
        disk->faults.sync_eio = 1024;
        assert_int_equal(bed_append(&bed, 1, 5, &err), LOG_UNKNOWN);
        disk->faults.sync_eio = 0;
        drop_lost_pages(disk, stamp + 1);
        open_after_kill(&bed, disk);
        uint64_t next = bed_bounds(&bed).next;
        assert_true(next >= 1);
        bed_fill(&bed, 20, 5);
        sim_cut(disk);
        bed_close(&bed);
        sim_revive(disk);
        bed_open(&bed);
        assert_int_equal(bed_check(&bed, 1, 1000), next + 20);
        bed_end(&bed, disk);
    }
}

#ifdef VARVE_FAULTS

/* This program again, as the child: only a fresh process reads its environment. */
static void append_until_killed(const char *dir, const char *point)
{
    setenv("VARVE_FAULT", point, 1);
    execl("/proc/self/exe", "append", dir, (char *)NULL);
    _exit(3);
}

/* Appends and trims, and tells standard output the end of each batch that is stored. */
static int child(const char *dir)
{
    struct error err;
    struct bed bed = {.options = {.segment_bytes = SEGMENT_BYTES_LOWEST}};
    snprintf(bed.dir, sizeof bed.dir, "%s", dir);
    bed.engine = log_engine_start(&bed.engine_options, &err);
    bed.log = log_open(bed.engine, bed.dir, &bed.options, &err);
    if (bed.log == NULL)
        return 2;
    for (uint64_t next = bed_bounds(&bed).next; next < 400; next += 10) {
        if (bed_append(&bed, next, 10, &err) != LOG_STORED)
            return 2;
        uint64_t end = next + 10;
        if (write(STDOUT_FILENO, &end, sizeof end) != sizeof end)
            return 2;
        if (end % 100 == 0 && !log_trim(bed.log, end - 50, &err))
            return 2;
    }
    bed_close(&bed);
    return 0;
}

static void test_a_process_killed_at_any_point_has_what_it_was_told(void **state)
{
    (void)state;
    static const char *points[] = {
        "log.before_write:7",  "log.after_write:7",   "log.before_sync:7",         "log.after_sync:7",
        "log.before_seal:2",   "log.before_index:2",  "log.after_index:2",         "log.after_seal:2",
        "log.before_rename:1", "log.after_rename:1",  "log.before_rename:3",       "log.after_rename:3",
        "log.before_trim:2",   "log.before_start:2",  "log.before_start_rename:2", "log.after_start_rename:2",
        "log.after_trim:2",    "log.before_remove:2", "log.after_remove:2",
    };
    TABLE_EACH(point, points)
    {
        struct bed bed;
        bed_make(&bed);
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        if (pid == 0) {
            dup2(ends[1], STDOUT_FILENO);
            append_until_killed(bed.dir, *point);
        }
        close(ends[1]);
        uint64_t told = 0, end;
        while (read(ends[0], &end, sizeof end) == sizeof end)
            told = end;
        close(ends[0]);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s: status %d", *point, status);
        bed_open(&bed);
        struct log_bounds bounds = bed_bounds(&bed);
        CHECK(bounds.next == told || bounds.next == told + 10, "%s: told %" PRIu64 ", has %" PRIu64, *point,
              told, bounds.next);
        CHECK(bed_check(&bed, bounds.first, 1000) == bounds.next, "%s", *point);
        bed_fill(&bed, 100, 10);
        bed_reopen(&bed);
        CHECK(bed_check(&bed, bounds.first, 1000) == bounds.next + 100, "%s", *point);
        bed_remove(&bed);
    }
}

#endif

int main(int argc, char **argv)
{
    if (getenv("VARVE_VERBOSE") == NULL)
        log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_disk_refuses_and_then_goes_on),
        cmocka_unit_test(test_a_full_disk_can_be_trimmed),
        cmocka_unit_test(test_a_failed_sync_is_unknown_and_what_follows_has_its_offsets),
        cmocka_unit_test(test_a_failed_sync_loses_nothing_that_was_stored_without_it),
        cmocka_unit_test(test_a_segment_whose_name_may_be_lost_is_followed_by_none),
        cmocka_unit_test(test_a_batch_that_is_not_stored_can_be_appended_again),
        cmocka_unit_test(test_a_stamp_that_a_failed_sync_dropped_leaves_no_hole),
#ifdef VARVE_FAULTS
        cmocka_unit_test(test_a_process_killed_at_any_point_has_what_it_was_told),
#endif
    };
#ifdef VARVE_FAULTS
    if (argc == 2 && strcmp(argv[0], "append") == 0)
        return child(argv[1]);
#endif
    (void)argc;
    (void)argv;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
