/* What must survive a restart besides messages: DIR/catalog.db (SQLite, WAL, synchronous=FULL).
 *
 * Small, rare things (users, rules, bans) are read and written at once, from any thread. What the broker writes
 * while it works (retained messages, sessions, subscriptions) goes through a queue to one writer thread that
 * commits everything waiting in one transaction, then tells each writer: `done` means it is on disk.
 *
 * Several processes may have the catalog open (`varve user` beside a running broker). */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include "base/buf.h"
#include "base/str.h"

#include <stdint.h>

struct catalog;

/* Opens or creates DIR/catalog.db (mode 0600) and brings its schema up to date. Returns owned.
 * Errors: ERR_NOT_FOUND (no DIR), ERR_IO, ERR_CORRUPT (with what to do; also if the file is not what it was when it was
 * closed), ERR_UNSUPPORTED (made by a later
 * version), ERR_BUSY (another process holds it for 10 s). */
struct catalog *catalog_open(const char *dir, struct error *err);

/* Waits until everything submitted so far is committed (or has failed) and its done() has been called.
 * Thread: any but the writer's. */
void catalog_flush(struct catalog *catalog);

/* Commits what is queued, then closes. Takes; NULL is fine. Writes submitted meanwhile are refused. */
void catalog_close(struct catalog *catalog);

/* Checks the whole file (SQLite's integrity_check and our own rules). Errors: ERR_CORRUPT. Thread: any. */
bool catalog_check(struct catalog *catalog, struct error *err);

/* ---- Users ----------------------------------------------------------------------------------------------- */

#define CATALOG_SCRAM_SALT_BYTES 16
#define CATALOG_SCRAM_KEY_BYTES  32

struct catalog_user {
    char *username;
    char *password_hash; /* argon2id, PHC string; NULL: may not log in by password */
    bool superuser;      /* no authorization rule applies */
    bool has_scram;
    uint32_t scram_iterations;
    uint8_t scram_salt[CATALOG_SCRAM_SALT_BYTES];
    uint8_t scram_stored_key[CATALOG_SCRAM_KEY_BYTES];
    uint8_t scram_server_key[CATALOG_SCRAM_KEY_BYTES];
    char *note;
    uint64_t revision; /* catalog_revision() when it was read; not written */
};

void catalog_user_free(struct catalog_user *user); /* the strings, not the struct; zeroes it */

/* Creates (`create`: ERR_EXISTS if there is one) or replaces. Borrows. Thread: any, as all in this part. */
bool catalog_user_put(struct catalog *catalog, const struct catalog_user *user, bool create,
                      struct error *err);
/* Fills *out: the caller frees it. Errors: ERR_NOT_FOUND. */
bool catalog_user_get(struct catalog *catalog, struct str username, struct catalog_user *out,
                      struct error *err);
bool catalog_user_delete(struct catalog *catalog, struct str username, struct error *err); /* as _get */
/* In the order of their names, as of one moment. `each` borrows; it returns false to stop; it may call anything
 * of the catalog but catalog_close. So do all the functions of this kind below. */
bool catalog_user_each(struct catalog *catalog, bool (*each)(const struct catalog_user *user, void *arg),
                       void *arg, struct error *err);
bool catalog_user_count(struct catalog *catalog, uint64_t *count, struct error *err);

/* ---- Authorization rules: an ordered list --------------------------------------------------------------- */

struct catalog_rule {
    uint64_t id;      /* given by the catalog */
    int64_t position; /* lower first; ties by id */
    bool allow;
    bool publish;
    bool subscribe;
    char *username;  /* NULL: anyone */
    char *client_id; /* NULL: any */
    char *address;   /* "10.0.0.0/8"; NULL: any */
    char *topic;     /* a topic filter with ${clientid}, ${username}; "eq …" compares literally */
};

void catalog_rule_free(struct catalog_rule *rule);
/* Adds (id 0: the new id is set) or replaces. Errors: ERR_NOT_FOUND (no rule of this id), ERR_INVALID. */
bool catalog_rule_put(struct catalog *catalog, struct catalog_rule *rule, struct error *err);
bool catalog_rule_delete(struct catalog *catalog, uint64_t id, struct error *err);
bool catalog_rule_each(struct catalog *catalog, bool (*each)(const struct catalog_rule *rule, void *arg),
                       void *arg, struct error *err);

/* The rules that name exactly this user and this client (NULL: none of them) and no address are replaced by these, all or none:
 * whom they are about and their order is set here. None: they are deleted. `removed` gets how many there were.
 * Errors: ERR_INVALID. */
bool catalog_rules_replace(struct catalog *catalog, const char *username, const char *client_id,
                           struct catalog_rule *rules, size_t count, int64_t position, size_t *removed,
                           struct error *err);

