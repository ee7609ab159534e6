/* The way out: what is expelled becomes rows of the table, in the order of offsets.
 *
 *   look     is it time: upload_bytes wait, the oldest has waited for upload_interval, somebody flushes
 *   claim    once, before the first commit of this process (commit.c)
 *   build    the next file of a batch (batch.c)                                                          tier.after_spool
 *   put      the ledger first, then the file (upload.c)      tier.after_data_intent, tier.uploading, tier.after_data
 *   commit   one for the batch; then the station may trim its log                                        (commit.c)
 *
 * Building, putting and committing overlap: a step builds one file and begins its PUT, which goes on while the next step
 * builds another, of the same batch or the next one, or commits a batch whose files are all there.
 *
 *   batch 3   ▒▒▒▒ ░░░░         building ▒, PUT ░, commit █
 *   batch 2   ▒▒▒▒░░░░░░░
 *   batch 1   ▒▒░░░░░░░█
 *
 * Batches are committed in the order of their offsets, whichever is there first. At most UPLOADS_MAX files are built and not yet in the
 * store, at most BATCHES_MAX batches begun and not committed: then the store is waited for, and its answer touches the tier. No
 * thread is held meanwhile.
 *
 * A PUT or a commit that has failed puts the tier aside (tier.c), and is tried again with the same keys and uuid: what may be there
 * is then found to be ours. A batch that cannot follow the table any more is dropped with those behind it, and built again. */
#include "tier/tier_internal.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"

#include <inttypes.h>

#define UPLOADS_MAX   4
#define BATCHES_MAX   4
#define BATCH_RAW_MAX ((uint64_t)4 << 30)
#define BEHIND        4

static struct batch *first_batch(const struct tier *tier)
{
    return list_empty(&tier->batches) ? NULL : CONTAINER_OF(tier->batches.next, struct batch, link);
}

static struct batch *last_batch(const struct tier *tier)
{
    return list_empty(&tier->batches) ? NULL : CONTAINER_OF(tier->batches.prev, struct batch, link);
}

/* ---- When ------------------------------------------------------------------------------------------------ */

/* Of what no batch holds. */
struct plan {
    bool migrate;
    uint64_t next, expelled;
    uint64_t upload_bytes;
    uint64_t waiting_bytes;
    int64_t due_ms; /* monotonic: when the oldest has waited long enough */
    bool define;    /* the station object has changed */
};

static struct plan look(struct tier *tier)
{
    int64_t now_ms = clock_mono_ms();
    struct plan plan = {.due_ms = INT64_MAX};
    const struct batch *last = last_batch(tier);
    uint64_t held_bytes = 0;
    LIST_EACH(it, &tier->batches)
    held_bytes += CONTAINER_OF(it, struct batch, link)->raw_bytes;
    pthread_mutex_lock(&tier->lock);
    plan.next = tier->bounds.next;
    if (last != NULL && last->last + 1 > plan.next)
        plan.next = last->last + 1;
    plan.expelled = tier->expelled;
    plan.upload_bytes = tier->upload_bytes;
    plan.waiting_bytes = tier->waiting_bytes > held_bytes ? tier->waiting_bytes - held_bytes : 0;
    plan.define = tier->definition_changed && tier->version > 0;
    bool waits = plan.expelled > plan.next;
    bool flush = false;
    LIST_EACH(it, &tier->flushes)
    flush = flush || CONTAINER_OF(it, struct flush_waiter, link)->below > plan.next;
    if (waits && tier->waiting_since_ms > 0 && last == NULL)
        plan.due_ms = tier->waiting_since_ms + tier->upload_interval_ms;
    plan.migrate = waits && (flush || plan.waiting_bytes >= tier->upload_bytes || plan.due_ms <= now_ms);
    pthread_mutex_unlock(&tier->lock);
    return plan;
}

/* What is behind by more gets larger batches: fewer commits, and it catches up. */
static uint64_t batch_bytes(const struct plan *plan)
{
    uint64_t most = plan->upload_bytes;
    if (plan->waiting_bytes > BEHIND * most)
        most *= BEHIND;
    return most < BATCH_RAW_MAX ? most : BATCH_RAW_MAX;
}

