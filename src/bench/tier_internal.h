/* `varve bench tier`: what its steps work on, what they measure, their report.
 *
 * A step runs in a child process: what it has in memory, and what its processors' time and memory are measured from, begins with
 * it. Results come back through memory that is shared. */
#ifndef BENCH_TIER_INTERNAL_H
#define BENCH_TIER_INTERNAL_H

#include "base/buf.h"
#include "log/log.h"
#include "object/object.h"
#include "telemetry_internal.h"
#include "tier/tier.h"
#include "tier_options_internal.h"

#include <pthread.h>
#include <stdatomic.h>

#define TIER_BENCH_PATH_BYTES 4096
#define TIER_BENCH_STATION    "bench"

/* ---- tier_meter.c: what a step costs --------------------------------------------------------------------- */

struct tier_cost {
    double seconds;
    double cpu_seconds;    /* of this process */
    uint64_t memory_bytes; /* at the peak, over what there was before */
    /* What the store was asked. */
    uint64_t puts;
    uint64_t gets; /* with HEAD and LIST */
    uint64_t bytes_up;
    uint64_t bytes_down;
};

/* From tier_meter_start() to tier_meter_stop(). The memory is looked at every few milliseconds, by a thread of its own. */
struct tier_meter {
    struct object_store *store;
    struct object_stats before;
    int64_t begin_ns;
    double cpu_seconds;
    uint64_t memory_bytes;
    pthread_t thread;
    atomic_bool stop;    /* relaxed: seen at the next look */
    uint64_t peak_bytes; /* the thread's, until it is joined */
};

/* Errors: those of thread_start(). */
bool tier_meter_start(struct tier_meter *meter, struct object_store *store, struct error *err);
void tier_meter_stop(struct tier_meter *meter, struct tier_cost *cost);

/* ---- tier_source.c: the messages ------------------------------------------------------------------------- */

/* All messages of a run, again and again the same. */
struct tier_source {
    const struct tier_bench_options *options;
    struct telemetry telemetry;
    struct random random;
    char *payload;
    struct buf record;
};

void tier_source_init(struct tier_source *source, const struct tier_bench_options *options);
void tier_source_free(struct tier_source *source);
/* The next message as a record of a station's log; borrowed until the next call. */
struct str tier_source_next(struct tier_source *source, int64_t *time_ms);

/* ---- tier_rig.c: log, store and tier in this process ----------------------------------------------------- */

struct tier_rig {
    const struct tier_bench_options *options;
    const char *dir;    /* borrowed */
    const char *prefix; /* borrowed */
    struct log_engine *engine;
    struct log *log;
    struct object_store *store;
    struct tiers *tiers;
    struct tier *tier;
};

/* Opens the log alone. Errors: those of the log. */
bool tier_rig_open_log(struct tier_rig *rig, struct error *err);
bool tier_rig_open_store(struct tier_rig *rig, struct error *err);
/* The tier of the station, with nothing in its caches; waits until the table is loaded. Errors: those of store and tier. */
bool tier_rig_open_tier(struct tier_rig *rig, struct error *err);
void tier_rig_close_tier(struct tier_rig *rig);
void tier_rig_close(struct tier_rig *rig); /* what is open; all the rest, too */
/* tier_flush() and its end. */
bool tier_rig_flush(struct tier_rig *rig, struct error *err);

/* ---- tier_steps.c ---------------------------------------------------------------------------------------- */

struct tier_step_seek {
    uint32_t count;
    uint64_t gets_max;
    double gets_mean;
    double first_ms_median; /* from the question to the first message */
    double first_ms_max;
};

struct tier_bench_result {
    uint64_t raw_bytes; /* of payloads */
    double fill_seconds;

    struct tier_cost migrate;
    uint64_t
        migrated_raw_bytes; /* payloads of what was measured: the first commit, which claims the table, is not */
    uint64_t commits;
    uint64_t files;
    uint64_t file_bytes; /* as they are in the store */

    double load_seconds; /* of the table's metadata, in the replay's process */
    uint64_t load_gets;
    struct tier_cost replay;
    uint64_t read; /* messages */
    uint64_t read_raw_bytes;

    struct tier_step_seek by_offset;
    struct tier_step_seek by_time;

    struct tier_cost restore;
    uint64_t restored_bytes;
    uint64_t restored_rows;

    uint64_t lost;
    uint64_t different; /* not what was appended */
};

/* Runs all steps. Errors: those of log, tier and store; ERR_EXISTS (--dir). */
bool tier_bench_run(const struct tier_bench_options *options, struct tier_bench_result *result,
                    struct error *err);

/* A step's work, on its own rig, in its own process. */
typedef bool tier_step_fn(struct tier_rig *rig, struct tier_bench_result *result, struct error *err);
tier_step_fn tier_step_fill, tier_step_migrate, tier_step_replay, tier_step_seek, tier_step_restore,
    tier_step_verify, tier_step_destroy;

/* ---- tier_report.c --------------------------------------------------------------------------------------- */

void report_tier(struct buf *out, const struct tier_bench_options *options,
                 const struct tier_bench_result *result);

#endif
