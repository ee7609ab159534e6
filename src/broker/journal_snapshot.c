/* Compaction: a snapshot of all sessions behind the journal's end, then everything before it goes.
 *
 * It is due when the journal holds more than COMPACT_BYTES and more than twice what the last snapshot wrote: so each byte
 * is copied once on average. And when a batch has failed, since it alone repeats what that batch told.
 *
 * 1. Shard 0 notes where the journal ends. Then it is one shard's turn after the other.
 * 2. A shard walks through its sessions, a slice a turn, and writes STATE for each that has anything. A message is
 *    written once for all: by the shard that meets it first.
 * 3. When every shard's part is on disk, each shard commits once more what it has. What was handed over before step 1 has
 *    come to its reactor by then, and its answer is on disk: no message older than the snapshot is half published.
 * 4. The journal is trimmed below the place of step 1.
 *
 * A crash in between leaves the old part and some of the new one, which says the same. A failed batch ends the attempt
 * without a trim; the next one repeats it all.
 *
 * Eras. What shards say meanwhile refers to messages by id, and must not refer to one whose content goes with the old part.
 * So a snapshot begins an era, each shard comes to it with its turn, and a message remembers in which era and batch its
 * content was written last: who refers to one of an older era writes it once more (journal_put_content). */
#include "broker/journal_internal.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/tune.h"

#define COMPACT_BYTES  (UINT64_C(64) << 20)
#define SLICE_BYTES    ((size_t)256 << 10) /* a turn */
#define SLICE_SESSIONS 2048                /* looked at in a turn, about */
#define SLICE_MS       1
#define CONGESTED_MS   5
#define STATE_PART_MAX ((size_t)1 << 20)

/* ---- One session ----------------------------------------------------------------------------------------- */

struct walk {
    struct shard_journal *sj;
    struct session *session;
    struct buf *out;
    uint64_t last_id;
    size_t room;     /* of this slice, in bytes */
    bool unfinished; /* a session has more messages than there was room for */
};

static bool is_id(const void *item, const void *key)
{
    return (uintptr_t)item == *(const uint64_t *)key;
}

/* Writes the content if nobody has; false: there is no room for it in this slice. */
static bool write_content(struct walk *walk, struct message *message)
{
    struct shard_journal *sj = walk->sj;
    struct snapshot *snapshot = &sj->journal->snapshot;
    uint64_t id = journal_message_id(sj, message);
    if (journal_may_refer(sj, atomic_load_explicit(&message->journal_place, memory_order_relaxed)) ||
        map_find(&snapshot->written, hash_u64(id), is_id, &id) != NULL)
        return true;
    size_t bytes = message_bytes(message);
    if (walk->room == 0)
        return false;
    journal_put_content(sj, message);
    map_insert(&snapshot->written, hash_u64(id), (void *)(uintptr_t)id);
    snapshot->bytes += bytes;
    walk->room -= bytes < walk->room ? bytes : walk->room;
    return true;
}

static void write_entry_content(struct inflight_entry *entry, void *arg)
{
    struct walk *walk = arg;
    if (entry->message != NULL && entry->feed == NULL && !walk->unfinished)
        walk->unfinished = !write_content(walk, entry->message);
}

static bool write_contents(struct walk *walk)
{
    struct session_queue *queue = &walk->session->queue;
    inflight_each(&walk->session->inflight, write_entry_content, walk);
    for (uint32_t i = 0; i < queue->count && !walk->unfinished; i++) {
        const struct outgoing *outgoing = session_queue_at(queue, i);
        if (outgoing->qos > 0)
            walk->unfinished = !write_content(walk, outgoing->message);
    }
    return !walk->unfinished;
}

static void begin_part(struct walk *walk, uint8_t flags)
{
    buf_reset(walk->out);
    buf_append_byte(walk->out, JOURNAL_STATE);
    journal_put_number(walk->out, walk->session->subscriber.number);
    buf_append_byte(walk->out, flags);
    walk->last_id = 0;
}

static void end_part(struct walk *walk)
{
    journal_add_buf(walk->sj, walk->out);
    walk->sj->journal->snapshot.bytes += walk->out->len;
    walk->room -= walk->out->len < walk->room ? walk->out->len : walk->room;
}

