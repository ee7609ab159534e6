/* Properties (MQTT 5, 2.2.2): one table says of each what it is, where it may stand and which values it takes;
 * reading, writing and measuring walk that table.
 *
 *   list      property length (variable byte integer), then properties
 *   property  identifier (one byte: all of them are below 128), then the value in its type:
 *             byte, two bytes, four bytes, variable byte integer, string or binary data with two bytes of
 *             length, or a pair of strings
 *
 * What goes wrong, and the answer:
 *   an unknown identifier, one that the packet does not allow, a value that is cut off, text that is not UTF-8,
 *   an identifier or number longer than it must be                  MQTT_MALFORMED_PACKET (2.2.2.2)
 *   a property twice, a value outside its range, authentication data without a method
 *                                                                   MQTT_PROTOCOL_ERROR
 *   topic alias 0                                                   MQTT_BAD_TOPIC_ALIAS */
#include "mqtt_internal.h"

enum kind { KIND_NONE, KIND_BYTE, KIND_U16, KIND_U32, KIND_VARINT, KIND_TEXT, KIND_BINARY, KIND_PAIR };

enum check { ANY, FLAG /* 0 or 1 */, NONZERO, ALIAS /* 1 or more */, NAME /* a topic name */ };

enum {
    IN_CONNECT = 1 << MQTT_LIST_CONNECT,
    IN_WILL = 1 << MQTT_LIST_WILL,
    IN_CONNACK = 1 << MQTT_LIST_CONNACK,
    IN_PUBLISH = 1 << MQTT_LIST_PUBLISH,
    IN_ACK = 1 << MQTT_LIST_ACK,
    IN_SUBSCRIBE = 1 << MQTT_LIST_SUBSCRIBE,
    IN_UNSUBSCRIBE = 1 << MQTT_LIST_UNSUBSCRIBE,
    IN_DISCONNECT = 1 << MQTT_LIST_DISCONNECT,
    IN_AUTH = 1 << MQTT_LIST_AUTH,
    IN_ALL = (1 << (MQTT_LIST_AUTH + 1)) - 1
};

struct rule {
    const char *name;
    uint8_t kind;
    uint8_t check;
    uint16_t lists;  /* IN_* */
    uint16_t repeat; /* IN_*: where it may come more than once */
    uint16_t offset; /* of its field in struct mqtt_properties */
};

#define ID_COUNT 64 /* `has` has as many bits */

#define FIELD(name) offsetof(struct mqtt_properties, name)

