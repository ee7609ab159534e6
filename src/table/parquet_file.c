/* The footer of a file: what is in it, and where.
 *
 * The bytes of the footer are copied into the file's arena once; texts and bounds point into them. Everything
 * that is made from it is made there, too, and counted against the limit before it is made: a footer of a few
 * bytes cannot ask for much. What is found is checked against the size of the file and against itself; after
 * that no one checks it again. */
#include "table/parquet_read_internal.h"

#include "base/mem.h"

#include <inttypes.h>
#include <math.h>

#define LIMIT_BYTES     ((size_t)64 << 20)
#define MAGIC_ENCRYPTED "PARE"

/* ---- Memory -------------------------------------------------------------------------------------------- */

void *pq_file_alloc(struct pq_file *file, size_t count, size_t bytes, struct error *err)
{
    size_t need;
    if (__builtin_mul_overflow(count, bytes, &need) || need > file->limit_bytes ||
        file->arena.used_bytes > file->limit_bytes - need) {
        error_set(err, ERR_TOO_LARGE, "the metadata of the file needs more than %zu bytes of memory",
                  file->limit_bytes);
        return NULL;
    }
    return arena_zalloc(&file->arena, need);
}

/* ---- Chunks -------------------------------------------------------------------------------------------- */

/* As they are in Statistics: the later fields, or the earlier ones, which know signed order only. */
struct stored_bounds {
    bool has_lower, has_upper, has_old_lower, has_old_upper;
    struct str lower, upper, old_lower, old_upper;
};

struct stored_chunk {
    int32_t type;
    int32_t codec;
    int64_t values;
    int64_t raw_bytes;
    int64_t packed_bytes;
    int64_t data_at;
    int64_t dictionary_at;
    int64_t nulls;
    int64_t offset_index_at, offset_index_bytes;
    int64_t column_index_at, column_index_bytes;
    bool has_meta;
    bool elsewhere; /* encrypted, or in another file */
    struct stored_bounds bounds;
};

static void read_statistics(struct thrift_in *in, struct stored_chunk *chunk)
{
    struct stored_bounds *bounds = &chunk->bounds;
    struct thrift_field field = {0};
    while (thrift_next(in, &field)) {
        switch (field.id) {
        case 1:
            bounds->old_upper = thrift_get_binary(in, &field);
            bounds->has_old_upper = true;
            break;
        case 2:
            bounds->old_lower = thrift_get_binary(in, &field);
            bounds->has_old_lower = true;
            break;
        case 3: chunk->nulls = thrift_get_int(in, &field); break;
        case 5:
            bounds->upper = thrift_get_binary(in, &field);
            bounds->has_upper = true;
            break;
        case 6:
            bounds->lower = thrift_get_binary(in, &field);
            bounds->has_lower = true;
            break;
        default: thrift_skip(in, &field);
        }
    }
}

static void read_meta(struct thrift_in *in, struct stored_chunk *chunk)
{
    chunk->has_meta = true;
    struct thrift_field field = {0};
    while (thrift_next(in, &field)) {
        switch (field.id) {
        case 1: chunk->type = thrift_get_i32(in, &field); break;
        case 4: chunk->codec = thrift_get_i32(in, &field); break;
        case 5: chunk->values = thrift_get_int(in, &field); break;
        case 6: chunk->raw_bytes = thrift_get_int(in, &field); break;
        case 7: chunk->packed_bytes = thrift_get_int(in, &field); break;
        case 9: chunk->data_at = thrift_get_int(in, &field); break;
        case 11: chunk->dictionary_at = thrift_get_int(in, &field); break;
        case 12:
            if (thrift_get_struct(in, &field))
                read_statistics(in, chunk);
            break;
        default: thrift_skip(in, &field);
        }
    }
}

