/* The writer: opening, row groups, the end.
 *
 *     parquet_end_row ─ page full? ─▶ pq_cut: every column that has a value in it ends its page (parquet_page.c)
 *                                        └─ row group full? ─▶ end_group: pages end; chunks go out
 *     parquet_writer_finish: the last row group, column indexes, offset indexes, footer (parquet_footer.c)
 *
 * Pages of all columns end after the same rows, so that a range of rows is a range of bytes in each. A column
 * without a value in a page does not begin one: an absent column is one page of a few bytes in a row group.
 *
 * The first failure stays (writer->why); from then on nothing is written. */
#include "table/parquet_write_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define PAGE_ROWS        8192
#define PAGE_BYTES       (1u << 20)
#define PAGE_BYTES_MAX   (256u << 20)
#define GROUP_ROWS       65536
#define GROUP_BYTES      (UINT64_C(64) << 20)
#define DICTIONARY_BYTES (1u << 20)

/* ---- Failing ------------------------------------------------------------------------------------------- */

bool pq_fail(struct parquet_writer *writer, enum error_code code, const char *format, ...)
{
    if (writer->failed)
        return false;
    writer->failed = true;
    char text[sizeof writer->why.text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return error_set(&writer->why, code, "%s", text);
}

bool pq_failed(const struct parquet_writer *writer, struct error *err)
{
    if (err != NULL)
        *err = writer->why;
    return false;
}

const char *pq_column_name(const struct pq_column *column)
{
    static _Thread_local char name[200];
    size_t len = 0;
    for (size_t i = 0; i < column->path_count; i++) {
        /* "list" and "element" are the format's, not the user's */
        bool made = column->list != NULL && (i == 1 || i == 2);
        if (made || len >= sizeof name)
            continue;
        int more =
            snprintf(name + len, sizeof name - len, "%s%.*s", len == 0 ? "" : ".", STR_ARG(column->path[i]));
        len += (size_t)more;
    }
    return name;
}

/* Bytes for the file. */
static bool give(struct parquet_writer *writer, struct str bytes)
{
    if (bytes.len == 0)
        return true;
    struct error err = {0};
    if (!writer->write(writer->arg, bytes, &err)) {
        writer->failed = true;
        writer->why = err;
        return false;
    }
    writer->offset += bytes.len;
    return true;
}

/* ---- Opening ------------------------------------------------------------------------------------------- */

static bool check_options(struct parquet_write_options *options, struct error *err)
{
    if (!pq_codec_level(options->codec, options->level, &options->level, err))
        return false;
    if (options->page_rows == 0)
        options->page_rows = PAGE_ROWS;
    if (options->page_bytes == 0)
        options->page_bytes = PAGE_BYTES;
    if (options->row_group_rows == 0)
        options->row_group_rows = GROUP_ROWS;
    if (options->row_group_bytes == 0)
        options->row_group_bytes = GROUP_BYTES;
    if (options->dictionary_bytes == 0)
        options->dictionary_bytes = DICTIONARY_BYTES;
    if (options->page_bytes > PAGE_BYTES_MAX || options->dictionary_bytes > PAGE_BYTES_MAX)
        return error_set(err, ERR_INVALID, "a page or dictionary has at most %u bytes", PAGE_BYTES_MAX);
    return true;
}

static bool set_column_options(struct parquet_writer *writer, const struct parquet_column_options *options,
                               struct error *err)
{
    size_t index = parquet_writer_column(writer, options->id);
    if (index == PARQUET_NO_COLUMN)
        return error_set(err, ERR_INVALID, "options for column %" PRId32 ", which the schema does not have",
                         options->id);
    struct pq_column *column = &writer->columns[index];
    column->encoding = options->encoding;
    column->no_bounds = options->no_bounds;
    if (column->physical == PQ_BOOLEAN)
        column->encoding = PARQUET_PLAIN;
    return true;
}

static void begin_chunk(struct pq_column *column)
{
    column->filled = 0;
    column->dictionary_on = column->encoding == PARQUET_DICTIONARY;
    column->pages_plain = column->pages_dictionary = 0;
    pq_dictionary_reset(&column->dictionary);
    buf_reset(&column->chunk);
    buf_reset(&column->pages);
    column->raw_bytes = column->chunk_entries = column->chunk_nulls = column->chunk_nans = 0;
    column->chunk_bounds = (struct pq_bounds){0};
    pq_page_reset(column);
}

static bool prepare(struct parquet_writer *writer, struct error *err)
{
    writer->columns = pq_columns_make(&writer->arena, writer->schema, &writer->column_count, err);
    if (writer->columns == NULL || !check_options(&writer->options, err))
        return false;
    for (size_t i = 0; i < writer->options.column_count; i++) {
        if (!set_column_options(writer, &writer->options.columns[i], err))
            return false;
    }
    for (size_t i = 0; i < writer->column_count; i++) {
        struct pq_column *column = &writer->columns[i];
        column->summary.id = column->id;
        column->summary.in_list = column->list != NULL;
        if (column->list == NULL)
            writer->required_count += column->required;
        else if (column->list->first_column == i)
            writer->required_count += column->list->required;
        begin_chunk(column);
    }
    if (writer->options.codec != PARQUET_UNCOMPRESSED)
        writer->compressor = pq_compressor_new(writer->options.codec, writer->options.level);
    if (writer->options.created_by.len == 0)
        writer->options.created_by = STR("varve version " VARVE_VERSION " (build " VARVE_VERSION ")");
    writer->options.created_by = arena_str(&writer->arena, writer->options.created_by);
    return give(writer, STR(PQ_MAGIC)) || pq_failed(writer, err);
}

struct parquet_writer *parquet_writer_open(const struct table_schema *schema,
                                           const struct parquet_write_options *options,
                                           parquet_write_fn *write, void *arg, struct error *err)
{
    struct parquet_writer *writer = mem_zalloc(sizeof *writer);
    writer->schema = schema;
    writer->options = *options;
    writer->write = write;
    writer->arg = arg;
    if (!prepare(writer, err)) {
        parquet_writer_close(writer);
        return NULL;
    }
    return writer;
}

static void free_column(struct pq_column *column)
{
    struct buf *bufs[] = {&column->page,    &column->defs,  &column->reps, &column->lengths,
                          &column->indexes, &column->chunk, &column->pages};
    for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++)
        buf_free(bufs[i]);
    pq_dictionary_free(&column->dictionary);
}

