/* Opening, and what a log finds after a crash.
 *
 *  1. The directory is made if it is missing, locked, and synced: what is seen in it need not be on disk yet.
 *  2. Names are read; what an interrupted roll or trim has left (*.new, start.tmp, an index without its segment, segments
 *     below the low-water mark) is removed.
 *  3. Every segment but the last is on disk (see roll.c). Its index says in 96 bytes what it holds; the segment is read
 *     only if its index is missing, bad, or does not end where the next segment begins.
 *  4. The last segment is scanned. A torn tail is cut off, durably, before anything is written behind it; corruption ends
 *     the opening (see segment.c for the difference).
 *  5. What is valid, but was not proved durable by a later batch, may be in the system's memory alone: a process that was
 *     killed between its write and its sync leaves that, and so does a failed sync, after which the system calls the
 *     pages clean. So it is written once more, in place and unchanged, and synced, before anyone reads it. A log that was
 *     closed ends in a stamp, and nothing is written. The stamp itself was not synced: the next batch takes its place, so
 *     that nothing acknowledged ever lies behind it.
 *  6. If a log that does not wait for syncs has lost what it had already trimmed, it goes on at the low-water mark. */
#include "log/log_internal.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SEGMENT_BYTES_DEFAULT   (UINT64_C(64) << 20)
#define MAX_BATCH_BYTES_DEFAULT (16u << 20)
#define COPY_BYTES              (1u << 20)

/* ---- The directory --------------------------------------------------------------------------------------------- */

static void push(uint64_t **numbers, size_t *count, size_t *cap, uint64_t number)
{
    if (*count == *cap) {
        *cap = *cap != 0 ? 2 * *cap : 8;
        *numbers = mem_realloc(*numbers, *cap * sizeof **numbers);
    }
    (*numbers)[(*count)++] = number;
}

static void note_name(const char *name, void *arg)
{
    struct names *names = arg;
    uint64_t first;
    if (name_is_segment(name, ".seg", &first)) {
        push(&names->segments, &names->count, &names->cap, first);
    } else if (name_is_segment(name, ".idx", &first)) {
        push(&names->indexes, &names->index_count, &names->index_cap, first);
    } else if (name_is_segment(name, ".new", &first)) {
        push(&names->fresh, &names->fresh_count, &names->fresh_cap, first);
    } else if (strcmp(name, "start.tmp") == 0) {
        names->start_tmp = true;
    }
}

