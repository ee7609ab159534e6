/* The way back: rows of the table as chunks of the log.
 *
 *   1. the index says which file holds the offset, its footer which row group
 *   2. one GET brings the row group; for a reader who goes on in sequence, those behind it too: a *range* of at most
 *      RANGE_BYTES_MOST, or a whole file that is not larger, footer and all. It waits in memory (ranges.c)
 *   3. row groups of it become records again, about AHEAD_RAW_BYTES at once: a *run*; records become chunks; all of them go to
 *      the cache in memory
 *   4. the first use of the first of them brings the next run, in the background: who reads in sequence finds it there
 *
 * Many who ask for the same: the first one is a *flight*, the others are parked with it and asked again when it is over;
 * then what they want is in memory.
 *
 * A data file that is gone was replaced by somebody's compaction: the table is loaded anew and asked again. Files that
 * were compacted by others may overlap, or have their rows in another order: then window.c finds the rows of a window of
 * offsets. A row group that is large is read in parts, by its page index.
 *
 * Memory: a range as it is in the file, one row group's rows, and the chunks made of a run. */
#include "tier/fetch_internal.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#define LOOKS_BY_TIME 1000
#define OPENING       SIZE_MAX /* the group of a flight that brings a footer */
#define STEPS_BACK    64 /* row groups before one that are looked at for a range on disk that holds it */

/* ---- Ranges ---------------------------------------------------------------------------------------------- */

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

bool fetch_range(struct tier *tier, struct reach *reach, struct footer *footer, uint64_t offset,
                 uint64_t bytes, struct buf *out, struct error *err)
{
    struct str key, path = str_of(footer->path);
    if (footer->whole.len > 0) {
        buf_append(out, footer->whole.data + offset, bytes);
        return true;
    }
    if (restored_read(tier, footer->path, offset, bytes, out) ||
        cache_load(tier->all->cache, path, offset, bytes, out)) {
        count(&tier->figures.cache_hits);
        return true;
    }
    count(&tier->figures.cache_misses);
    pthread_mutex_lock(&tier->table_lock);
    bool below = tier->table != NULL && iceberg_key(tier->table, path, &key);
    pthread_mutex_unlock(&tier->table_lock);
    if (!below)
        return error_set(err, ERR_UNSUPPORTED, "%s is not below the table", footer->path);
    const struct object_range range = {.offset = offset, .length = bytes};
    if (!reach_get(reach, key, &range, out, NULL, err))
        return error_wrap(err, "%s", footer->path);
    if (out->len != bytes)
        return error_set(err, ERR_CORRUPT, "%s: %zu bytes came, %" PRIu64 " were asked for", footer->path,
                         out->len, bytes);
    cache_store(tier->all->cache, path, offset, buf_str(out));
    return true;
}

/* ---- Planning -------------------------------------------------------------------------------------------- */

static void place_free(struct place *place)
{
    footer_unref(place->footer);
    mem_free(place->path);
}

/* Under table_lock. */
static bool is_shared(struct tier *tier, uint64_t first, uint64_t last)
{
    struct iceberg_file file;
    size_t at = 0;
    bool any = iceberg_index_within(tier->index, first, last + 1, &at, &file);
    return any && iceberg_index_within(tier->index, first, last + 1, &at, &file); /* from `at` on */
}

/* Under table_lock. */
static bool take_file(struct tier *tier, struct place *place, const struct iceberg_file *file,
                      struct error *err)
{
    struct iceberg_file unbounded;
    if (iceberg_index_unbounded(tier->index, 0, &unbounded)) {
        error_set(err, ERR_UNSUPPORTED, "%.*s: the manifest does not tell which offsets are in it",
                  STR_ARG(unbounded.path));
        return error_hint(err, "somebody has rewritten it: rewrite it with metrics of the column offset");
    }
    if (file == NULL)
        return true;
    place->file = *file;
    place->path = str_dup(file->path);
    place->file.path = str_of(place->path);
    place->shared = is_shared(tier, file->first, file->last);
    return true;
}

