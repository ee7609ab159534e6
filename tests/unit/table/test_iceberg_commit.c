#include "table/avro_internal.h"
#include "table/iceberg_store.h"

#include <jansson.h>

/* ---- Looking --------------------------------------------------------------------------------------------------------- */

struct live {
    size_t files;
    int64_t records;
    size_t deleted; /* entries */
    int64_t last_sequence;
    int64_t first_snapshot;
};

static bool count_live(const struct iceberg_entry *entry, void *arg)
{
    struct live *live = arg;
    if (entry->status == ICEBERG_DELETED) {
        live->deleted++;
        return true;
    }
    live->files++;
    live->records += entry->file.record_count;
    live->last_sequence = entry->sequence_number;
    if (live->first_snapshot == 0)
        live->first_snapshot = entry->snapshot_id;
    return true;
}

static struct live live_of(struct store *store)
{
    struct live live = {0};
    store_read(store, store->table->current, count_live, &live);
    return live;
}

static void check_summary(const struct store *store, const char *key, const char *value)
{
    struct str found = iceberg_summary(store->table->current, str_of(key));
    CHECK(value != NULL ? str_is(found, value) : found.data == NULL, "%s: %.*s", key, STR_ARG(found));
}

/* Some appends of a file each, of ten rows, one a day. */
static void append_days(struct store *store, struct arena *arena, uint64_t from, uint64_t count)
{
    for (uint64_t i = from; i < from + count; i++) {
        const struct iceberg_data_file file = store_file(arena, 10 * i, 10, (int32_t)(19000 + i), 0);
        store_append(store, &file, 1);
    }
}

static struct iceberg_commit *plan(struct store *store, const struct iceberg_change *change,
                                   struct error *err)
{
    return iceberg_commit_new(store->table, store->version,
                              store->table->current != NULL ? &store->list : NULL, change, err);
}

#define UUID STR("aaaaaaaa-0000-4000-8000-000000000001")

/* ---- Append ---------------------------------------------------------------------------------------------------------- */

static void test_an_append_puts_a_manifest_a_list_and_the_metadata(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    const struct iceberg_data_file files[] = {store_file(&arena, 0, 10, 19000, 0),
                                              store_file(&arena, 10, 5, 19001, 0)};
    const struct iceberg_property summary[] = {{STR("varve.committed-offset"), STR("14")},
                                               {STR("varve.epoch"), STR("3")}};
    const struct iceberg_change change = {.operation = ICEBERG_APPEND,
                                          .uuid = UUID,
                                          .now_ms = store.now_ms + 5,
                                          .added = files,
                                          .added_count = 2,
                                          .summary = summary,
                                          .summary_count = 2};
    struct iceberg_commit *commit = plan(&store, &change, &err);
    CHECK(commit != NULL, "%s", err.text);
    assert_int_equal(commit->needed_count, 0);
    ASSERT_OK(iceberg_commit_finish(commit, &err), err);
    assert_int_equal(commit->object_count, 3);
    assert_true(str_is(commit->objects[0].key, "metadata/aaaaaaaa-0000-4000-8000-000000000001-m0.avro"));
    assert_true(commit->objects[0].reusable);
    assert_true(str_starts(commit->objects[1].key, STR("metadata/snap-")));
    assert_false(commit->objects[1].reusable);
    assert_true(str_is(commit->objects[2].key, "metadata/v1.metadata.json"));
    const struct iceberg_table *table = commit->table;
    const struct iceberg_snapshot *snapshot = table->current;
    assert_int_equal(table->snapshot_count, 1);
    assert_int_equal(snapshot->id, commit->snapshot_id);
    assert_true(snapshot->id > 0 && snapshot->id < INT64_C(1) << 53);
    assert_int_equal(snapshot->parent_id, ICEBERG_NONE);
    assert_int_equal(snapshot->sequence_number, 1);
    assert_int_equal(table->last_sequence_number, 1);
    assert_int_equal(snapshot->timestamp_ms, store.now_ms + 5);
    assert_int_equal(table->last_updated_ms, store.now_ms + 5);
    assert_int_equal(snapshot->schema_id, 0);
    assert_true(str_is(snapshot->operation, "append"));
    assert_int_equal(table->snapshot_log_count, 1);
    assert_int_equal(table->metadata_log_count, 0); /* nothing was there before */
    assert_int_equal(table->ref_count, 1);
    assert_true(str_is(table->refs[0].name, "main") && table->refs[0].branch);
    static const char *const expected[][2] = {
        {"added-data-files", "2"},
        {"added-records", "15"},
        {"added-files-size", "215"},
        {"total-data-files", "2"},
        {"total-records", "15"},
        {"total-files-size", "215"},
        {"total-delete-files", "0"},
        {"total-position-deletes", "0"},
        {"total-equality-deletes", "0"},
        {"varve.epoch", "3"},
        {"varve.committed-offset", "14"},
        {"changed-partition-count", "2"},
        {"varve.commit-uuid", "aaaaaaaa-0000-4000-8000-000000000001"},
    };
    for (size_t i = 0; i < LENGTH(expected); i++)
        CHECK(str_is(iceberg_summary(snapshot, str_of(expected[i][0])), expected[i][1]), "%s",
              expected[i][0]);
    assert_null(iceberg_summary(snapshot, STR("deleted-data-files")).data);
    assert_true(str_equal(iceberg_property(table, ICEBERG_COMMIT_UUID), UUID));
    iceberg_commit_free(commit);
    arena_free(&arena);
    store_close(&store);
}

