/* Rows as CSV and JSON Lines, plain and compressed. */
#include "sink/sink_internal.h"
#include "sql/json.h"

#include "harness.h"

#include <zlib.h>
#include <zstd.h>

/* Puts the rows (JSON, one a line) into a container and gives what is in the file. */
static void fill(const struct container_format *format, const char *const *rows, size_t count,
                 struct buf *out)
{
    struct error err = {0};
    struct sql_scope scope = {0};
    uint64_t length = 0;
    FILE *file = tmpfile();
    assert_non_null(file);
    struct container *container = container_new(format, fileno(file), &err);
    assert_non_null(container);
    for (size_t i = 0; i < count; i++) {
        struct sql_value row;
        sql_scope_begin(&scope, NULL);
        ASSERT_OK(sql_json_decode(&scope, str_of(rows[i]), &row, &err), err);
        ASSERT_OK(container_add(container, &row, &err), err);
    }
    ASSERT_OK(container_finish(container, &length, &err), err);
    buf_reserve(out, length + 1);
    assert_int_equal(pread(fileno(file), out->data, length + 1, 0), length);
    out->len = length;
    container_free(container);
    fclose(file);
    sql_scope_free(&scope);
}

static void test_csv_has_the_columns_of_the_first_row(void **state)
{
    (void)state;
    static char t[] = "t", missing[] = "missing";
    static char *order[] = {t, missing, t};
    static const char *const rows[] = {
        "{\"b\":1,\"t\":\"x,y\",\"a\":0.1}",
        "{\"b\":null,\"t\":\"say \\\"hi\\\"\",\"more\":9,\"a\":[1,{\"k\":\"v\"}]}",
        "{\"t\":\"two\\nlines\",\"a\":true,\"b\":\"[x]\"}",
    };
    const struct container_format format = {
        .type = CONTAINER_CSV, .column_order = order, .column_count = LENGTH(order)};
    struct buf out = {0};
    fill(&format, rows, LENGTH(rows), &out);
    assert_string_equal(buf_cstr(&out), "t,missing,a,b\n"
                                        "\"x,y\",,0.1,1\n"
                                        "\"say \"\"hi\"\"\",,\"[1,{\"\"k\"\":\"\"v\"\"}]\",\n"
                                        "\"two\nlines\",,true,\"[x]\"\n");
    buf_free(&out);
}

static void test_json_lines_are_rows_as_they_are(void **state)
{
    (void)state;
    static const char *const rows[] = {"{\"b\":1,\"a\":[null,\"\\n\"]}", "{}", "{\"z\":1.0}"};
    const struct container_format format = {.type = CONTAINER_JSON_LINES};
    struct buf out = {0};
    fill(&format, rows, LENGTH(rows), &out);
    assert_string_equal(buf_cstr(&out), "{\"b\":1,\"a\":[null,\"\\n\"]}\n{}\n{\"z\":1.0}\n");
    buf_free(&out);
}

#define MANY 200000

static void check_many(enum container_compression compression, struct buf *packed)
{
    static const char *rows[MANY];
    const struct container_format format = {.type = CONTAINER_JSON_LINES, .compression = compression};
    for (size_t i = 0; i < MANY; i++)
        rows[i] = i % 2 == 0 ? "{\"even\":true}" : "{\"even\":false,\"x\":\"some text that is longer\"}";
    fill(&format, rows, MANY, packed);
}

static void test_compressed_files_are_whole(void **state)
{
    (void)state;
    struct buf plain = {0}, gzip = {0}, zstd = {0}, back = {0};
    check_many(COMPRESSION_NONE, &plain);
    check_many(COMPRESSION_GZIP, &gzip);
    check_many(COMPRESSION_ZSTD, &zstd);
    assert_true(gzip.len < plain.len / 10 && zstd.len < plain.len / 10);
    buf_reserve(&back, plain.len + 1);
    z_stream z = {.next_in = gzip.data,
                  .avail_in = (uInt)gzip.len,
                  .next_out = back.data,
                  .avail_out = (uInt)plain.len + 1};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, plain.len);
    inflateEnd(&z);
    assert_memory_equal(back.data, plain.data, plain.len);
    memset(back.data, 0, plain.len);
    ZSTD_DCtx *context = ZSTD_createDCtx();
    ZSTD_inBuffer in = {zstd.data, zstd.len, 0};
    ZSTD_outBuffer to = {back.data, plain.len + 1, 0};
    assert_int_equal(ZSTD_decompressStream(context, &to, &in), 0);
    ZSTD_freeDCtx(context);
    assert_int_equal(to.pos, plain.len);
    assert_memory_equal(back.data, plain.data, plain.len);
    buf_free(&plain);
    buf_free(&gzip);
    buf_free(&zstd);
    buf_free(&back);
}

RUN_TESTS(cmocka_unit_test(test_csv_has_the_columns_of_the_first_row),
          cmocka_unit_test(test_json_lines_are_rows_as_they_are),
          cmocka_unit_test(test_compressed_files_are_whole))
