/* Authorization rules, compiled for one client: see acl.h.
 *
 * A compiled list is one block of memory that is only read afterwards: for each rule that can concern the client,
 * its topics with the placeholders filled in. A placeholder without a value, or with one that would change the
 * meaning of the filter (`/`, `+`, `#`), never widens what is allowed: in an allowing rule the topic is left out; in
 * a denying rule each level with such a placeholder becomes `+`. */
#include "broker/acl.h"

#include "base/mem.h"
#include "broker/settings.h"
#include "mqtt/topic.h"

#include <arpa/inet.h>
#include <string.h>

#define LITERAL_PREFIX "eq "

bool acl_topic_check(const char *text, struct error *err)
{
    static const struct str names[] = {{"clientid", 8}, {"username", 8}};
    static const struct str values[] = {{"x", 1}, {"x", 1}};
    struct str bare = str_starts(str_of(text), STR("eq ")) ? str_of(text + 3) : str_of(text);
    struct topic_filter filter;
    if (!topic_filter_parse(bare, &filter))
        return error_set(err, ERR_INVALID, "\"%s\" is no topic filter", text);
    if (filter.shared) {
        error_set(err, ERR_INVALID, "\"%s\": rules are about topics, not about shared subscriptions", text);
        return error_hint(err, "leave out $share/GROUP/");
    }
    struct buf expanded = {0};
    bool known = topic_template_expand(bare, names, values, 2, &expanded);
    buf_free(&expanded);
    if (known)
        return true;
    error_set(err, ERR_INVALID, "\"%s\" has an unknown placeholder", text);
    return error_hint(err, "there are ${clientid} and ${username}");
}

void acl_rule_free(struct acl_rule *rule)
{
    mem_free(rule->username);
    mem_free(rule->client_id);
    for (size_t i = 0; i < rule->topic_count; i++)
        mem_free(rule->topics[i]);
    mem_free(rule->topics);
}

