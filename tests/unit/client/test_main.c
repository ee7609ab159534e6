/* The commands as a whole: exit codes, what is printed, standard input. */
#include "fake_broker.h"

#include "client/command_internal.h"

/* Runs a command with standard input from text; *out is what it printed. */
static int run(int (*command)(int, char **), char **argv, const char *input, struct buf *out)
{
    char in_path[] = "/tmp/varve-test-XXXXXX", out_path[] = "/tmp/varve-test-XXXXXX";
    int in = mkstemp(in_path), captured = mkstemp(out_path);
    int saved_in = dup(STDIN_FILENO), saved_out = dup(STDOUT_FILENO);
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    assert_true(in >= 0 && captured >= 0);
    assert_int_equal(write(in, input, strlen(input)), strlen(input));
    lseek(in, 0, SEEK_SET);
    fflush(stdout);
    dup2(in, STDIN_FILENO);
    dup2(captured, STDOUT_FILENO);
    int code = command(argc, argv);
    fflush(stdout);
    dup2(saved_in, STDIN_FILENO);
    dup2(saved_out, STDOUT_FILENO);
    assert_true(buf_read_file(out, out_path, 1 << 20, NULL));
    close(in);
    close(captured);
    close(saved_in);
    close(saved_out);
    unlink(in_path);
    unlink(out_path);
    return code;
}

static char port[8];

static void start(struct fake_broker *broker, fake_answer_fn *answer)
{
    fake_start(broker, answer);
    snprintf(port, sizeof port, "%u", broker->port);
}

#define ARGS(...) ((char *[]){__VA_ARGS__, NULL})
#define S(text)   ((char *)text)

static void test_pub_sends_each_line_of_standard_input(void **state)
{
    (void)state;
    static const char *const lines[] = {"first", "", "third, without an end"};
    struct fake_broker broker;
    struct buf out = {0};
    start(&broker, fake_acknowledge);
    assert_int_equal(run(client_pub_main,
                         ARGS(S("pub"), S("-p"), port, S("-t"), S("a"), S("-l"), S("-q"), S("1")),
                         "first\n\nthird, without an end", &out),
                     0);
    fake_stop(&broker);
    assert_int_equal(broker.publishes, 3);
    for (unsigned i = 0; i < 3; i++) {
        struct mqtt_frame frame;
        struct mqtt_publish publish;
        assert_true(fake_find(&broker, MQTT_PUBLISH, i, &frame));
        assert_int_equal(mqtt_decode_publish(&frame, MQTT_5, &publish), MQTT_SUCCESS);
        assert_true(str_is(publish.payload, lines[i]));
    }
    assert_int_equal(out.len, 0);
    fake_free(&broker);
    buf_free(&out);
}

static void test_pub_sends_a_file_whole(void **state)
{
    (void)state;
    char path[] = "/tmp/varve-test-XXXXXX";
    struct fake_broker broker;
    struct mqtt_frame frame;
    struct mqtt_publish publish;
    struct buf out = {0};
    int file = mkstemp(path);
    assert_int_equal(write(file, "a\nb\0c", 5), 5);
    close(file);
    start(&broker, fake_acknowledge);
    assert_int_equal(
        run(client_pub_main, ARGS(S("pub"), S("-p"), port, S("-t"), S("a"), S("-f"), path), "", &out), 0);
    fake_stop(&broker);
    assert_true(fake_find(&broker, MQTT_PUBLISH, 0, &frame));
    assert_int_equal(mqtt_decode_publish(&frame, MQTT_5, &publish), MQTT_SUCCESS);
    assert_true(str_equal(publish.payload, str_make("a\nb\0c", 5)));
    fake_free(&broker);
    buf_free(&out);
    unlink(path);
}

static void send_two(struct fake_broker *broker, const struct mqtt_frame *packet)
{
    if (packet->type != MQTT_SUBSCRIBE)
        return;
    FAKE_SEND(broker, "\x90\x04\x00\x01\x00\x00");
    fake_publish(broker, "t/1", 0, 0, "one");
    fake_publish(broker, "t/2", 0, 0, "two");
}

static void test_sub_prints_messages_until_the_count(void **state)
{
    (void)state;
    static const struct {
        const char *option;
        const char *printed;
    } rows[] = {
        {"--qos=0", "one\ntwo\n"},
        {"--verbose", "t/1 one\nt/2 two\n"},
        {"--json", "{\"topic\":\"t/1\",\"qos\":0,\"retain\":false,\"payload\":\"one\",\"properties\":{}}\n"
                   "{\"topic\":\"t/2\",\"qos\":0,\"retain\":false,\"payload\":\"two\",\"properties\":{}}\n"},
    };
    TABLE_EACH(row, rows)
    {
        struct fake_broker broker;
        struct buf out = {0};
        start(&broker, send_two);
        assert_int_equal(
            run(client_sub_main,
                ARGS(S("sub"), S("-p"), port, S("-t"), S("t/#"), S("-C"), S("2"), S(row->option)), "", &out),
            0);
        fake_stop(&broker);
        assert_string_equal(buf_cstr(&out), row->printed);
        assert_string_equal(fake_types(&broker), "CONNECT SUBSCRIBE DISCONNECT");
        fake_free(&broker);
        buf_free(&out);
    }
}

static void test_too_few_messages_in_time_is_a_failure_and_time_alone_is_not(void **state)
{
    (void)state;
    struct fake_broker broker;
    struct buf out = {0};
    start(&broker, send_two);
    assert_int_equal(run(client_sub_main,
                         ARGS(S("sub"), S("-p"), port, S("-t"), S("t"), S("-C"), S("3"), S("-W"), S("0.1")),
                         "", &out),
                     1);
    fake_stop(&broker);
    fake_free(&broker);
    start(&broker, send_two);
    buf_reset(&out);
    assert_int_equal(
        run(client_sub_main, ARGS(S("sub"), S("-p"), port, S("-t"), S("t"), S("-W"), S("0.1")), "", &out), 0);
    fake_stop(&broker);
    fake_free(&broker);
    buf_free(&out);
}

static void test_exit_codes_of_usage_and_failure(void **state)
{
    (void)state;
    struct buf out = {0};
    assert_int_equal(run(client_pub_main, ARGS(S("pub"), S("--nonsense")), "", &out), 2);
    assert_int_equal(run(client_sub_main, ARGS(S("sub"), S("--nonsense")), "", &out), 2);
    assert_int_equal(
        run(client_pub_main, ARGS(S("pub"), S("-p"), S("1"), S("-t"), S("a"), S("-n")), "", &out), 1);
    assert_int_equal(out.len, 0);
    assert_int_equal(run(client_pub_main, ARGS(S("pub"), S("--help")), "", &out), 0);
    assert_string_equal(buf_cstr(&out), command_pub_help);
    buf_free(&out);
}

RUN_TESTS(cmocka_unit_test(test_pub_sends_each_line_of_standard_input),
          cmocka_unit_test(test_pub_sends_a_file_whole),
          cmocka_unit_test(test_sub_prints_messages_until_the_count),
          cmocka_unit_test(test_too_few_messages_in_time_is_a_failure_and_time_alone_is_not),
          cmocka_unit_test(test_exit_codes_of_usage_and_failure))
