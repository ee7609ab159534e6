/* The reader: shapes of schemas, seeking, what it asks to be fetched, its limits. */
#include "harness.h"

#include "table/model.h"

#include "table/parquet_read_internal.h"

/* ---- Schemas of others: a footer without row groups is enough ------------------------------------------ */

struct element {
    const char *name;
    int type; /* -1: a group */
    int repetition;
    int children;
    int converted; /* -1: none */
    int id;
};

#define GROUP(name, repetition, children, converted) \
    {                                                \
        name, -1, repetition, children, converted, 0 \
    }
#define VALUE(name, type, repetition, converted, id) \
    {                                                \
        name, type, repetition, 0, converted, id     \
    }

static void put_elements(struct thrift_out *out, const struct element *elements, size_t count, int roots)
{
    thrift_list(out, 2, THRIFT_STRUCT, count + 1);
    thrift_begin(out, 0);
    thrift_binary(out, 4, STR("schema"));
    thrift_i32(out, 5, roots);
    thrift_end(out);
    for (size_t i = 0; i < count; i++) {
        const struct element *element = &elements[i];
        thrift_begin(out, 0);
        if (element->type >= 0)
            thrift_i32(out, 1, element->type);
        thrift_i32(out, 3, element->repetition);
        thrift_binary(out, 4, str_of(element->name));
        if (element->type < 0)
            thrift_i32(out, 5, element->children);
        if (element->converted >= 0)
            thrift_i32(out, 6, element->converted);
        if (element->id != 0)
            thrift_i32(out, 9, element->id);
        thrift_end(out);
    }
}

static struct parquet_file *open_schema(const struct element *elements, size_t count, int roots,
                                        struct error *err)
{
    struct buf bytes = {0};
    buf_append(&bytes, PQ_MAGIC, PQ_MAGIC_BYTES);
    struct thrift_out out = {.buf = &bytes};
    thrift_begin(&out, 0);
    thrift_i32(&out, 1, 1);
    put_elements(&out, elements, count, roots);
    thrift_i64(&out, 3, 0);
    thrift_list(&out, 4, THRIFT_STRUCT, 0);
    thrift_end(&out);
    uint32_t len = (uint32_t)bytes.len - PQ_MAGIC_BYTES;
    buf_append(&bytes, &len, sizeof len);
    buf_append(&bytes, PQ_MAGIC, PQ_MAGIC_BYTES);
    struct parquet_file *file = parquet_file_open(buf_str(&bytes), bytes.len, 0, err);
    buf_free(&bytes);
    return file;
}

static void test_lists_of_every_shape_have_the_same_paths_and_levels(void **state)
{
    (void)state;
    static const struct element three[] = {GROUP("tags", PQ_OPTIONAL, 1, PQ_LIST),
                                           GROUP("list", PQ_REPEATED, 1, -1),
                                           VALUE("element", PQ_BYTE_ARRAY, PQ_OPTIONAL, PQ_UTF8, 7)};
    static const struct element bag[] = {GROUP("tags", PQ_REQUIRED, 1, PQ_LIST),
                                         GROUP("bag", PQ_REPEATED, 1, -1),
                                         VALUE("array_element", PQ_BYTE_ARRAY, PQ_REQUIRED, PQ_UTF8, 7)};
    static const struct element two[] = {GROUP("tags", PQ_OPTIONAL, 1, PQ_LIST),
                                         VALUE("array", PQ_BYTE_ARRAY, PQ_REPEATED, PQ_UTF8, 7)};
    static const struct element bare[] = {VALUE("tags", PQ_BYTE_ARRAY, PQ_REPEATED, PQ_UTF8, 7)};
    static const struct element structures[] = {
        GROUP("tags", PQ_OPTIONAL, 1, PQ_LIST), GROUP("list", PQ_REPEATED, 1, -1),
        GROUP("element", PQ_OPTIONAL, 1, -1), VALUE("key", PQ_BYTE_ARRAY, PQ_OPTIONAL, PQ_UTF8, 7)};
    static const struct element two_structures[] = {GROUP("tags", PQ_OPTIONAL, 1, PQ_LIST),
                                                    GROUP("array", PQ_REPEATED, 1, -1),
                                                    VALUE("key", PQ_BYTE_ARRAY, PQ_REQUIRED, PQ_UTF8, 7)};
    static const struct {
        const struct element *elements;
        size_t count;
        const char *path;
        bool required;
        int max_def, element_def;
    } rows[] = {
        {three, LENGTH(three), "tags", false, 3, 2},
        {bag, LENGTH(bag), "tags", true, 1, 1},
        {two, LENGTH(two), "tags", true, 2, 2},
        {bare, LENGTH(bare), "tags", true, 1, 1},
        {structures, LENGTH(structures), "tags.key", false, 4, 2},
        {two_structures, LENGTH(two_structures), "tags.key", true, 2, 2},
    };
    TABLE_EACH(row, rows)
    {
        struct error err;
        struct parquet_file *file = open_schema(row->elements, row->count, 1, &err);
        if (file == NULL)
            fail_msg("%s: %s", row->path, err.text);
        const struct parquet_column *column = &file->columns[0];
        const struct pq_leaf *leaf = &pq_file_of(file)->leaves[0];
        CHECK(file->column_count == 1 && str_is(column->path, row->path), "%.*s", STR_ARG(column->path));
        CHECK(column->readable && column->in_list && column->type == TABLE_STRING && column->id == 7, "%s",
              row->path);
        CHECK(column->required == row->required && leaf->max_rep == 1, "%s", row->path);
        CHECK(leaf->max_def == row->max_def && leaf->element_def == row->element_def, "%s: %d, %d", row->path,
              leaf->max_def, leaf->element_def);
        parquet_file_close(file);
    }
}

