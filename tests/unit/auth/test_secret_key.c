/* The key file: made once, kept, private; and what is derived from it. */
#include "harness.h"

#include "auth/auth.h"

#include <fcntl.h>
#include <sys/stat.h>

static int make_dir(void **state)
{
    *state = malloc(HARNESS_PATH_BYTES);
    harness_make_dir(*state);
    return 0;
}

static int remove_dir(void **state)
{
    harness_remove_dir(*state);
    free(*state);
    return 0;
}

static const char *path_of(const char *dir)
{
    static char path[HARNESS_PATH_BYTES + 16];
    snprintf(path, sizeof path, "%s/secret.key", dir);
    return path;
}

static unsigned mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 0777;
}

static void write_text(const char *path, const char *text, unsigned mode)
{
    struct buf buf = {0};
    buf_append_str(&buf, str_of(text));
    assert_true(buf_write_file(&buf, path, mode, NULL));
    buf_free(&buf);
}

static void test_the_key_is_made_once_and_is_private(void **state)
{
    const char *dir = *state;
    struct secret_key first, again;
    struct error err;
    ASSERT_OK(secret_key_load(&first, dir, &err), err);
    assert_int_equal(mode_of(path_of(dir)), 0600);
    ASSERT_OK(secret_key_load(&again, dir, &err), err);
    assert_memory_equal(first.bytes, again.bytes, sizeof first.bytes);
    assert_int_equal(remove(path_of(dir)), 0);
    ASSERT_OK(secret_key_load(&again, dir, &err), err);
    assert_memory_not_equal(first.bytes, again.bytes, sizeof first.bytes);
}

static void test_a_key_that_others_may_read_is_made_private(void **state)
{
    const char *dir = *state;
    struct secret_key key;
    struct error err;
    write_text(path_of(dir), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", 0644);
    ASSERT_OK(secret_key_load(&key, dir, &err), err);
    for (size_t i = 0; i < sizeof key.bytes; i++)
        assert_int_equal(key.bytes[i], i);
    assert_int_equal(mode_of(path_of(dir)), 0600);
}

static void test_a_file_that_holds_no_key_is_left_as_it_is(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==\n",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\n",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\nmore\n",
        "not base64 at all, but 44 characters long!!!\n",
    };
    const char *dir = *state;
    struct secret_key key;
    struct error err;
    struct buf text = {0};
    for (size_t i = 0; i < LENGTH(texts); i++) {
        write_text(path_of(dir), texts[i], 0600);
        ASSERT_FAILS(secret_key_load(&key, dir, &err), err, ERR_CORRUPT);
        assert_true(err.hint[0] != '\0');
        buf_reset(&text);
        ASSERT_OK(buf_read_file(&text, path_of(dir), 1000, &err), err);
        assert_string_equal(buf_cstr(&text), texts[i]);
    }
    buf_free(&text);
    char long_text[1000] = {0};
    memset(long_text, 'A', sizeof long_text - 1);
    write_text(path_of(dir), long_text, 0600);
    ASSERT_FAILS(secret_key_load(&key, dir, &err), err, ERR_TOO_LARGE);
    ASSERT_FAILS(secret_key_load(&key, "/nowhere/at/all", &err), err, ERR_NOT_FOUND);
}

/* HKDF-SHA-256 of 32 bytes 0b, without salt, for "varve test": computed with another implementation. */
static void test_derived_keys_are_hkdfs(void **state)
{
    (void)state;
    static const uint8_t expected[] = {0x52, 0x31, 0x18, 0x83, 0xf6, 0xee, 0xb7, 0x36, 0x62, 0xd0, 0x1b,
                                       0x71, 0x7a, 0xdf, 0x0e, 0x1e, 0x87, 0x09, 0x41, 0xe8, 0x39, 0x8c,
                                       0x10, 0x43, 0xb9, 0x42, 0x31, 0x0e, 0x55, 0xf4, 0x05, 0xd1, 0xc8,
                                       0x89, 0x0e, 0x58, 0x39, 0x23, 0xba, 0xd6, 0x87, 0x71};
    struct secret_key key;
    uint8_t out[42], other[42];
    memset(key.bytes, 0x0b, sizeof key.bytes);
    secret_key_derive(&key, "varve test", out, sizeof out);
    assert_memory_equal(out, expected, sizeof expected);
    secret_key_derive(&key, "varve test 2", other, sizeof other);
    assert_memory_not_equal(out, other, 16);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

RUN_TESTS(TEST(test_the_key_is_made_once_and_is_private),
          TEST(test_a_key_that_others_may_read_is_made_private),
          TEST(test_a_file_that_holds_no_key_is_left_as_it_is), cmocka_unit_test(test_derived_keys_are_hkdfs))
