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
    if (figures.count > 0 && figures.count <= STATIONS_MAX)
        each_station(&figures);
    if (figures.count > STATIONS_MAX || figures.total.groups == 0 || figures.total.groups > GROUPS_MAX)
        return;
    each_group(&figures, "varve_station_group_lag", "gauge", "Messages that a group has not acknowledged.",
               lag_of);
    each_group(&figures, "varve_station_group_in_flight", "gauge",
               "Messages that are with members of a group.", in_flight_of);
    each_group(&figures, "varve_station_group_dead_letters_total", "counter",
               "Messages that a group has given up.", dead_of);
}
