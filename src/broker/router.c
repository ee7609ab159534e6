/* Subscribing and unsubscribing, and the locks around them.
 *
 * One mutex for each reactor. A reader takes its own, which is free but during a change; a writer takes all, in the
 * order of the reactors, so that two writers do not wait for each other in a circle. Under all locks the structures
 * are changed in place and what leaves is freed; then the version that the change concerns is raised, and every
 * route that was made under the former one is made again when it is asked for. A change that no route can show
 * raises nothing: a client that comes back and subscribes what it had costs nobody anything. */
#include "base/buf.h"
#include "base/mem.h"
#include "router_internal.h"

#define REMOVE_AT_ONCE \
    256 /* filters of a subscriber under one taking of the locks: the others wait so long */

/* ---- Memory ---------------------------------------------------------------------------------------------- */

void *router_alloc(struct router *router, size_t bytes)
{
    router->counts.memory_bytes += bytes;
    return mem_zalloc(bytes);
}

void *router_realloc(struct router *router, void *block, size_t old_bytes, size_t bytes)
{
    router->counts.memory_bytes += bytes;
    router->counts.memory_bytes -= old_bytes;
    return mem_realloc(block, bytes);
}

void router_release(struct router *router, void *block, size_t bytes)
{
    router->counts.memory_bytes -= bytes;
    mem_free(block);
}

size_t map_memory_bytes(const struct map *map)
{
    return map->slots != NULL ? (map->mask + 1) * sizeof *map->slots : 0;
}

/* ---- Locks ----------------------------------------------------------------------------------------------- */

void router_read_lock(const struct router *router, unsigned reactor)
{
    pthread_mutex_lock(&router->locks[reactor].mutex);
}

void router_read_unlock(const struct router *router, unsigned reactor)
{
    pthread_mutex_unlock(&router->locks[reactor].mutex);
}

static void write_lock(struct router *router)
{
    for (unsigned i = 0; i < router->reactors; i++)
        pthread_mutex_lock(&router->locks[i].mutex);
}

static void write_unlock(struct router *router)
{
    for (unsigned i = router->reactors; i-- != 0;)
        pthread_mutex_unlock(&router->locks[i].mutex);
}

/* ---- The router ------------------------------------------------------------------------------------------ */

struct router *router_new(unsigned reactors, enum share_strategy strategy)
{
    assert(reactors >= 1 && reactors <= ROUTER_REACTORS_MAX);
    struct router *router = mem_zalloc(sizeof *router);
    router->reactors = reactors;
    router->locks = mem_zalloc(reactors * sizeof *router->locks);
    for (unsigned i = 0; i < reactors; i++)
        pthread_mutex_init(&router->locks[i].mutex, NULL);
    atomic_init(&router->strategy, (int)strategy);
    router->trie.root.item.kind = FILTER_NODE;
    router->counts.memory_bytes = sizeof *router + reactors * sizeof *router->locks;
    return router;
}

void router_free(struct router *router)
{
    if (router == NULL)
        return;
    share_groups_free(router);
    router_exact_free(router);
    router_trie_free(router);
    for (unsigned i = 0; i < router->reactors; i++)
        pthread_mutex_destroy(&router->locks[i].mutex);
    mem_free(router->locks);
    mem_free(router);
}

void router_set_share_strategy(struct router *router, enum share_strategy strategy)
{
    atomic_store_explicit(&router->strategy, (int)strategy, memory_order_relaxed);
}

/* ---- Changes --------------------------------------------------------------------------------------------- */

static struct share_group *group_of(struct filter_entry *entry)
{
    return entry->item.kind == FILTER_GROUP ? (struct share_group *)(void *)entry : NULL;
}

/* Levels in front of the filter's first wildcard, at most PREFIX_LEVELS. */
static unsigned literal_levels(struct str filter)
{
    unsigned count = 0;
    struct str level;
    while (count < PREFIX_LEVELS && topic_next_level(&filter, &level) && !str_is(level, "+") &&
           !str_is(level, "#"))
        count++;
    return count;
}

/* The version that stands for the entry's filter. */
static _Atomic uint32_t *version_of(struct router *router, struct filter_entry *entry)
{
    struct share_group *group = group_of(entry);
    if (group != NULL)
        entry = group->filter;
    struct str text = router_entry_text(entry);
    if (entry->item.kind == FILTER_WILDCARD) {
        unsigned levels = literal_levels(text);
        return levels > 0 ? &router->prefix_versions[prefix_slot(text, levels)] : &router->wildcard_version;
    }
    return &router->exact_versions[exact_version_slot(hash_bytes(text.data, text.len))];
}

