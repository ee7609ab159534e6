/* PINGREQ and PINGRESP (3.12, 3.13): two bytes, no body. */
#include "mqtt_internal.h"

uint8_t mqtt_decode_empty(const struct mqtt_frame *frame)
{
    return frame->flags == 0 && frame->body_len == 0 ? MQTT_SUCCESS : MQTT_MALFORMED_PACKET;
}

void mqtt_encode_ping(struct buf *buf, uint8_t type)
{
    assert(type == MQTT_PINGREQ || type == MQTT_PINGRESP);
    packet_end(buf, mqtt_packet_begin(buf, type, 0, 0));
}
