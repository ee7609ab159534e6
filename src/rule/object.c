/* A rule as a JSON object: what is given, read over what was; and what is answered, which says how the rule fares, too. */
#include "rule/rule_internal.h"

#include "base/clock.h"
#include "base/random.h"

/* ---- Reading --------------------------------------------------------------------------------------------- */

static const struct {
    const char *key;
    json_type type;
    const char *expected;
} keys[] = {
    {"id", JSON_STRING, "a text"},          {"name", JSON_STRING, "a text"},
    {"sql", JSON_STRING, "a text"},         {"actions", JSON_ARRAY, "a list"},
    {"enable", JSON_TRUE, "true or false"}, {"description", JSON_STRING, "a text"},
    {"metadata", JSON_OBJECT, "an object"},
};

/* What the broker says of a rule, so that one that was read can be sent. */
static const char *const said[] = {"from",   "action_details", "created_at", "last_modified_at",
                                   "status", "status_reason",  "namespace"};

static bool is_said(const char *key)
{
    for (size_t i = 0; i < LENGTH(said); i++) {
        if (strcmp(key, said[i]) == 0)
            return true;
    }
    return false;
}

static bool put(json_t *object, const char *key, json_t *value, struct error *err)
{
    for (size_t i = 0; i < LENGTH(keys); i++) {
        if (strcmp(key, keys[i].key) != 0)
            continue;
        bool right =
            json_typeof(value) == keys[i].type || (keys[i].type == JSON_TRUE && json_is_boolean(value));
        if (!right)
            return error_set(err, ERR_INVALID, "%s: expected %s", key, keys[i].expected);
        json_object_set(object, key, value);
        return true;
    }
    return is_said(key) || error_set(err, ERR_INVALID, "unknown key \"%s\"", key);
}

json_t *object_read(const json_t *given, const json_t *former, struct error *err)
{
    if (!json_is_object(given)) {
        error_set(err, ERR_INVALID, "expected a JSON object");
        return NULL;
    }
    json_t *object = former != NULL ? json_copy((json_t *)former)
                                    : json_pack("{s:s, s:[], s:b, s:s, s:{}}", "name", "", "actions",
                                                "enable", 1, "description", "", "metadata");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)given, key, value)
    {
        if (!json_is_null(value) && !put(object, key, value, err)) {
            json_decref(object);
            return NULL;
        }
    }
    if (json_is_string(json_object_get(object, "sql")))
        return object;
    json_decref(object);
    error_set(err, ERR_INVALID, "sql: is missing");
    return NULL;
}

bool object_id_is_valid(const char *id, struct error *err)
{
    size_t len = strlen(id);
    bool ok = len > 0 && len <= RULE_ID_MAX;
    for (size_t i = 0; ok && i < len; i++)
        ok = (id[i] >= '0' && id[i] <= '9') || (id[i] >= 'A' && id[i] <= 'Z') ||
             (id[i] >= 'a' && id[i] <= 'z') || id[i] == '_' || id[i] == '-' || id[i] == '.';
    return ok || error_set(err, ERR_INVALID, "id: expected 1 to %d of A-Z a-z 0-9 _ - .", RULE_ID_MAX);
}

void object_make_id(char out[RULE_ID_MAX + 1])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    for (unsigned i = 0; i < 8; i++)
        out[i] = letters[random_u64() % (sizeof(letters) - 1)];
    out[8] = '\0';
}

/* ---- Showing --------------------------------------------------------------------------------------------- */

static void set_time(json_t *object, const char *key, int64_t wall_ms)
{
    char text[32];
    clock_format(wall_ms, text);
    json_object_set_new(object, key, json_string(text));
}

static bool has_station(struct rules *rules, const char *name)
{
    struct station_stats stats;
    struct error err;
    return rules->options.stations == NULL ||
           station_stats(rules->options.stations, str_of(name), &stats, &err);
}

static json_t *function_detail(struct rules *rules, const json_t *action)
{
    const char *station = json_string_value(json_object_get(json_object_get(action, "args"), "station"));
    bool found = station == NULL || has_station(rules, station);
    return json_pack("{s:s, s:O, s:s}", "type", "function", "name", json_object_get(action, "function"),
                     "status", found ? "connected" : "not_found");
}

static json_t *detail_of(struct rules *rules, const json_t *action)
{
    const char *id = json_string_value(action);
    if (id == NULL)
        return function_detail(rules, action);
    const char *colon = strchr(id, ':');
    json_t *sink =
        rules->options.sinks != NULL ? sinks_describe(rules->options.sinks, str_of(id), "", NULL) : NULL;
    const char *status = json_string_value(json_object_get(sink, "status"));
    json_t *detail = json_pack("{s:s%, s:s, s:s}", "type", id, (size_t)(colon - id), "name", colon + 1,
                               "status", status != NULL ? status : "not_found");
    json_decref(sink);
    return detail;
}

static json_t *missing_source(const struct rule *rule)
{
    static const char head[] = "$station/";
    size_t i;
    json_t *from;
    json_array_foreach(rule->from, i, from)
    {
        const char *topic = json_string_value(from);
        if (strncmp(topic, head, sizeof(head) - 1) != 0 || has_station(rule->rules, topic + sizeof(head) - 1))
            continue;
        return json_sprintf("%s: there is no such station: the rule goes on once there is", topic);
    }
    return NULL;
}

static json_t *missing_action(const json_t *details)
{
    size_t i;
    json_t *detail;
    json_array_foreach(details, i, detail)
    {
        const char *type = json_string_value(json_object_get(detail, "type"));
        const char *name = json_string_value(json_object_get(detail, "name"));
        if (strcmp(json_string_value(json_object_get(detail, "status")), "not_found") != 0)
            continue;
        if (strcmp(type, "function") == 0)
            return json_sprintf(
                "the station of action %zu does not exist: what it is to get fails until it does", i + 1);
        return json_sprintf("action %s:%s does not exist: what it is to get is discarded until it does", type,
                            name);
    }
    return NULL;
}

/* Why it failed; else the first that it needs and is not there, stations of FROM and actions: they may come later. NULL: all is
 * well. Returns owned. */
static json_t *reason_of(const struct rule *rule, const json_t *details)
{
    if (rule->why != NULL)
        return json_string(rule->why);
    json_t *missing = missing_source(rule);
    return missing != NULL ? missing : missing_action(details);
}

json_t *object_describe(const struct rule *rule)
{
    json_t *out = json_copy(rule->object), *details = json_array();
    const json_t *actions = json_object_get(rule->object, "actions");
    for (size_t i = 0; i < json_array_size(actions); i++)
        json_array_append_new(details, detail_of(rule->rules, json_array_get(actions, i)));
    json_t *reason = reason_of(rule, details);
    json_object_set_new(out, "action_details", details);
    json_object_set_new(out, "from", rule->from != NULL ? json_copy(rule->from) : json_array());
    set_time(out, "created_at", rule->created_ms);
    set_time(out, "last_modified_at", rule->modified_ms);
    json_object_set_new(out, "status",
                        json_string(rule->why != NULL                  ? "failed"
                                    : atomic_load(&rule->body) == NULL ? "disabled"
                                                                       : "running"));
    if (reason != NULL)
        json_object_set_new(out, "status_reason", reason);
    return out;
}
