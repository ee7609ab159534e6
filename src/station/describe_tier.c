/* What a station says of its second tier, and flushing it. */
#include "station/station_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <time.h>

#define POLL_MS 20

static void append_number(struct buf *out, const char *key, bool known, uint64_t number)
{
    if (known)
        buf_printf(out, "\"%s\":%" PRIu64, key, number);
    else
        buf_printf(out, "\"%s\":null", key);
}

static void append_text(struct buf *out, const char *key, const char *text)
{
    buf_printf(out, "\"%s\":", key);
    if (text == NULL || text[0] == '\0')
        buf_append_str(out, STR("null"));
    else
        buf_append_json(out, str_of(text));
}

static const char *guarantee_name(enum object_guarantee guarantee)
{
    switch (guarantee) {
    case OBJECT_EXACTLY_ONCE: return "exactly_once";
    case OBJECT_SINGLE_WRITER: return "single_writer";
    case OBJECT_UNPROBED: break;
    }
    return "unprobed";
}

static void append_config(struct station *station, struct buf *out)
{
    pthread_mutex_lock(&station->lock);
    const struct station_config *config = &station->config;
    buf_printf(out, "{\"enabled\":%s,", config->tier.enabled ? "true" : "false");
    append_text(out, "connector", config->tier.connector);
    buf_append_byte(out, ',');
    append_text(out, "bucket", config->tier.bucket);
    buf_append_byte(out, ',');
    append_text(out, "prefix", config->tier.prefix);
    pthread_mutex_unlock(&station->lock);
}

static void append_status(const struct tier_stats *stats, struct buf *out)
{
    buf_printf(out, ",\"status\":\"%s\",", tier_status_name(stats->status));
    bool failed = stats->err.code != ERR_NONE;
    append_text(out, "error", failed ? stats->err.text : NULL);
    buf_append_byte(out, ',');
    append_text(out, "error_code", failed ? error_code_name(stats->err.code) : NULL);
    buf_append_byte(out, ',');
    append_text(out, "hint", failed ? stats->err.hint : NULL);
    buf_append_byte(out, ',');
    describe_time(out, "error_at", failed, stats->err_ms);
    buf_append_byte(out, ',');
    describe_time(out, "retry_at", stats->retry_ms != 0, stats->retry_ms);
}

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

static void append_disk(struct station *station, struct buf *out)
{
    struct log_bounds bounds = {0};
    int64_t first_ms = 0, last_ms = 0;
    bool first = false, last = false;
    struct log *log = station_log_enter(station);
    if (log != NULL) {
        log_bounds(log, &bounds);
        first = bounds.next > bounds.first && time_at(log, bounds.first, &first_ms);
        last = bounds.next > bounds.first && time_at(log, bounds.next - 1, &last_ms);
        station_log_leave(station);
    }
    buf_printf(out,
               ",\"disk\":{\"first_offset\":%" PRIu64 ",\"next_offset\":%" PRIu64 ",\"messages\":%" PRIu64
               ",\"bytes\":%" PRIu64 ",",
               bounds.first, bounds.next, bounds.next - bounds.first, bounds.bytes);
    describe_time(out, "first_time", first, first_ms);
    buf_append_byte(out, ',');
    describe_time(out, "last_time", last, last_ms);
    buf_append_byte(out, '}');
}

static void append_table(const struct tier_stats *stats, struct buf *out)
{
    const struct tier_bounds *bounds = &stats->bounds;
    buf_append_str(out, STR(",\"table\":{"));
    append_number(out, "first_offset", bounds->any, bounds->first);
    buf_append_byte(out, ',');
    append_number(out, "next_offset", bounds->next > 0, bounds->next);
    buf_printf(out, ",\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64 ",", bounds->rows, bounds->bytes);
    describe_time(out, "first_time", bounds->any && bounds->first_ms != 0, bounds->first_ms);
    buf_printf(out, ",\"files\":%" PRIu64 ",\"stored_bytes\":%" PRIu64 ",", stats->files, stats->file_bytes);
    append_number(out, "snapshot_id", stats->snapshot != 0, stats->snapshot);
    buf_append_byte(out, ',');
    append_number(out, "metadata_version", stats->version != 0, stats->version);
    buf_append_byte(out, '}');
}

/* Rows in the table = committed - first + 1, but for what was given up. */
static bool is_complete(const struct tier_stats *stats)
{
    const struct tier_bounds *bounds = &stats->bounds;
    return !bounds->any || bounds->rows + stats->missing == bounds->next - bounds->first;
}

/* Of the kinds that a tier asks for. */
static void append_requests(const struct tier_stats *stats, struct buf *out)
{
    static const enum object_op ops[] = {OBJECT_PUT, OBJECT_GET, OBJECT_HEAD, OBJECT_DELETE_MANY,
                                         OBJECT_LIST};
    buf_append_str(out, STR(",\"requests\":{"));
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        const struct tier_requests *requests = &stats->requests[ops[i]];
        buf_printf(out, "%s\"%s\":{\"ok\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"retries\":%" PRIu64 "}",
                   i > 0 ? "," : "", object_op_name(ops[i]), requests->ok, requests->failed,
                   requests->retries);
    }
    buf_append_byte(out, '}');
}

