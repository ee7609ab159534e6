/* Figures of the broker as EMQX names them: /stats and /metrics. Where this broker does not count something, the name is absent. */
#include "api/api_internal.h"

#include "broker/broker.h"

static void put(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

/* One node: a list of one, or with ?aggregate=true the sum, which is the same without the name. */
static void reply_node(struct api_request *request, json_t *figures)
{
    if (api_query_bool(request, "aggregate") == 1) {
        api_reply_json(request, 200, figures);
        return;
    }
    json_object_set_new(figures, "node", json_string(NODE_NAME));
    api_reply_json(request, 200, json_pack("[o]", figures));
}

static void stats(struct api_request *request)
{
    struct broker_stats stats;
    broker_stats(api_broker(request), &stats);
    json_t *out = json_object();
    put(out, "connections.count", stats.connections);
    put(out, "live_connections.count", stats.connections);
    put(out, "sessions.count", stats.sessions);
    put(out, "channels.count", stats.sessions);
    put(out, "subscriptions.count", stats.subscriptions);
    put(out, "subscriptions.shared.count", stats.shared_subscriptions);
    put(out, "retained.count", stats.retained);
    put(out, "queued_messages.count", stats.queued_messages);
    reply_node(request, out);
}

static const struct api_param aggregate[] = {
    {.name = "aggregate", .type = API_BOOLEAN, .description = "an object for all instead of a list by node"},
    {.name = NULL},
};

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/api/v5/stats",
     .handle = stats,
     .access = API_READ,
     .summary = "How many there are: connections, sessions, subscriptions",
     .params = aggregate,
     .answer = "{'oneOf':[{'type':'array','items':{'type':'object'}},{'type':'object'}]}"},
};

const struct api_table stats_table = {
    .tag = "Figures",
    .description = "What is there and what has happened",
    .routes = routes,
    .count = LENGTH(routes),
};
