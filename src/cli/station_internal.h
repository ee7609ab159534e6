/* What the verbs of `varve station` share. */
#ifndef CLI_STATION_INTERNAL_H
#define CLI_STATION_INTERNAL_H

#include "cli/remote_internal.h"

#define STATION_ARGUMENTS_MAX 256

struct station_command {
    struct remote_options remote;
    struct http_client *client;
    const char *verb;
    const char *name; /* NULL: none given */
    /* create, update */
    const char *topics[STATION_ARGUMENTS_MAX];
    size_t topic_count;
    const char *sets[STATION_ARGUMENTS_MAX]; /* key=value, or a JSON object */
    size_t set_count;
    const char *description;
    /* delete */
    bool force;
    /* read */
    const char *from;
    const char *to;
    const char *filter;
    const char *limit;
    const char *format;
    bool follow;
};

/* The object that --topic, --desc and --set say; NULL with an error: ERR_INVALID. Returns owned. */
json_t *station_settings(const struct station_command *command, struct error *err);

/* Appends "/api/v5/stations/NAME" and `tail`. */
void station_path(const char *name, const char *tail, struct buf *out);

int station_read_main(const struct station_command *command, struct error *err); /* the verb `read` */

#endif
