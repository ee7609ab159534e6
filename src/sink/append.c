/* A range → an Iceberg table: a thread for as long as it takes.
 *
 *   1. the newest version of the table. What it says this action's log is committed up to counts: an attempt whose answer
 *      was lost, or a process before this one, may have committed the range
 *   2. its columns and the rows' ones: the table's schema grows, the file gets the ids            sheet.c
 *   3. the file is made from the log, and put: data/<writer>-<first>-<next>-<crc>.parquet
 *   4. the commit: manifest, manifest list, v<N+1>.metadata.json if there is none                 lake/
 *   5. somebody else has committed: from 1. on; the file is made again only if its columns have changed
 *
 * Exactly once: the commit sets the table's property varve.action.<writer> to the offset behind the range, in the same
 * metadata.json as the rows. A writer is one log of one action: where the log begins anew, so does another writer.
 * The change's uuid follows from writer and range, so that a repeated attempt has the same objects under the same keys.
 *
 * What the table does not need any more: snapshots beyond the age of five days, or of what the table's property says, and more
 * than SNAPSHOTS_MAX leave the metadata; metadata files that nothing names become tombstones. Objects of an attempt that has lost stay. */
#include "sink/sink_internal.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "object/digest.h"

#include <inttypes.h>
#include <stdio.h>

#define ATTEMPTS_MAX     20
#define GET_DEADLINE_MS  30000
#define PUT_DEADLINE_MS  60000
#define GET_BYTES_MAX    ((size_t)256 << 20)
#define SNAPSHOT_AGE_MS  (INT64_C(5) * 24 * 3600 * 1000)
#define SNAPSHOTS_MAX    300 /* each commit writes all of them, 750 B each */
#define SNAPSHOT_AGE_KEY STR("history.expire.max-snapshot-age-ms")
#define SNAPSHOT_MIN_KEY STR("history.expire.min-snapshots-to-keep")

struct append {
    /* Set once. */
    const struct append_task *task; /* points to `own` */
    struct append_task own;
    struct connector_store *store;
    char *bucket, *base, *location, *action;
    struct rounds *rounds;
    pthread_t thread;
    atomic_bool stop;
    atomic_bool landed; /* released with what follows */
    struct append_result result;
    struct error err;
    /* The thread's. */
    struct lake lake;
    struct arena arena; /* of the file's description */
    struct sheet sheet; /* of the file that is put; no columns: there is none */
    struct iceberg_data_file file;
    char *key; /* of the file */
    char uuid[LAKE_UUID_BYTES];
    char property[64];
};

/* ---- Requests -------------------------------------------------------------------------------------------- */

static bool has_to_leave(void *arg)
{
    return atomic_load(&((struct append *)arg)->stop);
}

static bool run_request(struct append *append, struct object_request *request, struct str key,
                        struct error *err)
{
    struct buf whole = {0};
    buf_printf(&whole, "%s%.*s", append->base, STR_ARG(key));
    request->bucket = str_of(append->bucket);
    request->key = buf_str(&whole);
    bool ok = object_wait_unless(append->store->objects, request, has_to_leave, append, err);
    buf_free(&whole);
    return ok;
}

static bool get(void *arg, struct str key, struct buf *out, struct error *err)
{
    struct object_request request = {
        .op = OBJECT_GET, .deadline_ms = GET_DEADLINE_MS, .max_bytes = GET_BYTES_MAX};
    bool ok = run_request(arg, &request, key, err);
    if (ok)
        buf_append_str(out, buf_str(&request.data));
    object_request_free(&request);
    return ok;
}

static bool put(void *arg, struct str key, struct str body, enum object_condition condition,
                struct error *err)
{
    struct object_request request = {
        .op = OBJECT_PUT, .deadline_ms = PUT_DEADLINE_MS, .body = body, .condition = condition};
    bool ok = run_request(arg, &request, key, err);
    object_request_free(&request);
    return ok;
}

/* ---- The file -------------------------------------------------------------------------------------------- */

