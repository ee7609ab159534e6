/* The envelope: a message as a record of a log. The record itself has offset and time (the server's, when the message
 * came); all else is here, numbers in little endian:
 *
 *     byte 0       version: 1
 *     byte 1       bits 0-1 QoS · bit 2 retain · bit 3 it has a message id · bit 4 it has an expiry interval
 *                  · bit 5 it has an exchange; others 0
 *     bytes 2-3    T: length of the topic, 1 to 65,535
 *     bytes 4-5    C: length of the client id of the publisher, 0: none
 *     bytes 6-7    U: length of the user name, 0: none
 *     bytes 8-11   P: length of the properties
 *     bytes 12-15  message expiry interval in seconds, counted from the record's time; 0 without bit 4
 *     16           topic (T), client id (C), user name (U), properties (P),
 *                  with bit 5 the exchange at QoS 2 that brought it: 8 bytes number of the session, 4 bytes number of the
 *                  exchange, 2 bytes packet identifier, none of them 0;
 *                  payload (all that is left)
 *
 * Properties are those of the PUBLISH packet (MQTT 5, 3.3.2.3) as they came, in order, without topic alias and
 * subscription identifiers; the message id is the user property `msg-id` among them. The topic stands at a fixed place,
 * so that a filter is matched without decoding the rest; so does what tells whether the message has expired. */
#include "station/envelope.h"

#include "mqtt/mqtt.h"
#include "mqtt/topic.h"

#define VERSION        1
#define HEAD_BYTES     16
#define EXCHANGE_BYTES 14

enum { FLAG_QOS = 3, FLAG_RETAIN = 4, FLAG_ID = 8, FLAG_EXPIRY = 16, FLAG_EXCHANGE = 32, FLAGS_ALL = 63 };

static void put_16(uint8_t *out, size_t value)
{
    out[0] = (uint8_t)value;
    out[1] = (uint8_t)(value >> 8);
}

static void put_32(uint8_t *out, size_t value)
{
    put_16(out, value);
    put_16(out + 2, value >> 16);
}

