/* What the files of the way back share: fetch.c (which file, which row group), window.c (rows in no order), chunks.c (rows as
 * chunks). */
#ifndef TIER_FETCH_INTERNAL_H
#define TIER_FETCH_INTERNAL_H

#include "tier/tier_internal.h"

#define SCAN_BYTES     ((size_t)64 << 20)
#define WINDOW_OFFSETS 16384

/* ---- chunks.c -------------------------------------------------------------------------------------------- */

struct made {
    uint64_t offset;
    int64_t time_ms;
    struct str record; /* in the rows' arena */
};

/* Rows that were read, as records; zero-initialise but for tier, sorted (true), from and to. */
struct rows {
    struct tier *tier;
    struct arena records;
    struct arena memory; /* of one row */
    struct made *all;
    size_t count, cap;
    bool sorted;
    uint64_t from, to;   /* rows outside are passed over */
    uint64_t bytes;      /* of records */
    uint64_t most_bytes; /* 0: no limit */
    bool over;           /* there are more than that: the scan has failed with ERR_TOO_LARGE */
};

void rows_free(struct rows *rows);
/* Adds the rows of a selection. Errors: those of the scan and of the codec; ERR_TOO_LARGE with `over`. */
bool rows_scan(struct rows *rows, const struct parquet_file *file, const struct columns *columns,
               const struct parquet_selection *selection, const struct parquet_extent *extents,
               size_t extent_count, struct parquet_scan *scan, struct error *err);
/* Makes chunks of the rows, all of which go to the cache in memory. *wanted: the one with the offset, or the first behind it; NULL
 * before. `ahead`: what the first use of the first of them reads ahead; 0: nothing. */
void rows_chunks(struct rows *rows, uint64_t offset, uint64_t ahead, struct log_chunk **wanted);

/* ---- fetch.c --------------------------------------------------------------------------------------------- */

/* Where an offset is. */
struct place {
    struct iceberg_file file; /* `path` is owned */
    char *path;
    struct footer *footer;
    struct columns columns;
    bool ordered;        /* row groups follow each other */
    bool shared;         /* other files have offsets between its first and its last one */
    uint64_t generation; /* of the index */
};

bool group_bounds(const struct parquet_file *file, const struct columns *columns, size_t group, int64_t *low,
                  int64_t *high);
uint64_t group_raw_bytes(const struct parquet_file *file, size_t group);

/* ---- window.c -------------------------------------------------------------------------------------------- */

/* Brings the rows of [offset, *end) out of all files that may have some, whatever their order; *end is at most WINDOW_OFFSETS
 * further, less where rows are large. *wanted as in rows_chunks(). Errors: those of files and store. */
bool window_bring(struct tier *tier, struct reach *reach, uint64_t offset, struct log_chunk **wanted,
                  uint64_t *end, struct error *err);
/* Adds the rows of a group in parts, by its page index: a large group is never in memory as a whole. */
bool window_scan_parts(struct rows *rows, struct reach *reach, struct footer *footer,
                       const struct columns *columns, struct parquet_selection *selection,
                       struct parquet_scan *scan, struct error *err);

#endif
