/* Compression of pages: one front for five libraries. Each page is compressed on its own, into one frame or
 * block, and its size before compression is in its header. */
#include "table/parquet_internal.h"

#include "base/mem.h"

#include <brotli/decode.h>
#include <lz4.h>
#include <lz4hc.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

static const struct {
    const char *name;
    int32_t number; /* in the format */
    int level_default;
    int level_max;
} codecs[PARQUET_CODECS] = {
    [PARQUET_ZSTD] = {"zstd", 6, 1, 22},       [PARQUET_UNCOMPRESSED] = {"none", 0, 0, 0},
    [PARQUET_SNAPPY] = {"snappy", 1, 0, 0},    [PARQUET_GZIP] = {"gzip", 2, 6, 9},
    [PARQUET_LZ4_RAW] = {"lz4_raw", 7, 1, 12}, [PARQUET_BROTLI] = {"brotli", 4, 0, 0},
    [PARQUET_LZ4] = {"lz4", 5, 0, 0},
};

const char *parquet_codec_name(enum parquet_codec codec)
{
    return codecs[codec].name;
}

bool parquet_codec_parse(struct str name, enum parquet_codec *codec, struct error *err)
{
    for (int i = 0; i <= PARQUET_LZ4_RAW; i++) {
        if (str_is(name, codecs[i].name)) {
            *codec = (enum parquet_codec)i;
            return true;
        }
    }
    error_set(err, ERR_INVALID, "codec \"%.*s\" is not known", STR_ARG(name));
    return error_hint(err, "use zstd, none, snappy, gzip or lz4_raw");
}

int32_t pq_codec_number(enum parquet_codec codec)
{
    return codecs[codec].number;
}

int pq_codec_of(int32_t number)
{
    for (int i = 0; i < PARQUET_CODECS; i++) {
        if (codecs[i].number == number)
            return i;
    }
    return -1;
}

bool pq_codec_level(enum parquet_codec codec, int level, int *chosen, struct error *err)
{
    if ((unsigned)codec > PARQUET_LZ4_RAW)
        return error_set(err, ERR_INVALID, "this codec cannot be written");
    int most = codecs[codec].level_max;
    *chosen = level != 0 ? level : codecs[codec].level_default;
    if (*chosen >= 0 && *chosen <= most)
        return true;
    if (most == 0)
        return error_set(err, ERR_INVALID, "codec %s has no levels", codecs[codec].name);
    return error_set(err, ERR_INVALID, "level %d of codec %s is not between 1 and %d", level,
                     codecs[codec].name, most);
}

/* ---- Compressing --------------------------------------------------------------------------------------- */

struct pq_compressor {
    enum parquet_codec codec;
    int level;
    ZSTD_CCtx *zstd;
    z_stream *zlib;
    void *lz4; /* the state of either compressor */
};

#define GZIP_WINDOW 31 /* 32 KiB, with gzip's header */