/* ---- Bans ------------------------------------------------------------------------------------------------ */

enum catalog_ban_kind { CATALOG_BAN_CLIENT_ID, CATALOG_BAN_USERNAME, CATALOG_BAN_ADDRESS };

struct catalog_ban {
    enum catalog_ban_kind kind;
    char *who; /* client id, user name, or address with optional /prefix */
    char *reason;
    int64_t until_ms; /* wall clock; 0: for ever */
};

void catalog_ban_free(struct catalog_ban *ban);
bool catalog_ban_put(struct catalog *catalog, const struct catalog_ban *ban, struct error *err);
bool catalog_ban_delete(struct catalog *catalog, enum catalog_ban_kind kind, struct str who,
                        struct error *err);
bool catalog_ban_each(struct catalog *catalog, bool (*each)(const struct catalog_ban *ban, void *arg),
                      void *arg, struct error *err);

/* ---- Keys and users of the HTTP API ---------------------------------------------------------------------- */

#define CATALOG_SECRET_HASH_BYTES 32

struct catalog_api_key {
    char *name;
    char *key; /* what is sent with the secret; found by it */
    uint8_t secret_hash[CATALOG_SECRET_HASH_BYTES];
    char *role;
    bool enabled;
    int64_t expires_ms; /* wall clock; 0: never */
    int64_t created_ms;
    char *description;
};

void catalog_api_key_free(struct catalog_api_key *key); /* what it holds, not the struct; zeroes it */
/* Creates: ERR_EXISTS if there is one of this name (or, which is our own mistake, of this key). */
bool catalog_api_key_create(struct catalog *catalog, const struct catalog_api_key *key, struct error *err);
/* Changes role, enabled, expires_ms and description of the key of this name. Errors: ERR_NOT_FOUND. */
bool catalog_api_key_update(struct catalog *catalog, const struct catalog_api_key *key, struct error *err);
/* Fills *out: the caller frees it. Errors: ERR_NOT_FOUND. */
bool catalog_api_key_get(struct catalog *catalog, struct str key, struct catalog_api_key *out,
                         struct error *err);
bool catalog_api_key_get_name(struct catalog *catalog, struct str name, struct catalog_api_key *out,
                              struct error *err);
bool catalog_api_key_delete(struct catalog *catalog, struct str name, struct error *err);
bool catalog_api_key_each(struct catalog *catalog, bool (*each)(const struct catalog_api_key *key, void *arg),
                          void *arg, struct error *err);

struct catalog_dashboard_user {
    char *username;
    char *password_hash; /* argon2id, PHC string */
    char *role;
    char *description;
};

void catalog_dashboard_user_free(struct catalog_dashboard_user *user);
bool catalog_dashboard_user_create(struct catalog *catalog, const struct catalog_dashboard_user *user,
                                   struct error *err); /* Errors: ERR_EXISTS */
/* Replaces all but the name. Errors: ERR_NOT_FOUND. */
bool catalog_dashboard_user_update(struct catalog *catalog, const struct catalog_dashboard_user *user,
                                   struct error *err);
bool catalog_dashboard_user_get(struct catalog *catalog, struct str username,
                                struct catalog_dashboard_user *out, struct error *err);
bool catalog_dashboard_user_delete(struct catalog *catalog, struct str username, struct error *err);
bool catalog_dashboard_user_each(struct catalog *catalog,
                                 bool (*each)(const struct catalog_dashboard_user *user, void *arg),
                                 void *arg, struct error *err);
bool catalog_dashboard_user_count(struct catalog *catalog, uint64_t *count, struct error *err);

/* Grows with every change to users, rules or bans by any process: cheap to ask, for caches. */
bool catalog_revision(struct catalog *catalog, uint64_t *revision, struct error *err);

/* ---- Stations -------------------------------------------------------------------------------------------- */

/* Creates (`create`: ERR_EXISTS if there is one; positions under its name are removed) or replaces the object, JSON
 * and opaque here. Borrows. Thread: any, as all in this part. */
bool catalog_station_put(struct catalog *catalog, struct str name, struct str object, int64_t created_ms,
                         bool create, struct error *err);
/* With its positions. Errors: ERR_NOT_FOUND. */
bool catalog_station_delete(struct catalog *catalog, struct str name, struct error *err);
bool catalog_station_each(struct catalog *catalog,
                          bool (*each)(struct str name, struct str object, int64_t created_ms, void *arg),
                          void *arg, struct error *err);
bool catalog_position_each(struct catalog *catalog,
                           bool (*each)(struct str station, struct str reader, struct str value, void *arg),
                           void *arg, struct error *err);

