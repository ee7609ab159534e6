/* A thin layer over one SQLite connection: settings, prepared statements, and errors in the house's words.
 *
 * Every connection runs with synchronous=FULL: in WAL mode a COMMIT returns after the log is fsynced, so what is
 * committed survives a power cut. A process that finds the file locked by another waits BUSY_TIMEOUT_MS. */
#include "catalog/catalog_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define BUSY_TIMEOUT_MS 10000

static const char settings[] = "PRAGMA synchronous = FULL;"
                               "PRAGMA trusted_schema = OFF;"
                               "PRAGMA cell_size_check = ON;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA cache_size = -16384;"       /* KiB */
                               "PRAGMA wal_autocheckpoint = 4096;" /* pages: 16 MiB */
                               "PRAGMA journal_size_limit = 67108864;" /* bytes a WAL file keeps */;

static enum error_code code_of(int rc)
{
    if (rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_UNIQUE)
        return ERR_EXISTS;
    switch (rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ERR_CORRUPT;
    case SQLITE_FULL: return ERR_NO_SPACE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ERR_BUSY;
    case SQLITE_READONLY: return ERR_READ_ONLY;
    case SQLITE_PERM:
    case SQLITE_AUTH: return ERR_DENIED;
    case SQLITE_NOMEM: return ERR_NO_MEMORY;
    case SQLITE_TOOBIG: return ERR_TOO_LARGE;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH: return ERR_INVALID;
    case SQLITE_ERROR:
    case SQLITE_INTERNAL:
    case SQLITE_MISUSE:
    case SQLITE_RANGE: return ERR_INTERNAL;
    default: return ERR_IO;
    }
}

static const char *hint_of(enum error_code code)
{
    switch (code) {
    case ERR_CORRUPT:
        return "stop all that use it, keep a copy, then restore a backup or salvage it with: sqlite3 "
               "catalog.db "
               ".recover";
    case ERR_NO_SPACE: return "free space on its disk";
    case ERR_BUSY: return "another process holds the catalog: end it or wait for it";
    default: return "";
    }
}

/* Says in *err what SQLite answered. Returns false. */
static bool fail(struct db *db, int rc, const char *what, struct error *err)
{
    const char *text = db->handle != NULL && sqlite3_extended_errcode(db->handle) == rc
                           ? sqlite3_errmsg(db->handle)
                           : sqlite3_errstr(rc);
    enum error_code code = code_of(rc);
    int errnum = code == ERR_IO && db->handle != NULL ? sqlite3_system_errno(db->handle) : 0;
    if (errnum == ENOSPC || errnum == EDQUOT)
        code = ERR_NO_SPACE;
    if (errnum != 0) {
        error_errno(err, errnum, "%s: %s: %s", db->path, what, text);
    } else {
        error_set(err, code, "%s: %s: %s", db->path, what, text);
    }
    if (err != NULL)
        err->code = code;
    return error_hint(err, "%s", hint_of(code));
}

bool db_open(struct db *db, const char *path, struct error *err)
{
    *db = (struct db){.path = path};
    int rc = sqlite3_open_v2(path, &db->handle,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc != SQLITE_OK) {
        fail(db, rc, "open", err);
        db_close(db);
        return false;
    }
    sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (!db_exec(db, settings, "open", err)) {
        db_close(db);
        return false;
    }
    return true;
}

void db_close(struct db *db)
{
    for (size_t i = 0; i < DB_STATEMENT_COUNT; i++)
        sqlite3_finalize(db->statements[i]);
    int rc = sqlite3_close(db->handle);
    assert(rc == SQLITE_OK); /* else a statement is in use */
    (void)rc;
    *db = (struct db){0};
}

bool db_exec(struct db *db, const char *sql, const char *what, struct error *err)
{
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK || fail(db, rc, what, err);
}

bool db_number(struct db *db, const char *sql, int64_t *out, struct error *err)
{
    struct db_query query = db_prepare(db, DB_OTHER, sql, "read");
    enum db_step step = db_step(&query, err);
    if (step == DB_ROW) {
        *out = db_int(&query, 0);
    } else if (step == DB_END) {
        error_set(err, ERR_CORRUPT, "%s: no answer to %s", db->path, sql);
    }
    db_finish(&query);
    return step == DB_ROW;
}

struct db_query db_prepare(struct db *db, enum db_statement which, const char *sql, const char *what)
{
    struct db_query query = {.db = db, .what = what, .kept = which != DB_OTHER};
    if (which == DB_OTHER) {
        query.rc = sqlite3_prepare_v2(db->handle, sql, -1, &query.stmt, NULL);
        return query;
    }
    sqlite3_stmt **kept = &db->statements[which];
    if (*kept == NULL)
        query.rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, kept, NULL);
    query.stmt = *kept;
    return query;
}

static void note(struct db_query *query, int rc)
{
    if (query->rc == SQLITE_OK)
        query->rc = rc;
}

void db_bind_str(struct db_query *query, struct str text)
{
    int at = ++query->bound;
    const char *data = text.len != 0 ? text.data : ""; /* a null pointer would bind NULL */
    if (query->rc == SQLITE_OK)
        note(query, sqlite3_bind_text64(query->stmt, at, data, text.len, SQLITE_STATIC, SQLITE_UTF8));
}

void db_bind_text(struct db_query *query, const char *text)
{
    if (text != NULL) {
        db_bind_str(query, str_of(text));
    } else {
        query->bound++; /* a parameter that nothing is bound to is NULL */
    }
}

void db_bind_blob(struct db_query *query, struct str bytes)
{
    int at = ++query->bound;
    const char *data = bytes.len != 0 ? bytes.data : "";
    if (query->rc == SQLITE_OK)
        note(query, sqlite3_bind_blob64(query->stmt, at, data, bytes.len, SQLITE_STATIC));
}

void db_bind_int(struct db_query *query, int64_t value)
{
    int at = ++query->bound;
    if (query->rc == SQLITE_OK)
        note(query, sqlite3_bind_int64(query->stmt, at, value));
}

enum db_step db_step(struct db_query *query, struct error *err)
{
    if (query->rc == SQLITE_OK) {
        int rc = sqlite3_step(query->stmt);
        if (rc == SQLITE_ROW)
            return DB_ROW;
        if (rc == SQLITE_DONE)
            return DB_END;
        query->rc = rc;
    }
    fail(query->db, query->rc, query->what, err);
    return DB_FAILED;
}

void db_finish(struct db_query *query)
{
    if (query->stmt == NULL)
        return;
    if (query->kept) {
        sqlite3_reset(query->stmt);
        sqlite3_clear_bindings(query->stmt);
    } else {
        sqlite3_finalize(query->stmt);
    }
    query->stmt = NULL;
}

bool db_run(struct db_query *query, struct error *err)
{
    enum db_step step;
    do {
        step = db_step(query, err);
    } while (step == DB_ROW);
    db_finish(query);
    return step == DB_END;
}

struct str db_str(const struct db_query *query, int column)
{
    /* The value first: the length is that of what it was converted to. */
    const void *data = sqlite3_column_blob(query->stmt, column);
    size_t len = (size_t)sqlite3_column_bytes(query->stmt, column);
    return data != NULL ? str_make(data, len) : STR_NONE;
}

char *db_text(const struct db_query *query, int column)
{
    if (sqlite3_column_type(query->stmt, column) == SQLITE_NULL)
        return NULL;
    return str_dup(db_str(query, column));
}

int64_t db_int(const struct db_query *query, int column)
{
    return sqlite3_column_int64(query->stmt, column);
}
