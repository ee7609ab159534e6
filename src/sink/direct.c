/* The log → objects, one for each record: a thread for each action.
 *
 *     log:   ▓▓▓▓▓▓▓▓│ done │ in flight │ waits │ done │ waits │ …        ▓ trimmed
 *                    ▲ tail                             ▲ head            the ring: what has been read
 *
 * Records are read into a ring, many at once, and wait in the window (window.c), which says which may fly: lanes (a hash of the
 * client id) take turns, and there are never two requests for one key, so that the last message stays. What has
 * ended comes back in a list, so that a round costs what has happened and not what is in the ring. What has ended out of order is
 * remembered; the log is trimmed behind the oldest that has not. After a crash what was not trimmed is written again:
 * the same bytes under the same key.
 *
 * A request that fails is tried again until it succeeds, with pauses that grow; while the store fails, one request at a
 * time asks whether it still does. Only what the store says can never be right is given up, and counted. */
#include "sink/direct_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stddef.h>
#include <time.h>

#define CHUNK_BYTES  ((size_t)1 << 20)
#define TRIM_MS      200
#define PAUSE_MAX_MS 15000
#define DEADLINE_MS  60000

/* ---- Flights ---------------------------------------------------------------------------------------------- */

static void delivery_free(struct delivery *delivery)
{
    rounds_free(&delivery->rounds);
    window_free(&delivery->window);
    mem_free(delivery->ring);
    mem_free(delivery);
}

/* A flight that was left has ended. True: it was the last. */
static bool end_left(struct slot *slot)
{
    object_request_free(&slot->request);
    log_chunk_unref(slot->chunk);
    return --slot->delivery->left == 0;
}

static void ended(struct object_request *request, const struct error *err)
{
    struct slot *slot = (struct slot *)(void *)request;
    struct delivery *delivery = slot->delivery;
    bool last = false;
    if (err != NULL)
        slot->err = *err;
    else
        slot->err.code = ERR_NONE;
    pthread_mutex_lock(&delivery->rounds.lock); /* delivery_stop() takes it, too, before it frees anything */
    atomic_store_explicit(&slot->state, SLOT_ENDED, memory_order_release);
    if (delivery->left > 0) {
        last = end_left(slot);
    } else {
        list_append(&delivery->ended, &slot->ended);
        rounds_woken(&delivery->rounds);
    }
    pthread_mutex_unlock(&delivery->rounds.lock);
    if (last)
        delivery_free(delivery);
}

static struct slot *slot_of(struct window_item *item)
{
    return CONTAINER_OF(item, struct slot, item);
}

/* ---- Ending ---------------------------------------------------------------------------------------------- */

void slot_settle(struct slot *slot, const struct error *err)
{
    struct delivery *delivery = slot->delivery;
    waiters_settle(delivery->sink, slot->offset, err);
    window_leave(&delivery->window, &slot->item);
    log_chunk_unref(slot->chunk);
    slot->chunk = NULL;
    delivery->bytes -= slot->bytes;
    set_state(slot, SLOT_DONE);
}

static void give_up(struct slot *slot)
{
    struct sink *sink = slot->delivery->sink;
    LOG_WARNING("action cannot deliver a message", LOG_TEXT("action", sink->id),
                LOG_STR("key", slot->parts.key), LOG_ERROR_OF(&slot->err));
    slot_drop(slot, &sink->figures.failed);
}

/* What another attempt cannot make right. */
static bool is_final(const struct error *err)
{
    return err->code == ERR_INVALID || err->code == ERR_TOO_LARGE || err->code == ERR_CORRUPT ||
           err->code == ERR_UNSUPPORTED;
}

/* The store fails: a pause before anything is tried again, longer from time to time. */
static void pause_for(struct delivery *delivery, const struct sink_plan *plan, const struct error *err)
{
    int64_t now_ms = clock_mono_ms();
    if (now_ms < delivery->paused_until_ms)
        return;
    delivery->pause_ms = delivery->pause_ms == 0 ? plan->retry_ms : 2 * delivery->pause_ms;
    if (delivery->pause_ms > PAUSE_MAX_MS)
        delivery->pause_ms = PAUSE_MAX_MS;
    delivery->paused_until_ms = now_ms + delivery->pause_ms;
    sink_fails(delivery->sink, err);
}

