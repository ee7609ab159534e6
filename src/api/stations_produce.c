/* POST /stations/{name}/messages: messages that do not come over MQTT.
 *
 *     body ─▶ a chunk of messages ─▶ stations_produce() ─▶ parked ─▶ durable: woken ─▶ the next chunk … ─▶ offsets
 *
 * One body is one message, or, as NDJSON, a message a line. Lines are taken in chunks, in their order, each when the one before is
 * on disk: that is the back-pressure, and what bounds the memory. A line that is no message is answered with its error, and
 * the others are stored. When the log's queue is full, a chunk is tried again for a while. When the disk takes a chunk not,
 * nothing behind it is stored.
 *
 * The chunk is the station's until it is done, even if the client has gone: so it is counted, and has copies of its own. */
#include "api/stations_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <inttypes.h>

#define BODY_BYTES_MAX  ((size_t)8 << 20)
#define CHUNK_BYTES     ((size_t)2 << 20)
#define CHUNK_MESSAGES  1000
#define LINES_MAX       10000
#define BUSY_RETRY_MS   50
#define BUSY_PATIENT_MS 10000

struct line_result {
    uint64_t offset;
    unsigned status; /* 200, or why not */
    bool duplicate;
    const char *code;
    const char *text; /* in the arena of the request */
};

/* Messages on their way. One reference is the request's, one the station's until `done`. */
struct chunk {
    struct station_produce produce; /* first */
    atomic_uint refs;
    struct api_waker *waker; /* a reference */
    struct arena arena;      /* of the messages */
    size_t cap;
    size_t count;
    size_t bytes;
    struct station_message *messages;
    uint64_t *offsets;
    bool *duplicates;
    uint32_t *lines; /* of each message, its line */
    struct error err;
    bool failed;
    atomic_bool done; /* release: what is above is set */
};

struct producing {
    struct chunk *chunk;
    struct arena arena; /* of texts in results */
    struct str rest;    /* of the body, NDJSON */
    struct line_result *results;
    uint32_t line_count;
    bool many; /* NDJSON */
    bool under_way;
    int64_t began_ms; /* since when nothing is stored */
};

/* ---- Chunks ---------------------------------------------------------------------------------------------- */

static void chunk_unref(struct chunk *chunk)
{
    if (chunk == NULL || atomic_fetch_sub_explicit(&chunk->refs, 1, memory_order_acq_rel) != 1)
        return;
    api_waker_unref(chunk->waker);
    arena_free(&chunk->arena);
    mem_free(chunk->messages);
    mem_free(chunk->offsets);
    mem_free(chunk->duplicates);
    mem_free(chunk->lines);
    mem_free(chunk);
}

static struct chunk *chunk_new(struct api_request *request, size_t cap)
{
    struct chunk *chunk = mem_zalloc(sizeof(*chunk));
    atomic_init(&chunk->refs, 1);
    chunk->waker = api_waker(request);
    chunk->cap = cap;
    chunk->messages = mem_zalloc(cap * sizeof(*chunk->messages));
    chunk->offsets = mem_zalloc(cap * sizeof(*chunk->offsets));
    chunk->duplicates = mem_zalloc(cap * sizeof(*chunk->duplicates));
    chunk->lines = mem_zalloc(cap * sizeof(*chunk->lines));
    return chunk;
}

static void chunk_reset(struct chunk *chunk)
{
    arena_reset(&chunk->arena);
    chunk->count = 0;
    chunk->bytes = 0;
}

/* On a log writer, or on the thread that submits. */
static void done(struct station_produce *produce, const struct error *err)
{
    struct chunk *chunk = (struct chunk *)produce;
    chunk->failed = err != NULL;
    if (err != NULL)
        chunk->err = *err;
    atomic_store_explicit(&chunk->done, true, memory_order_release);
    api_wake(chunk->waker);
    chunk_unref(chunk);
}

static void submit(struct api_request *request, struct producing *state)
{
    struct chunk *chunk = state->chunk;
    chunk->produce = (struct station_produce){
        .messages = chunk->messages,
        .count = chunk->count,
        .offsets = chunk->offsets,
        .duplicates = chunk->duplicates,
        .done = done,
    };
    chunk->failed = false;
    atomic_store_explicit(&chunk->done, false, memory_order_relaxed);
    atomic_fetch_add_explicit(&chunk->refs, 1, memory_order_relaxed);
    state->under_way = true;
    if (stations_produce(api_stations(request), api_path(request, "name"), &chunk->produce, &chunk->err))
        return;
    chunk->failed = true;
    atomic_store_explicit(&chunk->done, true, memory_order_release);
    chunk_unref(chunk);
}

/* ---- Lines ----------------------------------------------------------------------------------------------- */

