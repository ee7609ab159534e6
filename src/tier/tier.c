/* One tier: opening and stopping it, what its station tells it, failing and healing.
 *
 * A step that fails (migrate.c) puts the tier aside for a while, longer each time up to RETRY_MS_MAX, and is then tried again. What
 * somebody must put right is tried again, too, so that it heals once it is; only a tier that is fenced stays so. */
#include "tier/tier_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"

#include <stdio.h>

#define RETRY_MS_MIN    500
#define RETRY_MS_MAX    30000
#define RETRY_MS_FAILED 60000 /* what somebody must put right */

/* ---- Opening --------------------------------------------------------------------------------------------- */

static char *copy(struct str text)
{
    return str_dup(text);
}

/* The tier's lock is held, or nobody knows it. */
static void take_config(struct tier *tier, const struct tier_config *config)
{
    mem_free(tier->connector);
    mem_free(tier->bucket);
    mem_free(tier->prefix);
    tier->connector = copy(config->connector);
    tier->bucket = copy(config->bucket);
    tier->prefix = copy(config->prefix);
    if (tier->definition != NULL && !str_equal(str_of(tier->definition), config->definition))
        tier->definition_changed = true;
    mem_free(tier->definition);
    tier->definition = copy(config->definition);
    tier->upload_bytes = config->upload_bytes;
    tier->upload_interval_ms = config->upload_interval_ms;
    tier->retention_age_ms = config->retention_age_ms;
    tier->scrub_interval_ms = config->scrub_interval_ms;
}

void tier_set_bounds(struct tier *tier, const struct ledger_state *state)
{
    pthread_mutex_lock(&tier->lock);
    struct tier_bounds *bounds = &tier->bounds;
    bounds->any = state->rows > 0;
    bounds->first = state->first;
    bounds->first_ms = state->first_ms;
    bounds->rows = state->rows;
    bounds->bytes = state->bytes;
    bounds->next = state->next > state->give_up ? state->next : state->give_up;
    tier->files = state->files;
    tier->file_bytes = state->file_bytes;
    tier->version = state->version;
    pthread_mutex_unlock(&tier->lock);
}

struct tier *tier_make(struct tiers *tiers, const struct tier_options *options, const char *name,
                       struct error *err)
{
    char dir[TIER_PATH_BYTES];
    struct tier *tier = mem_zalloc(sizeof(*tier));
    snprintf(dir, sizeof(dir), "%s/%s", tiers->dir, name);
    tier->all = tiers;
    tier->station = copy(options->station);
    tier->dir = mem_strdup(dir);
    tier->created_ms = options->created_ms;
    tier->enter = options->enter;
    tier->leave = options->leave;
    tier->changed = options->changed;
    tier->migrated = options->migrated;
    tier->arg = options->arg;
    tier->opened_ms = clock_mono_ms();
    tier->guarantee = OBJECT_UNPROBED;
    list_init(&tier->flushes);
    list_init(&tier->batches);
    pthread_mutex_init(&tier->lock, NULL);
    pthread_mutex_init(&tier->table_lock, NULL);
    pthread_mutex_init(&tier->load_lock, NULL);
    take_config(tier, &options->config);
    if (!dir_make(dir, err) || !ledger_open(&tier->ledger, dir, err)) {
        tier_free(tier);
        return NULL;
    }
    spool_clear(dir);
    struct ledger_state state;
    ledger_state(&tier->ledger, &state);
    tier_set_bounds(tier, &state);
    return tier;
}

