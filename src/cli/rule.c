/* `varve rule`: the rules of a running broker, over its HTTP API. `eval` and `functions` need no broker. */
#include "cli/cli_internal.h"
#include "cli/remote_internal.h"
#include "cli/rule_internal.h"

#include <stdio.h>
#include <string.h>

#define ACTIONS_MAX 256

struct rule_command {
    struct remote_command base; /* first */
    /* create, update */
    struct remote_settings settings;
    const char *sql; /* and of test */
    const char *actions[ACTIONS_MAX];
    size_t action_count;
    /* test */
    const char *event;
    const char *topic;
    const char *payload;
    const char *context;
    /* functions */
    bool markdown;
};

static void print_help(void)
{
    puts(
        "usage: varve rule list [--json]\n"
        "       varve rule create ID --sql SQL [--action A]... [--set KEY=VALUE]...\n"
        "       varve rule show ID\n"
        "       varve rule update ID [--sql SQL] [--action A]... [--set KEY=VALUE]...\n"
        "       varve rule delete ID\n"
        "       varve rule enable ID | disable ID\n"
        "       varve rule metrics ID\n"
        "       varve rule test ID | test --sql SQL [--event E] [--topic T] [--payload P] [--context JSON]\n"
        "       varve rule eval\n"
        "       varve rule functions [--json | --markdown]\n\n"
        "Rules select from messages, events and stations, and give what they select to actions. The broker "
        "has to\nrun, but for eval and functions.\n\n"
        "  --sql SQL        SELECT ... FROM ... WHERE ..., or FOREACH ...\n"
        "  --action A       s3:NAME; console; station:NAME; or JSON: {\"function\": \"republish\",\n"
        "                   \"args\": {\"topic\": \"alarm/${clientid}\"}}; those given replace all that "
        "there "
        "are\n"
        "  --set KEY=VALUE  of the rule: name=hot, enable=false; or a whole JSON object\n"
        "  --desc TEXT      a remark for people\n"
        "  --event E        what the example is: message_publish (default: what FROM names first),\n"
        "                   client_connected, ...\n"
        "  --topic T        of the example message\n"
        "  --payload P      of the example message\n"
        "  --context JSON   any columns of the example\n"
        "  --markdown       the reference of functions, as it is in docs/sql/functions.md\n" REMOTE_HELP "\n"
        "test prints what the rule would select from an example, and runs no action; it fails if nothing is "
        "selected.\n\n"
        "eval tries out rules: for each line of standard input, a JSON object\n"
        "  {\"id\", \"sql\", \"topic\", \"payload\", \"context\"}\n"
        "where `context` has columns that differ from those of an example message, it prints one of\n"
        "  {\"id\", \"result\"}                 what the rule selects; a list for FOREACH\n"
        "  {\"id\", \"no_result\": true}        FROM or WHERE does not match\n"
        "  {\"id\", \"error\", \"stage\"}         \"parse\": the rule is wrong; \"run\": evaluating it "
        "failed\n"
        "undefined is {\"$undef\":true}, bytes that are not UTF-8 are {\"$hex\":\"…\"}.\n\n"
        "example: an alarm, and whether it would ring\n"
        "  varve rule create hot --sql 'SELECT payload.temp AS t FROM \"t/#\" WHERE t > 40' \\\n"
        "      --action '{\"function\": \"republish\", \"args\": {\"topic\": \"alarm\", \"payload\": "
        "\"${t}\"}}'\n"
        "  varve rule test hot --topic t/1 --payload '{\"temp\": 41}'\n\n"
        "example: what a rule makes of a message, without a broker\n"
        "  echo '{\"id\":1,\"sql\":\"SELECT payload.t * 9 / 5 + 32 AS f FROM \\\"t/#\\\"\",\"topic\":\"t/1\","
        "\"payload\":\"{\\\"t\\\":21}\"}' | varve rule eval");
}

/* ---- What is to be --------------------------------------------------------------------------------------- */

