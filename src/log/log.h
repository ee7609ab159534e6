/* The segment log: ordered, durable records in a directory.
 *
 * A *log* gives each record an offset, without gaps and never again. Records travel in *batches*: whoever appends
 * fills one (a reactor: one for each log and loop turn) and submits it; a writer thread gathers the batches of all
 * its logs, gives them their offsets, writes them, makes them durable together (group commit), and tells each one.
 * Readers take *chunks*: whole batches, as they lie on disk, shared by reference.
 *
 * The interface promises what another engine could keep, too: three outcomes of an append, offsets that only
 * increase, seeking by time. Formats on disk are written down in segment.c and index.c.
 *
 * On disk: DIR/<first offset, 20 digits>.seg, beside it .idx once the segment is full (rebuilt if missing), and
 * DIR/start with the low-water mark. */
#ifndef LOG_LOG_H
#define LOG_LOG_H

#include "base/error.h"
#include "base/list.h"
#include "base/str.h"

#include <stdatomic.h>
#include <stdint.h>

struct log;
struct log_engine;
struct log_io; /* the seam to the system: log/io.h */

/* ---- Engine: the writer threads that logs share ---------------------------------------------------------- */

struct log_engine_options {
    unsigned writers;        /* threads; 0: none, tests call log_engine_step() */
    uint64_t queue_bytes;    /* of batches that wait, over all logs; 0: 256 MiB. Full: ERR_BUSY */
    uint64_t tail_bytes;     /* of committed batches kept in memory for readers, over all logs; 0: 64 MiB */
    unsigned open_files;     /* files that the engine keeps open for reading, over all logs; 0: 256 */
    const struct log_io *io; /* borrowed; NULL: the system's */
};

/* Returns owned. Errors: those of thread_start(). Thread: main. */
struct log_engine *log_engine_start(const struct log_engine_options *options, struct error *err);
/* Commits what is queued, ends the threads. All logs are closed before. Takes; NULL is fine. */
void log_engine_stop(struct log_engine *engine);
/* Without threads: does what they would do once. Returns whether there was anything to do. */
bool log_engine_step(struct log_engine *engine);

/* ---- Opening --------------------------------------------------------------------------------------------- */

#define LOG_SYNC_COMMIT 0    /* fdatasync before `done` */
#define LOG_SYNC_NONE   (-1) /* `done` when the system has the bytes; it decides when they reach the disk */

struct log_options {
    uint64_t segment_bytes; /* a segment is full at; 0: 64 MiB */
    /* LOG_SYNC_COMMIT, LOG_SYNC_NONE, or an interval: `done` at once, fdatasync at the latest so many milliseconds
     * later */
    int64_t sync_ms;
    uint32_t max_batch_bytes; /* 0: 16 MiB */
    bool compress;            /* zstd for a batch where it saves at least an eighth */
    uint64_t first_offset;    /* of a log that the opening makes; one that is there goes on where it is */
};

/* Opens the log of a directory, which is made if it is missing (its parent exists). Only the last segment is scanned:
 * a torn tail (what no `done` was told of) is cut, with a line in the log.
 * Returns owned. Errors: ERR_CORRUPT (a bad batch that is not a torn tail, segments that do not join: with file,
 * position and what to do), ERR_BUSY (open already), those of the system. Thread: any; blocks. */
struct log *log_open(struct log_engine *engine, const char *dir, const struct log_options *options,
                     struct error *err);
/* Changes the options of an open log; in force from the next batch on. Thread: any. */
void log_set_options(struct log *log, const struct log_options *options);
/* Waits until what is queued is done; waiters are woken. Readers' chunks stay valid. Takes; NULL is fine. */
void log_close(struct log *log);
/* Removes a directory that holds a closed log, durably. Errors: those of the system. */
bool log_delete(struct log_engine *engine, const char *dir, struct error *err);

/* ---- Appending ------------------------------------------------------------------------------------------- */

