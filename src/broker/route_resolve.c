/* From a topic to its route: find the filters that match, merge their subscriptions by subscriber, write the result
 * into one block.
 *
 *     route │ targets │ groups │ references of the groups │ identifiers of all targets │ topic
 *
 * Only finding and merging are under the reactor's lock; the block is written from the scratch memory. Subscribers of
 * one filter differ, so a topic that one filter matches needs no merging; else a subscriber is looked for among the
 * targets so far, through hash buckets when there are many. */
#include "base/mem.h"
#include "router_internal.h"

#define SEARCH_ONE_BY_ONE  16     /* targets; more go through the buckets */
#define SCRATCH_KEPT_BYTES 262144 /* scratch memory that is larger is given back */

/* ---- Merging --------------------------------------------------------------------------------------------- */

enum merge_search { SEARCH_NOT, SEARCH_LIST, SEARCH_BUCKETS };

static void prepare_buckets(struct route_scratch *scratch, uint32_t targets_max)
{
    uint32_t wanted = 64;
    while (wanted < 2 * (uint64_t)targets_max)
        wanted *= 2;
    if (wanted > scratch->bucket_cap) {
        mem_free(scratch->buckets);
        scratch->buckets = mem_alloc(wanted * sizeof *scratch->buckets);
    }
    scratch->bucket_cap = wanted;
    memset(scratch->buckets, 0, wanted * sizeof *scratch->buckets);
}

static struct merge_target *append_target(struct route_scratch *scratch, struct subscriber *subscriber)
{
    if (scratch->target_count == scratch->target_cap) {
        scratch->target_cap = scratch->target_cap != 0 ? 2 * scratch->target_cap : 32;
        scratch->targets = mem_realloc(scratch->targets, scratch->target_cap * sizeof *scratch->targets);
    }
    struct merge_target *target = &scratch->targets[scratch->target_count++];
    *target = (struct merge_target){.subscriber = subscriber};
    return target;
}

static struct merge_target *target_by_list(struct route_scratch *scratch, struct subscriber *subscriber)
{
    for (uint32_t i = 0; i < scratch->target_count; i++) {
        if (scratch->targets[i].subscriber == subscriber)
            return &scratch->targets[i];
    }
    return append_target(scratch, subscriber);
}

static struct merge_target *target_by_bucket(struct route_scratch *scratch, struct subscriber *subscriber)
{
    uint32_t mask = scratch->bucket_cap - 1;
    for (uint32_t i = (uint32_t)pointer_hash(subscriber) & mask;; i = (i + 1) & mask) {
        if (scratch->buckets[i] == 0) {
            scratch->buckets[i] = scratch->target_count + 1;
            return append_target(scratch, subscriber);
        }
        struct merge_target *target = &scratch->targets[scratch->buckets[i] - 1];
        if (target->subscriber == subscriber)
            return target;
    }
}

static void add_id(struct route_scratch *scratch, struct merge_target *target, uint32_t id, bool no_local)
{
    if (scratch->id_count == scratch->id_cap) {
        scratch->id_cap = scratch->id_cap != 0 ? 2 * scratch->id_cap : 32;
        scratch->ids = mem_realloc(scratch->ids, scratch->id_cap * sizeof *scratch->ids);
    }
    scratch->ids[scratch->id_count++] = (struct merge_id){.id = id, .no_local = no_local};
    if (target->last_id != 0) {
        scratch->ids[target->last_id - 1].next = scratch->id_count;
    } else {
        target->first_id = scratch->id_count;
    }
    target->last_id = scratch->id_count;
    target->id_count++;
    target->local_id_count += !no_local;
}

static void merge(struct route_scratch *scratch, const struct subscription *subscription,
                  enum merge_search search)
{
    struct merge_target *target = search == SEARCH_NOT ? append_target(scratch, subscription->subscriber)
                                  : search == SEARCH_LIST
                                      ? target_by_list(scratch, subscription->subscriber)
                                      : target_by_bucket(scratch, subscription->subscriber);
    if (target->qos < subscription->qos)
        target->qos = subscription->qos;
    target->retain_as_published |= subscription->retain_as_published;
    target->durable |= subscription->durable;
    if (subscription->no_local) {
        target->no_local = true;
    } else {
        target->any_local = true;
        if (target->local_qos < subscription->qos)
            target->local_qos = subscription->qos;
        target->local_retain_as_published |= subscription->retain_as_published;
    }
    /* A target counts its identifiers in 16 bits; no packet has room for more. */
    if (subscription->id != 0 && target->id_count < UINT16_MAX)
        add_id(scratch, target, subscription->id, subscription->no_local);
}

