#include "table/avro_file.h"
#include "table/iceberg_store.h"

#include <jansson.h>
#include <math.h>

/* ---- Manifests ------------------------------------------------------------------------------------------------------- */

struct seen {
    struct iceberg_entry entries[16]; /* texts are gone, but those that the test looks at in `each` */
    size_t count;
    bool (*each)(const struct iceberg_entry *entry, size_t n);
};

static bool see(const struct iceberg_entry *entry, void *arg)
{
    struct seen *seen = arg;
    assert_true(seen->count < LENGTH(seen->entries));
    if (seen->each != NULL)
        assert_true(seen->each(entry, seen->count));
    seen->entries[seen->count++] = *entry;
    return true;
}

static void write_manifest(const struct iceberg_table *table, int64_t snapshot_id,
                           const struct iceberg_entry *entries, size_t count, struct buf *out,
                           struct iceberg_manifest *listed, struct arena *arena)
{
    struct error err;
    struct iceberg_manifest_writer *writer = iceberg_manifest_writer_new(table, 0, snapshot_id, &err);
    CHECK(writer != NULL, "%s", err.text);
    for (size_t i = 0; i < count; i++)
        ASSERT_OK(iceberg_manifest_writer_add(writer, &entries[i], &err), err);
    iceberg_manifest_writer_finish(writer, out, listed);
    struct iceberg_field_summary *summaries = arena_alloc(arena, sizeof *summaries);
    assert_int_equal(listed->partition_count, 1);
    summaries[0] = listed->partitions[0];
    summaries[0].lower = arena_str(arena, summaries[0].lower);
    summaries[0].upper = arena_str(arena, summaries[0].upper);
    listed->partitions = summaries;
    iceberg_manifest_writer_free(writer);
}

static bool check_whole_entry(const struct iceberg_entry *entry, size_t n)
{
    const struct iceberg_data_file *file = &entry->file;
    const struct iceberg_column *topic = iceberg_column(file, MESSAGE_TOPIC);
    int64_t low, high;
    (void)n;
    assert_true(str_is(file->path, STORE_LOCATION "/data/00000000000000000500-0.parquet"));
    assert_true(str_is(file->format, "PARQUET"));
    assert_int_equal(file->record_count, 100);
    assert_int_equal(file->size_bytes, 200);
    assert_int_equal(file->partition_count, 1);
    assert_int_equal(file->partition[0].kind, ICEBERG_INT);
    assert_int_equal(file->partition[0].number, 19000);
    assert_int_equal(file->column_count, 3);
    assert_true(iceberg_bounds(file, MESSAGE_OFFSET, &low, &high) && low == 500 && high == 599);
    assert_int_equal(topic->size_bytes, 2000);
    assert_int_equal(topic->value_count, 100);
    assert_int_equal(topic->null_count, 0);
    assert_int_equal(topic->nan_count, ICEBERG_NONE);
    assert_true(str_is(topic->lower, "a/") && str_is(topic->upper, "z/"));
    assert_int_equal(file->split_count, 1);
    assert_int_equal(file->split_offsets[0], 4);
    assert_int_equal(file->sort_order_id, 1);
    assert_null(file->key_metadata.data);
    return true;
}

static void test_an_entry_comes_back_whole(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct buf bytes = {0};
    struct iceberg_manifest listed;
    struct error err;
    struct seen seen = {.each = check_whole_entry};
    store_open(&store);
    const struct iceberg_entry entry = {
        .status = ICEBERG_ADDED, .snapshot_id = 9, .file = store_file(&arena, 500, 100, 19000, 0)};
    write_manifest(store.table, 9, &entry, 1, &bytes, &listed, &arena);
    ASSERT_OK(iceberg_manifest_read(buf_str(&bytes), NULL, see, &seen, &err), err);
    assert_int_equal(seen.count, 1);
    buf_free(&bytes);
    arena_free(&arena);
    store_close(&store);
}

