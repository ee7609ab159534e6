/* Grapheme clusters and letter case, over libutf8proc.
 *
 * Most text is ASCII, where every byte is a cluster but CR LF; so each function looks at the next two bytes before it
 * asks the tables. */
#include "sql/unicode_internal.h"

#include <utf8proc.h>

/* The bytes of the code point at the front of a text that is not empty; 0 if it is not UTF-8. */
static size_t decode(struct str text, int32_t *code)
{
    utf8proc_ssize_t bytes =
        utf8proc_iterate((const utf8proc_uint8_t *)text.data, (utf8proc_ssize_t)text.len, code);
    return bytes > 0 ? (size_t)bytes : 0;
}

static struct str take(struct str *rest, size_t bytes)
{
    struct str piece = {rest->data, bytes};
    rest->data += bytes;
    rest->len -= bytes;
    return piece;
}

static bool is_ascii(char c)
{
    return (unsigned char)c < 0x80;
}

bool cluster_next(struct str *rest, struct str *cluster)
{
    if (rest->len == 0)
        return false;
    const char *at = rest->data;
    if (is_ascii(at[0]) && (rest->len == 1 || (is_ascii(at[1]) && !(at[0] == '\r' && at[1] == '\n')))) {
        *cluster = take(rest, 1);
        return true;
    }
    int32_t before, code;
    size_t bytes = decode(*rest, &before);
    if (bytes == 0) {
        *cluster = take(rest, 1);
        return true;
    }
    int32_t state = 0; /* of utf8proc: pairs of regional indicators, joined emoji */
    while (bytes < rest->len) {
        size_t more = decode(str_make(rest->data + bytes, rest->len - bytes), &code);
        if (more == 0 || utf8proc_grapheme_break_stateful(before, code, &state))
            break;
        bytes += more;
        before = code;
    }
    *cluster = take(rest, bytes);
    return true;
}

size_t cluster_count(struct str text)
{
    struct str cluster;
    size_t count = 0;
    while (cluster_next(&text, &cluster))
        count++;
    return count;
}

struct str cluster_take(struct str *rest, uint64_t count)
{
    struct str all = *rest, cluster;
    for (uint64_t i = 0; i < count && cluster_next(rest, &cluster); i++)
        ;
    return str_make(all.data, all.len - rest->len);
}

int32_t code_next(struct str *rest)
{
    if (rest->len == 0)
        return -1;
    if (is_ascii(rest->data[0]))
        return (unsigned char)*take(rest, 1).data;
    int32_t code;
    size_t bytes = decode(*rest, &code);
    if (bytes == 0)
        return UNICODE_RAW | (unsigned char)*take(rest, 1).data;
    take(rest, bytes);
    return code;
}

void code_append(struct buf *buf, int32_t code)
{
    utf8proc_uint8_t out[4];
    utf8proc_ssize_t bytes = utf8proc_encode_char(code, out);
    buf_append(buf, out, (size_t)bytes);
}

void case_append(struct buf *buf, struct str text, bool upper)
{
    buf_reserve(buf, text.len);
    while (text.len != 0) {
        int32_t code = code_next(&text);
        if (code < 0x80) {
            char c = (char)code;
            bool turns = upper ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z';
            buf_append_byte(buf, (uint8_t)(turns ? c ^ 0x20 : c));
        } else if ((code & UNICODE_RAW) != 0) {
            buf_append_byte(buf, (uint8_t)code);
        } else if (upper && code == 0xdf) {
            buf_append_str(buf, STR("SS"));
        } else {
            code_append(buf, upper ? utf8proc_toupper(code) : utf8proc_tolower(code));
        }
    }
}

bool code_is_space(int32_t code)
{
    return (code >= '\t' && code <= '\r') || code == ' ' || code == 0x85 || code == 0x200e ||
           code == 0x200f || code == 0x2028 || code == 0x2029;
}
