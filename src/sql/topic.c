/* Topic filters, as MQTT has them (MQTT 5.0, 4.7). */
#include "sql/program.h"

/* Cuts the level at the front off; false when there is none left. */
static bool next_level(struct str *rest, struct str *level)
{
    return str_next(rest, '/', level);
}

bool sql_topic_matches(struct str topic, struct str filter)
{
    struct str level;
    struct str wanted;
    if (topic.len != 0 && topic.data[0] == '$' && filter.len != 0 &&
        (filter.data[0] == '+' || filter.data[0] == '#'))
        return false;
    if (topic.len == 0 || filter.len == 0)
        return topic.len == filter.len;
    for (;;) {
        bool more = next_level(&topic, &level);
        if (!next_level(&filter, &wanted))
            return !more;
        if (str_is(wanted, "#"))
            return true;
        if (!more || (!str_is(wanted, "+") && !str_equal(level, wanted)))
            return false;
    }
}

bool sql_topic_filter_valid(struct str filter)
{
    struct str rest = filter;
    struct str level;
    if (filter.len == 0 || filter.len > UINT16_MAX)
        return false;
    while (next_level(&rest, &level)) {
        bool wild =
            level.len != 0 && (memchr(level.data, '+', level.len) || memchr(level.data, '#', level.len));
        if (wild && level.len != 1)
            return false;
        if (str_is(level, "#") && rest.data != NULL)
            return false;
    }
    return memchr(filter.data, '\0', filter.len) == NULL;
}
