/* The in-flight table against a list in the order of sending; the set of packet identifiers against a bit map. */
#include "broker/inflight.h"

#include "base/mem.h"
#include "harness.h"

static struct message *any_message(void)
{
    const struct publication parts = {.topic = STR("t"), .payload = STR("x")};
    return message_new(&parts);
}

/* A message that all share: who has it in flight holds a reference. */
static struct outgoing outgoing_of(struct message *message, uint32_t number)
{
    struct outgoing outgoing = {.message = message_ref(message), .qos = (uint8_t)(1 + number % 2)};
    if (number % 7 == 0) {
        outgoing.ids = mem_alloc(2 * sizeof(*outgoing.ids));
        outgoing.ids[0] = 1;
        outgoing.ids[1] = number;
    }
    return outgoing;
}

/* ---- The model: what is in flight, oldest first ---------------------------------------------------------- */

#define MODEL_MAX 65535

struct model {
    uint16_t ids[MODEL_MAX];
    bool released[MODEL_MAX];
    bool sent[MODEL_MAX];
    bool fresh[MODEL_MAX];
    uint32_t count;
    uint8_t taken[65536]; /* by identifier */
};

static struct model model; /* large */

static void model_remove(uint32_t at)
{
    model.taken[model.ids[at]] = false;
    model.count--;
    uint32_t behind = model.count - at;
    memmove(model.ids + at, model.ids + at + 1, behind * sizeof(*model.ids));
    memmove(model.released + at, model.released + at + 1, behind * sizeof(*model.released));
    memmove(model.sent + at, model.sent + at + 1, behind * sizeof(*model.sent));
    memmove(model.fresh + at, model.fresh + at + 1, behind * sizeof(*model.fresh));
}

static void add(struct inflight *inflight, struct message *message, uint32_t number, bool waits)
{
    struct outgoing outgoing = outgoing_of(message, number);
    uint16_t id =
        waits ? inflight_add_waiting(inflight, &outgoing)->packet_id : inflight_add(inflight, &outgoing);
    CHECK(id != 0, "message %u", number);
    CHECK(!model.taken[id], "identifier %u given twice", id);
    model.taken[id] = true;
    model.ids[model.count] = id;
    model.released[model.count] = false;
    model.fresh[model.count] = waits;
    model.sent[model.count++] = !waits;
}

static void take_away(struct inflight *inflight, uint32_t at)
{
    struct inflight_entry *entry = inflight_find(inflight, model.ids[at]);
    assert_non_null(entry);
    inflight_remove(inflight, entry);
    model_remove(at);
}

struct walk {
    uint32_t at;
};

static void check_entry(struct inflight_entry *entry, void *arg)
{
    struct walk *walk = arg;
    uint32_t at = walk->at++;
    CHECK(at < model.count, "more than %u entries", model.count);
    CHECK(entry->packet_id == model.ids[at], "entry %u of %u is #%u, not #%u", at, model.count,
          entry->packet_id, model.ids[at]);
    CHECK((entry->state == INFLIGHT_RELEASED) == model.released[at], "#%u", entry->packet_id);
    CHECK(model.released[at] == (entry->message == NULL), "#%u", entry->packet_id);
    CHECK(entry->sent == model.sent[at], "#%u", entry->packet_id);
    CHECK(entry->fresh == model.fresh[at], "#%u", entry->packet_id);
}

static void check_all(struct inflight *inflight)
{
    struct walk walk = {0};
    inflight_each(inflight, check_entry, &walk);
    assert_int_equal(walk.at, model.count);
    uint32_t sent = 0, fresh = 0;
    for (uint32_t i = 0; i < model.count; i++) {
        sent += model.sent[i];
        fresh += model.fresh[i];
    }
    assert_int_equal(inflight->fresh, fresh);
    assert_int_equal(inflight->count, model.count);
    assert_int_equal(inflight->sent, sent);
    assert_int_equal(inflight->unsent, model.count - sent);
}

static void all_unsent(struct inflight *inflight)
{
    inflight_all_unsent(inflight);
    for (uint32_t i = 0; i < model.count; i++)
        model.sent[i] = false;
}

