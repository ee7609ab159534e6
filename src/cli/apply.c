/* `varve apply`: brings a running broker to what a file declares, and tells what it changes. Twice is once; nothing is
 * ever deleted.
 *
 *     file ─▶ checked whole ─▶ for each thing: what is there? ─▶ create │ change what differs │ leave it
 *
 * The first thing that fails ends it: what has been told is done, and the next run goes on from there. */
#include "cli/apply_internal.h"
#include "cli/cli_internal.h"
#include "cli/remote_internal.h"

#include "base/mem.h"
#include "connector/connector.h"
#include "connector/spec.h"
#include "sink/sink.h"
#include "station/station.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTORS "/api/v5/connectors"
#define ACTIONS    "/api/v5/actions"
#define RULES      "/api/v5/rules"
#define USERS      "/api/v5/authentication/password_based%3Abuilt_in_database/users"

struct apply {
    struct remote_options remote;
    const char *file;
    bool dry_run;
    bool passwords;
    struct http_client *client;
    size_t created, changed, unchanged;
};

static void print_help(void)
{
    puts("usage: varve apply -f FILE [--dry-run] [options]\n\n"
         "Brings a running broker to what a YAML file declares: connectors, stations, actions, rules and "
         "users, "
         "in this\n"
         "order. What is there already and as declared stays; what differs is changed, key by key; keys that "
         "are "
         "not in\n"
         "the file stay as they are.\n"
         "Nothing is deleted. Running it twice changes nothing the second time.\n\n"
         "  -f, --file FILE  what is to be\n"
         "      --dry-run    only tells what would change\n"
         "      --passwords  sets the passwords of users and the secrets of connectors that exist, too; else "
         "they "
         "are\n"
         "                   for new ones alone (what is stored cannot be compared)\n" REMOTE_HELP "\n"
         "example: a file, and what it would change\n"
         "  cat > varve-apply.yaml <<'END'\n"
         "  connectors:\n"
         "    - type: s3\n"
         "      name: archive\n"
         "      endpoint: https://s3.eu-west-1.amazonaws.com\n"
         "      bucket: telemetry\n"
         "      access_key_id: AKIAIOSFODNN7EXAMPLE\n"
         "      secret_access_key: file:///run/secrets/s3\n"
         "  stations:\n"
         "    - name: telemetry\n"
         "      topics: [\"t/#\"]\n"
         "      retention: {age: 30d}\n"
         "  actions:\n"
         "    - type: s3\n"
         "      name: hot\n"
         "      connector: archive\n"
         "      parameters: {key: \"hot/${clientid}/${timestamp}.json\"}\n"
         "  rules:\n"
         "    - id: hot\n"
         "      sql: SELECT * FROM \"t/#\" WHERE payload.temp > 40\n"
         "      actions: [\"s3:hot\", {function: republish, args: {topic: alarm}}]\n"
         "  users:\n"
         "    - username: alice\n"
         "      password: env:ALICE_PASSWORD\n"
         "  END\n"
         "  varve apply -f varve-apply.yaml --dry-run");
}

/* ---- Telling --------------------------------------------------------------------------------------------- */

/* {"retention.age": ["7d", "30d"]}: what differs, by its place. */
static void compare(json_t *before, json_t *after, const char *prefix, json_t *changes)
{
    const char *key;
    json_t *value;
    json_object_foreach(after, key, value)
    {
        struct buf place = {0};
        json_t *former = json_object_get(before, key);
        buf_printf(&place, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key);
        if (json_is_object(value)) {
            compare(former, value, buf_cstr(&place), changes);
        } else if (!json_equal(former, value)) {
            json_object_set_new(
                changes, buf_cstr(&place),
                json_pack("[o, O]", former != NULL ? json_incref(former) : json_null(), value));
        }
        buf_free(&place);
    }
}

static void print_changes(json_t *changes)
{
    const char *key;
    json_t *pair;
    json_object_foreach(changes, key, pair)
    {
        if (json_is_null(pair)) {
            printf("  %s\n", key); /* a secret */
            continue;
        }
        char *before = json_dumps(json_array_get(pair, 0), JSON_ENCODE_ANY);
        char *after = json_dumps(json_array_get(pair, 1), JSON_ENCODE_ANY);
        printf("  %s: %s -> %s\n", key, before, after);
        free(before);
        free(after);
    }
}

