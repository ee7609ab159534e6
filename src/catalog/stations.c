/* Stations and the positions of who reads them. Station objects are written and read at once; positions are written
 * through the queue (writer.c) and read at the start. */
#include "catalog/catalog_internal.h"

/* Inside the turn: all of it or nothing. */
static bool transact(struct db *db, bool (*change)(struct db *db, const void *arg, struct error *err),
                     const void *arg, struct error *err)
{
    if (!db_exec(db, "BEGIN IMMEDIATE", "begin a transaction", err))
        return false;
    if (change(db, arg, err) && db_exec(db, "COMMIT", "commit", err))
        return true;
    if (!sqlite3_get_autocommit(db->handle))
        db_exec(db, "ROLLBACK", "roll back", NULL);
    return false;
}

static bool delete_positions(struct db *db, struct str station, struct error *err)
{
    struct db_query query =
        db_prepare(db, DB_OTHER, "DELETE FROM positions WHERE station = ?1", "delete positions");
    db_bind_str(&query, station);
    return db_run(&query, err);
}

struct put {
    struct str name;
    struct str object;
    int64_t created_ms;
    bool create;
};

static bool put(struct db *db, const void *arg, struct error *err)
{
    const struct put *what = arg;
    struct db_query query =
        db_prepare(db, DB_OTHER,
                   what->create ? "INSERT INTO stations (name, object, created_ms) VALUES (?1, ?2, ?3)"
                                : "INSERT INTO stations (name, object, created_ms) VALUES (?1, ?2, ?3)"
                                  " ON CONFLICT (name) DO UPDATE SET object = excluded.object",
                   what->create ? "create a station" : "change a station");
    db_bind_str(&query, what->name);
    db_bind_str(&query, what->object);
    db_bind_int(&query, what->created_ms);
    if (!db_run(&query, err)) {
        if (query.rc == SQLITE_CONSTRAINT_PRIMARYKEY)
            error_set(err, ERR_EXISTS, "station %.*s exists", STR_ARG(what->name));
        return false;
    }
    return !what->create || delete_positions(db, what->name, err);
}

bool catalog_station_put(struct catalog *catalog, struct str name, struct str object, int64_t created_ms,
                         bool create, struct error *err)
{
    const struct put what = {name, object, created_ms, create};
    catalog_turn_take(catalog);
    bool ok = transact(&catalog->writer, put, &what, err);
    catalog_turn_pass(catalog);
    return ok;
}

static bool delete (struct db *db, const void *arg, struct error *err)
{
    const struct str *name = arg;
    struct db_query query =
        db_prepare(db, DB_OTHER, "DELETE FROM stations WHERE name = ?1", "delete a station");
    db_bind_str(&query, *name);
    if (!db_run(&query, err))
        return false;
    if (sqlite3_changes(db->handle) == 0)
        return error_set(err, ERR_NOT_FOUND, "no station %.*s", STR_ARG(*name));
    return delete_positions(db, *name, err);
}

bool catalog_station_delete(struct catalog *catalog, struct str name, struct error *err)
{
    catalog_turn_take(catalog);
    bool ok = transact(&catalog->writer, delete, &name, err);
    catalog_turn_pass(catalog);
    return ok;
}

bool catalog_station_each(struct catalog *catalog,
                          bool (*each)(struct str name, struct str object, int64_t created_ms, void *arg),
                          void *arg, struct error *err)
{
    struct db db;
    if (!db_open(&db, catalog->path, err))
        return false;
    struct db_query query = db_prepare(
        &db, DB_OTHER, "SELECT name, object, created_ms FROM stations ORDER BY name", "list the stations");
    enum db_step step = DB_END;
    bool more = true;
    while (more && (step = db_step(&query, err)) == DB_ROW)
        more = each(db_str(&query, 0), db_str(&query, 1), db_int(&query, 2), arg);
    db_finish(&query);
    db_close(&db);
    return !more || step == DB_END;
}

bool catalog_position_each(struct catalog *catalog,
                           bool (*each)(struct str station, struct str reader, struct str value, void *arg),
                           void *arg, struct error *err)
{
    struct db db;
    if (!db_open(&db, catalog->path, err))
        return false;
    struct db_query query =
        db_prepare(&db, DB_OTHER, "SELECT station, reader, value FROM positions", "load the positions");
    enum db_step step = DB_END;
    bool more = true;
    while (more && (step = db_step(&query, err)) == DB_ROW)
        more = each(db_str(&query, 0), db_str(&query, 1), db_str(&query, 2), arg);
    db_finish(&query);
    db_close(&db);
    return !more || step == DB_END;
}
