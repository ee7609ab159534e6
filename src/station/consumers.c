/* The groups of a station: finding and making them, their start and their end. */
#include "station/consumer.h"

#include "base/log.h"
#include "base/mem.h"

#include <assert.h>

struct consumer *consumer_of_link(struct list *link)
{
    return CONTAINER_OF(link, struct consumer, of_station);
}

const char *consumer_name(const struct consumer *consumer)
{
    return consumer->name;
}

unsigned consumer_members(const struct consumer *consumer)
{
    return atomic_load_explicit(&consumer->members, memory_order_relaxed);
}

/* Under the station's lock. */
static struct consumer *find(struct station *station, struct str name)
{
    LIST_EACH(it, &station->consumers)
    {
        if (str_equal(str_of(consumer_of_link(it)->name), name))
            return consumer_of_link(it);
    }
    return NULL;
}

struct consumer *consumer_find(struct station *station, struct str name, struct error *err)
{
    pthread_mutex_lock(&station->lock);
    struct consumer *consumer = find(station, name);
    if (consumer != NULL)
        consumer_ref(consumer);
    pthread_mutex_unlock(&station->lock);
    if (consumer == NULL)
        error_set(err, ERR_NOT_FOUND, "station %s has no group \"%.*s\"", station->name,
                  (int)(name.len < 100 ? name.len : 100), name.len > 0 ? name.data : "");
    return consumer;
}

/* ---- Making ---------------------------------------------------------------------------------------------- */

static bool same_filter(const struct consumer *consumer, struct str filter)
{
    return str_equal(consumer->filter != NULL ? str_of(consumer->filter) : STR(""), filter);
}

/* Where a new group starts. */
static bool place(struct consumer *consumer, const struct station_start *start, struct error *err)
{
    struct log *log = station_log_enter(consumer->station);
    if (log == NULL)
        return station_gone(consumer->station, err);
    struct log_bounds bounds;
    reach_bounds(consumer->station, log, &bounds);
    station_log_leave(consumer->station);
    if (start->kind == START_TIME) {
        consumer->finding = true;
        consumer->start_ms = start->time_ms;
        group_init(&consumer->group, bounds.first, 0);
    } else {
        group_init(&consumer->group, station_start_offset(start, &bounds), 0);
    }
    consumer->group.changed = true;
    atomic_store_explicit(&consumer->acked, consumer->group.next, memory_order_relaxed);
    atomic_store_explicit(&consumer->next, consumer->group.next, memory_order_relaxed);
    return true;
}

static void enlist(struct consumer *consumer)
{
    list_append(&consumer->station->consumers, &consumer->of_station);
}

/* Under the station's lock. Returns the list's reference, or NULL. */
static struct consumer *make(struct station *station, struct str name, struct str filter,
                             const struct station_start *start, struct error *err)
{
    bool found;
    if (station->deleted) {
        station_gone(station, err);
        return NULL;
    }
    struct consumer *consumer = consumer_new(station, name, filter);
    if (!place(consumer, start, err)) {
        consumer_unref(consumer);
        return NULL;
    }
    consumer->position = position_claim(&station->all->positions, POSITION_GROUP, str_of(station->name), name,
                                        STR(""), &found);
    assert(consumer->position != NULL);
    consumer_store_now(consumer); /* `latest` would be another place after a restart */
    enlist(consumer);
    return consumer;
}

struct consumer *consumer_get(struct station *station, struct str name, struct str filter,
                              const struct station_start *start, struct error *err)
{
    pthread_mutex_lock(&station->lock);
    struct consumer *consumer = find(station, name);
    if (consumer == NULL) {
        consumer = make(station, name, filter, start, err);
    } else if (!same_filter(consumer, filter)) {
        error_set(err, ERR_INVALID, "group %s of station %s reads \"%s\"", consumer->name, station->name,
                  consumer->filter != NULL ? consumer->filter : "#");
        error_hint(err, "use the same topic filter, or another group");
        consumer = NULL;
    }
    if (consumer != NULL) {
        consumer_ref(consumer);
        consumer_wake_owner(consumer);
    }
    pthread_mutex_unlock(&station->lock);
    return consumer;
}

/* ---- Start and end --------------------------------------------------------------------------------------- */

