/* The second tier of a station: what retention expels settles in the table, and only then leaves the log.
 *
 *   keeper     decides what is expelled ─▶ settle_expel(): the tier is told, the log is trimmed up to what is committed
 *   tier       migrates; changed() after each commit ─▶ the keeper looks again
 *   appends    wait while what is expelled and not migrated fills disk_budget (when_full: block): capture.c keeps the
 *              batches and with them the acknowledgements, produce.c refuses with ERR_BUSY
 *
 * With when_full: drop_oldest the oldest of it is given up instead, down to nine tenths of the budget, so that it is not
 * done for each message: the ledger and the table say which offsets are missing.
 *
 * A tier that is switched off stays as it is: its table is not read and gets nothing, and what is expelled meanwhile is
 * missing in it. */
#include "station/station_internal.h"

#include "base/log.h"

#include <inttypes.h>

struct tier *station_tier(struct station *station)
{
    /* Acquire: what it points to was written before it was set. */
    struct tier *tier = atomic_load_explicit(&station->tier, memory_order_acquire);
    return tier != NULL && atomic_load_explicit(&station->tier_on, memory_order_relaxed) ? tier : NULL;
}

/* ---- Opening --------------------------------------------------------------------------------------------- */

static struct log *enter(void *arg)
{
    return station_log_enter(arg);
}

static void leave(void *arg)
{
    station_log_leave(arg);
}

static void changed(void *arg)
{
    keeper_touch(arg);
}

static void migrated(void *arg, const struct tier_migration *migration)
{
    struct station *station = arg;
    struct station_event event = {.kind = STATION_MIGRATED,
                                  .first_offset = migration->first,
                                  .last_offset = migration->last,
                                  .first_ms = migration->first_ms,
                                  .last_ms = migration->last_ms,
                                  .count = migration->rows,
                                  .bytes = migration->bytes,
                                  .files = migration->files};
    if (station_event_wanted(station, STATION_MIGRATED))
        station_raise(station, &event);
}

static struct tier_config config_of(const struct station_config *config, const struct buf *definition)
{
    return (struct tier_config){
        .connector = str_of(config->tier.connector),
        .bucket = str_of(config->tier.bucket),
        .prefix = str_of(config->tier.prefix),
        .upload_bytes = config->tier.upload_bytes,
        .upload_interval_ms = config->tier.upload_interval_ms,
        .retention_age_ms = config->tier.retention_age_ms,
        .scrub_interval_ms = config->tier.scrub_interval_ms,
        .definition = buf_str(definition),
    };
}

bool settle_apply(struct station *station, struct error *err)
{
    const struct station_config *config = &station->config;
    struct tier *tier = atomic_load_explicit(&station->tier, memory_order_relaxed);
    struct buf definition = {0};
    bool ok = true;
    if (config->tier.enabled && station->log != NULL) {
        station_config_print(config, &definition);
        struct tier_options options = {
            .station = str_of(station->name),
            .created_ms = station->created_ms,
            .config = config_of(config, &definition),
            .enter = enter,
            .leave = leave,
            .changed = changed,
            .migrated = migrated,
            .arg = station,
        };
        if (tier != NULL) {
            tier_configure(tier, &options.config);
        } else {
            tier = tier_open(station->all->tiers, &options, err);
            ok = tier != NULL;
            atomic_store_explicit(&station->tier, tier, memory_order_release);
        }
        buf_free(&definition);
    }
    atomic_store_explicit(&station->tier_on, config->tier.enabled && ok, memory_order_relaxed);
    if (!config->tier.enabled)
        atomic_store_explicit(&station->tier_full, false, memory_order_relaxed);
    return ok || error_wrap(err, "station %s", station->name);
}

static bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

