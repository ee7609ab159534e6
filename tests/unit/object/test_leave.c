/* A request that hangs is left by who does not want to wait: at once, without harm to the store, and what it asked for may still
 * happen. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "object/object.h"
#include "s3/fake_s3.h"

#include "harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

struct gate { /* requests wait before it until it opens */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    atomic_uint waiting;
};

static enum fake_fault wait_at(void *arg, const struct fake_request *request)
{
    struct gate *gate = arg;
    (void)request;
    pthread_mutex_lock(&gate->lock);
    atomic_fetch_add(&gate->waiting, 1);
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
    return FAKE_NONE;
}

static void open_gate(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static bool hangs(void *arg)
{
    return atomic_load(&((struct gate *)arg)->waiting) > 0;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

struct stage {
    struct fake_s3 *fake;
    struct object_store *store;
    struct gate gate;
};

static void begin(struct stage *stage)
{
    struct object_config config;
    struct error err;
    *stage = (struct stage){.fake = fake_s3_start()};
    pthread_mutex_init(&stage->gate.lock, NULL);
    pthread_cond_init(&stage->gate.changed, NULL);
    fake_s3_config(stage->fake, &config);
    stage->store = object_store_open(&config, &err);
    assert_non_null(stage->store);
    object_config_free(&config);
}

static void end(struct stage *stage)
{
    open_gate(&stage->gate);
    object_store_close(stage->store);
    fake_s3_stop(stage->fake);
    pthread_cond_destroy(&stage->gate.changed);
    pthread_mutex_destroy(&stage->gate.lock);
}

/* The caller's bytes go before the request does. */
static bool put(struct stage *stage, bool (*leave)(void *arg), struct error *err)
{
    char *key = mem_strdup("a/key"), *body = mem_strdup("what is put");
    struct object_request request = {.op = OBJECT_PUT,
                                     .bucket = STR(FAKE_BUCKET),
                                     .key = str_of(key),
                                     .body = str_of(body),
                                     .deadline_ms = 20000};
    bool ok = object_wait_unless(stage->store, &request, leave, &stage->gate, err);
    object_request_free(&request);
    memset(key, 'x', 5);
    memset(body, 'x', 11);
    mem_free(key);
    mem_free(body);
    return ok;
}

static void check_body(struct stage *stage)
{
    struct buf body = {0};
    assert_true(fake_s3_get(stage->fake, "a/key", &body));
    assert_true(str_is(buf_str(&body), "what is put"));
    buf_free(&body);
}

static void test_a_request_that_is_waited_for_is_like_any_other(void **state)
{
    (void)state;
    struct stage stage;
    struct error err;
    begin(&stage);
    ASSERT_OK(put(&stage, never, &err), err);
    check_body(&stage);
    struct object_request get = {.op = OBJECT_GET, .bucket = STR(FAKE_BUCKET), .key = STR("a/key")};
    ASSERT_OK(object_wait_unless(stage.store, &get, never, NULL, &err), err);
    assert_true(str_is(buf_str(&get.data), "what is put"));
    object_request_free(&get);
    get = (struct object_request){.op = OBJECT_GET, .bucket = STR(FAKE_BUCKET), .key = STR("none")};
    ASSERT_FAILS(object_wait_unless(stage.store, &get, never, NULL, &err), err, ERR_NOT_FOUND);
    object_request_free(&get);
    end(&stage);
}

static void test_one_that_hangs_is_left_and_goes_on_alone(void **state)
{
    (void)state;
    struct stage stage;
    struct error err;
    begin(&stage);
    fake_s3_decide(stage.fake, wait_at, &stage.gate);
    ASSERT_FAILS(put(&stage, hangs, &err), err, ERR_CLOSED);
    struct object_stats stats;
    object_stats(stage.store, &stats);
    assert_int_equal(stats.in_flight, 1);
    open_gate(&stage.gate);
    while (stats.in_flight > 0) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        object_stats(stage.store, &stats);
    }
    check_body(&stage);
    end(&stage);
}

static void test_a_store_closes_below_one_that_was_left(void **state)
{
    (void)state;
    struct stage stage;
    struct error err;
    begin(&stage);
    fake_s3_decide(stage.fake, wait_at, &stage.gate);
    ASSERT_FAILS(put(&stage, hangs, &err), err, ERR_CLOSED);
    object_store_close(stage.store);
    stage.store = NULL;
    end(&stage);
}

RUN_TESTS(cmocka_unit_test(test_a_request_that_is_waited_for_is_like_any_other),
          cmocka_unit_test(test_one_that_hangs_is_left_and_goes_on_alone),
          cmocka_unit_test(test_a_store_closes_below_one_that_was_left))
