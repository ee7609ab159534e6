/* Rows as columns: which types they get, and that each value is in its column or in the rest, never altered. */
#include "base/mem.h"
#include "harness.h"
#include "sink/columns.h"
#include "sql/json.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static struct shape *shape_of(const struct declared_columns *declared, const char *const *rows, size_t count)
{
    struct shape *shape = shape_new(declared);
    struct sql_scope scope = {0};
    struct sql_value row;
    struct error err;
    for (size_t i = 0; i < count; i++) {
        sql_scope_begin(&scope, NULL);
        assert_true(sql_json_decode(&scope, str_of(rows[i]), &row, &err));
        shape_add(shape, &row);
    }
    sql_scope_free(&scope);
    return shape;
}

static const char *type_name(enum table_type type)
{
    static const char *const names[] = {"boolean", "int",    "long",   "float", "double", "date",
                                        "time",    "string", "binary", "list",  "struct"};
    return names[type];
}

/* "a:long b:string" */
static char *schema_text(const struct table_schema *schema)
{
    struct buf out = {0};
    for (size_t i = 0; i < schema->field_count; i++)
        buf_printf(&out, "%s%.*s:%s", i > 0 ? " " : "", STR_ARG(schema->fields[i].name),
                   type_name(schema->fields[i].type));
    char *text = str_dup(buf_str(&out));
    buf_free(&out);
    return text;
}

static const struct inferring {
    const char *name;
    const char *rows[4];
    const char *schema;
} inferrings[] = {
    {"each of one type", {"{'a':true,'b':1,'c':1.5,'d':'x'}"}, "a:boolean b:long c:double d:string"},
    {"whole floats stay floats", {"{'a':5.0}"}, "a:double"},
    {"integers and floats", {"{'a':1}", "{'a':2.5}"}, "a:double"},
    {"an integer that a double does not hold", {"{'a':9007199254740993}", "{'a':2.5}"}, "a:string"},
    {"64 bits", {"{'a':9223372036854775807}", "{'a':-1}"}, "a:long"},
    {"more than 64 bits", {"{'a':9223372036854775808}"}, "a:string"},
    {"mixed", {"{'a':1}", "{'a':'x'}"}, "a:string"},
    {"trees", {"{'a':[1],'b':{'c':1}}"}, "a:string b:string"},
    {"what comes later, too", {"{'a':1}", "{'b':1}", "{'a':null,'c':true}"}, "a:long b:long c:boolean"},
    {"columns without a value are left out", {"{'a':1,'b':null}"}, "a:long"},
    {"no column at all", {"{'a':null}", "{}"}, "_rest:string"},
    {"a column that is called like the rest", {"{'_rest':1}"}, "_rest:string"},
};

static char *unquoted(const char *text)
{
    char *out = str_dup(str_of(text));
    for (char *at = out; *at != '\0'; at++)
        *at = *at == '\'' ? '"' : *at;
    return out;
}

static void test_types_follow_from_all_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(inferrings); i++) {
        const struct inferring *row = &inferrings[i];
        char *texts[4] = {0};
        size_t count = 0;
        for (; count < 4 && row->rows[count] != NULL; count++)
            texts[count] = unquoted(row->rows[count]);
        struct shape *shape = shape_of(&(struct declared_columns){0}, (const char *const *)texts, count);
        struct sheet sheet = {0};
        sheet_plan(&sheet, shape);
        char *schema = schema_text(&sheet.schema);
        CHECK(strcmp(schema, row->schema) == 0, "%s: %s", row->name, schema);
        mem_free(schema);
        sheet_free(&sheet);
        shape_free(shape);
        for (size_t k = 0; k < count; k++)
            mem_free(texts[k]);
    }
}

/* ---- Values ---------------------------------------------------------------------------------------------- */

static int temporary_file(void)
{
    char path[] = "/tmp/varve-columns-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    return fd;
}

