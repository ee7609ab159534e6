/* Clients: who is connected or has a session, what they subscribe, and what an operator does to them. */
#include "api/api_internal.h"

#include "base/clock.h"
#include "broker/admin.h"

#include <stdio.h>

static const char client_schema[] =
    "{'type':'object','properties':{"
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

static const char subscription_schema[] =
    "{'type':'object','properties':{'clientid':{'type':'string'},'topic':{'type':'string'},"
    "'qos':{'type':'integer'},'nl':{'type':'integer'},'rap':{'type':'integer'},'rh':{'type':'integer'},"
    "'subid':{'type':'integer','description':'its subscription identifier'},"
    "'durable':{'type':'boolean','description':'survives a restart'},'node':{'type':'string'}}}";

#define TOPIC "{'type':'string','minLength':1,'maxLength':65535}"

static const char subscribe_schema[] =
    "{'type':'object','required':['topic'],'additionalProperties':false,'properties':{'topic':" TOPIC ","
    "'qos':{'type':'integer','minimum':0,'maximum':2,'default':0},"
    "'nl':{'type':'integer','minimum':0,'maximum':1,'default':0,'description':'no local'},"
    "'rap':{'type':'integer','minimum':0,'maximum':1,'default':0,'description':'retain as published'},"
    "'rh':{'type':'integer','minimum':0,'maximum':2,'default':0,'description':'retain handling'}}}";

static const char unsubscribe_schema[] =
    "{'type':'object','required':['topic'],'additionalProperties':false,'properties':{'topic':" TOPIC "}}";

static const struct api_component components[] = {
    {"client", client_schema},
    {"subscription", subscription_schema},
    {"subscribe", subscribe_schema},
    {"unsubscribe", unsubscribe_schema},
};

static void no_client(struct api_request *request, const struct error *err)
{
    if (err->code == ERR_NOT_FOUND)
        api_reply_error(request, 404, "CLIENTID_NOT_FOUND", "%s", err->text);
    else
        api_reply_failure(request, err);
}

/* ---- A client as JSON ------------------------------------------------------------------------------------ */

static json_t *text(struct str value)
{
    return json_stringn(value.len > 0 ? value.data : "", value.len);
}

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
    json_object_set_new(out, "ip_address", text(client->address));
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
    json_object_set_new(out, "clientid", text(client->client_id));
    json_object_set_new(out, "username", client->username.len > 0 ? text(client->username) : json_null());
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

struct listing {
    struct api_request *request;
    struct api_page page;
    json_t *data;
    uint64_t seen;
    bool filtered;
    bool more;
};

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

/* Stops behind the page, once it is known whether there is another. */
static bool list_client(const struct admin_client *client, void *arg)
{
    struct listing *listing = arg;
    if (!wanted(listing->request, client))
        return true;
    uint64_t at = listing->seen++;
    if (at >= listing->page.skip + listing->page.limit) {
        listing->more = true;
        return false;
    }
    if (at >= listing->page.skip)
        json_array_append_new(listing->data, only_fields(listing->request, client_json(client)));
    return true;
}

static const char *const filters[] = {
    "username",       "clientid",       "ip_address",       "conn_state",
    "clean_start",    "proto_ver",      "like_clientid",    "like_username",
    "gte_created_at", "lte_created_at", "gte_connected_at", "lte_connected_at",
};

static bool is_filtered(const struct api_request *request)
{
    for (size_t i = 0; i < LENGTH(filters); i++) {
        if (api_query(request, filters[i]) != NULL)
            return true;
    }
    return false;
}

/* How many there are is known without filters, or when the walk has come to its end. */
static void reply_listing(struct listing *listing, uint64_t all)
{
    int64_t count = !listing->more ? (int64_t)listing->seen : listing->filtered ? -1 : (int64_t)all;
    api_reply_list(listing->request, listing->data, count, listing->more);
}

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
    struct listing listing = {.request = request,
                              .page = api_page(request),
                              .data = json_array(),
                              .filtered = is_filtered(request)};
    struct broker *broker = api_broker(request);
    struct broker_stats stats;
    struct error err;
    bool ok = api_query(request, "clientid") != NULL
                  ? list_named(&listing, &err)
                  : admin_clients_each(broker, list_client, &listing, &err);
    if (!ok) {
        json_decref(listing.data);
        api_reply_failure(request, &err);
        return;
    }
    broker_stats(broker, &stats);
    reply_listing(&listing, stats.sessions);
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
        no_client(request, &err);
}

