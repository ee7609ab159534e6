/* What a tier knows of its table. The newest version is found by lake/, from the higher one on of the version that the ledger
 * knows and the one that is loaded. Manifests are read anew unless all changes since are our own. */
#include "tier/tier_internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>

/* ---- Properties ------------------------------------------------------------------------------------------ */

uint64_t property_u64(const struct iceberg_table *table, struct str key, uint64_t otherwise)
{
    uint64_t value;
    struct str text = iceberg_property(table, key);
    return text.data != NULL && str_to_u64(text, &value, NULL) ? value : otherwise;
}

uint64_t table_epoch(const struct iceberg_table *table)
{
    return property_u64(table, PROPERTY_EPOCH, 0);
}

/* What the newest snapshot of ours says, whoever has committed since; without one, the property. */
uint64_t table_next(const struct iceberg_table *table)
{
    int64_t committed;
    const struct iceberg_snapshot *snapshot = iceberg_latest(table, PROPERTY_COMMITTED);
    struct str text = snapshot != NULL ? iceberg_summary(snapshot, PROPERTY_COMMITTED)
                                       : iceberg_property(table, PROPERTY_COMMITTED);
    struct str gaps = iceberg_property(table, PROPERTY_GAPS);
    if (text.data == NULL || !str_to_i64(text, &committed, NULL) || committed < -1)
        committed = -1;
    uint64_t next = (uint64_t)(committed + 1);
    /* What was given up behind the last row is said by a property alone. */
    struct gaps all;
    gaps_parse(gaps, &all);
    for (size_t i = 0; i < all.count; i++) {
        if (all.all[i].first <= next && all.all[i].last >= next)
            next = all.all[i].last + 1;
    }
    gaps_free(&all);
    return next;
}

/* ---- Gaps ------------------------------------------------------------------------------------------------ */

void gaps_parse(struct str text, struct gaps *out)
{
    struct str rest = text, piece, from;
    *out = (struct gaps){0};
    while (rest.data != NULL && str_next(&rest, ',', &piece)) {
        struct gap gap;
        struct str to = piece;
        if (str_next(&to, '-', &from) && to.data != NULL && str_to_u64(from, &gap.first, NULL) &&
            str_to_u64(to, &gap.last, NULL) && gap.first <= gap.last)
            gaps_add(out, gap.first, gap.last);
    }
}

/* In order; joined with the one before where they touch. */
void gaps_add(struct gaps *gaps, uint64_t first, uint64_t last)
{
    struct gap *former = gaps->count > 0 ? &gaps->all[gaps->count - 1] : NULL;
    if (former != NULL && first <= former->last + 1) {
        former->last = last > former->last ? last : former->last;
        return;
    }
    gaps->all = mem_realloc(gaps->all, (gaps->count + 1) * sizeof(*gaps->all));
    gaps->all[gaps->count++] = (struct gap){first, last};
}

void gaps_print(const struct gaps *gaps, struct buf *out)
{
    for (size_t i = 0; i < gaps->count; i++)
        buf_printf(out, "%s%" PRIu64 "-%" PRIu64, i > 0 ? "," : "", gaps->all[i].first, gaps->all[i].last);
}

uint64_t gaps_rows_from(const struct gaps *gaps, uint64_t from)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < gaps->count; i++) {
        const struct gap *gap = &gaps->all[i];
        uint64_t first = gap->first > from ? gap->first : from;
        rows += gap->last >= first ? gap->last - first + 1 : 0;
    }
    return rows;
}

void gaps_free(struct gaps *gaps)
{
    mem_free(gaps->all);
    *gaps = (struct gaps){0};
}

/* ---- Manifests ------------------------------------------------------------------------------------------- */