static const struct rule rules[ID_COUNT] = {
    [MQTT_PROP_PAYLOAD_FORMAT] = {"Payload Format Indicator", KIND_BYTE, FLAG, IN_PUBLISH | IN_WILL, 0,
                                  FIELD(payload_format)},
    [MQTT_PROP_MESSAGE_EXPIRY] = {"Message Expiry Interval", KIND_U32, ANY, IN_PUBLISH | IN_WILL, 0,
                                  FIELD(message_expiry)},
    [MQTT_PROP_CONTENT_TYPE] = {"Content Type", KIND_TEXT, ANY, IN_PUBLISH | IN_WILL, 0, FIELD(content_type)},
    [MQTT_PROP_RESPONSE_TOPIC] = {"Response Topic", KIND_TEXT, NAME, IN_PUBLISH | IN_WILL, 0,
                                  FIELD(response_topic)},
    [MQTT_PROP_CORRELATION_DATA] = {"Correlation Data", KIND_BINARY, ANY, IN_PUBLISH | IN_WILL, 0,
                                    FIELD(correlation_data)},
    [MQTT_PROP_SUBSCRIPTION_ID] = {"Subscription Identifier", KIND_VARINT, NONZERO, IN_PUBLISH | IN_SUBSCRIBE,
                                   IN_PUBLISH, FIELD(subscription_id)},
    [MQTT_PROP_SESSION_EXPIRY] = {"Session Expiry Interval", KIND_U32, ANY,
                                  IN_CONNECT | IN_CONNACK | IN_DISCONNECT, 0, FIELD(session_expiry)},
    [MQTT_PROP_ASSIGNED_CLIENT_ID] = {"Assigned Client Identifier", KIND_TEXT, ANY, IN_CONNACK, 0,
                                      FIELD(assigned_client_id)},
    [MQTT_PROP_SERVER_KEEP_ALIVE] = {"Server Keep Alive", KIND_U16, ANY, IN_CONNACK, 0,
                                     FIELD(server_keep_alive)},
    [MQTT_PROP_AUTH_METHOD] = {"Authentication Method", KIND_TEXT, ANY, IN_CONNECT | IN_CONNACK | IN_AUTH, 0,
                               FIELD(auth_method)},
    [MQTT_PROP_AUTH_DATA] = {"Authentication Data", KIND_BINARY, ANY, IN_CONNECT | IN_CONNACK | IN_AUTH, 0,
                             FIELD(auth_data)},
    [MQTT_PROP_REQUEST_PROBLEM_INFO] = {"Request Problem Information", KIND_BYTE, FLAG, IN_CONNECT, 0,
                                        FIELD(request_problem_info)},
    [MQTT_PROP_WILL_DELAY] = {"Will Delay Interval", KIND_U32, ANY, IN_WILL, 0, FIELD(will_delay)},
    [MQTT_PROP_REQUEST_RESPONSE_INFO] = {"Request Response Information", KIND_BYTE, FLAG, IN_CONNECT, 0,
                                         FIELD(request_response_info)},
    [MQTT_PROP_RESPONSE_INFO] = {"Response Information", KIND_TEXT, ANY, IN_CONNACK, 0, FIELD(response_info)},
    [MQTT_PROP_SERVER_REFERENCE] = {"Server Reference", KIND_TEXT, ANY, IN_CONNACK | IN_DISCONNECT, 0,
                                    FIELD(server_reference)},
    [MQTT_PROP_REASON_STRING] = {"Reason String", KIND_TEXT, ANY,
                                 IN_CONNACK | IN_ACK | IN_DISCONNECT | IN_AUTH, 0, FIELD(reason_string)},
    [MQTT_PROP_RECEIVE_MAXIMUM] = {"Receive Maximum", KIND_U16, NONZERO, IN_CONNECT | IN_CONNACK, 0,
                                   FIELD(receive_maximum)},
    [MQTT_PROP_TOPIC_ALIAS_MAXIMUM] = {"Topic Alias Maximum", KIND_U16, ANY, IN_CONNECT | IN_CONNACK, 0,
                                       FIELD(topic_alias_maximum)},
    [MQTT_PROP_TOPIC_ALIAS] = {"Topic Alias", KIND_U16, ALIAS, IN_PUBLISH, 0, FIELD(topic_alias)},
    [MQTT_PROP_MAXIMUM_QOS] = {"Maximum QoS", KIND_BYTE, FLAG, IN_CONNACK, 0, FIELD(maximum_qos)},
    [MQTT_PROP_RETAIN_AVAILABLE] = {"Retain Available", KIND_BYTE, FLAG, IN_CONNACK, 0,
                                    FIELD(retain_available)},
    [MQTT_PROP_USER] = {"User Property", KIND_PAIR, ANY, IN_ALL, IN_ALL, 0},
    [MQTT_PROP_MAXIMUM_PACKET_SIZE] = {"Maximum Packet Size", KIND_U32, NONZERO, IN_CONNECT | IN_CONNACK, 0,
                                       FIELD(maximum_packet_size)},
    [MQTT_PROP_WILDCARD_AVAILABLE] = {"Wildcard Subscription Available", KIND_BYTE, FLAG, IN_CONNACK, 0,
                                      FIELD(wildcard_available)},
    [MQTT_PROP_SUBSCRIPTION_ID_AVAILABLE] = {"Subscription Identifiers Available", KIND_BYTE, FLAG,
                                             IN_CONNACK, 0, FIELD(subscription_id_available)},
    [MQTT_PROP_SHARED_AVAILABLE] = {"Shared Subscription Available", KIND_BYTE, FLAG, IN_CONNACK, 0,
                                    FIELD(shared_available)},
};

const char *mqtt_property_name(uint8_t id)
{
    return id < ID_COUNT && rules[id].name != NULL ? rules[id].name : "unknown property";
}

static const struct mqtt_properties defaults = {
    .request_problem_info = 1,
    .maximum_qos = 2,
    .retain_available = 1,
    .wildcard_available = 1,
    .subscription_id_available = 1,
    .shared_available = 1,
    .receive_maximum = 65535,
    .maximum_packet_size = UINT32_MAX,
};

void mqtt_properties_init(struct mqtt_properties *properties)
{
    *properties = defaults;
}

/* ---- Reading --------------------------------------------------------------------------------------------- */

