/* Checking the whole file, while others may use it:
 *   1. SQLite's integrity_check: pages, b-trees, indexes, types, and the constraints of our tables
 *   2. the schema: every table and trigger is there as this version makes it
 *   3. the revision is there, and every name is UTF-8 */
#include "catalog/catalog_internal.h"

static bool corrupt(struct db *db, struct error *err, struct str what)
{
    error_set(err, ERR_CORRUPT, "%s: %.*s", db->path, STR_ARG(what));
    return error_hint(err, "stop all that use it, keep a copy, then restore a backup or salvage it with: "
                           "sqlite3 catalog.db .recover");
}

static bool check_integrity(struct db *db, struct error *err)
{
    struct db_query query = db_prepare(db, DB_OTHER, "PRAGMA integrity_check(1)", "check");
    enum db_step step = db_step(&query, err);
    bool ok = step == DB_ROW;
    if (ok && !str_is(db_str(&query, 0), "ok"))
        ok = corrupt(db, err, db_str(&query, 0));
    db_finish(&query);
    return ok;
}

/* Whether `db` has the table, trigger or index with the same text. */
static bool check_object(struct db *db, struct str name, struct str sql, struct error *err)
{
    struct db_query query =
        db_prepare(db, DB_OTHER, "SELECT count(*) FROM sqlite_schema WHERE name = ?1 AND sql = ?2", "check");
    db_bind_str(&query, name);
    db_bind_str(&query, sql);
    bool ok = db_step(&query, err) == DB_ROW;
    if (ok && db_int(&query, 0) != 1) {
        struct buf what = {0};
        buf_printf(&what, "%.*s is missing or not as Varve made it", STR_ARG(name));
        ok = corrupt(db, err, buf_str(&what));
        buf_free(&what);
    }
    db_finish(&query);
    return ok;
}

/* The measure is the same schema, made in memory. */
static bool check_schema(struct db *db, struct error *err)
{
    struct db model;
    if (!db_open(&model, ":memory:", err))
        return false;
    bool ok = schema_migrate(&model, err);
    if (ok) {
        struct db_query query = db_prepare(
            &model, DB_OTHER, "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL", "check");
        enum db_step step;
        while (ok && (step = db_step(&query, err)) == DB_ROW)
            ok = check_object(db, db_str(&query, 0), db_str(&query, 1), err);
        ok = ok && step == DB_END;
        db_finish(&query);
    }
    db_close(&model);
    return ok;
}

static bool check_revision(struct db *db, struct error *err)
{
    int64_t count = 0;
    if (!db_number(db, "SELECT count(*) FROM meta WHERE key = 'revision' AND value > 0", &count, err))
        return false;
    return count == 1 || corrupt(db, err, STR("the revision is missing"));
}

static bool check_names(struct db *db, struct error *err)
{
    static const char *const names[] = {
        "SELECT username, '' FROM users",    "SELECT topic, '' FROM retained",
        "SELECT topic, '' FROM rules",       "SELECT client_id, filter FROM subscriptions",
        "SELECT who, '' FROM bans",          "SELECT client_id, '' FROM sessions",
        "SELECT name, key FROM api_keys",    "SELECT username, '' FROM dashboard_users",
        "SELECT name, object FROM stations",
    };
    bool ok = true;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && ok; i++) {
        struct db_query query = db_prepare(db, DB_OTHER, names[i], "check");
        enum db_step step;
        while (ok && (step = db_step(&query, err)) == DB_ROW) {
            struct str first = db_str(&query, 0);
            struct str second = db_str(&query, 1);
            if (!utf8_valid(first.data, first.len) || !utf8_valid(second.data, second.len))
                ok = corrupt(db, err, STR("a name is not UTF-8"));
        }
        ok = ok && step == DB_END;
        db_finish(&query);
    }
    return ok;
}

bool catalog_check(struct catalog *catalog, struct error *err)
{
    struct db db;
    if (!db_open(&db, catalog->path, err))
        return false;
    bool ok = check_integrity(&db, err) && check_schema(&db, err) && check_revision(&db, err) &&
              check_names(&db, err);
    db_close(&db);
    return ok;
}
