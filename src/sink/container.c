/* Rows → the file that becomes an object: CSV (table/cells.h) or JSON Lines, perhaps compressed, written as it grows. */
#include "base/mem.h"
#include "sink/sink_internal.h"
#include "sql/json.h"
#include "table/cells.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define PIECE_BYTES   ((size_t)256 << 10)
#define ROW_BYTES_MAX ((size_t)64 << 20)

struct container {
    struct container_format format; /* column_order is not looked at any more */
    int fd;
    struct csv_writer *csv;   /* NULL: no CSV */
    struct table_cell *cells; /* CSV: of one row */
    struct buf field;         /* CSV: of its cells, those that are JSON */
    struct buf plain;         /* not compressed yet */
    struct buf packed;
    uint64_t bytes;  /* before compression */
    uint64_t length; /* of the file */
    z_stream gzip;
    ZSTD_CCtx *zstd;
};

static struct csv_writer *new_csv(const struct container_format *format)
{
    struct str *columns = mem_alloc((format->column_count + 1) * sizeof(*columns));
    for (size_t i = 0; i < format->column_count; i++)
        columns[i] = str_of(format->column_order[i]);
    struct csv_writer *csv = csv_writer_new(columns, format->column_count);
    mem_free(columns);
    return csv;
}

struct container *container_new(const struct container_format *format, int fd, struct error *err)
{
    struct container *container = mem_zalloc(sizeof(*container));
    container->format = *format;
    container->fd = fd;
    bool ok = true;
    if (format->compression == COMPRESSION_ZSTD)
        ok = (container->zstd = ZSTD_createCCtx()) != NULL;
    else if (format->compression == COMPRESSION_GZIP)
        ok = deflateInit2(&container->gzip, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
                          Z_DEFAULT_STRATEGY) == Z_OK;
    if (ok && format->type == CONTAINER_CSV)
        container->csv = new_csv(format);
    if (ok)
        return container;
    error_set(err, ERR_NO_MEMORY, "no memory for compression");
    mem_free(container);
    return NULL;
}

void container_free(struct container *container)
{
    if (container == NULL)
        return;
    csv_writer_free(container->csv);
    mem_free(container->cells);
    if (container->format.compression == COMPRESSION_GZIP)
        deflateEnd(&container->gzip);
    ZSTD_freeCCtx(container->zstd);
    buf_free(&container->plain);
    buf_free(&container->field);
    buf_free(&container->packed);
    mem_free(container);
}

uint64_t container_bytes(const struct container *container)
{
    return container->bytes;
}

/* ---- Writing --------------------------------------------------------------------------------------------- */

static bool write_all(struct container *container, struct str data, struct error *err)
{
    container->length += data.len;
    while (data.len > 0) {
        ssize_t done = write(container->fd, data.data, data.len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_errno(err, errno, "write to the file that becomes an object");
        data = str_make(data.data + done, data.len - (size_t)done);
    }
    return true;
}

static bool pack_gzip(struct container *container, bool last, struct error *err)
{
    z_stream *z = &container->gzip;
    int result;
    z->next_in = container->plain.data;
    z->avail_in = (uInt)container->plain.len;
    do {
        z->next_out = container->packed.data;
        z->avail_out = (uInt)container->packed.cap;
        result = deflate(z, last ? Z_FINISH : Z_NO_FLUSH);
        size_t len = container->packed.cap - z->avail_out;
        if (!write_all(container, str_make(container->packed.data, len), err))
            return false;
    } while (z->avail_out == 0 || (last && result == Z_OK));
    return true;
}

static bool pack_zstd(struct container *container, bool last, struct error *err)
{
    ZSTD_inBuffer in = {container->plain.data, container->plain.len, 0};
    size_t left;
    do {
        ZSTD_outBuffer out = {container->packed.data, container->packed.cap, 0};
        left = ZSTD_compressStream2(container->zstd, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left))
            return error_set(err, ERR_INTERNAL, "zstd: %s", ZSTD_getErrorName(left));
        if (!write_all(container, str_make(container->packed.data, out.pos), err))
            return false;
    } while (in.pos < in.size || (last && left > 0));
    return true;
}

static bool flush(struct container *container, bool last, struct error *err)
{
    bool ok = true;
    if (container->format.compression != COMPRESSION_NONE && container->packed.cap == 0)
        buf_reserve(&container->packed, PIECE_BYTES);
    switch (container->format.compression) {
    case COMPRESSION_NONE: ok = write_all(container, buf_str(&container->plain), err); break;
    case COMPRESSION_GZIP: ok = pack_gzip(container, last, err); break;
    case COMPRESSION_ZSTD: ok = pack_zstd(container, last, err); break;
    case COMPRESSION_SNAPPY: return error_set(err, ERR_INTERNAL, "snappy is of Parquet files alone");
    }
    buf_reset(&container->plain);
    return ok;
}

/* ---- CSV ------------------------------------------------------------------------------------------------- */

/* The row as cells; what is no text becomes JSON in container->field, and is pointed to once that does not move any more. */
static bool csv_row(struct container *container, const struct sql_value *row, struct error *err)
{
    struct buf *field = &container->field;
    container->cells = mem_realloc(container->cells, (row->len + 1) * sizeof(*container->cells));
    buf_reset(field);
    for (uint32_t i = 0; i < row->len; i++) {
        const struct sql_entry *entry = sql_map_at(row, i);
        const struct sql_value *value = &entry->value;
        struct table_cell *cell = &container->cells[i];
        *cell = (struct table_cell){.name = sql_key_of(entry), .kind = CELL_JSON};
        if (sql_is(value, SQL_UNDEFINED) || sql_is(value, SQL_NULL)) {
            cell->kind = CELL_NULL;
        } else if (sql_is(value, SQL_STRING)) {
            cell->kind = CELL_TEXT;
            cell->text = sql_str_of(value);
        } else {
            size_t before = field->len;
            if (!sql_json_append(field, value, before + ROW_BYTES_MAX, err))
                return false;
            cell->text.len = field->len - before;
        }
    }
    const char *at = (const char *)field->data;
    for (uint32_t i = 0; i < row->len; i++) {
        if (container->cells[i].kind != CELL_JSON)
            continue;
        container->cells[i].text.data = at;
        at += container->cells[i].text.len;
    }
    csv_write_row(container->csv, container->cells, row->len, &container->plain);
    return true;
}

/* ---- Rows ------------------------------------------------------------------------------------------------ */

static bool json_row(struct container *container, const struct sql_value *row, struct error *err)
{
    if (!sql_json_append(&container->plain, row, container->plain.len + ROW_BYTES_MAX, err))
        return false;
    buf_append_byte(&container->plain, '\n');
    return true;
}

bool container_add(struct container *container, const struct sql_value *row, struct error *err)
{
    size_t before = container->plain.len;
    if (!(container->csv != NULL ? csv_row(container, row, err) : json_row(container, row, err)))
        return false;
    container->bytes += container->plain.len - before;
    return container->plain.len < PIECE_BYTES || flush(container, false, err);
}

bool container_finish(struct container *container, uint64_t *length, struct error *err)
{
    if (!flush(container, true, err))
        return false;
    *length = container->length;
    return true;
}
