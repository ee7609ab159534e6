/* A group that begins anew somewhere else: it is ended, with its position and whatever its members have, and made again there
 * before any of them is back. Who joins it later goes on from there, whatever start it asks for. */
#include "station/consumer.h"
#include "station/station_internal.h"

bool station_group_reset(struct stations *stations, struct str name, struct str group, struct str start,
                         bool force, struct error *err)
{
    struct station_start place;
    if (!station_start_parse(start, &place, err))
        return error_wrap(err, "start");
    struct station *station = stations_get(stations, name, err);
    if (station == NULL)
        return false;
    struct consumer *former = consumer_find(station, group, err);
    bool ok = former != NULL && consumer_end(former, force, err);
    if (ok) {
        struct str filter = str_of(former->filter != NULL ? former->filter : "");
        struct consumer *made = consumer_get(station, group, filter, &place, err);
        members_rejoin(former); /* behind that: they are to find it where it is put */
        ok = made != NULL;
        consumer_unref(made);
    }
    consumer_unref(former);
    station_unref(station);
    return ok;
}
