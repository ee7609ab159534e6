/* `varve station read`: what a station holds, to standard output as it comes. */
#include "cli/cli_internal.h"
#include "cli/station_internal.h"

#include <stdio.h>
#include <string.h>

struct output {
    bool failed; /* standard output takes no more */
    bool flushes;
};

static bool take(struct str bytes, void *arg)
{
    struct output *output = arg;
    output->failed =
        fwrite(bytes.data, 1, bytes.len, stdout) != bytes.len || (output->flushes && fflush(stdout) != 0);
    return !output->failed;
}

static void add_value(struct buf *path, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buf_append_byte(path, memchr(path->data, '?', path->len) == NULL ? '?' : '&');
    buf_printf(path, "%s=", name);
    http_path_append(path, str_of(value));
}

static bool is_format(const char *format)
{
    return format == NULL || strcmp(format, "ndjson") == 0 || strcmp(format, "csv") == 0 ||
           strcmp(format, "raw") == 0;
}

int station_read_main(struct remote_command *base, struct error *err)
{
    const struct station_command *command = (const struct station_command *)base;
    uint64_t limit;
    if (!is_format(command->format))
        return cli_usage("station", "--format is one of ndjson, csv, raw");
    if (base->remote.json && command->format != NULL && strcmp(command->format, "ndjson") != 0)
        return cli_usage("station", "--json is --format ndjson");
    if (command->limit != NULL && (!str_to_u64(str_of(command->limit), &limit, NULL) || limit == 0))
        return cli_usage("station", "--limit is a number of messages, 1 or more");
    struct buf path = {0};
    struct output output = {.flushes = command->follow};
    struct http_answer answer;
    station_path(base->name, "/messages", &path);
    add_value(&path, "from", command->from);
    add_value(&path, "to", command->to);
    add_value(&path, "filter", command->filter);
    add_value(&path, "limit", command->limit);
    add_value(&path, "format", command->format);
    add_value(&path, "follow", command->follow ? "true" : NULL);
    const struct http_request request = {
        .method = "GET", .path = buf_cstr(&path), .take = take, .arg = &output};
    bool ok = http_client_ask(base->client, &request, &answer, err);
    if (ok) {
        ok = (answer.status >= 200 && answer.status < 300) || http_answer_error(&answer, err);
        buf_free(&answer.body);
    }
    buf_free(&path);
    output.failed = fflush(stdout) != 0 || output.failed;
    if (ok && output.failed)
        ok = error_set(err, ERR_IO, "standard output takes no more");
    return ok ? EXIT_DONE : cli_fail("station", err);
}
