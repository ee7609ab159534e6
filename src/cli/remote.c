/* See remote_internal.h. */
#include "cli/remote_internal.h"

#include "cli/cli_internal.h"

#include <stdio.h>
#include <string.h>

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

/* ---- Subcommands of verbs -------------------------------------------------------------------------------- */

static const struct remote_verb *find_verb(const struct remote_subcommand *subcommand, const char *name)
{
    const struct remote_verb *verb = subcommand->verbs;
    while (verb->name != NULL && (name == NULL || strcmp(name, verb->name) != 0))
        verb++;
    return verb->name != NULL ? verb : NULL;
}

/* "list, show or delete" */
static int say_verbs(const struct remote_subcommand *subcommand, const char *given)
{
    struct buf list = {0};
    for (const struct remote_verb *verb = subcommand->verbs; verb->name != NULL; verb++) {
        const char *before = verb == subcommand->verbs ? "" : verb[1].name != NULL ? ", " : " or ";
        buf_printf(&list, "%s%s", before, verb->name);
    }
    int code = cli_which_verb(subcommand->name, given, buf_cstr(&list));
    buf_free(&list);
    return code;
}

static const char *options_of(const struct remote_subcommand *subcommand, unsigned bits)
{
    const struct remote_group *group = subcommand->groups;
    while ((group->bit & bits) == 0)
        group++;
    return group->options;
}

/* -1: go on; else the exit code. */
static int check_usage(const struct remote_subcommand *subcommand, const struct remote_command *command,
                       const char *given, const struct remote_verb *verb)
{
    const char *of = subcommand->name;
    if (verb == NULL)
        return say_verbs(subcommand, given);
    if (verb->named && (command->name == NULL || command->name[0] == '\0'))
        return cli_usage(of, "%s needs the name of %s", verb->name, subcommand->thing);
    if (verb->named && subcommand->name_holds != 0 && strchr(command->name, subcommand->name_holds) == NULL)
        return cli_usage(of, "\"%s\" is not the name of %s", command->name, subcommand->thing);
    if (!verb->named && (verb->takes & REMOTE_SEVERAL) == 0 && command->name != NULL)
        return cli_usage(of, "%s takes no name", verb->name);
    if ((verb->takes & REMOTE_SEVERAL) == 0 && command->name_count > 1)
        return cli_usage(of, "\"%s\" is one argument too many", command->names[1]);
    unsigned wrong = command->given & ~verb->takes;
    if (wrong != 0)
        return cli_usage(of, "%s takes none of %s", verb->name, options_of(subcommand, wrong));
    if (verb->needs != 0 && (command->given & verb->needs) == 0)
        return cli_usage(of, "%s needs one of %s", verb->name, options_of(subcommand, verb->needs));
    return -1;
}

/* -1: go on; else the exit code. */
static int parse_options(const struct remote_subcommand *subcommand, struct remote_command *command, int argc,
                         char **argv, const char **verb)
{
    optind = 0;
    for (int option;
         (option = cli_option(argc, argv, subcommand->short_options, subcommand->options)) != -1;) {
        if (remote_option(&command->remote, option, optarg))
            continue;
        if (option == 'h') {
            subcommand->print_help();
            return EXIT_DONE;
        }
        if (option == '?')
            return EXIT_USAGE;
        if (!subcommand->take(command, option, optarg))
            return cli_usage(subcommand->name, "too many options");
    }
    *verb = optind < argc ? argv[optind++] : NULL;
    command->name = optind < argc ? argv[optind] : NULL;
    command->names = argv + optind;
    command->name_count = argc - optind;
    return -1;
}

int remote_main(const struct remote_subcommand *subcommand, struct remote_command *command, int argc,
                char **argv)
{
    struct error err;
    const char *name = NULL;
    command->of = subcommand;
    command->subcommand = subcommand->name;
    command->list = subcommand->list;
    int code = parse_options(subcommand, command, argc, argv, &name);
    if (code >= 0)
        return code;
    const struct remote_verb *verb = find_verb(subcommand, name);
    code = check_usage(subcommand, command, name, verb);
    if (code >= 0)
        return code;
    if ((verb->takes & REMOTE_OFFLINE) != 0)
        return verb->run(command, &err);
    command->remote.http.timeout_ms = subcommand->timeout_ms;
    command->client = remote_open(&command->remote, &err);
    if (command->client == NULL)
        return cli_fail(subcommand->name, &err);
    code = verb->run(command, &err);
    http_client_free(command->client);
    return code;
}
