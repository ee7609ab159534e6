/* Deleting stations, and who is in the way of that; purging them.
 *
 * Deleting is four steps, each of them durable, so that a crash between any two of them leaves a station or none:
 *
 *   1. nobody captures, reads or appends any more; the log is closed; subscriptions wait for the next one (absent.c)
 *   2. DIR/stations/<name> is renamed to DIR/stations/-<name>: no name begins like that
 *   3. the row goes from the catalog, with all positions
 *   4. -<name> is removed
 *
 * A directory -<name> at the opening is a deletion to be finished. */
#include "station/consumer.h"
#include "station/station_internal.h"

#include "base/dir.h"
#include "base/log.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    char path[STATION_PATH_BYTES], gone[STATION_PATH_BYTES];
    stations_path(stations, "", station->name, path);
    stations_path(stations, "-", station->name, gone);
    if (rename(path, gone) != 0 && errno != ENOENT)
        return error_errno(err, errno, "rename %s", path);
    positions_flush(&stations->positions);
    id_file_remove(&station->id_file);
    if (!dir_sync(stations->dir, err) ||
        !catalog_station_delete(stations->catalog, str_of(station->name), err))
        return false;
    struct error late = {0};
    if (!log_delete(stations->engine, gone, &late) && late.code != ERR_NOT_FOUND)
        LOG_WARNING("files of a deleted station stay until the next start",
                    LOG_TEXT("station", station->name), LOG_ERROR_OF(&late));
    return true;
}

/* The table goes first: on a failure the station is there, and can be deleted again. */
static bool destroy_table(struct station *station, struct error *err)
{
    struct tier *tier = atomic_load_explicit(&station->tier, memory_order_relaxed);
    return tier == NULL || tier_destroy(tier, err);
}

bool stations_delete(struct stations *stations, struct str name, bool force, bool table, struct error *err)
{
    pthread_mutex_lock(&stations->control);
    struct station *station = stations_get(stations, name, err);
    bool ok = station != NULL && (force || may_go(station, err)) && (!table || destroy_table(station, err));
    if (ok) {
        pthread_mutex_lock(&stations->lock);
        map_remove_item(&stations->by_name, station->hash, station);
        pthread_mutex_unlock(&stations->lock);
        station_retire(station);
        keeper_touch(station);
        ok = remove_all(stations, station, err);
        LOG_INFO("station deleted", LOG_TEXT("station", station->name));
        station_unref(station); /* the list's */
    }
    pthread_mutex_unlock(&stations->control);
    station_unref(station);
    return ok;
}

/* With a second tier they leave the log when they are in the table. */
static bool expel_all(struct station *station, struct log *log, uint64_t *count, struct error *err)
{
    struct log_bounds bounds;
    struct station_event event;
    log_bounds(log, &bounds);
    *count = bounds.next - bounds.first;
    bool tiered = station_tier(station) != NULL;
    uint64_t expelled = tiered ? atomic_load_explicit(&station->expelled, memory_order_relaxed) : 0;
    uint64_t first = expelled > bounds.first ? expelled : bounds.first;
    bool told = station_event_expelled(station, log, first, bounds.next, "purged", &event);
    if (!tiered && !station_trim(station, log, bounds.next, err))
        return false;
    if (told)
        station_raise(station, &event);
    while (tiered && expelled < bounds.next &&
           !atomic_compare_exchange_weak_explicit(&station->expelled, &expelled, bounds.next,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
    return true;
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
        ok = expel_all(station, log, count, err);
        station_log_leave(station);
        keeper_touch(station);
    }
    station_unref(station);
    return ok;
}

/* ---- After a crash --------------------------------------------------------------------------------------- */

static int begins_deleted(const struct dirent *entry)
{
    return entry->d_name[0] == '-';
}

/* `name` without the dash. One that was created again meanwhile keeps its row. */
static bool finish_deletion(struct stations *stations, const char *name, struct error *err)
{
    char path[STATION_PATH_BYTES];
    struct error missing = {0};
    bool created_again = access(stations_path(stations, "", name, path), F_OK) == 0;
    if (!created_again && !catalog_station_delete(stations->catalog, str_of(name), &missing) &&
        missing.code != ERR_NOT_FOUND) {
        if (err != NULL)
            *err = missing;
        return error_wrap(err, "finish deleting station %s", name);
    }
    return log_delete(stations->engine, stations_path(stations, "-", name, path), err);
}

/* Finishes deletions that a crash has cut short. */
bool stations_finish_deletions(struct stations *stations, struct error *err)
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
