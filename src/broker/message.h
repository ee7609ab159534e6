/* Application messages.
 *
 * A *publication* is a message on its way through one reactor: views of bytes that somebody else holds (the input
 * buffer, a hand-off block, a message), valid during one call. Delivering one at QoS 0 to sockets that take it
 * allocates nothing.
 *
 * A *message* is the lasting form: immutable, one block, counted references. A publication makes its message the
 * first time that anyone has to keep it (in flight, queued, retained), and all who keep it share that one. */
#ifndef BROKER_MESSAGE_H
#define BROKER_MESSAGE_H

#include "mqtt/mqtt.h"

#include <stdatomic.h>

struct ack_ticket;
struct journal_redo;
struct message_origin;
struct session;
struct shard;

#define MESSAGE_ID_BYTES 16

struct message {
    atomic_uint refs;
    uint8_t qos;
    bool retain;
    uint16_t topic_len;
    uint32_t props_len;
    uint32_t payload_len;
    uint32_t
        expiry_at; /* where the four bytes of the message expiry interval are in props; 0: there is none */
    int64_t expires_ms;          /* wall clock; 0: never */
    uint64_t publisher_id;       /* subscriber id of the publishing session; 0: none */
    _Atomic uint64_t journal_id; /* the same in all its copies; 0: it has none. Relaxed */
    _Atomic uint64_t
        journal_place; /* where the journal got its content last (journal_write.c); 0: nowhere. Relaxed */
    _Atomic(struct message_origin *) origin; /* who published it: events_internal.h; NULL: nobody asked */
    uint8_t data[];                          /* topic, properties as they are forwarded, payload */
};

static inline struct message *message_ref(struct message *message)
{
    atomic_fetch_add_explicit(&message->refs, 1, memory_order_relaxed);
    return message;
}

/* Gives the message its origin; takes. One that it has stays. Thread: any. */
void message_set_origin(struct message *message, struct message_origin *origin);

void message_unref(struct message *message); /* takes; frees with the last one. Thread: any */

static inline struct str message_topic(const struct message *m)
{
    return str_make(m->data, m->topic_len);
}

static inline size_t message_bytes(const struct message *m) /* what it costs in memory, for limits */
{
    return sizeof(*m) + m->topic_len + m->props_len + m->payload_len;
}

struct publication {
    struct str topic;
    struct str
        props; /* MQTT 5 properties as they are forwarded: no topic alias, no subscription identifiers */
    struct str payload;
    uint8_t qos;
    bool retain;
    bool encode_once; /* many subscribers: encoded once, in shard.encoded */
    uint32_t expiry_at;
    int64_t expires_ms;
    uint64_t publisher_id;
    uint64_t publisher_hash;   /* of the client id: for shared subscriptions */
    struct message *message;   /* the lasting form, if made; a reference of the publication's own */
    struct ack_ticket *ticket; /* the acknowledgement that waits, if any: publication_hold() */
    struct shard *shard;       /* where it is; set by who publishes or delivers it */
    struct session *publisher; /* NULL: no client, or one on another reactor */
    const char *will_username; /* of a will; the publisher's connection has gone */
    bool acknowledged;         /* its publisher gets an acknowledgement, which may be held */
    bool charged;              /* publication_charge() */
    bool unstored;             /* retained, but the catalog did not take it: publish_retained() */
    /* For the journal. */
    bool durable;           /* handed over: durable sessions here may get it */
    bool answered;          /* handed over: the publisher's reactor has said that it will be told of */
    bool picked;            /* for a member of a shared subscription */
    uint16_t received_id;   /* QoS 2 from a durable session: its packet identifier; 0: not so */
    uint32_t exchange;      /* its number, with received_id; 0: it has none */
    bool repeated;          /* the client says, or the broker knows, that it has been sent before */
    uint64_t journal_place; /* as in struct message */
    uint64_t journal_id;    /* likewise */
    const struct journal_redo *redo; /* published once more, for those that have not got it; NULL: no */
    uint8_t id[MESSAGE_ID_BYTES];    /* publication_id(); zeros: nobody asked for it */
    struct str trail;                /* what its events are to carry, as whoever publishes means it */
};

/* The lasting form, made at the first call. Borrows: take a message_ref() to keep it. */
struct message *publication_message(struct publication *publication);

/* A publication that views a message. Borrows the message: no publication_end() needed if message_ref was not
 * given away; expiry is the caller's to check. */
void publication_of_message(struct message *message, struct publication *out);

/* Gives back what the publication holds. */
static inline void publication_end(struct publication *publication)
{
    if (publication->message != NULL)
        message_unref(publication->message);
}

/* A message from parts, with one reference. */
struct message *message_new(const struct publication *parts);

/* Stored form of a retained message (catalog value; the topic is the key):
 * byte 0 version 1 · byte 1 QoS · 4 bytes LE length of the properties · properties · payload. */
void message_encode(const struct message *message, struct buf *out);
struct message *message_decode(struct str topic, struct str stored, int64_t expires_ms, struct error *err);

#endif