static void test_appends_line_up_and_what_was_before_stays_as_it_is(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    store_open(&store);
    append_days(&store, &arena, 0, 3);
    const struct iceberg_table *table = store.table;
    assert_int_equal(table->snapshot_count, 3);
    assert_int_equal(table->snapshots[2].parent_id, table->snapshots[1].id);
    assert_int_equal(table->snapshots[1].parent_id, table->snapshots[0].id);
    assert_int_equal(table->current->sequence_number, 3);
    assert_int_equal(table->metadata_log_count, 2);
    assert_true(str_is(table->metadata_log[1].file, STORE_LOCATION "/metadata/v2.metadata.json"));
    assert_int_equal(store.list.count, 3);
    assert_int_equal(store.gets, 0);
    assert_int_equal(store.list.manifests[0].sequence_number, 1);
    assert_int_equal(store.list.manifests[2].sequence_number, 3);
    struct live live = live_of(&store);
    assert_int_equal(live.files, 3);
    assert_int_equal(live.records, 30);
    assert_int_equal(live.first_snapshot, table->snapshots[0].id);
    assert_int_equal(live.last_sequence, 3);
    check_summary(&store, "total-records", "30");
    check_summary(&store, "added-records", "10");
    check_summary(&store, "total-files-size", "330");
    arena_free(&arena);
    store_close(&store);
}

static void test_a_repeated_attempt_has_the_same_manifest_under_the_same_key(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    const struct iceberg_data_file file = store_file(&arena, 0, 10, 19000, 0);
    struct iceberg_change change = {
        .operation = ICEBERG_APPEND, .uuid = UUID, .added = &file, .added_count = 1};
    struct iceberg_commit *lost = plan(&store, &change, &err);
    ASSERT_OK(iceberg_commit_finish(lost, &err), err);
    append_days(&store, &arena, 1, 2); /* somebody else's */
    change.attempt = 1;
    change.now_ms = store.now_ms;
    struct iceberg_commit *won = plan(&store, &change, &err);
    ASSERT_OK(iceberg_commit_finish(won, &err), err);
    assert_true(str_equal(lost->objects[0].key, won->objects[0].key));
    assert_true(str_equal(lost->objects[0].bytes, won->objects[0].bytes));
    assert_false(str_equal(lost->objects[1].key, won->objects[1].key));
    assert_true(str_is(won->objects[2].key, "metadata/v3.metadata.json"));
    assert_int_equal(lost->snapshot_id, won->snapshot_id);
    assert_int_equal(won->table->current->sequence_number, 3);
    assert_int_equal(won->list->count, 3);
    assert_int_equal(won->list->manifests[2].sequence_number, 3); /* which its entry inherits */
    iceberg_commit_free(lost);
    iceberg_commit_free(won);
    arena_free(&arena);
    store_close(&store);
}

static void test_a_change_that_is_in_the_table_is_not_planned_again(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    const struct iceberg_data_file file = store_file(&arena, 0, 10, 19000, 0);
    struct iceberg_change change = {
        .operation = ICEBERG_APPEND, .uuid = UUID, .added = &file, .added_count = 1};
    ASSERT_OK(store_commit(&store, &change, &err), err);
    ASSERT_FAILS(plan(&store, &change, &err) != NULL, err, ERR_EXISTS);
    arena_free(&arena);
    store_close(&store);
}

static void test_times_do_not_run_backwards_when_the_clock_does(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    store_open(&store);
    append_days(&store, &arena, 0, 1);
    int64_t before_ms = store.table->last_updated_ms;
    store.now_ms -= 3600 * 1000;
    append_days(&store, &arena, 1, 2);
    assert_int_equal(store.table->current->timestamp_ms, before_ms + 2);
    assert_int_equal(store.table->last_updated_ms, before_ms + 2);
    for (size_t i = 1; i < store.table->snapshot_log_count; i++)
        assert_true(store.table->snapshot_log[i].timestamp_ms >
                    store.table->snapshot_log[i - 1].timestamp_ms);
    arena_free(&arena);
    store_close(&store);
}

