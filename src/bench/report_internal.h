/* Results as text or JSON, appended to a buffer. */
#ifndef BENCH_REPORT_INTERNAL_H
#define BENCH_REPORT_INTERNAL_H

#include "base/buf.h"
#include "load_internal.h"

void report_load(struct buf *out, const struct bench_options *options, const struct load_result *result);
/* A line for each count that is not zero and should be. */
void report_anomalies(struct buf *out, const struct load_result *result);
void report_idle(struct buf *out, const struct bench_options *options, const struct idle_result *result);

#endif
