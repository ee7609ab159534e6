/* Parquet files: rows as compressed columns, written and read. Values in, bytes out; no I/O, no thread.
 *
 * A *column* is a leaf of the schema: fields in their order, depth first, lists and structures replaced by
 * what is in them. A file is a sequence of row groups; in each, every column is one chunk of pages:
 *
 *     PAR1 · row group · row group · … · column and offset indexes · footer · length of the footer · PAR1
 *
 * Offered are required and optional columns of all types of table/schema.h, alone or in a list (of values or
 * of structures), as Iceberg wants them: a field id on every element, lists of three levels.
 *
 * Thread: any, one at a time for each writer, file or scan. A file that is not given more indexes may be
 * shared. */
#ifndef TABLE_PARQUET_H
#define TABLE_PARQUET_H

#include "base/error.h"
#include "base/str.h"
#include "table/schema.h"

#include <stdint.h>

enum parquet_codec {
    PARQUET_ZSTD,
    PARQUET_UNCOMPRESSED,
    PARQUET_SNAPPY,
    PARQUET_GZIP,
    PARQUET_LZ4_RAW,
    PARQUET_BROTLI, /* read only */
    PARQUET_LZ4,    /* read only: as Hadoop frames it */
    PARQUET_CODECS
};

/* "zstd", "none", "snappy", "gzip", "lz4_raw", "brotli", "lz4": static. */
const char *parquet_codec_name(enum parquet_codec codec);
/* Of a codec that can be written. Errors: ERR_INVALID (lists the names). */
bool parquet_codec_parse(struct str name, enum parquet_codec *codec, struct error *err);

/* A value below and one above all values of a column: as Iceberg writes single values (little-endian numbers,
 * bytes of strings; a boolean is one byte). Long strings are cut to PARQUET_BOUND_BYTES at most; what is cut
 * is still a bound. */
struct parquet_bounds {
    bool known; /* false: no value, or none told; the others are then not set */
    struct str lower;
    struct str upper;
};
#define PARQUET_BOUND_BYTES 64

/* ---- Vectors ------------------------------------------------------------------------------------------- */

/* Rows of one column. An *entry* is a place for a value: one for each row, or, in a list, one for each
 * element of the lists of all rows. */
struct parquet_vector {
    enum table_type type;
    size_t rows;
    size_t count; /* entries; without lists the same as rows */
    /* Of each entry, 1 if there is no value; NULL: there is one in each. */
    const uint8_t *nulls;
    /* In a list: the entries of row r are [offsets[r], offsets[r + 1]); rows + 1 of them, the first is 0.
     * NULL: not in one. */
    const uint32_t *offsets;
    /* In a list: of each row, 1 if the list is null, which is not the same as empty. NULL: no list is
     * null. */
    const uint8_t *null_lists;
    /* Of each entry; 0 or empty where it is null. */
    union {
        const void *values; /* NULL: no entry has a value; `nulls` need not be set then */
        const uint8_t *booleans;
        const int32_t *ints;  /* TABLE_INT, TABLE_DATE */
        const int64_t *longs; /* TABLE_LONG, TABLE_TIMESTAMPTZ */
        const float *floats;
        const double *doubles;
        const struct str *strings; /* TABLE_STRING, TABLE_BINARY */
    };
};

static inline bool parquet_is_null(const struct parquet_vector *vector, size_t entry)
{
    return vector->values == NULL || (vector->nulls != NULL && vector->nulls[entry] != 0);
}

/* ---- Writing -------------------------------------------------------------------------------------------
 *
 * A value is copied once, into the page that it becomes part of; a full page is compressed at once;
 * compressed pages wait until their row group is full and then go out, column after column. So a writer holds
 * a page of each column and one row group, compressed, however large the file is. */

enum parquet_encoding {
    PARQUET_PLAIN,
    PARQUET_DICTIONARY, /* plain from where a row group's dictionary would exceed dictionary_bytes, or does not pay */
    /* Numbers as differences, lengths of strings apart from their bytes. Smaller and faster for offsets and
     * times; not every reader knows it. Booleans, floats and doubles stay plain. */
    PARQUET_DELTA
};

