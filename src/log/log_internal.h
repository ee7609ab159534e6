/* What the files of the log share.
 *
 * A log belongs to one writer thread, which alone appends, seals and closes. What readers need to know is copied under
 * the log's lock when a group of batches is committed. Locks, in the order in which they may be taken:
 * log.trim_lock, log.lock; engine.files_lock and writer.lock are taken last, alone. No lock is held during I/O but
 * trim_lock. */
#ifndef LOG_LOG_INTERNAL_H
#define LOG_LOG_INTERNAL_H

#include "log/format_internal.h"
#include "log/io.h"
#include "log/log.h"

#include "base/heap.h"
#include "base/map.h"
#include "base/thread.h"

#define LOG_PATH_BYTES       4096
#define INDEX_STRIDE_BYTES   65536
#define NO_TIME              INT64_MIN
#define GROUP_PARTS_MAX      1024 /* IOV_MAX */
#define GROUP_BYTES_MAX      (16u << 20)
#define RETRY_MS             1000
#define IDLE_MS              10000
#define ALLOCATE_BYTES_FIRST 16384u
#define SEGMENT_BYTES_LOWEST 4096

/* ---- Blocks: the memory of one batch ------------------------------------------------------------------------- */

/* The header as on disk stands before the body, so that both are written as one piece. The appender fills the block;
 * from log_append() on it is the writer's, from the commit on immutable and shared by counted references. */
struct log_block {
    atomic_uint refs;
    uint32_t count;
    size_t len; /* of the body */
    size_t cap;
    uint64_t record_bytes;
    int64_t last_time; /* as given, not yet raised to the floor */
    uint32_t body_crc;
    struct log_block *compressed; /* or NULL: the body goes to the disk as it is */
    struct batch_header header;   /* the writer's; base_time: the appender's */

    /* In the tail: under the log's lock or the writer thread's own. */
    struct list age; /* in writer.tail_age */
    struct log *log;

    uint8_t head[BATCH_HEADER_BYTES];
    uint8_t body[];
};

struct log_block *block_new(size_t cap);
struct log_block *block_ref(struct log_block *block);
void block_unref(struct log_block *block); /* NULL is fine */
size_t block_bytes(const struct log_block *block);
/* Computes what the writer need not: the CRC and, if asked for, the compressed form. */
void block_seal(struct log_block *block, bool compress);
/* The bytes that the disk gets: head and body in one piece. */
struct log_block *block_on_disk(struct log_block *block);

/* NULL, or what is wrong. Decompresses a stored body into `out` of header->raw_bytes. */
const char *body_decompress(const struct batch_header *header, const uint8_t *stored, uint8_t *out);

/* ---- Chunks -------------------------------------------------------------------------------------------------- */

struct chunk_part {
    struct log_block *block; /* holds the bytes; owned reference */
    const uint8_t *body;     /* decompressed and well-formed */
    struct batch_header header;
};

struct chunk {
    struct log_chunk shown; /* first */
    size_t count, cap;
    struct chunk_part parts[];
};

struct chunk *chunk_new(size_t parts);
void chunk_add(struct chunk *chunk, struct log_block *block, const uint8_t *body,
               const struct batch_header *header); /* takes the reference; there is room */

/* ---- Segments and their indexes ------------------------------------------------------------------------------ */

struct segment {
    uint64_t first, end;              /* offsets: [first, end) is committed */
    uint64_t bytes_before, bytes_end; /* of all records of the log before it, and before its end */
    uint64_t data_bytes;              /* of the file: header and committed batches */
    uint64_t file_bytes;              /* of the file, with what is preallocated */
    uint64_t marked_end;              /* no marked batch ends behind this offset; 0: none is marked */
    int64_t time_before, last_time;   /* of the record before it, and of its last one (or time_before) */
    uint32_t salt;
};

static inline void segment_note_marked(struct segment *segment, const struct batch_header *header)
{
    if (header->marked)
        segment->marked_end = batch_end(header);
}

/* A batch of the segment; there is one for each INDEX_STRIDE_BYTES. */
struct index_entry {
    uint64_t offset, position, bytes_before;
    int64_t time; /* of its first record */
    bool marked;  /* it, or a batch between it and the next entry's, may be */
};