/* An action as it is written on the command line. NULL: ERR_INVALID. Returns owned. */
static json_t *action_of(const char *text, struct error *err)
{
    static const char station[] = "station:";
    json_error_t where;
    if (text[0] == '{') {
        json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &where);
        if (object == NULL)
            error_set(err, ERR_INVALID, "--action: no JSON: %s, at column %d", where.text, where.column);
        return object;
    }
    if (strcmp(text, "console") == 0)
        return json_pack("{s:s}", "function", text);
    if (strncmp(text, station, sizeof(station) - 1) == 0)
        return json_pack("{s:s, s:{s:s}}", "function", "station", "args", "station",
                         text + sizeof(station) - 1);
    return json_string(text);
}

static json_t *actions_of(const struct rule_command *command, struct error *err)
{
    json_t *list = json_array();
    for (size_t i = 0; i < command->action_count; i++) {
        json_t *action = action_of(command->actions[i], err);
        if (action == NULL) {
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, action);
    }
    return list;
}

/* The object that the options say; NULL: ERR_INVALID. Returns owned. */
static json_t *settings(const struct remote_command *base, struct error *err)
{
    const struct rule_command *command = (const struct rule_command *)base;
    json_t *object = remote_settings_object(&command->settings, err);
    if (object == NULL)
        return NULL;
    if (command->sql != NULL)
        json_object_set_new(object, "sql", json_string(command->sql));
    if (command->action_count == 0)
        return object;
    json_t *actions = actions_of(command, err);
    if (actions == NULL) {
        json_decref(object);
        return NULL;
    }
    json_object_set_new(object, "actions", actions);
    return object;
}

/* ---- Verbs ----------------------------------------------------------------------------------------------- */

static void print_line(json_t *rule)
{
    json_t *action, *topic;
    size_t i;
    printf("%-24s %-10s", remote_text(rule, "id"), remote_text(rule, "status"));
    json_array_foreach(json_object_get(rule, "from"), i, topic)
    {
        printf("%s%s", i > 0 ? "," : " ", json_string_value(topic));
    }
    fputs(" ->", stdout);
    json_array_foreach(json_object_get(rule, "actions"), i, action)
    {
        const char *id = json_is_string(action) ? json_string_value(action) : remote_text(action, "function");
        printf("%s%s", i > 0 ? "," : " ", id);
    }
    if (remote_text(rule, "status_reason")[0] != '\0')
        printf(" - %s", remote_text(rule, "status_reason"));
    putchar('\n');
}

static int rule_list(struct remote_command *command, struct error *err)
{
    json_t *list;
    char headline[80];
    if (!remote_ask_all(command->client, command->list, &list, err))
        return cli_fail("rule", err);
    snprintf(headline, sizeof(headline), "%-24s %-10s %s", "rule", "status", "from -> actions");
    return remote_print_list(command, list, print_line, headline);
}

static int rule_enable(struct remote_command *command, struct error *err)
{
    return remote_change(command, json_pack("{s:b}", "enable", 1), "enabled", err);
}

static int rule_disable(struct remote_command *command, struct error *err)
{
    return remote_change(command, json_pack("{s:b}", "enable", 0), "disabled", err);
}

/* ---- Trying ---------------------------------------------------------------------------------------------- */

static json_t *context_of(const struct rule_command *command, struct error *err)
{
    json_error_t where;
    json_t *context = command->context != NULL ? json_loads(command->context, JSON_REJECT_DUPLICATES, &where)
                                               : json_object();
    if (!json_is_object(context)) {
        json_decref(context);
        error_set(err, ERR_INVALID, "--context: expected a JSON object");
        return NULL;
    }
    if (command->event != NULL)
        json_object_set_new(context, "event_type", json_string(command->event));
    if (command->topic != NULL)
        json_object_set_new(context, "topic", json_string(command->topic));
    if (command->payload != NULL)
        json_object_set_new(context, "payload", json_string(command->payload));
    return context;
}