static void test_added_files_inherit_their_sequence_number_and_others_say_theirs(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct buf bytes = {0};
    struct iceberg_manifest listed;
    struct error err;
    struct seen seen = {0};
    store_open(&store);
    const struct iceberg_entry entries[] = {
        {ICEBERG_ADDED, 9, 77, 77, store_file(&arena, 0, 10, 19000, 0)}, /* whatever is in it */
        {ICEBERG_EXISTING, 5, 3, 4, store_file(&arena, 10, 20, 19002, 0)},
        {ICEBERG_EXISTING, 6, 2, 2, store_file(&arena, 30, 40, 18999, 0)},
        {ICEBERG_DELETED, 9, 1, 1, store_file(&arena, 70, 80, 19001, 0)},
    };
    write_manifest(store.table, 9, entries, LENGTH(entries), &bytes, &listed, &arena);
    assert_int_equal(listed.length_bytes, bytes.len);
    assert_int_equal(listed.snapshot_id, 9);
    assert_int_equal(listed.added_files, 1);
    assert_int_equal(listed.existing_files, 2);
    assert_int_equal(listed.deleted_files, 1);
    assert_int_equal(listed.added_rows, 10);
    assert_int_equal(listed.existing_rows, 60);
    assert_int_equal(listed.deleted_rows, 80);
    assert_int_equal(listed.min_sequence_number, 2); /* of what is live */
    assert_memory_equal(listed.partitions[0].lower.data, "\x37\x4A\0\0", 4);
    assert_memory_equal(listed.partitions[0].upper.data, "\x3A\x4A\0\0", 4);
    assert_false(listed.partitions[0].contains_null);
    listed.sequence_number = 12;
    ASSERT_OK(iceberg_manifest_read(buf_str(&bytes), &listed, see, &seen, &err), err);
    assert_int_equal(seen.count, 4);
    assert_int_equal(seen.entries[0].sequence_number, 12);
    assert_int_equal(seen.entries[0].file_sequence_number, 12);
    assert_int_equal(seen.entries[1].snapshot_id, 5);
    assert_int_equal(seen.entries[1].sequence_number, 3);
    assert_int_equal(seen.entries[1].file_sequence_number, 4);
    assert_int_equal(seen.entries[3].status, ICEBERG_DELETED);
    assert_int_equal(seen.entries[3].sequence_number, 1);
    /* Without the line in the list nothing is made up. */
    seen.count = 0;
    ASSERT_OK(iceberg_manifest_read(buf_str(&bytes), NULL, see, &seen, &err), err);
    assert_int_equal(seen.entries[0].sequence_number, ICEBERG_NONE);
    buf_free(&bytes);
    arena_free(&arena);
    store_close(&store);
}

static void test_what_cannot_be_an_entry_is_refused(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    const struct iceberg_entry good = {
        .status = ICEBERG_ADDED, .snapshot_id = 9, .file = store_file(&arena, 0, 10, 19000, 0)};
    struct iceberg_manifest_writer *writer = iceberg_manifest_writer_new(store.table, 0, 9, &err);
    struct iceberg_entry bad[9];
    for (size_t i = 0; i < LENGTH(bad); i++)
        bad[i] = good;
    bad[0].file.path = STR_NONE;
    bad[1].file.path = STR("s3://\xFF");
    bad[2].file.record_count = -1;
    bad[3].file.size_bytes = 0;
    bad[4].file.partition_count = 0;
    bad[5].file.partition[0].kind = ICEBERG_LONG;
    bad[6].status = ICEBERG_EXISTING;
    bad[6].sequence_number = ICEBERG_NONE;
    bad[7].snapshot_id = 8;
    bad[8].file.content = ICEBERG_POSITION_DELETES;
    for (size_t i = 0; i < LENGTH(bad); i++) {
        err.code = ERR_NONE;
        CHECK(!iceberg_manifest_writer_add(writer, &bad[i], &err) && err.code == ERR_INVALID, "row %d",
              (int)i);
    }
    ASSERT_OK(iceberg_manifest_writer_add(writer, &good, &err), err);
    iceberg_manifest_writer_free(writer);
    assert_null(iceberg_manifest_writer_new(store.table, 7, 9, &err)); /* no such spec */
    arena_free(&arena);
    store_close(&store);
}

/* ---- The header, for readers that are strict ------------------------------------------------------------------------- */

static void check_ids(const json_t *schema, const char *const *paths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char path[64], *name, *rest = path;
        const json_t *at = schema, *field = NULL;
        snprintf(path, sizeof path, "%s", paths[i]);
        char *equals = strchr(path, '=');
        int id = atoi(equals + 1);
        *equals = '\0';
        while ((name = strsep(&rest, ".")) != NULL) {
            const json_t *fields = json_object_get(at, "fields");
            field = NULL;
            for (size_t k = 0; k < json_array_size(fields); k++) {
                if (strcmp(json_string_value(json_object_get(json_array_get(fields, k), "name")), name) == 0)
                    field = json_array_get(fields, k);
            }
            CHECK(field != NULL, "%s", paths[i]);
            at = json_object_get(field, "type");
            if (json_is_array(at)) {
                assert_string_equal(json_string_value(json_array_get(at, 0)), "null");
                CHECK(json_is_null(json_object_get(field, "default")), "%s has no default", paths[i]);
                at = json_array_get(at, 1);
            }
            if (json_is_object(at) && json_object_get(at, "items") != NULL)
                at = json_object_get(at, "items");
        }
        CHECK(json_integer_value(json_object_get(field, "field-id")) == id, "%s", paths[i]);
    }
}

static const json_t *field_named(const json_t *record, const char *name)
{
    const json_t *fields = json_object_get(record, "fields");
    for (size_t k = 0; k < json_array_size(fields); k++) {
        if (strcmp(json_string_value(json_object_get(json_array_get(fields, k), "name")), name) == 0)
            return json_object_get(json_array_get(fields, k), "type");
    }
    return NULL;
}