struct index {
    struct index_entry *entries;
    uint32_t count, cap;
};

/* Adds the batch if it is due, and that it is marked to the entry that it belongs to. */
void index_note(struct index *index, const struct batch_header *header, uint64_t position);
void index_free(struct index *index);
/* Writes and reads DIR/<first offset>.idx: see index.c. */
bool index_write(const struct log_io *io, const char *dir, const struct segment *segment,
                 const struct index *index, struct error *err);
/* Reads the summary alone: what the index says of its segment. */
bool index_read_summary(const struct log_io *io, const char *dir, uint64_t first, struct segment *out,
                        struct error *err);
bool index_read(const struct log_io *io, const char *dir, const struct segment *segment, struct index *out,
                struct error *err);

/* ---- Files: names and whole writes --------------------------------------------------------------------------- */

/* What is in the directory of a log: first offsets, in order. */
struct names {
    uint64_t *segments;
    size_t count, cap;
    uint64_t *indexes;
    size_t index_count, index_cap;
    uint64_t *fresh; /* .new */
    size_t fresh_count, fresh_cap;
    bool start_tmp;
};
bool names_read(struct names *names, const struct log_io *io, const char *dir, struct error *err);
void names_free(struct names *names); /* after a failure, too */
/* Opens and locks the directory; the descriptor, or -1. */
int lock_dir(const struct log_io *io, const char *dir, struct error *err);
bool sync_parent(const struct log_io *io, const char *dir,
                 struct error *err); /* the directory that holds it */

void path_of_segment(char *out, const char *dir, uint64_t first, const char *suffix);
bool name_is_segment(const char *name, const char *suffix, uint64_t *first);
bool write_fully(const struct log_io *io, int fd, const void *data, size_t len, uint64_t position,
                 const char *path, struct error *err);
/* Exactly `len` bytes; a shorter file is ERR_CORRUPT. */
bool read_fully(const struct log_io *io, int fd, void *out, size_t len, uint64_t position, const char *path,
                struct error *err);
bool io_failed(struct error *err, int64_t rc, const char *verb, const char *path);

/* ---- Scanning a segment, batch by batch: see scan.c ---------------------------------------------------------- */

enum scan_result { SCAN_BATCH, SCAN_END, SCAN_BAD, SCAN_FAILED };

struct scan {
    const struct log_io *io;
    const char *path; /* borrowed */
    int fd;
    uint64_t file_bytes;
    struct segment_header head;

    /* Where the next batch is expected, and what it has to continue. */
    uint64_t position, offset, bytes;
    int64_t time;
    uint64_t durable;    /* the highest that a batch has claimed */
    uint64_t marked_end; /* behind the last marked batch; 0: none was */

    /* Of the batch returned last. */
    struct batch_header batch;
    uint64_t batch_position;
    const uint8_t *stored; /* in the window, until the next call */
    const char *what;      /* is wrong: of SCAN_BAD */

    /* A piece of the file. */
    uint8_t *window;
    size_t window_cap, window_len;
    uint64_t window_position;
};

/* Opens the file and reads its header. ERR_CORRUPT: the header is bad. */
bool scan_open(struct scan *scan, const struct log_io *io, const char *path, uint64_t first,
               struct error *err);
enum scan_result scan_next(struct scan *scan, struct error *err);
/* After SCAN_BAD: whether something behind proves that what is missing was once on disk. */
bool scan_is_corruption(struct scan *scan, bool *corrupt, struct error *err);
void scan_close(struct scan *scan);

/* ---- The low-water mark: see start.c ------------------------------------------------------------------------- */

struct start {
    uint64_t first;        /* the low-water mark */
    uint64_t bytes_before; /* of all records of the log before it */
    int64_t time_before;   /* a time that no record from there on is before */
};
/* A missing file is a log that has nothing yet: *out is the beginning and `exists` false. `uneven`: it has to be written
 * again before anyone relies on it. */
bool start_read(const struct log_io *io, const char *dir, struct start *out, bool *exists, bool *uneven,
                struct error *err);
bool start_write(const struct log_io *io, const char *dir, int dir_fd, const struct start *start,
                 struct error *err);

/* ---- Engine -------------------------------------------------------------------------------------------------- */

