/* Stations: named, ordered streams of messages that stay on disk until retention expels them.
 *
 *     publisher ─▶ router ─▶ a station's topics match ─▶ its log ─▶ on disk ─▶ PUBACK
 *     reader    ─▶ $station/<name>@earliest/…, or station_read_open()
 *     group     ─▶ $share/<group>/$station/<name>, or station_fetch_start(): each message to one member
 *
 * Life, in this order: stations_open(), broker_start() with stations_provider(), stations_attach(); broker_stop(),
 * stations_close(), log_engine_stop(), catalog_close().
 *
 * On disk: DIR/stations/<name>/ is the station's log, one record a message (envelope.c). Station objects and the
 * positions of groups and readers are in the catalog.
 *
 * Thread: any, unless it says otherwise; what "blocks" waits for a disk or a reactor and is not for reactors. */
#ifndef STATION_STATION_H
#define STATION_STATION_H

#include "base/buf.h"
#include "base/thread.h"
#include "broker/feed.h"
#include "catalog/catalog.h"
#include "log/log.h"

struct broker;
struct stations;

/* ---- The station object ---------------------------------------------------------------------------------- */

#define STATION_NAME_MAX   128
#define STATION_TOPICS_MAX 256

enum station_when_full { STATION_BLOCK, STATION_DROP_OLDEST };

struct station_config {
    char *name;
    char *description;
    char **topics; /* topic filters; none: only stations_produce() fills it */
    size_t topic_count;
    struct {
        int64_t age_ms; /* 0: no limit, as in the next two */
        uint64_t bytes;
        uint64_t messages;
        bool acked; /* what all groups have acknowledged goes; without a group nothing does */
    } retention;
    int64_t sync_ms;         /* LOG_SYNC_COMMIT, LOG_SYNC_NONE, or an interval */
    int64_t dedup_window_ms; /* 0: no message is a duplicate */
    int64_t ack_wait_ms;
    uint32_t max_deliveries;    /* 0: no limit */
    uint32_t max_ack_pending;   /* of a group: delivered and not acknowledged */
    uint32_t max_message_bytes; /* of topic, properties and payload */
    struct {
        bool enabled;
        char *connector;
        char *bucket;
        char *prefix;
        uint64_t upload_bytes;
        int64_t upload_interval_ms;
        int64_t retention_age_ms;
        uint64_t disk_budget_bytes;
        enum station_when_full when_full;
    } tier;
};

void station_config_init(struct station_config *config); /* the defaults; no name, no topic */
void station_config_free(struct station_config *config); /* the strings, not the struct */
/* Reads a JSON object over what *config holds: keys that are missing stay as they are. On an error *config is as it
 * was. Errors: ERR_INVALID (key, and what was expected), ERR_UNSUPPORTED (tier.enabled). */
bool station_config_parse(struct station_config *config, struct str json, struct error *err);
void station_config_print(const struct station_config *config, struct buf *out); /* appends the JSON object */
/* Lower-cases `name` into out. Errors: ERR_INVALID. */
bool station_name_parse(struct str name, char out[STATION_NAME_MAX + 1], struct error *err);

/* ---- All of them ----------------------------------------------------------------------------------------- */

struct stations_options {
    const char *dir; /* the data directory */
    /* Borrowed until stations_close(). */
    struct catalog *catalog;
    struct log_engine *engine;
    struct worker_pool *workers;
    uint64_t segment_bytes; /* of their logs; 0: the log's default */
    bool manual;            /* tests: no housekeeping thread; stations_tick() does its work */
};

/* Opens the logs of all stations that the catalog has. A station whose log cannot be opened is there, says why in its
 * state and refuses; the others go on. Returns owned. Errors: those of the catalog and the system. Blocks. */
struct stations *stations_open(const struct stations_options *options, struct error *err);
const struct feed_provider *stations_provider(struct stations *stations); /* for broker_start(); borrows */
/* Starts capturing. Thread: main, after broker_start(). Errors: those of service_subscribe(). */
bool stations_attach(struct stations *stations, struct broker *broker, struct error *err);
/* Positions are on disk when it returns. After broker_stop(), before broker_free(). Takes; NULL is fine. Blocks. */
void stations_close(struct stations *stations);

/* Housekeeping, once: retention, rates, forgotten ids. True if anything was due. For tests with `manual`. Blocks. */
bool stations_tick(struct stations *stations);

/* Creates a station from its object. Errors: ERR_INVALID, ERR_EXISTS, ERR_UNSUPPORTED, those of catalog and log.
 * Blocks, as all below. */
