/* Users of MQTT clients, as EMQX has them under its authenticator "password_based:built_in_database". They are those of
 * `varve user`. */
#include "api/api_internal.h"

#include "base/mem.h"
#include "broker/credentials.h"
#include "catalog/catalog.h"

static const char user_schema[] = "{'type':'object','required':['user_id'],'properties':{'user_id':{'type':'"
                                  "string'},'is_superuser':{'type':'boolean'}}}";

static const struct api_component components[] = {{"mqtt_user", user_schema}};

static json_t *user_json(const struct catalog_user *user)
{
    return json_pack("{s:s, s:b}", "user_id", user->username, "is_superuser", user->superuser);
}

/* The one authenticator there is; else the request has its reply. */
static bool known_authenticator(struct api_request *request)
{
    if (str_is(api_path(request, "id"), "password_based:built_in_database"))
        return true;
    api_reply_error(request, 404, "NOT_FOUND",
                    "there is one authenticator, password_based:built_in_database");
    return false;
}

struct listing {
    const struct api_request *request;
    struct api_lister lister;
};

static bool list_one(const struct catalog_user *user, void *arg)
{
    struct listing *listing = arg;
    const char *like = api_query(listing->request, "like_user_id");
    int superuser = api_query_bool(listing->request, "is_superuser");
    if ((like != NULL && strstr(user->username, like) == NULL) ||
        (superuser >= 0 && (superuser == 1) != user->superuser))
        return true;
    if (api_lister_want(&listing->lister))
        api_lister_add(&listing->lister, user_json(user));
    return true;
}

static void list(struct api_request *request)
{
    struct listing listing = {.request = request};
    struct error err;
    if (!known_authenticator(request))
        return;
    listing.lister = api_lister(request);
    if (catalog_user_each(api_catalog(request), list_one, &listing, &err)) {
        api_lister_reply(request, &listing.lister);
        return;
    }
    api_lister_drop(&listing.lister);
    api_reply_failure(request, &err);
}

static void create(struct api_request *request)
{
    json_t *body = api_body(request);
    const char *name = json_string_value(json_object_get(body, "user_id"));
    struct catalog_user user = {.superuser = json_is_true(json_object_get(body, "is_superuser"))};
    struct error err;
    if (!known_authenticator(request) || !name_ok(request, "user_id", name))
        return;
    user.username = mem_strdup(name);
    if (user_set_password(&user, str_of(json_string_value(json_object_get(body, "password"))), &err) &&
        catalog_user_put(api_catalog(request), &user, true, &err))
        api_reply_json(request, 201, user_json(&user));
    else
        api_reply_failure(request, &err);
    catalog_user_free(&user);
}

/* The user of the path; else the request has its reply. */
static bool find(struct api_request *request, struct catalog_user *user)
{
    struct error err;
    if (!known_authenticator(request))
        return false;
    if (catalog_user_get(api_catalog(request), api_path(request, "user_id"), user, &err))
        return true;
    api_reply_failure(request, &err);
    return false;
}

static void show(struct api_request *request)
{
    struct catalog_user user;
    if (!find(request, &user))
        return;
    api_reply_json(request, 200, user_json(&user));
    catalog_user_free(&user);
}

static void update(struct api_request *request)
{
    struct catalog_user user;
    struct error err;
    json_t *password = json_object_get(api_body(request), "password");
    json_t *superuser = json_object_get(api_body(request), "is_superuser");
    if (!find(request, &user))
        return;
    if (superuser != NULL)
        user.superuser = json_is_true(superuser);
    if ((password == NULL || user_set_password(&user, str_of(json_string_value(password)), &err)) &&
        catalog_user_put(api_catalog(request), &user, false, &err))
        api_reply_json(request, 200, user_json(&user));
    else
        api_reply_failure(request, &err);
    catalog_user_free(&user);
}

static void remove_user(struct api_request *request)
{
    struct error err;
    if (!known_authenticator(request))
        return;
    if (catalog_user_delete(api_catalog(request), api_path(request, "user_id"), &err))
        api_reply_none(request);
    else
        api_reply_failure(request, &err);
}

static void authenticators(struct api_request *request)
{
    api_reply_json(request, 200,
                   json_pack("[{s:s, s:s, s:s, s:s, s:b}]", "id", "password_based:built_in_database",
                             "mechanism", "password_based", "backend", "built_in_database", "user_id_type",
                             "username", "enable", 1));
}

static const struct api_param list_params[] = {
    API_PAGE_PARAMS,
    {.name = "like_user_id", .type = API_STRING, .description = "a part of the name"},
    {.name = "is_superuser", .type = API_BOOLEAN, .description = "whether no rule applies to them"},
    {.name = NULL},
};

#define USER "{'$ref':'#/components/schemas/mqtt_user'}"
#define PASSWORD \
    "'password':{'type':'string','minLength':1,'maxLength':1024},'is_superuser':{'type':'boolean'}"
#define PREFIX "/api/v5/authentication/{id}/users"

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/api/v5/authentication",
     .handle = authenticators,
     .access = API_READ,
     .summary = "The ways that users of the catalog log in",
     .description = "Tokens and certificates are in the configuration alone.",
     .answer = "{'type':'array','items':{'type':'object','properties':{'id':{'type':'string'},"
               "'backend':{'type':'string'},'mechanism':{'type':'string'},'user_id_type':{'type':'string'},'"
               "enable':{'type':'boolean'}}}}"},
    {.method = API_GET,
     .path = PREFIX,
     .handle = list,
     .access = API_READ,
     .summary = "Users of MQTT clients",
     .params = list_params,
     .answer =
         "{'type':'object','properties':{'data':{'type':'array','items':" USER "},'meta':" API_META "}}",
     .errors = "404 NOT_FOUND"},
    {.method = API_POST,
     .path = PREFIX,
     .handle = create,
     .access = API_ADMINISTER,
     .summary = "Creates a user; the broker knows it within a second",
     .body = "{'type':'object','required':['user_id','password'],'additionalProperties':false,'properties':{"
             "'user_id':{'type':'string','minLength':1,'maxLength':1024}," PASSWORD "}}",
     .answer = USER,
     .status = 201,
     .errors = "404 NOT_FOUND; 409 ALREADY_EXISTS"},
    {.method = API_GET,
     .path = PREFIX "/{user_id}",
     .handle = show,
     .access = API_READ,
     .summary = "One user",
     .answer = USER,
     .errors = "404 NOT_FOUND"},
    {.method = API_PUT,
     .path = PREFIX "/{user_id}",
     .handle = update,
     .access = API_ADMINISTER,
     .summary = "Changes a password, or whether rules apply",
     .body = "{'type':'object','additionalProperties':false,'properties':{" PASSWORD "}}",
     .answer = USER,
     .errors = "404 NOT_FOUND"},
    {.method = API_DELETE,
     .path = PREFIX "/{user_id}",
     .handle = remove_user,
     .access = API_ADMINISTER,
     .summary = "Deletes a user; connections that are open stay",
     .errors = "404 NOT_FOUND"},
};

const struct api_table mqtt_users_table = {
    .tag = "MQTT users",
    .description = "Who may connect with a password",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
};
