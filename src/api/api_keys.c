/* API keys: for programs. The secret is shown once, when the key is made; kept is its hash. */
#include "api/api_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "catalog/catalog.h"

#define KEY_BYTES    8
#define SECRET_BYTES 32

static const char key_schema[] =
    "{'type':'object','required':['name','api_key','enable','role'],'properties':{'name':{'type':'string'},'"
    "api_key':{'type':'string'},"
    "'enable':{'type':'boolean'},'expired_at':{'type':'string','description':'RFC 3339, or infinity'},"
    "'expired':{'type':'boolean'},'created_at':{'type':'string'},'desc':{'type':'string'},"
    "'role':{'type':'string','enum':['administrator','viewer','publisher','consumer']},"
    "'api_secret':{'type':'string','description':'in the answer to its creation alone'}}}";

static const struct api_component components[] = {{"api_key", key_schema}};

/* expired_at: RFC 3339, "infinity", or "undefined" for the same. */
#define SETTINGS                                                                                       \
    "'enable':{'type':'boolean','default':true},"                                                      \
    "'expired_at':{'oneOf':[{'type':'string'},{'type':'integer'}],'default':'infinity','description':" \
    "'RFC 3339, ms since 1970, or infinity'},'desc':{'type':'string','maxLength':1000},"               \
    "'role':{'type':'string','enum':['administrator','viewer','publisher','consumer'],'default':'"     \
    "administrator'}"

static json_t *key_json(const struct catalog_api_key *key)
{
    char created[CLOCK_TEXT_BYTES], expires[CLOCK_TEXT_BYTES] = "infinity";
    clock_format(key->created_ms, created);
    if (key->expires_ms != 0)
        clock_format(key->expires_ms, expires);
    return json_pack("{s:s, s:s, s:b, s:s, s:b, s:s, s:s, s:s}", "name", key->name, "api_key", key->key,
                     "enable", key->enabled, "expired_at", expires, "expired",
                     key->expires_ms != 0 && key->expires_ms <= clock_wall_ms(), "created_at", created,
                     "desc", key->description != NULL ? key->description : "", "role", key->role);
}

static bool list_one(const struct catalog_api_key *key, void *arg)
{
    json_array_append_new(arg, key_json(key));
    return true;
}

static void list(struct api_request *request)
{
    json_t *all = json_array();
    struct error err;
    if (catalog_api_key_each(api_catalog(request), list_one, all, &err)) {
        api_reply_json(request, 200, all);
        return;
    }
    json_decref(all);
    api_reply_failure(request, &err);
}

static void replace(char **text, const char *with)
{
    mem_free(*text);
    *text = mem_strdup(with);
}

/* False: the request has its reply. */
static bool take_settings(struct api_request *request, struct catalog_api_key *key)
{
    json_t *body = api_body(request), *value;
    struct error err;
    if ((value = json_object_get(body, "enable")) != NULL)
        key->enabled = json_is_true(value);
    if ((value = json_object_get(body, "role")) != NULL)
        replace(&key->role, json_string_value(value));
    if ((value = json_object_get(body, "desc")) != NULL)
        replace(&key->description, json_string_value(value));
    value = json_object_get(body, "expired_at");
    if (json_is_integer(value)) {
        key->expires_ms = json_integer_value(value);
    } else if (value != NULL) {
        struct str text = str_of(json_string_value(value));
        if (str_is(text, "infinity") || str_is(text, "undefined"))
            key->expires_ms = 0;
        else if (!clock_parse(text, &key->expires_ms, &err)) {
            api_reply_error(request, 400, "BAD_REQUEST", "expired_at: %s", err.text);
            return false;
        }
    }
    return true;
}

