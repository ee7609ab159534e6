#include "table/iceberg_commit.h"

#include "base/mem.h"
#include "harness.h"

#define NAME(text)               \
    {                            \
        (text), sizeof(text) - 1 \
    }

static const struct table_field members[] = {
    {.id = 5, .name = NAME("x"), .type = TABLE_INT, .required = true},
    {.id = 6, .name = NAME("y"), .type = TABLE_FLOAT},
};
static const struct table_field element = {.id = 4,
                                           .name = NAME("element"),
                                           .type = TABLE_STRUCT,
                                           .required = true,
                                           .children = members,
                                           .child_count = 2};
static const struct table_field columns[] = {
    {.id = 1, .name = NAME("id"), .type = TABLE_INT, .required = true},
    {.id = 2, .name = NAME("name"), .type = TABLE_STRING},
    {.id = 3, .name = NAME("points"), .type = TABLE_LIST, .children = &element, .child_count = 1},
};

static struct iceberg_table *new_table(void)
{
    const struct table_schema schema = {0, columns, LENGTH(columns)};
    const struct iceberg_table_options options = {
        .uuid = STR("11111111-2222-4333-8444-555555555555"), .location = STR("s3://b/t"), .schema = &schema};
    struct error err;
    struct iceberg_table *table = iceberg_table_new(&options, &err);
    CHECK(table != NULL, "%s", err.text);
    return table;
}

static void test_rows_of_the_same_columns_change_nothing(void **state)
{
    (void)state;
    struct iceberg_table *table = new_table();
    struct arena arena = {0};
    struct table_schema out;
    struct error err;
    struct table_field rows[LENGTH(columns)];
    memcpy(rows, columns, sizeof rows);
    rows[0].id = rows[1].id = 99; /* ids are the table's */
    rows[1].required = true;      /* rows that always have it fit as well */
    ASSERT_OK(iceberg_schema_evolve(table, rows, LENGTH(rows), &arena, &out, &err), err);
    assert_true(iceberg_schema_equal(&out, &table->schema->schema));
    assert_int_equal(out.id, 0);
    arena_free(&arena);
    iceberg_table_free(table);
}

static void test_a_new_column_is_optional_and_gets_ids_that_were_never_used(void **state)
{
    (void)state;
    static const struct table_field inner = {.name = NAME("element"), .type = TABLE_LONG, .required = true};
    struct iceberg_table *table = new_table();
    struct arena arena = {0};
    struct table_schema out;
    struct error err;
    struct table_field rows[LENGTH(columns) + 2];
    memcpy(rows, columns, sizeof columns);
    rows[3] = (struct table_field){
        .name = STR("extra"), .type = TABLE_LIST, .required = true, .children = &inner, .child_count = 1};
    rows[4] = (struct table_field){.name = STR("more"), .type = TABLE_DATE};
    ASSERT_OK(iceberg_schema_evolve(table, rows, LENGTH(rows), &arena, &out, &err), err);
    assert_int_equal(out.id, 1);
    assert_int_equal(out.field_count, 5);
    assert_int_equal(out.fields[3].id, 7);
    assert_false(out.fields[3].required);
    assert_int_equal(out.fields[3].children[0].id, 8);
    assert_true(out.fields[3].children[0].required);
    assert_int_equal(out.fields[4].id, 9);
    assert_int_equal(out.fields[0].id, 1);
    /* It can be committed, and is then the schema of such rows. */
    const struct iceberg_change change = {.uuid = STR("00000000-0000-4000-8000-000000000001"),
                                          .schema = &out};
    struct iceberg_commit *commit = iceberg_commit_new(table, 0, NULL, &change, &err);
    CHECK(commit != NULL, "%s", err.text);
    ASSERT_OK(iceberg_commit_finish(commit, &err), err);
    struct table_schema again;
    ASSERT_OK(iceberg_schema_evolve(commit->table, rows, LENGTH(rows), &arena, &again, &err), err);
    assert_int_equal(again.id, 1);
    assert_int_equal(commit->table->last_column_id, 9);
    iceberg_commit_free(commit);
    arena_free(&arena);
    iceberg_table_free(table);
}

static void test_a_column_that_rows_do_not_have_becomes_optional(void **state)
{
    (void)state;
    struct iceberg_table *table = new_table();
    struct arena arena = {0};
    struct table_schema out;
    struct error err;
    ASSERT_OK(iceberg_schema_evolve(table, &columns[1], 1, &arena, &out, &err), err);
    assert_int_equal(out.field_count, 3);
    assert_false(out.fields[0].required);
    assert_int_equal(out.fields[2].child_count, 1);
    arena_free(&arena);
    iceberg_table_free(table);
}

