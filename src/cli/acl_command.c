/* `varve acl`: the authorization rules of the catalog, an ordered list; the first that applies decides. What a rule
 * means is in broker/acl.h. */
#include "base/mem.h"
#include "broker/acl.h"
#include "cli/cli_internal.h"
#include "cli/manage_internal.h"
#include "mqtt/topic.h"

#include <stdio.h>

#define POSITION_STEP 10 /* room for rules between two */
#define TOPICS_MAX    64

struct acl_command {
    const char *dir;
    const char *verb;
    const char *id; /* NULL: none given */
    int allow;      /* -1: not said */
    bool publish;
    bool subscribe;
    bool all;
    bool json;
    const char *username;
    const char *client_id;
    const char *address;
    const char *position;
    const char *topics[TOPICS_MAX];
    size_t topic_count;
};

static void print_help(void)
{
    puts("usage: varve acl list [--json]\n"
         "       varve acl add --allow|--deny [--publish|--subscribe|--all] --topic FILTER... [options]\n"
         "       varve acl delete ID\n\n"
         "Rules say who may publish and subscribe what. The first that applies decides; the rules of the "
         "configuration\n"
         "come after these, then authorization.default. Superusers are not asked. A running broker takes "
         "changes within\n"
         "a second: for publishing at once, for subscriptions as they are made.\n\n"
         "  --allow, --deny      what the rule does\n"
         "  --publish, --subscribe, --all   what it is about (default: all)\n"
         "  --topic FILTER       topic filter; may hold ${clientid} and ${username}; \"eq t/#\" is compared "
         "literally.\n"
         "                       Several make a rule each\n"
         "  --username NAME      only this user\n"
         "  --clientid ID        only this client\n"
         "  --ipaddress ADDRESS  only from this address or network, e.g. 10.0.0.0/8\n"
         "  --position N         place in the list, lower first (default: behind the last)\n"
         "  --data DIR           data directory (default ./data)\n"
         "  --json               output for machines\n"
         "  --help\n\n"
         "example: everyone writes below a topic of their own, and nowhere else\n"
         "  varve acl add --allow --publish --topic 'users/${username}/#'\n"
         "  varve acl add --deny --publish --topic '#'");
}

/* ---- Add ------------------------------------------------------------------------------------------------- */

static bool last_position(const struct catalog_rule *rule, void *arg)
{
    int64_t *last = arg;
    if (rule->position > *last)
        *last = rule->position;
    return true;
}

static bool check_rule(const struct acl_command *command, int64_t *position, struct error *err)
{
    uint8_t address[16], prefix_bits;
    for (size_t i = 0; i < command->topic_count; i++) {
        if (!acl_topic_check(command->topics[i], err))
            return false;
    }
    if ((command->username != NULL && !manage_check_text("user name", command->username, UINT16_MAX, err)) ||
        (command->client_id != NULL &&
         !manage_check_text("client identifier", command->client_id, UINT16_MAX, err)))
        return false;
    if (command->address != NULL && !acl_address_parse(str_of(command->address), address, &prefix_bits, err))
        return false;
    if (command->position == NULL || str_to_i64(str_of(command->position), position, err))
        return true;
    return error_wrap(err, "--position");
}

static void append_json(struct buf *out, const struct catalog_rule *rule)
{
    buf_append_byte(out, '{');
    manage_json_int(out, "id", (int64_t)rule->id);
    manage_json_int(out, "position", rule->position);
    manage_json_text(out, "permission", rule->allow ? "allow" : "deny");
    manage_json_text(out, "action",
                     rule->publish && rule->subscribe ? "all"
                     : rule->publish                  ? "publish"
                                                      : "subscribe");
    manage_json_text(out, "username", rule->username);
    manage_json_text(out, "clientid", rule->client_id);
    manage_json_text(out, "ipaddress", rule->address);
    manage_json_text(out, "topic", rule->topic);
    buf_append_byte(out, '}');
}

static void append_line(struct buf *out, const struct catalog_rule *rule)
{
    buf_printf(out, "%-5llu %-8lld %-5s %-9s %s", (unsigned long long)rule->id, (long long)rule->position,
               rule->allow ? "allow" : "deny",
               rule->publish && rule->subscribe ? "all"
               : rule->publish                  ? "publish"
                                                : "subscribe",
               rule->topic);
    if (rule->username != NULL)
        buf_printf(out, "  username=%s", rule->username);
    if (rule->client_id != NULL)
        buf_printf(out, "  clientid=%s", rule->client_id);
    if (rule->address != NULL)
        buf_printf(out, "  ipaddress=%s", rule->address);
    buf_append_byte(out, '\n');
}

static bool list_one(const struct catalog_rule *rule, void *arg)
{
    struct manage_listing *listing = arg;
    manage_listing_next(listing);
    if (listing->json)
        append_json(&listing->out, rule);
    else
        append_line(&listing->out, rule);
    return true;
}

static int acl_add(const struct acl_command *command, struct catalog *catalog, struct error *err)
{
    int64_t position = 0;
    if (!catalog_rule_each(catalog, last_position, &position, err))
        return cli_fail("acl", err);
    position += POSITION_STEP;
    if (!check_rule(command, &position, err))
        return cli_fail("acl", err);
    bool both = command->all || command->publish == command->subscribe;
    struct manage_listing added = {.json = command->json};
    for (size_t i = 0; i < command->topic_count; i++) {
        struct catalog_rule rule = {
            .position = position,
            .allow = command->allow == 1,
            .publish = both || command->publish,
            .subscribe = both || command->subscribe,
            .username = (char *)command->username,
            .client_id = (char *)command->client_id,
            .address = (char *)command->address,
            .topic = (char *)command->topics[i],
        };
        if (!catalog_rule_put(catalog, &rule, err)) {
            buf_free(&added.out);
            return cli_fail("acl", err);
        }
        list_one(&rule, &added);
    }
    return manage_listing_print(&added) ? EXIT_DONE : EXIT_FAILED;
}

