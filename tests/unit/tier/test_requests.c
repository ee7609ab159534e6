/* How many requests reading takes: they are paid for, and each is a round trip. */
#include "tier_world.h"

#define ROWS      6000
#define ROW_BYTES 1500
#define GROUP     (512u << 10)

static void append_large(struct world *world, uint64_t count)
{
    struct log_batch batch = {.done = world_appended};
    struct error err;
    for (uint64_t i = 0; i < count; i++) {
        uint8_t *at = log_batch_add(&batch, world_time_of(world->appended++), 2 + ROW_BYTES);
        memcpy(at, "t", 2);
        for (size_t k = 0; k < ROW_BYTES; k++) /* text that does not get small */
            at[2 + k] = (uint8_t)(' ' + random_below(&world->random, 90));
    }
    ASSERT_OK(log_append(world->log, &batch, &err), err);
    while (log_engine_step(world->engine))
        ;
}

/* One file of several MiB, with row groups of half a MiB. */
static void open_with_a_large_file(struct world *world, uint64_t rows)
{
    uint64_t bytes;
    struct error err;
    struct tier_stats stats;
    world_open(world);
    world->row_group_bytes = GROUP;
    world->cache_bytes = 64 << 20;
    world_open_tier(world);
    for (unsigned i = 0; i < 10; i++)
        append_large(world, rows / 10);
    ASSERT_OK(log_bytes_below(world->log, world->appended, &bytes, &err), err);
    world->tier->upload_bytes = bytes + 1;
    tier_expel(world->tier, world->appended, bytes);
    tier_flush(world->tier, world_flushed, NULL);
    world_steps(world, 10);
    tier_stats(world->tier, &stats);
    assert_int_equal(stats.files, 1);
    assert_int_equal(stats.bounds.rows, rows);
    assert_true(stats.file_bytes > 4 * WHOLE_FILE_BYTES);
    assert_true(stats.puts <= 6);
}

static uint64_t gets(struct world *world)
{
    struct tier_stats stats;
    tier_stats(world->tier, &stats);
    return stats.gets;
}

/* Nothing is cached but the metadata. */
static uint64_t cold(struct world *world)
{
    world_forget(world);
    world_steps(world, 10);
    return gets(world);
}

static void test_a_cold_seek_takes_two_gets(void **state)
{
    struct world world;
    (void)state;
    open_with_a_large_file(&world, ROWS);
    for (uint64_t at = 7; at < ROWS; at += ROWS / 5) {
        struct tier_fetch by_offset = {.offset = at},
                          by_time = {.by_time = true, .time_ms = world_time_of(at)};
        struct error err = {0};
        uint64_t before = cold(&world);
        CHECK(tier_fetch_wait(world.tier, &by_offset, &err), "%s", err.text);
        assert_non_null(by_offset.chunk);
        log_chunk_unref(by_offset.chunk);
        CHECK(gets(&world) - before <= 2, "offset %d: %d gets", (int)at, (int)(gets(&world) - before));
        before = cold(&world);
        CHECK(tier_fetch_wait(world.tier, &by_time, &err), "%s", err.text);
        assert_int_equal(by_time.next, at);
        CHECK(gets(&world) - before <= 2, "time of %d: %d gets", (int)at, (int)(gets(&world) - before));
    }
    world_close(&world);
}

/* How many GETs it takes to read all rows in sequence, with nothing cached. */
static uint64_t replay(struct world *world, uint64_t rows)
{
    uint64_t before = cold(world), read = 0;
    for (uint64_t at = 0; at < rows;) {
        struct error err = {0};
        struct tier_fetch fetch = {.offset = at, .sequential = true};
        CHECK(tier_fetch_wait(world->tier, &fetch, &err), "%s", err.text);
        read += fetch.chunk->next_offset - at;
        at = fetch.chunk->next_offset;
        log_chunk_unref(fetch.chunk);
    }
    assert_int_equal(read, rows);
    return gets(world) - before;
}

static void test_a_replay_takes_one_get_for_a_file_of_a_range(void **state)
{
    struct world world;
    struct tier_stats stats;
    (void)state;
    open_with_a_large_file(&world, ROWS);
    tier_stats(world.tier, &stats);
    assert_in_range(stats.file_bytes, RANGE_BYTES / 2, RANGE_BYTES_MOST);
    assert_int_equal(replay(&world, ROWS), 1);
    world_close(&world);
}

static void test_a_replay_takes_a_get_for_each_range_and_one_for_the_footer(void **state)
{
    struct world world;
    struct tier_stats stats;
    (void)state;
    open_with_a_large_file(&world, 2 * ROWS);
    tier_stats(world.tier, &stats);
    assert_in_range(stats.file_bytes, RANGE_BYTES_MOST + 1, 2 * RANGE_BYTES_MOST - 2 * GROUP);
    assert_int_equal(replay(&world, 2 * ROWS), 3);
    world_close(&world);
}

/* A range that memory has let go is still on disk, and what is decoded does not push it out. */
static void test_a_range_is_fetched_once_however_little_memory_there_is(void **state)
{
    struct world world;
    struct tier_stats stats;
    (void)state;
    open_with_a_large_file(&world, 2 * ROWS);
    world.memory_bytes = RANGE_BYTES;
    tier_stats(world.tier, &stats);
    uint64_t ranges = stats.file_bytes / (world.memory_bytes / 2 - GROUP) + 1;
    assert_in_range(replay(&world, 2 * ROWS), 3, ranges + 1);
    uint64_t before = gets(&world);
    tier_stats(world.tier, &stats);
    for (uint64_t at = 0; at < 2 * ROWS; at += ROWS / 4) { /* none of them where a range begins */
        struct error err = {0};
        struct tier_fetch fetch = {.offset = at};
        CHECK(tier_fetch_wait(world.tier, &fetch, &err), "%s", err.text);
        log_chunk_unref(fetch.chunk);
    }
    assert_int_equal(gets(&world), before);
    world_close(&world);
}

RUN_TESTS(cmocka_unit_test(test_a_cold_seek_takes_two_gets),
          cmocka_unit_test(test_a_replay_takes_one_get_for_a_file_of_a_range),
          cmocka_unit_test(test_a_replay_takes_a_get_for_each_range_and_one_for_the_footer),
          cmocka_unit_test(test_a_range_is_fetched_once_however_little_memory_there_is))
