/* metadata.json, parsed: a JSON document and a view of it.
 *
 * The document stays: whoever changes the table copies it, changes what it must and parses the copy; so what is not known here
 * is kept. All texts of the view borrow from the document. */
#include "table/iceberg_internal.h"

#include "base/mem.h"

#include <zlib.h>

#define WHERE "metadata.json"

static void *alloc_list(struct iceberg_table *table, const json_t *array, size_t size)
{
    return arena_zalloc(&table->arena, (json_array_size(array) + 1) * size);
}

/* ---- Schemas, specs, orders ------------------------------------------------------------------------------ */

static bool parse_schemas(struct iceberg_table *table, const struct json_place *root)
{
    const json_t *array;
    int32_t current;
    if (!json_may_array(root, "schemas", &array) || !json_need_id(root, "current-schema-id", &current))
        return false;
    struct iceberg_schema *schemas = alloc_list(table, array, sizeof *schemas);
    table->schemas = schemas;
    for (; table->schema_count < json_array_size(array); table->schema_count++) {
        struct iceberg_schema *schema = &schemas[table->schema_count];
        if (!schema_from_json(json_array_get(array, table->schema_count), &table->arena, schema, root->err))
            return error_wrap(root->err, WHERE);
        if (schema->schema.id == current)
            table->schema = schema;
    }
    return table->schema != NULL || json_wrong(root, "current-schema-id", "there is no such schema");
}

static bool parse_partition_fields(struct iceberg_table *table, const json_t *object, struct error *err,
                                   struct iceberg_spec *spec)
{
    struct json_place place = {object, WHERE ": partition-specs", err};
    const json_t *array;
    if (!json_need_id(&place, "spec-id", &spec->id) || !json_may_array(&place, "fields", &array))
        return false;
    struct iceberg_partition_field *fields = alloc_list(table, array, sizeof *fields);
    spec->fields = fields;
    for (; spec->field_count < json_array_size(array); spec->field_count++) {
        struct iceberg_partition_field *field = &fields[spec->field_count];
        struct json_place at = {json_array_get(array, spec->field_count), place.where, err};
        if (!json_need_id(&at, "source-id", &field->source_id) ||
            !json_need_id(&at, "field-id", &field->field_id) || !json_need_str(&at, "name", &field->name) ||
            !json_need_str(&at, "transform", &field->transform))
            return false;
    }
    return true;
}

static bool parse_specs(struct iceberg_table *table, const struct json_place *root)
{
    const json_t *array;
    int32_t default_id;
    if (!json_may_array(root, "partition-specs", &array) ||
        !json_need_id(root, "default-spec-id", &default_id))
        return false;
    struct iceberg_spec *specs = alloc_list(table, array, sizeof *specs);
    table->specs = specs;
    for (; table->spec_count < json_array_size(array); table->spec_count++) {
        struct iceberg_spec *spec = &specs[table->spec_count];
        if (!parse_partition_fields(table, json_array_get(array, table->spec_count), root->err, spec))
            return false;
        if (spec->id == default_id)
            table->spec = spec;
    }
    return table->spec != NULL || json_wrong(root, "default-spec-id", "there is no such partition spec");
}

static bool parse_sort_fields(struct iceberg_table *table, const json_t *object, struct error *err,
                              struct iceberg_sort_order *order)
{
    struct json_place place = {object, WHERE ": sort-orders", err};
    const json_t *array;
    if (!json_need_id(&place, "order-id", &order->id) || !json_may_array(&place, "fields", &array))
        return false;
    struct iceberg_sort_field *fields = alloc_list(table, array, sizeof *fields);
    order->fields = fields;
    for (; order->field_count < json_array_size(array); order->field_count++) {
        struct iceberg_sort_field *field = &fields[order->field_count];
        struct json_place at = {json_array_get(array, order->field_count), place.where, err};
        if (!json_need_id(&at, "source-id", &field->source_id) ||
            !json_need_str(&at, "transform", &field->transform))
            return false;
        field->descending = str_is(json_str(json_object_get(at.object, "direction")), "desc");
        field->nulls_last = str_is(json_str(json_object_get(at.object, "null-order")), "nulls-last");
    }
    return true;
}

static bool parse_orders(struct iceberg_table *table, const struct json_place *root)
{
    const json_t *array;
    if (!json_may_array(root, "sort-orders", &array) ||
        !json_need_id(root, "default-sort-order-id", &table->order_id))
        return false;
    struct iceberg_sort_order *orders = alloc_list(table, array, sizeof *orders);
    table->orders = orders;
    for (; table->order_count < json_array_size(array); table->order_count++) {
        if (!parse_sort_fields(table, json_array_get(array, table->order_count), root->err,
                               &orders[table->order_count]))
            return false;
    }
    return true;
}

/* ---- Snapshots, refs, logs ------------------------------------------------------------------------------- */

