/* What the files of the API share: the server, a request on its way, and who may touch which.
 *
 * Reading order: server.c (life), exchange.c (one request from its first byte to its last), route.c, access.c, request.c
 * and reply.c (what handlers use), park.c and stream.c (what takes longer). Then a file for each group of endpoints. */
#ifndef API_API_INTERNAL_H
#define API_API_INTERNAL_H

#include "api/api.h"
#include "base/arena.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/thread.h"
#include "broker/log_quota.h"

#include <microhttpd.h>
#include <stdatomic.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define SHA256_HASH_BYTES 32
#define PATH_SEGMENTS_MAX 16
#define QUERY_VALUES_MAX  128
#define REPLY_HEADERS_MAX 8
#define URI_BYTES_MAX     16384
#define PARK_RETRY_MS     50 /* a pool that is full takes it then */
#define REQUEST_ID_BYTES  17
#define CALLER_NAME_BYTES 256

#define NODE_NAME "varve@127.0.0.1" /* EMQX's answers name the node; there is one */

/* ---- Routes: route.c ------------------------------------------------------------------------------------- */

struct api_entry {
    const struct api_route *route;
    const struct api_table *table;
    json_t *body_schema; /* NULL: none */
};

struct api_value {
    const char *name;
    const char *value;
    size_t len; /* of the value, which may hold anything but NUL */
};

/* The path of a request, taken apart. */
struct api_path_parts {
    struct str segments[PATH_SEGMENTS_MAX]; /* still encoded */
    unsigned count;
    bool too_many;
};

struct api_match {
    const struct api_entry *entry; /* NULL: no route */
    unsigned allowed;              /* bit for each method that the path has */
    struct api_value values[PATH_SEGMENTS_MAX];
    unsigned value_count;
};

void path_split(struct str path, struct api_path_parts *out);
/* Percent-decodes into the arena; `plus`: a + is a space. NULL: not decodable, NUL in it, or not UTF-8. */
char *percent_decode(struct arena *arena, struct str text, bool plus, size_t *len);
/* The most literal route of the path for the method. Errors: ERR_INVALID (a segment that does not decode). */
bool route_find(const struct api *api, enum api_method method, struct str path, struct arena *arena,
                struct api_match *out, struct error *err);
/* "a=1&b=2" to values. Errors: ERR_INVALID, ERR_LIMIT. */
bool query_split(struct str query, struct arena *arena, struct api_value *values, size_t *count,
                 struct error *err);
/* Whether the values are what the route's parameters say. Errors: ERR_INVALID. */
bool query_check(const struct api_route *route, const struct api_value *values, size_t count,
                 struct error *err);
const char *method_name(enum api_method method);
extern const struct api_param api_no_params[];

/* ---- Schemas: schema.c ----------------------------------------------------------------------------------- */

/* Reads a schema text, ' for ". NULL, with the place, if it is no JSON. Returns owned. */
json_t *schema_parse(const char *text, struct error *err);
/* Whether the value is as the schema says. `components` is {name: schema}. Errors: ERR_INVALID with the place:
 * "qos: is at most 2". */
bool schema_check(json_t *components, json_t *schema, json_t *value, struct error *err);

/* ---- Who asks: access.c, tokens.c ------------------------------------------------------------------------ */

struct caller {
    struct api_caller face;
    char name[CALLER_NAME_BYTES];
    uint8_t token_hash[SHA256_HASH_BYTES]; /* of a token */
};

struct tokens;
#define TOKEN_TEXT_BYTES 64
struct tokens *tokens_new(void);
void tokens_free(struct tokens *tokens);
enum token_kind { TOKEN_OF_BEARER, TOKEN_OF_COOKIE };
/* A token for the user: the text goes into out, and is kept nowhere. The oldest goes when there are too many. Thread: any. */
void tokens_issue(struct tokens *tokens, const char *username, enum token_kind kind, int64_t now_ms,
                  char out[TOKEN_TEXT_BYTES]);
/* Finds, and prolongs. False: unknown, of the other kind, or expired. */
bool tokens_check(struct tokens *tokens, struct str text, enum token_kind kind, int64_t now_ms,
                  char username[CALLER_NAME_BYTES], uint8_t hash[SHA256_HASH_BYTES]);
