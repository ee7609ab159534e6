/* The steps of `varve bench tier`, each on a rig of its own.
 *
 * Reading goes as the station's own readers do it: what is in memory already is taken from there, the rest is asked for and
 * waited for; the tier reads ahead by itself for who goes on in sequence. */
#include "tier_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "station/envelope.h"
#include "station/station.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_COUNT 256
#define CLAIM_SHARE \
    100 /* of the messages, one in so many is migrated before the measurement: with it the table is claimed */
#define SEED 7

/* ---- fill: the log --------------------------------------------------------------------------------------- */

struct filling {
    struct log_batch batch;
    pthread_mutex_t lock;
    pthread_cond_t landed;
    bool away; /* under the lock, as the next two */
    bool failed;
    struct error err;
};

static void on_done(struct log_batch *batch, const struct error *err)
{
    struct filling *filling = (struct filling *)(void *)batch;
    pthread_mutex_lock(&filling->lock);
    filling->away = false;
    filling->failed = err != NULL;
    if (err != NULL)
        filling->err = *err;
    pthread_cond_signal(&filling->landed);
    pthread_mutex_unlock(&filling->lock);
}

static bool append(struct filling *filling, struct log *log, struct error *err)
{
    filling->away = true;
    if (!log_append(log, &filling->batch, err))
        return false;
    pthread_mutex_lock(&filling->lock);
    while (filling->away)
        pthread_cond_wait(&filling->landed, &filling->lock);
    pthread_mutex_unlock(&filling->lock);
    if (filling->failed)
        *err = filling->err;
    return !filling->failed;
}

bool tier_step_fill(struct tier_rig *rig, struct tier_bench_result *result, struct error *err)
{
    struct filling filling = {
        .batch = {.done = on_done}, .lock = PTHREAD_MUTEX_INITIALIZER, .landed = PTHREAD_COND_INITIALIZER};
    uint64_t left = rig->options->count;
    int64_t begin_ns = clock_mono_ns();
    if (!tier_rig_open_log(rig, err))
        return false;
    struct tier_source *source = mem_alloc(sizeof *source);
    tier_source_init(source, rig->options);
    bool fine = true;
    while (fine && left > 0) {
        for (unsigned i = 0; i < BATCH_COUNT && left > 0; i++, left--) {
            int64_t time_ms;
            struct str record = tier_source_next(source, &time_ms);
            memcpy(log_batch_add(&filling.batch, time_ms, record.len), record.data, record.len);
        }
        fine = append(&filling, rig->log, err);
    }
    log_batch_reset(&filling.batch);
    tier_source_free(source);
    mem_free(source);
    result->raw_bytes = rig->options->count * rig->options->payload_bytes;
    result->fill_seconds = (double)(clock_mono_ns() - begin_ns) / 1e9;
    return fine;
}

/* ---- migrate --------------------------------------------------------------------------------------------- */

static bool expel(struct tier_rig *rig, uint64_t from, uint64_t below, struct error *err)
{
    uint64_t before, bytes;
    if (!log_bytes_below(rig->log, from, &before, err) || !log_bytes_below(rig->log, below, &bytes, err))
        return false;
    tier_expel(rig->tier, below, bytes - before);
    return tier_rig_flush(rig, err);
}

bool tier_step_migrate(struct tier_rig *rig, struct tier_bench_result *result, struct error *err)
{
    struct tier_meter meter;
    struct tier_stats before, after;
    uint64_t claim = rig->options->count / CLAIM_SHARE;
    if (!tier_rig_open_log(rig, err) || !tier_rig_open_store(rig, err) || !tier_rig_open_tier(rig, err) ||
        !expel(rig, 0, claim, err) || !tier_meter_start(&meter, rig->store, err))
        return false;
    tier_stats(rig->tier, &before);
    bool fine = expel(rig, claim, rig->options->count, err);
    tier_meter_stop(&meter, &result->migrate);
    tier_stats(rig->tier, &after);
    result->migrated_raw_bytes =
        (after.migrated_messages - before.migrated_messages) * rig->options->payload_bytes;
    result->commits = after.commits - before.commits;
    result->files = after.files;
    result->file_bytes = after.file_bytes;
    return fine;
}

/* ---- reading --------------------------------------------------------------------------------------------- */