bool stations_create(struct stations *stations, struct str json, struct error *err);
/* Changes what `json` has; a name in it must be the same. Errors: as stations_create(), ERR_NOT_FOUND. */
bool stations_update(struct stations *stations, struct str name, struct str json, struct error *err);
/* Errors: ERR_NOT_FOUND; ERR_BUSY (a group has members, or somebody uses it; not with `force`). */
bool stations_delete(struct stations *stations, struct str name, bool force, struct error *err);
/* Expels everything that it holds; offsets go on. *count: how many messages. Errors: ERR_NOT_FOUND, those of the log. */
bool stations_purge(struct stations *stations, struct str name, uint64_t *count, struct error *err);
/* Appends the station object with "state" in it:
 * {…,"state":{"status":"running"|"read_only"|"failed","error":null|"…","messages","bytes","disk_bytes","segments",
 *  "first_offset","next_offset","first_time","last_time" (RFC 3339 or null),"messages_in","bytes_in","duplicates",
 *  "refused","rate_in" (messages a second),"rate_bytes_in","groups","readers","uses":[…]}} */
bool stations_describe(struct stations *stations, struct str name, struct buf *out, struct error *err);
struct station_stats {
    bool running; /* else it takes no messages */
    uint64_t messages;
    uint64_t bytes;
    uint64_t disk_bytes;
    uint64_t next_offset;
    uint64_t messages_in; /* since the start, as the next three */
    uint64_t bytes_in;
    uint64_t duplicates;
    uint64_t refused;
    unsigned groups;
    unsigned readers;
};
/* Figures alone: no I/O. Errors: ERR_NOT_FOUND. */
bool station_stats(struct stations *stations, struct str name, struct station_stats *out, struct error *err);
/* The names in their order; each is borrowed during the call, which may call anything here. False stops. */
void stations_each(struct stations *stations, bool (*each)(struct str name, void *arg), void *arg);
size_t stations_count(struct stations *stations);

/* `who` needs the station ("rule r1"): it is not deleted unless forced. Errors: ERR_NOT_FOUND. */
bool stations_use(struct stations *stations, struct str name, struct str who, struct error *err);
void stations_unuse(struct stations *stations, struct str name, struct str who);

/* ---- Messages -------------------------------------------------------------------------------------------- */

struct station_message {
    uint64_t offset;
    int64_t time_ms; /* the server's, wall clock */
    struct str topic;
    struct str payload;
    struct str props; /* MQTT 5 PUBLISH properties, encoded without their length, as they came and in order */
    struct str client_id;
    struct str username;
    struct str id;       /* user property `msg-id`; empty: none */
    uint32_t expiry_s;   /* message expiry interval as it came, counted from time_ms; 0: none */
    uint32_t deliveries; /* by a group: this one included */
    uint8_t qos;
    bool retain;
};

/* Messages to be stored together. Zero-initialise. */
struct station_produce {
    /* The caller's, borrowed until `done`. */
    const struct station_message *messages; /* topic, payload, props, qos, retain, client_id, username, id */
    size_t count;                           /* at most STATION_PRODUCE_MAX */
    uint64_t *offsets;                      /* filled; may be NULL */
    bool *duplicates; /* filled: the offset is that of an earlier message; may be NULL */
    /* Once, when all are durable (err NULL), or the first error: then some may be stored. On any thread, perhaps
     * before stations_produce() returns; must not block. */
    void (*done)(struct station_produce *produce, const struct error *err);
    /* The station's. */
    struct produce_batch *batch;
    atomic_uint pending;
    atomic_flag failed;
    struct error err;
};
#define STATION_PRODUCE_MAX 10000

/* An `id` that `props` does not have as `msg-id` is added to them. False: nothing is stored, and `done` is not called.
 * Errors: ERR_NOT_FOUND, ERR_INVALID (topic, properties), ERR_TOO_LARGE, ERR_CLOSED. Those of the disk come with `done`:
 * ERR_BUSY (too much waits for it: try again), ERR_READ_ONLY, ERR_NO_SPACE, ERR_IO. Never blocks. */
bool stations_produce(struct stations *stations, struct str name, struct station_produce *produce,
                      struct error *err);
/* Whether stations_produce() would take this message. Errors: as there. Never blocks. */
bool stations_message_check(struct stations *stations, struct str name, const struct station_message *message,
                            struct error *err);
/* As stations_produce(), waiting for it; `done` is not used. Blocks. */
bool stations_produce_wait(struct stations *stations, struct str name, struct station_produce *produce,
                           struct error *err);

/* ---- Reading --------------------------------------------------------------------------------------------- */

/* A place in a station: `earliest`, `latest`, `last:N`, `offset:N`, `time:<RFC 3339 or ms>`. */
struct station_start {
    enum { START_LATEST, START_EARLIEST, START_LAST, START_OFFSET, START_TIME } kind;
    uint64_t value;
    int64_t time_ms;
};
bool station_start_parse(struct str text, struct station_start *out, struct error *err); /* ERR_INVALID */

struct station_read_options {
    struct str from; /* a start; empty: earliest */
    struct str
        to; /* a start: what is at or behind it is not read; empty: the end as it is at the opening, or with
                          `follow` no end. `latest`: the end as it is at the opening */
    struct str filter; /* a topic filter; empty: all */
    uint64_t limit;    /* messages; 0: no limit */
    bool follow;       /* waits at the end for more */
    uint64_t slice;    /* records looked at in one station_read_next(), then PAUSE; 0: no limit */
};

