/* One UTF-8 character, and its form in a JSON string: shared by utf8_valid, buf_append_json and the log. */
#ifndef BASE_UTF8_INTERNAL_H
#define BASE_UTF8_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

/* The bytes of the well-formed character at `at`, 1 to 4; 0 if there is none. left > 0. */
size_t utf8_char_bytes(const uint8_t *at, size_t left);

/* How many bytes from `at` on stand for themselves in a JSON string: printable ASCII but quote and backslash. */
size_t json_plain_bytes(const uint8_t *at, size_t left);

/* Writes the JSON form of the character at `at`; returns the bytes it took from `at`. left > 0.
 * Control characters, C1 ones and the Unicode line separators too, become escapes: the result is one line for
 * every reader. A byte that is not UTF-8 becomes U+FFFD. */
#define JSON_CHAR_BYTES 6
size_t json_put_char(const uint8_t *at, size_t left, char out[JSON_CHAR_BYTES], size_t *out_len);

#endif
