/* Any bytes as metadata.json: parsing ends with an error, or with a table that is the same when it is written and read again,
 * and that every kind of change can be planned for: which is refused, or gives a table that is read again. */
#include "table/iceberg_commit.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_MS INT64_C(1700000000000)

static void check_same(const struct iceberg_table *table)
{
    struct buf first = {0}, second = {0};
    struct error err;
    iceberg_metadata_write(table, &first);
    struct iceberg_table *again = iceberg_metadata_read(buf_str(&first), &err);
    if (again == NULL)
        abort();
    iceberg_metadata_write(again, &second);
    assert(str_equal(buf_str(&first), buf_str(&second)));
    assert(again->snapshot_count == table->snapshot_count && again->schema_count == table->schema_count);
    iceberg_table_free(again);
    buf_free(&first);
    buf_free(&second);
}

static void plan(const struct iceberg_table *table, struct iceberg_change *change)
{
    const struct iceberg_list empty = {0};
    struct error err;
    change->uuid = STR("00000000-0000-4000-8000-000000000001");
    change->now_ms = NOW_MS;
    struct iceberg_commit *commit = iceberg_commit_new(table, 7, &empty, change, &err);
    if (commit != NULL && iceberg_commit_finish(commit, &err)) {
        assert(commit->table->last_updated_ms > table->last_updated_ms);
        check_same(commit->table);
    }
    iceberg_commit_free(commit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    struct arena arena = {0};
    struct iceberg_table *table = iceberg_metadata_read(str_make(data, size), &err);
    if (table == NULL)
        return 0;
    check_same(table);
    const struct iceberg_retention retention = {.max_age_ms = 1000, .min_count = 1};
    size_t expired_count;
    const int64_t *expired = iceberg_expired(table, &retention, NOW_MS, &arena, &expired_count);
    iceberg_cleanup_free(iceberg_cleanup_new(table, expired, expired_count, &err));
    struct iceberg_change change = {.expired = expired, .expired_count = expired_count, .log_count = 2};
    plan(table, &change);

    const struct iceberg_data_file file = {.path = STR("s3://b/t/data/x.parquet"),
                                           .record_count = 1,
                                           .size_bytes = 1,
                                           .sort_order_id = ICEBERG_NONE};
    change = (struct iceberg_change){.operation = ICEBERG_APPEND, .added = &file, .added_count = 1};
    plan(table, &change);

    const struct table_field column = {
        .name = STR("a column of the rows"), .type = TABLE_LONG, .required = true};
    struct table_schema schema;
    if (iceberg_schema_evolve(table, &column, 1, &arena, &schema, &err)) {
        change = (struct iceberg_change){.schema = &schema};
        plan(table, &change);
    }
    arena_free(&arena);
    iceberg_table_free(table);
    return 0;
}
