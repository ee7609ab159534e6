/* Reads what `varve apply` is to bring about:
 *
 *     connectors:
 *       - type: s3
 *         name: archive
 *         endpoint: https://s3.eu-west-1.amazonaws.com
 *         secret_access_key: env:S3_SECRET
 *     stations:
 *       - name: telemetry
 *         topics: ["t/#"]
 *         retention: {age: 30d}
 *     actions:
 *       - type: s3
 *         name: hot
 *         connector: archive
 *         parameters: {key: "hot/${clientid}/${timestamp}.json"}
 *     rules:
 *       - id: hot
 *         sql: SELECT * FROM "t/#" WHERE payload.temp > 40
 *         actions: ["s3:hot", {function: republish, args: {topic: alarm}}]
 *     users:
 *       - username: alice
 *         password: env:ALICE_PASSWORD
 *
 * The keys of each are those of its object; only those that are written count. The file is read as varve.yaml is, so
 * that a misspelt key is told with its line. A user's password may be file:///path or env:NAME, which are read here; a connector's
 * secret may be so, too, but goes to the broker as it is written: the broker reads it, whenever it needs it. */
#include "cli/apply_internal.h"

#include "base/mem.h"
#include "config/config.h"
#include "connector/connector.h"
#include "connector/spec.h"
#include "sink/sink.h"
#include "sql/program.h"
#include "station/station.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum kind { TEXT, NUMBER, SWITCH, LIST, SECTION };

struct field {
    const char *key;
    enum kind kind;
    const char *doc;
    const struct field *fields; /* of a section; the last one has no key */
};

static const struct field retention_fields[] = {
    {"age", TEXT, "how long messages are kept: 7d", NULL},
    {"bytes", TEXT, "how many bytes of them: 10GiB", NULL},
    {"messages", NUMBER, "how many of them", NULL},
    {"acked", SWITCH, "whether what all groups have acknowledged goes", NULL},
    {0},
};

static const struct field tier_fields[] = {
    {"enabled", SWITCH, "whether what is expelled goes to a bucket", NULL},
    {"connector", TEXT, "the store: directory:local", NULL},
    {"bucket", TEXT, "in the store", NULL},
    {"prefix", TEXT, "of the keys", NULL},
    {"upload_bytes", TEXT, "of one upload: 32MiB", NULL},
    {"upload_interval", TEXT, "at the latest: 5m", NULL},
    {"retention_age", TEXT, "how long the bucket keeps them", NULL},
    {"scrub_interval", TEXT, "between checks of all its files: 7d", NULL},
    {"disk_budget", TEXT, "what may wait for its upload: 10GiB", NULL},
    {"when_full", TEXT, "block or drop_oldest", NULL},
    {0},
};

static const struct field station_fields[] = {
    {"description", TEXT, "a remark for people", NULL},
    {"topics", LIST, "topic filters", NULL},
    {"retention", SECTION, "", retention_fields},
    {"sync", TEXT, "commit, none, or an interval such as 100ms", NULL},
    {"compression", TEXT, "of what lies on disk: none or zstd", NULL},
    {"dedup_window", TEXT, "how long the id of a message counts: 2m", NULL},
    {"ack_wait", TEXT, "until a message is delivered again: 30s", NULL},
    {"max_deliveries", NUMBER, "before a message is a dead letter", NULL},
    {"max_ack_pending", NUMBER, "delivered and not acknowledged, of a group", NULL},
    {"max_message_bytes", TEXT, "of one message: 1MiB", NULL},
    {"tier", SECTION, "", tier_fields},
    {0},
};

/* ---- Stations -------------------------------------------------------------------------------------------- */