/* Release: who reads the raised version takes a lock and finds the change. */
static void raise_version(_Atomic uint32_t *version)
{
    atomic_fetch_add_explicit(version, 1, memory_order_release);
}

/* The entry of the filter or, of a shared one, of the group's members. NULL if there is none. */
static struct filter_entry *find_entry(struct router *router, const struct topic_filter *filter)
{
    struct str text = filter->filter;
    struct filter_entry *entry = filter->wildcard
                                     ? router_trie_find(router, text)
                                     : router_exact_find(router, text, hash_bytes(text.data, text.len));
    if (entry == NULL || !filter->shared)
        return entry;
    struct share_group *group = share_group_find(router, entry, filter->group);
    return group != NULL ? &group->members : NULL;
}

/* As find_entry, made if need be. */
static struct filter_entry *get_entry(struct router *router, const struct topic_filter *filter)
{
    struct str text = filter->filter;
    struct filter_entry *entry = filter->wildcard
                                     ? router_trie_get(router, text)
                                     : router_exact_get(router, text, hash_bytes(text.data, text.len));
    return filter->shared ? &share_group_get(router, entry, filter->group)->members : entry;
}

/* Removes the entry and its group if nobody is left in them. */
static void drop_if_empty(struct router *router, struct filter_entry *entry)
{
    struct share_group *group = group_of(entry);
    if (group != NULL) {
        if (router_entry_count(entry) != 0)
            return;
        entry = group->filter;
        share_group_remove(router, group);
    }
    if (!router_entry_is_empty(entry))
        return;
    if (entry->item.kind == FILTER_WILDCARD) {
        router_trie_remove(router, entry);
    } else {
        router_exact_remove(router, entry);
    }
}

static void remove_subscription(struct router *router, struct filter_entry *entry,
                                struct subscription *subscription)
{
    struct subscriber *subscriber = subscription->subscriber;
    struct share_group *group = group_of(entry);
    _Atomic uint32_t *version = version_of(router, entry);

    router_subscriber_remove(router, subscriber, subscription->position);
    if (group != NULL)
        share_group_forget(group, subscriber);
    router_entry_remove(router, entry, subscription);
    router->counts.subscriptions--;
    router->counts.shared_subscriptions -= group != NULL;
    drop_if_empty(router, entry);
    raise_version(version);
}

/* Takes the options over. Returns whether a route can tell the difference. */
static bool set_options(struct subscription *subscription, const struct subscribe_options *options)
{
    bool durable = subscription->subscriber->number != 0 && options->qos > 0;
    bool same = subscription->qos == options->qos && subscription->no_local == options->no_local &&
                subscription->retain_as_published == options->retain_as_published &&
                subscription->durable == durable && subscription->id == options->id;
    subscription->durable = durable;
    subscription->qos = options->qos;
    subscription->no_local = options->no_local;
    subscription->retain_as_published = options->retain_as_published;
    subscription->retain_handling = options->retain_handling;
    subscription->id = options->id;
    return !same;
}

bool router_subscribe(struct router *router, struct subscriber *subscriber, const struct topic_filter *filter,
                      const struct subscribe_options *options)
{
    assert(subscriber->reactor < router->reactors || subscriber->reactor == SUBSCRIBER_ANY_REACTOR);
    assert(filter->filter.len != 0 && filter->filter.len <= TOPIC_BYTES_MAX);

    write_lock(router);
    struct filter_entry *entry = get_entry(router, filter);
    struct subscription *standing = router_entry_find(entry, subscriber);
    bool is_new = standing == NULL;
    bool changed = true;
    if (is_new) {
        struct subscription subscription = {.subscriber = subscriber, .reactor = subscriber->reactor};
        set_options(&subscription, options);
        subscription.position = router_subscriber_add(router, subscriber, entry);
        router_entry_add(router, entry, &subscription);
        router->counts.subscriptions++;
        router->counts.shared_subscriptions += filter->shared;
    } else {
        changed = set_options(standing, options);
    }
    if (changed)
        raise_version(version_of(router, entry));
    write_unlock(router);
    return is_new;
}

