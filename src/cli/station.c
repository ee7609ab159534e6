/* `varve station` on a data directory that no broker uses: stations are made and looked at before the first start, on a
 * machine that is being repaired, in scripts. A running broker is asked over HTTP instead. */
#include "station/station.h"
#include "args/args.h"
#include "base/log.h"
#include "cli/cli_internal.h"
#include "cli/manage_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define PATH_BYTES 4096

struct station_command {
    const char *dir;
    const char *object;
    bool force;
    bool json;
    bool help;
    const char *verb;
    const char *name;
    /* What is open. */
    int lock_fd;
    struct catalog *catalog;
    struct log_engine *engine;
    struct worker_pool *workers;
    struct stations *stations;
};

static void print_help(void)
{
    puts(
        "usage: varve station list [--json]\n"
        "       varve station create NAME [--set JSON]\n"
        "       varve station show NAME\n"
        "       varve station update NAME --set JSON\n"
        "       varve station delete NAME [--force]\n"
        "       varve station purge NAME\n\n"
        "Stations keep what is published to their topics. This works on a data directory that no broker "
        "uses.\n\n"
        "      --set JSON   the station object, or what is to change of it\n"
        "      --force      deletes although somebody uses it\n"
        "      --data DIR   data directory (default ./data)\n"
        "      --json       output for machines\n"
        "      --help\n\n"
        "example: keep a week of what devices send\n"
        "  varve station create telemetry --set '{\"topics\": [\"t/#\"], \"retention\": {\"age\": \"7d\"}}'");
}

/* ---- Opening --------------------------------------------------------------------------------------------- */