/* ---- Named objects: connectors, actions, rules ----------------------------------------------------------- */

/* What is kept of each kind as JSON, opaque here: "connector", "action", "rule". */
struct catalog_object {
    struct str id; /* within its kind */
    struct str object;
    int64_t created_ms; /* wall clock */
    int64_t modified_ms;
};

/* Creates: ERR_EXISTS if there is one of this kind and id. Borrows. Thread: any, as all in this part. */
bool catalog_object_create(struct catalog *catalog, const char *kind, const struct catalog_object *object,
                           struct error *err);
/* Replaces the object and modified_ms. Errors: ERR_NOT_FOUND. */
bool catalog_object_update(struct catalog *catalog, const char *kind, const struct catalog_object *object,
                           struct error *err);
bool catalog_object_delete(struct catalog *catalog, const char *kind, struct str id,
                           struct error *err); /* Errors: ERR_NOT_FOUND */
bool catalog_object_each(struct catalog *catalog, const char *kind,
                         bool (*each)(const struct catalog_object *object, void *arg), void *arg,
                         struct error *err); /* in the order of ids, by bytes */

/* ---- Queued writes --------------------------------------------------------------------------------------- */

enum catalog_write_kind {
    CATALOG_RETAINED_PUT,    /* key: topic; value: the message's encoding, opaque here; expires_ms */
    CATALOG_RETAINED_DELETE, /* key: topic */
    CATALOG_SESSION_PUT,     /* key: client id; value: opaque; expires_ms */
    CATALOG_SESSION_DELETE,  /* key: client id; its subscriptions go too */
    CATALOG_SUBSCRIPTION_PUT, /* key: client id; filter; options; subscription_id; the session need not exist */
    CATALOG_SUBSCRIPTION_DELETE, /* key: client id; filter */
    CATALOG_POSITION_PUT,        /* key: station; filter: the reader, bytes; value: opaque */
    CATALOG_POSITION_DELETE,     /* key: station; filter: the reader */
    CATALOG_BARRIER              /* nothing: done once everything before it is on disk */
};

/* Embedded in the caller's structure. Strings are borrowed until `done`. */
struct catalog_write {
    struct catalog_write *next;
    enum catalog_write_kind kind;
    struct str key;
    struct str filter;
    struct str value;
    int64_t expires_ms; /* wall clock; 0: never */
    uint32_t subscription_id;
    uint8_t options; /* of the subscription, as in SUBSCRIBE's options byte */
    /* On the writer thread, after the commit (err NULL) or its failure: then nothing of this transaction is
     * stored, and later writes are tried again as they come. (After ERR_IO from a failed fsync, a crash may
     * bring the transaction back, whole.) The write is the caller's again; submitting is allowed in here. */
    void (*done)(struct catalog_write *write, const struct error *err);
};

/* Takes the write until done(). Writes of one thread are applied in order. Never blocks.
 * Errors: ERR_BUSY (more than 1,000,000 writes or 256 MiB wait), ERR_CLOSED (closing). Thread: any. */
bool catalog_submit(struct catalog *catalog, struct catalog_write *write, struct error *err);

/* Reads everything, at the start. Expired rows are skipped and removed, a session with its subscriptions: load
 * sessions before subscriptions. Borrows in `each`; false stops.
 * A million subscriptions take about a second. */
bool catalog_retained_each(struct catalog *catalog, int64_t now_ms,
                           bool (*each)(struct str topic, struct str value, int64_t expires_ms, void *arg),
                           void *arg, struct error *err);
bool catalog_session_each(struct catalog *catalog, int64_t now_ms,
                          bool (*each)(struct str client_id, struct str value, int64_t expires_ms, void *arg),
                          void *arg, struct error *err);
bool catalog_subscription_each(struct catalog *catalog,
                               bool (*each)(struct str client_id, struct str filter, uint8_t options,
                                            uint32_t subscription_id, void *arg),
                               void *arg, struct error *err); /* grouped by client id */

enum catalog_table { CATALOG_TABLE_RETAINED, CATALOG_TABLE_SESSIONS, CATALOG_TABLE_SUBSCRIPTIONS };

/* The keys of a table in their order, from behind (`after`, `after_filter`) on, at most `limit`: so it can be gone
 * through in steps. Both empty: from the first one. The filter is empty but for subscriptions. Borrows in `each`; false
 * stops. Thread: any. */
bool catalog_keys_each(struct catalog *catalog, enum catalog_table table, struct str after,
                       struct str after_filter, unsigned limit,
                       bool (*each)(struct str key, struct str filter, void *arg), void *arg,
                       struct error *err);

#endif
