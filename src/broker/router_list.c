/* The router's filters, for who lists them: a part is one hash table of the exact filters, one of the trie's, or the root of the
 * trie with what hangs under it outside of those tables. */
#include "router_internal.h"

_Static_assert(ROUTER_PARTS == 2 * SHARDS + 1, "two hash tables in parts, and the root");

struct listing {
    void (*each)(struct str filter, void *arg);
    void *arg;
};

static void list_entry(const struct listing *listing, const struct filter_entry *entry)
{
    if (entry != NULL && !router_entry_is_empty(entry))
        listing->each(router_entry_text(entry), listing->arg);
}

/* What hangs under the item but in no table: its `#`, its end, and what is under its `+`. */
static void list_item(const struct listing *listing, const struct filter_item *item)
{
    while (item != NULL && item->kind == FILTER_NODE) {
        const struct filter_node *node = (const struct filter_node *)(const void *)item;
        list_entry(listing, node->hash);
        list_entry(listing, node->end);
        item = node->plus;
    }
    list_entry(listing, (const struct filter_entry *)(const void *)item);
}

static void list_map(const struct listing *listing, const struct map *map)
{
    const struct filter_item *item;
    for (size_t at = 0; (item = map_next(map, &at)) != NULL;)
        list_item(listing, item);
}

void router_part_each(struct router *router, unsigned reactor, unsigned part,
                      void (*each)(struct str filter, void *arg), void *arg)
{
    const struct listing listing = {.each = each, .arg = arg};
    router_read_lock(router, reactor);
    if (part < SHARDS)
        list_map(&listing, &router->exact.maps[part]);
    else if (part < 2 * SHARDS)
        list_map(&listing, &router->trie.literals.maps[part - SHARDS]);
    else
        list_item(&listing, &router->trie.root.item);
    router_read_unlock(router, reactor);
}

bool router_has_filter(struct router *router, const struct topic_filter *filter)
{
    struct str text = filter->filter;
    router_read_lock(router, 0);
    struct filter_entry *entry = filter->wildcard
                                     ? router_trie_find(router, text)
                                     : router_exact_find(router, text, hash_bytes(text.data, text.len));
    bool has = entry != NULL && !router_entry_is_empty(entry);
    router_read_unlock(router, 0);
    return has;
}
