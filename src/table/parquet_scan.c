/* Rows of a selection.
 *
 * Each column has a *window*: a page that is decoded whole, values at their entries. A vector is a view of
 * the windows: the rows that all of them have in common from the scan's row on, max_rows at most. A column
 * whose window is used up loads the next page; one that has the page index begins at the page with the first
 * row, one that has not passes over pages by the number of their rows.
 *
 *     offset   │ page ······ │ page ······ │
 *     payload  │ page · │ page · │ page ·· │
 *     vectors  └────────┴────┴───┴─────────┘
 *
 * Where a list may go on from page to page (first version, no page index), the window is the whole chunk. */
#include "table/parquet_read_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>

#define LIMIT_BYTES ((size_t)64 << 20)
#define PADDING     16 /* behind what is taken: nothing is ever NULL */

/* ---- Memory -------------------------------------------------------------------------------------------- */

bool pq_room_take(struct parquet_scan *scan, struct pq_room *room, size_t count, size_t bytes,
                  struct error *err)
{
    size_t need;
    if (__builtin_mul_overflow(count, bytes, &need) || need > scan->limit_bytes)
        need = scan->limit_bytes + 1;
    need += PADDING;
    if (need <= room->bytes)
        return true;
    if (need - room->bytes > scan->limit_bytes - scan->used_bytes) {
        error_set(err, ERR_TOO_LARGE, "a page takes more memory than %zu bytes in all", scan->limit_bytes);
        return error_hint(err, "raise the limit of the reader, or write smaller pages");
    }
    void *data = mem_try_realloc(room->data, need);
    if (data == NULL)
        return error_set(err, ERR_NO_MEMORY, "no memory for a page of %zu bytes", need);
    scan->used_bytes += need - room->bytes;
    *room = (struct pq_room){data, need};
    return true;
}

void pq_room_free(struct parquet_scan *scan, struct pq_room *room)
{
    scan->used_bytes -= room->bytes;
    mem_free(room->data);
    *room = (struct pq_room){0};
}

struct parquet_scan *parquet_scan_open(size_t limit_bytes)
{
    struct parquet_scan *scan = mem_zalloc(sizeof *scan);
    scan->limit_bytes = limit_bytes != 0 ? limit_bytes : LIMIT_BYTES;
    scan->decompressor = pq_decompressor_new();
    return scan;
}

static void free_column(struct parquet_scan *scan, struct pq_scan_column *column)
{
    struct pq_room *rooms[] = {&column->dictionary.page,   &column->dictionary.values,
                               &column->window.page,       &column->window.values,
                               &column->window.nulls,      &column->window.offsets,
                               &column->window.null_lists, &column->slice_offsets};
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++)
        pq_room_free(scan, rooms[i]);
    pq_window_drop(scan, &column->window);
}

void parquet_scan_close(struct parquet_scan *scan)
{
    if (scan == NULL)
        return;
    for (size_t i = 0; i < scan->column_count; i++)
        free_column(scan, &scan->columns[i]);
    struct pq_room *rooms[] = {&scan->defs, &scan->reps, &scan->numbers};
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++)
        pq_room_free(scan, rooms[i]);
    assert(scan->used_bytes == 0);
    mem_free(scan->columns);
    mem_free(scan->vectors);
    pq_decompressor_free(scan->decompressor);
    mem_free(scan);
}

size_t parquet_scan_memory(const struct parquet_scan *scan)
{
    return scan->used_bytes;
}

/* ---- Beginning ----------------------------------------------------------------------------------------- */

static bool missing(const struct pq_scan_column *column, struct error *err)
{
    return error_set(err, ERR_INVALID, "column %.*s: bytes of the selection have not been given",
                     STR_ARG(column->face->path));
}

