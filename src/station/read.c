/* Reading a station on a thread that may wait: for the HTTP API, rules and the command line.
 *
 * What only the table has is asked for, and waited for as the caller wants it: at most wait_ms, or without a thread. Where a time is
 * in the table is waited for OPEN_MS at the opening, and then in the same way. So a store that does not answer keeps nobody's threads. The request is on its own: it outlives a reader that is closed. */
#include "station/station_internal.h"

#include "base/mem.h"
#include "base/thread.h"
#include "mqtt/topic.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

#define CHUNK_BYTES ((size_t)1 << 20)
#define OPEN_MS     1000

/* A chunk of the table on its way. */
struct asked {
    struct tier_fetch fetch; /* first */
    struct station *station; /* a reference: the tier lives as long */
    pthread_mutex_t lock;
    /* Under lock. */
    struct station_read *read; /* NULL: closed; the end frees this */
    bool done;
};

/* Where a time is: in the log, or before, in the table, which has not been asked yet. */
struct seek {
    bool pending;
    int64_t time_ms;
};

struct station_read {
    struct station *station; /* a reference */
    struct asked *asked;     /* or NULL */
    char *filter;            /* NULL: all */
    struct log_chunk *chunk;
    struct log_cursor cursor;
    uint64_t next;
    uint64_t end; /* UINT64_MAX: none */
    struct seek seek_next, seek_end;
    uint64_t left; /* messages; UINT64_MAX: no limit */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool woken; /* under lock */
    struct log_waiter waiter;
    bool watching; /* the waiter is the log's, for station_read_watch() */
    void (*notify)(void *arg);
    void *notify_arg;
    uint64_t slice; /* 0: no limit */
};

static bool offset_of(struct station *station, const struct station_start *start,
                      const struct log_bounds *bounds, uint64_t *offset, struct seek *seek, struct error *err)
{
    seek->time_ms = start->time_ms;
    if (start->kind == START_TIME)
        return reach_offset_of_time_local(station, start->time_ms, offset, &seek->pending, err);
    *offset = station_start_offset(start, bounds);
    return true;
}

static bool place(struct station_read *read, const struct station_read_options *options, struct error *err)
{
    struct station_start from = {.kind = START_EARLIEST}, to = {.kind = START_LATEST};
    if ((options->from.len > 0 && !station_start_parse(options->from, &from, err)) ||
        (options->to.len > 0 && !station_start_parse(options->to, &to, err)))
        return false;
    struct log *log = station_log_enter(read->station);
    if (log == NULL)
        return station_gone(read->station, err);
    struct log_bounds bounds;
    reach_bounds(read->station, log, &bounds);
    station_log_leave(read->station);
    bool ok = offset_of(read->station, &from, &bounds, &read->next, &read->seek_next, err);
    if (ok && options->to.len == 0 && options->follow)
        read->end = UINT64_MAX;
    else
        ok = ok && offset_of(read->station, &to, &bounds, &read->end, &read->seek_end, err);
    return ok;
}

static enum station_read_result find_places(struct station_read *read, const struct timespec *until,
                                            struct error *err);

static void wake(struct log_waiter *waiter)
{
    struct station_read *read = CONTAINER_OF(waiter, struct station_read, waiter);
    pthread_mutex_lock(&read->lock);
    read->woken = true;
    pthread_cond_signal(&read->changed);
    if (read->notify != NULL)
        read->notify(read->notify_arg); /* under the lock: who closes it meanwhile waits for that */
    pthread_mutex_unlock(&read->lock);
}

struct station_read *station_read_open(struct stations *stations, struct str name,
                                       const struct station_read_options *options, struct error *err)
{
    struct topic_filter parsed;
    if (options->filter.len > 0 && (!topic_filter_parse(options->filter, &parsed) || parsed.shared)) {
        error_set(err, ERR_INVALID, "\"%.*s\" is no topic filter",
                  (int)(options->filter.len < 100 ? options->filter.len : 100), options->filter.data);
        return NULL;
    }
    struct station *station = stations_get(stations, name, err);
    if (station == NULL)
        return NULL;
    struct station_read *read = mem_zalloc(sizeof(*read));
    read->station = station;
    read->slice = options->slice;
    read->left = options->limit > 0 ? options->limit : UINT64_MAX;
    read->filter = options->filter.len > 0 ? str_dup(options->filter) : NULL;
    read->waiter.wake = wake;
    pthread_mutex_init(&read->lock, NULL);
    cond_init_monotonic(&read->changed);
    const struct timespec until = cond_in_ms(OPEN_MS);
    if (place(read, options, err) && find_places(read, &until, err) != STATION_READ_FAILED)
        return read;
    station_read_close(read);
    return NULL;
}

/* Until the waiter is woken or the time is over. Outside of the log's door. */
static void sleep_until(struct station_read *read, const struct timespec *until)
{
    pthread_mutex_lock(&read->lock);
    while (!read->woken &&
           (until == NULL || pthread_cond_timedwait(&read->changed, &read->lock, until) != ETIMEDOUT)) {
        if (until == NULL)
            pthread_cond_wait(&read->changed, &read->lock);
    }
    pthread_mutex_unlock(&read->lock);
}