static void read_chunk(struct thrift_in *in, struct stored_chunk *chunk)
{
    *chunk = (struct stored_chunk){.nulls = -1};
    struct thrift_field field = {0};
    while (thrift_next(in, &field)) {
        switch (field.id) {
        case 1: chunk->elsewhere |= thrift_get_binary(in, &field).len != 0; break;
        case 3:
            if (thrift_get_struct(in, &field))
                read_meta(in, chunk);
            break;
        case 4: chunk->offset_index_at = thrift_get_int(in, &field); break;
        case 5: chunk->offset_index_bytes = thrift_get_int(in, &field); break;
        case 6: chunk->column_index_at = thrift_get_int(in, &field); break;
        case 7: chunk->column_index_bytes = thrift_get_int(in, &field); break;
        case 8:
            chunk->elsewhere = true;
            thrift_skip(in, &field);
            break;
        default: thrift_skip(in, &field);
        }
    }
}

/* Bytes of the file between its first and its last magic. */
static bool lies_inside(const struct pq_file *file, int64_t offset, int64_t bytes)
{
    uint64_t end = file->face.bytes - PQ_TAIL_BYTES;
    return offset >= PQ_MAGIC_BYTES && bytes >= 0 && (uint64_t)offset <= end &&
           (uint64_t)bytes <= end - (uint64_t)offset;
}

bool pq_convert(enum pq_conversion conversion, int64_t stored, int64_t *value)
{
    switch (conversion) {
    case PQ_FROM_MILLIS: return !__builtin_mul_overflow(stored, (int64_t)1000, value);
    case PQ_FROM_NANOS: *value = stored / 1000 - (stored % 1000 < 0); return true;
    case PQ_FROM_UINT32: *value = (uint32_t)stored; return true;
    default: *value = stored; return true;
    }
}

static bool keep_converted(struct pq_file *file, const struct pq_leaf *leaf, struct str stored,
                           struct str *kept, struct error *err)
{
    int64_t value;
    int64_t *place = pq_file_alloc(file, 1, sizeof *place, err);
    if (place == NULL)
        return false;
    if (!pq_convert(leaf->conversion, (int64_t)pq_get64(stored.data), &value))
        value = stored.data[7] < 0 ? INT64_MIN : INT64_MAX;
    *place = value;
    *kept = str_make(place, sizeof *place);
    return true;
}

static bool is_nan(enum table_type type, struct str bytes)
{
    float single = 0;
    double twice = 0;
    if (type == TABLE_FLOAT)
        memcpy(&single, bytes.data, sizeof single);
    else if (type == TABLE_DOUBLE)
        memcpy(&twice, bytes.data, sizeof twice);
    return isnan(single) || isnan(twice);
}

/* Bounds that do not have the size of a value are left out, as are NaN and those of unsigned integers, whose
 * order is not told. */
static bool keep_bounds(struct pq_file *file, size_t column, const struct stored_bounds *stored,
                        struct parquet_bounds *bounds, struct error *err)
{
    const struct parquet_column *face = &file->face.columns[column];
    const struct pq_leaf *leaf = &file->leaves[column];
    if (!face->readable || leaf->conversion == PQ_FROM_UINT32)
        return true;
    bool is_number = !pq_is_strings(face->type);
    bool old = is_number && (!stored->has_lower || !stored->has_upper);
    if (old ? !stored->has_old_lower || !stored->has_old_upper : !stored->has_lower || !stored->has_upper)
        return true;
    struct str lower = old ? stored->old_lower : stored->lower;
    struct str upper = old ? stored->old_upper : stored->upper;
    size_t bytes = pq_value_bytes(face->type);
    if (is_number && (lower.len != bytes || upper.len != bytes))
        return true;
    if (is_nan(face->type, lower) || is_nan(face->type, upper))
        return true;
    *bounds = (struct parquet_bounds){.known = true, .lower = lower, .upper = upper};
    return leaf->conversion == PQ_AS_THEY_ARE || (keep_converted(file, leaf, lower, &bounds->lower, err) &&
                                                  keep_converted(file, leaf, upper, &bounds->upper, err));
}

static bool bad_chunk(const struct pq_file *file, size_t column, const char *what, struct error *err)
{
    return error_set(err, ERR_CORRUPT, "column %.*s: %s", STR_ARG(file->face.columns[column].path), what);
}

