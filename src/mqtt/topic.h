/* Topic names and topic filters (MQTT 5, 4.7): validity, levels, matching one by one.
 * The router's trie does the same for many; it is tested against topic_matches(). */
#ifndef MQTT_TOPIC_H
#define MQTT_TOPIC_H

#include "base/str.h"

#define TOPIC_LEVELS_MAX 128
#define TOPIC_BYTES_MAX  65535

/* A topic name to publish to: 1 to 65,535 bytes of UTF-8 without U+0000, `+`, `#`; at most TOPIC_LEVELS_MAX
 * levels. topic_name_valid does all of it; the decoder has checked the rest already when it comes from a packet,
 * then topic_levels_valid is enough. */
bool topic_name_valid(struct str topic);
bool topic_levels_valid(struct str topic);
unsigned topic_level_count(struct str topic); /* of a name or filter: 1 and one for each `/` */

/* A topic filter, cut into its parts. */
struct topic_filter {
    struct str group;  /* `$share/<group>/…` (4.8.2); empty if not shared */
    struct str filter; /* without the `$share/<group>/` */
    bool wildcard;     /* has `+` or `#` */
    bool shared;
};

/* False if it is no valid filter: empty, not UTF-8, `#` not alone in the last level, `+` not alone in its level,
 * too many levels, `$share` without group or filter, a group with a wildcard character. Borrows from text. */
bool topic_filter_parse(struct str text, struct topic_filter *out);

/* Cuts the next level off *rest; false when there is none left. "a//b" has the levels "a", "", "b". */
bool topic_next_level(struct str *rest, struct str *level);

/* Whether the filter (without `$share`) matches the name: `#` matches its parent level too, wildcards in the
 * first level do not match names that begin with `$` (4.7.2). Both are valid. */
bool topic_matches(struct str filter, struct str topic);

/* Replaces ${name} in a filter template by values whose level separators and wildcards are refused: false, and
 * nothing appended, if a name is unknown or not closed, or its value is empty or has `/`, `+`, `#` or U+0000. An
 * empty value counts as missing: "users/${username}/#" must not become "users//#". A `$` without `{` is itself.
 * names and values run in parallel. Appends to out. */
struct buf;
bool topic_template_expand(struct str pattern, const struct str *names, const struct str *values,
                           size_t count, struct buf *out);

#endif
