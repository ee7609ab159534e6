/* Compaction: many small files in a row become one, so that a station with little traffic does not end up with a file for each
 * upload_interval.
 *
 *   1. a run of files of one day, whose offsets follow each other, each small, FILES_MIN of them at least
 *   2. their rows, in order, into one file of the spool; ledger, put                    tier.after_compacted
 *   3. a replace snapshot: the table has the same rows, in fewer files
 *
 * The former files stay for who reads an older snapshot, and go with it (maintain.c). If the table has changed meanwhile so that a
 * file of the run is not in it any more, the compaction is given up, and what it has put is dead. */
#include "tier/tier_internal.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/tune.h"

#include <inttypes.h>
#include <stdio.h>

#define FILES_MIN    16
#define FILES_MAX    128
#define SMALL_BYTES  ((uint64_t)2 << 20)
#define RUN_BYTES    ((uint64_t)32 << 20)
#define SCAN_BYTES   ((size_t)64 << 20)
#define ROWS_AT_ONCE 4096

struct run {
    struct arena arena;
    struct iceberg_data_file removed[FILES_MAX];
    struct iceberg_file files[FILES_MAX]; /* paths in the arena */
    size_t count;
    uint64_t rows;
    struct spool spool;
    char uuid[LAKE_UUID_BYTES];
    char *key;
    struct iceberg_data_file added;
    struct iceberg_property summary[2];
    struct arena attempt; /* of one */
};

/* ---- The run --------------------------------------------------------------------------------------------- */

static bool continues(const struct run *run, const struct iceberg_file *file, uint64_t bytes)
{
    const struct iceberg_file *last = &run->files[run->count - 1];
    return run->count < FILES_MAX && file->first == last->last + 1 && file->has_day &&
           file->day == last->day && bytes + file->size_bytes <= RUN_BYTES;
}

/* Files with a hole in them are left alone: what is missing was removed by somebody. So are those that others have written: their rows
 * may be in any order. */
static bool is_small(const struct iceberg_file *file)
{
    uint64_t first;
    return data_key_is_ours(file->path, &first) && file->size_bytes < SMALL_BYTES && file->has_day &&
           file->record_count == file->last - file->first + 1;
}

/* Under table_lock. */
static bool find_run(struct tier *tier, struct run *run)
{
    struct iceberg_file file;
    size_t files_min = (size_t)TUNED("tier.compact_files", FILES_MIN);
    uint64_t bytes = 0;
    for (size_t n = 0; tier->index != NULL && iceberg_index_at(tier->index, n, &file); n++) {
        if (run->count > 0 && is_small(&file) && continues(run, &file, bytes)) {
            run->files[run->count] = file;
        } else if (run->count >= files_min) {
            break;
        } else {
            run->count = 0;
            bytes = 0;
            if (!is_small(&file))
                continue;
            run->files[0] = file;
        }
        run->files[run->count++].path = arena_str(&run->arena, file.path);
        bytes += file.size_bytes;
    }
    return run->count >= files_min;
}

static void list_removed(struct run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        const struct iceberg_file *file = &run->files[i];
        uint8_t bound[2][8];
        struct iceberg_column *offset = arena_zalloc(&run->arena, sizeof(*offset));
        iceberg_bound_long((int64_t)file->first, bound[0]);
        iceberg_bound_long((int64_t)file->last, bound[1]);
        *offset = (struct iceberg_column){
            .field_id = MESSAGE_OFFSET,
            .size_bytes = ICEBERG_NONE,
            .value_count = ICEBERG_NONE,
            .null_count = ICEBERG_NONE,
            .nan_count = ICEBERG_NONE,
            .lower = arena_str(&run->arena, str_make(bound[0], 8)),
            .upper = arena_str(&run->arena, str_make(bound[1], 8)),
        };
        run->removed[i] = (struct iceberg_data_file){
            .path = file->path,
            .format = STR("PARQUET"),
            .record_count = (int64_t)file->record_count,
            .size_bytes = (int64_t)file->size_bytes,
            .partition = {{.kind = ICEBERG_INT, .number = file->day}},
            .partition_count = 1,
            .columns = offset,
            .column_count = 1,
            .sort_order_id = ICEBERG_NONE,
        };
        run->rows += file->record_count;
    }
}

/* ---- Its rows -------------------------------------------------------------------------------------------- */

struct copying {
    struct tier *tier;
    struct spooler *spooler;
    uint64_t next;
};

static bool copy_rows(struct copying *copying, const struct columns *columns, struct parquet_scan *scan,
                      struct error *err)
{
    const struct parquet_vector *vectors;
    struct arena memory = {0};
    size_t got = 1;
    bool ok = true;
    while (ok && got > 0) {
        ok = parquet_scan_next(scan, ROWS_AT_ONCE, &vectors, &got, err);
        for (size_t i = 0; ok && i < got; i++) {
            struct tier_row row;
            arena_reset(&memory);
            ok = row_take(columns, vectors, i, &memory, &row, err);
            if (ok && row.offset != copying->next)
                ok = error_set(err, ERR_CORRUPT, "offset %" PRIu64 " where %" PRIu64 " is expected",
                               row.offset, copying->next);
            ok = ok && spooler_add_row(copying->spooler, &row, 0, err);
            copying->next++;
        }
    }
    arena_free(&memory);
    return ok;
}

