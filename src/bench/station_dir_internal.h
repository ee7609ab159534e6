/* A scratch directory: station_dir.c. */
#ifndef BENCH_STATION_DIR_INTERNAL_H
#define BENCH_STATION_DIR_INTERNAL_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* Makes `wanted`, which must not exist, or with NULL one below the working directory; its name goes to *out. */
bool station_dir_make(const char *wanted, char *out, size_t out_bytes, struct error *err);
void station_dir_remove(const char *dir);    /* with all that is in it */
uint64_t station_dir_bytes(const char *dir); /* what its files occupy */

#endif
