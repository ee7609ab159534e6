/* One station: its references, and the door to its log.
 *
 * The log is used on many threads and closed by one. Who uses it enters and leaves: a count. Who closes it shuts the door
 * and waits until nobody is inside; from then on entering gives NULL. Both sides are sequentially consistent: who enters
 * counts first and looks at the door then, who closes shuts the door first and looks at the count then. */
#include "station/station_internal.h"

#include "base/mem.h"

#include <time.h>

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
    ids_free(&station->ids);
    station_config_free(&station->config);
    pthread_mutex_destroy(&station->lock);
    mem_free(station->name);
    mem_free(station);
}
