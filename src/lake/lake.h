/* Committing to an Iceberg table in an object store: what table/ plans, done with requests.
 *
 *   1. lake_find()      the newest version of the table, and its manifest list
 *   2. iceberg_commit_new(), lake_give()
 *   3. lake_put()       manifests and manifest list
 *   4. lake_commit()    v<N+1>.metadata.json, if there is none: the commit point
 *
 * Who commits decides what has to hold for the change on top of which version, and what it remembers of it: the second tier
 * of a station is the only writer of its table and keeps a ledger, an action shares a table with other writers.
 * A table has no catalog but its bucket: the highest v<N>.metadata.json is the table.
 *
 * Thread: any, one at a time for each struct lake. All of it blocks. */
#ifndef LAKE_LAKE_H
#define LAKE_LAKE_H

#include "object/object.h"
#include "table/iceberg_commit.h"

#define LAKE_UUID_BYTES 37 /* with its terminator */

/* How the objects of one table are reached; keys are below the table. Errors of both: those of object/object.h, ERR_CLOSED (whoever
 * waits is to leave). */
struct lake {
    bool (*get)(void *arg, struct str key, struct buf *out, struct error *err); /* appends */
    bool (*put)(void *arg, struct str key, struct str body, enum object_condition condition,
                struct error *err);
    void *arg;
    const char *base; /* of keys, for texts: "lake/events/" */
    /* The store does not honour If-None-Match: set once that is known. Then v<N> is looked at before it is put, and read after it. */
    bool unconditional;
    void (*is_unconditional)(void *arg); /* it has been found out; may be NULL */
};

void lake_uuid(char out[LAKE_UUID_BYTES]); /* a random one */

/* The newest version of the table. Begins at `known` (0: nothing is known), at version-hint.text if that is higher or there is
 * nothing else, and goes on while there is a next one: nothing is ever listed. *table NULL: there is none. It is the caller's:
 * iceberg_table_free(). Errors: ERR_CORRUPT, ERR_UNSUPPORTED, those of the store. */
bool lake_find(struct lake *lake, uint64_t known, struct iceberg_table **table, uint64_t *version,
               struct error *err);
/* The manifest list of the current snapshot; NULL: the table, which may be NULL, has none. The caller's: lake_list_free(). Errors: as
 * above; ERR_UNSUPPORTED (it is not below the table). */
bool lake_list(struct lake *lake, const struct iceberg_table *table, struct iceberg_list **out,
               struct error *err);
void lake_list_free(struct iceberg_list *list); /* takes; NULL is fine */
/* The key of a location. Errors: ERR_UNSUPPORTED (it is not below the table). */
bool lake_key(const struct iceberg_table *table, struct str uri, struct str *key, struct error *err);

/* Gets what the commit needs, and gives it. Errors: as above, those of iceberg_commit_give(). */
bool lake_give(struct lake *lake, const struct iceberg_table *table, struct iceberg_commit *commit,
               struct error *err);
/* One whose name is the change's alone: if it is there, an attempt before has put it. Errors: those of the store. */
bool lake_put_own(struct lake *lake, struct str key, struct str bytes, struct error *err);
/* All objects of the commit but the last. Errors: as above. */
bool lake_put(struct lake *lake, const struct iceberg_commit *commit, struct error *err);

enum lake_outcome {
    LAKE_COMMITTED, /* it is there, by this attempt or one before it */
    LAKE_LOST,      /* somebody else's v<version> is */
    LAKE_FAILED
};
/* Puts the last object of the commit, v<version>. `uuid` is the change's: it tells whose version is there. *exact, of
 * LAKE_COMMITTED: what is there is what this attempt has put; else a former attempt of the same change has, whose manifests have
 * other names. Errors of LAKE_FAILED: ERR_UNKNOWN (it may be there: commit the same change again), ERR_CLOSED (likewise), others: it
 * is not. */
enum lake_outcome lake_commit(struct lake *lake, const struct iceberg_commit *commit, uint64_t version,
                              const char *uuid, bool *exact, struct error *err);

/* Overwrites version-hint.text. Who reads it goes on to later versions: so a failure does no harm. */
bool lake_hint(struct lake *lake, uint64_t version, struct error *err);
/* Overwrites a metadata file that nothing names any more with a few bytes. It stays, so that a writer that has slept
 * finds its version taken for ever. */
bool lake_bury(struct lake *lake, struct str key, struct error *err);

#endif