static void create(struct api_request *request)
{
    uint8_t id[KEY_BYTES], secret[SECRET_BYTES];
    char id_text[2 * KEY_BYTES + 1], secret_text[BASE64_BYTES(SECRET_BYTES)];
    struct catalog_api_key key = {0};
    struct error err;
    const char *name = json_string_value(json_object_get(api_body(request), "name"));
    if (!name_ok(request, "name", name))
        return;
    random_bytes(id, sizeof(id));
    random_bytes(secret, sizeof(secret));
    hex_encode(id, sizeof(id), id_text);
    size_t len = base64_encode(secret, sizeof(secret), secret_text, true);
    key.name = mem_strdup(name);
    key.key = mem_strdup(id_text);
    key.role = mem_strdup("administrator");
    key.enabled = true;
    key.created_ms = clock_wall_ms();
    secret_hash_of(str_make(secret_text, len), key.secret_hash);
    if (take_settings(request, &key)) {
        if (catalog_api_key_create(api_catalog(request), &key, &err)) {
            json_t *answer = key_json(&key);
            json_object_set_new(answer, "api_secret", json_stringn(secret_text, len));
            api_reply_json(request, 200, answer);
        } else {
            api_reply_failure(request, &err);
        }
    }
    catalog_api_key_free(&key);
    mem_wipe(secret, sizeof(secret));
    mem_wipe(secret_text, sizeof(secret_text));
}

/* The key of the path; else the request has its reply. */
static bool find(struct api_request *request, struct catalog_api_key *key)
{
    struct error err;
    if (catalog_api_key_get_name(api_catalog(request), api_path(request, "name"), key, &err))
        return true;
    api_reply_failure(request, &err);
    return false;
}

static void show(struct api_request *request)
{
    struct catalog_api_key key;
    if (!find(request, &key))
        return;
    api_reply_json(request, 200, key_json(&key));
    catalog_api_key_free(&key);
}

static void update(struct api_request *request)
{
    struct catalog_api_key key;
    struct error err;
    if (!find(request, &key))
        return;
    if (take_settings(request, &key)) {
        if (catalog_api_key_update(api_catalog(request), &key, &err))
            api_reply_json(request, 200, key_json(&key));
        else
            api_reply_failure(request, &err);
    }
    catalog_api_key_free(&key);
}

static void remove_key(struct api_request *request)
{
    struct error err;
    if (catalog_api_key_delete(api_catalog(request), api_path(request, "name"), &err))
        api_reply_none(request);
    else
        api_reply_failure(request, &err);
}

#define KEY_ANSWER "{'$ref':'#/components/schemas/api_key'}"

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/api/v5/api_key",
     .handle = list,
     .access = API_READ,
     .summary = "All API keys, without their secrets",
     .answer = "{'type':'array','items':" KEY_ANSWER "}"},
    {.method = API_POST,
     .path = "/api/v5/api_key",
     .handle = create,
     .access = API_ADMINISTER,
     .summary = "Creates an API key; its secret is shown this once",
     .body = "{'type':'object','required':['name'],'additionalProperties':false,'properties':{"
             "'name':{'type':'string','minLength':1,'maxLength':200}," SETTINGS "}}",
     .answer = KEY_ANSWER,
     .errors = "409 ALREADY_EXISTS"},
    {.method = API_GET,
     .path = "/api/v5/api_key/{name}",
     .handle = show,
     .access = API_READ,
     .summary = "One API key",
     .answer = KEY_ANSWER,
     .errors = "404 NOT_FOUND"},
    {.method = API_PUT,
     .path = "/api/v5/api_key/{name}",
     .handle = update,
     .access = API_ADMINISTER,
     .summary = "Changes what is given: enable, expired_at, desc, role",
     .body = "{'type':'object','additionalProperties':false,'properties':{" SETTINGS "}}",
     .answer = KEY_ANSWER,
     .errors = "404 NOT_FOUND"},
    {.method = API_DELETE,
     .path = "/api/v5/api_key/{name}",
     .handle = remove_key,
     .access = API_ADMINISTER,
     .summary = "Deletes an API key",
     .errors = "404 NOT_FOUND"},
};

const struct api_table api_key_table = {
    .tag = "API keys",
    .description = "For programs: Authorization: Basic base64(api_key:api_secret)",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
};
