/* Random histories of a table, against a model that is as simple as can be: for each snapshot the set of files that it has.
 * Two writers append, delete, compact, and lose to each other; another program sets tags, branches and the table back;
 * snapshots expire, and what is told to be removable is removed. After each step every snapshot that is kept must read as
 * the model says, with every object there, and nothing may stay behind that nobody refers to. */
#include "table/iceberg_store.h"

#include <jansson.h>

enum { FILES_MAX = 600, SNAPSHOTS_MAX = 100, STEPS = 60, HISTORIES = 4 };

struct model_snapshot {
    int64_t id;
    bool live[FILES_MAX];
};

struct model {
    struct store store;
    struct random random;
    struct arena arena;
    struct iceberg_data_file files[FILES_MAX];
    size_t file_count;
    struct model_snapshot *snapshots; /* SNAPSHOTS_MAX */
    size_t snapshot_count;
    uint64_t next_offset;
    struct map garbage; /* of attempts that have lost: struct store_object without bytes */
    unsigned line;      /* the step, for messages */
};

static struct model_snapshot *model_of(struct model *model, int64_t id)
{
    for (size_t i = 0; i < model->snapshot_count; i++) {
        if (model->snapshots[i].id == id)
            return &model->snapshots[i];
    }
    return NULL;
}

/* The path ends with the file's number: see store_file(). */
static size_t file_of(const struct model *model, struct str path)
{
    const char *dash = memrchr(path.data, '-', path.len);
    size_t n = dash != NULL ? strtoull(dash + 1, NULL, 10) : SIZE_MAX;
    return n < model->file_count && str_equal(model->files[n].path, path) ? n : SIZE_MAX;
}

/* ---- Checks ---------------------------------------------------------------------------------------------------------- */

struct check {
    struct model *model;
    bool seen[FILES_MAX];
    struct iceberg_index *index;
};

static bool check_entry(const struct iceberg_entry *entry, void *arg)
{
    struct check *check = arg;
    struct model *model = check->model;
    if (entry->status == ICEBERG_DELETED)
        return true;
    size_t n = file_of(model, entry->file.path);
    CHECK(n != SIZE_MAX, "step %u: %.*s", model->line, STR_ARG(entry->file.path));
    CHECK(!check->seen[n], "step %u: %.*s is there twice", model->line, STR_ARG(entry->file.path));
    CHECK(store_find(&model->store, entry->file.path) != NULL, "step %u: %.*s is gone", model->line,
          STR_ARG(entry->file.path));
    assert_int_equal(entry->file.record_count, model->files[n].record_count);
    assert_int_equal(entry->file.size_bytes, model->files[n].size_bytes);
    assert_true(entry->sequence_number > 0 &&
                entry->sequence_number <= model->store.table->last_sequence_number);
    assert_true(entry->file_sequence_number == entry->sequence_number && entry->snapshot_id > 0);
    check->seen[n] = true;
    return iceberg_index_entry(entry, check->index);
}

static int64_t number_in(const struct iceberg_snapshot *snapshot, const char *key)
{
    int64_t value = -1;
    assert_true(str_to_i64(iceberg_summary(snapshot, str_of(key)), &value, NULL));
    return value;
}

