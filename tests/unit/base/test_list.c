/* The ring through a head. */
#include "base/list.h"
#include "harness.h"

struct node {
    int value;
    struct list link;
};

static void assert_values(const struct list *head, const char *digits)
{
    size_t count = 0;
    LIST_EACH(it, head)
    {
        int value = CONTAINER_OF(it, struct node, link)->value;
        CHECK(value == digits[count] - '0', "%s: place %zu has %d", digits, count, value);
        assert_ptr_equal(it->next->prev, it);
        count++;
    }
    assert_int_equal(count, strlen(digits));
    assert_int_equal(list_empty(head), digits[0] == '\0');
}

static struct node nodes[10];

static void fill(struct list *head, int from, int to)
{
    list_init(head);
    for (int i = from; i < to; i++) {
        nodes[i] = (struct node){.value = i};
        list_append(head, &nodes[i].link);
    }
}

static void test_append_and_prepend_keep_the_order(void **state)
{
    (void)state;
    struct list head;
    list_init(&head);
    assert_values(&head, "");
    fill(&head, 3, 6);
    assert_values(&head, "345");
    nodes[1] = (struct node){.value = 1};
    list_prepend(&head, &nodes[1].link);
    assert_values(&head, "1345");
}

static void test_removing_unlinks_once_and_twice(void **state)
{
    (void)state;
    static const struct {
        int removed;
        const char *left;
    } rows[] = {{0, "123"}, {1, "023"}, {3, "012"}};
    TABLE_EACH(row, rows)
    {
        struct list head;
        fill(&head, 0, 4);
        assert_true(list_linked(&nodes[row->removed].link));
        list_remove(&nodes[row->removed].link);
        assert_false(list_linked(&nodes[row->removed].link));
        list_remove(&nodes[row->removed].link);
        assert_values(&head, row->left);
    }
    struct list fresh = {0};
    assert_false(list_linked(&fresh));
    list_remove(&fresh);
}

static void test_each_safe_survives_removal(void **state)
{
    (void)state;
    struct list head;
    fill(&head, 0, 8);
    LIST_EACH_SAFE(it, &head)
    if (CONTAINER_OF(it, struct node, link)->value % 2 == 0)
        list_remove(it);
    assert_values(&head, "1357");
    LIST_EACH_SAFE(it, &head)
    list_remove(it);
    assert_values(&head, "");
}

static void test_move_all_appends_and_empties(void **state)
{
    (void)state;
    struct list to, from;
    fill(&to, 0, 2);
    fill(&from, 2, 5);
    list_move_all(&to, &from);
    assert_values(&to, "01234");
    assert_values(&from, "");
    list_move_all(&to, &from);
    assert_values(&to, "01234");
    list_move_all(&from, &to);
    assert_values(&from, "01234");
    assert_values(&to, "");
}

RUN_TESTS(cmocka_unit_test(test_append_and_prepend_keep_the_order),
          cmocka_unit_test(test_removing_unlinks_once_and_twice),
          cmocka_unit_test(test_each_safe_survives_removal),
          cmocka_unit_test(test_move_all_appends_and_empties))
