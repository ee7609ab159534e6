/* Capture: a message that is published and matches a station's topics goes to its log, and its acknowledgement waits
 * for that. The station is a subscriber of any reactor:
 *
 *   deliver()            on the publisher's reactor: the message is written into the batch of (station, reactor), the
 *                        acknowledgement's ticket is held
 *   end of the turn      the batch is submitted
 *   done()               on a log writer, when it is on disk: mails the batch home
 *   come_home()          on the reactor: all tickets of the batch are done; the batch is used again
 *
 * A message with the user property `msg-id` claims its id first (ids.h): a duplicate of a stored one is acknowledged
 * without being stored, one of a message that is on its way waits for the same end. Messages without it take no lock.
 *
 * A message at QoS 2 from a session that outlives its connection is stored with the name of its exchange. The session knows what
 * it has received, so the name is looked up only when the client sends a message again after a crash (exchanges.h).
 *
 * After a start the ids and exchanges of the last window are read in the background (recall.c). Until they are, a message with
 * an id, or one that is sent again at QoS 2, is parked, and so is what comes behind it for the same station on this reactor: the
 * order stays, and the acknowledgements wait. The publishers' bytes are charged, as for a batch that waits.
 *
 * What can fail: the log's queue is full, or the second tier's disk budget (the batch waits and is tried again, in order; the publisher's bytes are charged,
 * so that it is not read for long); the disk is full or failing, or the message is larger than the station takes: then
 * the publisher is refused, by 0x97 in MQTT 5, without an acknowledgement before. QoS 0 is accepted when it comes. */
#include "station/station_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>

#define BATCH_BYTES  ((size_t)1 << 20) /* a batch is submitted within the turn above */
#define SPARE_MAX    64
#define TRY_AGAIN_MS 5

struct capture_batch {
    struct log_batch batch; /* first */
    struct mail mail;
    struct capture_batch *next;
    struct station *station; /* a reference */
    struct post *post;
    struct ack_ticket **tickets;
    uint32_t ticket_count;
    uint32_t ticket_cap;
    struct id_entry *ids;
    int64_t time_ms;
    uint32_t message_count;
    size_t bytes;   /* of its records; charged to the reactor */
    uint8_t reason; /* once it is done */
};

/* A message that waits for the ids: as it will be stored. */
struct parked {
    struct parked *next;
    struct ack_ticket *ticket; /* or NULL */
    size_t len;
    bool repeated; /* message.exchange.repeated, which the record does not have */
    uint8_t record[];
};

struct capture {
    struct turn_task task; /* first */
    struct station *station;
    struct post *post;
    struct capture_batch *open;  /* is being filled */
    struct capture_batch *first; /* not taken by the log's queue, in order */
    struct capture_batch *last;
    struct parked *parked; /* in order; while there are such, a reference to the station is held */
    struct parked *last_parked;
    struct list waiting; /* post.waiting, while there are such batches or messages */
};

/* ---- Batches --------------------------------------------------------------------------------------------- */

static void done(struct log_batch *batch, const struct error *err);
static void come_home(struct reactor *reactor, struct mail *mail);

static struct capture_batch *batch_take(struct capture *capture)
{
    struct post *post = capture->post;
    struct capture_batch *batch = post->spare;
    if (batch != NULL) {
        post->spare = batch->next;
        post->spare_count--;
    } else {
        batch = mem_zalloc(sizeof(*batch));
        batch->batch.done = done;
        batch->mail.run = come_home;
    }
    batch->next = NULL;
    batch->station = station_ref(capture->station);
    batch->post = post;
    batch->reason = MQTT_SUCCESS;
    batch->message_count = 0;
    batch->bytes = 0;
    return batch;
}

static void batch_free(struct capture_batch *batch)
{
    log_batch_reset(&batch->batch);
    mem_free(batch->tickets);
    mem_free(batch);
}

