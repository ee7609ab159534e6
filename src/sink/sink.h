/* Actions that deliver: what a rule has selected goes to an S3-compatible store, one object a message or many in one.
 *
 *     rule ─▶ sink_submit() ─▶ the action's buffer, a log on disk ─▶ its lanes ─▶ object store
 *                 │                     │ on disk: `async` is done         │ stored: `sync` is done
 *                 └── templates         └── what waits survives anything   └── retried until it succeeds
 *
 * An action is a JSON object in the catalog, {"type": "s3", "name": "archive", …}; its id is "s3:archive". What a rule
 * gives it is rendered at once and appended to its log, DIR/actions/<id>/; from there lanes deliver it, each lane in
 * order, a client always by the same lane. In mode `aggregated` it is appended as a row, and one thread makes an object of
 * many rows. The log is trimmed behind what is stored: so a crash, a restart or an outage
 * of any length loses nothing that was accepted.
 *
 * Life, in this order: broker_start(), sinks_open(), rules_open(); rules_close(), sinks_close(), connectors_close(), the
 * log engine.
 *
 * Thread: any but a reactor's, unless it says otherwise. */
#ifndef SINK_SINK_H
#define SINK_SINK_H

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include "sql/columns.h"

#include <jansson.h>
#include <stdint.h>

struct broker;
struct catalog;
struct connectors;
struct log_engine;
struct publication;
struct sink;
struct sinks;
struct worker_pool;

#define SINK_ID_MAX 300

struct spec_key;
/* The keys of an action of type s3, but type and name: connector/spec.h. */
const struct spec_key *sink_object_keys(void);

/* How a message is published that an action gives up (fallback_actions): by rule/, which is above. */
struct sink_message;
struct sink_republish {
    /* `args` as those of a rule's republish; NULL: there are none. Returns owned. Errors: ERR_INVALID. */
    void *(*read)(const json_t *args, struct error *err);
    void (*free)(void *republish); /* takes */
    /* Publishes; if message->done is set, it is called once when whoever keeps the new message has it. Never blocks. False: it is not
     * called. `arg`: sinks_republish_through(). Thread: as sink_submit(). */
    bool (*run)(void *arg, const void *republish, const struct sink_message *message, struct error *err);
};

struct sinks_options {
    const char *dir; /* the data directory */
    /* Borrowed until sinks_close(). */
    struct catalog *catalog;
    struct connectors *connectors;
    struct log_engine *engine;
    struct worker_pool *workers;
    struct broker *broker;
    const char *node;                       /* its name, in keys of objects */
    const struct sink_republish *republish; /* NULL: no fallback publishes */
};

/* Opens the buffers of all actions and goes on where they stopped. An action that cannot be opened is there, says why, and
 * refuses. Returns owned. Errors: those of catalog and system. Blocks. */
struct sinks *sinks_open(const struct sinks_options *options, struct error *err);
/* What is in buffers stays there. Takes; NULL is fine. Blocks for requests under way, but not long: who has not ended by then is
 * repeated at the next start. */
void sinks_close(struct sinks *sinks);

/* What a fallback publishes goes through this argument of sink_republish from now on; NULL: through nobody, and it waits; then this
 * returns when none is under way any more. */
void sinks_republish_through(struct sinks *sinks, void *arg);

/* ---- Giving it messages ---------------------------------------------------------------------------------- */

/* A reference to an action that a rule holds: it stays valid, and means whatever the action is by then, deleted included,
 * until it is released. NULL never: an id of nothing is a reference to nothing, and submitting to it is DISCARDED. */
struct sink *sinks_take(struct sinks *sinks, struct str id);
void sink_release(struct sink *sink); /* takes */

