/* How two filters stand to each other, against every topic there is.
 *
 * The world is small: filters of up to four levels, topics of up to five, levels "a", "b", "" and "$x". A relation of
 * two filters must be what the topics say that match them. Two words and topics one level deeper than any filter are
 * enough: a filter names at most two different words, and cannot tell what is below its depth. */
#include "broker/acl.h"
#include "harness.h"
#include "mqtt/topic.h"

#define FILTER_LEVELS 4
#define TOPIC_LEVELS  5
#define TEXT_BYTES    24
#define TOPICS_MAX    2048 /* 4 + 16 + 64 + 256 + 1024, without the empty one */
#define FILTERS_MAX   2048
#define WORDS(count)  (((count) + 63) / 64)

struct world {
    char topics[TOPICS_MAX][TEXT_BYTES];
    size_t topic_count;
    char filters[FILTERS_MAX][TEXT_BYTES];
    size_t filter_count;
    uint64_t matches[FILTERS_MAX][WORDS(TOPICS_MAX)]; /* bit t: filter f matches topic t */
};

static struct world world;

static const char *const names[] = {"a", "b", "", "$x", "+", "#"};
#define TOPIC_NAMES 4 /* of them */

/* All texts of exactly `levels` more levels behind `text`. */
static void add_topics(char *text, size_t levels)
{
    if (levels == 0) {
        if (text[0] != '\0')
            memcpy(world.topics[world.topic_count++], text, TEXT_BYTES);
        return;
    }
    size_t len = strlen(text);
    for (size_t i = 0; i < TOPIC_NAMES; i++) {
        snprintf(text + len, TEXT_BYTES - len, "%s%s", names[i], levels > 1 ? "/" : "");
        add_topics(text, levels - 1);
        text[len] = '\0';
    }
}

static void add_filters(char *text, size_t levels)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < LENGTH(names); i++) {
        bool last = levels == 1;
        if (!last && names[i][0] == '#')
            continue;
        snprintf(text + len, TEXT_BYTES - len, "%s%s", names[i], last ? "" : "/");
        if (!last)
            add_filters(text, levels - 1);
        else if (text[0] != '\0')
            memcpy(world.filters[world.filter_count++], text, TEXT_BYTES);
        text[len] = '\0';
    }
}

static int make_world(void **state)
{
    (void)state;
    char text[TEXT_BYTES] = {0};
    for (size_t levels = 1; levels <= TOPIC_LEVELS; levels++)
        add_topics(text, levels);
    for (size_t levels = 1; levels <= FILTER_LEVELS; levels++)
        add_filters(text, levels);
    for (size_t f = 0; f < world.filter_count; f++) {
        struct topic_filter parsed;
        CHECK(topic_filter_parse(str_of(world.filters[f]), &parsed), "%s", world.filters[f]);
        for (size_t t = 0; t < world.topic_count; t++) {
            if (topic_matches(str_of(world.filters[f]), str_of(world.topics[t])))
                world.matches[f][t / 64] |= UINT64_C(1) << (t % 64);
        }
    }
    return 0;
}

static bool topics_cover(size_t outer, size_t inner)
{
    for (size_t i = 0; i < WORDS(TOPICS_MAX); i++) {
        if ((world.matches[inner][i] & ~world.matches[outer][i]) != 0)
            return false;
    }
    return true;
}

static bool topics_intersect(size_t a, size_t b)
{
    for (size_t i = 0; i < WORDS(TOPICS_MAX); i++) {
        if ((world.matches[a][i] & world.matches[b][i]) != 0)
            return true;
    }
    return false;
}

static void test_the_world_is_complete(void **state)
{
    (void)state;
    assert_int_equal(world.topic_count, 4 + 16 + 64 + 256 + 1024 - 1);
    assert_int_equal(world.filter_count, 6 + 5 * 6 + 25 * 6 + 125 * 6 - 1);
}

static void test_one_filter_covers_another_if_it_matches_every_topic_of_it(void **state)
{
    (void)state;
    for (size_t outer = 0; outer < world.filter_count; outer++) {
        for (size_t inner = 0; inner < world.filter_count; inner++) {
            bool said = filter_covers(str_of(world.filters[outer]), str_of(world.filters[inner]));
            if (said != topics_cover(outer, inner))
                fail_msg("filter_covers(\"%s\", \"%s\") = %d", world.filters[outer], world.filters[inner],
                         said);
        }
    }
}

static void test_two_filters_intersect_if_a_topic_matches_both(void **state)
{
    (void)state;
    for (size_t a = 0; a < world.filter_count; a++) {
        for (size_t b = 0; b < world.filter_count; b++) {
            bool said = filter_intersects(str_of(world.filters[a]), str_of(world.filters[b]));
            if (said != topics_intersect(a, b))
                fail_msg("filter_intersects(\"%s\", \"%s\") = %d", world.filters[a], world.filters[b], said);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_world_is_complete),
        cmocka_unit_test(test_one_filter_covers_another_if_it_matches_every_topic_of_it),
        cmocka_unit_test(test_two_filters_intersect_if_a_topic_matches_both),
    };
    return cmocka_run_group_tests(tests, make_world, NULL);
}
