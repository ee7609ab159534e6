/* Sessions of the dashboard: a login that a page keeps over a reload without keeping a secret where its scripts could read it.
 *
 *     POST /api/v5/login {"username","password","session":true}
 *         Set-Cookie: varve_18083=<token>; Path=/api/v5; HttpOnly; SameSite=Strict     no script reads it
 *         {"session":"<page key>", …}                                                   the page sends it along
 *     any request:  Cookie and X-Varve-Session: <page key>
 *
 * A session needs both halves. The cookie alone is worth nothing: browsers send it to every port of this machine and with any
 * request to it, but only a page of this very origin has the key and may send the header, since no answer allows other origins
 * anything (CORS). The key alone is worth nothing either. It is an HMAC of the token with a key of this process, so neither half
 * tells the other, and the token of a cookie is not taken as a bearer token. Decision 0022 says why. */
#include "api/api_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "catalog/catalog.h"

#include <stdio.h>

#define COOKIE_NAME_BYTES    32
#define PAGE_KEY_HEADER      "X-Varve-Session"
#define INITIAL_PASSWORD     "initial_password" /* kind of the object that marks a user */
#define INITIAL_PASSWORD_SET STR("{}")

/* Cookies do not know ports: two brokers on one machine have two names. */
static void cookie_name(const struct api *api, char out[COOKIE_NAME_BYTES])
{
    const char *port = strrchr(api->address, ':');
    snprintf(out, COOKIE_NAME_BYTES, "varve_%s", port != NULL ? port + 1 : "0");
}

static void set_cookie(struct api_request *request, const char *value, const char *life)
{
    char name[COOKIE_NAME_BYTES], text[COOKIE_NAME_BYTES + TOKEN_TEXT_BYTES + 100];
    cookie_name(request->api, name);
    snprintf(text, sizeof(text), "%s=%s; Path=/api/v5; HttpOnly; SameSite=Strict%s%s", name, value,
             request->api->tls ? "; Secure" : "", life);
    api_reply_header(request, "Set-Cookie", text);
    mem_wipe(text, sizeof(text));
}

void login_session_grant(struct api_request *request, const char *username, char page_key[TOKEN_TEXT_BYTES])
{
    char token[TOKEN_TEXT_BYTES];
    tokens_issue(request->api->tokens, username, TOKEN_OF_COOKIE, clock_mono_ms(), token);
    tokens_page_key(request->api->tokens, str_of(token), page_key);
    set_cookie(request, token, "");
    mem_wipe(token, sizeof(token));
}

void login_session_end(struct api_request *request)
{
    if (api_header(request, PAGE_KEY_HEADER) != NULL)
        set_cookie(request, "", "; Max-Age=0");
}

/* ---- Whether a request belongs to one -------------------------------------------------------------------- */

bool login_session_is_claimed(const struct api_request *request)
{
    return api_header(request, PAGE_KEY_HEADER) != NULL;
}

/* The page that asks, where the browser names it, is one of this server: it has the name that it asks for, or one of
 * listeners.http.hosts, for a proxy that asks under another. */
static bool origin_ok(const struct api_request *request)
{
    const char *origin = api_header(request, "Origin"), *host = api_header(request, "Host");
    const char *authority = origin != NULL ? strstr(origin, "://") : NULL;
    if (origin == NULL)
        return true;
    if (authority == NULL)
        return false; /* "null" */
    struct str from = str_of(authority + 3), name = access_host_name(from);
    if (host != NULL && str_equal_nocase(from, str_of(host)))
        return true;
    for (size_t i = 0; i < request->api->options.host_count; i++) {
        if (str_equal_nocase(name, str_of(request->api->options.hosts[i])))
            return true;
    }
    return false;
}

bool login_session_check(struct api_request *request, char username[CALLER_NAME_BYTES])
{
    char name[COOKIE_NAME_BYTES], expected[TOKEN_TEXT_BYTES];
    cookie_name(request->api, name);
    const char *token = MHD_lookup_connection_value(request->connection, MHD_COOKIE_KIND, name);
    const char *given = api_header(request, PAGE_KEY_HEADER);
    if (token == NULL || strlen(token) >= TOKEN_TEXT_BYTES || !origin_ok(request))
        return false;
    tokens_page_key(request->api->tokens, str_of(token), expected);
    return str_equal_secret(str_of(given), str_of(expected)) &&
           tokens_check(request->api->tokens, str_of(token), TOKEN_OF_COOKIE, clock_mono_ms(), username,
                        request->caller.token_hash);
}

/* ---- The password that was printed ----------------------------------------------------------------------- */

struct search {
    const char *username;
    bool found;
};

static bool compare_mark(const struct catalog_object *object, void *arg)
{
    struct search *search = arg;
    search->found = str_equal(object->id, str_of(search->username));
    return !search->found;
}

bool initial_password_is_set(struct catalog *catalog, const char *username)
{
    struct search search = {.username = username};
    return catalog_object_each(catalog, INITIAL_PASSWORD, compare_mark, &search, NULL) && search.found;
}

bool initial_password_mark(struct catalog *catalog, const char *username, struct error *err)
{
    const struct catalog_object mark = {.id = str_of(username),
                                        .object = INITIAL_PASSWORD_SET,
                                        .created_ms = clock_wall_ms(),
                                        .modified_ms = clock_wall_ms()};
    return catalog_object_create(catalog, INITIAL_PASSWORD, &mark, err);
}

bool initial_password_unmark(struct catalog *catalog, const char *username, struct error *err)
{
    struct error own = {0};
    if (catalog_object_delete(catalog, INITIAL_PASSWORD, str_of(username), &own) || own.code == ERR_NOT_FOUND)
        return true;
    if (err != NULL)
        *err = own;
    return false;
}

/* ---- GET /session ---------------------------------------------------------------------------------------- */

static void show(struct api_request *request)
{
    const struct api_caller *caller = api_caller(request);
    bool user = caller->proof == API_PROOF_TOKEN;
    json_t *out = json_pack("{s:s, s:s, s:s}", user ? "username" : "key", caller->name, "role",
                            role_name(caller->role), "version", VARVE_VERSION);
    if (user)
        json_object_set_new(out, "initial_password",
                            json_boolean(initial_password_is_set(api_catalog(request), caller->name)));
    api_reply_json(request, 200, out);
}

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/api/v5/session",
     .handle = show,
     .access = API_ANY_ROLE,
     .summary = "Who asks",
     .description = "username of a dashboard user, or key of an API key. initial_password tells that the "
                    "user still has the "
                    "password that the first start has printed.",
     .answer = "{'type':'object','required':['role','version'],'properties':{'username':{'type':'string'},"
               "'key':{'type':'string'},'role':{'type':'string','enum':['administrator','viewer','publisher',"
               "'consumer']},'version':{'type':'string'},'initial_password':{'type':'boolean'}}}"},
};

const struct api_table login_session_table = {
    .tag = "Session",
    .description = "Who asks",
    .routes = routes,
    .count = LENGTH(routes),
};
