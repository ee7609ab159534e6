/* What the router's tests share: subscribers, filters as text, and a matcher that is too simple to be wrong. */
#ifndef TESTS_BROKER_ROUTER_HELP_H
#define TESTS_BROKER_ROUTER_HELP_H

#include "broker/router.h"
#include "harness.h"

static inline struct subscriber subscriber_of(uint64_t id, uint16_t reactor)
{
    struct subscriber subscriber = {.id = id, .reactor = reactor};
    atomic_init(&subscriber.online, true);
    return subscriber;
}

static inline struct topic_filter parsed(const char *text)
{
    struct topic_filter filter;
    if (!topic_filter_parse(str_of(text), &filter))
        fail_msg("no filter: %s", text);
    return filter;
}

static inline bool subscribe_with(struct router *router, struct subscriber *subscriber, const char *text,
                                  struct subscribe_options options)
{
    struct topic_filter filter = parsed(text);
    return router_subscribe(router, subscriber, &filter, &options);
}

static inline bool subscribe(struct router *router, struct subscriber *subscriber, const char *text)
{
    return subscribe_with(router, subscriber, text, (struct subscribe_options){0});
}

static inline bool unsubscribe(struct router *router, struct subscriber *subscriber, const char *text)
{
    struct topic_filter filter = parsed(text);
    return router_unsubscribe(router, subscriber, &filter);
}

static inline const struct route_target *target_of(const struct route *route,
                                                   const struct subscriber *subscriber)
{
    for (uint32_t i = 0; i < route->target_count; i++)
        if (route->targets[i].subscriber == subscriber)
            return &route->targets[i];
    return NULL;
}

/* What begins behind the next `/`; NULL if there is none. */
static inline const char *behind_slash(const char *text)
{
    const char *slash = strchr(text, '/');
    return slash != NULL ? slash + 1 : NULL;
}

static inline bool levels_match(const char *filter, const char *topic)
{
    if (filter == NULL)
        return topic == NULL;
    if (strcmp(filter, "#") == 0)
        return true;
    if (topic == NULL)
        return false;
    size_t filter_len = strcspn(filter, "/");
    size_t topic_len = strcspn(topic, "/");
    bool plus = filter_len == 1 && filter[0] == '+';
    if (!plus && (filter_len != topic_len || memcmp(filter, topic, filter_len) != 0))
        return false;
    return levels_match(behind_slash(filter), behind_slash(topic));
}

/* MQTT 5, 4.7, level by level. */
static inline bool naive_match(const char *filter, const char *topic)
{
    if (topic[0] == '$' && (filter[0] == '+' || filter[0] == '#'))
        return false;
    return levels_match(filter, topic);
}

/* Up to four levels of a small alphabet: few texts, so that they meet often. Not empty. */
static inline void random_text(struct random *random, char *out, bool wildcards)
{
    static const char *const words[] = {"a", "b", "ab", "", "$x", "+", "+", "#"};
    do {
        size_t levels = 1 + random_below(random, 4);
        out[0] = '\0';
        for (size_t i = 0; i < levels; i++) {
            const char *word = words[random_below(random, wildcards ? LENGTH(words) : 5)];
            strcat(out, i != 0 ? "/" : "");
            strcat(out, word);
            if (word[0] == '#')
                break;
        }
    } while (out[0] == '\0');
}

#define RANDOM_TEXT_BYTES 16

#endif
