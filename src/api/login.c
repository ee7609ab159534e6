/* Users of the dashboard: log in, log out, and who there is.
 *
 * A login costs an argon2id, so few are checked at once, and failures are limited: five a minute for one user from one
 * address, sixty for one address. A wrong name costs what a wrong password costs. */
#include "api/api_internal.h"

#include "auth/auth.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/catalog.h"

#include <stdio.h>

#define LOGINS_AT_ONCE 2

static const char user_schema[] =
    "{'type':'object','required':['username','role'],'properties':{'username':{'type':'string'},"
    "'role':{'type':'string','enum':['administrator','viewer']},'description':{'type':'string'},"
    "'backend':{'type':'string','enum':['local']}}}";

#define USERNAME "{'type':'string','minLength':1,'maxLength':200}"
#define PASSWORD "{'type':'string','minLength':8,'maxLength':200}"
#define ROLE     "{'type':'string','enum':['administrator','viewer'],'default':'viewer'}"
#define TEXT     "{'type':'string','maxLength':1000}"

static const struct api_component components[] = {{"dashboard_user", user_schema}};

static const char *text_of(json_t *body, const char *name)
{
    return json_string_value(json_object_get(body, name));
}

bool name_ok(struct api_request *request, const char *what, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F) {
            api_reply_error(request, 400, "BAD_REQUEST", "%s: holds a control character", what);
            return false;
        }
    }
    return true;
}

static json_t *user_json(const struct catalog_dashboard_user *user)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "username", user->username, "role", user->role, "description",
                     user->description != NULL ? user->description : "", "backend", "local");
}

/* ---- Log in, log out ------------------------------------------------------------------------------------- */

/* False: the password is wrong, or the request has its reply because the catalog failed (then user is empty). */
static bool verify(struct api_request *request, const char *username, const char *password,
                   struct catalog_dashboard_user *user)
{
    struct error err;
    *user = (struct catalog_dashboard_user){0};
    bool known = catalog_dashboard_user_get(api_catalog(request), str_of(username), user, &err);
    if (!known && err.code != ERR_NOT_FOUND) {
        api_reply_failure(request, &err);
        return false;
    }
    return password_verify(known ? user->password_hash : NULL, str_of(password));
}

static void refuse_login(struct api_request *request, const char *username, const char *address)
{
    struct api *api = request->api;
    login_limit_failed(api->login_limit, str_of(address), str_of(username), clock_mono_ms());
    atomic_fetch_add_explicit(&api->counters.refused, 1, memory_order_relaxed);
    pthread_mutex_lock(&api->log_lock);
    if (log_quota_take(&api->log_quota, clock_mono_ms()))
        LOG_WARNING("dashboard login refused", LOG_TEXT("username", username), LOG_TEXT("address", address));
    pthread_mutex_unlock(&api->log_lock);
    api_reply_error(request, 401, "BAD_USERNAME_OR_PWD", "user name or password is wrong");
}

static void check_login(struct api_request *request, const char *username, const char *address)
{
    struct catalog_dashboard_user user;
    bool right = verify(request, username, text_of(api_body(request), "password"), &user);
    if (request->response == NULL && !right)
        refuse_login(request, username, address);
    if (right) {
        bool session = json_is_true(json_object_get(api_body(request), "session"));
        char secret[TOKEN_TEXT_BYTES];
        if (session)
            login_session_grant(request, user.username, secret);
        else
            tokens_issue(request->api->tokens, user.username, TOKEN_OF_BEARER, clock_mono_ms(), secret);
        api_reply_json(request, 200,
                       json_pack("{s:s, s:s, s:s, s:s, s:{s:s}, s:b}", session ? "session" : "token", secret,
                                 "username", user.username, "role", user.role, "version", VARVE_VERSION,
                                 "license", "edition", "opensource", "initial_password",
                                 initial_password_is_set(api_catalog(request), user.username)));
        mem_wipe(secret, sizeof(secret));
        LOG_INFO("dashboard login", LOG_TEXT("username", user.username), LOG_TEXT("address", address));
    }
    catalog_dashboard_user_free(&user);
}