/* The oldest one that is unsent. */
static void send_next(struct inflight *inflight)
{
    uint32_t at = 0;
    while (at < model.count && model.sent[at])
        at++;
    if (at == model.count)
        return;
    struct inflight_entry *entry = inflight_next_unsent(inflight);
    assert_non_null(entry);
    CHECK(entry->packet_id == model.ids[at], "#%u is sent again before #%u", entry->packet_id, model.ids[at]);
    inflight_mark_sent(inflight, entry);
    assert_false(entry->fresh);
    model.sent[at] = true;
    model.fresh[at] = false;
}

static void start(struct inflight *inflight)
{
    memset(&model, 0, sizeof(model));
    *inflight = (struct inflight){0};
}

/* ---- Random exchanges ------------------------------------------------------------------------------------ */

/* A client that keeps up to `window` in flight and acknowledges nearly in order, or from anywhere. */
static void exchange(struct random *random, uint32_t window, unsigned disorder_percent, uint32_t messages)
{
    struct inflight inflight;
    struct message *message = any_message();
    start(&inflight);
    for (uint32_t number = 0; number < messages;) {
        uint64_t choice = random_below(random, 100);
        uint32_t at = random_below(random, 100) < disorder_percent && model.count > 0
                          ? (uint32_t)random_below(random, model.count)
                          : 0;
        if (choice < 45 && model.count < window) {
            add(&inflight, message, number++, random_below(random, 4) == 0);
        } else if (choice < 90 && model.count > 0) {
            take_away(&inflight, at);
        } else if (choice < 97 && model.count > 0) {
            inflight_release_message(&inflight, inflight_find(&inflight, model.ids[at]));
            model.released[at] = true;
        } else if (choice == 97 && random_below(random, 100) == 0) {
            all_unsent(&inflight);
        } else {
            send_next(&inflight);
        }
        uint16_t any = (uint16_t)random_next(random);
        const struct inflight_entry *entry = inflight_find(&inflight, any);
        CHECK((entry != NULL) == model.taken[any], "#%u", any);
        if (random_below(random, 1000) == 0)
            check_all(&inflight);
    }
    check_all(&inflight);
    uint32_t unreleased = 0;
    for (uint32_t i = 0; i < model.count; i++)
        unreleased += !model.released[i];
    assert_int_equal(atomic_load(&message->refs), 1 + unreleased);
    inflight_clear(&inflight);
    assert_int_equal(atomic_load(&message->refs), 1);
    message_unref(message);
}

static void test_a_table_behaves_like_a_list_in_the_order_of_sending(void **state)
{
    (void)state;
    static const struct {
        uint32_t window;
        unsigned disorder_percent;
        uint32_t messages;
    } rows[] = {
        {1, 0, 70000},    {2, 50, 70000},      {20, 0, 200000},    {20, 100, 200000},
        {500, 5, 200000}, {1000, 100, 200000}, {30000, 1, 200000}, {65534, 3, 200000},
    };
    struct random random;
    random_seed(&random, harness_seed());
    TABLE_EACH(row, rows)
    exchange(&random, row->window, row->disorder_percent, row->messages);
}

/* ---- Entries that stay ----------------------------------------------------------------------------------- */

/* Some clients never acknowledge one message. The sequence comes round to it and past it, again and again. */
static void test_an_entry_that_stays_keeps_its_place_while_the_sequence_comes_round(void **state)
{
    (void)state;
    static const uint32_t others[] = {0, 1, 7, 1000};
    struct message *message = any_message();
    TABLE_EACH(other, others)
    {
        struct inflight inflight;
        start(&inflight);
        add(&inflight, message, 0, false); /* stays */
        for (uint32_t number = 1; number <= 200000; number++) {
            add(&inflight, message, number, false);
            while (model.count > 1 + *other)
                take_away(&inflight, 1);
            if (number == 100000)
                all_unsent(&inflight);
            if (number % 997 == 0)
                check_all(&inflight);
        }
        check_all(&inflight);
        CHECK(inflight.mask < 4 * (*other + 2) || inflight.mask < 8, "%u slots for %u", inflight.mask + 1,
              model.count);
        /* And when it goes at last, the order of the others stands. */
        take_away(&inflight, 0);
        check_all(&inflight);
        all_unsent(&inflight);
        while (inflight.unsent > 0)
            send_next(&inflight);
        inflight_clear(&inflight);
    }
    message_unref(message);
}

