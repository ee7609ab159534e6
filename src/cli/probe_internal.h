/* What a store honours, tried by the broker and told: `varve connector probe` and `varve doctor CONNECTOR`. */
#ifndef CLI_PROBE_INTERNAL_H
#define CLI_PROBE_INTERNAL_H

#include "cli/remote_internal.h"

#define PROBE_TIMEOUT_MS \
    900000 /* each of its requests has a deadline; a store that hangs uses up some of them */

struct probe_options {
    const char *bucket; /* NULL: the connector's */
    const char *prefix; /* NULL: none */
};

/* Of the connector command->name. Returns the exit code: 1 if it cannot be used. */
int probe_run(const struct remote_command *command, const struct probe_options *options, struct error *err);

#endif
