/* `varve station`: the stations of a running broker, over its HTTP API. `read` is in station_read.c. */
#include "cli/cli_internal.h"
#include "cli/station_internal.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define PAGE_LIMIT 1000

static void print_help(void)
{
    puts("usage: varve station list [--json]\n"
         "       varve station create NAME [--topic T]... [--set KEY=VALUE]...\n"
         "       varve station show NAME\n"
         "       varve station update NAME [--topic T]... [--set KEY=VALUE]...\n"
         "       varve station delete NAME [--force]\n"
         "       varve station purge NAME\n"
         "       varve station groups NAME\n"
         "       varve station read NAME [--from START] [--to END] [--filter T] [--limit N]\n"
         "                               [--format ndjson, csv, raw] [--follow]\n\n"
         "Stations keep what is published to their topics. The broker has to run.\n\n"
         "  --topic T        a topic filter; those given replace all that there are\n"
         "  --desc TEXT      a remark for people\n"
         "  --set KEY=VALUE  of the station object: retention.age=30d, max_deliveries=5, sync=100ms;\n"
         "                   or a whole JSON object\n"
         "  --force          deletes although somebody uses it, or a group has members\n"
         "  --from START     earliest (default), latest, last:N, offset:N, time:<RFC 3339 or ms>\n"
         "  --to END         likewise; what is there or behind is not read (default: the end)\n"
         "  --filter T       messages whose topics match\n"
         "  --limit N        at most so many\n"
         "  --format F       ndjson (default), csv, raw: payloads, each with a line feed behind\n"
         "  --follow         goes on with what comes, until it is interrupted\n" REMOTE_HELP "\n"
         "example: keep a month of what devices send, and look at the last three messages\n"
         "  varve station create telemetry --topic 't/#' --set retention.age=30d\n"
         "  varve station read telemetry --from last:3");
}

/* ---- Asking ---------------------------------------------------------------------------------------------- */

void station_path(const char *name, const char *tail, struct buf *out)
{
    buf_append_str(out, STR("/api/v5/stations/"));
    http_path_append(out, str_of(name));
    buf_append_str(out, str_of(tail));
}

static bool ask(const struct station_command *command, const char *method, const char *tail, json_t *body,
                json_t **answer, struct error *err)
{
    struct buf path = {0};
    station_path(command->name, tail, &path);
    bool ok = http_client_json(command->client, method, buf_cstr(&path), body, answer, err);
    buf_free(&path);
    return ok;
}

/* All pages of a list, which is at `path`. */
static bool ask_all(const struct station_command *command, const char *path, json_t **out, struct error *err)
{
    bool more = true;
    *out = json_array();
    for (unsigned page = 1; more; page++) {
        struct buf paged = {0};
        json_t *answer;
        buf_printf(&paged, "%s?page=%u&limit=%d", path, page, PAGE_LIMIT);
        bool ok = http_client_json(command->client, "GET", buf_cstr(&paged), NULL, &answer, err);
        buf_free(&paged);
        if (!ok) {
            json_decref(*out);
            return false;
        }
        json_array_extend(*out, json_object_get(answer, "data"));
        more = json_is_true(json_object_get(json_object_get(answer, "meta"), "hasnext"));
        json_decref(answer);
    }
    return true;
}

/* ---- What is to be --------------------------------------------------------------------------------------- */

/* "retention.age=7d" into {"retention": {"age": "7d"}}: a number, true or false is that, anything else is text. */
static bool set_key(json_t *object, const char *set, struct error *err)
{
    struct str value = str_of(set), path, key, next;
    str_next(&value, '=', &path);
    if (value.data == NULL || path.len == 0)
        return error_set(err, ERR_INVALID, "--set %s: is not KEY=VALUE", set);
    str_next(&path, '.', &key);
    while (path.data != NULL) {
        str_next(&path, '.', &next);
        json_t *inner = json_object_getn(object, key.data, key.len);
        if (!json_is_object(inner)) {
            inner = json_object();
            json_object_setn_new(object, key.data, key.len, inner);
        }
        object = inner;
        key = next;
    }
    json_t *parsed = json_loadb(value.data, value.len, JSON_DECODE_ANY, NULL);
    if (parsed == NULL)
        parsed = json_stringn(value.data, value.len);
    if (parsed == NULL || json_object_setn_new(object, key.data, key.len, parsed) != 0)
        return error_set(err, ERR_INVALID, "--set %s: is not UTF-8", set);
    return true;
}

