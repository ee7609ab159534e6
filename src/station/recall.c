/* After a restart: the ids and exchanges (exchanges.h) of the messages that the dedup window reaches back to are read from
 * the log, in the background, so that a start does not wait for them.
 *
 *   opening      a log without marked batches has neither (capture.c and produce.c mark those that do), and what has left it with one
 *                is in the id file (id_file.c): without both there is nothing to read
 *   otherwise    the station is one of those that are read, a slice in turn, by one job of the workers
 *   meanwhile    what has an id, or is sent again at QoS 2, cannot tell whether it is a duplicate: it waits (capture.c parks it and
 *                what comes behind it; produce.c waits here); all else is stored at once
 *   at the end   waiters are woken; what is parked is claimed in its order
 *
 * If the log cannot be read, messages with ids are refused, with the reason; the first one that comes after RETRY_MS has it
 * read again. */
#include "station/station_internal.h"

#include "base/clock.h"
#include "base/log.h"

#define READ_BYTES   ((size_t)1 << 20)
#define SLICE_CHUNKS 16
#define RETRY_MS     1000
#define WAITERS_MAX  1000

enum step { STEP_MORE, STEP_DONE, STEP_FAILED };

static bool add_names_of(struct station *station, struct log_chunk *chunk, uint64_t from, struct error *err)
{
    struct log_cursor cursor;
    struct log_record record;
    log_cursor_init(&cursor, chunk, from);
    while (log_cursor_next(&cursor, &record)) {
        struct station_message message;
        if (!envelope_is_named(record.data))
            continue;
        if (!envelope_decode(record.data, &message, err))
            return error_wrap(err, "offset %llu", (unsigned long long)record.offset);
        if (message.id.len > 0)
            ids_add(&station->ids, message.id, record.offset, record.time_ms);
        if (message.exchange.session != 0)
            exchanges_add(&station->exchanges, &message, record.time_ms);
    }
    return true;
}

/* Where the window begins, and where the log ends: what comes later claims its ids itself. */
static bool find_window(struct recall *recall, const struct station *station, struct log *log,
                        struct error *err)
{
    struct log_bounds bounds;
    int64_t window_ms = atomic_load_explicit(&station->dedup_window_ms, memory_order_relaxed);
    log_bounds(log, &bounds);
    recall->end = bounds.next;
    recall->found = log_offset_of_time(log, clock_wall_ms() - window_ms + 1, &recall->next, err);
    return recall->found;
}

/* What has left the log within the window. */
static bool read_file(struct station *station, struct error *err)
{
    int64_t window_ms = atomic_load_explicit(&station->dedup_window_ms, memory_order_relaxed);
    station->recall.filed =
        id_file_read(&station->id_file, &station->ids, &station->exchanges, clock_wall_ms() - window_ms, err);
    return station->recall.filed;
}

static enum step read_chunk(struct station *station, struct log *log, struct error *err)
{
    struct recall *recall = &station->recall;
    struct log_chunk *chunk;
    if (!recall->filed && !read_file(station, err))
        return STEP_FAILED;
    if (!recall->found && !find_window(recall, station, log, err))
        return STEP_FAILED;
    if (recall->next >= recall->end)
        return STEP_DONE;
    switch (log_read(log, recall->next, READ_BYTES, LOG_MARKED, &chunk, err)) {
    case LOG_READ: break;
    case LOG_READ_TRIMMED: /* the id file has the rest by now */
        recall->filed = recall->found = false;
        return STEP_MORE;
    case LOG_READ_FAILED: return STEP_FAILED;
    default: return STEP_DONE;
    }
    bool ok = add_names_of(station, chunk, recall->next, err);
    recall->next = chunk->next_offset;
    log_chunk_unref(chunk);
    return ok ? STEP_MORE : STEP_FAILED;
}

/* Enters the log for each chunk, so that closing it does not wait for long. */
static enum step read_slice(struct station *station, struct error *err)
{
    enum step step = STEP_MORE;
    for (unsigned i = 0; step == STEP_MORE && i < SLICE_CHUNKS; i++) {
        struct log *log = station_log_enter(station);
        if (log == NULL || atomic_load_explicit(&station->all->closing, memory_order_relaxed)) {
            if (log != NULL)
                station_log_leave(station);
            error_set(err, ERR_CLOSED, "station %s is deleted or closed", station->name);
            return STEP_FAILED;
        }
        step = read_chunk(station, log, err);
        station_log_leave(station);
    }
    return step;
}

