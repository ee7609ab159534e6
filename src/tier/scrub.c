/* Scrubbing: every data file is read as a whole and checked against what the table says.
 *
 *     size                as in the manifest
 *     footer, pages       parse, and match their CRCs
 *     rows                as many as in the manifest, each a message
 *     offsets             the lowest and the highest as in the manifest; going up, if the file is one of ours: what others have
 *                         compacted may be in any order
 *
 * A finding is a log line and a figure; the scrub goes on. A file that is restored to local disk and checks there is put
 * again in place of one that does not.
 *
 * On demand it goes through at once. In the background a round begins every scrub_interval: a file in a step, then a pause as long as
 * reading it takes at BYTES_EACH_S; the ledger remembers where it is. */
#include "tier/tier_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCAN_BYTES   ((size_t)64 << 20)
#define ROWS_AT_ONCE 4096
#define BYTES_EACH_S ((uint64_t)8 << 20)
#define PAUSE_MS_MIN 100

struct checked {
    bool ordered; /* offsets have to go up */
    uint64_t rows;
    uint64_t first, last; /* the lowest, the highest */
};

/* ---- One file's bytes ------------------------------------------------------------------------------------ */

/* Bytes of it, from wherever the copy is. */
struct copy {
    struct tier *tier;
    struct reach *reach;
    struct str key;
    int fd; /* -1: the store's */
    uint64_t bytes;
};

static bool copy_read(struct copy *copy, uint64_t offset, uint64_t length, struct buf *out, struct error *err)
{
    if (copy->fd < 0) {
        const struct object_range range = {.offset = offset, .length = length};
        return reach_get(copy->reach, copy->key, &range, out, NULL, err) &&
               (out->len == length || error_set(err, ERR_CORRUPT, "it is shorter than the table says"));
    }
    buf_reserve(out, length);
    ssize_t got = pread(copy->fd, out->data + out->len, length, (off_t)offset);
    if (got != (ssize_t)length)
        return error_set(err, ERR_CORRUPT, "it is shorter than the table says");
    out->len += length;
    return true;
}

static bool copy_open(struct copy *copy, struct parquet_file **file, struct error *err)
{
    struct buf tail = {0};
    uint64_t want = copy->bytes < FOOTER_TAIL ? copy->bytes : FOOTER_TAIL, needed;
    *file = NULL;
    bool ok = copy_read(copy, copy->bytes - want, want, &tail, err) &&
              parquet_footer_bytes(buf_str(&tail), copy->bytes, &needed, err);
    if (ok && needed > tail.len) {
        buf_free(&tail);
        ok = copy_read(copy, copy->bytes - needed, needed, &tail, err);
    }
    if (ok)
        *file = parquet_file_open(buf_str(&tail), copy->bytes, 0, err);
    buf_free(&tail);
    return ok && *file != NULL;
}

/* ---- Its rows -------------------------------------------------------------------------------------------- */

static bool check_row(struct tier *tier, const struct tier_row *row, struct arena *memory,
                      struct checked *checked, struct error *err)
{
    struct str record;
    if (checked->ordered && checked->rows > 0 && row->offset <= checked->last)
        return error_set(err, ERR_CORRUPT, "offset %" PRIu64 " comes behind %" PRIu64, row->offset,
                         checked->last);
    if (!tier->all->options.codec.encode(row, memory, &record, err))
        return error_wrap(err, "offset %" PRIu64, row->offset);
    if (checked->rows == 0 || row->offset < checked->first)
        checked->first = row->offset;
    if (checked->rows == 0 || row->offset > checked->last)
        checked->last = row->offset;
    checked->rows++;
    return true;
}

