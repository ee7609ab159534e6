/* Who gets a message: topic filters of all subscribers, and the way from a topic name to them.
 *
 * Filters without wildcards are in a hash table, those with wildcards in a trie by level. Both are shared by all
 * reactors. A change takes the lock of every reactor, a look-up the caller's own, which nobody else holds but
 * during a change: so look-ups of different reactors do not meet, nothing is copied to be changed, and memory is
 * given back at once. (Decision 0002 tells why this and not RCU.)
 *
 * On the hot path there is no lock: each reactor keeps a cache of routes by topic. An entry is valid while the
 * router's versions that it was made under stand: one of 4,096 for exact filters, by hash of the topic; one of 4,096 for
 * filters whose first level, or first two levels, have no wildcard, by hash of these levels; and one for all others. So
 * a device that subscribes its own topics (dev/7/cmd, dev/7/+/set) spoils only its own routes. */
#ifndef BROKER_ROUTER_H
#define BROKER_ROUTER_H

#include "broker/subscriber.h"
#include "mqtt/topic.h"

struct router;

enum share_strategy {
    SHARE_ROUND_ROBIN,
    SHARE_RANDOM,
    SHARE_HASH_CLIENT_ID,
    SHARE_STICKY,
    SHARE_LOCAL_FIRST
};

struct subscribe_options {
    uint8_t qos;
    bool no_local;
    bool retain_as_published;
    uint8_t retain_handling; /* kept for who lists subscriptions; the router does not use it */
    uint32_t id;             /* subscription identifier, 0: none */
};

struct router *router_new(unsigned reactors, enum share_strategy strategy); /* at most 64 reactors */
void router_free(struct router *router);
void router_set_share_strategy(struct router *router, enum share_strategy strategy); /* thread: any */

/* Adds or replaces the subscriber's subscription to the filter. Returns whether it is new. Thread: the
 * subscriber's reactor (a subscriber of any reactor: one thread at a time). On return, any message that is routed
 * later, on whichever reactor, sees it. */
bool router_subscribe(struct router *router, struct subscriber *subscriber, const struct topic_filter *filter,
                      const struct subscribe_options *options);
/* Returns whether there was one. */
bool router_unsubscribe(struct router *router, struct subscriber *subscriber,
                        const struct topic_filter *filter);
void router_unsubscribe_all(struct router *router, struct subscriber *subscriber);
/* The options of the subscriber's subscription to the filter. False if there is none. Thread: as router_subscribe(). */
bool router_subscription_get(const struct router *router, const struct subscriber *subscriber,
                             const struct topic_filter *filter, struct subscribe_options *options);

/* The subscriber's subscriptions in the order of their making. `filter` has the `$share/…/` in front again.
 * False from each stops. Thread: the subscriber's reactor. */
void router_subscriptions_each(const struct router *router, const struct subscriber *subscriber,
                               bool (*each)(struct str filter, const struct subscribe_options *options,
                                            void *arg),
                               void *arg);

struct router_counts {
    uint64_t subscriptions; /* shared ones included */
    uint64_t shared_subscriptions;
    uint64_t filters;      /* different ones */
    uint64_t memory_bytes; /* of the router's own structures, about */
};
void router_counts(const struct router *router, struct router_counts *out); /* thread: any */

/* The filters, each once and without $share, in parts: `part` from 0 to ROUTER_PARTS - 1. Called under the lock of `reactor`: take
 * a copy and return. */
#define ROUTER_PARTS 513
void router_part_each(struct router *router, unsigned reactor, unsigned part,
                      void (*each)(struct str filter, void *arg), void *arg);
/* Whether anybody subscribes exactly this filter. Thread: any. */
bool router_has_filter(struct router *router, const struct topic_filter *filter);

/* ---- Routes ---------------------------------------------------------------------------------------------- */

struct share_group;

struct route {
    struct str topic;        /* a copy of the route's own */
    uint64_t hash;           /* hash_bytes of the topic */
    uint32_t target_count;   /* subscribers of this reactor, and those of any reactor */
    uint32_t group_count;    /* shared subscriptions that match: one member each gets the message */
    uint64_t remote;         /* bit i: reactor i (not this one) has subscribers; it resolves them itself */
    uint64_t remote_durable; /* of these, who has durable sessions that get it at QoS 1 or 2 */
    uint32_t remote_count;
    uint32_t remote_durable_count;
    struct route_target *targets;
    struct share_group **groups;
    /* The rest is the cache's. */
    uint32_t wildcard_version;
    uint32_t exact_version;
    uint32_t prefix_version; /* the sum of two */
    uint16_t prefix_slots[2];
    uint64_t used;     /* clock for eviction */
    uint64_t user;     /* for the cache's user: zero when the route is made */
    uint64_t durables; /* targets that are durable sessions */
};

/* One for each reactor; its calls are on that reactor's thread. Holds at most max_routes and about max_bytes. */
struct route_cache;
struct route_cache *route_cache_new(struct router *router, unsigned reactor, size_t max_routes,
                                    size_t max_bytes);
void route_cache_free(struct route_cache *cache);

/* The route of a topic: from the cache, or resolved. Valid until the next call of route_cache_get on this cache, or
 * a (un)subscribe on this reactor. Never NULL. */
const struct route *route_cache_get(struct route_cache *cache, struct str topic);

/* Whether a route that was got before, and since when no other route_cache_get was called on this cache, is still
 * what route_cache_get would give. */
bool route_is_current(const struct route_cache *cache, const struct route *route);

/* A member of a group for one message. */
struct share_pick {
    struct subscriber
        *subscriber; /* may be used only if reactor is the caller's own, and before it turns again */
    uint64_t subscriber_id;
    uint64_t name_hash; /* the subscriber's */
    uint64_t group_id;  /* with group_hash: which group it was, for route_share_repick */
    uint64_t group_hash;
    uint16_t reactor;
    uint8_t qos;
    bool retain_as_published;
    bool durable;
    uint32_t id; /* subscription identifier, 0: none */
};

/* Picks by the router's strategy among the members that are online, else among all. `index` counts the route's
 * groups. publisher_hash: of the publisher's client id (hash strategy). exclude_id: a member not to pick (it has
 * refused), 0: none. False if the group has gone or has nobody else. Thread: the cache's reactor. */
bool route_share_pick(struct route_cache *cache, const struct route *route, uint32_t index,
                      uint64_t publisher_hash, uint64_t exclude_id, struct share_pick *out);

/* Whether `is` is true of a member of the group. Called under the reader's lock: it calls nothing of the router. */
bool route_share_any(struct route_cache *cache, const struct route *route, uint32_t index,
                     bool (*is)(const struct subscriber *member, void *arg), void *arg);

/* Another member of the same group, since the former one has gone; on whatever reactor. False likewise. */
bool route_share_repick(struct route_cache *cache, const struct share_pick *former, uint64_t publisher_hash,
                        struct share_pick *out);

#endif
