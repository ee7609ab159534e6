/* GET /stations/{name}/messages: a stream of what a station holds, and of what comes.
 *
 *     open at `from` ─▶ next(): messages as text, some 64 KiB ─▶ sent ─▶ next() …
 *                         └─ at the end: that was all │ wait: the log wakes the stream, no thread sleeps for it
 *
 * The client's pace is the reader's: a slow one costs one piece of text and one chunk of the log. Only so many read at
 * once. A filter that matches little is looked for in slices, so that others get their turn.
 *
 * Failure modes. The station is deleted, or a record does not check: the connection is cut, so that what came is not taken for
 * everything; the broker's log says why. */
#include "api/stations_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>

#define READS_MAX     256
#define SLICE_RECORDS 20000

static const char *const format_names[] = {"ndjson", "csv", "raw", NULL};
enum format { FORMAT_NDJSON, FORMAT_CSV, FORMAT_RAW };

struct reading {
    struct api_stream_ops ops; /* with a waiting time of its own */
    struct api *api;
    struct api_waker *waker; /* a reference */
    struct station_read *read;
    enum format format;
    bool follow;
    bool sent; /* something, since the end was seen last */
    bool any;
    bool headed;         /* the headline of CSV is out */
    int64_t wait_ms;     /* at the end, for more; 0 with follow: for ever */
    int64_t deadline_ms; /* monotonic; 0: not at the end */
};

static void print(struct reading *reading, const struct station_message *message, struct buf *out)
{
    if (reading->format == FORMAT_CSV) {
        message_print_csv(message, out);
        return;
    }
    if (reading->format == FORMAT_RAW)
        buf_append_str(out, message->payload);
    else
        message_print_json(message, out);
    buf_append_byte(out, '\n');
}

static void wake(void *arg)
{
    api_wake(arg);
}

/* Nothing more is there. *again: something has come meanwhile. */
static enum api_step at_end(struct reading *reading, bool *again)
{
    int64_t now_ms = clock_mono_ms();
    *again = false;
    if (!reading->follow && (reading->any || reading->wait_ms == 0))
        return API_STREAM_END;
    if (reading->deadline_ms == 0 || reading->sent)
        reading->deadline_ms = now_ms + reading->wait_ms;
    reading->sent = false;
    int64_t left_ms = reading->deadline_ms - now_ms;
    if (reading->wait_ms > 0 && left_ms <= 0)
        return API_STREAM_END;
    reading->ops.wait_ms = reading->wait_ms > 0 && left_ms < API_PARK_MS_MAX ? left_ms : API_PARK_MS_MAX;
    *again = !station_read_watch(reading->read, wake, reading->waker);
    return API_STREAM_WAIT;
}

static enum api_step next(void *state, struct buf *out)
{
    struct reading *reading = state;
    if (reading->format == FORMAT_CSV && !reading->headed)
        message_print_csv_head(out);
    reading->headed = true;
    while (out->len < API_STREAM_BYTES) {
        struct station_message message;
        struct error err;
        switch (station_read_next(reading->read, 0, &message, &err)) {
        case STATION_READ:
            reading->any = reading->sent = true;
            print(reading, &message, out);
            break;
        case STATION_READ_END: return API_STREAM_END;
        case STATION_READ_PAUSE: return API_STREAM_MORE;
        case STATION_READ_FAILED:
            LOG_ERROR("reading a station over HTTP is cut off", LOG_ERROR_OF(&err));
            return API_STREAM_FAIL;
        case STATION_READ_WAITS:
            reading->ops.wait_ms = API_PARK_MS_MAX;
            if (station_read_watch(reading->read, wake, reading->waker))
                return API_STREAM_WAIT;
            break;
        case STATION_READ_TIMEOUT: {
            bool again;
            enum api_step step = at_end(reading, &again);
            if (!again)
                return step;
            break;
        }
        }
    }
    return API_STREAM_MORE;
}

static void close_reading(void *state)
{
    struct reading *reading = state;
    station_read_close(reading->read);
    api_waker_unref(reading->waker);
    atomic_fetch_sub_explicit(&reading->api->reads, 1, memory_order_relaxed);
    mem_free(reading);
}

/* ---- The request ----------------------------------------------------------------------------------------- */

static enum format format_of(const char *name)
{
    for (enum format format = FORMAT_NDJSON; name != NULL && format <= FORMAT_RAW; format++) {
        if (strcmp(format_names[format], name) == 0)
            return format;
    }
    return FORMAT_NDJSON; /* none is said: the query has been checked */
}

/* A place that is none is the query's fault, and named. */
static bool check_place(const char *name, const char *text, struct error *err)
{
    struct station_start start;
    return text == NULL || station_start_parse(str_of(text), &start, err) ||
           error_wrap(err, "query parameter %s", name);
}

