/* Codecs: what is compressed comes back, and only in the size that was said. */
#include "harness.h"

#include "table/parquet_internal.h"

#include "base/mem.h"

#include <lz4.h>
#include <zlib.h>

static const enum parquet_codec written[] = {PARQUET_ZSTD, PARQUET_SNAPPY, PARQUET_GZIP, PARQUET_LZ4_RAW};

static struct str sample(struct random *random, char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        text[i] = random_below(random, 20) == 0 ? (char)random_below(random, 256) : "temperature "[i % 12];
    return str_make(text, len);
}

static void test_pages_come_back_from_every_codec(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    static char text[100000], back[100001];
    struct error err;
    struct pq_decompressor *decompressor = pq_decompressor_new();
    TABLE_EACH(codec, written)
    {
        int level;
        ASSERT_OK(pq_codec_level(*codec, 0, &level, &err), err);
        struct pq_compressor *compressor = pq_compressor_new(*codec, level);
        for (size_t len = 0; len <= sizeof text; len = len * 3 + 1) {
            struct buf packed = {0};
            struct str page = sample(&random, text, len);
            buf_append(&packed, "x", 1);
            ASSERT_OK(pq_compress(compressor, page, &packed, &err), err);
            struct str bytes = str_make(packed.data + 1, packed.len - 1);
            ASSERT_OK(pq_decompress(decompressor, *codec, bytes, back, len, &err), err);
            assert_memory_equal(back, text, len);
            ASSERT_FAILS(pq_decompress(decompressor, *codec, bytes, back, len + 1, &err), err, ERR_CORRUPT);
            if (len != 0) {
                ASSERT_FAILS(pq_decompress(decompressor, *codec, bytes, back, len - 1, &err), err,
                             ERR_CORRUPT);
                bytes.len--;
                ASSERT_FAILS(pq_decompress(decompressor, *codec, bytes, back, len, &err), err, ERR_CORRUPT);
            }
            buf_free(&packed);
        }
        pq_compressor_free(compressor);
    }
    pq_decompressor_free(decompressor);
}

static void test_garbage_harms_no_codec(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    struct pq_decompressor *decompressor = pq_decompressor_new();
    struct error err;
    uint8_t garbage[200], out[1000];
    for (int i = 0; i < 2000; i++) {
        for (size_t k = 0; k < sizeof garbage; k++)
            garbage[k] = (uint8_t)random_next(&random);
        for (int codec = 0; codec < PARQUET_CODECS; codec++) {
            if (codec != PARQUET_UNCOMPRESSED) {
                pq_decompress(decompressor, (enum parquet_codec)codec,
                              str_make(garbage, random_below(&random, sizeof garbage)), out, sizeof out,
                              &err);
            }
        }
    }
    pq_decompressor_free(decompressor);
}

static void test_levels_are_checked(void **state)
{
    (void)state;
    static const struct {
        enum parquet_codec codec;
        int level;
        int chosen; /* -1: refused */
    } rows[] = {
        {PARQUET_ZSTD, 0, 1},         {PARQUET_ZSTD, 22, 22},  {PARQUET_ZSTD, 23, -1},
        {PARQUET_ZSTD, -5, -1},       {PARQUET_GZIP, 0, 6},    {PARQUET_GZIP, 9, 9},
        {PARQUET_GZIP, 10, -1},       {PARQUET_LZ4_RAW, 0, 1}, {PARQUET_LZ4_RAW, 12, 12},
        {PARQUET_LZ4_RAW, 13, -1},    {PARQUET_SNAPPY, 0, 0},  {PARQUET_SNAPPY, 1, -1},
        {PARQUET_UNCOMPRESSED, 0, 0}, {PARQUET_BROTLI, 0, -1}, {PARQUET_LZ4, 0, -1},
    };
    TABLE_EACH(row, rows)
    {
        struct error err = {0};
        int chosen = -1;
        bool ok = pq_codec_level(row->codec, row->level, &chosen, &err);
        CHECK(ok == (row->chosen >= 0), "%s %d", parquet_codec_name(row->codec), row->level);
        CHECK(ok ? chosen == row->chosen : err.code == ERR_INVALID, "%s %d", parquet_codec_name(row->codec),
              row->level);
    }
}

