/* Files are built while others are on their way to the store: how many, in which order they are committed, and what becomes of
 * them when the store, the disk or the process fails meanwhile. */
#include "tier_world.h"

#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH_BYTES 4000
#define BATCHES     4 /* at a time: migrate.c */
#define RECORDS     3000
#define ATTEMPTS    3 /* of each put that is held */

/* All that is appended is expelled, and every file is held. */
static void open_held(struct world *world)
{
    uint64_t bytes;
    struct error err;
    world_open(world);
    world->config.upload_bytes = BATCH_BYTES;
    world_open_tier(world);
    world_append(world, RECORDS);
    ASSERT_OK(log_bytes_below(world->log, world->appended, &bytes, &err), err);
    assert_true(bytes > (uint64_t)BATCH_BYTES * 4 * 2 * BATCHES); /* of the fourfold size: it is behind */
    tier_expel(world->tier, world->appended, bytes);
    tier_flush(world->tier, world_flushed, NULL);
    world->fake.hold_one_of = 1;
}

static void settle(struct world *world)
{
    world_steps(world, 200);
}

static void answer(struct world *world, size_t at, const char *failure)
{
    struct error err = {0};
    struct object_request *request = fake_take_held(&world->fake, at);
    bool ok =
        failure == NULL ? fake_put(&world->fake, request, &err) : error_set(&err, ERR_IO, "%s", failure);
    request->attempts = ATTEMPTS;
    request->done(request, ok ? NULL : &err);
}

/* The held put of the batch that comes first, or last. */
static size_t held(const struct world *world, bool last)
{
    size_t found = 0;
    for (size_t i = 1; i < world->fake.held_count; i++) {
        struct str key = world->fake.held[i]->key, other = world->fake.held[found]->key;
        int order = str_compare(key, other);
        if (last ? order > 0 : order < 0)
            found = i;
    }
    return found;
}

static struct tier_stats stats_of(struct world *world)
{
    struct tier_stats stats;
    tier_stats(world->tier, &stats);
    return stats;
}

/* The store takes what comes: all of it is committed, and can be read. */
static void finish(struct world *world)
{
    world->fake.hold_one_of = 0;
    for (unsigned i = 0; i < 20; i++) {
        fake_answer_all(&world->fake);
        settle(world);
        clock_fake_advance_ms(61000);
    }
    assert_int_equal(stats_of(world).bounds.next, world->appended);
    assert_int_equal(stats_of(world).bounds.rows, world->appended);
    assert_int_equal(stats_of(world).status, TIER_RUNNING);
    world_read(world, 0);
}

static void test_so_many_files_are_under_way_at_once_and_the_tier_waits_for_none(void **state)
{
    struct world world;
    (void)state;
    open_held(&world);
    settle(&world);
    assert_int_equal(world.fake.held_count, BATCHES);
    assert_false(tiers_step(world.tiers)); /* no thread is held: it is touched when one has ended */
    assert_int_equal(stats_of(&world).bounds.next, 0);
    finish(&world);
    world_close(&world);
}

static void test_batches_are_committed_in_order_whichever_is_there_first(void **state)
{
    struct world world;
    (void)state;
    open_held(&world);
    settle(&world);
    for (unsigned i = 0; i < BATCHES - 1; i++) {
        answer(&world, held(&world, true), NULL);
        settle(&world);
        assert_int_equal(stats_of(&world).bounds.next, 0);
        assert_int_equal(world.fake.held_count, BATCHES - 1 - i); /* no more are begun before the first */
    }
    answer(&world, 0, NULL);
    settle(&world);
    assert_true(stats_of(&world).bounds.next > 0);
    assert_int_equal(world.fake.held_count, BATCHES);
    finish(&world);
    world_close(&world);
}

struct search {
    struct str key;
    bool found;
};

