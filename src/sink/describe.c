/* What is told of actions: their objects, their state, their figures, who uses them. */
#include "sink/sink_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>

/* ---- Showing --------------------------------------------------------------------------------------------- */

static void set_time(json_t *object, const char *key, int64_t wall_ms)
{
    char text[32];
    clock_format(wall_ms, text);
    json_object_set_new(object, key, json_string(text));
}

/* What the connector says; if it is well, what the last request said. */
static const char *status_of(const struct sink *sink, struct error *why)
{
    char id[SINK_CONNECTOR_BYTES];
    enum connector_status status;
    *why = (struct error){0};
    if (!is_enabled(sink->object))
        return "disconnected";
    if (sink->log == NULL) {
        *why = sink->why;
        return "disconnected";
    }
    sink_connector_id(sink->object, id);
    if (!connectors_status(sink->sinks->options.connectors, str_of(id), &status, why, why))
        return "disconnected";
    if (status == CONNECTOR_CONNECTED && sink->store_fails) {
        *why = sink->why;
        return "disconnected";
    }
    return connector_status_name(status);
}

static json_t *describe(const struct sink *sink, const char *node)
{
    struct error why;
    const char *colon = strchr(sink->id, ':'), *status = status_of(sink, &why);
    json_t *out = json_pack("{s:s%, s:s}", "type", sink->id, (size_t)(colon - sink->id), "name", colon + 1);
    json_object_update(out, sink->object);
    json_object_set_new(out, "status", json_string(status));
    json_object_set_new(out, "status_reason", json_string(why.text));
    json_object_set_new(
        out, "node_status",
        json_pack("[{s:s, s:s, s:s}]", "node", node, "status", status, "status_reason", why.text));
    json_object_set_new(out, "rules", json_copy(sink->users));
    set_time(out, "created_at", sink->created_ms);
    set_time(out, "last_modified_at", sink->modified_ms);
    return out;
}

json_t *sinks_describe(struct sinks *sinks, struct str id, const char *node, struct error *err)
{
    pthread_mutex_lock(&sinks->lock);
    struct sink *sink = sink_find(sinks, id, err);
    json_t *out = NULL;
    if (sink != NULL) {
        pthread_mutex_lock(&sink->lock);
        out = describe(sink, node);
        pthread_mutex_unlock(&sink->lock);
    }
    pthread_mutex_unlock(&sinks->lock);
    return out;
}

json_t *sinks_metrics(struct sinks *sinks, struct str id, struct error *err)
{
    pthread_mutex_lock(&sinks->lock);
    struct sink *sink = sink_find(sinks, id, err);
    json_t *out = NULL;
    if (sink != NULL) {
        pthread_mutex_lock(&sink->lock);
        out = figures_json(sink);
        pthread_mutex_unlock(&sink->lock);
    }
    pthread_mutex_unlock(&sinks->lock);
    return out;
}

bool sinks_metrics_reset(struct sinks *sinks, struct str id, struct error *err)
{
    pthread_mutex_lock(&sinks->lock);
    struct sink *sink = sink_find(sinks, id, err);
    if (sink != NULL) {
        pthread_mutex_lock(&sink->lock);
        figures_reset(sink);
        pthread_mutex_unlock(&sink->lock);
    }
    pthread_mutex_unlock(&sinks->lock);
    return sink != NULL;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void sinks_each(struct sinks *sinks, bool (*each)(struct str id, void *arg), void *arg)
{
    struct sink *sink;
    size_t count = 0;
    pthread_mutex_lock(&sinks->lock);
    char **ids = mem_zalloc((sinks->by_id.count + 1) * sizeof(*ids));
    for (size_t i = 0; (sink = map_next(&sinks->by_id, &i)) != NULL;) {
        if (sink->object != NULL)
            ids[count++] = mem_strdup(sink->id);
    }
    pthread_mutex_unlock(&sinks->lock);
    qsort(ids, count, sizeof(*ids), by_text);
    bool go_on = true;
    for (size_t i = 0; i < count; i++) {
        go_on = go_on && each(str_of(ids[i]), arg);
        mem_free(ids[i]);
    }
    mem_free(ids);
}

/* ---- Who uses it ----------------------------------------------------------------------------------------- */

void sinks_use(struct sinks *sinks, struct str id, struct str who)
{
    pthread_mutex_lock(&sinks->lock);
    struct sink *sink = sink_of(sinks, id);
    pthread_mutex_lock(&sink->lock);
    json_array_append_new(sink->users, json_stringn(who.data, who.len));
    pthread_mutex_unlock(&sink->lock);
    pthread_mutex_unlock(&sinks->lock);
}

void sinks_unuse(struct sinks *sinks, struct str id, struct str who)
{
    pthread_mutex_lock(&sinks->lock);
    struct sink *sink = sink_of(sinks, id);
    pthread_mutex_lock(&sink->lock);
    for (size_t i = 0; i < json_array_size(sink->users); i++) {
        if (str_is(who, json_string_value(json_array_get(sink->users, i)))) {
            json_array_remove(sink->users, i);
            break;
        }
    }
    pthread_mutex_unlock(&sink->lock);
    pthread_mutex_unlock(&sinks->lock);
}