static void check_meta(const struct avro_reader *reader, const char *key, const char *value)
{
    CHECK(str_is(avro_reader_meta(reader, key), value), "%s: %.*s", key,
          STR_ARG(avro_reader_meta(reader, key)));
}

static json_t *meta_json(const struct avro_reader *reader, const char *key)
{
    struct str text = avro_reader_meta(reader, key);
    json_t *json = json_loadb(text.data, text.len, 0, NULL);
    CHECK(json != NULL, "%s", key);
    return json;
}

static void test_a_manifest_has_the_header_that_strict_readers_ask_for(void **state)
{
    (void)state;
    static const char *const ids[] = {
        "status=0",
        "snapshot_id=1",
        "sequence_number=3",
        "file_sequence_number=4",
        "data_file=2",
        "data_file.content=134",
        "data_file.file_path=100",
        "data_file.file_format=101",
        "data_file.partition=102",
        "data_file.partition.timestamp_day=1000",
        "data_file.record_count=103",
        "data_file.file_size_in_bytes=104",
        "data_file.column_sizes=108",
        "data_file.column_sizes.key=117",
        "data_file.column_sizes.value=118",
        "data_file.value_counts=109",
        "data_file.value_counts.key=119",
        "data_file.value_counts.value=120",
        "data_file.null_value_counts=110",
        "data_file.null_value_counts.key=121",
        "data_file.null_value_counts.value=122",
        "data_file.nan_value_counts=137",
        "data_file.nan_value_counts.key=138",
        "data_file.nan_value_counts.value=139",
        "data_file.lower_bounds=125",
        "data_file.lower_bounds.key=126",
        "data_file.lower_bounds.value=127",
        "data_file.upper_bounds=128",
        "data_file.upper_bounds.key=129",
        "data_file.upper_bounds.value=130",
        "data_file.key_metadata=131",
        "data_file.split_offsets=132",
        "data_file.sort_order_id=140",
    };
    static const char *const not_null[] = {"content", "file_path", "file_format", "record_count",
                                           "file_size_in_bytes"};
    struct store store;
    struct arena arena = {0};
    struct buf bytes = {0};
    struct iceberg_manifest listed;
    struct error err;
    struct avro_reader reader = {0};
    store_open(&store);
    const struct iceberg_entry entry = {
        .status = ICEBERG_ADDED, .snapshot_id = 9, .file = store_file(&arena, 0, 10, 19000, 0)};
    write_manifest(store.table, 9, &entry, 1, &bytes, &listed, &arena);
    ASSERT_OK(avro_reader_open(&reader, buf_str(&bytes), &err), err);
    check_meta(&reader, "schema-id", "0");
    check_meta(&reader, "partition-spec-id", "0");
    check_meta(&reader, "format-version", "2");
    check_meta(&reader, "content", "data");
    check_meta(&reader, "avro.codec", "deflate");
    json_t *schema = meta_json(&reader, "schema"), *spec = meta_json(&reader, "partition-spec");
    assert_string_equal(json_string_value(json_object_get(schema, "type")),
                        "struct"); /* Iceberg's, not Avro's */
    assert_int_equal(json_array_size(json_object_get(schema, "fields")), message_schema.field_count);
    assert_true(json_is_array(spec)); /* of fields only */
    assert_int_equal(json_integer_value(json_object_get(json_array_get(spec, 0), "field-id")), 1000);
    json_t *avro = meta_json(&reader, "avro.schema");
    check_ids(avro, ids, LENGTH(ids));
    assert_string_equal(json_string_value(field_named(avro, "status")), "int");
    const json_t *file = field_named(avro, "data_file");
    for (size_t i = 0; i < LENGTH(not_null); i++)
        CHECK(json_is_string(field_named(file, not_null[i])), "%s", not_null[i]);
    const json_t *day = json_array_get(field_named(field_named(file, "partition"), "timestamp_day"), 1);
    assert_string_equal(json_string_value(json_object_get(day, "type")), "int");
    assert_string_equal(json_string_value(json_object_get(day, "logicalType")), "date");
    json_decref(schema);
    json_decref(spec);
    json_decref(avro);
    avro_reader_close(&reader);
    buf_free(&bytes);
    arena_free(&arena);
    store_close(&store);
}

/* ---- What others write ----------------------------------------------------------------------------------------------- */

