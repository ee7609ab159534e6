/* What subcommands that speak to a running broker share: the options --url, --key, --ca, --data, --json. */
#ifndef CLI_REMOTE_INTERNAL_H
#define CLI_REMOTE_INTERNAL_H

#include "client/http_client.h"

#include <getopt.h>

struct remote_options {
    struct http_client_options http;
    bool json;
};

/* For getopt_long: these entries in the table, and remote_option() for what it returns. */
enum { REMOTE_URL = 1000, REMOTE_KEY, REMOTE_CA, REMOTE_DATA, REMOTE_JSON };
#define REMOTE_OPTIONS                                                                              \
    {"url", required_argument, NULL, REMOTE_URL}, {"key", required_argument, NULL, REMOTE_KEY},     \
        {"ca", required_argument, NULL, REMOTE_CA}, {"data", required_argument, NULL, REMOTE_DATA}, \
    {                                                                                               \
        "json", no_argument, NULL, REMOTE_JSON                                                      \
    }
/* Lines of a help text. */
#define REMOTE_HELP                                                                                     \
    "  --url URL      of the broker's API (default: DIR/run.json tells; else http://127.0.0.1:18083)\n" \
    "  --key K:S      API key (default: VARVE_API_KEY, else DIR/admin.key)\n"                           \
    "  --ca FILE      authorities for https (default: the system's)\n"                                  \
    "  --data DIR     the broker's data directory, on its own machine (default ./data)\n"               \
    "  --json         output for machines\n"                                                            \
    "  --help\n"

/* Whether the option is one of these; then it is taken. `argument`: optarg. */
bool remote_option(struct remote_options *remote, int option, const char *argument);

/* Returns owned. Errors: as http_client_new(). */
struct http_client *remote_open(const struct remote_options *remote, struct error *err);

/* Prints a value as JSON on a line. False if the output takes no more. */
bool remote_print_json(json_t *value);

/* ---- Subcommands of verbs: `varve station create NAME …` ------------------------------------------------- */

struct remote_subcommand;

/* The first member of a subcommand's own structure. */
struct remote_command {
    const struct remote_subcommand *of;
    const char *subcommand; /* "station" */
    const char *list;       /* where they are: "/api/v5/stations" */
    struct remote_options remote;
    struct http_client *client; /* once a verb runs */
    const char *name;           /* NULL: none given */
    char **names;               /* all that are given, for verbs that take several */
    int name_count;
    unsigned given; /* the groups of options that were: see below */
};

/* Options that belong together: a verb takes all of them or none. */
struct remote_group {
    unsigned bit;
    const char *options; /* "--topic, --desc, --set" */
};

struct remote_verb {
    const char *name;
    int (*run)(struct remote_command *command, struct error *err); /* returns the exit code */
    bool named;                                                    /* takes NAME */
    unsigned takes;                                                /* groups */
    unsigned needs; /* a group of which something has to be given */
};
#define REMOTE_SEVERAL (1u << 31) /* in `takes`: any number of names */
#define REMOTE_OFFLINE (1u << 30) /* likewise: asks no broker, so there is no client */

struct remote_subcommand {
    const char *name;
    const char *list;  /* of the API */
    const char *thing; /* what NAME is: "a station" */
    char name_holds;   /* a character that every NAME has; 0: none */
    void (*print_help)(void);
    const struct option *options; /* REMOTE_OPTIONS, help as 'h', and its own */
    const char *short_options;
    /* Takes an option of its own and sets its group's bit in `given`. False: there are too many of them. */
    bool (*take)(struct remote_command *command, int option, const char *argument);
    const struct remote_verb *verbs; /* NULL name ends them, and the groups */
    const struct remote_group *groups;
    int64_t timeout_ms; /* of a request; 0: the client's default */
    /* For remote_create() and remote_update(). */
    const char *key; /* NAME in the object: "id"; NULL: NAME is TYPE:NAME */
    bool has_state;  /* the answer says how it fares: remote_print_status() */
    /* What the options say; NULL: ERR_INVALID. Returns owned. */
    json_t *(*object)(const struct remote_command *command, struct error *err);
    /* Puts in what no option says; NULL: nothing. */
    bool (*complete)(const struct remote_command *command, json_t *object, struct error *err);
};

/* Reads the command line into *command, which is zeroed but for what is its own, and runs the verb. Returns the exit code. */
int remote_main(const struct remote_subcommand *subcommand, struct remote_command *command, int argc,
                char **argv);

/* ---- Objects over the API: remote_object.c --------------------------------------------------------------- */

/* What --set says, into the object: "retention.age=7d" is {"retention": {"age": "7d"}}: a number, true, false, null or a list
 * is that, anything else is text; "{…}" is merged as it is. Errors: ERR_INVALID. */
bool remote_set(json_t *object, const char *set, struct error *err);

/* What --set, as often as it is given, and --desc say of an object. */
#define REMOTE_SETS_MAX 256
struct remote_settings {
    const char *sets[REMOTE_SETS_MAX];
    size_t count;
    const char *description; /* NULL: none */
};
bool remote_settings_add(struct remote_settings *settings, const char *set); /* false: too many */
/* Returns owned; NULL: ERR_INVALID. */
json_t *remote_settings_object(const struct remote_settings *settings, struct error *err);

/* Asks about command->name: `tail` is what comes behind it in the path. body: borrowed, NULL: none. answer: NULL: there is none;
 * else it is owned. */
bool remote_ask(const struct remote_command *command, const char *method, const char *tail, json_t *body,
                json_t **answer, struct error *err);

/* Verbs that do as they say to the object of that name, and return the exit code. */
int remote_create(struct remote_command *command, struct error *err);
int remote_update(struct remote_command *command, struct error *err);
int remote_show(struct remote_command *command, struct error *err);
int remote_metrics(struct remote_command *command, struct error *err); /* GET NAME/metrics */
int remote_delete(struct remote_command *command, struct error *err);
int remote_enable(struct remote_command *command, struct error *err); /* PUT NAME/enable/true */
int remote_disable(struct remote_command *command, struct error *err);
int remote_start(struct remote_command *command, struct error *err); /* POST NAME/start */
/* A request without an answer of its own; then "station telemetry DONE", as JSON {"DONE": "telemetry"}. */
int remote_do(struct remote_command *command, const char *method, const char *tail, const char *done,
              struct error *err);

/* What is to be created: what the options say, with its name. NULL: ERR_INVALID. Returns owned. */
json_t *remote_named_object(const struct remote_command *command, struct error *err);
/* PUTs what is given, and says DONE. Takes the object. */
int remote_change(struct remote_command *command, json_t *object, const char *done, struct error *err);

/* "" and 0 for what is not there. */
const char *remote_text(const json_t *object, const char *name);
long long remote_number(const json_t *object, const char *name);

/* All pages of the list at `path`. *out is owned. */
bool remote_ask_all(struct http_client *client, const char *path, json_t **out, struct error *err);

/* Output, as JSON if that is asked for. They take the answer and return the exit code. */
int remote_print_list(const struct remote_command *command, json_t *list, void (*print)(json_t *one),
                      const char *headline);
/* `text`: instead of the object, for people; NULL: "retention.age   7d", a line for each value. */
int remote_print_one(const struct remote_command *command, json_t *answer, const char *text);
int remote_print_done(const struct remote_command *command, json_t *answer, const char *done);
/* "connector s3:archive DONE: connected", or another status with its reason. */
int remote_print_status(const struct remote_command *command, json_t *answer, const char *done);

#endif
