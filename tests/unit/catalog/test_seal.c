/* The seal: damage to a closed catalog is found at the next opening, whatever byte it hits. */
#include "fixture.h"

#include <fcntl.h>
#include <sys/wait.h>

static const char *in_dir(const struct fixture *fixture, const char *name, char out[HARNESS_PATH_BYTES + 32])
{
    snprintf(out, HARNESS_PATH_BYTES + 32, "%s/%s", fixture->dir, name);
    return out;
}

#define IN_DIR(fixture, name) in_dir(fixture, name, (char[HARNESS_PATH_BYTES + 32]){0})

static bool is_sealed(const struct fixture *fixture)
{
    return access(IN_DIR(fixture, "catalog.seal"), F_OK) == 0;
}

static void fill_and_close(struct fixture *fixture)
{
    fixture_open(fixture);
    for (int i = 0; i < 100; i++) {
        char name[32];
        snprintf(name, sizeof name, "topic/%03d", i);
        assert_int_equal(write_now(fixture->catalog, RETAINED(str_of(name), STR("a value"), 0)), ERR_NONE);
    }
    catalog_close(fixture->catalog);
    fixture->catalog = NULL;
}

static void flip(const char *path, off_t at, uint8_t bit)
{
    uint8_t byte;
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= bit;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static off_t size_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_size;
}

/* Each in turn, and mended again. `step`: not every byte of a large file. */
static void expect_damage_found(struct fixture *fixture, const char *path, off_t step)
{
    off_t size = size_of(path);
    assert_true(size > 0);
    for (off_t at = 0; at < size; at += step) {
        uint8_t bit = (uint8_t)(1u << (at % 8));
        flip(path, at, bit);
        struct catalog *catalog = catalog_open(fixture->dir, &fixture->err);
        CHECK(catalog == NULL, "%s: byte %lld", path, (long long)at);
        assert_int_equal(fixture->err.code, ERR_CORRUPT);
        assert_true(is_sealed(fixture)); /* it is found again, not forgotten */
        flip(path, at, bit);
    }
}

static void test_a_flipped_bit_anywhere_is_found(void **state)
{
    struct fixture *fixture = *state;
    fill_and_close(fixture);
    expect_damage_found(fixture, fixture->path, 37);
    expect_damage_found(fixture, IN_DIR(fixture, "catalog.seal"), 1);
    fixture_open(fixture); /* mended, it opens */
}

static void test_a_lost_file_does_not_become_an_empty_catalog(void **state)
{
    struct fixture *fixture = *state;
    fill_and_close(fixture);
    assert_int_equal(unlink(fixture->path), 0);
    ASSERT_FAILS(catalog_open(fixture->dir, &fixture->err) != NULL, fixture->err, ERR_CORRUPT);
    assert_non_null(strstr(fixture->err.hint, "remove catalog.seal"));
    fixture_forget_seal(fixture);
    fixture_open(fixture);
}

static void test_the_last_to_close_seals(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    assert_false(is_sealed(fixture));
    struct catalog *other = catalog_open(fixture->dir, &fixture->err);
    assert_non_null(other);
    catalog_close(other);
    assert_false(is_sealed(fixture));
    catalog_close(fixture->catalog);
    assert_true(is_sealed(fixture));
    fixture_open(fixture);
    assert_false(is_sealed(fixture));
}

static void test_after_a_crash_there_is_no_seal_and_it_opens(void **state)
{
    struct fixture *fixture = *state;
    fill_and_close(fixture);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fixture->catalog = catalog_open(fixture->dir, &fixture->err);
        _exit(fixture->catalog != NULL &&
                      write_now(fixture->catalog, RETAINED(STR("topic/new"), STR("x"), 0)) == ERR_NONE
                  ? 0
                  : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_false(is_sealed(fixture));
    fixture_open(fixture);
}

static void test_a_catalog_that_does_not_open_is_not_sealed(void **state)
{
    struct fixture *fixture = *state;
    int fd = open(fixture->path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "this is no catalog at all, and long enough", 42), 42);
    close(fd);
    ASSERT_FAILS(catalog_open(fixture->dir, &fixture->err) != NULL, fixture->err, ERR_CORRUPT);
    assert_false(is_sealed(fixture));
}

RUN_TESTS(WITH_DIR(test_a_flipped_bit_anywhere_is_found),
          WITH_DIR(test_a_lost_file_does_not_become_an_empty_catalog), WITH_DIR(test_the_last_to_close_seals),
          WITH_DIR(test_after_a_crash_there_is_no_seal_and_it_opens),
          WITH_DIR(test_a_catalog_that_does_not_open_is_not_sealed))