/* Other order, other names, other integers, fields that are not known, union branches the other way round. */
static const char foreign_schema[] =
    "{\"type\":\"record\",\"name\":\"entry\",\"namespace\":\"org.example\",\"fields\":["
    "{\"name\":\"file\",\"field-id\":2,\"type\":{\"type\":\"record\",\"name\":\"f\",\"fields\":["
    "{\"name\":\"first_row_id\",\"type\":[\"null\",\"long\"],\"field-id\":142},"
    "{\"name\":\"size\",\"type\":\"int\",\"field-id\":104},"
    "{\"name\":\"rows\",\"type\":[\"long\",\"null\"],\"field-id\":103},"
    "{\"name\":\"part\",\"field-id\":102,\"type\":{\"type\":\"record\",\"name\":\"p\",\"fields\":["
    "{\"name\":\"b\",\"type\":[\"null\",\"string\"],\"field-id\":1001},"
    "{\"name\":\"day\",\"type\":[\"null\",\"int\"],\"field-id\":1000}]}},"
    "{\"name\":\"format\",\"type\":\"string\",\"field-id\":101},"
    "{\"name\":\"path\",\"type\":\"string\",\"field-id\":100},"
    "{\"name\":\"lower\",\"field-id\":125,\"type\":[\"null\",{\"type\":\"array\",\"items\":{\"type\":"
    "\"record\","
    "\"name\":\"kv\",\"fields\":[{\"name\":\"value\",\"type\":\"bytes\",\"field-id\":127},"
    "{\"name\":\"key\",\"type\":\"int\",\"field-id\":126}]},\"logicalType\":\"map\"}]}"
    "]}},"
    "{\"name\":\"state\",\"type\":\"long\",\"field-id\":0}"
    "]}";

static void put_foreign_entry(struct buf *out)
{
    avro_put_long(out, 1);
    avro_put_long(out, 5); /* first_row_id */
    avro_put_long(out, 1000);
    avro_put_long(out, 0);
    avro_put_long(out, 10); /* rows */
    avro_put_long(out, 1);
    avro_put_bytes(out, STR("red"));
    avro_put_long(out, 1);
    avro_put_long(out, 19000);
    avro_put_bytes(out, STR("ORC"));
    avro_put_bytes(out, STR("s3://b/t/x"));
    avro_put_long(out, 1);
    avro_put_long(out, -1); /* a block with its size: 1 + 8 + 1 bytes */
    avro_put_long(out, 10);
    avro_put_bytes(out, str_make("\7\0\0\0\0\0\0\0", 8));
    avro_put_long(out, 1);
    avro_put_long(out, 0);
    avro_put_long(out, ICEBERG_EXISTING);
}

static bool check_foreign(const struct iceberg_entry *entry, size_t n)
{
    const struct iceberg_data_file *file = &entry->file;
    (void)n;
    assert_true(str_is(file->path, "s3://b/t/x") && str_is(file->format, "ORC"));
    assert_int_equal(file->record_count, 10);
    assert_int_equal(file->size_bytes, 1000);
    /* In the order of the header's partition-spec. */
    assert_int_equal(file->partition_count, 2);
    assert_int_equal(file->partition[0].kind, ICEBERG_INT);
    assert_int_equal(file->partition[0].number, 19000);
    assert_int_equal(file->partition[1].kind, ICEBERG_STRING);
    assert_true(str_is(file->partition[1].bytes, "red"));
    assert_int_equal(file->column_count, 1);
    assert_int_equal(file->columns[0].field_id, 1);
    assert_int_equal(file->columns[0].lower.len, 8);
    assert_null(file->columns[0].upper.data);
    assert_int_equal(file->sort_order_id, ICEBERG_NONE);
    return true;
}

static void test_manifests_of_others_are_read_whatever_the_codec_and_order(void **state)
{
    (void)state;
    static const char *const codecs[] = {"null", "deflate", "zstandard", "snappy"};
    const struct avro_meta meta = {
        STR("partition-spec"),
        STR("[{\"source-id\":2,\"field-id\":1000,\"name\":\"d\",\"transform\":\"day\"},"
            "{\"source-id\":3,\"field-id\":1001,\"name\":\"c\",\"transform\":\"identity\"}]")};
    struct buf values = {0};
    put_foreign_entry(&values);
    put_foreign_entry(&values);
    for (size_t i = 0; i < LENGTH(codecs); i++) {
        struct avro_file file = {0};
        struct error err;
        struct seen seen = {.each = check_foreign};
        const struct iceberg_manifest listed = {.path = STR("m"), .snapshot_id = 4, .sequence_number = 0};
        avro_file_begin(&file, foreign_schema, codecs[i], &meta, 1);
        avro_file_block(&file, 2, buf_str(&values));
        ASSERT_OK(iceberg_manifest_read(buf_str(&file.out), &listed, see, &seen, &err), err);
        assert_int_equal(seen.count, 2);
        assert_int_equal(seen.entries[0].snapshot_id, 4);
        assert_int_equal(seen.entries[0].sequence_number, 0); /* what was written for version 1 */
        /* Only new files inherit another one. */
        const struct iceberg_manifest later = {.path = STR("m"), .snapshot_id = 4, .sequence_number = 5};
        seen.count = 0;
        ASSERT_OK(iceberg_manifest_read(buf_str(&file.out), &later, see, &seen, &err), err);
        assert_int_equal(seen.entries[0].sequence_number, ICEBERG_NONE);
        assert_int_equal(seen.entries[0].file_sequence_number, ICEBERG_NONE);
        buf_free(&file.out);
    }
    buf_free(&values);
}

