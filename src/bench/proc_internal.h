/* Another process, seen through /proc. */
#ifndef BENCH_PROC_INTERNAL_H
#define BENCH_PROC_INTERNAL_H

#include <stdint.h>

/* Who listens on this TCP port on this machine: a pid, or 0 if it is not known (another machine, or a process of
 * another user). */
int64_t proc_find_listener(uint16_t port);

/* Resident memory (VmRSS); 0 if it is not known. */
uint64_t proc_rss_bytes(int64_t pid);
/* The part of it that is no page of a file (RssAnon); likewise. */
uint64_t proc_anonymous_bytes(int64_t pid);
/* The most that VmRSS has been since the start, or since proc_peak_reset(), where this process may do that. */
uint64_t proc_peak_bytes(int64_t pid);
void proc_peak_reset(int64_t pid);
/* What the processors have worked for it; 0 if it is not known. */
double proc_cpu_seconds(int64_t pid);

#endif
