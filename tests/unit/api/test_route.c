/* From a method, a path and a query to a route with checked values. */
#include "api/api_internal.h"
#include "harness.h"

#include "base/mem.h"

static void nothing(struct api_request *request)
{
    (void)request;
}

static const char *const colours[] = {"red", "green", NULL};

static const struct api_param params[] = {
    {.name = "n", .type = API_INTEGER, .description = "", .min = 1, .max = 9},
    {.name = "any", .type = API_INTEGER, .description = ""},
    {.name = "flag", .type = API_BOOLEAN, .description = ""},
    {.name = "when", .type = API_TIME, .description = ""},
    {.name = "colour", .type = API_STRING, .description = "", .choices = colours},
    {.name = "id", .type = API_STRING, .description = "", .many = true},
    {.name = NULL},
};

static const struct api_param needed[] = {
    {.name = "need", .type = API_STRING, .description = "", .required = true},
    {.name = NULL},
};

#define ROUTE(m, p, list)                                                       \
    {                                                                           \
        .method = m, .path = p, .handle = nothing, .summary = p, .params = list \
    }

static const struct api_route routes[] = {
    ROUTE(API_GET, "/clients", params),
    ROUTE(API_GET, "/clients/{id}", NULL),
    ROUTE(API_DELETE, "/clients/{id}", NULL),
    ROUTE(API_POST, "/clients/{id}/{verb}", NULL),
    ROUTE(API_POST, "/clients/kickout/bulk", NULL),
    ROUTE(API_POST, "/clients/{id}/bulk", NULL),
    ROUTE(API_GET, "/topics/{topic*}", needed),
    ROUTE(API_GET, "/topics/{one}/count", NULL),
    ROUTE(API_GET, "/{file*}", NULL),
};

static struct api *table_of_routes(void)
{
    struct api *api = mem_zalloc(sizeof(*api));
    api->entry_count = LENGTH(routes);
    api->entries = mem_zalloc(LENGTH(routes) * sizeof(*api->entries));
    for (size_t i = 0; i < LENGTH(routes); i++)
        api->entries[i].route = &routes[i];
    return api;
}

static void free_table(struct api *api)
{
    mem_free(api->entries);
    mem_free(api);
}

static const struct {
    enum api_method method;
    const char *path;
    const char *route; /* NULL: none */
    const char *value; /* of its first parameter */
} found[] = {
    {API_GET, "/clients", "/clients", NULL},
    {API_GET, "/clients/a", "/clients/{id}", "a"},
    {API_GET, "/clients/a%2Fb%20c", "/clients/{id}", "a/b c"},
    {API_GET, "/clients/%F0%9F%90%9F", "/clients/{id}", "\xF0\x9F\x90\x9F"},
    {API_GET, "/clients/a+b", "/clients/{id}", "a+b"},
    {API_DELETE, "/clients/a", "/clients/{id}", "a"},
    {API_POST, "/clients/kickout/bulk", "/clients/kickout/bulk", NULL},
    {API_POST, "/clients/kickout/now", "/clients/{id}/{verb}", "kickout"},
    {API_POST, "/clients/a/bulk", "/clients/{id}/bulk", "a"},
    {API_POST, "/clients/a/b/c", NULL, NULL},
    {API_GET, "/topics/a/b/c", "/topics/{topic*}", "a/b/c"},
    {API_GET, "/topics/a%2Fb/", "/topics/{topic*}", "a/b/"},
    {API_GET, "/topics/a/count", "/topics/{one}/count", "a"},
    {API_GET, "/topics/a/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18", "/topics/{topic*}",
     "a/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18"},
    {API_GET, "/", "/{file*}", ""},
    {API_GET, "/clients/", "/{file*}", "clients/"},
    {API_GET, "/index.html", "/{file*}", "index.html"},
    {API_POST, "/index.html", NULL, NULL},
};

static void test_the_most_literal_route_is_found(void **state)
{
    (void)state;
    struct api *api = table_of_routes();
    TABLE_EACH(row, found)
    {
        struct arena arena = {0};
        struct api_match match;
        struct error err;
        bool ok = route_find(api, row->method, str_of(row->path), &arena, &match, &err);
        CHECK(ok, "%s", row->path);
        CHECK((match.entry == NULL) == (row->route == NULL), "%s", row->path);
        if (match.entry != NULL)
            CHECK(strcmp(match.entry->route->path, row->route) == 0, "%s: %s", row->path,
                  match.entry->route->path);
        if (row->value != NULL)
            CHECK(match.value_count > 0 && strcmp(match.values[0].value, row->value) == 0, "%s: %s",
                  row->path, match.values[0].value);
        arena_free(&arena);
    }
    free_table(api);
}