static void write_rows(struct sheet *sheet, const char *const *rows, size_t count, struct buf *out)
{
    const struct sheet_format format = {.codec = PARQUET_ZSTD, .row_group_bytes = 1 << 20};
    struct sql_scope scope = {0};
    struct sql_value row;
    struct parquet_summary summary;
    struct error err;
    int fd = temporary_file();
    assert_true(sheet_open(sheet, &format, fd, &err));
    for (size_t i = 0; i < count; i++) {
        sql_scope_begin(&scope, NULL);
        assert_true(sql_json_decode(&scope, str_of(rows[i]), &row, &err));
        assert_true(sheet_add(sheet, &row, &scope, &err));
    }
    assert_true(sheet_finish(sheet, &summary, &err));
    assert_int_equal(summary.rows, count);
    buf_reserve(out, summary.bytes);
    assert_int_equal(pread(fd, out->data, summary.bytes, 0), (ssize_t)summary.bytes);
    out->len = summary.bytes;
    close(fd);
    sql_scope_free(&scope);
}

/* The rows of a column as text: "1 null 3". */
static char *column_text(struct buf *bytes, const char *name)
{
    struct error err;
    struct buf out = {0};
    struct parquet_file *file = parquet_file_open(buf_str(bytes), bytes->len, 0, &err);
    assert_non_null(file);
    size_t column = parquet_file_column_named(file, str_of(name));
    assert_int_not_equal(column, PARQUET_NO_COLUMN);
    struct parquet_scan *scan = parquet_scan_open(0);
    const struct parquet_extent extent = {0, buf_str(bytes)};
    const struct parquet_selection selection = {0};
    const struct parquet_vector *vectors;
    size_t rows;
    assert_true(parquet_scan_start(scan, file, &selection, &extent, 1, &err));
    while (parquet_scan_next(scan, 100, &vectors, &rows, &err) && rows > 0) {
        const struct parquet_vector *v = &vectors[column];
        for (size_t i = 0; i < rows; i++) {
            buf_printf(&out, "%s", out.len > 0 ? " " : "");
            if (parquet_is_null(v, i))
                buf_printf(&out, "null");
            else if (v->type == TABLE_BOOLEAN)
                buf_printf(&out, "%s", v->booleans[i] ? "true" : "false");
            else if (v->type == TABLE_LONG || v->type == TABLE_TIMESTAMPTZ)
                buf_printf(&out, "%lld", (long long)v->longs[i]);
            else if (v->type == TABLE_DOUBLE)
                buf_printf(&out, "%.17g", v->doubles[i]);
            else
                buf_printf(&out, "%.*s", STR_ARG(v->strings[i]));
        }
    }
    char *text = str_dup(buf_str(&out));
    buf_free(&out);
    parquet_scan_close(scan);
    parquet_file_close(file);
    return text;
}

static const struct fitting {
    const char *kind;
    const char *values[6];
    const char *column;
    const char *rest; /* NULL: there is none */
} fittings[] = {
    {"long", {"1", "-9223372036854775808", "5.0"}, "1 -9223372036854775808 5", NULL},
    {"long",
     {"1.5", "\"7\"", "9223372036854775808", "true"},
     "null null null null",
     "{\"v\":1.5} {\"v\":\"7\"} {\"v\":9223372036854775808} {\"v\":true}"},
    {"double", {"1.5", "2", "9007199254740992"}, "1.5 2 9007199254740992", NULL},
    {"double", {"9007199254740993", "\"x\""}, "null null", "{\"v\":9007199254740993} {\"v\":\"x\"}"},
    {"boolean", {"true", "0", "null"}, "true null null", "null {\"v\":0} null"},
    {"string", {"\"a\"", "1", "[1,\"b\"]", "{\"c\":null}"}, "a 1 [1,\"b\"] {\"c\":null}", NULL},
    {"timestamp",
     {"1700000000123", "\"2023-11-14T22:13:20.123456Z\"", "\"2023-11-14T23:13:20+01:00\""},
     "1700000000123000 1700000000123456 1700000000000000",
     "null null null"},
    {"timestamp",
     {"\"yesterday\"", "\"2023-11-14T22:13:20.1234567Z\"", "1.5", "9223372036854775807"},
     "null null null null",
     "{\"v\":\"yesterday\"} {\"v\":\"2023-11-14T22:13:20.1234567Z\"} {\"v\":1.5} "
     "{\"v\":9223372036854775807}"},
    {"timestamp_us", {"1700000000123456"}, "1700000000123456", "null"},
};

