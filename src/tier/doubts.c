/* Attempts whose outcome was not known: what becomes of the objects that they have put.
 *
 * An attempt puts manifests and a manifest list for v<N+1>, and then v<N+1> itself if there is none. Once some version N+1 is
 * known to be there it is decided: the change is in the table, or it never will be by this attempt. Then
 *
 *     a snapshot carries the change's uuid     its list, the manifests of the list and the data files stay; objects of other
 *                                              attempts of the same change are dead
 *     none does                                all of it is dead
 *
 * What is dead is removed later, and only if the table as it is then does not refer to it (maintain.c). Before it is decided
 * nothing is touched: the intents stay in the ledger, as do those of batches that are on their way. */
#include "tier/tier_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* ---- Which changes --------------------------------------------------------------------------------------- */

struct doubts {
    struct tier *tier;
    struct buf uuids; /* LAKE_UUID_BYTES each, without repeats */
};

/* Whether it is on its way: of a batch that is not committed. */
static bool is_under_way(const struct tier *tier, const char *uuid)
{
    LIST_EACH(it, &tier->batches)
    {
        if (strcmp(CONTAINER_OF(it, struct batch, link)->uuid, uuid) == 0)
            return true;
    }
    return false;
}

static void add_uuid(const struct ledger_keys *intent, void *arg)
{
    struct doubts *doubts = arg;
    if (is_under_way(doubts->tier, intent->uuid))
        return;
    for (size_t at = 0; at < doubts->uuids.len; at += LAKE_UUID_BYTES) {
        if (strcmp((const char *)doubts->uuids.data + at, intent->uuid) == 0)
            return;
    }
    buf_append(&doubts->uuids, intent->uuid, sizeof(intent->uuid));
}

static const struct iceberg_snapshot *snapshot_of(const struct iceberg_table *table, const char *uuid)
{
    for (size_t i = 0; table != NULL && i < table->snapshot_count; i++) {
        if (str_is(iceberg_summary(&table->snapshots[i], ICEBERG_COMMIT_UUID), uuid))
            return &table->snapshots[i];
    }
    return NULL;
}

/* ---- One that is in the table ---------------------------------------------------------------------------- */

struct sorting {
    const char *uuid;
    const struct iceberg_table *table;
    struct str list_key;
    const struct iceberg_list *list;
    struct str *dead; /* borrowed from the ledger */
    size_t count, cap;
};

static bool belongs(const struct sorting *sorting, struct str key)
{
    struct str found;
    if (!str_starts(key, STR("metadata/")) || str_equal(key, sorting->list_key))
        return true;
    for (size_t i = 0; i < sorting->list->count; i++) {
        if (iceberg_key(sorting->table, sorting->list->manifests[i].path, &found) && str_equal(found, key))
            return true;
    }
    return false;
}

static void sort_keys(const struct ledger_keys *intent, void *arg)
{
    struct sorting *sorting = arg;
    if (strcmp(intent->uuid, sorting->uuid) != 0)
        return;
    for (size_t i = 0; i < intent->count; i++) {
        if (belongs(sorting, str_of(intent->keys[i])))
            continue;
        if (sorting->count == sorting->cap) {
            sorting->cap = sorting->cap > 0 ? 2 * sorting->cap : 16;
            sorting->dead = mem_realloc(sorting->dead, sorting->cap * sizeof(*sorting->dead));
        }
        sorting->dead[sorting->count++] = str_of(intent->keys[i]);
    }
}

static bool settle_committed(struct tier *tier, struct reach *reach, const char *uuid,
                             const struct iceberg_snapshot *snapshot, struct error *err)
{
    struct iceberg_list list = {0};
    struct sorting sorting = {.uuid = uuid, .table = tier->table, .list = &list};
    struct ledger_state state;
    struct buf bytes = {0};
    if (!iceberg_key(tier->table, snapshot->manifest_list, &sorting.list_key))
        return error_set(err, ERR_UNSUPPORTED, "%.*s is not below the table",
                         STR_ARG(snapshot->manifest_list));
    bool ok = reach_get(reach, sorting.list_key, NULL, &bytes, NULL, err) &&
              iceberg_list_read(buf_str(&bytes), &list, err);
    if (ok) {
        ledger_intents(&tier->ledger, sort_keys, &sorting);
        ledger_state(&tier->ledger, &state);
        ok = ledger_bury(&tier->ledger, sorting.dead, sorting.count, tier_dead_ms(), err) &&
             ledger_commit(&tier->ledger, uuid, &state, err);
        iceberg_list_free(&list);
    } else {
        error_wrap(err, "%.*s", STR_ARG(sorting.list_key));
    }
    mem_free(sorting.dead);
    buf_free(&bytes);
    return ok;
}

/* ---- All of them ----------------------------------------------------------------------------------------- */

bool doubts_resolve(struct tier *tier, struct reach *reach, struct error *err)
{
    struct doubts doubts = {.tier = tier};
    bool ok = true;
    /* A reader's load may replace the table: it is kept from that. */
    pthread_mutex_lock(&tier->load_lock);
    ledger_intents(&tier->ledger, add_uuid, &doubts);
    for (size_t at = 0; ok && at < doubts.uuids.len; at += LAKE_UUID_BYTES) {
        const char *uuid = (const char *)doubts.uuids.data + at;
        const struct iceberg_snapshot *snapshot = snapshot_of(tier->table, uuid);
        if (snapshot != NULL)
            ok = settle_committed(tier, reach, uuid, snapshot, err);
        else
            ok = ledger_abandon(&tier->ledger, uuid, tier_dead_ms(), err);
    }
    pthread_mutex_unlock(&tier->load_lock);
    buf_free(&doubts.uuids);
    tier->doubts = tier->doubts && !ok;
    return ok;
}
