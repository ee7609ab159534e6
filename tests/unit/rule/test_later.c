/* Rules that wait for jq, off the reactors; events of stations. This program is started again as a worker of jq: see main(). */
#include "rule/rules_test.h"
#include "sql/jq.h"

#define SLOW "jq('def f: f; f', payload, 1000)" /* for a second */

static void test_a_slow_filter_does_not_hold_up_other_clients(void **state)
{
    (void)state;
    struct depot depot;
    struct client slow, quick;
    char ack[32];
    rules_start(&depot, 1);
    /* Five seconds, so that a machine that is held up for a while in between does not count. */
    make_rule("slow", "SELECT jq('def f: f; f', payload, 5000) as v FROM \"slow\"", TO_SINK);
    CLIENT_CONNECT(&slow, &depot.site, false, .id = "slow");
    CLIENT_CONNECT(&quick, &depot.site, false, .id = "quick");
    say_publish(&slow, "slow", 1, 1, "1");
    client_flush(&slow);
    client_sync(&slow); /* the rule has it */
    for (uint16_t i = 1; i <= 20; i++) {
        say_publish(&quick, "quick", 1, i, "x");
        snprintf(ack, sizeof(ack), "PUBACK #%u 10", i); /* nobody subscribes */
        EXPECT(&quick, ack);
    }
    assert_int_equal(figure("slow", "matched"), 0); /* it still waits */
    WAIT_FOR(figure("slow", "failed.exception") == 1);
    EXPECT(&slow, "PUBACK #1 00");
    client_bye(&slow);
    client_bye(&quick);
    rules_end(&depot);
}

static void test_what_a_client_sends_keeps_its_order(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    rules_start(&depot, 2);
    make_rule("r", "SELECT first(jq('.n', payload)) as v, clientid, topic FROM \"t/#\" WHERE payload.n >= 0",
              REPUBLISH("out/${clientid}/${topic}"));
    CLIENT_CONNECT(&client, &depot.site, false, .id = "dev");
    subscribe_to(&client, "out/#", 0);
    for (uint16_t i = 1; i <= 8; i++) {
        char payload[16];
        snprintf(payload, sizeof(payload), "{\"n\":%u}", i);
        say_publish(&client, "t/1", 0, 0, payload);
    }
    for (unsigned i = 1; i <= 8; i++) {
        char expected[64];
        snprintf(expected, sizeof(expected), "PUBLISH out/dev/t/1 qos 0 \"%u\"", i);
        EXPECT(&client, expected);
    }
    WAIT_FOR(figure("r", "actions.success") == 8); /* published, then counted */
    client_bye(&client);
    rules_end(&depot);
}

static void test_the_acknowledgement_waits_for_what_is_evaluated_later(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    rules_start(&depot, 1);
    make_rule("r", "SELECT jq('.', payload) as v FROM \"t\"", TO_SINK);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "dev");
    fake_decide(SINK_ACCEPTED, true);
    say_publish(&client, "t", 1, 1, "7");
    client_sync(&client);
    WAIT_FOR(fake_count() == 1);
    assert_string_equal(fake.results[0], "{\"v\":[7]}");
    client_sync(&client); /* nothing but its PINGRESP */
    fake_release();
    EXPECT(&client, "PUBACK #1 00");
    client_bye(&client);
    rules_end(&depot);
}

static void test_what_waits_ends_with_the_rules(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    struct error err = {0};
    rules_start(&depot, 1);
    make_rule("r", "SELECT " SLOW " as v FROM \"t\"", TO_SINK);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "dev");
    for (uint16_t i = 1; i <= 5; i++)
        say_publish(&client, "t", 1, i, "1");
    client_sync(&client);
    json_t *change = json_pack("{s:s}", "sql", "SELECT payload FROM \"t\"");
    ASSERT_OK(rules_update(rules, STR("r"), change, &err), err); /* while its former body waits */
    json_decref(change);
    say_publish(&client, "t", 0, 0, "2");
    client_sync(&client);
    WAIT_FOR(fake_count() == 1);
    ASSERT_OK(rules_delete(rules, STR("r"), &err), err);
    rules_end(&depot); /* its publisher has had no acknowledgement for what was not evaluated */
    client_drop(&client);
}

/* ---- Stations -------------------------------------------------------------------------------------------- */

static void test_what_retention_expels_is_told(void **state)
{
    (void)state;
    struct depot depot;
    struct error err = {0};
    uint64_t count;
    rules_start(&depot, 1);
    make_station(&depot, "{\"name\":\"s\",\"retention\":{\"messages\":2}}");
    make_rule("r",
              "SELECT event, station, first_offset, last_offset, count, bytes > 0 as sized, reason, "
              "last_timestamp >= first_timestamp as timed FROM \"$events/station/#\"",
              TO_SINK);
    for (unsigned i = 0; i < 5; i++)
        put_message(&depot, "s", "a", "x", NULL);
    stations_tick(depot.stations);
    WAIT_FOR(fake_count() >= 1);
    ASSERT_OK(stations_purge(depot.stations, STR("s"), &count, &err), err);
    WAIT_FOR(figure("r", "passed") >= 2);
    uint64_t told = 0;
    for (size_t i = 0; i < fake_count(); i++) {
        json_t *event = json_loads(fake.results[i], 0, NULL);
        CHECK(event != NULL, "%s", fake.results[i]);
        assert_string_equal(json_string_value(json_object_get(event, "event")), "station.expelled");
        assert_string_equal(json_string_value(json_object_get(event, "station")), "s");
        assert_true(json_is_true(json_object_get(event, "sized")));
        assert_true(json_is_true(json_object_get(event, "timed")));
        assert_int_equal(json_integer_value(json_object_get(event, "first_offset")), told);
        told += (uint64_t)json_integer_value(json_object_get(event, "count"));
        assert_int_equal(json_integer_value(json_object_get(event, "last_offset")), told - 1);
        const char *reason = json_string_value(json_object_get(event, "reason"));
        assert_string_equal(reason, told < 5 ? "messages" : "purged");
        json_decref(event);
    }
    assert_int_equal(told, 5);
    rules_end(&depot);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], SQL_JQ_ARGUMENT) == 0)
        return sql_jq_worker();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_slow_filter_does_not_hold_up_other_clients),
        cmocka_unit_test(test_what_a_client_sends_keeps_its_order),
        cmocka_unit_test(test_the_acknowledgement_waits_for_what_is_evaluated_later),
        cmocka_unit_test(test_what_waits_ends_with_the_rules),
        cmocka_unit_test(test_what_retention_expels_is_told),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sql_jq_stop();
    return failed;
}
