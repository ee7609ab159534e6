/* /api/v5/openapi.json: the table of routes, told in OpenAPI 3.0. There is no second description that could be wrong. */
#include "api/api_internal.h"

#include <ctype.h>
#include <stdio.h>

static json_t *parsed(const char *schema)
{
    return schema_parse(schema, NULL); /* asserted when it was registered, or by a test */
}

/* "/a/{b*}" is "/a/{b}" there. */
static void append_path(struct buf *out, const char *path)
{
    for (; *path != '\0'; path++) {
        if (*path != '*')
            buf_append_byte(out, (uint8_t)*path);
    }
}

/* get_api_v5_clients_clientid */
static json_t *operation_id(const struct api_route *route)
{
    struct buf id = {0};
    bool gap = true;
    for (const char *c = method_name(route->method); *c != '\0'; c++)
        buf_append_byte(&id, (uint8_t)tolower(*c));
    for (const char *c = route->path; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c)) {
            gap = true;
            continue;
        }
        if (gap)
            buf_append_byte(&id, '_');
        gap = false;
        buf_append_byte(&id, (uint8_t)*c);
    }
    json_t *text = json_stringn((const char *)id.data, id.len);
    buf_free(&id);
    return text;
}

static json_t *param_schema(const struct api_param *param)
{
    static const char *const types[] = {"string", "integer", "boolean", "string"};
    json_t *schema = json_pack("{s:s}", "type", types[param->type]);
    if (param->type == API_TIME)
        json_object_set_new(schema, "description", json_string("RFC 3339, or milliseconds since 1970"));
    if (param->min != 0 || param->max != 0) {
        json_object_set_new(schema, "minimum", json_integer(param->min));
        json_object_set_new(schema, "maximum", json_integer(param->max));
    }
    if (param->choices != NULL) {
        json_t *choices = json_array();
        for (const char *const *choice = param->choices; *choice != NULL; choice++)
            json_array_append_new(choices, json_string(*choice));
        json_object_set_new(schema, "enum", choices);
    }
    if (!param->many)
        return schema;
    return json_pack("{s:s, s:o}", "type", "array", "items", schema);
}

static json_t *parameters(const struct api_route *route)
{
    json_t *list = json_array();
    struct api_path_parts parts;
    path_split(str_of(route->path), &parts);
    for (unsigned i = 0; i < parts.count; i++) {
        struct str segment = parts.segments[i];
        if (segment.len < 3 || segment.data[0] != '{')
            continue;
        bool rest = segment.data[segment.len - 2] == '*';
        json_t *name = json_stringn(segment.data + 1, segment.len - (rest ? 3 : 2));
        json_array_append_new(
            list, json_pack("{s:o, s:s, s:b, s:s, s:{s:s}}", "name", name, "in", "path", "required", 1,
                            "description", rest ? "percent-encoded; it may hold slashes" : "percent-encoded",
                            "schema", "type", "string"));
    }
    for (const struct api_param *param = route->params; param != NULL && param->name != NULL; param++) {
        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", param->name, "in", "query",
                                              "required", param->required, "description", param->description,
                                              "schema", param_schema(param)));
    }
    return list;
}

static json_t *request_body(const struct api_route *route)
{
    json_t *content = json_object();
    struct str rest = str_of(route->raw_body), type;
    if (route->body != NULL)
        json_object_set_new(content, "application/json", json_pack("{s:o}", "schema", parsed(route->body)));
    while (route->raw_body != NULL && str_next(&rest, ',', &type)) {
        type = str_trim(type);
        char name[100];
        snprintf(name, sizeof(name), "%.*s", STR_ARG(type));
        json_object_set_new(content, name,
                            json_pack("{s:{s:s, s:s}}", "schema", "type", "string", "format", "binary"));
    }
    return json_pack("{s:b, s:o}", "required", route->body != NULL, "content", content);
}

static void add_error(json_t *responses, const char *status, const char *code)
{
    char text[300];
    json_t *known = json_object_get(responses, status);
    const char *before = json_string_value(json_object_get(known, "description"));
    snprintf(text, sizeof(text), "%s%s%s", before != NULL ? before : "", before != NULL ? ", " : "", code);
    json_object_set_new(responses, status,
                        json_pack("{s:s, s:{s:{s:{s:s}}}}", "description", text, "content",
                                  "application/json", "schema", "$ref", "#/components/schemas/error"));
}

static void add_errors(json_t *responses, const struct api_route *route)
{
    struct str rest = str_of(route->errors), one;
    while (route->errors != NULL && str_next(&rest, ';', &one)) {
        char status[4], code[100];
        one = str_trim(one);
        snprintf(status, sizeof(status), "%.*s", (int)(one.len < 3 ? one.len : 3), one.data);
        snprintf(code, sizeof(code), "%.*s", one.len > 4 ? (int)(one.len - 4) : 0,
                 one.len > 4 ? one.data + 4 : "");
        add_error(responses, status, code);
    }
    if (route->params != NULL || route->body != NULL)
        add_error(responses, "400", "BAD_REQUEST");
    if (route->access != API_PUBLIC) {
        add_error(responses, "401", "UNAUTHORIZED");
        add_error(responses, "403", "UNAUTHORIZED_ROLE");
    }
    if (route->body != NULL || route->raw_body != NULL) {
        add_error(responses, "413", "PAYLOAD_TOO_LARGE");
        add_error(responses, "415", "UNSUPPORTED_MEDIA_TYPE");
    }
    add_error(responses, "503", "SERVICE_UNAVAILABLE");
}

