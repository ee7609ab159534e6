/* The log → objects of many rows: a thread for each action.
 *
 *     FILLING    rows are looked at as they come, until the range is whole (range.c): a file of text is written meanwhile, of a
 *                file of columns it is learned which ones it has
 *     WHOLE      the file is finished, one of columns written from the log
 *     FLYING     the file is put under the range's key (upload.c), or added to a table (append.c)
 *     STORED     what comes next is remembered in the catalog, then the log is trimmed
 *
 * The file has no name: after a crash it is made again from the log, which is trimmed only behind what is stored. An upload
 * that fails is tried again until it succeeds, with pauses that grow. When the settings change, a range that is not
 * stored is made again under the new ones. */
#include "sink/sink_internal.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_BYTES    ((size_t)1 << 20)
#define CHUNKS_A_ROUND 16
#define PAUSE_MAX_MS   15000
#define PATH_BYTES     4096

enum stage { FILLING, WHOLE, FLYING, STORED };

struct aggregation {
    struct sink *sink;
    struct rounds rounds;
    /* The thread's. */
    enum stage stage;
    struct range_state state; /* what is stored */
    uint64_t trimmed;
    struct range range;
    struct container *container; /* text; NULL: no row yet, or it is made again */
    struct shape *shape;         /* columns; likewise */
    int fd;
    uint64_t length;
    uint64_t rest_values;
    struct sql_scope scope;
    bool rebuild; /* the settings have changed */
    bool more;    /* there is more to be read */
    unsigned attempts;
    int64_t pause_ms; /* 0: the store does not fail */
    int64_t paused_until_ms;
    struct upload *upload; /* FLYING: one of these two */
    struct append *append;
    uint64_t table_version; /* as the last append has found it; 0: nothing is known */
};

/* ---- The file -------------------------------------------------------------------------------------------- */

static bool open_file(struct aggregation *agg, struct error *err)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/actions/%s.spool", agg->sink->sinks->options.dir, agg->sink->id);
    agg->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (agg->fd < 0)
        return error_errno(err, errno, "create %s", path);
    unlink(path);
    return true;
}

static void close_file(struct aggregation *agg)
{
    container_free(agg->container);
    shape_free(agg->shape);
    agg->container = NULL;
    agg->shape = NULL;
    if (agg->fd >= 0)
        close(agg->fd);
    agg->fd = -1;
}

/* What was read is read again. */
static void start_over(struct aggregation *agg)
{
    close_file(agg);
    agg->range = (struct range){.first = agg->state.offset, .next = agg->state.offset};
    agg->stage = FILLING;
    agg->rest_values = 0;
    agg->rebuild = false;
}

/* ---- Failing --------------------------------------------------------------------------------------------- */

static void pause_for(struct aggregation *agg, const struct sink_plan *plan, const struct error *err)
{
    agg->pause_ms = agg->pause_ms == 0 ? plan->retry_ms : 2 * agg->pause_ms;
    if (agg->pause_ms > PAUSE_MAX_MS)
        agg->pause_ms = PAUSE_MAX_MS;
    agg->paused_until_ms = clock_mono_ms() + agg->pause_ms;
    sink_fails(agg->sink, err);
}

/* ---- Filling --------------------------------------------------------------------------------------------- */

static struct range_limits limits_of(const struct sink_plan *plan)
{
    struct range_limits limits = plan->aggregate.limits;
    limits.max_buffer_bytes = plan->max_buffer_bytes / 2; /* what comes meanwhile needs room, too */
    return limits;
}

/* Where the rows go to. */
static bool begin_file(struct aggregation *agg, const struct sink_plan *plan, struct error *err)
{
    const struct container_format *format = &plan->aggregate.format;
    if (agg->fd < 0 && !open_file(agg, err))
        return false;
    if (is_columnar(format->type)) {
        agg->shape = shape_new(&format->declared);
        return true;
    }
    agg->container = container_new(format, agg->fd, err);
    return agg->container != NULL;
}

static bool add_row(struct aggregation *agg, const struct log_record *record, struct error *err)
{
    struct sql_value row;
    struct error bad;
    if (!row_read(record->data, &agg->scope, &row, &bad)) {
        LOG_WARNING("action cannot deliver a message", LOG_TEXT("action", agg->sink->id), LOG_ERROR_OF(&bad));
        agg->range.bad++;
        return true;
    }
    if (agg->container != NULL)
        return container_add(agg->container, &row, err);
    shape_add(agg->shape, &row);
    return true;
}

