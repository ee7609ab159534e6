/* The modes of `varve bench station`, each with its result, and their reports. */
#ifndef BENCH_STATION_INTERNAL_H
#define BENCH_STATION_INTERNAL_H

#include "base/buf.h"
#include "load_internal.h"
#include "station_dir_internal.h"
#include "station_options_internal.h"

/* produce, consume, replay, groups. Errors: as load_run(); those of the HTTP API with --create. */
bool station_load_run(struct station_options *options, struct load_result *result, struct error *err);

struct append_result {
    double seconds; /* of appending, without opening and reading */
    uint64_t messages;
    uint64_t bytes; /* of records */
    /* What the log asked of the disk meanwhile. */
    uint64_t written_bytes;
    uint64_t writes;
    uint64_t syncs;
    /* The same disk, written plainly: as many bytes before each fdatasync. */
    double disk_seconds;
    uint64_t disk_bytes;
    uint64_t disk_syncs;
    /* Reading from the first offset after opening again. */
    double open_seconds;
    double read_seconds;
    uint64_t read;
    uint64_t lost;
    uint64_t duplicates;
    uint64_t late;
    struct histogram latency; /* of a batch: from log_append() to `done` */
};

/* Errors: those of the log; ERR_EXISTS (--dir). */
bool append_run(const struct station_options *options, struct append_result *result, struct error *err);

struct recovery_start {
    double seconds; /* from exec to run.json */
    uint64_t rss_bytes;
    uint32_t open_files;
};

struct recovery_result {
    struct recovery_start empty; /* a fresh data directory */
    struct recovery_start full[STATION_ROUNDS_MAX];
    uint32_t rounds;
    double create_seconds; /* of all stations */
    double fill_seconds;
    uint64_t acked; /* messages */
    uint64_t found; /* after the last start */
    uint64_t disk_bytes;
};

/* Errors: the broker does not start, with its last words; those of load_run() and of stations;
 * ERR_EXISTS (--dir). */
bool recovery_run(struct station_options *options, struct recovery_result *result, struct error *err);

/* ---- reports, appended to *out ---- */

void report_station_load(struct buf *out, const struct station_options *options,
                         const struct load_result *result);
void report_append(struct buf *out, const struct station_options *options,
                   const struct append_result *result);
void report_recovery(struct buf *out, const struct station_options *options,
                     const struct recovery_result *result);

#endif
