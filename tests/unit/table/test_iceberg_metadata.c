#include "table/iceberg_store.h"

#include <jansson.h>
#include <zlib.h>

/* ---- Making ---------------------------------------------------------------------------------------------------------- */

static json_t *write_json(const struct iceberg_table *table)
{
    struct buf out = {0};
    iceberg_metadata_write(table, &out);
    json_t *json = json_loadb((const char *)out.data, out.len, 0, NULL);
    assert_non_null(json);
    buf_free(&out);
    return json;
}

static void test_a_fresh_table_has_every_key_that_version_2_requires(void **state)
{
    (void)state;
    static const char *const required[] = {
        "format-version",        "table-uuid",      "location",          "last-sequence-number",
        "last-updated-ms",       "last-column-id",  "schemas",           "current-schema-id",
        "partition-specs",       "default-spec-id", "last-partition-id", "sort-orders",
        "default-sort-order-id",
    };
    struct store store;
    store_open(&store);
    json_t *json = write_json(store.table);
    for (size_t i = 0; i < LENGTH(required); i++)
        CHECK(json_object_get(json, required[i]) != NULL, "%s", required[i]);
    assert_int_equal(json_integer_value(json_object_get(json, "format-version")), 2);
    assert_int_equal(json_integer_value(json_object_get(json, "last-column-id")), MESSAGE_COLUMN_LAST);
    assert_int_equal(json_integer_value(json_object_get(json, "last-partition-id")), 1000);
    assert_null(json_object_get(json, "current-snapshot-id"));
    json_decref(json);
    store_close(&store);
}

static void test_a_table_comes_back_as_it_was_written(void **state)
{
    (void)state;
    struct store store;
    struct buf first = {0}, second = {0};
    struct error err;
    store_open(&store);
    iceberg_metadata_write(store.table, &first);
    struct iceberg_table *table = iceberg_metadata_read(buf_str(&first), &err);
    CHECK(table != NULL, "%s", err.text);
    assert_true(str_is(table->uuid, "11111111-2222-4333-8444-555555555555"));
    assert_true(str_is(table->location, STORE_LOCATION));
    assert_true(iceberg_schema_equal(&table->schema->schema, &message_schema));
    assert_true(table->schema->writable);
    assert_int_equal(table->spec->field_count, 1);
    assert_int_equal(table->spec->fields[0].source_id, MESSAGE_TIMESTAMP);
    assert_int_equal(table->spec->fields[0].field_id, 1000);
    assert_true(str_is(table->spec->fields[0].transform, "day"));
    assert_int_equal(table->order_id, 1);
    assert_int_equal(table->orders[1].fields[0].source_id, MESSAGE_OFFSET);
    assert_false(table->orders[1].fields[0].descending);
    assert_true(str_is(iceberg_property(table, STR("varve.station")), "telemetry"));
    assert_null(table->current);
    iceberg_metadata_write(table, &second);
    assert_true(str_equal(buf_str(&first), buf_str(&second)));
    iceberg_table_free(table);
    buf_free(&first);
    buf_free(&second);
    store_close(&store);
}

