/* What the files of the stations share.
 *
 * Reading order: stations.c (all of them), station.c (one), make.c, delete.c, capture.c (a message published → the log → its
 * acknowledgement), recall.c (ids after a restart), reader.c ($station/…), consumer.c and member.c (groups), absent.c (a
 * station that is not there), keeper.c (retention), settle.c (what retention expels goes to the second tier), reach.c
 * (reading over both tiers), rows.c.
 *
 * Who may touch what:
 *   - a station's log: between station_log_enter() and station_log_leave(), on any thread. A station that is deleted closes
 *     the door, waits until nobody is inside, then closes the log.
 *   - a post: its reactor's thread. It is what the stations keep on one reactor.
 *   - a consumer (the state of a group): the thread of the reactor that owns it. Others send it mail.
 *   - a station's object and lists: under its lock, held for moments only.
 *
 * References: a station is held by the list of all, by feeds, consumers, batches and requests; it is freed with the last. */
#ifndef STATION_STATION_INTERNAL_H
#define STATION_STATION_INTERNAL_H

#include "base/heap.h"
#include "broker/service.h"
#include "net/net.h"
#include "station/envelope.h"
#include "station/exchanges.h"
#include "station/group.h"
#include "station/id_file.h"
#include "station/ids.h"
#include "station/positions.h"
#include "station/station.h"
#include "tier/tier.h"

#define STATION_PREFIX STR("$station/")
#define POSTS_MAX      64

#define STATION_PATH_BYTES 4096

struct capture;
struct capture_batch;
struct consumer;
struct post;
struct station;

/* ---- start.c --------------------------------------------------------------------------------------------- */

/* `$station/<name>[@<start>][/<filter>]`, taken apart. `filter` borrows from the text. */
struct station_filter {
    char name[STATION_NAME_MAX + 1];
    struct station_start start;
    bool has_start;
    struct str filter;
};
bool station_filter_parse(struct str text, struct station_filter *out, struct error *err); /* ERR_INVALID */
/* Where a start is: not for START_TIME, which log_offset_of_time() knows. */
uint64_t station_start_offset(const struct station_start *start, const struct log_bounds *bounds);

/* ---- recall.c: what has a name, after a restart ----------------------------------------------------------------------- */

/* DONE: ids can be claimed, and repeated exchanges looked up. */
enum recall_state { RECALL_DONE, RECALL_READING, RECALL_FAILED };

/* Embedded by who waits until a station's ids are read. */
struct recall_waiter {
    struct recall_waiter *next;
    /* On a worker, in the order of their coming; `err`: why they could not be read, or NULL. Must not block. */
    void (*wake)(struct recall_waiter *waiter, const struct error *err);
};

struct recall {
    _Atomic int state; /* enum recall_state; changes under the station's lock */
    struct list link;  /* stations.recalling; under all->lock */
    /* Under the station's lock. */
    struct recall_waiter *waiters;
    struct recall_waiter *last_waiter;
    unsigned waiter_count;
    struct error err;
    int64_t retry_ms; /* monotonic */
    /* The job's. */
    bool filed; /* what has left the log is read */
    bool found;
    uint64_t next;
    uint64_t end;
};

/* Removes what is below `below` from the log; its message ids stay known. If they cannot be written that is logged, and it is removed
 * all the same: a full disk is to get room. Errors: those of log_trim(). */
bool station_trim(struct station *station, struct log *log, uint64_t below, struct error *err);
/* Begins to read the ids of the log's last window, unless it has none. Before others know the station. */
void recall_start(struct station *station);
/* FAILED: *err (may be NULL) says why. Once in a while it gives READING then: it is tried again. Thread: any. */
enum recall_state recall_state(struct station *station, struct error *err);
/* WAITS: wake() is called. OVER: there is nothing to wait for, or (without `has_id`) nobody to wait behind. Thread: any. */
enum recall_wait { RECALL_OVER, RECALL_WAITS, RECALL_TOO_MANY };
enum recall_wait recall_wait(struct station *station, bool has_id, struct recall_waiter *waiter);

