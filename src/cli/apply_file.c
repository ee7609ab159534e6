/* Reads what `varve apply` is to bring about:
 *
 *     stations:
 *       - name: telemetry
 *         topics: ["t/#"]
 *         retention: {age: 30d}
 *     users:
 *       - username: alice
 *         password: env:ALICE_PASSWORD
 *
 * The keys of a station are those of its object; only those that are written count. The file is read as varve.yaml is, so
 * that a misspelt key is told with its line, and a secret may be file:///path or env:NAME. */
#include "cli/apply_internal.h"

#include "base/mem.h"
#include "config/config.h"
#include "station/station.h"

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
    {"disk_budget", TEXT, "what may wait for its upload: 10GiB", NULL},
    {"when_full", TEXT, "block or drop_oldest", NULL},
    {0},
};

static const struct field station_fields[] = {
    {"description", TEXT, "a remark for people", NULL},
    {"topics", LIST, "topic filters", NULL},
    {"retention", SECTION, "", retention_fields},
    {"sync", TEXT, "commit, none, or an interval such as 100ms", NULL},
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
    char lower[STATION_NAME_MAX + 1];
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
    struct declared *declared = add(out, kind, name);
    if (declared == NULL)
        config_complain(config, item, key, "%s is declared twice", name);
    return declared;
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

static void refuse_others(struct config *config)
{
    static const char *const later[] = {"connectors", "actions", "rules"};
    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        if (config_present(config_section(config, config_root(config), later[i])))
            config_complain(config, config_root(config), later[i],
                            "not known yet: this version declares stations and users");
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
        refuse_others(config);
        read_stations(config, out);
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
