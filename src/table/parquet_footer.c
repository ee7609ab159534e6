/* What is behind the row groups, as Thrift; names and ids are those of parquet.thrift.
 *
 *     for each row group and column with bounds: ColumnIndex
 *     for each row group and column: OffsetIndex
 *     FileMetaData, its length (4), PAR1
 *
 * What is known of a chunk when it has been written is turned into Thrift at once: its ColumnMetaData and
 * both indexes; where the indexes lie is known at the end only. */
#include "table/parquet_write_internal.h"

#include "table/thrift_internal.h"

/* ---- Schema -------------------------------------------------------------------------------------------- */

static size_t count_elements(const struct table_field *fields, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += 1 + (fields[i].type == TABLE_LIST) + count_elements(fields[i].children, fields[i].child_count);
    return sum;
}

static int32_t converted_of(enum table_type type)
{
    switch (type) {
    case TABLE_STRING: return PQ_UTF8;
    case TABLE_DATE: return PQ_DATE;
    case TABLE_TIMESTAMPTZ: return PQ_TIMESTAMP_MICROS;
    case TABLE_LIST: return PQ_LIST;
    default: return -1;
    }
}

static void put_empty(struct thrift_out *out, int16_t id)
{
    thrift_begin(out, id);
    thrift_end(out);
}

static void put_logical(struct thrift_out *out, enum table_type type)
{
    thrift_begin(out, 10); /* logicalType */
    if (type == TABLE_STRING) {
        put_empty(out, PQ_LOGICAL_STRING);
    } else if (type == TABLE_DATE) {
        put_empty(out, PQ_LOGICAL_DATE);
    } else if (type == TABLE_LIST) {
        put_empty(out, PQ_LOGICAL_LIST);
    } else {
        thrift_begin(out, PQ_LOGICAL_TIMESTAMP);
        thrift_bool(out, 1, true); /* isAdjustedToUTC */
        thrift_begin(out, 2);      /* unit */
        put_empty(out, PQ_MICROS);
        thrift_end(out);
        thrift_end(out);
    }
    thrift_end(out);
}

/* SchemaElement */
static void put_element(struct thrift_out *out, const struct table_field *field, struct str name)
{
    bool group = field->type == TABLE_LIST || field->type == TABLE_STRUCT;
    thrift_begin(out, 0);
    if (!group)
        thrift_i32(out, 1, (int32_t)pq_physical_of(field->type));
    thrift_i32(out, 3, field->required ? PQ_REQUIRED : PQ_OPTIONAL);
    thrift_binary(out, 4, name);
    if (group)
        thrift_i32(out, 5, (int32_t)field->child_count);
    int32_t converted = converted_of(field->type);
    if (converted >= 0)
        thrift_i32(out, 6, converted);
    thrift_i32(out, 9, field->id);
    if (converted >= 0)
        put_logical(out, field->type);
    thrift_end(out);
}

static void put_group(struct thrift_out *out, struct str name, int32_t repetition, size_t children)
{
    thrift_begin(out, 0);
    if (repetition >= 0)
        thrift_i32(out, 3, repetition);
    thrift_binary(out, 4, name);
    thrift_i32(out, 5, (int32_t)children);
    thrift_end(out);
}

static void put_field(struct thrift_out *out, const struct table_field *field, struct str name)
{
    put_element(out, field, name);
    if (field->type == TABLE_LIST) {
        put_group(out, STR("list"), PQ_REPEATED, 1);
        put_field(out, &field->children[0], STR("element"));
        return;
    }
    for (size_t i = 0; i < field->child_count; i++)
        put_field(out, &field->children[i], field->children[i].name);
}

static void put_schema(struct thrift_out *out, const struct table_schema *schema)
{
    thrift_list(out, 2, THRIFT_STRUCT, 1 + count_elements(schema->fields, schema->field_count));
    put_group(out, STR("table"), -1, schema->field_count);
    for (size_t i = 0; i < schema->field_count; i++)
        put_field(out, &schema->fields[i], schema->fields[i].name);
}

/* ---- Chunks -------------------------------------------------------------------------------------------- */

static bool is_float(const struct pq_column *column)
{
    return column->type == TABLE_FLOAT || column->type == TABLE_DOUBLE;
}

