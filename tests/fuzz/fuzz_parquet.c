/* Any bytes as a Parquet file: opening, reading its page index, seeking, planning and reading rows end with
 * an error or with vectors that lie in memory, within the limits that were set.
 *
 * The input: a byte of choices (1: with the page index; 2: without the first half of the columns; 4: from the
 * middle of each row group on), then the file. Most seeds come from writers that do not write checksums, so
 * that what is changed in them is read. */
#include "table/parquet_read_internal.h"

#include <stdlib.h>

#define LIMIT_BYTES ((size_t)4 << 20)
#define GROUPS_MAX  8
#define COLUMNS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t seen; /* so that what is read is not optimised away */

static uint64_t touch_value(const struct parquet_vector *vector, size_t i)
{
    switch (vector->type) {
    case TABLE_BOOLEAN:
        if (vector->booleans[i] > 1)
            abort();
        return vector->booleans[i];
    case TABLE_INT:
    case TABLE_DATE: return (uint64_t)vector->ints[i];
    case TABLE_LONG:
    case TABLE_TIMESTAMPTZ: return (uint64_t)vector->longs[i];
    case TABLE_FLOAT: return vector->floats[i] > 0;
    case TABLE_DOUBLE: return vector->doubles[i] > 0;
    default: return pq_crc32(vector->strings[i]); /* looks at every byte */
    }
}

static uint64_t touch(const struct parquet_vector *vector)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < vector->count; i++) {
        if (!parquet_is_null(vector, i))
            sum += touch_value(vector, i);
    }
    for (size_t row = 0; vector->offsets != NULL && row < vector->rows; row++) {
        if (vector->offsets[row] > vector->offsets[row + 1] || vector->offsets[row + 1] > vector->count)
            abort();
        sum += vector->null_lists != NULL && vector->null_lists[row];
    }
    return sum;
}

static void read_group(struct parquet_scan *scan, const struct parquet_file *file,
                       const struct parquet_selection *selection, const struct parquet_extent *all)
{
    struct error err;
    struct parquet_range ranges[4];
    const struct parquet_vector *vectors;
    size_t rows = 1;
    uint64_t next = selection->first_row;
    parquet_plan(file, selection, 100, ranges, 4);
    if (!parquet_scan_start(scan, file, selection, all, 1, &err))
        return;
    while (rows != 0 && parquet_scan_next(scan, 100, &vectors, &rows, &err)) {
        for (size_t i = 0; i < file->column_count && rows != 0; i++) {
            if (vectors[i].rows != 0 && vectors[i].rows != rows)
                abort();
            seen += touch(&vectors[i]);
        }
        next += rows;
        if (next > file->groups[selection->group].rows || parquet_scan_memory(scan) > LIMIT_BYTES)
            abort();
    }
}

static void touch_metadata(const struct parquet_file *file)
{
    seen += pq_crc32(file->created_by);
    struct str value;
    parquet_file_metadata(file, STR("station"), &value);
    for (size_t i = 0; i < file->column_count; i++) {
        struct parquet_place place;
        struct error err;
        seen += pq_crc32(file->columns[i].path);
        if (parquet_seek(file, i, 7, &place, &err) && place.group < file->group_count &&
            place.row >= file->groups[place.group].rows)
            abort();
    }
    for (size_t g = 0; g < file->group_count; g++) {
        for (size_t i = 0; i < file->column_count; i++) {
            const struct parquet_bounds *bounds = &file->groups[g].chunks[i].bounds;
            if (bounds->known)
                seen += pq_crc32(bounds->lower) + pq_crc32(bounds->upper);
        }
    }
    parquet_seek_row(file, file->rows / 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct error err;
    struct str bytes = str_make(data + 1, size - 1);
    struct parquet_file *file = parquet_file_open(bytes, bytes.len, LIMIT_BYTES, &err);
    if (file == NULL)
        return 0;
    struct parquet_extent all = {0, bytes};
    bool columns[COLUMNS_MAX];
    for (size_t i = 0; i < COLUMNS_MAX && i < file->column_count; i++)
        columns[i] = file->columns[i].readable && i >= file->column_count / 2;
    if ((data[0] & 1) != 0)
        parquet_file_add_index(file, &all, 1, &err);
    touch_metadata(file);
    struct parquet_scan *scan = parquet_scan_open(LIMIT_BYTES);
    for (size_t g = 0; g < file->group_count && g < GROUPS_MAX; g++) {
        struct parquet_selection selection = {.group = g};
        if ((data[0] & 2) != 0 && file->column_count <= COLUMNS_MAX)
            selection.columns = columns;
        if ((data[0] & 4) != 0)
            selection.first_row = file->groups[g].rows / 2;
        read_group(scan, file, &selection, &all);
    }
    parquet_scan_close(scan);
    parquet_file_close(file);
    return 0;
}
