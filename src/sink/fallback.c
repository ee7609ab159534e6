/* What is done with messages that an action gives up for good: other actions get them, or they are published.
 *
 *   a template fails, the action is disabled, or nobody who is refused could send it again
 *                               at once, on the thread that submits, with the result at hand
 *   expired, dropped, refused   on the delivering thread: the record has what was selected besides the request (record.c). The
 *                               message leaves the buffer only when each fallback has it on disk
 *
 * A message that comes as a fallback has none itself, so that two actions which are each other's do not play it to and fro. With a
 * message goes which rules have led to it (`origin`, rule/ knows how to read it): none of them hears of it when it is published, so that
 * a rule whose action fails cannot feed itself.
 *
 * A fallback that fails is counted and logged, and not tried again: what it falls back to is nobody's promise. */
#include "sink/sink_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>

#define PENDING_MAX   256 /* on their way to fallbacks at once */
#define FALLBACKS_MAX 16
#define CHUNK_BYTES   ((size_t)1 << 20)

struct fallback {
    struct sink *sink; /* one of the two */
    void *republish;
};

struct fallbacks {
    struct sinks *sinks;
    atomic_uint refs;
    struct fallback *all;
    size_t count;
    bool republishes;
};

/* ---- Reading --------------------------------------------------------------------------------------------- */

static bool read_reference(struct sinks *sinks, const char *own_id, const json_t *object,
                           struct fallback *out, struct error *err)
{
    char id[SINK_ID_MAX];
    const char *type = json_string_value(json_object_get(object, "type")),
               *name = json_string_value(json_object_get(object, "name"));
    if (type == NULL || name == NULL || type[0] == '\0' || name[0] == '\0')
        return error_set(err, ERR_INVALID, "expected the type and the name of an action");
    int len = snprintf(id, sizeof(id), "%s:%s", type, name);
    if (len < 0 || (size_t)len >= sizeof(id))
        return error_set(err, ERR_INVALID, "name: is too long");
    if (strcmp(id, own_id) == 0)
        return error_set(err, ERR_INVALID, "an action cannot fall back to itself");
    out->sink = sink_of(sinks, str_of(id));
    atomic_fetch_add(&out->sink->refs, 1);
    return true;
}

static bool read_one(struct sinks *sinks, const char *own_id, const json_t *object, struct fallback *out,
                     struct error *err)
{
    const char *kind = json_string_value(json_object_get(object, "kind"));
    const struct sink_republish *republish = sinks->options.republish;
    if (kind != NULL && strcmp(kind, "reference") == 0)
        return read_reference(sinks, own_id, object, out, err);
    if (kind == NULL || strcmp(kind, "republish") != 0)
        return error_set(err, ERR_INVALID, "kind: expected reference or republish");
    if (republish == NULL)
        return error_set(err, ERR_UNSUPPORTED, "nothing is published here");
    out->republish = republish->read(json_object_get(object, "args"), err);
    return out->republish != NULL;
}

bool fallbacks_new(struct sinks *sinks, const char *own_id, const json_t *object, struct fallbacks **out,
                   struct error *err)
{
    const json_t *list = json_object_get(object, "fallback_actions");
    size_t count = json_array_size(list);
    *out = NULL;
    if (count > FALLBACKS_MAX)
        return error_set(err, ERR_INVALID, "fallback_actions: expected at most %d", FALLBACKS_MAX);
    if (count == 0)
        return true;
    struct fallbacks *fallbacks = mem_zalloc(sizeof(*fallbacks));
    fallbacks->sinks = sinks;
    fallbacks->all = mem_zalloc(count * sizeof(*fallbacks->all));
    atomic_init(&fallbacks->refs, 1);
    for (size_t i = 0; i < count; i++) {
        if (!read_one(sinks, own_id, json_array_get(list, i), &fallbacks->all[fallbacks->count], err)) {
            fallbacks_unref(fallbacks);
            return error_wrap(err, "fallback_actions: %zu", i + 1);
        }
        fallbacks->republishes |= fallbacks->all[fallbacks->count++].republish != NULL;
    }
    *out = fallbacks;
    return true;
}

