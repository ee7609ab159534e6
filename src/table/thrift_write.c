/* Writing the compact protocol.
 *
 *     structure  field … 00
 *     field      dddd tttt, value        d: the id less the one before, 1 to 15, t: the type
 *                0000 tttt, zigzag id, value    if it is more
 *     boolean    nothing: its value is the type, 1 true or 2 false; in a list a byte
 *     byte       1 byte
 *     integer    zigzag, then 7 bits a byte, lowest first, with the top bit set in all but the last
 *     binary     length (7 bits a byte), bytes
 *     list       nnnn tttt, elements     n: how many, up to 14
 *                1111 tttt, how many (7 bits a byte), elements */
#include "table/thrift_internal.h"

#include <assert.h>

static void put_varint(struct buf *buf, uint64_t value)
{
    uint8_t bytes[10];
    size_t len = 0;
    while (value >= 0x80) {
        bytes[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[len++] = (uint8_t)value;
    buf_append(buf, bytes, len);
}

static void put_zigzag(struct buf *buf, int64_t value)
{
    put_varint(buf, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

static void put_field(struct thrift_out *out, int16_t id, enum thrift_type type)
{
    int16_t *last = &out->last[out->depth];
    int delta = id - *last;
    assert(delta > 0);
    if (delta <= 15) {
        buf_append_byte(out->buf, (uint8_t)(delta << 4 | (int)type));
    } else {
        buf_append_byte(out->buf, (uint8_t)type);
        put_zigzag(out->buf, id);
    }
    *last = id;
}

void thrift_begin(struct thrift_out *out, int16_t id)
{
    if (id != 0)
        put_field(out, id, THRIFT_STRUCT);
    out->depth++;
    assert(out->depth < THRIFT_DEPTH);
    out->last[out->depth] = 0;
}

void thrift_end(struct thrift_out *out)
{
    assert(out->depth > 0);
    buf_append_byte(out->buf, THRIFT_STOP);
    out->depth--;
}

void thrift_bool(struct thrift_out *out, int16_t id, bool value)
{
    put_field(out, id, value ? THRIFT_TRUE : THRIFT_FALSE);
}

void thrift_byte(struct thrift_out *out, int16_t id, int8_t value)
{
    put_field(out, id, THRIFT_BYTE);
    buf_append_byte(out->buf, (uint8_t)value);
}

void thrift_i16(struct thrift_out *out, int16_t id, int16_t value)
{
    put_field(out, id, THRIFT_I16);
    put_zigzag(out->buf, value);
}

void thrift_i32(struct thrift_out *out, int16_t id, int32_t value)
{
    put_field(out, id, THRIFT_I32);
    put_zigzag(out->buf, value);
}

void thrift_i64(struct thrift_out *out, int16_t id, int64_t value)
{
    put_field(out, id, THRIFT_I64);
    put_zigzag(out->buf, value);
}

void thrift_binary(struct thrift_out *out, int16_t id, struct str value)
{
    put_field(out, id, THRIFT_BINARY);
    thrift_list_binary(out, value);
}

void thrift_list(struct thrift_out *out, int16_t id, enum thrift_type type, size_t count)
{
    put_field(out, id, THRIFT_LIST);
    if (count < 15) {
        buf_append_byte(out->buf, (uint8_t)(count << 4 | (size_t)type));
    } else {
        buf_append_byte(out->buf, (uint8_t)(0xf0 | (int)type));
        put_varint(out->buf, count);
    }
}

void thrift_list_bool(struct thrift_out *out, bool value)
{
    buf_append_byte(out->buf, value ? THRIFT_TRUE : THRIFT_FALSE);
}

void thrift_list_int(struct thrift_out *out, int64_t value)
{
    put_zigzag(out->buf, value);
}

void thrift_list_binary(struct thrift_out *out, struct str value)
{
    put_varint(out->buf, value.len);
    buf_append_str(out->buf, value);
}

void thrift_raw(struct thrift_out *out, int16_t id)
{
    put_field(out, id, THRIFT_STRUCT);
}
