/* Whole files: limits when reading, all or nothing when writing. */
#include "base/buf.h"
#include "base/thread.h"
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char dir[HARNESS_PATH_BYTES];

static int make_dir(void **state)
{
    (void)state;
    harness_make_dir(dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    harness_remove_dir(dir);
    return 0;
}

static const char *path_of(const char *name)
{
    static char path[HARNESS_PATH_BYTES + 64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static size_t count_files(void)
{
    DIR *open_dir = opendir(dir);
    assert_non_null(open_dir);
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(open_dir)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(open_dir);
    return count;
}

static void put_file(const char *name, const char *content)
{
    struct error err;
    struct buf buf = {0};
    buf_append_str(&buf, str_of(content));
    ASSERT_OK(buf_write_file(&buf, path_of(name), 0644, &err), err);
    buf_free(&buf);
}

static void assert_file(const char *name, const char *content)
{
    struct error err;
    struct buf buf = {0};
    ASSERT_OK(buf_read_file(&buf, path_of(name), 1 << 20, &err), err);
    assert_string_equal(buf_cstr(&buf), content);
    buf_free(&buf);
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 300000};
    TABLE_EACH(size, sizes)
    {
        struct error err;
        struct buf out = {0}, in = {0};
        for (size_t i = 0; i < *size; i++)
            buf_append_byte(&out, (uint8_t)(i * 7 >> 3));
        ASSERT_OK(buf_write_file(&out, path_of("file"), 0644, &err), err);
        ASSERT_OK(buf_read_file(&in, path_of("file"), *size, &err), err);
        CHECK(str_equal(buf_str(&in), buf_str(&out)), "%zu bytes", *size);
        buf_free(&out);
        buf_free(&in);
    }
}

static void test_reading_appends_and_on_failure_leaves_the_buffer(void **state)
{
    (void)state;
    struct error err;
    struct buf buf = {0};
    put_file("file", "content");
    buf_append_str(&buf, STR("before "));
    ASSERT_FAILS(buf_read_file(&buf, path_of("file"), 6, &err), err, ERR_TOO_LARGE);
    assert_string_equal(buf_cstr(&buf), "before ");
    ASSERT_OK(buf_read_file(&buf, path_of("file"), 7, &err), err);
    assert_string_equal(buf_cstr(&buf), "before content");
    buf_free(&buf);
}

static void test_reading_limits(void **state)
{
    (void)state;
    struct error err;
    struct buf buf = {0};
    put_file("file", "x");
    put_file("empty", "");
    ASSERT_FAILS(buf_read_file(&buf, path_of("file"), 0, &err), err, ERR_TOO_LARGE);
    ASSERT_OK(buf_read_file(&buf, path_of("empty"), 0, &err), err);
    ASSERT_OK(buf_read_file(&buf, path_of("file"), SIZE_MAX, &err), err);
    ASSERT_FAILS(buf_read_file(&buf, "/dev/zero", 100000, &err), err, ERR_TOO_LARGE);
    assert_int_equal(buf.len, 1);
    buf_free(&buf);
}

static void test_reading_names_the_path_in_errors(void **state)
{
    (void)state;
    struct error err;
    struct buf buf = {0};
    ASSERT_FAILS(buf_read_file(&buf, "/nowhere/file", 10, &err), err, ERR_NOT_FOUND);
    assert_string_equal(err.text, "open /nowhere/file: No such file or directory");
    ASSERT_FAILS(buf_read_file(&buf, dir, 10, &err), err, ERR_IO);
    assert_non_null(strstr(err.text, dir));
    buf_free(&buf);
}

static void test_a_file_without_a_size_is_read_to_its_end(void **state)
{
    (void)state;
    struct error err;
    struct buf buf = {0};
    ASSERT_OK(buf_read_file(&buf, "/proc/self/stat", 1 << 20, &err), err);
    assert_true(buf.len > 0);
    buf_free(&buf);
}

static void test_writing_replaces_and_leaves_nothing_beside(void **state)
{
    (void)state;
    put_file("file", "a longer first content");
    put_file("file", "second");
    assert_file("file", "second");
    assert_int_equal(count_files(), 1);
}

static void test_writing_sets_the_mode_whatever_the_umask(void **state)
{
    (void)state;
    static const unsigned modes[] = {0600, 0640, 0644, 0666};
    mode_t former = umask(0077);
    TABLE_EACH(mode, modes)
    {
        struct error err;
        struct buf buf = {0};
        struct stat info;
        ASSERT_OK(buf_write_file(&buf, path_of("file"), *mode, &err), err);
        assert_int_equal(stat(path_of("file"), &info), 0);
        CHECK((info.st_mode & 07777) == *mode, "mode %o", *mode);
    }
    umask(former);
}

static void test_writing_into_the_working_directory(void **state)
{
    (void)state;
    struct error err;
    struct buf buf = {0};
    int here = open(".", O_RDONLY | O_DIRECTORY);
    assert_int_equal(chdir(dir), 0);
    buf_append_str(&buf, STR("bare name"));
    ASSERT_OK(buf_write_file(&buf, "bare", 0644, &err), err);
    assert_int_equal(fchdir(here), 0);
    close(here);
    assert_file("bare", "bare name");
    buf_free(&buf);
}

static void test_writing_to_no_directory_fails(void **state)
{
    (void)state;
    struct error err;
    struct buf buf = {0};
    ASSERT_FAILS(buf_write_file(&buf, "/nowhere/file", 0644, &err), err, ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nowhere/file"));
}

static void test_a_failed_rename_leaves_nothing_beside(void **state)
{
    (void)state;
    struct error err;
    struct buf buf = {0};
    assert_int_equal(mkdir(path_of("taken"), 0755), 0);
    ASSERT_FAILS(buf_write_file(&buf, path_of("taken"), 0644, &err), err, ERR_IO);
    assert_int_equal(count_files(), 1);
}

static void test_a_failed_write_leaves_the_former_file(void **state)
{
    (void)state;
    struct error err;
    struct buf buf = {0};
    struct rlimit former;
    put_file("file", "former");
    buf_reserve(&buf, 100000);
    memset(buf.data, 'x', 100000);
    buf.len = 100000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &former), 0);
    const struct rlimit little = {4096, former.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    bool written = buf_write_file(&buf, path_of("file"), 0644, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &former), 0);
    assert_false(written);
    assert_int_equal(err.code, ERR_IO);
    assert_file("file", "former");
    assert_int_equal(count_files(), 1);
    buf_free(&buf);
}

#define SHARED_BYTES 200000

static atomic_bool writer_done;

static void *write_in_turns(void *arg)
{
    const char *path = arg;
    struct buf buf = {0};
    buf_reserve(&buf, SHARED_BYTES);
    buf.len = SHARED_BYTES;
    for (int round = 0; round < 30; round++) {
        memset(buf.data, 'a' + round % 26, SHARED_BYTES);
        buf_write_file(&buf, path, 0644, NULL);
    }
    buf_free(&buf);
    atomic_store(&writer_done, true);
    return NULL;
}

static void test_a_reader_sees_one_content_or_the_other(void **state)
{
    (void)state;
    char path[HARNESS_PATH_BYTES + 64];
    struct error err;
    struct buf buf = {0};
    pthread_t writer;
    snprintf(path, sizeof path, "%s", path_of("shared"));
    buf_reserve(&buf, SHARED_BYTES);
    memset(buf.data, 'z', SHARED_BYTES);
    buf.len = SHARED_BYTES;
    ASSERT_OK(buf_write_file(&buf, path, 0644, &err), err);
    ASSERT_OK(thread_start(&writer, "writer", write_in_turns, path, &err), err);
    bool whole = true;
    do {
        buf_reset(&buf);
        whole = whole && buf_read_file(&buf, path, SHARED_BYTES, &err) && buf.len == SHARED_BYTES &&
                memcmp(buf.data, buf.data + 1, SHARED_BYTES - 1) == 0;
    } while (!atomic_load(&writer_done));
    pthread_join(writer, NULL);
    assert_true(whole);
    buf_free(&buf);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

RUN_TESTS(IN_DIR(test_what_is_written_is_read), IN_DIR(test_reading_appends_and_on_failure_leaves_the_buffer),
          IN_DIR(test_reading_limits), IN_DIR(test_reading_names_the_path_in_errors),
          IN_DIR(test_a_file_without_a_size_is_read_to_its_end),
          IN_DIR(test_writing_replaces_and_leaves_nothing_beside),
          IN_DIR(test_writing_sets_the_mode_whatever_the_umask),
          IN_DIR(test_writing_into_the_working_directory), IN_DIR(test_writing_to_no_directory_fails),
          IN_DIR(test_a_failed_rename_leaves_nothing_beside),
          IN_DIR(test_a_failed_write_leaves_the_former_file),
          IN_DIR(test_a_reader_sees_one_content_or_the_other))
