/* Another process through /proc: the test looks at itself. */
#include "harness.h"

#include "bench/proc_internal.h"
#include "bench/stream_internal.h"

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
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_listener_of_a_port_is_found),
        cmocka_unit_test(test_memory_is_known_of_what_runs_and_only_of_that),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
