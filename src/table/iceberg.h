/* Apache Iceberg, format version 2: the metadata of a table, bytes in and bytes out, no I/O, no thread.
 *
 * A table is a tree of immutable objects below its location:
 *
 *     metadata/v<N>.metadata.json   schemas, properties, snapshots            iceberg_metadata_read()
 *       metadata/snap-….avro        a snapshot's manifest list: its manifests iceberg_list_read()
 *         metadata/….avro           a manifest: data files and their bounds   iceberg_manifest_read()
 *           data/….parquet
 *
 * Creating v<N+1> is a commit: iceberg_commit.h makes what has to be put for one. iceberg_index.h keeps which file
 * holds which offsets. What others have written is read, too: fields in another order, fields that are not known here,
 * the codecs null, deflate, zstandard and snappy; what is not known in metadata.json is kept when it is written again.
 *
 * Everything here is a value: a struct iceberg_table does not change once it is made and may be shared by threads.
 * Thread: any. */
#ifndef TABLE_ICEBERG_H
#define TABLE_ICEBERG_H

#include "base/arena.h"
#include "base/buf.h"
#include "table/schema.h"

#define ICEBERG_NONE (-1) /* no snapshot, no id, not known */

struct iceberg_property {
    struct str key;
    struct str value;
};

/* ---- The table: metadata.json ---------------------------------------------------------------------------- */

struct iceberg_schema {
    struct table_schema schema; /* columns of types that schema.h does not have are left out */
    size_t left_out;            /* so many columns */
    bool writable;              /* none of them is required */
};

struct iceberg_partition_field {
    int32_t source_id; /* of the column */
    int32_t field_id;  /* 1000 and up */
    struct str name;
    struct str transform; /* "day", "identity", … */
};
struct iceberg_spec {
    int32_t id;
    const struct iceberg_partition_field *fields;
    size_t field_count; /* 0: not partitioned */
};

struct iceberg_sort_field {
    int32_t source_id;
    struct str transform;
    bool descending;
    bool nulls_last;
};
struct iceberg_sort_order {
    int32_t id; /* 0: unsorted */
    const struct iceberg_sort_field *fields;
    size_t field_count;
};

struct iceberg_snapshot {
    int64_t id;
    int64_t parent_id; /* ICEBERG_NONE: none */
    int64_t sequence_number;
    int64_t timestamp_ms;
    int32_t schema_id; /* ICEBERG_NONE: not told */
    struct str operation;
    struct str manifest_list;               /* its location */
    const struct iceberg_property *summary; /* but the operation */
    size_t summary_count;
};

struct iceberg_ref {
    struct str name;
    int64_t snapshot_id;
    bool branch;                 /* else a tag */
    int64_t max_ref_age_ms;      /* the rest: ICEBERG_NONE if not told */
    int64_t max_snapshot_age_ms; /* of a branch */
    int64_t min_snapshots;       /* of a branch: to keep */
};

struct iceberg_snapshot_log {
    int64_t timestamp_ms;
    int64_t snapshot_id;
};
struct iceberg_metadata_log {
    int64_t timestamp_ms;
    struct str file; /* the location of a former metadata.json */
};

struct iceberg_document; /* metadata.json as it came */
struct parquet_summary;

struct iceberg_table {
    struct str uuid;
    struct str location; /* without a slash at the end */
    int64_t last_sequence_number;
    int64_t last_updated_ms;
    int32_t last_column_id;
    int32_t last_partition_id;
    const struct iceberg_schema *schemas;
    size_t schema_count;
    const struct iceberg_schema *schema; /* the current one */
    const struct iceberg_spec *specs;
    size_t spec_count;
    const struct iceberg_spec *spec; /* the default */
    const struct iceberg_sort_order *orders;
    size_t order_count;
    int32_t order_id; /* the default */
    const struct iceberg_property *properties;
    size_t property_count;
    const struct iceberg_snapshot *snapshots;
    size_t snapshot_count;
    const struct iceberg_snapshot *current; /* NULL: the table is empty */
    const struct iceberg_ref *refs;
    size_t ref_count;
    const struct iceberg_snapshot_log *snapshot_log;
    size_t snapshot_log_count;
    const struct iceberg_metadata_log *metadata_log; /* oldest first */
    size_t metadata_log_count;

