/* The face of both kinds of store: a request is checked here, then handed to its kind; what waits, waits here.
 *
 * Figures stand under the store's lock, which nobody holds while calling out. */
#include "object/object_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>

void store_init(struct object_store *store, const struct store_kind *kind, const struct object_config *config)
{
    store->kind = kind;
    object_config_copy(&store->config, config);
    store->guarantee = OBJECT_UNPROBED;
    pthread_mutex_init(&store->lock, NULL);
}

void store_deinit(struct object_store *store)
{
    pthread_mutex_destroy(&store->lock);
    object_config_free(&store->config);
}

struct object_store *object_store_open(const struct object_config *config, struct error *err)
{
    if (!object_config_check(config, err))
        return NULL;
    return config->kind == OBJECT_DIRECTORY ? directory_open(config, err) : s3_open(config, err);
}

void object_store_close(struct object_store *store)
{
    if (store != NULL)
        store->kind->close(store);
}

/* ---- Requests -------------------------------------------------------------------------------------------- */

static bool put_check(const struct object_request *request, struct error *err)
{
    if (request->condition == OBJECT_IF_MATCH && request->etag.len == 0)
        return error_set(err, ERR_INVALID, "a PUT on condition needs the ETag that it expects");
    if (request->header_count > HEADERS_MAX)
        return error_set(err, ERR_INVALID, "an upload has at most %d headers", HEADERS_MAX);
    for (size_t i = 0; i < request->header_count; i++) {
        const struct object_header *header = &request->headers[i];
        if (!header_is_valid(header->name, header->value) || header_is_ours(header->name)) {
            return error_set(err, ERR_INVALID, "header %.*s: cannot be added to an upload",
                             (int)(header->name.len < 60 ? header->name.len : 60), header->name.data);
        }
    }
    if (!header_is_valid(STR("content-type"), request->content_type))
        return error_set(err, ERR_INVALID, "the content type is not one line of text");
    return true;
}

static bool keys_check(const struct object_request *request, struct error *err)
{
    if (request->key_count == 0 || request->key_count > 1000)
        return error_set(err, ERR_INVALID, "a request deletes 1 to 1,000 keys, not %zu", request->key_count);
    for (size_t i = 0; i < request->key_count; i++) {
        if (!key_check(request->keys[i], err))
            return false;
    }
    return true;
}

static bool text_check(const char *what, struct str text, struct error *err)
{
    if (text.len > KEY_BYTES_MAX || !utf8_valid(text.data, text.len) ||
        (text.len > 0 && memchr(text.data, '\0', text.len) != NULL))
        return error_set(err, ERR_INVALID, "%s must be UTF-8 of at most %d bytes", what, KEY_BYTES_MAX);
    return true;
}

static bool request_check(const struct object_request *request, struct error *err)
{
    if (!bucket_check(request->bucket, err))
        return false;
    switch (request->op) {
    case OBJECT_PUT: return key_check(request->key, err) && put_check(request, err);
    case OBJECT_GET:
        if (request->range.suffix && (request->range.length == 0 || request->range.offset != 0))
            return error_set(err, ERR_INVALID, "a range from the end has a length and no offset");
        if (request->condition == OBJECT_IF_NONE)
            return error_set(err, ERR_INVALID, "a GET knows no such condition");
        return key_check(request->key, err);
    case OBJECT_HEAD:
    case OBJECT_DELETE: return key_check(request->key, err);
    case OBJECT_DELETE_MANY: return keys_check(request, err);
    case OBJECT_LIST:
        return text_check("the prefix of a listing", request->key, err) &&
               text_check("where a listing begins", request->start_after, err) &&
               text_check("the delimiter of a listing", request->delimiter, err);
    case OBJECT_HEAD_BUCKET: return true;
    }
    return error_set(err, ERR_INVALID, "no such request");
}

