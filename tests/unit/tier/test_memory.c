/* A migration takes at most 64 MiB of memory, however much there is to migrate and however slow the store is: what is allocated is
 * looked at with every chunk that is read from the log, and with every request. */
#include "tier_world.h"

#include <malloc.h>

#define LIMIT_BYTES     ((size_t)64 << 20)
#define PAYLOAD_BYTES   ((size_t)64 << 10)
#define RECORDS         (2 * LIMIT_BYTES / PAYLOAD_BYTES)
#define RECORDS_AT_ONCE 32

/* Of the sanitizers' allocators, where one is linked. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
    if (__sanitizer_get_current_allocated_bytes != NULL)
        return __sanitizer_get_current_allocated_bytes();
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static size_t most;

static void look(void)
{
    size_t bytes = allocated();
    most = bytes > most ? bytes : most;
}

static struct log *enter(void *arg)
{
    look();
    return world_enter(arg);
}

/* Keeps no data files, or they would count. */
static bool start(struct object_store *store, struct object_request *request, struct error *err)
{
    struct fake *fake = (struct fake *)store;
    look();
    if (request->op != OBJECT_PUT || request->file == NULL || fake_holds(fake, request))
        return fake_start(store, request, err);
    request->done(request, NULL);
    return true;
}

static void append_random(struct world *world)
{
    for (uint64_t left = RECORDS; left > 0; left -= RECORDS_AT_ONCE) {
        struct log_batch batch = {.done = world_appended};
        struct error err;
        for (unsigned i = 0; i < RECORDS_AT_ONCE; i++) {
            uint8_t *at = log_batch_add(&batch, world_time_of(world->appended++), 2 + PAYLOAD_BYTES);
            memcpy(at, "t", 2);
            for (size_t k = 0; k < PAYLOAD_BYTES; k += sizeof(uint64_t)) {
                uint64_t bytes = random_next(&world->random);
                memcpy(at + 2 + k, &bytes, sizeof(bytes));
            }
        }
        ASSERT_OK(log_append(world->log, &batch, &err), err);
        while (log_engine_step(world->engine))
            ;
        log_batch_reset(&batch);
    }
}

static void test_a_migration_takes_at_most_64_mib(void **state)
{
    struct world world;
    uint64_t bytes;
    struct error err;
    (void)state;
    world_open(&world);
    world.row_group_bytes = 0; /* as large as they are by default, as files are */
    world.config.upload_bytes = (uint64_t)32 << 20;
    world.start = start;
    append_random(&world);
    world_open_tier(&world);
    world.tier->enter = enter;
    ASSERT_OK(log_bytes_below(world.log, world.appended, &bytes, &err), err);
    assert_true(bytes >= 2 * LIMIT_BYTES);
    size_t before = allocated();
    tier_expel(world.tier, world.appended, bytes);
    tier_flush(world.tier, world_flushed, NULL);
    world_steps(&world, 200);
    assert_int_equal(world.tier->bounds.next, world.appended);
    assert_true(most > before);
    CHECK(most - before <= LIMIT_BYTES, "%zu bytes", most - before);
    print_message("%zu KiB for %zu MiB\n", (most - before) >> 10, (size_t)(bytes >> 20));
    world_close(&world);
}

RUN_TESTS(cmocka_unit_test(test_a_migration_takes_at_most_64_mib))
