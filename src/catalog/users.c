/* Users: who may log in, and with which proof. Written and read at once. */
#include "catalog/catalog_internal.h"

#include "base/mem.h"

#include <assert.h>

#define COLUMNS                                                                                              \
    "username, password_hash, superuser, scram_iterations, scram_salt, scram_stored_key, scram_server_key, " \
    "note"
#define INSERT "INSERT INTO users (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"

static const char create_sql[] = INSERT;
static const char replace_sql[] =
    INSERT " ON CONFLICT (username) DO UPDATE SET password_hash = excluded.password_hash,"
           " superuser = excluded.superuser, scram_iterations = excluded.scram_iterations,"
           " scram_salt = excluded.scram_salt, scram_stored_key = excluded.scram_stored_key,"
           " scram_server_key = excluded.scram_server_key, note = excluded.note";

static void free_secret(char *text)
{
    if (text != NULL)
        mem_wipe(text, strlen(text));
    mem_free(text);
}

void catalog_user_free(struct catalog_user *user)
{
    mem_free(user->username);
    free_secret(user->password_hash);
    mem_free(user->note);
    mem_wipe(user, sizeof *user);
}

static void bind_user(struct db_query *query, const struct catalog_user *user)
{
    db_bind_text(query, user->username);
    db_bind_text(query, user->password_hash);
    db_bind_int(query, user->superuser);
    if (user->has_scram) {
        db_bind_int(query, user->scram_iterations);
        db_bind_blob(query, str_make(user->scram_salt, sizeof user->scram_salt));
        db_bind_blob(query, str_make(user->scram_stored_key, sizeof user->scram_stored_key));
        db_bind_blob(query, str_make(user->scram_server_key, sizeof user->scram_server_key));
    } else {
        for (int i = 0; i < 4; i++)
            db_bind_text(query, NULL);
    }
    db_bind_text(query, user->note);
}

bool catalog_user_put(struct catalog *catalog, const struct catalog_user *user, bool create,
                      struct error *err)
{
    if (user->username == NULL || user->username[0] == '\0')
        return error_set(err, ERR_INVALID, "a user needs a name");
    catalog_turn_take(catalog);
    struct db_query query =
        db_prepare(&catalog->writer, create ? DB_USER_CREATE : DB_USER_REPLACE,
                   create ? create_sql : replace_sql, create ? "create a user" : "change a user");
    bind_user(&query, user);
    bool ok = db_run(&query, err);
    catalog_turn_pass(catalog);
    if (query.rc == SQLITE_CONSTRAINT_PRIMARYKEY)
        error_set(err, ERR_EXISTS, "user %s exists", user->username);
    return ok;
}

static void copy_bytes(const struct db_query *query, int column, uint8_t *out, size_t len)
{
    struct str bytes = db_str(query, column);
    if (bytes.len == len) /* the table's constraint says so */
        memcpy(out, bytes.data, len);
}

static void read_user(const struct db_query *query, struct catalog_user *out)
{
    *out = (struct catalog_user){
        .username = db_text(query, 0),
        .password_hash = db_text(query, 1),
        .superuser = db_int(query, 2) != 0,
        .has_scram = db_str(query, 4).len == CATALOG_SCRAM_SALT_BYTES,
        .scram_iterations = (uint32_t)db_int(query, 3),
        .note = db_text(query, 7),
    };
    copy_bytes(query, 4, out->scram_salt, sizeof out->scram_salt);
    copy_bytes(query, 5, out->scram_stored_key, sizeof out->scram_stored_key);
    copy_bytes(query, 6, out->scram_server_key, sizeof out->scram_server_key);
}

bool catalog_user_get(struct catalog *catalog, struct str username, struct catalog_user *out,
                      struct error *err)
{
    pthread_mutex_lock(&catalog->reader_lock);
    /* One statement sees one state of the file, so the revision is that of the row. */
    struct db_query query = db_prepare(&catalog->reader, DB_USER_GET,
                                       "SELECT " COLUMNS ", (SELECT value FROM meta WHERE key = 'revision')"
                                       " FROM users WHERE username = ?1",
                                       "look up a user");
    db_bind_str(&query, username);
    enum db_step step = db_step(&query, err);
    if (step == DB_ROW) {
        read_user(&query, out);
        out->revision = (uint64_t)db_int(&query, 8);
    }
    db_finish(&query);
    pthread_mutex_unlock(&catalog->reader_lock);
    if (step == DB_END)
        error_set(err, ERR_NOT_FOUND, "no user %.*s", STR_ARG(username));
    return step == DB_ROW;
}

bool catalog_user_delete(struct catalog *catalog, struct str username, struct error *err)
{
    catalog_turn_take(catalog);
    struct db_query query = db_prepare(&catalog->writer, DB_USER_DELETE,
                                       "DELETE FROM users WHERE username = ?1", "delete a user");
    db_bind_str(&query, username);
    bool ok = db_run(&query, err);
    int deleted = sqlite3_changes(catalog->writer.handle);
    catalog_turn_pass(catalog);
    if (ok && deleted == 0)
        return error_set(err, ERR_NOT_FOUND, "no user %.*s", STR_ARG(username));
    return ok;
}

bool catalog_user_each(struct catalog *catalog, bool (*each)(const struct catalog_user *user, void *arg),
                       void *arg, struct error *err)
{
    struct db db;
    if (!db_open(&db, catalog->path, err))
        return false;
    struct db_query query = db_prepare(&db, DB_OTHER,
                                       "SELECT " COLUMNS ", (SELECT value FROM meta WHERE key = 'revision')"
                                       " FROM users ORDER BY username",
                                       "list the users");
    enum db_step step;
    bool more = true;
    while (more && (step = db_step(&query, err)) == DB_ROW) {
        struct catalog_user user;
        read_user(&query, &user);
        user.revision = (uint64_t)db_int(&query, 8);
        more = each(&user, arg);
        catalog_user_free(&user);
    }
    db_finish(&query);
    db_close(&db);
    return !more || step == DB_END;
}

bool catalog_user_count(struct catalog *catalog, uint64_t *count, struct error *err)
{
    pthread_mutex_lock(&catalog->reader_lock);
    struct db_query query =
        db_prepare(&catalog->reader, DB_USER_COUNT, "SELECT count(*) FROM users", "count the users");
    enum db_step step = db_step(&query, err);
    assert(step != DB_END); /* an aggregate always has its row */
    if (step == DB_ROW)
        *count = (uint64_t)db_int(&query, 0);
    db_finish(&query);
    pthread_mutex_unlock(&catalog->reader_lock);
    return step == DB_ROW;
}
