/* The description of the API is whole, and is OpenAPI 3. */
#include "api/http_test.h"

#include <ctype.h>

static int start(void **state)
{
    struct http_site *site = mem_zalloc(sizeof(*site));
    http_site_start(site, NULL);
    *state = site;
    return 0;
}

static int end(void **state)
{
    http_site_end(*state);
    mem_free(*state);
    return 0;
}

/* The path as OpenAPI writes it. */
static const char *openapi_path(const char *path, char out[256])
{
    size_t n = 0;
    for (; *path != '\0' && n < 255; path++) {
        if (*path != '*')
            out[n++] = *path;
    }
    out[n] = '\0';
    return out;
}

static json_t *operation_of(json_t *document, const struct api_route *route)
{
    static const char *const methods[] = {"get", "post", "put", "delete"};
    char path[256];
    json_t *item = json_object_get(json_object_get(document, "paths"), openapi_path(route->path, path));
    return json_object_get(item, methods[route->method]);
}

static void test_every_route_is_described(void **state)
{
    struct http_site *site = *state;
    json_t *document = openapi_document(site->api), *ids = json_object();
    for (size_t i = 0; i < site->api->entry_count; i++) {
        const struct api_route *route = site->api->entries[i].route;
        json_t *operation = operation_of(document, route);
        CHECK(operation != NULL, "%s %s", method_name(route->method), route->path);
        const char *id = json_string_value(json_object_get(operation, "operationId"));
        const char *summary = json_string_value(json_object_get(operation, "summary"));
        CHECK(summary != NULL && summary[0] != '\0', "%s", route->path);
        CHECK(id != NULL && json_object_get(ids, id) == NULL, "%s: %s", route->path, id);
        json_object_set_new(ids, id, json_true());
        json_t *responses = json_object_get(operation, "responses");
        CHECK(json_object_size(responses) > 0, "%s", route->path);
        bool open = route->access == API_PUBLIC;
        CHECK(open == (json_object_get(operation, "security") != NULL), "%s", route->path);
        CHECK((route->body != NULL || route->raw_body != NULL) ==
                  (json_object_get(operation, "requestBody") != NULL),
              "%s", route->path);
    }
    json_decref(ids);
    json_decref(document);
}

/* Parameters in the path are declared, and no others. */
static void test_every_parameter_of_a_path_is_declared(void **state)
{
    struct http_site *site = *state;
    json_t *document = openapi_document(site->api), *item, *operation, *parameter;
    const char *path, *method;
    json_object_foreach(json_object_get(document, "paths"), path, item)
    {
        size_t in_path = 0;
        for (const char *c = path; *c != '\0'; c++)
            in_path += *c == '{';
        json_object_foreach(item, method, operation)
        {
            size_t declared = 0, i;
            json_array_foreach(json_object_get(operation, "parameters"), i, parameter)
            {
                const char *name = json_string_value(json_object_get(parameter, "name"));
                bool of_path = strcmp(json_string_value(json_object_get(parameter, "in")), "path") == 0;
                char braced[100];
                snprintf(braced, sizeof(braced), "{%s}", name);
                CHECK(!of_path || strstr(path, braced) != NULL, "%s: %s", path, name);
                CHECK(json_is_object(json_object_get(parameter, "schema")), "%s: %s", path, name);
                CHECK(json_string_length(json_object_get(parameter, "description")) > 0, "%s: %s", path,
                      name);
                declared += of_path;
            }
            CHECK(declared == in_path, "%s %s", method, path);
        }
    }
    json_decref(document);
}

static void check_references(json_t *components, json_t *value)
{
    static const char prefix[] = "#/components/schemas/";
    const char *name;
    json_t *member;
    size_t i;
    json_object_foreach(value, name, member)
    {
        if (strcmp(name, "$ref") == 0) {
            const char *reference = json_string_value(member);
            CHECK(strncmp(reference, prefix, sizeof(prefix) - 1) == 0 &&
                      json_object_get(components, reference + sizeof(prefix) - 1) != NULL,
                  "%s", reference);
        }
        check_references(components, member);
    }
    json_array_foreach(value, i, member)
    {
        check_references(components, member);
    }
}

static void test_every_reference_leads_somewhere(void **state)
{
    struct http_site *site = *state;
    json_t *document = openapi_document(site->api);
    check_references(json_object_get(json_object_get(document, "components"), "schemas"), document);
    json_decref(document);
}

