/* The journal's records: their bytes, and what sessions hold after them. */
#include "broker/journal_internal.h"

#include "base/mem.h"
#include "harness.h"

/* ---- Records as text, and what they leave ---------------------------------------------------------------- */

static void put_numbers(struct buf *out, uint8_t kind, const uint64_t *numbers, size_t count)
{
    buf_append_byte(out, kind);
    for (size_t i = 0; i < count; i++)
        journal_put_number(out, numbers[i]);
}

#define NUMBERS(...) (const uint64_t[]){__VA_ARGS__}, LENGTH(((const uint64_t[]){__VA_ARGS__}))

static void take_buf(struct journal_replay *replay, struct buf *record)
{
    struct error err = {0};
    if (!journal_replay_record(replay, buf_str(record), &err))
        fail_msg("%s", err.text);
    buf_free(record);
}

static void take(struct journal_replay *replay, uint8_t kind, const uint64_t *numbers, size_t count)
{
    struct buf record = {0};
    put_numbers(&record, kind, numbers, count);
    take_buf(replay, &record);
}

/* MESSAGE with content, and ENQUEUE. */
struct said {
    uint64_t id;
    const char *payload; /* NULL: ENQUEUE */
    uint64_t publisher;
    uint16_t packet_id;
    uint32_t expected;
    bool answer;
};

static void say(struct journal_replay *replay, struct said said, const struct journal_entry *entries,
                size_t count)
{
    struct buf record = {0};
    uint64_t last = 0;
    if (said.payload != NULL) {
        const struct journal_message message = {
            .id = said.id,
            .topic = STR("t"),
            .payload = str_of(said.payload),
            .qos = 1,
            .number = said.publisher,
            .packet_id = said.packet_id,
            .expected = said.expected,
        };
        journal_put_message(&record, &message);
        buf_append_str(&record, message.payload);
    } else {
        put_numbers(&record, JOURNAL_ENQUEUE, NUMBERS(said.id, said.answer ? JOURNAL_ENQUEUE_ANSWER : 0));
    }
    for (size_t i = 0; i < count; i++)
        journal_put_entry(&record, &last, 1, &entries[i]);
    take_buf(replay, &record);
}

#define ENTRIES(...) \
    (const struct journal_entry[]){__VA_ARGS__}, LENGTH(((const struct journal_entry[]){__VA_ARGS__}))
#define NOBODY NULL, 0

static void done(struct journal_replay *replay, uint64_t number, uint64_t id)
{
    struct buf record = {0};
    uint64_t last_number = 0, last_id = 0;
    buf_append_byte(&record, JOURNAL_DONE);
    journal_put_difference(&record, &last_number, number);
    journal_put_difference(&record, &last_id, id);
    take_buf(replay, &record);
}

static void state(struct journal_replay *replay, uint64_t number, uint8_t flags, uint16_t received,
                  const struct journal_entry *entries, size_t count)
{
    struct buf record = {0};
    uint64_t last = 0;
    put_numbers(&record, JOURNAL_STATE, NUMBERS(number, flags));
    if ((flags & JOURNAL_STATE_FIRST) != 0) {
        journal_put_number(&record, 100);
        journal_put_number(&record, received != 0);
        if (received != 0) {
            journal_put_number(&record, received);
            journal_put_number(&record, 100 + received);
        }
    }
    for (size_t i = 0; i < count; i++)
        journal_put_entry(&record, &last, JOURNAL_STATE_QOS, &entries[i]);
    take_buf(replay, &record);
}

/* "x q1, y q2 #3, q2 #4 released; received 5" */
static void expect_at(struct journal_replay *replay, uint64_t number, const char *expected, int line)
{
    struct replay_session *session = journal_replay_session(replay, number);
    struct replay_entry *entry;
    struct buf text = {0};
    for (uint32_t at = 0; session != NULL && (entry = replay_entries_next(&session->entries, &at)) != NULL;) {
        buf_append_str(&text, text.len > 0 ? STR(", ") : STR(""));
        if (entry->message != NULL) {
            struct publication publication;
            publication_of_message(entry->message, &publication);
            buf_printf(&text, "%.*s ", STR_ARG(publication.payload));
        }
        buf_printf(&text, "q%u", entry->qos);
        if (entry->packet_id != 0)
            buf_printf(&text, " #%u", entry->packet_id);
        if (entry->message == NULL)
            buf_append_str(&text, STR(" released"));
    }
    for (uint32_t i = 0; session != NULL && i < session->received.count; i++)
        buf_printf(&text, "; received %u", session->received.ids[i].id);
    if (strcmp(buf_cstr(&text), expected) != 0)
        fail_msg("line %d: %s, not %s", line, buf_cstr(&text), expected);
    buf_free(&text);
}