/* How an append ended. UNKNOWN: it may be there after a restart or not; whoever needs it appends it again and drops
 * the copy by its own id. */
enum log_outcome { LOG_STORED, LOG_REFUSED, LOG_UNKNOWN };

/* Records to be appended together. Not thread-safe; the log's from log_append() until `done`. */
struct log_batch {
    struct log_batch *next;  /* the log's */
    struct log *log;         /* the log's */
    struct log_block *block; /* what is in it: see log_batch_add() */
    uint64_t queued_bytes;   /* the log's */
    uint32_t count;
    bool marked;              /* the appender's: who reads with LOG_MARKED wants to find this batch again */
    uint64_t first_offset;    /* once stored */
    enum log_outcome outcome; /* in `done` */
    /* Called once, on a writer thread, in the order of the offsets within one log; several batches in a row. The batch
     * is the caller's again: empty if LOG_STORED (`count` still says what was in it), else as it was, to be appended
     * again or reset. `err` is NULL for LOG_STORED. Must not block; may append. */
    void (*done)(struct log_batch *batch, const struct error *err);
};

/* Adds a record of `len` bytes and returns where to write them, before the next call with this batch. `time_ms`: wall
 * clock; times in one log do not go back: an earlier one counts as the latest that the log has seen.
 * A record of a size over max_batch_bytes makes log_append() fail. */
uint8_t *log_batch_add(struct log_batch *batch, int64_t time_ms, size_t len);
size_t log_batch_bytes(const struct log_batch *batch);
void log_batch_reset(struct log_batch *batch); /* gives back what is in it, with its mark; `done` stays */

/* Submits the batch (not empty) until `done`. Batches of one thread keep their order. Never blocks; on failure the
 * batch is as before, and `done` is not called.
 * Errors: ERR_BUSY (the engine's queue is full), ERR_READ_ONLY (disk full or failing, text says which; see
 * log_writable()), ERR_TOO_LARGE. Thread: any. */
bool log_append(struct log *log, struct log_batch *batch, struct error *err);

/* Whether the log takes appends: false while the disk is full or has failed. The engine tries again about once a
 * second and goes on by itself. `why` (may be NULL) is set when false. Thread: any. */
bool log_writable(struct log *log, struct error *why);

/* ---- Reading --------------------------------------------------------------------------------------------- */

struct log_bounds {
    uint64_t first;      /* the low-water mark: the oldest offset that can be read */
    uint64_t next;       /* behind the newest committed record; first == next: empty */
    uint64_t bytes;      /* of the records between: what log_batch_add() was given */
    uint64_t disk_bytes; /* of the segment files */
    uint32_t segments;
};
void log_bounds(struct log *log, struct log_bounds *out); /* thread: any; no I/O */

struct log_record {
    uint64_t offset;
    int64_t time_ms;
    struct str data; /* borrows from the chunk */
};

/* Some batches in a row: immutable, counted references. */
struct log_chunk {
    atomic_uint refs;
    uint64_t first_offset; /* of its first record: may be below what was asked for */
    uint64_t next_offset;  /* behind its last one */
    size_t bytes;
};
struct log_chunk *log_chunk_ref(struct log_chunk *chunk);
/* A chunk of records that are in no log (any more): those of the batch (not empty), which is empty then. Returns owned. */
struct log_chunk *log_chunk_of_batch(struct log_batch *batch, uint64_t first_offset);
void log_chunk_unref(struct log_chunk *chunk); /* takes; NULL is fine. Thread: any */

/* A place in a chunk. */
struct log_cursor {
    struct log_chunk *chunk; /* borrowed */
    uint64_t offset;         /* of the next record */
    size_t at;               /* the log's */
    size_t batch;            /* the log's */
    int64_t time_ms;         /* the log's */
};
/* The first record at or above `offset`. */
void log_cursor_init(struct log_cursor *cursor, struct log_chunk *chunk, uint64_t offset);
bool log_cursor_next(struct log_cursor *cursor, struct log_record *out); /* false: the chunk is at its end */

