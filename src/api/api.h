/* The HTTP API: a server, a table of routes, and what the handler of a route sees and says.
 *
 *     request ─▶ route (404, 405) ─▶ who asks, may he (401, 403) ─▶ body (413, 415) ─▶ checked against the route's
 *     parameters and schema (400) ─▶ handler ─▶ exactly one reply
 *
 * A route is data: it is what routes a request, what checks it, and what /api/v5/openapi.json is made of. Who has
 * endpoints writes a table of them and registers it before the server opens:
 *
 *     static void show(struct api_request *request) { … api_reply_json(request, 200, object); }
 *     static const struct api_route routes[] = {
 *         {.method = API_GET, .path = "/api/v5/stations/{name}", .handle = show, .access = API_READ,
 *          .summary = "One station", .answer = "{'$ref': '#/components/schemas/station'}"},
 *     };
 *     const struct api_table stations = {.tag = "Stations", .routes = routes, .count = 1, .context = …};
 *
 * Handlers run on a small pool of threads, never on a reactor, and may block for a short and bounded time: a disk, an
 * answer of a shard. Who waits longer parks the request (api_park) or streams the answer (api_reply_stream): both
 * occupy no thread. */
#ifndef API_API_H
#define API_API_H

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>
#include <stdint.h>

struct alarms;
struct api;
struct api_request;
struct broker;
struct catalog;
struct connectors;
struct rules;
struct sinks;
struct stations;

/* ---- The server ------------------------------------------------------------------------------------------ */

struct api_listener_options {
    const char *bind;          /* "127.0.0.1:18083"; port 0 picks a free one */
    unsigned max_connections;  /* at once; more are not accepted */
    size_t max_body_bytes;     /* of a request, where its route says nothing else */
    const char *tls_cert_file; /* PEM, chain included; NULL: HTTP */
    const char *tls_key_file;  /* PEM */
    const char *const *hosts;  /* further names under which a loopback listener may be asked for */
    size_t host_count;
    bool metrics_need_key; /* GET /metrics */
};

struct api_options {
    struct broker *broker;         /* borrowed until api_free() */
    struct catalog *catalog;       /* likewise */
    struct stations *stations;     /* likewise; NULL: no endpoints of stations */
    struct connectors *connectors; /* likewise; NULL: no endpoints of connectors */
    struct rules *rules;           /* likewise; NULL: no endpoints of rules */
    struct sinks *sinks;           /* likewise; NULL: no endpoints of actions */
    struct alarms *alarms;         /* likewise; NULL: no endpoints of alarms */
    struct str admin_key;          /* "key:secret", which always serves; copied as a hash */
};

/* Makes the server with the endpoints of the broker itself; nothing listens yet. Returns owned. Thread: main, as all
 * in this part. */
struct api *api_new(const struct api_options *options);

/* What is to be answered too: before api_open(). Borrows the table until api_free(). A path that is there already, or a
 * schema that is no JSON, is our own mistake: asserted. */
struct api_table;
void api_register(struct api *api, const struct api_table *table);

/* Who has figures writes them into GET /metrics, Prometheus' text format: before api_open(). Called on a thread of the pool. */
typedef void api_metrics_fn(struct buf *out, void *context);
void api_register_metrics(struct api *api, api_metrics_fn *write, void *context);
/* The two comment lines of a metric; `type` is "counter" or "gauge". Then its value, or one for each set of labels ("{a=\"b\"}",
 * whose values api_metric_label() escapes; NULL: none). */
void api_metric(struct buf *out, const char *name, const char *type, const char *help);
void api_metric_value(struct buf *out, const char *name, const char *labels, uint64_t value);
void api_metric_seconds(struct buf *out, const char *name, const char *labels, double value);
/* Appends name="value" with the value escaped. */
void api_metric_label(struct buf *out, const char *name, struct str value);

