/* From CONNECT to an identity: see authenticate.h.
 *
 * In this order: a verified certificate, if its name is to be the user; an enhanced method (SCRAM-SHA-256); a token;
 * a password; nobody. What a client presents must be right: a wrong password is not made up for by the right to come
 * anonymously. */
#include "broker/events_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>

#define SCRAM_METHOD    "SCRAM-SHA-256"
#define CERT_NAME_BYTES 256
#define REASON_BYTES    160
#define ADDRESS_OF(c)   ((c)->channel.peer)

enum auth_kind { AUTH_BY_PASSWORD, AUTH_BY_TOKEN, AUTH_SCRAM_LOOKUP };

/* One check on a worker. Inputs are copies; results are read on the reactor after the mail. */
struct auth_request {
    struct worker_job job; /* first */
    struct mail mail;
    struct reactor *home;
    struct connection *connection; /* the home's thread; NULL: it has gone */
    atomic_bool cancelled;         /* likewise, for the worker: nobody waits for the answer */
    struct broker *broker;
    struct access *access;
    struct settings *settings;
    enum auth_kind kind;
    char *username;
    char *secret; /* password or token */
    size_t secret_len;
    char *client_id;
    /* Results. */
    uint8_t reason;
    char why[REASON_BYTES]; /* for the log */
    struct identity identity;
    struct scram_credentials scram;
    bool scram_real;
};

void identity_free(struct identity *identity)
{
    username_free(identity->username, identity->in_catalog);
    for (size_t i = 0; i < identity->rule_count; i++)
        acl_rule_free(&identity->rules[i]);
    mem_free(identity->rules);
    buf_free(&identity->auth_data);
    *identity = (struct identity){0};
}

static void request_free(struct auth_request *request)
{
    if (request->secret != NULL)
        mem_wipe(request->secret, request->secret_len);
    mem_free(request->secret);
    mem_free(request->username);
    mem_free(request->client_id);
    identity_free(&request->identity);
    mem_wipe(&request->scram, sizeof(request->scram));
    access_unref(request->access);
    settings_unref(request->settings);
    mem_free(request);
}

void authenticate_cancel(struct auth_request *request)
{
    if (request == NULL)
        return;
    request->connection = NULL;
    atomic_store_explicit(&request->cancelled, true, memory_order_relaxed);
}

/* ---- On a worker ----------------------------------------------------------------------------------------- */

static void refuse(struct auth_request *request, uint8_t reason, const char *why)
{
    request->reason = reason;
    snprintf(request->why, sizeof(request->why), "%s", why);
}

static void check_password(struct auth_request *request)
{
    struct catalog_user user = {0};
    struct error err;
    bool known = catalog_user_get(request->broker->catalog, str_of(request->username), &user, &err);
    if (!known && err.code != ERR_NOT_FOUND) {
        refuse(request, MQTT_SERVER_UNAVAILABLE, err.text);
        return;
    }
    /* Unknown users cost the same work. */
    bool right =
        password_verify(known ? user.password_hash : NULL, str_make(request->secret, request->secret_len));
    if (known && right) {
        request->identity.username = login_username(&user);
        request->identity.in_catalog = true;
        request->identity.superuser = user.superuser;
    } else {
        refuse(request, MQTT_BAD_CREDENTIALS, known ? "wrong password" : "unknown user");
    }
    catalog_user_free(&user);
}

static void take_claims(struct auth_request *request, struct jwt_claims *claims)
{
    struct identity *identity = &request->identity;
    identity->username = mem_strdup_or_null(claims->username);
    identity->superuser = claims->superuser;
    identity->expires_s = claims->expires_s;
    if (!claims->has_acl)
        return;
    /* The token's own rules, then a last one that denies: a token that lists permissions gives no others. */
    identity->rules = mem_zalloc((claims->acl_count + 1) * sizeof(*identity->rules));
    for (size_t i = 0; i < claims->acl_count; i++) {
        struct acl_rule *rule = &identity->rules[identity->rule_count++];
        rule->allow = claims->acl[i].allow;
        rule->publish = claims->acl[i].publish;
        rule->subscribe = claims->acl[i].subscribe;
        rule->topics = mem_alloc(sizeof(*rule->topics));
        rule->topics[0] = mem_strdup(claims->acl[i].topic);
        rule->topic_count = 1;
    }
    identity->rules[identity->rule_count++] = (struct acl_rule){.publish = true, .subscribe = true};
}

