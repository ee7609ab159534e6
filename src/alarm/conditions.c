/* The conditions that are alarms: connectors and actions whose store does not answer, stations that take no messages, second tiers
 * that do not go on. What its owner has switched off is none. */
#include "alarm/alarm_internal.h"

#include "base/buf.h"
#include "connector/connector.h"
#include "sink/sink.h"
#include "station/station.h"

#include <jansson.h>

struct look {
    struct alarms *alarms;
    const struct alarms_options *options;
};

static bool look_at_connector(struct str id, void *arg)
{
    struct look *look = arg;
    enum connector_status status;
    struct error why = {0};
    if (connectors_status(look->options->connectors, id, &status, &why, NULL) &&
        status == CONNECTOR_DISCONNECTED && why.code != ERR_NONE)
        alarm_hold(look->alarms, "connector_disconnected", id, why.text);
    return true;
}

static bool look_at_action(struct str id, void *arg)
{
    struct look *look = arg;
    json_t *action = sinks_describe(look->options->sinks, id, "", NULL);
    const char *status = json_string_value(json_object_get(action, "status"));
    const char *why = json_string_value(json_object_get(action, "status_reason"));
    if (status != NULL && strcmp(status, "disconnected") == 0 && why != NULL && *why != '\0' &&
        json_is_true(json_object_get(action, "enable")))
        alarm_hold(look->alarms, "action_disconnected", id, why);
    json_decref(action);
    return true;
}

static void hold_station(const struct look *look, struct str name)
{
    struct buf text = {0};
    json_t *station = NULL;
    if (stations_describe(look->options->stations, name, &text, NULL))
        station = json_loadb((const char *)text.data, text.len, 0, NULL);
    const char *why = json_string_value(json_object_get(station, "error"));
    alarm_hold(look->alarms, "station_not_running", name, why != NULL ? why : "it takes no messages");
    json_decref(station);
    buf_free(&text);
}

static bool look_at_station(struct str name, void *arg)
{
    struct look *look = arg;
    struct station_stats stats;
    struct tier_stats tier;
    if (station_stats(look->options->stations, name, &stats, NULL) && !stats.running)
        hold_station(look, name);
    if (stations_tier_stats(look->options->stations, name, &tier) && tier.status != TIER_RUNNING &&
        tier.err.code != ERR_NONE)
        alarm_hold(look->alarms, "tier_not_running", name, tier.err.text);
    return true;
}

void conditions_look(struct alarms *alarms, const struct alarms_options *options)
{
    struct look look = {alarms, options};
    if (options->connectors != NULL)
        connectors_each(options->connectors, look_at_connector, &look);
    if (options->sinks != NULL)
        sinks_each(options->sinks, look_at_action, &look);
    if (options->stations != NULL)
        stations_each(options->stations, look_at_station, &look);
}
