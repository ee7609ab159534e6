/* The columns of a station's table, as constants. */
#include "table/message_schema.h"

#define TEXT(literal)                  \
    {                                  \
        (literal), sizeof(literal) - 1 \
    } /* STR(), for constants */
#define FIELD(field_id, field_name, field_type, is_required, text)                                   \
    {                                                                                                \
        .id = (field_id), .name = TEXT(field_name), .type = (field_type), .required = (is_required), \
        .doc = TEXT(text)                                                                            \
    }

static const struct table_field header_members[] = {
    FIELD(MESSAGE_HEADER_KEY, "key", TABLE_STRING, true, "name of a user property"),
    FIELD(MESSAGE_HEADER_VALUE, "value", TABLE_STRING, true, "its value"),
};

static const struct table_field header = {
    .id = MESSAGE_HEADER,
    .name = TEXT("element"),
    .type = TABLE_STRUCT,
    .required = true,
    .children = header_members,
    .child_count = sizeof header_members / sizeof header_members[0],
};

static const struct table_field columns[] = {
    FIELD(MESSAGE_OFFSET, "offset", TABLE_LONG, true, "position in the station, from 0, given once"),
    FIELD(MESSAGE_TIMESTAMP, "timestamp", TABLE_TIMESTAMPTZ, true, "when the broker took the message"),
    FIELD(MESSAGE_TOPIC, "topic", TABLE_STRING, true, "MQTT topic name"),
    FIELD(MESSAGE_PAYLOAD, "payload", TABLE_STRING, false, "the payload, if it is valid UTF-8"),
    FIELD(MESSAGE_PAYLOAD_BYTES, "payload_bytes", TABLE_BINARY, false,
          "the payload, if it is not valid UTF-8"),
    FIELD(MESSAGE_QOS, "qos", TABLE_INT, false, "quality of service of the publisher: 0, 1, 2"),
    FIELD(MESSAGE_RETAIN, "retain", TABLE_BOOLEAN, false, "published with the retain flag"),
    FIELD(MESSAGE_CLIENT_ID, "client_id", TABLE_STRING, false, "client id of the publisher"),
    FIELD(MESSAGE_USERNAME, "username", TABLE_STRING, false, "user name of the publisher"),
    {.id = MESSAGE_HEADERS,
     .name = TEXT("headers"),
     .type = TABLE_LIST,
     .doc = TEXT("MQTT 5 user properties, in their order"),
     .children = &header,
     .child_count = 1},
    FIELD(MESSAGE_CONTENT_TYPE, "content_type", TABLE_STRING, false, "MQTT 5 content type"),
    FIELD(MESSAGE_RESPONSE_TOPIC, "response_topic", TABLE_STRING, false, "MQTT 5 response topic"),
    FIELD(MESSAGE_CORRELATION_DATA, "correlation_data", TABLE_BINARY, false, "MQTT 5 correlation data"),
    FIELD(MESSAGE_EXPIRY_INTERVAL, "expiry_interval", TABLE_LONG, false,
          "MQTT 5 message expiry interval in seconds, counted from timestamp"),
    FIELD(MESSAGE_PAYLOAD_FORMAT, "payload_format", TABLE_INT, false,
          "MQTT 5 payload format indicator: 1 says that it is UTF-8"),
    FIELD(MESSAGE_ID, "message_id", TABLE_STRING, false, "id for deduplication, if the publisher gave one"),
    FIELD(MESSAGE_PROPERTIES, "properties", TABLE_BINARY, false,
          "MQTT 5 properties as they came, where the other columns do not say all of them"),
};

const struct table_schema message_schema = {
    .id = 0,
    .fields = columns,
    .field_count = sizeof columns / sizeof columns[0],
};

const struct iceberg_partition_field message_partition = {
    .source_id = MESSAGE_TIMESTAMP,
    .field_id = 1000,
    .name = TEXT("timestamp_day"),
    .transform = TEXT("day"),
};

const struct iceberg_sort_field message_sort = {
    .source_id = MESSAGE_OFFSET,
    .transform = TEXT("identity"),
};
