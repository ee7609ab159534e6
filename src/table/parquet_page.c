/* A page becomes bytes.
 *
 *     data page        header (Thrift: kind, bytes before and after compression, CRC-32, entries, encodings),
 *                      then, compressed, [length (4) repetition levels] [length (4) definition levels] values
 *     dictionary page  header, then, compressed, the values, plain
 *
 * Lengths of levels are of their runs (parquet_rle.c); columns outside of lists have no repetition levels,
 * required ones no definition levels. Values:
 *
 *     plain            numbers as in memory, strings behind their length (4), booleans as bits
 *     dictionary       bits of an index (1), indexes as runs
 *     differences      numbers: parquet_delta.c; strings: their lengths so, then their bytes one after the other
 *
 * Plain values lie ready in column->page, with room in front for levels, so that they are not moved before
 * they are compressed. */
#include "table/parquet_write_internal.h"

#include "table/thrift_internal.h"

#define HEAD_BYTES 64 /* at least that much is free in front of values */

void pq_page_reset(struct pq_column *column)
{
    column->mixed = false;
    column->in_dictionary = column->dictionary_on;
    column->page_first_row = column->filled;
    column->entry_count = 0;
    column->value_count = 0;
    column->plain_bytes = 0;
    column->least_at = column->most_at = 0;
    if (column->head < HEAD_BYTES)
        column->head = HEAD_BYTES;
    buf_reset(&column->page);
    buf_reserve(&column->page, column->head);
    column->page.len = column->head;
    buf_reset(&column->lengths);
    buf_reset(&column->indexes);
}

/* ---- Levels -------------------------------------------------------------------------------------------- */

static void put_levels(struct buf *buf, const struct pq_column *column, const struct buf *levels,
                       uint8_t uniform, uint8_t max)
{
    if (max == 0)
        return;
    size_t start = buf->len;
    unsigned width = pq_bit_width(max);
    uint32_t len = 0;
    buf_append(buf, &len, sizeof len);
    if (column->mixed)
        pq_rle_encode_levels(buf, levels->data, levels->len, width);
    else
        pq_rle_encode_run(buf, uniform, column->entry_count, width);
    pq_put32(buf->data + start, (uint32_t)(buf->len - start - sizeof len));
}

/* ---- Values -------------------------------------------------------------------------------------------- */

static void pack_booleans(struct buf *out, const uint8_t *values, size_t count)
{
    for (size_t i = 0; i < count; i += 8) {
        uint8_t byte = 0;
        for (size_t k = 0; k < 8 && i + k < count; k++)
            byte |= (uint8_t)(values[i + k] << k);
        buf_append_byte(out, byte);
    }
}

static void put_indexes(struct buf *out, const struct pq_column *column)
{
    /* Some readers do not expect indexes of no bits. */
    unsigned width = column->dictionary.count > 2 ? pq_bit_width(column->dictionary.count - 1) : 1;
    buf_append_byte(out, (uint8_t)width);
    pq_rle_encode(out, (const uint32_t *)(const void *)column->indexes.data, column->value_count, width);
}

/* Whether the dictionary and its indexes take less than plain values would: asked of the first page of a
 * chunk. */
static bool pays(const struct pq_column *column)
{
    size_t index_bytes = (column->value_count * pq_bit_width(column->dictionary.count) + 7) / 8;
    return column->dictionary.values.len + index_bytes < column->plain_bytes;
}

static const void *numbers(const struct pq_column *column)
{
    return column->page.data + column->head;
}

