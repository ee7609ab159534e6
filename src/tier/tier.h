/* The second tier: what stations expel settles in an object store as Iceberg tables, one a station, and comes back.
 *
 *     station expels ─▶ tier_expel() ─▶ a worker reads the log in offset order ─▶ Parquet ─▶ PUTs ─▶ commit
 *                                                                    ─▶ committed() ─▶ the station trims its log
 *     reader below the log's first offset ─▶ tier_fetch_start() ─▶ a worker brings a row group ─▶ done(): a chunk, as the
 *                                                                    log's own readers know it
 *
 * The table is the index: its manifests say which file holds which offsets, the files' footers which row group. What a
 * tier keeps on local disk can be lost: DIR/tier/<station>/ has the ledger (ledger.c), the spool of files that are
 * written, restored files; DIR/tier/cache/ row groups that were read.
 *
 * A table has one writer. Who opens it to write claims the next epoch by a commit; who finds a higher one than its own stops
 * with ERR_CONFLICT and changes nothing any more. The commit point is the creation of v<N+1>.metadata.json: commit.c.
 *
 * Reading order: tiers.c (who works), tier.c, migrate.c (the way out), batch.c, upload.c, claim.c, commit.c, doubts.c, ledger.c, table.c (what is known of it),
 * fetch.c (the way back), window.c, chunks.c, restore.c, maintain.c (retention, expiry), compact.c, scrub.c.
 *
 * Thread: any, unless it says otherwise; what "blocks" waits for a store. */
#ifndef TIER_TIER_H
#define TIER_TIER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/thread.h"
#include "log/log.h"
#include "object/object.h"

struct tiers;
struct tier;

/* ---- Rows ------------------------------------------------------------------------------------------------ */

/* A message as the table holds it. A text whose data is NULL is null in the table; an empty one is empty. */
struct tier_header {
    struct str key;
    struct str value;
};

struct tier_row {
    uint64_t offset;
    int64_t time_ms; /* the server's, when it came */
    struct str topic;
    struct str payload;                /* never null */
    const struct tier_header *headers; /* MQTT 5 user properties, in their order */
    size_t header_count;
    struct str client_id;
    struct str username;
    struct str content_type;
    struct str response_topic;
    struct str correlation_data;
    struct str id;      /* the message's: deduplication */
    int64_t expiry_s;   /* -1: null, as in the next one */
    int payload_format; /* MQTT 5 payload format indicator */
    int qos;
    bool retain;
    struct str
        properties; /* MQTT 5 properties as they came, where the columns above do not say all; else null */
};

/* What the records of the log are: the station knows, the tier does not. Both borrow from `memory` and the input. */
struct tier_codec {
    /* Fills all but offset and time. Errors: ERR_CORRUPT, ERR_UNSUPPORTED. */
    bool (*decode)(struct str record, struct arena *memory, struct tier_row *out, struct error *err);
    /* The record that the row was made of, byte by byte, but for what only deduplication after a crash wants (its exchange). Errors:
     * ERR_CORRUPT (a row that is no message). */
    bool (*encode)(const struct tier_row *row, struct arena *memory, struct str *record, struct error *err);
};

/* ---- All tiers ------------------------------------------------------------------------------------------- */

/* A store that a connector names, and how URIs of the table begin ("s3://bucket", "file:///…/objects/bucket"). */
struct tier_store {
    struct object_store *store; /* borrowed until tier_store_fn `give_back` */
    char *root;                 /* owned; mem_free() */
    void *handle;               /* the opener's */
};

struct tiers_options {
    const char *dir; /* DIR/tier; made if it is missing */
    struct tier_codec codec;
    /* Errors: ERR_NOT_FOUND (no such connector), those of object_store_open(). May block for a disk, not for a store. */
    bool (*take_store)(void *arg, struct str connector, struct str bucket, struct tier_store *out,
                       struct error *err);
    void (*give_back)(void *arg, struct tier_store *store);
    /* While a station uses a connector, nobody deletes it. NULL: nobody asks. Errors: ERR_NOT_FOUND. */
    bool (*use)(void *arg, struct str connector, struct str station, struct error *err);
    void (*unuse)(void *arg, struct str connector, struct str station);
    void *arg;
    uint64_t cache_bytes;     /* of row groups on disk; 0: 1 GiB */
    uint64_t memory_bytes;    /* of decoded row groups, over all readers; 0: 256 MiB */
    unsigned writers;         /* threads for migration and maintenance; 0: 2 */
    unsigned readers;         /* threads for fetching; 0: 4 */
    uint64_t row_group_bytes; /* raw, of a row group that is written; 0: 4 MiB */
    uint64_t file_bytes;      /* of a data file, about, unless a batch would have too many; 0: 64 MiB */
    bool manual;              /* tests: no thread; tiers_step() does their work */
    object_start_fn *start;   /* tests: instead of object_start() */
};