/* The snapshot is what the model says; the index of its files, too. */
static void check_snapshot(struct model *model, const struct iceberg_snapshot *snapshot)
{
    struct check *check = mem_zalloc(sizeof *check);
    const struct model_snapshot *expected = model_of(model, snapshot->id);
    struct iceberg_index_totals totals;
    uint64_t files = 0, records = 0, bytes = 0, first = UINT64_MAX, next = 0;
    check->model = model;
    check->index = iceberg_index_new(STR(STORE_LOCATION), MESSAGE_OFFSET, MESSAGE_TIMESTAMP);
    store_read(&model->store, snapshot, check_entry, check);
    for (size_t i = 0; i < model->file_count; i++) {
        CHECK(check->seen[i] == expected->live[i], "step %u: file %zu", model->line, i);
        if (!check->seen[i])
            continue;
        uint64_t end = strtoull(model->files[i].path.data + strlen(STORE_LOCATION "/data/"), NULL, 10);
        files++;
        records += (uint64_t)model->files[i].record_count;
        bytes += (uint64_t)model->files[i].size_bytes;
        first = end < first ? end : first;
        end += (uint64_t)model->files[i].record_count;
        next = end > next ? end : next;
    }
    iceberg_index_totals(check->index, &totals);
    assert_int_equal(totals.files, files);
    assert_int_equal(totals.records, records);
    assert_int_equal(totals.bytes, bytes);
    assert_int_equal(totals.repeated, 0);
    assert_int_equal(totals.unbounded, 0);
    if (files > 0) {
        assert_int_equal(totals.first, first);
        assert_int_equal(totals.next, next);
        assert_int_equal(totals.missing, next - first - records);
    }
    assert_int_equal(number_in(snapshot, "total-data-files"), files);
    assert_int_equal(number_in(snapshot, "total-records"), records);
    assert_int_equal(number_in(snapshot, "total-files-size"), bytes);
    iceberg_index_free(check->index);
    mem_free(check);
}

static void mark(struct map *marked, const struct store *store, struct str location)
{
    struct store_object *object = store_find(store, location);
    if (object != NULL &&
        map_find(marked, hash_bytes(location.data, location.len), store_has_location, &location) == NULL)
        map_insert(marked, hash_bytes(location.data, location.len), object);
}

static bool mark_entry(const struct iceberg_entry *entry, void *arg)
{
    void **both = arg;
    if (entry->status != ICEBERG_DELETED)
        mark(both[0], both[1], entry->file.path);
    return true;
}

/* Everything in the store is referred to by a snapshot that is kept, is metadata.json, or garbage of an attempt. */
static void check_nothing_is_left_behind(struct model *model)
{
    struct store *store = &model->store;
    struct map marked = {0};
    void *both[] = {&marked, store};
    const struct store_object *object;
    for (size_t i = 0; i < store->table->snapshot_count; i++) {
        struct iceberg_list list = {0};
        struct error err;
        struct str location = store->table->snapshots[i].manifest_list;
        mark(&marked, store, location);
        ASSERT_OK(iceberg_list_read(store_get(store, location), &list, &err), err);
        for (size_t k = 0; k < list.count; k++)
            mark(&marked, store, list.manifests[k].path);
        iceberg_list_free(&list);
        store_read(store, &store->table->snapshots[i], mark_entry, both);
    }
    for (size_t i = 0; (object = map_next(&store->objects, &i)) != NULL;) {
        struct str location = object->location;
        uint64_t hash = hash_bytes(location.data, location.len);
        CHECK(str_ends(location, STR(".metadata.json")) ||
                  map_find(&marked, hash, store_has_location, &location) != NULL ||
                  map_find(&model->garbage, hash, store_has_location, &location) != NULL,
              "step %u: %.*s is left behind", model->line, STR_ARG(location));
    }
    map_free(&marked);
}

/* `removed`: objects have been removed, so that every snapshot is read again, not only the newest. */
static void check_all(struct model *model, bool removed)
{
    const struct iceberg_table *table = model->store.table;
    for (size_t i = 0; i < table->snapshot_count; i++) {
        if (removed || &table->snapshots[i] == table->current)
            check_snapshot(model, &table->snapshots[i]);
    }
    for (size_t i = 1; i < table->snapshot_count; i++)
        assert_true(table->snapshots[i].sequence_number > table->snapshots[i - 1].sequence_number);
    if (table->current != NULL && table->snapshot_log_count > 0)
        assert_int_equal(table->snapshot_log[table->snapshot_log_count - 1].snapshot_id, table->current->id);
}