static bool read_index(struct reach *reach, const struct iceberg_table *table,
                       const struct iceberg_list *list, struct iceberg_index **out, struct error *err)
{
    bool ok = true;
    *out = NULL;
    if (table == NULL)
        return true;
    *out = iceberg_index_new(table->location, MESSAGE_OFFSET, MESSAGE_TIMESTAMP);
    for (size_t i = 0; ok && list != NULL && i < list->count; i++) {
        const struct iceberg_manifest *manifest = &list->manifests[i];
        struct buf bytes = {0};
        struct str key;
        if (manifest->deletes) {
            error_set(err, ERR_UNSUPPORTED, "the table has delete files, which somebody else has written");
            ok = error_hint(err, "compact the table with the program that wrote them");
            break;
        }
        ok = lake_key(table, manifest->path, &key, err) &&
             (reach_get(reach, key, NULL, &bytes, NULL, err) || error_wrap(err, "%.*s", STR_ARG(key))) &&
             (iceberg_manifest_read(buf_str(&bytes), manifest, iceberg_index_entry, *out, err) ||
              error_wrap(err, "%.*s", STR_ARG(key)));
        buf_free(&bytes);
    }
    if (!ok) {
        iceberg_index_free(*out);
        *out = NULL;
    }
    return ok;
}

/* ---- Taking it ------------------------------------------------------------------------------------------- */

static bool is_ours(struct tier *tier, const struct iceberg_table *table, struct error *err)
{
    if (table == NULL || tier->visitor)
        return true;
    struct str station = iceberg_property(table, PROPERTY_STATION);
    int64_t created_ms = (int64_t)property_u64(table, PROPERTY_CREATED, 0);
    if (station.data != NULL && str_is(station, tier->station) && created_ms == tier->created_ms)
        return true;
    if (station.data == NULL) {
        error_set(err, ERR_EXISTS, "at %.*s there is a table of another program", STR_ARG(table->location));
    } else {
        error_set(err, ERR_EXISTS,
                  "at %.*s there is the table of a former station %.*s, up to offset %" PRIu64,
                  STR_ARG(table->location), STR_ARG(station), table_next(table));
    }
    return error_hint(err, "recover that station, or give this one another tier.prefix");
}

/* Under table_lock. */
static void forget(struct tier *tier)
{
    iceberg_table_free(tier->table);
    lake_list_free(tier->list);
    iceberg_index_free(tier->index);
    tier->table = NULL;
    tier->list = NULL;
    tier->index = NULL;
    tier->loaded = false;
    tier->generation++;
}

void table_drop(struct tier *tier)
{
    pthread_mutex_lock(&tier->table_lock);
    forget(tier);
    pthread_mutex_unlock(&tier->table_lock);
}

void table_state(struct tier *tier, struct ledger_state *out)
{
    const struct iceberg_table *table = tier->table;
    struct iceberg_index_totals totals = {0};
    struct iceberg_file oldest;
    *out = (struct ledger_state){.version = tier->table_version, .epoch = tier->own_epoch};
    if (table == NULL)
        return;
    iceberg_index_totals(tier->index, &totals);
    out->next = table_next(table);
    out->first = totals.first;
    out->rows = totals.records;
    out->files = totals.files;
    out->file_bytes = totals.bytes;
    out->bytes = property_u64(table, PROPERTY_BYTES, 0);
    if (iceberg_index_at(tier->index, 0, &oldest) && oldest.time_first_us != INT64_MIN)
        out->first_ms = oldest.time_first_us / 1000;
}

/* Tells others what is loaded. Under table_lock. */
static void show(struct tier *tier)
{
    struct gaps gaps = {0};
    struct iceberg_index_totals totals = {0};
    struct ledger_state state;
    ledger_state(&tier->ledger, &state);
    uint64_t next = 0;
    if (tier->table != NULL) {
        gaps_parse(iceberg_property(tier->table, PROPERTY_GAPS), &gaps);
        iceberg_index_totals(tier->index, &totals);
        next = table_next(tier->table);
    }
    uint64_t missing = gaps_rows_from(&gaps, totals.first);
    if (next > 0 && state.give_up > next) /* not in a commit yet */
        missing += state.give_up - next;
    pthread_mutex_lock(&tier->lock);
    tier->snapshot =
        tier->table != NULL && tier->table->current != NULL ? (uint64_t)tier->table->current->id : 0;
    tier->gap_rows = missing;
    pthread_mutex_unlock(&tier->lock);
    gaps_free(&gaps);
}