bool router_unsubscribe(struct router *router, struct subscriber *subscriber,
                        const struct topic_filter *filter)
{
    if (subscriber->subscription_count == 0)
        return false;
    write_lock(router);
    struct filter_entry *entry = find_entry(router, filter);
    struct subscription *subscription = entry != NULL ? router_entry_find(entry, subscriber) : NULL;
    if (subscription != NULL)
        remove_subscription(router, entry, subscription);
    write_unlock(router);
    return subscription != NULL;
}

void router_unsubscribe_all(struct router *router, struct subscriber *subscriber)
{
    while (subscriber->subscription_count != 0) {
        write_lock(router);
        for (unsigned i = 0; i < REMOVE_AT_ONCE && subscriber->subscription_count != 0; i++) {
            struct filter_entry *entry = router_subscriber_last(subscriber);
            remove_subscription(router, entry, router_entry_find(entry, subscriber));
        }
        write_unlock(router);
    }
}

static struct subscribe_options options_of(const struct subscription *subscription)
{
    return (struct subscribe_options){.qos = subscription->qos,
                                      .no_local = subscription->no_local,
                                      .retain_as_published = subscription->retain_as_published,
                                      .retain_handling = subscription->retain_handling,
                                      .id = subscription->id};
}

bool router_subscription_get(const struct router *router, const struct subscriber *subscriber,
                             const struct topic_filter *filter, struct subscribe_options *options)
{
    if (subscriber->subscription_count == 0)
        return false;
    unsigned reactor = subscriber->reactor < router->reactors ? subscriber->reactor : 0;
    router_read_lock(router, reactor);
    /* Finding changes nothing. */
    struct filter_entry *entry = find_entry((struct router *)(uintptr_t)router, filter);
    const struct subscription *subscription = entry != NULL ? router_entry_find(entry, subscriber) : NULL;
    if (subscription != NULL)
        *options = options_of(subscription);
    router_read_unlock(router, reactor);
    return subscription != NULL;
}

/* ---- Telling --------------------------------------------------------------------------------------------- */

/* A subscription as it is gathered for router_subscriptions_each; the filter's text follows. */
struct listed {
    struct subscribe_options options;
    size_t len;
};

static void list_one(const struct router *router, struct filter_entry *entry,
                     const struct subscription *subscription, struct buf *out)
{
    struct share_group *group = group_of(entry);
    struct str name = group != NULL ? share_group_name(router, group) : STR_NONE;
    struct str text = router_entry_text(group != NULL ? group->filter : entry);
    struct listed listed = {
        .options = options_of(subscription),
        .len = text.len + (group != NULL ? strlen("$share//") + name.len : 0),
    };
    buf_append(out, &listed, sizeof listed);
    if (group != NULL) {
        buf_append_str(out, STR("$share/"));
        buf_append_str(out, name);
        buf_append_byte(out, '/');
    }
    buf_append_str(out, text);
}

/* Gathers under the lock and tells without it: `each` may call the router. */
void router_subscriptions_each(const struct router *router, const struct subscriber *subscriber,
                               bool (*each)(struct str filter, const struct subscribe_options *options,
                                            void *arg),
                               void *arg)
{
    struct buf buf = {0};
    struct filter_entry *entry;
    unsigned reactor = subscriber->reactor < router->reactors ? subscriber->reactor : 0;
    router_read_lock(router, reactor);
    for (uint32_t at = 0; (entry = router_subscriber_next(subscriber, &at)) != NULL;)
        list_one(router, entry, router_entry_find(entry, subscriber), &buf);
    router_read_unlock(router, reactor);

    for (size_t at = 0; at < buf.len;) {
        struct listed listed;
        memcpy(&listed, buf.data + at, sizeof listed);
        at += sizeof listed;
        if (!each(str_make(buf.data + at, listed.len), &listed.options, arg))
            break;
        at += listed.len;
    }
    buf_free(&buf);
}

void router_counts(const struct router *router, struct router_counts *out)
{
    router_read_lock(router, 0);
    *out = router->counts;
    out->memory_bytes += map_memory_bytes(&router->groups);
    for (size_t i = 0; i < SHARDS; i++) {
        out->memory_bytes += map_memory_bytes(&router->exact.maps[i]);
        out->memory_bytes += map_memory_bytes(&router->trie.literals.maps[i]);
    }
    router_read_unlock(router, 0);
}