/* Where MQTT clients connect, for GET /listeners and the dashboard's client: before api_open(). Copies. */
struct api_mqtt_listener {
    const char *name;    /* "ws.default" */
    const char *address; /* as bound */
    const char *path;    /* of a WebSocket; NULL: it is none */
};
void api_add_listener(struct api *api, const struct api_mqtt_listener *listener);

/* Starts to listen. Errors: ERR_INVALID (bind text, certificate), ERR_IO (address in use), ERR_UNSUPPORTED (TLS that the
 * library cannot do). */
bool api_open(struct api *api, const struct api_listener_options *options, struct error *err);
const char *api_address(const struct api *api); /* as bound: "127.0.0.1:41883" */
/* A URL under which this machine reaches it: "http://127.0.0.1:41883". Returns out. */
const char *api_url(const struct api *api, char *out, size_t cap);
void api_set_ready(struct api *api); /* from here on /readyz says so */

/* Takes no more requests, answers those that are under way (parked ones at once), at most timeout_ms. Call it before the
 * broker stops. */
void api_stop(struct api *api, int64_t timeout_ms);
void api_free(struct api *api); /* after api_stop(); takes; NULL is fine */

/* Creates the dashboard user `admin` with a random password where there is no user yet: then `password` (which has
 * API_PASSWORD_BYTES) holds it, to be shown once and wiped; else it is empty. Errors: those of the catalog. */
#define API_PASSWORD_BYTES 24
bool api_first_administrator(struct catalog *catalog, char password[API_PASSWORD_BYTES], struct error *err);

/* ---- Routes ---------------------------------------------------------------------------------------------- */

enum api_method { API_GET, API_POST, API_PUT, API_DELETE };

/* Who may. Administrators may everything. */
enum api_access {
    API_ADMINISTER,    /* administrators alone */
    API_READ,          /* viewers too */
    API_READ_STATIONS, /* viewers and the role consumer too */
    API_CONSUME,       /* the role consumer too */
    API_PUBLISH,       /* the role publisher too */
    API_ANY_ROLE,      /* whoever has proved who he is */
    API_PUBLIC         /* without a key */
};

enum api_type { API_STRING, API_INTEGER, API_BOOLEAN, API_TIME /* RFC 3339 or ms */ };

/* Schemas of answers: the "meta" of a list; an object of whatever it holds. */
#define API_META "{'$ref':'#/components/schemas/list_meta'}"
#define API_ANY  "{'type':'object','additionalProperties':true}"

/* A query parameter. Path parameters need no entry; one that has its name here gets its description. */
struct api_param {
    const char *name; /* NULL ends a list */
    enum api_type type;
    const char *description;
    const char *const *choices; /* NULL-terminated; NULL: any value */
    int64_t min, max;           /* of integers; both 0: any */
    bool many;                  /* may be given more than once: api_query_next() */
    bool required;
};

/* page and limit, for lists. */
#define API_PAGE_LIMIT_MAX 10000
#define API_PAGE_PARAMS                                                                               \
    {.name = "page", .type = API_INTEGER, .description = "from 1", .min = 1, .max = 1000000000},      \
    {                                                                                                 \
        .name = "limit", .type = API_INTEGER, .description = "entries a page; default 100", .min = 1, \
        .max = API_PAGE_LIMIT_MAX                                                                     \
    }

typedef void api_handler_fn(struct api_request *request);

/* Schemas are OpenAPI 3 schema objects, written as JSON with ' for ". What requests are checked against: type,
 * properties, required, additionalProperties (false or absent), items, enum, oneOf, minLength, maxLength, minItems,
 * maxItems, minimum, maximum, pattern-free; and '$ref' to '#/components/schemas/NAME' of any table. */