static void test_a_manifest_that_lacks_what_is_required_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        const char *from, *to;
        const char *named;
    } rows[] = {
        {"{}", "", "", "partition-spec"},
        {"[{\"name\":\"d\",\"field-id\":5,\"transform\":\"day\"}]", "", "", "field-id"},
        {"[{\"name\":\"d\",\"field-id\":1000},{\"name\":\"e\",\"field-id\":1000}]", "", "", "1000"},
        {"[]", "\"field-id\":100}", "\"field-id\":99}", "file_path"},
        {"[]", "\"type\":\"string\",\"field-id\":100", "\"type\":\"double\",\"field-id\":100", "file_path"},
        {"[]", "\"name\":\"state\",\"type\":\"long\",\"field-id\":0",
         "\"name\":\"state\",\"type\":\"long\",\"field-id\":9", "status"},
    };
    TABLE_EACH(row, rows)
    {
        const struct avro_meta meta = {STR("partition-spec"), str_of(row->spec)};
        struct buf schema = {0}, values = {0};
        struct avro_file file = {0};
        struct error err = {0};
        struct seen seen = {0};
        const char *at = strstr(foreign_schema, row->from);
        CHECK(at != NULL, "%s", row->from);
        buf_append(&schema, foreign_schema, (size_t)(at - foreign_schema));
        buf_append_str(&schema, str_of(row->to));
        buf_append_str(&schema, str_of(at + strlen(row->from)));
        put_foreign_entry(&values);
        avro_file_begin(&file, buf_cstr(&schema), "null", &meta, 1);
        avro_file_block(&file, 1, buf_str(&values));
        CHECK(!iceberg_manifest_read(buf_str(&file.out), NULL, see, &seen, &err), "%s", row->named);
        CHECK(err.code == ERR_CORRUPT && strstr(err.text, row->named) != NULL, "%s: %s", row->named,
              err.text);
        buf_free(&file.out);
        buf_free(&schema);
        buf_free(&values);
    }
}

static bool stop(const struct iceberg_entry *entry, void *arg)
{
    (void)entry;
    return ++*(size_t *)arg < 2;
}

static void test_reading_ends_where_the_caller_wants(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct buf bytes = {0};
    struct iceberg_manifest listed;
    struct error err;
    size_t count = 0;
    store_open(&store);
    struct iceberg_entry entries[5];
    for (size_t i = 0; i < LENGTH(entries); i++)
        entries[i] = (struct iceberg_entry){
            .status = ICEBERG_ADDED, .snapshot_id = 9, .file = store_file(&arena, 10 * i, 10, 19000, 0)};
    write_manifest(store.table, 9, entries, LENGTH(entries), &bytes, &listed, &arena);
    ASSERT_OK(iceberg_manifest_read(buf_str(&bytes), NULL, stop, &count, &err), err);
    assert_int_equal(count, 2);
    buf_free(&bytes);
    arena_free(&arena);
    store_close(&store);
}

static void test_truncated_and_flipped_manifests_never_crash(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct buf bytes = {0};
    struct iceberg_manifest listed;
    struct error err;
    store_open(&store);
    const struct iceberg_entry entry = {
        .status = ICEBERG_ADDED, .snapshot_id = 9, .file = store_file(&arena, 0, 10, 19000, 0)};
    write_manifest(store.table, 9, &entry, 1, &bytes, &listed, &arena);
    for (size_t len = 0; len < bytes.len; len++) {
        struct seen seen = {0};
        uint8_t *copy = mem_dup(bytes.data, len > 0 ? len : 1);
        bool ok = iceberg_manifest_read(str_make(copy, len), NULL, see, &seen, &err);
        CHECK(!ok || seen.count == 0, "%d bytes", (int)len);
        mem_free(copy);
    }
    for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
        struct seen seen = {0};
        bytes.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        iceberg_manifest_read(buf_str(&bytes), NULL, see, &seen, &err);
        bytes.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    buf_free(&bytes);
    arena_free(&arena);
    store_close(&store);
}

/* ---- Partitions of all kinds ----------------------------------------------------------------------------------------- */

static bool check_kinds(const struct iceberg_entry *entry, size_t n)
{
    const struct iceberg_value *values = entry->file.partition;
    if (n == 1) {
        for (size_t i = 0; i < 8; i++)
            assert_int_equal(values[i].kind, ICEBERG_NULL);
        return true;
    }
    assert_true(values[0].kind == ICEBERG_BOOLEAN && values[0].number == 1);
    assert_true(values[1].kind == ICEBERG_INT && values[1].number == -5);
    assert_true(values[2].kind == ICEBERG_LONG && values[2].number == INT64_MIN);
    assert_true(values[3].kind == ICEBERG_FLOAT && values[3].real == 1.5);
    assert_true(values[4].kind == ICEBERG_DOUBLE && isnan(values[4].real));
    assert_true(values[5].kind == ICEBERG_STRING && str_is(values[5].bytes, "x"));
    assert_true(values[6].kind == ICEBERG_BINARY && values[6].bytes.len == 0);
    assert_true(values[7].kind == ICEBERG_INT && values[7].number == 7);
    return true;
}

