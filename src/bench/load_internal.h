/* One run of the generator: publishers, subscribers and idle connections, spread over workers.
 *
 * A worker is a thread with its own epoll that owns its connections for life. A topic's publishers and subscribers
 * live on one worker as long as there are as many topics as workers; so a publisher reads the progress of its
 * subscribers without leaving its cache. With fewer topics the subscribers of a topic spread over the workers, and
 * the publisher reads their progress across threads.
 *
 *   main                     workers
 *   PHASE_CONNECT            open connections, CONNECT, SUBSCRIBE; count those that are ready
 *   PHASE_WARMUP             publish
 *   PHASE_MEASURE            publish and record latency
 *   PHASE_DRAIN              receive what is under way
 *   PHASE_READ               with `fill`: subscribers connect and read what was published before
 *   PHASE_STOP               leave */
#ifndef BENCH_LOAD_INTERNAL_H
#define BENCH_LOAD_INTERNAL_H

#include "base/heap.h"
#include "histogram_internal.h"
#include "options_internal.h"
#include "seen_internal.h"
#include "stream_internal.h"
#include "track_internal.h"

#include <pthread.h>
#include <stdatomic.h>

enum load_phase { PHASE_CONNECT, PHASE_WARMUP, PHASE_MEASURE, PHASE_DRAIN, PHASE_READ, PHASE_STOP };

enum link_role { ROLE_PUBLISHER, ROLE_SUBSCRIBER, ROLE_IDLE };

/* CLOSED → CONNECTING → CONNACK ─┬─────────▶ READY → CLOSED
 *                                └─ SUBACK ───▲           */
enum link_state { LINK_CLOSED, LINK_CONNECTING, LINK_CONNACK, LINK_SUBACK, LINK_READY };

/* One connection; the first member of what plays its role. Owned by its worker's thread. */
struct link {
    int fd;
    uint8_t state;
    uint8_t role;
    bool waits_writable; /* EPOLLOUT is asked for */
    uint32_t number;     /* among those of its role */
    uint32_t out_len;    /* bytes that the socket did not take yet */
    uint8_t *out;
    struct stream_tail tail;
};

struct publisher {
    struct link link;
    struct worker *worker;
    uint32_t source; /* which one of its topic's publishers */
    uint32_t topic;
    uint32_t subscribers; /* of its topic */
    uint32_t window;      /* messages in flight; UINT32_MAX: no limit */
    bool queued;          /* in the worker's queue */
    struct publisher *queue_next;

    uint8_t *packet; /* the PUBLISH that is patched and sent */
    uint32_t packet_bytes;
    uint32_t packet_room; /* packet_bytes rounded up to whole copying steps; the memory behind packet */
    uint32_t payload_at;
    uint32_t id_at;

    uint64_t sent;     /* messages; also the next one's number */
    uint64_t limit;    /* messages to send in all */
    uint64_t progress; /* what the slowest subscriber had at the last look */
    uint64_t given_up; /* numbers below do not count as in flight: they did not come for too long */
    int64_t progress_ns;

    uint64_t *in_flight; /* QoS 1 and 2: a bit for each packet id */
    uint32_t in_flight_count;
    uint16_t next_id;
    uint16_t last_id;     /* ids are 1 … last_id */
    int64_t *id_since_ns; /* latency until the acknowledgement: when each id was sent or due; else NULL */

    struct heap_node due; /* with a rate: when the next message is due */

    /* Set by the publisher that waits for subscribers of other workers, taken by them; acquire-release pairs
     * with each other: whoever comes second sees what the other did before. */
    atomic_bool starved;
};

struct subscriber {
    struct link link;
    struct worker *worker;
    uint32_t topic;
    uint32_t magic;
    uint32_t sources;          /* publishers of its topic */
    struct track *tracks;      /* one for each source; not in a group */
    struct seen_member member; /* in a group */

    /* How the last PUBLISH was laid out; the next one most likely is the same. The first four bytes under `mask`
     * (type, QoS and remaining length) decide. */
    uint32_t mask;
    uint32_t first_bytes;
    uint32_t packet_bytes;
    uint32_t payload_at;
    uint32_t id_at; /* 0 for QoS 0 */
};

/* What a worker counts. One writer, the worker; others read it at any time, relaxed. */
struct worker_counts {
    _Atomic uint64_t published;
    _Atomic uint64_t expected;  /* deliveries: published times the subscribers of the topic */
    _Atomic uint64_t delivered; /* without duplicates */
    _Atomic uint64_t unacked;   /* QoS 1 and 2: of all publishers */
    _Atomic uint64_t acked;     /* QoS 1 and 2: without those that were refused */
    _Atomic uint64_t ready;     /* connections */
    _Atomic int64_t last_delivery_ns;
};

struct worker {
    struct load *load;
    pthread_t thread;
    bool started; /* the thread runs; the main thread's */
    int epoll;
    int wake; /* eventfd */
    struct worker_counts counts;
    _Atomic int seen_phase; /* release: what it did in the phase before is done */

