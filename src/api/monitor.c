/* Figures over time: a sample every ten seconds for an hour, and rates as they are now. In memory, so an hour begins anew with a restart.
 *
 * Somebody looks at the counters once a second (park.c): a sample holds by how much each has grown since the former one, so that
 * adding samples up gives what has happened. Shapes are those of EMQX's /monitor and /monitor_current; what it does not know
 * (bytes, the tiers) has names of its own. */
#include "api/actions_history.h"
#include "api/monitor_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rate.h"
#include "broker/broker.h"
#include "sink/sink.h"
#include "station/station.h"

#define SAMPLE_MS   ACTIONS_HISTORY_MS
#define SAMPLES_MAX ACTIONS_HISTORY_MAX

struct sample {
    int64_t wall_ms;
    struct broker_stats stats; /* as counted then */
    uint64_t stations;
    uint64_t stored; /* messages that stations have taken since the start */
    uint64_t lag_messages;
    uint64_t lag_bytes;
    int64_t lag_ms; /* of the tier that is furthest behind */
};

struct monitor {
    pthread_mutex_t lock;
    /* Under lock. */
    struct sample samples[SAMPLES_MAX];
    size_t count;
    size_t next;
    struct sample now; /* of the last look */
    struct rate received, sent, dropped, bytes_received, bytes_sent;
    /* Who looks. */
    int64_t sample_ms; /* monotonic: when the next is due */
    struct actions_history *actions;
};

struct monitor *monitor_new(void)
{
    struct monitor *monitor = mem_zalloc(sizeof(*monitor));
    pthread_mutex_init(&monitor->lock, NULL);
    monitor->actions = actions_history_new();
    return monitor;
}

void monitor_free(struct monitor *monitor)
{
    if (monitor == NULL)
        return;
    actions_history_free(monitor->actions);
    pthread_mutex_destroy(&monitor->lock);
    mem_free(monitor);
}

/* ---- Looking --------------------------------------------------------------------------------------------- */

struct station_walk {
    struct stations *stations;
    struct sample *sample;
};

static bool add_station(struct str name, void *arg)
{
    struct station_walk *walk = arg;
    struct sample *sample = walk->sample;
    struct station_stats stats;
    struct tier_stats tier;
    if (!station_stats(walk->stations, name, &stats, NULL))
        return true;
    sample->stations++;
    sample->stored += stats.messages_in;
    if (stations_tier_stats(walk->stations, name, &tier)) {
        sample->lag_messages += tier.lag_messages;
        sample->lag_bytes += tier.lag_bytes;
        sample->lag_ms = tier.lag_ms > sample->lag_ms ? tier.lag_ms : sample->lag_ms;
    }
    return true;
}

static uint64_t figure(const json_t *figures, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(figures, name));
}

static bool add_action(struct str id, void *arg)
{
    struct api *api = arg;
    json_t *figures = sinks_metrics(api->sinks, id, NULL);
    if (figures == NULL)
        return true;
    const struct action_sample sample = {
        .wall_ms = clock_wall_ms(),
        .buffered = figure(figures, "queuing") + figure(figures, "inflight"),
        .stored = figure(figures, "success"),
        .failed = figure(figures, "failed") + figure(figures, "dropped"),
    };
    actions_history_add(api->monitor->actions, id, &sample);
    json_decref(figures);
    return true;
}

static void look_at_actions(struct api *api)
{
    if (api->sinks == NULL)
        return;
    actions_history_begin(api->monitor->actions);
    sinks_each(api->sinks, add_action, api);
    actions_history_end(api->monitor->actions);
}

json_t *monitor_action(struct monitor *monitor, struct str id)
{
    return actions_history_json(monitor->actions, id);
}

