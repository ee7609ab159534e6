/* Commits: what has to be put for a change, as iceberg_commit.h tells.
 *
 * Of the manifests of the snapshot before, most stay as they are: the list names them again. Those without a live file are
 * left out. Those that may hold a file which is to be removed are searched; if one does, what is live in it moves to a
 * manifest of this commit. And when there are merge_count manifests that are far from full, they are merged into one.
 *
 * The list: older manifests in their order, then those of rewritten entries, then those of added files, so that who reads
 * along it reads rows in about the order they came. */
#include "table/iceberg_commit_internal.h"

#include "base/hash.h"
#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>

enum { MERGE_COUNT = 100, MANIFEST_BYTES = 8 << 20 };
#define SNAPSHOT_ID_MAX ((INT64_C(1) << 53) - 1) /* what JavaScript's numbers hold */

/* ---- Checks ---------------------------------------------------------------------------------------------- */

static bool check_change(const struct iceberg_table *table, const struct iceberg_list *list,
                         const struct iceberg_change *change, struct error *err)
{
    bool makes_one = change->operation != ICEBERG_NO_SNAPSHOT; /* a snapshot */
    if (!is_uuid(change->uuid))
        return error_set(err, ERR_INVALID, "commit: the uuid is none");
    if (change->now_ms < 0 || change->now_ms > ICEBERG_NUMBER_MAX)
        return error_set(err, ERR_INVALID, "commit: the time is out of range");
    if ((change->added_count > 0 && (change->operation == ICEBERG_DELETE || !makes_one)) ||
        (change->removed_count > 0 && (change->operation == ICEBERG_APPEND || !makes_one)))
        return error_set(err, ERR_INVALID, "commit: its operation does not add or remove files");
    if (makes_one && table->current != NULL && list == NULL)
        return error_set(err, ERR_INVALID, "commit: the manifest list of the current snapshot is missing");
    if (makes_one && !table->schema->writable)
        return error_set(err, ERR_UNSUPPORTED,
                         "the table's schema requires a column of a type that is not known here");
    for (size_t i = 0; i < change->summary_count; i++) {
        struct str key = change->summary[i].key;
        if (key.len == 0 || memchr(key.data, '\0', key.len) != NULL || !utf8_valid(key.data, key.len) ||
            change->summary[i].value.data == NULL)
            return error_set(err, ERR_INVALID, "commit: a key of the summary has no name or no value");
    }
    for (size_t i = 0; i < change->expired_count; i++) {
        const struct iceberg_snapshot *snapshot = iceberg_snapshot(table, change->expired[i]);
        if (snapshot == NULL || snapshot == table->current) {
            return error_set(err, ERR_INVALID, "commit: snapshot %" PRId64 " cannot expire: %s",
                             change->expired[i],
                             snapshot == NULL ? "there is none" : "it is the current one");
        }
    }
    return true;
}

static bool check_list(const struct iceberg_list *list, const struct iceberg_change *change,
                       struct error *err)
{
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        const struct iceberg_manifest *manifest = &list->manifests[i];
        if (manifest->added_files < 0 || manifest->existing_files < 0 || manifest->deleted_files < 0 ||
            manifest->added_rows < 0 || manifest->existing_rows < 0 || manifest->deleted_rows < 0) {
            error_set(err, ERR_UNSUPPORTED, "the manifest list does not tell how many files %.*s has",
                      SHORT_ARG(manifest->path));
            return error_hint(err, "rewrite the manifests with the program that has written the table");
        }
        if (change->operation == ICEBERG_REPLACE && manifest->deletes &&
            manifest->added_files + manifest->existing_files > 0)
            return error_set(err, ERR_UNSUPPORTED,
                             "files cannot be replaced: another program has deleted rows of the table");
    }
    return true;
}

/* ---- What is decided at once ----------------------------------------------------------------------------- */

/* A positive id that follows from the change: all its attempts have the same. */
static int64_t snapshot_id_of(struct str uuid)
{
    int64_t id = (int64_t)(hash_stable(uuid.data, uuid.len) & (uint64_t)SNAPSHOT_ID_MAX);
    return id != 0 ? id : 1;
}

static int64_t later(int64_t time_ms, int64_t before_ms)
{
    return time_ms > before_ms ? time_ms : before_ms + 1;
}

