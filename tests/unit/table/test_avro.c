#include "table/avro_file.h"

#include "base/mem.h"
#include "harness.h"

#include <math.h>

/* ---- What a decoder tells, as text ---------------------------------------------------------------------------------- */

static void on_value(void *ctx, int32_t tag, const struct avro_value *value)
{
    struct buf *out = ctx;
    buf_printf(out, "%d=", tag);
    switch (value->type) {
    case AVRO_NULL: buf_printf(out, "null"); break;
    case AVRO_BOOLEAN: buf_printf(out, value->number ? "true" : "false"); break;
    case AVRO_DOUBLE: buf_printf(out, "%g", value->real); break;
    case AVRO_BYTES: buf_printf(out, "'%.*s'", STR_ARG(value->bytes)); break;
    default: buf_printf(out, "%" PRId64, value->number); break;
    }
    buf_append_byte(out, ' ');
}

static void on_item(void *ctx, int32_t tag)
{
    buf_printf(ctx, "[%d] ", tag);
}

static const struct avro_target targets[] = {
    {1, AVRO_ROOT, "a", AVRO_SCALARS, false},
    {2, AVRO_ROOT, "b", AVRO_SCALARS, false},
    {3, AVRO_ROOT, "r", AVRO_MASK(AVRO_RECORD), false},
    {4, 3, "inner", AVRO_SCALARS, false},
    {5, AVRO_ROOT, "list", AVRO_MASK(AVRO_ARRAY), false},
    {6, AVRO_ROOT, "map", AVRO_MASK(AVRO_ARRAY), false},
    {7, 6, "key", AVRO_INTEGERS, false},
    {8, 6, "value", AVRO_BINARY, false},
};

/* All values of a file, as text. */
static bool decode_file(struct str bytes, struct buf *out, struct error *err)
{
    struct avro_reader reader = {0};
    struct avro_visitor visitor = {on_value, on_item, out};
    bool ok =
        avro_reader_open(&reader, bytes, err) && avro_resolve(reader.schema, targets, LENGTH(targets), err);
    while (ok) {
        struct str data;
        uint64_t count;
        enum avro_next next = avro_reader_next_block(&reader, &data, &count, err);
        if (next != AVRO_NEXT_BLOCK) {
            ok = next == AVRO_NEXT_END;
            break;
        }
        for (; ok && count > 0; count--)
            ok = avro_decode(reader.schema, &data, &visitor, err);
        if (ok && data.len > 0)
            ok = error_set(err, ERR_CORRUPT, "bytes are left");
    }
    avro_reader_close(&reader);
    return ok;
}

static void check_text(const char *schema, const char *codec, int64_t count, const char *values,
                       size_t values_len, const char *expected)
{
    struct avro_file file = {0};
    struct buf text = {0};
    struct error err;
    avro_file_begin(&file, schema, codec, NULL, 0);
    avro_file_block(&file, count, str_make(values, values_len));
    ASSERT_OK(decode_file(buf_str(&file.out), &text, &err), err);
    CHECK(str_is(buf_str(&text), expected), "%s: %s", schema, buf_cstr(&text));
    buf_free(&text);
    buf_free(&file.out);
}

/* ---- Types ----------------------------------------------------------------------------------------------------------- */

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"x\",\"fields\":[" fields "]}"
#define A(type)        RECORD("{\"name\":\"a\",\"type\":" type ",\"field-id\":1}")
#define BYTES(text)    text, sizeof(text) - 1

