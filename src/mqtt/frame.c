/* The fixed header (MQTT 5, 2.1) and the checks of text that every packet needs.
 *
 *   byte 0     type << 4 | flags
 *   byte 1–4   remaining length: a variable byte integer, seven bits a byte, lowest first
 *   then       the body: variable header and payload
 *
 * mqtt_frame_scan() in mqtt.h answers for the two-byte header of a packet below 128 bytes in line; what is
 * longer or incomplete comes here. */
#include "mqtt_internal.h"

enum mqtt_scan mqtt_frame_scan_long(uint8_t *data, size_t len, size_t max_packet_bytes,
                                    struct mqtt_frame *frame)
{
    frame->total_len = 0;
    if (len < 1)
        return MQTT_SCAN_MORE;
    frame->type = data[0] >> 4;
    frame->flags = data[0] & 0x0F;
    if (frame->type == 0)
        return MQTT_SCAN_MALFORMED;

    size_t remaining = 0;
    size_t header_len = 0;
    for (size_t at = 1; at < MQTT_FIXED_HEADER_MAX && header_len == 0; at++) {
        if (at == len)
            return MQTT_SCAN_MORE;
        remaining |= (size_t)(data[at] & 0x7F) << (7 * (at - 1));
        if (data[at] < 0x80)
            header_len = at + 1;
    }
    if (header_len == 0)
        return MQTT_SCAN_MALFORMED;

    frame->body = data + header_len;
    frame->body_len = remaining;
    frame->total_len = header_len + remaining;
    if (frame->total_len > max_packet_bytes)
        return MQTT_SCAN_TOO_LARGE;
    return len >= frame->total_len ? MQTT_SCAN_OK : MQTT_SCAN_MORE;
}

uint8_t *mqtt_packet_begin(struct buf *buf, uint8_t type, uint8_t flags, size_t remaining_len)
{
    assert(remaining_len <= MQTT_REMAINING_LENGTH_MAX);
    buf_reserve(buf, MQTT_FIXED_HEADER_MAX + remaining_len);
    uint8_t *out = buf->data + buf->len;
    out = put_u8(out, (uint8_t)(type << 4 | flags));
    out += mqtt_varint_write(out, (uint32_t)remaining_len);
    buf->len = (size_t)(out - buf->data) + remaining_len;
    return out;
}

bool mqtt_text_valid_slow(const uint8_t *data, size_t len)
{
    return memchr(data, 0, len) == NULL && utf8_valid(data, len);
}

uint8_t mqtt_name_check_slow(const uint8_t *data, size_t len)
{
    if (!mqtt_text_valid_slow(data, len))
        return MQTT_MALFORMED_PACKET;
    if (memchr(data, '+', len) != NULL || memchr(data, '#', len) != NULL)
        return MQTT_BAD_TOPIC_NAME;
    return MQTT_SUCCESS;
}
