/* Tells what a probe has found: a line for each check, then what follows from them. */
#include "cli/probe_internal.h"

#include "cli/cli_internal.h"

#include <stdio.h>
#include <string.h>

/* What the results are called in every report of `varve doctor`. */
static const char *verdict_of(const char *result)
{
    return strcmp(result, "reduced") == 0 ? "warning" : result;
}

static const char *promise_of(const char *guarantee)
{
    return strcmp(guarantee, "exactly_once") == 0
               ? "exactly once: of two brokers that write to the same table, one is told no"
           : strcmp(guarantee, "single_writer") == 0
               ? "a single writer: right as long as one broker alone writes below a prefix"
               : "not known: the probe did not come that far";
}

static void print_check(const json_t *check)
{
    printf("%-8s %-15s %s\n", verdict_of(remote_text(check, "result")), remote_text(check, "name"),
           remote_text(check, "text"));
    if (remote_text(check, "hint")[0] != '\0')
        printf("%24s %s\n", "", remote_text(check, "hint"));
}

static void print_probe(const json_t *answer)
{
    size_t i;
    json_t *check;
    json_array_foreach(json_object_get(answer, "checks"), i, check)
    {
        print_check(check);
    }
    printf("\n%s\nguarantee: %s\n",
           json_is_true(json_object_get(answer, "usable")) ? "it can be used" : "it cannot be used as it is",
           promise_of(remote_text(answer, "guarantee")));
}

int probe_run(const struct remote_command *command, const struct probe_options *options, struct error *err)
{
    struct buf path = {0};
    json_t *answer, *body = json_pack("{s:s*, s:s*}", "bucket", options->bucket, "prefix", options->prefix);
    buf_append_str(&path, STR("/api/v5/connectors/"));
    http_path_append(&path, str_of(command->name));
    buf_append_str(&path, STR("/probe"));
    bool ok = http_client_json(command->client, "POST", buf_cstr(&path), body, &answer, err);
    json_decref(body);
    buf_free(&path);
    if (!ok)
        return cli_fail(command->subcommand, err);
    bool usable = json_is_true(json_object_get(answer, "usable"));
    if (command->remote.json)
        ok = remote_print_json(answer);
    else
        print_probe(answer);
    json_decref(answer);
    return ok && fflush(stdout) == 0 && usable ? EXIT_DONE : EXIT_FAILED;
}
