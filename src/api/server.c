/* The server: its table of routes, the HTTP library, its pool of threads; start and stop.
 *
 * libmicrohttpd has one thread here, with epoll; decision 0009 tells why. Stopping goes in steps: no new connections; what is
 * parked comes to its end; what is under way is answered; then nothing may be suspended any more, and the library ends. */
#include "api/api_internal.h"
#include "api/connectors_internal.h"
#include "api/jobs_internal.h"
#include "api/monitor_internal.h"
#include "api/stations_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/thread.h"
#include "catalog/catalog.h"
#include "net/net.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define POOL_THREADS      4
#define POOL_QUEUE        1000
#define CONNECTION_BYTES  ((size_t)48 << 10) /* of one connection: headers, and what is being sent */
#define IDLE_TIMEOUT_S    60U
#define STOP_POLL_MS      2
#define CERTIFICATE_BYTES ((size_t)1 << 20)

/* ---- Routes ---------------------------------------------------------------------------------------------- */

static json_t *own_schema(const char *text, const char *where)
{
    struct error err;
    json_t *schema = schema_parse(text, &err);
    if (schema == NULL)
        LOG_ERROR("schema of a route", LOG_TEXT("route", where), LOG_ERROR_OF(&err));
    assert(schema != NULL);
    return schema;
}

static void assert_unique(const struct api *api, const struct api_route *route)
{
    for (size_t i = 0; i < api->entry_count; i++) {
        const struct api_route *other = api->entries[i].route;
        assert(other->method != route->method || strcmp(other->path, route->path) != 0);
    }
}

/* Takes the schema. */
static void add_component(struct api *api, const char *name, json_t *schema)
{
    assert(json_object_get(api->components, name) == NULL);
    json_object_set_new(api->components, name, schema);
}

void api_register(struct api *api, const struct api_table *table)
{
    api->tables = mem_realloc(api->tables, (api->table_count + 1) * sizeof(struct api_table *));
    api->tables[api->table_count++] = table;
    for (size_t i = 0; i < table->component_count; i++) {
        const struct api_component *component = &table->components[i];
        add_component(api, component->name, own_schema(component->schema, component->name));
    }
    for (size_t i = 0; i < table->made_count; i++)
        add_component(api, table->made[i].name, table->made[i].make());
    api->entries = mem_realloc(api->entries, (api->entry_count + table->count) * sizeof(*api->entries));
    for (size_t i = 0; i < table->count; i++) {
        const struct api_route *route = &table->routes[i];
        assert_unique(api, route);
        api->entries[api->entry_count++] = (struct api_entry){
            .route = route,
            .table = table,
            .body_schema = route->body != NULL ? own_schema(route->body, route->path) : NULL,
        };
    }
}

void api_register_metrics(struct api *api, api_metrics_fn *write, void *context)
{
    api->writers = mem_realloc(api->writers, (api->writer_count + 1) * sizeof(*api->writers));
    api->writers[api->writer_count++] = (struct api_writer){.write = write, .context = context};
}

/* ---- Life ------------------------------------------------------------------------------------------------ */

