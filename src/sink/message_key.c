/* What the key of a message's object may name: what was selected and, where that has no such column, the message's time (datetime.c) and where
 * a rule over stations has it from. All of it is the same whenever the message is delivered again: so is the key. */
#include "sink/sink_internal.h"

static bool get(void *source, struct str name, struct sql_scope *scope, struct sql_value *out,
                struct error *err)
{
    const struct message_key *key = source;
    const struct sink_message *message = key->message;
    if (!message->result->get(message->result->source, name, scope, out, err))
        return false;
    if (!sql_is(out, SQL_UNDEFINED))
        return true;
    if (str_is(name, "datetime"))
        return datetime_make(scope, message->time_ms, out, err);
    if (message->station.len == 0)
        return true;
    if (str_is(name, "offset"))
        return sql_make_int(scope, message->offset, out, err);
    if (str_is(name, "station"))
        *out = sql_string(message->station);
    return true;
}

static bool all(void *source, struct sql_map_builder *into, struct error *err)
{
    const struct message_key *key = source;
    return key->message->result->all(key->message->result->source, into, err);
}

struct sql_columns message_key_columns(struct message_key *key)
{
    return (struct sql_columns){.source = key, .get = get, .all = all};
}
