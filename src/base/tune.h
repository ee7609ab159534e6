/* Thresholds and times that a test cannot wait for: `VARVE_TUNE=tier.compact_files=2,tier.snapshot_age_ms=1000` in the environment
 * gives them other values. Compiled in only with VARVE_FAULTS, as the points of base/fault.h are: a released binary has none.
 * Thread: any. */
#ifndef BASE_TUNE_H
#define BASE_TUNE_H

#include <stdint.h>

#ifdef VARVE_FAULTS
#define TUNED(name, value) tuned(name, value)
int64_t tuned(const char *name, int64_t value);
#else
#define TUNED(name, value) ((int64_t)(value))
#endif

#endif
