/* Message ids: claimed, settled, known for the window. */
#include "station/ids.h"

#include "base/mem.h"
#include "harness.h"

struct waiting {
    struct id_waiter waiter; /* first */
    unsigned woken;
    bool stored;
    uint64_t offset;
};

static void wake(struct id_waiter *waiter, bool stored, uint64_t offset)
{
    struct waiting *waiting = (struct waiting *)waiter;
    waiting->woken++;
    waiting->stored = stored;
    waiting->offset = offset;
}

static enum ids_claim claim(struct ids *ids, const char *id, int64_t now_ms, struct waiting *waiting,
                            struct id_entry **entry, uint64_t *offset)
{
    *waiting = (struct waiting){.waiter.wake = wake};
    return ids_claim(ids, str_of(id), now_ms, 1000, &waiting->waiter, entry, offset);
}

static void test_a_stored_id_is_known_until_its_window_ends(void **state)
{
    (void)state;
    struct ids ids;
    struct waiting waiting;
    struct id_entry *entry;
    uint64_t offset = 0;
    ids_init(&ids);
    assert_int_equal(claim(&ids, "a", 0, &waiting, &entry, &offset), IDS_CLAIMED);
    entry->index = 3;
    ids_settle(&ids, entry, true, 100, 5);
    assert_int_equal(claim(&ids, "a", 1004, &waiting, &entry, &offset), IDS_KNOWN);
    assert_int_equal(offset, 103);
    assert_int_equal(claim(&ids, "a", 1005, &waiting, &entry, &offset), IDS_CLAIMED);
    ids_settle(&ids, entry, false, 0, 0);
    assert_int_equal(ids_count(&ids), 0);
    ids_free(&ids);
}

static void test_who_repeats_a_pending_id_waits_for_the_same_end(void **state)
{
    (void)state;
    for (int stored = 0; stored < 2; stored++) {
        struct ids ids;
        struct waiting first, second, third;
        struct id_entry *entry, *other;
        uint64_t offset = 0;
        ids_init(&ids);
        assert_int_equal(claim(&ids, "a", 0, &first, &entry, &offset), IDS_CLAIMED);
        assert_int_equal(claim(&ids, "a", 0, &second, &other, &offset), IDS_PENDING);
        assert_int_equal(claim(&ids, "a", 0, &third, &other, &offset), IDS_PENDING);
        assert_int_equal(second.woken, 0);
        entry->index = 1;
        ids_settle(&ids, entry, stored, 7, 0);
        assert_int_equal(first.woken, 0);
        assert_true(second.woken == 1 && third.woken == 1);
        assert_true(second.stored == stored && third.stored == stored);
        if (stored)
            assert_int_equal(second.offset, 8);
        assert_int_equal(ids_count(&ids), stored);
        ids_free(&ids);
    }
}

static void test_a_failed_id_may_be_claimed_again(void **state)
{
    (void)state;
    struct ids ids;
    struct waiting waiting;
    struct id_entry *entry;
    uint64_t offset;
    ids_init(&ids);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(claim(&ids, "a", 0, &waiting, &entry, &offset), IDS_CLAIMED);
        ids_settle(&ids, entry, false, 0, 0);
    }
    ids_free(&ids);
}

static void test_what_is_read_from_the_log_is_known(void **state)
{
    (void)state;
    struct ids ids;
    struct waiting waiting;
    struct id_entry *entry;
    uint64_t offset = 0;
    ids_init(&ids);
    ids_add(&ids, STR("a"), 5, 10);
    ids_add(&ids, STR("b"), 6, 20);
    assert_int_equal(claim(&ids, "b", 500, &waiting, &entry, &offset), IDS_KNOWN);
    assert_int_equal(offset, 6);
    ids_expire(&ids, 1010, 1000);
    assert_int_equal(ids_count(&ids), 1);
    ids_expire(&ids, 1020, 1000);
    assert_int_equal(ids_count(&ids), 0);
    ids_free(&ids);
}

RUN_TESTS(cmocka_unit_test(test_a_stored_id_is_known_until_its_window_ends),
          cmocka_unit_test(test_who_repeats_a_pending_id_waits_for_the_same_end),
          cmocka_unit_test(test_a_failed_id_may_be_claimed_again),
          cmocka_unit_test(test_what_is_read_from_the_log_is_known))