#define NAME(text)               \
    {                            \
        (text), sizeof(text) - 1 \
    }

static void test_partitions_of_every_kind_come_back_and_are_summed_up(void **state)
{
    (void)state;
    static const struct table_field fields[] = {
        {.id = 1, .name = NAME("a"), .type = TABLE_BOOLEAN},
        {.id = 2, .name = NAME("b"), .type = TABLE_INT},
        {.id = 3, .name = NAME("c"), .type = TABLE_LONG},
        {.id = 4, .name = NAME("d"), .type = TABLE_FLOAT},
        {.id = 5, .name = NAME("e"), .type = TABLE_DOUBLE},
        {.id = 6, .name = NAME("f"), .type = TABLE_STRING},
        {.id = 7, .name = NAME("g"), .type = TABLE_BINARY},
        {.id = 8, .name = NAME("h"), .type = TABLE_STRING},
    };
    static const struct iceberg_partition_field partition[] = {
        {1, 0, NAME("a"), NAME("identity")}, {2, 0, NAME("b"), NAME("identity")},
        {3, 0, NAME("c"), NAME("identity")}, {4, 0, NAME("d"), NAME("identity")},
        {5, 0, NAME("e"), NAME("identity")}, {6, 0, NAME("2 x-y"), NAME("truncate[4]")},
        {7, 0, NAME("g"), NAME("identity")}, {8, 0, NAME("h_bucket"), NAME("bucket[16]")},
    };
    const struct table_schema schema = {0, fields, LENGTH(fields)};
    const struct iceberg_table_options options = {.uuid = STR("11111111-2222-4333-8444-555555555555"),
                                                  .location = STR("s3://b/t"),
                                                  .schema = &schema,
                                                  .partition = partition,
                                                  .partition_count = LENGTH(partition)};
    struct error err;
    struct iceberg_table *table = iceberg_table_new(&options, &err);
    CHECK(table != NULL, "%s", err.text);
    struct iceberg_manifest_writer *writer = iceberg_manifest_writer_new(table, 0, 1, &err);
    CHECK(writer != NULL, "%s", err.text);
    struct iceberg_entry entry = {.status = ICEBERG_ADDED,
                                  .snapshot_id = 1,
                                  .file = {.path = STR("s3://b/t/x"),
                                           .record_count = 1,
                                           .size_bytes = 1,
                                           .partition = {{ICEBERG_BOOLEAN, {.number = 1}},
                                                         {ICEBERG_INT, {.number = -5}},
                                                         {ICEBERG_LONG, {.number = INT64_MIN}},
                                                         {ICEBERG_FLOAT, {.real = 1.5}},
                                                         {ICEBERG_DOUBLE, {.real = NAN}},
                                                         {ICEBERG_STRING, {.bytes = STR("x")}},
                                                         {ICEBERG_BINARY, {.bytes = STR("")}},
                                                         {ICEBERG_INT, {.number = 7}}},
                                           .partition_count = 8}};
    ASSERT_OK(iceberg_manifest_writer_add(writer, &entry, &err), err);
    memset(entry.file.partition, 0, sizeof entry.file.partition);
    ASSERT_OK(iceberg_manifest_writer_add(writer, &entry, &err), err);
    struct buf bytes = {0};
    struct iceberg_manifest listed;
    struct seen seen = {.each = check_kinds};
    iceberg_manifest_writer_finish(writer, &bytes, &listed);
    assert_int_equal(listed.partition_count, 8);
    for (size_t i = 0; i < 8; i++)
        assert_true(listed.partitions[i].contains_null);
    assert_int_equal(listed.partitions[4].contains_nan, 1);
    assert_null(listed.partitions[4].lower.data); /* nothing but null and NaN */
    assert_true(str_is(listed.partitions[5].lower, "x"));
    assert_memory_equal(listed.partitions[3].upper.data, "\0\0\xC0\x3F", 4);
    ASSERT_OK(iceberg_manifest_read(buf_str(&bytes), NULL, see, &seen, &err), err);
    assert_int_equal(seen.count, 2);
    buf_free(&bytes);
    iceberg_manifest_writer_free(writer);
    iceberg_table_free(table);
}

/* ---- Manifest lists -------------------------------------------------------------------------------------------------- */

