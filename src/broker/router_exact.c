/* Filters without wildcards: a hash table by text. A topic finds its filter with one look-up, and the hash is the
 * one that the route cache has made of the topic already. */
#include "base/mem.h"
#include "router_internal.h"

static bool has_text(const void *item, const void *key)
{
    return str_equal(router_entry_text(item), *(const struct str *)key);
}

struct filter_entry *router_exact_find(struct router *router, struct str text, uint64_t hash)
{
    return map_find(shard_of(&router->exact, hash), hash, has_text, &text);
}

struct filter_entry *router_exact_get(struct router *router, struct str text, uint64_t hash)
{
    struct filter_entry *entry = router_exact_find(router, text, hash);
    if (entry == NULL) {
        entry = router_entry_new(router, FILTER_EXACT, text);
        map_insert(shard_of(&router->exact, hash), hash, entry);
    }
    return entry;
}

void router_exact_remove(struct router *router, struct filter_entry *entry)
{
    struct str text = router_entry_text(entry);
    uint64_t hash = hash_bytes(text.data, text.len);
    map_remove_item(shard_of(&router->exact, hash), hash, entry);
    router_entry_free(router, entry);
}

void router_exact_free(struct router *router)
{
    for (size_t i = 0; i < SHARDS; i++) {
        struct map *map = &router->exact.maps[i];
        struct filter_entry *entry;
        for (size_t at = 0; (entry = map_next(map, &at)) != NULL;)
            router_entry_free(router, entry);
        map_free(map);
    }
}
