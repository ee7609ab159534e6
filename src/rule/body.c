/* A rule object made ready: its program, what it listens to, and its actions. */
#include "rule/rule_internal.h"

#include "base/mem.h"

#include <stdio.h>

/* ---- Actions --------------------------------------------------------------------------------------------- */

static bool read_sink(struct rules *rules, struct rule_action *action, const char *id, struct error *err)
{
    if (strchr(id, ':') == NULL || strlen(id) > SINK_ID_MAX) {
        return error_set(err, ERR_INVALID,
                         "actions: \"%s\": expected the id of an action, such as s3:archive, or "
                         "{\"function\": \"console\"}",
                         id);
    }
    action->kind = ACTION_SINK;
    action->text = mem_strdup(id);
    action->sink = rules->options.sinks != NULL ? sinks_take(rules->options.sinks, str_of(id)) : NULL;
    return true;
}

static bool read_station(struct rule_action *action, const json_t *args, struct error *err)
{
    const char *name = json_string_value(json_object_get(args, "station"));
    char text[STATION_NAME_MAX + 1];
    if (name == NULL || json_object_size(args) != 1)
        return error_set(err, ERR_INVALID, "actions: station: expected {\"station\": \"name\"}");
    if (!station_name_parse(str_of(name), text, err))
        return error_wrap(err, "actions: station");
    action->kind = ACTION_STATION;
    action->station = mem_strdup(text);
    return true;
}

static bool read_function(struct rule_action *action, const json_t *object, struct error *err)
{
    const char *function = json_string_value(json_object_get(object, "function"));
    const json_t *args = json_object_get(object, "args");
    if (function == NULL)
        return error_set(err, ERR_INVALID,
                         "actions: expected the id of an action, or {\"function\": …, \"args\": {…}}");
    action->text = mem_strdup(function);
    if (strcmp(function, "console") == 0) {
        action->kind = ACTION_CONSOLE;
        return true;
    }
    if (!json_is_object(args))
        return error_set(err, ERR_INVALID, "actions: %s: expected \"args\"", function);
    if (strcmp(function, "republish") == 0) {
        action->kind = ACTION_REPUBLISH;
        return republish_read(&action->republish, args, err);
    }
    if (strcmp(function, "station") == 0)
        return read_station(action, args, err);
    return error_set(err, ERR_INVALID,
                     "actions: unknown function \"%s\": there are republish, console and station", function);
}

static void action_free(struct rule_action *action)
{
    if (action->sink != NULL)
        sink_release(action->sink);
    republish_free(&action->republish);
    mem_free(action->station);
    mem_free(action->text);
}

/* ---- FROM ------------------------------------------------------------------------------------------------ */

/* What people who come from EMQX may look for. */
static bool refuse_event(struct str topic, struct error *err)
{
    static const struct {
        const char *topic;
        const char *why;
    } known[] = {
        {"$events/message/publish", "messages are selected by their topic: FROM \"t/#\""},
        {"$events/message_publish", "messages are selected by their topic: FROM \"t/#\""},
        {"$events/schema_validation/failed", "schema validation is not offered"},
        {"$events/schema_validation_failed", "schema validation is not offered"},
        {"$events/message_transformation/failed", "message transformation is not offered"},
        {"$events/message_transformation_failed", "message transformation is not offered"},
    };
    const char *why = "there is no such event; GET /rule_events lists them";
    for (size_t i = 0; i < LENGTH(known); i++) {
        if (str_is(topic, known[i].topic))
            why = known[i].why;
    }
    return error_set(err, ERR_INVALID, "FROM \"%.*s\": %s", STR_ARG(topic), why);
}

static bool read_event(struct rule_body *body, struct str topic, struct error *err)
{
    uint32_t kinds = event_kinds_of(topic);
    if (kinds == 0)
        return refuse_event(topic, err);
    body->events |= kinds;
    return true;
}

