/* How keys become paths.
 *
 * A key such as stations/t/data/day=2026-11-21/0.parquet is its own path, so that whoever reads the directory finds what he would
 * find in a bucket. What a file system does not take is written with '%':
 *
 *   %, bytes below 0x20, 0x7f      %XX, two capital hexadecimal digits
 *   the segments "." and ".."      %2E and %2E%2E, also where they are the rest of a long one
 *   an empty segment               %e         a//b is a/%e/b, and a/ is a/%e
 *   more than 240 bytes so far     %+ ends a directory's name: the segment goes on in it
 *   a and a/b are both objects     a is the file a%o, beside the directory a
 *
 * Since '%' itself is %25, no key gets such a name by chance; %lock and %tmp stand in the bucket's own directory. The path follows
 * from the key alone but for %o, which is tried second (see directory.c). */
#include "object/dir_path.h"

#include <ctype.h>

#define CHUNK_BYTES 240 /* a name may have 255, and some endings follow */

static const char digits[] = "0123456789ABCDEF";

static bool is_escaped(unsigned char c)
{
    return c == '%' || c < 0x20 || c == 0x7f;
}

/* The bytes of the character that begins here: a chunk does not end within one. */
static size_t character_bytes(struct str text, size_t at)
{
    size_t bytes = 1;
    while (at + bytes < text.len && ((unsigned char)text.data[at + bytes] & 0xc0) == 0x80)
        bytes++;
    return bytes;
}

static void escape(unsigned char c, struct buf *out)
{
    buf_append_byte(out, '%');
    buf_append_byte(out, (uint8_t)digits[c >> 4]);
    buf_append_byte(out, (uint8_t)digits[c & 15]);
}

static size_t escaped_bytes(struct str segment)
{
    size_t bytes = segment.len;
    for (size_t i = 0; i < segment.len; i++) {
        if (is_escaped((unsigned char)segment.data[i]))
            bytes += 2;
    }
    return bytes;
}

static bool is_dots(struct str piece)
{
    return str_equal(piece, STR(".")) || str_equal(piece, STR(".."));
}

static void append_dots(struct str piece, struct buf *out)
{
    for (size_t i = 0; i < piece.len; i++)
        escape('.', out);
}

static void append_segment(struct str segment, struct buf *out)
{
    if (segment.len == 0) {
        buf_append_str(out, STR("%e"));
        return;
    }
    if (is_dots(segment)) {
        append_dots(segment, out);
        return;
    }
    bool cut = escaped_bytes(segment) > CHUNK_BYTES;
    size_t start = out->len;
    for (size_t i = 0; i < segment.len;) {
        unsigned char c = (unsigned char)segment.data[i];
        size_t bytes = is_escaped(c) ? 1 : character_bytes(segment, i);
        if (cut && out->len - start + (is_escaped(c) ? 3 : bytes) > CHUNK_BYTES) {
            buf_append_str(out, STR("%+/"));
            start = out->len;
            struct str rest = str_make(segment.data + i, segment.len - i);
            if (is_dots(rest)) {
                append_dots(rest, out);
                return;
            }
        }
        if (is_escaped(c)) {
            escape(c, out);
        } else {
            buf_append(out, segment.data + i, bytes);
        }
        i += bytes;
    }
}

void dir_path_of_key(struct str key, struct buf *out)
{
    struct str segment;
    bool first = true;
    for (struct str rest = key; str_next(&rest, '/', &segment);) {
        if (!first)
            buf_append_byte(out, '/');
        append_segment(segment, out);
        first = false;
    }
}

/* ---- Back ------------------------------------------------------------------------------------------------ */

static int digit_value(char c)
{
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

static bool unescape(struct str name, struct buf *out)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];
        if (c != '%') {
            if (is_escaped(c))
                return false;
            buf_append_byte(out, c);
            continue;
        }
        if (i + 2 >= name.len)
            return false;
        int high = digit_value(name.data[i + 1]);
        int low = digit_value(name.data[i + 2]);
        if (high < 0 || low < 0)
            return false;
        c = (unsigned char)(high << 4 | low);
        if (c == '\0' || (!is_escaped(c) && c != '.'))
            return false;
        buf_append_byte(out, c);
        i += 2;
    }
    return true;
}

/* "%2E" is a dot only where the whole name is dots: otherwise two names would stand for one key. */
static bool dots_are_right(struct str name, struct str text)
{
    return is_dots(text) == (memmem(name.data, name.len, "%2E", 3) != NULL);
}

enum dir_name dir_name_read(struct str name, struct buf *out)
{
    enum dir_name kind = DIR_NAME_SEGMENT;
    if (str_ends(name, STR(DIR_BESIDE)) || str_ends(name, STR("%+"))) {
        kind = name.data[name.len - 1] == '+' ? DIR_NAME_CHUNK : DIR_NAME_BESIDE;
        name.len -= 2;
    }
    if (str_equal(name, STR("%e")) && kind != DIR_NAME_CHUNK)
        return kind;
    size_t start = out->len;
    if (name.len > 0 && name.len <= CHUNK_BYTES && unescape(name, out)) {
        struct str text = str_make(out->data + start, out->len - start);
        if (utf8_valid(text.data, text.len) && dots_are_right(name, text))
            return kind;
    }
    out->len = start;
    return DIR_NAME_FOREIGN;
}
