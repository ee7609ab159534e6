/* Manifests, written: see iceberg_manifest_internal.h for the ids.
 *
 * A new file's entry leaves its sequence numbers out: it gets them from the line in the manifest list, so that the manifest
 * need not be written again when its commit has to be tried again. */
#include "table/iceberg_manifest_internal.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>

#define MAP(name, id, key_id, value_id, value_type)                                                 \
    "{\"name\":\"" name                                                                             \
    "\",\"type\":[\"null\",{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"k" #key_id \
    "_v" #value_id "\",\"fields\":[{\"name\":\"key\",\"type\":\"int\",\"field-id\":" #key_id        \
    "},{\"name\":\"value\",\"type\":\"" value_type "\",\"field-id\":" #value_id                     \
    "}]},\"logicalType\":\"map\"}],\"default\":null,\"field-id\":" #id "},"

static const char schema_before_partition[] =
    "{\"type\":\"record\",\"name\":\"manifest_entry\",\"fields\":["
    "{\"name\":\"status\",\"type\":\"int\",\"field-id\":0},"
    "{\"name\":\"snapshot_id\",\"type\":[\"null\",\"long\"],\"default\":null,\"field-id\":1},"
    "{\"name\":\"sequence_number\",\"type\":[\"null\",\"long\"],\"default\":null,\"field-id\":3},"
    "{\"name\":\"file_sequence_number\",\"type\":[\"null\",\"long\"],\"default\":null,\"field-id\":4},"
    "{\"name\":\"data_file\",\"type\":{\"type\":\"record\",\"name\":\"r2\",\"fields\":["
    "{\"name\":\"content\",\"type\":\"int\",\"field-id\":134},"
    "{\"name\":\"file_path\",\"type\":\"string\",\"field-id\":100},"
    "{\"name\":\"file_format\",\"type\":\"string\",\"field-id\":101},"
    "{\"name\":\"partition\",\"type\":{\"type\":\"record\",\"name\":\"r102\",\"fields\":";

static const char schema_after_partition[] =
    "},\"field-id\":102},"
    "{\"name\":\"record_count\",\"type\":\"long\",\"field-id\":103},"
    "{\"name\":\"file_size_in_bytes\",\"type\":\"long\",\"field-id\":104}," //
    MAP("column_sizes", 108, 117, 118, "long")                              //
    MAP("value_counts", 109, 119, 120, "long")                              //
    MAP("null_value_counts", 110, 121, 122, "long")                         //
    MAP("nan_value_counts", 137, 138, 139, "long")                          //
    MAP("lower_bounds", 125, 126, 127, "bytes")                             //
    MAP("upper_bounds", 128, 129, 130, "bytes")                             //
    "{\"name\":\"key_metadata\",\"type\":[\"null\",\"bytes\"],\"default\":null,\"field-id\":131},"
    "{\"name\":\"split_offsets\",\"type\":[\"null\",{\"type\":\"array\",\"items\":\"long\",\"element-id\":"
    "133}],"
    "\"default\":null,\"field-id\":132},"
    "{\"name\":\"sort_order_id\",\"type\":[\"null\",\"int\"],\"default\":null,\"field-id\":140}"
    "]},\"field-id\":2}]}";

struct iceberg_manifest_writer {
    struct avro_writer avro;
    size_t partition_count;
    enum iceberg_kind kinds[ICEBERG_PARTITION_FIELDS];
    struct iceberg_field_summary summaries[ICEBERG_PARTITION_FIELDS];
    struct iceberg_value lowest[ICEBERG_PARTITION_FIELDS]; /* kind ICEBERG_NULL: none yet */
    struct iceberg_value highest[ICEBERG_PARTITION_FIELDS];
    struct iceberg_manifest listed;
    size_t count;
    bool has_sequence; /* listed.min_sequence_number is that of an entry */
    struct arena arena;
};

/* ---- Partition types ------------------------------------------------------------------------------------- */

/* The kind of a partition field's values: 0, ICEBERG_NULL, for a transform or column that is not known here. `date`, `time`: its
 * logical type. */