/* Something for a writer thread to do on its own; whoever sends it waits for it. */
struct command {
    struct list link;
    void (*run)(struct command *command);
    struct log *log;
    bool finished; /* under writer.lock */
};

struct writer {
    struct log_engine *engine;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;  /* there is something to take */
    pthread_cond_t finished; /* a command has been run */

    /* Under the lock. */
    struct log_batch *first, *last;
    struct list commands;
    bool sleeping;
    bool stopping;
    unsigned logs;

    /* The writer thread's. */
    struct heap timers;   /* of logs, by monotonic ms */
    struct list turn;     /* logs that have something pending */
    struct list tail_age; /* committed blocks, the oldest first */
    size_t tail_bytes;
};

struct log_engine {
    /* Set once. */
    const struct log_io *io;
    struct writer *writers;
    unsigned writer_count;
    bool threads;
    uint64_t queue_bytes_max;
    size_t tail_bytes_max; /* for each writer */
    unsigned open_files_max;

    /* Bytes of batches between log_append() and `done`. Relaxed: only a bound. */
    _Atomic uint64_t queue_bytes;
    atomic_uint next_log_id;
    pthread_mutex_t place_lock; /* for choosing a writer */

    /* Under files_lock. */
    pthread_mutex_t files_lock;
    struct map files;
    struct list files_age; /* the least recently used first */
    unsigned files_open;
};

void engine_run_command(struct writer *writer, struct command *command);

/* ---- A log --------------------------------------------------------------------------------------------------- */

struct log {
    /* Set once. */
    struct log_engine *engine;
    struct writer *writer;
    char *dir;
    int dir_fd; /* locked */
    unsigned id;

    /* Options. Relaxed: each holds on its own, from some moment on. */
    _Atomic uint64_t segment_bytes;
    _Atomic int64_t sync_ms;
    _Atomic uint32_t max_batch_bytes;
    atomic_bool compress;

    /* Released after `why` is set, acquired before it is read. */
    atomic_bool writable;

    pthread_mutex_t lock;
    /* Under the lock; written by the writer thread, and `start` and the removal of segments by who trims. */
    struct start start;
    struct segment *sealed; /* the full segments, oldest first */
    uint32_t sealed_count, sealed_cap;
    bool has_active;       /* false before the first append */
    struct segment active; /* written by the writer thread alone, which therefore reads it without the lock */
    uint64_t next;         /* behind the newest committed record */
    struct index index;    /* of the active segment */
    struct log_block **tail; /* a ring: the newest committed batches */
    uint32_t tail_head, tail_count, tail_cap;
    struct list waiters;
    struct error why; /* it is not writable */
    bool closing;

    pthread_mutex_t trim_lock; /* whoever trims; held over its I/O */

    /* The writer thread's. */
    bool started; /* the start file exists */
    struct list turn;
    struct log_batch *pending, **pending_end; /* to be written */
    struct log_batch *written, **written_end; /* to be synced, then committed */
    int fd;                                   /* of the active segment, or -1 */
    uint64_t position;                        /* where the next batch goes */
    uint64_t allocated;                       /* of the file */
    uint64_t allocate_next;                   /* bytes to preallocate next time */
    uint64_t assigned;                        /* the next offset */
    uint64_t assigned_bytes;                  /* of all records before it */
    int64_t assigned_time;                    /* of the record before it */
    uint64_t durable;                         /* offsets below are on disk */
    uint64_t durable_bytes;                   /* of all records before `durable` */
    int64_t durable_time;                     /* of the record before it */
    uint64_t durable_position;                /* in the active segment */
    bool dirty;                               /* something is written and not synced */
    uint64_t stamped;                         /* the offset of a stamp at the end, or UINT64_MAX */
    bool failed;
    bool fresh_segment;                          /* what follows goes to a segment of its own: see roll.c */
    int64_t sync_at_ms, retry_at_ms, idle_at_ms; /* monotonic; 0: not set */
    struct heap_node timer;
};

/* On the writer thread, or under the lock. */
static inline struct segment *active_segment(struct log *log)
{
    return log->has_active ? &log->active : NULL;
}

static inline int64_t log_sync_ms(struct log *log)
{
    return atomic_load_explicit(&log->sync_ms, memory_order_relaxed);
}

void segments_append(struct log *log, const struct segment *sealed); /* under the log's lock */

