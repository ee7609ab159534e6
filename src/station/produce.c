/* Messages that do not come over MQTT: one batch for a request, with the same claims of ids as capture.c. A request is
 * done when its batch is on disk and every earlier message whose id it repeats has ended. While the ids of the last window
 * are read (recall.c), a request with ids waits, and others wait behind it. */
#include "station/station_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "mqtt/topic.h"

#include <assert.h>
#include <stdio.h>

#define REQUEST_BYTES_MAX \
    ((size_t)8 << 20) /* of several messages; one may be as large as the station takes */

/* A message whose id is on its way already. */
struct produce_waiter {
    struct id_waiter waiter; /* first */
    struct station_produce *produce;
    size_t index;
};

struct produce_batch {
    struct log_batch batch; /* first */
    struct recall_waiter waiter;
    struct station *station; /* a reference */
    struct station_produce *produce;
    struct id_entry *ids;
    int64_t time_ms;
    size_t bytes;
    uint32_t record_count;
    uint32_t records[]; /* of each record, the index of its message */
};

static void fail(struct station_produce *produce, const struct error *err)
{
    if (!atomic_flag_test_and_set(&produce->failed))
        produce->err = *err;
}

/* One of what the request waits for has ended. */
static void part_done(struct station_produce *produce)
{
    if (atomic_fetch_sub_explicit(&produce->pending, 1, memory_order_acq_rel) != 1)
        return;
    bool failed = produce->err.code != ERR_NONE;
    produce->done(produce, failed ? &produce->err : NULL);
}

static void note_offset(struct station_produce *produce, size_t index, uint64_t offset, bool duplicate)
{
    if (produce->offsets != NULL)
        produce->offsets[index] = offset;
    if (produce->duplicates != NULL)
        produce->duplicates[index] = duplicate;
}

static void batch_end(struct produce_batch *batch, bool stored)
{
    struct station *station = batch->station;
    struct station_produce *produce = batch->produce;
    for (uint32_t i = 0; stored && i < batch->record_count; i++)
        note_offset(produce, batch->records[i], batch->batch.first_offset + i, false);
    atomic_fetch_add_explicit(stored ? &station->messages_in : &station->refused, batch->record_count,
                              memory_order_relaxed);
    if (stored) {
        atomic_fetch_add_explicit(&station->bytes_in, batch->bytes, memory_order_relaxed);
        keeper_touch(station);
    }
    ids_settle(&station->ids, batch->ids, stored, batch->batch.first_offset, batch->time_ms);
    log_batch_reset(&batch->batch);
    mem_free(batch);
    station_unref(station);
    part_done(produce);
}

/* On a log writer. */
static void done(struct log_batch *log_batch, const struct error *err)
{
    struct produce_batch *batch = (struct produce_batch *)log_batch;
    if (err != NULL)
        fail(batch->produce, err);
    batch_end(batch, err == NULL);
}

static void wake(struct id_waiter *waiter, bool stored, uint64_t offset)
{
    struct produce_waiter *mine = (struct produce_waiter *)waiter;
    struct station_produce *produce = mine->produce;
    if (stored) {
        note_offset(produce, mine->index, offset, true);
    } else {
        struct error err;
        error_set(&err, ERR_READ_ONLY, "an earlier message with the same id was not stored");
        fail(produce, &err);
    }
    mem_free(mine);
    part_done(produce);
}

/* ---- Checking -------------------------------------------------------------------------------------------- */

static bool check_properties(struct station_message *message, struct error *err)
{
    struct mqtt_properties properties;
    if (message->props.len > 0 &&
        (mqtt_properties_decode((const uint8_t *)message->props.data, message->props.len, MQTT_LIST_PUBLISH,
                                &properties) != MQTT_SUCCESS ||
         MQTT_HAS(&properties, MQTT_PROP_TOPIC_ALIAS) || MQTT_HAS(&properties, MQTT_PROP_SUBSCRIPTION_ID)))
        return error_set(err, ERR_INVALID, "properties that no stored message may have");
    message->expiry_s = message->props.len > 0 && MQTT_HAS(&properties, MQTT_PROP_MESSAGE_EXPIRY)
                            ? properties.message_expiry
                            : 0;
    return true;
}

/* What MQTT takes for a string; a record with anything else would be none for who reads it. */
static bool is_text(struct str text)
{
    return text.len <= UINT16_MAX && utf8_valid(text.data, text.len) &&
           (text.len == 0 || memchr(text.data, '\0', text.len) == NULL);
}