struct parquet_column_options {
    int32_t id; /* the field's */
    enum parquet_encoding encoding;
    bool no_bounds; /* of a column that nobody looks for values in: payloads */
};

struct parquet_write_options {
    enum parquet_codec codec;
    int level;          /* zstd 1..22, gzip 1..9, lz4_raw 1..12; 0: zstd 1, gzip 6, lz4_raw 1 */
    uint32_t page_rows; /* a page ends at so many rows; 0: 8,192 */
    uint32_t
        page_bytes; /* or when the largest page of a row group has so many bytes before compression; 0: 1 MiB */
    uint32_t row_group_rows;   /* a row group ends at so many rows; 0: 65,536 */
    uint64_t row_group_bytes;  /* or at so many bytes before compression; 0: 64 MiB */
    uint32_t dictionary_bytes; /* of the values of a column and row group; 0: 1 MiB */
    /* Of columns that are not plain; borrowed until the opening has returned. */
    const struct parquet_column_options *columns;
    size_t column_count;
    struct str created_by; /* empty: "varve version <version> (build <version>)" */
};

/* Takes the next bytes of the file, in order. Returns false with err to stop: then so does the writer. */
typedef bool parquet_write_fn(void *arg, struct str bytes, struct error *err);

struct parquet_writer;

/* Returns owned. Borrows the schema until the closing. Calls `write` at once. Errors: ERR_INVALID (an option
 * or id, which), ERR_UNSUPPORTED (a list within a list, an optional structure that is no element, …: which
 * field), those of `write`. */
struct parquet_writer *parquet_writer_open(const struct table_schema *schema,
                                           const struct parquet_write_options *options,
                                           parquet_write_fn *write, void *arg, struct error *err);
/* At any time; the file is whole only if parquet_writer_finish() has returned true. Takes; NULL is fine. */
void parquet_writer_close(struct parquet_writer *writer);

size_t parquet_writer_columns(const struct parquet_writer *writer);
#define PARQUET_NO_COLUMN SIZE_MAX
/* The column of a leaf field. PARQUET_NO_COLUMN: no leaf has this id. */
size_t parquet_writer_column(const struct parquet_writer *writer, int32_t id);

/* Row by row: values for any of the columns, in any order, each at most once in a row (in a list: as often as
 * it has elements, null ones included), then parquet_end_row(). What is not put is null. The calls must fit
 * the column's type; they are cheap and cannot fail: what is wrong with them, parquet_end_row() tells. Bytes
 * are copied. */
void parquet_put_boolean(struct parquet_writer *writer, size_t column, bool value);
void parquet_put_int(struct parquet_writer *writer, size_t column, int32_t value);  /* int, date */
void parquet_put_long(struct parquet_writer *writer, size_t column, int64_t value); /* long, timestamptz */
void parquet_put_float(struct parquet_writer *writer, size_t column, float value);
void parquet_put_double(struct parquet_writer *writer, size_t column, double value);
/* string, binary. That a string is valid UTF-8 is the caller's duty. */
void parquet_put_str(struct parquet_writer *writer, size_t column, struct str value);
/* The row's list, before its elements: how many it has, 0 for an empty one. `column` is any that lies in
 * it. */
void parquet_put_list(struct parquet_writer *writer, size_t column, uint32_t count);
/* Of an element or its member; elsewhere not needed. */
void parquet_put_null(struct parquet_writer *writer, size_t column);

/* Errors: ERR_INVALID (a required column without value, a list with another number of elements than said:
 * which), ERR_TOO_LARGE (a value of more than PARQUET_VALUE_BYTES), those of `write`. After an error the
 * writer can only be closed. */
bool parquet_end_row(struct parquet_writer *writer, struct error *err);
#define PARQUET_VALUE_BYTES (1u << 30)

/* Rows at once, between two rows: a vector for each column, with the column's type. Errors: as
 * parquet_end_row(). */
bool parquet_write(struct parquet_writer *writer, const struct parquet_vector *vectors, size_t rows,
                   struct error *err);

/* Ends the row group early. Errors: those of `write`. */
bool parquet_writer_flush(struct parquet_writer *writer, struct error *err);

