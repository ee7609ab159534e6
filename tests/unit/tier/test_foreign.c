/* Compaction by another program: it reads the table, writes its rows into files of its own, commits a replace snapshot that knows
 * nothing of us, and removes the former files. Whatever the order of rows and the borders of files, who reads goes on by offset; the
 * migration goes on behind it; and seeking, restoring, scrubbing and maintenance work on what is there. */
#include "tier_world.h"

#define FILES     12
#define EACH      60
#define ROWS      ((uint64_t)FILES * EACH)
#define MORE_ROWS 40

/* ---- The other program ----------------------------------------------------------------------------------- */

/* The order in which it writes rows, and where its files end. */
struct layout {
    const char *name;
    uint64_t (*row)(uint64_t n); /* the offset of the n-th row that it writes */
    uint64_t rows_each;          /* of a file */
};

static uint64_t in_order(uint64_t n)
{
    return n;
}

/* Files that are no neighbours are merged: the even ones, then the odd ones. */
static uint64_t interleaved(uint64_t n)
{
    uint64_t half = ROWS / 2, file = n % half / EACH * 2 + (n >= half);
    return file * EACH + n % EACH;
}

/* Sorted by another column, which seven values share. */
static uint64_t by_topic(uint64_t n)
{
    uint64_t topic = 0, each = (ROWS + 6) / 7;
    while (n >= each) {
        n -= each;
        topic++;
        each = (ROWS - topic + 6) / 7;
    }
    return topic + 7 * n;
}

static uint64_t downwards(uint64_t n)
{
    return ROWS - 1 - n;
}

static const struct layout layouts[] = {
    {"neighbours are merged", in_order, 3 * EACH},
    {"the borders are elsewhere", in_order, 100},
    {"files that are no neighbours are merged", interleaved, ROWS / 2},
    {"sorted by topic", by_topic, ROWS / 4},
    {"sorted by topic, in one file", by_topic, ROWS},
    {"downwards", downwards, ROWS / 3},
};

struct compactor {
    struct world *world;
    struct arena arena;
    struct spool files[16];
    struct iceberg_data_file added[16];
    size_t added_count;
    struct iceberg_data_file removed[FILES + 16];
    size_t removed_count;
    char uuid[LAKE_UUID_BYTES];
};

static void put_object(struct world *world, struct str key, struct str bytes)
{
    struct buf whole = {0};
    buf_printf(&whole, "p/s/%.*s", STR_ARG(key));
    assert_true(fake_apply(&world->fake, buf_str(&whole), bytes, OBJECT_IF_NONE));
    buf_free(&whole);
}

static void write_files(struct compactor *compactor, const struct layout *layout)
{
    struct tier *tier = compactor->world->tier;
    struct spooler *spooler = NULL;
    struct arena memory = {0};
    struct error err;
    for (uint64_t n = 0; n < ROWS; n++) {
        char record[128];
        struct tier_row row;
        size_t len = world_record(layout->row(n), record);
        if (spooler == NULL)
            spooler = spooler_open(tier, &err);
        ASSERT_OK(test_decode(str_make(record, len), &memory, &row, &err), err);
        row.offset = layout->row(n);
        row.time_ms = world_time_of(row.offset);
        ASSERT_OK(spooler_add_row(spooler, &row, len, &err), err);
        if ((n + 1) % layout->rows_each != 0 && n + 1 < ROWS)
            continue;
        size_t i = compactor->added_count++;
        struct buf bytes = {0};
        ASSERT_OK(spooler_finish(spooler, &compactor->files[i], &err), err);
        spooler_close(spooler);
        spooler = NULL;
        const char *key = arena_printf(&compactor->arena, "data/%05d-0-%s.parquet", (int)i, compactor->uuid);
        ASSERT_OK(buf_read_file(&bytes, compactor->files[i].path, 1 << 24, &err), err);
        put_object(compactor->world, str_of(key), buf_str(&bytes));
        compactor->added[i] = compactor->files[i].file;
        compactor->added[i].path =
            str_of(arena_printf(&compactor->arena, "%s/%s", tier->table->location.data, key));
        compactor->added[i].sort_order_id = ICEBERG_NONE;
        buf_free(&bytes);
    }
    arena_free(&memory);
}

static void list_former(struct compactor *compactor)
{
    struct tier *tier = compactor->world->tier;
    struct iceberg_file file;
    for (size_t n = 0; iceberg_index_at(tier->index, n, &file); n++) {
        compactor->removed[compactor->removed_count++] = (struct iceberg_data_file){
            .path = arena_str(&compactor->arena, file.path),
            .partition = {{.kind = ICEBERG_INT, .number = file.day}},
            .partition_count = 1,
        };
    }
}

static struct str key_in_bucket(struct str uri)
{
    struct str root = STR("s3://bucket/");
    assert_true(str_starts(uri, root));
    return str_make(uri.data + root.len, uri.len - root.len);
}

