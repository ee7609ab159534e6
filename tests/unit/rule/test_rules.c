/* Rules in a broker with stations: messages, events and stations in; republished messages, stations and a sink of the
 * test's own out. */
#include "rule/rules_test.h"

static void start(struct depot *depot)
{
    rules_start(depot, 2);
}

static void end(struct depot *depot)
{
    rules_end(depot);
}

/* ---- Messages -------------------------------------------------------------------------------------------- */

static void test_what_is_selected_is_published_again(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot);
    make_rule("r", "SELECT payload.a.b as v, clientid FROM \"t/#\" WHERE payload.a.b > 1",
              REPUBLISH("out/${clientid}"));
    CLIENT_CONNECT(&client, &depot.site, false, .id = "dev");
    subscribe_to(&client, "out/#", 1);
    say_publish(&client, "t/1", 1, 1, "{\"a\":{\"b\":2}}");
    EXPECT(&client, "PUBLISH out/dev qos 1 #1 \"2\"", "PUBACK #1 00");
    say_publish(&client, "t/1", 1, 2, "{\"a\":{\"b\":1}}");
    EXPECT(&client, "PUBACK #2 00");
    say_publish(&client, "t/1", 1, 3, "no JSON");
    EXPECT(&client, "PUBACK #3 00");
    say_publish(&client, "u/1", 0, 0, "{\"a\":{\"b\":9}}");
    client_sync(&client);
    assert_int_equal(figure("r", "passed"), 1);
    assert_int_equal(figure("r", "failed.no_result"), 1);
    assert_int_equal(figure("r", "failed.exception"), 1);
    assert_int_equal(figure("r", "actions.success"), 1);
    client_bye(&client);
    end(&depot);
}

static void test_a_rule_does_not_hear_itself_and_loops_end(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot);
    make_rule("self", "SELECT payload as v FROM \"s/#\"", REPUBLISH("s/again"));
    make_rule("ping", "SELECT payload as v FROM \"ping\"", REPUBLISH("pong"));
    make_rule("pong", "SELECT payload as v FROM \"pong\"", REPUBLISH("ping"));
    CLIENT_CONNECT(&client, &depot.site, false, .id = "dev");
    say_publish(&client, "s/1", 1, 1, "x");
    EXPECT(&client, "PUBACK #1 00");
    say_publish(&client, "ping", 1, 2, "x");
    EXPECT(&client, "PUBACK #2 00");
    assert_int_equal(figure("self", "matched"), 1);
    assert_int_equal(figure("self", "loops"), 1);
    assert_int_equal(figure("ping", "matched"), 1); /* what came of it is not for it */
    assert_int_equal(figure("pong", "matched"), 1);
    assert_int_equal(figure("ping", "loops"), 1);
    assert_int_equal(figure("pong", "loops"), 0);
    client_bye(&client);
    end(&depot);
}

static void test_a_chain_of_rules_has_an_end(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    char id[16], sql[64], actions[160];
    start(&depot);
    for (int i = 0; i < RULE_DEPTH_MAX + 2; i++) {
        snprintf(id, sizeof(id), "r%d", i);
        snprintf(sql, sizeof(sql), "SELECT payload as v FROM \"c/%d\"", i);
        snprintf(
            actions, sizeof(actions),
            "[{\"function\":\"republish\",\"args\":{\"topic\":\"c/%d\",\"payload\":\"${v}\",\"qos\":1}}]",
            i + 1);
        make_rule(id, sql, actions);
    }
    CLIENT_CONNECT(&client, &depot.site, false, .id = "dev");
    say_publish(&client, "c/0", 1, 1, "x");
    EXPECT(&client, "PUBACK #1 00");
    snprintf(id, sizeof(id), "r%d", RULE_DEPTH_MAX - 1);
    assert_int_equal(figure(id, "actions.success"), 1);
    snprintf(id, sizeof(id), "r%d", RULE_DEPTH_MAX);
    assert_int_equal(figure(id, "actions.failed.unknown"), 1);
    assert_int_equal(figure(id, "loops"), 1);
    client_bye(&client);
    end(&depot);
}