static bool set_object(json_t *object, const char *set, struct error *err)
{
    json_error_t where;
    json_t *given = json_loads(set, JSON_REJECT_DUPLICATES, &where);
    if (given == NULL)
        return error_set(err, ERR_INVALID, "--set: no JSON: %s, at column %d", where.text, where.column);
    json_object_update_recursive(object, given);
    json_decref(given);
    return true;
}

json_t *station_settings(const struct station_command *command, struct error *err)
{
    json_t *object = json_object();
    bool ok = true;
    for (size_t i = 0; ok && i < command->set_count; i++)
        ok = command->sets[i][0] == '{' ? set_object(object, command->sets[i], err)
                                        : set_key(object, command->sets[i], err);
    if (ok && command->topic_count > 0) {
        json_t *topics = json_array();
        for (size_t i = 0; i < command->topic_count; i++)
            json_array_append_new(topics, json_string(command->topics[i]));
        json_object_set_new(object, "topics", topics);
    }
    if (ok && command->description != NULL)
        json_object_set_new(object, "description", json_string(command->description));
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

/* ---- Output ---------------------------------------------------------------------------------------------- */

static const char *text_of(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static long long number_of(json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static void print_line(json_t *station)
{
    json_t *state = json_object_get(station, "state"), *topic;
    size_t i;
    printf("%-24s %-10s %12lld %14lld ", text_of(station, "name"), text_of(state, "status"),
           number_of(state, "messages"), number_of(state, "bytes"));
    json_array_foreach(json_object_get(station, "topics"), i, topic)
    {
        printf("%s%s", i > 0 ? "," : " ", json_string_value(topic));
    }
    putchar('\n');
}

static void print_group(json_t *group)
{
    printf("%-24s %8lld %12lld %12lld %10lld %12lld %12lld  %s\n", text_of(group, "name"),
           number_of(group, "members"), number_of(group, "lag"), number_of(group, "acked_offset"),
           number_of(group, "in_flight"), number_of(group, "redelivered"), number_of(group, "dead_letters"),
           text_of(group, "filter"));
}

/* "retention.age   7d": a line for each value. */
static void print_values(json_t *object, const char *prefix)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        struct buf name = {0};
        buf_printf(&name, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key);
        if (json_is_object(value)) {
            print_values(value, buf_cstr(&name));
        } else if (json_is_string(value)) {
            printf("%-24s %s\n", buf_cstr(&name), json_string_value(value));
        } else {
            char *text = json_dumps(value, JSON_ENCODE_ANY);
            printf("%-24s %s\n", buf_cstr(&name), text);
            free(text);
        }
        buf_free(&name);
    }
}

/* Takes the answer. */
static int print_list(const struct station_command *command, json_t *list, void (*print)(json_t *one),
                      const char *headline)
{
    bool ok = true;
    size_t i;
    json_t *one;
    if (command->remote.json) {
        ok = remote_print_json(list);
    } else if (json_array_size(list) > 0) {
        puts(headline);
        json_array_foreach(list, i, one)
        {
            print(one);
        }
    }
    json_decref(list);
    return ok && fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* Takes the answer. `text`: instead of the object, for people; NULL: the object. */
static int print_one(const struct station_command *command, json_t *answer, const char *text)
{
    bool ok = true;
    if (command->remote.json)
        ok = remote_print_json(answer);
    else if (text != NULL)
        puts(text);
    else
        print_values(answer, "");
    json_decref(answer);
    return ok && fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int print_done(const struct station_command *command, json_t *answer, const char *done)
{
    struct buf text = {0};
    buf_printf(&text, "station %s %s", command->name, done);
    int code = print_one(command, answer, buf_cstr(&text));
    buf_free(&text);
    return code;
}

/* ---- Verbs ----------------------------------------------------------------------------------------------- */

static int station_list(const struct station_command *command, struct error *err)
{
    json_t *list;
    char headline[100];
    if (!ask_all(command, "/api/v5/stations", &list, err))
        return cli_fail("station", err);
    snprintf(headline, sizeof(headline), "%-24s %-10s %12s %14s  %s", "name", "status", "messages", "bytes",
             "topics");
    return print_list(command, list, print_line, headline);
}

static int station_groups(const struct station_command *command, struct error *err)
{
    json_t *list;
    char headline[120];
    struct buf path = {0};
    station_path(command->name, "/groups", &path);
    bool ok = ask_all(command, buf_cstr(&path), &list, err);
    buf_free(&path);
    if (!ok)
        return cli_fail("station", err);
    snprintf(headline, sizeof(headline), "%-24s %8s %12s %12s %10s %12s %12s  %s", "group", "members", "lag",
             "acked_offset", "in_flight", "redelivered", "dead_letters", "filter");
    return print_list(command, list, print_group, headline);
}

static int station_show(const struct station_command *command, struct error *err)
{
    json_t *answer;
    return ask(command, "GET", "", NULL, &answer, err) ? print_one(command, answer, NULL)
                                                       : cli_fail("station", err);
}

static int station_create(const struct station_command *command, struct error *err)
{
    json_t *answer, *object = station_settings(command, err);
    if (object == NULL)
        return cli_usage("station", "%s", err->text);
    json_object_set_new(object, "name", json_string(command->name));
    bool ok = http_client_json(command->client, "POST", "/api/v5/stations", object, &answer, err);
    json_decref(object);
    return ok ? print_done(command, answer, "created") : cli_fail("station", err);
}

static int station_update(const struct station_command *command, struct error *err)
{
    json_t *answer, *object = station_settings(command, err);
    if (object == NULL)
        return cli_usage("station", "%s", err->text);
    bool ok = ask(command, "PUT", "", object, &answer, err);
    json_decref(object);
    return ok ? print_done(command, answer, "changed") : cli_fail("station", err);
}

static int station_delete(const struct station_command *command, struct error *err)
{
    if (!ask(command, "DELETE", command->force ? "?force=true" : "", NULL, NULL, err)) {
        if (err->code == ERR_EXISTS && !command->force)
            error_hint(err, "--force deletes it all the same");
        return cli_fail("station", err);
    }
    return print_done(command, json_pack("{s:s}", "deleted", command->name), "deleted");
}

static int station_purge(const struct station_command *command, struct error *err)
{
    json_t *answer;
    char text[64];
    if (!ask(command, "POST", "/purge", NULL, &answer, err))
        return cli_fail("station", err);
    snprintf(text, sizeof(text), "%lld messages purged", number_of(answer, "purged"));
    return print_one(command, answer, text);
}

/* ---- Command line ---------------------------------------------------------------------------------------- */

enum { TAKES_OBJECT = 1, TAKES_FORCE = 2, TAKES_READ = 4 };

static const struct verb {
    const char *name;
    int (*run)(const struct station_command *command, struct error *err);
    bool named; /* takes NAME */
    unsigned takes;
} verbs[] = {
    {"list", station_list, false, 0},
    {"create", station_create, true, TAKES_OBJECT},
    {"show", station_show, true, 0},
    {"update", station_update, true, TAKES_OBJECT},
    {"delete", station_delete, true, TAKES_FORCE},
    {"purge", station_purge, true, 0},
    {"groups", station_groups, true, 0},
    {"read", station_read_main, true, TAKES_READ},
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(name, verbs[i].name) == 0)
            return &verbs[i];
    }
    return NULL;
}

static bool add(const char **list, size_t *count, const char *text)
{
    if (*count == STATION_ARGUMENTS_MAX)
        return false;
    list[(*count)++] = text;
    return true;
}

/* -1: go on; else the exit code. */
static int parse_options(struct station_command *command, int argc, char **argv)
{
    static const struct option options[] = {
        REMOTE_OPTIONS,
        {"topic", required_argument, NULL, 't'},
        {"set", required_argument, NULL, 's'},
        {"desc", required_argument, NULL, 'n'},
        {"force", no_argument, NULL, 'F'},
        {"from", required_argument, NULL, 'a'},
        {"to", required_argument, NULL, 'z'},
        {"filter", required_argument, NULL, 'i'},
        {"limit", required_argument, NULL, 'l'},
        {"format", required_argument, NULL, 'o'},
        {"follow", no_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    optind = 0;
    for (int option; (option = getopt_long(argc, argv, "fht:", options, NULL)) != -1;) {
        bool ok = true;
        if (remote_option(&command->remote, option, optarg))
            continue;
        switch (option) {
        case 't': ok = add(command->topics, &command->topic_count, optarg); break;
        case 's': ok = add(command->sets, &command->set_count, optarg); break;
        case 'n': command->description = optarg; break;
        case 'F': command->force = true; break;
        case 'a': command->from = optarg; break;
        case 'z': command->to = optarg; break;
        case 'i': command->filter = optarg; break;
        case 'l': command->limit = optarg; break;
        case 'o': command->format = optarg; break;
        case 'f': command->follow = true; break;
        case 'h': print_help(); return EXIT_DONE;
        default: return cli_usage("station", "bad option");
        }
        if (!ok)
            return cli_usage("station", "more than %d --topic or --set", STATION_ARGUMENTS_MAX);
    }
    command->verb = optind < argc ? argv[optind++] : NULL;
    command->name = optind < argc ? argv[optind++] : NULL;
    if (optind < argc)
        return cli_usage("station", "\"%s\" is one argument too many", argv[optind]);
    return -1;
}

static unsigned given(const struct station_command *command)
{
    bool object = command->topic_count > 0 || command->set_count > 0 || command->description != NULL;
    bool reads = command->from != NULL || command->to != NULL || command->filter != NULL ||
                 command->limit != NULL || command->format != NULL || command->follow;
    return (object ? TAKES_OBJECT : 0u) | (command->force ? TAKES_FORCE : 0u) | (reads ? TAKES_READ : 0u);
}

/* -1: go on; else the exit code. */
static int check_usage(const struct station_command *command, const struct verb *verb)
{
    if (verb == NULL)
        return cli_usage("station",
                         "say what to do: list, create, show, update, delete, purge, groups or read");
    if (verb->named && (command->name == NULL || command->name[0] == '\0'))
        return cli_usage("station", "%s needs the name of a station", verb->name);
    if (!verb->named && command->name != NULL)
        return cli_usage("station", "%s takes no name", verb->name);
    unsigned wrong = given(command) & ~verb->takes;
    if (wrong != 0) {
        return cli_usage("station", "%s takes none of %s", verb->name,
                         (wrong & TAKES_OBJECT) != 0 ? "--topic, --desc, --set"
                         : (wrong & TAKES_FORCE) != 0
                             ? "--force"
                             : "--from, --to, --filter, --limit, --format, --follow");
    }
    if (verb->run == station_update && given(command) == 0)
        return cli_usage("station", "say what to change: --topic, --desc or --set");
    return -1;
}

int station_main(int argc, char **argv)
{
    struct station_command command = {0};
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
        return cli_fail("station", &err);
    code = verb->run(&command, &err);
    http_client_free(command.client);
    return code;
}
