/* `varve ban`: clients, users and addresses that may not connect. Bans live in the catalog; a running broker drops who
 * is banned. */
#include "base/clock.h"
#include "broker/acl.h"
#include "cli/cli_internal.h"
#include "cli/manage_internal.h"

#include <stdio.h>

#define REASON_BYTES_MAX 1024
#define DURATION_MAX_MS  (INT64_C(100) * 365 * 24 * 3600 * 1000)

static const char *const kind_names[] = {
    [CATALOG_BAN_CLIENT_ID] = "clientid",
    [CATALOG_BAN_USERNAME] = "username",
    [CATALOG_BAN_ADDRESS] = "ipaddress",
};

struct ban_command {
    const char *dir;
    const char *verb;
    enum catalog_ban_kind kind;
    const char *who; /* NULL: not said */
    const char *duration;
    const char *reason;
    bool json;
};

static void print_help(void)
{
    puts("usage: varve ban list [--json]\n"
         "       varve ban add --clientid ID|--username NAME|--ipaddress ADDRESS [--for DURATION] [--reason "
         "TEXT]\n"
         "       varve ban delete --clientid ID|--username NAME|--ipaddress ADDRESS\n\n"
         "Who is banned cannot connect. A running broker takes changes within a second, and drops who is "
         "connected.\n"
         "A second ban of the same client, user or address replaces the first.\n\n"
         "  --clientid ID        this client identifier\n"
         "  --username NAME      this user\n"
         "  --ipaddress ADDRESS  this address or network, e.g. 10.0.0.0/8\n"
         "  --for DURATION       how long, e.g. 90s, 1h, 7d (default: until it is deleted)\n"
         "  --reason TEXT        a remark for people and the log\n"
         "  --data DIR           data directory (default ./data)\n"
         "  --json               output for machines\n"
         "  --help\n\n"
         "example: shut out a device that floods, for an hour\n"
         "  varve ban add --clientid sensor-17 --for 1h --reason flooding");
}

/* ---- Output ---------------------------------------------------------------------------------------------- */

static bool is_over(const struct catalog_ban *ban)
{
    return ban->until_ms != 0 && ban->until_ms <= clock_wall_ms();
}

static void append_json(struct buf *out, const struct catalog_ban *ban)
{
    char until[CLOCK_TEXT_BYTES];
    clock_format(ban->until_ms, until);
    buf_append_byte(out, '{');
    manage_json_text(out, "kind", kind_names[ban->kind]);
    manage_json_text(out, "who", ban->who);
    manage_json_text(out, "until", ban->until_ms != 0 ? until : NULL);
    manage_json_bool(out, "over", is_over(ban));
    manage_json_text(out, "reason", ban->reason);
    buf_append_byte(out, '}');
}

static void append_line(struct buf *out, const struct catalog_ban *ban)
{
    char until[CLOCK_TEXT_BYTES];
    clock_format(ban->until_ms, until);
    buf_printf(out, "%-9s %-24s %s%s", kind_names[ban->kind], ban->who,
               ban->until_ms != 0 ? "until " : "for ever", ban->until_ms != 0 ? until : "");
    if (is_over(ban))
        buf_append_str(out, STR(" (over)"));
    if (ban->reason != NULL)
        buf_printf(out, "  %s", ban->reason);
    buf_append_byte(out, '\n');
}

static bool list_one(const struct catalog_ban *ban, void *arg)
{
    struct manage_listing *listing = arg;
    manage_listing_next(listing);
    if (listing->json)
        append_json(&listing->out, ban);
    else
        append_line(&listing->out, ban);
    return true;
}

/* ---- The three verbs ------------------------------------------------------------------------------------- */

static int ban_list(const struct ban_command *command, struct catalog *catalog, struct error *err)
{
    struct manage_listing listing = {.json = command->json};
    if (!catalog_ban_each(catalog, list_one, &listing, err)) {
        buf_free(&listing.out);
        return cli_fail("ban", err);
    }
    return manage_listing_print(&listing) ? EXIT_DONE : EXIT_FAILED;
}

