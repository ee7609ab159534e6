/* `varve station`: the stations of a running broker, over its HTTP API. `read` is in station_read.c. */
#include "cli/cli_internal.h"
#include "cli/station_internal.h"

#include <stdio.h>
#include <string.h>

static void print_help(void)
{
    puts("usage: varve station list [--json]\n"
         "       varve station create NAME [--topic T]... [--set KEY=VALUE]...\n"
         "       varve station show NAME\n"
         "       varve station update NAME [--topic T]... [--set KEY=VALUE]...\n"
         "       varve station delete NAME [--force] [--tier keep, delete]\n"
         "       varve station purge NAME\n"
         "       varve station groups NAME [--delete GROUP [--force]]\n"
         "       varve station read NAME [--from START] [--to END] [--filter T] [--limit N]\n"
         "                               [--format ndjson, csv, raw] [--follow]\n"
         "       varve station tier NAME\n"
         "       varve station flush NAME\n"
         "       varve station restore NAME [--from START] [--to END] [--into NEW] [--dry-run]\n"
         "       varve station release NAME\n"
         "       varve station scrub NAME\n"
         "       varve station recover [NAME]... --connector C [--bucket B] [--prefix P] [--dry-run]\n\n"
         "Stations keep what is published to their topics. The broker has to run.\n\n"
         "  --topic T        a topic filter; those given replace all that there are\n"
         "  --desc TEXT      a remark for people\n"
         "  --set KEY=VALUE  of the station object: retention.age=30d, max_deliveries=5, sync=100ms;\n"
         "                   or a whole JSON object\n"
         "  --delete GROUP   forgets the group and its position\n"
         "  --force          deletes although somebody uses it, or a group has members: they start it anew\n"
         "  --tier WHAT      of a station that is deleted: keep (default) leaves its table in the store\n"
         "  --from START     earliest (default), latest, last:N, offset:N, time:<RFC 3339 or ms>\n"
         "  --to END         likewise; what is there or behind is not read (default: the end)\n"
         "  --filter T       messages whose topics match\n"
         "  --limit N        at most so many\n"
         "  --format F       ndjson (default), csv, raw: payloads, each with a line feed behind\n"
         "  --follow         goes on with what comes, until it is interrupted\n"
         "  --into NEW       restores into a station that is made; else data files are kept on local disk\n"
         "  --connector C    where tables are recovered from: s3:NAME, directory:NAME\n"
         "  --bucket B       default varve\n"
         "  --prefix P       default stations\n"
         "  --dry-run        only tells what would come\n" REMOTE_HELP "\n"
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

/* The object that --topic, --desc and --set say; NULL with an error: ERR_INVALID. Returns owned. */
static json_t *settings(const struct remote_command *base, struct error *err)
{
    const struct station_command *command = (const struct station_command *)base;
    json_t *object = remote_settings_object(&command->settings, err);
    if (object == NULL || command->topic_count == 0)
        return object;
    json_t *topics = json_array();
    for (size_t i = 0; i < command->topic_count; i++)
        json_array_append_new(topics, json_string(command->topics[i]));
    json_object_set_new(object, "topics", topics);
    return object;
}

/* ---- Output ---------------------------------------------------------------------------------------------- */

static void print_line(json_t *station)
{
    json_t *state = json_object_get(station, "state"), *topic;
    size_t i;
    printf("%-24s %-10s %12lld %14lld ", remote_text(station, "name"), remote_text(state, "status"),
           remote_number(state, "messages"), remote_number(state, "bytes"));
    json_array_foreach(json_object_get(station, "topics"), i, topic)
    {
        printf("%s%s", i > 0 ? "," : " ", json_string_value(topic));
    }
    putchar('\n');
}

static void print_group(json_t *group)
{
    printf("%-24s %8lld %12lld %12lld %10lld %12lld %12lld  %s\n", remote_text(group, "name"),
           remote_number(group, "members"), remote_number(group, "lag"), remote_number(group, "acked_offset"),
           remote_number(group, "in_flight"), remote_number(group, "redelivered"),
           remote_number(group, "dead_letters"), remote_text(group, "filter"));
}

/* ---- Verbs ----------------------------------------------------------------------------------------------- */

static int station_list(struct remote_command *command, struct error *err)
{
    json_t *list;
    char headline[100];
    if (!remote_ask_all(command->client, "/api/v5/stations", &list, err))
        return cli_fail("station", err);
    snprintf(headline, sizeof(headline), "%-24s %-10s %12s %14s  %s", "name", "status", "messages", "bytes",
             "topics");
    return remote_print_list(command, list, print_line, headline);
}

static int delete_group(const struct remote_command *base, struct error *err)
{
    const struct station_command *command = (const struct station_command *)base;
    struct buf text = {0};
    buf_append_str(&text, STR("/groups/"));
    http_path_append(&text, str_of(command->delete_group));
    buf_append_str(&text, command->force ? STR("?force=true") : STR(""));
    bool ok = remote_ask(base, "DELETE", buf_cstr(&text), NULL, NULL, err);
    buf_reset(&text);
    buf_printf(&text, "group %s of station %s deleted", command->delete_group, base->name);
    if (!ok && err->code == ERR_EXISTS && !command->force)
        error_hint(err, "--force deletes it all the same");
    int code =
        ok ? remote_print_one(base, json_pack("{s:s}", "deleted", command->delete_group), buf_cstr(&text))
           : cli_fail("station", err);
    buf_free(&text);
    return code;
}

static int station_groups(struct remote_command *command, struct error *err)
{
    const struct station_command *station = (const struct station_command *)command;
    json_t *list;
    char headline[120];
    struct buf path = {0};
    if (station->delete_group != NULL)
        return delete_group(command, err);
    if (station->force)
        return cli_usage("station", "--force is for --delete GROUP");
    station_path(command->name, "/groups", &path);
    bool ok = remote_ask_all(command->client, buf_cstr(&path), &list, err);
    buf_free(&path);
    if (!ok)
        return cli_fail("station", err);
    snprintf(headline, sizeof(headline), "%-24s %8s %12s %12s %10s %12s %12s  %s", "group", "members", "lag",
             "acked_offset", "in_flight", "redelivered", "dead_letters", "filter");
    return remote_print_list(command, list, print_group, headline);
}

static int station_delete(struct remote_command *command, struct error *err)
{
    const struct station_command *mine = (const struct station_command *)command;
    bool force = mine->force;
    struct buf query = {0};
    buf_printf(&query, "?tier=%s%s", mine->table != NULL ? mine->table : "keep", force ? "&force=true" : "");
    bool ok = remote_ask(command, "DELETE", buf_cstr(&query), NULL, NULL, err);
    buf_free(&query);
    if (!ok) {
        if (err->code == ERR_EXISTS && !force)
            error_hint(err, "--force deletes it all the same");
        return cli_fail("station", err);
    }
    return remote_print_done(command, json_pack("{s:s}", "deleted", command->name), "deleted");
}

static int station_purge(struct remote_command *command, struct error *err)
{
    json_t *answer;
    char text[64];
    if (!remote_ask(command, "POST", "/purge", NULL, &answer, err))
        return cli_fail("station", err);
    snprintf(text, sizeof(text), "%lld messages purged", remote_number(answer, "purged"));
    return remote_print_one(command, answer, text);
}

/* ---- Command line ---------------------------------------------------------------------------------------- */

enum {
    OBJECT = 1,
    FORCE = 2,
    READ = 4,
    RANGE = 8,
    RESTORE = 16,
    PLACE = 32,
    DRY = 64,
    DELETE = 128,
    TABLE = 256
};

static const struct remote_group groups[] = {
    {OBJECT, "--topic, --desc, --set"},
    {FORCE, "--force"},
    {TABLE, "--tier"},
    {DELETE, "--delete"},
    {READ, "--filter, --limit, --format, --follow"},
    {RANGE, "--from, --to"},
    {RESTORE, "--into"},
    {PLACE, "--connector, --bucket, --prefix"},
    {DRY, "--dry-run"},
};

static const struct remote_verb verbs[] = {
    {"list", station_list, false, 0, 0},
    {"create", remote_create, true, OBJECT, 0},
    {"show", remote_show, true, 0, 0},
    {"update", remote_update, true, OBJECT, OBJECT},
    {"delete", station_delete, true, FORCE | TABLE, 0},
    {"purge", station_purge, true, 0, 0},
    {"groups", station_groups, true, DELETE | FORCE, 0},
    {"read", station_read_main, true, READ | RANGE, 0},
    {"tier", station_tier_main, true, 0, 0},
    {"flush", station_flush_main, true, 0, 0},
    {"restore", station_restore_main, true, RANGE | RESTORE | DRY, 0},
    {"release", station_release_main, true, 0, 0},
    {"scrub", station_scrub_main, true, 0, 0},
    {"recover", station_recover_main, false, PLACE | DRY | REMOTE_SEVERAL, PLACE},
    {0},
};

static const struct option options[] = {
    REMOTE_OPTIONS,
    {"topic", required_argument, NULL, 't'},
    {"set", required_argument, NULL, 's'},
    {"desc", required_argument, NULL, 'n'},
    {"delete", required_argument, NULL, 'D'},
    {"force", no_argument, NULL, 'F'},
    {"from", required_argument, NULL, 'a'},
    {"to", required_argument, NULL, 'z'},
    {"filter", required_argument, NULL, 'i'},
    {"limit", required_argument, NULL, 'l'},
    {"format", required_argument, NULL, 'o'},
    {"follow", no_argument, NULL, 'f'},
    {"tier", required_argument, NULL, 'k'},
    {"into", required_argument, NULL, 'I'},
    {"connector", required_argument, NULL, 'c'},
    {"bucket", required_argument, NULL, 'b'},
    {"prefix", required_argument, NULL, 'p'},
    {"dry-run", no_argument, NULL, 'd'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool add(const char **list, size_t *count, const char *text)
{
    if (*count == STATION_ARGUMENTS_MAX)
        return false;
    list[(*count)++] = text;
    return true;
}

static unsigned group_of(int option)
{
    static const struct {
        const char *options;
        unsigned group;
    } all[] = {{"tsn", OBJECT}, {"F", FORCE},   {"k", TABLE},   {"D", DELETE},
               {"az", RANGE},   {"I", RESTORE}, {"cbp", PLACE}, {"d", DRY}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (strchr(all[i].options, option) != NULL)
            return all[i].group;
    }
    return READ;
}

static bool take(struct remote_command *base, int option, const char *argument)
{
    struct station_command *command = (struct station_command *)base;
    base->given |= group_of(option);
    switch (option) {
    case 't': return add(command->topics, &command->topic_count, argument);
    case 's': return remote_settings_add(&command->settings, argument);
    case 'n': command->settings.description = argument; break;
    case 'D': command->delete_group = argument; break;
    case 'F': command->force = true; break;
    case 'a': command->from = argument; break;
    case 'z': command->to = argument; break;
    case 'i': command->filter = argument; break;
    case 'l': command->limit = argument; break;
    case 'o': command->format = argument; break;
    case 'f': command->follow = true; break;
    case 'k': command->table = argument; break;
    case 'I': command->into = argument; break;
    case 'c': command->connector = argument; break;
    case 'b': command->bucket = argument; break;
    case 'p': command->prefix = argument; break;
    case 'd': command->dry = true; break;
    default: break;
    }
    return true;
}

int station_main(int argc, char **argv)
{
    static const struct remote_subcommand station = {.name = "station",
                                                     .list = "/api/v5/stations",
                                                     .thing = "a station",
                                                     .print_help = print_help,
                                                     .options = options,
                                                     .short_options = "fht:",
                                                     .take = take,
                                                     .verbs = verbs,
                                                     .groups = groups,
                                                     .key = "name",
                                                     .object = settings};
    struct station_command command = {0};
    return remote_main(&station, &command.base, argc, argv);
}
