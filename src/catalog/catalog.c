/* Opening and closing: two connections and the writer thread.
 *
 * Opening, in steps:
 *   1. The seal of the last closing is compared and broken (seal.c).
 *   2. DIR/catalog.db is created with mode 0600 if it is missing; SQLite gives -wal and -shm the same mode.
 *   3. The write connection switches the file to WAL and brings the schema up to date.
 *   4. The read connection opens, the writer thread starts.
 *
 * A look-up at once uses the read connection; a change at once and the writer thread's batches take turns with
 * the write connection, so that inside one process nobody waits in SQLite's polling lock. A walk over many rows
 * opens a connection of its own: it sees one state of the file, and its callback may call anything.
 *
 * What can fail: the disk (ERR_IO, ERR_NO_SPACE), a damaged file (ERR_CORRUPT), a WAL that lost its file
 * (ERR_CORRUPT: SQLite itself would drop the WAL, and with it what was committed last). */
#include "catalog/catalog_internal.h"

#include "base/dir.h"
#include "base/mem.h"
#include "base/thread.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define QUEUE_WRITES_MAX    1000000
#define QUEUE_BYTES_MAX     ((size_t)256 << 20)
#define WAL_ATTEMPTS        1000
#define WAL_ATTEMPT_WAIT_NS 10000000

/* An existing file is not opened here: closing it would drop the locks that this process holds on it through
 * another connection. */
static bool create_file(const char *dir, const char *path, struct error *err)
{
    struct buf wal = {0};
    buf_printf(&wal, "%s-wal", path);
    bool has_wal = access(buf_cstr(&wal), F_OK) == 0;
    buf_free(&wal);
    if (access(path, F_OK) == 0)
        return true;
    if (has_wal) {
        error_set(err, ERR_CORRUPT, "%s is missing, but %s-wal, which belongs to it, is there", path, path);
        return error_hint(err,
                          "bring catalog.db back, or move catalog.db-wal away to start with an empty one");
    }
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return true; /* another process was faster */
    if (fd < 0)
        return error_errno(err, errno, "create %s", path);
    close(fd);
    return dir_sync(dir, err);
}

/* The file holds password hashes: nobody else may read it, whoever copied it here. */
static bool make_private(const char *path, struct error *err)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    bool ok = true;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0] && ok; i++) {
        struct buf name = {0};
        struct stat state;
        buf_printf(&name, "%s%s", path, endings[i]);
        if (stat(buf_cstr(&name), &state) == 0 && (state.st_mode & 077) != 0 &&
            chmod(buf_cstr(&name), 0600) != 0 && errno != ENOENT)
            ok = error_errno(err, errno, "make %s private", buf_cstr(&name));
        buf_free(&name);
    }
    return ok;
}

/* SQLite does not wait for another process that is switching the same file: try again for a while. */
static bool switch_to_wal(struct db *db, struct error *err)
{
    for (int attempt = 0;; attempt++) {
        struct error why;
        if (db_exec(db, "PRAGMA journal_mode = WAL", "switch to a write-ahead log", &why))
            break;
        if (why.code != ERR_BUSY || attempt == WAL_ATTEMPTS) {
            if (err != NULL)
                *err = why;
            return false;
        }
        nanosleep(&(struct timespec){.tv_nsec = WAL_ATTEMPT_WAIT_NS}, NULL);
    }
    struct db_query query = db_prepare(db, DB_OTHER, "PRAGMA journal_mode", "read");
    bool ok = db_step(&query, err) == DB_ROW;
    if (ok && !str_is(db_str(&query, 0), "wal")) {
        error_set(err, ERR_IO, "%s: the file system does not allow a write-ahead log", db->path);
        ok = error_hint(err, "put the data directory on a local file system");
    }
    db_finish(&query);
    return ok;
}

