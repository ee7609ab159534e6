/* A range of the buffer once more: its rows go into a file of columns. They are the same rows in the same order whenever it is
 * done: so are the bytes. */
#include "sink/sink_internal.h"

#define CHUNK_BYTES ((size_t)1 << 20)

/* Rows that cannot be read were counted when the range was made. */
static bool add_chunk(struct log_chunk *chunk, uint64_t *at, uint64_t next, struct sheet *sheet,
                      struct sql_scope *scope, struct error *err)
{
    struct log_cursor cursor;
    struct log_record record;
    struct sql_value row;
    struct error bad;
    log_cursor_init(&cursor, chunk, *at);
    while (*at < next && log_cursor_next(&cursor, &record)) {
        if (record.offset >= next)
            break;
        if (row_read(record.data, scope, &row, &bad) && !sheet_add(sheet, &row, scope, err))
            return false;
        *at = record.offset + 1;
    }
    return true;
}

bool range_file_write(struct log *log, uint64_t first, uint64_t next, const struct sheet_format *format,
                      int fd, struct sheet *sheet, struct parquet_summary *out, struct error *err)
{
    struct sql_scope scope = {0};
    struct log_chunk *chunk;
    bool ok = sheet_open(sheet, format, fd, err);
    for (uint64_t at = first; ok && at < next;) {
        enum log_read_result result = log_read(log, at, CHUNK_BYTES, 0, &chunk, err);
        if (result != LOG_READ) {
            ok = result == LOG_READ_FAILED
                     ? false
                     : error_set(err, ERR_INTERNAL, "the rows of an object have left the buffer");
            break;
        }
        ok = add_chunk(chunk, &at, next, sheet, &scope, err);
        log_chunk_unref(chunk);
    }
    sql_scope_free(&scope);
    return ok && sheet_finish(sheet, out, err);
}