static void check_same_manifest(const struct iceberg_manifest *a, const struct iceberg_manifest *b)
{
    assert_true(str_equal(a->path, b->path));
    assert_int_equal(a->length_bytes, b->length_bytes);
    assert_int_equal(a->spec_id, b->spec_id);
    assert_int_equal(a->deletes, b->deletes);
    assert_int_equal(a->sequence_number, b->sequence_number);
    assert_int_equal(a->min_sequence_number, b->min_sequence_number);
    assert_int_equal(a->snapshot_id, b->snapshot_id);
    assert_int_equal(a->added_files, b->added_files);
    assert_int_equal(a->existing_files, b->existing_files);
    assert_int_equal(a->deleted_files, b->deleted_files);
    assert_int_equal(a->added_rows, b->added_rows);
    assert_int_equal(a->existing_rows, b->existing_rows);
    assert_int_equal(a->deleted_rows, b->deleted_rows);
    assert_int_equal(a->partitions != NULL, b->partitions != NULL);
    assert_int_equal(a->partition_count, b->partition_count);
    for (size_t i = 0; i < a->partition_count; i++) {
        assert_int_equal(a->partitions[i].contains_null, b->partitions[i].contains_null);
        assert_int_equal(a->partitions[i].contains_nan, b->partitions[i].contains_nan);
        assert_true(str_equal(a->partitions[i].lower, b->partitions[i].lower));
        assert_int_equal(a->partitions[i].lower.data != NULL, b->partitions[i].lower.data != NULL);
        assert_true(str_equal(a->partitions[i].upper, b->partitions[i].upper));
    }
    assert_true(str_equal(a->key_metadata, b->key_metadata));
    assert_int_equal(a->key_metadata.data != NULL, b->key_metadata.data != NULL);
}

static void test_a_manifest_list_comes_back_whole(void **state)
{
    (void)state;
    static const struct iceberg_field_summary two[] = {
        {true, ICEBERG_NONE, {"\1\0\0\0", 4}, {"\2\0\0\0", 4}},
        {false, 1, {NULL, 0}, {"", 0}},
    };
    static const struct iceberg_manifest manifests[] = {
        {.path = NAME("s3://b/t/metadata/a.avro"),
         .length_bytes = 6000000000,
         .spec_id = 3,
         .sequence_number = 7,
         .min_sequence_number = 2,
         .snapshot_id = (INT64_C(1) << 53) - 1,
         .added_files = 1,
         .existing_files = 2,
         .deleted_files = 3,
         .added_rows = 4,
         .existing_rows = 50000000000,
         .deleted_rows = 6,
         .partitions = two,
         .partition_count = 2},
        {.path = NAME("m"),
         .length_bytes = 0,
         .deletes = true,
         .partitions = two,
         .key_metadata = NAME("secret")},
        {.path = NAME("not told"), .length_bytes = 1},
    };
    const struct iceberg_snapshot snapshot = {.id = 5, .parent_id = ICEBERG_NONE, .sequence_number = 7};
    struct buf bytes = {0};
    struct iceberg_list list = {0};
    struct error err;
    iceberg_list_write(&snapshot, manifests, LENGTH(manifests), &bytes);
    ASSERT_OK(iceberg_list_read(buf_str(&bytes), &list, &err), err);
    assert_int_equal(list.count, LENGTH(manifests));
    for (size_t i = 0; i < list.count; i++)
        check_same_manifest(&list.manifests[i], &manifests[i]);
    struct avro_reader reader = {0};
    ASSERT_OK(avro_reader_open(&reader, buf_str(&bytes), &err), err);
    check_meta(&reader, "snapshot-id", "5");
    check_meta(&reader, "parent-snapshot-id", "null");
    check_meta(&reader, "sequence-number", "7");
    check_meta(&reader, "format-version", "2");
    avro_reader_close(&reader);
    iceberg_list_free(&list);
    buf_free(&bytes);
}

static void test_an_empty_manifest_list_is_one(void **state)
{
    (void)state;
    const struct iceberg_snapshot snapshot = {.id = 5, .parent_id = 4, .sequence_number = 7};
    struct buf bytes = {0};
    struct iceberg_list list = {0};
    struct error err;
    iceberg_list_write(&snapshot, NULL, 0, &bytes);
    ASSERT_OK(iceberg_list_read(buf_str(&bytes), &list, &err), err);
    assert_int_equal(list.count, 0);
    iceberg_list_free(&list);
    for (size_t len = 0; len < bytes.len; len++) {
        ASSERT_FAILS(iceberg_list_read(str_make(bytes.data, len), &list, &err), err, ERR_CORRUPT);
        iceberg_list_free(&list);
    }
    buf_free(&bytes);
}