static bool put_file(struct append *append, struct error *err)
{
    const struct object_file file = {.fd = append->task->fd, .length = append->result.bytes};
    struct object_request request = {
        .op = OBJECT_PUT,
        .deadline_ms = upload_deadline_ms(file.length),
        .file = &file,
        .content_type = str_of(PARQUET_CONTENT_TYPE),
    };
    bool ok = run_request(append, &request, str_of(append->key), err);
    object_request_free(&request);
    return ok;
}

/* Makes and puts it, with the sheet's columns; takes the sheet. */
static bool make_file(struct append *append, struct sheet *sheet, struct error *err)
{
    struct parquet_summary summary;
    struct buf key = {0};
    const struct append_task *task = append->task;
    sheet_free(&append->sheet);
    arena_reset(&append->arena);
    bool ok =
        range_file_write(task->log, task->first, task->next, &task->format, task->fd, sheet, &summary, err);
    if (ok) {
        iceberg_describe(&summary, &sheet->schema, &append->arena, &append->file);
        append->result.bytes = summary.bytes;
        append->result.rest_values = sheet->rest_values;
        buf_printf(&key, "data/%s-%" PRIu64 "-%" PRIu64 "-%08" PRIx32 ".parquet", task->writer, task->first,
                   task->next, sheet->crc);
        mem_free(append->key);
        append->key = str_dup(buf_str(&key));
        buf_free(&key);
        ok = put_file(append, err) || error_wrap(err, "%s", append->key);
    }
    if (ok)
        append->sheet = *sheet;
    else
        sheet_free(sheet);
    *sheet = (struct sheet){0};
    return ok;
}

/* ---- One attempt ----------------------------------------------------------------------------------------- */

/* What the table says is in it of this writer's log. */
static uint64_t committed(const struct append *append, const struct iceberg_table *table)
{
    uint64_t next;
    struct str text = table != NULL ? iceberg_property(table, str_of(append->property)) : STR_NONE;
    return text.data != NULL && str_to_u64(text, &next, NULL) ? next : 0;
}

static bool can_append(const struct iceberg_table *table, struct error *err)
{
    if (table == NULL || table->spec->field_count == 0)
        return true;
    error_set(err, ERR_UNSUPPORTED, "the table at %.*s is partitioned", STR_ARG(table->location));
    return error_hint(err, "write to a table that is not, and let a query partition it");
}

static struct iceberg_table *first_table(const struct append *append, const struct sheet *sheet,
                                         struct error *err)
{
    static const struct iceberg_property defaults[] = {
        {{"write.format.default", 20}, {"parquet", 7}},
        {{"write.metadata.compression-codec", 32}, {"none", 4}},
        {{"commit.retry.num-retries", 24}, {"20", 2}},
    };
    char uuid[LAKE_UUID_BYTES];
    lake_uuid(uuid);
    const struct iceberg_table_options options = {
        .uuid = str_of(uuid),
        .location = str_of(append->location),
        .schema = &sheet->table,
        .properties = defaults,
        .property_count = sizeof(defaults) / sizeof(defaults[0]),
        .now_ms = clock_wall_ms(),
    };
    return iceberg_table_new(&options, err);
}

static struct iceberg_retention retention_of(const struct iceberg_table *table)
{
    struct iceberg_retention retention = {
        .max_age_ms = SNAPSHOT_AGE_MS, .min_count = 1, .max_count = SNAPSHOTS_MAX};
    uint64_t number;
    struct str age = iceberg_property(table, SNAPSHOT_AGE_KEY),
               least = iceberg_property(table, SNAPSHOT_MIN_KEY);
    if (age.data != NULL && str_to_u64(age, &number, NULL) && number <= INT64_MAX)
        retention.max_age_ms = (int64_t)number;
    if (least.data != NULL && str_to_u64(least, &number, NULL) && number <= UINT32_MAX)
        retention.min_count = (uint32_t)number;
    if (retention.max_count < retention.min_count)
        retention.max_count = retention.min_count;
    return retention;
}