static void login(struct api_request *request)
{
    struct api *api = request->api;
    const char *username = text_of(api_body(request), "username");
    char address[ADDRESS_TEXT_BYTES];
    request_address(request, address);
    if (!login_limit_allows(api->login_limit, str_of(address), str_of(username), clock_mono_ms())) {
        api_reply_header(request, "Retry-After", "60");
        api_reply_error(request, 429, "TOO_MANY_REQUESTS", "too many failed logins: try again in a minute");
    } else if (atomic_fetch_add(&api->logins, 1) >= LOGINS_AT_ONCE) {
        atomic_fetch_sub(&api->logins, 1);
        api_reply_header(request, "Retry-After", "1");
        api_reply_error(request, 429, "TOO_MANY_REQUESTS", "too many logins at once: try again");
    } else {
        check_login(request, username, address);
        atomic_fetch_sub(&api->logins, 1);
    }
}

static void logout(struct api_request *request)
{
    if (api_caller(request)->proof == API_PROOF_TOKEN)
        tokens_drop(request->api->tokens, request->caller.token_hash);
    login_session_end(request);
    api_reply_none(request);
}

/* ---- Users ----------------------------------------------------------------------------------------------- */

static bool list_one(const struct catalog_dashboard_user *user, void *arg)
{
    json_array_append_new(arg, user_json(user));
    return true;
}

static void list(struct api_request *request)
{
    json_t *all = json_array();
    struct error err;
    if (catalog_dashboard_user_each(api_catalog(request), list_one, all, &err)) {
        api_reply_json(request, 200, all);
        return;
    }
    json_decref(all);
    api_reply_failure(request, &err);
}

static void create(struct api_request *request)
{
    json_t *body = api_body(request);
    const char *role = text_of(body, "role");
    char hash[PASSWORD_HASH_BYTES];
    struct catalog_dashboard_user user = {
        .username = (char *)text_of(body, "username"),
        .password_hash = hash,
        .role = (char *)(role != NULL ? role : "viewer"),
        .description = (char *)text_of(body, "description"),
    };
    struct error err;
    if (!name_ok(request, "username", user.username))
        return;
    if (!password_hash(str_of(text_of(body, "password")), hash, &err) ||
        !catalog_dashboard_user_create(api_catalog(request), &user, &err)) {
        api_reply_failure(request, &err);
        return;
    }
    api_reply_json(request, 200, user_json(&user));
}

/* The user of the path; else the request has its reply. */
static bool find(struct api_request *request, struct catalog_dashboard_user *user)
{
    struct error err;
    if (catalog_dashboard_user_get(api_catalog(request), api_path(request, "username"), user, &err))
        return true;
    if (err.code == ERR_NOT_FOUND)
        api_reply_error(request, 404, "USER_NOT_FOUND", "%s", err.text);
    else
        api_reply_failure(request, &err);
    return false;
}

static bool count_administrator(const struct catalog_dashboard_user *user, void *arg)
{
    *(unsigned *)arg += strcmp(user->role, "administrator") == 0;
    return true;
}

/* Whether somebody else can still administer when this user does not any more; else the request has its reply. */
static bool others_administer(struct api_request *request, const struct catalog_dashboard_user *user)
{
    unsigned count = 0;
    struct error err;
    if (!catalog_dashboard_user_each(api_catalog(request), count_administrator, &count, &err)) {
        api_reply_failure(request, &err);
        return false;
    }
    if (count > 1 || strcmp(user->role, "administrator") != 0)
        return true;
    api_reply_error(request, 400, "NOT_ALLOWED", "%s is the last administrator", user->username);
    return false;
}

static void replace(char **text, const char *with)
{
    mem_free(*text);
    *text = with != NULL ? mem_strdup(with) : NULL;
}

