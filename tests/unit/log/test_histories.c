/* Random histories of a log on a disk that fails: appends, trims, clean closes, kills and power cuts, with short writes,
 * a full disk, failing writes, syncs, renames and reads. After each restart:
 *
 * - what was acknowledged as stored is there once, at its offset, byte for byte (a log that does not sync before it
 *   acknowledges may lose its newest records to a power cut, but no older ones);
 * - what else is there was appended, as a whole, and was not refused;
 * - what has once been read after a restart stays;
 * - the low-water mark is where the last trim has put it;
 * - marked batches, and no others, are found by their marks;
 * - the log opens: nothing that such a disk does looks like corruption.
 *
 * VARVE_HISTORIES=n runs n of them (default: some thousand; a tenth for ThreadSanitizer, which has nothing to find in one
 * thread); the seed of a failing one is printed, and VARVE_SEED=n
 * begins with it. */
#include "log_test.h"
#include "sim_disk.h"

#include "base/log.h"

#define DIR_NAME    "/disk/log"
#define STEPS       60
#define OFFSETS_MAX 8192
#define IN_FLIGHT   8
#ifdef __SANITIZE_THREAD__
#define HISTORIES 300
#else
#define HISTORIES 2000
#endif
#define UNKNOWN_HERE 0

struct history {
    uint64_t seed;
    struct random random;
    struct sim_disk *disk;
    struct log_engine *engine;
    struct log *log;
    struct log_options options;
    bool uniform; /* all batches look alike, so that one may fit where another was */
    uint64_t mark_one_of;

    /* What is known: the number of the record at each offset, or UNKNOWN_HERE. */
    uint64_t at[OFFSETS_MAX];
    bool never[OFFSETS_MAX];     /* by number: its append was refused */
    bool marked[OFFSETS_MAX];    /* by number: its batch was marked */
    uint64_t end;                /* behind the newest that is known */
    uint64_t low, low_attempted; /* the mark; and the highest of trims that have failed */
    uint64_t next_number;        /* records are numbered from 1 */
    bool power_cut;              /* since the log was open */
    bool sync_failed;
    unsigned opens, cuts, stored, unknown, refused, replaced;
};

/* A batch on its way. */
struct flight {
    struct log_batch batch;
    struct history *history;
    uint64_t number;
    unsigned count;
    bool busy;
};

static struct flight flights[IN_FLIGHT];