/* ---- Putting --------------------------------------------------------------------------------------------- */

struct progress {
    unsigned pending; /* files that are not in the store yet */
    unsigned idle;    /* of them: whose PUT is to begin */
    unsigned batches;
};

static struct progress progress_of(const struct tier *tier)
{
    struct progress progress = {0};
    LIST_EACH(it, &tier->batches)
    {
        const struct batch *batch = CONTAINER_OF(it, struct batch, link);
        progress.batches++;
        for (size_t i = 0; i < batch->count; i++) {
            progress.pending += batch->files[i].state != UPLOAD_DONE;
            progress.idle += batch->files[i].state < UPLOAD_UNDER_WAY;
        }
    }
    return progress;
}

/* All of them; the first failure is told. */
static bool look_at_uploads(struct tier *tier, struct reach *reach, bool *moved, struct error *err)
{
    bool ok = true;
    LIST_EACH(it, &tier->batches)
    {
        struct batch *batch = CONTAINER_OF(it, struct batch, link);
        for (size_t i = 0; i < batch->count; i++)
            ok = upload_look(&batch->files[i], tier, reach, moved, ok ? err : NULL) && ok;
    }
    return ok;
}

static bool begin_uploads(struct tier *tier, struct error *err)
{
    LIST_EACH(it, &tier->batches)
    {
        struct batch *batch = CONTAINER_OF(it, struct batch, link);
        for (size_t i = 0; i < batch->count; i++) {
            if (batch->files[i].state < UPLOAD_UNDER_WAY &&
                !upload_begin(&batch->files[i], tier, batch->uuid, err))
                return false;
        }
    }
    return true;
}

/* ---- Committing ------------------------------------------------------------------------------------------ */

static struct str number(struct arena *arena, uint64_t value)
{
    return str_of(arena_printf(arena, "%" PRIu64, value));
}

/* What the table says is missing, with what is missing before this batch. */
static struct str gaps_with(struct tier *tier, struct arena *arena, uint64_t first, uint64_t last)
{
    struct gaps gaps;
    struct buf text = {0};
    gaps_parse(iceberg_property(tier->table, PROPERTY_GAPS), &gaps);
    gaps_add(&gaps, first, last);
    gaps_print(&gaps, &text);
    struct str out = arena_str(arena, buf_str(&text));
    gaps_free(&gaps);
    buf_free(&text);
    return out;
}

/* Nothing has ever been committed to it. */
static bool is_new(const struct iceberg_table *table)
{
    return table == NULL || (iceberg_property(table, PROPERTY_COMMITTED).data == NULL &&
                             iceberg_latest(table, PROPERTY_COMMITTED) == NULL);
}

static bool prepare_batch(struct tier *tier, struct iceberg_change *change, void *arg, struct error *err)
{
    struct batch *batch = arg;
    const struct iceberg_table *table = tier->table;
    uint64_t next = is_new(table) ? batch->first : table_next(table);
    if (next > batch->last)
        return error_set(err, ERR_EXISTS, "offsets up to %" PRIu64 " are in the table", next - 1);
    if (next > batch->first) {
        return error_set(err, ERR_BUSY,
                         "offset %" PRIu64 " is in the table already: the batch is built again",
                         batch->first);
    }
    struct arena *arena = &batch->arena;
    struct str committed, bytes, epoch;
    arena_reset(arena);
    char *location = table != NULL ? arena_strdup(arena, table->location) : NULL;
    if (location == NULL)
        return error_set(err, ERR_INTERNAL, "the table of station %s was not claimed", tier->station);
    for (size_t i = 0; i < batch->count; i++) {
        batch->added[i] = batch->files[i].spool.file;
        batch->added[i].path = str_of(arena_printf(arena, "%s/%s", location, batch->files[i].key));
    }
    committed = number(arena, batch->last);
    epoch = number(arena, tier->own_epoch);
    bytes = number(arena, property_u64(table, PROPERTY_BYTES, 0) + batch->raw_bytes);
    change->added = batch->added;
    change->added_count = batch->count;
    batch->summary[0] = (struct iceberg_property){PROPERTY_COMMITTED, committed};
    batch->summary[1] = (struct iceberg_property){PROPERTY_FIRST, number(arena, batch->first)};
    batch->summary[2] = (struct iceberg_property){PROPERTY_EPOCH, epoch};
    change->summary = batch->summary;
    change->summary_count = 3;
    batch->properties[0] = (struct iceberg_property){PROPERTY_COMMITTED, committed};
    batch->properties[1] = (struct iceberg_property){PROPERTY_BYTES, bytes};
    change->properties = batch->properties;
    change->property_count = 2;
    if (next < batch->first) {
        batch->properties[change->property_count++] =
            (struct iceberg_property){PROPERTY_GAPS, gaps_with(tier, arena, next, batch->first - 1)};
    }
    return true;
}

