/* Message ids: claimed, settled, known for the window. Exchanges at QoS 2: known by name and content. */
#include "station/exchanges.h"
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

static void test_too_many_are_forgotten_before_their_window_ends_and_are_counted(void **state)
{
    (void)state;
    struct ids ids;
    struct waiting waiting;
    struct id_entry *entry;
    uint64_t offset;
    int64_t last_ms;
    ids_init(&ids);
    assert_int_equal(ids.max, IDS_MAX);
    ids.max = 2;
    ids_add(&ids, STR("a"), 1, 10);
    ids_add(&ids, STR("b"), 2, 20);
    assert_int_equal(ids_forgotten(&ids, &last_ms), 0);
    ids_add(&ids, STR("c"), 3, 30); /* read from the log */
    assert_int_equal(ids_forgotten(&ids, &last_ms), 1);
    assert_int_equal(last_ms, 10);
    assert_int_equal(claim(&ids, "a", 40, &waiting, &entry, &offset), IDS_CLAIMED);
    ids_settle(&ids, entry, true, 4, 40);
    ids_expire(&ids, 50, 1000); /* or stored */
    assert_int_equal(ids_forgotten(&ids, &last_ms), 2);
    assert_int_equal(last_ms, 20);
    assert_int_equal(claim(&ids, "c", 60, &waiting, &entry, &offset), IDS_KNOWN);
    ids_expire(&ids, 2000, 1000); /* in time */
    assert_int_equal(ids_forgotten(&ids, &last_ms), 2);
    assert_int_equal(ids_count(&ids), 0);
    ids_free(&ids);
}

/* ---- Exchanges ------------------------------------------------------------------------------------------- */

static struct station_message exchanged(uint64_t session, uint16_t packet_id, uint32_t number,
                                        const char *payload)
{
    return (struct station_message){
        .topic = STR("t"),
        .payload = str_of(payload),
        .qos = 2,
        .exchange = {.session = session, .packet_id = packet_id, .number = number},
    };
}

#define HAVE(session, packet_id, number, payload, now_ms)                                                \
    exchanges_have(&exchanges,                                                                           \
                   &(const struct station_message[]){exchanged(session, packet_id, number, payload)}[0], \
                   now_ms, 1000)
#define ADD(session, packet_id, number, payload, time_ms)                                               \
    exchanges_add(&exchanges,                                                                           \
                  &(const struct station_message[]){exchanged(session, packet_id, number, payload)}[0], \
                  time_ms)

static void test_an_exchange_is_known_by_all_that_names_it(void **state)
{
    (void)state;
    struct exchanges exchanges;
    exchanges_init(&exchanges);
    assert_false(HAVE(1, 2, 3, "x", 0));
    ADD(1, 2, 3, "x", 0);
    ADD(1, 4, 4, "y", 10);
    assert_true(HAVE(1, 2, 3, "x", 999) && HAVE(1, 4, 4, "y", 999));
    assert_false(HAVE(2, 2, 3, "x", 0) || HAVE(1, 3, 3, "x", 0) || HAVE(1, 2, 4, "x", 0) ||
                 HAVE(1, 2, 3, "y", 0));
    ADD(1, 2, 5, "x", 20); /* the identifier is used again: the former exchange is over */
    assert_false(HAVE(1, 2, 3, "x", 0));
    assert_int_equal(exchanges_count(&exchanges), 2);
    exchanges_free(&exchanges);
}

static void test_an_exchange_is_forgotten_when_its_window_ends(void **state)
{
    (void)state;
    struct exchanges exchanges;
    exchanges_init(&exchanges);
    exchanges.max = 2;
    for (uint16_t id = 1; id <= 3; id++)
        ADD(1, id, id, "x", 10 * id);
    assert_false(HAVE(1, 1, 1, "x", 0)); /* there is no room for more than two */
    assert_true(HAVE(1, 2, 2, "x", 1019));
    assert_false(HAVE(1, 2, 2, "x", 1020));
    exchanges_expire(&exchanges, 1020, 1000);
    assert_int_equal(exchanges_count(&exchanges), 1);
    exchanges_expire(&exchanges, 1030, 1000);
    assert_int_equal(exchanges_count(&exchanges), 0);
    assert_false(HAVE(1, 3, 3, "x", 0));
    exchanges_free(&exchanges);
}

RUN_TESTS(cmocka_unit_test(test_a_stored_id_is_known_until_its_window_ends),
          cmocka_unit_test(test_who_repeats_a_pending_id_waits_for_the_same_end),
          cmocka_unit_test(test_a_failed_id_may_be_claimed_again),
          cmocka_unit_test(test_what_is_read_from_the_log_is_known),
          cmocka_unit_test(test_too_many_are_forgotten_before_their_window_ends_and_are_counted),
          cmocka_unit_test(test_an_exchange_is_known_by_all_that_names_it),
          cmocka_unit_test(test_an_exchange_is_forgotten_when_its_window_ends))
