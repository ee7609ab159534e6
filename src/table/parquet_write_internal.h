/* What the parts of the writer share.
 *
 *     parquet_writer.c       opening, row groups, the end
 *     parquet_columns.c      columns of a schema
 *     parquet_put.c          values into pages
 *     parquet_dictionary.c   values that come again
 *     parquet_bounds.c       smallest and largest values
 *     parquet_page.c         a page's values and levels become bytes
 *     parquet_footer.c       schema, row groups and indexes as Thrift */
#ifndef TABLE_PARQUET_WRITE_INTERNAL_H
#define TABLE_PARQUET_WRITE_INTERNAL_H

#include "base/arena.h"
#include "table/parquet_internal.h"

/* ---- Bounds -------------------------------------------------------------------------------------------- */

/* Between which values some rows lie. Floats: without NaN. */
struct pq_bounds {
    bool any;         /* there is a value */
    bool open;        /* there is no upper bound that is short enough: bytes 255, 64 of them */
    bool lower_exact; /* it is a value itself */
    bool upper_exact;
    uint8_t lower_len;
    uint8_t upper_len;
    uint8_t lower[PARQUET_BOUND_BYTES];
    uint8_t upper[PARQUET_BOUND_BYTES];
};

/* Of values as they lie in memory; `nans` grows by how many are NaN. */
void pq_bounds_of_numbers(struct pq_bounds *bounds, enum table_type type, const void *values, size_t count,
                          uint64_t *nans);
/* Widened to hold the value. */
void pq_bounds_add_str(struct pq_bounds *bounds, enum table_type type, struct str least, struct str most);
void pq_bounds_join(struct pq_bounds *bounds, enum table_type type, const struct pq_bounds *more);
/* <0, 0, >0 in the order of the type. Both as plain values; floats: not NaN. */
int pq_compare(enum table_type type, struct str a, struct str b);
struct parquet_bounds pq_bounds_show(const struct pq_bounds *bounds);

static inline struct str pq_lower(const struct pq_bounds *bounds)
{
    return str_make(bounds->lower, bounds->lower_len);
}

static inline struct str pq_upper(const struct pq_bounds *bounds)
{
    return str_make(bounds->upper, bounds->upper_len);
}

/* ---- Dictionary ---------------------------------------------------------------------------------------- */

struct pq_dictionary {
    struct buf values;  /* plain, in the order of their indexes */
    struct buf entries; /* struct pq_entry of each */
    uint32_t *slots;    /* index + 1; 0: free */
    size_t slot_count;  /* a power of two */
    uint32_t count;
    uint32_t last; /* index of the value that came last: it often comes again */
};

struct pq_entry {
    uint32_t at; /* in `values`, behind the length of a string */
    uint32_t len;
    uint64_t hash;
    bool used; /* by the page under construction */
};

#define PQ_NO_INDEX UINT32_MAX
/* The value's index; a value that is new is added if its plain form fits in limit_bytes, else PQ_NO_INDEX. */
uint32_t pq_dictionary_add(struct pq_dictionary *dictionary, struct str value, bool is_string,
                           uint32_t limit_bytes);
void pq_dictionary_reset(struct pq_dictionary *dictionary);
void pq_dictionary_free(struct pq_dictionary *dictionary);

static inline struct pq_entry *pq_dictionary_entries(const struct pq_dictionary *dictionary)
{
    return (struct pq_entry *)(void *)dictionary->entries.data;
}

/* ---- Columns ------------------------------------------------------------------------------------------- */

struct pq_list {
    bool required;
    uint8_t empty_level; /* definition level of an empty list; a null one has level 0 */
    size_t first_column;
    size_t column_count;
};

struct pq_page_entry { /* of a finished page */
    uint64_t offset;   /* in the chunk, behind the dictionary page */
    uint32_t bytes;
    uint64_t first_row;
    uint64_t null_count;
    uint64_t nan_count;
    struct pq_bounds bounds;
};

struct pq_column {
    /* The schema's */
    int32_t id;
    enum table_type type;
    enum pq_physical physical;
    const struct pq_list *list; /* NULL: in none */
    bool required;              /* alone: has a value in each row; in a list: in each element */
    bool is_string;
    bool no_bounds;
    uint8_t max_def;
    uint8_t value_bytes; /* in memory; 0: strings */
    enum parquet_encoding encoding;
    const struct str *path; /* names in the file */
    size_t path_count;

    /* The row group's: rows that have their entries, finished pages included */
    uint64_t filled;