static void test_many_files_roll_over_to_several_manifests(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    enum { FILES = 5000 };
    struct iceberg_data_file *files = arena_alloc(&arena, FILES * sizeof *files);
    for (uint64_t i = 0; i < FILES; i++)
        files[i] = store_file(&arena, 10 * i, 10, 19000, 0);
    struct iceberg_change change = {
        .operation = ICEBERG_APPEND, .added = files, .added_count = FILES, .manifest_bytes = 64 << 10};
    ASSERT_OK(store_commit(&store, &change, &err), err);
    assert_true(store.list.count > 1 && store.list.count < 20);
    for (size_t i = 0; i < store.list.count; i++)
        assert_in_range(store.list.manifests[i].length_bytes, 1, 140 << 10);
    struct live live = live_of(&store);
    assert_int_equal(live.files, FILES);
    assert_int_equal(live.records, 10 * FILES);
    arena_free(&arena);
    store_close(&store);
}

/* ---- Merging --------------------------------------------------------------------------------------------------------- */

static void test_small_manifests_are_merged_and_files_keep_their_numbers(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    append_days(&store, &arena, 0, 5);
    int64_t first_snapshot = store.table->snapshots[0].id;
    const struct iceberg_data_file file = store_file(&arena, 50, 10, 19005, 0);
    struct iceberg_change change = {
        .operation = ICEBERG_APPEND, .added = &file, .added_count = 1, .merge_count = 5};
    ASSERT_OK(store_commit(&store, &change, &err), err);
    assert_int_equal(store.gets, 5);
    assert_int_equal(store.list.count, 2); /* what was merged, then what is new */
    assert_int_equal(store.list.manifests[0].existing_files, 5);
    assert_int_equal(store.list.manifests[0].min_sequence_number, 1);
    assert_int_equal(store.list.manifests[0].sequence_number, 6);
    assert_int_equal(store.list.manifests[1].added_files, 1);
    struct live live = live_of(&store);
    assert_int_equal(live.files, 6);
    assert_int_equal(live.deleted, 0);
    assert_int_equal(live.first_snapshot, first_snapshot);
    check_summary(&store, "total-data-files", "6");
    check_summary(&store, "deleted-data-files", NULL);
    assert_true(str_is(store.table->current->operation, "append"));
    arena_free(&arena);
    store_close(&store);
}

static void test_a_commit_that_merges_a_hundred_manifests_still_takes_four_puts(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    append_days(&store, &arena, 0, 100);
    const struct iceberg_data_file file = store_file(&arena, 1000, 10, 19100, 0);
    const struct iceberg_change change = {
        .operation = ICEBERG_APPEND, .uuid = UUID, .now_ms = store.now_ms, .added = &file, .added_count = 1};
    struct iceberg_commit *commit = plan(&store, &change, &err);
    assert_int_equal(commit->needed_count, 100);
    for (size_t i = 0; i < commit->needed_count; i++)
        ASSERT_OK(iceberg_commit_give(commit, store_get(&store, commit->needed[i].path), &err), err);
    ASSERT_OK(iceberg_commit_finish(commit, &err), err);
    assert_int_equal(commit->object_count, 4); /* and the data file, and once a minute the hint: 6 */
    iceberg_commit_free(commit);
    arena_free(&arena);
    store_close(&store);
}

static void test_one_commit_merges_no_more_than_four_full_manifests_hold(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    append_days(&store, &arena, 0, 30);
    int64_t bytes = store.list.manifests[0].length_bytes;
    const struct iceberg_data_file file = store_file(&arena, 300, 10, 19030, 0);
    struct iceberg_change change = {.operation = ICEBERG_APPEND,
                                    .added = &file,
                                    .added_count = 1,
                                    .merge_count = 20,
                                    .manifest_bytes = (size_t)(2 * bytes)};
    ASSERT_OK(store_commit(&store, &change, &err), err);
    assert_in_range(store.gets, 7, 9);
    assert_int_equal(live_of(&store).files, 31);
    arena_free(&arena);
    store_close(&store);
}

static void test_full_manifests_are_left_alone(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    for (uint64_t i = 0; i < 4; i++) {
        struct iceberg_data_file files[40];
        for (uint64_t k = 0; k < LENGTH(files); k++)
            files[k] = store_file(&arena, 400 * i + 10 * k, 10, 19000, 0);
        struct iceberg_change change = {.operation = ICEBERG_APPEND,
                                        .added = files,
                                        .added_count = LENGTH(files),
                                        .merge_count = 2,
                                        .manifest_bytes = 2000};
        ASSERT_OK(store_commit(&store, &change, &err), err);
    }
    assert_int_equal(store.gets, 0);
    arena_free(&arena);
    store_close(&store);
}

