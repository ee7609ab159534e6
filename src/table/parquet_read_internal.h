/* What the parts of the reader share.
 *
 *     parquet_file.c          footer: row groups and chunks
 *     parquet_schema_read.c   footer: columns of a schema
 *     parquet_index.c         page index, seeking, what to fetch
 *     parquet_scan.c          rows of a selection, window by window
 *     parquet_page_read.c     a page's header, body and levels
 *     parquet_values.c        values of every encoding */
#ifndef TABLE_PARQUET_READ_INTERNAL_H
#define TABLE_PARQUET_READ_INTERNAL_H

#include "base/arena.h"
#include "table/parquet_internal.h"
#include "table/thrift_internal.h"

/* ---- Files --------------------------------------------------------------------------------------------- */

enum pq_conversion { /* of values as they are stored */
                     PQ_AS_THEY_ARE,
                     PQ_FROM_MILLIS,
                     PQ_FROM_NANOS,
                     PQ_FROM_UINT32 /* to longs */
};

struct pq_leaf { /* what struct parquet_column does not tell */
    enum pq_physical physical;
    enum pq_conversion conversion;
    uint8_t max_def;
    uint8_t max_rep;     /* 0, or 1 in a list */
    uint8_t element_def; /* in a list: definition level from which on there is an element */
};

struct pq_page_place {
    uint64_t offset;
    uint64_t bytes; /* header included */
    uint64_t first_row;
};

struct pq_chunk { /* what struct parquet_chunk does not tell */
    bool codec_known;
    uint64_t offset_index_at;
    uint64_t column_index_at;
    uint32_t offset_index_bytes; /* 0: there is none */
    uint32_t column_index_bytes;
    /* Once its part of the index has been read */
    size_t page_count; /* 0: it has not */
    const struct pq_page_place *pages;
    const int64_t *page_upper; /* of integers and times: of each page; NULL: not known */
};

struct pq_file {
    struct parquet_file face;
    struct arena arena;
    size_t limit_bytes;
    struct pq_leaf *leaves;
    struct pq_chunk *chunks;           /* group after group */
    struct parquet_chunk *face_chunks; /* the same */
};

static inline const struct pq_file *pq_file_of(const struct parquet_file *file)
{
    return (const struct pq_file *)file;
}

static inline const struct pq_chunk *pq_chunk_of(const struct parquet_file *file, size_t group, size_t column)
{
    return &pq_file_of(file)->chunks[group * file->column_count + column];
}

/* From the arena, zeroed. NULL: over the limit; err is set. */
void *pq_file_alloc(struct pq_file *file, size_t count, size_t bytes, struct error *err);
/* Fills columns and leaves. Errors: ERR_CORRUPT, ERR_TOO_LARGE. */
bool pq_schema_read(struct pq_file *file, struct thrift_in *in, const struct thrift_field *field,
                    struct error *err);
/* A stored value in the column's type. False: it has none there. */
bool pq_convert(enum pq_conversion conversion, int64_t stored, int64_t *value);

/* Where the bytes of the file from `offset` on are. False: no extent has all of them. */
bool pq_find(const struct parquet_extent *extents, size_t count, uint64_t offset, uint64_t length,
             struct str *bytes);

/* ---- Pages --------------------------------------------------------------------------------------------- */

struct pq_page_head {
    enum pq_page kind;
    uint32_t raw_bytes;
    uint32_t packed_bytes;
    bool has_crc;
    uint32_t crc;
    uint32_t entries;
    enum pq_encoding encoding;
    enum pq_encoding def_encoding;
    enum pq_encoding rep_encoding;
    /* Of the second version; else rows is -1 */
    int64_t rows;
    uint32_t def_bytes;
    uint32_t rep_bytes;
    bool packed;
    struct str body; /* as it is in the file */
};

/* Reads header and body from the front of *bytes, checks lengths and CRC. Errors: ERR_CORRUPT,
 * ERR_UNSUPPORTED. */
