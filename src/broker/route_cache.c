/* A reactor's cache of routes by topic.
 *
 * A hit costs the hash of the topic, one comparison and four version numbers. A route that is found under old versions
 * is resolved again and takes the old one's place.
 *
 * Eviction is a clock: a hand goes round the slots of the table, lap after lap. A route that has been used in this lap
 * or the one before is spared, any other goes. A new route counts as not used, so topics that come only once push each
 * other out before those that come again and again. The table moves its items a little when it changes, so the hand
 * may miss one or meet one twice: no harm, it leaves no mark on them.
 *
 * Routes are freed only by route_cache_get, for the caller may still look at the last one. */
#include "base/mem.h"
#include "router_internal.h"

/* A route counts with its block and its part of the table, but at most as a quarter of the cache: a route with more
 * targets than the cache has room for is kept too, without emptying it of all others. */
#define SLOT_BYTES 32

static size_t charge(const struct route_cache *cache, const struct route *route)
{
    size_t bytes = route_bytes(route) + SLOT_BYTES;
    return bytes < cache->max_bytes / 4 ? bytes : cache->max_bytes / 4;
}

struct route_cache *route_cache_new(struct router *router, unsigned reactor, size_t max_routes,
                                    size_t max_bytes)
{
    assert(reactor < router->reactors);
    struct route_cache *cache = mem_zalloc(sizeof *cache);
    cache->router = router;
    cache->reactor = reactor;
    cache->max_routes = max_routes != 0 ? max_routes : 1;
    cache->max_bytes = max_bytes;
    cache->lap = 2; /* so that a route that has never been used has not been in the lap before either */
    random_seed(&cache->random, random_u64());
    return cache;
}

void route_cache_free(struct route_cache *cache)
{
    if (cache == NULL)
        return;
    struct route *route;
    for (size_t at = 0; (route = map_next(&cache->routes, &at)) != NULL;)
        mem_free(route);
    map_free(&cache->routes);
    route_scratch_free(&cache->scratch);
    mem_free(cache);
}

bool route_is_current(const struct route_cache *cache, const struct route *route)
{
    /* Acquire: pairs with the release of raise_version() in router.c. */
    const struct router *router = cache->router;
    /* Versions only grow, so the sum of two stands while both do. */
    return atomic_load_explicit(&router->wildcard_version, memory_order_acquire) == route->wildcard_version &&
           atomic_load_explicit(&router->prefix_versions[route->prefix_slots[0]], memory_order_acquire) +
                   atomic_load_explicit(&router->prefix_versions[route->prefix_slots[1]],
                                        memory_order_acquire) ==
               route->prefix_version &&
           atomic_load_explicit(&router->exact_versions[exact_version_slot(route->hash)],
                                memory_order_acquire) == route->exact_version;
}

static bool has_topic(const void *item, const void *key)
{
    return str_equal(((const struct route *)item)->topic, *(const struct str *)key);
}

/* Frees one route, not this one. There are two or more; after three laps without a use, at the latest, one goes. */
static void evict_one(struct route_cache *cache, const struct route *kept)
{
    for (;; cache->hand++) {
        if (cache->hand > cache->routes.mask) {
            cache->hand = 0;
            cache->lap++;
        }
        struct route *route = cache->routes.slots[cache->hand].item;
        if (route == NULL || route == kept || route->used + 1 >= cache->lap)
            continue;
        /* The next moves into this slot: the hand stays. */
        cache->bytes -= charge(cache, route);
        map_remove_item(&cache->routes, route->hash, route);
        mem_free(route);
        return;
    }
}

static void make_room(struct route_cache *cache, const struct route *kept)
{
    while (cache->routes.count > 1 &&
           (cache->routes.count > cache->max_routes || cache->bytes > cache->max_bytes))
        evict_one(cache, kept);
}

/* The topic may borrow from a route that goes. */
static const struct route *resolve(struct route_cache *cache, struct map_slot *slot, struct str topic,
                                   uint64_t hash)
{
    struct route *route = route_resolve(cache->router, cache->reactor, topic, hash, &cache->scratch);
    cache->bytes += charge(cache, route);
    if (slot != NULL) {
        struct route *former = slot->item;
        slot->item = route;
        route->used = cache->lap;
        cache->bytes -= charge(cache, former);
        mem_free(former);
    } else {
        map_insert(&cache->routes, hash, route);
    }
    make_room(cache, route);
    return route;
}

const struct route *route_cache_get(struct route_cache *cache, struct str topic)
{
    uint64_t hash = hash_bytes(topic.data, topic.len);
    struct map_slot *slot = map_find_slot(&cache->routes, hash, has_topic, &topic);
    if (slot == NULL || !route_is_current(cache, slot->item))
        return resolve(cache, slot, topic, hash);
    struct route *route = slot->item;
    if (route->used != cache->lap)
        route->used = cache->lap;
    return route;
}
