/* What shards write into the journal: see journal.h for what waits for it, journal_format.h for the records. */
#include "broker/journal_internal.h"

#include "base/mem.h"

/* ---- Identity of messages -------------------------------------------------------------------------------- */

static uint64_t new_id(struct shard_journal *sj)
{
    return sj->next_message++ * REACTORS_MAX + sj->shard->index;
}

/* A message may have come to several shards without an id (retained ones, from the catalog): one of them gives it. */
uint64_t journal_message_id(struct shard_journal *sj, struct message *message)
{
    uint64_t id = atomic_load_explicit(&message->journal_id, memory_order_relaxed);
    if (id != 0)
        return id;
    uint64_t fresh = new_id(sj);
    return atomic_compare_exchange_strong_explicit(&message->journal_id, &id, fresh, memory_order_relaxed,
                                                   memory_order_relaxed)
               ? fresh
               : id;
}

void journal_identify(struct shard *shard, struct publication *publication)
{
    struct shard_journal *sj = shard->journal;
    if (sj == NULL || publication->qos == 0 || publication->journal_id != 0)
        return;
    publication->journal_id =
        publication->message != NULL ? journal_message_id(sj, publication->message) : new_id(sj);
}

/* ---- Messages and who waits for them --------------------------------------------------------------------- */

static void add_message(struct shard_journal *sj, const struct journal_message *message, struct str entries)
{
    buf_reset(&sj->head);
    journal_put_message(&sj->head, message);
    uint8_t *at = journal_add(sj, sj->head.len + message->payload.len + entries.len);
    memcpy(at, sj->head.data, sj->head.len);
    at += sj->head.len;
    if (message->payload.len > 0)
        memcpy(at, message->payload.data, message->payload.len);
    at += message->payload.len;
    if (entries.len > 0)
        memcpy(at, entries.data, entries.len);
}

static struct journal_message parts_of(const struct publication *publication)
{
    return (struct journal_message){
        .id = publication->journal_id,
        .topic = publication->topic,
        .props = publication->props,
        .payload = publication->payload,
        .expires_ms = publication->expires_ms,
        .expiry_at = publication->expiry_at,
        .qos = publication->qos,
        .retain = publication->retain,
    };
}

/* A place is the batch that has the content: era · BATCH_BITS of the batch's number in its shard · shard. */
#define SHARD_BITS 6
#define BATCH_BITS 26
#define BATCH_MASK ((UINT32_C(1) << BATCH_BITS) - 1)
_Static_assert(REACTORS_MAX <= 1 << SHARD_BITS, "a shard's index fits");

static uint64_t place_here(const struct shard_journal *sj)
{
    uint32_t batch = (atomic_load_explicit(&sj->batches_left, memory_order_relaxed) + 1) & BATCH_MASK;
    return (uint64_t)sj->era << 32 | batch << SHARD_BITS | sj->shard->index;
}

/* Whether the batch is in the log, or will be before anything that this shard writes. Numbers wrap: one that is half of
 * them old counts as still to come, and the content is written once more. */
static bool stands_before(const struct shard_journal *sj, uint64_t place)
{
    unsigned shard = place & ((1U << SHARD_BITS) - 1);
    uint32_t batch = (uint32_t)place >> SHARD_BITS;
    if (shard == sj->shard->index)
        return true;
    uint32_t left = atomic_load_explicit(&sj->journal->shards[shard].batches_left, memory_order_acquire);
    return ((left - batch) & BATCH_MASK) <= BATCH_MASK / 2;
}

/* What compaction takes away is older than this era. And another shard's batch may still be filling: a retained message
 * is there for all shards before the turn that publishes it is over. */
bool journal_may_refer(const struct shard_journal *sj, uint64_t place)
{
    return place >> 32 >= sj->era && stands_before(sj, place);
}

/* The gap is looked at last: a batch that the log refused has left its shard, too. */
static bool has_content(const struct shard_journal *sj, uint64_t place)
{
    return journal_may_refer(sj, place) && !journal_has_gap(sj->journal);
}