static json_t *responses(const struct api_route *route)
{
    json_t *out = json_object();
    char status[12];
    unsigned success = route->status != 0 ? route->status : route->answer != NULL ? 200 : 204;
    snprintf(status, sizeof(status), "%u", success);
    json_t *answer = json_pack("{s:s}", "description", route->answer != NULL ? "the answer" : "done");
    if (route->answer != NULL) {
        const char *type = route->answer_type != NULL ? route->answer_type : "application/json";
        json_object_set_new(answer, "content", json_pack("{s:{s:o}}", type, "schema", parsed(route->answer)));
    }
    json_object_set_new(out, status, answer);
    add_errors(out, route);
    return out;
}

static json_t *operation(const struct api_entry *entry)
{
    static const char *const who[] = {
        [API_ADMINISTER] = "administrator",
        [API_READ] = "administrator or viewer",
        [API_READ_STATIONS] = "administrator, viewer or consumer",
        [API_CONSUME] = "administrator or consumer",
        [API_PUBLISH] = "administrator or publisher",
        [API_ANY_ROLE] = "any role",
        [API_PUBLIC] = "without a key",
    };
    const struct api_route *route = entry->route;
    json_t *out = json_pack("{s:[s], s:s, s:o, s:o, s:o}", "tags", entry->table->tag, "summary",
                            route->summary, "operationId", operation_id(route), "parameters",
                            parameters(route), "responses", responses(route));
    struct buf text = {0};
    if (route->description != NULL)
        buf_printf(&text, "%s\n\n", route->description);
    buf_printf(&text, "Role: %s.", who[route->access]);
    json_object_set_new(out, "description", json_stringn((const char *)text.data, text.len));
    buf_free(&text);
    if (route->body != NULL || route->raw_body != NULL)
        json_object_set_new(out, "requestBody", request_body(route));
    if (route->access == API_PUBLIC)
        json_object_set_new(out, "security", json_array());
    return out;
}

static json_t *paths(const struct api *api)
{
    static const char *const methods[] = {"get", "post", "put", "delete"};
    json_t *out = json_object();
    for (size_t i = 0; i < api->entry_count; i++) {
        struct buf path = {0};
        append_path(&path, api->entries[i].route->path);
        json_t *item = json_object_get(out, buf_cstr(&path));
        if (item == NULL) {
            item = json_object();
            json_object_set_new(out, buf_cstr(&path), item);
        }
        json_object_set_new(item, methods[api->entries[i].route->method], operation(&api->entries[i]));
        buf_free(&path);
    }
    return out;
}

/* Several tables may have one tag: the first one's description is its. */
static json_t *tags_of(const struct api *api)
{
    json_t *tags = json_array(), *known = json_object();
    for (size_t i = 0; i < api->table_count; i++) {
        const struct api_table *table = api->tables[i];
        if (json_object_get(known, table->tag) == NULL)
            json_array_append_new(
                tags, json_pack("{s:s, s:s}", "name", table->tag, "description", table->description));
        json_object_set_new(known, table->tag, json_true());
    }
    json_decref(known);
    return tags;
}

json_t *openapi_document(const struct api *api)
{
    json_t *tags = tags_of(api);
    json_t *schemas = json_copy(api->components);
    json_object_set_new(schemas, "error",
                        json_pack("{s:s, s:{s:{s:s}, s:{s:s}}}", "type", "object", "properties", "code",
                                  "type", "string", "message", "type", "string"));
    return json_pack(
        "{s:s, s:{s:s, s:s, s:s}, s:[{s:s}], s:o, s:[{s:[]}, {s:[]}], s:o, s:{s:o, s:{s:{s:s, s:s}, "
        "s:{s:s, s:s}}}}",
        "openapi", "3.0.3", "info", "title", "Varve", "version", VARVE_VERSION, "description",
        "The HTTP API of the Varve broker; paths and shapes of EMQX's API v5 where both have them.",
        "servers", "url", "/", "tags", tags, "security", "key", "token", "paths", paths(api), "components",
        "schemas", schemas, "securitySchemes", "key", "type", "http", "scheme", "basic", "token", "type",
        "http", "scheme", "bearer");
}

static void show(struct api_request *request)
{
    api_reply_json(request, 200, openapi_document(request->api));
}

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/api/v5/openapi.json",
     .handle = show,
     .access = API_PUBLIC,
     .summary = "This description",
     .answer = API_ANY},
};

const struct api_table openapi_table = {
    .tag = "Description",
    .description = "What the API is",
    .routes = routes,
    .count = LENGTH(routes),
};