static void fail_line(struct api_request *request, struct producing *state, uint32_t line,
                      const struct error *err)
{
    struct line_result *result = &state->results[line];
    result->status = failure_status(err, &result->code);
    if (result->status == 500) {
        LOG_ERROR("a message is not stored", LOG_TEXT("request_id", request->id_text), LOG_ERROR_OF(err));
        result->text = "it may be stored or not; the broker's log tells why: send it again with the same id";
        return;
    }
    result->text = err->hint[0] != '\0' ? arena_printf(&state->arena, "%s (%s)", err->text, err->hint)
                                        : arena_strdup(&state->arena, str_of(err->text));
}

static size_t bytes_of(const struct station_message *message)
{
    return message->topic.len + message->payload.len + message->props.len + message->client_id.len;
}

/* False: the chunk has no room for it. */
static bool add_line(struct api_request *request, struct producing *state, struct str line)
{
    struct chunk *chunk = state->chunk;
    struct error err;
    struct station_message *message = &chunk->messages[chunk->count];
    bool ok = message_parse_json(line, request->api->components, &chunk->arena, message, &err) &&
              stations_message_check(api_stations(request), api_path(request, "name"), message, &err);
    if (ok && chunk->count > 0 && chunk->bytes + bytes_of(message) > CHUNK_BYTES)
        return false;
    if (ok) {
        chunk->bytes += bytes_of(message);
        chunk->lines[chunk->count++] = state->line_count;
    } else {
        fail_line(request, state, state->line_count, &err);
    }
    state->line_count++;
    return true;
}

static void fill(struct api_request *request, struct producing *state)
{
    chunk_reset(state->chunk);
    while (state->chunk->count < state->chunk->cap && state->rest.data != NULL) {
        struct str rest = state->rest, line;
        str_next(&rest, '\n', &line);
        line = str_trim(line);
        if (line.len > 0 && !add_line(request, state, line))
            return;
        state->rest = rest;
    }
}

/* What comes behind a chunk that is not stored must not be stored before it, when it is sent again. */
static void fail_rest(struct api_request *request, struct producing *state)
{
    struct str line;
    while (str_next(&state->rest, '\n', &line)) {
        if (str_trim(line).len > 0)
            fail_line(request, state, state->line_count++, &state->chunk->err);
    }
}

static void note_results(struct api_request *request, struct producing *state)
{
    struct chunk *chunk = state->chunk;
    for (size_t i = 0; i < chunk->count; i++) {
        struct line_result *result = &state->results[chunk->lines[i]];
        if (chunk->failed)
            fail_line(request, state, chunk->lines[i], &chunk->err);
        else
            *result = (struct line_result){
                .status = 200, .offset = chunk->offsets[i], .duplicate = chunk->duplicates[i]};
    }
    if (chunk->failed)
        fail_rest(request, state);
    else
        state->began_ms = clock_mono_ms();
    chunk->count = 0;
}

/* ---- The answer ------------------------------------------------------------------------------------------ */

static void append_result(struct buf *out, const struct line_result *result)
{
    if (result->status == 200) {
        buf_printf(out, "{\"offset\":%" PRIu64 ",\"duplicate\":%s}", result->offset,
                   result->duplicate ? "true" : "false");
        return;
    }
    buf_printf(out, "{\"code\":\"%s\",\"message\":", result->code);
    buf_append_json(out, str_of(result->text));
    buf_append_byte(out, '}');
}

static void answer_one(struct api_request *request, const struct producing *state)
{
    const struct line_result *result = &state->results[0];
    struct buf out = {0};
    append_result(&out, result);
    if (result->status == 503)
        api_reply_header(request, "Retry-After", "1");
    api_reply_bytes(request, result->status, "application/json", &out);
}

/* 200: all are stored; 207: some; else the first error, which says it for all. */
static void answer_many(struct api_request *request, const struct producing *state)
{
    struct buf out = {0};
    uint32_t stored = 0, duplicates = 0;
    const struct line_result *first = NULL;
    for (uint32_t i = 0; i < state->line_count; i++) {
        const struct line_result *result = &state->results[i];
        stored += result->status == 200;
        duplicates += result->duplicate;
        if (result->status != 200 && first == NULL)
            first = result;
    }
    unsigned status = first == NULL ? 200 : stored > 0 ? 207 : first->status;
    buf_append_byte(&out, '{');
    if (status > 207) {
        buf_printf(&out, "\"code\":\"%s\",\"message\":", first->code);
        buf_append_json(&out, str_of(first->text));
        buf_append_byte(&out, ',');
    }
    buf_printf(&out, "\"stored\":%" PRIu32 ",\"duplicates\":%" PRIu32 ",\"failed\":%" PRIu32 ",\"results\":[",
               stored, duplicates, state->line_count - stored);
    for (uint32_t i = 0; i < state->line_count; i++) {
        if (i > 0)
            buf_append_byte(&out, ',');
        append_result(&out, &state->results[i]);
    }
    buf_append_str(&out, STR("]}"));
    if (status == 503)
        api_reply_header(request, "Retry-After", "1");
    api_reply_bytes(request, status, "application/json", &out);
}