#define EXPECT(history, condition, ...)                                                         \
    do {                                                                                        \
        if (!(condition)) {                                                                     \
            print_error("VARVE_SEED=%" PRIu64 " open %u: ", (history)->seed, (history)->opens); \
            print_error(__VA_ARGS__);                                                           \
            print_error("\n");                                                                  \
            fail_msg("%s", #condition);                                                         \
        }                                                                                       \
    } while (0)

static uint64_t below(struct history *history, uint64_t bound)
{
    return random_below(&history->random, bound);
}

static bool waits_for_sync(const struct history *history)
{
    return history->options.sync_ms == LOG_SYNC_COMMIT;
}

/* ---- Records: their number gives their bytes, and their time or their first bytes the number ---------------------- */

static size_t len_of(const struct history *history, uint64_t number)
{
    uint64_t kind = number * 2654435761u >> 3;
    if (history->uniform)
        return 24;
    return kind % 37 == 0 ? 3000 + kind % 3000 : kind % 5 == 0 ? 0 : kind % 200;
}

static int64_t time_of(const struct history *history, uint64_t number)
{
    return history->uniform ? 7 : (int64_t)number;
}

static void fill(const struct history *history, uint8_t *out, uint64_t number)
{
    for (size_t i = 0, len = len_of(history, number); i < len; i++)
        out[i] = (uint8_t)(number >> 8 * (i % 3) ^ i % 11);
    if (history->uniform)
        put_le64(out, number);
}

static bool is_record(const struct history *history, const struct log_record *record, uint64_t number)
{
    uint8_t expected[8192];
    fill(history, expected, number);
    return record->time_ms == time_of(history, number) && record->data.len == len_of(history, number) &&
           memcmp(record->data.data, expected, record->data.len) == 0;
}

/* ---- Appending ----------------------------------------------------------------------------------------------------- */

static void ended(struct log_batch *batch, const struct error *err)
{
    struct flight *flight = CONTAINER_OF(batch, struct flight, batch);
    struct history *history = flight->history;
    flight->busy = false;
    if (history->disk->dead) {
        log_batch_reset(batch);
        return;
    }
    assert((err == NULL) == (batch->outcome == LOG_STORED));
    history->stored += batch->outcome == LOG_STORED;
    history->unknown += batch->outcome == LOG_UNKNOWN;
    history->refused += batch->outcome == LOG_REFUSED;
    for (unsigned i = 0; i < flight->count; i++)
        history->never[flight->number + i] = batch->outcome == LOG_REFUSED;
    for (unsigned i = 0; i < flight->count && batch->outcome == LOG_STORED; i++) {
        uint64_t offset = batch->first_offset + i;
        assert(offset < OFFSETS_MAX);
        EXPECT(history, history->at[offset] == UNKNOWN_HERE, "offset %" PRIu64 " is given twice", offset);
        history->at[offset] = flight->number + i;
        history->end = offset + 1;
    }
    log_batch_reset(batch);
}

static void append(struct history *history)
{
    struct flight *flight = flights;
    while (flight->busy && flight < flights + IN_FLIGHT - 1)
        flight++;
    if (flight->busy || history->next_number > OFFSETS_MAX - 64)
        return;
    flight->history = history;
    flight->batch.done = ended;
    flight->number = history->next_number;
    flight->count = history->uniform ? 1 : 1 + (unsigned)below(history, below(history, 4) == 0 ? 20 : 3);
    for (unsigned i = 0; i < flight->count; i++) {
        uint64_t number = flight->number + i;
        fill(history, log_batch_add(&flight->batch, time_of(history, number), len_of(history, number)),
             number);
    }
    history->next_number += flight->count;
    flight->batch.marked = below(history, history->mark_one_of) == 0;
    for (unsigned i = 0; i < flight->count; i++)
        history->marked[flight->number + i] = flight->batch.marked;
    flight->busy = log_append(history->log, &flight->batch, NULL);
    if (!flight->busy)
        log_batch_reset(&flight->batch);
}

static void step(struct history *history)
{
    while (log_engine_step(history->engine))
        ;
}

/* ---- Checking -------------------------------------------------------------------------------------------------------- */

/* The number of a record that is at an offset where none is known. */
static uint64_t recognise(struct history *history, const struct log_record *record)
{
    uint64_t number = !history->uniform        ? (uint64_t)record->time_ms
                      : record->data.len == 24 ? get_le64((const uint8_t *)record->data.data)
                                               : 0;
    EXPECT(history, number != 0 && number < history->next_number && is_record(history, record, number),
           "offset %" PRIu64 " holds what nobody appended", record->offset);
    EXPECT(history, !history->never[number], "offset %" PRIu64 " holds what was refused", record->offset);
    return number;
}

static void check_record(struct history *history, const struct log_record *record, uint64_t *last)
{
    uint64_t known = history->at[record->offset];
    if (known != UNKNOWN_HERE) {
        EXPECT(history, is_record(history, record, known),
               "offset %" PRIu64 " is not record %" PRIu64 ": time %" PRId64, record->offset, known,
               record->time_ms);
    }
    uint64_t number = known != UNKNOWN_HERE ? known : recognise(history, record);
    /* Appended in the order of their numbers, so they are in it, and none is there twice. */
    EXPECT(history, number > *last, "record %" PRIu64 " comes after %" PRIu64, number, *last);
    *last = number;
    history->at[record->offset] = number;
}

/* Reads all from the low-water mark on. False: a read has failed, as the disk may. */
static bool check_all(struct history *history, bool may_fail)
{
    struct log_bounds bounds;
    struct error err;
    log_bounds(history->log, &bounds);
    uint64_t bytes = 0, last = 0;
    for (uint64_t offset = bounds.first; offset < bounds.next;) {
        struct log_chunk *chunk;
        enum log_read_result result =
            log_read(history->log, offset, 1 + below(history, 5000), 0, &chunk, &err);
        if (result == LOG_READ_FAILED && may_fail && err.code != ERR_CORRUPT)
            return false;
        EXPECT(history, result == LOG_READ, "read of %" PRIu64 ": %s", offset, err.text);
        struct log_cursor cursor;
        struct log_record record;
        log_cursor_init(&cursor, chunk, offset);
        while (log_cursor_next(&cursor, &record)) {
            EXPECT(history, record.offset == offset, "offset %" PRIu64 " after %" PRIu64, record.offset,
                   offset);
            check_record(history, &record, &last);
            bytes += record.data.len;
            offset++;
        }
        log_chunk_unref(chunk);
    }
    EXPECT(history, bytes == bounds.bytes, "%" PRIu64 " bytes, not %" PRIu64, bytes, bounds.bytes);
    return true;
}

/* Seeking agrees with what is known of all records. */
static void check_seeks(struct history *history)
{
    struct log_bounds bounds;
    uint64_t offset;
    log_bounds(history->log, &bounds);
    int64_t time = (int64_t)below(history, history->uniform ? 10 : history->next_number + 2);
    if (log_offset_of_time(history->log, time, &offset, NULL)) {
        uint64_t expected = bounds.first;
        while (expected < bounds.next && time_of(history, history->at[expected]) < time)
            expected++;
        EXPECT(history, offset == expected, "time %" PRId64 ": %" PRIu64 ", not %" PRIu64, time, offset,
               expected);
    }
    uint64_t bytes = below(history, bounds.bytes + 10);
    if (log_offset_of_bytes(history->log, bytes, &offset, NULL)) {
        uint64_t expected = bounds.next, sum = 0;
        while (expected > bounds.first && sum + len_of(history, history->at[expected - 1]) <= bytes)
            sum += len_of(history, history->at[--expected]);
        EXPECT(history, offset == expected, "bytes %" PRIu64 ": %" PRIu64 ", not %" PRIu64, bytes, offset,
               expected);
    }
}

/* What is marked from some offset on: all of it and nothing else. All offsets are known. */
static void check_marks(struct history *history)
{
    struct log_bounds bounds;
    struct error err;
    struct log_chunk *chunk;
    log_bounds(history->log, &bounds);
    uint64_t offset = bounds.first + below(history, bounds.next - bounds.first + 1);
    enum log_read_result result;
    while ((result = log_read(history->log, offset, 1 + below(history, 5000), LOG_MARKED, &chunk, &err)) ==
           LOG_READ) {
        for (uint64_t end = chunk->next_offset; offset < end; offset++) {
            EXPECT(history, history->marked[history->at[offset]] == (offset >= chunk->first_offset),
                   "the mark of offset %" PRIu64 ", read from %" PRIu64, offset, chunk->first_offset);
        }
        log_chunk_unref(chunk);
    }
    EXPECT(history, result == LOG_READ_END || (result == LOG_READ_FAILED && err.code != ERR_CORRUPT),
           "marks from %" PRIu64 ": %s", offset, err.text);
    for (; result == LOG_READ_END && offset < bounds.next; offset++)
        EXPECT(history, !history->marked[history->at[offset]], "offset %" PRIu64 " is marked", offset);
}

/* What must be there after a restart. */
static void check_bounds(struct history *history)
{
    struct log_bounds bounds;
    log_bounds(history->log, &bounds);
    EXPECT(history, bounds.first >= history->low && bounds.first <= history->low_attempted,
           "the log begins at %" PRIu64 ", not from %" PRIu64 " to %" PRIu64, bounds.first, history->low,
           history->low_attempted);
    history->low = history->low_attempted = bounds.first;
    bool may_lose = !waits_for_sync(history) && (history->power_cut || history->sync_failed);
    if (may_lose && bounds.next < history->end) {
        for (uint64_t offset = bounds.next; offset < history->end; offset++)
            history->at[offset] = UNKNOWN_HERE;
        history->end = bounds.next;
    }
    EXPECT(history, bounds.next >= history->end, "the log ends at %" PRIu64 ", before %" PRIu64, bounds.next,
           history->end);
    history->end = bounds.next;
}

/* ---- Restarting -------------------------------------------------------------------------------------------------------- */

static void open_log(struct history *history)
{
    struct error err;
    bool faulty = below(history, 2) == 0;
    struct sim_faults faults = history->disk->faults;
    for (unsigned tries = 0;; tries++) {
        history->opens++;
        if (!faulty || tries > 3)
            history->disk->faults = (struct sim_faults){0};
        struct log_engine_options engine_options = {
            .io = &history->disk->io, .tail_bytes = 1 + below(history, 8000), .open_files = 2};
        history->engine = log_engine_start(&engine_options, &err);
        history->log = log_open(history->engine, DIR_NAME, &history->options, &err);
        if (history->log != NULL) {
            check_bounds(history);
            if (check_all(history, true)) {
                check_marks(history);
                break;
            }
        } else {
            EXPECT(history, err.code == ERR_IO || err.code == ERR_NO_SPACE, "open: %s", err.text);
            EXPECT(history, faulty && tries <= 3, "open without faults: %s", err.text);
        }
        sim_kill(history->disk);
        log_close(history->log);
        log_engine_stop(history->engine);
        history->sync_failed = true;
        sim_revive(history->disk);
    }
    history->disk->faults = faults;
    history->power_cut = history->sync_failed = false;
}

static void end_process(struct history *history)
{
    uint64_t how = below(history, 3);
    if (how == 1)
        sim_kill(history->disk);
    if (how == 2)
        sim_cut(history->disk);
    history->power_cut = how == 2;
    history->cuts += how == 2;
    if (history->disk->faults.sync_eio != 0)
        history->sync_failed = true;
    log_close(history->log);
    log_engine_stop(history->engine);
    history->log = NULL;
    for (size_t i = 0; i < IN_FLIGHT; i++)
        EXPECT(history, !flights[i].busy, "a batch was never done");
    sim_revive(history->disk);
}

static void trim(struct history *history)
{
    struct log_bounds bounds;
    log_bounds(history->log, &bounds);
    uint64_t mark = bounds.first + below(history, bounds.next - bounds.first + 1);
    if (below(history, 4) != 0)
        mark = bounds.first + (mark - bounds.first) / 4;
    if (log_trim(history->log, mark, NULL)) {
        if (mark > bounds.first) /* else it did nothing */
            history->low = history->low_attempted = mark;
    } else {
        log_bounds(history->log, &bounds);
        history->low_attempted = mark > history->low_attempted ? mark : history->low_attempted;
        history->low = bounds.first; /* it has passed the mark, and something after that has failed */
    }
}

static void change_faults(struct history *history)
{
    struct sim_faults *faults = &history->disk->faults;
    *faults = (struct sim_faults){0};
    switch (below(history, 9)) {
    case 0: faults->short_write = 300; break;
    case 1: faults->write_eio = 200; break;
    case 2: faults->sync_eio = 300; break;
    case 3: faults->dir_sync_eio = 300; break;
    case 4: faults->name_eio = 200; break;
    case 5:
        faults->full = true;
        faults->short_write = 300;
        break;
    case 6: *faults = (struct sim_faults){100, 50, 100, 100, 50, 20, below(history, 4) == 0}; break;
    case 7: /* segments of which nothing is on disk are replaced, and nobody knows which of the two has the name */
        faults->sync_eio = 400;
        faults->dir_sync_eio = 600;
        break;
    default: break;
    }
}

static void one_step(struct history *history)
{
    switch (below(history, 16)) {
    case 0:
        end_process(history);
        open_log(history);
        break;
    case 1: trim(history); break;
    case 2: change_faults(history); break;
    case 3: history->disk->faults = (struct sim_faults){0}; break;
    case 4: check_all(history, true); break;
    case 5:
        check_seeks(history);
        if (check_all(history, true))
            check_marks(history);
        break;
    case 6:
    case 7:
        clock_fake_advance_ms((int64_t)below(history, 3000));
        step(history);
        break;
    case 8:
        clock_fake_advance_ms(11000);
        step(history);
        break;
    case 9:
    case 10: append(history); break;
    default:
        append(history);
        append(history);
        step(history);
        break;
    }
    if (history->disk->faults.sync_eio != 0)
        history->sync_failed = true;
}

/* Once the disk works, appending goes on by itself within some seconds. */
static void check_recovers(struct history *history)
{
    history->disk->faults = (struct sim_faults){0};
    step(history);
    for (int i = 0; i < 5 && !log_writable(history->log, NULL); i++) {
        clock_fake_advance_ms(1000);
        step(history);
    }
    struct error why;
    bool writable = log_writable(history->log, &why);
    if (!waits_for_sync(history) && !writable && why.code == ERR_CORRUPT)
        return; /* what it had acknowledged without a sync is gone: it says so and stays closed */
    EXPECT(history, writable, "it takes no appends: %s", why.text);
    unsigned stored = history->stored;
    append(history);
    step(history);
    EXPECT(history, history->stored > stored || history->next_number > OFFSETS_MAX - 64,
           "an append after the faults");
}

static void run_history(uint64_t seed, struct history *history)
{
    static const int64_t syncs[] = {LOG_SYNC_COMMIT, LOG_SYNC_COMMIT, LOG_SYNC_COMMIT, 50, LOG_SYNC_NONE};
    memset(history, 0, sizeof *history);
    history->seed = seed;
    history->next_number = 1;
    random_seed(&history->random, seed);
    history->disk = sim_new(seed + 1);
    history->options.segment_bytes = 4096 + below(history, 8000);
    history->options.sync_ms = syncs[below(history, LENGTH(syncs))];
    history->uniform = below(history, 3) == 0;
    history->mark_one_of = 1 + below(history, 40);
    history->options.compress = below(history, 2) == 0;
    clock_fake_set(1, 1000000);
    open_log(history);
    for (int i = 0; i < STEPS; i++)
        one_step(history);
    check_recovers(history);
    end_process(history);
    history->disk->faults = (struct sim_faults){0};
    open_log(history);
    check_seeks(history);
    check_marks(history);
    log_close(history->log);
    log_engine_stop(history->engine);
    sim_revive(history->disk);
    struct log_summary summary;
    struct error err;
    ASSERT_OK(verify_dir(&history->disk->io, DIR_NAME, NULL, NULL, &summary, &err), err);
    EXPECT(history, summary.findings == 0 && summary.first == history->low && summary.next == history->end,
           "verify: %u findings, %" PRIu64 " to %" PRIu64, summary.findings, summary.first, summary.next);
    clock_fake_stop();
    history->replaced = history->disk->replaced_unsynced;
    sim_free(history->disk);
}

static void test_what_is_acknowledged_survives_any_history(void **state)
{
    (void)state;
    static struct history history;
    unsigned count = harness_histories(HISTORIES);
    uint64_t seed = harness_seed();
    unsigned opens = 0, cuts = 0, stored = 0, unknown = 0, refused = 0, replaced = 0;
    for (uint64_t i = 0; i < count; i++) {
        run_history(seed + i, &history);
        opens += history.opens;
        cuts += history.cuts;
        stored += history.stored;
        unknown += history.unknown;
        refused += history.refused;
        replaced += history.replaced;
    }
    print_message("%u histories: %u opens, %u power cuts; batches: %u stored, %u unknown, %u refused; "
                  "%u segments replaced without being known to be\n",
                  count, opens, cuts, stored, unknown, refused, replaced);
    assert_true(count < 100 || (cuts > 0 && unknown > 0 && refused > 0 && stored > unknown));
    assert_true(count < 1000 || replaced > 10);
}

static int quiet(void **state)
{
    (void)state;
    if (getenv("VARVE_VERBOSE") == NULL)
        log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_acknowledged_survives_any_history)};
    return cmocka_run_group_tests(tests, quiet, NULL);
}
