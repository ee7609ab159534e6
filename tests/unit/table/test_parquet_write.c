/* The writer: what it refuses, how it lays out pages and row groups, what it tells of a file. */
#include "harness.h"

#include "table/model.h"

#include "table/parquet_read_internal.h"

enum { ID = 1, NAME, TAGS, TAG, HEADERS, HEADER, KEY, VALUE };

static const struct table_field tag = {.id = TAG, .name = {"element", 7}, .type = TABLE_STRING};
static const struct table_field members[] = {
    {.id = KEY, .name = {"key", 3}, .type = TABLE_STRING, .required = true},
    {.id = VALUE, .name = {"value", 5}, .type = TABLE_STRING},
};
static const struct table_field header = {.id = HEADER,
                                          .name = {"element", 7},
                                          .type = TABLE_STRUCT,
                                          .required = true,
                                          .children = members,
                                          .child_count = 2};
static const struct table_field fields[] = {
    {.id = ID, .name = {"id", 2}, .type = TABLE_LONG, .required = true},
    {.id = NAME, .name = {"name", 4}, .type = TABLE_STRING},
    {.id = TAGS,
     .name = {"tags", 4},
     .type = TABLE_LIST,
     .required = true,
     .children = &tag,
     .child_count = 1},
    {.id = HEADERS, .name = {"headers", 7}, .type = TABLE_LIST, .children = &header, .child_count = 1},
};
static const struct table_schema schema = {.fields = fields, .field_count = LENGTH(fields)};
enum { C_ID, C_NAME, C_TAG, C_KEY, C_VALUE };

struct written {
    struct buf bytes;
    struct parquet_writer *writer;
    struct error err;
};

static void begin(struct written *out, const struct parquet_write_options *options)
{
    static const struct parquet_write_options none;
    *out = (struct written){0};
    out->writer =
        parquet_writer_open(&schema, options != NULL ? options : &none, model_sink, &out->bytes, &out->err);
    if (out->writer == NULL)
        fail_msg("%s", out->err.text);
}

static void end(struct written *out)
{
    parquet_writer_close(out->writer);
    buf_free(&out->bytes);
}

static struct parquet_file *finish(struct written *out)
{
    struct parquet_summary summary;
    ASSERT_OK(parquet_writer_finish(out->writer, &summary, &out->err), out->err);
    struct parquet_file *file = parquet_file_open(buf_str(&out->bytes), out->bytes.len, 0, &out->err);
    if (file == NULL)
        fail_msg("%s", out->err.text);
    return file;
}

static void put_row(struct written *out, int64_t id, const char *name)
{
    parquet_put_long(out->writer, C_ID, id);
    if (name != NULL)
        parquet_put_str(out->writer, C_NAME, str_of(name));
    parquet_put_list(out->writer, C_TAG, 0);
    ASSERT_OK(parquet_end_row(out->writer, &out->err), out->err);
}

/* ---- Refusals ------------------------------------------------------------------------------------------ */

static void no_id(struct parquet_writer *writer)
{
    parquet_put_list(writer, C_TAG, 0);
}

static void no_tags(struct parquet_writer *writer)
{
    parquet_put_long(writer, C_ID, 1);
}

static void two_names(struct parquet_writer *writer)
{
    parquet_put_str(writer, C_NAME, STR("a"));
    parquet_put_str(writer, C_NAME, STR("b"));
}

static void two_lists(struct parquet_writer *writer)
{
    parquet_put_list(writer, C_TAG, 1);
    parquet_put_list(writer, C_TAG, 1);
}

static void list_after_list(struct parquet_writer *writer)
{
    parquet_put_list(writer, C_TAG, 0);
    parquet_put_list(writer, C_TAG, 0);
}

static void too_few(struct parquet_writer *writer)
{
    no_tags(writer);
    parquet_put_list(writer, C_TAG, 2);
    parquet_put_str(writer, C_TAG, STR("one"));
}

static void too_many(struct parquet_writer *writer)
{
    parquet_put_list(writer, C_TAG, 1);
    parquet_put_str(writer, C_TAG, STR("one"));
    parquet_put_str(writer, C_TAG, STR("two"));
}

static void no_list(struct parquet_writer *writer)
{
    parquet_put_str(writer, C_KEY, STR("k"));
}

