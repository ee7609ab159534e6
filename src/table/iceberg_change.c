/* metadata.json of the next version: the document of this one, changed. What is not known here stays as it is. */
#include "table/iceberg_commit_internal.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- Schema and properties ------------------------------------------------------------------------------- */

/* The object under a key; made if it is missing. Borrowed. */
static json_t *object_at(json_t *root, const char *key)
{
    json_t *object = json_object_get(root, key);
    if (!json_is_object(object)) {
        object = json_object();
        json_object_set_new(root, key, object);
    }
    return object;
}

static json_t *array_at(json_t *root, const char *key)
{
    json_t *array = json_object_get(root, key);
    if (!json_is_array(array)) {
        array = json_array();
        json_object_set_new(root, key, array);
    }
    return array;
}

static bool set_text(json_t *object, struct str key, struct str value, struct error *err)
{
    if (key.len == 0 || memchr(key.data, '\0', key.len) != NULL || !utf8_valid(key.data, key.len))
        return error_set(err, ERR_INVALID, "a property has no name, or one that is not text");
    char *name = str_dup(key);
    if (value.data == NULL)
        json_object_del(object, name);
    else
        json_object_set_new(object, name, json_of_str(value));
    mem_free(name);
    return true;
}

static bool set_properties(json_t *root, const struct iceberg_change *change, struct error *err)
{
    json_t *properties = object_at(root, "properties");
    for (size_t i = 0; i < change->property_count; i++) {
        if (!set_text(properties, change->properties[i].key, change->properties[i].value, err))
            return false;
    }
    return set_text(properties, ICEBERG_COMMIT_UUID, change->uuid, err);
}

/* A column that rows before do not have cannot be required. */
static bool check_required(const struct iceberg_table *table, const struct table_schema *schema,
                           struct error *err)
{
    const struct table_schema *old = &table->schema->schema;
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct table_field *field = &schema->fields[i];
        const struct table_field *before = schema_find(old->fields, old->field_count, field->id);
        if (field->required && (before == NULL || !before->required))
            return error_set(err, ERR_INVALID, "schema: column %.*s cannot become required",
                             STR_ARG(field->name));
    }
    return true;
}

/* Columns of types that are not known here stay in the schema. */
static bool carry_left_out(const json_t *schemas, const struct iceberg_schema *old, json_t *fresh,
                           struct error *err)
{
    const json_t *fields = json_object_get(json_find(schemas, "schema-id", old->schema.id), "fields");
    size_t carried = 0;
    for (size_t i = 0; i < json_array_size(fields); i++) {
        json_t *field = json_array_get(fields, i);
        json_int_t id = json_integer_value(json_object_get(field, "id"));
        bool known = false;
        for (size_t k = 0; k < old->schema.field_count; k++)
            known = known || old->schema.fields[k].id == id;
        if (!known) {
            json_array_append_new(json_object_get(fresh, "fields"), json_deep_copy(field));
            carried++;
        }
    }
    return carried == old->left_out ||
           error_set(err, ERR_UNSUPPORTED, "schema: a type within a list or struct is not known here");
}

static bool set_schema(json_t *root, const struct iceberg_table *table, const struct table_schema *schema,
                       struct error *err)
{
    int32_t next_id = 0;
    if (!iceberg_schema_check(schema, err) || !check_required(table, schema, err))
        return false;
    if (iceberg_schema_equal(&table->schema->schema, schema))
        return true;
    for (size_t i = 0; i < table->schema_count; i++) {
        const struct table_schema *known = &table->schemas[i].schema;
        if (table->schemas[i].left_out + table->schema->left_out == 0 &&
            iceberg_schema_equal(known, schema)) {
            json_object_set_new(root, "current-schema-id", json_integer(known->id));
            return true;
        }
        next_id = known->id >= next_id ? known->id + 1 : next_id;
    }
    struct table_schema fresh = *schema;
    fresh.id = next_id;
    int32_t last_id = schema_last_id(schema->fields, schema->field_count);
    json_t *json = schema_to_json(&fresh);
    if (!carry_left_out(array_at(root, "schemas"), table->schema, json, err)) {
        json_decref(json);
        return false;
    }
    json_array_append_new(array_at(root, "schemas"), json);
    json_object_set_new(root, "current-schema-id", json_integer(fresh.id));
    if (last_id > table->last_column_id)
        json_object_set_new(root, "last-column-id", json_integer(last_id));
    return true;
}

