/* Routes in the cache: when one stands, when it is made again, what is evicted, and all of it from several threads. */
#include "router_help.h"

#include "base/thread.h"
#include "broker/router_internal.h"

#include <sched.h>

struct fixture {
    struct router *router;
    struct route_cache *cache;
    struct subscriber subscribers[4]; /* reactors 0, 0, 1, any */
};

static struct fixture fixture_of(size_t max_routes, size_t max_bytes)
{
    struct fixture fixture = {.router = router_new(2, SHARE_ROUND_ROBIN)};
    fixture.cache = route_cache_new(fixture.router, 0, max_routes, max_bytes);
    fixture.subscribers[0] = subscriber_of(1, 0);
    fixture.subscribers[1] = subscriber_of(2, 0);
    fixture.subscribers[2] = subscriber_of(3, 1);
    fixture.subscribers[3] = subscriber_of(4, SUBSCRIBER_ANY_REACTOR);
    return fixture;
}

static void fixture_close(struct fixture *fixture)
{
    for (size_t i = 0; i < LENGTH(fixture->subscribers); i++)
        router_unsubscribe_all(fixture->router, &fixture->subscribers[i]);
    route_cache_free(fixture->cache);
    router_free(fixture->router);
}

/* Marks the route as seen, as the cache's user may. */
static void mark(const struct route *route)
{
    ((struct route *)(uintptr_t)route)->user = 7;
}

/* Whether the cache still has the route that was marked. */
static bool is_marked(struct route_cache *cache, const char *topic)
{
    return route_cache_get(cache, str_of(topic))->user == 7;
}

static void fill(struct fixture *fixture, const char *prefix, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char topic[32];
        snprintf(topic, sizeof topic, "%s/%u", prefix, i);
        mark(route_cache_get(fixture->cache, str_of(topic)));
    }
}

/* ---- Durable sessions ------------------------------------------------------------------------------------ */

static void test_a_route_tells_where_durable_sessions_get_the_message(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(100, 1 << 20);
    struct router *router = fixture.router;
    const struct subscribe_options at_1 = {.qos = 1};
    struct subscriber *here = &fixture.subscribers[0], *other = &fixture.subscribers[1],
                      *there = &fixture.subscribers[2];
    subscribe_with(router, other, "t", at_1);
    const struct route *route = route_cache_get(fixture.cache, STR("t"));
    assert_int_equal(route->durables, 0);
    assert_int_equal(route->remote_durable, 0);

    here->number = 5;
    there->number = 6;
    subscribe(router, here, "t"); /* at QoS 0 nothing is kept */
    subscribe(router, there, "t");
    route = route_cache_get(fixture.cache, STR("t"));
    assert_int_equal(route->durables, 0);
    assert_int_equal(route->remote, 2);
    assert_int_equal(route->remote_durable, 0);

    subscribe_with(router, here, "#", at_1);
    subscribe_with(router, there, "+", at_1);
    route = route_cache_get(fixture.cache, STR("t"));
    assert_int_equal(route->durables, 1);
    assert_int_equal(route->remote_durable, 2);

    unsubscribe(router, here, "#");
    other->number = 7; /* its session is to last after all */
    subscribe_with(router, other, "t", at_1);
    route = route_cache_get(fixture.cache, STR("t"));
    assert_int_equal(route->durables, 1);

    subscribe_with(router, there, "$share/g/u", at_1);
    route = route_cache_get(fixture.cache, STR("u"));
    struct share_pick pick;
    assert_true(route_share_pick(fixture.cache, route, 0, 0, 0, &pick));
    assert_true(pick.durable);
    fixture_close(&fixture);
}

/* ---- Standing and falling -------------------------------------------------------------------------------- */