static const char *kind_name(enum declared_kind kind)
{
    static const char *const names[] = {"connector", "station", "action", "rule", "user"};
    return names[kind];
}

/* Takes changes; NULL: none. */
static bool tell(const struct apply *apply, const struct declared *declared, const char *result,
                 json_t *changes)
{
    if (!apply->remote.json) {
        bool would = apply->dry_run && strcmp(result, "unchanged") != 0;
        printf("%s %s %s%s\n", kind_name(declared->kind), declared->name, would ? "would be " : "", result);
        print_changes(changes);
        json_decref(changes);
        return true;
    }
    json_t *line = json_pack("{s:s, s:s, s:s, s:b}", "kind", kind_name(declared->kind), "name",
                             declared->name, "result", result, "dry_run", apply->dry_run);
    if (changes != NULL)
        json_object_set_new(line, "changes", changes);
    bool ok = remote_print_json(line);
    json_decref(line);
    return ok;
}

/* ---- Asking ---------------------------------------------------------------------------------------------- */

/* False: with an error. *there: whether it exists; then *out is owned. */
static bool look(const struct apply *apply, const char *list, const char *name, bool *there, json_t **out,
                 struct error *err)
{
    struct buf path = {0};
    buf_printf(&path, "%s/", list);
    http_path_append(&path, str_of(name));
    *there = http_client_json(apply->client, "GET", buf_cstr(&path), NULL, out, err);
    buf_free(&path);
    return *there || err->code == ERR_NOT_FOUND;
}

/* Unless it is a dry run. Borrows the object. */
static bool change(const struct apply *apply, const char *method, const char *list, const char *name,
                   json_t *object, struct error *err)
{
    struct buf path = {0};
    if (apply->dry_run)
        return true;
    buf_append_str(&path, str_of(list));
    if (name != NULL) {
        buf_append_byte(&path, '/');
        http_path_append(&path, str_of(name));
    }
    json_t *answer = NULL;
    bool ok = http_client_json(apply->client, method, buf_cstr(&path), object, &answer, err);
    json_decref(answer);
    buf_free(&path);
    return ok;
}

static bool created(struct apply *apply, const struct declared *declared)
{
    apply->created++;
    return tell(apply, declared, "created", NULL);
}

/* Takes changes. */
static bool settled(struct apply *apply, const struct declared *declared, json_t *changes)
{
    if (json_object_size(changes) == 0) {
        json_decref(changes);
        apply->unchanged++;
        return tell(apply, declared, "unchanged", NULL);
    }
    apply->changed++;
    return tell(apply, declared, "changed", changes);
}

/* ---- Stations -------------------------------------------------------------------------------------------- */

static bool parse_into(struct station_config *config, const json_t *object, struct error *err)
{
    char *text = json_dumps(object, JSON_COMPACT);
    bool ok = station_config_parse(config, str_of(text), err);
    free(text);
    return ok;
}

static json_t *printed(const struct station_config *config)
{
    struct buf text = {0};
    station_config_print(config, &text);
    json_t *object = json_loadb((const char *)text.data, text.len, 0, NULL);
    buf_free(&text);
    return object;
}

/* What would differ if the declared were set: both sides as a station prints itself, so that 168h is 7d. */
static json_t *station_changes(json_t *there, const json_t *wanted, struct error *err)
{
    struct station_config config;
    json_t *changes = NULL;
    json_object_del(there, "state");
    station_config_init(&config);
    if (parse_into(&config, there, err)) {
        json_t *before = printed(&config);
        if (parse_into(&config, wanted, err)) {
            json_t *after = printed(&config);
            changes = json_object();
            compare(before, after, "", changes);
            json_decref(after);
        }
        json_decref(before);
    }
    station_config_free(&config);
    return changes;
}

static bool apply_station(struct apply *apply, const struct declared *declared, struct error *err)
{
    static const char list[] = "/api/v5/stations";
    json_t *there;
    bool exists;
    if (!look(apply, list, declared->name, &exists, &there, err))
        return false;
    if (!exists) {
        json_t *object = json_copy(declared->object);
        json_object_set_new(object, "name", json_string(declared->name));
        bool ok = change(apply, "POST", list, NULL, object, err);
        json_decref(object);
        return ok && created(apply, declared);
    }
    json_t *changes = station_changes(there, declared->object, err);
    json_decref(there);
    bool ok = changes != NULL && (json_object_size(changes) == 0 ||
                                  change(apply, "PUT", list, declared->name, declared->object, err));
    if (ok)
        return settled(apply, declared, changes);
    json_decref(changes);
    return false;
}