    /* The page's */
    uint32_t pending;  /* elements that the row's list lacks; 0 outside of lists */
    bool first_of_row; /* the next element is the first of its list */
    bool mixed; /* levels are in `defs` and `reps`; else they are all `uniform`, each a row of its own */
    bool in_dictionary; /* values of this page are in `indexes`, not in `page` */
    uint8_t uniform;
    uint64_t page_first_row;
    size_t entry_count; /* null ones included */
    size_t value_count;
    size_t head;     /* bytes left free in front of the values, for levels */
    struct buf page; /* `head`, then values: plain, or, of strings as differences, their bytes alone */
    struct buf defs; /* a level a byte */
    struct buf reps;
    struct buf lengths; /* uint32_t: of strings as differences */
    struct buf indexes; /* uint32_t: in the dictionary */
    size_t plain_bytes; /* of values that are in `indexes` */
    /* Of plain strings: where in `page` the least and the greatest are, and their first bytes, for quick
     * comparison. */
    uint32_t least_at, least_len, most_at, most_len;
    uint64_t least_head, most_head;

    /* The chunk's */
    bool dictionary_on;   /* for the pages to come */
    uint32_t pages_plain; /* or as differences */
    uint32_t pages_dictionary;
    struct pq_dictionary dictionary;
    struct buf chunk; /* finished pages */
    struct buf pages; /* struct pq_page_entry of each */
    uint64_t raw_bytes;
    uint64_t chunk_entries;
    uint64_t chunk_nulls;
    uint64_t chunk_nans;
    struct pq_bounds chunk_bounds;

    /* The file's */
    struct parquet_column_summary summary;
    struct pq_bounds bounds;
};

/* Makes the columns of a schema in the arena. Errors: ERR_UNSUPPORTED, ERR_INVALID. */
struct pq_column *pq_columns_make(struct arena *arena, const struct table_schema *schema, size_t *count,
                                  struct error *err);
enum pq_physical pq_physical_of(enum table_type type);

/* ---- Writer -------------------------------------------------------------------------------------------- */

struct pq_chunk_place { /* of a finished chunk, in the footer to come */
    size_t meta_at;     /* its ColumnMetaData, in writer->metas */
    size_t meta_bytes;
    uint32_t column_index_bytes; /* 0: it has none */
    uint32_t offset_index_bytes;
};

struct pq_group_place {
    uint64_t offset;
    uint64_t bytes;
    uint64_t raw_bytes;
    uint64_t rows;
};

struct parquet_writer {
    const struct table_schema *schema;
    struct parquet_write_options options;
    parquet_write_fn *write;
    void *arg;
    struct arena arena; /* columns, paths, created_by */
    struct pq_column *columns;
    size_t column_count;
    uint32_t required_count; /* required columns outside of lists, and required lists */
    struct pq_compressor *compressor;

    bool failed;
    struct error why;

    uint32_t required_put; /* in the row under construction */
    uint64_t elements_due; /* of its lists */
    bool page_full;
    uint32_t page_row_count;
    uint64_t group_rows; /* whole ones */
    uint64_t group_raw_bytes;

    struct buf scratch; /* encoded values */
    struct buf levels;
    struct buf packed; /* a compressed page */

    uint64_t offset; /* in the file: bytes given to `write` */
    uint64_t rows;   /* of finished row groups */
    struct buf metas;
    struct buf chunks; /* struct pq_chunk_place, group by group */
    struct buf groups; /* struct pq_group_place */
    struct buf column_indexes;
    struct buf offset_indexes;
    struct buf split_offsets;
    struct buf keys; /* struct pq_key */
    struct parquet_column_summary *summaries;
};

struct pq_key {
    char *key; /* owned */
    char *value;
    size_t key_len;
    size_t value_len;
};

/* The first failure counts. Returns false. */
bool pq_fail(struct parquet_writer *writer, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool pq_failed(const struct parquet_writer *writer,
               struct error *err); /* returns false and tells why if it has */
/* "headers.key", for errors; static storage of the thread. */
const char *pq_column_name(const struct pq_column *column);

/* Gives rows that the column lacks their null entries. */
void pq_fill(struct parquet_writer *writer, struct pq_column *column, uint64_t rows);
/* After a row: ends the page or the row group if they are full. */
bool pq_cut(struct parquet_writer *writer);
/* Values that are in the dictionary become plain. */
void pq_leave_dictionary(struct pq_column *column);
/* Makes ready for the next page. */
void pq_page_reset(struct pq_column *column);
/* Ends the page of a column, if it has entries. */
bool pq_page_finish(struct parquet_writer *writer, struct pq_column *column);
/* The dictionary page of a chunk, into writer->scratch. */
bool pq_dictionary_page(struct parquet_writer *writer, struct pq_column *column, uint64_t *raw_bytes);

/* `offset`: of the chunk in the file; `dictionary_bytes`: of its dictionary page, 0 for none. */
void pq_footer_chunk(struct parquet_writer *writer, struct pq_column *column, uint64_t offset,
                     uint64_t dictionary_bytes);
void pq_footer_write(struct parquet_writer *writer, struct buf *out, uint64_t column_indexes_at,
                     uint64_t offset_indexes_at);

#endif
