/* Messages of stations as text: a line of JSON each way, and CSV.
 *
 * A line that a station gives can be given to a station again: what the server decides (offset, timestamp, deliveries, user
 * name) is passed over. Payloads are texts where they are UTF-8, else base64 under another name, so that nobody has to guess. */
#include "api/stations_internal.h"

#include "mqtt/mqtt.h"
#include "table/cells.h"

#include <inttypes.h>

/* ---- Printing -------------------------------------------------------------------------------------------- */

static void append_base64(struct buf *out, struct str bytes)
{
    buf_reserve(out, BASE64_BYTES(bytes.len));
    out->len += base64_encode(bytes.data, bytes.len, (char *)out->data + out->len, false);
}

static void append_text(struct buf *out, const char *key, struct str text)
{
    buf_printf(out, ",\"%s\":", key);
    buf_append_json(out, text);
}

/* As text under `key` if it is that, else in base64 under another one. */
static void append_bytes(struct buf *out, const char *key, struct str bytes)
{
    if (utf8_valid(bytes.data, bytes.len)) {
        append_text(out, key, bytes);
        return;
    }
    buf_printf(out, ",\"%s_base64\":\"", key);
    append_base64(out, bytes);
    buf_append_byte(out, '"');
}

static void add_header(json_t *headers, struct str key, struct str value)
{
    json_t *text = json_stringn(value.data, value.len);
    json_t *known = json_object_getn(headers, key.data, key.len);
    if (known == NULL)
        json_object_setn_new(headers, key.data, key.len, text);
    else if (json_is_array(known))
        json_array_append_new(known, text);
    else
        json_object_setn_new(headers, key.data, key.len, json_pack("[O, o]", known, text));
}

static int append_piece(const char *bytes, size_t len, void *out)
{
    buf_append(out, bytes, len);
    return 0;
}

/* {"a":"1","b":["2","3"]}: a list where a name comes more than once. Nothing if there is none. */
static void append_headers(struct buf *out, struct str props)
{
    struct str key, value;
    json_t *headers = NULL;
    for (size_t at = 0; mqtt_user_property_next(props, &at, &key, &value);) {
        if (headers == NULL)
            headers = json_object();
        add_header(headers, key, value);
    }
    if (headers != NULL)
        json_dump_callback(headers, append_piece, out, JSON_COMPACT);
    json_decref(headers);
}

/* The properties that are no user properties; nothing if there is none. */
static void append_properties(struct buf *out, struct str props)
{
    struct mqtt_properties properties;
    size_t begin = out->len;
    if (props.len == 0 || mqtt_properties_decode((const uint8_t *)props.data, props.len, MQTT_LIST_PUBLISH,
                                                 &properties) != MQTT_SUCCESS)
        return;
    if (MQTT_HAS(&properties, MQTT_PROP_PAYLOAD_FORMAT))
        buf_printf(out, ",\"payload_format_indicator\":%u", properties.payload_format);
    if (MQTT_HAS(&properties, MQTT_PROP_MESSAGE_EXPIRY))
        buf_printf(out, ",\"message_expiry_interval\":%" PRIu32, properties.message_expiry);
    if (MQTT_HAS(&properties, MQTT_PROP_CONTENT_TYPE))
        append_text(out, "content_type", properties.content_type);
    if (MQTT_HAS(&properties, MQTT_PROP_RESPONSE_TOPIC))
        append_text(out, "response_topic", properties.response_topic);
    if (MQTT_HAS(&properties, MQTT_PROP_CORRELATION_DATA))
        append_bytes(out, "correlation_data", properties.correlation_data);
    if (out->len == begin)
        return;
    out->data[begin] = '{'; /* the first comma */
    buf_append_byte(out, '}');
}

/* Appends `,"key":` and what `append` gives, or nothing. */
static void append_object(struct buf *out, const char *key, struct str props,
                          void (*append)(struct buf *out, struct str props))
{
    size_t begin = out->len;
    buf_printf(out, ",\"%s\":", key);
    size_t empty = out->len;
    append(out, props);
    if (out->len == empty)
        out->len = begin;
}