/* ---- A station ------------------------------------------------------------------------------------------- */

struct station {
    struct subscriber subscriber; /* first; the router's */
    /* Set once. */
    struct stations *all;
    char *name;
    uint64_t hash;
    int64_t created_ms;
    atomic_uint refs;
    /* See station_log_enter(). */
    struct log *log; /* NULL: it could not be opened, see `failure` */
    atomic_uint log_users;
    atomic_bool closed;
    struct error failure;
    struct ids ids;
    struct id_file id_file;
    struct exchanges exchanges;
    struct recall recall;
    struct capture **captures; /* one for each reactor, made there at its first message */
    bool capturing;            /* is the router's subscriber; under all->control */

    pthread_mutex_t lock;
    /* Under lock. */
    struct station_config config;
    struct list consumers; /* consumer.of_station */
    struct list uses;
    bool deleted;

    /* The second tier: settle.c. Set once, when it is first switched on; released with what it points to. */
    _Atomic(struct tier *) tier;
    atomic_bool tier_on;   /* it is switched on: relaxed */
    atomic_bool tier_full; /* what is expelled and not migrated fills disk_budget: appends wait. Relaxed */
    _Atomic uint64_t expelled; /* retention has passed what is below; written by the keeper. Relaxed */
    _Atomic uint64_t given_up; /* messages, since the start: relaxed */
    _Atomic uint64_t looks_begun, looks_ended; /* of the keeper; ended: the last one that has; release */

    /* Of the object, for who does not take the lock: relaxed. */
    _Atomic int64_t dedup_window_ms;
    _Atomic int64_t ack_wait_ms;
    _Atomic uint32_t max_deliveries;
    _Atomic uint32_t max_ack_pending;
    _Atomic uint32_t max_message_bytes;

    /* Counters since the start: relaxed. */
    _Atomic uint64_t messages_in;
    _Atomic uint64_t bytes_in;
    _Atomic uint64_t duplicates;
    _Atomic uint64_t refused;
    _Atomic uint32_t rate_in; /* in the last second, by the keeper */
    _Atomic uint32_t rate_bytes_in;
    atomic_uint readers;

    /* The keeper's: under its lock. Each of its lists holds a reference. */
    atomic_bool touched; /* in touched_link, or about to be */
    struct list touched_link;
    struct heap_node due; /* wall clock */
    /* The keeper's thread. */
    uint64_t first_offset; /* whose time first_ms is */
    int64_t first_ms;
    bool first_known;
    uint64_t rated_messages;
    uint64_t rated_bytes;
    uint64_t warned_forgotten; /* ids */
    int64_t warned_ms;         /* monotonic */
    struct list rated_link;
};

/* What does not keep it from running, but is worth a look. NULL: nothing. Static. Thread: any. */
const char *station_warning(struct station *station);
/* Appends "key":"2026-11-05T07:30:09.000Z", or null if it is not known: describe.c. */
void describe_time(struct buf *out, const char *key, bool known, int64_t time_ms);
/* Appends ,"tier":{…} to the state of a station: describe_tier.c. */
void station_append_tier(struct station *station, struct buf *out);

static inline struct station *station_ref(struct station *station)
{
    atomic_fetch_add_explicit(&station->refs, 1, memory_order_relaxed);
    return station;
}
void station_unref(struct station *station); /* takes; NULL is fine. Thread: any */

/* The log, until station_log_leave(); NULL: the station is deleted, closed or failed, and there is nothing to leave. */
struct log *station_log_enter(struct station *station);
void station_log_leave(struct station *station);
/* Why station_log_enter() gave NULL. Returns false. */
bool station_gone(const struct station *station, struct error *err);
bool station_is_closed(const struct station *station);

/* Who needs a station: station.uses. */
struct station_use {
    struct list link;
    char who[];
};

