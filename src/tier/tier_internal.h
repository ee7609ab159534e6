/* What the files of the tier share.
 *
 * Who may touch what:
 *   - who works: under tiers.lock. A tier is in the hands of at most one writer thread at a time (`running`); the
 *     *step's* fields are that thread's.
 *   - the table (metadata, list of manifests, index of files): under tier.table_lock, for moments; it is replaced as a
 *     whole by a load or a commit.
 *   - what is told to others (bounds, status, figures): under tier.lock, for moments.
 *   - the ledger has a lock of its own: the keeper gives up, the step commits.
 * Locks are not held over requests, and none is taken while another one is held but tiers.lock before tier.lock. */
#ifndef TIER_TIER_INTERNAL_H
#define TIER_TIER_INTERNAL_H

#include "base/heap.h"
#include "lake/lake.h"
#include "table/iceberg_commit.h"
#include "table/iceberg_index.h"
#include "table/message_schema.h"
#include "table/parquet.h"
#include "tier/tier.h"

#include <dirent.h>
#include <stdatomic.h>

#define TIER_PATH_BYTES  4096
#define THREADS_MAX      64
#define FOOTER_TAIL      (64u << 10) /* what is fetched of a file's end at once, at least */
#define WHOLE_FILE_BYTES (1u << 20)  /* a file of at most this size is fetched whole, and kept */
#define RANGE_BYTES      (8u << 20)  /* of one GET for what goes through a file */
#define RANGE_BYTES_MOST \
    (13u << 20) /* for who reads in sequence, unless a row group is larger; such a file is fetched whole */
#define AHEAD_RAW_BYTES (8u << 20) /* of the row groups that are decoded at once, before compression: about */
#define RUN_RAW_BYTES \
    (16u << 20) /* at most, unless one is larger; one of more than twice as much is read in parts */
#define CHUNK_RAW_BYTES (4u << 20) /* of one chunk, about */

/* Properties of the table, and of snapshots' summaries. */
#define PROPERTY_EPOCH      STR("varve.epoch")
#define PROPERTY_STATION    STR("varve.station")
#define PROPERTY_CREATED    STR("varve.created-ms")
#define PROPERTY_DEFINITION STR("varve.definition")
#define PROPERTY_COMMITTED \
    STR("varve.committed-offset")                 /* the last one in the table, or given up; -1: none */
#define PROPERTY_FIRST STR("varve.first-offset")  /* of this snapshot's rows: summaries only */
#define PROPERTY_GAPS  STR("varve.gaps")          /* what was given up: "100-199,300-305" */
#define PROPERTY_BYTES STR("varve.message-bytes") /* of all rows, before compression */

/* ---- ledger.c -------------------------------------------------------------------------------------------- */

/* What was given up, both inclusive. */
struct gap {
    uint64_t first;
    uint64_t last;
};

/* Objects that may be in the store without belonging to the table. */
struct ledger_keys {
    struct list link;
    char uuid[LAKE_UUID_BYTES]; /* of the intent; "": they are dead */
    int64_t after_ms;           /* wall clock: dead ones are removed then */
    size_t count;
    char *keys[]; /* below the table */
};

/* What the table holds, as the last commit or load has found it. */
struct ledger_state {
    uint64_t version; /* of metadata.json; 0: none is known */
    uint64_t epoch;   /* the last one that was ours */
    uint64_t next;
    uint64_t first;
    int64_t first_ms;
    uint64_t rows;
    uint64_t bytes;
    uint64_t files;
    uint64_t file_bytes;
    uint64_t give_up; /* what is below and not committed is given up */
};

struct scrub_sums {
    uint64_t files, findings, repaired;
};

/* The scrub in the background. */
struct ledger_scrub {
    int64_t began_ms; /* wall clock, of the round that is under way; 0: none is */
    uint64_t at;      /* the next file: the skip-th, from 0, of those that begin at this offset or above */
    uint64_t skip;
    struct scrub_sums now;
    int64_t ended_ms; /* wall clock, of the last whole one, in the background or not; 0: never */
    struct scrub_sums last;
};

struct ledger {
    char *path;
    int fd;
    pthread_mutex_t lock;
    /* Under lock. */
    struct ledger_state state;
    struct ledger_scrub scrub;
    struct list intents; /* struct ledger_keys */
    struct list dead;    /* likewise, the earliest first */
    uint64_t bytes;      /* of the file */
};

