/* Who asks, and may he?
 *
 *     Authorization: Basic base64(key:secret)   DIR/admin.key, or an API key of the catalog
 *     Authorization: Bearer <token>             from POST /api/v5/login; the user's role is looked up at each request
 *
 *     Cookie with X-Varve-Session               a session of a page from the same: login_session.c
 *
 * A cookie alone proves nothing, and there is no `WWW-Authenticate: Basic`, which would make browsers ask for a password and
 * send it along from any page: so no page of others can make a browser use somebody's rights.
 *
 * Secrets of keys are random and long, so a plain SHA-256 of them is kept, and compared in constant time; also where there is no
 * such key. */
#include "api/api_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/catalog.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define CREDENTIALS_BYTES_MAX 2048

void secret_hash_of(struct str text, uint8_t out[SHA256_HASH_BYTES])
{
    unsigned written = 0;
    if (EVP_Digest(text.data, text.len, out, &written, EVP_sha256(), NULL) == 1 &&
        written == SHA256_HASH_BYTES)
        return;
    LOG_ERROR("the cryptographic library fails", LOG_TEXT("operation", "SHA-256"));
    abort();
}

static const char *const role_names[] = {"", "administrator", "viewer", "publisher", "consumer"};

enum api_role role_of(const char *name)
{
    for (enum api_role role = API_ROLE_ADMINISTRATOR; role <= API_ROLE_CONSUMER; role++) {
        if (strcmp(name, role_names[role]) == 0)
            return role;
    }
    return API_ROLE_NONE;
}

const char *role_name(enum api_role role)
{
    return role_names[role];
}

/* ---- The Host header ------------------------------------------------------------------------------------- */

struct str access_host_name(struct str host)
{
    if (host.len > 0 && host.data[0] == '[') {
        const char *end = memchr(host.data, ']', host.len);
        return end != NULL ? str_make(host.data + 1, (size_t)(end - host.data) - 1) : host;
    }
    const char *colon = memchr(host.data, ':', host.len);
    return colon != NULL ? str_make(host.data, (size_t)(colon - host.data)) : host;
}

bool access_host_ok(const struct api *api, const char *host)
{
    if (!api->loopback || host == NULL) /* no browser leaves it out */
        return true;
    struct str name = access_host_name(str_of(host));
    struct in_addr address;
    char text[INET_ADDRSTRLEN];
    snprintf(text, sizeof(text), "%.*s", (int)(name.len < sizeof(text) ? name.len : 0), name.data);
    if (str_equal_nocase(name, STR("localhost")) || str_is(name, "::1") ||
        (inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == 127))
        return true;
    for (size_t i = 0; i < api->options.host_count; i++) {
        if (str_equal_nocase(name, str_of(api->options.hosts[i])))
            return true;
    }
    return false;
}

void request_address(const struct api_request *request, char out[ADDRESS_TEXT_BYTES])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info != NULL ? info->client_addr : NULL;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    out[0] = '\0';
    if (address != NULL && address->sa_family == AF_INET) {
        memcpy(&in, address, sizeof(in));
        inet_ntop(AF_INET, &in.sin_addr, out, ADDRESS_TEXT_BYTES);
    } else if (address != NULL && address->sa_family == AF_INET6) {
        memcpy(&in6, address, sizeof(in6));
        inet_ntop(AF_INET6, &in6.sin6_addr, out, ADDRESS_TEXT_BYTES);
    }
}

/* ---- Proofs ---------------------------------------------------------------------------------------------- */

static bool refuse(struct api_request *request, const char *code, const char *text)
{
    struct api *api = request->api;
    atomic_fetch_add_explicit(&api->counters.refused, 1, memory_order_relaxed);
    api_reply_header(request, "WWW-Authenticate", "Bearer realm=\"varve\"");
    api_reply_error(request, 401, code, "%s", text);
    return false;
}

static void set_caller(struct api_request *request, enum api_role role, enum api_proof proof,
                       const char *name)
{
    struct caller *caller = &request->caller;
    snprintf(caller->name, sizeof(caller->name), "%s", name);
    caller->face.role = role;
    caller->face.proof = proof;
}

static bool hash_equal(const uint8_t a[SHA256_HASH_BYTES], const uint8_t b[SHA256_HASH_BYTES])
{
    return str_equal_secret(str_make(a, SHA256_HASH_BYTES), str_make(b, SHA256_HASH_BYTES));
}

/* An API key of the catalog. */
static bool check_key(struct api_request *request, struct str name, struct str secret)
{
    static const uint8_t nobody[SHA256_HASH_BYTES];
    struct catalog_api_key key = {0};
    uint8_t hash[SHA256_HASH_BYTES];
    struct error err;
    bool known = catalog_api_key_get(request->api->catalog, name, &key, &err);
    if (!known && err.code != ERR_NOT_FOUND) {
        api_reply_failure(request, &err);
        return false;
    }
    secret_hash_of(secret, hash);
    bool right = hash_equal(hash, known ? key.secret_hash : nobody) && known;
    bool valid = right && key.enabled && (key.expires_ms == 0 || key.expires_ms > clock_wall_ms());
    if (valid)
        set_caller(request, role_of(key.role), API_PROOF_KEY, key.name);
    if (known)
        catalog_api_key_free(&key);
    return valid || refuse(request, "BAD_API_KEY_OR_SECRET",
                           "there is no such API key, its secret is another, or it is disabled or expired");
}

