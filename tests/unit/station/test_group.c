/* The state machine of a group: by hand, and against a naive model at random. */
#include "station/group.h"

#include "harness.h"

#define WAIT_MS 100

static struct pending *deliver(struct group *group, uint64_t offset, uint64_t member, int64_t now_ms)
{
    return group_deliver_new(group, offset, member, now_ms + WAIT_MS);
}

static void test_acknowledged_in_order_the_position_follows(void **state)
{
    (void)state;
    struct group group;
    group_init(&group, 5, 3);
    assert_int_equal(group_acked(&group), 5);
    deliver(&group, 5, 1, 0);
    deliver(&group, 6, 1, 0);
    assert_int_equal(group_acked(&group), 5);
    assert_true(group_ack(&group, 5));
    assert_int_equal(group_acked(&group), 6);
    assert_true(group_ack(&group, 6));
    assert_int_equal(group_acked(&group), 7);
    assert_false(group_ack(&group, 6));
    assert_false(group_ack(&group, 7)); /* never delivered */
    group_free(&group);
}

static void test_out_of_order_the_position_waits_for_the_gap(void **state)
{
    (void)state;
    struct group group;
    group_init(&group, 0, 3);
    for (uint64_t offset = 0; offset < 4; offset++)
        deliver(&group, offset, 1, 0);
    group_ack(&group, 3);
    group_ack(&group, 1);
    assert_int_equal(group_acked(&group), 0);
    assert_int_equal(group.pending_count, 2);
    group_ack(&group, 0);
    assert_int_equal(group_acked(&group), 2);
    group_ack(&group, 2);
    assert_int_equal(group_acked(&group), 4);
    group_free(&group);
}

static void test_what_is_passed_over_does_not_hold_the_position(void **state)
{
    (void)state;
    struct group group;
    group_init(&group, 0, 3);
    deliver(&group, 0, 1, 0);
    group_skip(&group, 10);
    deliver(&group, 12, 1, 0);
    group_ack(&group, 0);
    assert_int_equal(group_acked(&group), 12);
    group_free(&group);
}

static void test_deadline_over_it_comes_again_and_counts(void **state)
{
    (void)state;
    struct group group;
    group_init(&group, 0, 2);
    struct pending *pending = deliver(&group, 0, 7, 1000);
    assert_int_equal(group_deadline(&group), 1000 + WAIT_MS);
    assert_null(group_expire(&group, 1000 + WAIT_MS - 1));
    assert_ptr_equal(group_expire(&group, 1000 + WAIT_MS), pending);
    assert_int_equal(pending->member, 7);
    assert_null(group_expire(&group, 1000 + WAIT_MS));
    assert_ptr_equal(group_again(&group), pending);
    group_deliver_again(&group, pending, 8, 2000);
    assert_int_equal(pending->deliveries, 2);
    assert_int_equal(group.redelivered, 1);
    assert_true(group_ack(&group, 0)); /* whoever had it */
    group_free(&group);
}

static void test_deliveries_used_up_it_dies(void **state)
{
    (void)state;
    struct group group;
    group_init(&group, 0, 2);
    struct pending *pending = deliver(&group, 0, 1, 0);
    assert_true(group_nack(&group, 0, 1));
    assert_ptr_equal(group_again(&group), pending);
    group_deliver_again(&group, pending, 1, WAIT_MS);
    assert_true(group_nack(&group, 0, 2));
    assert_null(group_again(&group));
    assert_ptr_equal(group_dying(&group), pending);
    assert_int_equal(pending->why, DEATH_REFUSED);
    assert_int_equal(group_acked(&group), 0); /* until it is in the dead letters */
    group_bury(&group, pending);
    assert_int_equal(group_acked(&group), 1);
    group_free(&group);
}

static void test_without_a_limit_nothing_dies(void **state)
{
    (void)state;
    struct group group;
    group_init(&group, 0, 0);
    struct pending *pending = deliver(&group, 0, 1, 0);
    for (uint32_t i = 1; i < 100; i++) {
        assert_true(group_nack(&group, 0, i));
        group_deliver_again(&group, pending, 1, WAIT_MS);
    }
    assert_null(group_dying(&group));
    group_free(&group);
}

