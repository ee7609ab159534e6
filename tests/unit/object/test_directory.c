/* A directory keeps every promise of an object store, and some of its own: names, other processes, what crashes leave. */
#include "base/clock.h"
#include "base/thread.h"
#include "object/config.h"
#include "object/conformance.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char root[HARNESS_PATH_BYTES];

static struct object_store *open_store(void)
{
    struct object_config config;
    struct error err;
    object_config_init(&config);
    config.kind = OBJECT_DIRECTORY;
    config.name = strdup("local");
    config.path = strdup(root);
    struct object_store *store = object_store_open(&config, &err);
    if (store == NULL)
        fail_msg("%s", err.text);
    object_config_free(&config);
    return store;
}

static int make_root(void **state)
{
    (void)state;
    harness_make_dir(root);
    return 0;
}

static int remove_root(void **state)
{
    (void)state;
    harness_remove_dir(root);
    return 0;
}

static bool is_file(const char *path)
{
    char whole[2 * HARNESS_PATH_BYTES];
    struct stat info;
    snprintf(whole, sizeof whole, "%s/%s", root, path);
    return stat(whole, &info) == 0 && S_ISREG(info.st_mode);
}

static void test_objects_are_files_of_their_name(void **state)
{
    (void)state;
    struct error err;
    struct object_store *store = open_store();
    ASSERT_OK(
        object_put(store, STR("varve"), STR("stations/t/data/0.parquet"), STR("x"), OBJECT_ALWAYS, &err),
        err);
    assert_true(is_file("varve/stations/t/data/0.parquet"));
    object_store_close(store);
}

static void test_an_object_gives_way_to_a_directory_of_its_name(void **state)
{
    (void)state;
    struct error err;
    struct buf got = {0};
    struct object_store *store = open_store();
    ASSERT_OK(object_put(store, STR("varve"), STR("a"), STR("file"), OBJECT_ALWAYS, &err), err);
    ASSERT_OK(object_put(store, STR("varve"), STR("a/b"), STR("below"), OBJECT_ALWAYS, &err), err);
    assert_true(is_file("varve/a%o"));
    assert_true(is_file("varve/a/b"));
    ASSERT_FAILS(object_put(store, STR("varve"), STR("a"), STR("new"), OBJECT_IF_NONE, &err), err,
                 ERR_EXISTS);
    ASSERT_OK(object_put(store, STR("varve"), STR("a"), STR("again"), OBJECT_ALWAYS, &err), err);
    ASSERT_OK(object_get(store, STR("varve"), STR("a"), NULL, &got, &err), err);
    assert_true(str_is(buf_str(&got), "again"));
    ASSERT_OK(object_delete(store, STR("varve"), STR("a/b"), &err), err);
    buf_reset(&got);
    ASSERT_OK(object_get(store, STR("varve"), STR("a"), NULL, &got, &err), err);
    ASSERT_OK(object_delete(store, STR("varve"), STR("a"), &err), err);
    assert_false(is_file("varve/a%o"));
    buf_free(&got);
    object_store_close(store);
}

static void test_empty_directories_do_not_stay(void **state)
{
    (void)state;
    struct error err;
    struct object_store *store = open_store();
    ASSERT_OK(object_put(store, STR("varve"), STR("a/b/c"), STR("x"), OBJECT_ALWAYS, &err), err);
    ASSERT_OK(object_delete(store, STR("varve"), STR("a/b/c"), &err), err);
    char path[2 * HARNESS_PATH_BYTES];
    snprintf(path, sizeof path, "%s/varve/a", root);
    assert_int_equal(access(path, F_OK), -1);
    object_store_close(store);
}

static void test_links_and_foreign_files_are_no_objects(void **state)
{
    (void)state;
    struct error err;
    struct buf got = {0};
    struct object_store *store = open_store();
    char path[2 * HARNESS_PATH_BYTES];
    ASSERT_OK(object_put(store, STR("varve"), STR("z"), STR("x"), OBJECT_ALWAYS, &err), err);
    snprintf(path, sizeof path, "%s/varve/passwd", root);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    snprintf(path, sizeof path, "%s/varve/etc", root);
    assert_int_equal(symlink("/etc", path), 0);
    snprintf(path, sizeof path, "%s/varve/%%foreign", root);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    snprintf(path, sizeof path, "%s/varve/pipe", root);
    assert_int_equal(mkfifo(path, 0600), 0);
    ASSERT_FAILS(object_get(store, STR("varve"), STR("passwd"), NULL, &got, &err), err, ERR_NOT_FOUND);
    ASSERT_FAILS(object_get(store, STR("varve"), STR("pipe"), NULL, &got, &err), err, ERR_NOT_FOUND);
    struct object_request list = {.op = OBJECT_LIST, .bucket = STR("varve")};
    ASSERT_OK(object_wait(store, &list, &err), err);
    assert_int_equal(list.list_count, 1);
    object_request_free(&list);
    object_store_close(store);
}

