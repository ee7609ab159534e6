/* The queue and its one writer thread.
 *
 *   submit ─▶ first … last ─▶ the thread takes all that waits ─▶ BEGIN, every write, COMMIT ─▶ done, done, …
 *
 * While one transaction waits for the disk, writes gather for the next: the slower the disk, the larger the
 * batches, one fsync each. `done` is called in the order of submission, after the commit or after the rollback.
 *
 * A failure (disk full, I/O, another process that does not let go) rolls the whole transaction back and is told
 * to each of its writes; the thread goes on with what comes next. Writes count against the queue's limits until
 * their `done` is called, so memory is bounded whatever the disk does. */
#include "catalog/catalog_internal.h"

#include "base/fault.h"

#include <assert.h>
#include <unistd.h>

struct batch {
    struct catalog_write *first;
    size_t writes;
    size_t bytes;
};

static size_t bytes_of(const struct catalog_write *write)
{
    return write->key.len + write->filter.len + write->value.len;
}

bool catalog_submit(struct catalog *catalog, struct catalog_write *write, struct error *err)
{
    size_t bytes = bytes_of(write);
    assert(write->done != NULL);
    write->next = NULL;
    enum error_code refused = ERR_NONE;
    pthread_mutex_lock(&catalog->queue_lock);
    if (catalog->stopping) {
        refused = ERR_CLOSED;
    } else if (catalog->queue_writes >= catalog->queue_writes_max ||
               bytes > catalog->queue_bytes_max - catalog->queue_bytes) {
        refused = ERR_BUSY;
    } else {
        if (catalog->first == NULL) {
            catalog->first = write;
            pthread_cond_signal(&catalog->queue_changed);
        } else {
            catalog->last->next = write;
        }
        catalog->last = write;
        catalog->queue_writes++;
        catalog->queue_bytes += bytes;
    }
    pthread_mutex_unlock(&catalog->queue_lock);
    if (refused == ERR_CLOSED)
        return error_set(err, ERR_CLOSED, "the catalog is closing");
    if (refused == ERR_BUSY) {
        return error_set(err, ERR_BUSY, "the catalog's queue is full (%zu writes, %zu bytes)",
                         catalog->queue_writes_max, catalog->queue_bytes_max);
    }
    return true;
}

/* Waits for writes and takes all of them. False when stopping and none is left. */
static bool take_batch(struct catalog *catalog, struct batch *out)
{
    pthread_mutex_lock(&catalog->queue_lock);
    while (catalog->first == NULL && !catalog->stopping)
        pthread_cond_wait(&catalog->queue_changed, &catalog->queue_lock);
    /* Between two batches nothing is under way: what counts is what waits. */
    *out = (struct batch){catalog->first, catalog->queue_writes, catalog->queue_bytes};
    catalog->first = NULL;
    catalog->last = NULL;
    pthread_mutex_unlock(&catalog->queue_lock);
    return out->first != NULL;
}

static bool put_value(struct db *db, enum db_statement which, const char *sql,
                      const struct catalog_write *write, struct error *err)
{
    struct db_query query = db_prepare(db, which, sql, "write");
    db_bind_str(&query, write->key);
    db_bind_blob(&query, write->value);
    db_bind_int(&query, write->expires_ms);
    return db_run(&query, err);
}

static bool put_subscription(struct db *db, const struct catalog_write *write, struct error *err)
{
    struct db_query query =
        db_prepare(db, DB_SUBSCRIPTION_PUT,
                   "INSERT INTO subscriptions (client_id, filter, options, subscription_id)"
                   " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (client_id, filter) DO UPDATE"
                   " SET options = excluded.options, subscription_id = excluded.subscription_id",
                   "write");
    db_bind_str(&query, write->key);
    db_bind_str(&query, write->filter);
    db_bind_int(&query, write->options);
    db_bind_int(&query, write->subscription_id);
    return db_run(&query, err);
}

static bool delete_subscription(struct db *db, const struct catalog_write *write, struct error *err)
{
    struct db_query query =
        db_prepare(db, DB_SUBSCRIPTION_DELETE,
                   "DELETE FROM subscriptions WHERE client_id = ?1 AND filter = ?2", "write");
    db_bind_str(&query, write->key);
    db_bind_str(&query, write->filter);
    return db_run(&query, err);
}

static bool delete_key(struct db *db, enum db_statement which, const char *sql, struct str key,
                       struct error *err)
{
    struct db_query query = db_prepare(db, which, sql, "write");
    db_bind_str(&query, key);
    return db_run(&query, err);
}

static bool put_position(struct db *db, const struct catalog_write *write, struct error *err)
{
    struct db_query query = db_prepare(db, DB_POSITION_PUT,
                                       "INSERT INTO positions (station, reader, value) VALUES (?1, ?2, ?3)"
                                       " ON CONFLICT (station, reader) DO UPDATE SET value = excluded.value",
                                       "write");
    db_bind_str(&query, write->key);
    db_bind_blob(&query, write->filter);
    db_bind_blob(&query, write->value);
    return db_run(&query, err);
}

static bool delete_position(struct db *db, const struct catalog_write *write, struct error *err)
{
    struct db_query query = db_prepare(db, DB_POSITION_DELETE,
                                       "DELETE FROM positions WHERE station = ?1 AND reader = ?2", "write");
    db_bind_str(&query, write->key);
    db_bind_blob(&query, write->filter);
    return db_run(&query, err);
}

