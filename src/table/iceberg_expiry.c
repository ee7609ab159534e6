/* Which snapshots expire, and what may be removed with them.
 *
 * Safe is what no snapshot that stays refers to. To find it without reading all metadata each time:
 *
 * - Manifest lists of snapshots that expire may go, and so may manifests that only those lists name. If the snapshots form one
 *   line, which is so unless somebody has branched or rolled back, what the oldest and the newest that stay name is all
 *   that could be named: manifests do not come back. Otherwise the lists of all that stay are asked for.
 * - If from the first that expires to the oldest that stays, on that line, everything was an append, no data file may go:
 *   appends remove none. This is how most expiries are. Otherwise the candidates are all files that the manifests to be
 *   removed tell of, less those that are live in any manifest of any snapshot that stays. */
#include "table/iceberg_commit.h"
#include "table/iceberg_internal.h"

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>

/* ---- Which snapshots ------------------------------------------------------------------------------------- */

static size_t position_of(const struct iceberg_table *table, int64_t id)
{
    const struct iceberg_snapshot *snapshot = iceberg_snapshot(table, id);
    return snapshot != NULL ? (size_t)(snapshot - table->snapshots) : SIZE_MAX;
}

static int64_t before(int64_t now_ms, int64_t age_ms)
{
    return age_ms > now_ms ? INT64_MIN : now_ms - age_ms;
}

/* Marks what a branch keeps of its past. */
static void keep_branch(const struct iceberg_table *table, const struct iceberg_retention *retention,
                        const struct iceberg_ref *ref, int64_t now_ms, bool *kept)
{
    int64_t max_age_ms =
        ref->max_snapshot_age_ms != ICEBERG_NONE ? ref->max_snapshot_age_ms : retention->max_age_ms;
    size_t min_count = ref->min_snapshots != ICEBERG_NONE ? (size_t)ref->min_snapshots : retention->min_count;
    size_t max_count =
        str_is(ref->name, "main") && retention->max_count > 0 ? retention->max_count : SIZE_MAX;
    int64_t oldest_ms = before(now_ms, max_age_ms);
    size_t at = position_of(table, ref->snapshot_id);
    for (size_t i = 0; at != SIZE_MAX && i < table->snapshot_count && i < max_count; i++) {
        const struct iceberg_snapshot *snapshot = &table->snapshots[at];
        if (i > 0 && i >= min_count && snapshot->timestamp_ms < oldest_ms)
            return;
        kept[at] = true;
        at = position_of(table, snapshot->parent_id);
    }
}

static void keep_ref(const struct iceberg_table *table, const struct iceberg_retention *retention,
                     const struct iceberg_ref *ref, int64_t now_ms, bool *kept)
{
    size_t at = position_of(table, ref->snapshot_id);
    bool is_main = str_is(ref->name, "main");
    if (!is_main && ref->max_ref_age_ms != ICEBERG_NONE &&
        table->snapshots[at].timestamp_ms < before(now_ms, ref->max_ref_age_ms))
        return;
    if (ref->branch || is_main)
        keep_branch(table, retention, ref, now_ms, kept);
    else
        kept[at] = true;
}

const int64_t *iceberg_expired(const struct iceberg_table *table, const struct iceberg_retention *retention,
                               int64_t now_ms, struct arena *arena, size_t *count)
{
    bool *kept = arena_zalloc(arena, table->snapshot_count + 1);
    int64_t *expired = arena_alloc(arena, (table->snapshot_count + 1) * sizeof *expired);
    for (size_t i = 0; i < table->ref_count; i++)
        keep_ref(table, retention, &table->refs[i], now_ms, kept);
    if (table->current != NULL) {
        struct iceberg_ref main_ref = {
            .name = STR("main"),
            .snapshot_id = table->current->id,
            .branch = true,
            .max_snapshot_age_ms = ICEBERG_NONE,
            .min_snapshots = ICEBERG_NONE,
        };
        if (!kept[position_of(table, table->current->id)]) /* the refs do not tell of main */
            keep_branch(table, retention, &main_ref, now_ms, kept);
    }
    *count = 0;
    for (size_t i = 0; i < table->snapshot_count; i++) {
        if (!kept[i])
            expired[(*count)++] = table->snapshots[i].id;
    }
    return expired;
}

