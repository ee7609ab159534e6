/* CONNACK (3.2): the server's answer to CONNECT.
 *
 *   acknowledge flags  byte: bit 0 session present, the others 0; 3.1 does not use the byte
 *   reason code        byte: 0 to 5 before MQTT 5
 *   properties         MQTT 5 */
#include "mqtt_internal.h"

#define CODE_V3_MAX 5

uint8_t mqtt_decode_connack(const struct mqtt_frame *frame, uint8_t version, struct mqtt_connack *out)
{
    *out = (struct mqtt_connack){0};
    mqtt_properties_init(&out->properties);
    struct reader in = reader_of(frame->body, frame->body_len);
    uint8_t flags;
    if (!frame_header_valid(frame, version, 0) || !read_u8(&in, &flags) || !read_u8(&in, &out->reason))
        return MQTT_MALFORMED_PACKET;
    if (version == MQTT_3_1)
        flags = 0;
    if (flags > 1) /* [MQTT-3.2.2-1] */
        return MQTT_MALFORMED_PACKET;
    out->session_present = flags & 1;
    if (version == MQTT_5) {
        uint8_t reason = mqtt_read_properties(&in, MQTT_LIST_CONNACK, &out->properties);
        if (reason != MQTT_SUCCESS)
            return reason;
    }
    if (reader_left(&in) > 0)
        return MQTT_MALFORMED_PACKET;

    bool known = version == MQTT_5 ? mqtt_reason_allowed(out->reason, MQTT_CONNACK) /* [MQTT-3.2.2-8] */
                                   : out->reason <= CODE_V3_MAX;
    if (!known || (out->session_present && out->reason != MQTT_SUCCESS)) /* [MQTT-3.2.2-6] */
        return MQTT_PROTOCOL_ERROR;
    return MQTT_SUCCESS;
}

void mqtt_encode_connack(struct buf *buf, uint8_t version, const struct mqtt_connack *connack)
{
    bool five = version == MQTT_5;
    bool session_present = connack->session_present && connack->reason == MQTT_SUCCESS && version != MQTT_3_1;
    size_t props_len = five ? mqtt_properties_len(&connack->properties) : 0;
    uint8_t *out = mqtt_packet_begin(buf, MQTT_CONNACK, 0, 2 + (five ? properties_size(props_len) : 0));
    out = put_u8(out, session_present);
    out = put_u8(out, five ? connack->reason : mqtt_connack_code_v3(connack->reason));
    if (five)
        out = mqtt_properties_write(out, &connack->properties, props_len);
    packet_end(buf, out);
}