/* Key-value metadata of the file, until it is finished; the last value of a key counts. Copies both. */
void parquet_writer_set(struct parquet_writer *writer, struct str key, struct str value);

uint64_t parquet_writer_rows(const struct parquet_writer *writer);
/* What the file would have, more or less, if it were finished here. */
uint64_t parquet_writer_bytes(const struct parquet_writer *writer);
/* Of memory that the writer holds. */
size_t parquet_writer_memory(const struct parquet_writer *writer);

/* What a manifest wants to know of a column. */
struct parquet_column_summary {
    int32_t id;
    bool in_list;         /* Iceberg wants no bounds then */
    uint64_t bytes;       /* in the file */
    uint64_t value_count; /* null ones included */
    uint64_t null_count;
    uint64_t nan_count; /* float, double */
    struct parquet_bounds bounds;
};

struct parquet_summary {
    uint64_t bytes; /* of the file */
    uint64_t rows;
    const struct parquet_column_summary *columns;
    size_t column_count;
    const uint64_t *split_offsets; /* where row groups begin */
    size_t split_count;
};

/* Writes what is left, the indexes and the footer. `out` borrows from the writer. Errors: those of
 * `write`. */
bool parquet_writer_finish(struct parquet_writer *writer, struct parquet_summary *out, struct error *err);

/* ---- Opening a file to read ----------------------------------------------------------------------------
 *
 * Whoever reads fetches: the last bytes of the file, perhaps more of them, then the ranges that
 * parquet_plan() names. */

/* Fetched bytes, and where in the file they lie. */
struct parquet_extent {
    uint64_t offset;
    struct str bytes;
};

/* How many of the last bytes of the file parquet_file_open() needs; more than `tail` has, perhaps. `tail`:
 * the last bytes of the file, 8 at least. Errors: ERR_CORRUPT (no Parquet file), ERR_UNSUPPORTED
 * (encrypted). */
bool parquet_footer_bytes(struct str tail, uint64_t file_bytes, uint64_t *needed, struct error *err);

struct parquet_column {
    int32_t id; /* the field's; 0: the file has none (Iceberg's begin with 1) */
    struct str
        path; /* names from the top with dots between; without those that only make a list: "headers.key" */
    enum table_type
        type;      /* as it is read: smaller integers as int or long, times of any unit as microseconds */
    bool readable; /* false: of a type or nesting that is not offered here; `type` is not set then */
    bool required;
    bool in_list;
};

struct parquet_chunk { /* of a column in a row group */
    uint64_t offset;
    uint64_t bytes;     /* in the file */
    uint64_t raw_bytes; /* before compression */
    uint64_t value_count;
    enum parquet_codec codec;
    int64_t null_count;           /* -1: not told */
    struct parquet_bounds bounds; /* lower and upper may be further off than any value */
};

struct parquet_group {
    uint64_t first_row;
    uint64_t rows;
    uint64_t offset; /* of the range that holds all chunks */
    uint64_t bytes;
    const struct parquet_chunk *chunks; /* one for each column */
};

struct parquet_metadata {
    struct str key;
    struct str value;
};

/* Read-only. */
struct parquet_file {
    uint64_t bytes;
    uint64_t rows;
    const struct parquet_column *columns;
    size_t column_count;
    const struct parquet_group *groups;
    size_t group_count;
    const struct parquet_metadata *metadata;
    size_t metadata_count;
    struct str created_by;
};

/* Copies what it needs of the tail; the file takes at most limit_bytes of memory (0: 64 MiB), later given
 * indexes included. Returns owned. Errors: ERR_CORRUPT, ERR_UNSUPPORTED, ERR_TOO_LARGE (over the limit),
 * ERR_INVALID (the tail is shorter than parquet_footer_bytes() said). */
struct parquet_file *parquet_file_open(struct str tail, uint64_t file_bytes, size_t limit_bytes,
                                       struct error *err);
void parquet_file_close(struct parquet_file *file); /* Takes; NULL is fine. */
size_t parquet_file_memory(const struct parquet_file *file);