/* ---- Steps of ours --------------------------------------------------------------------------------------------------- */

static struct iceberg_data_file *new_file(struct model *model, uint64_t first, uint64_t count, int32_t day)
{
    assert_true(model->file_count < FILES_MAX);
    struct iceberg_data_file *file = &model->files[model->file_count];
    *file = store_file(&model->arena, first, count, day, (unsigned)model->file_count);
    model->file_count++;
    store_put(&model->store, file->path, STR("rows"));
    return file;
}

static void note_garbage(struct model *model, struct str location)
{
    struct store_object *object = mem_zalloc(sizeof *object);
    object->location = str_of(str_dup(location));
    map_insert(&model->garbage, hash_bytes(location.data, location.len), object);
}

/* An attempt whose metadata.json comes too late: what it has put stays as garbage. */
static void lose(struct model *model, const struct iceberg_change *change)
{
    struct store *store = &model->store;
    struct error err;
    struct iceberg_commit *commit = iceberg_commit_new(
        store->table, store->version, store->table->current != NULL ? &store->list : NULL, change, &err);
    CHECK(commit != NULL, "step %u: %s", model->line, err.text);
    for (size_t i = 0; i < commit->needed_count; i++)
        ASSERT_OK(iceberg_commit_give(commit, store_get(store, commit->needed[i].path), &err), err);
    ASSERT_OK(iceberg_commit_finish(commit, &err), err);
    for (size_t i = 0; i + 1 < commit->object_count; i++) {
        struct buf location = {0};
        buf_printf(&location, STORE_LOCATION "/%.*s", STR_ARG(commit->objects[i].key));
        if (!commit->objects[i].reusable) {
            store_put(store, buf_str(&location), commit->objects[i].bytes);
            note_garbage(model, buf_str(&location));
        }
        buf_free(&location);
    }
    iceberg_commit_free(commit);
}

/* The live files of the current snapshot in the order of offsets: numbers of files. */
static size_t live_files(struct model *model, size_t *out)
{
    const struct iceberg_snapshot *current = model->store.table->current;
    const struct model_snapshot *now = current != NULL ? model_of(model, current->id) : NULL;
    size_t count = 0;
    for (size_t i = 0; now != NULL && i < model->file_count; i++) {
        if (now->live[i])
            out[count++] = i;
    }
    for (size_t i = 1; i < count; i++) { /* by path: its digits are the first offset */
        for (size_t k = i; k > 0 && str_compare(model->files[out[k]].path, model->files[out[k - 1]].path) < 0;
             k--) {
            size_t swap = out[k];
            out[k] = out[k - 1];
            out[k - 1] = swap;
        }
    }
    return count;
}

/* Commits, perhaps at the second or third attempt, and tells the model. */
static void commit(struct model *model, struct iceberg_change *change)
{
    struct store *store = &model->store;
    struct error err;
    char uuid[40];
    store_uuid(store, uuid);
    change->uuid = str_of(uuid);
    change->merge_count = 2 + (uint32_t)random_below(&model->random, 8);
    change->manifest_bytes = random_below(&model->random, 2) ? 2500 : 100000;
    change->now_ms = store->now_ms;
    while (random_below(&model->random, 6) == 0) {
        lose(model, change);
        change->attempt++;
    }
    const struct model_snapshot *before =
        store->table->current != NULL ? model_of(model, store->table->current->id) : NULL;
    ASSERT_OK(store_commit(store, change, &err), err);
    change->uuid = STR_NONE;
    if (change->operation == ICEBERG_NO_SNAPSHOT)
        return;
    assert_true(model->snapshot_count < SNAPSHOTS_MAX);
    struct model_snapshot *after = &model->snapshots[model->snapshot_count++];
    *after = (struct model_snapshot){0};
    if (before != NULL)
        *after = *before;
    after->id = store->table->current->id;
    for (size_t i = 0; i < change->added_count; i++)
        after->live[file_of(model, change->added[i].path)] = true;
    for (size_t i = 0; i < change->removed_count; i++)
        after->live[file_of(model, change->removed[i].path)] = false;
}