static void test_a_change_spoils_the_routes_it_concerns_and_no_others(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *filter;
        uint8_t qos;
        bool unsubscribe;
        bool stays;
    } rows[] = {
        {"a new filter of another topic", "dev/8", 0, false, true},
        {"a new filter of this topic", "dev/7", 0, false, false},
        {"the same again", "dev/7", 0, false, true},
        {"another QoS", "dev/7", 1, false, false},
        {"a member of a group", "$share/g/dev/7", 0, false, false},
        {"a member of another topic's group", "$share/g/dev/8", 0, false, true},
        {"a wildcard", "+/8", 0, false, false},
        {"the same wildcard again", "+/8", 0, false, true},
        {"all topics", "#", 0, false, false},
        {"a wildcard below the first level", "dev/+", 0, false, false},
        {"a wildcard below another first level", "other/+", 0, false, true},
        {"a wildcard below this topic", "dev/7/#", 0, false, false},
        {"another QoS of it", "dev/7/#", 1, false, false},
        {"a wildcard below a neighbour", "dev/8/#", 0, false, true},
        {"a wildcard further below a neighbour", "dev/8/x/+", 0, false, true},
        {"a member of a group below the first level", "$share/g/dev/#", 0, false, false},
        {"a member of a group below another", "$share/g/other/#", 0, false, true},
        {"no filter gone", "dev/9", 0, true, true},
        {"another topic's filter gone", "dev/8", 0, true, true},
        {"this topic's filter gone", "dev/7", 0, true, false},
        {"the group gone", "$share/g/dev/7", 0, true, false},
        {"the wildcard gone", "+/8", 0, true, false},
        {"the wildcard gone already", "+/8", 0, true, true},
        {"the wildcard below the first level gone", "dev/+", 0, true, false},
        {"the wildcard below another first level gone", "other/+", 0, true, true},
        {"the wildcard below this topic gone", "dev/7/#", 0, true, false},
        {"the wildcard below a neighbour gone", "dev/8/#", 0, true, true},
    };
    /* Two topics may share a version: take some that do not. */
    size_t own[] = {prefix_slot(STR("dev"), 1), prefix_slot(STR("dev/7"), 2)};
    size_t others[] = {prefix_slot(STR("other"), 1), prefix_slot(STR("dev/8"), 2)};
    if (exact_version_slot(hash_bytes("dev/7", 5)) == exact_version_slot(hash_bytes("dev/8", 5)) ||
        own[0] == others[0] || own[0] == others[1] || own[1] == others[0] || own[1] == others[1])
        skip();
    struct fixture fixture = fixture_of(10, 10000);
    struct subscriber *other = &fixture.subscribers[2];
    TABLE_EACH(row, rows)
    {
        const struct route *route = route_cache_get(fixture.cache, STR("dev/7"));
        mark(route);
        if (row->unsubscribe) {
            unsubscribe(fixture.router, other, row->filter);
        } else {
            subscribe_with(fixture.router, other, row->filter, (struct subscribe_options){.qos = row->qos});
        }
        CHECK(route_is_current(fixture.cache, route) == row->stays, "%s", row->what);
        CHECK(is_marked(fixture.cache, "dev/7") == row->stays, "%s", row->what);
    }
    fixture_close(&fixture);
}

static void test_the_first_levels_of_topics_and_filters(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *one, *two;
    } rows[] = {{"a/b/c", "a", "a/b"}, {"a/b", "a", "a/b"}, {"a", "a", "a"},  {"a/", "a", "a/"},
                {"/a", "", "/a"},      {"/", "", "/"},      {"//a", "", "/"}, {"a//b", "a", "a/"}};
    TABLE_EACH(row, rows)
    {
        CHECK(str_is(first_levels(str_of(row->text), 1), row->one), "%s", row->text);
        CHECK(str_is(first_levels(str_of(row->text), 2), row->two), "%s", row->text);
    }
}