/* Reads it; a torn last line is dropped. Errors: ERR_CORRUPT, those of the system. */
bool ledger_open(struct ledger *ledger, const char *dir, struct error *err);
void ledger_close(struct ledger *ledger);
void ledger_state(struct ledger *ledger, struct ledger_state *out);
/* Each of these is durable when it returns. Errors: those of the system. Blocks for the disk. */
bool ledger_intend(struct ledger *ledger, const char *uuid, const struct str *keys, size_t count,
                   struct error *err);
/* The intent (NULL: there was none) is over: what it has put belongs to the table. */
bool ledger_commit(struct ledger *ledger, const char *uuid, const struct ledger_state *state,
                   struct error *err);
/* The keys of the intent are to be removed. */
bool ledger_abandon(struct ledger *ledger, const char *uuid, int64_t after_ms, struct error *err);
bool ledger_bury(struct ledger *ledger, const struct str *keys, size_t count, int64_t after_ms,
                 struct error *err);
bool ledger_give_up(struct ledger *ledger, uint64_t below, struct error *err);
void ledger_scrub(struct ledger *ledger, struct ledger_scrub *out);
bool ledger_set_scrub(struct ledger *ledger, const struct ledger_scrub *scrub, struct error *err);
/* The earliest dead ones, if they may be removed by now; borrowed until ledger_gone(), one at a time. */
const struct ledger_keys *ledger_due(struct ledger *ledger, int64_t now_ms, int64_t *due_ms);
bool ledger_gone(struct ledger *ledger, const struct ledger_keys *keys, struct error *err);
/* Calls `each` with every intent that has not ended. */
void ledger_intents(struct ledger *ledger, void (*each)(const struct ledger_keys *keys, void *arg),
                    void *arg);

/* ---- A tier ---------------------------------------------------------------------------------------------- */

struct flush_waiter {
    struct list link;
    uint64_t below;
    void (*done)(void *arg, const struct error *err);
    void *arg;
};

struct request_figures {
    _Atomic uint64_t ok, failed, retries;
};

struct figures {
    _Atomic uint64_t commits, migrated_messages, migrated_bytes, uploaded_bytes, fetched_bytes, failures,
        cache_hits, cache_misses, scrubbed_files, findings, repaired;
    struct request_figures requests[OBJECT_OPS];
};

struct tier {
    /* Set once. */
    struct tiers *all;
    char *station;
    char *dir;
    int64_t created_ms;
    struct log *(*enter)(void *arg);
    void (*leave)(void *arg);
    void (*changed)(void *arg);
    void (*migrated)(void *arg, const struct tier_migration *migration);
    void *arg;
    int64_t opened_ms; /* monotonic */

    /* Under all->lock. */
    struct list link;
    struct heap_node due;
    bool uses;     /* set once: it has said that it uses the connector */
    bool visitor;  /* set once: looks at a table that need not be its own */
    bool running;  /* a writer thread has it */
    bool again;    /* something has come meanwhile */
    bool stopped;  /* also read without the lock, by who waits for a store */
    unsigned busy; /* threads that do something for it: a step, fetches */
    atomic_bool stopping;

    pthread_mutex_t lock;
    /* Under lock. */
    char *connector, *bucket, *prefix, *definition;
    uint64_t upload_bytes;
    int64_t upload_interval_ms;
    int64_t retention_age_ms;
    int64_t scrub_interval_ms;
    bool definition_changed;
    uint64_t expelled;
    uint64_t waiting_bytes;
    int64_t waiting_since_ms; /* monotonic; 0: nothing waits */
    struct list flushes;
    bool goes; /* its table is being removed: steps leave `batches` alone */
    enum tier_status status;
    struct error err;
    int64_t err_ms, retry_ms; /* wall clock */
    int64_t retry_due_ms;     /* of TIER_WAITING and TIER_FAILED, monotonic */
    unsigned failures_in_row;
    struct tier_bounds bounds;
    uint64_t epoch, snapshot, version, files, file_bytes, gap_rows;
    enum object_guarantee guarantee;