static int rule_test(struct remote_command *base, struct error *err)
{
    const struct rule_command *command = (const struct rule_command *)base;
    json_t *answer;
    if (base->name_count > 1)
        return cli_usage("rule", "\"%s\" is one argument too many", base->names[1]);
    if ((base->name != NULL) == (command->sql != NULL))
        return cli_usage("rule", "test needs the id of a rule, or --sql");
    if (command->settings.count > 0 || command->settings.description != NULL || command->action_count > 0)
        return cli_usage("rule", "test takes none of --action, --set, --desc");
    json_t *context = context_of(command, err);
    if (context == NULL)
        return cli_usage("rule", "%s", err->text);
    json_t *body = json_pack("{s:o}", "context", context);
    if (command->sql != NULL)
        json_object_set_new(body, "sql", json_string(command->sql));
    bool ok = base->name != NULL
                  ? remote_ask(base, "POST", "/test", body, &answer, err)
                  : http_client_json(base->client, "POST", "/api/v5/rule_test", body, &answer, err);
    json_decref(body);
    if (!ok)
        return cli_fail("rule", err);
    ok = remote_print_json(answer);
    json_decref(answer);
    return ok ? EXIT_DONE : EXIT_FAILED;
}

/* ---- Without a broker ------------------------------------------------------------------------------------ */

static int eval(struct remote_command *command, struct error *err)
{
    (void)err;
    if (command->remote.json)
        return cli_usage("rule", "eval always speaks JSON");
    return rule_eval(stdin, stdout);
}

static int functions(struct remote_command *base, struct error *err)
{
    (void)err;
    bool markdown = ((const struct rule_command *)base)->markdown;
    if (base->remote.json && markdown)
        return cli_usage("rule", "--json or --markdown, not both");
    return markdown ? rule_print_reference() : rule_list_functions(base->remote.json);
}

/* ---- Command line ---------------------------------------------------------------------------------------- */

enum { OBJECT = 1, CONTEXT = 2, MARKDOWN = 4 };

static const struct remote_group groups[] = {
    {OBJECT, "--sql, --action, --set, --desc"},
    {CONTEXT, "--event, --topic, --payload, --context"},
    {MARKDOWN, "--markdown"},
};

static const struct remote_verb verbs[] = {
    {"list", rule_list, .named = false},
    {"create", remote_create, .named = true, .takes = OBJECT, .needs = OBJECT},
    {"show", remote_show, .named = true},
    {"update", remote_update, .named = true, .takes = OBJECT, .needs = OBJECT},
    {"delete", remote_delete, .named = true},
    {"enable", rule_enable, .named = true},
    {"disable", rule_disable, .named = true},
    {"metrics", remote_metrics, .named = true},
    {"test", rule_test, .takes = OBJECT | CONTEXT | REMOTE_SEVERAL},
    {"eval", eval, .takes = REMOTE_OFFLINE},
    {"functions", functions, .takes = MARKDOWN | REMOTE_OFFLINE},
    {0},
};

static const struct option options[] = {
    REMOTE_OPTIONS,
    {"sql", required_argument, NULL, 'q'},
    {"action", required_argument, NULL, 'a'},
    {"set", required_argument, NULL, 's'},
    {"desc", required_argument, NULL, 'n'},
    {"event", required_argument, NULL, 'e'},
    {"topic", required_argument, NULL, 't'},
    {"payload", required_argument, NULL, 'p'},
    {"context", required_argument, NULL, 'c'},
    {"markdown", no_argument, NULL, 'm'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool take(struct remote_command *base, int option, const char *argument)
{
    struct rule_command *command = (struct rule_command *)base;
    base->given |= strchr("qasn", option) != NULL ? OBJECT : option == 'm' ? MARKDOWN : CONTEXT;
    switch (option) {
    case 'q': command->sql = argument; break;
    case 'a':
        if (command->action_count == ACTIONS_MAX)
            return false;
        command->actions[command->action_count++] = argument;
        break;
    case 's': return remote_settings_add(&command->settings, argument);
    case 'n': command->settings.description = argument; break;
    case 'e': command->event = argument; break;
    case 't': command->topic = argument; break;
    case 'p': command->payload = argument; break;
    case 'c': command->context = argument; break;
    case 'm': command->markdown = true; break;
    default: break;
    }
    return true;
}

int rule_main(int argc, char **argv)
{
    static const struct remote_subcommand rule = {.name = "rule",
                                                  .list = "/api/v5/rules",
                                                  .thing = "a rule",
                                                  .print_help = print_help,
                                                  .options = options,
                                                  .short_options = "h",
                                                  .take = take,
                                                  .verbs = verbs,
                                                  .groups = groups,
                                                  .key = "id",
                                                  .object = settings};
    struct rule_command command = {0};
    return remote_main(&rule, &command.base, argc, argv);
}
