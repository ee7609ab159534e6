/* Regular expressions. */
#include "base/clock.h"
#include "expressions.h"

#include <pthread.h>

TEST_EXPRESSIONS(patterns_match_anywhere, {"regex_match('abc123', '\\d+')", "true"},
                 {"regex_match('abc', '^\\d+$')", "false"}, {"regex_match('ABC', '(?i)abc')", "true"},
                 {"regex_match('', '')", "true"}, {"regex_match('Ü', '^.$')", "true"},
                 {"regex_match('ÜÜ', '^(.)\\1$')", "true"}, {"regex_match('Ä', '(?i)ä')", "true"},
                 {"regex_match(hexstr2bin('FF61FF'), 'a')", "true"},
                 {"regex_match(hexstr2bin('FF'), '.')", "false"}, {"regex_match(true, 'tr')", "true"},
                 {"regex_match('a', '(')",
                  "!the regular expression '(' is wrong at byte 2: missing closing parenthesis"},
                 {"regex_match('a', hexstr2bin('FF'))", "!is wrong at byte 1"},
                 {"regex_match('a', '\\C')", "!is wrong"},
                 {"regex_match(1, 'a')", "!argument 1 must be a string"},
                 {"regex_match('a', 1)", "!argument 2 must be a string"},
                 {"regex_match('a', pad('', 10001, 'leading', 'a'))", "!longer than 10000 bytes"},
                 {"regex_match('abc', concat('b', '.'))", "true"})

TEST_EXPRESSIONS(groups_are_extracted, {"regex_extract('Number: 12345', '(\\d+)')", "[\"12345\"]"},
                 {"regex_extract('2021-05-20', '(\\d{4})-(\\d{2})-(\\d{2})')", "[\"2021\",\"05\",\"20\"]"},
                 {"regex_extract('none', '(\\d+)')", "[]"}, {"regex_extract('abc', 'b')", "[]"},
                 {"regex_extract('k=v;x=y', '(\\w+)=(\\w+)')", "[\"k\",\"v\"]"},
                 {"regex_extract('b', '(a)?(b)')", "[\"\",\"b\"]"},
                 {"regex_extract('a', '(a)(b)?')", "[\"a\"]"}, {"regex_extract('a', '(')", "!is wrong"})

TEST_EXPRESSIONS(every_match_is_replaced, {"regex_replace('accbcd', 'c+', 'e')", "\"aebed\""},
                 {"regex_replace('accbcd', 'c+', '[&]')", "\"a[cc]b[c]d\""},
                 {"regex_replace('a.b', '\\.', '-')", "\"a-b\""},
                 {"regex_replace('2021-05', '(\\d+)-(\\d+)', '\\2/\\1')", "\"05/2021\""},
                 {"regex_replace('ab', '(a)', '\\g1\\g{1}\\0')", "\"aaab\""},
                 {"regex_replace('ab', 'a', '\\&\\\\')", "\"&\\\\b\""},
                 {"regex_replace('ab', '(a)', '\\5')", "\"b\""},
                 {"regex_replace('ab', 'a', '\\x\\g{')", "\"\\\\x\\\\g{b\""},
                 {"regex_replace('abc', 'x*', '-')", "\"-a-b-c-\""},
                 {"regex_replace('añb', 'x*', '-')", "\"-a-ñ-b-\""},
                 {"regex_replace('', 'x*', '-')", "\"-\""}, {"regex_replace('abc', 'b?', '-')", "\"-a--c-\""},
                 {"regex_replace('abc', 'x', 'y')", "\"abc\""},
                 {"bin2hexstr(regex_replace(hexstr2bin('FF61FF'), 'a', 'b'))", "\"FF62FF\""},
                 {"regex_replace('a', 'a', 1)", "!argument 3 must be a string"},
                 {"regex_replace('abc', '(?=(\\Kb))', '-')", "!regex_replace"},
                 {"regex_replace('a', '(', '')", "!is wrong"})

/* The pattern tries 2^n ways: without a limit this test would not end. */
static void test_patterns_that_would_never_end_are_given_up(void **state)
{
    (void)state;
    check_expression("regex_match(pad('', 60, 'leading', 'a'), '(a|aa)+$|^(a+)+b')", "true", NULL);
    check_expression("regex_match(concat(pad('', 60, 'leading', 'a'), 'c'), '^(a|a?)+$')", "!given up", NULL);
    check_expression("regex_match(concat(pad('', 5000, 'leading', 'a'), 'c'), '^(a+)+$')", "!given up", NULL);
    check_expression("regex_match(pad('', 10000, 'leading', 'ab'), '^((a)(b))*$')", "true", NULL);
    check_expression("regex_match(pad('', 1000000, 'leading', 'ab'), '^((a)(b))*$')", "!given up", NULL);
    check_expression("regex_match(pad('', 2000, 'leading', 'a'), '^(?:(a|b)(?:c|))*?$')", "true", NULL);
}

static void test_more_patterns_than_the_cache_holds_are_right(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++) {
            char text[100];
            snprintf(text, sizeof text, "regex_extract('a%db', concat('a', '(%d)b'))", i, i);
            char expected[20];
            snprintf(expected, sizeof expected, "[\"%d\"]", i);
            check_expression(text, expected, NULL);
        }
    }
}

static void *match_on_a_thread(void *arg)
{
    struct sql_scope scope = {0};
    const struct sql_program *program = arg;
    size_t matched = 0;
    for (int i = 0; i < 1000; i++) {
        struct sql_value columns_map;
        struct error err = {0};
        struct sql_result result;
        sql_scope_begin(&scope, NULL);
        if (!sql_json_decode(&scope, STR("{\"x\":\"k=v\",\"p\":\"(\\\\w)=(\\\\w)\"}"), &columns_map, &err))
            break;
        struct sql_columns columns = sql_columns_of_map(&columns_map);
        if (!sql_evaluate(program, &columns, &scope, &result, &err))
            break;
        matched += result.matched;
    }
    sql_scope_free(&scope);
    return (void *)matched;
}

static void test_threads_share_a_program(void **state)
{
    (void)state;
    struct error err = {0};
    struct sql_program *program =
        sql_compile(STR("SELECT regex_extract(x, p) AS a, regex_replace(x, '(\\w)=', '\\1') AS b FROM \"t\" "
                        "WHERE a[2] = 'v' AND b = 'kv'"),
                    NULL, &err);
    CHECK(program != NULL, "%s", err.text);
    pthread_t threads[4];
    for (size_t i = 0; i < LENGTH(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, match_on_a_thread, program), 0);
    for (size_t i = 0; i < LENGTH(threads); i++) {
        void *matched;
        pthread_join(threads[i], &matched);
        assert_int_equal((size_t)matched, 1000);
    }
    sql_program_free(program);
}

RUN_TESTS(cmocka_unit_test(test_patterns_match_anywhere), cmocka_unit_test(test_groups_are_extracted),
          cmocka_unit_test(test_every_match_is_replaced),
          cmocka_unit_test(test_patterns_that_would_never_end_are_given_up),
          cmocka_unit_test(test_more_patterns_than_the_cache_holds_are_right),
          cmocka_unit_test(test_threads_share_a_program))