static void set_change(struct append *append, const struct iceberg_table *table, const struct sheet *sheet,
                       struct arena *arena, unsigned attempt, struct iceberg_change *out)
{
    struct iceberg_property *summary = arena_zalloc(arena, 3 * sizeof(*summary)),
                            *property = arena_zalloc(arena, sizeof(*property));
    const struct append_task *task = append->task;
    struct iceberg_data_file *file = arena_zalloc(arena, sizeof(*file));
    *file = append->file;
    file->path = str_of(arena_printf(arena, "%.*s/%s", STR_ARG(table->location), append->key));
    summary[0] = (struct iceberg_property){STR("varve.action"), str_of(append->action)};
    summary[1] = (struct iceberg_property){STR("varve.first-offset"),
                                           str_of(arena_printf(arena, "%" PRIu64, task->first))};
    summary[2] = (struct iceberg_property){STR("varve.next-offset"),
                                           str_of(arena_printf(arena, "%" PRIu64, task->next))};
    *property = (struct iceberg_property){str_of(append->property), summary[2].value};
    const struct iceberg_retention retention = retention_of(table);
    *out = (struct iceberg_change){
        .operation = ICEBERG_APPEND,
        .uuid = str_of(append->uuid),
        .attempt = attempt,
        .now_ms = clock_wall_ms(),
        .added = file,
        .added_count = 1,
        .summary = summary,
        .summary_count = 3,
        .properties = property,
        .property_count = 1,
        .schema = &sheet->table,
    };
    out->expired = iceberg_expired(table, &retention, out->now_ms, arena, &out->expired_count);
}

/* Best effort: they are small, and harm nobody. */
static void tidy_up(struct append *append, const struct iceberg_commit *commit, uint64_t version)
{
    struct error err;
    if (!lake_hint(&append->lake, version, &err))
        LOG_DEBUG("version hint not written", LOG_TEXT("action", append->action), LOG_ERROR_OF(&err));
    for (size_t i = 0; i < commit->forgotten_count; i++) {
        struct str key;
        if (iceberg_key(commit->table, commit->forgotten[i], &key))
            lake_bury(&append->lake, key, NULL);
    }
}

static enum lake_outcome commit_file(struct append *append, const struct iceberg_table *table,
                                     uint64_t version, const struct sheet *sheet, unsigned attempt,
                                     struct error *err)
{
    struct arena arena = {0};
    struct iceberg_list *list = NULL;
    struct iceberg_change change;
    enum lake_outcome outcome = LAKE_FAILED;
    bool exact;
    set_change(append, table, sheet, &arena, attempt, &change);
    struct iceberg_commit *commit = NULL;
    if (lake_list(&append->lake, version > 0 ? table : NULL, &list, err))
        commit = iceberg_commit_new(table, version, list, &change, err);
    if (commit != NULL && lake_give(&append->lake, table, commit, err) &&
        iceberg_commit_finish(commit, err) && lake_put(&append->lake, commit, err))
        outcome = lake_commit(&append->lake, commit, version + 1, append->uuid, &exact, err);
    if (outcome == LAKE_COMMITTED)
        tidy_up(append, commit, version + 1);
    iceberg_commit_free(commit);
    lake_list_free(list);
    arena_free(&arena);
    return outcome;
}

static enum lake_outcome attempt_once(struct append *append, unsigned attempt, struct error *err)
{
    struct iceberg_table *table = NULL, *fresh = NULL;
    struct sheet sheet = {0};
    uint64_t version = 0;
    enum lake_outcome outcome = LAKE_FAILED;
    const struct append_task *task = append->task;
    if (!lake_find(&append->lake, append->result.version, &table, &version, err))
        goto out;
    append->result.version = version;
    append->result.next = committed(append, table);
    if (append->result.next > task->first) {
        outcome = LAKE_COMMITTED;
        goto out;
    }
    if (!can_append(table, err) || !sheet_plan_in(&sheet, task->shape, table, err))
        goto out;
    if (table == NULL && (fresh = first_table(append, &sheet, err)) == NULL)
        goto out;
    if (append->sheet.column_count == 0 || !sheet_equal(&append->sheet, &sheet)) {
        struct sheet again = {0}; /* `sheet` still tells the table's schema */
        if (!sheet_plan_in(&again, task->shape, table, err) || !make_file(append, &again, err))
            goto out;
    }
    FAULT_POINT("sink.file_put");
    outcome = commit_file(append, table != NULL ? table : fresh, version, &sheet, attempt, err);
    if (outcome == LAKE_COMMITTED) {
        append->result.version = version + 1;
        append->result.next = task->next;
    }
out:
    sheet_free(&sheet);
    iceberg_table_free(table);
    iceberg_table_free(fresh);
    return outcome;
}

