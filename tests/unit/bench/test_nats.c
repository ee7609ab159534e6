/* The NATS protocol as bench/jetstream.c reads it: whole operations, halves of them, and what is none. */
#include "harness.h"

#include "nats.h"

static enum nats_op parse(const char *text, struct nats_message *out)
{
    return nats_parse((const uint8_t *)text, strlen(text), out);
}

#define ASSERT_STR(view, text) assert_true(str_is(view, text))

static void test_a_message_is_taken_apart(void **state)
{
    (void)state;
    struct nats_message found;
    assert_int_equal(parse("MSG bench.0 9 5\r\nhello\r\nPING\r\n", &found), NATS_MSG);
    ASSERT_STR(found.subject, "bench.0");
    ASSERT_STR(found.sid, "9");
    ASSERT_STR(found.payload, "hello");
    assert_int_equal(found.reply.len, 0);
    assert_int_equal(found.headers.len, 0);
    assert_int_equal(found.total_bytes, strlen("MSG bench.0 9 5\r\nhello\r\n"));
    assert_int_equal(parse("msg a\t1  $JS.ACK.s.c.1.2.3.4.5 0\r\n\r\n", &found), NATS_MSG);
    ASSERT_STR(found.reply, "$JS.ACK.s.c.1.2.3.4.5");
    assert_int_equal(found.payload.len, 0);
    assert_int_equal(parse("MSG a 1 4\r\n\r\n\r\n\r\n", &found), NATS_MSG); /* line ends in a payload */
    assert_int_equal(found.payload.len, 4);
}

static void test_a_message_with_headers_is_taken_apart(void **state)
{
    (void)state;
    struct nats_message found;
    struct str value;
    const char *stalled = "HMSG _INBOX.1 1 69 69\r\nNATS/1.0 100 Idle Heartbeat\r\n"
                          "Nats-Consumer-Stalled: $JS.FC.s.c.x1\r\n\r\n\r\n";
    assert_int_equal(parse("HMSG a 1 r 12 17\r\nNATS/1.0\r\n\r\nhello\r\n", &found), NATS_MSG);
    ASSERT_STR(found.headers, "NATS/1.0\r\n\r\n");
    ASSERT_STR(found.payload, "hello");
    ASSERT_STR(found.reply, "r");
    assert_int_equal(nats_status(found.headers), 0);
    assert_int_equal(parse("HMSG a 1 r 36 36\r\nNATS/1.0 100 FlowControl Request\r\n\r\n\r\n", &found),
                     NATS_MSG);
    assert_int_equal(nats_status(found.headers), 100);
    assert_false(nats_header(found.headers, STR("Nats-Consumer-Stalled"), &value));
    assert_int_equal(parse(stalled, &found), NATS_MSG);
    assert_true(nats_header(found.headers, STR("nats-consumer-stalled"), &value));
    ASSERT_STR(value, "$JS.FC.s.c.x1");
    assert_int_equal(parse("HMSG a 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n", &found), NATS_MSG);
    assert_int_equal(nats_status(found.headers), 503);
}

static void test_other_operations(void **state)
{
    (void)state;
    struct nats_message found;
    assert_int_equal(parse("INFO {\"server_id\":\"x\"} \r\n", &found), NATS_INFO);
    ASSERT_STR(found.payload, "{\"server_id\":\"x\"}");
    assert_int_equal(parse("PING\r\n", &found), NATS_PING);
    assert_int_equal(parse("pong\r\n", &found), NATS_PONG);
    assert_int_equal(parse("+OK\r\n", &found), NATS_OK);
    assert_int_equal(found.total_bytes, 5);
    assert_int_equal(parse("-ERR 'Unknown Protocol Operation'\r\n", &found), NATS_ERR);
    ASSERT_STR(found.payload, "'Unknown Protocol Operation'");
}

