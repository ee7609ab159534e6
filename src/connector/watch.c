/* The thread of the connectors. It has each store looked at in its turn, opens those that could not be opened, and closes
 * those that nobody has any more.
 *
 *   connecting ──look──▶ connected ◀──look──▶ disconnected        (a restart: connecting)
 *
 * Looks are requests like any other: the thread starts them, and the store's thread takes down what they found. What a look at a
 * former store has found is nobody's business. */
#include "connector/connector_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"

#include <time.h>

const char *connector_status_name(enum connector_status status)
{
    switch (status) {
    case CONNECTOR_CONNECTED: return "connected";
    case CONNECTOR_CONNECTING: return "connecting";
    case CONNECTOR_DISCONNECTED: return "disconnected";
    }
    return "disconnected";
}

/* ---- What is known --------------------------------------------------------------------------------------- */

static void log_change(const struct connector *connector)
{
    if (connector->status == CONNECTOR_CONNECTED) {
        LOG_INFO("connector connected", LOG_TEXT("connector", connector->id));
    } else if (connector->why.code == ERR_READ_ONLY) { /* is_off(): somebody wants it so */
        LOG_INFO("connector off", LOG_TEXT("connector", connector->id),
                 LOG_TEXT("reason", connector->why.text));
    } else if (connector->status == CONNECTOR_DISCONNECTED) {
        LOG_WARNING("connector disconnected", LOG_TEXT("connector", connector->id),
                    LOG_ERROR_OF(&connector->why));
    }
}

void watch_set(struct connector *connector, enum connector_status status, const struct error *why,
               struct list *waiting)
{
    static const struct error none = {0};
    if (why == NULL)
        why = &none;
    bool changed = connector->status != status || strcmp(connector->why.text, why->text) != 0;
    connector->status = status;
    connector->why = *why;
    if (changed && !connector->deleted)
        log_change(connector);
    if (status != CONNECTOR_CONNECTING)
        list_move_all(waiting, &connector->waits);
}

void watch_tell(struct list *waiting)
{
    LIST_EACH_SAFE(it, waiting)
    {
        struct connector_wait *wait = CONTAINER_OF(it, struct connector_wait, link);
        wait->changed(wait->arg);
        mem_free(wait);
    }
}

/* ---- Opening --------------------------------------------------------------------------------------------- */

/* Why there is to be no store; false: there is to be one. Under lock. */
static bool is_off(const struct connector *connector, struct error *why)
{
    if (connector->damage.code != ERR_NONE) {
        *why = connector->damage;
        return true;
    }
    if (!spec_bool(connector->object, "enable")) {
        error_set(why, ERR_READ_ONLY, "it is disabled");
        error_hint(why, "PUT /connectors/%s/enable/true enables it", connector->id);
        return true;
    }
    if (!connector->started) {
        error_set(why, ERR_READ_ONLY, "it is not started: start_after_created is false");
        error_hint(why, "POST /connectors/%s/start starts it", connector->id);
        return true;
    }
    return false;
}

static int64_t interval_ms(const struct connector *connector)
{
    const json_t *options = json_object_get(connector->object, "resource_opts");
    int64_t jitter_ms = spec_duration_ms(options, "health_check_interval_jitter");
    return spec_duration_ms(options, "health_check_interval") +
           (jitter_ms > 0 ? (int64_t)(random_u64() % (uint64_t)jitter_ms) : 0);
}

static struct shared_store *open_store(struct connector *connector, const json_t *object, struct error *err)
{
    struct object_config config;
    struct shared_store *store = NULL;
    if (connector_configure(connector->type, connector->id, object, connector->all->dir, &config, err))
        store = shared_store_open(connector->all, connector->id, &config, err);
    object_config_free(&config);
    return store;
}

/* Under lock. Returns the former store, to be released without it. */
static struct shared_store *install(struct connector *connector, struct shared_store *store,
                                    const struct error *why, struct list *waiting)
{
    struct shared_store *former = connector->store;
    connector->store = store;
    connector->look_at_ms = store != NULL ? 0 : clock_mono_ms() + interval_ms(connector);
    watch_set(connector, store != NULL ? CONNECTOR_CONNECTING : CONNECTOR_DISCONNECTED, why, waiting);
    pthread_cond_broadcast(&connector->all->changed);
    return former;
}

