/* Keys as paths: natural where they can be, one for each key, back again, and never out of the bucket. */
#include "harness.h"
#include "object/dir_path.h"

static void test_usual_keys_are_their_own_paths(void **state)
{
    (void)state;
    static const char *const keys[] = {"stations/t/data/timestamp_day=2026-11-21/00-1.parquet",
                                       "v1.metadata.json", "ü/日本語", ".hidden", "a b+c&d"};
    for (size_t i = 0; i < LENGTH(keys); i++) {
        struct buf path = {0};
        dir_path_of_key(str_of(keys[i]), &path);
        assert_string_equal(buf_cstr(&path), keys[i]);
        buf_free(&path);
    }
}

static void test_the_rest_is_written_with_percent(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *path;
    } rows[] = {
        {"100%", "100%25"},
        {"a\nb", "a%0Ab"},
        {"..", "%2E%2E"},
        {"a/./b", "a/%2E/b"},
        {"a/../../b", "a/%2E%2E/%2E%2E/b"},
        {"a//b", "a/%e/b"},
        {"/a", "%e/a"},
        {"a/", "a/%e"},
        {"/", "%e/%e"},
        {"%lock", "%25lock"},
        {"x%o", "x%25o"},
        {"\x7f", "%7F"},
    };
    TABLE_EACH(row, rows)
    {
        struct buf path = {0};
        dir_path_of_key(str_of(row->key), &path);
        assert_string_equal(buf_cstr(&path), row->path);
        buf_free(&path);
    }
}

/* Reads a path back, name by name. */
static bool key_of_path(struct str path, struct buf *key)
{
    struct str name;
    while (str_next(&path, '/', &name)) {
        enum dir_name says = dir_name_read(name, key);
        if (says == DIR_NAME_FOREIGN || says == DIR_NAME_BESIDE)
            return false;
        if (says == DIR_NAME_SEGMENT && path.data != NULL)
            buf_append_byte(key, '/');
    }
    return true;
}

static void test_random_keys_come_back_and_stay_inside(void **state)
{
    (void)state;
    static const char *const pieces[] = {".", "..", "/",  "%",    "%o", "%+", "%e",
                                         "a", "ü",  "日", "🛰", "\n", " ",  "0123456789"};
    struct random random;
    random_seed(&random, harness_seed());
    for (int round = 0; round < 20000; round++) {
        struct buf key = {0};
        struct buf path = {0};
        struct buf back = {0};
        size_t want = 1 + random_below(&random, round % 10 == 0 ? 1000 : 30);
        while (key.len < want)
            buf_append_str(&key, str_of(pieces[random_below(&random, LENGTH(pieces))]));
        dir_path_of_key(buf_str(&key), &path);
        assert_true(path.len < 4096);
        struct str rest = buf_str(&path);
        for (struct str name; str_next(&rest, '/', &name);)
            assert_true(name.len > 0 && name.len <= 250 && !str_is(name, ".") && !str_is(name, ".."));
        assert_true(key_of_path(buf_str(&path), &back));
        CHECK(str_equal(buf_str(&key), buf_str(&back)), "%s", buf_cstr(&key));
        buf_free(&key);
        buf_free(&path);
        buf_free(&back);
    }
}

static void test_names_of_nobody_are_foreign(void **state)
{
    (void)state;
    static const char *const names[] = {"%lock", "%tmp", "%",    "a%",   "a%2", "a%2e", "%41",
                                        "%2Ea",  "a%2E", "\xff", "a\nb", "%00", "%+",   "%o"};
    for (size_t i = 0; i < LENGTH(names); i++) {
        struct buf out = {0};
        CHECK(dir_name_read(str_of(names[i]), &out) == DIR_NAME_FOREIGN, "%s", names[i]);
        assert_int_equal(out.len, 0);
        buf_free(&out);
    }
}

RUN_TESTS(cmocka_unit_test(test_usual_keys_are_their_own_paths),
          cmocka_unit_test(test_the_rest_is_written_with_percent),
          cmocka_unit_test(test_random_keys_come_back_and_stay_inside),
          cmocka_unit_test(test_names_of_nobody_are_foreign))
