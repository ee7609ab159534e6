/* The client against a store that fails as it is told: what it answers to its caller, after each kind of failure, is true. */
#include "base/clock.h"
#include "loopback.h"
#include "object/conformance.h"
#include "s3/fake_s3.h"
#include "s3/servers.h"

#include <fcntl.h>
#include <stdatomic.h>

static struct fake_s3 *fake;
static struct object_config config;
static struct object_store *store;

static const struct str bucket = {FAKE_BUCKET, sizeof FAKE_BUCKET - 1};

static int set_up(void **state)
{
    (void)state;
    fake = fake_s3_start();
    fake_s3_config(fake, &config);
    config.request_timeout_ms = 30000; /* no machine is so slow */
    store = s3_open_or_fail(&config);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    object_store_close(store);
    object_config_free(&config);
    fake_s3_stop(fake);
    return 0;
}

/* With another configuration than the one it was opened with. */
static void reopen(void)
{
    object_store_close(store);
    store = s3_open_or_fail(&config);
}

/* For who is not answered. */
static void be_impatient(void)
{
    config.request_timeout_ms = 500;
    reopen();
}

static bool holds(const char *key, const char *body)
{
    struct buf got = {0};
    bool ok = fake_s3_get(fake, key, &got) && str_is(buf_str(&got), body);
    buf_free(&got);
    return ok;
}

static void expect_got(const char *key, const char *body)
{
    struct buf got = {0};
    struct error err;
    ASSERT_OK(object_get(store, bucket, str_of(key), NULL, &got, &err), err);
    assert_true(str_is(buf_str(&got), body));
    buf_free(&got);
}

/* ---- One failure each -------------------------------------------------------------------------------------- */

/* All that passes: a second attempt makes good what the first did not. */
static const enum fake_fault passing[] = {
    FAKE_REFUSED,       FAKE_RESET_BEFORE, FAKE_RESET_AFTER, FAKE_RESET_BODY,
    FAKE_SILENT_BEFORE, FAKE_SILENT_AFTER, FAKE_LATE,        FAKE_500,
    FAKE_500_EMPTY,     FAKE_500_AFTER,    FAKE_503,         FAKE_503_EMPTY,
    FAKE_ERROR_IN_200,  FAKE_TRUNCATED,    FAKE_FLIPPED_BIT, FAKE_WRONG_ETAG,
};

static void test_a_put_survives_each_failure(void **state)
{
    (void)state;
    struct error err;
    be_impatient();
    ASSERT_OK(object_put(store, bucket, STR("first"), STR("x"), OBJECT_ALWAYS, &err), err);
    for (size_t i = 0; i < LENGTH(passing); i++) {
        fake_s3_fault_next(fake, passing[i]);
        CHECK(object_put(store, bucket, STR("a"), str_of(fake_fault_name(passing[i])), OBJECT_ALWAYS, &err),
              "%s: %s", fake_fault_name(passing[i]), err.text);
        CHECK(holds("a", fake_fault_name(passing[i])), "%s", fake_fault_name(passing[i]));
        assert_int_equal(fake_s3_faults(fake, passing[i]) > 0 || fake_s3_faults(fake, FAKE_500) > 0, true);
    }
}

static struct buf random_body(size_t len)
{
    struct buf body = {0};
    struct random random;
    random_seed(&random, 7);
    buf_reserve(&body, len + 8);
    while (body.len < len) {
        uint64_t word = random_next(&random);
        buf_append(&body, &word, len - body.len < 8 ? len - body.len : 8);
    }
    return body;
}

/* No MD5 is made of it: what the store has not got whole does not fit the SHA-256 that it is signed with. */
static void test_a_large_put_is_compared_by_what_it_is_signed_with(void **state)
{
    static const struct {
        enum fake_fault fault;
        unsigned attempts;
    } cases[] = {{FAKE_FLIPPED_BIT, 2}, {FAKE_RESET_BODY, 2}, {FAKE_WRONG_ETAG, 1}};
    (void)state;
    struct buf body = random_body((1u << 20) + 1);
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct error err;
        struct buf got = {0};
        struct object_request put = {
            .op = OBJECT_PUT, .bucket = bucket, .key = STR("large"), .body = buf_str(&body)};
        fake_s3_fault_next(fake, cases[i].fault);
        ASSERT_OK(object_wait(store, &put, &err), err);
        CHECK(put.attempts == cases[i].attempts, "%s: %u", fake_fault_name(cases[i].fault), put.attempts);
        assert_true(fake_s3_get(fake, "large", &got));
        assert_true(str_equal(buf_str(&got), buf_str(&body)));
        buf_free(&got);
        object_request_free(&put);
    }
    buf_free(&body);
}