/* ---- Connectors, actions ------------------------------------------------------------------------------------------ */

/* What a broker says of itself is no key of the object. */
static json_t *keys_alone(const struct spec_key *keys, const json_t *object)
{
    json_t *out = json_object();
    for (; keys->key != NULL; keys++) {
        json_t *value = json_object_get(object, keys->key);
        if (value != NULL)
            json_object_set(out, keys->key, value);
    }
    return out;
}

static json_t *note_secret(const char *place, const json_t *secret, void *changes, struct error *err)
{
    (void)err;
    struct str text = str_make(json_string_value(secret), json_string_length(secret));
    if (text.len > 0 && !spec_is_reference(text))
        json_object_set_new(changes, place, json_null());
    return json_string(SPEC_MASK);
}

/* Secrets that are literals look alike, whatever they are: ****** on both sides. */
static json_t *spec_changes(const struct spec_key *keys, const json_t *there, const json_t *wanted,
                            struct error *err)
{
    json_t *before = keys_alone(keys, there), *changes = NULL;
    json_t *after = spec_read(keys, wanted, before, err);
    if (after != NULL) {
        json_t *shown = spec_mask(keys, after);
        changes = json_object();
        compare(before, shown, "", changes);
        json_decref(shown);
        json_decref(after);
    }
    json_decref(before);
    return changes;
}

/* A new one has a type and a name; of one that is there, the literals are left out: it keeps its own. */
static bool create_named(struct apply *apply, const struct declared *declared, const char *list,
                         struct error *err)
{
    const char *colon = strchr(declared->name, ':');
    json_t *object = json_copy(declared->object);
    json_object_set_new(object, "type", json_stringn(declared->name, (size_t)(colon - declared->name)));
    json_object_set_new(object, "name", json_string(colon + 1));
    bool ok = change(apply, "POST", list, NULL, object, err);
    json_decref(object);
    return ok && created(apply, declared);
}

static json_t *keep_literal(const char *place, const json_t *secret, void *arg, struct error *err)
{
    (void)place;
    (void)arg;
    (void)err;
    struct str text = str_make(json_string_value(secret), json_string_length(secret));
    return json_string(text.len > 0 && !spec_is_reference(text) ? SPEC_MASK : text.data);
}

static bool apply_named(struct apply *apply, const struct declared *declared, const char *list,
                        const struct spec_key *keys, struct error *err)
{
    json_t *there;
    bool exists;
    if (!look(apply, list, declared->name, &exists, &there, err))
        return false;
    if (!exists)
        return create_named(apply, declared, list, err);
    json_t *changes = spec_changes(keys, there, declared->object, err), *object;
    json_decref(there);
    if (changes == NULL)
        return false;
    if (apply->passwords) {
        json_decref(spec_secrets(keys, declared->object, note_secret, changes, NULL));
        object = json_incref(declared->object);
    } else {
        object = spec_secrets(keys, declared->object, keep_literal, NULL, NULL);
    }
    bool ok = json_object_size(changes) == 0 || change(apply, "PUT", list, declared->name, object, err);
    json_decref(object);
    if (ok)
        return settled(apply, declared, changes);
    json_decref(changes);
    return false;
}

static bool apply_connector(struct apply *apply, const struct declared *declared, struct error *err)
{
    char type[CONNECTOR_ID_MAX];
    snprintf(type, sizeof(type), "%.*s", (int)strcspn(declared->name, ":"), declared->name);
    return apply_named(apply, declared, CONNECTORS, connector_keys(type), err);
}

static bool apply_action(struct apply *apply, const struct declared *declared, struct error *err)
{
    return apply_named(apply, declared, ACTIONS, sink_object_keys(), err);
}

/* ---- Rules ----------------------------------------------------------------------------------------------- */

static bool apply_rule(struct apply *apply, const struct declared *declared, struct error *err)
{
    json_t *there;
    bool exists;
    if (!look(apply, RULES, declared->name, &exists, &there, err))
        return false;
    if (!exists) {
        json_t *object = json_copy(declared->object);
        json_object_set_new(object, "id", json_string(declared->name));
        bool ok = change(apply, "POST", RULES, NULL, object, err);
        json_decref(object);
        return ok && created(apply, declared);
    }
    json_t *changes = json_object();
    compare(there, declared->object, "", changes);
    json_decref(there);
    bool ok =
        json_object_size(changes) == 0 || change(apply, "PUT", RULES, declared->name, declared->object, err);
    if (ok)
        return settled(apply, declared, changes);
    json_decref(changes);
    return false;
}