    pthread_mutex_t table_lock;
    /* Under table_lock. */
    struct iceberg_table *table; /* NULL: there is none, if `loaded` */
    struct iceberg_list *list;
    struct iceberg_index *index;
    uint64_t table_version;
    bool loaded;
    uint64_t generation; /* of the index: who has planned with a former one plans again */

    pthread_mutex_t load_lock; /* who loads; held over requests: others wait for the same load */
    _Atomic uint64_t loads;    /* that have succeeded; released with what they found */

    struct ledger ledger;
    struct figures figures;

    uint64_t own_epoch; /* 0: not claimed. The step's; written under table_lock, which others read it under */

    /* The step's. */
    struct list batches;   /* struct batch, in the order of offsets: built, on their way, to be committed */
    int64_t maintained_ms; /* monotonic, of the last maintenance */
    int64_t hinted_ms;     /* monotonic, of the last version-hint.text; 0: never */
    uint64_t hinted;
    bool small_files;       /* something was added since compaction has looked */
    bool in_doubt;          /* a commit may be there that is not known to be */
    bool doubts;            /* the ledger has intents whose end is not known (doubts.c) */
    uint64_t doubt_version; /* … until this version is there */
    bool unconditional;     /* the store does not honour If-None-Match */
    uint64_t spool_number;
    int64_t scrub_ms; /* monotonic: the scrub in the background goes on then */
};

/* ---- tiers.c --------------------------------------------------------------------------------------------- */

struct tiers {
    /* Set once. */
    struct tiers_options options;
    char *dir;
    pthread_t threads[THREADS_MAX];
    unsigned thread_count;

    pthread_mutex_t lock;
    pthread_cond_t work;   /* for writers */
    pthread_cond_t wanted; /* for readers */
    pthread_cond_t idle;   /* for who stops a tier */
    /* Under lock. */
    struct list all;
    struct heap due; /* of tiers, monotonic ms */
    struct list fetches;
    struct list flights;
    bool stopping;

    struct cache *cache;
    struct ranges *ranges;
    struct footers *footers;
};

/* No thread works for the tier any more, and its fetches have ended with ERR_CLOSED. False: it was stopped before. Blocks. */
bool workers_leave(struct tier *tier);
/* The step that is under way has ended. Not on a thread of the tiers. Blocks. */
void steps_end(struct tier *tier);
/* A directory that may be there; one with all that is in it. */
bool dir_make(const char *dir, struct error *err);
void dir_remove(const char *dir);

/* ---- tier.c ---------------------------------------------------------------------------------------------- */

/* A tier that no thread works for. `name`: of its directory. */
struct tier *tier_make(struct tiers *tiers, const struct tier_options *options, const char *name,
                       struct error *err);
/* The tier is looked at by a writer thread soon. Thread: any. */
void tier_touch(struct tier *tier);
bool tier_is_stopping(const struct tier *tier);
/* The step has failed, or a load: shows it, and says when to try again (monotonic ms). */
int64_t tier_failed(struct tier *tier, const struct error *err);
void tier_succeeded(struct tier *tier);
/* Ends all flushes that wait. */
void tier_end_flushes(struct tier *tier, const struct error *err);
void tier_set_bounds(struct tier *tier, const struct ledger_state *state);

/* ---- store.c: requests ----------------------------------------------------------------------------------- */

/* A store in the hands of one piece of work. */
struct reach {
    struct tier *tier;
    struct tier_store store;
    char *bucket;
    char *base; /* "<prefix>/<station>/" */
};
bool reach_take(struct tier *tier, struct reach *out, struct error *err);
/* The same; a thread that is not the tiers' own is at work until reach_leave(). ERR_CLOSED: it is stopped. */
bool reach_enter(struct tier *tier, struct reach *out, struct error *err);
void reach_leave(struct reach *reach);
void reach_give_back(struct reach *reach);
char *reach_location(const struct reach *reach); /* of the table; returns owned */

/* The table, as lake/ reaches it. */
struct lake reach_lake(struct reach *reach);
/* The store has refused a condition: it does not know them. */
void tier_is_unconditional(struct tier *tier);

/* Keys are below the table. Waiting ends with ERR_CLOSED when the tier is stopped: a request that is under way then ends on its
 * own, or with its store. Errors: those of object/object.h. */