/* Thread: the post's. */
static void batch_give_back(struct capture_batch *batch)
{
    struct post *post = batch->post;
    if (post->spare_count == SPARE_MAX) {
        batch_free(batch);
        return;
    }
    log_batch_reset(&batch->batch);
    batch->next = post->spare;
    post->spare = batch;
    post->spare_count++;
}

void capture_free_spare(struct post *post)
{
    while (post->spare != NULL) {
        struct capture_batch *batch = post->spare;
        post->spare = batch->next;
        batch_free(batch);
    }
    post->spare_count = 0;
}

static void add_ticket(struct capture_batch *batch, struct ack_ticket *ticket)
{
    if (batch->ticket_count == batch->ticket_cap) {
        batch->ticket_cap = batch->ticket_cap > 0 ? 2 * batch->ticket_cap : 16;
        batch->tickets = mem_realloc(batch->tickets, batch->ticket_cap * sizeof(*batch->tickets));
    }
    batch->tickets[batch->ticket_count++] = ticket;
}

static void count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

/* The batch has ended, well or not. `here`: the call is a mail of its reactor's own. */
static void finish(struct capture_batch *batch, bool here)
{
    struct station *station = batch->station;
    bool stored = batch->reason == MQTT_SUCCESS;
    count(stored ? &station->messages_in : &station->refused, batch->message_count);
    if (stored)
        count(&station->bytes_in, batch->bytes);
    ids_settle(&station->ids, batch->ids, stored, batch->batch.first_offset, batch->time_ms);
    batch->ids = NULL;
    for (uint32_t i = 0; i < batch->ticket_count; i++) {
        if (here)
            ticket_done_here(batch->tickets[i], batch->reason);
        else
            ticket_done(batch->tickets[i], batch->reason);
    }
    batch->ticket_count = 0;
    if (stored)
        keeper_touch(station);
    batch->station = NULL;
    station_unref(station);
}

static void credit(struct capture_batch *batch)
{
    service_credit(batch->post->all->broker, batch->post->index, batch->bytes);
}

/* On a log writer. */
static void done(struct log_batch *batch, const struct error *err)
{
    struct capture_batch *mine = (struct capture_batch *)batch;
    mine->reason = err == NULL ? MQTT_SUCCESS : capture_reason(err);
    reactor_post(mine->post->reactor, &mine->mail);
}

static void come_home(struct reactor *reactor, struct mail *mail)
{
    struct capture_batch *batch = CONTAINER_OF(mail, struct capture_batch, mail);
    finish(batch, reactor != NULL);
    if (reactor == NULL) { /* it has stopped */
        batch_free(batch);
        return;
    }
    credit(batch);
    batch_give_back(batch);
}

/* Only what PUBACK and PUBREC may carry (MQTT 5, 3.4.2.1). */
uint8_t capture_reason(const struct error *err)
{
    return err->code == ERR_CLOSED ? MQTT_UNSPECIFIED_ERROR /* deleted meanwhile */ : MQTT_QUOTA_EXCEEDED;
}

/* ---- Submitting ------------------------------------------------------------------------------------------ */

/* False: the log's queue is full, the batch is as before. */
static bool submit(struct capture_batch *batch)
{
    struct error err;
    struct station *station = station_ref(batch->station); /* a batch that is taken may be done at once */
    struct log *log = station_log_enter(station);
    bool taken = false;
    if (log == NULL) {
        station_gone(station, &err);
    } else {
        taken = !settle_is_full(station, &err) && log_append(log, &batch->batch, &err);
        station_log_leave(station);
    }
    station_unref(station);
    if (taken)
        return true;
    if (err.code == ERR_BUSY)
        return false;
    batch->reason = capture_reason(&err);
    finish(batch, false); /* perhaps within deliver() */
    credit(batch);
    batch_give_back(batch);
    return true;
}

