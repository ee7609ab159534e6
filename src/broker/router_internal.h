/* What the router is made of. Its files: router.c (subscribing), router_exact.c (the table of filters without
 * wildcards), router_trie.c (the trie of those with), router_entry.c (who subscribes one filter),
 * router_subscriber.c (what one subscriber subscribes), share.c (groups), route_resolve.c (from a topic to a route)
 * and route_cache.c.
 *
 *     exact  ─▶ filter_entry "dev/7/cmd"  ─▶ its one subscription, in place
 *     trie   ─▶ filter_entry "fleet/+/#"  ─▶ crowd ─▶ list of subscriptions, index of it
 *                                               └──▶ share_group "workers" ─▶ its members, in the same way
 *     subscriber.filters ─▶ filter_entry and share_group, in the order of subscribing
 *
 * Whoever changes any of this holds the locks of all reactors; whoever reads it holds one. */
#ifndef BROKER_ROUTER_INTERNAL_H
#define BROKER_ROUTER_INTERNAL_H

#include "base/hash.h"
#include "base/map.h"
#include "base/random.h"
#include "broker/router.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#define ROUTER_REACTORS_MAX 64
#define EXACT_VERSIONS      4096 /* a power of two */
#define PREFIX_VERSIONS     4096 /* likewise, and a slot fits into 16 bits */
#define PREFIX_LEVELS       2    /* a topic is asked for as many versions: see route.prefix_slots */
#define SHARDS              256  /* one for each value of a hash's highest byte */

/* ---- Subscriptions and filters --------------------------------------------------------------------------- */

struct subscription {
    struct subscriber *subscriber; /* NULL: none */
    uint32_t position;             /* in subscriber->filters */
    uint32_t id;
    uint16_t reactor; /* the subscriber's, so that who looks for his own need not touch the others */
    uint8_t qos;
    uint8_t retain_handling;
    bool no_local;
    bool retain_as_published : 1;
    bool durable : 1; /* the subscriber is a durable session, and gets it at QoS 1 or 2 */
};
_Static_assert(sizeof(struct subscription) == 24, "there are millions of them");

enum filter_kind { FILTER_EXACT, FILTER_WILDCARD, FILTER_GROUP, FILTER_NODE };

/* Where under its parent an item of the trie hangs. */
enum filter_place { PLACE_LITERAL, PLACE_PLUS, PLACE_HASH, PLACE_END };

/* What filter_node and filter_entry begin with. */
struct filter_item {
    struct filter_node *parent; /* of the trie; NULL elsewhere */
    uint16_t len;               /* bytes of the text behind the structure */
    uint16_t level_at;          /* where in the text the level begins that it hangs under in its parent */
    uint8_t kind;
    uint8_t place;
    bool crowded; /* of an entry: `crowd` is in use, not `one` */
};

/* The subscriptions of one filter, or the members of one group. Most filters have one subscription, so it has its
 * place here. The text of the filter follows (router_entry_text). */
struct filter_entry {
    struct filter_item item;
    union {
        struct subscription one;
        struct crowd *crowd;
    };
};

/* More than one subscription, or groups. The order of the list means nothing: the last fills a gap. */
struct crowd {
    struct subscription *list;
    uint32_t count;
    uint32_t cap;
    struct map index; /* hash of the subscriber → position in the list + 1; in use while the list is long */
    struct share_group *groups;
};

/* A level of the trie that more than one filter goes through. The text is the level. */
struct filter_node {
    struct filter_item item;
    struct filter_item *plus;  /* what hangs under `+` */
    struct filter_entry *hash; /* the filter that ends with `#` here */
    struct filter_entry *end;  /* the filter that ends here */
    uint32_t literals;         /* how many hang under other levels: in the trie's table */
};

/* A hash table in parts: when one of them grows, everyone waits for that part only. */
struct shards {
    struct map maps[SHARDS];
};

static inline struct map *shard_of(struct shards *shards, uint64_t hash)
{
    return &shards->maps[hash >> 56];
}

struct filter_trie {
    struct filter_node root;
    struct shards literals; /* filter_item by parent and level */
};

/* The filter `$share/<name>/<filter>`. `members` is first: a pointer to it is one to the group. */
struct share_group {
    struct filter_entry members; /* its text is the group's name */
    struct filter_entry *filter; /* the entry that the group belongs to */
    struct share_group *next;    /* of the same filter */
    struct share_group *prev;
    uint64_t id; /* never reused: tells whether a route's group is still there */
    uint64_t hash;
    /* Written by readers, relaxed: each is a hint of its own. */
    _Atomic uint32_t turn;              /* whose turn it is, in members */
    _Atomic(struct subscriber *) stuck; /* sticky: the member that gets everything; a member or NULL */
    uint32_t local_turns[];             /* for each reactor, by its own thread only; the name follows */
};

