/* `varve user`: who may log in. Users live in the catalog, as an argon2id hash and SCRAM-SHA-256 keys; no secret is
 * printed but a password that --generate has made, once. */
#include "auth/auth.h"
#include "base/mem.h"
#include "broker/credentials.h"
#include "cli/cli_internal.h"
#include "cli/manage_internal.h"

#include <stdio.h>

#define GENERATED_LETTERS 20
#define NAME_BYTES_MAX    1024
#define NOTE_BYTES_MAX    1024

struct user_command {
    const char *verb;
    const char *dir;
    const char *name; /* NULL: none given */
    const char *password;
    const char *note;
    int superuser; /* -1: not said */
    bool generate;
    bool no_password;
    bool json;
    char generated[GENERATED_LETTERS + 1];
    struct catalog *catalog;
};

static void print_help(void)
{
    puts("usage: varve user create NAME [options]\n"
         "       varve user list [--json]\n"
         "       varve user show NAME [--json]\n"
         "       varve user update NAME [options]\n"
         "       varve user delete NAME\n\n"
         "Users log in with name and password, or with SCRAM-SHA-256. They are kept in the data directory; a "
         "running\n"
         "broker takes changes within a second. `update` changes what the options name; without any it asks "
         "for a\n"
         "new password.\n\n"
         "  --data DIR        data directory (default ./data); create makes it if it is missing\n"
         "  --password P      the password. Others on this machine can see it in the list of processes: "
         "better let\n"
         "                    it be read from standard input (its first line, or what you type on a "
         "terminal)\n"
         "  --generate        makes a password and prints it, once\n"
         "  --no-password     locks the user out: no password is right\n"
         "  --superuser       no authorization rule applies; --no-superuser takes that back\n"
         "  --note TEXT       a remark for people\n"
         "  --json            output for machines\n"
         "  --help\n\n"
         "example: a user, and a client that uses it\n"
         "  varve user create alice --generate\n"
         "  varve pub -u alice -P PASSWORD -t hello -m hi");
}

/* ---- Output ---------------------------------------------------------------------------------------------- */

/* `generated`: the password that was made up for the user; empty if none was. */
static void append_json(struct buf *out, const char *generated, const struct catalog_user *user)
{
    buf_append_byte(out, '{');
    manage_json_text(out, "username", user->username);
    manage_json_bool(out, "superuser", user->superuser);
    manage_json_bool(out, "has_password", user->password_hash != NULL);
    manage_json_bool(out, "has_scram", user->has_scram);
    manage_json_text(out, "note", user->note);
    if (generated[0] != '\0')
        manage_json_text(out, "password", generated);
    buf_append_byte(out, '}');
}

static int print_user(const struct user_command *command, const struct catalog_user *user)
{
    struct buf out = {0};
    if (command->json) {
        append_json(&out, command->generated, user);
        buf_append_byte(&out, '\n');
    } else {
        buf_printf(&out, "username   %s\nsuperuser  %s\npassword   %s\nscram      %s\nnote       %s\n",
                   user->username, user->superuser ? "yes" : "no", user->password_hash != NULL ? "yes" : "no",
                   user->has_scram ? "SCRAM-SHA-256" : "no", user->note != NULL ? user->note : "");
    }
    return manage_print(&out) ? EXIT_DONE : EXIT_FAILED;
}

static int print_done(const struct user_command *command, const struct catalog_user *user, const char *done)
{
    if (command->json)
        return print_user(command, user);
    struct buf out = {0};
    buf_printf(&out, "user %s %s\n", user->username, done);
    if (command->generated[0] != '\0')
        buf_printf(&out, "password %s (it is not shown again)\n", command->generated);
    return manage_print(&out) ? EXIT_DONE : EXIT_FAILED;
}

/* ---- Create and update ----------------------------------------------------------------------------------- */

static void drop_password(struct catalog_user *user)
{
    if (user->password_hash != NULL)
        mem_wipe(user->password_hash, strlen(user->password_hash));
    mem_free(user->password_hash);
    user->password_hash = NULL;
    user->has_scram = false;
}

