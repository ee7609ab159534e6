/* What a group has seen, by hand. */
#include "harness.h"

#include "bench/seen_internal.h"

struct group {
    struct seen seen;
    uint64_t next[2];
    struct seen_member members[2];
};

static void group_init(struct group *group, uint64_t count)
{
    *group = (struct group){0};
    seen_init(&group->seen, count);
    for (int i = 0; i < 2; i++)
        group->members[i].next = &group->next[i];
}

static unsigned take(struct group *group, int member, uint64_t number)
{
    unsigned delivers = 9;
    assert_true(seen_receive(&group->seen, &group->members[member], 0, number, &delivers));
    return delivers;
}

static void test_a_message_counts_for_the_member_that_has_it_first(void **state)
{
    (void)state;
    struct group group;
    group_init(&group, 200);
    for (uint64_t i = 0; i < 200; i++)
        assert_int_equal(take(&group, (int)(i % 2), i), 1);
    assert_int_equal(take(&group, 1, 64), 0);
    assert_int_equal(take(&group, 0, 64), 0);
    assert_int_equal(group.members[0].taken, 100);
    assert_int_equal(group.members[1].taken, 100);
    assert_int_equal(group.members[0].duplicates, 1);
    assert_int_equal(group.members[1].duplicates, 1);
    assert_int_equal(group.members[0].late + group.members[1].late, 0);
    seen_free(&group.seen);
}

static void test_order_counts_within_a_member_and_for_first_deliveries_alone(void **state)
{
    (void)state;
    struct group group;
    group_init(&group, 10);
    assert_int_equal(take(&group, 0, 5), 1);
    assert_int_equal(take(&group, 1, 3), 1); /* another member: no order between them */
    assert_int_equal(group.members[1].late, 0);
    assert_int_equal(take(&group, 0, 4), 1); /* behind 5 */
    assert_int_equal(group.members[0].late, 1);
    assert_int_equal(take(&group, 0, 3), 0); /* again: counted as that */
    assert_int_equal(group.members[0].late, 1);
    assert_int_equal(group.members[0].duplicates, 1);
    seen_free(&group.seen);
}

static void test_a_number_that_was_never_sent_is_none(void **state)
{
    (void)state;
    struct group group;
    unsigned delivers = 0;
    group_init(&group, 10);
    assert_false(seen_receive(&group.seen, &group.members[0], 0, 10, &delivers));
    assert_false(seen_receive(&group.seen, &group.members[0], 0, UINT64_MAX, &delivers));
    assert_int_equal(group.members[0].taken, 0);
    seen_free(&group.seen);
}

RUN_TESTS(cmocka_unit_test(test_a_message_counts_for_the_member_that_has_it_first),
          cmocka_unit_test(test_order_counts_within_a_member_and_for_first_deliveries_alone),
          cmocka_unit_test(test_a_number_that_was_never_sent_is_none))