static void test_every_type_is_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *schema;
        const char *bytes;
        size_t len;
        const char *text;
    } rows[] = {
        {A("\"boolean\""), BYTES("\1"), "1=true "},
        {A("\"boolean\""), BYTES("\0"), "1=false "},
        {A("\"int\""), BYTES("\1"), "1=-1 "},
        {A("\"int\""), BYTES("\xFE\xFF\xFF\xFF\x0F"), "1=2147483647 "},
        {A("\"long\""), BYTES("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), "1=-9223372036854775808 "},
        {A("\"long\""), BYTES("\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), "1=9223372036854775807 "},
        {A("\"float\""), BYTES("\0\0\xC0\x3F"), "1=1.5 "},
        {A("\"double\""), BYTES("\0\0\0\0\0\0\xF8\xBF"), "1=-1.5 "},
        {A("\"bytes\""), BYTES("\x04hi"), "1='hi' "},
        {A("\"string\""), BYTES("\0"), "1='' "},
        {A("{\"type\":\"fixed\",\"name\":\"f\",\"size\":3}"), BYTES("abc"), "1='abc' "},
        {A("{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\",\"B\"]}"), BYTES("\2"), "1=1 "},
        {A("{\"type\":\"int\",\"logicalType\":\"date\"}"), BYTES("\x0A"), "1=5 "},
        {A("{\"type\":{\"type\":\"long\"}}"), BYTES("\x0A"), "1=5 "},
        {A("[\"null\",\"long\"]"), BYTES("\0"), "1=null "},
        {A("[\"null\",\"long\"]"), BYTES("\2\4"), "1=2 "},
        {A("[\"string\",\"null\"]"), BYTES("\0\2x"), "1='x' "},
        {A("[\"null\",\"int\",\"string\"]"), BYTES("\4\2x"), "1='x' "},
    };
    TABLE_EACH(row, rows)
    check_text(row->schema, "null", 1, row->bytes, row->len, row->text);
}

static void test_fields_are_found_by_id_else_by_name_and_the_rest_is_skipped(void **state)
{
    (void)state;
    check_text(RECORD("{\"name\":\"other\",\"type\":\"string\",\"field-id\":77},"
                      "{\"name\":\"renamed\",\"type\":\"long\",\"field-id\":2},"
                      "{\"name\":\"b\",\"type\":\"long\",\"field-id\":78},"
                      "{\"name\":\"a\",\"type\":\"int\"}"),
               NULL, 2, BYTES("\2x\4\6\x08\2y\x0A\x0C\x0E"), "2=2 1=4 2=5 1=7 ");
    check_text(RECORD("{\"name\":\"r\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"n\",\"fields\":["
                      "{\"name\":\"a\",\"type\":\"long\"},{\"name\":\"inner\",\"type\":\"long\"}]}]}"),
               NULL, 2, BYTES("\2\2\4\0"), "4=2 3=null ");
    /* A map, an array of maps, a record that refers to itself: nobody wants them. */
    check_text(
        RECORD(
            "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"long\"}},"
            "{\"name\":\"n\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"map\",\"values\":\"null\"}}},"
            "{\"name\":\"t\",\"type\":{\"type\":\"record\",\"name\":\"tree\",\"fields\":["
            "{\"name\":\"next\",\"type\":[\"null\",\"tree\"]}]}},"
            "{\"name\":\"a\",\"type\":\"long\"}"),
        NULL, 1,
        BYTES("\4\2x\2\2y\4\0"
              "\2\2\2k\0\0"
              "\2\2\0"
              "\x08"),
        "1=4 ");
}

static void test_arrays_come_in_blocks_with_and_without_sizes(void **state)
{
    (void)state;
    const char *list =
        RECORD("{\"name\":\"list\",\"field-id\":5,\"type\":{\"type\":\"array\",\"items\":\"long\","
               "\"element-id\":50}}");
    check_text(list, NULL, 1, BYTES("\4\2\4\2\6\0"), "[5] 5=1 [5] 5=2 [5] 5=3 ");
    check_text(list, NULL, 1, BYTES("\3\4\2\4\1\2\6\0"), "[5] 5=1 [5] 5=2 [5] 5=3 ");
    check_text(list, NULL, 1, BYTES("\0"), "");
    /* Skipped by its size: what is in such a block is not even looked at. */
    check_text(RECORD("{\"name\":\"z\",\"type\":{\"type\":\"array\",\"items\":\"string\"}},"
                      "{\"name\":\"a\",\"type\":\"long\"}"),
               NULL, 1, BYTES("\1\6\xFF\xFF\xFF\0\2"), "1=1 ");
    check_text(
        RECORD(
            "{\"name\":\"map\",\"field-id\":6,\"type\":[\"null\",{\"type\":\"array\",\"logicalType\":\"map\","
            "\"items\":{\"type\":\"record\",\"name\":\"kv\",\"fields\":["
            "{\"name\":\"key\",\"type\":\"int\",\"field-id\":7},"
            "{\"name\":\"value\",\"type\":\"bytes\",\"field-id\":8}]}}]}"),
        NULL, 1, BYTES("\2\4\2\2x\4\2y\0"), "[6] 7=1 8='x' [6] 7=2 8='y' ");
}

static void test_every_codec_is_read(void **state)
{
    (void)state;
    static const char *const codecs[] = {NULL, "null", "deflate", "zstandard", "snappy"};
    for (size_t i = 0; i < LENGTH(codecs); i++)
        check_text(A("\"string\""), codecs[i], 2, BYTES("\x0Ahello\x0Aworld"), "1='hello' 1='world' ");
}

static void test_what_is_left_of_a_checksum_behind_deflate_does_no_harm(void **state)
{
    (void)state;
    for (size_t extra = 0; extra < 8; extra++) {
        struct avro_file file = {0};
        struct buf stored = {0}, text = {0};
        struct error err;
        avro_file_begin(&file, A("\"string\""), "deflate", NULL, 0);
        avro_deflate(STR("\x0Ahello"), &stored);
        for (size_t i = 0; i < extra; i++)
            buf_append_byte(&stored, 0x55);
        avro_put_long(&file.out, 1);
        avro_put_bytes(&file.out, buf_str(&stored));
        buf_append(&file.out, "0123456789abcdef", 16);
        assert_int_equal(decode_file(buf_str(&file.out), &text, &err), extra <= 4);
        buf_free(&file.out);
        buf_free(&stored);
        buf_free(&text);
    }
}

static void test_an_unknown_codec_is_refused_by_name(void **state)
{
    (void)state;
    struct avro_file file = {0};
    struct buf text = {0};
    struct error err;
    avro_file_begin(&file, A("\"long\""), "bzip2", NULL, 0);
    ASSERT_FAILS(decode_file(buf_str(&file.out), &text, &err), err, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "bzip2"));
    buf_free(&file.out);
}

/* ---- What is wrong --------------------------------------------------------------------------------------------------- */

static void test_bad_schemas_are_refused(void **state)
{
    (void)state;
    static const char *const schemas[] = {
        "",
        "nonsense",
        "{}",
        "1",
        "\"long\"", /* no record */
        "[]",
        "[[\"null\"]]",
        "\"nothing\"",
        "{\"type\":\"record\"}",
        "{\"type\":\"record\",\"name\":\"x\"}",
        "{\"type\":\"array\"}",
        "{\"type\":\"fixed\",\"name\":\"f\",\"size\":-1}",
        "{\"type\":\"fixed\",\"name\":\"f\",\"size\":99999999999}",
        "{\"type\":\"enum\",\"name\":\"f\",\"symbols\":[]}",
        RECORD("{\"name\":\"a\"}"),
        RECORD("{\"type\":\"long\"}"),
        RECORD("{\"name\":\"q\",\"type\":{\"type\":\"fixed\",\"name\":\"x\",\"size\":1}}"), /* x twice */
        RECORD("{\"name\":\"a\",\"type\":\"long\"},{\"name\":\"z\",\"type\":\"long\",\"field-id\":1}"),
        A("{\"type\":\"array\",\"items\":\"long\"}"), /* of another type than what is wanted */
        A("[\"null\",{\"type\":\"map\",\"values\":\"long\"}]"),
    };
    for (size_t i = 0; i < LENGTH(schemas); i++) {
        struct avro_file file = {0};
        struct buf text = {0};
        struct error err = {0};
        avro_file_begin(&file, schemas[i], NULL, NULL, 0);
        CHECK(!decode_file(buf_str(&file.out), &text, &err) && err.code == ERR_CORRUPT, "%s", schemas[i]);
        buf_free(&file.out);
        buf_free(&text);
    }
}

static void test_a_schema_that_nests_for_ever_is_refused(void **state)
{
    (void)state;
    struct buf schema = {0}, text = {0};
    struct error err;
    for (int i = 0; i < 1000; i++)
        buf_printf(&schema, "{\"type\":\"array\",\"items\":");
    buf_printf(&schema, "\"long\"");
    for (int i = 0; i < 1000; i++)
        buf_printf(&schema, "}");
    struct avro_file file = {0};
    avro_file_begin(&file, buf_cstr(&schema), NULL, NULL, 0);
    ASSERT_FAILS(decode_file(buf_str(&file.out), &text, &err), err, ERR_CORRUPT);
    buf_free(&file.out);
    buf_free(&schema);
}

static void test_values_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *schema;
        int64_t count;
        const char *bytes;
        size_t len;
    } rows[] = {
        {A("\"boolean\""), 1, BYTES("\2")},
        {A("\"int\""), 1, BYTES("\xFE\xFF\xFF\xFF\x1F")}, /* over 32 bits */
        {A("\"long\""), 1, BYTES("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01")},
        {A("\"long\""), 1, BYTES("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x03")},
        {A("\"long\""), 1, BYTES("\2\2")}, /* one byte too many */
        {A("\"long\""), 2, BYTES("\2")},
        {A("\"long\""), -1, BYTES("\2")},
        {A("\"string\""), 1, BYTES("\4x")},
        {A("\"string\""), 1, BYTES("\1")}, /* length -1 */
        {A("[\"null\",\"long\"]"), 1, BYTES("\4\2")},
        {A("[\"null\",\"long\"]"), 1, BYTES("\1\2")},
        {A("{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\"]}"), 1, BYTES("\2")},
        {RECORD("{\"name\":\"list\",\"type\":{\"type\":\"array\",\"items\":\"long\"}}"), 1,
         BYTES("\x80\x80\x80\x01")},
        {RECORD("{\"name\":\"list\",\"type\":{\"type\":\"array\",\"items\":\"long\"}}"), 1,
         BYTES("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\0")}, /* the lowest count */
        {RECORD("{\"name\":\"list\",\"type\":{\"type\":\"array\",\"items\":\"long\"}}"), 1,
         BYTES("\1\4\2\0")},
        {RECORD("{\"name\":\"list\",\"type\":{\"type\":\"array\",\"items\":\"null\"}}"), 1,
         BYTES("\x80\x80\x80\x80\x80\x80\x80\x01\0")},
        /* A record of itself without end. */
        {RECORD("{\"name\":\"n\",\"type\":\"x\"},{\"name\":\"a\",\"type\":\"long\"}"), 1, BYTES("\2")},
    };
    TABLE_EACH(row, rows)
    {
        struct avro_file file = {0};
        struct buf text = {0};
        struct error err = {0};
        avro_file_begin(&file, row->schema, NULL, NULL, 0);
        avro_file_block(&file, row->count, str_make(row->bytes, row->len));
        CHECK(!decode_file(buf_str(&file.out), &text, &err) && err.code == ERR_CORRUPT, "%s, %d bytes",
              row->schema, (int)row->len);
        buf_free(&file.out);
        buf_free(&text);
    }
}