/* ---- Kicking out ----------------------------------------------------------------------------------------- */

static void kick(struct api_request *request)
{
    struct error err;
    if (admin_client_kick(api_broker(request), api_path(request, "clientid"), &err))
        api_reply_none(request);
    else
        no_client(request, &err);
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

/* ---- Subscriptions --------------------------------------------------------------------------------------- */

static json_t *subscription_json(struct str client_id, struct str filter,
                                 const struct subscribe_options *options)
{
    json_t *out = json_pack("{s:o, s:o, s:i, s:i, s:i, s:i, s:s}", "clientid", text(client_id), "topic",
                            text(filter), "qos", options->qos, "nl", options->no_local, "rap",
                            options->retain_as_published, "rh", options->retain_handling, "node", NODE_NAME);
    if (options->id != 0)
        put_number(out, "subid", options->id);
    return out;
}

static json_t *listed_json(const struct admin_subscription *subscription)
{
    json_t *out = subscription_json(subscription->client_id, subscription->filter, &subscription->options);
    json_object_set_new(out, "durable", json_boolean(subscription->kept));
    return out;
}

static bool take_subscription(const struct admin_subscription *subscription, void *arg)
{
    json_array_append_new(arg, listed_json(subscription));
    return true;
}

static void client_subscriptions(struct api_request *request)
{
    json_t *all = json_array();
    struct error err;
    if (admin_subscriptions_each(api_broker(request), api_path(request, "clientid"), take_subscription, all,
                                 &err)) {
        api_reply_json(request, 200, all);
        return;
    }
    json_decref(all);
    no_client(request, &err);
}

static int number(json_t *body, const char *name)
{
    return (int)json_integer_value(json_object_get(body, name));
}

static struct str topic_of(json_t *body)
{
    json_t *topic = json_object_get(body, "topic");
    return str_make(json_string_value(topic), json_string_length(topic));
}

/* The granted subscription, or NULL: the request has its reply. */
static json_t *subscribe_one(struct api_request *request, json_t *asked)
{
    struct str client_id = api_path(request, "clientid");
    struct subscribe_options options = {
        .qos = (uint8_t)number(asked, "qos"),
        .no_local = number(asked, "nl") != 0,
        .retain_as_published = number(asked, "rap") != 0,
        .retain_handling = (uint8_t)number(asked, "rh"),
    };
    uint8_t granted = 0;
    struct error err;
    if (!admin_subscribe(api_broker(request), client_id, topic_of(asked), &options, &granted, &err)) {
        no_client(request, &err);
        return NULL;
    }
    options.qos = granted;
    return subscription_json(client_id, topic_of(asked), &options);
}

static void subscribe(struct api_request *request)
{
    json_t *subscription = subscribe_one(request, api_body(request));
    if (subscription != NULL)
        api_reply_json(request, 200, subscription);
}

static void subscribe_many(struct api_request *request)
{
    json_t *all = json_array(), *asked;
    size_t i;
    json_array_foreach(api_body(request), i, asked)
    {
        json_t *subscription = subscribe_one(request, asked);
        if (subscription == NULL) {
            json_decref(all);
            return;
        }
        json_array_append_new(all, subscription);
    }
    api_reply_json(request, 200, all);
}

/* False: the request has its reply. */
static bool unsubscribe_one(struct api_request *request, json_t *asked)
{
    bool existed = false;
    struct error err;
    if (admin_unsubscribe(api_broker(request), api_path(request, "clientid"), topic_of(asked), &existed,
                          &err))
        return true;
    no_client(request, &err);
    return false;
}

static void unsubscribe(struct api_request *request)
{
    if (unsubscribe_one(request, api_body(request)))
        api_reply_none(request);
}

static void unsubscribe_many(struct api_request *request)
{
    json_t *asked;
    size_t i;
    json_array_foreach(api_body(request), i, asked)
    {
        if (!unsubscribe_one(request, asked))
            return;
    }
    api_reply_none(request);
}

/* ---- All subscriptions ----------------------------------------------------------------------------------- */

static bool in_group(const struct api_request *request, const struct topic_filter *filter)
{
    const char *group = api_query(request, "share_group");
    return group == NULL || (filter->shared && str_is(filter->group, group));
}

static bool subscription_wanted(const struct api_request *request,
                                const struct admin_subscription *subscription)
{
    struct topic_filter filter;
    const char *topic = api_query(request, "topic"), *name = api_query(request, "match_topic");
    int durable = api_query_bool(request, "durable");
    if (!topic_filter_parse(subscription->filter, &filter))
        return false;
    return (topic == NULL || str_is(subscription->filter, topic) || str_is(filter.filter, topic)) &&
           (name == NULL || topic_matches(filter.filter, str_of(name))) &&
           (api_query(request, "qos") == NULL ||
            api_query_int(request, "qos", 0) == subscription->options.qos) &&
           (durable < 0 || (durable == 1) == subscription->kept) && in_group(request, &filter);
}

static bool list_subscription(const struct admin_subscription *subscription, void *arg)
{
    struct listing *listing = arg;
    if (!subscription_wanted(listing->request, subscription))
        return true;
    uint64_t at = listing->seen++;
    if (at >= listing->page.skip + listing->page.limit) {
        listing->more = true;
        return false;
    }
    if (at >= listing->page.skip)
        json_array_append_new(listing->data, listed_json(subscription));
    return true;
}

static bool subscriptions_filtered(const struct api_request *request)
{
    static const char *const names[] = {"clientid", "topic", "match_topic", "qos", "share_group", "durable"};
    for (size_t i = 0; i < LENGTH(names); i++) {
        if (api_query(request, names[i]) != NULL)
            return true;
    }
    return false;
}

static void subscriptions(struct api_request *request)
{
    struct listing listing = {.request = request,
                              .page = api_page(request),
                              .data = json_array(),
                              .filtered = subscriptions_filtered(request)};
    struct broker *broker = api_broker(request);
    struct broker_stats stats;
    struct error err;
    const char *name = api_query(request, "match_topic");
    if (name != NULL && !topic_name_valid(str_of(name))) {
        json_decref(listing.data);
        api_reply_error(request, 400, "BAD_REQUEST", "match_topic: is a topic name, without wildcards");
        return;
    }
    bool ok = admin_subscriptions_each(broker, str_of(api_query(request, "clientid")), list_subscription,
                                       &listing, &err);
    if (!ok && err.code != ERR_NOT_FOUND) {
        json_decref(listing.data);
        api_reply_failure(request, &err);
        return;
    }
    broker_stats(broker, &stats);
    reply_listing(&listing, stats.subscriptions);
}

/* ---- Topics ---------------------------------------------------------------------------------------------- */

struct topics {
    struct api_lister lister;
    const char *topic; /* exactly this; NULL: any */
};

static bool list_topic(struct str filter, void *arg)
{
    struct topics *topics = arg;
    if ((topics->topic == NULL || str_is(filter, topics->topic)) && api_lister_want(&topics->lister))
        api_lister_add(&topics->lister, json_pack("{s:o, s:s}", "topic", text(filter), "node", NODE_NAME));
    return true;
}

static void topics(struct api_request *request)
{
    struct topics topics = {.lister = api_lister(request), .topic = api_query(request, "topic")};
    struct error err;
    if (admin_filters_each(api_broker(request), list_topic, &topics, &err)) {
        api_lister_reply(request, &topics.lister);
        return;
    }
    api_lister_drop(&topics.lister);
    api_reply_failure(request, &err);
}

static void topic(struct api_request *request)
{
    struct str name = api_path(request, "topic");
    if (admin_filter_exists(api_broker(request), name))
        api_reply_json(request, 200, json_pack("[{s:o, s:s}]", "topic", text(name), "node", NODE_NAME));
    else
        api_reply_error(request, 404, "TOPIC_NOT_FOUND", "nobody subscribes this topic filter");
}

/* ---- Routes ---------------------------------------------------------------------------------------------- */

#define NODE_PARAM                                                                                      \
    {                                                                                                   \
        .name = "node", .type = API_STRING, .description = "taken, and of no effect: there is one node" \
    }

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

static const struct api_param subscription_params[] = {
    API_PAGE_PARAMS,
    NODE_PARAM,
    {.name = "clientid", .type = API_STRING, .description = "exactly"},
    {.name = "topic", .type = API_STRING, .description = "exactly this filter, with or without $share"},
    {.name = "match_topic", .type = API_STRING, .description = "filters that match this topic name"},
    {.name = "qos", .type = API_INTEGER, .description = "granted", .min = 0, .max = 2},
    {.name = "share_group", .type = API_STRING, .description = "of this group"},
    {.name = "durable", .type = API_BOOLEAN, .description = "survives a restart"},
    {.name = NULL},
};

static const struct api_param topic_params[] = {
    API_PAGE_PARAMS,
    NODE_PARAM,
    {.name = "topic", .type = API_STRING, .description = "exactly this filter"},
    {.name = NULL},
};

#define LIST_OF(item)                                                                                  \
    "{'type':'object','properties':{'data':{'type':'array','items':" item "},'meta':{'type':'object'," \
    "'properties':{'page':{'type':'integer'},'limit':{'type':'integer'},'count':{'type':'integer'},"   \
    "'hasnext':{'type':'boolean'}}}}}"
#define CLIENT       "{'$ref':'#/components/schemas/client'}"
#define SUBSCRIPTION "{'$ref':'#/components/schemas/subscription'}"
#define TOPIC_ENTRY  "{'type':'object','properties':{'topic':{'type':'string'},'node':{'type':'string'}}}"

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
    {.method = API_GET,
     .path = "/api/v5/clients/{clientid}/subscriptions",
     .handle = client_subscriptions,
     .access = API_READ,
     .summary = "What a client subscribes",
     .answer = "{'type':'array','items':" SUBSCRIPTION "}",
     .errors = "404 CLIENTID_NOT_FOUND"},
    {.method = API_POST,
     .path = "/api/v5/clients/{clientid}/subscribe",
     .handle = subscribe,
     .access = API_ADMINISTER,
     .summary = "Subscribes for a client, within its rights",
     .body = "{'$ref':'#/components/schemas/subscribe'}",
     .answer = SUBSCRIPTION,
     .errors = "403 NOT_ALLOWED; 404 CLIENTID_NOT_FOUND"},
    {.method = API_POST,
     .path = "/api/v5/clients/{clientid}/subscribe/bulk",
     .handle = subscribe_many,
     .access = API_ADMINISTER,
     .summary = "Subscribes to several for a client; it ends with the first that is refused",
     .body = "{'type':'array','maxItems':1000,'items':{'$ref':'#/components/schemas/subscribe'}}",
     .answer = "{'type':'array','items':" SUBSCRIPTION "}",
     .errors = "403 NOT_ALLOWED; 404 CLIENTID_NOT_FOUND"},
    {.method = API_POST,
     .path = "/api/v5/clients/{clientid}/unsubscribe",
     .handle = unsubscribe,
     .access = API_ADMINISTER,
     .summary = "Unsubscribes for a client",
     .body = "{'$ref':'#/components/schemas/unsubscribe'}",
     .errors = "404 CLIENTID_NOT_FOUND"},
    {.method = API_POST,
     .path = "/api/v5/clients/{clientid}/unsubscribe/bulk",
     .handle = unsubscribe_many,
     .access = API_ADMINISTER,
     .summary = "Unsubscribes from several for a client",
     .body = "{'type':'array','maxItems':1000,'items':{'$ref':'#/components/schemas/unsubscribe'}}",
     .errors = "404 CLIENTID_NOT_FOUND"},
    {.method = API_GET,
     .path = "/api/v5/subscriptions",
     .handle = subscriptions,
     .access = API_READ,
     .summary = "Subscriptions of all clients",
     .params = subscription_params,
     .answer = LIST_OF(SUBSCRIPTION)},
    {.method = API_GET,
     .path = "/api/v5/topics",
     .handle = topics,
     .access = API_READ,
     .summary = "Topic filters that somebody subscribes",
     .params = topic_params,
     .answer = LIST_OF(TOPIC_ENTRY)},
    {.method = API_GET,
     .path = "/api/v5/topics/{topic*}",
     .handle = topic,
     .access = API_READ,
     .summary = "Whether somebody subscribes this topic filter",
     .answer = "{'type':'array','items':" TOPIC_ENTRY "}",
     .errors = "404 TOPIC_NOT_FOUND"},
};

const struct api_table clients_table = {
    .tag = "Clients",
    .description = "Who is connected, and what they subscribe",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
};