/* Reads a number of `kind` and checks its range. */
static uint8_t read_number(struct reader *in, const struct rule *rule, uint32_t *out)
{
    uint8_t byte = 0;
    uint16_t u16 = 0;
    bool complete = false;
    switch (rule->kind) {
    case KIND_BYTE:
        complete = read_u8(in, &byte);
        *out = byte;
        break;
    case KIND_U16:
        complete = read_u16(in, &u16);
        *out = u16;
        break;
    case KIND_U32: complete = read_u32(in, out); break;
    case KIND_VARINT: complete = read_varint(in, out); break;
    }
    if (!complete)
        return MQTT_MALFORMED_PACKET;
    if ((rule->check == FLAG && *out > 1) || (rule->check == NONZERO && *out == 0))
        return MQTT_PROTOCOL_ERROR;
    if (rule->check == ALIAS && *out == 0) /* [MQTT-3.3.2-8] */
        return MQTT_BAD_TOPIC_ALIAS;
    return MQTT_SUCCESS;
}

static void store_number(uint8_t kind, void *field, uint32_t value)
{
    if (kind == KIND_BYTE)
        *(uint8_t *)field = (uint8_t)value;
    else if (kind == KIND_U16)
        *(uint16_t *)field = (uint16_t)value;
    else
        *(uint32_t *)field = value;
}

/* A response topic is a topic name: at least one character, no wildcard [MQTT-3.3.2-14] [MQTT-4.7.3-1]. */
static bool response_topic_valid(struct str topic)
{
    return topic.len > 0 && mqtt_name_check((const uint8_t *)topic.data, topic.len) == MQTT_SUCCESS;
}

/* Reads the value of one property into its field; a repeated one only the first time. */
static uint8_t read_value(struct reader *in, const struct rule *rule, bool store, struct mqtt_properties *out)
{
    void *field = (char *)out + rule->offset;
    struct str text, value;
    uint32_t number;
    uint8_t reason;
    switch (rule->kind) {
    case KIND_TEXT:
        if (!read_text(in, &text))
            return MQTT_MALFORMED_PACKET;
        if (rule->check == NAME && !response_topic_valid(text))
            return MQTT_PROTOCOL_ERROR;
        *(struct str *)field = text;
        return MQTT_SUCCESS;
    case KIND_BINARY: return read_binary(in, field) ? MQTT_SUCCESS : MQTT_MALFORMED_PACKET;
    case KIND_PAIR: /* [MQTT-1.5.7-1] */
        return read_text(in, &text) && read_text(in, &value) ? MQTT_SUCCESS : MQTT_MALFORMED_PACKET;
    default:
        reason = read_number(in, rule, &number);
        if (reason == MQTT_SUCCESS && store)
            store_number(rule->kind, field, number);
        return reason;
    }
}

uint8_t mqtt_properties_decode(const uint8_t *data, size_t raw_len, enum mqtt_property_list list,
                               struct mqtt_properties *out)
{
    *out = defaults;
    out->raw = str_make(data, raw_len);
    struct reader in = reader_of(data, raw_len);
    uint8_t id;
    while (read_u8(&in, &id)) {
        if (id >= ID_COUNT || !(rules[id].lists >> list & 1))
            return MQTT_MALFORMED_PACKET;
        const struct rule *rule = &rules[id];
        bool again = MQTT_HAS(out, id);
        if (again && !(rule->repeat >> list & 1))
            return MQTT_PROTOCOL_ERROR;
        uint8_t reason = read_value(&in, rule, !again, out);
        if (reason != MQTT_SUCCESS)
            return reason;
        out->has |= UINT64_C(1) << id;
    }
    if (MQTT_HAS(out, MQTT_PROP_AUTH_DATA) && !MQTT_HAS(out, MQTT_PROP_AUTH_METHOD))
        return MQTT_PROTOCOL_ERROR;
    return MQTT_SUCCESS;
}

uint8_t mqtt_read_properties(struct reader *in, enum mqtt_property_list list, struct mqtt_properties *out)
{
    uint32_t len;
    struct str raw;
    if (!read_varint(in, &len) || !read_bytes(in, len, &raw))
        return MQTT_MALFORMED_PACKET;
    return mqtt_properties_decode((const uint8_t *)raw.data, raw.len, list, out);
}

/* ---- Walking a list that a decoder has accepted ---------------------------------------------------------- */

/* Bytes of a value whose kind has one length; 0 for the others. */
static const uint8_t fixed_len[] = {[KIND_BYTE] = 1, [KIND_U16] = 2, [KIND_U32] = 4, [KIND_PAIR] = 0};

/* Steps to the next property with this identifier and leaves the reader at its value. */
static bool find_next(struct reader *in, uint8_t wanted)
{
    struct str skipped;
    uint32_t number;
    uint8_t id;
    while (read_u8(in, &id)) {
        if (id == wanted)
            return true;
        assert(id < ID_COUNT && rules[id].kind != KIND_NONE);
        bool complete = false;
        switch (rules[id].kind) {
        case KIND_VARINT: complete = read_varint(in, &number); break;
        case KIND_TEXT:
        case KIND_BINARY: complete = read_binary(in, &skipped); break;
        case KIND_PAIR:
            complete = read_binary(in, &skipped);
            complete = complete && read_binary(in, &skipped);
            break;
        default: complete = read_bytes(in, fixed_len[rules[id].kind], &skipped);
        }
        if (!complete)
            break;
    }
    return false;
}

