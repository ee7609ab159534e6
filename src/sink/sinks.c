/* All actions: their objects in the catalog, their buffers, and who uses them. */
#include "sink/sink_internal.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/catalog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define KIND           "action"
#define PATH_BYTES     4096
#define NAME_BYTES_MAX 255
#define CLOSE_MS       3000 /* for requests that are under way when all of them close */

/* ---- Sinks by id ----------------------------------------------------------------------------------------- */

static bool has_id(const void *item, const void *key)
{
    return str_is(*(const struct str *)key, ((const struct sink *)item)->id);
}

static struct sink *look_up(const struct sinks *sinks, struct str id)
{
    return map_find(&sinks->by_id, hash_bytes(id.data, id.len), has_id, &id);
}

struct sink *sink_of(struct sinks *sinks, struct str id)
{
    struct sink *sink = look_up(sinks, id);
    if (sink != NULL)
        return sink;
    sink = mem_zalloc(sizeof(*sink));
    sink->sinks = sinks;
    sink->id = str_dup(id);
    sink->users = json_array();
    sink->posts = mem_zalloc(sinks->post_count * sizeof(*sink->posts));
    for (unsigned i = 0; i < sinks->post_count; i++) {
        sink->posts[i].sink = sink;
        sink->posts[i].index = i;
        sink->posts[i].task.run = post_flush;
    }
    pthread_mutex_init(&sink->lock, NULL);
    pthread_mutex_init(&sink->post_lock, NULL);
    map_insert(&sinks->by_id, hash_bytes(id.data, id.len), sink);
    return sink;
}

static void sink_free(struct sink *sink)
{
    for (unsigned i = 0; i < sink->sinks->post_count; i++)
        post_free(&sink->posts[i]);
    json_decref(sink->object);
    json_decref(sink->users);
    pthread_mutex_destroy(&sink->lock);
    pthread_mutex_destroy(&sink->post_lock);
    mem_free(sink->waiters);
    mem_free(sink->posts);
    mem_free(sink->id);
    mem_free(sink);
}

struct sink *sinks_take(struct sinks *sinks, struct str id)
{
    pthread_mutex_lock(&sinks->lock);
    struct sink *sink = sink_of(sinks, id);
    atomic_fetch_add(&sink->refs, 1);
    pthread_mutex_unlock(&sinks->lock);
    return sink;
}

void sink_release(struct sink *sink)
{
    atomic_fetch_sub(&sink->refs, 1);
}

struct sink *sink_find(struct sinks *sinks, struct str id, struct error *err)
{
    struct sink *sink = look_up(sinks, id);
    if (sink != NULL && sink->object != NULL)
        return sink;
    error_set(err, ERR_NOT_FOUND, "there is no action \"%.*s\"", STR_ARG(id));
    return NULL;
}

/* ---- The buffer ------------------------------------------------------------------------------------------ */

/* DIR/actions/s3.archive */
static bool buffer_dir(const struct sink *sink, char out[PATH_BYTES], struct error *err)
{
    int len = snprintf(out, PATH_BYTES, "%s/actions", sink->sinks->options.dir);
    if (mkdir(out, 0700) != 0 && errno != EEXIST)
        return error_errno(err, errno, "create directory %s", out);
    snprintf(out + len, PATH_BYTES - (size_t)len, "/%s", sink->id);
    for (char *at = out + len; *at != '\0'; at++)
        *at = *at == ':' ? '.' : *at;
    return true;
}

static bool start_delivering(struct sink *sink, enum sink_mode mode, struct error *err)
{
    if (mode == SINK_AGGREGATED)
        return (sink->aggregation = aggregation_start(sink, err)) != NULL;
    return (sink->delivery = delivery_start(sink, err)) != NULL;
}

static void tell_deliverer(struct sink *sink)
{
    delivery_changed(sink->delivery);
    aggregation_changed(sink->aggregation);
}

static bool open_buffer(struct sink *sink, enum sink_mode mode, struct error *err)
{
    char dir[PATH_BYTES];
    const struct log_options options = {.sync_ms = LOG_SYNC_COMMIT, .compress = true};
    struct log_bounds bounds;
    if (!buffer_dir(sink, dir, err))
        return false;
    struct log *log = log_open(sink->sinks->options.engine, dir, &options, err);
    if (log == NULL)
        return error_wrap(err, "buffer of action %s", sink->id);
    sink->log = log;
    if (mode == SINK_AGGREGATED && !aggregation_recover(sink, err)) {
        sink->log = NULL;
        log_close(log);
        return error_wrap(err, "buffer of action %s", sink->id);
    }
    log_bounds(log, &bounds);
    /* What is left of the last run counts as matched in this one. */
    atomic_store(&sink->posts[0].matched, atomic_load(&sink->posts[0].matched) + bounds.next - bounds.first);
    if (start_delivering(sink, mode, err))
        return true;
    log_close(sink->log);
    sink->log = NULL;
    return false;
}