void monitor_look(struct api *api, int64_t now_ms)
{
    struct monitor *monitor = api->monitor;
    struct sample sample = {.wall_ms = clock_wall_ms()};
    struct station_walk walk = {.stations = api->stations, .sample = &sample};
    broker_stats(api->broker, &sample.stats);
    if (api->stations != NULL)
        stations_each(api->stations, add_station, &walk);
    pthread_mutex_lock(&monitor->lock);
    if (monitor->now.wall_ms != 0) { /* else the counters' past would count as this second's */
        rate_look(&monitor->received, sample.stats.messages_received);
        rate_look(&monitor->sent, sample.stats.messages_sent);
        rate_look(&monitor->dropped, sample.stats.messages_dropped);
        rate_look(&monitor->bytes_received, sample.stats.bytes_received);
        rate_look(&monitor->bytes_sent, sample.stats.bytes_sent);
    }
    monitor->now = sample;
    bool due = now_ms >= monitor->sample_ms;
    if (due) {
        monitor->samples[monitor->next] = sample;
        monitor->next = (monitor->next + 1) % SAMPLES_MAX;
        monitor->count += monitor->count < SAMPLES_MAX;
        monitor->sample_ms = now_ms + SAMPLE_MS;
    }
    pthread_mutex_unlock(&monitor->lock);
    if (due)
        look_at_actions(api);
}

/* ---- Answering ------------------------------------------------------------------------------------------- */

static void put(json_t *out, const char *name, uint64_t value)
{
    json_object_set_new(out, name, json_integer((json_int_t)value));
}

/* What there is at one time. */
static void put_gauges(json_t *out, const struct sample *sample)
{
    const struct broker_stats *stats = &sample->stats;
    put(out, "connections", stats->connections);
    put(out, "live_connections", stats->connections);
    put(out, "sessions", stats->sessions);
    put(out, "subscriptions", stats->subscriptions);
    put(out, "retained_msg_count", stats->retained);
    put(out, "queued_messages", stats->queued_messages);
    put(out, "stations", sample->stations);
    put(out, "tier_lag_messages", sample->lag_messages);
    put(out, "tier_lag_bytes", sample->lag_bytes);
    put(out, "tier_lag_ms", (uint64_t)sample->lag_ms);
}

/* A counter begins anew with whatever counts, a station for example. */
static uint64_t grown(uint64_t from, uint64_t to)
{
    return to > from ? to - from : 0;
}

static json_t *sample_json(const struct sample *former, const struct sample *sample)
{
    json_t *out = json_object();
    put(out, "time_stamp", (uint64_t)sample->wall_ms);
    put_gauges(out, sample);
    put(out, "received", grown(former->stats.messages_received, sample->stats.messages_received));
    put(out, "sent", grown(former->stats.messages_sent, sample->stats.messages_sent));
    put(out, "dropped", grown(former->stats.messages_dropped, sample->stats.messages_dropped));
    put(out, "received_bytes", grown(former->stats.bytes_received, sample->stats.bytes_received));
    put(out, "sent_bytes", grown(former->stats.bytes_sent, sample->stats.bytes_sent));
    put(out, "stored", grown(former->stored, sample->stored));
    return out;
}

static void history(struct api_request *request)
{
    struct monitor *monitor = request->api->monitor;
    int64_t latest_s = api_query_int(request, "latest", 3600);
    json_t *out = json_array();
    pthread_mutex_lock(&monitor->lock);
    int64_t since_ms = monitor->now.wall_ms - latest_s * 1000;
    for (size_t i = 1; i < monitor->count; i++) {
        size_t at = (monitor->next + SAMPLES_MAX - monitor->count + i) % SAMPLES_MAX;
        const struct sample *former = &monitor->samples[(at + SAMPLES_MAX - 1) % SAMPLES_MAX];
        if (monitor->samples[at].wall_ms >= since_ms)
            json_array_append_new(out, sample_json(former, &monitor->samples[at]));
    }
    pthread_mutex_unlock(&monitor->lock);
    api_reply_json(request, 200, out);
}

