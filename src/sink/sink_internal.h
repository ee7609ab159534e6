/* What the files of sink/ share.
 *
 * Reading order: sinks.c (the objects), describe.c (what is told of them), fields.c (what is in one), buffer.c (a result → the log, acknowledgements), message_key.c (what a key can name),
 * record.c (a request as bytes), row.c (a row as bytes), direct.c (the log → objects, one a message) with window.c (which may go out next)
 * and direct_drop.c (what is given up), aggregate.c (the log →
 * objects of many rows) with range.c (which rows), container.c (their file, if it is text), shape.c and sheet.c (rows as
 * columns), range_file.c (their file, if it is Parquet), object_key.c and datetime.c (its key), upload.c (its request), append.c (its
 * commit to an Iceberg table). fallback.c is what is done with messages that are given up, rounds.c is the thread of both modes.
 *
 * A sink is there for life once anybody has named it. While its action exists it has a log and a thread that delivers
 * what is in it. What is configured, the *plan*, is replaced as a whole: whoever has replaced it waits until every
 * reactor has left its turn, and the delivering thread its round, then frees it. */
#ifndef SINK_SINK_INTERNAL_H
#define SINK_SINK_INTERNAL_H

#include "sink/columns.h"
#include "sink/rounds.h"
#include "sink/sink.h"

#include "base/map.h"
#include "base/rate.h"
#include "base/thread.h"
#include "base/ticker.h"
#include "broker/broker.h"
#include "broker/service.h"
#include "connector/connector.h"
#include "connector/spec.h"
#include "lake/lake.h"
#include "log/log.h"
#include "net/net.h"
#include "object/object.h"
#include "sql/template.h"

#include <stdatomic.h>

/* ---- What is configured ---------------------------------------------------------------------------------- */

enum sink_mode { SINK_DIRECT, SINK_AGGREGATED };

struct header_template {
    char *name;
    struct sql_template *value;
};

enum container_type { CONTAINER_CSV, CONTAINER_JSON_LINES, CONTAINER_PARQUET, CONTAINER_ICEBERG };
enum container_compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD, COMPRESSION_SNAPPY };

struct container_format {
    enum container_type type;
    enum container_compression compression;
    char **column_order; /* CSV */
    size_t column_count;
    struct declared_columns declared; /* Parquet, Iceberg */
    struct sheet_format sheet;
};

static inline bool is_columnar(enum container_type type)
{
    return type == CONTAINER_PARQUET || type == CONTAINER_ICEBERG;
}

struct range_limits {
    int64_t interval_ms;
    uint64_t max_records;
    uint64_t max_bytes;        /* of the container, before compression */
    uint64_t max_buffer_bytes; /* of its records in the buffer */
    bool restarts;             /* the sequence, in each interval */
};

struct object_key;

struct aggregate_plan {
    struct container_format format; /* owned */
    struct range_limits limits;
    struct object_key *key;
    char *table; /* Iceberg: where it is in the bucket; no key then */
};

struct sink_plan {
    enum sink_mode mode;
    bool enabled;                /* false: nothing is taken or delivered; what comes goes to the fallbacks */
    char *connector;             /* its id */
    struct sql_template *bucket; /* SINK_AGGREGATED: a plain text, as those of headers are */
    struct sql_template *key;    /* SINK_DIRECT, as content is */
    struct sql_template *content;
    struct aggregate_plan aggregate; /* SINK_AGGREGATED */
    struct header_template *headers; /* with content type and ACL among them */
    size_t header_count;
    unsigned lanes;
    unsigned window; /* requests at a time, of all lanes; 1: of each lane */
    uint64_t max_buffer_bytes;
    int64_t ttl_ms; /* 0: for ever */
    int64_t retry_ms;
    bool sync;
    bool block;                  /* buffer_full */
    struct fallbacks *fallbacks; /* a reference; NULL: none */
};

