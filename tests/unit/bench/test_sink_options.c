/* Options of `varve bench sink`: what each mode takes, what is refused and in which words. */
#include "harness.h"

#include "bench/bench.h"
#include "bench/sink_options_internal.h"

static bool parse(struct sink_options *options, const char *line, struct error *err)
{
    static char words[512];
    char *argv[32] = {(char *)"sink"};
    int argc = 1;
    strcpy(words, line);
    for (char *word = strtok(words, " "); word != NULL && argc < 32; word = strtok(NULL, " "))
        argv[argc++] = word;
    return sink_options_parse(options, argc, argv, err);
}

static void test_modes_have_their_defaults(void **state)
{
    (void)state;
    struct sink_options options;
    assert_true(parse(&options, "direct", NULL));
    assert_int_equal(options.mode, SINK_DIRECT);
    assert_int_equal(options.load.count, 20000);
    assert_int_equal(options.load.pubs, 16);
    assert_int_equal(options.load.topics, 16);
    assert_int_equal(options.load.subs, 0);
    assert_int_equal(options.load.qos, 1);
    assert_int_equal(options.connections, 32);
    assert_null(options.connector);
    assert_true(parse(&options, "aggregated", NULL));
    assert_int_equal(options.load.count, 2000000);
    assert_string_equal(options.container, "json_lines");
    assert_string_equal(options.compression, "none");
    assert_int_equal(options.interval_ms, 1000);
    assert_int_equal(options.object_bytes, 64 << 20);
}

static void test_every_option_reaches_its_field(void **state)
{
    (void)state;
    struct sink_options options;
    assert_true(parse(&options,
                      "direct --data d --url u --key k --endpoint e --region r --bucket b --access-key-id a "
                      "--secret-access-key s --access vhost --connections 7",
                      NULL));
    assert_string_equal(options.data, "d");
    assert_string_equal(options.url, "u");
    assert_string_equal(options.key, "k");
    assert_string_equal(options.endpoint, "e");
    assert_string_equal(options.region, "r");
    assert_string_equal(options.bucket, "b");
    assert_string_equal(options.access_key, "a");
    assert_string_equal(options.secret_key, "s");
    assert_string_equal(options.access, "vhost");
    assert_int_equal(options.connections, 7);
    assert_true(
        parse(&options,
              "aggregated --directory d --container csv --compression gzip --interval 2.5 --records 9 "
              "--object-bytes 1MiB --pubs 3 --count 30 --window 5 -q 2 --quiet 4 --select payload --json",
              NULL));
    assert_string_equal(options.directory, "d");
    assert_string_equal(options.container, "csv");
    assert_string_equal(options.compression, "gzip");
    assert_int_equal(options.interval_ms, 2500);
    assert_int_equal(options.records, 9);
    assert_int_equal(options.object_bytes, 1 << 20);
    assert_int_equal(options.load.topics, 3);
    assert_int_equal(options.load.qos, 2);
    assert_int_equal(options.load.quiet_ms, 4000);
    assert_string_equal(options.select, "payload");
    assert_true(options.load.json);
}

static void test_what_cannot_be_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *text;
    } cases[] = {
        {"sideways", "sideways: expected direct or aggregated"},
        {"direct --records 5", "--records"},
        {"direct --qos 0", "--qos"},
        {"direct --pubs 5 --count 4", "--count 4: fewer than publishers"},
        {"direct --endpoint e --directory d", "exclude each other"},
        {"direct --connector c --directory d", "exclude each other"},
        {"direct --endpoint e --access-key-id a", "go together"},
        {"direct --access-key-id a --secret-access-key s", "see --endpoint"},
        {"direct --password p", "--password without --username"},
        {"aggregated --interval 0.5", "--interval"},
        {"aggregated --object-bytes many", "--object-bytes many: expected a size"},
        {"direct left", "left: unexpected argument"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct sink_options options;
        struct error err = {0};
        assert_false(parse(&options, cases[i].line, &err));
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.text, cases[i].text));
    }
}

static void test_usage_is_exit_code_2_and_nobody_there_is_1(void **state)
{
    (void)state;
    char *none[] = {(char *)"sink"};
    char *nobody[] = {(char *)"sink", (char *)"direct", (char *)"--data", (char *)"/nonexistent"};
    assert_int_equal(bench_sink_main(1, none), 2);
    assert_int_equal(bench_sink_main(4, nobody), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes_have_their_defaults),
        cmocka_unit_test(test_every_option_reaches_its_field),
        cmocka_unit_test(test_what_cannot_be_is_refused_by_name),
        cmocka_unit_test(test_usage_is_exit_code_2_and_nobody_there_is_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