static void put_statistics(struct thrift_out *out, const struct pq_column *column)
{
    const struct pq_bounds *bounds = &column->chunk_bounds;
    thrift_begin(out, 12);
    thrift_i64(out, 3, (int64_t)column->chunk_nulls);
    if (bounds->any) {
        if (!bounds->open)
            thrift_binary(out, 5, pq_upper(bounds));
        thrift_binary(out, 6, pq_lower(bounds));
        if (!bounds->open)
            thrift_bool(out, 7, bounds->upper_exact);
        thrift_bool(out, 8, bounds->lower_exact);
    }
    if (is_float(column) && !column->no_bounds)
        thrift_i64(out, 9, (int64_t)column->chunk_nans);
    thrift_end(out);
}

static enum pq_encoding page_encoding(const struct pq_column *column)
{
    if (column->encoding != PARQUET_DELTA || is_float(column))
        return PQ_PLAIN;
    return column->is_string ? PQ_DELTA_LENGTH_BYTE_ARRAY : PQ_DELTA_BINARY_PACKED;
}

static void put_page_count(struct thrift_out *out, enum pq_page kind, enum pq_encoding encoding,
                           uint32_t count)
{
    thrift_begin(out, 0);
    thrift_i32(out, 1, (int32_t)kind);
    thrift_i32(out, 2, (int32_t)encoding);
    thrift_i32(out, 3, (int32_t)count);
    thrift_end(out);
}

/* Which encodings are in the chunk, and how many pages have which. */
static void put_encodings(struct thrift_out *out, const struct pq_column *column)
{
    bool levels = column->max_def != 0;
    bool dictionary = column->pages_dictionary != 0;
    enum pq_encoding plain = page_encoding(column);
    bool also_plain = dictionary && plain != PQ_PLAIN; /* the dictionary page */
    thrift_list(out, 2, THRIFT_I32,
                (size_t)levels + dictionary + (dictionary || column->pages_plain != 0) + also_plain);
    if (levels)
        thrift_list_int(out, PQ_RLE);
    if (dictionary)
        thrift_list_int(out, PQ_RLE_DICTIONARY);
    if (also_plain)
        thrift_list_int(out, PQ_PLAIN);
    thrift_list_int(out, plain);
}

static void put_page_counts(struct thrift_out *out, const struct pq_column *column)
{
    bool dictionary = column->pages_dictionary != 0;
    bool plain = column->pages_plain != 0;
    thrift_list(out, 13, THRIFT_STRUCT, 2 * (size_t)dictionary + plain);
    if (dictionary) {
        put_page_count(out, PQ_DICTIONARY_PAGE, PQ_PLAIN, 1);
        put_page_count(out, PQ_DATA_PAGE, PQ_RLE_DICTIONARY, column->pages_dictionary);
    }
    if (plain)
        put_page_count(out, PQ_DATA_PAGE, page_encoding(column), column->pages_plain);
}

/* ColumnMetaData */
static void put_meta(struct thrift_out *out, const struct pq_column *column, enum parquet_codec codec,
                     uint64_t offset, uint64_t dictionary_bytes)
{
    thrift_begin(out, 0);
    thrift_i32(out, 1, (int32_t)column->physical);
    put_encodings(out, column);
    thrift_list(out, 3, THRIFT_BINARY, column->path_count);
    for (size_t i = 0; i < column->path_count; i++)
        thrift_list_binary(out, column->path[i]);
    thrift_i32(out, 4, pq_codec_number(codec));
    thrift_i64(out, 5, (int64_t)column->chunk_entries);
    thrift_i64(out, 6, (int64_t)column->raw_bytes);
    thrift_i64(out, 7, (int64_t)(dictionary_bytes + column->chunk.len));
    thrift_i64(out, 9, (int64_t)(offset + dictionary_bytes));
    if (dictionary_bytes != 0)
        thrift_i64(out, 11, (int64_t)offset);
    put_statistics(out, column);
    put_page_counts(out, column);
    thrift_end(out);
}

static size_t pages_of(const struct pq_column *column, const struct pq_page_entry **pages)
{
    *pages = (const struct pq_page_entry *)(const void *)column->pages.data;
    return column->pages.len / sizeof **pages;
}

