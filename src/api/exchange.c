/* One request, from its first byte to its last.
 *
 *     HTTP thread            pool                          HTTP thread
 *     headers ──suspend──▶   admit: who asks? ──no body──▶ …
 *                                └─body───────resume────▶  receive ──suspend──▶ handle
 *                            handle: check, call ─resume─▶ reply
 *                                └─ api_park ─▶ parked ──▶ handle again
 *
 * One thread (libmicrohttpd's, with epoll) reads and writes all connections and never waits for anything. Whatever may wait
 * runs on the pool while the connection is suspended: the HTTP library does not look at it, and the request belongs to
 * whoever will resume it. Nobody without a proof of who he is gets to send a body.
 *
 * Failure modes. The pool's queue is full: 503 at once. A body that is too large: it is read and dropped, up to a bound,
 * so that the client sees the 413 instead of a reset. A request that does not come to an end: its connection is shut down by the
 * clock (park.c). */
#include "api/api_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <stdio.h>

#define IDLE_MS          75000 /* until the headers of the next request are complete */
#define FIRST_MS         30000 /* the same for the first one */
#define BODY_MS          60000
#define DISCARD_BYTES    ((size_t)16 << 20)
#define BODIES_BYTES_MAX ((size_t)128 << 20)

/* ---- Suspending ------------------------------------------------------------------------------------------ */

/* api_stop() sets `closing` and then waits until nothing is suspended: whoever counts himself and sees no `closing` is waited for. */
bool exchange_suspend(struct api_request *request)
{
    struct api *api = request->api;
    atomic_fetch_add(&api->suspended, 1);
    if (atomic_load(&api->closing)) {
        atomic_fetch_sub(&api->suspended, 1);
        return false;
    }
    MHD_suspend_connection(request->connection);
    return true;
}

void exchange_resume(struct api_request *request)
{
    struct api *api = request->api;
    MHD_resume_connection(request->connection);
    atomic_fetch_sub(&api->suspended, 1);
}

/* ---- On the pool ----------------------------------------------------------------------------------------- */

