/* The hybrid of runs and packed bits, for levels and the indexes of dictionaries.
 *
 *     run        varint(length << 1), value in as many bytes as `width` bits need
 *     packed     varint(groups << 1 | 1), groups of 8 values of `width` bits, lowest bit first
 *
 * A run is written for eight or more equal values. What lies between two runs is packed; as packed values
 * come in eights, the run behind gives up some of its values to fill the last group. Only the last group of
 * all is filled with zeros. */
#include "table/parquet_internal.h"

#include <assert.h>

#define RUN_MIN 8

unsigned pq_bit_width(uint64_t max)
{
    return max == 0 ? 0 : 64 - (unsigned)__builtin_clzll(max);
}

/* ---- Writing ------------------------------------------------------------------------------------------- */

static void put_varint(struct buf *buf, uint64_t value)
{
    while (value >= 0x80) {
        buf_append_byte(buf, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    buf_append_byte(buf, (uint8_t)value);
}

void pq_pack(struct buf *buf, const uint64_t *values, size_t count, unsigned width)
{
    size_t bytes = count / 8 * width;
    buf_reserve(buf, bytes + 8);
    uint8_t *to = buf->data + buf->len;
    uint64_t held = 0; /* fewer than 8 bits between two values */
    unsigned bits = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t value = values[i];
        held |= value << bits;
        unsigned total = bits + width;
        if (total >= 64) {
            memcpy(to, &held, 8);
            to += 8;
            held = bits == 0 ? 0 : value >> (64 - bits);
            total -= 64;
        } else {
            memcpy(to, &held, 8); /* what is behind the whole bytes is written again */
            unsigned whole = total / 8;
            to += whole;
            held = whole == 8 ? 0 : held >> (8 * whole);
            total -= 8 * whole;
        }
        bits = total;
    }
    buf->len += bytes;
}

void pq_rle_encode_run(struct buf *buf, uint32_t value, size_t count, unsigned width)
{
    put_varint(buf, (uint64_t)count << 1);
    buf_append(buf, &value, (width + 7) / 8);
}

/* Values of either width, so that levels need not be widened first. */
struct values {
    const uint8_t *bytes;
    const uint32_t *words; /* instead, if not NULL */
};

static inline uint32_t value_at(struct values values, size_t i)
{
    return values.words != NULL ? values.words[i] : values.bytes[i];
}

static void encode_packed(struct buf *buf, struct values values, size_t from, size_t to, unsigned width)
{
    if (from == to)
        return;
    put_varint(buf, (uint64_t)((to - from + 7) / 8) << 1 | 1);
    uint64_t group[64];
    while (from < to) {
        size_t count = to - from < 64 ? to - from : 64;
        for (size_t i = 0; i < count; i++)
            group[i] = value_at(values, from + i);
        from += count;
        for (; count % 8 != 0; count++)
            group[count] = 0;
        pq_pack(buf, group, count, width);
    }
}

static inline __attribute__((always_inline)) void encode(struct buf *buf, struct values values, size_t count,
                                                         unsigned width)
{
    size_t packed_from = 0; /* to be packed is what lies between here and i */
    for (size_t i = 0; i < count;) {
        uint32_t value = value_at(values, i);
        size_t end = i + 1;
        while (end < count && value_at(values, end) == value)
            end++;
        size_t given = (8 - (i - packed_from) % 8) % 8;
        if (end - i >= RUN_MIN + given) {
            encode_packed(buf, values, packed_from, i + given, width);
            pq_rle_encode_run(buf, value, end - i - given, width);
            packed_from = end;
        }
        i = end;
    }
    encode_packed(buf, values, packed_from, count, width);
}

void pq_rle_encode_levels(struct buf *buf, const uint8_t *levels, size_t count, unsigned width)
{
    assert(levels != NULL || count == 0);
    encode(buf, (struct values){.bytes = levels}, count, width);
}

void pq_rle_encode(struct buf *buf, const uint32_t *values, size_t count, unsigned width)
{
    assert(values != NULL || count == 0);
    encode(buf, (struct values){.words = values}, count, width);
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

/* The `width` bits, at most 57, that begin with bit `at`. `left`: bytes that may be read, at least those with
 * the bits. */
static inline uint64_t bits_at(const uint8_t *bytes, size_t left, size_t at, unsigned width)
{
    size_t first = at / 8;
    uint64_t word = 0;
    if (left - first >= 8)
        word = pq_get64(bytes + first);
    else
        memcpy(&word, bytes + first, left - first);
    return word >> (at % 8) & (~UINT64_C(0) >> (64 - width));
}

void pq_unpack(const uint8_t *bytes, size_t left, unsigned width, uint64_t *out, size_t count)
{
    if (width == 0) {
        memset(out, 0, count * sizeof *out);
        return;
    }
    size_t at = 0;
    if (width <= 57) {
        for (size_t i = 0; i < count; i++, at += width)
            out[i] = bits_at(bytes, left, at, width);
        return;
    }
    for (size_t i = 0; i < count; i++, at += width)
        out[i] = bits_at(bytes, left, at, 32) | bits_at(bytes, left, at + 32, width - 32) << 32;
}

struct reader {
    const uint8_t *at;
    const uint8_t *end;
};

static struct reader reader_of(struct str bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.data;
    return (struct reader){at, bytes.len != 0 ? at + bytes.len : at};
}

static bool get_varint(struct reader *in, uint32_t *value)
{
    uint64_t sum = 0;
    for (unsigned shift = 0; shift < 35 && in->at != in->end; shift += 7) {
        uint8_t byte = *in->at++;
        sum |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = (uint32_t)sum;
            return sum <= UINT32_MAX;
        }
    }
    return false;
}

/* The next run: `count` values, which are all `value` or lie packed in `count / 8 * width` bytes from in->at
 * on. */
struct run {
    bool packed;
    size_t count;
    uint32_t value;
};

static bool get_run(struct reader *in, unsigned width, struct run *run)
{
    uint32_t head;
    if (!get_varint(in, &head) || head >> 1 == 0)
        return false;
    run->packed = (head & 1) != 0;
    run->count = head >> 1;
    size_t left = (size_t)(in->end - in->at);
    if (run->packed) {
        run->count *= 8;
        return true;
    }
    size_t bytes = (width + 7) / 8;
    if (bytes > left)
        return false;
    run->value = 0;
    memcpy(&run->value, in->at, bytes);
    in->at += bytes;
    return true;
}

/* How many values of a packed run are there: the last groups may be cut off where nobody wants their
 * values. */
static bool packed_there(const struct reader *in, unsigned width, size_t wanted)
{
    return (wanted * width + 7) / 8 <= (size_t)(in->end - in->at);
}

static void skip_packed(struct reader *in, unsigned width, size_t count)
{
    size_t bytes = count / 8 * width;
    size_t left = (size_t)(in->end - in->at);
    in->at += bytes < left ? bytes : left;
}

bool pq_rle_decode(struct str bytes, unsigned width, uint32_t max, uint32_t *out, size_t count)
{
    struct reader in = reader_of(bytes);
    if (width == 0) { /* there need not be any run */
        memset(out, 0, count * sizeof *out);
        return true;
    }
    if (width > 32)
        return false;
    uint32_t highest = 0;
    for (size_t done = 0; done < count;) {
        struct run run;
        if (!get_run(&in, width, &run))
            return false;
        size_t wanted = run.count < count - done ? run.count : count - done;
        if (run.packed) {
            if (!packed_there(&in, width, wanted))
                return false;
            size_t left = (size_t)(in.end - in.at);
            size_t at = 0;
            for (size_t i = 0; i < wanted; i++, at += width) {
                uint32_t value = (uint32_t)bits_at(in.at, left, at, width);
                out[done + i] = value;
                highest = value > highest ? value : highest;
            }
            skip_packed(&in, width, run.count);
        } else {
            for (size_t i = 0; i < wanted; i++)
                out[done + i] = run.value;
            highest = run.value > highest ? run.value : highest;
        }
        done += wanted;
    }
    return highest <= max;
}

bool pq_rle_decode_levels(struct str bytes, unsigned width, uint8_t max, uint8_t *out, size_t count)
{
    struct reader in = reader_of(bytes);
    uint8_t highest = 0;
    for (size_t done = 0; done < count;) {
        struct run run;
        if (width == 0 || width > 8 || !get_run(&in, width, &run))
            return false;
        size_t wanted = run.count < count - done ? run.count : count - done;
        if (run.packed) {
            if (!packed_there(&in, width, wanted))
                return false;
            size_t left = (size_t)(in.end - in.at);
            size_t at = 0;
            for (size_t i = 0; i < wanted; i++, at += width) {
                uint8_t value = (uint8_t)bits_at(in.at, left, at, width);
                out[done + i] = value;
                highest = value > highest ? value : highest;
            }
            skip_packed(&in, width, run.count);
        } else {
            memset(out + done, (int)run.value, wanted);
            highest = run.value > highest ? (uint8_t)run.value : highest;
        }
        done += wanted;
    }
    return highest <= max;
}
