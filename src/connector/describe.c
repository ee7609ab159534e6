/* What is told of a connector: its object without secrets, and its state. */
#include "connector/connector_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>

static json_t *time_json(int64_t wall_ms)
{
    char text[CLOCK_TEXT_BYTES];
    clock_format(wall_ms, text);
    return json_string(text);
}

/* "unreachable: … (what to do)" */
static json_t *reason_json(const struct error *why)
{
    char text[sizeof(why->text) + sizeof(why->hint) + 8];
    snprintf(text, sizeof(text), why->hint[0] != '\0' ? "%s (%s)" : "%s", why->text, why->hint);
    return json_string(text);
}

/* All of them, and the names of the actions among them: "action:s3:archive" is "archive". Under lock. */
static void add_uses(const struct connector *connector, json_t *out)
{
    json_t *uses = json_array(), *actions = json_array();
    LIST_EACH(it, &connector->uses)
    {
        const char *who = CONTAINER_OF(it, struct connector_use, link)->who;
        const char *colon = strrchr(who, ':');
        json_array_append_new(uses, json_string(who));
        if (str_starts(str_of(who), STR("action:")))
            json_array_append_new(actions, json_string(colon + 1));
    }
    json_object_set_new(out, "actions", actions);
    json_object_set_new(out, "uses", uses);
}

/* Under lock. */
static void add_state(const struct connector *connector, const char *node, json_t *out)
{
    const char *status = connector_status_name(connector->status);
    json_t *reason = reason_json(&connector->why);
    json_object_set_new(out, "status", json_string(status));
    json_object_set(out, "status_reason", reason);
    json_object_set_new(
        out, "node_status",
        json_pack("[{s:s, s:s, s:o}]", "node", node, "status", status, "status_reason", reason));
    add_uses(connector, out);
    json_object_set_new(out, "created_at", time_json(connector->created_ms));
    json_object_set_new(out, "last_modified_at", time_json(connector->modified_ms));
}

json_t *connectors_describe(struct connectors *connectors, struct str id, const char *node, struct error *err)
{
    struct connector *connector = connector_get(connectors, id, err);
    if (connector == NULL)
        return NULL;
    json_t *out =
        json_pack("{s:s, s:s}", "type", connector->type->name, "name", strchr(connector->id, ':') + 1);
    pthread_mutex_lock(&connectors->lock);
    if (connector->object != NULL) {
        json_t *shown = spec_mask(connector->type->keys, connector->object);
        json_object_update(out, shown);
        json_decref(shown);
    }
    add_state(connector, node, out);
    pthread_mutex_unlock(&connectors->lock);
    connector_unref(connector);
    return out;
}

bool connectors_status(struct connectors *connectors, struct str id, enum connector_status *status,
                       struct error *why, struct error *err)
{
    struct connector *connector = connector_get(connectors, id, err);
    if (connector == NULL)
        return false;
    pthread_mutex_lock(&connectors->lock);
    *status = connector->status;
    *why = connector->why;
    pthread_mutex_unlock(&connectors->lock);
    connector_unref(connector);
    return true;
}

int64_t connectors_await(struct connectors *connectors, struct str id, void (*changed)(void *arg), void *arg,
                         struct error *err)
{
    struct connector *connector = connector_get(connectors, id, err);
    if (connector == NULL)
        return -1;
    struct connector_wait *wait = mem_alloc(sizeof(*wait));
    *wait = (struct connector_wait){.changed = changed, .arg = arg};
    struct list settled;
    list_init(&settled);
    pthread_mutex_lock(&connectors->lock);
    int64_t timeout_ms =
        spec_duration_ms(json_object_get(connector->object, "resource_opts"), "start_timeout");
    list_append(connector->status == CONNECTOR_CONNECTING ? &connector->waits : &settled, &wait->link);
    pthread_mutex_unlock(&connectors->lock);
    watch_tell(&settled);
    connector_unref(connector);
    return timeout_ms;
}
