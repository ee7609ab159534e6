/* Restoring messages of the second tier, and recovering stations from a store. */
#include "station/station_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <inttypes.h>
#include <time.h>

#define READ_BYTES  ((size_t)1 << 20)
#define BATCH_BYTES ((size_t)1 << 20)
#define BATCHES_MAX 4 /* that are on their way to the log */
#define BUSY_MS     5
#define BUCKET      "varve"
#define PREFIX      "stations"

static bool go_on(const struct station_progress *progress, uint64_t done, uint64_t total, struct error *err)
{
    return progress == NULL || progress->go_on(progress->arg, done, total) ||
           error_set(err, ERR_CLOSED, "it was called off");
}

/* ---- The range ------------------------------------------------------------------------------------------- */

static bool place(struct station *station, struct str text, uint64_t otherwise, uint64_t *offset,
                  struct error *err)
{
    struct station_start start;
    struct log_bounds bounds;
    *offset = otherwise;
    if (text.len == 0)
        return true;
    if (!station_start_parse(text, &start, err))
        return false;
    if (start.kind == START_TIME)
        return reach_offset_of_time(station, start.time_ms, offset, err);
    struct log *log = station_log_enter(station);
    if (log == NULL)
        return station_gone(station, err);
    reach_bounds(station, log, &bounds);
    station_log_leave(station);
    *offset = station_start_offset(&start, &bounds);
    return true;
}

struct range {
    uint64_t from, to;
};

/* `table` (may be NULL): up to its end, else up to that of the log. */
static bool range_of(struct station *station, const struct station_restore_options *options,
                     struct tier *table, struct range *out, struct error *err)
{
    struct log_bounds reach, bounds;
    struct tier_bounds rows = {0};
    struct log *log = station_log_enter(station);
    if (log == NULL)
        return station_gone(station, err);
    reach_bounds(station, log, &reach);
    log_bounds(log, &bounds);
    station_log_leave(station);
    if (table != NULL)
        tier_bounds(table, &rows);
    uint64_t first = table != NULL && rows.any ? rows.first : reach.first;
    uint64_t end = table != NULL ? rows.next : bounds.next;
    if (!place(station, options->from, first, &out->from, err) ||
        !place(station, options->to, end, &out->to, err))
        return false;
    out->from = out->from > first ? out->from : first;
    out->to = out->to < end ? out->to : end;
    if (out->from < out->to)
        return true;
    error_set(err, ERR_INVALID, "there is nothing between offsets %" PRIu64 " and %" PRIu64, out->from,
              out->to);
    return error_hint(err, "station %s has offsets %" PRIu64 " to %" PRIu64, station->name, first, end);
}

/* ---- Into a new station ---------------------------------------------------------------------------------- */

/* Batches on their way to the log. */
struct copying {
    struct station *to;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned pending;
    struct error err; /* the first one */
};

struct copy_batch {
    struct log_batch batch; /* first */
    struct copying *copying;
};

static void stored(struct log_batch *batch, const struct error *err)
{
    struct copy_batch *mine = (struct copy_batch *)batch;
    struct copying *copying = mine->copying;
    log_batch_reset(batch);
    mem_free(mine);
    pthread_mutex_lock(&copying->lock);
    if (err != NULL && copying->err.code == ERR_NONE)
        copying->err = *err;
    copying->pending--;
    pthread_cond_signal(&copying->changed);
    pthread_mutex_unlock(&copying->lock);
}

/* Until at most so many are on their way. */
static bool wait_for(struct copying *copying, unsigned most, struct error *err)
{
    pthread_mutex_lock(&copying->lock);
    while (copying->pending > most)
        pthread_cond_wait(&copying->changed, &copying->lock);
    bool ok = copying->err.code == ERR_NONE;
    if (!ok && err != NULL)
        *err = copying->err;
    pthread_mutex_unlock(&copying->lock);
    return ok;
}

/* Takes the batch. */
static bool submit(struct copying *copying, struct copy_batch *batch, struct error *err)
{
    struct error refused = {0};
    bool taken = false;
    bool ok = wait_for(copying, BATCHES_MAX - 1, err);
    while (ok && !taken) {
        struct log *log = station_log_enter(copying->to);
        if (log == NULL) {
            station_gone(copying->to, err);
            break;
        }
        pthread_mutex_lock(&copying->lock);
        copying->pending++;
        pthread_mutex_unlock(&copying->lock);
        taken = log_append(log, &batch->batch, &refused);
        station_log_leave(copying->to);
        if (taken)
            return true;
        pthread_mutex_lock(&copying->lock);
        copying->pending--;
        pthread_mutex_unlock(&copying->lock);
        ok = refused.code == ERR_BUSY;
        if (ok)
            nanosleep(&(struct timespec){.tv_nsec = BUSY_MS * 1000000}, NULL);
        else if (err != NULL)
            *err = refused;
    }
    log_batch_reset(&batch->batch);
    mem_free(batch);
    return false;
}

