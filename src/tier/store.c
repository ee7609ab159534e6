/* Requests to the store of a tier: waited for, or, of a file, left to go on while something else is done.
 *
 * All are calls (object/object.h) that have copies of what they need, so that who waits can leave: when the tier is stopped
 * the request goes on alone until it ends, or its store is closed. A put that was left may still happen: its ledger line is
 * there, and the next start resolves it. */
#include "tier/tier_internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>

#define GET_DEADLINE_MS 30000
#define PUT_DEADLINE_MS 120000
#define SLOW_LINE \
    128 /* bytes in a millisecond: a file that comes up so fast, beside others, has the time it takes */
#define DELETES_MAX 500

/* ---- Taking the store ------------------------------------------------------------------------------------ */

bool reach_take(struct tier *tier, struct reach *out, struct error *err)
{
    struct buf base = {0};
    if (tier->all->options.take_store == NULL)
        return error_set(err, ERR_UNSUPPORTED, "there are no connectors here");
    pthread_mutex_lock(&tier->lock);
    char *connector = mem_strdup(tier->connector);
    *out = (struct reach){.tier = tier, .bucket = mem_strdup(tier->bucket)};
    const char *slash = tier->prefix[0] != '\0' && tier->prefix[strlen(tier->prefix) - 1] != '/' ? "/" : "";
    buf_printf(&base, "%s%s%s/", tier->prefix, slash, tier->station);
    pthread_mutex_unlock(&tier->lock);
    out->base = str_dup(buf_str(&base));
    buf_free(&base);
    const struct tiers_options *options = &tier->all->options;
    bool ok = options->take_store(options->arg, str_of(connector), str_of(out->bucket), &out->store, err);
    mem_free(connector);
    if (ok)
        return true;
    mem_free(out->bucket);
    mem_free(out->base);
    /* Who visits says what for: that tier has no station, or not yet. */
    return tier->visitor ? false : error_wrap(err, "second tier of station %s", tier->station);
}

bool reach_enter(struct tier *tier, struct reach *out, struct error *err)
{
    pthread_mutex_lock(&tier->all->lock);
    bool stopped = tier->stopped;
    tier->busy += !stopped;
    pthread_mutex_unlock(&tier->all->lock);
    if (stopped)
        return error_set(err, ERR_CLOSED, "the second tier of station %s is closed", tier->station);
    if (reach_take(tier, out, err))
        return true;
    pthread_mutex_lock(&tier->all->lock);
    tier->busy--;
    pthread_cond_broadcast(&tier->all->idle);
    pthread_mutex_unlock(&tier->all->lock);
    return false;
}

void reach_leave(struct reach *reach)
{
    struct tier *tier = reach->tier;
    reach_give_back(reach);
    pthread_mutex_lock(&tier->all->lock);
    tier->busy--;
    pthread_cond_broadcast(&tier->all->idle);
    pthread_mutex_unlock(&tier->all->lock);
}

void reach_give_back(struct reach *reach)
{
    const struct tiers_options *options = &reach->tier->all->options;
    mem_free(reach->store.root);
    reach->store.root = NULL;
    options->give_back(options->arg, &reach->store);
    mem_free(reach->bucket);
    mem_free(reach->base);
}

char *reach_location(const struct reach *reach)
{
    struct buf out = {0};
    buf_printf(&out, "%s/%.*s", reach->store.root, (int)strlen(reach->base) - 1, reach->base);
    char *location = str_dup(buf_str(&out));
    buf_free(&out);
    return location;
}

/* ---- One request ----------------------------------------------------------------------------------------- */

/* A store that hangs is found out by its silence, long before. */
static int64_t deadline_ms(const struct object_request *request)
{
    if (request->op != OBJECT_PUT)
        return GET_DEADLINE_MS;
    return PUT_DEADLINE_MS + (request->file != NULL ? (int64_t)(request->file->length / SLOW_LINE) : 0);
}

/* The bucket, and the time it may take. */
static struct object_call *start(struct reach *reach, struct object_request *request,
                                 void (*ended)(void *arg), void *arg, struct error *err)
{
    object_start_fn *other = reach->tier->all->options.start;
    request->bucket = str_of(reach->bucket);
    request->deadline_ms = deadline_ms(request);
    return object_call_start(other != NULL ? other : object_start, reach->store.store, request, ended, arg,
                             err);
}

