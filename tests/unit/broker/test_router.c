/* The router against a plain list of subscriptions that is searched with a naive matcher. */
#include "router_help.h"

/* ---- Matching -------------------------------------------------------------------------------------------- */

static void test_filters_match_as_the_specification_says(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        const char *topic;
        bool matches;
    } rows[] = {
        {"a", "a", true},
        {"a", "b", false},
        {"a", "a/", false},
        {"a/", "a/", true},
        {"/a", "/a", true},
        {"/a", "a", false},
        {"a//b", "a//b", true},
        {"A", "a", false},
        {"+", "a", true},
        {"+", "/a", false},
        {"/+", "/a", true},
        {"+/+", "/a", true},
        {"+", "a/b", false},
        {"a/+", "a", false},
        {"a/+", "a/", true},
        {"a/+/b", "a//b", true},
        {"a/+/b", "a/x/b", true},
        {"a/+/b", "a/x/y/b", false},
        {"#", "a", true},
        {"#", "/", true},
        {"#", "a/b/c", true},
        {"a/#", "a", true},
        {"a/#", "a/", true},
        {"a/#", "a/b/c", true},
        {"a/#", "ab", false},
        {"a/#", "b", false},
        {"a/b/#", "a", false},
        {"+/#", "a", true},
        {"a/+/#", "a/b", true},
        {"a/+/#", "a", false},
        /* 4.7.2: wildcards in the first level leave `$` alone */
        {"#", "$SYS/x", false},
        {"#", "$SYS", false},
        {"+/x", "$SYS/x", false},
        {"+", "$SYS", false},
        {"+/#", "$SYS", false},
        {"$SYS/#", "$SYS/x", true},
        {"$SYS/#", "$SYS", true},
        {"$SYS/+", "$SYS/x", true},
        {"$SYS/x", "$SYS/x", true},
        {"a/+", "a/$x", true},
        {"a/#", "a/$x", true},
    };
    TABLE_EACH(row, rows)
    {
        /* Alone, the filter hangs at the root; with neighbours, at the end of its way. */
        for (int crowded = 0; crowded < 2; crowded++) {
            struct router *router = router_new(1, SHARE_ROUND_ROBIN);
            struct route_cache *cache = route_cache_new(router, 0, 10, 10000);
            struct subscriber subscriber = subscriber_of(1, 0);
            struct subscriber neighbour = subscriber_of(2, 0);
            subscribe(router, &subscriber, row->filter);
            static const char *const others[] = {"a/+/c/+", "+/x/+",  "+/+/+",    "/+/c",    "a/b/#",
                                                 "#",       "$SYS/+", "$SYS/x/+", "a/+/b/+", "+"};
            for (size_t i = 0; i < LENGTH(others) && crowded; i++)
                subscribe(router, &neighbour, others[i]);
            const struct route *route = route_cache_get(cache, str_of(row->topic));
            CHECK((target_of(route, &subscriber) != NULL) == row->matches, "%s %s", row->filter, row->topic);
            assert_int_equal(naive_match(row->filter, row->topic), row->matches);
            assert_int_equal(topic_matches(str_of(row->filter), str_of(row->topic)), row->matches);
            router_unsubscribe_all(router, &subscriber);
            router_unsubscribe_all(router, &neighbour);
            route_cache_free(cache);
            router_free(router);
        }
    }
}

/* ---- Random histories against the model ------------------------------------------------------------------- */

#define REACTORS    3
#define SUBSCRIBERS 24
#define KEPT_MAX    600

/* A subscription as the model keeps it, in the order of making. */
struct kept {
    unsigned who;
    char group[4]; /* empty: not shared */
    char filter[RANDOM_TEXT_BYTES];
    struct subscribe_options options;
};

struct world {
    struct random random;
    struct router *router;
    struct route_cache *caches[REACTORS];
    struct subscriber subscribers[SUBSCRIBERS];
    struct kept kept[KEPT_MAX];
    size_t count;
};

static void world_open(struct world *world, uint64_t seed)
{
    *world = (struct world){.router = router_new(REACTORS, SHARE_ROUND_ROBIN)};
    random_seed(&world->random, seed);
    for (unsigned i = 0; i < REACTORS; i++)
        world->caches[i] = route_cache_new(world->router, i, 50, 20000);
    for (unsigned i = 0; i < SUBSCRIBERS; i++) {
        world->subscribers[i] =
            subscriber_of(i + 1, i % 8 == 7 ? SUBSCRIBER_ANY_REACTOR : (uint16_t)(i % REACTORS));
    }
}

