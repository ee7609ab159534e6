/* append: threads fill batches and hand them to one log, each as fast as its earlier ones are acknowledged; then the
 * same disk is written plainly; then the log is opened again and everything read and checked.
 *
 *   slice 1   append │ plain writes
 *   slice 2   append │ plain writes        alternating, so that both meet the same disk
 *   …
 *   close, open, read: every record that was acknowledged is there once, in the order of its thread
 *
 * The plain writes put as many bytes before each fdatasync as the log had on average in the slice before, into space that
 * is allocated ahead, as the log's is: what the log does with the system is counted where it asks it, at its seam
 * (log/io.h). A batch that the log refuses ends the run
 * with its error: a disk that is full or failing has no speed. */
#include "station_internal.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/thread.h"
#include "log/io.h"
#include "log/log.h"
#include "message_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define SLICES        4
#define DISK_WRITE    ((size_t)8 << 20) /* one write() of the plain file has at most so many bytes */
#define DISK_AHEAD    (UINT64_C(64) << 20)
#define READ_BYTES    ((size_t)4 << 20)
#define BATCH_SPARE   64 /* bytes that a record has besides its own, at most */
#define QUEUE_MINIMUM ((uint64_t)256 << 20)
#define PATH_BYTES    4096

/* One batch on its way; the log's from log_append() to `done`. */
struct flight {
    struct log_batch batch;
    struct flight *next;
    struct appender *appender;
    int64_t since_ns;
};

struct appender {
    pthread_t thread;
    struct append *append;
    uint32_t source;
    uint64_t next; /* number of the next record */
    struct flight *flights;

    pthread_mutex_t lock;
    pthread_cond_t landed;
    struct flight *free;       /* under the lock, as all below */
    uint32_t away;             /* batches on their way */
    uint64_t stored;           /* records */
    struct histogram *latency; /* of batches */
    struct error error;        /* the first refusal */
};

struct append {
    const struct station_options *options;
    uint8_t *filling; /* of a record, behind the head */
    uint32_t magic;
    struct log *log;
    struct appender *appenders;
    int64_t until_ns;
    struct log_io io;
    atomic_ulong written_bytes; /* relaxed, as the next two: counters read while nothing appends */
    atomic_ulong writes;
    atomic_ulong syncs;
};

/* ---- the system, counting ---- */

static int64_t count_pwritev(void *ctx, int fd, const struct iovec *parts, int count, uint64_t position)
{
    struct append *append = ctx;
    int64_t put = log_io_system.pwritev(NULL, fd, parts, count, position);
    if (put > 0)
        atomic_fetch_add_explicit(&append->written_bytes, (unsigned long)put, memory_order_relaxed);
    atomic_fetch_add_explicit(&append->writes, 1, memory_order_relaxed);
    return put;
}

static int count_fdatasync(void *ctx, int fd)
{
    struct append *append = ctx;
    atomic_fetch_add_explicit(&append->syncs, 1, memory_order_relaxed);
    return log_io_system.fdatasync(NULL, fd);
}

/* ---- appending ---- */

/* Under the lock. */
static void flight_give(struct appender *appender, struct flight *flight)
{
    flight->next = appender->free;
    appender->free = flight;
    appender->away--;
}

static void on_done(struct log_batch *batch, const struct error *err)
{
    struct flight *flight = CONTAINER_OF(batch, struct flight, batch);
    struct appender *appender = flight->appender;
    int64_t took_ns = clock_mono_ns() - flight->since_ns;
    pthread_mutex_lock(&appender->lock);
    if (err == NULL) {
        appender->stored += batch->count;
        histogram_record(appender->latency, took_ns, 1);
    } else if (appender->error.code == ERR_NONE) {
        appender->error = *err;
    }
    flight_give(appender, flight);
    pthread_cond_signal(&appender->landed);
    pthread_mutex_unlock(&appender->lock);
}

/* A batch that is not on its way. NULL: one has been refused. */
static struct flight *flight_take(struct appender *appender)
{
    struct flight *flight = NULL;
    pthread_mutex_lock(&appender->lock);
    while (appender->free == NULL)
        pthread_cond_wait(&appender->landed, &appender->lock);
    if (appender->error.code == ERR_NONE) {
        flight = appender->free;
        appender->free = flight->next;
        appender->away++;
    }
    pthread_mutex_unlock(&appender->lock);
    return flight;
}

