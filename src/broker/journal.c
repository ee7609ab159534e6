/* The journal's life and its batches: see journal.h.
 *
 * 1. What a shard has to say in a turn goes into one batch (journal_write.c), with the tickets and the packets that wait
 *    for it.
 * 2. At the end of the turn it is submitted, before the hand-offs are mailed: so what another shard adds to a message
 *    stands behind the message in the log. While the log's queue is full, the batch is kept and submitted again, and the
 *    hand-offs wait for it (journal_is_behind()): a crash must not leave with subscribers what their publisher repeats.
 * 3. The log's writer commits it with those of other shards and mails it home. There its tickets are given back, its
 *    packets written.
 *
 * A batch that the log refuses, or may have lost, fails its tickets; its packets rest until a snapshot has repeated what
 * was in it (journal_snapshot.c). Only the PUBCOMPs among them do not: their connections end, and the clients ask again
 * with PUBREL, since a client that waits on a full disk would hold its identifiers for ever. */
#include "broker/journal_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <time.h>

#define SEGMENT_BYTES   (16u << 20)
#define BATCH_BYTES_MAX (300u << 20) /* a message of MQTT's largest size fits */
#define BATCH_BYTES     ((size_t)4 << 20)
#define RETRY_BYTES     ((size_t)16 << 20) /* kept and tried again while the log's queue is full */
#define RETRY_MS        5
#define STOP_WAIT_MS    1000 /* for room in the log's queue */
#define SPARE_BATCHES   4

/* ---- Life ------------------------------------------------------------------------------------------------ */

struct journal *journal_open(struct broker *broker, struct log_engine *engine, const char *dir,
                             int64_t sync_ms, struct error *err)
{
    struct journal *journal = mem_zalloc(sizeof(*journal));
    journal->broker = broker;
    journal->dir = mem_strdup(dir);
    journal->options = (struct log_options){
        .segment_bytes = SEGMENT_BYTES,
        .sync_ms = sync_ms,
        .max_batch_bytes = BATCH_BYTES_MAX,
        .compress = true,
    };
    journal->shard_count = broker->shard_count;
    journal->shards = mem_zalloc(broker->shard_count * sizeof(*journal->shards));
    journal->era = 1;
    atomic_init(&journal->next_number, 1);
    atomic_init(&journal->failures, 0);
    atomic_init(&journal->repaired, 0);
    journal->log = log_open(engine, dir, &journal->options, err);
    if (journal->log != NULL)
        return journal;
    error_wrap(err, "the journal of sessions");
    journal_free(journal);
    return NULL;
}

void journal_set_sync(struct journal *journal, int64_t sync_ms)
{
    struct log_options options = journal->options;
    options.sync_ms = sync_ms;
    log_set_options(journal->log, &options);
}

void journal_close(struct journal *journal)
{
    if (journal == NULL)
        return;
    log_close(journal->log);
    journal->log = NULL;
}

static void batch_free(struct journal_batch *batch)
{
    if (batch == NULL)
        return;
    log_batch_reset(&batch->log);
    mem_free(batch->tickets);
    mem_free(batch->waits);
    mem_free(batch);
}

void journal_free(struct journal *journal)
{
    if (journal == NULL)
        return;
    journal_close(journal);
    for (unsigned i = 0; i < journal->shard_count; i++) {
        struct shard_journal *sj = &journal->shards[i];
        batch_free(sj->batch);
        while (sj->spare != NULL) {
            struct journal_batch *batch = sj->spare;
            sj->spare = batch->next;
            batch_free(batch);
        }
        buf_free(&sj->head);
        buf_free(&sj->head_of_state);
        buf_free(&sj->entries);
        buf_free(&sj->done);
    }
    snapshot_free(journal);
    journal_replay_free(journal->replay);
    mem_free(journal->shards);
    mem_free(journal->dir);
    mem_free(journal);
}

