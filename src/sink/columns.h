/* Rows of the rule language as columns of a table: Parquet and Iceberg.
 *
 *     rows ─▶ shape   which columns, and what has been in them
 *     shape (+ the table's columns) ─▶ sheet   columns with types, and the file that is written
 *     rows again ─▶ sheet
 *
 * A column's type is the declared one, in an Iceberg table the table's, else it follows from all values of the object:
 *
 *     boolean    only true and false
 *     long       only integers of 64 bits
 *     double     numbers, if a double holds each of the integers exactly
 *     binary     a string among them is not UTF-8
 *     string     all else; what is no string is there as JSON
 *
 * No value is lost or altered: one that does not fit into its column (which then is null) is in the string column REST_COLUMN
 * of its row, an object {name: value, …}; bytes that are not UTF-8 are {"$hex": "…"} in it. That column is in a file only if
 * something may need it. A column without any value is left out. Thread: one at a time for each. */
#ifndef SINK_COLUMNS_H
#define SINK_COLUMNS_H

#include "base/arena.h"
#include "base/map.h"
#include "sql/value.h"
#include "table/iceberg.h"
#include "table/parquet.h"

#include <jansson.h>

#define REST_COLUMN       STR("_rest")
#define COLUMNS_MAX       1000 /* what comes after them is in REST_COLUMN */
#define COLUMN_NAME_BYTES 255

/* ---- What is declared ------------------------------------------------------------------------------------ */

enum column_kind { /* in the order of their names */
                   COLUMN_BOOLEAN,
                   COLUMN_LONG,
                   COLUMN_DOUBLE,
                   COLUMN_STRING,
                   COLUMN_BINARY,
                   COLUMN_TIMESTAMP,    /* of integers: milliseconds since 1970; of texts: RFC 3339 */
                   COLUMN_TIMESTAMP_US, /* of integers: microseconds */
                   COLUMN_INFERRED
};

struct declared_column {
    char *name;
    enum column_kind kind;
};
struct declared_columns {
    struct declared_column *columns;
    size_t count;
};

/* {"n": "long", …}; adds to `out`, which is owned by the caller in any case. Errors: ERR_INVALID (which column, what was expected). */
bool declared_read(const json_t *map, struct declared_columns *out, struct error *err);
/* The fields of an Avro record, as JSON: EMQX's way to say it. Errors: as above. */
bool declared_read_avro(struct str text, struct declared_columns *out, struct error *err);
void declared_free(struct declared_columns *declared);

/* ---- What the rows have ---------------------------------------------------------------------------------- */

enum seen { /* bits */
            SEEN_BOOL = 1,
            SEEN_INT = 2,    /* of 32 bits */
            SEEN_LONG = 4,   /* a double holds it exactly */
            SEEN_BIG = 8,    /* of 64 bits */
            SEEN_WIDE = 16,  /* of more */
            SEEN_FLOAT = 32, /* not whole, or beyond what is exact */
            SEEN_WHOLE = 64, /* a float without a fraction that a long holds exactly */
            SEEN_TEXT = 128, /* UTF-8 */
            SEEN_BYTES = 256,
            SEEN_TREE = 512 /* a list, a map */
};

struct shape_column {
    char *name;
    enum column_kind kind;
    unsigned seen;
};

struct shape {
    struct shape_column **columns;
    size_t count;
    struct map by_name;
    bool overflows; /* a value has no column */
};

/* Columns that are declared come first. Returns owned. */
struct shape *shape_new(const struct declared_columns *declared);
void shape_free(struct shape *shape); /* takes; NULL is fine */
void shape_add(struct shape *shape, const struct sql_value *row);

/* ---- A file of rows -------------------------------------------------------------------------------------- */

struct sheet_format {
    enum parquet_codec codec;
    uint64_t row_group_bytes;
};

struct sheet_column;

struct sheet {
    struct arena arena;
    struct table_schema table;   /* Iceberg: the table's columns, these among them */
    struct table_schema schema;  /* of the file */
    struct sheet_column *lookup; /* in the order of schema, the rest last */
    size_t column_count;
    struct map by_name;
    bool has_rest;
    size_t rest;
    struct parquet_writer *writer;
    int fd;
    uint32_t crc;
    uint64_t rest_values; /* so many values did not fit */
    struct buf text;
};

/* The columns of a file of its own. Zero-initialise; sheet_free() in any case. */
void sheet_plan(struct sheet *sheet, const struct shape *shape);
/* Of a file in a table, NULL: one that is still to be made. sheet->table is what its schema has to become, and borrows from it. Errors: ERR_CONFLICT (a column of the
 * table cannot be written: which), ERR_INVALID. */
bool sheet_plan_in(struct sheet *sheet, const struct shape *shape, const struct iceberg_table *table,
                   struct error *err);
/* Whether a file of one is a file of the other. */
bool sheet_equal(const struct sheet *a, const struct sheet *b);

/* Begins the file, at the beginning of fd. Errors of these: ERR_INVALID, those of writing. */
bool sheet_open(struct sheet *sheet, const struct sheet_format *format, int fd, struct error *err);
/* The scope is that of the row, and keeps its values. */
bool sheet_add(struct sheet *sheet, const struct sql_value *row, struct sql_scope *scope, struct error *err);
/* The summary borrows from the sheet. */
bool sheet_finish(struct sheet *sheet, struct parquet_summary *out, struct error *err);
void sheet_free(struct sheet *sheet); /* zeroes it */

#endif