/* ---- Delete, replace ------------------------------------------------------------------------------------------------- */

static void test_deleted_files_go_and_only_manifests_that_may_hold_them_are_read(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    append_days(&store, &arena, 0, 6);
    const struct iceberg_data_file removed[] = {store_file(&arena, 0, 10, 19000, 0),
                                                store_file(&arena, 20, 10, 19002, 0)};
    struct iceberg_change change = {.operation = ICEBERG_DELETE, .removed = removed, .removed_count = 2};
    ASSERT_OK(store_commit(&store, &change, &err), err);
    assert_int_equal(store.gets, 2);
    assert_true(str_is(store.table->current->operation, "delete"));
    check_summary(&store, "deleted-data-files", "2");
    check_summary(&store, "deleted-records", "20");
    check_summary(&store, "removed-files-size", "220");
    check_summary(&store, "added-data-files", NULL);
    check_summary(&store, "total-data-files", "4");
    check_summary(&store, "total-records", "40");
    check_summary(&store, "total-files-size", "440");
    assert_int_equal(store.list.count, 5); /* the two manifests have become one, of what is deleted */
    struct live live = live_of(&store);
    assert_int_equal(live.files, 4);
    assert_int_equal(live.deleted, 2);
    /* The next snapshot has nothing of it any more. */
    append_days(&store, &arena, 6, 1);
    live = live_of(&store);
    assert_int_equal(live.files, 5);
    assert_int_equal(live.deleted, 0);
    arena_free(&arena);
    store_close(&store);
}

static void test_a_delete_of_one_file_leaves_its_neighbours_in_the_manifest(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    const struct iceberg_data_file files[] = {store_file(&arena, 0, 10, 19000, 0),
                                              store_file(&arena, 10, 10, 19000, 0),
                                              store_file(&arena, 20, 10, 19000, 0)};
    store_append(&store, files, 3);
    append_days(&store, &arena, 3, 1);
    struct iceberg_change change = {.operation = ICEBERG_DELETE, .removed = &files[1], .removed_count = 1};
    ASSERT_OK(store_commit(&store, &change, &err), err);
    const struct iceberg_manifest *rewritten = &store.list.manifests[1];
    assert_int_equal(store.list.count, 2);
    assert_int_equal(rewritten->existing_files, 2);
    assert_int_equal(rewritten->deleted_files, 1);
    assert_int_equal(rewritten->min_sequence_number, 1);
    assert_int_equal(live_of(&store).files, 3);
    arena_free(&arena);
    store_close(&store);
}

static void test_files_that_are_not_there_are_a_conflict(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    append_days(&store, &arena, 0, 2);
    const struct iceberg_data_file gone = store_file(&arena, 0, 10, 19000, 7);
    struct iceberg_change change = {.operation = ICEBERG_DELETE, .removed = &gone, .removed_count = 1};
    ASSERT_FAILS(store_commit(&store, &change, &err), err, ERR_CONFLICT);
    assert_non_null(strstr(err.text, "00000000000000000000-7.parquet"));
    assert_int_equal(store.version, 2);
    arena_free(&arena);
    store_close(&store);
}

static void test_compaction_replaces_files_by_one_with_the_same_rows(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    struct iceberg_data_file files[4];
    for (uint64_t i = 0; i < LENGTH(files); i++)
        files[i] = store_file(&arena, 10 * i, 10, 19000, 0);
    store_append(&store, files, 2);
    store_append(&store, files + 2, 2);
    const struct iceberg_property summary = {STR("varve.committed-offset"), STR("39")};
    struct iceberg_data_file merged = store_file(&arena, 0, 30, 19000, 1);
    struct iceberg_change change = {.operation = ICEBERG_REPLACE,
                                    .added = &merged,
                                    .added_count = 1,
                                    .removed = files,
                                    .removed_count = 4,
                                    .summary = &summary,
                                    .summary_count = 1};
    ASSERT_FAILS(store_commit(&store, &change, &err), err, ERR_INVALID);
    assert_non_null(strstr(err.text, "30 rows cannot replace files of 40 rows"));
    merged = store_file(&arena, 0, 40, 19000, 1);
    change.uuid = STR_NONE;
    ASSERT_OK(store_commit(&store, &change, &err), err);
    assert_true(str_is(store.table->current->operation, "replace"));
    check_summary(&store, "total-data-files", "1");
    check_summary(&store, "total-records", "40");
    check_summary(&store, "added-records", "40");
    check_summary(&store, "deleted-records", "40");
    check_summary(&store, "varve.committed-offset", "39");
    struct live live = live_of(&store);
    assert_int_equal(live.files, 1);
    assert_int_equal(live.deleted, 4);
    arena_free(&arena);
    store_close(&store);
}