static void test_many_entries_that_stay_keep_their_order(void **state)
{
    (void)state;
    struct random random;
    struct inflight inflight;
    struct message *message = any_message();
    random_seed(&random, harness_seed());
    start(&inflight);
    /* One in a hundred stays; the others are acknowledged soon. At last 3,000 are there from five rounds. */
    for (uint32_t number = 0; number < 300000; number++) {
        add(&inflight, message, number, false);
        if (random_below(&random, 100) != 0)
            take_away(&inflight, model.count - 1);
    }
    check_all(&inflight);
    all_unsent(&inflight);
    for (uint32_t i = 0; i < 1000; i++)
        send_next(&inflight);
    check_all(&inflight);
    while (model.count > 0)
        take_away(&inflight, (uint32_t)random_below(&random, model.count));
    check_all(&inflight);
    inflight_clear(&inflight);
    message_unref(message);
}

static void test_every_identifier_but_0_can_be_in_flight(void **state)
{
    (void)state;
    struct inflight inflight;
    struct message *message = any_message();
    start(&inflight);
    for (uint32_t number = 0; number < 65535; number++)
        add(&inflight, message, number, false);
    check_all(&inflight);
    assert_null(inflight_find(&inflight, 0));
    /* The one that is free is found wherever the sequence stands. */
    static const uint32_t places[] = {65534, 0, 40000, 1, 65533};
    TABLE_EACH(place, places)
    {
        uint16_t id = model.ids[*place];
        take_away(&inflight, *place);
        add(&inflight, message, 1, false);
        assert_int_equal(model.ids[model.count - 1], id);
    }
    check_all(&inflight);
    inflight_clear(&inflight);
    assert_int_equal(atomic_load(&message->refs), 1);
    message_unref(message);
}

/* ---- Memory ---------------------------------------------------------------------------------------------- */

static void test_a_table_exists_only_while_something_is_in_flight(void **state)
{
    (void)state;
    struct inflight inflight;
    struct message *message = any_message();
    start(&inflight);
    assert_null(inflight.ring);
    assert_null(inflight_find(&inflight, 1));
    inflight_clear(&inflight);
    for (uint32_t number = 0; number < 5000; number++)
        add(&inflight, message, number, false);
    while (model.count > 0)
        take_away(&inflight, 0);
    assert_null(inflight.ring);
    /* The sequence goes on. */
    add(&inflight, message, 1, false);
    assert_int_equal(model.ids[0], 5001);
    inflight_clear(&inflight);
    message_unref(message);
}

static void remove_it(struct inflight_entry *entry, void *arg)
{
    inflight_remove(arg, entry);
}

static void test_entries_may_be_removed_while_they_are_walked(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 2, 8, 9, 3000};
    struct message *message = any_message();
    TABLE_EACH(count, counts)
    {
        struct inflight inflight;
        start(&inflight);
        for (uint32_t number = 0; number < *count; number++)
            add(&inflight, message, number, false);
        inflight_each(&inflight, remove_it, &inflight);
        assert_int_equal(inflight.count, 0);
        assert_int_equal(atomic_load(&message->refs), 1);
        inflight_clear(&inflight);
    }
    message_unref(message);
}

/* ---- Identifiers that wait for PUBREL -------------------------------------------------------------------- */

static void test_a_set_of_packet_identifiers_holds_what_was_added(void **state)
{
    (void)state;
    struct random random;
    struct packet_id_set set = {0};
    static bool held[65536];
    static uint32_t numbers[65536];
    uint32_t count = 0;
    random_seed(&random, harness_seed());
    memset(held, 0, sizeof(held));
    for (int i = 0; i < 200000; i++) {
        /* Few identifiers for a while, then all. */
        uint16_t id = (uint16_t)(1 + random_below(&random, i % 50000 < 25000 ? 20 : 65535));
        bool was = held[id];
        switch (random_below(&random, 3)) {
        case 0:
            CHECK(packet_id_set_add(&set, id, (uint32_t)i + 1) == !was, "%u", id);
            numbers[id] = was ? numbers[id] : (uint32_t)i + 1;
            held[id] = true;
            count += !was;
            break;
        case 1:
            CHECK(packet_id_set_remove(&set, id) == was, "%u", id);
            held[id] = false;
            count -= was;
            break;
        default:
            CHECK(packet_id_set_has(&set, id) == was, "%u", id);
            CHECK(packet_id_set_exchange(&set, id) == (was ? numbers[id] : 0), "%u", id);
        }
        assert_int_equal(set.count, count);
    }
    packet_id_set_clear(&set);
    assert_int_equal(set.count, 0);
    assert_false(packet_id_set_has(&set, 1));
    assert_false(packet_id_set_remove(&set, 1));
    for (unsigned id = 1; id <= 65535; id++)
        assert_true(packet_id_set_add(&set, (uint16_t)id, 0));
    assert_int_equal(set.count, 65535);
    assert_true(packet_id_set_has(&set, 65535));
    packet_id_set_clear(&set);
}

