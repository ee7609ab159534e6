/* String views. */
#include "base/str.h"

#include "base/mem.h"
#include "harness.h"

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void test_views_know_their_length(void **state)
{
    (void)state;
    assert_int_equal(STR("abc").len, 3);
    assert_int_equal(STR("a\0c").len, 3);
    assert_int_equal(str_of("abc").len, 3);
    assert_int_equal(str_of(NULL).len, 0);
    assert_null(STR_NONE.data);
}

static void test_equal_compares_bytes_and_length(void **state)
{
    (void)state;
    assert_true(str_equal(STR("abc"), STR("abc")));
    assert_true(str_equal(STR(""), STR_NONE));
    assert_true(str_equal(STR_NONE, STR_NONE));
    assert_false(str_equal(STR("abc"), STR("ab")));
    assert_false(str_equal(STR("a\0c"), STR("a\0d")));
    assert_true(str_is(STR("abc"), "abc"));
    assert_false(str_is(STR("abc"), "abcd"));
}

static void test_nocase_folds_ascii_only(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {
        {"", "", true},         {"AbC", "aBc", true},
        {"abc", "abd", false},  {"abc", "ab", false},
        {"@", "`", false},      {"[", "{", false},
        {"Z", "z", true},       {"A", "a", true},
        {"a1-_", "A1-_", true}, {"\xc3\x84", "\xc3\xa4", false},
    };
    TABLE_EACH(row, rows)
    CHECK(str_equal_nocase(str_of(row->a), str_of(row->b)) == row->equal, "%s and %s", row->a, row->b);
    assert_true(str_equal_nocase(STR_NONE, STR("")));
}

static void test_starts_and_ends(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
        bool starts, ends;
    } rows[] = {
        {"topic", "to", true, false},
        {"topic", "ic", false, true},
        {"topic", "topic", true, true},
        {"topic", "", true, true},
        {"", "", true, true},
        {"", "t", false, false},
        {"topic", "topics", false, false},
        {"topic", "atopic", false, false},
        {"aba", "a", true, true},
    };
    TABLE_EACH(row, rows)
    {
        CHECK(str_starts(str_of(row->text), str_of(row->part)) == row->starts, "%s, %s", row->text,
              row->part);
        CHECK(str_ends(str_of(row->text), str_of(row->part)) == row->ends, "%s, %s", row->text, row->part);
    }
    assert_true(str_starts(STR_NONE, STR_NONE));
    assert_true(str_ends(STR_NONE, STR_NONE));
    assert_true(str_ends(STR("x"), STR_NONE));
}

static void test_compare_orders_by_bytes_then_length(void **state)
{
    (void)state;
    static const char *const ascending[] = {"", "A", "B", "Ba", "a", "aa", "ab", "b", "\x7f", "\x80", "\xff"};
    for (size_t i = 0; i < LENGTH(ascending); i++) {
        for (size_t j = 0; j < LENGTH(ascending); j++)
            CHECK(sign(str_compare(str_of(ascending[i]), str_of(ascending[j]))) == (i > j) - (i < j),
                  "%s and %s", ascending[i], ascending[j]);
    }
    assert_int_equal(str_compare(STR_NONE, STR("")), 0);
    assert_true(str_compare(STR_NONE, STR("a")) < 0);
}

static void test_trim_takes_white_space_at_both_ends(void **state)
{
    (void)state;
    static const struct {
        const char *text, *trimmed;
    } rows[] = {
        {"", ""},
        {" ", ""},
        {" \t\r\n\v\f", ""},
        {"a", "a"},
        {" a", "a"},
        {"a ", "a"},
        {"\t a b \n", "a b"},
        {"\x1f"
         "a\xa0",
         "\x1f"
         "a\xa0"},
    };
    TABLE_EACH(row, rows)
    CHECK(str_is(str_trim(str_of(row->text)), row->trimmed), "'%s'", row->text);
    assert_int_equal(str_trim(STR_NONE).len, 0);
}

static void test_next_cuts_at_each_separator(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *pieces[5]; /* NULL behind the last */
    } rows[] = {
        {"", {""}},      {"a", {"a"}},      {"a,b", {"a", "b"}}, {"a,,b", {"a", "", "b"}},
        {",", {"", ""}}, {",a", {"", "a"}}, {"a,", {"a", ""}},   {"ab,cd,ef", {"ab", "cd", "ef"}},
    };
    TABLE_EACH(row, rows)
    {
        struct str rest = str_of(row->text);
        struct str piece;
        size_t count = 0;
        while (str_next(&rest, ',', &piece)) {
            CHECK(count < 4 && row->pieces[count] != NULL, "'%s': piece %zu too many", row->text, count);
            CHECK(str_is(piece, row->pieces[count]), "'%s': piece %zu", row->text, count);
            count++;
        }
        CHECK(row->pieces[count] == NULL, "'%s': %zu pieces", row->text, count);
        assert_null(rest.data);
    }
    struct str none = STR_NONE;
    struct str piece;
    assert_false(str_next(&none, ',', &piece));
}

static void test_next_gives_back_what_was_joined(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    for (int round = 0; round < 2000; round++) {
        char text[64];
        size_t len = random_below(&random, sizeof text);
        for (size_t i = 0; i < len; i++)
            text[i] = "a,b\0"[random_below(&random, 4)];
        char joined[sizeof text + 1];
        size_t joined_len = 0;
        struct str rest = str_make(text, len);
        struct str piece;
        for (size_t n = 0; str_next(&rest, ',', &piece); n++) {
            if (n != 0)
                joined[joined_len++] = ',';
            assert_true(piece.len == 0 || memchr(piece.data, ',', piece.len) == NULL);
            memcpy(joined + joined_len, piece.data, piece.len);
            joined_len += piece.len;
        }
        assert_int_equal(joined_len, len);
        assert_memory_equal(joined, text, len);
    }
}

static void test_dup_is_terminated(void **state)
{
    (void)state;
    char *copy = str_dup(str_make("station", 4));
    char *empty = str_dup(STR_NONE);
    assert_string_equal(copy, "stat");
    assert_string_equal(empty, "");
    mem_free(copy);
    mem_free(empty);
}

static void test_secret_comparison_sees_every_byte(void **state)
{
    (void)state;
    char a[32], b[32];
    memset(a, 'x', sizeof a);
    for (size_t i = 0; i < sizeof a; i++) {
        for (int bit = 0; bit < 8; bit++) {
            memcpy(b, a, sizeof b);
            b[i] = (char)(b[i] ^ 1 << bit);
            CHECK(!str_equal_secret(str_make(a, sizeof a), str_make(b, sizeof b)), "byte %zu bit %d", i, bit);
        }
    }
    memcpy(b, a, sizeof b);
    assert_true(str_equal_secret(str_make(a, sizeof a), str_make(b, sizeof b)));
    assert_false(str_equal_secret(str_make(a, 31), str_make(b, 32)));
    assert_true(str_equal_secret(STR_NONE, STR("")));
}

RUN_TESTS(cmocka_unit_test(test_views_know_their_length),
          cmocka_unit_test(test_equal_compares_bytes_and_length),
          cmocka_unit_test(test_nocase_folds_ascii_only), cmocka_unit_test(test_starts_and_ends),
          cmocka_unit_test(test_compare_orders_by_bytes_then_length),
          cmocka_unit_test(test_trim_takes_white_space_at_both_ends),
          cmocka_unit_test(test_next_cuts_at_each_separator),
          cmocka_unit_test(test_next_gives_back_what_was_joined), cmocka_unit_test(test_dup_is_terminated),
          cmocka_unit_test(test_secret_comparison_sees_every_byte))