static void test_types_are_what_vectors_hold(void **state)
{
    (void)state;
    static const struct {
        struct element element;
        int type; /* -1: not readable */
    } rows[] = {
        {VALUE("a", PQ_BOOLEAN, PQ_OPTIONAL, -1, 0), TABLE_BOOLEAN},
        {VALUE("a", PQ_INT32, PQ_REQUIRED, -1, 0), TABLE_INT},
        {VALUE("a", PQ_INT32, PQ_REQUIRED, PQ_INT_8, 0), TABLE_INT},
        {VALUE("a", PQ_INT32, PQ_REQUIRED, PQ_UINT_16, 0), TABLE_INT},
        {VALUE("a", PQ_INT32, PQ_REQUIRED, PQ_UINT_32, 0), TABLE_LONG},
        {VALUE("a", PQ_INT32, PQ_REQUIRED, PQ_DATE, 0), TABLE_DATE},
        {VALUE("a", PQ_INT32, PQ_REQUIRED, PQ_TIME_MILLIS, 0), -1},
        {VALUE("a", PQ_INT32, PQ_REQUIRED, PQ_DECIMAL, 0), -1},
        {VALUE("a", PQ_INT64, PQ_REQUIRED, -1, 0), TABLE_LONG},
        {VALUE("a", PQ_INT64, PQ_REQUIRED, PQ_INT_64, 0), TABLE_LONG},
        {VALUE("a", PQ_INT64, PQ_REQUIRED, PQ_UINT_64, 0), -1},
        {VALUE("a", PQ_INT64, PQ_REQUIRED, PQ_TIMESTAMP_MILLIS, 0), TABLE_TIMESTAMPTZ},
        {VALUE("a", PQ_INT64, PQ_REQUIRED, PQ_TIMESTAMP_MICROS, 0), TABLE_TIMESTAMPTZ},
        {VALUE("a", PQ_INT64, PQ_REQUIRED, PQ_TIME_MICROS, 0), -1},
        {VALUE("a", PQ_INT64, PQ_REQUIRED, PQ_DECIMAL, 0), -1},
        {VALUE("a", PQ_INT96, PQ_REQUIRED, -1, 0), -1},
        {VALUE("a", PQ_FLOAT, PQ_REQUIRED, -1, 0), TABLE_FLOAT},
        {VALUE("a", PQ_DOUBLE, PQ_REQUIRED, -1, 0), TABLE_DOUBLE},
        {VALUE("a", PQ_BYTE_ARRAY, PQ_REQUIRED, -1, 0), TABLE_BINARY},
        {VALUE("a", PQ_BYTE_ARRAY, PQ_REQUIRED, PQ_UTF8, 0), TABLE_STRING},
        {VALUE("a", PQ_BYTE_ARRAY, PQ_REQUIRED, PQ_JSON, 0), TABLE_STRING},
        {VALUE("a", PQ_BYTE_ARRAY, PQ_REQUIRED, PQ_ENUM, 0), TABLE_STRING},
        {VALUE("a", PQ_BYTE_ARRAY, PQ_REQUIRED, PQ_BSON, 0), TABLE_BINARY},
        {VALUE("a", PQ_BYTE_ARRAY, PQ_REQUIRED, PQ_DECIMAL, 0), -1},
        {VALUE("a", PQ_FIXED_LEN_BYTE_ARRAY, PQ_REQUIRED, -1, 0), -1},
        {VALUE("a", 77, PQ_REQUIRED, -1, 0), -1},
    };
    TABLE_EACH(row, rows)
    {
        struct error err;
        struct parquet_file *file = open_schema(&row->element, 1, 1, &err);
        assert_non_null(file);
        const struct parquet_column *column = &file->columns[0];
        CHECK(column->readable == (row->type >= 0), "physical %d, converted %d", row->element.type,
              row->element.converted);
        CHECK(row->type < 0 || (int)column->type == row->type, "physical %d, converted %d", row->element.type,
              row->element.converted);
        CHECK(column->required == (row->element.repetition == PQ_REQUIRED), "physical %d", row->element.type);
        parquet_file_close(file);
    }
}