struct station *station_new(struct stations *all, struct station_config *config,
                            int64_t created_ms); /* takes config */
void station_apply(struct station *station);     /* the object is in force. Under the station's lock */
void station_close_log(struct station *station); /* waits until nobody uses it. Blocks */

/* With its ids and its second tier. Before others know the station. Errors: those of log_open() and settle_apply(). Blocks. */
bool station_open_log(struct station *station, struct error *err);
struct log_options station_log_options(const struct stations *all, const struct station_config *config);
/* Subscribes to what the object says. Control is held. On failure what has been subscribed stays so until
 * station_stop_capture(). Errors: those of service_subscribe(). */
bool station_start_capture(struct station *station, struct error *err);
void station_stop_capture(struct station *station);
/* Nobody captures, reads or appends any more. Control is held, and nobody finds the station by its name. Blocks. */
void station_retire(struct station *station);

/* ---- All stations ---------------------------------------------------------------------------------------- */

struct keeper {
    struct stations *all;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Under lock. */
    struct list touched;
    struct heap due;
    bool stopping;
    /* The keeper's thread. */
    struct list rated; /* stations whose rate is not 0 */
    int64_t rated_ms;
};

struct stations {
    /* Set once. */
    char *dir;     /* DIR/stations */
    char *ids_dir; /* DIR/ids */
    struct tiers *tiers;
    struct catalog *catalog;
    struct log_engine *engine;
    struct worker_pool *workers;
    uint64_t segment_bytes;
    struct feed_provider provider;
    struct broker *broker; /* by stations_attach(), before anything is captured */
    bool reactors_gone;    /* their timers, too; set by stations_close() */
    struct keeper keeper;
    struct positions positions;

    pthread_rwlock_t listening; /* read by who raises events; under it: */
    struct station_listener *listener;
    _Atomic uint32_t events_wanted; /* relaxed; 1 << enum station_event_kind */

    pthread_mutex_t control; /* one change of stations at a time; taken before all other locks */
    pthread_mutex_t lock;
    /* Under lock. */
    struct map by_name;
    struct list recalling; /* stations whose ids are read: recall.link, each with a reference */
    bool recall_runs;      /* the job is with the workers */
    struct worker_job recall_job;
    atomic_bool closing;
    atomic_uint jobs;   /* with the workers */
    atomic_uint absent; /* feeds whose station is not there: relaxed */
    /* One for each reactor, made at the first call from one. */
    struct post *posts;
    _Atomic unsigned post_count; /* 0: no reactor is known yet; set after posts, release */
};

/* ---- Events: happenings.c -------------------------------------------------------------------------------- */

bool station_event_wanted(const struct station *station, enum station_event_kind kind);
void station_raise(const struct station *station, struct station_event *event);
/* What is between `first` and `below` is about to be expelled, and still in the log. False: nobody wants to know. */
bool station_event_expelled(struct station *station, struct log *log, uint64_t first, uint64_t below,
                            const char *reason, struct station_event *out);

/* The station of this name with a reference, or NULL. Thread: any. */
struct station *stations_find(struct stations *stations, struct str name);
/* The same; ERR_NOT_FOUND. */
struct station *stations_get(struct stations *stations, struct str name, struct error *err);
/* The dead letters of a station: made unless it is there. Blocks. Returns a reference. */
struct station *stations_dead_of(struct station *station, struct error *err);
void stations_enlist(struct stations *stations,
                     struct station *station);       /* it can be found; takes a reference */
bool stations_live(struct str name, void *stations); /* whether there is one; for positions_drop() */

/* Makes a station whose first offset is `first`, as if it had been made at created_ms. Takes what is in config, also on failure.
 * `found`: its tier's ledger begins with that; NULL: none. Returns a reference, or NULL. Errors: as stations_create(). Blocks. */
struct station *stations_create_at(struct stations *stations, struct station_config *config, uint64_t first,
                                   int64_t created_ms, const struct tier_found *found, struct error *err);

