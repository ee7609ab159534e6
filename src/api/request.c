/* What handlers see of a request: parameters of its path and query, its body. All of it has been checked before. */
#include "api/api_internal.h"

#include "base/clock.h"

#include <assert.h>

#define PAGE_LIMIT_DEFAULT 100

struct str api_path(const struct api_request *request, const char *name)
{
    for (unsigned i = 0; i < request->match.value_count; i++) {
        const struct api_value *value = &request->match.values[i];
        if (strcmp(value->name, name) == 0)
            return str_make(value->value, value->len);
    }
    assert(!"the route has no such parameter");
    return STR("");
}

const char *api_query_next(const struct api_request *request, const char *name, size_t *at)
{
    while (*at < request->query_count) {
        const struct api_value *value = &request->queries[(*at)++];
        if (strcmp(value->name, name) == 0)
            return value->value;
    }
    return NULL;
}

const char *api_query(const struct api_request *request, const char *name)
{
    size_t at = 0;
    return api_query_next(request, name, &at);
}

int64_t api_query_int(const struct api_request *request, const char *name, int64_t fallback)
{
    const char *text = api_query(request, name);
    int64_t value = fallback;
    if (text != NULL)
        str_to_i64(str_of(text), &value, NULL);
    return value;
}

int api_query_bool(const struct api_request *request, const char *name)
{
    const char *text = api_query(request, name);
    bool value = false;
    if (text == NULL || !str_to_bool(str_of(text), &value, NULL))
        return -1;
    return value;
}

int64_t api_query_time_ms(const struct api_request *request, const char *name, int64_t fallback)
{
    const char *text = api_query(request, name);
    int64_t value = fallback;
    if (text != NULL)
        clock_parse(str_of(text), &value, NULL);
    return value;
}

json_t *api_body(const struct api_request *request)
{
    return request->json;
}

struct str api_raw_body(const struct api_request *request)
{
    return buf_str(&request->body);
}

const char *api_header(const struct api_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

struct api_page api_page(const struct api_request *request)
{
    uint64_t page = (uint64_t)api_query_int(request, "page", 1);
    uint64_t limit = (uint64_t)api_query_int(request, "limit", PAGE_LIMIT_DEFAULT);
    return (struct api_page){.page = page, .limit = limit, .skip = (page - 1) * limit};
}

enum api_woken api_parked(const struct api_request *request)
{
    return request->woken;
}

void api_set_state(struct api_request *request, void *state, void (*free_state)(void *state))
{
    assert(request->state == NULL);
    request->state = state;
    request->free_state = free_state;
}

void *api_state(const struct api_request *request)
{
    return request->state;
}
