/* `varve bench tier`: its options, and a whole run on a directory. */
#include "harness.h"

#include "bench/bench.h"
#include "bench/tier_internal.h"

#include "base/mem.h"

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#define COUNT 3000

static bool parse(struct tier_bench_options *options, const char *line, struct error *err)
{
    static char words[512];
    char *argv[64] = {(char *)"tier"};
    int argc = 1;
    strcpy(words, line);
    for (char *word = strtok(words, " "); word != NULL && argc < 64; word = strtok(NULL, " "))
        argv[argc++] = word;
    return tier_options_parse(options, argc, argv, err);
}

static void test_every_option_reaches_its_field(void **state)
{
    (void)state;
    struct tier_bench_options options;
    assert_true(parse(&options, "", NULL));
    assert_int_equal(options.count, 2000000);
    assert_int_equal(options.payload_bytes, 200);
    assert_int_equal(options.upload_bytes, 32 << 20);
    assert_string_equal(options.bucket, "varve");
    assert_null(options.endpoint);
    assert_true(
        parse(&options,
              "--count 100 --random --payload 1000 --upload-bytes 1MiB --memory 2MiB --seeks 3 --keep "
              "--no-verify --json --dir d --endpoint e --bucket b --prefix p --region r --access-key-id a "
              "--secret-access-key s --access auto --ca-file c",
              NULL));
    assert_int_equal(options.count, 100);
    assert_true(options.random && options.keep && options.no_verify && options.json);
    assert_int_equal(options.payload_bytes, 1000);
    assert_int_equal(options.upload_bytes, 1 << 20);
    assert_int_equal(options.memory_bytes, 2 << 20);
    assert_int_equal(options.seeks, 3);
    assert_string_equal(options.dir, "d");
    assert_string_equal(options.endpoint, "e");
    assert_string_equal(options.bucket, "b");
    assert_string_equal(options.prefix, "p");
    assert_string_equal(options.region, "r");
    assert_string_equal(options.access_key, "a");
    assert_string_equal(options.secret_key, "s");
    assert_string_equal(options.access, "auto");
    assert_string_equal(options.ca_file, "c");
}

static void test_what_cannot_be_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *text;
    } cases[] = {
        {"--count 5", "--count"},
        {"--payload 300", "--payload 300: telemetry has 200 bytes"},
        {"--region r", "--region is of an S3 server"},
        {"--endpoint e --access-key-id a", "go together"},
        {"--access sideways", "--access sideways"},
        {"--upload-bytes much", "--upload-bytes much: expected a size"},
        {"left", "left: unexpected argument"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct tier_bench_options options;
        struct error err = {0};
        assert_false(parse(&options, cases[i].line, &err));
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.text, cases[i].text));
    }
}

static void run(const char *line, struct tier_bench_options *options, struct tier_bench_result *result)
{
    struct error err = {0};
    *result = (struct tier_bench_result){0};
    ASSERT_OK(parse(options, line, &err) && tier_bench_run(options, result, &err), err);
}

static void test_all_steps_find_what_was_appended(void **state)
{
    (void)state;
    static const char *const lines[] = {"--count 3000 --seeks 4 --upload-bytes 128KiB",
                                        "--count 3000 --seeks 4 --upload-bytes 128KiB --random --payload 90"};
    for (size_t i = 0; i < LENGTH(lines); i++) {
        struct tier_bench_options options;
        struct tier_bench_result result;
        run(lines[i], &options, &result);
        assert_int_equal(result.read, COUNT);
        assert_int_equal(result.read_raw_bytes, COUNT * options.payload_bytes);
        assert_int_equal(result.lost + result.different, 0);
        assert_int_equal(result.restored_rows, COUNT);
        assert_int_equal(result.restored_bytes, result.file_bytes);
        assert_true(result.files > 1 && result.commits > 0 && result.migrate.puts >= 3 * result.commits);
        assert_int_equal(result.migrated_raw_bytes, (COUNT - COUNT / 100) * options.payload_bytes);
        assert_true(result.replay.gets > 0 && result.replay.bytes_down > 0);
        assert_int_equal(result.by_offset.count, 2);
        assert_int_equal(result.by_time.count, 2);
        assert_true(result.by_offset.gets_max >= 1 && result.by_offset.gets_max <= 2);
    }
}

static void test_the_json_of_a_run_is_whole(void **state)
{
    (void)state;
    struct tier_bench_options options;
    struct tier_bench_result result;
    struct buf out = {0};
    run("--count 500 --seeks 2 --json --no-verify", &options, &result);
    report_tier(&out, &options, &result);
    json_t *json = json_loadb((const char *)out.data, out.len, 0, NULL);
    assert_non_null(json);
    const char *mode, *store, *data;
    json_int_t messages, commits, files, lost, read, restored;
    double per_core;
    assert_int_equal(
        json_unpack(
            json, "{s:s, s:s, s:s, s:I, s:{s:I, s:F}, s:{s:I}, s:{s:I, s:F}, s:{s:o, s:o}, s:{s:I}, s:I}",
            "mode", &mode, "store", &store, "data", &data, "messages", &messages, "migrate", "commits",
            &commits, "megabytes_per_cpu_second", &per_core, "table", "files", &files, "replay", "messages",
            &read, "gets_per_8mib", &per_core, "seek", "by_offset", &(json_t *){NULL}, "by_time",
            &(json_t *){NULL}, "restore", "messages", &restored, "lost", &lost),
        0);
    assert_string_equal(mode, "tier");
    assert_string_equal(store, "directory");
    assert_string_equal(data, "telemetry");
    assert_int_equal(messages, 500);
    assert_int_equal(read, 500);
    assert_int_equal(restored, 500);
    assert_int_equal(lost, 0);
    json_decref(json);
    buf_reset(&out);
    options.json = false;
    report_tier(&out, &options, &result);
    buf_append_byte(&out, '\0');
    assert_non_null(strstr((const char *)out.data, "GETs for 8 MiB"));
    buf_free(&out);
}

static void test_a_directory_that_is_there_is_left_alone(void **state)
{
    (void)state;
    char dir[] = "/tmp/varve-test-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct tier_bench_options options;
    struct tier_bench_result result;
    struct error err = {0};
    assert_true(parse(&options, "--count 100", NULL));
    options.dir = dir;
    assert_false(tier_bench_run(&options, &result, &err));
    assert_int_equal(err.code, ERR_EXISTS);
    assert_int_equal(rmdir(dir), 0);
}

static void test_a_step_that_fails_says_which_and_why(void **state)
{
    (void)state;
    struct tier_bench_options options;
    struct tier_bench_result result;
    struct error err = {0};
    assert_true(
        parse(&options, "--count 100 --endpoint nonsense --access-key-id a --secret-access-key s", NULL));
    assert_false(tier_bench_run(&options, &result, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.text, "migrate"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_option_reaches_its_field),
        cmocka_unit_test(test_what_cannot_be_is_refused_by_name),
        cmocka_unit_test(test_all_steps_find_what_was_appended),
        cmocka_unit_test(test_the_json_of_a_run_is_whole),
        cmocka_unit_test(test_a_directory_that_is_there_is_left_alone),
        cmocka_unit_test(test_a_step_that_fails_says_which_and_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
