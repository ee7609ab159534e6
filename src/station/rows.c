/* Records as rows of the table and back, byte by byte.
 *
 *   record    the envelope (envelope.c): topic, publisher, MQTT 5 properties as they came, payload
 *   row       the same, taken apart into columns that other programs understand
 *
 * The properties are put together again from the columns: content type, expiry and the like in the order of their
 * identifiers, then the user properties. A publisher may have sent them in another order; then they are kept in a
 * column of their own, too, and that is what the record gets back. */
#include "station/station_internal.h"

#include "mqtt/mqtt.h"
#include "tier/tier.h"

static void put_byte(struct buf *out, uint8_t id, uint8_t value)
{
    buf_append_byte(out, id);
    buf_append_byte(out, value);
}

static void put_number(struct buf *out, uint8_t id, uint32_t value)
{
    const uint8_t bytes[] = {id, (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                             (uint8_t)value};
    buf_append(out, bytes, sizeof(bytes));
}

static void put_bytes(struct buf *out, uint8_t id, struct str value)
{
    const uint8_t head[] = {id, (uint8_t)(value.len >> 8), (uint8_t)value.len};
    buf_append(out, head, sizeof(head));
    buf_append_str(out, value);
}

static bool fits(struct str value)
{
    return value.len <= UINT16_MAX;
}

/* The properties as the columns say them. False: they cannot be those of a message. */
static bool put_properties(const struct tier_row *row, struct buf *out)
{
    if (!fits(row->content_type) || !fits(row->response_topic) || !fits(row->correlation_data))
        return false;
    if (row->payload_format >= 0)
        put_byte(out, MQTT_PROP_PAYLOAD_FORMAT, (uint8_t)row->payload_format);
    if (row->expiry_s >= 0)
        put_number(out, MQTT_PROP_MESSAGE_EXPIRY, (uint32_t)row->expiry_s);
    if (row->content_type.data != NULL)
        put_bytes(out, MQTT_PROP_CONTENT_TYPE, row->content_type);
    if (row->response_topic.data != NULL)
        put_bytes(out, MQTT_PROP_RESPONSE_TOPIC, row->response_topic);
    if (row->correlation_data.data != NULL)
        put_bytes(out, MQTT_PROP_CORRELATION_DATA, row->correlation_data);
    for (size_t i = 0; i < row->header_count; i++) {
        if (!fits(row->headers[i].key) || !fits(row->headers[i].value))
            return false;
        mqtt_user_property_append(out, row->headers[i].key, row->headers[i].value);
    }
    return true;
}

/* Present, though perhaps empty. */
static struct str present(struct str text)
{
    return text.len > 0 ? text : STR("");
}

static struct str if_any(struct str text)
{
    return text.len > 0 ? text : STR_NONE;
}

static void take_headers(struct str raw, struct arena *memory, struct tier_row *out)
{
    struct str key, value;
    size_t count = 0;
    for (size_t at = 0; mqtt_user_property_next(raw, &at, &key, &value);)
        count++;
    if (count == 0)
        return;
    struct tier_header *headers = arena_alloc(memory, count * sizeof(*headers));
    size_t i = 0;
    for (size_t at = 0; mqtt_user_property_next(raw, &at, &key, &value);)
        headers[i++] = (struct tier_header){.key = present(key), .value = present(value)};
    out->headers = headers;
    out->header_count = count;
}

static bool take_properties(struct str raw, struct arena *memory, struct tier_row *out, struct error *err)
{
    struct mqtt_properties props;
    if (mqtt_properties_decode((const uint8_t *)raw.data, raw.len, MQTT_LIST_PUBLISH, &props) != MQTT_SUCCESS)
        return error_set(err, ERR_CORRUPT, "a record's properties are none of a stored message");
    if (MQTT_HAS(&props, MQTT_PROP_PAYLOAD_FORMAT))
        out->payload_format = props.payload_format;
    if (MQTT_HAS(&props, MQTT_PROP_MESSAGE_EXPIRY))
        out->expiry_s = props.message_expiry;
    if (MQTT_HAS(&props, MQTT_PROP_CONTENT_TYPE))
        out->content_type = present(props.content_type);
    if (MQTT_HAS(&props, MQTT_PROP_RESPONSE_TOPIC))
        out->response_topic = present(props.response_topic);
    if (MQTT_HAS(&props, MQTT_PROP_CORRELATION_DATA))
        out->correlation_data = present(props.correlation_data);
    take_headers(raw, memory, out);
    struct buf again = {0};
    bool same = put_properties(out, &again) && str_equal(buf_str(&again), raw);
    buf_free(&again);
    if (!same)
        out->properties = raw;
    return true;
}

static bool decode(struct str record, struct arena *memory, struct tier_row *out, struct error *err)
{
    struct station_message message;
    if (!envelope_decode(record, &message, err))
        return false;
    *out = (struct tier_row){
        .topic = message.topic,
        .payload = present(message.payload),
        .client_id = if_any(message.client_id),
        .username = if_any(message.username),
        .id = if_any(message.id),
        .expiry_s = -1,
        .payload_format = -1,
        .qos = message.qos,
        .retain = message.retain,
    };
    return message.props.len == 0 || take_properties(message.props, memory, out, err);
}

static bool refuse(struct error *err, const char *what)
{
    error_set(err, ERR_CORRUPT, "a row of the table is no message: %s", what);
    return error_hint(err, "somebody else has written to the table, or changed it");
}

static bool encode(const struct tier_row *row, struct arena *memory, struct str *record, struct error *err)
{
    struct station_message message = {
        .topic = row->topic,
        .payload = row->payload,
        .client_id = row->client_id,
        .username = row->username,
        .qos = (uint8_t)row->qos,
        .retain = row->retain,
    };
    struct buf props = {0};
    struct mqtt_properties ignored;
    bool well = row->properties.data != NULL
                    ? mqtt_properties_decode((const uint8_t *)row->properties.data, row->properties.len,
                                             MQTT_LIST_PUBLISH, &ignored) == MQTT_SUCCESS
                    : put_properties(row, &props);
    if (!well) {
        buf_free(&props);
        return refuse(err, "its MQTT properties cannot be put together");
    }
    message.props = row->properties.data != NULL ? row->properties : buf_str(&props);
    if (message.props.len > 0) {
        message.id = envelope_id_of(message.props);
        message.expiry_s = row->expiry_s > 0 ? (uint32_t)row->expiry_s : 0;
    }
    bool ok = row->qos >= 0 && row->qos <= 2 && envelope_fits(&message);
    if (ok) {
        size_t len = envelope_bytes(&message);
        uint8_t *bytes = arena_alloc(memory, len);
        envelope_write(&message, bytes);
        *record = str_make(bytes, len);
    }
    buf_free(&props);
    return ok || refuse(err, "a part of it is too long, or its QoS is none");
}

const struct tier_codec station_codec = {.decode = decode, .encode = encode};
