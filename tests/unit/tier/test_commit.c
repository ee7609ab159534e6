/* Commits: of any number of objects; and what attempts leave that have lost is removed once that is decided, and nothing else. */
#include "tier_world.h"

static struct reach *take(struct world *world, struct reach *reach)
{
    struct error err;
    ASSERT_OK(reach_take(world->tier, reach, &err), err);
    return reach;
}

/* ---- Many objects ---------------------------------------------------------------------------------------- */

#define MANY 150

struct many {
    struct iceberg_data_file files[MANY];
    struct arena arena;
};

static bool prepare_many(struct tier *tier, struct iceberg_change *change, void *arg, struct error *err)
{
    struct many *many = arg;
    (void)tier;
    (void)err;
    change->added = many->files;
    change->added_count = MANY;
    return true;
}

static void test_a_commit_has_any_number_of_objects(void **state)
{
    struct world world;
    struct reach reach;
    struct error err;
    struct many *many = mem_zalloc(sizeof(*many));
    char uuid[LAKE_UUID_BYTES];
    (void)state;
    world_open(&world);
    world_open_tier(&world);
    world_migrate(&world, 10);
    lake_uuid(uuid);
    for (uint64_t i = 0; i < MANY; i++) {
        struct iceberg_column *offset = arena_zalloc(&many->arena, sizeof(*offset));
        uint8_t *bounds = arena_alloc(&many->arena, 16);
        iceberg_bound_long((int64_t)(100 + i), bounds);
        iceberg_bound_long((int64_t)(100 + i), bounds + 8);
        *offset = (struct iceberg_column){.field_id = MESSAGE_OFFSET,
                                          .size_bytes = 1,
                                          .value_count = 1,
                                          .null_count = 0,
                                          .nan_count = ICEBERG_NONE,
                                          .lower = str_make(bounds, 8),
                                          .upper = str_make(bounds + 8, 8)};
        many->files[i] = (struct iceberg_data_file){
            .path = str_of(arena_printf(&many->arena, "s3://bucket/p/s/data/%d.parquet", (int)i)),
            .format = STR("PARQUET"),
            .record_count = 1,
            .size_bytes = 1,
            .partition = {{.kind = ICEBERG_INT, .number = 20000}},
            .partition_count = 1,
            .columns = offset,
            .column_count = 1,
            .sort_order_id = ICEBERG_NONE,
        };
    }
    /* A manifest is full with each file. */
    struct iceberg_change change = {
        .operation = ICEBERG_APPEND, .uuid = str_of(uuid), .manifest_bytes = 1, .merge_count = 1000};
    uint64_t puts = world.fake.puts;
    ASSERT_OK(commit_change(world.tier, take(&world, &reach), &change, prepare_many, many, &err), err);
    reach_give_back(&reach);
    assert_true(world.fake.puts - puts >= MANY + 2);
    assert_true(world.tier->list->count > MANY);
    world_close_tier(&world); /* the ledger is read again */
    world_open_tier(&world);
    world_close(&world);
    arena_free(&many->arena);
    mem_free(many);
}

/* ---- What attempts leave --------------------------------------------------------------------------------- */

/* What befalls the next put of a v<N>.metadata.json. */
enum fate {
    FINE,
    TAKEN,    /* another program has put a version of its own there just before */
    LOST,     /* it is there, the answer is lost, and so is the next one */
    VANISHED, /* it is not, and nobody knows */
    LATE,     /* nobody knows, and it arrives just before the next one of its kind */
};

static enum fate fate;
static bool blind; /* reading back fails, too */
static struct thing late;

static bool is_metadata(const struct object_request *request)
{
    return str_ends(request->key, STR(".metadata.json"));
}

/* The next version, as another program makes it: the last one with another property. */
static void take_version(struct world *world, struct str key)
{
    struct iceberg_change change = {.operation = ICEBERG_NO_SNAPSHOT, .now_ms = clock_wall_ms()};
    const struct iceberg_property mark = {STR("somebody"), STR("else")};
    char uuid[LAKE_UUID_BYTES];
    struct error err;
    lake_uuid(uuid);
    change.uuid = str_of(uuid);
    change.properties = &mark;
    change.property_count = 1;
    struct iceberg_commit *commit =
        iceberg_commit_new(world->tier->table, world->tier->table_version, world->tier->list, &change, &err);
    CHECK(commit != NULL, "%s", err.text);
    ASSERT_OK(iceberg_commit_finish(commit, &err), err);
    assert_true(fake_apply(&world->fake, key, commit->objects[0].bytes, OBJECT_IF_NONE));
    iceberg_commit_free(commit);
}

static struct world *the_world;

static bool fateful_start(struct object_store *store, struct object_request *request, struct error *err)
{
    struct fake *fake = (struct fake *)store;
    struct error failure = {0};
    if (is_metadata(request) && request->op == OBJECT_GET && blind) {
        error_set(&failure, ERR_IO, "no answer");
        request->done(request, &failure);
        return true;
    }
    if (is_metadata(request) && request->op == OBJECT_PUT && late.key != NULL) {
        fake_apply(fake, str_of(late.key), buf_str(&late.bytes), OBJECT_IF_NONE);
        mem_free(late.key);
        buf_free(&late.bytes);
        late = (struct thing){0};
    }
    if (!is_metadata(request) || request->op != OBJECT_PUT || fate == FINE)
        return fake_start(store, request, err);
    if (fate == TAKEN) {
        fate = FINE;
        take_version(the_world, request->key);
        return fake_start(store, request, err);
    }
    if (fate == LATE) {
        fate = FINE;
        late.key = str_dup(request->key);
        buf_append_str(&late.bytes, request->body);
    } else if (fate == LOST)
        fake_apply(fake, request->key, request->body, request->condition);
    blind = true;
    error_set(&failure, ERR_UNKNOWN, "no answer");
    request->done(request, &failure);
    return true;
}

