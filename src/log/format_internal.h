/* The bytes of segment files: encoding, decoding and checking. The format is specified in segment.c. */
#ifndef LOG_FORMAT_INTERNAL_H
#define LOG_FORMAT_INTERNAL_H

#include "base/error.h"

#include <stdint.h>

#define SEGMENT_HEADER_BYTES 64
#define BATCH_HEADER_BYTES   80
#define BATCH_BODY_MAX       (UINT32_C(1) << 30) /* a length above is never right */
#define SEGMENT_NAME_DIGITS  20

enum batch_codec { CODEC_NONE, CODEC_ZSTD };

struct segment_header {
    uint32_t salt;
    uint64_t first_offset;
    uint64_t bytes_before; /* of all records of the log before the segment */
    int64_t time_before;   /* of the record before the segment; INT64_MIN: there was none */
};

struct batch_header {
    uint32_t body_crc;
    uint32_t stored_bytes;
    uint32_t raw_bytes;
    uint32_t count; /* 0: a stamp, which only says what is durable */
    uint64_t first_offset;
    uint64_t bytes_before;
    uint64_t durable; /* records below this offset were on disk when the batch was written */
    int64_t base_time;
    int64_t floor_time;
    int64_t last_time;
    uint32_t record_bytes;
    enum batch_codec codec;
    bool marked;
};

static inline uint64_t batch_end(const struct batch_header *header)
{
    return header->first_offset + header->count;
}

void segment_header_encode(const struct segment_header *header, uint8_t *out);
/* NULL, or what is wrong: static. */
const char *segment_header_decode(const uint8_t *bytes, struct segment_header *out);

void batch_header_encode(const struct batch_header *header, uint32_t salt, uint8_t *out);
/* Checks all that can be checked without the body and the batch before. NULL, or what is wrong: static. */
const char *batch_header_decode(const uint8_t *bytes, uint32_t salt, struct batch_header *out);

/* The records of a body, as they come: a varint of the length, a varint of the milliseconds since the record before
 * (the first: since the base time), the bytes. */
struct record_view {
    int64_t delta_ms;
    const uint8_t *data;
    uint32_t len;
};
/* Takes the record at *at off a body of `len` bytes. False: the body is malformed there (or at its end). */
bool record_take(const uint8_t *body, uint32_t len, uint32_t *at, struct record_view *out);
/* Whether the body holds exactly what its header says. */
bool body_is_well_formed(const struct batch_header *header, const uint8_t *body);

static inline unsigned varint_put(uint8_t *out, uint64_t value)
{
    unsigned n = 0;
    for (; value >= 0x80; value >>= 7)
        out[n++] = (uint8_t)(value | 0x80);
    out[n++] = (uint8_t)value;
    return n;
}
#define VARINT_MAX_BYTES 10

static inline void put_le32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

static inline void put_le64(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

static inline uint32_t get_le32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint64_t get_le64(const uint8_t *at)
{
    return get_le32(at) | (uint64_t)get_le32(at + 4) << 32;
}

#endif