static bool apply(struct db *db, const struct catalog_write *write, struct error *err)
{
    switch (write->kind) {
    case CATALOG_RETAINED_PUT:
        return put_value(
            db, DB_RETAINED_PUT,
            "INSERT INTO retained (topic, value, expires_ms) VALUES (?1, ?2, ?3) ON CONFLICT (topic)"
            " DO UPDATE SET value = excluded.value, expires_ms = excluded.expires_ms",
            write, err);
    case CATALOG_RETAINED_DELETE:
        return delete_key(db, DB_RETAINED_DELETE, "DELETE FROM retained WHERE topic = ?1", write->key, err);
    case CATALOG_SESSION_PUT:
        return put_value(db, DB_SESSION_PUT,
                         "INSERT INTO sessions (client_id, value, expires_ms) VALUES (?1, ?2, ?3)"
                         " ON CONFLICT (client_id)"
                         " DO UPDATE SET value = excluded.value, expires_ms = excluded.expires_ms",
                         write, err);
    case CATALOG_SESSION_DELETE:
        return delete_key(db, DB_SESSION_DELETE, "DELETE FROM sessions WHERE client_id = ?1", write->key,
                          err) &&
               delete_key(db, DB_SUBSCRIPTION_DELETE_ALL, "DELETE FROM subscriptions WHERE client_id = ?1",
                          write->key, err);
    case CATALOG_SUBSCRIPTION_PUT: return put_subscription(db, write, err);
    case CATALOG_SUBSCRIPTION_DELETE: return delete_subscription(db, write, err);
    case CATALOG_POSITION_PUT: return put_position(db, write, err);
    case CATALOG_POSITION_DELETE: return delete_position(db, write, err);
    case CATALOG_BARRIER: return true;
    }
    assert(!"a kind of write that is not in the enumeration");
    return true;
}

/* One transaction. Has the turn. */
static bool commit_batch(struct db *db, const struct batch *batch, struct error *err)
{
    if (!db_exec(db, "BEGIN IMMEDIATE", "begin a transaction", err))
        return false;
    bool ok = true;
    for (const struct catalog_write *write = batch->first; write != NULL && ok; write = write->next)
        ok = apply(db, write, err);
    FAULT_POINT("catalog.before_commit");
    ok = ok && db_exec(db, "COMMIT", "commit", err);
    FAULT_POINT("catalog.after_commit");
    if (ok)
        return true;
    if (!sqlite3_get_autocommit(db->handle)) /* else SQLite has rolled back by itself */
        db_exec(db, "ROLLBACK", "roll back", NULL);
    return false;
}

static bool only_barriers(const struct batch *batch)
{
    const struct catalog_write *write = batch->first;
    while (write != NULL && write->kind == CATALOG_BARRIER)
        write = write->next;
    return write == NULL;
}

/* Frees the batch's share of the queue first: a writer that waits for its `done` may submit again in it. */
static void finish_batch(struct catalog *catalog, const struct batch *batch, const struct error *err)
{
    pthread_mutex_lock(&catalog->queue_lock);
    catalog->queue_writes -= batch->writes;
    catalog->queue_bytes -= batch->bytes;
    pthread_mutex_unlock(&catalog->queue_lock);
    for (struct catalog_write *write = batch->first; write != NULL;) {
        struct catalog_write *next = write->next; /* done() may free the write */
        write->next = NULL;
        write->done(write, err);
        write = next;
    }
}

void *catalog_writer_run(void *arg)
{
    struct catalog *catalog = arg;
    struct batch batch;
    while (take_batch(catalog, &batch)) {
        struct error err;
        bool ok = true;
        if (!only_barriers(&batch)) {
            catalog_turn_take(catalog);
            ok = commit_batch(&catalog->writer, &batch, &err);
            catalog_turn_pass(catalog);
        }
        finish_batch(catalog, &batch, ok ? NULL : &err);
    }
    return NULL;
}

/* ---- Waiting for it -------------------------------------------------------------------------------------- */

struct flush {
    struct catalog_write write; /* first */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
};

static void flush_done(struct catalog_write *write, const struct error *err)
{
    (void)err;
    struct flush *flush = (struct flush *)write;
    pthread_mutex_lock(&flush->lock);
    flush->done = true;
    pthread_cond_signal(&flush->changed);
    pthread_mutex_unlock(&flush->lock);
}

void catalog_flush(struct catalog *catalog)
{
    struct flush flush = {.write = {.kind = CATALOG_BARRIER, .done = flush_done}};
    pthread_mutex_init(&flush.lock, NULL);
    pthread_cond_init(&flush.changed, NULL);
    /* A full queue empties: it is the writer's own pace. */
    struct error err = {0};
    bool submitted;
    while (!(submitted = catalog_submit(catalog, &flush.write, &err)) && err.code == ERR_BUSY)
        usleep(1000);
    pthread_mutex_lock(&flush.lock);
    while (submitted && !flush.done)
        pthread_cond_wait(&flush.changed, &flush.lock);
    pthread_mutex_unlock(&flush.lock);
    pthread_cond_destroy(&flush.changed);
    pthread_mutex_destroy(&flush.lock);
}
