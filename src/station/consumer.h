/* Consumer groups: `$share/<group>/$station/<name>…` and pull consumers.
 *
 * A *consumer* is the state of one group. One reactor owns it, by the hash of station and group; its members live on the
 * reactors of their sessions. They talk in batches:
 *
 *     member ── report: "I take 64 more", "these are acknowledged, these refused" ──▶ consumer
 *     member ◀── work: records of one chunk, with the delivery's number ──────────── consumer
 *     member ◀── revoke: "others get these" ──────────────────────────────────────── consumer
 *
 * Mail between two reactors keeps its order, so a member's last report (it leaves) comes behind all others. */
#ifndef STATION_CONSUMER_H
#define STATION_CONSUMER_H

#include "station/source.h"

#define WORK_ITEMS 256

struct member;
struct report;
struct work;

struct consumer {
    /* Set once. */
    struct station *station; /* a reference */
    char *name;
    char *filter; /* within the station; NULL: all */
    struct position *position;
    struct post *post; /* the owner's; NULL until the reactors are known */
    atomic_uint refs;
    struct list of_station; /* station.consumers, under the station's lock */

    /* Written by the owner, read by anyone: relaxed. */
    _Atomic uint64_t acked;
    _Atomic uint64_t next;
    _Atomic uint64_t pending;
    _Atomic uint64_t delivered;
    _Atomic uint64_t redelivered;
    _Atomic uint64_t acknowledged;
    _Atomic uint64_t dead_letters;
    atomic_uint members;

    /* The owner's thread; before it runs and after it has stopped, main's. */
    struct group group;
    struct list all;      /* struct member.link: in the order of their turns */
    uint64_t next_member; /* id */
    struct source fresh;
    struct source old;
    struct log_chunk *chunk; /* of fresh */
    struct log_cursor cursor;
    struct log_chunk *old_chunk;
    bool finding; /* the start is a time: group.next is not known yet */
    int64_t start_ms;
    bool started;
    bool ended;   /* deleted */
    bool serving; /* consumer_serve() is on the stack */
    bool dying;   /* a job brings messages to the dead letters */
    bool moved;   /* in post.moved */
    struct list moved_link;
    uint32_t unsaid;   /* settled since the position was stored */
    struct timer due;  /* ack_wait of somebody is over, or the dead letters are tried again */
    struct mail go_on; /* more than one turn's work */
    bool going_on;
    int64_t dead_retry_ms;    /* reactor time; 0: none */
    atomic_uint open_sources; /* that have not ended */

    pthread_mutex_t late_lock; /* for reports that come when the owner has stopped */
};

static inline struct consumer *consumer_ref(struct consumer *consumer)
{
    atomic_fetch_add_explicit(&consumer->refs, 1, memory_order_relaxed);
    return consumer;
}
void consumer_unref(struct consumer *consumer);
struct consumer *consumer_of_link(struct list *link);
const char *consumer_name(const struct consumer *consumer);
unsigned consumer_members(const struct consumer *consumer); /* connected ones, and fetches */

/* The station's group, made at this start if there is none. Returns a reference. Errors: ERR_INVALID (it has another
 * filter), ERR_CLOSED. Never blocks. */
struct consumer *consumer_get(struct station *station, struct str name, struct str filter,
                              const struct station_start *start, struct error *err);
struct consumer *consumer_find(struct station *station, struct str name,
                               struct error *err); /* ERR_NOT_FOUND */

/* Parts of its life: consumers.c. */
struct consumer *consumer_new(struct station *station, struct str name, struct str filter);
void consumer_wake_owner(
    struct consumer *consumer); /* under the station's lock: it is started, if there are reactors */
void consumer_leave(struct consumer *consumer);     /* on the owner's thread, or once it has stopped */
void consumer_store_now(struct consumer *consumer); /* likewise, or before it is known to others */

/* Of all stations: from the stored positions; once the reactors are known; after they have stopped. Thread: main. */
void consumers_load(struct stations *stations);
void consumers_start(struct stations *stations);
void consumers_stop(struct stations *stations);
void consumers_end(struct station *station); /* it is deleted. Blocks */
/* As station_group_delete(), but for its members over MQTT: members_rejoin() is the caller's. */
bool consumer_end(struct consumer *consumer, bool force, struct error *err);
void consumers_store(struct post *post); /* timer of the owner */
/* What all groups of the station have acknowledged: the first offset that one has not; bounds->first without a group. */
uint64_t consumers_acked(struct station *station, const struct log_bounds *bounds);