static bool parse_body(struct api_request *request)
{
    const struct api_entry *entry = request->match.entry;
    struct error err;
    json_error_t where;
    if (entry->body_schema == NULL)
        return true;
    if (request->body.len == 0) {
        api_reply_error(request, 400, "BAD_REQUEST", "a body of JSON is missing");
        return false;
    }
    request->json = json_loadb((const char *)request->body.data, request->body.len,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (request->json == NULL) {
        api_reply_error(request, 400, "BAD_REQUEST", "the body is no JSON: %s, at line %d, column %d",
                        where.text, where.line, where.column);
        return false;
    }
    if (schema_check(request->api->components, entry->body_schema, request->json, &err))
        return true;
    api_reply_failure(request, &err);
    return false;
}

static bool takes_body(const struct api_request *request)
{
    const struct api_route *route = request->match.entry->route;
    return route->body != NULL || route->raw_body != NULL;
}

static bool check_request(struct api_request *request)
{
    struct error err;
    if (!query_check(request->match.entry->route, request->queries, request->query_count, &err)) {
        api_reply_failure(request, &err);
        return false;
    }
    if (request->too_large) {
        api_reply_error(request, 413, "PAYLOAD_TOO_LARGE", "the body has more than %zu bytes",
                        request->body_max);
        return false;
    }
    return !takes_body(request) || parse_body(request);
}

static void handle(struct api_request *request)
{
    if (request->woken == API_FIRST && !check_request(request)) {
        exchange_resume(request);
        return;
    }
    request->wants_park = false;
    request->match.entry->route->handle(request);
    if (request->response == NULL && request->wants_park && !atomic_load(&request->api->closing) &&
        request->woken != API_STOPPING) {
        park(request, request->park_ms);
        return;
    }
    if (request->response == NULL && request->wants_park) {
        api_reply_error(request, 503, "SERVICE_UNAVAILABLE", "the broker stops");
    } else if (request->response == NULL) {
        LOG_ERROR("handler without a reply", LOG_TEXT("path", request->match.entry->route->path));
        api_reply_error(request, 500, "INTERNAL_ERROR", "the handler gave no answer");
    }
    exchange_resume(request);
}

void exchange_run(struct worker_job *job)
{
    struct api_request *request = CONTAINER_OF(job, struct api_request, job);
    switch (request->phase) {
    case PHASE_ADMIT:
        if (!access_admit(request)) {
            exchange_resume(request);
        } else if (request->has_body) {
            request->phase = PHASE_RECEIVE;
            exchange_resume(request);
        } else {
            request->phase = PHASE_HANDLE;
            handle(request);
        }
        break;
    case PHASE_HANDLE: handle(request); break;
    case PHASE_STREAM: stream_run(request); break;
    case PHASE_NEW:
    case PHASE_RECEIVE:
    case PHASE_REPLY: assert(!"no work for the pool"); break;
    }
}

/* ---- On the HTTP thread: replying ------------------------------------------------------------------------ */

static void log_reply(const struct api_request *request)
{
    struct api_counters *counters = &request->api->counters;
    unsigned class = request->status / 100;
    atomic_fetch_add_explicit(&counters->requests[class < 6 ? class : 5], 1, memory_order_relaxed);
    LOG_DEBUG("http request", LOG_TEXT("request_id", request->id_text),
              LOG_TEXT("method", method_name(request->method)), LOG_STR("path", request->path),
              LOG_UINT("status", request->status), LOG_TEXT("by", request->caller.name),
              LOG_INT("took_ms", clock_mono_ms() - request->began_ms));
    /* What has changed something is worth a line, but for messages, which are many. */
    const struct api_entry *entry = request->match.entry;
    if (request->method != API_GET && request->status < 300 && entry != NULL &&
        entry->route->access != API_PUBLISH && entry->route->access != API_PUBLIC &&
        !entry->route->frequent) {
        LOG_INFO("changed over the API", LOG_TEXT("request_id", request->id_text),
                 LOG_TEXT("method", method_name(request->method)), LOG_STR("path", request->path),
                 LOG_TEXT("by", request->caller.name));
    }
}

static enum MHD_Result send_reply(struct api_request *request)
{
    request->phase = PHASE_REPLY;
    reply_headers(request);
    log_reply(request);
    return MHD_queue_response(request->connection, request->status, request->response);
}

static enum MHD_Result receive_body(struct api_request *request)
{
    request->body_begun = true;
    park_peer(request->api, request->peer, clock_mono_ms() + BODY_MS);
    return MHD_YES;
}

/* The reply is made. A client that is still sending must come to an end before it is told: if the connection were closed
 * with bytes unread, the reply might be lost. */
static enum MHD_Result reply(struct api_request *request)
{
    if (!request->has_body && request->phase == PHASE_NEW)
        return MHD_YES; /* the library takes a reply to headers alone for the end of the connection */
    if (request->drains && !request->body_complete)
        return request->body_begun ? MHD_YES : receive_body(request);
    return send_reply(request);
}

static enum MHD_Result refuse(struct api_request *request, unsigned status, const char *code,
                              const char *text)
{
    reply_error_of(request, status, code, text);
    return reply(request);
}

static enum MHD_Result to_pool(struct api_request *request, enum api_phase phase)
{
    struct api *api = request->api;
    request->phase = phase;
    if (!exchange_suspend(request))
        return refuse(request, 503, "SERVICE_UNAVAILABLE", "the broker stops");
    if (worker_pool_submit(api->pool, &request->job, NULL))
        return MHD_YES;
    exchange_resume(request);
    atomic_fetch_add_explicit(&api->counters.busy, 1, memory_order_relaxed);
    api_reply_header(request, "Retry-After", "1");
    reply_error_of(request, 503, "SERVICE_UNAVAILABLE", "too many requests at once: try again");
    return MHD_YES; /* it is sent when the library comes back */
}

/* ---- On the HTTP thread: the request --------------------------------------------------------------------- */

/* Before anything else of the request: its target as it was sent. */
void *exchange_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct api *api = cls;
    struct api_request *request = mem_zalloc(sizeof(*request));
    request->api = api;
    request->connection = connection;
    request->job.run = exchange_run;
    request->began_ms = clock_mono_ms();
    request->id = atomic_fetch_add_explicit(&api->next_id, 1, memory_order_relaxed);
    snprintf(request->id_text, sizeof(request->id_text), "%016llx", (unsigned long long)request->id);
    request->uri_too_long = strnlen(uri, URI_BYTES_MAX + 1) > URI_BYTES_MAX;
    request->caller.face.name = request->caller.name;
    if (request->uri_too_long)
        return request;
    struct str target = arena_str(&request->arena, str_of(uri));
    const char *question = memchr(target.data, '?', target.len);
    request->path = str_make(target.data, question != NULL ? (size_t)(question - target.data) : target.len);
    if (question != NULL)
        request->query = str_make(question + 1, target.len - request->path.len - 1);
    return request;
}

