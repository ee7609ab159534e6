/* Another process, seen through /proc. */
#ifndef BENCH_PROC_INTERNAL_H
#define BENCH_PROC_INTERNAL_H

#include <stdint.h>

/* Who listens on this TCP port on this machine: a pid, or 0 if it is not known (another machine, or a process of
 * another user). */
int64_t proc_find_listener(uint16_t port);

/* Resident memory (VmRSS); 0 if it is not known. */
uint64_t proc_rss_bytes(int64_t pid);

#endif