void journal_number_seen(struct journal *journal, uint64_t number)
{
    uint64_t next = atomic_load_explicit(&journal->next_number, memory_order_relaxed);
    if (number >= next)
        atomic_store_explicit(&journal->next_number, number + 1, memory_order_relaxed);
}

uint64_t journal_next_number(struct journal *journal)
{
    return atomic_fetch_add_explicit(&journal->next_number, 1, memory_order_relaxed);
}

/* ---- Settling: on the shard's reactor -------------------------------------------------------------------- */

static bool session_has_id(const void *item, const void *key)
{
    return ((const struct session *)item)->subscriber.id == *(const uint64_t *)key;
}

static void send_pubrel(struct session *session, struct inflight_entry *entry)
{
    struct channel *channel = &session->connection->channel;
    mqtt_ack_write(channel_reserve(channel, MQTT_ACK_SHORT_BYTES), MQTT_PUBREL, entry->packet_id);
    channel_commit(channel, MQTT_ACK_SHORT_BYTES);
}

static void go_on(struct session *session, const struct journal_wait *wait)
{
    if (wait->kind == WAIT_PUBCOMP) {
        if (session->connection != NULL && session->arrivals == wait->arrivals)
            connection_write_ack(session->connection, MQTT_PUBCOMP, wait->packet_id, MQTT_SUCCESS);
        return;
    }
    struct inflight_entry *entry = inflight_find(&session->inflight, wait->packet_id);
    bool released = entry != NULL && entry->state == INFLIGHT_RELEASED;
    /* A snapshot waits for what its batch repeats: by then PUBREC may have come, and PUBREL waits for a later batch. */
    if (entry == NULL || !entry->waiting || released != (wait->kind == WAIT_PUBREL))
        return;
    entry->waiting = false;
    if (released && entry->sent)
        send_pubrel(session, entry);
    else
        session_pump(session->shard, session);
}

static void fail(struct session *session, const struct journal_wait *wait)
{
    if (wait->kind != WAIT_PUBCOMP)
        return; /* the snapshot that closes the gap releases it */
    packet_id_set_add(&session->received, wait->packet_id, 0);
    if (session->connection != NULL && session->arrivals == wait->arrivals)
        connection_fail(session->connection, MQTT_QUOTA_EXCEEDED, "the session cannot be written to disk");
}

static void settle_waits(struct shard *shard, struct journal_batch *batch)
{
    for (uint32_t i = 0; i < batch->wait_count; i++) {
        const struct journal_wait *wait = &batch->waits[i];
        struct session *session =
            map_find(&shard->sessions, wait->name_hash, session_has_id, &wait->session_id);
        if (session == NULL)
            continue;
        if (batch->failed)
            fail(session, wait);
        else
            go_on(session, wait);
    }
    batch->wait_count = 0;
}

static void settle_tickets(struct shard *shard, struct journal_batch *batch)
{
    uint8_t reason = batch->failed ? MQTT_QUOTA_EXCEEDED : MQTT_SUCCESS;
    for (uint32_t i = 0; i < batch->ticket_count; i++) {
        struct ack_ticket *ticket = batch->tickets[i];
        if (ticket->home == shard->reactor)
            ticket_done_here(ticket, reason);
        else
            ticket_done(ticket, reason);
    }
    batch->ticket_count = 0;
}

static void batch_release(struct shard_journal *sj, struct journal_batch *batch)
{
    log_batch_reset(&batch->log);
    if (sj->spare_count >= SPARE_BATCHES) {
        batch_free(batch);
        return;
    }
    batch->next = sj->spare;
    sj->spare = batch;
    sj->spare_count++;
}

static void settle(struct reactor *reactor, struct mail *mail)
{
    struct journal_batch *batch = CONTAINER_OF(mail, struct journal_batch, mail);
    struct shard_journal *sj = batch->owner;
    if (reactor ==
        NULL) { /* it has ended, and its sessions with it; what is the shard's may be in use there */
        for (uint32_t i = 0; i < batch->ticket_count; i++)
            ticket_done(batch->tickets[i], MQTT_QUOTA_EXCEEDED);
        batch_free(batch);
        return;
    }
    sj->submitted--;
    if (sj->last == batch)
        sj->last = NULL;
    settle_waits(sj->shard, batch);
    settle_tickets(sj->shard, batch);
    bool snapshot = batch->snapshot;
    batch_release(sj, batch);
    if (snapshot)
        snapshot_batch_settled(sj);
}