static void step_append(struct model *model)
{
    struct iceberg_data_file added[6];
    size_t count = 1 + random_below(&model->random, LENGTH(added));
    for (size_t i = 0; i < count; i++) {
        uint64_t rows = 1 + random_below(&model->random, 50);
        added[i] = *new_file(model, model->next_offset, rows, 19000 + (int32_t)(model->next_offset / 200));
        model->next_offset += rows;
    }
    struct iceberg_change change = {.operation = ICEBERG_APPEND, .added = added, .added_count = count};
    commit(model, &change);
}

static void step_delete(struct model *model)
{
    static size_t live[FILES_MAX];
    struct iceberg_data_file removed[10];
    size_t count = live_files(model, live), goes = 1 + random_below(&model->random, LENGTH(removed));
    size_t from = random_below(&model->random, 3) == 0 && count > 0 ? random_below(&model->random, count) : 0;
    if (count < from + goes)
        return;
    for (size_t i = 0; i < goes; i++)
        removed[i] = model->files[live[from + i]];
    struct iceberg_change change = {.operation = ICEBERG_DELETE, .removed = removed, .removed_count = goes};
    commit(model, &change);
}

static void step_compact(struct model *model)
{
    static size_t live[FILES_MAX];
    struct iceberg_data_file removed[8] = {0};
    size_t count = live_files(model, live), goes = 2 + random_below(&model->random, 6);
    if (count < goes)
        return;
    size_t from = random_below(&model->random, count - goes + 1);
    uint64_t rows = 0,
             first = strtoull(model->files[live[from]].path.data + strlen(STORE_LOCATION "/data/"), NULL, 10);
    for (size_t i = 0; i < goes; i++) {
        removed[i] = model->files[live[from + i]];
        if (i > 0 && removed[i].partition[0].number != removed[0].partition[0].number)
            return; /* a file is of one day */
        if (strtoull(removed[i].path.data + strlen(STORE_LOCATION "/data/"), NULL, 10) != first + rows)
            return; /* there is a gap */
        rows += (uint64_t)removed[i].record_count;
    }
    struct iceberg_data_file merged = *new_file(model, first, rows, (int32_t)removed[0].partition[0].number);
    struct iceberg_change change = {.operation = ICEBERG_REPLACE,
                                    .added = &merged,
                                    .added_count = 1,
                                    .removed = removed,
                                    .removed_count = goes};
    commit(model, &change);
}

/* What was live in an attempt of a commit that lost is there for the next one; a data file that nobody refers to any more goes
 * with the snapshots. */
static void step_expire(struct model *model)
{
    struct store *store = &model->store;
    struct arena arena = {0};
    struct error err;
    size_t count;
    const struct iceberg_retention retention = {
        .max_age_ms = (int64_t)random_below(&model->random, 20000),
        .min_count = (uint32_t)random_below(&model->random, 5),
        .max_count = (uint32_t)random_below(&model->random, 2) * 8,
    };
    const int64_t *expired = iceberg_expired(store->table, &retention, store->now_ms, &arena, &count);
    struct iceberg_cleanup *cleanup = iceberg_cleanup_new(store->table, expired, count, &err);
    CHECK(cleanup != NULL, "step %u: %s", model->line, err.text);
    for (size_t i = 0; i < cleanup->list_count; i++)
        ASSERT_OK(iceberg_cleanup_give_list(cleanup, store_get(store, cleanup->lists[i]), &err), err);
    for (size_t i = 0; i < cleanup->manifest_count; i++)
        ASSERT_OK(iceberg_cleanup_give_manifest(cleanup, store_get(store, cleanup->manifests[i].path), &err),
                  err);
    struct str *removable = arena_alloc(&arena, (cleanup->removable_count + 1) * sizeof *removable);
    size_t removable_count = cleanup->removable_count;
    for (size_t i = 0; i < removable_count; i++)
        removable[i] = arena_str(&arena, cleanup->removable[i]);
    iceberg_cleanup_free(cleanup);
    struct iceberg_change change = {.expired = expired, .expired_count = count};
    if (count > 0)
        commit(model, &change);
    for (size_t i = 0; i < removable_count; i++)
        store_remove(store, removable[i]); /* false: it had gone at an expiry before */
    check_nothing_is_left_behind(model);
    arena_free(&arena);
}