static void in_journal(struct shard_journal *sj, struct publication *publication)
{
    publication->journal_place = place_here(sj);
    if (publication->message != NULL)
        atomic_store_explicit(&publication->message->journal_place, publication->journal_place,
                              memory_order_relaxed);
}

void journal_put_content(struct shard_journal *sj, struct message *message)
{
    uint64_t id = journal_message_id(sj, message);
    if (has_content(sj, atomic_load_explicit(&message->journal_place, memory_order_relaxed)))
        return;
    struct publication publication;
    publication_of_message(message, &publication);
    publication.journal_id = id;
    struct journal_message parts = parts_of(&publication);
    add_message(sj, &parts, STR(""));
    in_journal(sj, &publication);
}

void journal_begin(struct shard *shard, struct publication *publication)
{
    struct shard_journal *sj = shard->journal;
    assert(!sj->gathering && publication->journal_id != 0);
    journal_submit_if_large(sj);
    buf_reset(&sj->entries);
    sj->last_number = 0;
    sj->gathering = true;
}

static bool is_received(const struct publication *publication)
{
    return publication->received_id != 0;
}

static void add_received(struct shard_journal *sj, const struct publication *publication)
{
    buf_reset(&sj->head);
    buf_append_byte(&sj->head, JOURNAL_RECEIVED);
    journal_put_number(&sj->head, publication->publisher->subscriber.number);
    journal_put_number(&sj->head, publication->received_id);
    journal_put_number(&sj->head, publication->exchange);
    journal_add_buf(sj, &sj->head);
}

void journal_published(struct shard *shard, struct publication *publication, bool more, uint32_t expected)
{
    struct shard_journal *sj = shard->journal;
    sj->gathering = false;
    if (sj->entries.len == 0 && !more) {
        if (!is_received(publication))
            return;
        add_received(sj, publication);
    } else {
        struct journal_message parts = parts_of(publication);
        if (is_received(publication)) {
            parts.packet_id = publication->received_id;
            parts.exchange = publication->exchange;
            parts.number = publication->publisher->subscriber.number;
            parts.expected = expected;
        }
        add_message(sj, &parts, buf_str(&sj->entries));
        in_journal(sj, publication);
    }
    publication->charged = true;
    struct ack_ticket *ticket = publication_hold(publication);
    if (ticket != NULL)
        journal_ticket(sj, ticket);
}

static void add_enqueue(struct shard_journal *sj, uint64_t id, bool answer)
{
    buf_reset(&sj->head);
    buf_append_byte(&sj->head, JOURNAL_ENQUEUE);
    journal_put_number(&sj->head, id);
    buf_append_byte(&sj->head, answer ? JOURNAL_ENQUEUE_ANSWER : 0);
    uint8_t *at = journal_add(sj, sj->head.len + sj->entries.len);
    memcpy(at, sj->head.data, sj->head.len);
    memcpy(at + sj->head.len, sj->entries.data, sj->entries.len);
}

void journal_handed(struct shard *shard, struct publication *publication)
{
    struct shard_journal *sj = shard->journal;
    struct ack_ticket *ticket = publication->ticket;
    publication->ticket = NULL;
    sj->gathering = false;
    if (sj->entries.len > 0 || publication->answered) {
        if (sj->entries.len > 0 && !has_content(sj, publication->journal_place)) {
            struct journal_message parts = parts_of(publication);
            add_message(sj, &parts, STR(""));
            in_journal(sj, publication);
        }
        buf_reserve(&sj->entries, 1); /* never NULL */
        add_enqueue(sj, publication->journal_id, publication->answered);
        if (ticket != NULL)
            journal_ticket(sj, ticket);
    } else if (ticket != NULL) {
        ticket_done(ticket, MQTT_SUCCESS);
    }
}