    struct iceberg_document *document; /* owned; iceberg's own */
    struct arena arena;                /* of all the above */
};

struct iceberg_table_options {
    struct str uuid;     /* 36 characters */
    struct str location; /* an absolute URI: s3://bucket/prefix/name, or a directory */
    const struct table_schema *schema;
    const struct iceberg_partition_field *partition; /* field_id 0: given from 1000 on */
    size_t partition_count;
    const struct iceberg_sort_field *sort;
    size_t sort_count;
    const struct iceberg_property *properties;
    size_t property_count;
    int64_t now_ms; /* wall clock */
};

/* A table without a snapshot. Copies what it is given. Returns owned.
 * Errors: ERR_INVALID (uuid, location, ids used twice, a partition or sort field without its column). */
struct iceberg_table *iceberg_table_new(const struct iceberg_table_options *options, struct error *err);
/* Takes; NULL is fine. */
void iceberg_table_free(struct iceberg_table *table);

/* Parses metadata.json (gzip as well). Returns owned; copies.
 * Errors: ERR_CORRUPT (which key, what was expected), ERR_UNSUPPORTED (another format version: which). */
struct iceberg_table *iceberg_metadata_read(struct str bytes, struct error *err);
/* Appends metadata.json. */
void iceberg_metadata_write(const struct iceberg_table *table, struct buf *out);

/* NULL: none. */
const struct iceberg_snapshot *iceberg_snapshot(const struct iceberg_table *table, int64_t id);
const struct iceberg_schema *iceberg_schema(const struct iceberg_table *table, int32_t id);
const struct iceberg_spec *iceberg_spec(const struct iceberg_table *table, int32_t id);
/* STR_NONE: none. */
struct str iceberg_property(const struct iceberg_table *table, struct str key);
struct str iceberg_summary(const struct iceberg_snapshot *snapshot, struct str key);
/* The nearest snapshot, from the current one back through its parents, whose summary has the key: what a commit has said
 * last, whoever has committed since. NULL: none. */
const struct iceberg_snapshot *iceberg_latest(const struct iceberg_table *table, struct str key);

/* ---- Locations ------------------------------------------------------------------------------------------- */

/* The key below the table of an absolute location: "data/…". s3, s3a and s3n are one scheme. False: it is not below
 * the table's location. Borrows from `uri`. */
bool iceberg_key(const struct iceberg_table *table, struct str uri, struct str *key);

/* "metadata/v<version>.metadata.json". Appends. */
void iceberg_metadata_key(uint64_t version, struct buf *out);
#define ICEBERG_HINT_KEY STR("metadata/version-hint.text") /* holds the version's digits and nothing else */

/* ---- Data files ------------------------------------------------------------------------------------------ */

enum iceberg_kind {
    ICEBERG_NULL,
    ICEBERG_BOOLEAN, /* number: 0, 1 */
    ICEBERG_INT,     /* number; dates as well */
    ICEBERG_LONG,    /* number */
    ICEBERG_FLOAT,   /* real */
    ICEBERG_DOUBLE,  /* real */
    ICEBERG_STRING,  /* bytes */
    ICEBERG_BINARY   /* bytes; fixed as well */
};
struct iceberg_value {
    enum iceberg_kind kind;
    union {
        int64_t number;
        double real;
        struct str bytes;
    };
};

