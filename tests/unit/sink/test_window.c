/* Which item may fly next: the first of its lane, while the lane has room, and never one before another of its key. */
#include "sink/window.h"

#include "harness.h"

#define NO_LIMIT 1000

static struct window_item item(uint64_t number, uint64_t client, const char *key)
{
    return (struct window_item){.number = number, .client = client, .bucket = STR("b"), .key = str_of(key)};
}

static void fly(struct window *window, unsigned lane_max, const struct window_item *expected)
{
    assert_ptr_equal(window_next(window, lane_max), expected);
}

static void store(struct window *window, struct window_item *of)
{
    window_land(window, of, false);
    window_leave(window, of);
}

static void test_a_lane_has_no_more_than_its_share_in_flight(void **state)
{
    (void)state;
    struct window window;
    struct window_item one = item(1, 0, "1"), two = item(2, 0, "2"), three = item(3, 0, "3");
    window_init(&window, 1);
    window_add(&window, &one);
    window_add(&window, &two);
    window_add(&window, &three);
    fly(&window, 2, &one);
    fly(&window, 2, &two);
    fly(&window, 2, NULL);
    store(&window, &two);
    fly(&window, 2, &three);
    store(&window, &one);
    store(&window, &three);
    assert_int_equal(window.last_of_key.count, 0);
    window_free(&window);
}

static void test_a_lane_that_cannot_go_on_holds_up_no_other(void **state)
{
    (void)state;
    struct window window;
    struct window_item one = item(1, 0, "1"), two = item(2, 0, "2"), three = item(3, 1, "3");
    window_init(&window, 2);
    window_add(&window, &one);
    window_add(&window, &two);
    window_add(&window, &three);
    fly(&window, 1, &one);
    fly(&window, 1, &three);
    fly(&window, 1, NULL);
    window_free(&window);
}

static void test_items_of_one_key_fly_one_after_the_other(void **state)
{
    (void)state;
    struct window window;
    struct window_item one = item(1, 0, "same"), two = item(2, 1, "same"), behind = item(3, 1, "other");
    window_init(&window, 2);
    window_add(&window, &one);
    window_add(&window, &two);
    window_add(&window, &behind);
    fly(&window, NO_LIMIT, &one);
    fly(&window, NO_LIMIT, NULL);
    window_land(&window, &one, true);
    fly(&window, NO_LIMIT, &one);
    fly(&window, NO_LIMIT, NULL);
    store(&window, &one);
    fly(&window, NO_LIMIT, &two);
    fly(&window, NO_LIMIT, &behind);
    window_free(&window);
}

static void test_the_same_key_of_another_bucket_is_another_key(void **state)
{
    (void)state;
    struct window window;
    struct window_item one = item(1, 0, "same"), two = item(2, 1, "same");
    two.bucket = STR("c");
    window_init(&window, 2);
    window_add(&window, &one);
    window_add(&window, &two);
    fly(&window, NO_LIMIT, &one);
    fly(&window, NO_LIMIT, &two);
    window_free(&window);
}

static void test_one_that_is_dropped_between_two_of_its_key_does_not_let_the_last_pass(void **state)
{
    (void)state;
    struct window window;
    struct window_item one = item(1, 0, "same"), two = item(2, 1, "same"), three = item(3, 2, "same");
    window_init(&window, 3);
    window_add(&window, &one);
    window_add(&window, &two);
    window_add(&window, &three);
    fly(&window, NO_LIMIT, &one);
    window_withdraw(&window, &two);
    window_leave(&window, &two);
    fly(&window, NO_LIMIT, NULL);
    store(&window, &one);
    fly(&window, NO_LIMIT, &three);
    store(&window, &three);
    assert_int_equal(window.last_of_key.count, 0);
    window_free(&window);
}

static void test_one_that_comes_behind_a_dropped_one_follows_who_was_before(void **state)
{
    (void)state;
    struct window window;
    struct window_item one = item(1, 0, "same"), two = item(2, 0, "same"), three = item(3, 1, "same");
    window_init(&window, 2);
    window_add(&window, &one);
    window_add(&window, &two);
    fly(&window, NO_LIMIT, &one);
    window_withdraw(&window, &two);
    window_leave(&window, &two);
    window_add(&window, &three);
    fly(&window, NO_LIMIT, NULL);
    store(&window, &one);
    fly(&window, NO_LIMIT, &three);
    window_free(&window);
}

