/* Every disk call of SQLite made to fail, one after the other.
 *
 * A VFS of our own stands in front of the system's and counts the calls that change a file. In round n the n-th
 * fails, once or from then on; the catalog works on through it, then it is opened again without faults. Whatever
 * failed: what was acknowledged is there, the file is sound, and nobody hangs. */
#include "catalog/fixture.h"

#include <stdatomic.h>

/* ---- The VFS --------------------------------------------------------------------------------------------- */

struct fault_file {
    sqlite3_file base;
    sqlite3_file *real;
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs fault_vfs;
static sqlite3_io_methods fault_methods;

static atomic_long calls;   /* that change a file, since the last arm() */
static atomic_long fail_at; /* 0: none */
static atomic_bool fail_on; /* all from there on, not only one */
static atomic_int fail_code;

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct fault_file *)(void *)file)->real;
}

static bool fails(void)
{
    long at = atomic_load(&fail_at);
    long call = atomic_fetch_add(&calls, 1) + 1;
    return at != 0 && (call == at || (call > at && atomic_load(&fail_on)));
}

static int fault_close(sqlite3_file *file)
{
    sqlite3_file *real = real_of(file);
    int rc = real->pMethods->xClose(real);
    sqlite3_free(real);
    return rc;
}

static int fault_read(sqlite3_file *file, void *out, int len, sqlite3_int64 offset)
{
    return real_of(file)->pMethods->xRead(real_of(file), out, len, offset);
}

static int fault_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset)
{
    if (fails()) {
        if (len > 1) /* half of it arrives */
            real_of(file)->pMethods->xWrite(real_of(file), data, len / 2, offset);
        return atomic_load(&fail_code);
    }
    return real_of(file)->pMethods->xWrite(real_of(file), data, len, offset);
}

static int fault_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return fails() ? SQLITE_IOERR_TRUNCATE : real_of(file)->pMethods->xTruncate(real_of(file), size);
}

/* Nothing here cuts the power: the disk need not be waited for. */
static int fault_sync(sqlite3_file *file, int flags)
{
    (void)file;
    (void)flags;
    return fails() ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int fault_file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int fault_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int fault_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int fault_check_lock(sqlite3_file *file, int *out)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int fault_control(sqlite3_file *file, int op, void *arg)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int fault_sector_size(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int fault_device(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int fault_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}

static int fault_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void fault_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int fault_shm_unmap(sqlite3_file *file, int remove_it)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove_it);
}

static sqlite3_io_methods fault_methods = {
    .iVersion = 2,
    .xClose = fault_close,
    .xRead = fault_read,
    .xWrite = fault_write,
    .xTruncate = fault_truncate,
    .xSync = fault_sync,
    .xFileSize = fault_file_size,
    .xLock = fault_lock,
    .xUnlock = fault_unlock,
    .xCheckReservedLock = fault_check_lock,
    .xFileControl = fault_control,
    .xSectorSize = fault_sector_size,
    .xDeviceCharacteristics = fault_device,
    .xShmMap = fault_shm_map,
    .xShmLock = fault_shm_lock,
    .xShmBarrier = fault_shm_barrier,
    .xShmUnmap = fault_shm_unmap,
};

static int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    (void)vfs;
    struct fault_file *fault = (struct fault_file *)(void *)file;
    fault->real = sqlite3_malloc(real_vfs->szOsFile);
    int rc = real_vfs->xOpen(real_vfs, name, fault->real, flags, out_flags);
    if (rc == SQLITE_OK) {
        fault->base.pMethods = &fault_methods;
    } else {
        sqlite3_free(fault->real);
        fault->base.pMethods = NULL;
    }
    return rc;
}

static int fault_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
    (void)vfs;
    return fails() ? SQLITE_IOERR_DELETE : real_vfs->xDelete(real_vfs, name, sync_dir);
}

static int install_vfs(void **state)
{
    (void)state;
    real_vfs = sqlite3_vfs_find(NULL);
    fault_vfs = *real_vfs;
    fault_vfs.pNext = NULL;
    fault_vfs.zName = "fault";
    fault_vfs.szOsFile = sizeof(struct fault_file);
    fault_vfs.xOpen = fault_open;
    fault_vfs.xDelete = fault_delete;
    return sqlite3_vfs_register(&fault_vfs, 1);
}

static void arm(long at, bool on, int code)
{
    atomic_store(&fail_code, code);
    atomic_store(&fail_on, on);
    atomic_store(&calls, 0);
    atomic_store(&fail_at, at);
}