static void test_a_get_survives_each_failure(void **state)
{
    (void)state;
    struct error err;
    be_impatient();
    ASSERT_OK(object_put(store, bucket, STR("a"), STR("some bytes of a body"), OBJECT_ALWAYS, &err), err);
    for (size_t i = 0; i < LENGTH(passing); i++) {
        fake_s3_fault_next(fake, passing[i]);
        expect_got("a", "some bytes of a body");
        struct object_request list = {.op = OBJECT_LIST, .bucket = bucket};
        fake_s3_fault_next(fake, passing[i]);
        CHECK(object_wait(store, &list, &err), "%s: %s", fake_fault_name(passing[i]), err.text);
        assert_int_equal(list.list_count, 1);
        object_request_free(&list);
        struct object_request head = {.op = OBJECT_HEAD, .bucket = bucket, .key = STR("a")};
        fake_s3_fault_next(fake, passing[i]);
        CHECK(object_wait(store, &head, &err), "%s: %s", fake_fault_name(passing[i]), err.text);
        assert_int_equal(head.info.size, 20);
        object_request_free(&head);
    }
}

static void test_a_deletion_survives_each_failure(void **state)
{
    (void)state;
    struct error err;
    be_impatient();
    for (size_t i = 0; i < LENGTH(passing); i++) {
        fake_s3_put(fake, "a", STR("x"));
        fake_s3_fault_next(fake, passing[i]);
        CHECK(object_delete(store, bucket, STR("a"), &err), "%s: %s", fake_fault_name(passing[i]), err.text);
        fake_s3_put(fake, "b", STR("x"));
        fake_s3_put(fake, "c", STR("x"));
        struct str keys[] = {STR("b"), STR("c")};
        struct object_request many = {
            .op = OBJECT_DELETE_MANY, .bucket = bucket, .keys = keys, .key_count = 2};
        fake_s3_fault_next(fake, passing[i]);
        CHECK(object_wait(store, &many, &err), "%s: %s", fake_fault_name(passing[i]), err.text);
        assert_int_equal(many.deleted, 2);
        object_request_free(&many);
        assert_int_equal(fake_s3_count(fake, ""), 0);
    }
}

/* ---- Conditions and what is not known ---------------------------------------------------------------------- */

/* Whatever befalls the first attempt, one that created the object is told so: never that somebody else did. */
static void test_a_creation_is_told_as_its_own(void **state)
{
    (void)state;
    struct error err;
    be_impatient();
    for (size_t i = 0; i < LENGTH(passing) + 1; i++) {
        enum fake_fault fault = i < LENGTH(passing) ? passing[i] : FAKE_409;
        char key[16];
        snprintf(key, sizeof key, "v%zu", i);
        fake_s3_fault_next(fake, fault);
        CHECK(object_put(store, bucket, str_of(key), str_of(key), OBJECT_IF_NONE, &err), "%s: %s",
              fake_fault_name(fault), err.text);
        assert_true(holds(key, key));
    }
}

static void test_an_object_of_somebody_else_is_told_whatever_fails(void **state)
{
    (void)state;
    struct error err;
    be_impatient();
    fake_s3_put(fake, "v1", STR("theirs"));
    for (size_t i = 0; i < LENGTH(passing); i++) {
        if (passing[i] == FAKE_WRONG_ETAG)
            continue;
        fake_s3_fault_next(fake, passing[i]);
        bool ok = object_put(store, bucket, STR("v1"), STR("ours"), OBJECT_IF_NONE, &err);
        /* Theirs has no id: where an attempt had no answer, it could be ours, for all that can be seen. */
        CHECK(!ok && (err.code == ERR_EXISTS || err.code == ERR_UNKNOWN), "%s: %s",
              fake_fault_name(passing[i]), err.text);
        assert_true(holds("v1", "theirs"));
    }
}

/* Two stores of this client: each knows the other's objects by their ids. */
static void test_a_rival_of_the_same_kind_is_always_known(void **state)
{
    (void)state;
    struct error err;
    be_impatient();
    struct object_store *other = s3_open_or_fail(&config);
    for (size_t i = 0; i < LENGTH(passing); i++) {
        char key[16];
        snprintf(key, sizeof key, "v%zu", i);
        ASSERT_OK(object_put(other, bucket, str_of(key), STR("theirs"), OBJECT_IF_NONE, &err), err);
        fake_s3_fault_next(fake, passing[i]);
        err.code = ERR_NONE;
        bool ok = object_put(store, bucket, str_of(key), STR("ours"), OBJECT_IF_NONE, &err);
        CHECK(!ok && err.code == ERR_EXISTS, "%s: %s", fake_fault_name(passing[i]), err.text);
    }
    object_store_close(other);
}