static void test_many_items_without_bytes_cost_no_time(void **state)
{
    (void)state;
    check_text(
        RECORD("{\"name\":\"z\",\"type\":{\"type\":\"array\",\"items\":\"null\"}},"
               "{\"name\":\"y\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"e\","
               "\"fields\":[]}}},{\"name\":\"a\",\"type\":\"long\"}"),
        NULL, 1,
        BYTES("\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\0"
              "\xFE\xFF\xFF\xFF\x0F\0"
              "\2"),
        "1=1 ");
}

/* A file with everything in it. */
static void make_rich_file(struct buf *out, const char *codec)
{
    struct avro_file file = {0};
    struct buf values = {0};
    const struct avro_meta meta = {STR("k"), STR("v")};
    avro_file_begin(
        &file,
        RECORD("{\"name\":\"a\",\"type\":[\"null\",\"string\"]},{\"name\":\"b\",\"type\":\"double\"},"
               "{\"name\":\"list\",\"type\":{\"type\":\"array\",\"items\":\"long\"}},"
               "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"bytes\"}}"),
        codec, &meta, 1);
    for (int block = 0; block < 2; block++) {
        buf_reset(&values);
        for (int i = 0; i < 3; i++) {
            avro_put_long(&values, 1);
            avro_put_bytes(&values, STR("some text"));
            avro_put_double(&values, 2.5);
            avro_put_long(&values, 2);
            avro_put_long(&values, 1);
            avro_put_long(&values, -70000);
            avro_put_long(&values, 0);
            avro_put_long(&values, 1);
            avro_put_bytes(&values, STR("key"));
            avro_put_bytes(&values, STR("value"));
            avro_put_long(&values, 0);
        }
        avro_file_block(&file, 3, buf_str(&values));
    }
    buf_free(&values);
    *out = file.out;
}

