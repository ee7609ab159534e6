/* Time: int64 nanoseconds or milliseconds. Wall time is since 1970-01-01 UTC; monotonic time starts anywhere. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/str.h"

int64_t clock_mono_ns(void);
int64_t clock_mono_ms(void);
int64_t clock_wall_ms(void);
int64_t clock_wall_ns(void);

/* Tests: wall and monotonic time stand still at these values until clock_fake_stop(). Process-wide. */
void clock_fake_set(int64_t wall_ms, int64_t mono_ns);
void clock_fake_advance_ms(int64_t ms);
void clock_fake_stop(void);

/* RFC 3339 in UTC with milliseconds, e.g. 2026-11-21T09:00:00.123Z; `out` has CLOCK_TEXT_BYTES. */
#define CLOCK_TEXT_BYTES 32
void clock_format(int64_t wall_ms, char *out);

/* RFC 3339 with any offset, or a bare number of milliseconds; finer fractions are cut. Errors: ERR_INVALID. */
bool clock_parse(struct str text, int64_t *wall_ms, struct error *err);

#endif