struct api_route {
    enum api_method method;
    const char *path; /* "/api/v5/clients/{clientid}"; a parameter is a whole segment, percent-decoded */
    api_handler_fn *handle;
    enum api_access access;
    const char *summary;
    const char *description;        /* NULL: none */
    const struct api_param *params; /* NULL: none; a query parameter that is not in it is refused */
    const char *body;               /* schema of the JSON body; NULL: none is taken, unless raw_body */
    const char *raw_body;    /* content types instead, as "text/csv, application/octet-stream"; not checked */
    const char *answer;      /* schema of the success; NULL: no content */
    const char *answer_type; /* its content type; NULL: application/json */
    unsigned status;         /* of the success; 0: 200, or 204 without an answer */
    const char *errors; /* codes that it answers beside the general ones: "404 CLIENTID_NOT_FOUND; 409 …" */
    size_t max_body_bytes; /* 0: as configured */
    bool frequent;         /* changes something, but is no line in the log for each request */
    bool figures;          /* public unless metrics_need_key */
    bool open_query;       /* takes query parameters that are not in params */
};

struct api_component {
    const char *name;
    const char *schema;
};

/* A component that is made when it is registered. */
struct api_made_component {
    const char *name;
    json_t *(*make)(void); /* returns owned */
};

struct api_table {
    const char *tag;         /* the group's name in openapi.json */
    const char *description; /* one line */
    const struct api_route *routes;
    size_t count;
    const struct api_component *components; /* schemas that routes refer to */
    size_t component_count;
    const struct api_made_component *made; /* likewise */
    size_t made_count;
    void *context; /* api_context() */
};

/* ---- What a handler sees --------------------------------------------------------------------------------- */

/* All of it is valid until the reply. Thread: the handler's. */

enum api_role {
    API_ROLE_NONE,
    API_ROLE_ADMINISTRATOR,
    API_ROLE_VIEWER,
    API_ROLE_PUBLISHER, /* of keys alone, as the next one */
    API_ROLE_CONSUMER
};
enum api_proof { API_PROOF_NONE, API_PROOF_MACHINE /* DIR/admin.key */, API_PROOF_KEY, API_PROOF_TOKEN };

struct api_caller {
    enum api_role role;
    enum api_proof proof;
    const char *name; /* of the key, or of the user; "" without proof */
};

void *api_context(const struct api_request *request); /* of the route's table */
struct api *api_of(const struct api_request *request);
struct broker *api_broker(const struct api_request *request);
struct catalog *api_catalog(const struct api_request *request);
struct stations *api_stations(const struct api_request *request);
struct connectors *api_connectors(const struct api_request *request);
const struct api_caller *api_caller(const struct api_request *request);
const char *
api_request_id(const struct api_request *request); /* as in the log and in the header X-Request-Id */

struct str api_path(const struct api_request *request,
                    const char *name); /* a parameter of the path; never empty */

/* Query parameters, checked to be what the route says. */
const char *api_query(const struct api_request *request, const char *name); /* the first, or NULL */
/* All of one name: start with *at 0; NULL at the end. */
const char *api_query_next(const struct api_request *request, const char *name, size_t *at);
int64_t api_query_int(const struct api_request *request, const char *name, int64_t fallback);
int api_query_bool(const struct api_request *request, const char *name); /* -1: not given */
int64_t api_query_time_ms(const struct api_request *request, const char *name, int64_t fallback);

json_t *api_body(const struct api_request *request);        /* checked against the schema; borrowed */
struct str api_raw_body(const struct api_request *request); /* the bytes */
const char *api_header(const struct api_request *request, const char *name); /* or NULL */

/* ---- What it says ---------------------------------------------------------------------------------------- */

/* Exactly one of these, once, or api_park(). A handler that returns without is answered with 500. */

void api_reply_json(struct api_request *request, unsigned status, json_t *body); /* takes */
void api_reply_none(struct api_request *request);                                /* 204 */
/* Takes what the buffer holds. content_type: static. */
void api_reply_bytes(struct api_request *request, unsigned status, const char *content_type,
                     struct buf *bytes);
