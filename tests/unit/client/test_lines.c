/* Lines out of a byte stream. */
#include "harness.h"

#include "client/command_internal.h"

static void test_lines_are_cut_and_the_rest_is_left(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        const char *lines[4]; /* NULL ends them */
        const char *rest;
    } rows[] = {
        {"", {NULL}, ""},
        {"no end", {NULL}, "no end"},
        {"one\n", {"one", NULL}, ""},
        {"one\ntwo\nth", {"one", "two", NULL}, "th"},
        {"\n\n", {"", "", NULL}, ""},
        {"a\r\n", {"a\r", NULL}, ""},
    };
    TABLE_EACH(row, rows)
    {
        struct buf pending = {0};
        struct str line;
        size_t at = 0;
        buf_reserve(&pending, 1);
        buf_append(&pending, row->bytes, strlen(row->bytes));
        for (size_t i = 0; row->lines[i] != NULL; i++)
            CHECK(lines_next(&pending, &at, &line) && str_is(line, row->lines[i]), "line %zu of %s", i,
                  row->bytes);
        CHECK(!lines_next(&pending, &at, &line), "%s", row->bytes);
        CHECK(str_is(str_make(pending.data + at, pending.len - at), row->rest), "%s", row->bytes);
        buf_free(&pending);
    }
}

RUN_TESTS(cmocka_unit_test(test_lines_are_cut_and_the_rest_is_left))