/* From where the options say. */
static bool choose_password(struct user_command *command, struct catalog_user *user, struct error *err)
{
    if (command->generate) {
        password_generate(command->generated, GENERATED_LETTERS);
        return user_set_password(user, str_of(command->generated), err);
    }
    if (command->password != NULL) {
        if (command->password[0] == '\0')
            return error_set(err, ERR_INVALID, "the password is empty");
        return user_set_password(user, str_of(command->password), err);
    }
    struct buf typed = {0};
    bool ok =
        manage_read_password(user->username, &typed, err) && user_set_password(user, buf_str(&typed), err);
    mem_wipe(typed.data, typed.cap);
    buf_free(&typed);
    return ok;
}

static bool apply_options(struct user_command *command, struct catalog_user *user, bool needs_password,
                          struct error *err)
{
    if (command->superuser >= 0)
        user->superuser = command->superuser;
    if (command->note != NULL) {
        if (!manage_check_text("note", command->note, NOTE_BYTES_MAX, err))
            return false;
        mem_free(user->note);
        user->note = command->note[0] != '\0' ? mem_strdup(command->note) : NULL;
    }
    if (command->no_password) {
        drop_password(user);
        return true;
    }
    return !needs_password || choose_password(command, user, err);
}

static bool user_exists(const struct user_command *command)
{
    struct catalog_user user;
    if (!catalog_user_get(command->catalog, str_of(command->name), &user, NULL))
        return false;
    catalog_user_free(&user);
    return true;
}

static int user_create(struct user_command *command, struct error *err)
{
    if (!manage_check_text("user name", command->name, NAME_BYTES_MAX, err))
        return cli_fail("user", err);
    /* Before a password is asked for; the put below is what decides. */
    if (user_exists(command)) {
        error_set(err, ERR_EXISTS, "there is a user %s already", command->name);
        error_hint(err, "varve user update %.80s changes it", command->name);
        return cli_fail("user", err);
    }
    struct catalog_user user = {.username = mem_strdup(command->name)};
    bool ok =
        apply_options(command, &user, true, err) && catalog_user_put(command->catalog, &user, true, err);
    int code = ok ? print_done(command, &user, "created") : cli_fail("user", err);
    catalog_user_free(&user);
    return code;
}

static int user_update(struct user_command *command, struct error *err)
{
    struct catalog_user user;
    if (!catalog_user_get(command->catalog, str_of(command->name), &user, err))
        return cli_fail("user", err);
    bool nothing = command->superuser < 0 && command->note == NULL && !command->no_password;
    bool needs_password = nothing || command->generate || command->password != NULL;
    bool ok = apply_options(command, &user, needs_password, err) &&
              catalog_user_put(command->catalog, &user, false, err);
    int code = ok ? print_done(command, &user, "updated") : cli_fail("user", err);
    catalog_user_free(&user);
    return code;
}

/* ---- Delete, show and list ------------------------------------------------------------------------------- */

static int user_delete(struct user_command *command, struct error *err)
{
    if (!catalog_user_delete(command->catalog, str_of(command->name), err))
        return cli_fail("user", err);
    return manage_print_deleted(command->json, "user", command->name) ? EXIT_DONE : EXIT_FAILED;
}

static int user_show(struct user_command *command, struct error *err)
{
    struct catalog_user user;
    if (!catalog_user_get(command->catalog, str_of(command->name), &user, err))
        return cli_fail("user", err);
    int code = print_user(command, &user);
    catalog_user_free(&user);
    return code;
}

static bool list_one(const struct catalog_user *user, void *arg)
{
    struct manage_listing *listing = arg;
    manage_listing_next(listing);
    if (listing->json) {
        append_json(&listing->out, "", user);
    } else {
        buf_printf(&listing->out, "%-24s %-9s %-12s %s\n", user->username, user->superuser ? "superuser" : "",
                   user->password_hash != NULL ? "" : "no password", user->note != NULL ? user->note : "");
    }
    return true;
}

