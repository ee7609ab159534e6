/* What has to be put, and what may be removed, for a change of an Iceberg table. No I/O: the caller gets and puts.
 *
 * A commit, on top of version N that the caller has read:
 *
 *     commit = iceberg_commit_new(table, N, list, &change)
 *     get each of commit->needed, in order: iceberg_commit_give(commit, bytes)    only to merge or to delete
 *     iceberg_commit_finish(commit)
 *     put commit->objects in order; the last is v<N+1>.metadata.json, with the condition that there is none: the commit point
 *     it is there: commit->table and commit->list are what the next commit begins with
 *     somebody else's is there: read it, and plan the same change again on top of it, with attempt + 1
 *
 * The objects of an attempt that has lost are garbage, but for those with `reusable`, which the next attempt of the same
 * change has byte for byte.
 *
 * Expiry: iceberg_expired() tells which snapshots may go, iceberg_cleanup_new() which objects nobody refers to without them;
 * a commit (change.expired) takes them out of the metadata; then the objects may be removed. */
#ifndef TABLE_ICEBERG_COMMIT_H
#define TABLE_ICEBERG_COMMIT_H

#include "table/iceberg.h"

/* ---- Changes --------------------------------------------------------------------------------------------- */

enum iceberg_operation {
    ICEBERG_NO_SNAPSHOT, /* only properties, schema, expiry */
    ICEBERG_APPEND,
    ICEBERG_DELETE, /* of whole files */
    ICEBERG_REPLACE /* of files by others with the same rows */
};

struct iceberg_change {
    enum iceberg_operation operation;
    struct str uuid;  /* of the change: 36 characters, the same for all attempts */
    unsigned attempt; /* 0, 1, … */
    int64_t
        now_ms; /* wall clock. A time in the metadata is never before one that is there: then it is a millisecond behind */
    const struct iceberg_data_file *added; /* in the default spec */
    size_t added_count;
    const struct iceberg_data_file *removed; /* path and partition are looked at */
    size_t removed_count;
    const struct iceberg_property *summary; /* of the snapshot, besides what this library counts */
    size_t summary_count;
    const struct iceberg_property *properties; /* of the table, to be set; value.data NULL: to be removed */
    size_t property_count;
    const struct table_schema *schema; /* to be the current one; NULL: as it is */
    const int64_t *expired; /* snapshots to go, with the refs that name them; not the current one */
    size_t expired_count;
    uint32_t merge_count;  /* manifests that are not full are merged when there are so many; 0: 100 */
    size_t manifest_bytes; /* a manifest is full at; 0: 8 MiB */
    uint32_t log_count;    /* former metadata files that the metadata names; 0: 100 */
};

/* The table's property, and every snapshot's, that holds the uuid of the change that made it: whose v<N+1> it is. */
#define ICEBERG_COMMIT_UUID STR("varve.commit-uuid")

/* ---- Commits --------------------------------------------------------------------------------------------- */

struct iceberg_object {
    struct str key; /* below the table: "metadata/…" */
    struct str bytes;
    bool reusable; /* the next attempt of this change has the same */
};

struct iceberg_commit {
    const struct iceberg_manifest
        *needed; /* whose bytes are asked for; borrowed from the list it was given */
    size_t needed_count;
    /* After iceberg_commit_finish(). */
    const struct iceberg_object *objects; /* in the order of their putting */
    size_t object_count;
    struct iceberg_table *table; /* of the new version; NULL it to keep it */
    struct iceberg_list
        *list;              /* the current snapshot's; NULL it to keep it: iceberg_list_free(), mem_free() */
    int64_t snapshot_id;    /* ICEBERG_NONE: the commit makes none */
    const int64_t *expired; /* snapshots that went */
    size_t expired_count;
    const struct str
        *forgotten; /* former metadata files that the metadata does not name any more: locations */
    size_t forgotten_count;
};

/* Borrows all it is given until iceberg_commit_free(). `base_version` is 0 for a table that has not been put yet; `list` is
 * that of table->current, NULL if there is none. Returns owned.
 * Errors: ERR_INVALID (which field of the change), ERR_UNSUPPORTED (the table has what cannot be kept right: a spec with an
 * unknown transform, delete files where files are to be replaced, a required column of an unknown type, a manifest whose line
 * tells no counts), ERR_EXISTS (the snapshot's id, which comes from the uuid, is in use: take another uuid). */
struct iceberg_commit *iceberg_commit_new(const struct iceberg_table *table, uint64_t base_version,
                                          const struct iceberg_list *list,
                                          const struct iceberg_change *change, struct error *err);
/* The bytes of the next one of `needed`; they are not needed after the call.
 * Errors: those of iceberg_manifest_read(), ERR_CONFLICT (a file to be added is in the table already: which). */
bool iceberg_commit_give(struct iceberg_commit *commit, struct str bytes, struct error *err);
/* Once all that is needed has been given. Errors: ERR_CONFLICT (a file to be removed is not in the table any more: which),
 * ERR_INVALID (ICEBERG_REPLACE by another number of rows). */
bool iceberg_commit_finish(struct iceberg_commit *commit, struct error *err);
void iceberg_commit_free(struct iceberg_commit *commit); /* takes; NULL is fine */

/* ---- Expiry ---------------------------------------------------------------------------------------------- */

/* What stays: what refs name; of every branch (main is one, whether it is told or not) the ancestors that are not older than
 * max_age_ms, and the newest `min_count` in any case; what a branch says of itself goes first. On main no more than the newest
 * `max_count`. A ref but main that is older than its own max_ref_age_ms does not count. All else expires. */
struct iceberg_retention {
    int64_t max_age_ms;
    uint32_t min_count; /* 0: 1 */
    uint32_t max_count; /* 0: no limit */
};

/* The snapshots that expire, in the order of the table. Allocates in `arena`. */
const int64_t *iceberg_expired(const struct iceberg_table *table, const struct iceberg_retention *retention,
                               int64_t now_ms, struct arena *arena, size_t *count);

/* Finds what only expired snapshots refer to: get each list of `lists` and give it, then each manifest of `manifests`,
 * then take `removable`. */
struct iceberg_cleanup {
    const struct str *lists; /* locations of manifest lists that are asked for */
    size_t list_count;
    const struct iceberg_manifest *manifests; /* that are asked for; set once all lists are given */
    size_t manifest_count;
    /* Locations of objects that may be removed once the expiry is committed, without repeats; set once everything is given.
     * Those that are gone already may be among them. */
    const struct str *removable;
    size_t removable_count;
};

/* `expired`: snapshots of `table`, which is the table before they go. No file that a snapshot refers to which is kept becomes
 * removable, whoever has written it. Borrows the table. Returns owned. Errors: ERR_INVALID (no such snapshot, or the current one). */
struct iceberg_cleanup *iceberg_cleanup_new(const struct iceberg_table *table, const int64_t *expired,
                                            size_t expired_count, struct error *err);
/* The bytes of the next of `lists`, then of the next of `manifests`; they are not needed after the call. One that cannot be
 * got because it is not there is given as STR_NONE: that is right for what expires, and fails for what is kept.
 * Errors: those of iceberg_list_read(), iceberg_manifest_read(); ERR_CORRUPT (a kept one is missing). */
bool iceberg_cleanup_give_list(struct iceberg_cleanup *cleanup, struct str bytes, struct error *err);
bool iceberg_cleanup_give_manifest(struct iceberg_cleanup *cleanup, struct str bytes, struct error *err);
void iceberg_cleanup_free(struct iceberg_cleanup *cleanup); /* takes; NULL is fine */

#endif