static void test_a_file_is_not_added_twice(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    append_days(&store, &arena, 0, 2);
    const struct iceberg_data_file again = store_file(&arena, 0, 10, 19000, 0), fresh[] = {again, again};
    struct iceberg_change change = {
        .operation = ICEBERG_APPEND, .added = &again, .added_count = 1, .merge_count = 2};
    ASSERT_FAILS(store_commit(&store, &change, &err), err,
                 ERR_CONFLICT); /* as far as it looks: where it merges */
    change = (struct iceberg_change){.operation = ICEBERG_APPEND, .added = fresh, .added_count = 2};
    ASSERT_FAILS(store_commit(&store, &change, &err), err, ERR_INVALID);
    change = (struct iceberg_change){.operation = ICEBERG_DELETE, .removed = fresh, .removed_count = 2};
    ASSERT_FAILS(store_commit(&store, &change, &err), err, ERR_INVALID);
    arena_free(&arena);
    store_close(&store);
}

/* ---- What others have in the table ----------------------------------------------------------------------------------- */

/* The current list with one more manifest, as another program would leave it. */
static void add_foreign_manifest(struct store *store, const struct iceberg_manifest *manifest)
{
    struct iceberg_manifest *all = arena_alloc(&store->list.arena, (store->list.count + 1) * sizeof *all);
    memcpy(all, store->list.manifests, store->list.count * sizeof *all);
    all[store->list.count] = *manifest;
    store->list.manifests = all;
    store->list.count++;
}

static void test_row_deletes_of_others_are_kept_and_forbid_compaction_alone(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    append_days(&store, &arena, 0, 2);
    const struct iceberg_manifest deletes = {.path = STR(STORE_LOCATION "/metadata/deletes.avro"),
                                             .length_bytes = 9,
                                             .deletes = true,
                                             .added_files = 1,
                                             .added_rows = 5};
    add_foreign_manifest(&store, &deletes);
    append_days(&store, &arena, 2, 1);
    assert_int_equal(store.list.count, 4);
    assert_true(store.list.manifests[2].deletes);
    check_summary(&store, "total-delete-files", "1");
    check_summary(&store, "total-position-deletes", NULL); /* how many rows nobody here knows */
    check_summary(&store, "total-records", "30");
    const struct iceberg_data_file file = store_file(&arena, 0, 10, 19000, 0);
    struct iceberg_change change = {.operation = ICEBERG_REPLACE, .removed = &file, .removed_count = 1};
    ASSERT_FAILS(store_commit(&store, &change, &err), err, ERR_UNSUPPORTED);
    change = (struct iceberg_change){.operation = ICEBERG_DELETE, .removed = &file, .removed_count = 1};
    ASSERT_OK(store_commit(&store, &change, &err), err);
    arena_free(&arena);
    store_close(&store);
}

static void test_a_list_without_counts_is_not_rewritten(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    append_days(&store, &arena, 0, 1);
    const struct iceberg_manifest old = {
        .path = STR("s3://b/old.avro"), .length_bytes = 9, .added_files = ICEBERG_NONE};
    add_foreign_manifest(&store, &old);
    const struct iceberg_data_file file = store_file(&arena, 10, 10, 19000, 0);
    struct iceberg_change change = {.operation = ICEBERG_APPEND, .added = &file, .added_count = 1};
    ASSERT_FAILS(store_commit(&store, &change, &err), err, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "old.avro"));
    arena_free(&arena);
    store_close(&store);
}

static void test_what_a_commit_said_is_found_behind_the_commits_of_others(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    const struct iceberg_property summary = {STR("varve.committed-offset"), STR("9")};
    const struct iceberg_data_file file = store_file(&arena, 0, 10, 19000, 0);
    struct iceberg_change change = {.operation = ICEBERG_APPEND,
                                    .added = &file,
                                    .added_count = 1,
                                    .summary = &summary,
                                    .summary_count = 1};
    assert_null(iceberg_latest(store.table, STR("varve.committed-offset")));
    ASSERT_OK(store_commit(&store, &change, &err), err);
    append_days(&store, &arena, 1, 3);
    const struct iceberg_snapshot *said = iceberg_latest(store.table, STR("varve.committed-offset"));
    assert_non_null(said);
    assert_int_equal(said->id, store.table->snapshots[0].id);
    assert_true(str_is(iceberg_summary(said, STR("varve.committed-offset")), "9"));
    arena_free(&arena);
    store_close(&store);
}