static struct copy_batch *batch_of(struct copying *copying)
{
    struct copy_batch *batch = mem_zalloc(sizeof(*batch));
    batch->batch.done = stored;
    batch->copying = copying;
    return batch;
}

/* The records of the chunk from *next on, below `to`. */
static bool copy_chunk(struct copying *copying, struct log_chunk *chunk, uint64_t *next, uint64_t to,
                       struct station_restored *out, struct error *err)
{
    struct log_cursor cursor;
    struct log_record record;
    struct copy_batch *batch = batch_of(copying);
    bool ok = true;
    log_cursor_init(&cursor, chunk, *next);
    while (ok && log_cursor_next(&cursor, &record) && record.offset < to) {
        memcpy(log_batch_add(&batch->batch, record.time_ms, record.data.len), record.data.data,
               record.data.len);
        batch->batch.marked |= envelope_is_named(record.data);
        *next = record.offset + 1;
        out->messages++;
        out->bytes += record.data.len;
        if (log_batch_bytes(&batch->batch) < BATCH_BYTES)
            continue;
        ok = submit(copying, batch, err);
        batch = ok ? batch_of(copying) : NULL;
    }
    if (ok && log_batch_bytes(&batch->batch) > 0)
        return submit(copying, batch, err);
    mem_free(batch);
    return ok;
}

static bool copy_range(struct station *from, struct copying *copying, const struct range *range,
                       const struct station_progress *progress, struct station_restored *out,
                       struct error *err)
{
    uint64_t at = range->from;
    bool ok = true;
    while (ok && at < range->to) {
        struct log_chunk *chunk = NULL;
        uint64_t next;
        switch (reach_read(from, at, READ_BYTES, &chunk, &next, err)) {
        case LOG_READ: ok = copy_chunk(copying, chunk, &at, range->to, out, err); break;
        case LOG_READ_TRIMMED:
            error_set(err, ERR_UNSUPPORTED, "offsets %" PRIu64 " to %" PRIu64 " are missing", at, next - 1);
            error_hint(err, "restore what is before the gap and what is behind it into two stations");
            ok = false;
            break;
        case LOG_READ_FAILED: ok = false; break;
        default:
            ok = error_set(err, ERR_INTERNAL, "station %s ends at offset %" PRIu64, from->name, at);
            break;
        }
        log_chunk_unref(chunk);
        ok = ok && go_on(progress, at - range->from, range->to - range->from, err);
    }
    bool stored_all = wait_for(copying, 0, ok ? err : NULL);
    return ok && stored_all;
}

static struct station *make_copy(struct station *from, struct str name, const struct range *range,
                                 struct error *err)
{
    struct station_config config;
    struct buf description = {0};
    char lower[STATION_NAME_MAX + 1];
    if (!station_name_parse(name, lower, err))
        return NULL;
    station_config_init(&config);
    config.name = mem_strdup(lower);
    buf_printf(&description, "offsets %" PRIu64 " to %" PRIu64 " of station %s", range->from, range->to - 1,
               from->name);
    mem_free(config.description);
    config.description = str_dup(buf_str(&description));
    buf_free(&description);
    config.retention.age_ms = 0; /* what is restored stays */
    pthread_mutex_lock(&from->lock);
    config.max_message_bytes = from->config.max_message_bytes;
    config.ack_wait_ms = from->config.ack_wait_ms;
    config.max_deliveries = from->config.max_deliveries;
    pthread_mutex_unlock(&from->lock);
    return stations_create_at(from->all, &config, range->from, clock_wall_ms(), NULL, err);
}

static bool restore_into(struct station *from, const struct station_restore_options *options,
                         const struct station_progress *progress, struct station_restored *out,
                         struct error *err)
{
    struct range range = {0};
    if (!range_of(from, options, NULL, &range, err))
        return false;
    *out = (struct station_restored){.first = range.from, .next = range.to};
    if (options->dry) {
        out->messages = range.to - range.from;
        return true;
    }
    struct copying copying = {.to = make_copy(from, options->into, &range, err)};
    if (copying.to == NULL)
        return false;
    pthread_mutex_init(&copying.lock, NULL);
    pthread_cond_init(&copying.changed, NULL);
    bool ok = copy_range(from, &copying, &range, progress, out, err);
    if (!ok) /* half of it is of no use to anybody */
        stations_delete(from->all, str_of(copying.to->name), true, false, NULL);
    pthread_cond_destroy(&copying.changed);
    pthread_mutex_destroy(&copying.lock);
    station_unref(copying.to);
    return ok;
}

/* ---- In place -------------------------------------------------------------------------------------------- */

static struct tier *tier_of(struct station *station, struct error *err)
{
    struct tier *tier = station_tier(station);
    if (tier == NULL) {
        error_set(err, ERR_UNSUPPORTED, "station %s has no second tier", station->name);
        error_hint(err, "set tier.enabled");
    }
    return tier;
}