static void test_a_refusal_of_a_former_delivery_is_ignored(void **state)
{
    (void)state;
    struct group group;
    group_init(&group, 0, 9);
    struct pending *pending = deliver(&group, 0, 1, 0);
    assert_non_null(group_expire(&group, WAIT_MS));
    assert_false(group_nack(&group, 0, 1)); /* it is nobody's */
    group_deliver_again(&group, pending, 2, 2 * WAIT_MS);
    assert_false(group_nack(&group, 0, 1));
    assert_int_equal(pending->state, PENDING_IN_FLIGHT);
    group_free(&group);
}

static void test_what_has_not_reached_a_client_does_not_count(void **state)
{
    (void)state;
    struct group group;
    group_init(&group, 0, 1);
    struct pending *pending = deliver(&group, 0, 1, 0);
    assert_true(group_return(&group, 0, 1));
    assert_ptr_equal(group_again(&group), pending);
    assert_int_equal(pending->deliveries, 0);
    assert_int_equal(group.delivered, 0);
    group_free(&group);
}

static void test_a_member_that_is_gone_gives_back_what_it_has_and_no_more(void **state)
{
    (void)state;
    struct group group;
    group_init(&group, 0, 3);
    deliver(&group, 0, 1, 0);
    deliver(&group, 1, 2, 0);
    deliver(&group, 2, 1, 0);
    group_member_gone(&group, 1);
    assert_int_equal(group_again(&group)->offset, 0);
    group_deliver_again(&group, group_again(&group), 2, WAIT_MS);
    assert_int_equal(group_again(&group)->offset, 2);
    group_deliver_again(&group, group_again(&group), 2, WAIT_MS);
    assert_null(group_again(&group));
    group_free(&group);
}

static void test_what_is_expelled_is_settled(void **state)
{
    (void)state;
    struct group group;
    group_init(&group, 0, 3);
    for (uint64_t offset = 0; offset < 5; offset++)
        deliver(&group, offset, 1, 0);
    assert_int_equal(group_trim(&group, 3), 3);
    assert_int_equal(group_acked(&group), 3);
    assert_int_equal(group_trim(&group, 10), 2);
    assert_int_equal(group_acked(&group), 10);
    assert_int_equal(group.next, 10);
    group_free(&group);
}

static void test_a_stored_position_has_what_is_pending_and_its_deliveries(void **state)
{
    (void)state;
    struct error err;
    struct group group, again;
    struct buf stored = {0};
    group_init(&group, 1000000, 3);
    for (uint64_t offset = 1000000; offset < 1000010; offset++)
        deliver(&group, offset, 1, 0);
    for (uint64_t offset = 1000000; offset < 1000010; offset += 2)
        group_ack(&group, offset);
    assert_true(group_nack(&group, 1000003, 1));
    group_deliver_again(&group, group_again(&group), 1, WAIT_MS);
    group_encode(&group, &stored);
    ASSERT_OK(group_decode(&again, buf_str(&stored), 3, &err), err);
    assert_int_equal(again.next, 1000010);
    assert_int_equal(group_acked(&again), 1000001);
    assert_int_equal(again.pending_count, 5);
    assert_int_equal(group_find(&again, 1000003)->deliveries, 2);
    assert_int_equal(group_find(&again, 1000005)->deliveries, 1);
    assert_null(group_find(&again, 1000002));
    assert_int_equal(group_again(&again)->offset, 1000001);
    group_free(&again);
    group_free(&group);
    buf_free(&stored);
}

static void test_a_stored_position_that_is_cut_or_changed_is_refused_or_valid(void **state)
{
    (void)state;
    struct error err;
    struct group group;
    struct buf stored = {0};
    group_init(&group, 10, 3);
    for (uint64_t offset = 10; offset < 14; offset++)
        deliver(&group, offset, 1, 0);
    group_encode(&group, &stored);
    group_free(&group);
    for (size_t len = 0; len < stored.len; len++)
        ASSERT_FAILS(group_decode(&group, str_make(stored.data, len), 3, &err), err, ERR_CORRUPT);
    for (size_t at = 0; at < stored.len; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            stored.data[at] ^= (uint8_t)(1u << bit);
            if (group_decode(&group, buf_str(&stored), 3, &err))
                group_free(&group);
            stored.data[at] ^= (uint8_t)(1u << bit);
        }
    }
    buf_free(&stored);
}