static struct pq_key *keys_of(const struct parquet_writer *writer, size_t *count)
{
    *count = writer->keys.len / sizeof(struct pq_key);
    return (struct pq_key *)(void *)writer->keys.data;
}

void parquet_writer_close(struct parquet_writer *writer)
{
    if (writer == NULL)
        return;
    for (size_t i = 0; writer->columns != NULL && i < writer->column_count; i++)
        free_column(&writer->columns[i]);
    size_t key_count;
    struct pq_key *keys = keys_of(writer, &key_count);
    for (size_t i = 0; i < key_count; i++) {
        mem_free(keys[i].key);
        mem_free(keys[i].value);
    }
    struct buf *bufs[] = {&writer->scratch,        &writer->levels,         &writer->packed,
                          &writer->metas,          &writer->chunks,         &writer->groups,
                          &writer->column_indexes, &writer->offset_indexes, &writer->keys,
                          &writer->split_offsets};
    for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++)
        buf_free(bufs[i]);
    pq_compressor_free(writer->compressor);
    mem_free(writer->summaries);
    arena_free(&writer->arena);
    mem_free(writer);
}

size_t parquet_writer_columns(const struct parquet_writer *writer)
{
    return writer->column_count;
}

size_t parquet_writer_column(const struct parquet_writer *writer, int32_t id)
{
    for (size_t i = 0; i < writer->column_count; i++) {
        if (writer->columns[i].id == id)
            return i;
    }
    return PARQUET_NO_COLUMN;
}

/* ---- Pages and row groups ------------------------------------------------------------------------------ */

/* The chunk goes out: its dictionary page, then its data pages. */
static bool write_chunk(struct parquet_writer *writer, struct pq_column *column)
{
    uint64_t start = writer->offset;
    uint64_t dictionary_bytes = 0;
    if (column->pages_dictionary != 0) {
        uint64_t raw_bytes;
        if (!pq_dictionary_page(writer, column, &raw_bytes) || !give(writer, buf_str(&writer->scratch)))
            return false;
        dictionary_bytes = writer->scratch.len;
        column->raw_bytes += raw_bytes;
    }
    if (!give(writer, buf_str(&column->chunk)))
        return false;
    pq_footer_chunk(writer, column, start, dictionary_bytes);
    struct parquet_column_summary *summary = &column->summary;
    summary->bytes += writer->offset - start;
    summary->value_count += column->chunk_entries;
    summary->null_count += column->chunk_nulls;
    summary->nan_count += column->chunk_nans;
    pq_bounds_join(&column->bounds, column->type, &column->chunk_bounds);
    return true;
}

static bool end_group(struct parquet_writer *writer)
{
    if (writer->group_rows == 0)
        return true;
    struct pq_group_place group = {.offset = writer->offset, .rows = writer->group_rows};
    for (size_t i = 0; i < writer->column_count; i++) {
        struct pq_column *column = &writer->columns[i];
        pq_fill(writer, column, writer->group_rows);
        if (!pq_page_finish(writer, column) || !write_chunk(writer, column))
            return false;
        group.raw_bytes += column->raw_bytes;
        begin_chunk(column);
    }
    group.bytes = writer->offset - group.offset;
    buf_append(&writer->groups, &group, sizeof group);
    buf_append(&writer->split_offsets, &group.offset, sizeof group.offset);
    writer->rows += writer->group_rows;
    writer->group_rows = 0;
    writer->group_raw_bytes = 0;
    writer->page_row_count = 0;
    writer->page_full = false;
    return true;
}

