/* Who of a group gets a message, by each strategy. */
#include "router_help.h"

#define MEMBERS 5
#define NOBODY  MEMBERS

/* Members 0, 2, 4 are on reactor 0, the others on reactor 1; their ids are 1 to 5, their QoS is their number mod 3. */
struct fixture {
    struct router *router;
    struct route_cache *cache;  /* of reactor 0 */
    struct route_cache *remote; /* of reactor 1 */
    struct subscriber members[MEMBERS];
};

static void fixture_open(struct fixture *fixture, enum share_strategy strategy)
{
    fixture->router = router_new(2, strategy);
    fixture->cache = route_cache_new(fixture->router, 0, 10, 10000);
    fixture->remote = route_cache_new(fixture->router, 1, 10, 10000);
    for (unsigned i = 0; i < MEMBERS; i++) {
        fixture->members[i] = subscriber_of(i + 1, i % 2);
        subscribe_with(
            fixture->router, &fixture->members[i], "$share/g/a/+",
            (struct subscribe_options){.qos = i % 3, .retain_as_published = i % 2 != 0, .id = 10 * i});
    }
}

static void fixture_close(struct fixture *fixture)
{
    for (unsigned i = 0; i < MEMBERS; i++)
        router_unsubscribe_all(fixture->router, &fixture->members[i]);
    route_cache_free(fixture->cache);
    route_cache_free(fixture->remote);
    router_free(fixture->router);
}

static void set_online(struct fixture *fixture, unsigned member, bool online)
{
    atomic_store_explicit(&fixture->members[member].online, online, memory_order_relaxed);
}

/* The number of the member who gets a message to a/b; NOBODY if none does. */
static unsigned pick_by(struct fixture *fixture, struct route_cache *cache, uint64_t publisher,
                        uint64_t exclude_id)
{
    struct share_pick pick;
    const struct route *route = route_cache_get(cache, STR("a/b"));
    if (route->group_count == 0)
        return NOBODY;
    assert_int_equal(route->group_count, 1);
    if (!route_share_pick(cache, route, 0, publisher, exclude_id, &pick))
        return NOBODY;
    unsigned member = (unsigned)(pick.subscriber - fixture->members);
    assert_true(member < MEMBERS);
    assert_int_equal(pick.subscriber_id, member + 1);
    assert_int_equal(pick.reactor, member % 2);
    assert_int_equal(pick.qos, member % 3);
    assert_int_equal(pick.retain_as_published, member % 2 != 0);
    assert_int_equal(pick.id, 10 * member);
    return member;
}

static unsigned pick(struct fixture *fixture)
{
    return pick_by(fixture, fixture->cache, 0, 0);
}

static const char *name_of(enum share_strategy strategy)
{
    static const char *const names[] = {"round robin", "random", "hash", "sticky", "local first"};
    return names[strategy];
}

#define EACH_STRATEGY(strategy) \
    for (enum share_strategy strategy = SHARE_ROUND_ROBIN; strategy <= SHARE_LOCAL_FIRST; strategy++)

/* ---- What all strategies promise ------------------------------------------------------------------------- */

static void test_only_members_who_are_online_are_picked_while_there_are_any(void **state)
{
    (void)state;
    EACH_STRATEGY(strategy)
    {
        /* Each bit a member who is online. */
        for (unsigned online = 1; online < 1U << MEMBERS; online++) {
            struct fixture fixture;
            fixture_open(&fixture, strategy);
            for (unsigned i = 0; i < MEMBERS; i++)
                set_online(&fixture, i, (online >> i & 1) != 0);
            for (unsigned i = 0; i < 20; i++) {
                unsigned picked = pick_by(&fixture, fixture.cache, i * 7919, 0);
                CHECK(picked != NOBODY && (online >> picked & 1) != 0, "%s, online %x: %u", name_of(strategy),
                      online, picked);
            }
            fixture_close(&fixture);
        }
    }
}

static void test_without_anyone_online_somebody_is_picked(void **state)
{
    (void)state;
    EACH_STRATEGY(strategy)
    {
        struct fixture fixture;
        fixture_open(&fixture, strategy);
        for (unsigned i = 0; i < MEMBERS; i++)
            set_online(&fixture, i, false);
        for (unsigned i = 0; i < 20; i++)
            CHECK(pick(&fixture) != NOBODY, "%s", name_of(strategy));
        fixture_close(&fixture);
    }
}