static void check_nothing_is_left(struct world *world, const char *what)
{
    const struct iceberg_table *table = world->tier->table;
    for (size_t i = 0; i < world->fake.count; i++) {
        struct str key = str_of(world->fake.things[i].key), location;
        struct iceberg_file file;
        bool live = !str_ends(key, STR(".avro")) && !str_ends(key, STR(".parquet"));
        char uri[512];
        snprintf(uri, sizeof(uri), "s3://bucket/%.*s", STR_ARG(key));
        location = str_of(uri);
        for (size_t k = 0; k < table->snapshot_count; k++) {
            struct iceberg_list list = {0};
            struct error err;
            struct str list_uri = table->snapshots[k].manifest_list;
            struct thing *thing = fake_find(&world->fake, str_make(list_uri.data + strlen("s3://bucket/"),
                                                                   list_uri.len - strlen("s3://bucket/")));
            CHECK(thing != NULL, "%s: the list of a snapshot is gone", what);
            ASSERT_OK(iceberg_list_read(buf_str(&thing->bytes), &list, &err), err);
            live = live || str_equal(location, list_uri);
            for (size_t m = 0; m < list.count; m++) {
                struct str path = list.manifests[m].path;
                live = live || str_equal(location, path);
                CHECK(fake_find(&world->fake, str_make(path.data + strlen("s3://bucket/"),
                                                       path.len - strlen("s3://bucket/"))) != NULL,
                      "%s: a manifest is gone", what);
            }
            iceberg_list_free(&list);
        }
        for (size_t n = 0; iceberg_index_at(world->tier->index, n, &file); n++)
            live = live || str_equal(file.path, location);
        CHECK(live, "%s: %.*s is left", what, STR_ARG(key));
    }
}

static void count_intent(const struct ledger_keys *keys, void *arg)
{
    (void)keys;
    ++*(unsigned *)arg;
}

static void test_what_lost_attempts_have_put_is_removed_and_nothing_else(void **state)
{
    static const struct {
        const char *name;
        enum fate fate;
        bool restart;
        bool quiet; /* nothing is committed for so long that what is dead is removed */
    } rows[] = {
        {"taken", TAKEN, false, false},
        {"the answer is lost", LOST, false, false},
        {"the answer is lost, and the process dies", LOST, true, false},
        {"it arrives late", LATE, false, false},
        {"it arrives late, and that is all", LATE, false, true},
        {"it vanishes", VANISHED, false, false},
        {"it vanishes, and the process dies", VANISHED, true, false},
    };
    (void)state;
    TABLE_EACH(row, rows)
    {
        struct world world;
        uint64_t bytes;
        struct error err;
        unsigned intents = 0;
        world_open(&world);
        world.start = fateful_start;
        the_world = &world;
        fate = FINE;
        blind = false;
        world_open_tier(&world);
        world_migrate(&world, 20);
        world_append(&world, 20);
        ASSERT_OK(log_bytes_below(world.log, world.appended, &bytes, &err), err);
        fate = row->fate;
        world.tier->upload_bytes = bytes + 1; /* one batch */
        tier_expel(world.tier, world.appended, bytes);
        tier_flush(world.tier, world_flushed, NULL);
        world_steps(&world, 2);
        fate = FINE;
        blind = false;
        if (row->restart) {
            world_close_tier(&world);
            world_open_tier(&world);
        }
        for (int i = 0; row->quiet && i < 5; i++) {
            clock_fake_advance_ms(10 * 60000);
            world_steps(&world, 10);
        }
        if (row->quiet) {
            world_forget(&world);
            world_read(&world, 0);
        }
        for (int i = 0; i < 5; i++) {
            clock_fake_advance_ms(10 * 60000);
            world_migrate(&world, 5);
        }
        world_read(&world, 0);
        ledger_intents(&world.tier->ledger, count_intent, &intents);
        assert_int_equal(intents, 0);
        check_nothing_is_left(&world, row->name);
        world_close(&world);
    }
}

static void test_a_tier_that_was_opened_in_an_outage_is_well_when_it_is_over(void **state)
{
    struct world world;
    struct tier_stats stats;
    (void)state;
    world_open(&world);
    world_open_tier(&world);
    world_migrate(&world, 20);
    world_close_tier(&world);
    world.fake.fail_one_of = 1;
    world_open_tier(&world);
    world_steps(&world, 10);
    tier_stats(world.tier, &stats);
    assert_int_equal(stats.status, TIER_WAITING);
    tier_expel(world.tier, world.appended,
               0); /* nothing to migrate: who is told so does not forget to try again */
    world_steps(&world, 10);
    world.fake.fail_one_of = 0;
    clock_fake_advance_ms(120000);
    world_steps(&world, 10);
    tier_stats(world.tier, &stats);
    assert_int_equal(stats.status, TIER_RUNNING);
    assert_int_equal(stats.bounds.next, 20);
    world_close(&world);
}

RUN_TESTS(cmocka_unit_test(test_a_commit_has_any_number_of_objects),
          cmocka_unit_test(test_what_lost_attempts_have_put_is_removed_and_nothing_else),
          cmocka_unit_test(test_a_tier_that_was_opened_in_an_outage_is_well_when_it_is_over))
