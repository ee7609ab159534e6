/* Keys of objects of many rows. */
#include "sink/sink_internal.h"

#include "harness.h"

static void test_templates_render_and_lack_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *template;
        const char *key;
        bool exact;
    } rows[] = {
        {"${action}/${node}/${datetime.rfc3339utc}/${sequence}",
         "archive/varve@127.0.0.1_1/2026-11-05T07_30_09Z/3", true},
        {"k", "k/archive/varve@127.0.0.1_1/2026-11-05T07_30_09Z/3", true},
        {"${sequence}", "3/archive/varve@127.0.0.1_1/2026-11-05T07_30_09Z", true},
        {"${action}-${node}-${datetime.unix}-${datetime_until.unix}-${sequence}.csv",
         "archive-varve@127.0.0.1_1-1793863809-1793865609-3.csv", true},
        {"${action}/${node}/y=${datetime.YYYY}/${datetime.MM}/${datetime.DD}/${datetime.hh}/${sequence}",
         "archive/varve@127.0.0.1_1/y=2026/11/05/07/3", false},
        {"${action}/${node}/"
         "${datetime.utc.YYYY}${datetime.utc.DOY}T${datetime.hh}${datetime.mm}${datetime.ss}/${sequence}",
         "archive/varve@127.0.0.1_1/2026309T073009/3", true},
        {"${action}/${node}/${datetime_until.local.hh}/${sequence}", "archive/varve@127.0.0.1_1/10/3", false},
        {"${action}/${node}/${datetime.rfc3339}/${sequence}",
         "archive/varve@127.0.0.1_1/2026-11-05T09_30_09+02_00/3", true},
    };
    setenv("TZ", "UTC-2", 1);
    const struct object_key_values values = {"archive", "varve@127.0.0.1:1", 1793863809000,
                                             1793863809000 + 1800000, 3};
    TABLE_EACH(row, rows)
    {
        struct error err = {0};
        struct buf out = {0};
        struct object_key *key = object_key_new(str_of(row->template), &err);
        CHECK(key != NULL, "%s: %s", row->template, err.text);
        ASSERT_OK(object_key_render(key, &values, &out, &err), err);
        CHECK(str_is(buf_str(&out), row->key), "%s: %.*s", row->template, STR_ARG(buf_str(&out)));
        CHECK(object_key_is_exact(key) == row->exact, "%s", row->template);
        buf_free(&out);
        object_key_free(key);
    }
}

static void test_other_placeholders_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"${clientid}",          "${.}",
                                       "${datetime}",          "${datetime.YY}",
                                       "${datetime.gmt.YYYY}", "${datetime.local.unix}",
                                       "${action.x}",          "a/${sequence}/${payload.x}"};
    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct error err = {0};
        ASSERT_FAILS(object_key_new(str_of(rows[i]), &err) != NULL, err, ERR_INVALID);
    }
}

RUN_TESTS(cmocka_unit_test(test_templates_render_and_lack_nothing),
          cmocka_unit_test(test_other_placeholders_are_refused))
