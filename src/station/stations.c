/* All stations: finding them by name, opening and closing them.
 *
 * Every row of the catalog is a station; its log is opened, several at a time, since after a crash each has a segment to scan.
 * Who reads it and captures for it comes later, with the broker. */
#include "station/consumer.h"
#include "station/station_internal.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define OPENERS             15 /* threads beside the main one, for the time of the start */
#define STATIONS_PER_OPENER 2

/* ---- Finding --------------------------------------------------------------------------------------------- */

static bool has_name(const void *item, const void *key)
{
    return str_equal(str_of(((const struct station *)item)->name), *(const struct str *)key);
}

struct station *stations_find(struct stations *stations, struct str name)
{
    char lower[STATION_NAME_MAX + 1];
    if (name.len >= sizeof(lower))
        return NULL;
    for (size_t i = 0; i < name.len; i++)
        lower[i] =
            name.data[i] >= 'A' && name.data[i] <= 'Z' ? (char)(name.data[i] - 'A' + 'a') : name.data[i];
    struct str key = str_make(lower, name.len);
    pthread_mutex_lock(&stations->lock);
    struct station *station = map_find(&stations->by_name, hash_bytes(key.data, key.len), has_name, &key);
    if (station != NULL)
        station_ref(station);
    pthread_mutex_unlock(&stations->lock);
    return station;
}

struct station *stations_get(struct stations *stations, struct str name, struct error *err)
{
    struct station *station = stations_find(stations, name);
    if (station == NULL)
        error_set(err, ERR_NOT_FOUND, "no station \"%.*s\"", (int)(name.len < 140 ? name.len : 140),
                  name.len > 0 ? name.data : "");
    return station;
}

bool stations_live(struct str name, void *arg)
{
    struct station *station = stations_find(arg, name);
    station_unref(station);
    return station != NULL;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void stations_each(struct stations *stations, bool (*each)(struct str name, void *arg), void *arg)
{
    pthread_mutex_lock(&stations->lock);
    size_t count = 0;
    char **names = mem_alloc((stations->by_name.count + 1) * sizeof(*names));
    struct station *station;
    for (size_t i = 0; (station = map_next(&stations->by_name, &i)) != NULL;)
        names[count++] = mem_strdup(station->name);
    pthread_mutex_unlock(&stations->lock);
    qsort(names, count, sizeof(*names), by_text);
    bool more = true;
    for (size_t i = 0; i < count; i++) {
        more = more && each(str_of(names[i]), arg);
        mem_free(names[i]);
    }
    mem_free(names);
}

size_t stations_count(struct stations *stations)
{
    pthread_mutex_lock(&stations->lock);
    size_t count = stations->by_name.count;
    pthread_mutex_unlock(&stations->lock);
    return count;
}

void stations_enlist(struct stations *stations, struct station *station)
{
    station->hash = hash_bytes(station->name, strlen(station->name));
    pthread_mutex_lock(&stations->lock);
    map_insert(&stations->by_name, station->hash, station);
    pthread_mutex_unlock(&stations->lock);
}

/* ---- Opening all ----------------------------------------------------------------------------------------- */

static bool load_station(struct str name, struct str object, int64_t created_ms, void *arg)
{
    struct stations *stations = arg;
    struct station_config config;
    struct error err = {0};
    station_config_init(&config);
    if (!station_config_parse(&config, object, &err)) {
        LOG_ERROR("station not opened", LOG_STR("station", name), LOG_ERROR_OF(&err));
        station_config_free(&config);
        return true;
    }
    stations_enlist(stations, station_new(stations, &config, created_ms));
    return true;
}

/* Opening a log waits for the disk several times: many are opened at once. */
struct opening {
    struct station **all;
    size_t count;
    atomic_size_t next;
};

static void *open_some(void *arg)
{
    struct opening *opening = arg;
    for (size_t i;
         (i = atomic_fetch_add_explicit(&opening->next, 1, memory_order_relaxed)) < opening->count;) {
        struct station *station = opening->all[i];
        struct error err = {0};
        if (!station_open_log(station, &err)) {
            station->failure = err;
            LOG_ERROR("station not opened", LOG_TEXT("station", station->name), LOG_ERROR_OF(&err));
        }
        keeper_touch(station);
    }
    return NULL;
}

static void open_logs(struct stations *stations)
{
    struct opening opening = {
        .all = mem_alloc((stations->by_name.count + 1) * sizeof(struct station *)),
    };
    struct station *station;
    for (size_t i = 0; (station = map_next(&stations->by_name, &i)) != NULL;)
        opening.all[opening.count++] = station;
    pthread_t threads[OPENERS];
    size_t started = 0;
    size_t wanted = opening.count / STATIONS_PER_OPENER;
    while (started < OPENERS && started < wanted &&
           thread_start(&threads[started], "station-opener", open_some, &opening, NULL))
        started++;
    open_some(&opening);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    mem_free(opening.all);
}

static bool make_dir(const char *dir, struct error *err)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return error_errno(err, errno, "create %s", dir);
    return true;
}

static bool canonical(void *user, struct str text, struct buf *out)
{
    struct station_filter filter;
    (void)user;
    if (!station_filter_parse(text, &filter, NULL))
        return false;
    buf_append_str(out, STATION_PREFIX);
    buf_append_str(out, str_of(filter.name));
    if (filter.filter.len > 0) {
        buf_append_byte(out, '/');
        buf_append_str(out, filter.filter);
    }
    return true;
}