bool reach_get(struct reach *reach, struct str key, const struct object_range *range, struct buf *out,
               uint64_t *size, struct error *err); /* appends; size may be NULL: of the whole object */
bool reach_put(struct reach *reach, struct str key, struct str body, enum object_condition condition,
               struct error *err); /* copies the body */
bool reach_put_file(struct reach *reach, struct str key, int fd, uint64_t bytes,
                    enum object_condition condition, struct error *err);
/* The same without waiting: see object_call_start(). reach_end_put() takes one that has ended. */
struct object_call *reach_start_put(struct reach *reach, struct str key, int fd, uint64_t bytes,
                                    enum object_condition condition, void (*ended)(void *arg), void *arg,
                                    struct error *err);
bool reach_end_put(struct tier *tier, struct object_call *call, uint64_t bytes, struct error *err);
bool reach_head(struct reach *reach, struct str key, uint64_t *size, struct error *err); /* ERR_NOT_FOUND */
bool reach_delete(struct reach *reach, char *const *keys, size_t count, struct error *err);
/* Names below `prefix` (of the bucket, not the table), in order; with `names` only up to the next slash, with it. Calls `each`;
 * false stops. */
bool reach_list(struct reach *reach, struct str prefix, bool names, bool (*each)(struct str key, void *arg),
                void *arg, struct error *err);

/* ---- table.c: what is known of the table ----------------------------------------------------------------- */

/* Reads the newest metadata, its manifest list and, unless they are known, its manifests. Errors: ERR_CORRUPT, ERR_UNSUPPORTED, those of
 * the store; ERR_CONFLICT (it is another station's). Blocks. Thread: any. */
bool table_load(struct tier *tier, struct reach *reach, bool anew, struct error *err);
/* The same, anew, with load_lock held: nobody else replaces the table then. */
bool table_load_locked(struct tier *tier, struct reach *reach, struct error *err);
/* Takes table and list (NULL: none), which are version `version`; the index is changed by what the change has added and removed. */
void table_set(struct tier *tier, struct iceberg_table *table, struct iceberg_list *list, uint64_t version,
               const struct iceberg_change *change);
void table_drop(struct tier *tier); /* forgets it */
/* What the ledger should say of it: of the table as it is. Under table_lock. */
void table_state(struct tier *tier, struct ledger_state *out);
uint64_t table_epoch(const struct iceberg_table *table);
/* Behind the last offset that is committed or given up; 0: nothing is. */
uint64_t table_next(const struct iceberg_table *table);
uint64_t property_u64(const struct iceberg_table *table, struct str key, uint64_t otherwise);
struct gaps {
    struct gap *all;
    size_t count;
};
void gaps_parse(struct str text, struct gaps *out); /* what it does not understand it leaves out */
void gaps_add(struct gaps *gaps, uint64_t first, uint64_t last);
void gaps_print(const struct gaps *gaps, struct buf *out);
uint64_t gaps_rows_from(const struct gaps *gaps, uint64_t from); /* at or above */
void gaps_free(struct gaps *gaps);

/* ---- commit.c -------------------------------------------------------------------------------------------- */

/* When what an attempt has put that has lost may be removed, wall clock: who reads it has stopped by then. */
int64_t tier_dead_ms(void);
/* What has to hold for a change on top of the table as it is, and what it then says; asked again for each attempt. False with
 * ERR_EXISTS: the change is in the table already. */
typedef bool commit_prepare_fn(struct tier *tier, struct iceberg_change *change, void *arg,
                               struct error *err);
/* Commits on top of the newest version, again and again until it is there or cannot be. True: it is in the table, and the ledger
 * knows it. Errors: ERR_CONFLICT (fenced), ERR_UNKNOWN (it may be there: commit the same change again), those of prepare and
 * of the store. Thread: the step's. Blocks. */
bool commit_change(struct tier *tier, struct reach *reach, struct iceberg_change *change,
                   commit_prepare_fn *prepare, void *arg, struct error *err);
/* Writes version-hint.text, at most once a minute unless `now`. */
void commit_hint(struct tier *tier, struct reach *reach, bool now);

/* ---- claim.c, doubts.c ----------------------------------------------------------------------------------- */