/* A fallback publishes for the rule whose action has failed: it ends where the rule would. */
static void test_a_full_chain_goes_no_further_through_a_fallback(void **state)
{
    (void)state;
    struct rule rule = {0};
    struct origin_chain chain = {.carried = true}, read;
    struct error err = {0};
    uint8_t bytes[CHAIN_BYTES_MAX];
    for (unsigned i = 0; i <= RULE_DEPTH_MAX; i++) {
        rule.mark = 100 + i;
        assert_int_equal(chain_add(&chain, &rule, &err), i < RULE_DEPTH_MAX);
        size_t len = chain_pack(&chain, bytes);
        ASSERT_OK(chain_unpack(&read, str_make((const char *)bytes, len), &err), err);
        assert_int_equal(chain_goes_on(&read, &err), i < RULE_DEPTH_MAX);
        assert_true(read.carried);
        assert_int_equal(read.depth, chain.depth);
    }
    assert_int_equal(err.code, ERR_LIMIT);
}

static void test_the_acknowledgement_waits_for_the_action(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot);
    make_rule("r", "SELECT payload FROM \"t\"", TO_SINK);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "dev");
    fake_decide(SINK_ACCEPTED, true);
    say_publish(&client, "t", 1, 1, "kept");
    client_sync(&client);
    WAIT_FOR(fake_count() == 1);
    assert_string_equal(fake.results[0], "{\"payload\":\"kept\"}");
    fake_release();
    EXPECT(&client, "PUBACK #1 00");
    fake_decide(SINK_OUT_OF_SERVICE, false);
    say_publish(&client, "t", 1, 2, "x");
    EXPECT(&client, "PUBACK #2 00"); /* the message goes on, whatever becomes of the rule */
    fake_decide(SINK_FAILED, false);
    say_publish(&client, "t", 1, 3, "x");
    EXPECT(&client, "PUBACK #3 00");
    fake_decide(SINK_DISCARDED, false);
    say_publish(&client, "t", 1, 4, "x");
    EXPECT(&client, "PUBACK #4 00");
    assert_int_equal(figure("r", "actions.total"), 4);
    assert_int_equal(figure("r", "actions.failed.out_of_service"), 1);
    assert_int_equal(figure("r", "actions.failed.unknown"), 1);
    assert_int_equal(figure("r", "actions.discarded"), 1);
    struct error err = {0};
    ASSERT_OK(rules_metrics_reset(rules, STR("r"), &err), err);
    assert_int_equal(figure("r", "actions.total"), 0);
    client_bye(&client);
    end(&depot);
}

static void test_no_message_is_lost_or_taken_twice_while_a_rule_changes(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    struct error err = {0};
    start(&depot);
    make_rule("r", "SELECT payload FROM \"t/#\"", TO_SINK);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "dev");
    unsigned sent = 0;
    for (unsigned round = 0; round < 40; round++) {
        char sql[64];
        for (unsigned i = 0; i < 20; i++)
            say_publish(&client, "t/1", 0, 0, "x");
        sent += 20;
        client_flush(&client);
        snprintf(sql, sizeof(sql),
                 round % 2 == 0 ? "SELECT payload FROM \"t/+\", \"v/%u\"" : "SELECT payload FROM \"t/#\"",
                 round);
        json_t *change = json_pack("{s:s}", "sql", sql);
        ASSERT_OK(rules_update(rules, STR("r"), change, &err), err);
        json_decref(change);
    }
    client_sync(&client);
    assert_int_equal(fake_count(), sent);
    assert_int_equal(figure("r", "passed"), sent);
    json_t *off = json_pack("{s:b}", "enable", 0);
    ASSERT_OK(rules_update(rules, STR("r"), off, &err), err);
    json_decref(off);
    say_publish(&client, "t/1", 0, 0, "x");
    client_sync(&client);
    assert_int_equal(fake_count(), sent);
    ASSERT_OK(rules_delete(rules, STR("r"), &err), err);
    assert_false(rules_delete(rules, STR("r"), &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    client_bye(&client);
    end(&depot);
}

/* ---- Events ---------------------------------------------------------------------------------------------- */

static void test_events_are_told_once_for_each_topic_of_from(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot);
    make_rule("once", "SELECT clientid FROM \"$events/client/connected\"", TO_SINK);
    make_rule(
        "twice",
        "SELECT clientid FROM \"$events/client_connected\", \"$events/#\" WHERE event = 'client.connected'",
        TO_SINK);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "dev");
    WAIT_FOR(fake_count() == 3);
    assert_string_equal(fake.results[0], "{\"clientid\":\"dev\"}");
    client_bye(&client);
    assert_int_equal(figure("once", "matched"), 1);
    assert_int_equal(figure("twice", "passed"), 2);
    end(&depot);
}