static void test_a_list_within_a_list_is_there_and_not_readable(void **state)
{
    (void)state;
    static const struct element elements[] = {
        GROUP("outer", PQ_OPTIONAL, 1, PQ_LIST),        GROUP("list", PQ_REPEATED, 1, -1),
        GROUP("element", PQ_OPTIONAL, 1, PQ_LIST),      GROUP("list", PQ_REPEATED, 1, -1),
        VALUE("element", PQ_INT32, PQ_OPTIONAL, -1, 0), VALUE("id", PQ_INT64, PQ_REQUIRED, -1, 3)};
    struct error err;
    struct parquet_file *file = open_schema(elements, LENGTH(elements), 2, &err);
    assert_non_null(file);
    assert_int_equal(file->column_count, 2);
    assert_false(file->columns[0].readable);
    assert_int_equal(parquet_file_column(file, 3), 1);
    assert_int_equal(parquet_file_column(file, 4), PARQUET_NO_COLUMN);
    assert_int_equal(parquet_file_column(file, 0), PARQUET_NO_COLUMN);
    assert_int_equal(parquet_file_column_named(file, STR("id")), 1);
    assert_int_equal(parquet_file_column_named(file, STR("idx")), PARQUET_NO_COLUMN);
    parquet_file_close(file);
}

static void test_schemas_that_are_no_trees_are_refused(void **state)
{
    (void)state;
    static const struct element value[] = {VALUE("a", PQ_INT64, PQ_REQUIRED, -1, 0),
                                           VALUE("b", PQ_INT64, PQ_REQUIRED, -1, 0)};
    static const struct element group[] = {GROUP("a", PQ_OPTIONAL, 5, -1),
                                           VALUE("b", PQ_INT64, PQ_REQUIRED, -1, 0)};
    static const struct element negative[] = {GROUP("a", PQ_OPTIONAL, -5, -1),
                                              VALUE("b", PQ_INT64, PQ_REQUIRED, -1, 0)};
    static const struct element empty[] = {GROUP("a", PQ_OPTIONAL, 0, -1)};
    struct element deep[60];
    for (size_t i = 0; i < LENGTH(deep); i++)
        deep[i] = (struct element)GROUP("a", PQ_OPTIONAL, 1, -1);
    deep[LENGTH(deep) - 1] = value[0];
    const struct {
        const struct element *elements;
        size_t count;
        int roots;
    } rows[] = {{value, 2, 1}, {value, 2, 3}, {group, 2, 1},          {negative, 2, 2},
                {empty, 1, 1}, {value, 0, 0}, {deep, LENGTH(deep), 1}};
    TABLE_EACH(row, rows)
    {
        struct error err;
        ASSERT_FAILS(open_schema(row->elements, row->count, row->roots, &err) != NULL, err, ERR_CORRUPT);
    }
}

/* ---- Files of ours ------------------------------------------------------------------------------------- */

enum { ID = 1, TIME, NAME, VALUES, VALUE_ELEMENT };