/* Returns owned; NULL: what is stored is no position. */
static struct consumer *decode(struct station *station, struct str name, struct str value, struct error *err)
{
    size_t len = value.len >= 2 ? (size_t)(uint8_t)value.data[0] | (size_t)(uint8_t)value.data[1] << 8 : 0;
    if (value.len < 2 + len) {
        error_set(err, ERR_CORRUPT, "the stored position is too short");
        return NULL;
    }
    struct consumer *consumer = consumer_new(station, name, str_make(value.data + 2, len));
    uint32_t max_deliveries = atomic_load_explicit(&station->max_deliveries, memory_order_relaxed);
    group_free(&consumer->group);
    if (group_decode(&consumer->group, str_make(value.data + 2 + len, value.len - 2 - len), max_deliveries,
                     err))
        return consumer;
    group_init(&consumer->group, 0, 0);
    consumer_unref(consumer);
    return NULL;
}

static void load(struct str station_name, struct str name, struct str value, void *arg)
{
    struct stations *stations = arg;
    struct station *station = stations_find(stations, station_name);
    struct error err;
    bool found;
    if (station == NULL)
        return;
    struct consumer *consumer = decode(station, name, value, &err);
    if (consumer == NULL) {
        LOG_ERROR("a group starts anew", LOG_STR("station", station_name), LOG_STR("group", name),
                  LOG_ERROR_OF(&err));
    } else {
        consumer->position =
            position_claim(&stations->positions, POSITION_GROUP, station_name, name, STR(""), &found);
        atomic_store_explicit(&consumer->acked, group_acked(&consumer->group), memory_order_relaxed);
        atomic_store_explicit(&consumer->next, consumer->group.next, memory_order_relaxed);
        atomic_store_explicit(&consumer->pending, consumer->group.pending_count, memory_order_relaxed);
        enlist(consumer);
    }
    station_unref(station);
}

void consumers_load(struct stations *stations)
{
    positions_each_group(&stations->positions, load, stations);
}

static bool start_all(struct str name, void *arg)
{
    struct station *station = stations_find(arg, name);
    if (station == NULL)
        return true;
    pthread_mutex_lock(&station->lock);
    LIST_EACH(it, &station->consumers)
    consumer_wake_owner(consumer_of_link(it));
    pthread_mutex_unlock(&station->lock);
    station_unref(station);
    return true;
}

void consumers_start(struct stations *stations)
{
    stations_each(stations, start_all, stations);
}

static bool stop_all(struct str name, void *arg)
{
    struct station *station = stations_find(arg, name);
    if (station == NULL)
        return true;
    while (!list_empty(&station->consumers)) {
        struct consumer *consumer = consumer_of_link(station->consumers.next);
        list_remove(&consumer->of_station);
        consumer_leave(consumer);
        if (consumer->group.changed)
            consumer_store_now(consumer);
        position_release(consumer->position);
        consumer_unref(consumer);
    }
    station_unref(station);
    return true;
}

void consumers_stop(struct stations *stations)
{
    stations_each(stations, stop_all, stations);
}

static void leave(void *arg)
{
    consumer_leave(arg);
}

/* The consumer is in no list any more. Takes the list's reference. */
static void end(struct consumer *consumer)
{
    if (consumer->post == NULL || !post_call(consumer->post, leave, consumer))
        consumer_leave(consumer);
    position_forget(consumer->position);
    consumer->position = NULL;
    consumer_unref(consumer);
}

bool consumer_end(struct consumer *consumer, bool force, struct error *err)
{
    struct station *station = consumer->station;
    pthread_mutex_lock(&station->lock);
    unsigned members = consumer_members(consumer);
    bool ok = list_linked(&consumer->of_station);
    if (!ok)
        error_set(err, ERR_NOT_FOUND, "group %s is deleted", consumer->name);
    if (ok && members > 0 && !force) {
        ok = error_set(err, ERR_BUSY, "group %s of station %s has %u member%s", consumer->name, station->name,
                       members, members == 1 ? "" : "s");
        error_hint(err, "let them unsubscribe, or force the deletion");
    }
    if (ok)
        list_remove(&consumer->of_station);
    pthread_mutex_unlock(&station->lock);
    if (ok)
        end(consumer);
    return ok;
}

void consumers_end(struct station *station)
{
    for (;;) {
        pthread_mutex_lock(&station->lock);
        struct consumer *consumer =
            list_empty(&station->consumers) ? NULL : consumer_of_link(station->consumers.next);
        if (consumer != NULL)
            list_remove(&consumer->of_station);
        pthread_mutex_unlock(&station->lock);
        if (consumer == NULL)
            return;
        end(consumer);
    }
}