/* The message as it is stored; `props` holds its properties if they had to be changed. */
static bool prepare(const struct station *station, const struct station_message *given,
                    struct station_message *out, struct buf *props, struct error *err)
{
    *out = *given;
    if (!topic_name_valid(given->topic)) {
        return error_set(err, ERR_INVALID, "\"%.*s\" is no topic name",
                         (int)(given->topic.len < 100 ? given->topic.len : 100),
                         given->topic.len > 0 ? given->topic.data : "");
    }
    if (!is_text(given->id) || !is_text(given->client_id) || !is_text(given->username)) {
        return error_set(
            err, ERR_INVALID,
            "message id, client id and user name are UTF-8 of at most 65535 bytes, without U+0000");
    }
    if (!check_properties(out, err))
        return false;
    struct str had = envelope_id_of(given->props);
    if (given->id.len > 0 && had.len > 0 && !str_equal(had, given->id))
        return error_set(err, ERR_INVALID, "two message ids: \"%.*s\" and \"%.*s\"", STR_ARG(given->id),
                         STR_ARG(had));
    if (given->id.len > 0 && had.len == 0) {
        buf_append_str(props, given->props);
        mqtt_user_property_append(props, ENVELOPE_ID_KEY, given->id);
        out->props = buf_str(props);
    }
    out->id = envelope_id_of(out->props);
    if (!envelope_fits(out))
        return error_set(err, ERR_INVALID, "a client id or user name of more than 65535 bytes, or QoS 3");
    size_t bytes = out->topic.len + out->props.len + out->payload.len;
    uint32_t most = atomic_load_explicit(&station->max_message_bytes, memory_order_relaxed);
    if (bytes <= most)
        return true;
    error_set(err, ERR_TOO_LARGE, "a message of %zu bytes; station %s takes %u", bytes, station->name, most);
    return error_hint(err, "raise the station's max_message_bytes");
}

bool stations_message_check(struct stations *stations, struct str name, const struct station_message *message,
                            struct error *err)
{
    struct station *station = stations_get(stations, name, err);
    if (station == NULL)
        return false;
    struct station_message prepared;
    struct buf props = {0};
    bool ok = prepare(station, message, &prepared, &props, err);
    buf_free(&props);
    station_unref(station);
    return ok;
}

static bool check_all(const struct station *station, const struct station_produce *produce, struct error *err)
{
    size_t total = 0;
    bool ok = true;
    if (produce->count == 0 || produce->count > STATION_PRODUCE_MAX)
        return error_set(err, ERR_INVALID, "a request has 1 to %d messages", STATION_PRODUCE_MAX);
    struct buf props = {0};
    for (size_t i = 0; ok && i < produce->count; i++) {
        struct station_message message;
        buf_reset(&props);
        ok = prepare(station, &produce->messages[i], &message, &props, err) ||
             error_wrap(err, "message %zu", i);
        if (ok)
            total += envelope_bytes(&message);
    }
    buf_free(&props);
    if (ok && produce->count > 1 && total > REQUEST_BYTES_MAX) {
        error_set(err, ERR_TOO_LARGE, "a request of %zu messages with %zu bytes", produce->count, total);
        return error_hint(err, "send at most %zu MiB at once", REQUEST_BYTES_MAX >> 20);
    }
    return ok;
}

/* ---- Producing ------------------------------------------------------------------------------------------- */

/* False: it is a duplicate. */
static bool claim(struct produce_batch *batch, const struct station_message *message, size_t index)
{
    struct station *station = batch->station;
    int64_t window_ms = atomic_load_explicit(&station->dedup_window_ms, memory_order_relaxed);
    if (message->id.len == 0 || window_ms == 0)
        return true;
    struct id_entry *entry = NULL;
    uint64_t offset;
    struct produce_waiter *waiter = mem_alloc(sizeof(*waiter));
    *waiter = (struct produce_waiter){.waiter.wake = wake, .produce = batch->produce, .index = index};
    atomic_fetch_add_explicit(&batch->produce->pending, 1, memory_order_relaxed);
    enum ids_claim claim =
        ids_claim(&station->ids, message->id, batch->time_ms, window_ms, &waiter->waiter, &entry, &offset);
    if (claim == IDS_PENDING) {
        atomic_fetch_add_explicit(&station->duplicates, 1, memory_order_relaxed);
        return false;
    }
    mem_free(waiter);
    atomic_fetch_sub_explicit(&batch->produce->pending, 1,
                              memory_order_relaxed); /* not the last: the batch */
    if (claim == IDS_KNOWN) {
        note_offset(batch->produce, index, offset, true);
        atomic_fetch_add_explicit(&station->duplicates, 1, memory_order_relaxed);
        return false;
    }
    entry->index = batch->record_count;
    entry->next = batch->ids;
    batch->ids = entry;
    return true;
}

static void fill(struct produce_batch *batch)
{
    struct station_produce *produce = batch->produce;
    struct buf props = {0};
    for (size_t i = 0; i < produce->count; i++) {
        struct station_message message;
        buf_reset(&props);
        bool ok = prepare(batch->station, &produce->messages[i], &message, &props, NULL);
        (void)ok; /* check_all() has; a limit that has been lowered meanwhile does not matter */
        if (!claim(batch, &message, i))
            continue;
        size_t bytes = envelope_bytes(&message);
        envelope_write(&message, log_batch_add(&batch->batch, batch->time_ms, bytes));
        batch->batch.marked |= message.id.len > 0;
        batch->bytes += bytes;
        batch->records[batch->record_count++] = (uint32_t)i;
    }
    buf_free(&props);
}

