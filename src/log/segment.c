/* The format of a segment file, DIR/<first offset, 20 digits>.seg. Integers are little-endian.
 *
 *     ┌────────────────┬────────┬──────┬────────┬──────┬───┬──────────────────────────────┐
 *     │ segment header │ header │ body │ header │ body │ … │ zeros (preallocated) or none │
 *     └────────────────┴────────┴──────┴────────┴──────┴───┴──────────────────────────────┘
 *           64 bytes     80 bytes  a batch
 *
 * Segment header:
 *
 *      0  8  "VARVESEG"
 *      8  4  version, 1
 *     12  4  CRC-32C of bytes 16 to 63
 *     16  4  salt: random for each segment
 *     20  4  zero
 *     24  8  first offset, as in the file's name
 *     32  8  bytes of all records of this log before this segment
 *     40  8  time of the record before this segment, ms since 1970; the lowest int64 if there was none
 *     48 16  zero
 *
 * Batch header:
 *
 *      0  4  "VBAT"
 *      4  4  CRC-32C of bytes 8 to 79, continued from the salt
 *      8  4  CRC-32C of the body as stored
 *     12  4  length of the body as stored
 *     16  4  length of the body when decompressed
 *     20  4  count of records
 *     24  8  offset of the first record
 *     32  8  bytes of all records of this log before this batch
 *     40  8  durable: every record below this offset was on disk when the batch was written
 *     48  8  base time, ms
 *     56  8  floor time, ms: the time of the record before this batch
 *     64  8  last time, ms: of the last record of this batch
 *     72  4  bytes of the records of this batch
 *     76  1  codec: 0 none, 1 zstd
 *     77  1  flags: bit 0 marked (LOG_MARKED finds the batch by its header); the others zero
 *     78  2  zero
 *
 * Body: for each record a varint (LEB128) of its length, a varint of the milliseconds since the record before (the
 * first: since the base time), its bytes. The time of a record is the floor time if that is later. So an appender's
 * thread finishes the body, with its CRC, before anybody knows which batch comes before it.
 *
 * A batch of no records (count, lengths, record bytes and flags 0) is a *stamp*. It says by its `durable` that all before it is
 * on disk; a log writes one when it is closed.
 *
 * A batch is valid if
 *   1. its header's magic, CRC and zeros are right, the lengths possible and the codec known;
 *   2. its first offset, bytes before and floor time continue the batch before it, or the segment header;
 *   3. `durable` is at most its first offset;
 *   4. the body lies within the file and its CRC is right;
 *   5. the body, decompressed, holds exactly the records that the header counts. (Checked when it is read.)
 *
 * The end of a segment is the first place where no valid batch begins. If all bytes from there on are zero, or there are
 * none, it is a clean end. Else it is
 *   - a *torn tail* when nothing behind it proves that the place was once on disk: the writer died, or the power failed,
 *     before the sync of that group of batches. Nobody was told that they are stored. A power cut may keep the second
 *     page of a group and drop the first, so valid batches may follow;
 *   - *corruption* when a valid batch header anywhere behind it has a `durable` above the offset expected at that place:
 *     what is missing there had been acknowledged. It is reported, and never skipped.
 * The salt keeps a record that holds the bytes of a segment from being taken for a header.
 *
 * Segments join: each ends at exactly the first offset of the next. *The later segment wins*: batches at or beyond the
 * next segment's first offset do not count. They are there after a failed write or sync, when the log went on in a fresh
 * segment at the first offset that was not on disk (see roll.c). */
#include "log/format_internal.h"

#include "base/crc32c.h"

#include <assert.h>
#include <string.h>

#define SEGMENT_VERSION 1
#define BATCH_MARKED    (UINT32_C(1) << 8) /* of the word at 76 */

static const uint8_t segment_magic[8] = "VARVESEG";
static const uint8_t batch_magic[4] = "VBAT";

void segment_header_encode(const struct segment_header *header, uint8_t *out)
{
    memset(out, 0, SEGMENT_HEADER_BYTES);
    memcpy(out, segment_magic, sizeof segment_magic);
    put_le32(out + 8, SEGMENT_VERSION);
    put_le32(out + 16, header->salt);
    put_le64(out + 24, header->first_offset);
    put_le64(out + 32, header->bytes_before);
    put_le64(out + 40, (uint64_t)header->time_before);
    put_le32(out + 12, crc32c(0, out + 16, SEGMENT_HEADER_BYTES - 16));
}

const char *segment_header_decode(const uint8_t *bytes, struct segment_header *out)
{
    if (memcmp(bytes, segment_magic, sizeof segment_magic) != 0)
        return "not the header of a segment";
    if (get_le32(bytes + 8) != SEGMENT_VERSION)
        return "a segment of an unknown version";
    if (get_le32(bytes + 12) != crc32c(0, bytes + 16, SEGMENT_HEADER_BYTES - 16))
        return "the segment's header does not match its checksum";
    out->salt = get_le32(bytes + 16);
    out->first_offset = get_le64(bytes + 24);
    out->bytes_before = get_le64(bytes + 32);
    out->time_before = (int64_t)get_le64(bytes + 40);
    return NULL;
}

