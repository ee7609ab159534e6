/* Finding a table and committing to it, in a store that loses answers, refuses, and is written to by others. */
#include "base/mem.h"
#include "lake/lake.h"

#include "harness.h"

#define OBJECTS_MAX 64

struct object {
    char key[200];
    char *text;
    size_t len;
};

enum trouble { FINE, LOST_ANSWER, VANISHED, REFUSED, NO_CONDITIONS };

struct store {
    struct object objects[OBJECTS_MAX];
    size_t count;
    unsigned gets, puts;
    enum trouble trouble; /* of the next put of a v<N>.metadata.json */
    bool forgets_conditions;
};

static struct object *find(struct store *store, struct str key)
{
    for (size_t i = 0; i < store->count; i++) {
        if (str_is(key, store->objects[i].key))
            return &store->objects[i];
    }
    return NULL;
}

static bool get(void *arg, struct str key, struct buf *out, struct error *err)
{
    struct store *store = arg;
    const struct object *object = find(store, key);
    store->gets++;
    if (object == NULL)
        return error_set(err, ERR_NOT_FOUND, "%.*s", STR_ARG(key));
    buf_append(out, object->text, object->len);
    return true;
}

static void keep(struct store *store, struct str key, struct str body)
{
    struct object *object = find(store, key);
    if (object == NULL) {
        assert_true(store->count < OBJECTS_MAX);
        object = &store->objects[store->count++];
        snprintf(object->key, sizeof(object->key), "%.*s", STR_ARG(key));
    }
    mem_free(object->text);
    object->text = mem_dup(body.data, body.len);
    object->len = body.len;
}

static bool put(void *arg, struct str key, struct str body, enum object_condition condition,
                struct error *err)
{
    struct store *store = arg;
    bool metadata = str_ends(key, STR(".metadata.json"));
    enum trouble trouble = metadata ? store->trouble : FINE;
    store->puts++;
    store->trouble = metadata ? FINE : store->trouble;
    if (store->forgets_conditions && condition == OBJECT_IF_NONE)
        return error_set(err, ERR_UNSUPPORTED, "no conditions here");
    if (trouble == REFUSED)
        return error_set(err, ERR_DENIED, "refused");
    if (trouble == VANISHED)
        return error_set(err, ERR_UNKNOWN, "no answer");
    if (condition == OBJECT_IF_NONE && find(store, key) != NULL)
        return error_set(err, ERR_EXISTS, "it is there");
    keep(store, key, body);
    return trouble != LOST_ANSWER || error_set(err, ERR_UNKNOWN, "no answer");
}

static void clear(struct store *store)
{
    for (size_t i = 0; i < store->count; i++)
        mem_free(store->objects[i].text);
    *store = (struct store){0};
}

static struct lake lake_of(struct store *store)
{
    return (struct lake){.get = get, .put = put, .arg = store, .base = "t/"};
}

/* ---- A change that sets a property ----------------------------------------------------------------------- */

static const struct table_field fields[] = {{.id = 1, .name = {"n", 1}, .type = TABLE_LONG}};
static const struct table_schema schema = {.fields = fields, .field_count = 1};

static struct iceberg_table *fresh_table(void)
{
    struct error err;
    const struct iceberg_table_options options = {.uuid = STR("11111111-2222-4333-8444-555555555555"),
                                                  .location = STR("s3://b/t"),
                                                  .schema = &schema,
                                                  .now_ms = 1000};
    struct iceberg_table *table = iceberg_table_new(&options, &err);
    assert_non_null(table);
    return table;
}

/* On top of a version; NULL: on top of nothing. */
static enum lake_outcome attempt(struct lake *lake, const struct iceberg_table *table, uint64_t version,
                                 const char *uuid, bool *exact, struct error *err)
{
    const struct iceberg_property property = {STR("a"), str_of(uuid)};
    const struct iceberg_change change = {
        .uuid = str_of(uuid), .now_ms = 2000, .properties = &property, .property_count = 1};
    struct iceberg_table *fresh = table == NULL ? fresh_table() : NULL;
    struct iceberg_commit *made =
        iceberg_commit_new(table != NULL ? table : fresh, version, NULL, &change, err);
    assert_non_null(made);
    ASSERT_OK(iceberg_commit_finish(made, err), *err);
    ASSERT_OK(lake_put(lake, made, err), *err);
    enum lake_outcome outcome = lake_commit(lake, made, version + 1, uuid, exact, err);
    iceberg_commit_free(made);
    iceberg_table_free(fresh);
    return outcome;
}

