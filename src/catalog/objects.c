/* Named objects of several kinds in one table: they are written and read at once, and seldom. */
#include "catalog/catalog_internal.h"

static struct db_query prepare(struct catalog *catalog, const char *sql, const char *what)
{
    return db_prepare(&catalog->writer, DB_OTHER, sql, what);
}

bool catalog_object_create(struct catalog *catalog, const char *kind, const struct catalog_object *object,
                           struct error *err)
{
    catalog_turn_take(catalog);
    struct db_query query = prepare(catalog,
                                    "INSERT INTO objects (kind, id, object, created_ms, modified_ms)"
                                    " VALUES (?1, ?2, ?3, ?4, ?5)",
                                    "create an object");
    db_bind_text(&query, kind);
    db_bind_str(&query, object->id);
    db_bind_str(&query, object->object);
    db_bind_int(&query, object->created_ms);
    db_bind_int(&query, object->modified_ms);
    bool ok = db_run(&query, err);
    catalog_turn_pass(catalog);
    if (!ok && query.rc == SQLITE_CONSTRAINT_PRIMARYKEY)
        error_set(err, ERR_EXISTS, "%s %.*s exists", kind, STR_ARG(object->id));
    return ok;
}

/* A change of the one row that the statement names. Passes the turn on. */
static bool change(struct catalog *catalog, struct db_query *query, const char *kind, struct str id,
                   struct error *err)
{
    bool ok = db_run(query, err);
    int changed = sqlite3_changes(catalog->writer.handle);
    catalog_turn_pass(catalog);
    if (ok && changed == 0)
        return error_set(err, ERR_NOT_FOUND, "no %s %.*s", kind, STR_ARG(id));
    return ok;
}

bool catalog_object_update(struct catalog *catalog, const char *kind, const struct catalog_object *object,
                           struct error *err)
{
    catalog_turn_take(catalog);
    struct db_query query =
        prepare(catalog, "UPDATE objects SET object = ?3, modified_ms = ?4 WHERE kind = ?1 AND id = ?2",
                "change an object");
    db_bind_text(&query, kind);
    db_bind_str(&query, object->id);
    db_bind_str(&query, object->object);
    db_bind_int(&query, object->modified_ms);
    return change(catalog, &query, kind, object->id, err);
}

bool catalog_object_delete(struct catalog *catalog, const char *kind, struct str id, struct error *err)
{
    catalog_turn_take(catalog);
    struct db_query query =
        prepare(catalog, "DELETE FROM objects WHERE kind = ?1 AND id = ?2", "delete an object");
    db_bind_text(&query, kind);
    db_bind_str(&query, id);
    return change(catalog, &query, kind, id, err);
}

bool catalog_object_each(struct catalog *catalog, const char *kind,
                         bool (*each)(const struct catalog_object *object, void *arg), void *arg,
                         struct error *err)
{
    struct db db;
    if (!db_open(&db, catalog->path, err))
        return false;
    struct db_query query = db_prepare(
        &db, DB_OTHER, "SELECT id, object, created_ms, modified_ms FROM objects WHERE kind = ?1 ORDER BY id",
        "list objects");
    db_bind_text(&query, kind);
    enum db_step step = DB_END;
    bool more = true;
    while (more && (step = db_step(&query, err)) == DB_ROW) {
        const struct catalog_object object = {
            .id = db_str(&query, 0),
            .object = db_str(&query, 1),
            .created_ms = db_int(&query, 2),
            .modified_ms = db_int(&query, 3),
        };
        more = each(&object, arg);
    }
    db_finish(&query);
    db_close(&db);
    return !more || step == DB_END;
}