struct fallbacks *fallbacks_ref(struct fallbacks *fallbacks)
{
    if (fallbacks != NULL)
        atomic_fetch_add(&fallbacks->refs, 1);
    return fallbacks;
}

void fallbacks_unref(struct fallbacks *fallbacks)
{
    if (fallbacks == NULL || atomic_fetch_sub(&fallbacks->refs, 1) > 1)
        return;
    for (size_t i = 0; i < fallbacks->count; i++) {
        if (fallbacks->all[i].sink != NULL)
            sink_release(fallbacks->all[i].sink);
        if (fallbacks->all[i].republish != NULL)
            fallbacks->sinks->options.republish->free(fallbacks->all[i].republish);
    }
    mem_free(fallbacks->all);
    mem_free(fallbacks);
}

/* ---- Publishing ------------------------------------------------------------------------------------------ */

void sinks_republish_through(struct sinks *sinks, void *arg)
{
    pthread_mutex_lock(&sinks->republish_lock);
    sinks->republish_arg = arg;
    while (arg == NULL && sinks->republishing > 0)
        pthread_cond_wait(&sinks->republished, &sinks->republish_lock);
    pthread_mutex_unlock(&sinks->republish_lock);
}

bool fallbacks_are_ready(const struct fallbacks *fallbacks)
{
    if (fallbacks == NULL)
        return true;
    struct sinks *sinks = fallbacks->sinks;
    if (!atomic_load(&sinks->loaded) || !fallbacks->republishes)
        return atomic_load(&sinks->loaded);
    pthread_mutex_lock(&sinks->republish_lock);
    bool ready = sinks->republish_arg != NULL;
    pthread_mutex_unlock(&sinks->republish_lock);
    return ready;
}

/* The one that is told of it lets go of the sinks' count, too. */
static void republished(struct sinks *sinks)
{
    pthread_mutex_lock(&sinks->republish_lock);
    sinks->republishing--;
    pthread_cond_broadcast(&sinks->republished);
    pthread_mutex_unlock(&sinks->republish_lock);
}

static bool republish(struct sinks *sinks, const void *what, const struct sink_message *message,
                      struct error *err)
{
    pthread_mutex_lock(&sinks->republish_lock);
    void *arg = sinks->republish_arg;
    bool waits = message->done != NULL;
    bool ok = arg != NULL || error_set(err, ERR_CLOSED, "rules are not open");
    sinks->republishing += ok && waits;
    pthread_mutex_unlock(&sinks->republish_lock);
    if (!ok)
        return false;
    ok = sinks->options.republish->run(arg, what, message, err);
    if (!ok && waits)
        republished(sinks);
    return ok;
}

/* ---- Sending --------------------------------------------------------------------------------------------- */

static void count(struct sink *sink, const struct error *err)
{
    pthread_mutex_lock(&sink->lock);
    if (err == NULL)
        sink->figures.fallbacks++;
    else
        sink->figures.fallback_failures++;
    pthread_mutex_unlock(&sink->lock);
    if (err != NULL)
        LOG_WARNING("fallback of an action failed", LOG_TEXT("action", sink->id), LOG_ERROR_OF(err));
}

static bool send_one(struct sink *sink, const struct fallback *fallback, const struct sink_message *message,
                     struct error *err)
{
    if (fallback->sink == NULL)
        return republish(sink->sinks, fallback->republish, message, err);
    return sink_submit(fallback->sink, message, err) == SINK_ACCEPTED;
}

void fallbacks_run(struct sink *sink, const struct fallbacks *fallbacks, const struct sink_message *message)
{
    struct error err;
    struct sink_message copy = *message;
    copy.is_fallback = true;
    copy.done = NULL;
    for (size_t i = 0; i < fallbacks->count; i++)
        count(sink, send_one(sink, &fallbacks->all[i], &copy, &err) ? NULL : &err);
}