bool pq_page_head_read(struct str *bytes, struct pq_page_head *head, struct error *err);

/* ---- Scans --------------------------------------------------------------------------------------------- */

struct pq_room { /* memory that is used again; counted by the scan */
    void *data;
    size_t bytes;
};

struct pq_dictionary_read {
    struct pq_room page;   /* strings point into it, or into an extent */
    struct pq_room values; /* as in vectors */
    uint32_t count;
    bool there;
};

/* A window: whole pages of a column, decoded. Mostly one. */
struct pq_window {
    uint64_t first_row; /* in the group */
    uint64_t rows;
    size_t entries;
    bool any_null;
    bool any_value;
    bool any_null_list;
    size_t page_bytes;      /* used of `page` */
    struct pq_room page;    /* pages after decompression */
    size_t room_entries;    /* that all its pages have, at most */
    struct pq_room values;  /* one for each entry; not there as long as all are null */
    struct pq_room nulls;   /* uint8_t for each entry */
    struct pq_room offsets; /* in a list: uint32_t, rows + 1 */
    struct pq_room null_lists;
    struct arena joined; /* strings that are put together from parts */
};

struct pq_scan_column {
    bool selected;
    const struct parquet_column *face;
    const struct pq_leaf *leaf;
    const struct parquet_chunk *chunk;
    const struct pq_chunk *more;
    /* Pages to come: by index, or one after the other */
    size_t next_page;
    struct str left;
    uint64_t left_entries;
    uint64_t next_row;
    struct pq_dictionary_read dictionary;
    struct pq_window window;
    size_t row_entry;             /* entry of the scan's row, in the window */
    struct pq_room slice_offsets; /* in a list: those of a vector */
};

struct parquet_scan {
    size_t limit_bytes;
    size_t used_bytes;
    struct pq_decompressor *decompressor;
    const struct parquet_file *file;
    const struct parquet_extent *extents;
    size_t extent_count;
    size_t group;
    uint64_t row;
    uint64_t end_row;
    struct pq_scan_column *columns;
    struct parquet_vector *vectors;
    size_t column_count; /* there is room for */
    struct pq_room defs; /* of the page that is being decoded */
    struct pq_room reps;
    struct pq_room numbers; /* indexes, lengths */
};

/* Room for `count` times `bytes`; what was in it stays. Errors: ERR_TOO_LARGE, ERR_NO_MEMORY. */
bool pq_room_take(struct parquet_scan *scan, struct pq_room *room, size_t count, size_t bytes,
                  struct error *err);
void pq_room_free(struct parquet_scan *scan, struct pq_room *room);

/* Decodes the dictionary page. */
bool pq_dictionary_read(struct parquet_scan *scan, struct pq_scan_column *column,
                        const struct pq_page_head *head, struct error *err);
/* Gives back the strings that were put together for it. */
void pq_window_drop(struct parquet_scan *scan, struct pq_window *window);
/* Makes an empty window with room for pages of so many entries and raw bytes; then adds them. */
bool pq_window_begin(struct parquet_scan *scan, struct pq_scan_column *column, uint64_t first_row,
                     uint64_t entries, uint64_t raw_bytes, struct error *err);
bool pq_window_add(struct parquet_scan *scan, struct pq_scan_column *column, const struct pq_page_head *head,
                   struct error *err);

/* Decodes `count` values, without nulls, to `out`. */
bool pq_values_read(struct parquet_scan *scan, struct pq_scan_column *column, struct str bytes,
                    enum pq_encoding encoding, void *out, size_t count, struct error *err);
/* The same for plain values, of a dictionary as well. */
bool pq_plain_read(const struct pq_scan_column *column, struct str bytes, void *out, size_t count,
                   struct error *err);

/* "column headers.key: …", ERR_CORRUPT. Returns false. */
bool pq_corrupt(const struct pq_scan_column *column, struct error *err, const char *what);

#endif
