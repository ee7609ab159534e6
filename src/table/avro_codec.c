/* How blocks of an Avro file are compressed: deflate (RFC 1951, without a zlib header), zstandard (one frame or more),
 * snappy (with the big-endian CRC-32 of the bytes behind it), or not at all. What is written here is deflate: every reader
 * has it. */
#include "table/avro_internal.h"

#include <assert.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

enum { CHUNK_BYTES = 64 << 10, DEFLATE_LEVEL = 6 };
enum { CHECKSUM_BYTES = 4 }; /* of zlib: Avro's writer in Python leaves a part of it behind the stream */

bool avro_codec_parse(struct str name, int *codec, struct error *err)
{
    static const char *const names[] = {
        [AVRO_CODEC_NULL] = "null",
        [AVRO_CODEC_DEFLATE] = "deflate",
        [AVRO_CODEC_ZSTD] = "zstandard",
        [AVRO_CODEC_SNAPPY] = "snappy",
    };
    for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++) {
        if (str_is(name, names[i])) {
            *codec = i;
            return true;
        }
    }
    return error_set(err, ERR_UNSUPPORTED, "Avro codec %.*s: known are null, deflate, zstandard and snappy",
                     (int)(name.len < 40 ? name.len : 40), name.data);
}

static bool too_large(struct error *err)
{
    return error_set(err, ERR_CORRUPT, "it has more than %u bytes when decompressed", AVRO_BLOCK_BYTES_MAX);
}

static bool inflate_all(z_stream *stream, struct buf *out, struct error *err)
{
    for (;;) {
        if (out->len >= AVRO_BLOCK_BYTES_MAX)
            return too_large(err);
        buf_reserve(out, CHUNK_BYTES);
        stream->next_out = out->data + out->len;
        stream->avail_out = (uInt)(out->cap - out->len);
        int result = inflate(stream, Z_NO_FLUSH);
        out->len = out->cap - stream->avail_out;
        if (result == Z_STREAM_END && stream->avail_in <= CHECKSUM_BYTES)
            return true;
        if (result != Z_OK || (stream->avail_in == 0 && stream->avail_out > 0))
            return error_set(err, ERR_CORRUPT, "the deflate stream is damaged");
    }
}

static bool decompress_deflate(struct str bytes, struct buf *out, struct error *err)
{
    z_stream stream = {.next_in = (Bytef *)bytes.data, .avail_in = (uInt)bytes.len};
    if (bytes.len > UINT32_MAX / 2 || inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return error_set(err, ERR_NO_MEMORY, "no memory to decompress");
    bool ok = inflate_all(&stream, out, err);
    inflateEnd(&stream);
    return ok;
}

static bool decompress_zstd(struct str bytes, struct buf *out, struct error *err)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    ZSTD_inBuffer input = {bytes.data, bytes.len, 0};
    bool ok = context != NULL;
    size_t left = 1;
    while (ok && (input.pos < input.size || left != 0)) {
        if (out->len >= AVRO_BLOCK_BYTES_MAX) {
            ok = too_large(err);
            break;
        }
        buf_reserve(out, CHUNK_BYTES);
        ZSTD_outBuffer output = {out->data, out->cap, out->len};
        left = ZSTD_decompressStream(context, &output, &input);
        bool stuck = output.pos < output.size && input.pos == input.size && left != 0;
        out->len = output.pos;
        if (ZSTD_isError(left) || stuck)
            ok = error_set(err, ERR_CORRUPT, "the zstandard frame is damaged");
    }
    ZSTD_freeDCtx(context);
    return ok;
}

static bool decompress_snappy(struct str bytes, struct buf *out, struct error *err)
{
    size_t len;
    if (bytes.len < 4 || snappy_uncompressed_length(bytes.data, bytes.len - 4, &len) != SNAPPY_OK)
        return error_set(err, ERR_CORRUPT, "the snappy block is damaged");
    if (len > AVRO_BLOCK_BYTES_MAX)
        return too_large(err);
    buf_reserve(out, len + 1);
    const uint8_t *sum = (const uint8_t *)bytes.data + bytes.len - 4;
    uint32_t expected =
        (uint32_t)sum[0] << 24 | (uint32_t)sum[1] << 16 | (uint32_t)sum[2] << 8 | (uint32_t)sum[3];
    if (snappy_uncompress(bytes.data, bytes.len - 4, (char *)out->data, &len) != SNAPPY_OK ||
        crc32(0, out->data, (uInt)len) != expected)
        return error_set(err, ERR_CORRUPT, "the snappy block is damaged");
    out->len = len;
    return true;
}

bool avro_decompress(int codec, struct str bytes, struct buf *out, struct error *err)
{
    buf_reset(out);
    switch (codec) {
    case AVRO_CODEC_DEFLATE: return decompress_deflate(bytes, out, err);
    case AVRO_CODEC_ZSTD: return decompress_zstd(bytes, out, err);
    case AVRO_CODEC_SNAPPY: return decompress_snappy(bytes, out, err);
    default: buf_append_str(out, bytes); return true;
    }
}

void avro_deflate(struct str bytes, struct buf *out)
{
    z_stream stream = {0};
    int result = deflateInit2(&stream, DEFLATE_LEVEL, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    assert(result == Z_OK && bytes.len < UINT32_MAX / 2);
    size_t bound = deflateBound(&stream, (uLong)bytes.len);
    buf_reserve(out, bound);
    stream.next_in = (Bytef *)bytes.data;
    stream.avail_in = (uInt)bytes.len;
    stream.next_out = out->data + out->len;
    stream.avail_out = (uInt)bound;
    result = deflate(&stream, Z_FINISH);
    assert(result == Z_STREAM_END);
    out->len += bound - stream.avail_out;
    deflateEnd(&stream);
    (void)result;
}