/* Returns owned. Errors: those of the system. */
struct tiers *tiers_open(const struct tiers_options *options, struct error *err);
/* All tiers are stopped. Takes; NULL is fine. Blocks. */
void tiers_close(struct tiers *tiers);
/* Removes what is on local disk of tiers whose station is not `live`. Before any is opened. */
void tiers_sweep(struct tiers *tiers, bool (*live)(struct str name, void *arg), void *arg);
/* The same for one that is not open. */
void tiers_forget(struct tiers *tiers, struct str name);
/* With `manual`: does what is due once. True if there was anything. Blocks. */
bool tiers_step(struct tiers *tiers);

/* ---- A station's tier ------------------------------------------------------------------------------------ */

struct tier_config {
    struct str connector;
    struct str bucket;
    struct str prefix;          /* the table is at <prefix>/<station>/ */
    uint64_t upload_bytes;      /* migrates when so many bytes wait */
    int64_t upload_interval_ms; /* or when the oldest has waited so long */
    int64_t retention_age_ms;   /* of rows in the table; 0: for ever */
    int64_t scrub_interval_ms;  /* between scrubs in the background; 0: never */
    struct str definition;      /* the station object: kept in the table, for recovery */
};

/* What one commit has brought into the table. */
struct tier_migration {
    uint64_t first; /* offsets */
    uint64_t last;
    int64_t first_ms; /* times of the oldest and the newest row */
    int64_t last_ms;
    uint64_t rows;
    uint64_t bytes; /* of messages */
    uint64_t files;
};

struct tier_options {
    struct str station;
    int64_t created_ms; /* of the station: a table of another station by the same name is not written to */
    struct tier_config config;
    /* The log, between enter and leave; NULL: closed. */
    struct log *(*enter)(void *arg);
    void (*leave)(void *arg);
    /* The bounds of the table have changed. Once, on a worker, after each commit; must not block. */
    void (*changed)(void *arg);
    /* Rows are committed to the table; before that. NULL: nobody asks. Likewise. */
    void (*migrated)(void *arg, const struct tier_migration *migration);
    void *arg;
};

/* Reads the ledger; does not wait for the store. Copies the options. Returns owned. Errors: ERR_CORRUPT (the ledger), those
 * of the system; ERR_NOT_FOUND (the connector, of a tier that has no table yet). */
struct tier *tier_open(struct tiers *tiers, const struct tier_options *options, struct error *err);
void tier_configure(struct tier *tier, const struct tier_config *config);
/* No step of it is under way any more when it returns; fetches, also later ones, end with ERR_CLOSED. `drop`: what it has on
 * local disk goes, too. Blocks. */
void tier_stop(struct tier *tier, bool drop);
void tier_free(struct tier *tier); /* stopped, or never used. Takes; NULL is fine */

/* ---- The way out ----------------------------------------------------------------------------------------- */

/* Retention has passed everything below `below`; `bytes` of it are not migrated. Never blocks. */
void tier_expel(struct tier *tier, uint64_t below, uint64_t bytes);
/* What is below `below` and not committed is given up: a gap in the table. Recorded durably when it returns. Errors: those
 * of the ledger. */
bool tier_give_up(struct tier *tier, uint64_t below, struct error *err);

/* What the table holds, as far as it is known: the ledger remembers it over a restart. Never blocks. */
struct tier_bounds {
    bool any;       /* there are rows */
    uint64_t first; /* offset of the oldest row */
    uint64_t next;  /* everything below is committed, or given up: the log may go up to here */
    int64_t first_ms;
    uint64_t rows;
    uint64_t bytes; /* of messages; as written, before compression */
};
void tier_bounds(struct tier *tier, struct tier_bounds *out);

