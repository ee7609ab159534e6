/* Stores that several use: counted, and closed by the connectors' thread once nobody has a reference any more.
 *
 * Closing waits for a store's own threads, and the last reference may go on one of them: so it is never closed where it is
 * released. Nobody takes a reference of one that has none: its connector has let it go before. */
#include "connector/connector_internal.h"

#include "base/mem.h"

#include <assert.h>

struct shared_store *shared_store_open(struct connectors *connectors, const char *id,
                                       const struct object_config *config, struct error *err)
{
    struct object_store *objects = object_store_open(config, err);
    if (objects == NULL)
        return NULL;
    struct shared_store *store = mem_zalloc(sizeof(*store));
    store->all = connectors;
    store->id = mem_strdup(id);
    store->bucket = mem_strdup(config->bucket != NULL ? config->bucket : "");
    store->face = (struct connector_store){objects, store->bucket, store->id};
    atomic_init(&store->references, 1);
    pthread_mutex_lock(&connectors->lock);
    list_append(&connectors->stores, &store->link);
    pthread_mutex_unlock(&connectors->lock);
    return store;
}

struct shared_store *shared_store_ref(struct shared_store *store)
{
    unsigned before = atomic_fetch_add_explicit(&store->references, 1, memory_order_relaxed);
    assert(before > 0);
    (void)before;
    return store;
}

void shared_store_release(struct shared_store *store)
{
    if (store == NULL)
        return;
    struct connectors *connectors = store->all;
    /* The thread reads 0 under the lock and frees the store, so that the signal comes before its release of the lock. */
    pthread_mutex_lock(&connectors->lock);
    if (atomic_fetch_sub_explicit(&store->references, 1, memory_order_acq_rel) == 1)
        pthread_cond_broadcast(&connectors->changed);
    pthread_mutex_unlock(&connectors->lock);
}

struct shared_store *shared_store_idle(struct connectors *connectors)
{
    LIST_EACH(it, &connectors->stores)
    {
        struct shared_store *store = CONTAINER_OF(it, struct shared_store, link);
        if (atomic_load_explicit(&store->references, memory_order_acquire) > 0)
            continue;
        list_remove(&store->link);
        return store;
    }
    return NULL;
}

void shared_store_free(struct shared_store *store)
{
    object_store_close(store->face.objects);
    mem_free(store->bucket);
    mem_free(store->id);
    mem_free(store);
}

/* ---- In the hands of others ------------------------------------------------------------------------------ */

struct connector_store *connectors_take(struct connectors *connectors, struct str id, struct error *err)
{
    struct connector *connector = connector_get(connectors, id, err);
    if (connector == NULL)
        return NULL;
    struct connector_store *face = NULL;
    pthread_mutex_lock(&connectors->lock);
    if (connector->store != NULL)
        face = &shared_store_ref(connector->store)->face;
    else if (err != NULL)
        *err = connector->why;
    pthread_mutex_unlock(&connectors->lock);
    if (face == NULL)
        error_wrap(err, "connector %s", connector->id);
    connector_unref(connector);
    return face;
}

struct connector_store *connector_store_ref(struct connector_store *store)
{
    return &shared_store_ref((struct shared_store *)store)->face;
}

void connector_store_release(struct connector_store *store)
{
    shared_store_release((struct shared_store *)store);
}
