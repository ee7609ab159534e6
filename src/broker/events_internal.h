/* Where the broker raises events: each call stands behind event_wanted(), so that nobody pays who does not listen. */
#ifndef BROKER_EVENTS_INTERNAL_H
#define BROKER_EVENTS_INTERNAL_H

#include "broker/authenticate.h"

/* Who published a message, kept with it while somebody wants events of messages. Immutable. */
struct message_origin {
    uint16_t client_id_len;
    uint16_t username_len;
    uint16_t trail_len;
    int64_t published_ms;
    uint8_t id[MESSAGE_ID_BYTES];
    char names[]; /* client id, user name, trail */
};

/* Events that need to know who published: their messages are given an origin when they are published. */
#define EVENTS_OF_MESSAGES                                                 \
    (EVENT_BIT(EVENT_MESSAGE_DELIVERED) | EVENT_BIT(EVENT_MESSAGE_ACKED) | \
     EVENT_BIT(EVENT_MESSAGE_DROPPED) | EVENT_BIT(EVENT_DELIVERY_DROPPED))

static inline bool events_wanted(const struct shard *shard, uint32_t kinds)
{
    return (atomic_load_explicit(&shard->broker->events_wanted, memory_order_relaxed) & kinds) != 0;
}

static inline bool event_wanted(const struct shard *shard, enum broker_event_kind kind)
{
    return events_wanted(shard, EVENT_BIT(kind));
}

/* A message is being published: it gets its lasting form, with its origin, in which other reactors get it, too. */
void event_publication_begins(struct publication *publication);

void event_note_connect(struct setup *setup, const struct mqtt_connect *connect);
void event_connected(const struct connection *connection, const struct mqtt_connect *connect);
void event_connack(struct connection *connection, uint8_t reason, struct str props);
void event_authn(struct connection *connection, uint8_t reason);
void event_note_disconnect(struct connection *connection, struct str props);
void event_disconnected(const struct connection *connection, const struct error *why);
void event_ping(const struct connection *connection);
void event_authz(const struct connection *connection, struct str topic, bool publish, uint8_t qos,
                 bool allowed);
void event_subscription(enum broker_event_kind kind, const struct connection *connection, struct str filter,
                        uint8_t qos, struct str props);
void event_delivered(struct session *session, const struct publication *publication, uint8_t qos, bool retain,
                     bool dup);
void event_acked(struct session *session, const struct inflight_entry *entry, const struct mqtt_ack *ack);
void event_dropped(const struct publication *publication, const char *reason);
void event_delivery_dropped(struct session *session, const struct publication *publication, uint8_t qos,
                            const char *reason);
void event_message_dropped(struct session *session, struct message *message, uint8_t qos, const char *reason);

#endif