/* Whether any message has an id, of its own or among its properties. */
static bool has_ids(const struct station_produce *produce)
{
    for (size_t i = 0; i < produce->count; i++) {
        if (produce->messages[i].id.len > 0 || envelope_id_of(produce->messages[i].props).len > 0)
            return true;
    }
    return false;
}

static void submit(struct produce_batch *batch, struct log *log)
{
    struct error refused;
    batch->time_ms = clock_wall_ms();
    fill(batch);
    bool nothing = batch->record_count == 0; /* duplicates all */
    if (!nothing && !settle_is_full(batch->station, &refused) && log_append(log, &batch->batch, &refused))
        return;
    if (!nothing)
        fail(batch->produce, &refused);
    batch_end(batch, false);
}

static void ids_are_read(struct recall_waiter *waiter, const struct error *err)
{
    struct produce_batch *batch = CONTAINER_OF(waiter, struct produce_batch, waiter);
    struct station *station = station_ref(batch->station);
    struct log *log = err == NULL ? station_log_enter(station) : NULL;
    if (log != NULL) {
        submit(batch, log);
        station_log_leave(station);
    } else {
        struct error gone;
        if (err == NULL)
            station_gone(station, &gone);
        fail(batch->produce, err != NULL ? err : &gone);
        batch_end(batch, false);
    }
    station_unref(station);
}

/* Submits it, or lets it wait for the ids. */
static void start(struct produce_batch *batch, struct log *log)
{
    struct station *station = batch->station;
    struct error err;
    bool claims =
        has_ids(batch->produce) && atomic_load_explicit(&station->dedup_window_ms, memory_order_relaxed) > 0;
    bool refused = claims && recall_state(station, &err) == RECALL_FAILED;
    if (!refused) {
        switch (recall_wait(station, claims, &batch->waiter)) {
        case RECALL_WAITS: return;
        case RECALL_OVER: submit(batch, log); return;
        case RECALL_TOO_MANY:
            error_set(&err, ERR_BUSY, "the message ids of station %s are still read, and too much waits",
                      station->name);
        }
    }
    fail(batch->produce, &err);
    batch_end(batch, false);
}

bool stations_produce(struct stations *stations, struct str name, struct station_produce *produce,
                      struct error *err)
{
    struct station *station = stations_get(stations, name, err);
    if (station == NULL)
        return false;
    if (!check_all(station, produce, err)) {
        station_unref(station);
        return false;
    }
    struct log *log = station_log_enter(station);
    if (log == NULL) {
        station_gone(station, err);
        station_unref(station);
        return false;
    }
    struct produce_batch *batch = mem_zalloc(sizeof(*batch) + produce->count * sizeof(batch->records[0]));
    batch->batch.done = done;
    batch->station = station_ref(station);
    batch->produce = produce;
    produce->err = (struct error){0};
    atomic_flag_clear(&produce->failed);
    atomic_store_explicit(&produce->pending, 1, memory_order_relaxed);
    batch->waiter.wake = ids_are_read;
    start(batch, log);
    station_log_leave(station);
    station_unref(station);
    return true;
}

/* ---- Waiting for it -------------------------------------------------------------------------------------- */

struct wait {
    struct station_produce produce; /* first */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    struct error err;
};

static void wait_done(struct station_produce *produce, const struct error *err)
{
    struct wait *wait = (struct wait *)produce;
    pthread_mutex_lock(&wait->lock);
    wait->done = true;
    if (err != NULL)
        wait->err = *err;
    pthread_cond_signal(&wait->changed);
    pthread_mutex_unlock(&wait->lock);
}

bool stations_produce_wait(struct stations *stations, struct str name, struct station_produce *produce,
                           struct error *err)
{
    struct wait wait = {
        .produce = {.messages = produce->messages,
                    .count = produce->count,
                    .offsets = produce->offsets,
                    .duplicates = produce->duplicates,
                    .done = wait_done},
    };
    pthread_mutex_init(&wait.lock, NULL);
    pthread_cond_init(&wait.changed, NULL);
    bool taken = stations_produce(stations, name, &wait.produce, err);
    pthread_mutex_lock(&wait.lock);
    while (taken && !wait.done)
        pthread_cond_wait(&wait.changed, &wait.lock);
    pthread_mutex_unlock(&wait.lock);
    pthread_cond_destroy(&wait.changed);
    pthread_mutex_destroy(&wait.lock);
    if (!taken || wait.err.code == ERR_NONE)
        return taken;
    if (err != NULL)
        *err = wait.err;
    return error_wrap(err, "station %.*s", STR_ARG(name));
}