static void note_failure(struct journal *journal, const struct error *err)
{
    static _Thread_local struct log_quota quota; /* a full disk fails everything that comes */
    atomic_fetch_add_explicit(&journal->failures, 1, memory_order_relaxed);
    if (log_quota_take(&quota, clock_mono_ms()))
        LOG_ERROR("sessions not written to disk", LOG_ERROR_OF(err));
}

/* On a writer thread of the log. */
static void done(struct log_batch *log_batch, const struct error *err)
{
    struct journal_batch *batch = (struct journal_batch *)log_batch;
    struct shard_journal *sj = batch->owner;
    batch->failed = err != NULL;
    if (batch->failed)
        note_failure(sj->journal, err);
    disk_credit(sj->shard, batch->charged);
    reactor_post(sj->shard->reactor, &batch->mail);
}

/* ---- Filling and submitting ------------------------------------------------------------------------------ */

struct journal_batch *journal_batch_of(struct shard_journal *sj)
{
    struct journal_batch *batch = sj->batch;
    if (batch != NULL)
        return batch;
    batch = sj->spare;
    if (batch != NULL) {
        sj->spare = batch->next;
        sj->spare_count--;
    } else {
        batch = mem_zalloc(sizeof(*batch));
        batch->mail.run = settle;
        batch->log.done = done;
        batch->owner = sj;
    }
    batch->failed = false;
    batch->snapshot = false;
    return sj->batch = batch;
}

uint8_t *journal_add(struct shard_journal *sj, size_t len)
{
    journal_end_done(sj);
    return log_batch_add(&journal_batch_of(sj)->log, reactor_wall_ms(sj->shard->reactor), len);
}

void journal_add_buf(struct shard_journal *sj, const struct buf *record)
{
    memcpy(journal_add(sj, record->len), record->data, record->len);
}

void journal_wait(struct shard_journal *sj, const struct session *session, enum journal_wait_kind kind,
                  uint16_t packet_id)
{
    struct journal_batch *batch = journal_batch_of(sj);
    if (batch->wait_count == batch->wait_cap) {
        batch->wait_cap = batch->wait_cap > 0 ? batch->wait_cap * 2 : 16;
        batch->waits = mem_realloc(batch->waits, batch->wait_cap * sizeof(*batch->waits));
    }
    batch->waits[batch->wait_count++] = (struct journal_wait){
        .session_id = session->subscriber.id,
        .name_hash = session->subscriber.name_hash,
        .arrivals = session->arrivals,
        .packet_id = packet_id,
        .kind = (uint8_t)kind,
    };
}

static void add_ticket(struct journal_batch *batch, struct ack_ticket *ticket)
{
    if (batch->ticket_count == batch->ticket_cap) {
        batch->ticket_cap = batch->ticket_cap > 0 ? batch->ticket_cap * 2 : 16;
        batch->tickets = mem_realloc(batch->tickets, batch->ticket_cap * sizeof(struct ack_ticket *));
    }
    batch->tickets[batch->ticket_count++] = ticket;
}

void journal_ticket(struct shard_journal *sj, struct ack_ticket *ticket)
{
    add_ticket(journal_batch_of(sj), ticket);
}

void journal_barrier(struct shard *shard, struct ack_ticket *ticket)
{
    struct shard_journal *sj = shard->journal;
    if (sj != NULL && journal_has_gap(sj->journal)) {
        ticket_done(ticket, MQTT_QUOTA_EXCEEDED);
        return;
    }
    if (sj != NULL)
        journal_end_done(sj);
    if (sj != NULL && sj->batch != NULL)
        add_ticket(sj->batch, ticket);
    else if (sj != NULL && sj->last != NULL)
        add_ticket(sj->last, ticket); /* tickets are read at home, later */
    else
        ticket_done(ticket, MQTT_SUCCESS);
}

