/* Any packet in any version behind one face, so that tests and fuzz targets can say "decode, encode, decode again:
 * equal" once for all types. */
#ifndef TESTS_MQTT_ANY_PACKET_H
#define TESTS_MQTT_ANY_PACKET_H

#include "base/arena.h"
#include "mqtt/mqtt.h"

struct any_packet {
    uint8_t type;
    uint8_t version;
    struct mqtt_connect connect;
    struct mqtt_connack connack;
    struct mqtt_publish publish;
    struct mqtt_properties publish_properties; /* decoded from publish.raw_props */
    struct mqtt_ack ack;
    struct mqtt_subscribe subscribe;   /* and UNSUBSCRIBE */
    struct mqtt_suback suback;         /* and UNSUBACK */
    struct mqtt_disconnect disconnect; /* and AUTH */
};

/* Decodes a frame of any type; a PUBLISH with its properties, as a broker does. AUTH and types that the version
 * does not have are a protocol error. */
static inline uint8_t any_decode(const struct mqtt_frame *frame, uint8_t version, struct any_packet *out)
{
    uint8_t reason;
    memset(out, 0, sizeof *out);
    out->type = frame->type;
    out->version = version;
    switch (frame->type) {
    case MQTT_CONNECT:
        reason = mqtt_decode_connect(frame, &out->connect);
        out->version = out->connect.version;
        return reason;
    case MQTT_CONNACK: return mqtt_decode_connack(frame, version, &out->connack);
    case MQTT_PUBLISH:
        reason = mqtt_decode_publish(frame, version, &out->publish);
        mqtt_properties_init(&out->publish_properties);
        if (reason != MQTT_SUCCESS || out->publish.raw_props.len == 0)
            return reason;
        return mqtt_properties_decode((const uint8_t *)out->publish.raw_props.data,
                                      out->publish.raw_props.len, MQTT_LIST_PUBLISH,
                                      &out->publish_properties);
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP: return mqtt_decode_ack(frame, version, &out->ack);
    case MQTT_SUBSCRIBE: return mqtt_decode_subscribe(frame, version, &out->subscribe);
    case MQTT_UNSUBSCRIBE: return mqtt_decode_unsubscribe(frame, version, &out->subscribe);
    case MQTT_SUBACK:
    case MQTT_UNSUBACK: return mqtt_decode_suback(frame, version, &out->suback);
    case MQTT_PINGREQ:
    case MQTT_PINGRESP: return mqtt_decode_empty(frame);
    case MQTT_DISCONNECT: return mqtt_decode_disconnect(frame, version, &out->disconnect);
    case MQTT_AUTH:
        return version == MQTT_5 ? mqtt_decode_auth(frame, &out->disconnect) : MQTT_PROTOCOL_ERROR;
    }
    return MQTT_MALFORMED_PACKET;
}

/* Gives a decoded list the user properties that an encoder writes. They live in `arena`. */
static inline void carry_user_properties(struct arena *arena, struct mqtt_properties *properties)
{
    struct buf encoded = {0};
    struct str key, value;
    size_t position = 0;
    while (mqtt_user_property_next(properties->raw, &position, &key, &value))
        mqtt_user_property_append(&encoded, key, value);
    properties->user_encoded = arena_str(arena, buf_str(&encoded));
    buf_free(&encoded);
}

static inline void any_encode_subscribe(struct buf *buf, const struct any_packet *packet, struct arena *arena)
{
    const struct mqtt_subscribe *subscribe = &packet->subscribe;
    struct mqtt_subscription *list = arena_alloc(arena, (subscribe->count + 1) * sizeof *list);
    size_t count = 0;
    for (size_t position = 0; count <= subscribe->count; count++)
        if (!mqtt_subscribe_next(subscribe, &position, &list[count]))
            break;
    assert(count == subscribe->count);
    mqtt_encode_subscribe(buf, packet->version, subscribe->packet_id, &subscribe->properties, list, count);
}

