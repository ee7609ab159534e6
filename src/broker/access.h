/* Who is known: authorization rules and bans of the catalog, token keys, whether there are users. A snapshot is
 * immutable and counted, like the settings; a watcher looks every second whether the catalog has changed, whoever
 * changed it, and mails a fresh snapshot to every shard. */
#ifndef BROKER_ACCESS_H
#define BROKER_ACCESS_H

#include "auth/auth.h"
#include "broker/acl.h"
#include "broker/settings.h"
#include "catalog/catalog.h"

struct ban {
    enum catalog_ban_kind kind;
    char *who; /* client id or user name */
    char *reason;
    int64_t until_ms; /* 0: for ever */
    uint8_t address[16];
    uint8_t prefix_bits;
};

struct access {
    atomic_uint refs;
    struct acl_rule *rules;
    size_t rule_count;
    struct ban *bans;
    size_t ban_count;
    struct jwt_keys *jwt_keys; /* NULL: tokens are not asked for */
    bool has_users;
};

/* Reads the catalog and the key files that the settings name. `jwks` is what was fetched from auth.jwks_url last
 * (may be empty). Returns owned, one reference. Errors: those of the catalog, ERR_INVALID (which key source). */
struct access *access_load(struct catalog *catalog, const struct settings *settings, struct str jwks,
                           struct error *err);
struct access *access_ref(struct access *access);
void access_unref(struct access *access);

/* The ban that applies, or NULL. username may be empty. */
const struct ban *access_banned(const struct access *access, struct str client_id, struct str username,
                                const uint8_t address[16], int64_t now_ms);

/* Whether there is any way by which clients prove who they are. */
bool access_has_credentials(const struct access *access, const struct settings *settings);

#endif
