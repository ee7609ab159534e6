/* The stations' figures: totals always, and of each station and group as long as there are few enough to be labels. */
#include "api/stations_internal.h"

#define STATIONS_MAX 200
#define GROUPS_MAX   1000

struct figures {
    struct stations *stations;
    struct station_stats total;
    size_t count;
    size_t not_running;
    /* One metric of each station at a time. */
    struct buf *out;
    const struct metric *metric;
    bool lag, complete; /* of tiers, where there is no metric */
    bool retries;       /* of their requests */
};

static bool add(struct str name, void *arg)
{
    struct figures *figures = arg;
    struct station_stats one;
    if (!station_stats(figures->stations, name, &one, NULL))
        return true;
    figures->count++;
    figures->not_running += !one.running;
    figures->total.messages += one.messages;
    figures->total.bytes += one.bytes;
    figures->total.disk_bytes += one.disk_bytes;
    figures->total.messages_in += one.messages_in;
    figures->total.bytes_in += one.bytes_in;
    figures->total.duplicates += one.duplicates;
    figures->total.refused += one.refused;
    figures->total.ids_forgotten += one.ids_forgotten;
    figures->total.groups += one.groups;
    figures->total.readers += one.readers;
    return true;
}

static struct figures totals(struct stations *stations)
{
    struct figures figures = {.stations = stations};
    stations_each(stations, add, &figures);
    return figures;
}

void stations_stats(struct stations *stations, json_t *out)
{
    const struct figures figures = totals(stations);
    json_object_set_new(out, "stations.count", json_integer((json_int_t)figures.count));
    json_object_set_new(out, "stations.not_running.count", json_integer((json_int_t)figures.not_running));
    json_object_set_new(out, "stations.messages.count", json_integer((json_int_t)figures.total.messages));
    json_object_set_new(out, "stations.bytes", json_integer((json_int_t)figures.total.bytes));
    json_object_set_new(out, "stations.disk_bytes", json_integer((json_int_t)figures.total.disk_bytes));
    json_object_set_new(out, "stations.groups.count", json_integer((json_int_t)figures.total.groups));
    json_object_set_new(out, "stations.readers.count", json_integer((json_int_t)figures.total.readers));
}

/* ---- Prometheus ------------------------------------------------------------------------------------------ */

#define FIELD(field) offsetof(struct station_stats, field)

static const struct metric {
    const char *all;
    const char *each;
    const char *type;
    const char *help;
    size_t offset;
} metrics[] = {
    {"varve_stations_messages", "varve_station_messages", "gauge", "Messages that are kept.",
     FIELD(messages)},
    {"varve_stations_bytes", "varve_station_bytes", "gauge", "Bytes of the messages that are kept.",
     FIELD(bytes)},
    {"varve_stations_disk_bytes", "varve_station_disk_bytes", "gauge", "Bytes of the files.",
     FIELD(disk_bytes)},
    {"varve_stations_messages_in_total", "varve_station_messages_in_total", "counter",
     "Messages that were stored.", FIELD(messages_in)},
    {"varve_stations_in_bytes_total", "varve_station_in_bytes_total", "counter",
     "Bytes of the messages that were stored.", FIELD(bytes_in)},
    {"varve_stations_duplicates_total", "varve_station_duplicates_total", "counter",
     "Messages that repeated the id of another.", FIELD(duplicates)},
    {"varve_stations_ids_forgotten_total", "varve_station_ids_forgotten_total", "counter",
     "Message ids that were forgotten before their dedup_window ended: too many.", FIELD(ids_forgotten)},
    {"varve_stations_refused_total", "varve_station_refused_total", "counter",
     "Messages that were not stored: disk full or failing, queue full.", FIELD(refused)},
};

static uint64_t value_of(const struct station_stats *stats, size_t offset)
{
    uint64_t value;
    memcpy(&value, (const char *)stats + offset, sizeof(value));
    return value;
}

static void value(struct buf *out, const char *name, struct str station, struct str group, uint64_t number)
{
    struct buf labels = {0};
    buf_append_byte(&labels, '{');
    api_metric_label(&labels, "station", station);
    if (group.data != NULL) {
        buf_append_byte(&labels, ',');
        api_metric_label(&labels, "group", group);
    }
    buf_append_byte(&labels, '}');
    api_metric_value(out, name, buf_cstr(&labels), number);
    buf_free(&labels);
}

static bool write_one(struct str name, void *arg)
{
    struct figures *figures = arg;
    struct station_stats one;
    if (!station_stats(figures->stations, name, &one, NULL))
        return true;
    if (figures->metric != NULL)
        value(figures->out, figures->metric->each, name, STR_NONE, value_of(&one, figures->metric->offset));
    else
        value(figures->out, "varve_station_running", name, STR_NONE, one.running);
    return true;
}

struct group_walk {
    struct figures *figures;
    struct str station;
    const char *name;
    uint64_t (*of)(const struct station_group_info *group);
};