bool mqtt_user_property_next(struct str raw, size_t *position, struct str *key, struct str *value)
{
    struct reader in = reader_from(raw, *position);
    if (!find_next(&in, MQTT_PROP_USER) || !read_binary(&in, key) || !read_binary(&in, value)) {
        *position = raw.len;
        return false;
    }
    *position = raw.len - reader_left(&in);
    return true;
}

bool mqtt_subscription_id_next(struct str raw, size_t *position, uint32_t *id)
{
    struct reader in = reader_from(raw, *position);
    if (!find_next(&in, MQTT_PROP_SUBSCRIPTION_ID) || !read_varint(&in, id)) {
        *position = raw.len;
        return false;
    }
    *position = raw.len - reader_left(&in);
    return true;
}

size_t mqtt_property_find(struct str raw, uint8_t id, size_t *size)
{
    assert(id < ID_COUNT && fixed_len[rules[id].kind] != 0);
    struct reader in = reader_of(raw.data, raw.len);
    if (!find_next(&in, id))
        return 0;
    *size = fixed_len[rules[id].kind];
    return raw.len - reader_left(&in);
}

/* ---- Writing --------------------------------------------------------------------------------------------- */

/* The bits of properties that are written from a field: all but user properties. */
static uint64_t written_bits(const struct mqtt_properties *properties)
{
    return properties->has & ~(UINT64_C(1) << MQTT_PROP_USER);
}

static size_t value_size(const struct rule *rule, const void *field)
{
    switch (rule->kind) {
    case KIND_BYTE: return 1;
    case KIND_U16: return 2;
    case KIND_U32: return 4;
    case KIND_VARINT: return mqtt_varint_size(*(const uint32_t *)field);
    case KIND_TEXT:
    case KIND_BINARY: return binary_size(*(const struct str *)field);
    }
    assert(!"a property that the specification does not know");
    return 0;
}

static uint8_t *write_value(uint8_t *out, const struct rule *rule, const void *field)
{
    switch (rule->kind) {
    case KIND_BYTE: return put_u8(out, *(const uint8_t *)field);
    case KIND_U16: return put_u16(out, *(const uint16_t *)field);
    case KIND_U32: return put_u32(out, *(const uint32_t *)field);
    case KIND_VARINT: return out + mqtt_varint_write(out, *(const uint32_t *)field);
    default: return put_binary(out, *(const struct str *)field);
    }
}

size_t mqtt_properties_len(const struct mqtt_properties *properties)
{
    if (properties == NULL)
        return 0;
    size_t len = properties->user_encoded.len;
    for (uint64_t bits = written_bits(properties); bits != 0; bits &= bits - 1) {
        const struct rule *rule = &rules[__builtin_ctzll(bits)];
        len += 1 + value_size(rule, (const char *)properties + rule->offset);
    }
    return len;
}

uint8_t *mqtt_properties_write(uint8_t *out, const struct mqtt_properties *properties, size_t len)
{
    out += mqtt_varint_write(out, (uint32_t)len);
    if (properties == NULL)
        return out;
    const uint8_t *start = out;
    for (uint64_t bits = written_bits(properties); bits != 0; bits &= bits - 1) {
        unsigned id = (unsigned)__builtin_ctzll(bits);
        out = put_u8(out, (uint8_t)id);
        out = write_value(out, &rules[id], (const char *)properties + rules[id].offset);
    }
    out = put_bytes(out, properties->user_encoded);
    assert((size_t)(out - start) == len);
    (void)start;
    return out;
}

void mqtt_properties_encode(struct buf *buf, const struct mqtt_properties *properties)
{
    size_t len = mqtt_properties_len(properties);
    assert(len <= MQTT_REMAINING_LENGTH_MAX);
    buf_reserve(buf, properties_size(len));
    uint8_t *end = mqtt_properties_write(buf->data + buf->len, properties, len);
    buf->len = (size_t)(end - buf->data);
}

void mqtt_user_property_append(struct buf *buf, struct str key, struct str value)
{
    buf_reserve(buf, 1 + binary_size(key) + binary_size(value));
    uint8_t *out = put_u8(buf->data + buf->len, MQTT_PROP_USER);
    out = put_binary(put_binary(out, key), value);
    buf->len = (size_t)(out - buf->data);
}