/* place->path NULL: there is none at the offset or above. */
static bool find_file(struct tier *tier, const struct tier_fetch *fetch, uint64_t offset, struct place *place,
                      struct error *err)
{
    struct iceberg_file file;
    pthread_mutex_lock(&tier->table_lock);
    bool found =
        tier->index != NULL &&
        (fetch->by_time && offset == 0 ? iceberg_index_find_time(tier->index, fetch->time_ms * 1000, &file)
                                       : iceberg_index_find(tier->index, offset, &file));
    bool ok = tier->index == NULL || take_file(tier, place, found ? &file : NULL, err);
    pthread_mutex_unlock(&tier->table_lock);
    return ok;
}

static int64_t bound_of(struct str bytes)
{
    int64_t value = 0;
    uint64_t natural = 0;
    if (bytes.len != 8)
        return value;
    for (int i = 7; i >= 0; i--)
        natural = natural << 8 | (uint8_t)bytes.data[i];
    memcpy(&value, &natural, sizeof(value));
    return value;
}

bool group_bounds(const struct parquet_file *file, const struct columns *columns, size_t group, int64_t *low,
                  int64_t *high)
{
    const struct parquet_chunk *chunk = &file->groups[group].chunks[columns->of[MESSAGE_OFFSET]];
    *low = bound_of(chunk->bounds.lower);
    *high = bound_of(chunk->bounds.upper);
    return chunk->bounds.known;
}

static bool is_ordered(const struct place *place)
{
    int64_t before = INT64_MIN, low, high;
    for (size_t i = 0; i < place->footer->file->group_count; i++) {
        if (!group_bounds(place->footer->file, &place->columns, i, &low, &high) || low <= before)
            return false;
        before = high;
    }
    return true;
}

/* `all`: the rows of the whole file are wanted. */
static bool open_place(struct tier *tier, struct reach *reach, struct place *place, bool all,
                       struct error *err)
{
    place->footer = footer_get(tier, reach, &place->file, all, err);
    if (place->footer == NULL)
        return false;
    if (!columns_find(place->footer->file, &place->columns, err))
        return error_wrap(err, "%s", place->path);
    place->ordered = is_ordered(place);
    return true;
}

/* The first group that has the offset or more; group_count: none. */
static size_t group_of(const struct place *place, uint64_t offset)
{
    int64_t low, high;
    size_t group = 0;
    while (
        group < place->footer->file->group_count &&
        (!group_bounds(place->footer->file, &place->columns, group, &low, &high) || high < (int64_t)offset))
        group++;
    return group;
}

uint64_t group_raw_bytes(const struct parquet_file *file, size_t group)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < file->column_count; i++)
        sum += file->groups[group].chunks[i].raw_bytes;
    return sum;
}

/* ---- Bringing -------------------------------------------------------------------------------------------- */

static uint64_t group_end(const struct parquet_file *file, size_t group)
{
    return file->groups[group].offset + file->groups[group].bytes;
}

/* The end of the groups from `first` on that one GET brings. */
static size_t range_end(const struct parquet_file *file, size_t first, uint64_t most)
{
    size_t end = first + 1;
    while (end < file->group_count && group_end(file, end) - file->groups[first].offset <= most)
        end++;
    return end;
}

/* A range on disk that holds the group may begin with a former one. */
static bool find_on_disk(struct tier *tier, const struct footer *footer, size_t group, size_t *first,
                         size_t *end)
{
    const struct parquet_file *file = footer->file;
    for (size_t back = 0; back < STEPS_BACK && back <= group; back++) {
        uint64_t start = file->groups[group - back].offset;
        uint64_t bytes = cache_holds(tier->all->cache, str_of(footer->path), start);
        if (start + bytes < group_end(file, group))
            continue;
        *first = group - back;
        *end = group + 1;
        while (*end < file->group_count && group_end(file, *end) <= start + bytes)
            (*end)++;
        return true;
    }
    return false;
}

