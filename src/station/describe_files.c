/* The data files of a station's table, for who looks at them or reads the table elsewhere. */
#include "station/station_internal.h"

#include "base/clock.h"

#include <inttypes.h>

static void append_layer(const struct tier_layer *layer, void *arg)
{
    struct buf *out = arg;
    if (out->len > 0)
        buf_append_byte(out, ',');
    buf_printf(out,
               "{\"first_offset\":%" PRIu64 ",\"last_offset\":%" PRIu64 ",\"messages\":%" PRIu64
               ",\"bytes\":%" PRIu64 ",\"files\":%" PRIu64 ",\"restored\":%" PRIu64,
               layer->first, layer->last, layer->rows, layer->bytes, layer->files, layer->restored);
    buf_append_byte(out, ',');
    describe_time(out, "first_time", layer->timed, layer->first_ms);
    buf_append_byte(out, ',');
    describe_time(out, "last_time", layer->timed, layer->last_ms);
    buf_append_str(out, STR(",\"path\":"));
    if (layer->path.data != NULL)
        buf_append_json(out, layer->path);
    else
        buf_append_str(out, STR("null"));
    buf_append_byte(out, '}');
}

/* "s3://bucket/stations/s" and the metadata.json of this version below it. */
static void append_places(struct str location, uint64_t version, struct buf *out)
{
    struct buf metadata = {0};
    if (location.len == 0) {
        buf_append_str(out, STR("\"location\":null,\"metadata\":null"));
        return;
    }
    buf_append_str(&metadata, location);
    buf_printf(&metadata, "/metadata/v%" PRIu64 ".metadata.json", version);
    buf_append_str(out, STR("\"location\":"));
    buf_append_json(out, location);
    buf_append_str(out, STR(",\"metadata\":"));
    buf_append_json(out, buf_str(&metadata));
    buf_free(&metadata);
}

bool stations_tier_files(struct stations *stations, struct str name, uint64_t from, uint64_t to, size_t limit,
                         struct buf *out, struct error *err)
{
    struct station *station = stations_get(stations, name, err);
    if (station == NULL)
        return false;
    struct tier *tier = station_tier(station);
    if (tier != NULL) {
        struct buf layers = {0}, location = {0};
        struct tier_stats stats;
        tier_stats(tier, &stats);
        tier_layers(tier, from, to, limit, append_layer, &layers, &location);
        buf_append_byte(out, '{');
        append_places(buf_str(&location), stats.version, out);
        buf_append_str(out, STR(",\"data\":["));
        buf_append_str(out, buf_str(&layers));
        buf_append_str(out, STR("]}"));
        buf_free(&layers);
        buf_free(&location);
    } else {
        error_set(err, ERR_UNSUPPORTED, "station %s has no second tier", station->name);
        error_hint(err, "set tier.enabled");
    }
    station_unref(station);
    return tier != NULL;
}
