/* What clients subscribe: of one, of all, and the topic filters that somebody subscribes. */
#include "api/clients_internal.h"

#include "broker/admin.h"

static const char subscription_schema[] =
    "{'type':'object','required':['clientid','topic','qos'],'properties':{'clientid':{'type':'string'},'"
    "topic':{'type':'string'},"
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
    {"subscription", subscription_schema},
    {"subscribe", subscribe_schema},
    {"unsubscribe", unsubscribe_schema},
};

/* ---- Of one client --------------------------------------------------------------------------------------- */

static json_t *subscription_json(struct str client_id, struct str filter,
                                 const struct subscribe_options *options)
{
    json_t *out = json_pack("{s:o, s:o, s:i, s:i, s:i, s:i, s:s}", "clientid", str_json(client_id), "topic",
                            str_json(filter), "qos", options->qos, "nl", options->no_local, "rap",
                            options->retain_as_published, "rh", options->retain_handling, "node", NODE_NAME);
    if (options->id != 0)
        json_object_set_new(out, "subid", json_integer(options->id));
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
    reply_no_client(request, &err);
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
        reply_no_client(request, &err);
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
    reply_no_client(request, &err);
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
    enum listing_step step = listing_next(listing);
    if (step == LISTING_ADD)
        json_array_append_new(listing->data, listed_json(subscription));
    return step != LISTING_STOP;
}

static void subscriptions(struct api_request *request)
{
    static const char *const filters[] = {"clientid",    "topic",   "match_topic", "qos",
                                          "share_group", "durable", NULL};
    struct broker *broker = api_broker(request);
    struct broker_stats stats;
    struct error err;
    const char *name = api_query(request, "match_topic");
    if (name != NULL && !topic_name_valid(str_of(name))) {
        api_reply_error(request, 400, "BAD_REQUEST", "match_topic: is a topic name, without wildcards");
        return;
    }
    struct listing listing = listing_begin(request, filters);
    if (!admin_subscriptions_each(broker, str_of(api_query(request, "clientid")), list_subscription, &listing,
                                  &err) &&
        err.code != ERR_NOT_FOUND) {
        listing_fail(&listing, &err);
        return;
    }
    broker_stats(broker, &stats);
    listing_reply(&listing, stats.subscriptions);
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
        api_lister_add(&topics->lister,
                       json_pack("{s:o, s:s}", "topic", str_json(filter), "node", NODE_NAME));
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
        api_reply_json(request, 200, json_pack("[{s:o, s:s}]", "topic", str_json(name), "node", NODE_NAME));
    else
        api_reply_error(request, 404, "TOPIC_NOT_FOUND", "nobody subscribes this topic filter");
}

/* ---- Routes ---------------------------------------------------------------------------------------------- */

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

#define SUBSCRIPTION "{'$ref':'#/components/schemas/subscription'}"
#define TOPIC_ENTRY                                                                                          \
    "{'type':'object','required':['topic'],'properties':{'topic':{'type':'string'},'node':{'type':'string'}" \
    "}}"

static const struct api_route routes[] = {
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

const struct api_table subscriptions_table = {
    .tag = "Subscriptions",
    .description = "What clients subscribe",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
};
