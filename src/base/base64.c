/* Base64 (RFC 4648, sections 4 and 5) and hex.
 *
 * Decoding is strict: no white space, no foreign characters, padding whole or absent, and the bits that the last
 * character does not need are zero, so that one sequence of bytes has one text (section 3.5). */
#include "base/str.h"

static const char alphabet_standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64_encode(const void *data, size_t len, char *out, bool url)
{
    const char *alphabet = url ? alphabet_url : alphabet_standard;
    const uint8_t *in = data;
    char *at = out;
    for (; len >= 3; in += 3, len -= 3) {
        uint32_t group = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        *at++ = alphabet[group >> 18];
        *at++ = alphabet[group >> 12 & 63];
        *at++ = alphabet[group >> 6 & 63];
        *at++ = alphabet[group & 63];
    }
    if (len != 0) {
        uint32_t group = (uint32_t)in[0] << 16 | (len == 2 ? (uint32_t)in[1] << 8 : 0);
        *at++ = alphabet[group >> 18];
        *at++ = alphabet[group >> 12 & 63];
        if (len == 2) {
            *at++ = alphabet[group >> 6 & 63];
        } else if (!url) {
            *at++ = '=';
        }
        if (!url)
            *at++ = '=';
    }
    *at = '\0';
    return (size_t)(at - out);
}

/* The six bits of a character, or -1. */
static int sextet(char c, bool url)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (url ? '-' : '+'))
        return 62;
    if (c == (url ? '_' : '/'))
        return 63;
    return -1;
}

int64_t base64_decode(struct str text, void *out, bool url)
{
    if (text.len != 0 && text.len % 4 == 0 && text.data[text.len - 1] == '=') {
        text.len--;
        if (text.data[text.len - 1] == '=')
            text.len--;
    }
    if (text.len % 4 == 1)
        return -1;
    uint8_t *at = out;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    for (size_t i = 0; i < text.len; i++) {
        int value = sextet(text.data[i], url);
        if (value < 0)
            return -1;
        bits = bits << 6 | (uint32_t)value;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            *at++ = (uint8_t)(bits >> bit_count);
        }
    }
    if ((bits & ((1u << bit_count) - 1)) != 0)
        return -1;
    return (int64_t)(at - (uint8_t *)out);
}

void hex_encode(const void *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *in = data;
    for (size_t i = 0; i < len; i++) {
        *out++ = digits[in[i] >> 4];
        *out++ = digits[in[i] & 15];
    }
    *out = '\0';
}
