/* Making stations, and changing them.
 *
 * A station is its row in the catalog; its log is made when it is opened. One whose log does not begin at 0 is made the other way
 * round: as DIR/stations/-<name>, then the row, then it gets its name. A crash between leaves what looks like a deletion that is
 * to be finished (delete.c), and is. */
#include "station/station_internal.h"

#include "base/clock.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEAD_SUFFIX ".dead"

/* ---- Creating, changing ---------------------------------------------------------------------------------- */

/* A log that does not begin at 0. */
struct beginning {
    uint64_t first;
    const struct tier_found *found; /* or NULL */
};

static bool begin_log(struct station *station, const struct beginning *beginning, struct error *err)
{
    struct stations *stations = station->all;
    char path[STATION_PATH_BYTES];
    struct log_options options = station_log_options(stations, &station->config);
    options.first_offset = beginning->first;
    log_delete(stations->engine, stations_path(stations, "-", station->name, path),
               NULL); /* of one that has failed */
    tiers_forget(stations->tiers, str_of(station->name));
    struct log *log =
        log_open(stations->engine, stations_path(stations, "-", station->name, path), &options, err);
    log_close(log);
    return log != NULL && dir_sync(stations->dir, err) &&
           (beginning->found == NULL || tiers_adopt(stations->tiers, beginning->found, err));
}

static bool name_log(struct station *station, struct error *err)
{
    char path[STATION_PATH_BYTES], begun[STATION_PATH_BYTES];
    stations_path(station->all, "", station->name, path);
    stations_path(station->all, "-", station->name, begun);
    if (rename(begun, path) != 0)
        return error_errno(err, errno, "rename %s", begun);
    return dir_sync(station->all->dir, err);
}

/* Control is held. Takes what is in config, also on failure. Returns a reference, or NULL. */
static struct station *create(struct stations *stations, struct station_config *config, int64_t created_ms,
                              const struct beginning *beginning, struct error *err)
{
    char path[STATION_PATH_BYTES];
    struct buf object = {0};
    struct station *former = stations_find(stations, str_of(config->name));
    if (former != NULL) {
        station_unref(former);
        error_set(err, ERR_EXISTS, "station %s exists", config->name);
        station_config_free(config);
        return NULL;
    }
    if (access(stations_path(stations, "", config->name, path), F_OK) == 0) {
        error_set(err, ERR_EXISTS, "%s is there, but belongs to no station", path);
        error_hint(err, "move it away");
        station_config_free(config);
        return NULL;
    }
    struct station *station = station_new(stations, config, created_ms);
    station_config_print(&station->config, &object);
    bool ok = (beginning == NULL || begin_log(station, beginning, err)) &&
              catalog_station_put(stations->catalog, str_of(station->name), buf_str(&object),
                                  station->created_ms, true, err) &&
              (beginning == NULL || name_log(station, err));
    buf_free(&object);
    if (!ok) {
        if (beginning != NULL)
            catalog_station_delete(stations->catalog, str_of(station->name), NULL);
        station_unref(station);
        return NULL;
    }
    ok = station_open_log(station, err);
    if (ok)
        absent_return(station);
    if (!ok || !station_start_capture(station, err)) {
        station_retire(station);
        catalog_station_delete(stations->catalog, str_of(station->name), NULL);
        log_delete(stations->engine, path, NULL);
        station_unref(station);
        return NULL;
    }
    station_ref(station);
    stations_enlist(stations, station);
    keeper_touch(station);
    LOG_INFO("station created", LOG_TEXT("station", station->name));
    return station;
}

bool stations_create(struct stations *stations, struct str json, struct error *err)
{
    struct station_config config;
    station_config_init(&config);
    if (!station_config_parse(&config, json, err)) {
        station_config_free(&config);
        return false;
    }
    pthread_mutex_lock(&stations->control);
    struct station *station = create(stations, &config, clock_wall_ms(), NULL, err);
    pthread_mutex_unlock(&stations->control);
    station_unref(station);
    return station != NULL;
}

