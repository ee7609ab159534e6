/* Damaged files: whatever is cut off, flipped or overwritten, reading ends with an error or with rows, and
 * never touches what is not its own; what a page's checksum covers is never wrong unnoticed. */
#include "harness.h"

#include "table/model.h"

#include "table/parquet_read_internal.h"

/* ThreadSanitizer has nothing to find in one thread, and makes it slow: an eighth is enough for it. */
#ifdef __SANITIZE_THREAD__
#define SPARSELY 8
#else
#define SPARSELY 1
#endif

/* ---- Reading everything -------------------------------------------------------------------------------- */

static volatile uint64_t seen; /* so that what is read is not optimised away */

static uint64_t touch_value(const struct parquet_vector *vector, size_t i)
{
    uint64_t sum = 0;
    switch (vector->type) {
    case TABLE_BOOLEAN: return vector->booleans[i];
    case TABLE_INT:
    case TABLE_DATE: return (uint64_t)vector->ints[i];
    case TABLE_LONG:
    case TABLE_TIMESTAMPTZ: return (uint64_t)vector->longs[i];
    case TABLE_FLOAT: return vector->floats[i] > 0;
    case TABLE_DOUBLE: return vector->doubles[i] > 0;
    default:
        for (size_t k = 0; k < vector->strings[i].len; k++)
            sum += (uint8_t)vector->strings[i].data[k];
        return sum;
    }
}

static uint64_t touch(const struct parquet_vector *vector)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < vector->count; i++) {
        if (!parquet_is_null(vector, i))
            sum += touch_value(vector, i);
    }
    for (size_t row = 0; vector->offsets != NULL && row < vector->rows; row++) {
        assert_true(vector->offsets[row] <= vector->offsets[row + 1]);
        assert_true(vector->offsets[row + 1] <= vector->count);
        sum += vector->null_lists != NULL && vector->null_lists[row];
    }
    return sum;
}

static struct parquet_scan *scan; /* goes on after every error, as a reader's does */

static int open_scan(void **state)
{
    (void)state;
    scan = parquet_scan_open(1 << 20);
    return 0;
}

static int close_scan(void **state)
{
    (void)state;
    parquet_scan_close(scan);
    return 0;
}

static bool read_group(const struct parquet_file *file, size_t group, const struct parquet_extent *all,
                       struct error *err)
{
    struct parquet_selection selection = {.group = group};
    const struct parquet_vector *vectors;
    size_t rows;
    if (!parquet_scan_start(scan, file, &selection, all, 1, err))
        return false;
    do {
        if (!parquet_scan_next(scan, 37, &vectors, &rows, err))
            return false;
        for (size_t i = 0; i < file->column_count && rows != 0; i++)
            seen += touch(&vectors[i]);
    } while (rows != 0);
    return true;
}

/* Reads all there is. False with the first error; goes on behind it with the next row group. */
static bool read_all(struct str bytes, bool with_index, struct error *err)
{
    struct parquet_extent all = {0, bytes};
    struct error later;
    struct parquet_file *file = parquet_file_open(bytes, bytes.len, 1 << 20, err);
    if (file == NULL)
        return false;
    bool ok = !with_index || parquet_file_add_index(file, &all, 1, err);
    for (size_t g = 0; g < file->group_count; g++)
        ok = read_group(file, g, &all, ok ? err : &later) && ok;
    parquet_file_close(file);
    return ok;
}

/* ---- Small files --------------------------------------------------------------------------------------- */

struct small {
    struct buf bytes;
    bool *covered; /* of each byte: whether a page's checksum is of it */
    size_t covered_count;
};

static void find_covered(struct small *small)
{
    struct error err;
    struct str bytes = buf_str(&small->bytes);
    small->covered = mem_zalloc(bytes.len);
    struct parquet_file *file = parquet_file_open(bytes, bytes.len, 0, &err);
    assert_non_null(file);
    for (size_t g = 0; g < file->group_count; g++) {
        for (size_t i = 0; i < file->column_count; i++) {
            const struct parquet_chunk *chunk = &file->groups[g].chunks[i];
            struct str left = str_make(bytes.data + chunk->offset, chunk->bytes);
            while (left.len != 0) {
                struct pq_page_head head;
                ASSERT_OK(pq_page_head_read(&left, &head, &err), err);
                assert_true(head.has_crc);
                memset(small->covered + (head.body.data - bytes.data), true, head.body.len);
                small->covered_count += head.body.len;
            }
        }
    }
    parquet_file_close(file);
}

static void make_small(struct small *small, uint64_t seed, enum parquet_codec codec,
                       enum parquet_encoding encoding)
{
    struct model model;
    struct parquet_column_options columns[MODEL_LEAVES];
    struct error err;
    *small = (struct small){0};
    model_make(&model, seed, 60);
    struct parquet_write_options options = model_options(&model, columns);
    options.codec = codec;
    options.page_rows = 25;
    options.row_group_rows = 40;
    for (size_t i = 0; i < model.leaf_count; i++)
        columns[i].encoding = encoding;
    ASSERT_OK(model_write(&model, &options, &small->bytes, &err), err);
    ASSERT_OK(read_all(buf_str(&small->bytes), true, &err), err);
    find_covered(small);
    model_free(&model);
}

static void free_small(struct small *small)
{
    buf_free(&small->bytes);
    mem_free(small->covered);
}

