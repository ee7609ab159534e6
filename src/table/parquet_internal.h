/* What writer and reader share: numbers of the format, codecs, encodings. */
#ifndef TABLE_PARQUET_INTERNAL_H
#define TABLE_PARQUET_INTERNAL_H

#include "base/buf.h"
#include "table/parquet.h"

#define PQ_MAGIC       "PAR1"
#define PQ_MAGIC_BYTES 4
#define PQ_TAIL_BYTES  8 /* length of the footer, magic */

/* As parquet.thrift numbers them. */
enum pq_physical {
    PQ_BOOLEAN,
    PQ_INT32,
    PQ_INT64,
    PQ_INT96,
    PQ_FLOAT,
    PQ_DOUBLE,
    PQ_BYTE_ARRAY,
    PQ_FIXED_LEN_BYTE_ARRAY
};

enum pq_repetition { PQ_REQUIRED, PQ_OPTIONAL, PQ_REPEATED };

enum pq_encoding {
    PQ_PLAIN = 0,
    PQ_PLAIN_DICTIONARY = 2,
    PQ_RLE = 3,
    PQ_BIT_PACKED = 4,
    PQ_DELTA_BINARY_PACKED = 5,
    PQ_DELTA_LENGTH_BYTE_ARRAY = 6,
    PQ_DELTA_BYTE_ARRAY = 7,
    PQ_RLE_DICTIONARY = 8,
    PQ_BYTE_STREAM_SPLIT = 9
};

enum pq_page { PQ_DATA_PAGE, PQ_INDEX_PAGE, PQ_DICTIONARY_PAGE, PQ_DATA_PAGE_V2 };

enum pq_converted {
    PQ_UTF8 = 0,
    PQ_LIST = 3,
    PQ_ENUM = 4,
    PQ_DECIMAL = 5,
    PQ_DATE = 6,
    PQ_TIME_MILLIS = 7,
    PQ_TIME_MICROS = 8,
    PQ_TIMESTAMP_MILLIS = 9,
    PQ_TIMESTAMP_MICROS = 10,
    PQ_UINT_8 = 11,
    PQ_UINT_16 = 12,
    PQ_UINT_32 = 13,
    PQ_UINT_64 = 14,
    PQ_INT_8 = 15,
    PQ_INT_16 = 16,
    PQ_INT_32 = 17,
    PQ_INT_64 = 18,
    PQ_JSON = 19,
    PQ_BSON = 20,
    PQ_INTERVAL = 21
};

enum pq_logical { /* members of the union LogicalType */
                  PQ_LOGICAL_NONE = 0,
                  PQ_LOGICAL_STRING = 1,
                  PQ_LOGICAL_MAP = 2,
                  PQ_LOGICAL_LIST = 3,
                  PQ_LOGICAL_ENUM = 4,
                  PQ_LOGICAL_DECIMAL = 5,
                  PQ_LOGICAL_DATE = 6,
                  PQ_LOGICAL_TIME = 7,
                  PQ_LOGICAL_TIMESTAMP = 8,
                  PQ_LOGICAL_INTEGER = 10,
                  PQ_LOGICAL_UNKNOWN = 11,
                  PQ_LOGICAL_JSON = 12,
                  PQ_LOGICAL_BSON = 13
};

enum pq_unit { PQ_MILLIS = 1, PQ_MICROS = 2, PQ_NANOS = 3 }; /* members of the union TimeUnit */

enum pq_order { PQ_UNORDERED, PQ_ASCENDING, PQ_DESCENDING };

static inline bool pq_is_strings(enum table_type type)
{
    return type == TABLE_STRING || type == TABLE_BINARY;
}

/* Of a value of a fixed width in memory; a boolean takes a byte. 0: strings. */
static inline size_t pq_value_bytes(enum table_type type)
{
    switch (type) {
    case TABLE_BOOLEAN: return 1;
    case TABLE_INT:
    case TABLE_DATE:
    case TABLE_FLOAT: return 4;
    case TABLE_LONG:
    case TABLE_TIMESTAMPTZ:
    case TABLE_DOUBLE: return 8;
    default: return 0;
    }
}

/* ---- Bytes of numbers ---------------------------------------------------------------------------------- */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "plain values are copied as they lie in memory");

static inline uint32_t pq_get32(const void *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint64_t pq_get64(const void *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline void pq_put32(void *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
}

/* ---- Codecs: parquet_codec.c --------------------------------------------------------------------------- */

/* As the format numbers codecs; -1 for one that is not known. */
int32_t pq_codec_number(enum parquet_codec codec);
int pq_codec_of(int32_t number);
bool pq_codec_level(enum parquet_codec codec, int level, int *chosen, struct error *err);

struct pq_compressor; /* contexts of the libraries, kept from page to page */
struct pq_compressor *pq_compressor_new(enum parquet_codec codec,
                                        int level); /* level: as pq_codec_level() chose */
void pq_compressor_free(struct pq_compressor *compressor);
/* Appends the page to `out`, compressed. Cannot fail but by a mistake of ours or for want of memory. */
bool pq_compress(struct pq_compressor *compressor, struct str page, struct buf *out, struct error *err);

struct pq_decompressor;
struct pq_decompressor *pq_decompressor_new(void);
void pq_decompressor_free(struct pq_decompressor *decompressor);
/* Writes exactly out_bytes. Errors: ERR_CORRUPT, ERR_UNSUPPORTED. */
bool pq_decompress(struct pq_decompressor *decompressor, enum parquet_codec codec, struct str page, void *out,
                   size_t out_bytes, struct error *err);

uint32_t pq_crc32(struct str bytes); /* zlib's, of a page as it is in the file */

/* ---- Runs and packed bits: parquet_rle.c --------------------------------------------------------------- */

unsigned pq_bit_width(uint64_t max); /* 0 for 0 */
void pq_rle_encode_levels(struct buf *buf, const uint8_t *levels, size_t count, unsigned width);
void pq_rle_encode_run(struct buf *buf, uint32_t value, size_t count, unsigned width);
void pq_rle_encode(struct buf *buf, const uint32_t *values, size_t count, unsigned width);
/* Fill `out` with `count` values, each at most `max`. False if the bytes do not have them. Returns in *used
 * how many bytes they took. */
bool pq_rle_decode_levels(struct str bytes, unsigned width, uint8_t max, uint8_t *out, size_t count);
bool pq_rle_decode(struct str bytes, unsigned width, uint32_t max, uint32_t *out, size_t count);
/* `count` values of `width` bits, lowest first. `bytes` has (count * width + 7) / 8 at least. */
void pq_unpack(const uint8_t *bytes, size_t left, unsigned width, uint64_t *out, size_t count);
void pq_pack(struct buf *buf, const uint64_t *values, size_t count, unsigned width); /* count % 8 == 0 */

/* ---- Differences: parquet_delta.c ---------------------------------------------------------------------- */

void pq_delta_encode_longs(struct buf *buf, const int64_t *values, size_t count);
void pq_delta_encode_ints(struct buf *buf, const int32_t *values, size_t count);
/* Exactly `count` values; moves *bytes behind them. False: they are not there. */
bool pq_delta_decode_longs(struct str *bytes, int64_t *out, size_t count);
bool pq_delta_decode_ints(struct str *bytes, int32_t *out, size_t count);

#endif