/* The members of an object that are strings, but `except`. */
static const struct iceberg_property *parse_properties(struct iceberg_table *table, const json_t *object,
                                                       const char *except, size_t *count)
{
    struct iceberg_property *properties =
        arena_zalloc(&table->arena, (json_object_size(object) + 1) * sizeof *properties);
    const char *key;
    json_t *value;
    *count = 0;
    json_object_foreach((json_t *)object, key, value)
    {
        if (json_is_string(value) && (except == NULL || strcmp(key, except) != 0))
            properties[(*count)++] = (struct iceberg_property){str_of(key), json_str(value)};
    }
    return properties;
}

static bool parse_snapshot(struct iceberg_table *table, const json_t *object, struct error *err,
                           struct iceberg_snapshot *out)
{
    struct json_place place = {object, WHERE ": snapshots", err};
    int64_t schema_id = ICEBERG_NONE;
    out->parent_id = ICEBERG_NONE;
    if (!json_need_int(&place, "snapshot-id", 0, INT64_MAX, &out->id) ||
        !json_may_int(&place, "parent-snapshot-id", ICEBERG_NONE, INT64_MAX, &out->parent_id) ||
        !json_may_int(&place, "sequence-number", 0, ICEBERG_NUMBER_MAX, &out->sequence_number) ||
        !json_need_int(&place, "timestamp-ms", 0, ICEBERG_NUMBER_MAX, &out->timestamp_ms) ||
        !json_may_int(&place, "schema-id", ICEBERG_NONE, INT32_MAX, &schema_id) ||
        !json_need_str(&place, "manifest-list", &out->manifest_list))
        return false;
    const json_t *summary = json_object_get(object, "summary");
    out->schema_id = (int32_t)schema_id;
    out->operation = json_str(json_object_get(summary, "operation"));
    out->summary = parse_properties(table, summary, "operation", &out->summary_count);
    return true;
}

static bool parse_snapshots(struct iceberg_table *table, const struct json_place *root)
{
    const json_t *array;
    int64_t current = ICEBERG_NONE;
    if (!json_may_array(root, "snapshots", &array) ||
        !json_may_int(root, "current-snapshot-id", ICEBERG_NONE, INT64_MAX, &current))
        return false;
    struct iceberg_snapshot *snapshots = alloc_list(table, array, sizeof *snapshots);
    table->snapshots = snapshots;
    for (; table->snapshot_count < json_array_size(array); table->snapshot_count++) {
        if (!parse_snapshot(table, json_array_get(array, table->snapshot_count), root->err,
                            &snapshots[table->snapshot_count]))
            return false;
    }
    table->current = current != ICEBERG_NONE ? iceberg_snapshot(table, current) : NULL;
    return current == ICEBERG_NONE || table->current != NULL ||
           json_wrong(root, "current-snapshot-id", "there is no such snapshot");
}

static bool parse_ref(const json_t *object, struct error *err, struct iceberg_ref *ref)
{
    struct json_place place = {object, WHERE ": refs", err};
    struct str type;
    ref->max_ref_age_ms = ref->max_snapshot_age_ms = ref->min_snapshots = ICEBERG_NONE;
    if (!json_need_int(&place, "snapshot-id", 0, INT64_MAX, &ref->snapshot_id) ||
        !json_need_str(&place, "type", &type) ||
        !json_may_int(&place, "max-ref-age-ms", 0, INT64_MAX, &ref->max_ref_age_ms) ||
        !json_may_int(&place, "max-snapshot-age-ms", 0, INT64_MAX, &ref->max_snapshot_age_ms) ||
        !json_may_int(&place, "min-snapshots-to-keep", 0, INT32_MAX, &ref->min_snapshots))
        return false;
    ref->branch = str_is(type, "branch");
    return true;
}

static bool parse_refs(struct iceberg_table *table, const struct json_place *root)
{
    const json_t *object = json_object_get(root->object, "refs");
    const char *key;
    json_t *value;
    struct iceberg_ref *refs = arena_zalloc(&table->arena, (json_object_size(object) + 1) * sizeof *refs);
    table->refs = refs;
    json_object_foreach((json_t *)object, key, value)
    {
        struct iceberg_ref *ref = &refs[table->ref_count++];
        ref->name = str_of(key);
        if (!parse_ref(value, root->err, ref))
            return false;
        if (iceberg_snapshot(table, ref->snapshot_id) == NULL)
            return json_wrong(root, "refs", "one names a snapshot that there is not");
        if (str_is(ref->name, "main") && (table->current == NULL || ref->snapshot_id != table->current->id))
            return json_wrong(root, "refs", "main is not the current snapshot");
    }
    return true;
}

