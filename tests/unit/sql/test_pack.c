/* Values as bytes: what is packed and unpacked is the same value. */
#include "values.h"

#include "sql/pack.h"

static void check_same(const struct sql_value *value, const char *what)
{
    struct buf packed = {0}, before = {0}, again = {0};
    struct error err = {0};
    struct sql_value back;
    ASSERT_OK(sql_pack(&packed, value, SIZE_MAX, &err), err);
    buf_append_str(&before, str_of(to_json(value)));
    ASSERT_OK(sql_unpack(&scope, (const char *)packed.data, &back, &err), err);
    CHECK(back.type == value->type && strcmp(to_json(&back), buf_cstr(&before)) == 0, "%s: %s", what,
          buf_cstr(&before));
    ASSERT_OK(sql_pack(&again, &back, SIZE_MAX, &err), err);
    CHECK(str_equal(buf_str(&packed), buf_str(&again)), "%s", what);
    buf_free(&packed);
    buf_free(&before);
    buf_free(&again);
}

static void test_any_value_comes_back_as_it_was(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "undefined",
        "null",
        "true",
        "0",
        "-1",
        "170141183460469231731687303715884105727",
        "1.0",
        "-0.125",
        "\"\"",
        "\"gr\xc3\xbc\xc3\x9f\"",
        "[]",
        "{}",
        "[null,[1,{\"a\":[]}]]",
        "{\"\":{\"b\":1.5},\"c\":\"d\"}",
    };
    TABLE_EACH(text, texts)
    {
        struct sql_value value = from_json(*text);
        check_same(&value, *text);
    }
    struct sql_value binary = sql_string(str_make("\0\xff", 2));
    struct buf packed = {0};
    struct error err = {0};
    ASSERT_OK(sql_pack(&packed, &binary, SIZE_MAX, &err), err);
    ASSERT_OK(sql_unpack(&scope, (const char *)packed.data, &binary, &err), err);
    assert_true(str_equal(sql_str_of(&binary), str_make("\0\xff", 2)));
    buf_free(&packed);
}

static void test_random_values_come_back(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    for (unsigned i = 0; i < 2000; i++) {
        begin_scope(NULL);
        struct sql_value value = random_value(&random, 4);
        check_same(&value, "a random value");
    }
}

static void test_what_is_too_large_is_an_error(void **state)
{
    (void)state;
    struct sql_value value = from_json("[\"0123456789\",\"0123456789\"]");
    struct error err = {0};
    struct buf packed = {0};
    assert_false(sql_pack(&packed, &value, 30, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    buf_reset(&packed);
    assert_true(sql_pack(&packed, &value, 64, &err));
    buf_free(&packed);
}

RUN_TESTS(SCOPE_TEST(test_any_value_comes_back_as_it_was), SCOPE_TEST(test_random_values_come_back),
          SCOPE_TEST(test_what_is_too_large_is_an_error))
