/* What subcommands that speak to a running broker share: the options --url, --key, --ca, --data, --json. */
#ifndef CLI_REMOTE_INTERNAL_H
#define CLI_REMOTE_INTERNAL_H

#include "client/http_client.h"

struct remote_options {
    struct http_client_options http;
    bool json;
};

/* For getopt_long: these entries in the table, and remote_option() for what it returns. */
enum { REMOTE_URL = 1000, REMOTE_KEY, REMOTE_CA, REMOTE_DATA, REMOTE_JSON };
#define REMOTE_OPTIONS                                                                              \
    {"url", required_argument, NULL, REMOTE_URL}, {"key", required_argument, NULL, REMOTE_KEY},     \
        {"ca", required_argument, NULL, REMOTE_CA}, {"data", required_argument, NULL, REMOTE_DATA}, \
    {                                                                                               \
        "json", no_argument, NULL, REMOTE_JSON                                                      \
    }
/* Lines of a help text. */
#define REMOTE_HELP                                                                                     \
    "  --url URL      of the broker's API (default: DIR/run.json tells; else http://127.0.0.1:18083)\n" \
    "  --key K:S      API key (default: VARVE_API_KEY, else DIR/admin.key)\n"                           \
    "  --ca FILE      authorities for https (default: the system's)\n"                                  \
    "  --data DIR     the broker's data directory, on its own machine (default ./data)\n"               \
    "  --json         output for machines\n"                                                            \
    "  --help\n"

/* Whether the option is one of these; then it is taken. `argument`: optarg. */
bool remote_option(struct remote_options *remote, int option, const char *argument);

/* Returns owned. Errors: as http_client_new(). */
struct http_client *remote_open(const struct remote_options *remote, struct error *err);

/* Prints a value as JSON on a line. False if the output takes no more. */
bool remote_print_json(json_t *value);

#endif
