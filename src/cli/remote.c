/* See remote_internal.h. */
#include "cli/remote_internal.h"

#include "cli/cli_internal.h"

#include <stdio.h>

bool remote_option(struct remote_options *remote, int option, const char *argument)
{
    switch (option) {
    case REMOTE_URL: remote->http.url = argument; return true;
    case REMOTE_KEY: remote->http.key = argument; return true;
    case REMOTE_CA: remote->http.ca_file = argument; return true;
    case REMOTE_DATA: remote->http.dir = argument; return true;
    case REMOTE_JSON: remote->json = true; return true;
    default: return false;
    }
}

struct http_client *remote_open(const struct remote_options *remote, struct error *err)
{
    struct http_client_options options = remote->http;
    if (options.dir == NULL)
        options.dir = CLI_DATA_DEFAULT;
    return http_client_new(&options, err);
}

bool remote_print_json(json_t *value)
{
    return json_dumpf(value, stdout, JSON_ENCODE_ANY) == 0 && putchar('\n') != EOF && fflush(stdout) == 0;
}
