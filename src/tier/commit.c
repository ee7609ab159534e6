/* Committing: one change of the table, exactly once, by one writer.
 *
 *   1. the table as it is known; prepare() says whether the change may follow it, and what it says then (offsets without
 *      gap or overlap, the epoch)
 *   2. ledger: what is going to be put                                                            tier.after_intent
 *   3. manifest, manifest list                                                                    lake.before_metadata
 *   4. put v<N+1>.metadata.json, if there is none: the commit point                               lake.after_metadata
 *   5. ledger: committed, and what the table holds now                                            tier.after_commit
 *
 * How an attempt may end is told in lake/commit.c. Nothing is ever deleted for an unknown outcome: the ledger keeps what such
 * an attempt has put until another version is there in its place (doubts.c).
 *
 * Fencing: who finds a higher epoch than its own in the table stops for good. A writer that has been replaced while it
 * slept finds v<N+1> taken; old versions are never removed but made tombstones, so that it is found taken for ever.
 */
#include "tier/tier_internal.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/tune.h"

#include <inttypes.h>
#include <stdio.h>

#define ATTEMPTS_MAX  20
#define HINT_MS       60000
#define DEAD_AFTER_MS ((int64_t)15 * 60 * 1000)

int64_t tier_dead_ms(void)
{
    return clock_wall_ms() + TUNED("tier.dead_after_ms", DEAD_AFTER_MS);
}

/* ---- One attempt ----------------------------------------------------------------------------------------- */

static bool intend(struct tier *tier, const struct iceberg_commit *commit, const char *uuid,
                   struct error *err)
{
    size_t count = commit->object_count - 1; /* the last one is the metadata */
    struct str *keys = mem_alloc((count + 1) * sizeof(*keys));
    for (size_t i = 0; i < count; i++)
        keys[i] = commit->objects[i].key;
    bool ok = count == 0 || ledger_intend(&tier->ledger, uuid, keys, count, err);
    mem_free(keys);
    return ok;
}

/* ---- What attempts leave --------------------------------------------------------------------------------- */

struct rest {
    const char *uuid;
    const struct iceberg_commit *commit;
    struct str *keys; /* borrowed from the ledger */
    size_t count, cap;
};

static bool has_object(const struct iceberg_commit *commit, struct str key)
{
    for (size_t i = 0; i < commit->object_count; i++) {
        if (str_equal(commit->objects[i].key, key))
            return true;
    }
    return false;
}

static void add_rest(const struct ledger_keys *intent, void *arg)
{
    struct rest *rest = arg;
    if (strcmp(intent->uuid, rest->uuid) != 0)
        return;
    for (size_t i = 0; i < intent->count; i++) {
        struct str key = str_of(intent->keys[i]);
        if (!str_starts(key, STR("metadata/")) || has_object(rest->commit, key))
            continue;
        if (rest->count == rest->cap) {
            rest->cap = rest->cap > 0 ? 2 * rest->cap : 16;
            rest->keys = mem_realloc(rest->keys, rest->cap * sizeof(*rest->keys));
        }
        rest->keys[rest->count++] = key;
    }
}

/* Manifests and lists of former attempts of the change that is in the table: no version refers to them, and none will. */
static bool bury_attempts(struct tier *tier, const struct iceberg_commit *commit, const char *uuid,
                          struct error *err)
{
    struct rest rest = {.uuid = uuid, .commit = commit};
    ledger_intents(&tier->ledger, add_rest, &rest);
    bool ok = ledger_bury(&tier->ledger, rest.keys, rest.count, tier_dead_ms(), err);
    mem_free(rest.keys);
    return ok;
}

/* ---- The whole ------------------------------------------------------------------------------------------- */

static bool check_epoch(struct tier *tier, struct error *err)
{
    uint64_t epoch = tier->table != NULL ? table_epoch(tier->table) : 0;
    if (tier->own_epoch == 0 || epoch <= tier->own_epoch)
        return true;
    error_set(err, ERR_CONFLICT,
              "another broker writes the table of station %s: its epoch is %" PRIu64 ", ours %" PRIu64,
              tier->station, epoch, tier->own_epoch);
    return error_hint(err, "let one broker have the station; restart this one to take the table over");
}

/* Metadata files that nobody needs any more: they become tombstones (maintain.c). */
static bool bury_metadata(struct tier *tier, const struct iceberg_commit *commit, struct error *err)
{
    struct str *keys = mem_alloc((commit->forgotten_count + 1) * sizeof(*keys));
    size_t count = 0;
    for (size_t i = 0; i < commit->forgotten_count; i++)
        count += iceberg_key(tier->table, commit->forgotten[i], &keys[count]);
    bool ok = ledger_bury(&tier->ledger, keys, count, tier_dead_ms(), err);
    mem_free(keys);
    return ok;
}

/* It is there. Takes over what the commit has made. If it is not `exact` the table is by a former attempt of the same change, whose
 * manifests have other names: it is read before the next commit, and the change's intents stay until then. */