bool table_load_locked(struct tier *tier, struct reach *reach, struct error *err)
{
    struct iceberg_table *table = NULL;
    struct iceberg_list *list = NULL;
    struct iceberg_index *index = NULL;
    struct ledger_state state;
    uint64_t version = 0;
    ledger_state(&tier->ledger, &state);
    pthread_mutex_lock(&tier->table_lock);
    uint64_t known = tier->table_version > state.version ? tier->table_version : state.version;
    pthread_mutex_unlock(&tier->table_lock);
    struct lake lake = reach_lake(reach);
    bool ok = lake_find(&lake, known, &table, &version, err) && is_ours(tier, table, err) &&
              lake_list(&lake, table, &list, err) && read_index(reach, table, list, &index, err);
    if (ok && table == NULL && state.version > 0) {
        error_set(err, ERR_CORRUPT,
                  "the table of station %s is gone: its version %" PRIu64 " was seen before", tier->station,
                  state.version);
        ok = error_hint(err, "restore the objects below %s, or delete the station", reach->base);
    }
    if (!ok) {
        iceberg_table_free(table);
        lake_list_free(list);
        iceberg_index_free(index);
        return error_wrap(err, "table of station %s", tier->station);
    }
    uint64_t give_up = state.give_up;
    pthread_mutex_lock(&tier->table_lock);
    forget(tier);
    tier->table = table;
    tier->list = list;
    tier->index = index;
    tier->table_version = version;
    tier->loaded = true;
    table_state(tier, &state);
    show(tier);
    pthread_mutex_unlock(&tier->table_lock);
    state.give_up = give_up;
    tier_set_bounds(tier, &state);
    atomic_fetch_add_explicit(&tier->loads, 1, memory_order_release);
    return true;
}

bool table_load(struct tier *tier, struct reach *reach, bool anew, struct error *err)
{
    uint64_t seen = atomic_load_explicit(&tier->loads, memory_order_acquire);
    pthread_mutex_lock(&tier->load_lock);
    pthread_mutex_lock(&tier->table_lock);
    bool known = tier->loaded;
    pthread_mutex_unlock(&tier->table_lock);
    /* A load that has begun behind this call is as good as one of its own. */
    bool late = atomic_load_explicit(&tier->loads, memory_order_acquire) > seen + 1;
    bool ok = (known && (!anew || late)) || table_load_locked(tier, reach, err);
    pthread_mutex_unlock(&tier->load_lock);
    return ok;
}

void table_set(struct tier *tier, struct iceberg_table *table, struct iceberg_list *list, uint64_t version,
               const struct iceberg_change *change)
{
    pthread_mutex_lock(&tier->table_lock);
    if (tier->index == NULL)
        tier->index = iceberg_index_new(table->location, MESSAGE_OFFSET, MESSAGE_TIMESTAMP);
    for (size_t i = 0; i < change->removed_count; i++) {
        iceberg_index_remove(tier->index, &change->removed[i]);
        restored_drop(tier, change->removed[i].path);
    }
    for (size_t i = 0; i < change->added_count; i++)
        iceberg_index_add(tier->index, &change->added[i]);
    bool same = list == NULL && tier->list != NULL && table->current != NULL && tier->table != NULL &&
                tier->table->current != NULL && table->current->id == tier->table->current->id;
    if (!same) { /* else the commit has made no snapshot */
        lake_list_free(tier->list);
        tier->list = list;
    }
    iceberg_table_free(tier->table);
    tier->table = table;
    tier->table_version = version;
    tier->loaded = true;
    tier->generation++;
    show(tier);
    pthread_mutex_unlock(&tier->table_lock);
}
