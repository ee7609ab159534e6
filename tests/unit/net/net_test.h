/* What the tests of net share: a server whose connections do what the test says, blocking client sockets, and
 * waiting for conditions. The header holds functions that are all used or marked so: each test is one program. */
#ifndef UNIT_NET_NET_TEST_H
#define UNIT_NET_NET_TEST_H

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define UNUSED_OK __attribute__((unused))

/* Waits until the condition holds, at most 20 s of real time. */
#define WAIT_FOR(condition)                                            \
    do {                                                               \
        for (int wait_i = 0; !(condition) && wait_i < 20000; wait_i++) \
            usleep(1000);                                              \
        assert_true(condition);                                        \
    } while (0)

/* Counters of one server: any thread. */
struct counts {
    atomic_int opened;
    atomic_int closed;
    atomic_int blocked; /* channel_ready() said false */
    atomic_int drained;
    atomic_int timeouts;
    atomic_int released;
    atomic_llong bytes;
    atomic_int last_code; /* enum error_code of the last on_closed */
};

struct server {
    struct reactor_group *group;
    struct listener *listener;
    struct counts counts;
    const char *text; /* for callbacks of the test */
};

struct connection {
    struct channel channel;
    struct server *server;
    size_t seen;
    size_t target;
    int64_t at_ms;
    int step;
};

static inline struct connection *connection_of(struct channel *channel)
{
    return (struct connection *)channel;
}

static inline struct server *server_of(struct channel *channel)
{
    return listener_user(channel_listener(channel));
}

UNUSED_OK static void open_counted(struct channel *channel)
{
    connection_of(channel)->server = server_of(channel);
    atomic_fetch_add(&server_of(channel)->counts.opened, 1);
}

UNUSED_OK static size_t data_echoed(struct channel *channel, uint8_t *data, size_t len)
{
    atomic_fetch_add(&server_of(channel)->counts.bytes, (long long)len);
    channel_write(channel, data, len);
    return len;
}

UNUSED_OK static void drained_counted(struct channel *channel)
{
    atomic_fetch_add(&server_of(channel)->counts.drained, 1);
}

UNUSED_OK static void timeout_counted(struct channel *channel)
{
    atomic_fetch_add(&server_of(channel)->counts.timeouts, 1);
}

UNUSED_OK static void closed_counted(struct channel *channel, const struct error *why)
{
    atomic_store(&server_of(channel)->counts.last_code, (int)why->code);
    atomic_fetch_add(&server_of(channel)->counts.closed, 1);
}

UNUSED_OK static const struct channel_ops echo_ops = {open_counted, data_echoed, drained_counted,
                                                      timeout_counted, closed_counted};

UNUSED_OK static void server_start_group(struct server *server, const struct reactor_group_options *options)
{
    struct error err = {0};
    server->group = reactor_group_start(options, &err);
    if (server->group == NULL)
        fail_msg("%s", err.text);
}

UNUSED_OK static void server_listen(struct server *server, struct listener_options options)
{
    struct error err = {0};
    if (options.name == NULL)
        options.name = "test";
    if (options.bind == NULL)
        options.bind = "127.0.0.1:0";
    options.channel_bytes = sizeof(struct connection);
    options.user = server;
    server->listener = listener_open(server->group, &options, &err);
    if (server->listener == NULL)
        fail_msg("%s", err.text);
}

/* A fresh server with one listener. */
UNUSED_OK static void server_start_with(struct server *server, unsigned reactors,
                                        struct listener_options options)
{
    memset(server, 0, sizeof *server);
    log_set_level(LOG_LEVEL_ERROR);
    server_start_group(server, &(struct reactor_group_options){.count = reactors});
    server_listen(server, options);
}

UNUSED_OK static void server_start(struct server *server, unsigned reactors, const struct channel_ops *ops)
{
    server_start_with(server, reactors, (struct listener_options){.ops = ops});
}

UNUSED_OK static void server_stop(struct server *server)
{
    reactor_group_stop(server->group);
    assert_int_equal(atomic_load(&server->counts.opened), atomic_load(&server->counts.closed));
    if (server->listener != NULL)
        assert_int_equal(listener_connections(server->listener), 0);
    listener_free(server->listener);
    reactor_group_free(server->group);
}

/* ---- Much output ----------------------------------------------------------------------------------------- */