static void test_a_hit_gives_the_same_route_with_what_its_user_has_written(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(10, 10000);
    subscribe(fixture.router, &fixture.subscribers[0], "a/b");
    const struct route *route = route_cache_get(fixture.cache, STR("a/b"));
    assert_int_equal(route->user, 0);
    mark(route);
    assert_ptr_equal(route_cache_get(fixture.cache, STR("a/b")), route);
    assert_int_equal(route->user, 7);
    subscribe(fixture.router, &fixture.subscribers[1], "a/b");
    assert_int_equal(route_cache_get(fixture.cache, STR("a/b"))->user, 0);
    fixture_close(&fixture);
}

static void test_a_route_owns_its_topic(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(1, 10000);
    char topic[] = "a/b";
    const struct route *route = route_cache_get(fixture.cache, str_of(topic));
    topic[0] = 'x';
    assert_true(str_is(route->topic, "a/b"));
    assert_int_equal(route->hash, hash_bytes("a/b", 3));

    /* Made again out of itself, and evicted by a part of itself. */
    subscribe(fixture.router, &fixture.subscribers[0], "a/b");
    route = route_cache_get(fixture.cache, route->topic);
    assert_true(str_is(route->topic, "a/b"));
    assert_int_equal(route->target_count, 1);
    route = route_cache_get(fixture.cache, str_make(route->topic.data + 2, 1));
    assert_true(str_is(route->topic, "b"));
    assert_int_equal(fixture.cache->routes.count, 1);
    fixture_close(&fixture);
}

static void test_a_route_tells_own_targets_from_other_reactors(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(10, 10000);
    struct route_cache *other = route_cache_new(fixture.router, 1, 10, 10000);
    for (size_t i = 0; i < LENGTH(fixture.subscribers); i++)
        subscribe(fixture.router, &fixture.subscribers[i], "a");
    const struct route *route = route_cache_get(fixture.cache, STR("a"));
    assert_int_equal(route->target_count, 3);
    assert_null(target_of(route, &fixture.subscribers[2]));
    assert_non_null(target_of(route, &fixture.subscribers[3]));
    assert_int_equal(route->remote, 2);
    route = route_cache_get(other, STR("a"));
    assert_int_equal(route->target_count, 2);
    assert_non_null(target_of(route, &fixture.subscribers[2]));
    assert_int_equal(route->remote, 1);
    route_cache_free(other);
    fixture_close(&fixture);
}

static void test_overlapping_subscriptions_are_one_target(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(10, 10000);
    struct subscriber *subscriber = &fixture.subscribers[0];
    subscribe_with(fixture.router, subscriber, "a/b", (struct subscribe_options){.qos = 1, .no_local = true});
    subscribe_with(fixture.router, subscriber, "a/+",
                   (struct subscribe_options){.qos = 2, .no_local = true, .id = 5});
    const struct route *route = route_cache_get(fixture.cache, STR("a/b"));
    assert_int_equal(route->target_count, 1);
    assert_int_equal(route->targets[0].qos, 2);
    assert_true(route->targets[0].no_local);
    assert_false(route->targets[0].retain_as_published);
    assert_int_equal(route->targets[0].id_count, 1);
    assert_int_equal(route->targets[0].ids[0], 5);

    subscribe_with(fixture.router, subscriber, "#",
                   (struct subscribe_options){.retain_as_published = true, .id = 5});
    route = route_cache_get(fixture.cache, STR("a/b"));
    assert_int_equal(route->target_count, 2); /* its own messages come by the last subscription alone */
    assert_int_equal(route->targets[0].qos, 2);
    assert_true(route->targets[0].no_local);
    assert_true(route->targets[0].retain_as_published);
    assert_int_equal(route->targets[0].id_count, 2);
    assert_true(route->targets[1].own_only);
    assert_int_equal(route->targets[1].qos, 0);
    assert_true(route->targets[1].retain_as_published);
    assert_int_equal(route->targets[1].id_count, 1);
    fixture_close(&fixture);
}

/* ---- Eviction -------------------------------------------------------------------------------------------- */