/* ---- Steps of others ------------------------------------------------------------------------------------------------- */

/* metadata.json as another program would write it. */
static void rewrite(struct model *model, json_t *json)
{
    struct store *store = &model->store;
    struct error err;
    char *text = json_dumps(json, JSON_INDENT(1));
    struct buf location = {0};
    buf_printf(&location, STORE_LOCATION "/");
    iceberg_metadata_key(++store->version, &location);
    store_put(store, buf_str(&location), str_of(text));
    iceberg_table_free(store->table);
    store->table = iceberg_metadata_read(str_of(text), &err);
    CHECK(store->table != NULL, "step %u: %s", model->line, err.text);
    iceberg_list_free(&store->list);
    if (store->table->current != NULL) {
        struct str list = store_get(store, store->table->current->manifest_list);
        ASSERT_OK(iceberg_list_read(list, &store->list, &err), err);
    }
    buf_free(&location);
    free(text);
    json_decref(json);
}

static json_t *current_json(const struct model *model)
{
    struct buf text = {0};
    iceberg_metadata_write(model->store.table, &text);
    json_t *json = json_loadb((const char *)text.data, text.len, 0, NULL);
    buf_free(&text);
    return json;
}

static void step_ref(struct model *model)
{
    const struct iceberg_table *table = model->store.table;
    if (table->snapshot_count == 0)
        return;
    int64_t id = table->snapshots[random_below(&model->random, table->snapshot_count)].id;
    json_t *json = current_json(model), *refs = json_object_get(json, "refs");
    char name[8];
    snprintf(name, sizeof name, "r%d", (int)random_below(&model->random, 3));
    if (random_below(&model->random, 2)) {
        json_object_del(refs, name);
    } else {
        json_object_set_new(refs, name,
                            json_pack("{s:I, s:s, s:i}", "snapshot-id", (json_int_t)id, "type",
                                      random_below(&model->random, 2) ? "tag" : "branch", "max-ref-age-ms",
                                      (int)random_below(&model->random, 100000)));
    }
    rewrite(model, json);
}

/* Back to a snapshot before. */
static void step_roll_back(struct model *model)
{
    const struct iceberg_table *table = model->store.table;
    if (table->snapshot_count == 0)
        return;
    int64_t id = table->snapshots[random_below(&model->random, table->snapshot_count)].id;
    json_t *json = current_json(model);
    model->store.now_ms += 1000;
    json_object_set_new(json, "current-snapshot-id", json_integer(id));
    json_object_set_new(json_object_get(json_object_get(json, "refs"), "main"), "snapshot-id",
                        json_integer(id));
    json_array_append_new(json_object_get(json, "snapshot-log"),
                          json_pack("{s:I, s:I}", "timestamp-ms", (json_int_t)model->store.now_ms,
                                    "snapshot-id", (json_int_t)id));
    rewrite(model, json);
}

/* ---- Histories ------------------------------------------------------------------------------------------------------- */

