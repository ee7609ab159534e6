/* Avro container files put together by hand, for tests: any schema, any codec, any bytes as values. */
#ifndef TESTS_TABLE_AVRO_FILE_H
#define TESTS_TABLE_AVRO_FILE_H

#include "table/avro_internal.h"

#include <snappy-c.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

struct avro_file {
    struct buf out;
    const char *codec;
};

static inline void avro_file_begin(struct avro_file *file, const char *schema, const char *codec,
                                   const struct avro_meta *meta, size_t meta_count)
{
    file->codec = codec;
    buf_append(&file->out, "Obj\1", 4);
    avro_put_long(&file->out, (int64_t)meta_count + (codec != NULL ? 2 : 1));
    avro_put_bytes(&file->out, STR("avro.schema"));
    avro_put_bytes(&file->out, str_of(schema));
    if (codec != NULL) {
        avro_put_bytes(&file->out, STR("avro.codec"));
        avro_put_bytes(&file->out, str_of(codec));
    }
    for (size_t i = 0; i < meta_count; i++) {
        avro_put_bytes(&file->out, meta[i].key);
        avro_put_bytes(&file->out, meta[i].value);
    }
    avro_put_long(&file->out, 0);
    buf_append(&file->out, "0123456789abcdef", 16);
}

static inline void avro_file_compress(const char *codec, struct str values, struct buf *out)
{
    if (codec == NULL || strcmp(codec, "null") == 0) {
        buf_append_str(out, values);
    } else if (strcmp(codec, "deflate") == 0) {
        avro_deflate(values, out);
    } else if (strcmp(codec, "zstandard") == 0) {
        buf_reserve(out, ZSTD_compressBound(values.len));
        out->len = ZSTD_compress(out->data, out->cap, values.data, values.len, 1);
    } else if (strcmp(codec, "snappy") == 0) {
        size_t len = snappy_max_compressed_length(values.len);
        buf_reserve(out, len + 4);
        snappy_compress(values.data, values.len, (char *)out->data, &len);
        out->len = len;
        uint32_t sum = (uint32_t)crc32(0, (const Bytef *)values.data, (uInt)values.len);
        for (int shift = 24; shift >= 0; shift -= 8)
            buf_append_byte(out, (uint8_t)(sum >> shift));
    }
}

/* Values that are encoded already. */
static inline void avro_file_block(struct avro_file *file, int64_t count, struct str values)
{
    struct buf stored = {0};
    avro_file_compress(file->codec, values, &stored);
    avro_put_long(&file->out, count);
    avro_put_bytes(&file->out, buf_str(&stored));
    buf_append(&file->out, "0123456789abcdef", 16);
    buf_free(&stored);
}

#endif
