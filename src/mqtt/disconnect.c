/* DISCONNECT (3.14): empty before MQTT 5.
 *
 *   reason code  byte; left out where it is 0 and there are no properties
 *   properties   left out, with their length, where there are none */
#include "mqtt_internal.h"

uint8_t mqtt_decode_disconnect(const struct mqtt_frame *frame, uint8_t version, struct mqtt_disconnect *out)
{
    *out = (struct mqtt_disconnect){0};
    mqtt_properties_init(&out->properties);
    if (!frame_header_valid(frame, version, 0)) /* [MQTT-3.14.1-1] */
        return MQTT_MALFORMED_PACKET;
    struct reader in = reader_of(frame->body, frame->body_len);
    if (version == MQTT_5 && read_u8(&in, &out->reason)) {
        if (reader_left(&in) > 0) {
            uint8_t reason = mqtt_read_properties(&in, MQTT_LIST_DISCONNECT, &out->properties);
            if (reason != MQTT_SUCCESS)
                return reason;
        }
        if (!mqtt_reason_allowed(out->reason, MQTT_DISCONNECT)) /* [MQTT-3.14.2-1] */
            return MQTT_PROTOCOL_ERROR;
    }
    return reader_left(&in) == 0 ? MQTT_SUCCESS : MQTT_MALFORMED_PACKET;
}

void mqtt_encode_disconnect(struct buf *buf, uint8_t version, uint8_t reason,
                            const struct mqtt_properties *properties)
{
    size_t props_len = version == MQTT_5 ? mqtt_properties_len(properties) : 0;
    bool has_reason = version == MQTT_5 && (reason != MQTT_SUCCESS || props_len > 0);
    size_t size = (has_reason ? 1 : 0) + (props_len > 0 ? properties_size(props_len) : 0);
    uint8_t *out = mqtt_packet_begin(buf, MQTT_DISCONNECT, 0, size);
    if (has_reason)
        out = put_u8(out, reason);
    if (props_len > 0)
        out = mqtt_properties_write(out, properties, props_len);
    packet_end(buf, out);
}