static void put_offset_index(struct buf *buf, const struct pq_column *column, uint64_t first_page)
{
    struct thrift_out out = {.buf = buf};
    const struct pq_page_entry *pages;
    size_t count = pages_of(column, &pages);
    thrift_begin(&out, 0);
    thrift_list(&out, 1, THRIFT_STRUCT, count);
    for (size_t i = 0; i < count; i++) {
        thrift_begin(&out, 0);
        thrift_i64(&out, 1, (int64_t)(first_page + pages[i].offset));
        thrift_i32(&out, 2, (int32_t)pages[i].bytes);
        thrift_i64(&out, 3, (int64_t)pages[i].first_row);
        thrift_end(&out);
    }
    thrift_end(&out);
}

static enum pq_order order_of(const struct pq_column *column, const struct pq_page_entry *pages, size_t count)
{
    bool rises = true, falls = true;
    const struct pq_bounds *last = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct pq_bounds *bounds = &pages[i].bounds;
        if (!bounds->any)
            continue;
        if (last != NULL) {
            int lower = pq_compare(column->type, pq_lower(last), pq_lower(bounds));
            int upper = pq_compare(column->type, pq_upper(last), pq_upper(bounds));
            rises &= lower <= 0 && upper <= 0;
            falls &= lower >= 0 && upper >= 0;
        }
        last = bounds;
    }
    return rises ? PQ_ASCENDING : falls ? PQ_DESCENDING : PQ_UNORDERED;
}

/* There is none where a page with values has no bounds. */
static bool has_column_index(const struct pq_column *column, const struct pq_page_entry *pages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool only_nulls = !pages[i].bounds.any && pages[i].nan_count == 0;
        if (pages[i].bounds.open || (!pages[i].bounds.any && !only_nulls))
            return false;
    }
    return !column->no_bounds;
}

static void put_column_index(struct buf *buf, const struct pq_column *column)
{
    struct thrift_out out = {.buf = buf};
    const struct pq_page_entry *pages;
    size_t count = pages_of(column, &pages);
    if (!has_column_index(column, pages, count))
        return;
    thrift_begin(&out, 0);
    thrift_list(&out, 1, THRIFT_TRUE, count);
    for (size_t i = 0; i < count; i++)
        thrift_list_bool(&out, !pages[i].bounds.any);
    thrift_list(&out, 2, THRIFT_BINARY, count);
    for (size_t i = 0; i < count; i++)
        thrift_list_binary(&out, pq_lower(&pages[i].bounds));
    thrift_list(&out, 3, THRIFT_BINARY, count);
    for (size_t i = 0; i < count; i++)
        thrift_list_binary(&out, pq_upper(&pages[i].bounds));
    thrift_i32(&out, 4, (int32_t)order_of(column, pages, count));
    thrift_list(&out, 5, THRIFT_I64, count);
    for (size_t i = 0; i < count; i++)
        thrift_list_int(&out, (int64_t)pages[i].null_count);
    if (is_float(column)) {
        thrift_list(&out, 8, THRIFT_I64, count);
        for (size_t i = 0; i < count; i++)
            thrift_list_int(&out, (int64_t)pages[i].nan_count);
    }
    thrift_end(&out);
}

void pq_footer_chunk(struct parquet_writer *writer, struct pq_column *column, uint64_t offset,
                     uint64_t dictionary_bytes)
{
    struct pq_chunk_place place = {.meta_at = writer->metas.len};
    struct thrift_out out = {.buf = &writer->metas};
    put_meta(&out, column, writer->options.codec, offset, dictionary_bytes);
    place.meta_bytes = writer->metas.len - place.meta_at;
    size_t before = writer->column_indexes.len;
    put_column_index(&writer->column_indexes, column);
    place.column_index_bytes = (uint32_t)(writer->column_indexes.len - before);
    before = writer->offset_indexes.len;
    put_offset_index(&writer->offset_indexes, column, offset + dictionary_bytes);
    place.offset_index_bytes = (uint32_t)(writer->offset_indexes.len - before);
    buf_append(&writer->chunks, &place, sizeof place);
}