/* A new action as it is given: its id, and its object as it is kept. Returns owned; NULL: ERR_INVALID. */
json_t *action_read(const json_t *given, char id[SINK_ID_MAX], struct error *err);
/* From an action that has been read (fields.h). Returns owned; NULL: ERR_INVALID. */
struct sink_plan *plan_new(const json_t *object, struct error *err);

#define SINK_CONNECTOR_BYTES (CONNECTOR_ID_MAX + 8)
/* The id of the connector that the object names: a name alone is one of S3. */
void sink_connector_id(const json_t *object, char out[SINK_CONNECTOR_BYTES]);
void plan_free(struct sink_plan *plan);
enum sink_mode plan_mode(const json_t *object); /* of an action that has been read */
extern const struct spec_key sink_keys[];       /* of type s3, but type and name */

/* ---- Records --------------------------------------------------------------------------------------------- */

#define RECORD_VERSION     1
#define RECORD_KIND_OBJECT 1
#define RECORD_KIND_ROW    2

/* A request as it is kept: all of it borrows from the record. */
#define RECORD_HEADERS_MAX 64
struct sink_request {
    uint64_t lane; /* a hash of the client id */
    struct str bucket;
    struct str key;
    struct str content;
    struct str content_type; /* empty: none */
    size_t header_count;
    struct object_header headers[RECORD_HEADERS_MAX]; /* last: those that there are not need not be emptied */
};
/* Appends the record. */
void record_write(const struct sink_request *request, struct buf *out);
/* Errors: ERR_CORRUPT. */
bool record_read(struct str record, struct sink_request *out, struct error *err);

/* A record with what its fallbacks need: where there are none, a record is bare. */
#define RECORD_KIND_ENVELOPE 3
struct sink_envelope {
    struct str origin;
    struct str row;   /* what was selected; of a bare record the record itself */
    struct str inner; /* the request; of a row the row */
};
/* Appends one, without a request: that is appended behind it. The row is appended by envelope_end(). */
size_t envelope_begin(struct str origin, struct buf *out);
void envelope_end(size_t begun, struct buf *out); /* the row has been appended */
/* Errors: ERR_CORRUPT. */
bool envelope_read(struct str record, struct sink_envelope *out, struct error *err);

/* Appends a row. */
void row_write(const struct sql_value *map, struct buf *out);
/* Begins the scope anew; strings of the row borrow from the record. Errors: ERR_CORRUPT, ERR_LIMIT. */
bool row_read(struct str record, struct sql_scope *scope, struct sql_value *out, struct error *err);

/* ---- Figures --------------------------------------------------------------------------------------------- */

/* Under sink.lock, but `matched`. queuing is what is left of matched. */
struct sink_figures {
    uint64_t success; /* stored */
    uint64_t failed;
    uint64_t expired;
    uint64_t queue_full;
    uint64_t other; /* the buffer's disk has refused it */
    uint64_t inflight;
    uint64_t retried;    /* attempts but the first */
    uint64_t bytes;      /* stored */
    uint64_t latency_ms; /* sum, from buffer to store */
    uint64_t objects;    /* of many rows: stored */
    uint64_t object_failures;
    uint64_t rest_values; /* stored beside their column, which they did not fit */
    uint64_t fallbacks;   /* messages that a fallback has taken, and those that it has not */
    uint64_t fallback_failures;
};

/* ---- A sink ---------------------------------------------------------------------------------------------- */

struct sink_batch;

/* What a reactor has for one sink; the last one is for all other threads, under post_lock. */
struct sink_post {
    struct turn_task task; /* first */
    struct sink *sink;
    unsigned index;
    struct sink_batch *open;
    struct buf record;
    struct buf parts; /* while it is rendered */
    _Atomic uint64_t matched;
};

/* An acknowledgement, in the order of offsets, that waits until the store has the record (`sync`). */
struct sink_waiter {
    uint64_t offset;
    struct ack_ticket *ticket;
    void (*done)(void *arg, const struct error *err);
    void *arg;
};