/* ---- The request ----------------------------------------------------------------------------------------- */

static void free_producing(void *arg)
{
    struct producing *state = arg;
    chunk_unref(state->chunk);
    arena_free(&state->arena);
    mem_free(state->results);
    mem_free(state);
}

/* "name:value" of ?header= to JSON, as in a line. */
static bool take_headers(struct api_request *request, json_t *headers, struct error *err)
{
    size_t at = 0;
    for (const char *text; (text = api_query_next(request, "header", &at)) != NULL;) {
        struct str value = str_of(text), name;
        str_next(&value, ':', &name);
        if (value.data == NULL || name.len == 0)
            return error_set(err, ERR_INVALID, "query parameter header: is NAME:VALUE");
        json_t *known = json_object_getn(headers, name.data, name.len);
        if (known == NULL) {
            known = json_array();
            json_object_setn_new(headers, name.data, name.len, known);
        }
        value = str_trim(value);
        json_array_append_new(known, json_stringn(value.data, value.len));
    }
    return true;
}

/* From the query, or else from a header. */
static struct str said(const struct api_request *request, const char *query, const char *header)
{
    const char *text = api_query(request, query);
    return str_of(text != NULL ? text : api_header(request, header));
}

static bool take_one(struct api_request *request, struct producing *state, struct error *err)
{
    struct chunk *chunk = state->chunk = chunk_new(request, 1);
    struct station_message *message = &chunk->messages[0];
    struct buf encoded = {0};
    struct str topic = said(request, "topic", "Varve-Topic"), id = said(request, "id", "Varve-Id"), props;
    struct str body = api_raw_body(request);
    const char *content_type = api_query(request, "content_type");
    if (topic.len == 0)
        return error_set(err, ERR_INVALID, "topic: missing (?topic=, or the header Varve-Topic)");
    json_t *headers = json_object();
    json_t *properties = content_type != NULL ? json_pack("{s:s}", "content_type", content_type) : NULL;
    *message = (struct station_message){
        .topic = arena_str(&chunk->arena, topic),
        .id = id.len > 0 ? arena_str(&chunk->arena, id) : STR(""),
        .payload = body.len > 0 ? arena_str(&chunk->arena, body) : STR(""),
        .qos = (uint8_t)api_query_int(request, "qos", 0),
        .retain = api_query_bool(request, "retain") == 1,
    };
    bool ok = take_headers(request, headers, err) &&
              message_properties(properties, headers, &encoded, &props, &message->expiry_s, err);
    if (ok)
        message->props = props.len > 0 ? arena_str(&chunk->arena, props) : STR("");
    ok = ok && stations_message_check(api_stations(request), api_path(request, "name"), message, err);
    chunk->count = ok;
    chunk->lines[0] = 0;
    state->line_count = 1;
    buf_free(&encoded);
    json_decref(headers);
    json_decref(properties);
    return ok;
}

static bool is_ndjson(const struct api_request *request)
{
    const char *header = api_header(request, "Content-Type");
    struct str rest = str_of(header), type;
    if (!str_next(&rest, ';', &type))
        return false;
    type = str_trim(type);
    return str_equal_nocase(type, STR("application/x-ndjson")) ||
           str_equal_nocase(type, STR("application/ndjson")) ||
           str_equal_nocase(type, STR("application/jsonl"));
}

static uint32_t count_lines(struct str body)
{
    struct str line;
    uint32_t count = 0;
    while (str_next(&body, '\n', &line))
        count += str_trim(line).len > 0;
    return count;
}

static bool take_many(struct api_request *request, struct producing *state, struct error *err)
{
    struct str body = api_raw_body(request);
    uint32_t count = body.len > 0 ? count_lines(body) : 0;
    if (api_query(request, "topic") != NULL || api_query(request, "id") != NULL ||
        api_query(request, "header") != NULL || api_query(request, "content_type") != NULL ||
        api_query(request, "qos") != NULL || api_query(request, "retain") != NULL)
        return error_set(err, ERR_INVALID, "with NDJSON, each line says its own topic, id and headers");
    if (count > LINES_MAX)
        return error_set(err, ERR_TOO_LARGE, "a request has at most %d lines", LINES_MAX);
    if (count == 0)
        return error_set(err, ERR_INVALID, "the body has no line");
    state->many = true;
    state->rest = body;
    state->chunk = chunk_new(request, count < CHUNK_MESSAGES ? count : CHUNK_MESSAGES);
    state->results = mem_zalloc(count * sizeof(*state->results));
    return true;
}

