/* `varve key`: API keys of a running broker, over its HTTP API. */
#include "cli/cli_internal.h"
#include "cli/remote_internal.h"

#include <stdio.h>
#include <string.h>

struct key_command {
    struct remote_command base; /* first */
    const char *role;
    const char *expires;
    const char *description;
    int enabled; /* -1: not said */
};

static void print_help(void)
{
    puts(
        "usage: varve key list [--json]\n"
        "       varve key show NAME [--json]\n"
        "       varve key create NAME [options]\n"
        "       varve key update NAME [options]\n"
        "       varve key delete NAME\n\n"
        "API keys let programs use a broker's HTTP API: Authorization: Basic base64(key:secret). The broker "
        "has to "
        "run.\n"
        "The secret is shown once, when the key is made.\n\n"
        "  --role R       administrator (default), viewer (reads), publisher (publishes, and nothing else),\n"
        "                 consumer (reads stations, fetches and acknowledges, and nothing else)\n"
        "  --expires T    RFC 3339, or never (default)\n"
        "  --desc TEXT    a remark for people\n"
        "  --disable      the key is refused; --enable takes that back\n" REMOTE_HELP "\n"
        "example: a key for Grafana\n"
        "  varve key create grafana --role viewer");
}

/* ---- Output ---------------------------------------------------------------------------------------------- */

static const char *state_of(json_t *key)
{
    return json_is_true(json_object_get(key, "expired"))  ? "expired"
           : json_is_true(json_object_get(key, "enable")) ? "enabled"
                                                          : "disabled";
}

static void print_line(json_t *key)
{
    printf("%-24s %-16s %-13s %-8s %-24s %s\n", remote_text(key, "name"), remote_text(key, "api_key"),
           remote_text(key, "role"), state_of(key), remote_text(key, "expired_at"), remote_text(key, "desc"));
}

static void print_key(json_t *key)
{
    printf("name     %s\nkey      %s\nrole     %s\nstate    %s\nexpires  %s\ncreated  %s\ndesc     %s\n",
           remote_text(key, "name"), remote_text(key, "api_key"), remote_text(key, "role"), state_of(key),
           remote_text(key, "expired_at"), remote_text(key, "created_at"), remote_text(key, "desc"));
}

/* Takes the answer. */
static int print_answer(const struct remote_command *command, json_t *answer, void (*print)(json_t *key))
{
    bool ok = true;
    if (command->remote.json) {
        ok = remote_print_json(answer);
    } else if (json_is_array(answer)) {
        size_t i;
        json_t *key;
        json_array_foreach(answer, i, key)
        {
            print(key);
        }
    } else {
        print(answer);
    }
    json_decref(answer);
    return ok && fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* ---- Verbs ----------------------------------------------------------------------------------------------- */

/* /api/v5/api_key, with the name if there is one. False: with an error. */
static bool ask(const struct remote_command *command, const char *method, const char *name, json_t *body,
                json_t **answer, struct error *err)
{
    struct buf path = {0};
    buf_append_str(&path, STR("/api/v5/api_key"));
    if (name != NULL) {
        buf_append_byte(&path, '/');
        http_path_append(&path, str_of(name));
    }
    bool ok = http_client_json(command->client, method, buf_cstr(&path), body, answer, err);
    buf_free(&path);
    return ok;
}

/* What the options say. */
static json_t *settings(const struct remote_command *base)
{
    const struct key_command *command = (const struct key_command *)base;
    json_t *body = json_object();
    if (command->role != NULL)
        json_object_set_new(body, "role", json_string(command->role));
    if (command->description != NULL)
        json_object_set_new(body, "desc", json_string(command->description));
    if (command->expires != NULL) {
        bool never = strcmp(command->expires, "never") == 0;
        json_object_set_new(body, "expired_at", json_string(never ? "infinity" : command->expires));
    }
    if (command->enabled >= 0)
        json_object_set_new(body, "enable", json_boolean(command->enabled));
    return body;
}

static int key_list(struct remote_command *command, struct error *err)
{
    json_t *answer;
    return ask(command, "GET", NULL, NULL, &answer, err) ? print_answer(command, answer, print_line)
                                                         : cli_fail("key", err);
}

static int key_show(struct remote_command *command, struct error *err)
{
    json_t *answer;
    return ask(command, "GET", command->name, NULL, &answer, err) ? print_answer(command, answer, print_key)
                                                                  : cli_fail("key", err);
}

static void print_created(json_t *key)
{
    printf("key %s created\n%s:%s (the secret is not shown again)\n", remote_text(key, "name"),
           remote_text(key, "api_key"), remote_text(key, "api_secret"));
}

static int key_create(struct remote_command *command, struct error *err)
{
    json_t *answer, *body = settings(command);
    json_object_set_new(body, "name", json_string(command->name));
    bool ok = ask(command, "POST", NULL, body, &answer, err);
    json_decref(body);
    return ok ? print_answer(command, answer, print_created) : cli_fail("key", err);
}

static int key_update(struct remote_command *command, struct error *err)
{
    json_t *answer, *body = settings(command);
    bool ok = ask(command, "PUT", command->name, body, &answer, err);
    json_decref(body);
    return ok ? print_answer(command, answer, print_key) : cli_fail("key", err);
}

static void print_deleted(json_t *answer)
{
    printf("key %s deleted\n", remote_text(answer, "deleted"));
}

static int key_delete(struct remote_command *command, struct error *err)
{
    if (!ask(command, "DELETE", command->name, NULL, NULL, err))
        return cli_fail("key", err);
    return print_answer(command, json_pack("{s:s}", "deleted", command->name), print_deleted);
}

/* ---- Command line ---------------------------------------------------------------------------------------- */

enum { SETTINGS = 1 };

static const struct remote_group groups[] = {
    {SETTINGS, "--role, --expires, --desc, --enable, --disable"},
};

static const struct remote_verb verbs[] = {
    {"list", key_list, false, 0, 0},           {"show", key_show, true, 0, 0},
    {"create", key_create, true, SETTINGS, 0}, {"update", key_update, true, SETTINGS, SETTINGS},
    {"delete", key_delete, true, 0, 0},        {0},
};

static const struct option options[] = {
    REMOTE_OPTIONS,
    {"role", required_argument, NULL, 'r'},
    {"expires", required_argument, NULL, 'e'},
    {"desc", required_argument, NULL, 'n'},
    {"enable", no_argument, NULL, 'E'},
    {"disable", no_argument, NULL, 'D'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool take(struct remote_command *base, int option, const char *argument)
{
    struct key_command *command = (struct key_command *)base;
    base->given |= SETTINGS;
    switch (option) {
    case 'r': command->role = argument; break;
    case 'e': command->expires = argument; break;
    case 'n': command->description = argument; break;
    case 'E': command->enabled = true; break;
    case 'D': command->enabled = false; break;
    default: break;
    }
    return true;
}

int key_main(int argc, char **argv)
{
    static const struct remote_subcommand key = {.name = "key",
                                                 .thing = "a key",
                                                 .print_help = print_help,
                                                 .options = options,
                                                 .short_options = "h",
                                                 .take = take,
                                                 .verbs = verbs,
                                                 .groups = groups};
    struct key_command command = {.enabled = -1};
    return remote_main(&key, &command.base, argc, argv);
}
