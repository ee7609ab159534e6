/* A result → the log, and acknowledgements.
 *
 *   sink_submit()       on the publisher's reactor: what the templates make of the result is added to the batch of (sink,
 *                       reactor); the acknowledgement's ticket is held
 *   end of the turn     the batch is submitted
 *   done()              on a log writer, when it is on disk: `async` acknowledges; `sync` remembers the tickets by offset
 *   waiters_settle()    on the delivering thread, when the store has it: `sync` acknowledges
 *
 * Threads that are no reactor share the last post, under a lock; each of their batches is one record. */
#include "sink/sink_internal.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

#define BATCH_BYTES       ((size_t)1 << 20)
#define CONTENT_BYTES_MAX ((size_t)8 << 20)
#define KEY_BYTES_MAX     1024               /* S3's limit */
#define RECORD_BYTES_MAX  ((size_t)15 << 20) /* a log's batch has more */

struct sink_batch {
    struct log_batch batch; /* first */
    struct sink *sink;
    struct sink_waiter *waiters; /* of records that somebody waits for; offset: within the batch */
    uint32_t count;
    uint32_t cap;
    bool sync;
};

/* ---- Batches --------------------------------------------------------------------------------------------- */

static void tell(const struct sink_waiter *waiter, const struct error *err)
{
    if (waiter->ticket != NULL)
        ticket_done(waiter->ticket, err == NULL ? MQTT_SUCCESS : MQTT_QUOTA_EXCEEDED);
    if (waiter->done != NULL)
        waiter->done(waiter->arg, err);
}

static void batch_free(struct sink_batch *batch)
{
    log_batch_reset(&batch->batch);
    mem_free(batch->waiters);
    mem_free(batch);
}

static void ring_push(struct sink *sink, const struct sink_waiter *waiter)
{
    if (sink->waiter_count == sink->waiter_cap) {
        size_t cap = sink->waiter_cap > 0 ? 2 * sink->waiter_cap : 64;
        struct sink_waiter *ring = mem_alloc(cap * sizeof(*ring));
        for (size_t i = 0; i < sink->waiter_count; i++)
            ring[i] = sink->waiters[(sink->waiter_head + i) % sink->waiter_cap];
        mem_free(sink->waiters);
        sink->waiters = ring;
        sink->waiter_cap = cap;
        sink->waiter_head = 0;
    }
    sink->waiters[(sink->waiter_head + sink->waiter_count++) % sink->waiter_cap] = *waiter;
}

/* On a log writer, in the order of offsets. */
static void done(struct log_batch *log_batch, const struct error *err)
{
    struct sink_batch *batch = (struct sink_batch *)(void *)log_batch;
    struct sink *sink = batch->sink;
    bool waits = batch->sync && err == NULL;
    pthread_mutex_lock(&sink->lock);
    if (err != NULL)
        sink->figures.other += log_batch->count;
    for (uint32_t i = 0; waits && i < batch->count; i++) {
        struct sink_waiter waiter = batch->waiters[i];
        waiter.offset += log_batch->first_offset;
        ring_push(sink, &waiter);
    }
    pthread_mutex_unlock(&sink->lock);
    for (uint32_t i = 0; !waits && i < batch->count; i++)
        tell(&batch->waiters[i], err);
    batch_free(batch);
}

static void refuse(struct sink_batch *batch, const struct error *err)
{
    struct sink *sink = batch->sink;
    pthread_mutex_lock(&sink->lock);
    sink->figures.other += batch->batch.count;
    sink->why = *err;
    pthread_mutex_unlock(&sink->lock);
    for (uint32_t i = 0; i < batch->count; i++)
        tell(&batch->waiters[i], err);
    batch_free(batch);
}

static void flush(struct sink_post *post)
{
    struct error err;
    struct sink_batch *batch = post->open;
    post->open = NULL;
    if (batch == NULL)
        return;
    if (!log_append(post->sink->log, &batch->batch, &err))
        refuse(batch, &err);
}

void post_flush(struct turn_task *task)
{
    flush((struct sink_post *)(void *)task);
}

