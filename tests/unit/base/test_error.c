/* Errors carry a code, one line of text, and a hint. */
#include "harness.h"

#include <errno.h>

static void test_set_gives_code_and_text_and_clears_the_hint(void **state)
{
    (void)state;
    struct error err = {.hint = "an older hint"};
    assert_false(error_set(&err, ERR_LIMIT, "station %s: %d messages", "plant", 7));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_string_equal(err.text, "station plant: 7 messages");
    assert_string_equal(err.hint, "");
}

static void test_every_function_returns_false_and_takes_null(void **state)
{
    (void)state;
    assert_false(error_set(NULL, ERR_IO, "x"));
    assert_false(error_errno(NULL, EIO, "x"));
    assert_false(error_wrap(NULL, "x"));
    assert_false(error_hint(NULL, "x"));
    struct error err;
    assert_false(error_set(&err, ERR_IO, "x"));
    assert_false(error_wrap(&err, "x"));
    assert_false(error_hint(&err, "x"));
    assert_false(error_errno(&err, EIO, "x"));
}

static void test_errno_chooses_the_code_and_adds_the_system_text(void **state)
{
    (void)state;
    static const struct {
        int errnum;
        enum error_code code;
    } rows[] = {
        {ENOSPC, ERR_NO_SPACE}, {EDQUOT, ERR_NO_SPACE}, {ENOENT, ERR_NOT_FOUND}, {EEXIST, ERR_EXISTS},
        {EACCES, ERR_DENIED},   {EPERM, ERR_DENIED},    {ENOMEM, ERR_NO_MEMORY}, {ETIMEDOUT, ERR_TIMEOUT},
        {EIO, ERR_IO},          {EBADF, ERR_IO},        {ECONNREFUSED, ERR_IO},
    };
    TABLE_EACH(row, rows)
    {
        struct error err;
        char expected[200];
        error_errno(&err, row->errnum, "open %s", "a.seg");
        snprintf(expected, sizeof expected, "open a.seg: %s", strerrordesc_np(row->errnum));
        CHECK(err.code == row->code, "errno %d", row->errnum);
        assert_string_equal(err.text, expected);
        assert_string_equal(err.hint, "");
    }
}

static void test_wrap_puts_the_context_before_and_keeps_code_and_hint(void **state)
{
    (void)state;
    struct error err;
    error_set(&err, ERR_CORRUPT, "bad checksum");
    error_hint(&err, "run varve log verify %s", "DIR");
    error_wrap(&err, "segment %d", 12);
    error_wrap(&err, "station %s", "plant");
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_string_equal(err.text, "station plant: segment 12: bad checksum");
    assert_string_equal(err.hint, "run varve log verify DIR");
}

static void test_arguments_may_point_into_the_error_itself(void **state)
{
    (void)state;
    struct error err;
    error_set(&err, ERR_IO, "inner");
    error_set(&err, ERR_IO, "outer (%s)", err.text);
    assert_string_equal(err.text, "outer (inner)");
    error_hint(&err, "see: %s", err.text);
    error_hint(&err, "%s!", err.hint);
    assert_string_equal(err.hint, "see: outer (inner)!");
}

static void test_text_is_one_line(void **state)
{
    (void)state;
    struct error err;
    error_set(&err, ERR_INVALID, "client a\nfake\r\x1b[1m\x7f");
    assert_string_equal(err.text, "client a fake  [1m ");
    error_wrap(&err, "line\n2");
    assert_string_equal(err.text, "line 2: client a fake  [1m ");
    error_hint(&err, "a\tb");
    assert_string_equal(err.hint, "a b");
}

static void test_long_text_is_cut_to_fit(void **state)
{
    (void)state;
    struct error err;
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    error_set(&err, ERR_INVALID, "%s", text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    error_wrap(&err, "context");
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_memory_equal(err.text, "context: xxx", 12);
    error_errno(&err, EIO, "%s", text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    error_hint(&err, "%s", text);
    assert_int_equal(strlen(err.hint), sizeof err.hint - 1);
}

static void test_a_cut_text_ends_with_a_whole_character(void **state)
{
    (void)state;
    static const char *const characters[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t kind = 0; kind < LENGTH(characters); kind++) {
        size_t bytes = strlen(characters[kind]);
        for (size_t shift = 0; shift < bytes; shift++) {
            char text[600] = "";
            memset(text, 'x', shift);
            while (strlen(text) + bytes < sizeof text)
                strcat(text, characters[kind]);
            struct error err;
            error_set(&err, ERR_INVALID, "%s", text);
            size_t whole = (sizeof err.text - 1 - shift) / bytes * bytes + shift;
            CHECK(strlen(err.text) == whole, "%zu bytes, shifted by %zu", bytes, shift);
            assert_memory_equal(err.text, text, whole);
        }
    }
}

static void test_a_text_that_just_fits_is_whole(void **state)
{
    (void)state;
    struct error err;
    char text[sizeof err.text];
    memset(text, 'x', sizeof text);
    memcpy(text + sizeof text - 3, "\xc3\xa9", 3);
    error_set(&err, ERR_INVALID, "%s", text);
    assert_string_equal(err.text, text);
}

static void test_codes_have_their_names(void **state)
{
    (void)state;
    assert_string_equal(error_code_name(ERR_NONE), "none");
    assert_string_equal(error_code_name(ERR_NOT_FOUND), "not_found");
    assert_string_equal(error_code_name(ERR_INTERNAL), "internal");
    assert_string_equal(error_code_name((enum error_code)(ERR_INTERNAL + 1)), "unknown");
    for (int code = ERR_NONE; code <= ERR_INTERNAL; code++)
        CHECK(error_code_name((enum error_code)code)[0] != '\0', "code %d", code);
}

RUN_TESTS(cmocka_unit_test(test_set_gives_code_and_text_and_clears_the_hint),
          cmocka_unit_test(test_every_function_returns_false_and_takes_null),
          cmocka_unit_test(test_errno_chooses_the_code_and_adds_the_system_text),
          cmocka_unit_test(test_wrap_puts_the_context_before_and_keeps_code_and_hint),
          cmocka_unit_test(test_arguments_may_point_into_the_error_itself),
          cmocka_unit_test(test_text_is_one_line), cmocka_unit_test(test_long_text_is_cut_to_fit),
          cmocka_unit_test(test_a_cut_text_ends_with_a_whole_character),
          cmocka_unit_test(test_a_text_that_just_fits_is_whole),
          cmocka_unit_test(test_codes_have_their_names))
