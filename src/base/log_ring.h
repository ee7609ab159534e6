/* The last lines of the log, in memory: log_ring.c. */
#ifndef BASE_LOG_RING_H
#define BASE_LOG_RING_H

#include "base/log.h"

#define LOG_RING_LINES 1000
#define LOG_RING_BYTES 1024

struct log_ring_line {
    uint64_t number; /* from 1, without gaps */
    int64_t wall_ms;
    enum log_level level;
    struct str text; /* the line as it was written, without its line feed */
};

/* From here on lines are kept: at most about 1 MB, for the life of the process. Thread: main, once. */
void log_ring_start(void);
/* Of log.c alone. Thread: any. */
void log_ring_put(enum log_level level, struct str line);
/* The lines with a number above `after` and at least of this level, the newest first. `each` borrows, must not log, and false ends it.
 * Returns how many lines were not kept because the ring was busy, or memory had run out. Thread: any. */
uint64_t log_ring_each(uint64_t after, enum log_level least,
                       bool (*each)(const struct log_ring_line *, void *), void *arg);

#endif