/* ---- Changes without files ------------------------------------------------------------------------------------------- */

static void test_properties_and_schema_change_without_a_snapshot(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    append_days(&store, &arena, 0, 1);
    struct table_field fields[32];
    memcpy(fields, message_schema.fields, message_schema.field_count * sizeof *fields);
    fields[message_schema.field_count] =
        (struct table_field){.id = 21, .name = STR("extra"), .type = TABLE_DOUBLE};
    struct table_schema schema = {0, fields, message_schema.field_count + 1};
    struct iceberg_change change = {.schema = &schema};
    ASSERT_OK(store_commit(&store, &change, &err), err);
    assert_int_equal(store.table->schema_count, 2);
    assert_int_equal(store.table->schema->schema.id, 1);
    assert_int_equal(store.table->last_column_id, 21);
    assert_int_equal(store.table->snapshot_count, 1);
    assert_true(iceberg_schema_equal(&store.table->schema->schema, &schema));
    /* The same again, and the former one again: no third schema. */
    change = (struct iceberg_change){.schema = &schema};
    ASSERT_OK(store_commit(&store, &change, &err), err);
    change = (struct iceberg_change){.schema = &message_schema};
    ASSERT_OK(store_commit(&store, &change, &err), err);
    assert_int_equal(store.table->schema_count, 2);
    assert_int_equal(store.table->schema->schema.id, 0);
    /* Rows that are there do not have it. */
    fields[message_schema.field_count].required = true;
    change = (struct iceberg_change){.schema = &schema};
    ASSERT_FAILS(store_commit(&store, &change, &err), err, ERR_INVALID);
    arena_free(&arena);
    store_close(&store);
}

static void test_the_manifest_of_a_commit_that_changes_the_schema_has_it(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    struct table_field fields[32];
    memcpy(fields, message_schema.fields, message_schema.field_count * sizeof *fields);
    fields[message_schema.field_count] =
        (struct table_field){.id = 21, .name = STR("extra"), .type = TABLE_DOUBLE};
    const struct table_schema schema = {0, fields, message_schema.field_count + 1};
    const struct iceberg_data_file file = store_file(&arena, 0, 10, 19000, 0);
    struct iceberg_change change = {
        .operation = ICEBERG_APPEND, .added = &file, .added_count = 1, .schema = &schema};
    ASSERT_OK(store_commit(&store, &change, &err), err);
    assert_int_equal(store.table->current->schema_id, 1);
    struct avro_reader reader = {0};
    ASSERT_OK(avro_reader_open(&reader, store_get(&store, store.list.manifests[0].path), &err), err);
    assert_true(str_is(avro_reader_meta(&reader, "schema-id"), "1"));
    avro_reader_close(&reader);
    arena_free(&arena);
    store_close(&store);
}

static void test_former_metadata_files_are_forgotten_one_by_one(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    for (int i = 0; i < 6; i++) {
        struct iceberg_change change = {.log_count = 3};
        ASSERT_OK(store_commit(&store, &change, &err), err);
    }
    assert_int_equal(store.table->metadata_log_count, 3);
    assert_true(str_is(store.table->metadata_log[0].file, STORE_LOCATION "/metadata/v3.metadata.json"));
    const struct iceberg_change change = {.uuid = UUID, .log_count = 2};
    struct iceberg_commit *commit = plan(&store, &change, &err);
    ASSERT_OK(iceberg_commit_finish(commit, &err), err);
    assert_int_equal(commit->forgotten_count, 2);
    assert_true(str_is(commit->forgotten[0], STORE_LOCATION "/metadata/v3.metadata.json"));
    assert_true(str_is(commit->forgotten[1], STORE_LOCATION "/metadata/v4.metadata.json"));
    assert_int_equal(commit->snapshot_id, ICEBERG_NONE);
    assert_null(commit->list);
    iceberg_commit_free(commit);
    arena_free(&arena);
    store_close(&store);
}