/* One result of a rule. All of it is borrowed during the call. */
struct sink_message {
    const struct sql_columns *result; /* what was selected: for templates */
    struct sql_scope *scope;
    struct str client_id; /* the lane is chosen by it; empty: the first */
    unsigned reactor;     /* the reactor on whose thread this is; SINK_NO_REACTOR: another thread */
    int64_t time_ms;      /* wall clock: of the message; in keys */
    struct str station;   /* that a rule has it from; empty: none */
    uint64_t offset;      /* there */
    struct publication *publication; /* that its acknowledgement waits; NULL: an event, or a station's */
    /* Instead of that, called once when it is accepted (err NULL) or not: on any thread; must not block. NULL: nobody asks. */
    void (*done)(void *arg, const struct error *err);
    void *arg;
    struct str origin; /* which rules have led to it: for what a fallback publishes; may be empty */
    bool
        is_fallback; /* another action has given it up: it has no fallbacks here, and `done` means the buffer */
};
#define SINK_NO_REACTOR UINT32_MAX

enum sink_outcome {
    SINK_ACCEPTED,       /* it is in the buffer, or on its way there: the acknowledgement waits for it */
    SINK_FAILED,         /* it can never be delivered: an undefined variable in bucket or key, too large */
    SINK_OUT_OF_SERVICE, /* not now: the buffer is full and blocks, its disk fails */
    SINK_DISCARDED       /* the action is disabled, or there is none */
};

/* Never blocks. On any other outcome than ACCEPTED *err says why, and `done` is not called. Thread: the reactor's, or any
 * with SINK_NO_REACTOR. */
enum sink_outcome sink_submit(struct sink *sink, const struct sink_message *message, struct error *err);

/* ---- The objects ----------------------------------------------------------------------------------------- */

/* Creates one. *id gets its id. Errors: ERR_INVALID (which key, what was expected; no such connector), ERR_EXISTS. */
bool sinks_create(struct sinks *sinks, const json_t *object, char id[SINK_ID_MAX], struct error *err);
/* Whether such an action would work: reads it, and looks at its bucket in its connector's store; of a bucket with placeholders
 * at the connector's own. Nothing is created. `done` is called once, on any thread, perhaps before this returns; err NULL: it
 * would. False: `done` is not called. Errors: ERR_INVALID, as sinks_create(); ERR_READ_ONLY (the connector is disabled),
 * ERR_BUSY (too many at once), those of opening a store. */
bool sinks_try(struct sinks *sinks, const json_t *object, void (*done)(const struct error *err, void *arg),
               void *arg, struct error *err);
/* Changes the keys that are given; what is buffered stays, and goes out under the new settings. Errors: as above,
 * ERR_NOT_FOUND. */
bool sinks_update(struct sinks *sinks, struct str id, const json_t *object, struct error *err);
/* Errors: ERR_NOT_FOUND, ERR_BUSY (rules use it: which; not with `force`). What is still buffered is given up. */
bool sinks_delete(struct sinks *sinks, struct str id, bool force, struct error *err);
bool sinks_enable(struct sinks *sinks, struct str id, bool enable, struct error *err);
bool sinks_start(struct sinks *sinks, struct str id, struct error *err); /* looks at the connector now */
/* The object with "status", "status_reason", "node_status", "rules" and times. NULL: ERR_NOT_FOUND. Returns owned. */
json_t *sinks_describe(struct sinks *sinks, struct str id, const char *node, struct error *err);
/* {matched, success, failed, dropped, dropped.…, retried, queuing, queuing_bytes, inflight, buffered, stored, …}: of these
 * matched = success + failed + inflight + queuing + dropped at any moment. NULL: ERR_NOT_FOUND. Returns owned. */
json_t *sinks_metrics(struct sinks *sinks, struct str id, struct error *err);
bool sinks_metrics_reset(struct sinks *sinks, struct str id, struct error *err);
/* In the order of ids; false stops. */
void sinks_each(struct sinks *sinks, bool (*each)(struct str id, void *arg), void *arg);

/* `who` needs the action ("r1", a rule): told by sinks_describe(), and refused to sinks_delete(). The action may come later. */
void sinks_use(struct sinks *sinks, struct str id, struct str who);
void sinks_unuse(struct sinks *sinks, struct str id, struct str who);

#endif
