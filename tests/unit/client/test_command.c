/* Options of `varve pub` and `varve sub`. */
#include "harness.h"

#include "client/command_internal.h"

#define ARGS_MAX 32

static struct command_options options;

static bool parse(enum command command, const char *line, struct error *err)
{
    static char words[512];
    char *argv[ARGS_MAX + 1] = {(char *)"command"};
    int argc = 1;
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word != NULL && argc < ARGS_MAX; word = strtok(NULL, " "))
        argv[argc++] = word;
    command_options_free(&options);
    return command_options_parse(&options, command, argc, argv, err);
}

static void test_pub_options_reach_their_fields(void **state)
{
    (void)state;
    struct error err = {0};
    ASSERT_OK(parse(COMMAND_PUB, "-h b -p 99 -t a/b -m text -q 2 -r -i me -u u -P p -V 3.1.1 -k 5", &err),
              err);
    assert_string_equal(options.client.host, "b");
    assert_int_equal(options.client.port, 99);
    assert_string_equal(options.topics[0], "a/b");
    assert_string_equal(options.message, "text");
    assert_int_equal(options.qos, 2);
    assert_true(options.retain);
    assert_string_equal(options.client.client_id, "me");
    assert_string_equal(options.client.username, "u");
    assert_string_equal(options.client.password, "p");
    assert_int_equal(options.client.version, MQTT_3_1_1);
    assert_int_equal(options.client.keep_alive, 5);
    assert_false(options.client.tls);
    ASSERT_OK(parse(COMMAND_PUB, "-t a -l -D k=v=w -x 9", &err), err);
    assert_true(options.lines);
    assert_true(str_equal(buf_str(&options.user_properties), STR("\x26\x00\x01k\x00\x03v=w")));
    assert_int_equal(options.client.session_expiry, 9);
    assert_int_equal(options.client.version, MQTT_5);
}

static void test_sub_options_reach_their_fields(void **state)
{
    (void)state;
    struct error err = {0};
    ASSERT_OK(parse(COMMAND_SUB, "-t a/# -t +/b -C 3 -W 0.5 -v", &err), err);
    assert_int_equal(options.topic_count, 2);
    assert_string_equal(options.topics[1], "+/b");
    assert_int_equal(options.count, 3);
    assert_int_equal(options.wait_ms, 500);
    assert_true(options.verbose);
    assert_true(options.client.clean_start);
    ASSERT_OK(parse(COMMAND_SUB, "-t a -c -i me --json", &err), err);
    assert_true(options.json);
    assert_false(options.client.clean_start);
    assert_int_equal(options.client.session_expiry, UINT32_MAX);
    ASSERT_OK(parse(COMMAND_SUB, "-t a -c -i me -x 60", &err), err);
    assert_int_equal(options.client.session_expiry, 60);
}

static void test_certificates_imply_tls_and_its_port(void **state)
{
    (void)state;
    static const char *const lines[] = {"-t a -n --tls", "-t a -n --cafile f", "-t a -n --insecure",
                                        "-t a -n --cert c --key k"};
    struct error err = {0};
    TABLE_EACH(line, lines)
    {
        ASSERT_OK(parse(COMMAND_PUB, *line, &err), err);
        CHECK(options.client.tls && options.client.port == 8883, "%s", *line);
    }
    ASSERT_OK(parse(COMMAND_PUB, "-t a -n --tls -p 1883", &err), err);
    assert_int_equal(options.client.port, 1883);
}

static void test_refusals_name_the_option(void **state)
{
    (void)state;
    static const struct {
        enum command command;
        const char *line;
        const char *text;
    } rows[] = {
        {COMMAND_PUB, "-m x", "--topic is missing: where to publish"},
        {COMMAND_SUB, "", "--topic is missing: what to subscribe to"},
        {COMMAND_PUB, "-t a", "no message: give -m TEXT, -f FILE, -l or -n"},
        {COMMAND_PUB, "-t a -m x -n", "-m, -f, -l and -n exclude each other"},
        {COMMAND_PUB, "-t a/+ -n", "--topic a/+: no topic name (not empty, no + and no #)"},
        {COMMAND_PUB, "-t a -t b -n", "--topic b: one topic is enough to publish to"},
        {COMMAND_SUB, "-t a/#/b",
         "--topic a/#/b: no topic filter (+ stands alone in its level, # alone in the last)"},
        {COMMAND_SUB, "-t a -q 3", "--qos 3: expected a whole number from 0 to 2"},
        {COMMAND_SUB, "-t a -W no", "--wait no: expected seconds, such as 5 or 0.5"},
        {COMMAND_SUB, "-t a -c", "--persistent needs --id: the session is found by it"},
        {COMMAND_SUB, "-t a -v --json", "--verbose and --json exclude each other (JSON has the topic)"},
        {COMMAND_SUB, "-t a -D nothing", "--user-property nothing: expected key=value"},
        {COMMAND_SUB, "-t a -D k=v -V 3.1.1", "--user-property needs MQTT 5 (-V 5)"},
        {COMMAND_SUB, "-t a -x 5 -V 3.1.1", "--session-expiry needs MQTT 5 (-V 5)"},
        {COMMAND_SUB, "-t a -P p -V 3.1.1", "--password without --username needs MQTT 5 (-V 5)"},
        {COMMAND_SUB, "-t a --cert c", "--cert and --key belong together"},
        {COMMAND_SUB, "-t a -V 6", "--version 6: expected 3.1.1 or 5"},
        {COMMAND_SUB, "-t a -p 0", "--port 0: expected 1 to 65535"},
        {COMMAND_SUB, "-t a -m x", "-m: unknown option"},
        {COMMAND_SUB, "-t a more", "more: unexpected argument"},
        {COMMAND_SUB, "-t", "-t: needs a value"},
    };
    TABLE_EACH(row, rows)
    {
        struct error err = {0};
        CHECK(!parse(row->command, row->line, &err), "%s", row->line);
        CHECK(err.code == ERR_INVALID && strcmp(err.text, row->text) == 0, "%s: %s", row->line, err.text);
    }
}

static void test_help_has_an_example(void **state)
{
    (void)state;
    assert_non_null(strstr(command_pub_help, "example: varve pub"));
    assert_non_null(strstr(command_sub_help, "example: varve sub"));
    assert_true(parse(COMMAND_SUB, "--help", NULL));
    assert_true(options.help);
    command_options_free(&options);
}

RUN_TESTS(cmocka_unit_test(test_pub_options_reach_their_fields),
          cmocka_unit_test(test_sub_options_reach_their_fields),
          cmocka_unit_test(test_certificates_imply_tls_and_its_port),
          cmocka_unit_test(test_refusals_name_the_option), cmocka_unit_test(test_help_has_an_example))