/* ---- Other processes --------------------------------------------------------------------------------------- */

#define PROCESSES 6
#define CREATIONS 40

/* Creates what it can of a row of keys; the exit code is how many. */
static int create_row(void)
{
    struct error err;
    struct object_store *store = open_store();
    int won = 0;
    for (int i = 0; i < CREATIONS; i++) {
        char key[32];
        snprintf(key, sizeof key, "row/%d/v%d", i % 5, i);
        if (object_put(store, STR("varve"), str_of(key), str_of(key), OBJECT_IF_NONE, &err)) {
            won++;
        } else if (err.code != ERR_EXISTS) {
            print_error("%s\n", err.text);
            won = 250;
            break;
        }
    }
    object_store_close(store);
    return won;
}

static void test_of_several_processes_one_creates_each(void **state)
{
    (void)state;
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0)
            _exit(create_row());
    }
    int won = 0;
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        won += WEXITSTATUS(status);
    }
    assert_int_equal(won, CREATIONS);
}

/* Readers see each key all the time while its neighbours come and go, and with them its directory's name. */
static void test_an_object_is_seen_while_it_moves(void **state)
{
    (void)state;
    struct error err;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct object_store *other = open_store();
        for (int i = 0; i < 60; i++) {
            char key[32];
            snprintf(key, sizeof key, "k%d", i);
            bool ok = object_put(other, STR("varve"), str_of(key), STR("x"), OBJECT_ALWAYS, &err);
            snprintf(key, sizeof key, "k%d/below", i);
            if (!ok || !object_put(other, STR("varve"), str_of(key), STR("y"), OBJECT_ALWAYS, &err))
                _exit(1);
        }
        object_store_close(other);
        _exit(0);
    }
    struct object_store *store = open_store();
    int seen = 0;
    int status = 0;
    for (bool running = true; running;) {
        running = waitpid(child, &status, WNOHANG) == 0;
        struct buf got = {0};
        char key[32];
        snprintf(key, sizeof key, "k%d", seen);
        if (object_get(store, STR("varve"), str_of(key), NULL, &got, &err))
            seen++;
        buf_free(&got);
        for (int i = 0; i < seen; i++) {
            struct buf again = {0};
            snprintf(key, sizeof key, "k%d", i);
            ASSERT_OK(object_get(store, STR("varve"), str_of(key), NULL, &again, &err), err);
            buf_free(&again);
        }
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    object_store_close(store);
}

/* ---- Crashes ----------------------------------------------------------------------------------------------- */

/* At each point where a PUT can die, the key holds the former bytes or the whole new ones, and a sweep removes the rest. */
static void test_a_crash_leaves_the_former_or_the_whole_object(void **state)
{
    (void)state;
    static const char *const points[] = {"object.written:1", "object.before_name:1", "object.after_name:1"};
    static const enum object_condition conditions[] = {OBJECT_ALWAYS, OBJECT_IF_NONE};
    for (size_t i = 0; i < LENGTH(points) * LENGTH(conditions); i++) {
        const char *point = points[i % LENGTH(points)];
        enum object_condition condition = conditions[i / LENGTH(points)];
        struct error err;
        char key[32];
        snprintf(key, sizeof key, "crash/%zu", i);
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            setenv("VARVE_FAULT", point, 1);
            execl("/proc/self/exe", "test", root, key, condition == OBJECT_IF_NONE ? "once" : "always", NULL);
            _exit(1);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        CHECK(WIFSIGNALED(status), "%s", point);
        struct object_store *store = open_store();
        struct buf got = {0};
        bool there = object_get(store, STR("varve"), str_of(key), NULL, &got, &err);
        CHECK(there == (strcmp(point, "object.after_name:1") == 0), "%s", point);
        if (there)
            assert_true(str_is(buf_str(&got), "whole"));
        size_t ended;
        ASSERT_OK(object_sweep(store, STR("varve"), STR_NONE, -60000, &ended, &err), err);
        assert_int_equal(ended, there ? 0 : 1);
        ASSERT_OK(object_put(store, STR("varve"), str_of(key), STR("next"), OBJECT_ALWAYS, &err), err);
        buf_free(&got);
        object_store_close(store);
    }
}