static void update(struct api_request *request)
{
    struct catalog_dashboard_user user;
    struct error err;
    json_t *body = api_body(request);
    const char *role = text_of(body, "role");
    if (!find(request, &user))
        return;
    if (role == NULL || strcmp(role, "administrator") == 0 || others_administer(request, &user)) {
        if (role != NULL)
            replace(&user.role, role);
        if (text_of(body, "description") != NULL)
            replace(&user.description, text_of(body, "description"));
        if (catalog_dashboard_user_update(api_catalog(request), &user, &err))
            api_reply_json(request, 200, user_json(&user));
        else
            api_reply_failure(request, &err);
    }
    catalog_dashboard_user_free(&user);
}

static void remove_user(struct api_request *request)
{
    struct catalog_dashboard_user user;
    struct error err;
    const struct api_caller *caller = api_caller(request);
    if (!find(request, &user))
        return;
    if (caller->proof == API_PROOF_TOKEN && strcmp(caller->name, user.username) == 0) {
        api_reply_error(request, 400, "NOT_ALLOWED", "nobody deletes himself");
    } else if (others_administer(request, &user)) {
        if (initial_password_unmark(api_catalog(request), user.username, &err) &&
            catalog_dashboard_user_delete(api_catalog(request), str_of(user.username), &err)) {
            tokens_drop_user(request->api->tokens, user.username, NULL);
            api_reply_none(request);
        } else {
            api_reply_failure(request, &err);
        }
    }
    catalog_dashboard_user_free(&user);
}

/* Users change their own, and prove that they know the former; administrators' keys change any. */
static bool may_change(struct api_request *request, const struct catalog_dashboard_user *user)
{
    const struct api_caller *caller = api_caller(request);
    const char *former = text_of(api_body(request), "old_pwd");
    char address[ADDRESS_TEXT_BYTES];
    bool key = caller->proof != API_PROOF_TOKEN && caller->role == API_ROLE_ADMINISTRATOR;
    if (!key && strcmp(caller->name, user->username) != 0) {
        api_reply_error(request, 403, "NOT_ALLOWED", "users change their own password");
        return false;
    }
    if (key && former == NULL)
        return true;
    request_address(request, address);
    if (!login_limit_allows(request->api->login_limit, str_of(address), str_of(user->username),
                            clock_mono_ms())) {
        api_reply_error(request, 429, "TOO_MANY_REQUESTS", "too many failed logins: try again in a minute");
        return false;
    }
    if (former != NULL && password_verify(user->password_hash, str_of(former)))
        return true;
    login_limit_failed(request->api->login_limit, str_of(address), str_of(user->username), clock_mono_ms());
    api_reply_error(request, 400, "BAD_USERNAME_OR_PWD", "old_pwd is not the user's password");
    return false;
}

static void change_password(struct api_request *request)
{
    struct catalog_dashboard_user user;
    struct error err;
    char hash[PASSWORD_HASH_BYTES];
    if (!find(request, &user))
        return;
    if (may_change(request, &user)) {
        bool ok = password_hash(str_of(text_of(api_body(request), "new_pwd")), hash, &err);
        if (ok) {
            replace(&user.password_hash, hash);
            ok = catalog_dashboard_user_update(api_catalog(request), &user, &err) &&
                 initial_password_unmark(api_catalog(request), user.username, &err);
        }
        if (ok) {
            bool own = api_caller(request)->proof == API_PROOF_TOKEN;
            tokens_drop_user(request->api->tokens, user.username, own ? request->caller.token_hash : NULL);
            api_reply_none(request);
        } else {
            api_reply_failure(request, &err);
        }
    }
    catalog_dashboard_user_free(&user);
}

/* ---- The first one --------------------------------------------------------------------------------------- */

bool api_first_administrator(struct catalog *catalog, char password[API_PASSWORD_BYTES], struct error *err)
{
    uint64_t count = 0;
    char hash[PASSWORD_HASH_BYTES];
    password[0] = '\0';
    if (!catalog_dashboard_user_count(catalog, &count, err))
        return false;
    if (count > 0)
        return true;
    password_generate(password, 16);
    const struct catalog_dashboard_user admin = {
        .username = (char *)"admin", .password_hash = hash, .role = (char *)"administrator"};
    bool ok = password_hash(str_of(password), hash, err) &&
              initial_password_unmark(catalog, admin.username, err) &&
              initial_password_mark(catalog, admin.username, err) &&
              catalog_dashboard_user_create(catalog, &admin, err);
    if (!ok)
        mem_wipe(password, API_PASSWORD_BYTES);
    return ok;
}