static enum lake_outcome commit(struct lake *lake, uint64_t known, const char *uuid, struct error *err)
{
    struct iceberg_table *table = NULL;
    uint64_t version = 0;
    bool exact;
    ASSERT_OK(lake_find(lake, known, &table, &version, err), *err);
    enum lake_outcome outcome = attempt(lake, table, version, uuid, &exact, err);
    iceberg_table_free(table);
    return outcome;
}

static uint64_t newest(struct lake *lake, uint64_t known)
{
    struct iceberg_table *table = NULL;
    uint64_t version = 0;
    struct error err;
    ASSERT_OK(lake_find(lake, known, &table, &version, &err), err);
    iceberg_table_free(table);
    return version;
}

#define UUID_A "aaaaaaaa-1111-4111-8111-111111111111"
#define UUID_B "bbbbbbbb-1111-4111-8111-111111111111"

static void test_the_newest_version_is_found_from_anywhere(void **state)
{
    (void)state;
    struct store store = {0};
    struct error err;
    struct lake lake = lake_of(&store);
    assert_int_equal(newest(&lake, 0), 0);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(commit(&lake, i, i % 2 == 0 ? UUID_A : UUID_B, &err), LAKE_COMMITTED);
    for (uint64_t known = 0; known <= 5; known++)
        assert_int_equal(newest(&lake, known), 5);
    ASSERT_OK(lake_hint(&lake, 4, &err), err);
    for (unsigned version = 1; version <= 3; version++) {
        char key[64];
        snprintf(key, sizeof(key), "metadata/v%u.metadata.json", version);
        ASSERT_OK(lake_bury(&lake, str_of(key), &err), err);
    }
    assert_int_equal(newest(&lake, 0), 5); /* by the hint */
    assert_int_equal(newest(&lake, 2), 5); /* what is known has expired */
    clear(&store);
}

static void test_a_version_that_is_taken_is_lost(void **state)
{
    (void)state;
    struct store store = {0};
    struct error err;
    struct lake lake = lake_of(&store);
    assert_int_equal(commit(&lake, 0, UUID_A, &err), LAKE_COMMITTED);
    bool exact;
    assert_int_equal(attempt(&lake, NULL, 0, UUID_B, &exact, &err), LAKE_LOST);
    assert_int_equal(attempt(&lake, NULL, 0, UUID_A, &exact, &err), LAKE_COMMITTED); /* by the one before */
    clear(&store);
}

static void test_an_unknown_outcome_is_found_out(void **state)
{
    (void)state;
    static const enum trouble troubles[] = {LOST_ANSWER, VANISHED};
    for (size_t i = 0; i < LENGTH(troubles); i++) {
        struct store store = {.trouble = troubles[i]};
        struct error err;
        struct lake lake = lake_of(&store);
        assert_int_equal(commit(&lake, 0, UUID_A, &err), LAKE_COMMITTED);
        assert_int_equal(newest(&lake, 0), 1);
        clear(&store);
    }
    struct store store = {.trouble = REFUSED};
    struct error err;
    struct lake lake = lake_of(&store);
    assert_int_equal(commit(&lake, 0, UUID_A, &err), LAKE_FAILED);
    assert_int_equal(err.code, ERR_DENIED);
    clear(&store);
}

static void told(void *arg)
{
    ((struct store *)arg)->trouble = FINE;
}

static void test_a_store_without_conditions_is_looked_at_first(void **state)
{
    (void)state;
    struct store store = {.forgets_conditions = true};
    struct error err;
    struct lake lake = lake_of(&store);
    lake.is_unconditional = told;
    assert_int_equal(commit(&lake, 0, UUID_A, &err), LAKE_COMMITTED);
    assert_true(lake.unconditional);
    bool exact;
    assert_int_equal(attempt(&lake, NULL, 0, UUID_B, &exact, &err), LAKE_LOST);
    clear(&store);
}

RUN_TESTS(cmocka_unit_test(test_the_newest_version_is_found_from_anywhere),
          cmocka_unit_test(test_a_version_that_is_taken_is_lost),
          cmocka_unit_test(test_an_unknown_outcome_is_found_out),
          cmocka_unit_test(test_a_store_without_conditions_is_looked_at_first))
