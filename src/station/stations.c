/* All stations: opening them, and what is done to them by name.
 *
 * Opening: every row of the catalog is a station; its log is opened, several at a time, since after a crash each has a
 * segment to scan. Who reads it and captures for it comes later, with the broker.
 *
 * Deleting is four steps, each of them durable, so that a crash between any two of them leaves a station or none:
 *
 *   1. nobody captures, reads or appends any more; the log is closed
 *   2. DIR/stations/<name> is renamed to DIR/stations/-<name>: no name begins like that
 *   3. the row goes from the catalog, with all positions
 *   4. -<name> is removed
 *
 * A directory -<name> at the opening is a deletion to be finished. */
#include "station/consumer.h"
#include "station/station_internal.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATH_BYTES          4096
#define DEAD_SUFFIX         ".dead"
#define OPENERS             15 /* threads beside the main one, for the time of the start */
#define STATIONS_PER_OPENER 2
#define BATCH_BYTES_SPARE   ((uint32_t)1 << 20) /* of a batch, beyond the largest message */

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

static void enlist(struct stations *stations, struct station *station)
{
    station->hash = hash_bytes(station->name, strlen(station->name));
    pthread_mutex_lock(&stations->lock);
    map_insert(&stations->by_name, station->hash, station);
    pthread_mutex_unlock(&stations->lock);
}

/* ---- Opening one ----------------------------------------------------------------------------------------- */

static const char *path_of(const struct stations *stations, const char *prefix, const char *name,
                           char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%s/%s%s", stations->dir, prefix, name);
    return out;
}

static struct log_options log_options_of(const struct stations *stations, const struct station_config *config)
{
    return (struct log_options){
        .segment_bytes = stations->segment_bytes,
        .sync_ms = config->sync_ms,
        .max_batch_bytes = config->max_message_bytes > (uint32_t)16 << 20
                               ? config->max_message_bytes + BATCH_BYTES_SPARE
                               : 0,
    };
}

static bool open_log(struct station *station, struct error *err)
{
    char path[PATH_BYTES];
    const struct log_options options = log_options_of(station->all, &station->config);
    station->log =
        log_open(station->all->engine, path_of(station->all, "", station->name, path), &options, err);
    if (station->log == NULL)
        return error_wrap(err, "station %s", station->name);
    recall_start(station);
    return true;
}

/* Control is held. On failure what has been subscribed stays so until stop_capture(). */
static bool start_capture(struct station *station, struct error *err)
{
    struct stations *stations = station->all;
    if (stations->broker == NULL || station->log == NULL)
        return true;
    if (!station->capturing) {
        station->captures = mem_zalloc(stations_post_count(stations) * sizeof(struct capture *));
        service_subscriber_init(stations->broker, &station->subscriber, &capture_ops);
        station->capturing = true;
    }
    for (size_t i = 0; i < station->config.topic_count; i++) {
        if (!service_subscribe(stations->broker, &station->subscriber, str_of(station->config.topics[i]), 2,
                               err))
            return false;
    }
    return true;
}