static void test_the_cache_holds_no_more_routes_than_it_may(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(100, 1 << 20);
    for (unsigned i = 0; i < 1000; i++) {
        char topic[32];
        snprintf(topic, sizeof topic, "t/%u", i);
        const struct route *route = route_cache_get(fixture.cache, str_of(topic));
        assert_true(str_is(route->topic, topic));
        assert_int_equal(fixture.cache->routes.count, i < 100 ? i + 1 : 100);
    }
    fixture_close(&fixture);
}

static void test_the_cache_holds_no_more_bytes_than_it_may(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(100000, 100000);
    for (unsigned i = 0; i < 3000; i++) {
        char topic[512];
        snprintf(topic, sizeof topic, "%0*u", 1 + (int)(i * 37 % 400), i);
        route_cache_get(fixture.cache, str_of(topic));
        size_t bytes = 0;
        struct route *route;
        for (size_t at = 0; (route = map_next(&fixture.cache->routes, &at)) != NULL;)
            bytes += route_bytes(route);
        CHECK(bytes <= 100000, "%u", i);
    }
    assert_true(fixture.cache->routes.count > 100);
    fixture_close(&fixture);
}

static void test_routes_that_are_made_again_push_no_others_out(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(1000, 20000);
    fill(&fixture, "kept", 50);
    for (unsigned i = 0; i < 1000; i++) {
        if (i % 2 != 0) {
            unsubscribe(fixture.router, &fixture.subscribers[0], "a/+");
        } else {
            subscribe(fixture.router, &fixture.subscribers[0], "a/+");
        }
        assert_int_equal(route_cache_get(fixture.cache, STR("a/b"))->target_count, i % 2 == 0);
    }
    assert_int_equal(fixture.cache->routes.count, 51);
    fixture_close(&fixture);
}

static void test_routes_in_use_outlive_those_that_came_once(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(200, 1 << 20);
    fill(&fixture, "hot", 50);
    for (unsigned round = 0; round < 40; round++) {
        char prefix[16];
        for (unsigned i = 0; i < 50; i++) {
            char topic[32];
            snprintf(topic, sizeof topic, "hot/%u", i);
            CHECK(is_marked(fixture.cache, topic), "%s in round %u", topic, round);
        }
        snprintf(prefix, sizeof prefix, "cold%u", round);
        fill(&fixture, prefix, 50);
    }
    assert_int_equal(fixture.cache->routes.count, 200);
    fixture_close(&fixture);
}

static void test_a_route_larger_than_the_cache_is_kept_and_leaves_room_for_others(void **state)
{
    (void)state;
    enum { CROWD = 3000 };
    struct fixture fixture = fixture_of(1000, 20000);
    struct subscriber *crowd = calloc(CROWD, sizeof *crowd);
    for (unsigned i = 0; i < CROWD; i++) {
        crowd[i] = subscriber_of(100 + i, 0);
        subscribe(fixture.router, &crowd[i], "all");
    }
    const struct route *large = route_cache_get(fixture.cache, STR("all"));
    assert_int_equal(large->target_count, CROWD);
    mark(large);
    for (unsigned round = 0; round < 20; round++) {
        char prefix[16];
        CHECK(is_marked(fixture.cache, "all"), "round %u", round);
        snprintf(prefix, sizeof prefix, "small%u", round);
        fill(&fixture, prefix, 20);
    }
    assert_true(fixture.cache->routes.count > 80);
    for (unsigned i = 0; i < CROWD; i++)
        router_unsubscribe_all(fixture.router, &crowd[i]);
    free(crowd);
    fixture_close(&fixture);
}

/* ---- Threads --------------------------------------------------------------------------------------------- */

/* Two reactors: one changes a subscription and says so; the other must see it in the next route it gets. */
struct handshake {
    struct router *router;
    atomic_uint said; /* rounds the first has finished; odd: it is subscribed */
    atomic_uint seen; /* rounds the second has checked */
    unsigned failures;
};

#define HANDSHAKES 4000

