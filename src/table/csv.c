/* Comma-separated values: a header, then a line for each row.
 *
 *     field, field, …, field LF
 *     field:  text, or "text with "" for each quote" if it holds , " CR LF [ or ]
 *
 * A row's cells mostly come in the order of the row before: a column is looked for where it was found
 * last. */
#include "table/cells.h"

#include "base/mem.h"

#include <stdlib.h>

struct column {
    char *name; /* owned */
    size_t name_len;
    size_t at; /* of its cell in the row before */
};

struct csv_writer {
    struct column *columns;
    size_t count;
    size_t given; /* how many csv_writer_new() named */
    bool begun;   /* the header has been written */
};

void csv_append_field(struct buf *out, struct str text)
{
    bool quotes = false;
    for (size_t i = 0; i < text.len && !quotes; i++)
        quotes = strchr(",\"\r\n[]", text.data[i]) != NULL && text.data[i] != '\0';
    if (!quotes) {
        buf_append_str(out, text);
        return;
    }
    buf_append_byte(out, '"');
    for (size_t i = 0; i < text.len;) {
        const char *quote = memchr(text.data + i, '"', text.len - i);
        size_t end = quote != NULL ? (size_t)(quote - text.data) + 1 : text.len;
        buf_append(out, text.data + i, end - i);
        if (quote != NULL)
            buf_append_byte(out, '"');
        i = end;
    }
    buf_append_byte(out, '"');
}

/* ---- Columns ------------------------------------------------------------------------------------------- */

static struct str name_of(const struct column *column)
{
    return str_make(column->name, column->name_len);
}

static void add_column(struct csv_writer *writer, struct str name)
{
    writer->columns = mem_realloc(writer->columns, (writer->count + 1) * sizeof *writer->columns);
    writer->columns[writer->count++] = (struct column){str_dup(name), name.len, 0};
}

static bool has_column(const struct csv_writer *writer, struct str name)
{
    for (size_t i = 0; i < writer->count; i++) {
        if (str_equal(name_of(&writer->columns[i]), name))
            return true;
    }
    return false;
}

struct csv_writer *csv_writer_new(const struct str *columns, size_t count)
{
    struct csv_writer *writer = mem_zalloc(sizeof *writer);
    for (size_t i = 0; i < count; i++) {
        if (!has_column(writer, columns[i]))
            add_column(writer, columns[i]);
    }
    writer->given = writer->count;
    return writer;
}

void csv_writer_free(struct csv_writer *writer)
{
    if (writer == NULL)
        return;
    for (size_t i = 0; i < writer->count; i++)
        mem_free(writer->columns[i].name);
    mem_free(writer->columns);
    mem_free(writer);
}

static int by_name(const void *a, const void *b)
{
    return str_compare(name_of(a), name_of(b));
}

static void begin(struct csv_writer *writer, const struct table_cell *cells, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        if (!has_column(writer, cells[i].name))
            add_column(writer, cells[i].name);
    }
    if (writer->count > writer->given)
        qsort(writer->columns + writer->given, writer->count - writer->given, sizeof *writer->columns,
              by_name);
    for (size_t i = 0; i < writer->count; i++) {
        if (i != 0)
            buf_append_byte(out, ',');
        csv_append_field(out, name_of(&writer->columns[i]));
    }
    buf_append_byte(out, '\n');
    writer->begun = true;
}

/* ---- Rows ---------------------------------------------------------------------------------------------- */

static const struct table_cell *find(struct column *column, const struct table_cell *cells, size_t count)
{
    struct str name = name_of(column);
    if (column->at < count && str_equal(cells[column->at].name, name))
        return &cells[column->at];
    for (size_t i = 0; i < count; i++) {
        if (str_equal(cells[i].name, name)) {
            column->at = i;
            return &cells[i];
        }
    }
    return NULL;
}

void csv_write_row(struct csv_writer *writer, const struct table_cell *cells, size_t count, struct buf *out)
{
    if (!writer->begun)
        begin(writer, cells, count, out);
    for (size_t i = 0; i < writer->count; i++) {
        if (i != 0)
            buf_append_byte(out, ',');
        const struct table_cell *cell = find(&writer->columns[i], cells, count);
        if (cell != NULL && cell->kind != CELL_NULL)
            csv_append_field(out, cell->text);
    }
    buf_append_byte(out, '\n');
}