/* ---- The router ------------------------------------------------------------------------------------------ */

/* Two mutexes never share a cache line (of 64 bytes), however the array is aligned. */
struct reactor_lock {
    pthread_mutex_t mutex;
    char pad[128 - sizeof(pthread_mutex_t)];
};

struct router {
    unsigned reactors;
    struct reactor_lock *locks; /* one for each reactor */
    _Atomic int strategy;       /* enum share_strategy; relaxed */

    /* Added to under all locks, after the change, with release; a cache reads them without a lock, with acquire.
     * They wrap: a route would have to sleep through exactly 2^32 changes to be taken for current. */
    _Atomic uint32_t wildcard_version;                 /* of filters that begin with a wildcard */
    _Atomic uint32_t prefix_versions[PREFIX_VERSIONS]; /* of the other wildcard filters: prefix_slot() */
    _Atomic uint32_t exact_versions[EXACT_VERSIONS];

    char pad[64]; /* what follows changes more often than what every publish reads above */

    /* Changed under all locks. */
    struct shards exact; /* filter_entry by text */
    struct filter_trie trie;
    struct map groups; /* share_group by name and filter */
    uint64_t next_group_id;
    struct router_counts counts; /* but for the bytes of the hash tables of `exact` and `trie` */
};

void router_read_lock(const struct router *router, unsigned reactor);
void router_read_unlock(const struct router *router, unsigned reactor);

/* Memory that router_counts tells of. Zeroed. */
void *router_alloc(struct router *router, size_t bytes);
void *router_realloc(struct router *router, void *block, size_t old_bytes, size_t bytes); /* not zeroed */
void router_release(struct router *router, void *block, size_t bytes);
size_t map_memory_bytes(const struct map *map);

static inline uint64_t pointer_hash(const void *pointer)
{
    return hash_u64((uint64_t)(uintptr_t)pointer);
}

static inline size_t exact_version_slot(uint64_t topic_hash)
{
    return (size_t)topic_hash & (EXACT_VERSIONS - 1);
}

/* The first levels of a filter or topic; the whole if it has no more. */
static inline struct str first_levels(struct str text, unsigned levels)
{
    size_t len = 0;
    while (len < text.len && (text.data[len] != '/' || --levels != 0))
        len++;
    return str_make(text.data, len);
}

/* A filter with so many levels, or more, in front of its first wildcard concerns only topics that begin with them. */
static inline size_t prefix_slot(struct str text, unsigned levels)
{
    struct str prefix = first_levels(text, levels);
    return (size_t)hash_bytes(prefix.data, prefix.len) & (PREFIX_VERSIONS - 1);
}

/* ---- router_entry.c: who subscribes one filter ------------------------------------------------------------ */

struct filter_entry *router_entry_new(struct router *router, enum filter_kind kind, struct str text);
void router_entry_free(struct router *router, struct filter_entry *entry); /* and its crowd, without groups */
size_t router_entry_bytes(const struct router *router, const struct filter_entry *entry);
struct str router_entry_text(const struct filter_entry *entry); /* not of a group */

static inline uint32_t router_entry_count(const struct filter_entry *entry)
{
    return entry->item.crowded ? entry->crowd->count : entry->one.subscriber != NULL;
}

static inline struct subscription *router_entry_list(struct filter_entry *entry)
{
    return entry->item.crowded ? entry->crowd->list : &entry->one;
}

static inline struct share_group *router_entry_groups(const struct filter_entry *entry)
{
    return entry->item.crowded ? entry->crowd->groups : NULL;
}

/* Neither subscriptions nor groups. */
static inline bool router_entry_is_empty(const struct filter_entry *entry)
{
    return router_entry_count(entry) == 0 && router_entry_groups(entry) == NULL;
}

/* NULL if there is none. Valid until the entry's next change. */
struct subscription *router_entry_find(struct filter_entry *entry, const struct subscriber *subscriber);
void router_entry_add(struct router *router, struct filter_entry *entry,
                      const struct subscription *subscription);
void router_entry_remove(struct router *router, struct filter_entry *entry,
                         struct subscription *subscription);
struct crowd *router_entry_crowd(struct router *router,
                                 struct filter_entry *entry);                /* makes one if need be */
void router_entry_settle(struct router *router, struct filter_entry *entry); /* drops a crowd that is none */

/* ---- router_exact.c ---------------------------------------------------------------------------------------- */

struct filter_entry *router_exact_find(struct router *router, struct str text, uint64_t hash);
struct filter_entry *router_exact_get(struct router *router, struct str text,
                                      uint64_t hash);                        /* made if need be */