static void test_who_is_excluded_is_not_picked(void **state)
{
    (void)state;
    EACH_STRATEGY(strategy)
    {
        struct fixture fixture;
        fixture_open(&fixture, strategy);
        for (unsigned i = 0; i < 50; i++) {
            CHECK(pick_by(&fixture, fixture.cache, i * 7919, 1 + i % MEMBERS) != i % MEMBERS, "%s",
                  name_of(strategy));
        }
        /* Somebody offline before the one online who has refused. */
        for (unsigned i = 1; i < MEMBERS; i++)
            set_online(&fixture, i, false);
        unsigned picked = pick_by(&fixture, fixture.cache, 0, 1);
        CHECK(picked != 0 && picked != NOBODY, "%s", name_of(strategy));
        /* Nobody but him. */
        for (unsigned i = 1; i < MEMBERS; i++)
            router_unsubscribe_all(fixture.router, &fixture.members[i]);
        CHECK(pick_by(&fixture, fixture.cache, 0, 1) == NOBODY, "%s", name_of(strategy));
        CHECK(pick(&fixture) == 0, "%s", name_of(strategy));
        fixture_close(&fixture);
    }
}

static void test_a_group_that_has_gone_picks_nobody(void **state)
{
    (void)state;
    EACH_STRATEGY(strategy)
    {
        struct fixture fixture;
        struct share_pick unused;
        fixture_open(&fixture, strategy);
        const struct route *route = route_cache_get(fixture.cache, STR("a/b"));
        /* Another change does not matter. */
        subscribe(fixture.router, &fixture.members[0], "a/#");
        assert_false(route_is_current(fixture.cache, route));
        assert_true(route_share_pick(fixture.cache, route, 0, 0, 0, &unused));
        for (unsigned i = 0; i < MEMBERS; i++)
            router_unsubscribe_all(fixture.router, &fixture.members[i]);
        CHECK(!route_share_pick(fixture.cache, route, 0, 0, 0, &unused), "%s", name_of(strategy));
        /* A new one of the same name is not the same. */
        subscribe(fixture.router, &fixture.members[0], "$share/g/a/+");
        CHECK(!route_share_pick(fixture.cache, route, 0, 0, 0, &unused), "%s", name_of(strategy));
        CHECK(pick(&fixture) == 0, "%s", name_of(strategy));
        fixture_close(&fixture);
    }
}

static void test_another_member_is_picked_again_on_another_reactor(void **state)
{
    (void)state;
    EACH_STRATEGY(strategy)
    {
        struct fixture fixture;
        struct share_pick former;
        struct share_pick again;
        fixture_open(&fixture, strategy);
        assert_true(
            route_share_pick(fixture.cache, route_cache_get(fixture.cache, STR("a/b")), 0, 0, 0, &former));
        for (unsigned i = 0; i < 20; i++) {
            CHECK(route_share_repick(fixture.remote, &former, i, &again), "%s", name_of(strategy));
            CHECK(again.subscriber_id != former.subscriber_id, "%s", name_of(strategy));
        }
        for (unsigned i = 0; i < MEMBERS; i++) {
            if (i + 1 != former.subscriber_id)
                router_unsubscribe_all(fixture.router, &fixture.members[i]);
        }
        CHECK(!route_share_repick(fixture.remote, &former, 0, &again), "%s", name_of(strategy));
        router_unsubscribe_all(fixture.router, former.subscriber);
        CHECK(!route_share_repick(fixture.remote, &former, 0, &again), "%s", name_of(strategy));
        fixture_close(&fixture);
    }
}

static void test_a_member_of_any_reactor_is_at_home_on_the_callers(void **state)
{
    (void)state;
    EACH_STRATEGY(strategy)
    {
        struct fixture fixture;
        struct share_pick picked;
        struct subscriber member = subscriber_of(99, SUBSCRIBER_ANY_REACTOR);
        fixture_open(&fixture, strategy);
        for (unsigned i = 0; i < MEMBERS; i++)
            router_unsubscribe_all(fixture.router, &fixture.members[i]);
        subscribe(fixture.router, &member, "$share/g/a/+");
        assert_true(
            route_share_pick(fixture.cache, route_cache_get(fixture.cache, STR("a/b")), 0, 0, 0, &picked));
        CHECK(picked.subscriber == &member && picked.reactor == 0, "%s", name_of(strategy));
        assert_true(
            route_share_pick(fixture.remote, route_cache_get(fixture.remote, STR("a/b")), 0, 0, 0, &picked));
        CHECK(picked.subscriber == &member && picked.reactor == 1, "%s", name_of(strategy));
        router_unsubscribe_all(fixture.router, &member);
        fixture_close(&fixture);
    }
}

