/* Trying statements out: examples for all events, and what the context sets. */
#include "rule/rule_internal.h"

#include "harness.h"

#include "rule/fake_sink.h"

static enum rule_test_result try(const char *sql, const char *context, char out[512])
{
    struct error err = {0};
    json_t *result = NULL, *given = context != NULL ? json_loads(context, 0, NULL) : NULL;
    enum rule_test_result ended = rules_test(NULL, str_of(sql), given, &result, &err);
    char *text = result != NULL ? json_dumps(result, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    snprintf(out, 512, "%s", text != NULL ? text : err.text);
    free(text);
    json_decref(result);
    json_decref(given);
    return ended;
}

static void test_the_context_is_laid_over_examples(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        const char *context;
        enum rule_test_result result;
        const char *out; /* or part of the error */
    } rows[] = {
        {"SELECT payload.x as x, clientid FROM \"t/#\"", "{\"topic\":\"t/1\",\"payload\":\"{\\\"x\\\":1}\"}",
         RULE_TEST_RESULT, "{\"clientid\":\"c_emqx\",\"x\":1}"},
        {"SELECT payload.x as x FROM \"t/#\"", "{\"topic\":\"t/1\",\"payload\":{\"x\":1}}", RULE_TEST_RESULT,
         "{\"x\":1}"},
        {"SELECT * FROM \"t/#\" WHERE qos = 2", NULL, RULE_TEST_NO_MATCH, ""},
        {"SELECT * FROM \"u/#\"", "{\"topic\":\"t/1\"}", RULE_TEST_NO_MATCH, ""},
        {"SELECT clientid FROM \"$events/client/connected\"",
         "{\"event_type\":\"client_connected\",\"clientid\":\"a\"}", RULE_TEST_RESULT,
         "{\"clientid\":\"a\"}"},
        {"SELECT event FROM \"$events/session/subscribed\"", NULL, RULE_TEST_RESULT,
         "{\"event\":\"session.subscribed\"}"},
        {"FOREACH payload.l FROM \"t/#\"", "{\"topic\":\"t/1\",\"payload\":\"{\\\"l\\\":[]}\"}",
         RULE_TEST_NO_MATCH, ""},
        {"SELECT nth(3, payload.l) as n FROM \"t/#\"", "{\"topic\":\"t/1\",\"payload\":\"{\\\"l\\\":[]}\"}",
         RULE_TEST_FAILED, "nth"},
        {"SELECT", NULL, RULE_TEST_FAILED, "line 1"},
        {"SELECT * FROM \"$events/nothing\"", NULL, RULE_TEST_FAILED, "no such event"},
        {"SELECT * FROM \"$bridges/mqtt:a\"", NULL, RULE_TEST_FAILED, "not offered"},
        {"SELECT topic FROM \"$station/s\"", "{\"topic\":\"t\"}", RULE_TEST_RESULT, "{\"topic\":\"t\"}"},
        {"SELECT message FROM \"$events/sys/alarm_activated\"",
         "{\"event_type\":\"alarm_activated\",\"message\":\"m\"}", RULE_TEST_RESULT, "{\"message\":\"m\"}"},
        {"SELECT * FROM \"t\"", "{\"event_type\":\"no_such\"}", RULE_TEST_FAILED, "no_such"},
    };
    TABLE_EACH(row, rows)
    {
        char out[512];
        enum rule_test_result got = try(row->sql, row->context, out);
        bool right = got == row->result &&
                     (got == RULE_TEST_RESULT ? strcmp(out, row->out) == 0 : strstr(out, row->out) != NULL);
        CHECK(right, "%s: %d %s", row->sql, got, out);
    }
}

static void test_every_event_has_an_example_that_its_sql_selects(void **state)
{
    (void)state;
    json_t *events = rules_events();
    assert_int_equal(json_array_size(events), RULE_EVENT_KINDS + 1);
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        const char *type = json_string_value(json_object_get(event, "event_type"));
        char sql[512], out[512];
        const char *topic = json_string_value(json_object_get(event, "event"));
        snprintf(sql, sizeof(sql), "SELECT event FROM \"%s\"",
                 strcmp(type, "message.publish") == 0 ? "t/#" : topic);
        CHECK(try(sql, NULL, out) == RULE_TEST_RESULT && strstr(out, type) != NULL, "%s: %s", type, out);
        const json_t *columns = json_object_get(event, "columns"),
                     *test = json_object_get(event, "test_columns");
        CHECK(json_object_size(test) > 3 && json_array_size(columns) >= json_object_size(test), "%s", type);
    }
    json_decref(events);
}

RUN_TESTS(cmocka_unit_test(test_the_context_is_laid_over_examples),
          cmocka_unit_test(test_every_event_has_an_example_that_its_sql_selects))
