/* What tests of values share: a scope for each test, values out of JSON, random values. */
#ifndef TESTS_SQL_VALUES_H
#define TESTS_SQL_VALUES_H

#include "harness.h"
#include "sql/json.h"

static struct sql_scope scope;

static inline int begin_scope(void **state)
{
    (void)state;
    sql_scope_begin(&scope, NULL);
    return 0;
}

static inline int end_scope(void **state)
{
    (void)state;
    sql_scope_free(&scope);
    return 0;
}

#define SCOPE_TEST(test) cmocka_unit_test_setup_teardown(test, begin_scope, end_scope)

/* Of a text that lives on; "undefined" is what it says. */
static inline struct sql_value from_json(const char *text)
{
    struct sql_value value = sql_undefined();
    struct error err;
    if (strcmp(text, "undefined") != 0)
        ASSERT_OK(sql_json_decode(&scope, str_of(text), &value, &err), err);
    return value;
}

/* Valid until the next call. */
static inline const char *to_json(const struct sql_value *value)
{
    static struct buf text;
    struct error err;
    buf_reset(&text);
    ASSERT_OK(sql_json_append(&text, value, SIZE_MAX, &err), err);
    return buf_cstr(&text);
}

static inline struct sql_value random_number(struct random *random)
{
    struct error err;
    struct sql_value value;
    switch (random_below(random, 5)) {
    case 0: return sql_int((int64_t)random_below(random, 5) - 2);
    case 1: return sql_int((int64_t)random_next(random));
    case 2:
        ASSERT_OK(sql_make_int(&scope, (sql_int128)random_next(random) * (int64_t)random_next(random), &value,
                               &err),
                  err);
        return value;
    case 3: return sql_float((double)random_below(random, 2000) / 8 - 100);
    default: return sql_float((double)(int64_t)random_next(random) * 1e-3);
    }
}

static inline struct sql_value random_string(struct random *random)
{
    static const char *const words[] = {"",     "a",    "b",        "ab",     "12",       "1.5",
                                        "true", "null", "\xc3\xa9", "\"\\\n", "{\"a\":1}"};
    return sql_string(str_of(words[random_below(random, LENGTH(words))]));
}

static inline struct sql_value random_value(struct random *random, unsigned depth);

static inline struct sql_value random_list(struct random *random, unsigned depth)
{
    struct error err;
    struct sql_list_builder builder = sql_list_begin(&scope);
    for (uint64_t left = random_below(random, 4); left > 0; left--)
        ASSERT_OK(sql_list_add(&builder, random_value(random, depth - 1), &err), err);
    return sql_list_end(&builder);
}

static inline struct sql_value random_map(struct random *random, unsigned depth)
{
    struct error err;
    struct sql_map_builder builder = sql_map_begin(&scope);
    uint64_t left = random_below(random, 40) == 0 ? 30 : random_below(random, 4);
    for (; left > 0; left--) {
        char *key = arena_printf(&scope.arena, "k%u", (unsigned)random_below(random, 60));
        ASSERT_OK(sql_map_put(&builder, str_of(key), random_value(random, depth - 1), &err), err);
    }
    return sql_map_end(&builder);
}

static inline struct sql_value random_value(struct random *random, unsigned depth)
{
    switch (random_below(random, depth == 0 ? 5 : 8)) {
    case 0: return sql_undefined();
    case 1: return sql_null();
    case 2: return sql_bool(random_below(random, 2) == 0);
    case 3: return random_number(random);
    case 4: return random_string(random);
    case 5: return random_number(random);
    case 6: return random_list(random, depth);
    default: return random_map(random, depth);
    }
}

#endif
