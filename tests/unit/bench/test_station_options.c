/* Options of `varve bench station`: what each mode takes, what is refused and in which words. */
#include "harness.h"

#include "bench/station_options_internal.h"

#include "log/log.h"
#include "mqtt/mqtt.h"

static bool parse(struct station_options *options, const char *line, struct error *err)
{
    static char words[512];
    char *argv[32] = {(char *)"station"};
    int argc = 1;
    strcpy(words, line);
    for (char *word = strtok(words, " "); word != NULL && argc < 32; word = strtok(NULL, " "))
        argv[argc++] = word;
    return station_options_parse(options, argc, argv, err);
}

static void test_modes_have_their_defaults(void **state)
{
    (void)state;
    struct station_options options;
    assert_true(parse(&options, "produce", NULL));
    assert_int_equal(options.mode, STATION_PRODUCE);
    assert_string_equal(options.station, "bench");
    assert_string_equal(options.start, "earliest");
    assert_int_equal(options.load.pubs, 16);
    assert_int_equal(options.load.payload_bytes, 200);
    assert_int_equal(options.load.qos, 1);
    assert_int_equal(options.load.count, 0);
    assert_int_equal(options.load.subs, 1); /* it verifies */
    assert_true(options.load.fill);
    assert_true(parse(&options, "produce --no-verify", NULL));
    assert_int_equal(options.load.subs, 0);
    assert_true(parse(&options, "consume", NULL));
    assert_false(options.load.fill);
    assert_int_equal(options_sub_qos(&options.load), 0);
    assert_true(parse(&options, "replay", NULL));
    assert_int_equal(options.load.count, 1000000);
    assert_true(parse(&options, "groups", NULL));
    assert_true(options.load.group);
    assert_int_equal(options.load.subs, 4);
    assert_int_equal(options_sub_qos(&options.load), 1);
    assert_true(parse(&options, "append", NULL));
    assert_int_equal(options.load.threads, 2);
    assert_int_equal(options.sync_ms, LOG_SYNC_COMMIT);
    assert_true(parse(&options, "recovery", NULL));
    assert_int_equal(options.bytes, 1 << 30);
    assert_int_equal(options.load.subs, 0);
}

static void test_every_option_reaches_its_field(void **state)
{
    (void)state;
    struct station_options options;
    assert_true(parse(&options, "replay -h ::1 -p 99 --pubs 2 --subs 3 -q 1 --payload 100 --window 7", NULL));
    assert_string_equal(options.load.host, "::1");
    assert_int_equal(options.load.port, 99);
    assert_int_equal(options.load.pubs, 2);
    assert_int_equal(options.load.subs, 3);
    assert_int_equal(options.load.sub_qos, 1);
    assert_int_equal(options.load.payload_bytes, 100);
    assert_int_equal(options.load.window, 7);
    assert_true(
        parse(&options, "groups --members 9 --count 11 --pubs 1 --start last:5 --station s -V 5", NULL));
    assert_int_equal(options.load.subs, 9);
    assert_int_equal(options.load.count, 11);
    assert_string_equal(options.start, "last:5");
    assert_string_equal(options.station, "s");
    assert_int_equal(options.load.version, MQTT_5);
    assert_true(parse(
        &options, "produce --create --keep --sync 100ms --url u --key k --data d --quiet 3 --json", NULL));
    assert_true(options.create && options.keep && options.load.json);
    assert_int_equal(options.load.quiet_ms, 3000);
    assert_string_equal(options.sync, "100ms");
    assert_int_equal(options.sync_ms, 100);
    assert_string_equal(options.url, "u");
    assert_string_equal(options.key, "k");
    assert_string_equal(options.data, "d");
    assert_true(
        parse(&options, "append --dir x --batch 3 --depth 4 --segment 2MiB --sync none --seconds 0.5", NULL));
    assert_string_equal(options.dir, "x");
    assert_int_equal(options.batch_count, 3);
    assert_int_equal(options.depth, 4);
    assert_int_equal(options.segment_bytes, 2 << 20);
    assert_int_equal(options.sync_ms, LOG_SYNC_NONE);
    assert_int_equal(options.load.duration_ms, 500);
    assert_true(parse(&options, "recovery --broker b --stations 5 --bytes 10GiB --rounds 2 --age 1.5", NULL));
    assert_string_equal(options.broker, "b");
    assert_int_equal(options.stations, 5);
    assert_true(options.bytes == UINT64_C(10) << 30);
    assert_int_equal(options.rounds, 2);
    assert_int_equal(options.age_ms, 1500);
}

static void test_refusals_name_the_option(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *text;
    } table[] = {
        {"", "say what to measure: produce, consume, replay, groups, append or recovery"},
        {"sing", "sing: expected produce, consume, replay, groups, append or recovery"},
        {"produce --members 4", "--members: unknown option"},
        {"append --port 1883", "--port: unknown option"},
        {"replay --payload 23", "--payload 23: expected a whole number from 24 to 1048576"},
        {"replay --qos 3", "--qos 3: expected a whole number from 0 to 2"},
        {"replay --version 4.2", "--version 4.2: expected 3.1.1 or 5"},
        {"replay --port 0", "--port 0: expected a whole number from 1 to 65535"},
        {"replay --count 3", "--count 3: fewer than publishers"},
        {"replay --keep", "--keep: only what --create has made is deleted"},
        {"replay --password x", "--password without --username needs --version 5"},
        {"groups --members 2000", "--members 2000: expected a whole number from 1 to 1024"},
        {"append --sync soon", "--sync soon: expected commit, none or an interval such as 100ms"},
        {"append --segment 1", "--segment 1: expected a size such as 64MiB"},
        {"append --batch 65536 --payload 1000", "--batch 65536 of --payload 1000 bytes: more than 8 MiB"},
        {"append --batch 8 --payload 1048576 --depth 300",
         "--depth 300 of --threads 2: more than 2048 MiB are on their way"},
        {"append more", "more: unexpected argument"},
        {"replay --start 12345678901234567890123456789012345678901234567890123456789012345",
         "--start: more than 64 bytes"},
        {"recovery --bytes much", "--bytes much: expected a size such as 64MiB"},
    };
    TABLE_EACH(row, table)
    {
        struct station_options options;
        struct error err = {0};
        assert_false(parse(&options, row->line, &err));
        assert_int_equal(err.code, ERR_INVALID);
        assert_string_equal(err.text, row->text);
    }
}

static void test_help_has_an_example_and_every_option_of_the_table(void **state)
{
    (void)state;
    static const char *const names[] = {"--data",     "--create", "--keep",      "--sync",        "--start",
                                        "--members",  "--batch",  "--depth",     "--bytes",       "--rounds",
                                        "--stations", "--broker", "--no-verify", "--quiet",       "--age",
                                        "--segment",  "--url",    "--key",       "--topic-prefix"};
    struct station_options options;
    assert_true(parse(&options, "--help", NULL) && options.load.help);
    assert_true(parse(&options, "replay --help", NULL) && options.load.help);
    assert_non_null(strstr(station_options_help, "example:"));
    for (size_t i = 0; i < LENGTH(names); i++)
        CHECK(strstr(station_options_help, names[i]) != NULL, "%s", names[i]);
}

RUN_TESTS(cmocka_unit_test(test_modes_have_their_defaults),
          cmocka_unit_test(test_every_option_reaches_its_field),
          cmocka_unit_test(test_refusals_name_the_option),
          cmocka_unit_test(test_help_has_an_example_and_every_option_of_the_table))
