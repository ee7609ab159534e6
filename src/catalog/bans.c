/* Bans: who may not connect, and until when. Written and read at once; expired ones stay until deleted. */
#include "catalog/catalog_internal.h"

#include "base/mem.h"

/* The numbers are on disk. */
_Static_assert(CATALOG_BAN_CLIENT_ID == 0 && CATALOG_BAN_USERNAME == 1 && CATALOG_BAN_ADDRESS == 2,
               "the kinds of bans are as in the table's constraint");

void catalog_ban_free(struct catalog_ban *ban)
{
    mem_free(ban->who);
    mem_free(ban->reason);
    *ban = (struct catalog_ban){0};
}

bool catalog_ban_put(struct catalog *catalog, const struct catalog_ban *ban, struct error *err)
{
    if (ban->who == NULL)
        return error_set(err, ERR_INVALID, "a ban needs whom it bans");
    catalog_turn_take(catalog);
    struct db_query query =
        db_prepare(&catalog->writer, DB_BAN_PUT,
                   "INSERT INTO bans (kind, who, reason, until_ms) VALUES (?1, ?2, ?3, ?4)"
                   " ON CONFLICT (kind, who) DO UPDATE SET reason = excluded.reason,"
                   " until_ms = excluded.until_ms",
                   "put a ban");
    db_bind_int(&query, ban->kind);
    db_bind_text(&query, ban->who);
    db_bind_text(&query, ban->reason);
    db_bind_int(&query, ban->until_ms);
    bool ok = db_run(&query, err);
    catalog_turn_pass(catalog);
    return ok;
}

bool catalog_ban_delete(struct catalog *catalog, enum catalog_ban_kind kind, struct str who,
                        struct error *err)
{
    catalog_turn_take(catalog);
    struct db_query query = db_prepare(&catalog->writer, DB_BAN_DELETE,
                                       "DELETE FROM bans WHERE kind = ?1 AND who = ?2", "delete a ban");
    db_bind_int(&query, kind);
    db_bind_str(&query, who);
    bool ok = db_run(&query, err);
    int deleted = sqlite3_changes(catalog->writer.handle);
    catalog_turn_pass(catalog);
    if (ok && deleted == 0)
        return error_set(err, ERR_NOT_FOUND, "no ban of %.*s", STR_ARG(who));
    return ok;
}

bool catalog_ban_each(struct catalog *catalog, bool (*each)(const struct catalog_ban *ban, void *arg),
                      void *arg, struct error *err)
{
    struct db db;
    if (!db_open(&db, catalog->path, err))
        return false;
    struct db_query query = db_prepare(
        &db, DB_OTHER, "SELECT kind, who, reason, until_ms FROM bans ORDER BY kind, who", "list the bans");
    enum db_step step;
    bool more = true;
    while (more && (step = db_step(&query, err)) == DB_ROW) {
        struct catalog_ban ban = {
            .kind = (enum catalog_ban_kind)db_int(&query, 0),
            .who = db_text(&query, 1),
            .reason = db_text(&query, 2),
            .until_ms = db_int(&query, 3),
        };
        more = each(&ban, arg);
        catalog_ban_free(&ban);
    }
    db_finish(&query);
    db_close(&db);
    return !more || step == DB_END;
}