/* The table that version 1 is made of. Returns owned. */
struct iceberg_table *commit_first_table(struct tier *tier, struct reach *reach, struct error *err);
/* Makes us the writer: a commit with the next epoch; makes the table if there is none. Errors: ERR_CONFLICT (it is another
 * station's), as commit_change(). */
bool commit_claim(struct tier *tier, struct reach *reach, struct error *err);
/* Ends the intents of attempts that are decided: none of them is under way any more, and a version stands where it was to be put. Those
 * of tier.batches are left alone.
 * Thread: the step's. Blocks. */
bool doubts_resolve(struct tier *tier, struct reach *reach, struct error *err);

/* ---- write.c: rows to Parquet ---------------------------------------------------------------------------- */

/* A file in the spool. */
struct spool {
    int fd;
    char *path;
    uint64_t bytes;
    uint64_t first, last;
    uint64_t rows;
    uint64_t raw_bytes;
    int32_t day;
    /* What a manifest says; owned. */
    struct arena arena;
    struct iceberg_data_file file; /* but its path */
};

struct spooler;
struct spooler *spooler_open(struct tier *tier, struct error *err);
/* Adds the record. Errors: those of the codec, the writer and the disk. */
bool spooler_add(struct spooler *spooler, uint64_t offset, int64_t time_ms, struct str record,
                 struct error *err);
bool spooler_add_row(struct spooler *spooler, const struct tier_row *row, uint64_t raw_bytes,
                     struct error *err);
bool spooler_finish(struct spooler *spooler, struct spool *out, struct error *err);
void spooler_close(struct spooler *spooler); /* takes; NULL is fine; what is not finished is removed */
uint64_t spooler_raw_bytes(const struct spooler *spooler);
uint64_t spooler_bytes(const struct spooler *spooler); /* of the file, about */
void spool_remove(struct spool *spool);                /* its file; what a manifest says stays */
void spool_free(struct spool *spool);                  /* with its file */
/* What a data file is called in the store: data/timestamp_day=<day>/<its first offset>-e<epoch>-<8 digits of the uuid>.parquet */
void data_key(const struct tier *tier, const struct spool *spool, const char *uuid, struct buf *out);
/* Whether a path or key ends like that: others' files have their rows in an order of their own. *first: the offset in it. */
bool data_key_is_ours(struct str path, uint64_t *first);
/* Removes what a crash has left. */
void spool_clear(const char *dir);

/* ---- decode.c: Parquet to rows --------------------------------------------------------------------------- */

struct columns {
    size_t of[MESSAGE_COLUMN_LAST + 1]; /* PARQUET_NO_COLUMN: the file has none */
};
/* Errors: ERR_CORRUPT (a column is missing, or of another type). */
bool columns_find(const struct parquet_file *file, struct columns *out, struct error *err);
/* The row at `i` of the vectors; strings borrow from them, headers from memory. Errors: ERR_CORRUPT. */
bool row_take(const struct columns *columns, const struct parquet_vector *vectors, size_t i,
              struct arena *memory, struct tier_row *out, struct error *err);

/* ---- footer.c: footers of files that were read lately ---------------------------------------------------- */

struct footer {
    atomic_uint refs;
    struct list link; /* footers.all, under its lock */
    uint64_t hash;
    char *path; /* the file's location */
    struct parquet_file *file;
    size_t bytes;     /* of memory */
    struct str whole; /* the file, if it was fetched whole */
};
struct footers *footers_new(size_t limit_bytes);
void footers_free(struct footers *footers);
/* What one GET should bring of the file's end, to have all of its footer. rows 0: not known. */
uint64_t footer_tail(struct tier *tier, uint64_t file_bytes, uint64_t rows);
/* Returns a reference. One GET, or two when the footer is larger than what was fetched first. `all`: of a file of at most
 * ranges_most() that GET brings the rows, too, and they are kept as a range. */
struct footer *footer_get(struct tier *tier, struct reach *reach, const struct iceberg_file *file, bool all,
                          struct error *err);
void footer_unref(struct footer *footer);

/* ---- ranges.c: what was fetched and is not decoded yet ---------------------------------------------------- */

struct range {
    atomic_uint refs;
    struct list link; /* ranges.all, under its lock */
    uint64_t hash;
    char *path; /* the file's location */
    uint64_t offset;
    struct buf bytes; /* filled before it is kept */
};
struct range *range_new(const struct footer *footer, uint64_t offset); /* returns a reference */
void range_unref(struct range *range);                                 /* NULL is fine */