static void test_groups_are_told_apart_by_name_and_by_filter(void **state)
{
    (void)state;
    struct router *router = router_new(1, SHARE_ROUND_ROBIN);
    struct route_cache *cache = route_cache_new(router, 0, 10, 10000);
    struct subscriber members[4];
    static const char *const filters[] = {"$share/g/a/b", "$share/h/a/b", "$share/g/a/+", "$share/g/a/c"};
    for (unsigned i = 0; i < 4; i++) {
        members[i] = subscriber_of(i + 1, 0);
        assert_true(subscribe(router, &members[i], filters[i]));
    }
    const struct route *route = route_cache_get(cache, STR("a/b"));
    assert_int_equal(route->target_count, 0);
    assert_int_equal(route->group_count, 3);
    unsigned met = 0;
    for (uint32_t i = 0; i < 3; i++) {
        struct share_pick picked;
        assert_true(route_share_pick(cache, route, i, 0, 0, &picked));
        met |= 1U << (picked.subscriber - members);
    }
    assert_int_equal(met, 7);

    /* A plain subscription beside the group's is one of its own. */
    assert_true(subscribe(router, &members[0], "a/b"));
    assert_int_equal(route_cache_get(cache, STR("a/b"))->target_count, 1);
    assert_true(unsubscribe(router, &members[0], "$share/g/a/b"));
    assert_false(unsubscribe(router, &members[0], "$share/h/a/b"));
    route = route_cache_get(cache, STR("a/b"));
    assert_int_equal(route->target_count, 1);
    assert_int_equal(route->group_count, 2);
    for (unsigned i = 0; i < 4; i++)
        router_unsubscribe_all(router, &members[i]);
    route_cache_free(cache);
    router_free(router);
}

/* ---- What each promises ---------------------------------------------------------------------------------- */

static void test_round_robin_gives_everyone_online_the_same_share(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, SHARE_ROUND_ROBIN);
    set_online(&fixture, 1, false);
    set_online(&fixture, 2, false);
    unsigned counts[MEMBERS] = {0};
    for (unsigned i = 0; i < 300; i++)
        counts[pick_by(&fixture, i % 2 != 0 ? fixture.cache : fixture.remote, 0, 0)]++;
    assert_int_equal(counts[0], 100);
    assert_int_equal(counts[3], 100);
    assert_int_equal(counts[4], 100);
    fixture_close(&fixture);
}

static void test_random_reaches_everyone(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, SHARE_RANDOM);
    unsigned counts[MEMBERS] = {0};
    for (unsigned i = 0; i < 5000; i++)
        counts[pick(&fixture)]++;
    /* 1,000 expected each, standard deviation 28. */
    for (unsigned i = 0; i < MEMBERS; i++)
        CHECK(counts[i] > 700 && counts[i] < 1300, "%u: %u", i, counts[i]);
    fixture_close(&fixture);
}

static void test_hash_gives_a_publisher_one_member_and_all_members_some(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, SHARE_HASH_CLIENT_ID);
    unsigned met = 0;
    for (uint64_t publisher = 0; publisher < 100; publisher++) {
        unsigned picked = pick_by(&fixture, fixture.cache, publisher * 7919, 0);
        met |= 1U << picked;
        for (unsigned i = 0; i < 5; i++)
            CHECK(pick_by(&fixture, fixture.remote, publisher * 7919, 0) == picked, "%" PRIu64, publisher);
    }
    assert_int_equal(met, (1U << MEMBERS) - 1);
    fixture_close(&fixture);
}

