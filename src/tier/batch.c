/* A batch: what one commit brings, built from the log file by file.
 *
 * A file ends where the day does, at its size, or with the batch; its PUT begins at once, so that the store works while the next file
 * is built, of this batch or the next one. Memory: a chunk of the log and a row group, however large the batch. Disk: the
 * files that are not in the store yet (migrate.c bounds how many). */
#include "tier/tier_internal.h"

#include "base/fault.h"
#include "base/mem.h"

#include <inttypes.h>

#define READ_BYTES \
    ((size_t)256 << 10) /* no block of its own (base/mem.c), and soon read again from the cache */

/* ---- Reading the log ------------------------------------------------------------------------------------- */

struct build {
    struct tier *tier;
    struct batch *batch;
    struct spooler *spooler; /* NULL: the file has no row yet */
    int32_t day;
    int64_t first_ms, last_ms;
    bool ended; /* the file */
};

/* Whether what was to come next may be passed over: it was given up, or expelled before there was a tier. */
static bool may_skip(const struct build *build)
{
    return build->batch->count == 0 && build->spooler == NULL;
}

/* The next chunk of the log; NULL with ERR_NONE in *err: the log has not what follows, the batch ends before it. */
static struct log_chunk *read_log(struct build *build, struct error *err)
{
    struct tier *tier = build->tier;
    struct batch *batch = build->batch;
    struct log_chunk *chunk = NULL;
    while (batch->next < batch->end) {
        struct log_bounds bounds;
        struct log *log = tier->enter(tier->arg);
        if (log == NULL) {
            error_set(err, ERR_CLOSED, "the log of station %s is closed", tier->station);
            return NULL;
        }
        enum log_read_result result = log_read(log, batch->next, READ_BYTES, 0, &chunk, err);
        log_bounds(log, &bounds);
        tier->leave(tier->arg);
        if (result == LOG_READ)
            return chunk;
        if (result == LOG_READ_FAILED) {
            error_wrap(err, "station %s", tier->station);
            return NULL;
        }
        if (result != LOG_READ_TRIMMED) {
            error_set(err, ERR_BUSY, "offset %" PRIu64 " of station %s is not in the log", batch->next,
                      tier->station);
            return NULL;
        }
        if (!may_skip(build))
            break;
        batch->next = bounds.first;
    }
    batch->closed = true;
    return NULL;
}

/* ---- One file -------------------------------------------------------------------------------------------- */

static int32_t day_of(int64_t time_ms)
{
    return iceberg_day(time_ms * 1000);
}

static bool add_record(struct build *build, const struct log_record *record, struct error *err)
{
    struct batch *batch = build->batch;
    int32_t day = day_of(record->time_ms);
    if (build->spooler != NULL && day != build->day) {
        build->ended = true;
        return true;
    }
    if (build->spooler == NULL) {
        build->spooler = spooler_open(build->tier, err);
        build->day = day;
        build->first_ms = record->time_ms;
        if (build->spooler == NULL)
            return false;
    }
    if (!spooler_add(build->spooler, record->offset, record->time_ms, record->data, err))
        return false;
    build->last_ms = record->time_ms;
    batch->next = record->offset + 1;
    batch->closed = batch->raw_bytes + spooler_raw_bytes(build->spooler) >= batch->most_raw;
    build->ended = batch->closed;
    return true;
}

static bool add_chunk(struct build *build, struct log_chunk *chunk, struct error *err)
{
    struct log_cursor cursor;
    struct log_record record;
    log_cursor_init(&cursor, chunk, build->batch->next);
    while (!build->ended && log_cursor_next(&cursor, &record) && record.offset < build->batch->end) {
        if (!add_record(build, &record, err))
            return false;
    }
    if (build->spooler != NULL && spooler_bytes(build->spooler) >= build->batch->most_file)
        build->ended = true;
    return true;
}

static bool build_file(struct build *build, struct error *err)
{
    struct tier *tier = build->tier;
    struct batch *batch = build->batch;
    while (!build->ended && !batch->closed && batch->next < batch->end) {
        struct error none = {0};
        if (tier_is_stopping(tier))
            return error_set(err, ERR_CLOSED, "the second tier of station %s is closed", tier->station);
        struct log_chunk *chunk = read_log(build, &none);
        bool ok = chunk != NULL ? add_chunk(build, chunk, err) : none.code == ERR_NONE;
        log_chunk_unref(chunk);
        if (none.code != ERR_NONE && err != NULL)
            *err = none;
        if (!ok)
            return false;
    }
    return true;
}

/* ---- A batch --------------------------------------------------------------------------------------------- */

struct batch *batch_begin(struct tier *tier, uint64_t next, uint64_t end, uint64_t most_raw)
{
    struct batch *batch = mem_zalloc(sizeof(*batch));
    uint64_t file_bytes = tier->all->options.file_bytes;
    lake_uuid(batch->uuid);
    batch->next = next;
    batch->end = end;
    batch->most_raw = most_raw;
    /* Few files, whatever upload_bytes says. */
    batch->most_file =
        most_raw / BATCH_FILES_WANTED > file_bytes ? most_raw / BATCH_FILES_WANTED : file_bytes;
    batch->change = (struct iceberg_change){.operation = ICEBERG_APPEND, .uuid = str_of(batch->uuid)};
    list_append(&tier->batches, &batch->link);
    return batch;
}

/* Takes what is in the spool. */
static bool add_file(struct batch *batch, const struct build *build, struct spool *spool, struct error *err)
{
    if (batch->count == 0) {
        batch->first = spool->first;
        batch->first_ms = build->first_ms;
    }
    batch->last = spool->last;
    batch->last_ms = build->last_ms;
    batch->rows += spool->rows;
    batch->raw_bytes += spool->raw_bytes;
    struct upload *upload = &batch->files[batch->count++];
    upload_init(upload, build->tier, spool);
    FAULT_POINT("tier.after_spool");
    return upload_begin(upload, build->tier, batch->uuid, err);
}

bool batch_build(struct batch *batch, struct tier *tier, struct error *err)
{
    struct build build = {.tier = tier, .batch = batch};
    struct spool spool = {.fd = -1};
    bool ok =
        build_file(&build, err) && (build.spooler == NULL || spooler_finish(build.spooler, &spool, err));
    bool any = ok && build.spooler != NULL;
    spooler_close(build.spooler);
    batch->closed =
        batch->closed || !ok || batch->next >= batch->end || batch->count + any == BATCH_FILES_MAX;
    if (any)
        return add_file(batch, &build, &spool, err);
    if (batch->count == 0) {
        batch_free(batch);
        if (ok)
            ok = error_set(err, ERR_BUSY, "station %s has nothing to migrate any more", tier->station);
    }
    return ok;
}

bool batch_is_put(const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->files[i].state != UPLOAD_DONE)
            return false;
    }
    return batch->closed;
}

void batch_free(struct batch *batch)
{
    list_remove(&batch->link);
    for (size_t i = 0; i < batch->count; i++)
        upload_free(&batch->files[i]);
    arena_free(&batch->arena);
    mem_free(batch);
}

void batches_drop(struct tier *tier, bool abandon)
{
    LIST_EACH_SAFE(it, &tier->batches)
    {
        struct batch *batch = CONTAINER_OF(it, struct batch, link);
        if (abandon) /* what cannot be written is resolved at the next start */
            ledger_abandon(&tier->ledger, batch->uuid, tier_dead_ms(), NULL);
        batch_free(batch);
    }
}
