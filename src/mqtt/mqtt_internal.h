/* What the packet files share: a reader over a packet's body, writers into memory of a known size, and the rules
 * that several packets have in common.
 *
 * A reader never passes its end: every read_* answers false instead and leaves the reader where it was or at
 * the end of what it did read; the caller answers MQTT_MALFORMED_PACKET at once. A writer is a bare pointer:
 * each encoder computes the exact size first, packet_begin() makes the room, packet_end() asserts that the two
 * passes agree. */
#ifndef MQTT_MQTT_INTERNAL_H
#define MQTT_MQTT_INTERNAL_H

#include "mqtt/mqtt.h"

#define MQTT_STRING_BYTES_MAX 65535u

/* ---- Text: MQTT 5, 1.5.4 --------------------------------------------------------------------------------- */

#define HIGH_BITS UINT64_C(0x8080808080808080)

static inline uint64_t each_byte(uint8_t value)
{
    return value * UINT64_C(0x0101010101010101);
}

/* A bit of HIGH_BITS is set if some byte of `word` is U+0000 or not ASCII; the other bits mean nothing. Exact as a
 * yes or no: a byte borrows from its neighbour only if it was zero itself. */
static inline uint64_t word_not_plain(uint64_t word)
{
    return word | (word - each_byte(1));
}

/* Likewise, for `+` (0x2B) and `#` (0x23) too, which differ in bit 3 alone. */
static inline uint64_t word_not_plain_name(uint64_t word)
{
    uint64_t wildcard = ((word | each_byte('+' ^ '#')) ^ each_byte('+')) - each_byte(1);
    return word_not_plain(word) | wildcard;
}

_Static_assert('+' == ('#' | 0x08) && '#' == ('+' & ~0x08), "the wildcards differ in one bit, set in `+`");

/* The bytes of a text shorter than a word, in any order, some of them twice; the gaps hold 'a'. */
static inline uint64_t word_of_short(const uint8_t *data, size_t len)
{
    if (len >= 4) {
        uint32_t first, last;
        memcpy(&first, data, 4);
        memcpy(&last, data + len - 4, 4);
        return (uint64_t)last << 32 | first;
    }
    if (len == 0)
        return each_byte('a');
    return (each_byte('a') & ~UINT64_C(0xFFFFFF)) | (uint64_t)data[0] << 16 | (uint64_t)data[len / 2] << 8 |
           data[len - 1];
}

static inline uint64_t word_at(const uint8_t *data)
{
    uint64_t word;
    memcpy(&word, data, 8);
    return word;
}

bool mqtt_text_valid_slow(const uint8_t *data, size_t len);
uint8_t mqtt_name_check_slow(const uint8_t *data, size_t len);

/* Well-formed UTF-8 without U+0000 [MQTT-1.5.4-1] [MQTT-1.5.4-2]. ASCII goes eight bytes at a time. */
static inline bool mqtt_text_valid(const uint8_t *data, size_t len)
{
    uint64_t odd = 0;
    if (len < 8) {
        odd = word_not_plain(word_of_short(data, len));
    } else {
        for (size_t at = 0; at + 8 <= len; at += 8)
            odd |= word_not_plain(word_at(data + at));
        odd |= word_not_plain(word_at(data + len - 8));
    }
    return (odd & HIGH_BITS) == 0 || mqtt_text_valid_slow(data, len);
}

/* A topic name's characters: text as above and no wildcard. MQTT_SUCCESS, MQTT_MALFORMED_PACKET (not UTF-8 or
 * U+0000) or MQTT_BAD_TOPIC_NAME (a wildcard) [MQTT-3.3.2-2] [MQTT-4.7.0-1]. An empty name passes: that is for the
 * callers. */
static inline uint8_t mqtt_name_check(const uint8_t *data, size_t len)
{
    uint64_t odd = 0;
    if (len < 8) {
        odd = word_not_plain_name(word_of_short(data, len));
    } else {
        for (size_t at = 0; at + 8 <= len; at += 8)
            odd |= word_not_plain_name(word_at(data + at));
        odd |= word_not_plain_name(word_at(data + len - 8));
    }
    return (odd & HIGH_BITS) == 0 ? MQTT_SUCCESS : mqtt_name_check_slow(data, len);
}

/* ---- Reading --------------------------------------------------------------------------------------------- */

struct reader {
    const uint8_t *at;
    const uint8_t *end;
};

static inline struct reader reader_of(const void *data, size_t len)
{
    const uint8_t *start = data;
    return (struct reader){start, len > 0 ? start + len : start};
}

/* From `position` bytes on, for the iterators. */
static inline struct reader reader_from(struct str text, size_t position)
{
    assert(position <= text.len);
    struct reader in = reader_of(text.data, text.len);
    if (position > 0)
        in.at += position;
    return in;
}

static inline size_t reader_left(const struct reader *in)
{
    return (size_t)(in->end - in->at);
}

static inline struct str reader_rest(const struct reader *in)
{
    return str_make(in->at, reader_left(in));
}

static inline bool read_u8(struct reader *in, uint8_t *out)
{
    if (reader_left(in) < 1)
        return false;
    *out = *in->at++;
    return true;
}

static inline bool read_u16(struct reader *in, uint16_t *out)
{
    if (reader_left(in) < 2)
        return false;
    *out = (uint16_t)(in->at[0] << 8 | in->at[1]);
    in->at += 2;
    return true;
}