struct api *api_new(const struct api_options *options)
{
    static const struct api_table *const own[] = {
        &health_table,        &openapi_table,  &metrics_table,       &mqtt_users_table, &banned_table,
        &rules_table,         &login_table,    &login_session_table, &api_key_table,    &stats_table,
        &clients_table,       &monitor_table,  &alarms_table,        &logs_table,       &listeners_table,
        &subscriptions_table, &messages_table,
    };
    static const struct api_table *const of_stations[] = {
        &stations_table,      &stations_messages_table, &stations_produce_table, &stations_groups_table,
        &stations_tier_table, &stations_files_table,    &stations_reset_table,   &jobs_table,
    };
    struct api *api = mem_zalloc(sizeof(*api));
    api->broker = options->broker;
    api->stations = options->stations;
    api->connectors = options->connectors;
    api->rules = options->rules;
    api->sinks = options->sinks;
    api->catalog = options->catalog;
    api->started_ms = clock_wall_ms();
    api->next_id = random_u64() & 0xFFFFFFFFFFFF0000u; /* ids of two runs of the broker differ in the log */
    secret_hash_of(options->admin_key, api->machine_hash);
    api->components = json_object();
    api->tokens = tokens_new();
    api->jobs = jobs_new();
    api->login_limit = login_limit_new();
    api->monitor = monitor_new();
    api->alarms = options->alarms;
    list_init(&api->peers);
    pthread_mutex_init(&api->log_lock, NULL);
    pthread_mutex_init(&api->wait_lock, NULL);
    cond_init_monotonic(&api->wait_changed);
    for (size_t i = 0; i < LENGTH(own); i++) {
        if (own[i] != &alarms_table || options->alarms != NULL)
            api_register(api, own[i]);
    }
    for (size_t i = 0; options->stations != NULL && i < LENGTH(of_stations); i++)
        api_register(api, of_stations[i]);
    if (options->stations != NULL)
        api_register_metrics(api, stations_metrics, options->stations);
    if (options->connectors != NULL) {
        api_register(api, &connectors_table);
        api_register_metrics(api, connectors_metrics, options->connectors);
    }
    if (options->sinks != NULL) {
        api_register(api, &actions_table);
        api_register_metrics(api, actions_metrics, options->sinks);
    }
    if (options->rules != NULL) {
        api_register(api, &rule_engine_table);
        api_register_metrics(api, rule_engine_metrics, options->rules);
    }
    return api;
}

void api_free(struct api *api)
{
    if (api == NULL)
        return;
    jobs_free(api->jobs);
    for (size_t i = 0; i < api->entry_count; i++)
        json_decref(api->entries[i].body_schema);
    for (size_t i = 0; i < api->options.host_count; i++)
        mem_free(api->hosts[i]);
    mem_free(api->hosts);
    json_decref(api->components);
    tokens_free(api->tokens);
    login_limit_free(api->login_limit);
    monitor_free(api->monitor);
    listeners_free(api);
    heap_free(&api->parked);
    pthread_cond_destroy(&api->wait_changed);
    pthread_mutex_destroy(&api->wait_lock);
    pthread_mutex_destroy(&api->log_lock);
    mem_free(api->entries);
    mem_free(api->tables);
    mem_free(api->writers);
    mem_free(api);
}

/* ---- Opening --------------------------------------------------------------------------------------------- */

static void library_logs(void *cls, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

static void library_logs(void *cls, const char *format, va_list args)
{
    struct api *api = cls;
    char text[256];
    vsnprintf(text, sizeof(text), format, args);
    text[strcspn(text, "\n")] = '\0';
    pthread_mutex_lock(&api->log_lock);
    if (log_quota_take(&api->log_quota, clock_mono_ms()))
        LOG_DEBUG("http server", LOG_TEXT("says", text));
    pthread_mutex_unlock(&api->log_lock);
}

static void library_panics(void *cls, const char *file, unsigned line, const char *reason)
{
    (void)cls;
    LOG_ERROR("the HTTP library gives up", LOG_TEXT("file", file), LOG_UINT("line", line),
              LOG_TEXT("reason", reason != NULL ? reason : ""));
    abort();
}

/* The path and query are decoded by us, piece by piece. */
static size_t leave_encoded(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

/* The texts of certificate and key; NUL-terminated. */
static bool read_certificate(const struct api_listener_options *options, struct buf *cert, struct buf *key,
                             struct error *err)
{
    if (options->tls_cert_file == NULL)
        return true;
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
        return error_set(err, ERR_UNSUPPORTED, "listener http: this libmicrohttpd is built without TLS");
    if (!buf_read_file(cert, options->tls_cert_file, CERTIFICATE_BYTES, err) ||
        !buf_read_file(key, options->tls_key_file, CERTIFICATE_BYTES, err))
        return error_wrap(err, "listener http");
    buf_cstr(cert);
    buf_cstr(key);
    return true;
}

static struct MHD_Daemon *start_daemon(struct api *api, int fd, struct buf *cert, struct buf *key)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (api->tls ? MHD_USE_TLS : 0);
    const struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, cert->data},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, key->data},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)"SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(
        flags, 0, NULL, NULL, exchange_step, api, MHD_OPTION_EXTERNAL_LOGGER, library_logs, api,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, exchange_uri, api,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL, MHD_OPTION_NOTIFY_COMPLETED, exchange_completed,
        api, MHD_OPTION_NOTIFY_CONNECTION, exchange_peer, api, MHD_OPTION_CONNECTION_LIMIT,
        api->options.max_connections, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_ARRAY, api->tls ? tls : none, MHD_OPTION_END);
}

