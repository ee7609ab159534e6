/* A growable byte buffer. Zero-initialise it; buf_free() when done. Appending never fails but by ending the
 * process: bound the input before. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
};

void buf_reserve(struct buf *buf, size_t more); /* room for `more` bytes behind len */
void buf_append(struct buf *buf, const void *data, size_t len);
void buf_append_str(struct buf *buf, struct str text);
void buf_append_byte(struct buf *buf, uint8_t byte);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_consume(struct buf *buf, size_t len); /* drops len bytes at the front, moves the rest down */
void buf_reset(struct buf *buf);               /* len = 0, keeps the memory */
void buf_free(struct buf *buf);                /* back to the zero state */
char *buf_cstr(struct buf *buf);               /* NUL behind len; borrows, valid until the next append */

static inline struct str buf_str(const struct buf *buf)
{
    return str_make(buf->data, buf->len);
}

/* A JSON string with quotes: control characters, quote and backslash escaped, bytes that are not UTF-8 as U+FFFD. */
void buf_append_json(struct buf *buf, struct str text);

/* As str_to_duration_ms() and str_to_bytes() read it, in the largest unit that has it without a rest: 90m, 32MiB; 0. */
void buf_append_duration_ms(struct buf *buf, int64_t ms); /* ms is not negative */
void buf_append_size(struct buf *buf, uint64_t bytes);

/* Appends the whole file, at most max_bytes; on failure the buffer is as before.
 * Errors: as open/read; ERR_TOO_LARGE. */
bool buf_read_file(struct buf *buf, const char *path, size_t max_bytes, struct error *err);

/* Replaces `path` atomically: a temporary file beside it, fsync, rename, fsync of the directory.
 * mode is set whatever the umask is. Errors: as open/write/rename; a failure up to the rename leaves the former
 * file as it is. */
bool buf_write_file(const struct buf *buf, const char *path, unsigned mode, struct error *err);

#endif