/* What is known of one column of one file. */
struct iceberg_column {
    int32_t field_id;
    int64_t size_bytes;  /* on disk; the counts and it: ICEBERG_NONE if not known */
    int64_t value_count; /* nulls among them */
    int64_t null_count;
    int64_t nan_count;
    struct str lower; /* not above any value, as iceberg_bound_…() makes them; data NULL: not known */
    struct str upper; /* not below any value */
};

enum iceberg_content { ICEBERG_DATA, ICEBERG_POSITION_DELETES, ICEBERG_EQUALITY_DELETES };

#define ICEBERG_PARTITION_FIELDS 8

struct iceberg_data_file {
    enum iceberg_content content;
    struct str path;   /* absolute, as all locations */
    struct str format; /* "PARQUET"; empty counts as that */
    int64_t record_count;
    int64_t size_bytes;                                       /* exact: readers find the footer with it */
    struct iceberg_value partition[ICEBERG_PARTITION_FIELDS]; /* one for each field of the spec */
    size_t partition_count;
    const struct iceberg_column *columns; /* in the order of ids */
    size_t column_count;
    const int64_t *split_offsets; /* where row groups begin; ascending */
    size_t split_count;
    int32_t sort_order_id;   /* ICEBERG_NONE: not told */
    struct str key_metadata; /* somebody else's; data NULL: none */
};

/* NULL: nothing is known. */
const struct iceberg_column *iceberg_column(const struct iceberg_data_file *file, int32_t field_id);
/* The bounds of an int, long, date or timestamp column. False: not known. */
bool iceberg_bounds(const struct iceberg_data_file *file, int32_t field_id, int64_t *lower, int64_t *upper);

/* Bounds as bytes, little-endian. `out` has 8. Return the length. */
size_t iceberg_bound_int(int32_t value, uint8_t *out);
size_t iceberg_bound_long(int64_t value, uint8_t *out);
/* Of a string (at most 16 characters of it) or of bytes (16 of them). A lower bound is the beginning of `value`, which
 * it borrows. An upper bound that is shorter than the value has its last part made one greater in `out` (64 bytes);
 * data NULL: there is none, leave it out. */
struct str iceberg_bound_lower(struct str value, bool is_string);
struct str iceberg_bound_upper(struct str value, bool is_string, uint8_t *out);

/* What a manifest says of a Parquet file that was written with this schema; its path, partition and sort order are the caller's to
 * set. Allocates in `arena`. */
void iceberg_describe(const struct parquet_summary *summary, const struct table_schema *schema,
                      struct arena *arena, struct iceberg_data_file *out);

/* Days since 1970-01-01 of microseconds since then: the transform "day". */
int32_t iceberg_day(int64_t timestamp_us);

/* ---- Manifest lists -------------------------------------------------------------------------------------- */

struct iceberg_field_summary {
    bool contains_null;
    int8_t contains_nan; /* 0, 1, ICEBERG_NONE: not told */
    struct str lower;    /* data NULL: none */
    struct str upper;
};

/* One manifest, as a manifest list tells of it. */
struct iceberg_manifest {
    struct str path;
    int64_t length_bytes;
    int32_t spec_id;
    bool deletes;            /* holds delete files, which only others write */
    int64_t sequence_number; /* of the snapshot that added it */
    int64_t min_sequence_number;
    int64_t snapshot_id; /* that added it */
    int64_t added_files, existing_files, deleted_files;
    int64_t added_rows, existing_rows, deleted_rows;
    const struct iceberg_field_summary *partitions; /* one for each field of the spec; NULL: not told */
    size_t partition_count;
    struct str key_metadata; /* data NULL: none */
};

struct iceberg_list {
    const struct iceberg_manifest *manifests;
    size_t count;
    struct arena arena; /* of all the above */
};

/* Zero-initialise `out`; iceberg_list_free() in any case. Copies.
 * Errors: ERR_CORRUPT (what, where), ERR_UNSUPPORTED (the codec: which). */
