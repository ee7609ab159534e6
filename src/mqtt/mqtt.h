/* MQTT 3.1, 3.1.1 and 5.0 on the wire: bytes to structures and back, no I/O, no thread, no allocation.
 *
 * Reading: mqtt_frame_scan() finds the packet's bounds in a byte stream; then the mqtt_decode_* of its type fills
 * a structure whose strings borrow from those bytes. A decoder checks everything the specification asks of one
 * packet by itself (reserved flags, UTF-8, duplicate properties, values in range, trailing bytes) and answers
 * with an MQTT 5 reason code: MQTT_SUCCESS, or the code that a server sends back with DISCONNECT or CONNACK.
 * What depends on the connection's state (known topic alias, receive maximum, …) is the caller's.
 *
 * Writing: mqtt_encode_* writes one whole packet behind a buffer. Strings and binary data are at most 65,535 bytes
 * and a packet at most MQTT_REMAINING_LENGTH_MAX: the caller bounds what it did not decode. PUBLISH, the hot one, has
 * mqtt_publish_layout/mqtt_publish_write that write straight into memory of a known size.
 *
 * Sources: MQTT Version 5.0 (OASIS 2019-03-07), 3.1.1 (OASIS 2014-10-29), 3.1 (IBM/Eurotech 2010). */
#ifndef MQTT_MQTT_H
#define MQTT_MQTT_H

#include "base/buf.h"
#include "base/str.h"

#include <assert.h>

enum mqtt_version { MQTT_3_1 = 3, MQTT_3_1_1 = 4, MQTT_5 = 5 };

enum mqtt_packet_type {
    MQTT_CONNECT = 1,
    MQTT_CONNACK,
    MQTT_PUBLISH,
    MQTT_PUBACK,
    MQTT_PUBREC,
    MQTT_PUBREL,
    MQTT_PUBCOMP,
    MQTT_SUBSCRIBE,
    MQTT_SUBACK,
    MQTT_UNSUBSCRIBE,
    MQTT_UNSUBACK,
    MQTT_PINGREQ,
    MQTT_PINGRESP,
    MQTT_DISCONNECT,
    MQTT_AUTH
};