/* The bytes of the group, and in sequence of those behind it. Returns a reference. */
static struct range *range_of(struct tier *tier, struct reach *reach, struct footer *footer, size_t group,
                              bool sequential, struct error *err)
{
    const struct parquet_file *file = footer->file;
    struct ranges *ranges = tier->all->ranges;
    struct range *range = ranges_find(ranges, footer, file->groups[group].offset, file->groups[group].bytes);
    if (range != NULL)
        return range;
    size_t first = group, end = group + 1;
    bool on_disk = footer->whole.len == 0 && find_on_disk(tier, footer, group, &first, &end);
    if (!on_disk && sequential)
        end = range_end(file, group, ranges_most(ranges));
    uint64_t start = file->groups[first].offset;
    range = range_new(footer, start);
    if (!fetch_range(tier, reach, footer, start, group_end(file, end - 1) - start, &range->bytes, err)) {
        range_unref(range);
        return NULL;
    }
    if (end - first > 1 && footer->whole.len == 0)
        ranges_keep(ranges, range);
    return range;
}

/* The end of the run that begins with the group, in a range that ends at `limit`. */
static size_t run_end(const struct parquet_file *file, size_t first, uint64_t limit, bool sequential)
{
    uint64_t raw = group_raw_bytes(file, first);
    size_t end = first + 1;
    while (sequential && end < file->group_count && group_end(file, end) <= limit && raw < AHEAD_RAW_BYTES &&
           raw + group_raw_bytes(file, end) <= RUN_RAW_BYTES) {
        raw += group_raw_bytes(file, end);
        end++;
    }
    return end;
}

/* Where the next run begins; 0: nothing is read ahead. */
static uint64_t ahead_of(const struct place *place, size_t end)
{
    int64_t low, high;
    return group_bounds(place->footer->file, &place->columns, end - 1, &low, &high) ? (uint64_t)high + 1 : 0;
}

/* The group and, in sequence, those behind it. */
static bool bring_run(struct tier *tier, struct reach *reach, const struct place *place, size_t first,
                      uint64_t offset, bool sequential, struct log_chunk **wanted, struct error *err)
{
    const struct parquet_file *file = place->footer->file;
    struct range *range = range_of(tier, reach, place->footer, first, sequential, err);
    if (range == NULL)
        return false;
    size_t end = run_end(file, first, range->offset + range->bytes.len, sequential);
    struct parquet_scan *scan = parquet_scan_open(SCAN_BYTES);
    const struct parquet_extent extent = {range->offset, buf_str(&range->bytes)};
    bool ok = true;
    for (size_t group = first; ok && group < end; group++) {
        struct rows rows = {.tier = tier, .sorted = true, .to = UINT64_MAX};
        const struct parquet_selection selection = {.group = group};
        ok = rows_scan(&rows, file, &place->columns, &selection, &extent, 1, scan, err) ||
             error_wrap(err, "%s, row group %zu", place->path, group);
        if (ok)
            rows_chunks(&rows, offset, sequential && group == first ? ahead_of(place, end) : 0, wanted);
        rows_free(&rows);
    }
    parquet_scan_close(scan);
    if (sequential && (end == file->group_count || group_end(file, end) > range->offset + range->bytes.len))
        ranges_drop(tier->all->ranges, range);
    range_unref(range);
    return ok;
}

/* Rows are in the order of offsets, or in none: then those of a window are brought. */
static bool bring_window(struct tier *tier, struct reach *reach, uint64_t offset, struct log_chunk **wanted,
                         struct error *err)
{
    uint64_t end;
    return window_bring(tier, reach, offset, wanted, &end, err);
}