void post_free(struct sink_post *post)
{
    struct error err;
    if (post->open != NULL) {
        error_set(&err, ERR_CLOSED, "the action is closed");
        refuse(post->open, &err);
    }
    buf_free(&post->record);
    buf_free(&post->parts);
}

static struct sink_batch *batch_of(struct sink_post *post, bool sync)
{
    if (post->open == NULL) {
        post->open = mem_zalloc(sizeof(*post->open));
        post->open->batch.done = done;
        post->open->sink = post->sink;
        post->open->sync = sync;
    }
    return post->open;
}

static void add_waiter(struct sink_batch *batch, const struct sink_waiter *waiter)
{
    if (batch->count == batch->cap) {
        batch->cap = batch->cap > 0 ? 2 * batch->cap : 16;
        batch->waiters = mem_realloc(batch->waiters, batch->cap * sizeof(*batch->waiters));
    }
    batch->waiters[batch->count++] = *waiter;
}

/* ---- Rendering ------------------------------------------------------------------------------------------- */

struct rendering {
    const struct sql_columns *columns;
    struct sql_scope *scope;
    struct buf *out;
};

/* Appends; the text borrows from the buffer once nothing is appended any more: so places are kept, not pointers. */
struct place {
    size_t at;
    size_t len;
};

static bool render(const struct rendering *rendering, const struct sql_template *template,
                   enum sql_template_missing missing, size_t bytes_max, struct place *out, struct error *err)
{
    out->at = rendering->out->len;
    if (!sql_template_render(template, rendering->columns, rendering->scope, missing, rendering->out,
                             out->at + bytes_max, err))
        return false;
    out->len = rendering->out->len - out->at;
    return true;
}

static struct str text_at(const struct buf *buf, struct place place)
{
    return str_make(buf->data + place.at, place.len);
}

/* A line break in a header would begin another one. */
static bool header_is_clean(struct str value, const char *name, struct error *err)
{
    for (size_t i = 0; i < value.len; i++) {
        if ((uint8_t)value.data[i] < 32 || value.data[i] == 127)
            return error_set(err, ERR_INVALID, "headers: %s: a control character in the value", name);
    }
    return true;
}

/* Renders all parts into `parts`, then the record into post->record. */
static bool render_request(const struct sink_plan *plan, const struct sink_message *message,
                           struct buf *parts, struct buf *record, struct error *err)
{
    struct message_key naming = {message};
    const struct sql_columns of_key = message_key_columns(&naming);
    const struct rendering rendering = {message->result, message->scope, parts},
                           key_rendering = {&of_key, message->scope, parts};
    struct place bucket, key, content, headers[RECORD_HEADERS_MAX];
    if (!render(&rendering, plan->bucket, SQL_MISSING_IS_ERROR, 255, &bucket, err))
        return error_wrap(err, "bucket");
    if (!render(&key_rendering, plan->key, SQL_MISSING_IS_ERROR, KEY_BYTES_MAX, &key, err))
        return error_wrap(err, "key");
    if (key.len == 0)
        return error_set(err, ERR_INVALID, "key: is empty");
    for (size_t i = 0; i < plan->header_count; i++) {
        if (!render(&rendering, plan->headers[i].value, SQL_MISSING_AS_TEXT, 4096, &headers[i], err))
            return error_wrap(err, "headers: %s", plan->headers[i].name);
    }
    if (!render(&rendering, plan->content, SQL_MISSING_AS_TEXT, CONTENT_BYTES_MAX, &content, err))
        return error_wrap(err, "content");
    struct sink_request request = {
        .lane = hash_stable(message->client_id.data, message->client_id.len),
        .bucket = text_at(parts, bucket),
        .key = text_at(parts, key),
        .content = text_at(parts, content),
    };
    for (size_t i = 0; i < plan->header_count; i++) {
        struct str value = text_at(parts, headers[i]);
        if (!header_is_clean(value, plan->headers[i].name, err))
            return false;
        if (str_equal_nocase(str_of(plan->headers[i].name), STR("content-type")))
            request.content_type = value;
        else
            request.headers[request.header_count++] =
                (struct object_header){.name = str_of(plan->headers[i].name), .value = value};
    }
    record_write(&request, record);
    return true;
}

