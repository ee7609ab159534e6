/* One message as a line of JSON:
 * {"topic":"a/b","qos":1,"retain":false,"payload":"text","properties":{…}}
 * A payload that is not UTF-8 comes as "payload_base64". "properties" is there in MQTT 5 only and holds what the
 * message has: payload_format, message_expiry, content_type, response_topic, correlation_data_base64,
 * subscription_ids, user_properties (a list of {"key","value"}, in order). */
#include "command_internal.h"

static void append_base64(struct buf *out, struct str data)
{
    buf_append_byte(out, '"');
    buf_reserve(out, BASE64_BYTES(data.len));
    out->len += base64_encode(data.data, data.len, (char *)out->data + out->len, false);
    buf_append_byte(out, '"');
}

/* A comma unless the object is still empty, then the key. */
static void key(struct buf *out, const char *name)
{
    if (out->data[out->len - 1] != '{')
        buf_append_byte(out, ',');
    buf_printf(out, "\"%s\":", name);
}

static void subscription_ids(struct buf *out, struct str raw)
{
    size_t at = 0;
    uint32_t id;
    const char *separator = "";
    key(out, "subscription_ids");
    buf_append_byte(out, '[');
    while (mqtt_subscription_id_next(raw, &at, &id)) {
        buf_printf(out, "%s%u", separator, id);
        separator = ",";
    }
    buf_append_byte(out, ']');
}

static void user_properties(struct buf *out, struct str raw)
{
    size_t at = 0;
    struct str name, value;
    const char *separator = "";
    key(out, "user_properties");
    buf_append_byte(out, '[');
    while (mqtt_user_property_next(raw, &at, &name, &value)) {
        buf_printf(out, "%s{\"key\":", separator);
        buf_append_json(out, name);
        buf_append_str(out, STR(",\"value\":"));
        buf_append_json(out, value);
        buf_append_byte(out, '}');
        separator = ",";
    }
    buf_append_byte(out, ']');
}

static void properties_json(struct buf *out, const struct mqtt_properties *properties)
{
    buf_append_byte(out, '{');
    if (MQTT_HAS(properties, MQTT_PROP_PAYLOAD_FORMAT)) {
        key(out, "payload_format");
        buf_printf(out, "%u", properties->payload_format);
    }
    if (MQTT_HAS(properties, MQTT_PROP_MESSAGE_EXPIRY)) {
        key(out, "message_expiry");
        buf_printf(out, "%u", properties->message_expiry);
    }
    if (MQTT_HAS(properties, MQTT_PROP_CONTENT_TYPE)) {
        key(out, "content_type");
        buf_append_json(out, properties->content_type);
    }
    if (MQTT_HAS(properties, MQTT_PROP_RESPONSE_TOPIC)) {
        key(out, "response_topic");
        buf_append_json(out, properties->response_topic);
    }
    if (MQTT_HAS(properties, MQTT_PROP_CORRELATION_DATA)) {
        key(out, "correlation_data_base64");
        append_base64(out, properties->correlation_data);
    }
    if (MQTT_HAS(properties, MQTT_PROP_SUBSCRIPTION_ID))
        subscription_ids(out, properties->raw);
    if (MQTT_HAS(properties, MQTT_PROP_USER))
        user_properties(out, properties->raw);
    buf_append_byte(out, '}');
}

void message_json(struct buf *out, uint8_t version, const struct client_message *message)
{
    buf_append_str(out, STR("{\"topic\":"));
    buf_append_json(out, message->topic);
    buf_printf(out, ",\"qos\":%u,\"retain\":%s,", message->qos, message->retain ? "true" : "false");
    if (utf8_valid(message->payload.data, message->payload.len)) {
        buf_append_str(out, STR("\"payload\":"));
        buf_append_json(out, message->payload);
    } else {
        buf_append_str(out, STR("\"payload_base64\":"));
        append_base64(out, message->payload);
    }
    if (version == MQTT_5) {
        buf_append_str(out, STR(",\"properties\":"));
        properties_json(out, &message->properties);
    }
    buf_append_str(out, STR("}\n"));
}