/* Seeds whose files are small and have lists, structures and all types among them. */
static const struct {
    uint64_t seed;
    enum parquet_codec codec;
    enum parquet_encoding encoding;
} files[] = {
    {11, PARQUET_UNCOMPRESSED, PARQUET_PLAIN}, {7, PARQUET_UNCOMPRESSED, PARQUET_DICTIONARY},
    {4, PARQUET_UNCOMPRESSED, PARQUET_DELTA},  {3, PARQUET_ZSTD, PARQUET_PLAIN},
    {11, PARQUET_SNAPPY, PARQUET_DICTIONARY},  {4, PARQUET_LZ4_RAW, PARQUET_DELTA},
    {12, PARQUET_GZIP, PARQUET_DICTIONARY},
};

static void test_a_file_that_is_cut_off_is_no_file(void **state)
{
    (void)state;
    TABLE_EACH(row, files)
    {
        struct small small;
        struct error err;
        make_small(&small, row->seed, row->codec, row->encoding);
        for (size_t len = 0; len < small.bytes.len; len += SPARSELY) {
            uint8_t *cut = mem_alloc(len + 1); /* exactly so much, so that reading beyond is found */
            memcpy(cut + 1, small.bytes.data, len);
            CHECK(!read_all(str_make(cut + 1, len), true, &err), "%zu bytes of %zu", len, small.bytes.len);
            mem_free(cut);
        }
        free_small(&small);
    }
}

static void test_a_flipped_bit_in_a_page_is_noticed(void **state)
{
    (void)state;
    TABLE_EACH(row, files)
    {
        struct small small;
        struct error err;
        make_small(&small, row->seed, row->codec, row->encoding);
        assert_true(small.covered_count > small.bytes.len / 20);
        for (size_t bit = 0; bit < 8 * small.bytes.len; bit += 5 * SPARSELY) { /* bits in turn */
            if (!small.covered[bit / 8])
                continue;
            small.bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            CHECK(!read_all(buf_str(&small.bytes), bit % 2 == 0, &err) && err.code == ERR_CORRUPT, "bit %zu",
                  bit);
            small.bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        free_small(&small);
    }
}

static void test_a_flipped_bit_elsewhere_does_no_harm(void **state)
{
    (void)state;
    TABLE_EACH(row, files)
    {
        struct small small;
        struct error err;
        make_small(&small, row->seed, row->codec, row->encoding);
        for (size_t bit = 0; bit < 8 * small.bytes.len; bit += 3 * SPARSELY) {
            if (small.covered[bit / 8])
                continue;
            small.bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            read_all(buf_str(&small.bytes), bit % 2 == 0, &err);
            small.bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        free_small(&small);
    }
}

/* Makes the checksums right again, so that what is behind them is reached. Works as long as headers can be
 * read. */
static void mend(const struct buf *bytes, struct str original)
{
    struct error err;
    struct parquet_file *file = parquet_file_open(original, original.len, 0, &err);
    for (size_t g = 0; g < file->group_count; g++) {
        for (size_t i = 0; i < file->column_count; i++) {
            const struct parquet_chunk *chunk = &file->groups[g].chunks[i];
            struct str left = str_make(original.data + chunk->offset, chunk->bytes);
            while (left.len != 0) {
                const char *start = left.data;
                struct pq_page_head head;
                pq_page_head_read(&left, &head, &err);
                size_t at = (size_t)(head.body.data - original.data), first = (size_t)(start - original.data);
                uint32_t crc = pq_crc32(str_make(bytes->data + at, head.body.len));
                /* The same number of bytes, or none: then the page stays broken. */
                uint8_t was[5], is[5];
                for (int k = 0; k < 2; k++) {
                    int64_t value = (int32_t)(k == 0 ? head.crc : crc);
                    uint64_t zigzag = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
                    for (int n = 0; n < 5; n++)
                        (k == 0 ? was : is)[n] = (uint8_t)((zigzag >> (7 * n) & 0x7f) | (n < 4 ? 0x80 : 0));
                }
                uint8_t *found = memmem(bytes->data + first, at - first, was, sizeof was);
                if (found != NULL)
                    memcpy(found, is, sizeof is);
            }
        }
    }
    parquet_file_close(file);
}

static void test_random_damage_does_no_harm(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    TABLE_EACH(row, files)
    {
        struct small small;
        struct error err;
        make_small(&small, row->seed, row->codec, row->encoding);
        size_t len = small.bytes.len;
        uint8_t *original = mem_dup(small.bytes.data, len);
        for (int round = 0; round < 1500 / SPARSELY; round++) {
            for (size_t n = 1 + random_below(&random, 4); n > 0; n--) {
                size_t at = random_below(&random, len);
                size_t size = 1 + random_below(&random, random_below(&random, 4) == 0 ? 40 : 4);
                size = size < len - at ? size : len - at;
                size_t from = random_below(&random, len - size + 1);
                if (random_below(&random, 2) == 0)
                    memmove(small.bytes.data + at, small.bytes.data + from, size);
                else
                    small.bytes.data[at] = (uint8_t)random_next(&random);
            }
            if (round % 2 == 0)
                mend(&small.bytes, str_make(original, len));
            read_all(buf_str(&small.bytes), round % 4 < 2, &err);
            memcpy(small.bytes.data, original, len);
        }
        mem_free(original);
        free_small(&small);
    }
}

#define DAMAGE(test) cmocka_unit_test_setup_teardown(test, open_scan, close_scan)

RUN_TESTS(DAMAGE(test_a_file_that_is_cut_off_is_no_file), DAMAGE(test_a_flipped_bit_in_a_page_is_noticed),
          DAMAGE(test_a_flipped_bit_elsewhere_does_no_harm), DAMAGE(test_random_damage_does_no_harm))
