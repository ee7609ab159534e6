/* Rows as text: CSV, for sinks. A row is a list of named cells; there is no schema.
 *
 * Thread: any, one at a time for each writer. */
#ifndef TABLE_CELLS_H
#define TABLE_CELLS_H

#include "base/buf.h"

#include <stdbool.h>

enum cell_kind {
    CELL_NULL,
    CELL_TEXT, /* a string */
    CELL_JSON  /* a number, true or false, a list or a map: as JSON writes it */
};

struct table_cell {
    struct str name; /* once in a row */
    enum cell_kind kind;
    struct str text; /* of CELL_NULL not used */
};

/* ---- CSV ----------------------------------------------------------------------------------------------- */

/* A field: as it is, or in quotes if it holds a comma, a quote, an end of line or a bracket; quotes within
 * are doubled. */
void csv_append_field(struct buf *out, struct str text);

struct csv_writer;

/* Returns owned. The columns named here come first, in this order; copies them. */
struct csv_writer *csv_writer_new(const struct str *columns, size_t count);
void csv_writer_free(struct csv_writer *writer); /* Takes; NULL is fine. */
/* Appends the row, its fields in the order of the columns, with LF at the end. The first row decides the
 * columns and puts the header in front: those of csv_writer_new(), then what else it has, by name. What a
 * later row has besides is left out, what it lacks or is null is empty. */
void csv_write_row(struct csv_writer *writer, const struct table_cell *cells, size_t count, struct buf *out);

#endif