static void count_landing(struct slot *slot)
{
    struct sink *sink = slot->delivery->sink;
    bool stored = slot->err.code == ERR_NONE;
    int64_t waited_ms = stored ? clock_wall_ms() - slot->time_ms : 0;
    pthread_mutex_lock(&sink->lock);
    sink->figures.inflight--;
    if (stored) {
        sink->figures.success++;
        sink->figures.bytes += slot->parts.content.len;
        sink->figures.latency_ms += (uint64_t)(waited_ms > 0 ? waited_ms : 0);
    }
    pthread_mutex_unlock(&sink->lock);
}

static void land(struct slot *slot, const struct sink_plan *plan)
{
    struct delivery *delivery = slot->delivery;
    bool stored = slot->err.code == ERR_NONE, again = !stored && !is_final(&slot->err);
    object_request_free(&slot->request);
    connector_store_release(slot->store);
    slot->store = NULL;
    count_landing(slot);
    window_land(&delivery->window, &slot->item, again);
    if (again) {
        set_state(slot, SLOT_WAITS);
        pause_for(delivery, plan, &slot->err);
    } else if (!stored) {
        give_up(slot);
    } else {
        sink_delivers(delivery->sink);
        delivery->pause_ms = delivery->paused_until_ms = 0;
        delivery->done_bytes += slot->bytes;
        slot_settle(slot, NULL);
    }
}

/* Looks at what has ended. */
static void collect(struct delivery *delivery, const struct sink_plan *plan)
{
    struct list all;
    list_init(&all);
    pthread_mutex_lock(&delivery->rounds.lock);
    list_move_all(&all, &delivery->ended);
    pthread_mutex_unlock(&delivery->rounds.lock);
    while (!list_empty(&all)) {
        struct slot *slot = CONTAINER_OF(all.next, struct slot, ended);
        list_remove(&slot->ended);
        land(slot, plan);
    }
}

/* ---- Reading --------------------------------------------------------------------------------------------- */

static void add_slot(struct delivery *delivery, struct log_chunk *chunk, const struct log_record *record)
{
    struct slot *slot = slot_at(delivery, delivery->head);
    memset(slot, 0, offsetof(struct slot, parts.headers));
    slot->delivery = delivery;
    slot->chunk = log_chunk_ref(chunk);
    slot->record = record->data;
    slot->offset = record->offset;
    slot->time_ms = record->time_ms;
    slot->bytes = record->data.len;
    atomic_init(&slot->state, SLOT_WAITS);
    bool readable = record_read(record->data, &slot->parts, &slot->err);
    slot->item.number = delivery->head;
    slot->item.client = slot->parts.lane;
    slot->item.bucket = slot->parts.bucket;
    slot->item.key = slot->parts.key;
    window_add(&delivery->window, &slot->item);
    delivery->bytes += slot->bytes;
    delivery->head++;
    delivery->next = record->offset + 1;
    if (!readable) { /* our own bytes, checked by the log: another version's */
        window_withdraw(&delivery->window, &slot->item);
        give_up(slot);
    }
}

static bool has_room(const struct delivery *delivery)
{
    return delivery->head - delivery->tail < RING &&
           (delivery->bytes < RING_BYTES || delivery->head == delivery->tail);
}

/* To read is worth it: a chunk has many records, and is looked through from its beginning. */
static bool has_much_room(const struct delivery *delivery)
{
    return has_room(delivery) &&
           (delivery->window.waiting == 0 || (delivery->head - delivery->tail <= RING - RING / 4 &&
                                              delivery->bytes <= RING_BYTES - RING_BYTES / 4));
}

/* Reads until the ring is full or the log at its end. */
static void fill(struct delivery *delivery)
{
    if (!has_much_room(delivery))
        return;
    while (has_room(delivery)) {
        struct error err;
        struct log_chunk *chunk;
        struct log_cursor cursor;
        struct log_record record;
        struct log_bounds bounds;
        switch (log_read(delivery->sink->log, delivery->next, CHUNK_BYTES, 0, &chunk, &err)) {
        case LOG_READ: break;
        case LOG_READ_TRIMMED:
            log_bounds(delivery->sink->log, &bounds);
            delivery->next = bounds.first;
            continue;
        case LOG_READ_END:
            if (!rounds_await(&delivery->rounds, delivery->next))
                continue;
            return;
        default: sink_fails(delivery->sink, &err); return;
        }
        log_cursor_init(&cursor, chunk, delivery->next);
        while (has_room(delivery) && log_cursor_next(&cursor, &record))
            add_slot(delivery, chunk, &record);
        log_chunk_unref(chunk);
    }
}

