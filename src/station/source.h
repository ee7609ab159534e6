/* Reading a station on a reactor, which must wait neither for a disk nor for a store.
 *
 *     source_read() ─▶ in memory: here it is
 *                   ─▶ on disk: a worker reads it ─▶ mail ─▶ ready() ─▶ source_read() again
 *                   ─▶ in the table: tier_fetch_start() ─▶ mail ─▶ ready() ─▶ …
 *                   ─▶ at the end: log_wait()     ─▶ mail ─▶ ready() ─▶ …
 *
 * Embedded in a reader or a consumer, whose memory must stay until source_end() has said that nothing is on its way any
 * more. Thread: the reactor's. */
#ifndef STATION_SOURCE_H
#define STATION_SOURCE_H

#include "station/station_internal.h"

struct source {
    /* The reactor's thread. */
    struct station *station; /* borrowed */
    struct reactor *reactor;
    void (*ready)(struct source *source);
    void (*ended)(struct source *source); /* once, after source_end(); on any thread when the reactor stops */
    bool waiting;                         /* at the end of the log; `tail` comes */
    bool working;                         /* a worker reads; `job_mail` comes */
    bool ending;
    bool failing; /* has been said */
    struct timer again;
    struct log_chunk *chunk; /* what the worker has read, or the tier has brought */
    bool from_tier; /* the chunk is of the table: it is good although the log has no such record any more */
    uint64_t tier_end; /* where the last chunk of the table has ended: who goes on there reads in sequence */
    uint64_t gap_at;   /* the table has nothing at this offset, */
    uint64_t gap_end;  /* but here; 0: not known of any */
    bool fetching;     /* the tier fetches; `fetch_mail` comes */
    uint64_t found;    /* what the worker has found */
    bool has_found;
    /* One for the owner until source_end(), one for each mail that comes: who gives the last one back calls ended(). So
     * mail that is dropped on another thread, because the reactor stops, touches nothing else of the reactor's. */
    atomic_uint holds;
    /* Others', until their mail has come. */
    struct log_waiter waiter;
    struct mail tail;
    struct tier_fetch fetch;
    struct mail fetch_mail;
    struct worker_job job;
    struct mail job_mail;
    enum { SOURCE_JOB_READ, SOURCE_JOB_TIME } job_kind;
    uint64_t job_offset;
    size_t job_bytes;
    int64_t job_time_ms;
    struct error job_err;
    bool job_ok;
};

enum source_result {
    SOURCE_READ,
    SOURCE_LATER,   /* ready() comes */
    SOURCE_TRIMMED, /* expelled: go on at *first */
    SOURCE_GONE     /* the station is deleted: nothing comes any more */
};

void source_init(struct source *source, struct station *station, struct reactor *reactor,
                 void (*ready)(struct source *source), void (*ended)(struct source *source));
/* The chunk with the record at `offset`; returns owned. */
enum source_result source_read(struct source *source, uint64_t offset, size_t max_bytes,
                               struct log_chunk **chunk, uint64_t *first);
/* The offset of the first message at or after the time. */
enum source_result source_find(struct source *source, int64_t time_ms, uint64_t *offset);
/* `ended` is called when nothing is on its way any more: perhaps at once. */
void source_end(struct source *source);

#endif