static bool begin_indexed(struct parquet_scan *scan, struct pq_scan_column *column, struct error *err)
{
    const struct pq_page_place *pages = column->more->pages;
    uint64_t dictionary_bytes = pages[0].offset - column->chunk->offset;
    struct str bytes;
    struct pq_page_head head = {0};
    if (dictionary_bytes != 0) {
        if (!pq_find(scan->extents, scan->extent_count, column->chunk->offset, dictionary_bytes, &bytes))
            return missing(column, err);
        if (!pq_page_head_read(&bytes, &head, err))
            return error_wrap(err, "column %.*s", STR_ARG(column->face->path));
        if (head.kind == PQ_DICTIONARY_PAGE && !pq_dictionary_read(scan, column, &head, err))
            return false;
    }
    while (column->next_page + 1 < column->more->page_count &&
           pages[column->next_page + 1].first_row <= scan->row)
        column->next_page++;
    return true;
}

static bool begin_column(struct parquet_scan *scan, size_t index, struct error *err)
{
    struct pq_scan_column *column = &scan->columns[index];
    column->face = &scan->file->columns[index];
    column->leaf = &pq_file_of(scan->file)->leaves[index];
    column->chunk = &scan->file->groups[scan->group].chunks[index];
    column->more = pq_chunk_of(scan->file, scan->group, index);
    column->next_page = 0;
    column->next_row = 0;
    column->row_entry = 0;
    column->dictionary.there = false;
    column->window.first_row = column->window.rows = 0;
    if (!column->face->readable)
        return error_set(err, ERR_UNSUPPORTED, "column %.*s has a type that cannot be read",
                         STR_ARG(column->face->path));
    if (!column->more->codec_known)
        return error_set(err, ERR_UNSUPPORTED, "column %.*s is compressed in a way that is not known",
                         STR_ARG(column->face->path));
    if (column->more->page_count != 0)
        return begin_indexed(scan, column, err);
    column->left_entries = column->chunk->value_count;
    return pq_find(scan->extents, scan->extent_count, column->chunk->offset, column->chunk->bytes,
                   &column->left) ||
           missing(column, err);
}

/* As many columns as the widest file has had. */
static void widen(struct parquet_scan *scan, size_t count)
{
    if (count <= scan->column_count)
        return;
    scan->columns = mem_realloc(scan->columns, count * sizeof *scan->columns);
    scan->vectors = mem_realloc(scan->vectors, count * sizeof *scan->vectors);
    size_t more = count - scan->column_count;
    memset(scan->columns + scan->column_count, 0, more * sizeof *scan->columns);
    scan->column_count = count;
}

bool parquet_scan_start(struct parquet_scan *scan, const struct parquet_file *file,
                        const struct parquet_selection *selection, const struct parquet_extent *extents,
                        size_t extent_count, struct error *err)
{
    scan->row = scan->end_row = 0;
    if (selection->group >= file->group_count)
        return error_set(err, ERR_INVALID, "the file has no row group %zu", selection->group);
    uint64_t rows = file->groups[selection->group].rows;
    if (selection->first_row > rows || selection->rows > rows - selection->first_row)
        return error_set(err, ERR_INVALID, "row group %zu has %" PRIu64 " rows", selection->group, rows);
    widen(scan, file->column_count);
    scan->file = file;
    scan->extents = extents;
    scan->extent_count = extent_count;
    scan->group = selection->group;
    scan->row = selection->first_row;
    scan->end_row = selection->rows != 0 ? selection->first_row + selection->rows : rows;
    for (size_t i = 0; i < file->column_count; i++) {
        struct pq_scan_column *column = &scan->columns[i];
        column->selected = selection->columns != NULL ? selection->columns[i] : file->columns[i].readable;
        if (column->selected && scan->row < scan->end_row && !begin_column(scan, i, err)) {
            scan->row = scan->end_row;
            return false;
        }
    }
    return true;
}

/* ---- Windows ------------------------------------------------------------------------------------------- */

static bool fits(struct pq_scan_column *column, uint64_t rows, struct error *err)
{
    return column->window.rows == rows ||
           pq_corrupt(column, err, "a page does not have the rows that the index says");
}