static void test_a_table_that_cannot_be_is_not_made(void **state)
{
    (void)state;
    static const struct table_field good[] = {{.id = 1, .name = {"a", 1}, .type = TABLE_LONG}};
    static const struct table_field twice[] = {{.id = 1, .name = {"a", 1}, .type = TABLE_LONG},
                                               {.id = 1, .name = {"b", 1}, .type = TABLE_LONG}};
    static const struct table_field same[] = {{.id = 1, .name = {"a", 1}, .type = TABLE_LONG},
                                              {.id = 2, .name = {"a", 1}, .type = TABLE_LONG}};
    static const struct table_field zero[] = {{.id = 0, .name = {"a", 1}, .type = TABLE_LONG}};
    static const struct table_field list[] = {{.id = 1, .name = {"a", 1}, .type = TABLE_LIST}};
    static const struct iceberg_partition_field nowhere = {9, 0, {"d", 1}, {"day", 3}};
    static const struct iceberg_partition_field low = {1, 5, {"d", 1}, {"day", 3}};
    static const struct iceberg_sort_field unsorted = {9, {"identity", 8}, false, false};
    const struct {
        const char *uuid, *location;
        const struct table_field *fields;
        size_t field_count;
        const struct iceberg_partition_field *partition;
        const struct iceberg_sort_field *sort;
    } rows[] = {
        {"short", "s3://b/t", good, 1, NULL, NULL},
        {"11111111-2222-4333-8444-55555555555g", "s3://b/t", good, 1, NULL, NULL},
        {"11111111-2222-4333-8444-555555555555", "", good, 1, NULL, NULL},
        {"11111111-2222-4333-8444-555555555555", "s3://b/\xFF", good, 1, NULL, NULL},
        {"11111111-2222-4333-8444-555555555555", "s3://b/t", good, 0, NULL, NULL},
        {"11111111-2222-4333-8444-555555555555", "s3://b/t", twice, 2, NULL, NULL},
        {"11111111-2222-4333-8444-555555555555", "s3://b/t", same, 2, NULL, NULL},
        {"11111111-2222-4333-8444-555555555555", "s3://b/t", zero, 1, NULL, NULL},
        {"11111111-2222-4333-8444-555555555555", "s3://b/t", list, 1, NULL, NULL},
        {"11111111-2222-4333-8444-555555555555", "s3://b/t", good, 1, &nowhere, NULL},
        {"11111111-2222-4333-8444-555555555555", "s3://b/t", good, 1, &low, NULL},
        {"11111111-2222-4333-8444-555555555555", "s3://b/t", good, 1, NULL, &unsorted},
    };
    TABLE_EACH(row, rows)
    {
        const struct table_schema schema = {0, row->fields, row->field_count};
        const struct iceberg_table_options options = {.uuid = str_of(row->uuid),
                                                      .location = str_of(row->location),
                                                      .schema = &schema,
                                                      .partition = row->partition,
                                                      .partition_count = row->partition != NULL,
                                                      .sort = row->sort,
                                                      .sort_count = row->sort != NULL};
        struct error err = {0};
        CHECK(iceberg_table_new(&options, &err) == NULL && err.code == ERR_INVALID, "row %d",
              (int)(row - rows));
    }
}

/* ---- What others write ----------------------------------------------------------------------------------------------- */

static const char foreign[] =
    "{\"format-version\":2,\"table-uuid\":\"9c12d441-03fe-4693-9a96-a0705ddf69c1\",\"location\":\"s3a://w/t/"
    "\","
    "\"last-sequence-number\":34,\"last-updated-ms\":1602638573590,\"last-column-id\":6,"
    "\"current-schema-id\":1,\"schemas\":[{\"type\":\"struct\",\"schema-id\":0,\"fields\":["
    "{\"id\":1,\"name\":\"x\",\"required\":true,\"type\":\"long\"}]},"
    "{\"type\":\"struct\",\"schema-id\":1,\"identifier-field-ids\":[1],\"fields\":["
    "{\"id\":1,\"name\":\"x\",\"required\":true,\"type\":\"long\",\"doc\":\"the x\"},"
    "{\"id\":2,\"name\":\"price\",\"required\":false,\"type\":\"decimal(9, 2)\"},"
    "{\"id\":3,\"name\":\"m\",\"required\":false,\"type\":{\"type\":\"map\",\"key-id\":4,\"key\":\"string\","
    "\"value-id\":5,\"value-required\":true,\"value\":\"int\"}},"
    "{\"id\":6,\"name\":\"t\",\"required\":false,\"type\":\"timestamptz\"}]}],"
    "\"default-spec-id\":0,\"partition-specs\":[{\"spec-id\":0,\"fields\":[{\"name\":\"x\",\"transform\":"
    "\"bucket[16]\","
    "\"source-id\":1,\"field-id\":1000}]}],\"last-partition-id\":1000,\"default-sort-order-id\":3,"
    "\"sort-orders\":[{\"order-id\":3,\"fields\":[{\"transform\":\"identity\",\"source-id\":1,\"direction\":"
    "\"desc\","
    "\"null-order\":\"nulls-last\"}]}],\"properties\":{\"owner\":\"spark\",\"odd\":5},"
    "\"current-snapshot-id\":3055729675574597004,\"snapshots\":[{\"snapshot-id\":3051729675574597004,"
    "\"timestamp-ms\":1515100955770,\"sequence-number\":0,\"summary\":{\"operation\":\"append\"},"
    "\"manifest-list\":\"s3a://w/t/metadata/s1.avro\"},{\"snapshot-id\":3055729675574597004,"
    "\"parent-snapshot-id\":3051729675574597004,\"timestamp-ms\":1555100955770,\"sequence-number\":1,"
    "\"summary\":{\"operation\":\"append\",\"k\":\"v\"},\"manifest-list\":\"s3a://w/t/metadata/s2.avro\","
    "\"schema-id\":1,\"key-id\":\"?\"}],\"snapshot-log\":[{\"snapshot-id\":3051729675574597004,"
    "\"timestamp-ms\":1515100955770},{\"snapshot-id\":3055729675574597004,\"timestamp-ms\":1555100955770}],"
    "\"metadata-log\":[{\"metadata-file\":\"s3a://w/t/metadata/v1.metadata.json\",\"timestamp-ms\":1515100}],"
    "\"refs\":{\"main\":{\"snapshot-id\":3055729675574597004,\"type\":\"branch\",\"max-snapshot-age-ms\":5},"
    "\"old\":{\"snapshot-id\":3051729675574597004,\"type\":\"tag\",\"max-ref-age-ms\":10000000}},"
    "\"from-the-future\":{\"a\":[1,2.5,null,\"\\u00e9\"]},\"statistics\":[]}";