static bool texts_equal(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool rules_equal(const struct acl_rule *a, const struct acl_rule *b)
{
    if (a->allow != b->allow || a->publish != b->publish || a->subscribe != b->subscribe ||
        !texts_equal(a->username, b->username) || !texts_equal(a->client_id, b->client_id) ||
        a->has_address != b->has_address || a->topic_count != b->topic_count)
        return false;
    if (a->has_address &&
        (a->prefix_bits != b->prefix_bits || memcmp(a->address, b->address, sizeof(a->address)) != 0))
        return false;
    for (size_t i = 0; i < a->topic_count; i++) {
        if (strcmp(a->topics[i], b->topics[i]) != 0)
            return false;
    }
    return true;
}

bool acl_rules_equal(const struct acl_rule *a, size_t a_count, const struct acl_rule *b, size_t b_count)
{
    if (a_count != b_count)
        return false;
    for (size_t i = 0; i < a_count; i++) {
        if (!rules_equal(&a[i], &b[i]))
            return false;
    }
    return true;
}

/* ---- Addresses ------------------------------------------------------------------------------------------- */

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool acl_address_parse(struct str text, uint8_t address[16], uint8_t *prefix_bits, struct error *err)
{
    struct str rest = text, host, bits_text = STR_NONE;
    char buffer[INET6_ADDRSTRLEN];
    uint64_t bits = 0;
    bool given = str_next(&rest, '/', &host) && rest.data != NULL;
    if (given)
        bits_text = rest;
    if (host.len == 0 || host.len >= sizeof(buffer))
        return error_set(err, ERR_INVALID, "\"%.*s\" is no address", STR_ARG(text));
    memcpy(buffer, host.data, host.len);
    buffer[host.len] = '\0';
    bool v4 = inet_pton(AF_INET, buffer, address + 12) == 1;
    if (v4)
        memcpy(address, mapped_prefix, sizeof(mapped_prefix));
    else if (inet_pton(AF_INET6, buffer, address) != 1)
        return error_set(err, ERR_INVALID, "\"%.*s\" is no address", STR_ARG(text));
    unsigned most = v4 ? 32 : 128;
    if (given && (!str_to_u64(bits_text, &bits, NULL) || bits > most))
        return error_set(err, ERR_INVALID, "\"%.*s\": the prefix is 0 to %u", STR_ARG(text), most);
    *prefix_bits = (uint8_t)((given ? bits : most) + (v4 ? 96 : 0));
    return true;
}

bool acl_address_matches(const uint8_t address[16], const uint8_t pattern[16], uint8_t prefix_bits)
{
    unsigned whole = prefix_bits / 8, left = prefix_bits % 8;
    if (memcmp(address, pattern, whole) != 0)
        return false;
    if (left == 0)
        return true;
    uint8_t mask = (uint8_t)(0xff << (8 - left));
    return (address[whole] & mask) == (pattern[whole] & mask);
}

/* ---- Compiling ------------------------------------------------------------------------------------------- */

struct compiled_rule {
    bool allow;
    bool publish;
    bool subscribe;
    bool any_topic;
    uint32_t first_topic; /* in client_acl.topics */
    uint32_t topic_count;
};

struct compiled_topic {
    struct str text;
    bool literal; /* "eq …" */
};

struct client_acl {
    struct compiled_rule *rules;
    size_t rule_count;
    struct compiled_topic *topics;
    size_t topic_count;
    struct buf text; /* what the topics view, once compiling is over: offsets until then */
    bool default_allow;
};

void client_acl_free(struct client_acl *acl)
{
    if (acl == NULL)
        return;
    mem_free(acl->rules);
    mem_free(acl->topics);
    buf_free(&acl->text);
    mem_free(acl);
}

static bool concerns(const struct acl_rule *rule, const struct acl_subject *subject)
{
    return (rule->username == NULL ||
            (subject->username.len > 0 && str_is(subject->username, rule->username))) &&
           (rule->client_id == NULL || str_is(subject->client_id, rule->client_id)) &&
           (!rule->has_address || acl_address_matches(subject->address, rule->address, rule->prefix_bits));
}

/* A pattern whose placeholders have no usable value, widened: each level that has one becomes `+`. */
static void append_widened(struct buf *out, struct str pattern)
{
    struct str level;
    for (bool first = true; topic_next_level(&pattern, &level); first = false) {
        if (!first)
            buf_append_byte(out, '/');
        bool open = level.len > 0 && memmem(level.data, level.len, "${", 2) != NULL;
        buf_append_str(out, open ? STR("+") : level);
    }
}

static void add_topic(struct client_acl *acl, const struct acl_rule *rule, struct str pattern,
                      const struct acl_subject *subject)
{
    const struct str names[] = {STR("clientid"), STR("username")};
    const struct str values[] = {subject->client_id, subject->username};
    bool literal = str_starts(pattern, STR(LITERAL_PREFIX));
    if (literal)
        pattern =
            str_make(pattern.data + sizeof(LITERAL_PREFIX) - 1, pattern.len - (sizeof(LITERAL_PREFIX) - 1));
    size_t before = acl->text.len;
    if (!topic_template_expand(pattern, names, values, 2, &acl->text)) {
        acl->text.len = before;
        if (rule->allow || literal)
            return;
        append_widened(&acl->text, pattern);
    }
    acl->topics = mem_realloc(acl->topics, (acl->topic_count + 1) * sizeof(*acl->topics));
    acl->topics[acl->topic_count++] = (struct compiled_topic){
        .text = {.data = NULL, .len = acl->text.len - before},
        .literal = literal,
    };
}

static void add_rule(struct client_acl *acl, const struct acl_rule *rule, const struct acl_subject *subject)
{
    if (!concerns(rule, subject))
        return;
    struct compiled_rule compiled = {
        .allow = rule->allow,
        .publish = rule->publish,
        .subscribe = rule->subscribe,
        .any_topic = rule->topic_count == 0,
        .first_topic = (uint32_t)acl->topic_count,
    };
    for (size_t i = 0; i < rule->topic_count; i++)
        add_topic(acl, rule, str_of(rule->topics[i]), subject);
    compiled.topic_count = (uint32_t)acl->topic_count - compiled.first_topic;
    if (compiled.topic_count == 0 && !compiled.any_topic)
        return;
    acl->rules = mem_realloc(acl->rules, (acl->rule_count + 1) * sizeof(compiled));
    acl->rules[acl->rule_count++] = compiled;
}

/* The text does not move any more: the topics may view it. */
static void settle(struct client_acl *acl)
{
    const char *at = (const char *)acl->text.data;
    for (size_t i = 0; i < acl->topic_count; i++) {
        acl->topics[i].text.data = at;
        at += acl->topics[i].text.len;
    }
}

struct client_acl *client_acl_new(const struct settings *settings, const struct acl_rule *shared,
                                  size_t shared_count, const struct acl_rule *own, size_t own_count,
                                  const struct acl_subject *subject)
{
    struct client_acl *acl = mem_zalloc(sizeof(*acl));
    acl->default_allow = settings->acl_default_allow;
    for (size_t i = 0; i < own_count; i++)
        add_rule(acl, &own[i], subject);
    for (size_t i = 0; i < shared_count; i++)
        add_rule(acl, &shared[i], subject);
    for (size_t i = 0; i < settings->acl_count; i++)
        add_rule(acl, &settings->acl[i], subject);
    if (acl->rule_count == 0 && acl->default_allow) {
        client_acl_free(acl);
        return NULL;
    }
    settle(acl);
    return acl;
}

/* ---- Checking -------------------------------------------------------------------------------------------- */

static bool reaches(const struct compiled_rule *rule, const struct compiled_topic *topic, bool publish,
                    struct str asked)
{
    if (topic->literal)
        return str_equal(topic->text, asked);
    if (publish)
        return topic_matches(topic->text, asked);
    return rule->allow ? filter_covers(topic->text, asked) : filter_intersects(topic->text, asked);
}

static bool applies(const struct client_acl *acl, const struct compiled_rule *rule, bool publish,
                    struct str asked)
{
    if (publish ? !rule->publish : !rule->subscribe)
        return false;
    if (rule->any_topic)
        return true;
    for (uint32_t i = 0; i < rule->topic_count; i++) {
        if (reaches(rule, &acl->topics[rule->first_topic + i], publish, asked))
            return true;
    }
    return false;
}

static bool decide(const struct client_acl *acl, bool publish, struct str asked)
{
    if (acl == NULL)
        return true;
    for (size_t i = 0; i < acl->rule_count; i++) {
        if (applies(acl, &acl->rules[i], publish, asked))
            return acl->rules[i].allow;
    }
    return acl->default_allow;
}

bool client_may_publish(const struct client_acl *acl, struct str topic)
{
    return decide(acl, true, topic);
}

bool client_may_subscribe(const struct client_acl *acl, struct str filter)
{
    return decide(acl, false, filter);
}