bool pq_cut(struct parquet_writer *writer)
{
    writer->page_row_count = 0;
    writer->page_full = false;
    for (size_t i = 0; i < writer->column_count; i++) {
        struct pq_column *column = &writer->columns[i];
        if (column->entry_count == 0)
            continue;
        pq_fill(writer, column, writer->group_rows);
        if (!pq_page_finish(writer, column))
            return false;
    }
    return (writer->group_rows < writer->options.row_group_rows &&
            writer->group_raw_bytes < writer->options.row_group_bytes) ||
           end_group(writer);
}

bool parquet_writer_flush(struct parquet_writer *writer, struct error *err)
{
    return (!writer->failed && end_group(writer)) || pq_failed(writer, err);
}

/* ---- The end ------------------------------------------------------------------------------------------- */

void parquet_writer_set(struct parquet_writer *writer, struct str key, struct str value)
{
    size_t count;
    struct pq_key *keys = keys_of(writer, &count);
    for (size_t i = 0; i < count; i++) {
        if (str_equal(str_make(keys[i].key, keys[i].key_len), key)) {
            mem_free(keys[i].value);
            keys[i].value = str_dup(value);
            keys[i].value_len = value.len;
            return;
        }
    }
    struct pq_key fresh = {str_dup(key), str_dup(value), key.len, value.len};
    buf_append(&writer->keys, &fresh, sizeof fresh);
}

uint64_t parquet_writer_rows(const struct parquet_writer *writer)
{
    return writer->rows + writer->group_rows;
}

/* Pages under construction count by the rate at which the file's pages were compressed. */
uint64_t parquet_writer_bytes(const struct parquet_writer *writer)
{
    uint64_t pages = 0, raw = 0, packed = 0;
    for (size_t i = 0; i < writer->column_count; i++) {
        const struct pq_column *column = &writer->columns[i];
        pages += column->page.len - column->head;
        raw += column->raw_bytes;
        packed += column->chunk.len;
    }
    if (raw != 0)
        pages = (uint64_t)((double)pages * (double)packed / (double)raw);
    return writer->offset + packed + pages + writer->metas.len + writer->column_indexes.len +
           writer->offset_indexes.len;
}

size_t parquet_writer_memory(const struct parquet_writer *writer)
{
    size_t bytes = writer->arena.used_bytes + writer->scratch.cap + writer->levels.cap + writer->packed.cap +
                   writer->metas.cap + writer->chunks.cap + writer->groups.cap + writer->column_indexes.cap +
                   writer->offset_indexes.cap + writer->split_offsets.cap + writer->keys.cap;
    for (size_t i = 0; i < writer->column_count; i++) {
        const struct pq_column *column = &writer->columns[i];
        bytes += column->page.cap + column->defs.cap + column->reps.cap + column->lengths.cap +
                 column->indexes.cap + column->chunk.cap + column->pages.cap + column->dictionary.values.cap +
                 column->dictionary.entries.cap + column->dictionary.slot_count * sizeof(uint32_t);
    }
    return bytes;
}

static void summarise(struct parquet_writer *writer, struct parquet_summary *out)
{
    writer->summaries = mem_alloc(writer->column_count * sizeof *writer->summaries);
    for (size_t i = 0; i < writer->column_count; i++) {
        struct pq_column *column = &writer->columns[i];
        column->summary.bounds = pq_bounds_show(&column->bounds);
        writer->summaries[i] = column->summary;
    }
    *out = (struct parquet_summary){
        .bytes = writer->offset,
        .rows = writer->rows,
        .columns = writer->summaries,
        .column_count = writer->column_count,
        .split_offsets = (const uint64_t *)(const void *)writer->split_offsets.data,
        .split_count = writer->split_offsets.len / sizeof(uint64_t),
    };
}

bool parquet_writer_finish(struct parquet_writer *writer, struct parquet_summary *out, struct error *err)
{
    assert(writer->summaries == NULL);
    if (!parquet_writer_flush(writer, err))
        return false;
    uint64_t column_indexes_at = writer->offset;
    if (!give(writer, buf_str(&writer->column_indexes)))
        return pq_failed(writer, err);
    uint64_t offset_indexes_at = writer->offset;
    if (!give(writer, buf_str(&writer->offset_indexes)))
        return pq_failed(writer, err);
    struct buf *footer = &writer->scratch;
    buf_reset(footer);
    pq_footer_write(writer, footer, column_indexes_at, offset_indexes_at);
    if (!give(writer, buf_str(footer)))
        return pq_failed(writer, err);
    summarise(writer, out);
    writer->failed = true; /* nothing may come behind */
    error_set(&writer->why, ERR_CLOSED, "the file is finished");
    return true;
}