/* Waits for a record at read->next, at most until then. */
static void wait_for_more(struct station_read *read, const struct timespec *until)
{
    struct log *log = station_log_enter(read->station);
    if (log == NULL)
        return;
    read->woken = false;
    bool waits = log_wait(log, &read->waiter, read->next);
    station_log_leave(read->station);
    if (!waits)
        return;
    sleep_until(read, until);
    log = station_log_enter(read->station);
    bool cancelled = log != NULL && log_wait_cancel(log, &read->waiter);
    if (log != NULL)
        station_log_leave(read->station);
    if (!cancelled)
        sleep_until(read, NULL); /* wake() is called, or about to be: also by who closes the log */
}

/* ---- Waiting without a thread ---------------------------------------------------------------------------- */

/* For the answer of the table. */
static bool watch_asked(struct station_read *read, void (*notify)(void *arg), void *arg)
{
    pthread_mutex_lock(&read->lock);
    bool waits = !read->woken;
    read->notify = waits ? notify : NULL;
    read->notify_arg = arg;
    pthread_mutex_unlock(&read->lock);
    return waits;
}

bool station_read_watch(struct station_read *read, void (*notify)(void *arg), void *arg)
{
    assert(!read->watching);
    if (read->asked != NULL)
        return watch_asked(read, notify, arg);
    struct log *log = station_log_enter(read->station);
    if (log == NULL)
        return false;
    read->woken = false;
    read->notify = notify;
    read->notify_arg = arg;
    read->watching = log_wait(log, &read->waiter, read->next);
    station_log_leave(read->station);
    if (!read->watching)
        read->notify = NULL;
    return read->watching;
}

static void unwatch(struct station_read *read)
{
    if (read->asked != NULL) {
        pthread_mutex_lock(&read->lock);
        read->notify = NULL;
        pthread_mutex_unlock(&read->lock);
    }
    if (!read->watching)
        return;
    struct log *log = station_log_enter(read->station);
    bool cancelled = log != NULL && log_wait_cancel(log, &read->waiter);
    if (log != NULL)
        station_log_leave(read->station);
    if (!cancelled)
        sleep_until(read, NULL);
    read->watching = false;
    read->notify = NULL;
}

static void forget_asked(struct station_read *read);

void station_read_close(struct station_read *read)
{
    if (read == NULL)
        return;
    unwatch(read);
    forget_asked(read);
    log_chunk_unref(read->chunk);
    station_unref(read->station);
    pthread_cond_destroy(&read->changed);
    pthread_mutex_destroy(&read->lock);
    mem_free(read->filter);
    mem_free(read);
}

/* ---- Reading --------------------------------------------------------------------------------------------- */

uint64_t station_read_offset(const struct station_read *read)
{
    return read->seek_next.pending ? UINT64_MAX : read->next;
}

static bool is_over(const struct timespec *until)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > until->tv_sec || (now.tv_sec == until->tv_sec && now.tv_nsec >= until->tv_nsec);
}

/* ---- The table ------------------------------------------------------------------------------------------- */

static void asked_free(struct asked *asked)
{
    log_chunk_unref(asked->fetch.chunk);
    station_unref(asked->station);
    pthread_mutex_destroy(&asked->lock);
    mem_free(asked);
}

/* On a worker of the tiers. */
static void answered(struct tier_fetch *fetch)
{
    struct asked *asked = (struct asked *)fetch;
    pthread_mutex_lock(&asked->lock);
    asked->done = true;
    struct station_read *read = asked->read;
    if (read != NULL)
        wake(&read->waiter);
    pthread_mutex_unlock(&asked->lock);
    if (read == NULL)
        asked_free(asked);
}

static bool is_answered(struct asked *asked)
{
    pthread_mutex_lock(&asked->lock);
    bool done = asked->done;
    pthread_mutex_unlock(&asked->lock);
    return done;
}

static void ask(struct station_read *read, struct tier *tier, const struct tier_fetch *what)
{
    struct asked *asked = mem_zalloc(sizeof(*asked));
    asked->station = station_ref(read->station);
    asked->read = read;
    asked->fetch = *what;
    asked->fetch.done = answered;
    pthread_mutex_init(&asked->lock, NULL);
    pthread_mutex_lock(&read->lock);
    read->woken = false;
    pthread_mutex_unlock(&read->lock);
    read->asked = asked;
    tier_fetch_start(tier, &asked->fetch);
}

static void forget_asked(struct station_read *read)
{
    struct asked *asked = read->asked;
    read->asked = NULL;
    if (asked == NULL)
        return;
    pthread_mutex_lock(&asked->lock);
    bool done = asked->done;
    asked->read = NULL;
    pthread_mutex_unlock(&asked->lock);
    if (done)
        asked_free(asked);
}