/* Requests under way have until then (monotonic) to end. */
static void stop_delivering(struct sink *sink, int64_t until_ms)
{
    delivery_stop(sink->delivery, until_ms);
    aggregation_stop(sink->aggregation, until_ms);
    sink->delivery = NULL;
    sink->aggregation = NULL;
}

/* No reactor, and no other thread, gives it anything any more. */
static void close_buffer(struct sink *sink)
{
    stop_delivering(sink, 0);
    log_close(sink->log);
    sink->log = NULL;
    waiters_drop(sink);
}

/* ---- Plans ----------------------------------------------------------------------------------------------- */

/* The action does this from now on; NULL: nothing. Takes. */
static void replace(struct sink *sink, struct sink_plan *plan)
{
    pthread_mutex_lock(&sink->post_lock);
    struct sink_plan *former = atomic_exchange(&sink->plan, plan);
    pthread_mutex_unlock(&sink->post_lock);
    service_barrier(sink->sinks->options.broker);
    tell_deliverer(sink);
    plan_free(former);
}

static void use_connector(struct sink *sink, const json_t *object, bool use)
{
    char id[SINK_CONNECTOR_BYTES], who[SINK_ID_MAX + 16];
    sink_connector_id(object, id);
    snprintf(who, sizeof(who), "action:%s", sink->id);
    if (use)
        connectors_use(sink->sinks->options.connectors, str_of(id), str_of(who), NULL);
    else
        connectors_unuse(sink->sinks->options.connectors, str_of(id), str_of(who));
}

bool is_enabled(const json_t *object)
{
    return spec_bool(object, "enable");
}

/* The plan of an action that has been read. */
static bool plan_of(const struct sink *sink, const json_t *object, struct sink_plan **out, struct error *err)
{
    struct error why;
    enum connector_status status;
    struct sinks *sinks = sink->sinks;
    struct sink_plan *plan = plan_new(object, err);
    if (plan == NULL)
        return false;
    bool ok = connectors_status(sinks->options.connectors, str_of(plan->connector), &status, &why, NULL) ||
              error_set(err, ERR_INVALID, "connector: there is no connector %s", plan->connector);
    if (!ok || !fallbacks_new(sinks, sink->id, object, &plan->fallbacks, err)) {
        plan_free(plan);
        return false;
    }
    *out = plan;
    return true;
}

/* ---- Objects --------------------------------------------------------------------------------------------- */

static bool name_is_valid(const char *name, struct error *err)
{
    size_t len = name != NULL ? strlen(name) : 0;
    bool ok = len > 0 && len <= NAME_BYTES_MAX;
    for (size_t i = 0; ok && i < len; i++) {
        bool letter = (name[i] >= '0' && name[i] <= '9') || (name[i] >= 'A' && name[i] <= 'Z') ||
                      (name[i] >= 'a' && name[i] <= 'z');
        ok = letter || (i > 0 && (name[i] == '_' || name[i] == '-'));
    }
    return ok || error_set(err, ERR_INVALID,
                           "name: expected 1 to %d letters, digits, _ and -, a letter or digit first",
                           NAME_BYTES_MAX);
}

static const char *const said[] = {"type",        "name",       "status",           "status_reason", "error",
                                   "node_status", "created_at", "last_modified_at", "rules"};

/* What is given over what was, without what the broker itself says. Returns owned. */
static json_t *object_read(const json_t *given, const json_t *former, struct error *err)
{
    json_t *rest = json_copy((json_t *)given);
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
        json_object_del(rest, said[i]);
    json_t *object = spec_read(sink_keys, rest, former, err);
    json_decref(rest);
    return object;
}

static bool store(struct sink *sink, const json_t *object, bool create, struct error *err)
{
    char *text = json_dumps(object, JSON_COMPACT);
    int64_t now_ms = clock_wall_ms();
    const struct catalog_object row = {
        .id = str_of(sink->id),
        .object = str_of(text),
        .created_ms = create ? now_ms : sink->created_ms,
        .modified_ms = now_ms,
    };
    struct catalog *catalog = sink->sinks->options.catalog;
    bool ok = create ? catalog_object_create(catalog, KIND, &row, err)
                     : catalog_object_update(catalog, KIND, &row, err);
    if (ok) {
        sink->created_ms = row.created_ms;
        sink->modified_ms = now_ms;
    }
    free(text);
    return ok;
}

