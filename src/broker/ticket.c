/* Acknowledgements that wait for the disk: see struct ack_ticket. */
#include "broker/broker_internal.h"

#include "base/mem.h"

/* The last count is gone: on the reactor that made the ticket. */
static void come_home(struct reactor *reactor, struct mail *mail)
{
    struct ack_ticket *ticket = CONTAINER_OF(mail, struct ack_ticket, mail);
    struct held *held = ticket->held;
    if (ticket->settled != NULL)
        ticket->settled(ticket, (uint8_t)atomic_load_explicit(&ticket->reason, memory_order_relaxed));
    if (reactor != NULL && held != NULL) {
        uint8_t reason = (uint8_t)atomic_load_explicit(&ticket->reason, memory_order_relaxed);
        if (reason >= 0x80)
            held->reason = reason;
        held->ticket = NULL;
        held_flush(held->connection);
    }
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

void ticket_done(struct ack_ticket *ticket, uint8_t reason)
{
    unsigned none = MQTT_SUCCESS;
    if (reason >= 0x80)
        atomic_compare_exchange_strong_explicit(&ticket->reason, &none, reason, memory_order_relaxed,
                                                memory_order_relaxed);
    /* Release what this thread did before the count falls; acquire it all with the last. */
    if (atomic_fetch_sub_explicit(&ticket->pending, 1, memory_order_acq_rel) == 1)
        reactor_post(ticket->home, &ticket->mail);
}