static enum iceberg_kind partition_kind(const struct iceberg_table *table,
                                        const struct iceberg_partition_field *field, bool *date, bool *time)
{
    const struct table_schema *schema = &table->schema->schema;
    const struct table_field *source = NULL;
    struct str transform = field->transform;
    *date = str_is(transform, "day");
    *time = false;
    if (*date || str_is(transform, "hour") || str_is(transform, "month") || str_is(transform, "year") ||
        str_starts(transform, STR("bucket[")))
        return ICEBERG_INT;
    if (str_is(transform, "identity") || str_is(transform, "void") || str_starts(transform, STR("truncate[")))
        source = schema_find(schema->fields, schema->field_count, field->source_id);
    if (source == NULL)
        return ICEBERG_NULL;
    *date = source->type == TABLE_DATE;
    *time = source->type == TABLE_TIMESTAMPTZ;
    switch (source->type) {
    case TABLE_BOOLEAN: return ICEBERG_BOOLEAN;
    case TABLE_INT:
    case TABLE_DATE: return ICEBERG_INT;
    case TABLE_LONG:
    case TABLE_TIMESTAMPTZ: return ICEBERG_LONG;
    case TABLE_FLOAT: return ICEBERG_FLOAT;
    case TABLE_DOUBLE: return ICEBERG_DOUBLE;
    case TABLE_STRING: return ICEBERG_STRING;
    case TABLE_BINARY: return ICEBERG_BINARY;
    default: return ICEBERG_NULL;
    }
}

static json_t *avro_type(enum iceberg_kind kind, bool date, bool time)
{
    static const char *const names[] = {
        [ICEBERG_NULL] = "null",     [ICEBERG_BOOLEAN] = "boolean", [ICEBERG_INT] = "int",
        [ICEBERG_LONG] = "long",     [ICEBERG_FLOAT] = "float",     [ICEBERG_DOUBLE] = "double",
        [ICEBERG_STRING] = "string", [ICEBERG_BINARY] = "bytes",
    };
    if (date)
        return json_pack("{s:s, s:s}", "type", "int", "logicalType", "date");
    if (time)
        return json_pack("{s:s, s:s, s:b}", "type", "long", "logicalType", "timestamp-micros",
                         "adjust-to-utc", 1);
    return json_string(names[kind]);
}

/* Avro names are letters, digits and underscores; all else becomes _x and its code. */
static json_t *avro_name(struct str name)
{
    struct buf out = {0};
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = (uint8_t)name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool digit = c >= '0' && c <= '9';
        if (letter || (digit && i > 0))
            buf_append_byte(&out, c);
        else if (digit)
            buf_printf(&out, "_%c", c);
        else
            buf_printf(&out, "_x%02X", c);
    }
    json_t *json = json_of_str(buf_str(&out));
    buf_free(&out);
    return json;
}

static bool partition_fields(struct iceberg_manifest_writer *writer, const struct iceberg_table *table,
                             const struct iceberg_spec *spec, json_t *fields, struct error *err)
{
    if (spec->field_count > ICEBERG_PARTITION_FIELDS)
        return error_set(err, ERR_UNSUPPORTED, "partition spec %d has more than %d fields", spec->id,
                         ICEBERG_PARTITION_FIELDS);
    for (size_t i = 0; i < spec->field_count; i++) {
        const struct iceberg_partition_field *field = &spec->fields[i];
        bool date, time;
        enum iceberg_kind kind = partition_kind(table, field, &date, &time);
        if (kind == ICEBERG_NULL) {
            return error_set(
                err, ERR_UNSUPPORTED,
                "partition field %.*s: the transform %.*s, or the type of its column, is not known here",
                STR_ARG(field->name), STR_ARG(field->transform));
        }
        writer->kinds[i] = kind;
        json_array_append_new(fields, json_pack("{s:o, s:[s, o], s:n, s:i}", "name", avro_name(field->name),
                                                "type", "null", avro_type(kind, date, time), "default",
                                                "field-id", (int)field->field_id));
    }
    writer->partition_count = spec->field_count;
    return true;
}

/* ---- Beginning ------------------------------------------------------------------------------------------- */