static void await(atomic_uint *counter, unsigned value)
{
    while (atomic_load_explicit(counter, memory_order_acquire) != value)
        sched_yield();
}

static void *run_changes(void *arg)
{
    struct handshake *handshake = arg;
    struct subscriber subscriber = subscriber_of(1, 0);
    for (unsigned round = 1; round <= HANDSHAKES; round++) {
        struct topic_filter filter;
        struct subscribe_options options = {.qos = 1};
        topic_filter_parse(round / 2 % 2 != 0 ? STR("a/b") : STR("a/+"), &filter);
        if (round % 2 != 0) {
            router_subscribe(handshake->router, &subscriber, &filter, &options);
        } else {
            router_unsubscribe_all(handshake->router, &subscriber);
        }
        atomic_store_explicit(&handshake->said, round, memory_order_release);
        await(&handshake->seen, round);
    }
    return NULL;
}

static void *run_checks(void *arg)
{
    struct handshake *handshake = arg;
    struct route_cache *cache = route_cache_new(handshake->router, 1, 10, 10000);
    for (unsigned round = 1; round <= HANDSHAKES; round++) {
        await(&handshake->said, round);
        const struct route *route = route_cache_get(cache, STR("a/b"));
        handshake->failures += route->remote != round % 2;
        atomic_store_explicit(&handshake->seen, round, memory_order_release);
    }
    route_cache_free(cache);
    return NULL;
}

static void test_a_finished_change_is_seen_by_the_next_route_of_every_reactor(void **state)
{
    (void)state;
    struct handshake handshake = {.router = router_new(2, SHARE_ROUND_ROBIN)};
    struct error err;
    pthread_t changes;
    pthread_t checks;
    ASSERT_OK(thread_start(&changes, "changes", run_changes, &handshake, &err), err);
    ASSERT_OK(thread_start(&checks, "checks", run_checks, &handshake, &err), err);
    pthread_join(changes, NULL);
    pthread_join(checks, NULL);
    assert_int_equal(handshake.failures, 0);
    router_free(handshake.router);
}

/* All reactors at once, each with its own subscribers, all on the same few topics. */
struct reactor {
    struct router *router;
    unsigned index;
    uint64_t seed;
    unsigned failures;
    uint64_t picks;
};

#define REACTORS 4
#define OWN      6
#define STEPS    6000

static bool ignore_listed(struct str filter, const struct subscribe_options *options, void *arg)
{
    (void)filter;
    *(uint32_t *)arg += options->qos <= 2;
    return true;
}

static void check_own_route(struct reactor *reactor, struct route_cache *cache, struct subscriber *own,
                            struct random *random, const char *subscribed)
{
    char topic[RANDOM_TEXT_BYTES];
    random_text(random, topic, false);
    const struct route *route = route_cache_get(cache, str_of(topic));
    for (uint32_t i = 0; i < route->target_count; i++)
        reactor->failures += route->targets[i].subscriber->reactor != reactor->index;
    if (subscribed != NULL && naive_match(subscribed, topic))
        reactor->failures += target_of(route, own) == NULL;
    reactor->failures += (route->remote >> reactor->index & 1) != 0;
    for (uint32_t i = 0; i < route->group_count; i++) {
        struct share_pick pick;
        if (!route_share_pick(cache, route, i, random_next(random), 0, &pick))
            continue;
        reactor->picks++;
        reactor->failures += pick.reactor >= REACTORS || pick.subscriber_id == 0;
    }
}