/* The chunk with the row at *offset; where there is none, *offset becomes that of the next one. NULL with ERR_NONE in *err: end. */
static struct log_chunk *read_on(struct tier_rig *rig, uint64_t *offset, uint64_t end, bool sequential,
                                 struct error *err)
{
    while (*offset < end) {
        struct log_chunk *chunk = tier_read_cached(rig->tier, *offset);
        if (chunk != NULL)
            return chunk;
        struct tier_fetch fetch = {.offset = *offset, .sequential = sequential};
        if (!tier_fetch_wait(rig->tier, &fetch, err))
            return NULL;
        if (fetch.chunk != NULL)
            return fetch.chunk;
        if (fetch.next <= *offset)
            break;
        *offset = fetch.next;
    }
    return NULL;
}

typedef void row_fn(void *arg, const struct log_record *record);

static bool read_all(struct tier_rig *rig, row_fn *row, void *arg, struct error *err)
{
    struct tier_bounds bounds;
    tier_bounds(rig->tier, &bounds);
    uint64_t offset = bounds.first;
    while (offset < bounds.next) {
        struct log_cursor cursor;
        struct log_record record;
        struct log_chunk *chunk = read_on(rig, &offset, bounds.next, true, err);
        if (chunk == NULL)
            return err->code == ERR_NONE;
        log_cursor_init(&cursor, chunk, offset);
        while (log_cursor_next(&cursor, &record))
            row(arg, &record);
        offset = chunk->next_offset;
        log_chunk_unref(chunk);
    }
    return true;
}

static bool open_reader(struct tier_rig *rig, struct error *err)
{
    return tier_rig_open_store(rig, err) && tier_rig_open_tier(rig, err);
}

/* ---- replay ---------------------------------------------------------------------------------------------- */

static void count_row(void *arg, const struct log_record *record)
{
    struct tier_bench_result *result = arg;
    struct station_message message;
    if (!envelope_decode(record->data, &message, NULL))
        return;
    result->read++;
    result->read_raw_bytes += message.payload.len;
}

bool tier_step_replay(struct tier_rig *rig, struct tier_bench_result *result, struct error *err)
{
    struct tier_meter meter;
    struct tier_cost load;
    if (!tier_rig_open_store(rig, err) || !tier_meter_start(&meter, rig->store, err))
        return false;
    bool fine = tier_rig_open_tier(rig, err);
    tier_meter_stop(&meter, &load);
    result->load_seconds = load.seconds;
    result->load_gets = load.gets;
    if (!fine || !tier_meter_start(&meter, rig->store, err))
        return false;
    fine = read_all(rig, count_row, result, err);
    tier_meter_stop(&meter, &result->replay);
    return fine;
}

/* ---- seek ------------------------------------------------------------------------------------------------ */

struct seeks {
    uint32_t count;
    uint64_t gets_max, gets;
    double ms[TIER_SEEKS_MAX];
};

static bool find_time(struct tier_rig *rig, int64_t time_ms, uint64_t *offset, struct error *err)
{
    struct tier_fetch fetch = {.time_ms = time_ms, .by_time = true};
    bool fine = tier_fetch_wait(rig->tier, &fetch, err);
    *offset = fetch.next;
    return fine;
}

