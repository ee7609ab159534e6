/* Opening: new files, foreign files, damaged files, two processes. */
#include "catalog/fixture.h"

#include <fcntl.h>
#include <sys/wait.h>

static unsigned mode_of(const char *path, const char *ending)
{
    char name[HARNESS_PATH_BYTES + 32];
    struct stat info;
    snprintf(name, sizeof name, "%s%s", path, ending);
    assert_int_equal(stat(name, &info), 0);
    return info.st_mode & 07777;
}

static void test_only_the_owner_may_read_the_files(void **state)
{
    struct fixture *fixture = *state;
    mode_t former = umask(0);
    fixture_open(fixture);
    assert_int_equal(write_now(fixture->catalog, RETAINED(STR("t"), STR("v"), 0)), ERR_NONE);
    umask(former);
    assert_int_equal(mode_of(fixture->path, ""), 0600);
    assert_int_equal(mode_of(fixture->path, "-wal"), 0600);
    assert_int_equal(mode_of(fixture->path, "-shm"), 0600);
}

static void test_a_file_that_others_may_read_is_made_private(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    catalog_close(fixture->catalog);
    assert_int_equal(chmod(fixture->path, 0644), 0);
    fixture_open(fixture);
    assert_int_equal(mode_of(fixture->path, ""), 0600);
    assert_int_equal(mode_of(fixture->path, "-wal"), 0600);
}

static void test_a_missing_directory_is_named(void **state)
{
    struct fixture *fixture = *state;
    char dir[HARNESS_PATH_BYTES + 8];
    snprintf(dir, sizeof dir, "%s/none", fixture->dir);
    ASSERT_FAILS(catalog_open(dir, &fixture->err) != NULL, fixture->err, ERR_NOT_FOUND);
    assert_non_null(strstr(fixture->err.text, "none/catalog"));
}

/* Runs SQL on the file, as a foreign tool would after a crash: a file that was closed is sealed. */
static void run_sql(struct fixture *fixture, const char *sql)
{
    sqlite3 *db;
    fixture_forget_seal(fixture);
    char *text = NULL;
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    int rc = sqlite3_exec(db, sql, NULL, NULL, &text);
    CHECK(rc == SQLITE_OK, "%s: %s", sql, text);
    sqlite3_close(db);
}

static void test_a_file_of_a_later_version_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    catalog_close(fixture->catalog);
    fixture->catalog = NULL;
    run_sql(fixture, "PRAGMA user_version = 1000");
    ASSERT_FAILS(catalog_open(fixture->dir, &fixture->err) != NULL, fixture->err, ERR_UNSUPPORTED);
    assert_string_equal(fixture->err.hint, "run the version that made it, or a later one");
}

static void test_a_database_of_another_program_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    run_sql(fixture, "CREATE TABLE theirs (x)");
    ASSERT_FAILS(catalog_open(fixture->dir, &fixture->err) != NULL, fixture->err, ERR_CORRUPT);
    assert_non_null(strstr(fixture->err.text, "not a catalog of Varve"));
    run_sql(fixture, "INSERT INTO theirs VALUES (1)");
}

static void test_an_empty_file_becomes_a_catalog(void **state)
{
    struct fixture *fixture = *state;
    close(open(fixture->path, O_WRONLY | O_CREAT, 0600)); /* a crash right after its creation leaves this */
    fixture_open(fixture);
    ASSERT_OK(catalog_check(fixture->catalog, &fixture->err), fixture->err);
}

static void test_a_log_without_its_file_is_not_thrown_away(void **state)
{
    struct fixture *fixture = *state;
    char wal[HARNESS_PATH_BYTES + 32];
    snprintf(wal, sizeof wal, "%s-wal", fixture->path);
    close(open(wal, O_WRONLY | O_CREAT, 0600));
    ASSERT_FAILS(catalog_open(fixture->dir, &fixture->err) != NULL, fixture->err, ERR_CORRUPT);
    assert_int_equal(access(wal, F_OK), 0);
    assert_int_not_equal(access(fixture->path, F_OK), 0);
}

/* ---- Damage ---------------------------------------------------------------------------------------------- */

