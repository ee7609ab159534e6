/* The policy of retries as a table, its pauses, and the pace. */
#include "base/random.h"
#include "harness.h"
#include "object/s3_answer.h"
#include "object/s3_pace.h"

#include <curl/curl.h>

static struct s3_endpoint endpoint = {
    .tls = true, .host = (char *)"s3.example.com", .port = 443, .region = (char *)"us-east-1"};

static struct s3_verdict judge(enum object_op op, enum object_condition condition,
                               const struct s3_outcome *outcome)
{
    const struct s3_target target = {
        .op = op, .bucket = STR("bucket"), .key = STR("key"), .condition = condition, .endpoint = &endpoint};
    struct s3_verdict verdict;
    s3_judge(&target, outcome, &verdict);
    return verdict;
}

static void test_answers_of_a_put(void **state)
{
    (void)state;
    static const struct {
        long status;
        const char *code; /* NULL: no <Error> */
        enum s3_next next;
        bool maybe;
        enum error_code error;
    } rows[] = {
        {200, NULL, S3_DONE, false, ERR_NONE},
        {204, NULL, S3_DONE, false, ERR_NONE},
        {200, "InternalError", S3_RETRY, true, ERR_IO},
        {200, "SlowDown", S3_RETRY_SLOWLY, false, ERR_BUSY},
        {200, "SomethingElse", S3_RETRY, true, ERR_IO},
        {301, "PermanentRedirect", S3_FAIL, false, ERR_INVALID},
        {307, NULL, S3_FAIL, false, ERR_INVALID},
        {400, "RequestTimeout", S3_RETRY, false, ERR_TIMEOUT},
        {400, "BadDigest", S3_RETRY, false, ERR_CORRUPT},
        {400, "XAmzContentSHA256Mismatch", S3_RETRY, false, ERR_CORRUPT},
        {400, "ExpiredToken", S3_RETRY_KEYS, false, ERR_DENIED},
        {400, "AuthorizationHeaderMalformed", S3_FAIL, false, ERR_INVALID},
        {400, "EntityTooLarge", S3_FAIL, false, ERR_TOO_LARGE},
        {400, "WhoKnows", S3_FAIL, false, ERR_INVALID},
        {400, NULL, S3_FAIL, false, ERR_INVALID},
        {401, NULL, S3_FAIL, false, ERR_DENIED},
        {403, NULL, S3_FAIL, false, ERR_DENIED},
        {403, "AccessDenied", S3_FAIL, false, ERR_DENIED},
        {403, "InvalidAccessKeyId", S3_RETRY_KEYS, false, ERR_DENIED},
        {403, "SignatureDoesNotMatch", S3_RETRY_KEYS, false, ERR_DENIED},
        {403, "RequestTimeTooSkewed", S3_RETRY_CLOCK, false, ERR_DENIED},
        {403, "QuotaExceeded", S3_FAIL, false, ERR_NO_SPACE},
        {404, "NoSuchBucket", S3_FAIL, false, ERR_NOT_FOUND},
        {404, NULL, S3_FAIL, false, ERR_NOT_FOUND},
        {405, NULL, S3_FAIL, false, ERR_UNSUPPORTED},
        {408, NULL, S3_RETRY, false, ERR_TIMEOUT},
        {409, "ConditionalRequestConflict", S3_RETRY, false, ERR_BUSY},
        {409, "OperationAborted", S3_RETRY, false, ERR_BUSY},
        {409, NULL, S3_RETRY, false, ERR_BUSY},
        {412, "PreconditionFailed", S3_FAIL, false, ERR_EXISTS},
        {412, NULL, S3_FAIL, false, ERR_EXISTS},
        {413, NULL, S3_FAIL, false, ERR_TOO_LARGE},
        {429, NULL, S3_RETRY_SLOWLY, false, ERR_BUSY},
        {429, "TooManyRequests", S3_RETRY_SLOWLY, false, ERR_BUSY},
        {500, "InternalError", S3_RETRY, true, ERR_IO},
        {500, NULL, S3_RETRY, true, ERR_IO},
        {501, "NotImplemented", S3_FAIL, false, ERR_UNSUPPORTED},
        {501, NULL, S3_FAIL, false, ERR_UNSUPPORTED},
        {502, NULL, S3_RETRY, true, ERR_IO},
        {503, "SlowDown", S3_RETRY_SLOWLY, false, ERR_BUSY},
        {503, "ServiceUnavailable", S3_RETRY_SLOWLY, true, ERR_BUSY},
        {503, NULL, S3_RETRY_SLOWLY, true, ERR_BUSY},
        {504, NULL, S3_RETRY, true, ERR_IO},
        {507, NULL, S3_FAIL, false, ERR_NO_SPACE},
    };
    TABLE_EACH(row, rows)
    {
        struct s3_outcome outcome = {.status = row->status, .has_error = row->code != NULL};
        snprintf(outcome.error.code, sizeof outcome.error.code, "%s", row->code != NULL ? row->code : "");
        struct s3_verdict verdict = judge(OBJECT_PUT, OBJECT_IF_NONE, &outcome);
        CHECK(verdict.next == row->next, "%ld %s: %d", row->status, row->code != NULL ? row->code : "",
              verdict.next);
        CHECK(verdict.maybe == row->maybe, "%ld %s", row->status, row->code != NULL ? row->code : "");
        CHECK(verdict.err.code == row->error, "%ld %s: %s", row->status, row->code != NULL ? row->code : "",
              error_code_name(verdict.err.code));
        if (row->error != ERR_NONE)
            assert_non_null(strstr(verdict.err.text, "put bucket/key"));
    }
}

