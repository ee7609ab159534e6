/* Figures of the broker as EMQX names them: /stats and /metrics. Where this broker does not count something, the name is absent. */
#include "api/api_internal.h"
#include "api/stations_internal.h"

#include "broker/broker.h"

#include <stdlib.h>
#include <sys/resource.h>

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
    if (api_stations(request) != NULL)
        stations_stats(api_stations(request), out);
    reply_node(request, out);
}

static void metrics(struct api_request *request)
{
    struct broker_stats stats;
    broker_stats(api_broker(request), &stats);
    json_t *out = json_object();
    put(out, "client.connected", stats.connections_total);
    put(out, "bytes.received", stats.bytes_received);
    put(out, "bytes.sent", stats.bytes_sent);
    put(out, "packets.received", stats.packets_received);
    put(out, "packets.publish.received", stats.messages_received);
    put(out, "packets.publish.sent", stats.messages_sent);
    put(out, "messages.received", stats.messages_received);
    put(out, "messages.sent", stats.messages_sent);
    put(out, "messages.dropped", stats.messages_dropped);
    put(out, "messages.retained", stats.retained);
    put(out, "authentication.failure", stats.auth_failures);
    put(out, "authorization.deny", stats.acl_denied);
    reply_node(request, out);
}

/* ---- The node -------------------------------------------------------------------------------------------- */

static json_t *node_json(struct broker *broker)
{
    struct broker_stats stats;
    struct rlimit files = {0};
    double loads[3] = {0};
    broker_stats(broker, &stats);
    getrlimit(RLIMIT_NOFILE, &files);
    if (getloadavg(loads, 3) != 3)
        loads[0] = loads[1] = loads[2] = 0;
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:f}", "node", NODE_NAME,
                     "node_status", "running", "role", "core", "edition", "Varve", "version", VARVE_VERSION,
                     "uptime", (json_int_t)stats.uptime_s * 1000, "connections",
                     (json_int_t)stats.connections, "live_connections", (json_int_t)stats.connections,
                     "max_fds", (json_int_t)files.rlim_cur, "load1", loads[0], "load5", loads[1], "load15",
                     loads[2]);
}

static void nodes(struct api_request *request)
{
    api_reply_json(request, 200, json_pack("[o]", node_json(api_broker(request))));
}

static void node(struct api_request *request)
{
    if (str_is(api_path(request, "node"), NODE_NAME))
        api_reply_json(request, 200, node_json(api_broker(request)));
    else
        api_reply_error(request, 404, "NOT_FOUND", "there is one node, " NODE_NAME);
}

static void status(struct api_request *request)
{
    const char *format = api_query(request, "format");
    bool ready = atomic_load(&request->api->ready);
    unsigned code = ready ? 200 : 503;
    if (format != NULL && strcmp(format, "json") == 0) {
        api_reply_json(request, code,
                       json_pack("{s:s, s:s, s:s}", "node_name", NODE_NAME, "app_status",
                                 ready ? "running" : "not_running", "rel_vsn", VARVE_VERSION));
        return;
    }
    struct buf text = {0};
    buf_printf(&text, "Node %s is started\nvarve is %s\n", NODE_NAME, ready ? "running" : "not_running");
    api_reply_bytes(request, code, "text/plain; charset=utf-8", &text);
}

/* ---- Routes ---------------------------------------------------------------------------------------------- */

static const struct api_param aggregate[] = {
    {.name = "aggregate", .type = API_BOOLEAN, .description = "an object for all instead of a list by node"},
    {.name = "node", .type = API_STRING, .description = "taken, and of no effect: there is one node"},
    {.name = NULL},
};

static const char *const formats[] = {"json", "text", NULL};

static const struct api_param status_params[] = {
    {.name = "format", .type = API_STRING, .description = "default: text", .choices = formats},
    {.name = NULL},
};

/* A list of one node, or with ?aggregate=true the figures alone. */
#define FIGURES(name)                                                              \
    "{'oneOf':[{'type':'array','items':{'$ref':'#/components/schemas/" name "'}}," \
    "{'$ref':'#/components/schemas/" name "'}]}"
#define N(name) ",'" name "':{'type':'integer'}"

/* Names that there may be more of: their values are integers, too. */
static const struct api_component components[] = {
    {"list_meta", "{'type':'object','properties':{'page':{'type':'integer'},'limit':{'type':'integer'},"
                  "'count':{'type':'integer','description':'of all pages; absent: not known'},"
                  "'hasnext':{'type':'boolean'}}}"},
    {"stats", "{'type':'object','properties':{'node':{'type':'string'}" N("connections.count")
                  N("live_connections.count") N("sessions.count") N("channels.count") N("subscriptions.count")
                      N("subscriptions.shared.count") N("retained.count") N("queued_messages.count")
                          N("stations.count") N("stations.not_running.count") N("stations.messages.count")
                              N("stations.bytes") N("stations.disk_bytes") N("stations.groups.count")
                                  N("stations.readers.count") "}}"},
    {"metrics", "{'type':'object','properties':{'node':{'type':'string'}" N("client.connected") N(
                    "bytes.received") N("bytes.sent") N("packets.received") N("packets.publish.received")
                    N("packets.publish.sent") N("messages.received") N("messages.sent") N("messages.dropped")
                        N("messages.retained") N("authentication.failure") N("authorization.deny") "}}"},
};

#define NODE                                                                                                \
    "{'type':'object','properties':{'node':{'type':'string'},'node_status':{'type':'string'},"              \
    "'version':{'type':'string'},'uptime':{'type':'integer','description':'ms'},"                           \
    "'connections':{'type':'integer'},'live_connections':{'type':'integer'},'max_fds':{'type':'integer'},'" \
    "role':{'type':'string'},'edition':{'type':'string'},"                                                  \
    "'load1':{'type':'number'},'load5':{'type':'number'},'load15':{'type':'number'}}}"

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/api/v5/stats",
     .handle = stats,
     .access = API_READ,
     .summary = "How many there are: connections, sessions, subscriptions",
     .params = aggregate,
     .answer = FIGURES("stats")},
    {.method = API_GET,
     .path = "/api/v5/metrics",
     .handle = metrics,
     .access = API_READ,
     .summary = "What has happened since the start: packets, bytes, messages",
     .params = aggregate,
     .answer = FIGURES("metrics")},
    {.method = API_GET,
     .path = "/api/v5/nodes",
     .handle = nodes,
     .access = API_READ,
     .summary = "The node",
     .answer = "{'type':'array','items':" NODE "}"},
    {.method = API_GET,
     .path = "/api/v5/nodes/{node}",
     .handle = node,
     .access = API_READ,
     .summary = "The node, by its name",
     .answer = NODE,
     .errors = "404 NOT_FOUND"},
    {.method = API_GET,
     .path = "/api/v5/status",
     .handle = status,
     .access = API_PUBLIC,
     .summary = "Whether the broker runs",
     .params = status_params,
     .answer = "{'type':'string'}",
     .answer_type = "text/plain"},
    {.method = API_GET,
     .path = "/status",
     .handle = status,
     .access = API_PUBLIC,
     .summary = "The same, where EMQX has it too",
     .params = status_params,
     .answer = "{'type':'string'}",
     .answer_type = "text/plain"},
};

const struct api_table stats_table = {
    .tag = "Figures",
    .description = "What is there and what has happened",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
};