static void test_a_value_is_in_its_column_or_in_the_rest(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(fittings); i++) {
        const struct fitting *row = &fittings[i];
        struct declared_columns declared = {0};
        struct error err;
        json_t *map = json_pack("{s:s}", "v", row->kind);
        char *rows[6] = {0};
        size_t count = 0;
        assert_true(declared_read(map, &declared, &err));
        json_decref(map);
        for (; count < 6 && row->values[count] != NULL; count++) {
            char text[100];
            snprintf(text, sizeof(text), "{\"v\":%s}", row->values[count]);
            rows[count] = mem_strdup(text);
        }
        struct shape *shape = shape_of(&declared, (const char *const *)rows, count);
        struct sheet sheet = {0};
        struct buf bytes = {0};
        sheet_plan(&sheet, shape);
        write_rows(&sheet, (const char *const *)rows, count, &bytes);
        char *column = column_text(&bytes, "v");
        CHECK(strcmp(column, row->column) == 0, "%s: %s", row->kind, column);
        mem_free(column);
        CHECK(sheet.has_rest == (row->rest != NULL), "%s: %s", row->kind, row->column);
        if (row->rest != NULL) {
            char *rest = column_text(&bytes, "_rest");
            CHECK(strcmp(rest, row->rest) == 0, "%s: %s", row->kind, rest);
            mem_free(rest);
        }
        sheet_free(&sheet);
        shape_free(shape);
        declared_free(&declared);
        buf_free(&bytes);
        for (size_t k = 0; k < count; k++)
            mem_free(rows[k]);
    }
}

/* A row of one string. */
static void check_bytes(const struct declared_columns *declared, struct str text, const char *name,
                        const char *expected, size_t len)
{
    const struct sheet_format format = {.codec = PARQUET_UNCOMPRESSED, .row_group_bytes = 1 << 20};
    struct sql_scope scope = {0};
    struct parquet_summary summary;
    struct error err;
    struct sheet sheet = {0};
    struct buf bytes = {0};
    sql_scope_begin(&scope, NULL);
    struct sql_map_builder builder = sql_map_begin(&scope);
    assert_true(sql_map_put(&builder, STR("v"), sql_string(text), &err));
    const struct sql_value row = sql_map_end(&builder);
    struct shape *shape = shape_new(declared);
    shape_add(shape, &row);
    sheet_plan(&sheet, shape);
    int fd = temporary_file();
    assert_true(sheet_open(&sheet, &format, fd, &err) && sheet_add(&sheet, &row, &scope, &err) &&
                sheet_finish(&sheet, &summary, &err));
    buf_reserve(&bytes, summary.bytes);
    assert_int_equal(pread(fd, bytes.data, summary.bytes, 0), (ssize_t)summary.bytes);
    bytes.len = summary.bytes;
    char *found = column_text(&bytes, name);
    assert_memory_equal(found, expected, len);
    mem_free(found);
    close(fd);
    buf_free(&bytes);
    sheet_free(&sheet);
    shape_free(shape);
    sql_scope_free(&scope);
}

static void test_bytes_that_are_not_utf8_stay_as_they_are(void **state)
{
    (void)state;
    struct declared_columns none = {0}, text = {0};
    struct error err;
    json_t *map = json_pack("{s:s}", "v", "string");
    assert_true(declared_read(map, &text, &err));
    json_decref(map);
    check_bytes(&none, str_make("a\xff\x01", 3), "v", "a\xff\x01", 3);
    check_bytes(&text, str_make("a\xff\x01", 3), "_rest", "{\"v\":{\"$hex\":\"61ff01\"}}", 24);
    declared_free(&text);
}

static void test_more_columns_than_there_may_be_are_in_the_rest(void **state)
{
    (void)state;
    struct buf text = {0};
    buf_printf(&text, "{");
    for (unsigned i = 0; i <= COLUMNS_MAX; i++)
        buf_printf(&text, "%s\"c%u\":%u", i > 0 ? "," : "", i, i);
    buf_printf(&text, "}");
    const char *rows[] = {buf_cstr(&text)};
    struct shape *shape = shape_of(&(struct declared_columns){0}, rows, 1);
    struct sheet sheet = {0};
    struct buf bytes = {0};
    sheet_plan(&sheet, shape);
    assert_int_equal(sheet.schema.field_count, COLUMNS_MAX + 1);
    write_rows(&sheet, rows, 1, &bytes);
    char *rest = column_text(&bytes, "_rest");
    assert_string_equal(rest, "{\"c1000\":1000}");
    assert_int_equal(sheet.rest_values, 1);
    mem_free(rest);
    sheet_free(&sheet);
    shape_free(shape);
    buf_free(&bytes);
    buf_free(&text);
}

