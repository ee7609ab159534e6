/* CONNECT (3.1): who the client is and what it leaves behind.
 *
 *   protocol name   string: "MQTT" for 3.1.1 and 5, "MQIsdp" for 3.1
 *   level           byte: 3, 4, 5; bit 7 marks a bridge before MQTT 5
 *   connect flags   bit 7 user name, 6 password, 5 will retain, 4–3 will QoS, 2 will, 1 clean start, 0 reserved
 *   keep alive      two bytes, seconds
 *   properties      MQTT 5
 *   client id       string
 *   will            properties (MQTT 5), topic string, payload as binary data
 *   user name       string
 *   password        binary data
 *
 * The three versions differ in strictness: 3.1 gives the reserved bit and the will bits without a will no
 * meaning, lets a user name or password be announced and missing, and has no client id of zero bytes; 3.1.1
 * allows that only with a clean session; before MQTT 5 a password needs a user name. */
#include "mqtt_internal.h"

enum {
    CONNECT_RESERVED = 0x01,
    CONNECT_CLEAN_START = 0x02,
    CONNECT_WILL = 0x04,
    CONNECT_WILL_QOS_SHIFT = 3,
    CONNECT_WILL_BITS = 0x38, /* QoS and retain */
    CONNECT_WILL_RETAIN = 0x20,
    CONNECT_PASSWORD = 0x40,
    CONNECT_USERNAME = 0x80
};

#define BRIDGE_BIT 0x80

static bool flags_valid(uint8_t version, uint8_t flags)
{
    if ((flags >> CONNECT_WILL_QOS_SHIFT & 3) == 3) /* [MQTT-3.1.2-12] */
        return false;
    if (version != MQTT_5 && (flags & CONNECT_PASSWORD) && !(flags & CONNECT_USERNAME))
        return false;
    if (version == MQTT_3_1)
        return true;
    if (flags & CONNECT_RESERVED) /* [MQTT-3.1.2-3] */
        return false;
    return (flags & CONNECT_WILL) || !(flags & CONNECT_WILL_BITS); /* [MQTT-3.1.2-11] [MQTT-3.1.2-13] */
}

/* Protocol name and level into out->version and out->bridge. */
static uint8_t read_version(struct reader *in, struct mqtt_connect *out)
{
    struct str name;
    uint8_t level;
    if (!read_binary(in, &name) || !read_u8(in, &level))
        return MQTT_MALFORMED_PACKET;
    bool bridge = level & BRIDGE_BIT;
    uint8_t version = level & (uint8_t)~BRIDGE_BIT;
    bool known = str_equal(name, STR("MQTT"))     ? version == MQTT_3_1_1 || level == MQTT_5
                 : str_equal(name, STR("MQIsdp")) ? version == MQTT_3_1
                                                  : false;
    out->version = known ? version : level;
    out->bridge = known && bridge;
    return known ? MQTT_SUCCESS : MQTT_UNSUPPORTED_VERSION; /* [MQTT-3.1.2-1] [MQTT-3.1.2-2] */
}

static uint8_t read_will(struct reader *in, uint8_t version, struct mqtt_will *will)
{
    uint8_t reason;
    if (version == MQTT_5) {
        reason = mqtt_read_properties(in, MQTT_LIST_WILL, &will->properties);
        if (reason != MQTT_SUCCESS)
            return reason;
    }
    if (!read_binary(in, &will->topic))
        return MQTT_MALFORMED_PACKET;
    reason = mqtt_name_check((const uint8_t *)will->topic.data, will->topic.len);
    if (reason != MQTT_SUCCESS)
        return reason;
    if (!read_binary(in, &will->payload))
        return MQTT_MALFORMED_PACKET;
    return will->topic.len > 0 ? MQTT_SUCCESS : MQTT_BAD_TOPIC_NAME; /* [MQTT-4.7.3-1] */
}

/* Whether a field that the flags announce is there: 3.1 lets it be missing at the end of the packet. */
static bool announced(const struct reader *in, uint8_t version, bool flag)
{
    return flag && !(version == MQTT_3_1 && reader_left(in) == 0);
}

