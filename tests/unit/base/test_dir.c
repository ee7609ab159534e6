/* Directories: what is synced, and what is said of one that is not there. */
#include "base/dir.h"
#include "harness.h"

static void test_a_directory_is_synced_and_one_that_is_not_there_is_named(void **state)
{
    (void)state;
    char dir[HARNESS_PATH_BYTES];
    struct error err;
    harness_make_dir(dir);
    ASSERT_OK(dir_sync(dir, &err), err);
    harness_remove_dir(dir);
    assert_false(dir_sync(dir, &err));
    assert_non_null(strstr(err.text, dir));
}

static void test_the_directory_of_a_path_is_synced(void **state)
{
    (void)state;
    char dir[HARNESS_PATH_BYTES], path[HARNESS_PATH_BYTES + 16];
    struct error err;
    harness_make_dir(dir);
    snprintf(path, sizeof(path), "%s/nobody", dir); /* the file itself is not asked for */
    ASSERT_OK(dir_sync_of(path, &err), err);
    ASSERT_OK(dir_sync_of("nobody", &err), err);
    ASSERT_OK(dir_sync_of("/nobody", &err), err);
    harness_remove_dir(dir);
    assert_false(dir_sync_of(path, &err));
    assert_non_null(strstr(err.text, dir));
}

RUN_TESTS(cmocka_unit_test(test_a_directory_is_synced_and_one_that_is_not_there_is_named),
          cmocka_unit_test(test_the_directory_of_a_path_is_synced))