void router_exact_remove(struct router *router, struct filter_entry *entry); /* frees */
void router_exact_free(struct router *router);

/* ---- router_trie.c ----------------------------------------------------------------------------------------- */

struct filter_entry *router_trie_find(struct router *router, struct str filter);
struct filter_entry *router_trie_get(struct router *router, struct str filter); /* made if need be */
void router_trie_remove(struct router *router, struct filter_entry *entry);     /* frees */
void router_trie_free(struct router *router);

/* Entries that match a topic. Zero-initialise; router_matches_free() at the end. */
struct router_matches {
    struct filter_entry **entries;
    uint32_t count;
    uint32_t cap;
};
void router_matches_add(struct router_matches *matches, struct filter_entry *entry);
void router_matches_free(struct router_matches *matches);
void router_trie_match(struct router *router, struct str topic, struct router_matches *matches);

/* ---- router_subscriber.c: what one subscriber subscribes --------------------------------------------------- */

/* Adds at the end. Returns the position. May move others: their subscriptions are told. */
uint32_t router_subscriber_add(struct router *router, struct subscriber *subscriber,
                               struct filter_entry *entry);
/* Call it before the subscription leaves the entry. */
void router_subscriber_remove(struct router *router, struct subscriber *subscriber, uint32_t position);
struct filter_entry *router_subscriber_last(const struct subscriber *subscriber); /* it has one */
/* In order; NULL at the end. Start with *position 0. */
struct filter_entry *router_subscriber_next(const struct subscriber *subscriber, uint32_t *position);
void router_subscriber_forget(struct router *router, struct subscriber *subscriber); /* frees the list */

/* ---- share.c ------------------------------------------------------------------------------------------------ */

struct share_group *share_group_find(struct router *router, const struct filter_entry *filter,
                                     struct str name);
struct share_group *share_group_get(struct router *router, struct filter_entry *filter, struct str name);
void share_group_remove(struct router *router, struct share_group *group); /* frees; it has no members */
void share_group_forget(struct share_group *group, const struct subscriber *leaving);
void share_groups_free(struct router *router); /* with their members; leaves the entries' lists alone */
struct str share_group_name(const struct router *router, const struct share_group *group);
size_t share_group_bytes(const struct router *router, size_t name_len);

/* ---- route_resolve.c and route_cache.c ---------------------------------------------------------------------- */

/* How a route finds a group again that may have been freed since. */
struct share_group_ref {
    uint64_t hash; /* of the group in router->groups */
    uint64_t id;
};

/* The references of a route's groups are behind its pointers to them, in the same order. */
static inline const struct share_group_ref *route_group_refs(const struct route *route)
{
    return (const struct share_group_ref *)(const void *)(route->groups + route->group_count);
}

/* A target while it is being gathered. */
struct merge_target {
    struct subscriber *subscriber;
    uint32_t first_id; /* in ids: position + 1, 0: none */
    uint32_t last_id;
    uint32_t id_count;
    uint8_t qos;
    bool retain_as_published;
    bool durable;   /* some subscription is */
    bool any_local; /* some subscription does not say no-local */
    bool no_local;  /* some subscription says it */
    /* Of those that do not say it, where both are: */
    uint32_t local_id_count;
    uint8_t local_qos;
    bool local_retain_as_published;
};

struct merge_id {
    uint32_t id;
    uint32_t next; /* position + 1, 0: none */
    bool no_local;
};

/* What resolving needs besides its result; kept from one to the next unless it has become large. */
struct route_scratch {
    struct router_matches matches;
    struct merge_target *targets;
    uint32_t target_count;
    uint32_t target_cap;
    struct merge_id *ids;
    uint32_t id_count;
    uint32_t id_cap;
    uint32_t *buckets; /* open addressing: position in targets + 1, by hash of the subscriber */
    uint32_t bucket_cap;
};

/* Returns owned, one block (mem_free). Takes the reactor's lock meanwhile. */
struct route *route_resolve(struct router *router, unsigned reactor, struct str topic, uint64_t hash,
                            struct route_scratch *scratch);
void route_scratch_free(struct route_scratch *scratch);
size_t route_bytes(const struct route *route); /* of its block */

struct route_cache {
    struct router *router;
    unsigned reactor;
    size_t max_routes;
    size_t max_bytes;
    struct map routes; /* by topic */
    size_t bytes;      /* of all routes, each counted as charge() says */
    size_t hand;       /* slot of `routes` that eviction looks at next */
    uint64_t lap;      /* of the hand; route.used is the lap of its last use, 0: none */
    struct route_scratch scratch;
    struct random random;
};

#endif
