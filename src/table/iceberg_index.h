/* Which data file holds which offsets: the files of one snapshot in the order of a column that numbers the rows.
 *
 * About 70 bytes and the end of its path for each file: a table of 131,072 files takes about 16 MiB. Built from manifests in
 * any order, kept up to date with the files of each commit. Not thread-safe. */
#ifndef TABLE_ICEBERG_INDEX_H
#define TABLE_ICEBERG_INDEX_H

#include "table/iceberg.h"

struct iceberg_index;

struct iceberg_file {
    uint64_t first; /* the lowest offset in it */
    uint64_t last;  /* the highest */
    uint64_t record_count;
    uint64_t size_bytes;
    int64_t time_first_us; /* bounds of the time column; INT64_MIN, INT64_MAX: not known */
    int64_t time_last_us;
    int32_t day;  /* of the partition, if that is one day */
    bool has_day; /* it is */
    struct str
        path; /* absolute; borrowed until the index changes or the next call that fills an iceberg_file */
};

struct iceberg_index_totals {
    uint64_t files;
    uint64_t records;
    uint64_t bytes;
    uint64_t first;    /* the lowest offset; 0 if there is no file */
    uint64_t next;     /* behind the highest; 0 if there is no file */
    uint64_t missing;  /* offsets between that no file holds */
    uint64_t repeated; /* files that overlap with one before */
    uint64_t
        unbounded; /* files without bounds of the offset column: not in the order, see iceberg_index_unbounded() */
    uint64_t memory_bytes;
};

/* Of a table at this location, whose rows are numbered by the column offset_id (long) and timed by time_id (timestamptz,
 * ICEBERG_NONE: none). Copies. Returns owned. */
struct iceberg_index *iceberg_index_new(struct str location, int32_t offset_id, int32_t time_id);
void iceberg_index_free(struct iceberg_index *index); /* takes; NULL is fine */

/* For iceberg_manifest_read(): adds what is live (ADDED, EXISTING), data files only; always true. */
bool iceberg_index_entry(const struct iceberg_entry *entry, void *index);
void iceberg_index_add(struct iceberg_index *index, const struct iceberg_data_file *file);
/* By path; bounds of the offset make it quick. False: not there. */
bool iceberg_index_remove(struct iceberg_index *index, const struct iceberg_data_file *file);

/* The file that holds the offset, else the first one above it. False: there is none. */
bool iceberg_index_find(struct iceberg_index *index, uint64_t offset, struct iceberg_file *out);
/* The files that may hold an offset from `from` on, below `to`, one a call, in the order of their first ones. *at is 0 at the first
 * call; the index does not change meanwhile. False: there are no more. */
bool iceberg_index_within(struct iceberg_index *index, uint64_t from, uint64_t to, size_t *at,
                          struct iceberg_file *out);
/* The first file, in the order of offsets, that may hold a row at or after the time. False: there is none. */
bool iceberg_index_find_time(struct iceberg_index *index, int64_t time_us, struct iceberg_file *out);
/* The n-th in the order of offsets. False: there are not so many. */
bool iceberg_index_at(struct iceberg_index *index, size_t n, struct iceberg_file *out);
/* The n-th, from 0, of those that begin at `first` or above. False: there are not so many. */
bool iceberg_index_from(struct iceberg_index *index, uint64_t first, size_t n, struct iceberg_file *out);
/* The n-th of the files without bounds: path, record_count, size_bytes. False: there are not so many. */
bool iceberg_index_unbounded(struct iceberg_index *index, size_t n, struct iceberg_file *out);

void iceberg_index_totals(struct iceberg_index *index, struct iceberg_index_totals *out);

#endif
