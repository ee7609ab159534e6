/* All connectors: opening them, and what is done to them by id.
 *
 * A change goes to the catalog first; once it is there, memory follows and the store is opened anew. What is in memory is
 * whole and has its secrets; what is in the catalog has them sealed. */
#include "connector/connector_internal.h"

#include "auth/auth.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "catalog/catalog.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define KEY_PURPOSE   "varve connector secrets"
#define PROBE_THREADS 2
#define PROBE_QUEUE   32

/* ---- Finding --------------------------------------------------------------------------------------------- */

static bool has_id(const void *item, const void *key)
{
    return str_equal(str_of(((const struct connector *)item)->id), *(const struct str *)key);
}

struct connector *connector_get(struct connectors *connectors, struct str id, struct error *err)
{
    pthread_mutex_lock(&connectors->lock);
    struct connector *connector = map_find(&connectors->by_id, hash_bytes(id.data, id.len), has_id, &id);
    if (connector != NULL)
        connector_ref(connector);
    pthread_mutex_unlock(&connectors->lock);
    if (connector == NULL)
        error_set(err, ERR_NOT_FOUND, "no connector \"%.*s\"", (int)(id.len < 200 ? id.len : 200), id.data);
    return connector;
}

struct connector *connector_ref(struct connector *connector)
{
    atomic_fetch_add_explicit(&connector->references, 1, memory_order_relaxed);
    return connector;
}