/* Clients on another reactor get it there, later. */
static void test_a_rule_hears_of_no_event_of_what_it_has_published(void **state)
{
    (void)state;
    struct depot depot;
    struct client publisher, readers[4];
    start(&depot);
    make_rule("sent", "SELECT topic as v FROM \"$events/message/delivered\"", REPUBLISH("back/sent"));
    CLIENT_CONNECT(&publisher, &depot.site, false, .id = "dev");
    for (unsigned i = 0; i < LENGTH(readers); i++) {
        char id[8];
        snprintf(id, sizeof(id), "r%u", i);
        CLIENT_CONNECT(&readers[i], &depot.site, false, .id = id);
        subscribe_to(&readers[i], "#", 1);
    }
    say_publish(&publisher, "one", 1, 1, "x");
    EXPECT(&publisher, "PUBACK #1 00");
    WAIT_FOR(figure("sent", "loops") == 16);
    assert_int_equal(figure("sent", "matched"), 4);
    for (unsigned i = 0; i < LENGTH(readers); i++)
        client_drop(&readers[i]);
    client_bye(&publisher);
    end(&depot);
}

static void test_alarms_are_events(void **state)
{
    (void)state;
    struct depot depot;
    start(&depot);
    make_rule("on", "SELECT event, name, details, message, clientid FROM \"$events/sys/alarm_activated\"",
              TO_SINK);
    atomic_store(&fake.down, true);
    alarms_look(alarms);
    alarms_look(alarms);
    WAIT_FOR(fake_count() == 1);
    assert_string_equal(
        fake.results[0],
        "{\"event\":\"alarm.activated\",\"name\":\"action_disconnected/s3:archive\",\"details\":{\"kind\":"
        "\"action_disconnected\",\"id\":\"s3:archive\"},\"message\":\"the test says so\",\"clientid\":null}");
    make_rule("off",
              "SELECT name, deactivated_at >= activated_at as later, timestamp = deactivated_at as same FROM "
              "\"$events/sys/#\" WHERE is_not_null(deactivated_at)",
              TO_SINK);
    atomic_store(&fake.down, false);
    alarms_look(alarms);
    WAIT_FOR(fake_count() == 2);
    assert_string_equal(fake.results[1],
                        "{\"name\":\"action_disconnected/s3:archive\",\"later\":true,\"same\":true}");
    struct error err = {0};
    ASSERT_OK(rules_delete(rules, STR("on"), &err), err);
    ASSERT_OK(rules_delete(rules, STR("off"), &err), err);
    atomic_store(&fake.down, true);
    alarms_look(alarms);
    assert_int_equal(fake_count(), 2);
    end(&depot);
}

/* ---- Stations -------------------------------------------------------------------------------------------- */

static void test_results_go_into_a_station(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot);
    make_station(&depot, "{\"name\":\"kept\"}");
    make_rule("r", "SELECT payload.n as n FROM \"t/#\"",
              "[{\"function\":\"station\",\"args\":{\"station\":\"kept\"}}]");
    CLIENT_CONNECT(&client, &depot.site, false, .id = "dev");
    for (uint16_t i = 1; i <= 3; i++)
        say_publish(&client, "t/1", 1, i, "{\"n\":7}");
    EXPECT(&client, "PUBACK #1 00", "PUBACK #2 00", "PUBACK #3 00");
    assert_string_equal(READ_ALL(&depot, "kept"), "{\"n\":7},{\"n\":7},{\"n\":7}");
    client_bye(&client);
    end(&depot);
}

