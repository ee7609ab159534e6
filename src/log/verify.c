/* Checking a closed log: every byte that counts is read, nothing is changed.
 *
 * The rules are those of opening (open.c, segment.c), but here each sealed segment is read too, bodies are decompressed
 * and their records counted, and one finding does not end the check: it goes on with the next segment. */
#include "log/log_internal.h"

#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

struct check {
    const struct log_io *io;
    const char *dir;
    void (*found)(const struct log_finding *finding, void *arg);
    void *arg;
    struct log_summary *summary;
    struct start start;

    /* What the next segment has to continue. */
    bool known;
    uint64_t end, bytes_end;
    int64_t time;
};

static void report(struct check *check, const char *file, uint64_t position, uint64_t offset, bool harmless,
                   const char *what)
{
    struct log_finding finding = {file, position, offset, harmless, what};
    check->summary->findings += !harmless;
    if (check->found != NULL)
        check->found(&finding, check->arg);
}

/* A failure that says that the bytes are wrong is a finding; another one ends the check. */
static bool report_error(struct check *check, const char *file, uint64_t position, uint64_t offset,
                         const struct error *failure, struct error *err)
{
    if (failure->code == ERR_CORRUPT || failure->code == ERR_NOT_FOUND) {
        report(check, file, position, offset, false, failure->text);
        return true;
    }
    if (err != NULL)
        *err = *failure;
    return false;
}

/* The body beyond its CRC. */
static bool check_body(struct check *check, const struct scan *scan, struct error *err)
{
    const struct batch_header *batch = &scan->batch;
    const uint8_t *body = scan->stored;
    uint8_t *raw = NULL;
    const char *wrong = NULL;
    if (batch->codec == CODEC_ZSTD) {
        raw = mem_try_alloc(batch->raw_bytes);
        if (raw == NULL)
            return error_set(err, ERR_NO_MEMORY, "no memory to decompress a batch of %" PRIu32 " bytes in %s",
                             batch->raw_bytes, scan->path);
        wrong = body_decompress(batch, scan->stored, raw);
        body = raw;
    }
    if (wrong == NULL && !body_is_well_formed(batch, body))
        wrong = "the batch does not hold the records that its header counts";
    if (wrong != NULL)
        report(check, scan->path, scan->batch_position, batch->first_offset, false, wrong);
    mem_free(raw);
    return true;
}

/* What a batch adds, above the low-water mark. */
static void count_batch(struct check *check, const struct batch_header *batch)
{
    if (batch->count == 0 || batch_end(batch) <= check->start.first)
        return;
    uint64_t from = batch->first_offset > check->start.first ? batch->first_offset : check->start.first;
    check->summary->records += batch_end(batch) - from;
    check->summary->batches++;
}

static void check_continues(struct check *check, const struct scan *scan)
{
    if (check->known &&
        (check->end != scan->head.first_offset || check->bytes_end != scan->head.bytes_before ||
         check->time != scan->head.time_before)) {
        report(check, scan->path, 0, scan->head.first_offset, false,
               "the segment does not continue the one before");
    }
}

/* `limit`: where the next segment begins; UINT64_MAX: this is the last one. */
static bool scan_all(struct check *check, struct scan *scan, uint64_t limit, struct error *err)
{
    struct error failure;
    enum scan_result result = SCAN_END;
    while (scan->offset < limit && (result = scan_next(scan, &failure)) == SCAN_BATCH) {
        if (scan->offset > limit)
            break;
        if (!check_body(check, scan, err))
            return false;
        count_batch(check, &scan->batch);
    }
    if (result == SCAN_FAILED)
        return report_error(check, scan->path, scan->position, scan->offset, &failure, err);
    if (scan->offset == limit)
        return true;
    if (limit != UINT64_MAX) {
        report(check, scan->path, scan->position, scan->offset, false,
               result == SCAN_BAD ? scan->what : "the segment does not join the next one");
    } else if (result == SCAN_BAD) {
        bool corrupt;
        if (!scan_is_corruption(scan, &corrupt, &failure))
            return report_error(check, scan->path, scan->position, scan->offset, &failure, err);
        report(check, scan->path, scan->position, scan->offset, !corrupt, scan->what);
    }
    return true;
}