/* ---- File ---------------------------------------------------------------------------------------------- */

struct index_places {
    uint64_t column_index; /* of the next chunk */
    uint64_t offset_index;
};

/* ColumnChunk */
static void put_chunk(struct thrift_out *out, const struct parquet_writer *writer,
                      const struct pq_chunk_place *place, struct index_places *indexes)
{
    thrift_begin(out, 0);
    thrift_i64(out, 2, 0); /* file_offset: there is no ColumnMetaData but this */
    thrift_raw(out, 3);
    buf_append(out->buf, writer->metas.data + place->meta_at, place->meta_bytes);
    thrift_i64(out, 4, (int64_t)indexes->offset_index);
    thrift_i32(out, 5, (int32_t)place->offset_index_bytes);
    if (place->column_index_bytes != 0) {
        thrift_i64(out, 6, (int64_t)indexes->column_index);
        thrift_i32(out, 7, (int32_t)place->column_index_bytes);
    }
    indexes->offset_index += place->offset_index_bytes;
    indexes->column_index += place->column_index_bytes;
    thrift_end(out);
}

static void put_groups(struct thrift_out *out, const struct parquet_writer *writer,
                       struct index_places indexes)
{
    const struct pq_group_place *groups = (const struct pq_group_place *)(const void *)writer->groups.data;
    const struct pq_chunk_place *chunk = (const struct pq_chunk_place *)(const void *)writer->chunks.data;
    size_t count = writer->groups.len / sizeof *groups;
    thrift_list(out, 4, THRIFT_STRUCT, count);
    for (size_t g = 0; g < count; g++) {
        thrift_begin(out, 0);
        thrift_list(out, 1, THRIFT_STRUCT, writer->column_count);
        for (size_t i = 0; i < writer->column_count; i++)
            put_chunk(out, writer, chunk++, &indexes);
        thrift_i64(out, 2, (int64_t)groups[g].raw_bytes);
        thrift_i64(out, 3, (int64_t)groups[g].rows);
        thrift_i64(out, 5, (int64_t)groups[g].offset);
        thrift_i64(out, 6, (int64_t)groups[g].bytes);
        if (g <= INT16_MAX)
            thrift_i16(out, 7, (int16_t)g);
        thrift_end(out);
    }
}

static void put_keys(struct thrift_out *out, const struct parquet_writer *writer)
{
    const struct pq_key *keys = (const struct pq_key *)(const void *)writer->keys.data;
    size_t count = writer->keys.len / sizeof *keys;
    if (count == 0)
        return;
    thrift_list(out, 5, THRIFT_STRUCT, count);
    for (size_t i = 0; i < count; i++) {
        thrift_begin(out, 0);
        thrift_binary(out, 1, str_make(keys[i].key, keys[i].key_len));
        thrift_binary(out, 2, str_make(keys[i].value, keys[i].value_len));
        thrift_end(out);
    }
}

void pq_footer_write(struct parquet_writer *writer, struct buf *out, uint64_t column_indexes_at,
                     uint64_t offset_indexes_at)
{
    size_t start = out->len;
    struct thrift_out thrift = {.buf = out};
    thrift_begin(&thrift, 0);
    thrift_i32(&thrift, 1, 1); /* version: the one that all readers know */
    put_schema(&thrift, writer->schema);
    thrift_i64(&thrift, 3, (int64_t)writer->rows);
    put_groups(&thrift, writer, (struct index_places){column_indexes_at, offset_indexes_at});
    put_keys(&thrift, writer);
    thrift_binary(&thrift, 6, writer->options.created_by);
    thrift_list(&thrift, 7, THRIFT_STRUCT, writer->column_count); /* column_orders */
    for (size_t i = 0; i < writer->column_count; i++) {
        thrift_begin(&thrift, 0);
        thrift_begin(&thrift, 1); /* TypeDefinedOrder */
        thrift_end(&thrift);
        thrift_end(&thrift);
    }
    thrift_end(&thrift);
    uint32_t len = (uint32_t)(out->len - start);
    buf_append(out, &len, sizeof len);
    buf_append(out, PQ_MAGIC, PQ_MAGIC_BYTES);
}