bool object_start(struct object_store *store, struct object_request *request, struct error *err)
{
    assert(request->done != NULL);
    return request_check(request, err) && store->kind->start(store, request, err);
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    /* Under the lock. */
    bool done;
    bool ok;
    struct error err;
};

/* The request of a blocking call: what it was and who waits. */
struct waited {
    struct object_request request; /* first: `done` gets it */
    struct waiter waiter;
};

static void wake(struct object_request *request, const struct error *err)
{
    struct waiter *waiter = &((struct waited *)(void *)request)->waiter;
    pthread_mutex_lock(&waiter->lock);
    waiter->done = true;
    waiter->ok = err == NULL;
    if (err != NULL)
        waiter->err = *err;
    pthread_cond_signal(&waiter->ended);
    pthread_mutex_unlock(&waiter->lock);
}

bool object_wait(struct object_store *store, struct object_request *request, struct error *err)
{
    struct waited waited = {.request = *request};
    pthread_mutex_init(&waited.waiter.lock, NULL);
    pthread_cond_init(&waited.waiter.ended, NULL);
    waited.request.done = wake;
    bool ok = object_start(store, &waited.request, err);
    if (ok) {
        pthread_mutex_lock(&waited.waiter.lock);
        while (!waited.waiter.done)
            pthread_cond_wait(&waited.waiter.ended, &waited.waiter.lock);
        pthread_mutex_unlock(&waited.waiter.lock);
        ok = waited.waiter.ok;
        if (!ok && err != NULL)
            *err = waited.waiter.err;
        waited.request.done = request->done;
        *request = waited.request;
    }
    pthread_cond_destroy(&waited.waiter.ended);
    pthread_mutex_destroy(&waited.waiter.lock);
    return ok;
}

void object_request_free(struct object_request *request)
{
    buf_free(&request->data);
    mem_free((void *)(uintptr_t)request->info.key.data);
    mem_free((void *)(uintptr_t)request->info.etag.data);
    for (size_t i = 0; i < request->list_count; i++) {
        mem_free((void *)(uintptr_t)request->list[i].key.data);
        mem_free((void *)(uintptr_t)request->list[i].etag.data);
    }
    mem_free(request->list);
    request->info = (struct object_info){0};
    request->list = NULL;
    request->list_count = 0;
    request->more = false;
    request->deleted = 0;
    request->attempts = 0;
}

/* ---- Short forms ----------------------------------------------------------------------------------------- */

bool object_put(struct object_store *store, struct str bucket, struct str key, struct str body,
                enum object_condition condition, struct error *err)
{
    struct object_request request = {
        .op = OBJECT_PUT, .bucket = bucket, .key = key, .body = body, .condition = condition};
    bool ok = object_wait(store, &request, err);
    object_request_free(&request);
    return ok;
}

bool object_get(struct object_store *store, struct str bucket, struct str key,
                const struct object_range *range, struct buf *out, struct error *err)
{
    struct object_request request = {.op = OBJECT_GET, .bucket = bucket, .key = key};
    if (range != NULL)
        request.range = *range;
    bool ok = object_wait(store, &request, err);
    if (ok)
        buf_append(out, request.data.data, request.data.len);
    object_request_free(&request);
    return ok;
}

bool object_delete(struct object_store *store, struct str bucket, struct str key, struct error *err)
{
    struct object_request request = {.op = OBJECT_DELETE, .bucket = bucket, .key = key};
    bool ok = object_wait(store, &request, err);
    object_request_free(&request);
    return ok;
}

bool object_sweep(struct object_store *store, struct str bucket, struct str prefix, int64_t older_ms,
                  size_t *ended, struct error *err)
{
    size_t count = 0;
    bool ok = bucket_check(bucket, err) && text_check("the prefix of a sweep", prefix, err) &&
              store->kind->sweep(store, bucket, prefix, older_ms, &count, err);
    if (ended != NULL)
        *ended = count;
    return ok;
}