static void set_object(struct sink *sink, json_t *object)
{
    pthread_mutex_lock(&sink->lock);
    json_decref(sink->object);
    sink->object = object;
    pthread_mutex_unlock(&sink->lock);
}

static bool create(struct sinks *sinks, json_t *object, const char *id, struct error *err)
{
    struct sink_plan *plan = NULL;
    struct sink *sink = sink_of(sinks, str_of(id));
    if (sink->object != NULL)
        return error_set(err, ERR_EXISTS, "there is an action \"%s\" already", id);
    if (!plan_of(sink, object, &plan, err) || !range_state_restart(sink, err) ||
        !open_buffer(sink, plan_mode(object), err) || !store(sink, object, true, err)) {
        close_buffer(sink);
        plan_free(plan);
        return false;
    }
    set_object(sink, json_incref(object));
    use_connector(sink, object, true);
    replace(sink, plan);
    return true;
}

json_t *action_read(const json_t *given, char id[SINK_ID_MAX], struct error *err)
{
    const char *type = json_string_value(json_object_get(given, "type"));
    const char *name = json_string_value(json_object_get(given, "name"));
    if (type == NULL || strcmp(type, "s3") != 0) {
        error_set(err, ERR_INVALID, "type: expected \"s3\"");
        return NULL;
    }
    if (!name_is_valid(name, err))
        return NULL;
    snprintf(id, SINK_ID_MAX, "%s:%s", type, name);
    return object_read(given, NULL, err);
}

bool sinks_create(struct sinks *sinks, const json_t *given, char id[SINK_ID_MAX], struct error *err)
{
    json_t *object = action_read(given, id, err);
    if (object == NULL)
        return false;
    pthread_mutex_lock(&sinks->lock);
    bool ok = create(sinks, object, id, err);
    pthread_mutex_unlock(&sinks->lock);
    json_decref(object);
    return ok;
}

/* What is buffered for one mode cannot be delivered by another. */
static bool keeps_mode(const struct sink *sink, const json_t *object, struct error *err)
{
    return plan_mode(object) == plan_mode(sink->object) ||
           error_set(err, ERR_INVALID, "parameters: mode: cannot be changed; make another action for it");
}

static bool update(struct sink *sink, const json_t *given, struct error *err)
{
    struct sink_plan *plan = NULL;
    json_t *object = object_read(given, sink->object, err);
    if (object == NULL)
        return false;
    bool ok = keeps_mode(sink, object, err) && plan_of(sink, object, &plan, err) &&
              (sink->log != NULL || open_buffer(sink, plan_mode(object), err)) &&
              store(sink, object, false, err);
    if (!ok) {
        plan_free(plan);
        json_decref(object);
        return false;
    }
    use_connector(sink, sink->object, false);
    use_connector(sink, object, true);
    set_object(sink, object);
    replace(sink, plan);
    return true;
}

bool sinks_update(struct sinks *sinks, struct str id, const json_t *given, struct error *err)
{
    pthread_mutex_lock(&sinks->lock);
    struct sink *sink = sink_find(sinks, id, err);
    bool ok = sink != NULL && update(sink, given, err);
    pthread_mutex_unlock(&sinks->lock);
    return ok;
}

bool sinks_enable(struct sinks *sinks, struct str id, bool enable, struct error *err)
{
    json_t *change = json_pack("{s:b}", "enable", enable);
    bool ok = sinks_update(sinks, id, change, err);
    json_decref(change);
    return ok;
}

bool sinks_start(struct sinks *sinks, struct str id, struct error *err)
{
    pthread_mutex_lock(&sinks->lock);
    struct sink *sink = sink_find(sinks, id, err);
    bool ok = sink != NULL;
    if (ok && !is_enabled(sink->object))
        ok = error_set(err, ERR_INVALID, "action %s is disabled", sink->id);
    else if (ok)
        tell_deliverer(sink);
    pthread_mutex_unlock(&sinks->lock);
    return ok;
}

static void remove_action(struct sink *sink)
{
    char dir[PATH_BYTES];
    struct error err;
    replace(sink, NULL);
    close_buffer(sink);
    if (!buffer_dir(sink, dir, &err) || !log_delete(sink->sinks->options.engine, dir, &err))
        LOG_WARNING("buffer of a deleted action not removed", LOG_TEXT("action", sink->id),
                    LOG_ERROR_OF(&err));
    use_connector(sink, sink->object, false);
    for (unsigned i = 0; i < sink->sinks->post_count; i++)
        atomic_store(&sink->posts[i].matched, 0);
    pthread_mutex_lock(&sink->lock);
    sink->figures = sink->reset = (struct sink_figures){0};
    sink->rate = (struct rate){0};
    sink->store_fails = false;
    sink->why = (struct error){0};
    pthread_mutex_unlock(&sink->lock);
    set_object(sink, NULL);
}