/* Not at once: whoever submits may be in the middle of a delivery. */
static void fail_later(struct shard_journal *sj, struct journal_batch *batch, const struct error *err)
{
    batch->failed = true;
    note_failure(sj->journal, err);
    reactor_post(sj->shard->reactor, &batch->mail);
}

static void retry(struct reactor *reactor, struct timer *timer)
{
    (void)reactor;
    (void)timer; /* the turn that it begins submits at its end */
}

/* Release: who sees it sees the batch in the log, or the gap. */
static void has_left(struct shard_journal *sj)
{
    atomic_fetch_add_explicit(&sj->batches_left, 1, memory_order_release);
}

void journal_submit(struct shard_journal *sj)
{
    journal_end_done(sj);
    struct journal_batch *batch = sj->batch;
    if (batch == NULL)
        return;
    assert(batch->log.count > 0); /* whatever waits comes with a record */
    struct error err;
    batch->charged = log_batch_bytes(&batch->log);
    size_t bytes = batch->charged;
    disk_charge(sj->shard, bytes);
    sj->submitted++;
    sj->batch = NULL;
    sj->last = batch;
    if (log_append(sj->journal->log, &batch->log, &err)) {
        has_left(sj);
        return;
    }
    disk_credit(sj->shard, bytes);
    if (err.code == ERR_BUSY && bytes < RETRY_BYTES) {
        sj->submitted--;
        sj->batch = batch;
        sj->last = NULL; /* a barrier finds the batch itself */
        timer_set(sj->shard->reactor, &sj->retry, reactor_now_ms(sj->shard->reactor) + RETRY_MS);
        return;
    }
    fail_later(sj, batch, &err);
    has_left(sj);
}

bool journal_is_behind(const struct shard *shard)
{
    return shard->journal != NULL && shard->journal->batch != NULL;
}

void journal_submit_if_large(struct shard_journal *sj)
{
    if (sj->batch != NULL && log_batch_bytes(&sj->batch->log) >= BATCH_BYTES)
        journal_submit(sj);
}

/* ---- A shard's part -------------------------------------------------------------------------------------- */

void journal_shard_start(struct shard *shard)
{
    struct journal *journal = shard->broker->journal;
    if (journal == NULL)
        return;
    struct shard_journal *sj = &journal->shards[shard->index];
    sj->journal = journal;
    sj->shard = shard;
    sj->era = journal->era;
    sj->retry.fire = retry;
    sj->slice.fire = snapshot_slice;
    if (sj->next_message == 0)
        sj->next_message = 1;
    shard->journal = sj;
}

void journal_turn_end(struct shard *shard)
{
    struct shard_journal *sj = shard->journal;
    if (sj != NULL && (sj->batch != NULL || sj->done.len > 0))
        journal_submit(sj);
}

/* The log's queue stays full while the broker stops: nothing of the batch has been acknowledged. */
static void give_up(struct shard_journal *sj)
{
    struct journal_batch *batch = sj->batch;
    struct error err;
    error_set(&err, ERR_BUSY, "the log's queue is full, and the broker stops");
    sj->submitted++;
    sj->batch = NULL;
    fail_later(sj, batch, &err);
}

void journal_shard_stop(struct shard *shard)
{
    struct shard_journal *sj = shard->journal;
    if (sj == NULL)
        return;
    timer_clear(shard->reactor, &sj->slice);
    journal_turn_end(shard);
    for (int ms = 0; sj->batch != NULL && ms < STOP_WAIT_MS; ms++) { /* the log's queue is full */
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        journal_submit(sj);
    }
    timer_clear(shard->reactor, &sj->retry);
    if (sj->batch != NULL)
        give_up(sj);
}
