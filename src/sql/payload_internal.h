/* The payload of the message that is evaluated, decoded when something first asks for what is in it. */
#ifndef SQL_PAYLOAD_INTERNAL_H
#define SQL_PAYLOAD_INTERNAL_H

#include "sql/columns.h"

struct sql_payload {
    bool decoded;
    struct sql_value raw; /* what `value` has been decoded from */
    struct sql_value value;
};

/* The column `payload`: itself if it is no string, else decoded from JSON, once.
 * Errors: those of the columns and of sql_json_decode, with "payload" in front. */
bool sql_payload_decoded(struct sql_payload *payload, const struct sql_columns *columns,
                         struct sql_scope *scope, struct sql_value *out, struct error *err);

/* The value itself, or what it is the JSON of, which is kept in `last` until another string is opened; undefined if it
 * is a string that is no JSON of a list or a map. Errors: ERR_LIMIT. */
bool sql_payload_open(struct sql_payload *last, struct sql_scope *scope, const struct sql_value *value,
                      struct sql_value *out, struct error *err);

#endif
