/* Finding tables in a store and taking them over, on a machine that knows nothing of them; and removing one.
 *
 * Here alone is listed: to find tables by their names, and to find all objects of one that is to go. A *visitor* is a tier that
 * no thread works for: it reads a table, whoever it belongs to. */
#include "tier/tier_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#define KEYS_AT_ONCE 500

static struct log *no_log(void *arg)
{
    (void)arg;
    return NULL;
}

static void nothing(void *arg)
{
    (void)arg;
}

static struct tier *visit(struct tiers *tiers, const struct tier_config *config, struct str station,
                          struct error *err)
{
    char name[64];
    const struct tier_options options = {
        .station = station,
        .config = *config,
        .enter = no_log,
        .leave = nothing,
        .changed = nothing,
    };
    snprintf(name, sizeof(name), "-visit-%016" PRIx64, random_u64());
    struct tier *tier = tier_make(tiers, &options, name, err);
    if (tier != NULL)
        tier->visitor = true;
    return tier;
}

static void leave(struct tier *tier)
{
    if (tier == NULL)
        return;
    tier_stop(tier, true);
    tier_free(tier);
}

/* ---- Finding --------------------------------------------------------------------------------------------- */

struct names {
    size_t prefix_len;
    bool (*each)(struct str name, void *arg);
    void *arg;
};

static bool name_of(struct str key, void *arg)
{
    const struct names *names = arg;
    if (key.len <= names->prefix_len + 1 || key.data[key.len - 1] != '/')
        return true;
    return names->each(str_make(key.data + names->prefix_len, key.len - names->prefix_len - 1), names->arg);
}

bool tiers_list(struct tiers *tiers, const struct tier_config *config,
                bool (*each)(struct str name, void *arg), void *arg, struct error *err)
{
    struct reach reach;
    struct buf prefix = {0};
    struct tier *tier = visit(tiers, config, STR("list"), err);
    if (tier == NULL || !reach_take(tier, &reach, err)) {
        leave(tier);
        return false;
    }
    buf_append(&prefix, reach.base, strlen(reach.base) - strlen("list/"));
    struct names names = {.prefix_len = prefix.len, .each = each, .arg = arg};
    bool ok = reach_list(&reach, buf_str(&prefix), true, name_of, &names, err);
    buf_free(&prefix);
    reach_give_back(&reach);
    leave(tier);
    return ok;
}

void tier_found_free(struct tier_found *found)
{
    mem_free(found->station);
    mem_free(found->definition);
    *found = (struct tier_found){0};
}

static void fill(struct tier *tier, struct str station, struct tier_found *out)
{
    const struct iceberg_table *table = tier->table;
    struct str definition = iceberg_property(table, PROPERTY_DEFINITION);
    struct tier_stats stats;
    tier_stats(tier, &stats);
    *out = (struct tier_found){
        .station = str_dup(station),
        .definition = definition.data != NULL ? str_dup(definition) : NULL,
        .created_ms = (int64_t)property_u64(table, PROPERTY_CREATED, 0),
        .epoch = table_epoch(table),
        .bounds = stats.bounds,
        .files = stats.files,
        .file_bytes = stats.file_bytes,
        .missing = stats.missing,
        .version = stats.version,
    };
}

bool tiers_look(struct tiers *tiers, const struct tier_config *config, struct str station,
                struct tier_found *out, struct error *err)
{
    struct reach reach;
    struct tier *tier = visit(tiers, config, station, err);
    bool ok = tier != NULL && reach_take(tier, &reach, err);
    *out = (struct tier_found){0};
    if (ok) {
        ok = table_load(tier, &reach, true, err);
        if (ok && tier->table == NULL)
            ok = error_set(err, ERR_NOT_FOUND, "there is no table at %s", reach.base);
        if (ok)
            fill(tier, station, out);
        reach_give_back(&reach);
    }
    leave(tier);
    return ok;
}

bool tiers_adopt(struct tiers *tiers, const struct tier_found *found, struct error *err)
{
    char dir[TIER_PATH_BYTES];
    struct ledger ledger;
    const struct tier_bounds *bounds = &found->bounds;
    const struct ledger_state state = {
        .version = found->version,
        .next = bounds->next,
        .first = bounds->first,
        .first_ms = bounds->first_ms,
        .rows = bounds->rows,
        .bytes = bounds->bytes,
        .files = found->files,
        .file_bytes = found->file_bytes,
    };
    snprintf(dir, sizeof(dir), "%s/%s", tiers->dir, found->station);
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return error_errno(err, errno, "create %s", dir);
    if (!ledger_open(&ledger, dir, err))
        return false;
    bool ok = ledger_commit(&ledger, NULL, &state, err);
    ledger_close(&ledger);
    return ok;
}

/* ---- Removing -------------------------------------------------------------------------------------------- */

struct collected {
    size_t base_len;
    char *keys[KEYS_AT_ONCE];
    size_t count;
};

static bool collect(struct str key, void *arg)
{
    struct collected *collected = arg;
    if (key.len <= collected->base_len)
        return true;
    collected->keys[collected->count++] =
        str_dup(str_make(key.data + collected->base_len, key.len - collected->base_len));
    return collected->count < KEYS_AT_ONCE;
}

/* Some of them; *more: there may be others. */
static bool destroy_some(struct reach *reach, bool *more, struct error *err)
{
    struct collected *collected = mem_zalloc(sizeof(*collected));
    collected->base_len = strlen(reach->base);
    bool ok = reach_list(reach, str_of(reach->base), false, collect, collected, err);
    *more = collected->count == KEYS_AT_ONCE;
    ok = ok && (collected->count == 0 || reach_delete(reach, collected->keys, collected->count, err));
    for (size_t i = 0; i < collected->count; i++)
        mem_free(collected->keys[i]);
    mem_free(collected);
    return ok;
}

bool tier_destroy(struct tier *tier, struct error *err)
{
    struct reach reach;
    if (!reach_enter(tier, &reach, err))
        return false;
    pthread_mutex_lock(&tier->lock);
    tier->status = TIER_FENCED; /* no step from here on */
    tier->goes = true;
    pthread_mutex_unlock(&tier->lock);
    steps_end(tier);
    uploads_end(tier); /* they would put behind us */
    /* A commit that is under way ends first; nobody loads meanwhile. */
    pthread_mutex_lock(&tier->load_lock);
    bool ok = true, more = true;
    while (ok && more)
        ok = destroy_some(&reach, &more, err);
    pthread_mutex_unlock(&tier->load_lock);
    reach_leave(&reach);
    if (ok)
        LOG_INFO("table removed", LOG_TEXT("station", tier->station));
    return ok || error_wrap(err, "remove the table of station %s", tier->station);
}
