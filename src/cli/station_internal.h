/* What the verbs of `varve station` share. */
#ifndef CLI_STATION_INTERNAL_H
#define CLI_STATION_INTERNAL_H

#include "cli/remote_internal.h"

#define STATION_ARGUMENTS_MAX 256

struct station_command {
    struct remote_command base; /* first */
    /* create, update */
    const char *topics[STATION_ARGUMENTS_MAX];
    size_t topic_count;
    struct remote_settings settings;
    /* delete, groups */
    bool force;
    const char *table; /* keep, delete */
    /* restore, recover */
    const char *into;
    const char *connector;
    const char *bucket;
    const char *prefix;
    bool dry;
    /* groups */
    const char *delete_group;
    /* read */
    const char *from;
    const char *to;
    const char *filter;
    const char *limit;
    const char *format;
    bool follow;
};

/* Appends "/api/v5/stations/NAME" and `tail`. */
void station_path(const char *name, const char *tail, struct buf *out);

/* station_tier.c: the verbs tier, flush, restore, release, recover, scrub */
int station_tier_main(struct remote_command *command, struct error *err);
int station_flush_main(struct remote_command *command, struct error *err);
int station_restore_main(struct remote_command *command, struct error *err);
int station_release_main(struct remote_command *command, struct error *err);
int station_recover_main(struct remote_command *command, struct error *err);
int station_scrub_main(struct remote_command *command, struct error *err);

int station_read_main(struct remote_command *command, struct error *err); /* the verb `read` */

#endif
