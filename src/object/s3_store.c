/* Opening and closing an S3 store.
 *
 * Closing: (1) further requests are refused, (2) the thread ends all calls, (3) workers end their jobs, whose mail may come still, (4) the
 * thread ends when nothing is left. */
#include "object/s3_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define WORKERS          2
#define JOBS_PER_REQUEST 4 /* parts under way */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static bool curl_works;

static void start_curl(void)
{
    curl_works = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static void close_store(struct object_store *store)
{
    struct s3_store *s3 = (struct s3_store *)(void *)store;
    pthread_mutex_lock(&s3->mail_lock);
    s3->closing = true;
    pthread_mutex_unlock(&s3->mail_lock);
    if (s3->running)
        s3_sockets_wake(&s3->sockets);
    if (s3->pool != NULL)
        worker_pool_stop(s3->pool);
    if (s3->running) {
        pthread_mutex_lock(&s3->mail_lock);
        s3->pool_stopped = true;
        pthread_mutex_unlock(&s3->mail_lock);
        s3_sockets_wake(&s3->sockets);
        pthread_join(s3->thread, NULL);
    }
    for (unsigned i = 0; i < s3->idle_count; i++)
        curl_easy_cleanup(s3->idle[i]);
    if (s3->multi != NULL)
        curl_multi_cleanup(s3->multi);
    s3_sockets_close(&s3->sockets);
    curl_slist_free_all(s3->route);
    heap_free(&s3->timers);
    s3_keys_close(s3);
    s3_endpoint_free(&s3->endpoint);
    pthread_mutex_destroy(&s3->mail_lock);
    store_deinit(store);
    mem_free(s3);
}

static bool start_thread(struct s3_store *s3, struct error *err)
{
    const struct object_config *config = &s3->store.config;
    s3->multi = curl_works ? curl_multi_init() : NULL;
    if (s3->multi == NULL)
        return error_set(err, ERR_INTERNAL, "libcurl does not start");
    if (!s3_sockets_open(&s3->sockets, s3->multi, err))
        return false;
    curl_multi_setopt(s3->multi, CURLMOPT_MAXCONNECTS, (long)config->pool_size);
    curl_multi_setopt(s3->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)config->pool_size);
    /* A few jobs a request, and one for credentials. */
    size_t jobs = JOBS_PER_REQUEST * ((size_t)config->queue_limit + config->pool_size) + 1;
    s3->pool = worker_pool_new("s3", WORKERS, jobs, err);
    if (s3->pool == NULL)
        return false;
    s3->running = thread_start(&s3->thread, "s3", s3_run, s3, err);
    return s3->running;
}

/* Under the server_name of the configuration, the host itself. */
static bool make_route(struct s3_store *s3, struct error *err)
{
    const char *name = s3->store.config.tls.server_name;
    if (name == NULL || !s3->endpoint.tls)
        return true;
    struct buf route = {0};
    buf_printf(&route, s3->endpoint.is_ipv6 ? "%s:%u:[%s]:%u" : "%s:%u:%s:%u", name, s3->endpoint.port,
               s3->endpoint.host, s3->endpoint.port);
    s3->route = curl_slist_append(NULL, buf_cstr(&route));
    buf_free(&route);
    return s3->route != NULL || error_set(err, ERR_NO_MEMORY, "out of memory");
}

/* The certificate's password may stand elsewhere, as keys may. */
static bool resolve_password(struct s3_store *s3, struct error *err)
{
    char **password = &s3->store.config.tls.key_password;
    if (*password == NULL)
        return true;
    char *resolved = secret_resolve("the password of keyfile", *password, err);
    if (resolved == NULL)
        return false;
    secret_free(*password);
    *password = resolved;
    return true;
}

struct object_store *s3_open(const struct object_config *config, struct error *err)
{
    static const struct store_kind kind = {.start = s3_start, .sweep = s3_sweep, .close = close_store};
    pthread_once(&curl_once, start_curl);
    struct s3_store *s3 = mem_zalloc(sizeof *s3);
    store_init(&s3->store, &kind, config);
    pthread_mutex_init(&s3->mail_lock, NULL);
    s3->style = S3_STYLE_UNDECIDED;
    struct list *const lists[] = {&s3->mail, &s3->calls, &s3->blocked, &s3->small, &s3->bulk, &s3->active};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        list_init(lists[i]);
    s3_pace_init(&s3->pace, config->requests_per_s, config->bytes_per_s, config->retry_pause_ms,
                 clock_mono_ns());
    if (!s3_endpoint_read(config, &s3->endpoint, err) || !make_route(s3, err) || !resolve_password(s3, err) ||
        !s3_keys_open(s3, err) || !start_thread(s3, err)) {
        close_store(&s3->store);
        return NULL;
    }
    if (s3->endpoint.tls && !config->tls.verify) {
        LOG_WARNING("certificates of an object store are not verified",
                    LOG_TEXT("store", store_name(&s3->store)), LOG_TEXT("host", s3->endpoint.host));
    }
    return &s3->store;
}