/* Gives out what can be given. Thread: the owner's, as below. */
void consumer_serve(struct consumer *consumer);
/* Somebody else gets this message: who has it is told. */
void consumer_revoke(struct consumer *consumer, uint64_t member, uint64_t offset);

/* ---- member.c -------------------------------------------------------------------------------------------- */

struct work_item {
    struct log_record record; /* borrows from the work's chunk */
    uint32_t delivery;
    int64_t deadline_ms; /* reactor time: then it is somebody else's */
};

/* Records of one chunk for one member. */
struct work {
    struct mail mail; /* first */
    struct work *next;
    struct member *member;   /* a reference */
    struct log_chunk *chunk; /* a reference */
    uint32_t epoch;
    uint32_t count;
    uint32_t at; /* the member's: of the next item */
    struct work_item items[WORK_ITEMS];
};
void work_free(struct work *work);

enum settle_kind { SETTLE_ACK, SETTLE_NACK, SETTLE_RETURN /* has not reached the client */ };

struct settled {
    uint64_t offset;
    uint32_t delivery;
    enum settle_kind kind;
};

enum report_news { NEWS_NONE, NEWS_JOIN, NEWS_HERE, NEWS_AWAY, NEWS_LEAVE, NEWS_STOP };

/* From a member to its consumer. */
struct report {
    struct mail mail;      /* first */
    struct member *member; /* a reference */
    enum report_news news;
    uint32_t want; /* more messages */
    uint32_t epoch;
    uint32_t count;
    uint32_t cap;
    struct settled *items;
};

/* Who takes messages: a feed (member.c), a fetch (fetch.c). */
struct member {
    /* Set once. */
    struct consumer *consumer;                              /* a reference */
    struct post *post;                                      /* where it lives */
    void *who;                                              /* its thread's; NULL: gone */
    void (*take)(struct member *member, struct work *work); /* on its reactor; takes the work */
    void (*lose)(struct member *member, const uint64_t *offsets, uint32_t count); /* the same: revoked */
    void (*ended)(
        struct member *member); /* on the owner's thread: its group is deleted; NULL: it need not know */
    atomic_uint refs;
    /* The owner's thread. */
    struct list link; /* consumer.all; not linked: it has left */
    uint64_t id;
    uint32_t want;
    uint32_t epoch;
    bool here;
    struct work *open;      /* being filled */
    struct revoke *revoked; /* being filled */
    /* Its own thread. */
    struct report *report; /* being filled; posted by `flush` */
    struct mail flush;
    bool flushing; /* flush is on its way */
};

/* The group is deleted, and in no list any more: its members over MQTT make it again, or join who has. Blocks. */
void members_rejoin(struct consumer *consumer);
struct member *member_new(struct consumer *consumer, struct post *post, void *who);
static inline struct member *member_ref(struct member *member)
{
    atomic_fetch_add_explicit(&member->refs, 1, memory_order_relaxed);
    return member;
}
void member_unref(struct member *member);
/* The report of this turn: it is sent at the turn's end. Thread: the member's, as below. */
struct report *member_report(struct member *member);
void member_settle(struct member *member, uint64_t offset, uint32_t delivery, enum settle_kind kind);
void member_send(struct member *member, enum report_news news); /* at once */

/* Of the owner: what is filled is sent. */
struct work *member_open_work(struct member *member, struct log_chunk *chunk);
void member_flush_work(struct member *member);
void member_flush_revoked(struct member *member);
void member_revoke(struct member *member, uint64_t offset);

/* ---- report.c -------------------------------------------------------------------------------------------- */

/* On the owner's thread. `gone`: what the member has is to be delivered again at once. */
void consumer_add(struct consumer *consumer, struct member *member);
void consumer_here(struct consumer *consumer, struct member *member, bool here);
void consumer_remove(struct consumer *consumer, struct member *member, bool gone);
void report_run(struct reactor *reactor, struct mail *mail); /* on the owner's thread */

/* ---- dead.c ---------------------------------------------------------------------------------------------- */

/* Brings what is dying to the dead letters, if that is not under way. Thread: the owner's. */
void dead_letters(struct consumer *consumer);

#endif