static void test_what_others_have_written_is_read(void **state)
{
    (void)state;
    struct error err;
    struct iceberg_table *table = iceberg_metadata_read(STR(foreign), &err);
    CHECK(table != NULL, "%s", err.text);
    assert_true(str_is(table->location, "s3a://w/t"));
    assert_int_equal(table->schema_count, 2);
    assert_int_equal(table->schema->schema.id, 1);
    assert_int_equal(table->schema->schema.field_count, 2); /* x and t */
    assert_int_equal(table->schema->left_out, 2);
    assert_true(table->schema->writable);
    assert_true(str_is(table->schema->schema.fields[0].doc, "the x"));
    assert_int_equal(table->schema->schema.fields[1].type, TABLE_TIMESTAMPTZ);
    assert_int_equal(table->order_id, 3);
    assert_true(table->orders[0].fields[0].descending && table->orders[0].fields[0].nulls_last);
    assert_int_equal(table->property_count, 1);
    assert_true(table->current == &table->snapshots[1]);
    assert_int_equal(table->current->parent_id, INT64_C(3051729675574597004));
    assert_int_equal(table->snapshots[0].parent_id, ICEBERG_NONE);
    assert_int_equal(table->snapshots[0].schema_id, ICEBERG_NONE);
    assert_true(str_is(iceberg_summary(table->current, STR("k")), "v"));
    assert_int_equal(table->ref_count, 2);
    assert_int_equal(table->refs[0].max_snapshot_age_ms, 5);
    assert_false(table->refs[1].branch);
    assert_int_equal(table->refs[1].max_ref_age_ms, 10000000);
    assert_int_equal(table->metadata_log_count, 1);
    iceberg_table_free(table);
}

