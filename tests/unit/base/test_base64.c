/* Base64 in both alphabets, and hex. */
#include "base/str.h"
#include "harness.h"

/* RFC 4648, section 10. */
static const struct {
    const char *plain, *padded, *unpadded;
} vectors[] = {
    {"", "", ""},
    {"f", "Zg==", "Zg"},
    {"fo", "Zm8=", "Zm8"},
    {"foo", "Zm9v", "Zm9v"},
    {"foob", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
};

static void test_vectors_of_the_rfc(void **state)
{
    (void)state;
    TABLE_EACH(row, vectors)
    {
        char text[32], plain[32];
        size_t len = strlen(row->plain);
        assert_int_equal(base64_encode(row->plain, len, text, false), strlen(row->padded));
        assert_string_equal(text, row->padded);
        assert_int_equal(base64_encode(row->plain, len, text, true), strlen(row->unpadded));
        assert_string_equal(text, row->unpadded);
        for (int url = 0; url < 2; url++) {
            CHECK(base64_decode(str_of(row->padded), plain, url) == (int64_t)len, "%s", row->padded);
            assert_memory_equal(plain, row->plain, len);
            CHECK(base64_decode(str_of(row->unpadded), plain, url) == (int64_t)len, "%s", row->unpadded);
            assert_memory_equal(plain, row->plain, len);
        }
    }
    assert_int_equal(base64_decode(STR_NONE, NULL, false), 0);
}

static void test_the_alphabets_differ_in_two_characters(void **state)
{
    (void)state;
    static const unsigned char bytes[] = {0xfb, 0xef, 0xff};
    char text[8], plain[8];
    base64_encode(bytes, 3, text, false);
    assert_string_equal(text, "++//");
    base64_encode(bytes, 3, text, true);
    assert_string_equal(text, "--__");
    assert_int_equal(base64_decode(STR("++//"), plain, false), 3);
    assert_memory_equal(plain, bytes, 3);
    assert_int_equal(base64_decode(STR("--__"), plain, true), 3);
    assert_memory_equal(plain, bytes, 3);
    assert_int_equal(base64_decode(STR("++//"), plain, true), -1);
    assert_int_equal(base64_decode(STR("--__"), plain, false), -1);
}

static void test_bad_input_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "A",    "AAAAA", "=",        "==",  "===",    "====",      "A===", "AA=",  "AAA==", "Zg===",
        "Z=g=", "=Zg=",  "Zg==Zg==", "Zg ", "Zm9v\n", "Z\xc3\xa9", "Zm9*", "Zh==", "Zh",    "Zm9=",
    };
    TABLE_EACH(row, rows)
    {
        char plain[32];
        CHECK(base64_decode(str_of(*row), plain, false) == -1, "'%s'", *row);
    }
    char plain[8];
    assert_int_equal(base64_decode(str_make("Zm\0v", 4), plain, false), -1);
}

static void test_every_byte_is_in_the_alphabet_or_refused(void **state)
{
    (void)state;
    static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int byte = 0; byte < 256; byte++) {
        char text[4] = {'A', (char)byte, 'A', 'A'};
        unsigned char plain[4];
        const char *found = byte != 0 ? strchr(standard, byte) : NULL;
        CHECK(base64_decode(str_make(text, 4), plain, false) == (found != NULL ? 3 : -1), "byte %d", byte);
        if (found != NULL)
            CHECK((plain[0] << 4 | plain[1] >> 4) == found - standard, "byte %d", byte);
    }
}

static void test_random_bytes_round_trip_in_exact_room(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    for (size_t len = 0; len < 400; len++) {
        unsigned char *bytes = malloc(len + 1);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (unsigned char)random_next(&random);
        for (int url = 0; url < 2; url++) {
            char *text = malloc(BASE64_BYTES(len));
            size_t text_len = base64_encode(bytes, len, text, url);
            assert_int_equal(strlen(text), text_len);
            unsigned char *plain = malloc(text_len + 1);
            CHECK(base64_decode(str_make(text, text_len), plain, url) == (int64_t)len, "%zu bytes", len);
            assert_memory_equal(plain, bytes, len);
            free(plain);
            free(text);
        }
        free(bytes);
    }
}

static void test_hex_is_lower_case(void **state)
{
    (void)state;
    char text[12];
    hex_encode("\x00\x01\x9a\xff\x7f", 5, text);
    assert_string_equal(text, "00019aff7f");
    hex_encode(NULL, 0, text);
    assert_string_equal(text, "");
}

RUN_TESTS(cmocka_unit_test(test_vectors_of_the_rfc),
          cmocka_unit_test(test_the_alphabets_differ_in_two_characters),
          cmocka_unit_test(test_bad_input_is_refused),
          cmocka_unit_test(test_every_byte_is_in_the_alphabet_or_refused),
          cmocka_unit_test(test_random_bytes_round_trip_in_exact_room),
          cmocka_unit_test(test_hex_is_lower_case))