static bool check_segment(struct check *check, uint64_t first, uint64_t limit, struct error *err)
{
    char path[LOG_PATH_BYTES];
    struct error failure;
    path_of_segment(path, check->dir, first, ".seg");
    int64_t size = check->io->size(check->io->ctx, path);
    check->summary->disk_bytes += size > 0 ? (uint64_t)size : 0;
    check->summary->segments++;
    struct scan scan;
    if (!scan_open(&scan, check->io, path, first, &failure)) {
        check->known = false;
        return report_error(check, path, 0, first, &failure, err);
    }
    check_continues(check, &scan);
    bool ok = scan_all(check, &scan, limit, err);
    check->known = limit == UINT64_MAX || scan.offset == limit;
    check->end = scan.offset;
    check->bytes_end = scan.bytes;
    check->time = scan.time;
    struct segment segment = {.first = first, .end = limit, .salt = scan.head.salt};
    scan_close(&scan);
    struct index index = {0};
    if (ok && limit != UINT64_MAX && !index_read(check->io, check->dir, &segment, &index, &failure)) {
        path_of_segment(path, check->dir, first, ".idx");
        if (failure.code != ERR_NOT_FOUND && failure.code != ERR_CORRUPT)
            return report_error(check, path, 0, first, &failure, err);
        report(check, path, 0, first, true, failure.text);
    }
    index_free(&index);
    return ok;
}

static bool check_segments(struct check *check, const struct names *names, bool started, struct error *err)
{
    size_t from = 0;
    while (from + 1 < names->count && names->segments[from + 1] <= check->start.first)
        from++;
    if (names->count != 0 && !started)
        report(check, check->dir, 0, 0, false, "there are segments and no start file");
    if (names->count == 0 ? check->start.first != 0 : names->segments[from] > check->start.first) {
        report(check, check->dir, 0, check->start.first, false,
               "segments are missing from the low-water mark on");
    }
    for (size_t i = from; i < names->count; i++) {
        uint64_t limit = i + 1 < names->count ? names->segments[i + 1] : UINT64_MAX;
        if (!check_segment(check, names->segments[i], limit, err))
            return false;
    }
    return true;
}

bool verify_dir(const struct log_io *io, const char *dir,
                void (*found)(const struct log_finding *finding, void *arg), void *arg,
                struct log_summary *out, struct error *err)
{
    struct check check = {.io = io, .dir = dir, .found = found, .arg = arg, .summary = out};
    *out = (struct log_summary){0};
    int fd = lock_dir(io, dir, err);
    if (fd < 0)
        return false;
    struct names names;
    struct error failure;
    bool started, uneven;
    bool ok = names_read(&names, io, dir, err);
    char path[LOG_PATH_BYTES];
    snprintf(path, sizeof path, "%s/start", dir);
    if (ok && !start_read(io, dir, &check.start, &started, &uneven, &failure)) {
        ok = report_error(&check, path, 0, 0, &failure, err);
        started = true;
        check.start.first = names.count != 0 ? names.segments[0] : 0;
    } else if (ok && uneven) {
        report(&check, path, 0, check.start.first, true,
               "one of the two copies of the low-water mark does not count");
    }
    ok = ok && check_segments(&check, &names, started, err);
    out->first = check.start.first;
    out->next = names.count != 0 && check.end > out->first ? check.end : out->first;
    out->bytes = check.bytes_end > check.start.bytes_before ? check.bytes_end - check.start.bytes_before : 0;
    names_free(&names);
    io->close(io->ctx, fd);
    return ok;
}

bool log_verify(const char *dir, void (*found)(const struct log_finding *finding, void *arg), void *arg,
                struct log_summary *out, struct error *err)
{
    return verify_dir(&log_io_system, dir, found, arg, out, err);
}