void connector_unref(struct connector *connector)
{
    if (connector == NULL || atomic_fetch_sub_explicit(&connector->references, 1, memory_order_acq_rel) != 1)
        return;
    uses_free(connector);
    assert(connector->store == NULL && list_empty(&connector->waits));
    json_decref(connector->object);
    mem_free(connector);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void connectors_each(struct connectors *connectors, bool (*each)(struct str id, void *arg), void *arg)
{
    struct connector *connector;
    size_t count = 0;
    bool more = true;
    pthread_mutex_lock(&connectors->lock);
    char **ids = mem_alloc((connectors->by_id.count + 1) * sizeof(*ids));
    for (size_t i = 0; (connector = map_next(&connectors->by_id, &i)) != NULL;)
        ids[count++] = mem_strdup(connector->id);
    pthread_mutex_unlock(&connectors->lock);
    qsort(ids, count, sizeof(*ids), by_text);
    for (size_t i = 0; i < count; i++) {
        more = more && each(str_of(ids[i]), arg);
        mem_free(ids[i]);
    }
    mem_free(ids);
}

/* ---- In memory ------------------------------------------------------------------------------------------- */

/* Takes the object. */
static struct connector *enlist(struct connectors *connectors, const struct connector_type *type,
                                const char *id, json_t *object, bool started, int64_t created_ms,
                                int64_t modified_ms)
{
    struct connector *connector = mem_zalloc(sizeof(*connector));
    snprintf(connector->id, sizeof(connector->id), "%s", id);
    connector->all = connectors;
    connector->type = type;
    connector->hash = hash_bytes(id, strlen(id));
    connector->builtin = strcmp(id, CONNECTOR_LOCAL) == 0;
    connector->object = object;
    connector->created_ms = created_ms;
    connector->modified_ms = modified_ms;
    connector->started = started;
    connector->status = CONNECTOR_CONNECTING;
    connector->look_at_ms = INT64_MAX;
    list_init(&connector->uses);
    list_init(&connector->waits);
    atomic_init(&connector->references, 1);
    pthread_mutex_lock(&connectors->lock);
    map_insert(&connectors->by_id, connector->hash, connector);
    pthread_mutex_unlock(&connectors->lock);
    return connector;
}

/* Takes the object. The store is opened by watch_restart(). */
static void change(struct connector *connector, json_t *object, int64_t modified_ms)
{
    pthread_mutex_lock(&connector->all->lock);
    json_t *former = connector->object;
    connector->object = object;
    connector->version++;
    connector->damage = (struct error){0};
    connector->modified_ms = modified_ms;
    connector->started = true;
    pthread_mutex_unlock(&connector->all->lock);
    json_decref(former);
}

/* ---- In the catalog -------------------------------------------------------------------------------------- */

/* Control is held. */
static bool store_object(struct connectors *connectors, const struct connector_type *type, const char *id,
                         const json_t *object, int64_t now_ms, bool create, struct error *err)
{
    json_t *sealed = secrets_seal(connectors->key, type, id, object);
    char *text = json_dumps(sealed, JSON_COMPACT);
    const struct catalog_object row = {str_of(id), str_of(text), now_ms, now_ms};
    bool ok = create ? catalog_object_create(connectors->catalog, CONNECTOR_KIND, &row, err)
                     : catalog_object_update(connectors->catalog, CONNECTOR_KIND, &row, err);
    free(text);
    json_decref(sealed);
    return ok;
}

static const struct connector_type *type_of(struct str id)
{
    struct str type;
    str_next(&id, ':', &type);
    return connector_type_find(type);
}

/* What the row says, with its secrets. NULL: it cannot be read; *damage tells why, and also which secret cannot be. */
static json_t *read_row(struct connectors *connectors, const struct connector_type *type, const char *id,
                        struct str text, struct error *damage)
{
    json_error_t where;
    json_t *stored = json_loadb(text.data != NULL ? text.data : "", text.len, 0, &where);
    if (!json_is_object(stored)) {
        error_set(damage, ERR_CORRUPT, "the catalog has no object for it");
        json_decref(stored);
        return NULL;
    }
    json_t *opened = secrets_open(connectors->key, type, id, stored, damage);
    json_t *object = spec_read(type->keys, opened, NULL, damage);
    json_decref(opened);
    json_decref(stored);
    return object;
}

static bool load(const struct catalog_object *row, void *arg)
{
    struct connectors *connectors = arg;
    char id[CONNECTOR_ID_MAX];
    struct error damage = {0};
    const struct connector_type *type = type_of(row->id);
    if (type == NULL || row->id.len >= sizeof(id)) {
        LOG_ERROR("connector not opened", LOG_STR("connector", row->id), LOG_TEXT("reason", "unknown type"));
        return true;
    }
    snprintf(id, sizeof(id), "%.*s", STR_ARG(row->id));
    json_t *object = read_row(connectors, type, id, row->object, &damage);
    struct connector *connector =
        enlist(connectors, type, id, object, true, row->created_ms, row->modified_ms);
    connector->damage = damage;
    return true;
}

static bool create_builtin(struct connectors *connectors, struct error *err)
{
    struct str id = STR(CONNECTOR_LOCAL);
    struct connector *there = connector_get(connectors, id, NULL);
    connector_unref(there);
    if (there != NULL)
        return true;
    const struct connector_type *type = type_of(id);
    int64_t now_ms = clock_wall_ms();
    json_t *given = json_pack("{s:s, s:s}", "path", "objects", "description", "the data directory");
    json_t *object = spec_read(type->keys, given, NULL, err);
    json_decref(given);
    assert(object != NULL);
    if (!store_object(connectors, type, CONNECTOR_LOCAL, object, now_ms, true, err)) {
        json_decref(object);
        return false;
    }
    enlist(connectors, type, CONNECTOR_LOCAL, object, true, now_ms, now_ms);
    return true;
}

/* ---- Life ------------------------------------------------------------------------------------------------ */

static bool restart_one(struct str id, void *arg)
{
    struct connector *connector = connector_get(arg, id, NULL);
    if (connector != NULL)
        watch_restart(connector);
    connector_unref(connector);
    return true;
}

struct connectors *connectors_open(const struct connectors_options *options, struct error *err)
{
    struct connectors *connectors = mem_zalloc(sizeof(*connectors));
    connectors->dir = mem_strdup(options->dir);
    connectors->catalog = options->catalog;
    secret_key_derive(options->secret, KEY_PURPOSE, connectors->key, sizeof(connectors->key));
    pthread_mutex_init(&connectors->control, NULL);
    pthread_mutex_init(&connectors->lock, NULL);
    cond_init_monotonic(&connectors->changed);
    list_init(&connectors->stores);
    connectors->pool = worker_pool_new("connector-probe", PROBE_THREADS, PROBE_QUEUE, err);
    bool ok = connectors->pool != NULL &&
              catalog_object_each(connectors->catalog, CONNECTOR_KIND, load, connectors, err) &&
              create_builtin(connectors, err);
    if (ok) {
        connectors_each(connectors, restart_one, connectors);
        ok = connectors->thread_started =
            thread_start(&connectors->thread, "connectors", watch_run, connectors, err);
    }
    if (ok)
        return connectors;
    connectors_close(connectors);
    return NULL;
}

/* Ends what is asked of stores: all are closed, though looks and tries have references still. */
static void end_requests(struct connectors *connectors)
{
    LIST_EACH(it, &connectors->stores)
    {
        struct shared_store *store = CONTAINER_OF(it, struct shared_store, link);
        struct object_store *objects = store->face.objects;
        pthread_mutex_unlock(&connectors->lock);
        object_store_close(objects);
        pthread_mutex_lock(&connectors->lock);
        store->face.objects = NULL; /* the store itself stays on the list: only the thread takes one off */
    }
    while (connectors->looks > 0)
        pthread_cond_wait(&connectors->changed, &connectors->lock);
}

void connectors_close(struct connectors *connectors)
{
    if (connectors == NULL)
        return;
    pthread_mutex_lock(&connectors->lock);
    connectors->stopping = true;
    pthread_cond_broadcast(&connectors->changed);
    pthread_mutex_unlock(&connectors->lock);
    if (connectors->thread_started)
        pthread_join(connectors->thread, NULL);
    if (connectors->pool != NULL)
        worker_pool_stop(connectors->pool);
    struct connector *connector;
    struct shared_store *store;
    struct list waiting;
    list_init(&waiting);
    pthread_mutex_lock(&connectors->lock);
    end_requests(connectors);
    for (size_t i = 0; (connector = map_next(&connectors->by_id, &i)) != NULL;) {
        list_move_all(&waiting, &connector->waits);
        if (connector->store != NULL)
            atomic_fetch_sub_explicit(&connector->store->references, 1, memory_order_relaxed);
        connector->store = NULL;
    }
    while ((store = shared_store_idle(connectors)) != NULL)
        shared_store_free(store);
    assert(list_empty(&connectors->stores)); /* else somebody has a reference */
    pthread_mutex_unlock(&connectors->lock);
    watch_tell(&waiting);
    for (size_t i = 0; (connector = map_next(&connectors->by_id, &i)) != NULL;)
        connector_unref(connector);
    map_free(&connectors->by_id);
    pthread_cond_destroy(&connectors->changed);
    pthread_mutex_destroy(&connectors->lock);
    pthread_mutex_destroy(&connectors->control);
    mem_wipe(connectors->key, sizeof(connectors->key));
    mem_free(connectors->dir);
    mem_free(connectors);
}

/* ---- Changes --------------------------------------------------------------------------------------------- */

/* Whether a store could be opened from the object, as far as that can be said without doing so. */
static bool check(struct connectors *connectors, const struct connector_type *type, const char *id,
                  const json_t *object, struct error *err)
{
    struct object_config config;
    bool ok = connector_configure(type, id, object, connectors->dir, &config, err);
    object_config_free(&config);
    return ok;
}

/* What `given` makes of `former` (NULL: a new one). Returns owned; NULL with an error. */
static json_t *read_object(struct connectors *connectors, const struct connector_type *type, const char *id,
                           const json_t *given, const json_t *former, struct error *err)
{
    json_t *stripped = connector_strip(given);
    json_t *object = spec_read(type->keys, stripped, former, err);
    json_decref(stripped);
    if (object == NULL || check(connectors, type, id, object, err))
        return object;
    json_decref(object);
    return NULL;
}

json_t *connector_read_try(struct connectors *connectors, const json_t *given, char id[CONNECTOR_ID_MAX],
                           const struct connector_type **type, struct error *err)
{
    if (!connector_id_make(given, type, id, err))
        return NULL;
    struct connector *there = connector_get(connectors, str_of(id), NULL);
    json_t *former = NULL;
    if (there != NULL) {
        pthread_mutex_lock(&connectors->lock);
        former = json_deep_copy(there->object);
        pthread_mutex_unlock(&connectors->lock);
    }
    json_t *object = read_object(connectors, *type, id, given, former, err);
    json_decref(former);
    connector_unref(there);
    return object;
}

bool connectors_create(struct connectors *connectors, const json_t *given, char id[CONNECTOR_ID_MAX],
                       struct error *err)
{
    const struct connector_type *type;
    if (!connector_id_make(given, &type, id, err))
        return false;
    json_t *object = read_object(connectors, type, id, given, NULL, err);
    if (object == NULL)
        return false;
    int64_t now_ms = clock_wall_ms();
    pthread_mutex_lock(&connectors->control);
    bool ok = store_object(connectors, type, id, object, now_ms, true, err);
    if (ok) {
        bool started = spec_bool(json_object_get(object, "resource_opts"), "start_after_created");
        watch_restart(enlist(connectors, type, id, object, started, now_ms, now_ms));
    } else {
        json_decref(object);
    }
    pthread_mutex_unlock(&connectors->control);
    return ok;
}

/* Control is held: the object stays what it is. */
static bool update(struct connector *connector, const json_t *given, struct error *err)
{
    struct connectors *connectors = connector->all;
    int64_t now_ms = clock_wall_ms();
    if (connector->deleted)
        return error_set(err, ERR_NOT_FOUND, "no connector \"%s\"", connector->id);
    json_t *object = read_object(connectors, connector->type, connector->id, given, connector->object, err);
    if (object == NULL)
        return false;
    if (!store_object(connectors, connector->type, connector->id, object, now_ms, false, err)) {
        json_decref(object);
        return false;
    }
    change(connector, object, now_ms);
    watch_restart(connector);
    return true;
}

/* A name and a type, if they are given, are those that it has. */
static bool same_id(const struct connector *connector, const json_t *given, struct error *err)
{
    char id[CONNECTOR_ID_MAX];
    const char *colon = strchr(connector->id, ':');
    const char *name = json_string_value(json_object_get(given, "name"));
    const char *type = json_string_value(json_object_get(given, "type"));
    snprintf(id, sizeof(id), "%s:%s", type != NULL ? type : connector->type->name,
             name != NULL ? name : colon + 1);
    if (strcmp(id, connector->id) == 0)
        return true;
    return error_set(err, ERR_INVALID, "name, type: connector %s keeps them", connector->id);
}

bool connectors_update(struct connectors *connectors, struct str id, const json_t *given, struct error *err)
{
    struct connector *connector = connector_get(connectors, id, err);
    if (connector == NULL)
        return false;
    bool ok = json_is_object(given) ? same_id(connector, given, err)
                                    : error_set(err, ERR_INVALID, "a connector is a JSON object");
    if (ok) {
        pthread_mutex_lock(&connectors->control);
        ok = update(connector, given, err);
        pthread_mutex_unlock(&connectors->control);
    }
    connector_unref(connector);
    return ok;
}

bool connectors_enable(struct connectors *connectors, struct str id, bool enable, struct error *err)
{
    json_t *given = json_pack("{s:b}", "enable", enable);
    bool ok = connectors_update(connectors, id, given, err);
    json_decref(given);
    return ok;
}

bool connectors_start(struct connectors *connectors, struct str id, struct error *err)
{
    struct connector *connector = connector_get(connectors, id, err);
    if (connector == NULL)
        return false;
    pthread_mutex_lock(&connectors->control);
    pthread_mutex_lock(&connectors->lock);
    bool enabled = connector->object == NULL || spec_bool(connector->object, "enable");
    connector->started = true;
    pthread_mutex_unlock(&connectors->lock);
    if (enabled)
        watch_restart(connector);
    pthread_mutex_unlock(&connectors->control);
    connector_unref(connector);
    return enabled || error_set(err, ERR_INVALID, "connector %.*s is disabled", STR_ARG(id));
}

/* Control is held. */
static bool delete_it(struct connector *connector, struct error *err)
{
    struct connectors *connectors = connector->all;
    pthread_mutex_lock(&connectors->lock);
    bool ok = !connector->deleted && uses_none(connector, err);
    if (ok)
        connector->deleted = true; /* from here on nobody begins to use it */
    else if (connector->deleted)
        error_set(err, ERR_NOT_FOUND, "no connector \"%s\"", connector->id);
    pthread_mutex_unlock(&connectors->lock);
    if (!ok)
        return false;
    struct error missing;
    ok = catalog_object_delete(connectors->catalog, CONNECTOR_KIND, str_of(connector->id), &missing);
    if (!ok && missing.code != ERR_NOT_FOUND) {
        pthread_mutex_lock(&connectors->lock);
        connector->deleted = false;
        pthread_mutex_unlock(&connectors->lock);
        if (err != NULL)
            *err = missing;
        return false;
    }
    watch_restart(connector); /* which drops its store */
    pthread_mutex_lock(&connectors->lock);
    map_remove_item(&connectors->by_id, connector->hash, connector);
    pthread_mutex_unlock(&connectors->lock);
    connector_unref(connector);
    return true;
}

bool connectors_delete(struct connectors *connectors, struct str id, struct error *err)
{
    struct connector *connector = connector_get(connectors, id, err);
    if (connector == NULL)
        return false;
    bool ok = !connector->builtin;
    if (!ok) {
        error_set(err, ERR_INVALID, "connector %s is built in", connector->id);
        error_hint(err, "it can be disabled");
    } else {
        pthread_mutex_lock(&connectors->control);
        ok = delete_it(connector, err);
        pthread_mutex_unlock(&connectors->control);
    }
    connector_unref(connector);
    return ok;
}
