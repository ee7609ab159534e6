/* What the user asks of `varve bench tier`. */
#ifndef BENCH_TIER_OPTIONS_INTERNAL_H
#define BENCH_TIER_OPTIONS_INTERNAL_H

#include "base/error.h"

#include <stdint.h>

#define TIER_COUNT_MAX UINT64_C(10000000000)
#define TIER_SEEKS_MAX 10000

struct tier_bench_options {
    uint64_t count;
    uint32_t payload_bytes;
    bool random; /* payloads are random bytes instead of telemetry */
    uint64_t upload_bytes;
    uint64_t memory_bytes; /* of decoded row groups that readers keep */
    uint32_t seeks;
    bool keep;
    bool no_verify;
    bool json;
    bool help;

    /* Strings borrow from argv. */
    const char *dir;      /* NULL: one below the working directory that is removed again */
    const char *endpoint; /* NULL: a directory is the store */
    const char *bucket;
    const char *prefix; /* NULL: a random one */
    const char *region;
    const char *access_key; /* NULL: the AWS chain */
    const char *secret_key;
    const char *ca_file;
    const char *access; /* path, vhost or auto */
};

/* argv[0] is the subcommand. Errors: ERR_INVALID, one line that names the option. */
bool tier_options_parse(struct tier_bench_options *options, int argc, char **argv, struct error *err);

extern const char tier_options_help[];

#endif
