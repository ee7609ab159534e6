/* What the user asks of `varve bench station`. */
#ifndef BENCH_STATION_OPTIONS_INTERNAL_H
#define BENCH_STATION_OPTIONS_INTERNAL_H

#include "options_internal.h"

enum station_mode {
    STATION_PRODUCE,
    STATION_CONSUME,
    STATION_REPLAY,
    STATION_GROUPS,
    STATION_APPEND,
    STATION_RECOVERY,
    STATION_MODES
};

#define STATION_MEMBERS_MAX  1024
#define STATION_STATIONS_MAX 100000
#define STATION_BATCH_MAX    65536
#define STATION_ROUNDS_MAX   100

struct station_options {
    enum station_mode mode;
    struct bench_options load; /* the generator's part: connections, payload, window, times, --json, --help */

    /* Strings borrow from argv. */
    const char *station;
    const char *start; /* where subscribers begin to read */
    const char *data;  /* the broker's data directory: ports and key are found there; NULL: not given */
    const char *url;   /* of the HTTP API; NULL: from `data`, or the default */
    const char *key;   /* NULL: from the environment or `data` */
    bool create;       /* and delete it at the end, unless `keep` */
    bool keep;
    bool no_verify;
    const char *sync; /* commit, none or an interval, as a station has it */
    int64_t sync_ms;  /* the same as log.h has it */

    /* append */
    const char *dir;      /* NULL: one below the working directory that is removed again */
    uint32_t batch_count; /* records of a batch */
    uint32_t depth;       /* batches of a thread that are under way */
    uint64_t segment_bytes;

    /* recovery */
    const char *broker; /* the binary; NULL: this one */
    uint32_t stations;
    uint64_t bytes; /* of payload in all stations together */
    uint32_t rounds;
    int64_t age_ms; /* between publishing and the first kill -9 */
};

/* argv[0] is the subcommand, argv[1] the mode. Errors: ERR_INVALID, one line that names the option. */
bool station_options_parse(struct station_options *options, int argc, char **argv, struct error *err);

const char *station_mode_name(enum station_mode mode);

extern const char station_options_help[];

#endif
