/* Manifests of a commit: of the files that it adds, and of what is live in manifests that it takes apart.
 *
 * Files that are added get manifests of their own, whose bytes depend on the change alone: an attempt that is repeated has the
 * same ones. What comes out of older manifests, to be merged or because a file among them goes, is gathered in others:
 * EXISTING with the numbers that it has, DELETED if this commit removes it; what an earlier commit has removed is left out. */
#include "table/iceberg_commit_internal.h"

#include "base/hash.h"
#include "base/mem.h"

#include <assert.h>

static bool removed_has_path(const void *item, const void *key)
{
    return str_equal(((const struct commit_removed *)item)->path, *(const struct str *)key);
}

static bool added_has_path(const void *item, const void *key)
{
    return str_equal(*(const struct str *)item, *(const struct str *)key);
}

void commit_add_object(struct commit_plan *plan, struct str key, struct buf *bytes, bool reusable)
{
    if (plan->object_count == plan->object_cap) {
        plan->object_cap = plan->object_cap == 0 ? 8 : 2 * plan->object_cap;
        plan->objects = mem_realloc(plan->objects, plan->object_cap * sizeof *plan->objects);
    }
    plan->objects[plan->object_count++] = (struct iceberg_object){
        .key = key,
        .bytes = buf_str(bytes),
        .reusable = reusable,
    };
    *bytes = (struct buf){0};
}

static struct iceberg_manifest *next_fresh(struct commit_plan *plan)
{
    if (plan->fresh_count == plan->fresh_cap) {
        plan->fresh_cap = plan->fresh_cap == 0 ? 8 : 2 * plan->fresh_cap;
        plan->fresh = mem_realloc(plan->fresh, plan->fresh_cap * sizeof *plan->fresh);
    }
    return &plan->fresh[plan->fresh_count++];
}

/* What the writer's summaries hold is gone with it. */
static void keep_partitions(struct commit_plan *plan, struct iceberg_manifest *manifest)
{
    struct iceberg_field_summary *copy =
        arena_alloc(&plan->arena, (manifest->partition_count + 1) * sizeof *copy);
    for (size_t i = 0; i < manifest->partition_count; i++) {
        copy[i] = manifest->partitions[i];
        if (copy[i].lower.data != NULL)
            copy[i].lower = arena_str(&plan->arena, copy[i].lower);
        if (copy[i].upper.data != NULL)
            copy[i].upper = arena_str(&plan->arena, copy[i].upper);
    }
    manifest->partitions = copy;
}

/* Ends the manifest under a key. */
static void end_manifest(struct commit_plan *plan, const char *key, bool reusable)
{
    struct buf bytes = {0};
    struct iceberg_manifest *manifest = next_fresh(plan);
    iceberg_manifest_writer_finish(plan->writer, &bytes, manifest);
    keep_partitions(plan, manifest);
    manifest->path = str_of(arena_printf(&plan->arena, "%.*s/%s", STR_ARG(plan->table->location), key));
    manifest->sequence_number = plan->snapshot.sequence_number;
    if (manifest->min_sequence_number == ICEBERG_NONE)
        manifest->min_sequence_number = plan->snapshot.sequence_number;
    commit_add_object(plan, str_of(key), &bytes, reusable);
    iceberg_manifest_writer_free(plan->writer);
    plan->writer = NULL;
}

void commit_end_manifest(struct commit_plan *plan)
{
    if (plan->writer == NULL)
        return;
    const char *key = arena_printf(&plan->arena, "metadata/%.*s-%u-r%zu.avro", STR_ARG(plan->change->uuid),
                                   plan->change->attempt, plan->rewritten);
    plan->rewritten++;
    end_manifest(plan, key, false);
}

/* ---- Added files ----------------------------------------------------------------------------------------- */

static void end_added(struct commit_plan *plan)
{
    if (plan->writer == NULL)
        return;
    const char *key =
        arena_printf(&plan->arena, "metadata/%.*s-m%zu.avro", STR_ARG(plan->change->uuid), plan->fresh_count);
    end_manifest(plan, key, true);
}