/* ---- What may be removed --------------------------------------------------------------------------------- */

struct known { /* a data file, or a manifest */
    struct str path;
    bool kept; /* a snapshot that stays refers to it */
};

struct known_manifest {
    struct known known; /* first: they are looked up by it */
    struct iceberg_manifest manifest;
};

struct cleanup {
    struct iceberg_cleanup face; /* first: what the caller sees */
    const struct iceberg_table *table;
    bool *expired;        /* of each snapshot of the table */
    bool appends;         /* no data file may go */
    size_t expired_lists; /* the first so many of `lists` are of snapshots that expire */
    size_t given_lists;
    size_t doomed; /* the first so many of `manifests` may go */
    size_t given_manifests;
    struct map manifests;          /* of struct known_manifest */
    struct known_manifest **order; /* as they came */
    size_t order_count;
    size_t order_cap;
    struct map files; /* of struct known: candidates */
    struct arena arena;
};

static bool known_has_path(const void *item, const void *key)
{
    return str_equal(((const struct known *)item)->path, *(const struct str *)key);
}

static void *find_known(const struct map *map, struct str path)
{
    return map_find(map, hash_bytes(path.data, path.len), known_has_path, &path);
}

/* Returns zeroed memory of that size that begins with a struct known. */
static void *add_known(struct cleanup *cleanup, struct map *map, struct str path, size_t size)
{
    struct known *known = arena_zalloc(&cleanup->arena, size);
    known->path = arena_str(&cleanup->arena, path);
    map_insert(map, hash_bytes(path.data, path.len), known);
    return known;
}

/* The snapshots from the current one back, if they form one line with nothing beside it, what expires is its old end, and
 * refs name only what stays: the line's oldest that stays is *oldest. */
static bool one_line(const struct cleanup *cleanup, size_t *oldest, bool *appends)
{
    const struct iceberg_table *table = cleanup->table;
    size_t at = table->current != NULL ? position_of(table, table->current->id) : SIZE_MAX;
    size_t length = 0;
    bool past = false; /* in what expires */
    *oldest = at;
    *appends = true;
    for (; at != SIZE_MAX && length < table->snapshot_count; length++) {
        const struct iceberg_snapshot *snapshot = &table->snapshots[at];
        size_t parent = position_of(table, snapshot->parent_id);
        if (past && !cleanup->expired[at])
            return false;
        past = past || cleanup->expired[at];
        if (!past)
            *oldest = at;
        bool borders = past || (parent != SIZE_MAX && cleanup->expired[parent]);
        if (borders && !str_is(snapshot->operation, "append"))
            *appends = false;
        at = parent;
    }
    return length == table->snapshot_count && at == SIZE_MAX;
}

static void ask_lists(struct cleanup *cleanup)
{
    const struct iceberg_table *table = cleanup->table;
    struct str *lists = arena_alloc(&cleanup->arena, (table->snapshot_count + 1) * sizeof *lists);
    size_t oldest, count = 0;
    bool appends = false;
    bool line = one_line(cleanup, &oldest, &appends);
    cleanup->appends = line && appends;
    for (size_t i = 0; i < table->snapshot_count; i++) {
        if (cleanup->expired[i])
            lists[count++] = table->snapshots[i].manifest_list;
    }
    cleanup->expired_lists = count;
    for (size_t i = 0; count > 0 && i < table->snapshot_count; i++) {
        bool ends = i == oldest || &table->snapshots[i] == table->current;
        if (!cleanup->expired[i] && (ends || !cleanup->appends))
            lists[count++] = table->snapshots[i].manifest_list;
    }
    cleanup->face.lists = lists;
    cleanup->face.list_count = count;
}

struct iceberg_cleanup *iceberg_cleanup_new(const struct iceberg_table *table, const int64_t *expired,
                                            size_t expired_count, struct error *err)
{
    struct cleanup *cleanup = mem_zalloc(sizeof *cleanup);
    cleanup->table = table;
    cleanup->expired = arena_zalloc(&cleanup->arena, table->snapshot_count + 1);
    for (size_t i = 0; i < expired_count; i++) {
        size_t at = position_of(table, expired[i]);
        if (at == SIZE_MAX || &table->snapshots[at] == table->current) {
            error_set(err, ERR_INVALID, "snapshot %" PRId64 " cannot expire: %s", expired[i],
                      at == SIZE_MAX ? "there is none" : "it is the current one");
            iceberg_cleanup_free(&cleanup->face);
            return NULL;
        }
        cleanup->expired[at] = true;
    }
    ask_lists(cleanup);
    return &cleanup->face;
}