static json_t *read_list(struct config *config, const struct config_node *at, const struct field *field)
{
    const struct config_node *section = config_section(config, at, field->key);
    json_t *list = json_array();
    for (size_t i = 0; i < config_count(config, section); i++) {
        const struct config_node *item = config_entry(config, section, i, NULL);
        const char *text = config_text(config, item, "", "", field->doc);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

static json_t *read_object(struct config *config, const struct config_node *at, const struct field *fields);

static json_t *read_field(struct config *config, const struct config_node *at, const struct field *field)
{
    if (field->kind == LIST || field->kind == SECTION) {
        const struct config_node *section = config_section(config, at, field->key);
        if (!config_present(section))
            return NULL;
        return field->kind == LIST ? read_list(config, at, field)
                                   : read_object(config, section, field->fields);
    }
    const char *text = config_text(config, at, field->key, NULL, field->doc);
    if (text == NULL)
        return NULL;
    if (field->kind == NUMBER)
        return json_integer(config_int(config, at, field->key, 0, 0, INT64_MAX, field->doc));
    if (field->kind == SWITCH)
        return json_boolean(config_bool(config, at, field->key, false, field->doc));
    return json_string(text);
}

static json_t *read_object(struct config *config, const struct config_node *at, const struct field *fields)
{
    json_t *object = json_object();
    for (const struct field *field = fields; field->key != NULL; field++) {
        json_t *value = read_field(config, at, field);
        if (value != NULL)
            json_object_set_new(object, field->key, value);
    }
    return object;
}

/* What the broker would say of it, before anything is changed. */
static void check_station(struct config *config, const struct config_node *at, const char *name,
                          const json_t *object)
{
    struct station_config station;
    struct error err;
    json_t *whole = json_copy((json_t *)(uintptr_t)object);
    json_object_set_new(whole, "name", json_string(name));
    char *text = json_dumps(whole, JSON_COMPACT);
    station_config_init(&station);
    if (!station_config_parse(&station, str_of(text), &err))
        config_complain(config, at, "", "%s%s%s", err.text, err.hint[0] != '\0' ? "; " : "", err.hint);
    station_config_free(&station);
    free(text);
    json_decref(whole);
}

/* ---- Connectors, actions ------------------------------------------------------------------------------------------ */

static json_t *read_map(struct config *config, const struct config_node *section)
{
    json_t *map = json_object();
    for (size_t i = 0; i < config_count(config, section); i++) {
        const char *name = NULL;
        config_entry(config, section, i, &name);
        const char *text = name != NULL ? config_text(config, section, name, "", "a text") : "";
        json_object_set_new(map, name != NULL ? name : "", json_string(text));
    }
    return map;
}

static json_t *read_texts(struct config *config, const struct config_node *section, const char *doc)
{
    json_t *list = json_array();
    for (size_t i = 0; i < config_count(config, section); i++) {
        const struct config_node *item = config_entry(config, section, i, NULL);
        json_array_append_new(list, json_string(config_text(config, item, "", "", doc)));
    }
    return list;
}

/* As it is written: true, 5 and the like are that, anything else is text. */
static json_t *scalar(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    if (json_is_boolean(value) || json_is_integer(value))
        return value;
    json_decref(value);
    return json_string(text);
}

/* Whatever is written there: a list, or a mapping. */
static json_t *read_any(struct config *config, const struct config_node *section)
{
    json_t *list = json_array(), *map = json_object();
    for (size_t i = 0; i < config_count(config, section); i++) {
        const char *name = NULL;
        const struct config_node *entry = config_entry(config, section, i, &name);
        bool text = config_is_text(entry);
        if (name == NULL) {
            json_array_append_new(list, text ? scalar(config_text(config, entry, "", "", "a value"))
                                             : read_any(config, entry));
        } else {
            json_object_set_new(map, name,
                                text ? scalar(config_text(config, section, name, "", "a value"))
                                     : read_any(config, config_section(config, section, name)));
        }
    }
    bool is_map = json_object_size(map) > 0;
    json_decref(is_map ? list : map);
    return is_map ? map : list;
}

static json_t *read_keys(struct config *config, const struct config_node *at, const struct spec_key *keys);

/* As it is written; NULL: it is not. Whether it is right is spec_read()'s to say. */
static json_t *read_key(struct config *config, const struct config_node *at, const struct spec_key *key)
{
    bool inner = key->kind == SPEC_OBJECT || key->kind == SPEC_TEXTS || key->kind == SPEC_MAP ||
                 key->kind == SPEC_LIST;
    if (inner) {
        const struct config_node *section = config_section(config, at, key->key);
        if (!config_present(section))
            return NULL;
        return key->kind == SPEC_OBJECT  ? read_keys(config, section, key->inner)
               : key->kind == SPEC_TEXTS ? read_texts(config, section, key->about)
               : key->kind == SPEC_LIST  ? read_any(config, section)
                                         : read_map(config, section);
    }
    const char *text = config_text(config, at, key->key, NULL, key->about);
    if (text == NULL)
        return NULL;
    if (key->kind == SPEC_BOOL)
        return json_boolean(config_bool(config, at, key->key, false, key->about));
    if (key->kind == SPEC_COUNT)
        return json_integer(
            config_int(config, at, key->key, 0, (int64_t)key->min, (int64_t)key->max, key->about));
    return json_string(text);
}

static json_t *read_keys(struct config *config, const struct config_node *at, const struct spec_key *keys)
{
    json_t *object = json_object();
    for (; keys->key != NULL; keys++) {
        json_t *value = read_key(config, at, keys);
        if (value != NULL)
            json_object_set_new(object, keys->key, value);
    }
    return object;
}

/* The keys of the type that the entry says; NULL: a complaint is made. */
static const struct spec_key *keys_of(struct config *config, const struct config_node *item,
                                      const char **type)
{
    *type = config_text(config, item, "type", NULL, "s3 or directory");
    const struct spec_key *keys = *type != NULL ? connector_keys(*type) : NULL;
    if (keys == NULL)
        config_complain(config, item, "type", "%s: expected s3 or directory",
                        *type != NULL ? *type : "missing");
    return keys;
}

/* ---- Rules ----------------------------------------------------------------------------------------------- */

static const struct field rule_fields[] = {
    {"name", TEXT, "for people", NULL},
    {"sql", TEXT, "SELECT ... FROM ... WHERE ..., or FOREACH ...", NULL},
    {"enable", SWITCH, "whether it runs", NULL},
    {"description", TEXT, "a remark for people", NULL},
    {0},
};

static const struct field args_fields[] = {
    {"topic", TEXT, "republish: a template", NULL},
    {"payload", TEXT, "republish: a template", NULL},
    {"user_properties", TEXT, "republish: a placeholder", NULL},
    {"direct_dispatch", SWITCH, "republish: of no effect", NULL},
    {"station", TEXT, "station: its name", NULL},
    {0},
};

/* What other clients send as numbers and switches; in YAML it may be a template, too. */
static void read_scalar(struct config *config, const struct config_node *at, const char *key, json_t *object)
{
    const char *text = config_text(config, at, key, NULL, "a value, or a template");
    if (text == NULL)
        return;
    json_object_set_new(object, key, scalar(text));
}

static json_t *read_args(struct config *config, const struct config_node *section)
{
    json_t *args = read_object(config, section, args_fields);
    read_scalar(config, section, "qos", args);
    read_scalar(config, section, "retain", args);
    const struct config_node *properties = config_section(config, section, "mqtt_properties");
    if (config_present(properties))
        json_object_set_new(args, "mqtt_properties", read_map(config, properties));
    return args;
}

/* "s3:archive", or {function: ..., args: ...}. */
static json_t *read_rule_action(struct config *config, const struct config_node *item)
{
    if (config_is_text(item))
        return json_string(config_text(config, item, "", "", "the id of an action"));
    json_t *action = json_object();
    const char *function = config_text(config, item, "function", NULL, "republish, console or station");
    if (function == NULL)
        config_complain(config, item, "function", "missing");
    json_object_set_new(action, "function", json_string(function != NULL ? function : ""));
    const struct config_node *args = config_section(config, item, "args");
    if (config_present(args))
        json_object_set_new(action, "args", read_args(config, args));
    return action;
}

static json_t *read_rule(struct config *config, const struct config_node *item)
{
    json_t *object = read_object(config, item, rule_fields);
    const struct config_node *actions = config_section(config, item, "actions"),
                             *metadata = config_section(config, item, "metadata");
    if (config_present(actions)) {
        json_t *list = json_array();
        for (size_t i = 0; i < config_count(config, actions); i++)
            json_array_append_new(list, read_rule_action(config, config_entry(config, actions, i, NULL)));
        json_object_set_new(object, "actions", list);
    }
    if (config_present(metadata))
        json_object_set_new(object, "metadata", read_map(config, metadata));
    return object;
}

static void check_rule(struct config *config, const struct config_node *item, const json_t *object)
{
    struct error err;
    const json_t *sql = json_object_get(object, "sql");
    if (sql == NULL)
        return; /* of a rule that is there: it stays */
    struct sql_program *program =
        sql_compile(str_make(json_string_value(sql), json_string_length(sql)), NULL, &err);
    if (program == NULL)
        config_complain(config, item, "sql", "%s", err.text);
    sql_program_free(program);
}

/* ---- Everything ------------------------------------------------------------------------------------------ */

static struct declared *add(struct declaration *out, enum declared_kind kind, const char *name)
{
    for (size_t i = 0; i < out->count; i++) {
        if (out->items[i].kind == kind && strcmp(out->items[i].name, name) == 0)
            return NULL;
    }
    out->items = mem_realloc(out->items, (out->count + 1) * sizeof(*out->items));
    struct declared *declared = &out->items[out->count++];
    *declared = (struct declared){.kind = kind, .name = mem_strdup(name)};
    return declared;
}

/* The entry with its name; NULL: a complaint is made. */
static struct declared *named(struct config *config, const struct config_node *item, const char *key,
                              enum declared_kind kind, struct declaration *out)
{
    char lower[STATION_NAME_MAX + 1], id[CONNECTOR_ID_MAX];
    struct error err;
    const char *name = config_text(config, item, key, NULL, "its name");
    if (name == NULL || name[0] == '\0') {
        config_complain(config, item, key, "missing");
        return NULL;
    }
    if (kind == DECLARED_STATION) {
        if (!station_name_parse(str_of(name), lower, &err)) {
            config_complain(config, item, key, "%s; %s", err.text, err.hint);
            return NULL;
        }
        name = lower;
    }
    if (kind == DECLARED_CONNECTOR || kind == DECLARED_ACTION) {
        snprintf(id, sizeof(id), "%s:%s", config_text(config, item, "type", "", "its type"), name);
        name = id;
    }
    struct declared *declared = add(out, kind, name);
    if (declared == NULL)
        config_complain(config, item, key, "%s is declared twice", name);
    return declared;
}

static void read_connectors(struct config *config, struct declaration *out)
{
    const struct config_node *section = config_section(config, config_root(config), "connectors");
    for (size_t i = 0; i < config_count(config, section); i++) {
        const struct config_node *item = config_entry(config, section, i, NULL);
        const char *type;
        struct error err;
        const struct spec_key *keys = keys_of(config, item, &type);
        struct declared *declared =
            keys != NULL ? named(config, item, "name", DECLARED_CONNECTOR, out) : NULL;
        if (declared == NULL)
            return;
        declared->object = read_keys(config, item, keys);
        json_t *whole = spec_read(keys, declared->object, NULL, &err);
        if (whole == NULL)
            config_complain(config, item, "", "%s%s%s", err.text, err.hint[0] != '\0' ? "; " : "", err.hint);
        json_decref(whole);
    }
}

static void read_actions(struct config *config, struct declaration *out)
{
    const struct config_node *section = config_section(config, config_root(config), "actions");
    for (size_t i = 0; i < config_count(config, section); i++) {
        const struct config_node *item = config_entry(config, section, i, NULL);
        const char *type = config_text(config, item, "type", NULL, "s3");
        struct error err;
        if (type == NULL || strcmp(type, "s3") != 0) {
            config_complain(config, item, "type", "%s: expected s3", type != NULL ? type : "missing");
            return;
        }
        struct declared *declared = named(config, item, "name", DECLARED_ACTION, out);
        if (declared == NULL)
            return;
        declared->object = read_keys(config, item, sink_object_keys());
        json_t *whole = spec_read(sink_object_keys(), declared->object, NULL, &err);
        if (whole == NULL)
            config_complain(config, item, "", "%s%s%s", err.text, err.hint[0] != '\0' ? "; " : "", err.hint);
        json_decref(whole);
    }
}

static void read_rules(struct config *config, struct declaration *out)
{
    const struct config_node *section = config_section(config, config_root(config), "rules");
    for (size_t i = 0; i < config_count(config, section); i++) {
        const struct config_node *item = config_entry(config, section, i, NULL);
        struct declared *declared = named(config, item, "id", DECLARED_RULE, out);
        if (declared == NULL)
            return;
        declared->object = read_rule(config, item);
        check_rule(config, item, declared->object);
    }
}

static void read_stations(struct config *config, struct declaration *out)
{
    const struct config_node *section = config_section(config, config_root(config), "stations");
    for (size_t i = 0; i < config_count(config, section); i++) {
        const struct config_node *item = config_entry(config, section, i, NULL);
        struct declared *declared = named(config, item, "name", DECLARED_STATION, out);
        if (declared == NULL)
            return;
        declared->object = read_object(config, item, station_fields);
        check_station(config, item, declared->name, declared->object);
    }
}

static void read_users(struct config *config, struct declaration *out)
{
    const struct config_node *section = config_section(config, config_root(config), "users");
    for (size_t i = 0; i < config_count(config, section); i++) {
        const struct config_node *item = config_entry(config, section, i, NULL);
        struct declared *declared = named(config, item, "username", DECLARED_USER, out);
        if (declared == NULL)
            return;
        const char *password = config_secret(config, item, "password", "the password of a new user");
        declared->password = password != NULL ? mem_strdup(password) : NULL;
        declared->object = json_object();
        static const char superuser[] = "whether no rule applies to the user";
        if (config_text(config, item, "superuser", NULL, superuser) != NULL) {
            bool value = config_bool(config, item, "superuser", false, superuser);
            json_object_set_new(declared->object, "is_superuser", json_boolean(value));
        }
    }
}

/* Without the variables that are options of the broker: they are none of this file. Returns owned; its strings are not. */
static char **environment(void)
{
    size_t count = 0, kept = 0;
    while (environ[count] != NULL)
        count++;
    char **out = mem_alloc((count + 1) * sizeof(*out));
    for (size_t i = 0; i < count; i++) {
        if (strncmp(environ[i], "VARVE_", 6) != 0)
            out[kept++] = environ[i];
    }
    out[kept] = NULL;
    return out;
}

bool declaration_read(const char *path, struct declaration *out, struct error *err)
{
    *out = (struct declaration){0};
    char **variables = environment();
    struct config *config = config_load(path, NULL, 0, variables, err);
    bool ok = config != NULL;
    if (ok) {
        read_connectors(config, out);
        read_stations(config, out);
        read_actions(config, out);
        read_rules(config, out);
        read_users(config, out);
        ok = config_finish(config, err);
    }
    config_free(config);
    mem_free(variables);
    if (!ok)
        declaration_free(out);
    return ok;
}

void declaration_free(struct declaration *declaration)
{
    for (size_t i = 0; i < declaration->count; i++) {
        struct declared *declared = &declaration->items[i];
        if (declared->password != NULL)
            mem_wipe(declared->password, strlen(declared->password));
        mem_free(declared->password);
        mem_free(declared->name);
        json_decref(declared->object);
    }
    mem_free(declaration->items);
    *declaration = (struct declaration){0};
}
