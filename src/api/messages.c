/* Publishing over HTTP, and the retained messages. */
#include "api/api_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "broker/admin.h"
#include "mqtt/mqtt.h"
#include "mqtt/topic.h"

#include <stdio.h>

#define MESSAGE_ID_BYTES 16

static const char message_schema[] =
    "{'type':'object','required':['topic','payload'],'additionalProperties':false,'properties':{"
    "'topic':{'type':'string','minLength':1,'maxLength':65535},'payload':{'type':'string'},"
    "'payload_encoding':{'type':'string','enum':['plain','base64'],'default':'plain'},"
    "'qos':{'type':'integer','minimum':0,'maximum':2,'default':0},'retain':{'type':'boolean','default':false}"
    ","
    "'clientid':{'type':'string','description':'in whose name'},"
    "'properties':" MESSAGE_PROPERTIES "}}";

static const struct api_component components[] = {{"publish", message_schema}};

/* ---- Publishing ------------------------------------------------------------------------------------------ */

static struct str text_of(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    return json_is_string(value) ? str_make(json_string_value(value), json_string_length(value)) : STR_NONE;
}

static void set(struct mqtt_properties *properties, enum mqtt_property id)
{
    properties->has |= UINT64_C(1) << id;
}

static bool take_text(json_t *asked, const char *name, struct mqtt_properties *properties,
                      enum mqtt_property id, struct str *out, struct error *err)
{
    *out = text_of(asked, name);
    if (out->data != NULL)
        set(properties, id);
    return out->len <= UINT16_MAX ||
           error_set(err, ERR_TOO_LARGE, "properties.%s: has more than 65,535 bytes", name);
}

static bool take_user_property(const char *key, json_t *value, struct buf *out, struct error *err)
{
    struct str text = str_make(json_string_value(value), json_string_length(value));
    if (strlen(key) > UINT16_MAX || text.len > UINT16_MAX)
        return error_set(err, ERR_TOO_LARGE, "a user property has more than 65,535 bytes");
    if (memchr(text.data, '\0', text.len) != NULL)
        return error_set(err, ERR_INVALID, "user property %.80s: U+0000 in it", key);
    mqtt_user_property_append(out, str_of(key), text);
    return true;
}

/* A property that comes more than once is a list. */
static bool take_user_properties(json_t *all, struct buf *out, struct error *err)
{
    const char *key;
    json_t *value, *item;
    size_t i;
    json_object_foreach(all, key, value)
    {
        if (json_is_string(value) && !take_user_property(key, value, out, err))
            return false;
        json_array_foreach(value, i, item)
        {
            if (!take_user_property(key, item, out, err))
                return false;
        }
    }
    return true;
}

static bool take_correlation(json_t *asked, struct mqtt_properties *properties, struct buf *decoded,
                             struct error *err)
{
    struct str encoded = text_of(asked, "correlation_data_base64");
    if (encoded.data == NULL)
        return take_text(asked, "correlation_data", properties, MQTT_PROP_CORRELATION_DATA,
                         &properties->correlation_data, err);
    buf_reserve(decoded, encoded.len + 1);
    int64_t len = base64_decode(encoded, decoded->data, false);
    if (len < 0 || len > UINT16_MAX)
        return error_set(err, ERR_INVALID,
                         "properties.correlation_data_base64: is no base64 of at most 65,535 bytes");
    properties->correlation_data = str_make(decoded->data, (size_t)len);
    set(properties, MQTT_PROP_CORRELATION_DATA);
    return true;
}

/* The length prefix of an encoded list: a variable byte integer. */
static struct str without_prefix(const struct buf *list)
{
    size_t at = 0;
    while ((list->data[at] & 0x80) != 0)
        at++;
    return str_make(list->data + at + 1, list->len - at - 1);
}

