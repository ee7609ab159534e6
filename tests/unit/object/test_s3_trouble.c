/* A real gateway in trouble: overloaded, hung, killed and started again; and what is wrong with a configuration, as Ceph tells it. */
#include "base/mem.h"
#include "harness.h"
#include "object/config.h"
#include "s3/servers.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

static const struct str bucket = {S3_TEST_BUCKET, sizeof S3_TEST_BUCKET - 1};
static struct s3_server own; /* a gateway of this test's */

static struct object_store *open_server(const struct s3_server *server, const char *endpoint,
                                        int64_t silence_ms, int64_t deadline_ms)
{
    struct object_config config;
    s3_server_config(server, endpoint, &config);
    config.request_timeout_ms = silence_ms;
    config.deadline_ms = deadline_ms;
    struct object_store *store = s3_open_or_fail(&config);
    object_config_free(&config);
    return store;
}

/* ---- Overload ---------------------------------------------------------------------------------------------- */

#define CROWD 64

struct crowd {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned ended;
    unsigned failed;
    struct error err;
};

struct guest {
    struct object_request request; /* first */
    struct crowd *crowd;
    char key[40];
};

static void guest_done(struct object_request *request, const struct error *err)
{
    struct crowd *crowd = ((struct guest *)(void *)request)->crowd;
    pthread_mutex_lock(&crowd->lock);
    crowd->ended++;
    if (err != NULL) {
        crowd->failed++;
        crowd->err = *err;
    }
    pthread_cond_signal(&crowd->changed);
    pthread_mutex_unlock(&crowd->lock);
}

static void test_an_overloaded_gateway_gets_all_in_the_end(void **state)
{
    (void)state;
    struct s3_server busy;
    if (!s3_server_find("ceph-busy", &busy))
        skip();
    struct object_store *store = open_server(&busy, "endpoint", 30000, 120000);
    struct crowd crowd = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct guest *guests = mem_zalloc(CROWD * sizeof *guests);
    struct object_stats stats;
    struct error err;
    for (int i = 0; i < CROWD; i++) {
        snprintf(guests[i].key, sizeof guests[i].key, "busy/%d/%d", (int)getpid(), i);
        guests[i].crowd = &crowd;
        guests[i].request = (struct object_request){.op = OBJECT_PUT,
                                                    .bucket = bucket,
                                                    .key = str_of(guests[i].key),
                                                    .body = STR("x"),
                                                    .done = guest_done};
        ASSERT_OK(object_start(store, &guests[i].request, &err), err);
    }
    pthread_mutex_lock(&crowd.lock);
    while (crowd.ended < CROWD)
        pthread_cond_wait(&crowd.changed, &crowd.lock);
    pthread_mutex_unlock(&crowd.lock);
    CHECK(crowd.failed == 0, "%u: %s", crowd.failed, crowd.err.text);
    object_stats(store, &stats);
    assert_int_equal(stats.ops[OBJECT_PUT].ok, CROWD);
    CHECK(stats.ops[OBJECT_PUT].throttled > 0, "no 503 came");
    for (int i = 0; i < CROWD; i++)
        object_request_free(&guests[i].request);
    mem_free(guests);
    object_store_close(store);
}

/* ---- Hung and killed --------------------------------------------------------------------------------------- */

static pid_t pid_of(const char *daemon)
{
    char path[HARNESS_PATH_BYTES + 64];
    snprintf(path, sizeof path, "%s/run/%s.pid", own.dir, daemon);
    FILE *file = fopen(path, "r");
    int pid = 0;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    return pid;
}