/* ---- In a table ------------------------------------------------------------------------------------------ */

static struct iceberg_table *table_of(const struct table_field *fields, size_t count)
{
    struct error err;
    const struct table_schema schema = {.fields = fields, .field_count = count};
    const struct iceberg_table_options options = {
        .uuid = STR("11111111-2222-4333-8444-555555555555"),
        .location = STR("s3://b/t"),
        .schema = &schema,
        .now_ms = 1,
    };
    struct iceberg_table *table = iceberg_table_new(&options, &err);
    assert_non_null(table);
    return table;
}

static void test_a_table_widens_as_iceberg_allows(void **state)
{
    (void)state;
    static const struct table_field fields[] = {
        {.id = 1, .name = {"i", 1}, .type = TABLE_INT, .required = true},
        {.id = 2, .name = {"f", 1}, .type = TABLE_FLOAT},
        {.id = 3, .name = {"l", 1}, .type = TABLE_LONG},
        {.id = 4, .name = {"d", 1}, .type = TABLE_DATE},
    };
    static const char *const rows[] = {
        "{\"i\":5000000000,\"f\":1.5,\"new\":true,\"l\":\"x\",\"d\":\"2026-01-01\"}"};
    struct iceberg_table *table = table_of(fields, LENGTH(fields));
    struct shape *shape = shape_of(&(struct declared_columns){0}, rows, 1);
    struct sheet sheet = {0};
    struct buf bytes = {0};
    struct error err;
    assert_true(sheet_plan_in(&sheet, shape, table, &err));
    char *whole = schema_text(&sheet.table), *own = schema_text(&sheet.schema);
    assert_string_equal(whole, "i:long f:double l:long d:date new:boolean _rest:string");
    assert_string_equal(own, "i:long f:double new:boolean l:long _rest:string");
    assert_int_equal(sheet.table.fields[4].id, 5);
    assert_false(sheet.table.fields[0].required);
    write_rows(&sheet, rows, 1, &bytes);
    char *rest = column_text(&bytes, "_rest");
    assert_string_equal(rest, "{\"l\":\"x\",\"d\":\"2026-01-01\"}");
    mem_free(rest);
    mem_free(whole);
    mem_free(own);
    buf_free(&bytes);
    sheet_free(&sheet);
    shape_free(shape);
    iceberg_table_free(table);
}

/* ---- Declared -------------------------------------------------------------------------------------------- */

static void test_an_avro_record_declares_columns(void **state)
{
    (void)state;
    struct declared_columns declared = {0};
    struct error err;
    assert_true(declared_read_avro(
        STR("{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\",\"type\":[\"null\",\"int\"]},"
            "{\"name\":\"b\",\"type\":\"bytes\"},"
            "{\"name\":\"c\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}},"
            "{\"name\":\"d\",\"type\":{\"type\":\"array\",\"items\":\"int\"}}]}"),
        &declared, &err));
    static const enum column_kind kinds[] = {COLUMN_LONG, COLUMN_BINARY, COLUMN_TIMESTAMP_US, COLUMN_STRING};
    assert_int_equal(declared.count, LENGTH(kinds));
    for (size_t i = 0; i < LENGTH(kinds); i++)
        assert_int_equal(declared.columns[i].kind, kinds[i]);
    declared_free(&declared);
    static const char *const wrong[] = {
        "",
        "[]",
        "{\"fields\":[{}]}",
        "{\"fields\":[{\"name\":\"a\",\"type\":[\"int\",\"string\"]}]}",
        "{\"fields\":[{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"a\",\"type\":\"int\"}]}",
        "{\"fields\":[{\"name\":\"_rest\",\"type\":\"string\"}]}"};
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        CHECK(!declared_read_avro(str_of(wrong[i]), &declared, &err) && err.code == ERR_INVALID, "%s",
              wrong[i]);
        declared_free(&declared);
    }
}

RUN_TESTS(cmocka_unit_test(test_types_follow_from_all_values),
          cmocka_unit_test(test_a_value_is_in_its_column_or_in_the_rest),
          cmocka_unit_test(test_bytes_that_are_not_utf8_stay_as_they_are),
          cmocka_unit_test(test_more_columns_than_there_may_be_are_in_the_rest),
          cmocka_unit_test(test_a_table_widens_as_iceberg_allows),
          cmocka_unit_test(test_an_avro_record_declares_columns))
