/* Stations: named, ordered streams of messages that stay on disk until retention expels them.
 *
 *     publisher ─▶ router ─▶ a station's topics match ─▶ its log ─▶ on disk ─▶ PUBACK
 *     reader    ─▶ $station/<name>@earliest/…, or station_read_open()
 *     group     ─▶ $share/<group>/$station/<name>, or station_fetch_start(): each message to one member
 *
 * Life, in this order: stations_open(), broker_start() with stations_provider(), stations_attach(); broker_stop(),
 * stations_close(), log_engine_stop(), catalog_close().
 *
 * On disk: DIR/stations/<name>/ is the station's log, one record a message (envelope.c); DIR/tier/<name>/ what its second
 * tier keeps here. Station objects and the
 * positions of groups and readers are in the catalog.
 *
 * Thread: any, unless it says otherwise; what "blocks" waits for a disk or a reactor and is not for reactors. */
#ifndef STATION_STATION_H
#define STATION_STATION_H

#include "base/buf.h"
#include "base/thread.h"
#include "broker/feed.h"
#include "broker/service.h"
#include "catalog/catalog.h"
#include "log/log.h"
#include "tier/tier.h"

struct broker;
struct stations;

/* ---- The station object ---------------------------------------------------------------------------------- */

#define STATION_NAME_MAX   128
#define STATION_TOPICS_MAX 256

enum station_compression { STATION_PLAIN, STATION_ZSTD };
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
    int64_t sync_ms;                      /* LOG_SYNC_COMMIT, LOG_SYNC_NONE, or an interval */
    enum station_compression compression; /* of the segments on disk, batch by batch */
    int64_t dedup_window_ms;              /* 0: no message is a duplicate */
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
        int64_t scrub_interval_ms; /* 0: never in the background */
        uint64_t disk_budget_bytes;
        enum station_when_full when_full;
    } tier;
};

void station_config_init(struct station_config *config); /* the defaults; no name, no topic */
void station_config_free(struct station_config *config); /* the strings, not the struct */
/* Reads a JSON object over what *config holds: keys that are missing stay as they are. On an error *config is as it
 * was. Errors: ERR_INVALID (key, and what was expected). */
bool station_config_parse(struct station_config *config, struct str json, struct error *err);
void station_config_print(const struct station_config *config, struct buf *out); /* appends the JSON object */
/* Lower-cases `name` into out. Errors: ERR_INVALID. */
bool station_name_parse(struct str name, char out[STATION_NAME_MAX + 1], struct error *err);

/* ---- What happens to them -------------------------------------------------------------------------------- */

enum station_event_kind {
    STATION_EXPELLED,    /* retention has passed messages, or somebody has purged them */
    STATION_MIGRATED,    /* what was expelled is committed to the table */
    STATION_DEAD_LETTER, /* a message is in the station of dead letters, on disk */
    STATION_EVENT_KINDS
};

/* A view, valid during the call. */
struct station_event {
    enum station_event_kind kind;
    struct str station;
    int64_t time_ms; /* wall clock */
    /* Ranges: of messages, in order. */
    uint64_t first_offset;
    uint64_t last_offset;
    int64_t first_ms; /* when the first and the last one came; 0: unknown */
    int64_t last_ms;
    uint64_t count;
    uint64_t bytes; /* of the messages, as the station counts them */
    uint64_t files; /* STATION_MIGRATED */
    const char *
        reason; /* STATION_EXPELLED: "age", "bytes", "messages", "acked", "purged"; of letters: "not_acknowledged",
                           "refused", "member_gone" */
    /* STATION_DEAD_LETTER */
    struct str group;
    const struct station_message *message; /* as it was in the station; else NULL */
};

/* There is one listener, the rule engine. What it does not want costs one comparison where it would be raised. */
struct station_listener {
    /* On any thread, a reactor's too: must not block. */
    void (*raise)(struct station_listener *listener, const struct station_event *event);
};
/* From now on: `kinds` of 1 << enum station_event_kind. Called again, it changes what is wanted. A listener stays valid until
 * stations_unlisten(). Thread: any, one at a time. */
void stations_listen(struct stations *stations, struct station_listener *listener, uint32_t kinds);
/* raise() is running nowhere any more when it returns. Blocks for as long as one runs. */
void stations_unlisten(struct stations *stations);

/* ---- All of them ----------------------------------------------------------------------------------------- */