static const struct table_field element = {.id = VALUE_ELEMENT, .name = {"element", 7}, .type = TABLE_INT};
static const struct table_field fields[] = {
    {.id = ID, .name = {"id", 2}, .type = TABLE_LONG, .required = true},
    {.id = TIME, .name = {"time", 4}, .type = TABLE_TIMESTAMPTZ},
    {.id = NAME, .name = {"name", 4}, .type = TABLE_STRING},
    {.id = VALUES, .name = {"values", 6}, .type = TABLE_LIST, .children = &element, .child_count = 1},
};
static const struct table_schema schema = {.fields = fields, .field_count = LENGTH(fields)};
enum { C_ID, C_TIME, C_NAME, C_VALUE, COLUMNS };

#define ROWS 1000

/* Row i: id 10 i, time 1000 i but null in every third row; groups of 300 rows, pages of 50. */
static void write_rows(struct buf *bytes)
{
    const struct parquet_column_options dictionary = {.id = NAME, .encoding = PARQUET_DICTIONARY};
    const struct parquet_write_options options = {
        .page_rows = 50, .row_group_rows = 300, .columns = &dictionary, .column_count = 1};
    struct error err;
    struct parquet_writer *writer = parquet_writer_open(&schema, &options, model_sink, bytes, &err);
    for (int i = 0; i < ROWS; i++) {
        parquet_put_long(writer, C_ID, 10 * i);
        if (i % 3 != 0)
            parquet_put_long(writer, C_TIME, 1000 * i);
        parquet_put_str(writer, C_NAME, i % 2 == 0 ? STR("even") : STR("odd"));
        parquet_put_list(writer, C_VALUE, (uint32_t)i % 3);
        for (int k = 0; k < i % 3; k++)
            parquet_put_int(writer, C_VALUE, i + k);
        ASSERT_OK(parquet_end_row(writer, &err), err);
    }
    struct parquet_summary summary;
    ASSERT_OK(parquet_writer_finish(writer, &summary, &err), err);
    parquet_writer_close(writer);
}

struct opened {
    struct buf bytes;
    struct parquet_file *file;
    struct parquet_extent all;
    struct error err;
};

static void open_rows(struct opened *opened, bool with_index)
{
    *opened = (struct opened){0};
    write_rows(&opened->bytes);
    opened->all = (struct parquet_extent){0, buf_str(&opened->bytes)};
    opened->file = parquet_file_open(buf_str(&opened->bytes), opened->bytes.len, 0, &opened->err);
    assert_non_null(opened->file);
    if (with_index)
        ASSERT_OK(parquet_file_add_index(opened->file, &opened->all, 1, &opened->err), opened->err);
}

static void close_rows(struct opened *opened)
{
    parquet_file_close(opened->file);
    buf_free(&opened->bytes);
}

static void test_the_tail_tells_how_much_of_it_is_needed(void **state)
{
    (void)state;
    struct opened opened;
    open_rows(&opened, false);
    struct str bytes = buf_str(&opened.bytes);
    uint64_t needed;
    struct error err;
    ASSERT_OK(parquet_footer_bytes(str_make(bytes.data + bytes.len - 8, 8), bytes.len, &needed, &err), err);
    assert_true(needed > 8 && needed < bytes.len);
    struct str tail = str_make(bytes.data + bytes.len - needed, needed);
    struct parquet_file *file = parquet_file_open(tail, bytes.len, 0, &err);
    assert_non_null(file);
    assert_int_equal(file->rows, ROWS);
    parquet_file_close(file);
    tail = str_make(tail.data + 1, tail.len - 1);
    ASSERT_FAILS(parquet_file_open(tail, bytes.len, 0, &err) != NULL, err, ERR_INVALID);
    /* Too short for any file, of another kind, encrypted, with a footer that would be longer than the
     * file. */
    ASSERT_FAILS(parquet_footer_bytes(str_make(tail.data, 7), bytes.len, &needed, &err), err, ERR_CORRUPT);
    ASSERT_FAILS(parquet_footer_bytes(STR("\1\0\0\0PAR2"), 100, &needed, &err), err, ERR_CORRUPT);
    ASSERT_FAILS(parquet_footer_bytes(STR("\1\0\0\0PARE"), 100, &needed, &err), err, ERR_UNSUPPORTED);
    ASSERT_FAILS(parquet_footer_bytes(STR("\x59\0\0\0PAR1"), 100, &needed, &err), err, ERR_CORRUPT);
    ASSERT_OK(parquet_footer_bytes(STR("\x58\0\0\0PAR1"), 100, &needed, &err), err);
    assert_int_equal(needed, 96);
    close_rows(&opened);
}

