/* The scrub: a byte that has flipped in the store is found, and put right from local disk if the file is there; in the background it
 * comes by itself, slowly, and goes on where it was after a restart. */
#include "tier_world.h"

#define FILES       5
#define EACH        60
#define INTERVAL_MS ((int64_t)24 * 3600 * 1000)

static void open_with_files(struct world *world, int64_t interval_ms)
{
    world_open(world);
    world->config.scrub_interval_ms = interval_ms;
    world_open_tier(world);
    for (int i = 0; i < FILES; i++)
        world_migrate(world, EACH);
}

/* In the n-th data file: the last byte of its payloads, which a page's checksum covers. */
static void flip_a_byte(struct world *world, size_t n)
{
    struct str root = STR("s3://bucket/");
    struct iceberg_file file;
    struct error err;
    assert_true(iceberg_index_at(world->tier->index, n, &file));
    struct thing *thing =
        fake_find(&world->fake, str_make(file.path.data + root.len, file.path.len - root.len));
    assert_non_null(thing);
    struct parquet_file *parquet = parquet_file_open(buf_str(&thing->bytes), thing->bytes.len, 0, &err);
    assert_non_null(parquet);
    const struct parquet_chunk *payload =
        &parquet->groups[0].chunks[parquet_file_column(parquet, MESSAGE_PAYLOAD)];
    thing->bytes.data[payload->offset + payload->bytes - 1] ^= 0x10;
    parquet_file_close(parquet);
}

static struct tier_stats stats_of(struct world *world)
{
    struct tier_stats stats;
    tier_stats(world->tier, &stats);
    return stats;
}

static void test_a_flipped_byte_is_found_and_stays_without_a_copy(void **state)
{
    struct world world;
    struct tier_scrubbed scrubbed;
    struct error err = {0};
    (void)state;
    open_with_files(&world, 0);
    flip_a_byte(&world, 2);
    assert_false(tier_scrub(world.tier, NULL, &scrubbed, &err));
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_int_equal(scrubbed.files, FILES);
    assert_int_equal(scrubbed.findings, 1);
    assert_int_equal(scrubbed.repaired, 0);
    struct tier_stats stats = stats_of(&world);
    assert_int_equal(stats.scrub_findings, 1);
    assert_int_equal(stats.scrub_files, FILES);
    assert_int_equal(stats.scrub_ended_ms, clock_wall_ms());
    world_close(&world);
}

static void test_it_is_repaired_from_local_disk(void **state)
{
    struct world world;
    struct tier_scrubbed scrubbed;
    struct tier_restored restored;
    struct error err = {0};
    uint64_t bytes;
    (void)state;
    open_with_files(&world, 0);
    ASSERT_OK(tier_restore(world.tier, 2 * EACH, 3 * EACH, false, NULL, &restored, &err), err);
    flip_a_byte(&world, 2);
    CHECK(tier_scrub(world.tier, NULL, &scrubbed, &err), "%s", err.text);
    assert_int_equal(scrubbed.findings, 1);
    assert_int_equal(scrubbed.repaired, 1);
    ASSERT_OK(tier_release(world.tier, &bytes, &err), err);
    CHECK(tier_scrub(world.tier, NULL, &scrubbed, &err), "%s", err.text);
    assert_int_equal(scrubbed.findings, 0);
    world_forget(&world);
    world_read(&world, 0);
    world_close(&world);
}

/* Steps for so long; returns how many files were looked at. */
static uint64_t pass(struct world *world, int64_t ms, int64_t step_ms)
{
    uint64_t before = stats_of(world).scrubbed_files;
    for (int64_t passed_ms = 0; passed_ms < ms; passed_ms += step_ms) {
        world_steps(world, 10);
        clock_fake_advance_ms(step_ms);
    }
    return stats_of(world).scrubbed_files - before;
}

static void test_in_the_background_it_comes_by_itself_and_goes_on_after_a_restart(void **state)
{
    struct world world;
    struct tier_restored restored;
    struct error err = {0};
    (void)state;
    open_with_files(&world, INTERVAL_MS);
    assert_int_equal(pass(&world, INTERVAL_MS - 60000, 60000), 0);
    assert_int_equal(stats_of(&world).scrub_next_ms, WORLD_TIME_MS + INTERVAL_MS);
    ASSERT_OK(tier_restore(world.tier, 0, EACH, false, NULL, &restored, &err), err);
    flip_a_byte(&world, 0);
    flip_a_byte(&world, 4);
    clock_fake_advance_ms(60000);
    assert_int_equal(pass(&world, 10, 10), 1); /* a file, then a pause */
    assert_int_equal(pass(&world, 50, 10), 0);
    assert_true(stats_of(&world).scrub_began_ms > 0);
    assert_int_equal(pass(&world, 150, 50), 1);
    world_close_tier(&world);
    world_open_tier(&world);
    assert_int_equal(pass(&world, 5000, 50), FILES - 2);
    struct tier_stats stats = stats_of(&world);
    assert_int_equal(stats.scrub_began_ms, 0);
    assert_int_equal(stats.scrub_files, FILES);
    assert_int_equal(stats.scrub_findings, 2);
    assert_int_equal(stats.scrub_repaired, 1);
    CHECK(stats.status == TIER_RUNNING, "%s", stats.err.text);
    assert_int_equal(pass(&world, INTERVAL_MS - 60000, 60000), 0);
    assert_int_equal(pass(&world, 120000, 50), FILES);
    assert_int_equal(stats_of(&world).scrub_findings, 1);
    world_close(&world);
}

static void test_without_an_interval_it_never_comes(void **state)
{
    struct world world;
    (void)state;
    open_with_files(&world, 0);
    assert_int_equal(pass(&world, 100 * INTERVAL_MS, INTERVAL_MS), 0);
    assert_int_equal(stats_of(&world).scrub_next_ms, 0);
    world_close(&world);
}

RUN_TESTS(cmocka_unit_test(test_a_flipped_byte_is_found_and_stays_without_a_copy),
          cmocka_unit_test(test_it_is_repaired_from_local_disk),
          cmocka_unit_test(test_in_the_background_it_comes_by_itself_and_goes_on_after_a_restart),
          cmocka_unit_test(test_without_an_interval_it_never_comes))