static void told(struct tier *tier, const struct batch *batch)
{
    atomic_fetch_add_explicit(&tier->figures.migrated_messages, batch->rows, memory_order_relaxed);
    atomic_fetch_add_explicit(&tier->figures.migrated_bytes, batch->raw_bytes, memory_order_relaxed);
    pthread_mutex_lock(&tier->lock);
    tier->waiting_bytes -= batch->raw_bytes < tier->waiting_bytes ? batch->raw_bytes : tier->waiting_bytes;
    tier->waiting_since_ms = tier->expelled > tier->bounds.next ? clock_mono_ms() : 0;
    pthread_mutex_unlock(&tier->lock);
    if (tier->migrated == NULL)
        return;
    const struct tier_migration migration = {
        .first = batch->first,
        .last = batch->last,
        .first_ms = batch->first_ms,
        .last_ms = batch->last_ms,
        .rows = batch->rows,
        .bytes = batch->raw_bytes,
        .files = batch->count,
    };
    tier->migrated(tier->arg, &migration);
}

static void end_flushes(struct tier *tier)
{
    struct list over;
    list_init(&over);
    pthread_mutex_lock(&tier->lock);
    LIST_EACH_SAFE(it, &tier->flushes)
    {
        if (CONTAINER_OF(it, struct flush_waiter, link)->below > tier->bounds.next)
            continue;
        list_remove(it);
        list_append(&over, it);
    }
    pthread_mutex_unlock(&tier->lock);
    while (!list_empty(&over)) {
        struct flush_waiter *waiter = CONTAINER_OF(over.next, struct flush_waiter, link);
        list_remove(&waiter->link);
        waiter->done(waiter->arg, NULL);
        mem_free(waiter);
    }
}

/* Whether the log has nothing below that offset any more: it was given up, and the ledger that knew is lost. */
static bool has_left(struct tier *tier, uint64_t below)
{
    struct log_bounds bounds = {0};
    struct log *log = tier->enter(tier->arg);
    if (log == NULL)
        return false;
    log_bounds(log, &bounds);
    tier->leave(tier->arg);
    return bounds.first >= below;
}

static bool commit_batch(struct tier *tier, struct reach *reach, struct batch *batch, struct error *err)
{
    if (!commit_change(tier, reach, &batch->change, prepare_batch, batch, err)) {
        if (err->code == ERR_BUSY) /* what is in it is in the table, or it is not any more what follows */
            batches_drop(tier, true);
        return false;
    }
    told(tier, batch);
    tier->small_files = true;
    batch_free(batch);
    commit_hint(tier, reach, false);
    tier->changed(tier->arg);
    return true;
}

/* ---- Building -------------------------------------------------------------------------------------------- */

static bool may_build(const struct tier *tier, const struct plan *plan)
{
    const struct progress progress = progress_of(tier);
    const struct batch *last = last_batch(tier);
    if (progress.pending >= UPLOADS_MAX)
        return false;
    return (last != NULL && !last->closed) || (plan->migrate && progress.batches < BATCHES_MAX);
}

static bool build(struct tier *tier, struct error *err)
{
    const struct plan plan = look(tier);
    struct batch *batch = last_batch(tier);
    if (!may_build(tier, &plan))
        return true;
    if (batch == NULL && has_left(tier, plan.expelled))
        return tier_give_up(tier, plan.expelled, err);
    if (batch == NULL || batch->closed)
        batch = batch_begin(tier, plan.next, plan.expelled, batch_bytes(&plan));
    return batch_build(batch, tier, err);
}