static void test_row_groups_tell_their_bounds(void **state)
{
    (void)state;
    struct opened opened;
    open_rows(&opened, false);
    const struct parquet_group *groups = opened.file->groups;
    assert_int_equal(opened.file->group_count, 4);
    for (size_t g = 0; g < 4; g++) {
        const struct parquet_chunk *id = &groups[g].chunks[C_ID], *name = &groups[g].chunks[C_NAME];
        assert_int_equal(groups[g].first_row, 300 * g);
        assert_true(id->bounds.known && id->null_count == 0);
        assert_int_equal(pq_get64(id->bounds.lower.data), 3000 * g);
        assert_int_equal(pq_get64(id->bounds.upper.data), 3000 * g + 10 * (groups[g].rows - 1));
        assert_true(str_is(name->bounds.lower, "even") && str_is(name->bounds.upper, "odd"));
        assert_int_equal(groups[g].chunks[C_TIME].null_count, g < 3 ? 100 : 34);
    }
    close_rows(&opened);
}

static void test_a_value_is_sought_to_its_page(void **state)
{
    (void)state;
    static const struct {
        size_t column;
        int64_t value;
        size_t group;
        uint64_t row; /* with the index */
    } rows[] = {
        {C_ID, INT64_MIN, 0, 0}, {C_ID, 0, 0, 0},        {C_ID, 490, 0, 0},        {C_ID, 491, 0, 50},
        {C_ID, 2990, 0, 250},    {C_ID, 2991, 1, 0},     {C_ID, 3000, 1, 0},       {C_ID, 5555, 1, 250},
        {C_ID, 9990, 3, 50},     {C_ID, 9991, 4, 0},     {C_ID, INT64_MAX, 4, 0},  {C_TIME, 0, 0, 0},
        {C_TIME, 49000, 0, 0},   {C_TIME, 49001, 0, 50}, {C_TIME, 299000, 0, 250}, {C_TIME, 299001, 1, 0},
        {C_TIME, 998000, 3, 50}, {C_TIME, 998001, 4, 0},
    };
    struct opened with, without;
    open_rows(&with, true);
    open_rows(&without, false);
    TABLE_EACH(row, rows)
    {
        struct parquet_place place;
        ASSERT_OK(parquet_seek(with.file, row->column, row->value, &place, &with.err), with.err);
        CHECK(place.group == row->group && place.row == row->row,
              "column %zu, value %" PRId64 ": %zu, %" PRIu64, row->column, row->value, place.group,
              place.row);
        ASSERT_OK(parquet_seek(without.file, row->column, row->value, &place, &with.err), with.err);
        CHECK(place.group == row->group && place.row == 0, "column %zu, value %" PRId64, row->column,
              row->value);
    }
    struct parquet_place place;
    ASSERT_FAILS(parquet_seek(with.file, C_NAME, 1, &place, &with.err), with.err, ERR_INVALID);
    ASSERT_FAILS(parquet_seek(with.file, C_VALUE, 1, &place, &with.err), with.err, ERR_INVALID);
    ASSERT_FAILS(parquet_seek(with.file, COLUMNS, 1, &place, &with.err), with.err, ERR_INVALID);
    close_rows(&with);
    close_rows(&without);
}

static void test_a_row_is_found_by_its_number(void **state)
{
    (void)state;
    struct opened opened;
    open_rows(&opened, false);
    for (uint64_t row = 0; row < ROWS; row++) {
        struct parquet_place place = parquet_seek_row(opened.file, row);
        assert_int_equal(place.group, row / 300);
        assert_int_equal(place.row, row % 300);
    }
    assert_int_equal(parquet_seek_row(opened.file, ROWS).group, 4);
    assert_int_equal(parquet_seek_row(opened.file, UINT64_MAX).group, 4);
    close_rows(&opened);
}

/* Copies the ranges of a plan to memory of their own, so that reading beyond is found. */
static size_t fetch(const struct opened *opened, const struct parquet_range *ranges, size_t count,
                    struct parquet_extent *extents)
{
    for (size_t i = 0; i < count; i++) {
        void *copy = mem_dup(opened->bytes.data + ranges[i].offset, ranges[i].length);
        extents[i] = (struct parquet_extent){ranges[i].offset, str_make(copy, ranges[i].length)};
    }
    return count;
}