static void test_a_manifest_list_has_the_schema_that_strict_readers_ask_for(void **state)
{
    (void)state;
    static const char *const ids[] = {
        "manifest_path=500",
        "manifest_length=501",
        "partition_spec_id=502",
        "content=517",
        "sequence_number=515",
        "min_sequence_number=516",
        "added_snapshot_id=503",
        "added_files_count=504",
        "existing_files_count=505",
        "deleted_files_count=506",
        "added_rows_count=512",
        "existing_rows_count=513",
        "deleted_rows_count=514",
        "partitions=507",
        "partitions.contains_null=509",
        "partitions.contains_nan=518",
        "partitions.lower_bound=510",
        "partitions.upper_bound=511",
        "key_metadata=519",
    };
    const struct iceberg_snapshot snapshot = {.id = 5, .parent_id = 4, .sequence_number = 7};
    struct buf bytes = {0};
    struct error err;
    struct avro_reader reader = {0};
    iceberg_list_write(&snapshot, NULL, 0, &bytes);
    ASSERT_OK(avro_reader_open(&reader, buf_str(&bytes), &err), err);
    json_t *avro = meta_json(&reader, "avro.schema");
    check_ids(avro, ids, LENGTH(ids));
    for (size_t i = 0; i < 13; i++) { /* all before partitions */
        const json_t *type = json_object_get(json_array_get(json_object_get(avro, "fields"), i), "type");
        CHECK(json_is_string(type), "%s may be null", ids[i]);
    }
    json_decref(avro);
    avro_reader_close(&reader);
    buf_free(&bytes);
}

/* ---- Bounds ---------------------------------------------------------------------------------------------------------- */

static void test_bounds_of_text_are_cut_at_characters(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool is_string;
        const char *lower, *upper; /* NULL: none */
    } rows[] = {
        {"", true, "", ""},
        {"sixteen letters!", true, "sixteen letters!", "sixteen letters!"},
        {"sixteen letters!!", true, "sixteen letters!", "sixteen letters\""},
        {"aaaaaaaaaaaaaaaé-", true, "aaaaaaaaaaaaaaaé", "aaaaaaaaaaaaaaaê"},
        {"aaaaaaaaaaaaaaa\x7F-", true, "aaaaaaaaaaaaaaa\x7F", "aaaaaaaaaaaaaaa\xC2\x80"},
        {"aaaaaaaaaaaaaaa\xED\x9F\xBF-", true, "aaaaaaaaaaaaaaa\xED\x9F\xBF", "aaaaaaaaaaaaaaa\xEE\x80\x80"},
        {"aaaaaaaaaaaaaaa\xF4\x8F\xBF\xBF-", true, "aaaaaaaaaaaaaaa\xF4\x8F\xBF\xBF", "aaaaaaaaaaaaaab"},
        {"sixteen letters!!", false, "sixteen letters!", "sixteen letters\""},
        {"aaaaaaaaaaaaaaa\xFF-", false, "aaaaaaaaaaaaaaa\xFF", "aaaaaaaaaaaaaab"},
        {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", false,
         "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", NULL},
    };
    TABLE_EACH(row, rows)
    {
        uint8_t out[64];
        struct str lower = iceberg_bound_lower(str_of(row->value), row->is_string);
        struct str upper = iceberg_bound_upper(str_of(row->value), row->is_string, out);
        CHECK(str_is(lower, row->lower), "%s", row->value);
        CHECK(row->upper != NULL ? str_is(upper, row->upper) : upper.data == NULL, "%s", row->value);
    }
}

static void test_bounds_hold_for_any_bytes(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    for (int i = 0; i < 20000; i++) {
        char value[80];
        uint8_t out[64];
        size_t len = random_below(&random, sizeof value);
        for (size_t k = 0; k < len; k++)
            value[k] = (char)(random_below(&random, 3) ? 0x80 + random_below(&random, 128)
                                                       : random_below(&random, 128));
        for (int is_string = 0; is_string < 2; is_string++) {
            struct str text = str_make(value, len);
            struct str lower = iceberg_bound_lower(text, is_string);
            struct str upper = iceberg_bound_upper(text, is_string, out);
            assert_true(str_compare(lower, text) <= 0);
            if (upper.data != NULL && (!is_string || utf8_valid(value, len)))
                assert_true(str_compare(upper, text) >= 0);
        }
    }
}

RUN_TESTS(cmocka_unit_test(test_an_entry_comes_back_whole),
          cmocka_unit_test(test_added_files_inherit_their_sequence_number_and_others_say_theirs),
          cmocka_unit_test(test_what_cannot_be_an_entry_is_refused),
          cmocka_unit_test(test_a_manifest_has_the_header_that_strict_readers_ask_for),
          cmocka_unit_test(test_manifests_of_others_are_read_whatever_the_codec_and_order),
          cmocka_unit_test(test_a_manifest_that_lacks_what_is_required_is_refused),
          cmocka_unit_test(test_reading_ends_where_the_caller_wants),
          cmocka_unit_test(test_truncated_and_flipped_manifests_never_crash),
          cmocka_unit_test(test_partitions_of_every_kind_come_back_and_are_summed_up),
          cmocka_unit_test(test_a_manifest_list_comes_back_whole),
          cmocka_unit_test(test_an_empty_manifest_list_is_one),
          cmocka_unit_test(test_a_manifest_list_has_the_schema_that_strict_readers_ask_for),
          cmocka_unit_test(test_bounds_of_text_are_cut_at_characters),
          cmocka_unit_test(test_bounds_hold_for_any_bytes))
