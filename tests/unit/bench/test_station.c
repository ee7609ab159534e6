/* What measures stations, against a station of the test's own that loses, repeats and swaps messages on purpose, and
 * against the segment log itself. */
#include "harness.h"

#include "bench/bench.h"
#include "bench/station_internal.h"

#include "station_fake.h"

#include <fcntl.h>

static struct load_result result;

static bool parse(struct station_options *options, const struct fake *fake, const char *line,
                  struct error *err)
{
    static char words[512];
    char *argv[32] = {(char *)"station"};
    int argc = 1;
    if (fake != NULL)
        snprintf(words, sizeof words, "%s -p %u", line, fake->port);
    else
        snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word != NULL && argc < 32; word = strtok(NULL, " "))
        argv[argc++] = word;
    return station_options_parse(options, argc, argv, err);
}

static void run(const struct fake *fake, struct station_options *options, const char *line)
{
    struct error err = {0};
    ASSERT_OK(parse(options, fake, line, &err) && station_load_run(options, &result, &err), err);
}

static void assert_counts(uint64_t published, uint64_t delivered, uint64_t lost, uint64_t duplicates,
                          uint64_t late)
{
    assert_int_equal(result.total_published, published);
    assert_int_equal(result.total_delivered, delivered);
    assert_int_equal(result.lost, lost);
    assert_int_equal(result.duplicates, duplicates);
    assert_int_equal(result.late, late);
    assert_int_equal(result.foreign, 0);
    assert_int_equal(result.unacked, 0);
}

static enum fake_deed bad(unsigned number)
{
    return number % 50 == 10   ? FAKE_DROP
           : number % 50 == 20 ? FAKE_TWICE
           : number % 50 == 30 ? FAKE_SWAP_WITH_NEXT
                               : FAKE_PASS;
}

static void test_a_replay_gets_what_was_published_before(void **state)
{
    (void)state;
    static const char *const lines[] = {"-q 0 -V 3.1.1", "-q 1 -V 3.1.1", "-q 0 -V 5", "-q 1 -V 5",
                                        "-q 1 --threads 2"};
    for (size_t i = 0; i < LENGTH(lines); i++) {
        struct fake fake = {0};
        struct station_options options;
        char line[128];
        snprintf(line, sizeof line, "replay --count 1001 --pubs 3 --window 20 %s", lines[i]);
        fake_start(&fake);
        run(&fake, &options, line);
        fake_stop(&fake);
        assert_counts(1001, 1001, 0, 0, 0);
        assert_string_equal(fake.filter, "$station/bench@earliest");
        assert_int_equal(fake.acknowledged, options.load.sub_qos == 0 ? 0 : 1001);
        assert_int_equal(result.acked, 1001);
        assert_int_equal(result.latency.total, 1001);
        assert_true(result.read_seconds > 0);
    }
}

static void test_loss_repetition_and_disorder_of_a_replay_are_told(void **state)
{
    (void)state;
    struct fake fake = {.deed = bad};
    struct station_options options;
    fake_start(&fake);
    run(&fake, &options, "replay --count 1000 --pubs 1 --start offset:0 --quiet 0.3");
    fake_stop(&fake);
    assert_string_equal(fake.filter, "$station/bench@offset:0");
    assert_counts(1000, 980, 20, 20, 20);
}

static void test_every_subscriber_of_a_replay_gets_everything(void **state)
{
    (void)state;
    struct fake fake = {0};
    struct station_options options;
    fake_start(&fake);
    run(&fake, &options, "replay --count 300 --pubs 2 --subs 3");
    fake_stop(&fake);
    assert_counts(300, 900, 0, 0, 0);
}

static void test_a_group_shares_the_messages(void **state)
{
    (void)state;
    struct fake fake = {.members = 4};
    struct station_options options;
    fake_start(&fake);
    run(&fake, &options, "groups --count 1000 --pubs 4 --members 4 --station s1");
    fake_stop(&fake);
    assert_counts(1000, 1000, 0, 0, 0);
    assert_true(strncmp(fake.filter, "$share/bench-", strlen("$share/bench-")) == 0);
    assert_non_null(strstr(fake.filter, "/$station/s1@earliest"));
    for (int i = 0; i < 4; i++)
        assert_int_equal(result.shares[i], 250);
}