static void world_close(struct world *world)
{
    for (unsigned i = 0; i < REACTORS; i++)
        route_cache_free(world->caches[i]);
    router_free(world->router);
}

static size_t find_kept(const struct world *world, const struct kept *wanted)
{
    size_t i = 0;
    while (i < world->count &&
           (world->kept[i].who != wanted->who || strcmp(world->kept[i].group, wanted->group) != 0 ||
            strcmp(world->kept[i].filter, wanted->filter) != 0))
        i++;
    return i;
}

static void forget_kept(struct world *world, size_t at)
{
    memmove(&world->kept[at], &world->kept[at + 1], (--world->count - at) * sizeof world->kept[0]);
}

static void full_text(const struct kept *kept, char *out)
{
    sprintf(out, "%s%s%s%s", kept->group[0] != '\0' ? "$share/" : "", kept->group,
            kept->group[0] != '\0' ? "/" : "", kept->filter);
}

static struct kept random_kept(struct world *world)
{
    struct kept kept = {.who = (unsigned)random_below(&world->random, SUBSCRIBERS)};
    /* Now and then the whole crowd is on one filter. */
    if (random_below(&world->random, 4) == 0) {
        strcpy(kept.filter, random_below(&world->random, 2) != 0 ? "a/b" : "a/+");
    } else {
        random_text(&world->random, kept.filter, true);
    }
    if (random_below(&world->random, 5) == 0)
        sprintf(kept.group, "g%u", (unsigned)random_below(&world->random, 3));
    kept.options = (struct subscribe_options){
        .qos = (uint8_t)random_below(&world->random, 3),
        .no_local = random_below(&world->random, 2) != 0,
        .retain_as_published = random_below(&world->random, 3) == 0,
        .retain_handling = (uint8_t)random_below(&world->random, 3),
        .id = random_below(&world->random, 2) != 0 ? 1 + (uint32_t)random_below(&world->random, 1000) : 0,
    };
    return kept;
}

static void step_subscribe(struct world *world)
{
    struct kept kept = random_kept(world);
    char text[64];
    full_text(&kept, text);
    size_t at = find_kept(world, &kept);
    bool is_new = subscribe_with(world->router, &world->subscribers[kept.who], text, kept.options);
    CHECK(is_new == (at == world->count), "%s", text);
    assert_true(at < KEPT_MAX);
    world->kept[at] = kept;
    world->count += is_new;
}

static void step_unsubscribe(struct world *world)
{
    struct kept kept = random_kept(world);
    /* Often one that exists. */
    if (world->count != 0 && random_below(&world->random, 3) != 0)
        kept = world->kept[random_below(&world->random, world->count)];
    char text[64];
    full_text(&kept, text);
    size_t at = find_kept(world, &kept);
    bool was = unsubscribe(world->router, &world->subscribers[kept.who], text);
    CHECK(was == (at < world->count), "%s", text);
    if (was)
        forget_kept(world, at);
}

static void step_leave(struct world *world)
{
    unsigned who = (unsigned)random_below(&world->random, SUBSCRIBERS);
    router_unsubscribe_all(world->router, &world->subscribers[who]);
    assert_int_equal(world->subscribers[who].subscription_count, 0);
    assert_null(world->subscribers[who].filters);
    for (size_t i = world->count; i-- != 0;) {
        if (world->kept[i].who == who)
            forget_kept(world, i);
    }
}

static int by_id(const void *a, const void *b)
{
    const uint32_t *x = a;
    const uint32_t *y = b;
    return (*x > *y) - (*x < *y);
}

/* What of `who` matches a message of others, or of its own (where no-local subscriptions do not count), merged; false
 * if nothing does. ids are sorted. no_local: some subscription says so. */
static bool merge_kept(const struct world *world, unsigned who, const char *topic, bool own,
                       struct route_target *out, uint32_t *ids)
{
    *out = (struct route_target){.ids = ids, .own_only = own};
    bool any = false;
    for (size_t i = 0; i < world->count; i++) {
        const struct kept *kept = &world->kept[i];
        if (kept->who != who || kept->group[0] != '\0' || !naive_match(kept->filter, topic) ||
            (own && kept->options.no_local))
            continue;
        any = true;
        out->qos = kept->options.qos > out->qos ? kept->options.qos : out->qos;
        out->no_local = out->no_local || kept->options.no_local;
        out->retain_as_published = out->retain_as_published || kept->options.retain_as_published;
        if (kept->options.id != 0)
            ids[out->id_count++] = kept->options.id;
    }
    qsort(ids, out->id_count, sizeof *ids, by_id);
    return any;
}