static bool record(struct tier *tier, struct iceberg_commit *commit, const struct iceberg_change *change,
                   uint64_t version, const char *uuid, bool exact, struct error *err)
{
    struct ledger_state state;
    struct iceberg_table *table = commit->table;
    struct iceberg_list *list = commit->list;
    commit->table = NULL;
    commit->list = NULL;
    table_set(tier, table, list, version, change);
    pthread_mutex_lock(&tier->table_lock);
    table_state(tier, &state);
    pthread_mutex_unlock(&tier->table_lock);
    tier->in_doubt = !exact;
    tier->doubts = tier->doubts || !exact;
    bool ok = (!exact || bury_attempts(tier, commit, uuid, err)) &&
              ledger_commit(&tier->ledger, exact ? uuid : NULL, &state, err) &&
              bury_metadata(tier, commit, err);
    FAULT_POINT("tier.after_commit");
    ledger_state(&tier->ledger, &state);
    tier_set_bounds(tier, &state);
    atomic_fetch_add_explicit(&tier->figures.commits, 1, memory_order_relaxed);
    return ok;
}

static enum lake_outcome attempt_once(struct tier *tier, struct reach *reach, struct iceberg_change *change,
                                      const char *uuid, struct error *err)
{
    uint64_t version = tier->table_version;
    struct iceberg_table *fresh = NULL;
    const struct iceberg_table *base = tier->table;
    enum lake_outcome outcome = LAKE_FAILED;
    struct lake lake = reach_lake(reach);
    bool exact = true;
    if (base == NULL)
        base = fresh = commit_first_table(tier, reach, err);
    struct iceberg_commit *commit =
        base != NULL ? iceberg_commit_new(base, version, tier->list, change, err) : NULL;
    if (commit != NULL && lake_give(&lake, base, commit, err) && iceberg_commit_finish(commit, err) &&
        intend(tier, commit, uuid, err)) {
        FAULT_POINT("tier.after_intent");
        if (lake_put(&lake, commit, err)) {
            outcome = lake_commit(&lake, commit, version + 1, uuid, &exact, err);
            if (outcome == LAKE_COMMITTED && !record(tier, commit, change, version + 1, uuid, exact, err))
                outcome = LAKE_FAILED;
        }
    }
    iceberg_commit_free(commit);
    iceberg_table_free(fresh);
    return outcome;
}

/* Our change is in the table by an attempt whose outcome was not known; the ledger learns of it, and of its intents later
 * (doubts.c). */
static bool record_known(struct tier *tier, struct error *err)
{
    struct ledger_state state;
    pthread_mutex_lock(&tier->table_lock);
    table_state(tier, &state);
    pthread_mutex_unlock(&tier->table_lock);
    tier->doubts = true;
    bool ok = ledger_commit(&tier->ledger, NULL, &state, err);
    ledger_state(&tier->ledger, &state);
    tier_set_bounds(tier, &state);
    return ok;
}

/* load_lock is held. */
static bool commit_locked(struct tier *tier, struct reach *reach, struct iceberg_change *change,
                          commit_prepare_fn *prepare, void *arg, struct error *err)
{
    const char *uuid = change->uuid.data;
    bool reload = !tier->loaded || tier->in_doubt;
    for (unsigned i = 0; i < ATTEMPTS_MAX; i++) {
        struct error failure = {0};
        if (reload && !table_load_locked(tier, reach, err))
            return false;
        tier->in_doubt = false;
        if (!check_epoch(tier, err))
            return false;
        change->now_ms = clock_wall_ms();
        if (!prepare(tier, change, arg, &failure)) {
            if (failure.code == ERR_EXISTS && change->uuid.len > 0 && change->attempt > 0)
                return record_known(tier, err);
            if (err != NULL)
                *err = failure;
            return false;
        }
        enum lake_outcome outcome = attempt_once(tier, reach, change, uuid, &failure);
        change->attempt++;
        if (outcome == LAKE_COMMITTED)
            return true;
        if (outcome == LAKE_FAILED && failure.code != ERR_CONFLICT) {
            tier->in_doubt = failure.code == ERR_UNKNOWN || failure.code == ERR_CLOSED;
            if (tier->in_doubt) {
                tier->doubts = true;
                tier->doubt_version = tier->table_version + 1;
            }
            if (err != NULL)
                *err = failure;
            return false;
        }
        reload = true; /* somebody else's version is there, or a file of ours is not in it any more */
    }
    error_set(err, ERR_BUSY, "the table of station %s changes all the time: %u attempts to commit were lost",
              tier->station, ATTEMPTS_MAX);
    return error_hint(err, "see who else writes to it");
}

bool commit_change(struct tier *tier, struct reach *reach, struct iceberg_change *change,
                   commit_prepare_fn *prepare, void *arg, struct error *err)
{
    struct error ignored;
    if (err == NULL)
        err = &ignored;
    pthread_mutex_lock(&tier->load_lock);
    bool ok = commit_locked(tier, reach, change, prepare, arg, err);
    pthread_mutex_unlock(&tier->load_lock);
    return ok;
}

/* ---- The hint -------------------------------------------------------------------------------------------- */

/* Best effort: who reads it goes on to later versions. */
void commit_hint(struct tier *tier, struct reach *reach, bool now)
{
    struct error err;
    struct lake lake = reach_lake(reach);
    int64_t now_ms = clock_mono_ms();
    pthread_mutex_lock(&tier->table_lock);
    uint64_t version = tier->table_version;
    pthread_mutex_unlock(&tier->table_lock);
    if (version == tier->hinted || (!now && tier->hinted_ms != 0 && now_ms - tier->hinted_ms < HINT_MS))
        return;
    tier->hinted_ms = now_ms;
    if (lake_hint(&lake, version, &err))
        tier->hinted = version;
    else
        LOG_DEBUG("version hint not written", LOG_TEXT("station", tier->station), LOG_ERROR_OF(&err));
}
