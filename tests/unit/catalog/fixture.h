/* A catalog in a directory of its own, and writes that can be waited for. */
#ifndef TESTS_CATALOG_FIXTURE_H
#define TESTS_CATALOG_FIXTURE_H

#include "catalog/catalog_internal.h"

#include "base/mem.h"
#include "harness.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char dir[HARNESS_PATH_BYTES];
    char path[HARNESS_PATH_BYTES + 16]; /* of catalog.db */
    struct catalog *catalog;
    struct error err;
};

static inline void fixture_open(struct fixture *fixture)
{
    fixture->catalog = catalog_open(fixture->dir, &fixture->err);
    if (fixture->catalog == NULL)
        fail_msg("%s", fixture->err.text);
}

static inline void fixture_reopen(struct fixture *fixture)
{
    catalog_close(fixture->catalog);
    fixture_open(fixture);
}

/* As after a crash: damage is then SQLite's to find. */
static inline void fixture_forget_seal(const struct fixture *fixture)
{
    char seal[HARNESS_PATH_BYTES + 16];
    snprintf(seal, sizeof seal, "%s/catalog.seal", fixture->dir);
    unlink(seal);
}

/* A directory, without a catalog yet. */
static inline int fixture_make_dir(void **state)
{
    struct fixture *fixture = mem_zalloc(sizeof *fixture);
    harness_make_dir(fixture->dir);
    snprintf(fixture->path, sizeof fixture->path, "%s/catalog.db", fixture->dir);
    *state = fixture;
    return 0;
}

static inline int fixture_setup(void **state)
{
    fixture_make_dir(state);
    fixture_open(*state);
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    catalog_close(fixture->catalog);
    harness_remove_dir(fixture->dir);
    mem_free(fixture);
    return 0;
}

#define WITH_CATALOG(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
#define WITH_DIR(test)     cmocka_unit_test_setup_teardown(test, fixture_make_dir, fixture_teardown)

/* A write, and what became of it. */
struct waited {
    struct catalog_write write;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done; /* under lock, as the rest */
    struct error err;
};

static inline void waited_done(struct catalog_write *write, const struct error *err)
{
    struct waited *waited = (struct waited *)(void *)write;
    pthread_mutex_lock(&waited->lock);
    waited->done = true;
    waited->err = err != NULL ? *err : (struct error){0};
    pthread_cond_signal(&waited->changed);
    pthread_mutex_unlock(&waited->lock);
}

static inline void waited_submit(struct catalog *catalog, struct waited *waited, struct catalog_write write)
{
    struct error err;
    *waited = (struct waited){.write = write};
    waited->write.done = waited_done;
    pthread_mutex_init(&waited->lock, NULL);
    pthread_cond_init(&waited->changed, NULL);
    ASSERT_OK(catalog_submit(catalog, &waited->write, &err), err);
}

/* How it ended: ERR_NONE or the failure. */
static inline enum error_code waited_end(struct waited *waited)
{
    pthread_mutex_lock(&waited->lock);
    while (!waited->done)
        pthread_cond_wait(&waited->changed, &waited->lock);
    pthread_mutex_unlock(&waited->lock);
    pthread_cond_destroy(&waited->changed);
    pthread_mutex_destroy(&waited->lock);
    return waited->err.code;
}

/* Submits and waits. */
static inline enum error_code write_now(struct catalog *catalog, struct catalog_write write)
{
    struct waited waited;
    waited_submit(catalog, &waited, write);
    return waited_end(&waited);
}

#define RETAINED(topic, text, expires) \
    ((struct catalog_write){           \
        .kind = CATALOG_RETAINED_PUT, .key = (topic), .value = (text), .expires_ms = (expires)})
#define SESSION(id, text, expires) \
    ((struct catalog_write){       \
        .kind = CATALOG_SESSION_PUT, .key = (id), .value = (text), .expires_ms = (expires)})
#define SUBSCRIPTION(id, topic_filter, opts, number)          \
    ((struct catalog_write){.kind = CATALOG_SUBSCRIPTION_PUT, \
                            .key = (id),                      \
                            .filter = (topic_filter),         \
                            .options = (opts),                \
                            .subscription_id = (number)})

/* What a table holds, as lines of text, to compare with. */
static inline bool note_value(struct str key, struct str value, int64_t expires_ms, void *arg)
{
    buf_printf(arg, "%.*s=%.*s@%lld\n", STR_ARG(key), STR_ARG(value), (long long)expires_ms);
    return true;
}

static inline bool note_subscription(struct str client_id, struct str filter, uint8_t options,
                                     uint32_t subscription_id, void *arg)
{
    buf_printf(arg, "%.*s %.*s %u %u\n", STR_ARG(client_id), STR_ARG(filter), options, subscription_id);
    return true;
}

static inline void assert_retained(struct fixture *fixture, int64_t now_ms, const char *expected)
{
    struct buf text = {0};
    ASSERT_OK(catalog_retained_each(fixture->catalog, now_ms, note_value, &text, &fixture->err),
              fixture->err);
    assert_string_equal(buf_cstr(&text), expected);
    buf_free(&text);
}

static inline void assert_sessions(struct fixture *fixture, int64_t now_ms, const char *expected)
{
    struct buf text = {0};
    ASSERT_OK(catalog_session_each(fixture->catalog, now_ms, note_value, &text, &fixture->err), fixture->err);
    assert_string_equal(buf_cstr(&text), expected);
    buf_free(&text);
}

static inline void assert_subscriptions(struct fixture *fixture, const char *expected)
{
    struct buf text = {0};
    ASSERT_OK(catalog_subscription_each(fixture->catalog, note_subscription, &text, &fixture->err),
              fixture->err);
    assert_string_equal(buf_cstr(&text), expected);
    buf_free(&text);
}

#endif
