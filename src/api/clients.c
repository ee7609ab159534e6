/* Clients: who is connected or has a session, and what an operator does to them. What they subscribe: subscriptions.c. */
#include "api/clients_internal.h"

#include "base/clock.h"
#include "broker/admin.h"

#include <stdio.h>

static const char client_schema[] =
    "{'type':'object','required':['clientid','connected','created_at'],'properties':{"
    "'clientid':{'type':'string'},'username':{'type':'string','nullable':true},'connected':{'type':'boolean'}"
    ","
    "'ip_address':{'type':'string'},'port':{'type':'integer'},'listener':{'type':'string','example':'tcp:"
    "default'},"
    "'proto_name':{'type':'string'},'proto_ver':{'type':'integer'},'keepalive':{'type':'integer'},"
    "'clean_start':{'type':'boolean'},'is_bridge':{'type':'boolean'},'is_superuser':{'type':'boolean'},"
    "'is_tls':{'type':'boolean'},"
    "'expiry_interval':{'type':'integer','description':'seconds; 4294967295: never'},"
    "'created_at':{'type':'string'},'connected_at':{'type':'string'},'disconnected_at':{'type':'string'},"
    "'subscriptions_cnt':{'type':'integer'},'subscriptions_max':{'oneOf':[{'type':'integer'},{'type':'string'"
    "}]},"
    "'inflight_cnt':{'type':'integer'},'inflight_max':{'type':'integer'},"
    "'mqueue_len':{'type':'integer'},'mqueue_bytes':{'type':'integer'},"
    "'mqueue_max':{'oneOf':[{'type':'integer'},{'type':'string'}]},"
    "'awaiting_rel_cnt':{'type':'integer'},'awaiting_rel_max':{'type':'integer'},'node':{'type':'string'}}}";

static const struct api_component components[] = {{"client", client_schema}};

/* ---- A client as JSON ------------------------------------------------------------------------------------ */

static void put_time(json_t *out, const char *name, int64_t wall_ms)
{
    char when[CLOCK_TEXT_BYTES];
    clock_format(wall_ms, when);
    json_object_set_new(out, name, json_string(when));
}

static void put_number(json_t *out, const char *name, uint64_t value)
{
    json_object_set_new(out, name, json_integer((json_int_t)value));
}

/* EMQX writes no limit as a text. */
static void put_limit(json_t *out, const char *name, uint64_t value)
{
    json_object_set_new(out, name, value > 0 ? json_integer((json_int_t)value) : json_string("infinity"));
}

/* "tcp.default" here, "tcp:default" there. */
static json_t *listener_text(struct str name)
{
    char out[80];
    snprintf(out, sizeof(out), "%.*s", (int)(name.len < sizeof(out) ? name.len : 0), name.data);
    char *dot = strchr(out, '.');
    if (dot != NULL)
        *dot = ':';
    return json_string(out);
}

static void put_connection(json_t *out, const struct admin_client *client)
{
    json_object_set_new(out, "ip_address", str_json(client->address));
    put_number(out, "port", client->port);
    json_object_set_new(out, "listener", listener_text(client->listener));
    json_object_set_new(out, "proto_name", json_string(client->version == 3 ? "MQIsdp" : "MQTT"));
    put_number(out, "proto_ver", client->version);
    put_number(out, "keepalive", client->keep_alive_s);
    json_object_set_new(out, "clean_start", json_boolean(client->clean_start));
    json_object_set_new(out, "is_bridge", json_boolean(client->bridge));
    json_object_set_new(out, "is_superuser", json_boolean(client->superuser));
    json_object_set_new(out, "is_tls", json_boolean(client->tls));
    put_time(out, "connected_at", client->connected_ms);
}

static json_t *client_json(const struct admin_client *client)
{
    json_t *out = json_object();
    json_object_set_new(out, "clientid", str_json(client->client_id));
    json_object_set_new(out, "username", client->username.len > 0 ? str_json(client->username) : json_null());
    json_object_set_new(out, "connected", json_boolean(client->connected));
    if (client->connected)
        put_connection(out, client);
    else if (client->left_ms != 0)
        put_time(out, "disconnected_at", client->left_ms);
    put_time(out, "created_at", client->created_ms);
    put_number(out, "expiry_interval", client->expiry_s);
    put_number(out, "subscriptions_cnt", client->subscriptions);
    put_limit(out, "subscriptions_max", client->subscriptions_max);
    put_number(out, "inflight_cnt", client->inflight);
    put_number(out, "inflight_max", client->inflight_max);
    put_number(out, "mqueue_len", client->queued);
    put_number(out, "mqueue_bytes", client->queued_bytes);
    put_limit(out, "mqueue_max", client->queued_max);
    put_number(out, "awaiting_rel_cnt", client->awaiting_rel);
    put_number(out, "awaiting_rel_max", client->awaiting_max);
    json_object_set_new(out, "node", json_string(NODE_NAME));
    return out;
}

