/* Filters with wildcards: a trie by level.
 *
 * A node is a level that more than one filter goes through. Under it hang, by the next level: the filter that ends
 * with `#`, the one that ends here, what goes on with `+`, and what goes on with other levels. The last are not in
 * the node but in one hash table for all nodes, by parent and level, so that a node with a million children and a
 * million nodes with one child cost the same.
 *
 * A filter hangs where its way parts from all others: the levels behind that have no nodes. So "fleet/+/dev7/#",
 * alone under "fleet/+", is one entry and one slot:
 *
 *     root ─"fleet"─▶ node ─+─▶ node ─"dev7"─▶ entry fleet/+/dev7/#
 *                                    ─"dev8"─▶ node ─#─▶ entry fleet/+/dev8/#
 *                                                   ─"cmd"─▶ entry fleet/+/dev8/cmd
 *
 * When a second filter comes the same way, a node takes the entry's place and the entry moves down by one level.
 * Nodes go when nothing hangs under them; a filter that stays behind alone does not move up again.
 *
 * Matching walks down: at each node at most its literal child and its `+` child, each reached by one way only. So it
 * visits no node twice and only nodes whose way matches the topic; the depth is that of the deepest filter, at most
 * TOPIC_LEVELS_MAX. An entry that is met on the way is compared whole. */
#include "base/mem.h"
#include "router_internal.h"

/* The level of a filter or topic that begins at `at`. */
static struct str level_from(struct str text, size_t at)
{
    assert(at <= text.len);
    if (at == text.len)
        return (struct str){"", 0};
    const char *begin = text.data + at;
    const char *slash = memchr(begin, '/', text.len - at);
    return str_make(begin, slash != NULL ? (size_t)(slash - begin) : text.len - at);
}

static bool is_node(const struct filter_item *item)
{
    return item->kind == FILTER_NODE;
}

static struct filter_node *node_of(struct filter_item *item)
{
    assert(item->kind == FILTER_NODE);
    return (struct filter_node *)(void *)item;
}

static struct filter_entry *entry_of(struct filter_item *item)
{
    assert(item->kind == FILTER_WILDCARD);
    return (struct filter_entry *)(void *)item;
}

/* The level that the item hangs under. Not for an entry at PLACE_END, which hangs under none. */
static struct str item_level(const struct filter_item *item)
{
    if (is_node(item))
        return str_make((const struct filter_node *)(const void *)item + 1, item->len);
    return level_from(router_entry_text((const struct filter_entry *)(const void *)item), item->level_at);
}

/* ---- Items under their parents --------------------------------------------------------------------------- */

struct child_key {
    const struct filter_node *parent;
    struct str level;
};

static bool is_child(const void *item, const void *key)
{
    const struct filter_item *child = item;
    const struct child_key *wanted = key;
    return child->parent == wanted->parent && str_equal(item_level(child), wanted->level);
}

static uint64_t child_hash(const struct filter_node *parent, struct str level)
{
    return hash_bytes(level.data, level.len) ^ pointer_hash(parent);
}

static struct filter_item *find_literal(struct filter_trie *trie, const struct filter_node *parent,
                                        struct str level)
{
    if (parent->literals == 0)
        return NULL;
    struct child_key key = {parent, level};
    uint64_t hash = child_hash(parent, level);
    return map_find(shard_of(&trie->literals, hash), hash, is_child, &key);
}

static void attach(struct filter_trie *trie, struct filter_node *parent, struct filter_item *item,
                   enum filter_place place)
{
    item->parent = parent;
    item->place = (uint8_t)place;
    switch (place) {
    case PLACE_END: parent->end = entry_of(item); break;
    case PLACE_HASH: parent->hash = entry_of(item); break;
    case PLACE_PLUS: parent->plus = item; break;
    case PLACE_LITERAL: {
        uint64_t hash = child_hash(parent, item_level(item));
        map_insert(shard_of(&trie->literals, hash), hash, item);
        parent->literals++;
        break;
    }
    }
}