/* All that was selected, as a record. */
static bool render_row(const struct sink_message *message, struct buf *record, struct error *err)
{
    size_t before = record->len;
    struct sql_map_builder builder = sql_map_begin(message->scope);
    if (!message->result->all(message->result->source, &builder, err))
        return false;
    struct sql_value row = sql_map_end(&builder);
    row_write(&row, record);
    if (record->len - before > CONTENT_BYTES_MAX)
        return error_set(err, ERR_TOO_LARGE, "the row has more than %zu MiB", CONTENT_BYTES_MAX >> 20);
    return true;
}

static bool render_record(struct sink_post *post, const struct sink_plan *plan,
                          const struct sink_message *message, struct error *err)
{
    buf_reset(&post->record);
    buf_reset(&post->parts);
    bool row = plan->mode == SINK_AGGREGATED, envelope = plan->fallbacks != NULL && !message->is_fallback;
    if (envelope) {
        size_t begun = envelope_begin(message->origin, &post->record);
        if (!render_row(message, &post->record, err))
            return false;
        envelope_end(begun, &post->record);
    } else if (row && !render_row(message, &post->record, err)) {
        return false;
    }
    if (!row && !render_request(plan, message, &post->parts, &post->record, err))
        return false;
    return post->record.len <= RECORD_BYTES_MAX ||
           error_set(err, ERR_TOO_LARGE, "the message has more than %zu MiB", RECORD_BYTES_MAX >> 20);
}

/* ---- Submitting ------------------------------------------------------------------------------------------ */

static bool is_full(const struct sink *sink, const struct sink_plan *plan)
{
    struct log_bounds bounds;
    log_bounds(sink->log, &bounds);
    return bounds.bytes >= plan->max_buffer_bytes;
}

/* Who could send it again is told that it has not been taken; if nobody could, it is *lost. */
static enum sink_outcome put_off(const struct sink_message *message, bool *lost)
{
    struct ack_ticket *ticket = message->publication != NULL ? publication_hold(message->publication) : NULL;
    if (ticket != NULL)
        ticket_done(ticket, MQTT_QUOTA_EXCEEDED);
    *lost = ticket == NULL && message->done == NULL;
    return SINK_OUT_OF_SERVICE;
}

static void append(struct sink_post *post, bool sync, const struct sink_message *message)
{
    struct sink_batch *batch = batch_of(post, sync);
    struct sink_waiter waiter = {
        .offset = batch->batch.count,
        .ticket = message->publication != NULL ? publication_hold(message->publication) : NULL,
        .done = message->done,
        .arg = message->arg,
    };
    uint8_t *at = log_batch_add(&batch->batch, clock_wall_ms(), post->record.len);
    memcpy(at, post->record.data, post->record.len);
    if (waiter.ticket != NULL || waiter.done != NULL)
        add_waiter(batch, &waiter);
}

