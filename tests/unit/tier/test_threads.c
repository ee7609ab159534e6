/* A tier with its own threads: migration, readers of the same and of other places, and an end while all of that is under way.
 * For the thread sanitizer above all. */
#include "tier_test.h"

#include <assert.h>
#include <time.h>

#define RECORDS 3000
#define READERS 4

static pthread_mutex_t store_lock = PTHREAD_MUTEX_INITIALIZER;

static struct worker_pool *store_threads;

struct put {
    struct worker_job job;
    struct fake *fake;
    struct object_request *request;
};

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void run_put(struct worker_job *job)
{
    struct put *put = CONTAINER_OF(job, struct put, job);
    struct object_request *request = put->request;
    struct error err = {0};
    nap();
    pthread_mutex_lock(&store_lock);
    bool ok = fake_put(put->fake, request, &err);
    pthread_mutex_unlock(&store_lock);
    mem_free(put);
    request->done(request, ok ? NULL : &err);
}

/* Files end on threads of the store. */
static bool locked_start(struct object_store *store, struct object_request *request, struct error *err)
{
    if (request->op == OBJECT_PUT && request->file != NULL) {
        struct put *put = mem_alloc(sizeof(*put));
        *put = (struct put){.job.run = run_put, .fake = (struct fake *)store, .request = request};
        if (worker_pool_submit(store_threads, &put->job, err))
            return true;
        mem_free(put);
        return false;
    }
    pthread_mutex_lock(&store_lock);
    bool ok = fake_start(store, request, err);
    pthread_mutex_unlock(&store_lock);
    return ok;
}

struct world {
    struct fake fake;
    struct random random;
    struct log_engine *engine;
    struct log *log;
    struct tiers *tiers;
    struct tier *tier;
    char dir[HARNESS_PATH_BYTES];
    atomic_uint changes;
    atomic_uint stored; /* batches */
};

static struct log *enter(void *arg)
{
    return ((struct world *)arg)->log;
}

static void leave(void *arg)
{
    (void)arg;
}

static void changed(void *arg)
{
    atomic_fetch_add(&((struct world *)arg)->changes, 1);
}

static struct world *the_world;

static void stored(struct log_batch *batch, const struct error *err)
{
    assert(err == NULL);
    (void)err;
    log_batch_reset(batch);
    atomic_fetch_add(&the_world->stored, 1);
}

static void open_world(struct world *world)
{
    struct error err;
    char path[HARNESS_PATH_BYTES + 16];
    *world = (struct world){0};
    the_world = world;
    random_seed(&world->random, 1);
    world->fake.random = &world->random;
    harness_make_dir(world->dir);
    store_threads = worker_pool_new("store", 3, 100, &err);
    assert_non_null(store_threads);
    const struct log_engine_options engine = {.writers = 1};
    world->engine = log_engine_start(&engine, &err);
    assert_non_null(world->engine);
    snprintf(path, sizeof(path), "%s/log", world->dir);
    const struct log_options log = {0};
    world->log = log_open(world->engine, path, &log, &err);
    assert_non_null(world->log);
    snprintf(path, sizeof(path), "%s/tier", world->dir);
    struct tiers_options options = fake_options(&world->fake, path);
    options.start = locked_start;
    options.manual = false;
    world->tiers = tiers_open(&options, &err);
    assert_non_null(world->tiers);
    const struct tier_options one = {
        .station = STR("s"),
        .created_ms = 1,
        .config = {.connector = STR("fake"),
                   .bucket = STR("bucket"),
                   .prefix = STR("p"),
                   .upload_bytes = 2000,
                   .upload_interval_ms = 1000,
                   .definition = STR("{}")},
        .enter = enter,
        .leave = leave,
        .changed = changed,
        .arg = world,
    };
    world->tier = tier_open(world->tiers, &one, &err);
    assert_non_null(world->tier);
}

static void close_world(struct world *world)
{
    tier_stop(world->tier, false);
    tier_free(world->tier);
    tiers_close(world->tiers);
    if (store_threads != NULL)
        worker_pool_stop(store_threads); /* what was left ends */
    log_close(world->log);
    log_engine_stop(world->engine);
    fake_free(&world->fake);
    harness_remove_dir(world->dir);
}

static void append(struct world *world, struct log_batch *batch, uint64_t from, uint64_t count)
{
    struct error err;
    unsigned before = atomic_load(&world->stored);
    batch->done = stored;
    for (uint64_t i = from; i < from + count; i++) {
        char record[64];
        size_t len = (size_t)sprintf(record, "t%cpayload %" PRIu64, '\0', i);
        memcpy(log_batch_add(batch, clock_wall_ms(), len), record, len);
    }
    ASSERT_OK(log_append(world->log, batch, &err), err);
    while (atomic_load(&world->stored) == before)
        nap();
}