static uint8_t read_payload(struct reader *in, struct mqtt_connect *out)
{
    if (!read_text(in, &out->client_id)) /* [MQTT-3.1.3-3] [MQTT-3.1.3-4] */
        return MQTT_MALFORMED_PACKET;
    if (out->has_will) {
        uint8_t reason = read_will(in, out->version, &out->will);
        if (reason != MQTT_SUCCESS)
            return reason;
    }
    out->has_username = announced(in, out->version, out->has_username);
    if (out->has_username && !read_text(in, &out->username)) /* [MQTT-3.1.3-12] */
        return MQTT_MALFORMED_PACKET;
    out->has_password = announced(in, out->version, out->has_password);
    if (out->has_password && !read_binary(in, &out->password))
        return MQTT_MALFORMED_PACKET;
    if (reader_left(in) > 0)
        return MQTT_MALFORMED_PACKET;
    if (out->client_id.len == 0 &&
        (out->version == MQTT_3_1 || (out->version == MQTT_3_1_1 && !out->clean_start)))
        return MQTT_BAD_CLIENT_ID;
    return MQTT_SUCCESS;
}

uint8_t mqtt_decode_connect(const struct mqtt_frame *frame, struct mqtt_connect *out)
{
    *out = (struct mqtt_connect){0};
    mqtt_properties_init(&out->properties);
    mqtt_properties_init(&out->will.properties);
    struct reader in = reader_of(frame->body, frame->body_len);
    uint8_t reason = read_version(&in, out);
    if (reason != MQTT_SUCCESS)
        return reason;
    if (!frame_header_valid(frame, out->version, 0))
        return MQTT_MALFORMED_PACKET;

    uint8_t flags;
    if (!read_u8(&in, &flags) || !read_u16(&in, &out->keep_alive) || !flags_valid(out->version, flags))
        return MQTT_MALFORMED_PACKET;
    out->clean_start = flags & CONNECT_CLEAN_START;
    out->has_will = flags & CONNECT_WILL;
    out->has_username = flags & CONNECT_USERNAME;
    out->has_password = flags & CONNECT_PASSWORD;
    if (out->has_will) {
        out->will.qos = flags >> CONNECT_WILL_QOS_SHIFT & 3;
        out->will.retain = flags & CONNECT_WILL_RETAIN;
    }
    if (out->version == MQTT_5) {
        reason = mqtt_read_properties(&in, MQTT_LIST_CONNECT, &out->properties);
        if (reason != MQTT_SUCCESS)
            return reason;
    }
    return read_payload(&in, out);
}

static uint8_t flags_of(const struct mqtt_connect *connect)
{
    unsigned flags = 0;
    if (connect->clean_start)
        flags |= CONNECT_CLEAN_START;
    if (connect->has_will) {
        flags |= CONNECT_WILL | (unsigned)connect->will.qos << CONNECT_WILL_QOS_SHIFT;
        if (connect->will.retain)
            flags |= CONNECT_WILL_RETAIN;
    }
    if (connect->has_username)
        flags |= CONNECT_USERNAME;
    if (connect->has_password)
        flags |= CONNECT_PASSWORD;
    return (uint8_t)flags;
}

void mqtt_encode_connect(struct buf *buf, const struct mqtt_connect *connect)
{
    bool five = connect->version == MQTT_5;
    const struct mqtt_will *will = connect->has_will ? &connect->will : NULL;
    struct str name = connect->version == MQTT_3_1 ? STR("MQIsdp") : STR("MQTT");
    size_t props_len = five ? mqtt_properties_len(&connect->properties) : 0;
    size_t will_props_len = five && will != NULL ? mqtt_properties_len(&will->properties) : 0;
    uint8_t flags = flags_of(connect);
    assert(flags_valid(connect->version, flags));

    size_t size = binary_size(name) + 1 + 1 + 2 + binary_size(connect->client_id);
    if (five)
        size += properties_size(props_len) + (will != NULL ? properties_size(will_props_len) : 0);
    if (will != NULL)
        size += binary_size(will->topic) + binary_size(will->payload);
    if (connect->has_username)
        size += binary_size(connect->username);
    if (connect->has_password)
        size += binary_size(connect->password);

    uint8_t *out = mqtt_packet_begin(buf, MQTT_CONNECT, 0, size);
    out = put_binary(out, name);
    out = put_u8(out, (uint8_t)(connect->version | (connect->bridge && !five ? BRIDGE_BIT : 0)));
    out = put_u8(out, flags);
    out = put_u16(out, connect->keep_alive);
    if (five)
        out = mqtt_properties_write(out, &connect->properties, props_len);
    out = put_binary(out, connect->client_id);
    if (will != NULL) {
        if (five)
            out = mqtt_properties_write(out, &will->properties, will_props_len);
        out = put_binary(put_binary(out, will->topic), will->payload);
    }
    if (connect->has_username)
        out = put_binary(out, connect->username);
    if (connect->has_password)
        out = put_binary(out, connect->password);
    packet_end(buf, out);
}
