/* Who may publish and subscribe what: an ordered list of rules, the first that applies decides; then the default.
 *
 * When a client is let in, the rules that can ever concern it (user, client id, address) are compiled into a list
 * of its own with ${clientid} and ${username} put in, so that a check only compares topics; most clients have an
 * empty list and the default.
 *
 * A rule of permission *allow* applies to a subscription if its filter covers everything that is subscribed; one
 * of *deny* if it covers any of it. So a denied topic cannot be reached through a wider filter. A topic written
 * "eq t/#" is compared literally, character by character. */
#ifndef BROKER_ACL_H
#define BROKER_ACL_H

#include "base/buf.h"
#include "base/str.h"

struct settings;

struct acl_rule {
    bool allow;
    bool publish;
    bool subscribe;
    char *username;  /* NULL: anyone */
    char *client_id; /* NULL: any */
    bool has_address;
    uint8_t address[16]; /* IPv6 or IPv4-mapped */
    uint8_t prefix_bits; /* of 128 */
    char **topics;       /* templates; none: every topic */
    size_t topic_count;
};

/* Whether a text can be the topic of a rule: a topic filter, not a shared one, perhaps with ${clientid} and ${username} in it; or
 * any filter behind "eq ". Errors: ERR_INVALID. */
bool acl_topic_check(const char *text, struct error *err);

void acl_rule_free(struct acl_rule *rule); /* what it holds, not the struct */

/* "10.0.0.0/8", "192.168.1.7", "2001:db8::/32". Errors: ERR_INVALID. */
bool acl_address_parse(struct str text, uint8_t address[16], uint8_t *prefix_bits, struct error *err);
bool acl_address_matches(const uint8_t address[16], const uint8_t pattern[16], uint8_t prefix_bits);

/* Whether two lists say the same in the same order. */
bool acl_rules_equal(const struct acl_rule *a, size_t a_count, const struct acl_rule *b, size_t b_count);

/* Adds a rule to the settings: takes what the rule holds. */
void settings_add_rule(struct settings *settings, const struct acl_rule *rule);

/* Who asks. Strings borrowed. */
struct acl_subject {
    struct str username; /* empty: none */
    struct str client_id;
    const uint8_t *address; /* 16 bytes */
};

/* One client's list. NULL stands for "everything is allowed". */
struct client_acl;

/* Rules in order: `own` (from a token; may be none), `shared` (the catalog's), the configuration's. NULL if everything
 * is allowed. Returns owned. */
struct client_acl *client_acl_new(const struct settings *settings, const struct acl_rule *shared,
                                  size_t shared_count, const struct acl_rule *own, size_t own_count,
                                  const struct acl_subject *subject);
void client_acl_free(struct client_acl *acl);

bool client_may_publish(const struct client_acl *acl, struct str topic);
bool client_may_subscribe(const struct client_acl *acl, struct str filter); /* without $share/group/ */

/* Whether every topic that `inner` matches is matched by `outer`; whether any topic is matched by both. */
bool filter_covers(struct str outer, struct str inner);
bool filter_intersects(struct str a, struct str b);

#endif
