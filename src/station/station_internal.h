/* What the files of the stations share.
 *
 * Reading order: stations.c (all of them: open, create, delete), capture.c (a message published → the log → its
 * acknowledgement), recall.c (ids after a restart), reader.c ($station/…), consumer.c and member.c (groups), keeper.c (retention).
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
#include "station/group.h"
#include "station/ids.h"
#include "station/positions.h"
#include "station/station.h"

#define STATION_PREFIX STR("$station/")
#define POSTS_MAX      64

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

/* ---- recall.c: ids after a restart ----------------------------------------------------------------------- */

/* DONE: ids can be claimed. */
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
    bool found;
    uint64_t next;
    uint64_t end;
};

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
    struct recall recall;
    struct capture **captures; /* one for each reactor, made there at its first message */
    bool capturing;            /* is the router's subscriber; under all->control */

    pthread_mutex_t lock;
    /* Under lock. */
    struct station_config config;
    struct list consumers; /* consumer.of_station */
    struct list uses;
    bool deleted;

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
    struct list rated_link;
};

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
    char *dir; /* DIR/stations */
    struct catalog *catalog;
    struct log_engine *engine;
    struct worker_pool *workers;
    uint64_t segment_bytes;
    struct feed_provider provider;
    struct broker *broker; /* by stations_attach(), before anything is captured */
    bool reactors_gone;    /* their timers, too; set by stations_close() */
    struct keeper keeper;
    struct positions positions;

    pthread_mutex_t control; /* one change of stations at a time; taken before all other locks */
    pthread_mutex_t lock;
    /* Under lock. */
    struct map by_name;
    struct list recalling; /* stations whose ids are read: recall.link, each with a reference */
    bool recall_runs;      /* the job is with the workers */
    struct worker_job recall_job;
    atomic_bool closing;
    atomic_uint jobs; /* with the workers */
    /* One for each reactor, made at the first call from one. */
    struct post *posts;
    _Atomic unsigned post_count; /* 0: no reactor is known yet; set after posts, release */
};

/* The station of this name with a reference, or NULL. Thread: any. */
struct station *stations_find(struct stations *stations, struct str name);
/* The same; ERR_NOT_FOUND. */
struct station *stations_get(struct stations *stations, struct str name, struct error *err);
/* The dead letters of a station: made unless it is there. Blocks. Returns a reference. */
struct station *stations_dead_of(struct station *station, struct error *err);
bool stations_live(struct str name, void *stations); /* whether there is one; for positions_drop() */

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
    struct buf props; /* of one publication at a time */
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

/* ---- keeper.c -------------------------------------------------------------------------------------------- */

void keeper_init(struct keeper *keeper, struct stations *all);
bool keeper_start(struct keeper *keeper, struct error *err);
void keeper_stop(struct keeper *keeper);
void keeper_free(struct keeper *keeper); /* stopped */
/* Something has changed in it, or it is closed: it is looked at soon. Thread: any. */
void keeper_touch(struct station *station);

/* ---- reader.c, consumer.c, member.c: see there ------------------------------------------------------------ */

/* feed_provider.open of a filter without and with a group. */
struct feed *reader_open(struct stations *stations, const struct feed_request *request,
                         const struct station_filter *filter, uint8_t *reason, const char **why);
struct feed *member_open(struct stations *stations, const struct feed_request *request,
                         const struct station_filter *filter, uint8_t *reason, const char **why);

#endif