static bool parse_logs(struct iceberg_table *table, const struct json_place *root)
{
    const json_t *snapshots, *files;
    if (!json_may_array(root, "snapshot-log", &snapshots) || !json_may_array(root, "metadata-log", &files))
        return false;
    struct iceberg_snapshot_log *snapshot_log = alloc_list(table, snapshots, sizeof *snapshot_log);
    struct iceberg_metadata_log *metadata_log = alloc_list(table, files, sizeof *metadata_log);
    table->snapshot_log = snapshot_log;
    table->metadata_log = metadata_log;
    for (; table->snapshot_log_count < json_array_size(snapshots); table->snapshot_log_count++) {
        struct iceberg_snapshot_log *entry = &snapshot_log[table->snapshot_log_count];
        struct json_place place = {json_array_get(snapshots, table->snapshot_log_count),
                                   WHERE ": snapshot-log", root->err};
        if (!json_need_int(&place, "timestamp-ms", 0, ICEBERG_NUMBER_MAX, &entry->timestamp_ms) ||
            !json_need_int(&place, "snapshot-id", 0, INT64_MAX, &entry->snapshot_id))
            return false;
    }
    for (; table->metadata_log_count < json_array_size(files); table->metadata_log_count++) {
        struct iceberg_metadata_log *entry = &metadata_log[table->metadata_log_count];
        struct json_place place = {json_array_get(files, table->metadata_log_count), WHERE ": metadata-log",
                                   root->err};
        if (!json_need_int(&place, "timestamp-ms", 0, ICEBERG_NUMBER_MAX, &entry->timestamp_ms) ||
            !json_need_str(&place, "metadata-file", &entry->file))
            return false;
    }
    return true;
}

/* ---- The whole ------------------------------------------------------------------------------------------- */

static bool parse_table(struct iceberg_table *table, const struct json_place *root)
{
    int64_t version, partition_id;
    if (!json_need_int(root, "format-version", 0, INT32_MAX, &version))
        return false;
    if (version != 2) {
        error_set(root->err, ERR_UNSUPPORTED, WHERE ": the table has Iceberg's format version %lld, not 2",
                  (long long)version);
        return error_hint(root->err, "it was not made, or has been upgraded, by another program");
    }
    if (!json_need_str(root, "table-uuid", &table->uuid) ||
        !json_need_str(root, "location", &table->location) ||
        !json_need_int(root, "last-sequence-number", 0, ICEBERG_NUMBER_MAX, &table->last_sequence_number) ||
        !json_need_int(root, "last-updated-ms", 0, ICEBERG_NUMBER_MAX, &table->last_updated_ms) ||
        !json_need_id(root, "last-column-id", &table->last_column_id) ||
        !json_need_int(root, "last-partition-id", 0, INT32_MAX, &partition_id))
        return false;
    table->last_partition_id = (int32_t)partition_id;
    while (table->location.len > 1 && table->location.data[table->location.len - 1] == '/')
        table->location.len--;
    table->properties =
        parse_properties(table, json_object_get(root->object, "properties"), NULL, &table->property_count);
    return parse_schemas(table, root) && parse_specs(table, root) && parse_orders(table, root) &&
           parse_snapshots(table, root) && parse_refs(table, root) && parse_logs(table, root);
}

struct iceberg_table *table_from_json(json_t *root, struct error *err)
{
    struct iceberg_table *table = mem_zalloc(sizeof *table);
    table->document = mem_zalloc(sizeof *table->document);
    table->document->root = root;
    struct json_place place = {root, WHERE, err};
    bool ok = json_is_object(root) ? parse_table(table, &place)
                                   : error_set(err, ERR_CORRUPT, WHERE ": an object is expected");
    if (ok)
        return table;
    iceberg_table_free(table);
    return NULL;
}

static bool gunzip(struct str bytes, struct buf *out, struct error *err)
{
    z_stream stream = {.next_in = (Bytef *)bytes.data, .avail_in = (uInt)bytes.len};
    if (bytes.len > UINT32_MAX / 2 || inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
        return error_set(err, ERR_NO_MEMORY, WHERE ": no memory to decompress it");
    int result = Z_OK;
    while (result == Z_OK && out->len < ICEBERG_METADATA_BYTES_MAX) {
        buf_reserve(out, 64 << 10);
        stream.next_out = out->data + out->len;
        stream.avail_out = (uInt)(out->cap - out->len);
        result = inflate(&stream, Z_NO_FLUSH);
        out->len = out->cap - stream.avail_out;
    }
    inflateEnd(&stream);
    return result == Z_STREAM_END || error_set(err, ERR_CORRUPT, WHERE ": it is damaged, or too large");
}

struct iceberg_table *iceberg_metadata_read(struct str bytes, struct error *err)
{
    struct buf plain = {0};
    json_error_t json_err;
    json_t *root = NULL;
    if (bytes.len >= 2 && memcmp(bytes.data, "\x1f\x8b", 2) == 0) {
        if (!gunzip(bytes, &plain, err))
            goto out;
        bytes = buf_str(&plain);
    }
    root = json_loadb(bytes.data != NULL ? bytes.data : "", bytes.len, JSON_ALLOW_NUL, &json_err);
    if (root == NULL)
        error_set(err, ERR_CORRUPT, WHERE ": no JSON: line %d: %s", json_err.line, json_err.text);
out:
    buf_free(&plain);
    return root != NULL ? table_from_json(root, err) : NULL;
}

void iceberg_metadata_write(const struct iceberg_table *table, struct buf *out)
{
    json_dump(table->document->root, out);
}
