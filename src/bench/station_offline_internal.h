/* The stations of a data directory that no broker uses, opened in this process. */
#ifndef BENCH_STATION_OFFLINE_INTERNAL_H
#define BENCH_STATION_OFFLINE_INTERNAL_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct station_offline;

/* The directory is made if it is missing. Returns owned. Errors: those of the catalog and of stations_open(). */
struct station_offline *station_offline_open(const char *dir, struct error *err);
void station_offline_close(struct station_offline *offline); /* takes; NULL is fine */

/* A station that captures one topic filter. Errors: those of stations_create(). */
bool station_offline_create(struct station_offline *offline, const char *name, const char *filter,
                            const char *sync, struct error *err);
/* Stores one message of `bytes` bytes, durably as the station has it, on `topic` in `name`; any number of them are on
 * their way together until station_offline_wait(), which gives the first error. Errors: those of stations_produce(). */
bool station_offline_produce(struct station_offline *offline, const char *name, const char *topic,
                             size_t bytes, struct error *err);
bool station_offline_wait(struct station_offline *offline, struct error *err);
/* How many messages it holds. Errors: ERR_NOT_FOUND; what keeps its log from being opened. */
bool station_offline_messages(struct station_offline *offline, const char *name, uint64_t *count,
                              struct error *err);

#endif