/* write.c, roll.c: on the log's writer thread. */
void log_take_batch(struct log *log, struct log_batch *batch); /* pending */
void log_write_pending(struct log *log);
void log_timer(struct log *log, int64_t now_ms);
void log_schedule(struct log *log);
void log_written(
    struct log *log);           /* syncs and commits, or commits and remembers to sync: as the options say */
bool log_sync(struct log *log); /* and commits what is written; false: the log has failed */
void log_commit(struct log *log);
void batch_finish(struct log *log, struct log_batch *batch, enum log_outcome outcome,
                  const struct error *err);
void log_fail(struct log *log, const struct error *err);
void roll_stamp(struct log *log);                   /* says on disk that all before it is durable */
bool roll_open(struct log *log, struct error *err); /* an append descriptor of the active segment */
bool roll_next(struct log *log, struct error *err); /* seals it if there is one, and starts the next */
void roll_close(struct log *log);                   /* the append descriptor, with what is preallocated */
void roll_retry(struct log *log);

/* tail.c */
void tail_push(struct log *log, struct log_block *block); /* under the log's lock; takes a reference */
void tail_trim_to_budget(struct writer *writer);          /* on the writer thread, without locks */
void tail_drop(struct log *log);                          /* on the writer thread, without locks */
struct chunk *tail_read(struct log *log, uint64_t offset,
                        size_t max_bytes); /* under the log's lock; or NULL */

/* wait.c: under the log's lock takes those that are due; then, without it, wakes them. */
struct log_waiter *waiters_take(struct log *log, uint64_t next);
void waiters_wake(struct log_waiter *taken);

/* ---- Reading: see files.c and read.c ------------------------------------------------------------------------- */

#define READ_HINTS 4

/* The key: two files may have the same name, one after the other, but not the same salt. */
struct read_file_key {
    unsigned log_id;
    uint32_t salt;
    uint64_t first;
};

struct read_file {
    struct list age;
    struct read_file_key key;
    int fd;

    /* Under files_lock. */
    unsigned refs;
    bool dropped; /* closed with the last reference */
    bool indexed; /* the segment is full and `index` is set, for good */
    struct {
        uint64_t offset, position;
    } hints[READ_HINTS]; /* where readers are likely to go on */
    unsigned hint_next;

    struct index index;
};

enum files_result { FILES_OK, FILES_BLOCKS, FILES_GONE, FILES_FAILED };
/* Returns a reference. `sealed`: with the index. */
enum files_result files_get(struct log *log, const struct segment *segment, bool sealed, bool nowait,
                            struct read_file **out, struct error *err);
void files_put(struct log_engine *engine, struct read_file *file);
void files_hint(struct log_engine *engine, struct read_file *file, uint64_t offset, uint64_t position);
bool files_hinted(struct log_engine *engine, struct read_file *file, uint64_t offset, uint64_t *position);
/* Those of a segment, or of all segments (first: UINT64_MAX) of a log. */
void files_drop(struct log_engine *engine, unsigned log_id, uint64_t first);
void files_free(struct log_engine *engine);
/* Reads a whole segment to make its index again. */
bool index_rebuild(const struct log_io *io, const char *dir, uint64_t first, uint64_t end,
                   struct segment *segment, struct index *out, struct error *err);

/* A place in the order of records: by offset, time, or bytes of all records before. */
struct seek {
    enum { SEEK_OFFSET, SEEK_TIME, SEEK_BYTES } by;
    uint64_t number; /* SEEK_OFFSET, SEEK_BYTES */
    int64_t time_ms;
    bool marked; /* SEEK_OFFSET: and is marked */
};
/* The first batch that reaches it (ends behind the offset; has a record of the time or later; with which the log has so
 * many bytes), whole, in a chunk of its own or followed by others; `marked`: by others that are. LOG_READ_END: there is
 * none. */
enum log_read_result read_seek(struct log *log, const struct seek *seek, size_t max_bytes, unsigned flags,
                               struct chunk **out, struct error *err);

bool log_is_corrupt(struct error *err, const char *path, uint64_t position, const char *what);

bool verify_dir(const struct log_io *io, const char *dir,
                void (*found)(const struct log_finding *finding, void *arg), void *arg,
                struct log_summary *out, struct error *err);

#endif