/* ---- Routes ---------------------------------------------------------------------------------------------- */

static const struct api_route routes[] = {
    {.method = API_POST,
     .path = "/api/v5/login",
     .handle = login,
     .access = API_PUBLIC,
     .summary = "A token for a user's name and password",
     .description =
         "The token is sent as Authorization: Bearer. It lives for an hour after its last use. With session "
         "there is "
         "no token: an HttpOnly cookie is set, and session, which the page sends along as X-Varve-Session.",
     .body = "{'type':'object','required':['username','password'],'properties':{'username':{'type':'string',"
             "'maxLength':200},'password':{'type':'string','maxLength':200},'session':{'type':'boolean'}}}",
     .max_body_bytes = 4096,
     .answer =
         "{'type':'object','required':['username','role','version'],'properties':{'token':{'type':'string'},"
         "'session':{'type':'string'},'username':{'type':'string'},'role':{'type':'string','enum':"
         "['administrator','viewer']},'version':{'type':'string'},'license':{'type':'object','properties':"
         "{'edition':{'type':'string'}}},'initial_password':{'type':'boolean'}}}",
     .errors = "401 BAD_USERNAME_OR_PWD; 429 TOO_MANY_REQUESTS"},
    {.method = API_POST,
     .path = "/api/v5/logout",
     .handle = logout,
     .access = API_ANY_ROLE,
     .summary = "Ends the token that is sent with it",
     .raw_body = "*/*"},
    {.method = API_GET,
     .path = "/api/v5/users",
     .handle = list,
     .access = API_READ,
     .summary = "All users of the dashboard",
     .answer = "{'type':'array','items':{'$ref':'#/components/schemas/dashboard_user'}}"},
    {.method = API_POST,
     .path = "/api/v5/users",
     .handle = create,
     .access = API_ADMINISTER,
     .summary = "Creates a user of the dashboard",
     .body = "{'type':'object','required':['username','password'],'additionalProperties':false,'properties':{"
             "'username':" USERNAME ",'password':" PASSWORD ",'role':" ROLE ",'description':" TEXT "}}",
     .answer = "{'$ref':'#/components/schemas/dashboard_user'}",
     .errors = "409 ALREADY_EXISTS"},
    {.method = API_PUT,
     .path = "/api/v5/users/{username}",
     .handle = update,
     .access = API_ADMINISTER,
     .summary = "Changes role and description of a user",
     .body = "{'type':'object','additionalProperties':false,'properties':{'role':" ROLE ",'description':" TEXT
             ",'username':{'type':'string'},'backend':{'type':'string'}}}",
     .answer = "{'$ref':'#/components/schemas/dashboard_user'}",
     .errors = "400 NOT_ALLOWED; 404 USER_NOT_FOUND"},
    {.method = API_DELETE,
     .path = "/api/v5/users/{username}",
     .handle = remove_user,
     .access = API_ADMINISTER,
     .summary = "Deletes a user, and ends his logins",
     .errors = "400 NOT_ALLOWED; 404 USER_NOT_FOUND"},
    {.method = API_POST,
     .path = "/api/v5/users/{username}/change_pwd",
     .handle = change_password,
     .access = API_ANY_ROLE,
     .summary = "Changes a password; other logins of the user end",
     .description = "Users change their own and give the former one. An administrator's API key changes any, "
                    "without it.",
     .body = "{'type':'object','required':['new_pwd'],'additionalProperties':false,'properties':{"
             "'old_pwd':{'type':'string','maxLength':200},'new_pwd':" PASSWORD "}}",
     .max_body_bytes = 4096,
     .errors = "400 BAD_USERNAME_OR_PWD; 403 NOT_ALLOWED; 404 USER_NOT_FOUND; 429 TOO_MANY_REQUESTS"},
};

const struct api_table login_table = {
    .tag = "Dashboard users",
    .description = "Who logs in with name and password",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
};
