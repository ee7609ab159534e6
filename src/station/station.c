/* One station: its life, from its log's opening to the end of its captures, its references, and the door to its log.
 *
 * The log is used on many threads and closed by one. Who uses it enters and leaves: a count. Who closes it shuts the door
 * and waits until nobody is inside; from then on entering gives NULL. Both sides are sequentially consistent: who enters
 * counts first and looks at the door then, who closes shuts the door first and looks at the count then. */
#include "station/consumer.h"
#include "station/station_internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define BATCH_BYTES_SPARE ((uint32_t)1 << 20) /* of a batch, beyond the largest message */

/* ---- The door -------------------------------------------------------------------------------------------- */

struct log *station_log_enter(struct station *station)
{
    atomic_fetch_add_explicit(&station->log_users, 1, memory_order_seq_cst);
    if (station->log != NULL && !atomic_load_explicit(&station->closed, memory_order_seq_cst))
        return station->log;
    station_log_leave(station);
    return NULL;
}

void station_log_leave(struct station *station)
{
    atomic_fetch_sub_explicit(&station->log_users, 1, memory_order_seq_cst);
}

bool station_is_closed(const struct station *station)
{
    return atomic_load_explicit(&station->closed, memory_order_seq_cst);
}

bool station_gone(const struct station *station, struct error *err)
{
    if (station->log == NULL && station->failure.code != ERR_NONE) {
        if (err != NULL)
            *err = station->failure;
        return false;
    }
    return error_set(err, ERR_CLOSED, "station %s is deleted or closed", station->name);
}

void station_close_log(struct station *station)
{
    atomic_store_explicit(&station->closed, true, memory_order_seq_cst);
    while (atomic_load_explicit(&station->log_users, memory_order_seq_cst) > 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    log_close(station->log); /* wakes who waits at its end */
}

void station_apply(struct station *station)
{
    const struct station_config *config = &station->config;
    atomic_store_explicit(&station->dedup_window_ms, config->dedup_window_ms, memory_order_relaxed);
    atomic_store_explicit(&station->ack_wait_ms, config->ack_wait_ms, memory_order_relaxed);
    atomic_store_explicit(&station->max_deliveries, config->max_deliveries, memory_order_relaxed);
    atomic_store_explicit(&station->max_ack_pending, config->max_ack_pending, memory_order_relaxed);
    atomic_store_explicit(&station->max_message_bytes, config->max_message_bytes, memory_order_relaxed);
}

/* ---- Itself ---------------------------------------------------------------------------------------------- */

struct station *station_new(struct stations *all, struct station_config *config, int64_t created_ms)
{
    struct station *station = mem_zalloc(sizeof(*station));
    station->all = all;
    station->name = mem_strdup(config->name);
    station->created_ms = created_ms;
    station->config = *config;
    *config = (struct station_config){0};
    atomic_init(&station->refs, 1);
    pthread_mutex_init(&station->lock, NULL);
    list_init(&station->consumers);
    list_init(&station->uses);
    ids_init(&station->ids);
    id_file_init(&station->id_file, all->ids_dir, station->name, created_ms);
    exchanges_init(&station->exchanges);
    station_apply(station);
    return station;
}

void station_unref(struct station *station)
{
    if (station == NULL || atomic_fetch_sub_explicit(&station->refs, 1, memory_order_acq_rel) != 1)
        return;
    unsigned posts = station->captures != NULL ? stations_post_count(station->all) : 0;
    for (unsigned i = 0; i < posts; i++)
        capture_free(station->captures[i]);
    mem_free(station->captures);
    LIST_EACH_SAFE(it, &station->uses)
    mem_free(CONTAINER_OF(it, struct station_use, link));
    tier_free(atomic_load_explicit(&station->tier, memory_order_relaxed));
    ids_free(&station->ids);
    id_file_free(&station->id_file);
    exchanges_free(&station->exchanges);
    station_config_free(&station->config);
    pthread_mutex_destroy(&station->lock);
    mem_free(station->name);
    mem_free(station);
}

/* ---- From its opening to its end -------------------------------------------------------------------------- */

const char *stations_path(const struct stations *stations, const char *prefix, const char *name,
                          char out[STATION_PATH_BYTES])
{
    snprintf(out, STATION_PATH_BYTES, "%s/%s%s", stations->dir, prefix, name);
    return out;
}

struct log_options station_log_options(const struct stations *stations, const struct station_config *config)
{
    return (struct log_options){
        .segment_bytes = stations->segment_bytes,
        .sync_ms = config->sync_ms,
        .compress = config->compression == STATION_ZSTD,
        .max_batch_bytes = config->max_message_bytes > (uint32_t)16 << 20
                               ? config->max_message_bytes + BATCH_BYTES_SPARE
                               : 0,
    };
}

bool station_open_log(struct station *station, struct error *err)
{
    char path[STATION_PATH_BYTES];
    const struct log_options options = station_log_options(station->all, &station->config);
    station->log =
        log_open(station->all->engine, stations_path(station->all, "", station->name, path), &options, err);
    if (station->log == NULL)
        return error_wrap(err, "station %s", station->name);
    recall_start(station);
    return settle_apply(station, err);
}

bool station_start_capture(struct station *station, struct error *err)
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

void station_stop_capture(struct station *station)
{
    if (!station->capturing)
        return;
    service_subscriber_end(station->all->broker, &station->subscriber);
    station->capturing = false;
}

void station_retire(struct station *station)
{
    pthread_mutex_lock(&station->lock);
    station->deleted = true; /* no group comes any more */
    pthread_mutex_unlock(&station->lock);
    station_stop_capture(station);
    consumers_end(station);
    settle_stop(station, true);
    if (station->log != NULL)
        station_close_log(station);
    absent_leave(station);
}

bool station_trim(struct station *station, struct log *log, uint64_t below, struct error *err)
{
    struct error failure = {0};
    int64_t window_ms = atomic_load_explicit(&station->dedup_window_ms, memory_order_relaxed);
    if (!id_file_save(&station->id_file, log, below, window_ms, &failure) && id_file_warns(&station->id_file))
        LOG_WARNING("message ids not saved: repetitions of these messages are stored after a restart",
                    LOG_TEXT("station", station->name), LOG_ERROR_OF(&failure));
    return log_trim(log, below, err);
}
