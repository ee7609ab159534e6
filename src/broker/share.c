/* Shared subscriptions (MQTT 5, 4.8.2): the groups of a filter, and who of a group gets a message.
 *
 * A message goes to one member, an online one if there is any. Each strategy names the place in the list of members
 * where the search begins; it goes on from there to the first who will do. In-turn strategies move the turn behind
 * who has been picked, so who is offline or has refused is passed over and nobody gets his share doubled.
 *
 * A route holds pointers to groups that may have been freed since by another reactor; so picking looks the group up
 * by its id, which is never reused, under the reader's lock. */
#include "base/mem.h"
#include "router_internal.h"

/* ---- Groups ---------------------------------------------------------------------------------------------- */

size_t share_group_bytes(const struct router *router, size_t name_len)
{
    return sizeof(struct share_group) + router->reactors * sizeof(uint32_t) + name_len;
}

struct str share_group_name(const struct router *router, const struct share_group *group)
{
    return str_make(group->local_turns + router->reactors, group->members.item.len);
}

static uint64_t group_hash(const struct filter_entry *filter, struct str name)
{
    return hash_bytes(name.data, name.len) ^ pointer_hash(filter);
}

struct group_key {
    const struct router *router;
    const struct filter_entry *filter;
    struct str name;
};

static bool is_group(const void *item, const void *key)
{
    const struct share_group *group = item;
    const struct group_key *wanted = key;
    return group->filter == wanted->filter &&
           str_equal(share_group_name(wanted->router, group), wanted->name);
}

struct share_group *share_group_find(struct router *router, const struct filter_entry *filter,
                                     struct str name)
{
    struct group_key key = {router, filter, name};
    return map_find(&router->groups, group_hash(filter, name), is_group, &key);
}

struct share_group *share_group_get(struct router *router, struct filter_entry *filter, struct str name)
{
    assert(name.len <= TOPIC_BYTES_MAX);
    struct share_group *group = share_group_find(router, filter, name);
    if (group != NULL)
        return group;
    group = router_alloc(router, share_group_bytes(router, name.len));
    group->members.item.kind = FILTER_GROUP;
    group->members.item.len = (uint16_t)name.len;
    memcpy(group->local_turns + router->reactors, name.data, name.len);
    group->filter = filter;
    group->id = ++router->next_group_id;
    group->hash = group_hash(filter, name);
    map_insert(&router->groups, group->hash, group);

    struct crowd *crowd = router_entry_crowd(router, filter);
    group->next = crowd->groups;
    if (crowd->groups != NULL)
        crowd->groups->prev = group;
    crowd->groups = group;
    return group;
}

void share_group_remove(struct router *router, struct share_group *group)
{
    assert(router_entry_count(&group->members) == 0);
    struct filter_entry *filter = group->filter;
    map_remove_item(&router->groups, group->hash, group);
    if (group->next != NULL)
        group->next->prev = group->prev;
    if (group->prev != NULL) {
        group->prev->next = group->next;
    } else {
        filter->crowd->groups = group->next;
    }
    router_entry_free(router, &group->members);
    router_entry_settle(router, filter);
}

void share_group_forget(struct share_group *group, const struct subscriber *leaving)
{
    if (atomic_load_explicit(&group->stuck, memory_order_relaxed) == leaving)
        atomic_store_explicit(&group->stuck, NULL, memory_order_relaxed);
}

void share_groups_free(struct router *router)
{
    struct share_group *group;
    for (size_t at = 0; (group = map_next(&router->groups, &at)) != NULL;)
        router_entry_free(router, &group->members);
    map_free(&router->groups);
}

/* ---- Picking --------------------------------------------------------------------------------------------- */

/* Who is asked for, from the narrowest to the widest. */
enum want { WANT_LOCAL_ONLINE, WANT_ONLINE, WANT_ANY };

/* What one pick is made of. The members are not empty. */
struct choice {
    struct share_group *group;
    const struct subscription *members;
    uint32_t count;
    uint16_t reactor; /* the caller's */
    uint64_t exclude_id;
};

static bool is_online(const struct subscriber *subscriber)
{
    return atomic_load_explicit(&subscriber->online, memory_order_relaxed);
}

static bool will_do(const struct choice *choice, const struct subscription *member, enum want want)
{
    if (want == WANT_LOCAL_ONLINE && member->reactor != choice->reactor &&
        member->reactor != SUBSCRIBER_ANY_REACTOR)
        return false;
    if (want != WANT_ANY && !is_online(member->subscriber))
        return false;
    return member->subscriber->id != choice->exclude_id;
}

/* The first from `start` on, around the list, who will do; NULL if nobody does. */
static const struct subscription *first_from(const struct choice *choice, uint64_t start, enum want want)
{
    assert(choice->count != 0); /* a group goes with its last member */
    uint32_t begin = (uint32_t)(start % choice->count);
    for (uint32_t i = 0; i < choice->count; i++) {
        uint32_t at = begin + i < choice->count ? begin + i : begin + i - choice->count;
        if (will_do(choice, &choice->members[at], want))
            return &choice->members[at];
    }
    return NULL;
}

/* Whose turn it is. Several reactors may ask at once: who comes second asks again. */
static const struct subscription *in_turn(const struct choice *choice, enum want want)
{
    uint32_t turn = atomic_load_explicit(&choice->group->turn, memory_order_relaxed);
    for (;;) {
        const struct subscription *member = first_from(choice, turn, want);
        if (member == NULL)
            return NULL;
        uint32_t next = (uint32_t)(member - choice->members) + 1;
        if (atomic_compare_exchange_weak_explicit(&choice->group->turn, &turn, next, memory_order_relaxed,
                                                  memory_order_relaxed))
            return member;
    }
}

