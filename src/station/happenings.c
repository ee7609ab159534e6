/* Events of stations: told to one listener, at no cost while it does not want them. */
#include "station/station_internal.h"

#include "base/clock.h"

#define ONE_READ ((size_t)4096)

void stations_listen(struct stations *stations, struct station_listener *listener, uint32_t kinds)
{
    pthread_rwlock_wrlock(&stations->listening);
    stations->listener = listener;
    pthread_rwlock_unlock(&stations->listening);
    atomic_store_explicit(&stations->events_wanted, kinds, memory_order_relaxed);
}

void stations_unlisten(struct stations *stations)
{
    stations_listen(stations, NULL, 0);
}

bool station_event_wanted(const struct station *station, enum station_event_kind kind)
{
    return (atomic_load_explicit(&station->all->events_wanted, memory_order_relaxed) & 1u << kind) != 0;
}

void station_raise(const struct station *station, struct station_event *event)
{
    struct stations *stations = station->all;
    event->station = str_of(station->name);
    event->time_ms = clock_wall_ms();
    pthread_rwlock_rdlock(&stations->listening);
    if (stations->listener != NULL)
        stations->listener->raise(stations->listener, event);
    pthread_rwlock_unlock(&stations->listening);
}

/* 0: it cannot be read. */
static int64_t time_of(struct log *log, uint64_t offset)
{
    struct log_chunk *chunk;
    struct log_cursor cursor;
    struct log_record record;
    int64_t time_ms = 0;
    if (log_read(log, offset, ONE_READ, 0, &chunk, NULL) != LOG_READ)
        return 0;
    log_cursor_init(&cursor, chunk, offset);
    if (log_cursor_next(&cursor, &record))
        time_ms = record.time_ms;
    log_chunk_unref(chunk);
    return time_ms;
}

bool station_event_expelled(struct station *station, struct log *log, uint64_t first, uint64_t below,
                            const char *reason, struct station_event *out)
{
    uint64_t before = 0, all = 0;
    if (below <= first || !station_event_wanted(station, STATION_EXPELLED))
        return false;
    if (!log_bytes_below(log, first, &before, NULL) || !log_bytes_below(log, below, &all, NULL))
        all = before = 0;
    *out = (struct station_event){.kind = STATION_EXPELLED,
                                  .first_offset = first,
                                  .last_offset = below - 1,
                                  .first_ms = time_of(log, first),
                                  .last_ms = time_of(log, below - 1),
                                  .count = below - first,
                                  .bytes = all - before,
                                  .reason = reason};
    return true;
}