static void test_a_spurious_refusal_is_not_taken_for_an_object(void **state)
{
    (void)state;
    struct error err;
    fake_s3_fault_next(fake, FAKE_412);
    ASSERT_FAILS(object_put(store, bucket, STR("v1"), STR("ours"), OBJECT_IF_NONE, &err), err, ERR_EXISTS);
    /* The same after an attempt without an answer: it is not known. */
    fake_s3_fault_next(fake, FAKE_RESET_BEFORE);
    fake_s3_fault_next(fake, FAKE_412);
    ASSERT_FAILS(object_put(store, bucket, STR("v2"), STR("ours"), OBJECT_IF_NONE, &err), err, ERR_UNKNOWN);
}

/* A store that keeps no metadata: the body's MD5 tells, where it can. */
static void test_without_metadata_the_md5_tells(void **state)
{
    (void)state;
    struct error err;
    fake_s3_set_traits(fake, &(struct fake_s3_traits){.loses_metadata = true});
    fake_s3_fault_next(fake, FAKE_RESET_AFTER);
    ASSERT_OK(object_put(store, bucket, STR("v1"), STR("ours"), OBJECT_IF_NONE, &err), err);
    fake_s3_set_traits(fake, &(struct fake_s3_traits){.loses_metadata = true, .etags_are_random = true});
    fake_s3_fault_next(fake, FAKE_RESET_AFTER);
    ASSERT_FAILS(object_put(store, bucket, STR("v2"), STR("ours"), OBJECT_IF_NONE, &err), err, ERR_UNKNOWN);
    assert_true(holds("v2", "ours"));
}

static void test_a_put_without_answers_is_unknown(void **state)
{
    (void)state;
    struct error err;
    config.max_retries = 2; /* these end it, not a deadline, which may come before the first attempt */
    be_impatient();
    struct object_request put = {.op = OBJECT_PUT, .bucket = bucket, .key = STR("a"), .body = STR("x")};
    for (int i = 0; i < 8; i++)
        fake_s3_fault_next(fake, FAKE_SILENT_AFTER);
    ASSERT_FAILS(object_wait(store, &put, &err), err, ERR_UNKNOWN);
    object_request_free(&put);
    assert_true(holds("a", "x"));
}

static void test_what_was_never_sent_is_not_unknown(void **state)
{
    (void)state;
    struct error err;
    fake_s3_set_down(fake, true);
    struct object_request put = {.op = OBJECT_PUT,
                                 .bucket = bucket,
                                 .key = STR("a"),
                                 .body = STR("x"),
                                 .condition = OBJECT_IF_NONE,
                                 .brief = true};
    bool ok = object_wait(store, &put, &err);
    assert_false(ok);
    assert_true(err.code == ERR_IO ||
                err.code == ERR_UNKNOWN); /* a reset after the head was sent may be either */
    object_request_free(&put);
    fake_s3_set_down(fake, false);
    ASSERT_OK(object_wait(store, &put, &err), err);
    object_request_free(&put);
}

static void test_conditions_that_are_refused_are_told(void **state)
{
    (void)state;
    struct error err;
    fake_s3_set_traits(fake, &(struct fake_s3_traits){.refuses_conditions = true});
    ASSERT_FAILS(object_put(store, bucket, STR("a"), STR("x"), OBJECT_IF_NONE, &err), err, ERR_UNSUPPORTED);
    assert_int_equal(fake_s3_count(fake, ""), 0);
}

/* A kept connection that is dead: the request is not repeated behind the caller's back. */
static void test_a_dead_connection_does_not_repeat_a_creation(void **state)
{
    (void)state;
    struct error err;
    for (int i = 0; i < 20; i++) {
        char key[16];
        snprintf(key, sizeof key, "w%d", i);
        ASSERT_OK(object_put(store, bucket, STR("warm"), STR("x"), OBJECT_ALWAYS, &err), err);
        fake_s3_fault_next(fake, FAKE_RESET_AFTER);
        ASSERT_OK(
            object_put(store, bucket, str_of(key), i % 2 ? STR("body") : STR_NONE, OBJECT_IF_NONE, &err),
            err);
    }
}

/* ---- Slowing down, clocks, keys ---------------------------------------------------------------------------- */