static bool write_group(const struct station_group_info *group, void *arg)
{
    const struct group_walk *walk = arg;
    value(walk->figures->out, walk->name, walk->station, group->name, walk->of(group));
    return true;
}

static bool write_groups(struct str name, void *arg)
{
    struct group_walk walk = *(struct group_walk *)arg;
    walk.station = name;
    station_groups_each(walk.figures->stations, name, write_group, &walk, NULL);
    return true;
}

static uint64_t lag_of(const struct station_group_info *group)
{
    return group->lag;
}

static uint64_t in_flight_of(const struct station_group_info *group)
{
    return group->in_flight;
}

static uint64_t dead_of(const struct station_group_info *group)
{
    return group->dead_letters;
}

static void each_group(struct figures *figures, const char *name, const char *type, const char *help,
                       uint64_t (*of)(const struct station_group_info *group))
{
    struct group_walk walk = {.figures = figures, .name = name, .of = of};
    api_metric(figures->out, name, type, help);
    stations_each(figures->stations, write_groups, &walk);
}

static void each_station(struct figures *figures)
{
    for (size_t i = 0; i < LENGTH(metrics); i++) {
        figures->metric = &metrics[i];
        api_metric(figures->out, metrics[i].each, metrics[i].type, metrics[i].help);
        stations_each(figures->stations, write_one, figures);
    }
    figures->metric = NULL;
    api_metric(figures->out, "varve_station_running", "gauge", "Whether it takes messages.");
    stations_each(figures->stations, write_one, figures);
}

/* ---- The second tier ------------------------------------------------------------------------------------- */

#define TIER(field) offsetof(struct tier_stats, field)

static const struct metric tier_metrics[] = {
    {NULL, "varve_tier_lag_messages", "gauge", "Messages that are expelled and not committed.",
     TIER(lag_messages)},
    {NULL, "varve_tier_lag_bytes", "gauge", "Their bytes.", TIER(lag_bytes)},
    {NULL, "varve_tier_rows", "gauge", "Messages in the table.", TIER(bounds.rows)},
    {NULL, "varve_tier_files", "gauge", "Data files of the table.", TIER(files)},
    {NULL, "varve_tier_stored_bytes", "gauge", "Bytes of the data files.", TIER(file_bytes)},
    {NULL, "varve_tier_missing_messages", "gauge", "Messages that were given up.", TIER(missing)},
    {NULL, "varve_tier_epoch", "gauge", "Our epoch as a writer; 0: not claimed.", TIER(epoch)},
    {NULL, "varve_tier_commits_total", "counter", "Commits.", TIER(commits)},
    {NULL, "varve_tier_migrated_messages_total", "counter", "Messages migrated.", TIER(migrated_messages)},
    {NULL, "varve_tier_migrated_bytes_total", "counter", "Their bytes, before compression.",
     TIER(migrated_bytes)},
    {NULL, "varve_tier_uploaded_bytes_total", "counter", "Bytes put.", TIER(uploaded_bytes)},
    {NULL, "varve_tier_fetched_bytes_total", "counter", "Bytes got.", TIER(fetched_bytes)},
    {NULL, "varve_tier_puts_total", "counter", "Put requests.", TIER(puts)},
    {NULL, "varve_tier_gets_total", "counter", "Get and head requests.", TIER(gets)},
    {NULL, "varve_tier_failures_total", "counter", "Steps and reads that have failed.", TIER(failures)},
    {NULL, "varve_tier_cache_hits_total", "counter", "Ranges found on local disk.", TIER(cache_hits)},
    {NULL, "varve_tier_cache_misses_total", "counter", "Ranges fetched from the store.", TIER(cache_misses)},
    {NULL, "varve_tier_scrubbed_files_total", "counter", "Data files that were checked.",
     TIER(scrubbed_files)},
    {NULL, "varve_tier_findings_total", "counter", "Data files that did not check.", TIER(findings)},
    {NULL, "varve_tier_repaired_total", "counter", "Data files that were put again from local disk.",
     TIER(repaired)},
    {NULL, "varve_tier_scrub_findings", "gauge", "Data files that did not check in the last whole scrub.",
     TIER(scrub_findings)},
    {NULL, "varve_tier_scrub_ended_ms", "gauge", "When the last whole scrub has ended; 0: there was none.",
     TIER(scrub_ended_ms)},
};

static uint64_t tier_value(const struct tier_stats *stats, size_t offset)
{
    uint64_t number;
    memcpy(&number, (const char *)stats + offset, sizeof(number));
    return number;
}

