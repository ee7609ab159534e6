/* Columns of the message or event, as functions. */
#include "sql/fn_internal.h"

#define COLUMN(function, column)                             \
    SQL_FUNCTION(run_##function)                             \
    {                                                        \
        return sql_call_column(call, STR(column), out, err); \
    }

COLUMN(msgid, "id")
COLUMN(qos, "qos")
COLUMN(flags, "flags")
COLUMN(clientid, "clientid")
COLUMN(username, "username")
COLUMN(peerhost, "peerhost")

SQL_FUNCTION(run_flag)
{
    struct str name;
    struct sql_value flags;
    if (!sql_arg_string(args, 0, &name, err) || !sql_call_column(call, STR("flags"), &flags, err))
        return false;
    const struct sql_value *flag = flags.type == SQL_MAP ? sql_map_get(&flags, name) : NULL;
    *out = flag != NULL ? *flag : sql_undefined();
    return true;
}

/* Level `wanted` of the topic, from 1 on. */
static bool give_level(struct str topic, int64_t wanted, struct sql_value *out, struct error *err)
{
    struct str rest = topic, level;
    for (int64_t i = 1; str_next(&rest, '/', &level); i++) {
        if (i == wanted) {
            *out = sql_string(level);
            return true;
        }
    }
    return error_set(err, ERR_INVALID, "the topic '%.*s' has no level %lld", SQL_SHOWN(topic),
                     (long long)wanted);
}

SQL_FUNCTION(run_topic)
{
    int64_t level;
    if (!sql_call_column(call, STR("topic"), out, err))
        return false;
    if (count == 0)
        return true;
    if (!sql_arg_int_range(args, 0, 1, INT64_MAX, &level, err))
        return false;
    if (out->type != SQL_STRING)
        return error_set(err, ERR_INVALID, "there is no topic");
    return give_level(sql_str_of(out), level, out, err);
}

SQL_FUNCTION(run_payload)
{
    struct str path;
    if (count == 0)
        return sql_call_column(call, STR("payload"), out, err);
    struct sql_value payload;
    bool found;
    if (!sql_arg_string(args, 0, &path, err) || !sql_call_payload(call, &payload, err) ||
        !sql_get_path(call, payload, path, out, &found, err))
        return false;
    if (!found)
        *out = sql_undefined();
    return true;
}

static const struct sql_function rows[] = {
    SQL_ROW("msgid", 0, 0, SQL_CATEGORY_COLUMN, "", "the column `id`", "msgid()", NULL, run_msgid),
    SQL_ROW("qos", 0, 0, SQL_CATEGORY_COLUMN, "", "the column `qos`", "qos()", NULL, run_qos),
    SQL_ROW("flags", 0, 0, SQL_CATEGORY_COLUMN, "", "the column `flags`, a map of booleans", "flags()", NULL,
            run_flags),
    SQL_ROW("flag", 1, 1, SQL_CATEGORY_COLUMN, "name", "one of the column `flags`", "flag('retain')", NULL,
            run_flag),
    SQL_ROW(
        "topic", 0, 1, SQL_CATEGORY_COLUMN, "[level]",
        "the column `topic`, or one of its levels, which count from 1; fails if the topic has not so many",
        "topic(2)", NULL, run_topic),
    SQL_ROW("clientid", 0, 0, SQL_CATEGORY_COLUMN, "", "the column `clientid`", "clientid()", NULL,
            run_clientid),
    SQL_ROW("username", 0, 0, SQL_CATEGORY_COLUMN, "", "the column `username`", "username()", NULL,
            run_username),
    SQL_ROW("clientip", 0, 0, SQL_CATEGORY_COLUMN, "", "the column `peerhost`", "clientip()", NULL,
            run_peerhost),
    SQL_ROW("peerhost", 0, 0, SQL_CATEGORY_COLUMN, "", "the column `peerhost`", "peerhost()", NULL,
            run_peerhost),
    SQL_ROW("payload", 0, 1, SQL_CATEGORY_COLUMN, "[path]",
            "the column `payload`, or what is at a path of its JSON, such as 'a.b'", "payload('a.b')", NULL,
            run_payload),
};

const struct sql_function_table sql_column_functions = SQL_FUNCTION_TABLE(rows);
