/* `varve action`: the actions of a running broker, over its HTTP API. */
#include "cli/cli_internal.h"
#include "cli/remote_internal.h"

#include <stdio.h>
#include <string.h>

struct action_command {
    struct remote_command base; /* first */
    struct remote_settings settings;
    bool force;
};

static void print_help(void)
{
    puts("usage: varve action list [--json]\n"
         "       varve action create TYPE:NAME [--set KEY=VALUE]...\n"
         "       varve action show TYPE:NAME\n"
         "       varve action update TYPE:NAME [--set KEY=VALUE]...\n"
         "       varve action delete TYPE:NAME [--force]\n"
         "       varve action enable TYPE:NAME | disable TYPE:NAME | start TYPE:NAME\n"
         "       varve action test TYPE:NAME [--set KEY=VALUE]...\n"
         "       varve action metrics TYPE:NAME\n\n"
         "Actions deliver what rules select to a connector's store: s3:NAME. The broker has to run.\n\n"
         "  --set KEY=VALUE  of the action: connector=archive, parameters.bucket=telemetry,\n"
         "                   'parameters.key=${clientid}/${timestamp}.json'; null sets a key back to its\n"
         "                   default; or a whole JSON object\n"
         "  --desc TEXT      a remark for people\n"
         "  --force          deletes although rules use it, and gives up what is buffered\n" REMOTE_HELP "\n"
         "start tries the store now instead of when its pause is over; test tells whether such an action "
         "would\n"
         "work, and creates nothing.\n\n"
         "example: an object in a bucket for each message that a rule selects\n"
         "  varve action create s3:hot --set connector=archive --set parameters.bucket=telemetry \\\n"
         "      --set 'parameters.key=hot/${clientid}/${timestamp}.json'\n"
         "  varve rule create hot --sql 'SELECT * FROM \"t/#\" WHERE payload.temp > 40' --action s3:hot");
}

static json_t *settings(const struct remote_command *command, struct error *err)
{
    return remote_settings_object(&((const struct action_command *)command)->settings, err);
}

/* ---- Verbs ----------------------------------------------------------------------------------------------- */

static void print_line(json_t *action)
{
    char id[320];
    json_t *rule;
    size_t i;
    snprintf(id, sizeof(id), "%s:%s", remote_text(action, "type"), remote_text(action, "name"));
    printf("%-28s %-13s %-20s", id, remote_text(action, "status"), remote_text(action, "connector"));
    json_array_foreach(json_object_get(action, "rules"), i, rule)
    {
        printf("%s%s", i > 0 ? "," : " ", json_string_value(rule));
    }
    if (remote_text(action, "status_reason")[0] != '\0')
        printf(" - %s", remote_text(action, "status_reason"));
    putchar('\n');
}

static int action_list(struct remote_command *command, struct error *err)
{
    json_t *list;
    char headline[100];
    if (!http_client_json(command->client, "GET", command->list, NULL, &list, err))
        return cli_fail("action", err);
    snprintf(headline, sizeof(headline), "%-28s %-13s %-20s %s", "action", "status", "connector", "rules");
    return remote_print_list(command, list, print_line, headline);
}

static int action_delete(struct remote_command *command, struct error *err)
{
    bool force = ((const struct action_command *)command)->force;
    return remote_do(command, "DELETE", force ? "?force=true" : "", "deleted", err);
}

static int action_test(struct remote_command *command, struct error *err)
{
    json_t *object = remote_named_object(command, err);
    if (object == NULL)
        return cli_usage("action", "%s", err->text);
    bool ok = http_client_json(command->client, "POST", "/api/v5/actions_probe", object, NULL, err);
    json_decref(object);
    return ok ? remote_print_done(command, json_pack("{s:s}", "works", command->name), "would work")
              : cli_fail("action", err);
}

/* ---- Command line ---------------------------------------------------------------------------------------- */

enum { OBJECT = 1, FORCE = 2 };

static const struct remote_group groups[] = {
    {OBJECT, "--set, --desc"},
    {FORCE, "--force"},
};

static const struct remote_verb verbs[] = {
    {"list", action_list, .named = false},
    {"create", remote_create, .named = true, .takes = OBJECT, .needs = OBJECT},
    {"show", remote_show, .named = true},
    {"update", remote_update, .named = true, .takes = OBJECT, .needs = OBJECT},
    {"delete", action_delete, .named = true, .takes = FORCE},
    {"enable", remote_enable, .named = true},
    {"disable", remote_disable, .named = true},
    {"start", remote_start, .named = true},
    {"test", action_test, .named = true, .takes = OBJECT, .needs = OBJECT},
    {"metrics", remote_metrics, .named = true},
    {0},
};

static const struct option options[] = {
    REMOTE_OPTIONS,
    {"set", required_argument, NULL, 's'},
    {"desc", required_argument, NULL, 'n'},
    {"force", no_argument, NULL, 'F'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool take(struct remote_command *base, int option, const char *argument)
{
    struct action_command *command = (struct action_command *)base;
    base->given |= option == 'F' ? FORCE : OBJECT;
    switch (option) {
    case 's': return remote_settings_add(&command->settings, argument);
    case 'n': command->settings.description = argument; break;
    case 'F': command->force = true; break;
    default: break;
    }
    return true;
}

int action_main(int argc, char **argv)
{
    static const struct remote_subcommand action = {.name = "action",
                                                    .list = "/api/v5/actions",
                                                    .thing = "an action, such as s3:archive",
                                                    .name_holds = ':',
                                                    .print_help = print_help,
                                                    .options = options,
                                                    .short_options = "h",
                                                    .take = take,
                                                    .verbs = verbs,
                                                    .groups = groups,
                                                    .has_state = true,
                                                    .object = settings};
    struct action_command command = {0};
    return remote_main(&action, &command.base, argc, argv);
}