static void stop_capture(struct station *station)
{
    if (!station->capturing)
        return;
    service_subscriber_end(station->all->broker, &station->subscriber);
    station->capturing = false;
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
    enlist(stations, station_new(stations, &config, created_ms));
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
        if (!open_log(station, &err)) {
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

static bool sync_dir(const char *dir, struct error *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "open %s", dir);
    bool ok = fsync(fd) == 0 || error_errno(err, errno, "fsync %s", dir);
    close(fd);
    return ok;
}

static int begins_deleted(const struct dirent *entry)
{
    return entry->d_name[0] == '-';
}

/* `name` without the dash. One that was created again meanwhile keeps its row. */
static bool finish_deletion(struct stations *stations, const char *name, struct error *err)
{
    char path[PATH_BYTES];
    struct error missing = {0};
    bool created_again = access(path_of(stations, "", name, path), F_OK) == 0;
    if (!created_again && !catalog_station_delete(stations->catalog, str_of(name), &missing) &&
        missing.code != ERR_NOT_FOUND) {
        if (err != NULL)
            *err = missing;
        return error_wrap(err, "finish deleting station %s", name);
    }
    return log_delete(stations->engine, path_of(stations, "-", name, path), err);
}

/* Finishes deletions that a crash has cut short. */
static bool finish_deletions(struct stations *stations, struct error *err)
{
    struct dirent **entries;
    int count = scandir(stations->dir, &entries, begins_deleted, NULL);
    if (count < 0)
        return error_errno(err, errno, "read %s", stations->dir);
    bool ok = true;
    for (int i = 0; i < count; i++) {
        ok = ok && finish_deletion(stations, entries[i]->d_name + 1, err);
        free(entries[i]); /* the C library's */
    }
    free(entries);
    return ok;
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
    return request->group.len > 0 ? member_open(user, request, &filter, reason, why)
                                  : reader_open(user, request, &filter, reason, why);
}

const struct feed_provider *stations_provider(struct stations *stations)
{
    return &stations->provider;
}

static bool open_all(struct stations *stations, struct error *err)
{
    bool ok = make_dir(stations->dir, err) && finish_deletions(stations, err) &&
              positions_open(&stations->positions, stations->catalog, err) &&
              catalog_station_each(stations->catalog, load_station, stations, err);
    if (ok)
        open_logs(stations);
    return ok;
}

struct stations *stations_open(const struct stations_options *options, struct error *err)
{
    struct stations *stations = mem_zalloc(sizeof(*stations));
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/stations", options->dir);
    stations->dir = mem_strdup(path);
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
    pthread_mutex_init(&stations->lock, NULL);
    list_init(&stations->recalling);
    keeper_init(&stations->keeper, stations);
    if (!open_all(stations, err) || (!options->manual && !keeper_start(&stations->keeper, err))) {
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
        ok = start_capture(station, err) || error_wrap(err, "station %s", station->name);
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
        stop_capture(station);
        if (station->log != NULL)
            station_close_log(station);
    }
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
    pthread_mutex_destroy(&stations->control);
    pthread_mutex_destroy(&stations->lock);
    mem_free(stations->dir);
    mem_free(stations);
}

/* ---- Creating, changing ---------------------------------------------------------------------------------- */

/* Control is held. Takes what is in config, also on failure. Returns a reference, or NULL. */
static struct station *create(struct stations *stations, struct station_config *config, struct error *err)
{
    char path[PATH_BYTES];
    struct buf object = {0};
    struct station *former = stations_find(stations, str_of(config->name));
    if (former != NULL) {
        station_unref(former);
        error_set(err, ERR_EXISTS, "station %s exists", config->name);
        station_config_free(config);
        return NULL;
    }
    if (access(path_of(stations, "", config->name, path), F_OK) == 0) {
        error_set(err, ERR_EXISTS, "%s is there, but belongs to no station", path);
        error_hint(err, "move it away");
        station_config_free(config);
        return NULL;
    }
    struct station *station = station_new(stations, config, clock_wall_ms());
    station_config_print(&station->config, &object);
    bool ok = catalog_station_put(stations->catalog, str_of(station->name), buf_str(&object),
                                  station->created_ms, true, err);
    buf_free(&object);
    if (!ok) {
        station_unref(station);
        return NULL;
    }
    if (!open_log(station, err) || !start_capture(station, err)) {
        stop_capture(station);
        if (station->log != NULL)
            station_close_log(station);
        catalog_station_delete(stations->catalog, str_of(station->name), NULL);
        log_delete(stations->engine, path, NULL);
        station_unref(station);
        return NULL;
    }
    station_ref(station);
    enlist(stations, station);
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
    struct station *station = create(stations, &config, err);
    pthread_mutex_unlock(&stations->control);
    station_unref(station);
    return station != NULL;
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
        station = create(stations, &config, err);
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
        const struct log_options options = log_options_of(station->all, &station->config);
        log_set_options(log, &options);
        station_log_leave(station);
    }
    if (station->capturing) {
        for (size_t i = 0; i < former.topic_count; i++) {
            if (!has_topic(&station->config, former.topics[i]))
                service_unsubscribe(stations->broker, &station->subscriber, str_of(former.topics[i]));
        }
        ok = start_capture(station, err);
    }
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

/* ---- Deleting, purging ----------------------------------------------------------------------------------- */

static bool may_go(struct station *station, struct error *err)
{
    pthread_mutex_lock(&station->lock);
    bool used = !list_empty(&station->uses);
    if (used)
        error_set(err, ERR_BUSY, "station %s is used by %s", station->name,
                  CONTAINER_OF(station->uses.next, struct station_use, link)->who);
    LIST_EACH(it, &station->consumers)
    {
        const struct consumer *consumer = consumer_of_link(it);
        unsigned members = consumer_members(consumer);
        if (used || members == 0)
            continue;
        used = true;
        error_set(err, ERR_BUSY, "group %s of station %s has %u member%s", consumer_name(consumer),
                  station->name, members, members == 1 ? "" : "s");
    }
    pthread_mutex_unlock(&station->lock);
    return !used || error_hint(err, "end its use, or force the deletion");
}

/* Control is held. Steps 2 to 4. */
static bool remove_all(struct stations *stations, struct station *station, struct error *err)
{
    char path[PATH_BYTES], gone[PATH_BYTES];
    path_of(stations, "", station->name, path);
    path_of(stations, "-", station->name, gone);
    if (rename(path, gone) != 0 && errno != ENOENT)
        return error_errno(err, errno, "rename %s", path);
    positions_flush(&stations->positions);
    if (!sync_dir(stations->dir, err) ||
        !catalog_station_delete(stations->catalog, str_of(station->name), err))
        return false;
    struct error late = {0};
    if (!log_delete(stations->engine, gone, &late) && late.code != ERR_NOT_FOUND)
        LOG_WARNING("files of a deleted station stay until the next start",
                    LOG_TEXT("station", station->name), LOG_ERROR_OF(&late));
    return true;
}

bool stations_delete(struct stations *stations, struct str name, bool force, struct error *err)
{
    pthread_mutex_lock(&stations->control);
    struct station *station = stations_get(stations, name, err);
    bool ok = station != NULL && (force || may_go(station, err));
    if (ok) {
        pthread_mutex_lock(&station->lock);
        station->deleted = true; /* no group comes any more */
        pthread_mutex_unlock(&station->lock);
        pthread_mutex_lock(&stations->lock);
        map_remove_item(&stations->by_name, station->hash, station);
        pthread_mutex_unlock(&stations->lock);
        stop_capture(station);
        consumers_end(station);
        if (station->log != NULL)
            station_close_log(station);
        keeper_touch(station);
        ok = remove_all(stations, station, err);
        LOG_INFO("station deleted", LOG_TEXT("station", station->name));
        station_unref(station); /* the list's */
    }
    pthread_mutex_unlock(&stations->control);
    station_unref(station);
    return ok;
}

bool stations_purge(struct stations *stations, struct str name, uint64_t *count, struct error *err)
{
    struct station *station = stations_get(stations, name, err);
    if (station == NULL)
        return false;
    struct log *log = station_log_enter(station);
    bool ok = false;
    if (log == NULL) {
        station_gone(station, err);
    } else {
        struct log_bounds bounds;
        log_bounds(log, &bounds);
        ok = log_trim(log, bounds.next, err);
        if (ok)
            *count = bounds.next - bounds.first;
        station_log_leave(station);
        keeper_touch(station);
    }
    station_unref(station);
    return ok;
}

/* ---- Uses ------------------------------------------------------------------------------------------------ */

bool stations_use(struct stations *stations, struct str name, struct str who, struct error *err)
{
    struct station *station = stations_get(stations, name, err);
    if (station == NULL)
        return false;
    struct station_use *use = mem_alloc(sizeof(*use) + who.len + 1);
    *use = (struct station_use){0};
    memcpy(use->who, who.data, who.len);
    use->who[who.len] = '\0';
    pthread_mutex_lock(&station->lock);
    bool ok = !station->deleted;
    if (ok)
        list_append(&station->uses, &use->link);
    pthread_mutex_unlock(&station->lock);
    if (!ok) {
        mem_free(use);
        station_gone(station, err);
    }
    station_unref(station);
    return ok;
}

void stations_unuse(struct stations *stations, struct str name, struct str who)
{
    struct station *station = stations_find(stations, name);
    if (station == NULL)
        return;
    pthread_mutex_lock(&station->lock);
    LIST_EACH(it, &station->uses)
    {
        struct station_use *use = CONTAINER_OF(it, struct station_use, link);
        if (!str_equal(str_of(use->who), who))
            continue;
        list_remove(&use->link);
        mem_free(use);
        break;
    }
    pthread_mutex_unlock(&station->lock);
    station_unref(station);
}
