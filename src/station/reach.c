/* Reading over both tiers: one sequence of offsets, from the oldest row of the table to the newest message.
 *
 *     table   first ───────────────────────▶ next
 *     log                      first ──────────────────▶ next
 *
 * What both have, between a commit and the trimming behind it, is read from the log. A gap between them, or within the
 * table, is what was given up: readers go on behind it, as they do behind what retention has expelled. */
#include "station/station_internal.h"

/* Whether the table has rows below the log's first. */
static bool table_below(struct station *station, const struct log_bounds *local, struct tier_bounds *out)
{
    struct tier *tier = station_tier(station);
    if (tier == NULL)
        return false;
    tier_bounds(tier, out);
    return out->any && out->first < local->first;
}

void reach_bounds(struct station *station, struct log *log, struct log_bounds *out)
{
    struct tier_bounds table;
    log_bounds(log, out);
    if (table_below(station, out, &table))
        out->first = table.first;
}

uint64_t reach_messages(struct station *station, const struct log_bounds *local)
{
    struct tier_bounds table;
    uint64_t held = local->next - local->first;
    if (!table_below(station, local, &table))
        return held;
    uint64_t both = table.next > local->first ? table.next - local->first : 0;
    return held + (table.rows > both ? table.rows - both : 0);
}

enum reach reach_below(struct station *station, const struct log_bounds *local, uint64_t offset,
                       uint64_t *next)
{
    struct tier_bounds table;
    *next = local->first;
    if (!table_below(station, local, &table) || offset >= table.next)
        return REACH_NONE;
    if (offset >= table.first)
        return REACH_TABLE;
    *next = table.first;
    return REACH_NONE;
}

enum log_read_result reach_read_local(struct station *station, uint64_t offset, size_t max_bytes,
                                      struct log_chunk **out, uint64_t *next, struct error *err)
{
    struct log_bounds bounds;
    struct log *log = station_log_enter(station);
    if (log == NULL) {
        station_gone(station, err);
        return LOG_READ_FAILED;
    }
    enum log_read_result result = log_read(log, offset, max_bytes, 0, out, err);
    log_bounds(log, &bounds);
    station_log_leave(station);
    if (result != LOG_READ_TRIMMED)
        return result;
    if (reach_below(station, &bounds, offset, next) == REACH_NONE)
        return LOG_READ_TRIMMED;
    *out = tier_read_cached(station_tier(station), offset);
    return *out != NULL ? LOG_READ : LOG_READ_BLOCKS;
}

enum log_read_result reach_read(struct station *station, uint64_t offset, size_t max_bytes,
                                struct log_chunk **out, uint64_t *next, struct error *err)
{
    enum log_read_result result = reach_read_local(station, offset, max_bytes, out, next, err);
    struct tier *tier = station_tier(station);
    if (result != LOG_READ_BLOCKS)
        return result;
    if (tier == NULL)
        return reach_read_local(station, offset, max_bytes, out, next, err); /* switched off meanwhile */
    struct tier_fetch fetch = {.offset = offset, .sequential = true};
    if (!tier_fetch_wait(tier, &fetch, err))
        return LOG_READ_FAILED;
    *out = fetch.chunk;
    *next = fetch.next;
    return fetch.chunk != NULL ? LOG_READ : LOG_READ_TRIMMED;
}

bool reach_offset_of_time_local(struct station *station, int64_t time_ms, uint64_t *offset, bool *earlier,
                                struct error *err)
{
    struct log_bounds bounds;
    struct tier_bounds table;
    struct log *log = station_log_enter(station);
    if (log == NULL)
        return station_gone(station, err);
    bool ok = log_offset_of_time(log, time_ms, offset, err);
    log_bounds(log, &bounds);
    station_log_leave(station);
    *earlier = ok && *offset <= bounds.first && table_below(station, &bounds, &table);
    return ok;
}

bool reach_offset_of_time(struct station *station, int64_t time_ms, uint64_t *offset, struct error *err)
{
    bool earlier = false;
    if (!reach_offset_of_time_local(station, time_ms, offset, &earlier, err))
        return false;
    if (!earlier)
        return true;
    struct tier_fetch fetch = {.by_time = true, .time_ms = time_ms};
    if (!tier_fetch_wait(station_tier(station), &fetch, err))
        return false;
    if (fetch.next < *offset)
        *offset = fetch.next;
    return true;
}
