/* What a service manager is told, through a socket as it listens on. */
#include "cli/notify.h"

#include "base/log.h"

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct manager {
    int fd;
    char name[108]; /* for NOTIFY_SOCKET */
};

/* In the abstract name space, or in the file system. */
static void manager_open(struct manager *manager, bool abstract)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(manager->name, sizeof(manager->name), "%s/tmp/varve-notify-%ld", abstract ? "@" : "",
             (long)getpid());
    unlink(manager->name);
    size_t len = strlen(manager->name);
    memcpy(address.sun_path, manager->name, len);
    if (abstract)
        address.sun_path[0] = '\0';
    manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (abstract ? 0 : 1));
    assert_int_equal(bind(manager->fd, (struct sockaddr *)&address, address_len), 0);
    setenv("NOTIFY_SOCKET", manager->name, 1);
}

static void manager_close(struct manager *manager)
{
    close(manager->fd);
    if (manager->name[0] == '/')
        unlink(manager->name);
}

static void expect(const struct manager *manager, const char *text)
{
    char got[512] = "";
    ssize_t len = recv(manager->fd, got, sizeof(got) - 1, 0);
    assert_true(len > 0);
    assert_string_equal(got, text);
}

static void test_without_a_manager_nothing_happens(void **state)
{
    (void)state;
    struct notify notify;
    unsetenv("NOTIFY_SOCKET");
    setenv("WATCHDOG_USEC", "30000000", 1);
    notify_open(&notify);
    assert_false(notify_is_on(&notify));
    assert_int_equal(notify.watchdog_ms, 0);
    notify_send(&notify, "READY=1");
    notify_close(&notify);
}

static void test_messages_come_as_they_are_on_both_kinds_of_socket(void **state)
{
    (void)state;
    for (int abstract = 0; abstract < 2; abstract++) {
        struct manager manager;
        struct notify notify;
        manager_open(&manager, abstract != 0);
        notify_open(&notify);
        assert_true(notify_is_on(&notify));
        notify_ready(&notify, "ready: tcp.default 127.0.0.1:1883");
        expect(&manager, "READY=1\nSTATUS=ready: tcp.default 127.0.0.1:1883");
        notify_send(&notify, "WATCHDOG=1");
        expect(&manager, "WATCHDOG=1");
        notify_close(&notify);
        manager_close(&manager);
    }
}

static void test_reloading_carries_the_monotonic_time(void **state)
{
    (void)state;
    struct manager manager;
    struct notify notify;
    manager_open(&manager, true);
    notify_open(&notify);
    notify_reloading(&notify);
    char got[128] = "";
    long long usec = 0;
    assert_true(recv(manager.fd, got, sizeof(got) - 1, 0) > 0);
    assert_int_equal(sscanf(got, "RELOADING=1\nMONOTONIC_USEC=%lld", &usec), 1);
    assert_true(usec > 0);
    notify_close(&notify);
    manager_close(&manager);
}

static void test_variables_are_not_left_to_other_programs(void **state)
{
    (void)state;
    struct manager manager;
    struct notify notify;
    manager_open(&manager, true);
    setenv("WATCHDOG_USEC", "30000000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    notify_open(&notify);
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    assert_null(getenv("WATCHDOG_PID"));
    notify_close(&notify);
    manager_close(&manager);
}

static void test_the_watchdog_is_this_process_own(void **state)
{
    (void)state;
    char own[32];
    snprintf(own, sizeof(own), "%ld", (long)getpid());
    const struct {
        const char *usec, *pid;
        int64_t ms;
    } rows[] = {
        {"30000000", own, 30000}, {"30000000", NULL, 30000}, {"30000000", "1", 0},
        {NULL, own, 0},           {"soon", own, 0},          {"-5", own, 0},
        {"10", own, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct manager manager;
        struct notify notify;
        manager_open(&manager, true);
        rows[i].usec != NULL ? setenv("WATCHDOG_USEC", rows[i].usec, 1) : unsetenv("WATCHDOG_USEC");
        rows[i].pid != NULL ? setenv("WATCHDOG_PID", rows[i].pid, 1) : unsetenv("WATCHDOG_PID");
        notify_open(&notify);
        assert_int_equal(notify.watchdog_ms, rows[i].ms);
        notify_close(&notify);
        manager_close(&manager);
    }
}

static void test_a_bad_name_or_a_manager_that_is_gone_stops_nothing(void **state)
{
    (void)state;
    struct notify notify;
    char too_long[200];
    memset(too_long, 'a', sizeof(too_long));
    too_long[0] = '/';
    too_long[sizeof(too_long) - 1] = '\0';
    const char *const names[] = {"", "/", "@", "relative", "vsock:2:1", too_long};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        notify_open(&notify);
        assert_false(notify_is_on(&notify));
        notify_close(&notify);
    }
    setenv("NOTIFY_SOCKET", "/tmp/varve-nobody-listens-here", 1);
    notify_open(&notify);
    notify_send(&notify, "READY=1");
    notify_send(&notify, "WATCHDOG=1");
    assert_true(notify.failed);
    notify_close(&notify);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_manager_nothing_happens),
        cmocka_unit_test(test_messages_come_as_they_are_on_both_kinds_of_socket),
        cmocka_unit_test(test_reloading_carries_the_monotonic_time),
        cmocka_unit_test(test_variables_are_not_left_to_other_programs),
        cmocka_unit_test(test_the_watchdog_is_this_process_own),
        cmocka_unit_test(test_a_bad_name_or_a_manager_that_is_gone_stops_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