static bool check_rows(struct tier *tier, const struct columns *columns, struct parquet_scan *scan,
                       struct checked *checked, struct error *err)
{
    const struct parquet_vector *vectors;
    struct arena memory = {0};
    size_t got = 1;
    bool ok = true;
    while (ok && got > 0) {
        ok = parquet_scan_next(scan, ROWS_AT_ONCE, &vectors, &got, err);
        for (size_t i = 0; ok && i < got; i++) {
            struct tier_row row;
            arena_reset(&memory);
            ok = row_take(columns, vectors, i, &memory, &row, err) &&
                 check_row(tier, &row, &memory, checked, err);
        }
    }
    arena_free(&memory);
    return ok;
}

static bool check_groups(struct copy *copy, const struct parquet_file *file, struct checked *checked,
                         struct error *err)
{
    struct columns columns;
    bool ok = columns_find(file, &columns, err);
    struct parquet_scan *scan = parquet_scan_open(SCAN_BYTES);
    for (size_t group = 0; ok && group < file->group_count; group++) {
        struct buf bytes = {0};
        const struct parquet_selection selection = {.group = group};
        ok = copy_read(copy, file->groups[group].offset, file->groups[group].bytes, &bytes, err);
        const struct parquet_extent extent = {file->groups[group].offset, buf_str(&bytes)};
        ok = ok && parquet_scan_start(scan, file, &selection, &extent, 1, err) &&
             check_rows(copy->tier, &columns, scan, checked, err);
        buf_free(&bytes);
        if (!ok)
            error_wrap(err, "row group %zu", group);
    }
    parquet_scan_close(scan);
    return ok;
}

static bool check_copy(struct copy *copy, const struct iceberg_file *file, struct checked *checked,
                       struct error *err)
{
    struct parquet_file *parquet;
    uint64_t named;
    *checked = (struct checked){.ordered = data_key_is_ours(copy->key, &named)};
    bool ok = copy_open(copy, &parquet, err) && check_groups(copy, parquet, checked, err);
    parquet_file_close(parquet);
    if (ok && checked->rows != file->record_count) {
        ok = error_set(err, ERR_CORRUPT, "it has %" PRIu64 " rows, the table says %" PRIu64, checked->rows,
                       file->record_count);
    }
    if (ok && (checked->first != file->first || checked->last != file->last)) {
        ok = error_set(err, ERR_CORRUPT,
                       "it has offsets %" PRIu64 " to %" PRIu64 ", the table says %" PRIu64 " to %" PRIu64,
                       checked->first, checked->last, file->first, file->last);
    }
    return ok;
}

/* ---- One file -------------------------------------------------------------------------------------------- */