static void check_token(struct auth_request *request)
{
    struct jwt_claims claims = {0};
    struct error err;
    if (!jwt_verify(request->access->jwt_keys, str_make(request->secret, request->secret_len),
                    &request->settings->auth.jwt, clock_wall_ms() / 1000, &claims, &err)) {
        if (err.code == ERR_NOT_FOUND)
            atomic_store(&request->broker->jwks_wanted, true); /* a key that the set may have by now */
        refuse(request, MQTT_BAD_CREDENTIALS, err.text);
        return;
    }
    if (claims.client_id != NULL && strcmp(claims.client_id, request->client_id) != 0)
        refuse(request, MQTT_BAD_CREDENTIALS, "the token is for another client id");
    else
        take_claims(request, &claims);
    jwt_claims_free(&claims);
}

static void look_up_scram(struct auth_request *request)
{
    struct catalog_user user = {0};
    struct error err;
    bool known = catalog_user_get(request->broker->catalog, str_of(request->username), &user, &err);
    if (!known && err.code != ERR_NOT_FOUND) {
        refuse(request, MQTT_SERVER_UNAVAILABLE, err.text);
        return;
    }
    request->scram_real = known && user.has_scram;
    if (request->scram_real) {
        request->scram.iterations = user.scram_iterations;
        memcpy(request->scram.salt, user.scram_salt, sizeof(request->scram.salt));
        memcpy(request->scram.stored_key, user.scram_stored_key, sizeof(request->scram.stored_key));
        memcpy(request->scram.server_key, user.scram_server_key, sizeof(request->scram.server_key));
        request->identity.username = login_username(&user);
        request->identity.in_catalog = true;
        request->identity.superuser = user.superuser;
    } else {
        scram_fake_credentials(request->broker->scram_fake_key, str_of(request->username), &request->scram);
        request->identity.username = mem_strdup(request->username);
    }
    catalog_user_free(&user);
}

static void work(struct worker_job *job)
{
    struct auth_request *request = (struct auth_request *)job;
    /* A queue of logins whose clients have hung up must not delay those who wait, nor the broker's end. */
    if (!atomic_load_explicit(&request->cancelled, memory_order_relaxed)) {
        switch (request->kind) {
        case AUTH_BY_PASSWORD: check_password(request); break;
        case AUTH_BY_TOKEN: check_token(request); break;
        case AUTH_SCRAM_LOOKUP: look_up_scram(request); break;
        }
    }
    reactor_post(request->home, &request->mail);
}

/* ---- Back on the reactor --------------------------------------------------------------------------------- */

static enum auth_step fail(struct connection *connection, uint8_t reason, const char *why)
{
    struct shard *shard = shard_of_channel(&connection->channel);
    char peer[CHANNEL_PEER_BYTES];
    channel_peer_text(&connection->channel, peer);
    COUNT(shard, auth_failures, 1);
    if (shard_may_log(shard, LOG_LEVEL_WARNING))
        LOG_WARNING("client refused", LOG_TEXT("peer", peer), LOG_TEXT("reason", mqtt_reason_text(reason)),
                    LOG_TEXT("why", why));
    if (connection->state != CONNECTION_OPEN && event_wanted(shard, EVENT_AUTHN))
        event_authn(connection, reason);
    connection_fail(connection, reason, NULL); /* the client is not told more */
    return AUTH_REFUSED;
}

static void send_auth(struct connection *connection, uint8_t reason, struct str data)
{
    struct shard *shard = shard_of_channel(&connection->channel);
    struct mqtt_properties properties;
    mqtt_properties_init(&properties);
    properties.has = UINT64_C(1) << MQTT_PROP_AUTH_METHOD | UINT64_C(1) << MQTT_PROP_AUTH_DATA;
    properties.auth_method = STR(SCRAM_METHOD);
    properties.auth_data = data;
    buf_reset(&shard->scratch);
    mqtt_encode_auth(&shard->scratch, reason, &properties);
    connection_send(connection, &shard->scratch);
}

static struct scram_server **scram_of(struct connection *connection)
{
    struct connection_extras *extras = connection_extras(connection);
    return extras->setup != NULL ? &extras->setup->scram : &extras->scram;
}

static struct auth_request **request_of(struct connection *connection)
{
    struct connection_extras *extras = connection_extras(connection);
    return extras->setup != NULL ? &extras->setup->request : &extras->reauth;
}

/* NULL: the session is open, the client is known already. */
static struct identity *identity_of(struct connection *connection)
{
    struct setup *setup = connection_extras(connection)->setup;
    return setup != NULL ? &setup->identity : NULL;
}

/* The user's keys are known: the challenge goes out. */
static enum auth_step challenge(struct connection *connection, struct auth_request *request)
{
    struct buf message = {0};
    scram_server_challenge(*scram_of(connection), &request->scram, request->scram_real, &message);
    send_auth(connection, MQTT_CONTINUE_AUTHENTICATION, buf_str(&message));
    buf_free(&message);
    return AUTH_MORE;
}

