/* A table's beginning, and what is looked up in one. */
#include "table/iceberg_internal.h"

#include "base/mem.h"

#include <inttypes.h>

/* ---- Making ---------------------------------------------------------------------------------------------- */

bool is_uuid(struct str text)
{
    if (text.len != ICEBERG_UUID_LEN)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        char c = text.data[i];
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (dash ? c != '-' : !hex)
            return false;
    }
    return true;
}

static bool check_source(const struct table_schema *schema, const char *what, int32_t source_id,
                         struct str transform, struct error *err)
{
    const struct table_field *source = schema_find(schema->fields, schema->field_count, source_id);
    if (source == NULL || source->type == TABLE_LIST || source->type == TABLE_STRUCT || transform.len == 0)
        return error_set(err, ERR_INVALID, "%s: column %d: there is no such column, or it cannot be one",
                         what, source_id);
    return true;
}

static bool check_options(const struct iceberg_table_options *options, struct error *err)
{
    if (!is_uuid(options->uuid))
        return error_set(err, ERR_INVALID, "table: the uuid is none");
    if (options->location.len == 0 || !utf8_valid(options->location.data, options->location.len))
        return error_set(err, ERR_INVALID, "table: the location is empty, or not UTF-8");
    if (options->now_ms < 0)
        return error_set(err, ERR_INVALID, "table: the time is negative");
    if (options->partition_count > ICEBERG_PARTITION_FIELDS)
        return error_set(err, ERR_INVALID, "table: more than %d partition fields", ICEBERG_PARTITION_FIELDS);
    if (!iceberg_schema_check(options->schema, err))
        return false;
    for (size_t i = 0; i < options->partition_count; i++) {
        const struct iceberg_partition_field *field = &options->partition[i];
        if (!check_source(options->schema, "partition", field->source_id, field->transform, err))
            return false;
        if (field->name.len == 0 || (field->field_id != 0 && field->field_id < ICEBERG_PARTITION_ID_FIRST))
            return error_set(err, ERR_INVALID, "partition: a field has no name, or an id below %d",
                             ICEBERG_PARTITION_ID_FIRST);
    }
    for (size_t i = 0; i < options->sort_count; i++) {
        if (!check_source(options->schema, "sort order", options->sort[i].source_id,
                          options->sort[i].transform, err))
            return false;
    }
    return true;
}

json_t *partition_to_json(const struct iceberg_partition_field *fields, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        int id = fields[i].field_id != 0 ? fields[i].field_id : ICEBERG_PARTITION_ID_FIRST + (int)i;
        json_array_append_new(array, json_pack("{s:i, s:i, s:o, s:o}", "source-id", (int)fields[i].source_id,
                                               "field-id", id, "name", json_of_str(fields[i].name),
                                               "transform", json_of_str(fields[i].transform)));
    }
    return array;
}

static int last_partition_id(const struct iceberg_partition_field *fields, size_t count)
{
    int last = ICEBERG_PARTITION_ID_FIRST - 1;
    for (size_t i = 0; i < count; i++) {
        int id = fields[i].field_id != 0 ? fields[i].field_id : ICEBERG_PARTITION_ID_FIRST + (int)i;
        last = id > last ? id : last;
    }
    return last;
}

/* Order 0 is nobody's; a table that is sorted has order 1 besides. */
static json_t *orders_to_json(const struct iceberg_sort_field *fields, size_t count)
{
    json_t *orders = json_pack("[{s:i, s:[]}]", "order-id", 0, "fields");
    if (count == 0)
        return orders;
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(array,
                              json_pack("{s:o, s:i, s:s, s:s}", "transform", json_of_str(fields[i].transform),
                                        "source-id", (int)fields[i].source_id, "direction",
                                        fields[i].descending ? "desc" : "asc", "null-order",
                                        fields[i].nulls_last ? "nulls-last" : "nulls-first"));
    }
    json_array_append_new(orders, json_pack("{s:i, s:o}", "order-id", 1, "fields", array));
    return orders;
}