static void batch_fill(struct appender *appender, struct log_batch *batch, int64_t now_ns)
{
    const struct append *append = appender->append;
    uint32_t bytes = append->options->load.payload_bytes;
    int64_t now_ms = clock_wall_ms();
    for (uint32_t i = 0; i < append->options->batch_count; i++) {
        uint8_t *out = log_batch_add(batch, now_ms, bytes);
        struct message head = {append->magic, appender->source, appender->next + i, now_ns};
        memcpy(out, &head, sizeof head);
        memcpy(out + sizeof head, append->filling, bytes - sizeof head);
    }
}

static bool append_one(struct appender *appender, struct error *err)
{
    struct flight *flight = flight_take(appender);
    if (flight == NULL)
        return false;
    flight->since_ns = clock_mono_ns();
    batch_fill(appender, &flight->batch, flight->since_ns);
    if (!log_append(appender->append->log, &flight->batch, err)) {
        log_batch_reset(&flight->batch);
        pthread_mutex_lock(&appender->lock);
        flight_give(appender, flight);
        pthread_mutex_unlock(&appender->lock);
        return false;
    }
    appender->next += appender->append->options->batch_count;
    return true;
}

static void *appender_run(void *arg)
{
    struct appender *appender = arg;
    struct error err = {0};
    while (clock_mono_ns() < appender->append->until_ns) {
        if (!append_one(appender, &err))
            break;
    }
    pthread_mutex_lock(&appender->lock);
    if (err.code != ERR_NONE && appender->error.code == ERR_NONE)
        appender->error = err;
    pthread_mutex_unlock(&appender->lock);
    return NULL;
}

/* Until every batch is back. */
static void flights_land(struct appender *appender)
{
    pthread_mutex_lock(&appender->lock);
    while (appender->away > 0)
        pthread_cond_wait(&appender->landed, &appender->lock);
    pthread_mutex_unlock(&appender->lock);
}

static bool slice_append(struct append *append, int64_t slice_ns, double *seconds, struct error *err)
{
    uint32_t threads = append->options->load.threads;
    uint32_t started = 0;
    int64_t begin_ns = clock_mono_ns();
    bool fine = true;
    append->until_ns = begin_ns + slice_ns;
    while (fine && started < threads) {
        char name[16];
        snprintf(name, sizeof name, "append-%u", started % 1000);
        fine = thread_start(&append->appenders[started].thread, name, appender_run,
                            &append->appenders[started], err);
        started += fine ? 1 : 0;
    }
    for (uint32_t i = 0; i < started; i++) {
        struct appender *appender = &append->appenders[i];
        pthread_join(appender->thread, NULL);
        flights_land(appender);
        if (fine && appender->error.code != ERR_NONE) {
            *err = appender->error;
            fine = false;
        }
    }
    *seconds += (double)(clock_mono_ns() - begin_ns) / 1e9;
    return fine;
}

/* ---- the disk alone ---- */

static bool write_all(int fd, const uint8_t *data, size_t len, uint64_t *total)
{
    while (len > 0) {
        ssize_t put = write(fd, data, len < DISK_WRITE ? len : DISK_WRITE);
        if (put < 0 && errno != EINTR)
            return false;
        if (put > 0) {
            data += put;
            len -= (size_t)put;
            *total += (uint64_t)put;
        }
    }
    return true;
}