static void test_a_sweep_leaves_what_is_young(void **state)
{
    (void)state;
    struct error err;
    struct object_store *store = open_store();
    ASSERT_OK(object_put(store, STR("varve"), STR("a"), STR("x"), OBJECT_ALWAYS, &err), err);
    char path[2 * HARNESS_PATH_BYTES];
    snprintf(path, sizeof path, "%s/varve/%%tmp/0000000000000001", root);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    size_t ended;
    ASSERT_OK(object_sweep(store, STR("varve"), STR_NONE, 3600000, &ended, &err), err);
    assert_int_equal(ended, 0);
    struct timespec old[2] = {{.tv_sec = clock_wall_ms() / 1000 - 7200},
                              {.tv_sec = clock_wall_ms() / 1000 - 7200}};
    assert_int_equal(futimens(fd, old), 0);
    close(fd);
    ASSERT_OK(object_sweep(store, STR("varve"), STR_NONE, 3600000, &ended, &err), err);
    assert_int_equal(ended, 1);
    object_store_close(store);
}

/* ---- Refusals ---------------------------------------------------------------------------------------------- */

static void test_a_root_that_is_a_file_is_refused(void **state)
{
    (void)state;
    struct object_config config;
    struct error err;
    object_config_init(&config);
    config.kind = OBJECT_DIRECTORY;
    ASSERT_FAILS(object_store_open(&config, &err) != NULL, err, ERR_INVALID);
    assert_non_null(strstr(err.text, "path"));
    config.path = strdup("/dev/null");
    ASSERT_FAILS(object_store_open(&config, &err) != NULL, err, ERR_INVALID);
    object_config_free(&config);
}

struct ended {
    struct object_request request; /* first */
    bool closed;
    bool done;
};

static void note_end(struct object_request *request, const struct error *err)
{
    struct ended *ended = (struct ended *)(void *)request;
    ended->done = true;
    ended->closed = err != NULL && err->code == ERR_CLOSED;
}

static void test_closing_ends_what_waits(void **state)
{
    (void)state;
    struct error err;
    struct object_store *store = open_store();
    struct ended *all = calloc(500, sizeof *all);
    assert_non_null(all);
    for (size_t i = 0; i < 500; i++) {
        all[i].request = (struct object_request){
            .op = OBJECT_PUT, .bucket = STR("varve"), .key = STR("same"), .body = STR("x"), .done = note_end};
        ASSERT_OK(object_start(store, &all[i].request, &err), err);
    }
    object_store_close(store);
    size_t closed = 0;
    for (size_t i = 0; i < 500; i++) {
        assert_true(all[i].done);
        closed += all[i].closed;
        object_request_free(&all[i].request);
    }
    assert_true(closed > 0);
    free(all);
}

/* The process that dies: `test ROOT KEY once|always`. */
static int put_one(char **argv)
{
    struct error err;
    snprintf(root, sizeof root, "%s", argv[1]);
    struct object_store *store = open_store();
    bool ok = object_put(store, STR("varve"), str_of(argv[2]), STR("whole"),
                         strcmp(argv[3], "once") == 0 ? OBJECT_IF_NONE : OBJECT_ALWAYS, &err);
    object_store_close(store);
    return ok ? 0 : 1;
}

#define OWN(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)

int main(int argc, char **argv)
{
    if (argc == 4)
        return put_one(argv);
    harness_make_dir(root);
    struct object_store *store = open_store();
    int failed = conformance_run(&(struct conformance){.what = "directory",
                                                       .store = store,
                                                       .bucket = STR("conformance"),
                                                       .bucket_is_made = true,
                                                       .checks_crc = true});
    object_store_close(store);
    harness_remove_dir(root);
    const struct CMUnitTest own[] = {
        OWN(test_objects_are_files_of_their_name),
        OWN(test_an_object_gives_way_to_a_directory_of_its_name),
        OWN(test_empty_directories_do_not_stay),
        OWN(test_links_and_foreign_files_are_no_objects),
        OWN(test_of_several_processes_one_creates_each),
        OWN(test_an_object_is_seen_while_it_moves),
        OWN(test_a_crash_leaves_the_former_or_the_whole_object),
        OWN(test_a_sweep_leaves_what_is_young),
        OWN(test_a_root_that_is_a_file_is_refused),
        OWN(test_closing_ends_what_waits),
    };
    return failed + cmocka_run_group_tests(own, NULL, NULL);
}