static void check_merged(const struct route_target *target, const struct route_target *expected,
                         const char *topic, unsigned who)
{
    uint32_t ids[KEPT_MAX];
    CHECK(target->qos == expected->qos && target->no_local == expected->no_local &&
              target->retain_as_published == expected->retain_as_published &&
              target->id_count == expected->id_count,
          "%s for %u", topic, who);
    if (target->id_count == 0)
        return;
    memcpy(ids, target->ids, target->id_count * sizeof ids[0]);
    qsort(ids, target->id_count, sizeof ids[0], by_id);
    assert_memory_equal(ids, expected->ids, target->id_count * sizeof ids[0]);
}

/* How many targets the subscriber has: a second one for its own messages, if some of its subscriptions that match are
 * no-local and some are not. */
static uint32_t check_target(const struct world *world, const struct route *route, unsigned who,
                             const char *topic, bool expected_here)
{
    uint32_t ids[KEPT_MAX], own_ids[KEPT_MAX];
    struct route_target expected, own;
    const struct route_target *target = target_of(route, &world->subscribers[who]);
    bool any = merge_kept(world, who, topic, false, &expected, ids);
    bool mixed = merge_kept(world, who, topic, true, &own, own_ids) && expected.no_local;
    CHECK((target != NULL) == (any && expected_here), "%s for %u", topic, who);
    if (target == NULL)
        return 0;
    assert_false(target->own_only);
    check_merged(target, &expected, topic, who);
    if (!mixed)
        return 1;
    assert_true(target[1].subscriber == target->subscriber && target[1].own_only);
    check_merged(&target[1], &own, topic, who);
    return 2;
}

static uint32_t count_kept_groups(const struct world *world, const char *topic)
{
    uint32_t count = 0;
    for (size_t i = 0; i < world->count; i++) {
        const struct kept *kept = &world->kept[i];
        bool first = kept->group[0] != '\0' && naive_match(kept->filter, topic);
        for (size_t k = 0; k < i && first; k++) {
            first = strcmp(world->kept[k].group, kept->group) != 0 ||
                    strcmp(world->kept[k].filter, kept->filter) != 0;
        }
        count += first;
    }
    return count;
}

/* The route of a random topic, on a random reactor, is what the model says. */
static void check_route(struct world *world)
{
    char topic[RANDOM_TEXT_BYTES];
    random_text(&world->random, topic, false);
    unsigned reactor = (unsigned)random_below(&world->random, REACTORS);
    const struct route *route = route_cache_get(world->caches[reactor], str_of(topic));
    assert_true(str_is(route->topic, topic));

    uint64_t remote = 0;
    uint32_t targets = 0;
    for (unsigned who = 0; who < SUBSCRIBERS; who++) {
        uint16_t home = world->subscribers[who].reactor;
        bool here = home == reactor || home == SUBSCRIBER_ANY_REACTOR;
        targets += check_target(world, route, who, topic, here);
        uint32_t ids[KEPT_MAX];
        struct route_target ignored;
        if (!here && merge_kept(world, who, topic, false, &ignored, ids))
            remote |= UINT64_C(1) << home;
    }
    CHECK(route->target_count == targets, "%s: a subscriber is there too often", topic);
    CHECK(route->remote == remote, "%s", topic);
    CHECK(route->group_count == count_kept_groups(world, topic), "%s", topic);
}

struct walk {
    const struct world *world;
    unsigned who;
    size_t at;
};

static bool check_listed(struct str filter, const struct subscribe_options *options, void *arg)
{
    struct walk *walk = arg;
    while (walk->at < walk->world->count && walk->world->kept[walk->at].who != walk->who)
        walk->at++;
    CHECK(walk->at < walk->world->count, "%.*s is one too many", STR_ARG(filter));
    const struct kept *kept = &walk->world->kept[walk->at++];
    char text[64];
    full_text(kept, text);
    CHECK(str_is(filter, text), "%.*s instead of %s", STR_ARG(filter), text);
    CHECK(options->qos == kept->options.qos && options->id == kept->options.id &&
              options->no_local == kept->options.no_local &&
              options->retain_as_published == kept->options.retain_as_published &&
              options->retain_handling == kept->options.retain_handling,
          "%s", text);
    return true;
}

static void check_list(struct world *world)
{
    struct walk walk = {.world = world, .who = (unsigned)random_below(&world->random, SUBSCRIBERS)};
    router_subscriptions_each(world->router, &world->subscribers[walk.who], check_listed, &walk);
    for (; walk.at < world->count; walk.at++)
        CHECK(world->kept[walk.at].who != walk.who, "%s is missing", world->kept[walk.at].filter);
}

