/* Keys of messages' objects: what was selected goes first, then the message's time and where it was in a station. */
#include "sink/sink_internal.h"
#include "sql/json.h"

#include "harness.h"

/* The key that a template makes of the row (JSON) of a message; NULL: *err. Static. */
static const char *render(const char *template, const char *row, const struct sink_message *of,
                          struct error *err)
{
    static char text[1024];
    struct sql_scope scope = {0};
    struct sql_value value;
    struct buf out = {0};
    sql_scope_begin(&scope, NULL);
    ASSERT_OK(sql_json_decode(&scope, str_of(row), &value, err), *err);
    const struct sql_columns result = sql_columns_of_map(&value);
    struct sink_message message = *of;
    message.result = &result;
    struct message_key key = {&message};
    const struct sql_columns columns = message_key_columns(&key);
    struct sql_template *t = sql_template_new(str_of(template), err);
    bool ok = sql_template_render(t, &columns, &scope, SQL_MISSING_IS_ERROR, &out, 1000, err);
    snprintf(text, sizeof(text), "%.*s", (int)out.len, out.len > 0 ? (const char *)out.data : "");
    sql_template_free(t);
    buf_free(&out);
    sql_scope_free(&scope);
    return ok ? text : NULL;
}

static const struct sink_message of_station = {
    .time_ms = 1793863809123, .station = {"telemetry", 9}, .offset = UINT64_C(18446744073709551615)};

static void test_a_key_names_the_time_and_the_place_in_a_station(void **state)
{
    (void)state;
    static const struct {
        const char *template;
        const char *row;
        const char *key;
    } rows[] = {
        {"${station}/${offset}", "{}", "telemetry/18446744073709551615"},
        {"${datetime.YYYY}/${datetime.MM}/${datetime.DD}/${datetime.unix}", "{}", "2026/11/05/1793863809"},
        {"${datetime.rfc3339utc} ${datetime.local.hh} ${datetime.utc.hh}", "{}",
         "2026-11-05T07_30_09Z 09 07"},
        {"${station}/${offset}/${datetime.YYYY}",
         "{\"station\":\"s\",\"offset\":1,\"datetime\":{\"YYYY\":2}}", "s/1/2"},
        {"${n}-${.}", "{\"n\":7}", "7-{\"n\":7}"},
    };
    setenv("TZ", "UTC-2", 1);
    TABLE_EACH(row, rows)
    {
        struct error err = {0};
        const char *key = render(row->template, row->row, &of_station, &err);
        CHECK(key != NULL && strcmp(key, row->key) == 0, "%s: %s", row->template,
              key != NULL ? key : err.text);
    }
}

static void test_what_there_is_not_fails(void **state)
{
    (void)state;
    const struct sink_message of_nowhere = {.time_ms = 1793863809123};
    static const struct {
        const char *template;
        bool of_station;
    } rows[] = {{"${offset}", false}, {"${station}", false}, {"${datetime.YYY}", true}, {"${other}", true}};
    struct error err = {0};
    TABLE_EACH(row, rows)
    {
        CHECK(render(row->template, "{}", row->of_station ? &of_station : &of_nowhere, &err) == NULL, "%s",
              row->template);
        assert_int_equal(err.code, ERR_NOT_FOUND);
    }
    assert_non_null(render("${datetime.unix}", "{}", &of_nowhere, &err));
}

RUN_TESTS(cmocka_unit_test(test_a_key_names_the_time_and_the_place_in_a_station),
          cmocka_unit_test(test_what_there_is_not_fails))