static bool add_record(struct aggregation *agg, const struct sink_plan *plan, const struct log_record *record,
                       struct error *err)
{
    struct range *range = &agg->range;
    struct range_limits limits = limits_of(plan);
    if (range->next == range->first)
        range_begin(range, &agg->state, &limits, record->offset, record->time_ms);
    if (agg->container == NULL && agg->shape == NULL && !begin_file(agg, plan, err))
        return false;
    if (!add_row(agg, record, err))
        return false;
    range->next = record->offset + 1;
    range->buffer_bytes += record->data.len;
    range->bytes = agg->container != NULL ? container_bytes(agg->container) : range->buffer_bytes;
    range->times_ms += record->time_ms;
    range->last_ms = record->time_ms;
    return true;
}

/* Adds what the chunk has. True in *whole: the range ends within it. */
static bool add_chunk(struct aggregation *agg, const struct sink_plan *plan, struct log_chunk *chunk,
                      bool *whole, struct error *err)
{
    struct log_cursor cursor;
    struct log_record record;
    struct range_limits limits = limits_of(plan);
    log_cursor_init(&cursor, chunk, agg->range.next);
    while (log_cursor_next(&cursor, &record)) {
        *whole = !range_takes(&agg->range, &limits, record.time_ms);
        if (*whole)
            return true;
        if (!add_record(agg, plan, &record, err))
            return false;
    }
    *whole = agg->range.next > agg->range.first && range_is_full(&agg->range, &limits);
    return true;
}

static bool is_over(const struct aggregation *agg)
{
    return agg->range.next > agg->range.first && clock_wall_ms() >= agg->range.until_ms;
}

/* Reads some. False: *err. */
static bool fill(struct aggregation *agg, const struct sink_plan *plan, bool *whole, struct error *err)
{
    struct log_chunk *chunk;
    struct log_bounds bounds;
    agg->more = false;
    for (unsigned i = 0; i < CHUNKS_A_ROUND && !*whole; i++) {
        switch (log_read(agg->sink->log, agg->range.next, CHUNK_BYTES, 0, &chunk, err)) {
        case LOG_READ: break;
        case LOG_READ_TRIMMED:
            log_bounds(agg->sink->log, &bounds);
            agg->state.offset = agg->trimmed = bounds.first;
            start_over(agg);
            continue;
        case LOG_READ_END:
            *whole = is_over(agg);
            agg->more = !*whole && !rounds_await(&agg->rounds, agg->range.next);
            return true;
        default: return false;
        }
        bool ok = add_chunk(agg, plan, chunk, whole, err);
        log_chunk_unref(chunk);
        if (!ok)
            return false;
    }
    agg->more = true;
    return true;
}

static bool write_columns(struct aggregation *agg, const struct sink_plan *plan, struct error *err)
{
    struct sheet sheet = {0};
    struct parquet_summary summary;
    sheet_plan(&sheet, agg->shape);
    bool ok = range_file_write(agg->sink->log, agg->range.first, agg->range.next,
                               &plan->aggregate.format.sheet, agg->fd, &sheet, &summary, err);
    if (ok) {
        agg->length = summary.bytes;
        agg->rest_values = sheet.rest_values;
    }
    sheet_free(&sheet);
    return ok;
}

/* The file of a table is made when its columns are known. */
static bool finish_file(struct aggregation *agg, const struct sink_plan *plan, struct error *err)
{
    if (agg->container != NULL)
        return container_finish(agg->container, &agg->length, err);
    agg->length = 0;
    return plan->aggregate.format.type == CONTAINER_ICEBERG || write_columns(agg, plan, err);
}

static void do_fill(struct aggregation *agg, const struct sink_plan *plan)
{
    struct error err;
    bool whole = false;
    bool ok = fill(agg, plan, &whole, &err);
    if (ok && !whole)
        return;
    bool all_bad = agg->range.bad == agg->range.next - agg->range.first;
    if (ok && (all_bad || finish_file(agg, plan, &err))) {
        agg->stage = all_bad ? STORED : WHOLE;
        agg->attempts = 0;
        return;
    }
    start_over(agg);
    pause_for(agg, plan, &err);
}