static void try_later(struct capture *capture)
{
    struct post *post = capture->post;
    if (!list_linked(&capture->waiting))
        list_append(&post->waiting, &capture->waiting);
    if (!heap_contains(&post->again.node))
        timer_set(post->reactor, &post->again, reactor_now_ms(post->reactor) + TRY_AGAIN_MS);
}

static void wait_for_log(struct capture *capture, struct capture_batch *batch)
{
    if (capture->first == NULL)
        capture->first = batch;
    else
        capture->last->next = batch;
    capture->last = batch;
    try_later(capture);
}

static void flush(struct capture *capture)
{
    struct capture_batch *batch = capture->open;
    if (batch == NULL)
        return;
    capture->open = NULL;
    if (capture->first != NULL || !submit(batch))
        wait_for_log(capture, batch);
}

static void turn_end(struct turn_task *task)
{
    flush((struct capture *)task);
}

/* ---- Delivery -------------------------------------------------------------------------------------------- */

static struct capture *capture_of(struct station *station, struct post *post)
{
    struct capture **slot = &station->captures[post->index];
    if (*slot == NULL) {
        *slot = mem_zalloc(sizeof(**slot));
        **slot = (struct capture){.task.run = turn_end, .station = station, .post = post};
    }
    return *slot;
}

/* An acknowledgement that waits for the end of a message with the same id. */
struct ticket_waiter {
    struct id_waiter waiter;   /* first */
    struct ack_ticket *ticket; /* NULL: nobody waits */
};

static void wake_ticket(struct id_waiter *waiter, bool stored, uint64_t offset)
{
    struct ticket_waiter *mine = (struct ticket_waiter *)waiter;
    (void)offset;
    if (mine->ticket != NULL)
        ticket_done(mine->ticket, stored ? MQTT_SUCCESS : MQTT_QUOTA_EXCEEDED);
    mem_free(mine);
}

static void release_ticket(struct ack_ticket *ticket, uint8_t reason)
{
    if (ticket != NULL)
        ticket_done(ticket, reason);
}

static bool claims_id(const struct station *station, const struct station_message *message)
{
    return message->id.len > 0 && atomic_load_explicit(&station->dedup_window_ms, memory_order_relaxed) > 0;
}

static bool repeats_exchange(const struct station *station, const struct station_message *message)
{
    return message->exchange.repeated &&
           atomic_load_explicit(&station->dedup_window_ms, memory_order_relaxed) > 0;
}

/* Whether the names of the last window have to be known. */
static bool asks_names(const struct station *station, const struct station_message *message)
{
    return claims_id(station, message) || repeats_exchange(station, message);
}

/* False: it is a duplicate, and its ticket is taken care of. */
static bool claim_id(struct station *station, struct str id, int64_t now_ms, struct ack_ticket *ticket,
                     struct id_entry **entry)
{
    struct ticket_waiter *waiter = mem_alloc(sizeof(*waiter));
    *waiter = (struct ticket_waiter){.waiter.wake = wake_ticket, .ticket = ticket};
    uint64_t offset;
    int64_t window_ms = atomic_load_explicit(&station->dedup_window_ms, memory_order_relaxed);
    enum ids_claim claim = ids_claim(&station->ids, id, now_ms, window_ms, &waiter->waiter, entry, &offset);
    if (claim == IDS_PENDING) {
        count(&station->duplicates, 1);
        return false;
    }
    mem_free(waiter);
    if (claim == IDS_CLAIMED)
        return true;
    count(&station->duplicates, 1);
    release_ticket(ticket, MQTT_SUCCESS);
    return false;
}