/* Where the page is put together: with column->head bytes free in front of the values. */
static struct buf *put_values(struct parquet_writer *writer, struct pq_column *column,
                              enum pq_encoding *encoding)
{
    struct buf *scratch = &writer->scratch;
    buf_reset(scratch);
    buf_reserve(scratch, column->head);
    scratch->len = column->head;
    if (column->in_dictionary) {
        *encoding = PQ_RLE_DICTIONARY;
        put_indexes(scratch, column);
        return scratch;
    }
    *encoding = PQ_PLAIN;
    if (column->physical == PQ_BOOLEAN) {
        pack_booleans(scratch, numbers(column), column->value_count);
        return scratch;
    }
    if (column->encoding != PARQUET_DELTA || column->physical == PQ_FLOAT || column->physical == PQ_DOUBLE)
        return &column->page;
    *encoding = PQ_DELTA_BINARY_PACKED;
    if (column->physical == PQ_INT64) {
        pq_delta_encode_longs(scratch, numbers(column), column->value_count);
    } else if (column->physical == PQ_INT32) {
        pq_delta_encode_ints(scratch, numbers(column), column->value_count);
    } else { /* the lengths go with the levels, in front of the bytes */
        *encoding = PQ_DELTA_LENGTH_BYTE_ARRAY;
        pq_delta_encode_ints(&writer->levels, (const int32_t *)(const void *)column->lengths.data,
                             column->value_count);
        return &column->page;
    }
    return scratch;
}

/* Levels in front of values; the values move only if more levels come than the pages before had. */
static struct str put_together(struct pq_column *column, struct buf *values, const struct buf *levels)
{
    size_t head = column->head;
    if (levels->len > head) {
        size_t more = levels->len - head;
        buf_reserve(values, more);
        memmove(values->data + levels->len, values->data + head, values->len - head);
        values->len += more;
        column->head = (levels->len + levels->len / 4 + 7) & ~(size_t)7; /* numbers are aligned */
        head = levels->len;
    }
    if (levels->len != 0)
        memcpy(values->data + head - levels->len, levels->data, levels->len);
    return str_make(values->data + head - levels->len, values->len - head + levels->len);
}

/* ---- Bounds -------------------------------------------------------------------------------------------- */

static struct str string_at(const struct pq_column *column, uint32_t at, uint32_t len)
{
    return str_make(column->page.data + at, len);
}

static void bounds_of_dictionary(struct pq_column *column, struct pq_page_entry *page)
{
    struct pq_entry *entries = pq_dictionary_entries(&column->dictionary);
    for (uint32_t i = 0; i < column->dictionary.count; i++) {
        if (!entries[i].used)
            continue;
        entries[i].used = false;
        const uint8_t *value = column->dictionary.values.data + entries[i].at;
        if (column->is_string) {
            struct str text = str_make(value, entries[i].len);
            pq_bounds_add_str(&page->bounds, column->type, text, text);
        } else {
            struct pq_bounds one;
            uint64_t nan = 0;
            pq_bounds_of_numbers(&one, column->type, value, 1, &nan);
            pq_bounds_join(&page->bounds, column->type, &one);
        }
    }
}

/* How many NaN are in a page of indexes. */
static uint64_t nans_of_dictionary(const struct pq_column *column)
{
    if (column->type != TABLE_FLOAT && column->type != TABLE_DOUBLE)
        return 0;
    const struct pq_entry *entries = pq_dictionary_entries(&column->dictionary);
    const uint32_t *indexes = (const uint32_t *)(const void *)column->indexes.data;
    uint64_t nans = 0;
    for (size_t i = 0; i < column->value_count; i++) {
        struct pq_bounds one;
        pq_bounds_of_numbers(&one, column->type, column->dictionary.values.data + entries[indexes[i]].at, 1,
                             &nans);
    }
    return nans;
}

static void note_page_bounds(struct pq_column *column, struct pq_page_entry *page)
{
    if (column->no_bounds)
        return;
    if (column->in_dictionary) {
        page->nan_count = nans_of_dictionary(column);
        bounds_of_dictionary(column, page);
    } else if (!column->is_string) {
        pq_bounds_of_numbers(&page->bounds, column->type, numbers(column), column->value_count,
                             &page->nan_count);
    } else if (column->value_count != 0) {
        pq_bounds_add_str(&page->bounds, column->type, string_at(column, column->least_at, column->least_len),
                          string_at(column, column->most_at, column->most_len));
    }
    column->chunk_nans += page->nan_count;
    pq_bounds_join(&column->chunk_bounds, column->type, &page->bounds);
}

/* ---- Pages --------------------------------------------------------------------------------------------- */

