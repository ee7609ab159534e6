/* Claiming: who opens a table to write makes itself its writer by a commit with the next epoch, which makes the table if there is
 * none. What attempts of former processes have left is settled then: they cannot succeed any more (doubts.c). */
#include "tier/tier_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

/* ---- Claiming -------------------------------------------------------------------------------------------- */

#define CLAIM_PROPERTIES 10

struct claim {
    struct iceberg_property properties[CLAIM_PROPERTIES];
    size_t count;
    struct buf text;
    char number[2][24];
    uint64_t epoch;
    const char *uuid;
    char *definition;
};

static void add(struct claim *claim, struct str key, struct str value)
{
    assert(claim->count < CLAIM_PROPERTIES);
    claim->properties[claim->count++] = (struct iceberg_property){key, value};
}

static char *definition_of(struct tier *tier)
{
    pthread_mutex_lock(&tier->lock);
    char *definition = mem_strdup(tier->definition);
    tier->definition_changed = false;
    pthread_mutex_unlock(&tier->lock);
    return definition;
}

struct iceberg_table *commit_first_table(struct tier *tier, struct reach *reach, struct error *err)
{
    char uuid[LAKE_UUID_BYTES];
    char *location = reach_location(reach);
    static const struct iceberg_property defaults[] = {
        {{"write.format.default", 20}, {"parquet", 7}},
        {{"write.metadata.compression-codec", 32}, {"none", 4}},
        {{"write.parquet.compression-codec", 31}, {"zstd", 4}},
        {{"commit.retry.num-retries", 24}, {"20", 2}},
    };
    lake_uuid(uuid);
    const struct iceberg_table_options options = {
        .uuid = str_of(uuid),
        .location = str_of(location),
        .schema = &message_schema,
        .partition = &message_partition,
        .partition_count = 1,
        .sort = &message_sort,
        .sort_count = 1,
        .properties = defaults,
        .property_count = sizeof(defaults) / sizeof(defaults[0]),
        .now_ms = clock_wall_ms(),
    };
    struct iceberg_table *table = iceberg_table_new(&options, err);
    mem_free(location);
    (void)tier;
    return table;
}

static bool prepare_claim(struct tier *tier, struct iceberg_change *change, void *arg, struct error *err)
{
    struct claim *claim = arg;
    const struct iceberg_table *table = tier->table;
    if (table != NULL && str_is(iceberg_property(table, ICEBERG_COMMIT_UUID), claim->uuid))
        return error_set(err, ERR_EXISTS, "claimed");
    claim->epoch = (table != NULL ? table_epoch(table) : 0) + 1;
    claim->count = 0;
    snprintf(claim->number[0], sizeof(claim->number[0]), "%" PRIu64, claim->epoch);
    snprintf(claim->number[1], sizeof(claim->number[1]), "%" PRId64, tier->created_ms);
    add(claim, PROPERTY_EPOCH, str_of(claim->number[0]));
    add(claim, PROPERTY_STATION, str_of(tier->station));
    add(claim, PROPERTY_CREATED, str_of(claim->number[1]));
    add(claim, PROPERTY_DEFINITION, str_of(claim->definition));
    change->properties = claim->properties;
    change->property_count = claim->count;
    return true;
}

/* What the store honours, once for each store. A probe that fails says what is wrong: so would what comes then. */
static bool learn_guarantee(struct tier *tier, struct reach *reach, struct error *err)
{
    if (tier->all->options.start != NULL)
        return true; /* a test's */
    enum object_guarantee guarantee = object_guarantee(reach->store.store);
    if (guarantee == OBJECT_UNPROBED) {
        struct object_probe *probe = mem_zalloc(sizeof(*probe));
        bool usable =
            object_probe(reach->store.store, str_of(reach->bucket), str_of(reach->base), probe, err);
        guarantee = probe->guarantee;
        mem_free(probe);
        if (!usable)
            return error_wrap(err, "second tier of station %s", tier->station);
    }
    pthread_mutex_lock(&tier->lock);
    tier->guarantee = guarantee;
    pthread_mutex_unlock(&tier->lock);
    if (guarantee == OBJECT_SINGLE_WRITER && !tier->unconditional)
        tier_is_unconditional(tier);
    return true;
}

bool commit_claim(struct tier *tier, struct reach *reach, struct error *err)
{
    if (!learn_guarantee(tier, reach, err))
        return false;
    char uuid[LAKE_UUID_BYTES];
    struct claim claim = {.definition = definition_of(tier), .uuid = uuid};
    lake_uuid(uuid);
    struct iceberg_change change = {.operation = ICEBERG_NO_SNAPSHOT, .uuid = str_of(uuid)};
    pthread_mutex_lock(&tier->table_lock);
    tier->loaded = false; /* what is there counts, not what was seen some time ago */
    pthread_mutex_unlock(&tier->table_lock);
    bool ok = commit_change(tier, reach, &change, prepare_claim, &claim, err);
    if (ok) {
        pthread_mutex_lock(&tier->table_lock);
        tier->own_epoch = claim.epoch;
        pthread_mutex_unlock(&tier->table_lock);
        pthread_mutex_lock(&tier->lock);
        tier->epoch = claim.epoch;
        pthread_mutex_unlock(&tier->lock);
        ok = doubts_resolve(tier, reach, err);
        LOG_INFO("second tier claimed", LOG_TEXT("station", tier->station), LOG_UINT("epoch", claim.epoch));
    }
    mem_free(claim.definition);
    return ok;
}