/* A part of a large group, from the page that holds the offset on. */
static bool bring_part(struct tier *tier, struct reach *reach, const struct place *place, size_t group,
                       uint64_t offset, struct log_chunk **wanted, struct error *err)
{
    const struct parquet_file *file = place->footer->file;
    size_t column = place->columns.of[MESSAGE_OFFSET];
    struct parquet_place at;
    if (!parquet_group_ascends(file, group, column))
        return bring_window(tier, reach, offset, wanted, err);
    if (!parquet_seek(file, column, (int64_t)offset, &at, err))
        return false;
    if (at.group != group)
        at = (struct parquet_place){.group = group};
    struct parquet_selection selection = {.group = group, .first_row = at.row};
    struct rows rows = {
        .tier = tier, .sorted = true, .from = offset, .to = UINT64_MAX, .most_bytes = CHUNK_RAW_BYTES};
    struct parquet_scan *scan = parquet_scan_open(SCAN_BYTES);
    struct error failure = {0};
    bool ok = window_scan_parts(&rows, reach, place->footer, &place->columns, &selection, scan, &failure) ||
              rows.over;
    if (!ok && err != NULL)
        *err = failure;
    bool sorted = rows.sorted;
    if (ok && sorted)
        rows_chunks(&rows, offset, rows.count > 0 ? rows.all[rows.count - 1].offset + 1 : 0, wanted);
    parquet_scan_close(scan);
    rows_free(&rows);
    if (ok && !sorted)
        return bring_window(tier, reach, offset, wanted, err);
    return ok || error_wrap(err, "%s, row group %zu", place->path, group);
}

static bool bring_group(struct tier *tier, struct reach *reach, struct place *place, size_t group,
                        uint64_t offset, bool sequential, struct log_chunk **wanted, struct error *err)
{
    if (group_raw_bytes(place->footer->file, group) > 2 * RUN_RAW_BYTES)
        return bring_part(tier, reach, place, group, offset, wanted, err);
    return bring_run(tier, reach, place, group, offset, sequential, wanted, err);
}

/* The chunk with the offset, or the first one behind it in the file; NULL: the file has none. With `parked` (may be NULL) set the
 * fetch waits for somebody who brings the same. */
static bool bring(struct tier *tier, struct reach *reach, struct place *place, uint64_t offset,
                  struct tier_fetch *fetch, bool *parked, struct log_chunk **wanted, struct error *err)
{
    *wanted = NULL;
    bool sequential = fetch->sequential;
    if (!place->ordered)
        return bring_window(tier, reach, offset, wanted, err);
    size_t group = group_of(place, offset);
    if (group == place->footer->file->group_count)
        return true;
    struct flight flight = {.tier = tier, .hash = place->footer->hash, .group = group};
    if (parked == NULL)
        return bring_group(tier, reach, place, group, offset, sequential, wanted, err);
    *parked = !flight_begin(&flight, fetch);
    if (*parked)
        return true;
    bool ok = bring_group(tier, reach, place, group, offset, sequential, wanted, err);
    flight_end(&flight);
    return ok;
}

/* ---- By offset, by time ---------------------------------------------------------------------------------- */

static uint64_t end_of(struct tier *tier)
{
    struct tier_bounds bounds;
    tier_bounds(tier, &bounds);
    return bounds.next;
}

/* open_place(), once for all who come meanwhile: they find the footer, and the rows that may have come with it. */
static bool open_alone(struct tier *tier, struct reach *reach, struct tier_fetch *fetch, bool *parked,
                       struct place *place, bool all, struct error *err)
{
    struct flight flight = {
        .tier = tier, .hash = hash_bytes(place->path, strlen(place->path)), .group = OPENING};
    if (parked == NULL)
        return open_place(tier, reach, place, all, err);
    *parked = !flight_begin(&flight, fetch);
    if (*parked)
        return true;
    bool ok = open_place(tier, reach, place, all, err);
    flight_end(&flight);
    return ok;
}

static bool by_file(struct tier *tier, struct reach *reach, struct tier_fetch *fetch, bool *parked,
                    struct place *place, uint64_t offset, struct log_chunk **chunk, uint64_t *next,
                    struct error *err)
{
    *next = place->file.last + 1;
    if (place->shared)
        return window_bring(tier, reach, offset, chunk, next, err);
    bool all = fetch->sequential && offset == place->file.first;
    if (!open_alone(tier, reach, fetch, parked, place, all, err))
        return false;
    return (parked != NULL && *parked) || bring(tier, reach, place, offset, fetch, parked, chunk, err);
}

