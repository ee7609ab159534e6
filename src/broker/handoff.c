/* Messages for other reactors, in blocks.
 *
 * While a reactor works, it writes what others need into one block for each of them: a record with the message's
 * bytes (or a reference, if it is large), or with the member picked for a shared subscription. At the end of the
 * turn the blocks are mailed: one wake-up and no allocation a message, however many there are. The receiver
 * makes a publication that views the block and delivers it as if it had come here.
 *
 * Back-pressure: a shard counts what others have not worked off. Above HANDED_HIGH its publishers are not read until
 * it is below HANDED_LOW; so memory is bounded and the sender slows down, not the receiver. Blocks that durable sessions are
 * to get wait here, in their order, while the journal's queue is full, and count as handed over. What waits for the disk is
 * counted likewise, and holds back who makes more of it: so the catalog's queue is not filled, and nobody refused,
 * because one client writes faster than the disk. */
#include "broker/broker_internal.h"

#include "base/mem.h"
#include "broker/burst.h"

#define BLOCK_BYTES       ((size_t)64 << 10)
#define CHARGED_BYTES     ((size_t)256 << 10) /* a block that refers to so much is mailed at once */
#define INLINE_BYTES      1024
#define HANDED_HIGH       ((size_t)4 << 20)
#define HANDED_LOW        ((size_t)1 << 20)
#define BLOCKS_KEPT       64
#define RECORD_ALIGN(len) (((len) + 7) & ~(size_t)7)

struct handoff {
    struct mail mail;
    struct handoff *next; /* free list; shard.held_blocks */
    struct shard *from;
    unsigned to;
    bool durable; /* something in it is for durable sessions */
    size_t used;
    size_t charged; /* bytes on from->handed_bytes: with those of referenced messages */
    _Alignas(8) uint8_t data[BLOCK_BYTES];
};

enum record_kind { RECORD_MESSAGE, RECORD_PICK, RECORD_BARRIER };

struct record {
    uint32_t bytes; /* of the whole record */
    uint32_t props_len;
    uint32_t payload_len;
    uint32_t expiry_at;
    uint16_t topic_len;
    uint8_t qos;
    bool retain;
    uint8_t kind;
    bool durable;           /* struct record_durable follows */
    struct share_pick pick; /* RECORD_PICK */
    int64_t expires_ms;
    uint64_t publisher_id;
    uint64_t publisher_hash;
    struct message *message; /* a reference; NULL: topic, properties and payload follow */
};

/* What the journal needs of a message that durable sessions get. */
struct record_durable {
    struct ack_ticket *ticket; /* with a count; NULL: nobody waits */
    const struct journal_redo *redo;
    uint64_t journal_id;
    uint64_t journal_place;
    bool answered;
};
_Static_assert(sizeof(struct record) % 8 == 0, "another structure follows");

static struct record_durable *durable_of(struct record *record)
{
    return record->durable ? (struct record_durable *)(void *)(record + 1) : NULL;
}

static uint8_t *content_of(struct record *record)
{
    return (uint8_t *)(record + 1) + (record->durable ? sizeof(struct record_durable) : 0);
}

static struct handoff *block_new(struct shard *from, unsigned to)
{
    struct broker *broker = from->broker;
    pthread_mutex_lock(&broker->handoff_lock);
    struct handoff *block = broker->handoff_free;
    if (block != NULL) {
        broker->handoff_free = block->next;
        broker->handoff_free_count--;
    }
    pthread_mutex_unlock(&broker->handoff_lock);
    if (block == NULL)
        block = mem_alloc(sizeof(*block));
    block->from = from;
    block->to = to;
    block->durable = false;
    block->used = 0;
    block->charged = 0;
    return block;
}

static void block_free(struct broker *broker, struct handoff *block)
{
    pthread_mutex_lock(&broker->handoff_lock);
    bool keep = broker->handoff_free_count < BLOCKS_KEPT;
    if (keep) {
        block->next = broker->handoff_free;
        broker->handoff_free = block;
        broker->handoff_free_count++;
    }
    pthread_mutex_unlock(&broker->handoff_lock);
    if (!keep)
        mem_free(block);
}