/* ---- Starting -------------------------------------------------------------------------------------------- */

static bool is_paused(const struct delivery *delivery)
{
    return delivery->paused_until_ms > 0 && clock_mono_ms() < delivery->paused_until_ms;
}

static void count_start(struct slot *slot)
{
    struct sink *sink = slot->delivery->sink;
    pthread_mutex_lock(&sink->lock);
    sink->figures.inflight++;
    sink->figures.retried += slot->attempts > 0;
    pthread_mutex_unlock(&sink->lock);
    slot->attempts++;
}

/* The store takes no more for now: as if it had not been tried. */
static void put_back(struct slot *slot)
{
    struct sink *sink = slot->delivery->sink;
    slot->attempts--;
    pthread_mutex_lock(&sink->lock);
    sink->figures.inflight--;
    sink->figures.retried -= slot->attempts > 0;
    pthread_mutex_unlock(&sink->lock);
    connector_store_release(slot->store);
    slot->store = NULL;
    set_state(slot, SLOT_WAITS);
    window_land(&slot->delivery->window, &slot->item, true);
}

/* False: that is enough for now. */
static bool start_slot(struct slot *slot, struct connector_store *store, const struct sink_plan *plan)
{
    slot->request = (struct object_request){
        .op = OBJECT_PUT,
        .bucket = slot->parts.bucket.len > 0 ? slot->parts.bucket : str_of(store->bucket),
        .key = slot->parts.key,
        .body = slot->parts.content,
        .content_type = slot->parts.content_type,
        .headers = slot->parts.headers,
        .header_count = slot->parts.header_count,
        .deadline_ms = DEADLINE_MS,
        .done = ended,
    };
    slot->store = connector_store_ref(store);
    set_state(slot, SLOT_FLIES);
    count_start(slot);
    if (object_start(store->objects, &slot->request, &slot->err))
        return true;
    if (slot->err.code == ERR_BUSY) {
        put_back(slot);
        return false;
    }
    land(slot, plan);
    return !is_paused(slot->delivery);
}

/* How many may fly in one lane, and in all. Lanes take turns: so one may have the whole window, while no other has anything to send. */
static void limits(const struct delivery *delivery, const struct sink_plan *plan, unsigned *lane,
                   unsigned *all)
{
    bool strict = plan->window == 1;
    if (delivery->pause_ms > 0) {
        *lane = *all = 1; /* one asks whether the store still fails */
        return;
    }
    *lane = strict ? 1 : plan->window;
    *all = strict ? plan->lanes : plan->window;
}

static void start(struct delivery *delivery, const struct sink_plan *plan)
{
    struct error err;
    unsigned per_lane, all;
    struct window *window = &delivery->window;
    limits(delivery, plan, &per_lane, &all);
    if (window->waiting == 0 || window->flying >= all || is_paused(delivery) ||
        window->lane_count != plan->lanes)
        return;
    struct connector_store *store =
        connectors_take(delivery->sink->sinks->options.connectors, str_of(plan->connector), &err);
    if (store == NULL) {
        delivery->pause_ms = plan->retry_ms;
        delivery->paused_until_ms = clock_mono_ms() + plan->retry_ms;
        sink_fails(delivery->sink, &err);
        return;
    }
    struct window_item *item;
    while (window->flying < all && (item = window_next(window, per_lane)) != NULL) {
        if (!start_slot(slot_of(item), store, plan))
            break;
    }
    connector_store_release(store);
}

/* ---- The thread ------------------------------------------------------------------------------------------ */

/* Behind the oldest that is not done with. */
static void advance(struct delivery *delivery)
{
    struct error err;
    while (delivery->tail < delivery->head && state_of(slot_at(delivery, delivery->tail)) == SLOT_DONE)
        delivery->gone_bytes += slot_at(delivery, delivery->tail++)->bytes;
    uint64_t below =
        delivery->tail < delivery->head ? slot_at(delivery, delivery->tail)->offset : delivery->next;
    int64_t now_ms = clock_mono_ms();
    if (below == delivery->trimmed || now_ms - delivery->trimmed_ms < TRIM_MS)
        return;
    delivery->trimmed_ms = now_ms;
    if (!log_trim(delivery->sink->log, below, &err)) {
        LOG_WARNING("buffer of an action not trimmed", LOG_TEXT("action", delivery->sink->id),
                    LOG_ERROR_OF(&err));
        return;
    }
    delivery->trimmed = below;
    delivery->done_bytes -= delivery->gone_bytes;
    delivery->gone_bytes = 0;
}

