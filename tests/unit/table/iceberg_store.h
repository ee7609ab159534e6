/* A table in memory, for tests: objects by location, commits as a caller makes them, and what is live by reading
 * everything again. Thread: the test's. */
#ifndef TESTS_TABLE_ICEBERG_STORE_H
#define TESTS_TABLE_ICEBERG_STORE_H

#include "table/iceberg_commit.h"
#include "table/iceberg_index.h"
#include "table/message_schema.h"

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "harness.h"

#define STORE_LOCATION "s3://bucket/stations/telemetry"
#define STORE_DAY_US   INT64_C(86400000000)

struct store_object {
    struct str location;
    struct str bytes;
};

struct store {
    struct map objects; /* of struct store_object, by location */
    struct iceberg_table *table;
    struct iceberg_list list; /* the current snapshot's */
    uint64_t version;
    int64_t now_ms;
    uint64_t uuids; /* given so far */
    size_t gets;    /* of manifests and lists */
};

static inline bool store_has_location(const void *item, const void *key)
{
    return str_equal(((const struct store_object *)item)->location, *(const struct str *)key);
}

static inline struct store_object *store_find(const struct store *store, struct str location)
{
    return map_find(&store->objects, hash_bytes(location.data, location.len), store_has_location, &location);
}

static inline void store_put(struct store *store, struct str location, struct str bytes)
{
    assert_null(store_find(store, location)); /* objects do not change */
    struct store_object *object = mem_alloc(sizeof *object);
    object->location = str_of(str_dup(location));
    object->bytes = str_make(mem_dup(bytes.data, bytes.len), bytes.len);
    map_insert(&store->objects, hash_bytes(location.data, location.len), object);
}

static inline void store_free_object(struct store_object *object)
{
    mem_free((void *)object->location.data);
    mem_free((void *)object->bytes.data);
    mem_free(object);
}

static inline bool store_remove(struct store *store, struct str location)
{
    struct store_object *object =
        map_remove(&store->objects, hash_bytes(location.data, location.len), store_has_location, &location);
    if (object == NULL)
        return false;
    store_free_object(object);
    return true;
}

static inline struct str store_get(struct store *store, struct str location)
{
    struct store_object *object = store_find(store, location);
    CHECK(object != NULL, "%.*s", STR_ARG(location));
    store->gets++;
    return object->bytes;
}

static inline void store_uuid(struct store *store, char *out) /* 37 bytes */
{
    snprintf(out, 37, "00000000-0000-4000-8000-%012" PRIx64, ++store->uuids);
}

/* With the table of a station, not committed yet. */
static inline void store_open(struct store *store)
{
    struct error err;
    *store = (struct store){.now_ms = INT64_C(1700000000000)};
    const struct iceberg_property property = {STR("varve.station"), STR("telemetry")};
    const struct iceberg_table_options options = {
        .uuid = STR("11111111-2222-4333-8444-555555555555"),
        .location = STR(STORE_LOCATION),
        .schema = &message_schema,
        .partition = &message_partition,
        .partition_count = 1,
        .sort = &message_sort,
        .sort_count = 1,
        .properties = &property,
        .property_count = 1,
        .now_ms = store->now_ms,
    };
    store->table = iceberg_table_new(&options, &err);
    CHECK(store->table != NULL, "%s", err.text);
}

static inline void store_close(struct store *store)
{
    void *object;
    for (size_t i = 0; (object = map_next(&store->objects, &i)) != NULL;)
        store_free_object(object);
    map_free(&store->objects);
    iceberg_table_free(store->table);
    iceberg_list_free(&store->list);
}

/* ---- Data files ------------------------------------------------------------------------------------------------------ */