/* MQTT 5, 2.4: code, value, what it says. Values below 0x80 are success. */
#define MQTT_REASONS(X)                                                                   \
    X(MQTT_SUCCESS, 0x00, "success")                                                      \
    X(MQTT_GRANTED_QOS_1, 0x01, "granted QoS 1")                                          \
    X(MQTT_GRANTED_QOS_2, 0x02, "granted QoS 2")                                          \
    X(MQTT_DISCONNECT_WITH_WILL, 0x04, "disconnect with will message")                    \
    X(MQTT_NO_MATCHING_SUBSCRIBERS, 0x10, "no matching subscribers")                      \
    X(MQTT_NO_SUBSCRIPTION_EXISTED, 0x11, "no subscription existed")                      \
    X(MQTT_CONTINUE_AUTHENTICATION, 0x18, "continue authentication")                      \
    X(MQTT_RE_AUTHENTICATE, 0x19, "re-authenticate")                                      \
    X(MQTT_UNSPECIFIED_ERROR, 0x80, "unspecified error")                                  \
    X(MQTT_MALFORMED_PACKET, 0x81, "malformed packet")                                    \
    X(MQTT_PROTOCOL_ERROR, 0x82, "protocol error")                                        \
    X(MQTT_IMPLEMENTATION_ERROR, 0x83, "implementation specific error")                   \
    X(MQTT_UNSUPPORTED_VERSION, 0x84, "unsupported protocol version")                     \
    X(MQTT_BAD_CLIENT_ID, 0x85, "client identifier not valid")                            \
    X(MQTT_BAD_CREDENTIALS, 0x86, "bad user name or password")                            \
    X(MQTT_NOT_AUTHORIZED, 0x87, "not authorized")                                        \
    X(MQTT_SERVER_UNAVAILABLE, 0x88, "server unavailable")                                \
    X(MQTT_SERVER_BUSY, 0x89, "server busy")                                              \
    X(MQTT_BANNED, 0x8A, "banned")                                                        \
    X(MQTT_SERVER_SHUTTING_DOWN, 0x8B, "server shutting down")                            \
    X(MQTT_BAD_AUTH_METHOD, 0x8C, "bad authentication method")                            \
    X(MQTT_KEEP_ALIVE_TIMEOUT, 0x8D, "keep alive timeout")                                \
    X(MQTT_SESSION_TAKEN_OVER, 0x8E, "session taken over")                                \
    X(MQTT_BAD_TOPIC_FILTER, 0x8F, "topic filter invalid")                                \
    X(MQTT_BAD_TOPIC_NAME, 0x90, "topic name invalid")                                    \
    X(MQTT_PACKET_ID_IN_USE, 0x91, "packet identifier in use")                            \
    X(MQTT_PACKET_ID_NOT_FOUND, 0x92, "packet identifier not found")                      \
    X(MQTT_RECEIVE_MAXIMUM_EXCEEDED, 0x93, "receive maximum exceeded")                    \
    X(MQTT_BAD_TOPIC_ALIAS, 0x94, "topic alias invalid")                                  \
    X(MQTT_PACKET_TOO_LARGE, 0x95, "packet too large")                                    \
    X(MQTT_MESSAGE_RATE_TOO_HIGH, 0x96, "message rate too high")                          \
    X(MQTT_QUOTA_EXCEEDED, 0x97, "quota exceeded")                                        \
    X(MQTT_ADMINISTRATIVE_ACTION, 0x98, "administrative action")                          \
    X(MQTT_BAD_PAYLOAD_FORMAT, 0x99, "payload format invalid")                            \
    X(MQTT_RETAIN_NOT_SUPPORTED, 0x9A, "retain not supported")                            \
    X(MQTT_QOS_NOT_SUPPORTED, 0x9B, "QoS not supported")                                  \
    X(MQTT_USE_ANOTHER_SERVER, 0x9C, "use another server")                                \
    X(MQTT_SERVER_MOVED, 0x9D, "server moved")                                            \
    X(MQTT_SHARED_NOT_SUPPORTED, 0x9E, "shared subscriptions not supported")              \
    X(MQTT_CONNECTION_RATE_EXCEEDED, 0x9F, "connection rate exceeded")                    \
    X(MQTT_MAXIMUM_CONNECT_TIME, 0xA0, "maximum connect time")                            \
    X(MQTT_SUBSCRIPTION_ID_NOT_SUPPORTED, 0xA1, "subscription identifiers not supported") \
    X(MQTT_WILDCARD_NOT_SUPPORTED, 0xA2, "wildcard subscriptions not supported")

enum mqtt_reason {
#define X(name, value, text) name = value,
    MQTT_REASONS(X)
#undef X
};

const char *mqtt_reason_text(uint8_t reason);      /* static; "unknown reason" for other values */
const char *mqtt_packet_name(uint8_t packet_type); /* static: "CONNECT", … */

/* What CONNACK says, as text: MQTT 5's reason, or a return code of 3.1 and 3.1.1. Static. */
const char *mqtt_connack_text(uint8_t version, uint8_t code);

/* CONNACK return code of 3.1 and 3.1.1 (3.2.2.3) for a reason: 0 to 5, which themselves stay as they are. */
uint8_t mqtt_connack_code_v3(uint8_t reason);

/* ---- Fixed header (MQTT 5, 2.1) ------------------------------------------------------------------------- */

#define MQTT_FIXED_HEADER_MAX     5
#define MQTT_REMAINING_LENGTH_MAX 268435455u

struct mqtt_frame {
    uint8_t type;  /* enum mqtt_packet_type */
    uint8_t flags; /* low four bits of the first byte */
    uint8_t *body; /* variable header and payload */
    size_t body_len;
    size_t total_len; /* fixed header and body */
};

enum mqtt_scan { MQTT_SCAN_OK, MQTT_SCAN_MORE, MQTT_SCAN_MALFORMED, MQTT_SCAN_TOO_LARGE };

/* Looks for one packet at the start of `data`.
 * OK: *frame borrows from data. MORE: incomplete; frame->total_len is the packet's whole length once the fixed
 * header is complete, else 0. TOO_LARGE: total_len > max_packet_bytes, said as soon as the header is complete.
 * MALFORMED: type 0, or a remaining length of more than four bytes. One that is longer than it must be passes:
 * MQTT 3 does not forbid it, and the decoders refuse it in MQTT 5. */