struct tier *tier_open(struct tiers *tiers, const struct tier_options *options, struct error *err)
{
    char *name = str_dup(options->station);
    struct tier *tier = tier_make(tiers, options, name, err);
    mem_free(name);
    if (tier == NULL)
        return NULL;
    struct error unknown = {0};
    struct ledger_state state;
    ledger_state(&tier->ledger, &state);
    tier->uses =
        tiers->options.use != NULL &&
        tiers->options.use(tiers->options.arg, options->config.connector, options->station, &unknown);
    /* A station that has a table waits for its connector; one that is made needs it. */
    if (unknown.code != ERR_NONE && state.version == 0 && state.next == 0) {
        if (err != NULL)
            *err = unknown;
        tier_stop(tier, true);
        tier_free(tier);
        return NULL;
    }
    pthread_mutex_lock(&tiers->lock);
    list_append(&tiers->all, &tier->link);
    pthread_mutex_unlock(&tiers->lock);
    tier_touch(tier);
    return tier;
}

void tier_configure(struct tier *tier, const struct tier_config *config)
{
    pthread_mutex_lock(&tier->lock);
    take_config(tier, config);
    pthread_mutex_unlock(&tier->lock);
    tier_touch(tier);
}

/* ---- Stopping -------------------------------------------------------------------------------------------- */

bool tier_is_stopping(const struct tier *tier)
{
    return atomic_load_explicit(&tier->stopping, memory_order_relaxed);
}

void tier_end_flushes(struct tier *tier, const struct error *err)
{
    struct list flushes;
    list_init(&flushes);
    pthread_mutex_lock(&tier->lock);
    list_move_all(&flushes, &tier->flushes);
    pthread_mutex_unlock(&tier->lock);
    while (!list_empty(&flushes)) {
        struct flush_waiter *waiter = CONTAINER_OF(flushes.next, struct flush_waiter, link);
        list_remove(&waiter->link);
        waiter->done(waiter->arg, err);
        mem_free(waiter);
    }
}

void tier_stop(struct tier *tier, bool drop)
{
    struct tiers *tiers = tier->all;
    if (!workers_leave(tier))
        return;
    struct error closed;
    error_set(&closed, ERR_CLOSED, "the second tier of station %s is closed", tier->station);
    tier_end_flushes(tier, &closed);
    cache_drop_tier(tiers->cache, tier);
    batches_drop(tier, false);
    table_drop(tier);
    ledger_close(&tier->ledger);
    if (tier->uses)
        tiers->options.unuse(tiers->options.arg, str_of(tier->connector), str_of(tier->station));
    if (drop)
        dir_remove(tier->dir);
}

void tier_free(struct tier *tier)
{
    if (tier == NULL)
        return;
    ledger_close(&tier->ledger);
    pthread_mutex_destroy(&tier->lock);
    pthread_mutex_destroy(&tier->table_lock);
    pthread_mutex_destroy(&tier->load_lock);
    mem_free(tier->station);
    mem_free(tier->dir);
    mem_free(tier->connector);
    mem_free(tier->bucket);
    mem_free(tier->prefix);
    mem_free(tier->definition);
    mem_free(tier);
}

/* ---- What the station says ------------------------------------------------------------------------------- */

void tier_expel(struct tier *tier, uint64_t below, uint64_t bytes)
{
    pthread_mutex_lock(&tier->lock);
    bool more = below > tier->expelled;
    if (more)
        tier->expelled = below;
    tier->waiting_bytes = bytes;
    bool waits = tier->expelled > tier->bounds.next;
    if (!waits)
        tier->waiting_since_ms = 0;
    else if (tier->waiting_since_ms == 0)
        tier->waiting_since_ms = clock_mono_ms();
    pthread_mutex_unlock(&tier->lock);
    if (more)
        tier_touch(tier);
}

bool tier_give_up(struct tier *tier, uint64_t below, struct error *err)
{
    if (!ledger_give_up(&tier->ledger, below, err))
        return false;
    pthread_mutex_lock(&tier->lock);
    if (below > tier->bounds.next) {
        tier->gap_rows += below - tier->bounds.next;
        tier->bounds.next = below;
    }
    pthread_mutex_unlock(&tier->lock);
    tier_touch(tier);
    return true;
}

void tier_bounds(struct tier *tier, struct tier_bounds *out)
{
    pthread_mutex_lock(&tier->lock);
    *out = tier->bounds;
    pthread_mutex_unlock(&tier->lock);
}