static void give_back(struct parquet_extent *extents, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mem_free((void *)(uintptr_t)extents[i].bytes.data);
}

static void check_rows(const struct parquet_vector *vectors, size_t rows, uint64_t first)
{
    for (size_t k = 0; k < rows; k++) {
        int64_t i = (int64_t)(first + k);
        if (vectors[C_ID].rows != 0)
            assert_int_equal(vectors[C_ID].longs[k], 10 * i);
        if (vectors[C_TIME].rows != 0)
            assert_true(i % 3 == 0 ? parquet_is_null(&vectors[C_TIME], k)
                                   : vectors[C_TIME].longs[k] == 1000 * i);
        if (vectors[C_NAME].rows != 0)
            assert_true(str_is(vectors[C_NAME].strings[k], i % 2 == 0 ? "even" : "odd"));
        if (vectors[C_VALUE].rows != 0) {
            uint32_t from = vectors[C_VALUE].offsets[k], to = vectors[C_VALUE].offsets[k + 1];
            assert_int_equal(to - from, i % 3);
            for (uint32_t e = from; e < to; e++)
                assert_int_equal(vectors[C_VALUE].ints[e], i + (int64_t)(e - from));
        }
    }
}

static void test_what_is_planned_is_enough_and_no_more(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    struct opened opened;
    struct parquet_scan *scan = parquet_scan_open(0);
    for (int round = 0; round < 300; round++) {
        open_rows(&opened, round % 2 == 0);
        bool columns[COLUMNS];
        for (size_t i = 0; i < COLUMNS; i++)
            columns[i] = random_below(&random, 2) == 0;
        columns[random_below(&random, COLUMNS)] = true;
        struct parquet_selection selection = {.group = random_below(&random, 4), .columns = columns};
        uint64_t group_rows = opened.file->groups[selection.group].rows;
        selection.first_row = random_below(&random, group_rows);
        selection.rows = random_below(&random, group_rows - selection.first_row + 1); /* 0: to the end */
        struct parquet_range ranges[2 * COLUMNS];
        struct parquet_extent extents[2 * COLUMNS];
        uint64_t gap = random_below(&random, 3) == 0 ? random_below(&random, 500) : 0;
        size_t count = parquet_plan(opened.file, &selection, gap, ranges, LENGTH(ranges));
        assert_in_range(count, 1, LENGTH(ranges));
        for (size_t i = 1; i < count; i++)
            assert_true(ranges[i].offset > ranges[i - 1].offset + ranges[i - 1].length + gap);
        fetch(&opened, ranges, count, extents);
        ASSERT_OK(parquet_scan_start(scan, opened.file, &selection, extents, count, &opened.err), opened.err);
        uint64_t row = selection.first_row;
        uint64_t end = selection.rows != 0 ? row + selection.rows : group_rows;
        const struct parquet_vector *vectors;
        size_t rows;
        do {
            ASSERT_OK(parquet_scan_next(scan, 1 + random_below(&random, 100), &vectors, &rows, &opened.err),
                      opened.err);
            check_rows(vectors, rows, opened.file->groups[selection.group].first_row + row);
            row += rows;
        } while (rows != 0);
        assert_int_equal(row, end);
        give_back(extents, count);
        close_rows(&opened);
    }
    parquet_scan_close(scan);
}

static void test_a_plan_joins_what_is_near_and_fits_the_room(void **state)
{
    (void)state;
    struct opened opened;
    open_rows(&opened, true);
    const struct parquet_group *group = &opened.file->groups[1];
    struct parquet_selection selection = {.group = 1};
    struct parquet_range one, two[2];
    /* All of a row group is one range. */
    assert_int_equal(parquet_plan(opened.file, &selection, 0, &one, 1), 1);
    assert_true(one.offset == group->offset && one.length == group->bytes);
    const bool ends[COLUMNS] = {[C_ID] = true, [C_VALUE] = true};
    selection.columns = ends;
    assert_int_equal(parquet_plan(opened.file, &selection, 0, two, 2), 2);
    assert_int_equal(parquet_plan(opened.file, &selection, UINT64_MAX, &one, 1), 1);
    assert_int_equal(parquet_plan(opened.file, &selection, 0, &one, 1), 2); /* told, joined all the same */
    assert_true(one.offset == group->offset && one.length == group->bytes);
    assert_int_equal(parquet_plan(opened.file, &selection, 0, NULL, 0), 2);
    selection.group = 9;
    assert_int_equal(parquet_plan(opened.file, &selection, 0, two, 2), 0);
    close_rows(&opened);
}