/* More than the system's buffers take: a slow reader blocks it. */
enum { OUTPUT_TARGET = 16 << 20 };

UNUSED_OK static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 31 + (i >> 8));
}

/* Fails the test if the bytes are not those of the pattern from `at` on. */
UNUSED_OK static void expect_pattern(const uint8_t *bytes, size_t len, size_t at)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != pattern(at + i))
            fail_msg("byte %zu is wrong", at + i);
    }
}

/* Writes the pattern for as long as the channel takes more, then closes. */
UNUSED_OK static void produce(struct channel *channel)
{
    struct connection *connection = connection_of(channel);
    while (connection->seen < OUTPUT_TARGET) {
        if (!channel_ready(channel)) {
            atomic_fetch_add(&server_of(channel)->counts.blocked, 1);
            return;
        }
        /* Bounded: what is pending never passes the mark by more than one message. */
        assert_true(channel_pending_bytes(channel) <= CHANNEL_HIGH_WATER_BYTES);
        size_t n = 1 + connection->seen % 5000;
        uint8_t *at = channel_reserve(channel, n);
        for (size_t i = 0; i < n; i++)
            at[i] = pattern(connection->seen + i);
        channel_commit(channel, n);
        connection->seen += n;
    }
    channel_close(channel, NULL);
}

UNUSED_OK static size_t data_produces(struct channel *channel, uint8_t *data, size_t len)
{
    (void)data;
    produce(channel);
    return len;
}

UNUSED_OK static void drained_produces(struct channel *channel)
{
    drained_counted(channel);
    produce(channel);
}

UNUSED_OK static const struct channel_ops produce_ops = {open_counted, data_produces, drained_produces,
                                                         timeout_counted, closed_counted};

/* ---- Clients --------------------------------------------------------------------------------------------- */

UNUSED_OK static int client_connect_sized(const char *address, int receive_bytes)
{
    const char *colon = strrchr(address, ':');
    char host[64];
    snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1))};
    assert_int_equal(inet_pton(AF_INET, host, &in.sin_addr), 1);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (receive_bytes > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    if (connect(fd, (struct sockaddr *)&in, sizeof in) != 0)
        fail_msg("connect: %s", strerror(errno));
    struct timeval limit = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

UNUSED_OK static int client_connect(const struct server *server)
{
    return client_connect_sized(listener_address(server->listener), 0);
}

UNUSED_OK static void client_send(int fd, const void *data, size_t len)
{
    const uint8_t *at = data;
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            fail_msg("send: %s", strerror(errno));
        at += n;
        len -= (size_t)n;
    }
}

/* Reads exactly len bytes; false if the stream ends or breaks before. */
UNUSED_OK static bool client_read(int fd, void *out, size_t len)
{
    uint8_t *at = out;
    while (len > 0) {
        ssize_t n = recv(fd, at, len, 0);
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

UNUSED_OK static void client_expect(int fd, const char *text)
{
    char got[4096] = {0};
    assert_true(strlen(text) < sizeof got);
    assert_true(client_read(fd, got, strlen(text)));
    assert_string_equal(got, text);
}

/* The server's orderly end of the stream. */
UNUSED_OK static void client_expect_end(int fd)
{
    uint8_t byte;
    ssize_t n = recv(fd, &byte, 1, 0);
    if (n != 0)
        fail_msg("expected the end of the stream, got %zd (%s)", n, n < 0 ? strerror(errno) : "data");
}

/* Runs `run` on the reactor's thread and waits for it. */
struct errand {
    struct mail mail;
    void (*run)(struct reactor *reactor, void *arg);
    void *arg;
    atomic_bool done;
};

UNUSED_OK static void errand_run(struct reactor *reactor, struct mail *mail)
{
    struct errand *errand = (struct errand *)mail;
    if (reactor != NULL)
        errand->run(reactor, errand->arg);
    atomic_store(&errand->done, true);
}

UNUSED_OK static void on_reactor(struct reactor *reactor, void (*run)(struct reactor *, void *), void *arg)
{
    struct errand errand = {.mail.run = errand_run, .run = run, .arg = arg};
    atomic_init(&errand.done, false);
    reactor_post(reactor, &errand.mail);
    WAIT_FOR(atomic_load(&errand.done));
}

#endif