static void test_a_station_as_source_goes_on_where_it_stopped(void **state)
{
    (void)state;
    struct depot depot;
    start(&depot);
    make_station(&depot, "{\"name\":\"in\"}");
    put_message(&depot, "in", "a", "before", NULL);
    make_rule("r", "SELECT payload, offset FROM \"$station/in\"", TO_SINK);
    put_message(&depot, "in", "a", "one", NULL);
    WAIT_FOR(fake_count() == 1);
    assert_string_equal(fake.results[0], "{\"payload\":\"one\",\"offset\":1}");
    close_rules();
    put_message(&depot, "in", "a", "two", NULL);
    open_rules(&depot);
    WAIT_FOR(fake_count() == 2);
    assert_string_equal(fake.results[1], "{\"payload\":\"two\",\"offset\":2}");
    struct error err = {0};
    assert_false(stations_delete(depot.stations, STR("in"), false, false, &err));
    assert_int_equal(err.code, ERR_BUSY);
    end(&depot);
}

static void test_a_source_waits_for_an_action_that_is_out_of_service(void **state)
{
    (void)state;
    struct depot depot;
    start(&depot);
    make_station(&depot, "{\"name\":\"in\"}");
    make_rule("r", "SELECT payload FROM \"$station/in\"", TO_SINK);
    fake_decide(SINK_OUT_OF_SERVICE, false);
    put_message(&depot, "in", "a", "one", NULL);
    WAIT_FOR(figure("r", "actions.failed.out_of_service") >= 1);
    fake_decide(SINK_ACCEPTED, false);
    WAIT_FOR(fake_count() >= 1);
    assert_string_equal(fake.results[0], "{\"payload\":\"one\"}");
    end(&depot);
}

static uint64_t stored(struct depot *depot, const char *station)
{
    struct station_stats stats;
    struct error err = {0};
    ASSERT_OK(station_stats(depot->stations, str_of(station), &stats, &err), err);
    return stats.next_offset;
}

static void test_rules_do_not_hear_themselves_through_stations(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot);
    make_station(&depot, "{\"name\":\"kept\",\"topics\":[\"k/#\"]}");
    make_rule("back", "SELECT payload as v FROM \"$station/kept\"", REPUBLISH("k/again"));
    make_rule("in", "SELECT payload as v FROM \"k/again\"", REPUBLISH("k/in"));
    CLIENT_CONNECT(&client, &depot.site, false, .id = "dev");
    say_publish(&client, "k/1", 1, 1, "x");
    EXPECT(&client, "PUBACK #1 00");
    WAIT_FOR(stored(&depot, "kept") == 3); /* k/1, k/again, k/in */
    say_publish(&client, "k/2", 1, 2, "y");
    EXPECT(&client, "PUBACK #2 00");
    WAIT_FOR(stored(&depot, "kept") == 6);
    assert_int_equal(figure("back", "matched"), 2); /* in the order of offsets: the second is k/2 */
    assert_int_equal(figure("in", "matched"), 2);
    WAIT_FOR(figure("back", "loops") == 4);
    client_bye(&client);
    end(&depot);
}

static void test_a_rule_may_append_to_the_station_that_it_reads(void **state)
{
    (void)state;
    struct depot depot;
    start(&depot);
    make_station(&depot, "{\"name\":\"s\"}");
    make_rule("copy", "SELECT topic FROM \"$station/s\"",
              "[{\"function\":\"station\",\"args\":{\"station\":\"s\"}}]");
    put_message(&depot, "s", "a", "one", NULL);
    WAIT_FOR(stored(&depot, "s") == 2);
    put_message(&depot, "s", "b", "two", NULL);
    WAIT_FOR(stored(&depot, "s") == 4);
    assert_string_equal(READ_ALL(&depot, "s"), "one,{\"topic\":\"a\"},two,{\"topic\":\"b\"}");
    assert_int_equal(figure("copy", "matched"), 2);
    WAIT_FOR(figure("copy", "loops") == 2);
    end(&depot);
}

/* ---- The objects ----------------------------------------------------------------------------------------- */

