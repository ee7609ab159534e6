/* TCP: connect with a deadline, and reads and writes that say what to wait for. */
#include "transport_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

short transport_wait(struct transport *transport, short events, int64_t deadline_ms)
{
    struct pollfd ready = {.fd = transport->fd, .events = events};
    int64_t left_ms = deadline_ms - clock_mono_ms();
    if (left_ms < 0)
        left_ms = 0;
    if (left_ms > 3600000)
        left_ms = 3600000;
    return poll(&ready, 1, (int)left_ms) > 0 ? ready.revents : 0;
}

static bool connect_error(const struct transport *transport, int errnum, struct error *err)
{
    if (errnum == ECONNREFUSED) {
        error_set(err, ERR_IO, "cannot connect to %s: connection refused", transport->address);
        return error_hint(err, "is the broker running?");
    }
    error_errno(err, errnum, "cannot connect to %s", transport->address);
    return error_hint(err, "check host, port and network");
}

static bool connect_one(struct transport *transport, const struct addrinfo *to, int64_t deadline_ms,
                        struct error *err)
{
    int on = 1;
    int failed = 0;
    socklen_t len = sizeof failed;
    transport->fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (transport->fd < 0)
        return connect_error(transport, errno, err);
    setsockopt(transport->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(transport->fd, to->ai_addr, to->ai_addrlen) != 0 && errno != EINPROGRESS)
        failed = errno;
    while (failed == 0 && transport_wait(transport, POLLOUT, deadline_ms) == 0) {
        if (clock_mono_ms() >= deadline_ms)
            failed = ETIMEDOUT;
    }
    if (failed == 0)
        getsockopt(transport->fd, SOL_SOCKET, SO_ERROR, &failed, &len);
    if (failed == 0)
        return true;
    close(transport->fd);
    transport->fd = -1;
    return connect_error(transport, failed, err);
}

bool transport_connect(struct transport *transport, const struct client_options *options, int64_t deadline_ms,
                       struct error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    char service[8];
    bool bare_v6 = strchr(options->host, ':') != NULL;
    *transport = (struct transport){.fd = -1};
    snprintf(transport->address, sizeof transport->address, bare_v6 ? "[%.250s]:%u" : "%.250s:%u",
             options->host, options->port);
    snprintf(service, sizeof service, "%u", options->port);
    int failed = getaddrinfo(options->host, service, &hints, &found);
    if (failed != 0) {
        error_set(err, ERR_NOT_FOUND, "cannot resolve %s: %s", options->host, gai_strerror(failed));
        return error_hint(err, "check the host name");
    }
    bool connected = false;
    for (struct addrinfo *it = found; it != NULL && !connected; it = it->ai_next)
        connected = connect_one(transport, it, deadline_ms, err);
    freeaddrinfo(found);
    if (connected && options->tls && !transport_tls_connect(transport, options, deadline_ms, err)) {
        transport_close(transport);
        return false;
    }
    return connected;
}

void transport_close(struct transport *transport)
{
    transport_tls_close(transport);
    if (transport->fd >= 0)
        close(transport->fd);
    transport->fd = -1;
}

static enum transport_io failure(const struct transport *transport, int errnum, struct error *err)
{
    if (errnum == EAGAIN || errnum == EINTR)
        return TRANSPORT_AGAIN;
    if (errnum == 0 || errnum == ECONNRESET || errnum == EPIPE)
        error_set(err, ERR_CLOSED, "%s closed the connection", transport->address);
    else
        error_errno(err, errnum, "connection to %s", transport->address);
    return TRANSPORT_FAILED;
}

enum transport_io transport_read(struct transport *transport, void *out, size_t cap, size_t *got,
                                 short *events, struct error *err)
{
    if (transport->ssl != NULL)
        return transport_tls_read(transport, out, cap, got, events, err);
    ssize_t len = recv(transport->fd, out, cap, 0);
    *events = POLLIN;
    if (len <= 0)
        return failure(transport, len < 0 ? errno : 0, err);
    *got = (size_t)len;
    return TRANSPORT_DONE;
}

enum transport_io transport_write(struct transport *transport, const void *data, size_t len, size_t *written,
                                  short *events, struct error *err)
{
    if (transport->ssl != NULL)
        return transport_tls_write(transport, data, len, written, events, err);
    ssize_t sent = send(transport->fd, data, len, MSG_NOSIGNAL);
    *events = POLLOUT;
    if (sent < 0)
        return failure(transport, errno, err);
    *written = (size_t)sent;
    return TRANSPORT_DONE;
}