static void test_exchanges_are_counted_whether_they_are_in_the_set_or_not(void **state)
{
    (void)state;
    struct packet_id_set set = {0};
    assert_int_equal(packet_id_set_next_exchange(&set), 1);
    packet_id_set_add(&set, 7, UINT32_MAX - 1);
    packet_id_set_add(&set, 8, 0); /* has none */
    packet_id_set_remove(&set, 7);
    assert_int_equal(packet_id_set_next_exchange(&set), UINT32_MAX);
    packet_id_set_add(&set, 7, UINT32_MAX);
    assert_int_equal(packet_id_set_next_exchange(&set), 1); /* 0 means none */
    packet_id_set_clear(&set);
}

/* ---- At the start of the broker ------------------------------------------------------------------------------ */

static void test_entries_are_restored_under_their_identifiers_and_in_their_order(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    struct message *message = any_message();
    for (unsigned round = 0; round < 200; round++) {
        struct inflight inflight;
        start(&inflight);
        uint32_t most = round == 0 ? MODEL_MAX : 1 + (uint32_t)random_below(&random, 300);
        for (uint32_t number = 1; number <= most; number++) {
            uint16_t wanted = (uint16_t)(1 + random_below(&random, UINT16_MAX));
            bool released = random_below(&random, 3) == 0, waits = !released && random_below(&random, 3) == 0;
            struct outgoing outgoing = released ? (struct outgoing){.qos = 2} : outgoing_of(message, number);
            struct inflight_entry *entry = inflight_restore(&inflight, &outgoing, wanted, released);
            CHECK((entry == NULL) == model.taken[wanted], "#%u", wanted);
            if (entry == NULL) {
                if (!released)
                    outgoing_release(&outgoing);
                continue;
            }
            if (waits)
                inflight_wait(&inflight, entry);
            model.taken[wanted] = true;
            model.ids[model.count] = wanted;
            model.released[model.count] = released;
            model.fresh[model.count] = waits;
            model.sent[model.count++] = false;
        }
        check_all(&inflight);
        uint16_t last = model.ids[model.count - 1];
        if (model.count < MODEL_MAX)
            add(&inflight, message, 0, false);
        uint16_t behind = (uint16_t)(model.ids[model.count - 1] - last);
        CHECK(behind > 0 && behind <= inflight.mask + 1U, "#%u behind #%u", model.ids[model.count - 1], last);
        check_all(&inflight);
        for (uint32_t left = (uint32_t)random_below(&random, model.count + 1); left > 0; left--)
            send_next(&inflight);
        check_all(&inflight);
        inflight_clear(&inflight);
    }
    assert_int_equal(atomic_load(&message->refs), 1);
    message_unref(message);
}

RUN_TESTS(cmocka_unit_test(test_entries_are_restored_under_their_identifiers_and_in_their_order),
          cmocka_unit_test(test_a_table_behaves_like_a_list_in_the_order_of_sending),
          cmocka_unit_test(test_an_entry_that_stays_keeps_its_place_while_the_sequence_comes_round),
          cmocka_unit_test(test_many_entries_that_stay_keep_their_order),
          cmocka_unit_test(test_every_identifier_but_0_can_be_in_flight),
          cmocka_unit_test(test_a_table_exists_only_while_something_is_in_flight),
          cmocka_unit_test(test_entries_may_be_removed_while_they_are_walked),
          cmocka_unit_test(test_a_set_of_packet_identifiers_holds_what_was_added),
          cmocka_unit_test(test_exchanges_are_counted_whether_they_are_in_the_set_or_not))
