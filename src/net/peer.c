/* Addresses as text. Every address is kept as IPv6; IPv4 is mapped (::ffff:a.b.c.d) and shown as IPv4. */
#include "net/net_internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

void address_text(const uint8_t address[16], uint16_t port, char *out, size_t cap)
{
    char host[INET6_ADDRSTRLEN];
    if (memcmp(address, mapped, sizeof mapped) == 0) {
        inet_ntop(AF_INET, address + 12, host, sizeof host);
        snprintf(out, cap, "%s:%u", host, port);
    } else {
        inet_ntop(AF_INET6, address, host, sizeof host);
        snprintf(out, cap, "[%s]:%u", host, port);
    }
}

void address_from_socket(const struct sockaddr *socket, uint8_t address[16], uint16_t *port)
{
    memset(address, 0, 16);
    *port = 0;
    if (socket->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, socket, sizeof in);
        memcpy(address, mapped, sizeof mapped);
        memcpy(address + 12, &in.sin_addr, 4);
        *port = ntohs(in.sin_port);
    } else if (socket->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, socket, sizeof in6);
        memcpy(address, &in6.sin6_addr, 16);
        *port = ntohs(in6.sin6_port);
    }
}

void channel_peer_text(const struct channel *channel, char *out)
{
    address_text(channel->peer, channel->peer_port, out, CHANNEL_PEER_BYTES);
}

bool channel_local_text(const struct channel *channel, char *out)
{
    struct sockaddr_storage socket = {0};
    socklen_t len = sizeof socket;
    out[0] = '\0';
    if (getsockname(channel->fd, (struct sockaddr *)&socket, &len) != 0)
        return false;
    uint8_t address[16] = {0};
    uint16_t port;
    address_from_socket((struct sockaddr *)&socket, address, &port);
    address_text(address, port, out, CHANNEL_PEER_BYTES);
    return true;
}
