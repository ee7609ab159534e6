/* Manifest lists: Avro files with a record for each manifest of a snapshot (specification, "Manifest Lists"). */
#include "table/iceberg_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

/* Field ids. */
enum {
    PATH = 500,
    LENGTH = 501,
    SPEC_ID = 502,
    CONTENT = 517,
    SEQUENCE = 515,
    MIN_SEQUENCE = 516,
    SNAPSHOT_ID = 503,
    ADDED_FILES = 504,
    EXISTING_FILES = 505,
    DELETED_FILES = 506,
    ADDED_ROWS = 512,
    EXISTING_ROWS = 513,
    DELETED_ROWS = 514,
    PARTITIONS = 507,
    CONTAINS_NULL = 509,
    CONTAINS_NAN = 518,
    LOWER = 510,
    UPPER = 511,
    KEY_METADATA = 519
};

static const char schema_json[] =
    "{\"type\":\"record\",\"name\":\"manifest_file\",\"fields\":["
    "{\"name\":\"manifest_path\",\"type\":\"string\",\"field-id\":500},"
    "{\"name\":\"manifest_length\",\"type\":\"long\",\"field-id\":501},"
    "{\"name\":\"partition_spec_id\",\"type\":\"int\",\"field-id\":502},"
    "{\"name\":\"content\",\"type\":\"int\",\"field-id\":517},"
    "{\"name\":\"sequence_number\",\"type\":\"long\",\"field-id\":515},"
    "{\"name\":\"min_sequence_number\",\"type\":\"long\",\"field-id\":516},"
    "{\"name\":\"added_snapshot_id\",\"type\":\"long\",\"field-id\":503},"
    "{\"name\":\"added_files_count\",\"type\":\"int\",\"field-id\":504},"
    "{\"name\":\"existing_files_count\",\"type\":\"int\",\"field-id\":505},"
    "{\"name\":\"deleted_files_count\",\"type\":\"int\",\"field-id\":506},"
    "{\"name\":\"added_rows_count\",\"type\":\"long\",\"field-id\":512},"
    "{\"name\":\"existing_rows_count\",\"type\":\"long\",\"field-id\":513},"
    "{\"name\":\"deleted_rows_count\",\"type\":\"long\",\"field-id\":514},"
    "{\"name\":\"partitions\",\"type\":[\"null\",{\"type\":\"array\",\"items\":"
    "{\"type\":\"record\",\"name\":\"r508\",\"fields\":["
    "{\"name\":\"contains_null\",\"type\":\"boolean\",\"field-id\":509},"
    "{\"name\":\"contains_nan\",\"type\":[\"null\",\"boolean\"],\"default\":null,\"field-id\":518},"
    "{\"name\":\"lower_bound\",\"type\":[\"null\",\"bytes\"],\"default\":null,\"field-id\":510},"
    "{\"name\":\"upper_bound\",\"type\":[\"null\",\"bytes\"],\"default\":null,\"field-id\":511}"
    "]},\"element-id\":508}],\"default\":null,\"field-id\":507},"
    "{\"name\":\"key_metadata\",\"type\":[\"null\",\"bytes\"],\"default\":null,\"field-id\":519}"
    "]}";