static void test_slow_down_is_heeded_and_counted(void **state)
{
    (void)state;
    struct error err;
    struct object_stats stats;
    for (int i = 0; i < 4; i++)
        fake_s3_fault_next(fake, FAKE_503);
    ASSERT_OK(object_put(store, bucket, STR("a"), STR("x"), OBJECT_ALWAYS, &err), err);
    object_stats(store, &stats);
    assert_int_equal(stats.ops[OBJECT_PUT].throttled, 4);
    assert_int_equal(stats.ops[OBJECT_PUT].retries, 4);
    assert_int_equal(stats.ops[OBJECT_PUT].failed, 0);
}

static void test_a_store_that_is_always_busy_is_told(void **state)
{
    (void)state;
    struct error err;
    for (int i = 0; i < 2; i++)
        fake_s3_fault_next(fake, FAKE_503);
    struct object_request get = {.op = OBJECT_GET, .bucket = bucket, .key = STR("a"), .brief = true};
    ASSERT_FAILS(object_wait(store, &get, &err), err, ERR_BUSY);
    assert_int_equal(get.attempts, 2);
    object_request_free(&get);
}

static void test_the_clock_of_the_store_is_learnt(void **state)
{
    (void)state;
    struct error err;
    static const int64_t skews[] = {3600000, -3600000, 86400000, 0, -900000 * 4};
    for (size_t i = 0; i < LENGTH(skews); i++) {
        fake_s3_set_traits(fake, &(struct fake_s3_traits){.clock_skew_ms = skews[i]});
        ASSERT_OK(object_put(store, bucket, STR("a"), STR("x"), OBJECT_ALWAYS, &err), err);
        expect_got("a", "x");
        struct object_stats stats;
        object_stats(store, &stats);
        CHECK(stats.clock_skew_ms > skews[i] - 5000 && stats.clock_skew_ms < skews[i] + 5000, "%" PRId64,
              stats.clock_skew_ms);
    }
}

static void test_keys_of_a_file_are_read_again_when_they_are_refused(void **state)
{
    (void)state;
    struct error err;
    char dir[HARNESS_PATH_BYTES];
    char path[HARNESS_PATH_BYTES + 8];
    char text[HARNESS_PATH_BYTES + 16];
    harness_make_dir(dir);
    snprintf(path, sizeof path, "%s/secret", dir);
    snprintf(text, sizeof text, "file://%s", path);
    struct buf secret = {0};
    buf_append_str(&secret, STR(FAKE_SECRET_KEY "\n"));
    ASSERT_OK(buf_write_file(&secret, path, 0600, &err), err);
    s3_config_set(&config.secret_access_key, text);
    reopen();
    ASSERT_OK(object_put(store, bucket, STR("a"), STR("x"), OBJECT_ALWAYS, &err), err);
    fake_s3_set_traits(fake, &(struct fake_s3_traits){.secret_key = "rotated"});
    ASSERT_FAILS(object_put(store, bucket, STR("a"), STR("y"), OBJECT_ALWAYS, &err), err, ERR_DENIED);
    buf_reset(&secret);
    buf_append_str(&secret, STR("rotated\n"));
    ASSERT_OK(buf_write_file(&secret, path, 0600, &err), err);
    ASSERT_OK(object_put(store, bucket, STR("a"), STR("z"), OBJECT_ALWAYS, &err), err);
    assert_true(holds("a", "z"));
    buf_free(&secret);
    harness_remove_dir(dir);
}

/* ---- Clear texts ------------------------------------------------------------------------------------------- */

static void expect_text(enum error_code code, const char *text)
{
    struct error err;
    struct object_request head = {.op = OBJECT_HEAD_BUCKET, .bucket = bucket, .brief = true};
    struct object_request put = {
        .op = OBJECT_PUT, .bucket = bucket, .key = STR("a"), .body = STR("x"), .brief = true};
    struct object_request *const both[] = {&head, &put};
    for (size_t i = 0; i < 2; i++) {
        ASSERT_FAILS(object_wait(store, both[i], &err), err, code);
        CHECK(strstr(err.text, text) != NULL || strstr(err.hint, text) != NULL, "\"%s\" in \"%s\" (%s)", text,
              err.text, err.hint);
        assert_null(strstr(err.text, FAKE_SECRET_KEY));
        object_request_free(both[i]);
    }
}