/* Migrates what is expelled now, without waiting for upload_bytes. done(arg, err) is called once, on a worker: err is NULL
 * when all that was expelled at the call is committed. Never blocks. */
void tier_flush(struct tier *tier, void (*done)(void *arg, const struct error *err), void *arg);

/* ---- The way back ---------------------------------------------------------------------------------------- */

/* Embedded by the caller; zero-initialise, set what to fetch. */
struct tier_fetch {
    struct list link;  /* the tier's */
    struct tier *tier; /* the tier's */
    uint64_t offset;   /* of a row; or, by time, of the first at or after time_ms */
    int64_t time_ms;
    bool by_time;
    bool sequential; /* the reader goes on where its last fetch has ended: more is read ahead */
    /* Once, on a worker or the thread that stops the tier; must not block. */
    void (*done)(struct tier_fetch *fetch);
    /* Filled before `done`. */
    bool ok;
    struct log_chunk
        *chunk;    /* with the row at `offset`; NULL: there is none, see `next`. The caller's. Not by time */
    uint64_t next; /* by offset: where the next row is, or the end; by time: the offset found, or the end */
    struct error err;
};

/* What is in memory already: the chunk with the row; returns owned, or NULL. Never blocks. */
struct log_chunk *tier_read_cached(struct tier *tier, uint64_t offset);
/* Never blocks; `done` comes. Errors with it: ERR_CLOSED, ERR_CORRUPT (which file), those of the store. */
void tier_fetch_start(struct tier *tier, struct tier_fetch *fetch);
/* True: done is not called. False: it has been called or is about to be. */
bool tier_fetch_cancel(struct tier *tier, struct tier_fetch *fetch);
/* Starts it and waits; `done` is not used. Blocks. */
bool tier_fetch_wait(struct tier *tier, struct tier_fetch *fetch, struct error *err);

/* ---- Restoring, recovering, deleting ---------------------------------------------------------------------- */

/* Asked now and then by what takes long, on its thread. False: it ends with ERR_CLOSED. */
struct tier_progress {
    bool (*go_on)(void *arg, uint64_t done, uint64_t total);
    void *arg;
};

struct tier_restored {
    uint64_t files;
    uint64_t bytes; /* of the files */
    uint64_t rows;
    uint64_t first, next; /* offsets that the files hold */
};
/* Brings the data files that hold rows from `from` on, below `to`, to local disk: they are read from there until tier_release().
 * `dry`: only says which. done, total: bytes. Errors: those of store and disk. Blocks. */
bool tier_restore(struct tier *tier, uint64_t from, uint64_t to, bool dry,
                  const struct tier_progress *progress, struct tier_restored *out, struct error *err);
/* Removes the local copies. *bytes: of them. */
bool tier_release(struct tier *tier, uint64_t *bytes, struct error *err);
/* What is restored. Looks at the disk. */
void tier_restored(struct tier *tier, uint64_t *files, uint64_t *bytes);

/* A table as it is found in a store. */
struct tier_found {
    char *station;
    char *definition; /* the station object; NULL: the table has none */
    int64_t created_ms;
    uint64_t epoch;
    struct tier_bounds bounds;
    uint64_t files;
    uint64_t file_bytes;
    uint64_t missing;
    uint64_t version;
};
void tier_found_free(struct tier_found *found);
/* Calls each with the names below the prefix that may be tables. Errors: those of the store. Blocks. */
bool tiers_list(struct tiers *tiers, const struct tier_config *config,
                bool (*each)(struct str name, void *arg), void *arg, struct error *err);
/* Reads the table of this name. Errors: ERR_NOT_FOUND (there is none), ERR_CORRUPT, those of the store. Blocks. */
bool tiers_look(struct tiers *tiers, const struct tier_config *config, struct str station,
                struct tier_found *out, struct error *err);
/* A ledger for a station that is made of what was found, before tier_open(). Errors: those of the system. */
bool tiers_adopt(struct tiers *tiers, const struct tier_found *found, struct error *err);

/* Removes all objects of the table. The tier does nothing any more afterwards, also on failure: then it is to be called again.
 * Errors: those of the store. Blocks. */
