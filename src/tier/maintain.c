/* Tidying up, after a batch and once in a while:
 *
 *   definition   the station object has changed: a commit that says so
 *   retention    whole files whose rows are all older than retention_age leave by a delete snapshot
 *   compaction   many small files in a row become one (compact.c)
 *   expiry       snapshots that are older than SNAPSHOT_AGE_MS, or too many, leave the metadata in a commit of their own; what
 *                only they refer to is buried in the ledger before, so that a crash does not forget it
 *   dead         what the ledger says is dead is removed when its time has come: who reads an old snapshot has
 *                had GRACE_MS. What the table refers to after all is left alone
 *   scrub        a file, if it is time to (scrub.c)
 *   tombstones   an old v<N>.metadata.json is not removed but overwritten by a few bytes: a writer that has slept would
 *                otherwise find the next version free, and fork the table */
#include "tier/tier_internal.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/tune.h"

#include <inttypes.h>
#include <stdio.h>

#define PERIOD_MS       60000
#define PERIOD_MS_MIN   1000 /* where rows are kept for a short time */
#define SNAPSHOT_AGE_MS ((int64_t)3600 * 1000)
#define SNAPSHOTS_MIN   10
#define SNAPSHOTS_MAX   100
#define EXPIRE_AT_LEAST 10 /* at once: a commit is five puts */
#define GRACE_MS        ((int64_t)10 * 60 * 1000)
#define REMOVED_MAX     1000 /* files in one delete snapshot */

static struct iceberg_retention snapshot_retention(void)
{
    return (struct iceberg_retention){
        .max_age_ms = TUNED("tier.snapshot_age_ms", SNAPSHOT_AGE_MS),
        .min_count = (uint32_t)TUNED("tier.snapshots_min", SNAPSHOTS_MIN),
        .max_count = SNAPSHOTS_MAX,
    };
}

static size_t expire_at_least(void)
{
    return (size_t)TUNED("tier.expire_at_least", EXPIRE_AT_LEAST);
}

struct wants {
    int64_t retention_age_ms;
    bool define;
};

static struct wants wants_of(struct tier *tier)
{
    pthread_mutex_lock(&tier->lock);
    const struct wants wants = {.retention_age_ms = tier->retention_age_ms,
                                .define = tier->definition_changed && tier->version > 0};
    pthread_mutex_unlock(&tier->lock);
    return wants;
}

static int64_t period_of(const struct wants *wants)
{
    int64_t quarter_ms = wants->retention_age_ms / 4, most_ms = TUNED("tier.period_ms", PERIOD_MS);
    if (wants->retention_age_ms == 0 || quarter_ms > most_ms)
        return most_ms;
    return quarter_ms > PERIOD_MS_MIN ? quarter_ms : PERIOD_MS_MIN;
}

int64_t maintain_due(struct tier *tier)
{
    int64_t now_ms = clock_mono_ms(), dead_ms;
    ledger_due(&tier->ledger, INT64_MIN, &dead_ms);
    const struct wants wants = wants_of(tier);
    int64_t due_ms = INT64_MAX;
    if (dead_ms != INT64_MAX) {
        int64_t left_ms = dead_ms - clock_wall_ms();
        due_ms = left_ms > 0 ? now_ms + left_ms : now_ms;
    }
    pthread_mutex_lock(&tier->table_lock);
    size_t snapshots = tier->table != NULL ? tier->table->snapshot_count : 0;
    bool hint = tier->own_epoch != 0 && tier->table_version != tier->hinted;
    pthread_mutex_unlock(&tier->table_lock);
    bool periodic = hint || tier->small_files || wants.retention_age_ms > 0 ||
                    snapshots > snapshot_retention().min_count + expire_at_least();
    int64_t scrub_ms = scrub_due(tier);
    due_ms = scrub_ms < due_ms ? scrub_ms : due_ms;
    int64_t period_ms = tier->maintained_ms + period_of(&wants);
    if (periodic && period_ms < due_ms)
        due_ms = period_ms;
    return due_ms;
}

/* ---- The definition -------------------------------------------------------------------------------------- */

struct definition {
    struct iceberg_property property;
    const char *uuid;
};

static bool prepare_definition(struct tier *tier, struct iceberg_change *change, void *arg, struct error *err)
{
    struct definition *definition = arg;
    if (str_is(iceberg_property(tier->table, ICEBERG_COMMIT_UUID), definition->uuid))
        return error_set(err, ERR_EXISTS, "it is there");
    change->properties = &definition->property;
    change->property_count = 1;
    return true;
}