enum mqtt_scan mqtt_frame_scan_long(uint8_t *data, size_t len, size_t max_packet_bytes,
                                    struct mqtt_frame *frame);
static inline enum mqtt_scan mqtt_frame_scan(uint8_t *data, size_t len, size_t max_packet_bytes,
                                             struct mqtt_frame *frame)
{
    /* A whole packet with a two-byte header, in line; everything else in mqtt_frame_scan_long(). */
    if (len < 2 || data[1] >= 0x80 || data[0] < 0x10)
        return mqtt_frame_scan_long(data, len, max_packet_bytes, frame);
    frame->type = data[0] >> 4;
    frame->flags = data[0] & 0x0F;
    frame->body = data + 2;
    frame->body_len = data[1];
    frame->total_len = 2 + frame->body_len;
    if (frame->total_len > max_packet_bytes)
        return MQTT_SCAN_TOO_LARGE;
    return len >= frame->total_len ? MQTT_SCAN_OK : MQTT_SCAN_MORE;
}

/* Writes a variable byte integer (1 to 4 bytes) and returns its length; value <= MQTT_REMAINING_LENGTH_MAX. */
static inline size_t mqtt_varint_write(uint8_t *out, uint32_t value)
{
    assert(value <= MQTT_REMAINING_LENGTH_MAX);
    size_t len = 0;
    while (value >= 0x80) {
        out[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[len] = (uint8_t)value;
    return len + 1;
}
static inline size_t mqtt_varint_size(uint32_t value)
{
    return value < 128 ? 1 : value < 16384 ? 2 : value < 2097152 ? 3 : 4;
}

/* ---- Properties (MQTT 5, 2.2.2) -------------------------------------------------------------------------- */

enum mqtt_property {
    MQTT_PROP_PAYLOAD_FORMAT = 0x01,
    MQTT_PROP_MESSAGE_EXPIRY = 0x02,
    MQTT_PROP_CONTENT_TYPE = 0x03,
    MQTT_PROP_RESPONSE_TOPIC = 0x08,
    MQTT_PROP_CORRELATION_DATA = 0x09,
    MQTT_PROP_SUBSCRIPTION_ID = 0x0B,
    MQTT_PROP_SESSION_EXPIRY = 0x11,
    MQTT_PROP_ASSIGNED_CLIENT_ID = 0x12,
    MQTT_PROP_SERVER_KEEP_ALIVE = 0x13,
    MQTT_PROP_AUTH_METHOD = 0x15,
    MQTT_PROP_AUTH_DATA = 0x16,
    MQTT_PROP_REQUEST_PROBLEM_INFO = 0x17,
    MQTT_PROP_WILL_DELAY = 0x18,
    MQTT_PROP_REQUEST_RESPONSE_INFO = 0x19,
    MQTT_PROP_RESPONSE_INFO = 0x1A,
    MQTT_PROP_SERVER_REFERENCE = 0x1C,
    MQTT_PROP_REASON_STRING = 0x1F,
    MQTT_PROP_RECEIVE_MAXIMUM = 0x21,
    MQTT_PROP_TOPIC_ALIAS_MAXIMUM = 0x22,
    MQTT_PROP_TOPIC_ALIAS = 0x23,
    MQTT_PROP_MAXIMUM_QOS = 0x24,
    MQTT_PROP_RETAIN_AVAILABLE = 0x25,
    MQTT_PROP_USER = 0x26,
    MQTT_PROP_MAXIMUM_PACKET_SIZE = 0x27,
    MQTT_PROP_WILDCARD_AVAILABLE = 0x28,
    MQTT_PROP_SUBSCRIPTION_ID_AVAILABLE = 0x29,
    MQTT_PROP_SHARED_AVAILABLE = 0x2A
};

/* One list of properties. `has` has bit (1 << id) for each one present; a field without its bit holds the
 * specification's default when it comes from a decoder. User properties and repeated subscription identifiers
 * stay in `raw`, in order; walk them with the iterators below. */
struct mqtt_properties {
    uint64_t has;
    struct str raw; /* the encoded list without its length prefix; the encoders ignore it */

    uint8_t payload_format;
    uint8_t request_problem_info; /* default 1 */
    uint8_t request_response_info;
    uint8_t maximum_qos;               /* default 2 */
    uint8_t retain_available;          /* default 1 */
    uint8_t wildcard_available;        /* default 1 */
    uint8_t subscription_id_available; /* default 1 */
    uint8_t shared_available;          /* default 1 */
    uint16_t server_keep_alive;
    uint16_t receive_maximum; /* default 65535 */
    uint16_t topic_alias_maximum;
    uint16_t topic_alias;
    uint32_t message_expiry;      /* seconds */
    uint32_t session_expiry;      /* seconds; 0xFFFFFFFF: never */
    uint32_t will_delay;          /* seconds */
    uint32_t maximum_packet_size; /* default 0xFFFFFFFF */
    uint32_t subscription_id;     /* the first one */
    struct str content_type;
    struct str response_topic;
    struct str correlation_data;
    struct str assigned_client_id;
    struct str auth_method;
    struct str auth_data;
    struct str response_info;
    struct str server_reference;
    struct str reason_string;

    /* Encoders only: user properties already encoded (0x26 key value, repeated), written last. */
    struct str user_encoded;
};

#define MQTT_HAS(properties, id) (((properties)->has >> (id)) & 1)

void mqtt_properties_init(struct mqtt_properties *properties); /* nothing present, defaults */
const char *mqtt_property_name(uint8_t id);                    /* static: "Topic Alias", … */

/* Which list it is: each packet allows its own set (table 2-4). */
enum mqtt_property_list {
    MQTT_LIST_CONNECT,
    MQTT_LIST_WILL,
    MQTT_LIST_CONNACK,
    MQTT_LIST_PUBLISH,
    MQTT_LIST_ACK, /* PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK */
    MQTT_LIST_SUBSCRIBE,
    MQTT_LIST_UNSUBSCRIBE,
    MQTT_LIST_DISCONNECT,
    MQTT_LIST_AUTH
};

/* Decodes the list of `raw_len` bytes at `data`. Returns MQTT_SUCCESS, or
 * MQTT_MALFORMED_PACKET: cut off, not UTF-8, or a property that is unknown or not allowed in this list (2.2.2.2);
 * MQTT_PROTOCOL_ERROR: a property twice, a value out of its range, authentication data without a method;
 * MQTT_BAD_TOPIC_ALIAS: topic alias 0. */
uint8_t mqtt_properties_decode(const uint8_t *data, size_t raw_len, enum mqtt_property_list list,
                               struct mqtt_properties *out);

/* Walks user properties in order. Start with *position = 0. `raw` is from a decoder: it is valid. */
bool mqtt_user_property_next(struct str raw, size_t *position, struct str *key, struct str *value);
/* Walks subscription identifiers likewise. */
bool mqtt_subscription_id_next(struct str raw, size_t *position, uint32_t *id);
/* Where the value of the first property `id` (one of fixed length) stands in `raw`, its identifier one byte before;
 * 0 if there is none. `raw` is from a decoder. */
size_t mqtt_property_find(struct str raw, uint8_t id, size_t *size);
/* Appends one encoded user property, for mqtt_properties.user_encoded. At most 65,535 bytes each. */
void mqtt_user_property_append(struct buf *buf, struct str key, struct str value);

/* Appends length prefix and the properties whose `has` bit is set, then user_encoded (whatever its bit). */
void mqtt_properties_encode(struct buf *buf, const struct mqtt_properties *properties);

/* ---- CONNECT (3.1) --------------------------------------------------------------------------------------- */

struct mqtt_will {
    struct str topic;
    struct str payload;
    uint8_t qos;
    bool retain;
    struct mqtt_properties properties; /* MQTT 5 */
};

struct mqtt_connect {
    uint8_t version; /* enum mqtt_version */
    bool bridge;     /* 3.1.1 and 3.1 with bit 7 of the level set, as bridges do */
    bool clean_start;
    bool has_will;
    bool has_username;
    bool has_password;
    uint16_t keep_alive; /* seconds */
    struct str client_id;
    struct str username;
    struct str password;
    struct mqtt_properties properties; /* MQTT 5 */
    struct mqtt_will will;
};

/* On MQTT_UNSUPPORTED_VERSION out->version is the level that the client asked for. On any other failure
 * out->version tells how to answer (0 if it was not read). An empty client id with clean_start false is
 * MQTT_BAD_CLIENT_ID in 3.1.1 (3.1.3-8); in 3.1 an empty one always is. A will topic that is empty or has a
 * wildcard is MQTT_BAD_TOPIC_NAME. */
uint8_t mqtt_decode_connect(const struct mqtt_frame *frame, struct mqtt_connect *out);
void mqtt_encode_connect(struct buf *buf, const struct mqtt_connect *connect);

/* ---- CONNACK (3.2) --------------------------------------------------------------------------------------- */

struct mqtt_connack {
    bool session_present;
    uint8_t
        reason; /* as MQTT 5; encoded through mqtt_connack_code_v3 for older versions, decoded as it stands */
    struct mqtt_properties properties;
};

uint8_t mqtt_decode_connack(const struct mqtt_frame *frame, uint8_t version, struct mqtt_connack *out);
void mqtt_encode_connack(struct buf *buf, uint8_t version, const struct mqtt_connack *connack);

/* ---- PUBLISH (3.3) --------------------------------------------------------------------------------------- */

struct mqtt_publish {
    bool dup;
    bool retain;
    uint8_t qos;
    uint16_t packet_id;   /* QoS > 0 */
    struct str topic;     /* may be empty with a topic alias */
    struct str raw_props; /* the encoded property list without its length; empty before MQTT 5 */
    struct str payload;
};

/* Checks flags, lengths, topic name and packet id; splits off raw_props without decoding them: call
 * mqtt_properties_decode(…, MQTT_LIST_PUBLISH, …) if raw_props.len > 0. The hot path: no copies.
 * MQTT_MALFORMED_PACKET: QoS 3, DUP with QoS 0, cut off, a topic name that is not UTF-8 or has U+0000;
 * MQTT_BAD_TOPIC_NAME: a wildcard, or empty before MQTT 5;
 * MQTT_PROTOCOL_ERROR: packet id 0, or an empty topic without a property list. */
uint8_t mqtt_decode_publish(const struct mqtt_frame *frame, uint8_t version, struct mqtt_publish *out);

/* How an outgoing PUBLISH is laid out: all sizes in bytes. */
struct mqtt_publish_layout {
    uint32_t remaining_len; /* must be <= MQTT_REMAINING_LENGTH_MAX */
    uint32_t head_len;      /* everything before the payload */
};

/* extra_props: encoded properties to come before raw_props (topic alias, subscription ids); both are ignored
 * before MQTT 5. False if the packet would be longer than MQTT allows. */
static inline bool mqtt_publish_layout(uint8_t version, const struct mqtt_publish *publish,
                                       size_t extra_props_len, struct mqtt_publish_layout *layout)
{
    size_t props = version == MQTT_5 ? publish->raw_props.len + extra_props_len : 0;
    size_t body = 2 + publish->topic.len + (publish->qos > 0 ? 2 : 0) +
                  (version == MQTT_5 ? mqtt_varint_size((uint32_t)props) + props : 0);
    size_t remaining = body + publish->payload.len;
    if (remaining > MQTT_REMAINING_LENGTH_MAX)
        return false;
    layout->remaining_len = (uint32_t)remaining;
    layout->head_len = (uint32_t)(1 + mqtt_varint_size((uint32_t)remaining) + body);
    return true;
}

/* Writes everything but the payload, layout->head_len bytes, and returns the end. */
uint8_t *mqtt_publish_write_head(uint8_t *out, uint8_t version, const struct mqtt_publish *publish,
                                 struct str extra_props, const struct mqtt_publish_layout *layout);

void mqtt_encode_publish(struct buf *buf, uint8_t version, const struct mqtt_publish *publish);

/* ---- PUBACK, PUBREC, PUBREL, PUBCOMP (3.4 to 3.7) -------------------------------------------------------- */

struct mqtt_ack {
    uint16_t packet_id;
    uint8_t reason;
    struct mqtt_properties properties;
};

#define MQTT_ACK_SHORT_BYTES 4

uint8_t mqtt_decode_ack(const struct mqtt_frame *frame, uint8_t version, struct mqtt_ack *out);
/* properties may be NULL. Before MQTT 5 reason and properties are left out; in MQTT 5 too where they say nothing. */
void mqtt_encode_ack(struct buf *buf, uint8_t version, uint8_t type, uint16_t packet_id, uint8_t reason,
                     const struct mqtt_properties *properties);

/* The four-byte form, valid in all versions for success: the hot path. Returns the end. */
static inline uint8_t *mqtt_ack_write(uint8_t *out, uint8_t type, uint16_t packet_id)
{
    out[0] = (uint8_t)(type << 4 | (type == MQTT_PUBREL ? 2 : 0));
    out[1] = 2;
    out[2] = (uint8_t)(packet_id >> 8);
    out[3] = (uint8_t)packet_id;
    return out + MQTT_ACK_SHORT_BYTES;
}

/* ---- SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK (3.8 to 3.11) ---------------------------------------------- */

struct mqtt_subscribe {
    uint16_t packet_id;
    size_t count;                      /* filters: at least one */
    struct mqtt_properties properties; /* MQTT 5 */
    struct str filters;                /* the encoded payload; walk it with mqtt_subscribe_next */
};

struct mqtt_subscription {
    struct str filter; /* as sent: it may be no valid topic filter; check with topic_filter_check() */
    uint8_t qos;
    bool no_local;
    bool retain_as_published;
    uint8_t retain_handling; /* 0, 1, 2 */
};

/* Everything but the validity of the filters as topic filters, which is answered for each one in SUBACK. */
uint8_t mqtt_decode_subscribe(const struct mqtt_frame *frame, uint8_t version, struct mqtt_subscribe *out);
bool mqtt_subscribe_next(const struct mqtt_subscribe *subscribe, size_t *position,
                         struct mqtt_subscription *out);
void mqtt_encode_subscribe(struct buf *buf, uint8_t version, uint16_t packet_id,
                           const struct mqtt_properties *properties,
                           const struct mqtt_subscription *subscriptions, size_t count);

uint8_t mqtt_decode_unsubscribe(const struct mqtt_frame *frame, uint8_t version, struct mqtt_subscribe *out);
bool mqtt_unsubscribe_next(const struct mqtt_subscribe *unsubscribe, size_t *position, struct str *filter);
void mqtt_encode_unsubscribe(struct buf *buf, uint8_t version, uint16_t packet_id,
                             const struct mqtt_properties *properties, const struct str *filters,
                             size_t count);

struct mqtt_suback {
    uint16_t packet_id;
    struct mqtt_properties properties;
    struct str reasons; /* one byte a filter; empty in an UNSUBACK before MQTT 5 */
};

/* type: MQTT_SUBACK or MQTT_UNSUBACK. Encoding for 3.1.1 turns every failure into 0x80, for 3.1 as well. */
uint8_t mqtt_decode_suback(const struct mqtt_frame *frame, uint8_t version, struct mqtt_suback *out);
void mqtt_encode_suback(struct buf *buf, uint8_t version, uint8_t type, uint16_t packet_id,
                        const struct mqtt_properties *properties, const uint8_t *reasons, size_t count);

/* ---- PINGREQ, PINGRESP, DISCONNECT, AUTH (3.12 to 3.15) -------------------------------------------------- */

/* PINGREQ and PINGRESP have no body: MQTT_SUCCESS or MQTT_MALFORMED_PACKET. */
uint8_t mqtt_decode_empty(const struct mqtt_frame *frame);
void mqtt_encode_ping(struct buf *buf, uint8_t type);

struct mqtt_disconnect { /* AUTH has the same shape */
    uint8_t reason;
    struct mqtt_properties properties;
};

uint8_t mqtt_decode_disconnect(const struct mqtt_frame *frame, uint8_t version, struct mqtt_disconnect *out);
uint8_t mqtt_decode_auth(const struct mqtt_frame *frame, struct mqtt_disconnect *out);
void mqtt_encode_disconnect(struct buf *buf, uint8_t version, uint8_t reason,
                            const struct mqtt_properties *properties);
void mqtt_encode_auth(struct buf *buf, uint8_t reason, const struct mqtt_properties *properties);

#endif
