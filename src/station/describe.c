/* What the stations and their groups say of themselves. */
#include "station/consumer.h"
#include "station/station_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>

static uint64_t get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* ---- A station ------------------------------------------------------------------------------------------- */

void describe_time(struct buf *out, const char *key, bool known, int64_t time_ms)
{
    char text[CLOCK_TEXT_BYTES];
    clock_format(time_ms, text);
    if (known)
        buf_printf(out, "\"%s\":\"%s\"", key, text);
    else
        buf_printf(out, "\"%s\":null", key);
}

/* The time of one record; false: it cannot be read. */
static bool time_at(struct log *log, uint64_t offset, int64_t *time_ms)
{
    struct log_chunk *chunk;
    struct log_cursor cursor;
    struct log_record record;
    if (log_read(log, offset, 1, 0, &chunk, NULL) != LOG_READ)
        return false;
    log_cursor_init(&cursor, chunk, offset);
    bool ok = log_cursor_next(&cursor, &record) && record.offset == offset;
    if (ok)
        *time_ms = record.time_ms;
    log_chunk_unref(chunk);
    return ok;
}

#define TEXT_OF(number)  #number
#define VALUE_OF(number) TEXT_OF(number)

const char *station_warning(struct station *station)
{
    int64_t last_ms;
    int64_t window_ms = atomic_load_explicit(&station->dedup_window_ms, memory_order_relaxed);
    if (ids_forgotten(&station->ids, &last_ms) == 0 || last_ms + window_ms <= clock_wall_ms())
        return NULL;
    return "more than " VALUE_OF(
        IDS_MAX) " messages with an id within dedup_window: the oldest ids are "
                 "forgotten, and a repetition of such a message is stored again (shorten dedup_window)";
}

static void append_warning(struct station *station, struct buf *out)
{
    const char *warning = station_warning(station);
    buf_append_str(out, STR(",\"warning\":"));
    if (warning != NULL)
        buf_append_json(out, str_of(warning));
    else
        buf_append_str(out, STR("null"));
}

/* Of the oldest row of the table. */
static bool table_time(struct station *station, int64_t *time_ms)
{
    struct tier *tier = station_tier(station);
    struct tier_bounds table = {0};
    if (tier != NULL)
        tier_bounds(tier, &table);
    *time_ms = table.first_ms;
    return table.any;
}

static void append_log(struct station *station, struct buf *out)
{
    struct error why = {0};
    struct log *log = station_log_enter(station);
    struct log_bounds bounds = {0}, reach = {0};
    uint64_t messages = 0;
    int64_t first_ms = 0, last_ms = 0;
    bool first_known = false, last_known = false;
    const char *status = "failed";
    if (log == NULL) {
        station_gone(station, &why);
    } else {
        log_bounds(log, &bounds);
        reach_bounds(station, log, &reach);
        messages = reach_messages(station, &bounds);
        status = log_writable(log, &why) ? "running" : "read_only";
        if (bounds.next > bounds.first) {
            first_known = time_at(log, bounds.first, &first_ms);
            last_known = time_at(log, bounds.next - 1, &last_ms);
        }
        if (reach.first < bounds.first)
            first_known = table_time(station, &first_ms);
        station_log_leave(station);
    }
    buf_printf(out, "\"status\":\"%s\",\"error\":", status);
    if (why.code == ERR_NONE)
        buf_append_str(out, STR("null"));
    else
        buf_append_json(out, str_of(why.text));
    append_warning(station, out);
    buf_printf(out,
               ",\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"disk_bytes\":%" PRIu64
               ",\"segments\":%" PRIu32 ",\"first_offset\":%" PRIu64 ",\"next_offset\":%" PRIu64,
               messages, bounds.bytes, bounds.disk_bytes, bounds.segments, reach.first, bounds.next);
    buf_append_byte(out, ',');
    describe_time(out, "first_time", first_known, first_ms);
    buf_append_byte(out, ',');
    describe_time(out, "last_time", last_known, last_ms);
}

static void append_counters(struct station *station, struct buf *out)
{
    buf_printf(out,
               ",\"messages_in\":%" PRIu64 ",\"bytes_in\":%" PRIu64 ",\"duplicates\":%" PRIu64
               ",\"refused\":%" PRIu64 ",\"rate_in\":%" PRIu32 ",\"rate_bytes_in\":%" PRIu32
               ",\"readers\":%u",
               get(&station->messages_in), get(&station->bytes_in), get(&station->duplicates),
               get(&station->refused), atomic_load_explicit(&station->rate_in, memory_order_relaxed),
               atomic_load_explicit(&station->rate_bytes_in, memory_order_relaxed),
               atomic_load_explicit(&station->readers, memory_order_relaxed));
}

static void append_lists(struct station *station, struct buf *out)
{
    unsigned groups = 0;
    pthread_mutex_lock(&station->lock);
    LIST_EACH(it, &station->consumers)
    groups++;
    buf_printf(out, ",\"groups\":%u,\"uses\":[", groups);
    LIST_EACH(it, &station->uses)
    {
        buf_append_str(out, it->prev != &station->uses ? STR(",") : STR(""));
        buf_append_json(out, str_of(CONTAINER_OF(it, struct station_use, link)->who));
    }
    pthread_mutex_unlock(&station->lock);
    buf_append_byte(out, ']');
}

