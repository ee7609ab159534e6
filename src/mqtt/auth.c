/* AUTH (3.15), MQTT 5 only.
 *
 *   reason code  byte
 *   properties   with the authentication method at least
 *
 * Success without properties is an empty body; every other AUTH names its method (3.15.2.2.2). */
#include "mqtt_internal.h"

uint8_t mqtt_decode_auth(const struct mqtt_frame *frame, struct mqtt_disconnect *out)
{
    *out = (struct mqtt_disconnect){0};
    mqtt_properties_init(&out->properties);
    if (!frame_header_valid(frame, MQTT_5, 0)) /* [MQTT-3.15.1-1] */
        return MQTT_MALFORMED_PACKET;
    struct reader in = reader_of(frame->body, frame->body_len);
    if (!read_u8(&in, &out->reason))
        return MQTT_SUCCESS;
    uint8_t reason = mqtt_read_properties(&in, MQTT_LIST_AUTH, &out->properties);
    if (reason != MQTT_SUCCESS)
        return reason;
    if (reader_left(&in) > 0)
        return MQTT_MALFORMED_PACKET;
    if (!mqtt_reason_allowed(out->reason, MQTT_AUTH)) /* [MQTT-3.15.2-1] */
        return MQTT_PROTOCOL_ERROR;
    return MQTT_HAS(&out->properties, MQTT_PROP_AUTH_METHOD) ? MQTT_SUCCESS : MQTT_PROTOCOL_ERROR;
}

void mqtt_encode_auth(struct buf *buf, uint8_t reason, const struct mqtt_properties *properties)
{
    size_t props_len = mqtt_properties_len(properties);
    bool empty = reason == MQTT_SUCCESS && props_len == 0;
    uint8_t *out = mqtt_packet_begin(buf, MQTT_AUTH, 0, empty ? 0 : 1 + properties_size(props_len));
    if (!empty) {
        out = put_u8(out, reason);
        out = mqtt_properties_write(out, properties, props_len);
    }
    packet_end(buf, out);
}