static void test_every_truncation_is_an_error_or_a_whole_block_less(void **state)
{
    (void)state;
    static const char *const codecs[] = {"null", "deflate", "zstandard", "snappy"};
    for (size_t i = 0; i < LENGTH(codecs); i++) {
        struct buf file, whole = {0};
        struct error err;
        make_rich_file(&file, codecs[i]);
        ASSERT_OK(decode_file(buf_str(&file), &whole, &err), err);
        size_t good = 0;
        for (size_t len = 0; len < file.len; len++) {
            struct buf text = {0};
            uint8_t *copy = mem_dup(file.data, len + 1); /* so that the sanitizer sees a byte too far */
            copy = mem_realloc(copy, len > 0 ? len : 1);
            err.code = ERR_NONE;
            if (decode_file(str_make(copy, len), &text, &err))
                good++;
            else
                CHECK(err.code == ERR_CORRUPT, "%s cut to %d", codecs[i], (int)len);
            mem_free(copy);
            buf_free(&text);
        }
        assert_int_equal(good, 2); /* cut behind the header, and behind the first block */
        buf_free(&file);
        buf_free(&whole);
    }
}

static void test_flipped_bits_never_crash(void **state)
{
    (void)state;
    static const char *const codecs[] = {"null", "deflate", "zstandard", "snappy"};
    for (size_t i = 0; i < LENGTH(codecs); i++) {
        struct buf file;
        make_rich_file(&file, codecs[i]);
        for (size_t bit = 0; bit < 8 * file.len; bit++) {
            struct buf text = {0};
            struct error err;
            file.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            decode_file(buf_str(&file), &text, &err);
            file.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            buf_free(&text);
        }
        buf_free(&file);
    }
}