static int64_t rest_ms(const struct delivery *delivery)
{
    int64_t now_ms = clock_mono_ms(), wait_ms = 1000;
    if (delivery->paused_until_ms > now_ms)
        wait_ms = delivery->paused_until_ms - now_ms;
    if (delivery->tail < delivery->head || delivery->trimmed != delivery->next)
        wait_ms = wait_ms < TRIM_MS ? wait_ms : TRIM_MS;
    return wait_ms;
}

/* When their number changes, what flies keeps its lane until it has landed. */
static void set_lanes(struct delivery *delivery, unsigned count)
{
    if (delivery->window.lane_count != count && delivery->window.flying == 0)
        window_set_lanes(&delivery->window, count);
}

static int64_t go_round(void *arg, bool changed)
{
    struct delivery *delivery = arg;
    static const struct sink_plan none = {.lanes = 1, .window = 1, .retry_ms = 1000, .block = true};
    const struct sink_plan *plan = plan_in_force(delivery->sink);
    bool enabled = plan != NULL;
    if (plan == NULL)
        plan = &none;
    if (changed)
        delivery->pause_ms = delivery->paused_until_ms = 0;
    collect(delivery, plan);
    if (enabled) {
        set_lanes(delivery, plan->lanes);
        fill(delivery);
        drops_find(delivery, plan);
        drops_end(delivery, plan);
        start(delivery, plan);
    }
    advance(delivery);
    return rest_ms(delivery);
}

struct delivery *delivery_start(struct sink *sink, struct error *err)
{
    struct log_bounds bounds;
    struct delivery *delivery = mem_zalloc(sizeof(*delivery));
    log_bounds(sink->log, &bounds);
    delivery->sink = sink;
    delivery->next = delivery->trimmed = bounds.first;
    delivery->ring = mem_zalloc(RING * sizeof(*delivery->ring));
    list_init(&delivery->ended);
    window_init(&delivery->window, 1);
    delivery->rounds.log = sink->log;
    delivery->rounds.go = go_round;
    delivery->rounds.arg = delivery;
    if (rounds_start(&delivery->rounds, err))
        return delivery;
    window_free(&delivery->window);
    mem_free(delivery->ring);
    mem_free(delivery);
    return NULL;
}

/* Until a moment (monotonic). */
static void wait_for_flights(const struct delivery *delivery, int64_t until_ms)
{
    for (uint64_t at = delivery->tail; at < delivery->head; at++) {
        const struct slot *slot = slot_at(delivery, at);
        while (atomic_load_explicit(&slot->state, memory_order_acquire) == SLOT_FLIES &&
               clock_mono_ms() < until_ms)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

/* What still flies goes on alone; its store may close below it. */
static unsigned leave_flights(struct delivery *delivery)
{
    unsigned left = 0;
    pthread_mutex_lock(&delivery->rounds.lock); /* the last callback has left */
    for (uint64_t at = delivery->tail; at < delivery->head; at++) {
        struct slot *slot = slot_at(delivery, at);
        int state = atomic_load_explicit(&slot->state, memory_order_acquire);
        if (state == SLOT_FLIES) {
            connector_store_release(slot->store);
            left++;
            continue;
        }
        if (state == SLOT_ENDED) {
            object_request_free(&slot->request);
            connector_store_release(slot->store);
        }
        log_chunk_unref(slot->chunk);
    }
    delivery->left = left;
    pthread_mutex_unlock(&delivery->rounds.lock);
    return left;
}

void delivery_stop(struct delivery *delivery, int64_t until_ms)
{
    if (delivery == NULL)
        return;
    rounds_stop(&delivery->rounds);
    wait_for_flights(delivery, until_ms);
    if (leave_flights(delivery) == 0)
        delivery_free(delivery);
}

void delivery_changed(struct delivery *delivery)
{
    if (delivery != NULL)
        rounds_change(&delivery->rounds);
}