/* ---- Against a model ------------------------------------------------------------------------------------- */

#define MESSAGES 64
#define MEMBERS  4
#define STEPS    4000
#define MOST     3 /* deliveries */

enum fate { NEVER, FLYING, WAITING, DYING, DONE, PASSED };

struct model {
    enum fate fate[MESSAGES];
    uint32_t deliveries[MESSAGES];
    uint64_t member[MESSAGES];
    int64_t deadline[MESSAGES];
    uint64_t next;
};

static uint64_t model_acked(const struct model *model)
{
    for (uint64_t i = 0; i < model->next; i++) {
        if (model->fate[i] != DONE && model->fate[i] != PASSED)
            return i;
    }
    return model->next;
}

static void model_fail(struct model *model, uint64_t offset)
{
    model->fate[offset] = model->deliveries[offset] >= MOST ? DYING : WAITING;
}

static void compare(const struct group *group, const struct model *model, uint64_t seed, unsigned step)
{
    size_t pending = 0, dying = 0;
    for (uint64_t i = 0; i < model->next; i++) {
        const struct pending *found = group_find(group, i);
        bool open = model->fate[i] == FLYING || model->fate[i] == WAITING || model->fate[i] == DYING;
        CHECK((found != NULL) == open, "seed %" PRIu64 " step %u offset %" PRIu64, seed, step, i);
        pending += open;
        dying += model->fate[i] == DYING;
        if (found != NULL)
            CHECK(found->deliveries == model->deliveries[i], "seed %" PRIu64 " step %u", seed, step);
    }
    CHECK(group->pending_count == pending, "seed %" PRIu64 " step %u", seed, step);
    CHECK((group_dying(group) != NULL) == (dying > 0), "seed %" PRIu64 " step %u", seed, step);
    CHECK(group_acked(group) == model_acked(model), "seed %" PRIu64 " step %u", seed, step);
}

static void step_deliver(struct group *group, struct model *model, struct random *random, int64_t now_ms)
{
    uint64_t member = 1 + random_below(random, MEMBERS);
    int64_t deadline_ms = now_ms + 1 + (int64_t)random_below(random, WAIT_MS);
    struct pending *again = group_again(group);
    uint64_t offset;
    if (again != NULL && random_below(random, 2) == 0) {
        offset = again->offset;
        group_deliver_again(group, again, member, deadline_ms);
    } else if (model->next < MESSAGES) {
        offset = model->next++;
        if (random_below(random, 5) == 0) {
            group_skip(group, model->next);
            model->fate[offset] = PASSED;
            return;
        }
        group_deliver_new(group, offset, member, deadline_ms);
    } else {
        return;
    }
    model->fate[offset] = FLYING;
    model->deliveries[offset]++;
    model->member[offset] = member;
    model->deadline[offset] = deadline_ms;
}

static void step_settle(struct group *group, struct model *model, struct random *random)
{
    uint64_t offset = random_below(random, MESSAGES);
    uint32_t delivery = 1 + (uint32_t)random_below(random, MOST);
    bool open = offset < model->next && model->fate[offset] != DONE && model->fate[offset] != PASSED;
    bool this_one = open && model->fate[offset] == FLYING && model->deliveries[offset] == delivery;
    switch (random_below(random, 3)) {
    case 0:
        assert_int_equal(group_ack(group, offset), open);
        if (open)
            model->fate[offset] = DONE;
        break;
    case 1:
        assert_int_equal(group_nack(group, offset, delivery), this_one);
        if (this_one)
            model_fail(model, offset);
        break;
    default:
        assert_int_equal(group_return(group, offset, delivery), this_one);
        if (this_one) {
            model->fate[offset] = WAITING;
            model->deliveries[offset]--;
        }
    }
}

