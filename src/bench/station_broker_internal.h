/* The broker as `varve bench station` and `varve bench sink` need it besides MQTT: where it listens, and its HTTP API. */
#ifndef BENCH_STATION_BROKER_INTERNAL_H
#define BENCH_STATION_BROKER_INTERNAL_H

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>
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

/* What the user says of it; NULL: nothing. */
struct station_broker_options {
    const char *data; /* its data directory */
    const char *url;
    const char *key;
};

/* What is said, else what the data directory and the environment ($VARVE_API_KEY) say, else the defaults. Errors: as above. */
bool station_broker_find(struct station_broker *broker, const struct station_broker_options *options,
                         struct error *err);

struct station_api;

/* One connection, which stays open. Returns owned. Borrows the broker. Thread: one at a time, as all below. */
struct station_api *station_api_open(const struct station_broker *broker, struct error *err);
void station_api_close(struct station_api *api); /* takes; NULL is fine */

/* `path` is what follows /api/v5. `body` (NULL: none) is borrowed; *answer is owned, if it is not NULL. Errors: ERR_EXISTS,
 * ERR_NOT_FOUND, ERR_BUSY, ERR_DENIED (the key), ERR_INVALID and others with the broker's words, ERR_IO (nobody answers),
 * ERR_CORRUPT. */
bool station_api_ask(struct station_api *api, const char *method, const char *path, const json_t *body,
                     json_t **answer, struct error *err);

/* A station that captures one topic filter. Errors: ERR_EXISTS, ERR_DENIED (the key),
 * ERR_INVALID and others with the broker's words, ERR_IO (nobody answers). */
bool station_api_create(struct station_api *api, const char *name, const char *filter, const char *sync,
                        struct error *err);
bool station_api_delete(struct station_api *api, const char *name, struct error *err);

#endif
