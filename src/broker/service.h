/* What the floors above the broker build on: subscribers that belong to no client (stations, rules), acknowledgements
 * that wait for them, and work that is gathered over a loop turn.
 *
 * A service subscribes with `reactor` SUBSCRIBER_ANY_REACTOR: its deliver() is called on whichever reactor a message is
 * published on, at once, so what it needs for a message it keeps for each reactor: an array by publication_reactor(). */
#ifndef BROKER_SERVICE_H
#define BROKER_SERVICE_H

#include "broker/message.h"
#include "broker/subscriber.h"

struct broker;
struct reactor;

/* ---- Subscribers ----------------------------------------------------------------------------------------- */

/* Makes a zeroed structure a subscriber of any reactor. Thread: any. */
void service_subscriber_init(struct broker *broker, struct subscriber *subscriber,
                             const struct subscriber_ops *ops);
/* Subscribes to a topic filter, not a shared one. What is published later, on any reactor, is delivered.
 * Errors: ERR_INVALID. Thread: any, one at a time for each subscriber. */
bool service_subscribe(struct broker *broker, struct subscriber *subscriber, struct str filter, uint8_t qos,
                       struct error *err);
void service_unsubscribe(struct broker *broker, struct subscriber *subscriber, struct str filter);
/* Ends all its subscriptions and waits until deliver() is running nowhere any more: then the subscriber may be
 * freed. Blocks for a loop turn. Thread: any but a reactor's. */
void service_subscriber_end(struct broker *broker, struct subscriber *subscriber);

/* Waits until every reactor has left the turn that it is in: what was replaced before may be freed then. Blocks.
 * Thread: any but a reactor's. */
void service_barrier(struct broker *broker);

/* The reactors: for mail and timers. Thread: any. */
unsigned service_reactor_count(const struct broker *broker);
struct reactor *service_reactor(const struct broker *broker, unsigned index);

/* ---- In deliver() ---------------------------------------------------------------------------------------- */

/* The index of the reactor on which the publication is. */
unsigned publication_reactor(const struct publication *publication);
/* Who published it; both empty: not a client. Valid during the call. */
struct str publication_client_id(const struct publication *publication);
struct str publication_username(const struct publication *publication);
/* "10.0.0.7:5123", the publisher's; false, and out is empty: not a client, or it has gone. `out` has EVENT_ADDRESS_BYTES
 * (events.h). */
bool publication_peer(const struct publication *publication, char *out);

/* QoS 2 from a session that outlives its connection: what names the exchange. A message that is repeated after a crash comes
 * under the same name, whether the broker had been able to note that it came or not. Another one has another name, unless its
 * session has counted round, or the disk failed: compare the content, too, before it is taken for a repetition. */
struct publication_exchange {
    uint64_t session; /* its number; 0: there is no exchange */
    uint32_t number;
    uint16_t packet_id;
    bool repeated; /* it has been sent before */
};
struct publication_exchange publication_exchange(const struct publication *publication);

/* The publisher's acknowledgement waits for one more ticket_done(). NULL: nobody waits for one (QoS 0, a will). */
struct ack_ticket *publication_hold(struct publication *publication);
/* One count less. MQTT_SUCCESS, or why the message is refused: MQTT 5 publishers are told, others get no
 * acknowledgement. Thread: any. */
void ticket_done(struct ack_ticket *ticket, uint8_t reason);
/* The same without a mail for each ticket, for a whole batch that has come home: in a mail or timer of the reactor where
 * it was held, never within deliver(). */
void ticket_done_here(struct ack_ticket *ticket, uint8_t reason);

/* Something to be done once, at the end of this loop turn: embedded by the service, one for each reactor. */
struct turn_task {
    struct turn_task *next; /* the broker's */
    bool waiting;           /* the broker's */
    void (*run)(struct turn_task *task);
};
void publication_at_turn_end(const struct publication *publication, struct turn_task *task);
void service_at_turn_end(struct broker *broker, unsigned reactor,
                         struct turn_task *task); /* thread: the reactor's */

/* Bytes that wait for a disk on this reactor's account: while they are many, who publishes more of them is not read.
 * publication_charge() in deliver(), service_credit() when they are done; thread: any. */
void publication_charge(struct publication *publication, size_t bytes);
void service_credit(struct broker *broker, unsigned reactor, size_t bytes);

/* ---- Publishing ------------------------------------------------------------------------------------------ */

/* Publishes as if it had come from a client of this reactor, but for authorization. Returns how many subscribers get it. Thread:
 * the reactor's. */
size_t service_publish(struct broker *broker, unsigned reactor, struct publication *publication);

#endif