/* DIR/stations/<prefix><name>. Returns out. */
const char *stations_path(const struct stations *stations, const char *prefix, const char *name,
                          char out[STATION_PATH_BYTES]);
/* Of those that a crash has cut short: delete.c. Errors: those of catalog and log. Blocks. */
bool stations_finish_deletions(struct stations *stations, struct error *err);

/* Jobs of the stations' own: stations_close() waits for their ends. Thread: any. */
bool stations_job(struct stations *stations, struct worker_job *job); /* false: the workers have too much */
/* The last that a job does: its mail is posted (NULL: none), and the stations may close. */
void stations_job_done(struct stations *stations, struct reactor *reactor, struct mail *mail);

/* ---- post.c: what the stations keep on one reactor ------------------------------------------------------- */

struct post {
    struct stations *all;
    struct reactor *reactor;
    unsigned index;
    struct capture_batch *spare; /* batches to be used again */
    unsigned spare_count;
    struct list waiting; /* captures whose batches the log's queue did not take */
    struct timer again;
    struct list moved; /* consumers whose positions are to be stored */
    struct timer store;
    struct list feeds;  /* struct station_feed.link */
    struct list absent; /* likewise, of those whose station is not there */
    struct buf props;   /* of one publication at a time */
};

/* The post of a reactor; the first call makes all. Thread: the reactor's, or main before there is any traffic. */
struct post *stations_post(struct stations *stations, struct reactor *reactor);
/* The post with this index; NULL: no reactor is known yet. Thread: any; its fields are its reactor's. */
struct post *stations_post_at(struct stations *stations, unsigned index);
unsigned stations_post_count(const struct stations *stations);

/* Runs `run` on the post's reactor and waits. False: the reactor has stopped. Thread: no reactor's. Blocks. */
bool post_call(struct post *post, void (*run)(void *arg), void *arg);

/* ---- capture.c, produce.c -------------------------------------------------------------------------------- */

extern const struct subscriber_ops capture_ops;
void capture_retry(struct post *post);
void capture_free_spare(struct post *post);
void capture_free(struct capture *capture);
/* Gives up what waits on this post: the reactors have stopped. */
void capture_give_up(struct post *post);

/* Why a message is refused, for MQTT. */
uint8_t capture_reason(const struct error *err);

/* ---- publish.c ------------------------------------------------------------------------------------------- */

bool record_expired(const struct log_record *record, int64_t now_ms);
/* Borrows the record, and the post's properties until the next call there; publication_end() gives back what is made of it.
 * False: it has expired, or is none (logged). Thread: the post's. */
bool publish_record(struct post *post, const struct station *station, const struct log_record *record,
                    int64_t now_ms, struct publication *out);

/* ---- settle.c: the second tier of a station -------------------------------------------------------------- */

/* The tier, if the station has one that is switched on; else NULL. Valid as long as the station. Thread: any. */
struct tier *station_tier(struct station *station);
/* The object says that there is one: opens it, or changes its options; or says that there is none (any more). Under control,
 * or before others know the station. Errors: those of tier_open(). */
bool settle_apply(struct station *station, struct error *err);
/* Whether `config` may follow what is in force. Errors: ERR_INVALID (the table cannot move). */
bool settle_may_change(struct station *station, const struct station_config *config, struct error *err);
/* Before the log is closed. `drop`: with what it has on local disk. Blocks. */
void settle_stop(struct station *station, bool drop);
/* The keeper's: what is below `below` is expelled. Trims the log to what is committed; gives up what the budget does not
 * hold, if the object says so. Blocks for the disk. */
bool settle_expel(struct station *station, struct log *log, uint64_t below, struct error *err);
/* Why appends wait: sets ERR_BUSY. Returns true if they do. Thread: any. */
bool settle_is_full(struct station *station, struct error *err);

/* ---- reach.c: reading over both tiers -------------------------------------------------------------------- */