static void check_counts(const struct world *world)
{
    struct router_counts counts;
    size_t shared = 0;
    size_t filters = 0;
    for (size_t i = 0; i < world->count; i++) {
        size_t k = 0;
        while (strcmp(world->kept[k].filter, world->kept[i].filter) != 0)
            k++;
        filters += k == i;
        shared += world->kept[i].group[0] != '\0';
    }
    router_counts(world->router, &counts);
    assert_int_equal(counts.subscriptions, world->count);
    assert_int_equal(counts.shared_subscriptions, shared);
    assert_int_equal(counts.filters, filters);
}

static void test_random_histories_route_as_the_model_does(void **state)
{
    (void)state;
    uint64_t seed = harness_seed();
    static struct world world;
    for (unsigned round = 0; round < 3; round++) {
        world_open(&world, seed + round);
        struct router_counts empty;
        router_counts(world.router, &empty);
        for (unsigned step = 0; step < 3000; step++) {
            /* Fill, then empty, in turn. */
            bool filling = step / 400 % 2 == 0 && world.count < KEPT_MAX - 1;
            if (random_below(&world.random, 10) < (filling ? 8 : 3) && world.count < KEPT_MAX - 1) {
                step_subscribe(&world);
            } else if (random_below(&world.random, 200) == 0) {
                step_leave(&world);
            } else {
                step_unsubscribe(&world);
            }
            check_route(&world);
            if (step % 20 == 0) {
                check_list(&world);
                check_counts(&world);
            }
        }
        for (unsigned i = 0; i < SUBSCRIBERS; i++)
            router_unsubscribe_all(world.router, &world.subscribers[i]);
        struct router_counts after;
        router_counts(world.router, &after);
        assert_int_equal(after.memory_bytes, empty.memory_bytes);
        assert_int_equal(after.filters, 0);
        world_close(&world);
    }
}

/* ---- Many ------------------------------------------------------------------------------------------------ */

#define MANY 100000

static void test_many_subscribers_of_one_filter_come_and_go(void **state)
{
    (void)state;
    struct router *router = router_new(2, SHARE_ROUND_ROBIN);
    struct route_cache *cache = route_cache_new(router, 0, 10, 10000);
    struct subscriber *subscribers = calloc(MANY, sizeof *subscribers);
    for (unsigned i = 0; i < MANY; i++) {
        subscribers[i] = subscriber_of(i + 1, i % 2);
        subscribe_with(router, &subscribers[i], "a/#", (struct subscribe_options){.id = i + 1});
    }
    const struct route *route = route_cache_get(cache, STR("a/b"));
    assert_int_equal(route->target_count, MANY / 2);
    assert_int_equal(route->remote, 2);

    /* A second filter: everyone is still there once, with both identifiers. */
    for (unsigned i = 0; i < MANY; i += 4) {
        subscribe_with(router, &subscribers[i], "a/b",
                       (struct subscribe_options){.qos = 1, .id = MANY + i + 1});
    }
    route = route_cache_get(cache, STR("a/b"));
    assert_int_equal(route->target_count, MANY / 2);
    for (uint32_t i = 0; i < route->target_count; i++) {
        const struct route_target *target = &route->targets[i];
        uint32_t index = (uint32_t)(target->subscriber - subscribers);
        CHECK(target->qos == (index % 4 == 0) && target->id_count == 1 + (index % 4 == 0), "%" PRIu32, index);
        CHECK(target->ids[0] % MANY == (index + 1) % MANY, "%" PRIu32, index);
        CHECK(target->id_count == 1 || target->ids[1] % MANY == (index + 1) % MANY, "%" PRIu32, index);
    }

    for (unsigned i = 0; i < MANY; i++) {
        if (i % 1000 != 0)
            CHECK(unsubscribe(router, &subscribers[i], "a/#"), "%u", i);
    }
    route = route_cache_get(cache, STR("a/c"));
    assert_int_equal(route->target_count, MANY / 1000);
    for (unsigned i = 0; i < MANY; i++)
        router_unsubscribe_all(router, &subscribers[i]);
    assert_int_equal(route_cache_get(cache, STR("a/b"))->target_count, 0);
    free(subscribers);
    route_cache_free(cache);
    router_free(router);
}

struct order {
    unsigned next;
    unsigned step;
    uint32_t stop_at;
};