static struct station_message message_of(const struct publication *publication)
{
    struct station_message message = {
        .topic = publication->topic,
        .payload = publication->payload,
        .props = publication->props,
        .client_id = publication_client_id(publication),
        .username = publication_username(publication),
        .qos = publication->qos,
        .retain = publication->retain,
        .exchange = publication_exchange(publication),
    };
    if (message.props.len > 0) {
        size_t size;
        size_t at = mqtt_property_find(message.props, MQTT_PROP_MESSAGE_EXPIRY, &size);
        const uint8_t *value = (const uint8_t *)message.props.data + at;
        if (at > 0)
            message.expiry_s =
                (uint32_t)value[0] << 24 | (uint32_t)value[1] << 16 | (uint32_t)value[2] << 8 | value[3];
        message.id = envelope_id_of(message.props);
    }
    return message;
}

/* Whether nothing is there yet of what the message's names say, and *entry claimed. False: it is a duplicate, or refused, and its
 * ticket is taken care of. */
static bool is_new(struct station *station, const struct station_message *message, int64_t now_ms,
                   struct ack_ticket *ticket, enum recall_state known, struct id_entry **entry)
{
    if (asks_names(station, message) && known == RECALL_FAILED) {
        count(&station->refused, 1);
        release_ticket(ticket, MQTT_UNSPECIFIED_ERROR);
        return false;
    }
    int64_t window_ms = atomic_load_explicit(&station->dedup_window_ms, memory_order_relaxed);
    if (repeats_exchange(station, message) &&
        exchanges_have(&station->exchanges, message, now_ms, window_ms)) {
        count(&station->duplicates, 1);
        release_ticket(ticket, MQTT_SUCCESS);
        return false;
    }
    return !claims_id(station, message) || claim_id(station, message->id, now_ms, ticket, entry);
}

/* Adds the message to the open batch. `known`: DONE, or FAILED: then none that asks for names. False: it is a duplicate, or
 * refused, and its ticket is taken care of. */
static bool store(struct capture *capture, const struct station_message *message, struct ack_ticket *ticket,
                  enum recall_state known)
{
    struct station *station = capture->station;
    int64_t now_ms = reactor_wall_ms(capture->post->reactor);
    struct id_entry *entry = NULL;
    if (!is_new(station, message, now_ms, ticket, known, &entry))
        return false;
    if (capture->open == NULL)
        capture->open = batch_take(capture);
    struct capture_batch *batch = capture->open;
    if (entry != NULL) {
        entry->index = batch->message_count;
        entry->next = batch->ids;
        batch->ids = entry;
    }
    size_t bytes = envelope_bytes(message);
    envelope_write(message, log_batch_add(&batch->batch, now_ms, bytes));
    batch->batch.marked |= message->id.len > 0 || message->exchange.session != 0;
    batch->time_ms = now_ms;
    batch->bytes += bytes;
    batch->message_count++;
    if (ticket != NULL)
        add_ticket(batch, ticket);
    return true;
}

static void flush_if_large(struct capture *capture)
{
    if (capture->open != NULL && capture->open->bytes >= BATCH_BYTES)
        flush(capture);
}

static void park(struct capture *capture, const struct station_message *message, struct ack_ticket *ticket)
{
    size_t len = envelope_bytes(message);
    struct parked *parked = mem_alloc(sizeof(*parked) + len);
    *parked = (struct parked){.ticket = ticket, .len = len, .repeated = message->exchange.repeated};
    envelope_write(message, parked->record);
    if (capture->parked == NULL) {
        station_ref(capture->station);
        capture->parked = parked;
    } else {
        capture->last_parked->next = parked;
    }
    capture->last_parked = parked;
    try_later(capture);
}

static struct parked *unpark(struct capture *capture)
{
    struct parked *parked = capture->parked;
    capture->parked = parked->next;
    return parked;
}