static void test_texts_say_what_is_wrong(void **state)
{
    (void)state;
    struct error err;
    fake_s3_set_traits(fake, &(struct fake_s3_traits){.access_key = "another"});
    expect_text(ERR_DENIED, "access_key_id");
    fake_s3_set_traits(fake, &(struct fake_s3_traits){.secret_key = "another"});
    expect_text(ERR_DENIED, "secret_access_key");
    fake_s3_set_traits(fake, &(struct fake_s3_traits){.region = "eu-west-7"});
    expect_text(ERR_INVALID, "eu-west-7");
    fake_s3_set_traits(fake, &(struct fake_s3_traits){.token = "needed"});
    expect_text(ERR_DENIED, "token");
    fake_s3_set_traits(fake, &(struct fake_s3_traits){.denies = "PUT"});
    ASSERT_FAILS(object_put(store, bucket, STR("a"), STR("x"), OBJECT_ALWAYS, &err), err, ERR_DENIED);
    assert_non_null(strstr(err.text, "no permission to write"));
    assert_non_null(strstr(err.hint, "s3:PutObject"));
    fake_s3_set_traits(fake, &(struct fake_s3_traits){0});
    struct object_request head = {.op = OBJECT_HEAD_BUCKET, .bucket = STR("absent")};
    ASSERT_FAILS(object_wait(store, &head, &err), err, ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "no such bucket"));
    ASSERT_FAILS(object_put(store, STR("absent"), STR("a"), STR("x"), OBJECT_ALWAYS, &err), err,
                 ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "no such bucket"));

    /* Nobody at the port, which is taken, so that no other program listens there. */
    uint16_t port;
    int taken = loopback_bind(&port);
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", port);
    s3_config_set(&config.endpoint, endpoint);
    reopen();
    expect_text(ERR_IO, "nothing answers at 127.0.0.1");
    close(taken);
    s3_config_set(&config.endpoint, "http://nowhere.invalid");
    reopen();
    expect_text(ERR_IO, "nowhere.invalid is not known");

    /* TLS with who does not speak it. */
    snprintf(endpoint, sizeof endpoint, "https://127.0.0.1:%u", fake_s3_port(fake));
    s3_config_set(&config.endpoint, endpoint);
    reopen();
    expect_text(ERR_IO, "https");
}

static void test_a_probe_tells_what_follows(void **state)
{
    (void)state;
    static const struct {
        struct fake_s3_traits traits;
        bool usable;
        enum object_guarantee guarantee;
        const char *check; /* that is not OK */
        int result;
    } rows[] = {
        {{.checks_crc32c = true}, true, OBJECT_EXACTLY_ONCE, NULL, 0},
        {{.checks_crc32c = false}, true, OBJECT_EXACTLY_ONCE, "checksum", OBJECT_CHECK_REDUCED},
        {{.refuses_conditions = true}, true, OBJECT_SINGLE_WRITER, "conditional put", OBJECT_CHECK_REDUCED},
        {{.ignores_conditions = true}, true, OBJECT_SINGLE_WRITER, "conditional put", OBJECT_CHECK_REDUCED},
        {{.refuses_batch_delete = true}, true, OBJECT_EXACTLY_ONCE, "batch delete", OBJECT_CHECK_REDUCED},
        {{.clock_skew_ms = 3600000}, true, OBJECT_EXACTLY_ONCE, "clock", OBJECT_CHECK_REDUCED},
        {{.denies = "PUT"}, false, OBJECT_UNPROBED, "put", OBJECT_CHECK_FAILED},
        {{.denies = "GET"}, false, OBJECT_UNPROBED, "get", OBJECT_CHECK_FAILED},
        {{.secret_key = "another"}, false, OBJECT_UNPROBED, "put", OBJECT_CHECK_FAILED},
    };
    TABLE_EACH(row, rows)
    {
        struct object_probe probe;
        struct error err;
        fake_s3_set_traits(fake, &row->traits);
        reopen();
        bool usable = object_probe(store, bucket, STR("some/prefix/"), &probe, &err);
        CHECK(usable == row->usable && probe.usable == usable && probe.guarantee == row->guarantee, "row %zu",
              (size_t)(row - rows));
        bool found = row->check == NULL;
        for (size_t i = 0; i < probe.count; i++) {
            if (row->check != NULL && strcmp(probe.checks[i].name, row->check) == 0)
                found = (int)probe.checks[i].result == row->result && probe.checks[i].why.text[0] != '\0';
        }
        CHECK(found, "row %zu: %s", (size_t)(row - rows), row->check);
        fake_s3_set_traits(fake, &(struct fake_s3_traits){0});
        struct object_request list = {.op = OBJECT_LIST, .bucket = bucket};
        ASSERT_OK(object_wait(store, &list, &err), err);
        assert_int_equal(list.list_count, 0);
        object_request_free(&list);
    }
}

