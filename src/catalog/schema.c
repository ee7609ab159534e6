/* The schema of catalog.db, version by version.
 *
 *   meta           key → number; 'revision' grows with every change to users, rules or bans
 *   users          one a name
 *   rules          authorization; the order is (position, id)
 *   bans           one a (kind, who)
 *   retained       one a topic; value is the broker's encoding
 *   sessions       one a client id; value is the broker's encoding
 *   subscriptions  one a (client id, filter), in this order on disk: a session's rows lie together
 *   api_keys       of the HTTP API, one a name; secret_hash is SHA-256
 *   dashboard_users  who logs in to the HTTP API
 *   stations       one a name; object is its JSON
 *   positions      one a (station, reader): where a consumer group or a reader is; both opaque here
 *   objects        one a (kind, id): connectors, actions, rules of the rule engine; object is its JSON
 *
 * PRAGMA user_version counts the migrations that have run, PRAGMA application_id says whose file it is. What a
 * row must hold is a constraint of its table, so that catalog_check() and foreign tools keep to it as well; the
 * revision is kept by triggers for the same reason. retained has a rowid because its values may be large, and
 * large rows make a b-tree without rowids slow; the others have none.
 *
 * A migration is never changed once it is released: the next change is one more entry. Two processes may open the
 * file at once: one migrates inside BEGIN IMMEDIATE, the other finds it done. */
#include "catalog/catalog_internal.h"

#include <stdio.h>

#define APPLICATION_ID      0x56525645 /* "VRVE" */
#define APPLICATION_ID_TEXT "0x56525645"

#define COUNTED(table, event)                                      \
    "CREATE TRIGGER " table "_" event " AFTER " event " ON " table \
    " BEGIN UPDATE meta SET value = value + 1 WHERE key = 'revision'; END;"