struct sink {
    struct sinks *sinks;
    char *id;
    atomic_uint refs;                 /* of rules; the registry keeps it until it closes */
    _Atomic(struct sink_plan *) plan; /* NULL: there is no such action, or it cannot run */
    struct sink_post *posts;
    pthread_mutex_t post_lock;       /* the last post */
    struct log *log;                 /* NULL: there is no such action, or it cannot be opened */
    struct delivery *delivery;       /* direct.c; with the log */
    struct aggregation *aggregation; /* aggregate.c; instead of it */
    pthread_mutex_t lock;            /* all that follows */
    json_t *object;                  /* NULL: there is no such action */
    int64_t created_ms;
    int64_t modified_ms;
    struct error why; /* why it cannot run, or what the store has said last; ERR_NONE */
    bool store_fails; /* the last request did */
    struct sink_figures figures;
    struct sink_figures reset; /* what they were then */
    struct rate rate;
    json_t *users;               /* who uses it: a list of texts */
    struct sink_waiter *waiters; /* a ring */
    size_t waiter_cap, waiter_head, waiter_count;
};

/* What its deliverer goes by; NULL: it is disabled, or there is none. */
static inline const struct sink_plan *plan_in_force(const struct sink *sink)
{
    const struct sink_plan *plan = atomic_load_explicit(&sink->plan, memory_order_acquire);
    return plan != NULL && plan->enabled ? plan : NULL;
}

struct sinks {
    struct sinks_options options;
    unsigned post_count;  /* reactors, and one for other threads */
    pthread_mutex_t lock; /* by_id, and changes of actions, one at a time */
    struct map by_id;
    struct ticker ticker;           /* rates */
    atomic_bool loaded;             /* all actions are there: one may fall back to another */
    pthread_mutex_t republish_lock; /* what follows */
    pthread_cond_t republished;
    void *republish_arg; /* NULL: rules are not open */
    unsigned republishing;
};

/* The one of this id: there is one for each that anybody has named. Under the registry's lock, as the next one. */
struct sink *sink_of(struct sinks *sinks, struct str id);
/* The action of this id; NULL: ERR_NOT_FOUND. */
struct sink *sink_find(struct sinks *sinks, struct str id, struct error *err);
bool is_enabled(const json_t *object);

/* ---- Fallbacks ------------------------------------------------------------------------------------------- */

struct fallbacks; /* of a plan; counted, so that they can be run when the plan may be gone */
/* From an action's object; *out NULL: it has none. Under the registry's lock. Errors: ERR_INVALID, ERR_UNSUPPORTED. */
bool fallbacks_new(struct sinks *sinks, const char *own_id, const json_t *object, struct fallbacks **out,
                   struct error *err);
struct fallbacks *fallbacks_ref(struct fallbacks *fallbacks); /* NULL is fine */
void fallbacks_unref(struct fallbacks *fallbacks);            /* takes; NULL is fine */
/* False: what they need is not open (yet, or any more): later. NULL is ready. */
bool fallbacks_are_ready(const struct fallbacks *fallbacks);
/* At once, for a message that could not be taken. Never blocks. Thread: that of the submission; not with post_lock held. */
void fallbacks_run(struct sink *sink, const struct fallbacks *fallbacks, const struct sink_message *message);

/* From the buffer: some messages, then the end, which waits until each is where it should be. Thread: the delivering one. */
struct fallback_batch {
    struct sink *sink;
    const struct fallbacks *fallbacks;
    struct sql_scope scope;
    pthread_mutex_t lock;
    pthread_cond_t passed;
    unsigned pending; /* under lock */
};
void fallback_begin(struct fallback_batch *batch, struct sink *sink, const struct fallbacks *fallbacks);
void fallback_send(struct fallback_batch *batch, struct str record, int64_t time_ms);
void fallback_end(struct fallback_batch *batch);
void fallback_range(struct sink *sink, const struct fallbacks *fallbacks, uint64_t first, uint64_t next);

/* ---- The buffer ------------------------------------------------------------------------------------------ */

