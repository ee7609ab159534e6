/* What a tier says of itself. */
#include "tier/tier_internal.h"

#include "base/clock.h"

/* S3 standard in us-east-1: what everybody compares with. */
#define USD_GB_MONTH 0.023
#define USD_PUT      (0.005 / 1000)
#define USD_GET      (0.0004 / 1000)
#define MONTH_MS     (30.0 * 24 * 3600 * 1000)
#define HOUR_MS      (3600.0 * 1000)

const char *tier_status_name(enum tier_status status)
{
    switch (status) {
    case TIER_OPENING: return "opening";
    case TIER_RUNNING: return "running";
    case TIER_WAITING: return "waiting";
    case TIER_FENCED: return "fenced";
    case TIER_FAILED: break;
    }
    return "failed";
}

static uint64_t get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Storage as it is, requests at the rate since the opening; that of less than an hour counts as an hour's. */
static double cost(const struct tier *tier, const struct tier_stats *stats)
{
    double open_ms = (double)(clock_mono_ms() - tier->opened_ms);
    double months = (open_ms > HOUR_MS ? open_ms : HOUR_MS) / MONTH_MS;
    return (double)stats->file_bytes / 1e9 * USD_GB_MONTH +
           ((double)stats->puts * USD_PUT + (double)stats->gets * USD_GET) / months;
}

static uint64_t asked(const struct tier_stats *stats, enum object_op op)
{
    return stats->requests[op].ok + stats->requests[op].failed;
}

void tier_stats(struct tier *tier, struct tier_stats *out)
{
    const struct figures *figures = &tier->figures;
    *out = (struct tier_stats){
        .commits = get(&figures->commits),
        .migrated_messages = get(&figures->migrated_messages),
        .migrated_bytes = get(&figures->migrated_bytes),
        .uploaded_bytes = get(&figures->uploaded_bytes),
        .fetched_bytes = get(&figures->fetched_bytes),
        .failures = get(&figures->failures),
        .repaired = get(&figures->repaired),
        .cache_hits = get(&figures->cache_hits),
        .cache_misses = get(&figures->cache_misses),
        .scrubbed_files = get(&figures->scrubbed_files),
        .findings = get(&figures->findings),
    };
    for (size_t op = 0; op < OBJECT_OPS; op++) {
        const struct request_figures *from = &figures->requests[op];
        out->requests[op] = (struct tier_requests){get(&from->ok), get(&from->failed), get(&from->retries)};
    }
    out->puts = asked(out, OBJECT_PUT);
    out->gets = asked(out, OBJECT_GET) + asked(out, OBJECT_HEAD);
    pthread_mutex_lock(&tier->lock);
    out->status = tier->status;
    out->err = tier->err;
    out->err_ms = tier->err_ms;
    out->retry_ms = tier->retry_ms;
    out->bounds = tier->bounds;
    out->epoch = tier->epoch;
    out->snapshot = tier->snapshot;
    out->version = tier->version;
    out->files = tier->files;
    out->file_bytes = tier->file_bytes;
    out->missing = tier->gap_rows;
    out->guarantee = tier->guarantee;
    if (tier->expelled > tier->bounds.next) {
        out->lag_messages = tier->expelled - tier->bounds.next;
        out->lag_bytes = tier->waiting_bytes;
        out->lag_ms = tier->waiting_since_ms > 0 ? clock_mono_ms() - tier->waiting_since_ms : 0;
    }
    pthread_mutex_unlock(&tier->lock);
    out->cost_month_usd = cost(tier, out);
    scrub_stats(tier, out);
}
