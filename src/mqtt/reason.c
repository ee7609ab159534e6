/* Reason codes and packet types: their names, where each code may stand, and what 3.1.1 makes of them. */
#include "mqtt_internal.h"

const char *mqtt_reason_text(uint8_t reason)
{
    switch (reason) {
#define X(name, value, text) \
    case value: return text;
        MQTT_REASONS(X)
#undef X
    }
    return "unknown reason";
}

const char *mqtt_connack_text(uint8_t version, uint8_t code)
{
    static const char *const codes[] = {
        "accepted",           "unacceptable protocol version", "client identifier rejected",
        "server unavailable", "bad user name or password",     "not authorized"};
    if (version == MQTT_5)
        return mqtt_reason_text(code);
    return code < sizeof codes / sizeof codes[0] ? codes[code] : "unknown return code";
}

const char *mqtt_packet_name(uint8_t packet_type)
{
    static const char *const names[] = {
        [MQTT_CONNECT] = "CONNECT",         [MQTT_CONNACK] = "CONNACK",       [MQTT_PUBLISH] = "PUBLISH",
        [MQTT_PUBACK] = "PUBACK",           [MQTT_PUBREC] = "PUBREC",         [MQTT_PUBREL] = "PUBREL",
        [MQTT_PUBCOMP] = "PUBCOMP",         [MQTT_SUBSCRIBE] = "SUBSCRIBE",   [MQTT_SUBACK] = "SUBACK",
        [MQTT_UNSUBSCRIBE] = "UNSUBSCRIBE", [MQTT_UNSUBACK] = "UNSUBACK",     [MQTT_PINGREQ] = "PINGREQ",
        [MQTT_PINGRESP] = "PINGRESP",       [MQTT_DISCONNECT] = "DISCONNECT", [MQTT_AUTH] = "AUTH"};
    if (packet_type < MQTT_CONNECT || packet_type > MQTT_AUTH)
        return "unknown packet";
    return names[packet_type];
}

/* Table 2-6, and for CONNACK 0x99 from table 3-1: the packet types in which a reason code may stand. */
enum {
    CONNACK = 1 << MQTT_CONNACK,
    PUBACK = 1 << MQTT_PUBACK | 1 << MQTT_PUBREC,
    PUBREL = 1 << MQTT_PUBREL | 1 << MQTT_PUBCOMP,
    SUBACK = 1 << MQTT_SUBACK,
    UNSUBACK = 1 << MQTT_UNSUBACK,
    DISCONNECT = 1 << MQTT_DISCONNECT,
    AUTH = 1 << MQTT_AUTH
};

static const uint16_t reason_in[256] = {
    [MQTT_SUCCESS] = CONNACK | PUBACK | PUBREL | SUBACK | UNSUBACK | DISCONNECT | AUTH,
    [MQTT_GRANTED_QOS_1] = SUBACK,
    [MQTT_GRANTED_QOS_2] = SUBACK,
    [MQTT_DISCONNECT_WITH_WILL] = DISCONNECT,
    [MQTT_NO_MATCHING_SUBSCRIBERS] = PUBACK,
    [MQTT_NO_SUBSCRIPTION_EXISTED] = UNSUBACK,
    [MQTT_CONTINUE_AUTHENTICATION] = AUTH,
    [MQTT_RE_AUTHENTICATE] = AUTH,
    [MQTT_UNSPECIFIED_ERROR] = CONNACK | PUBACK | SUBACK | UNSUBACK | DISCONNECT,
    [MQTT_MALFORMED_PACKET] = CONNACK | DISCONNECT,
    [MQTT_PROTOCOL_ERROR] = CONNACK | DISCONNECT,
    [MQTT_IMPLEMENTATION_ERROR] = CONNACK | PUBACK | SUBACK | UNSUBACK | DISCONNECT,
    [MQTT_UNSUPPORTED_VERSION] = CONNACK,
    [MQTT_BAD_CLIENT_ID] = CONNACK,
    [MQTT_BAD_CREDENTIALS] = CONNACK,
    [MQTT_NOT_AUTHORIZED] = CONNACK | PUBACK | SUBACK | UNSUBACK | DISCONNECT,
    [MQTT_SERVER_UNAVAILABLE] = CONNACK,
    [MQTT_SERVER_BUSY] = CONNACK | DISCONNECT,
    [MQTT_BANNED] = CONNACK,
    [MQTT_SERVER_SHUTTING_DOWN] = DISCONNECT,
    [MQTT_BAD_AUTH_METHOD] = CONNACK | DISCONNECT,
    [MQTT_KEEP_ALIVE_TIMEOUT] = DISCONNECT,
    [MQTT_SESSION_TAKEN_OVER] = DISCONNECT,
    [MQTT_BAD_TOPIC_FILTER] = SUBACK | UNSUBACK | DISCONNECT,
    [MQTT_BAD_TOPIC_NAME] = CONNACK | PUBACK | DISCONNECT,
    [MQTT_PACKET_ID_IN_USE] = PUBACK | SUBACK | UNSUBACK,
    [MQTT_PACKET_ID_NOT_FOUND] = PUBREL,
    [MQTT_RECEIVE_MAXIMUM_EXCEEDED] = DISCONNECT,
    [MQTT_BAD_TOPIC_ALIAS] = DISCONNECT,
    [MQTT_PACKET_TOO_LARGE] = CONNACK | DISCONNECT,
    [MQTT_MESSAGE_RATE_TOO_HIGH] = DISCONNECT,
    [MQTT_QUOTA_EXCEEDED] = CONNACK | PUBACK | SUBACK | DISCONNECT,
    [MQTT_ADMINISTRATIVE_ACTION] = DISCONNECT,
    [MQTT_BAD_PAYLOAD_FORMAT] = CONNACK | PUBACK | DISCONNECT,
    [MQTT_RETAIN_NOT_SUPPORTED] = CONNACK | DISCONNECT,
    [MQTT_QOS_NOT_SUPPORTED] = CONNACK | DISCONNECT,
    [MQTT_USE_ANOTHER_SERVER] = CONNACK | DISCONNECT,
    [MQTT_SERVER_MOVED] = CONNACK | DISCONNECT,
    [MQTT_SHARED_NOT_SUPPORTED] = SUBACK | DISCONNECT,
    [MQTT_CONNECTION_RATE_EXCEEDED] = CONNACK | DISCONNECT,
    [MQTT_MAXIMUM_CONNECT_TIME] = DISCONNECT,
    [MQTT_SUBSCRIPTION_ID_NOT_SUPPORTED] = SUBACK | DISCONNECT,
    [MQTT_WILDCARD_NOT_SUPPORTED] = SUBACK | DISCONNECT,
};

bool mqtt_reason_allowed(uint8_t reason, uint8_t packet_type)
{
    return reason_in[reason] >> packet_type & 1;
}

uint8_t mqtt_connack_code_v3(uint8_t reason)
{
    enum { ACCEPTED, BAD_VERSION, BAD_IDENTIFIER, UNAVAILABLE, BAD_USER, NOT_AUTHORIZED };
    switch (reason) {
    case MQTT_UNSUPPORTED_VERSION: return BAD_VERSION;
    case MQTT_BAD_CLIENT_ID: return BAD_IDENTIFIER;
    case MQTT_BAD_CREDENTIALS: return BAD_USER;
    case MQTT_NOT_AUTHORIZED:
    case MQTT_BANNED:
    case MQTT_BAD_AUTH_METHOD: return NOT_AUTHORIZED;
    }
    return reason <= NOT_AUTHORIZED ? reason : UNAVAILABLE;
}