struct station *stations_create_at(struct stations *stations, struct station_config *config, uint64_t first,
                                   int64_t created_ms, const struct tier_found *found, struct error *err)
{
    const struct beginning beginning = {.first = first, .found = found};
    pthread_mutex_lock(&stations->control);
    struct station *station = create(stations, config, created_ms, &beginning, err);
    pthread_mutex_unlock(&stations->control);
    return station;
}

struct station *stations_dead_of(struct station *of, struct error *err)
{
    struct stations *stations = of->all;
    struct buf name = {0};
    int most = STATION_NAME_MAX - (int)strlen(DEAD_SUFFIX); /* a longer name is cut */
    buf_printf(&name, "%.*s" DEAD_SUFFIX, most, of->name);
    pthread_mutex_lock(&stations->control);
    struct station *station = stations_find(stations, buf_str(&name));
    if (station == NULL) {
        struct station_config config;
        struct buf description = {0};
        station_config_init(&config);
        buf_printf(&description, "dead letters of station %s", of->name);
        mem_free(config.description);
        config.description = str_dup(buf_str(&description));
        config.name = str_dup(buf_str(&name));
        config.max_deliveries = 0;  /* dead letters do not die again, unless somebody wants it */
        config.dedup_window_ms = 0; /* the same message may die in several groups */
        pthread_mutex_lock(&of->lock);
        config.max_message_bytes = of->config.max_message_bytes;
        pthread_mutex_unlock(&of->lock);
        station = create(stations, &config, clock_wall_ms(), NULL, err);
        buf_free(&description);
    }
    pthread_mutex_unlock(&stations->control);
    buf_free(&name);
    return station;
}

static bool has_topic(const struct station_config *config, const char *topic)
{
    for (size_t i = 0; i < config->topic_count; i++) {
        if (strcmp(config->topics[i], topic) == 0)
            return true;
    }
    return false;
}

/* Control is held. */
static bool change(struct station *station, struct station_config *config, struct error *err)
{
    struct stations *stations = station->all;
    struct buf object = {0};
    if (!settle_may_change(station, config, err))
        return false;
    station_config_print(config, &object);
    bool ok = catalog_station_put(stations->catalog, str_of(station->name), buf_str(&object),
                                  station->created_ms, false, err);
    buf_free(&object);
    if (!ok)
        return false;
    pthread_mutex_lock(&station->lock);
    struct station_config former = station->config;
    station->config = *config;
    *config = former; /* the caller frees it */
    station_apply(station);
    pthread_mutex_unlock(&station->lock);
    struct log *log = station_log_enter(station);
    if (log != NULL) {
        const struct log_options options = station_log_options(station->all, &station->config);
        log_set_options(log, &options);
        station_log_leave(station);
    }
    if (station->capturing) {
        for (size_t i = 0; i < former.topic_count; i++) {
            if (!has_topic(&station->config, former.topics[i]))
                service_unsubscribe(stations->broker, &station->subscriber, str_of(former.topics[i]));
        }
        ok = station_start_capture(station, err);
    }
    ok = ok && settle_apply(station, err);
    keeper_touch(station);
    return ok;
}

bool stations_update(struct stations *stations, struct str name, struct str json, struct error *err)
{
    pthread_mutex_lock(&stations->control);
    struct station *station = stations_get(stations, name, err);
    bool ok = station != NULL;
    if (ok) {
        struct station_config config = {0};
        struct buf object = {0};
        station_config_init(&config);
        config.name = mem_strdup(station->name);
        station_config_print(&station->config, &object); /* a copy: only control changes it */
        ok = station_config_parse(&config, buf_str(&object), err) &&
             station_config_parse(&config, json, err) && change(station, &config, err);
        station_config_free(&config);
        buf_free(&object);
    }
    pthread_mutex_unlock(&stations->control);
    station_unref(station);
    return ok;
}