static bool check_basic(struct api_request *request, struct str encoded)
{
    char text[CREDENTIALS_BYTES_MAX];
    uint8_t hash[SHA256_HASH_BYTES];
    int64_t len = encoded.len < sizeof(text) ? base64_decode(encoded, text, false) : -1;
    struct str secret = str_make(text, len > 0 ? (size_t)len : 0), name;
    if (len <= 0 || !str_next(&secret, ':', &name) || secret.data == NULL)
        return refuse(request, "BAD_API_KEY_OR_SECRET", "Authorization: Basic needs base64 of key:secret");
    secret_hash_of(str_make(text, (size_t)len), hash);
    bool machine = hash_equal(hash, request->api->machine_hash);
    bool ok = true;
    if (machine)
        set_caller(request, API_ROLE_ADMINISTRATOR, API_PROOF_MACHINE, "admin.key");
    else
        ok = check_key(request, name, secret);
    mem_wipe(text, sizeof(text));
    return ok;
}

/* The user of a token that is right. */
static bool check_user(struct api_request *request, const char *username)
{
    struct catalog_dashboard_user user;
    struct error err;
    if (catalog_dashboard_user_get(request->api->catalog, str_of(username), &user, &err)) {
        set_caller(request, role_of(user.role), API_PROOF_TOKEN, username);
        catalog_dashboard_user_free(&user);
        return true;
    }
    if (err.code != ERR_NOT_FOUND) {
        api_reply_failure(request, &err);
        return false;
    }
    return refuse(request, "BAD_TOKEN", "the user has been deleted");
}

static bool check_bearer(struct api_request *request, struct str token)
{
    char username[CALLER_NAME_BYTES];
    if (!tokens_check(request->api->tokens, token, TOKEN_OF_BEARER, clock_mono_ms(), username,
                      request->caller.token_hash))
        return refuse(request, "BAD_TOKEN", "the token is unknown or has expired: log in again");
    return check_user(request, username);
}

static bool check_session(struct api_request *request)
{
    char username[CALLER_NAME_BYTES];
    if (!login_session_check(request, username))
        return refuse(request, "BAD_TOKEN", "the session is unknown or has expired: log in again");
    return check_user(request, username);
}

static bool prove(struct api_request *request)
{
    const char *header = api_header(request, "Authorization");
    struct str rest = str_of(header), scheme;
    if (header == NULL && login_session_is_claimed(request))
        return check_session(request);
    if (header == NULL)
        return refuse(request, "UNAUTHORIZED",
                      "this needs Authorization: Basic (an API key) or Bearer (a token)");
    str_next(&rest, ' ', &scheme);
    rest = str_trim(rest);
    if (str_equal_nocase(scheme, STR("Basic")))
        return check_basic(request, rest);
    if (str_equal_nocase(scheme, STR("Bearer")))
        return check_bearer(request, rest);
    return refuse(request, "UNAUTHORIZED", "Authorization is Basic (an API key) or Bearer (a token)");
}

static bool role_may(enum api_role role, enum api_access access)
{
    switch (access) {
    case API_PUBLIC: return true;
    case API_ANY_ROLE: return role != API_ROLE_NONE;
    case API_READ: return role == API_ROLE_ADMINISTRATOR || role == API_ROLE_VIEWER;
    case API_READ_STATIONS:
        return role == API_ROLE_ADMINISTRATOR || role == API_ROLE_VIEWER || role == API_ROLE_CONSUMER;
    case API_CONSUME: return role == API_ROLE_ADMINISTRATOR || role == API_ROLE_CONSUMER;
    case API_PUBLISH: return role == API_ROLE_ADMINISTRATOR || role == API_ROLE_PUBLISHER;
    case API_ADMINISTER: break;
    }
    return role == API_ROLE_ADMINISTRATOR;
}

/* What Prometheus reads is open, as EMQX's is, unless it is configured otherwise. */
static enum api_access access_of(const struct api_request *request)
{
    const struct api_route *route = request->match.entry->route;
    return route->figures && request->api->options.metrics_need_key ? API_READ : route->access;
}

bool access_admit(struct api_request *request)
{
    enum api_access access = access_of(request);
    if (access == API_PUBLIC)
        return true;
    if (!prove(request))
        return false;
    if (role_may(request->caller.face.role, access))
        return true;
    api_reply_error(request, 403, "UNAUTHORIZED_ROLE", "the role %s may not do this",
                    role_name(request->caller.face.role));
    return false;
}