/* The key that a page sends along with a cookie of this token: login_session.c. */
void tokens_page_key(const struct tokens *tokens, struct str token, char out[TOKEN_TEXT_BYTES]);
void tokens_drop(struct tokens *tokens, const uint8_t hash[SHA256_HASH_BYTES]);
/* All of the user's, but for `keep` (NULL: none). */
void tokens_drop_user(struct tokens *tokens, const char *username, const uint8_t *keep);

/* Failed logins of one address, or of one user from it: at most so many a minute. Thread: any. */
struct login_limit;
struct login_limit *login_limit_new(void);
void login_limit_free(struct login_limit *limit);
/* Whether another try may be made. */
bool login_limit_allows(struct login_limit *limit, struct str address, struct str username, int64_t now_ms);
void login_limit_failed(struct login_limit *limit, struct str address, struct str username, int64_t now_ms);

enum api_role role_of(const char *name); /* API_ROLE_NONE: unknown */
const char *role_name(enum api_role role);
void secret_hash_of(struct str text, uint8_t out[SHA256_HASH_BYTES]);

/* Proves who asks and whether he may call the route; else the request has its reply. Thread: the pool's (it reads the catalog). */
bool access_admit(struct api_request *request);
/* Whether the Host header names this listener: a loopback listener answers to loopback names alone, so that a page that
 * makes its own name point to 127.0.0.1 gets nothing. */
bool access_host_ok(const struct api *api, const char *host);
/* Without the port: "localhost:18083", "[::1]:18083". */
struct str access_host_name(struct str host);

/* Sessions of pages: login_session.c. */

/* Begins one: its cookie goes with the reply; the page's half goes into page_key. */
void login_session_grant(struct api_request *request, const char *username, char page_key[TOKEN_TEXT_BYTES]);
void login_session_end(struct api_request *request); /* takes the cookie back, before the reply */
bool login_session_is_claimed(const struct api_request *request);
/* False: there is no such session, or another page's origin asks. */
bool login_session_check(struct api_request *request, char username[CALLER_NAME_BYTES]);
/* Whether the user has the password that api_first_administrator() has made. Thread: the pool's, as all in this part. */
bool initial_password_is_set(struct catalog *catalog, const char *username);
bool initial_password_mark(struct catalog *catalog, const char *username, struct error *err);
bool initial_password_unmark(struct catalog *catalog, const char *username,
                             struct error *err); /* none: fine */

/* The dashboard: dashboard.c. */

/* What answers this path, if no route does; NULL: nothing. */
const struct api_entry *dashboard_entry(const struct api_request *request);

/* The client's address as text, without a port: "127.0.0.1". */
#define ADDRESS_TEXT_BYTES 64
void request_address(const struct api_request *request, char out[ADDRESS_TEXT_BYTES]);

/* ---- The server ------------------------------------------------------------------------------------------ */

struct api_counters {
    _Atomic uint64_t requests[6]; /* by the first digit of the status */
    _Atomic uint64_t refused;     /* without or with wrong proof */
    _Atomic uint64_t busy;        /* the pool was full */
};

struct api_writer {
    api_metrics_fn *write;
    void *context;
};