static void test_a_page_of_ten_rows_is_a_small_part_of_the_file(void **state)
{
    (void)state;
    struct opened opened;
    open_rows(&opened, true);
    struct parquet_selection selection = {.group = 2, .first_row = 120, .rows = 10};
    struct parquet_range ranges[2 * COLUMNS];
    size_t count = parquet_plan(opened.file, &selection, 0, ranges, LENGTH(ranges));
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += ranges[i].length;
    assert_in_range(sum, 1, opened.file->groups[2].bytes / 3);
    close_rows(&opened);
}

static void test_bytes_that_are_not_given_are_missed(void **state)
{
    (void)state;
    for (int with_index = 0; with_index < 2; with_index++) {
        struct opened opened;
        open_rows(&opened, with_index != 0);
        struct parquet_scan *scan = parquet_scan_open(0);
        struct parquet_selection selection = {.group = 1};
        const struct parquet_group *group = &opened.file->groups[1];
        /* All but the last byte. */
        struct parquet_extent extent = {group->offset,
                                        str_make(opened.bytes.data + group->offset, group->bytes - 1)};
        const struct parquet_vector *vectors;
        size_t rows = 1;
        bool ok = parquet_scan_start(scan, opened.file, &selection, &extent, 1, &opened.err);
        while (ok && rows != 0)
            ok = parquet_scan_next(scan, 100, &vectors, &rows, &opened.err);
        assert_false(ok);
        assert_int_equal(opened.err.code, ERR_INVALID);
        selection = (struct parquet_selection){.group = 4};
        ASSERT_FAILS(parquet_scan_start(scan, opened.file, &selection, &opened.all, 1, &opened.err),
                     opened.err, ERR_INVALID);
        selection = (struct parquet_selection){.group = 1, .first_row = 200, .rows = 101};
        ASSERT_FAILS(parquet_scan_start(scan, opened.file, &selection, &opened.all, 1, &opened.err),
                     opened.err, ERR_INVALID);
        parquet_scan_close(scan);
        close_rows(&opened);
    }
}

static void test_the_index_may_come_in_parts(void **state)
{
    (void)state;
    struct opened opened;
    open_rows(&opened, false);
    uint64_t offset, length;
    parquet_index_range(opened.file, &offset, &length);
    assert_true(length != 0 && offset + length < opened.bytes.len);
    assert_int_equal(offset, opened.file->groups[3].offset + opened.file->groups[3].bytes);
    /* Only the last quarter: what is not whole in it stays unknown. */
    uint64_t skipped = length - length / 4;
    struct parquet_extent part = {offset + skipped,
                                  str_make(opened.bytes.data + offset + skipped, length - skipped)};
    ASSERT_OK(parquet_file_add_index(opened.file, &part, 1, &opened.err), opened.err);
    size_t known = 0;
    for (size_t g = 0; g < 4; g++) {
        for (size_t i = 0; i < COLUMNS; i++)
            known += pq_chunk_of(opened.file, g, i)->page_count != 0;
    }
    assert_in_range(known, 1, 4 * COLUMNS - 1);
    struct parquet_extent whole = {offset, str_make(opened.bytes.data + offset, length)};
    ASSERT_OK(parquet_file_add_index(opened.file, &whole, 1, &opened.err), opened.err);
    for (size_t g = 0; g < 4; g++)
        assert_int_equal(pq_chunk_of(opened.file, g, C_ID)->page_count, g < 3 ? 6 : 2);
    close_rows(&opened);
}

static void test_memory_stays_below_the_limit(void **state)
{
    (void)state;
    struct opened opened;
    open_rows(&opened, true);
    size_t needed = parquet_file_memory(opened.file);
    struct str bytes = buf_str(&opened.bytes);
    ASSERT_FAILS(parquet_file_open(bytes, bytes.len, 1000, &opened.err) != NULL, opened.err, ERR_TOO_LARGE);
    struct parquet_file *file = parquet_file_open(bytes, bytes.len, needed, &opened.err);
    assert_non_null(file);
    parquet_file_close(file);
    /* A scan fails below what it needs, and works with it. */
    struct parquet_selection all = {.group = 0};
    const struct parquet_vector *vectors;
    size_t rows, failures = 0;
    for (size_t limit = 100;; limit += 100) {
        struct parquet_scan *scan = parquet_scan_open(limit);
        bool ok = parquet_scan_start(scan, opened.file, &all, &opened.all, 1, &opened.err) &&
                  parquet_scan_next(scan, 100, &vectors, &rows, &opened.err);
        assert_true(parquet_scan_memory(scan) <= limit);
        parquet_scan_close(scan);
        if (ok)
            break;
        assert_int_equal(opened.err.code, ERR_TOO_LARGE);
        failures++;
    }
    assert_in_range(failures, 3, 200);
    close_rows(&opened);
}

