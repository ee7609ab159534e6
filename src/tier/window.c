/* Reading rows that are in no order: those of a window of offsets, out of all row groups of all files that may have some.
 *
 * Our own files follow each other, and so do their row groups. A compaction by another program may sort rows by another column, or
 * merge files that are not neighbours; then the bounds of files and row groups overlap, and each window takes as many GETs as there
 * are groups that may have rows of it. It is slow, and right: offsets are what the way back goes by, whatever the files are.
 *
 * Memory: the rows of a window, at most RUN_RAW_BYTES of them (else the window is made narrower), and one row group as it is in the
 * file; of a group that is large, the pages of some of its rows. */
#include "tier/fetch_internal.h"

#include "base/mem.h"

#include <inttypes.h>

#define PART_BYTES    (2u << 20) /* of rows, before compression, that are scanned at once */
#define PART_GAP      (64u << 10)
#define PART_RANGES   64
#define NARROWER      8
#define FILES_AT_ONCE 64

/* ---- A large group --------------------------------------------------------------------------------------- */

static bool scan_part(struct rows *rows, struct reach *reach, struct footer *footer,
                      const struct columns *columns, const struct parquet_selection *selection,
                      struct parquet_scan *scan, struct error *err)
{
    struct parquet_range ranges[PART_RANGES];
    struct parquet_extent extents[PART_RANGES];
    struct buf bytes[PART_RANGES] = {0};
    size_t count = parquet_plan(footer->file, selection, PART_GAP, ranges, PART_RANGES);
    bool ok = true;
    count = count < PART_RANGES ? count : PART_RANGES;
    for (size_t i = 0; ok && i < count; i++) {
        ok = fetch_range(rows->tier, reach, footer, ranges[i].offset, ranges[i].length, &bytes[i], err);
        extents[i] = (struct parquet_extent){ranges[i].offset, buf_str(&bytes[i])};
    }
    ok = ok && rows_scan(rows, footer->file, columns, selection, extents, count, scan, err);
    for (size_t i = 0; i < count; i++)
        buf_free(&bytes[i]);
    return ok;
}

bool window_scan_parts(struct rows *rows, struct reach *reach, struct footer *footer,
                       const struct columns *columns, struct parquet_selection *selection,
                       struct parquet_scan *scan, struct error *err)
{
    uint64_t all = footer->file->groups[selection->group].rows;
    uint64_t raw = group_raw_bytes(footer->file, selection->group);
    uint64_t rows_each = all * PART_BYTES / (raw > 0 ? raw : 1);
    rows_each = rows_each > 0 ? rows_each : 1;
    bool ok = true;
    while (ok && selection->first_row < all) {
        uint64_t left = all - selection->first_row;
        selection->rows = left < rows_each ? left : rows_each;
        ok = scan_part(rows, reach, footer, columns, selection, scan, err);
        selection->first_row += selection->rows;
    }
    return ok;
}

/* ---- A file ---------------------------------------------------------------------------------------------- */

static bool scan_group(struct rows *rows, struct reach *reach, struct footer *footer,
                       const struct columns *columns, size_t group, struct parquet_scan *scan,
                       struct error *err)
{
    const struct parquet_file *file = footer->file;
    struct parquet_selection selection = {.group = group};
    struct buf bytes = {0};
    if (group_raw_bytes(file, group) > 2 * RUN_RAW_BYTES)
        return window_scan_parts(rows, reach, footer, columns, &selection, scan, err);
    bool ok = fetch_range(rows->tier, reach, footer, file->groups[group].offset, file->groups[group].bytes,
                          &bytes, err);
    const struct parquet_extent extent = {file->groups[group].offset, buf_str(&bytes)};
    ok = ok && rows_scan(rows, file, columns, &selection, &extent, 1, scan, err);
    buf_free(&bytes);
    return ok;
}

static bool scan_file(struct rows *rows, struct reach *reach, const struct iceberg_file *wanted,
                      struct parquet_scan *scan, struct error *err)
{
    struct columns columns;
    struct footer *footer = footer_get(rows->tier, reach, wanted, false, err);
    if (footer == NULL)
        return false;
    bool ok = columns_find(footer->file, &columns, err);
    for (size_t group = 0; ok && group < footer->file->group_count; group++) {
        int64_t low, high;
        if (group_bounds(footer->file, &columns, group, &low, &high) &&
            (high < (int64_t)rows->from || low >= (int64_t)rows->to))
            continue;
        ok = scan_group(rows, reach, footer, &columns, group, scan, err) ||
             error_wrap(err, "%.*s, row group %zu", STR_ARG(wanted->path), group);
    }
    footer_unref(footer);
    return ok;
}

/* ---- The window ------------------------------------------------------------------------------------------ */

/* The next files of the window, their paths owned; *at as in iceberg_index_within(). */
static size_t take_files(struct tier *tier, const struct rows *rows, uint64_t generation, size_t *at,
                         struct iceberg_file *out, bool *changed)
{
    struct iceberg_file file;
    size_t count = 0;
    pthread_mutex_lock(&tier->table_lock);
    *changed = tier->generation != generation || tier->index == NULL;
    while (!*changed && count < FILES_AT_ONCE &&
           iceberg_index_within(tier->index, rows->from, rows->to, at, &file)) {
        out[count++] = (struct iceberg_file){.path = str_of(str_dup(file.path)),
                                             .size_bytes = file.size_bytes,
                                             .record_count = file.record_count};
    }
    pthread_mutex_unlock(&tier->table_lock);
    return count;
}

/* ERR_NOT_FOUND: the table has changed meanwhile, and is to be asked again. */
static bool scan_files(struct tier *tier, struct reach *reach, struct rows *rows, struct error *err)
{
    struct iceberg_file files[FILES_AT_ONCE];
    struct parquet_scan *scan = parquet_scan_open(SCAN_BYTES);
    size_t at = 0, count = FILES_AT_ONCE;
    bool ok = true, changed;
    pthread_mutex_lock(&tier->table_lock);
    uint64_t generation = tier->generation;
    pthread_mutex_unlock(&tier->table_lock);
    while (ok && count == FILES_AT_ONCE) {
        count = take_files(tier, rows, generation, &at, files, &changed);
        ok = !changed || error_set(err, ERR_NOT_FOUND, "the table has changed meanwhile");
        for (size_t i = 0; i < count; i++) {
            ok = ok && scan_file(rows, reach, &files[i], scan, err);
            mem_free((void *)(uintptr_t)files[i].path.data);
        }
    }
    parquet_scan_close(scan);
    return ok;
}

bool window_bring(struct tier *tier, struct reach *reach, uint64_t offset, struct log_chunk **wanted,
                  uint64_t *end, struct error *err)
{
    uint64_t width = WINDOW_OFFSETS;
    bool ok, again;
    do {
        struct rows rows = {.tier = tier,
                            .sorted = true,
                            .from = offset,
                            .to = offset + width,
                            .most_bytes = width > 1 ? RUN_RAW_BYTES : 0};
        ok = scan_files(tier, reach, &rows, err);
        again = !ok && rows.over;
        if (ok)
            rows_chunks(&rows, offset, false, wanted);
        rows_free(&rows);
        *end = offset + width;
        width = width > NARROWER ? width / NARROWER : 1;
    } while (again);
    return ok;
}
