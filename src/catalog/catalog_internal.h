/* The catalog from inside: its connections, who may touch them, and the thin layer over SQLite (db.c). */
#ifndef CATALOG_CATALOG_INTERNAL_H
#define CATALOG_CATALOG_INTERNAL_H

#include "catalog/catalog.h"

#include <pthread.h>
#include <sqlite3.h>

/* ---- db.c: one connection -------------------------------------------------------------------------------- */

/* A statement is prepared at its first use and kept with its connection. */
enum db_statement {
    DB_USER_CREATE,
    DB_USER_REPLACE,
    DB_USER_GET,
    DB_USER_DELETE,
    DB_USER_COUNT,
    DB_RULE_INSERT,
    DB_RULE_UPDATE,
    DB_RULE_DELETE,
    DB_RULE_DELETE_OF,
    DB_BAN_PUT,
    DB_BAN_DELETE,
    DB_REVISION,
    DB_API_KEY_CREATE,
    DB_API_KEY_UPDATE,
    DB_API_KEY_GET,
    DB_API_KEY_GET_NAME,
    DB_API_KEY_DELETE,
    DB_DASHBOARD_USER_CREATE,
    DB_DASHBOARD_USER_UPDATE,
    DB_DASHBOARD_USER_GET,
    DB_DASHBOARD_USER_DELETE,
    DB_DASHBOARD_USER_COUNT,
    DB_RETAINED_PUT,
    DB_RETAINED_DELETE,
    DB_RETAINED_EXPIRE,
    DB_SESSION_PUT,
    DB_SESSION_DELETE,
    DB_SESSION_EXPIRE,
    DB_SUBSCRIPTION_PUT,
    DB_SUBSCRIPTION_DELETE,
    DB_SUBSCRIPTION_DELETE_ALL,
    DB_SUBSCRIPTION_EXPIRE,
    DB_POSITION_PUT,
    DB_POSITION_DELETE,
    DB_OTHER, /* anything that runs once on a connection: prepared anew each time */
    DB_STATEMENT_COUNT
};

struct db {
    sqlite3 *handle;
    sqlite3_stmt *statements[DB_STATEMENT_COUNT];
    const char *path; /* borrowed from who opened it; for messages */
};

/* Opens an existing file (or ":memory:") for reading and writing. On failure *db is closed. Borrows path. */
bool db_open(struct db *db, const char *path, struct error *err);
void db_close(struct db *db);

/* Runs statements that return nothing of interest. `what` names the doing in the error. */
bool db_exec(struct db *db, const char *sql, const char *what, struct error *err);

/* One number from a query or pragma without parameters. */
bool db_number(struct db *db, const char *sql, int64_t *out, struct error *err);

/* A statement in use. The first failure, of preparing, binding or stepping, stays in `rc`; steps after it fail
 * too, so that a caller binds without asking and checks once. */
struct db_query {
    struct db *db;
    sqlite3_stmt *stmt;
    const char *what; /* names the doing in the error */
    bool kept;        /* by its connection, for the next use */
    int bound;        /* parameters so far */
    int rc;           /* SQLite's extended result code */
};

enum db_step { DB_ROW, DB_END, DB_FAILED };

struct db_query db_prepare(struct db *db, enum db_statement which, const char *sql, const char *what);
/* Parameters in their order. What is bound is borrowed until db_finish(). */
void db_bind_str(struct db_query *query, struct str text);
void db_bind_text(struct db_query *query, const char *text); /* NULL: SQL's NULL */
void db_bind_blob(struct db_query *query, struct str bytes); /* never NULL; may be empty */
void db_bind_int(struct db_query *query, int64_t value);
enum db_step db_step(struct db_query *query, struct error *err);
void db_finish(struct db_query *query);                 /* ends it; frees or keeps the statement */
bool db_run(struct db_query *query, struct error *err); /* steps to the end and finishes */

/* Columns of the row: views live until the next step. */
struct str db_str(const struct db_query *query, int column);
char *db_text(const struct db_query *query, int column); /* returns owned; NULL for SQL's NULL */
int64_t db_int(const struct db_query *query, int column);

/* ---- schema.c -------------------------------------------------------------------------------------------- */

/* Brings the schema of the file to this version. Errors: as catalog_open. */
bool schema_migrate(struct db *db, struct error *err);

/* ---- catalog.c ------------------------------------------------------------------------------------------- */

struct catalog {
    /* Set once. */
    char *dir;
    char *path;  /* DIR/catalog.db */
    int seal_fd; /* seal.c; -1: not open */
    pthread_t thread;
    bool thread_started;
    size_t queue_writes_max;
    size_t queue_bytes_max;

    pthread_mutex_t reader_lock;
    struct db reader; /* under reader_lock: what is read at once */

    /* Whose turn it is to use `writer`: the thread's batches and changes made at once take turns in the order
     * of their coming, so that a busy broker does not keep `varve user` waiting. */
    pthread_mutex_t turn_lock;
    pthread_cond_t turn_changed;
    uint64_t turn_next; /* under turn_lock */
    uint64_t turn_now;  /* under turn_lock */
    struct db writer;   /* by whose turn it is */

    pthread_mutex_t queue_lock;
    pthread_cond_t queue_changed; /* a write has come, or stopping */
    /* Under queue_lock. */
    struct catalog_write *first;
    struct catalog_write *last;
    size_t queue_writes; /* waiting or in the transaction under way */
    size_t queue_bytes;
    bool stopping;
};

/* Waits for the turn to use catalog->writer; passes it on. */
void catalog_turn_take(struct catalog *catalog);
void catalog_turn_pass(struct catalog *catalog);

/* ---- seal.c ---------------------------------------------------------------------------------------------- */

/* Compares with the seal of the last closing, if there is one, and breaks it. Returns a descriptor that says, until
 * seal_close(), that the catalog is open; -1: failed.
 * Errors: ERR_CORRUPT (catalog.db is not what it was), those of the system. */
int seal_open(const char *dir, struct error *err);
/* Seals the file if nobody else has it open. After the connections are closed; takes fd. `whole`: it may be sealed. */
void seal_close(int fd, const char *dir, bool whole);

/* ---- writer.c -------------------------------------------------------------------------------------------- */

/* The writer thread: runs until `stopping` and the queue is empty. */
void *catalog_writer_run(void *catalog);

#endif
