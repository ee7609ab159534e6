/* Integers as differences (DELTA_BINARY_PACKED), also the lengths of strings.
 *
 *     values in a block (128), miniblocks in a block (4), how many values: varints; the first value: zigzag
 *     block:  smallest difference (zigzag), bits of a value in each miniblock (a byte each), miniblocks
 *     miniblock:  32 differences less the smallest, packed
 *
 * The last block has only as many miniblocks as it needs, the last of them filled with zeros. All arithmetic
 * wraps. */
#include "table/parquet_internal.h"

#define BLOCK      128
#define MINIBLOCKS 4
#define MINIBLOCK  (BLOCK / MINIBLOCKS)

/* ---- Writing ------------------------------------------------------------------------------------------- */

static void put_varint(struct buf *buf, uint64_t value)
{
    while (value >= 0x80) {
        buf_append_byte(buf, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    buf_append_byte(buf, (uint8_t)value);
}

static uint64_t zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static void put_header(struct buf *buf, size_t count, int64_t first)
{
    put_varint(buf, BLOCK);
    put_varint(buf, MINIBLOCKS);
    put_varint(buf, count);
    put_varint(buf, zigzag(first));
}

/* `deltas` has room for a whole block; overwrites it. */
static void put_block(struct buf *buf, int64_t *deltas, size_t count, uint64_t mask)
{
    int64_t least = deltas[0];
    for (size_t i = 1; i < count; i++)
        least = deltas[i] < least ? deltas[i] : least;
    uint64_t rest[BLOCK] = {0};
    for (size_t i = 0; i < count; i++)
        rest[i] = ((uint64_t)deltas[i] - (uint64_t)least) & mask;
    put_varint(buf, zigzag(least));
    unsigned widths[MINIBLOCKS];
    for (size_t m = 0; m < MINIBLOCKS; m++) {
        uint64_t all = 0;
        for (size_t i = 0; i < MINIBLOCK; i++)
            all |= rest[m * MINIBLOCK + i];
        widths[m] = pq_bit_width(all);
        buf_append_byte(buf, (uint8_t)widths[m]);
    }
    for (size_t m = 0; m * MINIBLOCK < count; m++) {
        if (widths[m] != 0)
            pq_pack(buf, rest + m * MINIBLOCK, MINIBLOCK, widths[m]);
    }
}

void pq_delta_encode_longs(struct buf *buf, const int64_t *values, size_t count)
{
    put_header(buf, count, count != 0 ? values[0] : 0);
    int64_t deltas[BLOCK];
    for (size_t i = 1; i < count; i += BLOCK) {
        size_t n = count - i < BLOCK ? count - i : BLOCK;
        for (size_t k = 0; k < n; k++)
            deltas[k] = (int64_t)((uint64_t)values[i + k] - (uint64_t)values[i + k - 1]);
        put_block(buf, deltas, n, UINT64_MAX);
    }
}

/* Differences wrap at 32 bits, so that none takes more bits than a value. */
void pq_delta_encode_ints(struct buf *buf, const int32_t *values, size_t count)
{
    put_header(buf, count, count != 0 ? values[0] : 0);
    int64_t deltas[BLOCK];
    for (size_t i = 1; i < count; i += BLOCK) {
        size_t n = count - i < BLOCK ? count - i : BLOCK;
        for (size_t k = 0; k < n; k++)
            deltas[k] = (int32_t)((uint32_t)values[i + k] - (uint32_t)values[i + k - 1]);
        put_block(buf, deltas, n, UINT32_MAX);
    }
}

/* ---- Reading: from any writer, whose blocks may be larger ---------------------------------------------- */

static bool get_varint(struct str *bytes, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && bytes->len != 0; shift += 7) {
        uint8_t byte = (uint8_t)bytes->data[0];
        bytes->data++;
        bytes->len--;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool get_zigzag(struct str *bytes, uint64_t *value)
{
    if (!get_varint(bytes, value))
        return false;
    *value = (*value >> 1) ^ (0 - (*value & 1));
    return true;
}

/* What is being decoded to: values of 64 or 32 bits. */
struct sink {
    int64_t *longs;
    int32_t *ints;
    size_t count;
    size_t done;
    uint64_t last;
};

static void store(struct sink *sink, uint64_t value)
{
    sink->last = value;
    if (sink->longs != NULL)
        sink->longs[sink->done++] = (int64_t)value;
    else
        sink->ints[sink->done++] = (int32_t)(uint32_t)value;
}

/* Fewer values than a miniblock holds may be wanted of the last; its bytes are there, but some writers cut
 * them. */
static bool get_miniblock(struct str *bytes, struct sink *sink, uint64_t least, unsigned width, size_t size)
{
    size_t wanted = size < sink->count - sink->done ? size : sink->count - sink->done;
    if (width > 64 || (wanted * width + 7) / 8 > bytes->len)
        return false;
    uint64_t rest[32];
    for (size_t i = 0; i < wanted; i += 32) {
        size_t n = wanted - i < 32 ? wanted - i : 32;
        size_t skip = i / 8 * width;
        pq_unpack((const uint8_t *)bytes->data + skip, bytes->len - skip, width, rest, n);
        for (size_t k = 0; k < n; k++)
            store(sink, sink->last + least + rest[k]);
    }
    size_t whole = size / 8 * width;
    size_t used = whole < bytes->len ? whole : bytes->len;
    *bytes = str_make(bytes->data + used, bytes->len - used);
    return true;
}

static bool decode(struct str *bytes, struct sink *sink)
{
    uint64_t block, miniblocks, total, first;
    if (!get_varint(bytes, &block) || !get_varint(bytes, &miniblocks) || !get_varint(bytes, &total) ||
        !get_zigzag(bytes, &first) || total != sink->count || miniblocks == 0 || miniblocks > 512 ||
        block > (1u << 24) || block % miniblocks != 0 || block / miniblocks % 32 != 0 || block == 0) {
        return false;
    }
    if (total != 0)
        store(sink, first);
    while (sink->done < sink->count) {
        uint64_t least;
        if (!get_zigzag(bytes, &least) || miniblocks > bytes->len)
            return false;
        const uint8_t *widths = (const uint8_t *)bytes->data;
        *bytes = str_make(bytes->data + miniblocks, bytes->len - miniblocks);
        for (size_t m = 0; m < miniblocks && sink->done < sink->count; m++) {
            if (!get_miniblock(bytes, sink, least, widths[m], block / miniblocks))
                return false;
        }
    }
    return true;
}

bool pq_delta_decode_longs(struct str *bytes, int64_t *out, size_t count)
{
    struct sink sink = {.longs = out, .count = count};
    return decode(bytes, &sink);
}

bool pq_delta_decode_ints(struct str *bytes, int32_t *out, size_t count)
{
    struct sink sink = {.ints = out, .count = count};
    return decode(bytes, &sink);
}