static bool load_indexed(struct parquet_scan *scan, struct pq_scan_column *column, struct error *err)
{
    const struct pq_chunk *chunk = column->more;
    if (column->next_page == chunk->page_count)
        return pq_corrupt(column, err, "pages end before the row group");
    const struct pq_page_place *place = &chunk->pages[column->next_page++];
    uint64_t end = column->next_page < chunk->page_count ? chunk->pages[column->next_page].first_row
                                                         : scan->file->groups[scan->group].rows;
    struct str bytes;
    struct pq_page_head head = {0};
    if (!pq_find(scan->extents, scan->extent_count, place->offset, place->bytes, &bytes))
        return missing(column, err);
    if (!pq_page_head_read(&bytes, &head, err))
        return error_wrap(err, "column %.*s", STR_ARG(column->face->path));
    if (head.kind != PQ_DATA_PAGE && head.kind != PQ_DATA_PAGE_V2)
        return pq_corrupt(column, err, "the index names a page that holds no values");
    return pq_window_begin(scan, column, place->first_row, head.entries, head.raw_bytes, err) &&
           pq_window_add(scan, column, &head, err) && fits(column, end - place->first_row, err);
}

/* The next data page of the chunk; a dictionary on the way is read, what is not known passed over. */
static bool next_data_page(struct parquet_scan *scan, struct pq_scan_column *column,
                           struct pq_page_head *head, struct error *err)
{
    for (;;) {
        if (column->left.len == 0)
            return pq_corrupt(column, err, "pages end before the row group");
        if (!pq_page_head_read(&column->left, head, err))
            return error_wrap(err, "column %.*s", STR_ARG(column->face->path));
        if (head->kind == PQ_DATA_PAGE || head->kind == PQ_DATA_PAGE_V2)
            break;
        if (head->kind == PQ_DICTIONARY_PAGE && !pq_dictionary_read(scan, column, head, err))
            return false;
    }
    if (head->entries > column->left_entries)
        return pq_corrupt(column, err, "pages have more values than the chunk");
    column->left_entries -= head->entries;
    return true;
}

/* All pages of a chunk of lists, the first of which has been read. */
static bool load_chunk(struct parquet_scan *scan, struct pq_scan_column *column,
                       const struct pq_page_head *first, struct error *err)
{
    uint64_t raw_bytes = 0;
    struct pq_page_head head = *first;
    struct str left = column->left;
    uint64_t left_entries = column->left_entries;
    for (;;) { /* once to know how much room they take */
        raw_bytes += head.raw_bytes;
        if (column->left_entries == 0)
            break;
        if (!next_data_page(scan, column, &head, err))
            return false;
    }
    column->left = left;
    column->left_entries = left_entries;
    head = *first;
    if (!pq_window_begin(scan, column, 0, column->chunk->value_count, raw_bytes, err))
        return false;
    for (;;) {
        if (!pq_window_add(scan, column, &head, err))
            return false;
        if (column->left_entries == 0)
            return fits(column, scan->file->groups[scan->group].rows, err);
        if (!next_data_page(scan, column, &head, err))
            return false;
    }
}

static bool load_sequential(struct parquet_scan *scan, struct pq_scan_column *column, struct error *err)
{
    struct pq_page_head head = {0};
    if (!next_data_page(scan, column, &head, err))
        return false;
    uint64_t first_row = column->next_row;
    if (column->leaf->max_rep != 0 && head.rows < 0)
        return load_chunk(scan, column, &head, err);
    uint64_t rows = head.rows >= 0 ? (uint64_t)head.rows : head.entries;
    column->next_row += rows;
    if (column->next_row > scan->file->groups[scan->group].rows)
        return pq_corrupt(column, err, "pages have more rows than the row group");
    if (column->next_row <= scan->row) {
        column->window.first_row = first_row;
        column->window.rows = rows; /* passed over */
        return true;
    }
    return pq_window_begin(scan, column, first_row, head.entries, head.raw_bytes, err) &&
           pq_window_add(scan, column, &head, err) && fits(column, rows, err);
}

