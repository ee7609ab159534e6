/* Strings that are JSON: the payload among the columns, and any other on the way of a path. */
#include "sql/payload_internal.h"

#include "sql/json.h"

bool sql_payload_decoded(struct sql_payload *payload, const struct sql_columns *columns,
                         struct sql_scope *scope, struct sql_value *out, struct error *err)
{
    if (!payload->decoded) {
        payload->raw = sql_undefined();
        if (!columns->get(columns->source, STR("payload"), scope, &payload->raw, err))
            return false;
        payload->value = payload->raw;
        if (payload->raw.type == SQL_STRING &&
            !sql_json_decode(scope, sql_str_of(&payload->raw), &payload->value, err))
            return error_wrap(err, "payload");
        payload->decoded = true;
    }
    *out = payload->value;
    return true;
}

/* Only a list or a map has something below it. */
static bool may_have_items(struct str text)
{
    size_t i = 0;
    while (i < text.len &&
           (text.data[i] == ' ' || text.data[i] == '\n' || text.data[i] == '\r' || text.data[i] == '\t'))
        i++;
    return i < text.len && (text.data[i] == '{' || text.data[i] == '[');
}

bool sql_payload_open(struct sql_payload *last, struct sql_scope *scope, const struct sql_value *value,
                      struct sql_value *out, struct error *err)
{
    if (value->type != SQL_STRING) {
        *out = *value;
        return true;
    }
    if (!last->decoded || last->raw.text != value->text || last->raw.len != value->len) {
        struct error why = {.code = ERR_NONE};
        struct str text = sql_str_of(value);
        *last = (struct sql_payload){.raw = *value};
        if (may_have_items(text) && !sql_json_decode(scope, text, &last->value, &why)) {
            if (why.code != ERR_INVALID) {
                if (err != NULL)
                    *err = why;
                return false;
            }
            last->value = sql_undefined();
        }
        last->decoded = true;
    }
    *out = last->value;
    return true;
}