struct stations_options {
    const char *dir; /* the data directory */
    /* Borrowed until stations_close(). */
    struct catalog *catalog;
    struct log_engine *engine;
    struct worker_pool *workers;
    uint64_t segment_bytes; /* of their logs; 0: the log's default */
    struct tiers_options
        tiers;   /* where stores come from, and limits; dir, codec and manual are the stations' */
    bool manual; /* tests: no housekeeping thread; stations_tick() does its work */
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
/* `table`: with its table in the store, of which nothing is left then; else that stays, to be recovered. Errors: ERR_NOT_FOUND;
 * ERR_BUSY (a group has members, or somebody uses it; not with `force`); those of the store: the station is still there. */
bool stations_delete(struct stations *stations, struct str name, bool force, bool table, struct error *err);
/* Expels everything that it holds; offsets go on. *count: how many messages. Errors: ERR_NOT_FOUND, those of the log. */
bool stations_purge(struct stations *stations, struct str name, uint64_t *count, struct error *err);
/* Appends the station object with "state" in it:
 * {…,"state":{"status":"running"|"read_only"|"failed","error":null|"…","warning":null|"…","messages","bytes","disk_bytes","segments",
 *  "first_offset","next_offset","first_time","last_time" (RFC 3339 or null),"messages_in","bytes_in","duplicates",
 *  "refused","rate_in" (messages a second),"rate_bytes_in","groups","readers","uses":[…],
 *  "tier":{"status","error","messages","files","stored_bytes","lag_messages","lag_bytes","lag_seconds"} or null}} */
bool stations_describe(struct stations *stations, struct str name, struct buf *out, struct error *err);
struct station_stats {
    bool running; /* else it takes no messages */
    uint64_t messages;
    uint64_t bytes;
    uint64_t disk_bytes;
    uint64_t next_offset;
    uint64_t messages_in; /* since the start, as the next four */
    uint64_t bytes_in;
    uint64_t duplicates;
    uint64_t refused;
    uint64_t ids_forgotten; /* before their dedup_window ended */
    unsigned groups;
    unsigned readers;
};
/* Figures alone: no I/O. Errors: ERR_NOT_FOUND. */
bool station_stats(struct stations *stations, struct str name, struct station_stats *out, struct error *err);
/* The names in their order; each is borrowed during the call, which may call anything here. False stops. */
void stations_each(struct stations *stations, bool (*each)(struct str name, void *arg), void *arg);
size_t stations_count(struct stations *stations);

/* ---- The second tier ------------------------------------------------------------------------------------- */

/* Records of stations as rows of their tables, and back: rows.c. */
extern const struct tier_codec station_codec;

/* Asked now and then by what takes long, on its thread. False: it ends with ERR_CLOSED. `total` is 0 while it is not known. */
struct station_progress {
    bool (*go_on)(void *arg, uint64_t done, uint64_t total);
    void *arg;
};

/* Appends what is known of the tier as JSON:
 * {"enabled","connector","bucket","prefix","status","error","error_code","hint","error_at","retry_at","disk":{"first_offset",
 *  "next_offset","messages","bytes","first_time","last_time"},"table":{"first_offset","next_offset","messages","bytes",
 *  "first_time","files","stored_bytes","snapshot_id","metadata_version"},"committed_offset","expelled_offset","epoch",
 *  "lag":{"messages","bytes","seconds"},"full","given_up","missing","complete","guarantee","cost_month_usd",
 *  "commits","migrated_messages","migrated_bytes","uploaded_bytes","fetched_bytes","puts","gets","failures",
 *  "cache_hits","cache_misses","scrubbed_files","findings","repaired",
 *  "scrub":{"running","last_time","last_files","last_findings","last_repaired","next_time"}}; offsets and times that there are not are null.
 * Errors: ERR_NOT_FOUND. */
bool stations_tier_describe(struct stations *stations, struct str name, struct buf *out, struct error *err);
/* Appends the data files of the table that hold an offset of [from, to), neighbours as one entry where there are more than `limit`:
 * {"location","metadata","data":[{"first_offset","last_offset","messages","bytes","first_time","last_time","files","restored",
 * "path"}]}; location and metadata are null until the table has been looked at, path where an entry has more files than one.
 * Errors: ERR_NOT_FOUND, ERR_UNSUPPORTED (no second tier). */
bool stations_tier_files(struct stations *stations, struct str name, uint64_t from, uint64_t to, size_t limit,
                         struct buf *out, struct error *err);
/* Figures alone. False: there is no such station, or it has no tier. */
bool stations_tier_stats(struct stations *stations, struct str name, struct tier_stats *out);
/* Migrates what is expelled by now, and waits until it is committed. done, total: messages.
 * Errors: ERR_NOT_FOUND, ERR_UNSUPPORTED (no tier), ERR_CLOSED. Blocks. */
bool stations_tier_flush(struct stations *stations, struct str name, const struct station_progress *progress,
                         struct error *err);

/* What came of a restoration, or would come. */
struct station_restored {
    uint64_t first, next; /* offsets */
    uint64_t messages;
    uint64_t bytes; /* of messages, or (in place) of data files */
    uint64_t files;
};
struct station_restore_options {
    struct str from; /* starts, as of a reader; empty: the oldest row */
    struct str to;   /* empty: what is not on disk */
    struct str into; /* a station to be made; empty: data files on local disk, for reading from there */
    bool dry;        /* only tells */
};
/* In place: rows of the range are read from local disk from then on, until stations_release(). Into a new station: all messages
 * of the range, from whichever tier, with their offsets, times and bytes; it captures nothing and expels nothing.
 * Errors: ERR_NOT_FOUND, ERR_INVALID, ERR_EXISTS, ERR_UNSUPPORTED (no tier; a gap within the range), those of store, catalog and
 * disk; ERR_CLOSED. Blocks. */
bool stations_restore(struct stations *stations, struct str name,
                      const struct station_restore_options *options, const struct station_progress *progress,
                      struct station_restored *out, struct error *err);
/* Removes what was restored in place. *bytes: of it. Errors: ERR_NOT_FOUND, ERR_UNSUPPORTED, those of the disk. Blocks. */
bool stations_release(struct stations *stations, struct str name, uint64_t *bytes, struct error *err);
/* Reads and checks all data files. Errors: ERR_CORRUPT (the first finding), ERR_NOT_FOUND, ERR_UNSUPPORTED, those of the store. Blocks. */
bool stations_scrub(struct stations *stations, struct str name, const struct station_progress *progress,
                    struct tier_scrubbed *out, struct error *err);

/* Where tables are looked for. */
struct station_recover_options {
    struct str connector;
    struct str bucket; /* empty: "varve" */
    struct str prefix; /* NULL: "stations" */
    bool dry;
};
/* Calls each with the names of stations whose tables are there; those of this broker too. False stops. Errors: those of the
 * connector and store. Blocks. */
bool stations_recoverable(struct stations *stations, const struct station_recover_options *options,
                          bool (*each)(struct str name, void *arg), void *arg, struct error *err);
/* Makes the station again that the table tells of: its object, and all that is in the table; offsets go on behind that. *out: what
 * was found, also with `dry`; tier_found_free(). Errors: ERR_NOT_FOUND (no table), ERR_EXISTS (there is such a station),
 * ERR_CORRUPT (the table does not say what the station was), those of store and catalog. Blocks. */
bool stations_recover(struct stations *stations, struct str name,
                      const struct station_recover_options *options, struct tier_found *out,
                      struct error *err);

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
    struct publication_exchange exchange; /* of capture.c: others leave it zero */
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
    STATION_READ_WAITS, /* for a store, and wait_ms is over: call again; station_read_watch() tells when it is worth it */
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
/* The offset that is looked at next: where it begins, after the opening; UINT64_MAX: the second tier has not told yet where the time
 * is. */
uint64_t station_read_offset(const struct station_read *read);
/* Waiting without a thread, after a TIMEOUT or WAITS: notify(arg) is called once, on any thread, when another call is worth it, but
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
/* Forgets the group and its position. Errors: ERR_NOT_FOUND, ERR_BUSY (it has members; not with `force`: then fetches end, and
 * subscriptions go on with a group of the same name that starts anew, where the first of them said). Blocks. */
bool station_group_delete(struct stations *stations, struct str name, struct str group, bool force,
                          struct error *err);
/* Ends the group and makes it again, with its filter, at `start`: a start as of a reader. Blocks for what runs in it. Errors: those of
 * station_group_delete(); ERR_INVALID (the start). */
bool station_group_reset(struct stations *stations, struct str name, struct str group, struct str start,
                         bool force, struct error *err);

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