struct api {
    /* Set before the server opens. */
    struct broker *broker;
    struct catalog *catalog;
    struct stations *stations; /* NULL: none */
    struct connectors *connectors;
    struct rules *rules;
    struct sinks *sinks;
    uint8_t machine_hash[SHA256_HASH_BYTES]; /* of DIR/admin.key */
    struct api_entry *entries;
    size_t entry_count;
    const struct api_table **tables;
    size_t table_count;
    json_t *components; /* {name: schema} */
    struct api_writer *writers;
    size_t writer_count;
    struct api_listener_options options;
    char **hosts; /* owned */
    char address[64];
    bool tls;
    bool loopback;
    struct MHD_Daemon *daemon;
    struct worker_pool *pool;
    struct tokens *tokens;
    struct jobs *jobs;
    struct login_limit *login_limit;
    struct monitor *monitor;
    struct alarms *alarms;
    struct api_mqtt_listener *listeners; /* owned, their texts too */
    size_t listener_count;
    int64_t started_ms; /* wall clock */
    /* Any thread. */
    atomic_bool ready;
    atomic_bool stopping; /* parked requests and streams come to an end */
    atomic_bool closing;  /* nothing is suspended any more */
    atomic_uint in_flight;
    atomic_uint suspended;
    atomic_uint logins;       /* passwords that are being checked */
    atomic_uint reads;        /* of stations, that are streamed */
    atomic_size_t body_bytes; /* of all requests: see BODIES_BYTES_MAX */
    _Atomic uint64_t next_id;
    struct api_counters counters;
    pthread_mutex_t log_lock;
    struct log_quota log_quota; /* under log_lock */
    /* park.c: under wait_lock. */
    pthread_mutex_t wait_lock;
    pthread_cond_t wait_changed;
    struct heap parked; /* requests by when their time is over */
    struct list peers;  /* connections */
    unsigned peer_count;
    bool clock_stop;
    bool clock_started;
    pthread_t clock;
    struct worker_job look; /* whoever has set `looking` */
    atomic_bool looking;
};

/* One connection: when its next request must be complete. */
struct api_peer {
    struct list link; /* api.peers */
    int fd;
    int64_t deadline_ms; /* monotonic; 0: none, a request is being answered */
    bool hung_up;        /* at the last sweep: park.c */
};

enum api_phase {
    PHASE_NEW,
    PHASE_ADMIT,   /* on the pool: who asks? */
    PHASE_RECEIVE, /* the body comes */
    PHASE_HANDLE,  /* on the pool, or parked */
    PHASE_REPLY,   /* the reply is on its way */
    PHASE_STREAM   /* on the pool, or parked: the next piece */
};

struct api_stream {
    const struct api_stream_ops *ops;
    void *state;
    struct buf out;
    size_t sent; /* of out */
    enum api_step step;
    bool open;
};

/* Owned by the HTTP thread; while its connection is suspended, by whoever resumes it: a thread of the pool, or the list of
 * parked requests. `parked`, `pending`, `due` and `deadline` are under api.wait_lock. */
struct api_request {
    struct api *api;
    struct MHD_Connection *connection;
    struct worker_job job;
    struct arena arena;
    uint64_t id;
    char id_text[REQUEST_ID_BYTES];
    struct str path;  /* as sent */
    struct str query; /* likewise; empty: none */
    bool uri_too_long;
    bool counted; /* in api.in_flight */
    enum api_phase phase;
    enum api_method method;
    struct api_match match;
    struct api_value *queries;
    size_t query_count;
    bool has_body;
    bool body_begun;
    bool body_complete;
    bool drains;    /* refused, but for a client that reads nothing before it has sent its body */
    bool too_large; /* the body: it is dropped as it comes */
    size_t discarded;
    size_t charged; /* to api.body_bytes */
    size_t body_max;
    struct buf body;
    json_t *json;
    struct caller caller;
    struct api_peer *peer;
    int64_t began_ms;
    /* The reply. */
    struct MHD_Response *response;
    unsigned status;
    struct api_value headers[REPLY_HEADERS_MAX];
    unsigned header_count;
    struct api_stream stream;
    /* Waiting. */
    struct api_waker *waker;
    void *state;
    void (*free_state)(void *state);
    enum api_woken woken;
    bool wants_park;
    int64_t park_ms;
    bool parked;
    bool pending;
    bool gone;
    enum api_woken due;
    struct heap_node deadline;
};

/* exchange.c */
void *exchange_uri(void *cls, const char *uri, struct MHD_Connection *connection);
enum MHD_Result exchange_step(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload, size_t *upload_len,
                              void **request);
void exchange_completed(void *cls, struct MHD_Connection *connection, void **request,
                        enum MHD_RequestTerminationCode why);
void exchange_peer(void *cls, struct MHD_Connection *connection, void **peer,
                   enum MHD_ConnectionNotificationCode what);
/* Suspends the connection, for a job or for parking. False: the server closes. Thread: the HTTP thread's. */
bool exchange_suspend(struct api_request *request);
void exchange_resume(struct api_request *request); /* the request is not the caller's afterwards */
void exchange_run(struct worker_job *job);         /* the phase of the request, on the pool */