static bool read_source(struct rule_body *body, struct str topic, struct error *err)
{
    char name[STATION_NAME_MAX + 1];
    size_t head = sizeof("$station/") - 1;
    struct str given = str_make(topic.data + head, topic.len - head);
    if (!station_name_parse(given, name, err))
        return error_wrap(err, "FROM \"%.*s\"", STR_ARG(topic));
    body->stations[body->station_count++] = given;
    return true;
}

bool body_read_from(struct rule_body *body, struct error *err)
{
    size_t count;
    const struct str *topics = sql_program_topics(body->program, &count);
    body->filters = mem_zalloc(count * sizeof(*body->filters));
    body->stations = mem_zalloc(count * sizeof(*body->stations));
    for (size_t i = 0; i < count; i++) {
        if (str_starts(topics[i], STR("$events/"))) {
            if (!read_event(body, topics[i], err))
                return false;
        } else if (str_starts(topics[i], STR("$station/"))) {
            if (!read_source(body, topics[i], err))
                return false;
        } else if (str_starts(topics[i], STR("$bridges/")) || str_starts(topics[i], STR("$sources/"))) {
            return error_set(err, ERR_UNSUPPORTED, "FROM \"%.*s\": bridges are not offered",
                             STR_ARG(topics[i]));
        } else {
            body->filters[body->filter_count++] = topics[i];
        }
    }
    return true;
}

/* ---- The whole ------------------------------------------------------------------------------------------- */

static bool read_actions(struct rules *rules, struct rule_body *body, const json_t *list, struct error *err)
{
    body->actions = mem_zalloc((json_array_size(list) + 1) * sizeof(*body->actions));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        struct rule_action *action = &body->actions[body->action_count++];
        bool ok = json_is_string(item) ? read_sink(rules, action, json_string_value(item), err)
                                       : read_function(action, item, err);
        if (!ok)
            return false;
    }
    return true;
}

static void use_actions(struct rules *rules, struct str id, struct rule_body *body, bool use)
{
    for (size_t i = 0; rules->options.sinks != NULL && i < body->action_count; i++) {
        if (body->actions[i].kind == ACTION_SINK)
            (use ? sinks_use : sinks_unuse)(rules->options.sinks, str_of(body->actions[i].text), id);
    }
    char who[RULE_ID_MAX + 8];
    snprintf(who, sizeof(who), "rule:%.*s", STR_ARG(id));
    for (size_t i = 0; rules->options.stations != NULL && i < body->station_count; i++) {
        if (use)
            stations_use(rules->options.stations, body->stations[i], str_of(who), NULL);
        else
            stations_unuse(rules->options.stations, body->stations[i], str_of(who));
    }
}

struct rule_body *body_new(struct rules *rules, struct str id, const json_t *object, struct error *err)
{
    struct rule_body *body = mem_zalloc(sizeof(*body));
    atomic_init(&body->refs, 1);
    body->sql = mem_strdup(json_string_value(json_object_get(object, "sql")));
    body->program = sql_compile(str_of(body->sql), NULL, err);
    if (body->program != NULL && body_read_from(body, err) &&
        read_actions(rules, body, json_object_get(object, "actions"), err)) {
        body->sources = mem_zalloc((body->station_count + 1) * sizeof(*body->sources));
        body->waits = sql_program_calls(body->program, "jq");
        use_actions(rules, id, body, true);
        return body;
    }
    body_unref(body);
    return NULL;
}

void body_free(struct rules *rules, struct str id, struct rule_body *body)
{
    if (body == NULL)
        return;
    use_actions(rules, id, body, false);
    body_unref(body);
}

struct rule_body *body_ref(struct rule_body *body)
{
    atomic_fetch_add_explicit(&body->refs, 1, memory_order_relaxed);
    return body;
}

void body_unref(struct rule_body *body)
{
    if (atomic_fetch_sub_explicit(&body->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < body->action_count; i++)
        action_free(&body->actions[i]);
    mem_free(body->actions);
    mem_free(body->sources);
    mem_free(body->filters);
    mem_free(body->stations);
    sql_program_free(body->program);
    mem_free(body->sql);
    mem_free(body);
}