static void null_key(struct parquet_writer *writer)
{
    parquet_put_list(writer, C_KEY, 1);
    parquet_put_null(writer, C_KEY);
}

static void null_id(struct parquet_writer *writer)
{
    parquet_put_null(writer, C_ID);
}

static void no_value(struct parquet_writer *writer)
{
    no_tags(writer);
    parquet_put_list(writer, C_TAG, 0);
    parquet_put_list(writer, C_KEY, 1);
    parquet_put_str(writer, C_KEY, STR("k"));
}

static void test_rows_that_are_wrong_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        void (*put)(struct parquet_writer *writer);
        const char *text;
    } rows[] = {
        {no_id, "column id is required"},
        {no_tags, "column tags is required"},
        {two_names, "column name has two values"},
        {two_lists, "column tags has two lists"},
        {list_after_list, "column tags has two lists"},
        {too_few, "column tags lacks 1 elements"},
        {too_many, "column tags has more values"},
        {no_list, "column headers.key has more values"},
        {null_key, "column headers.key may not be null"},
        {null_id, "column id may not be null"},
        {no_value, "column headers.value lacks 1 elements"},
    };
    TABLE_EACH(row, rows)
    {
        struct written out;
        struct parquet_summary summary;
        begin(&out, NULL);
        put_row(&out, 1, "fine");
        row->put(out.writer);
        ASSERT_FAILS(parquet_end_row(out.writer, &out.err), out.err, ERR_INVALID);
        CHECK(strstr(out.err.text, row->text) != NULL, "%s: %s", row->text, out.err.text);
        /* From then on it only fails. */
        ASSERT_FAILS(parquet_writer_finish(out.writer, &summary, &out.err), out.err, ERR_INVALID);
        end(&out);
    }
}

static void test_a_value_that_is_too_large_is_refused(void **state)
{
    (void)state;
    struct written out;
    begin(&out, NULL);
    parquet_put_long(out.writer, C_ID, 1);
    parquet_put_str(out.writer, C_NAME, str_make("only its length counts", (size_t)PARQUET_VALUE_BYTES + 1));
    parquet_put_list(out.writer, C_TAG, 0);
    ASSERT_FAILS(parquet_end_row(out.writer, &out.err), out.err, ERR_TOO_LARGE);
    end(&out);
}

static void test_schemas_and_options_that_are_wrong_are_refused(void **state)
{
    (void)state;
    struct error err;
    struct buf bytes = {0};
    const struct table_field inner = {
        .id = 3, .name = STR("x"), .type = TABLE_LIST, .children = &tag, .child_count = 1};
    const struct table_field list = {
        .id = 2, .name = STR("l"), .type = TABLE_LIST, .children = &inner, .child_count = 1};
    const struct table_field structure = {
        .id = 2, .name = STR("s"), .type = TABLE_STRUCT, .children = members, .child_count = 2};
    const struct table_field empty = {.id = 2, .name = STR("e"), .type = TABLE_STRUCT, .required = true};
    const struct table_field childless = {.id = 2, .name = STR("c"), .type = TABLE_LIST};
    const struct {
        const struct table_field *field;
        enum error_code code;
    } rows[] = {{&list, ERR_UNSUPPORTED},
                {&structure, ERR_UNSUPPORTED},
                {&empty, ERR_INVALID},
                {&childless, ERR_INVALID},
                {NULL, ERR_INVALID}};
    const struct parquet_write_options none = {0};
    TABLE_EACH(row, rows)
    {
        struct table_schema bad = {.fields = row->field, .field_count = row->field != NULL};
        ASSERT_FAILS(parquet_writer_open(&bad, &none, model_sink, &bytes, &err) != NULL, err, row->code);
    }
    const struct parquet_column_options unknown = {.id = 99};
    const struct parquet_write_options options[] = {
        {.codec = PARQUET_BROTLI},
        {.level = 23},
        {.columns = &unknown, .column_count = 1},
        {.page_bytes = UINT32_MAX},
    };
    TABLE_EACH(row, options)
    ASSERT_FAILS(parquet_writer_open(&schema, row, model_sink, &bytes, &err) != NULL, err, ERR_INVALID);
    assert_int_equal(bytes.len, 0);
}

struct failing {
    size_t left; /* calls until it fails */
};