static void test_numbers_widen_at_every_depth_and_nothing_else_changes_its_type(void **state)
{
    (void)state;
    struct iceberg_table *table = new_table();
    struct arena arena = {0};
    struct table_schema out;
    struct error err;
    struct table_field wide_members[2], wide_element = element, rows[LENGTH(columns)];
    memcpy(wide_members, members, sizeof members);
    wide_members[0].type = TABLE_LONG;
    wide_members[1].type = TABLE_DOUBLE;
    wide_element.children = wide_members;
    memcpy(rows, columns, sizeof columns);
    rows[0].type = TABLE_LONG;
    rows[2].children = &wide_element;
    ASSERT_OK(iceberg_schema_evolve(table, rows, LENGTH(rows), &arena, &out, &err), err);
    assert_int_equal(out.fields[0].type, TABLE_LONG);
    const struct table_field *struct_of = out.fields[2].children;
    assert_int_equal(struct_of->id, 4);
    assert_int_equal(struct_of->children[0].type, TABLE_LONG);
    assert_int_equal(struct_of->children[0].id, 5);
    assert_int_equal(struct_of->children[1].type, TABLE_DOUBLE);
    static const enum table_type others[] = {TABLE_BOOLEAN, TABLE_DOUBLE, TABLE_STRING, TABLE_DATE,
                                             TABLE_STRUCT};
    for (size_t i = 0; i < LENGTH(others); i++) {
        rows[0].type = others[i];
        ASSERT_FAILS(iceberg_schema_evolve(table, rows, LENGTH(rows), &arena, &out, &err), err, ERR_CONFLICT);
        assert_non_null(strstr(err.text, "id"));
    }
    arena_free(&arena);
    iceberg_table_free(table);
}

/* What a program that knows more types has added stays, and its name is taken. */
static void test_columns_of_unknown_types_survive(void **state)
{
    (void)state;
    static const char metadata[] =
        "{\"format-version\":2,\"table-uuid\":\"u\",\"location\":\"s3://b/t\",\"last-sequence-number\":0,"
        "\"last-updated-ms\":1,\"last-column-id\":2,\"current-schema-id\":0,\"schemas\":[{\"type\":"
        "\"struct\","
        "\"schema-id\":0,\"fields\":[{\"id\":1,\"name\":\"a\",\"required\":false,\"type\":\"long\"},"
        "{\"id\":2,\"name\":\"price\",\"required\":%s,\"type\":\"decimal(9,2)\"}]}],\"default-spec-id\":0,"
        "\"partition-specs\":[{\"spec-id\":0,\"fields\":[]}],\"last-partition-id\":999,"
        "\"default-sort-order-id\":0,\"sort-orders\":[{\"order-id\":0,\"fields\":[]}]}";
    static const struct table_field rows[] = {{.name = NAME("a"), .type = TABLE_LONG},
                                              {.name = NAME("b"), .type = TABLE_LONG}};
    static const struct table_field taken[] = {{.name = NAME("price"), .type = TABLE_LONG}};
    struct arena arena = {0};
    struct table_schema out;
    struct error err;
    char text[2000];
    snprintf(text, sizeof text, metadata, "false");
    struct iceberg_table *table = iceberg_metadata_read(str_of(text), &err);
    CHECK(table != NULL, "%s", err.text);
    ASSERT_FAILS(iceberg_schema_evolve(table, taken, 1, &arena, &out, &err), err, ERR_CONFLICT);
    ASSERT_OK(iceberg_schema_evolve(table, rows, 2, &arena, &out, &err), err);
    assert_int_equal(out.fields[1].id, 3);
    const struct iceberg_change change = {.uuid = STR("00000000-0000-4000-8000-000000000001"),
                                          .schema = &out};
    struct iceberg_commit *commit = iceberg_commit_new(table, 1, NULL, &change, &err);
    CHECK(commit != NULL, "%s", err.text);
    ASSERT_OK(iceberg_commit_finish(commit, &err), err);
    assert_int_equal(commit->table->schema->left_out, 1);
    assert_non_null(memmem(commit->objects[0].bytes.data, commit->objects[0].bytes.len,
                           "\"type\":\"decimal(9,2)\"}]}]", 24)); /* in the last schema, too */
    iceberg_commit_free(commit);
    iceberg_table_free(table);
    /* One that is required cannot be written without its type. */
    snprintf(text, sizeof text, metadata, "true");
    table = iceberg_metadata_read(str_of(text), &err);
    assert_false(table->schema->writable);
    const struct iceberg_change append = {.operation = ICEBERG_APPEND, .uuid = change.uuid};
    ASSERT_FAILS(iceberg_commit_new(table, 1, NULL, &append, &err) != NULL, err, ERR_UNSUPPORTED);
    iceberg_table_free(table);
    arena_free(&arena);
}

RUN_TESTS(cmocka_unit_test(test_rows_of_the_same_columns_change_nothing),
          cmocka_unit_test(test_a_new_column_is_optional_and_gets_ids_that_were_never_used),
          cmocka_unit_test(test_a_column_that_rows_do_not_have_becomes_optional),
          cmocka_unit_test(test_numbers_widen_at_every_depth_and_nothing_else_changes_its_type),
          cmocka_unit_test(test_columns_of_unknown_types_survive))
