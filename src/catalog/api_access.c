/* Keys and users of the HTTP API. Written and read at once; a key is looked up at each request. */
#include "catalog/catalog_internal.h"

#include "base/mem.h"

#include <assert.h>

#define KEY_COLUMNS  "name, key, secret_hash, role, enabled, expires_ms, created_ms, description"
#define USER_COLUMNS "username, password_hash, role, description"

/* ---- Keys ------------------------------------------------------------------------------------------------ */

void catalog_api_key_free(struct catalog_api_key *key)
{
    mem_free(key->name);
    mem_free(key->key);
    mem_free(key->role);
    mem_free(key->description);
    mem_wipe(key, sizeof *key);
}

bool catalog_api_key_create(struct catalog *catalog, const struct catalog_api_key *key, struct error *err)
{
    catalog_turn_take(catalog);
    struct db_query query =
        db_prepare(&catalog->writer, DB_API_KEY_CREATE,
                   "INSERT INTO api_keys (" KEY_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                   "create an API key");
    db_bind_text(&query, key->name);
    db_bind_text(&query, key->key);
    db_bind_blob(&query, str_make(key->secret_hash, sizeof key->secret_hash));
    db_bind_text(&query, key->role);
    db_bind_int(&query, key->enabled);
    db_bind_int(&query, key->expires_ms);
    db_bind_int(&query, key->created_ms);
    db_bind_text(&query, key->description);
    bool ok = db_run(&query, err);
    catalog_turn_pass(catalog);
    if (query.rc == SQLITE_CONSTRAINT_PRIMARYKEY || query.rc == SQLITE_CONSTRAINT_UNIQUE)
        error_set(err, ERR_EXISTS, "API key %s exists", key->name);
    return ok;
}

bool catalog_api_key_update(struct catalog *catalog, const struct catalog_api_key *key, struct error *err)
{
    catalog_turn_take(catalog);
    struct db_query query =
        db_prepare(&catalog->writer, DB_API_KEY_UPDATE,
                   "UPDATE api_keys SET role = ?1, enabled = ?2, expires_ms = ?3, description = ?4"
                   " WHERE name = ?5",
                   "change an API key");
    db_bind_text(&query, key->role);
    db_bind_int(&query, key->enabled);
    db_bind_int(&query, key->expires_ms);
    db_bind_text(&query, key->description);
    db_bind_text(&query, key->name);
    bool ok = db_run(&query, err);
    int changed = sqlite3_changes(catalog->writer.handle);
    catalog_turn_pass(catalog);
    if (ok && changed == 0)
        return error_set(err, ERR_NOT_FOUND, "no API key %s", key->name);
    return ok;
}

static void read_key(const struct db_query *query, struct catalog_api_key *out)
{
    *out = (struct catalog_api_key){
        .name = db_text(query, 0),
        .key = db_text(query, 1),
        .role = db_text(query, 3),
        .enabled = db_int(query, 4) != 0,
        .expires_ms = db_int(query, 5),
        .created_ms = db_int(query, 6),
        .description = db_text(query, 7),
    };
    struct str hash = db_str(query, 2);
    if (hash.len == sizeof out->secret_hash) /* the table's constraint says so */
        memcpy(out->secret_hash, hash.data, hash.len);
}

static bool get_key(struct catalog *catalog, enum db_statement which, const char *sql, struct str value,
                    struct catalog_api_key *out, struct error *err)
{
    pthread_mutex_lock(&catalog->reader_lock);
    struct db_query query = db_prepare(&catalog->reader, which, sql, "look up an API key");
    db_bind_str(&query, value);
    enum db_step step = db_step(&query, err);
    if (step == DB_ROW)
        read_key(&query, out);
    db_finish(&query);
    pthread_mutex_unlock(&catalog->reader_lock);
    if (step == DB_END)
        error_set(err, ERR_NOT_FOUND, "no API key %.*s", STR_ARG(value));
    return step == DB_ROW;
}

bool catalog_api_key_get(struct catalog *catalog, struct str key, struct catalog_api_key *out,
                         struct error *err)
{
    return get_key(catalog, DB_API_KEY_GET, "SELECT " KEY_COLUMNS " FROM api_keys WHERE key = ?1", key, out,
                   err);
}

bool catalog_api_key_get_name(struct catalog *catalog, struct str name, struct catalog_api_key *out,
                              struct error *err)
{
    return get_key(catalog, DB_API_KEY_GET_NAME, "SELECT " KEY_COLUMNS " FROM api_keys WHERE name = ?1", name,
                   out, err);
}

/* `what` is "API key" or "dashboard user". */
static bool delete_row(struct catalog *catalog, enum db_statement which, const char *sql, struct str name,
                       const char *what, struct error *err)
{
    catalog_turn_take(catalog);
    struct db_query query = db_prepare(&catalog->writer, which, sql, "delete from the catalog");
    db_bind_str(&query, name);
    bool ok = db_run(&query, err);
    int deleted = sqlite3_changes(catalog->writer.handle);
    catalog_turn_pass(catalog);
    if (ok && deleted == 0)
        return error_set(err, ERR_NOT_FOUND, "no %s %.*s", what, STR_ARG(name));
    return ok;
}

bool catalog_api_key_delete(struct catalog *catalog, struct str name, struct error *err)
{
    return delete_row(catalog, DB_API_KEY_DELETE, "DELETE FROM api_keys WHERE name = ?1", name, "API key",
                      err);
}

