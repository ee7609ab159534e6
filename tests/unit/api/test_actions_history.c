/* An hour of figures of each action. */
#include "api/actions_history.h"
#include "harness.h"

#include "base/mem.h"

#include <stdio.h>

/* One round with one action. */
static void add(struct actions_history *history, const char *id, int64_t at_s, uint64_t buffered,
                uint64_t stored, uint64_t failed)
{
    const struct action_sample sample = {at_s * 1000, buffered, stored, failed};
    actions_history_begin(history);
    actions_history_add(history, str_of(id), &sample);
    actions_history_end(history);
}

static char *text(struct actions_history *history, const char *id)
{
    json_t *list = actions_history_json(history, str_of(id));
    char *out = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    return out;
}

static void test_counters_become_what_came_between_two_samples(void **state)
{
    (void)state;
    struct actions_history *history = actions_history_new();
    add(history, "s3:a", 10, 5, 100, 1);
    add(history, "s3:a", 20, 3, 140, 1);
    add(history, "s3:a", 30, 0, 143, 4);
    char *got = text(history, "s3:a");
    assert_string_equal(got, "[{\"time_stamp\":20000,\"buffered\":3,\"stored\":40,\"failed\":0},"
                             "{\"time_stamp\":30000,\"buffered\":0,\"stored\":3,\"failed\":3}]");
    free(got);
    actions_history_free(history);
}

static void test_after_a_reset_they_count_from_zero(void **state)
{
    (void)state;
    struct actions_history *history = actions_history_new();
    add(history, "s3:a", 10, 0, 100, 9);
    add(history, "s3:a", 20, 0, 7, 0);
    char *got = text(history, "s3:a");
    assert_string_equal(got, "[{\"time_stamp\":20000,\"buffered\":0,\"stored\":7,\"failed\":0}]");
    free(got);
    actions_history_free(history);
}

static void test_an_hour_is_kept_and_no_more(void **state)
{
    (void)state;
    struct actions_history *history = actions_history_new();
    for (unsigned i = 0; i < 1000; i++)
        add(history, "s3:a", 10 * i, 0, i, 0);
    json_t *list = actions_history_json(history, STR("s3:a"));
    assert_int_equal(json_array_size(list), 3600 * 1000 / ACTIONS_HISTORY_MS);
    json_t *first = json_array_get(list, 0), *last = json_array_get(list, json_array_size(list) - 1);
    assert_int_equal(json_integer_value(json_object_get(last, "time_stamp")), 9990 * 1000);
    assert_int_equal(json_integer_value(json_object_get(first, "time_stamp")), (9990 - 3590) * 1000);
    assert_int_equal(json_integer_value(json_object_get(first, "stored")), 1);
    json_decref(list);
    actions_history_free(history);
}

static void test_an_action_that_is_gone_is_forgotten_and_one_that_is_not_known_has_none(void **state)
{
    (void)state;
    struct actions_history *history = actions_history_new();
    add(history, "s3:a", 10, 0, 1, 0);
    add(history, "s3:a", 20, 0, 2, 0);
    add(history, "s3:b", 30, 0, 1, 0);
    char *got = text(history, "s3:a");
    assert_string_equal(got, "[]");
    free(got);
    got = text(history, "s3:never");
    assert_string_equal(got, "[]");
    free(got);
    actions_history_free(history);
}

static void test_of_too_many_actions_the_first_ones_have_a_history(void **state)
{
    (void)state;
    struct actions_history *history = actions_history_new();
    for (unsigned round = 0; round < 2; round++) {
        actions_history_begin(history);
        for (unsigned i = 0; i < ACTIONS_HISTORY_MANY + 10; i++) {
            char id[32];
            const struct action_sample sample = {.wall_ms = 10000 * (round + 1)};
            snprintf(id, sizeof(id), "s3:%u", i);
            actions_history_add(history, str_of(id), &sample);
        }
        actions_history_end(history);
    }
    char last[32];
    snprintf(last, sizeof(last), "s3:%u", ACTIONS_HISTORY_MANY - 1);
    json_t *list = actions_history_json(history, str_of(last));
    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
    snprintf(last, sizeof(last), "s3:%u", ACTIONS_HISTORY_MANY);
    list = actions_history_json(history, str_of(last));
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    actions_history_free(history);
}

RUN_TESTS(cmocka_unit_test(test_counters_become_what_came_between_two_samples),
          cmocka_unit_test(test_after_a_reset_they_count_from_zero),
          cmocka_unit_test(test_an_hour_is_kept_and_no_more),
          cmocka_unit_test(test_an_action_that_is_gone_is_forgotten_and_one_that_is_not_known_has_none),
          cmocka_unit_test(test_of_too_many_actions_the_first_ones_have_a_history))