/* ---- List and delete ------------------------------------------------------------------------------------- */

static int acl_list(const struct acl_command *command, struct catalog *catalog, struct error *err)
{
    struct manage_listing listing = {.json = command->json};
    if (!command->json)
        buf_append_str(&listing.out, STR("id    position rule\n"));
    if (catalog_rule_each(catalog, list_one, &listing, err))
        return manage_listing_print(&listing) ? EXIT_DONE : EXIT_FAILED;
    buf_free(&listing.out);
    return cli_fail("acl", err);
}

static int acl_delete(const struct acl_command *command, struct catalog *catalog, struct error *err)
{
    uint64_t id;
    if (!str_to_u64(str_of(command->id), &id, NULL))
        return cli_usage("acl", "\"%s\" is no id: varve acl list shows them", command->id);
    if (!catalog_rule_delete(catalog, id, err))
        return cli_fail("acl", err);
    printf(command->json ? "{\"deleted\":%llu}\n" : "rule %llu deleted\n", (unsigned long long)id);
    return EXIT_DONE;
}

/* ---- Command line ---------------------------------------------------------------------------------------- */

/* -1: go on; else the exit code. */
static int parse_options(struct acl_command *command, int argc, char **argv)
{
    static const struct option options[] = {
        {"data", required_argument, NULL, 'd'},
        {"allow", no_argument, NULL, 'A'},
        {"deny", no_argument, NULL, 'D'},
        {"publish", no_argument, NULL, 'P'},
        {"subscribe", no_argument, NULL, 'S'},
        {"all", no_argument, NULL, 'a'},
        {"username", required_argument, NULL, 'u'},
        {"clientid", required_argument, NULL, 'c'},
        {"ipaddress", required_argument, NULL, 'i'},
        {"topic", required_argument, NULL, 't'},
        {"position", required_argument, NULL, 'o'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    optind = 0;
    for (int option; (option = cli_option(argc, argv, "h", options)) != -1;) {
        switch (option) {
        case 'd': command->dir = optarg; break;
        case 'A':
        case 'D':
            if (command->allow >= 0 && command->allow != (option == 'A'))
                return cli_usage("acl", "--allow and --deny exclude each other");
            command->allow = option == 'A';
            break;
        case 'P': command->publish = true; break;
        case 'S': command->subscribe = true; break;
        case 'a': command->all = true; break;
        case 'u': command->username = optarg; break;
        case 'c': command->client_id = optarg; break;
        case 'i': command->address = optarg; break;
        case 't':
            if (command->topic_count == TOPICS_MAX)
                return cli_usage("acl", "at most %d --topic", TOPICS_MAX);
            command->topics[command->topic_count++] = optarg;
            break;
        case 'o': command->position = optarg; break;
        case 'j': command->json = true; break;
        case 'h': print_help(); return EXIT_DONE;
        default: return EXIT_USAGE;
        }
    }
    command->verb = optind < argc ? argv[optind++] : "";
    command->id = optind < argc ? argv[optind++] : NULL;
    if (optind < argc)
        return cli_usage("acl", "\"%s\" is one argument too many", argv[optind]);
    return -1;
}

static bool describes_rule(const struct acl_command *command)
{
    return command->allow >= 0 || command->publish || command->subscribe || command->all ||
           command->username != NULL || command->client_id != NULL || command->address != NULL ||
           command->position != NULL || command->topic_count > 0;
}

static int check_add(const struct acl_command *command)
{
    if (command->id != NULL)
        return cli_usage("acl", "\"%s\" is one argument too many", command->id);
    if (command->allow < 0)
        return cli_usage("acl", "add needs --allow or --deny");
    if (command->topic_count == 0)
        return cli_usage("acl", "add needs --topic FILTER; '#' is every topic that does not begin with $");
    return -1;
}

int acl_main(int argc, char **argv)
{
    struct acl_command command = {.dir = CLI_DATA_DEFAULT, .verb = "", .allow = -1};
    int code = parse_options(&command, argc, argv);
    if (code >= 0)
        return code;
    bool add = strcmp(command.verb, "add") == 0;
    bool list = strcmp(command.verb, "list") == 0;
    bool delete = strcmp(command.verb, "delete") == 0;
    if (!add && !list && !delete)
        return cli_which_verb("acl", command.verb, "list, add or delete");
    if (!add && describes_rule(&command))
        return cli_usage("acl", "%s takes no option but --data and --json", command.verb);
    if (list && command.id != NULL)
        return cli_usage("acl", "list takes no argument");
    if (delete &&command.id == NULL)
        return cli_usage("acl", "delete needs the id of a rule: varve acl list shows them");
    code = add ? check_add(&command) : -1;
    if (code >= 0)
        return code;
    struct error err;
    struct catalog *catalog = manage_open(command.dir, add, &err);
    if (catalog == NULL)
        return cli_fail("acl", &err);
    code = add    ? acl_add(&command, catalog, &err)
           : list ? acl_list(&command, catalog, &err)
                  : acl_delete(&command, catalog, &err);
    catalog_close(catalog);
    return code;
}