void handoff_free_all(struct broker *broker)
{
    while (broker->handoff_free != NULL) {
        struct handoff *block = broker->handoff_free;
        broker->handoff_free = block->next;
        mem_free(block);
    }
}

/* ---- The receiver ---------------------------------------------------------------------------------------- */

static void view_record(struct record *record, struct publication *out)
{
    if (record->message != NULL) {
        publication_of_message(record->message, out);
    } else {
        memset(out, 0, sizeof(*out));
        const uint8_t *at = content_of(record);
        out->topic = str_make(at, record->topic_len);
        out->props = str_make(at + record->topic_len, record->props_len);
        out->payload = str_make(at + record->topic_len + record->props_len, record->payload_len);
        out->qos = record->qos;
        out->retain = record->retain;
        out->expiry_at = record->expiry_at;
        out->expires_ms = record->expires_ms;
        out->publisher_id = record->publisher_id;
    }
    out->publisher_hash = record->publisher_hash;
    const struct record_durable *durable = durable_of(record);
    if (durable == NULL)
        return;
    out->durable = true;
    out->ticket = durable->ticket;
    out->redo = durable->redo;
    out->journal_id = durable->journal_id;
    out->journal_place = durable->journal_place;
    out->answered = durable->answered;
}

static bool session_has_id(const void *item, const void *key)
{
    return ((const struct session *)item)->subscriber.id == *(const uint64_t *)key;
}

/* The member that was picked or, since it has gone, another one of its group. False: there is nobody any more. */
static bool find_member(struct shard *shard, const struct record *record,
                        const struct publication *publication, struct share_pick *pick)
{
    *pick = record->pick;
    struct session *session =
        map_find(&shard->sessions, pick->name_hash, session_has_id, &pick->subscriber_id);
    if (session == NULL)
        return route_share_repick(shard->routes, &record->pick, publication->publisher_hash, pick);
    pick->subscriber = &session->subscriber;
    return true;
}

static void deliver_pick(struct shard *shard, const struct record *record, struct publication *publication)
{
    struct share_pick pick;
    bool found = find_member(shard, record, publication, &pick);
    bool here = found && pick.reactor == shard->index;
    publication->shard = shard;
    if (found && !here)
        handoff_pick(shard, &pick, publication, publication->durable && pick.durable);
    if (publication->durable)
        journal_begin(shard, publication);
    if (here)
        publish_pick(&pick, publication);
    if (publication->durable)
        journal_handed(shard, publication);
    if (!found)
        COUNT(shard, messages_dropped, 1);
}

static void deliver_record(struct shard *shard, struct record *record)
{
    struct publication publication;
    if (record->kind == RECORD_BARRIER) {
        journal_barrier(shard, durable_of(record)->ticket);
        return;
    }
    view_record(record, &publication);
    if (record->kind == RECORD_PICK) {
        burst_flush(shard);
        deliver_pick(shard, record, &publication);
    } else {
        publish_local(shard, &publication);
    }
    /* Either the record's own reference, or one that the delivery made. */
    publication_end(&publication);
}

static void drop_record(struct record *record)
{
    const struct record_durable *durable = durable_of(record);
    if (durable != NULL && durable->ticket != NULL)
        ticket_done(durable->ticket, MQTT_QUOTA_EXCEEDED);
    if (record->message != NULL)
        message_unref(record->message);
}

/* Mails `resume` if it is wanted. There is one mail: while it is on its way it is not posted again. */
static void post_resume(struct shard *shard)
{
    int wanted = RESUME_WANTED;
    if (atomic_load(&shard->resume_state) == RESUME_WANTED &&
        atomic_compare_exchange_strong(&shard->resume_state, &wanted, RESUME_MAILED))
        reactor_post(shard->reactor, &shard->resume);
}

static bool worked_off(const struct shard *shard)
{
    return atomic_load(&shard->handed_bytes) < HANDED_LOW && atomic_load(&shard->disk_bytes) < HANDED_LOW;
}

static void credit(struct shard *from, size_t bytes)
{
    /* Sequentially consistent against handoff_stall(): one of the two sees what the other wrote. */
    atomic_fetch_sub(&from->handed_bytes, bytes);
    if (worked_off(from))
        post_resume(from);
}