/* ---- Users ----------------------------------------------------------------------------------------------- */

static bool create_user(struct apply *apply, const struct declared *declared, struct error *err)
{
    if (declared->password == NULL)
        return error_set(err, ERR_INVALID, "password: missing, and the user is new");
    json_t *object = json_copy(declared->object);
    json_object_set_new(object, "user_id", json_string(declared->name));
    json_object_set_new(object, "password", json_string(declared->password));
    bool ok = change(apply, "POST", USERS, NULL, object, err);
    json_decref(object);
    return ok && created(apply, declared);
}

static bool apply_user(struct apply *apply, const struct declared *declared, struct error *err)
{
    json_t *there;
    bool exists;
    if (!look(apply, USERS, declared->name, &exists, &there, err))
        return false;
    if (!exists)
        return create_user(apply, declared, err);
    json_t *changes = json_object(), *object = json_copy(declared->object);
    compare(there, object, "", changes);
    if (apply->passwords && declared->password != NULL) {
        json_object_set_new(object, "password", json_string(declared->password));
        json_object_set_new(changes, "password", json_null());
    }
    bool ok = json_object_size(changes) == 0 || change(apply, "PUT", USERS, declared->name, object, err);
    json_decref(object);
    json_decref(there);
    if (ok)
        return settled(apply, declared, changes);
    json_decref(changes);
    return false;
}

/* ---- Command line ---------------------------------------------------------------------------------------- */

static bool (*const appliers[])(struct apply *apply, const struct declared *declared, struct error *err) = {
    [DECLARED_CONNECTOR] = apply_connector, [DECLARED_STATION] = apply_station,
    [DECLARED_ACTION] = apply_action,       [DECLARED_RULE] = apply_rule,
    [DECLARED_USER] = apply_user,
};

static int apply_all(struct apply *apply, const struct declaration *declaration)
{
    struct error err = {0};
    for (size_t i = 0; i < declaration->count; i++) {
        const struct declared *declared = &declaration->items[i];
        bool ok = appliers[declared->kind](apply, declared, &err);
        fflush(stdout);
        if (!ok) {
            error_wrap(&err, "%s %s", kind_name(declared->kind), declared->name);
            return cli_fail("apply", &err);
        }
    }
    if (!apply->remote.json)
        printf("%zu created, %zu changed, %zu unchanged%s\n", apply->created, apply->changed,
               apply->unchanged, apply->dry_run ? " (nothing is done: --dry-run)" : "");
    return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* -1: go on; else the exit code. */
static int parse_options(struct apply *apply, int argc, char **argv)
{
    static const struct option options[] = {
        REMOTE_OPTIONS,
        {"file", required_argument, NULL, 'f'},
        {"dry-run", no_argument, NULL, 'n'},
        {"passwords", no_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    optind = 0;
    for (int option; (option = cli_option(argc, argv, "f:h", options)) != -1;) {
        if (remote_option(&apply->remote, option, optarg))
            continue;
        switch (option) {
        case 'f': apply->file = optarg; break;
        case 'n': apply->dry_run = true; break;
        case 'p': apply->passwords = true; break;
        case 'h': print_help(); return EXIT_DONE;
        default: return EXIT_USAGE;
        }
    }
    if (optind < argc)
        return cli_usage("apply", "\"%s\" is one argument too many", argv[optind]);
    if (apply->file == NULL)
        return cli_usage("apply", "-f FILE says what is to be");
    return -1;
}

int apply_main(int argc, char **argv)
{
    struct apply apply = {0};
    struct declaration declaration;
    struct error err;
    int code = parse_options(&apply, argc, argv);
    if (code >= 0)
        return code;
    if (!declaration_read(apply.file, &declaration, &err))
        return cli_fail("apply", &err);
    apply.client = remote_open(&apply.remote, &err);
    code = apply.client != NULL ? apply_all(&apply, &declaration) : cli_fail("apply", &err);
    http_client_free(apply.client);
    declaration_free(&declaration);
    return code;
}