/* PARQUET_NO_COLUMN: there is none. In a file without ids look for the path. */
size_t parquet_file_column(const struct parquet_file *file, int32_t id);
size_t parquet_file_column_named(const struct parquet_file *file, struct str path);
bool parquet_file_metadata(const struct parquet_file *file, struct str key, struct str *value);

/* The page index: which rows are in which page, and between which bounds. Without it all works, but more is
 * read. The range of all row groups: in files of Varve just before the footer, mostly in the tail. length 0:
 * the file has none. */
void parquet_index_range(const struct parquet_file *file, uint64_t *offset, uint64_t *length);
/* Reads those parts of the index that the extents hold whole. Errors: ERR_CORRUPT, ERR_TOO_LARGE; the file
 * stays usable. */
bool parquet_file_add_index(struct parquet_file *file, const struct parquet_extent *extents,
                            size_t extent_count, struct error *err);

/* Where to start for values from `value` on, in a column of integers or times that does not fall: rows before
 * hold only smaller ones; the page (without an index: the row group) may still begin with some. */
struct parquet_place {
    size_t group; /* group_count: all rows hold smaller values */
    uint64_t row; /* in the group */
};
/* Errors: ERR_INVALID (no such column, or of another type). */
bool parquet_seek(const struct parquet_file *file, size_t column, int64_t value, struct parquet_place *out,
                  struct error *err);
/* Whether the index tells that every page of the column in this group ends above the one before. False without an index. */
bool parquet_group_ascends(const struct parquet_file *file, size_t group, size_t column);
/* The same as parquet_seek() for the number of a row in the file. */
struct parquet_place parquet_seek_row(const struct parquet_file *file, uint64_t row);

/* ---- Reading rows -------------------------------------------------------------------------------------- */

struct parquet_selection {
    size_t group;
    uint64_t first_row;  /* in the group */
    uint64_t rows;       /* 0: to its end */
    const bool *columns; /* one for each column of the file; NULL: all that are readable */
};

struct parquet_range {
    uint64_t offset;
    uint64_t length;
};

/* What to fetch for a selection: ranges in the order of the file, joined where less than `gap_bytes` lie
 * between. Returns how many there are; writes at most `cap` of them, and joins the rest into the last, if cap
 * is not 0. */
size_t parquet_plan(const struct parquet_file *file, const struct parquet_selection *selection,
                    uint64_t gap_bytes, struct parquet_range *out, size_t cap);

struct parquet_scan;

/* A scan goes through selections one after the other and keeps its memory between them: at most limit_bytes
 * (0: 64 MiB). Returns owned. */
struct parquet_scan *parquet_scan_open(size_t limit_bytes);
void parquet_scan_close(struct parquet_scan *scan); /* Takes; NULL is fine. */
size_t parquet_scan_memory(const struct parquet_scan *scan);

/* Begins a selection; gives up the one before. The extents hold what parquet_plan() names; they, their bytes
 * and the file are borrowed until the next start or the closing. Errors: ERR_INVALID (no such group or row),
 * ERR_UNSUPPORTED (a column that is not readable), those of parquet_scan_next() for dictionaries. */
bool parquet_scan_start(struct parquet_scan *scan, const struct parquet_file *file,
                        const struct parquet_selection *selection, const struct parquet_extent *extents,
                        size_t extent_count, struct error *err);

/* The next rows, at most max_rows; fewer where a page of a column ends. *rows is 0 at the end. `*vectors` has
 * one for each column of the file (those that are not selected have rows == 0) and borrows from scan and
 * extents until the next call. Checked are every length and count, and the CRCs of pages that have one; not
 * whether strings of others are UTF-8. Errors: ERR_CORRUPT (which column, what), ERR_UNSUPPORTED (an encoding),
 * ERR_TOO_LARGE (a page does not fit in the limit), ERR_INVALID (bytes of the selection are in no extent),
 * ERR_NO_MEMORY. After an error only parquet_scan_start() and parquet_scan_close() are of use. */
bool parquet_scan_next(struct parquet_scan *scan, size_t max_rows, const struct parquet_vector **vectors,
                       size_t *rows, struct error *err);

#endif