void disk_credit(struct shard *shard, size_t bytes)
{
    atomic_fetch_sub(&shard->disk_bytes, bytes);
    if (worked_off(shard))
        post_resume(shard);
}

static void receive(struct reactor *reactor, struct mail *mail)
{
    struct handoff *block = CONTAINER_OF(mail, struct handoff, mail);
    struct shard *from = block->from;
    for (size_t at = 0; at < block->used;) {
        struct record *record = (struct record *)(void *)(block->data + at);
        if (reactor != NULL)
            deliver_record(reactor_user(reactor), record);
        else
            drop_record(record);
        at += record->bytes;
    }
    size_t charged = block->charged;
    if (reactor != NULL) {
        burst_flush(reactor_user(reactor)); /* it views the block */
        /* Subscribers' acknowledgements are heard between two blocks, or windows close and queues fill. */
        reactor_spend(reactor, charged);
    }
    block_free(from->broker, block);
    if (reactor != NULL)
        credit(from, charged);
}

/* ---- The sender ------------------------------------------------------------------------------------------ */

static void mail_block(struct shard *shard, struct handoff *block)
{
    block->mail.run = receive;
    reactor_post(shard->broker->shards[block->to].reactor, &block->mail);
}

/* Whether the block has to wait for the journal, or behind another one for the same reactor. */
static bool must_wait(const struct shard *shard, const struct handoff *block)
{
    if (block->durable && journal_is_behind(shard))
        return true;
    for (const struct handoff *held = shard->held_first; held != NULL; held = held->next) {
        if (held->to == block->to)
            return true;
    }
    return false;
}

static void post_block(struct shard *shard, unsigned to)
{
    struct handoff *block = shard->outbox[to];
    shard->outbox[to] = NULL;
    journal_turn_end(shard); /* what the receiver adds stands behind it in the log */
    atomic_fetch_add_explicit(&shard->handed_bytes, block->charged, memory_order_relaxed);
    if (!must_wait(shard, block)) {
        mail_block(shard, block);
        return;
    }
    block->next = NULL;
    if (shard->held_first == NULL)
        shard->held_first = block;
    else
        shard->held_last->next = block;
    shard->held_last = block;
}

/* The journal has gone on. */
static void mail_held(struct shard *shard)
{
    while (shard->held_first != NULL && !journal_is_behind(shard)) {
        struct handoff *block = shard->held_first;
        shard->held_first = block->next;
        mail_block(shard, block);
    }
}

static struct record *room_for(struct shard *shard, unsigned to, size_t bytes)
{
    struct handoff *block = shard->outbox[to];
    if (block != NULL && (block->used + bytes > BLOCK_BYTES || block->charged > CHARGED_BYTES)) {
        post_block(shard, to);
        block = NULL;
    }
    if (block == NULL)
        shard->outbox[to] = block = block_new(shard, to);
    struct record *record = (struct record *)(void *)(block->data + block->used);
    block->used += bytes;
    return record;
}

/* Who publishes it holds the ticket; who had it handed over passes the count on. */
static void fill_durable(struct record_durable *durable, struct publication *publication)
{
    *durable = (struct record_durable){
        .ticket = publication->durable ? publication->ticket : publication_hold(publication),
        .redo = publication->redo,
        .journal_id = publication->journal_id,
        .journal_place = publication->journal_place,
        .answered = publication->durable ? publication->answered : publication->received_id != 0,
    };
    if (publication->durable)
        publication->ticket = NULL;
    publication->durable = false;
}

static bool has_origin(const struct publication *publication)
{
    return publication->message != NULL &&
           atomic_load_explicit(&publication->message->origin, memory_order_relaxed) != NULL;
}