static void test_what_is_not_known_is_kept_through_a_commit(void **state)
{
    (void)state;
    struct error err;
    struct iceberg_table *table = iceberg_metadata_read(STR(foreign), &err);
    const struct iceberg_property properties[] = {{STR("varve.epoch"), STR("7")}, {STR("owner"), STR_NONE}};
    const struct iceberg_change change = {.uuid = STR("00000000-0000-4000-8000-000000000001"),
                                          .now_ms = 1,
                                          .properties = properties,
                                          .property_count = 2};
    struct iceberg_commit *commit = iceberg_commit_new(table, 5, NULL, &change, &err);
    CHECK(commit != NULL, "%s", err.text);
    ASSERT_OK(iceberg_commit_finish(commit, &err), err);
    assert_int_equal(commit->object_count, 1);
    assert_true(str_is(commit->objects[0].key, "metadata/v6.metadata.json"));
    json_t *before = json_loads(foreign, 0, NULL), *after = write_json(commit->table);
    assert_true(
        json_equal(json_object_get(before, "from-the-future"), json_object_get(after, "from-the-future")));
    assert_true(json_equal(json_object_get(before, "schemas"), json_object_get(after, "schemas")));
    assert_true(json_equal(json_object_get(before, "snapshots"), json_object_get(after, "snapshots")));
    assert_true(json_equal(json_object_get(before, "refs"), json_object_get(after, "refs")));
    const json_t *now = json_object_get(after, "properties");
    assert_int_equal(json_integer_value(json_object_get(now, "odd")), 5);
    assert_string_equal(json_string_value(json_object_get(now, "varve.epoch")), "7");
    assert_string_equal(json_string_value(json_object_get(now, "varve.commit-uuid")),
                        "00000000-0000-4000-8000-000000000001");
    assert_null(json_object_get(now, "owner"));
    assert_int_equal(commit->table->metadata_log_count, 2);
    assert_true(str_is(commit->table->metadata_log[1].file, "s3a://w/t/metadata/v5.metadata.json"));
    assert_true(commit->table->last_updated_ms > table->last_updated_ms); /* whatever the clock says */
    json_decref(before);
    json_decref(after);
    iceberg_commit_free(commit);
    iceberg_table_free(table);
}

static void test_every_wrong_key_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *named;
        enum error_code code;
    } rows[] = {
        {"\"format-version\":2", "\"format-version\":3", "version 3", ERR_UNSUPPORTED},
        {"\"format-version\":2", "\"format-version\":1", "version 1", ERR_UNSUPPORTED},
        {"\"format-version\":2", "\"format-version\":\"2\"", "format-version", ERR_CORRUPT},
        {"\"table-uuid\":", "\"uuid\":", "table-uuid", ERR_CORRUPT},
        {"\"last-updated-ms\":1602638573590", "\"last-updated-ms\":-5", "last-updated-ms", ERR_CORRUPT},
        {"\"last-updated-ms\":1602638573590", "\"last-updated-ms\":9223372036854775807", "last-updated-ms",
         ERR_CORRUPT},
        {"\"current-schema-id\":1", "\"current-schema-id\":2", "current-schema-id", ERR_CORRUPT},
        {"\"default-spec-id\":0", "\"default-spec-id\":9", "default-spec-id", ERR_CORRUPT},
        {"\"schemas\":[", "\"schemas\":5,\"x\":[", "schemas", ERR_CORRUPT},
        {"\"name\":\"price\"", "\"nome\":\"price\"", "name", ERR_CORRUPT},
        {"\"type\":\"decimal(9, 2)\"", "\"type\":\"\"", "price", ERR_CORRUPT},
        {"\"current-snapshot-id\":3055729675574597004", "\"current-snapshot-id\":17", "current-snapshot-id",
         ERR_CORRUPT},
        {"\"manifest-list\":\"s3a://w/t/metadata/s2.avro\"", "\"manifests\":[]", "manifest-list",
         ERR_CORRUPT},
        {"\"type\":\"tag\"", "\"type\":5", "type", ERR_CORRUPT},
        {"{\"snapshot-id\":3051729675574597004,\"type\":\"tag\"", "{\"snapshot-id\":1,\"type\":\"tag\"",
         "refs", ERR_CORRUPT},
        {"{\"main\":{\"snapshot-id\":3055729675574597004", "{\"main\":{\"snapshot-id\":3051729675574597004",
         "main", ERR_CORRUPT},
        {"\"metadata-file\"", "\"file\"", "metadata-file", ERR_CORRUPT},
        {"\"transform\":\"bucket[16]\"", "\"transform\":16", "transform", ERR_CORRUPT},
    };
    TABLE_EACH(row, rows)
    {
        struct error err = {0};
        struct buf text = {0};
        const char *at = strstr(foreign, row->from);
        CHECK(at != NULL, "%s", row->from);
        buf_append(&text, foreign, (size_t)(at - foreign));
        buf_append_str(&text, str_of(row->to));
        buf_append_str(&text, str_of(at + strlen(row->from)));
        CHECK(iceberg_metadata_read(buf_str(&text), &err) == NULL, "%s", row->to);
        CHECK(err.code == row->code && strstr(err.text, row->named) != NULL, "%s: %s", row->to, err.text);
        buf_free(&text);
    }
}