/* {"code","message"}: code in EMQX's way, "NOT_FOUND". */
void api_reply_error(struct api_request *request, unsigned status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* By the error's code: ERR_INVALID 400 BAD_REQUEST, ERR_NOT_FOUND 404 NOT_FOUND, ERR_EXISTS 409 ALREADY_EXISTS, ERR_BUSY and
 * ERR_TIMEOUT 503 SERVICE_UNAVAILABLE, …; what is nobody's business is logged and answered with 500. */
void api_reply_failure(struct api_request *request, const struct error *err);
/* A header of the reply that comes; before it. Copies. */
void api_reply_header(struct api_request *request, const char *name, const char *value);

struct api_page {
    uint64_t page; /* from 1 */
    uint64_t limit;
    uint64_t skip; /* (page - 1) * limit */
};
struct api_page api_page(const struct api_request *request);
/* {"data": data, "meta": {"page","limit","count","hasnext"}}; count -1: not known, left out. Takes data. */
void api_reply_list(struct api_request *request, json_t *data, int64_t count, bool has_next);

/* Makes a list of everything, in order: api_lister_want() says whether an entry is on the page; then its object is to be
 * added. api_lister_reply() takes all. */
struct api_lister {
    struct api_page page;
    json_t *data;
    uint64_t seen;
};
struct api_lister api_lister(const struct api_request *request);
bool api_lister_want(struct api_lister *lister);
void api_lister_add(struct api_lister *lister, json_t *entry); /* takes */
void api_lister_reply(struct api_request *request, struct api_lister *lister);
void api_lister_drop(struct api_lister *lister); /* instead of the reply: an error is answered */

/* ---- Waiting --------------------------------------------------------------------------------------------- */

/* A parked request occupies no thread. Its handler is called again, from its start, after api_wake(), after timeout_ms, and when
 * the server stops; api_parked() tells why, and api_state() keeps what it has found out meanwhile. A client that goes
 * away is noticed within a second: then the request ends without another call. */

enum api_woken { API_FIRST, API_WOKEN, API_TIMED_OUT, API_STOPPING };

/* A handle that outlives the request: counted, to be given to whoever wakes. */
struct api_waker;
struct api_waker *api_waker(struct api_request *request); /* returns a reference */
struct api_waker *api_waker_ref(struct api_waker *waker);
void api_waker_unref(struct api_waker *waker); /* takes */
/* The request, or stream, goes on; before or after it is parked. What has ended is not disturbed. Cheap; never blocks for long.
 * Thread: any, a reactor's too. */
void api_wake(struct api_waker *waker);

void api_park(struct api_request *request,
              int64_t timeout_ms); /* instead of a reply; at most API_PARK_MS_MAX */
#define API_PARK_MS_MAX 60000
enum api_woken api_parked(const struct api_request *request);
/* Something of the handler's that goes with the request: freed at its end, whatever that is, on any thread. */
void api_set_state(struct api_request *request, void *state, void (*free_state)(void *state));
void *api_state(const struct api_request *request); /* NULL: none set */

/* ---- Streaming ------------------------------------------------------------------------------------------- */

enum api_step {
    API_STREAM_MORE, /* something has been appended; call again once it is sent */
    API_STREAM_WAIT, /* nothing more yet: call again after api_wake(), or after wait_ms */
    API_STREAM_END,  /* that was all, with what has been appended */
    API_STREAM_FAIL  /* the answer cannot be finished: the connection is cut, so that the client sees that */
};

struct api_stream_ops {
    /* Appends to out, best API_STREAM_BYTES at a time, and never without an end. Called on a thread of the pool, one call at
     * a time, and only when what was appended before is with the client: a slow client costs one buffer. */
    enum api_step (*next)(void *state, struct buf *out);
    int64_t wait_ms; /* 0: API_PARK_MS_MAX */
    void (*close)(
        void
            *state); /* the last call, whether all was sent or the client has gone; on any thread; not NULL */
};
#define API_STREAM_BYTES ((size_t)64 << 10)

/* Answers with what `next` gives, as it comes. Takes state. content_type: static. api_waker() of the request, taken before this
 * call, wakes the stream. A client that goes away ends it within a second. */
void api_reply_stream(struct api_request *request, unsigned status, const char *content_type,
                      const struct api_stream_ops *ops, void *state);

#endif