bool settle_may_change(struct station *station, const struct station_config *config, struct error *err)
{
    const struct station_config *former = &station->config;
    if (atomic_load_explicit(&station->tier, memory_order_relaxed) == NULL ||
        (same(former->tier.connector, config->tier.connector) &&
         same(former->tier.bucket, config->tier.bucket) && same(former->tier.prefix, config->tier.prefix)))
        return true;
    error_set(err, ERR_INVALID,
              "tier: the table of station %s is at %s, bucket %s, prefix %s, and cannot move", station->name,
              former->tier.connector, former->tier.bucket, former->tier.prefix);
    return error_hint(err, "restore into another station that has its tier there");
}

void settle_stop(struct station *station, bool drop)
{
    struct tier *tier = atomic_load_explicit(&station->tier, memory_order_relaxed);
    if (tier != NULL)
        tier_stop(tier, drop);
}

/* ---- The budget ------------------------------------------------------------------------------------------ */

struct budget {
    uint64_t bytes; /* 0: no limit */
    enum station_when_full when_full;
};

static struct budget budget_of(struct station *station)
{
    pthread_mutex_lock(&station->lock);
    const struct budget budget = {station->config.tier.disk_budget_bytes, station->config.tier.when_full};
    pthread_mutex_unlock(&station->lock);
    return budget;
}

/* Gives up the oldest of `waiting` bytes. *below: the first message that stays. */
static bool give_up(struct station *station, struct log *log, struct tier *tier, uint64_t waiting,
                    uint64_t budget, uint64_t *below, struct error *err)
{
    struct log_bounds bounds;
    uint64_t excess = waiting - (budget - budget / 10);
    log_bounds(log, &bounds);
    if (!log_offset_of_bytes(log, bounds.bytes > excess ? bounds.bytes - excess : 0, below, err))
        return false;
    uint64_t expelled = atomic_load_explicit(&station->expelled, memory_order_relaxed);
    *below = *below < expelled ? *below : expelled;
    if (*below <= bounds.first)
        return true;
    if (!tier_give_up(tier, *below, err))
        return false;
    atomic_fetch_add_explicit(&station->given_up, *below - bounds.first, memory_order_relaxed);
    LOG_WARNING("messages given up: the second tier's disk budget is full",
                LOG_TEXT("station", station->name), LOG_UINT("first_offset", bounds.first),
                LOG_UINT("last_offset", *below - 1));
    return true;
}

static uint64_t lower(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

bool settle_expel(struct station *station, struct log *log, uint64_t below, struct error *err)
{
    struct tier *tier = station_tier(station);
    struct log_bounds bounds;
    struct tier_bounds table;
    uint64_t waiting;
    const struct budget budget = budget_of(station);
    tier_bounds(tier, &table);
    log_bounds(log, &bounds);
    uint64_t trim = lower(below, table.next);
    if (trim > bounds.first && !station_trim(station, log, trim, err))
        return false;
    if (!log_bytes_below(log, below, &waiting, err))
        return false;
    bool over = budget.bytes > 0 && waiting > budget.bytes;
    if (over && budget.when_full == STATION_DROP_OLDEST) {
        uint64_t gone;
        if (!give_up(station, log, tier, waiting, budget.bytes, &gone, err) ||
            (gone > bounds.first && !station_trim(station, log, gone, err)) ||
            !log_bytes_below(log, below, &waiting, err))
            return false;
        over = false;
    }
    if (over != atomic_exchange_explicit(&station->tier_full, over, memory_order_relaxed)) {
        LOG_WARNING(over ? "station waits for its second tier: the disk budget is full"
                         : "station goes on: its second tier has caught up",
                    LOG_TEXT("station", station->name), LOG_UINT("waiting_bytes", waiting));
    }
    tier_expel(tier, below, waiting);
    return true;
}

bool settle_is_full(struct station *station, struct error *err)
{
    if (!atomic_load_explicit(&station->tier_full, memory_order_relaxed))
        return false;
    error_set(err, ERR_BUSY, "station %s waits for its second tier: the disk budget is full", station->name);
    error_hint(err, "see its tier for the reason; raise tier.disk_budget, or let when_full be drop_oldest");
    return true;
}
