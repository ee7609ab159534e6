/* What is written is read: random schemas, rows and options, by rows and by vectors, whole and in parts, with
 * the page index and without. */
#include "harness.h"

#include "table/model.h"

#define SEEDS 150

static uint64_t current; /* the seed of the model that is checked */

struct opened {
    struct parquet_file *file;
    struct parquet_extent extent; /* all of the file */
};

static struct opened open_file(const struct buf *bytes)
{
    struct error err;
    struct opened opened = {.extent = {0, buf_str(bytes)}};
    opened.file = parquet_file_open(buf_str(bytes), bytes->len, 0, &err);
    if (opened.file == NULL)
        fail_msg("open: %s", err.text);
    return opened;
}

/* Reads a selection and compares it with the model. */
static void check_selection(const struct model *model, const struct opened *opened, struct parquet_scan *scan,
                            const struct parquet_selection *selection, struct random *random)
{
    struct error err;
    const struct parquet_group *group = &opened->file->groups[selection->group];
    ASSERT_OK(parquet_scan_start(scan, opened->file, selection, &opened->extent, 1, &err), err);
    uint64_t row = group->first_row + selection->first_row;
    uint64_t end = selection->rows != 0 ? row + selection->rows : group->first_row + group->rows;
    for (;;) {
        const struct parquet_vector *vectors;
        size_t rows;
        ASSERT_OK(parquet_scan_next(scan, 1 + random_below(random, 200), &vectors, &rows, &err), err);
        if (rows == 0)
            break;
        for (size_t i = 0; i < model->leaf_count; i++) {
            if (selection->columns != NULL && !selection->columns[i]) {
                assert_int_equal(vectors[i].rows, 0);
                continue;
            }
            assert_int_equal(vectors[i].rows, rows);
            for (size_t k = 0; k < rows; k++)
                CHECK(model_same_entry(&vectors[i], k, &model->leaves[i], &model->leaves[i].entries[row + k]),
                      "VARVE_SEED=%" PRIu64 ", column %zu, row %" PRIu64, current, i, row + k);
        }
        row += rows;
    }
    assert_int_equal(row, end);
}

static void check_file(const struct model *model, const struct buf *bytes, struct random *random)
{
    struct error err;
    struct opened opened = open_file(bytes);
    assert_int_equal(opened.file->rows, model->rows);
    assert_int_equal(opened.file->column_count, model->leaf_count);
    if (random_below(random, 2) == 0)
        ASSERT_OK(parquet_file_add_index(opened.file, &opened.extent, 1, &err), err);
    struct parquet_scan *scan = parquet_scan_open(0);
    for (size_t g = 0; g < opened.file->group_count; g++) {
        uint64_t rows = opened.file->groups[g].rows;
        struct parquet_selection all = {.group = g};
        check_selection(model, &opened, scan, &all, random);
        bool columns[MODEL_LEAVES];
        for (size_t i = 0; i < model->leaf_count; i++)
            columns[i] = random_below(random, 2) == 0;
        struct parquet_selection some = {
            .group = g, .first_row = random_below(random, rows), .columns = columns};
        some.rows = 1 + random_below(random, rows - some.first_row);
        check_selection(model, &opened, scan, &some, random);
    }
    parquet_scan_close(scan);
    parquet_file_close(opened.file);
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    uint64_t seed = harness_seed();
    for (uint64_t i = 0; i < SEEDS; i++) {
        struct model model;
        struct parquet_column_options columns[MODEL_LEAVES];
        struct buf bytes = {0};
        struct error err;
        model_make(&model, seed + i, 1 + (seed + i) % 900);
        struct parquet_write_options options = model_options(&model, columns);
        if (!model_write(&model, &options, &bytes, &err))
            fail_msg("VARVE_SEED=%" PRIu64 ": %s", seed + i, err.text);
        current = seed + i;
        check_file(&model, &bytes, &model.random);
        buf_free(&bytes);
        model_free(&model);
    }
}

/* Reads a file and writes its vectors to another. */
static void copy_vectors(const struct model *model, const struct buf *from,
                         const struct parquet_write_options *options, size_t at_once, struct buf *to)
{
    struct error err;
    struct opened opened = open_file(from);
    struct parquet_scan *scan = parquet_scan_open(0);
    struct parquet_writer *writer = parquet_writer_open(&model->schema, options, model_sink, to, &err);
    assert_non_null(writer);
    for (size_t g = 0; g < opened.file->group_count; g++) {
        struct parquet_selection all = {.group = g};
        ASSERT_OK(parquet_scan_start(scan, opened.file, &all, &opened.extent, 1, &err), err);
        const struct parquet_vector *vectors;
        size_t rows;
        do {
            ASSERT_OK(parquet_scan_next(scan, at_once, &vectors, &rows, &err), err);
            ASSERT_OK(parquet_write(writer, vectors, rows, &err), err);
        } while (rows != 0);
    }
    struct parquet_summary summary;
    ASSERT_OK(parquet_writer_finish(writer, &summary, &err), err);
    assert_int_equal(summary.bytes, to->len);
    parquet_writer_close(writer);
    parquet_scan_close(scan);
    parquet_file_close(opened.file);
}

static void test_vectors_make_the_same_file_as_rows(void **state)
{
    (void)state;
    uint64_t seed = harness_seed();
    for (uint64_t i = 0; i < SEEDS / 3; i++) {
        struct model model;
        struct parquet_column_options columns[MODEL_LEAVES];
        struct buf bytes = {0}, again = {0};
        struct error err;
        model_make(&model, seed + i, 500);
        struct parquet_write_options options = model_options(&model, columns);
        ASSERT_OK(model_write(&model, &options, &bytes, &err), err);
        copy_vectors(&model, &bytes, &options, 1 + random_below(&model.random, 300), &again);
        CHECK(str_equal(buf_str(&bytes), buf_str(&again)), "VARVE_SEED=%" PRIu64, seed + i);
        buf_free(&bytes);
        buf_free(&again);
        model_free(&model);
    }
}

RUN_TESTS(cmocka_unit_test(test_what_is_written_is_read),
          cmocka_unit_test(test_vectors_make_the_same_file_as_rows))