static void test_every_beginning_of_a_message_asks_for_more(void **state)
{
    (void)state;
    static const char *const whole[] = {"MSG bench.0 9 reply 5\r\nhello\r\n",
                                        "HMSG a 1 12 17\r\nNATS/1.0\r\n\r\nhello\r\n", "PING\r\n",
                                        "INFO {}\r\n"};
    for (size_t i = 0; i < LENGTH(whole); i++) {
        size_t len = strlen(whole[i]);
        for (size_t cut = 0; cut < len; cut++) {
            struct nats_message found;
            uint8_t *copy = malloc(cut + 1); /* so that reading behind it is seen */
            memcpy(copy, whole[i], cut);
            CHECK(nats_parse(copy, cut, &found) == NATS_MORE, "%s to byte %zu", whole[i], cut);
            free(copy);
        }
    }
}

static void test_what_is_not_nats_is_bad(void **state)
{
    (void)state;
    static const char *const table[] = {
        "\r\n",
        "\n",
        "HTTP/1.1 200 OK\r\n",
        "PING\n",
        "MSG\r\n",
        "MSG a 1\r\n",
        "MSG a 1 x\r\nhello\r\n",
        "MSG a 1 -5\r\nhello\r\n",
        "MSG a 1 r 5 5\r\nhello\r\n",
        "MSG a 1 4\r\nhello\r\n",
        "MSG a 1 5\r\nhello\n\n",
        "MSG a 1 99999999999999999999\r\n",
        "MSG a 1 999999999\r\n",
        "HMSG a 1 5\r\nhello\r\n",
        "HMSG a 1 6 5\r\nhello\r\n",
        "MSGS a 1 5\r\nhello\r\n",
    };
    for (size_t i = 0; i < LENGTH(table); i++) {
        struct nats_message found;
        CHECK(parse(table[i], &found) == NATS_BAD, "%s", table[i]);
    }
}

static void test_a_line_without_an_end_is_bad_in_the_end(void **state)
{
    (void)state;
    struct nats_message found;
    uint8_t *line = malloc(70000);
    memset(line, 'a', 70000);
    assert_int_equal(nats_parse(line, 60000, &found), NATS_MORE);
    assert_int_equal(nats_parse(line, 70000, &found), NATS_BAD);
    free(line);
}

static void test_a_status_is_three_digits(void **state)
{
    (void)state;
    assert_int_equal(nats_status(STR("NATS/1.0 404 No Messages\r\n\r\n")), 404);
    assert_int_equal(nats_status(STR("NATS/1.0 40")), 0);
    assert_int_equal(nats_status(STR("NATS/1.0 4x4\r\n")), 0);
    assert_int_equal(nats_status(STR("NATS/1.0\r\nA: 404\r\n\r\n")), 0);
    assert_int_equal(nats_status(STR_NONE), 0);
}

/* Bytes at random, and messages with a byte changed: never more than there is. */
static void test_no_input_is_read_beyond_its_end(void **state)
{
    (void)state;
    static const char whole[] = "HMSG a 1 r 12 17\r\nNATS/1.0\r\n\r\nhello\r\n";
    struct random random;
    random_seed(&random, 7);
    for (int i = 0; i < 20000; i++) {
        struct nats_message found;
        size_t len = 1 + random_below(&random, sizeof whole - 1);
        uint8_t *copy = malloc(len);
        memcpy(copy, whole, len);
        copy[random_below(&random, len)] = (uint8_t)random_below(&random, 256);
        enum nats_op op = nats_parse(copy, len, &found);
        assert_true(op == NATS_MORE || op == NATS_BAD || found.total_bytes <= len);
        free(copy);
    }
}

RUN_TESTS(cmocka_unit_test(test_a_message_is_taken_apart),
          cmocka_unit_test(test_a_message_with_headers_is_taken_apart),
          cmocka_unit_test(test_other_operations),
          cmocka_unit_test(test_every_beginning_of_a_message_asks_for_more),
          cmocka_unit_test(test_what_is_not_nats_is_bad),
          cmocka_unit_test(test_a_line_without_an_end_is_bad_in_the_end),
          cmocka_unit_test(test_a_status_is_three_digits),
          cmocka_unit_test(test_no_input_is_read_beyond_its_end))
