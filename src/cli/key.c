/* `varve key`: API keys of a running broker, over its HTTP API. */
#include "cli/cli_internal.h"
#include "cli/remote_internal.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

struct key_command {
    struct remote_options remote;
    const char *verb;
    const char *name; /* NULL: none given */
    const char *role;
    const char *expires;
    const char *description;
    int enabled; /* -1: not said */
    struct http_client *client;
};

static void print_help(void)
{
    puts("usage: varve key list [--json]\n"
         "       varve key show NAME [--json]\n"
         "       varve key create NAME [options]\n"
         "       varve key update NAME [options]\n"
         "       varve key delete NAME\n\n"
         "API keys let programs use a broker's HTTP API: Authorization: Basic base64(key:secret). The broker "
         "has to "
         "run.\n"
         "The secret is shown once, when the key is made.\n\n"
         "  --role R       administrator (default), viewer (reads), publisher (publishes, and nothing else)\n"
         "  --expires T    RFC 3339, or never (default)\n"
         "  --desc TEXT    a remark for people\n"
         "  --disable      the key is refused; --enable takes that back\n" REMOTE_HELP "\n"
         "example: a key for Grafana\n"
         "  varve key create grafana --role viewer");
}

/* ---- Output ---------------------------------------------------------------------------------------------- */

static const char *text_of(json_t *key, const char *name)
{
    const char *text = json_string_value(json_object_get(key, name));
    return text != NULL ? text : "";
}

static const char *state_of(json_t *key)
{
    return json_is_true(json_object_get(key, "expired"))  ? "expired"
           : json_is_true(json_object_get(key, "enable")) ? "enabled"
                                                          : "disabled";
}

static void print_line(json_t *key)
{
    printf("%-24s %-16s %-13s %-8s %-24s %s\n", text_of(key, "name"), text_of(key, "api_key"),
           text_of(key, "role"), state_of(key), text_of(key, "expired_at"), text_of(key, "desc"));
}

static void print_key(json_t *key)
{
    printf("name     %s\nkey      %s\nrole     %s\nstate    %s\nexpires  %s\ncreated  %s\ndesc     %s\n",
           text_of(key, "name"), text_of(key, "api_key"), text_of(key, "role"), state_of(key),
           text_of(key, "expired_at"), text_of(key, "created_at"), text_of(key, "desc"));
}

/* Takes the answer. */
static int print_answer(const struct key_command *command, json_t *answer, void (*print)(json_t *key))
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
static bool ask(const struct key_command *command, const char *method, const char *name, json_t *body,
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
static json_t *settings(const struct key_command *command)
{
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

static int key_list(const struct key_command *command, struct error *err)
{
    json_t *answer;
    return ask(command, "GET", NULL, NULL, &answer, err) ? print_answer(command, answer, print_line)
                                                         : cli_fail("key", err);
}

static int key_show(const struct key_command *command, struct error *err)
{
    json_t *answer;
    return ask(command, "GET", command->name, NULL, &answer, err) ? print_answer(command, answer, print_key)
                                                                  : cli_fail("key", err);
}

static void print_created(json_t *key)
{
    printf("key %s created\n%s:%s (the secret is not shown again)\n", text_of(key, "name"),
           text_of(key, "api_key"), text_of(key, "api_secret"));
}

static int key_create(const struct key_command *command, struct error *err)
{
    json_t *answer, *body = settings(command);
    json_object_set_new(body, "name", json_string(command->name));
    bool ok = ask(command, "POST", NULL, body, &answer, err);
    json_decref(body);
    return ok ? print_answer(command, answer, print_created) : cli_fail("key", err);
}

static int key_update(const struct key_command *command, struct error *err)
{
    json_t *answer, *body = settings(command);
    bool ok = ask(command, "PUT", command->name, body, &answer, err);
    json_decref(body);
    return ok ? print_answer(command, answer, print_key) : cli_fail("key", err);
}

static void print_deleted(json_t *answer)
{
    printf("key %s deleted\n", text_of(answer, "deleted"));
}

static int key_delete(const struct key_command *command, struct error *err)
{
    if (!ask(command, "DELETE", command->name, NULL, NULL, err))
        return cli_fail("key", err);
    return print_answer(command, json_pack("{s:s}", "deleted", command->name), print_deleted);
}

/* ---- Command line ---------------------------------------------------------------------------------------- */

static const struct verb {
    const char *name;
    int (*run)(const struct key_command *command, struct error *err);
    bool named;   /* takes NAME */
    bool changes; /* takes options that say what a key is */
} verbs[] = {
    {"list", key_list, false, false},    {"show", key_show, true, false},
    {"create", key_create, true, true},  {"update", key_update, true, true},
    {"delete", key_delete, true, false},
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(name, verbs[i].name) == 0)
            return &verbs[i];
    }
    return NULL;
}

/* -1: go on; else the exit code. */
static int parse_options(struct key_command *command, int argc, char **argv)
{
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
    optind = 0;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (remote_option(&command->remote, option, optarg))
            continue;
        switch (option) {
        case 'r': command->role = optarg; break;
        case 'e': command->expires = optarg; break;
        case 'n': command->description = optarg; break;
        case 'E': command->enabled = true; break;
        case 'D': command->enabled = false; break;
        case 'h': print_help(); return EXIT_DONE;
        default: return cli_usage("key", "bad option");
        }
    }
    command->verb = optind < argc ? argv[optind++] : NULL;
    command->name = optind < argc ? argv[optind++] : NULL;
    if (optind < argc)
        return cli_usage("key", "\"%s\" is one argument too many", argv[optind]);
    return -1;
}

/* -1: go on; else the exit code. */
static int check_usage(const struct key_command *command, const struct verb *verb)
{
    bool described = command->role != NULL || command->expires != NULL || command->description != NULL ||
                     command->enabled >= 0;
    if (verb == NULL)
        return cli_usage("key", "say what to do: list, show, create, update or delete");
    if (verb->named && (command->name == NULL || command->name[0] == '\0'))
        return cli_usage("key", "%s needs the name of a key", verb->name);
    if (!verb->named && command->name != NULL)
        return cli_usage("key", "%s takes no name", verb->name);
    if (!verb->changes && described)
        return cli_usage("key", "%s takes none of --role, --expires, --desc, --enable, --disable",
                         verb->name);
    return -1;
}

int key_main(int argc, char **argv)
{
    struct key_command command = {.enabled = -1};
    struct error err;
    int code = parse_options(&command, argc, argv);
    if (code >= 0)
        return code;
    const struct verb *verb = find_verb(command.verb);
    code = check_usage(&command, verb);
    if (code >= 0)
        return code;
    command.client = remote_open(&command.remote, &err);
    if (command.client == NULL)
        return cli_fail("key", &err);
    code = verb->run(&command, &err);
    http_client_free(command.client);
    return code;
}