static void current(struct api_request *request)
{
    struct monitor *monitor = request->api->monitor;
    json_t *out = json_object();
    pthread_mutex_lock(&monitor->lock);
    const struct sample now = monitor->now;
    const struct {
        const char *name;
        double value;
    } rates[] = {
        {"received_msg_rate", monitor->received.now}, {"sent_msg_rate", monitor->sent.now},
        {"dropped_msg_rate", monitor->dropped.now},   {"received_bytes_rate", monitor->bytes_received.now},
        {"sent_bytes_rate", monitor->bytes_sent.now},
    };
    for (size_t i = 0; i < LENGTH(rates); i++)
        json_object_set_new(out, rates[i].name, json_real(rates[i].value));
    pthread_mutex_unlock(&monitor->lock);
    put_gauges(out, &now);
    put(out, "time_stamp", (uint64_t)now.wall_ms);
    put(out, "uptime_ms", (uint64_t)now.stats.uptime_s * 1000);
    api_reply_json(request, 200, out);
}

/* ---- Routes ---------------------------------------------------------------------------------------------- */

static const struct api_param history_params[] = {
    {.name = "latest", .type = API_INTEGER, .description = "seconds; default 3600", .min = 1, .max = 3600},
    {.name = NULL},
};

#define INT "{'type':'integer'}"
#define NUM "{'type':'number'}"
#define GAUGE_NAMES                                                             \
    "'time_stamp','connections','live_connections','sessions','subscriptions'," \
    "'retained_msg_count','queued_messages','stations','tier_lag_messages',"    \
    "'tier_lag_bytes','tier_lag_ms'"
#define GAUGES                                                                                        \
    "'time_stamp':" INT ",'connections':" INT ",'live_connections':" INT ",'sessions':" INT           \
    ",'subscriptions':" INT ",'retained_msg_count':" INT ",'queued_messages':" INT ",'stations':" INT \
    ",'tier_lag_messages':" INT ",'tier_lag_bytes':" INT ",'tier_lag_ms':" INT

static const char sample_schema[] =
    "{'type':'object','required':[" GAUGE_NAMES ",'received','sent','dropped',"
    "'received_bytes','sent_bytes','stored'],'properties':{" GAUGES ",'received':" INT ",'sent':" INT
    ",'dropped':" INT ",'received_bytes':" INT ",'sent_bytes':" INT ",'stored':" INT "}}";

static const char current_schema[] =
    "{'type':'object','required':[" GAUGE_NAMES ",'received_msg_rate',"
    "'sent_msg_rate','dropped_msg_rate','received_bytes_rate',"
    "'sent_bytes_rate','uptime_ms'],'properties':{" GAUGES ",'received_msg_rate':" NUM ",'sent_msg_rate':" NUM
    ",'dropped_msg_rate':" NUM ",'received_bytes_rate':" NUM ",'sent_bytes_rate':" NUM ",'uptime_ms':" INT
    "}}";

static const struct api_component components[] = {
    {"monitor_sample", sample_schema},
    {"monitor_current", current_schema},
};

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/api/v5/monitor",
     .handle = history,
     .access = API_READ,
     .summary = "Figures of the last hour, every ten seconds",
     .description =
         "received, sent, dropped, their bytes and stored (messages that stations have taken) are what came "
         "in the ten "
         "seconds before. tier_lag: what is expelled and not committed, of all stations; its ms is that of "
         "the station that is furthest behind.",
     .params = history_params,
     .answer = "{'type':'array','items':{'$ref':'#/components/schemas/monitor_sample'}}"},
    {.method = API_GET,
     .path = "/api/v5/monitor_current",
     .handle = current,
     .access = API_READ,
     .summary = "Figures as they are, and rates of the last second",
     .answer = "{'$ref':'#/components/schemas/monitor_current'}"},
};

const struct api_table monitor_table = {
    .tag = "Monitor",
    .description = "Figures over time",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
};