static void test_connections_that_break(void **state)
{
    (void)state;
    static const struct {
        CURLcode code;
        enum s3_next next;
        bool follows_sent; /* maybe, if all was sent */
        enum error_code error;
    } rows[] = {
        {CURLE_COULDNT_RESOLVE_HOST, S3_RETRY, false, ERR_IO},
        {CURLE_COULDNT_CONNECT, S3_RETRY, false, ERR_IO},
        {CURLE_PEER_FAILED_VERIFICATION, S3_FAIL, false, ERR_IO},
        {CURLE_SSL_CACERT_BADFILE, S3_FAIL, false, ERR_INVALID},
        {CURLE_SSL_CONNECT_ERROR, S3_RETRY, false, ERR_IO},
        {CURLE_OPERATION_TIMEDOUT, S3_RETRY, true, ERR_TIMEOUT},
        {CURLE_GOT_NOTHING, S3_RETRY, true, ERR_IO},
        {CURLE_RECV_ERROR, S3_RETRY, true, ERR_IO},
        {CURLE_SEND_ERROR, S3_RETRY, true, ERR_IO},
        {CURLE_PARTIAL_FILE, S3_RETRY, true, ERR_IO},
        {CURLE_SEND_FAIL_REWIND, S3_RETRY, true, ERR_IO},
        {CURLE_READ_ERROR, S3_FAIL, false, ERR_IO},
        {CURLE_WEIRD_SERVER_REPLY, S3_RETRY, true, ERR_IO},
    };
    TABLE_EACH(row, rows)
    {
        for (int sent = 0; sent < 2; sent++) {
            struct s3_outcome outcome = {.curl_code = (int)row->code, .sent = sent};
            struct s3_verdict verdict = judge(OBJECT_PUT, OBJECT_ALWAYS, &outcome);
            CHECK(verdict.next == row->next && verdict.err.code == row->error, "%d", (int)row->code);
            CHECK(verdict.maybe == (row->follows_sent && sent), "%d", (int)row->code);
        }
    }
}

static void test_conditions_and_operations_change_what_it_means(void **state)
{
    (void)state;
    struct s3_outcome refused = {.status = 412};
    assert_int_equal(judge(OBJECT_PUT, OBJECT_IF_MATCH, &refused).err.code, ERR_CONFLICT);
    assert_int_equal(judge(OBJECT_GET, OBJECT_IF_MATCH, &refused).err.code, ERR_CONFLICT);
    struct s3_outcome missing = {.status = 404};
    assert_non_null(strstr(judge(OBJECT_HEAD_BUCKET, OBJECT_ALWAYS, &missing).err.text, "no such bucket"));
    assert_non_null(strstr(judge(OBJECT_HEAD, OBJECT_ALWAYS, &missing).err.text, "no such object"));
    struct s3_outcome range = {.status = 416};
    assert_int_equal(judge(OBJECT_GET, OBJECT_ALWAYS, &range).err.code, ERR_INVALID);
    struct s3_outcome moved = {.status = 301, .region = "eu-west-3"};
    assert_non_null(strstr(judge(OBJECT_GET, OBJECT_ALWAYS, &moved).err.text, "eu-west-3"));
    struct s3_outcome denied = {.status = 403};
    assert_non_null(strstr(judge(OBJECT_LIST, OBJECT_ALWAYS, &denied).err.hint, "s3:ListBucket"));
    assert_non_null(strstr(judge(OBJECT_DELETE_MANY, OBJECT_ALWAYS, &denied).err.hint, "s3:DeleteObject"));
}