static void put_header(struct buf *out, enum pq_page kind, size_t raw_bytes, struct str packed,
                       size_t entries, enum pq_encoding encoding)
{
    struct thrift_out header = {.buf = out};
    thrift_begin(&header, 0);
    thrift_i32(&header, 1, (int32_t)kind);
    thrift_i32(&header, 2, (int32_t)raw_bytes);
    thrift_i32(&header, 3, (int32_t)packed.len);
    thrift_i32(&header, 4, (int32_t)pq_crc32(packed));
    thrift_begin(&header, kind == PQ_DATA_PAGE ? 5 : 7);
    thrift_i32(&header, 1, (int32_t)entries);
    thrift_i32(&header, 2, (int32_t)encoding);
    if (kind == PQ_DATA_PAGE) {
        thrift_i32(&header, 3, PQ_RLE);
        thrift_i32(&header, 4, PQ_RLE);
    }
    thrift_end(&header);
    thrift_end(&header);
}

/* Appends header and page to `out`. */
static bool put_page(struct parquet_writer *writer, struct buf *out, enum pq_page kind, struct str raw,
                     size_t entries, enum pq_encoding encoding, const struct pq_column *column)
{
    if (raw.len > INT32_MAX)
        return pq_fail(writer, ERR_TOO_LARGE, "column %s: a row of %zu bytes does not fit in a page",
                       pq_column_name(column), raw.len);
    struct str packed = raw;
    if (writer->options.codec != PARQUET_UNCOMPRESSED) {
        struct error err;
        buf_reset(&writer->packed);
        if (!pq_compress(writer->compressor, raw, &writer->packed, &err))
            return pq_fail(writer, err.code, "column %s: %s", pq_column_name(column), err.text);
        packed = buf_str(&writer->packed);
    }
    if (packed.len > INT32_MAX)
        return pq_fail(writer, ERR_TOO_LARGE, "column %s: a page of %zu bytes after compression",
                       pq_column_name(column), packed.len);
    put_header(out, kind, raw.len, packed, entries, encoding);
    buf_append_str(out, packed);
    return true;
}

bool pq_page_finish(struct parquet_writer *writer, struct pq_column *column)
{
    if (column->entry_count == 0)
        return true;
    if (column->in_dictionary && column->value_count == 0) {
        column->in_dictionary = false;
    } else if (column->in_dictionary && column->pages_dictionary == 0 && !pays(column)) {
        column->dictionary_on = false;
        pq_leave_dictionary(column);
    }
    struct pq_page_entry page = {.offset = column->chunk.len,
                                 .first_row = column->page_first_row,
                                 .null_count = column->entry_count - column->value_count};
    note_page_bounds(column, &page);
    struct buf *levels = &writer->levels;
    buf_reset(levels);
    put_levels(levels, column, &column->reps, 0, column->list != NULL);
    put_levels(levels, column, &column->defs, column->uniform, column->max_def);
    enum pq_encoding encoding;
    struct buf *values = put_values(writer, column, &encoding);
    struct str raw = put_together(column, values, levels);
    if (!put_page(writer, &column->chunk, PQ_DATA_PAGE, raw, column->entry_count, encoding, column))
        return false;
    page.bytes = (uint32_t)(column->chunk.len - page.offset);
    buf_append(&column->pages, &page, sizeof page);
    if (encoding == PQ_RLE_DICTIONARY)
        column->pages_dictionary++;
    else
        column->pages_plain++;
    uint64_t header_bytes =
        page.bytes - (writer->options.codec != PARQUET_UNCOMPRESSED ? writer->packed.len : raw.len);
    column->raw_bytes += header_bytes + raw.len;
    writer->group_raw_bytes += raw.len;
    column->chunk_entries += column->entry_count;
    column->chunk_nulls += page.null_count;
    pq_page_reset(column);
    return true;
}

bool pq_dictionary_page(struct parquet_writer *writer, struct pq_column *column, uint64_t *raw_bytes)
{
    struct buf *out = &writer->scratch;
    buf_reset(out);
    struct str values = buf_str(&column->dictionary.values);
    if (!put_page(writer, out, PQ_DICTIONARY_PAGE, values, column->dictionary.count, PQ_PLAIN, column))
        return false;
    size_t packed = writer->options.codec != PARQUET_UNCOMPRESSED ? writer->packed.len : values.len;
    *raw_bytes = out->len - packed + values.len;
    return true;
}
