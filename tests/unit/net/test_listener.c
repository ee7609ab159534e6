/* Listeners: addresses, limits, running out of descriptors, stopping. */
#include "net_test.h"

#include <sys/resource.h>
#include <sys/wait.h>

static void test_bind_text_table(void **state)
{
    (void)state;
    static const struct {
        const char *bind;
        const char *address; /* its start; NULL: refused */
        bool is_loopback;
    } table[] = {
        {"127.0.0.1:0", "127.0.0.1:", true},
        {"127.5.0.1:0", "127.5.0.1:", true},
        {"0.0.0.0:0", "0.0.0.0:", false},
        {"localhost:0", "", true},
        {"127.0.0.1", NULL, false},
        {"127.0.0.1:", NULL, false},
        {"127.0.0.1:65536", NULL, false},
        {"127.0.0.1:18x", NULL, false},
        {"127.0.0.1:-1", NULL, false},
        {"1883", NULL, false},
        {"", NULL, false},
        {"[::1:0", NULL, false},
        {"[]:0", NULL, false},
        {"::1:0", NULL, false},
        {"no.such.host.invalid:0", NULL, false},
    };
    struct server server = {0};
    server_start_group(&server, &(struct reactor_group_options){.count = 2});
    struct listener *open[16] = {NULL};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct error err = {0};
        struct listener_options options = {.name = "tcp", .bind = table[i].bind, .ops = &echo_ops};
        assert_int_equal(listener_bind_is_loopback(table[i].bind), table[i].is_loopback);
        open[i] = listener_open(server.group, &options, &err);
        if ((open[i] != NULL) != (table[i].address != NULL))
            fail_msg("\"%s\": %s", table[i].bind, err.text);
        if (open[i] == NULL) {
            assert_int_equal(err.code, ERR_INVALID);
            continue;
        }
        assert_memory_equal(listener_address(open[i]), table[i].address, strlen(table[i].address));
        assert_int_not_equal(atoi(strrchr(listener_address(open[i]), ':') + 1), 0);
        assert_int_equal(listener_is_loopback(open[i]), table[i].is_loopback);
        assert_string_equal(listener_name(open[i]), "tcp");
    }
    reactor_group_stop(server.group);
    for (size_t i = 0; i < 16; i++)
        listener_free(open[i]);
    reactor_group_free(server.group);
}

static void test_every_address_listens_for_ipv4_too(void **state)
{
    (void)state;
    struct server server = {0};
    server_start_group(&server, &(struct reactor_group_options){.count = 1});
    server_listen(&server, (struct listener_options){.ops = &echo_ops, .bind = "*:0"});
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1%s", strrchr(listener_address(server.listener), ':'));
    int fd = client_connect_sized(address, 0);
    client_send(fd, "x", 1);
    client_expect(fd, "x");
    assert_false(listener_is_loopback(server.listener));
    close(fd);
    server_stop(&server);
}

static void open_tells_peer(struct channel *channel)
{
    open_counted(channel);
    char text[CHANNEL_PEER_BYTES];
    channel_peer_text(channel, text);
    channel_write(channel, text, strlen(text));
}

static void test_peer_is_the_clients_address(void **state)
{
    (void)state;
    static const struct channel_ops ops = {open_tells_peer, data_echoed, drained_counted, timeout_counted,
                                           closed_counted};
    struct server server;
    server_start(&server, 1, &ops);
    int fd = client_connect(&server);
    struct sockaddr_in in;
    socklen_t len = sizeof in;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    char text[64];
    snprintf(text, sizeof text, "127.0.0.1:%u", ntohs(in.sin_port));
    client_expect(fd, text);
    close(fd);
    server_stop(&server);
}

static void test_port_in_use_is_an_error_with_the_address(void **state)
{
    (void)state;
    struct server server;
    server_start(&server, 2, &echo_ops);
    struct error err = {0};
    struct listener_options options = {
        .name = "b", .bind = listener_address(server.listener), .ops = &echo_ops};
    assert_null(listener_open(server.group, &options, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.text, listener_address(server.listener)));
    assert_non_null(strstr(err.text, "listener b"));
    assert_true(err.hint[0] != '\0');
    server_stop(&server);
}

/* ---- Limits ---------------------------------------------------------------------------------------------- */

static void test_connections_over_the_limit_are_closed_at_once(void **state)
{
    (void)state;
    struct server server = {0};
    log_set_level(LOG_LEVEL_ERROR);
    server_start_group(&server, &(struct reactor_group_options){.count = 2});
    server_listen(&server, (struct listener_options){.ops = &echo_ops, .max_connections = 3});
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = client_connect(&server);
        client_send(fds[i], "x", 1);
        client_expect(fds[i], "x");
    }
    for (int i = 0; i < 10; i++) {
        int fd = client_connect(&server);
        client_expect_end(fd);
        close(fd);
    }
    assert_int_equal(listener_connections(server.listener), 3);
    close(fds[0]);
    WAIT_FOR(listener_connections(server.listener) == 2);
    fds[0] = client_connect(&server);
    client_send(fds[0], "x", 1);
    client_expect(fds[0], "x");
    listener_set_limits(server.listener, 4, 0);
    int fourth = client_connect(&server);
    client_send(fourth, "x", 1);
    client_expect(fourth, "x");
    close(fourth);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    server_stop(&server);
}

static void test_accepting_keeps_to_the_rate(void **state)
{
    (void)state;
    struct server server = {0};
    server_start_group(&server, &(struct reactor_group_options){.count = 2});
    server_listen(&server, (struct listener_options){.ops = &echo_ops, .connections_per_second = 50});
    int64_t begin_ms = clock_mono_ms();
    int fds[60];
    for (int i = 0; i < 60; i++)
        fds[i] = client_connect(&server);
    WAIT_FOR(atomic_load(&server.counts.opened) == 60);
    /* A tenth of a second is granted in advance: 55 connections take a second at least. */
    assert_true(clock_mono_ms() - begin_ms >= 900);
    for (int i = 0; i < 60; i++)
        close(fds[i]);
    server_stop(&server);
}

