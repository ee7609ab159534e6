/* Topic names and filters (MQTT 5, 4.7 and 4.8.2).
 *
 * Matching walks filter and name byte by byte in one pass: a level of the filter is `+`, `#` or literal text, and
 * a literal level equals the name's level to the byte, without any normalisation [MQTT-4.7.3-4]. */
#include "mqtt/topic.h"

#include "base/buf.h"
#include "mqtt_internal.h"

unsigned topic_level_count(struct str topic)
{
    unsigned levels = 1;
    const char *at = topic.data;
    size_t left = topic.len;
    while (left > 0) {
        const char *slash = memchr(at, '/', left);
        if (slash == NULL)
            break;
        levels++;
        left -= (size_t)(slash + 1 - at);
        at = slash + 1;
    }
    return levels;
}

bool topic_levels_valid(struct str topic)
{
    return topic_level_count(topic) <= TOPIC_LEVELS_MAX;
}

bool topic_name_valid(struct str topic)
{
    return topic.len > 0 && topic.len <= TOPIC_BYTES_MAX && /* [MQTT-4.7.3-1] [MQTT-4.7.3-3] */
           mqtt_name_check((const uint8_t *)topic.data, topic.len) == MQTT_SUCCESS &&
           topic_levels_valid(topic);
}

bool topic_next_level(struct str *rest, struct str *level)
{
    if (rest->data == NULL)
        return false;
    const char *slash = rest->len > 0 ? memchr(rest->data, '/', rest->len) : NULL;
    if (slash == NULL) {
        *level = *rest;
        *rest = STR_NONE;
        return true;
    }
    size_t len = (size_t)(slash - rest->data);
    *level = str_make(rest->data, len);
    *rest = str_make(slash + 1, rest->len - len - 1);
    return true;
}

static bool has_wildcard(struct str text)
{
    return text.len > 0 &&
           (memchr(text.data, '+', text.len) != NULL || memchr(text.data, '#', text.len) != NULL);
}

/* `+` and `#` stand alone in their levels, `#` only in the last one [MQTT-4.7.1-1] [MQTT-4.7.1-2]. */
static bool wildcards_valid(struct str filter)
{
    struct str level;
    while (topic_next_level(&filter, &level)) {
        if (!has_wildcard(level))
            continue;
        if (level.len != 1 || (level.data[0] == '#' && filter.data != NULL))
            return false;
    }
    return true;
}

bool topic_filter_parse(struct str text, struct topic_filter *out)
{
    if (text.len == 0 || text.len > TOPIC_BYTES_MAX || !mqtt_text_valid((const uint8_t *)text.data, text.len))
        return false;
    struct str rest = text;
    struct str group = STR_NONE;
    struct str first;
    bool shared = str_equal(text, STR("$share")) || str_starts(text, STR("$share/"));
    if (shared) {
        topic_next_level(&rest, &first);
        /* [MQTT-4.8.2-1] [MQTT-4.8.2-2] */
        if (!topic_next_level(&rest, &group) || group.len == 0 || has_wildcard(group) || rest.len == 0)
            return false;
    }
    if (!topic_levels_valid(rest) || !wildcards_valid(rest))
        return false;
    *out = (struct topic_filter){
        .group = group, .filter = rest, .wildcard = has_wildcard(rest), .shared = shared};
    return true;
}

bool topic_matches(struct str filter, struct str topic)
{
    if (filter.len == 0 || topic.len == 0)
        return false;
    const char *f = filter.data, *f_end = f + filter.len;
    const char *t = topic.data, *t_end = t + topic.len;
    if (*t == '$' && (*f == '+' || *f == '#')) /* [MQTT-4.7.2-1] */
        return false;

    /* Both stand at the start of a level. */
    for (;;) {
        if (f < f_end && *f == '#')
            return true;
        if (f < f_end && *f == '+') {
            f++;
            while (t < t_end && *t != '/')
                t++;
        } else {
            while (f < f_end && t < t_end && *f == *t && *f != '/') {
                f++;
                t++;
            }
        }
        /* Each is at its level's end, or the levels differ. */
        if (f == f_end)
            return t == t_end;
        if (*f != '/')
            return false;
        if (t == t_end) /* `a/#` matches its parent level `a` too */
            return f_end - f == 2 && f[1] == '#';
        if (*t != '/')
            return false;
        f++;
        t++;
    }
}

static bool value_allowed(struct str value)
{
    return value.len > 0 && !has_wildcard(value) && memchr(value.data, '/', value.len) == NULL &&
           memchr(value.data, 0, value.len) == NULL;
}

static bool append_value(struct str name, const struct str *names, const struct str *values, size_t count,
                         struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal(names[i], name)) {
            if (!value_allowed(values[i]))
                return false;
            buf_append_str(out, values[i]);
            return true;
        }
    }
    return false;
}

bool topic_template_expand(struct str pattern, const struct str *names, const struct str *values,
                           size_t count, struct buf *out)
{
    size_t start_len = out->len;
    size_t at = 0;
    while (at < pattern.len) {
        const char *from = pattern.data + at;
        size_t left = pattern.len - at;
        if (left < 2 || from[0] != '$' || from[1] != '{') {
            buf_append_byte(out, (uint8_t)from[0]);
            at++;
            continue;
        }
        const char *brace = memchr(from, '}', left);
        if (brace == NULL ||
            !append_value(str_make(from + 2, (size_t)(brace - from - 2)), names, values, count, out)) {
            out->len = start_len;
            return false;
        }
        at += (size_t)(brace - from) + 1;
    }
    return true;
}