/* One place, with nothing but the metadata in memory. */
static bool seek_once(struct tier_rig *rig, bool by_time, uint64_t offset, int64_t time_ms,
                      struct seeks *seeks, struct error *err)
{
    struct object_stats before, after;
    tier_rig_close_tier(rig);
    if (!tier_rig_open_tier(rig, err))
        return false;
    object_stats(rig->store, &before);
    int64_t begin_ns = clock_mono_ns();
    if (by_time && !find_time(rig, time_ms, &offset, err))
        return false;
    uint64_t wanted = offset;
    struct log_chunk *chunk = read_on(rig, &offset, rig->options->count, false, err);
    if (chunk == NULL || offset != wanted) {
        log_chunk_unref(chunk);
        return err->code == ERR_NONE
                   ? error_set(err, ERR_CORRUPT, "offset %" PRIu64 " is not in the table", wanted)
                   : false;
    }
    log_chunk_unref(chunk);
    seeks->ms[seeks->count++] = (double)(clock_mono_ns() - begin_ns) / 1e6;
    object_stats(rig->store, &after);
    uint64_t gets = after.ops[OBJECT_GET].ok - before.ops[OBJECT_GET].ok;
    seeks->gets += gets;
    seeks->gets_max = gets > seeks->gets_max ? gets : seeks->gets_max;
    return true;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void sum_up(struct seeks *seeks, struct tier_step_seek *out)
{
    if (seeks->count == 0)
        return;
    qsort(seeks->ms, seeks->count, sizeof seeks->ms[0], by_value);
    *out = (struct tier_step_seek){.count = seeks->count,
                                   .gets_max = seeks->gets_max,
                                   .gets_mean = (double)seeks->gets / seeks->count,
                                   .first_ms_median = seeks->ms[seeks->count / 2],
                                   .first_ms_max = seeks->ms[seeks->count - 1]};
}

/* The time of the message at the offset. */
static int64_t time_of(const struct tier_bench_options *options, uint64_t offset)
{
    struct tier_source *source = mem_alloc(sizeof *source);
    int64_t time_ms = 0;
    tier_source_init(source, options);
    for (uint64_t i = 0; i <= offset; i++)
        tier_source_next(source, &time_ms);
    tier_source_free(source);
    mem_free(source);
    return time_ms;
}

bool tier_step_seek(struct tier_rig *rig, struct tier_bench_result *result, struct error *err)
{
    const struct tier_bench_options *options = rig->options;
    static struct seeks by_offset, by_time; /* large for a stack */
    struct random random;
    random_seed(&random, SEED);
    if (options->seeks == 0)
        return true;
    if (!open_reader(rig, err))
        return false;
    struct tier_bounds bounds;
    tier_bounds(rig->tier, &bounds);
    /* Times grow by the same step on average: one at random is that of a message, or between two. */
    int64_t span_ms = time_of(options, options->count - 1) - bounds.first_ms;
    bool fine = true;
    for (uint32_t i = 0; fine && i < options->seeks; i++) {
        bool time = i % 2 == 1;
        int64_t time_ms = bounds.first_ms + (int64_t)random_below(&random, (uint64_t)span_ms + 1);
        fine = seek_once(rig, time, random_below(&random, options->count), time_ms,
                         time ? &by_time : &by_offset, err);
    }
    sum_up(&by_offset, &result->by_offset);
    sum_up(&by_time, &result->by_time);
    return fine;
}

/* ---- restore --------------------------------------------------------------------------------------------- */

static bool go_on(void *arg, uint64_t done, uint64_t total)
{
    (void)arg;
    (void)done;
    (void)total;
    return true;
}

bool tier_step_restore(struct tier_rig *rig, struct tier_bench_result *result, struct error *err)
{
    const struct tier_progress progress = {go_on, NULL};
    struct tier_meter meter;
    struct tier_restored restored = {0};
    if (!open_reader(rig, err) || !tier_meter_start(&meter, rig->store, err))
        return false;
    bool fine = tier_restore(rig->tier, 0, rig->options->count, false, &progress, &restored, err);
    tier_meter_stop(&meter, &result->restore);
    result->restored_bytes = restored.bytes;
    result->restored_rows = restored.rows;
    return fine;
}

/* ---- verify ---------------------------------------------------------------------------------------------- */

struct verification {
    struct tier_source source;
    struct tier_bench_result *result;
    uint64_t next;
};

static void compare_row(void *arg, const struct log_record *record)
{
    struct verification *verification = arg;
    int64_t time_ms;
    for (; verification->next < record->offset; verification->next++) {
        tier_source_next(&verification->source, &time_ms);
        verification->result->lost++;
    }
    if (record->offset < verification->next) { /* it came twice */
        verification->result->different++;
        return;
    }
    struct str wanted = tier_source_next(&verification->source, &time_ms);
    if (!str_equal(wanted, record->data) || time_ms != record->time_ms)
        verification->result->different++;
    verification->next++;
}

bool tier_step_verify(struct tier_rig *rig, struct tier_bench_result *result, struct error *err)
{
    struct verification *verification = mem_zalloc(sizeof *verification);
    verification->result = result;
    tier_source_init(&verification->source, rig->options);
    bool fine = open_reader(rig, err) && read_all(rig, compare_row, verification, err);
    result->lost += rig->options->count - verification->next;
    tier_source_free(&verification->source);
    mem_free(verification);
    return fine;
}

/* ---- destroy --------------------------------------------------------------------------------------------- */

bool tier_step_destroy(struct tier_rig *rig, struct tier_bench_result *result, struct error *err)
{
    (void)result;
    return open_reader(rig, err) && tier_destroy(rig->tier, err);
}
