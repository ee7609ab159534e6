/* The environment, chance, and the key-value store. */
#include "expressions.h"
#include "sql/kv.h"

#include <pthread.h>

static void test_only_variables_for_rules_are_read(void **state)
{
    (void)state;
    setenv("VARVEVAR_A", "one", 1);
    setenv("EMQXVAR_A", "two", 1);
    setenv("EMQXVAR_B", "three", 1);
    setenv("SECRET", "hidden", 1);
    static const struct expression expressions[] = {
        {"getenv('A')", "\"one\""},
        {"getenv('B')", "\"three\""},
        {"getenv('SECRET')", "\"\""},
        {"getenv('NO_SUCH')", "\"\""},
        {"getenv('')", "\"\""},
        {"getenv(pad('A', 1000))", "\"\""},
        {"getenv(unescape('A\\x0'))", "\"\""},
        {"getenv(1)", "!must be a string"},
    };
    check_expressions(expressions, LENGTH(expressions));
}

TEST_EXPRESSIONS(
    chance_has_its_form, {"is_float(random())", "true"}, {"floor(random())", "0"},
    {"eq(random(), random())", "false"},
    {"regex_match(uuid_v4(), '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$')",
     "true"},
    {"regex_match(uuid_v4_no_hyphen(), '^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$')", "true"},
    {"eq(uuid_v4(), uuid_v4())", "false"})

TEST_EXPRESSIONS(
    what_was_put_is_got, {"kv_store_get('k')", "undefined"}, {"kv_store_get('k', 7)", "7"},
    {"kv_store_put('k', [1, 2.5, 'x', true, null(), payload.n, map, 100000000000000000000])", "true"},
    {"kv_store_get('k', 7)", "[1,2.5,\"x\",true,null,null,{\"b\":1,\"a\":2},100000000000000000000]"},
    {"is_null(nth(5, kv_store_get('k')))", "true"}, {"kv_store_put('k', nope)", "true"},
    {"kv_store_get('k', 7)", "undefined"}, {"kv_store_put(1, 'int')", "true"},
    {"kv_store_put('1', 'text')", "true"}, {"kv_store_put([1], 'list')", "true"},
    {"kv_store_get(1)", "\"int\""}, {"kv_store_get('1')", "\"text\""}, {"kv_store_get([1])", "\"list\""},
    {"kv_store_get(1.0, 'none')", "\"none\""}, {"kv_store_del('k')", "true"}, {"kv_store_del('k')", "true"},
    {"kv_store_get('k', 8)", "8"}, {"kv_store_put('big', pad('', 1100000))", "!larger than 1048576 bytes"},
    {"kv_store_put(pad('', 1100000), 1)", "!larger than"})

static void test_the_store_is_bounded_and_counts_exactly(void **state)
{
    (void)state;
    sql_kv_clear();
    assert_int_equal(sql_kv_bytes(), 0);
    sql_kv_set_bytes_max(10000);
    int put = 0;
    for (; put < 100; put++) {
        char text[60];
        snprintf(text, sizeof text, "kv_store_put(%d, pad('', 400))", put);
        char *result = expression_result(text, NULL);
        bool full = strstr(result, "the key-value store has its 10000 bytes") != NULL;
        CHECK(full || strcmp(result, "true") == 0, "%s", result);
        mem_free(result);
        if (full)
            break;
    }
    CHECK(put > 10 && put < 25, "%d", put);
    assert_true(sql_kv_bytes() <= 10000);
    check_expression("kv_store_del(0)", "true", NULL);
    check_expression("kv_store_put(1000, pad('', 400))", "true", NULL);
    check_expression("kv_store_put(1000, pad('', 100))", "true", NULL);
    sql_kv_clear();
    assert_int_equal(sql_kv_bytes(), 0);
    sql_kv_set_bytes_max(SQL_KV_BYTES_DEFAULT);
}

static void *work_on_the_store(void *arg)
{
    struct sql_scope scope = {0};
    intptr_t wrong = 0;
    for (int i = 0; i < 2000; i++) {
        struct sql_value key = sql_int(i % 7), got = sql_undefined(), value = sql_string(STR("some text"));
        bool found;
        sql_scope_begin(&scope, NULL);
        if (i % 3 == 0)
            wrong += !sql_kv_put(&scope, &key, &value, NULL);
        else if (i % 5 == 0)
            wrong += !sql_kv_delete(&scope, &key, NULL);
        else if (!sql_kv_get(&scope, &key, &got, &found, NULL) ||
                 (found && !str_is(sql_str_of(&got), "some text")))
            wrong++;
    }
    sql_scope_free(&scope);
    (void)arg;
    return (void *)wrong;
}

static void test_threads_share_the_store(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < LENGTH(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work_on_the_store, NULL), 0);
    for (size_t i = 0; i < LENGTH(threads); i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_int_equal((intptr_t)wrong, 0);
    }
    sql_kv_clear();
    assert_int_equal(sql_kv_bytes(), 0);
}

RUN_TESTS(cmocka_unit_test(test_only_variables_for_rules_are_read),
          cmocka_unit_test(test_chance_has_its_form), cmocka_unit_test(test_what_was_put_is_got),
          cmocka_unit_test(test_the_store_is_bounded_and_counts_exactly),
          cmocka_unit_test(test_threads_share_the_store))