static inline bool read_u32(struct reader *in, uint32_t *out)
{
    if (reader_left(in) < 4)
        return false;
    *out = (uint32_t)in->at[0] << 24 | (uint32_t)in->at[1] << 16 | (uint32_t)in->at[2] << 8 | in->at[3];
    in->at += 4;
    return true;
}

/* A variable byte integer of one to four bytes and no longer than it must be [MQTT-1.5.5-1]. */
static inline bool read_varint(struct reader *in, uint32_t *out)
{
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
        uint8_t byte;
        if (!read_u8(in, &byte))
            return false;
        value |= (uint32_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *out = value;
            return byte != 0 || shift == 0;
        }
    }
    return false;
}

static inline bool read_bytes(struct reader *in, size_t len, struct str *out)
{
    if (reader_left(in) < len)
        return false;
    *out = str_make(in->at, len);
    in->at += len;
    return true;
}

/* Binary data: two bytes of length before it (1.5.6). */
static inline bool read_binary(struct reader *in, struct str *out)
{
    uint16_t len;
    return read_u16(in, &len) && read_bytes(in, len, out);
}

/* A UTF-8 encoded string (1.5.4), checked. */
static inline bool read_text(struct reader *in, struct str *out)
{
    return read_binary(in, out) && mqtt_text_valid((const uint8_t *)out->data, out->len);
}

/* A packet identifier: MQTT_SUCCESS, MQTT_MALFORMED_PACKET or, if it is zero, MQTT_PROTOCOL_ERROR (2.2.1). */
static inline uint8_t read_packet_id(struct reader *in, uint16_t *out)
{
    if (!read_u16(in, out))
        return MQTT_MALFORMED_PACKET;
    return *out != 0 ? MQTT_SUCCESS : MQTT_PROTOCOL_ERROR;
}

/* Property length and properties (2.2.2). */
uint8_t mqtt_read_properties(struct reader *in, enum mqtt_property_list list, struct mqtt_properties *out);

/* The variable header of SUBSCRIBE, UNSUBSCRIBE and their answers: a packet identifier, in MQTT 5 properties. */
static inline uint8_t read_list_header(struct reader *in, uint8_t version, enum mqtt_property_list list,
                                       uint16_t *packet_id, struct mqtt_properties *properties)
{
    uint8_t reason = read_packet_id(in, packet_id);
    if (reason == MQTT_SUCCESS && version == MQTT_5)
        reason = mqtt_read_properties(in, list, properties);
    return reason;
}

/* ---- Rules that packets share ---------------------------------------------------------------------------- */

/* The fixed header of every packet but PUBLISH: the low four bits have one value (2.1.3), which 3.1 does not use
 * and lets a receiver ignore; in MQTT 5 the remaining length is no longer than it must be [MQTT-1.5.5-1]. */
static inline bool frame_header_valid(const struct mqtt_frame *frame, uint8_t version, uint8_t flags)
{
    if (version == MQTT_3_1)
        return true;
    if (frame->flags != flags)
        return false;
    return version != MQTT_5 ||
           frame->total_len - frame->body_len == 1 + mqtt_varint_size((uint32_t)frame->body_len);
}

/* Whether the specification lists this reason code for this packet type (table 2-6 and the packet's own). */
bool mqtt_reason_allowed(uint8_t reason, uint8_t packet_type);

/* ---- Writing --------------------------------------------------------------------------------------------- */

static inline uint8_t *put_u8(uint8_t *out, uint8_t value)
{
    *out = value;
    return out + 1;
}

static inline uint8_t *put_u16(uint8_t *out, uint16_t value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
    return out + 2;
}

static inline uint8_t *put_u32(uint8_t *out, uint32_t value)
{
    return put_u16(put_u16(out, (uint16_t)(value >> 16)), (uint16_t)value);
}

static inline uint8_t *put_bytes(uint8_t *out, struct str bytes)
{
    if (bytes.len > 0)
        memcpy(out, bytes.data, bytes.len);
    return out + bytes.len;
}

/* Binary data or a string: two bytes of length before it. */
static inline uint8_t *put_binary(uint8_t *out, struct str bytes)
{
    assert(bytes.len <= MQTT_STRING_BYTES_MAX);
    return put_bytes(put_u16(out, (uint16_t)bytes.len), bytes);
}

static inline size_t binary_size(struct str bytes)
{
    return 2 + bytes.len;
}

/* Length of the encoded list without its prefix; NULL is an empty list. */
size_t mqtt_properties_len(const struct mqtt_properties *properties);

/* Prefix and list: the size, given the length, and the bytes. */
static inline size_t properties_size(size_t len)
{
    return mqtt_varint_size((uint32_t)len) + len;
}
uint8_t *mqtt_properties_write(uint8_t *out, const struct mqtt_properties *properties, size_t len);

/* Makes room for a packet behind buf and writes its fixed header. Returns where the body begins. */
uint8_t *mqtt_packet_begin(struct buf *buf, uint8_t type, uint8_t flags, size_t remaining_len);

static inline void packet_end(const struct buf *buf, const uint8_t *end)
{
    assert(end == buf->data + buf->len);
    (void)buf;
    (void)end;
}

#endif