static bool define(struct tier *tier, struct reach *reach, struct error *err)
{
    char uuid[LAKE_UUID_BYTES];
    lake_uuid(uuid);
    pthread_mutex_lock(&tier->lock);
    char *text = mem_strdup(tier->definition);
    tier->definition_changed = false;
    pthread_mutex_unlock(&tier->lock);
    struct definition definition = {.property = {PROPERTY_DEFINITION, str_of(text)}, .uuid = uuid};
    struct iceberg_change change = {.operation = ICEBERG_NO_SNAPSHOT, .uuid = str_of(uuid)};
    bool ok = commit_change(tier, reach, &change, prepare_definition, &definition, err);
    mem_free(text);
    if (!ok) {
        pthread_mutex_lock(&tier->lock);
        tier->definition_changed = true;
        pthread_mutex_unlock(&tier->lock);
    }
    return ok;
}

/* ---- Retention ------------------------------------------------------------------------------------------- */

struct removal {
    struct arena arena;
    struct iceberg_data_file *files;
    size_t count;
    uint64_t rows;
    int64_t before_us; /* all rows of a file that goes are older */
    struct iceberg_property property;
    char bytes[24];
};

/* Files at the beginning of the table that are old as a whole. Under table_lock. */
static void find_old(struct tier *tier, struct removal *removal)
{
    struct iceberg_file file;
    removal->files = arena_zalloc(&removal->arena, REMOVED_MAX * sizeof(*removal->files));
    for (size_t n = 0; removal->count < REMOVED_MAX && iceberg_index_at(tier->index, n, &file); n++) {
        if (file.time_last_us == INT64_MAX || file.time_last_us >= removal->before_us)
            break;
        uint8_t bound[2][8];
        struct iceberg_column *offset = arena_zalloc(&removal->arena, sizeof(*offset));
        iceberg_bound_long((int64_t)file.first, bound[0]);
        iceberg_bound_long((int64_t)file.last, bound[1]);
        *offset = (struct iceberg_column){
            .field_id = MESSAGE_OFFSET,
            .size_bytes = ICEBERG_NONE,
            .value_count = ICEBERG_NONE,
            .null_count = ICEBERG_NONE,
            .nan_count = ICEBERG_NONE,
            .lower = arena_str(&removal->arena, str_make(bound[0], 8)),
            .upper = arena_str(&removal->arena, str_make(bound[1], 8)),
        };
        removal->files[removal->count++] = (struct iceberg_data_file){
            .path = arena_str(&removal->arena, file.path),
            .format = STR("PARQUET"),
            .record_count = (int64_t)file.record_count,
            .size_bytes = (int64_t)file.size_bytes,
            .partition = {{.kind = file.has_day ? ICEBERG_INT : ICEBERG_NULL, .number = file.day}},
            .partition_count = 1,
            .columns = offset,
            .column_count = 1,
            .sort_order_id = ICEBERG_NONE,
        };
        removal->rows += file.record_count;
    }
}

static bool prepare_removal(struct tier *tier, struct iceberg_change *change, void *arg, struct error *err)
{
    struct removal *removal = arg;
    struct iceberg_index_totals totals = {0};
    arena_reset(&removal->arena);
    removal->count = 0;
    removal->rows = 0;
    pthread_mutex_lock(&tier->table_lock);
    if (tier->index != NULL)
        find_old(tier, removal);
    if (tier->index != NULL)
        iceberg_index_totals(tier->index, &totals);
    pthread_mutex_unlock(&tier->table_lock);
    if (removal->count == 0)
        return error_set(err, ERR_EXISTS, "nothing is old enough");
    uint64_t bytes = property_u64(tier->table, PROPERTY_BYTES, 0);
    double share = totals.records > 0 ? (double)(totals.records - removal->rows) / (double)totals.records : 0;
    snprintf(removal->bytes, sizeof(removal->bytes), "%" PRIu64, (uint64_t)((double)bytes * share));
    removal->property = (struct iceberg_property){PROPERTY_BYTES, str_of(removal->bytes)};
    change->removed = removal->files;
    change->removed_count = removal->count;
    change->properties = &removal->property;
    change->property_count = 1;
    return true;
}