static bool failing_sink(void *arg, struct str bytes, struct error *err)
{
    struct failing *failing = arg;
    (void)bytes;
    return failing->left-- > 0 || error_set(err, ERR_NO_SPACE, "disk full");
}

static bool write_ten_rows(struct failing *failing, struct error *err)
{
    const struct parquet_write_options options = {.row_group_rows = 5};
    struct parquet_writer *writer = parquet_writer_open(&schema, &options, failing_sink, failing, err);
    bool ok = writer != NULL;
    for (int i = 0; ok && i < 10; i++) {
        parquet_put_long(writer, C_ID, i);
        parquet_put_list(writer, C_TAG, 0);
        ok = parquet_end_row(writer, err);
    }
    struct parquet_summary summary;
    ok = ok && parquet_writer_finish(writer, &summary, err);
    parquet_writer_close(writer);
    return ok;
}

static void test_a_failure_of_the_output_ends_the_writer_at_any_call(void **state)
{
    (void)state;
    struct error err;
    size_t calls = 0;
    for (struct failing failing = {0};; calls++, failing.left = calls) {
        if (write_ten_rows(&failing, &err))
            break;
        assert_int_equal(err.code, ERR_NO_SPACE);
        assert_true(calls < 100);
    }
    assert_int_equal(calls, 1 + 2 * 5 + 3); /* magic, chunks of two row groups, both indexes, footer */
}

/* ---- Layout -------------------------------------------------------------------------------------------- */

static void test_a_file_without_rows_is_a_file(void **state)
{
    (void)state;
    struct written out;
    begin(&out, NULL);
    struct parquet_file *file = finish(&out);
    assert_int_equal(file->rows, 0);
    assert_int_equal(file->group_count, 0);
    assert_int_equal(file->column_count, 5);
    struct parquet_place place;
    ASSERT_OK(parquet_seek(file, C_ID, 0, &place, &out.err), out.err);
    assert_int_equal(place.group, 0);
    parquet_file_close(file);
    end(&out);
}

static void test_row_groups_end_at_their_rows_and_at_their_bytes(void **state)
{
    (void)state;
    struct written out;
    const struct parquet_write_options rows = {.row_group_rows = 100, .page_rows = 30};
    begin(&out, &rows);
    for (int i = 0; i < 250; i++)
        put_row(&out, i, "x");
    struct parquet_file *file = finish(&out);
    assert_int_equal(file->group_count, 3);
    assert_int_equal(file->groups[0].rows, 100);
    assert_int_equal(file->groups[1].first_row, 100);
    assert_int_equal(file->groups[2].rows, 50);
    parquet_file_close(file);
    end(&out);

    const struct parquet_write_options bytes = {.row_group_bytes = 10000, .page_bytes = 1000};
    char name[101] = "";
    memset(name, 'n', 100);
    begin(&out, &bytes);
    for (int i = 0; i < 500; i++)
        put_row(&out, i, name);
    file = finish(&out);
    assert_in_range(file->group_count, 5, 7);
    for (size_t g = 0; g + 1 < file->group_count; g++)
        assert_in_range(file->groups[g].rows, 60, 110);
    parquet_file_close(file);
    end(&out);
}

static void test_pages_of_all_columns_end_after_the_same_rows(void **state)
{
    (void)state;
    struct written out;
    const struct parquet_write_options options = {.page_rows = 64, .page_bytes = 500};
    begin(&out, &options);
    for (int i = 0; i < 1000; i++)
        put_row(&out, i, i % 7 == 0 ? "a longer name, so that pages end by bytes" : "short");
    struct parquet_file *file = finish(&out);
    struct parquet_extent extent = {0, buf_str(&out.bytes)};
    ASSERT_OK(parquet_file_add_index(file, &extent, 1, &out.err), out.err);
    const struct pq_chunk *id = pq_chunk_of(file, 0, C_ID), *name = pq_chunk_of(file, 0, C_NAME);
    assert_true(id->page_count > 1000 / 64);
    assert_int_equal(id->page_count, name->page_count);
    for (size_t i = 0; i < id->page_count; i++)
        assert_int_equal(id->pages[i].first_row, name->pages[i].first_row);
    /* Headers are null in all rows: one page says so. */
    assert_int_equal(pq_chunk_of(file, 0, C_KEY)->page_count, 1);
    parquet_file_close(file);
    end(&out);
}

