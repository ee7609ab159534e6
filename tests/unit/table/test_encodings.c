/* Runs, packed bits and differences: known bytes, every width, what is cut off. */
#include "harness.h"

#include "table/parquet_internal.h"

#include "base/mem.h"

/* ---- Runs and packed bits ------------------------------------------------------------------------------ */

static void test_packed_bits_are_those_of_the_format(void **state)
{
    (void)state;
    /* The numbers 0 to 7 in three bits: the example of the format. */
    const uint32_t values[] = {0, 1, 2, 3, 4, 5, 6, 7};
    static const uint8_t expected[] = {0x03, 0x88, 0xc6, 0xfa};
    struct buf buf = {0};
    pq_rle_encode(&buf, values, LENGTH(values), 3);
    assert_int_equal(buf.len, sizeof expected);
    assert_memory_equal(buf.data, expected, sizeof expected);
    buf_free(&buf);
}

static void test_a_run_takes_a_few_bytes(void **state)
{
    (void)state;
    uint8_t levels[1000];
    struct buf buf = {0};
    memset(levels, 1, sizeof levels);
    pq_rle_encode_levels(&buf, levels, sizeof levels, 1);
    static const uint8_t expected[] = {0xd0, 0x0f, 0x01}; /* 1000 << 1, 1 */
    assert_int_equal(buf.len, sizeof expected);
    assert_memory_equal(buf.data, expected, sizeof expected);
    buf_free(&buf);
}

/* Stretches of equal values between mixed ones, so that runs and groups meet in every way. */
static void fill_mixed(struct random *random, uint32_t *values, size_t count, uint64_t bound)
{
    for (size_t i = 0; i < count;) {
        size_t stretch = 1 + random_below(random, random_below(random, 3) == 0 ? 40 : 4);
        uint32_t value = (uint32_t)random_below(random, bound);
        for (; stretch > 0 && i < count; stretch--)
            values[i++] = value;
    }
}

static void test_indexes_of_every_width_come_back(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    uint32_t values[700], back[LENGTH(values) + 8];
    for (unsigned width = 1; width <= 32; width++) {
        for (int round = 0; round < 40; round++) {
            size_t count = random_below(&random, LENGTH(values) + 1);
            fill_mixed(&random, values, count, UINT64_C(1) << width);
            struct buf buf = {0};
            pq_rle_encode(&buf, values, count, width);
            uint8_t *exact =
                mem_dup(buf.data != NULL ? buf.data : (const uint8_t *)"", buf.len + (buf.len == 0));
            struct str bytes = str_make(exact, buf.len);
            CHECK(pq_rle_decode(bytes, width, UINT32_MAX, back, count), "width %u, %zu values", width, count);
            assert_memory_equal(back, values, count * sizeof *values);
            /* Fewer may be asked for, more are not there. */
            assert_true(pq_rle_decode(bytes, width, UINT32_MAX, back, count / 2));
            CHECK(count == 0 || !pq_rle_decode(bytes, width, UINT32_MAX, back, count + 8), "width %u", width);
            mem_free(exact);
            buf_free(&buf);
        }
    }
}

static void test_levels_come_back(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    uint32_t values[500];
    uint8_t levels[500], back[500];
    for (unsigned width = 1; width <= 3; width++) {
        for (int round = 0; round < 100; round++) {
            size_t count = random_below(&random, LENGTH(values) + 1);
            fill_mixed(&random, values, count, 1u << width);
            for (size_t i = 0; i < count; i++)
                levels[i] = (uint8_t)values[i];
            struct buf buf = {0};
            pq_rle_encode_levels(&buf, levels, count, width);
            assert_true(
                pq_rle_decode_levels(buf_str(&buf), width, (uint8_t)((1u << width) - 1), back, count));
            assert_memory_equal(back, levels, count);
            buf_free(&buf);
        }
    }
}

static void test_values_over_the_maximum_are_refused(void **state)
{
    (void)state;
    const uint32_t values[] = {0, 1, 2, 5, 1, 0, 0, 0, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5};
    uint32_t back[LENGTH(values)];
    uint8_t levels[LENGTH(values)];
    struct buf buf = {0};
    pq_rle_encode(&buf, values, LENGTH(values), 3);
    assert_true(pq_rle_decode(buf_str(&buf), 3, 5, back, LENGTH(values)));
    assert_false(pq_rle_decode(buf_str(&buf), 3, 4, back, LENGTH(values)));
    assert_false(pq_rle_decode_levels(buf_str(&buf), 3, 4, levels, LENGTH(values)));
    buf_free(&buf);
}

static void test_runs_that_are_wrong_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *bytes;
        size_t len;
    } rows[] = {
        {"nothing", "", 0},
        {"a run of none", "\x00\x01", 2},
        {"a run without its value", "\x10", 1},
        {"no groups", "\x01", 1},
        {"a group that is cut off", "\x03\x88\xc6", 3},
        {"a length that does not end", "\xff\xff\xff\xff\xff\xff", 6},
    };
    uint32_t back[8];
    uint8_t levels[8];
    TABLE_EACH(row, rows)
    {
        struct str bytes = str_make(row->bytes, row->len);
        CHECK(!pq_rle_decode(bytes, 3, 7, back, 8), "%s", row->what);
        CHECK(!pq_rle_decode_levels(bytes, 3, 7, levels, 8), "%s", row->what);
    }
    assert_false(pq_rle_decode(STR("\x10\x01\x00\x00\x00\x00"), 33, UINT32_MAX, back, 8));
}

