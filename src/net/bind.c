/* Where a listener listens: "127.0.0.1:1883", "[::1]:1883", "name:1883", "*:1883" or ":1883" (every address, IPv6
 * and IPv4). */
#include "net/net_internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

/* Takes a text apart into host (without brackets) and port. */
static bool split(const char *text, char host[256], uint16_t *port, struct error *err)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;
    uint64_t number = 0;
    bool good = colon != NULL && len < 256 && str_to_u64(str_of(colon + 1), &number, NULL) && number <= 65535;
    const char *from = text;
    if (good && from[0] == '[') {
        good = len > 2 && from[len - 1] == ']';
        from++;
        len -= 2;
    } else if (good) {
        good = memchr(from, ':', len) == NULL;
    }
    if (!good) {
        error_set(err, ERR_INVALID, "bind address \"%s\" is not HOST:PORT", text);
        error_hint(err, "for example 127.0.0.1:1883, [::1]:1883 or *:1883; port 0 picks a free one");
        return false;
    }
    memcpy(host, from, len);
    host[len] = '\0';
    *port = (uint16_t)number;
    return true;
}

bool bind_parse(const char *text, struct bind_address *address, struct error *err)
{
    char host[256];
    uint16_t port = 0;
    if (!split(text, host, &port, err))
        return false;
    memset(address, 0, sizeof *address);
    address->any = host[0] == '\0' || strcmp(host, "*") == 0;
    if (address->any) {
        struct sockaddr_in6 in6 = {
            .sin6_family = AF_INET6, .sin6_addr = in6addr_any, .sin6_port = htons(port)};
        memcpy(&address->socket, &in6, sizeof in6);
        address->len = sizeof in6;
        return true;
    }
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    int code = getaddrinfo(host, service, &hints, &found);
    if (code != 0)
        return error_set(err, ERR_INVALID, "bind address \"%s\": %s", text, gai_strerror(code));
    memcpy(&address->socket, found->ai_addr, found->ai_addrlen);
    address->len = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static bool set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/* shared: with SO_REUSEPORT, and listening. Returns the socket or -1 with errno. */
static int bind_one(const struct bind_address *address, bool shared)
{
    int fd = socket(address->socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    bool good = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (address->socket.ss_family == AF_INET6)
        good = good && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, address->any ? 0 : 1);
    /* Accepted sockets inherit it. */
    good = good && set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (shared)
        good = good && set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    good = good && bind(fd, (const struct sockaddr *)&address->socket, address->len) == 0;
    if (shared)
        good = good && listen(fd, BACKLOG) == 0;
    if (good)
        return fd;
    int errnum = errno;
    close(fd);
    errno = errnum;
    return -1;
}

/* Where there is no IPv6, "*" is every IPv4 address. */
static int bind_socket(const struct bind_address *address, bool shared)
{
    int fd = bind_one(address, shared);
    if (fd >= 0 || !address->any || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
        return fd;
    struct sockaddr_in6 in6;
    memcpy(&in6, &address->socket, sizeof in6);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = in6.sin6_port};
    struct bind_address ipv4 = {.len = sizeof in};
    memcpy(&ipv4.socket, &in, sizeof in);
    return bind_one(&ipv4, shared);
}

static bool failed(const struct bind_address *address, int errnum, struct error *err)
{
    uint8_t ip[16];
    uint16_t port;
    char text[CHANNEL_PEER_BYTES];
    address_from_socket((const struct sockaddr *)&address->socket, ip, &port);
    address_text(ip, port, text, sizeof text);
    error_errno(err, errnum, "cannot listen on %s", text);
    if (errnum == EADDRINUSE) {
        error_hint(err, "another program listens there; choose another port");
    } else if (errnum == EACCES) {
        error_hint(err, "ports below 1024 need CAP_NET_BIND_SERVICE");
    }
    return false;
}

/* SO_REUSEPORT would let a second process of the same user share the port in silence: so the port is tried
 * without it first. */
bool bind_is_free(const struct bind_address *address, struct error *err)
{
    int fd = bind_socket(address, false);
    if (fd < 0)
        return failed(address, errno, err);
    close(fd);
    return true;
}

int bind_listen(const struct bind_address *address, struct error *err)
{
    int fd = bind_socket(address, true);
    if (fd < 0)
        failed(address, errno, err);
    return fd;
}

bool bind_bound(int fd, struct bind_address *address, struct error *err)
{
    address->len = sizeof address->socket;
    if (getsockname(fd, (struct sockaddr *)&address->socket, &address->len) != 0)
        return failed(address, errno, err);
    return true;
}

bool bind_is_loopback(const struct bind_address *address)
{
    uint8_t ip[16];
    uint16_t port;
    address_from_socket((const struct sockaddr *)&address->socket, ip, &port);
    static const uint8_t mapped_loopback[13] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127};
    return memcmp(ip, mapped_loopback, sizeof mapped_loopback) == 0 ||
           memcmp(ip, &in6addr_loopback, sizeof ip) == 0;
}

bool listener_bind_is_sound(const char *bind)
{
    char host[256];
    uint16_t port;
    return split(bind, host, &port, NULL);
}

bool listener_bind_is_loopback(const char *bind)
{
    struct bind_address address;
    return bind_parse(bind, &address, NULL) && bind_is_loopback(&address);
}

int listener_socket(const char *bind, char address[CHANNEL_PEER_BYTES], struct error *err)
{
    struct bind_address wanted, bound;
    uint8_t ip[16];
    uint16_t port;
    if (!bind_parse(bind, &wanted, err))
        return -1;
    int fd = bind_socket(&wanted, false);
    if (fd < 0 || listen(fd, BACKLOG) != 0) {
        failed(&wanted, errno, err);
    } else if (bind_bound(fd, &bound, err)) {
        address_from_socket((const struct sockaddr *)&bound.socket, ip, &port);
        address_text(ip, port, address, CHANNEL_PEER_BYTES);
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}
