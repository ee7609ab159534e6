/* Reading a station on a thread that may wait: for the HTTP API and the command line. */
#include "station/station_internal.h"

#include "base/mem.h"
#include "mqtt/topic.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

#define CHUNK_BYTES ((size_t)1 << 20)

struct station_read {
    struct station *station; /* a reference */
    char *filter;            /* NULL: all */
    struct log_chunk *chunk;
    struct log_cursor cursor;
    uint64_t next;
    uint64_t end;  /* UINT64_MAX: none */
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

static bool offset_of(struct log *log, const struct station_start *start, const struct log_bounds *bounds,
                      uint64_t *offset, struct error *err)
{
    if (start->kind == START_TIME)
        return log_offset_of_time(log, start->time_ms, offset, err);
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
    log_bounds(log, &bounds);
    bool ok = offset_of(log, &from, &bounds, &read->next, err);
    if (ok && options->to.len == 0 && options->follow)
        read->end = UINT64_MAX;
    else
        ok = ok && offset_of(log, &to, &bounds, &read->end, err);
    station_log_leave(read->station);
    return ok;
}

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
    pthread_condattr_t monotonic;
    struct station_read *read = mem_zalloc(sizeof(*read));
    read->station = station;
    read->slice = options->slice;
    read->left = options->limit > 0 ? options->limit : UINT64_MAX;
    read->filter = options->filter.len > 0 ? str_dup(options->filter) : NULL;
    read->waiter.wake = wake;
    pthread_mutex_init(&read->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&read->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (place(read, options, err))
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

bool station_read_watch(struct station_read *read, void (*notify)(void *arg), void *arg)
{
    assert(!read->watching);
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

void station_read_close(struct station_read *read)
{
    if (read == NULL)
        return;
    unwatch(read);
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
    return read->next;
}

static struct timespec after_ms(int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return until;
}

static bool is_over(const struct timespec *until)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > until->tv_sec || (now.tv_sec == until->tv_sec && now.tv_nsec >= until->tv_nsec);
}

static enum station_read_result refill(struct station_read *read, const struct timespec *until,
                                       struct error *err)
{
    log_chunk_unref(read->chunk);
    read->chunk = NULL;
    for (;;) {
        if (read->next >= read->end)
            return STATION_READ_END;
        struct log_bounds bounds;
        struct log *log = station_log_enter(read->station);
        if (log == NULL) {
            station_gone(read->station, err);
            return STATION_READ_FAILED;
        }
        enum log_read_result result = log_read(log, read->next, CHUNK_BYTES, 0, &read->chunk, err);
        log_bounds(log, &bounds);
        station_log_leave(read->station);
        switch (result) {
        case LOG_READ: log_cursor_init(&read->cursor, read->chunk, read->next); return STATION_READ;
        case LOG_READ_TRIMMED: read->next = bounds.first; break;
        case LOG_READ_FAILED: error_wrap(err, "station %s", read->station->name); return STATION_READ_FAILED;
        case LOG_READ_END:
        case LOG_READ_BLOCKS:
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
    const struct timespec until = after_ms(wait_ms);
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
