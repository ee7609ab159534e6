/* Topic names and filters against a second opinion: validity character by character, matching level by level.
 *
 * Input: one byte with the filter's length, the filter, then the topic name. */
#include "base/buf.h"
#include "mqtt/topic.h"

#include <stdlib.h>

static void must(bool claim)
{
    if (!claim)
        abort();
}

/* UTF-8 by its definition: decode the code point, then ask whether it is one and whether the form is the shortest. */
static bool plain_text_valid(struct str text)
{
    const uint8_t *at = (const uint8_t *)text.data;
    for (size_t i = 0; i < text.len;) {
        uint32_t point = at[i];
        size_t more = point < 0x80       ? 0
                      : point >> 5 == 6  ? 1
                      : point >> 4 == 14 ? 2
                      : point >> 3 == 30 ? 3
                                         : 4;
        if (more == 4 || text.len - i <= more)
            return false;
        if (more > 0)
            point &= 0x3Fu >> more;
        for (size_t j = 1; j <= more; j++) {
            if (at[i + j] >> 6 != 2)
                return false;
            point = point << 6 | (at[i + j] & 0x3Fu);
        }
        static const uint32_t least[] = {1, 0x80, 0x800, 0x10000}; /* 1: U+0000 is refused */
        if (point < least[more] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
            return false;
        i += more + 1;
    }
    return true;
}

static size_t count_of(struct str text, char byte)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.data[i] == byte;
    return count;
}

/* A filter without `$share`: each wildcard between separators or ends, `#` at the very end. */
static bool plain_filter_valid(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool starts = i == 0 || text.data[i - 1] == '/';
        bool ends = i + 1 == text.len;
        if (c == '#' && !(starts && ends))
            return false;
        if (c == '+' && !(starts && (ends || text.data[i + 1] == '/')))
            return false;
    }
    return text.len > 0 && count_of(text, '/') < TOPIC_LEVELS_MAX;
}

static bool plain_parse(struct str text, struct str *group, struct str *filter)
{
    *group = STR_NONE;
    *filter = text;
    if (str_is(text, "$share"))
        return false;
    if (text.len >= 7 && memcmp(text.data, "$share/", 7) == 0) {
        size_t end = 7;
        while (end < text.len && text.data[end] != '/')
            end++;
        if (end == 7 || end == text.len)
            return false;
        *group = str_make(text.data + 7, end - 7);
        *filter = str_make(text.data + end + 1, text.len - end - 1);
        if (count_of(*group, '+') + count_of(*group, '#') > 0)
            return false;
    }
    return plain_text_valid(text) && plain_filter_valid(*filter);
}

static bool plain_match(struct str filter, struct str topic)
{
    struct str f, t;
    if (topic.data[0] == '$' && (filter.data[0] == '+' || filter.data[0] == '#'))
        return false;
    for (;;) {
        bool more_filter = topic_next_level(&filter, &f);
        bool more_topic = topic_next_level(&topic, &t);
        if (more_filter && str_is(f, "#"))
            return true;
        if (!more_filter || !more_topic)
            return more_filter == more_topic;
        if (!str_is(f, "+") && !str_equal(f, t))
            return false;
    }
}

/* The levels, joined again, are the text. */
static void check_levels(struct str text)
{
    struct buf joined = {0};
    struct str rest = text;
    struct str level;
    size_t count = 0;
    for (; topic_next_level(&rest, &level); count++) {
        if (count > 0)
            buf_append_byte(&joined, '/');
        buf_append_str(&joined, level);
    }
    must(str_equal(buf_str(&joined), text));
    must(count == (text.data == NULL ? 0 : count_of(text, '/') + 1));
    buf_free(&joined);
}

static void check_template(struct str pattern, struct str value)
{
    struct str name = STR("name");
    struct buf out = {0};
    bool closed =
        value.len > 0 &&
        count_of(value, '/') + count_of(value, '+') + count_of(value, '#') + count_of(value, 0) == 0;
    size_t uses = 0;
    for (size_t i = 0; i + 7 <= pattern.len; i++)
        uses += memcmp(pattern.data + i, "${name}", 7) == 0;
    if (topic_template_expand(pattern, &name, &value, 1, &out)) {
        must(closed || uses == 0);
        must(out.len == pattern.len + uses * value.len - uses * 7);
    } else {
        must(out.len == 0);
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    size_t filter_len = data[0] < len - 1 ? data[0] : len - 1;
    size_t topic_len = len - 1 - filter_len;
    char *filter_copy = malloc(filter_len + (filter_len == 0)); /* each in a block of its own size */
    char *topic_copy = malloc(topic_len + (topic_len == 0));
    must(filter_copy != NULL && topic_copy != NULL);
    memcpy(filter_copy, data + 1, filter_len);
    memcpy(topic_copy, data + 1 + filter_len, topic_len);
    struct str text = str_make(filter_copy, filter_len);
    struct str topic = str_make(topic_copy, topic_len);

    struct topic_filter parsed;
    struct str group, filter;
    bool valid = topic_filter_parse(text, &parsed);
    must(valid == plain_parse(text, &group, &filter));
    if (valid) {
        must(parsed.shared == (group.len > 0));
        must(str_equal(parsed.group, group) && str_equal(parsed.filter, filter));
        must(parsed.wildcard == (count_of(filter, '+') + count_of(filter, '#') > 0));
    }
    bool named = topic_name_valid(topic);
    must(named == (topic.len > 0 && topic.len <= TOPIC_BYTES_MAX && plain_text_valid(topic) &&
                   count_of(topic, '+') + count_of(topic, '#') == 0 && topic_levels_valid(topic)));
    if (valid && named)
        must(topic_matches(parsed.filter, topic) == plain_match(parsed.filter, topic));
    check_levels(text);
    check_levels(topic);
    check_template(text, topic);
    free(topic_copy);
    free(filter_copy);
    return 0;
}