/* ---- Uploading ------------------------------------------------------------------------------------------- */

static void count_flight(struct aggregation *agg, bool takes_off)
{
    struct sink *sink = agg->sink;
    uint64_t rows = agg->range.next - agg->range.first - agg->range.bad;
    pthread_mutex_lock(&sink->lock);
    if (takes_off) {
        sink->figures.inflight += rows;
        sink->figures.retried += agg->attempts > 0 ? rows : 0;
    } else {
        sink->figures.inflight -= rows;
    }
    pthread_mutex_unlock(&sink->lock);
}

/* Of an Iceberg table's writer there has to be a name that survives, before it commits for the first time. */
static bool have_writer(struct aggregation *agg, struct error *err)
{
    if (agg->state.writer[0] != '\0')
        return true;
    lake_uuid(agg->state.writer);
    if (range_state_save(agg->sink, &agg->state, err))
        return true;
    agg->state.writer[0] = '\0';
    return error_wrap(err, "the catalog does not keep the name of the writer");
}

static bool start_append(struct aggregation *agg, const struct sink_plan *plan, struct error *err)
{
    if (!have_writer(agg, err))
        return false;
    struct append_task task = {
        .log = agg->sink->log,
        .first = agg->range.first,
        .next = agg->range.next,
        .shape = agg->shape,
        .format = plan->aggregate.format.sheet,
        .fd = agg->fd,
        .version = agg->table_version,
    };
    memcpy(task.writer, agg->state.writer, sizeof(task.writer));
    agg->append = append_start(agg->sink, plan, &task, &agg->rounds, err);
    return agg->append != NULL;
}

static bool start_upload(struct aggregation *agg, const struct sink_plan *plan, struct error *err)
{
    const struct object_file file = {.fd = agg->fd, .length = agg->length};
    agg->upload = upload_start(agg->sink, plan, &agg->range, &file, &agg->rounds, err);
    return agg->upload != NULL;
}

static void take_off(struct aggregation *agg, const struct sink_plan *plan)
{
    struct error err;
    bool to_table = plan->aggregate.format.type == CONTAINER_ICEBERG;
    if (to_table ? start_append(agg, plan, &err) : start_upload(agg, plan, &err)) {
        count_flight(agg, true);
        agg->attempts++;
        agg->stage = FLYING;
        return;
    }
    agg->attempts++;
    pause_for(agg, plan, &err);
}

/* What the append has found or done. It may have been another range that an attempt before has committed. */
static void take_result(struct aggregation *agg, const struct append_result *result)
{
    struct log_bounds bounds;
    agg->table_version = result->version;
    agg->length = result->bytes;
    agg->rest_values = result->rest_values;
    if (result->next <= agg->range.first || result->next == agg->range.next)
        return;
    log_bounds(agg->sink->log, &bounds);
    agg->range.next = result->next < bounds.next ? result->next : bounds.next;
    agg->range.times_ms = (int64_t)(agg->range.next - agg->range.first) * agg->range.last_ms;
    agg->range.bad = 0;
}

/* Whether it has, with what came of it. */
static bool has_landed(struct aggregation *agg, struct error *err, struct append_result *result)
{
    *result = (struct append_result){0};
    return agg->append != NULL ? append_has_landed(agg->append, result, err)
                               : upload_has_landed(agg->upload, err);
}

static void end_flight(struct aggregation *agg)
{
    count_flight(agg, false);
    upload_end(agg->upload);
    append_end(agg->append);
    agg->upload = NULL;
    agg->append = NULL;
}

static void land(struct aggregation *agg, const struct sink_plan *plan, const struct error *err,
                 const struct append_result *result)
{
    bool to_table = agg->append != NULL;
    end_flight(agg);
    if (err->code == ERR_NONE) {
        if (to_table)
            take_result(agg, result);
        agg->stage = STORED;
        return;
    }
    agg->stage = WHOLE;
    pthread_mutex_lock(&agg->sink->lock);
    agg->sink->figures.object_failures++;
    pthread_mutex_unlock(&agg->sink->lock);
    pause_for(agg, plan, err);
}

/* ---- Ending ---------------------------------------------------------------------------------------------- */