/* How the targets of these entries are to be told apart. */
static enum merge_search prepare_search(struct route_scratch *scratch)
{
    uint64_t subscriptions = 0;
    uint32_t entries = 0;
    for (uint32_t i = 0; i < scratch->matches.count; i++) {
        uint32_t count = router_entry_count(scratch->matches.entries[i]);
        subscriptions += count;
        entries += count != 0;
    }
    if (entries <= 1)
        return SEARCH_NOT;
    if (subscriptions <= SEARCH_ONE_BY_ONE)
        return SEARCH_LIST;
    assert(subscriptions < UINT32_MAX / 2);
    prepare_buckets(scratch, (uint32_t)subscriptions);
    return SEARCH_BUCKETS;
}

/* Fills targets and ids; returns the other reactors that have subscribers. */
static uint64_t merge_all(struct route_scratch *scratch, unsigned reactor, uint64_t *remote_durable)
{
    uint64_t remote = 0;
    *remote_durable = 0;
    enum merge_search search = prepare_search(scratch);
    for (uint32_t i = 0; i < scratch->matches.count; i++) {
        struct filter_entry *entry = scratch->matches.entries[i];
        const struct subscription *list = router_entry_list(entry);
        uint32_t count = router_entry_count(entry);
        for (uint32_t k = 0; k < count; k++) {
            if (list[k].reactor == reactor || list[k].reactor == SUBSCRIBER_ANY_REACTOR) {
                merge(scratch, &list[k], search);
            } else {
                remote |= UINT64_C(1) << list[k].reactor;
                *remote_durable |= (uint64_t)list[k].durable << list[k].reactor;
            }
        }
    }
    return remote;
}

static uint32_t count_groups(const struct router_matches *matches)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < matches->count; i++) {
        for (struct share_group *group = router_entry_groups(matches->entries[i]); group != NULL;
             group = group->next)
            count++;
    }
    return count;
}

/* ---- The block ------------------------------------------------------------------------------------------- */

_Static_assert(sizeof(struct route) % 8 == 0 && sizeof(struct route_target) % 8 == 0 &&
                   sizeof(struct share_group_ref) % 8 == 0,
               "the parts of the block follow each other without gaps");

size_t route_bytes(const struct route *route)
{
    return (size_t)(route->topic.data + route->topic.len - (const char *)route);
}

static bool is_mixed(const struct merge_target *target)
{
    return target->no_local && target->any_local;
}

/* What the second targets of mixed subscribers need besides. */
static void count_mixed(const struct route_scratch *scratch, uint32_t *targets, uint32_t *ids)
{
    *targets = scratch->target_count;
    *ids = scratch->id_count;
    for (uint32_t i = 0; i < scratch->target_count; i++) {
        if (is_mixed(&scratch->targets[i])) {
            *targets += 1;
            *ids += scratch->targets[i].local_id_count;
        }
    }
}

/* The block with its parts in place, targets and ids not filled yet; *ids is where the latter go. */
static struct route *route_new(const struct route_scratch *scratch, uint32_t group_count, struct str topic,
                               uint32_t **ids)
{
    uint32_t target_count, id_count;
    count_mixed(scratch, &target_count, &id_count);
    size_t targets_bytes = target_count * sizeof(struct route_target);
    size_t groups_bytes = group_count * sizeof(struct share_group *);
    size_t refs_bytes = group_count * sizeof(struct share_group_ref);
    size_t ids_bytes = id_count * sizeof(uint32_t);
    struct route *route =
        mem_alloc(sizeof *route + targets_bytes + groups_bytes + refs_bytes + ids_bytes + topic.len);

    char *at = (char *)(route + 1);
    *route = (struct route){.target_count = target_count, .group_count = group_count};
    route->targets = (struct route_target *)(void *)at;
    at += targets_bytes;
    route->groups = (struct share_group **)(void *)at;
    at += groups_bytes + refs_bytes;
    *ids = (uint32_t *)(void *)at;
    at += ids_bytes;
    route->topic = str_make(at, topic.len);
    if (topic.len != 0)
        memcpy(at, topic.data, topic.len);
    return route;
}

