/* Housekeeping: retention, rates, ids that are forgotten. One thread for all stations; it looks only at those that have
 * something due.
 *
 *   touched    something was stored or acknowledged: looked at within TICK_MS
 *   due        a heap of the times at which the oldest message of each station is too old
 *   rated      stations whose rate is not zero: counted once a second
 *
 * What is expelled is decided exactly: the low-water mark goes to the first message that stays, by whichever of age,
 * bytes, messages or acknowledgements asks for most. With a second tier what is expelled stays in the log until it is in
 * the table (settle.c): `expelled` is then above the log's own mark. */
#include "station/consumer.h"
#include "station/station_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

#define TICK_MS  250
#define RATE_MS  1000
#define WARN_MS  60000
#define RETRY_MS 1000
#define ONE_READ ((size_t)4096)

static struct station *station_of_due(struct heap_node *node)
{
    return CONTAINER_OF(node, struct station, due);
}

void keeper_touch(struct station *station)
{
    struct keeper *keeper = &station->all->keeper;
    if (atomic_exchange_explicit(&station->touched, true, memory_order_acq_rel))
        return;
    pthread_mutex_lock(&keeper->lock);
    list_append(&keeper->touched, &station_ref(station)->touched_link);
    pthread_mutex_unlock(&keeper->lock);
}

/* ---- Retention ------------------------------------------------------------------------------------------- */

/* The time of the oldest message that is not expelled, at `first`; INT64_MAX: there is none. */
static bool first_time(struct station *station, struct log *log, const struct log_bounds *bounds,
                       uint64_t first, int64_t *time_ms, struct error *err)
{
    *time_ms = INT64_MAX;
    if (first >= bounds->next)
        return true;
    if (!station->first_known || station->first_offset != first) {
        struct log_chunk *chunk;
        struct log_cursor cursor;
        struct log_record record;
        enum log_read_result result = log_read(log, first, ONE_READ, 0, &chunk, err);
        if (result != LOG_READ)
            return result != LOG_READ_FAILED;
        log_cursor_init(&cursor, chunk, first);
        if (log_cursor_next(&cursor, &record)) {
            station->first_known = true;
            station->first_offset = first;
            station->first_ms = record.time_ms;
        }
        log_chunk_unref(chunk);
    }
    *time_ms = station->first_ms;
    return true;
}

