/* String views: a pointer and a length, no terminator, never owned. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *data; /* may be NULL only when len is 0 */
    size_t len;
};

#define STR(literal)  ((struct str){(literal), sizeof(literal) - 1})
#define STR_NONE      ((struct str){NULL, 0})
#define STR_ARG(view) (int)(view).len, (view).data /* for "%.*s" */

static inline struct str str_of(const char *text)
{
    return (struct str){text, text != NULL ? strlen(text) : 0};
}

static inline struct str str_make(const void *data, size_t len)
{
    return (struct str){data, len};
}

static inline bool str_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool str_is(struct str a, const char *text)
{
    return str_equal(a, str_of(text));
}

bool str_equal_nocase(struct str a, struct str b); /* ASCII only */
bool str_starts(struct str text, struct str prefix);
bool str_ends(struct str text, struct str suffix);
int str_compare(struct str a, struct str b); /* by bytes; a prefix comes before what it begins: <0, 0, >0 */
struct str str_trim(struct str text);        /* without white space at both ends */
bool str_cut_front(struct str *text, struct str prefix); /* false: it does not begin with it, and stays */

/* Cuts the piece before `separator` off the front of *rest. False when *rest is exhausted; "a,,b" gives three
 * pieces, "" gives one empty piece, STR_NONE none. Start with *rest the whole text; the loop ends with
 * rest->data == NULL. */
bool str_next(struct str *rest, char separator, struct str *piece);

char *str_dup(struct str text); /* NUL-terminated copy; returns owned */

/* Comparison whose time depends on the lengths alone. */
bool str_equal_secret(struct str a, struct str b);

/* Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF). */
bool utf8_valid(const void *data, size_t len);

/* Parsing of what users write. Errors: ERR_INVALID with the text and what was expected. */
bool str_to_u64(struct str text, uint64_t *out, struct error *err);
bool str_to_i64(struct str text, int64_t *out, struct error *err);
bool str_to_bool(struct str text, bool *out, struct error *err); /* true/false, on/off, yes/no */
/* 250ms 10s 5m 2h 7d 1w 1h30m; a bare number: milliseconds */
bool str_to_duration_ms(struct str text, int64_t *out, struct error *err);
/* 512 64KB 32MiB 1G, up to P: units are 1024-based */
bool str_to_bytes(struct str text, uint64_t *out, struct error *err);

/* Base64 (RFC 4648; url: the alphabet with - and _, no padding). Decoding takes padded or unpadded input,
 * and refuses white space and stray bits at the end. `out` has room for BASE64_BYTES(len) / len bytes. Return the
 * length, or -1 for bad input. */
#define BASE64_BYTES(len) (((len) + 2) / 3 * 4 + 1)
size_t base64_encode(const void *data, size_t len, char *out, bool url);
int64_t base64_decode(struct str text, void *out, bool url);

/* Lower-case hex with a terminator: out has 2 * len + 1 bytes. */
void hex_encode(const void *data, size_t len, char *out);

#endif