static uint32_t get_16(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static uint32_t get_32(const uint8_t *at)
{
    return get_16(at) | get_16(at + 2) << 16;
}

static uint64_t get_64(const uint8_t *at)
{
    return get_32(at) | (uint64_t)get_32(at + 4) << 32;
}

static uint8_t *put_exchange(uint8_t *out, const struct publication_exchange *exchange)
{
    put_32(out, exchange->session);
    put_32(out + 4, exchange->session >> 32);
    put_32(out + 8, exchange->number);
    put_16(out + 12, exchange->packet_id);
    return out + EXCHANGE_BYTES;
}

static uint8_t *put_bytes(uint8_t *out, struct str bytes)
{
    if (bytes.len > 0)
        memcpy(out, bytes.data, bytes.len);
    return out + bytes.len;
}

bool envelope_fits(const struct station_message *message)
{
    return message->topic.len >= 1 && message->topic.len <= UINT16_MAX &&
           message->client_id.len <= UINT16_MAX && message->username.len <= UINT16_MAX &&
           message->props.len <= MQTT_REMAINING_LENGTH_MAX && message->qos <= 2;
}

size_t envelope_bytes(const struct station_message *message)
{
    return HEAD_BYTES + message->topic.len + message->client_id.len + message->username.len +
           message->props.len + (message->exchange.session != 0 ? EXCHANGE_BYTES : 0) + message->payload.len;
}

void envelope_write(const struct station_message *message, uint8_t *out)
{
    unsigned flags = message->qos;
    flags |= message->retain ? FLAG_RETAIN : 0;
    flags |= message->id.len > 0 ? FLAG_ID : 0;
    flags |= message->expiry_s > 0 ? FLAG_EXPIRY : 0;
    flags |= message->exchange.session != 0 ? FLAG_EXCHANGE : 0;
    out[0] = VERSION;
    out[1] = (uint8_t)flags;
    put_16(out + 2, message->topic.len);
    put_16(out + 4, message->client_id.len);
    put_16(out + 6, message->username.len);
    put_32(out + 8, message->props.len);
    put_32(out + 12, message->expiry_s);
    out = put_bytes(out + HEAD_BYTES, message->topic);
    out = put_bytes(out, message->client_id);
    out = put_bytes(out, message->username);
    out = put_bytes(out, message->props);
    if (message->exchange.session != 0)
        out = put_exchange(out, &message->exchange);
    put_bytes(out, message->payload);
}

bool envelope_topic(struct str record, struct str *topic)
{
    const uint8_t *at = (const uint8_t *)record.data;
    if (record.len < HEAD_BYTES || at[0] != VERSION)
        return false;
    size_t len = get_16(at + 2);
    *topic = str_make(at + HEAD_BYTES, len);
    return len > 0 && len <= record.len - HEAD_BYTES;
}

bool envelope_expiry(struct str record, uint32_t *seconds)
{
    const uint8_t *at = (const uint8_t *)record.data;
    if (record.len < HEAD_BYTES || at[0] != VERSION || (at[1] & FLAG_EXPIRY) == 0)
        return false;
    *seconds = get_32(at + 12);
    return true;
}

bool envelope_is_named(struct str record)
{
    return record.len >= HEAD_BYTES && record.data[0] == VERSION &&
           (record.data[1] & (FLAG_ID | FLAG_EXCHANGE)) != 0;
}

struct str envelope_id_of(struct str props)
{
    struct str key, value;
    for (size_t at = 0; mqtt_user_property_next(props, &at, &key, &value);) {
        if (str_equal(key, ENVELOPE_ID_KEY))
            return value;
    }
    return STR_NONE;
}

static struct str take(struct str *rest, size_t len)
{
    struct str part = str_make(rest->data, len);
    *rest = str_make(rest->data + len, rest->len - len);
    return part;
}

static bool take_exchange(struct str *rest, struct publication_exchange *out)
{
    const uint8_t *at = (const uint8_t *)take(rest, EXCHANGE_BYTES).data;
    *out = (struct publication_exchange){
        .session = get_64(at),
        .number = get_32(at + 8),
        .packet_id = (uint16_t)get_16(at + 12),
    };
    return out->session != 0 && out->number != 0 && out->packet_id != 0;
}

static bool text_valid(struct str text)
{
    return utf8_valid(text.data, text.len) && (text.len == 0 || memchr(text.data, '\0', text.len) == NULL);
}

static bool refuse(struct error *err, const char *what)
{
    error_set(err, ERR_CORRUPT, "a record of the station is no message: %s", what);
    return error_hint(err, "check its log with `varve log verify`");
}

static bool check_properties(const struct station_message *message, unsigned flags, struct error *err)
{
    struct mqtt_properties properties;
    if (message->props.len == 0)
        return ((flags & (FLAG_EXPIRY | FLAG_ID)) == 0 && message->expiry_s == 0) ||
               refuse(err, "its properties are missing");
    if (mqtt_properties_decode((const uint8_t *)message->props.data, message->props.len, MQTT_LIST_PUBLISH,
                               &properties) != MQTT_SUCCESS ||
        MQTT_HAS(&properties, MQTT_PROP_TOPIC_ALIAS) || MQTT_HAS(&properties, MQTT_PROP_SUBSCRIPTION_ID))
        return refuse(err, "its properties are none of a stored message");
    uint32_t expiry_s = MQTT_HAS(&properties, MQTT_PROP_MESSAGE_EXPIRY) ? properties.message_expiry : 0;
    if (expiry_s != message->expiry_s || (expiry_s > 0) != ((flags & FLAG_EXPIRY) != 0))
        return refuse(err, "its expiry interval is said in two ways");
    return true;
}

bool envelope_decode(struct str record, struct station_message *out, struct error *err)
{
    const uint8_t *at = (const uint8_t *)record.data;
    if (record.len < HEAD_BYTES)
        return refuse(err, "it is too short");
    if (at[0] > VERSION) {
        error_set(err, ERR_UNSUPPORTED, "a record of the station has version %u; this one knows %u", at[0],
                  VERSION);
        return error_hint(err, "run the version that wrote it, or a later one");
    }
    unsigned flags = at[1];
    if (at[0] != VERSION || flags > FLAGS_ALL || (flags & FLAG_QOS) == 3)
        return refuse(err, "its head is wrong");
    size_t topic_len = get_16(at + 2), client_len = get_16(at + 4), user_len = get_16(at + 6);
    size_t props_len = get_32(at + 8);
    size_t exchange_len = (flags & FLAG_EXCHANGE) != 0 ? EXCHANGE_BYTES : 0;
    struct str rest = str_make(at + HEAD_BYTES, record.len - HEAD_BYTES);
    if (topic_len + client_len + user_len + props_len + exchange_len > rest.len)
        return refuse(err, "its parts are longer than it is");
    *out = (struct station_message){
        .qos = flags & FLAG_QOS,
        .retain = (flags & FLAG_RETAIN) != 0,
        .expiry_s = get_32(at + 12),
    };
    out->topic = take(&rest, topic_len);
    out->client_id = take(&rest, client_len);
    out->username = take(&rest, user_len);
    out->props = take(&rest, props_len);
    if (exchange_len > 0 && !take_exchange(&rest, &out->exchange))
        return refuse(err, "its exchange is none");
    out->payload = rest;
    if (!topic_name_valid(out->topic))
        return refuse(err, "its topic is none");
    if (!text_valid(out->client_id) || !text_valid(out->username))
        return refuse(err, "its publisher is no text");
    if (!check_properties(out, flags, err))
        return false;
    out->id = envelope_id_of(out->props);
    return (out->id.len > 0) == ((flags & FLAG_ID) != 0) || refuse(err, "its message id is missing");
}
