/* The table of subcommands, and what they share. */
#include "cli/cli.h"

#include "bench/bench.h"
#include "cli/cli_internal.h"
#include "client/client.h"
#include "sql/jq.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct subcommand {
    const char *name;
    const char *summary;
    int (*main)(int argc, char **argv);
} subcommands[] = {
    {"serve", "run the broker in the foreground", serve_main},
    {"station", "create, list, show, update, delete and read stations", station_main},
    {"connector", "create, list, show, update, delete and probe connectors", connector_main},
    {"action", "create, list, show, update, delete and test actions", action_main},
    {"rule", "create, list, show, update, delete and test rules", rule_main},
    {"apply", "declare connectors, stations, actions, rules and users from a file", apply_main},
    {"user", "create, list, show, update and delete users", user_main},
    {"acl", "list, add and delete authorization rules", acl_main},
    {"ban", "list, add and delete bans", ban_main},
    {"key", "list, create, show, update and delete API keys", key_main},
    {"pub", "publish messages", client_pub_main},
    {"sub", "subscribe and print messages", client_sub_main},
    {"bench", "load generators", bench_main},
    {"log", "check the files of a station", log_main},
    {"doctor", "check configuration, limits and data directory, or what a store honours", doctor_main},
};

#define SUBCOMMAND_COUNT (sizeof(subcommands) / sizeof(subcommands[0]))

int cli_fail(const char *command, const struct error *err)
{
    fprintf(stderr, "varve %s: %s\n", command, err->text);
    if (err->hint[0] != '\0')
        fprintf(stderr, "  %s\n", err->hint);
    return EXIT_FAILED;
}

int cli_usage(const char *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "varve %s: ", command);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n  varve %s --help tells what there is\n", command);
    va_end(args);
    return EXIT_USAGE;
}

static void tell_bad_option(const char *command, int found, const char *word)
{
    bool is_long = strncmp(word, "--", 2) == 0;
    int name_len = (int)strcspn(word, "=");
    const char letter[] = {'-', (char)optopt, '\0'};
    if (found == ':')
        cli_usage(command, "%s needs a value", is_long ? word : letter);
    else if (is_long && optopt != 0)
        cli_usage(command, "%.*s takes no value", name_len, word);
    else
        cli_usage(command, "%.*s: unknown option", is_long ? name_len : 2, is_long ? word : letter);
}

int cli_option(int argc, char **argv, const char *letters, const struct option *options)
{
    char quiet[16]; /* a colon in front: a value that is missing is told from an option that does not exist */
    assert(strlen(letters) < sizeof(quiet) - 1);
    snprintf(quiet, sizeof(quiet), ":%s", letters);
    opterr = 0;
    int found = getopt_long(argc, argv, quiet, options, NULL);
    if (found != '?' && found != ':')
        return found;
    tell_bad_option(argv[0], found, argv[optind - 1]);
    return '?';
}

int cli_which_verb(const char *command, const char *given, const char *verbs)
{
    if (given == NULL || given[0] == '\0')
        return cli_usage(command, "say what to do: %s", verbs);
    return cli_usage(command, "there is no \"%s\": it is %s", given, verbs);
}

int bench_main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "mqtt") == 0)
        return bench_mqtt_main(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "station") == 0)
        return bench_station_main(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "tier") == 0)
        return bench_tier_main(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "sink") == 0)
        return bench_sink_main(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "--help") == 0) {
        puts("usage: varve bench mqtt [options]           loads any MQTT broker\n"
             "       varve bench station MODE [options]   measures stations, and the log below them\n"
             "       varve bench tier [options]           measures the second tier: out, back, restored\n"
             "       varve bench sink MODE [options]      measures a rule's way to an object store\n\n"
             "All have --help.\n\n"
             "example: ten publishers and ten subscribers for five seconds\n"
             "  varve bench mqtt --pubs 10 --subs 10 --topics 10");
        return EXIT_DONE;
    }
    if (argc >= 2)
        return cli_usage("bench", "there is no \"%s\": it is mqtt, station, tier or sink", argv[1]);
    return cli_usage("bench", "say what to load: mqtt, station, tier or sink");
}

static void print_help(void)
{
    puts("varve: an MQTT broker whose streams never run out\n\nusage: varve SUBCOMMAND [options]\n");
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
        printf("  %-9s %s\n", subcommands[i].name, subcommands[i].summary);
    puts("\nEvery subcommand has --help.\n\nexample: a broker, and a first message\n"
         "  varve serve --data ./data\n  varve sub -t 'hello/#' &\n  varve pub -t hello/world -m hi");
}

/* The subcommand whose name has the most in common with what was typed, for a hint. */
static const char *nearest(const char *typed)
{
    const char *best = NULL;
    size_t best_common = 1;
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++) {
        size_t common = 0;
        while (typed[common] != '\0' && typed[common] == subcommands[i].name[common])
            common++;
        if (common > best_common) {
            best = subcommands[i].name;
            best_common = common;
        }
    }
    return best;
}

int cli_main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help();
        return argc > 1 ? EXIT_DONE : EXIT_USAGE;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        puts("varve " VARVE_VERSION);
        return EXIT_DONE;
    }
    if (strcmp(name, SQL_JQ_ARGUMENT) == 0) /* this program started by itself, not by a user */
        return sql_jq_worker();
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++) {
        if (strcmp(name, subcommands[i].name) == 0)
            return subcommands[i].main(argc - 1, argv + 1);
    }
    fprintf(stderr, "varve: there is no subcommand \"%s\"\n", name);
    const char *hint = nearest(name);
    if (hint != NULL)
        fprintf(stderr, "  did you mean %s?\n", hint);
    fputs("  varve --help lists them\n", stderr);
    return EXIT_USAGE;
}
