/* What the user asks of `varve bench sink MODE`. */
#ifndef BENCH_SINK_OPTIONS_INTERNAL_H
#define BENCH_SINK_OPTIONS_INTERNAL_H

#include "options_internal.h"

enum sink_mode { SINK_DIRECT, SINK_AGGREGATED, SINK_MODES };

#define SINK_CONNECTIONS_MAX 1024

struct sink_options {
    enum sink_mode mode;
    struct bench_options load; /* the generator's part: connections, window, count, threads, --json, --help */

    /* Strings borrow from argv. */
    const char *data; /* the broker's data directory; NULL: not given, as the next two */
    const char *url;
    const char *key;

    const char *connector; /* one that is there; NULL: one is made, and deleted at the end */
    const char *endpoint;  /* of an S3 server; NULL: directory */
    const char *directory; /* NULL: the connector directory:local */
    const char *bucket;
    const char *region;
    const char *access_key; /* as the connector has it */
    const char *secret_key;
    const char *access;

    const char *select;      /* behind SELECT, before FROM */
    uint32_t connections;    /* requests at a time */
    const char *container;   /* aggregated, as all that follow */
    const char *compression; /* none, gzip, zstd */
    int64_t interval_ms;
    uint64_t records;
    uint64_t object_bytes;
};

/* argv[0] is the subcommand, argv[1] the mode. Errors: ERR_INVALID, one line that names the option. */
bool sink_options_parse(struct sink_options *options, int argc, char **argv, struct error *err);

const char *sink_mode_name(enum sink_mode mode);

extern const char sink_options_help[];

#endif