static void append_figures(const struct tier_stats *stats, struct buf *out)
{
    const struct {
        const char *key;
        uint64_t value;
    } figures[] = {
        {"commits", stats->commits},
        {"migrated_messages", stats->migrated_messages},
        {"migrated_bytes", stats->migrated_bytes},
        {"uploaded_bytes", stats->uploaded_bytes},
        {"fetched_bytes", stats->fetched_bytes},
        {"puts", stats->puts},
        {"gets", stats->gets},
        {"failures", stats->failures},
        {"cache_hits", stats->cache_hits},
        {"cache_misses", stats->cache_misses},
        {"scrubbed_files", stats->scrubbed_files},
        {"findings", stats->findings},
        {"repaired", stats->repaired},
    };
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
        buf_printf(out, ",\"%s\":%" PRIu64, figures[i].key, figures[i].value);
    append_requests(stats, out);
}

static void append_scrub(const struct tier_stats *stats, struct buf *out)
{
    bool ended = stats->scrub_ended_ms != 0;
    buf_printf(out, ",\"scrub\":{\"running\":%s,", stats->scrub_began_ms != 0 ? "true" : "false");
    describe_time(out, "last_time", ended, stats->scrub_ended_ms);
    buf_append_byte(out, ',');
    append_number(out, "last_files", ended, stats->scrub_files);
    buf_append_byte(out, ',');
    append_number(out, "last_findings", ended, stats->scrub_findings);
    buf_append_byte(out, ',');
    append_number(out, "last_repaired", ended, stats->scrub_repaired);
    buf_append_byte(out, ',');
    describe_time(out, "next_time", stats->scrub_next_ms != 0, stats->scrub_next_ms);
    buf_append_byte(out, '}');
}

bool stations_tier_describe(struct stations *stations, struct str name, struct buf *out, struct error *err)
{
    struct station *station = stations_get(stations, name, err);
    if (station == NULL)
        return false;
    struct tier *tier = station_tier(station);
    append_config(station, out);
    append_disk(station, out);
    if (tier != NULL) {
        struct tier_stats stats;
        tier_stats(tier, &stats);
        append_status(&stats, out);
        append_table(&stats, out);
        buf_append_byte(out, ',');
        append_number(out, "committed_offset", stats.bounds.next > 0, stats.bounds.next - 1);
        buf_append_byte(out, ',');
        uint64_t expelled = atomic_load_explicit(&station->expelled, memory_order_relaxed);
        append_number(out, "expelled_offset", expelled > 0, expelled - 1);
        buf_append_byte(out, ',');
        append_number(out, "epoch", stats.epoch != 0, stats.epoch);
        buf_printf(out,
                   ",\"lag\":{\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"seconds\":%.3f},\"full\":%s"
                   ",\"given_up\":%" PRIu64 ",\"missing\":%" PRIu64 ",\"complete\":%s,\"guarantee\":\"%s\""
                   ",\"cost_month_usd\":%.4f",
                   stats.lag_messages, stats.lag_bytes, (double)stats.lag_ms / 1000,
                   atomic_load_explicit(&station->tier_full, memory_order_relaxed) ? "true" : "false",
                   atomic_load_explicit(&station->given_up, memory_order_relaxed), stats.missing,
                   is_complete(&stats) ? "true" : "false", guarantee_name(stats.guarantee),
                   stats.cost_month_usd);
        append_figures(&stats, out);
        append_scrub(&stats, out);
    } else {
        buf_append_str(out, STR(",\"status\":\"off\""));
    }
    buf_append_byte(out, '}');
    station_unref(station);
    return true;
}