/* `cadence` bytes before each fdatasync; without `sync` none at all. The last one is in the time. */
static bool slice_disk(const char *dir, uint64_t cadence, bool sync, int64_t slice_ns,
                       struct append_result *result, struct error *err)
{
    char path[PATH_BYTES + 16];
    snprintf(path, sizeof path, "%s/plain", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(err, errno, "cannot create %s", path);
    uint8_t *data = mem_alloc((size_t)cadence);
    memset(data, 'v', (size_t)cadence);
    int64_t begin_ns = clock_mono_ns();
    uint64_t allocated = 0;
    uint64_t before = result->disk_bytes;
    bool fine = true;
    while (fine && clock_mono_ns() - begin_ns < slice_ns) {
        if (result->disk_bytes - before + cadence > allocated) {
            /* Where a file system cannot, the file just grows. */
            (void)!fallocate(fd, 0, (off_t)allocated, (off_t)(cadence + DISK_AHEAD));
            allocated += cadence + DISK_AHEAD;
        }
        fine = write_all(fd, data, (size_t)cadence, &result->disk_bytes) && (!sync || fdatasync(fd) == 0);
        result->disk_syncs += sync ? 1 : 0;
    }
    result->disk_seconds += (double)(clock_mono_ns() - begin_ns) / 1e9;
    if (!fine)
        error_errno(err, errno, "cannot write %s", path);
    close(fd);
    unlink(path);
    mem_free(data);
    return fine;
}

static bool slices_run(struct append *append, const char *dir, struct append_result *result,
                       struct error *err)
{
    int64_t slice_ns = append->options->load.duration_ms * 1000000 / SLICES;
    for (int i = 0; i < SLICES; i++) {
        uint64_t bytes = atomic_load(&append->written_bytes);
        uint64_t syncs = atomic_load(&append->syncs);
        if (!slice_append(append, slice_ns, &result->seconds, err))
            return false;
        bytes = atomic_load(&append->written_bytes) - bytes;
        syncs = atomic_load(&append->syncs) - syncs;
        uint64_t cadence = syncs > 0 ? bytes / syncs : DISK_WRITE;
        if (bytes > 0 && !slice_disk(dir, cadence > 0 ? cadence : 1, syncs > 0, slice_ns, result, err))
            return false;
    }
    result->written_bytes = atomic_load(&append->written_bytes);
    result->writes = atomic_load(&append->writes);
    result->syncs = atomic_load(&append->syncs);
    return true;
}

/* ---- reading ---- */

static void record_check(const struct append *append, const struct log_record *record, struct track *tracks,
                         struct append_result *result, uint64_t *foreign)
{
    struct message message = {0};
    if (record->data.len == append->options->load.payload_bytes)
        message_read(&message, (const uint8_t *)record->data.data);
    if (message.magic != append->magic || message.source >= append->options->load.threads) {
        (*foreign)++;
        return;
    }
    result->read += track_receive(&tracks[message.source], message.number);
}

static bool read_all(const struct append *append, struct track *tracks, struct append_result *result,
                     struct error *err)
{
    struct log_bounds bounds;
    uint64_t foreign = 0;
    log_bounds(append->log, &bounds);
    for (uint64_t offset = bounds.first; offset < bounds.next;) {
        struct log_chunk *chunk;
        struct log_cursor cursor;
        struct log_record record;
        enum log_read_result got = log_read(append->log, offset, READ_BYTES, 0, &chunk, err);
        if (got == LOG_READ_FAILED)
            return false;
        if (got != LOG_READ) {
            return error_set(err, ERR_CORRUPT, "the log ends at offset %llu of %llu",
                             (unsigned long long)offset, (unsigned long long)bounds.next);
        }
        log_cursor_init(&cursor, chunk, offset);
        while (log_cursor_next(&cursor, &record))
            record_check(append, &record, tracks, result, &foreign);
        offset = chunk->next_offset;
        log_chunk_unref(chunk);
    }
    return foreign == 0 ||
           error_set(err, ERR_CORRUPT, "%llu records that nobody appended", (unsigned long long)foreign);
}

static bool verify(const struct append *append, struct append_result *result, struct error *err)
{
    uint32_t threads = append->options->load.threads;
    struct track *tracks = mem_zalloc(threads * sizeof *tracks);
    int64_t begin_ns = clock_mono_ns();
    bool fine = read_all(append, tracks, result, err);
    result->read_seconds = (double)(clock_mono_ns() - begin_ns) / 1e9;
    for (uint32_t i = 0; i < threads; i++) {
        uint64_t next = atomic_load_explicit(&tracks[i].next, memory_order_relaxed);
        result->lost += append->appenders[i].next - next + tracks[i].missing;
        result->duplicates += tracks[i].duplicates;
        result->late += tracks[i].late;
        track_free(&tracks[i]);
    }
    mem_free(tracks);
    return fine;
}

/* ---- set-up ---- */

static void appenders_init(struct append *append)
{
    const struct station_options *options = append->options;
    append->appenders = mem_zalloc(options->load.threads * sizeof *append->appenders);
    for (uint32_t i = 0; i < options->load.threads; i++) {
        struct appender *appender = &append->appenders[i];
        appender->append = append;
        appender->source = i;
        appender->latency = mem_zalloc(sizeof *appender->latency);
        pthread_mutex_init(&appender->lock, NULL);
        pthread_cond_init(&appender->landed, NULL);
        appender->flights = mem_zalloc(options->depth * sizeof *appender->flights);
        for (uint32_t k = 0; k < options->depth; k++) {
            struct flight *flight = &appender->flights[k];
            flight->appender = appender;
            flight->batch.done = on_done;
            flight->next = appender->free;
            appender->free = flight;
        }
    }
}

/* After the log is closed: no batch is on its way. */
static void appenders_free(struct append *append, struct append_result *result)
{
    for (uint32_t i = 0; i < append->options->load.threads; i++) {
        struct appender *appender = &append->appenders[i];
        result->messages += appender->stored;
        histogram_add(&result->latency, appender->latency);
        for (uint32_t k = 0; k < append->options->depth; k++)
            log_batch_reset(&appender->flights[k].batch);
        pthread_mutex_destroy(&appender->lock);
        pthread_cond_destroy(&appender->landed);
        mem_free(appender->flights);
        mem_free(appender->latency);
    }
    mem_free(append->appenders);
    mem_free(append->filling);
}

static bool reopen(struct append *append, struct log_engine *engine, const char *dir,
                   const struct log_options *log_options, struct append_result *result, struct error *err)
{
    log_close(append->log);
    int64_t begin_ns = clock_mono_ns();
    append->log = log_open(engine, dir, log_options, err);
    result->open_seconds = (double)(clock_mono_ns() - begin_ns) / 1e9;
    return append->log != NULL;
}

static bool append_in(struct append *append, const char *dir, struct append_result *result, struct error *err)
{
    const struct station_options *options = append->options;
    char log_dir[PATH_BYTES + 8];
    uint64_t batch_bytes =
        (uint64_t)options->batch_count * (options->load.payload_bytes + BATCH_SPARE) + BATCH_SPARE;
    uint64_t queue_bytes = 2 * batch_bytes * options->depth * options->load.threads;
    struct log_engine_options engine_options = {
        .writers = 1, .queue_bytes = queue_bytes > QUEUE_MINIMUM ? queue_bytes : 0, .io = &append->io};
    struct log_options log_options = {.segment_bytes = options->segment_bytes,
                                      .sync_ms = options->sync_ms,
                                      .max_batch_bytes = (uint32_t)batch_bytes};
    snprintf(log_dir, sizeof log_dir, "%s/log", dir);
    struct log_engine *engine = log_engine_start(&engine_options, err);
    if (engine == NULL)
        return false;
    append->log = log_open(engine, log_dir, &log_options, err);
    bool fine = append->log != NULL && slices_run(append, dir, result, err);
    if (fine && !options->no_verify)
        fine = reopen(append, engine, log_dir, &log_options, result, err) && verify(append, result, err);
    log_close(append->log);
    log_engine_stop(engine);
    return fine;
}

bool append_run(const struct station_options *options, struct append_result *result, struct error *err)
{
    char dir[PATH_BYTES];
    struct append append = {.options = options, .io = log_io_system};
    memset(result, 0, sizeof *result);
    if (!station_dir_make(options->dir, dir, sizeof dir, err))
        return false;
    append.io.ctx = &append;
    append.io.pwritev = count_pwritev;
    append.io.fdatasync = count_fdatasync;
    append.filling = mem_alloc(options->load.payload_bytes);
    random_bytes(append.filling, options->load.payload_bytes);
    random_bytes(&append.magic, sizeof append.magic);
    appenders_init(&append);
    bool fine = append_in(&append, dir, result, err);
    appenders_free(&append, result);
    result->bytes = result->messages * options->load.payload_bytes;
    if (!options->keep)
        station_dir_remove(dir);
    return fine;
}
