/* Sockets: resolve, connect, listen, and reading with a tail.
 *
 *   scratch   | tail of last time | what recv() adds …………………… |
 *             | packet | packet | packet | … | incomplete packet |
 *                                            '-- kept as the next tail */
#include "stream_internal.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CONNECTIONS_PER_SOURCE 8000 /* connect() slows down once half of a source's ports are taken */
#define LISTEN_BACKLOG         4096

bool stream_resolve(struct stream_address *out, const char *host, uint16_t port, struct error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    int failed = getaddrinfo(host, service, &hints, &found);
    if (failed != 0) {
        error_set(err, ERR_NOT_FOUND, "cannot resolve %s: %s", host, gai_strerror(failed));
        return error_hint(err, "check the host name");
    }
    memset(out, 0, sizeof *out);
    memcpy(&out->storage, found->ai_addr, found->ai_addrlen);
    out->len = found->ai_addrlen;
    freeaddrinfo(found);
    bool v6 = strchr(host, ':') != NULL;
    snprintf(out->text, sizeof out->text, v6 ? "[%.64s]:%u" : "%.64s:%u", host, port);
    return true;
}

void stream_no_delay(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* 127.0.0.1, 127.0.1.1, 127.0.2.1, … for each CONNECTIONS_PER_SOURCE; the port is chosen by connect(). */
static void bind_source(int fd, const struct stream_address *address, uint32_t number)
{
    const struct sockaddr_in *to = (const struct sockaddr_in *)(const void *)&address->storage;
    uint32_t block = number / CONNECTIONS_PER_SOURCE;
    if (block == 0 || to->sin_family != AF_INET || (ntohl(to->sin_addr.s_addr) >> 24) != 127)
        return;
    int on = 1;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001u + (block << 8))};
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    /* A failure shows as a failed connect, with its reason. */
    (void)!bind(fd, (struct sockaddr *)&from, sizeof from);
}

static bool connect_error(int errnum, const struct stream_address *address, struct error *err)
{
    if (errnum == ECONNREFUSED) {
        error_set(err, ERR_IO, "cannot connect to %s: connection refused", address->text);
        return error_hint(err, "is the broker running?");
    }
    error_errno(err, errnum, "cannot connect to %s", address->text);
    if (errnum == EADDRNOTAVAIL)
        error_hint(err, "no free local port: fewer connections, or a wider net.ipv4.ip_local_port_range");
    else if (errnum == EMFILE)
        error_hint(err, "raise the limit of open files (ulimit -n)");
    return false;
}

int stream_connect(const struct stream_address *address, uint32_t number, struct error *err)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        connect_error(errno, address, err);
        return -1;
    }
    stream_no_delay(fd);
    bind_source(fd, address, number);
    if (connect(fd, (const struct sockaddr *)&address->storage, address->len) != 0 && errno != EINPROGRESS) {
        connect_error(errno, address, err);
        close(fd);
        return -1;
    }
    return fd;
}

bool stream_connected(int fd, const struct stream_address *address, struct error *err)
{
    int failed = 0;
    socklen_t len = sizeof failed;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) != 0)
        failed = errno;
    return failed == 0 || connect_error(failed, address, err);
}

int stream_listen(const struct stream_address *address, uint16_t *port, struct error *err)
{
    int on = 1;
    union {
        struct sockaddr_storage storage;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } bound = {0};
    socklen_t len = sizeof bound;
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, (const struct sockaddr *)&address->storage, address->len) != 0 ||
        listen(fd, LISTEN_BACKLOG) != 0 || getsockname(fd, (struct sockaddr *)&bound.storage, &len) != 0) {
        int failed = errno;
        error_errno(err, failed, "cannot listen on %s", address->text);
        if (failed == EADDRINUSE)
            error_hint(err, "choose another --port, or 0 for a free one");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    *port = ntohs(bound.storage.ss_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
    return fd;
}

enum stream_read stream_read(int fd, struct stream_tail *tail, uint8_t *scratch, size_t cap, size_t *len)
{
    size_t kept = tail->len;
    if (kept > 0)
        memcpy(scratch, tail->data, kept);
    ssize_t got = recv(fd, scratch + kept, cap - kept, MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? STREAM_READ_NONE : STREAM_READ_FAILED;
    stream_tail_free(tail);
    *len = kept + (size_t)got;
    return got == 0 ? STREAM_READ_END : STREAM_READ_DATA;
}

void stream_keep(struct stream_tail *tail, const uint8_t *rest, size_t len)
{
    if (len == 0)
        return;
    tail->data = mem_dup(rest, len);
    tail->len = (uint32_t)len;
}

void stream_tail_free(struct stream_tail *tail)
{
    mem_free(tail->data);
    *tail = (struct stream_tail){NULL, 0};
}

bool stream_raise_file_limit(uint64_t wanted, struct error *err)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return error_errno(err, errno, "cannot read the limit of open files");
    if (limit.rlim_cur >= wanted)
        return true;
    struct rlimit higher = {wanted, limit.rlim_max > wanted ? limit.rlim_max : wanted};
    if (setrlimit(RLIMIT_NOFILE, &higher) == 0) /* root may raise the hard limit too */
        return true;
    if (limit.rlim_max >= wanted) {
        higher.rlim_max = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
            return true;
    }
    error_set(err, ERR_LIMIT, "%llu open files are needed, the limit is %llu", (unsigned long long)wanted,
              (unsigned long long)limit.rlim_max);
    return error_hint(err, "raise it with ulimit -n");
}
