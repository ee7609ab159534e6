/* Object stores for tests: the functions of object/object.h that connectors call, with stores that do nothing by themselves.
 * A request waits until the test answers it; a store remembers what it was opened with, and stays in memory after it is closed. */
#ifndef TESTS_CONNECTOR_FAKE_OBJECTS_H
#define TESTS_CONNECTOR_FAKE_OBJECTS_H

#include "object/config.h"
#include "object/object.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "harness.h"

#include <pthread.h>
#include <unistd.h>

#define FAKES_MAX  64
#define PATIENCE_S 60

struct object_store {
    struct object_config config; /* a copy */
    struct object_request *waiting[8];
    size_t waiting_count;
    bool closed;
};

static struct {
    pthread_mutex_t lock;
    /* Under the lock. */
    struct object_store *stores[FAKES_MAX];
    size_t count;
    unsigned requests;        /* since the reset */
    struct error refuse_open; /* code ERR_NONE: none */
    struct error refuse_start;
    bool answer_all; /* each request succeeds at once */
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct object_store *object_store_open(const struct object_config *config, struct error *err)
{
    struct object_store *store = NULL;
    pthread_mutex_lock(&fake.lock);
    if (fake.refuse_open.code != ERR_NONE) {
        *err = fake.refuse_open;
    } else {
        store = mem_zalloc(sizeof(*store));
        object_config_copy(&store->config, config);
        assert_true(fake.count < FAKES_MAX);
        fake.stores[fake.count++] = store;
    }
    pthread_mutex_unlock(&fake.lock);
    return store;
}

bool object_start(struct object_store *store, struct object_request *request, struct error *err)
{
    pthread_mutex_lock(&fake.lock);
    bool refused = fake.refuse_start.code != ERR_NONE, now = fake.answer_all;
    assert_false(store->closed);
    if (refused && err != NULL)
        *err = fake.refuse_start;
    if (!refused && !now)
        store->waiting[store->waiting_count++] = request;
    pthread_mutex_unlock(&fake.lock);
    if (!refused && now)
        request->done(request, NULL);
    return !refused;
}

void object_request_free(struct object_request *request)
{
    (void)request;
}

static inline struct object_request *fake_pop(struct object_store *store)
{
    pthread_mutex_lock(&fake.lock);
    struct object_request *request = store->waiting_count > 0 ? store->waiting[0] : NULL;
    if (request != NULL)
        memmove(store->waiting, store->waiting + 1, --store->waiting_count * sizeof(store->waiting[0]));
    pthread_mutex_unlock(&fake.lock);
    return request;
}

void object_store_close(struct object_store *store)
{
    struct object_request *request;
    struct error closed;
    if (store == NULL)
        return;
    error_set(&closed, ERR_CLOSED, "the store is closing");
    while ((request = fake_pop(store)) != NULL)
        request->done(request, &closed);
    pthread_mutex_lock(&fake.lock);
    assert_false(store->closed);
    store->closed = true;
    pthread_mutex_unlock(&fake.lock);
}

bool object_probe(struct object_store *store, struct str bucket, struct str prefix,
                  struct object_probe *probe, struct error *err)
{
    (void)store;
    probe->count = 1;
    probe->checks[0].name = "put";
    probe->usable = str_is(bucket, "good");
    probe->guarantee = OBJECT_SINGLE_WRITER;
    error_set(&probe->checks[0].why, ERR_NONE, "below %.*s in %.*s", STR_ARG(prefix), STR_ARG(bucket));
    return probe->usable || error_set(err, ERR_NOT_FOUND, "no such bucket: %.*s", STR_ARG(bucket));
}

/* ---- What the test does ---------------------------------------------------------------------------------- */

#define WAIT_FOR(condition)                                                               \
    do {                                                                                  \
        int64_t until_ = clock_mono_ms() + PATIENCE_S * 1000;                             \
        while (!(condition)) {                                                            \
            if (clock_mono_ms() > until_)                                                 \
                fail_msg("%s:%d: waited in vain for %s", __FILE__, __LINE__, #condition); \
            usleep(500);                                                                  \
        }                                                                                 \
    } while (0)

/* How many were opened with this name. */
static inline unsigned fake_count(const char *name)
{
    unsigned count = 0;
    pthread_mutex_lock(&fake.lock);
    for (size_t i = 0; i < fake.count; i++)
        count += strcmp(fake.stores[i]->config.name, name) == 0;
    pthread_mutex_unlock(&fake.lock);
    return count;
}

static inline size_t fake_waiting(struct object_store *store)
{
    pthread_mutex_lock(&fake.lock);
    size_t count = store->waiting_count;
    pthread_mutex_unlock(&fake.lock);
    return count;
}

/* From here on opening (or starting a request) fails like that; ERR_NONE: it does not. */
static inline void fake_refuse(struct error *which, enum error_code code, const char *text)
{
    pthread_mutex_lock(&fake.lock);
    error_set(which, code, "%s", text);
    pthread_mutex_unlock(&fake.lock);
}

/* The nth that was opened with this name, from 0: waits for it. */
static inline struct object_store *fake_store(const char *name, unsigned nth)
{
    struct object_store *found = NULL;
    int64_t until = clock_mono_ms() + PATIENCE_S * 1000;
    while (found == NULL) {
        unsigned seen = 0;
        pthread_mutex_lock(&fake.lock);
        for (size_t i = 0; i < fake.count && found == NULL; i++) {
            if (strcmp(fake.stores[i]->config.name, name) == 0 && seen++ == nth)
                found = fake.stores[i];
        }
        pthread_mutex_unlock(&fake.lock);
        if (clock_mono_ms() > until)
            fail_msg("no store %s was opened", name);
        usleep(200);
    }
    return found;
}

static inline bool fake_closed(struct object_store *store)
{
    pthread_mutex_lock(&fake.lock);
    bool closed = store->closed;
    pthread_mutex_unlock(&fake.lock);
    return closed;
}

/* The next request of the store, once it has come: it is the test's to be answered. */
static inline struct object_request *fake_request(struct object_store *store)
{
    struct object_request *request;
    WAIT_FOR((request = fake_pop(store)) != NULL);
    return request;
}

static inline void fake_answer(struct object_request *request, enum error_code code, const char *text)
{
    struct error err;
    error_set(&err, code, "%s", text);
    request->done(request, code == ERR_NONE ? NULL : &err);
}

static inline void fake_reset(void)
{
    for (size_t i = 0; i < fake.count; i++) {
        CHECK(fake.stores[i]->closed, "%s", fake.stores[i]->config.name);
        object_config_free(&fake.stores[i]->config);
        mem_free(fake.stores[i]);
    }
    fake.count = 0;
    fake.refuse_open.code = ERR_NONE;
    fake.refuse_start.code = ERR_NONE;
    fake.answer_all = false;
}

#endif