/* ?fields=clientid,connected: no more than these. */
static json_t *only_fields(const struct api_request *request, json_t *client)
{
    struct str rest = str_of(api_query(request, "fields")), field;
    if (rest.data == NULL || str_is(rest, "all"))
        return client;
    json_t *out = json_object();
    while (str_next(&rest, ',', &field)) {
        char name[64];
        snprintf(name, sizeof(name), "%.*s", (int)(field.len < sizeof(name) ? field.len : 0), field.data);
        json_t *value = json_object_get(client, name);
        if (value != NULL)
            json_object_set(out, name, value);
    }
    json_decref(client);
    return out;
}

/* ---- The list -------------------------------------------------------------------------------------------- */

/* Whether the parameter is absent, or one of its values is the text. */
static bool one_of(const struct api_request *request, const char *name, struct str value)
{
    const char *wanted;
    bool given = false;
    for (size_t at = 0; (wanted = api_query_next(request, name, &at)) != NULL; given = true) {
        if (str_is(value, wanted))
            return true;
    }
    return !given;
}

static bool holds(const struct api_request *request, const char *name, struct str value)
{
    const char *wanted = api_query(request, name);
    return wanted == NULL || memmem(value.data, value.len, wanted, strlen(wanted)) != NULL;
}

/* Whether the flag is asked for as it is. */
static bool is(const struct api_request *request, const char *name, bool value)
{
    int wanted = api_query_bool(request, name);
    return wanted < 0 || (wanted == 1) == value;
}

static bool in_time(const struct api_request *request, const char *from, const char *to, int64_t at_ms)
{
    return at_ms >= api_query_time_ms(request, from, INT64_MIN) &&
           at_ms <= api_query_time_ms(request, to, INT64_MAX);
}

static bool in_state(const struct api_request *request, const struct admin_client *client)
{
    const char *state = api_query(request, "conn_state");
    return state == NULL || strcmp(state, client->connected ? "connected" : "disconnected") == 0;
}

static bool wanted(const struct api_request *request, const struct admin_client *client)
{
    return one_of(request, "clientid", client->client_id) && one_of(request, "username", client->username) &&
           one_of(request, "ip_address", client->address) && in_state(request, client) &&
           is(request, "clean_start", client->clean_start) &&
           (api_query(request, "proto_ver") == NULL ||
            api_query_int(request, "proto_ver", 0) == client->version) &&
           holds(request, "like_clientid", client->client_id) &&
           holds(request, "like_username", client->username) &&
           in_time(request, "gte_created_at", "lte_created_at", client->created_ms) &&
           in_time(request, "gte_connected_at", "lte_connected_at", client->connected_ms);
}

static bool list_client(const struct admin_client *client, void *arg)
{
    struct listing *listing = arg;
    if (!wanted(listing->request, client))
        return true;
    enum listing_step step = listing_next(listing);
    if (step == LISTING_ADD)
        json_array_append_new(listing->data, only_fields(listing->request, client_json(client)));
    return step != LISTING_STOP;
}

static const char *const filters[] = {
    "username",
    "clientid",
    "ip_address",
    "conn_state",
    "clean_start",
    "proto_ver",
    "like_clientid",
    "like_username",
    "gte_created_at",
    "lte_created_at",
    "gte_connected_at",
    "lte_connected_at",
    NULL,
};

static void add_got(const struct admin_client *client, void *arg)
{
    list_client(client, arg);
}

/* By name there is no need to look at all. */
static bool list_named(struct listing *listing, struct error *err)
{
    const char *id;
    for (size_t at = 0; (id = api_query_next(listing->request, "clientid", &at)) != NULL;) {
        if (!admin_client_get(api_broker(listing->request), str_of(id), add_got, listing, err) &&
            err->code != ERR_NOT_FOUND)
            return false;
    }
    return true;
}

