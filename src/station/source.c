/* See source.h. A read that fails is tried again every RETRY_MS: a bad record is reported once, never stepped over. */
#include "station/source.h"

#include "base/log.h"

#include <assert.h>

#define RETRY_MS 1000
#define BUSY_MS  20 /* the workers' queue is full */

static void hold(struct source *source)
{
    atomic_fetch_add_explicit(&source->holds, 1, memory_order_relaxed);
}

static void release(struct source *source)
{
    if (atomic_fetch_sub_explicit(&source->holds, 1, memory_order_acq_rel) != 1)
        return;
    log_chunk_unref(source->chunk);
    source->chunk = NULL;
    source->ended(source);
}

/* ---- The end of the log ---------------------------------------------------------------------------------- */

/* On a log writer. */
static void wake(struct log_waiter *waiter)
{
    struct source *source = CONTAINER_OF(waiter, struct source, waiter);
    reactor_post(source->reactor, &source->tail);
}

static void tail_run(struct reactor *reactor, struct mail *mail)
{
    struct source *source = CONTAINER_OF(mail, struct source, tail);
    if (reactor != NULL && !source->ending) {
        source->waiting = false;
        source->ready(source);
    }
    release(source);
}

/* ---- Workers --------------------------------------------------------------------------------------------- */

static void job_run(struct worker_job *job)
{
    struct source *source = CONTAINER_OF(job, struct source, job);
    struct log *log = station_log_enter(source->station);
    source->job_ok = false;
    if (log == NULL) {
        station_gone(source->station, &source->job_err);
    } else if (source->job_kind == SOURCE_JOB_TIME) {
        source->job_ok = log_offset_of_time(log, source->job_time_ms, &source->found, &source->job_err);
    } else {
        enum log_read_result result =
            log_read(log, source->job_offset, source->job_bytes, 0, &source->chunk, &source->job_err);
        source->job_ok = result != LOG_READ_FAILED; /* else the reactor looks again, and sees what it is */
    }
    if (log != NULL)
        station_log_leave(source->station);
    stations_job_done(source->station->all, source->reactor, &source->job_mail);
}

static void retry_in(struct source *source, int64_t ms)
{
    timer_set(source->reactor, &source->again, reactor_now_ms(source->reactor) + ms);
}

static void fire(struct reactor *reactor, struct timer *timer)
{
    (void)reactor;
    struct source *source = CONTAINER_OF(timer, struct source, again);
    source->ready(source);
}

static void note_failure(struct source *source, const struct error *err)
{
    if (!source->failing)
        LOG_ERROR("station not read, tried again", LOG_TEXT("station", source->station->name),
                  LOG_ERROR_OF(err));
    source->failing = true;
    retry_in(source, RETRY_MS);
}

static bool find_in_table(struct source *source);

static void job_over(struct source *source)
{
    source->working = false;
    bool found = source->job_ok && source->job_kind == SOURCE_JOB_TIME;
    if (found && find_in_table(source))
        return;
    source->has_found = found;
    if (source->job_ok || source->job_err.code == ERR_CLOSED)
        source->ready(source);
    else
        note_failure(source, &source->job_err);
}

static void job_mail_run(struct reactor *reactor, struct mail *mail)
{
    struct source *source = CONTAINER_OF(mail, struct source, job_mail);
    if (reactor != NULL && !source->ending)
        job_over(source);
    release(source);
}

static enum source_result ask_worker(struct source *source)
{
    if (source->working)
        return SOURCE_LATER;
    source->job.run = job_run;
    source->working = true; /* the mail comes on this thread */
    hold(source);
    if (!stations_job(source->station->all, &source->job)) {
        source->working = false;
        release(source);
        retry_in(source, BUSY_MS);
    }
    return SOURCE_LATER;
}

/* ---- The table ------------------------------------------------------------------------------------------- */

/* On a worker of the tiers. */
static void fetched(struct tier_fetch *fetch)
{
    struct source *source = CONTAINER_OF(fetch, struct source, fetch);
    reactor_post(source->reactor, &source->fetch_mail);
}

static void fetch_over(struct source *source)
{
    struct tier_fetch *fetch = &source->fetch;
    if (!fetch->ok) {
        if (fetch->err.code == ERR_CLOSED)
            source->ready(source);
        else
            note_failure(source, &fetch->err);
        return;
    }
    source->failing = false;
    if (fetch->by_time) {
        source->has_found = true;
        source->found = fetch->next < source->found ? fetch->next : source->found;
    } else if (fetch->chunk != NULL) {
        log_chunk_unref(source->chunk);
        source->chunk = fetch->chunk;
        source->from_tier = true;
        fetch->chunk = NULL;
    } else {
        source->gap_at = fetch->offset;
        source->gap_end = fetch->next;
    }
    source->ready(source);
}

static void fetch_mail_run(struct reactor *reactor, struct mail *mail)
{
    struct source *source = CONTAINER_OF(mail, struct source, fetch_mail);
    if (reactor != NULL) {
        source->fetching = false;
        if (!source->ending)
            fetch_over(source);
    }
    log_chunk_unref(source->fetch.chunk);
    source->fetch.chunk = NULL;
    release(source);
}

static enum source_result ask_tier(struct source *source, struct tier *tier, const struct tier_fetch *what)
{
    source->fetch = *what;
    source->fetch.done = fetched;
    source->fetching = true;
    hold(source);
    tier_fetch_start(tier, &source->fetch);
    return SOURCE_LATER;
}

