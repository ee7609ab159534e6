/* SUBSCRIBE (3.8).
 *
 *   packet identifier  two bytes
 *   properties         MQTT 5
 *   once or more:
 *     topic filter     string
 *     options          byte: bits 1–0 QoS; MQTT 5: 2 no local, 3 retain as published, 5–4 retain handling;
 *                      the others are reserved
 *
 * The decoder walks the payload once to check it; mqtt_subscribe_next() walks it again without checks. Whether a
 * filter is a valid topic filter is not asked here: SUBACK answers that for each one. */
#include "mqtt_internal.h"

enum {
    OPTION_QOS = 0x03,
    OPTION_NO_LOCAL = 0x04,
    OPTION_RETAIN_AS_PUBLISHED = 0x08,
    OPTION_RETAIN_HANDLING_SHIFT = 4,
    OPTION_RESERVED = 0xC0,
    OPTION_RESERVED_V3 = 0xFC
};

static uint8_t check_options(uint8_t version, struct str filter, uint8_t options)
{
    if (options & (version == MQTT_5 ? OPTION_RESERVED : OPTION_RESERVED_V3)) /* [MQTT-3.8.3-5] */
        return MQTT_MALFORMED_PACKET;
    if ((options & OPTION_QOS) == 3 || (options >> OPTION_RETAIN_HANDLING_SHIFT & 3) == 3)
        return version == MQTT_5 ? MQTT_PROTOCOL_ERROR : MQTT_MALFORMED_PACKET;
    if ((options & OPTION_NO_LOCAL) && str_starts(filter, STR("$share/"))) /* [MQTT-3.8.3-4] */
        return MQTT_PROTOCOL_ERROR;
    return MQTT_SUCCESS;
}

static uint8_t check_payload(struct reader in, uint8_t version, size_t *count)
{
    *count = 0;
    while (reader_left(&in) > 0) {
        struct str filter;
        uint8_t options;
        if (!read_text(&in, &filter) || !read_u8(&in, &options)) /* [MQTT-3.8.3-1] */
            return MQTT_MALFORMED_PACKET;
        uint8_t reason = check_options(version, filter, options);
        if (reason != MQTT_SUCCESS)
            return reason;
        (*count)++;
    }
    return *count > 0 ? MQTT_SUCCESS : MQTT_PROTOCOL_ERROR; /* [MQTT-3.8.3-2] */
}

uint8_t mqtt_decode_subscribe(const struct mqtt_frame *frame, uint8_t version, struct mqtt_subscribe *out)
{
    *out = (struct mqtt_subscribe){0};
    mqtt_properties_init(&out->properties);
    if (!frame_header_valid(frame, version, 2)) /* [MQTT-3.8.1-1] */
        return MQTT_MALFORMED_PACKET;
    struct reader in = reader_of(frame->body, frame->body_len);
    uint8_t reason = read_list_header(&in, version, MQTT_LIST_SUBSCRIBE, &out->packet_id, &out->properties);
    if (reason != MQTT_SUCCESS)
        return reason;
    out->filters = reader_rest(&in);
    return check_payload(in, version, &out->count);
}

bool mqtt_subscribe_next(const struct mqtt_subscribe *subscribe, size_t *position,
                         struct mqtt_subscription *out)
{
    struct reader in = reader_from(subscribe->filters, *position);
    uint8_t options;
    if (!read_binary(&in, &out->filter) || !read_u8(&in, &options))
        return false;
    out->qos = options & OPTION_QOS;
    out->no_local = options & OPTION_NO_LOCAL;
    out->retain_as_published = options & OPTION_RETAIN_AS_PUBLISHED;
    out->retain_handling = options >> OPTION_RETAIN_HANDLING_SHIFT & 3;
    *position = subscribe->filters.len - reader_left(&in);
    return true;
}

static uint8_t options_of(uint8_t version, const struct mqtt_subscription *subscription)
{
    assert(subscription->qos <= 2 && subscription->retain_handling <= 2);
    unsigned options = subscription->qos;
    if (version != MQTT_5)
        return (uint8_t)options;
    if (subscription->no_local)
        options |= OPTION_NO_LOCAL;
    if (subscription->retain_as_published)
        options |= OPTION_RETAIN_AS_PUBLISHED;
    return (uint8_t)(options | (unsigned)subscription->retain_handling << OPTION_RETAIN_HANDLING_SHIFT);
}

void mqtt_encode_subscribe(struct buf *buf, uint8_t version, uint16_t packet_id,
                           const struct mqtt_properties *properties,
                           const struct mqtt_subscription *subscriptions, size_t count)
{
    assert(packet_id != 0 && count > 0);
    size_t props_len = version == MQTT_5 ? mqtt_properties_len(properties) : 0;
    size_t size = 2 + (version == MQTT_5 ? properties_size(props_len) : 0);
    for (size_t i = 0; i < count; i++)
        size += binary_size(subscriptions[i].filter) + 1;

    uint8_t *out = mqtt_packet_begin(buf, MQTT_SUBSCRIBE, 2, size);
    out = put_u16(out, packet_id);
    if (version == MQTT_5)
        out = mqtt_properties_write(out, properties, props_len);
    for (size_t i = 0; i < count; i++) {
        out = put_binary(out, subscriptions[i].filter);
        out = put_u8(out, options_of(version, &subscriptions[i]));
    }
    packet_end(buf, out);
}