static bool restore_here(struct station *station, const struct station_restore_options *options,
                         const struct station_progress *progress, struct station_restored *out,
                         struct error *err)
{
    struct range range = {0};
    struct tier_restored restored;
    struct tier *tier = tier_of(station, err);
    const struct tier_progress files = {.go_on = progress != NULL ? progress->go_on : NULL,
                                        .arg = progress != NULL ? progress->arg : NULL};
    if (tier == NULL || !range_of(station, options, tier, &range, err) ||
        !tier_restore(tier, range.from, range.to, options->dry, progress != NULL ? &files : NULL, &restored,
                      err))
        return false;
    *out = (struct station_restored){
        .first = restored.first,
        .next = restored.next,
        .messages = restored.rows,
        .bytes = restored.bytes,
        .files = restored.files,
    };
    return true;
}

bool stations_restore(struct stations *stations, struct str name,
                      const struct station_restore_options *options, const struct station_progress *progress,
                      struct station_restored *out, struct error *err)
{
    struct station *station = stations_get(stations, name, err);
    if (station == NULL)
        return false;
    *out = (struct station_restored){0};
    bool ok = options->into.len > 0 ? restore_into(station, options, progress, out, err)
                                    : restore_here(station, options, progress, out, err);
    station_unref(station);
    return ok;
}

bool stations_release(struct stations *stations, struct str name, uint64_t *bytes, struct error *err)
{
    struct station *station = stations_get(stations, name, err);
    struct tier *tier = station != NULL ? tier_of(station, err) : NULL;
    bool ok = tier != NULL && tier_release(tier, bytes, err);
    station_unref(station);
    return ok;
}

bool stations_scrub(struct stations *stations, struct str name, const struct station_progress *progress,
                    struct tier_scrubbed *out, struct error *err)
{
    struct station *station = stations_get(stations, name, err);
    struct tier *tier = station != NULL ? tier_of(station, err) : NULL;
    const struct tier_progress files = {.go_on = progress != NULL ? progress->go_on : NULL,
                                        .arg = progress != NULL ? progress->arg : NULL};
    bool ok = tier != NULL && tier_scrub(tier, progress != NULL ? &files : NULL, out, err);
    station_unref(station);
    return ok;
}

/* ---- Recovering ------------------------------------------------------------------------------------------ */

static struct tier_config where(const struct station_recover_options *options)
{
    return (struct tier_config){
        .connector = options->connector,
        .bucket = options->bucket.len > 0 ? options->bucket : STR(BUCKET),
        .prefix = options->prefix.data != NULL ? options->prefix : STR(PREFIX),
        .definition = STR(""),
    };
}

bool stations_recoverable(struct stations *stations, const struct station_recover_options *options,
                          bool (*each)(struct str name, void *arg), void *arg, struct error *err)
{
    const struct tier_config config = where(options);
    return tiers_list(stations->tiers, &config, each, arg, err);
}

static void replace(char **text, struct str by)
{
    mem_free(*text);
    *text = str_dup(by);
}

/* The station's object as the table has it, with the place where it was found. */
static bool read_definition(const struct tier_found *found, const struct tier_config *place,
                            struct station_config *config, struct error *err)
{
    station_config_init(config);
    if (found->definition == NULL || found->created_ms == 0) {
        error_set(err, ERR_CORRUPT, "the table of %s does not tell of its station", found->station);
        return error_hint(err, "it was not written by Varve, or its properties were removed");
    }
    if (!station_config_parse(config, str_of(found->definition), err))
        return error_wrap(err, "the station object in the table of %s", found->station);
    if (config->name == NULL || strcmp(config->name, found->station) != 0)
        return error_set(err, ERR_CORRUPT, "the table of %s tells of station %s", found->station,
                         config->name != NULL ? config->name : "without a name");
    config->tier.enabled = true;
    replace(&config->tier.connector, place->connector);
    replace(&config->tier.bucket, place->bucket);
    replace(&config->tier.prefix, place->prefix);
    return true;
}

bool stations_recover(struct stations *stations, struct str name,
                      const struct station_recover_options *options, struct tier_found *out,
                      struct error *err)
{
    const struct tier_config place_of = where(options);
    struct station_config config;
    struct station *station = stations_find(stations, name);
    *out = (struct tier_found){0};
    if (station != NULL) {
        station_unref(station);
        error_set(err, ERR_EXISTS, "station %.*s exists", STR_ARG(name));
        return error_hint(err, "its table is read as it is; delete the station to recover it anew");
    }
    if (!tiers_look(stations->tiers, &place_of, name, out, err))
        return false;
    bool ok = read_definition(out, &place_of, &config, err);
    if (!ok || options->dry) {
        station_config_free(&config);
        return ok;
    }
    station = stations_create_at(stations, &config, out->bounds.next, out->created_ms, out, err);
    if (station != NULL)
        LOG_INFO("station recovered", LOG_TEXT("station", out->station),
                 LOG_UINT("next_offset", out->bounds.next));
    station_unref(station);
    return station != NULL;
}