static void come_home(struct reactor *reactor, struct mail *mail)
{
    struct auth_request *request = CONTAINER_OF(mail, struct auth_request, mail);
    struct connection *connection = request->connection;
    if (reactor == NULL || connection == NULL) {
        request_free(request);
        return;
    }
    *request_of(connection) = NULL;
    enum auth_step step = AUTH_DONE;
    if (request->reason != MQTT_SUCCESS)
        step = fail(connection, request->reason, request->why);
    else if (request->kind == AUTH_SCRAM_LOOKUP)
        step = challenge(connection, request);
    if (identity_of(connection) != NULL) {
        identity_free(identity_of(connection));
        *identity_of(connection) = request->identity;
        request->identity = (struct identity){0};
    }
    request_free(request);
    authenticate_finished(connection, step);
}

static enum auth_step submit(struct connection *connection, enum auth_kind kind, struct str username,
                             struct str secret, struct str client_id)
{
    struct shard *shard = shard_of_channel(&connection->channel);
    struct auth_request *request = mem_zalloc(sizeof(*request));
    request->job.run = work;
    request->mail.run = come_home;
    request->home = shard->reactor;
    atomic_init(&request->cancelled, false);
    request->connection = connection;
    request->broker = shard->broker;
    request->access = access_ref(shard->access);
    request->settings = settings_ref(shard->settings);
    request->kind = kind;
    request->username = str_dup(username);
    request->client_id = str_dup(client_id);
    request->secret = mem_dup(secret.data, secret.len);
    request->secret_len = secret.len;
    struct error err;
    if (!worker_pool_submit(shard->broker->workers, &request->job, &err)) {
        request_free(request);
        return fail(connection, MQTT_SERVER_BUSY, err.text);
    }
    *request_of(connection) = request;
    return AUTH_PENDING;
}

/* ---- SCRAM ----------------------------------------------------------------------------------------------- */

static enum auth_step scram_first(struct connection *connection, const struct mqtt_properties *properties,
                                  struct str client_id)
{
    struct scram_server **scram = scram_of(connection);
    struct str username;
    struct error err;
    scram_server_free(*scram);
    *scram = scram_server_new();
    if (!scram_server_first(*scram, properties->auth_data, &username, &err))
        return fail(connection, MQTT_NOT_AUTHORIZED, err.text);
    bool again = identity_of(connection) == NULL;
    if (again && !str_equal(username, str_of(connection->username))) /* the session stays that user's */
        return fail(connection, MQTT_NOT_AUTHORIZED, "re-authentication as another user");
    return submit(connection, AUTH_SCRAM_LOOKUP, username, STR(""), client_id);
}

static enum auth_step scram_last(struct connection *connection, const struct mqtt_properties *properties)
{
    struct scram_server **scram = scram_of(connection);
    struct buf message = {0};
    struct error err;
    bool right = scram_server_final(*scram, properties->auth_data, &message, &err);
    scram_server_free(*scram);
    *scram = NULL;
    if (!right) {
        buf_free(&message);
        return fail(connection, MQTT_NOT_AUTHORIZED, err.text);
    }
    if (identity_of(connection) != NULL) {
        identity_of(connection)->enhanced = true;
        identity_of(connection)->auth_data = message; /* goes out with CONNACK */
    } else {
        send_auth(connection, MQTT_SUCCESS, buf_str(&message));
        buf_free(&message);
    }
    return AUTH_DONE;
}

static bool method_is_scram(const struct mqtt_properties *properties)
{
    return MQTT_HAS(properties, MQTT_PROP_AUTH_METHOD) && str_is(properties->auth_method, SCRAM_METHOD);
}

enum auth_step authenticate_continue(struct connection *connection, const struct mqtt_disconnect *auth)
{
    if (auth->reason != MQTT_CONTINUE_AUTHENTICATION || *scram_of(connection) == NULL ||
        *request_of(connection) != NULL)
        return fail(connection, MQTT_PROTOCOL_ERROR, "an AUTH packet that was not asked for");
    if (!method_is_scram(&auth->properties)) /* [MQTT-4.12.0-5] */
        return fail(connection, MQTT_PROTOCOL_ERROR, "another authentication method than in CONNECT");
    return scram_last(connection, &auth->properties);
}

enum auth_step authenticate_again(struct connection *connection, const struct mqtt_disconnect *auth)
{
    if (!connection->enhanced || *request_of(connection) != NULL || !method_is_scram(&auth->properties))
        return fail(connection, MQTT_PROTOCOL_ERROR, "re-authentication without the method of CONNECT");
    return scram_first(connection, &auth->properties, session_client_id(connection->session));
}

/* ---- CONNECT --------------------------------------------------------------------------------------------- */