/* Readers refuse tables whose times run backwards, so that a clock that has been set back stands still here. */
static int64_t clamp_time(const struct iceberg_table *table, uint64_t base_version, int64_t now_ms)
{
    if (base_version > 0)
        now_ms = later(now_ms, table->last_updated_ms);
    if (table->current != NULL)
        now_ms = later(now_ms, table->current->timestamp_ms);
    if (table->snapshot_log_count > 0)
        now_ms = later(now_ms, table->snapshot_log[table->snapshot_log_count - 1].timestamp_ms);
    if (table->metadata_log_count > 0)
        now_ms = later(now_ms, table->metadata_log[table->metadata_log_count - 1].timestamp_ms);
    return now_ms;
}

static bool plan_snapshot(struct commit_plan *plan, struct error *err)
{
    static const char *const operations[] = {
        [ICEBERG_NO_SNAPSHOT] = "",
        [ICEBERG_APPEND] = "append",
        [ICEBERG_DELETE] = "delete",
        [ICEBERG_REPLACE] = "replace",
    };
    const struct iceberg_table *table = plan->table;
    const struct iceberg_change *change = plan->change;
    int64_t id = snapshot_id_of(change->uuid);
    plan->now_ms = clamp_time(table, plan->base_version, change->now_ms);
    plan->face.snapshot_id = ICEBERG_NONE;
    if (change->operation == ICEBERG_NO_SNAPSHOT)
        return true;
    if (iceberg_snapshot(table, id) != NULL)
        return error_set(err, ERR_EXISTS, "commit: the table has a snapshot %" PRId64 " already", id);
    plan->face.snapshot_id = id;
    plan->snapshot = (struct iceberg_snapshot){
        .id = id,
        .parent_id = table->current != NULL ? table->current->id : ICEBERG_NONE,
        .sequence_number = table->last_sequence_number + 1,
        .timestamp_ms = plan->now_ms,
        .schema_id = plan->staged->schema->schema.id,
        .operation = str_of(operations[change->operation]),
    };
    return true;
}

static bool removed_has_path(const void *item, const void *key)
{
    return str_equal(((const struct commit_removed *)item)->path, *(const struct str *)key);
}

static bool plan_removed(struct commit_plan *plan, struct error *err)
{
    const struct iceberg_change *change = plan->change;
    struct commit_removed *removed =
        arena_zalloc(&plan->arena, (change->removed_count + 1) * sizeof *removed);
    for (size_t i = 0; i < change->removed_count; i++) {
        struct str path = change->removed[i].path;
        uint64_t hash = hash_bytes(path.data, path.len);
        if (map_find(&plan->removed_files, hash, removed_has_path, &path) != NULL)
            return error_set(err, ERR_INVALID, "the file %.*s is to be removed twice", SHORT_ARG(path));
        removed[i].path = path;
        map_insert(&plan->removed_files, hash, &removed[i]);
    }
    return true;
}

/* How many partitions the change touches: equal values that follow each other count once. */
static size_t count_partitions(const struct iceberg_data_file *files, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        bool same = i > 0 && files[i].partition_count == files[i - 1].partition_count;
        for (size_t k = 0; same && k < files[i].partition_count; k++) {
            const struct iceberg_value *a = &files[i].partition[k], *b = &files[i - 1].partition[k];
            bool bytes = a->kind == ICEBERG_STRING || a->kind == ICEBERG_BINARY;
            same = a->kind == b->kind && (bytes ? str_equal(a->bytes, b->bytes) : a->number == b->number);
        }
        total += !same;
    }
    return total;
}

/* ---- Which manifests are looked into --------------------------------------------------------------------- */

static bool number_of(struct str bytes, int64_t *out)
{
    struct iceberg_column column = {.field_id = 1, .lower = bytes, .upper = bytes};
    struct iceberg_data_file file = {.columns = &column, .column_count = 1};
    return iceberg_bounds(&file, 1, out, out);
}

/* Whether the bounds of the manifest's partitions leave room for the file. */
static bool may_hold(const struct iceberg_manifest *manifest, const struct iceberg_data_file *file)
{
    if (manifest->partitions == NULL || manifest->partition_count != file->partition_count)
        return true;
    for (size_t i = 0; i < file->partition_count; i++) {
        const struct iceberg_value *value = &file->partition[i];
        const struct iceberg_field_summary *summary = &manifest->partitions[i];
        int64_t low, high;
        if ((value->kind != ICEBERG_INT && value->kind != ICEBERG_LONG) || !number_of(summary->lower, &low) ||
            !number_of(summary->upper, &high))
            continue;
        if (value->number < low || value->number > high)
            return false;
    }
    return true;
}