struct station_read;
enum station_read_result {
    STATION_READ,
    STATION_READ_END,
    STATION_READ_TIMEOUT,
    STATION_READ_PAUSE, /* with `slice`: call again */
    STATION_READ_FAILED
};

/* Returns owned. Errors: ERR_NOT_FOUND, ERR_INVALID, those of the log. Blocks. Thread: one at a time. */
struct station_read *station_read_open(struct stations *stations, struct str name,
                                       const struct station_read_options *options, struct error *err);
/* The next message: borrowed until the next call. TIMEOUT: `follow`, and none came for wait_ms. Messages that retention
 * has expelled meanwhile are stepped over. Expired ones are given, too. Errors: those of the log, ERR_CLOSED (deleted). Blocks. */
enum station_read_result station_read_next(struct station_read *read, int64_t wait_ms,
                                           struct station_message *out, struct error *err);
/* The offset that is looked at next: where it begins, after the opening. */
uint64_t station_read_offset(const struct station_read *read);
/* Waiting without a thread, after a TIMEOUT: notify(arg) is called once, on any thread, when another call is worth it, but
 * not after that call or station_read_close(); it must not block, nor call anything here. False, and nothing is called: it is
 * worth it already. */
bool station_read_watch(struct station_read *read, void (*notify)(void *arg), void *arg);
void station_read_close(struct station_read *read); /* takes; NULL is fine */

/* ---- Groups ---------------------------------------------------------------------------------------------- */

struct station_group_info {
    struct str name;
    struct str filter;  /* within the station; empty: all */
    uint64_t acked;     /* every message below is acknowledged */
    uint64_t next;      /* the next one to be delivered for the first time */
    uint64_t in_flight; /* delivered or to be delivered again, not acknowledged */
    uint64_t lag;       /* messages of the station that are not acknowledged */
    uint64_t delivered; /* since the start, as all that follow; every delivery counts */
    uint64_t redelivered;
    uint64_t acknowledged;
    uint64_t dead_letters;
    unsigned members; /* connected ones, and fetches that wait */
};

/* False from each stops. Errors: ERR_NOT_FOUND. */
bool station_groups_each(struct stations *stations, struct str name,
                         bool (*each)(const struct station_group_info *group, void *arg), void *arg,
                         struct error *err);
/* One of them; strings borrow from `text`, which the caller frees. Errors: ERR_NOT_FOUND. */
bool station_group_get(struct stations *stations, struct str name, struct str group,
                       struct station_group_info *out, struct buf *text, struct error *err);
/* Forgets the group and its position. Errors: ERR_NOT_FOUND, ERR_BUSY (it has members; not with `force`: they get
 * nothing any more until they subscribe again). Blocks. */
bool station_group_delete(struct stations *stations, struct str name, struct str group, bool force,
                          struct error *err);

/* A pull consumer's request for messages: a member of the group until it ends. */
struct station_fetch_options {
    struct str start;  /* where the group starts if it is new; empty: latest */
    struct str filter; /* of the group, if it is new; else empty or the same */
    uint32_t batch;    /* at most so many: 1 to STATION_FETCH_MAX */
    int64_t wait_ms;   /* for the first message; 0: what is there */
};
#define STATION_FETCH_MAX 10000

struct station_fetch;
/* Waits for at least one message or the end of wait_ms: then there may be none. Each is to be acknowledged within
 * ack_wait. Returns owned. Errors: ERR_NOT_FOUND, ERR_INVALID, ERR_UNSUPPORTED (no broker), ERR_CLOSED. Blocks. */
struct station_fetch *station_fetch(struct stations *stations, struct str name, struct str group,
                                    const struct station_fetch_options *options, struct error *err);
/* The same without waiting: done(arg) is called exactly once, on any thread, perhaps before this returns; must not block. NULL:
 * it is not called. Never blocks. */
struct station_fetch *station_fetch_start(struct stations *stations, struct str name, struct str group,
                                          const struct station_fetch_options *options,
                                          void (*done)(void *arg), void *arg, struct error *err);
bool station_fetch_is_done(struct station_fetch *fetch);
/* Of one that is done. Errors: ERR_CLOSED (the broker stops, the group is deleted). */
bool station_fetch_result(struct station_fetch *fetch, struct error *err);
bool station_fetch_next(struct station_fetch *fetch, struct station_message *out); /* borrows from fetch */
/* Ends one that is not done. What station_fetch_next() has not given goes back to the group, and does not count as
 * delivered. Takes; NULL is fine. Thread: any. */
void station_fetch_free(struct station_fetch *fetch);

enum station_settle { STATION_ACK, STATION_NACK /* deliver it again now */ };
/* Acknowledges offsets that the group has delivered. *count: those that were not settled before.
 * Errors: ERR_NOT_FOUND, ERR_UNSUPPORTED (no broker). Blocks. */
bool station_group_settle(struct stations *stations, struct str name, struct str group,
                          enum station_settle how, const uint64_t *offsets, size_t offset_count,
                          size_t *count, struct error *err);

#endif