/* NULL: the request has its reply. */
static struct producing *begin(struct api_request *request)
{
    struct error err;
    if (!station_known(request))
        return NULL;
    struct producing *state = mem_zalloc(sizeof(*state));
    api_set_state(request, state, free_producing);
    state->began_ms = clock_mono_ms();
    bool ok = is_ndjson(request) ? take_many(request, state, &err) : take_one(request, state, &err);
    if (!ok) {
        api_reply_failure(request, &err);
        return NULL;
    }
    if (!state->many)
        state->results = mem_zalloc(sizeof(*state->results));
    return state;
}

/* Whether the chunk is to be tried again: the log's queue was full. */
static bool tries_again(const struct producing *state)
{
    const struct chunk *chunk = state->chunk;
    return chunk->failed && chunk->err.code == ERR_BUSY &&
           clock_mono_ms() - state->began_ms < BUSY_PATIENT_MS;
}

static void produce(struct api_request *request)
{
    struct producing *state = api_state(request);
    bool again = false;
    if (state == NULL) {
        state = begin(request);
        if (state == NULL)
            return;
    } else if (state->under_way) {
        if (!atomic_load_explicit(&state->chunk->done, memory_order_acquire)) {
            api_park(request, API_PARK_MS_MAX);
            return;
        }
        state->under_way = false;
        if (tries_again(state)) {
            api_park(request, BUSY_RETRY_MS);
            return;
        }
        note_results(request, state);
    } else {
        again = true;
    }
    if (state->many && !again)
        fill(request, state);
    if (state->chunk->count > 0) {
        submit(request, state);
        api_park(request, API_PARK_MS_MAX);
        if (atomic_load_explicit(&state->chunk->done, memory_order_acquire))
            api_wake(state->chunk->waker); /* it has been refused at once */
    } else if (state->many) {
        answer_many(request, state);
    } else {
        answer_one(request, state);
    }
}

/* ---- Routes ---------------------------------------------------------------------------------------------- */

static const struct api_param params[] = {
    {.name = "topic", .type = API_STRING, .description = "of one message; or the header Varve-Topic"},
    {.name = "id",
     .type = API_STRING,
     .description =
         "the message's id: a second one within the dedup_window is no message; or the header Varve-Id"},
    {.name = "qos", .type = API_INTEGER, .description = "with which readers get it", .min = 0, .max = 2},
    {.name = "retain", .type = API_BOOLEAN, .description = "its retain flag"},
    {.name = "header", .type = API_STRING, .description = "NAME:VALUE, a user property", .many = true},
    {.name = "content_type", .type = API_STRING, .description = "of the payload"},
    {.name = NULL},
};

#define RESULT                                                                                   \
    "{'type':'object','properties':{'offset':{'type':'integer'},'duplicate':{'type':'boolean'}," \
    "'code':{'type':'string'},'message':{'type':'string'}}}"

static const struct api_component components[] = {
    {"station_produce",
     "{'type':'object','required':['topic'],'additionalProperties':false,'properties':{"
     "'topic':{'type':'string','minLength':1,'maxLength':65535},'payload':{'type':'string'},"
     "'payload_base64':{'type':'string','format':'byte'},'id':{'type':'string','maxLength':65535},"
     "'qos':{'type':'integer','minimum':0,'maximum':2},'retain':{'type':'boolean'},"
     "'clientid':{'type':'string','maxLength':65535},'headers':" MESSAGE_HEADERS
     ",'properties':" MESSAGE_PROPERTIES ",'offset':{'description':'passed over, as the next three'},"
     "'timestamp':{},'username':{},'deliveries':{}}}"},
};

static const struct api_route routes[] = {
    {.method = API_POST,
     .path = "/api/v5/stations/{name}/messages",
     .handle = produce,
     .access = API_PUBLISH,
     .summary = "Stores messages in a station; answers when they are durable",
     .description =
         "One body is one message, with its topic in the query. As application/x-ndjson each line is one "
         "(schema station_produce), stored in their order; a line that is none is answered with its error, "
         "and "
         "the others are stored: 207. Subscribers of topics do not get them; readers and groups of the "
         "station "
         "do. At most 10,000 lines and 8 MiB.",
     .params = params,
     .raw_body = "application/x-ndjson, application/ndjson, application/jsonl, application/octet-stream, */*",
     .answer =
         "{'oneOf':[" RESULT ",{'type':'object','properties':{'stored':{'type':'integer'},'duplicates':{"
         "'type':'integer'},'failed':{'type':'integer'},'results':{'type':'array','items':" RESULT "}}}]}",
     .errors = "207 some lines are not stored; 404 NOT_FOUND",
     .max_body_bytes = BODY_BYTES_MAX},
};

const struct api_table stations_produce_table = {
    .tag = "Station messages, producing",
    .description = "Storing messages in stations",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
};
