/* A growable byte buffer: capacity doubles, so that appending n bytes one by one costs O(n). */
#include "base/buf.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/utf8_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_CAP_BYTES 64

void buf_reserve(struct buf *buf, size_t more)
{
    if (more <= buf->cap - buf->len)
        return;
    size_t need;
    if (__builtin_add_overflow(buf->len, more, &need)) {
        LOG_ERROR("buffer too large", LOG_UINT("bytes", more));
        abort();
    }
    size_t cap = buf->cap <= SIZE_MAX / 2 ? 2 * buf->cap : SIZE_MAX;
    if (cap < FIRST_CAP_BYTES)
        cap = FIRST_CAP_BYTES;
    if (cap < need)
        cap = need;
    buf->data = mem_realloc(buf->data, cap);
    buf->cap = cap;
}

void buf_append(struct buf *buf, const void *data, size_t len)
{
    if (len == 0)
        return;
    buf_reserve(buf, len);
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
}

void buf_append_str(struct buf *buf, struct str text)
{
    buf_append(buf, text.data, text.len);
}

void buf_append_byte(struct buf *buf, uint8_t byte)
{
    buf_reserve(buf, 1);
    buf->data[buf->len++] = byte;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    buf_reserve(buf, 1);
    size_t room = buf->cap - buf->len;
    va_list args;
    va_start(args, format);
    int len = vsnprintf((char *)buf->data + buf->len, room, format, args);
    va_end(args);
    assert(len >= 0);
    if ((size_t)len >= room) {
        buf_reserve(buf, (size_t)len + 1);
        va_start(args, format);
        vsnprintf((char *)buf->data + buf->len, (size_t)len + 1, format, args);
        va_end(args);
    }
    buf->len += (size_t)len;
}

void buf_consume(struct buf *buf, size_t len)
{
    assert(len <= buf->len);
    buf->len -= len;
    if (buf->len != 0 && len != 0)
        memmove(buf->data, buf->data + len, buf->len);
}

void buf_reset(struct buf *buf)
{
    buf->len = 0;
}

void buf_free(struct buf *buf)
{
    mem_free(buf->data);
    *buf = (struct buf){0};
}

char *buf_cstr(struct buf *buf)
{
    buf_reserve(buf, 1);
    buf->data[buf->len] = '\0';
    return (char *)buf->data;
}

void buf_append_json(struct buf *buf, struct str text)
{
    const uint8_t *at = (const uint8_t *)text.data;
    size_t left = text.len;
    buf_append_byte(buf, '"');
    while (left != 0) {
        size_t used = json_plain_bytes(at, left);
        buf_append(buf, at, used);
        if (used == 0) {
            char form[JSON_CHAR_BYTES];
            size_t form_len;
            used = json_put_char(at, left, form, &form_len);
            buf_append(buf, form, form_len);
        }
        at += used;
        left -= used;
    }
    buf_append_byte(buf, '"');
}

struct unit {
    uint64_t factor;
    const char *name;
};

/* `units` ends with the factor 1. */
static void append_in_units(struct buf *buf, uint64_t value, const struct unit *units)
{
    while (value % units->factor != 0)
        units++;
    if (value == 0)
        buf_append_byte(buf, '0');
    else
        buf_printf(buf, "%" PRIu64 "%s", value / units->factor, units->name);
}

void buf_append_duration_ms(struct buf *buf, int64_t ms)
{
    static const struct unit units[] = {
        {86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    assert(ms >= 0);
    append_in_units(buf, (uint64_t)ms, units);
}

void buf_append_size(struct buf *buf, uint64_t bytes)
{
    static const struct unit units[] = {
        {UINT64_C(1) << 30, "GiB"}, {UINT64_C(1) << 20, "MiB"}, {UINT64_C(1) << 10, "KiB"}, {1, ""}};
    append_in_units(buf, bytes, units);
}
