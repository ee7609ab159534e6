/* PUBLISH (3.3): the packet that a broker spends its life on.
 *
 *   topic name         two bytes of length, UTF-8
 *   packet identifier  two bytes, only for QoS 1 and 2
 *   property length    variable byte integer, MQTT 5
 *   properties         MQTT 5
 *   payload            the rest
 *
 * Decoding touches each byte of the topic once, eight at a time, and copies nothing. The property list is only
 * split off: most messages have none, and who forwards one needs it decoded at most once. */
#include "mqtt_internal.h"

/* Splits off the property list; an empty one with an empty topic has no topic alias to stand for it. */
static uint8_t read_raw_properties(struct reader *in, struct mqtt_publish *out)
{
    uint32_t len;
    if (in->at < in->end && *in->at == 0) {
        in->at++;
        len = 0;
    } else if (!read_varint(in, &len)) {
        return MQTT_MALFORMED_PACKET;
    }
    if (!read_bytes(in, len, &out->raw_props))
        return MQTT_MALFORMED_PACKET;
    return len == 0 && out->topic.len == 0 ? MQTT_PROTOCOL_ERROR : MQTT_SUCCESS;
}

uint8_t mqtt_decode_publish(const struct mqtt_frame *frame, uint8_t version, struct mqtt_publish *out)
{
    struct reader in = {frame->body, frame->body + frame->body_len};
    uint8_t flags = frame->flags;
    out->retain = flags & 1;
    out->qos = flags >> 1 & 3;
    out->dup = flags >> 3;
    out->packet_id = 0;
    out->raw_props = STR_NONE;
    if (out->qos == 3) /* [MQTT-3.3.1-4] */
        return MQTT_MALFORMED_PACKET;
    if (out->dup && out->qos == 0) { /* [MQTT-3.3.1-2]; 3.1 gives the flag no meaning there */
        if (version != MQTT_3_1)
            return MQTT_MALFORMED_PACKET;
        out->dup = false;
    }

    if (!read_binary(&in, &out->topic))
        return MQTT_MALFORMED_PACKET;
    uint8_t reason = mqtt_name_check((const uint8_t *)out->topic.data, out->topic.len);
    if (reason != MQTT_SUCCESS)
        return reason;
    if (out->qos > 0) {
        reason = read_packet_id(&in, &out->packet_id);
        if (reason != MQTT_SUCCESS)
            return reason;
    }
    if (version == MQTT_5) {
        if (frame->total_len - frame->body_len != 1 + mqtt_varint_size((uint32_t)frame->body_len))
            return MQTT_MALFORMED_PACKET; /* [MQTT-1.5.5-1] */
        reason = read_raw_properties(&in, out);
        if (reason != MQTT_SUCCESS)
            return reason;
    } else if (out->topic.len == 0) {
        return MQTT_BAD_TOPIC_NAME;
    }
    out->payload = reader_rest(&in);
    return MQTT_SUCCESS;
}

/* Copies `half` bytes from either end of `bytes`: half <= bytes.len <= 2 * half. Inlined with a constant half, each
 * copy is a load and a store. */
static inline __attribute__((always_inline)) void put_halves(uint8_t *out, struct str bytes, size_t half)
{
    memcpy(out, bytes.data, half);
    memcpy(out + bytes.len - half, bytes.data + bytes.len - half, half);
}

/* Topics and property lists are mostly short: fixed-size copies spare the call of memcpy. */
static inline uint8_t *put_short(uint8_t *out, struct str bytes)
{
    if (bytes.len > 64)
        return put_bytes(out, bytes);
    if (bytes.len > 32)
        put_halves(out, bytes, 32);
    else if (bytes.len > 16)
        put_halves(out, bytes, 16);
    else if (bytes.len >= 8)
        put_halves(out, bytes, 8);
    else if (bytes.len >= 4)
        put_halves(out, bytes, 4);
    else if (bytes.len >= 2)
        put_halves(out, bytes, 2);
    else if (bytes.len == 1)
        *out = (uint8_t)bytes.data[0];
    return out + bytes.len;
}

uint8_t *mqtt_publish_write_head(uint8_t *out, uint8_t version, const struct mqtt_publish *publish,
                                 struct str extra_props, const struct mqtt_publish_layout *layout)
{
    const uint8_t *start = out;
    assert(publish->topic.len <= MQTT_STRING_BYTES_MAX);
    *out++ = (uint8_t)(MQTT_PUBLISH << 4 | publish->dup << 3 | publish->qos << 1 | publish->retain);
    out += mqtt_varint_write(out, layout->remaining_len);
    out = put_u16(out, (uint16_t)publish->topic.len);
    out = put_short(out, publish->topic);
    if (publish->qos > 0)
        out = put_u16(out, publish->packet_id);
    if (version == MQTT_5) {
        size_t props_len = extra_props.len + publish->raw_props.len;
        if (props_len == 0) {
            *out++ = 0; /* [MQTT-2.2.2-1] */
        } else {
            out += mqtt_varint_write(out, (uint32_t)props_len);
            out = put_short(out, extra_props);
            out = put_short(out, publish->raw_props);
        }
    }
    assert((size_t)(out - start) == layout->head_len);
    (void)start;
    return out;
}

void mqtt_encode_publish(struct buf *buf, uint8_t version, const struct mqtt_publish *publish)
{
    struct mqtt_publish_layout layout;
    bool fits = mqtt_publish_layout(version, publish, 0, &layout);
    assert(fits);
    if (!fits)
        return;
    buf_reserve(buf, layout.head_len + publish->payload.len);
    uint8_t *out = mqtt_publish_write_head(buf->data + buf->len, version, publish, STR_NONE, &layout);
    out = put_bytes(out, publish->payload);
    buf->len = (size_t)(out - buf->data);
}
