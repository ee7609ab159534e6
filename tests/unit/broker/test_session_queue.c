/* The queue of a session, against a plain array. */
#include "broker/session_queue.h"

#include "base/mem.h"
#include "harness.h"

#define MODEL_MAX 5000

struct model {
    struct message *messages[MODEL_MAX]; /* without references of its own */
    uint32_t ids[MODEL_MAX];             /* 0: none */
    size_t count;
    uint64_t bytes;
};

static struct outgoing outgoing_of(struct random *random, uint32_t number)
{
    char payload[64];
    const struct publication parts = {.topic = STR("t"),
                                      .payload = str_make(payload, random_below(random, sizeof(payload)))};
    memset(payload, 'x', sizeof(payload));
    struct outgoing outgoing = {
        .message = message_new(&parts), .qos = (uint8_t)(number % 3), .retain = number % 2 != 0};
    if (number % 5 == 0) {
        outgoing.ids = mem_alloc(2 * sizeof(*outgoing.ids));
        outgoing.ids[0] = 1;
        outgoing.ids[1] = number;
    }
    return outgoing;
}

static void model_push(struct model *model, const struct outgoing *outgoing)
{
    model->messages[model->count] = outgoing->message;
    model->ids[model->count++] = outgoing->ids != NULL ? outgoing->ids[1] : 0;
    model->bytes += message_bytes(outgoing->message) + (outgoing->ids != NULL ? 8 : 0);
}

static void model_pop(struct model *model)
{
    model->bytes -= message_bytes(model->messages[0]) + (model->ids[0] != 0 ? 8 : 0);
    model->count--;
    memmove(model->messages, model->messages + 1, model->count * sizeof(*model->messages));
    memmove(model->ids, model->ids + 1, model->count * sizeof(*model->ids));
}

static void check_front(const struct model *model, const struct outgoing *front)
{
    if (model->count == 0) {
        assert_null(front);
        return;
    }
    assert_non_null(front);
    assert_ptr_equal(front->message, model->messages[0]);
    assert_int_equal(front->ids != NULL ? front->ids[1] : 0, model->ids[0]);
}

/* Long runs of one kind, so that the queue grows over its kept size, wraps, and empties. */
static void test_a_queue_gives_what_it_took_in_order(void **state)
{
    (void)state;
    struct random random;
    static struct model model;
    struct session_queue queue = {0};
    random_seed(&random, harness_seed());
    memset(&model, 0, sizeof(model));
    uint32_t number = 0;
    for (int round = 0; round < 300; round++) {
        bool push = random_below(&random, 2) == 0;
        uint64_t steps = random_below(&random, random_below(&random, 10) == 0 ? 3000 : 30);
        for (uint64_t i = 0; i < steps; i++) {
            if (push && model.count < MODEL_MAX) {
                struct outgoing outgoing = outgoing_of(&random, ++number);
                model_push(&model, &outgoing);
                session_queue_push(&queue, &outgoing);
            } else if (!push && model.count > 0) {
                check_front(&model, session_queue_peek(&queue));
                model_pop(&model);
                struct outgoing outgoing = session_queue_pop(&queue);
                outgoing_release(&outgoing);
            }
            assert_int_equal(queue.count, model.count);
            assert_int_equal(queue.bytes, model.bytes);
            assert_int_equal(session_queue_empty(&queue), model.count == 0);
            check_front(&model, session_queue_peek(&queue));
        }
        if (random_below(&random, 50) == 0) {
            session_queue_clear(&queue);
            model.count = 0;
            model.bytes = 0;
        }
    }
    session_queue_clear(&queue);
}

static void test_an_empty_queue_that_was_never_used_owns_nothing(void **state)
{
    (void)state;
    struct session_queue queue = {0};
    assert_true(session_queue_empty(&queue));
    assert_null(session_queue_peek(&queue));
    session_queue_clear(&queue);
    assert_null(queue.ring);
}

static void test_a_burst_is_given_back_when_it_is_over(void **state)
{
    (void)state;
    struct random random;
    struct session_queue queue = {0};
    random_seed(&random, 1);
    for (uint32_t i = 1; i <= 5000; i++) {
        struct outgoing outgoing = outgoing_of(&random, i);
        session_queue_push(&queue, &outgoing);
    }
    while (!session_queue_empty(&queue)) {
        struct outgoing outgoing = session_queue_pop(&queue);
        outgoing_release(&outgoing);
    }
    assert_null(queue.ring);
    assert_int_equal(queue.bytes, 0);
    /* And it works again. */
    struct outgoing outgoing = outgoing_of(&random, 5);
    session_queue_push(&queue, &outgoing);
    assert_ptr_equal(session_queue_peek(&queue)->message, outgoing.message);
    session_queue_clear(&queue);
}

/* One message in many queues: the last one frees it. */
static void test_queues_share_messages(void **state)
{
    (void)state;
    struct session_queue queues[10] = {0};
    const struct publication parts = {.topic = STR("t"), .payload = STR("shared")};
    struct message *message = message_new(&parts);
    for (size_t i = 0; i < LENGTH(queues); i++)
        session_queue_push(&queues[i], &(struct outgoing){.message = message_ref(message)});
    assert_int_equal(atomic_load(&message->refs), 11);
    for (size_t i = 0; i < LENGTH(queues); i++)
        session_queue_clear(&queues[i]);
    assert_int_equal(atomic_load(&message->refs), 1);
    message_unref(message);
}

RUN_TESTS(cmocka_unit_test(test_a_queue_gives_what_it_took_in_order),
          cmocka_unit_test(test_an_empty_queue_that_was_never_used_owns_nothing),
          cmocka_unit_test(test_a_burst_is_given_back_when_it_is_over),
          cmocka_unit_test(test_queues_share_messages))