static void start_gateway(void)
{
    char conf[HARNESS_PATH_BYTES + 16];
    snprintf(conf, sizeof conf, "%s/ceph.conf", own.dir);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("CEPH_CONF", conf, 1);
        execlp("radosgw", "radosgw", "-n", "client.rgw", (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_a_hung_store_is_given_up_in_time_and_used_again(void **state)
{
    (void)state;
    if (own.dir[0] == '\0')
        skip();
    struct object_store *store = open_server(&own, "endpoint", 30000, 120000);
    struct error err;
    struct buf got = {0};
    ASSERT_OK(object_put(store, bucket, STR("a"), STR("before"), OBJECT_ALWAYS, &err), err);
    object_store_close(store);
    /* Five seconds in all: after twenty, Ceph once did not find back to its disk for minutes. */
    store = open_server(&own, "endpoint", 500, 2500);
    pid_t disk = pid_of("osd.0");
    assert_int_equal(kill(disk, SIGSTOP), 0);
    ASSERT_FAILS(object_put(store, bucket, STR("a"), STR("hung"), OBJECT_ALWAYS, &err), err, ERR_UNKNOWN);
    ASSERT_FAILS(object_get(store, bucket, STR("a"), NULL, &got, &err), err, ERR_TIMEOUT);
    assert_int_equal(kill(disk, SIGCONT), 0);
    object_store_close(store);
    /* With a deadline that outlasts the trouble, nobody notices it. */
    store = open_server(&own, "endpoint", 1000, 60000);
    ASSERT_OK(object_put(store, bucket, STR("b"), STR("after"), OBJECT_ALWAYS, &err), err);
    buf_reset(&got);
    ASSERT_OK(object_get(store, bucket, STR("b"), NULL, &got, &err), err);
    assert_true(str_is(buf_str(&got), "after"));
    buf_free(&got);
    object_store_close(store);
}

static void test_a_killed_gateway_is_told_and_waited_for(void **state)
{
    (void)state;
    if (own.dir[0] == '\0')
        skip();
    struct object_store *store = open_server(&own, "endpoint", 5000, 180000);
    struct error err;
    ASSERT_OK(object_put(store, bucket, STR("a"), STR("before"), OBJECT_ALWAYS, &err), err);
    pid_t gateway = pid_of("client.rgw");
    assert_int_equal(kill(gateway, SIGKILL), 0);
    while (kill(gateway, 0) == 0)
        usleep(10000);
    struct object_request get = {.op = OBJECT_GET, .bucket = bucket, .key = STR("a"), .brief = true};
    ASSERT_FAILS(object_wait(store, &get, &err), err, ERR_IO);
    assert_non_null(strstr(err.text, "unreachable"));
    object_request_free(&get);
    /* What is asked meanwhile goes on when it is back. */
    struct crowd crowd = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct guest guest = {.crowd = &crowd,
                          .request = {.op = OBJECT_PUT,
                                      .bucket = bucket,
                                      .key = STR("meanwhile"),
                                      .body = STR("x"),
                                      .condition = OBJECT_IF_NONE,
                                      .done = guest_done}};
    ASSERT_OK(object_start(store, &guest.request, &err), err);
    start_gateway();
    pthread_mutex_lock(&crowd.lock);
    while (crowd.ended < 1)
        pthread_cond_wait(&crowd.changed, &crowd.lock);
    pthread_mutex_unlock(&crowd.lock);
    CHECK(crowd.failed == 0, "%s", crowd.err.text);
    object_request_free(&guest.request);
    object_store_close(store);
}

/* ---- Texts ------------------------------------------------------------------------------------------------- */

static void expect_text(const struct object_config *config, const char *name, enum object_op op,
                        enum error_code code, const char *text)
{
    struct object_store *store = s3_open_or_fail(config);
    struct error err;
    struct object_request request = {
        .op = op, .bucket = str_of(name), .key = STR("a"), .body = STR("x"), .brief = true};
    ASSERT_FAILS(object_wait(store, &request, &err), err, code);
    CHECK(strstr(err.text, text) != NULL || strstr(err.hint, text) != NULL, "\"%s\" in \"%s\" (%s)", text,
          err.text, err.hint);
    object_request_free(&request);
    object_store_close(store);
}

static void test_ceph_tells_what_is_wrong(void **state)
{
    (void)state;
    struct s3_server server;
    struct object_config config;
    char value[HARNESS_PATH_BYTES];
    if (!s3_server_find("ceph", &server))
        skip();
    for (int head = 0; head < 2; head++) {
        enum object_op op = head ? OBJECT_HEAD_BUCKET : OBJECT_PUT;
        s3_server_config(&server, "endpoint", &config);
        expect_text(&config, "varve-absent", op, ERR_NOT_FOUND, "no such bucket");
        s3_config_set(&config.access_key_id, "nobody");
        expect_text(&config, S3_TEST_BUCKET, op, ERR_DENIED, "access_key_id");
        s3_config_set(&config.access_key_id, s3_server_value(&server, "access_key", value, sizeof value));
        s3_config_set(&config.secret_access_key, "wrong");
        expect_text(&config, S3_TEST_BUCKET, op, ERR_DENIED, "secret_access_key");
        /* Somebody else's bucket. */
        s3_config_set(&config.access_key_id,
                      s3_server_value(&server, "other_access_key", value, sizeof value));
        s3_config_set(&config.secret_access_key,
                      s3_server_value(&server, "other_secret_key", value, sizeof value));
        expect_text(&config, S3_TEST_BUCKET, op, ERR_DENIED,
                    head ? "s3:ListBucket" : "no permission to write");
        object_config_free(&config);
    }
}

static void test_certificates_are_verified(void **state)
{
    (void)state;
    struct s3_server server;
    struct object_config config;
    struct error err;
    if (!s3_server_find("ceph", &server))
        skip();
    s3_server_config(&server, "tls_endpoint", &config);
    char *ca = mem_strdup(config.tls.ca_file);
    s3_config_set(&config.tls.ca_file, NULL);
    expect_text(&config, S3_TEST_BUCKET, OBJECT_HEAD_BUCKET, ERR_IO,
                "certificate of 127.0.0.1 is not accepted");
    s3_config_set(&config.tls.ca_file, "/nonexistent/ca.pem");
    expect_text(&config, S3_TEST_BUCKET, OBJECT_HEAD_BUCKET, ERR_INVALID, "cacertfile");
    s3_config_set(&config.tls.ca_file, ca);
    s3_config_set(&config.tls.server_name, "other.example");
    expect_text(&config, S3_TEST_BUCKET, OBJECT_HEAD_BUCKET, ERR_IO,
                "certificate of 127.0.0.1 is not accepted");
    /* The name that it has, at an address that it has as well; and no verification at all. */
    for (int verify = 0; verify < 2; verify++) {
        config.tls.verify = verify;
        s3_config_set(&config.tls.server_name, verify ? "s3.localhost" : NULL);
        s3_config_set(&config.tls.ca_file, verify ? ca : NULL);
        struct object_store *store = s3_open_or_fail(&config);
        ASSERT_OK(object_put(store, bucket, STR("tls"), STR("x"), OBJECT_ALWAYS, &err), err);
        object_store_close(store);
    }
    mem_free(ca);
    object_config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_overloaded_gateway_gets_all_in_the_end),
        cmocka_unit_test(test_a_hung_store_is_given_up_in_time_and_used_again),
        cmocka_unit_test(test_a_killed_gateway_is_told_and_waited_for),
        cmocka_unit_test(test_ceph_tells_what_is_wrong),
        cmocka_unit_test(test_certificates_are_verified),
    };
    bool started = s3_server_start(NULL, &own);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (started)
        s3_server_stop(&own);
    return failed;
}