static void test_what_waits_again_is_where_it_was(void **state)
{
    (void)state;
    struct window window;
    struct window_item all[4];
    window_init(&window, 1);
    for (unsigned i = 0; i < 4; i++) {
        all[i] = item(i, 0, (const char *[]){"0", "1", "2", "3"}[i]);
        window_add(&window, &all[i]);
    }
    for (unsigned i = 0; i < 3; i++)
        fly(&window, 3, &all[i]);
    window_land(&window, &all[2], true);
    window_land(&window, &all[0], true);
    window_land(&window, &all[1], true);
    for (unsigned i = 0; i < 4; i++)
        fly(&window, NO_LIMIT, &all[i]);
    window_free(&window);
}

/* ---- Random ---------------------------------------------------------------------------------------------- */

#define ITEMS 100

enum fate { WAITS, FLIES, WITHDRAWN, LEFT };

struct world {
    struct window window;
    struct window_item items[ITEMS];
    char keys[ITEMS][16];
    enum fate fates[ITEMS];
    unsigned count;
    unsigned lane_max;
};

static unsigned lane(const struct world *world, unsigned i)
{
    return (unsigned)(world->items[i].client % world->window.lane_count);
}

/* By the words of window.h, looking at all that came before. */
static bool may_fly(const struct world *world, unsigned i)
{
    unsigned flying = 0;
    for (unsigned j = 0; j < world->count; j++) {
        bool same_lane = lane(world, j) == lane(world, i);
        flying += same_lane && world->fates[j] == FLIES;
        if (j < i && same_lane && world->fates[j] == WAITS)
            return false;
        if (j < i && world->fates[j] != LEFT && strcmp(world->keys[j], world->keys[i]) == 0)
            return false;
    }
    return world->fates[i] == WAITS && flying < world->lane_max;
}

static void check_next(struct world *world)
{
    struct window_item *next = window_next(&world->window, world->lane_max);
    if (next != NULL) {
        unsigned i = (unsigned)(next - world->items);
        assert_true(may_fly(world, i));
        world->fates[i] = FLIES;
        return;
    }
    for (unsigned i = 0; i < world->count; i++)
        assert_false(may_fly(world, i));
}

static void step(struct world *world, struct random *random)
{
    uint64_t dice = random_below(random, 10);
    unsigned i = world->count > 0 ? (unsigned)random_below(random, world->count) : 0;
    if (dice < 3 && world->count < ITEMS) {
        i = world->count++;
        snprintf(world->keys[i], sizeof(world->keys[i]), "%u", (unsigned)random_below(random, 20));
        world->items[i] = item(i, random_below(random, 50), world->keys[i]);
        window_add(&world->window, &world->items[i]);
    } else if (dice < 7) {
        check_next(world);
    } else if (world->count > 0 && world->fates[i] == FLIES) {
        bool again = random_below(random, 3) == 0;
        window_land(&world->window, &world->items[i], again);
        if (!again)
            window_leave(&world->window, &world->items[i]);
        world->fates[i] = again ? WAITS : LEFT;
    } else if (world->count > 0 && world->fates[i] == WAITS && dice == 9) {
        window_withdraw(&world->window, &world->items[i]);
        world->fates[i] = WITHDRAWN;
    } else if (world->count > 0 && world->fates[i] == WITHDRAWN) {
        window_leave(&world->window, &world->items[i]);
        world->fates[i] = LEFT;
    } else if (world->window.flying == 0) {
        window_set_lanes(&world->window, 1 + (unsigned)random_below(random, 8));
    }
}

static void test_random_courses_keep_what_the_header_says(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    for (unsigned round = 0; round < 10; round++) {
        struct world *world = calloc(1, sizeof(*world));
        world->lane_max = 1 + (unsigned)random_below(&random, 3);
        window_init(&world->window, 1 + (unsigned)random_below(&random, 8));
        for (unsigned i = 0; i < 1000; i++)
            step(world, &random);
        window_free(&world->window);
        free(world);
    }
}

RUN_TESTS(cmocka_unit_test(test_a_lane_has_no_more_than_its_share_in_flight),
          cmocka_unit_test(test_a_lane_that_cannot_go_on_holds_up_no_other),
          cmocka_unit_test(test_items_of_one_key_fly_one_after_the_other),
          cmocka_unit_test(test_the_same_key_of_another_bucket_is_another_key),
          cmocka_unit_test(test_one_that_is_dropped_between_two_of_its_key_does_not_let_the_last_pass),
          cmocka_unit_test(test_one_that_comes_behind_a_dropped_one_follows_who_was_before),
          cmocka_unit_test(test_what_waits_again_is_where_it_was),
          cmocka_unit_test(test_random_courses_keep_what_the_header_says))