/* ---- Differences --------------------------------------------------------------------------------------- */

static void test_differences_are_those_of_the_format(void **state)
{
    (void)state;
    /* Consecutive numbers: a header, then blocks whose values take no bits. */
    int64_t values[129];
    for (size_t i = 0; i < LENGTH(values); i++)
        values[i] = 5 + (int64_t)i;
    static const uint8_t expected[] = {0x80, 0x01, 0x04, 0x81, 0x01, 0x0a, 0x02, 0, 0, 0, 0};
    struct buf buf = {0};
    pq_delta_encode_longs(&buf, values, LENGTH(values));
    assert_int_equal(buf.len, sizeof expected);
    assert_memory_equal(buf.data, expected, sizeof expected);
    buf_free(&buf);
}

static int64_t some_long(struct random *random, unsigned kind, int64_t before)
{
    uint64_t wide = random_next(random);
    switch (kind) {
    case 0: return (int64_t)((uint64_t)before + wide % 100);
    case 1: return wide % 2 == 0 ? INT64_MIN : INT64_MAX;
    case 2: return (int64_t)wide;
    case 3: return (int64_t)((uint64_t)before - wide % 3);
    default: return 42;
    }
}

static void test_longs_and_ints_come_back_from_differences(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    int64_t longs[600], longs_back[600];
    int32_t ints[600], ints_back[600];
    for (int round = 0; round < 300; round++) {
        size_t count = random_below(&random, LENGTH(longs) + 1);
        unsigned kind = (unsigned)random_below(&random, 5);
        for (size_t i = 0; i < count; i++) {
            longs[i] = some_long(&random, kind, i != 0 ? longs[i - 1] : 0);
            ints[i] = (int32_t)longs[i];
        }
        struct buf buf = {0};
        pq_delta_encode_longs(&buf, longs, count);
        buf_append(&buf, "rest", 4);
        struct str bytes = buf_str(&buf);
        assert_true(pq_delta_decode_longs(&bytes, longs_back, count));
        assert_memory_equal(longs_back, longs, count * sizeof *longs);
        assert_true(str_is(bytes, "rest"));
        buf_reset(&buf);
        pq_delta_encode_ints(&buf, ints, count);
        bytes = buf_str(&buf);
        assert_true(pq_delta_decode_ints(&bytes, ints_back, count));
        assert_memory_equal(ints_back, ints, count * sizeof *ints);
        assert_int_equal(bytes.len, 0);
        buf_free(&buf);
    }
}

static void test_differences_that_are_wrong_are_refused(void **state)
{
    (void)state;
    int64_t values[200], back[200];
    for (size_t i = 0; i < LENGTH(values); i++)
        values[i] = (int64_t)(i * i);
    struct buf buf = {0};
    pq_delta_encode_longs(&buf, values, LENGTH(values));
    for (size_t len = 0; len + 1 < buf.len; len++) {
        uint8_t *cut = mem_alloc(len + 1);
        memcpy(cut + 1, buf.data, len);
        struct str bytes = str_make(cut + 1, len);
        /* The last miniblock may be cut off behind its last value. */
        CHECK(!pq_delta_decode_longs(&bytes, back, LENGTH(values)) || len + 32 > buf.len, "%zu bytes", len);
        mem_free(cut);
    }
    struct str bytes = buf_str(&buf);
    assert_false(pq_delta_decode_longs(&bytes, back, LENGTH(values) - 1)); /* another count */
    buf_free(&buf);
    static const struct {
        const char *what;
        const char *bytes;
        size_t len;
    } rows[] = {
        {"no miniblocks", "\x80\x01\x00\x02\x00\x00\x00", 7},
        {"a block of no values", "\x00\x04\x02\x00\x00\x00\x00", 7},
        {"miniblocks of 8 values", "\x20\x04\x02\x00\x00\x00\x00\x00\x00\x00", 10},
        {"blocks that do not divide", "\x80\x01\x03\x02\x00\x00\x00\x00\x00\x00", 10},
        {"values of 65 bits", "\x80\x01\x04\x02\x00\x00\x41\x00\x00\x00", 10},
        {"a huge block", "\x80\x80\x80\x80\x10\x04\x02\x00\x00\x00\x00\x00\x00", 13},
    };
    TABLE_EACH(row, rows)
    {
        bytes = str_make(row->bytes, row->len);
        CHECK(!pq_delta_decode_longs(&bytes, back, 2), "%s", row->what);
    }
}

RUN_TESTS(cmocka_unit_test(test_packed_bits_are_those_of_the_format),
          cmocka_unit_test(test_a_run_takes_a_few_bytes),
          cmocka_unit_test(test_indexes_of_every_width_come_back), cmocka_unit_test(test_levels_come_back),
          cmocka_unit_test(test_values_over_the_maximum_are_refused),
          cmocka_unit_test(test_runs_that_are_wrong_are_refused),
          cmocka_unit_test(test_differences_are_those_of_the_format),
          cmocka_unit_test(test_longs_and_ints_come_back_from_differences),
          cmocka_unit_test(test_differences_that_are_wrong_are_refused))