struct reader {
    struct world *world;
    pthread_t thread;
    _Atomic uint64_t seen;
    atomic_bool failed;
};

/* Reads what there is from the beginning, until it has seen all, or the tier is stopped. */
static void *read_all(void *arg)
{
    struct reader *reader = arg;
    uint64_t at = 0;
    while (at < RECORDS && !reader->failed) {
        struct error err;
        struct tier_bounds bounds;
        tier_bounds(reader->world->tier, &bounds);
        struct log_chunk *chunk = tier_read_cached(reader->world->tier, at);
        if (chunk == NULL) {
            struct tier_fetch fetch = {.offset = at, .sequential = true};
            if (at >= bounds.next) {
                nap();
                continue;
            }
            if (!tier_fetch_wait(reader->world->tier, &fetch, &err)) {
                reader->failed = true;
                break;
            }
            chunk = fetch.chunk;
            if (chunk == NULL)
                continue;
        }
        struct log_cursor cursor;
        struct log_record record;
        log_cursor_init(&cursor, chunk, at);
        while (log_cursor_next(&cursor, &record)) {
            assert(record.offset == at);
            at++;
            reader->seen++;
        }
        log_chunk_unref(chunk);
    }
    return NULL;
}

static void test_readers_follow_a_migration_and_see_every_row_once(void **state)
{
    struct world world;
    struct error err;
    struct reader readers[READERS] = {0};
    struct log_batch batch = {0};
    (void)state;
    open_world(&world);
    for (size_t i = 0; i < READERS; i++) {
        readers[i].world = &world;
        ASSERT_OK(thread_start(&readers[i].thread, "reader", read_all, &readers[i], &err), err);
    }
    for (uint64_t at = 0; at < RECORDS; at += 100) {
        append(&world, &batch, at, 100);
        uint64_t bytes;
        ASSERT_OK(log_bytes_below(world.log, at + 100, &bytes, &err), err);
        tier_expel(world.tier, at + 100, bytes);
    }
    for (size_t i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_false(readers[i].failed);
        assert_int_equal(readers[i].seen, RECORDS);
    }
    assert_true(atomic_load(&world.changes) > 0);
    close_world(&world);
}

static void flushed(void *arg, const struct error *err)
{
    atomic_store((atomic_int *)arg, err == NULL ? 1 : 2);
}

static void test_stopping_ends_what_is_under_way(void **state)
{
    struct error err;
    (void)state;
    for (int round = 0; round < 10; round++) {
        struct world world;
        struct reader readers[READERS] = {0};
        struct log_batch batch = {0};
        atomic_int outcome = 0;
        uint64_t bytes;
        open_world(&world);
        append(&world, &batch, 0, RECORDS);
        for (size_t i = 0; i < READERS; i++) {
            readers[i].world = &world;
            ASSERT_OK(thread_start(&readers[i].thread, "reader", read_all, &readers[i], &err), err);
        }
        ASSERT_OK(log_bytes_below(world.log, RECORDS, &bytes, &err), err);
        tier_expel(world.tier, RECORDS, bytes);
        tier_flush(world.tier, flushed, &outcome);
        for (int i = 0; i < round * 3; i++)
            nap();
        tier_stop(world.tier, false);
        assert_int_not_equal(atomic_load(&outcome), 0);
        for (size_t i = 0; i < READERS; i++) {
            if (readers[i].seen < RECORDS)
                readers[i].failed = true; /* it may wait for rows that do not come any more */
            pthread_join(readers[i].thread, NULL);
        }
        close_world(&world);
    }
}

static void test_what_is_under_way_when_a_table_is_removed_is_removed_too(void **state)
{
    struct error err;
    (void)state;
    for (int round = 0; round < 10; round++) {
        struct world world;
        struct log_batch batch = {0};
        uint64_t bytes;
        open_world(&world);
        append(&world, &batch, 0, RECORDS);
        ASSERT_OK(log_bytes_below(world.log, RECORDS, &bytes, &err), err);
        tier_expel(world.tier, RECORDS, bytes);
        for (int i = 0; i < round; i++)
            nap();
        ASSERT_OK(tier_destroy(world.tier, &err), err);
        tier_stop(world.tier, true);
        worker_pool_stop(store_threads);
        store_threads = NULL;
        assert_int_equal(world.fake.count, 0);
        close_world(&world);
    }
}

RUN_TESTS(cmocka_unit_test(test_readers_follow_a_migration_and_see_every_row_once),
          cmocka_unit_test(test_stopping_ends_what_is_under_way),
          cmocka_unit_test(test_what_is_under_way_when_a_table_is_removed_is_removed_too))
