/* Bounds: of numbers, of strings that are cut, joined over pages. */
#include "harness.h"

#include "table/parquet_write_internal.h"

#include <math.h>

static struct pq_bounds of_text(enum table_type type, struct str text)
{
    struct pq_bounds bounds = {0};
    pq_bounds_add_str(&bounds, type, text, text);
    return bounds;
}

static struct str times(char *out, const char *piece, size_t count, const char *end)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++, len += strlen(piece))
        memcpy(out + len, piece, strlen(piece));
    memcpy(out + len, end, strlen(end));
    return str_make(out, len + strlen(end));
}

static void test_short_strings_are_their_own_bounds(void **state)
{
    (void)state;
    char text[200];
    struct str exact = times(text, "x", PARQUET_BOUND_BYTES, "");
    struct pq_bounds bounds = of_text(TABLE_STRING, exact);
    assert_true(bounds.lower_exact && bounds.upper_exact);
    assert_true(str_equal(pq_lower(&bounds), exact) && str_equal(pq_upper(&bounds), exact));
    bounds = of_text(TABLE_BINARY, STR(""));
    assert_true(bounds.any && bounds.lower_exact && pq_lower(&bounds).len == 0 && pq_upper(&bounds).len == 0);
}

static void test_long_texts_are_cut_at_whole_characters(void **state)
{
    (void)state;
    static const struct {
        const char *piece;
        size_t count;
        const char *end;
        size_t lower_len;
        const char *raised; /* the last character of the upper bound */
    } rows[] = {
        {"a", 63, "bz", 64, "c"},
        {"a", 63, "éz", 63, "b"}, /* é does not fit whole */
        {"a", 62, "éz", 64, "ê"}, /* it does */
        {"a", 60, "\x7f\x7f\x7f\x7fz", 64,
         "b"}, /* the next of 7f takes two bytes: an earlier one is raised */
        {"a", 61, "\xed\x9f\xbfzz", 64, "\xee\x80\x80"}, /* past the surrogates */
        {"a", 60, "\xf4\x8f\xbf\xbfzz", 64, "b"},        /* nothing is above U+10FFFF */
        {"a", 60, "\xf0\x90\x80\x80zz", 64, "\xf0\x90\x80\x81"},
        {"é", 31, "\xdf\xbfzz", 64, "ê"}, /* the last character of two bytes */
    };
    TABLE_EACH(row, rows)
    {
        char space[300];
        struct str text = times(space, row->piece, row->count, row->end);
        struct pq_bounds bounds = of_text(TABLE_STRING, text);
        struct str upper = pq_upper(&bounds);
        CHECK(bounds.any && !bounds.lower_exact && !bounds.upper_exact && !bounds.open, "%s", row->end);
        CHECK(bounds.lower_len == row->lower_len && memcmp(bounds.lower, text.data, row->lower_len) == 0,
              "%s", row->end);
        CHECK(str_ends(upper, str_of(row->raised)), "%.*s", STR_ARG(upper));
        CHECK(str_compare(text, upper) < 0 && utf8_valid(upper.data, upper.len), "%.*s", STR_ARG(upper));
        CHECK(memcmp(upper.data, text.data, upper.len - strlen(row->raised)) == 0, "%.*s", STR_ARG(upper));
    }
}

static void test_bytes_that_cannot_be_raised_have_no_upper_bound(void **state)
{
    (void)state;
    char text[100];
    memset(text, 0xff, sizeof text);
    struct pq_bounds bounds = of_text(TABLE_BINARY, str_make(text, sizeof text));
    assert_true(bounds.any && bounds.open);
    assert_false(pq_bounds_show(&bounds).known);
    pq_bounds_add_str(&bounds, TABLE_BINARY, STR("a"), STR("b"));
    assert_true(bounds.open && str_is(pq_lower(&bounds), "a"));
    text[3] = 7;
    bounds = of_text(TABLE_BINARY, str_make(text, sizeof text));
    assert_true(str_equal(pq_upper(&bounds), STR("\xff\xff\xff\x08")));
    /* As long as it need not be cut, it is a bound itself. */
    bounds = of_text(TABLE_BINARY, STR("\xff\xff"));
    assert_true(!bounds.open && bounds.upper_exact);
}

