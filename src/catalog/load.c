/* Reading everything at the start: one pass over each table, in the order that it has on disk.
 *
 * Rows whose time is over are not shown; they are removed afterwards, a session with its subscriptions. That
 * removal is housekeeping: if it fails (a full disk), the start goes on and the next one tries again. */
#include "catalog/catalog_internal.h"

#include "base/log.h"

typedef bool value_fn(struct str key, struct str value, int64_t expires_ms, void *arg);

static bool expire(struct db *db, enum db_statement which, const char *sql, int64_t now_ms, struct error *err)
{
    struct db_query query = db_prepare(db, which, sql, "remove what has expired");
    db_bind_int(&query, now_ms);
    return db_run(&query, err);
}

static bool expire_sessions(struct db *db, int64_t now_ms, struct error *err)
{
    return expire(db, DB_SUBSCRIPTION_EXPIRE,
                  "DELETE FROM subscriptions WHERE client_id IN"
                  " (SELECT client_id FROM sessions WHERE expires_ms BETWEEN 1 AND ?1)",
                  now_ms, err) &&
           expire(db, DB_SESSION_EXPIRE, "DELETE FROM sessions WHERE expires_ms BETWEEN 1 AND ?1", now_ms,
                  err);
}

static bool expire_retained(struct db *db, int64_t now_ms, struct error *err)
{
    return expire(db, DB_RETAINED_EXPIRE, "DELETE FROM retained WHERE expires_ms BETWEEN 1 AND ?1", now_ms,
                  err);
}

static void remove_expired(struct catalog *catalog, int64_t now_ms,
                           bool (*remove)(struct db *db, int64_t now_ms, struct error *err))
{
    struct error err;
    catalog_turn_take(catalog);
    struct db *db = &catalog->writer;
    bool ok = db_exec(db, "BEGIN IMMEDIATE", "begin a transaction", &err) && remove(db, now_ms, &err) &&
              db_exec(db, "COMMIT", "commit", &err);
    if (!ok && !sqlite3_get_autocommit(db->handle))
        db_exec(db, "ROLLBACK", "roll back", NULL);
    catalog_turn_pass(catalog);
    if (!ok)
        LOG_WARNING("expired rows stay in the catalog until the next start", LOG_ERROR_OF(&err));
}

/* Walks (key, value, expires_ms). *expired: whether a row was skipped. */
static bool walk_values(struct catalog *catalog, const char *sql, int64_t now_ms, value_fn *each, void *arg,
                        bool *expired, struct error *err)
{
    struct db db;
    if (!db_open(&db, catalog->path, err))
        return false;
    struct db_query query = db_prepare(&db, DB_OTHER, sql, "load");
    enum db_step step;
    bool more = true;
    while (more && (step = db_step(&query, err)) == DB_ROW) {
        int64_t expires_ms = db_int(&query, 2);
        if (expires_ms > 0 && expires_ms <= now_ms) {
            *expired = true;
        } else {
            more = each(db_str(&query, 0), db_str(&query, 1), expires_ms, arg);
        }
    }
    db_finish(&query);
    db_close(&db);
    return !more || step == DB_END;
}

bool catalog_retained_each(struct catalog *catalog, int64_t now_ms, value_fn *each, void *arg,
                           struct error *err)
{
    bool expired = false;
    bool ok = walk_values(catalog, "SELECT topic, value, expires_ms FROM retained", now_ms, each, arg,
                          &expired, err);
    if (ok && expired)
        remove_expired(catalog, now_ms, expire_retained);
    return ok;
}

bool catalog_session_each(struct catalog *catalog, int64_t now_ms, value_fn *each, void *arg,
                          struct error *err)
{
    bool expired = false;
    bool ok = walk_values(catalog, "SELECT client_id, value, expires_ms FROM sessions ORDER BY client_id",
                          now_ms, each, arg, &expired, err);
    if (ok && expired)
        remove_expired(catalog, now_ms, expire_sessions);
    return ok;
}

bool catalog_subscription_each(struct catalog *catalog,
                               bool (*each)(struct str client_id, struct str filter, uint8_t options,
                                            uint32_t subscription_id, void *arg),
                               void *arg, struct error *err)
{
    struct db db;
    if (!db_open(&db, catalog->path, err))
        return false;
    struct db_query query = db_prepare(&db, DB_OTHER,
                                       "SELECT client_id, filter, options, subscription_id FROM subscriptions"
                                       " ORDER BY client_id, filter",
                                       "load");
    enum db_step step;
    bool more = true;
    while (more && (step = db_step(&query, err)) == DB_ROW) {
        more = each(db_str(&query, 0), db_str(&query, 1), (uint8_t)db_int(&query, 2),
                    (uint32_t)db_int(&query, 3), arg);
    }
    db_finish(&query);
    db_close(&db);
    return !more || step == DB_END;
}

bool catalog_keys_each(struct catalog *catalog, enum catalog_table table, struct str after,
                       struct str after_filter, unsigned limit,
                       bool (*each)(struct str key, struct str filter, void *arg), void *arg,
                       struct error *err)
{
    static const char *const sql[] = {
        [CATALOG_TABLE_RETAINED] = "SELECT topic, '' FROM retained WHERE topic > ?1 ORDER BY topic LIMIT ?2",
        [CATALOG_TABLE_SESSIONS] =
            "SELECT client_id, '' FROM sessions WHERE client_id > ?1 ORDER BY client_id LIMIT ?2",
        [CATALOG_TABLE_SUBSCRIPTIONS] = "SELECT client_id, filter FROM subscriptions"
                                        " WHERE (client_id, filter) > (?1, ?3)"
                                        " ORDER BY client_id, filter LIMIT ?2",
    };
    struct db db;
    if (!db_open(&db, catalog->path, err))
        return false;
    struct db_query query = db_prepare(&db, DB_OTHER, sql[table], "list keys");
    enum db_step step;
    bool more = true;
    db_bind_str(&query, after.len > 0 ? after : STR(""));
    db_bind_int(&query, limit);
    if (table == CATALOG_TABLE_SUBSCRIPTIONS)
        db_bind_str(&query, after_filter.len > 0 ? after_filter : STR(""));
    while (more && (step = db_step(&query, err)) == DB_ROW)
        more = each(db_str(&query, 0), db_str(&query, 1), arg);
    db_finish(&query);
    db_close(&db);
    return !more || step == DB_END;
}