static void test_an_allocation_that_fails_is_an_error(void **state)
{
    (void)state;
    struct opened opened;
    open_rows(&opened, true);
    struct parquet_selection all = {.group = 0};
    for (unsigned long n = 1;; n++) {
        struct parquet_scan *scan = parquet_scan_open(0);
        const struct parquet_vector *vectors;
        size_t rows;
        mem_fail_at(n);
        bool ok = parquet_scan_start(scan, opened.file, &all, &opened.all, 1, &opened.err) &&
                  parquet_scan_next(scan, 100, &vectors, &rows, &opened.err);
        mem_fail_at(0);
        parquet_scan_close(scan);
        if (ok) {
            assert_true(n > 5);
            break;
        }
        assert_int_equal(opened.err.code, ERR_NO_MEMORY);
    }
    close_rows(&opened);
}

static void test_a_scan_may_go_from_file_to_file(void **state)
{
    (void)state;
    uint64_t seed = harness_seed();
    struct parquet_scan *scan = parquet_scan_open(0);
    for (uint64_t i = 0; i < 20; i++) { /* wide and narrow ones; some are left in the middle */
        struct model model;
        struct parquet_column_options columns[MODEL_LEAVES];
        struct buf bytes = {0};
        struct error err;
        model_make(&model, seed + i, 300);
        struct parquet_write_options options = model_options(&model, columns);
        ASSERT_OK(model_write(&model, &options, &bytes, &err), err);
        struct parquet_file *file = parquet_file_open(buf_str(&bytes), bytes.len, 0, &err);
        struct parquet_extent extent = {0, buf_str(&bytes)};
        struct parquet_selection all = {.group = 0};
        const struct parquet_vector *vectors;
        size_t rows = 1;
        ASSERT_OK(parquet_scan_start(scan, file, &all, &extent, 1, &err), err);
        for (int k = 0; rows != 0 && (i % 3 != 0 || k < 2); k++) {
            ASSERT_OK(parquet_scan_next(scan, 20, &vectors, &rows, &err), err);
            for (size_t c = 0; c < model.leaf_count && k == 0; c++)
                CHECK(model_same_entry(&vectors[c], 0, &model.leaves[c], &model.leaves[c].entries[0]),
                      "VARVE_SEED=%" PRIu64, seed + i);
        }
        parquet_file_close(file);
        buf_free(&bytes);
        model_free(&model);
    }
    parquet_scan_close(scan);
}

RUN_TESTS(cmocka_unit_test(test_lists_of_every_shape_have_the_same_paths_and_levels),
          cmocka_unit_test(test_types_are_what_vectors_hold),
          cmocka_unit_test(test_a_list_within_a_list_is_there_and_not_readable),
          cmocka_unit_test(test_schemas_that_are_no_trees_are_refused),
          cmocka_unit_test(test_the_tail_tells_how_much_of_it_is_needed),
          cmocka_unit_test(test_row_groups_tell_their_bounds),
          cmocka_unit_test(test_a_value_is_sought_to_its_page),
          cmocka_unit_test(test_a_row_is_found_by_its_number),
          cmocka_unit_test(test_what_is_planned_is_enough_and_no_more),
          cmocka_unit_test(test_a_plan_joins_what_is_near_and_fits_the_room),
          cmocka_unit_test(test_a_page_of_ten_rows_is_a_small_part_of_the_file),
          cmocka_unit_test(test_bytes_that_are_not_given_are_missed),
          cmocka_unit_test(test_the_index_may_come_in_parts),
          cmocka_unit_test(test_memory_stays_below_the_limit),
          cmocka_unit_test(test_an_allocation_that_fails_is_an_error),
          cmocka_unit_test(test_a_scan_may_go_from_file_to_file))