/* What comes twice goes to the other member, which has later messages of the same publisher by then or not: a delivery
 * again is no disorder. */
static void test_loss_and_redelivery_in_a_group_are_told(void **state)
{
    (void)state;
    struct fake fake = {.members = 2, .deed = bad};
    struct station_options options;
    fake_start(&fake);
    run(&fake, &options, "groups --count 1000 --pubs 1 --members 2 --quiet 0.3");
    fake_stop(&fake);
    assert_counts(1000, 980, 20, 20, 20);
}

static void test_produce_counts_what_is_acknowledged_and_reads_it_again(void **state)
{
    (void)state;
    struct fake fake = {0};
    struct station_options options;
    fake_start(&fake);
    run(&fake, &options, "produce --count 500 --pubs 2 --window 7");
    fake_stop(&fake);
    assert_counts(500, 500, 0, 0, 0);
    assert_int_equal(result.acked, 500);
    assert_int_equal(result.latency.total, 500);
}

static void test_a_refused_message_is_not_acknowledged(void **state)
{
    (void)state;
    struct fake fake = {.refuse_every = 10};
    struct station_options options;
    fake_start(&fake);
    run(&fake, &options, "produce --count 500 --pubs 1 --no-verify -V 5");
    fake_stop(&fake);
    assert_int_equal(result.refused, 50);
    assert_int_equal(result.acked, 450);
    assert_int_equal(result.unacked, 0);
    assert_int_equal(fake.kept, 450);
}

static void test_json_tells_the_shares_of_a_group(void **state)
{
    (void)state;
    struct fake fake = {.members = 2};
    struct station_options options;
    struct buf out = {0};
    fake_start(&fake);
    run(&fake, &options, "groups --count 100 --pubs 1 --members 2 --json");
    fake_stop(&fake);
    report_station_load(&out, &options, &result);
    assert_non_null(
        strstr(buf_cstr(&out), "{\"mode\":\"groups\",\"station\":\"bench\",\"pubs\":1,\"subs\":2,"));
    assert_non_null(strstr(buf_cstr(&out), "\"redelivered\":0,\"shares\":[50,50],\"latency_us\":{\"p50\":"));
    buf_free(&out);
}

static void test_nobody_to_create_a_station_is_said(void **state)
{
    (void)state;
    struct station_options options;
    struct error err = {0};
    assert_true(parse(&options, NULL, "replay --create --url http://127.0.0.1:1/ --key a:b", &err));
    assert_false(station_load_run(&options, &result, &err));
    assert_non_null(strstr(err.text, "POST http://127.0.0.1:1/api/v5/stations: "));
    assert_string_equal(err.hint, "is the broker's HTTP listener there? see --url");
    assert_true(parse(&options, NULL, "replay --data /nowhere/at/all", &err));
    assert_false(station_load_run(&options, &result, &err));
    assert_string_equal(err.hint, "is a broker running with this data directory?");
}

/* ---- the HTTP API ---- */

static char top[] = "/tmp/varve-bench-test-XXXXXX";

static int setup(void **state)
{
    (void)state;
    return mkdtemp(top) == NULL;
}

static int teardown(void **state)
{
    (void)state;
    station_dir_remove(top);
    return 0;
}

/* An API that answers every request on one connection alike and remembers what was asked. */
struct api {
    const char *answer;
    uint16_t port;
    int listener;
    pthread_t thread;
    struct buf asked; /* all requests, one behind the other */
};