/* ---- Lists ----------------------------------------------------------------------------------------------- */

static void note_manifest(struct cleanup *cleanup, const struct iceberg_manifest *manifest, bool kept)
{
    struct known_manifest *known = find_known(&cleanup->manifests, manifest->path);
    if (known == NULL) {
        known = add_known(cleanup, &cleanup->manifests, manifest->path, sizeof *known);
        known->manifest = *manifest;
        known->manifest.path = known->known.path;
        known->manifest.partitions = NULL;
        known->manifest.partition_count = 0;
        known->manifest.key_metadata = STR_NONE;
        if (cleanup->order_count == cleanup->order_cap) {
            cleanup->order_cap = cleanup->order_cap == 0 ? 64 : 2 * cleanup->order_cap;
            cleanup->order =
                mem_realloc(cleanup->order, cleanup->order_cap * sizeof(struct known_manifest *));
        }
        cleanup->order[cleanup->order_count++] = known;
    }
    known->known.kept = known->known.kept || kept;
}

static void finish(struct cleanup *cleanup);

/* All lists are there. */
static void ask_manifests(struct cleanup *cleanup)
{
    struct iceberg_manifest *asked = arena_alloc(&cleanup->arena, (cleanup->order_count + 1) * sizeof *asked);
    size_t count = 0;
    for (size_t i = 0; !cleanup->appends && i < cleanup->order_count; i++) {
        if (!cleanup->order[i]->known.kept)
            asked[count++] = cleanup->order[i]->manifest;
    }
    cleanup->doomed = count;
    for (size_t i = 0; cleanup->doomed > 0 && i < cleanup->order_count; i++) {
        const struct iceberg_manifest *manifest = &cleanup->order[i]->manifest;
        bool dead = manifest->added_files == 0 && manifest->existing_files == 0;
        if (cleanup->order[i]->known.kept && !dead)
            asked[count++] = *manifest;
    }
    cleanup->face.manifests = asked;
    cleanup->face.manifest_count = count;
    if (count == 0)
        finish(cleanup);
}

bool iceberg_cleanup_give_list(struct iceberg_cleanup *face, struct str bytes, struct error *err)
{
    struct cleanup *cleanup = (struct cleanup *)face;
    struct iceberg_list list = {0};
    assert(cleanup->given_lists < face->list_count);
    bool kept = cleanup->given_lists >= cleanup->expired_lists;
    struct str location = face->lists[cleanup->given_lists];
    bool ok = bytes.data == NULL ? !kept : iceberg_list_read(bytes, &list, err);
    if (!ok && bytes.data == NULL)
        error_set(err, ERR_CORRUPT, "the manifest list %.*s is missing: a snapshot refers to it",
                  SHORT_ARG(location));
    for (size_t i = 0; ok && i < list.count; i++)
        note_manifest(cleanup, &list.manifests[i], kept);
    iceberg_list_free(&list);
    if (!ok)
        return false;
    if (++cleanup->given_lists == face->list_count)
        ask_manifests(cleanup);
    return true;
}

/* ---- Manifests ------------------------------------------------------------------------------------------- */

static bool note_file(const struct iceberg_entry *entry, void *arg)
{
    struct cleanup *cleanup = arg;
    if (find_known(&cleanup->files, entry->file.path) == NULL)
        add_known(cleanup, &cleanup->files, entry->file.path, sizeof(struct known));
    return true;
}

static bool spare_file(const struct iceberg_entry *entry, void *arg)
{
    struct cleanup *cleanup = arg;
    struct known *known = find_known(&cleanup->files, entry->file.path);
    if (known != NULL && entry->status != ICEBERG_DELETED)
        known->kept = true;
    return true;
}