static const struct avro_target targets[] = {
    {PATH, AVRO_ROOT, "manifest_path", AVRO_TEXT, true},
    {LENGTH, AVRO_ROOT, "manifest_length", AVRO_INTEGERS, true},
    {SPEC_ID, AVRO_ROOT, "partition_spec_id", AVRO_INTEGERS, true},
    {CONTENT, AVRO_ROOT, "content", AVRO_INTEGERS, false},
    {SEQUENCE, AVRO_ROOT, "sequence_number", AVRO_INTEGERS, false},
    {MIN_SEQUENCE, AVRO_ROOT, "min_sequence_number", AVRO_INTEGERS, false},
    {SNAPSHOT_ID, AVRO_ROOT, "added_snapshot_id", AVRO_INTEGERS, true},
    {ADDED_FILES, AVRO_ROOT, "added_files_count", AVRO_INTEGERS, false},
    {EXISTING_FILES, AVRO_ROOT, "existing_files_count", AVRO_INTEGERS, false},
    {DELETED_FILES, AVRO_ROOT, "deleted_files_count", AVRO_INTEGERS, false},
    {ADDED_ROWS, AVRO_ROOT, "added_rows_count", AVRO_INTEGERS, false},
    {EXISTING_ROWS, AVRO_ROOT, "existing_rows_count", AVRO_INTEGERS, false},
    {DELETED_ROWS, AVRO_ROOT, "deleted_rows_count", AVRO_INTEGERS, false},
    {PARTITIONS, AVRO_ROOT, "partitions", AVRO_MASK(AVRO_ARRAY), false},
    {CONTAINS_NULL, PARTITIONS, "contains_null", AVRO_MASK(AVRO_BOOLEAN), false},
    {CONTAINS_NAN, PARTITIONS, "contains_nan", AVRO_MASK(AVRO_BOOLEAN), false},
    {LOWER, PARTITIONS, "lower_bound", AVRO_BINARY, false},
    {UPPER, PARTITIONS, "upper_bound", AVRO_BINARY, false},
    {KEY_METADATA, AVRO_ROOT, "key_metadata", AVRO_BINARY, false},
};

/* ---- Reading --------------------------------------------------------------------------------------------- */

struct parse {
    struct arena *arena;
    struct iceberg_manifest *manifests;
    size_t count;
    size_t cap;
    struct iceberg_manifest now; /* the one that is read */
    bool told_partitions;        /* the field is in the schema, and not null */
    struct iceberg_field_summary *partitions;
    size_t partition_cap;
};

static struct str keep(struct parse *parse, struct str bytes)
{
    uint8_t *copy = arena_alloc(parse->arena, bytes.len + 1);
    if (bytes.len > 0)
        memcpy(copy, bytes.data, bytes.len);
    return str_make(copy, bytes.len);
}

static struct iceberg_field_summary *summary_now(struct parse *parse)
{
    static struct iceberg_field_summary nowhere;
    return parse->now.partition_count > 0 ? &parse->partitions[parse->now.partition_count - 1] : &nowhere;
}

static void on_value(void *ctx, int32_t tag, const struct avro_value *value)
{
    struct parse *parse = ctx;
    struct iceberg_manifest *now = &parse->now;
    if (value->type == AVRO_NULL) {
        if (tag == PARTITIONS)
            parse->told_partitions = false;
        return;
    }
    switch (tag) {
    case PATH: now->path = keep(parse, value->bytes); break;
    case LENGTH: now->length_bytes = value->number; break;
    case SPEC_ID: now->spec_id = (int32_t)value->number; break;
    case CONTENT: now->deletes = value->number != 0; break;
    case SEQUENCE: now->sequence_number = value->number; break;
    case MIN_SEQUENCE: now->min_sequence_number = value->number; break;
    case SNAPSHOT_ID: now->snapshot_id = value->number; break;
    case ADDED_FILES: now->added_files = value->number; break;
    case EXISTING_FILES: now->existing_files = value->number; break;
    case DELETED_FILES: now->deleted_files = value->number; break;
    case ADDED_ROWS: now->added_rows = value->number; break;
    case EXISTING_ROWS: now->existing_rows = value->number; break;
    case DELETED_ROWS: now->deleted_rows = value->number; break;
    case CONTAINS_NULL: summary_now(parse)->contains_null = value->number != 0; break;
    case CONTAINS_NAN: summary_now(parse)->contains_nan = value->number != 0; break;
    case LOWER: summary_now(parse)->lower = keep(parse, value->bytes); break;
    case UPPER: summary_now(parse)->upper = keep(parse, value->bytes); break;
    case KEY_METADATA: now->key_metadata = keep(parse, value->bytes); break;
    default: break;
    }
}