bool message_properties(json_t *asked, json_t *headers, struct buf *encoded, struct str *props,
                        uint32_t *expiry_s, struct error *err)
{
    struct mqtt_properties properties;
    struct buf user = {0}, decoded = {0};
    mqtt_properties_init(&properties);
    json_t *value = json_object_get(asked, "payload_format_indicator");
    if (value != NULL) {
        properties.payload_format = (uint8_t)json_integer_value(value);
        set(&properties, MQTT_PROP_PAYLOAD_FORMAT);
    }
    if ((value = json_object_get(asked, "message_expiry_interval")) != NULL) {
        *expiry_s = properties.message_expiry = (uint32_t)json_integer_value(value);
        if (*expiry_s > 0) /* EMQX's clients send 0 for none */
            set(&properties, MQTT_PROP_MESSAGE_EXPIRY);
    }
    bool ok = take_text(asked, "response_topic", &properties, MQTT_PROP_RESPONSE_TOPIC,
                        &properties.response_topic, err) &&
              take_correlation(asked, &properties, &decoded, err) &&
              take_text(asked, "content_type", &properties, MQTT_PROP_CONTENT_TYPE, &properties.content_type,
                        err) &&
              take_user_properties(json_object_get(asked, "user_properties"), &user, err) &&
              take_user_properties(headers, &user, err);
    if (ok && properties.response_topic.data != NULL && !topic_name_valid(properties.response_topic))
        ok = error_set(err, ERR_INVALID, "properties.response_topic: is a topic name, without wildcards");
    if (ok) {
        properties.user_encoded = buf_str(&user);
        mqtt_properties_encode(encoded, &properties);
        *props = without_prefix(encoded);
    }
    buf_free(&user);
    buf_free(&decoded);
    return ok;
}

static bool decode_payload(json_t *asked, struct buf *decoded, struct admin_message *message,
                           struct error *err)
{
    message->payload = text_of(asked, "payload");
    if (!str_is(text_of(asked, "payload_encoding"), "base64"))
        return true;
    buf_reserve(decoded, message->payload.len + 1);
    int64_t len = base64_decode(message->payload, decoded->data, false);
    if (len < 0)
        return error_set(err, ERR_INVALID, "payload: is no base64");
    message->payload = str_make(decoded->data, (size_t)len);
    return true;
}

static bool publish_one(struct api_request *request, json_t *asked, bool *matched, struct error *err)
{
    struct buf props = {0}, decoded = {0};
    struct admin_message message = {
        .topic = text_of(asked, "topic"),
        .client_id = text_of(asked, "clientid"),
        .qos = (uint8_t)json_integer_value(json_object_get(asked, "qos")),
        .retain = json_is_true(json_object_get(asked, "retain")),
    };
    bool ok = decode_payload(asked, &decoded, &message, err) &&
              message_properties(json_object_get(asked, "properties"), NULL, &props, &message.props,
                                 &message.expiry_s, err) &&
              admin_publish(api_broker(request), &message, matched, err);
    buf_free(&props);
    buf_free(&decoded);
    return ok;
}

static json_t *message_id(void)
{
    uint8_t bytes[MESSAGE_ID_BYTES];
    char text[2 * MESSAGE_ID_BYTES + 1];
    random_bytes(bytes, sizeof(bytes));
    hex_encode(bytes, sizeof(bytes), text);
    for (char *c = text; *c != '\0'; c++)
        *c = (char)(*c >= 'a' ? *c - 'a' + 'A' : *c);
    return json_string(text);
}

/* EMQX tells the reason code of MQTT 5. */
static uint8_t reason_of(const struct error *err)
{
    switch (err->code) {
    case ERR_INVALID: return MQTT_BAD_TOPIC_NAME;
    case ERR_TOO_LARGE: return MQTT_PACKET_TOO_LARGE;
    case ERR_LIMIT: return MQTT_QUOTA_EXCEEDED;
    case ERR_BUSY:
    case ERR_TIMEOUT: return MQTT_SERVER_BUSY;
    default: return MQTT_UNSPECIFIED_ERROR;
    }
}