static void list(struct api_request *request)
{
    struct listing listing = listing_begin(request, filters);
    struct broker *broker = api_broker(request);
    struct broker_stats stats;
    struct error err;
    bool ok = api_query(request, "clientid") != NULL
                  ? list_named(&listing, &err)
                  : admin_clients_each(broker, list_client, &listing, &err);
    if (!ok) {
        listing_fail(&listing, &err);
        return;
    }
    broker_stats(broker, &stats);
    listing_reply(&listing, stats.sessions);
}

static void show_got(const struct admin_client *client, void *arg)
{
    json_t **out = arg;
    *out = client_json(client);
}

static void show(struct api_request *request)
{
    json_t *client = NULL;
    struct error err;
    if (admin_client_get(api_broker(request), api_path(request, "clientid"), show_got, &client, &err))
        api_reply_json(request, 200, only_fields(request, client));
    else
        reply_no_client(request, &err);
}

/* ---- Kicking out ----------------------------------------------------------------------------------------- */

static void kick(struct api_request *request)
{
    struct error err;
    if (admin_client_kick(api_broker(request), api_path(request, "clientid"), &err))
        api_reply_none(request);
    else
        reply_no_client(request, &err);
}

static void kick_many(struct api_request *request)
{
    size_t i;
    json_t *id;
    struct error err;
    json_array_foreach(api_body(request), i, id)
    {
        struct str name = str_make(json_string_value(id), json_string_length(id));
        if (!admin_client_kick(api_broker(request), name, &err) && err.code != ERR_NOT_FOUND) {
            api_reply_failure(request, &err);
            return;
        }
    }
    api_reply_none(request);
}

/* ---- Routes ---------------------------------------------------------------------------------------------- */

static const char *const conn_states[] = {"connected", "idle", "disconnected", NULL};

static const struct api_param client_params[] = {
    API_PAGE_PARAMS,
    NODE_PARAM,
    {.name = "clientid",
     .type = API_STRING,
     .description = "exactly; may be given more than once",
     .many = true},
    {.name = "username",
     .type = API_STRING,
     .description = "exactly; may be given more than once",
     .many = true},
    {.name = "ip_address", .type = API_STRING, .description = "exactly, without a port"},
    {.name = "conn_state",
     .type = API_STRING,
     .description = "connected, or a session alone",
     .choices = conn_states},
    {.name = "clean_start", .type = API_BOOLEAN, .description = "as CONNECT said"},
    {.name = "proto_ver", .type = API_INTEGER, .description = "3, 4 or 5", .min = 3, .max = 5},
    {.name = "like_clientid", .type = API_STRING, .description = "a part of the client id"},
    {.name = "like_username", .type = API_STRING, .description = "a part of the user name"},
    {.name = "gte_created_at", .type = API_TIME, .description = "sessions since then"},
    {.name = "lte_created_at", .type = API_TIME, .description = "sessions until then"},
    {.name = "gte_connected_at", .type = API_TIME, .description = "connected since then"},
    {.name = "lte_connected_at", .type = API_TIME, .description = "connected until then"},
    {.name = "fields", .type = API_STRING, .description = "names, with commas: no more than these; all"},
    {.name = NULL},
};

static const struct api_param one_client_params[] = {
    {.name = "fields", .type = API_STRING, .description = "names, with commas: no more than these; all"},
    {.name = NULL},
};

#define CLIENT "{'$ref':'#/components/schemas/client'}"

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/api/v5/clients",
     .handle = list,
     .access = API_READ,
     .summary = "Clients that are connected or have a session",
     .description =
         "count is left out where a filter is given and there are more pages: it would cost a walk over all.",
     .params = client_params,
     .answer = LIST_OF(CLIENT)},
    {.method = API_GET,
     .path = "/api/v5/clients/{clientid}",
     .handle = show,
     .access = API_READ,
     .summary = "One client",
     .params = one_client_params,
     .answer = CLIENT,
     .errors = "404 CLIENTID_NOT_FOUND"},
    {.method = API_DELETE,
     .path = "/api/v5/clients/{clientid}",
     .handle = kick,
     .access = API_ADMINISTER,
     .summary = "Kicks a client out: its connection ends, and its session",
     .errors = "404 CLIENTID_NOT_FOUND"},
    {.method = API_POST,
     .path = "/api/v5/clients/kickout/bulk",
     .handle = kick_many,
     .access = API_ADMINISTER,
     .summary = "Kicks out many clients; those that are not there do not matter",
     .body = "{'type':'array','maxItems':10000,'items':{'type':'string','minLength':1}}"},
};

const struct api_table clients_table = {
    .tag = "Clients",
    .description = "Who is connected, or has a session",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
};