static void test_a_path_without_the_method_tells_which_it_has(void **state)
{
    (void)state;
    struct api *api = table_of_routes();
    struct arena arena = {0};
    struct api_match match;
    struct error err;
    api->entry_count--; /* without the one for everything */
    ASSERT_OK(route_find(api, API_PUT, STR("/clients/a"), &arena, &match, &err), err);
    assert_null(match.entry);
    assert_int_equal(match.allowed, 1u << API_GET | 1u << API_DELETE);
    ASSERT_OK(route_find(api, API_PUT, STR("/nothing"), &arena, &match, &err), err);
    assert_int_equal(match.allowed, 0);
    arena_free(&arena);
    free_table(api);
}

static void test_a_path_that_does_not_decode_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"/clients/%",   "/clients/%4",  "/clients/%zz",
                                      "/clients/%00", "/clients/%ff", "/clients/a%C0%AF"};
    struct api *api = table_of_routes();
    TABLE_EACH(row, bad)
    {
        struct arena arena = {0};
        struct api_match match;
        struct error err = {0};
        bool ok = route_find(api, API_GET, str_of(*row), &arena, &match, &err);
        CHECK(!ok && err.code == ERR_INVALID, "%s", *row);
        arena_free(&arena);
    }
    free_table(api);
}

static const struct {
    const char *query;
    const char *error; /* NULL: it is fine */
} checked[] = {
    {"", NULL},
    {"n=9&any=-5&flag=true&when=2026-01-01T00:00:00Z&colour=red", NULL},
    {"id=a&id=b%26c&&id=", NULL},
    {"when=1700000000000", NULL},
    {"n=0", "query parameter n: is from 1 to 9"},
    {"n=10", "query parameter n: is from 1 to 9"},
    {"n=99999999999999999999", "query parameter n: is a whole number"},
    {"n=", "query parameter n: is a whole number"},
    {"n", "query parameter n: is a whole number"},
    {"n=1.5", "query parameter n: is a whole number"},
    {"flag=maybe", "query parameter flag: is true or false"},
    {"when=soon", "query parameter when: is a time as RFC 3339, or milliseconds"},
    {"colour=blue", "query parameter colour: is one of red, green"},
    {"flag=true&flag=false", "query parameter flag is given twice"},
    {"colur=red", "there is no query parameter colur here"},
    {"n=%", "the query \"n=%\" is not percent-encoded UTF-8"},
    {"n=%00", "the query \"n=%00\" is not percent-encoded UTF-8"},
};

static void test_a_query_is_checked_against_the_parameters(void **state)
{
    (void)state;
    TABLE_EACH(row, checked)
    {
        struct arena arena = {0};
        struct api_value values[QUERY_VALUES_MAX];
        size_t count;
        struct error err = {0};
        bool ok = query_split(str_of(row->query), &arena, values, &count, &err) &&
                  query_check(&routes[0], values, count, &err);
        CHECK(ok == (row->error == NULL), "%s: %s", row->query, err.text);
        if (row->error != NULL)
            CHECK(strcmp(err.text, row->error) == 0, "%s: %s", row->query, err.text);
        arena_free(&arena);
    }
}

static void test_a_required_parameter_is_asked_for(void **state)
{
    (void)state;
    struct error err;
    const struct api_value given = {.name = "need", .value = "", .len = 0};
    ASSERT_FAILS(query_check(&routes[6], NULL, 0, &err), err, ERR_INVALID);
    assert_string_equal(err.text, "query parameter need is missing");
    ASSERT_OK(query_check(&routes[6], &given, 1, &err), err);
}

static void test_a_plus_is_a_space_in_a_query_and_itself_in_a_path(void **state)
{
    (void)state;
    struct arena arena = {0};
    size_t len;
    assert_string_equal(percent_decode(&arena, STR("a+b%2Bc"), true, &len), "a b+c");
    assert_int_equal(len, 5);
    assert_string_equal(percent_decode(&arena, STR("a+b%2Bc"), false, NULL), "a+b+c");
    arena_free(&arena);
}

static void test_the_number_of_query_parameters_is_bounded(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct api_value values[QUERY_VALUES_MAX];
    struct buf query = {0};
    size_t count;
    struct error err;
    for (int i = 0; i < QUERY_VALUES_MAX; i++)
        buf_append_str(&query, STR("id=1&"));
    ASSERT_OK(query_split(buf_str(&query), &arena, values, &count, &err), err);
    assert_int_equal(count, QUERY_VALUES_MAX);
    buf_append_str(&query, STR("id=1"));
    ASSERT_FAILS(query_split(buf_str(&query), &arena, values, &count, &err), err, ERR_LIMIT);
    buf_free(&query);
    arena_free(&arena);
}

RUN_TESTS(cmocka_unit_test(test_the_most_literal_route_is_found),
          cmocka_unit_test(test_a_path_without_the_method_tells_which_it_has),
          cmocka_unit_test(test_a_path_that_does_not_decode_is_refused),
          cmocka_unit_test(test_a_query_is_checked_against_the_parameters),
          cmocka_unit_test(test_a_required_parameter_is_asked_for),
          cmocka_unit_test(test_a_plus_is_a_space_in_a_query_and_itself_in_a_path),
          cmocka_unit_test(test_the_number_of_query_parameters_is_bounded))