static void run_history(uint64_t seed, bool alone)
{
    struct model *model = mem_zalloc(sizeof *model);
    struct store_object *object;
    model->snapshots = mem_zalloc(SNAPSHOTS_MAX * sizeof *model->snapshots);
    random_seed(&model->random, seed);
    store_open(&model->store);
    bool only_appends = random_below(&model->random, 3) == 0;
    for (model->line = 0; model->line < STEPS; model->line++) {
        uint64_t choice = random_below(&model->random, alone ? 16 : 20);
        if (choice < 8 || (choice < 14 && only_appends))
            step_append(model);
        else if (choice < 11)
            step_delete(model);
        else if (choice < 14)
            step_compact(model);
        else if (choice < 16)
            step_expire(model);
        else if (choice < 19)
            step_ref(model);
        else
            step_roll_back(model);
        check_all(model, choice == 14 || choice == 15);
    }
    step_expire(model);
    check_all(model, true);
    for (size_t i = 0; (object = map_next(&model->garbage, &i)) != NULL;)
        store_free_object(object);
    map_free(&model->garbage);
    store_close(&model->store);
    arena_free(&model->arena);
    mem_free(model->snapshots);
    mem_free(model);
}

static void run_histories(bool alone)
{
    uint64_t seed = harness_seed();
    for (unsigned i = 0, count = harness_histories(HISTORIES); i < count; i++)
        run_history(seed + i, alone);
}

static void test_histories_of_one_writer_agree_with_the_model(void **state)
{
    (void)state;
    run_histories(true);
}

static void test_histories_with_tags_branches_and_rollbacks_agree_with_the_model(void **state)
{
    (void)state;
    run_histories(false);
}

/* Another program has let snapshots expire and has left the files to those who come. */
static void test_files_that_the_first_snapshot_has_deleted_go_with_it(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    const struct iceberg_data_file files[] = {store_file(&arena, 0, 10, 19000, 0),
                                              store_file(&arena, 10, 10, 19001, 0),
                                              store_file(&arena, 20, 10, 19002, 0)};
    store_append(&store, &files[0], 1);
    store_append(&store, &files[1], 1);
    struct iceberg_change change = {.operation = ICEBERG_DELETE, .removed = files, .removed_count = 1};
    ASSERT_OK(store_commit(&store, &change, &err), err);
    const int64_t first[] = {store.table->snapshots[0].id, store.table->snapshots[1].id};
    change = (struct iceberg_change){.expired = first, .expired_count = 2};
    ASSERT_OK(store_commit(&store, &change, &err), err);
    store_append(&store, &files[2], 1);
    const int64_t expired = store.table->snapshots[0].id;
    struct iceberg_cleanup *cleanup = iceberg_cleanup_new(store.table, &expired, 1, &err);
    for (size_t i = 0; i < cleanup->list_count; i++)
        ASSERT_OK(iceberg_cleanup_give_list(cleanup, store_get(&store, cleanup->lists[i]), &err), err);
    for (size_t i = 0; i < cleanup->manifest_count; i++)
        ASSERT_OK(iceberg_cleanup_give_manifest(cleanup, store_get(&store, cleanup->manifests[i].path), &err),
                  err);
    bool found = false;
    for (size_t i = 0; i < cleanup->removable_count; i++)
        found = found || str_equal(cleanup->removable[i], files[0].path);
    assert_true(found);
    iceberg_cleanup_free(cleanup);
    arena_free(&arena);
    store_close(&store);
}

/* How much an expiry reads, when nothing was deleted: two lists, and no manifest. */
static void test_an_expiry_among_appends_reads_lists_only(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    size_t count;
    store_open(&store);
    for (uint64_t i = 0; i < 20; i++) {
        const struct iceberg_data_file file = store_file(&arena, 10 * i, 10, 19000, 0);
        struct iceberg_change change = {
            .operation = ICEBERG_APPEND, .added = &file, .added_count = 1, .merge_count = 8};
        ASSERT_OK(store_commit(&store, &change, &err), err);
    }
    const struct iceberg_retention retention = {.max_age_ms = 0, .min_count = 10};
    const int64_t *expired = iceberg_expired(store.table, &retention, store.now_ms, &arena, &count);
    assert_int_equal(count, 10);
    struct iceberg_cleanup *cleanup = iceberg_cleanup_new(store.table, expired, count, &err);
    assert_int_equal(cleanup->list_count, 12); /* those that go, the oldest and the newest that stay */
    for (size_t i = 0; i < cleanup->list_count; i++)
        ASSERT_OK(iceberg_cleanup_give_list(cleanup, store_get(&store, cleanup->lists[i]), &err), err);
    assert_int_equal(cleanup->manifest_count, 0);
    assert_true(cleanup->removable_count > 10); /* the lists, and what was merged before */
    for (size_t i = 0; i < cleanup->removable_count; i++)
        assert_false(str_ends(cleanup->removable[i], STR(".parquet")));
    iceberg_cleanup_free(cleanup);
    arena_free(&arena);
    store_close(&store);
}