static bool retain(struct tier *tier, struct reach *reach, int64_t age_ms, struct error *err)
{
    char uuid[LAKE_UUID_BYTES];
    bool ok = true, more = true;
    while (ok && more) {
        struct error none = {0};
        struct removal removal = {.before_us = (clock_wall_ms() - age_ms) * 1000};
        lake_uuid(uuid);
        struct iceberg_change change = {.operation = ICEBERG_DELETE, .uuid = str_of(uuid)};
        pthread_mutex_lock(&tier->load_lock); /* nobody replaces the table */
        bool any = prepare_removal(tier, &change, &removal, &none);
        pthread_mutex_unlock(&tier->load_lock);
        if (any) {
            ok = commit_change(tier, reach, &change, prepare_removal, &removal, err);
            more = ok && removal.count == REMOVED_MAX;
            if (ok) {
                LOG_INFO("rows leave the second tier: they are older than retention_age",
                         LOG_TEXT("station", tier->station), LOG_UINT("rows", removal.rows));
                tier->changed(tier->arg);
            }
        } else {
            more = false;
        }
        arena_free(&removal.arena);
    }
    return ok;
}

/* ---- Expiry ---------------------------------------------------------------------------------------------- */

/* Of a location below the table; what is not there is passed over. */
static bool fetch_or_none(struct reach *reach, const struct iceberg_table *table, struct str location,
                          struct buf *out, struct error *err)
{
    struct str key;
    struct error missing = {0};
    if (!iceberg_key(table, location, &key) || reach_get(reach, key, NULL, out, NULL, &missing) ||
        missing.code == ERR_NOT_FOUND)
        return true;
    *err = missing;
    return false;
}

static struct str bytes_or_none(const struct buf *bytes)
{
    return bytes->data != NULL ? buf_str(bytes) : STR_NONE;
}

static bool find_removable(struct reach *reach, const struct iceberg_table *table,
                           struct iceberg_cleanup *cleanup, struct error *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < cleanup->list_count; i++) {
        struct buf bytes = {0};
        ok = fetch_or_none(reach, table, cleanup->lists[i], &bytes, err) &&
             iceberg_cleanup_give_list(cleanup, bytes_or_none(&bytes), err);
        buf_free(&bytes);
    }
    for (size_t i = 0; ok && i < cleanup->manifest_count; i++) {
        struct buf bytes = {0};
        ok = fetch_or_none(reach, table, cleanup->manifests[i].path, &bytes, err) &&
             iceberg_cleanup_give_manifest(cleanup, bytes_or_none(&bytes), err);
        buf_free(&bytes);
    }
    return ok;
}

struct expiry {
    const char *uuid;
};

static bool prepare_expiry(struct tier *tier, struct iceberg_change *change, void *arg, struct error *err)
{
    const struct expiry *expiry = arg;
    (void)change;
    return !str_is(iceberg_property(tier->table, ICEBERG_COMMIT_UUID), expiry->uuid) ||
           error_set(err, ERR_EXISTS, "it is there");
}

static bool bury(struct tier *tier, const struct iceberg_table *table, const struct str *locations,
                 size_t count, struct error *err)
{
    struct str *keys = mem_alloc((count + 1) * sizeof(*keys));
    size_t key_count = 0;
    for (size_t i = 0; i < count; i++)
        key_count += iceberg_key(table, locations[i], &keys[key_count]);
    bool ok =
        ledger_bury(&tier->ledger, keys, key_count, clock_wall_ms() + TUNED("tier.grace_ms", GRACE_MS), err);
    mem_free(keys);
    return ok;
}

static bool expire(struct tier *tier, struct reach *reach, struct error *err)
{
    char uuid[LAKE_UUID_BYTES];
    struct arena arena = {0};
    size_t count;
    /* The step is the only one that commits; a reader's load may replace the table: it is kept from that. */
    pthread_mutex_lock(&tier->load_lock);
    const struct iceberg_table *table = tier->table;
    const struct iceberg_retention retention = snapshot_retention();
    const int64_t *expired = iceberg_expired(table, &retention, clock_wall_ms(), &arena, &count);
    struct iceberg_cleanup *cleanup = NULL;
    bool ok = true;
    if (count >= expire_at_least()) {
        cleanup = iceberg_cleanup_new(table, expired, count, err);
        ok = cleanup != NULL && find_removable(reach, table, cleanup, err) &&
             bury(tier, table, cleanup->removable, cleanup->removable_count, err);
    }
    pthread_mutex_unlock(&tier->load_lock);
    if (ok && cleanup != NULL) {
        lake_uuid(uuid);
        struct expiry expiry = {.uuid = uuid};
        struct iceberg_change change = {.operation = ICEBERG_NO_SNAPSHOT,
                                        .uuid = str_of(uuid),
                                        .expired = expired,
                                        .expired_count = count};
        FAULT_POINT("tier.before_expiry");
        ok = commit_change(tier, reach, &change, prepare_expiry, &expiry, err);
        LOG_DEBUG("snapshots expired", LOG_TEXT("station", tier->station), LOG_UINT("snapshots", count));
    }
    iceberg_cleanup_free(cleanup);
    arena_free(&arena);
    return ok;
}