/* The log has trimmed what is asked for. */
static enum source_result read_table(struct source *source, struct log *log, uint64_t offset,
                                     struct log_chunk **chunk, uint64_t *first)
{
    struct log_bounds bounds;
    log_bounds(log, &bounds);
    if (reach_below(source->station, &bounds, offset, first) == REACH_NONE)
        return SOURCE_TRIMMED;
    if (source->gap_end > 0 && source->gap_at == offset) {
        *first = source->gap_end > offset ? source->gap_end : bounds.first;
        source->gap_end = 0;
        return SOURCE_TRIMMED;
    }
    struct tier *tier = station_tier(source->station);
    *chunk = tier_read_cached(tier, offset);
    if (*chunk == NULL) {
        const struct tier_fetch what = {.offset = offset, .sequential = offset == source->tier_end};
        return ask_tier(source, tier, &what);
    }
    source->failing = false;
    source->tier_end = (*chunk)->next_offset;
    return SOURCE_READ;
}

/* The time begins at the log's first record, or before: in the table, perhaps. */
static bool find_in_table(struct source *source)
{
    struct log_bounds bounds;
    struct tier_bounds table;
    struct tier *tier = station_tier(source->station);
    struct log *log = tier != NULL ? station_log_enter(source->station) : NULL;
    if (log == NULL)
        return false;
    log_bounds(log, &bounds);
    station_log_leave(source->station);
    tier_bounds(tier, &table);
    if (source->found > bounds.first || !table.any || table.first >= bounds.first)
        return false;
    const struct tier_fetch what = {.by_time = true, .time_ms = source->job_time_ms};
    ask_tier(source, tier, &what);
    return true;
}

/* ---- Reading --------------------------------------------------------------------------------------------- */

void source_init(struct source *source, struct station *station, struct reactor *reactor,
                 void (*ready)(struct source *source), void (*ended)(struct source *source))
{
    *source = (struct source){
        .station = station,
        .reactor = reactor,
        .ready = ready,
        .ended = ended,
        .again.fire = fire,
        .waiter.wake = wake,
        .tail.run = tail_run,
        .job_mail.run = job_mail_run,
        .fetch_mail.run = fetch_mail_run,
    };
    atomic_init(&source->holds, 1);
}

static bool covers(const struct log_chunk *chunk, uint64_t offset)
{
    return offset >= chunk->first_offset && offset < chunk->next_offset;
}

static enum source_result read_log(struct source *source, struct log *log, uint64_t offset, size_t max_bytes,
                                   struct log_chunk **chunk, uint64_t *first)
{
    struct error err = {0};
    for (;;) {
        switch (log_read(log, offset, max_bytes, LOG_NOWAIT, chunk, &err)) {
        case LOG_READ: source->failing = false; return SOURCE_READ;
        case LOG_READ_END:
            if (source->waiting)
                return SOURCE_LATER;
            source->waiting = true;
            hold(source);
            if (log_wait(log, &source->waiter, offset))
                return SOURCE_LATER;
            source->waiting = false;
            release(source);
            break;
        case LOG_READ_BLOCKS:
            source->job_kind = SOURCE_JOB_READ;
            source->job_offset = offset;
            source->job_bytes = max_bytes;
            return ask_worker(source);
        case LOG_READ_TRIMMED: return read_table(source, log, offset, chunk, first);
        case LOG_READ_FAILED: note_failure(source, &err); return SOURCE_LATER;
        }
    }
}

enum source_result source_read(struct source *source, uint64_t offset, size_t max_bytes,
                               struct log_chunk **chunk, uint64_t *first)
{
    assert(!source->ending);
    if (source->working || source->fetching || heap_contains(&source->again.node))
        return SOURCE_LATER;
    struct log *log = station_log_enter(source->station);
    if (log == NULL)
        return SOURCE_GONE;
    enum source_result result;
    struct log_bounds bounds;
    log_bounds(log, &bounds);
    struct log_chunk *brought = source->chunk;
    source->chunk = NULL; /* from here on it may be a worker's again */
    bool from_tier = source->from_tier;
    source->from_tier = false;
    if (brought != NULL && covers(brought, offset) && (from_tier || offset >= bounds.first)) {
        if (from_tier)
            source->tier_end = brought->next_offset;
        *chunk = brought;
        result = SOURCE_READ;
        source->failing = false;
    } else {
        log_chunk_unref(brought);
        result = read_log(source, log, offset, max_bytes, chunk, first);
    }
    station_log_leave(source->station);
    return result;
}

enum source_result source_find(struct source *source, int64_t time_ms, uint64_t *offset)
{
    assert(!source->ending);
    if (source->has_found) {
        source->has_found = false;
        *offset = source->found;
        return SOURCE_READ;
    }
    if (source->working || source->fetching || heap_contains(&source->again.node))
        return SOURCE_LATER;
    if (station_is_closed(source->station) || source->station->log == NULL)
        return SOURCE_GONE;
    source->job_kind = SOURCE_JOB_TIME;
    source->job_time_ms = time_ms;
    return ask_worker(source);
}

void source_end(struct source *source)
{
    source->ending = true;
    if (!source->station->all->reactors_gone)
        timer_clear(source->reactor, &source->again);
    struct log *log = source->waiting ? station_log_enter(source->station) : NULL;
    if (log != NULL) { /* else closing the log has woken it, or wakes it */
        bool cancelled = log_wait_cancel(log, &source->waiter);
        station_log_leave(source->station);
        if (cancelled)
            release(source);
    }
    if (source->fetching && tier_fetch_cancel(source->fetch.tier, &source->fetch))
        release(source);
    release(source);
}