void tier_flush(struct tier *tier, void (*done)(void *arg, const struct error *err), void *arg)
{
    struct error closed;
    struct flush_waiter *waiter = mem_alloc(sizeof(*waiter));
    *waiter = (struct flush_waiter){.done = done, .arg = arg};
    pthread_mutex_lock(&tier->all->lock);
    bool stopped = tier->stopped;
    pthread_mutex_lock(&tier->lock);
    if (!stopped) {
        waiter->below = tier->expelled;
        list_append(&tier->flushes, &waiter->link);
    }
    pthread_mutex_unlock(&tier->lock);
    pthread_mutex_unlock(&tier->all->lock);
    if (!stopped) {
        tier_touch(tier);
        return;
    }
    error_set(&closed, ERR_CLOSED, "the second tier of station %s is closed", tier->station);
    done(arg, &closed);
    mem_free(waiter);
}

struct log_chunk *tier_read_cached(struct tier *tier, uint64_t offset)
{
    uint64_t ahead;
    if (tier_is_stopping(tier))
        return NULL;
    struct log_chunk *chunk = cache_chunk(tier->all->cache, tier, offset, &ahead);
    fetch_ahead(tier, ahead);
    return chunk;
}

/* ---- Failing and healing --------------------------------------------------------------------------------- */

int64_t tier_failed(struct tier *tier, const struct error *err)
{
    if (err->code == ERR_CLOSED && tier_is_stopping(tier))
        return INT64_MAX;
    bool fenced = err->code == ERR_CONFLICT;
    bool broken = err->code == ERR_CORRUPT || err->code == ERR_UNSUPPORTED || err->code == ERR_INVALID ||
                  err->code == ERR_EXISTS || err->code == ERR_DENIED;
    int64_t wait_ms = RETRY_MS_FAILED;
    enum tier_status status = fenced ? TIER_FENCED : broken ? TIER_FAILED : TIER_WAITING;
    atomic_fetch_add_explicit(&tier->figures.failures, 1, memory_order_relaxed);
    pthread_mutex_lock(&tier->lock);
    bool news = tier->status != status || tier->err.code != err->code;
    if (status == TIER_WAITING) {
        unsigned times = tier->failures_in_row < 6 ? tier->failures_in_row : 6;
        int64_t most = RETRY_MS_MIN << times;
        most = most < RETRY_MS_MAX ? most : RETRY_MS_MAX;
        wait_ms = most / 2 + (int64_t)(random_u64() % (uint64_t)(most / 2 + 1));
    }
    tier->failures_in_row++;
    tier->status = status;
    tier->err = *err;
    tier->err_ms = clock_wall_ms();
    tier->retry_ms = fenced ? 0 : tier->err_ms + wait_ms;
    tier->retry_due_ms = clock_mono_ms() + wait_ms;
    pthread_mutex_unlock(&tier->lock);
    if (status != TIER_WAITING) /* it does not heal by itself: who waits is told */
        tier_end_flushes(tier, err);
    if (news && status == TIER_WAITING)
        LOG_WARNING("second tier waits for its store", LOG_TEXT("station", tier->station), LOG_ERROR_OF(err));
    else if (news)
        LOG_ERROR(fenced ? "second tier stopped: somebody else writes the table" : "second tier failed",
                  LOG_TEXT("station", tier->station), LOG_ERROR_OF(err));
    return fenced ? INT64_MAX : clock_mono_ms() + wait_ms;
}

void tier_succeeded(struct tier *tier)
{
    pthread_mutex_lock(&tier->lock);
    bool healed = tier->status == TIER_WAITING || tier->status == TIER_FAILED;
    tier->status = TIER_RUNNING;
    tier->err = (struct error){0};
    tier->retry_ms = 0;
    tier->failures_in_row = 0;
    pthread_mutex_unlock(&tier->lock);
    if (healed)
        LOG_INFO("second tier goes on", LOG_TEXT("station", tier->station));
}