struct iceberg_table *iceberg_table_new(const struct iceberg_table_options *options, struct error *err)
{
    if (!check_options(options, err))
        return NULL;
    struct str location = options->location;
    while (location.len > 1 && location.data[location.len - 1] == '/')
        location.len--;
    json_t *properties = json_object();
    for (size_t i = 0; i < options->property_count; i++) {
        char *key = str_dup(options->properties[i].key);
        json_object_set_new(properties, key, json_of_str(options->properties[i].value));
        mem_free(key);
    }
    const struct table_schema *schema = options->schema;
    json_t *root = json_pack(
        "{s:i, s:o, s:o, s:i, s:I, s:i, s:i, s:[o], s:i, s:[{s:i, s:o}], s:i, s:i, s:o, s:o, s:{}, s:[], "
        "s:[], s:[]}",
        "format-version", 2, "table-uuid", json_of_str(options->uuid), "location", json_of_str(location),
        "last-sequence-number", 0, "last-updated-ms", (json_int_t)options->now_ms, "last-column-id",
        (int)schema_last_id(schema->fields, schema->field_count), "current-schema-id", (int)schema->id,
        "schemas", schema_to_json(schema), "default-spec-id", 0, "partition-specs", "spec-id", 0, "fields",
        partition_to_json(options->partition, options->partition_count), "last-partition-id",
        last_partition_id(options->partition, options->partition_count), "default-sort-order-id",
        (int)(options->sort_count > 0), "sort-orders", orders_to_json(options->sort, options->sort_count),
        "properties", properties, "refs", "snapshots", "snapshot-log", "metadata-log");
    return table_from_json(root, err);
}

void iceberg_table_free(struct iceberg_table *table)
{
    if (table == NULL)
        return;
    json_decref(table->document->root);
    mem_free(table->document);
    arena_free(&table->arena);
    mem_free(table);
}

/* ---- Looking up ------------------------------------------------------------------------------------------ */

const struct iceberg_snapshot *iceberg_snapshot(const struct iceberg_table *table, int64_t id)
{
    for (size_t i = table->snapshot_count; i-- > 0;) {
        if (table->snapshots[i].id == id)
            return &table->snapshots[i];
    }
    return NULL;
}

const struct iceberg_schema *iceberg_schema(const struct iceberg_table *table, int32_t id)
{
    for (size_t i = 0; i < table->schema_count; i++) {
        if (table->schemas[i].schema.id == id)
            return &table->schemas[i];
    }
    return NULL;
}

const struct iceberg_spec *iceberg_spec(const struct iceberg_table *table, int32_t id)
{
    for (size_t i = 0; i < table->spec_count; i++) {
        if (table->specs[i].id == id)
            return &table->specs[i];
    }
    return NULL;
}

static struct str find_property(const struct iceberg_property *properties, size_t count, struct str key)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal(properties[i].key, key))
            return properties[i].value;
    }
    return STR_NONE;
}

struct str iceberg_property(const struct iceberg_table *table, struct str key)
{
    return find_property(table->properties, table->property_count, key);
}

struct str iceberg_summary(const struct iceberg_snapshot *snapshot, struct str key)
{
    return find_property(snapshot->summary, snapshot->summary_count, key);
}

const struct iceberg_snapshot *iceberg_latest(const struct iceberg_table *table, struct str key)
{
    const struct iceberg_snapshot *snapshot = table->current;
    for (size_t steps = 0; snapshot != NULL && steps < table->snapshot_count; steps++) {
        if (iceberg_summary(snapshot, key).data != NULL)
            return snapshot;
        snapshot = iceberg_snapshot(table, snapshot->parent_id);
    }
    return NULL;
}

/* ---- Locations ------------------------------------------------------------------------------------------- */

/* Of "s3a://bucket/key" what follows "s3a:"; otherwise all of it. */
static struct str without_s3_scheme(struct str uri)
{
    static const char *const schemes[] = {"s3://", "s3a://", "s3n://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (str_starts(uri, str_of(schemes[i]))) {
            size_t len = strlen(schemes[i]) - 2;
            return str_make(uri.data + len, uri.len - len);
        }
    }
    return uri;
}

bool iceberg_key(const struct iceberg_table *table, struct str uri, struct str *key)
{
    struct str base = without_s3_scheme(table->location), path = without_s3_scheme(uri);
    if (path.len <= base.len + 1 || !str_starts(path, base) || path.data[base.len] != '/')
        return false;
    if ((base.data == table->location.data) != (path.data == uri.data))
        return false;
    *key = str_make(path.data + base.len + 1, path.len - base.len - 1);
    return true;
}

void iceberg_metadata_key(uint64_t version, struct buf *out)
{
    buf_printf(out, "metadata/v%" PRIu64 ".metadata.json", version);
}