struct ranges;
struct ranges *ranges_new(struct cache *cache, size_t limit_bytes); /* counts as memory of the cache */
void ranges_free(struct ranges *ranges);                            /* takes; NULL is fine */
/* How large one should be at most. */
uint64_t ranges_most(const struct ranges *ranges);
/* Returns a reference to one that holds all of that, or NULL. */
struct range *ranges_find(struct ranges *ranges, const struct footer *footer, uint64_t offset,
                          uint64_t bytes);
void ranges_keep(struct ranges *ranges, struct range *range); /* takes a reference of its own */
void ranges_drop(struct ranges *ranges, struct range *range); /* if it is kept */

/* ---- cache.c --------------------------------------------------------------------------------------------- */

struct cache;
struct cache *cache_open(const char *dir, uint64_t disk_bytes, uint64_t memory_bytes, struct error *err);
void cache_close(struct cache *cache);
/* Chunks in memory, the least recently used first to go. `ahead`: what its first use reads ahead; 0: nothing. */
void cache_add_chunk(struct cache *cache, struct tier *tier, struct log_chunk *chunk, uint64_t ahead);
/* Returns a reference, or NULL. *ahead: it is the first use of a chunk that was added so, else 0; NULL: this is no use. */
struct log_chunk *cache_chunk(struct cache *cache, struct tier *tier, uint64_t offset, uint64_t *ahead);
/* Memory that is taken besides chunks, within the same limit; negative: given back. */
void cache_charge(struct cache *cache, int64_t bytes);
void cache_drop_tier(struct cache *cache, struct tier *tier);
/* Ranges of files on disk. */
bool cache_load(struct cache *cache, struct str path, uint64_t offset, uint64_t bytes, struct buf *out);
void cache_store(struct cache *cache, struct str path, uint64_t offset, struct str bytes);
/* How many bytes are there of a range that begins at the offset; 0: none. */
uint64_t cache_holds(struct cache *cache, struct str path, uint64_t offset);

/* ---- fetch.c --------------------------------------------------------------------------------------------- */

/* One that brings a row group: who wants the same waits for its end. */
struct flight {
    struct list link;    /* tiers.flights, under tiers.lock, as the next one */
    struct list waiters; /* fetches */
    struct tier *tier;
    uint64_t hash; /* of the file's location */
    size_t group;
};
/* On a reader thread: brings what is asked for; `done` is called by the caller. False: it waits for somebody else's flight, and
 * is not the caller's any more. */
bool fetch_run(struct tier *tier, struct tier_fetch *fetch);
/* False: there is such a flight already, and the fetch waits for its end. */
bool flight_begin(struct flight *flight, struct tier_fetch *fetch);
void flight_end(struct flight *flight);
/* Calls `each` for the rows from `from` on, below `to`, in order. False from it stops, with its error. */
typedef bool row_fn(const struct tier_row *row, void *arg, struct error *err);
/* Reads a range of the local copy, the disk cache or the store. Appends. */
bool fetch_range(struct tier *tier, struct reach *reach, struct footer *footer, uint64_t offset,
                 uint64_t bytes, struct buf *out, struct error *err);

/* Brings what is at the offset and behind it into memory, in the background. 0: nothing. */
void fetch_ahead(struct tier *tier, uint64_t offset);

/* restore.c: the names of the local copies, in the order of their bytes; none where they cannot be read. */
struct restored {
    struct dirent **entries; /* restored_free() */
    size_t count;
};
void restored_list(const struct tier *tier, struct restored *out);
void restored_free(struct restored *restored);
/* The local copy of a file that leaves the table. */
void restored_drop(struct tier *tier, struct str path);
/* A range of it; appends. False: there is no such copy. */
bool restored_read(struct tier *tier, const char *path, uint64_t offset, uint64_t bytes, struct buf *out);

/* ---- upload.c: one file on its way to the store ---------------------------------------------------------- */

enum upload_state {
    UPLOAD_BUILT,     /* in the spool alone */
    UPLOAD_INTENDED,  /* the ledger knows its key */
    UPLOAD_UNDER_WAY, /* as `call` */
    UPLOAD_DONE       /* in the store; its file in the spool is gone */
};