/* A line of it, for lists of stations. */
void station_append_tier(struct station *station, struct buf *out)
{
    struct tier *tier = station_tier(station);
    if (tier == NULL) {
        buf_append_str(out, STR(",\"tier\":null"));
        return;
    }
    struct tier_stats stats;
    tier_stats(tier, &stats);
    buf_printf(out, ",\"tier\":{\"status\":\"%s\",", tier_status_name(stats.status));
    append_text(out, "error", stats.err.code != ERR_NONE ? stats.err.text : NULL);
    buf_printf(out,
               ",\"messages\":%" PRIu64 ",\"files\":%" PRIu64 ",\"stored_bytes\":%" PRIu64
               ",\"lag_messages\":%" PRIu64 ",\"lag_bytes\":%" PRIu64 ",\"lag_seconds\":%.3f}",
               stats.bounds.rows, stats.files, stats.file_bytes, stats.lag_messages, stats.lag_bytes,
               (double)stats.lag_ms / 1000);
}

bool stations_tier_stats(struct stations *stations, struct str name, struct tier_stats *out)
{
    struct station *station = stations_find(stations, name);
    struct tier *tier = station != NULL ? station_tier(station) : NULL;
    if (tier != NULL)
        tier_stats(tier, out);
    station_unref(station);
    return tier != NULL;
}

/* ---- Flushing -------------------------------------------------------------------------------------------- */

struct flush {
    atomic_uint refs; /* who waits, and the tier */
    atomic_bool done; /* released with err */
    struct error err;
};

static void flush_unref(struct flush *flush)
{
    if (atomic_fetch_sub_explicit(&flush->refs, 1, memory_order_acq_rel) == 1)
        mem_free(flush);
}

static void flushed(void *arg, const struct error *err)
{
    struct flush *flush = arg;
    if (err != NULL)
        flush->err = *err;
    atomic_store_explicit(&flush->done, true, memory_order_release);
    flush_unref(flush);
}

static bool nap(const struct station_progress *progress, uint64_t done, uint64_t total, struct error *err)
{
    nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000}, NULL);
    return progress == NULL || progress->go_on(progress->arg, done, total) ||
           error_set(err, ERR_CLOSED, "it was called off");
}

/* Until retention has looked at what is in the station by now. */
static bool await_look(struct station *station, const struct station_progress *progress, struct error *err)
{
    uint64_t begun = atomic_load_explicit(&station->looks_begun, memory_order_acquire);
    keeper_touch(station);
    while (atomic_load_explicit(&station->looks_ended, memory_order_acquire) <= begun) {
        if (station_is_closed(station))
            return station_gone(station, err);
        if (!nap(progress, 0, 0, err))
            return false;
    }
    return true;
}

static bool flush_tier(struct station *station, struct tier *tier, const struct station_progress *progress,
                       struct error *err)
{
    struct tier_bounds bounds;
    if (!await_look(station, progress, err))
        return false;
    tier_bounds(tier, &bounds);
    uint64_t first = bounds.next, below = atomic_load_explicit(&station->expelled, memory_order_relaxed);
    uint64_t total = below > first ? below - first : 0;
    struct flush *flush = mem_zalloc(sizeof(*flush));
    atomic_init(&flush->refs, 2);
    tier_flush(tier, flushed, flush);
    bool ok = true;
    while (ok && !atomic_load_explicit(&flush->done, memory_order_acquire)) {
        tier_bounds(tier, &bounds);
        ok = nap(progress, bounds.next > first ? bounds.next - first : 0, total, err);
    }
    if (ok && flush->err.code != ERR_NONE) {
        ok = false;
        if (err != NULL)
            *err = flush->err;
    }
    if (ok && progress != NULL)
        progress->go_on(progress->arg, total, total);
    flush_unref(flush);
    return ok;
}

bool stations_tier_flush(struct stations *stations, struct str name, const struct station_progress *progress,
                         struct error *err)
{
    struct station *station = stations_get(stations, name, err);
    if (station == NULL)
        return false;
    struct tier *tier = station_tier(station);
    bool ok = false;
    if (tier != NULL) {
        ok = flush_tier(station, tier, progress, err);
    } else {
        error_set(err, ERR_UNSUPPORTED, "station %s has no second tier", station->name);
        error_hint(err, "set tier.enabled");
    }
    station_unref(station);
    return ok;
}