static bool copy_file(struct copying *copying, struct reach *reach, const struct iceberg_file *from,
                      struct error *err)
{
    struct columns columns;
    struct footer *footer = footer_get(copying->tier, reach, from, false, err);
    if (footer == NULL)
        return false;
    const struct parquet_file *file = footer->file;
    struct parquet_scan *scan = parquet_scan_open(SCAN_BYTES);
    bool ok = columns_find(file, &columns, err);
    for (size_t group = 0; ok && group < file->group_count; group++) {
        struct buf bytes = {0};
        const struct parquet_selection selection = {.group = group};
        ok = fetch_range(copying->tier, reach, footer, file->groups[group].offset, file->groups[group].bytes,
                         &bytes, err);
        const struct parquet_extent extent = {file->groups[group].offset, buf_str(&bytes)};
        ok = ok && parquet_scan_start(scan, file, &selection, &extent, 1, err) &&
             copy_rows(copying, &columns, scan, err);
        buf_free(&bytes);
    }
    parquet_scan_close(scan);
    footer_unref(footer);
    return ok || error_wrap(err, "%.*s", STR_ARG(from->path));
}

static bool write_file(struct tier *tier, struct reach *reach, struct run *run, struct error *err)
{
    struct buf key = {0};
    struct copying copying = {.tier = tier, .spooler = spooler_open(tier, err), .next = run->files[0].first};
    bool ok = copying.spooler != NULL;
    for (size_t i = 0; ok && i < run->count; i++)
        ok = !tier_is_stopping(tier) && copy_file(&copying, reach, &run->files[i], err);
    ok = ok && spooler_finish(copying.spooler, &run->spool, err);
    spooler_close(copying.spooler);
    if (!ok)
        return false;
    lake_uuid(run->uuid);
    data_key(tier, &run->spool, run->uuid, &key);
    run->key = str_dup(buf_str(&key));
    buf_free(&key);
    const struct str keys[] = {str_of(run->key)};
    if (!ledger_intend(&tier->ledger, run->uuid, keys, 1, err))
        return false;
    struct error refused = {0};
    ok = reach_put_file(reach, keys[0], run->spool.fd, run->spool.bytes, OBJECT_IF_NONE, &refused) ||
         refused.code == ERR_EXISTS;
    if (!ok && err != NULL)
        *err = refused;
    FAULT_POINT("tier.after_compacted");
    return ok;
}

/* ---- The commit ------------------------------------------------------------------------------------------ */

/* Under table_lock. */
static bool has_all(struct tier *tier, const struct run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        const struct iceberg_file *wanted = &run->files[i];
        struct iceberg_file file;
        bool there = false;
        for (size_t at = 0;
             !there && iceberg_index_within(tier->index, wanted->first, wanted->first + 1, &at, &file);)
            there = str_equal(file.path, wanted->path);
        if (!there)
            return false;
    }
    return true;
}

static bool prepare(struct tier *tier, struct iceberg_change *change, void *arg, struct error *err)
{
    struct run *run = arg;
    if (change->attempt > 0 && str_is(iceberg_property(tier->table, ICEBERG_COMMIT_UUID), run->uuid))
        return error_set(err, ERR_EXISTS, "it is there");
    pthread_mutex_lock(&tier->table_lock);
    bool there = has_all(tier, run);
    pthread_mutex_unlock(&tier->table_lock);
    if (!there)
        return error_set(err, ERR_BUSY, "files to be compacted are not in the table any more");
    arena_reset(&run->attempt);
    run->added = run->spool.file;
    run->added.path =
        str_of(arena_printf(&run->attempt, "%.*s/%s", STR_ARG(tier->table->location), run->key));
    run->summary[0] = (struct iceberg_property){
        PROPERTY_COMMITTED,
        str_of(arena_printf(&run->attempt, "%" PRId64, (int64_t)table_next(tier->table) - 1))};
    run->summary[1] = (struct iceberg_property){
        PROPERTY_EPOCH, str_of(arena_printf(&run->attempt, "%" PRIu64, tier->own_epoch))};
    change->summary = run->summary;
    change->summary_count = 2;
    change->added = &run->added;
    change->added_count = 1;
    change->removed = run->removed;
    change->removed_count = run->count;
    return true;
}

/* One run. *more: there was one. */
static bool compact_run(struct tier *tier, struct reach *reach, struct run *run, bool *more,
                        struct error *err)
{
    pthread_mutex_lock(&tier->table_lock);
    *more = find_run(tier, run);
    pthread_mutex_unlock(&tier->table_lock);
    if (!*more)
        return true;
    list_removed(run);
    if (!write_file(tier, reach, run, err))
        return false;
    struct iceberg_change change = {.operation = ICEBERG_REPLACE, .uuid = str_of(run->uuid)};
    if (!commit_change(tier, reach, &change, prepare, run, err))
        return false;
    LOG_INFO("small files of the second tier compacted", LOG_TEXT("station", tier->station),
             LOG_UINT("files", run->count), LOG_UINT("rows", run->rows));
    return true;
}

bool compact(struct tier *tier, struct reach *reach, struct error *err)
{
    bool ok = true, more = true;
    while (ok && more && !tier_is_stopping(tier)) {
        struct run *run = mem_zalloc(sizeof(*run));
        run->spool.fd = -1;
        ok = compact_run(tier, reach, run, &more, err);
        if (!ok && run->key != NULL && err->code != ERR_UNKNOWN && err->code != ERR_CLOSED)
            ledger_abandon(&tier->ledger, run->uuid, tier_dead_ms(), NULL);
        if (!ok && run->key != NULL && err->code == ERR_UNKNOWN) { /* of the put or of the commit */
            tier->doubts = true;
            tier->doubt_version = tier->table_version + 1;
        }
        if (!ok && err->code == ERR_BUSY) { /* somebody else has compacted them */
            ok = true;
            more = false;
        }
        spool_free(&run->spool);
        arena_free(&run->arena);
        arena_free(&run->attempt);
        mem_free(run->key);
        mem_free(run);
    }
    return ok;
}
