/* The columns of a station's table: what a message is to those who read the bucket. Their ids never change; a column that is
 * added later is optional and gets the next id.
 *
 * The payload is in `payload` if its bytes are valid UTF-8, else in `payload_bytes`: exactly one of them is not null.
 * Whatever a byte-exact republish needs is here; what belongs to one subscriber (subscription identifiers, the
 * retain-as-published flag) is not. */
#ifndef TABLE_MESSAGE_SCHEMA_H
#define TABLE_MESSAGE_SCHEMA_H

#include "table/iceberg.h"

enum message_column {
    MESSAGE_OFFSET = 1, /* long, required */
    MESSAGE_TIMESTAMP,  /* timestamptz, required: the server's, when the message came */
    MESSAGE_TOPIC,      /* string, required */
    MESSAGE_PAYLOAD,    /* string */
    MESSAGE_HEADERS,    /* list of struct; null: none */
    MESSAGE_HEADER,
    MESSAGE_HEADER_KEY,       /* string, required */
    MESSAGE_HEADER_VALUE,     /* string, required */
    MESSAGE_QOS,              /* int */
    MESSAGE_RETAIN,           /* boolean */
    MESSAGE_CLIENT_ID,        /* string */
    MESSAGE_CONTENT_TYPE,     /* string */
    MESSAGE_RESPONSE_TOPIC,   /* string */
    MESSAGE_CORRELATION_DATA, /* binary */
    MESSAGE_EXPIRY_INTERVAL,  /* long: seconds, counted from the timestamp */
    MESSAGE_PAYLOAD_FORMAT,   /* int: 0, 1 */
    MESSAGE_ID,               /* string: for deduplication */
    MESSAGE_PAYLOAD_BYTES,    /* binary */
    MESSAGE_USERNAME,         /* string */
    /* binary: the MQTT 5 properties as they came, encoded, where what the other columns say would be encoded otherwise */
    MESSAGE_PROPERTIES,
    MESSAGE_COLUMN_LAST = MESSAGE_PROPERTIES
};

extern const struct table_schema
    message_schema; /* id 0; columns in the order a reader of the table wants them */

/* day(timestamp), as the column timestamp_day. */
extern const struct iceberg_partition_field message_partition;
/* By offset, ascending. */
extern const struct iceberg_sort_field message_sort;

#endif