void message_print_json(const struct station_message *message, struct buf *out)
{
    buf_printf(out, "{\"offset\":%" PRIu64 ",\"timestamp\":%" PRId64 ",\"topic\":", message->offset,
               message->time_ms);
    buf_append_json(out, message->topic);
    buf_printf(out, ",\"qos\":%u,\"retain\":%s", message->qos, message->retain ? "true" : "false");
    append_bytes(out, "payload", message->payload);
    if (message->client_id.len > 0)
        append_text(out, "clientid", message->client_id);
    if (message->username.len > 0)
        append_text(out, "username", message->username);
    if (message->id.len > 0)
        append_text(out, "id", message->id);
    append_object(out, "headers", message->props, append_headers);
    append_object(out, "properties", message->props, append_properties);
    if (message->deliveries > 0)
        buf_printf(out, ",\"deliveries\":%" PRIu32, message->deliveries);
    buf_append_byte(out, '}');
}

/* ---- CSV: RFC 4180 --------------------------------------------------------------------------------------- */

void message_print_csv_head(struct buf *out)
{
    buf_append_str(out, STR("offset,timestamp,topic,qos,retain,payload,payload_base64,clientid,username,id,"
                            "headers,properties\r\n"));
}

static void append_cell(struct buf *out, struct str text)
{
    buf_append_byte(out, ',');
    csv_append_field(out, text);
}

static void append_json_cell(struct buf *out, struct str props,
                             void (*append)(struct buf *out, struct str props))
{
    struct buf json = {0};
    append(&json, props);
    append_cell(out, buf_str(&json));
    buf_free(&json);
}

void message_print_csv(const struct station_message *message, struct buf *out)
{
    bool text = utf8_valid(message->payload.data, message->payload.len);
    buf_printf(out, "%" PRIu64 ",%" PRId64, message->offset, message->time_ms);
    append_cell(out, message->topic);
    buf_printf(out, ",%u,%s", message->qos, message->retain ? "true" : "false");
    append_cell(out, text ? message->payload : STR(""));
    buf_append_byte(out, ',');
    if (!text)
        append_base64(out, message->payload);
    append_cell(out, message->client_id);
    append_cell(out, message->username);
    append_cell(out, message->id);
    append_json_cell(out, message->props, append_headers);
    append_json_cell(out, message->props, append_properties);
    buf_append_str(out, STR("\r\n"));
}

/* ---- Parsing --------------------------------------------------------------------------------------------- */

static struct str text_of(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    return json_is_string(value) ? str_make(json_string_value(value), json_string_length(value)) : STR_NONE;
}

static struct str copy(struct arena *arena, struct str text)
{
    return text.len > 0 ? arena_str(arena, text) : STR("");
}

static bool parse_payload(json_t *object, struct arena *arena, struct str *out, struct error *err)
{
    struct str plain = text_of(object, "payload"), encoded = text_of(object, "payload_base64");
    if (plain.data != NULL && encoded.data != NULL)
        return error_set(err, ERR_INVALID, "there are payload and payload_base64");
    if (encoded.data == NULL) {
        *out = copy(arena, plain);
        return true;
    }
    uint8_t *decoded = arena_alloc(arena, encoded.len + 1);
    int64_t len = base64_decode(encoded, decoded, false);
    if (len < 0)
        return error_set(err, ERR_INVALID, "payload_base64: is no base64");
    *out = str_make(decoded, (size_t)len);
    return true;
}

static bool parse_object(json_t *object, struct arena *arena, struct station_message *out, struct error *err)
{
    struct buf encoded = {0};
    struct str props = STR("");
    *out = (struct station_message){
        .topic = copy(arena, text_of(object, "topic")),
        .client_id = copy(arena, text_of(object, "clientid")),
        .id = copy(arena, text_of(object, "id")),
        .qos = (uint8_t)json_integer_value(json_object_get(object, "qos")),
        .retain = json_is_true(json_object_get(object, "retain")),
    };
    bool ok = parse_payload(object, arena, &out->payload, err) &&
              message_properties(json_object_get(object, "properties"), json_object_get(object, "headers"),
                                 &encoded, &props, &out->expiry_s, err);
    out->props = copy(arena, props);
    buf_free(&encoded);
    return ok;
}

bool message_parse_json(struct str line, json_t *components, struct arena *arena, struct station_message *out,
                        struct error *err)
{
    json_error_t where;
    json_t *object = json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &where);
    if (object == NULL)
        return error_set(err, ERR_INVALID, "no JSON: %s, at column %d", where.text, where.column);
    bool ok = schema_check(components, json_object_get(components, "station_produce"), object, err) &&
              parse_object(object, arena, out, err);
    json_decref(object);
    return ok;
}