static void detach(struct filter_trie *trie, struct filter_item *item)
{
    struct filter_node *parent = item->parent;
    switch ((enum filter_place)item->place) {
    case PLACE_END: parent->end = NULL; break;
    case PLACE_HASH: parent->hash = NULL; break;
    case PLACE_PLUS: parent->plus = NULL; break;
    case PLACE_LITERAL: {
        uint64_t hash = child_hash(parent, item_level(item));
        map_remove_item(shard_of(&trie->literals, hash), hash, item);
        parent->literals--;
        break;
    }
    }
    item->parent = NULL;
}

/* Where under a node the filter goes on, whose next level begins at `at`; behind its end if there is none. */
static enum filter_place place_of(struct str filter, size_t at)
{
    if (at > filter.len)
        return PLACE_END;
    struct str level = level_from(filter, at);
    if (level.len == 1 && level.data[0] == '#')
        return PLACE_HASH;
    if (level.len == 1 && level.data[0] == '+')
        return PLACE_PLUS;
    return PLACE_LITERAL;
}

static void attach_entry(struct filter_trie *trie, struct filter_node *parent, struct filter_entry *entry,
                         size_t at)
{
    enum filter_place place = place_of(router_entry_text(entry), at);
    entry->item.level_at = place != PLACE_END ? (uint16_t)at : 0;
    attach(trie, parent, &entry->item, place);
}

static struct filter_item *child_at(struct filter_trie *trie, struct filter_node *node, struct str filter,
                                    size_t at)
{
    switch (place_of(filter, at)) {
    case PLACE_END: return node->end != NULL ? &node->end->item : NULL;
    case PLACE_HASH: return node->hash != NULL ? &node->hash->item : NULL;
    case PLACE_PLUS: return node->plus;
    case PLACE_LITERAL: break;
    }
    return find_literal(trie, node, level_from(filter, at));
}

/* ---- Adding and removing --------------------------------------------------------------------------------- */

/* Puts a node in the place of the entry, and the entry under it. */
static struct filter_node *push_down(struct router *router, struct filter_entry *entry)
{
    struct filter_trie *trie = &router->trie;
    struct filter_node *parent = entry->item.parent;
    enum filter_place place = entry->item.place;
    struct str level = item_level(&entry->item);
    size_t behind = entry->item.level_at + level.len + 1;

    struct filter_node *node = router_alloc(router, sizeof *node + level.len);
    node->item.kind = FILTER_NODE;
    node->item.len = (uint16_t)level.len;
    if (level.len != 0)
        memcpy(node + 1, level.data, level.len);

    detach(trie, &entry->item);
    attach(trie, parent, &node->item, place);
    attach_entry(trie, node, entry, behind);
    return node;
}

struct filter_entry *router_trie_find(struct router *router, struct str filter)
{
    struct filter_node *node = &router->trie.root;
    for (size_t at = 0;;) {
        struct filter_item *item = child_at(&router->trie, node, filter, at);
        if (item == NULL)
            return NULL;
        if (!is_node(item)) {
            struct filter_entry *entry = entry_of(item);
            return str_equal(router_entry_text(entry), filter) ? entry : NULL;
        }
        node = node_of(item);
        at += node->item.len + 1U;
    }
}

struct filter_entry *router_trie_get(struct router *router, struct str filter)
{
    struct filter_node *node = &router->trie.root;
    for (size_t at = 0;;) {
        struct filter_item *item = child_at(&router->trie, node, filter, at);
        if (item == NULL) {
            struct filter_entry *entry = router_entry_new(router, FILTER_WILDCARD, filter);
            attach_entry(&router->trie, node, entry, at);
            return entry;
        }
        if (is_node(item)) {
            node = node_of(item);
        } else {
            struct filter_entry *entry = entry_of(item);
            if (str_equal(router_entry_text(entry), filter))
                return entry;
            node = push_down(router, entry);
        }
        at += node->item.len + 1U;
    }
}

