/* produce, consume, replay and groups: the generator of `varve bench mqtt`, whose subscribers read a station.
 *
 *   consume                    subscribers at the end of the station, publishers beside them
 *   produce, replay, groups    publishers first; once all is acknowledged, subscribers from `start` on
 *
 * A run that reads a station from its beginning gets what earlier runs left there, too, and counts it as foreign:
 * --create gives it a station of its own. */
#include "station_internal.h"

#include "base/mem.h"
#include "base/random.h"
#include "station_broker_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILTER_BYTES 512

static bool broker_find(struct station_options *options, struct station_broker *broker, struct error *err)
{
    const struct station_broker_options wanted = {options->data, options->url, options->key};
    if (!station_broker_find(broker, &wanted, err))
        return false;
    if (options->load.port == 0)
        options->load.port = broker->mqtt_port;
    return true;
}

/* What the subscribers ask for. A group's name is random: it begins at `start`, not where another run stopped. */
static void filter_print(const struct station_options *options, char *out, size_t out_bytes)
{
    switch (options->mode) {
    case STATION_CONSUME: snprintf(out, out_bytes, "$station/%s", options->station); break;
    case STATION_GROUPS:
        snprintf(out, out_bytes, "$share/bench-%016llx/$station/%s@%s", (unsigned long long)random_u64(),
                 options->station, options->start);
        break;
    default: snprintf(out, out_bytes, "$station/%s@%s", options->station, options->start); break;
    }
}

static bool create(const struct station_options *options, struct station_api *api, struct error *err)
{
    char topics[256];
    snprintf(topics, sizeof topics, "%.250s/#", options->load.topic_prefix);
    if (station_api_create(api, options->station, topics, options->sync, err))
        return true;
    if (err != NULL && err->code == ERR_EXISTS)
        error_hint(err, "leave out --create to use it, or choose another --station");
    return false;
}

bool station_load_run(struct station_options *options, struct load_result *result, struct error *err)
{
    struct station_broker broker;
    struct station_api *api = NULL;
    char filter[FILTER_BYTES];
    if (!broker_find(options, &broker, err))
        return false;
    if (options->create && (api = station_api_open(&broker, err)) == NULL)
        return false;
    bool created = options->create && create(options, api, err);
    bool fine = created || !options->create;
    filter_print(options, filter, sizeof filter);
    options->load.filter = filter;
    fine = fine && load_run(&options->load, result, err);
    options->load.filter = NULL;
    if (created && !options->keep) /* of two errors the first one counts */
        fine = station_api_delete(api, options->station, fine ? err : NULL) && fine;
    station_api_close(api);
    mem_wipe(&broker, sizeof broker);
    return fine;
}