static void test_what_expires_may_be_missing_and_what_stays_may_not(void **state)
{
    (void)state;
    struct store store;
    struct arena arena = {0};
    struct error err;
    store_open(&store);
    const struct iceberg_data_file files[] = {store_file(&arena, 0, 10, 19000, 0),
                                              store_file(&arena, 10, 10, 19001, 0)};
    store_append(&store, &files[0], 1);
    store_append(&store, &files[1], 1);
    struct iceberg_change change = {.operation = ICEBERG_DELETE, .removed = files, .removed_count = 1};
    ASSERT_OK(store_commit(&store, &change, &err), err);
    const int64_t expired[] = {store.table->snapshots[0].id, store.table->snapshots[1].id};
    struct iceberg_cleanup *cleanup = iceberg_cleanup_new(store.table, expired, 2, &err);
    assert_int_equal(cleanup->list_count, 3);
    ASSERT_OK(iceberg_cleanup_give_list(cleanup, STR_NONE, &err), err);
    ASSERT_OK(iceberg_cleanup_give_list(cleanup, store_get(&store, cleanup->lists[1]), &err), err);
    ASSERT_FAILS(iceberg_cleanup_give_list(cleanup, STR_NONE, &err), err, ERR_CORRUPT);
    ASSERT_OK(iceberg_cleanup_give_list(cleanup, store_get(&store, cleanup->lists[2]), &err), err);
    assert_int_equal(cleanup->manifest_count, 2); /* the one that was rewritten, and what is live */
    ASSERT_OK(iceberg_cleanup_give_manifest(cleanup, store_get(&store, cleanup->manifests[0].path), &err),
              err);
    ASSERT_FAILS(iceberg_cleanup_give_manifest(cleanup, STR_NONE, &err), err, ERR_CORRUPT);
    ASSERT_OK(iceberg_cleanup_give_manifest(cleanup, store_get(&store, cleanup->manifests[1].path), &err),
              err);
    bool found = false;
    for (size_t i = 0; i < cleanup->removable_count; i++) {
        found = found || str_equal(cleanup->removable[i], files[0].path);
        assert_false(str_equal(cleanup->removable[i], files[1].path));
    }
    assert_true(found);
    iceberg_cleanup_free(cleanup);
    const int64_t current = store.table->current->id, unknown = 5;
    ASSERT_FAILS(iceberg_cleanup_new(store.table, &current, 1, &err) != NULL, err, ERR_INVALID);
    ASSERT_FAILS(iceberg_cleanup_new(store.table, &unknown, 1, &err) != NULL, err, ERR_INVALID);
    arena_free(&arena);
    store_close(&store);
}

RUN_TESTS(cmocka_unit_test(test_histories_of_one_writer_agree_with_the_model),
          cmocka_unit_test(test_histories_with_tags_branches_and_rollbacks_agree_with_the_model),
          cmocka_unit_test(test_files_that_the_first_snapshot_has_deleted_go_with_it),
          cmocka_unit_test(test_an_expiry_among_appends_reads_lists_only),
          cmocka_unit_test(test_what_expires_may_be_missing_and_what_stays_may_not))