static void begin(struct iceberg_manifest_writer *writer, const struct iceberg_table *table,
                  const struct iceberg_spec *spec, const json_t *fields)
{
    struct buf avro = {0}, schema = {0}, partition = {0};
    char schema_id[16], spec_id[16];
    const json_t *schemas = json_object_get(table->document->root, "schemas");
    json_t *spec_json = partition_to_json(spec->fields, spec->field_count);
    buf_append_str(&avro, STR(schema_before_partition));
    json_dump(fields, &avro);
    buf_append_str(&avro, STR(schema_after_partition));
    json_dump(json_find(schemas, "schema-id", table->schema->schema.id), &schema);
    json_dump(spec_json, &partition);
    snprintf(schema_id, sizeof schema_id, "%d", table->schema->schema.id);
    snprintf(spec_id, sizeof spec_id, "%d", spec->id);
    const struct avro_meta meta[] = {
        {STR("avro.schema"), buf_str(&avro)},
        {STR("schema"), buf_str(&schema)},
        {STR("schema-id"), str_of(schema_id)},
        {STR("partition-spec"), buf_str(&partition)},
        {STR("partition-spec-id"), str_of(spec_id)},
        {STR("format-version"), STR("2")},
        {STR("content"), STR("data")},
    };
    avro_writer_begin(&writer->avro, meta, sizeof meta / sizeof meta[0]);
    json_decref(spec_json);
    buf_free(&avro);
    buf_free(&schema);
    buf_free(&partition);
}

struct iceberg_manifest_writer *iceberg_manifest_writer_new(const struct iceberg_table *table,
                                                            int32_t spec_id, int64_t snapshot_id,
                                                            struct error *err)
{
    const struct iceberg_spec *spec = iceberg_spec(table, spec_id);
    if (spec == NULL) {
        error_set(err, ERR_INVALID, "the table has no partition spec %d", spec_id);
        return NULL;
    }
    struct iceberg_manifest_writer *writer = mem_zalloc(sizeof *writer);
    json_t *fields = json_array();
    bool ok = partition_fields(writer, table, spec, fields, err);
    if (ok)
        begin(writer, table, spec, fields);
    json_decref(fields);
    if (!ok) {
        iceberg_manifest_writer_free(writer);
        return NULL;
    }
    writer->listed.spec_id = spec_id;
    writer->listed.snapshot_id = snapshot_id;
    return writer;
}

/* ---- Entries --------------------------------------------------------------------------------------------- */

static void put_value(struct buf *out, const struct iceberg_value *value)
{
    avro_put_long(out, value->kind != ICEBERG_NULL);
    switch (value->kind) {
    case ICEBERG_NULL: break;
    case ICEBERG_BOOLEAN: avro_put_boolean(out, value->number != 0); break;
    case ICEBERG_INT:
    case ICEBERG_LONG: avro_put_long(out, value->number); break;
    case ICEBERG_FLOAT: avro_put_float(out, (float)value->real); break;
    case ICEBERG_DOUBLE: avro_put_double(out, value->real); break;
    case ICEBERG_STRING:
    case ICEBERG_BINARY: avro_put_bytes(out, value->bytes); break;
    }
}

/* One of the numbers that a column may have: as a map. */
static void put_counts(struct buf *out, const struct iceberg_data_file *file, size_t member)
{
    size_t count = 0;
    for (size_t i = 0; i < file->column_count; i++)
        count += *(const int64_t *)((const char *)&file->columns[i] + member) >= 0;
    avro_put_long(out, count > 0);
    if (count == 0)
        return;
    avro_put_long(out, (int64_t)count);
    for (size_t i = 0; i < file->column_count; i++) {
        int64_t value = *(const int64_t *)((const char *)&file->columns[i] + member);
        if (value >= 0) {
            avro_put_long(out, file->columns[i].field_id);
            avro_put_long(out, value);
        }
    }
    avro_put_long(out, 0);
}

static void put_bounds(struct buf *out, const struct iceberg_data_file *file, bool upper)
{
    size_t count = 0;
    for (size_t i = 0; i < file->column_count; i++)
        count += (upper ? file->columns[i].upper : file->columns[i].lower).data != NULL;
    avro_put_long(out, count > 0);
    if (count == 0)
        return;
    avro_put_long(out, (int64_t)count);
    for (size_t i = 0; i < file->column_count; i++) {
        struct str bound = upper ? file->columns[i].upper : file->columns[i].lower;
        if (bound.data != NULL) {
            avro_put_long(out, file->columns[i].field_id);
            avro_put_bytes(out, bound);
        }
    }
    avro_put_long(out, 0);
}

static void put_optional_number(struct buf *out, bool has, int64_t value)
{
    avro_put_long(out, has);
    if (has)
        avro_put_long(out, value);
}

