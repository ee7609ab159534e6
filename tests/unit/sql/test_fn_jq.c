/* jq, in processes of its own. This program is started again as a worker: see main(). */
#include "expressions.h"
#include "sql/jq.h"

#include <pthread.h>

TEST_EXPRESSIONS(filters_give_lists, {"jq('.b.c', '{\"b\":{\"c\":\"x\"}}')", "[\"x\"]"},
                 {"jq('.a[] | select(. > 1)', '{\"a\":[1,2,3]}')", "[2,3]"}, {"jq('empty', '1')", "[]"},
                 {"jq('.', map)", "[{\"b\":1,\"a\":2}]"}, {"jq('keys', map)", "[[\"a\",\"b\"]]"},
                 {"jq('.[0]', [1.5, 2])", "[1.5]"}, {"jq('. + 1', 41)", "[42]"},
                 {"jq('not', true)", "[false]"}, {"jq('.', payload)", "[{\"a\":{\"b\":7},\"n\":null}]"},
                 {"jq('.', payload.n)", "[null]"}, {"jq('.a as $x | $x + 1', '{\"a\":1}')", "[2]"},
                 {"jq('.x', '{\"x\":\"é😀\"}')", "[\"é😀\"]"},
                 {"jq('[.[] | {n: .name}]', '[{\"name\":\"x\"}]')", "[[{\"n\":\"x\"}]]"},
                 {"jq('if .a > 1 then \"hi\" else \"lo\" end', '{\"a\":1}')", "[\"lo\"]"},
                 {"jq('range(3)', '0')", "[0,1,2]"}, {"jq('halt', '1')", "[]"},
                 {"jq('1, halt, 2', '1')", "[1]"}, {"jq('.', 1, 5000)", "[1]"})

TEST_EXPRESSIONS(wrong_filters_and_inputs_are_errors,
                 {"jq('.[', '1')", "!the filter '.[' is wrong: syntax error"},
                 {"jq('', '1')", "!must not be empty"},
                 {"jq('.a.b.c', '{\"a\":[1]}')", "!jq: Cannot index array"},
                 {"jq('error(\"my text\")', '1')", "!jq: my text"},
                 {"jq('error({a: 1})', '1')", "!jq: {\"a\":1}"}, {"jq('\"x\"|halt_error', '1')", "!jq: x"},
                 {"jq('1, error(\"late\")', '1')", "!jq: late"}, {"jq('.', '{a}')", "!the input is no JSON"},
                 {"jq('.', '')", "!no JSON"}, {"jq('.', '1 2')", "!no JSON"},
                 {"jq('.', nope)", "!not undefined"}, {"jq(1, '1')", "!argument 1 must be a string"},
                 {"jq('.', hexstr2bin('FF'))", "!UTF-8"}, {"jq(unescape('.\\x0'), '1')", "!zero bytes"},
                 {"jq('.', 1, 0)", "!from 1 to 10000"}, {"jq('.', 1, 20000)", "!from 1 to 10000"},
                 {"jq('nosuchfunction', 1)", "!nosuchfunction/0 is not defined"})

/* What a filter cannot reach: environment, files, other input. */
TEST_EXPRESSIONS(filters_are_locked_in, {"jq('env | length < 3', 1)", "[true]"},
                 {"jq('$ENV.PATH', 1)", "[null]"},
                 {"jq('import \"passwd\" as $p {search: \"/etc\"}; $p', 1)", "!is wrong"},
                 {"jq('input', 1)", "!jq: "}, {"jq('input_filename', 1)", "[null]"},
                 {"jq('debug, stderr', 1)", "[1,1]"})

static void test_endless_filters_are_ended(void **state)
{
    (void)state;
    check_expression("jq('def f: f; f', 1, 100)", "!the filter took more than 100 ms", NULL);
    check_expression("jq('last(range(1e15))', 1, 100)", "!the filter took more than 100 ms", NULL);
    check_expression("jq('. + 1', 1)", "[2]", NULL); /* with another worker */
    sql_jq_set_timeout_ms(150);
    check_expression("jq('def f: f; f', 1)", "!the filter took more than 150 ms", NULL);
    sql_jq_set_timeout_ms(SQL_JQ_MS_DEFAULT);
}

/* The stack of libjq overflows: the worker dies, and nothing else. */
static void test_a_filter_that_kills_its_process_is_an_error(void **state)
{
    (void)state;
    check_expression("jq('reduce range(1000000) as $i ([]; [.]) | tojson | length', 1, 10000)",
                     "!the process that ran jq has ended", NULL);
    check_expression("jq('. + 1', 1)", "[2]", NULL);
}

static void test_outputs_are_bounded(void **state)
{
    const struct sql_limits limits = {.memory_bytes_max = (size_t)64 * 1024};
    (void)state;
    check_expression("jq('range(1000000)', 1)", "!puts out more than the", &limits);
    check_expression("jq('[range(100000)]', 1)", "!puts out more than the", &limits);
    check_expression("jq('[range(100)] | length', 1)", "[100]", &limits);
    check_expression("jq('reduce range(200) as $i (0; [.])', 1)", "!deep",
                     NULL); /* deeper than a value may be */
}

/* The first ones are compiled again in the end. */
static void test_more_filters_than_the_cache_holds_are_right(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        char text[60], expected[20];
        snprintf(text, sizeof text, "jq('. + %d', 1)", i % 36);
        snprintf(expected, sizeof expected, "[%d]", i % 36 + 1);
        check_expression(text, expected, NULL);
    }
}

static void *call_on_a_thread(void *arg)
{
    intptr_t wrong = 0;
    for (int i = 0; i < 30; i++) {
        char *result = expression_result(arg, NULL);
        wrong += strcmp(result, "[3]") != 0;
        mem_free(result);
    }
    return (void *)wrong;
}

static void test_threads_share_the_workers(void **state)
{
    (void)state;
    static char expression[] = "jq('.a | length', '{\"a\":[1,2,3]}', 10000)";
    pthread_t threads[2 * SQL_JQ_WORKERS_MAX];
    for (size_t i = 0; i < LENGTH(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_on_a_thread, expression), 0);
    for (size_t i = 0; i < LENGTH(threads); i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_int_equal((intptr_t)wrong, 0);
    }
}

static int end_workers(void **state)
{
    (void)state;
    sql_jq_stop();
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], SQL_JQ_ARGUMENT) == 0)
        return sql_jq_worker();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters_give_lists),
        cmocka_unit_test(test_wrong_filters_and_inputs_are_errors),
        cmocka_unit_test(test_filters_are_locked_in),
        cmocka_unit_test(test_endless_filters_are_ended),
        cmocka_unit_test(test_a_filter_that_kills_its_process_is_an_error),
        cmocka_unit_test(test_outputs_are_bounded),
        cmocka_unit_test(test_more_filters_than_the_cache_holds_are_right),
        cmocka_unit_test(test_threads_share_the_workers),
    };
    return cmocka_run_group_tests(tests, NULL, end_workers);
}