static void count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

/* An answer to the question is no failure. */
static bool is_answer(enum error_code code)
{
    return code == ERR_NOT_FOUND || code == ERR_EXISTS || code == ERR_CONFLICT;
}

static void count_end(struct tier *tier, const struct object_request *request, const struct error *err)
{
    struct request_figures *figures = &tier->figures.requests[request->op];
    if (err == NULL || is_answer(err->code))
        count(&figures->ok, 1);
    else
        count(&figures->failed, 1);
    if (request->attempts > 1)
        count(&figures->retries, request->attempts - 1);
    count(&tier->figures.fetched_bytes, request->data.len);
}

/* One that has ended. Takes the call. */
static bool end(struct tier *tier, struct object_call *call, struct object_request *request,
                struct error *err)
{
    struct error failure = {0};
    bool ok = object_call_end(call, request, &failure);
    count_end(tier, request, ok ? NULL : &failure);
    if (!ok && err != NULL)
        *err = failure;
    return ok;
}

static bool is_stopping(void *arg)
{
    return tier_is_stopping(arg);
}

/* The caller frees what it was answered: object_request_free(). */
static bool run(struct reach *reach, struct object_request *request, struct error *err)
{
    struct tier *tier = reach->tier;
    struct object_call *call = start(reach, request, NULL, NULL, err);
    if (call == NULL)
        return false;
    if (object_call_wait(call, is_stopping, tier))
        return end(tier, call, request, err);
    object_call_leave(call);
    return error_set(err, ERR_CLOSED, "the second tier of station %s is closed", tier->station);
}

/* ---- The kinds ------------------------------------------------------------------------------------------- */

static void whole_key(const struct reach *reach, struct str key, struct buf *out)
{
    buf_append_str(out, str_of(reach->base));
    buf_append_str(out, key);
}

static bool run_with_key(struct reach *reach, struct object_request *request, struct str key,
                         struct error *err)
{
    struct buf whole = {0};
    whole_key(reach, key, &whole);
    request->key = buf_str(&whole);
    bool ok = run(reach, request, err);
    buf_free(&whole);
    return ok;
}

bool reach_get(struct reach *reach, struct str key, const struct object_range *range, struct buf *out,
               uint64_t *size, struct error *err)
{
    struct object_request request = {.op = OBJECT_GET};
    if (range != NULL)
        request.range = *range;
    bool ok = run_with_key(reach, &request, key, err);
    if (ok && size != NULL)
        *size = request.info.size;
    if (ok && out->data == NULL) {
        *out = request.data;
        request.data = (struct buf){0};
    } else if (ok) {
        buf_append_str(out, buf_str(&request.data));
    }
    object_request_free(&request);
    return ok;
}

bool reach_put(struct reach *reach, struct str key, struct str body, enum object_condition condition,
               struct error *err)
{
    struct object_request request = {.op = OBJECT_PUT, .body = body, .condition = condition};
    bool ok = run_with_key(reach, &request, key, err);
    if (ok)
        count(&reach->tier->figures.uploaded_bytes, body.len);
    object_request_free(&request);
    return ok;
}

struct object_call *reach_start_put(struct reach *reach, struct str key, int fd, uint64_t bytes,
                                    enum object_condition condition, void (*ended)(void *arg), void *arg,
                                    struct error *err)
{
    const struct object_file file = {.fd = fd, .length = bytes};
    struct object_request request = {.op = OBJECT_PUT, .file = &file};
    struct buf whole = {0};
    whole_key(reach, key, &whole);
    request.key = buf_str(&whole);
    request.condition = reach->tier->unconditional ? OBJECT_ALWAYS : condition;
    struct object_call *call = start(reach, &request, ended, arg, err);
    buf_free(&whole);
    return call;
}

bool reach_end_put(struct tier *tier, struct object_call *call, uint64_t bytes, struct error *err)
{
    struct object_request request = {.op = OBJECT_PUT};
    bool ok = end(tier, call, &request, err);
    if (ok)
        count(&tier->figures.uploaded_bytes, bytes);
    object_request_free(&request);
    return ok;
}