static json_t *outcome(bool ok, bool matched, const struct error *err)
{
    if (!ok)
        return json_pack("{s:i, s:s}", "reason_code", reason_of(err), "message", err->text);
    json_t *out = json_pack("{s:o}", "id", message_id());
    if (!matched) {
        json_object_set_new(out, "reason_code", json_integer(MQTT_NO_MATCHING_SUBSCRIBERS));
        json_object_set_new(out, "message", json_string("no_matching_subscribers"));
    }
    return out;
}

static unsigned status_of(const struct error *err)
{
    return err->code == ERR_INVALID || err->code == ERR_TOO_LARGE || err->code == ERR_LIMIT ? 400 : 503;
}

static void publish(struct api_request *request)
{
    bool matched = false;
    struct error err = {0};
    bool ok = publish_one(request, api_body(request), &matched, &err);
    json_t *out = outcome(ok, matched, &err);
    if (!ok)
        json_object_set_new(out, "code",
                            json_string(status_of(&err) == 400 ? "BAD_REQUEST" : "SERVICE_UNAVAILABLE"));
    api_reply_json(request, ok ? matched ? 200 : 202 : status_of(&err), out);
}

static void publish_many(struct api_request *request)
{
    json_t *all = json_array(), *asked;
    unsigned status = 200;
    size_t i;
    json_array_foreach(api_body(request), i, asked)
    {
        bool matched = false;
        struct error err = {0};
        bool ok = publish_one(request, asked, &matched, &err);
        unsigned one = ok ? matched ? 200 : 202 : status_of(&err);
        status = one > status ? one : status;
        json_array_append_new(all, outcome(ok, matched, &err));
    }
    api_reply_json(request, status, all);
}

/* ---- Retained messages ----------------------------------------------------------------------------------- */

struct retained_listing {
    struct api_page page;
    json_t *data;
    uint64_t seen;
    bool more;
};

static json_t *retained_json(const struct admin_retained *message)
{
    json_t *out = json_pack("{s:o, s:i, s:I}", "topic", json_stringn(message->topic.data, message->topic.len),
                            "qos", message->qos, "payload_bytes", (json_int_t)message->payload.len);
    if (message->expires_ms != 0) {
        char when[CLOCK_TEXT_BYTES];
        clock_format(message->expires_ms, when);
        json_object_set_new(out, "expires_at", json_string(when));
    }
    return out;
}

static bool list_retained(const struct admin_retained *message, void *arg)
{
    struct retained_listing *listing = arg;
    uint64_t at = listing->seen++;
    if (at >= listing->page.skip + listing->page.limit) {
        listing->more = true;
        return false;
    }
    if (at >= listing->page.skip)
        json_array_append_new(listing->data, retained_json(message));
    return true;
}

static void retained_list(struct api_request *request)
{
    struct retained_listing listing = {.page = api_page(request), .data = json_array()};
    struct topic_filter filter = {0};
    struct str text = str_of(api_query(request, "topic"));
    struct broker_stats stats;
    struct error err;
    if (text.data != NULL && (!topic_filter_parse(text, &filter) || filter.shared)) {
        json_decref(listing.data);
        api_reply_error(request, 400, "BAD_REQUEST", "topic: is no topic filter");
        return;
    }
    if (!admin_retained_each(api_broker(request), filter.filter, list_retained, &listing, &err)) {
        json_decref(listing.data);
        api_reply_failure(request, &err);
        return;
    }
    broker_stats(api_broker(request), &stats);
    int64_t count = !listing.more ? (int64_t)listing.seen : text.data == NULL ? (int64_t)stats.retained : -1;
    api_reply_list(request, listing.data, count, listing.more);
}