static bool lock_dir(struct station_command *command, struct error *err)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/varve.lock", command->dir);
    command->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (command->lock_fd < 0)
        return error_errno(err, errno, "open %s", path);
    if (flock(command->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    error_set(err, ERR_BUSY, "a broker uses the data directory %s", command->dir);
    return error_hint(err, "ask it over its HTTP API, or stop it");
}

static bool open_all(struct station_command *command, struct error *err)
{
    command->catalog = manage_open(command->dir, strcmp(command->verb, "create") == 0, err);
    if (command->catalog == NULL || !lock_dir(command, err))
        return false;
    const struct log_engine_options engine = {.writers = 1};
    command->engine = log_engine_start(&engine, err);
    command->workers = command->engine != NULL ? worker_pool_new("worker", 1, 10, err) : NULL;
    if (command->workers == NULL)
        return false;
    const struct stations_options options = {
        .dir = command->dir,
        .catalog = command->catalog,
        .engine = command->engine,
        .workers = command->workers,
        .manual = true,
    };
    command->stations = stations_open(&options, err);
    return command->stations != NULL;
}

static void close_all(struct station_command *command)
{
    stations_close(command->stations);
    log_engine_stop(command->engine);
    if (command->workers != NULL)
        worker_pool_stop(command->workers);
    catalog_close(command->catalog);
    if (command->lock_fd >= 0)
        close(command->lock_fd);
}

/* ---- The verbs ------------------------------------------------------------------------------------------- */

struct station_list {
    struct manage_listing listing;
    struct stations *stations;
};

static bool list_one(struct str name, void *arg)
{
    struct station_list *list = arg;
    manage_listing_next(&list->listing);
    if (list->listing.json)
        return stations_describe(list->stations, name, &list->listing.out, NULL);
    buf_printf(&list->listing.out, "%.*s\n", STR_ARG(name));
    return true;
}

static int print_list(struct station_command *command)
{
    struct station_list list = {.listing.json = command->json, .stations = command->stations};
    stations_each(command->stations, list_one, &list);
    return manage_listing_print(&list.listing) ? EXIT_DONE : EXIT_FAILED;
}

static int print_one(struct station_command *command)
{
    struct error err;
    struct buf out = {0};
    if (!stations_describe(command->stations, str_of(command->name), &out, &err)) {
        buf_free(&out);
        return cli_fail("station", &err);
    }
    buf_append_byte(&out, '\n');
    return manage_print(&out) ? EXIT_DONE : EXIT_FAILED;
}

static int create(struct station_command *command)
{
    struct error err;
    struct station_config config;
    struct buf named = {0}, object = {0};
    buf_append_str(&named, STR("{\"name\":"));
    buf_append_json(&named, str_of(command->name));
    buf_append_byte(&named, '}');
    station_config_init(&config);
    bool ok = station_config_parse(&config, buf_str(&named), &err) &&
              (command->object == NULL || station_config_parse(&config, str_of(command->object), &err));
    if (ok) {
        station_config_print(&config, &object);
        ok = stations_create(command->stations, buf_str(&object), &err);
    }
    station_config_free(&config);
    buf_free(&named);
    buf_free(&object);
    return ok ? print_one(command) : cli_fail("station", &err);
}

static int update(struct station_command *command)
{
    struct error err;
    if (command->object == NULL)
        return cli_usage("station", "update needs --set");
    if (!stations_update(command->stations, str_of(command->name), str_of(command->object), &err))
        return cli_fail("station", &err);
    return print_one(command);
}

static int delete (struct station_command *command)
{
    struct error err;
    if (!stations_delete(command->stations, str_of(command->name), command->force, &err))
        return cli_fail("station", &err);
    return manage_print_deleted(command->json, "station", command->name) ? EXIT_DONE : EXIT_FAILED;
}

static int purge(struct station_command *command)
{
    struct error err;
    uint64_t count;
    if (!stations_purge(command->stations, str_of(command->name), &count, &err))
        return cli_fail("station", &err);
    struct buf out = {0};
    buf_printf(&out, command->json ? "{\"purged\":%llu}\n" : "%llu messages purged\n",
               (unsigned long long)count);
    return manage_print(&out) ? EXIT_DONE : EXIT_FAILED;
}

static const struct verb {
    const char *name;
    bool named; /* has a NAME */
    int (*run)(struct station_command *command);
} verbs[] = {
    {"list", false, print_list}, {"create", true, create}, {"show", true, print_one},
    {"update", true, update},    {"delete", true, delete}, {"purge", true, purge},
};

int station_main(int argc, char **argv)
{
    static const struct args_option options[] = {
        {"data", 0, args_text, ARGS_FIELD(struct station_command, dir), 0, 0},
        {"set", 0, args_text, ARGS_FIELD(struct station_command, object), 0, 0},
        {"force", 0, args_flag, ARGS_FIELD(struct station_command, force), 0, 0},
        {"json", 0, args_flag, ARGS_FIELD(struct station_command, json), 0, 0},
        {"help", 0, args_flag, ARGS_FIELD(struct station_command, help), 0, 0},
    };
    struct station_command command = {.dir = CLI_DATA_DEFAULT, .lock_fd = -1};
    struct error err = {0};
    const struct verb *verb = NULL;
    size_t words = 1;
    log_set_level(LOG_LEVEL_WARNING);
    for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(argv[1], verbs[i].name) == 0)
            verb = &verbs[i];
    }
    if (verb != NULL && verb->named && argc > 2 && argv[2][0] != '-')
        command.name = argv[2];
    words += verb != NULL;
    words += command.name != NULL;
    int at = args_parse(options, sizeof(options) / sizeof(options[0]), &command, argc - (int)words + 1,
                        argv + words - 1, &err);
    if (at < 0)
        return cli_usage("station", "%s", err.text);
    if (command.help) {
        print_help();
        return EXIT_DONE;
    }
    if (verb == NULL)
        return cli_usage("station", "say what to do: list, create, show, update, delete, purge");
    if (at < argc - (int)words + 1)
        return cli_usage("station", "\"%s\" is not an option", argv[words - 1 + (size_t)at]);
    if (verb->named && command.name == NULL)
        return cli_usage("station", "%s needs the name of a station", verb->name);
    command.verb = verb->name;
    int code = open_all(&command, &err) ? verb->run(&command) : cli_fail("station", &err);
    close_all(&command);
    return code;
}