/* Makes the window hold the scan's row. */
static bool load(struct parquet_scan *scan, struct pq_scan_column *column, struct error *err)
{
    struct pq_window *window = &column->window;
    if (scan->row < window->first_row + window->rows)
        return true;
    do {
        bool ok = column->more->page_count != 0 ? load_indexed(scan, column, err)
                                                : load_sequential(scan, column, err);
        if (!ok)
            return false;
    } while (scan->row >= window->first_row + window->rows);
    uint64_t skipped = scan->row - window->first_row;
    column->row_entry =
        column->leaf->max_rep != 0 ? ((const uint32_t *)window->offsets.data)[skipped] : (size_t)skipped;
    return true;
}

/* ---- Vectors ------------------------------------------------------------------------------------------- */

/* In a list: offsets begin with 0 in each vector. */
static bool slice_lists(struct parquet_scan *scan, struct pq_scan_column *column,
                        struct parquet_vector *vector, size_t rows, struct error *err)
{
    struct pq_window *window = &column->window;
    size_t first = (size_t)(scan->row - window->first_row);
    const uint32_t *offsets = (const uint32_t *)window->offsets.data + first;
    vector->null_lists = window->any_null_list ? (const uint8_t *)window->null_lists.data + first : NULL;
    vector->count = offsets[rows] - offsets[0];
    if (offsets[0] == 0) {
        vector->offsets = offsets;
        return true;
    }
    if (!pq_room_take(scan, &column->slice_offsets, rows + 1, sizeof *offsets, err))
        return false;
    uint32_t *slice = column->slice_offsets.data;
    for (size_t i = 0; i <= rows; i++)
        slice[i] = offsets[i] - offsets[0];
    vector->offsets = slice;
    return true;
}

static bool slice(struct parquet_scan *scan, struct pq_scan_column *column, struct parquet_vector *vector,
                  size_t rows, struct error *err)
{
    struct pq_window *window = &column->window;
    size_t bytes = pq_value_bytes(column->face->type);
    if (bytes == 0)
        bytes = sizeof(struct str);
    *vector = (struct parquet_vector){.type = column->face->type, .rows = rows, .count = rows};
    if (column->leaf->max_rep != 0 && !slice_lists(scan, column, vector, rows, err))
        return false;
    if (window->any_value)
        vector->values = (const uint8_t *)window->values.data + column->row_entry * bytes;
    if (window->any_null && window->any_value)
        vector->nulls = (const uint8_t *)window->nulls.data + column->row_entry;
    column->row_entry += vector->count;
    return true;
}

bool parquet_scan_next(struct parquet_scan *scan, size_t max_rows, const struct parquet_vector **vectors,
                       size_t *rows, struct error *err)
{
    assert(max_rows != 0 && scan->file != NULL);
    uint64_t count = scan->end_row - scan->row;
    count = count < max_rows ? count : max_rows;
    *vectors = scan->vectors;
    for (size_t i = 0; i < scan->file->column_count && count != 0; i++) {
        struct pq_scan_column *column = &scan->columns[i];
        if (!column->selected)
            continue;
        if (!load(scan, column, err)) {
            scan->row = scan->end_row;
            return false;
        }
        uint64_t there = column->window.first_row + column->window.rows - scan->row;
        count = there < count ? there : count;
    }
    *rows = (size_t)count;
    for (size_t i = 0; i < scan->file->column_count; i++) {
        scan->vectors[i] = (struct parquet_vector){0};
        if (count != 0 && scan->columns[i].selected &&
            !slice(scan, &scan->columns[i], &scan->vectors[i], (size_t)count, err)) {
            scan->row = scan->end_row;
            return false;
        }
    }
    scan->row += count;
    return true;
}
