/* What an operator asks of a running broker, from any thread but a reactor's: who is connected, who subscribes what, publish,
 * kick out.
 *
 * Each question goes to the shard that owns the answer, by mail, and the caller waits for at most ADMIN_WAIT_MS. What may be
 * long (all clients) is asked for in slices that cost a reactor some tens of microseconds each; so a list is not of one
 * moment: who comes or goes meanwhile may be in it or not, but whoever stays is in it once.
 *
 * Errors of all: ERR_TIMEOUT (a shard did not answer in time; what was asked for may still happen), ERR_BUSY (too many questions
 * at once), ERR_CLOSED (the broker stops). */
#ifndef BROKER_ADMIN_H
#define BROKER_ADMIN_H

#include "base/error.h"
#include "base/str.h"
#include "broker/broker.h"
#include "broker/router.h"

#define ADMIN_WAIT_MS   5000
#define ADMIN_CALLS_MAX 256

/* ---- Clients --------------------------------------------------------------------------------------------- */

/* A client that is connected, or whose session is kept. Strings are borrowed, during the call of `each`. */
struct admin_client {
    struct str client_id;
    struct str username; /* empty: anonymous, or away */
    struct str address;  /* "10.0.0.7"; empty: away */
    struct str listener; /* "tcp.default"; likewise */
    uint16_t port;
    bool connected;
    bool tls;
    bool clean_start;
    bool bridge;
    bool superuser;
    uint8_t version; /* 3, 4, 5; 0: away */
    uint16_t keep_alive_s;
    uint32_t expiry_s;    /* EXPIRY_NEVER: never */
    int64_t created_ms;   /* wall clock; the session, in this run of the broker */
    int64_t connected_ms; /* 0: away */
    int64_t left_ms;      /* 0: connected, or not seen in this run */
    uint32_t subscriptions;
    uint32_t queued;
    uint64_t queued_bytes;
    uint32_t inflight;
    uint32_t inflight_max; /* what may be in flight to it */
    uint32_t awaiting_rel; /* QoS 2 messages of its own that wait for PUBREL */
    uint32_t awaiting_max;
    uint32_t queued_max; /* 0: no limit */
    uint32_t subscriptions_max;
};

/* Every client, in no order that means anything, but the same order while nothing changes; false from `each` stops. `each` may
 * take its time, and call anything here. */
bool admin_clients_each(struct broker *broker, bool (*each)(const struct admin_client *client, void *arg),
                        void *arg, struct error *err);
/* One. Errors: ERR_NOT_FOUND. */
bool admin_client_get(struct broker *broker, struct str client_id,
                      void (*got)(const struct admin_client *client, void *arg), void *arg,
                      struct error *err);
/* Ends the connection (DISCONNECT 0x98) and the session. Errors: ERR_NOT_FOUND. */
bool admin_client_kick(struct broker *broker, struct str client_id, struct error *err);

/* ---- Subscriptions --------------------------------------------------------------------------------------- */

struct admin_subscription {
    struct str client_id;
    struct str filter; /* with $share/…/ */
    struct subscribe_options options;
    bool kept; /* survives a restart */
};

/* Of all clients, or of one (client_id not empty; ERR_NOT_FOUND). */
bool admin_subscriptions_each(struct broker *broker, struct str client_id,
                              bool (*each)(const struct admin_subscription *subscription, void *arg),
                              void *arg, struct error *err);
/* As if the client had sent SUBSCRIBE: within its rights, with its retained messages, on disk if its session is. *reason gets the
 * granted QoS. Errors: ERR_NOT_FOUND (no client), ERR_INVALID (no topic filter), ERR_DENIED, ERR_LIMIT. */
bool admin_subscribe(struct broker *broker, struct str client_id, struct str filter,
                     const struct subscribe_options *options, uint8_t *granted, struct error *err);
/* *existed: whether there was such a subscription. Errors: ERR_NOT_FOUND (no client), ERR_INVALID. */
bool admin_unsubscribe(struct broker *broker, struct str client_id, struct str filter, bool *existed,
                       struct error *err);

/* Every filter that somebody subscribes, once, without $share. */
bool admin_filters_each(struct broker *broker, bool (*each)(struct str filter, void *arg), void *arg,
                        struct error *err);
/* Whether somebody subscribes exactly this filter. */
bool admin_filter_exists(struct broker *broker, struct str filter);

/* ---- Messages -------------------------------------------------------------------------------------------- */

struct admin_message {
    struct str topic;
    struct str payload;
    struct str props;     /* MQTT 5 properties, encoded, as in PUBLISH and valid; may be empty */
    uint32_t expiry_s;    /* the message expiry interval in props; 0: none */
    struct str client_id; /* in whose name; may be empty */
    uint8_t qos;
    bool retain;
};

/* Publishes, and waits until what keeps it has it on disk. *matched: whether anybody gets it. No rule is asked.
 * Errors: ERR_INVALID (topic), ERR_BUSY (subscribers lag), ERR_LIMIT (retained messages), ERR_IO (the disk). */
bool admin_publish(struct broker *broker, const struct admin_message *message, bool *matched,
                   struct error *err);

/* A retained message; borrowed, during the call. */
struct admin_retained {
    struct str topic;
    struct str payload;
    struct str props;
    uint8_t qos;
    int64_t expires_ms; /* 0: never */
};

/* All but those of $SYS; `filter` empty, or a topic filter. False from `each` stops. Called in slices, without the store's lock. */
bool admin_retained_each(struct broker *broker, struct str filter,
                         bool (*each)(const struct admin_retained *message, void *arg), void *arg,
                         struct error *err);
/* Errors: ERR_NOT_FOUND. */
bool admin_retained_get(struct broker *broker, struct str topic,
                        void (*got)(const struct admin_retained *message, void *arg), void *arg,
                        struct error *err);
/* Removes it, also from disk. Errors: ERR_NOT_FOUND, ERR_IO. */
bool admin_retained_delete(struct broker *broker, struct str topic, struct error *err);

#endif