/* Submits what the post has gathered. Thread: the post's. */
void post_flush(struct turn_task *task);
void post_free(struct sink_post *post);
/* All records at `offset`: the store has it, or will never. Thread: the delivering one. */
void waiters_settle(struct sink *sink, uint64_t offset, const struct error *err);
/* All records below `offset`. */
void waiters_settle_below(struct sink *sink, uint64_t offset, const struct error *err);
void waiters_drop(struct sink *sink); /* nobody waits any more: the sink closes */
uint64_t sink_matched(const struct sink *sink);

/* ---- Delivering ------------------------------------------------------------------------------------------ */

/* Starts the thread that delivers what is in the sink's log, from its beginning on. Returns owned. */
struct delivery *delivery_start(struct sink *sink, struct error *err);
/* Ends it. Requests under way have until a moment (monotonic) to end; then they are left alone: they are repeated if there is a next
 * time. Takes; NULL is fine. Blocks. */
void delivery_stop(struct delivery *delivery, int64_t until_ms);
/* What is configured has changed, or the store is to be tried at once. Waits until the former plan is in use no more; for no request. */
void delivery_changed(struct delivery *delivery);

/* The same for objects of many rows. */
struct aggregation *aggregation_start(struct sink *sink, struct error *err);
void aggregation_stop(struct aggregation *aggregation, int64_t until_ms);
void aggregation_changed(struct aggregation *aggregation);
/* Trims what a crash has left in the log though it is stored. Before it is started. */
bool aggregation_recover(struct sink *sink, struct error *err);

/* ---- Objects of many rows -------------------------------------------------------------------------------- */

struct range_state {              /* what has been stored; zero: nothing yet */
    uint64_t offset;              /* what is below it */
    int64_t start_ms;             /* of the interval of the last one */
    uint64_t sequence;            /* of the next one in that interval */
    uint64_t total;               /* objects ever */
    char writer[LAKE_UUID_BYTES]; /* of an Iceberg table: of this log of the action; empty: none yet */
};

struct range {
    uint64_t first, next;       /* offsets; equal: nothing yet */
    int64_t start_ms, until_ms; /* its interval, wall clock */
    uint64_t sequence;          /* within it */
    uint64_t total;             /* objects before it */
    uint64_t bytes, buffer_bytes;
    uint64_t bad;     /* rows that cannot be read */
    int64_t times_ms; /* sum of the records' times */
    int64_t last_ms;  /* time of the last one */
};

/* A range whose first record is at `offset`, of `time_ms`. */
void range_begin(struct range *range, const struct range_state *state, const struct range_limits *limits,
                 uint64_t offset, int64_t time_ms);
/* Whether a record of this time is the next one of it; false: the range ends before. */
bool range_takes(const struct range *range, const struct range_limits *limits, int64_t time_ms);
bool range_is_full(const struct range *range, const struct range_limits *limits);
/* What is true once it is stored; `state` is what was before. */
struct range_state range_state_behind(const struct range *range, const struct range_state *state);
/* Errors of these: those of the catalog. Block. */
bool range_state_load(struct sink *sink, struct range_state *out, struct error *err);
bool range_state_save(struct sink *sink, const struct range_state *state, struct error *err);
bool range_state_restart(struct sink *sink, struct error *err);

/* What ${datetime.F} and ${datetime_until.F} name: a map. Errors: ERR_LIMIT. */
bool datetime_make(struct sql_scope *scope, int64_t time_ms, struct sql_value *out, struct error *err);
/* "rfc3339utc", "utc.YYYY", …: what such a form tells of a time, in bits; not known: 0. */
unsigned datetime_tells(struct str form, bool *known);
#define DATETIME_TELLS_ALL 63u /* to the second */

/* What the key of a message's object can name besides what was selected: ${datetime.F}, ${station}, ${offset}. */
struct message_key {
    const struct sink_message *message;
};
struct sql_columns message_key_columns(struct message_key *key); /* borrows it */

