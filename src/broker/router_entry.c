/* Who subscribes one filter: one subscription in place, or a crowd.
 *
 * A crowd is an array; removing puts the last into the gap. Up to INDEX_ABOVE subscriptions are searched one by
 * one, more through an index, so that 100,000 subscribers of one filter come and go in constant time. */
#include "base/mem.h"
#include "router_internal.h"

#define INDEX_ABOVE 16 /* the index is made when the list gets longer than this … */
#define INDEX_BELOW 8  /* … and dropped when it gets shorter than this */

struct filter_entry *router_entry_new(struct router *router, enum filter_kind kind, struct str text)
{
    assert(text.len <= TOPIC_BYTES_MAX && kind != FILTER_GROUP);
    struct filter_entry *entry = router_alloc(router, sizeof *entry + text.len);
    entry->item.kind = (uint8_t)kind;
    entry->item.len = (uint16_t)text.len;
    if (text.len != 0)
        memcpy(entry + 1, text.data, text.len);
    router->counts.filters++;
    return entry;
}

struct str router_entry_text(const struct filter_entry *entry)
{
    assert(entry->item.kind != FILTER_GROUP);
    return str_make(entry + 1, entry->item.len);
}

size_t router_entry_bytes(const struct router *router, const struct filter_entry *entry)
{
    if (entry->item.kind == FILTER_GROUP)
        return share_group_bytes(router, entry->item.len);
    return sizeof *entry + entry->item.len;
}

static void crowd_free(struct router *router, struct crowd *crowd)
{
    router->counts.memory_bytes -= map_memory_bytes(&crowd->index);
    map_free(&crowd->index);
    router_release(router, crowd->list, crowd->cap * sizeof *crowd->list);
    router_release(router, crowd, sizeof *crowd);
}

/* Only when the router goes is anyone left: he has no subscriptions any more. */
static void forget_subscribers(struct router *router, struct filter_entry *entry)
{
    struct subscription *list = router_entry_list(entry);
    uint32_t count = router_entry_count(entry);
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].subscriber->filters != NULL)
            router_subscriber_forget(router, list[i].subscriber);
    }
}

void router_entry_free(struct router *router, struct filter_entry *entry)
{
    forget_subscribers(router, entry);
    if (entry->item.crowded)
        crowd_free(router, entry->crowd);
    if (entry->item.kind != FILTER_GROUP)
        router->counts.filters--;
    router_release(router, entry, router_entry_bytes(router, entry));
}

/* ---- The index of a long list ---------------------------------------------------------------------------- */

struct index_key {
    const struct crowd *crowd;
    const struct subscriber *subscriber;
};

static bool is_at(const void *item, const void *key)
{
    const struct index_key *wanted = key;
    return wanted->crowd->list[(uintptr_t)item - 1].subscriber == wanted->subscriber;
}

static struct map_slot *index_slot(const struct crowd *crowd, const struct subscriber *subscriber)
{
    struct index_key key = {crowd, subscriber};
    return map_find_slot(&crowd->index, pointer_hash(subscriber), is_at, &key);
}

static void index_add(struct router *router, struct crowd *crowd, uint32_t position)
{
    size_t before = map_memory_bytes(&crowd->index);
    map_insert(&crowd->index, pointer_hash(crowd->list[position].subscriber),
               (void *)(uintptr_t)(position + 1));
    router->counts.memory_bytes += map_memory_bytes(&crowd->index) - before;
}

static void index_remove(struct router *router, struct crowd *crowd, uint32_t position)
{
    size_t before = map_memory_bytes(&crowd->index);
    map_remove_item(&crowd->index, pointer_hash(crowd->list[position].subscriber),
                    (void *)(uintptr_t)(position + 1));
    router->counts.memory_bytes -= before - map_memory_bytes(&crowd->index);
}

static void index_drop(struct router *router, struct crowd *crowd)
{
    router->counts.memory_bytes -= map_memory_bytes(&crowd->index);
    map_free(&crowd->index);
}

/* ---- The list -------------------------------------------------------------------------------------------- */

static void crowd_resize(struct router *router, struct crowd *crowd, uint32_t cap)
{
    size_t each = sizeof *crowd->list;
    crowd->list = router_realloc(router, crowd->list, crowd->cap * each, cap * each);
    crowd->cap = cap;
}

static void crowd_add(struct router *router, struct crowd *crowd, const struct subscription *subscription)
{
    if (crowd->count == crowd->cap)
        crowd_resize(router, crowd, crowd->cap + crowd->cap / 2 + 2);
    crowd->list[crowd->count++] = *subscription;
    if (crowd->index.count != 0) {
        index_add(router, crowd, crowd->count - 1);
    } else if (crowd->count > INDEX_ABOVE) {
        for (uint32_t i = 0; i < crowd->count; i++)
            index_add(router, crowd, i);
    }
}

static void crowd_remove(struct router *router, struct crowd *crowd, uint32_t position)
{
    bool indexed = crowd->index.count != 0;
    uint32_t last = crowd->count - 1;
    if (indexed)
        index_remove(router, crowd, position);
    if (position != last) {
        struct map_slot *slot = indexed ? index_slot(crowd, crowd->list[last].subscriber) : NULL;
        crowd->list[position] = crowd->list[last];
        if (slot != NULL)
            slot->item = (void *)(uintptr_t)(position + 1);
    }
    crowd->count--;
    if (indexed && crowd->count < INDEX_BELOW)
        index_drop(router, crowd);
    if (crowd->count < crowd->cap / 4)
        crowd_resize(router, crowd, crowd->cap / 2);
}

struct crowd *router_entry_crowd(struct router *router, struct filter_entry *entry)
{
    if (entry->item.crowded)
        return entry->crowd;
    struct crowd *crowd = router_alloc(router, sizeof *crowd);
    if (entry->one.subscriber != NULL)
        crowd_add(router, crowd, &entry->one);
    entry->item.crowded = true;
    entry->crowd = crowd;
    return crowd;
}

void router_entry_settle(struct router *router, struct filter_entry *entry)
{
    if (!entry->item.crowded || entry->crowd->count > 1 || entry->crowd->groups != NULL)
        return;
    struct crowd *crowd = entry->crowd;
    entry->item.crowded = false;
    entry->one = crowd->count == 1 ? crowd->list[0] : (struct subscription){0};
    crowd_free(router, crowd);
}

/* ---- Subscriptions of an entry --------------------------------------------------------------------------- */

struct subscription *router_entry_find(struct filter_entry *entry, const struct subscriber *subscriber)
{
    if (entry->item.crowded && entry->crowd->index.count != 0) {
        struct map_slot *slot = index_slot(entry->crowd, subscriber);
        return slot != NULL ? &entry->crowd->list[(uintptr_t)slot->item - 1] : NULL;
    }
    struct subscription *list = router_entry_list(entry);
    uint32_t count = router_entry_count(entry);
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].subscriber == subscriber)
            return &list[i];
    }
    return NULL;
}

void router_entry_add(struct router *router, struct filter_entry *entry,
                      const struct subscription *subscription)
{
    if (!entry->item.crowded && entry->one.subscriber == NULL) {
        entry->one = *subscription;
    } else {
        crowd_add(router, router_entry_crowd(router, entry), subscription);
    }
}

void router_entry_remove(struct router *router, struct filter_entry *entry, struct subscription *subscription)
{
    if (!entry->item.crowded) {
        assert(subscription == &entry->one);
        entry->one = (struct subscription){0};
        return;
    }
    crowd_remove(router, entry->crowd, (uint32_t)(subscription - entry->crowd->list));
    router_entry_settle(router, entry);
}