static void put_entry(struct walk *walk, const struct journal_entry *entry)
{
    if (walk->out->len > STATE_PART_MAX) {
        end_part(walk);
        begin_part(walk, 0);
    }
    journal_put_entry(walk->out, &walk->last_id, JOURNAL_STATE_QOS, entry);
}

/* What rests since a batch has failed goes on with this one. */
static void put_in_flight(struct inflight_entry *entry, void *arg)
{
    struct walk *walk = arg;
    bool of_feed = entry->feed != NULL;
    bool released = entry->state == INFLIGHT_RELEASED || of_feed;
    if (of_feed && entry->qos != 2)
        return;
    entry->journaled = true;
    put_entry(walk, &(struct journal_entry){
                        .key = released ? walk->last_id : journal_message_id(walk->sj, entry->message),
                        .ids = released ? NULL : entry->ids,
                        .packet_id = entry->qos == 2 ? entry->packet_id : 0,
                        .qos = entry->qos,
                        .retain = entry->retain,
                        .released = released,
                    });
    if (entry->waiting)
        journal_wait(walk->sj, walk->session, entry->state == INFLIGHT_RELEASED ? WAIT_PUBREL : WAIT_PUBLISH,
                     entry->packet_id);
}

static void write_state(struct walk *walk)
{
    struct session *session = walk->session;
    begin_part(walk, JOURNAL_STATE_FIRST);
    journal_put_number(walk->out, session->received.last_exchange);
    journal_put_number(walk->out, session->received.count);
    for (uint32_t i = 0; i < session->received.count; i++) {
        journal_put_number(walk->out, session->received.ids[i].id);
        journal_put_number(walk->out, session->received.ids[i].exchange);
    }
    inflight_each(&session->inflight, put_in_flight, walk);
    for (uint32_t i = 0; i < session->queue.count; i++) {
        struct outgoing *outgoing = session_queue_at(&session->queue, i);
        if (outgoing->qos == 0)
            continue;
        outgoing->journaled = true;
        put_entry(walk, &(struct journal_entry){
                            .key = journal_message_id(walk->sj, outgoing->message),
                            .ids = outgoing->ids,
                            .qos = outgoing->qos,
                            .retain = outgoing->retain,
                        });
    }
    end_part(walk);
    begin_part(walk, JOURNAL_STATE_LAST);
    end_part(walk);
}

static void walk_session(void *item, void *arg)
{
    struct walk *walk = arg;
    struct session *session = item;
    bool empty = session->queue.count == 0 && session->inflight.count == 0 && session->received.count == 0 &&
                 session->received.last_exchange == 0;
    if (walk->unfinished || empty || !session_is_durable(session))
        return;
    walk->session = session;
    if (write_contents(walk))
        write_state(walk);
}

/* ---- The shards in turn ---------------------------------------------------------------------------------- */

static void post(struct journal *journal, unsigned shard)
{
    reactor_post(journal->broker->shards[shard].reactor, &journal->snapshot.mail);
}

static bool has_failed(const struct journal *journal)
{
    return atomic_load_explicit(&journal->failures, memory_order_relaxed) != journal->snapshot.failures;
}

/* Goes on when all that the shard has written is on disk. */
static void wait_for_disk(struct shard_journal *sj)
{
    journal_end_done(sj);
    if (sj->batch != NULL)
        sj->batch->snapshot = true;
    else if (sj->last != NULL)
        sj->last->snapshot = true;
    else
        snapshot_batch_settled(sj);
}

void snapshot_slice(struct reactor *reactor, struct timer *timer)
{
    struct shard_journal *sj = CONTAINER_OF(timer, struct shard_journal, slice);
    struct shard *shard = sj->shard;
    int64_t now_ms = reactor_now_ms(reactor);
    if (disk_congested(shard) && !has_failed(sj->journal)) {
        timer_set(reactor, timer, now_ms + CONGESTED_MS);
        return;
    }
    struct walk walk = {.sj = sj, .out = &sj->head_of_state, .room = SLICE_BYTES};
    bool over = has_failed(sj->journal);
    for (unsigned i = 0; !over && i < SLICE_SESSIONS && walk.room > 0; i++) {
        size_t next = map_scan(&shard->sessions, sj->cursor, walk_session, &walk);
        if (walk.unfinished)
            break;
        sj->cursor = next;
        over = next == 0;
    }
    if (over) {
        FAULT_POINT("journal.in_snapshot"); /* written by some shards, and not submitted by this one */
        wait_for_disk(sj);
    } else {
        timer_set(reactor, timer, now_ms + SLICE_MS);
    }
}

