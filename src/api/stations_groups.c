/* Pull consumers: `fetch` is for the length of one request a member of the group, `ack` settles what it has got.
 *
 *     fetch ─▶ station_fetch_start() ─▶ parked, no thread ─▶ messages, or wait_ms is over ─▶ streamed as JSON
 *
 * A client who goes away while he waits is no member any more within a second, and what has not been written for him goes
 * back to the group at once. What is written and not acknowledged comes again after ack_wait. */
#include "api/stations_internal.h"

#include "base/mem.h"

#define BATCH_DEFAULT 100
#define BATCH_MAX     1000
#define OFFSETS_MAX   10000

struct fetching {
    struct station_fetch *fetch;
    size_t count; /* written */
    bool begun;
};

static void fetched(void *waker)
{
    api_wake(waker);
    api_waker_unref(waker);
}

static void free_fetching(void *arg)
{
    struct fetching *fetching = arg;
    station_fetch_free(fetching->fetch);
    mem_free(fetching);
}

/* ---- The answer ------------------------------------------------------------------------------------------ */

static enum api_step next(void *state, struct buf *out)
{
    struct fetching *fetching = state;
    struct station_message message;
    if (!fetching->begun)
        buf_append_str(out, STR("{\"data\":["));
    fetching->begun = true;
    while (out->len < API_STREAM_BYTES) {
        if (!station_fetch_next(fetching->fetch, &message)) {
            buf_printf(out, "],\"meta\":{\"count\":%zu}}", fetching->count);
            return API_STREAM_END;
        }
        if (fetching->count++ > 0)
            buf_append_byte(out, ',');
        message_print_json(&message, out);
    }
    return API_STREAM_MORE;
}

static void close_stream(void *state)
{
    (void)state; /* the request's: free_fetching() */
}

static const struct api_stream_ops ops = {.next = next, .close = close_stream};

/* ---- Fetching -------------------------------------------------------------------------------------------- */

static int64_t number(json_t *body, const char *name, int64_t fallback)
{
    json_t *value = json_object_get(body, name);
    return value != NULL ? json_integer_value(value) : fallback;
}

static struct str text(json_t *body, const char *name)
{
    json_t *value = json_object_get(body, name);
    return value != NULL ? str_make(json_string_value(value), json_string_length(value)) : STR("");
}

static void begin(struct api_request *request)
{
    struct error err;
    json_t *body = api_body(request);
    const struct station_fetch_options options = {
        .start = text(body, "start"),
        .filter = text(body, "filter"),
        .batch = (uint32_t)number(body, "batch", BATCH_DEFAULT),
        .wait_ms = number(body, "wait_ms", 0),
    };
    struct fetching *fetching = mem_zalloc(sizeof(*fetching));
    struct api_waker *waker = api_waker(request);
    fetching->fetch = station_fetch_start(api_stations(request), api_path(request, "name"),
                                          api_path(request, "group"), &options, fetched, waker, &err);
    if (fetching->fetch == NULL) {
        api_waker_unref(waker);
        mem_free(fetching);
        api_reply_failure(request, &err);
        return;
    }
    api_set_state(request, fetching, free_fetching);
    api_park(request, API_PARK_MS_MAX);
}

static void fetch(struct api_request *request)
{
    struct error err;
    struct fetching *fetching = api_state(request);
    if (fetching == NULL)
        begin(request);
    else if (!station_fetch_is_done(fetching->fetch))
        api_park(request, API_PARK_MS_MAX);
    else if (!station_fetch_result(fetching->fetch, &err))
        api_reply_failure(request, &err);
    else
        api_reply_stream(request, 200, "application/json", &ops, fetching);
}

/* ---- Settling -------------------------------------------------------------------------------------------- */