/* What OpenAPI 3.0 asks of every document; a schema has one of its types, or says what else it is. */
static void check_schema(json_t *schema, const char *where)
{
    static const char *const types[] = {"object", "array", "string", "integer", "number", "boolean"};
    const char *type = json_string_value(json_object_get(schema, "type")), *name;
    json_t *member;
    size_t i;
    CHECK(json_is_object(schema), "%s", where);
    static const char *const several[] = {"oneOf", "anyOf", "allOf"};
    bool known = json_object_get(schema, "$ref") != NULL;
    TABLE_EACH(key, several)
    {
        json_array_foreach(json_object_get(schema, *key), i, member)
        {
            check_schema(member, where);
            known = true;
        }
    }
    for (i = 0; i < LENGTH(types); i++)
        known = known || (type != NULL && strcmp(type, types[i]) == 0);
    CHECK(known, "%s: %s", where, type != NULL ? type : "no type");
    if (type != NULL && strcmp(type, "array") == 0)
        check_schema(json_object_get(schema, "items"), where);
    json_object_foreach(json_object_get(schema, "properties"), name, member)
    {
        check_schema(member, name);
    }
    json_array_foreach(json_object_get(schema, "required"), i, member)
    {
        CHECK(json_object_get(json_object_get(schema, "properties"), json_string_value(member)) != NULL,
              "%s: %s", where, json_string_value(member));
    }
}

static void check_content(json_t *holder, const char *where)
{
    const char *type;
    json_t *media;
    json_object_foreach(json_object_get(holder, "content"), type, media)
    {
        check_schema(json_object_get(media, "schema"), where);
    }
}

static void test_the_document_is_openapi_3(void **state)
{
    struct http_site *site = *state;
    json_t *document = openapi_document(site->api), *item, *operation, *response, *schema, *tag,
           *tags = json_object();
    const char *path, *method, *status, *name;
    size_t i;
    assert_string_equal(json_string_value(json_object_get(document, "openapi")), "3.0.3");
    json_t *info = json_object_get(document, "info");
    assert_non_null(json_string_value(json_object_get(info, "title")));
    assert_non_null(json_string_value(json_object_get(info, "version")));
    json_array_foreach(json_object_get(document, "tags"), i, tag)
    {
        const char *text = json_string_value(json_object_get(tag, "name"));
        CHECK(json_object_get(tags, text) == NULL, "%s twice", text);
        json_object_set_new(tags, text, json_true());
    }
    json_object_foreach(json_object_get(json_object_get(document, "components"), "schemas"), name, schema)
    {
        check_schema(schema, name);
    }
    json_object_foreach(json_object_get(document, "paths"), path, item)
    {
        CHECK(path[0] == '/', "%s", path);
        json_object_foreach(item, method, operation)
        {
            const char *of = json_string_value(json_array_get(json_object_get(operation, "tags"), 0));
            CHECK(of != NULL && json_object_get(tags, of) != NULL, "%s: %s", path, of);
            check_content(json_object_get(operation, "requestBody"), path);
            json_object_foreach(json_object_get(operation, "responses"), status, response)
            {
                CHECK(strlen(status) == 3 && isdigit((unsigned char)status[0]), "%s: %s", path, status);
                CHECK(json_string_length(json_object_get(response, "description")) > 0, "%s: %s", path,
                      status);
                check_content(response, path);
            }
        }
    }
    json_decref(tags);
    json_decref(document);
}

static void test_it_is_served_without_a_key(void **state)
{
    struct http_site *site = *state;
    struct buf answer = {0};
    assert_int_equal(http_ask(site, "GET", "/api/v5/openapi.json", "", NULL, &answer), 200);
    json_t *served = http_json(&answer), *made = openapi_document(site->api);
    assert_true(json_equal(served, made));
    json_decref(served);
    json_decref(made);
    buf_free(&answer);
}

#define SITE(test) cmocka_unit_test_setup_teardown(test, start, end)

RUN_TESTS(SITE(test_every_route_is_described), SITE(test_every_parameter_of_a_path_is_declared),
          SITE(test_every_reference_leads_somewhere), SITE(test_the_document_is_openapi_3),
          SITE(test_it_is_served_without_a_key))