static void put_file(struct buf *out, const struct iceberg_data_file *file)
{
    avro_put_long(out, file->content);
    avro_put_bytes(out, file->path);
    avro_put_bytes(out, file->format.len > 0 ? file->format : STR("PARQUET"));
    for (size_t i = 0; i < file->partition_count; i++)
        put_value(out, &file->partition[i]);
    avro_put_long(out, file->record_count);
    avro_put_long(out, file->size_bytes);
    put_counts(out, file, offsetof(struct iceberg_column, size_bytes));
    put_counts(out, file, offsetof(struct iceberg_column, value_count));
    put_counts(out, file, offsetof(struct iceberg_column, null_count));
    put_counts(out, file, offsetof(struct iceberg_column, nan_count));
    put_bounds(out, file, false);
    put_bounds(out, file, true);
    avro_put_long(out, file->key_metadata.data != NULL);
    if (file->key_metadata.data != NULL)
        avro_put_bytes(out, file->key_metadata);
    avro_put_long(out, file->split_count > 0);
    if (file->split_count > 0) {
        avro_put_long(out, (int64_t)file->split_count);
        for (size_t i = 0; i < file->split_count; i++)
            avro_put_long(out, file->split_offsets[i]);
        avro_put_long(out, 0);
    }
    put_optional_number(out, file->sort_order_id >= 0, file->sort_order_id);
}

static bool check_entry(const struct iceberg_manifest_writer *writer, const struct iceberg_entry *entry,
                        struct error *err)
{
    const struct iceberg_data_file *file = &entry->file;
    const char *what = NULL;
    if (file->path.len == 0)
        return error_set(err, ERR_INVALID, "a data file has no path");
    if (!utf8_valid(file->path.data, file->path.len))
        what = "its path is not UTF-8";
    else if (file->record_count < 0 || file->size_bytes <= 0)
        what = "its size or number of records is not known";
    else if (file->content != ICEBERG_DATA)
        what = "it is no data file";
    else if (file->partition_count != writer->partition_count)
        what = "its partition has another number of fields than the spec";
    for (size_t i = 0; what == NULL && i < file->partition_count; i++) {
        if (file->partition[i].kind != ICEBERG_NULL && file->partition[i].kind != writer->kinds[i])
            what = "a value of its partition is of another type than the spec's";
    }
    bool inherits = entry->status == ICEBERG_ADDED && entry->snapshot_id == writer->listed.snapshot_id;
    if (what == NULL && !inherits &&
        (entry->sequence_number < 0 || entry->file_sequence_number < 0 || entry->snapshot_id < 0))
        what = "its snapshot or sequence numbers are not known";
    if (what == NULL && entry->status == ICEBERG_ADDED && !inherits)
        what = "it is added by another snapshot than the manifest's";
    if (what == NULL)
        return true;
    return error_set(err, ERR_INVALID, "data file %.*s: %s", SHORT_ARG(file->path), what);
}

/* <0, 0, >0; both of the same kind. */
static int compare(const struct iceberg_value *a, const struct iceberg_value *b)
{
    switch (a->kind) {
    case ICEBERG_FLOAT:
    case ICEBERG_DOUBLE: return (a->real > b->real) - (a->real < b->real);
    case ICEBERG_STRING:
    case ICEBERG_BINARY: return str_compare(a->bytes, b->bytes);
    default: return (a->number > b->number) - (a->number < b->number);
    }
}

static struct iceberg_value keep_value(struct iceberg_manifest_writer *writer, struct iceberg_value value)
{
    if (value.kind == ICEBERG_STRING || value.kind == ICEBERG_BINARY)
        value.bytes = arena_str(&writer->arena, value.bytes);
    return value;
}

static void summarize(struct iceberg_manifest_writer *writer, const struct iceberg_data_file *file)
{
    for (size_t i = 0; i < file->partition_count; i++) {
        const struct iceberg_value *value = &file->partition[i];
        bool real = value->kind == ICEBERG_FLOAT || value->kind == ICEBERG_DOUBLE;
        if (value->kind == ICEBERG_NULL) {
            writer->summaries[i].contains_null = true;
        } else if (real && isnan(value->real)) {
            writer->summaries[i].contains_nan = 1;
        } else {
            if (writer->lowest[i].kind == ICEBERG_NULL || compare(value, &writer->lowest[i]) < 0)
                writer->lowest[i] = keep_value(writer, *value);
            if (writer->highest[i].kind == ICEBERG_NULL || compare(value, &writer->highest[i]) > 0)
                writer->highest[i] = keep_value(writer, *value);
        }
    }
}