static bool write_tier(struct str name, void *arg)
{
    struct figures *figures = arg;
    struct tier_stats stats;
    if (!stations_tier_stats(figures->stations, name, &stats))
        return true;
    const struct tier_bounds *bounds = &stats.bounds;
    if (figures->metric != NULL) {
        value(figures->out, figures->metric->each, name, STR_NONE,
              tier_value(&stats, figures->metric->offset));
    } else if (figures->lag) {
        value(figures->out, "varve_tier_lag_seconds", name, STR_NONE, (uint64_t)(stats.lag_ms / 1000));
    } else if (figures->complete) {
        value(figures->out, "varve_tier_complete", name, STR_NONE,
              !bounds->any || bounds->rows + stats.missing == bounds->next - bounds->first);
    } else {
        value(figures->out, "varve_tier_running", name, STR_NONE, stats.status == TIER_RUNNING);
    }
    return true;
}

/* "{station=…,op=…": more may come, and the end. */
static void request_labels(struct buf *labels, struct str station, enum object_op op)
{
    buf_reset(labels);
    buf_append_byte(labels, '{');
    api_metric_label(labels, "station", station);
    buf_append_byte(labels, ',');
    api_metric_label(labels, "op", str_of(object_op_name(op)));
}

static bool write_requests(struct str name, void *arg)
{
    struct figures *figures = arg;
    struct tier_stats stats;
    struct buf labels = {0};
    if (!stations_tier_stats(figures->stations, name, &stats))
        return true;
    for (int op = 0; op < OBJECT_OPS; op++) {
        const struct tier_requests *requests = &stats.requests[op];
        if (requests->ok + requests->failed == 0)
            continue;
        request_labels(&labels, name, (enum object_op)op);
        size_t len = labels.len;
        if (figures->retries) {
            buf_append_byte(&labels, '}');
            api_metric_value(figures->out, "varve_tier_retries_total", buf_cstr(&labels), requests->retries);
            continue;
        }
        buf_append_str(&labels, STR(",outcome=\"ok\"}"));
        api_metric_value(figures->out, "varve_tier_requests_total", buf_cstr(&labels), requests->ok);
        labels.len = len;
        buf_append_str(&labels, STR(",outcome=\"failed\"}"));
        api_metric_value(figures->out, "varve_tier_requests_total", buf_cstr(&labels), requests->failed);
    }
    buf_free(&labels);
    return true;
}

static void each_request(struct figures *figures)
{
    api_metric(figures->out, "varve_tier_requests_total", "counter",
               "Requests to the store that have ended.");
    stations_each(figures->stations, write_requests, figures);
    figures->retries = true;
    api_metric(figures->out, "varve_tier_retries_total", "counter", "Attempts beyond the first.");
    stations_each(figures->stations, write_requests, figures);
    figures->retries = false;
}

static void each_tier(struct figures *figures)
{
    for (size_t i = 0; i < LENGTH(tier_metrics); i++) {
        figures->metric = &tier_metrics[i];
        api_metric(figures->out, tier_metrics[i].each, tier_metrics[i].type, tier_metrics[i].help);
        stations_each(figures->stations, write_tier, figures);
    }
    figures->metric = NULL;
    figures->lag = true;
    api_metric(figures->out, "varve_tier_lag_seconds", "gauge", "How long the oldest of them has waited.");
    stations_each(figures->stations, write_tier, figures);
    figures->lag = false;
    figures->complete = true;
    api_metric(figures->out, "varve_tier_complete", "gauge",
               "Whether rows = committed - first + 1, less what was given up.");
    stations_each(figures->stations, write_tier, figures);
    figures->complete = false;
    api_metric(figures->out, "varve_tier_running", "gauge", "Whether the second tier works.");
    stations_each(figures->stations, write_tier, figures);
    each_request(figures);
}

void stations_metrics(struct buf *out, void *stations)
{
    struct figures figures = totals(stations);
    figures.out = out;
    api_metric(out, "varve_stations", "gauge", "Stations.");
    api_metric_value(out, "varve_stations", NULL, figures.count);
    api_metric(out, "varve_stations_not_running", "gauge", "Stations that take no messages.");
    api_metric_value(out, "varve_stations_not_running", NULL, figures.not_running);
    api_metric(out, "varve_stations_groups", "gauge", "Consumer groups.");
    api_metric_value(out, "varve_stations_groups", NULL, figures.total.groups);
    for (size_t i = 0; i < LENGTH(metrics); i++) {
        api_metric(out, metrics[i].all, metrics[i].type, metrics[i].help);
        api_metric_value(out, metrics[i].all, NULL, value_of(&figures.total, metrics[i].offset));
    }
    if (figures.count > 0 && figures.count <= STATIONS_MAX) {
        each_station(&figures);
        each_tier(&figures);
    }
    if (figures.count > STATIONS_MAX || figures.total.groups == 0 || figures.total.groups > GROUPS_MAX)
        return;
    each_group(&figures, "varve_station_group_lag", "gauge", "Messages that a group has not acknowledged.",
               lag_of);
    each_group(&figures, "varve_station_group_in_flight", "gauge",
               "Messages that are with members of a group.", in_flight_of);
    each_group(&figures, "varve_station_group_dead_letters_total", "counter",
               "Messages that a group has given up.", dead_of);
}