static const struct subscription *round_robin(const struct choice *choice)
{
    const struct subscription *member = in_turn(choice, WANT_ONLINE);
    return member != NULL ? member : in_turn(choice, WANT_ANY);
}

static const struct subscription *from_place(const struct choice *choice, uint64_t start)
{
    const struct subscription *member = first_from(choice, start, WANT_ONLINE);
    return member != NULL ? member : first_from(choice, start, WANT_ANY);
}

/* A few throws first: walking on from who is offline would favour his neighbour. */
static const struct subscription *at_random(const struct choice *choice, struct random *random)
{
    for (int throws = 0; throws < 4; throws++) {
        const struct subscription *member = &choice->members[random_below(random, choice->count)];
        if (will_do(choice, member, WANT_ONLINE))
            return member;
    }
    return from_place(choice, random_below(random, choice->count));
}

/* Who has got the messages so far, while he is online; else the next in turn, who keeps it. A member that has
 * refused this one message does not lose the others. */
static const struct subscription *sticky(const struct choice *choice)
{
    for (;;) {
        struct subscriber *stuck = atomic_load_explicit(&choice->group->stuck, memory_order_relaxed);
        bool standing = stuck != NULL && is_online(stuck);
        if (standing && stuck->id != choice->exclude_id)
            return router_entry_find(&choice->group->members, stuck);
        const struct subscription *member = round_robin(choice);
        if (member == NULL || standing || !is_online(member->subscriber))
            return member;
        if (atomic_compare_exchange_strong_explicit(&choice->group->stuck, &stuck, member->subscriber,
                                                    memory_order_relaxed, memory_order_relaxed))
            return member;
    }
}

static const struct subscription *local_first(const struct choice *choice)
{
    uint32_t *turn = &choice->group->local_turns[choice->reactor];
    const struct subscription *member = first_from(choice, *turn, WANT_LOCAL_ONLINE);
    if (member == NULL)
        return round_robin(choice);
    *turn = (uint32_t)(member - choice->members) + 1;
    return member;
}

static const struct subscription *pick(struct route_cache *cache, const struct choice *choice,
                                       uint64_t publisher_hash)
{
    int strategy = atomic_load_explicit(&cache->router->strategy, memory_order_relaxed);
    switch ((enum share_strategy)strategy) {
    case SHARE_ROUND_ROBIN: break;
    case SHARE_RANDOM: return at_random(choice, &cache->random);
    case SHARE_HASH_CLIENT_ID: return from_place(choice, publisher_hash);
    case SHARE_STICKY: return sticky(choice);
    case SHARE_LOCAL_FIRST: return local_first(choice);
    }
    return round_robin(choice);
}

static bool has_id(const void *item, const void *key)
{
    return ((const struct share_group *)item)->id == *(const uint64_t *)key;
}

static bool pick_from(struct route_cache *cache, const struct share_group_ref *ref, uint64_t publisher_hash,
                      uint64_t exclude_id, struct share_pick *out)
{
    struct router *router = cache->router;
    const struct subscription *member = NULL;

    router_read_lock(router, cache->reactor);
    struct share_group *group = map_find(&router->groups, ref->hash, has_id, &ref->id);
    if (group != NULL) {
        struct choice choice = {.group = group,
                                .members = router_entry_list(&group->members),
                                .count = router_entry_count(&group->members),
                                .reactor = (uint16_t)cache->reactor,
                                .exclude_id = exclude_id};
        member = pick(cache, &choice, publisher_hash);
    }
    if (member != NULL) {
        *out = (struct share_pick){
            .subscriber = member->subscriber,
            .subscriber_id = member->subscriber->id,
            .name_hash = member->subscriber->name_hash,
            .group_id = ref->id,
            .group_hash = ref->hash,
            /* Who has no reactor is at home on the caller's. */
            .reactor = member->reactor != SUBSCRIBER_ANY_REACTOR ? member->reactor : (uint16_t)cache->reactor,
            .qos = member->qos,
            .retain_as_published = member->retain_as_published,
            .durable = member->durable,
            .id = member->id};
    }
    router_read_unlock(router, cache->reactor);
    return member != NULL;
}

bool route_share_pick(struct route_cache *cache, const struct route *route, uint32_t index,
                      uint64_t publisher_hash, uint64_t exclude_id, struct share_pick *out)
{
    assert(index < route->group_count);
    return pick_from(cache, &route_group_refs(route)[index], publisher_hash, exclude_id, out);
}

bool route_share_repick(struct route_cache *cache, const struct share_pick *former, uint64_t publisher_hash,
                        struct share_pick *out)
{
    const struct share_group_ref ref = {.hash = former->group_hash, .id = former->group_id};
    return pick_from(cache, &ref, publisher_hash, former->subscriber_id, out);
}

bool route_share_any(struct route_cache *cache, const struct route *route, uint32_t index,
                     bool (*is)(const struct subscriber *member, void *arg), void *arg)
{
    assert(index < route->group_count);
    struct router *router = cache->router;
    const struct share_group_ref *ref = &route_group_refs(route)[index];
    bool any = false;
    router_read_lock(router, cache->reactor);
    struct share_group *group = map_find(&router->groups, ref->hash, has_id, &ref->id);
    if (group != NULL) {
        const struct subscription *members = router_entry_list(&group->members);
        uint32_t count = router_entry_count(&group->members);
        for (uint32_t i = 0; i < count && !any; i++)
            any = is(members[i].subscriber, arg);
    }
    router_read_unlock(router, cache->reactor);
    return any;
}