static void test_lz4_has_fast_and_thorough_levels(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 1);
    static char text[50000], back[50000];
    struct str page = sample(&random, text, sizeof text);
    struct error err;
    struct pq_decompressor *decompressor = pq_decompressor_new();
    size_t sizes[2];
    for (int i = 0; i < 2; i++) {
        struct pq_compressor *compressor = pq_compressor_new(PARQUET_LZ4_RAW, i == 0 ? 1 : 12);
        struct buf packed = {0};
        ASSERT_OK(pq_compress(compressor, page, &packed, &err), err);
        ASSERT_OK(pq_decompress(decompressor, PARQUET_LZ4_RAW, buf_str(&packed), back, sizeof back, &err),
                  err);
        assert_memory_equal(back, text, sizeof text);
        sizes[i] = packed.len;
        buf_free(&packed);
        pq_compressor_free(compressor);
    }
    assert_true(sizes[1] < sizes[0]);
    pq_decompressor_free(decompressor);
}

static void append_big32(struct buf *buf, uint32_t value)
{
    uint8_t bytes[] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
    buf_append(buf, bytes, sizeof bytes);
}

static void append_hadoop_frame(struct buf *buf, struct str text)
{
    char packed[4096];
    int len = LZ4_compress_default(text.data, packed, (int)text.len, sizeof packed);
    assert_true(len > 0);
    append_big32(buf, (uint32_t)text.len);
    append_big32(buf, (uint32_t)len);
    buf_append(buf, packed, (size_t)len);
}

static void test_lz4_of_hadoop_is_read_framed_and_bare(void **state)
{
    (void)state;
    struct pq_decompressor *decompressor = pq_decompressor_new();
    struct error err;
    char back[200];
    struct buf framed = {0};
    append_hadoop_frame(&framed, STR("first frame, first frame, "));
    append_hadoop_frame(&framed, STR("second frame"));
    struct str text = STR("first frame, first frame, second frame");
    ASSERT_OK(pq_decompress(decompressor, PARQUET_LZ4, buf_str(&framed), back, text.len, &err), err);
    assert_memory_equal(back, text.data, text.len);
    struct str bare = str_make(framed.data + 8, (size_t)framed.data[7]);
    ASSERT_OK(pq_decompress(decompressor, PARQUET_LZ4, bare, back, 26, &err), err);
    assert_memory_equal(back, text.data, 26);
    ASSERT_FAILS(pq_decompress(decompressor, PARQUET_LZ4, buf_str(&framed), back, text.len + 1, &err), err,
                 ERR_CORRUPT);
    buf_free(&framed);
    pq_decompressor_free(decompressor);
}

static void test_gzip_may_have_several_members(void **state)
{
    (void)state;
    struct error err;
    struct buf packed = {0};
    struct pq_compressor *compressor = pq_compressor_new(PARQUET_GZIP, 6);
    ASSERT_OK(pq_compress(compressor, STR("one, "), &packed, &err), err);
    ASSERT_OK(pq_compress(compressor, STR("two"), &packed, &err), err);
    struct pq_decompressor *decompressor = pq_decompressor_new();
    char back[8];
    ASSERT_OK(pq_decompress(decompressor, PARQUET_GZIP, buf_str(&packed), back, sizeof back, &err), err);
    assert_memory_equal(back, "one, two", sizeof back);
    buf_append(&packed, "rest", 4);
    ASSERT_FAILS(pq_decompress(decompressor, PARQUET_GZIP, buf_str(&packed), back, sizeof back, &err), err,
                 ERR_CORRUPT);
    pq_decompressor_free(decompressor);
    pq_compressor_free(compressor);
    buf_free(&packed);
}

static void test_checksum_is_that_of_gzip(void **state)
{
    (void)state;
    assert_int_equal(pq_crc32(STR("123456789")), 0xcbf43926);
}

static void test_names_are_known(void **state)
{
    (void)state;
    enum parquet_codec codec;
    struct error err;
    for (int i = 0; i <= PARQUET_LZ4_RAW; i++) {
        ASSERT_OK(parquet_codec_parse(str_of(parquet_codec_name((enum parquet_codec)i)), &codec, &err), err);
        assert_int_equal(codec, i);
        assert_int_equal(pq_codec_of(pq_codec_number(codec)), i);
    }
    ASSERT_FAILS(parquet_codec_parse(STR("brotli"), &codec, &err), err, ERR_INVALID);
    ASSERT_FAILS(parquet_codec_parse(STR("ZSTD"), &codec, &err), err, ERR_INVALID);
    assert_int_equal(pq_codec_of(3), -1); /* LZO */
}

RUN_TESTS(cmocka_unit_test(test_pages_come_back_from_every_codec),
          cmocka_unit_test(test_garbage_harms_no_codec), cmocka_unit_test(test_levels_are_checked),
          cmocka_unit_test(test_lz4_has_fast_and_thorough_levels),
          cmocka_unit_test(test_lz4_of_hadoop_is_read_framed_and_bare),
          cmocka_unit_test(test_gzip_may_have_several_members),
          cmocka_unit_test(test_checksum_is_that_of_gzip), cmocka_unit_test(test_names_are_known))
