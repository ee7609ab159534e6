/* What the broker tells whoever wants to know: clients come and go, messages arrive, are acknowledged or dropped.
 *
 * There is one listener, the rule engine. What it does not want costs one comparison where it would be raised. An event
 * is a view of what the broker has at hand: valid during the call, looked at only where a rule asks for it. */
#ifndef BROKER_EVENTS_H
#define BROKER_EVENTS_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct broker;
struct connection;
struct publication;

enum broker_event_kind {
    EVENT_MESSAGE_DELIVERED, /* sent to a client; QoS 0: given to its connection */
    EVENT_MESSAGE_ACKED,     /* PUBACK, or PUBREC, of a client */
    EVENT_MESSAGE_DROPPED,   /* published, and nobody subscribes it */
    EVENT_DELIVERY_DROPPED,  /* one client does not get it: `reason` */
    EVENT_CLIENT_CONNECTED,  /* the session is open */
    EVENT_CLIENT_DISCONNECTED,
    EVENT_CLIENT_CONNACK, /* CONNACK goes out, whatever it says */
    EVENT_CLIENT_PING,
    EVENT_AUTHZ, /* a publish or a subscription has been judged */
    EVENT_AUTHN, /* a CONNECT has */
    EVENT_SESSION_SUBSCRIBED,
    EVENT_SESSION_UNSUBSCRIBED,
    EVENT_KINDS
};
#define EVENT_BIT(kind) (UINT32_C(1) << (kind))

struct broker_event {
    enum broker_event_kind kind;
    unsigned reactor; /* on whose thread it is raised */
    int64_t time_ms;  /* wall clock */
    /* The client that it is about, as far as it is known. */
    struct str client_id;
    struct str username;
    const struct connection *connection; /* for event_peer() and event_client(); NULL: the client is away */
    /* MQTT 5 properties as the client sent them, encoded, without their length: of CONNECT, DISCONNECT, SUBSCRIBE,
     * UNSUBSCRIBE, PUBACK; of the message in events of messages. */
    struct str props;
    struct str ack_props; /* EVENT_MESSAGE_ACKED: of the acknowledgement */
    uint8_t reason_code;
    const char *reason; /* "no_subscribers", "queue_full", "keep alive timeout"; NULL: none */
    /* Messages; of subscriptions and authorizations the filter or topic alone. */
    struct str topic;
    struct str payload;
    uint8_t qos;
    bool retain;
    bool dup;
    struct str id; /* of the message, 16 bytes; empty: it was published when nobody wanted to know */
    struct str from_client_id; /* who published it; empty: no client, or unknown as the id */
    struct str from_username;
    int64_t published_ms; /* wall clock; 0: unknown as the id */
    struct str trail;     /* of the publication, by whoever published; empty: none, or unknown as the id */
    /* Authorization. */
    bool publish; /* else subscribe */
    bool allowed; /* EVENT_AUTHN: let in */
    bool superuser;
    bool anonymous;
    /* CONNECT. */
    uint8_t version; /* 3: MQTT 3.1, 4: 3.1.1, 5 */
    uint16_t keep_alive_s;
    uint16_t receive_maximum;
    uint32_t expiry_s;
    bool clean_start;
    bool bridge;
    int64_t connected_ms; /* wall clock, to the second; of EVENT_CLIENT_CONNECTED and _DISCONNECTED */
};

/* "10.0.0.7:5123": who the client is to the network, and where it came in. False, and out is empty: the client is away.
 * `out` has EVENT_ADDRESS_BYTES. */
#define EVENT_ADDRESS_BYTES 56
bool event_peer(const struct broker_event *event, char *out);
bool event_socket(const struct broker_event *event, char *out);

struct event_listener {
    /* On the reactor's thread: does what is to be done later by mail or at the end of the turn. Must not block. */
    void (*raise)(struct event_listener *listener, const struct broker_event *event);
};

/* From now on: `kinds` of EVENT_BIT. Called again, it changes what is wanted. A listener stays valid until
 * service_unlisten(). Thread: any but a reactor's, one at a time. */
void service_listen(struct broker *broker, struct event_listener *listener, uint32_t kinds);
/* Waits until raise() is running nowhere any more. Blocks for a loop turn. */
void service_unlisten(struct broker *broker);

/* A message's identity, made when somebody first asks for it: 16 bytes, unlike any other's. On the reactor where the message is
 * published it is then the same in all events. Thread: the publication's reactor. */
struct str publication_id(struct publication *publication);

#endif
