/* UNSUBSCRIBE (3.10): as SUBSCRIBE, without options.
 *
 *   packet identifier  two bytes
 *   properties         MQTT 5
 *   topic filters      strings, one or more */
#include "mqtt_internal.h"

static uint8_t check_payload(struct reader in, size_t *count)
{
    struct str filter;
    *count = 0;
    for (; reader_left(&in) > 0; (*count)++)
        if (!read_text(&in, &filter)) /* [MQTT-3.10.3-1] */
            return MQTT_MALFORMED_PACKET;
    return *count > 0 ? MQTT_SUCCESS : MQTT_PROTOCOL_ERROR; /* [MQTT-3.10.3-2] */
}

uint8_t mqtt_decode_unsubscribe(const struct mqtt_frame *frame, uint8_t version, struct mqtt_subscribe *out)
{
    *out = (struct mqtt_subscribe){0};
    mqtt_properties_init(&out->properties);
    if (!frame_header_valid(frame, version, 2)) /* [MQTT-3.10.1-1] */
        return MQTT_MALFORMED_PACKET;
    struct reader in = reader_of(frame->body, frame->body_len);
    uint8_t reason = read_list_header(&in, version, MQTT_LIST_UNSUBSCRIBE, &out->packet_id, &out->properties);
    if (reason != MQTT_SUCCESS)
        return reason;
    out->filters = reader_rest(&in);
    return check_payload(in, &out->count);
}

bool mqtt_unsubscribe_next(const struct mqtt_subscribe *unsubscribe, size_t *position, struct str *filter)
{
    struct reader in = reader_from(unsubscribe->filters, *position);
    if (!read_binary(&in, filter))
        return false;
    *position = unsubscribe->filters.len - reader_left(&in);
    return true;
}

void mqtt_encode_unsubscribe(struct buf *buf, uint8_t version, uint16_t packet_id,
                             const struct mqtt_properties *properties, const struct str *filters,
                             size_t count)
{
    assert(packet_id != 0 && count > 0);
    size_t props_len = version == MQTT_5 ? mqtt_properties_len(properties) : 0;
    size_t size = 2 + (version == MQTT_5 ? properties_size(props_len) : 0);
    for (size_t i = 0; i < count; i++)
        size += binary_size(filters[i]);

    uint8_t *out = mqtt_packet_begin(buf, MQTT_UNSUBSCRIBE, 2, size);
    out = put_u16(out, packet_id);
    if (version == MQTT_5)
        out = mqtt_properties_write(out, properties, props_len);
    for (size_t i = 0; i < count; i++)
        out = put_binary(out, filters[i]);
    packet_end(buf, out);
}