static struct feed *open_feed(void *user, const struct feed_request *request, uint8_t *reason,
                              const char **why)
{
    struct station_filter filter;
    *reason = MQTT_BAD_TOPIC_FILTER;
    *why = "it names no station, or no start";
    if (!station_filter_parse(request->filter, &filter, NULL) ||
        (request->start.len > 0 && !station_start_parse(request->start, &filter.start, NULL)))
        return NULL;
    filter.has_start = filter.has_start || request->start.len > 0;
    stations_post(user, request->reactor);
    *reason = MQTT_UNSPECIFIED_ERROR;
    *why = "there is no such station";
    struct station *station = stations_find(user, str_of(filter.name));
    struct feed *feed = NULL;
    if (station != NULL && request->group.len > 0)
        feed = member_open(station, request, &filter, reason, why);
    else if (station != NULL)
        feed = reader_open(station, request, &filter, reason, why);
    station_unref(station);
    if (feed == NULL && request->restored && *reason == MQTT_UNSPECIFIED_ERROR)
        feed = absent_open(user, request, &filter);
    return feed;
}

const struct feed_provider *stations_provider(struct stations *stations)
{
    return &stations->provider;
}

static bool open_tiers(struct stations *stations, const struct stations_options *options, struct error *err)
{
    char path[STATION_PATH_BYTES];
    snprintf(path, sizeof(path), "%s/tier", options->dir);
    struct tiers_options tiers = options->tiers;
    tiers.dir = path;
    tiers.codec = station_codec;
    tiers.manual = options->manual;
    stations->tiers = tiers_open(&tiers, err);
    return stations->tiers != NULL;
}

static bool open_all(struct stations *stations, struct error *err)
{
    bool ok = make_dir(stations->dir, err) && make_dir(stations->ids_dir, err) &&
              stations_finish_deletions(stations, err) &&
              positions_open(&stations->positions, stations->catalog, err) &&
              catalog_station_each(stations->catalog, load_station, stations, err);
    if (ok) {
        tiers_sweep(stations->tiers, stations_live, stations);
        id_files_sweep(stations->ids_dir, stations_live, stations);
        open_logs(stations);
    }
    return ok;
}

struct stations *stations_open(const struct stations_options *options, struct error *err)
{
    struct stations *stations = mem_zalloc(sizeof(*stations));
    char path[STATION_PATH_BYTES];
    snprintf(path, sizeof(path), "%s/stations", options->dir);
    stations->dir = mem_strdup(path);
    snprintf(path, sizeof(path), "%s/ids", options->dir);
    stations->ids_dir = mem_strdup(path);
    stations->catalog = options->catalog;
    stations->engine = options->engine;
    stations->workers = options->workers;
    stations->segment_bytes = options->segment_bytes;
    stations->provider = (struct feed_provider){
        .user = stations,
        .prefix = STATION_PREFIX,
        .canonical = canonical,
        .open = open_feed,
    };
    pthread_mutex_init(&stations->control, NULL);
    pthread_rwlock_init(&stations->listening, NULL);
    pthread_mutex_init(&stations->lock, NULL);
    list_init(&stations->recalling);
    keeper_init(&stations->keeper, stations);
    if (!open_tiers(stations, options, err) || !open_all(stations, err) ||
        (!options->manual && !keeper_start(&stations->keeper, err))) {
        stations_close(stations);
        return NULL;
    }
    positions_drop(&stations->positions, false, stations_live, stations);
    consumers_load(stations);
    return stations;
}

bool stations_attach(struct stations *stations, struct broker *broker, struct error *err)
{
    stations_post(stations, service_reactor(broker, 0));
    pthread_mutex_lock(&stations->control);
    stations->broker = broker;
    bool ok = true;
    struct station *station;
    /* Nobody creates or deletes: control is held. */
    for (size_t i = 0; ok && (station = map_next(&stations->by_name, &i)) != NULL;)
        ok = station_start_capture(station, err) || error_wrap(err, "station %s", station->name);
    pthread_mutex_unlock(&stations->control);
    /* Sessions are restored by now: a position that nobody has claimed is one of a session that is no more. */
    positions_drop(&stations->positions, true, stations_live, stations);
    consumers_start(stations);
    return ok;
}

/* The reactors have stopped: what they have left behind comes home while logs are closed. */
void stations_close(struct stations *stations)
{
    if (stations == NULL)
        return;
    stations->reactors_gone = true;
    atomic_store_explicit(&stations->closing, true, memory_order_relaxed);
    keeper_stop(&stations->keeper);
    while (atomic_load_explicit(&stations->jobs, memory_order_acquire) > 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    for (unsigned i = 0; i < stations_post_count(stations); i++)
        capture_give_up(&stations->posts[i]);
    struct station *station;
    for (size_t i = 0; (station = map_next(&stations->by_name, &i)) != NULL;) {
        station_stop_capture(station);
        settle_stop(station, false);
        if (station->log != NULL)
            station_close_log(station);
    }
    tiers_close(stations->tiers);
    consumers_stop(stations);
    if (stations->positions.catalog != NULL)
        positions_close(&stations->positions);
    keeper_free(&stations->keeper);
    for (unsigned i = 0; i < stations_post_count(stations); i++) {
        capture_free_spare(&stations->posts[i]);
        buf_free(&stations->posts[i].props);
    }
    for (size_t i = 0; (station = map_next(&stations->by_name, &i)) != NULL;)
        station_unref(station);
    map_free(&stations->by_name);
    mem_free(stations->posts);
    pthread_rwlock_destroy(&stations->listening);
    pthread_mutex_destroy(&stations->control);
    pthread_mutex_destroy(&stations->lock);
    mem_free(stations->dir);
    mem_free(stations->ids_dir);
    mem_free(stations);
}
