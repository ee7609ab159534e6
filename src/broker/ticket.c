/* Acknowledgements that wait for the disk: see struct ack_ticket. */
#include "broker/broker_internal.h"

#include "base/mem.h"

/* The last count is gone: on the reactor that made the ticket. */
static void finish(struct ack_ticket *ticket)
{
    struct held *held = ticket->held;
    uint8_t reason = (uint8_t)atomic_load_explicit(&ticket->reason, memory_order_relaxed);
    if (ticket->settled != NULL) {
        ticket->settled(ticket, reason);
    } else if (held != NULL) {
        if (reason >= 0x80)
            held->reason = reason;
        held->ticket = NULL;
        held_flush(held->connection);
    } else if (ticket->session != NULL) {
        list_remove(&ticket->link);
        if (reason >= 0x80 &&
            session_not_received(ticket->session, ticket->packet_id)) /* sent again, it is new */
            journal_not_received(ticket->session, ticket->packet_id);
    }
    mem_free(ticket);
}

static void come_home(struct reactor *reactor, struct mail *mail)
{
    struct ack_ticket *ticket = CONTAINER_OF(mail, struct ack_ticket, mail);
    if (reactor != NULL) {
        finish(ticket);
        return;
    }
    /* It has ended, and its connections with it. */
    if (ticket->settled != NULL)
        ticket->settled(ticket, MQTT_SERVER_SHUTTING_DOWN);
    mem_free(ticket);
}

struct ack_ticket *ticket_new(struct shard *shard)
{
    struct ack_ticket *ticket = mem_zalloc(sizeof(*ticket));
    ticket->mail.run = come_home;
    ticket->home = shard->reactor;
    atomic_init(&ticket->pending, 1);
    atomic_init(&ticket->reason, MQTT_SUCCESS);
    return ticket;
}

void ticket_hold(struct ack_ticket *ticket)
{
    atomic_fetch_add_explicit(&ticket->pending, 1, memory_order_relaxed);
}

/* True: it was the last count. */
static bool count_down(struct ack_ticket *ticket, uint8_t reason)
{
    unsigned none = MQTT_SUCCESS;
    if (reason >= 0x80)
        atomic_compare_exchange_strong_explicit(&ticket->reason, &none, reason, memory_order_relaxed,
                                                memory_order_relaxed);
    /* Release what this thread did before the count falls; acquire it all with the last. */
    return atomic_fetch_sub_explicit(&ticket->pending, 1, memory_order_acq_rel) == 1;
}

void ticket_done(struct ack_ticket *ticket, uint8_t reason)
{
    if (count_down(ticket, reason))
        reactor_post(ticket->home, &ticket->mail);
}

void ticket_done_here(struct ack_ticket *ticket, uint8_t reason)
{
    assert(reactor_is_current(ticket->home));
    if (count_down(ticket, reason))
        finish(ticket);
}

/* ---- Receipts: QoS 2 messages whose publisher went before PUBREC ----------------------------------------- */

void receipt_leave(struct session *session, struct held *held)
{
    struct ack_ticket *ticket = held->ticket;
    ticket->held = NULL;
    ticket->session = session;
    ticket->packet_id = held->packet_id;
    list_append(&session->shard->receipts, &ticket->link);
}

bool receipt_resume(struct connection *connection, uint16_t packet_id)
{
    const struct session *session = connection->session;
    const struct held *held = connection->extras != NULL ? connection->extras->held_first : NULL;
    for (; held != NULL; held = held->next) {
        if (held->type == MQTT_PUBREC && held->packet_id == packet_id && held->ticket != NULL)
            return true; /* it is held on this connection */
    }
    LIST_EACH(it, &session->shard->receipts)
    {
        struct ack_ticket *ticket = CONTAINER_OF(it, struct ack_ticket, link);
        if (ticket->session != session || ticket->packet_id != packet_id)
            continue;
        list_remove(it);
        ticket->session = NULL;
        held_append(connection, MQTT_PUBREC, packet_id, MQTT_SUCCESS, ticket);
        return true;
    }
    return false;
}

void receipts_forget(struct shard *shard, const struct session *session)
{
    LIST_EACH_SAFE(it, &shard->receipts)
    {
        struct ack_ticket *ticket = CONTAINER_OF(it, struct ack_ticket, link);
        if (session != NULL && ticket->session != session)
            continue;
        list_remove(it);
        ticket->session = NULL;
    }
}
