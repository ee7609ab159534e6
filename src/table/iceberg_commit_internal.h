/* A commit that is planned: what iceberg_commit.c, iceberg_rewrite.c and iceberg_change.c share. */
#ifndef TABLE_ICEBERG_COMMIT_INTERNAL_H
#define TABLE_ICEBERG_COMMIT_INTERNAL_H

#include "table/iceberg_commit.h"
#include "table/iceberg_internal.h"

#include "base/map.h"

/* What becomes of a manifest of the snapshot before. */
enum commit_role {
    ROLE_KEEP,
    ROLE_DROP,   /* it has no live file */
    ROLE_SEARCH, /* it may hold files that are to be removed */
    ROLE_MERGE
};

struct commit_removed { /* a file to be removed */
    struct str path;
    bool found;
};

/* What a snapshot adds and removes, for its summary. */
struct commit_totals {
    int64_t files;
    int64_t records;
    int64_t bytes;
};

struct commit_plan {
    struct iceberg_commit face; /* first: what the caller sees */
    const struct iceberg_table *table;
    uint64_t base_version;
    const struct iceberg_list *before; /* NULL: none */
    const struct iceberg_change *change;
    size_t manifest_bytes;
    struct arena arena;

    /* The table with the change's schema and properties: for the headers of manifests. */
    struct iceberg_table *staged;
    struct iceberg_snapshot snapshot; /* to be; without summary */
    int64_t now_ms;                   /* never before a time in the table */
    struct commit_totals added;
    struct commit_totals removed;
    size_t partitions; /* that have changed */

    enum commit_role *roles; /* of the manifests before */
    size_t *needed;          /* which of them the caller is asked for */
    size_t given;
    struct map removed_files; /* of struct commit_removed, by path */
    struct map added_files;   /* of struct str, by path */

    struct iceberg_manifest_writer *writer; /* the manifest that is filled; NULL: none */
    struct iceberg_manifest *fresh;         /* manifests of this snapshot, those of added files first */
    size_t fresh_count;
    size_t fresh_cap;
    size_t rewritten; /* manifests that hold what others have held */
    struct iceberg_object *objects;
    size_t object_count;
    size_t object_cap;
    bool finished;
};

/* ---- iceberg_rewrite.c: manifests ------------------------------------------------------------------------ */

/* Manifests of the files to be added. */
bool commit_write_added(struct commit_plan *plan, struct error *err);
/* Takes over what is live in a manifest. */
bool commit_rewrite(struct commit_plan *plan, const struct iceberg_manifest *manifest, enum commit_role *role,
                    struct str bytes, struct error *err);
/* Ends the manifest that is filled, if there is one. */
void commit_end_manifest(struct commit_plan *plan);
/* Bytes is taken. */
void commit_add_object(struct commit_plan *plan, struct str key, struct buf *bytes, bool reusable);

/* ---- iceberg_change.c: metadata.json ---------------------------------------------------------------------- */

/* The document with schema and properties changed. Returns owned. Errors: ERR_INVALID. */
json_t *change_stage(const struct iceberg_table *table, const struct iceberg_change *change,
                     struct error *err);
/* Adds the snapshot with these manifests, the logs, and takes out what expires. */
void change_finish(struct commit_plan *plan, json_t *root, const struct iceberg_manifest *manifests,
                   size_t count);

#endif
