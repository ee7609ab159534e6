/* MQTT 5 properties as a map of the rule language, under the names that EMQX gives them. */
#include "rule/rule_internal.h"

struct putting {
    struct sql_map_builder map;
    struct sql_scope *scope;
    struct error *err;
    bool ok;
};

static void put(struct putting *putting, const char *name, struct sql_value value)
{
    putting->ok = putting->ok && sql_map_put(&putting->map, str_of(name), value, putting->err);
}

static void put_numbers(struct putting *putting, const struct mqtt_properties *p)
{
    const struct {
        const char *name;
        enum mqtt_property id;
        uint32_t value;
    } numbers[] = {
        {"Payload-Format-Indicator", MQTT_PROP_PAYLOAD_FORMAT, p->payload_format},
        {"Message-Expiry-Interval", MQTT_PROP_MESSAGE_EXPIRY, p->message_expiry},
        {"Session-Expiry-Interval", MQTT_PROP_SESSION_EXPIRY, p->session_expiry},
        {"Receive-Maximum", MQTT_PROP_RECEIVE_MAXIMUM, p->receive_maximum},
        {"Maximum-Packet-Size", MQTT_PROP_MAXIMUM_PACKET_SIZE, p->maximum_packet_size},
        {"Topic-Alias-Maximum", MQTT_PROP_TOPIC_ALIAS_MAXIMUM, p->topic_alias_maximum},
        {"Request-Response-Information", MQTT_PROP_REQUEST_RESPONSE_INFO, p->request_response_info},
        {"Request-Problem-Information", MQTT_PROP_REQUEST_PROBLEM_INFO, p->request_problem_info},
        {"Subscription-Identifier", MQTT_PROP_SUBSCRIPTION_ID, p->subscription_id},
    };
    for (size_t i = 0; i < LENGTH(numbers); i++) {
        if (MQTT_HAS(p, numbers[i].id))
            put(putting, numbers[i].name, sql_int(numbers[i].value));
    }
}

static void put_texts(struct putting *putting, const struct mqtt_properties *p)
{
    const struct {
        enum mqtt_property id;
        const char *name;
        struct str value;
    } texts[] = {
        {MQTT_PROP_CONTENT_TYPE, "Content-Type", p->content_type},
        {MQTT_PROP_RESPONSE_TOPIC, "Response-Topic", p->response_topic},
        {MQTT_PROP_CORRELATION_DATA, "Correlation-Data", p->correlation_data},
        {MQTT_PROP_AUTH_METHOD, "Authentication-Method", p->auth_method},
        {MQTT_PROP_REASON_STRING, "Reason-String", p->reason_string},
        {MQTT_PROP_SERVER_REFERENCE, "Server-Reference", p->server_reference},
    };
    for (size_t i = 0; i < LENGTH(texts); i++) { /* what authenticates the client is nobody else's business */
        if (MQTT_HAS(p, texts[i].id))
            put(putting, texts[i].name, sql_string(texts[i].value));
    }
}

/* A map, in which the last of equal keys stands, and a list that has all of them. */
static void put_user(struct putting *putting, struct str raw)
{
    struct sql_map_builder map = sql_map_begin(putting->scope);
    struct sql_list_builder pairs = sql_list_begin(putting->scope);
    struct str key, value;
    size_t position = 0;
    bool any = false;
    while (putting->ok && mqtt_user_property_next(raw, &position, &key, &value)) {
        struct sql_map_builder pair = sql_map_begin(putting->scope);
        any = true;
        putting->ok = sql_map_put(&map, key, sql_string(value), putting->err) &&
                      sql_map_put(&pair, STR("key"), sql_string(key), putting->err) &&
                      sql_map_put(&pair, STR("value"), sql_string(value), putting->err) &&
                      sql_list_add(&pairs, sql_map_end(&pair), putting->err);
    }
    put(putting, "User-Property", sql_map_end(&map));
    if (any)
        put(putting, "User-Property-Pairs", sql_list_end(&pairs));
}

bool properties_map(struct sql_scope *scope, struct str raw, enum mqtt_property_list kind,
                    struct sql_value *out, struct error *err)
{
    struct mqtt_properties properties;
    mqtt_properties_init(&properties);
    if (raw.len > 0 &&
        mqtt_properties_decode((const uint8_t *)raw.data, raw.len, kind, &properties) != MQTT_SUCCESS)
        mqtt_properties_init(&properties); /* they have been checked when they came in */
    struct putting putting = {.map = sql_map_begin(scope), .scope = scope, .err = err, .ok = true};
    put_numbers(&putting, &properties);
    put_texts(&putting, &properties);
    put_user(&putting, properties.raw);
    if (!putting.ok)
        return false;
    *out = sql_map_end(&putting.map);
    return true;
}