static void test_every_truncation_is_an_error(void **state)
{
    (void)state;
    for (size_t len = 0; len + 1 < sizeof foreign; len++) {
        struct error err = {0};
        uint8_t *copy = mem_dup(foreign, len > 0 ? len : 1);
        CHECK(iceberg_metadata_read(str_make(copy, len), &err) == NULL && err.code == ERR_CORRUPT, "%d bytes",
              (int)len);
        mem_free(copy);
    }
}

static void test_gzip_is_read(void **state)
{
    (void)state;
    uint8_t out[4096];
    struct error err;
    z_stream stream = {.next_in = (Bytef *)foreign,
                       .avail_in = sizeof foreign - 1,
                       .next_out = out,
                       .avail_out = sizeof out};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t len = sizeof out - stream.avail_out;
    deflateEnd(&stream);
    struct iceberg_table *table = iceberg_metadata_read(str_make(out, len), &err);
    CHECK(table != NULL, "%s", err.text);
    assert_int_equal(table->snapshot_count, 2);
    iceberg_table_free(table);
    err.code = ERR_NONE;
    assert_null(iceberg_metadata_read(str_make(out, len / 2), &err));
    assert_int_equal(err.code, ERR_CORRUPT);
}

/* ---- Looking up ------------------------------------------------------------------------------------------------------ */

static void test_keys_are_told_from_locations_whatever_the_scheme_of_s3(void **state)
{
    (void)state;
    static const struct {
        const char *location, *uri, *key;
    } rows[] = {
        {"s3://b/t", "s3://b/t/data/x.parquet", "data/x.parquet"},
        {"s3://b/t", "s3a://b/t/data/x.parquet", "data/x.parquet"},
        {"s3a://b/t/", "s3n://b/t/data/x", "data/x"},
        {"s3://b/t", "s3://b/t2/data/x", NULL},
        {"s3://b/t", "s3://b/t", NULL},
        {"s3://b/t", "s3://b/t/", NULL},
        {"s3://b/t", "//b/t/data/x", NULL},
        {"/data/objects/t", "/data/objects/t/metadata/a", "metadata/a"},
        {"file:///o/t", "file:///o/t/d", "d"},
        {"file:///o/t", "s3://o/t/d", NULL},
    };
    TABLE_EACH(row, rows)
    {
        struct iceberg_table table = {.location = str_of(row->location)};
        struct str key = STR_NONE;
        while (table.location.data[table.location.len - 1] == '/')
            table.location.len--;
        bool found = iceberg_key(&table, str_of(row->uri), &key);
        CHECK(found == (row->key != NULL) && (!found || str_is(key, row->key)), "%s below %s", row->uri,
              row->location);
    }
}

static void test_days_are_counted_downwards_before_1970(void **state)
{
    (void)state;
    assert_int_equal(iceberg_day(0), 0);
    assert_int_equal(iceberg_day(STORE_DAY_US - 1), 0);
    assert_int_equal(iceberg_day(STORE_DAY_US), 1);
    assert_int_equal(iceberg_day(-1), -1);
    assert_int_equal(iceberg_day(-STORE_DAY_US), -1);
    assert_int_equal(iceberg_day(-STORE_DAY_US - 1), -2);
}

RUN_TESTS(cmocka_unit_test(test_a_fresh_table_has_every_key_that_version_2_requires),
          cmocka_unit_test(test_a_table_comes_back_as_it_was_written),
          cmocka_unit_test(test_a_table_that_cannot_be_is_not_made),
          cmocka_unit_test(test_what_others_have_written_is_read),
          cmocka_unit_test(test_what_is_not_known_is_kept_through_a_commit),
          cmocka_unit_test(test_every_wrong_key_is_named),
          cmocka_unit_test(test_every_truncation_is_an_error), cmocka_unit_test(test_gzip_is_read),
          cmocka_unit_test(test_keys_are_told_from_locations_whatever_the_scheme_of_s3),
          cmocka_unit_test(test_days_are_counted_downwards_before_1970))
