/* The page index: which rows are in which page, and what is the largest value of each; seeking by it, and
 * what to fetch.
 *
 * An index that contradicts itself or the footer is an error; the file works without it. */
#include "table/parquet_read_internal.h"

#include "base/mem.h"

#include <stdlib.h>

/* ---- Reading the index --------------------------------------------------------------------------------- */

bool pq_find(const struct parquet_extent *extents, size_t count, uint64_t offset, uint64_t length,
             struct str *bytes)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t skip = offset - extents[i].offset;
        if (offset >= extents[i].offset && skip <= extents[i].bytes.len &&
            length <= extents[i].bytes.len - skip) {
            *bytes = str_make(extents[i].bytes.data + skip, (size_t)length);
            return true;
        }
    }
    return false;
}

void parquet_index_range(const struct parquet_file *file, uint64_t *offset, uint64_t *length)
{
    uint64_t start = UINT64_MAX, end = 0;
    const struct pq_chunk *chunks = pq_file_of(file)->chunks;
    for (size_t i = 0; i < file->group_count * file->column_count; i++) {
        const struct {
            uint64_t at;
            uint64_t bytes;
        } parts[] = {{chunks[i].offset_index_at, chunks[i].offset_index_bytes},
                     {chunks[i].column_index_at, chunks[i].column_index_bytes}};
        for (size_t k = 0; k < 2; k++) {
            if (parts[k].bytes == 0)
                continue;
            start = parts[k].at < start ? parts[k].at : start;
            end = parts[k].at + parts[k].bytes > end ? parts[k].at + parts[k].bytes : end;
        }
    }
    *offset = end != 0 ? start : 0;
    *length = end != 0 ? end - start : 0;
}

static void read_place(struct thrift_in *in, struct pq_page_place *place)
{
    struct thrift_field field = {0};
    while (thrift_next(in, &field)) {
        switch (field.id) {
        case 1: place->offset = (uint64_t)thrift_get_int(in, &field); break;
        case 2: place->bytes = (uint64_t)thrift_get_int(in, &field); break;
        case 3: place->first_row = (uint64_t)thrift_get_int(in, &field); break;
        default: thrift_skip(in, &field);
        }
    }
}

/* Pages follow each other in the chunk and in its rows. */
static bool places_fit(const struct pq_page_place *pages, size_t count, const struct parquet_chunk *chunk,
                       uint64_t rows)
{
    uint64_t at = chunk->offset, end = chunk->offset + chunk->bytes;
    for (size_t i = 0; i < count; i++) {
        if (pages[i].offset < at || pages[i].offset > end || pages[i].bytes > end - pages[i].offset ||
            pages[i].first_row >= rows ||
            (i == 0 ? pages[i].first_row != 0 : pages[i].first_row <= pages[i - 1].first_row))
            return false;
        at = pages[i].offset + pages[i].bytes;
    }
    return count != 0;
}

static bool bad_index(const struct parquet_file *file, size_t group, size_t column, struct error *err)
{
    return error_set(err, ERR_CORRUPT, "the page index of column %.*s, row group %zu, does not fit",
                     STR_ARG(file->columns[column].path), group);
}

static bool add_offset_index(struct pq_file *file, size_t group, size_t column, struct str bytes,
                             struct error *err)
{
    struct pq_chunk *chunk = &file->chunks[group * file->face.column_count + column];
    struct thrift_in in = thrift_read(bytes);
    struct thrift_field field = {0};
    struct pq_page_place *pages = NULL;
    size_t count = 0;
    while (thrift_next(&in, &field)) {
        if (field.id != 1 || pages != NULL) {
            thrift_skip(&in, &field);
            continue;
        }
        count = thrift_get_list(&in, &field, THRIFT_STRUCT);
        pages = pq_file_alloc(file, count, sizeof *pages, err);
        if (pages == NULL)
            return false;
        for (size_t i = 0; i < count && !in.bad; i++)
            read_place(&in, &pages[i]);
    }
    const struct parquet_group *face = &file->face.groups[group];
    if (in.bad || pages == NULL || !places_fit(pages, count, &face->chunks[column], face->rows))
        return bad_index(&file->face, group, column, err);
    chunk->pages = pages;
    chunk->page_count = count;
    return true;
}

static bool is_integer(const struct parquet_column *column)
{
    return column->readable && (column->type == TABLE_INT || column->type == TABLE_LONG ||
                                column->type == TABLE_DATE || column->type == TABLE_TIMESTAMPTZ);
}