struct pq_compressor *pq_compressor_new(enum parquet_codec codec, int level)
{
    struct pq_compressor *compressor = mem_zalloc(sizeof *compressor);
    *compressor = (struct pq_compressor){.codec = codec, .level = level};
    if (codec == PARQUET_ZSTD) {
        compressor->zstd = ZSTD_createCCtx();
    } else if (codec == PARQUET_GZIP) {
        compressor->zlib = mem_zalloc(sizeof *compressor->zlib);
        if (deflateInit2(compressor->zlib, level, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
            mem_free(compressor->zlib);
            compressor->zlib = NULL;
        }
    } else if (codec == PARQUET_LZ4_RAW) {
        compressor->lz4 =
            mem_alloc(level < LZ4HC_CLEVEL_MIN ? (size_t)LZ4_sizeofState() : (size_t)LZ4_sizeofStateHC());
    }
    return compressor;
}

void pq_compressor_free(struct pq_compressor *compressor)
{
    if (compressor == NULL)
        return;
    ZSTD_freeCCtx(compressor->zstd);
    if (compressor->zlib != NULL)
        deflateEnd(compressor->zlib);
    mem_free(compressor->zlib);
    mem_free(compressor->lz4);
    mem_free(compressor);
}

static bool no_context(const struct pq_compressor *compressor, struct error *err)
{
    return error_set(err, ERR_NO_MEMORY, "no memory for compression with %s", codecs[compressor->codec].name);
}

static bool compress_zstd(struct pq_compressor *compressor, struct str page, struct buf *out,
                          struct error *err)
{
    if (compressor->zstd == NULL)
        return no_context(compressor, err);
    size_t bound = ZSTD_compressBound(page.len);
    buf_reserve(out, bound);
    size_t len = ZSTD_compressCCtx(compressor->zstd, out->data + out->len, bound, page.data, page.len,
                                   compressor->level);
    if (ZSTD_isError(len))
        return error_set(err, ERR_NO_MEMORY, "zstd: %s", ZSTD_getErrorName(len));
    out->len += len;
    return true;
}

static bool compress_gzip(struct pq_compressor *compressor, struct str page, struct buf *out,
                          struct error *err)
{
    z_stream *zlib = compressor->zlib;
    if (zlib == NULL)
        return no_context(compressor, err);
    deflateReset(zlib);
    size_t bound = deflateBound(zlib, page.len);
    buf_reserve(out, bound);
    zlib->next_in = (Bytef *)(uintptr_t)page.data;
    zlib->avail_in = (uInt)page.len;
    zlib->next_out = out->data + out->len;
    zlib->avail_out = (uInt)bound;
    if (deflate(zlib, Z_FINISH) != Z_STREAM_END)
        return error_set(err, ERR_INTERNAL, "gzip: a page does not fit its bound");
    out->len += bound - zlib->avail_out;
    return true;
}

static bool compress_lz4(struct pq_compressor *compressor, struct str page, struct buf *out,
                         struct error *err)
{
    if (page.len > LZ4_MAX_INPUT_SIZE)
        return error_set(err, ERR_TOO_LARGE, "lz4_raw: a page has %zu bytes", page.len);
    int bound = LZ4_compressBound((int)page.len);
    buf_reserve(out, (size_t)bound);
    char *to = (char *)out->data + out->len;
    int len = compressor->level < LZ4HC_CLEVEL_MIN
                  ? LZ4_compress_fast_extState(compressor->lz4, page.data, to, (int)page.len, bound, 1)
                  : LZ4_compress_HC_extStateHC(compressor->lz4, page.data, to, (int)page.len, bound,
                                               compressor->level);
    if (len <= 0)
        return error_set(err, ERR_INTERNAL, "lz4_raw: a page does not fit its bound");
    out->len += (size_t)len;
    return true;
}

static bool compress_snappy(struct str page, struct buf *out, struct error *err)
{
    size_t len = snappy_max_compressed_length(page.len);
    buf_reserve(out, len);
    if (snappy_compress(page.data, page.len, (char *)out->data + out->len, &len) != SNAPPY_OK)
        return error_set(err, ERR_INTERNAL, "snappy: a page does not fit its bound");
    out->len += len;
    return true;
}

bool pq_compress(struct pq_compressor *compressor, struct str page, struct buf *out, struct error *err)
{
    switch (compressor->codec) {
    case PARQUET_ZSTD: return compress_zstd(compressor, page, out, err);
    case PARQUET_GZIP: return compress_gzip(compressor, page, out, err);
    case PARQUET_LZ4_RAW: return compress_lz4(compressor, page, out, err);
    case PARQUET_SNAPPY: return compress_snappy(page, out, err);
    default: buf_append_str(out, page); return true;
    }
}

/* ---- Decompressing ------------------------------------------------------------------------------------- */

struct pq_decompressor {
    ZSTD_DCtx *zstd; /* once needed */
    z_stream *zlib;
};

struct pq_decompressor *pq_decompressor_new(void)
{
    return mem_zalloc(sizeof(struct pq_decompressor));
}

void pq_decompressor_free(struct pq_decompressor *decompressor)
{
    if (decompressor == NULL)
        return;
    ZSTD_freeDCtx(decompressor->zstd);
    if (decompressor->zlib != NULL)
        inflateEnd(decompressor->zlib);
    mem_free(decompressor->zlib);
    mem_free(decompressor);
}

static bool decompress_zstd(struct pq_decompressor *decompressor, struct str page, void *out,
                            size_t out_bytes)
{
    if (decompressor->zstd == NULL)
        decompressor->zstd = ZSTD_createDCtx();
    return decompressor->zstd != NULL &&
           ZSTD_decompressDCtx(decompressor->zstd, out, out_bytes, page.data, page.len) == out_bytes;
}

/* A page may consist of several gzip members. */
static bool decompress_gzip(struct pq_decompressor *decompressor, struct str page, void *out,
                            size_t out_bytes)
{
    if (decompressor->zlib == NULL) {
        z_stream *fresh = mem_zalloc(sizeof *fresh);
        if (inflateInit2(fresh, GZIP_WINDOW) != Z_OK) {
            mem_free(fresh);
            return false;
        }
        decompressor->zlib = fresh;
    }
    z_stream *zlib = decompressor->zlib;
    zlib->next_in = (Bytef *)(uintptr_t)page.data;
    zlib->avail_in = (uInt)page.len;
    zlib->next_out = out;
    zlib->avail_out = (uInt)out_bytes;
    do {
        inflateReset(zlib);
        if (inflate(zlib, Z_FINISH) != Z_STREAM_END)
            return false;
    } while (zlib->avail_in != 0 && zlib->avail_out != 0);
    return zlib->avail_in == 0 && zlib->avail_out == 0;
}

static bool decompress_snappy(struct str page, void *out, size_t out_bytes)
{
    size_t len;
    return snappy_uncompressed_length(page.data, page.len, &len) == SNAPPY_OK && len == out_bytes &&
           snappy_uncompress(page.data, page.len, out, &len) == SNAPPY_OK && len == out_bytes;
}

static bool decompress_lz4_block(struct str page, void *out, size_t out_bytes)
{
    return page.len <= INT32_MAX && out_bytes <= INT32_MAX &&
           LZ4_decompress_safe(page.data, out, (int)page.len, (int)out_bytes) == (int)out_bytes;
}

static uint32_t get_big32(const char *at)
{
    return __builtin_bswap32(pq_get32(at));
}

/* Hadoop's frames: bytes before and after compression, each 4 bytes, big-endian, then the block; again and
 * again. */
static bool decompress_lz4_hadoop(struct str page, void *out, size_t out_bytes)
{
    size_t done = 0;
    while (page.len >= 8) {
        size_t raw = get_big32(page.data);
        size_t packed = get_big32(page.data + 4);
        if (packed > page.len - 8 || raw > out_bytes - done ||
            !decompress_lz4_block(str_make(page.data + 8, packed), (uint8_t *)out + done, raw)) {
            return false;
        }
        done += raw;
        page = str_make(page.data + 8 + packed, page.len - 8 - packed);
    }
    return page.len == 0 && done == out_bytes;
}

/* Some wrote a bare block under the same name. */
static bool decompress_lz4(struct str page, void *out, size_t out_bytes)
{
    return decompress_lz4_hadoop(page, out, out_bytes) || decompress_lz4_block(page, out, out_bytes);
}

static bool decompress_brotli(struct str page, void *out, size_t out_bytes)
{
    size_t len = out_bytes;
    return BrotliDecoderDecompress(page.len, (const uint8_t *)page.data, &len, out) ==
               BROTLI_DECODER_RESULT_SUCCESS &&
           len == out_bytes;
}

bool pq_decompress(struct pq_decompressor *decompressor, enum parquet_codec codec, struct str page, void *out,
                   size_t out_bytes, struct error *err)
{
    bool ok = false;
    if (page.len <= UINT32_MAX && out_bytes <= UINT32_MAX) {
        switch (codec) {
        case PARQUET_ZSTD: ok = decompress_zstd(decompressor, page, out, out_bytes); break;
        case PARQUET_GZIP: ok = decompress_gzip(decompressor, page, out, out_bytes); break;
        case PARQUET_SNAPPY: ok = decompress_snappy(page, out, out_bytes); break;
        case PARQUET_LZ4_RAW: ok = decompress_lz4_block(page, out, out_bytes); break;
        case PARQUET_LZ4: ok = decompress_lz4(page, out, out_bytes); break;
        case PARQUET_BROTLI: ok = decompress_brotli(page, out, out_bytes); break;
        default: break;
        }
    }
    return ok || error_set(err, ERR_CORRUPT, "what %s gives is not the %zu bytes that the page says",
                           codecs[codec].name, out_bytes);
}

uint32_t pq_crc32(struct str bytes)
{
    return (uint32_t)crc32_z(0, (const Bytef *)bytes.data, bytes.len);
}
