/* Named objects: kinds do not see each other, and a change keeps the time of creation. */
#include "catalog/fixture.h"

static bool create(struct fixture *fixture, const char *kind, const char *id, const char *text,
                   int64_t now_ms)
{
    const struct catalog_object object = {str_of(id), str_of(text), now_ms, now_ms};
    return catalog_object_create(fixture->catalog, kind, &object, &fixture->err);
}

static bool update(struct fixture *fixture, const char *kind, const char *id, const char *text,
                   int64_t now_ms)
{
    const struct catalog_object object = {.id = str_of(id), .object = str_of(text), .modified_ms = now_ms};
    return catalog_object_update(fixture->catalog, kind, &object, &fixture->err);
}

static bool note(const struct catalog_object *object, void *arg)
{
    buf_printf(arg, "%.*s=%.*s@%lld,%lld\n", STR_ARG(object->id), STR_ARG(object->object),
               (long long)object->created_ms, (long long)object->modified_ms);
    return true;
}

static bool note_first(const struct catalog_object *object, void *arg)
{
    note(object, arg);
    return false;
}

static void assert_objects(struct fixture *fixture, const char *kind, const char *expected)
{
    struct buf text = {0};
    ASSERT_OK(catalog_object_each(fixture->catalog, kind, note, &text, &fixture->err), fixture->err);
    assert_string_equal(buf_cstr(&text), expected);
    buf_free(&text);
}

static void test_objects_come_back_as_put_in_the_order_of_their_ids(void **state)
{
    struct fixture *fixture = *state;
    ASSERT_OK(create(fixture, "connector", "s3:b", "{\"a\":\"\xc3\xbc\"}", 5), fixture->err);
    ASSERT_OK(create(fixture, "connector", "s3:a", "{}", 6), fixture->err);
    ASSERT_OK(create(fixture, "connector", "directory:z", "", 7), fixture->err);
    fixture_reopen(fixture);
    assert_objects(fixture, "connector", "directory:z=@7,7\ns3:a={}@6,6\ns3:b={\"a\":\"\xc3\xbc\"}@5,5\n");
}

static void test_kinds_have_ids_of_their_own(void **state)
{
    struct fixture *fixture = *state;
    ASSERT_OK(create(fixture, "connector", "x", "c", 1), fixture->err);
    ASSERT_OK(create(fixture, "action", "x", "a", 2), fixture->err);
    assert_objects(fixture, "connector", "x=c@1,1\n");
    assert_objects(fixture, "action", "x=a@2,2\n");
    assert_objects(fixture, "rule", "");
    ASSERT_OK(catalog_object_delete(fixture->catalog, "action", STR("x"), &fixture->err), fixture->err);
    assert_objects(fixture, "connector", "x=c@1,1\n");
    assert_objects(fixture, "action", "");
}

static void test_create_refuses_a_taken_id(void **state)
{
    struct fixture *fixture = *state;
    ASSERT_OK(create(fixture, "rule", "r", "1", 1), fixture->err);
    assert_false(create(fixture, "rule", "r", "2", 2));
    assert_int_equal(fixture->err.code, ERR_EXISTS);
    assert_string_equal(fixture->err.text, "rule r exists");
    assert_objects(fixture, "rule", "r=1@1,1\n");
}

static void test_a_change_keeps_the_time_of_creation(void **state)
{
    struct fixture *fixture = *state;
    ASSERT_OK(create(fixture, "rule", "r", "1", 1), fixture->err);
    ASSERT_OK(update(fixture, "rule", "r", "2", 9), fixture->err);
    assert_objects(fixture, "rule", "r=2@1,9\n");
}

static void test_what_is_not_there_cannot_be_changed_or_deleted(void **state)
{
    struct fixture *fixture = *state;
    assert_false(update(fixture, "rule", "r", "2", 9));
    assert_int_equal(fixture->err.code, ERR_NOT_FOUND);
    assert_string_equal(fixture->err.text, "no rule r");
    assert_false(catalog_object_delete(fixture->catalog, "rule", STR("r"), &fixture->err));
    assert_int_equal(fixture->err.code, ERR_NOT_FOUND);
    assert_objects(fixture, "rule", "");
}

static void test_a_listing_ends_when_it_is_told_to(void **state)
{
    struct fixture *fixture = *state;
    struct buf text = {0};
    ASSERT_OK(create(fixture, "rule", "a", "1", 1), fixture->err);
    ASSERT_OK(create(fixture, "rule", "b", "2", 2), fixture->err);
    ASSERT_OK(catalog_object_each(fixture->catalog, "rule", note_first, &text, &fixture->err), fixture->err);
    assert_string_equal(buf_cstr(&text), "a=1@1,1\n");
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CATALOG(test_objects_come_back_as_put_in_the_order_of_their_ids),
        WITH_CATALOG(test_kinds_have_ids_of_their_own),
        WITH_CATALOG(test_create_refuses_a_taken_id),
        WITH_CATALOG(test_a_change_keeps_the_time_of_creation),
        WITH_CATALOG(test_what_is_not_there_cannot_be_changed_or_deleted),
        WITH_CATALOG(test_a_listing_ends_when_it_is_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