static bool may_hold_removed(const struct commit_plan *plan, const struct iceberg_manifest *manifest)
{
    const struct iceberg_change *change = plan->change;
    if (manifest->spec_id != plan->table->spec->id) /* what is told of the partition is of another spec */
        return change->removed_count > 0;
    for (size_t i = 0; i < change->removed_count; i++) {
        if (may_hold(manifest, &change->removed[i]))
            return true;
    }
    return false;
}

static bool is_small(const struct commit_plan *plan, const struct iceberg_manifest *manifest)
{
    return !manifest->deletes && manifest->spec_id == plan->table->spec->id &&
           (uint64_t)manifest->length_bytes < plan->manifest_bytes / 4 * 3;
}

/* The roles of the manifests before. A commit merges so many, oldest first, as four full manifests hold, and twice merge_count at
 * most: it stays small, whatever others have left. */
static void plan_roles(struct commit_plan *plan)
{
    const struct iceberg_list *list = plan->before;
    size_t count = list != NULL ? list->count : 0, small = 0, merged = 0;
    uint64_t merged_bytes = 0;
    size_t merge_count = plan->change->merge_count > 0 ? plan->change->merge_count : MERGE_COUNT;
    if (plan->change->operation == ICEBERG_NO_SNAPSHOT)
        count = 0;
    plan->roles = arena_zalloc(&plan->arena, (count + 1) * sizeof *plan->roles);
    plan->needed = arena_zalloc(&plan->arena, (count + 1) * sizeof *plan->needed);
    struct iceberg_manifest *needed = arena_alloc(&plan->arena, (count + 1) * sizeof *needed);
    plan->face.needed = needed;
    for (size_t i = 0; i < count; i++) {
        const struct iceberg_manifest *manifest = &list->manifests[i];
        if (manifest->added_files + manifest->existing_files == 0)
            plan->roles[i] = ROLE_DROP;
        else if (!manifest->deletes && may_hold_removed(plan, manifest))
            plan->roles[i] = ROLE_SEARCH;
        else
            small += is_small(plan, manifest);
    }
    for (size_t i = 0; i < count; i++) {
        const struct iceberg_manifest *manifest = &list->manifests[i];
        bool merge = small >= merge_count && small > 1 && merged < 2 * merge_count &&
                     merged_bytes < 4 * (uint64_t)plan->manifest_bytes && plan->roles[i] == ROLE_KEEP &&
                     is_small(plan, manifest);
        if (merge) {
            plan->roles[i] = ROLE_MERGE;
            merged++;
            merged_bytes += (uint64_t)manifest->length_bytes;
        }
        if (merge || plan->roles[i] == ROLE_SEARCH) {
            plan->needed[plan->face.needed_count] = i;
            needed[plan->face.needed_count++] = *manifest;
        }
    }
}

/* ---- The steps ------------------------------------------------------------------------------------------- */

struct iceberg_commit *iceberg_commit_new(const struct iceberg_table *table, uint64_t base_version,
                                          const struct iceberg_list *list,
                                          const struct iceberg_change *change, struct error *err)
{
    if (!check_change(table, list, change, err) || !check_list(list, change, err))
        return NULL;
    json_t *root = change_stage(table, change, err);
    if (root == NULL)
        return NULL;
    struct commit_plan *plan = mem_zalloc(sizeof *plan);
    plan->table = table;
    plan->base_version = base_version;
    plan->before = list;
    plan->change = change;
    plan->manifest_bytes = change->manifest_bytes > 0 ? change->manifest_bytes : MANIFEST_BYTES;
    plan->partitions = count_partitions(change->added, change->added_count) +
                       count_partitions(change->removed, change->removed_count);
    plan->staged = table_from_json(root, err);
    if (plan->staged == NULL || !plan_snapshot(plan, err) || !plan_removed(plan, err) ||
        !commit_write_added(plan, err)) {
        iceberg_commit_free(&plan->face);
        return NULL;
    }
    plan_roles(plan);
    return &plan->face;
}

bool iceberg_commit_give(struct iceberg_commit *commit, struct str bytes, struct error *err)
{
    struct commit_plan *plan = (struct commit_plan *)commit;
    assert(plan->given < commit->needed_count && !plan->finished);
    const struct iceberg_manifest *manifest = &commit->needed[plan->given];
    enum commit_role *role = &plan->roles[plan->needed[plan->given]];
    /* Entries of one spec make up a manifest. */
    if (plan->given > 0 && commit->needed[plan->given - 1].spec_id != manifest->spec_id)
        commit_end_manifest(plan);
    plan->given++;
    return commit_rewrite(plan, manifest, role, bytes, err);
}