/* What is at the offset, or behind it. *next: where to go on if there is nothing. */
static bool by_place(struct tier *tier, struct reach *reach, struct tier_fetch *fetch, bool *parked,
                     uint64_t offset, struct log_chunk **chunk, uint64_t *next, struct error *err)
{
    struct place place = {0};
    *chunk = NULL;
    *next = end_of(tier);
    bool ok = find_file(tier, fetch, offset, &place, err);
    if (ok && place.path != NULL) {
        bool here = offset >= place.file.first;
        *next = place.file.first;
        if (here || fetch->by_time)
            ok = by_file(tier, reach, fetch, parked, &place, here ? offset : place.file.first, chunk, next,
                         err);
    }
    place_free(&place);
    if (parked != NULL && *parked)
        return true; /* the fetch is somebody else's */
    if (ok && *chunk != NULL && (*chunk)->first_offset > offset && !fetch->by_time) {
        *next = (*chunk)->first_offset; /* a hole in the file */
        log_chunk_unref(*chunk);
        *chunk = NULL;
    }
    return ok;
}

/* Where in the file that may have the time to begin: the first row of the group that does; of the file, if it is not `ordered`. */
static bool time_begins(struct tier *tier, struct reach *reach, const struct tier_fetch *fetch,
                        uint64_t *offset, bool *ordered, struct error *err)
{
    struct place place = {0};
    struct parquet_place at;
    int64_t low, high;
    *offset = UINT64_MAX;
    *ordered = true;
    bool ok = find_file(tier, fetch, 0, &place, err);
    if (ok && place.path != NULL) {
        *offset = place.file.first;
        ok = place.shared || open_place(tier, reach, &place, false, err);
        *ordered = !place.shared && place.ordered;
    }
    if (ok && place.path != NULL && *ordered) {
        ok = parquet_seek(place.footer->file, place.columns.of[MESSAGE_TIMESTAMP], fetch->time_ms * 1000, &at,
                          err);
        if (ok && at.group < place.footer->file->group_count &&
            group_bounds(place.footer->file, &place.columns, at.group, &low, &high))
            *offset = (uint64_t)low;
    }
    place_free(&place);
    return ok;
}

static bool scan_for_time(struct log_chunk *chunk, int64_t time_ms, uint64_t *offset)
{
    struct log_cursor cursor;
    struct log_record record;
    log_cursor_init(&cursor, chunk, chunk->first_offset);
    while (log_cursor_next(&cursor, &record)) {
        if (record.time_ms < time_ms)
            continue;
        *offset = record.offset;
        return true;
    }
    return false;
}

/* The chunk with the row at *offset, or the first one behind it: then *offset is that row's. NULL: there is none. */
static bool next_chunk(struct tier *tier, struct reach *reach, uint64_t *offset, struct log_chunk **chunk,
                       struct error *err)
{
    struct tier_fetch by_offset = {.sequential = false};
    *chunk = NULL;
    while (*chunk == NULL && *offset < end_of(tier)) {
        uint64_t next = UINT64_MAX, ahead;
        *chunk = cache_chunk(tier->all->cache, tier, *offset, &ahead);
        if (*chunk == NULL && !by_place(tier, reach, &by_offset, NULL, *offset, chunk, &next, err))
            return false;
        if (*chunk == NULL)
            *offset = next > *offset ? next : UINT64_MAX;
    }
    return true;
}

/* Rows are in no order in the files, so that no index tells where a time is: but times go up with offsets. Halves [*low, end)
 * until a window of it is left. */