/* Waits for the answer, or for the one that was asked for before. False: it is not there yet. */
static bool await(struct station_read *read, struct tier *tier, const struct tier_fetch *what,
                  const struct timespec *until)
{
    if (read->asked == NULL)
        ask(read, tier, what);
    if (!is_answered(read->asked) && !is_over(until))
        sleep_until(read, until);
    return is_answered(read->asked);
}

static enum station_read_result find_place(struct station_read *read, struct seek *seek, uint64_t *offset,
                                           const struct timespec *until, struct error *err)
{
    struct tier *tier = station_tier(read->station);
    const struct tier_fetch what = {.by_time = true, .time_ms = seek->time_ms};
    if (tier == NULL && read->asked == NULL)
        seek->pending = false; /* switched off meanwhile */
    if (!seek->pending)
        return STATION_READ;
    if (!await(read, tier, &what, until))
        return STATION_READ_WAITS;
    const struct tier_fetch *fetch = &read->asked->fetch;
    bool ok = fetch->ok;
    if (ok && fetch->next < *offset)
        *offset = fetch->next;
    if (!ok && err != NULL)
        *err = fetch->err;
    seek->pending = !ok;
    forget_asked(read);
    return ok ? STATION_READ : STATION_READ_FAILED;
}

static enum station_read_result find_places(struct station_read *read, const struct timespec *until,
                                            struct error *err)
{
    enum station_read_result result = find_place(read, &read->seek_next, &read->next, until, err);
    return result == STATION_READ ? find_place(read, &read->seek_end, &read->end, until, err) : result;
}

/* STATION_READ: look again, or the chunk is there. */
static enum station_read_result from_table(struct station_read *read, const struct timespec *until,
                                           struct error *err)
{
    struct tier *tier = station_tier(read->station);
    const struct tier_fetch what = {.offset = read->next, .sequential = true};
    if (read->asked == NULL && tier == NULL)
        return STATION_READ; /* switched off meanwhile */
    if (!await(read, tier, &what, until))
        return STATION_READ_WAITS;
    struct tier_fetch *fetch = &read->asked->fetch;
    bool ok = fetch->ok;
    if (ok && fetch->chunk != NULL) {
        read->chunk = fetch->chunk;
        fetch->chunk = NULL;
        log_cursor_init(&read->cursor, read->chunk, read->next);
    } else if (ok) {
        read->next = fetch->next > read->next ? fetch->next : read->next + 1;
    } else if (err != NULL) {
        *err = fetch->err;
    }
    forget_asked(read);
    return ok ? STATION_READ : STATION_READ_FAILED;
}

static enum station_read_result refill(struct station_read *read, const struct timespec *until,
                                       struct error *err)
{
    log_chunk_unref(read->chunk);
    read->chunk = NULL;
    enum station_read_result placed = find_places(read, until, err);
    if (placed != STATION_READ)
        return placed;
    for (;;) {
        if (read->next >= read->end)
            return STATION_READ_END;
        uint64_t next;
        enum station_read_result result;
        switch (reach_read_local(read->station, read->next, CHUNK_BYTES, &read->chunk, &next, err)) {
        case LOG_READ: log_cursor_init(&read->cursor, read->chunk, read->next); return STATION_READ;
        case LOG_READ_TRIMMED: read->next = next; break;
        case LOG_READ_FAILED: error_wrap(err, "station %s", read->station->name); return STATION_READ_FAILED;
        case LOG_READ_BLOCKS:
            result = from_table(read, until, err);
            if (result != STATION_READ || read->chunk != NULL)
                return result;
            break;
        case LOG_READ_END:
            if (is_over(until))
                return STATION_READ_TIMEOUT;
            wait_for_more(read, until);
            break;
        }
    }
}

static bool matches(const struct station_read *read, struct str record)
{
    struct str topic;
    return read->filter == NULL ||
           (envelope_topic(record, &topic) && topic_matches(str_of(read->filter), topic));
}

enum station_read_result station_read_next(struct station_read *read, int64_t wait_ms,
                                           struct station_message *out, struct error *err)
{
    const struct timespec until = cond_in_ms(wait_ms);
    unwatch(read);
    if (read->left == 0)
        return STATION_READ_END;
    for (uint64_t looked = 0;; looked++) {
        struct log_record record;
        if (read->slice > 0 && looked > read->slice)
            return STATION_READ_PAUSE;
        if (read->chunk == NULL || !log_cursor_next(&read->cursor, &record)) {
            enum station_read_result result = refill(read, &until, err);
            if (result != STATION_READ)
                return result;
            continue;
        }
        if (record.offset >= read->end)
            return STATION_READ_END;
        read->next = record.offset + 1;
        if (!matches(read, record.data))
            continue;
        if (!envelope_decode(record.data, out, err)) {
            error_wrap(err, "station %s, offset %llu", read->station->name,
                       (unsigned long long)record.offset);
            return STATION_READ_FAILED;
        }
        out->offset = record.offset;
        out->time_ms = record.time_ms;
        read->left -= read->left != UINT64_MAX;
        return STATION_READ;
    }
}