/* park.c */
bool park_start(struct api *api, struct error *err);
void park_stop(struct api *api);
void park(struct api_request *request, int64_t ms); /* the request is not the caller's afterwards */
/* To the pool; if that is full, later. The request is not the caller's afterwards. */
void park_submit(struct api_request *request, enum api_woken woken);
void park_wake_all(struct api *api);           /* the server stops */
void park_forget(struct api_request *request); /* at its end: wakers reach it no more */
void park_peer(struct api *api, struct api_peer *peer, int64_t deadline_ms); /* sets its deadline */

/* stream.c */
struct MHD_Response *stream_response(struct api_request *request);
void stream_run(struct api_request *request); /* PHASE_STREAM */
void stream_close(struct api_request *request);

/* reply.c */
void reply_headers(struct api_request *request); /* puts them into the response */
/* Bytes that are never freed. */
void reply_static(struct api_request *request, unsigned status, const char *content_type, const void *bytes,
                  size_t len);
void reply_error_of(struct api_request *request, unsigned status, const char *code, const char *text);
/* What api_reply_failure() answers; 500: what is nobody's business. */
unsigned failure_status(const struct error *err, const char **code);

/* messages.c: what JSON says of MQTT 5 properties ("properties" of a message, checked against its schema; "headers": user
 * properties besides, or NULL), encoded without the length prefix into *props, which views *encoded.
 * Errors: ERR_INVALID, ERR_TOO_LARGE. */
bool message_properties(json_t *properties, json_t *headers, struct buf *encoded, struct str *props,
                        uint32_t *expiry_s, struct error *err);
#define MESSAGE_PROPERTIES                                                           \
    "{'type':'object','additionalProperties':false,'properties':{"                   \
    "'payload_format_indicator':{'type':'integer','minimum':0,'maximum':1},"         \
    "'message_expiry_interval':{'type':'integer','minimum':0,'maximum':4294967295}," \
    "'response_topic':{'type':'string','minLength':1,'maxLength':65535},"            \
    "'correlation_data':{'type':'string','maxLength':65535},"                        \
    "'correlation_data_base64':{'type':'string','maxLength':87384},"                 \
    "'content_type':{'type':'string','maxLength':65535},'user_properties':" MESSAGE_HEADERS "}}"
#define MESSAGE_HEADERS                                                                             \
    "{'type':'object','additionalProperties':{'oneOf':[{'type':'string'},{'type':'array','items':{" \
    "'type':'string'}}]}}"

/* health.c, openapi.c and the endpoints: their tables */
extern const struct api_table health_table;
extern const struct api_table openapi_table;
extern const struct api_table login_table;
extern const struct api_table login_session_table;
extern const struct api_table api_key_table;
extern const struct api_table stats_table;
extern const struct api_table monitor_table;
extern const struct api_table alarms_table;
extern const struct api_table logs_table;
extern const struct api_table listeners_table;
void listeners_free(struct api *api);
extern const struct api_table metrics_table;
extern const struct api_table mqtt_users_table;
extern const struct api_table banned_table;
extern const struct api_table rules_table;
extern const struct api_table clients_table;
extern const struct api_table subscriptions_table;
extern const struct api_table messages_table;
extern const struct api_table stations_table; /* with the stations alone, as those below */
extern const struct api_table stations_messages_table;
extern const struct api_table stations_produce_table;
extern const struct api_table stations_groups_table;
extern const struct api_table stations_tier_table;
extern const struct api_table stations_files_table;
extern const struct api_table stations_reset_table;
extern const struct api_table jobs_table;
extern const struct api_table connectors_table;  /* with the connectors alone */
extern const struct api_table rule_engine_table; /* with rules alone */
void rule_engine_metrics(struct buf *out, void *rules);
extern const struct api_table actions_table; /* with sinks alone */
void actions_metrics(struct buf *out, void *sinks);

/* login.c: a name without control characters; else the request has its reply. */
bool name_ok(struct api_request *request, const char *what, const char *text);

json_t *openapi_document(const struct api *api); /* returns owned */

#endif
