/* The broker as `varve bench station` needs it besides MQTT: where it listens, and its stations over the HTTP API. */
#ifndef BENCH_STATION_BROKER_INTERNAL_H
#define BENCH_STATION_BROKER_INTERNAL_H

#include "base/buf.h"

#include <stdint.h>

/* Where a broker listens, and the key to its API. */
struct station_broker {
    int64_t pid; /* 0: not known */
    uint16_t mqtt_port;
    char url[256]; /* of the API, without a slash at the end */
    char key[256]; /* key:secret */
};

/* Reads DIR/run.json and, if it is there, DIR/admin.key. Errors: ERR_NOT_FOUND (no broker runs there), ERR_CORRUPT. */
bool station_broker_read(struct station_broker *broker, const char *dir, struct error *err);

struct station_api;

/* One connection, which stays open. Returns owned. Borrows the broker. Thread: one at a time, as all below. */
struct station_api *station_api_open(const struct station_broker *broker, struct error *err);
void station_api_close(struct station_api *api); /* takes; NULL is fine */

/* A station that captures one topic filter. Errors: ERR_EXISTS, ERR_DENIED (the key),
 * ERR_INVALID and others with the broker's words, ERR_IO (nobody answers). */
bool station_api_create(struct station_api *api, const char *name, const char *filter, const char *sync,
                        struct error *err);
bool station_api_delete(struct station_api *api, const char *name, struct error *err);

#endif
