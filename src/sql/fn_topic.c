/* Lists of topic filters, such as those of a subscription event: each item is a filter, or a map with `topic` and
 * `qos`. */
#include "sql/fn_internal.h"
#include "sql/program.h"

/* The filter of an item, and its QoS: undefined if it has none. */
static bool read_item(const struct sql_value *item, struct str *filter, struct sql_value *qos)
{
    *qos = sql_undefined();
    if (item->type == SQL_STRING) {
        *filter = sql_str_of(item);
        return true;
    }
    const struct sql_value *topic = item->type == SQL_MAP ? sql_map_get(item, STR("topic")) : NULL;
    if (topic == NULL || topic->type != SQL_STRING)
        return false;
    *filter = sql_str_of(topic);
    const struct sql_value *found = sql_map_get(item, STR("qos"));
    if (found != NULL)
        *qos = *found;
    return true;
}

/* Whether an item is, or matches, the topic, and has the QoS of argument 2 if there is one. */
static bool contains(struct sql_call *call, const struct sql_value *args, size_t count, bool match,
                     struct sql_value *out, struct error *err)
{
    struct str topic, filter;
    struct sql_value qos;
    bool found = false;
    if (!sql_arg_list(args, 0, err) || !sql_arg_string(args, 1, &topic, err))
        return false;
    for (uint32_t i = 0; i < args[0].len && !found; i++) {
        if (!read_item(&args[0].items[i], &filter, &qos)) {
            return error_set(err, ERR_INVALID,
                             "item %u of the list is neither a topic filter nor a map with one as `topic`",
                             i + 1);
        }
        if (!sql_spend(call->scope, 1 + topic.len / 64, err))
            return false;
        found = match ? sql_topic_matches(topic, filter) : str_equal(topic, filter);
        if (found && count > 2 && !sql_equal_strict(call->scope, &qos, &args[2], &found, err))
            return false;
    }
    *out = sql_bool(found);
    return true;
}

SQL_FUNCTION(run_contains_topic)
{
    return contains(call, args, count, false, out, err);
}

SQL_FUNCTION(run_contains_topic_match)
{
    return contains(call, args, count, true, out, err);
}

static const struct sql_function rows[] = {
    SQL_ROW("contains_topic", 2, 3, SQL_CATEGORY_TOPIC, "filters, topic[, qos]",
            "whether the topic is one of the filters, with that QoS if it is given; a filter is a string, or "
            "a map with "
            "`topic` and `qos`",
            "contains_topic(['a/b', 'c'], 'c')", "true", run_contains_topic),
    SQL_ROW("contains_topic_match", 2, 3, SQL_CATEGORY_TOPIC, "filters, topic[, qos]",
            "as contains_topic, where the topic has to match the filter",
            "contains_topic_match(['a/#'], 'a/b')", "true", run_contains_topic_match),
};

const struct sql_function_table sql_topic_functions = SQL_FUNCTION_TABLE(rows);