bool commit_write_added(struct commit_plan *plan, struct error *err)
{
    const struct iceberg_change *change = plan->change;
    for (size_t i = 0; i < change->added_count; i++) {
        const struct iceberg_data_file *file = &change->added[i];
        if (plan->writer != NULL && iceberg_manifest_writer_bytes(plan->writer) >= plan->manifest_bytes)
            end_added(plan);
        if (plan->writer == NULL) {
            plan->writer =
                iceberg_manifest_writer_new(plan->staged, plan->staged->spec->id, plan->snapshot.id, err);
            if (plan->writer == NULL)
                return false;
        }
        struct iceberg_entry entry = {
            .status = ICEBERG_ADDED, .snapshot_id = plan->snapshot.id, .file = *file};
        if (!iceberg_manifest_writer_add(plan->writer, &entry, err))
            return false;
        uint64_t hash = hash_bytes(file->path.data, file->path.len);
        if (map_find(&plan->added_files, hash, added_has_path, &file->path) != NULL)
            return error_set(err, ERR_INVALID, "the file %.*s is to be added twice", SHORT_ARG(file->path));
        map_insert(&plan->added_files, hash, (void *)&file->path);
        plan->added.files++;
        plan->added.records += file->record_count;
        plan->added.bytes += file->size_bytes;
    }
    end_added(plan);
    return true;
}

/* ---- What is live ---------------------------------------------------------------------------------------- */

struct rewrite {
    struct commit_plan *plan;
    int32_t spec_id;
    bool found; /* a file that is to be removed */
    struct error *err;
    bool failed;
};

static struct commit_removed *removed_by(const struct commit_plan *plan, struct str path)
{
    return map_find(&plan->removed_files, hash_bytes(path.data, path.len), removed_has_path, &path);
}

static bool search_entry(const struct iceberg_entry *entry, void *arg)
{
    struct rewrite *rewrite = arg;
    if (entry->status == ICEBERG_DELETED || removed_by(rewrite->plan, entry->file.path) == NULL)
        return true;
    rewrite->found = true;
    return false;
}

static bool needs_writer(struct rewrite *rewrite)
{
    struct commit_plan *plan = rewrite->plan;
    if (plan->writer != NULL && iceberg_manifest_writer_bytes(plan->writer) >= plan->manifest_bytes)
        commit_end_manifest(plan);
    if (plan->writer == NULL)
        plan->writer =
            iceberg_manifest_writer_new(plan->staged, rewrite->spec_id, plan->snapshot.id, rewrite->err);
    return plan->writer != NULL;
}

static bool take_over(const struct iceberg_entry *entry, void *arg)
{
    struct rewrite *rewrite = arg;
    struct commit_plan *plan = rewrite->plan;
    struct str path = entry->file.path;
    struct iceberg_entry out = *entry;
    if (entry->status == ICEBERG_DELETED)
        return true;
    if (map_find(&plan->added_files, hash_bytes(path.data, path.len), added_has_path, &path) != NULL) {
        rewrite->failed = true;
        error_set(rewrite->err, ERR_CONFLICT, "the file %.*s is in the table already", SHORT_ARG(path));
        return false;
    }
    struct commit_removed *removed = removed_by(plan, path);
    out.status = removed != NULL ? ICEBERG_DELETED : ICEBERG_EXISTING;
    if (removed != NULL) {
        out.snapshot_id = plan->snapshot.id;
        removed->found = true;
        plan->removed.files++;
        plan->removed.records += entry->file.record_count;
        plan->removed.bytes += entry->file.size_bytes;
    }
    if (needs_writer(rewrite) && iceberg_manifest_writer_add(plan->writer, &out, rewrite->err))
        return true;
    rewrite->failed = true;
    return false;
}

bool commit_rewrite(struct commit_plan *plan, const struct iceberg_manifest *manifest, enum commit_role *role,
                    struct str bytes, struct error *err)
{
    struct rewrite rewrite = {.plan = plan, .spec_id = manifest->spec_id, .err = err};
    if (*role == ROLE_SEARCH) {
        if (!iceberg_manifest_read(bytes, manifest, search_entry, &rewrite, err))
            return false;
        if (!rewrite.found) {
            *role = ROLE_KEEP;
            return true;
        }
    }
    return iceberg_manifest_read(bytes, manifest, take_over, &rewrite, err) && !rewrite.failed;
}