/* ---- From the buffer ------------------------------------------------------------------------------------- */

/* One message on its way to one fallback. */
struct passing {
    struct fallback_batch *batch;
    bool publishes;
};

static void passed(void *arg, const struct error *err)
{
    struct passing *passing = arg;
    struct fallback_batch *batch = passing->batch;
    struct sink *sink = batch->sink;
    count(sink, err);
    if (passing->publishes)
        republished(sink->sinks);
    mem_free(passing);
    pthread_mutex_lock(&batch->lock);
    batch->pending--;
    pthread_cond_signal(&batch->passed);
    pthread_mutex_unlock(&batch->lock);
}

void fallback_begin(struct fallback_batch *batch, struct sink *sink, const struct fallbacks *fallbacks)
{
    *batch = (struct fallback_batch){.sink = sink, .fallbacks = fallbacks};
    pthread_mutex_init(&batch->lock, NULL);
    pthread_cond_init(&batch->passed, NULL);
}

static void wait_until(struct fallback_batch *batch, unsigned pending)
{
    pthread_mutex_lock(&batch->lock);
    while (batch->pending > pending)
        pthread_cond_wait(&batch->passed, &batch->lock);
    pthread_mutex_unlock(&batch->lock);
}

static void pass(struct fallback_batch *batch, const struct fallback *fallback, struct sink_message *message)
{
    struct error err;
    struct passing *passing = mem_alloc(sizeof(*passing));
    *passing = (struct passing){batch, fallback->republish != NULL};
    message->done = passed;
    message->arg = passing;
    pthread_mutex_lock(&batch->lock);
    batch->pending++;
    pthread_mutex_unlock(&batch->lock);
    if (send_one(batch->sink, fallback, message, &err))
        return;
    passing->publishes = false; /* nobody counts it any more */
    passed(passing, &err);
}

/* Its lane should be the one of its client. */
static struct str client_of(const struct sql_value *row)
{
    const struct sql_value *client = sql_map_get(row, STR("clientid"));
    return client != NULL && sql_is(client, SQL_STRING) ? sql_str_of(client) : STR("");
}

void fallback_send(struct fallback_batch *batch, struct str record, int64_t time_ms)
{
    struct sql_value row;
    struct error err;
    struct sink_envelope envelope;
    if (!envelope_read(record, &envelope, &err) || !row_read(envelope.row, &batch->scope, &row, &err)) {
        count(batch->sink, &err); /* it came before there was a fallback */
        return;
    }
    const struct sql_columns columns = sql_columns_of_map(&row);
    struct sink_message message = {
        .result = &columns,
        .scope = &batch->scope,
        .client_id = client_of(&row),
        .reactor = SINK_NO_REACTOR,
        .time_ms = time_ms,
        .origin = envelope.origin,
        .is_fallback = true,
    };
    for (size_t i = 0; i < batch->fallbacks->count; i++)
        pass(batch, &batch->fallbacks->all[i], &message);
    wait_until(batch, PENDING_MAX);
}

void fallback_end(struct fallback_batch *batch)
{
    wait_until(batch, 0);
    sql_scope_free(&batch->scope);
    pthread_cond_destroy(&batch->passed);
    pthread_mutex_destroy(&batch->lock);
}

/* What can still be read of it. */
void fallback_range(struct sink *sink, const struct fallbacks *fallbacks, uint64_t first, uint64_t next)
{
    struct fallback_batch batch;
    struct log_chunk *chunk;
    struct log_cursor cursor;
    struct log_record record;
    struct error err;
    fallback_begin(&batch, sink, fallbacks);
    while (first < next && log_read(sink->log, first, CHUNK_BYTES, 0, &chunk, &err) == LOG_READ) {
        log_cursor_init(&cursor, chunk, first);
        while (log_cursor_next(&cursor, &record) && record.offset < next)
            fallback_send(&batch, record.data, record.time_ms);
        first = chunk->next_offset;
        log_chunk_unref(chunk);
    }
    fallback_end(&batch);
}