static void trimmed(struct worker_job *job)
{
    struct journal *journal = CONTAINER_OF(job, struct journal, snapshot.trim);
    struct error err;
    FAULT_POINT("journal.before_trim");
    if (!log_trim(journal->log, journal->snapshot.begin, &err))
        LOG_ERROR("journal of sessions not trimmed", LOG_ERROR_OF(&err));
    FAULT_POINT("journal.after_trim");
    post(journal, 0);
}

static void finish(struct journal *journal)
{
    struct snapshot *snapshot = &journal->snapshot;
    map_free(&snapshot->written);
    if (snapshot->phase == SNAPSHOT_TRIMMED) {
        snapshot->active = false;
        return;
    }
    struct error err;
    if (has_failed(journal)) {
        snapshot->active = false;
        return;
    }
    atomic_store_explicit(&journal->repaired, snapshot->failures, memory_order_relaxed);
    journal->live_bytes = snapshot->bytes;
    journal->wanted = false;
    snapshot->phase = SNAPSHOT_TRIMMED;
    LOG_DEBUG("journal of sessions compacted", LOG_UINT("bytes", snapshot->bytes));
    if (!worker_pool_submit(journal->broker->workers, &snapshot->trim, &err))
        snapshot->active = false; /* the next one trims more */
}

static void take_turn(struct reactor *reactor, struct mail *mail)
{
    struct journal *journal = CONTAINER_OF(mail, struct journal, snapshot.mail);
    struct snapshot *snapshot = &journal->snapshot;
    if (reactor == NULL)
        return;
    struct shard_journal *sj = ((struct shard *)reactor_user(reactor))->journal;
    switch (snapshot->phase) {
    case SNAPSHOT_WALK:
        sj->era = snapshot->era;
        sj->cursor = 0;
        timer_set(reactor, &sj->slice, reactor_now_ms(reactor));
        break;
    case SNAPSHOT_FLUSH: wait_for_disk(sj); break;
    case SNAPSHOT_FINISH:
    case SNAPSHOT_TRIMMED: finish(journal); break;
    }
}

void snapshot_batch_settled(struct shard_journal *sj)
{
    struct journal *journal = sj->journal;
    struct snapshot *snapshot = &journal->snapshot;
    unsigned next = sj->shard->index + 1;
    if (has_failed(journal)) {
        snapshot->phase = SNAPSHOT_FINISH;
        next = 0;
    } else if (next == journal->shard_count) {
        if (snapshot->phase == SNAPSHOT_WALK)
            FAULT_POINT("journal.after_snapshot"); /* whole on disk, and so is what it replaces */
        snapshot->phase = snapshot->phase == SNAPSHOT_WALK ? SNAPSHOT_FLUSH : SNAPSHOT_FINISH;
        next = 0;
    }
    post(journal, next);
}

void journal_tick(struct shard *shard)
{
    struct shard_journal *sj = shard->journal;
    if (sj == NULL || sj->journal->snapshot.active)
        return;
    struct journal *journal = sj->journal;
    struct snapshot *snapshot = &journal->snapshot;
    struct log_bounds bounds;
    log_bounds(journal->log, &bounds);
    bool large = bounds.bytes > (uint64_t)TUNED("journal.compact_bytes", COMPACT_BYTES) &&
                 bounds.bytes > 2 * journal->live_bytes;
    if ((!large && !journal->wanted && !journal_has_gap(journal)) || !log_writable(journal->log, NULL))
        return;
    FAULT_POINT("journal.before_snapshot");
    snapshot->active = true;
    snapshot->phase = SNAPSHOT_WALK;
    snapshot->begin = bounds.next;
    snapshot->bytes = 0;
    snapshot->era = ++journal->era;
    snapshot->failures = atomic_load_explicit(&journal->failures, memory_order_relaxed);
    snapshot->mail.run = take_turn;
    snapshot->trim.run = trimmed;
    post(journal, 0);
}

void snapshot_free(struct journal *journal)
{
    map_free(&journal->snapshot.written);
}