/* ---- Addresses --------------------------------------------------------------------------------------------- */

static void test_auto_finds_the_bucket_in_path_or_host(void **state)
{
    (void)state;
    struct error err;
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "http://s3.localhost:%u", fake_s3_port(fake));
    s3_config_set(&config.endpoint, endpoint);
    config.access = OBJECT_ACCESS_AUTO;
    for (int vhost = 0; vhost < 2; vhost++) {
        fake_s3_set_traits(fake, &(struct fake_s3_traits){.wants_vhost = vhost});
        reopen();
        uint64_t before = fake_s3_requests(fake, "GET");
        for (int i = 0; i < 3; i++)
            ASSERT_OK(object_put(store, bucket, STR("a"), STR("x"), OBJECT_ALWAYS, &err), err);
        expect_got("a", "x");
        assert_int_equal(fake_s3_requests(fake, "GET") - before, vhost ? 2 : 3); /* it looks once */
    }
}

/* ---- Parts ------------------------------------------------------------------------------------------------- */

#define PART (UINT64_C(32) << 10)

static void open_for_parts(void)
{
    config.multipart_bytes = PART;
    config.part_bytes = PART;
    reopen();
}

static void test_a_large_body_goes_in_parts(void **state)
{
    (void)state;
    struct error err;
    char dir[HARNESS_PATH_BYTES];
    char path[HARNESS_PATH_BYTES + 8];
    open_for_parts();
    harness_make_dir(dir);
    snprintf(path, sizeof path, "%s/body", dir);
    struct buf body = random_body(3 * PART + 1234);
    ASSERT_OK(buf_write_file(&body, path, 0600, &err), err);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    struct object_file file = {.fd = fd, .offset = 234, .length = 3 * PART + 1000};
    struct object_request put = {.op = OBJECT_PUT, .bucket = bucket, .key = STR("large"), .file = &file};
    ASSERT_OK(object_wait(store, &put, &err), err);
    assert_int_equal(put.info.size, file.length);
    assert_int_equal(fake_s3_requests(fake, "PUT"), 4);
    assert_int_equal(fake_s3_uploads(fake), 0);
    assert_true(str_ends(put.info.etag, STR("-4\"")));
    object_request_free(&put);
    struct buf got = {0};
    assert_true(fake_s3_get(fake, "large", &got));
    assert_true(str_equal(buf_str(&got), str_make(body.data + 234, file.length)));
    /* From memory, and only if there is none. */
    struct object_request once = {.op = OBJECT_PUT,
                                  .bucket = bucket,
                                  .key = STR("once"),
                                  .body = buf_str(&body),
                                  .condition = OBJECT_IF_NONE};
    ASSERT_OK(object_wait(store, &once, &err), err);
    object_request_free(&once);
    ASSERT_FAILS(object_wait(store, &once, &err), err, ERR_EXISTS);
    object_request_free(&once);
    assert_int_equal(fake_s3_requests(fake, "PUT"),
                     6); /* in one piece: not all stores heed conditions at the end of parts */
    buf_reset(&got);
    assert_true(fake_s3_get(fake, "once", &got));
    assert_true(str_equal(buf_str(&got), buf_str(&body)));
    buf_free(&got);
    buf_free(&body);
    close(fd);
    harness_remove_dir(dir);
}

static bool is_step(const struct fake_request *request, const char *step)
{
    if (strcmp(step, "begin") == 0)
        return strcmp(request->method, "POST") == 0 && strstr(request->query, "uploads") != NULL;
    if (strcmp(step, "part") == 0)
        return strcmp(request->method, "PUT") == 0 && strstr(request->query, "partNumber=2") != NULL;
    return strcmp(request->method, "POST") == 0 && strstr(request->query, "uploadId") != NULL;
}

struct one_fault {
    const char *step;
    enum fake_fault fault;
    atomic_int left; /* connections have threads of their own */
};

static enum fake_fault fault_at_step(void *arg, const struct fake_request *request)
{
    struct one_fault *one = arg;
    if (!is_step(request, one->step))
        return FAKE_NONE;
    return atomic_fetch_sub(&one->left, 1) > 0 ? one->fault : FAKE_NONE;
}