static void disarm(void)
{
    atomic_store(&fail_at, 0);
}

/* ---- The rounds ------------------------------------------------------------------------------------------ */

enum { TOPICS = 3, STEPS = 6 };

/* For each topic: the last acknowledged value, and the last that failed after it (0: none). */
struct ledger {
    int stored[TOPICS];
    int failed[TOPICS];
    bool user_stored;
};

static void write_step(struct fixture *fixture, struct ledger *ledger, int step)
{
    char topic[8], value[1500];
    int which = step % TOPICS;
    snprintf(topic, sizeof topic, "%d", which);
    memset(value, 'x', sizeof value);
    snprintf(value, sizeof value, "%d", step + 1);
    enum error_code code =
        write_now(fixture->catalog, RETAINED(str_of(topic), str_make(value, sizeof value), 0));
    if (code == ERR_NONE) {
        ledger->stored[which] = step + 1;
        ledger->failed[which] = 0;
    } else {
        CHECK(code == ERR_IO || code == ERR_NO_SPACE, "%s", error_code_name(code));
        ledger->failed[which] = step + 1;
    }
}

struct found {
    int value[TOPICS];
};

static bool find_value(struct str topic, struct str value, int64_t expires_ms, void *arg)
{
    struct found *found = arg;
    (void)expires_ms;
    found->value[topic.data[0] - '0'] = atoi(value.data);
    return true;
}

/* An acknowledged write must be there. One whose fsync failed may turn up instead: its bytes are in the log. */
static void check_ledger(struct fixture *fixture, const struct ledger *ledger, long round)
{
    struct found found = {{0}};
    ASSERT_OK(catalog_check(fixture->catalog, &fixture->err), fixture->err);
    ASSERT_OK(catalog_retained_each(fixture->catalog, 0, find_value, &found, &fixture->err), fixture->err);
    for (int i = 0; i < TOPICS; i++) {
        CHECK(found.value[i] == ledger->stored[i] ||
                  (found.value[i] > ledger->stored[i] && found.value[i] <= ledger->failed[i]),
              "call %ld, topic %d: %d; stored %d, then failed up to %d", round, i, found.value[i],
              ledger->stored[i], ledger->failed[i]);
    }
    struct catalog_user user = {0};
    bool has_user = catalog_user_get(fixture->catalog, STR("u"), &user, NULL);
    if (has_user)
        catalog_user_free(&user);
    CHECK(has_user || !ledger->user_stored, "call %ld: the user is lost", round);
}

/* One round; returns whether its fault happened. */
static bool run_round(struct fixture *fixture, long at, bool on, int code)
{
    struct ledger ledger = {0};
    char name[] = "u";
    struct catalog_user user = {.username = name};
    harness_make_dir(fixture->dir);
    arm(at, on, code);
    fixture->catalog = catalog_open(fixture->dir, &fixture->err);
    if (fixture->catalog != NULL) {
        for (int step = 0; step < STEPS; step++) {
            write_step(fixture, &ledger, step);
            if (step == STEPS / 2)
                ledger.user_stored = catalog_user_put(fixture->catalog, &user, true, &fixture->err);
        }
        sqlite3_exec(fixture->catalog->writer.handle, "PRAGMA wal_checkpoint(PASSIVE)", NULL, NULL, NULL);
        for (int step = 0; step < STEPS; step++)
            write_step(fixture, &ledger, STEPS + step);
        catalog_close(fixture->catalog);
    }
    bool happened = atomic_load(&calls) >= at;
    disarm();
    fixture_open(fixture);
    check_ledger(fixture, &ledger, at);
    catalog_close(fixture->catalog);
    fixture->catalog = NULL;
    harness_remove_dir(fixture->dir);
    return happened;
}

static void test_no_failing_disk_call_loses_what_is_acknowledged(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        bool on;
        int code;
    } kinds[] = {
        {false, SQLITE_IOERR_WRITE}, {true, SQLITE_IOERR_WRITE}, {false, SQLITE_FULL}, {true, SQLITE_FULL}};
    harness_remove_dir(fixture->dir);
    TABLE_EACH(kind, kinds)
    {
        long at = 1;
        while (run_round(fixture, at, kind->on, kind->code))
            at++;
        CHECK(at > 30, "only %ld calls: the faults do not reach the file", at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {WITH_DIR(test_no_failing_disk_call_loses_what_is_acknowledged)};
    return cmocka_run_group_tests(tests, install_vfs, NULL);
}
