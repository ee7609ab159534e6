/* Who is known: authorization rules, bans and users of the catalog, token keys. A snapshot is
 * immutable and counted, like the settings; a watcher looks every second whether the catalog has changed, whoever
 * changed it, and mails a fresh snapshot to every shard. */
#ifndef BROKER_ACCESS_H
#define BROKER_ACCESS_H

#include "auth/auth.h"
#include "base/arena.h"
#include "base/map.h"
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

/* A user as far as open connections depend on it: what proves it is not in here. */
struct known_user {
    uint64_t proof_mark; /* changes with the password: catalog_user_mark() */
    bool superuser;
    char name[];
};

struct access {
    atomic_uint refs;
    uint64_t revision; /* of the catalog: what is in here is as of then, or later */
    struct acl_rule *rules;
    size_t rule_count;
    struct ban *bans;
    size_t ban_count;
    struct map users;          /* struct known_user by name; hash_bytes() */
    struct arena arena;        /* of the users */
    struct jwt_keys *jwt_keys; /* NULL: tokens are not asked for */
};

/* Reads the catalog and the key files that the settings name. `jwks` is what was fetched from auth.jwks_url last
 * (may be empty). Returns owned, one reference. Errors: those of the catalog, ERR_INVALID (which key source). */
struct access *access_load(struct catalog *catalog, const struct settings *settings, struct str jwks,
                           struct error *err);
struct access *access_ref(struct access *access);
void access_unref(struct access *access);

/* A number that stands for what the user proves to be somebody with (hash and SCRAM keys): another one when the password
 * is set anew. Only for this process. */
uint64_t catalog_user_mark(const struct catalog_user *user);

const struct known_user *access_user(const struct access *access, struct str name); /* NULL: there is none */

/* The ban that applies, or NULL. username may be empty. */
const struct ban *access_banned(const struct access *access, struct str client_id, struct str username,
                                const uint8_t address[16], int64_t now_ms);

/* Whether there is any way by which clients prove who they are. */
bool access_has_credentials(const struct access *access, const struct settings *settings);

#endif
