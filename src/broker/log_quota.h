/* How many lines of one kind may be logged in a second: what clients cause must not fill the disk, nor keep a reactor
 * busy with writing. */
#ifndef BROKER_LOG_QUOTA_H
#define BROKER_LOG_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_QUOTA_LINES 100 /* a second */

/* Zero-initialised is unused. One thread's. */
struct log_quota {
    int64_t second;
    uint32_t lines;
    uint64_t left_out;
};

/* Takes one line. False: there have been enough in this second. The first line afterwards is preceded by one that
 * counts what was left out. */
bool log_quota_take(struct log_quota *quota, int64_t now_ms);

#endif