    /* Its own. */
    struct link **links;
    uint32_t link_count;
    uint32_t first_count; /* of the links, those that do not wait for PHASE_READ */
    uint32_t opened;
    uint32_t opening; /* opened, not ready yet */
    int64_t next_open_ns;
    int64_t next_check_ns;
    int64_t now_ns;          /* read once a turn */
    int phase;               /* read once a turn */
    bool recording;          /* latency counts in this phase */
    struct publisher *queue; /* those that may have room to send */
    struct publisher **queue_end;
    struct heap due;
    uint8_t *in;
    size_t in_bytes;
    uint8_t *out;
    size_t out_bytes;
    struct histogram latency;
    uint64_t foreign;      /* messages of nobody here */
    uint64_t refused;      /* acknowledged with an error */
    uint64_t unknown_acks; /* for packet ids that are not in flight */
    uint64_t stalls;       /* how often a window was given up, see publisher.given_up */
};

struct load {
    const struct bench_options *options;
    struct stream_address address;
    uint32_t run;
    int64_t start_ns; /* written before PHASE_WARMUP */
    struct publisher *publishers;
    struct subscriber *subscribers;
    struct link *idles;
    struct seen *seen; /* of a group, by source; NULL: no group */
    struct worker *workers;
    uint32_t worker_count;
    uint32_t link_count;
    _Atomic int phase;

    pthread_mutex_t lock; /* of error; the first one counts */
    struct error error;
    atomic_bool failed;
};

#define LOAD_SHARES_MAX 1024

struct load_result {
    int64_t start_ns; /* monotonic: when publishing began */
    double seconds;
    double cpu_seconds; /* of the generator */
    uint64_t published; /* in the measured time, as acked and delivered */
    uint64_t acked;
    uint64_t delivered;  /* with `fill`: in read_seconds */
    double read_seconds; /* with `fill`: from the first subscriber's connecting to the last message */
    double read_cpu_seconds;
    uint64_t lost; /* of the whole run, as the following */
    uint64_t duplicates;
    uint64_t late;
    uint64_t foreign;
    uint64_t refused;
    uint64_t unknown_acks;
    uint64_t unacked;
    uint64_t stalls;
    uint64_t total_published;
    uint64_t total_acked;
    uint64_t total_delivered;
    uint64_t shares[LOAD_SHARES_MAX]; /* of a group: messages of each member */
    struct histogram latency;
};

struct idle_result {
    uint32_t open;
    double connect_seconds;
    int64_t pid;               /* 0: not known */
    uint64_t rss_before_bytes; /* of the process; 0: not known */
    uint64_t rss_after_bytes;
};

/* Runs to its end. Errors: ERR_IO and others of connecting; ERR_TIMEOUT; ERR_CLOSED; ERR_DENIED. */
bool load_run(const struct bench_options *options, struct load_result *result, struct error *err);
bool load_run_idle(const struct bench_options *options, struct idle_result *result, struct error *err);

/* ---- for the folder's files ---- */

/* Notes the first error and makes the run stop. Thread: any. */
void load_fail(struct load *load, const struct error *err);

/* How many of `links` (publishers or subscribers) have this topic. */
static inline uint32_t load_share(uint32_t links, uint32_t topics, uint32_t topic)
{
    return topic < links ? (links - topic - 1) / topics + 1 : 0;
}

bool worker_start(struct worker *worker, struct error *err);
void worker_wake(struct worker *worker);
/* Sends, or keeps what the socket does not take. False: the connection is broken, *err says why. */
bool worker_send(struct worker *worker, struct link *link, const uint8_t *data, size_t len,
                 struct error *err);

static inline void counter_add(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

/* Handles every whole packet of a ready connection and returns the bytes used, or -1 with *err set. */
ptrdiff_t publisher_consume(struct publisher *publisher, uint8_t *data, size_t len, struct error *err);
ptrdiff_t subscriber_consume(struct subscriber *subscriber, uint8_t *data, size_t len, struct error *err);

void publisher_init(struct publisher *publisher, struct load *load, struct worker *worker, uint32_t number);
void publisher_free(struct publisher *publisher);
void publisher_queue(struct publisher *publisher); /* it may have room to send: look this turn */
bool publisher_pump(struct publisher *publisher, struct error *err);
void publisher_check_stall(struct publisher *publisher);
uint64_t publisher_due_ns(const struct publisher *publisher, uint64_t number);

void subscriber_init(struct subscriber *subscriber, struct load *load, struct worker *worker,
                     uint32_t number);
void subscriber_free(struct subscriber *subscriber);

/* The handshake until LINK_READY. */
bool handshake_begin(struct worker *worker, struct link *link,
                     struct error *err); /* the socket is connected */
ptrdiff_t handshake_consume(struct worker *worker, struct link *link, uint8_t *data, size_t len,
                            struct error *err);
const char *link_name(const struct link *link, char *out, size_t out_bytes);
struct mqtt_frame;
bool disconnect_error(const struct link *link, uint8_t version, const struct mqtt_frame *frame,
                      struct error *err);

#define LINK_NAME_BYTES 32

#endif