static bool make_ban(const struct ban_command *command, struct catalog_ban *ban, struct error *err)
{
    uint8_t address[16], prefix_bits;
    int64_t duration_ms = 0;
    *ban = (struct catalog_ban){
        .kind = command->kind, .who = (char *)command->who, .reason = (char *)command->reason};
    if (command->kind == CATALOG_BAN_ADDRESS &&
        !acl_address_parse(str_of(command->who), address, &prefix_bits, err))
        return false;
    if (!manage_check_text(kind_names[command->kind], command->who, UINT16_MAX, err) ||
        (command->reason != NULL && !manage_check_text("reason", command->reason, REASON_BYTES_MAX, err)))
        return false;
    if (command->duration == NULL)
        return true;
    if (!str_to_duration_ms(str_of(command->duration), &duration_ms, err))
        return error_wrap(err, "--for");
    if (duration_ms <= 0 || duration_ms > DURATION_MAX_MS) {
        return error_set(err, ERR_INVALID, "--for %s: is more than 0 and at most 100 years",
                         command->duration);
    }
    ban->until_ms = clock_wall_ms() + duration_ms;
    return true;
}

static int ban_add(const struct ban_command *command, struct catalog *catalog, struct error *err)
{
    struct catalog_ban ban;
    if (!make_ban(command, &ban, err) || !catalog_ban_put(catalog, &ban, err))
        return cli_fail("ban", err);
    struct buf out = {0};
    if (command->json) {
        append_json(&out, &ban);
        buf_append_byte(&out, '\n');
    } else {
        append_line(&out, &ban);
    }
    return manage_print(&out) ? EXIT_DONE : EXIT_FAILED;
}

static int ban_delete(const struct ban_command *command, struct catalog *catalog, struct error *err)
{
    if (!catalog_ban_delete(catalog, command->kind, str_of(command->who), err))
        return cli_fail("ban", err);
    char what[32];
    snprintf(what, sizeof(what), "ban of %s", kind_names[command->kind]);
    return manage_print_deleted(command->json, what, command->who) ? EXIT_DONE : EXIT_FAILED;
}

/* ---- Command line ---------------------------------------------------------------------------------------- */

/* -1: go on; else the exit code. */
static int parse_options(struct ban_command *command, int argc, char **argv)
{
    static const struct option options[] = {
        {"data", required_argument, NULL, 'd'},
        {"clientid", required_argument, NULL, 'c'},
        {"username", required_argument, NULL, 'u'},
        {"ipaddress", required_argument, NULL, 'i'},
        {"for", required_argument, NULL, 'f'},
        {"reason", required_argument, NULL, 'r'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    optind = 0;
    for (int option; (option = cli_option(argc, argv, "h", options)) != -1;) {
        switch (option) {
        case 'd': command->dir = optarg; break;
        case 'c':
        case 'u':
        case 'i':
            if (command->who != NULL)
                return cli_usage("ban", "one of --clientid, --username and --ipaddress at a time");
            command->kind = option == 'c'   ? CATALOG_BAN_CLIENT_ID
                            : option == 'u' ? CATALOG_BAN_USERNAME
                                            : CATALOG_BAN_ADDRESS;
            command->who = optarg;
            break;
        case 'f': command->duration = optarg; break;
        case 'r': command->reason = optarg; break;
        case 'j': command->json = true; break;
        case 'h': print_help(); return EXIT_DONE;
        default: return EXIT_USAGE;
        }
    }
    command->verb = optind < argc ? argv[optind++] : "";
    if (optind < argc)
        return cli_usage("ban", "\"%s\" is one argument too many", argv[optind]);
    return -1;
}

int ban_main(int argc, char **argv)
{
    struct ban_command command = {.dir = CLI_DATA_DEFAULT, .verb = ""};
    int code = parse_options(&command, argc, argv);
    if (code >= 0)
        return code;
    bool add = strcmp(command.verb, "add") == 0;
    bool list = strcmp(command.verb, "list") == 0;
    bool delete = strcmp(command.verb, "delete") == 0;
    if (!add && !list && !delete)
        return cli_which_verb("ban", command.verb, "list, add or delete");
    if (!list && (command.who == NULL || command.who[0] == '\0'))
        return cli_usage("ban", "%s needs --clientid, --username or --ipaddress", command.verb);
    if ((list && command.who != NULL) || (!add && (command.duration != NULL || command.reason != NULL)))
        return cli_usage("ban", "%s does not take that option", command.verb);
    struct error err;
    struct catalog *catalog = manage_open(command.dir, add, &err);
    if (catalog == NULL)
        return cli_fail("ban", &err);
    code = add    ? ban_add(&command, catalog, &err)
           : list ? ban_list(&command, catalog, &err)
                  : ban_delete(&command, catalog, &err);
    catalog_close(catalog);
    return code;
}