static enum sink_outcome submit_to(struct sink_post *post, const struct sink_plan *plan,
                                   const struct sink_message *message, bool *lost, struct error *err)
{
    struct sink *sink = post->sink;
    bool sync = plan->sync && !message->is_fallback;
    *lost = true;
    if (!plan->enabled) {
        error_set(err, ERR_NOT_FOUND, "action %s is disabled", sink->id);
        return SINK_DISCARDED;
    }
    if (!render_record(post, plan, message, err))
        return SINK_FAILED;
    if (!log_writable(sink->log, err))
        return put_off(message, lost);
    if (plan->block && is_full(sink, plan)) {
        error_set(err, ERR_LIMIT, "the buffer of action %s is full (resource_opts.max_buffer_bytes)",
                  sink->id);
        return put_off(message, lost);
    }
    if (post->open != NULL && log_batch_bytes(&post->open->batch) + post->record.len > BATCH_BYTES)
        flush(post);
    if (post->open != NULL && post->open->sync != sync)
        flush(post);
    append(post, sync, message);
    *lost = false;
    atomic_store_explicit(&post->matched, atomic_load_explicit(&post->matched, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    return SINK_ACCEPTED;
}

enum sink_outcome sink_submit(struct sink *sink, const struct sink_message *message, struct error *err)
{
    bool reactor = message->reactor != SINK_NO_REACTOR, lost;
    enum sink_outcome outcome = SINK_DISCARDED;
    struct fallbacks *fallbacks = NULL;
    if (!reactor)
        pthread_mutex_lock(&sink->post_lock);
    const struct sink_plan *plan = atomic_load_explicit(&sink->plan, memory_order_acquire);
    if (plan == NULL) {
        error_set(err, ERR_NOT_FOUND, "there is no action %s, or it cannot run", sink->id);
    } else {
        struct sink_post *post = &sink->posts[reactor ? message->reactor : sink->sinks->post_count - 1];
        outcome = submit_to(post, plan, message, &lost, err);
        if (outcome == SINK_ACCEPTED && reactor)
            service_at_turn_end(sink->sinks->options.broker, message->reactor, &post->task);
        else if (!reactor)
            flush(post);
        if (lost && !message->is_fallback)
            fallbacks = fallbacks_ref(plan->fallbacks);
    }
    if (!reactor)
        pthread_mutex_unlock(&sink->post_lock);
    if (fallbacks != NULL)
        fallbacks_run(sink, fallbacks, message);
    fallbacks_unref(fallbacks);
    return outcome;
}

/* ---- What waits for the store ---------------------------------------------------------------------------- */

/* Offsets in the ring go up: found by halving. Settled ones are taken from the front as it empties. */
static struct sink_waiter *waiter_at(struct sink *sink, uint64_t offset)
{
    size_t low = 0, high = sink->waiter_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct sink_waiter *waiter = &sink->waiters[(sink->waiter_head + middle) % sink->waiter_cap];
        if (waiter->offset == offset)
            return waiter;
        if (waiter->offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void waiters_settle(struct sink *sink, uint64_t offset, const struct error *err)
{
    pthread_mutex_lock(&sink->lock);
    struct sink_waiter *at = waiter_at(sink, offset), waiter = {0};
    if (at != NULL) {
        waiter = *at;
        at->ticket = NULL;
        at->done = NULL;
    }
    while (sink->waiter_count > 0) {
        const struct sink_waiter *first = &sink->waiters[sink->waiter_head];
        if (first->ticket != NULL || first->done != NULL)
            break;
        sink->waiter_head = (sink->waiter_head + 1) % sink->waiter_cap;
        sink->waiter_count--;
    }
    pthread_mutex_unlock(&sink->lock);
    if (at != NULL)
        tell(&waiter, err);
}

void waiters_settle_below(struct sink *sink, uint64_t offset, const struct error *err)
{
    for (;;) {
        pthread_mutex_lock(&sink->lock);
        bool any = sink->waiter_count > 0 && sink->waiters[sink->waiter_head].offset < offset;
        struct sink_waiter waiter = {0};
        if (any) {
            waiter = sink->waiters[sink->waiter_head];
            sink->waiter_head = (sink->waiter_head + 1) % sink->waiter_cap;
            sink->waiter_count--;
        }
        pthread_mutex_unlock(&sink->lock);
        if (!any)
            return;
        tell(&waiter, err);
    }
}

void waiters_drop(struct sink *sink)
{
    struct error err;
    error_set(&err, ERR_CLOSED, "the action is closed; what it has taken is kept");
    for (size_t i = 0; i < sink->waiter_count; i++)
        tell(&sink->waiters[(sink->waiter_head + i) % sink->waiter_cap], &err);
    mem_free(sink->waiters);
    sink->waiters = NULL;
    sink->waiter_cap = sink->waiter_head = sink->waiter_count = 0;
}

uint64_t sink_matched(const struct sink *sink)
{
    uint64_t matched = 0;
    for (unsigned i = 0; i < sink->sinks->post_count; i++)
        matched += atomic_load_explicit(&sink->posts[i].matched, memory_order_relaxed);
    return matched;
}