static int by_number(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

bool names_read(struct names *names, const struct log_io *io, const char *dir, struct error *err)
{
    *names = (struct names){0};
    int rc = io->list(io->ctx, dir, note_name, names);
    if (rc < 0)
        return io_failed(err, rc, "list", dir);
    if (names->count != 0)
        qsort(names->segments, names->count, sizeof *names->segments, by_number);
    return true;
}

void names_free(struct names *names)
{
    mem_free(names->segments);
    mem_free(names->indexes);
    mem_free(names->fresh);
}

bool sync_parent(const struct log_io *io, const char *dir, struct error *err)
{
    char parent[LOG_PATH_BYTES];
    snprintf(parent, sizeof parent, "%s", dir);
    char *slash = strrchr(parent, '/');
    if (slash == NULL) {
        strcpy(parent, ".");
    } else {
        slash[slash == parent] = '\0';
    }
    int fd = io->open_dir(io->ctx, parent);
    if (fd < 0)
        return io_failed(err, fd, "open", parent);
    int rc = io->sync_dir(io->ctx, fd);
    io->close(io->ctx, fd);
    return rc >= 0 || io_failed(err, rc, "sync the directory", parent);
}

int lock_dir(const struct log_io *io, const char *dir, struct error *err)
{
    int fd = io->open_dir(io->ctx, dir);
    if (fd < 0) {
        io_failed(err, fd, "open", dir);
        return -1;
    }
    int rc = io->lock(io->ctx, fd);
    if (rc < 0) {
        io->close(io->ctx, fd);
        if (rc == -EWOULDBLOCK) {
            error_set(err, ERR_BUSY, "log %s is open already", dir);
            error_hint(err, "stop the other process that uses it");
        } else {
            io_failed(err, rc, "lock", dir);
        }
        return -1;
    }
    return fd;
}

/* ---- Leftovers ------------------------------------------------------------------------------------------------- */

static bool remove_name(struct log *log, uint64_t first, const char *suffix, struct error *err)
{
    const struct log_io *io = log->engine->io;
    char path[LOG_PATH_BYTES];
    path_of_segment(path, log->dir, first, suffix);
    int rc = io->unlink(io->ctx, path);
    if (rc < 0 && rc != -ENOENT)
        return io_failed(err, rc, "remove", path);
    return true;
}

/* Counts what is removed in *count. */
static bool remove_leftovers(struct log *log, struct names *names, size_t *count, struct error *err)
{
    *count = names->fresh_count;
    for (size_t i = 0; i < names->fresh_count; i++) {
        if (!remove_name(log, names->fresh[i], ".new", err))
            return false;
    }
    if (names->start_tmp) {
        char path[LOG_PATH_BYTES];
        snprintf(path, sizeof path, "%s/start.tmp", log->dir);
        log->engine->io->unlink(log->engine->io->ctx, path); /* the next trim would replace it */
        ++*count;
    }
    size_t below = 0;
    while (below + 1 < names->count && names->segments[below + 1] <= log->start.first)
        below++;
    for (size_t i = 0; i < below; i++, ++*count) {
        if (!remove_name(log, names->segments[i], ".seg", err))
            return false;
    }
    names->count -= below;
    if (below != 0)
        memmove(names->segments, names->segments + below, names->count * sizeof *names->segments);
    for (size_t i = 0; i < names->index_count; i++) {
        uint64_t first = names->indexes[i];
        if (names->count != 0 &&
            bsearch(&first, names->segments, names->count, sizeof first, by_number) != NULL)
            continue;
        if (!remove_name(log, first, ".idx", err))
            return false;
        ++*count;
    }
    return true;
}

static bool sync_names(struct log *log, struct error *err)
{
    const struct log_io *io = log->engine->io;
    int rc = io->sync_dir(io->ctx, log->dir_fd);
    return rc >= 0 || io_failed(err, rc, "sync the directory", log->dir);
}

/* ---- Full segments --------------------------------------------------------------------------------------------- */

static bool index_serves(struct log *log, uint64_t first, uint64_t end, struct segment *out)
{
    const struct log_io *io = log->engine->io;
    char path[LOG_PATH_BYTES];
    path_of_segment(path, log->dir, first, ".seg");
    int64_t size = io->size(io->ctx, path);
    if (size < 0 || !index_read_summary(io, log->dir, first, out, NULL) || out->end != end ||
        out->data_bytes > (uint64_t)size)
        return false;
    out->file_bytes = (uint64_t)size;
    return true;
}

static bool load_sealed(struct log *log, uint64_t first, uint64_t end, struct error *err)
{
    struct segment segment;
    if (!index_serves(log, first, end, &segment)) {
        struct index index;
        struct error failed;
        if (!index_rebuild(log->engine->io, log->dir, first, end, &segment, &index, err))
            return false;
        if (!index_write(log->engine->io, log->dir, &segment, &index, &failed)) {
            LOG_WARNING("index not written: it will be made when it is needed", LOG_TEXT("log", log->dir),
                        LOG_ERROR_OF(&failed));
        }
        index_free(&index);
    }
    const struct segment *former = log->sealed_count != 0 ? &log->sealed[log->sealed_count - 1] : NULL;
    if (former != NULL &&
        (former->bytes_end != segment.bytes_before || former->last_time != segment.time_before)) {
        char path[LOG_PATH_BYTES];
        path_of_segment(path, log->dir, first, ".seg");
        return log_is_corrupt(err, path, 0, "the segment does not continue the one before");
    }
    segments_append(log, &segment);
    return true;
}

/* ---- The last segment ------------------------------------------------------------------------------------------ */

/* The next batch is written over a stamp at the end: its page may have been dropped by a sync that failed, and if it stayed
 * where it is, a power cut would leave a hole before what is acknowledged. */
static void adopt_scan(struct log *log, const struct scan *scan)
{
    bool stamped = scan->position > SEGMENT_HEADER_BYTES && scan->batch.count == 0;
    uint64_t end = stamped ? scan->batch_position : scan->position;
    log->has_active = true;
    log->active = (struct segment){
        .first = scan->head.first_offset,
        .end = scan->offset,
        .bytes_before = scan->head.bytes_before,
        .bytes_end = scan->bytes,
        .data_bytes = end,
        .file_bytes = scan->file_bytes,
        .marked_end = scan->marked_end,
        .time_before = scan->head.time_before,
        .last_time = scan->time,
        .salt = scan->head.salt,
    };
    log->position = end;
    log->stamped = stamped ? scan->offset : UINT64_MAX;
    log->assigned = log->durable = scan->offset;
    log->assigned_bytes = log->durable_bytes = scan->bytes;
    log->assigned_time = log->durable_time = scan->time;
    log->durable_position = end;
}

/* Writes the bytes [from, to) once more. */
static bool write_again(const struct log_io *io, int fd, uint64_t from, uint64_t to, const char *path,
                        struct error *err)
{
    uint8_t *bytes = mem_alloc(COPY_BYTES);
    bool ok = true;
    while (ok && from < to) {
        size_t len = to - from < COPY_BYTES ? (size_t)(to - from) : COPY_BYTES;
        ok = read_fully(io, fd, bytes, len, from, path, err) &&
             write_fully(io, fd, bytes, len, from, path, err);
        from += len;
    }
    mem_free(bytes);
    return ok;
}

/* Makes the file end where the scan did, and all of it durable that no batch has proved to be so. */
static bool repair(struct log *log, const struct scan *scan, bool torn, struct error *err)
{
    const struct log_io *io = log->engine->io;
    uint64_t durable = scan->durable > scan->head.first_offset ? scan->durable : scan->head.first_offset;
    if (!torn && durable >= scan->offset)
        return true;
    uint64_t from = SEGMENT_HEADER_BYTES;
    for (uint32_t i = 0; i < log->index.count && log->index.entries[i].offset <= durable; i++)
        from = log->index.entries[i].position;
    int fd = io->open(io->ctx, scan->path, LOG_IO_WRITE);
    if (fd < 0)
        return io_failed(err, fd, "open", scan->path);
    bool ok = true;
    int rc;
    if (torn && (rc = io->ftruncate(io->ctx, fd, scan->position)) < 0)
        ok = io_failed(err, rc, "cut", scan->path);
    if (ok && durable < scan->offset)
        ok = write_again(io, fd, from, scan->position, scan->path, err);
    if (ok && (rc = io->fdatasync(io->ctx, fd)) < 0)
        ok = io_failed(err, rc, "sync", scan->path);
    io->close(io->ctx, fd);
    return ok;
}

static bool end_of_scan(struct log *log, struct scan *scan, enum scan_result result, struct error *err)
{
    bool torn = result == SCAN_BAD;
    if (torn) {
        bool corrupt;
        if (!scan_is_corruption(scan, &corrupt, err))
            return false;
        if (corrupt)
            return log_is_corrupt(err, scan->path, scan->position, scan->what);
        LOG_WARNING("torn tail cut: nothing acknowledged was in it", LOG_TEXT("file", scan->path),
                    LOG_UINT("position", scan->position),
                    LOG_UINT("bytes", scan->file_bytes - scan->position),
                    LOG_UINT("next_offset", scan->offset), LOG_TEXT("what", scan->what));
    }
    if (!repair(log, scan, torn, err))
        return false;
    if (torn)
        scan->file_bytes = scan->position;
    return true;
}

static bool load_active(struct log *log, uint64_t first, struct error *err)
{
    char path[LOG_PATH_BYTES];
    path_of_segment(path, log->dir, first, ".seg");
    struct scan scan;
    if (!scan_open(&scan, log->engine->io, path, first, err))
        return false;
    enum scan_result result;
    while ((result = scan_next(&scan, err)) == SCAN_BATCH)
        index_note(&log->index, &scan.batch, scan.batch_position);
    bool ok = result != SCAN_FAILED && end_of_scan(log, &scan, result, err);
    const struct segment *former = log->sealed_count != 0 ? &log->sealed[log->sealed_count - 1] : NULL;
    if (ok && former != NULL &&
        (former->bytes_end != scan.head.bytes_before || former->last_time != scan.head.time_before))
        ok = log_is_corrupt(err, path, 0, "the segment does not continue the one before");
    if (ok)
        adopt_scan(log, &scan);
    scan_close(&scan);
    return ok;
}

/* ---- All of it ------------------------------------------------------------------------------------------------- */

/* The log begins at the low-water mark, with no segment that counts. */
static void begin_at_start(struct log *log)
{
    log->has_active = false;
    log->assigned = log->durable = log->start.first;
    log->assigned_bytes = log->durable_bytes = log->start.bytes_before;
    log->assigned_time = log->durable_time = log->start.time_before;
}

static bool names_are_complete(struct log *log, const struct names *names, struct error *err)
{
    if (names->count == 0 && log->start.first != 0) {
        error_set(err, ERR_CORRUPT, "log %s has a low-water mark and no segments", log->dir);
        return error_hint(err, "restore the .seg files, or remove the directory to begin anew");
    }
    if (names->count != 0 && !log->started) {
        error_set(err, ERR_CORRUPT, "log %s has segments and no low-water mark", log->dir);
        return error_hint(err, "restore the start file");
    }
    if (names->count != 0 && names->segments[0] > log->start.first) {
        error_set(err, ERR_CORRUPT, "log %s begins at offset %" PRIu64 ", its first segment at %" PRIu64,
                  log->dir, log->start.first, names->segments[0]);
        return error_hint(err, "restore the .seg files that are missing");
    }
    return true;
}

static bool load_segments(struct log *log, const struct names *names, bool made, struct error *err)
{
    if (!made && !names_are_complete(log, names, err))
        return false;
    if (names->count == 0) {
        begin_at_start(log);
        return true;
    }
    for (size_t i = 0; i + 1 < names->count; i++) {
        if (!load_sealed(log, names->segments[i], names->segments[i + 1], err))
            return false;
    }
    if (!load_active(log, names->segments[names->count - 1], err))
        return false;
    if (log->active.end < log->start.first) {
        LOG_WARNING("log goes on at its low-water mark: what was below was never synced",
                    LOG_TEXT("log", log->dir), LOG_UINT("next_offset", log->active.end),
                    LOG_UINT("first_offset", log->start.first));
        segments_append(log, &log->active);
        index_free(&log->index);
        begin_at_start(log);
    }
    return true;
}

/* A log that is made to begin at an offset gets its first segment at once: a low-water mark alone would be one of a log
 * that has lost its segments. */
static void begin_on_writer(struct command *command)
{
    struct log *log = command->log;
    struct error err;
    if (!roll_next(log, &err))
        log_fail(log, &err);
}

static bool begin_at(struct log *log, uint64_t first_offset, struct error *err)
{
    struct command command = {.run = begin_on_writer, .log = log};
    engine_run_command(log->writer, &command);
    return log_writable(log, err) ||
           error_wrap(err, "begin log %s at offset %" PRIu64, log->dir, first_offset);
}

static bool load(struct log *log, uint64_t first_offset, bool *made, struct error *err)
{
    struct names names = {0};
    size_t removed = 0;
    bool uneven;
    bool ok = sync_names(log, err) && names_read(&names, log->engine->io, log->dir, err) &&
              start_read(log->engine->io, log->dir, &log->start, &log->started, &uneven, err) &&
              (!uneven || start_write(log->engine->io, log->dir, log->dir_fd, &log->start, err));
    *made = ok && first_offset > 0 && names.count == 0 &&
            (!log->started || log->start.first == first_offset); /* a crash may have cut it short */
    if (*made)
        log->start = (struct start){.first = first_offset, .time_before = NO_TIME};
    ok = ok && remove_leftovers(log, &names, &removed, err) && (removed == 0 || sync_names(log, err)) &&
         load_segments(log, &names, *made, err);
    names_free(&names);
    if (ok)
        log->next = log->assigned;
    return ok;
}

void segments_append(struct log *log, const struct segment *sealed)
{
    struct segment copy = *sealed;
    if (log->sealed_count == log->sealed_cap) {
        log->sealed_cap = log->sealed_cap != 0 ? 2 * log->sealed_cap : 2;
        log->sealed = mem_realloc(log->sealed, log->sealed_cap * sizeof *log->sealed);
    }
    assert(log->sealed != NULL);
    log->sealed[log->sealed_count++] = copy;
}

void log_set_options(struct log *log, const struct log_options *options)
{
    uint64_t segment_bytes = options->segment_bytes != 0 ? options->segment_bytes : SEGMENT_BYTES_DEFAULT;
    uint32_t max_batch = options->max_batch_bytes != 0 ? options->max_batch_bytes : MAX_BATCH_BYTES_DEFAULT;
    if (segment_bytes < SEGMENT_BYTES_LOWEST)
        segment_bytes = SEGMENT_BYTES_LOWEST;
    if (max_batch > BATCH_BODY_MAX)
        max_batch = BATCH_BODY_MAX;
    atomic_store_explicit(&log->segment_bytes, segment_bytes, memory_order_relaxed);
    atomic_store_explicit(&log->sync_ms, options->sync_ms, memory_order_relaxed);
    atomic_store_explicit(&log->max_batch_bytes, max_batch, memory_order_relaxed);
    atomic_store_explicit(&log->compress, options->compress, memory_order_relaxed);
}

static struct log *log_new(struct log_engine *engine, const char *dir, const struct log_options *options)
{
    struct log *log = mem_zalloc(sizeof *log);
    log->engine = engine;
    log->dir = mem_strdup(dir);
    log->dir_fd = -1;
    log->fd = -1;
    log->id = atomic_fetch_add_explicit(&engine->next_log_id, 1, memory_order_relaxed);
    log->stamped = UINT64_MAX;
    log->pending_end = &log->pending;
    log->written_end = &log->written;
    atomic_init(&log->writable, true);
    pthread_mutex_init(&log->lock, NULL);
    pthread_mutex_init(&log->trim_lock, NULL);
    list_init(&log->waiters);
    log_set_options(log, options);
    return log;
}

static void log_free(struct log *log)
{
    if (log->dir_fd >= 0)
        log->engine->io->close(log->engine->io->ctx, log->dir_fd);
    index_free(&log->index);
    pthread_mutex_destroy(&log->trim_lock);
    pthread_mutex_destroy(&log->lock);
    mem_free(log->sealed);
    mem_free(log->dir);
    mem_free(log);
}

/* Gives the log to the writer that has the fewest. */
static void place(struct log *log)
{
    struct log_engine *engine = log->engine;
    pthread_mutex_lock(&engine->place_lock);
    struct writer *best = &engine->writers[0];
    for (unsigned i = 1; i < engine->writer_count; i++) {
        if (engine->writers[i].logs < best->logs)
            best = &engine->writers[i];
    }
    best->logs++;
    pthread_mutex_unlock(&engine->place_lock);
    log->writer = best;
}

static void unplace(struct log *log)
{
    pthread_mutex_lock(&log->engine->place_lock);
    log->writer->logs--;
    pthread_mutex_unlock(&log->engine->place_lock);
}

struct log *log_open(struct log_engine *engine, const char *dir, const struct log_options *options,
                     struct error *err)
{
    if (strlen(dir) + SEGMENT_NAME_DIGITS + 8 > LOG_PATH_BYTES) {
        error_set(err, ERR_TOO_LARGE, "the path of a log is longer than %d bytes", LOG_PATH_BYTES);
        return NULL;
    }
    int rc = engine->io->mkdir(engine->io->ctx, dir);
    if (rc < 0 && rc != -EEXIST) {
        io_failed(err, rc, "create", dir);
        return NULL;
    }
    struct log *log = log_new(engine, dir, options);
    log->dir_fd = lock_dir(engine->io, dir, err);
    bool made;
    if (log->dir_fd < 0 || !load(log, options->first_offset, &made, err)) {
        log_free(log);
        return NULL;
    }
    place(log);
    if (made && !begin_at(log, options->first_offset, err)) {
        log_close(log);
        return NULL;
    }
    return log;
}

/* ---- Closing and removing -------------------------------------------------------------------------------------- */

static void close_on_writer(struct command *command)
{
    struct log *log = command->log;
    heap_remove(&log->writer->timers, &log->timer);
    if (log->written != NULL || log->dirty)
        log_sync(log);
    roll_stamp(log);
    roll_close(log);
    tail_drop(log);
}

void log_close(struct log *log)
{
    if (log == NULL)
        return;
    struct command command = {.run = close_on_writer, .log = log};
    engine_run_command(log->writer, &command);
    pthread_mutex_lock(&log->lock);
    log->closing = true;
    struct log_waiter *all = waiters_take(log, UINT64_MAX);
    pthread_mutex_unlock(&log->lock);
    waiters_wake(all);
    files_drop(log->engine, log->id, UINT64_MAX);
    unplace(log);
    log_free(log);
}

static bool remove_path(const struct log_io *io, const char *path, struct error *err)
{
    int rc = io->unlink(io->ctx, path);
    return rc >= 0 || rc == -ENOENT || io_failed(err, rc, "remove", path);
}

static bool remove_all(const struct log_io *io, const char *dir, const uint64_t *numbers, size_t count,
                       const char *suffix, struct error *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        char path[LOG_PATH_BYTES];
        path_of_segment(path, dir, numbers[i], suffix);
        ok = remove_path(io, path, err);
    }
    return ok;
}

bool log_delete(struct log_engine *engine, const char *dir, struct error *err)
{
    const struct log_io *io = engine->io;
    int fd = lock_dir(io, dir, err);
    if (fd < 0)
        return false;
    struct names names;
    char start[LOG_PATH_BYTES], temporary[LOG_PATH_BYTES];
    snprintf(start, sizeof start, "%s/start", dir);
    snprintf(temporary, sizeof temporary, "%s/start.tmp", dir);
    bool ok = names_read(&names, io, dir, err) &&
              remove_all(io, dir, names.segments, names.count, ".seg", err) &&
              remove_all(io, dir, names.indexes, names.index_count, ".idx", err) &&
              remove_all(io, dir, names.fresh, names.fresh_count, ".new", err) &&
              remove_path(io, start, err) && remove_path(io, temporary, err);
    names_free(&names);
    int rc = ok ? io->rmdir(io->ctx, dir) : 0;
    if (rc < 0)
        ok = io_failed(err, rc, "remove", dir);
    io->close(io->ctx, fd);
    return ok && sync_parent(io, dir, err);
}
