/* Templates: what is a placeholder and what is text; what values become; strictness; limits. */
#include "sql/template.h"
#include "values.h"

static const char columns_json[] =
    "{\"clientid\":\"dev-1\",\"qos\":1,\"f\":21.50,\"big\":123456789012345678901234567890,\"yes\":true,"
    "\"none\":null,"
    "\"list\":[1,\"a\",null],\"empty\":[],\"map\":{\"k\":{\"d\":\"deep\"},\"list\":[1]},"
    "\"payload\":\"{\\\"a\\\":{\\\"b\\\":\\\"x "
    "y\\\"},\\\"s\\\":\\\"{\\\\\\\"in\\\\\\\":7}\\\"}\",\"text\":\"no json\",\"\":\"empty name\"}";

static struct sql_value map;

static struct sql_template *make(const char *text)
{
    struct error err;
    struct sql_template *t = sql_template_new(str_of(text), &err);
    CHECK(t != NULL, "%s: %s", text, err.text);
    return t;
}

static bool render(const char *text, enum sql_template_missing missing, struct buf *out, size_t bytes_max,
                   struct error *err)
{
    struct sql_template *t = make(text);
    sql_scope_begin(&scope, NULL);
    map = from_json(columns_json);
    struct sql_columns columns = sql_columns_of_map(&map);
    bool done = sql_template_render(t, &columns, &scope, missing, out, bytes_max, err);
    sql_template_free(t);
    return done;
}

static void test_placeholders_become_values_and_the_rest_stays(void **state)
{
    static const struct {
        const char *text;
        const char *rendered;
    } rows[] = {
        {"", ""},
        {"plain text", "plain text"},
        {"msgs/${clientid}_${qos}.json", "msgs/dev-1_1.json"},
        {"${.clientid}", "dev-1"},
        {"${clientid}${clientid}", "dev-1dev-1"},
        {"${f} ${big} ${yes} ${none}", "21.5 123456789012345678901234567890 true null"},
        {"${list} ${empty} ${map}", "[1,\"a\",null] [] {\"k\":{\"d\":\"deep\"},\"list\":[1]}"},
        {"${map.k.d} ${payload.a.b} ${payload.s.in} ${payload.s}", "deep x y 7 {\"in\":7}"},
        {"${nope} ${map.nope.x} ${text.x} ${qos.x} ${map.list.1} ${a..b} ${clientid.}",
         "undefined undefined undefined undefined undefined undefined undefined"},
        {"${$}{clientid}", "${clientid}"},
        {"${$}", "$"},
        {"$ ${ $clientid {clientid} ${client id} ${client-id} ${clientid",
         "$ ${ $clientid {clientid} ${client id} ${client-id} ${clientid"},
        {"$${clientid}}", "$dev-1}"},
        {"${${clientid}}", "${dev-1}"},
        {"${a[1]} ${$x}", "${a[1]} ${$x}"},
    };
    (void)state;
    TABLE_EACH(row, rows)
    {
        struct buf out = {0};
        struct error err;
        ASSERT_OK(render(row->text, SQL_MISSING_AS_TEXT, &out, SIZE_MAX, &err), err);
        CHECK(strcmp(buf_cstr(&out), row->rendered) == 0, "%s: %s", row->text, buf_cstr(&out));
        buf_free(&out);
    }
}

static void test_the_whole_is_json(void **state)
{
    static const char *const wholes[] = {"${.}", "${}"};
    (void)state;
    TABLE_EACH(whole, wholes)
    {
        struct buf out = {0};
        struct error err;
        ASSERT_OK(render(*whole, SQL_MISSING_AS_TEXT, &out, SIZE_MAX, &err), err);
        assert_string_equal(buf_cstr(&out), to_json(&map));
        buf_free(&out);
    }
}

