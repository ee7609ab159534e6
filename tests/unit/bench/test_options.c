/* Options of `varve bench mqtt`: what is taken, what is refused and in which words. */
#include "harness.h"

#include "bench/bench.h"
#include "bench/options_internal.h"

#include "mqtt/mqtt.h"

#include <string.h>

#define ARGS_MAX 32

static bool parse(struct bench_options *options, const char *line, struct error *err)
{
    static char words[512];
    char *argv[ARGS_MAX + 1] = {(char *)"mqtt"};
    int argc = 1;
    strcpy(words, line);
    for (char *word = strtok(words, " "); word != NULL && argc < ARGS_MAX; word = strtok(NULL, " "))
        argv[argc++] = word;
    bench_options_default(options);
    return bench_options_parse(options, argc, argv, err);
}

static void test_defaults(void **state)
{
    (void)state;
    struct bench_options options;
    assert_true(parse(&options, "", NULL));
    assert_string_equal(options.host, "127.0.0.1");
    assert_int_equal(options.port, 1883);
    assert_int_equal(options.pubs, 1);
    assert_int_equal(options.subs, 1);
    assert_int_equal(options.topics, 1);
    assert_int_equal(options.payload_bytes, 64);
    assert_int_equal(options.window, 1000);
    assert_int_equal(options.duration_ms, 5000);
    assert_int_equal(options.version, MQTT_3_1_1);
}

static void test_every_option_reaches_its_field(void **state)
{
    (void)state;
    struct bench_options options;
    assert_true(
        parse(&options, "-h ::1 -p 99 --pubs 2 --subs 3 --topics 2 -q 2 --payload 100 --rate 7", NULL));
    assert_string_equal(options.host, "::1");
    assert_int_equal(options.port, 99);
    assert_int_equal(options.pubs, 2);
    assert_int_equal(options.subs, 3);
    assert_int_equal(options.topics, 2);
    assert_int_equal(options.qos, 2);
    assert_int_equal(options.payload_bytes, 100);
    assert_int_equal(options.rate, 7);
    assert_true(
        parse(&options, "--tick 500 --window 9 --duration 0.5 --warmup 0 --count 11 --threads 4 -V 5", NULL));
    assert_int_equal(options.tick_us, 500);
    assert_int_equal(options.window, 9);
    assert_int_equal(options.duration_ms, 500);
    assert_int_equal(options.warmup_ms, 0);
    assert_int_equal(options.count, 11);
    assert_int_equal(options.threads, 4);
    assert_int_equal(options.version, MQTT_5);
    assert_true(
        parse(&options, "--idle 5 --idle-subscribe --connect-rate 10 --pid 12 -u me -P secret --json", NULL));
    assert_int_equal(options.idle, 5);
    assert_true(options.idle_subscribe);
    assert_int_equal(options.connect_rate, 10);
    assert_int_equal(options.pid, 12);
    assert_string_equal(options.username, "me");
    assert_string_equal(options.password, "secret");
    assert_true(options.json);
}

static void test_window_follows_the_qos_unless_it_is_given(void **state)
{
    (void)state;
    struct bench_options options;
    assert_true(parse(&options, "--qos 1", NULL));
    assert_int_equal(options.window, 100);
    assert_true(parse(&options, "--qos 1 --window 0", NULL));
    assert_int_equal(options.window, 65535); /* packet ids */
    assert_true(parse(&options, "--qos 0 --window 0", NULL));
    assert_int_equal(options.window, 0);
}

static void test_refusals_name_the_option(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *text;
    } rows[] = {
        {"--payload 23", "--payload 23: expected a whole number from 24 to 1048576"},
        {"--qos 3", "--qos 3: expected a whole number from 0 to 2"},
        {"--topics 0", "--topics 0: expected a whole number from 1 to 1000000"},
        {"--version 4.2", "--version 4.2: expected 3.1.1 or 5"},
        {"--duration soon", "--duration soon: expected seconds, such as 5 or 0.5"},
        {"--duration 0", "--duration 0: expected more than 0 seconds, or --count"},
        {"--port 0", "--port 0: a broker has a port from 1 to 65535"},
        {"--pubs 0", "--pubs 0: expected at least one publisher"},
        {"--relay --idle 5", "--relay and --idle exclude each other"},
        {"--nonsense", "--nonsense: unknown option"},
        {"--pubs", "--pubs: needs a value"},
        {"--pubs 1 more", "more: unexpected argument"},
        {"--topics 5", "--topics 5: more than publishers and subscribers"},
        {"--password x", "--password without --username needs --version 5"},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct bench_options options;
        struct error err = {0};
        assert_false(parse(&options, rows[i].line, &err));
        assert_int_equal(err.code, ERR_INVALID);
        assert_string_equal(err.text, rows[i].text);
    }
}

static void test_exit_codes(void **state)
{
    (void)state;
    char *usage[] = {(char *)"mqtt", (char *)"--qos", (char *)"9", NULL};
    char *nobody[] = {(char *)"mqtt", (char *)"--port", (char *)"1", NULL};
    assert_int_equal(bench_mqtt_main(3, usage), 2);
    assert_int_equal(bench_mqtt_main(3, nobody), 1);
}

static void test_help_has_an_example(void **state)
{
    (void)state;
    assert_non_null(strstr(bench_options_help, "example:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_every_option_reaches_its_field),
        cmocka_unit_test(test_window_follows_the_qos_unless_it_is_given),
        cmocka_unit_test(test_refusals_name_the_option),
        cmocka_unit_test(test_exit_codes),
        cmocka_unit_test(test_help_has_an_example),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
