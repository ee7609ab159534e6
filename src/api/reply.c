/* What handlers say: JSON, errors, lists, bytes. A reply is made at once and sent when the handler has returned. */
#include "api/api_internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

void *api_context(const struct api_request *request)
{
    return request->match.entry->table->context;
}

struct api *api_of(const struct api_request *request)
{
    return request->api;
}

struct broker *api_broker(const struct api_request *request)
{
    return request->api->broker;
}

struct catalog *api_catalog(const struct api_request *request)
{
    return request->api->catalog;
}

struct stations *api_stations(const struct api_request *request)
{
    return request->api->stations;
}

struct connectors *api_connectors(const struct api_request *request)
{
    return request->api->connectors;
}

const struct api_caller *api_caller(const struct api_request *request)
{
    return &request->caller.face;
}

const char *api_request_id(const struct api_request *request)
{
    return request->id_text;
}

/* ---- Headers --------------------------------------------------------------------------------------------- */

void api_reply_header(struct api_request *request, const char *name, const char *value)
{
    assert(request->response == NULL && request->header_count < REPLY_HEADERS_MAX);
    request->headers[request->header_count++] = (struct api_value){
        .name = arena_strdup(&request->arena, str_of(name)),
        .value = arena_strdup(&request->arena, str_of(value)),
    };
}

static bool has_header(const struct api_request *request, const char *name)
{
    for (unsigned i = 0; i < request->header_count; i++) {
        if (str_equal_nocase(str_of(request->headers[i].name), str_of(name)))
            return true;
    }
    return false;
}

void reply_headers(struct api_request *request)
{
    /* What a browser is to make of an answer that is no page: nothing. */
    static const struct api_value defaults[] = {
        {.name = "Cache-Control", .value = "no-store"},
        {.name = "X-Content-Type-Options", .value = "nosniff"},
        {.name = "X-Frame-Options", .value = "DENY"},
        {.name = "Content-Security-Policy", .value = "default-src 'none'; frame-ancestors 'none'"},
        {.name = "Referrer-Policy", .value = "no-referrer"},
    };
    MHD_add_response_header(request->response, "X-Request-Id", request->id_text);
    for (size_t i = 0; i < LENGTH(defaults); i++) {
        if (!has_header(request, defaults[i].name))
            MHD_add_response_header(request->response, defaults[i].name, defaults[i].value);
    }
    for (unsigned i = 0; i < request->header_count; i++)
        MHD_add_response_header(request->response, request->headers[i].name, request->headers[i].value);
}

/* ---- Bodies ---------------------------------------------------------------------------------------------- */

static void set_reply(struct api_request *request, unsigned status, struct MHD_Response *response)
{
    assert(request->response == NULL && response != NULL);
    request->status = status;
    request->response = response;
}

void api_reply_bytes(struct api_request *request, unsigned status, const char *content_type,
                     struct buf *bytes)
{
    if (bytes->data == NULL)
        buf_reserve(bytes, 1);
    api_reply_header(request, "Content-Type", content_type);
    set_reply(request, status,
              MHD_create_response_from_buffer_with_free_callback(bytes->len, bytes->data, mem_free));
    *bytes = (struct buf){0};
}

void reply_static(struct api_request *request, unsigned status, const char *content_type, const void *bytes,
                  size_t len)
{
    api_reply_header(request, "Content-Type", content_type);
    set_reply(request, status,
              MHD_create_response_from_buffer(len, (void *)(uintptr_t)bytes, MHD_RESPMEM_PERSISTENT));
}

static int append_json(const char *bytes, size_t len, void *arg)
{
    buf_append(arg, bytes, len);
    return 0;
}

void api_reply_json(struct api_request *request, unsigned status, json_t *body)
{
    struct buf text = {0};
    int failed = json_dump_callback(body, append_json, &text, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(body);
    if (failed != 0) {
        buf_free(&text);
        api_reply_error(request, 500, "INTERNAL_ERROR", "the answer is no JSON");
        return;
    }
    api_reply_bytes(request, status, "application/json", &text);
}

void api_reply_none(struct api_request *request)
{
    set_reply(request, 204,
              MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT));
}

