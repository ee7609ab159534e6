/* CSV. */
#include "harness.h"

#include "table/cells.h"

static struct table_cell text(const char *name, const char *value)
{
    return (struct table_cell){str_of(name), CELL_TEXT, str_of(value)};
}

static struct table_cell json(const char *name, const char *value)
{
    return (struct table_cell){str_of(name), CELL_JSON, str_of(value)};
}

static void test_csv_quotes_what_needs_it(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *field;
    } rows[] = {
        {"", ""},
        {"plain", "plain"},
        {"a b;c'd", "a b;c'd"},
        {"a,b", "\"a,b\""},
        {"\"", "\"\"\"\""},
        {"say \"x\"!", "\"say \"\"x\"\"!\""},
        {"two\nlines", "\"two\nlines\""},
        {"cr\r", "\"cr\r\""},
        {"[1]", "\"[1]\""},
        {"]", "\"]\""},
        {"{1}", "{1}"},
    };
    TABLE_EACH(row, rows)
    {
        struct buf out = {0};
        csv_append_field(&out, str_of(row->text));
        CHECK(str_is(buf_str(&out), row->field), "%s: %.*s", row->text, STR_ARG(buf_str(&out)));
        buf_free(&out);
    }
}

static void test_csv_fields_may_hold_any_byte(void **state)
{
    (void)state;
    struct buf out = {0};
    csv_append_field(&out, STR("a\0b,\xff"));
    assert_true(str_equal(buf_str(&out), STR("\"a\0b,\xff\"")));
    buf_reset(&out);
    csv_append_field(&out, STR("\0"));
    assert_true(str_equal(buf_str(&out), STR("\0")));
    buf_free(&out);
}

static void test_csv_columns_are_those_of_the_first_row(void **state)
{
    (void)state;
    const struct str order[] = {STR("time"), STR("id"), STR("time")};
    struct csv_writer *writer = csv_writer_new(order, LENGTH(order));
    struct buf out = {0};
    struct table_cell first[] = {text("z", "last"), json("id", "7"), text("b", "x"),
                                 json("n", "{\"k\":[1,2]}")};
    struct table_cell second[] = {
        json("id", "8"), text("new", "is dropped"), {STR("z"), CELL_NULL, STR_NONE}, text("time", "t")};
    csv_write_row(writer, first, LENGTH(first), &out);
    csv_write_row(writer, second, LENGTH(second), &out);
    csv_write_row(writer, NULL, 0, &out);
    assert_string_equal(buf_cstr(&out), "time,id,b,n,z\n"
                                        ",7,x,\"{\"\"k\"\":[1,2]}\",last\n"
                                        "t,8,,,\n"
                                        ",,,,\n");
    csv_writer_free(writer);
    buf_free(&out);
}

RUN_TESTS(cmocka_unit_test(test_csv_quotes_what_needs_it),
          cmocka_unit_test(test_csv_fields_may_hold_any_byte),
          cmocka_unit_test(test_csv_columns_are_those_of_the_first_row))