static void deliver(struct subscriber *subscriber, const struct route_target *target,
                    struct publication *publication)
{
    (void)target;
    struct station *station = (struct station *)subscriber;
    struct post *post = &station->all->posts[publication_reactor(publication)];
    struct station_message message = message_of(publication);
    struct ack_ticket *ticket = publication_hold(publication);
    if (message.topic.len + message.props.len + message.payload.len >
        atomic_load_explicit(&station->max_message_bytes, memory_order_relaxed)) {
        count(&station->refused, 1);
        release_ticket(ticket, MQTT_QUOTA_EXCEEDED);
        return;
    }
    struct capture *capture = capture_of(station, post);
    enum recall_state known = asks_names(station, &message) ? recall_state(station, NULL) : RECALL_DONE;
    if (capture->parked != NULL || known == RECALL_READING)
        park(capture, &message, ticket);
    else if (!store(capture, &message, ticket, known))
        return;
    publication_charge(publication, envelope_bytes(&message));
    flush_if_large(capture);
    if (capture->open != NULL)
        publication_at_turn_end(publication, &capture->task);
}

/* ---- What waits ------------------------------------------------------------------------------------------ */

/* What is parked goes on, once the ids are read or cannot be. */
static void go_on(struct capture *capture)
{
    struct station *station = capture->station;
    enum recall_state known = capture->parked != NULL ? recall_state(station, NULL) : RECALL_READING;
    if (known == RECALL_READING)
        return;
    while (capture->parked != NULL) {
        struct parked *parked = unpark(capture);
        struct station_message message;
        struct error err;
        bool whole = envelope_decode(str_make(parked->record, parked->len), &message, &err);
        assert(whole); /* as deliver() has written it */
        (void)whole;
        message.exchange.repeated = parked->repeated;
        if (!store(capture, &message, parked->ticket, known))
            service_credit(station->all->broker, capture->post->index, parked->len);
        flush_if_large(capture);
        mem_free(parked);
    }
    flush(capture);
}

static void submit_waiting(struct capture *capture)
{
    while (capture->first != NULL) {
        struct capture_batch *batch = capture->first, *next = batch->next;
        batch->next = NULL;
        if (!submit(batch)) {
            batch->next = next;
            break;
        }
        capture->first = next;
    }
}

void capture_retry(struct post *post)
{
    LIST_EACH_SAFE(it, &post->waiting)
    {
        struct capture *capture = CONTAINER_OF(it, struct capture, waiting);
        bool parks = capture->parked != NULL;
        submit_waiting(capture);
        go_on(capture);
        if (capture->first == NULL && capture->parked == NULL)
            list_remove(&capture->waiting);
        if (parks && capture->parked == NULL)
            station_unref(capture->station); /* perhaps with the capture */
    }
    if (!list_empty(&post->waiting))
        timer_set(post->reactor, &post->again, reactor_now_ms(post->reactor) + TRY_AGAIN_MS);
}

void capture_give_up(struct post *post)
{
    LIST_EACH_SAFE(it, &post->waiting)
    {
        struct capture *capture = CONTAINER_OF(it, struct capture, waiting);
        struct station *station = station_ref(capture->station);
        list_remove(&capture->waiting);
        while (capture->first != NULL) {
            struct capture_batch *batch = capture->first;
            capture->first = batch->next;
            batch->reason = MQTT_UNSPECIFIED_ERROR;
            finish(batch, false);
            batch_free(batch);
        }
        bool parks = capture->parked != NULL;
        while (capture->parked != NULL) {
            struct parked *parked = unpark(capture);
            release_ticket(parked->ticket, MQTT_UNSPECIFIED_ERROR);
            mem_free(parked);
        }
        if (parks)
            station_unref(station);
        station_unref(station);
    }
}

/* Nothing waits any more: what does holds a reference to the station. */
void capture_free(struct capture *capture)
{
    if (capture == NULL)
        return;
    assert(capture->open == NULL && capture->first == NULL && capture->parked == NULL);
    mem_free(capture);
}

static void describe(const struct subscriber *subscriber, struct buf *out)
{
    buf_printf(out, "station %s", ((const struct station *)subscriber)->name);
}

const struct subscriber_ops capture_ops = {
    .deliver = deliver,
    .describe = describe,
};
