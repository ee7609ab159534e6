/* Rules in a broker with stations, for tests: one set of rules at a time, a sink of the test's own out. */
#ifndef RULE_RULES_TEST_H
#define RULE_RULES_TEST_H

#include "rule/rule_internal.h"
#include "station/station_test.h"

#include "rule/fake_sink.h"

static struct rules *rules;
static struct alarms *alarms;

static inline void open_rules(struct depot *depot)
{
    struct error err = {0};
    const struct alarms_options asleep = {.sinks = (struct sinks *)&fake, .asleep = true};
    alarms = alarms_open(&asleep, &err);
    if (alarms == NULL)
        fail_msg("%s", err.text);
    const struct rules_options options = {
        .catalog = depot->site.catalog,
        .broker = depot->site.broker,
        .stations = depot->stations,
        .sinks = (struct sinks *)&fake,
        .alarms = alarms,
        .node = "varve@test",
        .ignore_sys_messages = true,
    };
    rules = rules_open(&options, &err);
    if (rules == NULL)
        fail_msg("%s", err.text);
}

static inline void rules_start(struct depot *depot, unsigned reactors)
{
    fake_reset();
    depot_start(depot, reactors);
    open_rules(depot);
}

static inline void close_rules(void)
{
    rules_close(rules);
    alarms_close(alarms);
}

static inline void rules_end(struct depot *depot)
{
    close_rules();
    depot_end(depot);
}

static inline void make_rule(const char *id, const char *sql, const char *actions)
{
    struct error err = {0};
    char got[RULE_ID_MAX + 1];
    json_t *object =
        json_pack("{s:s, s:s, s:o}", "id", id, "sql", sql, "actions", json_loads(actions, 0, NULL));
    ASSERT_OK(rules_create(rules, object, got, &err), err);
    json_decref(object);
}

static inline uint64_t figure(const char *id, const char *key)
{
    json_t *metrics = rules_metrics(rules, str_of(id), NULL);
    assert_non_null(metrics);
    assert_non_null(json_object_get(metrics, key));
    uint64_t value = (uint64_t)json_integer_value(json_object_get(metrics, key));
    assert_int_equal(json_integer_value(json_object_get(metrics, "matched")),
                     json_integer_value(json_object_get(metrics, "passed")) +
                         json_integer_value(json_object_get(metrics, "failed")));
    json_decref(metrics);
    return value;
}

#define TO_SINK "[\"s3:archive\"]"
#define REPUBLISH(topic)                                                                                   \
    "[{\"function\": \"republish\", \"args\": {\"topic\": \"" topic "\", \"payload\": \"${v}\", \"qos\": " \
    "1}}]"

#endif
