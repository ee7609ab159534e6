/* Any bytes as the target and body of a request: a route is found or not, values and JSON are checked or refused with a message of one
 * line, and what is let through is as the route says.
 *
 * The first line is the method's number and the target, "1/api/v5/publish?x=1"; behind it is the body. */
#include "api/api_internal.h"

#include "base/mem.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct api *all_routes(void)
{
    static struct api *api;
    const struct api_options options = {.admin_key = STR("a:b")};
    if (api == NULL)
        api = api_new(&options); /* no handler is called, so there is no broker */
    return api;
}

static void check_error(const struct error *err)
{
    assert(err->code == ERR_INVALID || err->code == ERR_LIMIT);
    assert(err->text[0] != '\0');
}

/* The values are decoded: UTF-8 without NUL, as long as they say. */
static void check_values(const struct api_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert(strlen(values[i].value) == values[i].len && utf8_valid(values[i].value, values[i].len));
}

static void check_body(struct api *api, const struct api_entry *entry, struct str body)
{
    struct error err = {0};
    json_t *value = json_loadb(body.data, body.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    if (value == NULL)
        return;
    if (!schema_check(api->components, entry->body_schema, value, &err))
        check_error(&err);
    json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct api *api = all_routes();
    struct arena arena = {0};
    struct api_match match;
    struct api_value values[QUERY_VALUES_MAX];
    struct error err = {0};
    size_t count = 0;
    struct str rest = str_make(data, len), target, path;
    if (len < 1 || !str_next(&rest, '\n', &target) || target.len < 1)
        return 0;
    enum api_method method = (enum api_method)((unsigned char)target.data[0] % 4);
    target = str_make(target.data + 1, target.len - 1);
    access_host_ok(api, arena_strdup(&arena, target));
    struct str query = target;
    str_next(&query, '?', &path);
    if (query.data == NULL)
        query = STR("");
    bool ok = route_find(api, method, path, &arena, &match, &err) &&
              query_split(query, &arena, values, &count, &err);
    if (!ok)
        check_error(&err);
    if (ok)
        check_values(values, count);
    if (ok && match.entry != NULL) {
        check_values(match.values, match.value_count);
        if (!query_check(match.entry->route, values, count, &err))
            check_error(&err);
        if (match.entry->body_schema != NULL && rest.data != NULL)
            check_body(api, match.entry, rest);
    }
    arena_free(&arena);
    return 0;
}
