/* How two topic filters stand to each other: whether one covers the other, whether they share a topic.
 *
 * Both are walked level by level. A filter whose first level is a wildcard does not reach topics that begin with `$`
 * (MQTT 5, 4.7.2), so such a pair is decided at the first level. `a/#` reaches `a` itself, so a `#` is met one level
 * early; but there is no empty topic for `#` and `/#` to reach, so these are the same as `+/#` and `/+/#`. */
#include "broker/acl.h"

#include "mqtt/topic.h"

struct walk {
    struct str rest;
    struct str level;
    bool more; /* `level` is one; false: the filter has ended */
};

static struct walk walk_start(struct str filter)
{
    if (str_is(filter, "#"))
        filter = STR("+/#");
    else if (str_is(filter, "/#"))
        filter = STR("/+/#");
    struct walk walk = {.rest = filter};
    walk.more = topic_next_level(&walk.rest, &walk.level);
    return walk;
}

static void walk_on(struct walk *walk)
{
    walk->more = topic_next_level(&walk->rest, &walk->level);
}

static bool is_hash(const struct walk *walk)
{
    return walk->more && walk->level.len == 1 && walk->level.data[0] == '#';
}

static bool is_plus(const struct walk *walk)
{
    return walk->more && walk->level.len == 1 && walk->level.data[0] == '+';
}

static bool is_dollar(const struct walk *walk)
{
    return walk->more && walk->level.len > 0 && walk->level.data[0] == '$';
}

bool filter_covers(struct str outer, struct str inner)
{
    struct walk out = walk_start(outer), in = walk_start(inner);
    if (is_dollar(&in) && (is_hash(&out) || is_plus(&out)))
        return false;
    for (;; walk_on(&out), walk_on(&in)) {
        if (is_hash(&out))
            return true; /* everything below, and the parent where `inner` has ended */
        if (!in.more || !out.more)
            return in.more == out.more;
        if (is_hash(&in))
            return false; /* reaches deeper than `outer` */
        if (!is_plus(&out) && (is_plus(&in) || !str_equal(out.level, in.level)))
            return false;
    }
}

bool filter_intersects(struct str a, struct str b)
{
    struct walk one = walk_start(a), two = walk_start(b);
    if ((is_dollar(&one) && (is_hash(&two) || is_plus(&two))) ||
        (is_dollar(&two) && (is_hash(&one) || is_plus(&one))))
        return false;
    for (;; walk_on(&one), walk_on(&two)) {
        if (is_hash(&one) || is_hash(&two))
            return true;
        if (!one.more || !two.more)
            return one.more == two.more;
        if (!is_plus(&one) && !is_plus(&two) && !str_equal(one.level, two.level))
            return false;
    }
}
