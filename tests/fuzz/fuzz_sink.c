/* Any bytes as a record of an action's buffer: what does not read is an error; a row that does is written and read back as it
 * is, and goes into a file of each kind.
 *
 * Input: a byte of choices (1: columns are declared, so that values do not fit; 2: CSV, else JSON Lines), then the record. */
#include "base/mem.h"
#include "sink/sink_internal.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool claim)
{
    if (!claim)
        abort();
}

static bool is_known(const struct error *err)
{
    return err->code == ERR_CORRUPT || err->code == ERR_LIMIT || err->code == ERR_INVALID ||
           err->code == ERR_TOO_LARGE;
}

static int file(void)
{
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("fuzz_sink", MFD_CLOEXEC);
    must(fd >= 0 && ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

/* What was read, written again, is the same bytes but for numbers and texts that were not as short as can be: so it is compared
 * after another round. */
static void check_round_trip(const struct sql_value *row)
{
    struct buf once = {0}, twice = {0};
    struct sql_scope scope = {0};
    struct sql_value back;
    struct error err;
    row_write(row, &once);
    must(row_read(buf_str(&once), &scope, &back, &err) || err.code == ERR_LIMIT);
    if (row_read(buf_str(&once), &scope, &back, &err)) {
        row_write(&back, &twice);
        must(str_equal(buf_str(&once), buf_str(&twice)));
    }
    sql_scope_free(&scope);
    buf_free(&once);
    buf_free(&twice);
}

static void write_text(const struct sql_value *row, bool csv)
{
    const struct container_format format = {.type = csv ? CONTAINER_CSV : CONTAINER_JSON_LINES};
    struct error err;
    uint64_t length;
    struct container *container = container_new(&format, file(), &err);
    must(container != NULL);
    if (container_add(container, row, &err))
        must(container_finish(container, &length, &err));
    else
        must(is_known(&err));
    container_free(container);
}

static void write_columns(const struct sql_value *row, struct sql_scope *scope, bool declares)
{
    static char a[] = "a", b[] = "b";
    static struct declared_column columns[] = {{a, COLUMN_LONG}, {b, COLUMN_TIMESTAMP}};
    const struct declared_columns declared = {columns, declares ? 2 : 0};
    const struct sheet_format format = {.codec = PARQUET_UNCOMPRESSED, .row_group_bytes = 1 << 20};
    struct sheet sheet = {0};
    struct parquet_summary summary;
    struct error err;
    struct shape *shape = shape_new(&declared);
    shape_add(shape, row);
    sheet_plan(&sheet, shape);
    must(sheet_open(&sheet, &format, file(), &err));
    if (sheet_add(&sheet, row, scope, &err)) {
        must(sheet.has_rest || sheet.rest_values == 0);
        must(sheet_finish(&sheet, &summary, &err) && summary.rows == 1);
    } else {
        must(is_known(&err));
    }
    sheet_free(&sheet);
    shape_free(shape);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct error err;
    struct sink_request request = {0};
    struct sink_envelope envelope;
    struct sql_scope scope = {0};
    struct sql_value row;
    if (len == 0)
        return 0;
    /* A copy of its own, so that reading beyond it is seen. */
    char *copy = mem_dup(data + 1, len - 1);
    const struct str record = str_make(copy, len - 1);
    must(envelope_read(record, &envelope, &err) || err.code == ERR_CORRUPT);
    must(record_read(record, &request, &err) || err.code == ERR_CORRUPT);
    if (row_read(record, &scope, &row, &err)) {
        check_round_trip(&row);
        write_text(&row, (data[0] & 2) != 0);
        write_columns(&row, &scope, (data[0] & 1) != 0);
    } else {
        must(is_known(&err));
    }
    sql_scope_free(&scope);
    mem_free(copy);
    return 0;
}