static void test_a_change_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    append_days(&store, &arena, 0, 2);
    const struct iceberg_data_file file = store_file(&arena, 90, 10, 19009, 0);
    struct iceberg_data_file pathless = file;
    pathless.path = STR_NONE;
    const struct iceberg_property nameless = {STR(""), STR("x")}, valueless = {STR("k"), STR_NONE};
    int64_t unknown = 17, current = store.table->current->id;
    const struct iceberg_change changes[] = {
        {.uuid = STR("short")},
        {.uuid = UUID, .now_ms = -1},
        {.uuid = UUID, .added = &file, .added_count = 1},
        {.uuid = UUID, .removed = &file, .removed_count = 1},
        {.uuid = UUID, .operation = ICEBERG_DELETE, .added = &file, .added_count = 1},
        {.uuid = UUID, .operation = ICEBERG_APPEND, .removed = &file, .removed_count = 1},
        {.uuid = UUID, .operation = ICEBERG_APPEND, .added = &pathless, .added_count = 1},
        {.uuid = UUID, .properties = &nameless, .property_count = 1},
        {.uuid = UUID, .operation = ICEBERG_APPEND, .summary = &valueless, .summary_count = 1},
        {.uuid = UUID, .expired = &unknown, .expired_count = 1},
        {.uuid = UUID, .expired = &current, .expired_count = 1},
    };
    TABLE_EACH(change, changes)
    {
        err.code = ERR_NONE;
        CHECK(plan(&store, change, &err) == NULL && err.code == ERR_INVALID, "row %d",
              (int)(change - changes));
    }
    const struct iceberg_change append = {
        .uuid = UUID, .operation = ICEBERG_APPEND, .added = &file, .added_count = 1};
    ASSERT_FAILS(iceberg_commit_new(store.table, 2, NULL, &append, &err) != NULL, err, ERR_INVALID);
    arena_free(&arena);
    store_close(&store);
}

/* ---- Expiry ---------------------------------------------------------------------------------------------------------- */

/* What the retention takes, as positions in the table: "0 1 2 ". */
static void check_expired(const struct iceberg_table *table, struct iceberg_retention retention,
                          int64_t now_ms, const char *expected)
{
    struct arena arena = {0};
    struct buf text = {0};
    size_t count;
    const int64_t *expired = iceberg_expired(table, &retention, now_ms, &arena, &count);
    buf_cstr(&text);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < table->snapshot_count; k++) {
            if (table->snapshots[k].id == expired[i])
                buf_printf(&text, "%zu ", k);
        }
    }
    CHECK(str_is(buf_str(&text), expected), "%s, not %s", buf_cstr(&text), expected);
    buf_free(&text);
    arena_free(&arena);
}

static void test_snapshots_expire_by_age_and_count(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    store_open(&store);
    append_days(&store, &arena, 0, 6); /* a second apart */
    const struct iceberg_table *table = store.table;
    check_expired(table, (struct iceberg_retention){.max_age_ms = 0, .min_count = 1}, store.now_ms,
                  "0 1 2 3 4 ");
    check_expired(table, (struct iceberg_retention){.max_age_ms = 0, .min_count = 0}, store.now_ms,
                  "0 1 2 3 4 ");
    check_expired(table, (struct iceberg_retention){.max_age_ms = 0, .min_count = 4}, store.now_ms, "0 1 ");
    check_expired(table, (struct iceberg_retention){.max_age_ms = 2000, .min_count = 1}, store.now_ms,
                  "0 1 2 ");
    check_expired(table, (struct iceberg_retention){.max_age_ms = INT64_MAX, .min_count = 1}, store.now_ms,
                  "");
    check_expired(table, (struct iceberg_retention){.max_age_ms = INT64_MAX, .max_count = 2}, store.now_ms,
                  "0 1 2 3 ");
    check_expired(table, (struct iceberg_retention){.max_age_ms = 0, .min_count = 5, .max_count = 3},
                  store.now_ms, "0 1 2 ");
    arena_free(&arena);
    store_close(&store);
}

/* The table with the refs of this JSON, in which %0 to %9 are ids of snapshots. */
static void set_refs(struct store *store, const char *refs)
{
    struct buf text = {0}, metadata = {0};
    struct error err;
    for (const char *at = refs; *at != '\0'; at++) {
        if (*at == '%')
            buf_printf(&text, "%" PRId64, store->table->snapshots[*++at - '0'].id);
        else
            buf_append_byte(&text, (uint8_t)*at);
    }
    iceberg_metadata_write(store->table, &metadata);
    json_t *json = json_loadb((const char *)metadata.data, metadata.len, 0, NULL);
    json_object_set_new(json, "refs", json_loadb((const char *)text.data, text.len, 0, NULL));
    char *out = json_dumps(json, 0);
    iceberg_table_free(store->table);
    store->table = iceberg_metadata_read(str_of(out), &err);
    CHECK(store->table != NULL, "%s", err.text);
    free(out);
    json_decref(json);
    buf_free(&text);
    buf_free(&metadata);
}

