/* A subscriber: whoever gets messages from the router. Sessions are; stations and rules will be. The router knows
 * no more of them than this. */
#ifndef BROKER_SUBSCRIBER_H
#define BROKER_SUBSCRIBER_H

#include "base/buf.h"
#include "base/map.h"

#include <stdatomic.h>
#include <stdint.h>

struct publication;
struct filter_entry;
struct subscriber;

/* How one message reaches one subscriber, after its overlapping subscriptions are merged (MQTT 5, 3.3.4: one copy
 * with the highest QoS and all subscription identifiers). A subscriber with both no-local and normal subscriptions to
 * a topic has two targets: one for messages of others, and one with `own_only` for its own. */
struct route_target {
    struct subscriber *subscriber;
    const uint32_t *ids; /* subscription identifiers, without zeros; borrows from the route */
    uint16_t id_count;
    uint8_t qos;              /* highest granted */
    bool no_local;            /* not for the subscriber's own messages */
    bool own_only;            /* for nothing else */
    bool retain_as_published; /* any of them says so */
};

struct subscriber_ops {
    /* Takes what it wants of the message during the call. Thread: the subscriber's reactor; for one with reactor
     * SUBSCRIBER_ANY_REACTOR any reactor. */
    void (*deliver)(struct subscriber *subscriber, const struct route_target *target,
                    struct publication *publication);

    /* Appends what it is, for people: "session dev-17". */
    void (*describe)(const struct subscriber *subscriber, struct buf *out);
};

#define SUBSCRIBER_ANY_REACTOR UINT16_MAX

struct subscription; /* one filter of one subscriber: router_internal */

struct subscriber {
    const struct subscriber_ops *ops;
    uint64_t id;        /* unique in this process, never reused */
    uint64_t name_hash; /* of the client id */
    uint64_t number; /* of a durable session (journal.h); 0: not durable. Set before its first subscription */
    uint16_t reactor;   /* the index of the reactor that owns it, for life */
    atomic_bool online; /* shared subscriptions prefer who is; written by the owner, relaxed */
    uint32_t subscription_count;
    union { /* what it subscribes: router's */
        struct filter_entry **filters;
        struct filter_entry *only_filter; /* filters_cap is 1 */
    };
    uint32_t filters_cap;
};

#endif
