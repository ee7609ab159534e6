/* An Avro object container file, written: see avro_reader.c for the layout. Values gather in a block, which is compressed and
 * goes out when it has BLOCK_BYTES; so a reader needs little memory whatever the file's size. */
#include "table/avro_internal.h"

#include "base/hash.h"

#include <assert.h>

enum { BLOCK_BYTES = 64 << 10 };

void avro_put_long(struct buf *out, int64_t value)
{
    uint64_t rest = (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
    uint8_t bytes[10];
    size_t len = 0;
    for (; rest >= 0x80; rest >>= 7)
        bytes[len++] = (uint8_t)(rest | 0x80);
    bytes[len++] = (uint8_t)rest;
    buf_append(out, bytes, len);
}

void avro_put_boolean(struct buf *out, bool value)
{
    buf_append_byte(out, value);
}

static void put_little_endian(struct buf *out, uint64_t bits, size_t len)
{
    for (size_t i = 0; i < len; i++)
        buf_append_byte(out, (uint8_t)(bits >> (8 * i)));
}

void avro_put_float(struct buf *out, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_little_endian(out, bits, sizeof bits);
}

void avro_put_double(struct buf *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_little_endian(out, bits, sizeof bits);
}

void avro_put_bytes(struct buf *out, struct str bytes)
{
    avro_put_long(out, (int64_t)bytes.len);
    buf_append_str(out, bytes);
}

void avro_writer_begin(struct avro_writer *writer, const struct avro_meta *meta, size_t meta_count)
{
    struct buf *out = &writer->out;
    buf_append(out, "Obj\1", 4);
    avro_put_long(out, (int64_t)meta_count + 1);
    for (size_t i = 0; i < meta_count; i++) {
        avro_put_bytes(out, meta[i].key);
        avro_put_bytes(out, meta[i].value);
    }
    avro_put_bytes(out, STR("avro.codec"));
    avro_put_bytes(out, STR("deflate"));
    avro_put_long(out, 0);
    for (size_t i = 0; i < sizeof writer->sync; i += 8) {
        uint64_t half = hash_stable(out->data, out->len) + i * UINT64_C(0x9E3779B97F4A7C15);
        for (size_t at = 0; at < 8; at++)
            writer->sync[i + at] = (uint8_t)(half >> (8 * at));
    }
    buf_append(out, writer->sync, sizeof writer->sync);
}

static void flush_block(struct avro_writer *writer)
{
    if (writer->count == 0)
        return;
    struct buf stored = {0};
    avro_deflate(buf_str(&writer->values), &stored);
    avro_put_long(&writer->out, (int64_t)writer->count);
    avro_put_bytes(&writer->out, buf_str(&stored));
    buf_append(&writer->out, writer->sync, sizeof writer->sync);
    buf_free(&stored);
    buf_reset(&writer->values);
    writer->count = 0;
}

void avro_writer_end_value(struct avro_writer *writer)
{
    writer->count++;
    if (writer->values.len >= BLOCK_BYTES)
        flush_block(writer);
}

void avro_writer_finish(struct avro_writer *writer)
{
    flush_block(writer);
}

void avro_writer_free(struct avro_writer *writer)
{
    buf_free(&writer->out);
    buf_free(&writer->values);
    *writer = (struct avro_writer){0};
}
