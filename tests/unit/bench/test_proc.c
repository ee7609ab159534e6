/* Another process through /proc: the test looks at itself. */
#include "harness.h"

#include "bench/proc_internal.h"
#include "bench/stream_internal.h"

#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static void test_the_listener_of_a_port_is_found(void **state)
{
    (void)state;
    struct stream_address address;
    uint16_t port = 0;
    assert_true(stream_resolve(&address, "127.0.0.1", 0, NULL));
    int fd = stream_listen(&address, &port, NULL);
    assert_true(fd >= 0);
    assert_int_equal(proc_find_listener(port), getpid());
    close(fd);
    assert_int_equal(proc_find_listener(port), 0);
}

static void test_memory_is_known_of_what_runs_and_only_of_that(void **state)
{
    (void)state;
    assert_true(proc_rss_bytes(getpid()) > 100000);
    assert_int_equal(proc_rss_bytes(0), 0);
    assert_int_equal(proc_rss_bytes(INT32_MAX), 0);
    assert_true(proc_anonymous_bytes(getpid()) > 0);
    assert_true(proc_anonymous_bytes(getpid()) <= proc_rss_bytes(getpid()));
    assert_int_equal(proc_anonymous_bytes(0), 0);
}

static void test_the_peak_of_memory_begins_again_when_it_is_reset(void **state)
{
    (void)state;
    size_t bytes = (size_t)64 << 20;
    char *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(block != MAP_FAILED);
    memset(block, 1, bytes);
    munmap(block, bytes);
    uint64_t peak = proc_peak_bytes(getpid());
    assert_true(peak >= proc_rss_bytes(getpid()) + bytes / 2);
    proc_peak_reset(getpid());
    assert_true(proc_peak_bytes(getpid()) <= peak - bytes / 2);
    assert_int_equal(proc_peak_bytes(0), 0);
    proc_peak_reset(0);
}

static void test_the_time_of_the_processors_is_that_of_all_threads(void **state)
{
    (void)state;
    struct timespec used;
    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    while (used.tv_sec == 0 && used.tv_nsec < 100000000);
    double told = proc_cpu_seconds(getpid());
    assert_true(told >= 0.05 && told <= (double)used.tv_sec + (double)used.tv_nsec / 1e9 + 0.5);
    assert_true(proc_cpu_seconds(0) <= 0);
    assert_true(proc_cpu_seconds(INT32_MAX) <= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_listener_of_a_port_is_found),
        cmocka_unit_test(test_memory_is_known_of_what_runs_and_only_of_that),
        cmocka_unit_test(test_the_peak_of_memory_begins_again_when_it_is_reset),
        cmocka_unit_test(test_the_time_of_the_processors_is_that_of_all_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
