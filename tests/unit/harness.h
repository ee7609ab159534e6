/* What unit tests share: cmocka, tables, errors, a seed, a directory to write in.
 *
 *     static void test_port_is_a_number(void **state) { … }
 *
 *     RUN_TESTS(cmocka_unit_test(test_port_is_a_number))
 *
 * cmocka's asserts leave by longjmp: use them on the test's own thread only. */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include "base/error.h"
#include "base/random.h"

#include <ftw.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define RUN_TESTS(...)                                    \
    int main(void)                                        \
    {                                                     \
        const struct CMUnitTest tests[] = {__VA_ARGS__};  \
        return cmocka_run_group_tests(tests, NULL, NULL); \
    }

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* for each row of a table: `TABLE_EACH(row, rows) CHECK(f(row->input) == row->output, "%s", row->input);` */
#define TABLE_EACH(row, table) \
    for (const __typeof__((table)[0]) *row = (table); row != (table) + LENGTH(table); row++)

/* Fails the test if the condition is false, and says which row of a table or step of a loop it was. */
#define CHECK(condition, ...)                 \
    do {                                      \
        if (!(condition)) {                   \
            print_error("with " __VA_ARGS__); \
            print_error("\n");                \
            fail_msg("%s", #condition);       \
        }                                     \
    } while (0)

/* `call` is handed &err. */
#define ASSERT_OK(call, err)                       \
    do {                                           \
        if (!(call))                               \
            fail_msg("%s: %s", #call, (err).text); \
    } while (0)

#define ASSERT_FAILS(call, err, expected)                                                                 \
    do {                                                                                                  \
        (err).code = ERR_NONE;                                                                            \
        if (call)                                                                                         \
            fail_msg("%s succeeded", #call);                                                              \
        if ((err).code != (expected))                                                                     \
            fail_msg("%s: %s, not %s: %s", #call, error_code_name((err).code), error_code_name(expected), \
                     (err).text);                                                                         \
    } while (0)

/* How many histories a random test goes through: VARVE_HISTORIES, as `make histories` sets it, or `otherwise`. */
static inline unsigned harness_histories(unsigned otherwise)
{
    const char *given = getenv("VARVE_HISTORIES");
    return given != NULL ? (unsigned)strtoul(given, NULL, 10) : otherwise;
}

/* The seed of a random test: VARVE_SEED, or a fresh one. Printed, so that a failure can be repeated. */
static inline uint64_t harness_seed(void)
{
    const char *given = getenv("VARVE_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : random_u64();
    print_message("VARVE_SEED=%" PRIu64 "\n", seed);
    return seed;
}

#define HARNESS_PATH_BYTES 256

/* Makes an empty directory; `path` has HARNESS_PATH_BYTES. */
static inline void harness_make_dir(char *path)
{
    const char *base = getenv("TMPDIR");
    snprintf(path, HARNESS_PATH_BYTES, "%s/varve-test-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(path));
}

static inline int harness_remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

/* Removes the directory with all that is in it. */
static inline void harness_remove_dir(const char *path)
{
    nftw(path, harness_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
