/* UTF-8 after RFC 3629: utf8_valid against a plain decoder. */
#include "base/str.h"
#include "harness.h"

/* The definition, straight: decode, then check range, surrogates and shortest form. */
static bool valid_by_definition(const unsigned char *at, size_t len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    while (len != 0) {
        size_t bytes = at[0] < 0x80       ? 1
                       : at[0] >> 5 == 6  ? 2
                       : at[0] >> 4 == 14 ? 3
                       : at[0] >> 3 == 30 ? 4
                                          : 0;
        if (bytes == 0 || bytes > len)
            return false;
        uint32_t code = bytes == 1 ? at[0] : at[0] & (0x7fu >> bytes);
        for (size_t i = 1; i < bytes; i++) {
            if (at[i] >> 6 != 2)
                return false;
            code = code << 6 | (at[i] & 0x3f);
        }
        if (code < least[bytes] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return false;
        at += bytes;
        len -= bytes;
    }
    return true;
}

static size_t encode(uint32_t code, unsigned char *out)
{
    if (code < 0x80) {
        out[0] = (unsigned char)code;
        return 1;
    }
    size_t bytes = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = bytes - 1; i > 0; i--, code >>= 6)
        out[i] = (unsigned char)(0x80 | (code & 0x3f));
    out[0] = (unsigned char)(0xf00 >> bytes | code);
    return bytes;
}

static void test_every_code_point_but_surrogates_is_valid(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x110000; code++) {
        unsigned char text[4];
        size_t len = encode(code, text);
        bool surrogate = code >= 0xd800 && code <= 0xdfff;
        CHECK(utf8_valid(text, len) == (!surrogate && code <= 0x10ffff), "U+%04X", code);
        if (len > 1)
            CHECK(!utf8_valid(text, len - 1), "U+%04X without its end", code);
    }
}

static void test_sequences_at_all_borders_agree_with_the_definition(void **state)
{
    (void)state;
    static const unsigned char borders[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
                                            0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xff};
    for (int lead = 0; lead < 256; lead++) {
        for (size_t i = 0; i < LENGTH(borders); i++) {
            for (size_t j = 0; j < LENGTH(borders); j++) {
                for (size_t k = 0; k < LENGTH(borders); k++) {
                    unsigned char text[] = {(unsigned char)lead, borders[i], borders[j], borders[k]};
                    for (size_t len = 0; len <= 4; len++)
                        CHECK(utf8_valid(text, len) == valid_by_definition(text, len),
                              "%02x %02x %02x %02x, %zu", text[0], text[1], text[2], text[3], len);
                }
            }
        }
    }
}

static void test_one_bad_byte_is_found_at_any_place_of_ascii(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 40; len++) {
        for (size_t place = 0; place < len; place++) {
            char *text = malloc(len); /* of exact size, so that an overrun is seen */
            memset(text, 'a', len);
            CHECK(utf8_valid(text, len), "%zu bytes", len);
            text[place] = (char)0x80;
            CHECK(!utf8_valid(text, len), "%zu of %zu bytes", place, len);
            text[place] = (char)0xc3;
            CHECK(!utf8_valid(text, len), "%zu of %zu bytes", place, len);
            free(text);
        }
    }
}

static void test_random_mixtures_agree_with_the_definition(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    for (int round = 0; round < 50000; round++) {
        unsigned char text[64];
        size_t len = 0;
        while (len < 56 && random_below(&random, 20) != 0) {
            uint64_t kind = random_below(&random, 4);
            uint32_t below = kind == 0 ? 0x800 : kind == 1 ? 0x10000 : kind == 2 ? 0x110000 : 0x80;
            len += encode((uint32_t)random_below(&random, below), text + len);
        }
        if (len != 0 && random_below(&random, 2) == 0)
            text[random_below(&random, len)] ^= (unsigned char)(1u << random_below(&random, 8));
        assert_int_equal(utf8_valid(text, len), valid_by_definition(text, len));
    }
}

static void test_nothing_is_valid(void **state)
{
    (void)state;
    assert_true(utf8_valid(NULL, 0));
    assert_true(utf8_valid("", 0));
    assert_true(utf8_valid("", 1)); /* U+0000 is UTF-8; MQTT forbids it elsewhere */
}

RUN_TESTS(cmocka_unit_test(test_every_code_point_but_surrogates_is_valid),
          cmocka_unit_test(test_sequences_at_all_borders_agree_with_the_definition),
          cmocka_unit_test(test_one_bad_byte_is_found_at_any_place_of_ascii),
          cmocka_unit_test(test_random_mixtures_agree_with_the_definition),
          cmocka_unit_test(test_nothing_is_valid))