static bool bisect(struct tier *tier, struct reach *reach, int64_t time_ms, uint64_t *low, struct error *err)
{
    uint64_t high = end_of(tier);
    while (high > *low && high - *low > WINDOW_OFFSETS) {
        uint64_t middle = *low + (high - *low) / 2, at = middle;
        struct log_chunk *chunk;
        struct log_cursor cursor;
        struct log_record record;
        if (!next_chunk(tier, reach, &at, &chunk, err))
            return false;
        bool before = false;
        if (chunk != NULL && at < high) {
            log_cursor_init(&cursor, chunk, at);
            before = log_cursor_next(&cursor, &record) && record.time_ms < time_ms;
        }
        log_chunk_unref(chunk);
        if (before)
            *low = middle + 1;
        else
            high = middle;
    }
    return true;
}

static bool by_time(struct tier *tier, struct reach *reach, struct tier_fetch *fetch, struct error *err)
{
    uint64_t offset;
    bool ordered;
    fetch->next = end_of(tier);
    if (!time_begins(tier, reach, fetch, &offset, &ordered, err) ||
        (!ordered && !bisect(tier, reach, fetch->time_ms, &offset, err)))
        return false;
    for (unsigned i = 0; i < LOOKS_BY_TIME; i++) {
        struct log_chunk *chunk;
        if (!next_chunk(tier, reach, &offset, &chunk, err))
            return false;
        if (chunk == NULL)
            return true;
        bool found = scan_for_time(chunk, fetch->time_ms, &fetch->next);
        offset = chunk->next_offset;
        log_chunk_unref(chunk);
        if (found)
            return true;
    }
    return true;
}

static void ahead_done(struct tier_fetch *fetch)
{
    log_chunk_unref(fetch->chunk);
    mem_free(fetch);
}

static bool run_once(struct tier *tier, struct reach *reach, struct tier_fetch *fetch, bool anew,
                     bool *parked, struct error *err)
{
    uint64_t ahead = 0;
    if (!table_load(tier, reach, anew, err))
        return false;
    if (fetch->by_time)
        return by_time(tier, reach, fetch, err);
    bool is_ahead = fetch->done == ahead_done; /* nobody has used what it brings */
    fetch->chunk = cache_chunk(tier->all->cache, tier, fetch->offset, is_ahead ? NULL : &ahead);
    if (fetch->chunk == NULL) {
        struct log_chunk *chunk;
        uint64_t next;
        bool ok = by_place(tier, reach, fetch, parked, fetch->offset, &chunk, &next, err);
        if (*parked)
            return true;
        fetch->chunk = chunk;
        fetch->next = next;
        if (!ok || chunk == NULL || is_ahead)
            return ok;
        log_chunk_unref(cache_chunk(tier->all->cache, tier, fetch->offset, &ahead));
    } else {
        fetch->next = fetch->chunk->next_offset;
    }
    fetch_ahead(tier, ahead);
    return true;
}

bool fetch_run(struct tier *tier, struct tier_fetch *fetch)
{
    struct reach reach;
    struct error err = {0};
    bool parked = false;
    bool ok = reach_take(tier, &reach, &err);
    if (ok) {
        ok = run_once(tier, &reach, fetch, false, &parked, &err);
        if (!ok && err.code == ERR_NOT_FOUND) /* compacted by somebody meanwhile */
            ok = run_once(tier, &reach, fetch, true, &parked, &err);
        reach_give_back(&reach);
    }
    if (parked)
        return false;
    fetch->ok = ok;
    fetch->err = err;
    if (!ok && err.code != ERR_CLOSED)
        count(&tier->figures.failures);
    return true;
}

/* ---- Ahead ----------------------------------------------------------------------------------------------- */

void fetch_ahead(struct tier *tier, uint64_t offset)
{
    if (offset == 0 || offset >= end_of(tier) || tier->all->options.manual)
        return;
    struct tier_fetch *fetch = mem_zalloc(sizeof(*fetch));
    fetch->offset = offset;
    fetch->sequential = true;
    fetch->done = ahead_done;
    tier_fetch_start(tier, fetch);
}