static int user_list(struct user_command *command, struct error *err)
{
    struct manage_listing listing = {.json = command->json};
    if (!catalog_user_each(command->catalog, list_one, &listing, err)) {
        buf_free(&listing.out);
        return cli_fail("user", err);
    }
    return manage_listing_print(&listing) ? EXIT_DONE : EXIT_FAILED;
}

/* ---- Command line ---------------------------------------------------------------------------------------- */

static const struct verb {
    const char *name;
    int (*run)(struct user_command *command, struct error *err);
    bool named;   /* takes NAME */
    bool changes; /* takes options that say what a user is */
    bool creates; /* makes the data directory */
} verbs[] = {
    {"create", user_create, true, true, true},   {"list", user_list, false, false, false},
    {"show", user_show, true, false, false},     {"update", user_update, true, true, false},
    {"delete", user_delete, true, false, false},
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(name, verbs[i].name) == 0)
            return &verbs[i];
    }
    return NULL;
}

/* -1: go on; else the exit code. */
static int parse_options(struct user_command *command, int argc, char **argv)
{
    static const struct option options[] = {
        {"data", required_argument, NULL, 'd'}, {"password", required_argument, NULL, 'p'},
        {"generate", no_argument, NULL, 'g'},   {"no-password", no_argument, NULL, 'x'},
        {"superuser", no_argument, NULL, 's'},  {"no-superuser", no_argument, NULL, 'S'},
        {"note", required_argument, NULL, 'n'}, {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0},
    };
    optind = 0;
    for (int option; (option = cli_option(argc, argv, "h", options)) != -1;) {
        switch (option) {
        case 'd': command->dir = optarg; break;
        case 'p': command->password = optarg; break;
        case 'g': command->generate = true; break;
        case 'x': command->no_password = true; break;
        case 's': command->superuser = true; break;
        case 'S': command->superuser = false; break;
        case 'n': command->note = optarg; break;
        case 'j': command->json = true; break;
        case 'h': print_help(); return EXIT_DONE;
        default: return EXIT_USAGE;
        }
    }
    command->verb = optind < argc ? argv[optind++] : NULL;
    command->name = optind < argc ? argv[optind++] : NULL;
    if (optind < argc)
        return cli_usage("user", "\"%s\" is one argument too many", argv[optind]);
    return -1;
}

/* -1: go on; else the exit code. */
static int check_usage(const struct user_command *command, const struct verb *verb)
{
    if (verb == NULL)
        return cli_which_verb("user", command->verb, "create, list, show, update or delete");
    if (verb->named && (command->name == NULL || command->name[0] == '\0'))
        return cli_usage("user", "%s needs the name of a user", verb->name);
    if (!verb->named && command->name != NULL)
        return cli_usage("user", "%s takes no name", verb->name);
    bool described = command->password != NULL || command->generate || command->no_password ||
                     command->note != NULL || command->superuser >= 0;
    if (!verb->changes && described)
        return cli_usage("user", "%s takes no option but --data and --json", verb->name);
    if ((command->password != NULL) + command->generate + command->no_password > 1)
        return cli_usage("user", "--password, --generate and --no-password exclude each other");
    return -1;
}

int user_main(int argc, char **argv)
{
    struct user_command command = {.dir = CLI_DATA_DEFAULT, .superuser = -1};
    int code = parse_options(&command, argc, argv);
    if (code >= 0)
        return code;
    const struct verb *verb = find_verb(command.verb != NULL ? command.verb : "");
    code = check_usage(&command, verb);
    if (code >= 0)
        return code;
    struct error err;
    command.catalog = manage_open(command.dir, verb->creates, &err);
    if (command.catalog == NULL)
        return cli_fail("user", &err);
    code = verb->run(&command, &err);
    catalog_close(command.catalog);
    mem_wipe(command.generated, sizeof(command.generated));
    return code;
}