/* The place of an index; one that does not lie in the file is as good as none. */
static void keep_index(const struct pq_file *file, int64_t at, int64_t bytes, uint64_t *kept_at,
                       uint32_t *kept_bytes)
{
    if (bytes > 0 && bytes <= INT32_MAX && lies_inside(file, at, bytes)) {
        *kept_at = (uint64_t)at;
        *kept_bytes = (uint32_t)bytes;
    }
}

static bool keep_chunk(struct pq_file *file, size_t column, const struct stored_chunk *stored, uint64_t rows,
                       struct parquet_chunk *face, struct pq_chunk *chunk, struct error *err)
{
    const struct pq_leaf *leaf = &file->leaves[column];
    if (stored->elsewhere || !stored->has_meta)
        return error_set(err, ERR_UNSUPPORTED, "column %.*s is encrypted or in another file",
                         STR_ARG(file->face.columns[column].path));
    if (stored->type != (int32_t)leaf->physical)
        return bad_chunk(file, column, "its type differs between schema and row group", err);
    if (rows == 0) {
        *face = (struct parquet_chunk){.offset = PQ_MAGIC_BYTES, .null_count = 0};
        return true;
    }
    int64_t start = stored->data_at;
    if (stored->dictionary_at > 0 && stored->dictionary_at < start)
        start = stored->dictionary_at;
    if (!lies_inside(file, start, stored->packed_bytes) || stored->raw_bytes < 0)
        return bad_chunk(file, column, "it does not lie in the file", err);
    if (stored->values < 0 ||
        (leaf->max_rep == 0 ? (uint64_t)stored->values != rows : (uint64_t)stored->values < rows))
        return bad_chunk(file, column, "its number of values does not fit the rows", err);
    int codec = pq_codec_of(stored->codec);
    *face = (struct parquet_chunk){.offset = (uint64_t)start,
                                   .bytes = (uint64_t)stored->packed_bytes,
                                   .raw_bytes = (uint64_t)stored->raw_bytes,
                                   .value_count = (uint64_t)stored->values,
                                   .codec = codec >= 0 ? (enum parquet_codec)codec : PARQUET_UNCOMPRESSED,
                                   .null_count = stored->nulls >= 0 ? stored->nulls : -1};
    *chunk = (struct pq_chunk){.codec_known = codec >= 0};
    keep_index(file, stored->offset_index_at, stored->offset_index_bytes, &chunk->offset_index_at,
               &chunk->offset_index_bytes);
    keep_index(file, stored->column_index_at, stored->column_index_bytes, &chunk->column_index_at,
               &chunk->column_index_bytes);
    return keep_bounds(file, column, &stored->bounds, &face->bounds, err);
}

/* ---- Row groups ---------------------------------------------------------------------------------------- */

/* Chunks come before the number of rows that they are checked against: they are gathered first. */
struct stored_group {
    int64_t rows;
    struct stored_chunk *chunks;
    size_t chunk_count;
};

static bool read_group(struct pq_file *file, struct thrift_in *in, struct stored_group *group,
                       struct error *err)
{
    group->rows = -1;
    group->chunk_count = 0;
    struct thrift_field field = {0};
    while (thrift_next(in, &field)) {
        if (field.id == 1) {
            group->chunk_count = thrift_get_list(in, &field, THRIFT_STRUCT);
            if (group->chunk_count != file->face.column_count && !in->bad)
                return error_set(err, ERR_CORRUPT, "a row group has %zu columns, the schema %zu",
                                 group->chunk_count, file->face.column_count);
            for (size_t i = 0; i < group->chunk_count && !in->bad; i++)
                read_chunk(in, &group->chunks[i]);
        } else if (field.id == 3) {
            group->rows = thrift_get_int(in, &field);
        } else {
            thrift_skip(in, &field);
        }
    }
    if (in->bad || group->rows < 0 || group->chunk_count == 0)
        return error_set(err, ERR_CORRUPT, "a row group of the file does not say what is in it");
    return true;
}