static bool in_order(struct str filter, const struct subscribe_options *options, void *arg)
{
    (void)options;
    struct order *order = arg;
    char text[32];
    snprintf(text, sizeof text, order->next % 2 != 0 ? "m/%u" : "m/%u/+", order->next);
    CHECK(str_is(filter, text), "%.*s instead of %s", STR_ARG(filter), text);
    order->next += order->step;
    return order->next < order->stop_at;
}

static void test_a_subscriber_with_many_filters_keeps_their_order(void **state)
{
    (void)state;
    struct router *router = router_new(1, SHARE_ROUND_ROBIN);
    struct subscriber subscriber = subscriber_of(1, 0);
    char text[32];
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, i % 2 != 0 ? "m/%u" : "m/%u/+", i);
        assert_true(subscribe(router, &subscriber, text));
    }
    struct order all = {.step = 1, .stop_at = UINT32_MAX};
    router_subscriptions_each(router, &subscriber, in_order, &all);
    assert_int_equal(all.next, MANY);

    for (unsigned i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, i % 2 != 0 ? "m/%u" : "m/%u/+", i);
        if (i % 7 != 0)
            CHECK(unsubscribe(router, &subscriber, text), "%s", text);
    }
    struct order some = {.step = 7, .stop_at = UINT32_MAX};
    router_subscriptions_each(router, &subscriber, in_order, &some);
    assert_int_equal(some.next, (MANY + 6) / 7 * 7);
    assert_int_equal(subscriber.subscription_count, (MANY + 6) / 7);

    struct order few = {.step = 7, .stop_at = 70};
    router_subscriptions_each(router, &subscriber, in_order, &few);
    assert_int_equal(few.next, 70);

    router_unsubscribe_all(router, &subscriber);
    assert_null(subscriber.filters);
    router_free(router);
}

static void test_filters_of_the_deepest_kind_match(void **state)
{
    (void)state;
    uint64_t seed = harness_seed();
    struct random random;
    random_seed(&random, seed);
    struct router *router = router_new(1, SHARE_ROUND_ROBIN);
    struct route_cache *cache = route_cache_new(router, 0, 10, 100000);
    struct subscriber subscriber = subscriber_of(1, 0);
    char text[2 * TOPIC_LEVELS_MAX];
    char topic[2 * TOPIC_LEVELS_MAX];
    /* `+` and literals in any mixture: each of these matches, by its own way only. */
    for (unsigned i = 0; i < 500; i++) {
        for (size_t level = 0; level < TOPIC_LEVELS_MAX; level++) {
            text[2 * level] = random_below(&random, 2) != 0 ? '+' : 'a';
            text[2 * level + 1] = '/';
            topic[2 * level] = 'a';
            topic[2 * level + 1] = '/';
        }
        text[sizeof text - 1] = '\0';
        topic[sizeof topic - 1] = '\0';
        subscribe_with(router, &subscriber, text, (struct subscribe_options){.id = i + 1});
    }
    const struct route *route = route_cache_get(cache, str_of(topic));
    assert_int_equal(route->target_count, 1);
    assert_int_equal(route->targets[0].id_count, subscriber.subscription_count);
    assert_true(subscriber.subscription_count >= 499);
    router_unsubscribe_all(router, &subscriber);
    route_cache_free(cache);
    router_free(router);
}

static void test_a_router_that_goes_leaves_its_subscribers_without_filters(void **state)
{
    (void)state;
    struct router *router = router_new(1, SHARE_ROUND_ROBIN);
    struct subscriber subscriber = subscriber_of(1, 0);
    struct subscriber member = subscriber_of(2, 0);
    subscribe(router, &subscriber, "a/b");
    subscribe(router, &subscriber, "a/+");
    subscribe(router, &subscriber, "+/+/#");
    subscribe(router, &subscriber, "+/+/c");
    subscribe(router, &member, "$share/g/+/b");
    subscribe(router, &member, "$share/g/a");
    router_free(router);
    assert_int_equal(subscriber.subscription_count, 0);
    assert_null(subscriber.filters);
    assert_int_equal(member.subscription_count, 0);
    assert_null(member.filters);
}

RUN_TESTS(cmocka_unit_test(test_filters_match_as_the_specification_says),
          cmocka_unit_test(test_random_histories_route_as_the_model_does),
          cmocka_unit_test(test_many_subscribers_of_one_filter_come_and_go),
          cmocka_unit_test(test_a_subscriber_with_many_filters_keeps_their_order),
          cmocka_unit_test(test_filters_of_the_deepest_kind_match),
          cmocka_unit_test(test_a_router_that_goes_leaves_its_subscribers_without_filters))