static bool stored_integer(const struct pq_leaf *leaf, struct str bytes, int64_t *value)
{
    if (bytes.len == 4 && leaf->conversion == PQ_AS_THEY_ARE) {
        *value = (int32_t)pq_get32(bytes.data);
        return true;
    }
    return bytes.len == 8 && pq_convert(leaf->conversion, (int64_t)pq_get64(bytes.data), value);
}

/* Largest values; of a page of nulls that of the page before, so that searching passes over it. */
static bool add_column_index(struct pq_file *file, size_t group, size_t column, struct str bytes,
                             struct error *err)
{
    struct pq_chunk *chunk = &file->chunks[group * file->face.column_count + column];
    const struct pq_leaf *leaf = &file->leaves[column];
    size_t count = chunk->page_count;
    int64_t *upper = pq_file_alloc(file, count, sizeof *upper, err);
    bool *nulls = pq_file_alloc(file, count, sizeof *nulls, err);
    if (upper == NULL || nulls == NULL)
        return false;
    struct thrift_in in = thrift_read(bytes);
    struct thrift_field field = {0};
    bool told = true, has_nulls = false, has_upper = false;
    while (thrift_next(&in, &field)) {
        if (field.id != 1 && field.id != 3) {
            thrift_skip(&in, &field);
            continue;
        }
        if (thrift_get_list(&in, &field, field.id == 1 ? THRIFT_TRUE : THRIFT_BINARY) != count)
            thrift_bad(&in);
        for (size_t i = 0; i < count && !in.bad; i++) {
            if (field.id == 1)
                nulls[i] = thrift_element_bool(&in);
            else
                told &= stored_integer(leaf, thrift_element_binary(&in), &upper[i]) || nulls[i];
        }
        has_nulls |= field.id == 1;
        has_upper |= field.id == 3 && has_nulls;
    }
    if (in.bad || !has_upper)
        return bad_index(&file->face, group, column, err);
    for (size_t i = 0; i < count; i++) {
        if (nulls[i])
            upper[i] = i == 0 ? INT64_MIN : upper[i - 1];
    }
    if (told && leaf->conversion != PQ_FROM_UINT32)
        chunk->page_upper = upper;
    return true;
}

bool parquet_file_add_index(struct parquet_file *face, const struct parquet_extent *extents,
                            size_t extent_count, struct error *err)
{
    struct pq_file *file = (struct pq_file *)face;
    for (size_t group = 0; group < face->group_count; group++) {
        for (size_t column = 0; column < face->column_count; column++) {
            const struct pq_chunk *chunk = pq_chunk_of(face, group, column);
            struct str bytes;
            if (chunk->page_count == 0 && chunk->offset_index_bytes != 0 && face->groups[group].rows != 0 &&
                pq_find(extents, extent_count, chunk->offset_index_at, chunk->offset_index_bytes, &bytes) &&
                !add_offset_index(file, group, column, bytes, err))
                return false;
            if (chunk->page_count != 0 && chunk->page_upper == NULL && chunk->column_index_bytes != 0 &&
                is_integer(&face->columns[column]) &&
                pq_find(extents, extent_count, chunk->column_index_at, chunk->column_index_bytes, &bytes) &&
                !add_column_index(file, group, column, bytes, err))
                return false;
        }
    }
    return true;
}

/* ---- Seeking ------------------------------------------------------------------------------------------- */

/* Whether every value of the row group is smaller. */
static bool group_is_before(const struct parquet_file *file, size_t group, size_t column, int64_t value)
{
    const struct parquet_chunk *chunk = &file->groups[group].chunks[column];
    int64_t upper;
    if (file->groups[group].rows == 0)
        return true;
    if (!chunk->bounds.known)
        return chunk->null_count >= 0 && (uint64_t)chunk->null_count == chunk->value_count;
    if (chunk->bounds.upper.len == 4)
        upper = (int32_t)pq_get32(chunk->bounds.upper.data);
    else
        upper = (int64_t)pq_get64(chunk->bounds.upper.data);
    return upper < value;
}

bool parquet_seek(const struct parquet_file *file, size_t column, int64_t value, struct parquet_place *out,
                  struct error *err)
{
    if (column >= file->column_count || !is_integer(&file->columns[column]) || file->columns[column].in_list)
        return error_set(err, ERR_INVALID, "only a column of integers or times can be sought in");
    *out = (struct parquet_place){.group = 0};
    while (out->group < file->group_count && group_is_before(file, out->group, column, value))
        out->group++;
    if (out->group == file->group_count)
        return true;
    const struct pq_chunk *chunk = pq_chunk_of(file, out->group, column);
    if (chunk->page_upper == NULL)
        return true;
    size_t page = 0;
    while (page < chunk->page_count && chunk->page_upper[page] < value)
        page++;
    if (page < chunk->page_count)
        out->row = chunk->pages[page].first_row;
    return true;
}