static void look_for(const struct ledger_keys *intent, void *arg)
{
    struct search *search = arg;
    for (size_t i = 0; i < intent->count; i++)
        search->found = search->found || str_ends(search->key, str_of(intent->keys[i]));
}

static void assert_all_are_intended(struct world *world)
{
    for (size_t i = 0; i < world->fake.held_count; i++) {
        struct search search = {.key = world->fake.held[i]->key};
        ledger_intents(&world->tier->ledger, look_for, &search);
        assert_true(search.found);
    }
}

static void test_the_ledger_knows_each_key_and_keeps_it_while_others_are_settled(void **state)
{
    struct world world;
    (void)state;
    open_held(&world);
    settle(&world);
    assert_all_are_intended(&world);
    world.tier->doubts = true; /* of another change, whose outcome is known by now */
    tier_touch(world.tier);
    settle(&world);
    assert_false(world.tier->doubts);
    assert_int_equal(world.fake.held_count, BATCHES);
    assert_all_are_intended(&world);
    finish(&world);
    world_close(&world);
}

static void test_a_file_that_has_failed_is_put_again_and_the_others_are_not(void **state)
{
    struct world world;
    (void)state;
    open_held(&world);
    settle(&world);
    const struct tier_requests before = stats_of(&world).requests[OBJECT_PUT];
    answer(&world, held(&world, false), "reset");
    settle(&world);
    assert_int_equal(world.fake.held_count, BATCHES - 1);
    const struct tier_requests after = stats_of(&world).requests[OBJECT_PUT];
    assert_int_equal(after.failed, before.failed + 1);
    assert_int_equal(after.ok, before.ok);
    assert_int_equal(after.retries, before.retries + ATTEMPTS - 1);
    assert_int_equal(stats_of(&world).status, TIER_WAITING);
    clock_fake_advance_ms(61000);
    settle(&world);
    assert_int_equal(world.fake.held_count, BATCHES);
    assert_int_equal(stats_of(&world).status, TIER_WAITING); /* what is sent again has not healed it */
    assert_false(tiers_step(world.tiers)); /* and it does not turn in a circle until it has */
    answer(&world, held(&world, false), NULL);
    settle(&world);
    assert_int_equal(stats_of(&world).status, TIER_RUNNING);
    finish(&world);
    world_close(&world);
}

/* 128 bytes in a millisecond for each of four are a line of 4 Mbit/s. */
static void test_a_file_has_the_time_that_a_slow_line_takes(void **state)
{
    struct world world;
    (void)state;
    open_held(&world);
    settle(&world);
    for (size_t i = 0; i < world.fake.held_count; i++) {
        const struct object_request *put = world.fake.held[i];
        assert_true((uint64_t)put->deadline_ms >= 120000 + put->file->length / 128);
    }
    finish(&world);
    world_close(&world);
}

static size_t spool_files(const struct world *world)
{
    char pattern[HARNESS_PATH_BYTES + 32];
    glob_t found;
    snprintf(pattern, sizeof(pattern), "%s/tier/s/spool-*", world->dir);
    size_t count = glob(pattern, 0, NULL, &found) == 0 ? found.gl_pathc : 0;
    globfree(&found);
    return count;
}

/* Directories where the next files would be made. */
static void block_spool(const struct world *world, uint64_t from, bool block)
{
    char path[HARNESS_PATH_BYTES + 64];
    for (uint64_t i = from; i < from + 100; i++) {
        snprintf(path, sizeof(path), "%s/tier/s/spool-%d.parquet", world->dir, (int)i);
        assert_int_equal(block ? mkdir(path, 0700) : rmdir(path), 0);
    }
}