/* ---- What is dead ---------------------------------------------------------------------------------------- */

/* Whether the table as it is refers to the object. Under table_lock. */
static bool is_live(struct tier *tier, struct str key)
{
    const struct iceberg_table *table = tier->table;
    struct str found;
    uint64_t first;
    if (table == NULL)
        return false;
    for (size_t i = 0; i < table->snapshot_count; i++) {
        if (iceberg_key(table, table->snapshots[i].manifest_list, &found) && str_equal(found, key))
            return true;
    }
    for (size_t i = 0; tier->list != NULL && i < tier->list->count; i++) {
        if (iceberg_key(table, tier->list->manifests[i].path, &found) && str_equal(found, key))
            return true;
    }
    if (!data_key_is_ours(key, &first))
        return false;
    struct iceberg_file file;
    for (size_t at = 0; iceberg_index_within(tier->index, first, first + 1, &at, &file);) {
        if (iceberg_key(table, file.path, &found) && str_equal(found, key))
            return true;
    }
    return false;
}

static bool remove_keys(struct tier *tier, struct reach *reach, const struct ledger_keys *keys,
                        struct error *err)
{
    char **gone = mem_alloc((keys->count + 1) * sizeof(*gone));
    struct lake lake = reach_lake(reach);
    size_t count = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < keys->count; i++) {
        struct str key = str_of(keys->keys[i]);
        pthread_mutex_lock(&tier->table_lock);
        bool live = is_live(tier, key);
        pthread_mutex_unlock(&tier->table_lock);
        if (live)
            continue;
        if (str_ends(key, STR(".metadata.json")))
            ok = lake_bury(&lake, key, err);
        else
            gone[count++] = keys->keys[i];
    }
    ok = ok && (count == 0 || reach_delete(reach, gone, count, err));
    mem_free(gone);
    return ok;
}

static bool remove_dead(struct tier *tier, struct reach *reach, struct error *err)
{
    const struct ledger_keys *keys;
    int64_t due_ms;
    while (!tier_is_stopping(tier) && (keys = ledger_due(&tier->ledger, clock_wall_ms(), &due_ms)) != NULL) {
        FAULT_POINT("tier.before_remove");
        if (!remove_keys(tier, reach, keys, err) || !ledger_gone(&tier->ledger, keys, err))
            return false;
    }
    return true;
}

/* What the store says counts: what is in memory may be another attempt's. */
static bool settle_doubts(struct tier *tier, struct reach *reach, struct error *err)
{
    if (tier->in_doubt) {
        pthread_mutex_lock(&tier->load_lock);
        bool ok = table_load_locked(tier, reach, err);
        pthread_mutex_unlock(&tier->load_lock);
        if (!ok)
            return false;
        tier->in_doubt = false;
    }
    return tier->table_version < tier->doubt_version || doubts_resolve(tier, reach, err);
}

/* ---- All of it ------------------------------------------------------------------------------------------- */

bool maintain(struct tier *tier, struct reach *reach, int64_t *due_ms, struct error *err)
{
    const struct wants wants = wants_of(tier);
    int64_t now_ms = clock_mono_ms();
    bool periodic = now_ms - tier->maintained_ms >= period_of(&wants) || tier->maintained_ms == 0;
    pthread_mutex_lock(&tier->table_lock);
    bool there = tier->table != NULL;
    pthread_mutex_unlock(&tier->table_lock);
    bool ok = true;
    if (there && (wants.define || (periodic && wants.retention_age_ms > 0)) && tier->own_epoch == 0)
        ok = commit_claim(tier, reach, err);
    if (there && tier->own_epoch != 0) {
        if (ok && tier->doubts)
            ok = settle_doubts(tier, reach, err);
        ok = ok && (!wants.define || define(tier, reach, err));
        if (ok && periodic) {
            ok = (wants.retention_age_ms == 0 || retain(tier, reach, wants.retention_age_ms, err)) &&
                 compact(tier, reach, err) && expire(tier, reach, err);
            tier->small_files = tier->small_files && !ok;
            commit_hint(tier, reach, false);
            tier->maintained_ms = now_ms;
        }
        ok = ok && remove_dead(tier, reach, err);
    } else if (periodic) {
        tier->maintained_ms = now_ms;
    }
    ok = ok && (!there || scrub_go_on(tier, reach, err));
    *due_ms = maintain_due(tier);
    return ok;
}