static bool keep_group(struct pq_file *file, size_t index, const struct stored_group *stored,
                       struct parquet_group *group, struct error *err)
{
    size_t columns = file->face.column_count;
    struct parquet_chunk *faces = &file->face_chunks[index * columns];
    uint64_t start = UINT64_MAX, end = 0;
    for (size_t i = 0; i < columns; i++) {
        if (!keep_chunk(file, i, &stored->chunks[i], (uint64_t)stored->rows, &faces[i],
                        &file->chunks[index * columns + i], err))
            return error_wrap(err, "row group %zu", index);
        start = faces[i].offset < start ? faces[i].offset : start;
        end = faces[i].offset + faces[i].bytes > end ? faces[i].offset + faces[i].bytes : end;
    }
    *group = (struct parquet_group){.first_row = file->face.rows,
                                    .rows = (uint64_t)stored->rows,
                                    .offset = start,
                                    .bytes = end - start,
                                    .chunks = faces};
    return !__builtin_add_overflow(file->face.rows, group->rows, &file->face.rows) ||
           error_set(err, ERR_CORRUPT, "the file has too many rows");
}

static bool read_groups(struct pq_file *file, struct thrift_in *in, const struct thrift_field *field,
                        struct error *err)
{
    if (file->face.columns == NULL || file->face.groups != NULL)
        return error_set(err, ERR_CORRUPT, "the file's row groups come before its schema, or twice");
    size_t count = thrift_get_list(in, field, THRIFT_STRUCT);
    size_t columns = file->face.column_count;
    struct stored_group stored = {.chunks = pq_file_alloc(file, columns, sizeof *stored.chunks, err)};
    struct parquet_group *groups = pq_file_alloc(file, count, sizeof *groups, err);
    if (stored.chunks == NULL || groups == NULL)
        return false;
    /* Each chunk of a row group takes more than one byte of the footer. */
    if (count != 0 && columns > (size_t)(in->end - in->at) / count)
        return error_set(err, ERR_CORRUPT, "the file's row groups are cut off");
    file->chunks = pq_file_alloc(file, count * columns, sizeof *file->chunks, err);
    file->face_chunks = pq_file_alloc(file, count * columns, sizeof *file->face_chunks, err);
    if (file->chunks == NULL || file->face_chunks == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!read_group(file, in, &stored, err) || !keep_group(file, i, &stored, &groups[i], err))
            return false;
    }
    file->face.groups = groups;
    file->face.group_count = count;
    return true;
}

/* ---- Footer -------------------------------------------------------------------------------------------- */

static bool read_keys(struct pq_file *file, struct thrift_in *in, const struct thrift_field *list,
                      struct error *err)
{
    size_t count = thrift_get_list(in, list, THRIFT_STRUCT);
    struct parquet_metadata *keys = pq_file_alloc(file, count, sizeof *keys, err);
    if (keys == NULL)
        return false;
    for (size_t i = 0; i < count && !in->bad; i++) {
        struct thrift_field field = {0};
        while (thrift_next(in, &field)) {
            if (field.id == 1)
                keys[i].key = thrift_get_binary(in, &field);
            else if (field.id == 2)
                keys[i].value = thrift_get_binary(in, &field);
            else
                thrift_skip(in, &field);
        }
    }
    file->face.metadata = keys;
    file->face.metadata_count = count;
    return true;
}

static bool read_footer(struct pq_file *file, struct str bytes, struct error *err)
{
    struct thrift_in in = thrift_read(bytes);
    struct thrift_field field = {0};
    int64_t rows = -1;
    bool ok = true;
    while (ok && thrift_next(&in, &field)) {
        switch (field.id) {
        case 2: ok = pq_schema_read(file, &in, &field, err); break;
        case 3: rows = thrift_get_int(&in, &field); break;
        case 4: ok = read_groups(file, &in, &field, err); break;
        case 5: ok = read_keys(file, &in, &field, err); break;
        case 6: file->face.created_by = thrift_get_binary(&in, &field); break;
        case 8: ok = error_set(err, ERR_UNSUPPORTED, "the file is encrypted"); break;
        default: thrift_skip(&in, &field);
        }
    }
    if (!ok)
        return false;
    if (in.bad || file->face.groups == NULL)
        return error_set(err, ERR_CORRUPT, "the file's footer cannot be read");
    if (rows < 0 || (uint64_t)rows != file->face.rows)
        return error_set(err, ERR_CORRUPT, "the file has %" PRIu64 " rows, its footer says %" PRId64,
                         file->face.rows, rows);
    return true;
}