/* False: the request has its reply. */
static bool settle(struct api_request *request, const char *name, enum station_settle how, size_t *count)
{
    json_t *list = json_object_get(api_body(request), name), *item;
    struct error err;
    size_t i;
    *count = 0;
    if (json_array_size(list) == 0)
        return true;
    uint64_t *offsets = mem_alloc(json_array_size(list) * sizeof(*offsets));
    json_array_foreach(list, i, item)
    {
        offsets[i] = (uint64_t)json_integer_value(item);
    }
    bool ok = station_group_settle(api_stations(request), api_path(request, "name"),
                                   api_path(request, "group"), how, offsets, i, count, &err);
    mem_free(offsets);
    if (!ok)
        api_reply_failure(request, &err);
    return ok;
}

static void ack(struct api_request *request)
{
    json_t *body = api_body(request);
    struct station_group_info group;
    struct buf ignored = {0};
    struct error err;
    size_t acked, nacked;
    bool known = station_group_get(api_stations(request), api_path(request, "name"),
                                   api_path(request, "group"), &group, &ignored, &err);
    buf_free(&ignored);
    if (!known) {
        api_reply_failure(request, &err);
        return;
    }
    if (json_array_size(json_object_get(body, "offsets")) + json_array_size(json_object_get(body, "nack")) ==
        0) {
        api_reply_error(request, 400, "BAD_REQUEST", "offsets or nack: there is no offset in them");
        return;
    }
    if (settle(request, "offsets", STATION_ACK, &acked) && settle(request, "nack", STATION_NACK, &nacked))
        api_reply_json(request, 200,
                       json_pack("{s:I, s:I}", "acked", (json_int_t)acked, "nacked", (json_int_t)nacked));
}

/* ---- Routes ---------------------------------------------------------------------------------------------- */

#define OFFSETS "{'type':'array','maxItems':10000,'items':{'type':'integer','minimum':0}"
_Static_assert(OFFSETS_MAX == 10000, "as the schema says");

static const struct api_route routes[] = {
    {.method = API_POST,
     .path = "/api/v5/stations/{name}/groups/{group}/fetch",
     .handle = fetch,
     .access = API_CONSUME,
     .summary = "Takes messages as a member of a group; made if there is none",
     .description = "Each is to be acknowledged within ack_wait, or comes again.",
     .body = "{'type':'object','additionalProperties':false,'properties':{"
             "'batch':{'type':'integer','minimum':1,'maximum':1000,'default':100},"
             "'wait_ms':{'type':'integer','minimum':0,'maximum':60000,'default':0,"
             "'description':'for the first message'},"
             "'start':{'type':'string','description':'where the group starts if it is new: earliest, latest "
             "(default), last:N, offset:N, time:T'},"
             "'filter':{'type':'string','description':'a topic filter, of the group, if it is new'}}}",
     .answer = "{'type':'object','properties':{'data':{'type':'array','items':" MESSAGE_SCHEMA
               "},'meta':" API_META "}}",
     .errors = "404 NOT_FOUND",
     .frequent = true},
    {.method = API_POST,
     .path = "/api/v5/stations/{name}/groups/{group}/ack",
     .handle = ack,
     .access = API_CONSUME,
     .summary = "Acknowledges messages of a group, or gives them back",
     .description = "Those of `nack` are delivered again at once. What is settled already is not counted.",
     .body = "{'type':'object','additionalProperties':false,'properties':{'offsets':" OFFSETS
             ",'description':'they are done'},'nack':" OFFSETS ",'description':'others are to do them'}}}",
     .answer = "{'type':'object','properties':{'acked':{'type':'integer'},'nacked':{'type':'integer'}}}",
     .errors = "404 NOT_FOUND",
     .frequent = true},
};

_Static_assert(BATCH_MAX <= STATION_FETCH_MAX && BATCH_MAX == 1000 && BATCH_DEFAULT == 100,
               "as the schema says");

const struct api_table stations_groups_table = {
    .tag = "Station consumers",
    .description = "Pull consumers",
    .routes = routes,
    .count = LENGTH(routes),
};