static struct catalog *catalog_new(const char *dir)
{
    struct catalog *catalog = mem_zalloc(sizeof *catalog);
    struct buf path = {0};
    buf_printf(&path, "%s/catalog.db", dir);
    catalog->path = mem_strdup(buf_cstr(&path));
    catalog->dir = mem_strdup(dir);
    catalog->seal_fd = -1;
    buf_free(&path);
    catalog->queue_writes_max = QUEUE_WRITES_MAX;
    catalog->queue_bytes_max = QUEUE_BYTES_MAX;
    pthread_mutex_init(&catalog->reader_lock, NULL);
    pthread_mutex_init(&catalog->turn_lock, NULL);
    pthread_cond_init(&catalog->turn_changed, NULL);
    pthread_mutex_init(&catalog->queue_lock, NULL);
    pthread_cond_init(&catalog->queue_changed, NULL);
    return catalog;
}

static bool open_all(struct catalog *catalog, const char *dir, struct error *err)
{
    catalog->seal_fd = seal_open(dir, err);
    if (catalog->seal_fd < 0 || !create_file(dir, catalog->path, err) || !make_private(catalog->path, err) ||
        !db_open(&catalog->writer, catalog->path, err) || !switch_to_wal(&catalog->writer, err) ||
        !schema_migrate(&catalog->writer, err) || !db_open(&catalog->reader, catalog->path, err))
        return false;
    catalog->thread_started = thread_start(&catalog->thread, "catalog", catalog_writer_run, catalog, err);
    return catalog->thread_started;
}

struct catalog *catalog_open(const char *dir, struct error *err)
{
    struct catalog *catalog = catalog_new(dir);
    if (open_all(catalog, dir, err))
        return catalog;
    error_wrap(err, "open the catalog");
    catalog_close(catalog);
    return NULL;
}

void catalog_close(struct catalog *catalog)
{
    if (catalog == NULL)
        return;
    if (catalog->thread_started) {
        pthread_mutex_lock(&catalog->queue_lock);
        catalog->stopping = true;
        pthread_cond_signal(&catalog->queue_changed);
        pthread_mutex_unlock(&catalog->queue_lock);
        pthread_join(catalog->thread, NULL);
    }
    assert(catalog->queue_writes == 0);
    db_close(&catalog->reader);
    db_close(&catalog->writer); /* the last one folds the WAL into the file */
    seal_close(catalog->seal_fd, catalog->dir, catalog->thread_started);
    pthread_cond_destroy(&catalog->queue_changed);
    pthread_mutex_destroy(&catalog->queue_lock);
    pthread_cond_destroy(&catalog->turn_changed);
    pthread_mutex_destroy(&catalog->turn_lock);
    pthread_mutex_destroy(&catalog->reader_lock);
    mem_free(catalog->path);
    mem_free(catalog->dir);
    mem_free(catalog);
}

void catalog_turn_take(struct catalog *catalog)
{
    pthread_mutex_lock(&catalog->turn_lock);
    uint64_t mine = catalog->turn_next++;
    while (catalog->turn_now != mine)
        pthread_cond_wait(&catalog->turn_changed, &catalog->turn_lock);
    pthread_mutex_unlock(&catalog->turn_lock);
}

void catalog_turn_pass(struct catalog *catalog)
{
    pthread_mutex_lock(&catalog->turn_lock);
    catalog->turn_now++;
    pthread_cond_broadcast(&catalog->turn_changed);
    pthread_mutex_unlock(&catalog->turn_lock);
}

bool catalog_revision(struct catalog *catalog, uint64_t *revision, struct error *err)
{
    /* One row by its key costs as much as PRAGMA data_version, which every commit of ours would change. */
    pthread_mutex_lock(&catalog->reader_lock);
    struct db_query query = db_prepare(&catalog->reader, DB_REVISION,
                                       "SELECT value FROM meta WHERE key = 'revision'", "read the revision");
    enum db_step step = db_step(&query, err);
    if (step == DB_ROW) {
        *revision = (uint64_t)db_int(&query, 0);
    } else if (step == DB_END) {
        error_set(err, ERR_CORRUPT, "%s: the revision is missing", catalog->path);
    }
    db_finish(&query);
    pthread_mutex_unlock(&catalog->reader_lock);
    return step == DB_ROW;
}