static bool can_commit(const struct tier *tier)
{
    const struct batch *batch = first_batch(tier);
    return batch != NULL && batch_is_put(batch);
}

/* *moved: the store has taken something. */
static bool migrate(struct tier *tier, struct reach *reach, bool *moved, struct error *err)
{
    if (tier->own_epoch == 0 && !commit_claim(tier, reach, err))
        return false;
    if (!look_at_uploads(tier, reach, moved, err))
        return false;
    if (can_commit(tier)) {
        *moved = true;
        return commit_batch(tier, reach, first_batch(tier), err);
    }
    return begin_uploads(tier, err) && build(tier, err);
}

/* ---- The step -------------------------------------------------------------------------------------------- */

static enum tier_status status_of(struct tier *tier)
{
    pthread_mutex_lock(&tier->lock);
    enum tier_status status = tier->status;
    pthread_mutex_unlock(&tier->lock);
    return status;
}

/* Somebody else writes the table, or it is being removed. */
static bool is_over(struct tier *tier)
{
    pthread_mutex_lock(&tier->lock);
    bool over = tier->status == TIER_FENCED || tier->goes;
    pthread_mutex_unlock(&tier->lock);
    return over;
}

static bool is_ill(enum tier_status status)
{
    return status == TIER_WAITING || status == TIER_FAILED;
}

/* When the store is tried again after a failure, whether there is something to migrate or not: else a tier that was opened
 * during an outage would be ill until the next message. INT64_MAX: it is not ill. */
static int64_t retry_due(struct tier *tier)
{
    pthread_mutex_lock(&tier->lock);
    int64_t due_ms = is_ill(tier->status) ? tier->retry_due_ms : INT64_MAX;
    pthread_mutex_unlock(&tier->lock);
    return due_ms;
}

static bool work(struct tier *tier, const struct plan *plan, int64_t *maintain_ms, bool *moved,
                 struct error *err)
{
    struct reach reach;
    if (!reach_take(tier, &reach, err))
        return false;
    bool ok = table_load(tier, &reach, false, err);
    if (ok && (plan->migrate || !list_empty(&tier->batches)))
        ok = migrate(tier, &reach, moved, err);
    if (ok)
        ok = maintain(tier, &reach, maintain_ms, err);
    reach_give_back(&reach);
    return ok;
}

/* It heals with what the store takes, not with what is sent to it again. */
static bool has_healed(struct tier *tier, bool moved)
{
    return !is_ill(status_of(tier)) || moved || progress_of(tier).pending == 0;
}

static int64_t fenced(struct tier *tier)
{
    pthread_mutex_lock(&tier->lock);
    struct error err = tier->err;
    bool goes = tier->goes;
    pthread_mutex_unlock(&tier->lock);
    if (!goes)
        batches_drop(tier, false);
    tier_end_flushes(tier, &err);
    return INT64_MAX;
}

int64_t migrate_step(struct tier *tier)
{
    struct error err = {0};
    struct plan plan = look(tier);
    if (is_over(tier))
        return fenced(tier);
    int64_t now_ms = clock_mono_ms();
    int64_t maintain_ms = maintain_due(tier);
    bool first = status_of(tier) == TIER_OPENING, moved = false;
    if (first || retry_due(tier) <= now_ms || plan.migrate || plan.define || !list_empty(&tier->batches) ||
        maintain_ms <= now_ms) {
        if (!work(tier, &plan, &maintain_ms, &moved, &err)) {
            int64_t due_ms = tier_failed(tier, &err);
            return is_over(tier) ? fenced(tier) : due_ms;
        }
        if (has_healed(tier, moved))
            tier_succeeded(tier);
    }
    end_flushes(tier);
    plan = look(tier);
    if (can_commit(tier) || progress_of(tier).idle > 0 || may_build(tier, &plan))
        return clock_mono_ms();
    int64_t due_ms = plan.due_ms < maintain_ms ? plan.due_ms : maintain_ms;
    if (progress_of(tier).pending > 0) /* the end of a PUT touches the tier */
        return due_ms;
    int64_t retry_ms = retry_due(tier);
    return due_ms < retry_ms ? due_ms : retry_ms;
}