#define EXPECT_HELD(number, expected) expect_at(replay, number, expected, __LINE__)

/* ---- Bytes ----------------------------------------------------------------------------------------------- */

static void test_numbers_keep_their_value_and_are_short(void **state_)
{
    (void)state_;
    static const struct {
        uint64_t value;
        size_t bytes;
    } rows[] = {{0, 1},           {1, 1},       {127, 1},        {128, 2},
                {16383, 2},       {16384, 3},   {UINT32_MAX, 5}, {UINT64_C(1) << 63, 10},
                {UINT64_MAX, 10}, {1u << 20, 3}};
    TABLE_EACH(row, rows)
    {
        struct buf out = {0};
        journal_put_number(&out, row->value);
        CHECK(out.len == row->bytes, "%" PRIu64, row->value);
        struct journal_reader reader = journal_reader_of(buf_str(&out));
        CHECK(journal_get_number(&reader) == row->value && !reader.bad, "%" PRIu64, row->value);
        reader = journal_reader_of(str_make(out.data, out.len - 1));
        journal_get_number(&reader);
        CHECK(reader.bad, "%" PRIu64, row->value);
        uint64_t last = 77;
        buf_reset(&out);
        journal_put_difference(&out, &last, row->value);
        journal_put_difference(&out, &last, 76);
        reader = journal_reader_of(buf_str(&out));
        last = 77;
        CHECK(journal_get_difference(&reader, &last) == row->value, "%" PRIu64, row->value);
        CHECK(journal_get_difference(&reader, &last) == 76 && !reader.bad, "%" PRIu64, row->value);
        buf_free(&out);
    }
}

static void test_a_plain_entry_of_a_near_session_is_one_byte(void **state_)
{
    (void)state_;
    struct buf out = {0};
    uint64_t last = 0;
    for (uint64_t number = 1; number <= 10000; number++)
        journal_put_entry(&out, &last, 1, &(struct journal_entry){.key = number, .qos = 1});
    assert_int_equal(out.len, 10000);
    buf_free(&out);
}

static void test_the_bytes_are_as_the_header_says(void **state_)
{
    (void)state_;
    struct buf out = {0};
    const struct journal_message message = {
        .id = 64,
        .topic = STR("t"),
        .props = STR("\x01\x00"),
        .payload = STR("xyz"),
        .qos = 2,
        .retain = true,
        .expires_ms = 128,
        .expiry_at = 0,
        .packet_id = 5,
        .number = 3,
        .exchange = 300,
        .expected = 1,
    };
    journal_put_message(&out, &message);
    buf_append_str(&out, message.payload);
    uint64_t last = 0;
    uint32_t ids[] = {1, 300};
    journal_put_entry(&out, &last, 2, &(struct journal_entry){.key = 3, .qos = 2});
    journal_put_entry(&out, &last, 2,
                      &(struct journal_entry){
                          .key = 2, .qos = 2, .retain = true, .picked = true, .ids = ids, .packet_id = 9});
    static const uint8_t expected[] = {
        1,  64,   0x1E, 0x80, 1, 0, 3, 5,   0xAC, 2,
        1,  1,    't',  2,    1, 0, 3, 'x', 'y',  'z', /* head, topic, properties, payload */
        12,                                            /* +3: 6, doubled, plain */
        3,  0x3E, 1,    0xAC, 2, 9,                    /* -1: 1, doubled, with flags */
    };
    assert_int_equal(out.len, sizeof(expected));
    assert_memory_equal(out.data, expected, sizeof(expected));
    buf_free(&out);
}

/* ---- Each kind ------------------------------------------------------------------------------------------- */

static void test_messages_wait_until_they_are_done(void **state_)
{
    (void)state_;
    struct journal_replay *replay = journal_replay_new();
    say(replay, (struct said){.id = 64, .payload = "x"}, ENTRIES({.key = 1, .qos = 1}, {.key = 2, .qos = 1}));
    say(replay, (struct said){.id = 128, .payload = "y"}, ENTRIES({.key = 1, .qos = 1}));
    say(replay, (struct said){.id = 64}, ENTRIES({.key = 7, .qos = 1}, {.key = 3, .qos = 1}));
    say(replay, (struct said){.id = 64, .payload = "ignored"}, ENTRIES({.key = 9, .qos = 1}));
    EXPECT_HELD(1, "x q1, y q1");
    EXPECT_HELD(2, "x q1");
    EXPECT_HELD(3, "x q1");
    EXPECT_HELD(7, "x q1");
    EXPECT_HELD(9, "x q1");
    done(replay, 1, 64);
    done(replay, 1, 64); /* once more does nothing */
    done(replay, 2, 64);
    done(replay, 4, 64);
    EXPECT_HELD(1, "y q1");
    EXPECT_HELD(2, "");
    assert_int_equal(replay->next_message, 3);
    assert_int_equal(replay->largest_number, 9);
    journal_replay_free(replay);
}