/* Under the lock: the groups must stand still. */
static void fill_groups(struct route *route, const struct router_matches *matches)
{
    struct share_group_ref *refs = (struct share_group_ref *)(void *)(route->groups + route->group_count);
    uint32_t at = 0;
    for (uint32_t i = 0; i < matches->count; i++) {
        for (struct share_group *group = router_entry_groups(matches->entries[i]); group != NULL;
             group = group->next) {
            route->groups[at] = group;
            refs[at++] = (struct share_group_ref){group->hash, group->id};
        }
    }
    assert(at == route->group_count);
}

static void fill_targets(struct route *route, const struct route_scratch *scratch, uint32_t *ids)
{
    struct route_target *out = route->targets;
    for (uint32_t i = 0; i < scratch->target_count; i++) {
        const struct merge_target *from = &scratch->targets[i];
        route->durables += from->durable;
        *out++ = (struct route_target){.subscriber = from->subscriber,
                                       .ids = from->id_count != 0 ? ids : NULL,
                                       .id_count = (uint16_t)from->id_count,
                                       .qos = from->qos,
                                       .no_local = from->no_local,
                                       .retain_as_published = from->retain_as_published};
        for (uint32_t id = from->first_id; id != 0; id = scratch->ids[id - 1].next)
            *ids++ = scratch->ids[id - 1].id;
        if (!is_mixed(from))
            continue;
        *out++ = (struct route_target){.subscriber = from->subscriber,
                                       .ids = from->local_id_count != 0 ? ids : NULL,
                                       .id_count = (uint16_t)from->local_id_count,
                                       .qos = from->local_qos,
                                       .own_only = true,
                                       .retain_as_published = from->local_retain_as_published};
        for (uint32_t id = from->first_id; id != 0; id = scratch->ids[id - 1].next) {
            if (!scratch->ids[id - 1].no_local)
                *ids++ = scratch->ids[id - 1].id;
        }
    }
    assert(out == route->targets + route->target_count);
}

void route_scratch_free(struct route_scratch *scratch)
{
    router_matches_free(&scratch->matches);
    mem_free(scratch->targets);
    mem_free(scratch->ids);
    mem_free(scratch->buckets);
    *scratch = (struct route_scratch){0};
}

static size_t scratch_bytes(const struct route_scratch *scratch)
{
    return scratch->matches.cap * sizeof(struct filter_entry *) +
           scratch->target_cap * sizeof *scratch->targets + scratch->id_cap * sizeof *scratch->ids +
           scratch->bucket_cap * sizeof *scratch->buckets;
}

struct route *route_resolve(struct router *router, unsigned reactor, struct str topic, uint64_t hash,
                            struct route_scratch *scratch)
{
    scratch->matches.count = 0;
    scratch->target_count = 0;
    scratch->id_count = 0;

    router_read_lock(router, reactor);
    struct filter_entry *exact = router_exact_find(router, topic, hash);
    if (exact != NULL)
        router_matches_add(&scratch->matches, exact);
    router_trie_match(router, topic, &scratch->matches);
    uint64_t remote_durable;
    uint64_t remote = merge_all(scratch, reactor, &remote_durable);
    uint32_t *ids;
    struct route *route = route_new(scratch, count_groups(&scratch->matches), topic, &ids);
    fill_groups(route, &scratch->matches);
    /* Relaxed: they do not change while the lock is held. */
    route->wildcard_version = atomic_load_explicit(&router->wildcard_version, memory_order_relaxed);
    route->prefix_version = 0;
    for (unsigned i = 0; i < PREFIX_LEVELS; i++) {
        size_t slot = prefix_slot(topic, i + 1);
        route->prefix_slots[i] = (uint16_t)slot;
        route->prefix_version += atomic_load_explicit(&router->prefix_versions[slot], memory_order_relaxed);
    }
    route->exact_version =
        atomic_load_explicit(&router->exact_versions[exact_version_slot(hash)], memory_order_relaxed);
    router_read_unlock(router, reactor);

    route->hash = hash;
    route->remote = remote;
    route->remote_durable = remote_durable;
    route->remote_count = (uint32_t)__builtin_popcountll(remote);
    route->remote_durable_count = (uint32_t)__builtin_popcountll(remote_durable);
    fill_targets(route, scratch, ids);
    if (scratch_bytes(scratch) > SCRATCH_KEPT_BYTES)
        route_scratch_free(scratch);
    return route;
}