static void test_rules_survive_a_restart(void **state)
{
    (void)state;
    struct depot depot;
    struct client client;
    start(&depot);
    make_rule("r", "SELECT payload FROM \"t\"", TO_SINK);
    close_rules();
    depot_restart(&depot);
    open_rules(&depot);
    json_t *rule = rules_describe(rules, STR("r"), NULL);
    assert_string_equal(json_string_value(json_object_get(rule, "sql")), "SELECT payload FROM \"t\"");
    assert_string_equal(json_string_value(json_object_get(rule, "status")), "running");
    json_decref(rule);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "dev");
    say_publish(&client, "t", 1, 1, "x");
    EXPECT(&client, "PUBACK #1 00");
    assert_int_equal(fake_count(), 1);
    client_bye(&client);
    end(&depot);
}

static void test_a_wrong_rule_is_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *object;
        const char *part;
    } rows[] = {
        {"{\"id\":\"x\"}", "sql: is missing"},
        {"{\"sql\":\"SELEC\"}", "line 1"},
        {"{\"sql\":\"SELECT nosuch(1) FROM \\\"t\\\"\"}", "nosuch"},
        {"{\"sql\":\"SELECT * FROM \\\"$events/no/such\\\"\"}", "there is no such event"},
        {"{\"sql\":\"SELECT * FROM \\\"$events/message_publish\\\"\"}", "selected by their topic"},
        {"{\"sql\":\"SELECT * FROM \\\"$events/schema_validation_failed\\\"\"}", "validation is not offered"},
        {"{\"sql\":\"SELECT * FROM \\\"$bridges/mqtt:a\\\"\"}", "not offered"},
        {"{\"sql\":\"SELECT * FROM \\\"t\\\"\",\"actions\":[\"s3\"]}", "expected the id of an action"},
        {"{\"sql\":\"SELECT * FROM \\\"t\\\"\",\"actions\":[{\"function\":\"x\",\"args\":{}}]}",
         "unknown function"},
        {"{\"sql\":\"SELECT * FROM \\\"t\\\"\",\"actions\":[{\"function\":\"republish\",\"args\":{}}]}",
         "topic"},
        {"{\"sql\":\"SELECT * FROM \\\"t\\\"\",\"nosuch\":1}", "unknown key"},
        {"{\"sql\":\"SELECT * FROM \\\"t\\\"\",\"enable\":1}", "true or false"},
        {"{\"sql\":\"SELECT * FROM \\\"t\\\"\",\"id\":\"a b\"}", "id: expected"},
    };
    struct depot depot;
    start(&depot);
    TABLE_EACH(row, rows)
    {
        struct error err = {0};
        char id[RULE_ID_MAX + 1];
        json_t *object = json_loads(row->object, 0, NULL);
        assert_non_null(object);
        CHECK(!rules_create(rules, object, id, &err) && strstr(err.text, row->part) != NULL, "%s: %s",
              row->object, err.text);
        json_decref(object);
    }
    end(&depot);
}

RUN_TESTS(cmocka_unit_test(test_what_is_selected_is_published_again),
          cmocka_unit_test(test_a_rule_does_not_hear_itself_and_loops_end),
          cmocka_unit_test(test_a_chain_of_rules_has_an_end),
          cmocka_unit_test(test_the_acknowledgement_waits_for_the_action),
          cmocka_unit_test(test_no_message_is_lost_or_taken_twice_while_a_rule_changes),
          cmocka_unit_test(test_events_are_told_once_for_each_topic_of_from),
          cmocka_unit_test(test_a_full_chain_goes_no_further_through_a_fallback),
          cmocka_unit_test(test_a_rule_hears_of_no_event_of_what_it_has_published),
          cmocka_unit_test(test_alarms_are_events), cmocka_unit_test(test_results_go_into_a_station),
          cmocka_unit_test(test_a_station_as_source_goes_on_where_it_stopped),
          cmocka_unit_test(test_a_source_waits_for_an_action_that_is_out_of_service),
          cmocka_unit_test(test_rules_do_not_hear_themselves_through_stations),
          cmocka_unit_test(test_a_rule_may_append_to_the_station_that_it_reads),
          cmocka_unit_test(test_rules_survive_a_restart),
          cmocka_unit_test(test_a_wrong_rule_is_refused_with_the_reason))