static void count_entry(struct iceberg_manifest_writer *writer, const struct iceberg_entry *entry)
{
    struct iceberg_manifest *listed = &writer->listed;
    int64_t rows = entry->file.record_count;
    writer->count++;
    switch (entry->status) {
    case ICEBERG_ADDED:
        listed->added_files++;
        listed->added_rows += rows;
        return;
    case ICEBERG_EXISTING:
        listed->existing_files++;
        listed->existing_rows += rows;
        if (!writer->has_sequence || entry->sequence_number < listed->min_sequence_number)
            listed->min_sequence_number = entry->sequence_number;
        writer->has_sequence = true;
        return;
    case ICEBERG_DELETED:
        listed->deleted_files++;
        listed->deleted_rows += rows;
        return;
    }
}

bool iceberg_manifest_writer_add(struct iceberg_manifest_writer *writer, const struct iceberg_entry *entry,
                                 struct error *err)
{
    struct buf *out = &writer->avro.values;
    if (!check_entry(writer, entry, err))
        return false;
    bool inherits = entry->status == ICEBERG_ADDED;
    avro_put_long(out, entry->status);
    put_optional_number(out, true, entry->snapshot_id);
    put_optional_number(out, !inherits, entry->sequence_number);
    put_optional_number(out, !inherits, entry->file_sequence_number);
    put_file(out, &entry->file);
    avro_writer_end_value(&writer->avro);
    summarize(writer, &entry->file);
    count_entry(writer, entry);
    return true;
}

size_t iceberg_manifest_writer_count(const struct iceberg_manifest_writer *writer)
{
    return writer->count;
}

size_t iceberg_manifest_writer_bytes(const struct iceberg_manifest_writer *writer)
{
    return writer->avro.out.len + writer->avro.values.len / 4; /* what waits is not compressed yet */
}

/* ---- Finishing ------------------------------------------------------------------------------------------- */

static struct str value_bytes(struct iceberg_manifest_writer *writer, const struct iceberg_value *value)
{
    uint8_t *out = arena_alloc(&writer->arena, 8);
    uint64_t bits = 0;
    uint32_t half;
    float narrow;
    switch (value->kind) {
    case ICEBERG_NULL: return STR_NONE;
    case ICEBERG_BOOLEAN: out[0] = value->number != 0; return str_make(out, 1);
    case ICEBERG_INT: return str_make(out, iceberg_bound_int((int32_t)value->number, out));
    case ICEBERG_LONG: return str_make(out, iceberg_bound_long(value->number, out));
    case ICEBERG_FLOAT:
        narrow = (float)value->real;
        memcpy(&half, &narrow, sizeof half);
        return str_make(out, iceberg_bound_int((int32_t)half, out));
    case ICEBERG_DOUBLE:
        memcpy(&bits, &value->real, sizeof bits);
        return str_make(out, iceberg_bound_long((int64_t)bits, out));
    default: return value->bytes;
    }
}

void iceberg_manifest_writer_finish(struct iceberg_manifest_writer *writer, struct buf *out,
                                    struct iceberg_manifest *listed)
{
    avro_writer_finish(&writer->avro);
    buf_append_str(out, buf_str(&writer->avro.out));
    for (size_t i = 0; i < writer->partition_count; i++) {
        writer->summaries[i].lower = value_bytes(writer, &writer->lowest[i]);
        writer->summaries[i].upper = value_bytes(writer, &writer->highest[i]);
    }
    writer->listed.length_bytes = (int64_t)writer->avro.out.len;
    writer->listed.partitions = writer->summaries;
    writer->listed.partition_count = writer->partition_count;
    *listed = writer->listed;
    if (!writer->has_sequence)
        listed->min_sequence_number = ICEBERG_NONE; /* that of the snapshot */
}

void iceberg_manifest_writer_free(struct iceberg_manifest_writer *writer)
{
    if (writer == NULL)
        return;
    avro_writer_free(&writer->avro);
    arena_free(&writer->arena);
    mem_free(writer);
}