static void test_what_is_on_its_way_is_committed_although_the_disk_takes_no_other_file(void **state)
{
    struct world world;
    (void)state;
    open_held(&world);
    while (world.fake.held_count < 2)
        assert_true(tiers_step(world.tiers));
    uint64_t next = world.tier->spool_number + 1;
    block_spool(&world, next, true);
    settle(&world);
    assert_int_equal(world.fake.held_count, 2);
    assert_int_not_equal(stats_of(&world).err.code, ERR_NONE);
    while (world.fake.held_count > 0) {
        answer(&world, 0, NULL);
        settle(&world);
    }
    for (unsigned i = 0; i < 4; i++) {
        clock_fake_advance_ms(61000);
        settle(&world);
    }
    assert_true(stats_of(&world).bounds.next > 0);
    assert_true(stats_of(&world).bounds.next < world.appended);
    assert_int_not_equal(stats_of(&world).err.code, ERR_NONE);
    block_spool(&world, next, false);
    finish(&world);
    assert_int_equal(spool_files(&world), 0);
    world_close(&world);
}

static void test_a_file_leaves_the_spool_when_the_store_has_it(void **state)
{
    struct world world;
    (void)state;
    open_held(&world);
    settle(&world);
    assert_int_equal(spool_files(&world), BATCHES);
    answer(&world, held(&world, true), NULL);
    settle(&world);
    assert_int_equal(spool_files(&world), BATCHES - 1);
    finish(&world);
    world_close(&world);
}

/* Their ends come when nobody is there any more: the leak checker looks. */
static void test_stopping_leaves_what_is_under_way_and_nothing_in_the_spool(void **state)
{
    struct world world;
    (void)state;
    open_held(&world);
    settle(&world);
    world_close_tier(&world);
    assert_int_equal(spool_files(&world), 0);
    assert_int_equal(world.fake.held_count, BATCHES);
    answer(&world, 0, NULL);
    answer(&world, 0, "the store is closed");
    world_open_tier(&world);
    tier_expel(world.tier, world.appended, RECORDS);
    tier_flush(world.tier, world_flushed, NULL);
    finish(&world);
    world_close(&world);
}

static void test_a_batch_of_several_days_is_one_commit(void **state)
{
    struct world world;
    struct error err;
    struct log_batch batch = {.done = world_appended};
    (void)state;
    world_open(&world);
    world.config.upload_bytes = 1 << 20;
    world_open_tier(&world);
    for (int64_t day = 0; day < 3; day++) {
        char record[128];
        size_t len = world_record(world.appended++, record);
        memcpy(log_batch_add(&batch, WORLD_TIME_MS + day * 24 * 3600 * 1000, len), record, len);
    }
    ASSERT_OK(log_append(world.log, &batch, &err), err);
    while (log_engine_step(world.engine))
        ;
    world.fake.hold_one_of = 1;
    tier_expel(world.tier, world.appended, 100);
    tier_flush(world.tier, world_flushed, NULL);
    settle(&world);
    assert_int_equal(world.fake.held_count, 3);
    uint64_t commits = stats_of(&world).commits;
    fake_answer_all(&world.fake);
    settle(&world);
    assert_int_equal(stats_of(&world).commits, commits + 1);
    assert_int_equal(stats_of(&world).files, 3);
    world_close(&world);
}

RUN_TESTS(cmocka_unit_test(test_so_many_files_are_under_way_at_once_and_the_tier_waits_for_none),
          cmocka_unit_test(test_batches_are_committed_in_order_whichever_is_there_first),
          cmocka_unit_test(test_the_ledger_knows_each_key_and_keeps_it_while_others_are_settled),
          cmocka_unit_test(test_a_file_that_has_failed_is_put_again_and_the_others_are_not),
          cmocka_unit_test(test_what_is_on_its_way_is_committed_although_the_disk_takes_no_other_file),
          cmocka_unit_test(test_a_file_has_the_time_that_a_slow_line_takes),
          cmocka_unit_test(test_a_file_leaves_the_spool_when_the_store_has_it),
          cmocka_unit_test(test_stopping_leaves_what_is_under_way_and_nothing_in_the_spool),
          cmocka_unit_test(test_a_batch_of_several_days_is_one_commit))