static void test_an_exchange_at_qos_2_goes_its_way(void **state_)
{
    (void)state_;
    struct journal_replay *replay = journal_replay_new();
    say(replay, (struct said){.id = 64, .payload = "x"}, ENTRIES({.key = 1, .qos = 2, .packet_id = 4}));
    say(replay, (struct said){.id = 128, .payload = "y"}, ENTRIES({.key = 1, .qos = 2}));
    EXPECT_HELD(1, "x q2 #4, y q2");
    take(replay, JOURNAL_SENT, NUMBERS(1, 128, 5));
    EXPECT_HELD(1, "x q2 #4, y q2 #5");
    done(replay, 1, 128); /* is for what has no identifier */
    take(replay, JOURNAL_RELEASED, NUMBERS(1, 4));
    EXPECT_HELD(1, "q2 #4 released, y q2 #5");
    take(replay, JOURNAL_FINISHED, NUMBERS(1, 4));
    EXPECT_HELD(1, "y q2 #5");
    say(replay, (struct said){.id = 192, .payload = "z"}, ENTRIES({.key = 1, .qos = 2}));
    take(replay, JOURNAL_SENT, NUMBERS(1, 192, 5)); /* the end of the former one was not written */
    EXPECT_HELD(1, "z q2 #5");
    take(replay, JOURNAL_SENT, NUMBERS(1, 0, 6)); /* of a feed */
    EXPECT_HELD(1, "z q2 #5, q2 #6 released");
    take(replay, JOURNAL_FINISHED, NUMBERS(1, 6));
    EXPECT_HELD(1, "z q2 #5");
    journal_replay_free(replay);
}

static void test_what_came_at_qos_2_is_remembered_until_pubrel(void **state_)
{
    (void)state_;
    struct journal_replay *replay = journal_replay_new();
    take(replay, JOURNAL_RECEIVED, NUMBERS(1, 7, 1));
    say(replay, (struct said){.id = 64, .payload = "x", .publisher = 1, .packet_id = 9}, NOBODY);
    EXPECT_HELD(1, "; received 7; received 9");
    take(replay, JOURNAL_COMPLETED, NUMBERS(1, 7));
    EXPECT_HELD(1, "; received 9");
    journal_replay_free(replay);
}

static void test_a_state_replaces_what_was_said_once_it_is_whole(void **state_)
{
    (void)state_;
    struct journal_replay *replay = journal_replay_new();
    say(replay, (struct said){.id = 64, .payload = "x"}, ENTRIES({.key = 1, .qos = 1}));
    say(replay, (struct said){.id = 128, .payload = "y"}, ENTRIES({.key = 1, .qos = 1}));
    state(replay, 1, JOURNAL_STATE_FIRST, 3, ENTRIES({.key = 64, .qos = 2, .packet_id = 8}));
    EXPECT_HELD(1, "x q1, y q1");
    state(replay, 1, JOURNAL_STATE_FIRST, 4, ENTRIES({.key = 128, .qos = 1})); /* the former one was cut */
    state(replay, 1, 0, 0, ENTRIES({.key = 0, .qos = 2, .packet_id = 9, .released = true}));
    EXPECT_HELD(1, "x q1, y q1");
    state(replay, 1, JOURNAL_STATE_LAST, 0, ENTRIES({.key = 64, .qos = 1}));
    EXPECT_HELD(1, "y q1, q2 #9 released, x q1; received 4");
    state(replay, 1, JOURNAL_STATE_FIRST | JOURNAL_STATE_LAST, 0, NOBODY);
    EXPECT_HELD(1, "");
    journal_replay_free(replay);
}

static void test_what_refers_to_a_refused_message_means_nothing(void **state_)
{
    (void)state_;
    struct journal_replay *replay = journal_replay_new();
    say(replay, (struct said){.id = 64}, ENTRIES({.key = 1, .qos = 1}));
    take(replay, JOURNAL_SENT, NUMBERS(1, 64, 5));
    take(replay, JOURNAL_RELEASED, NUMBERS(1, 5));
    take(replay, JOURNAL_FINISHED, NUMBERS(1, 5));
    done(replay, 1, 64);
    EXPECT_HELD(1, "");
    journal_replay_free(replay);
}