static inline void any_encode_unsubscribe(struct buf *buf, const struct any_packet *packet,
                                          struct arena *arena)
{
    const struct mqtt_subscribe *subscribe = &packet->subscribe;
    struct str *list = arena_alloc(arena, (subscribe->count + 1) * sizeof *list);
    size_t count = 0;
    for (size_t position = 0; count <= subscribe->count; count++)
        if (!mqtt_unsubscribe_next(subscribe, &position, &list[count]))
            break;
    assert(count == subscribe->count);
    mqtt_encode_unsubscribe(buf, packet->version, subscribe->packet_id, &subscribe->properties, list, count);
}

/* Encodes what any_decode() has filled. Scratch memory comes from `arena`. */
static inline void any_encode(struct buf *buf, struct any_packet *packet, struct arena *arena)
{
    uint8_t version = packet->version;
    struct mqtt_suback *suback = &packet->suback;
    switch (packet->type) {
    case MQTT_CONNECT:
        carry_user_properties(arena, &packet->connect.properties);
        carry_user_properties(arena, &packet->connect.will.properties);
        mqtt_encode_connect(buf, &packet->connect);
        break;
    case MQTT_CONNACK:
        carry_user_properties(arena, &packet->connack.properties);
        mqtt_encode_connack(buf, version, &packet->connack);
        break;
    case MQTT_PUBLISH: mqtt_encode_publish(buf, version, &packet->publish); break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
        carry_user_properties(arena, &packet->ack.properties);
        mqtt_encode_ack(buf, version, packet->type, packet->ack.packet_id, packet->ack.reason,
                        &packet->ack.properties);
        break;
    case MQTT_SUBSCRIBE:
        carry_user_properties(arena, &packet->subscribe.properties);
        any_encode_subscribe(buf, packet, arena);
        break;
    case MQTT_UNSUBSCRIBE:
        carry_user_properties(arena, &packet->subscribe.properties);
        any_encode_unsubscribe(buf, packet, arena);
        break;
    case MQTT_SUBACK:
    case MQTT_UNSUBACK:
        carry_user_properties(arena, &suback->properties);
        mqtt_encode_suback(buf, version, packet->type, suback->packet_id, &suback->properties,
                           (const uint8_t *)suback->reasons.data, suback->reasons.len);
        break;
    case MQTT_PINGREQ:
    case MQTT_PINGRESP: mqtt_encode_ping(buf, packet->type); break;
    case MQTT_DISCONNECT:
        carry_user_properties(arena, &packet->disconnect.properties);
        mqtt_encode_disconnect(buf, version, packet->disconnect.reason, &packet->disconnect.properties);
        break;
    case MQTT_AUTH:
        carry_user_properties(arena, &packet->disconnect.properties);
        mqtt_encode_auth(buf, packet->disconnect.reason, &packet->disconnect.properties);
        break;
    }
}

/* ---- Equality -------------------------------------------------------------------------------------------- */

/* Where the user properties stand: in what a decoder kept, or in what an encoder is to write. */
static inline struct str user_source(const struct mqtt_properties *properties)
{
    return properties->user_encoded.len > 0 ? properties->user_encoded : properties->raw;
}

static inline bool user_properties_equal(const struct mqtt_properties *a, const struct mqtt_properties *b)
{
    size_t position_a = 0, position_b = 0;
    for (;;) {
        struct str key_a, value_a, key_b, value_b;
        bool more_a = mqtt_user_property_next(user_source(a), &position_a, &key_a, &value_a);
        bool more_b = mqtt_user_property_next(user_source(b), &position_b, &key_b, &value_b);
        if (more_a != more_b)
            return false;
        if (!more_a)
            return true;
        if (!str_equal(key_a, key_b) || !str_equal(value_a, value_b))
            return false;
    }
}