static struct record *record_new(struct shard *shard, unsigned to, struct publication *publication,
                                 bool durable)
{
    size_t content = publication->topic.len + publication->props.len + publication->payload.len;
    bool by_reference = content > INLINE_BYTES || has_origin(publication);
    size_t bytes = RECORD_ALIGN(sizeof(struct record) + (durable ? sizeof(struct record_durable) : 0) +
                                (by_reference ? 0 : content));
    struct record *record = room_for(shard, to, bytes);
    shard->outbox[to]->charged += sizeof(*record) + content;
    shard->outbox[to]->durable |= durable;
    *record = (struct record){
        .bytes = (uint32_t)bytes,
        .durable = durable,
        .props_len = (uint32_t)publication->props.len,
        .payload_len = (uint32_t)publication->payload.len,
        .expiry_at = publication->expiry_at,
        .topic_len = (uint16_t)publication->topic.len,
        .qos = publication->qos,
        .retain = publication->retain,
        .expires_ms = publication->expires_ms,
        .publisher_id = publication->publisher_id,
        .publisher_hash = publication->publisher_hash,
    };
    if (durable)
        fill_durable(durable_of(record), publication);
    if (by_reference) {
        record->message = message_ref(publication_message(publication));
        return record;
    }
    uint8_t *at = content_of(record);
    memcpy(at, publication->topic.data, publication->topic.len);
    at += publication->topic.len;
    if (publication->props.len > 0)
        memcpy(at, publication->props.data, publication->props.len);
    at += publication->props.len;
    if (publication->payload.len > 0)
        memcpy(at, publication->payload.data, publication->payload.len);
    return record;
}

void handoff_message(struct shard *shard, unsigned to, struct publication *publication, bool durable)
{
    record_new(shard, to, publication, durable);
}

void handoff_pick(struct shard *shard, const struct share_pick *pick, struct publication *publication,
                  bool durable)
{
    struct record *record = record_new(shard, pick->reactor, publication, durable);
    record->kind = RECORD_PICK;
    record->pick = *pick;
}

void handoff_barrier(struct shard *shard, struct ack_ticket *ticket)
{
    size_t bytes = RECORD_ALIGN(sizeof(struct record) + sizeof(struct record_durable));
    for (unsigned i = 0; i < shard->broker->shard_count; i++) {
        if (i == shard->index)
            continue;
        struct record *record = room_for(shard, i, bytes);
        *record = (struct record){.bytes = (uint32_t)bytes, .kind = RECORD_BARRIER, .durable = true};
        shard->outbox[i]->durable = true;
        ticket_hold(ticket);
        *durable_of(record) = (struct record_durable){.ticket = ticket};
    }
}

void handoff_flush(struct shard *shard)
{
    mail_held(shard);
    for (unsigned i = 0; i < shard->broker->shard_count; i++) {
        if (shard->outbox[i] != NULL)
            post_block(shard, i);
    }
}

/* ---- Back-pressure --------------------------------------------------------------------------------------- */

bool handoff_congested(const struct shard *shard)
{
    return atomic_load_explicit(&shard->handed_bytes, memory_order_relaxed) > HANDED_HIGH;
}

void disk_charge(struct shard *shard, size_t bytes)
{
    atomic_fetch_add_explicit(&shard->disk_bytes, bytes, memory_order_relaxed);
}

bool disk_congested(const struct shard *shard)
{
    return atomic_load_explicit(&shard->disk_bytes, memory_order_relaxed) > HANDED_HIGH;
}

void handoff_stall(struct shard *shard, struct connection *connection)
{
    if (connection->stalled || channel_is_closing(&connection->channel))
        return;
    connection->stalled = true;
    channel_pause(&connection->channel);
    list_append(&shard->stalled, &connection_extras(connection)->stall);
    int idle = RESUME_IDLE;
    atomic_compare_exchange_strong(&shard->resume_state, &idle, RESUME_WANTED);
    /* What was worked off before the state was set found nobody waiting: look again. */
    if (worked_off(shard))
        post_resume(shard);
}

void handoff_resume_stalled(struct reactor *reactor, struct mail *mail)
{
    if (reactor == NULL)
        return;
    struct shard *shard = CONTAINER_OF(mail, struct shard, resume);
    atomic_store(&shard->resume_state, RESUME_IDLE); /* who stalls from here on wants another one */
    LIST_EACH_SAFE(it, &shard->stalled)
    {
        struct connection *connection = CONTAINER_OF(it, struct connection_extras, stall)->connection;
        list_remove(it);
        connection->stalled = false;
        connection_resume(connection);
    }
}