void journal_enqueue(struct session *session, const struct outgoing *outgoing, uint16_t packet_id,
                     bool picked)
{
    struct shard_journal *sj = session->shard->journal;
    struct message *message = outgoing->message;
    const struct journal_entry entry = {
        .key = session->subscriber.number,
        .ids = outgoing->ids,
        .packet_id = packet_id,
        .qos = outgoing->qos,
        .retain = outgoing->retain,
        .picked = picked,
    };
    if (!sj->gathering) {
        journal_put_content(sj, message);
        buf_reset(&sj->entries);
        sj->last_number = 0;
    }
    journal_put_entry(&sj->entries, &sj->last_number, message->qos, &entry);
    if (!sj->gathering)
        add_enqueue(sj, journal_message_id(sj, message), false);
    if (packet_id != 0)
        journal_wait(sj, session, WAIT_PUBLISH, packet_id);
}

/* ---- The rest of a message's way ------------------------------------------------------------------------- */

static void add_event(struct shard_journal *sj, enum journal_kind kind, const struct session *session,
                      uint64_t id, uint16_t packet_id)
{
    buf_reset(&sj->head);
    buf_append_byte(&sj->head, (uint8_t)kind);
    journal_put_number(&sj->head, session->subscriber.number);
    if (kind == JOURNAL_SENT)
        journal_put_number(&sj->head, id);
    journal_put_number(&sj->head, packet_id);
    journal_add_buf(sj, &sj->head);
}

void journal_sent(struct session *session, struct inflight_entry *entry, bool by_feed)
{
    struct shard_journal *sj = session->shard->journal;
    uint64_t id = by_feed ? 0 : journal_message_id(sj, entry->message);
    entry->journaled = true;
    add_event(sj, JOURNAL_SENT, session, id, entry->packet_id);
    journal_wait(sj, session, WAIT_PUBLISH, entry->packet_id);
}

void journal_released(struct session *session, const struct inflight_entry *entry)
{
    struct shard_journal *sj = session->shard->journal;
    add_event(sj, JOURNAL_RELEASED, session, 0, entry->packet_id);
    journal_wait(sj, session, WAIT_PUBREL, entry->packet_id);
}

void journal_end_done(struct shard_journal *sj)
{
    if (sj->done.len == 0)
        return;
    uint8_t *at =
        log_batch_add(&journal_batch_of(sj)->log, reactor_wall_ms(sj->shard->reactor), 1 + sj->done.len);
    *at = JOURNAL_DONE;
    memcpy(at + 1, sj->done.data, sj->done.len);
    buf_reset(&sj->done);
    sj->done_number = 0;
    sj->done_id = 0;
}

/* One behind the other are one record: any other ends it, so that the order stays. */
static void add_done(struct session *session, struct message *message)
{
    struct shard_journal *sj = session->shard->journal;
    journal_put_difference(&sj->done, &sj->done_number, session->subscriber.number);
    journal_put_difference(&sj->done, &sj->done_id, journal_message_id(sj, message));
}

void journal_entry_done(struct session *session, const struct inflight_entry *entry)
{
    if (!entry->journaled || !session_is_durable(session))
        return;
    if (entry->qos == 2)
        add_event(session->shard->journal, JOURNAL_FINISHED, session, 0, entry->packet_id);
    else
        add_done(session, entry->message);
}

void journal_outgoing_done(struct session *session, const struct outgoing *outgoing)
{
    if (outgoing->journaled && session_is_durable(session))
        add_done(session, outgoing->message);
}

bool journal_completed(struct session *session, uint16_t packet_id)
{
    if (!session_is_durable(session))
        return false;
    struct shard_journal *sj = session->shard->journal;
    add_event(sj, JOURNAL_COMPLETED, session, 0, packet_id);
    journal_wait(sj, session, WAIT_PUBCOMP, packet_id);
    return true;
}

bool journal_is_failing(const struct session *session)
{
    return session_is_durable(session) && journal_has_gap(session->shard->journal->journal);
}

void journal_not_received(struct session *session, uint16_t packet_id)
{
    if (session_is_durable(session))
        add_event(session->shard->journal, JOURNAL_COMPLETED, session, 0, packet_id);
}