static void node_free(struct router *router, struct filter_node *node)
{
    router_release(router, node, sizeof *node + node->item.len);
}

static bool node_is_empty(const struct filter_node *node)
{
    return node->literals == 0 && node->plus == NULL && node->hash == NULL && node->end == NULL;
}

void router_trie_remove(struct router *router, struct filter_entry *entry)
{
    struct filter_trie *trie = &router->trie;
    struct filter_node *node = entry->item.parent;
    detach(trie, &entry->item);
    router_entry_free(router, entry);
    while (node != &trie->root && node_is_empty(node)) {
        struct filter_node *parent = node->item.parent;
        detach(trie, &node->item);
        node_free(router, node);
        node = parent;
    }
}

/* Frees what hangs under the node but is not in the table. */
static void free_below(struct router *router, struct filter_node *node)
{
    if (node->end != NULL)
        router_entry_free(router, node->end);
    if (node->hash != NULL)
        router_entry_free(router, node->hash);
    if (node->plus == NULL)
        return;
    if (is_node(node->plus)) {
        free_below(router, node_of(node->plus));
        node_free(router, node_of(node->plus));
    } else {
        router_entry_free(router, entry_of(node->plus));
    }
}

void router_trie_free(struct router *router)
{
    free_below(router, &router->trie.root);
    for (size_t i = 0; i < SHARDS; i++) {
        struct map *map = &router->trie.literals.maps[i];
        struct filter_item *item;
        for (size_t at = 0; (item = map_next(map, &at)) != NULL;) {
            if (is_node(item)) {
                free_below(router, node_of(item));
                node_free(router, node_of(item));
            } else {
                router_entry_free(router, entry_of(item));
            }
        }
        map_free(map);
    }
}

/* ---- Matching -------------------------------------------------------------------------------------------- */

struct match {
    struct filter_trie *trie;
    struct str topic;
    struct router_matches *matches;
};

void router_matches_add(struct router_matches *matches, struct filter_entry *entry)
{
    if (matches->count == matches->cap) {
        matches->cap = matches->cap != 0 ? 2 * matches->cap : 32;
        matches->entries = mem_realloc(matches->entries, matches->cap * sizeof(struct filter_entry *));
    }
    matches->entries[matches->count++] = entry;
}

void router_matches_free(struct router_matches *matches)
{
    mem_free(matches->entries);
    *matches = (struct router_matches){0};
}

static void match_item(const struct match *match, struct filter_item *item, size_t at);

/* `at`: where the topic's next level begins; behind its end if there is none. */
static void match_node(const struct match *match, const struct filter_node *node, size_t at)
{
    /* Wildcards in the first level do not match topics that begin with `$` [MQTT-4.7.2-1]. */
    bool wildcards = node != &match->trie->root || match->topic.len == 0 || match->topic.data[0] != '$';

    if (node->hash != NULL && wildcards)
        router_matches_add(match->matches, node->hash);
    if (at > match->topic.len) {
        if (node->end != NULL)
            router_matches_add(match->matches, node->end);
        return;
    }
    struct str level = level_from(match->topic, at);
    struct filter_item *literal = find_literal(match->trie, node, level);
    if (literal != NULL)
        match_item(match, literal, at + level.len + 1);
    if (node->plus != NULL && wildcards)
        match_item(match, node->plus, at + level.len + 1);
}

static void match_item(const struct match *match, struct filter_item *item, size_t at)
{
    if (is_node(item)) {
        match_node(match, node_of(item), at);
    } else if (topic_matches(router_entry_text(entry_of(item)), match->topic)) {
        router_matches_add(match->matches, entry_of(item));
    }
}

void router_trie_match(struct router *router, struct str topic, struct router_matches *matches)
{
    struct match match = {&router->trie, topic, matches};
    match_node(&match, &router->trie.root, 0);
}