static uint64_t chunk_bytes(const struct parquet_file *file, size_t group, size_t column)
{
    return file->groups[group].chunks[column].raw_bytes;
}

static void test_a_dictionary_is_left_when_it_does_not_pay_or_fit(void **state)
{
    (void)state;
    const struct parquet_column_options name = {.id = NAME, .encoding = PARQUET_DICTIONARY};
    struct parquet_write_options options = {
        .codec = PARQUET_UNCOMPRESSED, .page_rows = 1000, .columns = &name, .column_count = 1};
    struct written out;
    char text[40];
    /* Few values: an index each. */
    begin(&out, &options);
    for (int i = 0; i < 4000; i++)
        put_row(&out, i, i % 2 == 0 ? "the one of the two" : "the other of the two");
    struct parquet_file *file = finish(&out);
    assert_in_range(chunk_bytes(file, 0, C_NAME), 500, 1000);
    parquet_file_close(file);
    end(&out);
    /* None comes again: plain from the first page on. */
    begin(&out, &options);
    uint64_t plain = 0;
    for (int i = 0; i < 4000; i++) {
        snprintf(text, sizeof text, "name %d", i);
        plain += 4 + strlen(text);
        put_row(&out, i, text);
    }
    file = finish(&out);
    assert_in_range(chunk_bytes(file, 0, C_NAME), plain, plain + 500);
    parquet_file_close(file);
    end(&out);
    /* First few, then many: as much as fits, then plain. */
    options.dictionary_bytes = 1000;
    begin(&out, &options);
    plain = 0;
    for (int i = 0; i < 4000; i++) {
        snprintf(text, sizeof text, "name %d", i < 2000 ? i % 5 : i);
        plain += i < 2000 ? 0 : 4 + strlen(text);
        put_row(&out, i, text);
    }
    file = finish(&out);
    assert_in_range(chunk_bytes(file, 0, C_NAME), plain, plain + 3000);
    parquet_file_close(file);
    end(&out);
}

static void test_memory_does_not_grow_with_the_file(void **state)
{
    (void)state;
    const struct parquet_write_options options = {.row_group_rows = 2000, .page_rows = 500};
    struct written out;
    begin(&out, &options);
    size_t early = 0;
    for (int i = 0; i < 100000; i++) {
        put_row(&out, i, "a name of some bytes");
        if (i == 10000)
            early = parquet_writer_memory(out.writer);
    }
    /* What grows is what the footer will say: a few hundred bytes for a chunk. */
    assert_in_range(parquet_writer_memory(out.writer), early, early + 45 * 5 * 1000);
    end(&out);
}

/* ---- What it tells ------------------------------------------------------------------------------------- */

