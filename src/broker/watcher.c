/* See watcher.h. `lock` protects what the worker and the main thread share; it is not held while fetching. */
#include "broker/watcher.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/broker_internal.h"

#define JWKS_RETRY_MS 5000 /* after a failed fetch, and at least between two that unknown keys ask for */

struct watcher {
    struct worker_job job; /* first */
    struct broker *broker;
    atomic_bool busy; /* the job is queued or runs */
    pthread_mutex_t lock;
    /* Under the lock. */
    struct settings *settings; /* a reference */
    struct buf jwks;           /* as fetched last */
    uint64_t revision;
    /* The worker's. */
    int64_t jwks_due_ms; /* monotonic */
};

/* ---- To the shards --------------------------------------------------------------------------------------- */

struct news {
    struct mail mail;
    struct settings *settings;
    struct access *access;
};

static void apply(struct reactor *reactor, struct mail *mail)
{
    struct news *news = CONTAINER_OF(mail, struct news, mail);
    if (reactor != NULL) {
        shard_set_access(reactor_user(reactor), news->settings, news->access);
    } else {
        settings_unref(news->settings);
        access_unref(news->access);
    }
    mem_free(news);
}

static void tell_shards(struct broker *broker, struct settings *settings, struct access *access)
{
    for (unsigned i = 0; i < broker->shard_count; i++) {
        struct news *news = mem_zalloc(sizeof(*news));
        news->mail.run = apply;
        news->settings = settings_ref(settings);
        news->access = access_ref(access);
        reactor_post(broker->shards[i].reactor, &news->mail);
    }
}

/* ---- Looking --------------------------------------------------------------------------------------------- */

/* Fetches the token keys if they are due. True if they are other than before. */
static bool refresh_jwks(struct watcher *watcher)
{
    pthread_mutex_lock(&watcher->lock);
    char *url = mem_strdup_or_null(watcher->settings->auth.jwks_url);
    char *ca = mem_strdup_or_null(watcher->settings->auth.jwks_ca_file);
    int64_t refresh_ms = watcher->settings->auth.jwks_refresh_ms;
    pthread_mutex_unlock(&watcher->lock);
    int64_t now_ms = clock_mono_ms();
    bool changed = false;
    bool early = atomic_load(&watcher->broker->jwks_wanted) &&
                 now_ms > watcher->jwks_due_ms - refresh_ms + JWKS_RETRY_MS;
    if (url != NULL && (now_ms >= watcher->jwks_due_ms || early)) {
        struct buf fetched = {0};
        struct error err;
        atomic_store(&watcher->broker->jwks_wanted, false);
        bool ok = jwks_fetch(url, ca, &fetched, &err);
        watcher->jwks_due_ms = now_ms + (ok || refresh_ms < JWKS_RETRY_MS ? refresh_ms : JWKS_RETRY_MS);
        if (ok) {
            pthread_mutex_lock(&watcher->lock);
            changed = !str_equal(buf_str(&fetched), buf_str(&watcher->jwks));
            struct buf old = watcher->jwks;
            watcher->jwks = fetched;
            fetched = old;
            pthread_mutex_unlock(&watcher->lock);
        } else {
            LOG_WARNING("token keys not fetched", LOG_TEXT("url", url), LOG_ERROR_OF(&err));
        }
        buf_free(&fetched);
    }
    mem_free(url);
    mem_free(ca);
    return changed;
}

static void look(struct worker_job *job)
{
    struct watcher *watcher = (struct watcher *)job;
    struct broker *broker = watcher->broker;
    bool keys_changed = refresh_jwks(watcher);
    struct error err;
    uint64_t revision = 0;
    pthread_mutex_lock(&watcher->lock);
    bool ok = catalog_revision(broker->catalog, &revision, &err);
    if (ok && (keys_changed || revision != watcher->revision)) {
        struct access *access =
            access_load(broker->catalog, watcher->settings, buf_str(&watcher->jwks), &err);
        ok = access != NULL;
        if (ok) {
            watcher->revision = access->revision;
            tell_shards(broker, watcher->settings, access);
            access_unref(access);
            LOG_INFO("users and rules reloaded", LOG_UINT("revision", revision));
        }
    }
    pthread_mutex_unlock(&watcher->lock);
    if (!ok)
        LOG_ERROR("users and rules not reloaded", LOG_ERROR_OF(&err));
    atomic_store(&watcher->busy, false);
}

void watcher_tick(struct watcher *watcher)
{
    if (atomic_exchange(&watcher->busy, true))
        return;
    if (!worker_pool_submit(watcher->broker->workers, &watcher->job, NULL))
        atomic_store(&watcher->busy, false); /* the pool is full: the next tick */
}

/* ---- Life ------------------------------------------------------------------------------------------------ */

struct watcher *watcher_new(struct broker *broker, struct settings *settings, struct access **first,
                            struct error *err)
{
    struct watcher *watcher = mem_zalloc(sizeof(*watcher));
    watcher->job.run = look;
    watcher->broker = broker;
    pthread_mutex_init(&watcher->lock, NULL);
    watcher->settings = settings_ref(settings);
    refresh_jwks(watcher); /* a failure is logged, and tried again */
    *first = access_load(broker->catalog, settings, buf_str(&watcher->jwks), err);
    if (*first == NULL) {
        watcher_free(watcher);
        return NULL;
    }
    watcher->revision = (*first)->revision;
    return watcher;
}

void watcher_free(struct watcher *watcher)
{
    if (watcher == NULL)
        return;
    settings_unref(watcher->settings);
    buf_free(&watcher->jwks);
    pthread_mutex_destroy(&watcher->lock);
    mem_free(watcher);
}

bool watcher_reload(struct watcher *watcher, struct settings *settings, struct error *err)
{
    pthread_mutex_lock(&watcher->lock);
    struct access *access = access_load(watcher->broker->catalog, settings, buf_str(&watcher->jwks), err);
    if (access != NULL) {
        settings_unref(watcher->settings);
        watcher->settings = settings_ref(settings);
        tell_shards(watcher->broker, settings, access);
        access_unref(access);
    }
    pthread_mutex_unlock(&watcher->lock);
    return access != NULL;
}