static void copy_options(struct api *api, const struct api_listener_options *options)
{
    api->options = *options;
    api->hosts = mem_zalloc((options->host_count + 1) * sizeof(char *));
    for (size_t i = 0; i < options->host_count; i++)
        api->hosts[i] = mem_strdup(options->hosts[i]);
    api->options.hosts = (const char *const *)api->hosts;
    api->tls = options->tls_cert_file != NULL;
    api->loopback = listener_bind_is_loopback(options->bind);
}

bool api_open(struct api *api, const struct api_listener_options *options, struct error *err)
{
    struct buf cert = {0}, key = {0};
    copy_options(api, options);
    int fd = -1;
    bool ok =
        read_certificate(options, &cert, &key, err) &&
        ((fd = listener_socket(options->bind, api->address, err)) >= 0 || error_wrap(err, "listener http")) &&
        (api->pool = worker_pool_new("http-worker", POOL_THREADS, POOL_QUEUE, err)) != NULL &&
        park_start(api, err);
    if (!ok && fd >= 0)
        close(fd);
    if (ok) {
        MHD_set_panic_func(library_panics, NULL);
        api->daemon = start_daemon(api, fd, &cert, &key);
        if (api->daemon == NULL) {
            close(fd);
            ok = error_set(err, api->tls ? ERR_INVALID : ERR_IO, "listener http: %s",
                           api->tls ? "the certificate or its key is not usable"
                                    : "the HTTP server does not start");
        }
    }
    mem_wipe(key.data, key.len);
    buf_free(&cert);
    buf_free(&key);
    return ok;
}

const char *api_address(const struct api *api)
{
    return api->address;
}

const char *api_url(const struct api *api, char *out, size_t cap)
{
    const char *port = strrchr(api->address, ':');
    bool any = strncmp(api->address, "0.0.0.0:", 8) == 0 || strncmp(api->address, "[::]:", 5) == 0;
    snprintf(out, cap, "%s://%s%s", api->tls ? "https" : "http", any ? "127.0.0.1" : api->address,
             any ? port : "");
    return out;
}

void api_set_ready(struct api *api)
{
    atomic_store(&api->ready, true);
}

/* ---- Stopping -------------------------------------------------------------------------------------------- */

static void wait_for_none(atomic_uint *count, int64_t deadline_ms)
{
    while (atomic_load(count) > 0 && clock_mono_ms() < deadline_ms) {
        struct timespec pause = {.tv_nsec = STOP_POLL_MS * 1000000L};
        nanosleep(&pause, NULL);
    }
}

void api_stop(struct api *api, int64_t timeout_ms)
{
    atomic_store(&api->ready, false);
    atomic_store(&api->stopping, true);
    if (api->daemon != NULL) {
        MHD_socket listening = MHD_quiesce_daemon(api->daemon);
        park_wake_all(api);
        wait_for_none(&api->in_flight, clock_mono_ms() + timeout_ms);
        /* What is suspended is on the pool: handlers take a bounded time. */
        atomic_store(&api->closing, true);
        park_wake_all(api);
        wait_for_none(&api->suspended, INT64_MAX);
        MHD_stop_daemon(api->daemon);
        if (listening != MHD_INVALID_SOCKET)
            close(listening);
        api->daemon = NULL;
    }
    park_stop(api); /* its clock gives the pool work; nothing is parked any more */
    if (api->pool != NULL)
        worker_pool_stop(api->pool);
    api->pool = NULL;
}