bool parquet_group_ascends(const struct parquet_file *file, size_t group, size_t column)
{
    if (group >= file->group_count || column >= file->column_count || !is_integer(&file->columns[column]) ||
        file->columns[column].in_list)
        return false;
    const struct pq_chunk *chunk = pq_chunk_of(file, group, column);
    bool ascends = chunk->page_upper != NULL;
    for (size_t page = 1; ascends && page < chunk->page_count; page++)
        ascends = chunk->page_upper[page] > chunk->page_upper[page - 1];
    return ascends;
}

struct parquet_place parquet_seek_row(const struct parquet_file *file, uint64_t row)
{
    size_t low = 0, high = file->group_count; /* the last row group that begins at the row or before */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (file->groups[middle].first_row <= row)
            low = middle;
        else
            high = middle;
    }
    if (row >= file->rows)
        return (struct parquet_place){.group = file->group_count};
    while (row - file->groups[low].first_row >= file->groups[low].rows)
        low++;
    return (struct parquet_place){.group = low, .row = row - file->groups[low].first_row};
}

/* ---- What to fetch ------------------------------------------------------------------------------------- */

static int by_offset(const void *a, const void *b)
{
    const struct parquet_range *left = a, *right = b;
    return (left->offset > right->offset) - (left->offset < right->offset);
}

/* The pages of a chunk that hold the rows; without an index all of it. The dictionary comes first. */
static size_t chunk_ranges(const struct parquet_file *file, const struct parquet_selection *selection,
                           size_t column, struct parquet_range *out)
{
    const struct parquet_group *group = &file->groups[selection->group];
    const struct parquet_chunk *face = &group->chunks[column];
    const struct pq_chunk *chunk = pq_chunk_of(file, selection->group, column);
    if (chunk->page_count == 0) {
        out[0] = (struct parquet_range){face->offset, face->bytes};
        return 1;
    }
    uint64_t end_row = selection->rows != 0 ? selection->first_row + selection->rows : group->rows;
    size_t first = 0, last = 0;
    for (size_t i = 0; i < chunk->page_count; i++) {
        first = chunk->pages[i].first_row <= selection->first_row ? i : first;
        last = chunk->pages[i].first_row < end_row ? i : last;
    }
    size_t count = 0;
    if (chunk->pages[0].offset > face->offset)
        out[count++] = (struct parquet_range){face->offset, chunk->pages[0].offset - face->offset};
    uint64_t start = chunk->pages[first].offset;
    out[count++] =
        (struct parquet_range){start, chunk->pages[last].offset + chunk->pages[last].bytes - start};
    return count;
}

size_t parquet_plan(const struct parquet_file *file, const struct parquet_selection *selection,
                    uint64_t gap_bytes, struct parquet_range *out, size_t cap)
{
    if (selection->group >= file->group_count)
        return 0;
    struct parquet_range *ranges = mem_alloc(2 * file->column_count * sizeof *ranges);
    size_t count = 0;
    for (size_t i = 0; i < file->column_count; i++) {
        bool wanted = selection->columns != NULL ? selection->columns[i] : file->columns[i].readable;
        if (wanted)
            count += chunk_ranges(file, selection, i, &ranges[count]);
    }
    qsort(ranges, count, sizeof *ranges, by_offset);
    size_t joined = 0;
    for (size_t i = 0; i < count; i++) {
        struct parquet_range *last = joined != 0 ? &ranges[joined - 1] : NULL;
        uint64_t end = ranges[i].offset + ranges[i].length;
        uint64_t last_end = last != NULL ? last->offset + last->length : 0;
        if (last != NULL && (ranges[i].offset <= last_end || ranges[i].offset - last_end <= gap_bytes)) {
            if (end > last_end)
                last->length = end - last->offset;
        } else {
            ranges[joined++] = ranges[i];
        }
    }
    for (size_t i = 0; i < joined && cap != 0; i++) {
        if (i < cap)
            out[i] = ranges[i];
        else
            out[cap - 1].length = ranges[i].offset + ranges[i].length - out[cap - 1].offset;
    }
    mem_free(ranges);
    return joined;
}