static void finish(struct station *station, const struct error *failure)
{
    struct recall *recall = &station->recall;
    if (failure != NULL && failure->code != ERR_CLOSED)
        LOG_ERROR("message ids of a station not read: messages that have one are refused",
                  LOG_TEXT("station", station->name), LOG_ERROR_OF(failure));
    pthread_mutex_lock(&station->lock);
    while (recall->waiters != NULL) { /* who comes meanwhile is behind those who wait */
        struct recall_waiter *waiter = recall->waiters;
        recall->waiters = waiter->next;
        recall->waiter_count--;
        pthread_mutex_unlock(&station->lock);
        waiter->wake(waiter, failure);
        pthread_mutex_lock(&station->lock);
    }
    if (failure != NULL)
        recall->err = *failure;
    recall->retry_ms = clock_mono_ms() + RETRY_MS;
    /* Release: with the ids, for who does not take the lock. */
    atomic_store_explicit(&recall->state, failure == NULL ? RECALL_DONE : RECALL_FAILED,
                          memory_order_release);
    pthread_mutex_unlock(&station->lock);
    station_unref(station);
}

/* The next one of those that are to be read; NULL: none, and the job is over. */
static struct station *take(struct stations *stations)
{
    struct station *station = NULL;
    pthread_mutex_lock(&stations->lock);
    if (list_empty(&stations->recalling)) {
        stations->recall_runs = false;
    } else {
        station = CONTAINER_OF(stations->recalling.next, struct station, recall.link);
        list_remove(&station->recall.link);
    }
    pthread_mutex_unlock(&stations->lock);
    return station;
}

static void put_back(struct stations *stations, struct station *station)
{
    pthread_mutex_lock(&stations->lock);
    list_append(&stations->recalling, &station->recall.link);
    pthread_mutex_unlock(&stations->lock);
}

static void run(struct worker_job *job)
{
    struct stations *stations = CONTAINER_OF(job, struct stations, recall_job);
    for (struct station *station; (station = take(stations)) != NULL;) {
        struct error err = {0};
        switch (read_slice(station, &err)) {
        case STEP_MORE: put_back(stations, station); break;
        case STEP_DONE: finish(station, NULL); break;
        case STEP_FAILED: finish(station, &err); break;
        }
    }
    stations_job_done(stations, NULL, NULL);
}

/* The state is READING. */
static void enqueue(struct station *station)
{
    struct stations *stations = station->all;
    station->recall.found = station->recall.filed = false;
    station_ref(station);
    pthread_mutex_lock(&stations->lock);
    list_append(&stations->recalling, &station->recall.link);
    bool runs = stations->recall_runs;
    stations->recall_runs = true;
    pthread_mutex_unlock(&stations->lock);
    if (runs)
        return;
    stations->recall_job.run = run;
    if (stations_job(stations, &stations->recall_job))
        return;
    /* The workers have too much to do: all of them try again when they are asked. */
    struct error err;
    error_set(&err, ERR_BUSY, "the workers have too much to do");
    for (struct station *one; (one = take(stations)) != NULL;)
        finish(one, &err);
}

void recall_start(struct station *station)
{
    struct error err;
    struct log_bounds bounds;
    struct log_chunk *chunk = NULL;
    log_bounds(station->log, &bounds);
    if (atomic_load_explicit(&station->dedup_window_ms, memory_order_relaxed) == 0)
        return;
    enum log_read_result any = LOG_READ_END;
    if (bounds.first < bounds.next)
        any = log_read(station->log, bounds.first, 1, LOG_MARKED | LOG_NOWAIT, &chunk, &err);
    if (any == LOG_READ)
        log_chunk_unref(chunk);
    if (any == LOG_READ_END && !id_file_any(&station->id_file))
        return;
    atomic_store_explicit(&station->recall.state, RECALL_READING, memory_order_relaxed);
    enqueue(station);
}

enum recall_state recall_state(struct station *station, struct error *err)
{
    struct recall *recall = &station->recall;
    enum recall_state state = atomic_load_explicit(&recall->state, memory_order_acquire);
    if (state != RECALL_FAILED)
        return state;
    pthread_mutex_lock(&station->lock);
    state = atomic_load_explicit(&recall->state, memory_order_relaxed);
    bool again = state == RECALL_FAILED && clock_mono_ms() >= recall->retry_ms &&
                 !station_is_closed(station) && station->log != NULL;
    if (again) {
        state = RECALL_READING;
        atomic_store_explicit(&recall->state, state, memory_order_relaxed);
    } else if (state == RECALL_FAILED && err != NULL) {
        *err = recall->err;
    }
    pthread_mutex_unlock(&station->lock);
    if (again)
        enqueue(station);
    return state;
}

enum recall_wait recall_wait(struct station *station, bool has_id, struct recall_waiter *waiter)
{
    struct recall *recall = &station->recall;
    enum recall_wait result = RECALL_OVER;
    pthread_mutex_lock(&station->lock);
    if (atomic_load_explicit(&recall->state, memory_order_acquire) == RECALL_READING &&
        (has_id || recall->waiters != NULL)) {
        result = recall->waiter_count < WAITERS_MAX ? RECALL_WAITS : RECALL_TOO_MANY;
        if (result == RECALL_WAITS) {
            waiter->next = NULL;
            if (recall->waiters == NULL)
                recall->waiters = waiter;
            else
                recall->last_waiter->next = waiter;
            recall->last_waiter = waiter;
            recall->waiter_count++;
        }
    }
    pthread_mutex_unlock(&station->lock);
    return result;
}