static void on_item(void *ctx, int32_t tag)
{
    struct parse *parse = ctx;
    size_t count = parse->now.partition_count;
    if (tag != PARTITIONS)
        return;
    if (count == parse->partition_cap) {
        size_t cap = count == 0 ? 1 : 2 * count;
        struct iceberg_field_summary *more = arena_alloc(parse->arena, cap * sizeof *more);
        if (count > 0)
            memcpy(more, parse->partitions, count * sizeof *more);
        parse->partitions = more;
        parse->partition_cap = cap;
    }
    parse->partitions[count] = (struct iceberg_field_summary){.contains_nan = ICEBERG_NONE};
    parse->now.partition_count++;
}

static bool take_manifest(struct parse *parse, const struct avro_node *schema, struct str *data,
                          struct error *err)
{
    struct avro_visitor visitor = {.value = on_value, .item = on_item, .ctx = parse};
    parse->now = (struct iceberg_manifest){.length_bytes = ICEBERG_NONE,
                                           .spec_id = ICEBERG_NONE,
                                           .snapshot_id = ICEBERG_NONE,
                                           .added_files = ICEBERG_NONE,
                                           .existing_files = ICEBERG_NONE,
                                           .deleted_files = ICEBERG_NONE,
                                           .added_rows = ICEBERG_NONE,
                                           .existing_rows = ICEBERG_NONE,
                                           .deleted_rows = ICEBERG_NONE};
    static struct iceberg_field_summary empty; /* not partitioned: told, and nothing in it */
    parse->told_partitions = avro_field_tagged(schema, PARTITIONS) != NULL;
    parse->partitions = &empty;
    parse->partition_cap = 0;
    if (!avro_decode(schema, data, &visitor, err))
        return false;
    struct iceberg_manifest *now = &parse->now;
    if (now->path.len == 0 || now->length_bytes < 0 || now->spec_id < 0 || now->snapshot_id < 0 ||
        now->sequence_number < 0 || now->min_sequence_number < 0)
        return error_set(err, ERR_CORRUPT, "manifest %zu lacks its path, length, spec or snapshot",
                         parse->count);
    const int64_t counts[] = {now->added_files, now->existing_files, now->deleted_files,
                              now->added_rows,  now->existing_rows,  now->deleted_rows};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        if (counts[i] < ICEBERG_NONE)
            return error_set(err, ERR_CORRUPT, "manifest %zu has a negative count", parse->count);
    }
    now->partitions = parse->told_partitions ? parse->partitions : NULL;
    if (parse->count == parse->cap) {
        size_t cap = parse->cap == 0 ? 16 : 2 * parse->cap;
        struct iceberg_manifest *more = arena_alloc(parse->arena, cap * sizeof *more);
        if (parse->count > 0)
            memcpy(more, parse->manifests, parse->count * sizeof *more);
        parse->manifests = more;
        parse->cap = cap;
    }
    parse->manifests[parse->count++] = *now;
    return true;
}

static bool read_all(struct avro_reader *reader, struct parse *parse, struct error *err)
{
    for (;;) {
        struct str data;
        uint64_t count;
        enum avro_next next = avro_reader_next_block(reader, &data, &count, err);
        if (next != AVRO_NEXT_BLOCK)
            return next == AVRO_NEXT_END;
        for (; count > 0; count--) {
            if (!take_manifest(parse, reader->schema, &data, err))
                return false;
        }
        if (data.len > 0)
            return error_set(err, ERR_CORRUPT, "a block has more bytes than its values");
    }
}