/* Without any of our properties in the snapshot. */
static void commit_and_remove(struct compactor *compactor)
{
    struct tier *tier = compactor->world->tier;
    struct error err;
    const struct iceberg_change change = {
        .operation = ICEBERG_REPLACE,
        .uuid = str_of(compactor->uuid),
        .now_ms = clock_wall_ms(),
        .added = compactor->added,
        .added_count = compactor->added_count,
        .removed = compactor->removed,
        .removed_count = compactor->removed_count,
    };
    struct iceberg_commit *commit =
        iceberg_commit_new(tier->table, tier->table_version, tier->list, &change, &err);
    CHECK(commit != NULL, "%s", err.text);
    for (size_t i = 0; i < commit->needed_count; i++) {
        struct thing *thing = fake_find(&compactor->world->fake, key_in_bucket(commit->needed[i].path));
        ASSERT_OK(iceberg_commit_give(commit, buf_str(&thing->bytes), &err), err);
    }
    ASSERT_OK(iceberg_commit_finish(commit, &err), err);
    for (size_t i = 0; i < commit->object_count; i++)
        put_object(compactor->world, commit->objects[i].key, commit->objects[i].bytes);
    iceberg_commit_free(commit);
    for (size_t i = 0; i < compactor->removed_count; i++)
        fake_delete(&compactor->world->fake, key_in_bucket(compactor->removed[i].path));
}

static void compact_as_others_do(struct world *world, const struct layout *layout)
{
    struct compactor compactor = {.world = world};
    lake_uuid(compactor.uuid);
    list_former(&compactor);
    write_files(&compactor, layout);
    commit_and_remove(&compactor);
    for (size_t i = 0; i < compactor.added_count; i++)
        spool_free(&compactor.files[i]);
    arena_free(&compactor.arena);
}

/* ---- What goes on ---------------------------------------------------------------------------------------- */

static void check_times(struct world *world)
{
    static const uint64_t looked_for[] = {0, 1, EACH - 1, EACH, 333, ROWS - 1};
    for (size_t i = 0; i < LENGTH(looked_for); i++) {
        struct error err = {0};
        struct tier_fetch fetch = {.by_time = true, .time_ms = world_time_of(looked_for[i])};
        CHECK(tier_fetch_wait(world->tier, &fetch, &err), "%s", err.text);
        assert_int_equal(fetch.next, looked_for[i]);
    }
}

static void check_scrub(struct world *world)
{
    struct tier_scrubbed scrubbed;
    struct error err = {0};
    CHECK(tier_scrub(world->tier, NULL, &scrubbed, &err), "%s", err.text);
    assert_int_equal(scrubbed.findings, 0);
    assert_int_equal(scrubbed.rows, world->appended);
}

static void check_restore(struct world *world)
{
    struct tier_restored dry, restored;
    struct error err = {0};
    uint64_t bytes;
    ASSERT_OK(tier_restore(world->tier, 100, 200, true, NULL, &dry, &err), err);
    CHECK(tier_restore(world->tier, 100, 200, false, NULL, &restored, &err), "%s", err.text);
    assert_true(restored.files > 0 && restored.first <= 100 && restored.next >= 200);
    assert_int_equal(dry.files, restored.files);
    assert_int_equal(dry.bytes, restored.bytes);
    uint64_t files;
    tier_restored(world->tier, &files, &bytes);
    assert_int_equal(files, restored.files);
    ASSERT_OK(tier_release(world->tier, &bytes, &err), err);
}

static void check_sum(struct world *world)
{
    struct tier_stats stats;
    world_steps(world, 10);
    tier_stats(world->tier, &stats);
    CHECK(stats.status == TIER_RUNNING, "%s: %s", tier_status_name(stats.status), stats.err.text);
    assert_int_equal(stats.bounds.rows, world->appended);
    assert_int_equal(stats.missing, 0);
}

static void test_what_others_have_compacted_is_read_by_offset(void **state)
{
    (void)state;
    TABLE_EACH(layout, layouts)
    {
        struct world world;
        print_message("%s\n", layout->name);
        world_open(&world);
        world_open_tier(&world);
        for (int i = 0; i < FILES; i++)
            world_migrate(&world, EACH);
        world_read(&world, 0);
        world_forget(&world);
        world_read(&world, ROWS - EACH); /* the table is known as it was */
        compact_as_others_do(&world, layout);
        world_read(&world, 0);
        check_times(&world);
        world_migrate(&world, MORE_ROWS); /* commits on top of it */
        world_forget(&world);
        world_read(&world, 0);
        check_scrub(&world);
        check_restore(&world);
        for (int i = 0; i < 20; i++) { /* compaction, expiry, removal */
            clock_fake_advance_ms(20 * 60000);
            world_migrate(&world, 1);
        }
        world_forget(&world);
        world_read(&world, 0);
        check_scrub(&world);
        check_sum(&world);
        world_close(&world);
    }
}

static void test_a_migration_under_way_goes_on_behind_it(void **state)
{
    struct world world;
    (void)state;
    world_open(&world);
    world_open_tier(&world);
    for (int i = 0; i < FILES; i++)
        world_migrate(&world, EACH);
    compact_as_others_do(&world, &layouts[2]);
    world_migrate(&world, MORE_ROWS); /* finds its version taken, and plans again */
    world_read(&world, 0);
    check_sum(&world);
    world_close(&world);
}

RUN_TESTS(cmocka_unit_test(test_what_others_have_compacted_is_read_by_offset),
          cmocka_unit_test(test_a_migration_under_way_goes_on_behind_it))