void batch_header_encode(const struct batch_header *header, uint32_t salt, uint8_t *out)
{
    assert(header->durable <= header->first_offset && header->floor_time <= header->last_time);
    memcpy(out, batch_magic, sizeof batch_magic);
    put_le32(out + 8, header->body_crc);
    put_le32(out + 12, header->stored_bytes);
    put_le32(out + 16, header->raw_bytes);
    put_le32(out + 20, header->count);
    put_le64(out + 24, header->first_offset);
    put_le64(out + 32, header->bytes_before);
    put_le64(out + 40, header->durable);
    put_le64(out + 48, (uint64_t)header->base_time);
    put_le64(out + 56, (uint64_t)header->floor_time);
    put_le64(out + 64, (uint64_t)header->last_time);
    put_le32(out + 72, header->record_bytes);
    put_le32(out + 76, (uint32_t)header->codec | (header->marked ? BATCH_MARKED : 0));
    put_le32(out + 4, crc32c(salt, out + 8, BATCH_HEADER_BYTES - 8));
}

/* The fields against each other: what a right CRC does not promise when the bytes come from elsewhere. */
static bool batch_fields_are_possible(const struct batch_header *header)
{
    if (header->stored_bytes > BATCH_BODY_MAX || header->raw_bytes > BATCH_BODY_MAX ||
        header->codec > CODEC_ZSTD)
        return false;
    if (header->codec == CODEC_NONE && header->stored_bytes != header->raw_bytes)
        return false;
    if (header->count == 0 && (header->raw_bytes != 0 || header->record_bytes != 0 || header->marked))
        return false;
    /* A record has at least two bytes beside its own. */
    if ((uint64_t)header->record_bytes + 2 * (uint64_t)header->count > header->raw_bytes)
        return false;
    return header->durable <= header->first_offset && header->floor_time <= header->last_time &&
           header->first_offset <= UINT64_MAX - header->count &&
           header->bytes_before <= UINT64_MAX - header->record_bytes;
}

const char *batch_header_decode(const uint8_t *bytes, uint32_t salt, struct batch_header *out)
{
    if (memcmp(bytes, batch_magic, sizeof batch_magic) != 0)
        return "no batch begins here";
    if (get_le32(bytes + 4) != crc32c(salt, bytes + 8, BATCH_HEADER_BYTES - 8))
        return "the batch's header does not match its checksum";
    *out = (struct batch_header){
        .body_crc = get_le32(bytes + 8),
        .stored_bytes = get_le32(bytes + 12),
        .raw_bytes = get_le32(bytes + 16),
        .count = get_le32(bytes + 20),
        .first_offset = get_le64(bytes + 24),
        .bytes_before = get_le64(bytes + 32),
        .durable = get_le64(bytes + 40),
        .base_time = (int64_t)get_le64(bytes + 48),
        .floor_time = (int64_t)get_le64(bytes + 56),
        .last_time = (int64_t)get_le64(bytes + 64),
        .record_bytes = get_le32(bytes + 72),
        .codec = get_le32(bytes + 76) & ~BATCH_MARKED,
        .marked = (get_le32(bytes + 76) & BATCH_MARKED) != 0,
    };
    return batch_fields_are_possible(out) ? NULL : "the batch's header contradicts itself";
}

static bool varint_take(const uint8_t *body, uint32_t len, uint32_t *at, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; *at < len && shift < 64; shift += 7) {
        uint8_t byte = body[(*at)++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    return false;
}

bool record_take(const uint8_t *body, uint32_t len, uint32_t *at, struct record_view *out)
{
    uint64_t bytes, delta;
    if (!varint_take(body, len, at, &bytes) || !varint_take(body, len, at, &delta) || bytes > len - *at)
        return false;
    out->delta_ms = (int64_t)delta;
    out->data = body + *at;
    out->len = (uint32_t)bytes;
    *at += (uint32_t)bytes;
    return true;
}

bool body_is_well_formed(const struct batch_header *header, const uint8_t *body)
{
    uint32_t at = 0;
    uint64_t bytes = 0;
    int64_t time = header->base_time;
    for (uint32_t i = 0; i < header->count; i++) {
        struct record_view record;
        if (!record_take(body, header->raw_bytes, &at, &record) || record.delta_ms < 0 ||
            __builtin_add_overflow(time, record.delta_ms, &time))
            return false;
        bytes += record.len;
    }
    if (header->count != 0 && (time > header->floor_time ? time : header->floor_time) != header->last_time)
        return false;
    return at == header->raw_bytes && bytes == header->record_bytes;
}