static void test_refs_keep_what_they_name_and_say_themselves_for_how_long(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    const struct iceberg_retention last = {.max_age_ms = 0, .min_count = 1};
    store_open(&store);
    append_days(&store, &arena, 0, 6);
    set_refs(&store, "{\"t\":{\"snapshot-id\":%2,\"type\":\"tag\"}}"); /* main is there all the same */
    check_expired(store.table, last, store.now_ms, "0 1 3 4 ");
    set_refs(&store, "{\"main\":{\"snapshot-id\":%5,\"type\":\"branch\",\"min-snapshots-to-keep\":3}}");
    check_expired(store.table, last, store.now_ms, "0 1 2 ");
    set_refs(&store, "{\"main\":{\"snapshot-id\":%5,\"type\":\"branch\",\"max-snapshot-age-ms\":1000}}");
    check_expired(store.table, last, store.now_ms, "0 1 2 3 ");
    set_refs(&store, "{\"main\":{\"snapshot-id\":%5,\"type\":\"branch\"},"
                     "\"b\":{\"snapshot-id\":%3,\"type\":\"branch\",\"min-snapshots-to-keep\":2}}");
    check_expired(store.table, last, store.now_ms, "0 1 4 ");
    set_refs(&store, "{\"t\":{\"snapshot-id\":%2,\"type\":\"tag\",\"max-ref-age-ms\":1000},"
                     "\"u\":{\"snapshot-id\":%1,\"type\":\"tag\",\"max-ref-age-ms\":100000}}");
    check_expired(store.table, last, store.now_ms, "0 2 3 4 ");
    arena_free(&arena);
    store_close(&store);
}

static void test_what_expires_leaves_snapshots_refs_and_log(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    append_days(&store, &arena, 0, 5);
    set_refs(
        &store,
        "{\"main\":{\"snapshot-id\":%4,\"type\":\"branch\"},\"t\":{\"snapshot-id\":%1,\"type\":\"tag\"}}");
    const int64_t expired[] = {store.table->snapshots[0].id, store.table->snapshots[1].id};
    int64_t third = store.table->snapshots[2].id;
    struct iceberg_change change = {.expired = expired, .expired_count = 2};
    ASSERT_OK(store_commit(&store, &change, &err), err);
    assert_int_equal(store.table->snapshot_count, 3);
    assert_int_equal(store.table->snapshots[0].id, third);
    assert_int_equal(store.table->ref_count, 1);
    assert_int_equal(store.table->snapshot_log_count, 3);
    assert_int_equal(store.table->snapshot_log[0].snapshot_id, third);
    assert_int_equal(store.table->last_sequence_number, 5);
    assert_int_equal(live_of(&store).files, 5);
    arena_free(&arena);
    store_close(&store);
}

RUN_TESTS(cmocka_unit_test(test_an_append_puts_a_manifest_a_list_and_the_metadata),
          cmocka_unit_test(test_appends_line_up_and_what_was_before_stays_as_it_is),
          cmocka_unit_test(test_a_repeated_attempt_has_the_same_manifest_under_the_same_key),
          cmocka_unit_test(test_a_change_that_is_in_the_table_is_not_planned_again),
          cmocka_unit_test(test_times_do_not_run_backwards_when_the_clock_does),
          cmocka_unit_test(test_many_files_roll_over_to_several_manifests),
          cmocka_unit_test(test_small_manifests_are_merged_and_files_keep_their_numbers),
          cmocka_unit_test(test_a_commit_that_merges_a_hundred_manifests_still_takes_four_puts),
          cmocka_unit_test(test_one_commit_merges_no_more_than_four_full_manifests_hold),
          cmocka_unit_test(test_full_manifests_are_left_alone),
          cmocka_unit_test(test_deleted_files_go_and_only_manifests_that_may_hold_them_are_read),
          cmocka_unit_test(test_a_delete_of_one_file_leaves_its_neighbours_in_the_manifest),
          cmocka_unit_test(test_files_that_are_not_there_are_a_conflict),
          cmocka_unit_test(test_compaction_replaces_files_by_one_with_the_same_rows),
          cmocka_unit_test(test_a_file_is_not_added_twice),
          cmocka_unit_test(test_row_deletes_of_others_are_kept_and_forbid_compaction_alone),
          cmocka_unit_test(test_a_list_without_counts_is_not_rewritten),
          cmocka_unit_test(test_what_a_commit_said_is_found_behind_the_commits_of_others),
          cmocka_unit_test(test_properties_and_schema_change_without_a_snapshot),
          cmocka_unit_test(test_the_manifest_of_a_commit_that_changes_the_schema_has_it),
          cmocka_unit_test(test_former_metadata_files_are_forgotten_one_by_one),
          cmocka_unit_test(test_a_change_that_makes_no_sense_is_refused),
          cmocka_unit_test(test_snapshots_expire_by_age_and_count),
          cmocka_unit_test(test_refs_keep_what_they_name_and_say_themselves_for_how_long),
          cmocka_unit_test(test_what_expires_leaves_snapshots_refs_and_log))