bool iceberg_cleanup_give_manifest(struct iceberg_cleanup *face, struct str bytes, struct error *err)
{
    struct cleanup *cleanup = (struct cleanup *)face;
    assert(cleanup->given_manifests < face->manifest_count);
    const struct iceberg_manifest *manifest = &face->manifests[cleanup->given_manifests];
    bool kept = cleanup->given_manifests >= cleanup->doomed;
    if (bytes.data == NULL && kept)
        return error_set(err, ERR_CORRUPT, "the manifest %.*s is missing: a snapshot refers to it",
                         SHORT_ARG(manifest->path));
    if (bytes.data != NULL &&
        !iceberg_manifest_read(bytes, manifest, kept ? spare_file : note_file, cleanup, err))
        return false;
    if (++cleanup->given_manifests == face->manifest_count)
        finish(cleanup);
    return true;
}

/* ---- The result ------------------------------------------------------------------------------------------ */

/* Statistics files belong to one snapshot, as lists do. Two snapshots may name the same, all the same. */
static void note_statistics(const struct cleanup *cleanup, const char *key, bool expired, struct str *out,
                            size_t *count)
{
    const json_t *array = json_object_get(cleanup->table->document->root, key);
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *object = json_array_get(array, i);
        const json_t *id = json_object_get(object, "snapshot-id");
        size_t at = json_is_integer(id) ? position_of(cleanup->table, json_integer_value(id)) : SIZE_MAX;
        struct str path = json_str(json_object_get(object, "statistics-path"));
        if (path.len > 0 && (at != SIZE_MAX && cleanup->expired[at]) == expired)
            out[(*count)++] = path;
    }
}

static size_t statistics_count(const struct cleanup *cleanup)
{
    const json_t *root = cleanup->table->document->root;
    return json_array_size(json_object_get(root, "statistics")) +
           json_array_size(json_object_get(root, "partition-statistics"));
}

/* Lists and statistics that only what expires names. */
static size_t removable_of_snapshots(const struct cleanup *cleanup, struct str *out, struct arena *arena)
{
    const struct iceberg_table *table = cleanup->table;
    size_t room = table->snapshot_count + statistics_count(cleanup) + 1;
    struct str *named[2] = {arena_alloc(arena, room * sizeof **named),
                            arena_alloc(arena, room * sizeof **named)};
    size_t counts[2] = {0}, count = 0;
    for (int expired = 0; expired < 2; expired++) {
        for (size_t i = 0; i < table->snapshot_count; i++) {
            if (cleanup->expired[i] == (expired != 0))
                named[expired][counts[expired]++] = table->snapshots[i].manifest_list;
        }
        note_statistics(cleanup, "statistics", expired, named[expired], &counts[expired]);
        note_statistics(cleanup, "partition-statistics", expired, named[expired], &counts[expired]);
    }
    for (size_t i = 0; i < counts[1]; i++) {
        bool named_again = false;
        for (size_t k = 0; !named_again && k < counts[0]; k++)
            named_again = str_equal(named[0][k], named[1][i]);
        for (size_t k = 0; !named_again && k < count; k++)
            named_again = str_equal(out[k], named[1][i]);
        if (!named_again)
            out[count++] = named[1][i];
    }
    return count;
}

static void finish(struct cleanup *cleanup)
{
    size_t room = cleanup->table->snapshot_count + statistics_count(cleanup) + cleanup->order_count +
                  cleanup->files.count + 1;
    struct str *out = arena_alloc(&cleanup->arena, room * sizeof *out);
    const struct known *file;
    size_t count = removable_of_snapshots(cleanup, out, &cleanup->arena);
    for (size_t i = 0; i < cleanup->order_count; i++) {
        if (!cleanup->order[i]->known.kept)
            out[count++] = cleanup->order[i]->known.path;
    }
    for (size_t i = 0; (file = map_next(&cleanup->files, &i)) != NULL;) {
        if (!file->kept)
            out[count++] = file->path;
    }
    cleanup->face.removable = out;
    cleanup->face.removable_count = count;
}

void iceberg_cleanup_free(struct iceberg_cleanup *face)
{
    struct cleanup *cleanup = (struct cleanup *)face;
    if (cleanup == NULL)
        return;
    map_free(&cleanup->manifests);
    map_free(&cleanup->files);
    mem_free(cleanup->order);
    arena_free(&cleanup->arena);
    mem_free(cleanup);
}