enum log_read_result {
    LOG_READ,         /* *out is set: returns owned */
    LOG_READ_END,     /* nothing is committed at this offset yet: log_wait() */
    LOG_READ_BLOCKS,  /* LOG_NOWAIT: it would have to wait for the disk */
    LOG_READ_TRIMMED, /* below the low-water mark: go on at log_bounds().first */
    LOG_READ_FAILED
};
#define LOG_NOWAIT 1u /* only what is in memory: the tail or the page cache */
#define LOG_MARKED 2u /* only marked batches: see log_read() */

/* Reads whole batches from the one that holds `offset` on, about max_bytes of them as they are in memory, that is
 * decompressed (at least one). A batch that does not check is an error, never served.
 * LOG_MARKED: from the first marked batch that ends behind `offset` on, up to the next one that is not marked; so the
 * chunk may begin above `offset`. Of what is passed over the headers are read, if anything. LOG_READ_END: no more of what
 * is committed is marked.
 * Errors: ERR_CORRUPT (file and position), those of the system. Thread: any. */
enum log_read_result log_read(struct log *log, uint64_t offset, size_t max_bytes, unsigned flags,
                              struct log_chunk **out, struct error *err);

/* The offset of the first record at or after the time; log_bounds().next if there is none. Blocks. Thread: any. */
bool log_offset_of_time(struct log *log, int64_t time_ms, uint64_t *offset, struct error *err);
/* The lowest offset from which on the records hold at most `bytes` bytes (log_bounds().bytes). Blocks. Thread: any. */
bool log_offset_of_bytes(struct log *log, uint64_t bytes, uint64_t *offset, struct error *err);

/* Wakes once when something is committed at or above an offset. Embedded by the caller; zero-initialised. */
struct log_waiter {
    struct list link; /* the log's */
    uint64_t offset;  /* the log's */
    /* On a writer thread, or the one that closes the log; must not block. */
    void (*wake)(struct log_waiter *waiter);
};
/* False, and nothing will happen, if it is committed already. Thread: any. */
bool log_wait(struct log *log, struct log_waiter *waiter, uint64_t offset);
/* True: it was waiting, and wake is not called. False: wake has been called or is about to be. Thread: any. */
bool log_wait_cancel(struct log *log, struct log_waiter *waiter);

/* How many bytes the records below `offset` hold (log_bounds().bytes). Errors: ERR_INVALID (beyond the end). Blocks.
 * Thread: any. */
bool log_bytes_below(struct log *log, uint64_t offset, uint64_t *bytes, struct error *err);

/* ---- Trimming -------------------------------------------------------------------------------------------- */

/* Moves the low-water mark up to `below` (at most log_bounds().next; a lower one than it is does nothing): exact to the
 * record at once for readers, and after a restart once this returns. Segments below it are removed.
 * Errors: ERR_INVALID (beyond the end), those of the system. Blocks. Thread: any. */
bool log_trim(struct log *log, uint64_t below, struct error *err);

/* ---- Checking -------------------------------------------------------------------------------------------- */

struct log_finding {
    const char *file;
    uint64_t position;
    uint64_t offset; /* of the batch in question, as far as it is known */
    bool harmless;   /* a torn tail: what was never acknowledged */
    const char *what;
};
struct log_summary {
    uint64_t first, next, records, batches, bytes, disk_bytes;
    uint32_t segments;
    unsigned findings; /* that are not harmless */
};
/* Reads everything in the directory of a log that nobody has open and changes nothing. True: it could be checked, see
 * the summary. Errors: ERR_NOT_FOUND, ERR_BUSY (open), those of the system. */
bool log_verify(const char *dir, void (*found)(const struct log_finding *finding, void *arg), void *arg,
                struct log_summary *out, struct error *err);

#endif