static void test_each_step_of_parts_survives_each_failure(void **state)
{
    (void)state;
    static const char *const steps[] = {"begin", "part", "complete"};
    struct error err;
    struct buf body = random_body(2 * PART + 10);
    be_impatient();
    open_for_parts();
    for (size_t i = 0; i < LENGTH(steps) * LENGTH(passing); i++) {
        struct one_fault one = {
            .step = steps[i % LENGTH(steps)], .fault = passing[i / LENGTH(steps)], .left = 1};
        char key[16];
        snprintf(key, sizeof key, "k%zu", i);
        fake_s3_decide(fake, fault_at_step, &one);
        struct object_request put = {
            .op = OBJECT_PUT, .bucket = bucket, .key = str_of(key), .body = buf_str(&body)};
        CHECK(object_wait(store, &put, &err), "%s at %s: %s", fake_fault_name(one.fault), one.step, err.text);
        object_request_free(&put);
        fake_s3_decide(fake, NULL, NULL);
        struct buf got = {0};
        assert_true(fake_s3_get(fake, key, &got));
        assert_true(str_equal(buf_str(&got), buf_str(&body)));
        buf_free(&got);
        fake_s3_remove(fake, key);
    }
    buf_free(&body);
}

/* Parts that failed for good do not stay in the bucket. */
static void test_an_upload_that_fails_is_ended(void **state)
{
    (void)state;
    struct error err;
    struct buf body = random_body(2 * PART + 10);
    open_for_parts();
    struct one_fault one = {.step = "part", .fault = FAKE_500, .left = 1000};
    fake_s3_decide(fake, fault_at_step, &one);
    struct object_request put = {
        .op = OBJECT_PUT, .bucket = bucket, .key = STR("a"), .body = buf_str(&body), .brief = true};
    ASSERT_FAILS(object_wait(store, &put, &err), err, ERR_IO);
    object_request_free(&put);
    for (int i = 0; i < 6000 && fake_s3_uploads(fake) > 0; i++)
        usleep(10000);
    fake_s3_decide(fake, NULL, NULL);
    assert_int_equal(fake_s3_uploads(fake), 0);
    assert_int_equal(fake_s3_count(fake, ""), 0);
    buf_free(&body);
}

static void test_stale_uploads_are_ended(void **state)
{
    (void)state;
    struct error err;
    struct buf body = random_body(2 * PART + 10);
    /* The end of an upload is told nowhere: what a crash in its midst leaves. There is time for what comes before it. */
    config.request_timeout_ms = 3000;
    config.max_retries = 0;
    open_for_parts();
    struct one_fault one = {.step = "complete", .fault = FAKE_SILENT_BEFORE, .left = 1000};
    fake_s3_decide(fake, fault_at_step, &one);
    struct object_request put = {
        .op = OBJECT_PUT, .bucket = bucket, .key = STR("p/a"), .body = buf_str(&body)};
    ASSERT_FAILS(object_wait(store, &put, &err), err, ERR_UNKNOWN);
    object_request_free(&put);
    fake_s3_decide(fake, NULL, NULL);
    assert_int_equal(fake_s3_uploads(fake), 1);
    size_t ended;
    ASSERT_OK(object_sweep(store, bucket, STR("p/"), 3600000, &ended, &err), err);
    assert_int_equal(ended, 0);
    fake_s3_age_uploads(fake, 7200000);
    ASSERT_OK(object_sweep(store, bucket, STR("q/"), 3600000, &ended, &err), err);
    assert_int_equal(ended, 0);
    ASSERT_OK(object_sweep(store, bucket, STR("p/"), 3600000, &ended, &err), err);
    assert_int_equal(ended, 1);
    assert_int_equal(fake_s3_uploads(fake), 0);
    buf_free(&body);
}

/* ---- Closing, queues, keeping up --------------------------------------------------------------------------- */

struct ended {
    struct object_request request; /* first */
    bool done;
    enum error_code code;
};

static void note_end(struct object_request *request, const struct error *err)
{
    struct ended *ended = (struct ended *)(void *)request;
    ended->done = true;
    ended->code = err != NULL ? err->code : ERR_NONE;
}

static void test_closing_ends_what_is_under_way(void **state)
{
    (void)state;
    struct error err;
    struct ended all[40] = {0};
    for (size_t i = 0; i < LENGTH(all); i++)
        fake_s3_fault_next(fake, FAKE_SILENT_AFTER);
    for (size_t i = 0; i < LENGTH(all); i++) {
        all[i].request = (struct object_request){.op = i % 2 ? OBJECT_GET : OBJECT_PUT,
                                                 .bucket = bucket,
                                                 .key = STR("a"),
                                                 .body = i % 2 ? STR_NONE : STR("x"),
                                                 .done = note_end};
        ASSERT_OK(object_start(store, &all[i].request, &err), err);
    }
    while (fake_s3_requests(fake, NULL) < config.pool_size)
        usleep(1000);
    object_store_close(store);
    unsigned unknown = 0;
    for (size_t i = 0; i < LENGTH(all); i++) {
        assert_true(all[i].done);
        assert_true(all[i].code == ERR_CLOSED || (i % 2 == 0 && all[i].code == ERR_UNKNOWN));
        unknown += all[i].code == ERR_UNKNOWN;
        object_request_free(&all[i].request);
    }
    assert_true(unknown > 0);
    store = s3_open_or_fail(&config);
}