/* Everything below `behind` is done with: remembered, then trimmed. */
static bool move_to(struct aggregation *agg, const struct range_state *behind, struct error *err)
{
    if (!range_state_save(agg->sink, behind, err))
        return error_wrap(err, "the catalog does not keep what is stored");
    agg->state = *behind;
    return true;
}

static void trim(struct aggregation *agg)
{
    struct error err;
    if (agg->trimmed == agg->state.offset)
        return;
    if (log_trim(agg->sink->log, agg->state.offset, &err))
        agg->trimmed = agg->state.offset;
    else
        LOG_WARNING("buffer of an action not trimmed", LOG_TEXT("action", agg->sink->id), LOG_ERROR_OF(&err));
}

static void count_stored(struct aggregation *agg)
{
    struct sink *sink = agg->sink;
    uint64_t all = agg->range.next - agg->range.first, rows = all - agg->range.bad;
    int64_t waited_ms = (int64_t)all * clock_wall_ms() - agg->range.times_ms;
    pthread_mutex_lock(&sink->lock);
    sink->figures.success += rows;
    sink->figures.failed += agg->range.bad;
    sink->figures.objects += rows > 0;
    sink->figures.bytes += rows > 0 ? agg->length : 0;
    sink->figures.rest_values += agg->rest_values;
    sink->figures.latency_ms += (uint64_t)(waited_ms > 0 ? waited_ms : 0);
    pthread_mutex_unlock(&sink->lock);
}

static void finish(struct aggregation *agg, const struct sink_plan *plan)
{
    struct error err;
    struct range_state behind = range_state_behind(&agg->range, &agg->state);
    FAULT_POINT("sink.stored");
    if (!move_to(agg, &behind, &err)) {
        pause_for(agg, plan, &err);
        return;
    }
    FAULT_POINT("sink.remembered");
    count_stored(agg);
    waiters_settle_below(agg->sink, behind.offset, NULL);
    agg->pause_ms = agg->paused_until_ms = 0;
    sink_delivers(agg->sink);
    start_over(agg);
    trim(agg);
    agg->more = true;
}

/* What is below `offset` is given up. What follows keeps the key of its range, which an attempt may have stored. */
static void drop_below(struct aggregation *agg, const struct sink_plan *plan, uint64_t offset,
                       uint64_t *counter, const char *why)
{
    struct error err;
    if (!fallbacks_are_ready(plan->fallbacks))
        return;
    if (plan->fallbacks != NULL)
        fallback_range(agg->sink, plan->fallbacks, agg->state.offset, offset);
    struct range_state behind = agg->state;
    if (agg->range.next > agg->range.first) {
        behind.start_ms = agg->range.start_ms;
        behind.sequence = agg->range.sequence;
    }
    uint64_t count = offset - agg->state.offset;
    behind.offset = offset;
    if (!move_to(agg, &behind, &err)) {
        sink_fails(agg->sink, &err);
        return;
    }
    error_set(&err, ERR_TIMEOUT, "%s", why);
    pthread_mutex_lock(&agg->sink->lock);
    *counter += count;
    pthread_mutex_unlock(&agg->sink->lock);
    waiters_settle_below(agg->sink, offset, &err);
    start_over(agg);
    trim(agg);
}

/* What is too old, and what is too much: the oldest. */
static void drop_what_has_to_go(struct aggregation *agg, const struct sink_plan *plan)
{
    struct log_bounds bounds;
    uint64_t offset;
    const struct range *range = &agg->range;
    int64_t old_ms = range->last_ms + plan->aggregate.limits.interval_ms + plan->ttl_ms;
    log_bounds(agg->sink->log, &bounds);
    if (plan->ttl_ms > 0 && agg->stage == WHOLE && agg->attempts > 0 && clock_wall_ms() > old_ms) {
        drop_below(agg, plan, range->next, &agg->sink->figures.expired,
                   "the message is older than request_ttl");
    } else if (!plan->block && bounds.bytes > plan->max_buffer_bytes && agg->trimmed == agg->state.offset &&
               log_offset_of_bytes(agg->sink->log, plan->max_buffer_bytes, &offset, NULL) &&
               offset > agg->state.offset) {
        drop_below(agg, plan, offset, &agg->sink->figures.queue_full,
                   "the buffer is full: the oldest message is dropped");
    }
}