bool reach_put_file(struct reach *reach, struct str key, int fd, uint64_t bytes,
                    enum object_condition condition, struct error *err)
{
    struct object_call *call = reach_start_put(reach, key, fd, bytes, condition, NULL, NULL, err);
    if (call == NULL)
        return false;
    if (object_call_wait(call, is_stopping, reach->tier))
        return reach_end_put(reach->tier, call, bytes, err);
    object_call_leave(call);
    return error_set(err, ERR_CLOSED, "the second tier of station %s is closed", reach->tier->station);
}

bool reach_head(struct reach *reach, struct str key, uint64_t *size, struct error *err)
{
    struct object_request request = {.op = OBJECT_HEAD};
    bool ok = run_with_key(reach, &request, key, err);
    if (ok && size != NULL)
        *size = request.info.size;
    object_request_free(&request);
    return ok;
}

static bool delete_some(struct reach *reach, char *const *keys, size_t key_count, struct error *err)
{
    struct buf text = {0};
    struct str *all = mem_alloc(key_count * sizeof *all);
    struct object_request request = {.op = OBJECT_DELETE_MANY, .keys = all, .key_count = key_count};
    for (size_t i = 0; i < key_count; i++)
        whole_key(reach, str_of(keys[i]), &text);
    for (size_t i = 0, at = 0; i < key_count; i++) {
        all[i] = str_make(text.data + at, strlen(reach->base) + strlen(keys[i]));
        at += all[i].len;
    }
    bool ok = run(reach, &request, err);
    object_request_free(&request);
    mem_free(all);
    buf_free(&text);
    return ok;
}

bool reach_delete(struct reach *reach, char *const *keys, size_t key_count, struct error *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < key_count; i += DELETES_MAX)
        ok = delete_some(reach, keys + i, key_count - i < DELETES_MAX ? key_count - i : DELETES_MAX, err);
    return ok;
}

/* One page. *after: the last key of it. */
static bool list_page(struct reach *reach, struct str prefix, bool names, struct buf *after, bool *more,
                      bool (*each)(struct str key, void *arg), void *arg, struct error *err)
{
    struct object_request request = {.op = OBJECT_LIST,
                                     .key = prefix,
                                     .start_after = buf_str(after),
                                     .delimiter = names ? STR("/") : STR_NONE};
    bool ok = run(reach, &request, err);
    *more = ok && request.more && request.list_count > 0;
    for (size_t i = 0; ok && i < request.list_count; i++) {
        struct str key = request.list[i].key;
        buf_reset(after);
        buf_append_str(after, key);
        if (!each(key, arg)) {
            *more = false;
            break;
        }
    }
    object_request_free(&request);
    return ok;
}

bool reach_list(struct reach *reach, struct str prefix, bool names, bool (*each)(struct str key, void *arg),
                void *arg, struct error *err)
{
    struct buf after = {0};
    bool ok = true, more = true;
    while (ok && more)
        ok = list_page(reach, prefix, names, &after, &more, each, arg, err);
    buf_free(&after);
    return ok;
}

/* ---- For lake/ ------------------------------------------------------------------------------------------- */

static bool lake_get_one(void *arg, struct str key, struct buf *out, struct error *err)
{
    return reach_get(arg, key, NULL, out, NULL, err);
}

static bool lake_put_one(void *arg, struct str key, struct str body, enum object_condition condition,
                         struct error *err)
{
    return reach_put(arg, key, body, condition, err);
}

void tier_is_unconditional(struct tier *tier)
{
    LOG_WARNING(
        "the store does not honour conditional writes: the table is right as long as nobody else writes it",
        LOG_TEXT("station", tier->station));
    tier->unconditional = true;
    pthread_mutex_lock(&tier->lock);
    tier->guarantee = OBJECT_SINGLE_WRITER;
    pthread_mutex_unlock(&tier->lock);
}

static void is_unconditional(void *arg)
{
    tier_is_unconditional(((struct reach *)arg)->tier);
}

struct lake reach_lake(struct reach *reach)
{
    return (struct lake){
        .get = lake_get_one,
        .put = lake_put_one,
        .arg = reach,
        .base = reach->base,
        .unconditional = reach->tier->unconditional,
        .is_unconditional = is_unconditional,
    };
}