bool stations_describe(struct stations *stations, struct str name, struct buf *out, struct error *err)
{
    struct station *station = stations_get(stations, name, err);
    if (station == NULL)
        return false;
    pthread_mutex_lock(&station->lock);
    station_config_print(&station->config, out);
    pthread_mutex_unlock(&station->lock);
    out->len--; /* the closing brace */
    buf_append_str(out, STR(",\"state\":{"));
    append_log(station, out);
    append_counters(station, out);
    append_lists(station, out);
    station_append_tier(station, out);
    buf_append_str(out, STR("}}"));
    station_unref(station);
    return true;
}

bool station_stats(struct stations *stations, struct str name, struct station_stats *out, struct error *err)
{
    struct station *station = stations_get(stations, name, err);
    if (station == NULL)
        return false;
    struct log_bounds bounds = {0};
    struct log *log = station_log_enter(station);
    *out = (struct station_stats){0};
    if (log != NULL) {
        log_bounds(log, &bounds);
        out->running = log_writable(log, NULL);
        station_log_leave(station);
    }
    out->messages = log != NULL ? reach_messages(station, &bounds) : 0;
    out->bytes = bounds.bytes;
    out->disk_bytes = bounds.disk_bytes;
    out->next_offset = bounds.next;
    out->messages_in = get(&station->messages_in);
    out->bytes_in = get(&station->bytes_in);
    out->duplicates = get(&station->duplicates);
    out->refused = get(&station->refused);
    int64_t last_ms;
    out->ids_forgotten = ids_forgotten(&station->ids, &last_ms);
    out->readers = atomic_load_explicit(&station->readers, memory_order_relaxed);
    pthread_mutex_lock(&station->lock);
    LIST_EACH(it, &station->consumers)
    out->groups++;
    pthread_mutex_unlock(&station->lock);
    station_unref(station);
    return true;
}

/* ---- Groups ---------------------------------------------------------------------------------------------- */

/* `text` gets the strings: the group may go. */
static struct station_group_info info_of(const struct consumer *consumer, const struct log_bounds *bounds,
                                         struct buf *text)
{
    struct str filter = consumer->filter != NULL ? str_of(consumer->filter) : STR("");
    struct station_group_info info = {
        .acked = get(&consumer->acked),
        .next = get(&consumer->next),
        .in_flight = get(&consumer->pending),
        .delivered = get(&consumer->delivered),
        .redelivered = get(&consumer->redelivered),
        .acknowledged = get(&consumer->acknowledged),
        .dead_letters = get(&consumer->dead_letters),
        .members = consumer_members(consumer),
    };
    /* What is expelled is behind it, although it may not have noticed. */
    info.next = info.next > bounds->first ? info.next : bounds->first;
    info.acked = info.acked > bounds->first ? info.acked : bounds->first;
    info.lag = (bounds->next > info.next ? bounds->next - info.next : 0) + info.in_flight;
    buf_reset(text);
    buf_append_str(text, str_of(consumer->name));
    buf_append_str(text, filter);
    info.name = str_make(text->data, strlen(consumer->name));
    info.filter = str_make(text->data + info.name.len, filter.len);
    return info;
}

static struct log_bounds bounds_of(struct station *station)
{
    struct log_bounds bounds = {0};
    struct log *log = station_log_enter(station);
    if (log != NULL) {
        reach_bounds(station, log, &bounds);
        station_log_leave(station);
    }
    return bounds;
}

bool station_groups_each(struct stations *stations, struct str name,
                         bool (*each)(const struct station_group_info *group, void *arg), void *arg,
                         struct error *err)
{
    struct station *station = stations_get(stations, name, err);
    if (station == NULL)
        return false;
    size_t count = 0;
    pthread_mutex_lock(&station->lock);
    LIST_EACH(it, &station->consumers)
    count++;
    struct consumer **all = mem_alloc((count + 1) * sizeof(struct consumer *));
    count = 0;
    LIST_EACH(it, &station->consumers)
    all[count++] = consumer_ref(consumer_of_link(it));
    pthread_mutex_unlock(&station->lock);
    const struct log_bounds bounds = bounds_of(station);
    struct buf text = {0};
    bool more = true;
    for (size_t i = 0; i < count; i++) {
        struct station_group_info info = info_of(all[i], &bounds, &text);
        more = more && each(&info, arg);
        consumer_unref(all[i]);
    }
    buf_free(&text);
    mem_free(all);
    station_unref(station);
    return true;
}

bool station_group_get(struct stations *stations, struct str name, struct str group,
                       struct station_group_info *out, struct buf *text, struct error *err)
{
    struct station *station = stations_get(stations, name, err);
    if (station == NULL)
        return false;
    struct consumer *consumer = consumer_find(station, group, err);
    const struct log_bounds bounds = bounds_of(station);
    if (consumer != NULL)
        *out = info_of(consumer, &bounds, text);
    consumer_unref(consumer);
    station_unref(station);
    return consumer != NULL;
}

bool station_group_delete(struct stations *stations, struct str name, struct str group, bool force,
                          struct error *err)
{
    struct station *station = stations_get(stations, name, err);
    if (station == NULL)
        return false;
    struct consumer *consumer = consumer_find(station, group, err);
    bool ok = consumer != NULL && consumer_end(consumer, force, err);
    if (ok)
        members_rejoin(consumer);
    consumer_unref(consumer);
    station_unref(station);
    return ok;
}