static bool method_of(const char *text, enum api_method *out)
{
    static const char *const names[] = {"GET", "POST", "PUT", "DELETE"};
    for (size_t i = 0; i < LENGTH(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum api_method)i;
            return true;
        }
    }
    *out = API_GET;
    return strcmp(text, "HEAD") == 0; /* the library leaves the body out */
}

static void allow_header(struct api_request *request)
{
    struct buf list = {0};
    for (enum api_method method = API_GET; method <= API_DELETE; method++) {
        if ((request->match.allowed & 1u << method) == 0)
            continue;
        buf_printf(&list, "%s%s", list.len > 0 ? ", " : "", method_name(method));
        if (method == API_GET)
            buf_append_str(&list, STR(", HEAD"));
    }
    api_reply_header(request, "Allow", buf_cstr(&list));
    buf_free(&list);
}

static enum MHD_Result no_route(struct api_request *request)
{
    if (request->match.allowed == 0)
        return refuse(request, 404, "NOT_FOUND", "there is nothing under this path");
    allow_header(request);
    return refuse(request, 405, "METHOD_NOT_ALLOWED", "this path does not have that method");
}

/* What the headers say of the body. */
static void look_at_body(struct api_request *request)
{
    const char *length = api_header(request, "Content-Length");
    uint64_t bytes = 0;
    request->has_body = api_header(request, "Transfer-Encoding") != NULL ||
                        (length != NULL && str_to_u64(str_of(length), &bytes, NULL) && bytes > 0);
    size_t most = request->match.entry != NULL ? request->match.entry->route->max_body_bytes : 0;
    request->body_max = most > 0 ? most : request->api->options.max_body_bytes;
    request->too_large = bytes > request->body_max;
    request->drains = request->has_body && bytes <= DISCARD_BYTES && api_header(request, "Expect") == NULL;
}

/* "application/json; charset=utf-8" is of the type application/json. */
static bool has_type(const char *header, struct str wanted)
{
    struct str rest = str_of(header), type, one;
    str_next(&rest, ';', &type);
    while (str_next(&wanted, ',', &one)) {
        if (str_equal_nocase(str_trim(type), str_trim(one)) || str_is(str_trim(one), "*/*"))
            return true;
    }
    return false;
}

static bool type_ok(const struct api_request *request)
{
    const struct api_route *route = request->match.entry->route;
    const char *type = api_header(request, "Content-Type");
    if (!request->has_body || (route->body == NULL && route->raw_body == NULL))
        return true;
    if (route->raw_body != NULL)
        return has_type(type != NULL ? type : "application/octet-stream", str_of(route->raw_body));
    /* Pages of others can send what is no JSON without asking the browser's leave. */
    return type != NULL && has_type(type, STR("application/json"));
}

static enum MHD_Result begin(struct api_request *request, const char *method)
{
    struct api *api = request->api;
    struct error err;
    atomic_fetch_add(&api->in_flight, 1);
    request->counted = true;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    request->peer = info->socket_context;
    park_peer(api, request->peer, 0);
    look_at_body(request);
    if (request->uri_too_long)
        return refuse(request, 414, "URI_TOO_LONG", "the request's path and query are too long");
    if (!method_of(method, &request->method))
        return refuse(request, 405, "METHOD_NOT_ALLOWED", "there are GET, HEAD, POST, PUT and DELETE");
    if (!access_host_ok(api, api_header(request, "Host"))) {
        return refuse(
            request, 421, "MISDIRECTED_REQUEST",
            "this listener answers to loopback names alone; others are listed in listeners.http.hosts");
    }
    request->queries = arena_zalloc(&request->arena, QUERY_VALUES_MAX * sizeof(*request->queries));
    if (!route_find(api, request->method, request->path, &request->arena, &request->match, &err) ||
        !query_split(request->query, &request->arena, request->queries, &request->query_count, &err))
        return refuse(request, 400, "BAD_REQUEST", err.text);
    if (request->match.entry == NULL)
        request->match.entry = dashboard_entry(request);
    if (request->match.entry == NULL)
        return no_route(request);
    look_at_body(request);
    if (!type_ok(request)) {
        bool raw = request->match.entry->route->raw_body != NULL;
        return refuse(request, 415, "UNSUPPORTED_MEDIA_TYPE",
                      raw ? "the body's Content-Type is none of those taken here"
                          : "the body is to be application/json");
    }
    return request->has_body ? to_pool(request, PHASE_ADMIT) : MHD_YES;
}

