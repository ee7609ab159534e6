/* `varve connector`: the connectors of a running broker, over its HTTP API. */
#include "cli/cli_internal.h"
#include "cli/probe_internal.h"

#include "base/mem.h"
#include "cli/manage_internal.h"

#include <stdio.h>
#include <string.h>

struct connector_command {
    struct remote_command base; /* first */
    struct remote_settings settings;
    bool secret; /* is on standard input, or to be asked for */
    struct probe_options probe;
};

static void print_help(void)
{
    puts(
        "usage: varve connector list [--json]\n"
        "       varve connector create TYPE:NAME [--set KEY=VALUE]... [--secret]\n"
        "       varve connector show TYPE:NAME\n"
        "       varve connector update TYPE:NAME [--set KEY=VALUE]... [--secret]\n"
        "       varve connector delete TYPE:NAME\n"
        "       varve connector enable TYPE:NAME | disable TYPE:NAME | start TYPE:NAME\n"
        "       varve connector probe TYPE:NAME [--bucket B] [--prefix P]\n\n"
        "Connectors are the stores that stations and actions write to: s3:NAME, directory:NAME. The broker "
        "has to run.\n\n"
        "  --set KEY=VALUE  of the connector: endpoint=https://s3.eu-west-1.amazonaws.com, "
        "bucket=telemetry,\n"
        "                   transport_options.pool_size=16; null sets a key back to its default;\n"
        "                   or a whole JSON object\n"
        "  --secret         secret_access_key comes from standard input, or is asked for on a terminal.\n"
        "                   With --set secret_access_key=file:///path or env:NAME the broker reads it there\n"
        "  --desc TEXT      a remark for people\n"
        "  --bucket B       to be probed; default: the connector's\n"
        "  --prefix P       of the keys that a probe writes, and deletes again\n" REMOTE_HELP "\n"
        "start opens the store anew; probe tries everything that a store has to honour.\n\n"
        "example: a bucket, and whether it is fit for use\n"
        "  varve connector create s3:archive --set endpoint=https://s3.eu-west-1.amazonaws.com \\\n"
        "      --set bucket=telemetry --set access_key_id=AKIA... --secret\n"
        "  varve connector probe s3:archive");
}

/* ---- What is to be --------------------------------------------------------------------------------------- */

/* If there is to be one. */
static bool add_secret(const struct remote_command *command, json_t *object, struct error *err)
{
    struct buf secret = {0};
    if (!((const struct connector_command *)command)->secret)
        return true;
    bool ok = manage_read_secret(command->name, &secret, err);
    if (ok)
        json_object_set_new(object, "secret_access_key", json_stringn((const char *)secret.data, secret.len));
    if (secret.data != NULL)
        mem_wipe(secret.data, secret.cap);
    buf_free(&secret);
    return ok;
}

static json_t *settings(const struct remote_command *command, struct error *err)
{
    return remote_settings_object(&((const struct connector_command *)command)->settings, err);
}

/* ---- Output ---------------------------------------------------------------------------------------------- */

static void print_line(json_t *connector)
{
    char id[320];
    json_t *use;
    size_t i;
    snprintf(id, sizeof(id), "%s:%s", remote_text(connector, "type"), remote_text(connector, "name"));
    printf("%-28s %-13s", id, remote_text(connector, "status"));
    json_array_foreach(json_object_get(connector, "uses"), i, use)
    {
        printf("%s%s", i > 0 ? "," : " ", json_string_value(use));
    }
    if (remote_text(connector, "status_reason")[0] != '\0')
        printf("%s %s", i > 0 ? "" : " -", remote_text(connector, "status_reason"));
    putchar('\n');
}

/* ---- Verbs ----------------------------------------------------------------------------------------------- */

static int connector_list(struct remote_command *command, struct error *err)
{
    json_t *list;
    char headline[80];
    if (!http_client_json(command->client, "GET", command->list, NULL, &list, err))
        return cli_fail("connector", err);
    snprintf(headline, sizeof(headline), "%-28s %-13s %s", "connector", "status", "used by");
    return remote_print_list(command, list, print_line, headline);
}

/* Its answer comes once the store has answered. */
static int connector_start(struct remote_command *command, struct error *err)
{
    return remote_do(command, "POST", "/start", "connected", err);
}

static int connector_probe(struct remote_command *command, struct error *err)
{
    return probe_run(command, &((const struct connector_command *)command)->probe, err);
}

/* ---- Command line ---------------------------------------------------------------------------------------- */

enum { OBJECT = 1, PROBE = 2 };

static const struct remote_group groups[] = {
    {OBJECT, "--set, --secret, --desc"},
    {PROBE, "--bucket, --prefix"},
};

static const struct remote_verb verbs[] = {
    {"list", connector_list, false, 0, 0},      {"create", remote_create, true, OBJECT, 0},
    {"show", remote_show, true, 0, 0},          {"update", remote_update, true, OBJECT, OBJECT},
    {"delete", remote_delete, true, 0, 0},      {"enable", remote_enable, true, 0, 0},
    {"disable", remote_disable, true, 0, 0},    {"start", connector_start, true, 0, 0},
    {"probe", connector_probe, true, PROBE, 0}, {0},
};

static const struct option options[] = {
    REMOTE_OPTIONS,
    {"set", required_argument, NULL, 's'},
    {"secret", no_argument, NULL, 'S'},
    {"desc", required_argument, NULL, 'n'},
    {"bucket", required_argument, NULL, 'b'},
    {"prefix", required_argument, NULL, 'x'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool take(struct remote_command *base, int option, const char *argument)
{
    struct connector_command *command = (struct connector_command *)base;
    base->given |= option == 'b' || option == 'x' ? PROBE : OBJECT;
    switch (option) {
    case 's': return remote_settings_add(&command->settings, argument);
    case 'S': command->secret = true; break;
    case 'n': command->settings.description = argument; break;
    case 'b': command->probe.bucket = argument; break;
    case 'x': command->probe.prefix = argument; break;
    default: break;
    }
    return true;
}

int connector_main(int argc, char **argv)
{
    static const struct remote_subcommand connector = {.name = "connector",
                                                       .list = "/api/v5/connectors",
                                                       .thing = "a connector, such as s3:archive",
                                                       .name_holds = ':',
                                                       .print_help = print_help,
                                                       .options = options,
                                                       .short_options = "h",
                                                       .take = take,
                                                       .verbs = verbs,
                                                       .groups = groups,
                                                       .timeout_ms = PROBE_TIMEOUT_MS,
                                                       .has_state = true,
                                                       .object = settings,
                                                       .complete = add_secret};
    struct connector_command command = {0};
    return remote_main(&connector, &command.base, argc, argv);
}