static void step_time(struct group *group, struct model *model, struct random *random, int64_t *now_ms)
{
    *now_ms += (int64_t)random_below(random, WAIT_MS);
    while (group_expire(group, *now_ms) != NULL)
        ;
    for (uint64_t i = 0; i < model->next; i++) {
        if (model->fate[i] == FLYING && model->deadline[i] <= *now_ms)
            model_fail(model, i);
    }
}

static void step_leave(struct group *group, struct model *model, struct random *random)
{
    uint64_t member = 1 + random_below(random, MEMBERS);
    group_member_gone(group, member);
    for (uint64_t i = 0; i < model->next; i++) {
        if (model->fate[i] == FLYING && model->member[i] == member)
            model_fail(model, i);
    }
}

static void step_restart(struct group *group, struct model *model)
{
    struct error err;
    struct buf stored = {0};
    group_encode(group, &stored);
    group_free(group);
    ASSERT_OK(group_decode(group, buf_str(&stored), MOST, &err), err);
    buf_free(&stored);
    for (uint64_t i = 0; i < model->next; i++) {
        if (model->fate[i] == FLYING)
            model_fail(model, i);
    }
}

static void step_trim(struct group *group, struct model *model, struct random *random)
{
    uint64_t first = random_below(random, model->next + 2);
    if (first > MESSAGES)
        return;
    group_trim(group, first);
    for (uint64_t i = 0; i < first; i++)
        model->fate[i] = model->fate[i] == PASSED ? PASSED : DONE;
    model->next = first > model->next ? first : model->next;
}

static void step_bury(struct group *group, struct model *model)
{
    struct pending *pending = group_dying(group);
    if (pending == NULL)
        return;
    model->fate[pending->offset] = DONE;
    group_bury(group, pending);
}

static void test_any_course_is_that_of_a_naive_model(void **state)
{
    (void)state;
    uint64_t seed = harness_seed();
    struct random random;
    random_seed(&random, seed);
    for (unsigned round = 0; round < 50; round++) {
        struct group group;
        struct model model = {0};
        int64_t now_ms = 0;
        group_init(&group, 0, MOST);
        for (unsigned step = 0; step < STEPS / 50; step++) {
            switch (random_below(&random, 12)) {
            default: step_deliver(&group, &model, &random, now_ms); break;
            case 0:
            case 1:
            case 2:
            case 3: step_settle(&group, &model, &random); break;
            case 4: step_time(&group, &model, &random, &now_ms); break;
            case 5: step_leave(&group, &model, &random); break;
            case 6: step_bury(&group, &model); break;
            case 7:
                if (random_below(&random, 4) == 0)
                    step_restart(&group, &model);
                break;
            case 8:
                if (random_below(&random, 8) == 0)
                    step_trim(&group, &model, &random);
            }
            compare(&group, &model, seed, step);
        }
        group_free(&group);
    }
}

RUN_TESTS(cmocka_unit_test(test_acknowledged_in_order_the_position_follows),
          cmocka_unit_test(test_out_of_order_the_position_waits_for_the_gap),
          cmocka_unit_test(test_what_is_passed_over_does_not_hold_the_position),
          cmocka_unit_test(test_deadline_over_it_comes_again_and_counts),
          cmocka_unit_test(test_deliveries_used_up_it_dies),
          cmocka_unit_test(test_without_a_limit_nothing_dies),
          cmocka_unit_test(test_a_refusal_of_a_former_delivery_is_ignored),
          cmocka_unit_test(test_what_has_not_reached_a_client_does_not_count),
          cmocka_unit_test(test_a_member_that_is_gone_gives_back_what_it_has_and_no_more),
          cmocka_unit_test(test_what_is_expelled_is_settled),
          cmocka_unit_test(test_a_stored_position_has_what_is_pending_and_its_deliveries),
          cmocka_unit_test(test_a_stored_position_that_is_cut_or_changed_is_refused_or_valid),
          cmocka_unit_test(test_any_course_is_that_of_a_naive_model))