/* ---- The thread ------------------------------------------------------------------------------------------ */

static int64_t rest_ms(const struct aggregation *agg)
{
    int64_t wait_ms = 1000, now_ms = clock_mono_ms(), left_ms = agg->range.until_ms - clock_wall_ms();
    bool paused = agg->paused_until_ms > now_ms;
    if (paused && agg->paused_until_ms - now_ms < wait_ms)
        wait_ms = agg->paused_until_ms - now_ms;
    else if (!paused && agg->stage == FILLING && agg->range.next > agg->range.first && left_ms < wait_ms)
        wait_ms = left_ms > 0 ? left_ms : 0;
    if (!paused && (agg->more || agg->stage == WHOLE || agg->stage == STORED))
        wait_ms = 0;
    return wait_ms;
}

static void end_what_has_landed(struct aggregation *agg, const struct sink_plan *plan)
{
    struct error err = {0};
    struct append_result result;
    if (agg->stage == FLYING && has_landed(agg, &err, &result))
        land(agg, plan, &err, &result);
    if (agg->stage == STORED && clock_mono_ms() >= agg->paused_until_ms)
        finish(agg, plan);
}

static void do_round(struct aggregation *agg, const struct sink_plan *plan, const struct sink_plan *settings)
{
    agg->more = false;
    waiters_settle_below(agg->sink, agg->state.offset, NULL); /* who has come to wait too late */
    end_what_has_landed(agg, settings);
    if (agg->stage == FLYING || agg->stage == STORED)
        return;
    trim(agg);
    if (agg->rebuild) {
        start_over(agg);
        agg->table_version = 0;
    }
    if (plan == NULL)
        return;
    drop_what_has_to_go(agg, plan);
    if (clock_mono_ms() < agg->paused_until_ms)
        return;
    if (agg->stage == FILLING)
        do_fill(agg, plan);
    if (agg->stage == WHOLE)
        take_off(agg, plan);
}

static const struct sink_plan no_plan = {.retry_ms = 1000, .block = true};

static int64_t go_round(void *arg, bool changed)
{
    struct aggregation *agg = arg;
    const struct sink_plan *plan = plan_in_force(agg->sink);
    if (changed) {
        agg->pause_ms = agg->paused_until_ms = 0;
        agg->rebuild = true;
    }
    do_round(agg, plan, plan != NULL ? plan : &no_plan);
    return rest_ms(agg);
}

bool aggregation_recover(struct sink *sink, struct error *err)
{
    struct range_state state;
    struct log_bounds bounds;
    if (!range_state_load(sink, &state, err))
        return false;
    log_bounds(sink->log, &bounds);
    return state.offset <= bounds.first || state.offset > bounds.next ||
           log_trim(sink->log, state.offset, err);
}

struct aggregation *aggregation_start(struct sink *sink, struct error *err)
{
    struct log_bounds bounds;
    struct range_state state;
    if (!range_state_load(sink, &state, err))
        return NULL;
    struct aggregation *agg = mem_zalloc(sizeof(*agg));
    log_bounds(sink->log, &bounds);
    agg->sink = sink;
    agg->state = state;
    if (state.offset > bounds.next) /* another log */
        agg->state.writer[0] = '\0';
    agg->state.offset = agg->trimmed = bounds.first;
    agg->fd = -1;
    agg->rounds.log = sink->log;
    agg->rounds.go = go_round;
    agg->rounds.arg = agg;
    start_over(agg);
    if (rounds_start(&agg->rounds, err))
        return agg;
    mem_free(agg);
    return NULL;
}

void aggregation_stop(struct aggregation *agg, int64_t until_ms)
{
    struct error err;
    struct append_result result;
    if (agg == NULL)
        return;
    rounds_stop(&agg->rounds);
    while (agg->stage == FLYING && !has_landed(agg, &err, &result) && clock_mono_ms() < until_ms)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    end_what_has_landed(agg, &no_plan); /* what has been stored is remembered */
    if (agg->stage == FLYING)
        end_flight(agg);
    rounds_free(&agg->rounds);
    close_file(agg);
    sql_scope_free(&agg->scope);
    mem_free(agg);
}

void aggregation_changed(struct aggregation *agg)
{
    if (agg != NULL)
        rounds_change(&agg->rounds);
}
