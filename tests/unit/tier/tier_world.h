/* A station's log and its tier, without threads, on the store of tier_test.h: what tests of one thing begin with. */
#ifndef TESTS_TIER_WORLD_H
#define TESTS_TIER_WORLD_H

#include "tier_test.h"

#define WORLD_RECORDS 4000
#define WORLD_TIME_MS INT64_C(1795000000000)

struct world {
    struct fake fake;
    struct random random;
    struct log_engine *engine;
    struct log *log;
    struct tiers *tiers;
    struct tier *tier;
    char dir[HARNESS_PATH_BYTES];
    uint64_t appended;
    struct tier_config config; /* set before world_open_tier(), as the next one */
    uint64_t row_group_bytes;
    uint64_t file_bytes;
    uint64_t cache_bytes;  /* of both caches */
    uint64_t memory_bytes; /* of that in memory; 0: the same */
    /* Instead of fake_start(). */
    bool (*start)(struct object_store *store, struct object_request *request, struct error *err);
};

static inline struct log *world_enter(void *arg)
{
    return ((struct world *)arg)->log;
}

static inline void world_nothing(void *arg)
{
    (void)arg;
}

static inline void world_flushed(void *arg, const struct error *err)
{
    (void)arg;
    (void)err;
}

static inline void world_appended(struct log_batch *batch, const struct error *err)
{
    (void)batch;
    assert_null(err);
}

/* As long as its offset says, so that files differ in size. */
static inline size_t world_record(uint64_t offset, char *out)
{
    size_t len = (size_t)sprintf(out, "topic/%d", (int)(offset % 7)) + 1;
    len += (size_t)sprintf(out + len, "message %d ", (int)offset);
    for (uint64_t i = 0; i < offset % 50; i++)
        out[len++] = (char)('a' + (offset * 31 + i * 7) % 26);
    return len;
}

static inline int64_t world_time_of(uint64_t offset)
{
    return WORLD_TIME_MS + (int64_t)offset;
}

static inline void world_append(struct world *world, uint64_t count)
{
    struct log_batch batch = {.done = world_appended};
    struct error err;
    for (uint64_t i = 0; i < count; i++) {
        char record[128];
        size_t len = world_record(world->appended, record);
        memcpy(log_batch_add(&batch, world_time_of(world->appended++), len), record, len);
    }
    ASSERT_OK(log_append(world->log, &batch, &err), err);
    while (log_engine_step(world->engine))
        ;
}

static inline void world_open_tier(struct world *world)
{
    struct error err;
    char path[HARNESS_PATH_BYTES + 16];
    snprintf(path, sizeof(path), "%s/tier", world->dir);
    struct tiers_options options = fake_options(&world->fake, path);
    options.row_group_bytes = world->row_group_bytes;
    options.file_bytes = world->file_bytes;
    options.cache_bytes = world->cache_bytes;
    options.memory_bytes = world->memory_bytes > 0 ? world->memory_bytes : world->cache_bytes;
    if (world->start != NULL)
        options.start = world->start;
    world->tiers = tiers_open(&options, &err);
    CHECK(world->tiers != NULL, "%s", err.text);
    const struct tier_options one = {
        .station = STR("s"),
        .created_ms = WORLD_TIME_MS,
        .config = world->config,
        .enter = world_enter,
        .leave = world_nothing,
        .changed = world_nothing,
        .arg = world,
    };
    world->tier = tier_open(world->tiers, &one, &err);
    CHECK(world->tier != NULL, "%s", err.text);
}

static inline void world_open(struct world *world)
{
    struct error err;
    char path[HARNESS_PATH_BYTES + 16];
    *world = (struct world){0};
    random_seed(&world->random, 1);
    harness_make_dir(world->dir);
    clock_fake_set(WORLD_TIME_MS, INT64_C(1000000000));
    world->fake.random = &world->random;
    world->config = (struct tier_config){.connector = STR("fake"),
                                         .bucket = STR("bucket"),
                                         .prefix = STR("p"),
                                         .upload_bytes = 1,
                                         .upload_interval_ms = 1000,
                                         .definition = STR("{\"name\":\"s\"}")};
    world->row_group_bytes = 512;
    world->cache_bytes = 1 << 20;
    const struct log_engine_options engine = {.writers = 0};
    world->engine = log_engine_start(&engine, &err);
    assert_non_null(world->engine);
    snprintf(path, sizeof(path), "%s/log", world->dir);
    const struct log_options log = {.sync_ms = LOG_SYNC_NONE};
    world->log = log_open(world->engine, path, &log, &err);
    CHECK(world->log != NULL, "%s", err.text);
}

static inline void world_close_tier(struct world *world)
{
    if (world->tiers == NULL)
        return;
    tier_stop(world->tier, false);
    tier_free(world->tier);
    tiers_close(world->tiers);
    world->tiers = NULL;
}

static inline void world_close(struct world *world)
{
    world_close_tier(world);
    log_close(world->log);
    log_engine_stop(world->engine);
    fake_free(&world->fake);
    clock_fake_stop();
    harness_remove_dir(world->dir);
}

static inline void world_steps(struct world *world, unsigned most)
{
    for (unsigned i = 0; i < most && tiers_step(world->tiers); i++)
        ;
}

/* Appends and migrates so many: one commit, one file. */
static inline void world_migrate(struct world *world, uint64_t count)
{
    uint64_t bytes;
    struct error err;
    struct tier_bounds bounds;
    world_append(world, count);
    ASSERT_OK(log_bytes_below(world->log, world->appended, &bytes, &err), err);
    world->tier->upload_bytes = bytes + 1;
    tier_expel(world->tier, world->appended, bytes);
    tier_flush(world->tier, world_flushed, NULL);
    world_steps(world, 10);
    tier_bounds(world->tier, &bounds);
    assert_int_equal(bounds.next, world->appended);
}

/* Reads what there is from `from` on, as a reader does: every offset once, byte for byte. */
static inline void world_read(struct world *world, uint64_t from)
{
    uint64_t at = from;
    while (at < world->appended) {
        struct error err = {0};
        struct tier_fetch fetch = {.offset = at, .sequential = true};
        CHECK(tier_fetch_wait(world->tier, &fetch, &err), "offset %d: %s", (int)at, err.text);
        CHECK(fetch.chunk != NULL, "offset %d goes on at %d", (int)at, (int)fetch.next);
        struct log_cursor cursor;
        struct log_record record;
        log_cursor_init(&cursor, fetch.chunk, at);
        while (log_cursor_next(&cursor, &record)) {
            char expected[128];
            size_t len = world_record(at, expected);
            CHECK(record.offset == at && record.time_ms == world_time_of(at) &&
                      str_equal(record.data, str_make(expected, len)),
                  "offset %d", (int)at);
            at++;
        }
        log_chunk_unref(fetch.chunk);
    }
}

/* What was read is forgotten: the next read goes to the store. */
static inline void world_forget(struct world *world)
{
    world_close_tier(world);
    char path[HARNESS_PATH_BYTES + 32];
    snprintf(path, sizeof(path), "%s/tier/-cache", world->dir);
    harness_remove_dir(path);
    world_open_tier(world);
}

#endif