struct upload {
    struct spool spool;
    char *key;
    enum upload_state state;
    struct object_call *call;
    struct reach reach; /* while it is under way */
};
/* A finished file, with a key of its own. Takes what is in the spool. */
void upload_init(struct upload *upload, struct tier *tier, struct spool *spool);
/* Its key into the ledger, durably, then its PUT begins. The tier is touched when it has ended. Errors: those of the ledger and of
 * object_start(). Thread: the step's, as the next ones. Blocks for the disk. */
bool upload_begin(struct upload *upload, struct tier *tier, const char *uuid, struct error *err);
/* If its PUT has ended, looks how: what may be there is read back. *moved: it is done. On failure it is to be begun again. Errors: those of
 * the store. Blocks. */
bool upload_look(struct upload *upload, struct tier *tier, struct reach *reach, bool *moved,
                 struct error *err);
/* With its file; a PUT that is under way goes on alone. */
void upload_free(struct upload *upload);
/* Waits until no PUT of a file is under way, or the tier is stopped. No step runs, or will: the tier is to go. Blocks. */
void uploads_end(struct tier *tier);

/* ---- batch.c: what one commit brings --------------------------------------------------------------------- */

#define BATCH_FILES_MAX      16
#define BATCH_FILES_WANTED   8 /* at most, where days do not cut it */
#define BATCH_SUMMARY_MAX    4
#define BATCH_PROPERTIES_MAX 4

struct batch {
    struct list link; /* tier.batches */
    char uuid[LAKE_UUID_BYTES];
    /* Building. */
    uint64_t next;      /* offset of the next row */
    uint64_t end;       /* what was expelled when it was begun */
    uint64_t most_raw;  /* of all files */
    uint64_t most_file; /* bytes of one file, about */
    bool closed;        /* no file comes any more */
    struct upload files[BATCH_FILES_MAX];
    size_t count;
    /* What it holds. */
    uint64_t first, last;
    uint64_t rows, raw_bytes;
    int64_t first_ms, last_ms; /* of the oldest and the newest row */
    /* The commit, and what it borrows. */
    struct iceberg_change change;
    struct iceberg_data_file added[BATCH_FILES_MAX];
    struct arena arena; /* of one attempt */
    struct iceberg_property summary[BATCH_SUMMARY_MAX];
    struct iceberg_property properties[BATCH_PROPERTIES_MAX];
};
/* An empty one that begins at `next`, the tier's last. */
struct batch *batch_begin(struct tier *tier, uint64_t next, uint64_t end, uint64_t most_raw);
/* Builds its next file and begins its PUT. What ends the batch closes it: it is full, there is nothing more, the log has not what
 * follows, a failure. One without a file is freed then. Errors: those of log, codec, disk, ledger and store. Blocks for the disk. */
bool batch_build(struct batch *batch, struct tier *tier, struct error *err);
/* Whether all of it is in the store: it can be committed. */
bool batch_is_put(const struct batch *batch);
void batch_free(struct batch *batch); /* takes it out of tier.batches */
/* All of them; `abandon`: what they have put is dead. */
void batches_drop(struct tier *tier, bool abandon);

/* ---- migrate.c, maintain.c ------------------------------------------------------------------------------- */

/* One step of the tier on a writer thread. Returns when the next one is due (monotonic ms), INT64_MAX: when it is touched. */
int64_t migrate_step(struct tier *tier);
/* compact.c: merges runs of small files, if there are any. */
bool compact(struct tier *tier, struct reach *reach, struct error *err);
/* scrub.c: checks one file more, if it is time to. */
bool scrub_go_on(struct tier *tier, struct reach *reach, struct error *err);
/* When that is (monotonic); INT64_MAX: never. */
int64_t scrub_due(struct tier *tier);
/* Fills what is told of it. */
void scrub_stats(struct tier *tier, struct tier_stats *out);
/* When there is something to tidy up (monotonic), without asking the store. */
int64_t maintain_due(struct tier *tier);
/* Retention, expiry, what is dead. *due_ms: when to come again (monotonic). */
bool maintain(struct tier *tier, struct reach *reach, int64_t *due_ms, struct error *err);

#endif