static int open_restored(struct tier *tier, const char *path)
{
    char local[TIER_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    if (snprintf(local, sizeof(local), "%s/restored/%s", tier->dir, slash != NULL ? slash + 1 : path) >=
        (int)sizeof(local))
        return -1;
    return open(local, O_RDONLY | O_CLOEXEC);
}

/* From the local copy, if that checks. */
static bool repair(struct copy *broken, const struct iceberg_file *file, const char *path)
{
    struct copy local = *broken;
    struct checked checked;
    struct error err = {0};
    local.fd = open_restored(broken->tier, path);
    if (local.fd < 0)
        return false;
    bool ok = check_copy(&local, file, &checked, &err) &&
              reach_put_file(broken->reach, broken->key, local.fd, local.bytes, OBJECT_ALWAYS, &err);
    close(local.fd);
    if (!ok)
        LOG_WARNING("data file not repaired", LOG_TEXT("file", path), LOG_ERROR_OF(&err));
    return ok;
}

static bool scrub_file(struct tier *tier, struct reach *reach, const struct iceberg_file *file,
                       const char *path, struct tier_scrubbed *out, struct error *first)
{
    struct error err = {0};
    struct checked checked;
    struct copy copy = {.tier = tier, .reach = reach, .fd = -1, .bytes = file->size_bytes};
    uint64_t size = 0;
    pthread_mutex_lock(&tier->table_lock);
    bool below = tier->table != NULL && iceberg_key(tier->table, str_of(path), &copy.key);
    pthread_mutex_unlock(&tier->table_lock);
    bool ok = below ? reach_head(reach, copy.key, &size, &err)
                    : error_set(&err, ERR_UNSUPPORTED, "it is not below the table");
    if (ok && size != file->size_bytes)
        ok = error_set(&err, ERR_CORRUPT, "it has %" PRIu64 " bytes, the table says %" PRIu64, size,
                       file->size_bytes);
    ok = ok && check_copy(&copy, file, &checked, &err);
    if (!ok && err.code != ERR_CORRUPT && err.code != ERR_NOT_FOUND && err.code != ERR_UNSUPPORTED) {
        *first = err;
        return false; /* the store does not answer: no finding */
    }
    out->files++;
    out->rows += file->record_count;
    out->bytes += file->size_bytes;
    atomic_fetch_add_explicit(&tier->figures.scrubbed_files, 1, memory_order_relaxed);
    if (ok)
        return true;
    out->findings++;
    atomic_fetch_add_explicit(&tier->figures.findings, 1, memory_order_relaxed);
    bool repaired = below && repair(&copy, file, path);
    out->repaired += repaired;
    atomic_fetch_add_explicit(&tier->figures.repaired, repaired, memory_order_relaxed);
    LOG_ERROR(repaired ? "scrub: a data file did not check and was put again"
                       : "scrub: a data file does not check",
              LOG_TEXT("station", tier->station), LOG_TEXT("file", path), LOG_ERROR_OF(&err));
    if (!repaired && first->code == ERR_NONE) {
        *first = err;
        error_wrap(first, "%s", path);
    }
    return true;
}

/* ---- All of them ----------------------------------------------------------------------------------------- */

/* The file at *at, *skip, which then point behind it. Returns its path, owned; NULL: there are no more. */
static char *next_file(struct tier *tier, uint64_t *at, uint64_t *skip, struct iceberg_file *file)
{
    char *path = NULL;
    pthread_mutex_lock(&tier->table_lock);
    if (tier->index != NULL && iceberg_index_from(tier->index, *at, *skip, file)) {
        path = str_dup(file->path);
        *skip = file->first == *at ? *skip + 1 : 1;
        *at = file->first;
    }
    pthread_mutex_unlock(&tier->table_lock);
    return path;
}

static bool note_end(struct tier *tier, const struct scrub_sums *sums, struct error *err)
{
    struct ledger_scrub scrub;
    ledger_scrub(&tier->ledger, &scrub);
    scrub = (struct ledger_scrub){.ended_ms = clock_wall_ms(), .last = *sums};
    return ledger_set_scrub(&tier->ledger, &scrub, err);
}

static bool scrub_all(struct tier *tier, struct reach *reach, const struct tier_progress *progress,
                      struct tier_scrubbed *out, struct error *first)
{
    struct iceberg_index_totals totals = {0};
    struct iceberg_file file;
    uint64_t at = 0, skip = 0;
    char *path;
    bool ok = table_load(tier, reach, false, first);
    pthread_mutex_lock(&tier->table_lock);
    if (tier->index != NULL)
        iceberg_index_totals(tier->index, &totals);
    pthread_mutex_unlock(&tier->table_lock);
    for (uint64_t n = 0; ok && (path = next_file(tier, &at, &skip, &file)) != NULL; n++) {
        ok = progress == NULL || progress->go_on(progress->arg, n, totals.files) ||
             error_set(first, ERR_CLOSED, "the scrub was called off");
        ok = ok && scrub_file(tier, reach, &file, path, out, first);
        mem_free(path);
    }
    const struct scrub_sums sums = {out->files, out->findings, out->repaired};
    return ok && note_end(tier, &sums, first);
}

bool tier_scrub(struct tier *tier, const struct tier_progress *progress, struct tier_scrubbed *out,
                struct error *err)
{
    struct reach reach;
    struct error first = {0};
    *out = (struct tier_scrubbed){0};
    if (!reach_enter(tier, &reach, err))
        return false;
    bool ok = scrub_all(tier, &reach, progress, out, &first);
    reach_leave(&reach);
    if (ok && first.code == ERR_NONE)
        return true;
    if (err != NULL)
        *err = first;
    return error_wrap(err, "scrub station %s", tier->station);
}

/* ---- In the background ----------------------------------------------------------------------------------- */

/* Wall clock; 0: never. */
static int64_t next_round(struct tier *tier, const struct ledger_scrub *scrub)
{
    pthread_mutex_lock(&tier->lock);
    int64_t interval_ms = tier->scrub_interval_ms;
    bool there = tier->version > 0;
    pthread_mutex_unlock(&tier->lock);
    if (interval_ms == 0 || !there)
        return 0;
    if (scrub->began_ms > 0)
        return scrub->began_ms;
    return (scrub->ended_ms > 0 ? scrub->ended_ms : tier->created_ms) + interval_ms;
}

int64_t scrub_due(struct tier *tier)
{
    struct ledger_scrub scrub;
    ledger_scrub(&tier->ledger, &scrub);
    int64_t next_ms = next_round(tier, &scrub), now_ms = clock_mono_ms();
    if (next_ms == 0)
        return INT64_MAX;
    int64_t left_ms = next_ms - clock_wall_ms();
    int64_t due_ms = left_ms > 0 ? now_ms + left_ms : now_ms;
    return due_ms > tier->scrub_ms ? due_ms : tier->scrub_ms;
}

static bool end_round(struct tier *tier, const struct ledger_scrub *scrub, struct error *err)
{
    LOG_INFO("scrub of a second tier has ended", LOG_TEXT("station", tier->station),
             LOG_UINT("files", scrub->now.files), LOG_UINT("findings", scrub->now.findings),
             LOG_UINT("repaired", scrub->now.repaired));
    return note_end(tier, &scrub->now, err);
}

bool scrub_go_on(struct tier *tier, struct reach *reach, struct error *err)
{
    struct ledger_scrub scrub;
    struct iceberg_file file;
    struct tier_scrubbed scrubbed = {0};
    struct error finding = {0};
    if (scrub_due(tier) > clock_mono_ms())
        return true;
    ledger_scrub(&tier->ledger, &scrub);
    if (scrub.began_ms == 0)
        scrub = (struct ledger_scrub){
            .began_ms = clock_wall_ms(), .ended_ms = scrub.ended_ms, .last = scrub.last};
    char *path = next_file(tier, &scrub.at, &scrub.skip, &file);
    if (path == NULL)
        return end_round(tier, &scrub, err);
    bool ok = scrub_file(tier, reach, &file, path, &scrubbed, &finding);
    mem_free(path);
    if (!ok) { /* the store does not answer */
        if (err != NULL)
            *err = finding;
        return false;
    }
    scrub.now.files += scrubbed.files;
    scrub.now.findings += scrubbed.findings;
    scrub.now.repaired += scrubbed.repaired;
    int64_t pause_ms = (int64_t)(file.size_bytes * 1000 / BYTES_EACH_S);
    tier->scrub_ms = clock_mono_ms() + (pause_ms > PAUSE_MS_MIN ? pause_ms : PAUSE_MS_MIN);
    return ledger_set_scrub(&tier->ledger, &scrub, err);
}

void scrub_stats(struct tier *tier, struct tier_stats *out)
{
    struct ledger_scrub scrub;
    ledger_scrub(&tier->ledger, &scrub);
    out->scrub_began_ms = scrub.began_ms;
    out->scrub_ended_ms = scrub.ended_ms;
    out->scrub_files = scrub.last.files;
    out->scrub_findings = scrub.last.findings;
    out->scrub_repaired = scrub.last.repaired;
    out->scrub_next_ms = scrub.began_ms == 0 ? next_round(tier, &scrub) : 0;
}