static void overwrite(const char *path, off_t offset, int byte, size_t len)
{
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    struct buf bytes = {0};
    for (size_t i = 0; i < len; i++)
        buf_append_byte(&bytes, (uint8_t)byte);
    assert_int_equal(pwrite(fd, bytes.data, len, offset), len);
    close(fd);
    buf_free(&bytes);
}

/* A closed catalog of some pages. */
static off_t fill_and_close(struct fixture *fixture)
{
    fixture_open(fixture);
    for (int i = 0; i < 300; i++) {
        char name[32];
        snprintf(name, sizeof name, "topic/%03d", i);
        assert_int_equal(
            write_now(fixture->catalog, RETAINED(str_of(name), STR("a value that takes some room"), 0)),
            ERR_NONE);
    }
    catalog_close(fixture->catalog);
    fixture->catalog = NULL;
    fixture_forget_seal(fixture);
    struct stat info;
    assert_int_equal(stat(fixture->path, &info), 0);
    return info.st_size;
}

static void test_a_file_that_is_no_database_is_corrupt(void **state)
{
    struct fixture *fixture = *state;
    fill_and_close(fixture);
    overwrite(fixture->path, 0, 'x', 4096);
    ASSERT_FAILS(catalog_open(fixture->dir, &fixture->err) != NULL, fixture->err, ERR_CORRUPT);
    assert_non_null(strstr(fixture->err.hint, ".recover"));
}

static void test_a_file_that_was_cut_is_corrupt(void **state)
{
    struct fixture *fixture = *state;
    off_t size = fill_and_close(fixture);
    assert_int_equal(truncate(fixture->path, size / 2 / 4096 * 4096), 0);
    fixture->catalog = catalog_open(fixture->dir, &fixture->err);
    bool sound = fixture->catalog != NULL && catalog_check(fixture->catalog, &fixture->err);
    assert_false(sound);
    assert_int_equal(fixture->err.code, ERR_CORRUPT);
}

/* Every page but the first, one at a time: nothing is read as if it were right, and nothing crashes. */
static void test_a_damaged_page_is_found_by_the_check(void **state)
{
    struct fixture *fixture = *state;
    off_t size = fill_and_close(fixture);
    struct buf whole = {0};
    ASSERT_OK(buf_read_file(&whole, fixture->path, (size_t)size, &fixture->err), fixture->err);
    for (off_t page = 4096; page < size; page += 4096) {
        overwrite(fixture->path, page, 0xff, 4096);
        fixture->catalog = catalog_open(fixture->dir, &fixture->err);
        bool sound = fixture->catalog != NULL && catalog_check(fixture->catalog, &fixture->err);
        CHECK(!sound && fixture->err.code == ERR_CORRUPT, "page %d: %s", (int)(page / 4096),
              fixture->err.text);
        if (fixture->catalog != NULL) {
            struct buf out = {0};
            catalog_retained_each(fixture->catalog, 0, note_value, &out, NULL);
            buf_free(&out);
        }
        catalog_close(fixture->catalog);
        fixture->catalog = NULL;
        fixture_forget_seal(fixture);
        ASSERT_OK(buf_write_file(&whole, fixture->path, 0600, &fixture->err), fixture->err);
    }
    buf_free(&whole);
    fixture_open(fixture);
    ASSERT_OK(catalog_check(fixture->catalog, &fixture->err), fixture->err);
}

static void test_the_check_finds_what_a_foreign_tool_spoiled(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *sql;
        const char *found;
    } rows[] = {
        {"DROP TRIGGER users_INSERT", "users_INSERT is missing"},
        {"DROP TABLE bans", "bans is missing"},
        {"DELETE FROM meta", "the revision is missing"},
        {"INSERT INTO retained VALUES (CAST(x'ff' AS TEXT), x'', 0)", "a name is not UTF-8"},
        {"PRAGMA ignore_check_constraints = 1; INSERT INTO users (username, superuser) VALUES ('u', 7)",
         "CHECK constraint failed in users"},
    };
    TABLE_EACH(row, rows)
    {
        fixture_open(fixture);
        ASSERT_OK(catalog_check(fixture->catalog, &fixture->err), fixture->err);
        run_sql(fixture, row->sql);
        ASSERT_FAILS(catalog_check(fixture->catalog, &fixture->err), fixture->err, ERR_CORRUPT);
        CHECK(strstr(fixture->err.text, row->found) != NULL, "%s: %s", row->sql, fixture->err.text);
        catalog_close(fixture->catalog);
        fixture->catalog = NULL;
        fixture_forget_seal(fixture);
        assert_int_equal(unlink(fixture->path), 0);
    }
}