static uint64_t higher(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

struct retention {
    int64_t age_ms;
    uint64_t bytes;
    uint64_t messages;
    bool acked;
};

static struct retention retention_of(struct station *station)
{
    pthread_mutex_lock(&station->lock);
    const struct retention retention = {
        .age_ms = station->config.retention.age_ms,
        .bytes = station->config.retention.bytes,
        .messages = station->config.retention.messages,
        .acked = station->config.retention.acked,
    };
    pthread_mutex_unlock(&station->lock);
    return retention;
}

/* Keeps what asks for most. */
static void ask(uint64_t *below, uint64_t offset, const char **reason, const char *why)
{
    if (offset <= *below)
        return;
    *below = offset;
    *reason = why;
}

/* What is below `first` is expelled already. *below: the first message that stays; *reason: what has asked for it. *due_ms: when the
 * next one is too old. */
static bool decide(struct station *station, struct log *log, const struct log_bounds *bounds, uint64_t first,
                   int64_t now_ms, uint64_t *below, const char **reason, int64_t *due_ms, struct error *err)
{
    const struct retention retention = retention_of(station);
    uint64_t offset;
    *below = first;
    *reason = NULL;
    *due_ms = INT64_MAX;
    if (retention.messages > 0 && bounds->next - bounds->first > retention.messages)
        ask(below, bounds->next - retention.messages, reason, "messages");
    if (retention.bytes > 0 && bounds->bytes > retention.bytes) {
        if (!log_offset_of_bytes(log, retention.bytes, &offset, err))
            return false;
        ask(below, offset, reason, "bytes");
    }
    if (retention.acked)
        ask(below, consumers_acked(station, bounds), reason, "acked");
    if (retention.age_ms > 0) {
        int64_t first_ms;
        if (!first_time(station, log, bounds, first, &first_ms, err))
            return false;
        if (first_ms != INT64_MAX && first_ms + retention.age_ms <= now_ms) {
            if (!log_offset_of_time(log, now_ms - retention.age_ms + 1, &offset, err))
                return false;
            ask(below, offset, reason, "age");
        } else if (first_ms != INT64_MAX) {
            *due_ms = first_ms + retention.age_ms;
        }
    }
    return true;
}

/* Expels what is to go. Returns when to look again, INT64_MAX: when it is touched. */
static int64_t retain(struct station *station, int64_t now_ms)
{
    struct log *log = station_log_enter(station);
    if (log == NULL)
        return INT64_MAX;
    struct log_bounds bounds;
    struct error err = {0};
    struct station_event event;
    const char *reason;
    uint64_t below;
    int64_t due_ms;
    log_bounds(log, &bounds);
    bool tiered = station_tier(station) != NULL;
    uint64_t first = bounds.first;
    if (tiered)
        first = higher(first, atomic_load_explicit(&station->expelled, memory_order_relaxed));
    bool ok = decide(station, log, &bounds, first, now_ms, &below, &reason, &due_ms, &err);
    bool more = ok && below > first;
    bool told = more && station_event_expelled(station, log, first, below, reason, &event);
    if (more && tiered && atomic_load_explicit(&station->expelled, memory_order_relaxed) < below)
        atomic_store_explicit(&station->expelled, below, memory_order_relaxed);
    if (ok && tiered)
        ok = settle_expel(station, log, below, &err);
    else if (more)
        ok = station_trim(station, log, below, &err);
    if (ok && told)
        station_raise(station, &event);
    int64_t first_ms = INT64_MAX;
    if (ok && more && retention_of(station).age_ms > 0 &&
        first_time(station, log, &bounds, below, &first_ms, &err) && first_ms != INT64_MAX)
        due_ms = first_ms + retention_of(station).age_ms;
    station_log_leave(station);
    if (ok)
        return due_ms;
    LOG_WARNING("retention tried again", LOG_TEXT("station", station->name), LOG_ERROR_OF(&err));
    return now_ms + RETRY_MS;
}

/* ---- Rates ----------------------------------------------------------------------------------------------- */

static uint32_t per_second(uint64_t count, int64_t ms)
{
    uint64_t rate = count * 1000 / (uint64_t)ms;
    return rate < UINT32_MAX ? (uint32_t)rate : UINT32_MAX;
}

/* A line at the first one, and again while it goes on. */
static void warn_of_forgotten(struct station *station)
{
    int64_t last_ms, now_ms = clock_mono_ms();
    uint64_t forgotten = ids_forgotten(&station->ids, &last_ms);
    if (forgotten == station->warned_forgotten ||
        (station->warned_forgotten > 0 && now_ms - station->warned_ms < WARN_MS))
        return;
    LOG_WARNING("message ids forgotten before dedup_window is over: repetitions of these messages are stored",
                LOG_TEXT("station", station->name),
                LOG_UINT("forgotten", forgotten - station->warned_forgotten), LOG_UINT("kept", IDS_MAX));
    station->warned_forgotten = forgotten;
    station->warned_ms = now_ms;
}

static void rate(struct station *station, int64_t ms)
{
    uint64_t messages = atomic_load_explicit(&station->messages_in, memory_order_relaxed);
    uint64_t bytes = atomic_load_explicit(&station->bytes_in, memory_order_relaxed);
    uint32_t rate_in = per_second(messages - station->rated_messages, ms);
    atomic_store_explicit(&station->rate_in, rate_in, memory_order_relaxed);
    atomic_store_explicit(&station->rate_bytes_in, per_second(bytes - station->rated_bytes, ms),
                          memory_order_relaxed);
    station->rated_messages = messages;
    station->rated_bytes = bytes;
    int64_t window_ms = atomic_load_explicit(&station->dedup_window_ms, memory_order_relaxed);
    ids_expire(&station->ids, clock_wall_ms(), window_ms);
    exchanges_expire(&station->exchanges, clock_wall_ms(), window_ms);
    warn_of_forgotten(station);
    if (station_is_closed(station) ||
        (rate_in == 0 && ids_count(&station->ids) + exchanges_count(&station->exchanges) == 0)) {
        list_remove(&station->rated_link);
        station_unref(station);
    }
}

static void rate_all(struct keeper *keeper)
{
    int64_t now_ms = clock_mono_ms();
    int64_t passed_ms = now_ms - keeper->rated_ms;
    if (passed_ms < RATE_MS)
        return;
    keeper->rated_ms = now_ms;
    LIST_EACH_SAFE(it, &keeper->rated)
    rate(CONTAINER_OF(it, struct station, rated_link), passed_ms);
}

/* ---- The tick -------------------------------------------------------------------------------------------- */

static void out_of_heap(struct keeper *keeper, struct station *station)
{
    if (!heap_contains(&station->due))
        return;
    heap_remove(&keeper->due, &station->due);
    station_unref(station);
}

/* The lock is held, and given up while the station is looked at. Takes a reference. */
static void look_at(struct keeper *keeper, struct station *station, int64_t now_ms)
{
    pthread_mutex_unlock(&keeper->lock);
    if (!list_linked(&station->rated_link))
        list_append(&keeper->rated, &station_ref(station)->rated_link);
    uint64_t look = atomic_fetch_add_explicit(&station->looks_begun, 1, memory_order_acq_rel) + 1;
    int64_t due_ms = retain(station, now_ms);
    atomic_store_explicit(&station->looks_ended, look, memory_order_release);
    pthread_mutex_lock(&keeper->lock);
    out_of_heap(keeper, station);
    if (due_ms != INT64_MAX)
        heap_insert(&keeper->due, &station_ref(station)->due, due_ms);
    station_unref(station);
}

static bool tick(struct keeper *keeper)
{
    int64_t now_ms = clock_wall_ms();
    struct list touched;
    list_init(&touched);
    rate_all(keeper);
    pthread_mutex_lock(&keeper->lock);
    list_move_all(&touched, &keeper->touched);
    bool any = !list_empty(&touched);
    while (!list_empty(&touched)) {
        struct station *station = CONTAINER_OF(touched.next, struct station, touched_link);
        list_remove(&station->touched_link);
        /* Acquire: what was touched before is seen; release: who touches from here on comes again. */
        atomic_exchange_explicit(&station->touched, false, memory_order_acq_rel);
        look_at(keeper, station, now_ms);
    }
    for (struct heap_node *node; (node = heap_min(&keeper->due)) != NULL && node->key <= now_ms;) {
        any = true;
        look_at(keeper, station_ref(station_of_due(node)), now_ms);
    }
    pthread_mutex_unlock(&keeper->lock);
    return any;
}

bool stations_tick(struct stations *stations)
{
    assert(!stations->keeper.started);
    return tick(&stations->keeper);
}

/* Real time, also under a fake clock. The lock is held. */
static void sleep_ms(struct keeper *keeper, int64_t ms)
{
    const struct timespec until = cond_in_ms(ms);
    while (!keeper->stopping && pthread_cond_timedwait(&keeper->changed, &keeper->lock, &until) != ETIMEDOUT)
        ;
}

static void *run(void *arg)
{
    struct keeper *keeper = arg;
    pthread_mutex_lock(&keeper->lock);
    while (!keeper->stopping) {
        pthread_mutex_unlock(&keeper->lock);
        tick(keeper);
        pthread_mutex_lock(&keeper->lock);
        sleep_ms(keeper, TICK_MS);
    }
    pthread_mutex_unlock(&keeper->lock);
    return NULL;
}

void keeper_init(struct keeper *keeper, struct stations *all)
{
    *keeper = (struct keeper){.all = all, .rated_ms = clock_mono_ms()};
    list_init(&keeper->touched);
    list_init(&keeper->rated);
    pthread_mutex_init(&keeper->lock, NULL);
    cond_init_monotonic(&keeper->changed);
}

bool keeper_start(struct keeper *keeper, struct error *err)
{
    keeper->started = thread_start(&keeper->thread, "station-keeper", run, keeper, err);
    return keeper->started;
}

void keeper_stop(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    keeper->stopping = true;
    pthread_cond_signal(&keeper->changed);
    pthread_mutex_unlock(&keeper->lock);
    if (keeper->started)
        pthread_join(keeper->thread, NULL);
    keeper->started = false;
}

void keeper_free(struct keeper *keeper)
{
    for (struct heap_node *node; (node = heap_min(&keeper->due)) != NULL;)
        out_of_heap(keeper, station_of_due(node));
    while (!list_empty(&keeper->touched)) {
        struct station *station = CONTAINER_OF(keeper->touched.next, struct station, touched_link);
        list_remove(&station->touched_link);
        station_unref(station);
    }
    while (!list_empty(&keeper->rated)) {
        struct station *station = CONTAINER_OF(keeper->rated.next, struct station, rated_link);
        list_remove(&station->rated_link);
        station_unref(station);
    }
    heap_free(&keeper->due);
    pthread_cond_destroy(&keeper->changed);
    pthread_mutex_destroy(&keeper->lock);
}