static void test_random_strings_lie_between_their_bounds(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    static const char *const chars[] = {
        "a", "\x7f", "é", "\xdf\xbf", "\xed\x9f\xbf", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"};
    for (int round = 0; round < 3000; round++) {
        enum table_type type = round % 2 == 0 ? TABLE_STRING : TABLE_BINARY;
        struct pq_bounds all = {0};
        char texts[4][600];
        struct str strings[4];
        for (int i = 0; i < 4; i++) {
            size_t len = 0;
            for (size_t n = random_below(&random, 100); n > 0; n--) {
                const char *piece = chars[random_below(&random, LENGTH(chars))];
                if (type == TABLE_BINARY)
                    texts[i][len++] = random_below(&random, 4) == 0 ? (char)random_next(&random) : (char)0xff;
                else
                    len += (size_t)snprintf(texts[i] + len, sizeof texts[i] - len, "%s", piece);
            }
            strings[i] = str_make(texts[i], len);
            struct pq_bounds one = of_text(type, strings[i]);
            pq_bounds_join(&all, type, &one);
        }
        for (int i = 0; i < 4; i++) {
            assert_true(str_compare(pq_lower(&all), strings[i]) <= 0);
            assert_true(all.open || str_compare(strings[i], pq_upper(&all)) <= 0);
        }
        if (type == TABLE_STRING)
            assert_true(utf8_valid(all.lower, all.lower_len) && utf8_valid(all.upper, all.upper_len));
    }
}

static void test_numbers_have_the_least_and_the_most(void **state)
{
    (void)state;
    const int64_t longs[] = {5, INT64_MIN, 7, INT64_MAX, 0};
    const int32_t ints[] = {-1, 3, -7};
    const uint8_t booleans[] = {1, 0, 1};
    struct pq_bounds bounds;
    uint64_t nans = 0;
    pq_bounds_of_numbers(&bounds, TABLE_LONG, longs, LENGTH(longs), &nans);
    assert_int_equal((int64_t)pq_get64(bounds.lower), INT64_MIN);
    assert_int_equal((int64_t)pq_get64(bounds.upper), INT64_MAX);
    assert_int_equal(bounds.lower_len, 8);
    pq_bounds_of_numbers(&bounds, TABLE_DATE, ints, LENGTH(ints), &nans);
    assert_int_equal((int32_t)pq_get32(bounds.lower), -7);
    assert_int_equal((int32_t)pq_get32(bounds.upper), 3);
    assert_int_equal(bounds.upper_len, 4);
    pq_bounds_of_numbers(&bounds, TABLE_BOOLEAN, booleans, LENGTH(booleans), &nans);
    assert_true(bounds.lower[0] == 0 && bounds.upper[0] == 1 && bounds.lower_len == 1);
    pq_bounds_of_numbers(&bounds, TABLE_INT, ints, 0, &nans);
    assert_false(bounds.any);
    assert_int_equal(nans, 0);
}

static double stored_double(const uint8_t *bytes)
{
    double value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static void test_nan_is_counted_and_zero_has_both_signs(void **state)
{
    (void)state;
    const double values[] = {NAN, 2.5, -NAN, -1};
    const double zeros[] = {0.0, NAN};
    const float none[] = {NAN, NAN};
    struct pq_bounds bounds;
    uint64_t nans = 0;
    pq_bounds_of_numbers(&bounds, TABLE_DOUBLE, values, LENGTH(values), &nans);
    assert_int_equal(nans, 2);
    assert_true(stored_double(bounds.lower) == -1 && stored_double(bounds.upper) == 2.5);
    pq_bounds_of_numbers(&bounds, TABLE_DOUBLE, zeros, LENGTH(zeros), &nans);
    assert_true(signbit(stored_double(bounds.lower)) && !signbit(stored_double(bounds.upper)));
    pq_bounds_of_numbers(&bounds, TABLE_FLOAT, none, LENGTH(none), &nans);
    assert_false(bounds.any);
    assert_int_equal(nans, 5);
}

RUN_TESTS(cmocka_unit_test(test_short_strings_are_their_own_bounds),
          cmocka_unit_test(test_long_texts_are_cut_at_whole_characters),
          cmocka_unit_test(test_bytes_that_cannot_be_raised_have_no_upper_bound),
          cmocka_unit_test(test_random_strings_lie_between_their_bounds),
          cmocka_unit_test(test_numbers_have_the_least_and_the_most),
          cmocka_unit_test(test_nan_is_counted_and_zero_has_both_signs))
