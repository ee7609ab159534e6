/* Comparing values: the operators' conversions as a table, order and strict equality as properties. */
#include "values.h"

/* What the six operators say, as letters in the order = != < <= > >=: T or F; E is an error. */
static const struct {
    const char *a;
    const char *b;
    const char *holds;
} comparisons[] = {
    {"1", "1", "TFFTFT"},
    {"1", "1.0", "TFFTFT"},
    {"1", "2", "FTTTFF"},
    {"2.5", "2", "FTFFTT"},
    {"9007199254740993", "9007199254740992.0", "FTFFTT"},
    {"100000000000000000000", "1e20", "TFFTFT"},
    {"100000000000000000001", "1e20", "FTFFTT"},
    {"-170141183460469231731687303715884105728", "-1e300", "FTFFTT"},
    {"170141183460469231731687303715884105727", "1e300", "FTTTFF"},
    {"\"a\"", "\"b\"", "FTTTFF"},
    {"\"a\"", "\"A\"", "FTFFTT"},
    {"\"10\"", "9", "FTFFTT"},
    {"9", "\"10\"", "FTTTFF"},
    {"\"1.0\"", "1", "TFFTFT"},
    {"\"-3\"", "-3", "TFFTFT"},
    {"\"abc\"", "1", "EEEEEE"},
    {"1", "\"\"", "EEEEEE"},
    {"\"1e3\"", "1000", "EEEEEE"},
    {"true", "\"true\"", "TFFTFT"},
    {"\"false\"", "true", "FTTTFF"},
    {"null", "\"null\"", "TFFTFT"},
    {"null", "0", "FTFFTT"},
    {"true", "true", "TFFTFT"},
    {"false", "true", "FTTTFF"},
    {"undefined", "undefined", "TFFTFT"},
    {"undefined", "1", "FFFFFF"},
    {"\"undefined\"", "undefined", "FFFFFF"},
    {"null", "undefined", "FFFFFF"},
    {"{}", "5", "FTFFTT"},
    {"[]", "{\"a\":1}", "FTFFTT"},
    {"\"\"", "[1]", "FTFFTT"},
    {"null", "{}", "FTTTFF"},
    {"[1,2]", "[1.0,2]", "TFFTFT"},
    {"[1,2]", "[1,3]", "FTTTFF"},
    {"[1]", "[1,0]", "FTTTFF"},
    {"{\"a\":1,\"b\":2}", "{\"b\":2.0,\"a\":1}", "TFFTFT"},
    {"{\"a\":1}", "{\"b\":1}", "FTTTFF"},
    {"{\"b\":1}", "{\"a\":1,\"c\":1}", "FTTTFF"},
};

static void test_operators_convert_as_the_table_says(void **state)
{
    (void)state;
    TABLE_EACH(row, comparisons)
    {
        struct sql_value a = from_json(row->a);
        struct sql_value b = from_json(row->b);
        for (int op = SQL_EQ; op <= SQL_GE; op++) {
            struct error err;
            bool holds;
            char got = !sql_compare(&scope, op, &a, &b, &holds, &err) ? 'E' : holds ? 'T' : 'F';
            CHECK(got == row->holds[op], "%s, %s, operator %d: %c", row->a, row->b, op, got);
        }
    }
}

static void test_strict_equality_converts_nothing(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        bool equal;
    } rows[] = {
        {"1", "1", true},
        {"1", "1.0", false},
        {"1", "\"1\"", false},
        {"true", "\"true\"", false},
        {"null", "null", true},
        {"null", "undefined", false},
        {"undefined", "undefined", true},
        {"[1,[2]]", "[1,[2]]", true},
        {"[1]", "[1.0]", false},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true},
        {"{\"a\":1}", "{\"a\":1.0}", false},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"100000000000000000000", "100000000000000000000", true},
    };
    (void)state;
    TABLE_EACH(row, rows)
    {
        struct error err;
        struct sql_value a = from_json(row->a);
        struct sql_value b = from_json(row->b);
        bool equal;
        ASSERT_OK(sql_equal_strict(&scope, &a, &b, &equal, &err), err);
        CHECK(equal == row->equal, "%s and %s", row->a, row->b);
    }
}

static int order(const struct sql_value *a, const struct sql_value *b)
{
    struct error err;
    int result;
    ASSERT_OK(sql_order(&scope, a, b, &result, &err), err);
    return (result > 0) - (result < 0);
}

static void test_the_order_of_values_is_one(void **state)
{
    struct random random;
    random_seed(&random, harness_seed());
    (void)state;
    for (int round = 0; round < 3000; round++) {
        sql_scope_begin(&scope, NULL);
        struct sql_value a = random_value(&random, 3);
        struct sql_value b = random_value(&random, 3);
        struct sql_value c = random_value(&random, 3);
        assert_int_equal(order(&a, &a), 0);
        assert_int_equal(order(&a, &b), -order(&b, &a));
        if (order(&a, &b) <= 0 && order(&b, &c) <= 0)
            assert_true(order(&a, &c) <= 0);
        bool equal;
        struct error err;
        ASSERT_OK(sql_equal_strict(&scope, &a, &b, &equal, &err), err);
        if (equal)
            assert_int_equal(order(&a, &b), 0);
    }
}

/* Each level holds the one below twice: 2^100 items to look at. */
static void test_comparing_what_is_shared_a_million_times_ends(void **state)
{
    struct error err;
    struct sql_value a = sql_int(1);
    struct sql_value b = sql_int(1);
    bool holds;
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct sql_list_builder x = sql_list_begin(&scope);
        struct sql_list_builder y = sql_list_begin(&scope);
        assert_true(sql_list_add(&x, a, &err) && sql_list_add(&x, a, &err));
        assert_true(sql_list_add(&y, b, &err) && sql_list_add(&y, b, &err));
        a = sql_list_end(&x);
        b = sql_list_end(&y);
    }
    ASSERT_FAILS(sql_compare(&scope, SQL_EQ, &a, &b, &holds, &err), err, ERR_LIMIT);
    scope.steps_left = SQL_STEPS_DEFAULT;
    ASSERT_FAILS(sql_equal_strict(&scope, &a, &b, &holds, &err), err, ERR_LIMIT);
}

RUN_TESTS(SCOPE_TEST(test_operators_convert_as_the_table_says),
          SCOPE_TEST(test_strict_equality_converts_nothing), SCOPE_TEST(test_the_order_of_values_is_one),
          SCOPE_TEST(test_comparing_what_is_shared_a_million_times_ends))