static void test_sticky_keeps_its_member_until_it_goes(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, SHARE_STICKY);
    unsigned first = pick(&fixture);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(pick_by(&fixture, i % 2 != 0 ? fixture.cache : fixture.remote, i, 0), first);

    /* Refusing one message changes nothing for the next. */
    assert_int_not_equal(pick_by(&fixture, fixture.cache, 0, first + 1), first);
    assert_int_equal(pick(&fixture), first);

    set_online(&fixture, first, false);
    unsigned second = pick(&fixture);
    assert_int_not_equal(second, first);
    set_online(&fixture, first, true);
    assert_int_equal(pick(&fixture), second);

    unsubscribe(fixture.router, &fixture.members[second], "$share/g/a/+");
    unsigned third = pick(&fixture);
    assert_int_not_equal(third, second);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(pick(&fixture), third);
    fixture_close(&fixture);
}

static void test_local_first_stays_on_the_reactor_while_it_has_members_online(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, SHARE_LOCAL_FIRST);
    unsigned counts[MEMBERS] = {0};
    for (unsigned i = 0; i < 600; i++)
        counts[pick_by(&fixture, i % 2 != 0 ? fixture.cache : fixture.remote, 0, 0)]++;
    assert_int_equal(counts[0], 100);
    assert_int_equal(counts[1], 150);
    assert_int_equal(counts[2], 100);
    assert_int_equal(counts[3], 150);
    assert_int_equal(counts[4], 100);

    for (unsigned i = 0; i < MEMBERS; i += 2)
        set_online(&fixture, i, false);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(pick(&fixture) % 2, 1);
    fixture_close(&fixture);
}

static void test_the_strategy_can_be_changed(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, SHARE_STICKY);
    unsigned stuck = pick(&fixture);
    assert_int_equal(pick(&fixture), stuck);
    router_set_share_strategy(fixture.router, SHARE_ROUND_ROBIN);
    unsigned met = 0;
    for (unsigned i = 0; i < MEMBERS; i++)
        met |= 1U << pick(&fixture);
    assert_int_equal(met, (1U << MEMBERS) - 1);
    fixture_close(&fixture);
}

static void test_members_of_a_large_group_come_and_go(void **state)
{
    (void)state;
    enum { CROWD = 2000 };
    EACH_STRATEGY(strategy)
    {
        struct router *router = router_new(1, strategy);
        struct route_cache *cache = route_cache_new(router, 0, 10, 10000);
        struct subscriber *crowd = calloc(CROWD, sizeof *crowd);
        for (unsigned i = 0; i < CROWD; i++) {
            crowd[i] = subscriber_of(i + 1, 0);
            subscribe_with(router, &crowd[i], "$share/g/#", (struct subscribe_options){.id = i + 1});
        }
        for (unsigned i = 0; i < CROWD; i++) {
            struct share_pick picked;
            const struct route *route = route_cache_get(cache, STR("a"));
            assert_int_equal(route->target_count, 0);
            CHECK(route_share_pick(cache, route, 0, i, 0, &picked), "%s", name_of(strategy));
            CHECK(picked.id == picked.subscriber_id && picked.subscriber->filters != NULL, "%s",
                  name_of(strategy));
            /* Who was picked goes. */
            router_unsubscribe_all(router, picked.subscriber);
        }
        assert_int_equal(route_cache_get(cache, STR("a"))->group_count, 0);
        free(crowd);
        route_cache_free(cache);
        router_free(router);
    }
}

RUN_TESTS(cmocka_unit_test(test_only_members_who_are_online_are_picked_while_there_are_any),
          cmocka_unit_test(test_without_anyone_online_somebody_is_picked),
          cmocka_unit_test(test_who_is_excluded_is_not_picked),
          cmocka_unit_test(test_a_group_that_has_gone_picks_nobody),
          cmocka_unit_test(test_another_member_is_picked_again_on_another_reactor),
          cmocka_unit_test(test_a_member_of_any_reactor_is_at_home_on_the_callers),
          cmocka_unit_test(test_groups_are_told_apart_by_name_and_by_filter),
          cmocka_unit_test(test_round_robin_gives_everyone_online_the_same_share),
          cmocka_unit_test(test_random_reaches_everyone),
          cmocka_unit_test(test_hash_gives_a_publisher_one_member_and_all_members_some),
          cmocka_unit_test(test_sticky_keeps_its_member_until_it_goes),
          cmocka_unit_test(test_local_first_stays_on_the_reactor_while_it_has_members_online),
          cmocka_unit_test(test_the_strategy_can_be_changed),
          cmocka_unit_test(test_members_of_a_large_group_come_and_go))
