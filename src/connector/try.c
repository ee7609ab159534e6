/* Trying: what would be created, with one look; what is there, with everything that a store has to honour.
 *
 * A look runs on a thread of the store that is tried, so its closing is left to the connectors' thread. A probe blocks, so it has
 * a thread of the connectors' pool. */
#include "connector/connector_internal.h"

#include "base/mem.h"

#define TRIES_MAX  16
#define TRY_MS_MAX 30000 /* somebody waits for the answer */

struct attempt {
    struct look look; /* first */
    struct connectors *all;
    struct shared_store *store;
    char *bucket; /* of connectors_look() */
    void (*done)(const struct error *err, void *arg);
    void *arg;
};

/* One of the places for tries is taken; a look counts as such. */
static bool begin(struct connectors *connectors, struct error *err)
{
    pthread_mutex_lock(&connectors->lock);
    bool ok = connectors->tries < TRIES_MAX && !connectors->stopping;
    if (ok) {
        connectors->tries++;
        connectors->looks++;
    }
    pthread_mutex_unlock(&connectors->lock);
    return ok || error_set(err, ERR_BUSY, "%d connectors are being tried: try again", TRIES_MAX);
}

static void end(struct connectors *connectors)
{
    pthread_mutex_lock(&connectors->lock);
    connectors->tries--;
    connectors->looks--;
    pthread_cond_broadcast(&connectors->changed);
    pthread_mutex_unlock(&connectors->lock);
}

static void tried(struct look *look, const struct error *err)
{
    struct attempt *attempt = (struct attempt *)(void *)look;
    struct connectors *connectors = attempt->all;
    attempt->done(err, attempt->arg);
    shared_store_release(attempt->store);
    mem_free(attempt->bucket);
    mem_free(attempt);
    end(connectors);
}

/* What the store is told. The caller frees it, whatever this returns. Errors: ERR_INVALID. */
static bool read_config(struct connectors *connectors, const json_t *given, char id[CONNECTOR_ID_MAX],
                        struct object_config *config, int64_t *deadline_ms, struct error *err)
{
    const struct connector_type *type;
    *config = (struct object_config){0};
    json_t *object = connector_read_try(connectors, given, id, &type, err);
    if (object == NULL)
        return false;
    *deadline_ms = spec_duration_ms(json_object_get(object, "resource_opts"), "health_check_timeout");
    if (*deadline_ms > TRY_MS_MAX)
        *deadline_ms = TRY_MS_MAX;
    bool ok = connector_configure(type, id, object, connectors->dir, config, err);
    json_decref(object);
    return ok;
}

/* Whatever goes wrong from here on is what the try has found. */
static void look_at(struct attempt *attempt, const char *id, const struct object_config *config,
                    int64_t deadline_ms)
{
    struct error why;
    attempt->store = shared_store_open(attempt->all, id, config, &why);
    if (attempt->store == NULL || !look_start(&attempt->look, attempt->store->face.objects,
                                              attempt->store->face.bucket, deadline_ms, &why))
        tried(&attempt->look, &why);
}

bool connectors_try(struct connectors *connectors, const json_t *object,
                    void (*done)(const struct error *err, void *arg), void *arg, struct error *err)
{
    char id[CONNECTOR_ID_MAX];
    int64_t deadline_ms;
    struct object_config config;
    if (!begin(connectors, err))
        return false;
    bool ok = read_config(connectors, object, id, &config, &deadline_ms, err);
    if (ok) {
        struct attempt *attempt = mem_zalloc(sizeof(*attempt));
        *attempt = (struct attempt){.look.done = tried, .all = connectors, .done = done, .arg = arg};
        look_at(attempt, id, &config, deadline_ms);
    } else {
        end(connectors);
    }
    object_config_free(&config);
    return ok;
}

bool connectors_look(struct connectors *connectors, struct str id, struct str bucket,
                     void (*done)(const struct error *err, void *arg), void *arg, struct error *err)
{
    struct error why;
    if (!begin(connectors, err))
        return false;
    struct connector_store *store = connectors_take(connectors, id, err);
    if (store == NULL) {
        end(connectors);
        return false;
    }
    struct attempt *attempt = mem_zalloc(sizeof(*attempt));
    *attempt = (struct attempt){.look.done = tried,
                                .all = connectors,
                                .store = CONTAINER_OF(store, struct shared_store, face),
                                .bucket = bucket.len > 0 ? str_dup(bucket) : mem_strdup(store->bucket),
                                .done = done,
                                .arg = arg};
    if (!look_start(&attempt->look, store->objects, attempt->bucket, TRY_MS_MAX, &why))
        tried(&attempt->look, &why);
    return true;
}

/* ---- Everything that a store has to honour --------------------------------------------------------------- */

struct probe {
    struct worker_job job; /* first */
    struct connector_store *store;
    char *bucket;
    char *prefix;
    void (*done)(const struct object_probe *probe, const struct error *err, void *arg);
    void *arg;
};

static void free_probe(struct probe *probe)
{
    connector_store_release(probe->store);
    mem_free(probe->bucket);
    mem_free(probe->prefix);
    mem_free(probe);
}

static void run_probe(struct worker_job *job)
{
    struct probe *probe = (struct probe *)(void *)job;
    struct object_probe found = {0};
    struct error err = {0};
    bool usable =
        object_probe(probe->store->objects, str_of(probe->bucket), str_of(probe->prefix), &found, &err);
    probe->done(&found, usable ? NULL : &err, probe->arg);
    free_probe(probe);
}

bool connectors_probe(struct connectors *connectors, struct str id, struct str bucket, struct str prefix,
                      void (*done)(const struct object_probe *probe, const struct error *err, void *arg),
                      void *arg, struct error *err)
{
    struct connector_store *store = connectors_take(connectors, id, err);
    if (store == NULL)
        return false;
    struct probe *probe = mem_zalloc(sizeof(*probe));
    *probe = (struct probe){.job.run = run_probe,
                            .store = store,
                            .bucket = bucket.len > 0 ? str_dup(bucket) : mem_strdup(store->bucket),
                            .prefix = str_dup(prefix),
                            .done = done,
                            .arg = arg};
    bool ok = probe->bucket[0] != '\0';
    if (!ok) {
        error_set(err, ERR_INVALID, "bucket: missing: connector %s names none", store->id);
        error_hint(err, "say which bucket is to be probed");
    } else {
        ok = worker_pool_submit(connectors->pool, &probe->job, err);
    }
    if (!ok)
        free_probe(probe);
    return ok;
}
