/* Trying an action that is not there: its object, and its bucket in the connector's store. */
#include "sink/sink_internal.h"

/* Whether its fallbacks can be read. */
static bool fallbacks_read(struct sinks *sinks, const char *id, const json_t *object, struct error *err)
{
    struct fallbacks *fallbacks = NULL;
    pthread_mutex_lock(&sinks->lock);
    bool ok = fallbacks_new(sinks, id, object, &fallbacks, err);
    pthread_mutex_unlock(&sinks->lock);
    fallbacks_unref(fallbacks);
    return ok;
}

bool sinks_try(struct sinks *sinks, const json_t *given, void (*done)(const struct error *err, void *arg),
               void *arg, struct error *err)
{
    char id[SINK_ID_MAX];
    json_t *object = action_read(given, id, err);
    struct sink_plan *plan = object != NULL ? plan_new(object, err) : NULL;
    bool ok = plan != NULL && fallbacks_read(sinks, id, object, err);
    if (ok) {
        bool fixed = sql_template_placeholder_count(plan->bucket) == 0;
        struct str bucket = fixed ? sql_template_text(plan->bucket) : STR("");
        struct connectors *connectors = sinks->options.connectors;
        ok = connectors_look(connectors, str_of(plan->connector), bucket, done, arg, err);
        if (!ok && err->code == ERR_NOT_FOUND)
            ok = error_set(err, ERR_INVALID, "connector: there is no connector %s", plan->connector);
    }
    plan_free(plan);
    json_decref(object);
    return ok;
}