static void *api_run(void *arg)
{
    struct api *api = arg;
    size_t answered = 0;
    int fd = accept(api->listener, NULL, NULL);
    for (;;) {
        buf_reserve(&api->asked, 4096);
        ssize_t got = recv(fd, api->asked.data + api->asked.len, 4096, 0);
        if (got <= 0)
            break;
        api->asked.len += (size_t)got;
        const char *text = buf_cstr(&api->asked);
        const char *end = strstr(text + answered, "\r\n\r\n");
        const char *length = strstr(text + answered, "Content-Length: ");
        if (end == NULL)
            continue;
        size_t body = length != NULL ? strtoul(length + strlen("Content-Length: "), NULL, 10) : 0;
        size_t whole = (size_t)(end - text) + 4 + body;
        if (api->asked.len < whole)
            continue;
        answered = whole;
        fake_must(send(fd, api->answer, strlen(api->answer), MSG_NOSIGNAL) == (ssize_t)strlen(api->answer));
    }
    close(fd);
    return NULL;
}

static void api_start(struct api *api)
{
    struct stream_address address;
    assert_true(stream_resolve(&address, "127.0.0.1", 0, NULL));
    api->listener = stream_listen(&address, &api->port, NULL);
    assert_true(fcntl(api->listener, F_SETFL, 0) == 0); /* accept() waits */
    assert_true(thread_start(&api->thread, "api", api_run, api, NULL));
}

static void api_stop(struct api *api)
{
    pthread_join(api->thread, NULL);
    close(api->listener);
}

static void write_text(const char *dir, const char *name, const char *text)
{
    char path[256];
    struct buf content = {0};
    struct error err = {0};
    snprintf(path, sizeof path, "%s/%s", dir, name);
    buf_append_str(&content, str_of(text));
    ASSERT_OK(buf_write_file(&content, path, 0600, &err), err);
    buf_free(&content);
}