/* In a process of its own, since it takes all descriptors. Returns its exit code. */
static int without_descriptors(void)
{
    struct server server = {0};
    log_set_level(LOG_LEVEL_ERROR);
    server_start_group(&server, &(struct reactor_group_options){.count = 1});
    server_listen(&server, (struct listener_options){.ops = &echo_ops});
    enum { CLIENTS = 20 };
    int fds[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* Room for three more descriptors. */
    int next = dup(0);
    close(next);
    struct rlimit limit = {.rlim_cur = (rlim_t)next + 3, .rlim_max = (rlim_t)next + 3};
    setrlimit(RLIMIT_NOFILE, &limit);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    in.sin_port = htons((uint16_t)atoi(strrchr(listener_address(server.listener), ':') + 1));
    for (int i = 0; i < CLIENTS; i++) {
        if (connect(fds[i], (struct sockaddr *)&in, sizeof in) != 0)
            return 2;
    }
    for (int i = 0; i < 20000 && atomic_load(&server.counts.opened) < 3; i++)
        usleep(1000);
    if (atomic_load(&server.counts.opened) != 3)
        return 3;
    struct rusage before;
    struct rusage after;
    getrusage(RUSAGE_SELF, &before);
    usleep(500000);
    getrusage(RUSAGE_SELF, &after);
    int64_t busy_us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000L +
                      (after.ru_utime.tv_usec - before.ru_utime.tv_usec) +
                      (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000L +
                      (after.ru_stime.tv_usec - before.ru_stime.tv_usec);
    if (busy_us > 200000)
        return 4; /* it spins */
    /* Each connection that goes makes room for one that waits. */
    for (int i = 0; i < CLIENTS; i++) {
        char byte = 'x';
        struct timeval wait = {.tv_sec = 20};
        setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
        if (send(fds[i], &byte, 1, MSG_NOSIGNAL) != 1 || recv(fds[i], &byte, 1, 0) != 1)
            return 5;
        close(fds[i]);
    }
    reactor_group_stop(server.group);
    listener_free(server.listener);
    reactor_group_free(server.group);
    return 0;
}

static void test_running_out_of_descriptors_pauses_accepting(void **state)
{
    (void)state;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(without_descriptors());
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- Stopping -------------------------------------------------------------------------------------------- */

static void test_stopped_listener_refuses_and_keeps_what_is_open(void **state)
{
    (void)state;
    struct server server;
    server_start(&server, 2, &echo_ops);
    int fd = client_connect(&server);
    client_send(fd, "x", 1);
    client_expect(fd, "x");
    listener_stop_accepting(server.listener);
    listener_stop_accepting(server.listener);
    int late = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    in.sin_port = htons((uint16_t)atoi(strrchr(listener_address(server.listener), ':') + 1));
    assert_int_equal(connect(late, (struct sockaddr *)&in, sizeof in), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(late);
    client_send(fd, "y", 1);
    client_expect(fd, "y");
    close(fd);
    server_stop(&server);
}

static void test_proxy_header_is_required_and_gives_the_peer(void **state)
{
    (void)state;
    static const struct channel_ops ops = {open_tells_peer, data_echoed, drained_counted, timeout_counted,
                                           closed_counted};
    static const struct {
        const char *data;
        size_t len;
        const char *answer; /* NULL: closed without one */
    } table[] = {
#define V2                "\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x0a\x00\x00\x07\x0a\x00\x00\x01\x12\x34\x07\x5b"
#define ROW(text, answer) {text, sizeof(text) - 1, answer}
        ROW("PROXY TCP4 192.0.2.7 198.51.100.1 56324 1883\r\n+", "192.0.2.7:56324+"),
        ROW(V2 "+", "10.0.0.7:4660+"),
        ROW("PROXY TCP6 2001:db8::7 ::1 1 2\r\n+", "[2001:db8::7]:1+"),
        ROW("\x10\x0c\x00\x04MQTT", NULL),
        ROW("PROXY TCP4 192.0.2.7\r\n", NULL),
    };
    struct server server = {0};
    log_set_level(LOG_LEVEL_ERROR);
    server_start_group(&server, &(struct reactor_group_options){.count = 1});
    server_listen(&server, (struct listener_options){.ops = &ops, .proxy_protocol = true});
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        for (size_t piece = 1; piece <= table[i].len; piece += table[i].len - 1) {
            int fd = client_connect(&server);
            for (size_t at = 0; at < table[i].len; at += piece) {
                if (send(fd, table[i].data + at, piece, MSG_NOSIGNAL) < 0)
                    break; /* refused already */
                usleep(500);
            }
            if (table[i].answer != NULL) {
                client_expect(fd, table[i].answer);
            } else {
                char byte;
                assert_true(recv(fd, &byte, 1, 0) <= 0);
            }
            close(fd);
        }
    }
    server_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_running_out_of_descriptors_pauses_accepting),
        cmocka_unit_test(test_bind_text_table),
        cmocka_unit_test(test_every_address_listens_for_ipv4_too),
        cmocka_unit_test(test_peer_is_the_clients_address),
        cmocka_unit_test(test_port_in_use_is_an_error_with_the_address),
        cmocka_unit_test(test_connections_over_the_limit_are_closed_at_once),
        cmocka_unit_test(test_accepting_keeps_to_the_rate),
        cmocka_unit_test(test_stopped_listener_refuses_and_keeps_what_is_open),
        cmocka_unit_test(test_proxy_header_is_required_and_gives_the_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
