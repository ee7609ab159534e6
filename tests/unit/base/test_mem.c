/* The seam for memory: what fails when, and how the process ends when memory has run out. */
#include "base/mem.h"

#include "base/log.h"
#include "harness.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* Sanitizers' allocators answer NULL to a request that cannot be met, as the C library's does. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* Volatile, so that no compiler leaves out an allocation whose block is not used. */
static volatile size_t too_much_bytes = (size_t)1 << 62;
static void *volatile block_seen;

static void test_alloc_of_nothing_is_a_block(void **state)
{
    (void)state;
    void *blocks[] = {
        mem_alloc(0),    mem_zalloc(0), mem_realloc(NULL, 0), mem_try_alloc(0), mem_try_realloc(NULL, 0),
        mem_dup(NULL, 0)};
    for (size_t i = 0; i < LENGTH(blocks); i++) {
        CHECK(blocks[i] != NULL, "block %zu", i);
        mem_free(blocks[i]);
    }
    mem_free(NULL);
}

static void test_zalloc_is_zeroed(void **state)
{
    (void)state;
    static const unsigned char zeros[1000];
    unsigned char *block = mem_zalloc(sizeof zeros);
    assert_memory_equal(block, zeros, sizeof zeros);
    mem_free(block);
}

static void test_realloc_keeps_the_content(void **state)
{
    (void)state;
    char *block = mem_realloc(mem_strdup("varve"), 1 << 20);
    assert_string_equal(block, "varve");
    block = mem_try_realloc(block, 6);
    assert_string_equal(block, "varve");
    mem_free(block);
}

static void test_copies_are_copies(void **state)
{
    (void)state;
    char text[] = "station";
    char *copy = mem_strdup(text);
    unsigned char *bytes = mem_dup("a\0b", 3);
    text[0] = 'X';
    assert_string_equal(copy, "station");
    assert_memory_equal(bytes, "a\0b", 3);
    mem_free(copy);
    mem_free(bytes);
}

static void test_a_copy_of_nothing_is_nothing(void **state)
{
    (void)state;
    char text[] = "station";
    char *copy = mem_strdup_or_null(text);
    text[0] = 'X';
    assert_string_equal(copy, "station");
    assert_null(mem_strdup_or_null(NULL));
    mem_free(copy);
}

static void test_wipe_overwrites_with_zeros(void **state)
{
    (void)state;
    char secret[] = "hunter2!";
    mem_wipe(secret, 7);
    assert_memory_equal(secret, "\0\0\0\0\0\0\0!", 9);
    mem_wipe(NULL, 0);
}

static void test_fail_at_fails_the_nth_call_and_no_other(void **state)
{
    (void)state;
    for (unsigned long n = 1; n <= 5; n++) {
        mem_fail_at(n);
        for (unsigned long call = 1; call <= 8; call++) {
            void *block = call % 2 ? mem_try_alloc(10) : mem_try_realloc(NULL, 10);
            CHECK((block == NULL) == (call == n), "call %lu, to fail at %lu", call, n);
            mem_free(block);
        }
    }
}

static void test_fail_at_zero_switches_off(void **state)
{
    (void)state;
    mem_fail_at(1);
    mem_fail_at(0);
    void *block = mem_try_alloc(10);
    assert_non_null(block);
    mem_free(block);
}

static void test_fail_from_fails_the_nth_call_and_all_behind_it(void **state)
{
    (void)state;
    mem_fail_from(2);
    for (unsigned call = 1; call <= 4; call++) {
        void *block = mem_try_alloc(8);
        CHECK((block == NULL) == (call >= 2), "call %u", call);
        mem_free(block);
    }
    mem_fail_at(0);
    void *block = mem_try_alloc(8);
    assert_non_null(block);
    mem_free(block);
}

static void test_fail_at_leaves_mem_alloc_alone(void **state)
{
    (void)state;
    mem_fail_at(1);
    void *block = mem_realloc(mem_alloc(10), 20);
    void *zeroed = mem_zalloc(10);
    assert_null(mem_try_alloc(10));
    mem_free(block);
    mem_free(zeroed);
}

static void test_failed_realloc_leaves_the_block(void **state)
{
    (void)state;
    char *block = mem_strdup("kept");
    mem_fail_at(1);
    assert_null(mem_try_realloc(block, 1000));
    assert_string_equal(block, "kept");
    assert_null(mem_try_realloc(block, too_much_bytes));
    assert_string_equal(block, "kept");
    mem_free(block);
}

static void test_try_alloc_of_too_much_is_null(void **state)
{
    (void)state;
    block_seen = mem_try_alloc(too_much_bytes);
    assert_null(block_seen);
}

static void run_out_by_alloc(void)
{
    block_seen = mem_alloc(too_much_bytes);
}

static void run_out_by_zalloc(void)
{
    block_seen = mem_zalloc(too_much_bytes);
}

static void run_out_by_realloc(void)
{
    block_seen = mem_realloc(mem_alloc(1), too_much_bytes);
}

static void test_running_out_logs_a_line_and_aborts(void **state)
{
    (void)state;
    static void (*const ways[])(void) = {run_out_by_alloc, run_out_by_zalloc, run_out_by_realloc};
    for (size_t i = 0; i < LENGTH(ways); i++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            const struct rlimit no_core = {0, 0};
            setrlimit(RLIMIT_CORE, &no_core);
            signal(SIGABRT, SIG_DFL);
            close(STDERR_FILENO); /* the sanitizers' own words */
            log_set_fd(ends[1]);
            ways[i]();
            _exit(0);
        }
        close(ends[1]);
        char line[400] = "";
        ssize_t len = read(ends[0], line, sizeof line - 1);
        close(ends[0]);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "way %zu: status %d", i, status);
        CHECK(len > 0 && strstr(line, " error out of memory bytes=4611686018427387904\n") != NULL,
              "way %zu: %s", i, line);
    }
}

RUN_TESTS(cmocka_unit_test(test_alloc_of_nothing_is_a_block), cmocka_unit_test(test_zalloc_is_zeroed),
          cmocka_unit_test(test_realloc_keeps_the_content), cmocka_unit_test(test_copies_are_copies),
          cmocka_unit_test(test_a_copy_of_nothing_is_nothing),
          cmocka_unit_test(test_wipe_overwrites_with_zeros),
          cmocka_unit_test(test_fail_at_fails_the_nth_call_and_no_other),
          cmocka_unit_test(test_fail_at_zero_switches_off),
          cmocka_unit_test(test_fail_from_fails_the_nth_call_and_all_behind_it),
          cmocka_unit_test(test_fail_at_leaves_mem_alloc_alone),
          cmocka_unit_test(test_failed_realloc_leaves_the_block),
          cmocka_unit_test(test_try_alloc_of_too_much_is_null),
          cmocka_unit_test(test_running_out_logs_a_line_and_aborts))