static bool check_removed(const struct commit_plan *plan, struct error *err)
{
    const struct commit_removed *removed;
    for (size_t i = 0; (removed = map_next(&plan->removed_files, &i)) != NULL;) {
        if (!removed->found)
            return error_set(err, ERR_CONFLICT, "the file %.*s is not in the table any more",
                             SHORT_ARG(removed->path));
    }
    if (plan->change->operation == ICEBERG_REPLACE && plan->added.records != plan->removed.records) {
        return error_set(err, ERR_INVALID,
                         "commit: files of %" PRId64 " rows cannot replace files of %" PRId64 " rows",
                         plan->added.records, plan->removed.records);
    }
    return true;
}

/* The manifests of the snapshot: in the arena. */
static struct iceberg_manifest *gather(struct commit_plan *plan, size_t *count)
{
    size_t before = plan->before != NULL ? plan->before->count : 0;
    struct iceberg_manifest *all = arena_alloc(&plan->arena, (before + plan->fresh_count + 1) * sizeof *all);
    size_t added = plan->fresh_count - plan->rewritten;
    *count = 0;
    for (size_t i = 0; i < before; i++) {
        if (plan->roles[i] == ROLE_KEEP)
            all[(*count)++] = plan->before->manifests[i];
    }
    for (size_t i = 0; i < plan->rewritten; i++)
        all[(*count)++] = plan->fresh[added + i];
    for (size_t i = 0; i < added; i++)
        all[(*count)++] = plan->fresh[i];
    return all;
}

static bool write_list(struct commit_plan *plan, const struct iceberg_manifest *manifests, size_t count,
                       struct error *err)
{
    struct buf bytes = {0};
    const char *key = arena_printf(&plan->arena, "metadata/snap-%" PRId64 "-%u-%.*s.avro", plan->snapshot.id,
                                   plan->change->attempt, STR_ARG(plan->change->uuid));
    plan->snapshot.manifest_list =
        str_of(arena_printf(&plan->arena, "%.*s/%s", STR_ARG(plan->table->location), key));
    iceberg_list_write(&plan->snapshot, manifests, count, &bytes);
    plan->face.list = mem_zalloc(sizeof *plan->face.list);
    bool ok = iceberg_list_read(buf_str(&bytes), plan->face.list, err);
    commit_add_object(plan, str_of(key), &bytes, false);
    return ok;
}

bool iceberg_commit_finish(struct iceberg_commit *commit, struct error *err)
{
    struct commit_plan *plan = (struct commit_plan *)commit;
    assert(plan->given == commit->needed_count && !plan->finished);
    struct iceberg_manifest *manifests = NULL;
    size_t count = 0;
    plan->finished = true;
    if (!check_removed(plan, err))
        return false;
    if (plan->change->operation != ICEBERG_NO_SNAPSHOT) {
        commit_end_manifest(plan);
        manifests = gather(plan, &count);
        if (!write_list(plan, manifests, count, err))
            return false;
    }
    json_t *root = json_deep_copy(plan->staged->document->root);
    change_finish(plan, root, manifests, count);
    commit->table = table_from_json(root, err);
    if (commit->table == NULL)
        return false;
    struct buf key = {0}, bytes = {0};
    iceberg_metadata_key(plan->base_version + 1, &key);
    iceberg_metadata_write(commit->table, &bytes);
    commit_add_object(plan, arena_str(&plan->arena, buf_str(&key)), &bytes, false);
    buf_free(&key);
    commit->objects = plan->objects;
    commit->object_count = plan->object_count;
    return true;
}

void iceberg_commit_free(struct iceberg_commit *commit)
{
    struct commit_plan *plan = (struct commit_plan *)commit;
    if (plan == NULL)
        return;
    for (size_t i = 0; i < plan->object_count; i++)
        mem_free((void *)plan->objects[i].bytes.data);
    mem_free(plan->objects);
    mem_free(plan->fresh);
    map_free(&plan->removed_files);
    map_free(&plan->added_files);
    iceberg_manifest_writer_free(plan->writer);
    iceberg_table_free(plan->staged);
    iceberg_table_free(commit->table);
    if (commit->list != NULL) {
        iceberg_list_free(commit->list);
        mem_free(commit->list);
    }
    arena_free(&plan->arena);
    mem_free(plan);
}