bool catalog_api_key_each(struct catalog *catalog, bool (*each)(const struct catalog_api_key *key, void *arg),
                          void *arg, struct error *err)
{
    struct db db;
    if (!db_open(&db, catalog->path, err))
        return false;
    struct db_query query =
        db_prepare(&db, DB_OTHER, "SELECT " KEY_COLUMNS " FROM api_keys ORDER BY name", "list the API keys");
    enum db_step step;
    bool more = true;
    while (more && (step = db_step(&query, err)) == DB_ROW) {
        struct catalog_api_key key;
        read_key(&query, &key);
        more = each(&key, arg);
        catalog_api_key_free(&key);
    }
    db_finish(&query);
    db_close(&db);
    return !more || step == DB_END;
}

/* ---- Users of the dashboard ------------------------------------------------------------------------------ */

void catalog_dashboard_user_free(struct catalog_dashboard_user *user)
{
    mem_free(user->username);
    if (user->password_hash != NULL)
        mem_wipe(user->password_hash, strlen(user->password_hash));
    mem_free(user->password_hash);
    mem_free(user->role);
    mem_free(user->description);
    *user = (struct catalog_dashboard_user){0};
}

static void bind_user(struct db_query *query, const struct catalog_dashboard_user *user)
{
    db_bind_text(query, user->username);
    db_bind_text(query, user->password_hash);
    db_bind_text(query, user->role);
    db_bind_text(query, user->description);
}

bool catalog_dashboard_user_create(struct catalog *catalog, const struct catalog_dashboard_user *user,
                                   struct error *err)
{
    catalog_turn_take(catalog);
    struct db_query query = db_prepare(
        &catalog->writer, DB_DASHBOARD_USER_CREATE,
        "INSERT INTO dashboard_users (" USER_COLUMNS ") VALUES (?1, ?2, ?3, ?4)", "create a dashboard user");
    bind_user(&query, user);
    bool ok = db_run(&query, err);
    catalog_turn_pass(catalog);
    if (query.rc == SQLITE_CONSTRAINT_PRIMARYKEY)
        error_set(err, ERR_EXISTS, "dashboard user %s exists", user->username);
    return ok;
}

bool catalog_dashboard_user_update(struct catalog *catalog, const struct catalog_dashboard_user *user,
                                   struct error *err)
{
    catalog_turn_take(catalog);
    struct db_query query = db_prepare(&catalog->writer, DB_DASHBOARD_USER_UPDATE,
                                       "UPDATE dashboard_users SET password_hash = ?2, role = ?3,"
                                       " description = ?4 WHERE username = ?1",
                                       "change a dashboard user");
    bind_user(&query, user);
    bool ok = db_run(&query, err);
    int changed = sqlite3_changes(catalog->writer.handle);
    catalog_turn_pass(catalog);
    if (ok && changed == 0)
        return error_set(err, ERR_NOT_FOUND, "no dashboard user %s", user->username);
    return ok;
}

static void read_user(const struct db_query *query, struct catalog_dashboard_user *out)
{
    *out = (struct catalog_dashboard_user){
        .username = db_text(query, 0),
        .password_hash = db_text(query, 1),
        .role = db_text(query, 2),
        .description = db_text(query, 3),
    };
}

bool catalog_dashboard_user_get(struct catalog *catalog, struct str username,
                                struct catalog_dashboard_user *out, struct error *err)
{
    pthread_mutex_lock(&catalog->reader_lock);
    struct db_query query = db_prepare(&catalog->reader, DB_DASHBOARD_USER_GET,
                                       "SELECT " USER_COLUMNS " FROM dashboard_users WHERE username = ?1",
                                       "look up a dashboard user");
    db_bind_str(&query, username);
    enum db_step step = db_step(&query, err);
    if (step == DB_ROW)
        read_user(&query, out);
    db_finish(&query);
    pthread_mutex_unlock(&catalog->reader_lock);
    if (step == DB_END)
        error_set(err, ERR_NOT_FOUND, "no dashboard user %.*s", STR_ARG(username));
    return step == DB_ROW;
}

bool catalog_dashboard_user_delete(struct catalog *catalog, struct str username, struct error *err)
{
    return delete_row(catalog, DB_DASHBOARD_USER_DELETE, "DELETE FROM dashboard_users WHERE username = ?1",
                      username, "dashboard user", err);
}

bool catalog_dashboard_user_each(struct catalog *catalog,
                                 bool (*each)(const struct catalog_dashboard_user *user, void *arg),
                                 void *arg, struct error *err)
{
    struct db db;
    if (!db_open(&db, catalog->path, err))
        return false;
    struct db_query query =
        db_prepare(&db, DB_OTHER, "SELECT " USER_COLUMNS " FROM dashboard_users ORDER BY username",
                   "list the dashboard users");
    enum db_step step;
    bool more = true;
    while (more && (step = db_step(&query, err)) == DB_ROW) {
        struct catalog_dashboard_user user;
        read_user(&query, &user);
        more = each(&user, arg);
        catalog_dashboard_user_free(&user);
    }
    db_finish(&query);
    db_close(&db);
    return !more || step == DB_END;
}

bool catalog_dashboard_user_count(struct catalog *catalog, uint64_t *count, struct error *err)
{
    pthread_mutex_lock(&catalog->reader_lock);
    struct db_query query = db_prepare(&catalog->reader, DB_DASHBOARD_USER_COUNT,
                                       "SELECT count(*) FROM dashboard_users", "count the dashboard users");
    enum db_step step = db_step(&query, err);
    assert(step != DB_END); /* an aggregate always has its row */
    if (step == DB_ROW)
        *count = (uint64_t)db_int(&query, 0);
    db_finish(&query);
    pthread_mutex_unlock(&catalog->reader_lock);
    return step == DB_ROW;
}