static const char version_1[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO meta VALUES ('revision', 1);"
    "CREATE TABLE users ("
    " username TEXT PRIMARY KEY CHECK (username <> ''),"
    " password_hash TEXT,"
    " superuser INTEGER NOT NULL CHECK (superuser IN (0, 1)),"
    " scram_iterations INTEGER,"
    " scram_salt BLOB CHECK (length(scram_salt) = 16),"
    " scram_stored_key BLOB CHECK (length(scram_stored_key) = 32),"
    " scram_server_key BLOB CHECK (length(scram_server_key) = 32),"
    " note TEXT,"
    " CHECK ((scram_iterations IS NULL) = (scram_salt IS NULL)"
    "  AND (scram_iterations IS NULL) = (scram_stored_key IS NULL)"
    "  AND (scram_iterations IS NULL) = (scram_server_key IS NULL))"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE rules ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT," /* the id of a deleted rule is not given again */
    " position INTEGER NOT NULL,"
    " allow INTEGER NOT NULL CHECK (allow IN (0, 1)),"
    " publish INTEGER NOT NULL CHECK (publish IN (0, 1)),"
    " subscribe INTEGER NOT NULL CHECK (subscribe IN (0, 1)),"
    " username TEXT,"
    " client_id TEXT,"
    " address TEXT,"
    " topic TEXT NOT NULL"
    ") STRICT;"
    "CREATE TABLE bans ("
    " kind INTEGER NOT NULL CHECK (kind IN (0, 1, 2))," /* client id, user name, address */
    " who TEXT NOT NULL,"
    " reason TEXT,"
    " until_ms INTEGER NOT NULL,"
    " PRIMARY KEY (kind, who)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE retained ("
    " topic TEXT PRIMARY KEY NOT NULL,"
    " value BLOB NOT NULL,"
    " expires_ms INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE sessions ("
    " client_id TEXT PRIMARY KEY,"
    " value BLOB NOT NULL,"
    " expires_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE subscriptions ("
    " client_id TEXT NOT NULL,"
    " filter TEXT NOT NULL,"
    " options INTEGER NOT NULL CHECK (options BETWEEN 0 AND 255),"
    " subscription_id INTEGER NOT NULL CHECK (subscription_id BETWEEN 0 AND 4294967295),"
    " PRIMARY KEY (client_id, filter)"
    ") STRICT, WITHOUT ROWID;"
    /* clang-format off */
    COUNTED("users", "INSERT") COUNTED("users", "UPDATE") COUNTED("users", "DELETE")
    COUNTED("rules", "INSERT") COUNTED("rules", "UPDATE") COUNTED("rules", "DELETE")
    COUNTED("bans", "INSERT") COUNTED("bans", "UPDATE") COUNTED("bans", "DELETE");
/* clang-format on */

/* Keys and users of the HTTP API. They are read at each request, so no revision counts them. */
static const char api_access[] = "CREATE TABLE api_keys ("
                                 " name TEXT PRIMARY KEY CHECK (name <> ''),"
                                 " key TEXT NOT NULL UNIQUE CHECK (key <> ''),"
                                 " secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),"
                                 " role TEXT NOT NULL,"
                                 " enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),"
                                 " expires_ms INTEGER NOT NULL,"
                                 " created_ms INTEGER NOT NULL,"
                                 " description TEXT"
                                 ") STRICT, WITHOUT ROWID;"
                                 "CREATE TABLE dashboard_users ("
                                 " username TEXT PRIMARY KEY CHECK (username <> ''),"
                                 " password_hash TEXT NOT NULL,"
                                 " role TEXT NOT NULL,"
                                 " description TEXT"
                                 ") STRICT, WITHOUT ROWID;";

static const char stations[] = "CREATE TABLE stations ("
                               " name TEXT PRIMARY KEY CHECK (name <> ''),"
                               " object TEXT NOT NULL,"
                               " created_ms INTEGER NOT NULL"
                               ") STRICT, WITHOUT ROWID;"
                               "CREATE TABLE positions ("
                               " station TEXT NOT NULL CHECK (station <> ''),"
                               " reader BLOB NOT NULL,"
                               " value BLOB NOT NULL,"
                               " PRIMARY KEY (station, reader)"
                               ") STRICT, WITHOUT ROWID;";

static const char objects[] = "CREATE TABLE objects ("
                              " kind TEXT NOT NULL CHECK (kind <> ''),"
                              " id TEXT NOT NULL CHECK (id <> ''),"
                              " object TEXT NOT NULL,"
                              " created_ms INTEGER NOT NULL,"
                              " modified_ms INTEGER NOT NULL,"
                              " PRIMARY KEY (kind, id)"
                              ") STRICT, WITHOUT ROWID;";

static const char *const migrations[] = {version_1, api_access, stations, objects};

#define SCHEMA_VERSION ((int64_t)(sizeof migrations / sizeof migrations[0]))

/* Errors: ERR_CORRUPT for a database that is not a catalog, ERR_UNSUPPORTED for one of a later version. */
static bool check_origin(struct db *db, int64_t version, struct error *err)
{
    if (version > SCHEMA_VERSION) {
        error_set(err, ERR_UNSUPPORTED, "%s: made by a later version (schema %lld; this one knows %lld)",
                  db->path, (long long)version, (long long)SCHEMA_VERSION);
        return error_hint(err, "run the version that made it, or a later one");
    }
    int64_t application_id = 0;
    int64_t object_count = 0;
    if (!db_number(db, "PRAGMA application_id", &application_id, err) ||
        !db_number(db, "SELECT count(*) FROM sqlite_schema", &object_count, err))
        return false;
    bool empty = version == 0 && application_id == 0 && object_count == 0;
    if (!empty && (application_id != APPLICATION_ID || version < 1)) {
        error_set(err, ERR_CORRUPT, "%s: a database, but not a catalog of Varve", db->path);
        return error_hint(err, "move the file away, or give another data directory");
    }
    return true;
}

/* Inside the transaction. */
static bool apply(struct db *db, struct error *err)
{
    int64_t version = 0;
    if (!db_number(db, "PRAGMA user_version", &version, err) || !check_origin(db, version, err))
        return false;
    for (; version < SCHEMA_VERSION; version++) {
        char mark[64];
        snprintf(mark, sizeof mark, "PRAGMA user_version = %lld", (long long)version + 1);
        if (!db_exec(db, migrations[version], "bring the schema up to date", err) ||
            !db_exec(db, mark, "bring the schema up to date", err))
            return false;
    }
    return db_exec(db, "PRAGMA application_id = " APPLICATION_ID_TEXT, "bring the schema up to date", err);
}

bool schema_migrate(struct db *db, struct error *err)
{
    int64_t version = 0;
    if (!db_number(db, "PRAGMA user_version", &version, err) || !check_origin(db, version, err))
        return false;
    if (version == SCHEMA_VERSION)
        return true;
    if (!db_exec(db, "BEGIN IMMEDIATE", "bring the schema up to date", err))
        return false;
    if (apply(db, err) && db_exec(db, "COMMIT", "bring the schema up to date", err))
        return true;
    db_exec(db, "ROLLBACK", "roll back", NULL);
    return false;
}