static inline bool properties_equal(const struct mqtt_properties *a, const struct mqtt_properties *b)
{
    uint64_t user = UINT64_C(1) << MQTT_PROP_USER;
    return (a->has & ~user) == (b->has & ~user) && user_properties_equal(a, b) &&
           a->payload_format == b->payload_format && a->request_problem_info == b->request_problem_info &&
           a->request_response_info == b->request_response_info && a->maximum_qos == b->maximum_qos &&
           a->retain_available == b->retain_available && a->wildcard_available == b->wildcard_available &&
           a->subscription_id_available == b->subscription_id_available &&
           a->shared_available == b->shared_available && a->server_keep_alive == b->server_keep_alive &&
           a->receive_maximum == b->receive_maximum && a->topic_alias_maximum == b->topic_alias_maximum &&
           a->topic_alias == b->topic_alias && a->message_expiry == b->message_expiry &&
           a->session_expiry == b->session_expiry && a->will_delay == b->will_delay &&
           a->maximum_packet_size == b->maximum_packet_size && a->subscription_id == b->subscription_id &&
           str_equal(a->content_type, b->content_type) && str_equal(a->response_topic, b->response_topic) &&
           str_equal(a->correlation_data, b->correlation_data) &&
           str_equal(a->assigned_client_id, b->assigned_client_id) &&
           str_equal(a->auth_method, b->auth_method) && str_equal(a->auth_data, b->auth_data) &&
           str_equal(a->response_info, b->response_info) &&
           str_equal(a->server_reference, b->server_reference) &&
           str_equal(a->reason_string, b->reason_string);
}

static inline bool connect_equal(const struct mqtt_connect *a, const struct mqtt_connect *b)
{
    return a->version == b->version && a->bridge == b->bridge && a->clean_start == b->clean_start &&
           a->has_will == b->has_will && a->has_username == b->has_username &&
           a->has_password == b->has_password && a->keep_alive == b->keep_alive &&
           str_equal(a->client_id, b->client_id) && str_equal(a->username, b->username) &&
           str_equal(a->password, b->password) && properties_equal(&a->properties, &b->properties) &&
           str_equal(a->will.topic, b->will.topic) && str_equal(a->will.payload, b->will.payload) &&
           a->will.qos == b->will.qos && a->will.retain == b->will.retain &&
           properties_equal(&a->will.properties, &b->will.properties);
}

static inline bool publish_equal(const struct mqtt_publish *a, const struct mqtt_publish *b)
{
    return a->dup == b->dup && a->retain == b->retain && a->qos == b->qos && a->packet_id == b->packet_id &&
           str_equal(a->topic, b->topic) && str_equal(a->raw_props, b->raw_props) &&
           str_equal(a->payload, b->payload);
}

static inline bool any_equal(const struct any_packet *a, const struct any_packet *b)
{
    return a->type == b->type && a->version == b->version && connect_equal(&a->connect, &b->connect) &&
           a->connack.session_present == b->connack.session_present &&
           a->connack.reason == b->connack.reason &&
           properties_equal(&a->connack.properties, &b->connack.properties) &&
           publish_equal(&a->publish, &b->publish) &&
           properties_equal(&a->publish_properties, &b->publish_properties) &&
           a->ack.packet_id == b->ack.packet_id && a->ack.reason == b->ack.reason &&
           properties_equal(&a->ack.properties, &b->ack.properties) &&
           a->subscribe.packet_id == b->subscribe.packet_id && a->subscribe.count == b->subscribe.count &&
           str_equal(a->subscribe.filters, b->subscribe.filters) &&
           properties_equal(&a->subscribe.properties, &b->subscribe.properties) &&
           a->suback.packet_id == b->suback.packet_id && str_equal(a->suback.reasons, b->suback.reasons) &&
           properties_equal(&a->suback.properties, &b->suback.properties) &&
           a->disconnect.reason == b->disconnect.reason &&
           properties_equal(&a->disconnect.properties, &b->disconnect.properties);
}

#endif