bool iceberg_list_read(struct str bytes, struct iceberg_list *out, struct error *err);
void iceberg_list_free(struct iceberg_list *list);
/* Appends a manifest list of this snapshot; of `snapshot` id, parent_id and sequence_number are looked at. */
void iceberg_list_write(const struct iceberg_snapshot *snapshot, const struct iceberg_manifest *manifests,
                        size_t count, struct buf *out);

/* ---- Manifests ------------------------------------------------------------------------------------------- */

enum iceberg_status { ICEBERG_EXISTING, ICEBERG_ADDED, ICEBERG_DELETED };

struct iceberg_entry {
    enum iceberg_status status;
    int64_t snapshot_id;          /* that added it, or, DELETED, that deleted it */
    int64_t sequence_number;      /* of its data */
    int64_t file_sequence_number; /* of the snapshot that added it */
    struct iceberg_data_file file;
};

/* Calls `each` for each entry, in order, with what it inherits from `listed` (NULL: what is not written is
 * ICEBERG_NONE); what it is given is valid until it returns. If it returns false the reading ends, with success.
 * Memory: one block of the file, decompressed, and one entry.
 * Errors: ERR_CORRUPT (what, where), ERR_UNSUPPORTED (the codec, more partition fields than ICEBERG_PARTITION_FIELDS). */
bool iceberg_manifest_read(struct str bytes, const struct iceberg_manifest *listed,
                           bool (*each)(const struct iceberg_entry *entry, void *arg), void *arg,
                           struct error *err);

struct iceberg_manifest_writer;

/* A manifest of data files for this table: its current schema, and the spec with this id. Borrows the table.
 * Returns owned. Errors: ERR_INVALID (no such spec), ERR_UNSUPPORTED (a transform that is not known here). */
struct iceberg_manifest_writer *iceberg_manifest_writer_new(const struct iceberg_table *table,
                                                            int32_t spec_id, int64_t snapshot_id,
                                                            struct error *err);
/* ADDED entries of the writer's snapshot get their sequence numbers by inheritance, whatever is in the entry; all others are
 * written as they are. Copies. Errors: ERR_INVALID (what is missing or negative; a partition that is not the spec's). */
bool iceberg_manifest_writer_add(struct iceberg_manifest_writer *writer, const struct iceberg_entry *entry,
                                 struct error *err);
size_t iceberg_manifest_writer_count(const struct iceberg_manifest_writer *writer);
size_t iceberg_manifest_writer_bytes(const struct iceberg_manifest_writer *writer); /* so far, about */
/* Appends the manifest's bytes and fills `listed` but path and sequence_number; min_sequence_number is ICEBERG_NONE where it is
 * the snapshot's own. `listed` borrows from the writer. */
void iceberg_manifest_writer_finish(struct iceberg_manifest_writer *writer, struct buf *out,
                                    struct iceberg_manifest *listed);
void iceberg_manifest_writer_free(struct iceberg_manifest_writer *writer); /* takes; NULL is fine */

/* ---- Schemas --------------------------------------------------------------------------------------------- */

/* The table's current schema made to hold rows of these columns, too, which are matched by name; their ids are not looked at,
 * children's neither. A column that the table does not have is added, optional, with a fresh id; one that the rows do not
 * have becomes optional; int widens to long, float to double. The id is that of an equal schema of the table, else a
 * fresh one. Allocates in `arena`; borrows names from both.
 * Errors: ERR_CONFLICT (a column of another type: which). */
bool iceberg_schema_evolve(const struct iceberg_table *table, const struct table_field *fields,
                           size_t field_count, struct arena *arena, struct table_schema *out,
                           struct error *err);
/* Whether they have the same columns: ids, names, types, required. */
bool iceberg_schema_equal(const struct table_schema *a, const struct table_schema *b);
/* Appends the schema as Iceberg's JSON. Data files tell it under the key "iceberg.schema" in their metadata: there are readers
 * that look there for which columns a file has. */
void iceberg_schema_json(const struct table_schema *schema, struct buf *out);

#endif