static bool go(struct append *append, struct error *err)
{
    for (unsigned attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        enum lake_outcome outcome = attempt_once(append, attempt, err);
        if (outcome != LAKE_LOST)
            return outcome == LAKE_COMMITTED;
    }
    error_set(err, ERR_BUSY, "the table changes all the time: %d attempts to commit were lost", ATTEMPTS_MAX);
    return error_hint(err, "see who else writes to it");
}

static void *run(void *arg)
{
    struct append *append = arg;
    if (!go(append, &append->err))
        error_wrap(&append->err, "table %s", append->location);
    else
        append->err = (struct error){0};
    atomic_store_explicit(&append->landed, true, memory_order_release);
    rounds_wake(append->rounds);
    return NULL;
}

/* ---- Starting and ending --------------------------------------------------------------------------------- */

/* A uuid that follows from the writer and the range. */
static void set_uuid(struct append *append)
{
    char text[128], hex[SHA256_HEX_BYTES];
    snprintf(text, sizeof(text), "%s %" PRIu64 " %" PRIu64, append->task->writer, append->task->first,
             append->task->next);
    sha256_hex(str_of(text), hex);
    snprintf(append->uuid, sizeof(append->uuid), "%.8s-%.4s-4%.3s-8%.3s-%.12s", hex, hex + 8, hex + 13,
             hex + 17, hex + 20);
}

static void append_free(struct append *append)
{
    connector_store_release(append->store);
    sheet_free(&append->sheet);
    arena_free(&append->arena);
    mem_free(append->bucket);
    mem_free(append->base);
    mem_free(append->location);
    mem_free(append->action);
    mem_free(append->key);
    mem_free(append);
}

static bool find_place(struct append *append, struct sink *sink, const struct sink_plan *plan,
                       struct error *err)
{
    struct connectors *connectors = sink->sinks->options.connectors;
    struct str connector = str_of(plan->connector), bucket = sql_template_text(plan->bucket);
    append->store = connectors_take(connectors, connector, err);
    if (append->store == NULL)
        return false;
    append->bucket = str_dup(bucket.len > 0 ? bucket : str_of(append->store->bucket));
    char *root = connectors_root(connectors, connector, str_of(append->bucket), err);
    if (root == NULL)
        return false;
    struct buf text = {0};
    buf_printf(&text, "%s/%s", root, plan->aggregate.table);
    append->location = str_dup(buf_str(&text));
    buf_reset(&text);
    buf_printf(&text, "%s/", plan->aggregate.table);
    append->base = str_dup(buf_str(&text));
    buf_free(&text);
    mem_free(root);
    return true;
}

struct append *append_start(struct sink *sink, const struct sink_plan *plan, const struct append_task *task,
                            struct rounds *rounds, struct error *err)
{
    struct append *append = mem_zalloc(sizeof(*append));
    append->own = *task;
    append->task = &append->own;
    append->rounds = rounds;
    append->action = mem_strdup(sink->id);
    append->result.version = task->version;
    snprintf(append->property, sizeof(append->property), "varve.action.%s", task->writer);
    set_uuid(append);
    if (find_place(append, sink, plan, err)) {
        append->lake = (struct lake){.get = get, .put = put, .arg = append, .base = append->base};
        if (thread_start(&append->thread, "sink-append", run, append, err))
            return append;
    }
    append_free(append);
    return NULL;
}

bool append_has_landed(struct append *append, struct append_result *result, struct error *err)
{
    if (!atomic_load_explicit(&append->landed, memory_order_acquire))
        return false;
    *result = append->result;
    *err = append->err;
    return true;
}

void append_end(struct append *append)
{
    if (append == NULL)
        return;
    atomic_store(&append->stop, true);
    pthread_join(append->thread, NULL);
    append_free(append);
}