/* The library has nothing more of a request without a body. */
static enum MHD_Result end_of_headers(struct api_request *request)
{
    if (request->response != NULL)
        return send_reply(request);
    return request->phase == PHASE_NEW ? to_pool(request, PHASE_ADMIT) : MHD_YES;
}

static void drop_body(struct api_request *request)
{
    buf_free(&request->body);
    atomic_fetch_sub_explicit(&request->api->body_bytes, request->charged, memory_order_relaxed);
    request->charged = 0;
}

/* Bodies of all requests together. False: there is no room for these bytes, and the request has its reply. */
static bool charge_body(struct api_request *request, size_t bytes)
{
    size_t before = atomic_fetch_add_explicit(&request->api->body_bytes, bytes, memory_order_relaxed);
    request->charged += bytes;
    if (before + bytes <= BODIES_BYTES_MAX)
        return true;
    drop_body(request);
    atomic_fetch_add_explicit(&request->api->counters.busy, 1, memory_order_relaxed);
    api_reply_header(request, "Retry-After", "1");
    reply_error_of(request, 503, "SERVICE_UNAVAILABLE", "too many bodies come at once: try again");
    return false;
}

static enum MHD_Result receive(struct api_request *request, const char *upload, size_t *upload_len)
{
    if (request->response != NULL || request->too_large ||
        *upload_len > request->body_max - request->body.len) {
        request->too_large = true;
        request->discarded += *upload_len;
        drop_body(request);
        if (request->discarded > DISCARD_BYTES)
            return MHD_NO; /* no end of it: cut */
    } else if (charge_body(request, *upload_len)) {
        buf_append(&request->body, upload, *upload_len);
    }
    *upload_len = 0;
    return MHD_YES;
}

enum MHD_Result exchange_step(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload, size_t *upload_len,
                              void **cookie)
{
    struct api_request *request = *cookie;
    (void)cls;
    (void)connection;
    (void)url;
    (void)version;
    if (request == NULL || request->gone)
        return MHD_NO;
    if (!request->counted)
        return begin(request, method);
    if (request->phase == PHASE_REPLY)
        return MHD_YES;
    if (!request->has_body)
        return end_of_headers(request);
    if (request->body_begun && *upload_len > 0)
        return receive(request, upload, upload_len);
    if (request->body_begun && !request->body_complete) {
        request->body_complete = true;
        park_peer(request->api, request->peer, 0);
        return request->response != NULL ? send_reply(request) : to_pool(request, PHASE_HANDLE);
    }
    if (request->response != NULL)
        return reply(request);
    return request->phase == PHASE_RECEIVE ? receive_body(request) : MHD_YES;
}

void exchange_completed(void *cls, struct MHD_Connection *connection, void **cookie,
                        enum MHD_RequestTerminationCode why)
{
    struct api *api = cls;
    struct api_request *request = *cookie;
    (void)connection;
    (void)why;
    if (request == NULL)
        return;
    *cookie = NULL;
    park_forget(request);
    stream_close(request);
    if (request->free_state != NULL)
        request->free_state(request->state);
    if (request->response != NULL)
        MHD_destroy_response(request->response);
    json_decref(request->json);
    if (request->body.data != NULL)
        mem_wipe(request->body.data, request->body.len); /* passwords come this way */
    drop_body(request);
    if (request->peer != NULL)
        park_peer(api, request->peer, clock_mono_ms() + IDLE_MS);
    if (request->counted)
        atomic_fetch_sub(&api->in_flight, 1);
    arena_free(&request->arena);
    mem_free(request);
}

void exchange_peer(void *cls, struct MHD_Connection *connection, void **context,
                   enum MHD_ConnectionNotificationCode what)
{
    struct api *api = cls;
    struct api_peer *peer = *context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        peer = mem_zalloc(sizeof(*peer));
        peer->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        peer->deadline_ms = clock_mono_ms() + FIRST_MS;
        *context = peer;
    }
    pthread_mutex_lock(&api->wait_lock);
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        list_append(&api->peers, &peer->link);
        api->peer_count++;
    } else if (peer != NULL) {
        list_remove(&peer->link);
        api->peer_count--;
    }
    pthread_mutex_unlock(&api->wait_lock);
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        mem_free(peer);
        *context = NULL;
    }
}