/* Keys with the placeholders action, node, sequence, datetime.F and datetime_until.F; those it lacks are added.
 * Returns owned. Errors: ERR_INVALID (another placeholder). */
struct object_key *object_key_new(struct str text, struct error *err);
void object_key_free(struct object_key *key); /* takes; NULL is fine */
/* Its times tell intervals from each other: the sequence may begin again in each. */
bool object_key_is_exact(const struct object_key *key);
#define OBJECT_KEY_BYTES_MAX 1024 /* S3's limit */
struct object_key_values {
    const char *action;
    const char *node;
    int64_t start_ms, until_ms;
    uint64_t sequence;
};
/* Appends the key. Errors: ERR_TOO_LARGE. */
bool object_key_render(const struct object_key *key, const struct object_key_values *values, struct buf *out,
                       struct error *err);

/* Writes rows to a file from its beginning on. The format's columns are borrowed until the first row. Returns owned. Errors:
 * ERR_NO_MEMORY. Of all others: those of writing; after one it can only be freed. */
struct container *container_new(const struct container_format *format, int fd, struct error *err);
void container_free(struct container *container); /* takes; NULL is fine */
bool container_add(struct container *container, const struct sql_value *row, struct error *err);
bool container_finish(struct container *container, uint64_t *length, struct error *err);
uint64_t container_bytes(const struct container *container); /* so far, before compression */

#define PARQUET_CONTENT_TYPE "application/vnd.apache.parquet"

/* Writes the rows of the log's records [first, next) to the file. The sheet has been planned, the summary borrows from it. Errors:
 * those of reading and of writing. Blocks. */
bool range_file_write(struct log *log, uint64_t first, uint64_t next, const struct sheet_format *format,
                      int fd, struct sheet *sheet, struct parquet_summary *out, struct error *err);

/* A range's file on its way to its key. */
struct upload;
#define UPLOAD_HEADERS_MAX 16
/* Returns owned; the file may be closed, but not changed, before the end. The rounds are woken when it has landed. Errors: of the
 * connector, of the key, of the store. */
struct upload *upload_start(const struct sink *sink, const struct sink_plan *plan, const struct range *range,
                            const struct object_file *file, struct rounds *rounds, struct error *err);
bool upload_has_landed(struct upload *upload, struct error *err); /* ERR_NONE: it is stored */
/* One that has not landed is left alone. Takes; NULL is fine. Never blocks. */
void upload_end(struct upload *upload);
int64_t upload_deadline_ms(uint64_t bytes);

/* A range on its way into an Iceberg table. */
struct append;
struct append_task {
    struct log *log; /* borrowed, as shape and fd, until append_end() */
    uint64_t first, next;
    const struct shape *shape;
    struct sheet_format format;
    int fd;           /* for the file */
    uint64_t version; /* of the table, as known; 0 */
    char writer[LAKE_UUID_BYTES];
};
struct append_result {
    uint64_t version;
    uint64_t
        next; /* what is below it is in the table; not the task's: an attempt before has committed another range */
    uint64_t bytes; /* of the file; 0: none was made */
    uint64_t rest_values;
};
/* Returns owned. The rounds are woken when it has landed. Errors: of the connector, of threads. */
struct append *append_start(struct sink *sink, const struct sink_plan *plan, const struct append_task *task,
                            struct rounds *rounds, struct error *err);
/* ERR_NONE: it is committed. Errors: of the store, those of sheet_plan_in(), ERR_UNSUPPORTED (the table is partitioned, …). */
bool append_has_landed(struct append *append, struct append_result *result, struct error *err);
/* One that has not landed is left: whether it is committed is found out by the next one. Takes; NULL is fine. Blocks, not for the store. */
void append_end(struct append *append);

/* What the last attempt has said, for the status. */
void sink_fails(struct sink *sink, const struct error *err);
void sink_delivers(struct sink *sink);

json_t *figures_json(const struct sink *sink); /* under the lock. Returns owned */
void figures_reset(struct sink *sink);
void figures_tick(void *sinks); /* once a second, under its lock */

#endif