json_t *change_stage(const struct iceberg_table *table, const struct iceberg_change *change,
                     struct error *err)
{
    json_t *root = json_deep_copy(table->document->root);
    if (set_properties(root, change, err) &&
        (change->schema == NULL || set_schema(root, table, change->schema, err)))
        return root;
    json_decref(root);
    return NULL;
}

/* ---- The snapshot ---------------------------------------------------------------------------------------- */

static void set_count(json_t *summary, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    json_object_set_new(summary, key, json_string(text));
}

static void set_counts(json_t *summary, const char *const keys[3], const struct commit_totals *totals)
{
    if (totals->files == 0)
        return;
    set_count(summary, keys[0], totals->files);
    set_count(summary, keys[1], totals->records);
    set_count(summary, keys[2], totals->bytes);
}

/* The totals of the table: files and records as the manifests tell, bytes as the snapshot before has told. */
static void set_totals(const struct commit_plan *plan, json_t *summary,
                       const struct iceberg_manifest *manifests, size_t count)
{
    const struct iceberg_snapshot *before = plan->table->current;
    int64_t files = 0, records = 0, delete_files = 0, bytes = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t live = manifests[i].added_files + manifests[i].existing_files;
        if (manifests[i].deletes) {
            delete_files += live;
        } else {
            files += live;
            records += manifests[i].added_rows + manifests[i].existing_rows;
        }
    }
    set_count(summary, "total-data-files", files);
    set_count(summary, "total-records", records);
    set_count(summary, "total-delete-files", delete_files);
    if (delete_files == 0) {
        set_count(summary, "total-position-deletes", 0);
        set_count(summary, "total-equality-deletes", 0);
    }
    if (before == NULL || str_to_i64(iceberg_summary(before, STR("total-files-size")), &bytes, NULL))
        set_count(summary, "total-files-size", bytes + plan->added.bytes - plan->removed.bytes);
}

static json_t *make_summary(const struct commit_plan *plan, const struct iceberg_manifest *manifests,
                            size_t count)
{
    static const char *const added[] = {"added-data-files", "added-records", "added-files-size"};
    static const char *const removed[] = {"deleted-data-files", "deleted-records", "removed-files-size"};
    const struct iceberg_change *change = plan->change;
    json_t *summary = json_object();
    json_object_set_new(summary, "operation", json_of_str(plan->snapshot.operation));
    set_counts(summary, added, &plan->added);
    set_counts(summary, removed, &plan->removed);
    set_count(summary, "changed-partition-count", (int64_t)plan->partitions);
    set_totals(plan, summary, manifests, count);
    for (size_t i = 0; i < change->summary_count; i++)
        set_text(summary, change->summary[i].key, change->summary[i].value, NULL);
    set_text(summary, ICEBERG_COMMIT_UUID, change->uuid, NULL);
    return summary;
}

static void add_snapshot(const struct commit_plan *plan, json_t *root,
                         const struct iceberg_manifest *manifests, size_t count)
{
    const struct iceberg_snapshot *snapshot = &plan->snapshot;
    json_t *json = json_pack("{s:I, s:I}", "sequence-number", (json_int_t)snapshot->sequence_number,
                             "snapshot-id", (json_int_t)snapshot->id);
    if (snapshot->parent_id != ICEBERG_NONE)
        json_object_set_new(json, "parent-snapshot-id", json_integer(snapshot->parent_id));
    json_object_set_new(json, "timestamp-ms", json_integer(snapshot->timestamp_ms));
    json_object_set_new(json, "summary", make_summary(plan, manifests, count));
    json_object_set_new(json, "manifest-list", json_of_str(snapshot->manifest_list));
    json_object_set_new(json, "schema-id", json_integer(snapshot->schema_id));
    json_array_append_new(array_at(root, "snapshots"), json);

    json_t *main_ref = object_at(object_at(root, "refs"), "main");
    json_object_set_new(main_ref, "snapshot-id", json_integer(snapshot->id));
    json_object_set_new(main_ref, "type", json_string("branch"));
    json_object_set_new(root, "current-snapshot-id", json_integer(snapshot->id));
    json_object_set_new(root, "last-sequence-number", json_integer(snapshot->sequence_number));
    json_array_append_new(array_at(root, "snapshot-log"),
                          json_pack("{s:I, s:I}", "timestamp-ms", (json_int_t)snapshot->timestamp_ms,
                                    "snapshot-id", (json_int_t)snapshot->id));
}