static void *run_reactor(void *arg)
{
    struct reactor *reactor = arg;
    struct random random;
    random_seed(&random, reactor->seed + reactor->index);
    struct route_cache *cache = route_cache_new(reactor->router, reactor->index, 30, 10000);
    struct subscriber own[OWN];
    for (unsigned i = 0; i < OWN; i++)
        own[i] = subscriber_of(1 + reactor->index * OWN + i, (uint16_t)reactor->index);
    for (unsigned step = 0; step < STEPS; step++) {
        struct subscriber *one = &own[random_below(&random, OWN)];
        char text[RANDOM_TEXT_BYTES + 16];
        const char *subscribed = NULL;
        struct topic_filter filter;
        struct subscribe_options options = {.qos = (uint8_t)random_below(&random, 3)};
        bool shared = random_below(&random, 3) == 0;
        strcpy(text, "$share/g/");
        random_text(&random, text + 9, true);
        if (!topic_filter_parse(str_of(shared ? text : text + 9), &filter))
            reactor->failures++;
        switch (random_below(&random, 8)) {
        case 0: router_unsubscribe(reactor->router, one, &filter); break;
        case 1: router_unsubscribe_all(reactor->router, one); break;
        case 2: {
            uint32_t listed = 0;
            struct router_counts counts;
            router_subscriptions_each(reactor->router, one, ignore_listed, &listed);
            reactor->failures += listed != one->subscription_count;
            router_counts(reactor->router, &counts);
            reactor->failures += counts.subscriptions < listed;
            break;
        }
        case 3:
            router_set_share_strategy(reactor->router, (enum share_strategy)random_below(&random, 5));
            atomic_store_explicit(&one->online, random_below(&random, 2) != 0, memory_order_relaxed);
            break;
        default:
            router_subscribe(reactor->router, one, &filter, &options);
            subscribed = shared ? NULL : text + 9;
        }
        check_own_route(reactor, cache, one, &random, subscribed);
    }
    for (unsigned i = 0; i < OWN; i++)
        router_unsubscribe_all(reactor->router, &own[i]);
    route_cache_free(cache);
    return NULL;
}

static void test_reactors_subscribe_route_and_pick_at_once(void **state)
{
    (void)state;
    struct router *router = router_new(REACTORS, SHARE_ROUND_ROBIN);
    struct reactor reactors[REACTORS];
    pthread_t threads[REACTORS];
    struct error err;
    uint64_t seed = harness_seed();
    for (unsigned i = 0; i < REACTORS; i++) {
        reactors[i] = (struct reactor){.router = router, .index = i, .seed = seed};
        ASSERT_OK(thread_start(&threads[i], "reactor", run_reactor, &reactors[i], &err), err);
    }
    uint64_t picks = 0;
    for (unsigned i = 0; i < REACTORS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < REACTORS; i++) {
        CHECK(reactors[i].failures == 0, "reactor %u", i);
        picks += reactors[i].picks;
    }
    assert_true(picks != 0);
    struct router_counts counts;
    router_counts(router, &counts);
    assert_int_equal(counts.subscriptions, 0);
    assert_int_equal(counts.filters, 0);
    router_free(router);
}

RUN_TESTS(cmocka_unit_test(test_a_route_tells_where_durable_sessions_get_the_message),
          cmocka_unit_test(test_a_change_spoils_the_routes_it_concerns_and_no_others),
          cmocka_unit_test(test_the_first_levels_of_topics_and_filters),
          cmocka_unit_test(test_a_hit_gives_the_same_route_with_what_its_user_has_written),
          cmocka_unit_test(test_a_route_owns_its_topic),
          cmocka_unit_test(test_a_route_tells_own_targets_from_other_reactors),
          cmocka_unit_test(test_overlapping_subscriptions_are_one_target),
          cmocka_unit_test(test_the_cache_holds_no_more_routes_than_it_may),
          cmocka_unit_test(test_the_cache_holds_no_more_bytes_than_it_may),
          cmocka_unit_test(test_routes_that_are_made_again_push_no_others_out),
          cmocka_unit_test(test_routes_in_use_outlive_those_that_came_once),
          cmocka_unit_test(test_a_route_larger_than_the_cache_is_kept_and_leaves_room_for_others),
          cmocka_unit_test(test_a_finished_change_is_seen_by_the_next_route_of_every_reactor),
          cmocka_unit_test(test_reactors_subscribe_route_and_pick_at_once))