void watch_restart(struct connector *connector)
{
    struct connectors *connectors = connector->all;
    struct shared_store *former;
    struct list waiting;
    struct error why = {0};
    list_init(&waiting);
    pthread_mutex_lock(&connectors->lock);
    json_t *object = json_deep_copy(connector->object);
    uint64_t version = connector->version;
    bool off = connector->deleted || is_off(connector, &why);
    if (off) {
        former = install(connector, NULL, &why, &waiting);
        connector->look_at_ms = INT64_MAX;
    }
    pthread_mutex_unlock(&connectors->lock);
    if (!off) {
        struct shared_store *store = open_store(connector, object, &why);
        pthread_mutex_lock(&connectors->lock);
        if (connector->version == version)
            former = install(connector, store, store != NULL ? NULL : &why, &waiting);
        else
            former = store; /* it has been changed meanwhile, and who changed it opens it */
        pthread_mutex_unlock(&connectors->lock);
    }
    shared_store_release(former);
    json_decref(object);
    watch_tell(&waiting);
}

/* ---- Looking --------------------------------------------------------------------------------------------- */

struct check {
    struct look look; /* first */
    struct connector *connector;
    struct shared_store *store;
};

static void finish(struct check *check, const struct error *err)
{
    struct connector *connector = check->connector;
    struct connectors *connectors = connector->all;
    struct list waiting;
    list_init(&waiting);
    pthread_mutex_lock(&connectors->lock);
    if (connector->store == check->store) {
        watch_set(connector, err == NULL ? CONNECTOR_CONNECTED : CONNECTOR_DISCONNECTED, err, &waiting);
        connector->look_at_ms = clock_mono_ms() + interval_ms(connector);
    }
    connector->looking = false;
    pthread_mutex_unlock(&connectors->lock);
    watch_tell(&waiting);
    shared_store_release(check->store);
    connector_unref(connector);
    mem_free(check);
    pthread_mutex_lock(&connectors->lock);
    connectors->looks--;
    pthread_cond_broadcast(&connectors->changed);
    pthread_mutex_unlock(&connectors->lock);
}

static void looked(struct look *look, const struct error *err)
{
    finish((struct check *)(void *)look, err);
}

/* Under lock; the caller starts it without. NULL: there is no store to look at. */
static struct check *prepare(struct connector *connector)
{
    struct check *check = mem_zalloc(sizeof(*check));
    check->connector = connector_ref(connector);
    check->store = shared_store_ref(connector->store);
    check->look.done = looked;
    connector->looking = true;
    connector->all->looks++;
    return check;
}

static int64_t timeout_ms(const struct connector *connector)
{
    return spec_duration_ms(json_object_get(connector->object, "resource_opts"), "health_check_timeout");
}

/* One connector whose time has come: its store is looked at, or opened if there is none. The lock is given up meanwhile. */
static void serve(struct connector *connector)
{
    struct connectors *connectors = connector->all;
    if (connector->store == NULL) {
        connector->look_at_ms = INT64_MAX; /* until it is installed */
        connector_ref(connector);
        pthread_mutex_unlock(&connectors->lock);
        watch_restart(connector);
        connector_unref(connector);
    } else {
        struct error err;
        int64_t deadline_ms = timeout_ms(connector);
        struct check *check = prepare(connector);
        pthread_mutex_unlock(&connectors->lock);
        if (!look_start(&check->look, check->store->face.objects, check->store->face.bucket, deadline_ms,
                        &err))
            finish(check, &err);
    }
    pthread_mutex_lock(&connectors->lock);
}

/* A connector whose time has come, or NULL: then *next_ms is when the next one's comes. Under lock. */
static struct connector *due(struct connectors *connectors, int64_t *next_ms)
{
    int64_t now_ms = clock_mono_ms();
    struct connector *connector;
    *next_ms = INT64_MAX;
    for (size_t i = 0; (connector = map_next(&connectors->by_id, &i)) != NULL;) {
        if (connector->looking)
            continue;
        if (connector->look_at_ms <= now_ms)
            return connector;
        if (connector->look_at_ms < *next_ms)
            *next_ms = connector->look_at_ms;
    }
    return NULL;
}

static void wait_until(struct connectors *connectors, int64_t at_ms)
{
    if (at_ms == INT64_MAX) {
        pthread_cond_wait(&connectors->changed, &connectors->lock);
        return;
    }
    const struct timespec at = {.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000};
    pthread_cond_timedwait(&connectors->changed, &connectors->lock, &at);
}

void *watch_run(void *arg)
{
    struct connectors *connectors = arg;
    pthread_mutex_lock(&connectors->lock);
    while (!connectors->stopping) {
        int64_t next_ms;
        struct shared_store *idle = shared_store_idle(connectors);
        struct connector *connector = idle == NULL ? due(connectors, &next_ms) : NULL;
        if (idle != NULL) {
            pthread_mutex_unlock(&connectors->lock);
            shared_store_free(idle);
            pthread_mutex_lock(&connectors->lock);
        } else if (connector != NULL) {
            serve(connector);
        } else {
            wait_until(connectors, next_ms);
        }
    }
    pthread_mutex_unlock(&connectors->lock);
    return NULL;
}