/* ---- Errors ---------------------------------------------------------------------------------------------- */

void reply_error_of(struct api_request *request, unsigned status, const char *code, const char *text)
{
    struct buf body = {0};
    buf_append_str(&body, STR("{\"code\":"));
    buf_append_json(&body, str_of(code));
    buf_append_str(&body, STR(",\"message\":"));
    buf_append_json(&body, str_of(text));
    buf_append_byte(&body, '}');
    api_reply_bytes(request, status, "application/json", &body);
}

void api_reply_error(struct api_request *request, unsigned status, const char *code, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    reply_error_of(request, status, code, text);
}

static const struct failure {
    enum error_code code;
    unsigned status;
    const char *name;
} failures[] = {
    {ERR_INVALID, 400, "BAD_REQUEST"},          {ERR_NOT_FOUND, 404, "NOT_FOUND"},
    {ERR_EXISTS, 409, "ALREADY_EXISTS"},        {ERR_BUSY, 503, "SERVICE_UNAVAILABLE"},
    {ERR_TIMEOUT, 503, "SERVICE_UNAVAILABLE"},  {ERR_CLOSED, 503, "SERVICE_UNAVAILABLE"},
    {ERR_NO_SPACE, 503, "SERVICE_UNAVAILABLE"}, {ERR_READ_ONLY, 503, "SERVICE_UNAVAILABLE"},
    {ERR_LIMIT, 400, "QUOTA_EXCEEDED"},         {ERR_TOO_LARGE, 413, "PAYLOAD_TOO_LARGE"},
    {ERR_DENIED, 403, "NOT_ALLOWED"},           {ERR_UNSUPPORTED, 400, "NOT_SUPPORTED"},
};

unsigned failure_status(const struct error *err, const char **code)
{
    for (size_t i = 0; i < LENGTH(failures); i++) {
        if (failures[i].code == err->code) {
            *code = failures[i].name;
            return failures[i].status;
        }
    }
    *code = "INTERNAL_ERROR";
    return 500;
}

void api_reply_failure(struct api_request *request, const struct error *err)
{
    const char *code;
    unsigned status = failure_status(err, &code);
    if (status == 503)
        api_reply_header(request, "Retry-After", "1");
    if (status != 500) {
        api_reply_error(request, status, code, err->hint[0] != '\0' ? "%s (%s)" : "%s", err->text, err->hint);
        return;
    }
    LOG_ERROR("request failed", LOG_TEXT("request_id", request->id_text), LOG_STR("path", request->path),
              LOG_ERROR_OF(err));
    api_reply_error(request, 500, "INTERNAL_ERROR",
                    "the request failed; the broker's log tells why, with the request's id %s",
                    request->id_text);
}

/* ---- Lists ----------------------------------------------------------------------------------------------- */

void api_reply_list(struct api_request *request, json_t *data, int64_t count, bool has_next)
{
    struct api_page page = api_page(request);
    json_t *meta = json_pack("{s:I, s:I, s:b}", "page", (json_int_t)page.page, "limit",
                             (json_int_t)page.limit, "hasnext", has_next);
    if (count >= 0)
        json_object_set_new(meta, "count", json_integer(count));
    api_reply_json(request, 200, json_pack("{s:o, s:o}", "data", data, "meta", meta));
}

struct api_lister api_lister(const struct api_request *request)
{
    return (struct api_lister){.page = api_page(request), .data = json_array()};
}

bool api_lister_want(struct api_lister *lister)
{
    uint64_t at = lister->seen++;
    return at >= lister->page.skip && at - lister->page.skip < lister->page.limit;
}

void api_lister_add(struct api_lister *lister, json_t *entry)
{
    json_array_append_new(lister->data, entry);
}

void api_lister_reply(struct api_request *request, struct api_lister *lister)
{
    bool has_next = lister->seen > lister->page.skip + lister->page.limit;
    api_reply_list(request, lister->data, (int64_t)lister->seen, has_next);
    lister->data = NULL;
}

void api_lister_drop(struct api_lister *lister)
{
    json_decref(lister->data);
    lister->data = NULL;
}