static void test_pauses_grow_with_jitter_and_have_an_end(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    for (int round = 0; round < 1000; round++) {
        int64_t last = 0;
        int64_t before = 0;
        for (int i = 0; i < 30; i++) {
            int64_t pause = s3_pause_ms(100, &last, random_next(&random));
            int64_t most = 3 * (before > 100 ? before : 100);
            assert_true(pause >= 100 && pause <= 15000);
            assert_true(pause <= most);
            before = pause;
        }
    }
    int64_t last = 0;
    assert_int_equal(s3_pause_ms(100, &last, 0), 100);
    assert_int_equal(s3_pause_ms(100, &last, UINT64_MAX - UINT64_MAX % 201), 100);
}

#define SECOND INT64_C(1000000000)

static void test_the_pace_holds_requests_and_bytes(void **state)
{
    (void)state;
    struct s3_pace pace;
    s3_pace_init(&pace, 10, 1000, 100, 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(s3_pace_take_ns(&pace, 0, 0), 0);
    int64_t wait = s3_pace_take_ns(&pace, 0, 0);
    assert_true(wait > SECOND / 11 && wait <= SECOND / 9);
    assert_int_equal(s3_pace_take_ns(&pace, 0, wait), 0);
    /* A body larger than a second's bytes goes out once all of them are there, and leaves a debt. */
    assert_int_equal(s3_pace_take_ns(&pace, 5000, 2 * SECOND), 0);
    assert_true(s3_pace_take_ns(&pace, 1, 3 * SECOND) > 2 * SECOND);
    assert_int_equal(s3_pace_take_ns(&pace, 1, 7 * SECOND), 0);
}

static void test_without_limits_nothing_waits(void **state)
{
    (void)state;
    struct s3_pace pace;
    s3_pace_init(&pace, 0, 0, 100, 0);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(s3_pace_take_ns(&pace, 1 << 20, i), 0);
}

static void test_slow_down_halves_the_rate_for_a_while(void **state)
{
    (void)state;
    struct s3_pace pace;
    int64_t now = 0;
    s3_pace_init(&pace, 0, 0, 100, 0);
    for (int i = 0; i < 200; i++, now += SECOND / 200)
        assert_int_equal(s3_pace_take_ns(&pace, 0, now), 0);
    s3_pace_slow_down(&pace, now);
    s3_pace_slow_down(&pace, now + 1); /* of the same moment */
    assert_true(s3_pace_is_braked(&pace));
    unsigned sent = 0;
    int64_t end = now + SECOND;
    while (now < end) {
        int64_t wait = s3_pace_take_ns(&pace, 0, now);
        sent += wait == 0;
        now += wait;
    }
    assert_true(sent >= 95 && sent <= 115);
    for (int i = 0; i < 40 && s3_pace_is_braked(&pace); i++) {
        now += SECOND;
        (void)s3_pace_take_ns(&pace, 0, now);
    }
    assert_false(s3_pace_is_braked(&pace));
}

RUN_TESTS(cmocka_unit_test(test_answers_of_a_put), cmocka_unit_test(test_connections_that_break),
          cmocka_unit_test(test_conditions_and_operations_change_what_it_means),
          cmocka_unit_test(test_pauses_grow_with_jitter_and_have_an_end),
          cmocka_unit_test(test_the_pace_holds_requests_and_bytes),
          cmocka_unit_test(test_without_limits_nothing_waits),
          cmocka_unit_test(test_slow_down_halves_the_rate_for_a_while))