/* What can be read: log_bounds(), with the oldest row of the table as `first` where there is one. Never blocks. */
void reach_bounds(struct station *station, struct log *log, struct log_bounds *out);
/* Messages in both tiers, each counted once. */
uint64_t reach_messages(struct station *station, const struct log_bounds *local);
/* What the table has for an offset below the log's first: */
enum reach {
    REACH_NONE, /* nothing: go on at *next */
    REACH_TABLE /* it, or what follows it */
};
enum reach reach_below(struct station *station, const struct log_bounds *local, uint64_t offset,
                       uint64_t *next);
/* As log_read(), over both tiers; LOG_READ_TRIMMED: go on at *next. Enters the log itself; ERR_CLOSED with LOG_READ_FAILED when
 * the station is deleted. Blocks, for a store too. */
enum log_read_result reach_read(struct station *station, uint64_t offset, size_t max_bytes,
                                struct log_chunk **out, uint64_t *next, struct error *err);
/* The same without waiting for a store: LOG_READ_BLOCKS: the table has it, or what follows; ask the tier. */
enum log_read_result reach_read_local(struct station *station, uint64_t offset, size_t max_bytes,
                                      struct log_chunk **out, uint64_t *next, struct error *err);
/* As log_offset_of_time(), over both tiers. Blocks, for a store too. */
bool reach_offset_of_time(struct station *station, int64_t time_ms, uint64_t *offset, struct error *err);
/* The same in the log alone. *earlier: the table may have one before. Does not wait for a store. */
bool reach_offset_of_time_local(struct station *station, int64_t time_ms, uint64_t *offset, bool *earlier,
                                struct error *err);

/* ---- keeper.c -------------------------------------------------------------------------------------------- */

void keeper_init(struct keeper *keeper, struct stations *all);
bool keeper_start(struct keeper *keeper, struct error *err);
void keeper_stop(struct keeper *keeper);
void keeper_free(struct keeper *keeper); /* stopped */
/* Something has changed in it, or it is closed: it is looked at soon. Thread: any. */
void keeper_touch(struct station *station);

/* ---- reader.c, member.c, absent.c: subscriptions to stations ---------------------------------------------- */

/* The front of each. Thread: the post's. */
struct station_feed {
    struct feed feed; /* first */
    struct post *post;
    struct list link;        /* post.feeds, or post.absent */
    struct station *station; /* a reference; NULL: it is not there */
    struct station_start start;
    bool durable;
};

/* feed_provider.open of a filter without and with a group. NULL: *reason and *why are set. */
struct feed *reader_open(struct station *station, const struct feed_request *request,
                         const struct station_filter *filter, uint8_t *reason, const char **why);
struct feed *member_open(struct station *station, const struct feed_request *request,
                         const struct station_filter *filter, uint8_t *reason, const char **why);
/* The same of a restored subscription whose station is not there, or cannot be read. Never NULL. */
struct feed *absent_open(struct stations *stations, const struct feed_request *request,
                         const struct station_filter *filter);

/* Fills the front and enlists it. Takes a reference of the station. */
void station_feed_init(struct station_feed *feed, const struct feed_ops *ops, struct post *post,
                       struct station *station, const struct station_filter *filter,
                       const struct feed_request *request);
/* A feed like this one, of the same subscription, from another start on; not yet in its place. NULL: *why is set. */
struct feed *station_feed_reopen(struct station_feed *feed, struct station *station,
                                 const struct station_start *start, const char **why);
/* Puts a feed that gives nothing in its place, and closes it. */
void station_feed_rest(struct station_feed *feed);
/* In close(): unlinks it. The station's reference stays its owner's. */
void station_feed_end(struct station_feed *feed);

/* The station is deleted and closed: its subscriptions wait for one of its name. Blocks. */
void absent_leave(struct station *station);
/* A station is made, and nobody has stored anything in it yet: who waits for one of its name reads it from its beginning,
 * and positions say so on disk when this returns. Blocks. */
void absent_return(struct station *station);

#endif