/* ---- Two processes --------------------------------------------------------------------------------------- */

enum { CHANGES = 50 };

/* In the child: `varve user` beside a broker. Answers by its exit status. */
static void put_users_and_exit(const char *dir, char prefix)
{
    struct error err;
    struct catalog *catalog = catalog_open(dir, &err);
    bool ok = catalog != NULL;
    for (int i = 0; i < CHANGES && ok; i++) {
        char name[32];
        snprintf(name, sizeof name, "%c%d", prefix, i);
        struct catalog_user user = {.username = name};
        ok = catalog_user_put(catalog, &user, true, &err);
    }
    if (!ok)
        fprintf(stderr, "child: %s\n", err.text);
    catalog_close(catalog);
    _exit(ok ? 0 : 1);
}

static void wait_for_success(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_processes_that_write_at_once_lose_nothing(void **state)
{
    struct fixture *fixture = *state;
    pid_t children[3]; /* they race for creating the file, too */
    for (int i = 0; i < 3; i++) {
        children[i] = fork();
        if (children[i] == 0)
            put_users_and_exit(fixture->dir, (char)('a' + i));
    }
    fixture_open(fixture);
    for (int i = 0; i < CHANGES; i++)
        assert_int_equal(write_now(fixture->catalog, RETAINED(STR("t"), STR("v"), 0)), ERR_NONE);
    for (int i = 0; i < 3; i++)
        wait_for_success(children[i]);
    uint64_t count;
    ASSERT_OK(catalog_user_count(fixture->catalog, &count, &fixture->err), fixture->err);
    assert_int_equal(count, 3 * CHANGES);
    ASSERT_OK(catalog_check(fixture->catalog, &fixture->err), fixture->err);
}

static void test_a_change_by_another_process_is_seen(void **state)
{
    struct fixture *fixture = *state;
    int gate[2];
    assert_int_equal(pipe(gate), 0);
    pid_t child = fork(); /* before this process opens the catalog: SQLite does not survive a fork */
    if (child == 0) {
        char byte;
        if (read(gate[0], &byte, 1) != 1)
            _exit(1);
        put_users_and_exit(fixture->dir, 'x');
    }
    fixture_open(fixture);
    uint64_t before, after;
    ASSERT_OK(catalog_revision(fixture->catalog, &before, &fixture->err), fixture->err);
    assert_int_equal(write(gate[1], "", 1), 1);
    wait_for_success(child);
    close(gate[0]);
    close(gate[1]);
    ASSERT_OK(catalog_revision(fixture->catalog, &after, &fixture->err), fixture->err);
    assert_int_equal(after, before + CHANGES);
    struct catalog_user user;
    ASSERT_OK(catalog_user_get(fixture->catalog, STR("x0"), &user, &fixture->err), fixture->err);
    catalog_user_free(&user);
}

RUN_TESTS(WITH_DIR(test_only_the_owner_may_read_the_files),
          WITH_DIR(test_a_file_that_others_may_read_is_made_private),
          WITH_DIR(test_a_missing_directory_is_named), WITH_DIR(test_a_file_of_a_later_version_is_left_alone),
          WITH_DIR(test_a_database_of_another_program_is_left_alone),
          WITH_DIR(test_an_empty_file_becomes_a_catalog),
          WITH_DIR(test_a_log_without_its_file_is_not_thrown_away),
          WITH_DIR(test_a_file_that_is_no_database_is_corrupt), WITH_DIR(test_a_file_that_was_cut_is_corrupt),
          WITH_DIR(test_a_damaged_page_is_found_by_the_check),
          WITH_DIR(test_the_check_finds_what_a_foreign_tool_spoiled),
          WITH_DIR(test_processes_that_write_at_once_lose_nothing),
          WITH_DIR(test_a_change_by_another_process_is_seen))
