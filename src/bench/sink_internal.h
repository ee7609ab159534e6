/* `varve bench sink`: its run and its report. */
#ifndef BENCH_SINK_INTERNAL_H
#define BENCH_SINK_INTERNAL_H

#include "base/buf.h"
#include "load_internal.h"
#include "sink_options_internal.h"

struct sink_result {
    struct load_result load;
    double seconds; /* from the first publication until all is stored */
    uint64_t stored;
    uint64_t stored_bytes;
    uint64_t objects;          /* aggregated; direct: one for each message */
    uint64_t failed_uploads;   /* that were tried again */
    uint64_t queued;           /* messages in the buffer when the last one was acknowledged */
    uint64_t queued_bytes;     /* of the buffer, on disk, then */
    double latency_ms;         /* from buffer to store, on average */
    double broker_cpu_seconds; /* 0: the broker is not known, as the next two */
    uint64_t broker_rss_bytes; /* before */
    uint64_t broker_peak_bytes;
};

/* Errors: those of load_run(), and of the broker's API; ERR_TIMEOUT (not everything was stored). */
bool sink_run(struct sink_options *options, struct sink_result *result, struct error *err);

void report_sink(struct buf *out, const struct sink_options *options, const struct sink_result *result);

#endif
