/* SUBACK and UNSUBACK (3.9, 3.11).
 *
 *   packet identifier  two bytes
 *   properties         MQTT 5
 *   reason codes       one byte for each topic filter, in its order; none in an UNSUBACK before MQTT 5 */
#include "mqtt_internal.h"

#define FAILURE_V3 0x80

static bool reason_known(uint8_t version, uint8_t type, uint8_t reason)
{
    if (version == MQTT_5)
        return mqtt_reason_allowed(reason, type); /* [MQTT-3.9.3-2] [MQTT-3.11.3-2] */
    return reason <= 2 || reason == FAILURE_V3;
}

uint8_t mqtt_decode_suback(const struct mqtt_frame *frame, uint8_t version, struct mqtt_suback *out)
{
    assert(frame->type == MQTT_SUBACK || frame->type == MQTT_UNSUBACK);
    *out = (struct mqtt_suback){0};
    mqtt_properties_init(&out->properties);
    if (!frame_header_valid(frame, version, 0))
        return MQTT_MALFORMED_PACKET;
    struct reader in = reader_of(frame->body, frame->body_len);
    uint8_t reason = read_list_header(&in, version, MQTT_LIST_ACK, &out->packet_id, &out->properties);
    if (reason != MQTT_SUCCESS)
        return reason;

    out->reasons = reader_rest(&in);
    if (frame->type == MQTT_UNSUBACK && version != MQTT_5)
        return out->reasons.len == 0 ? MQTT_SUCCESS : MQTT_MALFORMED_PACKET;
    if (out->reasons.len == 0) /* a request has at least one filter */
        return MQTT_PROTOCOL_ERROR;
    for (size_t i = 0; i < out->reasons.len; i++)
        if (!reason_known(version, frame->type, (uint8_t)out->reasons.data[i]))
            return MQTT_PROTOCOL_ERROR;
    return MQTT_SUCCESS;
}

void mqtt_encode_suback(struct buf *buf, uint8_t version, uint8_t type, uint16_t packet_id,
                        const struct mqtt_properties *properties, const uint8_t *reasons, size_t count)
{
    assert((type == MQTT_SUBACK || type == MQTT_UNSUBACK) && packet_id != 0);
    bool five = version == MQTT_5;
    if (type == MQTT_UNSUBACK && !five)
        count = 0;
    size_t props_len = five ? mqtt_properties_len(properties) : 0;
    uint8_t *out = mqtt_packet_begin(buf, type, 0, 2 + (five ? properties_size(props_len) : 0) + count);
    out = put_u16(out, packet_id);
    if (five)
        out = mqtt_properties_write(out, properties, props_len);
    for (size_t i = 0; i < count; i++)
        out = put_u8(out, !five && reasons[i] >= 0x80 ? FAILURE_V3 : reasons[i]);
    packet_end(buf, out);
}