static void test_a_bomb_is_refused(void **state)
{
    (void)state;
    static const char *const codecs[] = {"deflate", "zstandard"};
    struct buf zeros = {0};
    buf_reserve(&zeros, AVRO_BLOCK_BYTES_MAX + 1000);
    zeros.len = AVRO_BLOCK_BYTES_MAX + 1000;
    memset(zeros.data, 0, zeros.len);
    for (size_t i = 0; i < LENGTH(codecs); i++) {
        struct avro_file file = {0};
        struct buf text = {0};
        struct error err;
        avro_file_begin(&file, A("\"long\""), codecs[i], NULL, 0);
        avro_file_block(&file, 1, buf_str(&zeros));
        ASSERT_FAILS(decode_file(buf_str(&file.out), &text, &err), err, ERR_CORRUPT);
        assert_non_null(strstr(err.text, "more than"));
        buf_free(&file.out);
        buf_free(&text);
    }
    buf_free(&zeros);
}

/* ---- Writing --------------------------------------------------------------------------------------------------------- */

static void test_numbers_come_back(void **state)
{
    (void)state;
    struct random random;
    struct buf out = {0};
    random_seed(&random, harness_seed());
    static const int64_t edges[] = {0, 1, -1, 63, 64, -64, -65, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    for (int i = 0; i < 20000; i++) {
        int64_t value =
            i < (int)LENGTH(edges) ? edges[i] : (int64_t)(random_next(&random) >> random_below(&random, 64));
        int64_t back = 0;
        buf_reset(&out);
        avro_put_long(&out, value);
        struct str data = buf_str(&out);
        assert_true(avro_take_long(&data, &back));
        assert_true(back == value && data.len == 0);
    }
    buf_free(&out);
}

static void test_a_written_file_is_read_and_the_same_values_give_the_same_bytes(void **state)
{
    (void)state;
    const struct avro_meta meta[] = {{STR("avro.schema"), STR(A("\"string\""))}, {STR("k"), STR("v")}};
    struct buf first = {0};
    for (int round = 0; round < 2; round++) {
        struct avro_writer writer = {0};
        avro_writer_begin(&writer, meta, LENGTH(meta));
        for (int i = 0; i < 20000; i++) {
            char text[32];
            snprintf(text, sizeof text, "value number %d", i);
            avro_put_bytes(&writer.values, str_of(text));
            avro_writer_end_value(&writer);
        }
        avro_writer_finish(&writer);
        if (round == 0)
            buf_append_str(&first, buf_str(&writer.out));
        else
            assert_true(str_equal(buf_str(&first), buf_str(&writer.out)));
        avro_writer_free(&writer);
    }
    struct avro_reader reader = {0};
    struct error err;
    struct str data;
    uint64_t count, total = 0, blocks = 0;
    ASSERT_OK(avro_reader_open(&reader, buf_str(&first), &err), err);
    assert_true(str_is(avro_reader_meta(&reader, "k"), "v"));
    assert_null(avro_reader_meta(&reader, "other").data);
    for (; avro_reader_next_block(&reader, &data, &count, &err) == AVRO_NEXT_BLOCK; blocks++)
        total += count;
    assert_int_equal(total, 20000);
    assert_true(blocks > 1); /* so that a reader needs little memory */
    avro_reader_close(&reader);
    buf_free(&first);
}

RUN_TESTS(cmocka_unit_test(test_every_type_is_decoded),
          cmocka_unit_test(test_fields_are_found_by_id_else_by_name_and_the_rest_is_skipped),
          cmocka_unit_test(test_arrays_come_in_blocks_with_and_without_sizes),
          cmocka_unit_test(test_every_codec_is_read),
          cmocka_unit_test(test_what_is_left_of_a_checksum_behind_deflate_does_no_harm),
          cmocka_unit_test(test_an_unknown_codec_is_refused_by_name),
          cmocka_unit_test(test_bad_schemas_are_refused),
          cmocka_unit_test(test_a_schema_that_nests_for_ever_is_refused),
          cmocka_unit_test(test_values_that_do_not_fit_are_refused),
          cmocka_unit_test(test_many_items_without_bytes_cost_no_time),
          cmocka_unit_test(test_every_truncation_is_an_error_or_a_whole_block_less),
          cmocka_unit_test(test_flipped_bits_never_crash), cmocka_unit_test(test_a_bomb_is_refused),
          cmocka_unit_test(test_numbers_come_back),
          cmocka_unit_test(test_a_written_file_is_read_and_the_same_values_give_the_same_bytes))