/* ---- Expiry and logs ------------------------------------------------------------------------------------- */

static bool is_expired(const struct iceberg_change *change, const json_t *object)
{
    const json_t *id = json_object_get(object, "snapshot-id");
    for (size_t i = 0; i < change->expired_count; i++) {
        if (json_is_integer(id) && json_integer_value(id) == change->expired[i])
            return true;
    }
    return false;
}

static void drop_expired(const struct iceberg_change *change, json_t *root, const char *key)
{
    json_t *array = json_object_get(root, key);
    for (size_t i = json_array_size(array); i-- > 0;) {
        if (is_expired(change, json_array_get(array, i)))
            json_array_remove(array, i);
    }
}

/* The log says what was current from when to when: before a snapshot that is gone it is of no use. */
static void cut_snapshot_log(const struct iceberg_change *change, json_t *root)
{
    json_t *log = json_object_get(root, "snapshot-log");
    size_t cut = 0;
    for (size_t i = 0; i < json_array_size(log); i++) {
        if (is_expired(change, json_array_get(log, i)))
            cut = i + 1;
    }
    while (cut-- > 0)
        json_array_remove(log, 0);
}

static void expire(const struct iceberg_change *change, json_t *root)
{
    json_t *refs = json_object_get(root, "refs"), *ref;
    const char *name;
    void *next;
    if (change->expired_count == 0)
        return;
    drop_expired(change, root, "snapshots");
    drop_expired(change, root, "statistics");
    drop_expired(change, root, "partition-statistics");
    cut_snapshot_log(change, root);
    json_object_foreach_safe(refs, next, name, ref)
    {
        if (is_expired(change, ref))
            json_object_del(refs, name);
    }
}

static void log_metadata(struct commit_plan *plan, json_t *root)
{
    const struct iceberg_table *table = plan->table;
    size_t keep = plan->change->log_count > 0 ? plan->change->log_count : 100;
    json_t *log = array_at(root, "metadata-log");
    if (plan->base_version > 0) {
        struct buf file = {0};
        buf_printf(&file, "%.*s/", STR_ARG(table->location));
        iceberg_metadata_key(plan->base_version, &file);
        json_array_append_new(log, json_pack("{s:I, s:o}", "timestamp-ms", (json_int_t)table->last_updated_ms,
                                             "metadata-file", json_of_str(buf_str(&file))));
        buf_free(&file);
    }
    size_t cut = json_array_size(log) > keep ? json_array_size(log) - keep : 0;
    struct str *forgotten = arena_alloc(&plan->arena, (cut + 1) * sizeof *forgotten);
    for (size_t i = 0; i < cut; i++) {
        forgotten[i] =
            arena_str(&plan->arena, json_str(json_object_get(json_array_get(log, 0), "metadata-file")));
        json_array_remove(log, 0);
    }
    plan->face.forgotten = forgotten;
    plan->face.forgotten_count = cut;
}

void change_finish(struct commit_plan *plan, json_t *root, const struct iceberg_manifest *manifests,
                   size_t count)
{
    json_object_set_new(root, "last-updated-ms", json_integer(plan->now_ms));
    if (plan->change->operation != ICEBERG_NO_SNAPSHOT)
        add_snapshot(plan, root, manifests, count);
    expire(plan->change, root);
    log_metadata(plan, root);
}
