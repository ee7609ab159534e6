/* Messages that devices would send: what every bench of the second tier counts on. */
#include "harness.h"

#include "bench/telemetry_internal.h"

#include "base/mem.h"
#include "sql/json.h"

static void test_every_message_is_json_of_its_device_in_the_order_of_time(void **state)
{
    (void)state;
    struct error err = {0};
    struct telemetry *telemetry = mem_alloc(sizeof *telemetry);
    struct sql_scope scope = {0};
    int64_t before_us = 0;
    telemetry_init(telemetry, 1);
    for (int i = 0; i < 5000; i++) {
        struct telemetry_message message;
        struct sql_value value;
        telemetry_next(telemetry, &message);
        assert_int_equal(message.payload.len, TELEMETRY_PAYLOAD_BYTES);
        assert_true(message.time_us >= before_us);
        before_us = message.time_us;
        sql_scope_begin(&scope, NULL);
        ASSERT_OK(sql_json_decode(&scope, message.payload, &value, &err), err);
        struct buf wanted = {0};
        buf_printf(&wanted, "{\"device\":\"%.*s\",", STR_ARG(message.client));
        assert_true(str_starts(message.payload, buf_str(&wanted)));
        buf_free(&wanted);
    }
    sql_scope_free(&scope);
    mem_free(telemetry);
}

static void test_the_same_seed_gives_the_same_messages(void **state)
{
    (void)state;
    struct telemetry *one = mem_alloc(sizeof *one), *other = mem_alloc(sizeof *other);
    telemetry_init(one, 5);
    telemetry_init(other, 5);
    for (int i = 0; i < 100; i++) {
        struct telemetry_message a, b;
        telemetry_next(one, &a);
        telemetry_next(other, &b);
        assert_int_equal(a.time_us, b.time_us);
        assert_true(str_equal(a.topic, b.topic) && str_equal(a.payload, b.payload));
    }
    mem_free(one);
    mem_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_message_is_json_of_its_device_in_the_order_of_time),
        cmocka_unit_test(test_the_same_seed_gives_the_same_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