static void test_the_summary_is_what_a_manifest_needs(void **state)
{
    (void)state;
    const struct parquet_write_options options = {.row_group_rows = 10};
    const struct parquet_column_options no_bounds = {.id = NAME, .no_bounds = true};
    struct written out;
    begin(&out, &options);
    for (int i = 0; i < 25; i++) {
        parquet_put_long(out.writer, C_ID, 1000 - i);
        if (i % 5 == 0)
            parquet_put_str(out.writer, C_NAME, i == 0 ? STR("b") : STR("a"));
        parquet_put_list(out.writer, C_TAG, 2);
        parquet_put_str(out.writer, C_TAG, STR("t"));
        parquet_put_null(out.writer, C_TAG);
        ASSERT_OK(parquet_end_row(out.writer, &out.err), out.err);
    }
    assert_int_equal(parquet_writer_rows(out.writer), 25);
    struct parquet_summary summary;
    ASSERT_OK(parquet_writer_finish(out.writer, &summary, &out.err), out.err);
    assert_int_equal(summary.bytes, out.bytes.len);
    assert_int_equal(summary.rows, 25);
    assert_int_equal(summary.split_count, 3);
    assert_int_equal(summary.split_offsets[0], 4);
    assert_int_equal(summary.column_count, 5);
    const struct parquet_column_summary *id = &summary.columns[C_ID];
    assert_int_equal(id->id, ID);
    assert_int_equal(id->value_count, 25);
    assert_int_equal(id->null_count, 0);
    assert_true(id->bounds.known && !id->in_list);
    assert_int_equal(pq_get64(id->bounds.lower.data), 976);
    assert_int_equal(pq_get64(id->bounds.upper.data), 1000);
    const struct parquet_column_summary *name = &summary.columns[C_NAME];
    assert_int_equal(name->null_count, 20);
    assert_true(str_is(name->bounds.lower, "a") && str_is(name->bounds.upper, "b"));
    const struct parquet_column_summary *tags = &summary.columns[C_TAG];
    assert_true(tags->in_list);
    assert_int_equal(tags->value_count, 50);
    assert_int_equal(tags->null_count, 25);
    assert_int_equal(summary.columns[C_KEY].null_count, 25);
    assert_false(summary.columns[C_KEY].bounds.known);
    uint64_t sum = 4;
    struct parquet_file *file = parquet_file_open(buf_str(&out.bytes), out.bytes.len, 0, &out.err);
    for (size_t i = 0; i < summary.column_count; i++)
        sum += summary.columns[i].bytes;
    assert_int_equal(sum,
                     file->groups[2].offset + file->groups[2].bytes); /* nothing else is before the indexes */
    for (size_t g = 0; g < 3; g++)
        assert_int_equal(summary.split_offsets[g], file->groups[g].offset);
    parquet_file_close(file);
    end(&out);

    const struct parquet_write_options without = {.columns = &no_bounds, .column_count = 1};
    begin(&out, &without);
    put_row(&out, 1, "not told");
    ASSERT_OK(parquet_writer_finish(out.writer, &summary, &out.err), out.err);
    assert_false(summary.columns[C_NAME].bounds.known);
    assert_true(summary.columns[C_ID].bounds.known);
    end(&out);
}

static void test_metadata_can_be_set_until_the_end(void **state)
{
    (void)state;
    struct written out;
    begin(&out, NULL);
    parquet_writer_set(out.writer, STR("station"), STR("first"));
    put_row(&out, 1, NULL);
    parquet_writer_set(out.writer, STR("epoch"), STR(""));
    parquet_writer_set(out.writer, STR("station"), STR("telemetry"));
    struct parquet_file *file = finish(&out);
    struct str value;
    assert_int_equal(file->metadata_count, 2);
    assert_true(parquet_file_metadata(file, STR("station"), &value) && str_is(value, "telemetry"));
    assert_true(parquet_file_metadata(file, STR("epoch"), &value) && value.len == 0);
    assert_false(parquet_file_metadata(file, STR("other"), &value));
    assert_true(str_starts(file->created_by, STR("varve version ")));
    parquet_file_close(file);
    end(&out);
}

static void test_the_size_is_known_ahead_more_or_less(void **state)
{
    (void)state;
    struct written out;
    char text[100];
    struct random random;
    random_seed(&random, harness_seed());
    begin(&out, NULL);
    for (int i = 0; i < 100000; i++) {
        snprintf(text, sizeof text, "%" PRIx64 " and so on and so on", random_next(&random));
        put_row(&out, i, text);
    }
    uint64_t ahead = parquet_writer_bytes(out.writer);
    struct parquet_file *file = finish(&out);
    assert_in_range(ahead, out.bytes.len * 9 / 10, out.bytes.len * 11 / 10);
    parquet_file_close(file);
    end(&out);
}

RUN_TESTS(cmocka_unit_test(test_rows_that_are_wrong_are_refused_by_name),
          cmocka_unit_test(test_a_value_that_is_too_large_is_refused),
          cmocka_unit_test(test_schemas_and_options_that_are_wrong_are_refused),
          cmocka_unit_test(test_a_failure_of_the_output_ends_the_writer_at_any_call),
          cmocka_unit_test(test_a_file_without_rows_is_a_file),
          cmocka_unit_test(test_row_groups_end_at_their_rows_and_at_their_bytes),
          cmocka_unit_test(test_pages_of_all_columns_end_after_the_same_rows),
          cmocka_unit_test(test_a_dictionary_is_left_when_it_does_not_pay_or_fit),
          cmocka_unit_test(test_memory_does_not_grow_with_the_file),
          cmocka_unit_test(test_the_summary_is_what_a_manifest_needs),
          cmocka_unit_test(test_metadata_can_be_set_until_the_end),
          cmocka_unit_test(test_the_size_is_known_ahead_more_or_less))