/* ---- Answers --------------------------------------------------------------------------------------------- */

void list_append_info(struct object_request *request, struct str key, uint64_t size, int64_t modified_ms,
                      struct str etag)
{
    if ((request->list_count & (request->list_count - 1)) == 0) {
        size_t room = request->list_count > 0 ? 2 * request->list_count : 1;
        request->list = mem_realloc(request->list, room * sizeof *request->list);
    }
    request->list[request->list_count++] = (struct object_info){
        .key = {str_dup(key), key.len},
        .size = size,
        .modified_ms = modified_ms,
        .etag = {str_dup(etag), etag.len},
    };
}

void request_set_etag(struct object_request *request, struct str etag)
{
    mem_free((void *)(uintptr_t)request->info.etag.data);
    request->info.etag = (struct str){str_dup(etag), etag.len};
}

/* ---- Figures --------------------------------------------------------------------------------------------- */

const char *store_name(const struct object_store *store)
{
    return store->config.name != NULL ? store->config.name : "";
}

bool store_deletes_one_by_one(struct object_store *store)
{
    pthread_mutex_lock(&store->lock);
    bool one_by_one = store->one_by_one;
    pthread_mutex_unlock(&store->lock);
    return one_by_one;
}

void store_queued(struct object_store *store, int more)
{
    pthread_mutex_lock(&store->lock);
    store->stats.queued += (unsigned)more;
    pthread_mutex_unlock(&store->lock);
}

void store_begin(struct object_store *store)
{
    pthread_mutex_lock(&store->lock);
    store->stats.queued--;
    store->stats.in_flight++;
    pthread_mutex_unlock(&store->lock);
}

static bool is_answer(enum error_code code)
{
    return code == ERR_NOT_FOUND || code == ERR_EXISTS || code == ERR_CONFLICT;
}

void store_end(struct object_store *store, struct object_request *request, int64_t started_mono_ms,
               const struct error *err)
{
    pthread_mutex_lock(&store->lock);
    if (err == NULL) {
        store->stats.ops[request->op].ok++;
    } else if (!is_answer(err->code)) {
        store->stats.ops[request->op].failed++;
    }
    store->stats.ops[request->op].ms += (uint64_t)(clock_mono_ms() - started_mono_ms);
    store->stats.in_flight--;
    pthread_mutex_unlock(&store->lock);
    request->done(request, err);
}

void store_count_bytes(struct object_store *store, uint64_t up, uint64_t down)
{
    pthread_mutex_lock(&store->lock);
    store->stats.bytes_up += up;
    store->stats.bytes_down += down;
    pthread_mutex_unlock(&store->lock);
}

void store_count_retry(struct object_store *store, enum object_op op, bool throttled)
{
    pthread_mutex_lock(&store->lock);
    store->stats.ops[op].retries++;
    if (throttled)
        store->stats.ops[op].throttled++;
    pthread_mutex_unlock(&store->lock);
}

void object_stats(struct object_store *store, struct object_stats *out)
{
    pthread_mutex_lock(&store->lock);
    *out = store->stats;
    pthread_mutex_unlock(&store->lock);
}

enum object_guarantee object_guarantee(struct object_store *store)
{
    pthread_mutex_lock(&store->lock);
    enum object_guarantee guarantee = store->guarantee;
    pthread_mutex_unlock(&store->lock);
    return guarantee;
}

const char *object_guarantee_name(enum object_guarantee guarantee)
{
    switch (guarantee) {
    case OBJECT_EXACTLY_ONCE: return "exactly_once";
    case OBJECT_SINGLE_WRITER: return "single_writer";
    case OBJECT_UNPROBED: return "unprobed";
    }
    return "unprobed";
}

const char *object_op_name(enum object_op op)
{
    static const char *const names[OBJECT_OPS] = {"put",         "get",  "head",       "delete",
                                                  "delete_many", "list", "head_bucket"};
    return names[op];
}