/* A file of `count` rows from `first` on, of one day; texts and columns are of the arena. */
static inline struct iceberg_data_file store_file(struct arena *arena, uint64_t first, uint64_t count,
                                                  int32_t day, unsigned generation)
{
    uint8_t *bounds = arena_alloc(arena, 32);
    int64_t time_us = day * STORE_DAY_US + (int64_t)(first % 1000) * 1000;
    iceberg_bound_long((int64_t)first, bounds);
    iceberg_bound_long((int64_t)(first + count - 1), bounds + 8);
    iceberg_bound_long(time_us, bounds + 16);
    iceberg_bound_long(time_us + 500, bounds + 24);
    struct iceberg_column *columns = arena_alloc(arena, 3 * sizeof *columns);
    columns[0] = (struct iceberg_column){
        MESSAGE_OFFSET, 1000, (int64_t)count, 0, ICEBERG_NONE, {(char *)bounds, 8}, {(char *)bounds + 8, 8}};
    columns[1] = (struct iceberg_column){
        MESSAGE_TIMESTAMP,       1000, (int64_t)count, 0, ICEBERG_NONE, {(char *)bounds + 16, 8},
        {(char *)bounds + 24, 8}};
    columns[2] =
        (struct iceberg_column){MESSAGE_TOPIC, 2000, (int64_t)count, 0, ICEBERG_NONE, STR("a/"), STR("z/")};
    int64_t *split = arena_alloc(arena, sizeof *split);
    *split = 4;
    return (struct iceberg_data_file){
        .path =
            str_of(arena_printf(arena, STORE_LOCATION "/data/%020" PRIu64 "-%u.parquet", first, generation)),
        .record_count = (int64_t)count,
        .size_bytes = (int64_t)(100 + count),
        .partition = {{ICEBERG_INT, {.number = day}}},
        .partition_count = 1,
        .columns = columns,
        .column_count = 3,
        .split_offsets = split,
        .split_count = 1,
        .sort_order_id = 1,
    };
}

/* ---- Commits --------------------------------------------------------------------------------------------------------- */

static inline void store_take_over(struct store *store, struct iceberg_commit *commit)
{
    for (size_t i = 0; i < commit->object_count; i++) {
        struct buf location = {0};
        buf_printf(&location, STORE_LOCATION "/%.*s", STR_ARG(commit->objects[i].key));
        store_put(store, buf_str(&location), commit->objects[i].bytes);
        buf_free(&location);
    }
    iceberg_table_free(store->table);
    store->table = commit->table;
    commit->table = NULL;
    if (commit->list != NULL) {
        iceberg_list_free(&store->list);
        store->list = *commit->list;
        mem_free(commit->list);
        commit->list = NULL;
    }
    store->version++;
}

static inline bool store_commit_as(struct store *store, const struct iceberg_change *change,
                                   struct error *err)
{
    struct iceberg_commit *commit = iceberg_commit_new(
        store->table, store->version, store->table->current != NULL ? &store->list : NULL, change, err);
    bool ok = commit != NULL;
    for (size_t i = 0; ok && i < commit->needed_count; i++)
        ok = iceberg_commit_give(commit, store_get(store, commit->needed[i].path), err);
    ok = ok && iceberg_commit_finish(commit, err);
    if (ok)
        store_take_over(store, commit);
    iceberg_commit_free(commit);
    return ok;
}

/* Plans and puts; false with err: nothing has changed. The change gets the time, and a uuid for once if it has none. */
static inline bool store_commit(struct store *store, struct iceberg_change *change, struct error *err)
{
    char uuid[40];
    bool unnamed = change->uuid.len == 0;
    if (unnamed) {
        store_uuid(store, uuid);
        change->uuid = str_of(uuid);
    }
    store->now_ms += 1000;
    change->now_ms = store->now_ms;
    bool ok = store_commit_as(store, change, err);
    if (unnamed)
        change->uuid = STR_NONE;
    return ok;
}

static inline void store_append(struct store *store, const struct iceberg_data_file *files, size_t count)
{
    struct error err;
    struct iceberg_change change = {.operation = ICEBERG_APPEND, .added = files, .added_count = count};
    for (size_t i = 0; i < count; i++)
        store_put(store, files[i].path, STR("rows"));
    ASSERT_OK(store_commit(store, &change, &err), err);
}

/* ---- What is live ---------------------------------------------------------------------------------------------------- */

/* Reads the snapshot from its list on, calling `each` for each live entry. */
static inline void store_read(struct store *store, const struct iceberg_snapshot *snapshot,
                              bool (*each)(const struct iceberg_entry *entry, void *arg), void *arg)
{
    struct iceberg_list list = {0};
    struct error err;
    ASSERT_OK(iceberg_list_read(store_get(store, snapshot->manifest_list), &list, &err), err);
    for (size_t i = 0; i < list.count; i++) {
        struct str bytes = store_get(store, list.manifests[i].path);
        assert_int_equal(bytes.len, list.manifests[i].length_bytes);
        ASSERT_OK(iceberg_manifest_read(bytes, &list.manifests[i], each, arg, &err), err);
    }
    iceberg_list_free(&list);
}

#endif