static void test_bytes_of_strings_are_not_touched(void **state)
{
    static const char bytes[] = "\0\xff\n\"";
    struct error err;
    struct buf out = {0};
    struct sql_template *t = make("<${payload}>");
    (void)state;
    struct sql_map_builder builder = sql_map_begin(&scope);
    ASSERT_OK(sql_map_put(&builder, STR("payload"), sql_string(str_make(bytes, 4)), &err), err);
    struct sql_value value = sql_map_end(&builder);
    struct sql_columns columns = sql_columns_of_map(&value);
    ASSERT_OK(sql_template_render(t, &columns, &scope, SQL_MISSING_IS_ERROR, &out, SIZE_MAX, &err), err);
    assert_int_equal(out.len, 6);
    assert_memory_equal(out.data, "<\0\xff\n\">", 6);
    buf_free(&out);
    sql_template_free(t);
}

static void test_where_nothing_may_be_missing_it_is_an_error(void **state)
{
    static const struct {
        const char *text;
        const char *error; /* NULL: none */
    } rows[] = {
        {"${clientid}/${payload.a.b}", NULL},
        {"${none}", NULL},
        {"${.}", NULL},
        {"a/${nope}", "${nope} is undefined"},
        {"${clientid}/${payload.a.c}", "${payload.a.c} is undefined"},
        {"${text.x}", "${text.x} is undefined"},
    };
    (void)state;
    TABLE_EACH(row, rows)
    {
        struct buf out = {0};
        struct error err = {0};
        buf_append_str(&out, STR("before"));
        bool done = render(row->text, SQL_MISSING_IS_ERROR, &out, SIZE_MAX, &err);
        CHECK(done == (row->error == NULL), "%s", row->text);
        if (!done) {
            assert_int_equal(err.code, ERR_NOT_FOUND);
            assert_string_equal(err.text, row->error);
            assert_string_equal(buf_cstr(&out), "before");
        }
        buf_free(&out);
    }
}

static void test_the_text_is_bounded(void **state)
{
    static const char *const texts[] = {"${clientid}!", "12345!", "${list}", "${payload.a}"};
    (void)state;
    TABLE_EACH(text, texts)
    {
        struct buf out = {0};
        struct error err;
        buf_append_str(&out, STR("xy"));
        ASSERT_FAILS(render(*text, SQL_MISSING_AS_TEXT, &out, 7, &err), err, ERR_TOO_LARGE);
        assert_int_equal(out.len, 2);
        ASSERT_OK(render(*text, SQL_MISSING_AS_TEXT, &out, 40, &err), err);
        buf_free(&out);
    }
}

static void test_a_template_tells_its_placeholders(void **state)
{
    struct sql_template *t = make("${datetime.rfc3339}/${.a.b} ${$} ${.} ${a.b} ${nope");
    static const char *const names[] = {"datetime.rfc3339", "a.b", "", "a.b"};
    (void)state;
    assert_int_equal(sql_template_placeholder_count(t), LENGTH(names));
    for (size_t i = 0; i < LENGTH(names); i++)
        assert_true(str_is(sql_template_placeholder(t, i), names[i]));
    assert_true(str_is(sql_template_text(t), "${datetime.rfc3339}/${.a.b} ${$} ${.} ${a.b} ${nope"));
    sql_template_free(t);
}

static void test_a_template_that_is_too_long_is_refused(void **state)
{
    struct error err;
    char *text = malloc(SQL_TEMPLATE_BYTES_MAX + 1);
    (void)state;
    assert_non_null(text);
    memset(text, '$', SQL_TEMPLATE_BYTES_MAX + 1);
    ASSERT_FAILS(sql_template_new(str_make(text, SQL_TEMPLATE_BYTES_MAX + 1), &err) != NULL, err,
                 ERR_TOO_LARGE);
    struct sql_template *t = sql_template_new(str_make(text, SQL_TEMPLATE_BYTES_MAX), &err);
    assert_non_null(t);
    sql_template_free(t);
    free(text);
}

RUN_TESTS(SCOPE_TEST(test_placeholders_become_values_and_the_rest_stays), SCOPE_TEST(test_the_whole_is_json),
          SCOPE_TEST(test_bytes_of_strings_are_not_touched),
          SCOPE_TEST(test_where_nothing_may_be_missing_it_is_an_error), SCOPE_TEST(test_the_text_is_bounded),
          SCOPE_TEST(test_a_template_tells_its_placeholders),
          cmocka_unit_test(test_a_template_that_is_too_long_is_refused))