static void test_the_queue_is_bounded(void **state)
{
    (void)state;
    struct error err;
    struct ended all[12] = {0};
    config.pool_size = 2;
    config.queue_limit = 4;
    reopen();
    for (int i = 0; i < 12; i++)
        fake_s3_fault_next(fake, FAKE_SILENT_BEFORE);
    size_t started = 0;
    for (size_t i = 0; i < LENGTH(all); i++) {
        all[i].request =
            (struct object_request){.op = OBJECT_GET, .bucket = bucket, .key = STR("a"), .done = note_end};
        bool ok = object_start(store, &all[i].request, &err);
        assert_int_equal(ok, i < 6);
        started += ok;
        if (!ok)
            assert_int_equal(err.code, ERR_BUSY);
    }
    assert_int_equal(started, 6);
    reopen(); /* closing ends them */
}

static void test_connections_are_kept_and_few(void **state)
{
    (void)state;
    struct error err;
    struct object_stats stats;
    for (int i = 0; i < 50; i++)
        ASSERT_OK(object_put(store, bucket, STR("a"), STR("x"), OBJECT_ALWAYS, &err), err);
    object_stats(store, &stats);
    assert_int_equal(stats.ops[OBJECT_PUT].ok, 50);
    assert_int_equal(fake_s3_connections(fake), 1);
}

static void test_requests_are_held_to_their_rate(void **state)
{
    (void)state;
    struct error err;
    config.requests_per_s = 50;
    reopen();
    int64_t begun = clock_mono_ms();
    for (int i = 0; i < 75; i++)
        ASSERT_OK(object_put(store, bucket, STR("a"), STR("x"), OBJECT_ALWAYS, &err), err);
    assert_true(clock_mono_ms() - begun >= 450); /* 50 at once, 25 at 50 a second */
}

#define OWN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    set_up(NULL);
    int failed = conformance_run(&(struct conformance){.what = "fake", .store = store, .bucket = bucket});
    fake_s3_set_traits(fake, &(struct fake_s3_traits){.refuses_batch_delete = true, .checks_crc32c = true});
    failed += conformance_run(&(struct conformance){.what = "fake without DeleteObjects",
                                                    .store = store,
                                                    .bucket = bucket,
                                                    .deletes_one_by_one = true,
                                                    .checks_crc = true});
    tear_down(NULL);
    const struct CMUnitTest own[] = {
        OWN(test_a_put_survives_each_failure),
        OWN(test_a_large_put_is_compared_by_what_it_is_signed_with),
        OWN(test_a_get_survives_each_failure),
        OWN(test_a_deletion_survives_each_failure),
        OWN(test_a_creation_is_told_as_its_own),
        OWN(test_an_object_of_somebody_else_is_told_whatever_fails),
        OWN(test_a_rival_of_the_same_kind_is_always_known),
        OWN(test_a_spurious_refusal_is_not_taken_for_an_object),
        OWN(test_without_metadata_the_md5_tells),
        OWN(test_a_put_without_answers_is_unknown),
        OWN(test_what_was_never_sent_is_not_unknown),
        OWN(test_conditions_that_are_refused_are_told),
        OWN(test_a_dead_connection_does_not_repeat_a_creation),
        OWN(test_slow_down_is_heeded_and_counted),
        OWN(test_a_store_that_is_always_busy_is_told),
        OWN(test_the_clock_of_the_store_is_learnt),
        OWN(test_keys_of_a_file_are_read_again_when_they_are_refused),
        OWN(test_texts_say_what_is_wrong),
        OWN(test_a_probe_tells_what_follows),
        OWN(test_auto_finds_the_bucket_in_path_or_host),
        OWN(test_a_large_body_goes_in_parts),
        OWN(test_each_step_of_parts_survives_each_failure),
        OWN(test_an_upload_that_fails_is_ended),
        OWN(test_stale_uploads_are_ended),
        OWN(test_closing_ends_what_is_under_way),
        OWN(test_the_queue_is_bounded),
        OWN(test_connections_are_kept_and_few),
        OWN(test_requests_are_held_to_their_rate),
    };
    return failed + cmocka_run_group_tests(own, NULL, NULL);
}