bool tier_destroy(struct tier *tier, struct error *err);

/* Reads every data file and checks it against the table: its size, page checksums, rows, offsets. What is found is logged, and
 * counted; done, total: files. The same happens in the background every scrub_interval_ms, a file at a time, slowly, and goes on where it
 * was after a restart. Errors: those of the store; ERR_CORRUPT (what was found first). Blocks. */
struct tier_scrubbed {
    uint64_t files, rows, bytes;
    uint64_t findings;
    uint64_t repaired; /* put again from local disk */
};
bool tier_scrub(struct tier *tier, const struct tier_progress *progress, struct tier_scrubbed *out,
                struct error *err);

/* ---- What is known of it --------------------------------------------------------------------------------- */

enum tier_status {
    TIER_OPENING, /* the table has not been looked at */
    TIER_RUNNING,
    TIER_WAITING, /* the store does not answer: tried again at retry_ms */
    TIER_FENCED,  /* somebody else writes the table */
    TIER_FAILED   /* something must be put right: the table is another station's, or does not check */
};
const char *tier_status_name(enum tier_status status); /* as in answers */

struct tier_requests { /* that have ended, of one kind */
    uint64_t ok;       /* with an answer to the question: that there is no such object is one */
    uint64_t failed;
    uint64_t retries; /* attempts but the first */
};

struct tier_stats {
    enum tier_status status;
    struct error err; /* the last one; code ERR_NONE: none since the last success */
    int64_t err_ms;   /* when, wall clock */
    int64_t retry_ms; /* when it is tried again, wall clock; 0: nothing waits */
    struct tier_bounds bounds;
    uint64_t epoch;    /* ours; 0: not claimed yet */
    uint64_t snapshot; /* id of the current one; 0: none */
    uint64_t version;  /* of metadata.json */
    uint64_t files;
    uint64_t file_bytes; /* in the store */
    uint64_t lag_messages;
    uint64_t lag_bytes;
    int64_t lag_ms;   /* since the oldest expelled message began to wait */
    uint64_t missing; /* messages between the oldest row and `next` that were given up */
    enum object_guarantee guarantee;
    double cost_month_usd; /* storage at S3's list price and requests at the rate of the last hour */
    /* Since the opening. */
    uint64_t commits;
    uint64_t migrated_messages;
    uint64_t migrated_bytes;
    uint64_t uploaded_bytes;
    uint64_t fetched_bytes;
    struct tier_requests requests[OBJECT_OPS];
    uint64_t puts; /* of them, that have ended */
    uint64_t gets; /* with HEAD */
    uint64_t failures;
    uint64_t cache_hits;
    uint64_t cache_misses;
    uint64_t scrubbed_files;
    uint64_t findings; /* of scrub */
    uint64_t repaired; /* of them: put again from local disk */
    /* Of the scrub, as the ledger remembers it. */
    int64_t scrub_began_ms; /* wall clock, of the one that goes on in the background; 0: none does */
    int64_t scrub_ended_ms; /* wall clock, of the last whole one; 0: there was none */
    uint64_t scrub_files, scrub_findings, scrub_repaired; /* of that one */
    int64_t scrub_next_ms; /* wall clock, about: when the next one begins; 0: none will */
};
void tier_stats(struct tier *tier, struct tier_stats *out);

/* A data file of the table, or some in a row that are told as one. */
struct tier_layer {
    uint64_t first, last; /* offsets, both in it */
    uint64_t files;
    uint64_t restored; /* of the files: there is a copy on local disk */
    uint64_t rows;
    uint64_t bytes; /* in the store */
    bool timed;     /* the times are known */
    int64_t first_ms, last_ms;
    struct str path; /* absolute, of a single file; borrowed until `each` returns */
};
/* Calls each, in the order of offsets, for the files that hold an offset of [from, to): at most `limit` times, for neighbours
 * together if there are more. `location` gets the table's URI; both are empty until the table has been looked at. `each` must not
 * block. Does not ask the store; looks at the disk. */
void tier_layers(struct tier *tier, uint64_t from, uint64_t to, size_t limit,
                 void (*each)(const struct tier_layer *layer, void *arg), void *arg, struct buf *location);

#endif