static struct station_read *open_read(struct api_request *request, bool waits, struct error *err)
{
    const char *from = api_query(request, "from"), *to = api_query(request, "to");
    const struct station_read_options options = {
        .from = from != NULL && from[0] != '\0' ? str_of(from) : STR("earliest"),
        .to = str_of(to),
        .filter = str_of(api_query(request, "filter")),
        .limit = (uint64_t)api_query_int(request, "limit", 0),
        .follow = waits,
        .slice = SLICE_RECORDS,
    };
    if (!check_place("from", from, err) || !check_place("to", to, err))
        return NULL;
    return station_read_open(api_stations(request), api_path(request, "name"), &options, err);
}

static void show(struct api_request *request)
{
    static const char *const types[] = {"application/x-ndjson", "text/csv; charset=utf-8",
                                        "application/octet-stream"};
    struct api *api = request->api;
    struct error err;
    char offset[24];
    bool follow = api_query_bool(request, "follow") == 1;
    int64_t wait_ms = api_query_int(request, "wait_ms", 0);
    if (atomic_fetch_add_explicit(&api->reads, 1, memory_order_relaxed) >= READS_MAX) {
        atomic_fetch_sub_explicit(&api->reads, 1, memory_order_relaxed);
        error_set(&err, ERR_BUSY, "%d requests read stations already: try again", READS_MAX);
        api_reply_failure(request, &err);
        return;
    }
    struct station_read *read = open_read(request, follow || wait_ms > 0, &err);
    if (read == NULL) {
        atomic_fetch_sub_explicit(&api->reads, 1, memory_order_relaxed);
        api_reply_failure(request, &err);
        return;
    }
    struct reading *reading = mem_zalloc(sizeof(*reading));
    *reading = (struct reading){
        .ops = {.next = next, .close = close_reading},
        .api = api,
        .waker = api_waker(request),
        .read = read,
        .format = format_of(api_query(request, "format")),
        .follow = follow,
        .wait_ms = wait_ms,
    };
    uint64_t begin = station_read_offset(read);
    snprintf(offset, sizeof(offset), "%" PRIu64, begin);
    if (begin != UINT64_MAX)
        api_reply_header(request, "Varve-From-Offset", offset);
    api_reply_stream(request, 200, types[reading->format], &reading->ops, reading);
}

/* ---- Routes ---------------------------------------------------------------------------------------------- */

static const struct api_param params[] = {
    {.name = "from",
     .type = API_STRING,
     .description = "earliest (default), latest, last:N, offset:N, time:<RFC 3339 or ms>"},
    {.name = "to",
     .type = API_STRING,
     .description = "likewise: what is there or behind is not read; default: the end"},
    {.name = "filter", .type = API_STRING, .description = "a topic filter that they match"},
    {.name = "limit",
     .type = API_INTEGER,
     .description = "messages; default: no limit",
     .min = 1,
     .max = INT64_MAX},
    {.name = "format", .type = API_STRING, .description = "default: ndjson", .choices = format_names},
    {.name = "wait_ms",
     .type = API_INTEGER,
     .description = "where there is none: how long one is waited for",
     .min = 0,
     .max = 3600000},
    {.name = "follow",
     .type = API_BOOLEAN,
     .description = "goes on at the end with what comes; with wait_ms until nothing has come for so long"},
    {.name = NULL},
};

static const struct api_component components[] = {
    {"station_message",
     "{'type':'object','required':['offset','timestamp','topic','qos','retain'],'properties':{"
     "'offset':{'type':'integer'},'timestamp':{'type':'integer','description':'ms since 1970'},"
     "'topic':{'type':'string'},'qos':{'type':'integer'},'retain':{'type':'boolean'},"
     "'payload':{'type':'string','description':'if it is UTF-8'},"
     "'payload_base64':{'type':'string','format':'byte','description':'else'},"
     "'clientid':{'type':'string'},'username':{'type':'string'},'id':{'type':'string'},"
     "'headers':" MESSAGE_HEADERS ",'properties':" MESSAGE_PROPERTIES
     ",'deliveries':{'type':'integer','description':'by a group, this one included'}}}"},
};

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/api/v5/stations/{name}/messages",
     .handle = show,
     .access = API_READ_STATIONS,
     .summary = "Reads a station, as a stream: an object a line",
     .description =
         "The header Varve-From-Offset of the answer tells where it begins. csv: with a headline; raw: the "
         "payloads, each with a line feed behind. A client goes on at offset:N, N the last offset plus 1. An "
         "answer that is cut off has not been finished.",
     .params = params,
     .answer = MESSAGE_SCHEMA,
     .answer_type = "application/x-ndjson",
     .errors = "404 NOT_FOUND"},
};

const struct api_table stations_messages_table = {
    .tag = "Station messages",
    .description = "Reading stations",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
};