bool parquet_footer_bytes(struct str tail, uint64_t file_bytes, uint64_t *needed, struct error *err)
{
    if (tail.len < PQ_TAIL_BYTES || file_bytes < tail.len || file_bytes < PQ_MAGIC_BYTES + PQ_TAIL_BYTES)
        return error_set(err, ERR_CORRUPT, "a file of %" PRIu64 " bytes is no Parquet file", file_bytes);
    const char *end = tail.data + tail.len - PQ_TAIL_BYTES;
    if (memcmp(end + 4, MAGIC_ENCRYPTED, PQ_MAGIC_BYTES) == 0)
        return error_set(err, ERR_UNSUPPORTED, "the file is encrypted");
    if (memcmp(end + 4, PQ_MAGIC, PQ_MAGIC_BYTES) != 0)
        return error_set(err, ERR_CORRUPT, "the file does not end as a Parquet file does");
    uint32_t footer = pq_get32(end);
    if (footer > file_bytes - PQ_MAGIC_BYTES - PQ_TAIL_BYTES) {
        return error_set(err, ERR_CORRUPT,
                         "the file's footer would have %" PRIu32 " bytes, the file has %" PRIu64, footer,
                         file_bytes);
    }
    *needed = (uint64_t)footer + PQ_TAIL_BYTES;
    return true;
}

struct parquet_file *parquet_file_open(struct str tail, uint64_t file_bytes, size_t limit_bytes,
                                       struct error *err)
{
    uint64_t needed = 0;
    if (!parquet_footer_bytes(tail, file_bytes, &needed, err))
        return NULL;
    if (needed > tail.len) {
        error_set(err, ERR_INVALID, "the footer takes the last %" PRIu64 " bytes of the file, not %zu",
                  needed, tail.len);
        return NULL;
    }
    struct pq_file *file = mem_zalloc(sizeof *file);
    file->face.bytes = file_bytes;
    file->limit_bytes = limit_bytes != 0 ? limit_bytes : LIMIT_BYTES;
    size_t bytes = (size_t)needed - PQ_TAIL_BYTES;
    char *footer = pq_file_alloc(file, bytes, 1, err);
    bool ok = footer != NULL;
    if (ok) {
        memcpy(footer, tail.data + tail.len - needed, bytes);
        ok = read_footer(file, str_make(footer, bytes), err);
    }
    if (!ok) {
        parquet_file_close(&file->face);
        return NULL;
    }
    return &file->face;
}

void parquet_file_close(struct parquet_file *face)
{
    if (face == NULL)
        return;
    struct pq_file *file = (struct pq_file *)face;
    arena_free(&file->arena);
    mem_free(file);
}

size_t parquet_file_memory(const struct parquet_file *file)
{
    return sizeof(struct pq_file) + pq_file_of(file)->arena.used_bytes;
}

size_t parquet_file_column(const struct parquet_file *file, int32_t id)
{
    for (size_t i = 0; id != 0 && i < file->column_count; i++) {
        if (file->columns[i].id == id)
            return i;
    }
    return PARQUET_NO_COLUMN;
}

size_t parquet_file_column_named(const struct parquet_file *file, struct str path)
{
    for (size_t i = 0; i < file->column_count; i++) {
        if (str_equal(file->columns[i].path, path))
            return i;
    }
    return PARQUET_NO_COLUMN;
}

bool parquet_file_metadata(const struct parquet_file *file, struct str key, struct str *value)
{
    for (size_t i = 0; i < file->metadata_count; i++) {
        if (str_equal(file->metadata[i].key, key)) {
            *value = file->metadata[i].value;
            return true;
        }
    }
    return false;
}