static void test_a_publication_is_half_until_all_have_answered(void **state_)
{
    (void)state_;
    struct journal_replay *replay = journal_replay_new();
    say(replay, (struct said){.id = 64, .payload = "x", .publisher = 1, .packet_id = 9, .expected = 2},
        ENTRIES({.key = 2, .qos = 1}));
    say(replay, (struct said){.id = 128, .payload = "y", .publisher = 1, .packet_id = 10, .expected = 1},
        NOBODY);
    say(replay, (struct said){.id = 192, .payload = "z", .publisher = 1, .packet_id = 11}, NOBODY);
    assert_int_equal(replay->redos.count, 2);
    say(replay, (struct said){.id = 64, .answer = true}, ENTRIES({.key = 3, .qos = 1, .picked = true}));
    say(replay, (struct said){.id = 64}, ENTRIES({.key = 4, .qos = 1})); /* no answer */
    assert_int_equal(replay->redos.count, 2);
    const struct journal_redo *redo = replay->redo_first;
    assert_true(journal_redo_has(redo, 2) && journal_redo_has(redo, 4));
    assert_false(journal_redo_has(redo, 3)); /* as a member of a group, not by itself */
    assert_false(journal_redo_has(redo, 5));
    say(replay, (struct said){.id = 64, .answer = true}, NOBODY);
    assert_int_equal(replay->redos.count, 1);
    assert_int_equal(replay->redo_first->id, 128);
    assert_ptr_equal(replay->redo_first, replay->redo_last);
    journal_replay_free(replay);
}

static void test_records_that_are_not_readable_are_errors(void **state_)
{
    (void)state_;
    static const struct {
        const char *bytes;
        size_t len;
        enum error_code code;
    } rows[] = {
        {"", 0, ERR_CORRUPT},
        {"\x00", 1, ERR_UNSUPPORTED},
        {"\x0A\x01", 2, ERR_UNSUPPORTED},                           /* of a later version */
        {"\x03\x01\x40", 3, ERR_CORRUPT},                           /* SENT without identifier */
        {"\x03\x01\x40\x00", 4, ERR_CORRUPT},                       /* … with none */
        {"\x04\x01\x80\x80\x04", 5, ERR_CORRUPT},                   /* … over 65,535 */
        {"\x04\x01\x05\x00", 4, ERR_CORRUPT},                       /* more behind it */
        {"\x05\x02", 2, ERR_CORRUPT},                               /* half a DONE */
        {"\x01\x40\x01\x00\x00\x00", 6, ERR_CORRUPT},               /* no topic */
        {"\x01\x40\x00\x01t\x00\x00", 7, ERR_CORRUPT},              /* QoS 0 */
        {"\x01\x00\x01\x01t\x00\x00", 7, ERR_CORRUPT},              /* no id */
        {"\x01\x40\x01\x01t\x00\x05x", 8, ERR_CORRUPT},             /* payload cut */
        {"\x01\x40\x01\x01t\x01\xFF\x00", 8, ERR_CORRUPT},          /* properties that are none */
        {"\x01\x40\x09\x01\x05\x01t\x00\x00", 9, ERR_CORRUPT},      /* the expiry is outside of them */
        {"\x02\x40\x02", 3, ERR_CORRUPT},                           /* unknown flags */
        {"\x01\x40\x01\x01t\x00\x00\x05\x09\x00", 10, ERR_CORRUPT}, /* identifiers, none of them */
        {"\x01\x40\x01\x01t\x00\x00\x05\x11\x05", 10, ERR_CORRUPT}, /* a packet identifier at QoS 1 */
        {"\x09\x01\x04", 3, ERR_CORRUPT},
    };
    TABLE_EACH(row, rows)
    {
        struct journal_replay *replay = journal_replay_new();
        struct error err = {0};
        CHECK(!journal_replay_record(replay, str_make(row->bytes, row->len), &err), "row %zu",
              (size_t)(row - rows));
        CHECK(err.code == row->code, "row %zu: %s", (size_t)(row - rows), err.text);
        journal_replay_free(replay);
    }
}

RUN_TESTS(cmocka_unit_test(test_numbers_keep_their_value_and_are_short),
          cmocka_unit_test(test_a_plain_entry_of_a_near_session_is_one_byte),
          cmocka_unit_test(test_the_bytes_are_as_the_header_says),
          cmocka_unit_test(test_messages_wait_until_they_are_done),
          cmocka_unit_test(test_an_exchange_at_qos_2_goes_its_way),
          cmocka_unit_test(test_what_came_at_qos_2_is_remembered_until_pubrel),
          cmocka_unit_test(test_a_state_replaces_what_was_said_once_it_is_whole),
          cmocka_unit_test(test_what_refers_to_a_refused_message_means_nothing),
          cmocka_unit_test(test_a_publication_is_half_until_all_have_answered),
          cmocka_unit_test(test_records_that_are_not_readable_are_errors))
