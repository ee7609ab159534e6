/* PUBACK, PUBREC, PUBREL, PUBCOMP (3.4 to 3.7): one shape for all four.
 *
 *   packet identifier  two bytes
 *   reason code        byte, MQTT 5; left out where it is 0 and there are no properties
 *   properties         MQTT 5; left out, with their length, where there are none */
#include "mqtt_internal.h"

uint8_t mqtt_decode_ack(const struct mqtt_frame *frame, uint8_t version, struct mqtt_ack *out)
{
    assert(frame->type >= MQTT_PUBACK && frame->type <= MQTT_PUBCOMP);
    *out = (struct mqtt_ack){0};
    mqtt_properties_init(&out->properties);
    if (!frame_header_valid(frame, version, frame->type == MQTT_PUBREL ? 2 : 0)) /* [MQTT-3.6.1-1] */
        return MQTT_MALFORMED_PACKET;
    struct reader in = reader_of(frame->body, frame->body_len);
    uint8_t reason = read_packet_id(&in, &out->packet_id);
    if (reason != MQTT_SUCCESS)
        return reason;
    if (version == MQTT_5 && read_u8(&in, &out->reason)) {
        if (reader_left(&in) > 0) {
            reason = mqtt_read_properties(&in, MQTT_LIST_ACK, &out->properties);
            if (reason != MQTT_SUCCESS)
                return reason;
        }
        if (!mqtt_reason_allowed(
                out->reason, frame->type)) /* [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1] */
            return MQTT_PROTOCOL_ERROR;
    }
    return reader_left(&in) == 0 ? MQTT_SUCCESS : MQTT_MALFORMED_PACKET;
}

void mqtt_encode_ack(struct buf *buf, uint8_t version, uint8_t type, uint16_t packet_id, uint8_t reason,
                     const struct mqtt_properties *properties)
{
    assert(type >= MQTT_PUBACK && type <= MQTT_PUBCOMP && packet_id != 0);
    size_t props_len = version == MQTT_5 ? mqtt_properties_len(properties) : 0;
    bool has_reason = version == MQTT_5 && (reason != MQTT_SUCCESS || props_len > 0);
    size_t size = 2 + (has_reason ? 1 : 0) + (props_len > 0 ? properties_size(props_len) : 0);
    uint8_t *out = mqtt_packet_begin(buf, type, type == MQTT_PUBREL ? 2 : 0, size);
    out = put_u16(out, packet_id);
    if (has_reason)
        out = put_u8(out, reason);
    if (props_len > 0)
        out = mqtt_properties_write(out, properties, props_len);
    packet_end(buf, out);
}