bool iceberg_list_read(struct str bytes, struct iceberg_list *out, struct error *err)
{
    struct avro_reader reader = {0};
    struct parse parse = {.arena = &out->arena};
    bool ok = avro_reader_open(&reader, bytes, err) &&
              avro_resolve(reader.schema, targets, sizeof targets / sizeof targets[0], err) &&
              read_all(&reader, &parse, err);
    avro_reader_close(&reader);
    if (!ok)
        return error_wrap(err, "manifest list");
    out->manifests = parse.manifests;
    out->count = parse.count;
    return true;
}

void iceberg_list_free(struct iceberg_list *list)
{
    arena_free(&list->arena);
    *list = (struct iceberg_list){0};
}

/* ---- Writing --------------------------------------------------------------------------------------------- */

static void put_optional(struct buf *out, struct str bytes)
{
    avro_put_long(out, bytes.data != NULL);
    if (bytes.data != NULL)
        avro_put_bytes(out, bytes);
}

static void put_partitions(struct buf *out, const struct iceberg_manifest *manifest)
{
    avro_put_long(out, manifest->partitions != NULL);
    if (manifest->partitions == NULL)
        return;
    if (manifest->partition_count > 0)
        avro_put_long(out, (int64_t)manifest->partition_count);
    for (size_t i = 0; i < manifest->partition_count; i++) {
        const struct iceberg_field_summary *summary = &manifest->partitions[i];
        avro_put_boolean(out, summary->contains_null);
        avro_put_long(out, summary->contains_nan != ICEBERG_NONE);
        if (summary->contains_nan != ICEBERG_NONE)
            avro_put_boolean(out, summary->contains_nan);
        put_optional(out, summary->lower);
        put_optional(out, summary->upper);
    }
    avro_put_long(out, 0);
}

static void put_manifest(struct buf *out, const struct iceberg_manifest *manifest)
{
    assert(manifest->added_files >= 0 && manifest->existing_files >= 0 && manifest->deleted_files >= 0);
    assert(manifest->added_rows >= 0 && manifest->existing_rows >= 0 && manifest->deleted_rows >= 0);
    avro_put_bytes(out, manifest->path);
    avro_put_long(out, manifest->length_bytes);
    avro_put_long(out, manifest->spec_id);
    avro_put_long(out, manifest->deletes);
    avro_put_long(out, manifest->sequence_number);
    avro_put_long(out, manifest->min_sequence_number);
    avro_put_long(out, manifest->snapshot_id);
    avro_put_long(out, manifest->added_files);
    avro_put_long(out, manifest->existing_files);
    avro_put_long(out, manifest->deleted_files);
    avro_put_long(out, manifest->added_rows);
    avro_put_long(out, manifest->existing_rows);
    avro_put_long(out, manifest->deleted_rows);
    put_partitions(out, manifest);
    put_optional(out, manifest->key_metadata);
}

void iceberg_list_write(const struct iceberg_snapshot *snapshot, const struct iceberg_manifest *manifests,
                        size_t count, struct buf *out)
{
    char id[24], parent[24], sequence[24];
    snprintf(id, sizeof id, "%" PRId64, snapshot->id);
    snprintf(sequence, sizeof sequence, "%" PRId64, snapshot->sequence_number);
    if (snapshot->parent_id == ICEBERG_NONE)
        snprintf(parent, sizeof parent, "null");
    else
        snprintf(parent, sizeof parent, "%" PRId64, snapshot->parent_id);
    const struct avro_meta meta[] = {
        {STR("avro.schema"), STR(schema_json)},     {STR("format-version"), STR("2")},
        {STR("snapshot-id"), str_of(id)},           {STR("parent-snapshot-id"), str_of(parent)},
        {STR("sequence-number"), str_of(sequence)},
    };
    struct avro_writer writer = {0};
    avro_writer_begin(&writer, meta, sizeof meta / sizeof meta[0]);
    for (size_t i = 0; i < count; i++) {
        put_manifest(&writer.values, &manifests[i]);
        avro_writer_end_value(&writer);
    }
    avro_writer_finish(&writer);
    buf_append_str(out, buf_str(&writer.out));
    avro_writer_free(&writer);
}