/* EMQX gives the payload in base64 here, whatever it is. */
static void with_payload(const struct admin_retained *message, void *arg)
{
    json_t **out = arg;
    char *encoded = mem_alloc(BASE64_BYTES(message->payload.len));
    size_t len = base64_encode(message->payload.data, message->payload.len, encoded, false);
    *out = retained_json(message);
    json_object_set_new(*out, "payload", json_stringn(encoded, len));
    json_t *properties = json_object();
    struct str key, value;
    for (size_t at = 0; mqtt_user_property_next(message->props, &at, &key, &value);)
        json_object_setn_new(properties, key.data, key.len, json_stringn(value.data, value.len));
    json_object_set_new(*out, "user_properties", properties);
    mem_free(encoded);
}

static void retained_show(struct api_request *request)
{
    json_t *message = NULL;
    struct error err;
    if (admin_retained_get(api_broker(request), api_path(request, "topic"), with_payload, &message, &err))
        api_reply_json(request, 200, message);
    else
        api_reply_failure(request, &err);
}

static void retained_delete(struct api_request *request)
{
    struct error err;
    if (admin_retained_delete(api_broker(request), api_path(request, "topic"), &err))
        api_reply_none(request);
    else
        api_reply_failure(request, &err);
}

/* ---- Routes ---------------------------------------------------------------------------------------------- */

static const struct api_param retained_params[] = {
    API_PAGE_PARAMS,
    {.name = "topic", .type = API_STRING, .description = "a topic filter that they match"},
    {.name = NULL},
};

#define OUTCOME                                                                                          \
    "{'type':'object','properties':{'id':{'type':'string'},'reason_code':{'type':'integer'},'message':{" \
    "'type':'string'}}}"
#define RETAINED                                                                                          \
    "{'type':'object','required':['topic','qos'],'properties':{'topic':{'type':'string'},'qos':{'type':'" \
    "integer'},'payload_bytes':{"                                                                         \
    "'type':'integer'},'expires_at':{'type':'string'},'payload':{'type':'string','format':'byte'},"       \
    "'user_properties':" MESSAGE_HEADERS "}}"

static const struct api_route routes[] = {
    {.method = API_POST,
     .path = "/api/v5/publish",
     .handle = publish,
     .access = API_PUBLISH,
     .summary = "Publishes a message; answers when those who keep it have it on disk",
     .description = "202 instead of 200: published, but nobody subscribes the topic.",
     .body = "{'$ref':'#/components/schemas/publish'}",
     .answer = OUTCOME,
     .errors = "202 no_matching_subscribers"},
    {.method = API_POST,
     .path = "/api/v5/publish/bulk",
     .handle = publish_many,
     .access = API_PUBLISH,
     .summary = "Publishes messages in their order; the status is that of the worst",
     .body = "{'type':'array','maxItems':10000,'items':{'$ref':'#/components/schemas/publish'}}",
     .answer = "{'type':'array','items':" OUTCOME "}",
     .errors = "202 no_matching_subscribers"},
    {.method = API_GET,
     .path = "/api/v5/mqtt/retainer/messages",
     .handle = retained_list,
     .access = API_READ,
     .summary = "Retained messages, without their payloads",
     .params = retained_params,
     .answer =
         "{'type':'object','properties':{'data':{'type':'array','items':" RETAINED "},'meta':" API_META "}}"},
    {.method = API_GET,
     .path = "/api/v5/mqtt/retainer/message/{topic*}",
     .handle = retained_show,
     .access = API_READ,
     .summary = "The retained message of a topic; its payload in base64",
     .answer = RETAINED,
     .errors = "404 NOT_FOUND"},
    {.method = API_DELETE,
     .path = "/api/v5/mqtt/retainer/message/{topic*}",
     .handle = retained_delete,
     .access = API_ADMINISTER,
     .summary = "Removes the retained message of a topic",
     .errors = "404 NOT_FOUND"},
};

const struct api_table messages_table = {
    .tag = "Messages",
    .description = "Publishing, and retained messages",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
};
