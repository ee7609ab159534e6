/* UTF-8 after RFC 3629, section 4. What may follow a lead byte:
 *
 *     lead      second    then           rules out
 *     00..7F
 *     C2..DF    80..BF                   C0, C1: overlong
 *     E0        A0..BF    80..BF         overlong
 *     E1..EC    80..BF    80..BF
 *     ED        80..9F    80..BF         surrogates
 *     EE..EF    80..BF    80..BF
 *     F0        90..BF    80..BF twice   overlong
 *     F1..F3    80..BF    80..BF twice
 *     F4        80..8F    80..BF twice   above U+10FFFF */
#include "base/utf8_internal.h"

#include "base/str.h"

#define EIGHT_TOP_BITS UINT64_C(0x8080808080808080)

size_t utf8_char_bytes(const uint8_t *at, size_t left)
{
    uint8_t lead = at[0];
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    size_t need = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (left < need)
        return 0;
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    return need;
}

bool utf8_valid(const void *data, size_t len)
{
    const uint8_t *at = data;
    while (len != 0) {
        /* Most text is ASCII: eight bytes at a time as long as no top bit is set. */
        while (len >= sizeof(uint64_t)) {
            uint64_t word;
            memcpy(&word, at, sizeof word);
            if ((word & EIGHT_TOP_BITS) != 0)
                break;
            at += sizeof word;
            len -= sizeof word;
        }
        if (len == 0)
            break;
        size_t bytes = utf8_char_bytes(at, len);
        if (bytes == 0)
            return false;
        at += bytes;
        len -= bytes;
    }
    return true;
}

size_t json_plain_bytes(const uint8_t *at, size_t left)
{
    size_t plain = 0;
    while (plain < left && at[plain] >= 0x20 && at[plain] < 0x7f && at[plain] != '"' && at[plain] != '\\')
        plain++;
    return plain;
}

static size_t put_short_escape(char letter, char *out)
{
    out[0] = '\\';
    out[1] = letter;
    return 2;
}

static size_t put_code_escape(unsigned code, char *out)
{
    static const char digits[] = "0123456789abcdef";
    out[0] = '\\';
    out[1] = 'u';
    for (unsigned i = 0; i < 4; i++)
        out[2 + i] = digits[code >> (12 - 4 * i) & 0xf];
    return 6;
}

static size_t put_ascii(uint8_t byte, char *out)
{
    switch (byte) {
    case '"': return put_short_escape('"', out);
    case '\\': return put_short_escape('\\', out);
    case '\b': return put_short_escape('b', out);
    case '\f': return put_short_escape('f', out);
    case '\n': return put_short_escape('n', out);
    case '\r': return put_short_escape('r', out);
    case '\t': return put_short_escape('t', out);
    default: break;
    }
    if (byte < 0x20 || byte == 0x7f)
        return put_code_escape(byte, out);
    out[0] = (char)byte;
    return 1;
}

size_t json_put_char(const uint8_t *at, size_t left, char out[JSON_CHAR_BYTES], size_t *out_len)
{
    size_t bytes = utf8_char_bytes(at, left);
    if (bytes == 0) {
        static const uint8_t replacement[] = {0xef, 0xbf, 0xbd}; /* U+FFFD */
        memcpy(out, replacement, sizeof replacement);
        *out_len = sizeof replacement;
        return 1;
    }
    if (bytes == 1) {
        *out_len = put_ascii(at[0], out);
    } else if (bytes == 2 && at[0] == 0xc2 && at[1] < 0xa0) { /* U+0080..U+009F */
        *out_len = put_code_escape(at[1], out);
    } else if (bytes == 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9)) {
        *out_len = put_code_escape(0x2000u + (at[2] & 0x3fu), out); /* U+2028, U+2029 */
    } else {
        memcpy(out, at, bytes);
        *out_len = bytes;
    }
    return bytes;
}