/* What is written for the listener or for the broker; negative: nothing. */
static int anonymous_choice(const struct listener_state *listener, const struct settings *settings)
{
    return listener->allow_anonymous != LISTENER_ANONYMOUS_AS_BROKER ? listener->allow_anonymous
                                                                     : settings->auth.allow_anonymous;
}

bool authenticate_anonymous_by_default(const struct listener_state *listener, const struct settings *settings,
                                       const struct access *access)
{
    return anonymous_choice(listener, settings) < 0 && listener->local &&
           !access_has_credentials(access, settings);
}

bool authenticate_anonymous_allowed(const struct listener_state *listener, const struct settings *settings,
                                    const struct access *access)
{
    return anonymous_choice(listener, settings) > 0 ||
           authenticate_anonymous_by_default(listener, settings, access);
}

/* The name in the certificate that is to be the user. Certificates are verified by TLS already. */
static bool certificate_name(const struct connection *connection, enum certificate_user from, char *out,
                             size_t cap)
{
    switch (from) {
    case CERTIFICATE_USER_CN: return channel_cert_common_name(&connection->channel, out, cap);
    case CERTIFICATE_USER_SAN: return channel_cert_alt_name(&connection->channel, 0, out, cap);
    case CERTIFICATE_USER_NONE: break;
    }
    return false;
}

/* Three parts in base64url, of which the first begins as every JSON object's does ("e" for the brace): a password with
 * two dots in it is still a password. */
static bool looks_like_token(struct str text)
{
    unsigned dots = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool in_alphabet = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                           c == '-' || c == '_';
        if (c != '.' && !in_alphabet)
            return false;
        dots += c == '.';
    }
    return dots == 2 && text.data[0] == 'e';
}

/* What authenticate_start() could not see: CONNECT need not name who then proves to be somebody, and a ban may come
 * in between. */
bool authenticate_banned(struct connection *connection, struct str client_id)
{
    struct shard *shard = shard_of_channel(&connection->channel);
    if (access_banned(shard->access, client_id, str_of(connection->username), ADDRESS_OF(connection),
                      reactor_wall_ms(shard->reactor)) == NULL)
        return false;
    fail(connection, MQTT_BANNED, "banned");
    return true;
}

static enum auth_step by_credentials(struct connection *connection, const struct mqtt_connect *connect,
                                     const struct listener_state *listener)
{
    struct shard *shard = shard_of_channel(&connection->channel);
    const struct auth_settings *auth = &shard->settings->auth;
    struct str token = auth->jwt_source == JWT_FROM_PASSWORD ? connect->password : connect->username;
    if (shard->access->jwt_keys != NULL && looks_like_token(token))
        return submit(connection, AUTH_BY_TOKEN, connect->username, token, connect->client_id);
    bool anonymous = authenticate_anonymous_allowed(listener, shard->settings, shard->access);
    if (connect->has_username && auth->password && (shard->access->users.count > 0 || !anonymous))
        return submit(connection, AUTH_BY_PASSWORD, connect->username, connect->password, connect->client_id);
    if (anonymous && !access_has_credentials(shard->access, shard->settings))
        return AUTH_DONE; /* nobody is known: whatever name it gives is not checked, and not believed */
    if (anonymous && !connect->has_username && !connect->has_password)
        return AUTH_DONE;
    return fail(connection, connect->has_username ? MQTT_BAD_CREDENTIALS : MQTT_NOT_AUTHORIZED,
                connect->has_username ? "password authentication is off" : "no user name or password");
}

enum auth_step authenticate_start(struct connection *connection, const struct mqtt_connect *connect)
{
    struct shard *shard = shard_of_channel(&connection->channel);
    const struct listener_state *listener = listener_user(channel_listener(&connection->channel));
    const struct settings *settings = shard->settings;
    struct str username = connect->has_username ? connect->username : STR("");
    if (access_banned(shard->access, connect->client_id, username, ADDRESS_OF(connection),
                      reactor_wall_ms(shard->reactor)) != NULL)
        return fail(connection, MQTT_BANNED, "banned");
    char name[CERT_NAME_BYTES];
    if (certificate_name(connection, settings->auth.certificate_user, name, sizeof(name))) {
        if (access_banned(shard->access, connect->client_id, str_of(name), ADDRESS_OF(connection),
                          reactor_wall_ms(shard->reactor)) != NULL)
            return fail(connection, MQTT_BANNED, "banned");
        identity_of(connection)->username = mem_strdup(name);
        return AUTH_DONE;
    }
    if (MQTT_HAS(&connect->properties, MQTT_PROP_AUTH_METHOD)) {
        if (!method_is_scram(&connect->properties) || !settings->auth.scram)
            return fail(connection, MQTT_BAD_AUTH_METHOD, "authentication method not offered");
        return scram_first(connection, &connect->properties, connect->client_id);
    }
    return by_credentials(connection, connect, listener);
}