/* Which rules use it: all of them, or as many as an error's text takes. */
static bool refuse_used(const struct sink *sink, struct error *err)
{
    struct buf list = {0};
    for (size_t i = 0; i < json_array_size(sink->users); i++)
        buf_printf(&list, "%s%s", i > 0 ? ", " : "", json_string_value(json_array_get(sink->users, i)));
    error_set(err, ERR_BUSY, "action %s is used by %s %s", sink->id,
              json_array_size(sink->users) == 1 ? "rule" : "rules", buf_cstr(&list));
    buf_free(&list);
    return false;
}

bool sinks_delete(struct sinks *sinks, struct str id, bool force, struct error *err)
{
    pthread_mutex_lock(&sinks->lock);
    struct sink *sink = sink_find(sinks, id, err);
    bool ok = sink != NULL;
    if (ok && !force && json_array_size(sink->users) > 0)
        ok = refuse_used(sink, err);
    ok = ok && catalog_object_delete(sinks->options.catalog, KIND, id, err);
    if (ok)
        remove_action(sink);
    pthread_mutex_unlock(&sinks->lock);
    return ok;
}

/* ---- All of them ----------------------------------------------------------------------------------------- */

static bool load_one(const struct catalog_object *row, void *arg)
{
    struct sinks *sinks = arg;
    struct error err = {0};
    struct sink_plan *plan = NULL;
    json_t *given = json_loadb(row->object.data, row->object.len, 0, NULL);
    json_t *object = given != NULL ? spec_read(sink_keys, given, NULL, &err) : NULL;
    json_decref(given);
    if (object == NULL) {
        LOG_ERROR("action in the catalog is not readable", LOG_STR("action", row->id), LOG_ERROR_OF(&err));
        return true;
    }
    struct sink *sink = sink_of(sinks, row->id);
    sink->object = object;
    sink->created_ms = row->created_ms;
    sink->modified_ms = row->modified_ms;
    use_connector(sink, object, true);
    if (!open_buffer(sink, plan_mode(object), &err) || !plan_of(sink, object, &plan, &err)) {
        sink->why = err;
        LOG_ERROR("action cannot run", LOG_STR("action", row->id), LOG_ERROR_OF(&err));
    }
    atomic_store(&sink->plan, plan);
    tell_deliverer(sink);
    return true;
}

struct sinks *sinks_open(const struct sinks_options *options, struct error *err)
{
    struct sinks *sinks = mem_zalloc(sizeof(*sinks));
    sinks->options = *options;
    sinks->post_count = service_reactor_count(options->broker) + 1;
    pthread_mutex_init(&sinks->lock, NULL);
    pthread_mutex_init(&sinks->republish_lock, NULL);
    pthread_cond_init(&sinks->republished, NULL);
    if (!ticker_start(&sinks->ticker, "sink-rates", &sinks->lock, figures_tick, sinks, err)) {
        mem_free(sinks);
        return NULL;
    }
    pthread_mutex_lock(&sinks->lock);
    bool ok = catalog_object_each(options->catalog, KIND, load_one, sinks, err);
    pthread_mutex_unlock(&sinks->lock);
    atomic_store(&sinks->loaded, ok);
    if (ok)
        return sinks;
    sinks_close(sinks);
    return NULL;
}

void sinks_close(struct sinks *sinks)
{
    if (sinks == NULL)
        return;
    ticker_stop(&sinks->ticker);
    struct sink *sink;
    const int64_t until_ms = clock_mono_ms() + CLOSE_MS;
    for (size_t i = 0; (sink = map_next(&sinks->by_id, &i)) != NULL;)
        stop_delivering(sink,
                        until_ms); /* all of them, before one that others fall back to takes nothing more */
    for (size_t i = 0; (sink = map_next(&sinks->by_id, &i)) != NULL;) {
        for (unsigned p = 0; p < sinks->post_count; p++)
            post_flush(&sink->posts[p].task); /* what the last turns have left */
        plan_free(atomic_exchange(&sink->plan, NULL));
        close_buffer(sink);
        if (sink->object != NULL)
            use_connector(sink, sink->object, false);
    }
    for (size_t i = 0; (sink = map_next(&sinks->by_id, &i)) != NULL;)
        sink_free(sink);
    map_free(&sinks->by_id);
    pthread_cond_destroy(&sinks->republished);
    pthread_mutex_destroy(&sinks->republish_lock);
    pthread_mutex_destroy(&sinks->lock);
    mem_free(sinks);
}
