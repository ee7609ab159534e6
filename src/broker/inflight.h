/* QoS 1 and 2 messages that a client has not acknowledged, by packet identifier.
 *
 * Identifiers are given in sequence, so the table is a ring indexed by their low bits: finding one is one look. A
 * slot that is still taken when the sequence comes round is skipped by growing the ring (up to 65,536 slots) or by
 * passing over the identifier. Entries are linked in the order of sending: once the sequence has passed one that
 * stays, identifiers do not tell it any more. The ring exists only while something is in flight. */
#ifndef BROKER_INFLIGHT_H
#define BROKER_INFLIGHT_H

#include "broker/session_queue.h"

enum inflight_state {
    INFLIGHT_FREE,
    INFLIGHT_PUBLISHED, /* QoS 1 waits for PUBACK, QoS 2 for PUBREC */
    INFLIGHT_RELEASED   /* QoS 2 waits for PUBCOMP; its message is given back */
};

struct feed;

struct inflight_entry {
    struct message *message; /* a reference; NULL once released */
    uint32_t *ids;
    struct feed *feed; /* to be told how it ends, with this tag; NULL: nobody is. feed.c sets it */
    uint64_t tag;
    uint16_t packet_id;
    uint16_t older; /* the neighbours in the order of sending, by identifier; 0: none */
    uint16_t younger;
    uint8_t state : 2;
    uint8_t qos : 2;
    bool retain : 1;
    bool sent : 1;      /* on the present connection */
    bool fresh : 1;     /* never sent so far: it waits for the journal, or behind one that does */
    bool waiting : 1;   /* for the journal: not to be sent, or its PUBREL */
    bool journaled : 1; /* the journal knows that the session has it */
};

struct inflight {
    struct inflight_entry *ring;
    uint64_t bytes;          /* outgoing_bytes() of those that hold their message */
    _Atomic uint64_t *total; /* likewise, of this thread: see session_queue.h; NULL: none */
    uint16_t mask;           /* slots - 1; without a ring it means nothing */
    uint16_t count;          /* fewer than there are identifiers */
    uint16_t sent;           /* of them, on the present connection: what a receive maximum counts */
    uint16_t unsent;         /* the others: to be sent, again or for the first time */
    uint16_t fresh;          /* of these, those for the first time */
    uint16_t next_id;        /* the next identifier to try; starts at 1, lives as long as the session */
    uint16_t oldest;         /* identifier of the first entry; 0: there is none */
    uint16_t newest;         /* of the last one */
    uint16_t resend;         /* of the first one that may be unsent */
};

/* Gives the message an identifier and takes what `outgoing` holds. Never 0. The caller keeps count < 65,535. */
uint16_t inflight_add(struct inflight *inflight, const struct outgoing *outgoing);
struct inflight_entry *inflight_find(struct inflight *inflight, uint16_t packet_id); /* NULL: not in flight */
void inflight_remove(struct inflight *inflight, struct inflight_entry *entry); /* releases what it holds */
/* The same for a message that waits for the journal: it is unsent, fresh and waiting. */
struct inflight_entry *inflight_add_waiting(struct inflight *inflight, const struct outgoing *outgoing);
/* At the start, in the order of the first sending, as unsent; new identifiers go on behind the last one. A released one has
 * no message. NULL: the identifier is taken; what `outgoing` holds stays the caller's. */
struct inflight_entry *inflight_restore(struct inflight *inflight, const struct outgoing *outgoing,
                                        uint16_t packet_id, bool released);
/* An unsent one waits for the journal, as if it had been added so. */
void inflight_wait(struct inflight *inflight, struct inflight_entry *entry);
/* At PUBREC: the state becomes INFLIGHT_RELEASED. */
void inflight_release_message(struct inflight *inflight, struct inflight_entry *entry);

/* The connection has ended: everything is to be sent again on the next one. */
void inflight_all_unsent(struct inflight *inflight);
/* The oldest entry that is unsent. There is one. */
struct inflight_entry *inflight_next_unsent(struct inflight *inflight);
/* It counts as sent from here on. */
void inflight_mark_sent(struct inflight *inflight, struct inflight_entry *entry);

/* From the oldest to the newest. Changing an entry's state or removing it is fine. */
void inflight_each(struct inflight *inflight, void (*each)(struct inflight_entry *entry, void *arg),
                   void *arg);
void inflight_clear(struct inflight *inflight);

/* Packet identifiers of QoS 2 messages that came and wait for PUBREL: a small sorted set, bounded by the receive
 * maximum that the server announces. Each with the number of its exchange: those of a durable session are counted, from 1 on
 * and round after 2^32 - 1; 0: it has none. */
struct received_id {
    uint16_t id;
    uint32_t exchange;
};
struct packet_id_set {
    struct received_id *ids;
    uint16_t count;
    uint16_t cap;
    uint32_t last_exchange; /* of the session, whether it is in the set or not; 0: there was none */
};

/* False: it was in already. An exchange that is not 0 becomes the last one. */
bool packet_id_set_add(struct packet_id_set *set, uint16_t id, uint32_t exchange);
bool packet_id_set_has(const struct packet_id_set *set, uint16_t id);
uint32_t packet_id_set_exchange(const struct packet_id_set *set,
                                uint16_t id); /* 0: none, or not in the set */
uint32_t packet_id_set_next_exchange(const struct packet_id_set *set);
bool packet_id_set_remove(struct packet_id_set *set, uint16_t id);
void packet_id_set_clear(struct packet_id_set *set);

#endif