static void test_a_station_is_created_with_the_key_of_the_data_directory_and_deleted(void **state)
{
    (void)state;
    struct fake fake = {0};
    struct api api = {.answer = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"};
    struct station_options options;
    struct error err = {0};
    char text[256];
    fake_start(&fake);
    api_start(&api);
    snprintf(text, sizeof text,
             "{\"pid\":1,\"listeners\":{\"tcp.default\":\"127.0.0.1:%u\",\"http\":\"127.0.0.1:%u\"}}",
             fake.port, api.port);
    write_text(top, "run.json", text);
    write_text(top, "admin.key", "one:two\n");
    snprintf(text, sizeof text, "replay --data %s --create --sync 5ms --count 20 --pubs 2 --topic-prefix b",
             top);
    ASSERT_OK(parse(&options, NULL, text, &err) && station_load_run(&options, &result, &err), err);
    fake_stop(&fake);
    api_stop(&api);
    assert_counts(20, 20, 0, 0, 0);
    const char *asked = buf_cstr(&api.asked);
    assert_true(strncmp(asked, "POST /api/v5/stations HTTP/1.1\r\n", 32) == 0);
    assert_non_null(strstr(asked, "Authorization: Basic b25lOnR3bw==\r\n"));
    assert_non_null(strstr(asked, "{\"name\":\"bench\",\"topics\":[\"b/#\"],\"sync\":\"5ms\"}"));
    assert_non_null(strstr(asked, "DELETE /api/v5/stations/bench HTTP/1.1\r\n"));
    buf_free(&api.asked);
}

static void test_a_station_that_exists_is_said_in_the_brokers_words(void **state)
{
    (void)state;
    static const char *const lines[] = {"409 Conflict", "401 Unauthorized"};
    static const char *const hints[] = {"leave out --create to use it, or choose another --station",
                                        "give --key, or --data with the broker's data directory"};
    for (size_t i = 0; i < LENGTH(lines); i++) {
        char answer[256];
        char line[256];
        struct api api = {.answer = answer};
        struct station_options options;
        struct error err = {0};
        snprintf(answer, sizeof answer, "HTTP/1.1 %s\r\nContent-Length: 28\r\n\r\n%s", lines[i],
                 "{\"code\":\"X\",\"message\":\"no\"} ");
        api_start(&api);
        snprintf(line, sizeof line, "replay --create --url http://127.0.0.1:%u --key secret:word", api.port);
        assert_true(parse(&options, NULL, line, &err));
        assert_false(station_load_run(&options, &result, &err));
        api_stop(&api);
        assert_string_equal(err.hint, hints[i]);
        assert_non_null(strstr(err.text, ", no"));
        assert_null(strstr(err.text, "word"));
        buf_free(&api.asked);
    }
}

/* ---- append ---- */

static void test_append_reads_every_record_again(void **state)
{
    (void)state;
    static const char *const syncs[] = {"commit", "none", "10ms"};
    static struct append_result appended;
    for (size_t i = 0; i < LENGTH(syncs); i++) {
        struct station_options options;
        struct error err = {0};
        char line[256];
        snprintf(
            line, sizeof line,
            "append --dir %s/log --seconds 0.1 --threads 3 --batch 7 --depth 3 --payload 300 --segment 1MiB "
            "--sync %s",
            top, syncs[i]);
        ASSERT_OK(parse(&options, NULL, line, &err) && append_run(&options, &appended, &err), err);
        assert_true(appended.messages > 0);
        assert_int_equal(appended.read, appended.messages);
        assert_int_equal(appended.bytes, appended.messages * 300);
        assert_int_equal(appended.lost + appended.duplicates + appended.late, 0);
        assert_int_equal(appended.latency.total, appended.messages / 7);
        assert_true(appended.written_bytes >= appended.bytes);
        assert_true(appended.disk_bytes > 0);
        assert_true(i > 0 || appended.syncs > 0);
        assert_int_not_equal(access(options.dir, F_OK), 0);
    }
}

static void test_append_keeps_its_hands_off_a_directory_that_exists(void **state)
{
    (void)state;
    static struct append_result appended;
    struct station_options options;
    struct error err = {0};
    char line[128];
    snprintf(line, sizeof line, "append --dir %s", top);
    assert_true(parse(&options, NULL, line, &err));
    assert_false(append_run(&options, &appended, &err));
    assert_int_equal(err.code, ERR_EXISTS);
    assert_string_equal(err.hint, "choose a --dir that does not exist");
    assert_int_equal(access(top, F_OK), 0);
}

static void test_recovery_says_why_the_broker_does_not_start(void **state)
{
    (void)state;
    static struct recovery_result recovered;
    struct station_options options;
    struct error err = {0};
    char line[128];
    snprintf(line, sizeof line, "recovery --dir %s/data --broker /bin/false", top);
    assert_true(parse(&options, NULL, line, &err));
    assert_false(recovery_run(&options, &recovered, &err));
    assert_string_equal(err.text, "/bin/false serve does not start: it printed nothing");
    assert_int_not_equal(access(options.dir, F_OK), 0);
}

static void test_exit_codes(void **state)
{
    (void)state;
    char *usage[] = {(char *)"station", (char *)"replay", (char *)"--qos", (char *)"9", NULL};
    char *nobody[] = {(char *)"station", (char *)"replay", (char *)"--port", (char *)"1", NULL};
    assert_int_equal(bench_station_main(4, usage), 2);
    assert_int_equal(bench_station_main(4, nobody), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_replay_gets_what_was_published_before),
        cmocka_unit_test(test_loss_repetition_and_disorder_of_a_replay_are_told),
        cmocka_unit_test(test_every_subscriber_of_a_replay_gets_everything),
        cmocka_unit_test(test_a_group_shares_the_messages),
        cmocka_unit_test(test_loss_and_redelivery_in_a_group_are_told),
        cmocka_unit_test(test_produce_counts_what_is_acknowledged_and_reads_it_again),
        cmocka_unit_test(test_a_refused_message_is_not_acknowledged),
        cmocka_unit_test(test_json_tells_the_shares_of_a_group),
        cmocka_unit_test(test_nobody_to_create_a_station_is_said),
        cmocka_unit_test(test_a_station_is_created_with_the_key_of_the_data_directory_and_deleted),
        cmocka_unit_test(test_a_station_that_exists_is_said_in_the_brokers_words),
        cmocka_unit_test(test_append_reads_every_record_again),
        cmocka_unit_test(test_append_keeps_its_hands_off_a_directory_that_exists),
        cmocka_unit_test(test_recovery_says_why_the_broker_does_not_start),
        cmocka_unit_test(test_exit_codes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
